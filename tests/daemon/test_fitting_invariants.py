"""What must be true of any fit: it does not matter how large the plate is or which way time runs, and bounds hold.

Distances are measured on the public shapes: `roto_shapes.curve` draws them and `boundary_error` compares them with the
outline that was rendered. The fitter's own judgement is asked for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from roto_daemon.fitting import FitOptions, coverage, fit_shapes, refit_shapes
from roto_daemon.fitting.measure import BoundaryError, boundary_error
from roto_shapes.curve import evaluate, flatten, signed_area
from roto_shapes.shape import Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
WIDTH, HEIGHT, LAST = 240, 180, 11
FRAMES = range(LAST + 1)
TOLERANCE_PX = 0.5
MOST_SLIDE = 0.5
"""In radians, as seen from the center; neighbours are 1 to 2 radians apart."""

MATTE_PX = 0.15
"""The edge of a rendered matte lies up to 0.1 px from the outline that was rendered."""


@dataclass(frozen=True)
class Motion:
    """A blob that moves, grows and turns steadily up to a break, and in another direction from there."""

    speed: tuple[float, float]
    later: tuple[float, float]
    growth: float
    turn: float
    break_frame: int

    def center(self, frame: int) -> tuple[float, float]:
        before, after = self._times(frame)
        x, y = (
            start + before * one + after * two
            for start, one, two in zip((120.0, 90.0), self.speed, self.later, strict=True)
        )
        return x, y

    def outline(self, frame: int) -> Points:
        before, after = self._times(frame)
        return blob(*self.center(frame), 32 + self.growth * (before - after), self.turn * frame)

    def _times(self, frame: int) -> tuple[int, int]:
        return min(frame, self.break_frame), max(frame - self.break_frame, 0)


speeds = st.tuples(st.floats(-3, 3), st.floats(-2, 2))
motions = st.builds(
    Motion,
    speed=speeds,
    later=speeds,
    growth=st.floats(-0.8, 0.8),
    turn=st.floats(-0.03, 0.03),
    break_frame=st.integers(3, 8),
)


def blob(x: float, y: float, radius: float, turn: float) -> Points:
    angle = np.linspace(0, 2 * math.pi, 300, endpoint=False)
    reach = radius * (1 + 0.2 * np.cos(2 * angle) + 0.08 * np.sin(3 * angle))
    return np.stack([x + reach * np.cos(angle + turn), y + reach * np.sin(angle + turn)], axis=1)


def mattes(outline: Callable[[int], Points], scale: int = 1) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for frame in FRAMES:
        yield frame, coverage(scale * outline(frame), scale * WIDTH, scale * HEIGHT)


def plate(scale: int = 1) -> Plate:
    return Plate(scale * WIDTH, scale * HEIGHT, FrameRange(0, LAST))


def fit(outline: Callable[[int], Points], scale: int = 1, step: int | None = None) -> tuple[Shape, float]:
    """Return the shape, and in px the bound that is reported to hold."""
    options = FitOptions(scale * TOLERANCE_PX, keyframe_step=step)
    result = fit_shapes(mattes(outline, scale), plate(scale), options)
    (shape,) = result.roto.shapes
    return shape, result.report.effective_tolerance_px


def drawn(shape: Shape, frame: int) -> Points:
    return np.array(flatten(evaluate(shape, frame), 0.01))


def apart(one: Points, other: Points) -> BoundaryError:
    error = boundary_error([one], [other], (WIDTH, HEIGHT))
    assert error is not None
    return error


def keyframes(shape: Shape) -> list[int]:
    return [key.frame for key in shape.keyframes]


@given(motions)
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
def test_the_reported_bound_holds_against_the_rendered_outline(motion: Motion) -> None:
    shape, bound_px = fit(motion.outline)
    assert bound_px < 1.2 * TOLERANCE_PX
    for frame in FRAMES:
        assert apart(drawn(shape, frame), motion.outline(frame)).max_px < bound_px + MATTE_PX


def test_a_motion_that_breaks_beside_a_demanded_keyframe_is_followed_on_that_frame_too() -> None:
    motion = Motion((1.6, 1.2), (1.6, 0.4), growth=0.7, turn=0.01, break_frame=4)
    shape, bound_px = fit(motion.outline, step=3)
    assert max(apart(drawn(shape, frame), motion.outline(frame)).max_px for frame in FRAMES) < bound_px + MATTE_PX


@given(motions)
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
def test_every_keyframe_has_the_same_points_in_the_same_order_and_orientation(motion: Motion) -> None:
    shape, _ = fit(motion.outline, step=2)
    assert {len(key.points) for key in shape.keyframes} == {shape.point_count}
    assert len({tuple(point.corner for point in key.points) for key in shape.keyframes}) == 1
    assert len({signed_area(evaluate(shape, frame)) > 0 for frame in FRAMES}) == 1
    for key in shape.keyframes:
        center = motion.center(key.frame)
        seen = [math.atan2(point.y - center[1], point.x - center[0]) for point in key.points]
        # The blob is seen whole from its center: points in order go round it once.
        steps = [(after - before) % math.tau for before, after in pairwise([*seen, seen[0]])]
        assert sum(steps) == pytest.approx(math.tau)
        # A point stays nearer to its own spot on a blob that turns than to its neighbours' spots.
        at_start = [math.atan2(p.y - 90.0, p.x - 120.0) for p in evaluate(shape, 0)]
        for before, after in zip(at_start, seen, strict=True):
            turned = math.remainder(after - before - motion.turn * key.frame, math.tau)
            assert abs(turned) < MOST_SLIDE


@given(motions)
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
def test_a_plate_twice_as_large_gives_the_same_shape_twice_as_large(motion: Motion) -> None:
    (small, _), (large, _) = fit(motion.outline), fit(motion.outline, 2)
    assert abs(large.point_count - small.point_count) <= 1
    assert abs(len(large.keyframes) - len(small.keyframes)) <= 1
    for frame in FRAMES:
        assert apart(drawn(small, frame), drawn(large, frame) / 2).max_px < 0.8 * TOLERANCE_PX


@given(motions)
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
def test_a_clip_that_runs_backwards_gives_the_mirrored_keyframes(motion: Motion) -> None:
    (onward, _), (backward, _) = fit(motion.outline), fit(lambda frame: motion.outline(LAST - frame))
    assert backward.point_count == onward.point_count
    mirrored = [LAST - frame for frame in reversed(keyframes(backward))]
    assert len(mirrored) == len(onward.keyframes)
    assert all(abs(one - other) <= 1 for one, other in zip(keyframes(onward), mirrored, strict=True))
    for frame in FRAMES:
        assert apart(drawn(onward, frame), drawn(backward, LAST - frame)).max_px < 0.2


@given(motions, st.sets(st.integers(0, 2), min_size=1, max_size=2), st.tuples(st.floats(-5, 5), st.floats(-5, 5)))
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
def test_locked_keyframes_stay_bit_for_bit_and_the_others_find_the_mattes(
    motion: Motion, locked: set[int], push: tuple[float, float]
) -> None:
    shape, _ = fit(motion.outline, step=3)
    keys = [
        replace(key, locked=True) if key.frame in {3 * number for number in locked} else pushed(key, *push)
        for key in shape.keyframes
    ]
    thrown = replace(shape, keyframes=tuple(keys))
    result = refit_shapes(Roto(plate(), (thrown,)), mattes(motion.outline), FitOptions(TOLERANCE_PX))
    (back,) = result.roto.shapes
    assert sum(key.locked for key in back.keyframes) == len(locked)
    assert [key for key in back.keyframes if key.locked] == [key for key in thrown.keyframes if key.locked]
    worst_px, before_px = (max(apart(drawn(one, f), motion.outline(f)).max_px for f in FRAMES) for one in (back, shape))
    # What is locked came from a fit, which may miss a single frame by more than its bound.
    assert worst_px < max(result.report.effective_tolerance_px, before_px) + MATTE_PX


def pushed(key: ShapeKeyframe, dx: float, dy: float) -> ShapeKeyframe:
    return replace(key, points=tuple(point._replace(x=point.x + dx, y=point.y + dy) for point in key.points))
