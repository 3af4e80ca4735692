"""Corners over time: which corner of one frame is which of the next, and samples that stay on theirs.

A match that carries an outline along slides on straight edges by a few samples, and a corner at their end with it.
Corners can be told apart by themselves: by which way and how far they turn, and in which order they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.ring import Floats, Ring

_REACH_PX = 20.0
"""How far off along the outline the match may be, from one frame to the next, for a corner to be the same."""

_ALIKE = 2.0
"""A corner turns at most so many times more on the next frame."""

_MISSING = 2
"""Frames on which a corner may not show in between."""

_LEAST_SHARE = 0.25
"""Share of the frames that a corner must show on for samples to be held to it."""

_FADE, _FADE_SAMPLES = 4.0, 8.0
"""What a corner's sample moves by fades over so many times as many samples, at least over so many."""

_CLOSEST = 0.4
"""Neighbouring samples come no nearer than to this share of their distance."""


@dataclass
class _Seen:
    """One corner: its sample number, with a fraction, on each frame that shows it."""

    at: dict[int, float]
    turning: float

    @property
    def middle(self) -> float:
        return float(np.median(list(self.at.values())))


def held_to_corners(places: Floats, rings: Sequence[Ring]) -> Floats:
    """Return places (T, M) on the rings of all frames with each corner's own sample on it; those around go along.

    Where a corner does not show its sample keeps the distance that it had from its match when it last did.
    """
    frames, samples = places.shape
    corners = _corners(places, rings)
    if not corners:
        return places
    targets = np.array([round(corner.middle) % samples for corner in corners])
    moves = np.array([_moves(corner, target, frames, samples) for corner, target in zip(corners, targets, strict=True)])
    order = np.argsort(targets, kind="stable")
    held = [
        _interpolated(own, _mapped(targets[order], moves[order, frame], samples), len(ring.points))
        for frame, (own, ring) in enumerate(zip(places, rings, strict=True))
    ]
    return np.stack(held)


def _corners(places: Floats, rings: Sequence[Ring]) -> list[_Seen]:
    """Return the corners that show often enough, at most one a sample, those that show longest first."""
    frames, samples = places.shape
    found = _linked(places, rings)
    found.sort(key=lambda corner: (-len(corner.at), corner.middle))
    kept: list[_Seen] = []
    for corner in found:
        spacing = rings[0].spacing * len(rings[0].points) / samples
        same = next((other for other in kept if _is_same(other, corner, samples, _REACH_PX / spacing)), None)
        if same is not None:
            same.at |= corner.at
        elif all(_gap(corner.middle, other.middle, samples) >= 1 for other in kept):
            kept.append(corner)
    return [corner for corner in kept if len(corner.at) >= max(2, _LEAST_SHARE * frames)]


def _is_same(one: _Seen, other: _Seen, samples: int, reach: float) -> bool:
    apart = one.at.keys().isdisjoint(other.at)
    return apart and one.turning * other.turning > 0 and _gap(one.middle, other.middle, samples) <= reach


def _linked(places: Floats, rings: Sequence[Ring]) -> list[_Seen]:
    """Return corners followed from frame to frame, each by the nearest alike that has none nearer."""
    samples = places.shape[1]
    ended: list[_Seen] = []
    open_: list[_Seen] = []
    for frame, (own, ring) in enumerate(zip(places, rings, strict=True)):
        peaks = np.flatnonzero(ring.peaks)
        at, turning = _sample_numbers(own, peaks.astype(float), len(ring.points)), ring.peaks[peaks]
        reach = _REACH_PX / (ring.spacing * len(ring.points) / samples)
        last = np.array([corner.at[max(corner.at)] for corner in open_])
        turned = np.array([corner.turning for corner in open_])
        gap = np.abs((at[:, None] - last[None] + samples / 2) % samples - samples / 2)
        ratio = turning[:, None] / turned[None] if len(turned) else gap
        gap = np.where((ratio > 1 / _ALIKE) & (ratio < _ALIKE) & (gap <= reach), gap, np.inf)
        for number in range(len(peaks)):
            nearest = int(gap[number].argmin()) if gap.shape[1] else -1
            mutual = nearest >= 0 and np.isfinite(gap[number, nearest]) and gap[:, nearest].argmin() == number
            corner = open_[nearest] if mutual else _Seen({}, 0.0)
            base = corner.at[max(corner.at)] if corner.at else at[number]
            corner.at[frame] = base + (at[number] - base + samples / 2) % samples - samples / 2
            corner.turning = float(turning[number])
            if not mutual:
                open_.append(corner)
        ended += [corner for corner in open_ if max(corner.at) < frame - _MISSING]
        open_ = [corner for corner in open_ if max(corner.at) >= frame - _MISSING]
    return ended + open_


def _moves(corner: _Seen, target: int, frames: int, samples: int) -> Floats:
    """Return (T,) by how many samples a corner is off its own on each frame."""
    seen = sorted(corner.at)
    off = [(corner.at[frame] - target + samples / 2) % samples - samples / 2 for frame in seen]
    moves: Floats = np.interp(np.arange(frames), seen, off)
    return moves


def _mapped(targets: NDArray[np.int64], moves: Floats, samples: int) -> Floats:
    """Return (M,) the sample numbers, with fractions, that samples take the places of on one frame."""
    kept = np.ones(len(targets), bool)
    while True:
        x, y = _knees(targets[kept], moves[kept], samples)
        if (np.diff(y) >= _CLOSEST * np.diff(x)).all() or not kept.any():
            break
        kept[np.flatnonzero(kept)[np.abs(moves[kept]).argmax()]] = False
    number = np.arange(samples, dtype=float)
    return np.interp(number, x, y) if kept.any() else number


def _knees(targets: NDArray[np.int64], moves: Floats, samples: int) -> tuple[Floats, Floats]:
    """Return where the way from sample numbers to others bends, over three rounds."""
    fade = np.maximum(_FADE * np.abs(moves), _FADE_SAMPLES)
    rounds = np.array([-samples, 0, samples])[:, None]
    x, move, width = ((each + rounds * whole).ravel() for each, whole in ((targets, 1), (moves, 0), (fade, 0)))
    rest = np.concatenate([x - width, x + width])
    inside = (np.abs(rest[:, None] - x[None]) < width[None]).any(axis=1)
    rest = np.unique(rest[~inside])
    where = np.concatenate([x, rest])
    to = np.concatenate([x + move, rest])
    order = np.argsort(where, kind="stable")
    return where[order], to[order]


def _sample_numbers(places: Floats, wanted: Floats, candidates: int) -> Floats:
    """Return which samples, with fractions, lie at wanted places of a ring."""
    rounds = np.array([-1, 0, 1])[:, None]
    samples = len(places)
    x, y = (places + rounds * candidates).ravel(), (np.arange(samples) + rounds * samples).ravel()
    found: Floats = np.interp(places[0] + (wanted - places[0]) % candidates, x, y)
    return found


def _interpolated(places: Floats, numbers: Floats, candidates: int) -> Floats:
    rounds = np.array([-1, 0, 1])[:, None]
    samples = len(places)
    x, y = (np.arange(samples) + rounds * samples).ravel(), (places + rounds * candidates).ravel()
    there: Floats = np.interp(numbers, x, y)
    return there


def _gap(one: float, other: float, samples: int) -> float:
    return abs((one - other + samples / 2) % samples - samples / 2)
