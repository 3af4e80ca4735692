"""How good animated shapes are, in numbers an artist and a supervisor can act on.

Everything is measured on the shapes as they are drawn against outlines traced anew from the mattes: nothing comes from
the fitter. Distances are plate pixels. Only what lies inside the plate counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from roto_daemon.fitting.attention import (
    DRAWN_THROUGH,
    LookFirst,
    Reason,
    ranked,
    reasons_of_crossings,
    reasons_of_distance,
)
from roto_daemon.fitting.measure import boundary_error, drawn_outlines, self_crossings
from roto_daemon.fitting.offset import EdgeOffset
from roto_daemon.fitting.outline import Outline, Points, evenly, shoelace_area, trace_outlines, visible
from roto_daemon.fitting.raster import bezier_polyline, coverage, shape_controls
from roto_daemon.fitting.ring import rightwards
from roto_shapes.shape import Roto, Shape

SMOOTH_TURN, CORNER_TURN = 2.0, 20.0
"""Degrees: a point turns less and is smooth, or more and is a corner; between them it is a kink nobody drew."""

CLOSEST_PX = 3.0
"""Points nearer than this are hard to pick apart."""

_SPACING_PX = 0.5
_FARTHEST_STEP_PX = 32.0
"""A nearest point further off than this on the next frame is not the same edge any more."""

_FLICKER_FACTOR = 3.0
"""Masks whose edge jumps this many times their usual amount on one frame ask for a look."""

_MARGIN_PX = 4
_SPECK_PX2, _SPECK_SHARE = 24.0, 0.002
"""Outlines of less area, or of less than this share of the frame's largest, are dust that no artist draws."""


@dataclass(frozen=True)
class FrameQuality:
    """One frame; distances are None where only one of shapes and masks has an edge."""

    frame: int
    mean_px: float | None
    percentile95_px: float | None
    max_px: float | None
    bias_px: float
    """Drawn area less the masks' area, by the length of the masks' edge: positive is too fat."""
    overlap: float
    """Intersection over union of the coverage that shapes and masks' outlines draw."""
    flicker_px: float
    """How far the drawn edge jumps against the frames before and after; contains true acceleration."""
    mask_flicker_px: float
    """The same of the masks' own edge."""
    outlines: int
    """Outlines of the masks, holes included."""
    drawn: int
    """Shapes drawn."""
    crossings: int
    """Places where a shape crosses itself."""


@dataclass(frozen=True)
class ShapeQuality:
    """One shape over its lifetime."""

    name: str
    first: int
    last: int
    invert: bool
    points: int
    keyframes: tuple[int, ...]
    control_jitter_px: float
    """RMS second time difference of the control points, by the root of 12: what shaking points would give."""
    slide_px: float
    """RMS wander of the points along the edge against all points' common travel. An estimate: no truth is known."""
    kinks: int
    """Points of keyframes that are neither smooth nor corners."""
    too_close: int
    """Pairs of neighbouring points nearer than 3 px, counted on keyframes."""
    long_handles: int
    """Tangents longer than the chord of their segment, counted on keyframes."""
    flips: int
    """Frames on which the outline runs against its sense on the first."""


@dataclass(frozen=True)
class Quality:
    """All numbers of one result."""

    tolerance_px: float
    frames: tuple[FrameQuality, ...]
    shapes: tuple[ShapeQuality, ...]
    look_first: tuple[LookFirst, ...]
    doubtful_frames: tuple[int, ...] = ()
    """Frames whose masks the fit drew through."""

    def mean(self, name: str) -> float | None:
        """Return the mean over frames of a number of theirs; None where no frame has it."""
        numbers = [getattr(frame, name) for frame in self.frames]
        known = [number for number in numbers if number is not None]
        return float(np.mean(known)) if known else None

    def largest(self, name: str) -> float | None:
        """Return the largest over frames of a number of theirs; None where no frame has it."""
        return max((n for n in (getattr(frame, name) for frame in self.frames) if n is not None), default=None)

    def rms(self, name: str) -> float:
        """Return the root of the mean square over frames of a number of theirs."""
        return _rms(np.array([getattr(frame, name) for frame in self.frames]))


