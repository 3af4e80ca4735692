"""Cubic Bezier mathematics on arrays, and the choice of knots that all frames of a track share.

Knots are chosen by a shortest cyclic path over samples (Plass & Stone 1983): a span is allowed when one cubic with
the outline's own end tangents stays within the tolerance on a number of frames spread over the whole lifetime.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from roto_daemon.fitting.correspondence import Floats, Matched

_MOST_CANDIDATES = 160
_PROBES = 18
"""Samples at which a span is compared with its cubic."""

_MOST_FRAMES = 8
_ROUNDS = 3
_SLACK = 0.8
"""A span may err by this many tolerances here: the joint fit afterwards does better than fixed ends and tangents."""

_ERROR_SHARE = 0.3
"""Cost, in knots, of a span that uses up the tolerance."""

_EXCESS_SHARE = 2.0
"""Cost, in knots, of each further tolerance that a span errs by, averaged over frames: a frame of many may miss."""

_CROWDED_PX = 4.0
_CROWDED_COST = 3.0
"""Cost, in knots, of two knots that come this near to each other on some frame."""

_HOPELESS = 8.0
"""Where every span of a length errs by this many tolerances on average, longer ones are not tried."""

_HIDDEN_WEIGHT = 0.1
_FEWEST_KNOTS = 4
_STARTS = 6
_LONGEST_SHARE = 0.34
"""No span is longer than this share of the outline."""


@dataclass(frozen=True)
class Knots:
    """Where control points stand: sample numbers, rising, and which of them are corners."""

    at: NDArray[np.int64]
    corner: NDArray[np.bool_]

    def without(self, number: int) -> Knots:
        """Return the knots less one."""
        return Knots(np.delete(self.at, number), np.delete(self.corner, number))

    def plus(self, sample: int) -> Knots:
        """Return the knots and a smooth one more."""
        place = int(np.searchsorted(self.at, sample))
        return Knots(np.insert(self.at, place, sample), np.insert(self.corner, place, False))


def bernstein(s: Floats) -> Floats:
    """Return the four cubic weights of parameters, on a new last axis."""
    r = 1 - s
    return np.stack([r**3, 3 * r**2 * s, 3 * r * s**2, s**3], axis=-1)


def bernstein_slope(s: Floats) -> Floats:
    """Return the derivatives of the four cubic weights, on a new last axis."""
    r = 1 - s
    return np.stack([-3 * r**2, 3 * r**2 - 6 * r * s, 6 * r * s - 3 * s**2, 3 * s**2], axis=-1)


def spread(frames: int, most: int = _MOST_FRAMES) -> NDArray[np.int64]:
    """Return up to `most` frame numbers, evenly over a count of frames, both ends among them."""
    return np.unique(np.round(np.linspace(0, frames - 1, min(frames, most))).astype(np.int64))


def end_tangents(matched: Matched, frames: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return unit tangents (F, M, 2) into and out of each sample; they differ at corners only."""
    points = matched.points[frames]
    smooth = matched.tangents[frames]
    arrive, leave = smooth.copy(), smooth.copy()
    for corner in matched.corners:
        count = points.shape[1]
        before = points[:, corner] - points[:, (corner - 2) % count]
        after = points[:, (corner + 2) % count] - points[:, corner]
        arrive[:, corner] = before / np.maximum(np.linalg.norm(before, axis=-1, keepdims=True), 1e-9)
        leave[:, corner] = after / np.maximum(np.linalg.norm(after, axis=-1, keepdims=True), 1e-9)
    return arrive, leave


def first_handles(matched: Matched, knots: Knots) -> tuple[Floats, Floats]:
    """Return tangents (T, N, 2) into and out of each knot of the cubics that fit each frame on its own."""
    every = np.arange(len(matched.frames))
    arrive, leave = end_tangents(matched, every)
    table = _SpanTable(matched.points, arrive, leave, np.ones(matched.visible.shape))
    last = np.append(knots.at[1:], knots.at[0] + matched.points.shape[1])
    lengths = table.handles(knots.at, last)
    into = -arrive[:, knots.at] * np.roll(lengths[..., 1:], 1, axis=1)
    return into, leave[:, knots.at] * lengths[..., :1]


