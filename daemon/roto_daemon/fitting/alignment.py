"""The order-preserving match of samples with the candidates of a ring: a cyclic dynamic programme.

Costs are distance, disagreement of normals and of turning, and differences between neighbouring displacements
(Sederberg & Greenwood 1992; Sebastian, Klein & Kimia 2003).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from roto_daemon.fitting.outline import Points
from roto_daemon.fitting.ring import TURNING_REACH_PX, Floats, Ring

CANDIDATES_PER_SAMPLE = 3
_SHORTEST_STEP, _LONGEST_STEP = 1, 10
"""Candidates that two neighbouring samples may lie apart: an outline may shrink or stretch threefold at a place.

Without the lower bound all samples of a limb that hides behind the body fall on one spot, and so do its knots.
"""

_NORMAL_COST = 3.0
_TURNING_COST = 1.5


@dataclass(frozen=True)
class Expected:
    """Where samples (M of them) are thought to lie on a frame."""

    points: Points
    tangents: Points
    turning: Floats
    places: Floats
    """(M,) rising places on the frame's ring, from 0 to less than two rounds: the middle of the band searched."""
    band: float
    """Share of the outline by which a sample may lie ahead of or behind its expected place."""
    is_sure: bool = False
    """Whether the sample that matches most clearly needs no second look."""


def align(expected: Expected, ring: Ring) -> NDArray[np.int64]:
    """Return the cheapest order-preserving candidates (M,) of all samples.

    The programme goes round from the sample that matches most clearly, and unless `expected` is sure once more from
    the one opposite to it.
    """
    width = expected.band
    while (found := _twice_round(expected, _Band(expected, ring, width))) is None:
        width *= 2
    return found % len(ring.points)