@dataclass(frozen=True)
class _Edges:
    """What is compared on one frame."""

    frame: int
    drawn: list[Points]
    edges: list[Points]
    """What shows of `drawn`: shapes that overlap hide edges of each other."""
    reference: list[Outline]

    @property
    def lines(self) -> list[Points]:
        return [one.points for one in self.reference]


def measure_quality(
    roto: Roto,
    mattes: Iterable[tuple[int, NDArray[np.float32]]],
    tolerance_px: float,
    threshold: float = 0.5,
    offset_px: float = 0.0,
    known: Mapping[int, list[Reason]] | None = None,
) -> Quality:
    """Measure shapes against the (frame, matte) pairs they were fitted to, in rising frame order.

    Mattes are let go one by one; the outlines of three frames are held. `threshold` and `offset_px` are those of the
    fit: the masks' edge is moved in the same way; `known` is what else asks for a look at frames.
    """
    size = (roto.plate.width, roto.plate.height)
    window: list[_Edges] = []
    frames: list[FrameQuality] = []
    for frame, matte in mattes:
        drawn = [line for _, line in drawn_shapes(roto, frame)]
        window = [
            *window,
            _Edges(frame, drawn, drawn_outlines(roto, frame), outlines_to_match(matte, size, threshold, offset_px)),
        ][-3:]
        if len(window) > 1:
            frames.append(_frame(window[-2], window, roto, size))
    if window:
        frames.append(_frame(window[-1], window[-1:], roto, size))
    doubtful = tuple(sorted(frame for frame, why in (known or {}).items() if DRAWN_THROUGH in why))
    shapes = tuple(_shape(shape) for shape in roto.shapes)
    return Quality(tolerance_px, tuple(frames), shapes, _look_first(frames, tolerance_px, known or {}), doubtful)


def drawn_shapes(roto: Roto, frame: int) -> list[tuple[Shape, Points]]:
    """Return the shapes that live on a frame with their outlines as polylines, in paint order."""
    return [(shape, bezier_polyline(shape_controls(shape, frame))) for shape in roto.shapes if frame in shape.lifetime]


def outlines_to_match(
    matte: NDArray[np.float32], size: tuple[int, int], threshold: float = 0.5, offset_px: float = 0.0
) -> list[Outline]:
    """Return the edge that shapes are measured against on a frame: a matte's outlines, moved, without dust."""
    outlines = EdgeOffset(offset_px, *size).moved(trace_outlines(matte, threshold))
    least = max([_SPECK_PX2, *(_SPECK_SHARE * one.area for one in outlines[:1])])
    return [one for one in outlines if one.area >= least]


def _frame(edges: _Edges, window: Sequence[_Edges], roto: Roto, size: tuple[int, int]) -> FrameQuality:
    measured = boundary_error(edges.edges, edges.lines, size)
    known = measured is not None and math.isfinite(measured.max_px)
    bias, overlap = _areas(edges, roto, size)
    before, after = _neighbours(edges, window)
    return FrameQuality(
        edges.frame,
        measured.mean_px if measured is not None and known else None,
        measured.percentile95_px if measured is not None and known else None,
        measured.max_px if measured is not None and known else None,
        bias,
        overlap,
        _flicker(edges.edges, before.edges, after.edges, size) if before and after else 0.0,
        _flicker(edges.lines, before.lines, after.lines, size) if before and after else 0.0,
        len(edges.reference),
        len(edges.drawn),
        sum(self_crossings(line) for line in edges.drawn),
    )


def _neighbours(edges: _Edges, window: Sequence[_Edges]) -> tuple[_Edges | None, _Edges | None]:
    """Return the frames at both sides, when all three follow one another."""
    if len(window) < 3 or window[0].frame + 1 != edges.frame or window[2].frame - 1 != edges.frame:  # noqa: PLR2004
        return None, None
    return window[0], window[2]


