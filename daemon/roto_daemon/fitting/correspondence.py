"""Which point of an outline is which on every frame: the same samples, in the same order, on the whole track.

From the longest outline the samples travel forwards and backwards in time. Each step registers the last outline to
the next one (robust point-to-line similarity, then affine) and then matches them by a cyclic, order-preserving
dynamic programme (Sederberg & Greenwood 1992; Sebastian, Klein & Kimia 2003) whose costs are distance, disagreement
of normals and of turning, and differences between neighbouring displacements.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from roto_daemon.fitting.outline import Points, visible
from roto_daemon.fitting.tracks import Track

Floats = NDArray[np.float64]

_SAMPLE_SPACING_PX = 3.0
_FEWEST_SAMPLES = 32
_MOST_SAMPLES = 320
"""Bounds the work on long outlines; samples of a UHD outline stand further apart."""

_CANDIDATES_PER_SAMPLE = 3
_SHORTEST_STEP, _LONGEST_STEP = 1, 10
"""Candidates that two neighbouring samples may lie apart: an outline may shrink or stretch threefold at a place.

Without the lower bound all samples of a limb that hides behind the body fall on one spot, and so do its knots.
"""

TURNING_REACH_PX = 4.0
"""Turning is measured between the directions to the points this far before and behind."""

_CORNER_TURNING = np.radians(40.0)
"""Above the 30 degrees of sharp mattes: on blurred masks every tip of 6 px radius turns that much."""

_CORNER_SHARE = 0.6
"""Share of frames on which a corner must show to be one."""

_CORNER_DRIFT = 2 * _CANDIDATES_PER_SAMPLE
"""Candidates to both sides within which a corner belongs to a sample."""

_CORNER_APART_PX = 8.0
_APEX_FROM_PX, _APEX_TO_PX = 2.5, 9.0
_APEX_MOVES_PX = 2.0
"""An apex further from its sample than this is no rounded corner but a mistake of the lines."""

_NORMAL_COST = 3.0
_TURNING_COST = 1.5
_STRETCHED, _SHRUNK = 2.2, 0.45
_INCOHERENT_SHARE = 0.15
"""A piece ends where this share of the outline is stretched or shrunk so far against the rest."""

_SHORTEST_PIECE = 8
"""Frames; a piece and what is left of a track are not cut shorter."""

_BAND = 0.2
"""Share of the outline by which a sample may run ahead of or fall behind the even pace from the anchored sample."""

_REGISTRATION_ROUNDS = 8
_PULL_TO_PREDICTION = 1e-3
"""Holds what the outline does not determine, such as the rotation of a circle."""


@dataclass(frozen=True)
class Matched:
    """Samples of one track: T frames, M samples, in the order of the outline."""

    frames: NDArray[np.int64]
    points: Floats
    """(T, M, 2) plate pixels; at corners the apex."""
    tangents: Floats
    """(T, M, 2) unit vectors along the outline."""
    visible: NDArray[np.bool_]
    """(T, M) False where the sample lies outside the plate."""
    corners: NDArray[np.int64]
    """Sample numbers of the corners, rising."""
    spacing_px: float
    """Mean distance of neighbouring samples."""

    @property
    def arcs(self) -> Floats:
        """Return (T, M) how much outline each sample stands for, 1 on average; 0 where samples fall together."""
        steps = np.linalg.norm(np.roll(self.points, -1, axis=1) - self.points, axis=-1)
        own = (steps + np.roll(steps, 1, axis=1)) / 2
        share: Floats = own / np.maximum(own.mean(axis=1, keepdims=True), 1e-9)
        return share

    def part(self, frames: NDArray[np.int64]) -> Matched:
        """Return the samples on some of the frames, given as indices."""
        return replace(
            self,
            frames=self.frames[frames],
            points=self.points[frames],
            tangents=self.tangents[frames],
            visible=self.visible[frames],
        )

    @property
    def normals(self) -> Floats:
        """Return (T, M, 2) unit normals, to the outside of the outline."""
        return np.stack([self.tangents[..., 1], -self.tangents[..., 0]], axis=-1)


@dataclass(frozen=True)
class _Ring:
    """An outline at even spacing with its directions: the candidates of one frame."""

    points: Points
    tangents: Points
    turning: Floats
    spacing: float


def match(track: Track, width: int, height: int) -> list[Matched]:
    """Return the samples of a track on a plate of a size in pixels, in one piece or several that follow each other.

    A track falls into pieces where its outline is no longer the same line on the object: legs that cross, a limb that
    hides behind the body. Each piece has samples of its own.
    """
    pieces = []
    waiting = [(0, len(track.frames))]
    while waiting:
        first, stop = waiting.pop()
        low, high, matched = _match_piece(track.part(first, stop), (width, height))
        pieces.append(matched)
        waiting += [(a, b) for a, b in ((first, first + low), (first + high, stop)) if b > a]
    return sorted(pieces, key=lambda piece: int(piece.frames[0]))


def _match_piece(track: Track, size: tuple[int, int]) -> tuple[int, int, Matched]:
    """Match frames from the longest outline both ways while they cohere; return first, stop and samples."""
    lengths = [_length(points) for points in track.outlines]
    count = int(np.clip(max(lengths) / _SAMPLE_SPACING_PX, _FEWEST_SAMPLES, _MOST_SAMPLES))
    start = int(np.argmax(lengths))
    rings = {start: _ring(track.outlines[start], count * _CANDIDATES_PER_SAMPLE)}
    places = {start: _first_places(rings[start], count)}
    for order in (range(start + 1, len(lengths)), range(start - 1, -1, -1)):
        velocity = np.zeros(2)
        before = start
        for index in order:
            ring = _ring(track.outlines[index], count * _CANDIDATES_PER_SAMPLE)
            found = _step(rings[before], places[before], ring, velocity)
            left = abs(index - order[-1]) + 1
            if len(places) >= _SHORTEST_PIECE <= left and not _coheres(found):
                break
            rings[index], places[index] = ring, found
            velocity = np.median(ring.points[found] - rings[before].points[places[before]], axis=0)
            before = index
    low, stop = min(places), max(places) + 1
    whole = [rings[index] for index in range(low, stop)], [places[index] for index in range(low, stop)]
    return low, stop, _assemble(track.part(low, stop), *whole, size)


def _coheres(places: NDArray[np.int64]) -> bool:
    """Say whether samples still lie about as evenly on the outline as they began."""
    candidates = len(places) * _CANDIDATES_PER_SAMPLE
    steps = ((np.roll(places, -1) - places) % candidates) / _CANDIDATES_PER_SAMPLE
    stretched = float(steps[steps > _STRETCHED].sum()) / len(places)
    shrunk = float(np.mean(steps < _SHRUNK))
    return max(stretched, shrunk) < _INCOHERENT_SHARE


def _assemble(track: Track, rings: list[_Ring], places: list[NDArray[np.int64]], size: tuple[int, int]) -> Matched:
    near = [_near_peaks(ring, at) for ring, at in zip(rings, places, strict=True)]
    spacing = float(np.mean([ring.spacing for ring in rings])) * _CANDIDATES_PER_SAMPLE
    shown = visible(np.stack([ring.points[at] for ring, at in zip(rings, places, strict=True)]), *size)
    corners = _corners(np.stack([turning for turning, _ in near]), np.stack([peaks for _, peaks in near]), shown)
    places = [
        _onto(at, corners, peaks, len(ring.points)) for ring, at, (_, peaks) in zip(rings, places, near, strict=True)
    ]
    points = np.stack([ring.points[at] for ring, at in zip(rings, places, strict=True)])
    tangents = np.stack([ring.tangents[at] for ring, at in zip(rings, places, strict=True)])
    for corner in corners:
        for frame, (ring, at) in enumerate(zip(rings, places, strict=True)):
            points[frame, corner] = _apex(ring, int(at[corner]))
    return Matched(np.array(track.frames), points, tangents, visible(points, *size), corners, spacing)


def _near_peaks(ring: _Ring, places: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Return for each sample the turning at the sharpest corner near it, 0 for none, and that corner's place.

    A match hits a corner to a sample or so, and not the same way on every frame. Nearer corners count a little more.
    """
    peaks = _peaks(ring)
    offsets = np.arange(-_CORNER_DRIFT, _CORNER_DRIFT + 1)
    around = (places[:, None] + offsets) % len(ring.points)
    found = peaks[around] * (1 - 0.3 * np.abs(offsets) / _CORNER_DRIFT)
    best = np.abs(found).argmax(axis=1)
    own = np.arange(len(places))
    return found[own, best], around[own, best]


