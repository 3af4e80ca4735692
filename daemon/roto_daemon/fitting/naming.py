"""Names and paint order of shapes: `object`, or `object.1`, `object.2`; holes `object.hole`, `object.1.hole.2`."""

from __future__ import annotations

from collections.abc import Iterable

from roto_daemon.fitting.tracks import Track, contains


def paint_order(tracks: list[Track], name: str) -> list[tuple[str, int]]:
    """Return (name, index of track) pairs, the lowest first.

    Tracks come with the most important first. Outlines inside others are painted after all that lie outside them, so
    that a hole cuts everything round it and an island inside a hole is not cut. Numbers rise in paint order; what is
    alone of its kind has none.
    """
    order = sorted(range(len(tracks)), key=lambda index: (tracks[index].depth, index))
    names = _numbered(name, (index for index in order if not tracks[index].hole))
    parents = {index: _parent_name(tracks[index], tracks, names) or name for index in order if tracks[index].hole}
    for parent in dict.fromkeys(parents.values()):
        names |= _numbered(f"{parent}.hole", (index for index, own in parents.items() if own == parent))
    return [(names[index], index) for index in order]


def _numbered(name: str, indices: Iterable[int]) -> dict[int, str]:
    own = list(indices)
    if len(own) == 1:
        return {own[0]: name}
    return {index: f"{name}.{number}" for number, index in enumerate(own, 1)}


def _parent_name(hole: Track, tracks: list[Track], names: dict[int, str]) -> str | None:
    """Return the name of the smallest outer outline round a hole on most of their common frames."""
    best: tuple[float, str] | None = None
    for index, track in enumerate(tracks):
        if track.hole:
            continue
        own = dict(zip(track.frames, track.outlines, strict=True))
        common = [(own[frame], inner) for frame, inner in zip(hole.frames, hole.outlines, strict=True) if frame in own]
        inside = sum(contains(outer, inner) for outer, inner in common)
        size = track.weight / len(track.frames)
        if common and 2 * inside >= len(common) and (best is None or size < best[0]):
            best = (size, names[index])
    return best[1] if best else None
