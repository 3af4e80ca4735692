"""Sub-pixel outlines of mattes: closed polylines on the iso-line of the coverage.

Coordinates are plate pixels with pixel centres at .5. Outlines are traced between pixel centres (marching squares),
never along pixel borders, so that a shape is neither half a pixel too small nor too fat. Every outline runs with
positive shoelace area, whether it bounds an object or a hole.
"""

from __future__ import annotations

from dataclasses import dataclass

import contourpy
import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.pixel_grid import PixelGrid, hard_grid, soft_grid, without_steps
from roto_daemon.fitting.polyline import Points, evenly

__all__ = ["BORDER_PX", "Outline", "Points", "evenly", "shoelace_area", "trace_outlines", "visible"]

BORDER_PX = 16
"""How far outlines that the plate border cuts run on outside it."""

_BLUR_SIGMA_PX = 1.0
"""Takes specks and the staircase off a hard mask."""

_MOST_SMOOTHED = 24
"""Outlines whose steps are taken off, the largest; a frame with more is noise, of which nothing is drawn."""

_SOFT_RANGE = (0.02, 0.98)
"""Coverage outside this range counts as nothing or all; 8-bit rounding stays outside."""

_SOFT_SHARE = 0.1
"""A mask with fewer partly covered pixels than this share of its edge pixels is hard."""

_WIDE_SHARE = 2.5
"""Enlarged coverage has more of them than this; an edge that was drawn has 0.8 to 1.3."""

_MINIMUM_CORNERS = 3


@dataclass(frozen=True)
class Outline:
    """One closed outline on one frame: the polyline (its first point is not repeated) and what it bounds."""

    points: Points
    hole: bool
    area: float


def shoelace_area(points: Points) -> float:
    """Return the signed area of a closed polyline; positive when x turns towards y."""
    ahead = np.roll(points, -1, axis=0)
    return float(np.sum(points[:, 0] * ahead[:, 1] - ahead[:, 0] * points[:, 1]) / 2)


def trace_outlines(matte: NDArray[np.float32], threshold: float = 0.5) -> list[Outline]:
    """Return every outline of a (height, width) matte at a coverage, the largest first.

    The steps of hard masks and of enlarged ones are taken off. Edges that the plate border cuts
    run on outside it, at right angles to the border, and close `BORDER_PX` outside.
    """
    box = _occupied(matte)
    if box is None:
        return []
    left, top, right, bottom = box
    padded = _padded(matte, box)
    soft = _softness(matte[top:bottom, left:right], threshold)
    if soft < _SOFT_SHARE:
        padded[...] = _blurred(padded)
    padded[[0, -1], :] = 0
    padded[:, [0, -1]] = 0
    lines = contourpy.contour_generator(z=padded, line_type=contourpy.LineType.Separate).lines(threshold)
    shift = np.array([left, top], float) - BORDER_PX + 0.5
    traced = [_outline(np.asarray(line, float)[:-1] + shift) for line in lines]
    found = sorted((one for one in traced if one is not None), key=_by_area)
    grid = _grid(matte, found, soft, threshold)
    if grid is None:
        return found
    drawn = [_without_steps(one, grid) for one in found[:_MOST_SMOOTHED]]
    return sorted([*drawn, *found[_MOST_SMOOTHED:]], key=_by_area)


def visible(points: Points, width: int, height: int) -> NDArray[np.bool_]:
    """Say for each point whether the plate shows it; on the border itself the matte does not know the edge."""
    x, y = points[..., 0], points[..., 1]
    inside: NDArray[np.bool_] = (x > 1) & (y > 1) & (x < width - 1) & (y < height - 1)
    return inside


def _occupied(matte: NDArray[np.float32]) -> tuple[int, int, int, int] | None:
    """Return the box (left, top, right, bottom) round all coverage, with a margin for the blur."""
    covered = matte > _SOFT_RANGE[0]
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if rows.size == 0:
        return None
    height, width = matte.shape
    margin = 4
    return (
        max(int(columns[0]) - margin, 0),
        max(int(rows[0]) - margin, 0),
        min(int(columns[-1]) + 1 + margin, width),
        min(int(rows[-1]) + 1 + margin, height),
    )


def _padded(matte: NDArray[np.float32], box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    left, top, right, bottom = box
    return np.pad(matte[top:bottom, left:right], BORDER_PX, mode="edge")


def _blurred(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a matte under twice a Gaussian less the Gaussian's own: it moves a round edge by next to nothing.

    A Gaussian alone moves the edge of a disc of radius r inwards by sigma^2 / 2r.
    """
    once, twice = (
        cv2.GaussianBlur(matte, (0, 0), _BLUR_SIGMA_PX * factor, borderType=cv2.BORDER_REPLICATE)
        for factor in (1, np.sqrt(2))
    )
    return np.asarray(2 * once - twice, np.float32)


def _softness(matte: NDArray[np.float32], threshold: float) -> float:
    """Return how many partly covered pixels there are for each pair of neighbours that the edge parts."""
    low, high = _SOFT_RANGE
    soft = int(np.count_nonzero((matte > low) & (matte < high)))
    inside = matte >= threshold
    edges = int(np.count_nonzero(inside[:, 1:] != inside[:, :-1])) + int(np.count_nonzero(inside[1:] != inside[:-1]))
    return soft / max(edges, 1)


def _grid(matte: NDArray[np.float32], found: list[Outline], soft: float, threshold: float) -> PixelGrid | None:
    if not found or _SOFT_SHARE <= soft < _WIDE_SHARE:
        return None
    if soft < _SOFT_SHARE:
        return hard_grid(matte >= threshold, found[0].points)
    height, width = matte.shape
    return soft_grid(found[0].points, width, height)


def _outline(points: Points) -> Outline | None:
    if len(points) < _MINIMUM_CORNERS:
        return None
    area = shoelace_area(points)
    # contourpy keeps the higher side on the left of the line as it runs, so the sign tells objects from holes.
    return Outline(points if area > 0 else points[::-1].copy(), area < 0, abs(area))


def _without_steps(outline: Outline, grid: PixelGrid) -> Outline:
    points = without_steps(outline.points, grid)
    return Outline(points, outline.hole, abs(shoelace_area(points)))


def _by_area(outline: Outline) -> float:
    return -outline.area
