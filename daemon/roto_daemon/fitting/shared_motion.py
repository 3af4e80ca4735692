"""The one transform that most samples of an object follow: on every frame, then keyed with few keyframes.

A similarity (move, turn, scale), or a projective map. Both are least squares in which samples that go their own way
count less each round. The projective map solves the linear equations of its eight numbers, weighted by the last
round's depth so that their errors come to be px (Sanathanan and Koerner, 1963).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.correspondence import Floats, Matched
from roto_daemon.fitting.mixing import Mixing
from roto_shapes.shape import Interpolation, Layer, LayerKeyframe

Complex = NDArray[np.complex128]

_ROUNDS = 10
_LEAST_REACH_PX, _REACH = 1.0, 4.0
"""Samples that stray from the shared motion by this many medians, at least so many px, count for a quarter."""

_HIDDEN_WEIGHT = 1e-3
_OTHERS = 1e-4
"""Weight in the first round of samples that are not of the heaviest track."""

_RIDGE = 1e-6
"""Pull on the projective map's numbers, in the object's own size, that decides what samples leave open."""

_NOISE_SHARE = 4.0
"""Fewer sigmas of per-frame noise than that would buy keyframes of the layer: of a few hundred frames the largest
error reaches 3 sigmas."""

_MOST_KEYS_SHARE = 1 / 2
"""A layer with keyframes on more of the frames than that explains nothing."""

_LEAST_FACTOR = 1e-3
"""Smallest scale and aspect."""

_STRAY_SHARE, _FRAMES_SHARE = 75, 90
"""Percent of a frame's samples, and of the frames, by which a motion is judged: a limb may go its own way."""

_REST = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0])
"""A pose: move across and down, angle in radians, scale, aspect, skew, perspective across and down."""


_FARTHEST_PIVOT = 8.0
"""Distance of a pivot from the object, in sizes of it, from which on a turn is hardly told from a move."""

_FRAMES_AT_ONCE = 128
"""Bounds the memory of the projective equations."""

_LEAST_DEPTH = 0.05
_FAR_PX = 12.0
"""How far a sample is slid at a time: in a few rounds as far as it may have to go, and not round a corner at once."""

_ALONG = 1e-3
"""What errors along the outline count against those off it."""


