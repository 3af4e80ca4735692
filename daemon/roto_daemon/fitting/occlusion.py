"""Outlines that the plate's border or an occluder cuts: whole ones take their place, so that one shape goes on behind.

A frame whose outline is clear of both shows the object whole. From there the outline is carried through the frames
that show a part of it, or nothing at all, to the next one that does; see `behind`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from roto_daemon.fitting.behind import Shown, carried_through, explained
from roto_daemon.fitting.cover import Cover
from roto_daemon.fitting.outline import Points, shoelace_area
from roto_daemon.fitting.tracks import Track


def made_whole(track: Track, cover: Cover) -> Track:
    """Return a track with whole outlines in place of cut ones, where frames before or after tell what is missing."""
    cut = [not cover.shows(*at).all() for at in zip(track.frames, track.outlines, strict=True)]
    if all(cut) or not any(cut):
        return track
    outlines, areas, shown = list(track.outlines), list(track.areas), dict(track.shown)
    for first, stop in _runs(cut):
        parts = [(frame, track.outlines[n]) for n, frame in enumerate(track.frames[first:stop], first)]
        between = [Shown.of(frame, shown.get(frame, [line]), cover) for frame, line in parts]
        sides = track.part(0, first), track.part(stop, len(track.frames))
        found = _agreeing(carried_through(*sides, between), between, both=first > 0 and stop < len(cut))
        for number, points in found.items():
            outlines[first + number], areas[first + number] = points, abs(shoelace_area(points))
            shown.setdefault(track.frames[first + number], [track.outlines[first + number]])
    return replace(track, outlines=outlines, areas=areas, shown=shown)


def _agreeing(outlines: list[Points], between: Sequence[Shown], *, both: bool) -> dict[int, Points]:
    """Return the outlines, by number, that explain what is seen; with both sides known, either all or none."""
    right = [explained([points], seen) for points, seen in zip(outlines, between, strict=True)]
    if both:
        return dict(enumerate(outlines)) if all(right) else {}
    return {number: points for number, points in enumerate(outlines) if right[number]}


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Return (first, stop) of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.array([False, *flags, False]).astype(int)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
