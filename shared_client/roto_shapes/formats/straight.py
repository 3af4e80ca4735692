"""Shapes for hosts that join keyframes by straight lines and know no layer of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from roto_shapes.layers import BAKING_TOLERANCE_PX, straightened
from roto_shapes.shape import Interpolation, Shape


class Straight(NamedTuple):
    """A shape as such a host can hold it, and what the artist should know."""

    shape: Shape
    notes: tuple[str, ...]


def straight(shape: Shape, host: str, *, feather: bool = False) -> Straight:
    """Return a shape without layer, with keyframes joined by lines, and without feather unless the host has it.

    Raises ValueError for motions too long to be keyed anew.
    """
    made = straightened(shape)
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
            f"to stay within {BAKING_TOLERANCE_PX:g} px."
        )
    if not feather and any(point.feather is not None for key in made.keyframes for point in key.points):
        notes.append(f"Shape '{shape.name}' has feather, which {host} does not hold: it is left out.")
        made = without_feather(made)
    return Straight(made, tuple(notes))


def without_feather(shape: Shape) -> Shape:
    """Return a shape that ends at its points."""
    keyframes = (
        replace(key, points=tuple(point._replace(feather=None) for point in key.points)) for key in shape.keyframes
    )
    return replace(shape, keyframes=tuple(keyframes))


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
