"""From what the artist points at to the object on that frame. All in working pixels.

A click spreads over the picture in rising cost (geodesic distance). Cutting at several costs gives regions of
rising size; the smallest one whose outline is nearly as sharp as the sharpest is the object. A further click
adds or removes one such region and leaves everything else as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from roto_daemon.engines.classic.cut import (
    BAND_PX,
    EDGE,
    LIKELY_IN,
    LIKELY_OUT,
    SURE_IN,
    SURE_OUT,
    cut_band,
    disc,
    grab_cut,
    learned,
    part_at,
    signed_distance,
    without_pinholes,
    without_specks,
)
from roto_daemon.engines.classic.working import Field, Mask, View, stretched_lab

# Regions are sought on a picture of this length: enough to see limbs, small enough for a dozen cuts in a second.
_SEARCH_SIDE = 168
# Shares of the searched picture at which regions are cut, as a good object may have any size.
_SHARES = (0.007, 0.012, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.125, 0.16, 0.2, 0.3)
# The nearest pixels by picture edges alone teach the colours of the object, the far half those of the rest.
_CORE_SHARE, _FAR_SHARE = 0.015, 0.5
_CORE_COLOURS, _FAR_COLOURS = 4, 12
# A region as sharp as this share of the sharpest will do, so that the smallest such is taken.
_SHARP_ENOUGH = 0.85
# A region below this share of the searched picture is too coarse to judge: search again, this much closer.
_SMALL_SHARE, _CLOSER = 0.025, 3
# Cost of a step through colour unlike the core's, per pixel; and the likeness that costs nothing.
_UNLIKE_COST, _UNLIKE_FREE, _UNLIKE_CAP = 0.6, 0.3, 60.0
# Cost of a step through flat colour: keeps distance meaningful where nothing changes.
_STEP_COST = 0.05
# A correction is sought within this many working pixels of its click: further off another click is due.
_CORRECTION_REACH = 64
# A region with less of its outline than this away from given ground is judged by the whole of it.
_LEAST_FOUND = 0.1
# Ground that a click always gets.
_SEED_RADIUS = 2
_BOX_ROUNDS = 4


@dataclass(frozen=True)
class Seed:
    """A click: the working pixel under it, and whether it is on the object."""

    column: int
    row: int
    foreground: bool


@dataclass(frozen=True)
class _Ground:
    """Where a region may lie."""

    free: Mask
    own: Mask
    """Beside the free ground, what is already of the click's kind: its colours speak for a region, not against."""

    def shrunk(self, window: tuple[slice, slice], size: tuple[int, int]) -> _Ground:
        """Return the ground in a window, at another size (columns, rows)."""
        parts = (each[window].astype(np.float32) for each in (self.free, self.own))
        small = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) >= EDGE for each in parts]
        return _Ground(small[0], small[1] & ~small[0])


def object_at(view: View, seed: Seed) -> Mask:
    """Return the object that a first click points at."""
    anywhere = _Ground(np.ones(view.shape, bool), np.zeros(view.shape, bool))
    best = _best_region(view, seed, anywhere, max(view.shape))
    reach = max(view.shape) / _CLOSER
    if best.share < _SMALL_SHARE and max(view.shape) > _SEARCH_SIDE // _CLOSER:
        closer = _best_region(view, seed, anywhere, int(reach))
        if closer.sharpness >= _SHARP_ENOUGH * best.sharpness:
            best = closer
    return _settle(view, best.mask, seed)


def object_in(view: View, box: tuple[int, int, int, int]) -> Mask:
    """Return the object that a box of left, top, right, bottom (right and bottom excluded) holds."""
    left, top, right, bottom = box
    labels = np.full(view.shape, SURE_OUT, np.uint8)
    labels[top:bottom, left:right] = LIKELY_IN
    grown = max(right - left, bottom - top) // 2 + _SEED_RADIUS
    near = (slice(max(0, top - grown), bottom + grown), slice(max(0, left - grown), right + grown))
    found = np.zeros(view.shape, bool)
    found[near] = grab_cut(np.ascontiguousarray(view.colours[near]), labels[near], _BOX_ROUNDS)
    if not found.any():
        found[top:bottom, left:right] = True
    return without_specks(found)


def corrected(view: View, mask: Mask, seed: Seed, others: list[Seed]) -> Mask:
    """Return the object after one more click: the part that it touches joins or leaves, all else stays.

    `others` are the clicks of the other kind; they keep the ground they stand on.
    """
    if mask[seed.row, seed.column] == seed.foreground:
        return mask
    free = mask != seed.foreground
    for other in others:
        free &= ~disc(view.shape, other.column, other.row, _SEED_RADIUS)
    free[seed.row, seed.column] = True
    region = _best_region(view, seed, _Ground(free, mask == seed.foreground), 2 * _CORRECTION_REACH).mask
    region |= disc(view.shape, seed.column, seed.row, _SEED_RADIUS)
    region = part_at(region & free, seed.column, seed.row)
    refined = cut_band(view.colours, region, _loose(region) & free, learned(view.colours, region))
    region = part_at(refined | _at(region, seed), seed.column, seed.row)
    return _joined(mask, region) if seed.foreground else mask & ~region


