"""Where an animated outline lies: key interpolation over time, cubic Bezier segments along the outline.

Positions are plate pixels, y down. An outline is a sequence of control points; the segment from point k to the
next one is the cubic Bezier P_k, P_k + out_k, P_k+1 + in_k+1, P_k+1.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Callable, Optional

from roto_shapes.shape import ControlPoint, Interpolation, Shape

Point = tuple[float, float]
Segment = tuple[Point, Point, Point, Point]
SlopeRule = Callable[[Sequence[float], Sequence[float], int], float]

_MAX_PIECES = 1_000_000
"""Most straight pieces that one segment is flattened into; more means a tolerance below any use."""

_STRAIGHT = 0.02
"""Sine of the largest angle between tangents that count as one line: rounding of files turns short ones so much."""

_AREA_WEIGHTS = ((0, 1, 6), (0, 2, 3), (0, 3, 1), (1, 2, 3), (1, 3, 3), (2, 3, 6))
"""Integral of (x dy - y dx) / 2 over a cubic: weights, in twentieths, of the cross products of its points."""


def evaluate(shape: Shape, frame: float) -> tuple[ControlPoint, ...]:
    """Return the control points of a shape at a frame, which need not be whole.

    LINEAR moves every number on its own on straight lines. SMOOTH is Nuke's rule for smooth keys (`nuke_slope`).
    Before the first and after the last keyframe the outline holds. The lifetime is not looked at. A corner flag is
    that of the keyframe at or before the frame. A point with a feather on some keyframe has one on every frame,
    of no length where a keyframe has none.
    """
    keys, feathered = shape.keyframes, shape.feathered
    at = max(bisect_right([key.frame for key in keys], frame) - 1, 0)
    if frame <= keys[at].frame or at == len(keys) - 1:
        return _held(keys[at].points, feathered)
    near = keys[max(at - 1, 0) : at + 3]  # no rule looks further than one key beyond the interval
    times = [key.frame for key in near]
    outline = []
    for index, point in enumerate(keys[at].points):
        points = [key.points[index] for key in near]
        numbers = [interpolate(times, column, frame, shape.interpolation) for column in zip(*(p[:6] for p in points))]
        feather: Optional[Point] = None
        if feathered[index]:
            across, down = zip(*(p.feather or (0.0, 0.0) for p in points))
            feather = (
                interpolate(times, across, frame, shape.interpolation),
                interpolate(times, down, frame, shape.interpolation),
            )
        outline.append(ControlPoint._make((*numbers, point.corner, feather)))
    return tuple(outline)


def on_every_frame(shape: Shape) -> dict[int, tuple[ControlPoint, ...]]:
    """Return the outline on each whole frame from the first keyframe to the last.

    As `evaluate` gives it, but for rounding, and many times faster than frame by frame.
    """
    keys, feathered = shape.keyframes, shape.feathered
    times = [key.frame for key in keys]
    rows = [_numbers(key.points, feathered) for key in keys]
    smooth = shape.interpolation is Interpolation.SMOOTH
    slopes = list(zip(*(nuke_slopes(times, column) for column in zip(*rows)))) if smooth else []
    found = {}
    for k, (start, end) in enumerate(zip(times, times[1:])):
        found[start] = _held(keys[k].points, feathered)
        span, here = end - start, rows[k]
        rises = [b - a for a, b in zip(here, rows[k + 1])]
        bends = [[s * span - rise for s, rise in zip(slope, rises)] for slope in slopes[k : k + 2]]
        for frame in range(start + 1, end):
            u = (frame - start) / span
            if smooth:
                v, both = 1 - u, u * (1 - u)
                columns = zip(here, rises, *bends)
                numbers = [a + u * rise + both * (v * leave - u * arrive) for a, rise, leave, arrive in columns]
            else:
                numbers = [a + u * rise for a, rise in zip(here, rises)]
            found[frame] = _outline(numbers, keys[k].points, feathered)
    found[times[-1]] = _held(keys[-1].points, feathered)
    return found


def _numbers(points: Sequence[ControlPoint], feathered: Sequence[bool]) -> list[float]:
    """Return the numbers of an outline in a row, those of feathers last."""
    soft = [number for point, has_one in zip(points, feathered) if has_one for number in point.feather or (0.0, 0.0)]
    return [number for point in points for number in point[:6]] + soft


def _outline(
    numbers: Sequence[float], like: Sequence[ControlPoint], feathered: Sequence[bool]
) -> tuple[ControlPoint, ...]:
    """Return an outline of such a row, its corners like those of another."""
    size = 6 * len(like)
    soft = iter(zip(numbers[size::2], numbers[size + 1 :: 2]))
    return tuple(
        ControlPoint._make((*numbers[start : start + 6], point.corner, next(soft) if has_one else None))
        for start, point, has_one in zip(range(0, size, 6), like, feathered)
    )


def _held(points: tuple[ControlPoint, ...], feathered: Sequence[bool]) -> tuple[ControlPoint, ...]:
    """Return the points of a keyframe as they are on its frame."""
    if not any(feathered):
        return points
    return tuple(
        point._replace(feather=(0.0, 0.0)) if has_one and point.feather is None else point
        for point, has_one in zip(points, feathered)
    )


def interpolate(times: Sequence[float], values: Sequence[float], at: float, rule: Interpolation) -> float:
    """Return one animated number at a time; `times` rise and hold at least one; outside them the number holds."""
    k = bisect_right(times, at) - 1
    if k < 0 or k == len(times) - 1 or times[k] == at:
        return values[max(k, 0)]
    if rule is Interpolation.SMOOTH:
        return hermite(times, values, at, nuke_slope)
    share = (at - times[k]) / (times[k + 1] - times[k])
    return values[k] + (values[k + 1] - values[k]) * share


def hermite(times: Sequence[float], values: Sequence[float], at: float, slope: SlopeRule) -> float:
    """Return a cubic Hermite interpolation at a time between the first and the last of `times`."""
    k = min(bisect_right(times, at), len(times) - 1) - 1
    span = times[k + 1] - times[k]
    u = (at - times[k]) / span
    rise = values[k + 1] - values[k]
    bend_start = slope(times, values, k) * span - rise
    bend_end = slope(times, values, k + 1) * span - rise
    return values[k] + u * rise + u * (1 - u) * ((1 - u) * bend_start - u * bend_end)


def nuke_slope(times: Sequence[float], values: Sequence[float], k: int) -> float:
    """Return the slope per frame of key `k` under Nuke's SMOOTH rule, which is what our SMOOTH means.

    Inside: the slope between both neighbours, but none at a peak or a flat, and at most three times the flatter
    secant beside it. At the ends: what keeps the first or last interval free of curvature at its end. Two keys make
    a straight line, one key holds. This is not the unclamped rule that other tools call smooth (`plain_slope`).
    """
    last = len(times) - 1
    if last == 0:
        return 0.0
    if last == 1:
        return _secant(times, values, 0)
    if k == 0:
        return (3 * _secant(times, values, 0) - nuke_slope(times, values, 1)) / 2
    if k == last:
        return (3 * _secant(times, values, last - 1) - nuke_slope(times, values, last - 1)) / 2
    mean = (values[k + 1] - values[k - 1]) / (times[k + 1] - times[k - 1])
    return _held_back(_secant(times, values, k - 1), _secant(times, values, k), mean)


def nuke_slopes(times: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return `nuke_slope` of every key, faster than one by one."""
    last = len(times) - 1
    if last < 2:  # noqa: PLR2004 - fewer have no key between two
        return [nuke_slope(times, values, k) for k in range(last + 1)]
    secants = [(b - a) / (late - early) for a, b, early, late in zip(values, values[1:], times, times[1:])]
    means = [(b - a) / (late - early) for a, b, early, late in zip(values, values[2:], times, times[2:])]
    inner = list(map(_held_back, secants, secants[1:], means))
    return [(3 * secants[0] - inner[0]) / 2, *inner, (3 * secants[-1] - inner[-1]) / 2]


