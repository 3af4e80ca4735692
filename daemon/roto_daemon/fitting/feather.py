"""Feather for every control point, from how wide the mattes' soft edge is there.

The width is measured across the traced outlines, frame by frame, while each matte is at hand; only widths are kept.
The matte falls linearly in a host: whole at the shape's edge, nothing at the feather's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, median_filter
from scipy.spatial import cKDTree

from roto_daemon.fitting.correspondence import Floats
from roto_daemon.fitting.measure import crossing_pieces
from roto_daemon.fitting.mixing import Mixing
from roto_daemon.fitting.outline import Outline, Points, evenly, visible
from roto_daemon.fitting.raster import bezier_polyline, shape_controls
from roto_daemon.fitting.ring import rightwards
from roto_daemon.fitting.tracks import MOST_OUTLINES
from roto_shapes.curve import evaluate
from roto_shapes.layers import placement
from roto_shapes.shape import ControlPoint, Shape, ShapeKeyframe

REACH_PX = 40.0
"""How far to both sides of an outline its soft edge is looked for; a wider one is not measured."""

LEAST_FEATHER_PX = 2.0
"""A ramp below this looks as antialiasing does: hard discs and boxes measure up to 1.5 with `_ANTIALIASED_PX` out."""

_ANTIALIASED_PX = 1.5
"""Width that a hard antialiased edge measures: 1 px on a pixel border, 2 px through pixel centres. With it taken out
a linear ramp of 3 px measures 2.9, of 12 px 11.9."""

_STEP_PX = 0.5
_SPACING_PX = 2.0
"""Outlines are measured at points this far apart."""

_ARC_SAMPLES = 2
"""Widths are medians with so many samples on either side: a wisp of hair does not decide."""

_FRAMES = 5
"""Widths are medians over so many frames, so that a flickering edge does not."""

_INNER_LEVEL, _OUTER_LEVEL = 0.9, 0.1
"""Share of the inner coverage between which a ramp is measured: its ends are blurred and noisy."""

_BACK = 0.2
"""Where coverage comes back by so much to the other side of the outline's level, another edge begins."""

_NEAR_PX = 12.0
"""A control point further than that from all outlines, such as a hidden one, is told nothing by them."""

_LONGEST_MITRE = 1 / 0.6
_NO_TANGENT_PX = 1e-6
_NARROWER = 0.7
_SMALLEST_SHARE = 0.1
_CHORD_LEFT = 0.1
"""Neighbours that would keep less than this share of their distance are about to pass each other."""


def edge_of(shape: Shape, threshold: float) -> Shape:
    """Return a shape with its points where its soft edge crosses a coverage, as an outline of a matte runs.

    A matte drawn with feather is whole at the points and nothing where their feather ends. The feather stays noted.
    """
    if all(point.feather is None for key in shape.keyframes for point in key.points):
        return shape
    return _shifted(shape, 1 - _level(threshold, hole=shape.invert))


def with_edge(before: Shape, edge: Shape, threshold: float) -> Shape:
    """Return a shape whose soft edge crosses a coverage where `edge` runs, which came from `edge_of(before)`.

    Keyframes that are as they were come back bit for bit.
    """
    was = edge_of(before, threshold)
    if was is before:
        return edge
    known = dict(zip(was.keyframes, before.keyframes, strict=True))
    moved = _shifted(edge, _level(threshold, hole=edge.invert) - 1)
    keyframes = tuple(known.get(key, back) for key, back in zip(edge.keyframes, moved.keyframes, strict=True))
    return replace(moved, keyframes=keyframes)


def _shifted(shape: Shape, share: float) -> Shape:
    """Return a shape with its points moved by a share of their feather."""

    def key_shifted(key: ShapeKeyframe) -> ShapeKeyframe:
        feather = np.array([point.feather or (0.0, 0.0) for point in key.points])
        rows = _moved(np.array([point[:6] for point in key.points], float), share * feather)
        points = (
            ControlPoint._make((*map(float, row), point.corner, point.feather))
            for row, point in zip(rows, key.points, strict=True)
        )
        return replace(key, points=tuple(points))

    return replace(shape, keyframes=tuple(map(key_shifted, shape.keyframes)))


