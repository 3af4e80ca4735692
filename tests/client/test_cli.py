"""The command `roto`: what it writes and prints, and the exit code of everything that can go wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from running_roto import plain, roto
from stand_in_daemon import Refusal, StandInDaemon

from roto_client.errors import ClientError
from roto_proto import wire
from roto_proto.v1 import sessions_pb2
from roto_shapes.fit_options import FitOptions
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.prompt import BoxPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

Code = grpc.StatusCode
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
CLICK = ("--click", "1005:30.5,20.5")
OUTLINE = (ControlPoint(1, 1), ControlPoint(9, 1), ControlPoint(5, 8))
ROTO = Roto(
    Plate(64, 48, FrameRange(1001, 1002)), (Shape("hero", (ShapeKeyframe(1001, OUTLINE),), FrameRange(1001, 1002)),)
)


def program(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the real command."""
    command = [str(Path(sys.executable).with_name("roto")), *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ROTO_")}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**clean, **environment}
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def nobody() -> str:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"


def test_an_object_is_followed_and_everything_asked_for_is_written(stand_in: StandInDaemon, tmp_path: Path) -> None:
    mattes, preview, sheet = tmp_path / "m" / "a.####.exr", tmp_path / "p.mp4", tmp_path / "s.png"
    outs = ["--out", str(tmp_path / "a.nk"), "--out", str(tmp_path / "a.json")]
    files = ["--mattes", str(mattes), "--preview", str(preview), "--sheet", str(sheet), "--credit", "by us"]
    done = roto("track", "plate.####.png", *CLICK, *outs, *files, "--daemon", stand_in.address)
    assert done.exit_code == 0, done.output
    shown = plain(done.stdout)
    for fact in (
        "shapes 1",
        "control points 4",
        "keyframes 1",
        "0.25 px mean",
        "2.00 px at worst, on frame 1006",
        "1003: a shape crosses itself; low confidence",
        "1004, 1007: low confidence",
        "masks drawn through 1006",
        "need a look first 1006: outline off by 2.0 px; mask drawn through",
        "plate 64x48, frames 1001-1010",
        f"Wrote {tmp_path / 'a.nk'}",
    ):
        assert fact in shown
    assert len(list(mattes.parent.iterdir())) == 10
    assert (sheet.read_bytes(), preview.read_bytes()) == (b"first by us", b"first by us")
    assert read_roto((tmp_path / "a.json").read_text()).shapes == tuple(stand_in.shapes)
    assert "Roto {" in (tmp_path / "a.nk").read_text()
    assert not stand_in.plates


def test_mattes_are_ordered_in_every_form(
    stand_in: StandInDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = ["--mattes", "m/{object}.####.tif", "--matte-layers", "l.####.exr", "--cryptomatte", "c.####.exr"]
    more = ["--matte-bits", "32", "--preview", "p.mov", "--name", "größe 2", "--json"]
    done = roto("track", "p", *CLICK, "--out", "a.nk", *files, *more, "--daemon", stand_in.address)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "m" / "größe_2.1001.tif").is_file()
    assert (tmp_path / "l.1010.exr").is_file()
    assert (tmp_path / "c.1001.exr").is_file()
    ordered = [(each.format, each.object_id, each.matte_bits) for each in stand_in.exports]
    assert ordered == [
        (sessions_pb2.EXPORT_FORMAT_MATTE_TIFF, 1, 32),
        (sessions_pb2.EXPORT_FORMAT_LAYERS_EXR, 0, 32),
        (sessions_pb2.EXPORT_FORMAT_CRYPTOMATTE_EXR, 0, 0),
        (sessions_pb2.EXPORT_FORMAT_PREVIEW_MOV, 0, 0),
    ]
    assert json.loads(done.stdout)["files"][1] == "m/{object}.####.tif"


def test_soft_edges_are_ordered_of_all_that_holds_mattes(
    stand_in: StandInDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = ["--mattes", "m.####.exr", "--foreground", "f/{object}.####.exr", "--cryptomatte", "c.####.exr"]
    more = ["--matting", "closed-form", "--band", "12.5", "--native-edges", "--sheet", "s.png"]
    done = roto("track", "p", *CLICK, "--out", "a.nk", *files, *more, "--daemon", stand_in.address)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "f" / "object.1010.exr").is_file()
    wanted = sessions_pb2.Matting(by="closed-form", band_px=12.5)
    ordered = {each.format: (each.object_id, each.matting) for each in stand_in.exports if each.HasField("matting")}
    assert ordered == {
        sessions_pb2.EXPORT_FORMAT_MATTE_EXR: (0, wanted),
        sessions_pb2.EXPORT_FORMAT_FOREGROUND_EXR: (1, wanted),
        sessions_pb2.EXPORT_FORMAT_CRYPTOMATTE_EXR: (0, wanted),
    }
    assert stand_in.native_edges == [True]
    done = roto("track", "p", *CLICK, "--out", "a.nk", "--mattes", "m.####.exr", "--daemon", stand_in.address)
    assert not stand_in.exports[-1].HasField("matting")
    assert stand_in.native_edges == [True, False]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--mattes", "m.####.png", "--matte-bits", "32"], "choose 8 or 16 for .png"),
        (["--matte-layers", "m.####.exr", "--matte-bits", "8"], "choose 16 or 32 for .exr"),
        (["--mattes", "m.####.exr", "--matte-compression", "piz"], "choose zip or dwaa"),
        (["--mattes", "m.####.tif", "--matte-compression", "zip"], "is for .exr"),
        (["--mattes", "m.####.exr", "--matte-layers", "m.####.exr"], "asked for twice"),
    ],
)
def test_mattes_that_no_file_can_hold_are_refused_before_the_work(
    stand_in: StandInDaemon, options: list[str], why: str
) -> None:
    done = roto("track", "p", *CLICK, "--out", "a.nk", *options, "--daemon", stand_in.address)
    assert done.exit_code == 3
    assert why in done.stderr
    assert "OpenPlate" not in stand_in.calls