def plain_slope(times: Sequence[float], values: Sequence[float], k: int) -> float:
    """Return the slope of key `k` by central differences, one-sided at the ends, without clamping."""
    before, after = max(k - 1, 0), min(k + 1, len(times) - 1)
    return (values[after] - values[before]) / (times[after] - times[before]) if after > before else 0.0


def segments(points: Sequence[ControlPoint], *, closed: bool = True) -> list[Segment]:
    """Return the cubic Beziers of an outline, end to end; a closed one returns to its first point."""
    followers = [*points[1:], points[0]] if closed else list(points[1:])
    return [
        (
            (here.x, here.y),
            (here.x + here.out_x, here.y + here.out_y),
            (there.x + there.in_x, there.y + there.in_y),
            (there.x, there.y),
        )
        for here, there in zip(points, followers)
    ]


def is_smooth(arrive: Point, leave: Point) -> bool:
    """Say whether two tangents of a point lie on one line to either side of it, to a degree or so.

    What formats without a flag for corners say of them. A point with a tangent of no length is a corner.
    """
    length = math.hypot(*arrive) * math.hypot(*leave)
    dot, cross = arrive[0] * leave[0] + arrive[1] * leave[1], arrive[0] * leave[1] - arrive[1] * leave[0]
    return length > 0 and dot < 0 and abs(cross) <= _STRAIGHT * length


