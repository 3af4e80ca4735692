"""How far shapes lie from those that they were made of: measured on every frame and between frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Optional

from roto_shapes.curve import Point, distance_to_piece, evaluate, flatten, point_on, segments
from roto_shapes.layers import evaluate_on_plate, placement
from roto_shapes.shape import ControlPoint, Roto, Shape
from roto_shapes.shot import FrameRange

_FLATNESS_PX = 0.01
"""How closely outlines of different points are followed where they are compared as curves."""

_SAMPLES_A_SEGMENT = 8
_NEAR_PX = 0.25
"""An outline as near as this is what became of another, those of its name first: no further ones are looked at."""


class Distance(NamedTuple):
    """The largest distance of one shape from what became of it, over all frames."""

    name: str
    px: float
    """On whole frames, as hosts render; of the control points and tangents, which bounds that of the outline."""
    frame: int
    """Where `px` is."""
    between_px: float
    """Half-way between frames, as motion blur sees them."""
    missing: tuple[int, ...]
    """Frames on which the shape exists and nothing became of it."""


def distances(source: Roto, result: Roto, frames: Optional[FrameRange] = None) -> list[Distance]:
    """Return for each shape of `source` how far the nearest of `result` lies from it, on the frames of its lifetime.

    A shape is compared with those that paint or cut as it does, that of its name first; one that was parted in time
    may have become several. Frames are those of the source's plate unless given.
    """
    within = source.plate.frames if frames is None else frames
    found = [_Found(shape, _candidates(shape, result), within) for shape in source.shapes]
    for frame in within:
        here = _Outlines(frame)
        for each in found:
            each.look(here)
        halfway = _Outlines(frame + 0.5)
        for each in found:
            each.look_between(halfway)
    return [each.distance() for each in found]


class _Outlines:
    """The outlines of shapes at a time, each worked out once."""

    def __init__(self, time: float) -> None:
        self.time = time
        self._known: dict[int, tuple[ControlPoint, ...]] = {}

    def of(self, shape: Shape) -> tuple[ControlPoint, ...]:
        """Return the points of a shape."""
        if id(shape) not in self._known:
            self._known[id(shape)] = _points(shape, self.time)
        return self._known[id(shape)]


class _Found:
    """What is known so far of the distance of one shape."""

    def __init__(self, shape: Shape, candidates: Sequence[Shape], within: FrameRange) -> None:
        self._shape = shape
        self._candidates = candidates
        self._frames = range(max(shape.lifetime.first, within.first), min(shape.lifetime.last, within.last) + 1)
        self._px, self._frame, self._between_px = 0.0, self._frames.start, 0.0
        self._missing: list[int] = []

    def look(self, here: _Outlines) -> None:
        """Compare on a whole frame."""
        frame = int(here.time)
        if frame not in self._frames:
            return
        there = [other for other in self._candidates if frame in other.lifetime]
        if not there:
            self._missing.append(frame)
            return
        px = self._nearest(there, here)
        if px > self._px:
            self._px, self._frame = px, frame

    def look_between(self, halfway: _Outlines) -> None:
        """Compare half-way to the next frame, where the shape and what became of it live on."""
        frame = int(halfway.time - 0.5)
        if frame not in self._frames or frame + 1 not in self._frames:
            return
        both = [other for other in self._candidates if frame in other.lifetime and frame + 1 in other.lifetime]
        if both:
            self._between_px = max(self._between_px, self._nearest(both, halfway))

    def distance(self) -> Distance:
        """Return what was found."""
        return Distance(self._shape.name, self._px, self._frame, self._between_px, tuple(self._missing))

    def _nearest(self, there: Sequence[Shape], at: _Outlines) -> float:
        """Return the least distance of the shape from any of some others; one that is near enough ends the search."""
        mine = at.of(self._shape)
        least = math.inf
        for other in there:
            least = min(least, _apart(mine, at.of(other), closed=self._shape.closed, at_most=least))
            if least < _NEAR_PX:
                break
        return least


def _candidates(shape: Shape, result: Roto) -> list[Shape]:
    """Return the shapes that may have come of one, those of its name first."""
    kin = [other for other in result.shapes if other.invert == shape.invert]
    return sorted(kin, key=lambda other: (other.name != shape.name, not other.name.startswith(shape.name)))


def _points(shape: Shape, frame: float) -> tuple[ControlPoint, ...]:
    if shape.layer is None:
        return evaluate(shape, frame)
    if shape.layer.has_perspective:  # the image of a Bezier is none: compare fine polylines
        place = placement(shape.layer, frame)
        line = flatten(evaluate(shape, frame), _FLATNESS_PX, closed=shape.closed)
        return tuple(ControlPoint(*place.position(x, y)) for x, y in line)
    return evaluate_on_plate(shape, frame)


def _apart(one: Sequence[ControlPoint], other: Sequence[ControlPoint], *, closed: bool, at_most: float) -> float:
    """Return how far two outlines lie apart: point by point where they have as many, else as curves."""
    if len(one) == len(other):
        worst = 0.0
        for a, b in zip(one, other):
            worst = max(worst, math.dist(a[:2], b[:2]))
            if worst >= at_most:
                return worst
            worst = max(worst, math.dist((a.x + a.in_x, a.y + a.in_y), (b.x + b.in_x, b.y + b.in_y)))
            worst = max(worst, math.dist((a.x + a.out_x, a.y + a.out_y), (b.x + b.out_x, b.y + b.out_y)))
        return worst
    lines = [flatten(points, _FLATNESS_PX, closed=closed) for points in (one, other)]
    return max(_beside(one, lines[1], closed=closed), _beside(other, lines[0], closed=closed))


def _beside(points: Sequence[ControlPoint], line: Sequence[Point], *, closed: bool) -> float:
    """Return the largest distance of an outline's samples from a polyline."""
    ends = [*line[1:], line[0]] if closed else list(line[1:])
    samples = (
        point_on(segment, k / _SAMPLES_A_SEGMENT)
        for segment in segments(points, closed=closed)
        for k in range(_SAMPLES_A_SEGMENT)
    )
    return max(min(distance_to_piece(at, a, b) for a, b in zip(line, ends)) for at in samples)