def test_a_track_tells_its_weights_and_why_an_engine_was_taken_that_nobody_named(
    stand_in: StandInDaemon, tmp_path: Path
) -> None:
    out = ["--out", str(tmp_path / "a.json"), "--daemon", stand_in.address]
    left, named = roto("track", "p", *CLICK, *out), roto("track", "p", *CLICK, "--engine", "big", *out)
    assert "because big cannot be used here: roto doctor says why" in " ".join(plain(left.stdout).split())
    assert "cannot be used" not in named.stdout
    assert "big.pt 0123456789ab (MIT)" in named.stdout
    assert json.loads((tmp_path / "a.json").read_text())["made_by"]["weights"] == "big.pt 0123456789ab (MIT)"


def test_prompts_of_one_frame_are_sent_together(stand_in: StandInDaemon, tmp_path: Path) -> None:
    prompts = ["--click", "1003:1,2", "--click", "1001:30,20", "--exclude", "1001:.5,-6.5", "--box", "1001:1,2,40,30"]
    options = ["--name", "ball", "--tolerance", "2.5", "--engine", "big", "--json"]
    done = roto("track", "p", *prompts, *options, "--out", str(tmp_path / "a.nk"), "--daemon", stand_in.address)
    assert done.exit_code == 0, done.output
    assert stand_in.prompts[1001].points == (PointPrompt(30, 20), PointPrompt(0.5, -6.5, foreground=False))
    assert stand_in.prompts[1001].box == BoxPrompt(1, 2, 40, 30)
    assert stand_in.calls.count("SetPrompt") == 2
    facts = json.loads(done.stdout)
    assert (facts["engine"], facts["tolerance_px"], facts["shapes"]) == ("big", 2.5, 1)
    assert facts["worst_error"] == {"frame": 1006, "mean_px": 0.25, "p95_px": 0.5, "max_px": 2.0}
    assert facts["low_confidence_frames"] == [1003, 1004, 1007]
    assert facts["doubtful_frames"] == [1006]
    assert facts["look_first"][0] == {"frame": 1006, "reasons": ["outline off by 2.0 px", "mask drawn through"]}
    assert [stage["stage"] for stage in facts["stages"]] == ["open", "point", "track", "fit", "write shapes"]
    assert facts["stages"][2]["frames_per_second"] > 0
    assert facts["files"] == [str(tmp_path / "a.nk")]


