"""What artists ask of keyframes: demanded frames and steps, and the host's own interpolation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from roto_daemon.errors import FitError
from roto_daemon.fitting import FitOptions, FitResult, control_point_polyline, coverage, fit_shapes
from roto_daemon.fitting.measure import boundary_error
from roto_daemon.fitting.mixing import KeyRule
from roto_shapes.curve import evaluate, interpolate
from roto_shapes.shape import ControlPoint, Interpolation, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
WIDTH, HEIGHT = 200, 160


def blob(x: float, y: float, radius: float, turn: float = 0.0) -> Points:
    angle = np.linspace(0, 2 * math.pi, 240, endpoint=False)
    reach = radius * (1 + 0.2 * np.cos(2 * angle) + 0.12 * np.sin(3 * angle))
    return np.stack([x + reach * np.cos(angle + turn), y + reach * np.sin(angle + turn)], axis=1)


def drifting(frame: int) -> Points:
    return blob(70 + 3 * frame, 80, 40)


def arcing(frame: int) -> Points:
    angle = 0.11 * frame
    return blob(100 + 45 * math.cos(angle), 75 + 30 * math.sin(angle), 30)


def fit(outline: Callable[[int], Points], frames: range, options: FitOptions) -> FitResult:
    def mattes() -> Iterator[tuple[int, NDArray[np.float32]]]:
        for frame in frames:
            yield frame, coverage(outline(frame), WIDTH, HEIGHT)

    return fit_shapes(mattes(), Plate(WIDTH, HEIGHT, FrameRange(frames[0], frames[-1])), options)


def keys(shape: Shape) -> list[int]:
    return [key.frame for key in shape.keyframes]


def worst_px(shape: Shape, outline: Callable[[int], Points], frames: range) -> float:
    """Measure by the interpolation that formats and hosts use, which is not the fitter's own."""
    found = []
    for frame in frames:
        drawn = control_point_polyline(evaluate(shape, frame))
        error = boundary_error([drawn], [outline(frame)], (WIDTH, HEIGHT))
        assert error is not None
        found.append(error.max_px)
    return max(found)


@given(demanded=st.sets(st.integers(5, 15), max_size=4), interpolation=st.sampled_from(Interpolation))
@settings(max_examples=6, deadline=None)
def test_demanded_frames_are_keyframes(demanded: set[int], interpolation: Interpolation) -> None:
    options = FitOptions(0.5, keyframes_at=tuple(demanded), interpolation=interpolation)
    (shape,) = fit(drifting, range(5, 16), options).roto.shapes
    assert keys(shape) == sorted({5, 15} | demanded)
    assert worst_px(shape, drifting, range(5, 16)) < 1


def test_a_step_is_counted_from_the_first_frame_of_the_lifetime() -> None:
    (shape,) = fit(drifting, range(3, 17), FitOptions(0.5, keyframe_step=5)).roto.shapes
    assert keys(shape) == [3, 8, 13, 16]


def test_further_keyframes_stand_between_demanded_ones_where_the_bound_asks() -> None:
    (free,) = fit(arcing, range(16), FitOptions(0.5)).roto.shapes
    (shape,) = fit(arcing, range(16), FitOptions(0.5, keyframes_at=(2,))).roto.shapes
    assert 2 in keys(shape)
    assert 4 <= len(keys(shape)) <= len(keys(free)) + 2
    assert worst_px(shape, arcing, range(16)) < 1.3


def test_demanded_frames_outside_a_lifetime_are_ignored_for_that_shape() -> None:
    def mattes() -> Iterator[tuple[int, NDArray[np.float32]]]:
        for frame in range(12):
            matte = coverage(blob(60, 80, 30), WIDTH, HEIGHT)
            yield frame, matte + coverage(blob(150, 80, 20), WIDTH, HEIGHT) * (frame < 6)

    result = fit_shapes(mattes(), Plate(WIDTH, HEIGHT, FrameRange(0, 11)), FitOptions(0.5, keyframes_at=(4, 9)))
    assert [keys(shape) for shape in result.roto.shapes] == [[0, 4, 9, 11], [0, 4, 5]]


def test_a_demanded_frame_outside_the_range_is_refused() -> None:
    with pytest.raises(FitError, match=r"no keyframe on frame 40: .* 11 frames from 5 to 15"):
        fit(drifting, range(5, 16), FitOptions(0.5, keyframes_at=(7, 40)))


@pytest.mark.parametrize("step", [0, -5])
def test_a_step_that_leads_nowhere_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match="step of 1 or more"):
        FitOptions(keyframe_step=step)


