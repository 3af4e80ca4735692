"""A jointed outline as overlapping parts: each a stiff shape that goes on behind the others where they cross.

On the frame with the plainest necks the outline is cut there, and each part closed by a round cap inside its
neighbour. From that frame every part is followed forwards and backwards as a body that moves, turns and bends a
little: edges of the mask that it explains steer it, the rest of it follows. On each frame the mask is then shared
out among the parts where they lie, with overlap, so that together they cover all of it and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from roto_daemon.fitting.correspondence import Matched
from roto_daemon.fitting.curve import bernstein, spread
from roto_daemon.fitting.necks import Neck, find_necks, ring_for_necks
from roto_daemon.fitting.outline import shoelace_area, trace_outlines
from roto_daemon.fitting.polyline import Points, evenly
from roto_daemon.fitting.raster import coverage
from roto_daemon.fitting.ring import Floats, Ring, headings, rightwards, trace_ring, unit
from roto_daemon.fitting.tracks import Track

Picture = NDArray[np.uint8]

_FRAMES_TRIED = 16
"""Frames, spread over the lifetime, on which necks are looked for."""

_PLAIN, _PLAIN_ENOUGH = 12.0, 20.0
"""Score from which a neck counts, and from which it counts no more, when the frame with the plainest is looked for."""

_SPACING_PX = 3.0
_MOST_SAMPLES = 320
_CAP_REACH = 0.75
"""Handles of the cap that closes a part, in chords: a half circle takes 0.67."""

_CAP_WEIGHT = 0.1
"""What a sample of a cap says about motion: it was drawn, not seen."""

_HEADING_PX = 12.0
"""What samples differ by when they head opposite ways, in px: the other side of a limb is no match however near."""

_REACHES_PX = (24.0, 16.0, 10.0, 7.0, 5.0, 4.0, 3.0, 3.0)
"""Edges further from a sample than this count little, in the rounds of following a part as one body."""

_BENDS = (12.0, 8.0, 5.0, 3.0, 2.0)
"""Standard deviation in samples of what moves as one, in the rounds of bending a part."""

_BEND_REACH_PX, _BEND_HOLD = 4.0, 0.15
_STILL, _STIFF = 1e-3, 100.0
"""Holds what the edge does not tell to where a part was thought to be, and its size so many times more."""

_LEFT_OVER_PX = 8
"""Less edge than this that no part explains is a spur or a bend, and no limb."""

_CONTENT = 0.8
"""A part of which the edge speaks for this share looks no further."""

_WANDER = 0.01
"""What each px away from where a part would have moved on to speaks against a place, as a share of what its whole edge
would speak for it: parts that cross shall not take each other's places for a little more edge."""

_SWINGS = tuple(np.radians((-24.0, -12.0, 12.0, 24.0)))
"""Limbs may swing so far from frame to frame against what they did before: feet of walking animals do."""

_PROMISING_PX, _STARTS_TRIED = 10.0, 3
"""Of the places where a part may be the ones with the most edge nearby are followed up."""

_BACK_SEEN, _BACK_HIDDEN, _SEEN = 0.05, 0.2, 0.5
"""Per frame a part goes so far back to the shape it was cut in, where the edge holds it and where nothing does."""

_COMPETING_ROUNDS, _TAKEN = 2, 0.7
"""Rounds in which parts look for edges of their own, and what an edge that another part explains counts less."""

_HIDDEN_PX = 4.0
"""Samples deeper than this inside the mask steer nothing; less deep a free hand would let the shape come out."""

_SHOWS_PX2, _SHOWS_SHARE = 24.0, 0.25
"""With less than this that it covers alone, in px^2 and of what shows of it at most, a part is not seen: it lives from
the first frame that shows more to the last, and the others take what shows of it before and afterwards."""

_OPEN = 0.5
"""A hole of which parts cover less than this is a gap between them."""