def knot_needs(matched: Matched, knots: Knots) -> Floats:
    """Return (N,) how far one cubic in place of the two beside each knot would err, in px."""
    frames = spread(len(matched.frames))
    arrive, leave = end_tangents(matched, frames)
    weight = np.where(matched.visible[frames], 1.0, _HIDDEN_WEIGHT)
    table = _SpanTable(matched.points[frames], arrive, leave, weight)
    count = matched.points.shape[1]
    before = np.roll(knots.at, 1)
    length = (np.roll(knots.at, -1) - before) % count
    needs: Floats = np.median(table.errors(before, before + np.where(length == 0, count, length)), axis=0)
    return needs


def choose_knots(matched: Matched, tolerance_px: float, smoothing_px: float = 0.0) -> Knots:
    """Return the fewest knots whose cubics stay near the outline on frames spread over the lifetime.

    The bound is not promised here; the joint fit checks it and asks for more where it must. `smoothing_px` takes
    noise off the outline first.
    """
    frames = spread(len(matched.frames))
    points = matched.points[frames]
    if smoothing_px > 0:
        points = gaussian_filter1d(points, smoothing_px / matched.spacing_px, axis=1, mode="wrap")
    count = points.shape[1]
    even = np.round(np.linspace(0, count, min(count, _MOST_CANDIDATES), endpoint=False)).astype(np.int64)
    candidates = np.unique(np.concatenate([even, matched.corners]))
    arrive, leave = end_tangents(matched, frames)
    table = _SpanTable(points, arrive, leave, np.where(matched.visible[frames], 1.0, _HIDDEN_WEIGHT))
    costs = _span_costs(table, candidates, matched.corners, tolerance_px)
    starts = np.flatnonzero(np.isin(candidates, matched.corners))
    if len(starts) == 0:
        starts = np.unique(np.linspace(0, len(candidates), _STARTS, endpoint=False).astype(np.int64))
    paths = [_shortest_path(costs, int(start)) for start in starts[:_STARTS]]
    _, path = min(paths, key=lambda pair: pair[0])
    at = np.sort(candidates[np.array(path)])
    return Knots(at, np.isin(at, matched.corners))


