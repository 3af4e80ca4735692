"""The command `roto shots`, and prompts for several objects: what is listed, tracked, left alone and refused."""

from __future__ import annotations

import json
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import grpc
import pytest
from stand_in_daemon import Refusal, StandInDaemon
from typer.testing import CliRunner

from roto_client.cli import app
from roto_client.errors import BadInputError
from roto_client.prompts_file import read_objects, read_shot_prompts
from roto_shapes.prompt import BoxPrompt, PointPrompt
from roto_shapes.shot import FrameRange

needs_opentimelineio = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="OpenTimelineIO does not run on Python 3.9"
)
EDL = """TITLE: cut
001  A001 V C 01:00:10:00 01:00:10:08 01:00:00:00 01:00:00:08
* FROM CLIP NAME: sh010
002  A002 V C 02:00:00:00 02:00:00:08 01:00:00:08 01:00:00:16
* FROM CLIP NAME: sh020
003  A003 V C 02:00:00:00 02:00:00:08 01:00:00:16 01:00:01:00
* FROM CLIP NAME: sh030
"""
PLATES = ("--plates", "/show/{shot}/plate.####.exr", "--handles", "1")


def roto(*arguments: str, **environment: str) -> Any:  # noqa: ANN401 - the result class moved between typer's versions
    separate: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
    return CliRunner(**separate).invoke(
        app, list(arguments), env={"ROTO_DAEMON": None, "COLUMNS": "200", **environment}
    )


@pytest.fixture
def edit(tmp_path: Path) -> str:
    (tmp_path / "cut.edl").write_text(EDL)
    return str(tmp_path / "cut.edl")


def prompts(tmp_path: Path, content: object) -> str:
    (tmp_path / "prompts.json").write_text(json.dumps(content))
    return str(tmp_path / "prompts.json")


def pointed(frame: int, name: str = "hero") -> dict[str, Any]:
    return {"objects": {name: {"click": [f"{frame}:30,20"]}}}


@needs_opentimelineio
def test_the_shots_of_an_edit_are_listed(edit: str) -> None:
    done = roto("shots", edit, *PLATES)
    assert done.exit_code == 0, done.output
    assert "sh020" in done.stdout
    assert "1001-1010 (1002-1009)" in done.stdout
    assert "02:00:00:00" in done.stdout
    assert "Note: an EDL does not say its rate" in done.stderr
    done = roto("shots", edit, *PLATES, "--rate", "24", "--json")
    facts = json.loads(done.stdout)
    assert facts["notes"] == []
    assert [shot["name"] for shot in facts["shots"]] == ["sh010", "sh020", "sh030"]
    assert facts["shots"][0] == {
        "name": "sh010",
        "frames": [1002, 1009],
        "frames_with_handles": [1001, 1010],
        "plate": "/show/sh010/plate.####.exr",
        "first_frame": None,
        "first_timecode": "",
        "source": "A001",
        "frame_rate": 24.0,
        "source_frames": [86640, 86647],
        "timecode": ["01:00:10:00", "01:00:10:07"],
        "handles": None,
        "notes": ["its plate is not found here"],
    }


@needs_opentimelineio
def test_shots_are_tracked_each_into_its_folder_and_not_again(
    stand_in: StandInDaemon, edit: str, tmp_path: Path
) -> None:
    file = prompts(tmp_path, {"shots": {"sh030": pointed(1005), "sh010": pointed(1005, "dog")}})
    options = [edit, *PLATES, "--track", file, "--out", str(tmp_path / "work"), "--daemon", stand_in.address]
    done = roto("shots", *options, "--also", "mattes", "--also", "sheet")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [f"{shot}: done, {tmp_path / 'work' / shot}" for shot in ("sh010", "sh030")]
    assert sorted(each.name for each in (tmp_path / "work").iterdir()) == ["sh010", "sh030"]
    names = {each.name for each in (tmp_path / "work" / "sh010").iterdir()}
    assert names == {
        "shapes.json", "roto.nk", "sheet.png", "track.json", *(f"dog.{frame}.exr" for frame in range(1001, 1011)),
    }  # fmt: skip
    opened = stand_in.calls.count("OpenPlate")
    assert opened == 2
    done = roto("shots", *options, "--also", "mattes", "--also", "sheet", "--json")
    assert [each["state"] for each in json.loads(done.stdout)] == ["finished before", "finished before"]
    assert json.loads(done.stdout)[0]["track"]["shapes"] == 1
    assert stand_in.calls.count("OpenPlate") == opened
    prompts(tmp_path, {"shots": {"sh030": pointed(1006), "sh010": pointed(1005, "dog")}})
    done = roto("shots", *options, "--also", "mattes", "--also", "sheet", "--json")
    assert [each["state"] for each in json.loads(done.stdout)] == ["finished before", "done"]


