"""Motion that a whole outline shares goes to a layer: measured by drawing both ways against the true mattes."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting import FitOptions, FitResult, coverage, fit_shapes, render_shapes
from roto_shapes.layers import baked, evaluate_on_plate
from roto_shapes.shape import Roto
from roto_shapes.shot import FrameRange, Plate

FRAMES = 24
PLATE = Plate(220, 200, FrameRange(1, FRAMES))
FLAG = np.array([[-45, -30], [50, -30], [50, 5], [10, 5], [10, 40], [-45, 40]], float)


def pose(frame: int) -> tuple[float, float, float, float]:
    """Return move, angle and scale of the true motion: steady, so that two keyframes of a transform hold it."""
    u = (frame - 1) / (FRAMES - 1)
    return 95 + 30 * u, 110 - 20 * u, math.radians(90 * u), 1 - 0.25 * u


def matte(frame: int) -> NDArray[np.float32]:
    x, y, angle, scale = pose(frame)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return coverage(FLAG @ turn.T * scale + (x, y), PLATE.width, PLATE.height)


@cache
def fitted(*, layers: bool) -> FitResult:
    mattes = [(frame, matte(frame)) for frame in PLATE.frames]
    return fit_shapes(mattes, PLATE, FitOptions(tolerance_px=0.5, layers=layers))


def test_a_steady_turn_with_moving_and_scaling_takes_few_keyframes_of_a_layer_and_still_points() -> None:
    result = fitted(layers=True)
    (shape,) = result.roto.shapes
    assert shape.layer is not None
    assert len(shape.layer.keyframes) <= 4
    assert len(shape.keyframes) <= 3
    last, first = shape.layer.keyframes[-1], shape.layer.keyframes[0]
    assert last.rotation_deg - first.rotation_deg == pytest.approx(90, abs=0.5)
    assert last.scale / first.scale == pytest.approx(0.75, abs=0.01)
    for one, other in zip(shape.keyframes[0].points, shape.keyframes[-1].points, strict=True):
        assert math.dist(one[:2], other[:2]) < 1.0


def strays(roto: Roto) -> NDArray[np.float64]:
    """Return for each frame how far the drawn matte strays from the true one, in px of the outline's length."""
    found = []
    for frame in PLATE.frames:
        wanted = matte(frame)
        outline_px = np.abs(np.diff(wanted, axis=0)).sum() + np.abs(np.diff(wanted, axis=1)).sum()
        found.append(float(np.abs(render_shapes(roto, frame) - wanted).sum() / outline_px))
    return np.array(found)


def test_the_layered_result_and_the_baked_one_draw_the_mattes() -> None:
    layered = fitted(layers=True).roto
    plain = strays(fitted(layers=False).roto)
    for roto in (layered, baked(layered, 0.05)):
        assert strays(roto).mean() < min(0.1, 1.1 * plain.mean())
        assert strays(roto).max() < 0.25


def test_the_report_counts_keyframes_with_and_without_layers() -> None:
    report = fitted(layers=True).report
    (shape,) = fitted(layers=True).roto.shapes
    assert shape.layer is not None
    assert report.layer_keyframes == len(shape.layer.keyframes)
    assert report.keyframes == len(shape.keyframes)
    assert report.baked_keyframes > 2 * (report.keyframes + report.layer_keyframes)
    a_key_of_points, a_key_of_the_layer = 6 * shape.point_count + 1, 5
    assert report.control_numbers == (
        len(shape.keyframes) * a_key_of_points + len(shape.layer.keyframes) * a_key_of_the_layer
    )
    assert report.baked_control_numbers == report.baked_keyframes * a_key_of_points


def test_without_asking_there_are_no_layers() -> None:
    report = fitted(layers=False).report
    assert fitted(layers=False).roto.layers == ()
    assert (report.layer_keyframes, report.baked_keyframes) == (0, report.keyframes)
    assert report.keyframes > 4


def test_a_layer_puts_points_where_the_true_corners_are() -> None:
    (shape,) = fitted(layers=True).roto.shapes
    for frame in (1, 12, FRAMES):
        x, y, angle, scale = pose(frame)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        corners = FLAG @ turn.T * scale + (x, y)
        points = np.array([point[:2] for point in evaluate_on_plate(shape, frame)])
        assert np.linalg.norm(corners[:, None] - points, axis=-1).min(axis=1).max() < 1.0


def test_one_frame_needs_no_layer() -> None:
    result = fit_shapes([(1, matte(1))], PLATE, FitOptions(layers=True))
    assert result.roto.layers == ()