def test_words_are_looked_for_and_their_box_pointed_at(stand_in: StandInDaemon, tmp_path: Path) -> None:
    options = ["--candidate", "2", "--click", "1002:50,12", "--out", str(tmp_path / "a.json"), "--json"]
    done = roto("track", "p", "--text", "1002:disc", *options, "--daemon", stand_in.address)
    assert done.exit_code == 0, done.output
    assert stand_in.prompts[1002] == Prompt(1002, (PointPrompt(50, 12),), BoxPrompt(40, 8, 52, 20))
    assert [stage["stage"] for stage in json.loads(done.stdout)["stages"]][:3] == ["open", "find", "point"]
    listed = roto("find", "p", "disc", "--json", "--daemon", stand_in.address)
    assert json.loads(listed.stdout) == {
        "frame": 1001,
        "objects": [
            {"score": 0.75, "words": "disc", "box": [10, 8, 22, 20]},
            {"score": 0.5, "words": "disc", "box": [40, 8, 52, 20]},
        ],
    }
    for text, number, why in (("disc", "3", "finds 2 objects"), ("cup", "2", "finds one object")):
        options = ["--text", text, "--candidate", number, "--out", str(tmp_path / "b.json")]
        done = roto("track", "p", *options, "--daemon", stand_in.address)
        assert done.exit_code == 3
        assert why in plain(done.stderr)
    assert not (tmp_path / "b.json").exists()


def test_shapes_are_ordered_as_a_fit_of_masks_orders_them(stand_in: StandInDaemon, tmp_path: Path) -> None:
    options = ["--points", "9", "--threshold", "0.25", "--interpolation", "smooth", "--keyframes", "1002,1004"]
    more = ["--parts", "auto", "--every", "3", "--layers", "--offset", "-1.5", "--feather"]
    done = roto("track", "p", *CLICK, *options, *more, "--out", str(tmp_path / "a.nk"), "--daemon", stand_in.address)
    assert done.exit_code == 0, done.output
    assert wire.fit_options_from_wire(stand_in.fits[-1]) == FitOptions(
        threshold=0.25,
        interpolation=Interpolation.SMOOTH,
        keyframes_at=(1002, 1004),
        keyframe_step=3,
        points=9,
        parts=None,
        layers=True,
        offset_px=-1.5,
        feather=True,
    )
    assert "and 2 of layers; 3 without layers" in plain(done.stdout)
    assert "numbers in all 31 with layers; 75 baked" in plain(done.stdout)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--points", "9", "--tolerance", "1"], "one of the two"),
        (["--points", "3"], "too few"),
        (["--parts", "0"], "split into 0 parts"),
        (["--threshold", "1"], "between 0 and 1"),
        (["--every", "0"], "step of 1 or more"),
        (["--offset", "1000"], "moves no edge"),
    ],
)
def test_shapes_that_cannot_be_fitted_are_refused_before_the_work(
    stand_in: StandInDaemon, options: list[str], why: str
) -> None:
    done = roto("track", "p", *CLICK, "--out", "a.nk", *options, "--daemon", stand_in.address)
    assert done.exit_code == 3
    assert why in plain(done.stderr)
    assert not stand_in.calls


def test_only_the_frames_wanted_are_done(stand_in: StandInDaemon, tmp_path: Path) -> None:
    options = ["--frames", "1004-1006", "--out", str(tmp_path / "a.nk"), "--daemon", stand_in.address, "--json"]
    done = roto("track", "p", *CLICK, *options)
    assert done.exit_code == 0, done.output
    assert [frames for frames, _ in stand_in.runs] == [FrameRange(1005, 1006), FrameRange(1004, 1004)]
    assert json.loads(done.stdout)["frames"] == [1004, 1006]