@given(rate=st.floats(0.02, 0.09), speed=st.floats(-2, 2))
@settings(max_examples=4, deadline=None)
def test_smooth_shapes_hold_the_bound_as_hosts_interpolate_them(rate: float, speed: float) -> None:
    def turning(frame: int) -> Points:
        return blob(100 + speed * frame, 80, 50, rate * frame)

    result = fit(turning, range(16), FitOptions(0.5, interpolation=Interpolation.SMOOTH))
    (shape,) = result.roto.shapes
    assert shape.interpolation is Interpolation.SMOOTH
    assert result.report.effective_tolerance_px < 0.75
    assert worst_px(shape, turning, range(16)) < 1.3


@given(
    gaps=st.lists(st.integers(1, 6), min_size=0, max_size=6),
    data=st.data(),
    rule=st.sampled_from(Interpolation),
)
@settings(max_examples=80, deadline=None)
def test_the_fitter_mixes_keyframes_as_hosts_interpolate(
    gaps: list[int], data: st.DataObject, rule: Interpolation
) -> None:
    at = [0, *np.cumsum(gaps, dtype=int).tolist()]
    values = data.draw(st.lists(st.floats(-50, 50), min_size=len(at), max_size=len(at)))
    mixing = KeyRule(rule).mixing(np.arange(at[-1] + 1), at)
    wanted = [interpolate(at, values, frame, rule) for frame in range(at[-1] + 1)]
    assert mixing.apply(np.array(values)[:, None])[:, 0] == pytest.approx(wanted, abs=1e-9)


@given(values=st.lists(st.floats(1, 2), min_size=4, max_size=4), rule=st.sampled_from(Interpolation))
@settings(max_examples=40, deadline=None)
def test_weights_mix_as_hosts_do_where_no_slope_is_held_back(values: list[float], rule: Interpolation) -> None:
    at, rising = [0, 3, 5, 9], np.cumsum(values) * (1.0, 1.2, 1.4, 1.8)
    mixing = KeyRule(rule).mixing(np.arange(10), at)
    assert mixing.weights @ rising == pytest.approx(mixing.apply(rising[:, None])[:, 0])


@given(seed=st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_weights_that_hold_slopes_back_as_the_values_ask_mix_exactly_as_hosts_do(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(5, 3, 6))
    mixing = KeyRule(Interpolation.SMOOTH).mixing(np.arange(16), [0, 3, 4, 9, 15])
    mixed = np.einsum("tknc,knc->tnc", mixing.weights_at(values), values)
    assert mixed == pytest.approx(mixing.apply(values), abs=1e-9)


def test_smooth_shapes_follow_a_turning_object_more_closely_with_no_more_keyframes() -> None:
    def turning(frame: int) -> Points:
        return blob(100, 80, 45, 0.1 * frame)

    both = [fit(turning, range(16), FitOptions(0.5, interpolation=rule)).roto.shapes[0] for rule in Interpolation]
    linear, smooth = both
    assert len(keys(smooth)) <= len(keys(linear))
    assert worst_px(smooth, turning, range(16)) < worst_px(linear, turning, range(16))


def test_motion_keyed_smoothly_is_found_again_with_the_keyframes_and_points_that_it_was_made_of() -> None:
    made = (0, 8, 17, 23)
    poses = [blob(70, 80, 40), blob(120, 70, 46, 0.2), blob(110, 95, 38, 0.05), blob(75, 85, 44, -0.2)]
    shape = Shape(
        "made",
        tuple(ShapeKeyframe(frame, rounded(pose[::30])) for frame, pose in zip(made, poses, strict=True)),
        FrameRange(0, 23),
        interpolation=Interpolation.SMOOTH,
    )

    def outline(frame: int) -> Points:
        return control_point_polyline(evaluate(shape, frame))

    result = fit(outline, range(24), FitOptions(0.5, interpolation=Interpolation.SMOOTH))
    (found,) = result.roto.shapes
    assert keys(found) == list(made)
    assert found.point_count <= 10
    assert worst_px(found, outline, range(24)) < 1


def rounded(places: Points) -> tuple[ControlPoint, ...]:
    """Return control points at places, with tangents along the neighbours' chord."""
    along = (np.roll(places, -1, axis=0) - np.roll(places, 1, axis=0)) / 6
    return tuple(
        ControlPoint(x, y, -dx, -dy, dx, dy) for (x, y), (dx, dy) in zip(places.tolist(), along.tolist(), strict=True)
    )