_THICK_PX = 9
"""Pieces that no part owns are slivers along an edge where they are thinner."""

_STICKS_OUT, _JOINED = 1.2, 0.3
"""A piece sticks out of a part that it touches along less than so many roots of its area: the thigh of an animal, 1.0,
the bulge of a belly 1.6 and more. Another part joins it that it touches along this share of that."""

_MARGIN_PX = 3
"""How far a part reaches over its own edge into others: two antialiased edges side by side would leave a seam."""


@dataclass(frozen=True)
class Split:
    """The parts of a track, the largest first, and its holes that are no holes any more but gaps between parts."""

    parts: list[Track]
    gaps: list[Track]


def split_track(whole: Track, holes: Sequence[Track], most: int) -> Split:
    """Return a track in at most `most` parts; none where no neck parts it. `holes` are those inside it, if any."""
    start, bodies = _parted(whole, most)
    if len(bodies) < 2:  # noqa: PLR2004 - one part is the whole
        return Split([], [])
    opened = [
        [hole.outlines[hole.frames.index(frame)] for hole in holes if frame in hole.frames] for frame in whole.frames
    ]
    places: list[list[Points]] = [[np.empty((0, 2))] * len(whole.frames) for _ in bodies]
    for step in (1, -1):
        followers = [_Follower(body) for body in bodies]
        stop = len(whole.frames) if step > 0 else -1
        for index in range(start, stop, step):
            if index != start:
                _step(followers, _Edge(whole.outlines[index], opened[index]))
            for follower, own in zip(followers, places, strict=True):
                own[index] = follower.points
    shares = [
        share_out(outline, inner, [own[index] for own in places])
        for index, (outline, inner) in enumerate(zip(whole.outlines, opened, strict=True))
    ]
    lives = [_lifetime([share[number].alone for share in shares]) for number in range(len(bodies))]
    # Somebody has to be there for the others to leave their rests to.
    body = int(np.argmax([max(share[number].alone for share in shares) for number in range(len(bodies))]))
    lives[body] = range(len(shares))
    for index, (outline, inner) in enumerate(zip(whole.outlines, opened, strict=True)):
        living = [number for number, life in enumerate(lives) if index in life]
        if len(living) < len(bodies):
            again = iter(share_out(outline, inner, [places[number][index] for number in living]))
            shares[index] = [next(again) if number in living else Share(None, 0.0) for number in range(len(bodies))]
    parts = [_track(whole, opened, [share[number] for share in shares]) for number in range(len(bodies))]
    parts = sorted((part for part in parts if part.frames), key=lambda part: -part.weight)
    return Split(parts, [hole for hole in holes if _is_gap(hole, parts)]) if len(parts) > 1 else Split([], [])


@dataclass(frozen=True)
class Share:
    """What of a mask belongs to one part on one frame."""

    outline: Points | None
    alone: float
    """Area in px^2 that no other part covers."""


def _lifetime(alone: Sequence[float]) -> range:
    """Return the indices of the frames from the first to the last on which enough of a part shows; maybe none."""
    least = max(_SHOWS_PX2, _SHOWS_SHARE * max(alone))
    showing = [index for index, area in enumerate(alone) if area >= least]
    return range(showing[0], showing[-1] + 1) if showing else range(0)


def _track(whole: Track, opened: Sequence[Sequence[Points]], shares: Sequence[Share]) -> Track:
    """Return a part on the frames on which it has a share."""
    part = Track(hole=False)
    for index, (frame, share) in enumerate(zip(whole.frames, shares, strict=True)):
        if share.outline is not None:
            part.frames.append(frame)
            part.outlines.append(share.outline)
            part.areas.append(shoelace_area(share.outline))
            part.depths.append(whole.depths[index])
            part.shown[frame] = [*whole.shown.get(frame, [whole.outlines[index]]), *opened[index]]
    part.doubtful = [frame for frame in whole.doubtful if part.frames and part.frames[0] <= frame <= part.frames[-1]]
    return part


