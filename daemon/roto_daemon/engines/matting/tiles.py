"""Coverage found tile by tile along the unknown band, so that memory does not grow with the plate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roto_daemon.pictures import Matte

Window = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class Tiling:
    """How a band is cut into tiles."""

    side_px: int
    """The longest side of a tile."""
    overlap_px: int
    """How far tiles reach beyond the pixels that are theirs. The outer half is context alone; over the inner half
    neighbours pass into one another."""
    align_px: int = 1
    """Tiles begin at multiples of this, so that a network's grid lies alike in all."""


def windows(wanted: NDArray[np.bool_], tiling: Tiling) -> Iterator[Window]:
    """Yield tiles that cover all wanted pixels, each cut down to the wanted pixels in it and the overlap round them."""
    step = max((tiling.side_px - 2 * tiling.overlap_px) // tiling.align_px, 1) * tiling.align_px
    height, width = wanted.shape
    for top in range(0, height, step):
        for left in range(0, width, step):
            core = wanted[top : top + step, left : left + step]
            rows, columns = np.flatnonzero(core.any(1)), np.flatnonzero(core.any(0))
            if rows.size:
                yield (
                    _widened(top + int(rows[0]), top + int(rows[-1]) + 1, height, tiling),
                    _widened(left + int(columns[0]), left + int(columns[-1]) + 1, width, tiling),
                )


def _widened(start: int, stop: int, limit: int, tiling: Tiling) -> slice:
    start = max(start - tiling.overlap_px, 0) // tiling.align_px * tiling.align_px
    return slice(start, min(stop + tiling.overlap_px, limit))


def solve(wanted: NDArray[np.bool_], tiling: Tiling, coverage: Callable[[Window], Matte]) -> Matte:
    """Return the coverage of the wanted pixels, 0 to 1, and 0 elsewhere; `coverage` finds that of a tile.

    Each wanted pixel is the mean of the tiles that hold it, weighted by how far within it lies.
    """
    total = np.zeros(wanted.shape, np.float32)
    weights = np.zeros(wanted.shape, np.float32)
    for window in windows(wanted, tiling):
        weight = np.minimum.outer(
            _ramp(window[0], wanted.shape[0], tiling.overlap_px), _ramp(window[1], wanted.shape[1], tiling.overlap_px)
        )
        total[window] += weight * coverage(window)
        weights[window] += weight
    weights[~wanted] = np.inf
    return np.clip(total / weights, 0, 1, out=total)


def _ramp(part: slice, limit: int, overlap_px: int) -> NDArray[np.float32]:
    """Return how much rows or columns of a tile count: nothing near an end beyond which it does not see, then more.

    Ends of the plate are none of these. Each wanted pixel lies a whole overlap within one tile at least.
    """
    size = part.stop - part.start
    place = np.arange(size, dtype=np.float32) + np.float32(0.5)
    before = place if part.start > 0 else np.full(size, np.inf, np.float32)
    after = size - place if part.stop < limit else np.full(size, np.inf, np.float32)
    if not overlap_px:
        return np.ones(size, np.float32)
    return np.asarray(np.clip(2 * np.minimum(before, after) / overlap_px - 1, 0, 1), np.float32)
