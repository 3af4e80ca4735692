"""A frame that is missing or damaged costs itself alone: it is named, and the rest of the range goes on."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from serving import FIRST, LAST, RADIUS, Daemon, Roto, centre

from roto_client.errors import BadInputError
from roto_client.results import FrameDone, FrameUnreadable, Matte
from roto_client.session import connect
from roto_shapes.curve import evaluate, flatten
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.shape import Shape

CLICK = f"{FIRST}:{centre(FIRST)[0]:g},{centre(FIRST)[1]:g}"
ALL = range(FIRST, LAST + 1)
DONE_BUT_FOR_FRAMES = 10


def frame_file(plate: str, frame: int) -> Path:
    return Path(plate.replace("####", str(frame)))


def truncate(plate: str, frame: int) -> None:
    file = frame_file(plate, frame)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def spoil(plate: str) -> dict[int, str]:
    """Spoil frames in several ways, two of them next to each other; return a word of what is to be said of each."""
    frame_file(plate, FIRST + 2).unlink()
    truncate(plate, FIRST + 5)
    cv2.imwrite(str(frame_file(plate, FIRST + 6)), np.zeros((50, 50, 3), np.uint8))
    frame_file(plate, FIRST + 9).write_bytes(b"")
    return {FIRST + 2: "is not there", FIRST + 5: "is damaged", FIRST + 6: "50x50", FIRST + 9: "is an empty file"}


def track(roto: Roto, plate: str, *options: str, click: str = CLICK) -> subprocess.CompletedProcess[str]:
    return roto("track", plate, "--click", click, "--engine", "disc", "--out", "a.json", *options)


def off_px(shape: Shape, frame: int) -> float:
    """How far an outline lies from the disc at most, in pixels."""
    outline = np.array(flatten(evaluate(shape, frame), 0.05))
    return float(np.abs(np.hypot(*(outline - centre(frame)).T) - RADIUS).max())


def test_a_track_names_each_bad_frame_and_does_all_others(roto: Roto, plate: str, tmp_path: Path) -> None:
    bad = spoil(plate)
    done = track(roto, plate, "--json", "--mattes", "m/m.####.png", "--preview", "p.mp4", click=CLICK)
    assert done.returncode == DONE_BUT_FOR_FRAMES, done.stderr
    said = done.stderr.strip().splitlines()
    assert said[0].startswith("roto: frames 1003, 1006-1007, 1010 of the plate have no picture")
    assert len(said) == 1 + len(bad)
    for (frame, words), line in zip(bad.items(), said[1:]):
        assert str(frame) in line
        assert words in line
    facts = json.loads(done.stdout)
    assert [each["frame"] for each in facts["unreadable_frames"]] == list(bad)
    assert {each["frame"] for each in facts["look_first"] if "no picture" in each["reasons"]} == set(bad)
    work = tmp_path / "work"
    assert {int(file.suffixes[-2][1:]) for file in (work / "m").iterdir()} == set(ALL) - set(bad)
    (shape,) = read_roto((work / "a.json").read_text()).shapes
    assert (shape.lifetime.first, shape.lifetime.last) == (FIRST, LAST)
    assert max(off_px(shape, frame) for frame in ALL) < 1.5
    with av.open(str(work / "p.mp4")) as movie:
        assert sum(1 for _ in movie.decode(video=0)) == len(ALL)


def test_bad_frames_at_the_ends_leave_the_rest(roto: Roto, plate: str) -> None:
    for frame in (FIRST, FIRST + 1, LAST):
        truncate(plate, frame)
    x, y = centre(FIRST + 4)
    done = track(roto, plate, "--json", click=f"{FIRST + 4}:{x:g},{y:g}")
    assert done.returncode == DONE_BUT_FOR_FRAMES, done.stderr
    assert [each["frame"] for each in json.loads(done.stdout)["unreadable_frames"]] == [FIRST, FIRST + 1, LAST]


def test_a_bad_frame_that_is_rendered_again_is_followed_by_the_same_session(daemon: Daemon, plate: str) -> None:
    whole = frame_file(plate, FIRST + 3).read_bytes()
    truncate(plate, FIRST + 3)
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        sent = []
        with contextlib.closing(disc.track(mattes=True)) as events:
            for event in events:
                if isinstance(event, Matte):
                    sent.append(event.frame)
                if isinstance(event, FrameUnreadable):
                    with pytest.raises(BadInputError, match=str(FIRST + 3)):
                        session.add_object("other").click(FIRST + 3, *centre(FIRST + 3))
        assert sent == [each.frame for each in disc.mattes()] == [frame for frame in ALL if frame != FIRST + 3]
        frame_file(plate, FIRST + 3).write_bytes(whole)
        assert [each.frame for each in disc.track() if isinstance(each, FrameDone)] == list(ALL)
        assert [each.frame for each in disc.mattes()] == list(ALL)


def test_a_fit_names_each_bad_mask_and_draws_through_it(roto: Roto, plate: str, tmp_path: Path) -> None:
    bad = spoil(plate)
    done = roto("fit", plate, "--out", "a.json", "--report", "q.json", "--json")
    assert done.returncode == DONE_BUT_FOR_FRAMES, done.stderr
    said = [line for line in done.stderr.strip().splitlines() if not line.startswith("libpng")]
    assert said[0].startswith("roto: frames 1003, 1006-1007, 1010 cannot be read and were left out")
    assert [words in line for words, line in zip(bad.values(), said[1:], strict=True)] == [True] * len(bad)
    assert [each["frame"] for each in json.loads(done.stdout)["unreadable_frames"]] == list(bad)
    work = tmp_path / "work"
    (shape,) = read_roto((work / "a.json").read_text()).shapes
    assert (shape.lifetime.first, shape.lifetime.last) == (FIRST, LAST)
    assert max(off_px(shape, frame) for frame in ALL) < 1.5
    measured = [each["frame"] for each in json.loads((work / "q.json").read_text())["frames"]]
    assert measured == [frame for frame in ALL if frame not in bad]