def _joined(mask: Mask, region: Mask) -> Mask:
    """Return both, with the seam that is left between them closed."""
    both = mask | region
    seam = ndimage.binary_dilation(region, iterations=_SEED_RADIUS) & ~both
    closed = ndimage.binary_closing(np.pad(both, _SEED_RADIUS), iterations=_SEED_RADIUS)
    inner = closed[_SEED_RADIUS:-_SEED_RADIUS, _SEED_RADIUS:-_SEED_RADIUS]
    return np.asarray(both | (inner & seam), bool)


def _at(mask: Mask, seed: Seed) -> Mask:
    point = np.zeros_like(mask)
    point[seed.row, seed.column] = True
    return point


def _loose(mask: Mask) -> Mask:
    return np.asarray(np.abs(signed_distance(mask)) < BAND_PX, bool)


def _settle(view: View, mask: Mask, seed: Seed) -> Mask:
    """Return the part round a click after its outline found the edge at full working size."""
    models = learned(view.colours, mask)
    cut = cut_band(view.colours, mask, _loose(mask), models) | disc(view.shape, seed.column, seed.row, 1)
    return without_specks(part_at(cut, seed.column, seed.row))


@dataclass(frozen=True)
class _Region:
    """A candidate: its mask, its share of the searched picture and the contrast across its weaker edges."""

    mask: Mask
    share: float
    sharpness: float