@dataclass(frozen=True)
class SharedMotion:
    """What most samples do on every frame against their places at rest."""

    frames: NDArray[np.int64]
    pivot: Floats
    poses: Floats
    """(T, 8), each in the order of `_REST`."""
    reach_px: float
    """Root mean square distance from the pivot at rest of the samples that follow."""
    stray_px: float
    """How far off the motion outlines lie on the worst tenth of the frames, the worst quarter of samples aside."""
    samples: tuple[Matched, ...]
    """Those of each track, slid along their outlines to where the motion puts them."""

    def about_still_point(self) -> SharedMotion:
        """Return the same similarity about the point that it carries most steadily.

        What swings about a point outside itself then only turns. Steadily: with the least acceleration, as a straight
        line at constant speed has none.
        """
        place, factor = _numbers(self.poses[:, :2]), self.poses[:, 3] * np.exp(1j * self.poses[:, 2])
        # Over strides, for from frame to frame noise is as large as what a slow turn bends.
        stride = max(len(place) // 4, 1)
        forces, levers = (
            each[2 * stride :] - 2 * each[stride:-stride] + each[: -2 * stride] for each in (place, factor)
        )
        away = -complex((levers.conj() * forces).sum()) / max(float((np.abs(levers) ** 2).sum()), _LEAST_FACTOR**4)
        if abs(away) > _FARTHEST_PIVOT * self.reach_px:
            return self
        poses = self.poses.copy()
        poses[:, :2] = _pairs(place + (factor - 1) * away)
        pivot = self.pivot + np.array([away.real, away.imag])
        return replace(self, pivot=pivot, poses=poses, reach_px=math.hypot(self.reach_px, abs(away)))

    def keyed(self, bound_px: float, interpolation: Interpolation, name: str) -> Layer | None:
        """Return a layer that stays within a bound, or what noise leaves of it; None when that needs many keyframes."""
        reach = self.reach_px
        in_px = np.array([1.0, 1.0, reach, reach, reach, reach, reach**2, reach**2])
        values = (self.poses - _REST) * in_px
        bound = max(bound_px, _NOISE_SHARE * _noise(values))
        found = _keyed(self.frames.astype(float), values, bound, interpolation)
        if found is None:
            return None
        keys, keyed = found
        keyframes = []
        for key, row in zip(keys, keyed / in_px + _REST, strict=True):
            x, y, angle, scale, aspect, skew, across, down = (float(number) for number in row)
            factors = max(scale, _LEAST_FACTOR), max(aspect, _LEAST_FACTOR)
            keyframes.append(
                LayerKeyframe(int(self.frames[key]), x, y, float(np.degrees(angle)), *factors, skew, (across, down))
            )
        return Layer(name, tuple(keyframes), (float(self.pivot[0]), float(self.pivot[1])), interpolation)


def shared_motions(samples: Sequence[Matched]) -> tuple[SharedMotion, SharedMotion | None]:
    """Return the similarity that most samples of several tracks follow, and the projective map if there is one."""
    pool = _pooled(samples)
    pivot, rest = _at_rest(pool)
    _, mapped = _similarities(pool, pivot, rest)
    trust = pool.reweighted(np.abs(pool.points - mapped)).sum(axis=0)
    trust /= trust.sum()
    centre = complex((trust * rest).sum())
    pivot, rest = pivot + centre, rest - centre
    reach = float(np.sqrt((trust * np.abs(rest) ** 2).sum()))

    def motion(poses: Floats, pool: _Pool, mapped: Complex) -> SharedMotion:
        own = [
            replace(
                matched,
                points=_pairs(pool.points[rows, columns]),
                tangents=_pairs(pool.tangents[rows, columns]),
                visible=pool.seen[rows, columns],
            )
            for matched, rows, columns in zip(samples, *pool.places, strict=True)
        ]
        across = np.array([pivot.real, pivot.imag])
        return SharedMotion(pool.frames, across, poses, reach, _typical(pool.off_line(mapped), pool), tuple(own))

    poses, mapped = _similarities(pool, pivot, rest)
    projective = _projectivities(pool, pivot, rest, reach)
    return motion(poses, pool, mapped), projective and motion(*projective)


@dataclass(frozen=True)
class _Pool:
    """Samples (T, M) of all tracks on all frames, as complex numbers, 0 with no weight where a track does not live."""

    frames: NDArray[np.int64]
    points: Complex
    tangents: Complex
    weights: Floats
    places: tuple[list[NDArray[np.int64]], list[slice]]
    """The rows, to index with, and the columns of each track."""

    def at(self, frames: NDArray[np.bool_]) -> _Pool:
        """Return the samples on some of the frames, without what tells the tracks' rows."""
        points, tangents = self.points[frames], self.tangents[frames]
        return _Pool(self.frames[frames], points, tangents, self.weights[frames], ([], self.places[1]))

    @property
    def first_weights(self) -> Floats:
        """Return weights to begin with: the heaviest track tells the motion, and who joins it is found out."""
        heaviest = max(self.places[1], key=lambda columns: self.weights[:, columns].sum())
        weights = self.weights * _OTHERS
        weights[:, heaviest] = self.weights[:, heaviest]
        return weights

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Return (T, M) which samples are visible: weights of the others are far below those of any that is."""
        return np.asarray(self.weights > _HIDDEN_WEIGHT * self.weights.max(), bool)

    def off_line(self, mapped: Complex) -> Floats:
        """Return how far mapped samples lie off the outline's tangent: how far they slid along it says nothing."""
        return np.abs(np.imag(self.tangents.conj() * (mapped - self.points)))

    def reweighted(self, strays: Floats) -> Floats:
        """Return weights that hardly count samples which stray further than others of their frame."""
        middle = np.nanmedian(np.where(self.weights > 0, strays, np.nan), axis=1, keepdims=True)
        reach = np.maximum(_LEAST_REACH_PX, _REACH * middle)
        weights: Floats = self.weights / (1 + (strays / reach) ** 2) ** 2
        return weights


def _pooled(samples: Sequence[Matched]) -> _Pool:
    frames = np.unique(np.concatenate([matched.frames for matched in samples]))
    counts = [matched.points.shape[1] for matched in samples]
    ends = np.cumsum(counts)
    columns = [slice(int(end) - count, int(end)) for end, count in zip(ends, counts, strict=True)]
    rows = [np.searchsorted(frames, matched.frames) for matched in samples]
    shape = len(frames), int(ends[-1])
    points, tangents, weights = np.zeros(shape, complex), np.ones(shape, complex), np.zeros(shape)
    for matched, row, column in zip(samples, rows, columns, strict=True):
        points[row, column] = _numbers(matched.points)
        tangents[row, column] = _numbers(matched.tangents)
        # Spacing makes weight the length of outline, which does not depend on how densely a track is sampled.
        weights[row, column] = np.where(matched.visible, 1.0, _HIDDEN_WEIGHT) * matched.spacing_px
    return _Pool(frames, points, tangents, weights, (rows, columns))


def _numbers(pairs: Floats) -> Complex:
    return pairs[..., 0] + 1j * pairs[..., 1]


def _pairs(numbers: Complex) -> Floats:
    return np.stack([numbers.real, numbers.imag], axis=-1)


def _at_rest(pool: _Pool) -> tuple[complex, Complex]:
    """Return the pivot and where samples lie from it (M,) on the frame that shows most of them, and most largely.

    There a px is a px of the plate: a fit of what is enlarged later would take lobes for noise along the outline.
    Samples of tracks that do not live there are carried to it by the similarity that the others follow.
    """
    middle = (pool.weights * pool.points).sum(axis=1) / pool.weights.sum(axis=1)
    best = int(np.argmax((pool.weights * np.abs(pool.points - middle[:, None]) ** 2).sum(axis=1)))
    known = pool.weights[best] > 0
    pivot = complex(pool.points[best, known].mean())
    rest = pool.points[best] - pivot
    if not known.all():
        guided = pool.weights[:, known].sum(axis=1) > 0
        first = replace(pool, weights=np.where(known, pool.weights, 0.0)).at(guided)
        poses, _ = _similarities(first, pivot, np.where(known, rest, 0.0))
        move, angle, scale = (
            np.interp(pool.frames, pool.frames[guided], column)
            for column in (poses[:, 0] + 1j * poses[:, 1], poses[:, 2], poses[:, 3])
        )
        back = (pool.points - (pivot + move)[:, None]) / (scale * np.exp(1j * angle))[:, None]
        carried = (pool.weights * back).sum(axis=0) / pool.weights.sum(axis=0)
        rest = np.where(known, rest, carried)
    return pivot, rest


def _similarities(pool: _Pool, pivot: complex, rest: Complex) -> tuple[Floats, Complex]:
    """Return poses (T, 8), and where they put the samples (T, M)."""
    weights = pool.first_weights
    for _ in range(_ROUNDS):
        total = weights.sum(axis=1)
        mean_rest = (weights * rest).sum(axis=1) / total
        mean = (weights * pool.points).sum(axis=1) / total
        from_mean = rest - mean_rest[:, None]
        factor = (weights * from_mean.conj() * (pool.points - mean[:, None])).sum(axis=1)
        factor /= np.maximum((weights * np.abs(from_mean) ** 2).sum(axis=1), 1e-9)
        place = mean - factor * mean_rest
        mapped = place[:, None] + factor[:, None] * rest
        weights = pool.reweighted(np.abs(pool.points - mapped))
    poses = np.tile(_REST, (len(pool.frames), 1))
    poses[:, 0], poses[:, 1] = (place - pivot).real, (place - pivot).imag
    poses[:, 2], poses[:, 3] = np.unwrap(np.angle(factor)), np.maximum(np.abs(factor), _LEAST_FACTOR)
    return poses, mapped


def _projectivities(pool: _Pool, pivot: complex, rest: Complex, reach: float) -> tuple[Floats, _Pool, Complex] | None:
    """Return poses (T, 8), the samples slid along their outlines to where these put them, and where that is.

    Samples share an outline out by its length on each frame, which perspective changes: on a card that tilts they slide
    by many px along its sides. So what counts is how far they lie off the outline, and they are slid after each round.
    None where samples lie near the horizon, or in one line.
    """
    known = np.column_stack([rest.real / reach, rest.imag / reach, np.ones(len(rest))])
    slid, steps = pool, np.zeros(pool.weights.shape)
    depth, weights = np.ones(steps.shape), pool.first_weights
    for _ in range(_ROUNDS):
        numbers = _solved(known, slid, pivot, reach, weights / depth**2)
        depth = 1 + numbers[:, 6:] @ known[:, :2].T
        if depth.min() < _LEAST_DEPTH:
            return None
        mapped: Complex = np.asarray(
            pivot + reach * (numbers[:, :3] @ known.T + 1j * (numbers[:, 3:6] @ known.T)) / depth, complex
        )
        weights = slid.reweighted(slid.off_line(mapped))
        steps, slid = _slid(pool, steps, np.real(slid.tangents.conj() * (mapped - slid.points)))
    poses = _poses(numbers, reach)
    return None if poses is None else (poses, _with_hidden(slid, mapped), mapped)


def _with_hidden(pool: _Pool, mapped: Complex) -> _Pool:
    """Return samples with hidden ones where the motion puts them, on frames on which the rest of a track follows it."""
    off = np.where(pool.seen, pool.off_line(mapped), np.nan)
    points, tangents = pool.points.copy(), pool.tangents.copy()
    for rows, columns in zip(*pool.places, strict=True):
        own, shown = off[rows, columns], pool.seen[rows, columns]
        follows: NDArray[np.bool_] = np.asarray(shown.any(axis=1) & ~shown.all(axis=1), bool)
        follows[follows] = np.nanpercentile(own[follows], _STRAY_SHARE, axis=1) < _LEAST_REACH_PX
        there = mapped[rows, columns]
        ways = np.roll(there, -1, axis=1) - np.roll(there, 1, axis=1)
        hidden = follows[:, None] & ~shown
        points[rows, columns] = np.where(hidden, there, points[rows, columns])
        tangents[rows, columns] = np.where(hidden, ways / np.maximum(np.abs(ways), 1e-9), tangents[rows, columns])
    return replace(pool, points=points, tangents=tangents)


def _slid(pool: _Pool, steps_px: Floats, along_px: Floats) -> tuple[Floats, _Pool]:
    """Return how far samples have slid (T, M) from those of a pool along their outlines, and the pool that has."""
    steps_px, weights = steps_px.copy(), pool.weights.copy()
    points, tangents = pool.points.copy(), pool.tangents.copy()
    for rows, columns in zip(*pool.places, strict=True):
        own, directions = pool.points[rows, columns], pool.tangents[rows, columns]
        count = own.shape[1]
        chords = np.roll(own, -1, axis=1) - own
        way = np.concatenate([np.zeros((len(own), 1)), np.cumsum(np.abs(chords), axis=1)], axis=1)
        wanted = way[:, :-1] + steps_px[rows, columns] + np.clip(along_px[rows, columns], -_FAR_PX, _FAR_PX)
        # Where samples would pass each other, both stop in the middle.
        above = np.maximum.accumulate(wanted, axis=1)
        below = np.minimum.accumulate(wanted[:, ::-1], axis=1)[:, ::-1]
        moved = (above + below) / 2
        steps_px[rows, columns] = moved - way[:, :-1]
        around = np.mod(moved, way[:, -1:])
        at = np.stack([np.searchsorted(line[1:-1], here, side="right") for line, here in zip(way, around, strict=True)])
        row = np.arange(len(own))[:, None]
        share = (around - way[row, at]) / np.maximum(np.abs(chords[row, at]), _LEAST_FACTOR)
        points[rows, columns] = own[row, at] + share * chords[row, at]
        mixed = (1 - share) * directions[row, at] + share * directions[row, (at + 1) % count]
        tangents[rows, columns] = mixed / np.maximum(np.abs(mixed), _LEAST_FACTOR)
        shown = pool.weights[rows, columns]
        weights[rows, columns] = np.minimum(shown[row, at], shown[row, (at + 1) % count])
    return steps_px, replace(pool, points=points, tangents=tangents, weights=weights)


def _solved(known: Floats, pool: _Pool, pivot: complex, reach: float, weights: Floats) -> Floats:
    """Return (T, 8) numbers a … h: (a x + b y + c, d x + e y + f) / (g x + h y + 1) takes places at rest to others.

    Errors off the outline count in full, those along it a little, which decides how a disc turns.
    """
    numbers = np.zeros((len(pool.frames), 8))
    off = (pool.points - pivot) / reach
    for first in range(0, len(numbers), _FRAMES_AT_ONCE):
        now = slice(first, first + _FRAMES_AT_ONCE)
        normal = _RIDGE * weights[now].sum(axis=1)[:, None, None] * np.eye(8)
        right = np.zeros((len(normal), 8))
        for way, share in ((1j * pool.tangents[now], 1.0), (pool.tangents[now], _ALONG)):
            places = np.real(way.conj() * off[now])
            parts = (way.real[..., None] * known, way.imag[..., None] * known, -places[..., None] * known[:, :2])
            columns = np.concatenate(parts, axis=-1)
            weighted = columns * (share * weights[now])[..., None]
            normal = normal + np.einsum("tmi,tmj->tij", weighted, columns)
            right += np.einsum("tmi,tm->ti", weighted, places)
        numbers[now] = np.linalg.solve(normal, right[..., None])[..., 0]
    return numbers


def _poses(numbers: Floats, reach: float) -> Floats | None:
    """Return (T, 8) poses of maps as `_solved` gives them in units of the reach; None where one turns things over."""
    move, slope = numbers[:, [2, 5]], numbers[:, 6:]
    linear = numbers[:, [0, 1, 3, 4]].reshape(-1, 2, 2) - move[:, :, None] * slope[:, None, :]
    size = np.linalg.det(linear)
    if size.min() < _LEAST_FACTOR**2:
        return None
    scale = np.sqrt(size)
    angle = np.arctan2(linear[:, 1, 0], linear[:, 0, 0])
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    aspect = cosine * linear[:, 0, 0] + sine * linear[:, 1, 0]
    skew = cosine * linear[:, 0, 1] + sine * linear[:, 1, 1]
    return np.column_stack([move * reach, np.unwrap(angle), scale, aspect, skew, slope / reach])


def _typical(strays: Floats, pool: _Pool) -> float:
    """Return the largest stray of most samples on most frames, in px, of what is visible."""
    shows = pool.seen.any(axis=1)
    strays = np.where(pool.seen, strays, np.nan)[shows]
    return float(np.percentile(np.nanpercentile(strays, _STRAY_SHARE, axis=1), _FRAMES_SHARE)) if shows.any() else 0.0


def _noise(values: Floats) -> float:
    """Return the largest sigma of (T, 8) numbers over time, by fourth differences: blind to steady motion."""
    if len(values) < 5:  # noqa: PLR2004 - a fourth difference has five terms
        return 0.0
    return float((1.4826 * np.median(np.abs(np.diff(values, 4, axis=0)), axis=0) / np.sqrt(70)).max())


def _keyed(
    times: Floats, values: Floats, bound: float, interpolation: Interpolation
) -> tuple[list[int], Floats] | None:
    """Return few keyframes, as indices, and their values that stay within a bound of (T, 8) numbers.

    The fewer of keyframes that are spread evenly and keyframes put one by one where the error is largest; of these
    every one goes again that can be spared. None for more than are worth it.
    """
    most = max(2, round(_MOST_KEYS_SHARE * len(times)))
    ways = [
        _even_keys(times, values, bound, interpolation, most),
        _greedy_keys(times, values, bound, interpolation, most),
    ]
    keys = min((way for way in ways if way), key=len, default=None)
    if keys is None:
        return None
    for key in keys[1:-1]:
        fewer = [other for other in keys if other != key]
        if _tried(times, values, fewer, interpolation)[1].max() <= bound:
            keys = fewer
    return keys, _tried(times, values, keys, interpolation)[0]


def _even_keys(
    times: Floats, values: Floats, bound: float, interpolation: Interpolation, most: int
) -> list[int] | None:
    low, high, found = 2, most, None
    while low <= high:
        count = (low + high) // 2
        keys = sorted({round(at) for at in np.linspace(0, len(times) - 1, count)})
        if _tried(times, values, keys, interpolation)[1].max() <= bound:
            found, high = keys, count - 1
        else:
            low = count + 1
    return found


def _greedy_keys(
    times: Floats, values: Floats, bound: float, interpolation: Interpolation, most: int
) -> list[int] | None:
    keys = sorted({0, len(times) - 1})
    while _tried(times, values, keys, interpolation)[1].max() > bound:
        if len(keys) == most:
            return None
        straight = Mixing(times, tuple(keys), interpolation).apply(values[keys])
        off = np.linalg.norm(values - straight, axis=-1)
        off[keys] = -1.0
        keys = sorted([*keys, int(np.argmax(off))])
    return keys


def _tried(times: Floats, values: Floats, keys: list[int], interpolation: Interpolation) -> tuple[Floats, Floats]:
    """Return the values of keyframes that come nearest to all frames, and how far each frame (T,) is left off."""
    mixing = Mixing(times, tuple(keys), interpolation)
    nearest: Floats = values[keys]
    if interpolation is Interpolation.LINEAR and len(keys) > 1:
        weights = np.asarray(mixing.weights, float)
        nearest = np.linalg.solve(weights.T @ weights, weights.T @ values)
    return nearest, np.linalg.norm(values - mixing.apply(nearest), axis=-1)