def bspline(places: Sequence[Point], *, closed: bool = True) -> tuple[ControlPoint, ...]:
    """Return the Bezier outline of a uniform cubic B-spline, exactly, with a control point for each of its places.

    The outline passes no place of a closed spline: its point is a sixth of the neighbours and four sixths of the place
    itself. An open one begins and ends at its first and last place, as if these stood there three times.
    """
    made = []
    for k, (x, y) in enumerate(places):
        ends = not closed and k in {0, len(places) - 1}
        before = places[k - 1] if closed or k > 0 else (x, y)
        after = places[(k + 1) % len(places)] if closed or k + 1 < len(places) else (x, y)
        arrive = ((before[0] + 2 * x) / 3, (before[1] + 2 * y) / 3)
        leave = ((after[0] + 2 * x) / 3, (after[1] + 2 * y) / 3)
        on_x, on_y = (x, y) if ends else ((arrive[0] + leave[0]) / 2, (arrive[1] + leave[1]) / 2)
        made.append(
            ControlPoint(on_x, on_y, arrive[0] - on_x, arrive[1] - on_y, leave[0] - on_x, leave[1] - on_y, ends)
        )
    return tuple(made)


def point_on(segment: Segment, u: float) -> Point:
    """Return the point of a segment at `u`, 0 at its start to 1 at its end."""
    v = 1 - u
    a, b, c, d = v * v * v, 3 * v * v * u, 3 * v * u * u, u * u * u
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = segment
    return a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3


def split(segment: Segment, u: float) -> tuple[Segment, Segment]:
    """Cut a segment at `u` into two that together draw the same curve (de Casteljau's construction)."""
    start, first, second, end = segment
    left, middle, right = _between(start, first, u), _between(first, second, u), _between(second, end, u)
    left_inner, right_inner = _between(left, middle, u), _between(middle, right, u)
    cut = _between(left_inner, right_inner, u)
    return (start, left, left_inner, cut), (cut, right_inner, right, end)