def _is_gap(hole: Track, parts: Sequence[Track]) -> bool:
    """Say whether parts leave most of a hole open on most of its frames."""
    covered = []
    for frame, outline in zip(hole.frames, hole.outlines, strict=True):
        low = np.floor(outline.min(axis=0)) - 1
        size = (int(n) for n in np.ceil(outline.max(axis=0)) + 1 - low)
        width, height = size
        own = coverage(outline - low, width, height)
        lines = [part.outlines[part.frames.index(frame)] - low for part in parts if frame in part.frames]
        covered.append(float((own * coverage(lines, width, height)).sum() / own.sum()))
    return float(np.median(covered)) < _OPEN


def marked(matched: Matched, part: Track) -> Matched:
    """Return the samples of a part with those that lie deep inside the mask taken for hidden by another part."""
    shown = matched.visible.copy()
    for index, frame in enumerate(matched.frames.tolist()):
        tree = cKDTree(np.vstack([evenly(line, 1.0, 4) for line in part.shown[frame]]))
        shown[index] &= tree.query(matched.points[index])[0] < _HIDDEN_PX
    return replace(matched, visible=shown)


@dataclass(frozen=True)
class _Body:
    """Samples of a part where it was cut, and which of them lie on a cap."""

    points: Points
    cap: NDArray[np.bool_]


def _parted(whole: Track, most: int) -> tuple[int, list[_Body]]:
    """Return the index of the frame with the plainest necks, and the parts that they make there."""
    best: tuple[float, int, Ring, list[Neck]] | None = None
    for index in spread(len(whole.frames), _FRAMES_TRIED).tolist():
        ring = ring_for_necks(whole.outlines[index])
        necks = [neck for neck in find_necks(ring, most - 1) if neck.score >= _PLAIN]
        plain = sum(min(neck.score, _PLAIN_ENOUGH) for neck in necks)
        if best is None or plain > best[0]:
            best = plain, index, ring, necks
    if best is None or not best[3]:
        return 0, []
    _, index, ring, necks = best
    return index, _cut(ring, necks)


def _cut(ring: Ring, necks: Sequence[Neck]) -> list[_Body]:
    """Return the parts of a ring between its necks: each a run of samples, closed by caps."""
    # A part is a cyclic list of runs (first, last) of samples; a cap joins one run to the next.
    count = len(ring.points)
    parts: list[list[tuple[int, int]]] = [[(0, count)]]
    for neck in necks:
        parts = [piece for part in parts for piece in _cut_once(part, neck)]
    return [_closed(ring, runs) for runs in parts]


def _cut_once(runs: list[tuple[int, int]], neck: Neck) -> list[list[tuple[int, int]]]:
    inside: list[tuple[int, int]] = []
    outside: list[tuple[int, int]] = []
    for first, last in runs:
        cuts = sorted({first, last, *(end for end in (neck.first, neck.last) if first < end < last)})
        for begin, end in pairwise(cuts):
            (inside if neck.first <= begin and end <= neck.last else outside).append((begin, end))
    return [inside, outside] if inside and outside else [inside or outside]


def _closed(ring: Ring, runs: list[tuple[int, int]]) -> _Body:
    count = len(ring.points)
    points: list[Points] = []
    cap: list[NDArray[np.bool_]] = []
    for number, (first, last) in enumerate(runs):
        own = ring.points[np.arange(first, last + 1) % count]
        ahead = runs[(number + 1) % len(runs)]
        if (ahead[0] - last) % count == 0:
            points.append(own[:-1])
            cap.append(np.zeros(len(own) - 1, bool))
            continue
        bridge = _cap(ring, last, ahead[0])
        points += [own, bridge]
        cap += [np.zeros(len(own), bool), np.ones(len(bridge), bool)]
    closed, is_cap = np.concatenate(points), np.concatenate(cap)
    return _even(closed, is_cap)


