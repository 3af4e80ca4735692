"""Outlines linked from frame to frame into tracks: each track becomes one shape with a lifetime.

Outer outlines link to outer ones and holes to holes, by the overlap of what they bound. A track ends where its
outline splits into comparable parts, merges with another, or is gone for longer than mattes drop out. Where a matte
drops out, or falls to pieces, for a frame or two, the track goes on: it lacks those frames, its lifetime does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.outline import Outline, Points, shoelace_area

_MINIMUM_AREA_PX2 = 24.0
"""Smaller outlines are specks: no artist draws a shape of five pixels across."""

_MINIMUM_SHARE = 0.002
"""Outlines below this share of the frame's largest one are specks beside it."""

MOST_OUTLINES = 24
"""Outlines kept on one frame; more is noise or a pattern, and the work must stay bounded."""

MOST_TRACKS = 48
"""Tracks kept over the whole range, the largest ones."""

_PICTURE_SIZE = 384
"""Overlaps are measured on pictures of at most this width and height."""

_LINK_OVERLAP = 0.3
"""Least intersection over union, after the motion of the middle is taken out, for two outlines to be one."""

_LINK_AREA_RATIO = 0.65
"""Least ratio of areas from frame to frame: a split into comparable parts halves the area."""

_LONE_AREA_RATIO = 0.25
"""The same where nothing else competes: objects enter and leave the plate quickly."""

LONGEST_DROPOUT = 2
"""Given frames for which an outline may be missing or broken without an end of its track. Segmentation models lose an
object for a single frame, and on either side of that one at times; what is gone for three frames (an eighth of a
second) the eye sees go."""

_BRIEF_SHARE = 0.1
"""A piece that lives no longer than a dropout is a speck where it is smaller than this share of the largest."""

_BRIEF_INSIDE = 0.5
"""The same where this share of it lies inside an outline that lives on both sides: it is a fragment of that one."""


_VELOCITY_FRAMES = 3
"""Frames that tell how fast a track moves where it begins or ends."""


@dataclass
class Track:
    """One outline followed through given frames; few may be missing in between."""

    hole: bool
    frames: list[int] = field(default_factory=list)
    outlines: list[Points] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)
    """Given frames within the lifetime on which the matte's own outline is missing or in pieces."""
    shown: dict[int, list[Points]] = field(default_factory=dict)
    """What mattes show where an outline is not their own but put together: the edges that lie round it as well."""

    def part(self, first: int, stop: int) -> Track:
        """Return the track on a part of its frames, given as indices; `stop` is not included."""
        here = slice(first, stop)
        frames = self.frames[here]
        doubtful = [frame for frame in self.doubtful if frames and frames[0] <= frame <= frames[-1]]
        shown = {frame: lines for frame, lines in self.shown.items() if frame in frames}
        return Track(self.hole, frames, self.outlines[here], self.areas[here], self.depths[here], doubtful, shown)

    @property
    def weight(self) -> float:
        """Return the area summed over frames: how much of the mattes this track stands for."""
        return float(sum(self.areas))

    @property
    def depth(self) -> int:
        """Return how many outlines lie round this one on most frames; deeper ones are painted later."""
        return int(np.median(self.depths))


