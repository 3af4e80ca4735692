"""Parts that touch, cross and come apart again: each is one shape all the way, measured against its own truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting import FitResult, coverage, fit_shapes, render_shapes, shape_polyline
from roto_shapes.shape import Shape
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
Course = Callable[[int], Points]
WIDTH, HEIGHT = 360, 240
FRAMES = range(20)


def blob(x: float, y: float, radius: float, lobes: int) -> Points:
    angle = np.linspace(0, 2 * math.pi, 400, endpoint=False)
    reach = radius * (1 + 0.15 * np.cos(lobes * angle))
    return np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1)


def steady(frame: int) -> Points:
    return blob(150 + frame, 120, 55, 3)


def passing(frame: int) -> Points:
    return blob(30 + 15 * frame, 100 + 2 * frame, 24, 4)


def nearing(frame: int) -> Points:
    """Come to the steady one, overlap with it in the middle of the clip, and go back."""
    return blob(320 - 11 * min(frame, 19 - frame), 125, 40, 4)


def fitted(*parts: Course) -> FitResult:
    mattes = ((frame, union([part(frame) for part in parts])) for frame in FRAMES)
    return fit_shapes(mattes, Plate(WIDTH, HEIGHT, FrameRange(FRAMES[0], FRAMES[-1])))


def union(outlines: list[Points]) -> NDArray[np.float32]:
    together = np.zeros((HEIGHT, WIDTH), np.float32)
    for outline in outlines:
        one = coverage(outline, WIDTH, HEIGHT)
        together += one - together * one
    return together


def apart(shape: Shape, part: Course) -> float:
    """Return how far a shape's own area differs from a part's on its worst frame, in px over the part's edge."""
    worst = 0.0
    for frame in FRAMES:
        own, true = coverage(shape_polyline(shape, frame), WIDTH, HEIGHT), coverage(part(frame), WIDTH, HEIGHT)
        edge = float(np.linalg.norm(np.diff(part(frame), axis=0), axis=1).sum())
        worst = max(worst, float(np.abs(own - true).sum()) / edge)
    return worst


def test_a_part_that_crosses_another_goes_on_through_it_with_an_animators_keyframes() -> None:
    result = fitted(steady, passing)
    large, small = result.roto.shapes
    for shape, part in ((large, steady), (small, passing)):
        assert shape.lifetime == FrameRange(FRAMES[0], FRAMES[-1])
        assert [key.frame for key in shape.keyframes] == [FRAMES[0], FRAMES[-1]]
        assert apart(shape, part) < 0.3


def test_parts_that_touch_and_part_again_overlap_while_they_do() -> None:
    large, small = fitted(steady, nearing).roto.shapes
    assert apart(large, steady) < 0.3
    assert apart(small, nearing) < 1
    assert len(small.keyframes) <= 4


def test_the_report_measures_the_edge_of_overlapping_parts_and_not_what_lies_inside() -> None:
    report = fitted(steady, passing).report
    assert [error.frame for error in report.frames] == list(FRAMES)
    assert max(error.max_px for error in report.frames) < 4
    assert max(error.mean_px for error in report.frames) < 0.2
    assert report.doubtful_frames == ()


def test_a_part_that_comes_back_as_another_one_is_another_shape() -> None:
    def turned_large(frame: int) -> Points:
        return nearing(frame) if frame < FRAMES[10] else nearing(frame) * 0.5 + np.array([165.0, 60.0])

    shapes = fitted(steady, turned_large).roto.shapes
    assert len(shapes) > 2


@pytest.mark.parametrize("backwards", [False, True], ids=["join", "part"])
def test_parts_that_join_or_part_for_good_hand_over_on_one_frame_without_a_pop(*, backwards: bool) -> None:
    def time(frame: int) -> int:
        return min(FRAMES[-1] - frame if backwards else frame, 15)

    def left(frame: int) -> Points:
        return blob(90 + 5 * time(frame), 120, 40, 2)

    def right(frame: int) -> Points:
        return blob(270 - 5 * time(frame), 120, 34, 2)

    result = fitted(left, right)
    living = [sum(frame in shape.lifetime for shape in result.roto.shapes) for frame in FRAMES]
    assert living == sorted(living, reverse=not backwards)
    assert set(living) == {1, 2}
    assert len(result.roto.shapes) == 3
    for frame in FRAMES:
        true = union([left(frame), right(frame)])
        edge = 2 * math.pi * (40 + 34)
        assert float(np.abs(render_shapes(result.roto, frame) - true).sum()) / edge < 0.25
