"""Outlines outside the plate: where the matte shows nothing they move on with what is still seen of them.

A traced outline closes along the plate's border, which stands still while the object moves on. Control points that
followed it would stop there, and need keyframes to do so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.behind import Shown, seen
from roto_daemon.fitting.correspondence import Floats, Matched
from roto_daemon.fitting.cover import Cover
from roto_daemon.fitting.ring import headings
from roto_daemon.fitting.tracks import Track

_FEWEST_SEEN, _SEEN_SHARE = 12, 0.2
"""With fewer samples seen on two frames, or a smaller share, their common motion is not trusted to turn or scale."""


def carried(matched: Matched, size: tuple[int, int]) -> Matched:
    """Return the samples with those that the plate of (width, height) does not show moved along with the others.

    From the last frame that showed a sample, and from the next one that will, it takes the similarity that samples
    make that are seen on both neighbouring frames. Between the two it goes over from one to the other. A sample
    that this would bring back into view, or that is never seen, stays where it was traced.
    """
    shown = matched.visible
    if shown.all() or not shown.any():
        return matched
    onwards, since = _followed(matched.points, shown)
    back, until = (each[::-1] for each in _followed(matched.points[::-1], shown[::-1]))
    ever = np.isfinite(since) | np.isfinite(until)
    # Far in time from when it was seen a sample's place is less sure; infinitely far it has no say.
    weights = [np.where(np.isfinite(age), 1 / (1 + np.where(np.isfinite(age), age, 0)), 0.0) for age in (since, until)]
    total = np.maximum(weights[0] + weights[1], 1e-9)
    moved = (weights[0] / total)[..., None] * onwards + (weights[1] / total)[..., None] * back
    known = ~shown & ever & _outside(moved, size)
    points = np.where(known[..., None], moved, matched.points)
    return replace(matched, points=points, tangents=np.where(known[..., None], headings(points), matched.tangents))


def known_only(matched: Matched, track: Track, cover: Cover) -> Matched:
    """Return the samples with those taken for hidden that lie on no edge which the mattes show."""
    if not track.shown:
        return matched
    visible = matched.visible.copy()
    for number, frame in enumerate(matched.frames.tolist()):
        if frame in track.shown:
            visible[number] &= seen(matched.points[number], Shown.of(frame, track.shown[frame], cover))[0]
    return replace(matched, visible=visible)


def bridged(matched: Matched, wanted: Iterable[int]) -> Matched:
    """Return the samples with wanted frames between others that the mattes lack, half-way as time goes, and hidden."""
    known = matched.frames
    missing = sorted({frame for frame in wanted if known[0] < frame < known[-1]}.difference(known.tolist()))
    if not missing:
        return matched
    after = np.searchsorted(known, missing)
    share = ((np.array(missing) - known[after - 1]) / (known[after] - known[after - 1]))[:, None, None]
    points = (1 - share) * matched.points[after - 1] + share * matched.points[after]
    tangents = (1 - share) * matched.tangents[after - 1] + share * matched.tangents[after]
    tangents /= np.maximum(np.linalg.norm(tangents, axis=-1, keepdims=True), 1e-9)
    return replace(
        matched,
        frames=np.insert(known, after, missing),
        points=np.insert(matched.points, after, points, axis=0),
        tangents=np.insert(matched.tangents, after, tangents, axis=0),
        visible=np.insert(matched.visible, after, values=False, axis=0),
    )


def _followed(points: Floats, shown: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return points carried forwards in time (T, M, 2), and how many frames ago each was seen; inf for never yet."""
    places, since = points.copy(), np.full(shown.shape, np.inf)
    since[0, shown[0]] = 0
    for now in range(1, len(points)):
        both = shown[now - 1] & shown[now]
        if both.sum() >= max(_FEWEST_SEEN, _SEEN_SHARE * shown.shape[1]):
            there = _similarity(points[now - 1, both], points[now, both], places[now - 1])
        elif both.any():
            there = places[now - 1] + np.median(points[now, both] - points[now - 1, both], axis=0)
        else:
            there = places[now - 1] + (places[now - 1] - places[max(now - 2, 0)])
        places[now] = np.where(shown[now, :, None], points[now], there)
        since[now] = np.where(shown[now], 0, since[now - 1] + 1)
    return places, since


def _similarity(before: Floats, after: Floats, points: Floats) -> Floats:
    """Return points under the similarity that brings some of them nearest to where they went, by least squares."""
    middle, goal = before.mean(axis=0), after.mean(axis=0)
    a = (before - middle) @ np.array([1, 1j])
    b = (after - goal) @ np.array([1, 1j])
    turn = np.vdot(a, b) / max(float(np.vdot(a, a).real), 1e-9)
    moved = turn * ((points - middle) @ np.array([1, 1j]))
    there: Floats = np.stack([moved.real, moved.imag], axis=-1) + goal
    return there


def _outside(points: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    x, y = points[..., 0], points[..., 1]
    outside: NDArray[np.bool_] = (x < 0) | (y < 0) | (x > size[0]) | (y > size[1])
    return outside
