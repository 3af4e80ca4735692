"""One outline followed through frames on which mattes show parts of it: seen parts steer, hidden ones follow.

Samples of the outline travel from the last frame that showed it whole to the next one, and back again: by the
similarity that the seen ones make, then seen ones onto the edge. Where both ways know a sample by guess alone it goes
over from one guess to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter1d
from scipy.spatial import cKDTree

from roto_daemon.fitting.correspondence import match_curves
from roto_daemon.fitting.cover import Cover
from roto_daemon.fitting.outline import Points
from roto_daemon.fitting.polyline import length
from roto_daemon.fitting.registration import register_seen
from roto_daemon.fitting.ring import Floats, headings, rightwards, trace_ring
from roto_daemon.fitting.tracks import Track, overlap_as_shapes, velocity

_SPACING_PX = 3.0
_FEWEST, _MOST = 32, 320

_REACH_PX = 3.5
"""An edge this near, along the normal, to where a sample is thought to be is the sample's own."""

_FAR_PX = 16.0
"""The same before the samples are moved onto the edge as a whole."""

_TURNED = 1.1
"""So many times more of the edge must lie along an outline for its motion to have stopped or turned round."""

_IN_SIGHT = 0.7
"""Share of the samples seen on the frame before that one that turned round still shows."""

_CLOSE_PX, _CLOSE = 0.75, 4.0
"""Where most lie closer than that, in px and in medians, an edge further off is another part's that runs alongside."""

_LOST_SHARE, _TELLING_SHARE = 0.25, 0.4
"""Share of the samples seen below which the rest of the way is guessed from the last motion, and above which what is
seen tells the motion. With fewer seen an outline sticks to any edge of the other part that bends like its own."""

_SAME_WAY = 0.8
"""Least cosine between the directions of a sample and of its own edge, 37 degrees."""

_BESIDE_PX = 7.0
"""Next to where another edge meets the outline a sample is taken for hidden: mattes round the notch between them."""

_SHARED_PX = 40.0
"""Standard deviation along the outline over which hidden samples share what their seen neighbours were off."""

_ANYWHERE = (1 << 20, 1 << 20)
"""A plate so large that it does not matter: where the plate ends is known later."""

_SAME_SHAPE = 0.45
"""Least overlap, middles brought together, of an outline before it was hidden with the one it is afterwards."""

_DISTANCE_COST, _FARTHEST = 0.25, 2.0
"""What it costs, in overlap, to lie one own size off from where an outline was heading; further off it is another."""

_HELD = 0.15
"""Frames of doubt about a hidden sample a frame while others tell the motion: it may move on its own."""

_SURE = 0.1
"""Frames of doubt about a sample that is seen: what a way says counts by the inverse square of its doubt."""

_EXPLAINED_PX, _EXPLAINED_SHARE = 4.0, 0.97
"""So much of what mattes show must lie this near to the outlines that are thought to make it."""

_LITTLE = 0.02
"""Weight of being off by nothing in that: far from everything seen the common motion is all that is known."""


@dataclass(frozen=True)
class _Way:
    """Samples (T, M, 2) on the frames between, and how far each of them is in doubt (T, M)."""

    points: Floats
    doubt: Floats
    """In frames that the whole outline went unseen."""


@dataclass(frozen=True)
class Shown:
    """The edges that mattes show on a frame, as points about a pixel apart with their directions."""

    frame: int
    points: Points
    tangents: Points

    @classmethod
    def of(cls, frame: int, lines: Sequence[Points], cover: Cover) -> Shown:
        """Take closed lines without what lies along the plate's border or an occluder."""
        rings = [trace_ring(line, max(int(length(line)), _FEWEST)) for line in lines]
        points, tangents = (
            np.concatenate([np.empty((0, 2)), *(getattr(ring, name) for ring in rings)])
            for name in ("points", "tangents")
        )
        clear = cover.shows(frame, points)
        return cls(frame, points[clear], tangents[clear])


