"""Edges that a pixel grid has stepped: which grid it was, and the smooth edge that its steps stand for.

A hard mask knows its edge to half a pixel, and an enlarged mask to half a pixel of the grid that it was made on: as
blocks where it was enlarged as it was, as facets where its coverage was enlarged and cut afterwards. Such an edge is
not equally unsure everywhere. Where it runs nearly along the rows, the places at which it passes from one row's centre
line to the next are known well, however long the steps are; the same holds for columns. The smooth edge is the
curve near these places, weighted so, with the least change of curvature: its third derivative is held down by its
absolute value (by re-weighting; Kim, Koh, Boyd & Gorinevsky, l1 trend filtering, 2009), which leaves corners and tight
bends alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial import cKDTree

from roto_daemon.fitting.polyline import Points, evenly, length
from roto_daemon.fitting.ring import headings, rightwards

Floats = NDArray[np.float64]
Sizes = tuple[float, float]

_LARGEST_PX = 16.0
"""A mask of fewer pixels than a sixteenth of the plate's shows nothing that one could draw."""

_SMALLEST_BLOCK_PX, _SMALLEST_FACET_PX, _SMALLEST_FACETED_PX = 1.9, 2.5, 4.0
"""Steps of less are next to those of the plate's own pixels; facets are told when they are larger one way at least."""

_ON_BORDERS = 0.97
_FIRST_LOOK = 40
"""Borders with which sizes are sorted out before all are looked at."""

_FLOAT_ERROR = 1e-6
_BY_CHANCE = 14.5
"""Logarithm of how unlikely it must be that edges stand on the borders of blocks by chance: there are some thousand
sizes to try."""

_LIKENESS, _FEWEST_FACETS = 2.65, 6.0
"""Least correlation of an outline's error with that of interpolated coverage, times the root of how many facets tell of
it: enlarged coverage measures 2.7 to 4.7, soft and hard, others up to 2.3; and of fewer facets nothing can be told."""

_LEAST_STRENGTH, _MOST_STRENGTH = 0.45, 1.3
"""Share of the modelled error that shows: 0.46 to 1 in enlarged coverage, which bilinear interpolation softens."""

_FACET_SMOOTHING_PX = 15.0
_BENT_PX = 2.0
"""Further off than facets of the largest size lie only corners and tips; what is near those tells nothing either."""

_FACETED_PX = 150.0
"""Where facets are looked for, bends within so many px are the edge's own; shorter outlines show too few of them."""

_MOST_LOOKED_AT = 300
"""Points of an outline, on either axis, that tell the size of facets."""

_MOST_OFF = 0.12
"""In pixels of the grid, and half a plate pixel more: facets err by 0.09; what errs by more is a corner or a bend."""

_ALONG = 0.8
"""Edges whose normal leans so much towards an axis cross its lines."""

_BLOCK_STEP, _FACET_STEP, _KNOWN_STEP = 0.29, 0.05, 0.03
"""Standard deviation of an edge across the steps in pixels of the grid, even over one pixel; that of interpolated
coverage; and what is left along the steps."""

_STIFFNESS = 8.0
"""Times the step; from 6 to 24 the distance from the truth changes by a tenth (circles of 3 to 50 px, blobs)."""

_LEAST_JERK, _SHARP_JERK = 5e-4, 0.07
"""Third derivatives, in pixels of the grid to the power of -2: straight edges have less than the one, corners and
tips more than the other."""

_FIRST_PERIOD, _SHORTEST_PERIOD, _LONGEST_PERIOD = 6.0, 2.5, 40.0
"""Waves of an edge, in pixels of the grid, that smoothing halves: to begin with, and at the least and most."""

_ROUNDS = 6
_FEET_ROUNDS = 3
_NODES_A_PIXEL = 3.0
_FEWEST_NODES = 16
_OVERLAP = 100
"""Nodes by which the two ends of an outline that was cut open go on into each other."""

_THIRD_DIFFERENCE = (-1.0, 3.0, -3.0, 1.0)
_DIAGONALS = 4


@dataclass(frozen=True)
class PixelGrid:
    """The pixels that a mask was made on."""

    x_px: float
    y_px: float
    """Their size in plate pixels."""
    step: float
    """Standard deviation, in their sizes, of where the edge runs between the centres of two of them."""


