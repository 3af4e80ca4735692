"""Normal equations of a joint fit: sums over samples, and the sparse matrix that they make of several keyframes.

A segment has 8 numbers of its own: its start, the tangent that leaves it, the one that arrives, its end. Each is one
of the unknowns of a keyframe, or a multiple of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.sparse.linalg import splu

Floats = NDArray[np.float64]
Numbers = NDArray[np.signedinteger]

OWN = 8
"""Numbers of a segment's own."""

_STILL = 1e-7
"""Ridge that keeps the normal equations definite."""

_WIDEST_BAND = 63
"""A band of at most twice LAPACK's block of 32 is factored in one thread, in a fifth of the time that a sparse
factorisation takes; wider ones in threads, which wait for each other a hundred times longer than the work takes when
cores are busy, and sum in an order that depends on their number."""

Solve = Callable[[Floats], Floats]
"""Returns the unknowns for right-hand sides."""


def segment_sums(segment: Numbers, rows: Floats, goal: Floats, weight: Floats, count: int) -> tuple[Floats, Floats]:
    """Return for each frame and segment the sums (T, N, 8, 8) of rows by rows, and (T, N, 8) of rows by goals.

    Samples (T, M) have a segment, a row (T, M, 8), a goal and a weight. Number by number and sorted by segment, since
    this makes up most of the time of a fit: of a symmetric sum half is enough.
    """
    frames = len(segment)
    place = (np.arange(frames)[:, None] * count + segment).ravel()
    order = np.argsort(place, kind="stable")
    members = np.bincount(place, minlength=frames * count)
    some = np.flatnonzero(members)
    known = np.empty((OWN + 1, len(order)))
    known[:OWN], known[OWN] = rows.reshape(-1, OWN)[order].T, goal.ravel()[order]
    weighted = known[:OWN] * weight.ravel()[order]
    left, right = np.zeros((frames * count, OWN, OWN)), np.zeros((frames * count, OWN))
    starts = (np.cumsum(members) - members)[some]
    for number in range(OWN):
        sums = np.add.reduceat(weighted[number] * known[number:], starts, axis=1).T
        left[some, number, number:] = left[some, number:, number] = sums[:, :-1]
        right[some, number] = sums[:, -1]
    return left.reshape(frames, count, OWN, OWN), right.reshape(frames, count, OWN)


@dataclass(frozen=True)
class _Sparse:
    """Where the entries of blocks stand in a sparse matrix (CSC) of some keyframes, each with those `reach` further."""

    indices: NDArray[np.int32]
    indptr: NDArray[np.int32]
    above: list[Numbers]
    """For each distance d the places of the blocks (k, k + d), (K - d, entries)."""
    below: list[Numbers]
    """The same of their mirror images."""


@dataclass(frozen=True)
class _Band:
    """The same in the lower band (width + 1, size) of a matrix whose unknowns stand in another order."""

    order: Numbers
    """The places of the unknowns."""
    width: int
    places: list[Numbers]


