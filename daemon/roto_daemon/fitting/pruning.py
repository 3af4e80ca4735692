"""Fewer control points, once keyframes are known.

Each frame on its own asks for more points than all frames together: what one explains on one frame its neighbours
explain on the others once they may slide. And some follow what boils along an edge, grass before feet, say, which no
artist would draw after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from roto_daemon.fitting.correspondence import Floats
from roto_daemon.fitting.curve import knot_needs
from roto_daemon.fitting.mixing import Mixing
from roto_daemon.fitting.solve import FEWEST_KNOTS, ROUNDS, JointFit
from roto_daemon.fitting.tidy import flattened, looped, within_chords

_APART = 3
"""Knots that are tried to be dropped in one trial stand so many apart: what one of them does the others hardly feel."""

_REACH = 2
"""Knots on each side of one that is dropped between which the outline is judged; those dropped at once stand as far
apart."""

_AT_ONCE = 0.12
"""Of what errors may still grow by, a knot that is dropped along with others costs at most so much: those that cost
more are judged again once the others are gone."""

_ROOMY_PX = 12.0
"""Of knots that are missed alike those go first that come nearer than this to a neighbour."""

_TRIAL_ROUNDS = 2
_NEEDED = 5.0
"""A knot without which the outline would err by this many times the bound is not tried to be dropped."""


@dataclass(frozen=True)
class Bounds:
    """What errors may come to, in px."""

    largest_px: float
    spread_px: float
    """Root of their mean square."""
    lost: float = 0.0
    """Share of the frames that may err by up to `lost_px`, where that is more."""
    lost_px: float = 0.0

    def hold(self, errors: Floats) -> bool:
        """Say whether errors (T, M) stay within the largest."""
        worst = np.sort(np.abs(errors).max(axis=1))
        lost = int(self.lost * len(worst))
        return bool(worst[len(worst) - 1 - lost] <= self.largest_px and worst[-1] <= max(self.largest_px, self.lost_px))


def errors_within_chords(fit: JointFit) -> Floats:
    """Return (T, M): the deciding errors with no tangent past its chord, as the shape will be."""
    return fit.deciding_errors(within_chords(fit.controls))


def without_needless(fit: JointFit, mixing: Mixing, bounds: Bounds) -> JointFit:
    """Return the fit less knots, those first that it misses least, for as long as it keeps the bounds.

    Trials look at keyframes and two frames of each span: enough to tell, and the work grows with keyframes alone.
    """
    some = _keys_and_betweens(mixing.keys)
    whole = best = fit
    for kept in _Pruning(fit.window(some), mixing.at(some), bounds).kept():
        whole = whole.without(np.flatnonzero(~np.isin(whole.knots.at, kept)))
        whole.refine(mixing, ROUNDS)
        if bounds.hold(errors_within_chords(whole)):
            best = whole
    return best


class _Pruning:
    def __init__(self, fit: JointFit, mixing: Mixing, bounds: Bounds) -> None:
        fit.refine(mixing, _TRIAL_ROUNDS)
        self.fit = fit
        self._mixing = mixing
        self._refused: set[int] = set()
        self._loops = int(looped(fit.controls).sum())
        errors = errors_within_chords(fit)
        # Some frames alone, with few rounds, may err by more than all of them.
        self._bounds = replace(bounds, largest_px=max(bounds.largest_px, float(np.abs(errors).max())))
        self._squares, self._strays = self._squared(fit, errors)
        self._most = bounds.spread_px**2 * errors.size + float(self._strays.sum())

    def kept(self) -> Iterator[NDArray[np.int64]]:
        """Give the knots that are left, as samples, each time that some were dropped."""
        worse = self._worse()
        most = len(worse)
        while gone := self._cheapest(worse)[:most]:
            if self._dropped(gone):
                yield self.fit.knots.at
                worse = self._worse()
                most = len(worse)
            elif len(gone) > 1:
                most = len(gone) // 2
            else:
                self._refused.add(int(self.fit.knots.at[gone[0]]))
                del worse[gone[0]]

    def _cheapest(self, worse: dict[int, float]) -> list[int]:
        """Return the knots that are missed least, no two of them neighbours, as many as the bounds may allow."""
        left = self._most - float(self._squares.sum() + self._strays.sum())
        room = self._room()
        gone: list[int] = []
        for number in sorted(worse, key=lambda knot: (max(worse[knot], 0.0) * room[knot], knot)):
            if len(self.fit.knots.at) - len(gone) <= FEWEST_KNOTS or worse[number] > left:
                break
            if gone and worse[number] > _AT_ONCE * left:
                break
            if all(self._apart(number, other) >= _REACH for other in gone):
                gone.append(number)
                left -= max(worse[number], 0.0)
        return gone

    def _dropped(self, gone: list[int]) -> bool:
        """Drop knots if all bounds hold without them; return whether they do."""
        trial = self._trial(gone)
        errors = errors_within_chords(trial)
        squares, strays = self._squared(trial, errors)
        if not self._bounds.hold(errors) or squares.sum() + strays.sum() > self._most:
            return False
        if looped(trial.controls).sum() > self._loops:
            return False
        self.fit, self._squares, self._strays = trial, squares, strays
        return True

    def _squared(self, fit: JointFit, errors: Floats) -> tuple[Floats, Floats]:
        """Return (M,) and (N,) sums over frames of squared errors, and of what segments stray beyond the bound."""
        strays = np.maximum(_off(fit) - self._bounds.largest_px - fit.matched.spacing_px, 0)
        return np.sum(errors**2, axis=0), np.sum(strays**2, axis=0)

    def _worse(self) -> dict[int, float]:
        """Return by how much the sum of squares grows without each knot that may go; refuse the others."""
        at = self.fit.knots.at
        needed = knot_needs(self.fit.matched, self.fit.knots)
        may = needed <= _NEEDED * self._bounds.largest_px
        rest = [number for number, sample in enumerate(at.tolist()) if may[number] and sample not in self._refused]
        worse: dict[int, float] = {}
        while rest:
            batch: list[int] = []
            for number in rest:
                if all(self._apart(number, other) >= _APART for other in batch):
                    batch.append(number)
            worse.update(self._judged(batch))
            rest = [number for number in rest if number not in batch]
        return worse

    def _judged(self, batch: list[int]) -> dict[int, float]:
        """Return the same for knots that stand apart, by one trial without all of them."""
        at, trial = self.fit.knots.at, self._trial(batch)
        errors = errors_within_chords(trial)
        squares, strays = self._squared(trial, errors)
        worse: dict[int, float] = {}
        for number in batch:
            near = self._near(number)
            if not self._bounds.hold(errors[:, near]):
                self._refused.add(int(at[number]))
                continue
            ahead = int(trial.knots.at.searchsorted(at[number]))
            strayed = strays.take(range(ahead - _REACH, ahead + _REACH - 1), mode="wrap")
            before = self._strays.take(range(number - _REACH, number + _REACH), mode="wrap")
            grown = squares[near].sum() + strayed.sum() - self._squares[near].sum() - before.sum()
            worse[number] = float(grown)
        return worse

    def _trial(self, gone: list[int]) -> JointFit:
        trial = self.fit.without(gone)
        trial.refine(self._mixing, _TRIAL_ROUNDS)
        return trial

    def _room(self) -> Floats:
        """Return (N,) 1 for knots that stand apart from both neighbours, less for those that come near to one."""
        position = self.fit.controls[list(self._mixing.keys)][..., :2]
        gap = np.linalg.norm(np.roll(position, -1, axis=1) - position, axis=-1)
        room: Floats = np.minimum(np.minimum(gap, np.roll(gap, 1, axis=1)) / _ROOMY_PX, 1).mean(axis=0)
        return room

    def _apart(self, one: int, other: int) -> int:
        count = len(self.fit.knots.at)
        return min(abs(one - other), count - abs(one - other))

    def _near(self, number: int) -> NDArray[np.int64]:
        """Return the samples between the knots on both sides."""
        at, samples = self.fit.knots.at, self.fit.matched.points.shape[1]
        first, last = (int(at[(number + reach) % len(at)]) for reach in (-_REACH, _REACH))
        near: NDArray[np.int64] = (first + np.arange((last - first) % samples or samples)) % samples
        return near


def _off(fit: JointFit) -> Floats:
    """Return (T, N) how far each segment strays from the nearest sample: of a spike no sample tells."""
    lines = (flattened(outline) for outline in within_chords(fit.controls))
    apart = [cKDTree(points).query(line)[0] for points, line in zip(fit.matched.points, lines, strict=True)]
    farthest: Floats = np.array(apart).reshape(len(apart), len(fit.knots.at), -1).max(axis=2)
    return farthest


def _keys_and_betweens(keys: tuple[int, ...]) -> NDArray[np.int64]:
    between = [round(a + (b - a) * share) for a, b in pairwise(keys) for share in (1 / 3, 2 / 3)]
    some: NDArray[np.int64] = np.unique(np.array([*keys, *between], np.int64))
    return some
