"""Shapes for hosts that join keyframes by straight lines and know no layer of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple, Optional

from roto_shapes.layers import BAKING_TOLERANCE_PX, straightened
from roto_shapes.shape import Interpolation, MadeBy, Shape
from roto_shapes.shot import FrameRange, Plate
from roto_shapes.sink import RecordingSink


class StraightSink(RecordingSink):
    """Gathers shapes as a host can hold them that joins keyframes by straight lines, and what the artist should know.

    `end_shape` raises ValueError for a shape that the host cannot hold, and for motions too long to be keyed anew.
    """

    host: ClassVar[str]
    """How notes call it."""

    def __init__(
        self, plate: Plate, made_by: Optional[MadeBy] = None, tolerance_px: float = BAKING_TOLERANCE_PX
    ) -> None:
        super().__init__()
        self._plate = plate
        self._made_by = made_by
        self._tolerance_px = tolerance_px
        self._shapes: list[Shape] = []
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the artist should know about shapes that the host holds in another form, a sentence each."""
        return tuple(self._notes)

    def end_shape(self) -> None:
        """Finish the shape that was begun."""
        super().end_shape()
        shape = self.shapes[-1]
        if self._takes(shape):
            self._keep(shape)

    def _takes(self, shape: Shape) -> bool:
        """Say whether a shape is written, with a note where it is not; raises ValueError where none may be left out."""
        return True

    def _keep(self, shape: Shape) -> None:
        made, notes = straight(shape, self.host, self._tolerance_px)
        self._notes += notes
        self._shapes.append(made)


def shown_from(lifetime: FrameRange, frames: FrameRange) -> list[tuple[int, bool]]:
    """Return (frame, shown), each held until the next, of what is there in a lifetime alone.

    One pair when it is always there, and when it never is on `frames`.
    """
    if not lifetime.meets(frames):
        return [(frames.first, False)]
    levels = [(max(lifetime.first, frames.first), True)]
    if lifetime.first > frames.first:
        levels.insert(0, (frames.first, False))
    if lifetime.last < frames.last:
        levels.append((lifetime.last + 1, False))
    return levels


def rounded(number: float, decimals: int) -> float:
    """Return a number of few decimals, whole where it is, never a negative zero."""
    short = round(number, decimals) + 0.0
    return int(short) if short == int(short) else short


class Straight(NamedTuple):
    """A shape as such a host can hold it, and what the artist should know."""

    shape: Shape
    notes: tuple[str, ...]


def straight(shape: Shape, host: str, tolerance_px: float, *, feather: bool = False) -> Straight:
    """Return a shape without layer, with keyframes joined by lines, and without feather unless the host has it.

    Raises ValueError for motions too long to be keyed anew.
    """
    made = straightened(shape, tolerance_px)
    notes = []
    more = len(made.keyframes) - len(shape.keyframes)
    why = []
    if shape.interpolation is Interpolation.SMOOTH:
        why.append(f"moves smoothly and {host} joins keyframes by straight lines")
    if shape.layer is not None:
        why.append(f"lies on the layer '{shape.layer.name}', which {host} gets baked into the points")
    if why and (more or shape.layer is not None):
        notes.append(
            f"Shape '{shape.name}' {' and '.join(why)}: it has {more} more keyframes than its {len(shape.keyframes)}, "
            f"to stay within {tolerance_px:g} px."
        )
    if not feather and any(point.feather is not None for key in made.keyframes for point in key.points):
        notes.append(f"Shape '{shape.name}' has feather, which {host} does not hold: it is left out.")
        made = made.without_feather()
    return Straight(made, tuple(notes))


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names in their order, those that stand there already made different by a number behind them."""
    taken: set[str] = set()
    made = []
    for name in names:
        unique, count = name, 1
        while unique in taken:
            count += 1
            unique = f"{name}_{count}"
        taken.add(unique)
        made.append(unique)
    return made


def layers_apart(shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """Return shapes whose layers bear one name each: files may hold the same name twice."""
    layers = list(dict.fromkeys(shape.layer for shape in shapes if shape.layer is not None))
    names = dict(zip(layers, unique_names([layer.name for layer in layers])))
    return tuple(
        shape if shape.layer is None else replace(shape, layer=replace(shape.layer, name=names[shape.layer]))
        for shape in shapes
    )