class TrackLinker:
    """Takes the outlines of one frame after the other and holds nothing but tracks."""

    def __init__(self) -> None:
        """Start with no tracks."""
        self.ignored_area_px2 = 0.0
        self.covered_px2 = 0.0
        self.ignored_outlines = 0
        self._frames: list[int] = []
        self._done: list[Track] = []
        self._live: list[Track] = []
        self._lost: list[Track] = []

    def add(self, frame: int, outlines: list[Outline]) -> None:
        """Link the outlines of the next given frame; they come with the largest first."""
        kept = self._without_specks(outlines)
        depths = _depths(kept)
        self._frames.append(frame)
        taken: dict[int, Track] = {}
        for tracks in (self._live, self._lost):
            self._link(tracks, kept, taken)
        still = []
        for index, outline in enumerate(kept):
            track = taken.get(index) or Track(outline.hole)
            track.doubtful += self._missed(track)
            track.frames.append(frame)
            track.outlines.append(outline.points)
            track.areas.append(outline.area)
            track.depths.append(depths[index])
            still.append(track)
        gone = [track for track in self._live + self._lost if all(track is not other for other in still)]
        self._lost = [track for track in gone if track.frames[-1] in self._frames[-1 - LONGEST_DROPOUT :]]
        self._done += [track for track in gone if all(track is not other for other in self._lost)]
        self._live = still

    def _link(self, tracks: list[Track], kept: list[Outline], taken: dict[int, Track]) -> None:
        for hole in (False, True):
            own = [track for track in tracks if track.hole is hole]
            free = [index for index, one in enumerate(kept) if one.hole is hole and index not in taken]
            for old, index in _links(own, [kept[i] for i in free]):
                taken[free[index]] = own[old]

    def _missed(self, track: Track) -> list[int]:
        """Return the given frames between a track's last one and the present one."""
        if not track.frames:
            return []
        return self._frames[self._frames.index(track.frames[-1]) + 1 : -1]

    def finish(self) -> list[Track]:
        """Return the tracks, the most important first, and end all that still live."""
        tracks = self._done + self._lost + self._live
        tracks = sorted(tracks, key=lambda track: (-track.weight, track.frames[0]))
        brief = [track for track in tracks if self._is_brief(track) and _is_fragment(track, tracks)]
        for track in brief:
            self.ignored_outlines += len(track.frames)
        tracks = [track for track in tracks if all(track is not other for other in brief)]
        for track in tracks[MOST_TRACKS:]:
            self.ignored_area_px2 += track.weight
            self.ignored_outlines += len(track.frames)
        return tracks[:MOST_TRACKS]

    def _is_brief(self, track: Track) -> bool:
        """Say whether a track lives no longer than a dropout, with frames known before and after it."""
        inner = self._frames[0] < track.frames[0] and track.frames[-1] < self._frames[-1]
        return inner and len(track.frames) <= LONGEST_DROPOUT

    def _without_specks(self, outlines: list[Outline]) -> list[Outline]:
        if not outlines:
            return []
        least = max(_MINIMUM_AREA_PX2, _MINIMUM_SHARE * outlines[0].area)
        kept = [outline for outline in outlines[:MOST_OUTLINES] if outline.area >= least]
        self.covered_px2 += sum(-outline.area if outline.hole else outline.area for outline in outlines)
        self.ignored_area_px2 += sum(outline.area for outline in outlines) - sum(outline.area for outline in kept)
        self.ignored_outlines += len(outlines) - len(kept)
        return kept


