"""Outlines that the plate's border or an occluder cuts: whole ones take their place, so that one shape goes on behind.

A frame whose outline is clear of both shows the object whole. From there the outline is carried through the frames
that show a part of it, or nothing at all, to the next one that does; see `behind`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from roto_daemon.fitting.behind import Shown, carried_through, explained, likeness
from roto_daemon.fitting.cover import Cover
from roto_daemon.fitting.outline import Points
from roto_daemon.fitting.tracks import Track, joined, share_inside, track_of, velocity

LONGEST_HIDDEN = 72
"""Given frames that an object may pass behind an occluder for, partly or wholly, and still be one: three seconds."""

_INSIDE = 0.6
"""Share of a piece that lies inside a whole outline whose piece it is."""

_IMPOSSIBLE = 1e6


@dataclass(frozen=True)
class _Piece:
    """A part of a track all whose outlines an occluder cuts, or none."""

    track: Track
    is_cut: bool
    origin: int


def rejoined(tracks: list[Track], frames: Sequence[int], cover: Cover) -> list[Track]:
    """Return tracks in which an object that passes behind an occluder is one all the way.

    Where it shows whole before and afterwards, the pieces between are but what is seen of it. Objects that an
    occluder hides for longer than `LONGEST_HIDDEN` of the given frames end and begin anew.
    """
    if not cover.has_occluder:
        return tracks
    pieces = [piece for origin, track in enumerate(tracks) for piece in _pieces(track, origin, cover)]
    after = {n: n + 1 for n in range(len(pieces) - 1) if pieces[n].origin == pieces[n + 1].origin}
    ends, starts = _beside_occluders(pieces, frames, cover)
    carried: dict[tuple[int, int], Track] = {}
    """What comes next to a whole piece, by its number and its end: 0 before it, -1 after it."""
    for one, other in _passages(pieces, ends, starts, frames):
        between = _between(pieces[one].track, pieces[other].track, frames, cover)
        if between is not None:
            carried[one, -1] = between
            after = {n: then for n, then in after.items() if n == one or then != other} | {one: other}
    reached = {after[one] for one, _ in carried}
    for number, end in [(n, -1) for n in ends if (n, -1) not in carried] + [(n, 0) for n in starts if n not in reached]:
        seen = _seen_on(pieces[number].track, end, frames, cover)
        if seen.frames:
            carried[number, end] = seen
            after = {n: then for n, then in after.items() if (then if end == 0 else n) != number}
    taken = {id(line) for part in carried.values() for lines in part.shown.values() for line in lines}
    chains = [_chain(head, after) for head in sorted(set(range(len(pieces))) - set(after.values()))]
    found = [
        [
            part
            for n in chain
            for part in (carried.get((n, 0)), _left(pieces[n], taken), carried.get((n, -1)))
            if part is not None and part.frames
        ]
        for chain in chains
    ]
    return [joined(parts) for parts in found if parts]


def _chain(head: int, after: dict[int, int]) -> list[int]:
    chain = [head]
    while chain[-1] in after:
        chain.append(after[chain[-1]])
    return chain


def made_whole(track: Track, cover: Cover) -> Track:
    """Return a track with whole outlines in place of cut ones, where frames before or after tell what is missing."""
    cut = [
        frame not in track.shown and not cover.shows(frame, points).all()
        for frame, points in zip(track.frames, track.outlines, strict=True)
    ]
    if all(cut) or not any(cut):
        return track
    for first, stop in _runs(cut):
        frames = track.frames[first:stop]
        sides = track.part(0, first), track.part(stop, len(track.frames))
        lines = [cover.cut.get(frame) or [track.outlines[n]] for n, frame in enumerate(frames, first)]
        outlines, own, right = _carried(sides, frames, lines, cover)
        right = [bool(near) and agrees for near, agrees in zip(own, right, strict=True)]
        if first and stop < len(cut) and not all(right):
            continue
        whole = track_of(track, frames, outlines, dict(zip(frames, own, strict=True)))
        parts = [whole.part(n, n + 1) if right[n] else track.part(first + n, first + n + 1) for n in range(len(frames))]
        track = joined([sides[0], *parts, sides[1]])
    return track


def _carried(
    sides: tuple[Track, Track], frames: Sequence[int], lines: Sequence[list[Points]], cover: Cover
) -> tuple[list[Points], list[list[Points]], list[bool]]:
    """Return outlines on frames between two sides, which lines there are pieces of them, and whether they agree."""
    outlines = carried_through(
        *sides, [Shown.of(frame, near, cover) for frame, near in zip(frames, lines, strict=True)]
    )
    own = [
        [line for line in near if share_inside(line, points) >= _INSIDE]
        for near, points in zip(lines, outlines, strict=True)
    ]
    right = [
        explained([points], Shown.of(frame, near, cover))
        for frame, points, near in zip(frames, outlines, own, strict=True)
    ]
    return outlines, own, right


def without_pieces(tracks: list[Track], cover: Cover) -> list[Track]:
    """Return tracks less those that are nothing but pieces, cut by an occluder, of another one that goes on behind."""
    if not cover.has_occluder:
        return tracks
    loose = [track for track in tracks if all(piece.is_cut for piece in _pieces(track, 0, cover))]
    return [
        track
        for track in tracks
        if all(track is not one for one in loose) or not any(_is_part_of(track, other) for other in tracks)
    ]


def _is_part_of(track: Track, whole: Track) -> bool:
    own = dict(zip(whole.frames, whole.outlines, strict=True))
    return track is not whole and all(
        frame in whole.shown and share_inside(line, own[frame]) >= _INSIDE
        for frame, line in zip(track.frames, track.outlines, strict=True)
    )


def _pieces(track: Track, origin: int, cover: Cover) -> Iterator[_Piece]:
    """Split a track where an occluder begins and ceases to cut it; holes stay as they are."""
    ways = zip(track.frames, track.outlines, strict=True)
    cut = [not track.hole and bool(cover.hides(frame, points).any()) for frame, points in ways]
    changes = [0, *(np.flatnonzero(np.diff(cut)) + 1).tolist(), len(cut)]
    for first, stop in pairwise(changes):
        yield _Piece(track.part(first, stop), cut[first], origin)


def _beside_occluders(pieces: Sequence[_Piece], frames: Sequence[int], cover: Cover) -> tuple[list[int], list[int]]:
    """Return the numbers of whole pieces that go behind an occluder, and of those that come out from behind one."""
    index = {frame: number for number, frame in enumerate(frames)}
    whole = [n for n, piece in enumerate(pieces) if not piece.is_cut and not piece.track.hole]
    # Next to a whole piece of a track lies a cut one.
    goes_on = [one.origin == other.origin for one, other in pairwise(pieces)]
    ends = [n for n in whole if any(goes_on[n : n + 1]) or _meets(pieces[n].track, -1, frames, index, cover)]
    starts = [n for n in whole if (n > 0 and goes_on[n - 1]) or _meets(pieces[n].track, 0, frames, index, cover)]
    return ends, starts


def _passages(
    pieces: Sequence[_Piece], ends: list[int], starts: list[int], frames: Sequence[int]
) -> list[tuple[int, int]]:
    """Return which whole piece (by number) goes behind an occluder to come out as which other one."""
    index = {frame: number for number, frame in enumerate(frames)}
    cost = np.full((len(ends), len(starts)), _IMPOSSIBLE)
    for row, one in enumerate(ends):
        for column, other in enumerate(starts):
            before, after = pieces[one].track, pieces[other].track
            if 1 < index[after.frames[0]] - index[before.frames[-1]] <= LONGEST_HIDDEN + 1:
                alike = likeness(before, after)
                cost[row, column] = _IMPOSSIBLE if alike is None else -alike
    rows, columns = linear_sum_assignment(cost)
    return [
        (ends[row], starts[column])
        for row, column in zip(rows, columns, strict=True)
        if cost[row, column] < _IMPOSSIBLE
    ]


def _seen_on(track: Track, end: int, frames: Sequence[int], cover: Cover) -> Track:
    """Return what an object is before (end 0) or after (-1) it shows whole, for as long as something of it is seen."""
    last = track.frames[end]
    missing = [frame for frame in frames if frame > last][:LONGEST_HIDDEN]
    if end == 0:
        missing = [frame for frame in frames if frame < last][-LONGEST_HIDDEN:]
    if not missing:
        return track.part(0, 0)
    nothing = track.part(0, 0)
    sides = (nothing, track) if end == 0 else (track, nothing)
    outlines, own, right = _carried(sides, missing, [cover.cut.get(frame, []) for frame in missing], cover)
    kept = [bool(lines) and agrees for lines, agrees in zip(own, right, strict=True)]
    wrong = [n for n, keep in enumerate(kept) if not keep]
    here = slice(wrong[-1] + 1 if wrong and end == 0 else 0, wrong[0] if wrong and end else None)
    return track_of(track, missing[here], outlines[here], dict(zip(missing[here], own[here], strict=True)))


def _meets(track: Track, end: int, frames: Sequence[int], index: dict[int, int], cover: Cover) -> bool:
    """Say whether a track heads for an occluder at its last frame (end -1), or came from behind one at its first."""
    number = index[track.frames[end]] + (1 if end else -1)
    if not 0 <= number < len(frames):
        return False
    step = frames[number] - track.frames[end]
    return bool(cover.hides(frames[number], track.outlines[end] + step * velocity(track, end)).any())


def _between(before: Track, after: Track, frames: Sequence[int], cover: Cover) -> Track | None:
    """Return what an object is between two frames that show it whole; None where that is not what mattes show."""
    missing = [frame for frame in frames if before.frames[-1] < frame < after.frames[0]]
    outlines, own, right = _carried((before, after), missing, [cover.cut.get(frame, []) for frame in missing], cover)
    return track_of(before, missing, outlines, dict(zip(missing, own, strict=True))) if all(right) else None


def _left(piece: _Piece, taken: set[int]) -> Track:
    """Return what is left of a piece without outlines that are part of something whole."""
    kept = [n for n, line in enumerate(piece.track.outlines) if not piece.is_cut or id(line) not in taken]
    if len(kept) == len(piece.track.frames):
        return piece.track
    runs = list(_runs([n in kept for n in range(len(piece.track.frames))]))
    # What several runs are left of is one object behind another's pieces: its longest stay tells the most.
    first, stop = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
    return piece.track.part(first, stop)


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Return (first, stop) of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.array([False, *flags, False]).astype(int)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