def _onto(
    places: NDArray[np.int64], corners: NDArray[np.int64], peaks: NDArray[np.int64], candidates: int
) -> NDArray[np.int64]:
    """Return places with the corners' samples on their corners, and those that this passes over pushed along."""
    moved = places.copy()
    count = len(places)
    moved[corners] = peaks[corners]
    for corner in corners:
        for side in (-1, 1):
            for step in range(1, _CORNER_DRIFT):
                here, there = (corner + side * (step - 1)) % count, (corner + side * step) % count
                gap = side * (moved[there] - moved[here])
                if (gap + candidates // 2) % candidates - candidates // 2 >= 1:
                    break
                moved[there] = (moved[here] + side) % candidates
    return moved


def _length(points: Points) -> float:
    return float(np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1).sum())


def _ring(polyline: Points, count: int) -> _Ring:
    closed = np.vstack([polyline, polyline[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    places = np.linspace(0, along[-1], count, endpoint=False)
    points = np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], axis=1)
    spacing = float(along[-1]) / count
    smooth = gaussian_filter1d(points, max(1.5 / spacing, 0.3), axis=0, mode="wrap")
    run = np.roll(smooth, -1, axis=0) - np.roll(smooth, 1, axis=0)
    tangents = run / np.maximum(np.linalg.norm(run, axis=1, keepdims=True), 1e-9)
    reach = _steps(TURNING_REACH_PX, spacing, count)
    back, ahead = points - np.roll(points, reach, axis=0), np.roll(points, -reach, axis=0) - points
    turning = np.arctan2(_cross(back, ahead), np.sum(back * ahead, axis=1))
    return _Ring(points, tangents, turning, spacing)


def _steps(length_px: float, spacing: float, count: int) -> int:
    return int(np.clip(round(length_px / spacing), 1, count // 8))


def _cross(a: Floats, b: Floats) -> Floats:
    crossed: Floats = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return crossed


def _peaks(ring: _Ring) -> Floats:
    """Return the turning where it is the largest within reach and sharp enough for a corner, else 0."""
    reach = _steps(_CORNER_APART_PX / 2, ring.spacing, len(ring.points))
    sharp = np.abs(ring.turning)
    wrapped = np.concatenate([sharp[-reach:], sharp, sharp[:reach]])
    highest = sliding_window_view(wrapped, 2 * reach + 1).max(axis=1)
    return np.where((sharp >= highest) & (sharp >= _CORNER_TURNING), ring.turning, 0.0)


def _first_places(ring: _Ring, count: int) -> NDArray[np.int64]:
    """Spread samples evenly, and move the nearest one onto each corner."""
    places = np.arange(count) * _CANDIDATES_PER_SAMPLE
    for peak in np.flatnonzero(_peaks(ring)):
        places[round(peak / _CANDIDATES_PER_SAMPLE) % count] = peak
    return places


def _step(last: _Ring, places: NDArray[np.int64], ring: _Ring, velocity: Floats) -> NDArray[np.int64]:
    """Return the places of the samples on the next outline."""
    samples = _Ring(last.points[places], last.tangents[places], last.turning[places], last.spacing)
    moved, turned = _register(samples, ring, velocity)
    local = _match_costs(moved, turned, samples.turning, ring)
    anchor = int(np.argmin(local.min(axis=1) - np.abs(samples.turning)))
    first = _align(moved, ring, local, anchor, int(np.argmin(local[anchor])))
    opposite = (anchor + len(places) // 2) % len(places)
    found = _align(moved, ring, local, opposite, int(first[opposite]))
    corners = _peaks(last)[places]
    return _snap(found, corners, ring)


def _register(samples: _Ring, ring: _Ring, velocity: Floats) -> tuple[Points, Points]:
    """Return samples and tangents moved onto a ring by a robust point-to-line similarity, then affine."""
    tree = cKDTree(ring.points)
    middle = samples.points.mean(axis=0)
    scale = max(float(samples.points.std()), 1.0)
    base = (samples.points - middle) / scale
    matrix, shift = np.eye(2) * scale, middle + velocity
    predicted = base @ matrix.T + shift
    for number in range(_REGISTRATION_ROUNDS):
        moved = base @ matrix.T + shift
        tangents = _unit(samples.tangents @ (matrix / scale).T)
        _, near = tree.query(moved)
        agree = np.sum(tangents * ring.tangents[near], axis=1)
        normal = np.stack([ring.tangents[near, 1], -ring.tangents[near, 0]], axis=1)
        residual = np.sum(normal * (ring.points[near] - moved), axis=1)
        reach = max(2.0, 4 * float(np.median(np.abs(residual))))
        weight = np.clip(agree, 0, 1) / (1 + (residual / reach) ** 2) ** 2
        basis = _similarity_basis(base) if number < _REGISTRATION_ROUNDS // 2 else _affine_basis(base)
        change = _solve_motion(basis, normal, residual, weight, predicted - moved)
        matrix, shift = _moved_by(change, matrix, shift)
    return base @ matrix.T + shift, _unit(samples.tangents @ (matrix / scale).T)


def _similarity_basis(base: Points) -> Floats:
    x, y = base.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)], axis=1)


def _affine_basis(base: Points) -> Floats:
    x, y = base.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack(
        [np.stack([x, y, zero, zero, one, zero], axis=1), np.stack([zero, zero, x, y, zero, one], axis=1)], axis=1
    )


def _solve_motion(basis: Floats, normal: Points, residual: Floats, weight: Floats, pull: Points) -> Floats:
    rows = np.einsum("md,mdk->mk", normal, basis)
    left = (rows * weight[:, None]).T @ rows + _PULL_TO_PREDICTION * np.einsum("mdk,mdl->kl", basis, basis)
    right = rows.T @ (weight * residual) + _PULL_TO_PREDICTION * np.einsum("mdk,md->k", basis, pull)
    solved: Floats = np.linalg.solve(left, right)
    return solved


def _moved_by(change: Floats, matrix: Floats, shift: Floats) -> tuple[Floats, Floats]:
    if len(change) == 4:  # noqa: PLR2004 - the four numbers of a similarity
        a, b = change[:2]
        return matrix + np.array([[a, -b], [b, a]]), shift + change[2:]
    return matrix + change[:4].reshape(2, 2), shift + change[4:]


def _unit(vectors: Points) -> Points:
    units: Points = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return units


def _match_costs(moved: Points, tangents: Points, turning: Floats, ring: _Ring) -> Floats:
    """Return (M, N): what it costs to match each sample with each candidate, without its neighbours."""
    scale = ring.spacing * _CANDIDATES_PER_SAMPLE
    apart = (np.subtract.outer(moved[:, 0], ring.points[:, 0]) / scale) ** 2
    apart += (np.subtract.outer(moved[:, 1], ring.points[:, 1]) / scale) ** 2
    # Far matches cost as much as their distance, not its square: a limb may move further than the rest predicts.
    distance = np.where(apart > 1, 2 * np.sqrt(apart) - 1, apart)
    # No matrix product: threads of a linear algebra library cost more than they bring at these sizes.
    disagree = 1 - (np.outer(tangents[:, 0], ring.tangents[:, 0]) + np.outer(tangents[:, 1], ring.tangents[:, 1]))
    turn = (turning[:, None] - ring.turning[None]) ** 2
    costs: Floats = distance + _NORMAL_COST * disagree + _TURNING_COST * turn
    return costs


def _align(moved: Points, ring: _Ring, local: Floats, anchor: int, place: int) -> NDArray[np.int64]:
    """Return the cheapest order-preserving places of all samples when one sample has a given place."""
    count, candidates = local.shape
    half = max(int(_BAND * candidates), _LONGEST_STEP + 1)
    order = (np.arange(count + 1) + anchor) % count
    offsets = np.arange(-half, half + 1)
    # Column b of row i stands for the candidate i * _CANDIDATES_PER_SAMPLE + b - half, counted from the anchor's.
    columns = np.arange(count + 1)[:, None] * _CANDIDATES_PER_SAMPLE + offsets
    around = (columns + place) % candidates
    costs = local[order[:, None], around].astype(np.float32)
    costs[(columns < 0) | (columns > candidates)] = np.inf
    scale = ring.spacing * _CANDIDATES_PER_SAMPLE
    steps = (np.diff(moved[order], axis=0) / scale).astype(np.float32)
    reach = np.arange(_SHORTEST_STEP, _LONGEST_STEP + 1)
    places = np.arange(candidates)
    runs = ((ring.points[places] - ring.points[(places - reach[:, None]) % candidates]) / scale).astype(np.float32)
    runs = np.concatenate([runs, runs, runs], axis=1)
    squares = (runs**2).sum(axis=2)
    best = costs[0].copy()
    best[offsets != 0] = np.inf
    chosen = np.zeros((count + 1, len(offsets)), np.int8)
    padded = np.full(len(offsets) + _LONGEST_STEP + _CANDIDATES_PER_SAMPLE, np.inf, np.float32)
    windows = sliding_window_view(padded, len(reach))[_CANDIDATES_PER_SAMPLE:, ::-1]
    earlier = windows[: len(offsets)].T
    for i in range(1, count + 1):
        padded[_LONGEST_STEP : _LONGEST_STEP + len(offsets)] = best
        here = slice(int(around[i, 0]), int(around[i, 0]) + len(offsets))
        total = earlier + squares[:, here] - runs[:, here] @ (2 * steps[i - 1])
        chosen[i] = total.argmin(axis=0)
        best = total.min(axis=0) + costs[i]
    return _walk_back(chosen + np.int8(_SHORTEST_STEP), anchor, place, candidates)


def _walk_back(chosen: NDArray[np.int8], anchor: int, place: int, candidates: int) -> NDArray[np.int64]:
    count, middle = chosen.shape[0] - 1, chosen.shape[1] // 2
    found = np.empty(count, np.int64)
    column = middle + candidates - count * _CANDIDATES_PER_SAMPLE
    for i in range(count, 0, -1):
        column += _CANDIDATES_PER_SAMPLE - int(chosen[i, column])
        found[(i - 1 + anchor) % count] = ((i - 1) * _CANDIDATES_PER_SAMPLE + column - middle + place) % candidates
    return found


def _snap(places: NDArray[np.int64], corners: Floats, ring: _Ring) -> NDArray[np.int64]:
    """Move samples that sat on a corner to the corner nearby, else they creep along straight edges."""
    candidates = len(ring.points)
    reach = _steps(TURNING_REACH_PX, ring.spacing, candidates)
    peaks = _peaks(ring)
    count = len(places)
    for sample in np.flatnonzero(corners):
        before = (places[sample] - places[(sample - 1) % count]) % candidates
        after = (places[(sample + 1) % count] - places[sample]) % candidates
        around = (places[sample] + np.arange(-min(reach, before - 1), min(reach, after - 1) + 1)) % candidates
        same = np.where(peaks[around] * corners[sample] > 0, np.abs(peaks[around]), 0)
        if same.size and same.max() > 0:
            places[sample] = around[int(np.argmax(same))]
    return places


def _corners(turning: Floats, peaks: NDArray[np.int64], shown: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the samples that are corners on most of the frames that show them; a corner belongs to one sample."""
    seen = np.maximum(shown.sum(axis=0), 1)
    often = shown.sum(axis=0) >= max(1, 0.3 * len(shown))
    left = turning.copy()
    kept: list[int] = []
    while True:
        share = np.where(often, ((left != 0) & shown).sum(axis=0) / seen, 0)
        strength = np.where(share >= _CORNER_SHARE, share * np.abs(left).mean(axis=0), 0)
        if not strength.any():
            return np.array(sorted(kept), np.int64)
        best = int(np.argmax(strength))
        kept.append(best)
        left[peaks == peaks[:, best, None]] = 0


def _apex(ring: _Ring, place: int) -> Points:
    """Return where the lines on both sides of a corner meet; antialiasing rounds the outline itself by 0.3 px."""
    count = len(ring.points)
    own: Points = ring.points[place]
    steps = np.arange(_steps(_APEX_FROM_PX, ring.spacing, count), _steps(_APEX_TO_PX, ring.spacing, count) + 1)
    if len(steps) < 3:  # noqa: PLR2004 - two points are too few for a line that antialiasing bends
        return own
    lines = [_line(ring.points[(place + side * steps) % count]) for side in (-1, 1)]
    (first, run), (second, other) = lines
    across = float(_cross(run, other))
    if abs(across) < 0.2:  # noqa: PLR2004 - lines nearly parallel meet anywhere
        return own
    apex: Points = first + run * float(_cross(second - first, other)) / across
    if np.linalg.norm(apex - own) > _APEX_MOVES_PX:
        return own
    return apex


def _line(points: Points) -> tuple[Points, Points]:
    middle = points.mean(axis=0)
    _, _, directions = np.linalg.svd(points - middle)
    return middle, directions[0]