def carried_through(before: Track | None, after: Track | None, between: Sequence[Shown]) -> list[Points]:
    """Return a closed outline for each frame between two tracks, or before or after one, that show it whole."""
    ways = []
    end = None
    if before and before.frames:
        count = int(np.clip(length(before.outlines[-1]) / _SPACING_PX, _FEWEST, _MOST))
        start = trace_ring(before.outlines[-1], count).points
        onwards = _follow(start, before.frames[-1], velocity(before, -1), between)
        ways.append(onwards)
        if after and after.frames:
            # Where it went is known, however far off the guess about it is: only which sample is which is asked.
            there = onwards.points[-1] - _middle(onwards.points[-1]) + _middle(after.outlines[0])
            end = match_curves([0], there[None], [after.outlines[0]], np.empty(0, np.int64), _ANYWHERE).points[0]
    elif after and after.frames:
        count = int(np.clip(length(after.outlines[0]) / _SPACING_PX, _FEWEST, _MOST))
        end = trace_ring(after.outlines[0], count).points
    if after and end is not None:
        back = _follow(end, after.frames[0], velocity(after, 0), between[::-1])
        ways.append(_Way(back.points[::-1], back.doubt[::-1]))
    return _blended(ways, between)


def likeness(before: Track, after: Track) -> float | None:
    """Return how sure it is that a track is what another one was before it was hidden, at most 1; None if it is not."""
    alike = overlap_as_shapes(before.outlines[-1], after.outlines[0])
    gap = after.frames[0] - before.frames[-1]
    course = (velocity(before, -1) + velocity(after, 0)) / 2
    off = before.outlines[-1].mean(axis=0) + gap * course - after.outlines[0].mean(axis=0)
    far = float(np.linalg.norm(off)) / float(np.ptp(before.outlines[-1], axis=0).max())
    return alike - _DISTANCE_COST * far if alike >= _SAME_SHAPE and far <= _FARTHEST else None


def explained(outlines: Sequence[Points], shown: Shown) -> bool:
    """Say whether nearly all that a frame shows lies along outlines: else they are wrong about the rest as well."""
    if not len(shown.points):
        return True
    lines = [trace_ring(line, max(int(length(line)), _FEWEST)).points for line in outlines]
    apart, _ = cKDTree(np.concatenate(lines)).query(shown.points)
    return bool(np.mean(apart < _EXPLAINED_PX) >= _EXPLAINED_SHARE)


def seen(points: Points, edge: Shown, apart_px: float = _CLOSE_PX) -> tuple[NDArray[np.bool_], Floats]:
    """Return which samples (M, 2) of a closed outline lie on an edge, and how far off along their normals all are."""
    tangents = headings(points)
    normals = rightwards(tangents)
    if not len(edge.points):
        return np.zeros(len(points), bool), np.zeros(len(points))
    tree = cKDTree(edge.points)
    off = np.zeros(len(points))
    for _ in range(2):
        _, near = tree.query(points + off[:, None] * normals)
        off = np.sum((edge.points[near] - points) * normals, axis=1)
    slide = np.linalg.norm(edge.points[near] - points - off[:, None] * normals, axis=1)
    agree = np.sum(tangents * edge.tangents[near], axis=1)
    found = (np.abs(off) < apart_px) & (slide < apart_px) & (agree > _SAME_WAY)
    spacing = length(points) / len(points)
    width = 2 * max(round(_BESIDE_PX / spacing), 1) + 1
    if found.all():
        return found, off
    wide = np.concatenate([found, found, found])
    return binary_erosion(wide, np.ones(width, bool))[len(found) : 2 * len(found)], off


