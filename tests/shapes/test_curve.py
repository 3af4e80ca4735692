from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import (
    Point,
    Segment,
    distance_outside,
    evaluate,
    flatten,
    hermite,
    interpolate,
    is_clockwise,
    nuke_slope,
    nuke_slopes,
    on_every_frame,
    plain_slope,
    point_on,
    segments,
    signed_area,
    split,
)
from roto_shapes.shape import ControlPoint, Interpolation, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange

COORDINATES = st.floats(-4000, 4000)
POINTS = st.tuples(COORDINATES, COORDINATES)
SEGMENTS = st.tuples(POINTS, POINTS, POINTS, POINTS)
OUTLINES = st.lists(st.builds(ControlPoint, *[COORDINATES] * 2, *[st.floats(-300, 300)] * 4), min_size=2, max_size=3)

# Measured in Nuke: keys, and what it draws on frames between them.
NUKE_MEASURED = [
    (((1, 0.0), (50, 1.0), (100, 0.0)), 25, 0.675943),
    (((1, 0.0), (50, 1.0), (100, 0.0)), 75, 0.6875),
    (((1, 0.0), (50, 20.0), (100, 100.0)), 25, 4.305524),
    (((1, 0.0), (50, 20.0), (100, 100.0)), 75, 54.469697),
    (((1, 100.0), (10, 300.0), (20, 500.0)), 5, 190.766010),
    (((1, 100.0), (10, 300.0), (20, 500.0)), 15, 401.973684),
    (((1, 100.0), (10, 200.0), (20, 100.0)), 5, 162.277092),
    (((1, 100.0), (10, 200.0), (20, 100.0)), 15, 168.75),
    (((1, 5.0), (50, 40.0)), 25, 22.142857),
    (((1, 1.0), (20, 0.25)), 10, 0.644737),
]


def a_shape(rule: Interpolation, *keyframes: ShapeKeyframe) -> Shape:
    return Shape("body", keyframes, FrameRange(1, 100), interpolation=rule)


def circle(radius: float, x: float = 0.0, y: float = 0.0) -> list[ControlPoint]:
    """Four points, clockwise on screen; within 0.03 percent of a circle."""
    k = 0.5522847498 * radius
    return [
        ControlPoint(x + radius, y, 0, -k, 0, k),
        ControlPoint(x, y + radius, k, 0, -k, 0),
        ControlPoint(x - radius, y, 0, k, 0, -k),
        ControlPoint(x, y - radius, -k, 0, k, 0),
    ]


@pytest.mark.parametrize(("keys", "frame", "expected"), NUKE_MEASURED)
def test_smooth_keys_move_as_measured_in_nuke(keys: tuple[tuple[int, float], ...], frame: int, expected: float) -> None:
    times, values = zip(*keys)
    assert interpolate(times, values, frame, Interpolation.SMOOTH) == pytest.approx(expected, abs=1e-6)


def test_smooth_is_not_the_unclamped_rule() -> None:
    times, values = (1, 50, 100), (0.0, 20.0, 100.0)
    assert nuke_slope(times, values, 1) != plain_slope(times, values, 0)
    assert abs(hermite(times, values, 25, plain_slope) - hermite(times, values, 25, nuke_slope)) > 1


def test_the_unclamped_rule_is_one_sided_at_the_ends() -> None:
    times, values = (0, 10, 30), (0.0, 5.0, 3.0)
    assert [plain_slope(times, values, k) for k in range(3)] == [0.5, 0.1, -0.1]


def test_one_key_has_no_slope_under_any_rule() -> None:
    assert plain_slope((4,), (7.0,), 0) == 0
    assert nuke_slope((4,), (7.0,), 0) == 0


def test_a_smooth_slope_is_at_most_three_times_the_flatter_secant() -> None:
    assert nuke_slope((0, 10, 20), (0.0, 1.0, 101.0), 1) == pytest.approx(0.3)
    assert nuke_slope((0, 10, 20), (0.0, -1.0, -101.0), 1) == pytest.approx(-0.3)


@pytest.mark.parametrize("values", [(0.0, 4.0, 4.0), (0.0, 4.0, 1.0), (3.0, 3.0, 9.0)])
def test_a_smooth_slope_is_flat_at_a_peak_and_beside_a_rest(values: tuple[float, ...]) -> None:
    assert nuke_slope((0, 5, 9), values, 1) == 0


@given(
    keys=st.lists(st.tuples(st.integers(-50, 50), COORDINATES), min_size=1, max_size=6, unique_by=lambda key: key[0]),
    rule=st.sampled_from(Interpolation),
)
def test_an_animated_number_meets_its_keys_and_holds_outside(
    keys: list[tuple[int, float]], rule: Interpolation
) -> None:
    times, values = zip(*sorted(keys))
    for time, value in zip(times, values):
        assert interpolate(times, values, time, rule) == value
    assert interpolate(times, values, times[0] - 0.5, rule) == values[0]
    assert interpolate(times, values, times[-1] + 7, rule) == values[-1]


