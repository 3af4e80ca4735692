"""Parts of an object that touch for a while: their outlines run as one, and each part's own goes on behind the other.

Where outlines merge and come apart again, an artist has one shape a part all the way: the two overlap while they
touch. Here each part's own outline on those frames is put together from what the mattes show of it and from where it
was before and after; `Track.shown` keeps what the mattes did show, so that only that steers the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from roto_daemon.fitting.behind import Shown, carried_through, explained, likeness
from roto_daemon.fitting.cover import Cover
from roto_daemon.fitting.tracks import Track, joined, share_inside, track_of, velocity

_LONGEST_CONTACT = 72
"""Given frames that parts may touch for and still be the two that they were: three seconds."""

_MERGED_INSIDE = 0.6
"""Share of an outline, moved on, that lies inside the outline that swallowed it; half the overlap was drawn twice."""

_UNLIKE = 1e6
"""What it costs to take a track for one that it cannot be."""


@dataclass(frozen=True)
class _Contact:
    """Outlines of `merged` on given frames (indices first to last) that are several parts, before and afterwards."""

    merged: Track
    first: int
    last: int
    pairs: list[tuple[Track, Track]]


def parted(tracks: list[Track], frames: Sequence[int], cover: Cover) -> list[Track]:
    """Return tracks in which parts that touch for a while, on some of the given frames, live on through it."""
    tracks = list(tracks)
    # Each contact settled leaves a track less, each one refused is not looked at again.
    refused: list[_Contact] = []
    while True:
        contact = _shortest(tracks, frames, refused)
        if contact is None:
            return sorted(tracks, key=lambda track: (-track.weight, track.frames[0]))
        settled = _settled(contact, tracks, frames, cover)
        if settled is None:
            refused.append(contact)
        else:
            tracks = settled


def _shortest(tracks: list[Track], frames: Sequence[int], refused: Sequence[_Contact]) -> _Contact | None:
    """Return the shortest contact: inside longer ones there may be others."""
    index = {frame: number for number, frame in enumerate(frames)}
    outer = [track for track in tracks if not track.hole]
    spans = []
    for number, merged in enumerate(outer):
        merges, splits = (_meeting(merged, outer, frames, index, end) for end in (-1, 0))
        spans += [
            (last - first, first, last, number, merges[first], splits[last])
            for first in merges
            for last in splits
            if 0 <= last - first < _LONGEST_CONTACT
        ]
    for _, first, last, number, before, after in sorted(spans, key=lambda span: span[:4]):
        merged = outer[number]
        if any(one.merged is merged and (one.first, one.last) == (first, last) for one in refused):
            continue
        parts = [_until(merged, frames[first - 1])], [_since(merged, frames[last + 1])]
        pairs = _same(before + [one for one in parts[0] if one.frames], after + [one for one in parts[1] if one.frames])
        if pairs:
            return _Contact(merged, first, last, pairs)
    return None


def _meeting(
    merged: Track, outer: list[Track], frames: Sequence[int], index: dict[int, int], end: int
) -> dict[int, list[Track]]:
    """Return the tracks that a merged outline swallows (end -1) or lets out (0), by the index of its frame there."""
    own = {frame: merged.shown.get(frame, [line]) for frame, line in zip(merged.frames, merged.outlines, strict=True)}
    found: dict[int, list[Track]] = {}
    for track in outer:
        number = index[track.frames[end]] + (1 if end else -1)
        if track is merged or not 0 <= number < len(frames) or frames[number] not in own:
            continue
        moved = track.outlines[end] + (frames[number] - track.frames[end]) * velocity(track, end)
        if any(share_inside(moved, line) >= _MERGED_INSIDE for line in own[frames[number]]):
            found.setdefault(number, []).append(track)
    return found


def _until(track: Track, frame: int) -> Track:
    """Return the part of a track that ends on a frame; without frames where it does not live there."""
    return track.part(0, track.frames.index(frame) + 1) if frame in track.frames else track.part(0, 0)


def _since(track: Track, frame: int) -> Track:
    """Return the part of a track that begins on a frame; without frames where it does not live there."""
    return track.part(track.frames.index(frame), len(track.frames)) if frame in track.frames else track.part(0, 0)


def _same(before: list[Track], after: list[Track]) -> list[tuple[Track, Track]]:
    """Return which track before a contact is which one afterwards; nothing where that is not sure of all."""
    if len(before) != len(after) or len(before) < 2:  # noqa: PLR2004 - one alone touches nothing
        return []
    alike = [[likeness(one, other) for other in after] for one in before]
    if any(all(each is None for each in row) for row in alike):
        return []
    cost = np.array([[_UNLIKE if each is None else -each for each in row] for row in alike])
    rows, columns = linear_sum_assignment(cost)
    if (cost[rows, columns] == _UNLIKE).any():
        return []
    return [(before[row], after[column]) for row, column in zip(rows, columns, strict=True)]


def _settled(contact: _Contact, tracks: list[Track], frames: Sequence[int], cover: Cover) -> list[Track] | None:
    """Return the tracks with a contact's parts carried through it; None where they do not make what mattes show."""
    merged = contact.merged
    own = dict(zip(merged.frames, merged.outlines, strict=True))
    touching = [frame for frame in frames[contact.first : contact.last + 1] if frame in own]
    lines = {frame: merged.shown.get(frame, [own[frame]]) for frame in touching}
    between = [Shown.of(frame, lines[frame], cover) for frame in touching]
    carried = [carried_through(before, after, between) for before, after in contact.pairs]
    if not all(explained(outlines, shown) for *outlines, shown in zip(*carried, between, strict=True)):
        return None
    whole = [
        joined([before, track_of(before, touching, outlines, lines), after])
        for (before, after), outlines in zip(contact.pairs, carried, strict=True)
    ]
    gone = [merged, *(track for pair in contact.pairs for track in pair)]
    # A hole that is there while parts touch, and not longer, is a gap between them.
    rest = [
        track
        for track in tracks
        if all(track is not other for other in gone) and not (track.hole and lines.keys() >= set(track.frames))
    ]
    return rest + whole