def hard_grid(inside: NDArray[np.bool_], line: Points) -> PixelGrid:
    """Return the grid that a hard mask, (height, width), was made on, seen on it and on its largest outline."""
    height, width = inside.shape
    blocks = _block_sizes(inside)
    if blocks:
        return PixelGrid(*blocks, _BLOCK_STEP)
    return soft_grid(line, width, height) or PixelGrid(1.0, 1.0, _BLOCK_STEP)


def soft_grid(line: Points, width: int, height: int) -> PixelGrid | None:
    """Return the grid on which a mask had the coverage that was enlarged, by its largest outline; None: no such."""
    facets = _facet_sizes(line, width, height)
    if facets is None:
        return None
    return PixelGrid(*facets, float(np.hypot(_FACET_STEP, _BLOCK_STEP / max(facets))))


def without_steps(line: Points, grid: PixelGrid) -> Points:
    """Return the smooth edge that a traced, closed outline on a grid stands for, at even spacing."""
    places, on_column = _crossings(line, grid)
    pixel = max(grid.x_px, grid.y_px)
    nodes, spacing = _even(line, max(pixel / _NODES_A_PIXEL, 1.0))
    if len(places) < _FEWEST_NODES:
        return line
    nodes = _smoothed(nodes, 1.5 * pixel / spacing)
    stiffness = np.full(len(nodes), _period(_FIRST_PERIOD))
    feet = np.zeros(len(places))
    for number in range(_ROUNDS):
        tangents = headings(nodes)
        normals = rightwards(tangents)
        if number < _FEET_ROUNDS:
            _, near = cKDTree(nodes).query(places)
            feet = near + np.clip(np.sum((places - nodes[near]) * tangents[near], axis=1) / spacing, -0.5, 0.5)
        normal = _at(normals, feet)
        across = np.where(on_column, np.abs(normal[:, 1]) * grid.y_px, np.abs(normal[:, 0]) * grid.x_px)
        known = _KNOWN_STEP * np.where(on_column, grid.y_px, grid.x_px)
        weight = (pixel * grid.step) ** 2 / ((grid.step * across) ** 2 + known**2)
        misses = np.sum((places - _at(nodes, feet)) * normal, axis=1)
        # Both sides of the balance are counted per pixel of the grid, however many nodes and places it has.
        pull = stiffness * (len(places) / len(nodes)) * (pixel / spacing) ** 6
        nodes = nodes + _moves(nodes, normals, (feet, weight, misses), pull)[:, None] * normals
        jerk = _third_differences(nodes) / spacing**3 * pixel**2
        size = np.sqrt(gaussian_filter1d(np.sum(jerk**2, axis=1), pixel / spacing, mode="wrap"))
        stiffness = np.clip(
            _STIFFNESS * grid.step / ((size + _LEAST_JERK) * (1 + (size / _SHARP_JERK) ** 2)),
            _period(_SHORTEST_PERIOD),
            _period(_LONGEST_PERIOD),
        )
    return nodes


def _period(pixels: float) -> float:
    return float((pixels / (2 * np.pi)) ** 6)


def _block_sizes(inside: NDArray[np.bool_]) -> Sizes | None:
    height, width = inside.shape
    columns = np.flatnonzero((inside[:, 1:] != inside[:, :-1]).any(axis=0)) + 1
    rows = np.flatnonzero((inside[1:] != inside[:-1]).any(axis=1)) + 1
    sizes = _sizes(width, height, _SMALLEST_BLOCK_PX)
    x_px, y_px = _block_size(columns, sizes), _block_size(rows, sizes)
    return (x_px, y_px) if x_px and y_px else None