@pytest.mark.parametrize("rule", Interpolation)
def test_an_outline_is_evaluated_number_by_number(rule: Interpolation) -> None:
    frames = [1, 4, 9, 20, 33]
    outlines = [
        [ControlPoint._make((*(math.sin(f * (i + 7 * p)) * 50 for i in range(6)), False, None)) for p in range(3)]
        for f in frames
    ]
    shape = a_shape(rule, *(ShapeKeyframe(f, tuple(points)) for f, points in zip(frames, outlines)))
    for frame in (0, 1, 2, 3.25, 4, 6, 9, 12, 20, 26.5, 33, 40):
        for index, point in enumerate(evaluate(shape, frame)):
            for number in range(6):
                column = [float(outline[index][number]) for outline in outlines]  # type: ignore[arg-type] # all floats
                assert point[number] == pytest.approx(interpolate(frames, column, frame, rule))


def test_a_corner_is_one_from_its_keyframe_on() -> None:
    soft, hard = ControlPoint(0, 0), ControlPoint(0, 0, corner=True)
    shape = a_shape(Interpolation.LINEAR, ShapeKeyframe(10, (soft, soft)), ShapeKeyframe(20, (hard, soft)))
    assert [evaluate(shape, frame)[0].corner for frame in (5, 19, 20, 25)] == [False, False, True, True]


def test_a_feather_grows_from_nothing_where_a_keyframe_has_none() -> None:
    plain, soft = ControlPoint(0, 0), ControlPoint(0, 0, feather=(8.0, -4.0))
    shape = a_shape(Interpolation.LINEAR, ShapeKeyframe(10, (plain, plain)), ShapeKeyframe(20, (soft, plain)))
    assert [evaluate(shape, frame)[0].feather for frame in (5, 10, 15, 20)] == [(0, 0), (0, 0), (4, -2), (8, -4)]
    assert evaluate(shape, 15)[1].feather is None


@pytest.mark.parametrize("rule", Interpolation)
@pytest.mark.parametrize("frames", [(3,), (3, 4), (-5, 9), (1, 2, 9, 30), (1, 7, 8, 20, 21)])
def test_every_frame_at_once_is_each_frame_on_its_own(rule: Interpolation, frames: tuple[int, ...]) -> None:
    keys = []
    for k, frame in enumerate(frames):
        first = ControlPoint(7.0 * k * k, 3.0 * (k % 2), 1.0, k, -2.0, 0.5 * k, corner=k % 2 == 0)
        second = ControlPoint(-4.0 * k, 5.0, feather=(2.0 * k, -1.0) if k % 3 != 1 else None)
        keys.append(ShapeKeyframe(frame, (first, second, ControlPoint(9, 9))))
    shape = a_shape(rule, *keys)
    found = on_every_frame(shape)
    assert sorted(found) == list(range(frames[0], frames[-1] + 1))
    for frame, points in found.items():
        for point, wanted in zip(points, evaluate(shape, frame)):
            assert point[:6] == pytest.approx(wanted[:6])
            assert point.corner == wanted.corner
            assert point.feather == (None if wanted.feather is None else pytest.approx(wanted.feather))


def test_segments_join_the_points_and_close_the_outline() -> None:
    points = [ControlPoint(0, 0, 1, 2, 3, 4), ControlPoint(10, 20, -1, -2, -3, -4)]
    there, back = segments(points)
    assert there == ((0, 0), (3, 4), (9, 18), (10, 20))
    assert back == ((10, 20), (7, 16), (1, 2), (0, 0))
    assert segments(points, closed=False) == [there]


@given(SEGMENTS, st.floats(0, 1), st.floats(0, 1))
def test_both_parts_of_a_split_segment_draw_the_same_curve(segment: Segment, cut: float, u: float) -> None:
    left, right = split(segment, cut)
    assert left[3] == right[0]
    assert point_on(left, u) == pytest.approx(point_on(segment, cut * u), abs=1e-8)
    assert point_on(right, u) == pytest.approx(point_on(segment, cut + (1 - cut) * u), abs=1e-8)


@given(SEGMENTS)
def test_a_segment_runs_from_its_first_to_its_last_point(segment: Segment) -> None:
    assert point_on(segment, 0) == segment[0]
    assert point_on(segment, 1) == segment[3]


