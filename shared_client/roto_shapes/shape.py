"""Animated outlines as roto artists know them: shapes, keyframes and control points."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import NamedTuple, Optional

from roto_shapes.shot import FrameRange, Plate

RGB = tuple[float, float, float]

_NO_DISTORTION = (1.0, 0.0, 0.0, 0.0)
"""Aspect, skew and perspective of a layer that only moves, turns and scales."""

_HORIZON = 0.95
"""Share of the way to the horizon that a shape on a layer may take: there it is drawn twenty times as large."""


class Interpolation(Enum):
    """How a host moves each number of a point between two keyframes.

    LINEAR: on straight lines. SMOOTH: exactly as Nuke moves its smooth keys, with slopes held back at peaks
    (`curve.nuke_slope`); other tools and the neutral JSON call another, unclamped rule "smooth".
    """

    LINEAR = "linear"
    SMOOTH = "smooth"


class ControlPoint(NamedTuple):
    """A point on the outline, in plate pixels, with its tangents as offsets from it.

    `in_` points towards the previous point of the outline, `out_` towards the next one. `corner` says that the
    tangents need not be collinear. `feather` is the offset of the feather outline, or None for no feather.
    """

    x: float
    y: float
    in_x: float = 0.0
    in_y: float = 0.0
    out_x: float = 0.0
    out_y: float = 0.0
    corner: bool = False
    feather: Optional[tuple[float, float]] = None


@dataclass(frozen=True)
class ShapeKeyframe:
    """A shape's outline at one frame. A locked keyframe is never changed by a re-fit."""

    frame: int
    points: tuple[ControlPoint, ...]
    locked: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that no host can draw."""
        for point in self.points:
            numbers = point[:6] if point.feather is None else point[:6] + point.feather
            if not all(map(math.isfinite, numbers)):
                message = f"keyframe {self.frame} holds a control point that is not finite: {tuple(point)}"
                raise ValueError(message)


@dataclass(frozen=True)
class LayerKeyframe:
    """Where a layer stands at one frame, against the rest position of what lies in it.

    `x` and `y` move the pivot, in plate pixels; `rotation_deg` turns about it, clockwise on screen, and counts whole
    turns; `scale` is a factor above zero. `aspect` above zero stretches across and squeezes down by the same factor;
    `skew` moves across by so many px for each px down. `perspective` is how much further off, as a share of the
    pivot's distance, one px across and one px down are: a point drawn twice as far off lies half as far from the
    pivot. Whatever these numbers are, the pivot's surroundings are never turned inside out, so that in-betweens of two
    keyframes are as sound as the keyframes.
    """

    frame: int
    x: float = 0.0
    y: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 1.0
    aspect: float = 1.0
    skew: float = 0.0
    perspective: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        """Refuse numbers that no host can draw."""
        if not (all(map(math.isfinite, self.numbers)) and self.scale > 0 and self.aspect > 0):
            message = (
                f"layer keyframe {self.frame} needs finite numbers, a scale above zero and an aspect above "
                f"zero, not {self.numbers}"
            )
            raise ValueError(message)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Return what hosts animate, each on its own, in the order of the fields."""
        return (self.x, self.y, self.rotation_deg, self.scale, self.aspect, self.skew, *self.perspective)


@dataclass(frozen=True)
class Layer:
    """One animated transform that carries whole shapes.

    About the pivot it draws near and far (perspective), skews and stretches (aspect), scales and turns; then it moves.
    Its numbers are animated each on its own, by the layer's interpolation. Before the first and after the last keyframe
    the layer holds.
    """

    name: str
    keyframes: tuple[LayerKeyframe, ...]
    pivot: tuple[float, float] = (0.0, 0.0)
    interpolation: Interpolation = Interpolation.LINEAR

    def __post_init__(self) -> None:
        """Refuse a layer that hosts would draw wrongly."""
        if not self.name:
            message = "a layer needs a name"
            raise ValueError(message)
        frames = [key.frame for key in self.keyframes]
        if not frames or any(later <= earlier for earlier, later in zip(frames, frames[1:])):
            message = f"the keyframes of layer '{self.name}' must rise, and there must be one: {frames}"
            raise ValueError(message)
        if not all(map(math.isfinite, self.pivot)):
            message = f"the pivot of layer '{self.name}' is not finite: {self.pivot}"
            raise ValueError(message)

    @property
    def is_similarity(self) -> bool:
        """Say whether the layer only moves, turns and scales."""
        return all(key.numbers[4:] == _NO_DISTORTION for key in self.keyframes)

    @property
    def has_perspective(self) -> bool:
        """Say whether the layer draws parts of what it carries nearer than others on some frame."""
        return any(any(key.perspective) for key in self.keyframes)


