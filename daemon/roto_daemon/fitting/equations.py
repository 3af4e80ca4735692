"""Normal equations of a joint fit: sums over samples, and the sparse matrix that they make of several keyframes.

A segment has 8 numbers of its own: its start, the tangent that leaves it, the one that arrives, its end. Each is one
of the unknowns of a keyframe, or a multiple of one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

Floats = NDArray[np.float64]
Numbers = NDArray[np.signedinteger]

OWN = 8
"""Numbers of a segment's own."""

_STILL = 1e-7
"""Ridge that keeps the normal equations definite."""


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
class _Places:
    """Where the entries of blocks stand in a sparse matrix (CSC) of some keyframes, each with those `reach` further."""

    indices: NDArray[np.int32]
    indptr: NDArray[np.int32]
    above: list[Numbers]
    """For each distance d the places of the blocks (k, k + d), (K - d, entries)."""
    below: list[Numbers]
    """The same of their mirror images."""


class Blocks:
    """Assembles and factors the equations of any number of keyframes of an outline with given unknowns.

    Sparse on purpose: each knot meets only its neighbours along the outline and in time. And dense factorisations of
    this size run in threads that wait for each other a hundred times longer than the work takes when cores are busy.
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
        self._known: dict[tuple[int, int], _Places] = {}

    def factors(self, bands: list[Floats | None]) -> SuperLU:
        """Factor equations given as bands (K - d, N, 8, 8): sums with the keyframe d further, None where all are 0."""
        reach = max(apart for apart, band in enumerate(bands) if band is not None)
        keys = len(bands[0]) if bands[0] is not None else 0
        places = self._known.get((keys, reach))
        if places is None:
            places = self._known[keys, reach] = self._places(keys, reach)
        data = np.zeros(len(places.indices))
        for apart, band in enumerate(bands):
            if band is None:
                continue
            entries = len(self._row)
            slots = np.arange(len(band))[:, None] * entries + self._slots
            block = np.bincount(slots.ravel(), band.ravel(), len(band) * entries).reshape(-1, entries)
            data[places.above[apart]] = block
            if apart:
                data[places.below[apart]] = block[:, self._mirrored]
        size = keys * self._unknowns
        diagonal = places.above[0][:, self._row == self._column]
        data[diagonal] += _STILL * (1 + float(data[diagonal].mean()))
        matrix = sp.csc_matrix((data, places.indices, places.indptr), shape=(size, size))
        return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})

    def _places(self, keys: int, reach: int) -> _Places:
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
        return _Places(indices, indptr.astype(np.int32), above, below)
