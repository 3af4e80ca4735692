"""A plate with frames that cannot be read, as a run sees it and as all others do."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest

from roto_daemon.engines import Direction, Picture, TrackedFrame
from roto_daemon.errors import FrameDamagedError, FrameMissingError, PlateError
from roto_daemon.workers.bridge import BridgedPlate
from roto_shapes.shot import FrameRange

FRAMES = FrameRange(1, 9)


class Numbered:
    """Pictures that hold their own number; counts what is tried."""

    frames = FRAMES
    size = (2, 2)

    def __init__(self, *bad: int) -> None:
        self.bad = set(bad)
        self.tried: list[int] = []

    def picture(self, frame: int) -> Picture:
        self.tried.append(frame)
        if frame in self.bad:
            raise (FrameMissingError if frame % 2 else FrameDamagedError)(f"Frame {frame} is bad.", frame)
        return np.full((2, 2, 3), frame, np.uint8)


def seen(plate: BridgedPlate, direction: Direction, *frames: int) -> list[int | str]:
    """What a run that reads these frames sees of each: its number, or the error that is told, and of which picture."""
    shown: list[int] = []

    def run() -> Generator[TrackedFrame, None, None]:
        for frame in frames:
            shown.append(int(plate.picture(frame)[0, 0, 0]))
            yield TrackedFrame(frame, np.zeros((2, 2), np.float32), 1.0)

    told = list(plate.carried(run(), direction))
    return [number if isinstance(each, TrackedFrame) else f"{number}: {each}" for number, each in zip(shown, told)]


def test_a_run_sees_the_frame_that_it_comes_from_in_place_of_a_bad_one() -> None:
    plate = BridgedPlate(Numbered(4, 5))
    assert seen(plate, Direction.FORWARD, 3, 4, 5, 6) == [3, "3: Frame 4 is bad.", "3: Frame 5 is bad.", 6]
    assert seen(plate, Direction.BACKWARD, 6, 5, 4, 3) == [6, "6: Frame 5 is bad.", "6: Frame 4 is bad.", 3]


def test_where_nothing_lies_behind_the_next_frame_ahead_is_seen() -> None:
    assert seen(BridgedPlate(Numbered(1, 2)), Direction.FORWARD, 1, 2, 3) == [
        "3: Frame 1 is bad.", "3: Frame 2 is bad.", 3,
    ]  # fmt: skip


def test_a_bad_frame_is_tried_once_a_run_and_again_in_the_next() -> None:
    source = Numbered(4)
    plate = BridgedPlate(source)
    seen(plate, Direction.FORWARD, 4, 4, 5, 4)
    assert source.tried.count(4) == 1
    source.bad.clear()
    assert seen(plate, Direction.FORWARD, 4) == [4]


def test_a_plate_without_any_picture_ends_the_run_with_its_error() -> None:
    with pytest.raises(PlateError, match="Frame 4"):
        seen(BridgedPlate(Numbered(*FRAMES)), Direction.FORWARD, 4)


def test_between_two_frames_of_a_run_a_bad_frame_is_bad() -> None:
    plate = BridgedPlate(Numbered(4))

    def run() -> Generator[TrackedFrame, None, None]:
        plate.picture(4)
        yield TrackedFrame(3, np.zeros((2, 2), np.float32), 1.0)

    for _ in plate.carried(run(), Direction.FORWARD):
        with pytest.raises(FrameDamagedError, match="Frame 4"):
            plate.picture(4)
    with pytest.raises(FrameDamagedError, match="Frame 4"):
        plate.picture(4)