@settings(max_examples=60)
@given(OUTLINES, st.sampled_from([0.5, 5.0, 50.0]), st.booleans())
def test_the_outline_never_leaves_its_polyline_by_more_than_the_tolerance(
    points: list[ControlPoint],
    tolerance_px: float,
    closed: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    polyline = flatten(points, tolerance_px, closed=closed)
    assert farthest_from_polyline(points, polyline, closed=closed) <= tolerance_px * 1.001 + 1e-9


def test_the_measure_sees_a_vertex_that_is_missing() -> None:
    points = circle(100)
    polyline = flatten(points, 0.1)
    assert farthest_from_polyline(points, polyline, closed=True) <= 0.1
    assert farthest_from_polyline(points, polyline[:3] + polyline[4:], closed=True) > 0.1


def test_a_flattened_outline_keeps_its_control_points() -> None:
    points = circle(50, 7, 9)
    polyline = flatten(points, 1)
    assert {(point.x, point.y) for point in points} <= set(polyline)
    assert polyline[0] != polyline[-1]
    assert flatten(points, 1, closed=False)[-1] == (points[-1].x, points[-1].y)


def test_straight_sides_are_flattened_into_their_corners() -> None:
    corners = [(0.0, 0.0), (30.0, 0.0), (30.0, 20.0)]
    third = [ControlPoint(x, y) for x, y in corners]
    assert flatten(third, 0.5)[0] == corners[0]
    assert signed_area(third) == pytest.approx(300)


@pytest.mark.parametrize("tolerance_px", [0.0, -1.0, math.nan])
def test_a_tolerance_must_be_above_zero(tolerance_px: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        flatten(circle(10), tolerance_px)


def test_a_tolerance_below_any_use_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        flatten(circle(1e6), 1e-9)


@given(OUTLINES)
def test_the_area_is_that_of_a_fine_polygon(points: list[ControlPoint]) -> None:
    polygon = flatten(points, 0.01)
    shoelace = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(polygon, [*polygon[1:], polygon[0]])) / 2
    length = sum(math.dist(a, b) for a, b in zip(polygon, [*polygon[1:], polygon[0]]))
    assert signed_area(points) == pytest.approx(shoelace, abs=0.01 * length + 1e-3)


def test_a_clockwise_circle_has_its_area_and_its_reverse_the_negative() -> None:
    points = circle(10, 500, 3)
    turned = [ControlPoint(p.x, p.y, p.out_x, p.out_y, p.in_x, p.in_y) for p in reversed(points)]
    assert signed_area(points) == pytest.approx(math.pi * 100, rel=1e-3)
    assert signed_area(turned) == pytest.approx(-signed_area(points))
    assert is_clockwise(points)
    assert not is_clockwise(turned)


def test_a_small_area_far_outside_the_plate_is_still_exact() -> None:
    assert signed_area(circle(1, 3e6, -2e6)) == pytest.approx(signed_area(circle(1)), rel=1e-6)


@pytest.mark.parametrize(
    ("point", "expected"),
    [((5, 5), 0), ((10, 5), 0), ((13, 5), 3), ((-3, -4), 5), ((5, 12), 2), ((5, -1), 1), ((-2, 0), 2), ((12, 10), 2)],
)
def test_the_distance_outside_a_square_is_measured_in_either_sense(point: Point, expected: float) -> None:
    square = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]
    assert distance_outside(point, square) == pytest.approx(expected)
    assert distance_outside(point, square[::-1]) == pytest.approx(expected)


@given(POINTS, st.floats(1, 3000))
def test_the_distance_outside_a_circle_is_that_beyond_its_radius(point: Point, radius: float) -> None:
    wanted = max(math.hypot(*point) - radius, 0)
    assert distance_outside(point, flatten(circle(radius), 0.1)) == pytest.approx(wanted, abs=0.2 + radius * 3e-4)


def test_a_part_that_is_gone_round_twice_is_inside_and_a_repeated_vertex_harmless() -> None:
    twice = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)] * 2
    assert distance_outside((5, 5), twice) == 0
    assert distance_outside((12, 5), [*twice, twice[-1]]) == 2


def farthest_from_polyline(points: list[ControlPoint], polyline: list[Point], *, closed: bool) -> float:
    """Measure densely: each sample of the outline against every piece of the polyline."""
    pieces = list(zip(polyline, [*polyline[1:], polyline[0]] if closed else polyline[1:]))
    samples = [point_on(segment, i / 12) for segment in segments(points, closed=closed) for i in range(13)]
    return max(min(to_piece(sample, *piece) for piece in pieces) for sample in samples)


def to_piece(point: Point, start: Point, end: Point) -> float:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    share = 0.0 if length == 0 else ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length
    share = min(max(share, 0.0), 1.0)
    return math.hypot(point[0] - start[0] - share * dx, point[1] - start[1] - share * dy)


@given(
    keys=st.lists(
        st.tuples(st.integers(-1000, 1000), st.floats(-1e6, 1e6)), min_size=1, max_size=9, unique_by=lambda key: key[0]
    )
)
def test_slopes_of_all_keys_are_those_of_each(keys: list[tuple[int, float]]) -> None:
    times, values = zip(*sorted(keys))
    assert nuke_slopes(times, values) == [nuke_slope(times, values, k) for k in range(len(times))]
