"""Edit and re-fit: what the artist locked or edited stays bit for bit, the rest follows the mattes again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from roto_daemon.errors import FitError
from roto_daemon.fitting import (
    FitOptions,
    FitResult,
    control_point_polyline,
    coverage,
    fit_shapes,
    refit_shapes,
)
from roto_daemon.fitting.measure import boundary_error
from roto_shapes.curve import evaluate
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
WIDTH, HEIGHT, LAST = 200, 160, 17
PLATE = Plate(WIDTH, HEIGHT, FrameRange(0, LAST))


def blob(x: float, y: float, radius: float, turn: float = 0.0) -> Points:
    angle = np.linspace(0, 2 * math.pi, 240, endpoint=False)
    reach = radius * (1 + 0.2 * np.cos(2 * angle) + 0.12 * np.sin(3 * angle))
    return np.stack([x + reach * np.cos(angle + turn), y + reach * np.sin(angle + turn)], axis=1)


def wandering(frame: int) -> Points:
    tracks = [[70, 110, 90, 130], [70, 90, 80, 75], [40, 36, 44, 38]]
    return blob(*(float(np.interp(frame, [0, 5, 11, 17], track)) for track in tracks))


def mattes(outline: Callable[[int], Points]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for frame in range(LAST + 1):
        yield frame, coverage(outline(frame), WIDTH, HEIGHT)


@cache
def fitted(interpolation: Interpolation = Interpolation.LINEAR) -> Shape:
    options = FitOptions(0.5, keyframe_step=4, interpolation=interpolation)
    (shape,) = fit_shapes(mattes(wandering), PLATE, options).roto.shapes
    return shape


def refit(shape: Shape, edited: tuple[int, ...] = ()) -> Shape:
    result: FitResult = refit_shapes(Roto(PLATE, (shape,)), mattes(wandering), FitOptions(0.5), edited)
    (back,) = result.roto.shapes
    return back


def with_keyframes(shape: Shape, change: Callable[[ShapeKeyframe], ShapeKeyframe]) -> Shape:
    return replace(shape, keyframes=tuple(change(key) for key in shape.keyframes))


def pushed(key: ShapeKeyframe, dx: float, dy: float) -> ShapeKeyframe:
    return replace(key, points=tuple(point._replace(x=point.x + dx, y=point.y + dy) for point in key.points))


def worst_px(shape: Shape, frames: range) -> float:
    found = []
    for frame in frames:
        error = boundary_error([control_point_polyline(evaluate(shape, frame))], [wandering(frame)], (WIDTH, HEIGHT))
        assert error is not None
        found.append(error.max_px)
    return max(found)


@given(
    locked=st.sets(st.integers(0, 20)),
    push=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    interpolation=st.sampled_from(Interpolation),
)
@settings(max_examples=4, deadline=None)
def test_locked_keyframes_come_back_bit_for_bit(
    locked: set[int], push: tuple[float, float], interpolation: Interpolation
) -> None:
    moved = with_keyframes(
        fitted(interpolation), lambda key: replace(pushed(key, *push), locked=True) if key.frame in locked else key
    )
    back = refit(moved)
    kept = [key for key in back.keyframes if key.locked]
    assert kept == [key for key in moved.keyframes if key.locked]
    assert (back.name, back.lifetime, back.point_count) == (moved.name, moved.lifetime, moved.point_count)
    assert back.interpolation is interpolation


def test_keyframes_that_were_thrown_off_find_the_mattes_again_without_sliding() -> None:
    shape = fitted()
    thrown = with_keyframes(shape, lambda key: pushed(key, 4, -3))
    assert worst_px(thrown, range(LAST + 1)) > 3
    back = refit(thrown)
    assert worst_px(back, range(LAST + 1)) < 1.1
    for frame in (0, 8, LAST):
        for old, new in zip(evaluate(shape, frame), evaluate(back, frame), strict=True):
            assert math.dist((old.x, old.y), (new.x, new.y)) < 6


def test_only_what_lies_between_the_locked_keyframes_round_an_edit_changes() -> None:
    shape = fitted()
    frames = [key.frame for key in shape.keyframes]
    assert {0, 4, 8, 12, 16} <= set(frames)

    def change(key: ShapeKeyframe) -> ShapeKeyframe:
        if key.frame in {4, 12}:
            return replace(key, locked=True)
        return pushed(key, 2, 1) if key.frame in {0, 16} or 4 < key.frame < 12 else key

    edited = with_keyframes(shape, change)
    back = refit(edited, (8,))
    old, new = ({key.frame: key for key in one.keyframes} for one in (edited, back))
    outside = [frame for frame in old if not 4 < frame < 12]
    assert [frame for frame in new if not 4 < frame < 12] == outside
    assert all(old[frame] == new[frame] for frame in (*outside, 8))
    assert worst_px(back, range(5, 7)) < worst_px(edited, range(5, 7))


def test_keyframes_come_where_the_bound_is_missed_and_go_where_nothing_needs_them() -> None:
    shape = fitted()
    ends = {0, LAST}
    few = replace(shape, keyframes=tuple(replace(key, locked=True) for key in shape.keyframes if key.frame in ends))
    assert worst_px(few, range(LAST + 1)) > 5
    back = refit(few)
    assert back.keyframes[0] == few.keyframes[0]
    assert worst_px(back, range(LAST + 1)) < 0.65
    assert len(back.keyframes) <= 6
    assert len(refit(shape).keyframes) < len(shape.keyframes)


def test_corners_and_feathers_stay_with_their_points() -> None:
    def feathered(key: ShapeKeyframe) -> ShapeKeyframe:
        first, *rest = key.points
        return replace(key, points=(ControlPoint(*first[:6], corner=True, feather=(3.0, 1.0)), *rest))

    back = refit(with_keyframes(fitted(), feathered))
    for key in back.keyframes:
        assert key.points[0].corner
        assert key.points[0].feather == pytest.approx((3.0, 1.0))
        assert all(point.feather is None for point in key.points[1:])


def test_shapes_are_matched_to_their_own_outlines() -> None:
    def two(frame: int) -> NDArray[np.float32]:
        return coverage([blob(50 + frame, 60, 25), blob(150, 110 - frame, 20)], WIDTH, HEIGHT)

    fit = fit_shapes(((f, two(f)) for f in range(8)), PLATE, FitOptions(0.5))
    thrown = replace(
        fit.roto, shapes=tuple(with_keyframes(one, lambda key: pushed(key, 2, 2)) for one in fit.roto.shapes)
    )
    back = refit_shapes(thrown, ((f, two(f)) for f in range(8)), FitOptions(0.5))
    assert [shape.name for shape in back.roto.shapes] == [shape.name for shape in fit.roto.shapes]
    assert all(frame.max_px < 1 for frame in back.report.frames)


def test_a_shape_without_an_outline_stays_as_it_is() -> None:
    away = with_keyframes(fitted(), lambda key: pushed(key, -500, 0))
    assert refit(away) == away


def test_an_edited_frame_without_a_keyframe_is_refused() -> None:
    with pytest.raises(FitError, match="no shape has a keyframe on frame 99"):
        refit(fitted(), (99,))


def test_a_shape_on_a_layer_is_refused() -> None:
    layer = Layer("drift", (LayerKeyframe(0, 0.0, 0.0),), (0.0, 0.0))
    with pytest.raises(FitError, match="layer"):
        refit(replace(fitted(), layer=layer))


def test_an_open_shape_is_refused() -> None:
    with pytest.raises(FitError, match="open"):
        refit(replace(fitted(), closed=False))