def flatten(points: Sequence[ControlPoint], tolerance_px: float, *, closed: bool = True) -> list[Point]:
    """Return a polyline that no point of the outline leaves by more than `tolerance_px`.

    All vertices lie on the outline and every control point is a vertex. The first vertex of a closed outline is not
    repeated at its end. Each segment is cut evenly into as many pieces as its second differences ask for (Wang's
    bound; Wang and Xu, 1991): always enough, not always the fewest. Raises ValueError for a tolerance that is not
    above zero, or so small that a segment would need more than a million pieces.
    """
    if not tolerance_px > 0:
        message = f"an outline cannot be flattened to a tolerance of {tolerance_px} px: give one above zero"
        raise ValueError(message)
    polyline = []
    for segment in segments(points, closed=closed):
        pieces = _piece_count(segment, tolerance_px)
        polyline.append(segment[0])
        polyline += [point_on(segment, index / pieces) for index in range(1, pieces)]
    if not closed:
        polyline.append((points[-1].x, points[-1].y))
    return polyline


def signed_area(points: Sequence[ControlPoint]) -> float:
    """Return the area inside a closed outline in square pixels, exactly, above zero when it runs clockwise on screen.

    Parts that an outline goes round twice count twice, and loops of opposite sense take away from each other.
    """
    home_x, home_y = points[0].x, points[0].y
    twentieths = 0.0
    for segment in segments(points):
        near = [(x - home_x, y - home_y) for x, y in segment]
        for i, j, weight in _AREA_WEIGHTS:
            twentieths += weight * (near[i][0] * near[j][1] - near[j][0] * near[i][1])
    return twentieths / 20


def is_clockwise(points: Sequence[ControlPoint]) -> bool:
    """Say whether a closed outline runs clockwise as seen on screen."""
    return signed_area(points) > 0


def distance_outside(point: Point, polygon: Sequence[Point]) -> float:
    """Return how far a point lies outside a closed polygon, in px: 0 inside it and on its edge.

    What the polygon goes round in either sense is inside, overlaps too (the non-zero rule).
    """
    turns = 0
    nearest = math.inf
    for start, end in zip(polygon, [*polygon[1:], polygon[0]]):
        dx, dy = end[0] - start[0], end[1] - start[1]
        across, down = point[0] - start[0], point[1] - start[1]
        if (start[1] <= point[1]) != (end[1] <= point[1]) and (dx * down - dy * across > 0) == (dy > 0):
            turns += 1 if dy > 0 else -1
        nearest = min(nearest, distance_to_piece(point, start, end))
    return 0.0 if turns else nearest


def distance_to_piece(point: Point, start: Point, end: Point) -> float:
    """Return how far a point lies from a straight piece, in px."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    across, down = point[0] - start[0], point[1] - start[1]
    length = dx * dx + dy * dy
    share = min(max((across * dx + down * dy) / length, 0.0), 1.0) if length else 0.0
    return math.hypot(across - share * dx, down - share * dy)


def _held_back(before: float, after: float, mean: float) -> float:
    """Return the slope of a key between two, of the secants beside it and of that over both."""
    if before * after <= 0:
        return 0.0
    limit = 3 * min(abs(before), abs(after))
    return max(-limit, min(limit, mean))


def _secant(times: Sequence[float], values: Sequence[float], k: int) -> float:
    return (values[k + 1] - values[k]) / (times[k + 1] - times[k])


def _between(a: Point, b: Point, u: float) -> Point:
    return a[0] + (b[0] - a[0]) * u, a[1] + (b[1] - a[1]) * u


def _piece_count(segment: Segment, tolerance_px: float) -> int:
    bend = max(math.hypot(a[0] - 2 * b[0] + c[0], a[1] - 2 * b[1] + c[1]) for a, b, c in (segment[0:3], segment[1:4]))
    pieces = math.sqrt(0.75 * bend / tolerance_px)
    if not pieces <= _MAX_PIECES:
        message = f"a tolerance of {tolerance_px} px is too small for a segment that bends by {bend:g} px"
        raise ValueError(message)
    return max(1, math.ceil(pieces))
