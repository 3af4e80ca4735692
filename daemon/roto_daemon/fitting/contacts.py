"""Parts of an object that touch for a while: their outlines run as one, and each part's own goes on behind the other.

Where outlines merge and come apart again, an artist has one shape a part all the way: the two overlap while they
touch. Here each part's own outline on those frames is put together from what the mattes show of it and from where it
was before and after; `Track.shown` keeps what the mattes did show, so that only that steers the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from roto_daemon.fitting.behind import carried_through
from roto_daemon.fitting.outline import Points, shoelace_area
from roto_daemon.fitting.tracks import Track, overlap_as_shapes, share_inside, velocity

_LONGEST_CONTACT = 72
"""Given frames that parts may touch for and still be the two that they were: three seconds."""

_MERGED_INSIDE = 0.6
"""Share of an outline, moved on, that lies inside the outline that swallowed it; half the overlap was drawn twice."""

_SAME_SHAPE = 0.45
"""Least overlap, middles brought together, of an outline before a contact with the one it is afterwards."""

_DISTANCE_COST = 0.25
"""What it costs, in overlap, to lie one own size off from where the part was heading."""


@dataclass(frozen=True)
class _Contact:
    """Outlines of `merged` on given frames (indices first to last) that are several parts, before and afterwards."""

    merged: Track
    first: int
    last: int
    pairs: list[tuple[Track, Track]]


def parted(tracks: list[Track], frames: Sequence[int]) -> list[Track]:
    """Return tracks in which parts that touch for a while, on some of the given frames, live on through it."""
    tracks = list(tracks)
    while True:
        contact = _shortest(tracks, frames)
        if contact is None:
            return sorted(tracks, key=lambda track: (-track.weight, track.frames[0]))
        tracks = _settled(contact, tracks, frames)


def _shortest(tracks: list[Track], frames: Sequence[int]) -> _Contact | None:
    """Return the shortest contact: inside longer ones there may be others."""
    index = {frame: number for number, frame in enumerate(frames)}
    outer = [track for track in tracks if not track.hole]
    spans = []
    for merged in outer:
        merges = sorted({index[one.frames[-1]] + 1 for one in _merging(merged, outer, frames, index)})
        splits = sorted({index[one.frames[0]] - 1 for one in _splitting(merged, outer, frames, index)})
        spans += [(last - first, first, last, merged) for first in merges for last in splits if first <= last]
    for length, first, last, merged in sorted(spans, key=lambda span: span[:3]):
        if length >= _LONGEST_CONTACT:
            break
        before = [one for one in _merging(merged, outer, frames, index) if index[one.frames[-1]] + 1 == first]
        after = [one for one in _splitting(merged, outer, frames, index) if index[one.frames[0]] - 1 == last]
        if frames[first - 1] in merged.frames:
            before.append(_until(merged, frames[first - 1]))
        if frames[last + 1] in merged.frames:
            after.append(_since(merged, frames[last + 1]))
        pairs = _same(before, after)
        if pairs:
            return _Contact(merged, first, last, pairs)
    return None


def _merging(merged: Track, outer: list[Track], frames: Sequence[int], index: dict[int, int]) -> list[Track]:
    """Return the tracks that end where the merged outline swallows them."""
    own = dict(zip(merged.frames, merged.outlines, strict=True))
    found = []
    for track in outer:
        number = index[track.frames[-1]] + 1
        swallowed = own.get(frames[number]) if number < len(frames) else None
        if track is merged or swallowed is None:
            continue
        step = frames[number] - track.frames[-1]
        if share_inside(track.outlines[-1] + step * velocity(track, -1), swallowed) >= _MERGED_INSIDE:
            found.append(track)
    return found


def _splitting(merged: Track, outer: list[Track], frames: Sequence[int], index: dict[int, int]) -> list[Track]:
    """Return the tracks that begin where they come out of the merged outline."""
    own = dict(zip(merged.frames, merged.outlines, strict=True))
    found = []
    for track in outer:
        number = index[track.frames[0]] - 1
        whole = own.get(frames[number]) if number >= 0 else None
        if track is merged or whole is None:
            continue
        step = frames[number] - track.frames[0]
        if share_inside(track.outlines[0] + step * velocity(track, 0), whole) >= _MERGED_INSIDE:
            found.append(track)
    return found


def _until(track: Track, frame: int) -> Track:
    return track.part(0, track.frames.index(frame) + 1)


def _since(track: Track, frame: int) -> Track:
    return track.part(track.frames.index(frame), len(track.frames))


def _same(before: list[Track], after: list[Track]) -> list[tuple[Track, Track]]:
    """Return which track before a contact is which one afterwards; nothing where that is not sure of all."""
    if len(before) != len(after) or len(before) < 2:  # noqa: PLR2004 - one alone touches nothing
        return []
    alike = np.array([[overlap_as_shapes(one.outlines[-1], other.outlines[0]) for other in after] for one in before])
    far = np.array([[_off_course(one, other) for other in after] for one in before])
    rows, columns = linear_sum_assignment(_DISTANCE_COST * far - alike)
    if alike[rows, columns].min() < _SAME_SHAPE:
        return []
    return [(before[row], after[column]) for row, column in zip(rows, columns, strict=True)]


def _off_course(before: Track, after: Track) -> float:
    """Return how far, in own sizes, a track begins from where another one that ended was heading."""
    gap = after.frames[0] - before.frames[-1]
    course = (velocity(before, -1) + velocity(after, 0)) / 2
    off = before.outlines[-1].mean(axis=0) + gap * course - after.outlines[0].mean(axis=0)
    return float(np.linalg.norm(off)) / float(np.ptp(before.outlines[-1], axis=0).max())


def _settled(contact: _Contact, tracks: list[Track], frames: Sequence[int]) -> list[Track]:
    merged = contact.merged
    touching = frames[contact.first : contact.last + 1]
    own = dict(zip(merged.frames, merged.outlines, strict=True))
    shown = {frame: merged.shown.get(frame, [own[frame]]) for frame in touching if frame in own}
    joined = [_joined(before, after, shown) for before, after in contact.pairs]
    gone = [merged, *(track for pair in contact.pairs for track in pair)]
    enclosed = set(shown)
    rest = [
        track
        for track in tracks
        if all(track is not other for other in gone) and not (track.hole and enclosed.issuperset(track.frames))
    ]
    return rest + joined


def _joined(before: Track, after: Track, shown: dict[int, list[Points]]) -> Track:
    """Return one track of two, with its own outline put together on the frames between."""
    frames = sorted(shown)
    between = carried_through(before, after, [(frame, shown[frame]) for frame in frames])
    return replace(
        before,
        frames=before.frames + frames + after.frames,
        outlines=before.outlines + between + after.outlines,
        areas=before.areas + [abs(shoelace_area(points)) for points in between] + after.areas,
        depths=before.depths + [before.depths[-1]] * len(frames) + after.depths,
        doubtful=before.doubtful + after.doubtful,
        shown={**before.shown, **shown, **after.shown},
    )