def _cap(ring: Ring, last: int, first: int) -> Points:
    """Return the curve that goes on from one sample, round, and comes back to another along the outline's course."""
    count = len(ring.points)
    steps = ring.steps(_SPACING_PX * 2)
    start, end = ring.points[last % count], ring.points[first % count]
    # The course on the part's own side: at a concave corner the outline itself turns away from it.
    out = unit(start - ring.points[(last - steps) % count])
    into = unit(ring.points[(first + steps) % count] - end)
    reach = _CAP_REACH * float(np.linalg.norm(end - start))
    fractions = np.linspace(0, 1, max(int(2 * reach / _SPACING_PX), 4) + 2)[1:-1]
    curve: Points = bernstein(fractions) @ np.stack([start, start + reach * out, end - reach * into, end])
    return curve


def _even(points: Points, cap: NDArray[np.bool_]) -> _Body:
    even = evenly(points, _SPACING_PX, 16)
    if len(even) > _MOST_SAMPLES:
        even = trace_ring(points, _MOST_SAMPLES).points
    _, near = cKDTree(points).query(even)
    return _Body(even, cap[near])


class _Edge:
    """The mask's edge on one frame, to be asked for what lies near and heads the same way."""

    def __init__(self, outline: Points, holes: Sequence[Points]) -> None:
        # Round a hole the mask lies on the other side.
        rings = [trace_ring(line, len(evenly(line, 1.0, 32))) for line in (outline, *(hole[::-1] for hole in holes))]
        self._points = np.concatenate([ring.points for ring in rings])
        self._tangents = np.concatenate([ring.tangents for ring in rings])
        self._placed = np.concatenate([self._points, _HEADING_PX / 2 * self._tangents], axis=1)
        self._tree = cKDTree(self._placed)
        self.say = np.ones(len(self._points))
        """What each place of the edge counts."""

    def explained(self, points: Points) -> Floats:
        """Return how well a part explains each place of the edge, from 0 to 1."""
        tree = cKDTree(np.concatenate([points, _HEADING_PX / 2 * headings(points)], axis=1))
        apart, _ = tree.query(self._placed)
        return np.asarray(np.exp(-((apart / _BEND_REACH_PX) ** 2)))

    def told(self, points: Points, reach_px: float, weight: Floats) -> float:
        """Return how much of the edge says that a part lies here."""
        return float((self.missed(points, reach_px)[2] * weight).sum())

    def missed(self, points: Points, reach_px: float) -> tuple[Points, Floats, Floats]:
        """Return for each sample the edge's normal, the distance to it along that, and how much the edge says."""
        heading = _HEADING_PX / 2 * headings(points)
        _, near = self._tree.query(np.concatenate([points, heading], axis=1))
        tangents = self._tangents[near]
        normals = rightwards(tangents)
        offset = self._points[near] - points
        apart = np.linalg.norm(offset, axis=1)
        agree = np.clip(np.sum(tangents * heading, axis=1) / (_HEADING_PX / 2), 0, 1)
        return normals, np.sum(normals * offset, axis=1), self.say[near] * agree**2 / (1 + (apart / reach_px) ** 2) ** 2


def _step(followers: Sequence[_Follower], edge: _Edge) -> None:
    """Take all parts to the next frame, so that each looks first for edges that the others do not explain."""
    found = [follower.followed(follower.starts[:2], edge) for follower in followers]
    for _ in range(_COMPETING_ROUNDS):
        explained = [edge.explained(points) for points in found]
        if np.count_nonzero(np.max(explained, axis=0) < _SEEN) < _LEFT_OVER_PX:
            break
        for number, follower in enumerate(followers):
            others = [each for other, each in enumerate(explained) if other != number]
            edge.say = 1 - _TAKEN * np.max(others, axis=0)
            if follower.is_content(found[number], edge):
                continue
            found[number] = follower.followed([*follower.starts, found[number]], edge)
            explained[number] = edge.explained(found[number])
    edge.say = np.ones_like(edge.say)
    for follower, points in zip(followers, found, strict=True):
        follower.settle(points, edge)