@dataclass(frozen=True)
class Shape:
    """An animated outline.

    Every keyframe holds the same number of points in the same order: hosts interpolate point by point, so a
    shape that breaks this rule flips over. Keyframes stand in rising frame order. An inverted shape cuts what
    lies below it; shapes are painted in list order. Outside its lifetime a shape is not drawn; inside, before
    the first and after the last keyframe, it holds.
    """

    name: str
    keyframes: tuple[ShapeKeyframe, ...]
    lifetime: FrameRange
    closed: bool = True
    invert: bool = False
    interpolation: Interpolation = Interpolation.LINEAR
    colour: RGB = (1.0, 1.0, 1.0)
    layer: Optional[Layer] = None
    """What carries the shape: its points are then those before the layer's transform (`layers.evaluate_on_plate`)."""

    def __post_init__(self) -> None:
        """Refuse a shape that hosts would draw wrongly."""
        if not self.name:
            message = "a shape needs a name"
            raise ValueError(message)
        if not self.keyframes:
            message = f"shape '{self.name}' has no keyframe"
            raise ValueError(message)
        frames = [key.frame for key in self.keyframes]
        if any(later <= earlier for earlier, later in zip(frames, frames[1:])):
            message = f"the keyframes of shape '{self.name}' do not rise: {frames}"
            raise ValueError(message)
        counts = sorted({len(key.points) for key in self.keyframes})
        if len(counts) > 1:
            message = f"the keyframes of shape '{self.name}' differ in their number of points: {counts}"
            raise ValueError(message)
        if counts[0] < 2:  # noqa: PLR2004 - two points are the fewest that bound an area with curves
            message = f"shape '{self.name}' has fewer than two points"
            raise ValueError(message)
        if self.layer is not None and self.layer.has_perspective:
            self._require_before_horizon(self.layer)

    def _require_before_horizon(self, layer: Layer) -> None:
        """Refuse what a layer may draw infinitely far off.

        Interpolation never leaves what lies between the smallest and the largest keyframe, so that the largest numbers
        of all keyframes, taken together, bound every in-between.
        """
        reach = [0.0, 0.0]
        for point in (point for key in self.keyframes for point in key.points):
            for dx, dy in ((0.0, 0.0), point[2:4], point[4:6], point.feather or (0.0, 0.0)):
                reach[0] = max(reach[0], abs(point.x + dx - layer.pivot[0]))
                reach[1] = max(reach[1], abs(point.y + dy - layer.pivot[1]))
        steepest = (max(abs(key.perspective[axis]) for key in layer.keyframes) for axis in (0, 1))
        if sum(slope * far for slope, far in zip(steepest, reach)) > _HORIZON:
            message = (
                f"shape '{self.name}' reaches the horizon of its layer '{layer.name}': give the layer less perspective "
                "or a pivot in the middle of the shape"
            )
            raise ValueError(message)

    def without_feather(self) -> Shape:
        """Return the shape ending at its points."""
        keyframes = (
            replace(key, points=tuple(point._replace(feather=None) for point in key.points)) for key in self.keyframes
        )
        return replace(self, keyframes=tuple(keyframes))

    @cached_property
    def feathered(self) -> tuple[bool, ...]:
        """Say of each point whether it has a feather on some keyframe."""
        return tuple(
            any(key.points[index].feather is not None for key in self.keyframes) for index in range(self.point_count)
        )

    @property
    def point_count(self) -> int:
        """Return how many control points each keyframe has."""
        return len(self.keyframes[0].points)


@dataclass(frozen=True)
class MadeBy:
    """What made the mattes that shapes were fitted to."""

    engine: str
    weights: str = ""
    """File, begin of its SHA-256 and licence; empty for an engine without weights."""

    def __str__(self) -> str:
        return f"{self.engine}: {self.weights}" if self.weights else self.engine


@dataclass(frozen=True)
class Roto:
    """A plate and its shapes in the order in which they are painted, the lowest first."""

    plate: Plate
    shapes: tuple[Shape, ...] = ()
    made_by: Optional[MadeBy] = None
    """None where nobody said."""

    def __post_init__(self) -> None:
        """Refuse two shapes, or two different layers, of one name: hosts and edits address them by name."""
        names = [shape.name for shape in self.shapes]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            message = f"shape names must differ; these stand twice: {', '.join(doubles)}"
            raise ValueError(message)
        layers = {shape.layer for shape in self.shapes if shape.layer is not None}
        if len({layer.name for layer in layers}) < len(layers):
            message = f"layers of one name must be the same: {', '.join(sorted(layer.name for layer in layers))}"
            raise ValueError(message)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Return the layers that carry shapes, each once, in the order in which shapes name them."""
        return tuple(dict.fromkeys(shape.layer for shape in self.shapes if shape.layer is not None))
