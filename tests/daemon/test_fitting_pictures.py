"""Outlines, coverage and the measure, against figures that are known by geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from roto_daemon.fitting import control_point_polyline, coverage, render_shapes
from roto_daemon.fitting.measure import boundary_error, matte_error, self_crossings
from roto_daemon.fitting.outline import shoelace_area, trace_outlines
from roto_daemon.fitting.raster import shape_controls, shape_polyline
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]


def circle(x: float, y: float, radius: float, count: int = 400) -> Points:
    angle = np.linspace(0, 2 * math.pi, count, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def square_points(left: float, top: float, size: float) -> tuple[ControlPoint, ...]:
    return tuple(ControlPoint(x, y, corner=True) for x, y in box(left, top, left + size, top + size))


def shape(name: str, keys: dict[int, tuple[ControlPoint, ...]], **more: object) -> Shape:
    keyframes = tuple(ShapeKeyframe(frame, points) for frame, points in keys.items())
    lifetime = FrameRange(min(keys), max(keys))
    return Shape(name, keyframes, lifetime, **more)  # type: ignore[arg-type] # flags of a Shape by name


@given(x=st.floats(-20, 80), y=st.floats(-20, 80), width=st.floats(0.1, 70), height=st.floats(0.1, 70))
def test_coverage_of_a_box_is_its_exact_area_inside_the_picture(
    x: float, y: float, width: float, height: float
) -> None:
    drawn = coverage(box(x, y, x + width, y + height), 60, 50)
    across = max(0.0, min(x + width, 60) - max(x, 0))
    down = max(0.0, min(y + height, 50) - max(y, 0))
    assert drawn.sum() == pytest.approx(across * down, abs=0.01)


def test_coverage_does_not_depend_on_the_direction_of_the_outline() -> None:
    outline = circle(30.3, 25.8, 17.2)
    assert np.allclose(coverage(outline, 60, 50), coverage(outline[::-1], 60, 50), atol=1e-6)


def test_a_pixel_half_inside_is_half_covered() -> None:
    drawn = coverage(box(10.5, 10, 20, 20), 40, 40)
    assert drawn[15, 10] == pytest.approx(0.5)
    assert drawn[15, 11] == 1
    assert drawn.dtype == np.float32


def test_outlines_that_lie_over_each_other_count_once() -> None:
    both = coverage([box(5, 5, 20, 20), box(10, 10, 25, 25)], 40, 40)
    assert both.sum() == pytest.approx(225 + 225 - 100)


@given(x=st.floats(30, 34), y=st.floats(30, 34), radius=st.floats(8, 25))
def test_the_outline_of_a_soft_circle_lies_on_the_circle(x: float, y: float, radius: float) -> None:
    (outline,) = trace_outlines(coverage(circle(x, y, radius), 64, 64))
    error = boundary_error([outline.points], [circle(x, y, radius)], (64, 64))
    assert error is not None
    assert error.max_px < 0.15
    assert shoelace_area(outline.points) == pytest.approx(math.pi * radius**2, rel=0.02)


def test_the_outline_of_a_hard_mask_is_neither_too_small_nor_stepped() -> None:
    hard = (coverage(circle(60.3, 58.9, 40), 120, 120) >= 0.5).astype(np.float32)
    (outline,) = trace_outlines(hard)
    error = boundary_error([outline.points], [circle(60.3, 58.9, 40)], (120, 120))
    assert error is not None
    assert error.mean_px < 0.2
    assert shoelace_area(outline.points) == pytest.approx(math.pi * 40**2, rel=0.005)


def test_holes_are_told_from_objects_and_run_the_same_way() -> None:
    ring = coverage(circle(50, 50, 40), 100, 100) * (1 - coverage(circle(50, 50, 20), 100, 100))
    outer, hole = trace_outlines(ring)
    assert (outer.hole, hole.hole) == (False, True)
    assert shoelace_area(hole.points) > 0


def test_edges_cut_by_the_border_run_on_outside_the_plate() -> None:
    (outline,) = trace_outlines(coverage(box(-50, 20.25, 30, 60.75), 100, 80))
    assert outline.points[:, 0].min() < -10
    outside = outline.points[(outline.points[:, 0] < 0) & (outline.points[:, 0] > -14)]
    upper = outside[np.abs(outside[:, 1] - 20.25) < 0.5][:, 1]
    assert len(upper) > 10
    assert np.ptp(upper) < 1e-3


def test_the_measure_sees_a_moved_point() -> None:
    right = circle(50, 50, 30)
    wrong = right.copy()
    wrong[10] += (7.0, 0.0)
    assert boundary_error([right], [right], (100, 100)).max_px < 0.02  # type: ignore[union-attr] # both have edges
    error = boundary_error([wrong], [right], (100, 100))
    assert error is not None
    assert error.max_px == pytest.approx(7.0, abs=0.4)


@given(shift=st.floats(0.2, 6))
def test_the_measure_knows_how_far_a_box_was_moved(shift: float) -> None:
    error = boundary_error([box(20, 20, 60, 60)], [box(20 + shift, 20, 60 + shift, 60)], (100, 100))
    assert error is not None
    assert error.max_px == pytest.approx(shift, abs=0.02)
    assert error.mean_px == pytest.approx(shift / 2, rel=0.15)


def test_the_measure_looks_both_ways() -> None:
    error = boundary_error([circle(30, 30, 10)], [circle(30, 30, 10), circle(70, 70, 10)], (100, 100))
    assert error is not None
    assert error.max_px > 40


def test_an_edge_on_one_side_only_is_infinitely_far() -> None:
    missing = boundary_error([], [circle(30, 30, 10)], (100, 100))
    assert missing is not None
    assert math.isinf(missing.max_px)
    assert boundary_error([], [], (100, 100)) is None


def test_crossings_of_an_outline_are_counted() -> None:
    assert self_crossings(circle(30, 30, 10)) == 0
    assert self_crossings(np.array([[0, 0], [10, 10], [10, 0], [0, 10.0]])) == 1


def test_shapes_are_painted_in_order_and_inverted_ones_cut() -> None:
    under = shape("under", {1: square_points(10, 10, 40)})
    hole = shape("hole", {1: square_points(20, 20, 10)}, invert=True)
    over = shape("over", {1: square_points(24, 24, 2)})
    drawn = render_shapes(Roto(Plate(64, 64, FrameRange(1, 2)), (under, hole, over)), 1)
    assert drawn.sum() == pytest.approx(1600 - 100 + 4)


def test_shapes_are_not_drawn_outside_their_lifetime() -> None:
    roto = Roto(Plate(64, 64, FrameRange(1, 9)), (shape("one", {2: square_points(10, 10, 8)}),))
    assert render_shapes(roto, 3).sum() == 0
    assert matte_error(roto, 3, np.zeros((64, 64), np.float32)) is None
    assert matte_error(roto, 2, coverage(box(10, 10, 18, 18), 64, 64)) is not None


def test_linear_shapes_move_evenly_and_hold_outside_their_keyframes() -> None:
    moving = shape("one", {10: square_points(0, 0, 8), 20: square_points(10, 0, 8)})
    assert shape_controls(moving, 13)[0, 0] == pytest.approx(3)
    assert shape_controls(moving, 5)[0, 0] == 0
    assert shape_controls(moving, 50)[0, 0] == 10
    assert len(shape_polyline(moving, 13)) >= 4


@pytest.mark.parametrize(
    ("keys", "frame", "expected"),
    [
        ({1: 0, 50: 1, 100: 0}, 25, 0.675943),
        ({1: 0, 50: 1, 100: 0}, 75, 0.6875),
        ({1: 0, 50: 20, 100: 100}, 25, 4.305524),
        ({1: 0, 50: 20, 100: 100}, 75, 54.469697),
        ({1: 100, 10: 300, 20: 500}, 5, 190.766010),
        ({1: 100, 10: 200, 20: 100}, 15, 168.75),
        ({1: 5, 50: 40}, 25, 22.142857),
    ],
)
def test_smooth_shapes_move_as_nuke_moves_them(keys: dict[int, float], frame: int, expected: float) -> None:
    moving = shape(
        "one",
        {at: square_points(value, 0, 8) for at, value in keys.items()},
        interpolation=Interpolation.SMOOTH,
    )
    assert shape_controls(moving, frame)[0, 0] == pytest.approx(expected, abs=1e-5)


def test_an_outline_of_control_points_becomes_a_fine_polyline() -> None:
    reach = 20 * 0.5522847
    points = [
        ControlPoint(50, 30, -reach, 0, reach, 0),
        ControlPoint(70, 50, 0, -reach, 0, reach),
        ControlPoint(50, 70, reach, 0, -reach, 0),
        ControlPoint(30, 50, 0, reach, 0, -reach),
    ]
    line = control_point_polyline(points)
    assert np.abs(np.hypot(line[:, 0] - 50, line[:, 1] - 50) - 20).max() < 0.02
