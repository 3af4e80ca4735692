"""Tracing every frame on its own, to have something to compare with: potrace, and Schneider's curve fitting.

P. J. Schneider, An algorithm for automatically fitting digitized curves, Graphics Gems, 1990: least squares for the two
handle lengths of a cubic, Newton steps for the parameters, and a split where the worst point lies.
P. Selinger, Potrace: a polygon-based tracing algorithm, 2003: by the package potracer, which is GPL; only this
benchmark loads it, and only where it is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

import contourpy
import numpy as np
from shape_clips import Array, Clip, Matte
from shape_measures import Drawing, DrawnOutline, signed_area

CORNER_REACH_PX = 4
CORNER_COSINE = 0.82
"""Of about 35 degrees between the ways from and to places four pixels off."""
ROUNDS = 4
FEWEST_POINTS = 3

Tracer = Callable[[Matte, float], list[Array]]


def traced(clip: Clip, trace: Tracer) -> Drawing:
    """Return every frame traced on its own: each outline is a shape of one frame and one keyframe."""
    frames: dict[int, list[DrawnOutline]] = {}
    for frame in clip.frames:
        found = trace(clip.given(frame), clip.tolerance_px)
        areas = [signed_area(controls[:, :2]) for controls in found]
        outer = max(areas, key=abs, default=0.0)
        frames[frame] = sorted(
            (
                DrawnOutline(f"{frame}.{number}", controls, cuts=area * outer < 0)
                for number, (controls, area) in enumerate(zip(found, areas, strict=True))
            ),
            key=lambda outline: outline.cuts,
        )
    return Drawing(frames, {outline.name: (frame,) for frame, drawn in frames.items() for outline in drawn})


def has_potrace() -> bool:
    return importlib.util.find_spec("potrace") is not None


def potrace(matte: Matte, tolerance_px: float) -> list[Array]:  # noqa: ARG001 - potrace knows no tolerance
    """Return potrace's outlines of the pixels above one half, under its own defaults."""
    module = importlib.import_module("potrace")
    found = []
    # A bitmap of potracer is made of paper: what is false is traced.
    for path in module.Bitmap(matte <= 0.5).trace():
        spans, here = [], _place(path.start_point)
        for segment in path.segments:
            end = _place(segment.end_point)
            if segment.is_corner:
                middle = _place(segment.c)
                spans += [np.array([here, here, middle, middle]), np.array([middle, middle, end, end])]
            else:
                spans.append(np.array([here, _place(segment.c1), _place(segment.c2), end]))
            here = end
        found.append(joined(spans))
    return found


def _place(point: object) -> tuple[float, float]:
    return float(point.x), float(point.y)  # type: ignore[attr-defined] # potracer has no types


def joined(spans: list[Array]) -> Array:
    """Return the controls of cubics (4, 2) that follow each other and close."""
    rows = [
        np.concatenate([span[0], before[2] - span[0], span[1] - span[0]])
        for before, span in zip([spans[-1], *spans[:-1]], spans, strict=True)
    ]
    return np.array(rows)


def schneider(matte: Matte, tolerance_px: float) -> list[Array]:
    """Return the 0.5 lines as cubics that no sample lies further from than the tolerance."""
    found = []
    padded = np.pad(matte, 1, mode="edge").astype(float)
    padded[[0, -1]] = 0
    padded[:, [0, -1]] = 0
    for line in contourpy.contour_generator(z=padded).lines(0.5):
        ring = np.asarray(line)[:-1] - 0.5
        if len(ring) >= 4 * CORNER_REACH_PX:
            found.append(joined(_ring_spans(ring, tolerance_px)))
    return found


def _ring_spans(ring: Array, tolerance_px: float) -> list[Array]:
    back, ahead = ring - np.roll(ring, CORNER_REACH_PX, axis=0), np.roll(ring, -CORNER_REACH_PX, axis=0) - ring
    cosine = (_unit(back) * _unit(ahead)).sum(axis=1)
    window = np.min([np.roll(cosine, shift) for shift in range(-CORNER_REACH_PX, CORNER_REACH_PX + 1)], axis=0)
    cuts = np.flatnonzero((cosine < CORNER_COSINE) & (cosine == window)).tolist()
    if not cuts:
        cuts = [0, len(ring) // 2]
    spans: list[Array] = []
    for first, last in zip(cuts, [*cuts[1:], cuts[0] + len(ring)], strict=True):
        points = ring[np.arange(first, last + 1) % len(ring)]
        spans += _fit(points, _unit(points[min(3, len(points) - 1)] - points[0]), _end_way(points), tolerance_px)
    return spans


def _end_way(points: Array) -> Array:
    return _unit(points[-min(4, len(points))] - points[-1])


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _fit(points: Array, leave: Array, arrive: Array, tolerance_px: float) -> list[Array]:
    chord = float(np.linalg.norm(points[-1] - points[0]))
    if len(points) <= FEWEST_POINTS:
        return [np.array([points[0], points[0] + leave * chord / 3, points[-1] + arrive * chord / 3, points[-1]])]
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    shares = along / along[-1]
    for _ in range(ROUNDS):
        cubic = _solved(points, shares, leave, arrive)
        apart = np.linalg.norm(_at(cubic, shares) - points, axis=1)
        if apart.max() <= tolerance_px:
            return [cubic]
        shares = _stepped(cubic, points, shares)
    split = int(np.clip(apart.argmax(), 1, len(points) - 2))
    way = _unit(points[max(split - 2, 0)] - points[min(split + 2, len(points) - 1)])
    return _fit(points[: split + 1], leave, way, tolerance_px) + _fit(points[split:], -way, arrive, tolerance_px)


def _weights(shares: Array) -> Array:
    s, r = shares, 1 - shares
    return np.stack([r**3, 3 * r**2 * s, 3 * r * s**2, s**3], axis=1)


def _at(cubic: Array, shares: Array) -> Array:
    places: Array = _weights(shares) @ cubic
    return places


def _solved(points: Array, shares: Array, leave: Array, arrive: Array) -> Array:
    """Return the cubic with the least squared distance; a third of the chord where the lengths make no sense."""
    weights = _weights(shares)
    ends = np.array([points[0], points[0], points[-1], points[-1]])
    columns = np.stack([(weights[:, 1:2] * leave).ravel(), (weights[:, 2:3] * arrive).ravel()], axis=1)
    lengths = np.linalg.lstsq(columns, (points - weights @ ends).ravel())[0]
    chord = float(np.linalg.norm(points[-1] - points[0]))
    if lengths.min() < 1e-3 * chord or lengths.max() > 3 * chord:
        lengths = np.full(2, chord / 3)
    return np.array([points[0], points[0] + leave * lengths[0], points[-1] + arrive * lengths[1], points[-1]])


def _stepped(cubic: Array, points: Array, shares: Array) -> Array:
    """Take one Newton step of every parameter towards the foot of its point."""
    first = 3 * np.diff(cubic, axis=0)
    second = 2 * np.diff(first, axis=0)
    s, r = shares[:, None], 1 - shares[:, None]
    slope = r**2 * first[0] + 2 * r * s * first[1] + s**2 * first[2]
    bend = r * second[0] + s * second[1]
    offset = _at(cubic, shares) - points
    below = (slope**2 + offset * bend).sum(axis=1)
    step = (offset * slope).sum(axis=1) / np.where(np.abs(below) < 1e-9, np.inf, below)
    stepped: Array = np.clip(shares - step, 0, 1)
    return stepped


TRACERS: dict[str, Tracer] = {"potrace": potrace, "schneider": schneider}