def _areas(edges: _Edges, roto: Roto, size: tuple[int, int]) -> tuple[float, float]:
    """Return bias in px and overlap, by the exact coverage of both edges' pixels."""
    lines = [*edges.drawn, *edges.lines]
    if not lines:
        return 0.0, 1.0
    whole = np.vstack(lines)
    low = np.maximum(np.floor(whole.min(axis=0)).astype(int) - _MARGIN_PX, 0)
    high = np.minimum(np.ceil(whole.max(axis=0)).astype(int) + _MARGIN_PX, size)
    if (high <= low).any():
        return 0.0, 1.0
    cuts = [shape.invert for shape in roto.shapes if edges.frame in shape.lifetime]
    drawn = _painted(edges.drawn, cuts, low, high)
    masks = _painted(edges.lines, [one.hole for one in edges.reference], low, high)
    length = sum(float(np.linalg.norm(np.roll(line, -1, axis=0) - line, axis=1).sum()) for line in edges.lines)
    union = float(np.maximum(drawn, masks).sum())
    overlap = float(np.minimum(drawn, masks).sum()) / union if union else 1.0
    return float(drawn.sum() - masks.sum()) / max(length, 1.0), overlap


def _painted(
    lines: Sequence[Points], cuts: Sequence[bool], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.float64]:
    width, height = (int(n) for n in high - low)
    painted = np.zeros((height, width))
    for line, cut in zip(lines, cuts, strict=True):
        one = coverage(line - low, width, height).astype(float)
        painted = painted * (1 - one) if cut else painted + one - painted * one
    return painted


def edge_errors(line: Points, reference: Sequence[Points]) -> tuple[Points, NDArray[np.float64]]:
    """Return points every half pixel along an outline and each one's distance to a reference edge, to 0.1 px.

    Without a reference all distances are infinite.
    """
    points = evenly(line, _SPACING_PX, 8)
    if not reference:
        return points, np.full(len(points), np.inf)
    apart, _ = cKDTree(np.vstack([evenly(other, _SPACING_PX, 8) for other in reference])).query(points)
    return points, np.asarray(apart)


def _flicker(now: list[Points], before: list[Points], after: list[Points], size: tuple[int, int]) -> float:
    """Return how far an edge jumps between its neighbours in time, along its normals: RMS by the root of 6."""
    if not (now and before and after):
        return 0.0
    dense = [evenly(line, _SPACING_PX, 8) for line in now]
    points = np.vstack(dense)
    along = np.vstack([np.roll(line, -2, axis=0) - np.roll(line, 2, axis=0) for line in dense])
    normals = rightwards(along) / np.maximum(np.linalg.norm(along, axis=1), 1e-9)[:, None]
    jump = np.zeros(len(points))
    seen = visible(points, *size)
    for other in (before, after):
        candidates = np.vstack([evenly(line, _SPACING_PX, 8) for line in other])
        apart, near = cKDTree(candidates).query(points)
        jump += np.sum(normals * (candidates[near] - points), axis=1)
        seen &= (np.asarray(apart) < _FARTHEST_STEP_PX) & visible(candidates[near], *size)
    return _rms(jump[seen]) / math.sqrt(6)


def _rms(numbers: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(numbers**2))) if numbers.size else 0.0