def _sizes(width: int, height: int, smallest_px: float) -> Floats:
    """Return sizes of pixels, in plate pixels, of which a whole number fills the plate's width or height."""
    sides = [side / np.arange(np.ceil(side / _LARGEST_PX), side // smallest_px + 1) for side in (width, height)]
    return np.unique(np.concatenate(sides))


def _block_size(borders: NDArray[np.int64], sizes: Floats) -> float | None:
    """Return the largest size whose blocks have their borders where edges are, rounded up or to the nearest."""
    if len(borders) == 0:
        return None
    some = borders[:: max(len(borders) // _FIRST_LOOK, 1)]
    for rounding in (_FLOAT_ERROR, 0.5 + _FLOAT_ERROR):
        likely = np.mean((some + rounding) % sizes[:, None] < 1, axis=1) >= _ON_BORDERS
        for size in sizes[likely & (len(borders) * np.log(sizes) >= _BY_CHANCE)][::-1]:
            if np.mean((borders + rounding) % size < 1) >= _ON_BORDERS:
                return float(size)
    return None


def _facet_sizes(line: Points, width: int, height: int) -> Sizes | None:
    """Return the pixel sizes for which an outline errs as enlarged coverage does, if there are any."""
    points, spacing = _even(line, 1.0)
    if len(points) * spacing < _FACETED_PX:
        return None
    smooth = _smoothed(points, _FACET_SMOOTHING_PX / spacing)
    tangents = headings(smooth)
    normals = rightwards(tangents)
    off = np.sum((points - smooth) * normals, axis=1)
    sizes = _sizes(width, height, _SMALLEST_FACET_PX)
    bent = np.abs(off) > _BENT_PX
    off[maximum_filter1d(bent, 2 * int(_FACET_SMOOTHING_PX / spacing) + 1, mode="wrap")] = np.inf
    found = [_facet_likeness(points[:, axis], off, normals[:, axis], sizes) for axis in (0, 1)]
    pairs = _pairs(sizes, width, height)
    both, model, seen, facets = (a[pairs[:, 0]] + b[pairs[:, 1]] for a, b in zip(*found, strict=True))
    likeness = both / np.sqrt(np.maximum(model * seen, 1e-12))
    strength = both / np.maximum(model, 1e-12)
    enough = (likeness * np.sqrt(facets) >= _LIKENESS) & (facets >= _FEWEST_FACETS)
    enough &= (strength >= _LEAST_STRENGTH) & (strength <= _MOST_STRENGTH)
    enough &= sizes[pairs].max(axis=1) >= _SMALLEST_FACETED_PX
    if not enough.any():
        return None
    best = int(np.argmax(np.where(enough, likeness, 0)))
    return float(sizes[pairs[best, 0]]), float(sizes[pairs[best, 1]])


def _facet_likeness(along: Floats, off: Floats, normal: Floats, sizes: Floats) -> tuple[Floats, ...]:
    """Return for each size how seen and modelled errors of edges across an axis go together, and how many facets show.

    These are the sums of the products of the two, of the modelled squared, and of the seen.
    """
    weight = np.where(np.isfinite(off), np.clip((np.abs(normal) - _ALONG) / (1 - _ALONG), 0, 1), 0)
    few = np.flatnonzero(weight)
    few = few[:: max(len(few) // _MOST_LOOKED_AT, 1)]
    seen = (off * np.sign(normal))[few]
    share = along[few] / sizes[:, None] - 0.5
    share -= np.round(share)
    # Coverage c of the pixel that an edge cuts, next to a full and an empty one: the edge lies c - 1/2 beyond its
    # centre; between the centres it is seen m = (c - 1/2) / c beyond it, so that c - 1/2 = 1 / (2 (1 - m)) - 1/2.
    model = np.sign(share) * (np.abs(share) + 0.5 - 0.5 / (1 - np.abs(share))) * sizes[:, None]
    own = weight[few] * (np.abs(seen) < _MOST_OFF * sizes[:, None] + 0.5)
    model *= own
    shown = np.sum(weight * np.abs(np.roll(along, -1) - along)) / sizes
    return model @ seen, np.einsum("sn,sn->s", model, model), own**2 @ seen**2, shown


def _pairs(sizes: Floats, width: int, height: int) -> NDArray[np.int64]:
    """Return numbers (n, 2) of sizes in x and y that go together: square pixels, or as many across as down."""
    every = np.arange(len(sizes))
    columns = np.round(width / sizes)
    wide = every[np.abs(columns * sizes - width) < _FLOAT_ERROR * width]
    across = columns[wide]
    pairs = [np.stack([every, every], axis=1)]
    for rows in (across, np.round(across * height / width)):
        wanted = height / np.maximum(rows, 1)
        near = np.clip(np.searchsorted(sizes, wanted - _FLOAT_ERROR / 2), 0, len(sizes) - 1)
        there = np.abs(sizes[near] - wanted) < _FLOAT_ERROR
        pairs.append(np.stack([wide[there], near[there]], axis=1))
    return np.concatenate(pairs)


def _crossings(line: Points, grid: PixelGrid) -> tuple[Points, NDArray[np.bool_]]:
    """Return where an outline crosses the lines through pixel centres, and whether the line is a column's."""
    ahead = np.roll(line, -1, axis=0)
    places, on_column = [], []
    for axis, size in enumerate((grid.x_px, grid.y_px)):
        here, there = line[:, axis] / size - 0.5, ahead[:, axis] / size - 0.5
        hit = np.flatnonzero(np.floor(here) != np.floor(there))
        level = np.maximum(np.floor(here), np.floor(there))[hit]
        share = (level - here[hit]) / (there[hit] - here[hit])
        places.append(line[hit] + share[:, None] * (ahead[hit] - line[hit]))
        on_column.append(np.full(len(hit), axis == 0))
    return np.concatenate(places), np.concatenate(on_column)


def _moves(nodes: Points, normals: Points, seen: tuple[Floats, Floats, Floats], pull: Floats) -> Floats:
    """Return how far each node moves along its normal: towards what is seen, and to less third differences.

    Seen are feet, weights and misses of places. The outline is cut open and its ends overlap, so that the equations
    have seven diagonals.
    """
    count = len(nodes)
    around = np.arange(-_OVERLAP, count + _OVERLAP) % count
    feet, weight, misses = seen
    first = np.floor(feet).astype(np.int64)
    share = feet - first
    here, there = first % count, (first + 1) % count
    data = [
        np.bincount(here, weight * (1 - share) ** 2, count) + np.bincount(there, weight * share**2, count),
        np.bincount(here, weight * share * (1 - share), count),
    ]
    goal = np.bincount(here, weight * misses * (1 - share), count) + np.bincount(there, weight * misses * share, count)
    bands = np.zeros((_DIAGONALS, count))
    bands[:2] = data
    bends = pull[:, None] * _third_differences(nodes)
    for a, factor in enumerate(_THIRD_DIFFERENCE):
        own = np.roll(normals, 1 - a, axis=0)
        goal -= np.roll(factor * np.sum(bends * own, axis=1), a - 1)
        for b in range(a, _DIAGONALS):
            other = np.roll(normals, 1 - b, axis=0)
            term = pull * factor * _THIRD_DIFFERENCE[b] * np.sum(own * other, axis=1)
            bands[b - a] += np.roll(term, a - 1)
    bands[0] += 1e-9
    opened = bands[:, around]
    for offset in range(1, _DIAGONALS):
        opened[offset, -offset:] = 0
    solved = solveh_banded(opened, goal[around], lower=True)[_OVERLAP:-_OVERLAP]
    return np.asarray(solved, float)


def _third_differences(nodes: Points) -> Points:
    """Return the third differences of closed nodes; the one of a node reaches from the one before to two ahead."""
    rolled = [factor * np.roll(nodes, 1 - k, axis=0) for k, factor in enumerate(_THIRD_DIFFERENCE)]
    differences: Points = np.sum(rolled, axis=0)
    return differences


def _even(line: Points, spacing_px: float) -> tuple[Points, float]:
    """Return points evenly along a closed outline, and how far apart they are."""
    points = evenly(line, spacing_px, _FEWEST_NODES)
    return points, length(line) / len(points)


def _smoothed(points: Points, samples: float) -> Points:
    """Return closed points under twice a Gaussian less the Gaussian's own: bends of large radius keep their place."""
    once = gaussian_filter1d(points, samples, axis=0, mode="wrap")
    twice: Points = once + gaussian_filter1d(points - once, samples, axis=0, mode="wrap")
    return twice


def _at(values: Points, places: Floats) -> Points:
    """Return values at places between closed nodes, on the straight line."""
    first = np.floor(places).astype(np.int64)
    share = (places - first)[:, None]
    between: Points = (1 - share) * values[first % len(values)] + share * values[(first + 1) % len(values)]
    return between