class _Follower:
    """One part on its way through the frames."""

    def __init__(self, body: _Body) -> None:
        self.points = body.points
        self._rest = body.points
        self._own = np.where(body.cap, _CAP_WEIGHT, 1.0)
        self._cap = body.cap
        self._motion = np.zeros_like(body.points)

    @property
    def starts(self) -> list[Points]:
        """Return where the part may be on the next frame: where it moves on to, where it is, or swung at its joint."""
        ahead = self.points + self._motion
        joint = ahead[self._cap].mean(axis=0)
        swings = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in _SWINGS]
        return [ahead, self.points, *(joint + (ahead - joint) @ swing.T for swing in swings)]

    def followed(self, starts: Sequence[Points], edge: _Edge) -> Points:
        """Return the part as one body on the next frame, from the most promising of some starts."""
        told = [-edge.told(start, _PROMISING_PX, self._own) for start in starts]
        best = [starts[number] for number in np.argsort(told, kind="stable")[:_STARTS_TRIED]]
        found = [self._followed(start, edge) for start in best]
        ahead = self.points + self._motion

        def worth(points: Points) -> float:
            away = float(np.linalg.norm(points - ahead, axis=1).mean())
            return edge.told(points, _BEND_REACH_PX, self._own) - _WANDER * away * float(self._own.sum())

        return max(found, key=worth)

    def is_content(self, points: Points, edge: _Edge) -> bool:
        """Say whether the edge speaks for nearly all of the part."""
        return edge.told(points, _BEND_REACH_PX, self._own) >= _CONTENT * float(self._own.sum())

    def settle(self, moved: Points, edge: _Edge) -> None:
        """Go to where the part was found, bent onto the edge near it, and back a little to the shape it was cut in."""
        self._motion = _similar(self.points, moved, self._own) - self.points
        for spread_samples in _BENDS:
            normals, missed, weight = edge.missed(moved, _BEND_REACH_PX)
            weight *= self._own
            total = gaussian_filter1d(weight, spread_samples, mode="wrap") + _BEND_HOLD
            push = (weight * missed)[:, None] * normals
            moved = moved + gaussian_filter1d(push, spread_samples, axis=0, mode="wrap") / total[:, None]
        seen = edge.missed(moved, _BEND_REACH_PX)[2] * self._own
        back = np.where(seen > _SEEN, _BACK_SEEN, _BACK_HIDDEN)[:, None]
        self.points = moved + back * (_similar(self._rest, moved, self._own * (0.1 + seen)) - moved)

    def _followed(self, start: Points, edge: _Edge) -> Points:
        moved = start
        for reach in _REACHES_PX:
            normals, missed, weight = edge.missed(moved, reach)
            moved = _nudged(moved, start, (normals, missed, weight * self._own))
        return moved


def _nudged(points: Points, start: Points, lines: tuple[Points, Floats, Floats]) -> Points:
    """Return samples moved by the similarity that brings them nearest to lines, and is held a little to the start."""
    normals, missed, weight = lines
    middle = points.mean(axis=0)
    size = max(float(points.std()), 1.0)
    x, y = ((points - middle) / size).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    basis = np.stack([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)], axis=1)
    rows = np.einsum("md,mdk->mk", normals, basis)
    held = _STILL * np.einsum("mdk,mdl->kl", basis, basis)
    held[0, 0] *= _STIFF
    left = (rows * weight[:, None]).T @ rows + held
    right = rows.T @ (weight * missed) + _STILL * np.einsum("mdk,md->k", basis, start - points)
    nudged: Points = points + basis @ np.linalg.solve(left, right)
    return nudged