def test_the_daemon_is_found_by_the_variable(stand_in: StandInDaemon) -> None:
    done = roto("doctor", "--json", ROTO_DAEMON=stand_in.address)
    facts = json.loads(done.stdout)
    assert (facts["address"], facts["address_from"]) == (stand_in.address, "ROTO_DAEMON")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["track", "p", *CLICK], "--out"),
        (["track", "p", "--out", "a.nk"], "point at the object"),
        (["track", "p", "--exclude", "1:2,3", "--out", "a.nk"], "point at the object"),
        (["track", "p", "--click", "1:2", "--out", "a.nk"], "FRAME:X,Y"),
        (["track", "p", "--click", "a:2,3", "--out", "a.nk"], "FRAME:X,Y"),
        (["track", "p", "--click", "99999999999:2,3", "--out", "a.nk"], "beyond what a shot can count"),
        (["track", "p", "--box", "1:2,3", "--out", "a.nk"], "FRAME:LEFT,TOP,RIGHT,BOTTOM"),
        (["track", "p", "--box", "1:5,5,1,1", "--out", "a.nk"], "is empty"),
        (["track", "p", "--box", "1:1,1,5,5", "--box", "1:1,1,6,6", "--out", "a.nk"], "two boxes"),
        (["track", "p", *CLICK, "--out", "a.nk", "--frames", "9-1"], "ends before it begins"),
        (["track", "p", *CLICK, "--out", "a.nk", "--frames", "x"], "FIRST-LAST"),
        (["track", "p", *CLICK, "--out", "a.abc"], "must end in"),
        (["track", "p", *CLICK, "--out", "a.nk", "--mattes", "m.exr"], "must say once"),
        (["track", "p", *CLICK, "--out", "a.nk", "--mattes", "m.####.jpg"], "must end in"),
        (["track", "p", *CLICK, "--out", "a.nk", "--preview", "p.gif"], "must end in"),
        (["track", "p", *CLICK, "--out", "a.nk", "--sheet", "s.jpg"], "must end in"),
        (["track", "p", *CLICK, "--out", "a.nk", "--matte-layers", "l.####.png"], "must end in"),
        (["track", "p", *CLICK, "--out", "a.nk", "--cryptomatte", "c.exr"], "must say once"),
        (["track", "p", *CLICK, "--out", "a.nk", "--tolerance", "0"], "above 0"),
        (["track", "p", *CLICK, "--out", "a.nk", "--tolerance", "much"], "above 0"),
        (["track", "p", *CLICK, "--out", "a.nk", "--keyframes", "1001,b"], "names no frames"),
        (["track", "p", *CLICK, "--out", "a.nk", "--parts", "some"], "no number of parts"),
        (["doctor", "--daemon", "nowhere:"], "HOST:PORT"),
        (["fly"], "fly"),
    ],
)
def test_wrong_options_end_with_2_and_say_what_to_write(arguments: list[str], why: str) -> None:
    done = roto(*arguments)
    assert done.exit_code == 2
    assert why in plain(done.stderr)
    assert done.stdout == ""


def test_a_prompt_outside_the_frames_ends_with_3(stand_in: StandInDaemon, tmp_path: Path) -> None:
    out = tmp_path / "new" / "a.nk"
    done = roto("track", "p", "--click", "41:1,1", "--out", str(out), "--daemon", stand_in.address)
    assert done.exit_code == 3
    assert "frame 41 lies outside the frames 1001-1010" in done.stderr
    assert not out.parent.exists()


def test_one_file_asked_for_twice_ends_with_3(tmp_path: Path) -> None:
    out = str(tmp_path / "a.nk")
    done = roto("track", "p", *CLICK, "--out", out, "--out", str(tmp_path / "." / "a.nk"))
    assert done.exit_code == 3
    assert "asked for twice" in done.stderr


def test_a_place_that_cannot_be_written_ends_with_6_before_the_daemon_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = roto("track", "p", *CLICK, "--out", str(tmp_path / "file" / "a.nk"), "--daemon", nobody())
    assert done.exit_code == 6
    assert "is no folder" in done.stderr


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can make files")
def test_a_folder_in_which_no_file_can_be_made_ends_with_6_before_the_work(stand_in: StandInDaemon) -> None:
    done = roto("track", "p", *CLICK, "--out", "/proc/a.nk", "--daemon", stand_in.address)
    assert done.exit_code == 6
    assert "SetPrompt" not in stand_in.calls


