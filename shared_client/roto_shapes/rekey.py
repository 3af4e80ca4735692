"""The same motion under Nuke's rule for smooth keys, for a host that knows no other.

The error is that of the outline's control polygon: the control points, the tips of both tangents and of the
feather. A cubic Bezier lies in the hull of its control polygon, so its own error is never larger.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Optional

from roto_shapes.curve import SlopeRule, nuke_slope, plain_slope
from roto_shapes.shape import ControlPoint, Interpolation, Shape, ShapeKeyframe

_MAX_KEYS = 5_000
"""Where inserting ends: more keyframes than that no artist could edit and no host could show."""

_FEATHER = 6
"""Where the feather's two numbers stand in a row, behind the six of position and tangents."""

_ROW_WIDTH = 8
"""Numbers of one point in a row."""

_NOTHING_PX = 1e-9
"""Errors below this come from rounding."""

Row = list[float]


def linear_to_smooth(shape: Shape, tolerance_px: float) -> Shape:
    """Return a SMOOTH shape that agrees with a LINEAR one within `tolerance_px` on every whole frame.

    The shape's own keyframes stay as they are. Others are inserted between them: one at each side of every turn,
    then more wherever the error is still too large, and from these every one goes again that can be spared on its
    own. That is few, not the fewest possible. Between whole frames, as for motion blur, the error beside a sharp
    turn can be larger. Raises ValueError when 5,000 keyframes are not enough.
    """
    return _rekeyed(shape, None, tolerance_px)


def plain_to_smooth(shape: Shape, tolerance_px: float) -> Shape:
    """Return a SMOOTH shape for keyframes meant for unclamped smoothing (`curve.plain_slope`).

    The interpolation that the shape itself states is not looked at. All else is as for `linear_to_smooth`.
    """
    return _rekeyed(shape, plain_slope, tolerance_px)


def _rekeyed(shape: Shape, slope: Optional[SlopeRule], tolerance_px: float) -> Shape:
    motion = _Motion(shape, slope)
    keys = _SmoothKeys(motion, tolerance_px)
    keys.refine(shape.name)
    keys.thin()
    own = {key.frame: key for key in shape.keyframes}
    keyframes = tuple(own.get(frame) or motion.keyframe(frame) for frame in keys.frames)
    return replace(shape, keyframes=keyframes, interpolation=Interpolation.SMOOTH)


class _Knot(NamedTuple):
    """All animated numbers on one frame with their slopes per frame just before and just after it."""

    row: Row
    before: Row
    after: Row


class _Motion:
    """What is to be reproduced: the numbers of a shape under straight lines, or under a slope rule."""

    def __init__(self, shape: Shape, slope: Optional[SlopeRule]) -> None:
        self._shape = shape
        self.frames = [key.frame for key in shape.keyframes]
        self._rows = [_row(key.points) for key in shape.keyframes]
        intervals = range(len(self.frames) - 1)
        if slope is None:
            self._starts = self._ends = [self._secants(k) for k in intervals]
        else:
            slopes = []
            for k in range(len(self.frames)):
                near = _neighbours(k, len(self.frames))
                slopes.append(_slopes(self.frames[near], self._rows[near], k - near.start, slope))
            self._starts, self._ends = slopes[:-1], slopes[1:]

    def knot(self, frame: int) -> _Knot:
        """Return the numbers and their slopes on a frame from the first to the last keyframe."""
        at = bisect_left(self.frames, frame)
        if self.frames[at] == frame:
            still = [0.0] * len(self._rows[at])
            before = self._ends[at - 1] if at > 0 else still
            after = self._starts[at] if at < len(self._starts) else still
            return _Knot(self._rows[at], before, after)
        first, last = self.frames[at - 1], self.frames[at]
        span, u = last - first, (frame - first) / (last - first)
        row, slopes = [], []
        for start, end, s0, s1 in zip(self._rows[at - 1], self._rows[at], self._starts[at - 1], self._ends[at - 1]):
            rise = end - start
            bend0, bend1 = s0 * span - rise, s1 * span - rise
            row.append(start + u * rise + u * (1 - u) * ((1 - u) * bend0 - u * bend1))
            slopes.append((rise + bend0 * (1 - u) * (1 - 3 * u) - bend1 * u * (2 - 3 * u)) / span)
        return _Knot(row, slopes, slopes)

    def keyframe(self, frame: int) -> ShapeKeyframe:
        """Return the outline on a frame as a keyframe of its own."""
        pattern = self._shape.keyframes[bisect_right(self.frames, frame) - 1].points
        row = self.knot(frame).row
        points = []
        for start, point in zip(range(0, len(row), _ROW_WIDTH), pattern):
            feather = (row[start + _FEATHER], row[start + _FEATHER + 1])
            numbers = row[start : start + _FEATHER]
            points.append(ControlPoint._make((*numbers, point.corner, feather if any(feather) else None)))
        return ShapeKeyframe(frame, tuple(points))

    def _secants(self, k: int) -> Row:
        span = self.frames[k + 1] - self.frames[k]
        return [(end - start) / span for start, end in zip(self._rows[k], self._rows[k + 1])]


