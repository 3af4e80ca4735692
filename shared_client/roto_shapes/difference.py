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
_SAME_PX = 1e-6
"""Below this, two outlines are not compared further."""


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

    A shape is compared with those that paint or cut as it does; one that was parted in time may have become several.
    Frames are those of the source's plate unless given.
    """
    within = source.plate.frames if frames is None else frames
    return [_distance(shape, _candidates(shape, result), within) for shape in source.shapes]


def _candidates(shape: Shape, result: Roto) -> list[Shape]:
    """Return the shapes that may have come of one, those of its name first."""
    kin = [other for other in result.shapes if other.invert == shape.invert]
    return sorted(kin, key=lambda other: not other.name.startswith(shape.name))


def _distance(shape: Shape, candidates: Sequence[Shape], within: FrameRange) -> Distance:
    first, last = max(shape.lifetime.first, within.first), min(shape.lifetime.last, within.last)
    worst, where, between, missing = 0.0, first, 0.0, []
    for frame in range(first, last + 1):
        there = [other for other in candidates if frame in other.lifetime]
        if not there:
            missing.append(frame)
            continue
        px = _nearest(shape, there, frame)
        worst, where = max((worst, where), (px, frame), key=lambda pair: pair[0])
        both = [other for other in there if frame + 1 in other.lifetime]
        if frame < last and both:
            between = max(between, _nearest(shape, both, frame + 0.5))
    return Distance(shape.name, worst, where, between, tuple(missing))


def _nearest(shape: Shape, candidates: Sequence[Shape], frame: float) -> float:
    """Return the least distance of a shape from any of some others."""
    mine = _points(shape, frame)
    least = math.inf
    for other in candidates:
        least = min(least, _apart(mine, _points(other, frame), closed=shape.closed, at_most=least))
        if least < _SAME_PX:
            break
    return least


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
