"""Shapes on layers: where they lie on the plate, and the same shapes without their layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from roto_shapes.curve import Point, Segment, evaluate, interpolate, on_every_frame, point_on, segments, split
from roto_shapes.shape import ControlPoint, Interpolation, Layer, Roto, Shape, ShapeKeyframe

BAKING_TOLERANCE_PX = 0.05
"""How closely shapes without a layer follow those on one: a tenth of the default fitting bound, unseen in a matte."""

MOST_FRAMES = 100_000
"""Longest motion that is baked or keyed anew; every frame of it is looked at."""

_MOST_HALVINGS = 5
"""Each halving takes the error of a segment down by 16 or so: two are enough for any shape before its horizon."""

_BEND_PROBES = tuple(k / 8 for k in range(1, 8))
_PROBE_STEP = 0.01


class Placement(NamedTuple):
    """A projective map of positions, in plate pixels.

    x' = (xx x + xy y + x0) / w, y' = (yx x + yy y + y0) / w, with w = wx x + wy y + w0, above zero for all that a shape
    may hold. Without perspective w is 1.
    """

    xx: float
    xy: float
    x0: float
    yx: float
    yy: float
    y0: float
    wx: float = 0.0
    wy: float = 0.0
    w0: float = 1.0

    def position(self, x: float, y: float) -> Point:
        """Return where a position goes."""
        w = self.wx * x + self.wy * y + self.w0
        return (self.xx * x + self.xy * y + self.x0) / w, (self.yx * x + self.yy * y + self.y0) / w

    def after(self, inner: Placement) -> Placement:
        """Return what takes `inner` first and this map then; neither may have perspective."""
        return Placement(
            self.xx * inner.xx + self.xy * inner.yx,
            self.xx * inner.xy + self.xy * inner.yy,
            self.xx * inner.x0 + self.xy * inner.y0 + self.x0,
            self.yx * inner.xx + self.yy * inner.yx,
            self.yx * inner.xy + self.yy * inner.yy,
            self.yx * inner.x0 + self.yy * inner.y0 + self.y0,
        )

    def stretches(self, x: float, y: float) -> tuple[float, float]:
        """Return by how much lengths round a position grow in the direction in which they grow most, and least."""
        w = self.wx * x + self.wy * y + self.w0
        across, down = self.position(x, y)
        xx, xy = (self.xx - across * self.wx) / w, (self.xy - across * self.wy) / w
        yx, yy = (self.yx - down * self.wx) / w, (self.yy - down * self.wy) / w
        even, uneven = math.hypot(xx + yy, yx - xy) / 2, math.hypot(xx - yy, xy + yx) / 2
        return even + uneven, abs(even - uneven)

    def point(self, point: ControlPoint) -> ControlPoint:
        """Return a control point with the tips of its tangents and of its feather moved along.

        Under perspective a Bezier through moved control points is nearly, not quite, the moved Bezier (`bend_px`).
        """
        x, y = self.position(point.x, point.y)
        tips = (point[2:4], point[4:6], point.feather or (0.0, 0.0))
        into, out, feather = (self._offset(point, tip, (x, y)) for tip in tips)
        return ControlPoint(x, y, *into, *out, point.corner, None if point.feather is None else feather)

    def _offset(self, point: ControlPoint, tip: Sequence[float], moved: Point) -> Point:
        x, y = self.position(point.x + tip[0], point.y + tip[1])
        return x - moved[0], y - moved[1]


def placement(layer: Layer, frame: float) -> Placement:
    """Return what a layer does at a frame, which need not be whole; each of its numbers is interpolated on its own."""
    times = [key.frame for key in layer.keyframes]
    x, y, rotation_deg, scale, aspect, skew, wx, wy = (
        interpolate(times, row, frame, layer.interpolation) for row in zip(*(key.numbers for key in layer.keyframes))
    )
    angle = math.radians(rotation_deg)
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    xx, xy = cosine * aspect, cosine * skew - sine / aspect
    yx, yy = sine * aspect, sine * skew + cosine / aspect
    across, down = layer.pivot
    w0 = 1 - wx * across - wy * down
    return Placement(
        xx + (across + x) * wx,
        xy + (across + x) * wy,
        (across + x) * w0 - xx * across - xy * down,
        yx + (down + y) * wx,
        yy + (down + y) * wy,
        (down + y) * w0 - yx * across - yy * down,
        wx,
        wy,
        w0,
    )


def evaluate_on_plate(shape: Shape, frame: float) -> tuple[ControlPoint, ...]:
    """Return the control points of a shape at a frame in plate pixels, its layer's transform applied.

    Under perspective the Bezier through them strays from the outline, which is the image of the shape's own, by
    `bend_px`.
    """
    points = evaluate(shape, frame)
    if shape.layer is None:
        return points
    place = placement(shape.layer, frame)
    return tuple(map(place.point, points))


def bend_px(shape: Shape, frame: float) -> float:
    """Return how far the Bezier through the moved control points lies from the image of the shape's own outline.

    That image is a rational Bezier, which no roto host keeps as points. 0 for layers without perspective.
    """
    return max(bends_px(shape, frame))


def bends_px(shape: Shape, frame: float) -> list[float]:
    """Return `bend_px` of each segment.

    Measured square to the curve at seven places of it, where all but a few percent of the largest distance show.
    """
    points = evaluate(shape, frame)
    if shape.layer is None or not shape.layer.has_perspective:
        return [0.0] * len(segments(points, closed=shape.closed))
    return _bends(points, placement(shape.layer, frame), closed=shape.closed)


def bake(shape: Shape, tolerance_px: float = BAKING_TOLERANCE_PX) -> Shape:
    """Return the same motion without a layer, within a tolerance on every whole frame.

    Keyframes stand where the shape or its layer has one, and further ones where the host's interpolation of the points
    would stray: a turn carries points on arcs, and keyframes join them by lines. The error is that of the control
    polygon, so that of the outline is never larger. Under perspective half of the tolerance is for segments that no
    longer are Beziers (`bend_px`): those that stray further get points in between, on all keyframes. Raises ValueError
    for motions of more than 100,000 frames and a tolerance that is not above zero.
    """
    layer = shape.layer
    if layer is None:
        return shape
    if not tolerance_px > 0:
        message = f"a layer cannot be baked to a tolerance of {tolerance_px} px: give one above zero"
        raise ValueError(message)
    frames = sorted({key.frame for key in shape.keyframes} | {key.frame for key in layer.keyframes})
    _require_length(shape, frames)
    every = on_every_frame(shape)
    every.update((frame, evaluate(shape, frame)) for frame in range(frames[0], frames[-1] + 1) if frame not in every)
    places = {frame: placement(layer, frame) for frame in every}
    if layer.has_perspective:
        tolerance_px /= 2
        every = _subdivided(every, places, tolerance_px, closed=shape.closed)
    truth = {frame: tuple(map(places[frame].point, points)) for frame, points in every.items()}
    return with_keyframes(replace(shape, layer=None), truth, frames, tolerance_px)


def straightened(shape: Shape, tolerance_px: float = BAKING_TOLERANCE_PX) -> Shape:
    """Return a LINEAR shape without a layer that keeps a motion within a tolerance on every whole frame.

    For hosts that join keyframes by straight lines. All else is as for `bake`.
    """
    plain = bake(shape, tolerance_px / 2 if shape.layer is not None else tolerance_px)
    if plain.interpolation is Interpolation.LINEAR:
        return plain
    frames = [key.frame for key in plain.keyframes]
    _require_length(shape, frames)
    own = {key.frame: key.points for key in plain.keyframes}
    truth = {**on_every_frame(plain), **own}
    allowed_px = tolerance_px / 2 if shape.layer is not None else tolerance_px
    return with_keyframes(replace(plain, interpolation=Interpolation.LINEAR), truth, frames, allowed_px)


def with_keyframes(
    shape: Shape, truth: Mapping[int, tuple[ControlPoint, ...]], frames: Sequence[int], tolerance_px: float
) -> Shape:
    """Return a shape with keyframes on `frames` and wherever its interpolation would stray from the truth by more."""
    locked = {key.frame for key in shape.keyframes if key.locked}
    if shape.interpolation is Interpolation.LINEAR:
        frames = _joined_by_lines(truth, frames, tolerance_px)
        return replace(shape, keyframes=tuple(ShapeKeyframe(frame, truth[frame], frame in locked) for frame in frames))
    while True:
        keyframes = tuple(ShapeKeyframe(frame, truth[frame], frame in locked) for frame in frames)
        plain = replace(shape, keyframes=keyframes)
        between = [range(a + 1, b) for a, b in zip(frames, frames[1:]) if b - a > 1]
        strays = {f: _distance(evaluate(plain, f), truth[f]) for inside in between for f in inside}
        worst = [max(inside, key=strays.__getitem__) for inside in between]
        more = [frame for frame in worst if strays[frame] > tolerance_px]
        if not more:
            return plain
        frames = sorted([*frames, *more])


def _joined_by_lines(
    truth: Mapping[int, tuple[ControlPoint, ...]], frames: Sequence[int], tolerance_px: float
) -> list[int]:
    """Return `frames` and those between them on which keyframes must stand that are joined by straight lines.

    From each keyframe the next is the last that a line reaches. That is the fewest there can be where a line that
    reaches a frame reaches all before it too, which is nearly always so.
    """
    found = [frames[0]]
    for start, end in zip(frames, frames[1:]):
        rows = {frame: _flat(truth[frame]) for frame in range(start, end + 1)} if end - start > 1 else {}
        while found[-1] < end:
            found.append(_reach(rows, found[-1], end, tolerance_px))
    return found


def _reach(rows: Mapping[int, Sequence[float]], start: int, end: int, tolerance_px: float) -> int:
    """Return the last frame up to `end` that a line reaches, by steps twice as long each time and then halves."""
    if end - start == 1 or _is_line(rows, start, end, tolerance_px):
        return end
    good, bad, step = start + 1, end, 2
    while start + step < bad:
        if not _is_line(rows, start, start + step, tolerance_px):
            bad = start + step
            break
        good, step = start + step, step * 2
    while bad - good > 1:
        middle = (good + bad) // 2
        if _is_line(rows, start, middle, tolerance_px):
            good = middle
        else:
            bad = middle
    return good


def _is_line(rows: Mapping[int, Sequence[float]], start: int, end: int, tolerance_px: float) -> bool:
    """Say whether a line from one frame to another keeps all between within a tolerance, the middle looked at first."""
    here, there, allowed = rows[start], rows[end], tolerance_px * tolerance_px
    middle = (start + end) // 2
    for frame in (middle, *range(start + 1, middle), *range(middle + 1, end)):
        share = (frame - start) / (end - start)
        off = [a + (b - a) * share - wanted for a, b, wanted in zip(here, there, rows[frame])]
        if any(x * x + y * y > allowed for x, y in zip(off[0::2], off[1::2])):
            return False
    return True


def _flat(points: Sequence[ControlPoint]) -> list[float]:
    """Return the numbers of all corners of a control polygon in a row."""
    return [number for point in points for tip in _tips(point) for number in tip]


def _require_length(shape: Shape, frames: Sequence[int]) -> None:
    if frames[-1] - frames[0] > MOST_FRAMES:
        message = f"shape '{shape.name}' moves over more than {MOST_FRAMES} frames: it cannot be keyed anew"
        raise ValueError(message)


def baked(roto: Roto, tolerance_px: float = BAKING_TOLERANCE_PX) -> Roto:
    """Return a roto whose shapes need no layers, each as `bake` gives it."""
    return replace(roto, shapes=tuple(bake(shape, tolerance_px) for shape in roto.shapes))


def _subdivided(
    every: dict[int, tuple[ControlPoint, ...]], places: dict[int, Placement], tolerance_px: float, *, closed: bool
) -> dict[int, tuple[ControlPoint, ...]]:
    """Return outlines with segments halved, the same ones on every frame, until none bends by more than a tolerance."""
    for _ in range(_MOST_HALVINGS):
        columns = zip(*(_bends(points, places[frame], closed=closed) for frame, points in every.items()))
        bent = [max(column) > tolerance_px for column in columns]
        if not any(bent):
            break
        every = {frame: _halved(points, bent) for frame, points in every.items()}
    return every


def _halved(points: tuple[ControlPoint, ...], bent: Sequence[bool]) -> tuple[ControlPoint, ...]:
    """Return the same outline with a point more in the middle of each segment that is bent."""
    found: list[ControlPoint] = []
    halves = [*bent, False][: len(points)]  # an open outline has a segment less than points
    for at, here in enumerate(points):
        into, out = 1 - halves[at - 1] / 2, 1 - halves[at] / 2
        found.append(
            here._replace(in_x=here.in_x * into, in_y=here.in_y * into, out_x=here.out_x * out, out_y=here.out_y * out)
        )
        if halves[at]:
            found.append(_middle(here, points[(at + 1) % len(points)]))
    return tuple(found)


def _middle(here: ControlPoint, there: ControlPoint) -> ControlPoint:
    """Return the point in the middle of a segment; its feather's outline goes on as it did."""
    left, right = split(segments((here, there), closed=False)[0], 0.5)
    x, y = right[0]
    feather = None
    if here.feather is not None and there.feather is not None:
        feather = (here.feather[0] + there.feather[0]) / 2, (here.feather[1] + there.feather[1]) / 2
    return ControlPoint(x, y, left[2][0] - x, left[2][1] - y, right[1][0] - x, right[1][1] - y, feather=feather)