@pytest.mark.parametrize(
    ("method", "refusal", "exit_code"),
    [
        ("OpenPlate", Refusal(Code.NOT_FOUND, name="FrameMissingError"), 3),
        ("SetPrompt", Refusal(Code.INVALID_ARGUMENT, name="PromptError"), 3),
        ("Hello", Refusal(Code.FAILED_PRECONDITION, name="VersionError"), 5),
        ("Export", Refusal(Code.RESOURCE_EXHAUSTED, name="OutputError"), 6),
        ("Propagate", Refusal(Code.ABORTED, name="WorkerError"), 7),
        ("OpenSession", Refusal(Code.FAILED_PRECONDITION, name="UnavailableError"), 8),
        ("FitShapes", Refusal(Code.FAILED_PRECONDITION, name="ConflictError"), 9),
        ("OpenSession", Refusal(Code.RESOURCE_EXHAUSTED, name="LimitError"), 9),
    ],
)
def test_what_the_daemon_refuses_is_one_sentence_and_an_exit_code(
    method: str, refusal: Refusal, exit_code: int, stand_in: StandInDaemon, tmp_path: Path
) -> None:
    stand_in.refusals[method] = refusal
    files = ["--out", str(tmp_path / "a.nk"), "--mattes", str(tmp_path / "m.####.exr")]
    done = roto("track", "p", *CLICK, *files, "--daemon", stand_in.address, "--json")
    assert done.exit_code == exit_code
    assert done.stderr == "roto: This is why.\n"
    assert done.stdout == ""
    assert not stand_in.plates, "what was opened is closed"
    assert not list(tmp_path.glob("m.*"))
    assert not list(tmp_path.glob(".*"))


def test_the_doctor_names_versions_and_engines(stand_in: StandInDaemon) -> None:
    done = roto("doctor", "--daemon", stand_in.address)
    shown = plain(done.stdout)
    assert done.exit_code == 0
    for fact in ("grpcio", "protobuf", "from --daemon", "Rotolink 9.8.7, protocol 1.2", "Its weights are missing."):
        assert fact in shown
    assert "because big cannot be used here" in " ".join(shown.split())
    facts = json.loads(roto("doctor", "--daemon", stand_in.address, "--json").stdout)
    assert facts["daemon"]["round_trip_ms"] > 0
    assert [engine["name"] for engine in facts["engines"]] == ["disc", "big"]


def test_the_doctor_tells_what_is_here_even_when_no_daemon_answers() -> None:
    address = nobody()
    done = roto("doctor", "--daemon", address)
    assert done.exit_code == 4
    assert "Rotolink" in done.stdout
    assert f"roto-daemon serve --listen {address}" in done.stderr
    facts = json.loads(roto("doctor", "--daemon", address, "--json").stdout)
    assert facts["daemon"] is None
    assert address in facts["error"]


@pytest.mark.parametrize("command", ["track", "convert", "doctor", "fit", "shots"])
def test_every_command_explains_itself_and_its_exit_codes(command: str) -> None:
    assert command in plain(roto("--help").stdout)
    done = roto(command, "--help")
    assert done.exit_code == 0
    if command != "fit":
        assert "130 interrupted" in plain(done.stdout)


@pytest.mark.parametrize("command", ["track", "convert", "doctor", "shots"])
def test_the_reference_tells_of_every_option(command: str) -> None:
    section = REFERENCE.read_text(encoding="utf-8").split(f"## roto {command}\n")[1].split("\n## ")[0]
    listed = re.findall(r" (--[a-z][a-z-]+)", plain(roto(command, "--help").stdout))
    assert set(listed) - {"--help"} <= set(re.findall(r"`(--[a-z][a-z-]+)", section))