def contains(polygon: Points, inner: Points) -> bool:
    """Say whether most of some points lie inside a closed polygon."""
    line = polygon.astype(np.float32).reshape(-1, 1, 2)
    probes = inner[:: max(len(inner) // 5, 1)]
    votes = [cv2.pointPolygonTest(line, (float(x), float(y)), measureDist=False) > 0 for x, y in probes]
    return 2 * sum(votes) > len(votes)


def joined(parts: Sequence[Track]) -> Track:
    """Return one track of several that follow each other."""
    whole = Track(parts[0].hole)
    for part in parts:
        whole.frames += part.frames
        whole.outlines += part.outlines
        whole.areas += part.areas
        whole.depths += part.depths
        whole.doubtful += part.doubtful
        whole.shown |= part.shown
    return whole


def track_of(like: Track, frames: list[int], outlines: list[Points], shown: dict[int, list[Points]]) -> Track:
    """Return the outlines on some frames as a track, painted as another one at its end."""
    areas = [abs(shoelace_area(points)) for points in outlines]
    return Track(like.hole, list(frames), list(outlines), areas, [like.depths[-1]] * len(frames), shown=dict(shown))


def velocity(track: Track, end: int) -> Points:
    """Return by how many px a frame a track moves at an end of it: 0 for its first frames, -1 for its last."""
    frames = min(len(track.frames), _VELOCITY_FRAMES)
    first, last = (0, frames - 1) if end == 0 else (-frames, -1)
    way: Points = track.outlines[last].mean(axis=0) - track.outlines[first].mean(axis=0)
    return way / max(track.frames[last] - track.frames[first], 1)


def _is_fragment(brief: Track, tracks: list[Track]) -> bool:
    """Say whether a track of a frame or two is but a fault of the mattes, for others live before and after it."""
    first, last = brief.frames[0], brief.frames[-1]
    around = [track for track in tracks if not track.hole and track.frames[0] < first and last < track.frames[-1]]
    if not around:
        return False
    if brief.hole or max(brief.areas) < _BRIEF_SHARE * max(max(track.areas) for track in around):
        return True
    nearest = (
        min(zip(track.frames, track.outlines, strict=True), key=lambda at: abs(at[0] - first)) for track in around
    )
    return any(share_inside(brief.outlines[0], outline) >= _BRIEF_INSIDE for _, outline in nearest)


def share_inside(inner: Points, outer: Points) -> float:
    """Return the share of what one closed polyline bounds that another one bounds as well."""
    if (inner.max(axis=0) < outer.min(axis=0)).any() or (outer.max(axis=0) < inner.min(axis=0)).any():
        return 0.0
    both, own, _ = _areas_in_place(inner, outer)
    return both / max(own, 1)


def _depths(outlines: list[Outline]) -> list[int]:
    """Return for each outline how many larger ones lie round it."""
    boxes = [(one.points.min(axis=0), one.points.max(axis=0)) for one in outlines]

    def around(outer: int, inner: int) -> bool:
        if outlines[outer].area <= outlines[inner].area:
            return False
        inside = np.all(boxes[outer][0] <= boxes[inner][0]) and np.all(boxes[outer][1] >= boxes[inner][1])
        return bool(inside) and contains(outlines[outer].points, outlines[inner].points)

    count = range(len(outlines))
    return [sum(around(outer, inner) for outer in count if outer != inner) for inner in count]


def _links(live: list[Track], outlines: list[Outline]) -> list[tuple[int, int]]:
    """Return (track, outline) pairs that are one thing, each used at most once, best overlap first."""
    if not live or not outlines:
        return []
    overlap = np.array([[_overlap(track.outlines[-1], one.points) for one in outlines] for track in live])
    ratio = np.array([[_ratio(track.areas[-1], one.area) for one in outlines] for track in live])
    touching = overlap > 0
    alone = (touching.sum(axis=0, keepdims=True) <= 1) & (touching.sum(axis=1, keepdims=True) <= 1)
    fits = np.where(alone, ratio >= _LONE_AREA_RATIO, (ratio >= _LINK_AREA_RATIO) & (overlap >= _LINK_OVERLAP))
    score = np.where(fits & touching, overlap, 0)
    pairs = []
    while score.size and score.max() > 0:
        track, index = (int(i) for i in np.unravel_index(np.argmax(score), score.shape))
        pairs.append((track, index))
        score[track, :] = 0
        score[:, index] = 0
    return pairs


def _ratio(first: float, second: float) -> float:
    return min(first, second) / max(first, second)


def _overlap(first: Points, second: Points) -> float:
    """Return intersection over union, the better of in place and with the boxes' middles brought together."""
    boxes = [(points.min(axis=0), points.max(axis=0)) for points in (first, second)]
    motion = (boxes[1][0] + boxes[1][1] - boxes[0][0] - boxes[0][1]) / 2
    size = max(float((boxes[0][1] - boxes[0][0]).max()), float((boxes[1][1] - boxes[1][0]).max()))
    if float(np.abs(motion).max()) > size:
        return 0.0
    return max(overlap_in_place(first, second), overlap_in_place(first + motion, second))


def overlap_as_shapes(first: Points, second: Points) -> float:
    """Return intersection over union once the middles of both outlines' boxes lie on each other."""
    ends = [points.min(axis=0) + points.max(axis=0) for points in (first, second)]
    return overlap_in_place(first + (ends[1] - ends[0]) / 2, second)


def overlap_in_place(first: Points, second: Points) -> float:
    """Return intersection over union of what two closed polylines bound."""
    both, one, other = _areas_in_place(first, second)
    return both / max(one + other - both, 1)


def _areas_in_place(first: Points, second: Points) -> tuple[int, int, int]:
    """Return the areas of what both bound, of the first and of the second, on a common scale."""
    low = np.minimum(first.min(axis=0), second.min(axis=0))
    high = np.maximum(first.max(axis=0), second.max(axis=0))
    scale = min(1.0, _PICTURE_SIZE / float((high - low).max()))
    width, height = (int(n) for n in np.ceil((high - low) * scale) + 1)
    pictures: list[NDArray[np.uint8]] = []
    for points in (first, second):
        picture = np.zeros((height, width), np.uint8)
        cv2.fillPoly(picture, [np.round((points - low) * scale).astype(np.int32)], (1,))
        pictures.append(picture)
    both, one, other = (int(np.count_nonzero(each)) for each in (pictures[0] & pictures[1], *pictures))
    return both, one, other
