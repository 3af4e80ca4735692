"""Outlines linked from frame to frame into tracks: each track becomes one shape with a lifetime.

Outer outlines link to outer ones and holes to holes, by the overlap of what they bound. A track ends where its
outline splits into comparable parts, merges with another, or is missing on a frame that was given.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.outline import Outline, Points

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


@dataclass
class Track:
    """One outline followed through consecutive given frames."""

    hole: bool
    frames: list[int] = field(default_factory=list)
    outlines: list[Points] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)

    def part(self, first: int, stop: int) -> Track:
        """Return the track on a part of its frames, given as indices; `stop` is not included."""
        here = slice(first, stop)
        return Track(self.hole, self.frames[here], self.outlines[here], self.areas[here], self.depths[here])

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
        self._done: list[Track] = []
        self._live: list[Track] = []

    def add(self, frame: int, outlines: list[Outline]) -> None:
        """Link the outlines of the next given frame; they come with the largest first."""
        kept = self._without_specks(outlines)
        depths = _depths(kept)
        taken: dict[int, Track] = {}
        for hole in (False, True):
            live = [track for track in self._live if track.hole is hole]
            new = [index for index, one in enumerate(kept) if one.hole is hole]
            for old, index in _links(live, [kept[i] for i in new]):
                taken[new[index]] = live[old]
        still = []
        for index, outline in enumerate(kept):
            track = taken.get(index) or Track(outline.hole)
            track.frames.append(frame)
            track.outlines.append(outline.points)
            track.areas.append(outline.area)
            track.depths.append(depths[index])
            still.append(track)
        self._done += [track for track in self._live if all(track is not other for other in still)]
        self._live = still

    def finish(self) -> list[Track]:
        """Return the tracks, the most important first, and end all that still live."""
        tracks = sorted(self._done + self._live, key=lambda track: (-track.weight, track.frames[0]))
        for track in tracks[MOST_TRACKS:]:
            self.ignored_area_px2 += track.weight
            self.ignored_outlines += len(track.frames)
        return tracks[:MOST_TRACKS]

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


def overlap_in_place(first: Points, second: Points) -> float:
    """Return intersection over union of what two closed polylines bound."""
    low = np.minimum(first.min(axis=0), second.min(axis=0))
    high = np.maximum(first.max(axis=0), second.max(axis=0))
    scale = min(1.0, _PICTURE_SIZE / float((high - low).max()))
    width, height = (int(n) for n in np.ceil((high - low) * scale) + 1)
    pictures: list[NDArray[np.uint8]] = []
    for points in (first, second):
        picture = np.zeros((height, width), np.uint8)
        cv2.fillPoly(picture, [np.round((points - low) * scale).astype(np.int32)], (1,))
        pictures.append(picture)
    both = int(np.count_nonzero(pictures[0] & pictures[1]))
    return both / max(int(np.count_nonzero(pictures[0] | pictures[1])), 1)
