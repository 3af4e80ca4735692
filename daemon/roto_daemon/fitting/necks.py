"""Necks of an outline: the short chords along which an artist would take limbs off a body.

The short-cut rule (Singh, Seyranian & Hoffman 1999): people part a silhouette at concave points, along the shortest
chords that run inside it. A chord counts as a neck where the outline beyond it is long against the chord.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.polyline import Points, length
from roto_daemon.fitting.ring import Floats, Ring, rightwards, trace_ring, unit

_SPACING_PX = 4.0
_FEWEST_SAMPLES, _MOST_SAMPLES = 48, 300
"""Necks are looked for between so many samples; all pairs are compared."""

_REACH_PX, _REACH_SHARE = 8.0, 0.008
"""Concavity is the turn between the directions to the samples this far before and behind, in px or outlines."""

_CONCAVE = np.radians(20.0)
"""Outlines turn inwards by more than this at a neck's first end: less is the ripple of hand-made masks."""

_LONG = 3.0
"""The outline beyond a neck is at least this many chords long; the half of a disc measures 1.6, a stub as long as it
is broad 3."""

_SHORTEST_PX = 3.0
_SMALLEST_SHARE = 0.01
"""What a neck takes off covers at least this share of the whole."""

_FULL_SHARE, _USUAL_CHORD = 0.05, 0.25
"""From this share on a limb's size speaks for a neck no more; chords up to so many roots of the area are as good."""

_SAME = 0.6
"""Two necks whose limbs share this part of their outline take off the same limb."""

_INWARDS = 0.3
"""Cosine between a chord and the outward normal at its far end."""

_FULL_TURN, _STRAIGHT = 1.2, 0.4
"""Turns, in radians, that speak most for an end of a neck, and what speaks for a straight end."""

