"""What goes wrong on a normal day ends in one clear sentence and leaves nothing half-written."""

from __future__ import annotations

import operator
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from running_roto import roto as roto_here
from serving import FIRST, LAST, Daemon, Roto, centre, program

CLICK = f"{FIRST}:{centre(FIRST)[0]:g},{centre(FIRST)[1]:g}"
BAD_INPUT, UNREACHABLE, OUTPUT, UNAVAILABLE = 3, 4, 6, 8


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Check that a command ended with a code and one sentence that has the words, without a trace."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def track(roto: Roto, plate: str, *options: str, click: str = CLICK) -> subprocess.CompletedProcess[str]:
    return roto("track", plate, "--click", click, "--engine", "disc", "--out", "a.json", *options)


@pytest.fixture(autouse=True)
def _nothing_half_written(tmp_path: Path) -> Iterator[None]:
    yield
    assert [file.name for file in (tmp_path / "work").iterdir()] == []


def frame_file(plate: str, frame: int) -> Path:
    return Path(plate.replace("####", str(frame)))


def test_a_prompt_on_a_damaged_frame(roto: Roto, plate: str) -> None:
    file = frame_file(plate, FIRST + 4)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    refused(track(roto, plate, click=f"{FIRST + 4}:60,40"), BAD_INPUT, str(FIRST + 4), "damaged")


def test_a_plate_without_frames(roto: Roto, tmp_path: Path) -> None:
    refused(track(roto, str(tmp_path / "nothing.####.exr")), BAD_INPUT, "nothing.####.exr")


def test_a_prompt_outside_the_plate(roto: Roto, plate: str) -> None:
    refused(track(roto, plate, click=f"{FIRST}:500,20"), BAD_INPUT, "500,20", "160x90")


def test_a_prompt_outside_the_range(roto: Roto, plate: str) -> None:
    refused(track(roto, plate, click="7:20,20"), BAD_INPUT, "7", f"{FIRST}-{LAST}")


def test_an_unknown_engine(roto: Roto, plate: str) -> None:
    refused(track(roto, plate, "--engine", "magic"), BAD_INPUT, "magic", "classic")


def test_an_engine_that_is_not_available(roto: Roto, plate: str) -> None:
    refused(track(roto, plate, "--engine", "absent"), UNAVAILABLE, "fetch them first")


def test_a_daemon_that_is_not_running(roto: Roto, plate: str) -> None:
    done = roto("track", plate, "--click", CLICK, "--out", "a.json", address="127.0.0.1:9")
    refused(done, UNREACHABLE, "127.0.0.1:9", "roto-daemon serve")


def test_an_output_where_a_file_stands_in_the_way(roto: Roto, plate: str) -> None:
    refused(track(roto, plate, "--mattes", f"{frame_file(plate, FIRST)}/m.####.exr"), OUTPUT, f"disc.{FIRST}.png")


def test_shapes_that_are_no_shapes(roto: Roto, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{"shapes": [')
    refused(roto("convert", str(file), "b.nk"), BAD_INPUT, "broken.json")


def test_masks_that_are_empty(roto: Roto, tmp_path: Path) -> None:
    for frame in range(3):
        cv2.imwrite(str(tmp_path / f"m.{frame:04d}.png"), np.zeros((20, 20), np.uint8))
    refused(roto("fit", str(tmp_path / "m.####.png"), "--out", "b.json"), BAD_INPUT, "empty")


def test_a_plate_that_is_not_the_masks(roto: Roto, plate: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.1001.png"), np.full((20, 30), 255, np.uint8))
    done = roto("fit", str(tmp_path / "m.####.png"), "--plate", plate, "--out", "b.json")
    refused(done, BAD_INPUT, "30x20", "plate")


def test_a_port_in_use(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    done = subprocess.run(
        [program("roto-daemon"), "serve", "--listen", daemon.address],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    refused(done, 3, daemon.address, "port")


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Roto:
    """Run `roto fit` in this process, in an empty folder: what it refuses before it works needs none of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = roto_here("fit", *arguments)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--frames", "9-3"), BAD_INPUT, "ends before it begins"),
        (("--tolerance", "0"), BAD_INPUT, "tolerance"),
        (("--threshold", "7"), BAD_INPUT, "threshold"),
        (("--keyframes", "1,x"), BAD_INPUT, "'1,x'"),
        (("--keyframes", "-7"), BAD_INPUT, "no keyframe on frame -7"),
        (("--points", "9", "--tolerance", "1"), BAD_INPUT, "one of the two"),
        (("--points", "3"), BAD_INPUT, "too few"),
        (("--every", "0"), BAD_INPUT, "step of 1"),
        (("--edited", "3"), BAD_INPUT, "--shapes"),
        (("--shapes", "none.json"), BAD_INPUT, "none.json"),
        (("--out", "b.xyz"), BAD_INPUT, ".json"),
        (("--out", "/proc/no/b.json"), OUTPUT, "/proc/no/b.json"),
    ],
)
def test_a_fit_that_cannot_be(fit: Roto, plate: str, options: tuple[str, ...], code: int, words: str) -> None:
    refused(fit(plate, "--out", "a.json", *options), code, words)


@pytest.mark.parametrize(
    "option",
    [
        ("--name", "rider"),
        ("--points", "9"),
        ("--interpolation", "linear"),
        ("--keyframes", str(FIRST)),
        ("--every", "2"),
        ("--plate", "plate.####.png"),
        ("--layers",),
    ],
    ids=operator.itemgetter(0),
)
def test_an_option_that_a_fit_anew_would_ignore(fit: Roto, plate: str, option: tuple[str, ...]) -> None:
    refused(fit(plate, "--shapes", "none.json", "--out", "a.json", *option), BAD_INPUT, option[0], "--shapes")


def test_every_command_tells_its_exit_codes(roto: Roto) -> None:
    for command in ("track", "fit", "convert", "doctor"):
        done = roto(command, "--help")
        assert done.returncode == 0
        assert "Exit codes: 0 done" in done.stdout
