"""Which point of an outline is which on every frame: the same samples, in the same order, on the whole track.

From the longest outline the samples travel forwards and backwards in time, frame by frame: each step registers the
last outline to the next one and then matches them sample by sample. Errors along the outline add up on the way, so
that samples are then matched again over strides of several frames, and every frame with the strides' ends at both
sides. Where a frame shows no outline for some samples, because a limb hides behind the body, they crowd together on
what it shows and spread again when the limb comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from roto_daemon.fitting.alignment import CANDIDATES_PER_SAMPLE, Expected, align, snap
from roto_daemon.fitting.corner_tracks import held_to_corners
from roto_daemon.fitting.corners import choose_corners, near_peaks, onto_corners
from roto_daemon.fitting.flow import Guidance, PlateFlow
from roto_daemon.fitting.outline import Points, visible
from roto_daemon.fitting.polyline import length
from roto_daemon.fitting.registration import carry_locally, register, turn_between, turned
from roto_daemon.fitting.ring import Ring, rightwards, trace_ring, unit
from roto_daemon.fitting.tracks import Track

Floats = NDArray[np.float64]
Motion = tuple[Floats, Points]
"""A (2, 2) turn about the middle of the samples, and a shift in px."""

_SAMPLE_SPACING_PX = 3.0
_FEWEST_SAMPLES = 32
_MOST_SAMPLES = 320
"""Bounds the work on long outlines; samples of a UHD outline stand further apart."""

_BAND, _NARROW_BAND = 0.12, 0.05
"""Share of the outline by which a sample may leave its place of the frame before, and of the first match."""

_WHOLE, _MOST_REST, _REST_SAMPLES = 2.0, 0.45, 4.0
"""Candidates further off than rounding explains say nothing; a rest keeps the order; samples that share it."""

_GUIDED_SHARE = 0.15
"""Mean trust in flow from which it says how the outline moves as a whole."""

_STRIDE = 8
"""Frames that the second match goes at once: errors along the outline add up so much more slowly."""

_SPARSE = 1.7
"""Samples this many times further apart than they began get others in between."""

_ROUNDED, _MOST_ROUNDED = 2.0, 4
"""How far from an apex antialiasing rounds the outline, in distances from it at the corner itself; at most so many
samples."""

_HIDDEN = 0.5
"""Samples that stand this much denser than the rest do not show; they say nothing about motion."""

_HIDDEN_WEIGHT = 0.05
"""What hidden samples still count, so that a frame of them alone has a motion."""


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
    enlarged: Floats | None = None
    """(T, M) how many px across the outline on the plate are one px of the samples; None: they lie on the plate."""

    @property
    def arcs(self) -> Floats:
        """Return (T, M) how much outline each sample stands for, 1 on average; 0 where samples fall together."""
        steps = np.linalg.norm(np.roll(self.points, -1, axis=1) - self.points, axis=-1)
        own = (steps + np.roll(steps, 1, axis=1)) / 2
        share: Floats = own / np.maximum(own.mean(axis=1, keepdims=True), 1e-9)
        return share

    def part(self, frames: NDArray[np.int64] | slice) -> Matched:
        """Return the samples on some of the frames, given as indices or as a range of them."""
        return replace(
            self,
            frames=self.frames[frames],
            points=self.points[frames],
            tangents=self.tangents[frames],
            visible=self.visible[frames],
            enlarged=None if self.enlarged is None else self.enlarged[frames],
        )

    @property
    def normals(self) -> Floats:
        """Return (T, M, 2) unit normals, to the outside of the outline."""
        return rightwards(self.tangents)


def match(track: Track, width: int, height: int, flow: PlateFlow | None = None) -> Matched:
    """Return the samples of a track on a plate of a size in pixels: one set of samples for all frames.

    `flow` says how the plate moves along the outlines; outlines alone do not show how a ball spins.
    """
    lengths = [length(points) for points in track.outlines]
    count = int(np.clip(max(lengths) / _SAMPLE_SPACING_PX, _FEWEST_SAMPLES, _MOST_SAMPLES))
    rings = [trace_ring(points, count * CANDIDATES_PER_SAMPLE) for points in track.outlines]
    start = int(np.argmax(lengths))
    chain = _Chain(rings, start, track.frames, flow)
    chain.follow()
    chain.correct()
    return _assemble(track, rings, _denser(held_to_corners(chain.places, rings), rings[0]), (width, height))


def match_curves(
    frames: list[int], curves: Floats, outlines: list[Points | None], corners: NDArray[np.int64], size: tuple[int, int]
) -> Matched:
    """Return where samples of a known shape lie on outlines: curves (T, M, 2), in order, and one outline a frame.

    Where there is no outline the samples stay on the curve and count as hidden.
    """
    candidates = curves.shape[1] * CANDIDATES_PER_SAMPLE
    points, tangents = curves.copy(), np.empty_like(curves)
    shown = np.zeros(curves.shape[:2], bool)
    spacings = []
    for frame, (curve, outline) in enumerate(zip(curves, outlines, strict=True)):
        known = trace_ring(curve, candidates)
        steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(steps)]) / known.spacing
        tangents[frame] = known.tangents_at(along)
        spacings.append(known.spacing * CANDIDATES_PER_SAMPLE)
        if outline is None:
            continue
        ring, samples = trace_ring(outline, candidates), known.some(along)
        moved = register(samples.points, samples.tangents, ring)
        guess = along + _pace(moved[0], along, ring)
        guess -= np.floor(guess[0] / candidates) * candidates
        sharp = np.zeros(len(along))
        sharp[corners] = samples.turning[corners]
        found = snap(align(Expected(*moved, samples.turning, guess, _BAND), ring), sharp, ring).astype(float)
        points[frame], tangents[frame] = ring.at(found), ring.tangents_at(found)
        for corner in corners:
            points[frame, corner] = ring.apex(round(found[corner]) % candidates)
        shown[frame] = visible(points[frame], *size)
    return Matched(np.array(frames), points, tangents, shown, corners, float(np.mean(spacings)))


class _Chain:
    """Places (T, M) of the samples on the rings of all frames, as they become known; rising, past the end of a ring."""

    def __init__(self, rings: list[Ring], start: int, frames: list[int], flow: PlateFlow | None) -> None:
        self.rings = rings
        self.start = start
        self._frames = frames
        self._flow = flow
        self.candidates = len(rings[start].points)
        self.places = np.zeros((len(rings), self.candidates // CANDIDATES_PER_SAMPLE))
        self.places[start] = _first_places(rings[start], self.places.shape[1])

    def follow(self) -> None:
        """Match frame by frame, from the start both ways, each with the motion of the one before."""
        for order in (range(self.start, len(self.rings)), range(self.start, -1, -1)):
            motion = np.eye(2), np.zeros(2)
            for last, index in pairwise(order):
                samples = self._samples(last)
                guidance = self._guidance(last, index, samples)
                if guidance:
                    motion = _motion(samples.points, guidance.points, guidance.confidence, motion)
                middle = samples.points.mean(axis=0)
                start = (samples.points - middle) @ motion[0].T + middle + motion[1]
                moved = register(start, samples.tangents @ motion[0].T, self.rings[index])
                if guidance:
                    moved = _along(moved, guidance), moved[1]
                guess = self.places[last] + _pace(moved[0], self.places[last], self.rings[index])
                self._match(index, last, moved, guess, _BAND)
                found, weight = self._samples(index).points, self._shown(last) * self._shown(index)
                motion = turn_between(samples.points, found, weight), np.median(found - samples.points, axis=0)

    def _guidance(self, last: int, index: int, samples: Ring) -> Guidance | None:
        if self._flow is None:
            return None
        frames = self._frames[last], self._frames[index]
        return self._flow.follow(frames, samples, (self.rings[last], self.rings[index]))

    def correct(self) -> None:
        """Match over strides, and the frames in between with the strides' ends."""
        first = self.places.copy()
        for order in (range(self.start, len(self.rings)), range(self.start, -1, -1)):
            strides = sorted({*order[::_STRIDE], order[-1]}, key=order.index)
            for last, index in pairwise(strides):
                guess, moved = self._carried(first, last, index)
                self._match(index, last, register(*moved, self.rings[index]), guess, _NARROW_BAND)
                self._correct_between(first, last, index)

    def _correct_between(self, first: Floats, begin: int, end: int) -> None:
        for index in range(min(begin, end) + 1, max(begin, end)):
            share = (index - begin) / (end - begin)
            (near, (points, tangents)), (_, (others, directions)) = (
                self._carried(first, stride, index) for stride in (begin, end)
            )
            moved = (1 - share) * points + share * others, unit((1 - share) * tangents + share * directions)
            self._match(index, begin, moved, near, _NARROW_BAND)

    def _carried(self, first: Floats, last: int, index: int) -> tuple[Floats, tuple[Points, Points]]:
        """Return the places on a frame of another one's samples by the first match, and samples moved near them."""
        guess = _interpolated(self.places[last], first[last], first[index], self.candidates)
        samples, there = self._samples(last), self.rings[index].at(guess)
        weight = self._shown(last) * _shown(guess, self.candidates)
        points, turn = carry_locally(samples.points, there, weight)
        return guess, (points, turned(samples.tangents, turn))

    def _match(self, index: int, last: int, moved: tuple[Points, Points], guess: Floats, band: float) -> None:
        ring, earlier = self.rings[index], self._samples(last)
        found = align(Expected(*moved, earlier.turning, guess, band, band == _NARROW_BAND), ring)
        corners = self.rings[last].peaks[np.round(self.places[last]).astype(np.int64) % self.candidates]
        found = snap(found, corners, ring)
        rising = found[0] + (found - found[0]) % self.candidates
        self.places[index] = rising + _rest(rising, moved[0], ring)

    def _samples(self, frame: int) -> Ring:
        return self.rings[frame].some(self.places[frame])

    def _shown(self, frame: int) -> Floats:
        return _shown(self.places[frame], self.candidates)


