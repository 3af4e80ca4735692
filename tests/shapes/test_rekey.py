from __future__ import annotations

import math
import random
from typing import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate, hermite, plain_slope
from roto_shapes.rekey import linear_to_smooth, plain_to_smooth
from roto_shapes.shape import ControlPoint, Interpolation, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange

Corner = tuple[float, float]


def moving(frames: list[int], reach_px: float, seed: int, points: int = 3) -> Shape:
    """A shape that jumps about at random, up to `reach_px` a keyframe."""
    dice = random.Random(seed)  # noqa: S311 - test data, not secrets
    keyframes = []
    for frame in frames:
        outline = []
        for index in range(points):
            numbers = [dice.uniform(-reach_px, reach_px) for _ in range(7)]
            outline.append(ControlPoint._make((100.0 * index, *numbers[:5], False, (numbers[5], numbers[6]))))
        keyframes.append(ShapeKeyframe(frame, tuple(outline), locked=frame % 2 == 0))
    return Shape("body", tuple(keyframes), FrameRange(1, 9), invert=True, colour=(0.1, 0.2, 0.3))


def corners(points: tuple[ControlPoint, ...]) -> list[Corner]:
    found = []
    for point in points:
        feather = point.feather or (0.0, 0.0)
        offsets = ((0.0, 0.0), (point.in_x, point.in_y), (point.out_x, point.out_y), feather)
        found += [(point.x + dx, point.y + dy) for dx, dy in offsets]
    return found


def plain_corners(shape: Shape, frame: int) -> list[Corner]:
    """The control polygon under unclamped smoothing, from the keys alone."""
    times = [key.frame for key in shape.keyframes]
    if len(times) == 1:
        return corners(shape.keyframes[0].points)
    at = min(max(frame, times[0]), times[-1])
    columns = zip(*(corners(key.points) for key in shape.keyframes))
    return [
        (
            hermite(times, [corner[0] for corner in column], at, plain_slope),
            hermite(times, [corner[1] for corner in column], at, plain_slope),
        )
        for column in columns
    ]


def worst(shape: Shape, wanted: Callable[[int], list[Corner]]) -> float:
    """Distance in px between two motions, over every whole frame from before the first key to after the last."""
    frames = range(shape.keyframes[0].frame - 2, shape.keyframes[-1].frame + 3)
    return max(math.dist(a, b) for frame in frames for a, b in zip(corners(evaluate(shape, frame)), wanted(frame)))


FRAMES = st.lists(st.integers(-30, 60), min_size=1, max_size=6, unique=True).map(sorted)
REACHES = st.sampled_from([0.05, 1.0, 40.0, 3000.0])


@settings(max_examples=60)
@given(frames=FRAMES, reach_px=REACHES, seed=st.integers(0, 999), tolerance_px=st.sampled_from([0.02, 0.05, 1.0]))
def test_straight_motion_is_kept_on_every_frame(
    frames: list[int], reach_px: float, seed: int, tolerance_px: float
) -> None:
    shape = moving(frames, reach_px, seed)
    smooth = linear_to_smooth(shape, tolerance_px)
    assert smooth.interpolation is Interpolation.SMOOTH
    assert worst(smooth, lambda frame: corners(evaluate(shape, frame))) <= tolerance_px + 1e-7


@settings(max_examples=40)
@given(frames=FRAMES, reach_px=REACHES, seed=st.integers(0, 999))
def test_unclamped_smooth_motion_is_kept_on_every_frame(frames: list[int], reach_px: float, seed: int) -> None:
    shape = moving(frames, reach_px, seed)
    smooth = plain_to_smooth(shape, 0.05)
    assert worst(smooth, lambda frame: plain_corners(shape, frame)) <= 0.05 + 1e-7


def test_without_further_keys_the_motion_would_be_lost() -> None:
    shape = moving([1, 20, 40], 40.0, 1)
    bare = Shape(shape.name, shape.keyframes, shape.lifetime, interpolation=Interpolation.SMOOTH)
    assert worst(bare, lambda frame: corners(evaluate(shape, frame))) > 1
    assert worst(bare, lambda frame: plain_corners(shape, frame)) > 1