@needs_opentimelineio
def test_a_shot_that_fails_is_told_and_ends_no_other(stand_in: StandInDaemon, edit: str, tmp_path: Path) -> None:
    file = prompts(tmp_path, {"shots": {"sh010": pointed(1005), "sh020": pointed(2005), "sh030": pointed(1005)}})
    options = [edit, *PLATES, "--track", file, "--out", str(tmp_path / "work"), "--daemon", stand_in.address]
    done = roto("shots", *options, "--json")
    assert done.exit_code == 3
    results = json.loads(done.stdout)
    assert [each["state"] for each in results] == ["done", "failed", "done"]
    assert "lies outside the frames" in results[1]["error"]
    assert "roto: sh020: The prompt on frame 2005" in done.stderr
    assert not (tmp_path / "work" / "sh020").exists()


@needs_opentimelineio
def test_a_shot_with_bad_frames_is_done_told_and_done_again(stand_in: StandInDaemon, edit: str, tmp_path: Path) -> None:
    file = prompts(tmp_path, {"shots": {"sh010": pointed(1005)}})
    options = [edit, *PLATES, "--track", file, "--out", str(tmp_path / "work"), "--daemon", stand_in.address]
    stand_in.unreadable = {1007}
    done = roto("shots", *options, "--json")
    assert done.exit_code == 10
    assert "roto: sh010: frame 1007 of the plate has no picture" in done.stderr
    (result,) = json.loads(done.stdout)
    assert result["state"] == "done"
    assert [each["frame"] for each in result["track"]["unreadable_frames"]] == [1007]
    stand_in.unreadable.clear()
    assert [roto("shots", *options).stdout.split()[1] for _ in range(2)] == ["done,", "finished"]


@needs_opentimelineio
def test_a_daemon_that_is_gone_ends_all_at_once(stand_in: StandInDaemon, edit: str, tmp_path: Path) -> None:
    stand_in.refusals["OpenPlate"] = Refusal(grpc.StatusCode.UNAVAILABLE)
    file = prompts(tmp_path, {"shots": {"sh010": pointed(1005), "sh030": pointed(1005)}})
    done = roto("shots", edit, *PLATES, "--track", file, "--out", str(tmp_path), "--daemon", stand_in.address)
    assert done.exit_code == 4
    assert stand_in.calls.count("OpenPlate") == 2, "once more, since the daemon greets; and not for the next shot"


@needs_opentimelineio
def test_a_shot_may_have_a_plate_and_frames_of_its_own(stand_in: StandInDaemon, edit: str, tmp_path: Path) -> None:
    shot = {**pointed(1005), "plate": "/other/plate.mov", "first_frame": 1001, "frames": "1004-1006"}
    file = prompts(tmp_path, {"shots": {"sh020": shot}})
    done = roto("shots", edit, "--track", file, "--out", str(tmp_path / "w"), "--daemon", stand_in.address, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)[0]["track"]["frames"] == [1004, 1006]


@needs_opentimelineio
@pytest.mark.parametrize(
    ("content", "options", "why"),
    [
        ({"shots": {"sh011": pointed(1005)}}, PLATES, "There is no shot 'sh011'"),
        ({"shots": {"sh010": pointed(1005)}}, (), "has no plate that can be read"),
        ({"shots": {"sh010": pointed(1005)}}, (*PLATES, "--also", "film"), "'film' is no result"),
        ({"objects": {}}, PLATES, '"objects" is not known here'),
    ],
)
def test_a_track_that_cannot_be_is_refused_before_the_work(
    edit: str, tmp_path: Path, content: object, options: tuple[str, ...], why: str
) -> None:
    done = roto("shots", edit, *options, "--track", prompts(tmp_path, content), "--out", str(tmp_path / "work"))
    assert done.exit_code == 3, done.output
    assert why in done.stderr
    assert not (tmp_path / "work").exists()