def _moved(controls: Floats, by: Points) -> Floats:
    """Return controls (N, 6) with their points moved, and tangents as much longer as their segments become."""
    moved = controls[:, :2] + by
    longer = _chords(moved) / np.maximum(_chords(controls[:, :2]), 1e-9)
    into, out = controls[:, 2:4] * np.roll(longer, 1)[:, None], controls[:, 4:6] * longer[:, None]
    return np.concatenate([moved, into, out], axis=1)


def _level(threshold: float, *, hole: bool) -> float:
    """Return the coverage of the shape itself on its outline; a hole's shape covers what the matte does not."""
    return 1 - threshold if hole else threshold


@dataclass(frozen=True)
class _Edge:
    """Samples along the outlines of one frame (n, 2) and the ramp's width at each, not a number where unknown."""

    points: Points
    widths: Floats


class EdgeSoftness:
    """Measures matte after matte, and in the end gives shapes their feather."""

    def __init__(self, threshold: float, offset_px: float) -> None:
        """Take the coverage at which outlines run, and how far shapes lie from them on purpose."""
        self._threshold = threshold
        self._near_px = _NEAR_PX + abs(offset_px)
        self._frames: list[int] = []
        self._edges: dict[tuple[int, bool], _Edge] = {}

    def add(self, frame: int, matte: NDArray[np.float32], outlines: list[Outline]) -> None:
        """Measure across the outlines of one (height, width) matte, coverage 0 to 1; keep the widths alone."""
        self._frames.append(frame)
        for hole in (False, True):
            rings = [evenly(one.points, _SPACING_PX, 5) for one in outlines[:MOST_OUTLINES] if one.hole is hole]
            if rings:
                level = _level(self._threshold, hole=hole)
                widths = [_smoothed(_ramp_widths(matte, ring, level, hole=hole)) for ring in rings]
                self._edges[frame, hole] = _Edge(np.vstack(rings), np.concatenate(widths))

    def feathered(self, shape: Shape) -> Shape:
        """Return a shape with feather where the mattes' edge is soft, the same one where it is nowhere.

        The line where the matte crosses the threshold stays: points move inwards, to where the coverage is whole, and
        the feather reaches from there to where it is nothing. A point has a feather on all keyframes or on none.
        Feather is narrowed where the points would pass each other or the outline would loop.
        """
        widths = self._on_keyframes(shape)
        widths[:, widths.max(axis=0) < LEAST_FEATHER_PX] = 0.0
        inwards = 1 - _level(self._threshold, hole=shape.invert)
        share = np.ones(shape.point_count)
        while widths.any():
            soft = _with_feather(shape, widths * share, inwards)
            tight = _tight_points(shape, soft, share)
            if not tight.any():
                return soft
            if not share[tight].any():  # segments whose ends have not moved are the plain ones: they cannot be tight
                break
            share[tight] *= _NARROWER
            share[share < _SMALLEST_SHARE] = 0.0
        return shape

    def _on_keyframes(self, shape: Shape) -> Floats:
        """Return (K, N) widths on keyframes, in the shape's own pixels, that come nearest to those of all frames."""
        frames = [frame for frame in self._frames if frame in shape.lifetime]
        every = np.stack([self._at_points(shape, frame) for frame in frames])
        known = np.isfinite(every)
        whole = np.zeros(every.shape)
        times = np.array(frames, float)
        for point in np.flatnonzero(known.any(axis=0)):
            seen = known[:, point]
            whole[:, point] = np.interp(times, times[seen], every[seen, point])
        calm = median_filter(whole, size=(_FRAMES, 1), mode="nearest")
        keys = tuple(int(key) for key in np.searchsorted(times, [key.frame for key in shape.keyframes]))
        weights = Mixing(times, keys, shape.interpolation).weights
        keyed: Floats = np.maximum(np.asarray(np.linalg.lstsq(weights, calm, rcond=None)[0], float), 0.0)
        return keyed

    def _at_points(self, shape: Shape, frame: int) -> Floats:
        edge = self._edges.get((frame, shape.invert))
        if edge is None:  # an offset made this outline
            return np.full(shape.point_count, np.nan)
        apart, near = cKDTree(edge.points).query(shape_controls(shape, frame)[:, :2])
        widths: Floats = np.where(apart <= self._near_px, edge.widths[near], np.nan)
        if shape.layer is not None:
            place = placement(shape.layer, frame)
            widths /= [math.sqrt(math.prod(place.stretches(*point[:2]))) for point in evaluate(shape, frame)]
        return widths