def _bends(points: Sequence[ControlPoint], place: Placement, *, closed: bool) -> list[float]:
    """Return for each segment how far its image lies from the Bezier through its moved control points, in px."""
    found = []
    for segment in segments(points, closed=closed):
        start, leave, arrive, end = (place.position(x, y) for x, y in segment)
        moved = start, leave, arrive, end
        found.append(max(_off_curve(place.position(*point_on(segment, u)), moved, u) for u in _BEND_PROBES))
    return found


def _off_curve(point: Point, segment: Segment, u: float) -> float:
    """Return the distance of a point from a curve near `u`, along which it may lie a little further."""
    beside = point_on(segment, u)
    dx, dy = point[0] - beside[0], point[1] - beside[1]
    before, after = point_on(segment, u - _PROBE_STEP), point_on(segment, u + _PROBE_STEP)
    length = math.dist(before, after)
    return abs(dx * (after[1] - before[1]) - dy * (after[0] - before[0])) / length if length else math.hypot(dx, dy)


def _distance(one: Sequence[ControlPoint], other: Sequence[ControlPoint]) -> float:
    return max(math.dist(a, b) for p, q in zip(one, other) for a, b in zip(_tips(p), _tips(q)))


def _tips(point: ControlPoint) -> Iterable[tuple[float, float]]:
    across, down = point.feather or (0.0, 0.0)
    yield point.x, point.y
    for dx, dy in ((point.in_x, point.in_y), (point.out_x, point.out_y), (across, down)):
        yield point.x + dx, point.y + dy