def _follow(start: Points, frame: int, step: Points, between: Sequence[Shown]) -> _Way:
    """Return samples carried from a frame on, by a velocity in px a frame at first."""
    points, hidden = start, np.zeros(len(start))
    places, doubts = [], []
    motion, lost, drift = step, False, 0.0
    for edge in between:
        now = edge.frame
        heading, visible = points + (now - frame) * motion, np.zeros(len(points), bool)
        if not lost:
            moved, visible = _steered_best(heading, points, edge, hidden < 1)
            lost = bool(visible.mean() < _LOST_SHARE)
        if lost:
            moved, visible = heading, np.zeros(len(points), bool)
        if visible.mean() >= _TELLING_SHARE:
            motion = (moved - points).mean(axis=0) / (now - frame)
        hidden = np.where(visible, 0, hidden + abs(now - frame))
        drift += abs(now - frame) * max(1 - visible.mean() / _TELLING_SHARE, 0)
        points, frame = moved, now
        places.append(points)
        doubts.append(np.where(visible, 0, drift + _HELD * hidden))
    return _Way(np.array(places).reshape(-1, len(start), 2), np.array(doubts).reshape(-1, len(start)))


def _steered_best(
    heading: Points, points: Points, edge: Shown, known: NDArray[np.bool_]
) -> tuple[Points, NDArray[np.bool_]]:
    """Return samples steered from where they were heading, or from where they were if that explains more."""
    on_course, turned = (_steered(begin, edge, known) for begin in (heading, points))
    # What turns round stays in sight; what is seen of much less sticks to another part's edge.
    in_sight = turned[1].sum() > _IN_SIGHT * known.sum()
    return turned if in_sight and _passed(turned[0], edge) > _TURNED * _passed(on_course[0], edge) else on_course


def _steered(points: Points, edge: Shown, known: NDArray[np.bool_]) -> tuple[Points, NDArray[np.bool_]]:
    """Return samples moved with what is seen of them, the ones `known` before first of all, and which are seen."""
    near, _ = seen(points, edge, _FAR_PX)
    likely = near & known if (near & known).any() else near
    moved = register_seen(points, headings(points), edge, likely.astype(float))
    visible, off = seen(moved, edge, _REACH_PX)
    if visible.any():
        close = max(_CLOSE_PX, _CLOSE * float(np.median(np.abs(off[visible]))))
        visible, off = seen(moved, edge, min(close, _REACH_PX))
    return _onto(moved, visible, off), visible


def _passed(points: Points, edge: Shown) -> int:
    """Return how many points of an edge lie along an outline."""
    if not len(edge.points):
        return 0
    apart, _ = cKDTree(points).query(edge.points, distance_upper_bound=_SPACING_PX)
    return int(np.isfinite(apart).sum())


def _onto(points: Points, visible: NDArray[np.bool_], off: Floats) -> Points:
    """Return samples moved along their normals: seen ones onto the edge, hidden ones as their neighbours were."""
    tangents = headings(points)
    normals = rightwards(tangents)
    sigma = _SHARED_PX * len(points) / length(points)
    weight = gaussian_filter1d(visible.astype(float), sigma, mode="wrap")
    shared = gaussian_filter1d(np.where(visible, off, 0.0), sigma, mode="wrap") / (weight + _LITTLE)
    onto: Points = points + np.where(visible, off, shared)[:, None] * normals
    return onto


def _blended(ways: Sequence[_Way], between: Sequence[Shown]) -> list[Points]:
    """Return the samples of one or both ways as one, those seen on the edge that they lie on."""
    weights = np.stack([1 / (_SURE + way.doubt) ** 2 for way in ways])
    mixed = np.einsum("wtm,wtma->tma", weights / weights.sum(axis=0), np.stack([way.points for way in ways]))
    found = []
    for points, shown in zip(mixed, between, strict=True):
        visible, off = seen(points, shown, _REACH_PX / 2)
        found.append(_onto(points, visible, off))
    return found


def _middle(points: Points) -> Points:
    """Return the middle of the box round points."""
    middle: Points = (points.min(axis=0) + points.max(axis=0)) / 2
    return middle