def _ramp_widths(matte: NDArray[np.float32], ring: Points, level: float, *, hole: bool) -> Floats:
    """Return (n,) the widths from whole to no coverage across a ring, less what antialiasing adds."""
    tangent = np.roll(ring, -2, axis=0) - np.roll(ring, 2, axis=0)
    normal = _outwards(tangent)
    steps = np.arange(0, REACH_PX + _STEP_PX, _STEP_PX)
    inner, outer = (_profile(matte, ring, way * normal, steps, hole=hole) for way in (-1, 1))
    on = np.logical_and.accumulate(inner >= level - _BACK, axis=1)
    off = np.logical_and.accumulate(outer <= level + _BACK, axis=1)
    most = np.where(on, inner, 0.0).max(axis=1)
    measured = _first(inner, _INNER_LEVEL * most, on) + _first(-outer, -_OUTER_LEVEL * most, off)
    measured /= _INNER_LEVEL - _OUTER_LEVEL
    height, width = matte.shape
    shown = visible(ring, width, height)
    widths: Floats = np.where(shown, np.sqrt(np.maximum(measured**2 - _ANTIALIASED_PX**2, 0.0)), np.nan)
    return widths


def _profile(matte: NDArray[np.float32], ring: Points, way: Points, steps: Floats, *, hole: bool) -> Floats:
    """Return (n, steps) coverage of the shape along straight ways from a ring; pixel centres lie at .5."""
    places = ring[:, None] + way[:, None] * steps[:, None] - 0.5
    found = map_coordinates(matte, [places[..., 1], places[..., 0]], order=1, mode="nearest", output=np.float64)
    profile: Floats = 1 - found if hole else found
    return profile


def _first(values: Floats, bound: Floats, within: NDArray[np.bool_]) -> Floats:
    """Return (n,) how far out, in px, values first reach a bound; not a number where they do not."""
    hit = (values >= bound[:, None]) & within
    at = hit.argmax(axis=1)
    row = np.arange(len(values))
    before = values[row, np.maximum(at - 1, 0)]
    rise = values[row, at] - before
    share = np.where(rise > 0, (bound - before) / np.where(rise > 0, rise, 1.0), 0.0)
    distance: Floats = np.where(hit.any(axis=1), (np.maximum(at - 1, 0) + share) * _STEP_PX, np.nan)
    return distance


def _smoothed(widths: Floats) -> Floats:
    """Return medians of what is known along a ring."""
    beside = np.stack([np.roll(widths, by) for by in range(-_ARC_SAMPLES, _ARC_SAMPLES + 1)], axis=1)
    known = np.isfinite(beside).any(axis=1)
    smoothed = np.full(len(widths), np.nan)
    smoothed[known] = np.nanmedian(beside[known], axis=1)
    return smoothed


def _outwards(tangents: Points) -> Points:
    """Return unit normals that point out of an outline of positive shoelace area."""
    length = np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    normals: Points = rightwards(tangents) / length
    return normals


