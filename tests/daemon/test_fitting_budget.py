"""A budget of control points: as many as asked for at most, and the bound that they hold."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting import FitOptions, FitResult, coverage, fit_shapes, shape_polyline
from roto_daemon.fitting.measure import boundary_error
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
WIDTH, HEIGHT, FRAMES = 200, 160, range(3)


def flower(frame: int) -> Points:
    angle = np.linspace(0, 2 * math.pi, 400, endpoint=False)
    reach = 50 * (1 + 0.2 * np.cos(5 * angle))
    return np.stack([90 + 3 * frame + reach * np.cos(angle), 80 + reach * np.sin(angle)], axis=1)


def star(frame: int) -> Points:
    angle = np.arange(10) * math.pi / 5
    reach = np.where(np.arange(10) % 2, 30, 65)
    return np.stack([90 + 3 * frame + reach * np.cos(angle), 80 + reach * np.sin(angle)], axis=1)


def fit(outline: Callable[[int], Points], points: int) -> FitResult:
    mattes = ((frame, coverage(outline(frame), WIDTH, HEIGHT)) for frame in FRAMES)
    return fit_shapes(mattes, Plate(WIDTH, HEIGHT, FrameRange(0, FRAMES[-1])), FitOptions(points=points))


def mean_px(result: FitResult, outline: Callable[[int], Points]) -> float:
    (shape,) = result.roto.shapes
    found = [boundary_error([shape_polyline(shape, f)], [outline(f)], (WIDTH, HEIGHT)) for f in FRAMES]
    return float(np.mean([error.mean_px for error in found if error]))


@pytest.mark.parametrize("outline", [flower, star], ids=lambda clip: str(clip.__name__))
def test_more_points_come_nearer_and_none_takes_more_than_its_budget(outline: Callable[[int], Points]) -> None:
    results = {points: fit(outline, points) for points in (5, 11)}
    assert all(result.roto.shapes[0].point_count <= points for points, result in results.items())
    errors = [mean_px(result, outline) for result in results.values()]
    assert errors[0] > errors[1]


def test_the_bound_that_holds_is_reported() -> None:
    few, many = fit(flower, 5), fit(flower, 12)
    assert few.report.effective_tolerance_px > 2 > many.report.effective_tolerance_px
    assert len(few.roto.shapes[0].keyframes) == 2


def test_corners_come_before_other_points() -> None:
    (shape,) = fit(star, 10).roto.shapes
    position = np.array([(point.x, point.y) for point in shape.keyframes[0].points])
    apart = np.linalg.norm(star(0)[:, None] - position, axis=-1).min(axis=1)
    assert apart.max() < 2


def test_points_and_a_tolerance_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="one of the two"):
        FitOptions(2.0, points=8)


def test_points_that_no_outline_can_be_drawn_with_are_refused() -> None:
    with pytest.raises(ValueError, match="3 points are too few"):
        FitOptions(points=3)
