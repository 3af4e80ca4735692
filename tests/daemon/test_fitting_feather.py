"""Feather is as wide as the matte's soft edge: measured on ramps whose width is known by construction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.errors import FitError
from roto_daemon.fitting import FitOptions, FitResult, coverage, fit_shapes, refit_shapes, shape_polyline
from roto_daemon.fitting.measure import self_crossings
from roto_daemon.fitting.outline import shoelace_area
from roto_shapes.shape import Roto, Shape
from roto_shapes.shot import FrameRange, Plate

Matte = NDArray[np.float32]
WIDTH, HEIGHT, FRAMES = 200, 160, range(6)
PLATE = Plate(WIDTH, HEIGHT, FrameRange(0, 5))
ROWS, COLUMNS = np.indices((HEIGHT, WIDTH)) + 0.5


def as_matte(values: NDArray[np.float64]) -> Matte:
    matte: Matte = np.clip(values, 0, 1).astype(np.float32)
    return matte


def soft_disc(x: float, y: float, radius: float, ramp_px: float | NDArray[np.float64]) -> Matte:
    """Coverage falls linearly over the ramp, and is a half at the radius."""
    distance = np.hypot(COLUMNS - x, ROWS - y)
    return as_matte(0.5 + (radius - distance) / ramp_px)


def hard_disc(x: float, y: float, radius: float) -> Matte:
    angle = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    return coverage(np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1), WIDTH, HEIGHT)


def middle(frame: int) -> tuple[float, float]:
    return 80.3 + 7 * frame, 78.6


def fit(matte: Callable[[int], Matte], threshold: float = 0.5, *, layers: bool = False) -> FitResult:
    options = FitOptions(threshold=threshold, feather=True, layers=layers)
    return fit_shapes(((frame, matte(frame)) for frame in FRAMES), PLATE, options)


def widths(shape: Shape) -> list[float]:
    return [math.hypot(*(point.feather or (0.0, 0.0))) for key in shape.keyframes for point in key.points]


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_points_stand_where_coverage_is_whole_and_their_feather_ends_where_it_is_nothing(threshold: float) -> None:
    (shape,) = fit(lambda frame: soft_disc(*middle(frame), 45, 12), threshold).roto.shapes
    for key in shape.keyframes:
        x, y = middle(key.frame)
        for point in key.points:
            assert point.feather is not None
            assert math.hypot(*point.feather) == pytest.approx(12, rel=0.1)
            assert math.hypot(point.x - x, point.y - y) == pytest.approx(39, abs=0.8)
            ends = math.hypot(point.x + point.feather[0] - x, point.y + point.feather[1] - y)
            assert ends == pytest.approx(51, abs=0.8)
    for frame in FRAMES:
        line = shape_polyline(shape, frame)
        assert np.abs(np.hypot(*(line - middle(frame)).T) - 39).max() < 1


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_a_shape_with_feather_that_is_fitted_anew_ends_where_coverage_is_whole(threshold: float) -> None:
    (shape,) = fit(lambda frame: soft_disc(*middle(frame), 45, 12), threshold).roto.shapes
    first, *others = shape.keyframes
    thrown = tuple(
        replace(key, points=tuple(point._replace(x=point.x + 3, y=point.y - 2) for point in key.points))
        for key in others
    )
    off = replace(shape, keyframes=(replace(first, locked=True), *thrown))
    mattes = ((frame, soft_disc(*middle(frame), 45, 12)) for frame in FRAMES)
    result = refit_shapes(Roto(PLATE, (off,)), mattes, FitOptions(threshold=threshold))
    (back,) = result.roto.shapes
    assert back.keyframes[0] == off.keyframes[0]
    for frame in FRAMES:
        assert np.abs(np.hypot(*(shape_polyline(back, frame) - middle(frame)).T) - 39).max() < 1
    assert widths(back) == pytest.approx([12] * len(widths(back)), rel=0.1)
    # The report is that of the line where coverage crosses the threshold.
    assert all(frame.max_px < 1 for frame in result.report.frames)


@pytest.mark.parametrize("ramp_px", [4.0, 24.0])
def test_narrow_and_wide_ramps_are_measured(ramp_px: float) -> None:
    (shape,) = fit(lambda frame: soft_disc(*middle(frame), 45, ramp_px)).roto.shapes
    assert widths(shape) == pytest.approx([ramp_px] * len(widths(shape)), rel=0.1)


def test_an_antialiased_disc_gets_no_feather_and_stays_bit_for_bit() -> None:
    result = fit(lambda frame: hard_disc(*middle(frame), 45))
    assert all(point.feather is None for key in result.roto.shapes[0].keyframes for point in key.points)
    plain = fit_shapes(((frame, hard_disc(*middle(frame), 45)) for frame in FRAMES), PLATE, FitOptions())
    assert result.roto == plain.roto


def test_a_disc_that_is_soft_on_the_right_has_feather_on_the_right_alone() -> None:
    def matte(frame: int) -> Matte:
        x, y = middle(frame)
        return np.where(x < COLUMNS, soft_disc(x, y, 45, 12), hard_disc(x, y, 45)).astype(np.float32)

    (shape,) = fit(matte).roto.shapes
    sides = {True: 0, False: 0}
    for key in shape.keyframes:
        for point in key.points:
            across = point.x - middle(key.frame)[0]
            if abs(across) < 12:
                continue
            sides[across > 0] += 1
            width = math.hypot(*(point.feather or (0.0, 0.0)))
            assert width == (pytest.approx(12, rel=0.1) if across > 0 else 0)
    assert min(sides.values()) > 0


def test_the_feather_of_a_hole_points_out_of_the_hole() -> None:
    result = fit(lambda frame: hard_disc(100, 80, 70) * (1 - soft_disc(95 + frame, 80, 30, 10)))
    hard, hole = result.roto.shapes
    assert hole.invert
    assert max(widths(hard)) == 0
    for key in hole.keyframes:
        for point in key.points:
            assert point.feather is not None
            out = (point.x - 95 - key.frame, point.y - 80)
            assert math.hypot(*out) == pytest.approx(25, abs=0.8)
            assert (out[0] * point.feather[0] + out[1] * point.feather[1]) / 25 == pytest.approx(10, rel=0.1)


def test_a_single_flickering_frame_does_not_move_the_feather() -> None:
    (shape,) = fit(lambda frame: soft_disc(*middle(frame), 45, 24 if frame == 3 else 12)).roto.shapes
    assert widths(shape) == pytest.approx([12] * len(widths(shape)), rel=0.1)


def test_the_report_and_the_plain_shapes_are_those_without_feather() -> None:
    mattes = [(frame, soft_disc(*middle(frame), 45, 12)) for frame in FRAMES]
    soft, plain = (fit_shapes(mattes, PLATE, FitOptions(feather=feather)) for feather in (True, False))
    assert soft.plain == plain.roto
    assert soft.roto != plain.roto
    assert soft.report.frames == plain.report.frames


def test_feather_on_a_layer_counts_its_scale() -> None:
    def matte(frame: int) -> Matte:
        turn, size = 0.1 * frame, 0.5 + 0.1 * frame
        across = (COLUMNS - 100) * math.cos(turn) + (ROWS - 80) * math.sin(turn)
        down = (ROWS - 80) * math.cos(turn) - (COLUMNS - 100) * math.sin(turn)
        outside = np.hypot(np.maximum(np.abs(across) - 50 * size, 0), np.maximum(np.abs(down) - 25 * size, 0))
        return as_matte(0.5 + (15 - outside) / 8)

    result = fit(matte, layers=True)
    (shape,) = result.roto.shapes
    assert shape.layer is not None
    scale = {key.frame: key.scale for key in shape.layer.keyframes}
    for key in shape.keyframes:
        on_plate = [math.hypot(*(point.feather or (0.0, 0.0))) * scale[key.frame] for point in key.points]
        assert on_plate == pytest.approx([8] * len(on_plate), rel=0.15)


@pytest.mark.parametrize("radius", [6.0, 9.0])
def test_a_shape_that_is_hardly_wider_than_its_soft_edge_neither_loops_nor_turns_inside_out(radius: float) -> None:
    def matte(frame: int) -> Matte:
        x, y = middle(frame)
        outside = np.hypot(np.maximum(np.abs(COLUMNS - x) - 30, 0), ROWS - y)
        return as_matte(0.5 + (radius - outside) / 14)

    (shape,) = fit(matte).roto.shapes
    assert max(widths(shape)) > 3
    for frame in FRAMES:
        line = shape_polyline(shape, frame)
        assert self_crossings(line) == 0
        assert shoelace_area(line) > 0


def test_where_an_arm_is_too_thin_for_its_feather_the_rest_keeps_the_whole_width() -> None:
    def matte(frame: int) -> Matte:
        past = np.maximum(np.abs(COLUMNS - 130) - 45, 0)
        arm = np.hypot(past, ROWS - 80 - frame - 12 * np.sin((COLUMNS - 90) / 12))
        return as_matte(np.maximum(soft_disc(60, 80 + frame, 32, 12), 0.5 + (6 - arm) / 11))

    (shape,) = fit(matte).roto.shapes
    for key in shape.keyframes:
        left = [point for point in key.points if point.x < 35]
        assert left
        for point in left:
            assert math.hypot(*(point.feather or (0.0, 0.0))) == pytest.approx(12, rel=0.1)
    for frame in FRAMES:
        assert self_crossings(shape_polyline(shape, frame)) == 0


def test_a_hole_that_only_an_offset_closes_gets_no_feather() -> None:
    ring = hard_disc(100, 80, 60) * (1 - hard_disc(100, 80, 40))
    ring[77:83, 100:] = 0
    options = FitOptions(offset_px=6.0, feather=True)
    result = fit_shapes([(frame, ring) for frame in FRAMES], PLATE, options)
    assert [shape.invert for shape in result.roto.shapes] == [False, True]
    assert max(widths(result.roto.shapes[1])) == 0


def test_shapes_that_are_fitted_anew_take_no_new_feather() -> None:
    mattes = [(frame, soft_disc(*middle(frame), 45, 12)) for frame in FRAMES]
    drawn = fit_shapes(mattes, PLATE).roto
    with pytest.raises(FitError, match="keep the feather"):
        refit_shapes(drawn, mattes, FitOptions(feather=True))


def test_the_points_of_a_dot_that_is_soft_to_its_middle_do_not_fall_together() -> None:
    result = fit(lambda frame: soft_disc(*middle(frame), 8, 16))
    (soft,), (plain,) = result.roto.shapes, result.plain.shapes
    assert max(widths(soft)) > 8
    for frame in FRAMES:
        assert shoelace_area(shape_polyline(soft, frame)) > 0.005 * shoelace_area(shape_polyline(plain, frame))