def _best_region(view: View, seed: Seed, ground: _Ground, side: int) -> _Region:
    """Return the best region round a click, sought in a window of `side` pixels and on free ground."""
    rows, columns = view.shape
    top, left = (max(0, min(at - side // 2, end - side)) for at, end in ((seed.row, rows), (seed.column, columns)))
    window = (slice(top, top + side), slice(left, left + side))
    patch = view.picture[window]
    ratio = min(1.0, _SEARCH_SIDE / max(patch.shape[:2]))
    size = (max(1, round(patch.shape[1] * ratio)), max(1, round(patch.shape[0] * ratio)))
    small = np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
    near = ground.shrunk(window, size)
    column, row = int((seed.column - left) * ratio), int((seed.row - top) * ratio)
    at = Seed(min(column, size[0] - 1), min(row, size[1] - 1), foreground=True)
    near.free[at.row, at.column] = True

    beyond = _open_sides(window, view.shape, (size[1], size[0]))
    found = list(_regions(stretched_lab(small), at, near, beyond))
    sharpest = max(each.sharpness for each in found)
    best = next(each for each in found if each.sharpness >= _SHARP_ENOUGH * sharpest)
    full = np.zeros(view.shape, bool)
    enlarged = cv2.resize(best.mask.astype(np.float32), patch.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    full[window] = enlarged >= EDGE
    return _Region(full, best.share, best.sharpness)


def _regions(colours: NDArray[np.uint8], seed: Seed, ground: _Ground, beyond: Mask) -> Iterator[_Region]:
    """Yield regions round a click by rising size, each one connected and on free ground.

    `beyond` marks pixels beside which the picture goes on outside of what is searched.
    """
    free = ground.free
    smooth = cv2.GaussianBlur(colours, (0, 0), 0.7).astype(np.float32)
    distance = _spread(smooth, _at(free, seed), free, _unlikeness(smooth, seed, free))
    reached = np.sort(distance[np.isfinite(distance)])
    outside = distance > _nth(reached, distance.size, 0.7)
    kernel = np.ones((3, 3), np.uint8)
    for share in _SHARES:
        limit = _nth(reached, distance.size, share)
        labels = np.where(distance <= limit, LIKELY_IN, LIKELY_OUT).astype(np.uint8)
        labels[outside | ~free] = SURE_OUT
        labels[ground.own] = SURE_IN
        labels[(distance <= limit / 2) & free] = SURE_IN
        cut = grab_cut(colours, labels, 2) & free
        opened = cv2.morphologyEx(cut.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0
        part = part_at(opened | disc(free.shape, seed.column, seed.row, 1), seed.column, seed.row)
        mask = without_pinholes(part, 0.01 * np.count_nonzero(part)) & free
        yield _Region(mask, float(mask.mean()), _sharpness(colours, mask, free, beyond))


def _nth(ordered: NDArray[np.float64], count: int, share: float) -> float:
    """Return the distance within which a share of all `count` pixels lies, as far as they are reached."""
    return float(ordered[min(int(count * share), ordered.size - 1)])


def _unlikeness(smooth: NDArray[np.float32], seed: Seed, free: Mask) -> Field:
    """Return the extra cost per pixel of colour that is unlike the click's neighbourhood and like the rest."""
    distance = _spread(smooth, _at(free, seed), free, np.zeros(free.shape, np.float32))
    reached = np.sort(distance[np.isfinite(distance)])
    core = distance <= _nth(reached, distance.size, _CORE_SHARE)
    far = free & (distance > _nth(reached, distance.size, _FAR_SHARE))
    if not far.any():
        far = free & ~core
    if not far.any():
        return np.zeros(free.shape, np.float32)
    to_core = _colour_distance(smooth, smooth[core], _CORE_COLOURS)
    to_far = _colour_distance(smooth, smooth[far], _FAR_COLOURS)
    unlike = np.maximum(0, to_core / (to_core + to_far + 1) - _UNLIKE_FREE)
    return np.asarray(_UNLIKE_COST * unlike * np.minimum(to_core, _UNLIKE_CAP), np.float32)


def _colour_distance(smooth: NDArray[np.float32], samples: NDArray[np.float32], count: int) -> Field:
    """Return each pixel's distance to the nearest of the `count` main colours of the samples."""
    thinned = np.ascontiguousarray(samples[:: max(1, len(samples) // 2000)])
    cv2.setRNGSeed(1)
    unused = np.zeros((len(thinned), 1), np.int32)
    rule = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 10, 1.0)
    _, _, centres = cv2.kmeans(thinned, min(count, len(thinned)), unused, rule, 1, cv2.KMEANS_PP_CENTERS)
    nearest = np.full(smooth.shape[:2], np.inf, np.float32)
    for centre in centres:
        np.minimum(nearest, np.linalg.norm(smooth - centre, axis=2), out=nearest)
    return nearest


def _spread(smooth: NDArray[np.float32], start: Mask, free: Mask, extra: Field) -> NDArray[np.float64]:
    """Return the cost of the cheapest way from `start` to each pixel through free ones; infinite where none leads.

    A step costs the square of its colour change, so that one edge costs more than a long shade of equal height,
    plus `extra`.
    """
    rows, columns = free.shape
    index = np.arange(free.size, dtype=np.int32).reshape(rows, columns)
    froms, tos, costs = [], [], []
    for down, right, length in ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 2**0.5), (1, -1, 2**0.5)):
        one = (slice(0, rows - down), slice(max(0, -right), columns - max(0, right)))
        two = (slice(down, rows), slice(max(0, right), columns + min(0, right)))
        change = np.square(smooth[one] - smooth[two]).sum(2)
        cost = change / length + length * (_STEP_COST + (extra[one] + extra[two]) / 2)
        passable = free[one] & free[two]
        froms.append(index[one][passable])
        tos.append(index[two][passable])
        costs.append(cost[passable])
    graph = coo_matrix((np.concatenate(costs), (np.concatenate(froms), np.concatenate(tos))), (free.size, free.size))
    sources = np.flatnonzero(start.ravel())
    found = dijkstra(graph.tocsr(), directed=False, indices=sources, min_only=True)
    return np.asarray(found, np.float64).reshape(rows, columns)


def _open_sides(window: tuple[slice, slice], frame: tuple[int, int], shape: tuple[int, int]) -> Mask:
    """Return the pixels of a searched window, at its searched shape, that stand at a side within the frame."""
    sides = np.zeros(shape, bool)
    rows, columns = window
    sides[0] |= rows.start > 0
    sides[-1] |= rows.stop < frame[0]
    sides[:, 0] |= columns.start > 0
    sides[:, -1] |= columns.stop < frame[1]
    return sides


def _sharpness(colours: NDArray[np.uint8], mask: Mask, free: Mask, beyond: Mask) -> float:
    """Return the colour step across a region's outline that three quarters of it exceed; 0 without an outline.

    Where the region meets what is not free its outline is given, and not judged unless there is hardly another;
    where it runs out of the searched window it has no edge at all.
    """
    rim = mask & ~ndimage.binary_erosion(mask, border_value=1)
    if not rim.any():
        return 0.0
    found = rim & ~ndimage.binary_dilation(~free, iterations=2)
    given = np.count_nonzero(found) < _LEAST_FOUND * np.count_nonzero(rim)
    judged, against = (rim, ~mask) if given else (found, free & ~mask)
    sides = []
    for weight in (mask.astype(np.float32), against.astype(np.float32)):
        total = cv2.GaussianBlur(weight, (0, 0), 2.5)
        colour = cv2.GaussianBlur(colours * weight[..., None], (0, 0), 2.5)
        sides.append(colour[judged] / np.maximum(total[judged], 1e-3)[:, None])
    steps = np.linalg.norm(sides[0] - sides[1], axis=1)
    return float(np.percentile(np.concatenate([steps, np.zeros(np.count_nonzero(mask & beyond))]), 25))