_PROBES = (0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Neck:
    """A chord from one sample of a ring to a later one."""

    first: int
    last: int
    score: float
    """How plainly it parts the outline; about 10 to 40."""

    def crosses(self, other: Neck) -> bool:
        """Say whether two chords cross; those with a common end do not."""
        ends = {self.first, self.last} & {other.first, other.last}
        return not ends and (self.first < other.first < self.last) != (self.first < other.last < self.last)


def ring_for_necks(outline: Points) -> Ring:
    """Return an outline at the samples between which necks are looked for."""
    count = int(np.clip(length(outline) / _SPACING_PX, _FEWEST_SAMPLES, _MOST_SAMPLES))
    return trace_ring(outline, count)


def find_necks(ring: Ring, most: int) -> list[Neck]:
    """Return at most `most` necks of an outline, the plainest first, none of which cross."""
    chosen: list[Neck] = []
    for neck in _candidates(ring):
        if len(chosen) == most:
            break
        if not any(neck.crosses(other) or _same_limb(neck, other, len(ring.points)) for other in chosen):
            chosen.append(neck)
    # A chord through the body is long-limbed by its legs alone: with these off it parts nothing that sticks out.
    while spoilt := [neck for neck in chosen if _reduced_ratio(ring, neck, chosen) < _LONG]:
        chosen.remove(max(spoilt, key=lambda neck: _chord(ring, neck)))
    return chosen


def _candidates(ring: Ring) -> list[Neck]:
    points, count = ring.points, len(ring.points)
    concave = _concavity(ring)
    peaks = _peaks(concave, ring)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    number = np.arange(count)
    along = np.abs(number[:, None] - number[None])
    along = np.minimum(along, count - along) * ring.spacing
    nearest = np.min([np.roll(apart, step, axis=1) for step in range(-3, 4)], axis=0)
    ends = peaks[None] | (apart <= nearest)
    possible = peaks[:, None] & ends & (along > _LONG * apart) & (apart > _SHORTEST_PX)
    line = points.astype(np.float32).reshape(-1, 1, 2)
    whole = cv2.contourArea(line)
    normals = rightwards(ring.tangents)
    found = {}
    for one, other in np.argwhere(possible).tolist():
        first, last = min(one, other), max(one, other)
        if (first, last) in found or normals[other] @ unit(points[other] - points[one]) < _INWARDS:
            continue
        limb = cv2.contourArea(line[first : last + 1])
        share = min(limb, whole - limb) / whole
        if share < _SMALLEST_SHARE or not _inside(line, points[one], points[other]):
            continue
        turns = sum(_STRAIGHT / 2 + min(float(concave[end]), _FULL_TURN) for end in (one, other))
        size = min(1.0, float(np.sqrt(share / _FULL_SHARE))) * min(
            1.0, _USUAL_CHORD * float(np.sqrt(whole)) / float(apart[one, other])
        )
        score = float(along[one, other] / apart[one, other]) * turns * size
        found[first, last] = Neck(first, last, score)
    return sorted(found.values(), key=lambda neck: (-neck.score, neck.first, neck.last))


def _concavity(ring: Ring) -> Floats:
    """Return by how many radians the outline turns inwards at each sample; 0 where it turns outwards."""
    reach = _reach(ring)
    back, ahead = ring.points - np.roll(ring.points, reach, axis=0), np.roll(ring.points, -reach, axis=0) - ring.points
    turn = np.arctan2(back[:, 0] * ahead[:, 1] - back[:, 1] * ahead[:, 0], np.sum(back * ahead, axis=1))
    concave: Floats = np.clip(-turn, 0, None)
    return concave


def _reach(ring: Ring) -> int:
    return max(2, round(max(_REACH_PX, _REACH_SHARE * ring.spacing * len(ring.points)) / ring.spacing))


def _peaks(concave: Floats, ring: Ring) -> NDArray[np.bool_]:
    around = [np.roll(concave, step) for step in range(-_reach(ring), _reach(ring) + 1)]
    peaks: NDArray[np.bool_] = (concave >= np.max(around, axis=0)) & (concave >= _CONCAVE)
    return peaks


def _inside(line: NDArray[np.float32], start: Points, end: Points) -> bool:
    probes = [start + share * (end - start) for share in _PROBES]
    return all(cv2.pointPolygonTest(line, (float(x), float(y)), measureDist=False) > 0 for x, y in probes)


def _same_limb(neck: Neck, other: Neck, count: int) -> bool:
    own, its = _limb(neck, count), _limb(other, count)
    return bool(np.count_nonzero(own & its) > _SAME * np.count_nonzero(own | its))


def _limb(neck: Neck, count: int) -> NDArray[np.bool_]:
    """Return which samples of an outline lie on the shorter side of a neck."""
    side = np.zeros(count, bool)
    side[neck.first : neck.last + 1] = True
    return ~side if 2 * np.count_nonzero(side) > count else side


def _chord(ring: Ring, neck: Neck) -> float:
    return float(np.linalg.norm(ring.points[neck.first] - ring.points[neck.last]))


def _reduced_ratio(ring: Ring, neck: Neck, necks: list[Neck]) -> float:
    """Return the shorter way round from end to end of a neck, other limbs cut off, in chords."""
    count = len(ring.points)
    ways = []
    for begin, end in ((neck.first, neck.last), (neck.last, neck.first + count)):
        way = (end - begin) * ring.spacing
        inner = sorted(
            (start, stop)
            for other in necks
            for start, stop in _runs(other, begin, count)
            if other is not neck and stop <= end
        )
        outer = [run for run in inner if not any(a <= run[0] and run[1] <= b and (a, b) != run for a, b in inner)]
        for start, stop in outer:
            chord = float(np.linalg.norm(ring.points[start % count] - ring.points[stop % count]))
            way += chord - (stop - start) * ring.spacing
        ways.append(way)
    return min(ways) / max(_chord(ring, neck), 1e-9)


def _runs(neck: Neck, begin: int, count: int) -> list[tuple[int, int]]:
    """Return both ways round between a neck's ends as rising places from `begin` on."""
    ends = sorted((end - begin) % count + begin for end in (neck.first, neck.last))
    return [(a, b) for a, b in pairwise([*ends, ends[0] + count])]
