"""The artist's edge offset: outlines grown or shrunk by a constant distance, without loops.

The offset outline is an iso-line of the signed distance to the outlines, as wavefronts are traced: what would loop
vanishes, what would meet joins. Convex corners become round when grown and stay sharp when shrunk.
"""

from __future__ import annotations

import math

import contourpy
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from roto_daemon.errors import FitError
from roto_daemon.fitting.outline import BORDER_PX, Outline, Points, evenly, shoelace_area

_SPACING_PX = 0.5
"""Outlines are resampled so finely that the nearest piece always begins or ends at the nearest point."""

_SPARE_PX = 3
_FEWEST_CORNERS = 3


class EdgeOffset:
    """Moves the outlines of frame after frame, and knows in the end whether anything was left."""

    def __init__(self, offset_px: float, width: int, height: int) -> None:
        """Take a distance in px, negative to shrink, and the plate's size."""
        self._offset_px = offset_px
        self._size = (width, height)
        self._frames = 0
        self._left = False

    def moved(self, outlines: list[Outline]) -> list[Outline]:
        """Return the outlines of one frame moved, the largest first; the same ones for an offset of 0."""
        if not self._offset_px or not outlines:
            return outlines
        self._frames += 1
        found = offset_outlines(outlines, self._offset_px, self._size)
        self._left = self._left or bool(found)
        return found

    def require_some(self) -> None:
        """Raise FitError when there were outlines and the offset ate all of them."""
        if self._frames and not self._left:
            raise FitError(
                f"an offset of {self._offset_px:g} px leaves nothing of the object on any of {self._frames} frames: "
                "give one nearer to zero"
            )


def offset_outlines(outlines: list[Outline], offset_px: float, size: tuple[int, int]) -> list[Outline]:
    """Return the outlines of what lies within `offset_px` of the area, or deeper inside it than that if negative.

    `size` is the plate's (width, height): where an outline leaves the plate it is first prolonged, so that the edge
    which closes it outside never comes in.
    """
    lines = [_prolonged(one.points, size, max(-offset_px, 0.0)) for one in outlines]
    whole = np.vstack(lines)
    reach = math.ceil(max(offset_px, 0.0)) + _SPARE_PX
    low = np.floor(whole.min(axis=0)).astype(int) - reach
    width, height = (int(n) for n in np.ceil(whole.max(axis=0)).astype(int) + reach - low)
    lines = [line - low for line in lines]
    field = _signed_distance(lines, width, height, abs(offset_px) + _SPARE_PX)
    contours = contourpy.contour_generator(z=field, line_type=contourpy.LineType.Separate).lines(-offset_px)
    # Distances are known at pixel centres.
    found = [_outline(np.asarray(line, float)[:-1] + low + 0.5) for line in contours]
    return sorted((one for one in found if one is not None), key=lambda one: -one.area)


def _prolonged(points: Points, size: tuple[int, int], by: float) -> Points:
    """Return an outline whose closing edges outside the plate lie further out."""
    reach = BORDER_PX - 2
    out = np.where(points < -reach, -by, 0.0) + np.where(points > np.array(size) + reach, by, 0.0)
    moved: Points = points + out
    return moved


def _signed_distance(lines: list[Points], width: int, height: int, reach: float) -> NDArray[np.float64]:
    """Return (height, width) distances of pixel centres to the lines, positive inside, exact within a reach."""
    inside = _inside(lines, width, height)
    rings = [evenly(line, _SPACING_PX, 4) for line in lines]
    start = np.vstack(rings)
    runs = np.vstack([np.roll(ring, -1, axis=0) - ring for ring in rings])
    back = np.vstack([np.roll(ring, 1, axis=0) - ring for ring in rings])
    rows, columns = np.indices((height, width))
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
    apart, near = cKDTree(start).query(centres, distance_upper_bound=reach)
    near, known = np.asarray(near), np.flatnonzero(np.isfinite(apart))
    distance = np.full(len(centres), reach, float)
    offset = centres[known] - start[near[known]]
    distance[known] = np.minimum(_from_piece(offset, runs[near[known]]), _from_piece(offset, back[near[known]]))
    signed: NDArray[np.float64] = np.where(inside, 1, -1) * distance.reshape(height, width)
    return signed


def _from_piece(offset: Points, run: Points) -> NDArray[np.float64]:
    """Return the lengths from offsets to the straight pieces from 0 to `run`."""
    share = np.clip(np.sum(offset * run, axis=1) / np.maximum(np.sum(run * run, axis=1), 1e-12), 0, 1)
    lengths: NDArray[np.float64] = np.linalg.norm(offset - share[:, None] * run, axis=1)
    return lengths


def _inside(lines: list[Points], width: int, height: int) -> NDArray[np.bool_]:
    """Say for each pixel centre whether an odd number of outlines lie round it: by where rows cross them."""
    toggles = np.zeros((height, width + 1), np.int64)
    for line in lines:
        ahead = np.roll(line, -1, axis=0)
        low, high = np.minimum(line[:, 1], ahead[:, 1]), np.maximum(line[:, 1], ahead[:, 1])
        first, stop = np.ceil(low - 0.5).astype(int), np.ceil(high - 0.5).astype(int)
        edge = np.repeat(np.arange(len(line)), stop - first)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(stop - first) - (stop - first), stop - first) + first[edge]
        share = (row + 0.5 - line[edge, 1]) / (ahead[edge, 1] - line[edge, 1])
        across = line[edge, 0] + share * (ahead[edge, 0] - line[edge, 0])
        np.add.at(toggles, (row, np.clip(np.ceil(across - 0.5).astype(int), 0, width)), 1)
    odd: NDArray[np.bool_] = (np.cumsum(toggles, axis=1)[:, :width] % 2).astype(bool)
    return odd


def _outline(points: Points) -> Outline | None:
    if len(points) < _FEWEST_CORNERS:
        return None
    area = shoelace_area(points)
    return Outline(points if area > 0 else points[::-1].copy(), area < 0, abs(area))