def _similar(start: Points, end: Points, weight: Floats) -> Points:
    """Return the similarity of samples that is nearest to where they went."""
    share = weight / weight.sum()
    a, b = (each @ np.array([1, 1j]) for each in (start, end))
    middle, goal = share @ a, share @ b
    turn = complex(np.vdot(a - middle, share * (b - goal)) / max(float((share * abs(a - middle) ** 2).sum()), 1e-9))
    moved = goal + turn * (a - middle)
    return np.stack([moved.real, moved.imag], axis=1)


def share_out(whole: Points, holes: Sequence[Points], parts: Sequence[Points]) -> list[Share]:
    """Return what of a mask, given as its outline and those of its holes, belongs to each part; shares overlap.

    Each part gets the mask where it lies, in one piece. What none of them covers goes to the one it touches most.
    """
    low = np.floor(whole.min(axis=0)) - 8
    width, height = (int(n) for n in np.ceil(whole.max(axis=0)) + 8 - low)
    mask = coverage(whole - low, width, height)
    for hole in holes:
        mask = mask * (1 - coverage(hole - low, width, height))
    inside = (mask >= 0.5).astype(np.uint8)  # noqa: PLR2004 - half covered
    owned = _with_rest(inside, [_one_piece(inside & _filled(points - low, inside.shape)) for points in parts])
    count = np.sum(owned, axis=0)
    shares = []
    for own in owned:
        reach = cv2.dilate(own, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _MARGIN_PX + 1,) * 2))
        soft = np.minimum(mask, cv2.GaussianBlur(reach.astype(np.float32), (0, 0), 1.0))
        outlines = [outline for outline in trace_outlines(soft) if not outline.hole] if own.any() else []
        alone = float(np.count_nonzero(own & (count == 1)))
        shares.append(Share(outlines[0].points + low if outlines else None, alone))
    return shares


def _filled(points: Points, shape: tuple[int, ...]) -> Picture:
    picture = np.zeros(shape, np.uint8)
    cv2.fillPoly(picture, [np.round((points - 0.5) * 16).astype(np.int32)], (1,), shift=4)
    return picture


def _one_piece(own: Picture) -> Picture:
    """Return the largest piece of what a part owns."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(own, connectivity=4)
    if count <= 2:  # noqa: PLR2004 - the ground and one piece
        return own
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    piece: Picture = (labels == largest).astype(np.uint8)
    return piece


def _with_rest(inside: Picture, owned: list[Picture]) -> list[Picture]:
    """Give what no part owns away: thick pieces as limbs, what is left of the rest to the part that each touches most.

    A thick piece that sticks out of the part it touches most belongs to the smallest part at its other end: a limb that
    was followed by its end alone gets back what joins it to the body, which would have to grow and shrink by it.
    """
    rest = inside & (1 - np.max(owned, axis=0))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_THICK_PX, _THICK_PX))
    thick = cv2.morphologyEx(rest, cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    sizes = [int(np.count_nonzero(own)) for own in owned]
    result = owned
    for pieces, reach_px in ((thick, 2), (rest & (1 - thick), 1)):
        base, result = result, [own.copy() for own in result]
        count, labels, stats, _ = cv2.connectedComponentsWithStats(pieces, connectivity=4)
        for number in range(1, count):
            piece = (labels == number).astype(np.uint8)
            around = cv2.dilate(piece, np.ones((2 * reach_px + 1,) * 2, np.uint8)) > piece
            touching = [int(np.count_nonzero(own[around])) / reach_px for own in base]
            most = int(np.argmax(touching))
            if pieces is thick and touching[most] < _STICKS_OUT * np.sqrt(stats[number, cv2.CC_STAT_AREA]):
                near = [part for part, px in enumerate(touching) if px >= _JOINED * touching[most]]
                most = min(near, key=lambda part: sizes[part])
            result[most] |= piece
    return result
