"""An edge offset is the true parallel of the outline: measured against curves known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.errors import FitError
from roto_daemon.fitting import FitOptions, coverage, fit_shapes, shape_polyline
from roto_daemon.fitting.measure import self_crossings
from roto_daemon.fitting.offset import offset_outlines
from roto_daemon.fitting.outline import Outline, shoelace_area, trace_outlines
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
WIDTH, HEIGHT = 200, 160


def circle(x: float, y: float, radius: float) -> Points:
    angle = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def bar(*corners: tuple[float, float]) -> Points:
    return np.array(corners, float)


@pytest.mark.parametrize("offset_px", [-8.0, -1.0, -0.3, 0.4, 1.0, 7.5])
def test_an_offset_circle_is_a_circle_of_the_other_radius(offset_px: float) -> None:
    matte = coverage(circle(95.3, 80.7, 40), WIDTH, HEIGHT)
    (moved,) = offset_outlines(trace_outlines(matte), offset_px, (WIDTH, HEIGHT))
    radius = np.hypot(moved.points[:, 0] - 95.3, moved.points[:, 1] - 80.7)
    assert np.abs(radius - 40 - offset_px).max() < 0.12


def test_a_grown_box_has_straight_sides_at_the_distance_and_round_corners() -> None:
    drawn = Outline(bar((60.4, 50.4), (140.4, 50.4), (140.4, 110.4), (60.4, 110.4)), hole=False, area=4800)
    (moved,) = offset_outlines([drawn], 5.0, (WIDTH, HEIGHT))
    beyond = np.maximum(np.maximum([60.4, 50.4] - moved.points, moved.points - [140.4, 110.4]), 0)
    assert np.abs(np.hypot(*beyond.T) - 5).max() < 0.05
    assert moved.area == pytest.approx(80 * 60 + 2 * 5 * (80 + 60) + math.pi * 25, abs=6)


def test_a_shrunk_notch_leaves_no_loop_and_a_thin_arm_goes() -> None:
    body = bar((30, 40), (100, 40), (100, 74), (170, 74), (170, 80), (100, 80), (100, 120), (30, 120))
    (moved,) = offset_outlines(trace_outlines(coverage(body, WIDTH, HEIGHT)), -5.0, (WIDTH, HEIGHT))
    assert self_crossings(moved.points) == 0
    assert moved.points[:, 0].max() < 98
    assert moved.area == pytest.approx(60 * 70, abs=60)


def test_the_edge_that_closes_an_outline_outside_the_plate_never_comes_in() -> None:
    matte = coverage(bar((-50, 40), (90, 40), (90, 120), (-50, 120)), WIDTH, HEIGHT)
    (moved,) = offset_outlines(trace_outlines(matte), -20.0, (WIDTH, HEIGHT))
    assert moved.points[:, 0].min() < -10
    assert moved.points[:, 0].max() == pytest.approx(70, abs=0.1)


def test_a_fit_with_an_offset_lies_at_the_distance_and_keeps_its_sense() -> None:
    plate = Plate(WIDTH, HEIGHT, FrameRange(1, 6))
    mattes = [(f, coverage(circle(70 + 8 * f, 80, 36), WIDTH, HEIGHT)) for f in range(1, 7)]
    (shape,) = fit_shapes(mattes, plate, FitOptions(offset_px=-3.0)).roto.shapes
    for frame in range(1, 7):
        line = shape_polyline(shape, frame)
        assert np.abs(np.hypot(line[:, 0] - 70 - 8 * frame, line[:, 1] - 80) - 33).max() < 0.3
        assert self_crossings(line) == 0
        assert shoelace_area(line) > 0


def test_a_hole_grows_as_its_object_shrinks() -> None:
    matte = coverage(circle(100, 80, 50), WIDTH, HEIGHT) - coverage(circle(100, 80, 20), WIDTH, HEIGHT)
    outer, hole = offset_outlines(trace_outlines(matte), -2.0, (WIDTH, HEIGHT))
    assert hole.hole
    assert math.sqrt(outer.area / math.pi) == pytest.approx(48, abs=0.1)
    assert math.sqrt(hole.area / math.pi) == pytest.approx(22, abs=0.1)


def test_an_offset_that_eats_the_object_says_so() -> None:
    mattes = [(1, coverage(circle(100, 80, 10), WIDTH, HEIGHT))]
    with pytest.raises(FitError, match="offset of -15 px leaves nothing"):
        fit_shapes(mattes, Plate(WIDTH, HEIGHT, FrameRange(1, 1)), FitOptions(offset_px=-15.0))


@pytest.mark.parametrize("offset_px", [math.nan, math.inf, 1000.0])
def test_an_offset_that_moves_no_edge_is_refused(offset_px: float) -> None:
    with pytest.raises(ValueError, match="offset"):
        FitOptions(offset_px=offset_px)