def _shape(shape: Shape) -> ShapeQuality:
    keys = np.array([[point[:6] for point in key.points] for key in shape.keyframes], float)
    moving = np.stack([shape_controls(shape, frame) for frame in shape.lifetime])
    places = moving[..., :2]
    steps = places[:-2] - 2 * places[1:-1] + places[2:]
    chords = np.linalg.norm(np.roll(keys[..., :2], -1, axis=1) - keys[..., :2], axis=-1)
    out, in_ = np.linalg.norm(keys[..., 4:6], axis=-1), np.linalg.norm(np.roll(keys[..., 2:4], -1, axis=1), axis=-1)
    areas = np.array([shoelace_area(bezier_polyline(controls)) for controls in moving])
    turns = _turns(keys)
    return ShapeQuality(
        shape.name,
        shape.lifetime.first,
        shape.lifetime.last,
        shape.invert,
        shape.point_count,
        tuple(key.frame for key in shape.keyframes),
        _rms(np.linalg.norm(steps, axis=-1)) / math.sqrt(12) if len(places) > 2 else 0.0,  # noqa: PLR2004
        _slide(moving),
        int(np.count_nonzero((turns > SMOOTH_TURN) & (turns < CORNER_TURN))),
        int(np.count_nonzero(chords < CLOSEST_PX)),
        int(np.count_nonzero(out > chords * 1.001) + np.count_nonzero(in_ > chords * 1.001)),
        int(np.count_nonzero(areas * areas[0] < 0)),
    )


def _turns(keys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (K, N) degrees that the outline turns by at each point; a missing tangent looks along the chord."""
    places = keys[..., :2]
    arriving = np.where(_short(keys[..., 2:4]), places - np.roll(places, 1, axis=1), -keys[..., 2:4])
    leaving = np.where(_short(keys[..., 4:6]), np.roll(places, -1, axis=1) - places, keys[..., 4:6])
    cross = arriving[..., 0] * leaving[..., 1] - arriving[..., 1] * leaving[..., 0]
    turns: NDArray[np.float64] = np.degrees(np.abs(np.arctan2(cross, np.sum(arriving * leaving, axis=-1))))
    return turns


def _short(tangents: NDArray[np.float64]) -> NDArray[np.bool_]:
    short: NDArray[np.bool_] = np.linalg.norm(tangents, axis=-1, keepdims=True) < 1e-6  # noqa: PLR2004 - none at all
    return short


def _slide(moving: NDArray[np.float64]) -> float:
    """Return the points' wander along the edge, px: their places as shares of its length, less what all do together."""
    shares, lengths = [], []
    for controls in moving:
        line = bezier_polyline(controls)
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.roll(line, -1, axis=0) - line, axis=1))])
        _, near = cKDTree(line).query(controls[:, :2])
        shares.append(along[np.asarray(near)] / along[-1])
        lengths.append(along[-1])
    places = np.array(shares)
    places -= np.median(places - np.median(places, axis=0), axis=1)[:, None]
    wander = (places - np.median(places, axis=0)) * float(np.mean(lengths))
    return _rms(wander)


def _look_first(
    frames: Sequence[FrameQuality], tolerance_px: float, known: Mapping[int, list[Reason]]
) -> tuple[LookFirst, ...]:
    jumps = [frame.mask_flicker_px for frame in frames if frame.mask_flicker_px]
    usual = float(np.median(jumps)) if jumps else 0.0
    own = {frame.frame: _reasons(frame, tolerance_px, usual) for frame in frames}
    return ranked((frame, why + known.get(frame, [])) for frame, why in own.items())


def _reasons(frame: FrameQuality, tolerance_px: float, usual_flicker_px: float) -> list[Reason]:
    reasons: list[Reason] = []
    if frame.outlines and not frame.drawn:
        reasons.append((100.0, "nothing is drawn where the masks show an object"))
    if frame.drawn and not frame.outlines:
        reasons.append((100.0, "something is drawn where the masks are empty"))
    if frame.outlines and frame.drawn and frame.outlines != frame.drawn:
        reasons.append((1.0, f"the masks have {frame.outlines} outlines and {frame.drawn} shapes are drawn"))
    reasons += reasons_of_crossings(frame.crossings)
    reasons += reasons_of_distance(frame.max_px, frame.percentile95_px, tolerance_px)
    if usual_flicker_px and frame.mask_flicker_px > max(_FLICKER_FACTOR * usual_flicker_px, tolerance_px):
        reasons.append((1.0, f"the masks' own edge jumps by {frame.mask_flicker_px:.1f} px here"))
    return reasons