def _rest(places: Floats, points: Points, ring: Ring) -> Floats:
    """Return by how much places, whole ones, miss samples along the edge: what neighbours share, less than one."""
    missed = np.sum((points - ring.at(places)) * ring.tangents_at(places), axis=1) / ring.spacing
    within = np.clip(missed, -_WHOLE, _WHOLE)
    shared = gaussian_filter1d(within, _REST_SAMPLES, mode="wrap")
    return np.clip(shared, -_MOST_REST, _MOST_REST)


def _motion(start: Points, end: Points, weight: Floats, otherwise: Motion) -> Motion:
    """Return the turn and shift that flow sees as a whole, or what is thought otherwise where it sees too little."""
    if weight.sum() < _GUIDED_SHARE * len(weight):
        return otherwise
    shift: Points = weight @ (end - start) / weight.sum()
    turn = turn_between(start, end, weight)
    middle = start.mean(axis=0)
    centre = weight @ start / weight.sum()
    # The turn is about the middle of what flow sees, which need not be that of all samples.
    return turn, shift + (middle - centre) @ turn.T - (middle - centre)


def _along(moved: tuple[Points, Points], guidance: Guidance) -> Points:
    """Return moved samples slid along the edge to where flow sees them, as far as it can be trusted."""
    points, tangents = moved
    slide = np.sum((guidance.points - points) * tangents, axis=1) * guidance.confidence
    slid: Points = points + slide[:, None] * tangents
    return slid