@dataclass(frozen=True)
class _SpanTable:
    points: Floats
    arrive: Floats
    leave: Floats
    weight: Floats

    def errors(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
        """Return (F, n) the worst distance of each span of samples to its cubic; `last` may run past the end."""
        at, _, offset, slope = self._cubics(first, last)
        speed = np.sqrt(np.maximum(np.sum(slope * slope, axis=-1), 1e-9))
        across = np.abs(offset[..., 0] * slope[..., 1] - offset[..., 1] * slope[..., 0]) / speed
        # The normal distance alone would pass a cubic that stops short.
        across = np.maximum(across, 0.5 * np.linalg.norm(offset, axis=-1))
        worst: Floats = (across * self.weight[:, at]).max(axis=2)
        return worst

    def chords(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
        """Return (F, n) the distance between the ends of each span."""
        count = self.points.shape[1]
        apart: Floats = np.linalg.norm(self.points[:, last % count] - self.points[:, first % count], axis=-1)
        return apart

    def handles(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
        """Return (F, n, 2) the lengths of the first and second tangent of each span's cubic."""
        return self._cubics(first, last)[1]

    def _cubics(
        self, first: NDArray[np.int64], last: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
        """Fit a cubic to each span; return the probed samples, tangent lengths, offsets to the samples and slopes."""
        count = self.points.shape[1]
        probes = min(_PROBES, int((last - first).max()) + 1)
        at = np.round(first[:, None] + (last - first)[:, None] * np.linspace(0, 1, probes)).astype(np.int64) % count
        q = self.points[:, at]
        start, end = q[:, :, 0], q[:, :, -1]
        out, back = self.leave[:, first % count], -self.arrive[:, last % count]
        chords = np.linalg.norm(np.diff(q, axis=2), axis=-1)
        along = np.concatenate([np.zeros_like(chords[:, :, :1]), np.cumsum(chords, axis=2)], axis=2)
        length = np.maximum(along[:, :, -1], 1e-6)
        s = along / length[:, :, None]
        for number in range(_ROUNDS):
            handles = _handle_lengths(q, s, (start, out, back, end), length)
            controls = np.stack([start, start + handles[..., :1] * out, end + handles[..., 1:] * back, end], axis=2)
            offset = q - bernstein(s) @ controls
            slope = bernstein_slope(s) @ controls
            if number < _ROUNDS - 1:
                speed = np.maximum(np.sum(slope * slope, axis=-1), 1e-9)
                s = np.clip(s + np.sum(offset * slope, axis=-1) / speed, 0, 1)
        return at, handles, offset, slope


def _handle_lengths(q: Floats, s: Floats, ends: tuple[Floats, ...], length: Floats) -> Floats:
    """Return (F, n, 2) the two tangent lengths of the best cubic with fixed ends and tangents, by least squares."""
    start, out, back, end = ends
    b = bernstein(s)
    rest = (
        q
        - (b[..., 0] + b[..., 1])[..., None] * start[:, :, None]
        - (b[..., 2] + b[..., 3])[..., None] * end[:, :, None]
    )
    one, two = b[..., 1, None] * out[:, :, None], b[..., 2, None] * back[:, :, None]
    ridge = 1e-3
    aa, bb = np.sum(one * one, axis=(2, 3)) + ridge, np.sum(two * two, axis=(2, 3)) + ridge
    ab = np.sum(one * two, axis=(2, 3))
    ar = np.sum(one * rest, axis=(2, 3)) + ridge * length / 3
    br = np.sum(two * rest, axis=(2, 3)) + ridge * length / 3
    scale = np.maximum(aa * bb - ab * ab, 1e-12)
    chord = np.linalg.norm(end - start, axis=-1)
    first = np.clip((ar * bb - br * ab) / scale, 0.05 * chord, chord)
    second = np.clip((br * aa - ar * ab) / scale, 0.05 * chord, chord)
    return np.stack([first, second], axis=-1)


def _span_costs(
    table: _SpanTable, candidates: NDArray[np.int64], corners: NDArray[np.int64], tolerance_px: float
) -> Floats:
    """Return (n, L): the cost of the span from each candidate to the one 1..L further; infinite across a corner."""
    count, samples = len(candidates), table.points.shape[1]
    longest = max(int(count * _LONGEST_SHARE), 1)
    costs = np.full((count, longest), np.inf)
    is_corner = np.isin(candidates, corners)
    crosses = np.zeros(count, bool)
    for reach in range(1, longest + 1):
        if reach > 1:
            crosses |= is_corner[(np.arange(count) + reach - 1) % count]
        last = candidates[(np.arange(count) + reach) % count] + samples * ((np.arange(count) + reach) // count)
        error = table.errors(candidates, last) / (_SLACK * tolerance_px)
        excess = np.maximum(error - 1, 0)
        cost = 1 + (_ERROR_SHARE * np.minimum(error, 1) ** 2 + _EXCESS_SHARE * excess).mean(axis=0)
        crowded = table.chords(candidates, last).min(axis=0) < _CROWDED_PX
        costs[~crosses, reach - 1] = (cost + _CROWDED_COST * crowded)[~crosses]
        if crosses.all() or error.mean(axis=0)[~crosses].min() > _HOPELESS:
            break
    return costs


def _shortest_path(costs: Floats, start: int) -> tuple[float, list[int]]:
    """Return the cheapest closed way round through a candidate, and the candidates on it."""
    count, longest = costs.shape
    best = np.full(count + 1, np.inf)
    best[0] = 0
    came = np.zeros(count + 1, np.int64)
    for here in range(count):
        reach = min(longest, count - here)
        total = best[here] + costs[(here + start) % count, :reach]
        better = total < best[here + 1 : here + 1 + reach]
        best[here + 1 : here + 1 + reach][better] = total[better]
        came[here + 1 : here + 1 + reach][better] = here
    path = [count]
    while path[-1] > 0:
        path.append(int(came[path[-1]]))
    chosen = [(place + start) % count for place in path[1:]]
    if len(chosen) < _FEWEST_KNOTS:
        chosen = [(start + count * number // _FEWEST_KNOTS) % count for number in range(_FEWEST_KNOTS)]
    return float(best[count]), chosen
