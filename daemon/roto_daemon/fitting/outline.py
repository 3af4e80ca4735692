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

Points = NDArray[np.float64]
"""(n, 2) x and y in plate pixels."""

BORDER_PX = 16
"""How far outlines that the plate border cuts run on outside it."""

_BLUR_SIGMA_PX = 1.0
"""Takes the staircase off a hard mask; moves a circle of radius r inwards by 1/(2r) px, a straight edge by nothing."""

_SOFT_RANGE = (0.02, 0.98)
"""Coverage outside this range counts as nothing or all; 8-bit rounding stays outside."""

_SOFT_SHARE = 0.1
"""A mask with fewer partly covered pixels than this share of its edge pixels is hard."""

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


def evenly(polyline: Points, spacing_px: float, fewest: int) -> Points:
    """Return points evenly along a closed polyline, at most `spacing_px` apart and at least `fewest` of them."""
    closed = np.vstack([polyline, polyline[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    count = max(int(np.ceil(along[-1] / spacing_px)), fewest)
    places = np.linspace(0, along[-1], count, endpoint=False)
    return np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def trace_outlines(matte: NDArray[np.float32], threshold: float = 0.5) -> list[Outline]:
    """Return every outline of a (height, width) matte at a coverage, the largest first.

    Hard masks are blurred first. Edges that the plate border cuts run on outside it, at right angles to the border,
    and close `BORDER_PX` outside.
    """
    box = _occupied(matte)
    if box is None:
        return []
    left, top, right, bottom = box
    padded = _padded(matte, box)
    if _is_hard(matte[top:bottom, left:right], threshold):
        padded[...] = cv2.GaussianBlur(padded, (0, 0), _BLUR_SIGMA_PX, borderType=cv2.BORDER_REPLICATE)
    padded[[0, -1], :] = 0
    padded[:, [0, -1]] = 0
    lines = contourpy.contour_generator(z=padded, line_type=contourpy.LineType.Separate).lines(threshold)
    shift = np.array([left, top], float) - BORDER_PX + 0.5
    outlines = [_outline(np.asarray(line, float)[:-1] + shift) for line in lines]
    return sorted((one for one in outlines if one is not None), key=lambda one: -one.area)


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


def _is_hard(matte: NDArray[np.float32], threshold: float) -> bool:
    low, high = _SOFT_RANGE
    soft = np.count_nonzero((matte > low) & (matte < high))
    inside = matte >= threshold
    edges = np.count_nonzero(inside[:, 1:] != inside[:, :-1]) + np.count_nonzero(inside[1:] != inside[:-1])
    return bool(soft < _SOFT_SHARE * edges)


def _outline(points: Points) -> Outline | None:
    if len(points) < _MINIMUM_CORNERS:
        return None
    area = shoelace_area(points)
    # contourpy keeps the higher side on the left of the line as it runs, so the sign tells objects from holes.
    return Outline(points if area > 0 else points[::-1].copy(), area < 0, abs(area))