def _pace(points: Points, places: Floats, ring: Ring) -> float:
    """Return by how much places on the last ring lie off those on this one: outlines begin anywhere."""
    candidates = len(ring.points)
    _, near = cKDTree(ring.points).query(points)
    around = np.exp(2j * np.pi * (near - places) / candidates)
    mean = np.angle(around.mean())
    spread = np.angle(around * np.exp(-1j * mean))
    return float(mean + np.median(spread)) / (2 * np.pi) * candidates


def _shown(places: Floats, candidates: int) -> Floats:
    """Return 1 for samples that the outline shows and next to 0 for those that crowd together."""
    steps = np.diff(places, append=places[0] + candidates) / CANDIDATES_PER_SAMPLE
    own = (steps + np.roll(steps, 1)) / 2
    return np.where(own < _HIDDEN, _HIDDEN_WEIGHT, 1.0)


def _interpolated(places: Floats, known: Floats, there: Floats, candidates: int) -> Floats:
    """Return where `places` of one ring lie on another, when `known` ones, rising, lie `there`."""
    rounds = np.array([-1, 0, 1, 2])[:, None] * candidates
    x, y = (known + rounds).ravel(), (there + rounds).ravel()
    mapped: Floats = np.interp(places, x, y)
    return mapped


def _denser(places: Floats, ring: Ring) -> Floats:
    """Return places with samples more between those that lie far apart on some frame: a limb that came out.

    They keep their shares of the outline between the two on every frame.
    """
    candidates = len(ring.points)
    steps = np.diff(places, axis=1, append=places[:, :1] + candidates)
    pieces = np.ceil(steps.max(axis=0) / (_SPARSE * CANDIDATES_PER_SAMPLE)).astype(np.int64)
    sample = np.repeat(np.arange(places.shape[1]), pieces)
    share = (np.arange(len(sample)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[sample]
    denser: Floats = places[:, sample] + share * steps[:, sample]
    return denser


def _first_places(ring: Ring, count: int) -> Floats:
    """Spread samples evenly, and move the nearest one onto each corner."""
    places = np.arange(count) * CANDIDATES_PER_SAMPLE
    for peak in np.flatnonzero(ring.peaks):
        places[round(peak / CANDIDATES_PER_SAMPLE) % count] = peak
    return np.sort(places).astype(float)


def _sharpen(points: Points, tangents: Points, corner: int, apex: Points) -> None:
    """Put a corner's sample on its apex, and those that antialiasing rounds beside it on the straight way there."""
    rounded = _ROUNDED * float(np.linalg.norm(apex - points[corner]))
    points[corner] = apex
    for side in (-1, 1):
        near: list[int] = []
        number = (corner + side) % len(points)
        while len(near) < _MOST_ROUNDED and np.linalg.norm(points[number] - apex) < rounded:
            near.append(number)
            number = (number + side) % len(points)
        share = (np.arange(1, len(near) + 1) / (len(near) + 1))[:, None]
        points[near] = (1 - share) * apex + share * points[number]
        tangents[near] = unit(side * (points[number] - apex))


def _assemble(track: Track, rings: list[Ring], places: Floats, size: tuple[int, int]) -> Matched:
    near = [near_peaks(ring, at) for ring, at in zip(rings, places, strict=True)]
    shown = visible(np.stack([ring.at(at) for ring, at in zip(rings, places, strict=True)]), *size)
    candidates = len(rings[0].points)
    spacing = float(np.mean([ring.spacing for ring in rings])) * candidates / places.shape[1]
    turning, peaks = (np.stack(each) for each in zip(*near, strict=True))
    corners = choose_corners(turning, peaks, shown, spacing)
    onto = [onto_corners(at, corners, own, candidates) for at, own in zip(places, peaks, strict=True)]
    points = np.stack([ring.at(at) for ring, at in zip(rings, onto, strict=True)])
    tangents = np.stack([ring.tangents_at(at) for ring, at in zip(rings, onto, strict=True)])
    for frame, (ring, at) in enumerate(zip(rings, onto, strict=True)):
        for corner in corners:
            _sharpen(points[frame], tangents[frame], int(corner), ring.apex(round(at[corner]) % candidates))
    return Matched(np.array(track.frames), points, tangents, visible(points, *size), corners, spacing)
