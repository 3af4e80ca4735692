"""Which samples of a track are corners, and where exactly each corner is on every frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.ring import Floats, Ring

_SHARE = 0.6
"""Share of frames on which a corner must show to be one."""

_RUN_FRAMES, _RUN_SHARE, _SHARP = 6, 0.2, np.radians(46.0)
"""Frames in a row, at least and as a share of all, and turning, from which one that comes or goes is a corner too.
The round tips of a form that grows turn 42 degrees on nine frames, and 44 on five."""

_DRIFT = 6
"""Points of the ring to both sides of a sample within which a corner belongs to it."""

_DRIFT_PX = 6.0
"""The same in px, for long outlines whose ring is coarse."""

_APART_PX = 8.0
"""Control points nearer than that are hard to pick apart; the sharper corner stays."""

_LEAST_GAP = 0.3
"""Points of the ring by which neighbours stay apart when a sample is moved onto its corner."""


def near_peaks(ring: Ring, places: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return for each sample the turning at the sharpest corner near it, 0 for none, and the corner's place or its own.

    A match hits a corner to a sample or so, and not the same way on every frame. Nearer corners count a little more.
    """
    reach = min(_DRIFT, max(round(_DRIFT_PX / ring.spacing), 1))
    offsets = np.arange(-reach, reach + 1)
    around = (np.round(places).astype(np.int64)[:, None] + offsets) % len(ring.points)
    found = ring.peaks[around] * (1 - 0.3 * np.abs(offsets) / reach)
    best = np.where(found.any(axis=1), np.abs(found).argmax(axis=1), reach)
    own = np.arange(len(places))
    return found[own, best], around[own, best]


def choose_corners(
    turning: Floats, peaks: NDArray[np.int64], shown: NDArray[np.bool_], spacing_px: float
) -> NDArray[np.int64]:
    """Return the samples that are corners on most of the frames that show them; a corner belongs to one sample.

    Turning and places of the corner near each sample and whether the sample is shown are all (T, M).
    """
    seen = np.maximum(shown.sum(axis=0), 1)
    often = shown.sum(axis=0) >= max(1, 0.3 * len(shown))
    left = turning.copy()
    apart = np.arange(1 - max(round(_APART_PX / spacing_px), 1), max(round(_APART_PX / spacing_px), 1))
    kept: list[int] = []
    while True:
        ways = [way * left > 0 for way in (-1, 1)]
        share = np.where(often, np.maximum(*((way & shown).sum(axis=0) for way in ways)) / seen, 0)
        run = np.maximum(*(_longest_run(left * way) for way in ways))
        lasts = (share >= _SHARE) | (run >= max(_RUN_FRAMES, _RUN_SHARE * len(left)))
        strength = np.where(lasts, share * np.abs(left).mean(axis=0), 0)
        if not strength.any():
            return np.array(sorted(kept), np.int64)
        best = int(np.argmax(strength))
        kept.append(best)
        left[peaks == peaks[:, best, None]] = 0
        left[:, (best + apart) % left.shape[1]] = 0


def _longest_run(turning: Floats) -> NDArray[np.int64]:
    """Return for each sample on how many frames in a row it is a corner that nobody would call slight."""
    longest = run = np.zeros(turning.shape[1], np.int64)
    for sharp in np.abs(turning) >= _SHARP:
        run = np.where(sharp, run + 1, 0)
        longest = np.maximum(longest, run)
    return longest


def _gap(one: float, other: float, candidates: int) -> float:
    return abs((one - other + candidates / 2) % candidates - candidates / 2)


def _beaten(places: Floats, corners: NDArray[np.int64], peaks: NDArray[np.int64], candidates: int) -> NDArray[np.int64]:
    """Return corners' samples whose peak is nearer to another corner's sample on this frame."""
    nearest: dict[int, int] = {}
    for corner in sorted(corners.tolist(), key=lambda one: _gap(float(places[one]), float(peaks[one]), candidates)):
        nearest.setdefault(int(peaks[corner]), corner)
    return np.array([one for one in corners.tolist() if nearest[int(peaks[one])] != one], np.int64)


def onto_corners(places: Floats, corners: NDArray[np.int64], peaks: NDArray[np.int64], candidates: int) -> Floats:
    """Return places with the corners' samples on their corners, and those that this passes over pushed along."""
    moved = places.copy()
    count = len(places)
    moved[corners] = peaks[corners]
    beaten = _beaten(places, corners, peaks, candidates)
    moved[beaten] = places[beaten]
    for corner in corners:
        for side in (-1, 1):
            for step in range(1, 2 * _DRIFT):
                here, there = (corner + side * (step - 1)) % count, (corner + side * step) % count
                gap = side * (moved[there] - moved[here])
                if (gap + candidates / 2) % candidates - candidates / 2 >= _LEAST_GAP:
                    break
                moved[there] = (moved[here] + side * _LEAST_GAP) % candidates
    return moved