def _with_feather(shape: Shape, widths: Floats, inwards: float) -> Shape:
    """Return a shape with (K, N) feather widths, its points moved in by a share of them."""
    soft = widths.max(axis=0) > 0
    keyframes = tuple(_feathered_key(key, row, soft, inwards) for key, row in zip(shape.keyframes, widths, strict=True))
    return replace(shape, keyframes=keyframes)


def _feathered_key(key: ShapeKeyframe, widths: Floats, soft: NDArray[np.bool_], inwards: float) -> ShapeKeyframe:
    controls = np.array([point[:6] for point in key.points], float)
    feather = _mitred_normals(controls) * widths[:, None]
    rows = _moved(controls, -inwards * feather)
    points = tuple(
        ControlPoint._make((*map(float, row), point.corner, (float(off[0]), float(off[1])) if has else None))
        for row, off, has, point in zip(rows, feather, soft, key.points, strict=True)
    )
    return replace(key, points=points)


def _mitred_normals(controls: Floats) -> Points:
    """Return outward normals (N, 2) at control points (N, 6), longer at corners so that both sides keep distance."""
    here = controls[:, :2]
    leave = _or_else(controls[:, 4:6], np.roll(here, -1, axis=0) - here)
    arrive = _or_else(-controls[:, 2:4], here - np.roll(here, 1, axis=0))
    before, after = _outwards(arrive), _outwards(leave)
    middle = _outwards(
        arrive / np.linalg.norm(arrive, axis=1, keepdims=True).clip(1e-9)
        + leave / np.linalg.norm(leave, axis=1, keepdims=True).clip(1e-9)
    )
    lean = np.sum(middle * (before + after) / 2, axis=1, keepdims=True)
    normals: Points = middle * np.minimum(1 / np.maximum(lean, 1e-9), _LONGEST_MITRE)
    return normals


def _or_else(tangents: Points, chords: Points) -> Points:
    """Return tangents, and chords where there is none."""
    chosen: Points = np.where(np.linalg.norm(tangents, axis=1, keepdims=True) > _NO_TANGENT_PX, tangents, chords)
    return chosen


def _chords(places: Points) -> Floats:
    lengths: Floats = np.linalg.norm(np.roll(places, -1, axis=0) - places, axis=1)
    return lengths


def _tight_points(plain: Shape, soft: Shape, share: Floats) -> NDArray[np.bool_]:
    """Return (N,) which points were moved in too far on some keyframe or halfway between two."""
    frames = np.array([key.frame for key in plain.keyframes], float)
    tight = np.zeros(plain.point_count, bool)
    for frame in np.concatenate([frames, (frames[1:] + frames[:-1]) / 2]):
        before, after = shape_controls(plain, float(frame)), shape_controls(soft, float(frame))
        chord, moved = (np.roll(one[:, :2], -1, axis=0) - one[:, :2] for one in (before, after))
        passing = np.sum(chord * moved, axis=1) < _CHORD_LEFT * np.sum(chord * chord, axis=1)
        tight |= passing | np.roll(passing, 1)
        line = bezier_polyline(after)
        pieces = crossing_pieces(line)
        if len(pieces) and not len(crossing_pieces(bezier_polyline(before))):
            tight[_to_blame(line, pieces.ravel(), after[:, :2], share)] = True
    return tight


def _to_blame(line: Points, pieces: NDArray[np.int64], ends: Points, share: Floats) -> NDArray[np.int64]:
    """Return for pieces of a polyline the nearer end of their segment, or the other where that has no feather left."""
    _, starts = cKDTree(line).query(ends)
    first = np.searchsorted(np.asarray(starts), pieces, side="right") - 1
    last = (first + 1) % len(ends)
    to_first, to_last = (np.linalg.norm(line[pieces] - ends[end], axis=1) for end in (first, last))
    nearer, other = np.where(to_first <= to_last, (first, last), (last, first))
    blamed: NDArray[np.int64] = np.where(share[nearer] > 0, nearer, other)
    return blamed