class Blocks:
    """Assembles and factors the equations of any number of keyframes of an outline with given unknowns.

    Each knot meets only its neighbours along the outline and in time: few keyframes make a narrow band once the
    unknowns go from knot to knot, the closed outline folded flat; many make a sparse matrix.
    """

    def __init__(self, columns: Numbers, unknowns: int) -> None:
        """Take which of a keyframe's unknowns (N, 8) the segments' own numbers are."""
        self._unknowns = unknowns
        shape = (len(columns), OWN, OWN)
        rows = np.broadcast_to(columns[:, :, None], shape).ravel()
        across = np.broadcast_to(columns[:, None, :], shape).ravel()
        keys, self._slots = np.unique(across * unknowns + rows, return_inverse=True)
        self._row, self._column = keys % unknowns, keys // unknowns
        self._mirrored = np.searchsorted(keys, self._row * unknowns + self._column)
        knots = np.arange(len(columns))[:, None]
        folded = np.where(2 * knots < len(columns), 2 * knots, 2 * (len(columns) - knots) - 1)
        self._knot = np.empty(unknowns, np.int64)
        self._knot[columns[:, 4:6]] = np.roll(folded, -1, axis=0)
        self._knot[columns[:, :4]] = folded
        self._known: dict[tuple[int, int], _Sparse | _Band] = {}

    def factored(self, bands: list[Floats]) -> Solve:
        """Factor equations given as bands (K - d, N, 8, 8): sums with the keyframe d further, from 0 on."""
        keys, reach = len(bands[0]), len(bands) - 1
        known = self._known.get((keys, reach))
        if known is None:
            narrow = self._band(keys, reach)
            known = self._known[keys, reach] = narrow if narrow.width <= _WIDEST_BAND else self._sparse(keys, reach)
        entries = len(self._row)
        blocks: list[Floats] = []
        for apart, band in enumerate(bands):
            slots = np.arange(keys - apart)[:, None] * entries + self._slots
            sums: Floats = np.bincount(slots.ravel(), band.ravel(), len(band) * entries).astype(float)
            blocks.append(sums.reshape(-1, entries))
        diagonal = self._row == self._column
        blocks[0][:, diagonal] += _STILL * (1 + float(blocks[0][:, diagonal].mean()))
        return _factored_band(known, blocks) if isinstance(known, _Band) else self._factored_sparse(known, blocks)

    def _factored_sparse(self, known: _Sparse, blocks: list[Floats]) -> Solve:
        data = np.empty(len(known.indices))
        for block, above, below in zip(blocks, known.above, known.below, strict=True):
            data[below] = block[:, self._mirrored]
            data[above] = block
        size = len(known.indptr) - 1
        matrix = sp.csc_matrix((data, known.indices, known.indptr), shape=(size, size))
        factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        solve: Solve = factors.solve
        return solve

    def _band(self, keys: int, reach: int) -> _Band:
        key, unknown = (each.ravel() for each in np.indices((keys, self._unknowns)))
        order = np.empty(len(key), np.int64)
        order[np.lexsort((unknown, key, self._knot[unknown]))] = np.arange(len(key))
        by_key = order.reshape(keys, -1)
        pairs = [(by_key[: keys - d, self._row], by_key[d:, self._column]) for d in range(reach + 1)]
        apart = [np.abs(row - column) for row, column in pairs]
        places = [gap * len(order) + np.minimum(*pair) for gap, pair in zip(apart, pairs, strict=True)]
        return _Band(order, max(int(gap.max()) for gap in apart), places)

    def _sparse(self, keys: int, reach: int) -> _Sparse:
        number = np.arange(keys)
        low, high = np.maximum(number - reach, 0), np.minimum(number + reach, keys - 1)
        own = np.bincount(self._column, minlength=self._unknowns)
        counts = (high - low + 1)[:, None] * own
        indptr = np.concatenate([[0], np.cumsum(counts.ravel())])
        start = indptr[:-1].reshape(counts.shape)
        within = np.arange(len(self._row)) - (np.cumsum(own) - own)[self._column]
        indices = np.empty(indptr[-1], np.int32)

        def placed(rows: Numbers, columns: Numbers) -> Numbers:
            before = (rows - low[columns])[:, None] * own[self._column]
            found: Numbers = start[columns][:, self._column] + before + within
            indices[found] = rows[:, None] * self._unknowns + self._row
            return found

        above = [placed(number[: keys - apart], number[apart:]) for apart in range(reach + 1)]
        below = [placed(number[apart:], number[: keys - apart]) for apart in range(reach + 1)]
        return _Sparse(indices, indptr.astype(np.int32), above, below)


def _factored_band(known: _Band, blocks: list[Floats]) -> Solve:
    lower = np.zeros((known.width + 1) * len(known.order))
    for block, places in zip(blocks, known.places, strict=True):
        lower[places] = block
    factors = cholesky_banded(lower.reshape(known.width + 1, -1), lower=True, check_finite=False)
    return partial(_solved_band, factors, known.order)


def _solved_band(factors: Floats, order: Numbers, goal: Floats) -> Floats:
    sorted_goal = np.empty_like(goal)
    sorted_goal[order] = goal
    solved: Floats = cho_solve_banded((factors, True), sorted_goal, overwrite_b=True, check_finite=False)[order]
    return solved