def _twice_round(expected: Expected, band: _Band) -> NDArray[np.int64] | None:
    """Return unwrapped places, None where no way round keeps to the band."""
    count = len(expected.points)
    anchor = int(np.argmin(band.local.min(axis=1) - np.abs(expected.turning)))
    first = band.round_from(anchor, int(band.columns[anchor, np.argmin(band.local[anchor])]))
    if first is None or expected.is_sure:
        return first
    opposite = (anchor + count // 2) % count
    return band.round_from(opposite, int(first[opposite]))


class _Band:
    """What it costs to match each sample with the candidates round its expected place, without its neighbours."""

    def __init__(self, expected: Expected, ring: Ring, width: float) -> None:
        candidates = len(ring.points)
        half = max(int(width * candidates), _LONGEST_STEP + 1)
        self._expected, self._ring, self._half = expected, ring, half
        self._centre = np.round(expected.places).astype(np.int64)
        self.columns = self._centre[:, None] + np.arange(-half, half + 1)
        """(M, B) unwrapped places; they rise along the outline."""
        self._scale = ring.spacing * CANDIDATES_PER_SAMPLE
        around = self.columns % candidates
        apart = np.zeros(around.shape, np.float32)
        disagree = np.ones(around.shape, np.float32)
        for axis in (0, 1):
            own = expected.points[:, axis, None].astype(np.float32)
            apart += ((ring.points[:, axis].astype(np.float32)[around] - own) / np.float32(self._scale)) ** 2
            disagree -= (
                expected.tangents[:, axis, None].astype(np.float32) * ring.tangents[:, axis].astype(np.float32)[around]
            )
        # Far matches cost as much as their distance, not its square: a limb may move further than the rest predicts.
        distance = np.where(apart > 1, 2 * np.sqrt(apart) - 1, apart)
        turn = (expected.turning[:, None].astype(np.float32) - ring.turning.astype(np.float32)[around]) ** 2
        self.local = distance + np.float32(_NORMAL_COST) * disagree + np.float32(_TURNING_COST) * turn
        self._points = ((ring.points - ring.points.mean(axis=0)) / self._scale).astype(np.float32)
        ahead = np.arange(candidates)
        # Squares of the runs to each place from the ones behind it, the longest run first.
        behind = self._points[(ahead - np.arange(_LONGEST_STEP, _SHORTEST_STEP - 1, -1)[:, None]) % candidates]
        squares = ((self._points[ahead] - behind) ** 2).sum(axis=2)
        self._squares = np.concatenate([squares] * (2 + (2 * half) // candidates), axis=1)
        self._candidates = candidates

    def round_from(self, anchor: int, place: int) -> NDArray[np.int64] | None:
        """Return unwrapped places (M,) of all samples when one has a given place; None where the band allows none."""
        count, half = len(self._centre), self._half
        order = np.arange(count + 1) + anchor
        centre = self._centre[order % count] + self._candidates * (order // count)
        offset = place - int(centre[0])
        width = 2 * half + 1
        costs = self.local[order % count]
        costs[[0, count]] = np.inf
        costs[[0, count], offset + half] = 0
        steps = (np.diff(self._expected.points[order % count], axis=0) / self._scale).astype(np.float32)
        # A run differs from a sample's step by |run|^2 - 2 run.step + |step|^2, and run.step by end and start alone.
        ends = self._points[self.columns[order % count] % self._candidates]
        leaving = 2 * np.einsum("mbd,md->mb", ends[:-1], steps)
        costs[1:] -= 2 * np.einsum("mbd,md->mb", ends[1:], steps)
        shifts = np.diff(centre)
        padding = int(max(shifts.max(), 0)) + _LONGEST_STEP
        padded = np.full(width + 2 * padding + _LONGEST_STEP, np.inf, np.float32)
        inner = padded[padding : padding + width]
        windows = sliding_window_view(padded, _LONGEST_STEP - _SHORTEST_STEP + 1).T
        # Column c of a row lies `shift` further along than column c of the last one.
        firsts = (padding + shifts - _LONGEST_STEP).tolist()
        begins = ((centre[1:] - half) % self._candidates).tolist()
        chosen = np.zeros((count + 1, width), np.int8)
        best = costs[0]
        for i in range(count):
            np.add(best, leaving[i], out=inner)
            total = windows[:, firsts[i] : firsts[i] + width] + self._squares[:, begins[i] : begins[i] + width]
            chosen[i + 1] = total.argmin(axis=0)
            best = total.min(axis=0)
            best += costs[i + 1]
        if not np.isfinite(best[offset + half]):
            return None
        return self._walk_back(chosen, shifts, anchor, (offset + half, centre))

    def _walk_back(
        self, chosen: NDArray[np.int8], shifts: NDArray[np.int64], anchor: int, end: tuple[int, NDArray[np.int64]]
    ) -> NDArray[np.int64]:
        column, centre = end
        count = len(shifts)
        found = np.empty(count, np.int64)
        for i in range(count, 0, -1):
            column += int(shifts[i - 1]) + int(chosen[i, column]) - _LONGEST_STEP
            sample = i - 1 + anchor
            found[sample % count] = centre[i - 1] + column - self._half - self._candidates * (sample // count)
        return found


def snap(places: NDArray[np.int64], corners: Floats, ring: Ring) -> NDArray[np.int64]:
    """Move samples that sat on a corner to the corner nearby, else they creep along straight edges."""
    candidates = len(ring.points)
    reach = ring.steps(TURNING_REACH_PX)
    count = len(places)
    for sample in np.flatnonzero(corners):
        before = (places[sample] - places[(sample - 1) % count]) % candidates
        after = (places[(sample + 1) % count] - places[sample]) % candidates
        around = (places[sample] + np.arange(-min(reach, before - 1), min(reach, after - 1) + 1)) % candidates
        same = np.where(ring.peaks[around] * corners[sample] > 0, np.abs(ring.peaks[around]), 0)
        if same.size and same.max() > 0:
            places[sample] = around[int(np.argmax(same))]
    return places
