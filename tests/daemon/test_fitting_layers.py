"""Motion that a whole outline shares goes to a layer: measured by drawing both ways against the true mattes."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting import FitOptions, FitResult, coverage, fit_shapes, render_shapes, shape_polyline
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


CARD = np.array([[-70, -45], [70, -45], [70, 45], [-70, 45]], float)


def ellipse(x: float, y: float, across: float, down: float) -> NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    return np.column_stack([x + across * np.cos(angles), y + down * np.sin(angles)])


def rounded(across: float, down: float, radius: float) -> NDArray[np.float64]:
    """Return a rectangle with round corners about the origin."""
    corners = [(across, down), (-across, down), (-across, -down), (across, -down)]
    parts = [
        ellipse(0, 0, radius, radius)[np.arange(23) + quarter * 90 // 4]
        + np.array(corner) * (1 - radius / np.abs(corner))
        for quarter, corner in enumerate(corners)
    ]
    return np.concatenate(parts)


def pictured(places: NDArray[np.float64], frame: float) -> NDArray[np.float64]:
    """Return where a pinhole camera sees places of a stiff card that turns in space and comes nearer."""
    u = (frame - 1) / (FRAMES - 1)
    a, b, c = (math.radians(angle) for angle in (-25 + 50 * u, 10 * u, 15 * u))
    about_y = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    about_z = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    in_space = np.column_stack([places, np.zeros(len(places))]) @ (about_z @ about_x @ about_y).T
    in_space += (-10 + 15 * u, 5 * u, 320 - 30 * u)
    seen: NDArray[np.float64] = 300 * in_space[:, :2] / in_space[:, 2:] + (110, 100)
    return seen


def tilting_card(frame: int) -> NDArray[np.float32]:
    sides = [a + (b - a) * share for a, b in zip(CARD, np.roll(CARD, -1, axis=0), strict=True) for share in (0, 1 / 2)]
    return coverage(pictured(np.array(sides), frame), PLATE.width, PLATE.height)


def tilting_logo(frame: int) -> NDArray[np.float32]:
    body = coverage(pictured(rounded(70, 45, 30), frame), PLATE.width, PLATE.height)
    cut: NDArray[np.float32] = body * (1 - coverage(pictured(ellipse(15, 5, 28, 18), frame), PLATE.width, PLATE.height))
    return cut


@cache
def tilted(kind: str, *, layers: bool = True) -> FitResult:
    drawn = {"card": tilting_card, "logo": tilting_logo}[kind]
    options = FitOptions(tolerance_px=0.5, name="hero", layers=layers)
    return fit_shapes([(frame, drawn(frame)) for frame in PLATE.frames], PLATE, options)


def test_a_card_that_tilts_is_still_points_on_a_layer_with_perspective() -> None:
    (shape,) = tilted("card").roto.shapes
    assert shape.layer is not None
    assert shape.layer.has_perspective
    assert len(shape.keyframes) <= 2
    for one, other in zip(shape.keyframes[0].points, shape.keyframes[-1].points, strict=True):
        assert math.dist(one[:2], other[:2]) < 1.0
    for frame in (1, 6, 12, 18, FRAMES):
        points = np.array([point[:2] for point in evaluate_on_plate(shape, frame)])
        assert np.linalg.norm(pictured(CARD, frame)[:, None] - points, axis=-1).min(axis=1).max() < 1.0


def test_a_body_and_its_hole_share_one_layer() -> None:
    body, hole = tilted("logo").roto.shapes
    assert hole.invert
    assert body.layer is not None
    assert body.layer.has_perspective
    assert body.layer is hole.layer
    assert body.layer.name == "hero.group"
    assert len(body.keyframes) + len(hole.keyframes) <= 5


@pytest.mark.parametrize("kind", ["card", "logo"])
def test_perspective_takes_fewer_numbers_and_is_counted_both_ways(kind: str) -> None:
    layered, plain = tilted(kind).report, tilted(kind, layers=False).report
    assert layered.control_numbers < {"card": 0.95, "logo": 0.7}[kind] * plain.control_numbers
    assert plain.control_numbers == plain.baked_control_numbers
    assert layered.baked_control_numbers > plain.control_numbers
    assert layered.mean_px < plain.mean_px + 0.05
    assert layered.worst_frame is not None
    assert layered.worst_frame.max_px < 1.0


@pytest.mark.parametrize("kind", ["card", "logo"])
def test_perspective_and_its_bake_draw_the_same_and_the_mattes(kind: str) -> None:
    drawn = {"card": tilting_card, "logo": tilting_logo}[kind]
    layered = tilted(kind).roto
    plain = baked(layered, 0.05)
    for frame in PLATE.frames:
        wanted = drawn(frame)
        outline_px = np.abs(np.diff(wanted, axis=0)).sum() + np.abs(np.diff(wanted, axis=1)).sum()
        both = [render_shapes(roto, frame) for roto in (layered, plain)]
        assert np.abs(both[0] - both[1]).sum() < 0.05 * outline_px
        assert np.abs(both[0] - wanted).sum() < 0.3 * outline_px


def area(polyline: NDArray[np.float64]) -> float:
    x, y = polyline.T
    return float(np.abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2)


def test_perspective_is_as_true_between_whole_frames() -> None:
    body, hole = tilted("logo").roto.shapes
    for frame in np.arange(1.5, FRAMES, 3.0):
        true = [pictured(places, frame) for places in (rounded(70, 45, 30), ellipse(15, 5, 28, 18))]
        for shape, outline in zip((body, hole), true, strict=True):
            length = np.linalg.norm(np.roll(outline, -1, axis=0) - outline, axis=1).sum()
            drawn = shape_polyline(shape, float(frame))
            assert abs(area(drawn) - area(outline)) < 0.25 * length


def test_what_swings_about_a_point_outside_itself_turns_about_that_point() -> None:
    def swinging(frame: int) -> NDArray[np.float32]:
        angle = math.radians(3 * (frame - 12))
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return coverage((FLAG * 0.7 + (0, 100)) @ turn.T + (110, 40), PLATE.width, PLATE.height)

    mattes = [(frame, swinging(frame)) for frame in PLATE.frames]
    (shape,) = fit_shapes(mattes, PLATE, FitOptions(tolerance_px=0.5, layers=True)).roto.shapes
    assert shape.layer is not None
    assert math.dist(shape.layer.pivot, (110, 40)) < 3
    assert len(shape.layer.keyframes) == 2


def test_the_bound_holds_on_the_plate_where_a_layer_enlarges_most() -> None:
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    flower = np.column_stack([np.cos(angles), np.sin(angles)]) * (20 + 2.5 * np.cos(5 * angles))[:, None]

    def growing(frame: int) -> NDArray[np.float32]:
        angle = math.radians(6 * frame)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return coverage(flower @ turn.T * (1 + frame / 8) + (110, 100), PLATE.width, PLATE.height)

    mattes = [(frame, growing(frame)) for frame in range(1, 21)]
    result = fit_shapes(mattes, PLATE, FitOptions(tolerance_px=0.5, layers=True))
    (shape,) = result.roto.shapes
    assert shape.layer is not None
    assert max(key.scale for key in shape.layer.keyframes) > 3 * min(key.scale for key in shape.layer.keyframes)
    assert result.report.worst_frame is not None
    assert result.report.worst_frame.max_px < 0.75


def test_a_part_that_goes_its_own_way_is_not_on_the_layer_of_the_others() -> None:
    def parted(frame: int) -> NDArray[np.float32]:
        x, y, angle, _ = pose(frame)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        body = coverage(FLAG @ turn.T * 0.8 + (x, y), PLATE.width, PLATE.height)
        eye = coverage(ellipse(-15, 0, 12, 8) @ turn.T * 0.8 + (x, y), PLATE.width, PLATE.height)
        other = coverage(ellipse(190, 20 + 3 * frame, 14, 9), PLATE.width, PLATE.height)
        painted: NDArray[np.float32] = body * (1 - eye) + other
        return painted

    roto = fit_shapes([(f, parted(f)) for f in PLATE.frames], PLATE, FitOptions(tolerance_px=0.5, layers=True)).roto
    by_name = {shape.name: shape.layer for shape in roto.shapes}
    assert len(by_name) == 3
    shared = [layer for layer in by_name.values() if layer is not None and layer.name == "object.group"]
    assert len(shared) == 2
    assert sum(layer is None for layer in by_name.values()) == 1
