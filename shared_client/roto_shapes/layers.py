"""Shapes on layers: where they lie on the plate, and the same shapes without their layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from roto_shapes.curve import evaluate, interpolate
from roto_shapes.shape import ControlPoint, Layer, Roto, Shape, ShapeKeyframe

BAKING_TOLERANCE_PX = 0.05
"""How closely shapes without a layer follow those on one: a tenth of the default fitting bound, unseen in a matte."""

_MOST_FRAMES = 100_000
"""Longest motion that is baked; every frame of it is looked at."""


class Placement(NamedTuple):
    """An affine map of positions, in plate pixels: x' = xx x + xy y + x0, y' = yx x + yy y + y0."""

    xx: float
    xy: float
    x0: float
    yx: float
    yy: float
    y0: float

    def point(self, point: ControlPoint) -> ControlPoint:
        """Return a control point with its tangents and its feather moved along."""
        x, y = self._turned(point.x, point.y)
        into, out = self._turned(point.in_x, point.in_y), self._turned(point.out_x, point.out_y)
        feather = None if point.feather is None else self._turned(*point.feather)
        return ControlPoint(x + self.x0, y + self.y0, *into, *out, point.corner, feather)

    def _turned(self, x: float, y: float) -> tuple[float, float]:
        return self.xx * x + self.xy * y, self.yx * x + self.yy * y


def placement(layer: Layer, frame: float) -> Placement:
    """Return what a layer does at a frame, which need not be whole; each of its numbers is interpolated on its own."""
    times = [key.frame for key in layer.keyframes]
    rows = zip(*((key.x, key.y, key.rotation_deg, key.scale) for key in layer.keyframes))
    x, y, rotation_deg, scale = (interpolate(times, row, frame, layer.interpolation) for row in rows)
    angle = math.radians(rotation_deg)
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    across, down = layer.pivot
    return Placement(
        cosine,
        -sine,
        across + x - cosine * across + sine * down,
        sine,
        cosine,
        down + y - sine * across - cosine * down,
    )


def evaluate_on_plate(shape: Shape, frame: float) -> tuple[ControlPoint, ...]:
    """Return the control points of a shape at a frame in plate pixels, its layer's transform applied."""
    points = evaluate(shape, frame)
    if shape.layer is None:
        return points
    place = placement(shape.layer, frame)
    return tuple(map(place.point, points))


def bake(shape: Shape, tolerance_px: float = BAKING_TOLERANCE_PX) -> Shape:
    """Return the same motion without a layer, within a tolerance on every whole frame.

    Keyframes stand where the shape or its layer has one, and further ones where the host's interpolation of the points
    would stray: a turn carries points on arcs, and keyframes join them by lines. The error is that of the control
    polygon, so that of the outline is never larger. Raises ValueError for motions of more than 100,000 frames and a
    tolerance that is not above zero.
    """
    if shape.layer is None:
        return shape
    if not tolerance_px > 0:
        message = f"a layer cannot be baked to a tolerance of {tolerance_px} px: give one above zero"
        raise ValueError(message)
    frames = sorted({key.frame for key in shape.keyframes} | {key.frame for key in shape.layer.keyframes})
    if frames[-1] - frames[0] > _MOST_FRAMES:
        message = f"shape '{shape.name}' moves over more than {_MOST_FRAMES} frames: it cannot be baked"
        raise ValueError(message)
    truth = {frame: evaluate_on_plate(shape, frame) for frame in range(frames[0], frames[-1] + 1)}
    locked = {key.frame for key in shape.keyframes if key.locked}
    while True:
        keyframes = tuple(ShapeKeyframe(frame, truth[frame], frame in locked) for frame in frames)
        plain = replace(shape, keyframes=keyframes, layer=None)
        strays = {frame: _distance(evaluate(plain, frame), points) for frame, points in truth.items()}
        worst = [max(range(a + 1, b), key=strays.__getitem__) for a, b in zip(frames, frames[1:]) if b - a > 1]
        more = [frame for frame in worst if strays[frame] > tolerance_px]
        if not more:
            return plain
        frames = sorted([*frames, *more])


def baked(roto: Roto, tolerance_px: float = BAKING_TOLERANCE_PX) -> Roto:
    """Return a roto whose shapes need no layers, each as `bake` gives it."""
    return replace(roto, shapes=tuple(bake(shape, tolerance_px) for shape in roto.shapes))


def _distance(one: Sequence[ControlPoint], other: Sequence[ControlPoint]) -> float:
    return max(math.dist(a, b) for p, q in zip(one, other) for a, b in zip(_tips(p), _tips(q)))


def _tips(point: ControlPoint) -> Iterable[tuple[float, float]]:
    across, down = point.feather or (0.0, 0.0)
    yield point.x, point.y
    for dx, dy in ((point.in_x, point.in_y), (point.out_x, point.out_y), (across, down)):
        yield point.x + dx, point.y + dy
