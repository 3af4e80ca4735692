"""How far a drawn edge lies from a matte's edge, measured by another route than the fitter's own.

The fitter judges residuals along normals at matched samples; this measures plain distances from points to polylines,
both ways, and knows nothing of matches, knots or keyframes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from roto_daemon.fitting.outline import Points, evenly, trace_outlines, visible
from roto_daemon.fitting.raster import render_shapes, shape_polyline
from roto_shapes.shape import Roto

_SPACING_PX = 0.75
"""Edges are measured at points this far apart."""

_NEIGHBOURS = 4

_HALF = 0.5
"""Coverage from which a pixel counts as inside."""

_SUBPIXEL_BITS = 4
_SUBPIXEL = 1 << _SUBPIXEL_BITS
"""Lines are filled at corners of a sixteenth of a pixel."""


@dataclass(frozen=True)
class BoundaryError:
    """Distances in px between two edges: the mean of both ways, and the larger way's 95 % quantile and maximum."""

    mean_px: float
    percentile95_px: float
    max_px: float


def boundary_error(
    drawn: Sequence[Points],
    reference: Sequence[Points],
    size: tuple[int, int],
    hides: Callable[[Points], NDArray[np.bool_]] | None = None,
) -> BoundaryError | None:
    """Compare closed polylines inside a plate of (width, height); parts outside it are not measured.

    Nor is what `hides` says of points (n, 2) that something in front hides them.
    Returns None when neither has an edge inside the plate, and infinite errors when only one has.
    """
    first = [evenly(line, _SPACING_PX, 4) for line in drawn]
    second = [evenly(line, _SPACING_PX, 4) for line in reference]
    here, there = _shown(first, size), _shown(second, size)
    if hides is not None:
        here, there = here[~hides(here)], there[~hides(there)]
    if len(here) == 0 and len(there) == 0:
        return None
    if len(here) == 0 or len(there) == 0:
        return BoundaryError(np.inf, np.inf, np.inf)
    ways = (_distances(here, second), _distances(there, first))
    return BoundaryError(
        float(np.mean([way.mean() for way in ways])),
        float(max(np.quantile(way, 0.95) for way in ways)),
        float(max(way.max() for way in ways)),
    )


def matte_error(roto: Roto, frame: int, matte: NDArray[np.float32], threshold: float = 0.5) -> BoundaryError | None:
    """Compare the shapes that live on a frame with a matte's own iso-line."""
    drawn = drawn_outlines(roto, frame)
    reference = [outline.points for outline in trace_outlines(matte, threshold)]
    return boundary_error(drawn, reference, (roto.plate.width, roto.plate.height))


def widest_between(
    drawn: NDArray[np.float32],
    reference: Sequence[Points],
    hides: Callable[[Points], NDArray[np.bool_]] | None = None,
) -> float:
    """Return the radius in px of the largest disc between a drawn (height, width) coverage and closed reference lines.

    It lies inside just one of the two; a line inside another one bounds a hole.
    0 where they are the same but for what `hides` says of points (n, 2) that something in front hides them.
    """
    inside = np.zeros(drawn.shape, np.uint8)
    for line in reference:
        own = np.zeros_like(inside)
        cv2.fillPoly(own, [np.round((line - 0.5) * _SUBPIXEL).astype(np.int32)], (1,), shift=_SUBPIXEL_BITS)
        inside ^= own
    differ = ((drawn >= _HALF) != inside).astype(np.uint8)
    if hides is not None:
        rows, columns = np.nonzero(differ)
        hidden = hides(np.stack([columns, rows], axis=1).astype(np.float64) + 0.5)
        differ[rows[hidden], columns[hidden]] = 0
    left, top, width, height = cv2.boundingRect(differ)
    framed = np.pad(differ[top : top + height, left : left + width], 1)
    return float(cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max(initial=0.0))


def drawn_outlines(roto: Roto, frame: int) -> list[Points]:
    """Return the closed lines that shapes draw on a frame; where plain ones overlap, the outlines of all together.

    What lies inside another shape is no edge that anyone sees.
    """
    living = [shape for shape in roto.shapes if frame in shape.lifetime]
    lines = [shape_polyline(shape, frame) for shape in living]
    boxes = [
        (line.min(axis=0), line.max(axis=0)) for shape, line in zip(living, lines, strict=True) if not shape.invert
    ]
    meet = (np.all(a[0] < b[1]) and np.all(b[0] < a[1]) for a, b in combinations(boxes, 2))
    return [outline.points for outline in trace_outlines(render_shapes(roto, frame))] if any(meet) else lines


def self_crossings(polyline: Points) -> int:
    """Return how many pairs of pieces of a closed polyline cross each other."""
    return len(crossing_pieces(polyline))


def crossing_pieces(polyline: Points) -> NDArray[np.int64]:
    """Return (n, 2): the numbers of the pieces of a closed polyline that cross; piece k starts at point k."""
    start, end = polyline, np.roll(polyline, -1, axis=0)
    middle = (start + end) / 2
    reach = float(np.linalg.norm(end - start, axis=1).max())
    pairs = cKDTree(middle).query_pairs(reach * 1.01, output_type="ndarray")
    apart = np.abs(pairs[:, 0] - pairs[:, 1])
    pairs = pairs[(apart > 1) & (apart < len(polyline) - 1)]
    a, b = start[pairs[:, 0]], end[pairs[:, 0]]
    c, d = start[pairs[:, 1]], end[pairs[:, 1]]
    across = (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)
    crossing: NDArray[np.int64] = pairs[across].astype(np.int64)
    return crossing


def _side(a: Points, b: Points, c: Points) -> NDArray[np.float64]:
    turned: NDArray[np.float64] = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return turned


def _shown(polylines: list[Points], size: tuple[int, int]) -> Points:
    points = np.vstack([np.empty((0, 2)), *polylines])
    shown: Points = points[visible(points, *size)]
    return shown


def _distances(points: Points, polylines: list[Points]) -> NDArray[np.float64]:
    """Return the distance of each point to the nearest of the polylines, by the pieces beside the nearest vertices."""
    start = np.vstack(polylines)
    end = np.vstack([np.roll(line, -1, axis=0) for line in polylines])
    before = np.concatenate(
        [np.roll(np.arange(len(line)), 1) + offset for line, offset in zip(polylines, _offsets(polylines), strict=True)]
    )
    _, near = cKDTree(start).query(points, k=min(_NEIGHBOURS, len(start)))
    near = np.asarray(near).reshape(len(points), -1)
    pieces = np.concatenate([near, before[near]], axis=1)
    a, run = start[pieces], (end - start)[pieces]
    offset = points[:, None] - a
    length = np.maximum(np.sum(run * run, axis=2), 1e-12)
    share = np.clip(np.sum(offset * run, axis=2) / length, 0, 1)
    nearest: NDArray[np.float64] = np.linalg.norm(offset - share[:, :, None] * run, axis=2).min(axis=1)
    return nearest


def _offsets(polylines: list[Points]) -> NDArray[np.int64]:
    counts = np.array([len(line) for line in polylines])
    offsets: NDArray[np.int64] = np.cumsum(counts) - counts
    return offsets