class _SmoothKeys:
    """A choice of keyframes on a motion, judged by what Nuke's rule makes of them between."""

    def __init__(self, motion: _Motion, tolerance_px: float) -> None:
        self._motion = motion
        self._tolerance_px = tolerance_px
        own = motion.frames
        beside = {frame + step for frame in own[1:-1] for step in (-1, 1)}
        self._inserted = sorted(beside.difference(own))
        self.frames = sorted(beside.union(own))
        self._knots = [motion.knot(frame) for frame in self.frames]

    def refine(self, name: str) -> None:
        """Insert a key at the worst frame of every interval that is not within the tolerance, until none is left."""
        intervals = range(len(self.frames) - 1)
        worst = [frame for k in intervals for error, frame in [self._worst(k)] if error > self._tolerance_px]
        while worst:
            if len(self.frames) + len(worst) > _MAX_KEYS:
                message = (
                    f"shape '{name}' would need more than {_MAX_KEYS} keyframes to keep its motion under Nuke's "
                    "smooth keys: write it with linear keyframes on fewer frames, or shorten it"
                )
                raise ValueError(message)
            for frame in worst:
                self._insert(frame)
            intervals = range(len(self.frames) - 1)
            worst = [frame for k in intervals for error, frame in [self._worst(k)] if error > self._tolerance_px]

    def thin(self) -> None:
        """Take out every inserted key without which all stays within the tolerance."""
        for frame in self._inserted:
            at = bisect_left(self.frames, frame)
            knot = self._knots.pop(at)
            self.frames.pop(at)
            # The key's going changes the slopes of both its neighbours, and so the intervals at their far sides.
            touched = range(max(at - 2, 0), min(at + 1, len(self.frames) - 1))
            if any(self._worst(k)[0] > self._tolerance_px for k in touched):
                self.frames.insert(at, frame)
                self._knots.insert(at, knot)

    def _insert(self, frame: int) -> None:
        at = bisect_left(self.frames, frame)
        self.frames.insert(at, frame)
        self._knots.insert(at, self._motion.knot(frame))
        self._inserted.append(frame)

    def _worst(self, k: int) -> tuple[float, int]:
        """Return the largest error in px on the whole frames between keys `k` and `k + 1`, and a frame that has it.

        Across and down are measured at their own worst frames, so the error may be overstated by a little.
        """
        span = self.frames[k + 1] - self.frames[k]
        worst, worst_offset = 0.0, 0
        if span > 1:
            starts = _differences(self._slopes(k), self._knots[k].after)
            ends = _differences(self._slopes(k + 1), self._knots[k + 1].before)
            for (start_x, start_y), (end_x, end_y) in zip(_corners(starts), _corners(ends)):
                across, offset_x = _peak(start_x, end_x, span)
                down, offset_y = _peak(start_y, end_y, span)
                error = math.hypot(across, down)
                if error > worst:
                    worst, worst_offset = error, offset_x if across > down else offset_y
        return worst, self.frames[k] + worst_offset

    def _slopes(self, k: int) -> Row:
        near = _neighbours(k, len(self.frames))
        return _slopes(self.frames[near], [knot.row for knot in self._knots[near]], k - near.start, nuke_slope)


def _neighbours(k: int, count: int) -> slice:
    """Return the three keys that any slope rule looks at for key `k`: those beside it, or the nearest at an end."""
    low = max(min(k - 1, count - 3), 0)
    return slice(low, low + 3)


def _slopes(times: Sequence[int], rows: Sequence[Row], k: int, rule: SlopeRule) -> Row:
    return [rule(times, column, k) for column in zip(*rows)]


def _differences(minuends: Row, subtrahends: Row) -> Row:
    return [a - b for a, b in zip(minuends, subtrahends)]


def _corners(row: Row) -> Iterator[tuple[float, float]]:
    """Yield what a row says of each corner of the control polygon: a point, and the tips of all that hangs on it."""
    for start in range(0, len(row), _ROW_WIDTH):
        x, y = row[start], row[start + 1]
        yield x, y
        for tip in range(start + 2, start + _ROW_WIDTH, 2):
            yield x + row[tip], y + row[tip + 1]


def _peak(start: float, end: float, span: int) -> tuple[float, int]:
    """Return the largest size, and where from the start, of a cubic that is zero at both ends of an interval.

    `start` and `end` are its slopes at the ends; only whole frames count. Between its extrema a cubic is monotonous,
    so the frames around these are all that need looking at.
    """
    if max(abs(start), abs(end)) * span < _NOTHING_PX:
        return 0.0, 1
    a, b = 3 * (start + end), -(4 * start + 2 * end)
    roots = [-start / b] if b else []
    if abs(a) > _NOTHING_PX * abs(b):
        root = math.sqrt(max(b * b - 4 * a * start, 0.0))
        roots = [(-b - root) / (2 * a), (-b + root) / (2 * a)]
    offsets = {min(max(math.floor(u * span) + more, 1), span - 1) for u in roots for more in (0, 1)}
    return max((abs(_bump(start, end, offset / span)) * span, offset) for offset in sorted(offsets))


def _bump(start: float, end: float, u: float) -> float:
    return u * (1 - u) * ((1 - u) * start - u * end)


def _row(points: Sequence[ControlPoint]) -> Row:
    row: Row = []
    for point in points:
        row += (point.x, point.y, point.in_x, point.in_y, point.out_x, point.out_y, *(point.feather or (0.0, 0.0)))
    return row