def test_the_reference_tells_of_every_exit_code() -> None:
    errors: list[type[ClientError]] = [ClientError, *ClientError.__subclasses__()]
    codes = {error.exit_code for error in errors}
    told = set(re.findall(r"^\| (\d+) \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE))
    assert told == {str(code) for code in codes | {0, 2, 130}}


def test_the_version_is_printed() -> None:
    assert re.fullmatch(r"roto \d+\.\d+\.\d+\S*\n", roto("--version").stdout)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Make a package whose commands join `roto`: one works, one fails, one cannot be imported."""
    (tmp_path / "extra-1.0.dist-info").mkdir()
    (tmp_path / "extra-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    points = "[rotolink.commands]\nhello = extra:hello\nbreak = extra:fail\nlost = extra_missing:lost\n"
    (tmp_path / "extra-1.0.dist-info" / "entry_points.txt").write_text(points)
    code = "def hello(name: str) -> None:\n    'Say hello.'\n    print('hello', name)\n"
    code += "def fail() -> None:\n    'Fail.'\n    raise RuntimeError('it broke')\n"
    (tmp_path / "extra.py").write_text(code)
    return tmp_path


def test_commands_of_other_packages_join(package: Path) -> None:
    code, out, _ = ended(program("--help", PYTHONPATH=str(package)))
    assert code == 0
    assert all(each in out for each in ("hello", "Say hello.", "break", "lost", "not installed here"))
    assert ended(program("hello", "artist", PYTHONPATH=str(package))) == (0, "hello artist\n", "")


def test_a_command_whose_libraries_are_missing_says_what_to_install(package: Path) -> None:
    code, out, err = ended(program("lost", PYTHONPATH=str(package)))
    assert (code, out) == (1, "")
    assert err.startswith("roto: 'roto lost' needs the daemon's libraries")
    assert "pip install 'rotolink[daemon]'" in err
    assert "extra_missing" in err


def test_an_unexpected_error_is_a_sentence_and_the_trace_is_for_those_who_ask(package: Path) -> None:
    code, _, err = ended(program("break", PYTHONPATH=str(package)))
    assert code == 1
    assert err.startswith("roto: something unexpected happened (RuntimeError: it broke).")
    assert "Traceback" not in err
    assert "Traceback" in ended(program("break", PYTHONPATH=str(package), ROTO_DEBUG="1"))[2]


@pytest.mark.skipif(sys.platform != "linux", reason="only here may an argument hold any bytes")
def test_a_name_that_is_not_utf_8_is_refused() -> None:
    done = roto("track", "plate\udcff.####.exr", *CLICK, "--out", "a.nk")
    assert done.exit_code == 2
    assert "not UTF-8" in plain(done.stderr)


def test_the_command_ends_as_documented_when_nobody_answers(tmp_path: Path) -> None:
    address = nobody()
    track = program("track", "p", *CLICK, "--out", str(tmp_path / "a.nk"), "--daemon", address)
    code, out, err = ended(track)
    assert (code, out) == (4, "")
    assert (
        err == f"roto: No Rotolink daemon answers at {address}. Start it with: roto-daemon serve --listen {address}\n"
    )


def test_the_trace_is_shown_to_those_who_ask_for_it() -> None:
    code, _, err = ended(program("doctor", "--daemon", nobody(), ROTO_DEBUG="1"))
    assert code == 4
    assert "Traceback" in err


@pytest.mark.skipif(sys.platform == "win32", reason="sends Ctrl-C by a POSIX signal")
@pytest.mark.parametrize("stalled", ["Propagate", "Export"])
def test_ctrl_c_cancels_the_work_and_leaves_nothing_half_written(
    stalled: str, stand_in: StandInDaemon, tmp_path: Path
) -> None:
    stand_in.stalls.add(stalled)
    files = ["--out", str(tmp_path / "a.nk"), "--sheet", str(tmp_path / "s.png")]
    process = program("track", "p", *CLICK, *files, "--daemon", stand_in.address)
    while stalled not in stand_in.calls:
        assert process.poll() is None, ended(process)
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, out) == (130, "")
    assert err == "roto: interrupted; files that were written are whole.\n"
    assert stand_in.released.wait(5), "the daemon was not told"
    assert not stand_in.plates
    assert sorted(file.name for file in tmp_path.iterdir()) == ([] if stalled == "Propagate" else ["a.nk"])


@pytest.mark.skipif(sys.platform == "win32", reason="sends Ctrl-C by a POSIX signal")
def test_ctrl_c_ends_a_command_that_is_still_being_imported_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    folders = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "roto_client", "doctor"],
        env={**os.environ, "PYTHONPATH": folders},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "roto: interrupted.\n")