@settings(max_examples=30)
@given(frames=FRAMES, reach_px=REACHES, seed=st.integers(0, 999))
def test_no_inserted_key_can_be_spared(frames: list[int], reach_px: float, seed: int) -> None:
    shape = moving(frames, reach_px, seed)
    smooth = linear_to_smooth(shape, 0.05)
    assert len(smooth.keyframes) <= len(frames) + 2 * max(len(frames) - 2, 0)
    for key in smooth.keyframes:
        if key.frame not in frames:
            kept = tuple(other for other in smooth.keyframes if other is not key)
            thinner = Shape("body", kept, shape.lifetime, interpolation=Interpolation.SMOOTH)
            # The search adds the worst errors across and down, so it may keep a key for a 1.5th of the tolerance.
            assert worst(thinner, lambda frame: corners(evaluate(shape, frame))) > 0.05 / 1.5


@pytest.mark.parametrize(
    ("frames", "across"),
    [
        ([7, 8, 26, 28, 29], [0.016, 1.529, 0.691, -0.097, 0.235]),
        ([5, 13, 15, 21, 27], [0.039, 0.515, 1.081, 0.134, -1.881]),
        ([3, 16, 18, 27], [1.77, 0.546, -0.17, -2.61]),
    ],
)
def test_sparing_a_key_never_spoils_the_intervals_beyond_its_neighbours(frames: list[int], across: list[float]) -> None:
    still = ControlPoint(9, 9)
    keyframes = tuple(ShapeKeyframe(frame, (ControlPoint(x, 0), still)) for frame, x in zip(frames, across))
    shape = Shape("body", keyframes, FrameRange(1, 30))
    assert worst(linear_to_smooth(shape, 0.05), lambda frame: corners(evaluate(shape, frame))) <= 0.05 + 1e-7


def test_the_keyframes_of_the_shape_and_all_else_stay_as_they_are() -> None:
    shape = moving([1, 20, 40, 41], 40.0, 2)
    smooth = linear_to_smooth(shape, 0.05)
    assert set(shape.keyframes) <= set(smooth.keyframes)
    inserted = set(smooth.keyframes) - set(shape.keyframes)
    assert inserted
    assert not any(key.locked for key in inserted)
    assert (smooth.name, smooth.lifetime, smooth.closed) == (shape.name, shape.lifetime, shape.closed)
    assert (smooth.invert, smooth.colour) == (shape.invert, shape.colour)


@pytest.mark.parametrize("frames", [[5], [5, 90]])
def test_one_move_needs_no_further_key(frames: list[int]) -> None:
    assert linear_to_smooth(moving(frames, 500.0, 3), 0.05).keyframes == moving(frames, 500.0, 3).keyframes


def test_steady_motion_keyed_on_the_way_needs_no_further_key() -> None:
    keyframes = tuple(
        ShapeKeyframe(frame, (ControlPoint(3.0 * frame, 0), ControlPoint(0, -2.0 * frame), ControlPoint(5, 5)))
        for frame in (1, 4, 20, 21, 60)
    )
    shape = Shape("body", keyframes, FrameRange(1, 60))
    assert linear_to_smooth(shape, 0.001).keyframes == keyframes


def test_an_inserted_keyframe_has_a_feather_only_where_there_is_one() -> None:
    plain, soft = ControlPoint(0, 0, corner=True), ControlPoint(90, 0, feather=(4.0, 0.0))
    keyframes = tuple(
        ShapeKeyframe(frame, (plain, soft._replace(y=y))) for frame, y in ((1, 0.0), (20, 50.0), (40, 0.0))
    )
    smooth = linear_to_smooth(Shape("body", keyframes, FrameRange(1, 40)), 0.05)
    inserted = [key for key in smooth.keyframes if key not in keyframes]
    assert inserted
    for key in inserted:
        assert key.points[0] == plain
        assert key.points[1].feather == (4.0, 0.0)


def test_a_pause_of_any_length_costs_no_more_than_a_short_one() -> None:
    short = linear_to_smooth(moving([1, 50, 100, 150], 30.0, 4), 0.05)
    long = linear_to_smooth(moving([1, 50, 1_000_000_000, 1_000_000_050], 30.0, 4), 0.05)
    assert len(long.keyframes) <= len(short.keyframes) + 2


def test_motion_beyond_any_host_is_refused_with_a_sentence() -> None:
    shape = moving([0, 500_000_000, 1_000_000_000], 1e15, 5, points=2)
    with pytest.raises(ValueError, match="shape 'body' would need more than 5000 keyframes"):
        plain_to_smooth(shape, 0.05)
