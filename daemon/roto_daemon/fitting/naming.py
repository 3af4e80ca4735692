"""Names and paint order of shapes: `object`, `object.2`, and `object.hole`, `object.2.hole`, `object.hole.2`."""

from __future__ import annotations

from roto_daemon.fitting.tracks import Track, contains


def paint_order(tracks: list[Track], name: str) -> list[tuple[str, int]]:
    """Return (name, index of track) pairs, the lowest first.

    Tracks come with the most important first, which numbers them. Outlines inside others are painted after all that
    lie outside them, so that a hole cuts everything round it and an island inside a hole is not cut.
    """
    names: dict[int, str] = {}
    for index, track in enumerate(tracks):
        if not track.hole:
            names[index] = _free(name, names)
    for index, track in enumerate(tracks):
        if track.hole:
            names[index] = _free(f"{_parent_name(track, tracks, names) or name}.hole", names)
    order = sorted(range(len(tracks)), key=lambda index: (tracks[index].depth, index))
    return [(names[index], index) for index in order]


def _free(name: str, names: dict[int, str]) -> str:
    taken = set(names.values())
    if name not in taken:
        return name
    number = 2
    while f"{name}.{number}" in taken:
        number += 1
    return f"{name}.{number}"


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
