"""Mattes that drop out for a frame or two: what is drawn is the object all the same, measured against its truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting import FitOptions, FitResult, coverage, fit_shapes, render_shapes, shape_polyline
from roto_daemon.fitting.solve import deciding_errors
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
Matte = NDArray[np.float32]
Fault = Callable[[Matte], Matte]
SIZE = WIDTH, HEIGHT = 240, 180
COUNT = 14


def outline(frame: int) -> Points:
    """A blob that moves as two keyframes say."""
    angle = np.linspace(0, 2 * math.pi, 300, endpoint=False)
    reach = (45 + 0.7 * frame) * (1 + 0.25 * np.cos(3 * angle) + 0.1 * np.sin(5 * angle))
    return np.stack([80 + 4 * frame + reach * np.cos(angle), 90 + reach * np.sin(angle)], axis=1)


def truth(frame: int) -> Matte:
    return coverage(outline(frame), WIDTH, HEIGHT)


def fitted(faults: dict[int, Fault]) -> FitResult:
    def nothing_wrong(matte: Matte) -> Matte:
        return matte

    mattes = ((frame, faults.get(frame, nothing_wrong)(truth(frame))) for frame in range(COUNT))
    return fit_shapes(mattes, Plate(WIDTH, HEIGHT, FrameRange(0, COUNT - 1)))


def farthest(result: FitResult, frames: range = range(COUNT)) -> float:
    """Return how far the drawn matte's area differs from the truth's, in px over the length of the edge."""
    share = []
    for frame in frames:
        edge = float(np.linalg.norm(np.diff(outline(frame), axis=0), axis=1).sum())
        share.append(float(np.abs(render_shapes(result.roto, frame) - truth(frame)).sum()) / edge)
    return max(share)


def blank(matte: Matte) -> Matte:
    return np.zeros_like(matte)


def torn(matte: Matte) -> Matte:
    broken = matte.copy()
    broken[78:96] = 0
    return broken


def hole(matte: Matte) -> Matte:
    holed = matte.copy()
    holed[80:95, 95:115] = 0
    return holed


def speck(matte: Matte) -> Matte:
    specked = matte.copy()
    specked[10:20, 10:20] = 1
    return specked


def bitten(matte: Matte, width: int, depth: int) -> Matte:
    """Take a piece out of the lower edge, wherever that is."""
    torn_at = matte.copy()
    rows, columns = np.nonzero(matte > 0.5)
    column = int(columns.mean())
    low = int(rows[columns == column].max())
    torn_at[low - depth : low + 6, column - width // 2 : column + width // 2] = 0
    return torn_at


def bite(matte: Matte) -> Matte:
    return bitten(matte, 16, 12)


def spur(matte: Matte) -> Matte:
    """Let a piece stick out of the lower edge."""
    spurred = matte.copy()
    rows, columns = np.nonzero(matte > 0.5)
    column = int(columns.mean())
    low = int(rows[columns == column].max())
    spurred[low - 2 : low + 14, column - 5 : column + 5] = 1
    return spurred


ONE_FRAME = [((6,), fault) for fault in (blank, torn, hole, speck, bite, spur)]


@pytest.mark.parametrize(("frames", "fault"), [*ONE_FRAME, ((6, 7), blank), ((6, 7), torn), ((6, 7), bite)])
def test_a_fault_of_a_frame_or_two_does_not_reach_the_shape(frames: tuple[int, ...], fault: Fault) -> None:
    result = fitted(dict.fromkeys(frames, fault))
    (shape,) = result.roto.shapes
    assert shape.lifetime == FrameRange(0, COUNT - 1)
    assert len(shape.keyframes) == 2
    assert farthest(result) < 0.2


def test_a_good_frame_between_two_faults_at_one_place_decides_by_itself() -> None:
    off_px = np.array([0.1, 0.1, 9.0, 0.3, 9.0, 0.1, 0.1])[:, None].repeat(5, axis=1)
    decided = deciding_errors(off_px, np.ones_like(off_px), 1, np.zeros(off_px.shape, bool))
    assert decided.max() == pytest.approx(0.3)


ENDS = [(0,), (COUNT - 1,), (1,), (COUNT - 2,), (0, 1), (COUNT - 2, COUNT - 1)]


@pytest.mark.parametrize("fault", [bite, spur])
@pytest.mark.parametrize("frames", ENDS, ids=str)
def test_a_fault_at_an_end_of_the_clip_does_not_reach_the_shape(frames: tuple[int, ...], fault: Fault) -> None:
    result = fitted(dict.fromkeys(frames, fault))
    (shape,) = result.roto.shapes
    assert len(shape.keyframes) == 2
    assert farthest(result) < 0.4


def test_a_jump_of_the_whole_outline_on_the_last_frame_is_its_motion() -> None:
    def jumped(matte: Matte) -> Matte:
        return np.roll(matte, 12, axis=1)

    (shape,) = fitted({COUNT - 1: jumped}).roto.shapes
    left = shape_polyline(shape, COUNT - 1)[:, 0].min()
    assert left == pytest.approx(outline(COUNT - 1)[:, 0].min() + 12, abs=1.0)


def test_a_keyframe_demanded_where_the_mattes_drop_out_is_one() -> None:
    mattes = ((frame, (blank if frame in (6, 7) else np.asarray)(truth(frame))) for frame in range(COUNT))
    plate = Plate(WIDTH, HEIGHT, FrameRange(0, COUNT - 1))
    result = fit_shapes(mattes, plate, FitOptions(keyframes_at=(7,)))
    (shape,) = result.roto.shapes
    assert [key.frame for key in shape.keyframes] == [0, 7, COUNT - 1]
    assert farthest(result) < 0.2


def test_frames_that_were_bridged_are_listed_for_a_look_and_the_others_are_not() -> None:
    report = fitted({4: blank, 9: torn}).report
    assert report.doubtful_frames == (4, 9)
    assert report.empty_frames == (4,)
    assert [error.frame for error in report.frames] == [frame for frame in range(COUNT) if frame not in (4, 9)]


@pytest.mark.parametrize(("width", "depth", "frames_named"), [(24, 20, (6,)), (12, 9, ())])
@pytest.mark.parametrize("tolerance_px", [1.0, 0.5])
def test_masks_are_listed_as_drawn_through_where_that_is_seen_at_a_glance(
    width: int, depth: int, frames_named: tuple[int, ...], tolerance_px: float
) -> None:
    size = int(width * tolerance_px), int(depth * tolerance_px)
    mattes = ((frame, bitten(truth(frame), *size) if frame == 6 else truth(frame)) for frame in range(COUNT))
    plate = Plate(WIDTH, HEIGHT, FrameRange(0, COUNT - 1))
    report = fit_shapes(mattes, plate, FitOptions(tolerance_px=tolerance_px)).report
    assert report.doubtful_frames == frames_named