@needs_opentimelineio
@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--plates", "/show/plate.####.exr"), "{shot}"),
        (("--track", "p.json"), "belong together"),
        (("--out", "work"), "belong together"),
    ],
)
def test_options_that_do_not_go_together_end_with_2(edit: str, options: tuple[str, ...], why: str) -> None:
    done = roto("shots", edit, *options)
    assert done.exit_code == 2
    assert why in done.stderr


def test_several_objects_are_tracked_together(stand_in: StandInDaemon, tmp_path: Path) -> None:
    file = prompts(tmp_path, {"objects": {"a": {"click": ["1005:20,20"]}, "b": {"box": ["1006:1,2,30,40"]}}})
    out = str(tmp_path / "a.json")
    more = ["--mattes", str(tmp_path / "{object}.####.png"), "--json", "--daemon", stand_in.address]
    done = roto("track", "p", "--prompts", file, "--out", out, *more)
    assert done.exit_code == 0, done.output
    assert stand_in.calls.count("AddObject") == 2
    assert stand_in.calls.count("FitShapes") == 2
    assert {each.name for each in tmp_path.glob("*.1001.png")} == {"a.1001.png", "b.1001.png"}
    facts = json.loads(done.stdout)
    assert facts["worst_error"]["max_px"] == 2.0
    done = roto("track", "p", "--prompts", file, "--click", "1:2,3", "--out", out)
    assert done.exit_code == 2
    assert "leave out --click" in done.stderr


def test_a_file_of_prompts_says_what_is_pointed_at(tmp_path: Path) -> None:
    hero = {"click": ["1002:3,4", "1001:30.5,20"], "exclude": ["1001:1,2"], "box": ["1001:1,2,40,30"]}
    (found,) = read_objects(prompts(tmp_path, {"objects": {"größe 2": hero}}))
    assert found.name == "größe 2"
    first, second = found.prompts
    assert first.points == (PointPrompt(30.5, 20), PointPrompt(1, 2, foreground=False))
    assert (first.box, second.frame) == (BoxPrompt(1, 2, 40, 30), 1002)
    shots = read_shot_prompts(prompts(tmp_path, {"shots": {"s": {"objects": {"a": hero}, "frames": "1-5"}}}))
    assert shots["s"].frames == FrameRange(1, 5)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "must be an object"),
        ("{}", 'has no "objects"'),
        ('{"objects": {}}', "names no object"),
        ('{"objects": {"a": {}}}', "point at the object"),
        ('{"objects": {" ": {"click": ["1:2,3"]}}}', "needs a name"),
        ('{"objects": {"a": {"clicks": ["1:2,3"]}}}', '"clicks" is not known here; write box, click, exclude'),
        ('{"objects": {"a": {"click": "1:2,3"}}}', "as a list"),
        ('{"objects": {"a": {"click": [1]}}}', "must be a text"),
        ('{"objects": {"a": {"click": ["1:2"]}}}', "FRAME:X,Y"),
        ('{"objects": {"a": {"box": ["1:1,1,5,5", "1:1,1,6,6"]}}}', "two boxes"),
        ('{"objects": {"a": []}}', "must be an object"),
    ],
)
def test_a_file_of_prompts_that_cannot_be_read_says_where(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(BadInputError, match=r"p\.json") as refused:
        read_objects(str(tmp_path / "p.json"))
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"shots": []}', "must be an object"),
        ("{}", 'has no "shots"'),
        ('{"shots": {"s": {}}}', 'has no "objects"'),
        ('{"shots": {"s": {"objects": {"a": {"click": ["1:2,3"]}}, "frames": "x"}}}', "FIRST-LAST"),
        ('{"shots": {"s": {"objects": {"a": {"click": ["1:2,3"]}}, "first_frame": "1"}}}', "is no frame"),
        ('{"shots": {"s": {"objects": {"a": {"click": ["1:2,3"]}}, "first_frame": true}}}', "is no frame"),
    ],
)
def test_prompts_of_shots_that_cannot_be_read_say_where(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(BadInputError, match=r"p\.json") as refused:
        read_shot_prompts(str(tmp_path / "p.json"))
    assert why in str(refused.value)
    with pytest.raises(BadInputError, match="No such file"):
        read_shot_prompts(str(tmp_path / "gone.json"))
