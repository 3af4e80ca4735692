"""Masks that an artist paints, and masks of outlines; standard library only.

Rows are filled by slices, so that a stroke on a plate of UHD takes a few milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from roto_shapes.curve import flatten
from roto_shapes.prompt import MaskPrompt
from roto_shapes.shape import ControlPoint

Place = tuple[float, float]

_FLATNESS_PX = 0.25
"""How far an outline's straight pieces may lie from its curves: below what a mask of whole pixels holds."""


_SKIPPED = 0.1
"""Shares of the radius that a stroke may skip between two places."""


class Canvas:
    """A mask being painted: covered or not, a pixel at a time, by whether its centre is."""

    def __init__(self, width: int, height: int, coverage: bytes = b"") -> None:
        self._width, self._height = width, height
        self._rows = bytearray(coverage or bytes(width * height))

    def stroke(self, places: Sequence[Place], radius_px: float, *, add: bool = True) -> None:
        """Draw a line of round ends through places, or wipe along it."""
        for a, b in zip(places, places[1:] or places):
            self._capsule(a, b, max(radius_px, 0.5), 255 if add else 0)

    def fill(self, points: Sequence[ControlPoint], *, add: bool = True) -> None:
        """Fill a closed outline, non-zero, or cut it out."""
        outline = flatten(points, _FLATNESS_PX)
        crossings: dict[int, list[tuple[float, int]]] = {}
        for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]]):
            low, high, way = (y0, y1, 1) if y0 < y1 else (y1, y0, -1)
            for row in range(max(math.ceil(low - 0.5), 0), min(math.ceil(high - 0.5), self._height)):
                crossings.setdefault(row, []).append((x0 + (x1 - x0) * (row + 0.5 - y0) / (y1 - y0), way))
        for row, met in crossings.items():
            winding = 0
            met.sort()
            for (left, way), (right, _) in zip(met, met[1:]):
                winding += way
                if winding:
                    self._span(row, left, right, 255 if add else 0)

    def mask(self) -> MaskPrompt:
        """Return what was painted."""
        return MaskPrompt(self._width, self._height, bytes(self._rows))

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is covered."""
        return not any(self._rows)

    def _capsule(self, a: Place, b: Place, radius: float, level: int) -> None:
        (ax, ay), (bx, by) = a, b
        dx, dy = bx - ax, by - ay
        length = math.hypot(dx, dy)
        top, bottom = min(ay, by) - radius, max(ay, by) + radius
        for row in range(max(math.ceil(top - 0.5), 0), min(math.ceil(bottom - 0.5), self._height)):
            y = row + 0.5
            ends = [end for centre in (a, b) for end in _disc_ends(centre, radius, y)]
            if length > 0:
                ends += _side_ends(a, (dx / length, dy / length), length, radius, y)
            if ends:
                self._span(row, min(ends), max(ends), level)

    def _span(self, row: int, left: float, right: float, level: int) -> None:
        first, last = max(math.ceil(left - 0.5), 0), min(math.ceil(right - 0.5), self._width)
        if last > first:
            start = row * self._width
            self._rows[start + first : start + last] = bytes((level,)) * (last - first)


def thinned(places: Sequence[Place], radius_px: float) -> list[Place]:
    """Return a line through fewer places, whose stroke is the same to a tenth of its radius."""
    kept = list(places[:1])
    for place in places[1:-1]:
        if math.dist(place, kept[-1]) >= radius_px * _SKIPPED:
            kept.append(place)
    return kept + list(places[1:][-1:])


def mask_of(outlines: Iterable[tuple[Sequence[ControlPoint], bool]], width: int, height: int) -> MaskPrompt:
    """Return the mask of closed outlines in paint order, each with whether it cuts what lies below."""
    canvas = Canvas(width, height)
    for points, cuts in outlines:
        canvas.fill(points, add=not cuts)
    return canvas.mask()


def _disc_ends(centre: Place, radius: float, y: float) -> list[float]:
    reach = radius * radius - (y - centre[1]) ** 2
    return [centre[0] - math.sqrt(reach), centre[0] + math.sqrt(reach)] if reach >= 0 else []


def _side_ends(a: Place, along: Place, length: float, radius: float, y: float) -> list[float]:
    """Return where a row meets the two sides of a thick line from `a`; level sides end where the discs do."""
    ends = []
    (ax, ay), (ux, uy) = a, along
    for side in (-radius, radius) if uy else ():
        sx, sy = ax - uy * side, ay + ux * side
        if 0 <= (y - sy) / uy <= length:
            ends.append(sx + ux * (y - sy) / uy)
    return ends
