"""Edit and re-fit: keyframes of a shape fitted anew to its mattes between others that stay as the artist left them.

Which place of the shape an outline sample belongs to is known from the shape as it stands, so that control points
keep their number, their order and their spot on the object. Keyframes may be added where the bound is missed and
dropped where nothing needs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import FitError
from roto_daemon.fitting.correspondence import Floats, match_curves
from roto_daemon.fitting.curve import Knots, bernstein
from roto_daemon.fitting.mixing import KeyRule, Mixing
from roto_daemon.fitting.outline import Points, shoelace_area
from roto_daemon.fitting.raster import shape_polyline
from roto_daemon.fitting.solve import JointFit
from roto_daemon.fitting.track_fit import refit_samples
from roto_daemon.fitting.tracks import Track, overlap_in_place
from roto_shapes.curve import evaluate
from roto_shapes.shape import ControlPoint, Shape, ShapeKeyframe

_SPACING_PX = 3.0
_FEWEST_A_SEGMENT = 4
_MOST_SAMPLES = 320
"""Bounds the work on long outlines."""

_SAME_OVERLAP = 0.3
"""Least intersection over union for an outline to be the edge that a shape draws."""

_BROKEN = np.radians(10.0)
"""A control point whose tangents turn by more than this on most keyframes is a corner, flagged or not."""

_SHORT_PX = 0.5
"""Tangents shorter than this have no direction worth keeping."""


@dataclass(frozen=True)
class Refitted:
    """A shape after a re-fit, and the bound in px that holds where something was fitted; 0 where nothing was."""

    shape: Shape
    tolerance_px: float
    noise_px: float


def outlines_of_shapes(shapes: Sequence[Shape], tracks: Iterable[Track]) -> list[dict[int, Points]]:
    """Return for each shape the outline that it draws, by frame where one shows; the best overlap wins."""
    found: list[dict[int, Points]] = [{} for _ in shapes]
    by_frame: dict[int, list[tuple[bool, Points]]] = {}
    for track in tracks:
        for frame, points in zip(track.frames, track.outlines, strict=True):
            by_frame.setdefault(frame, []).append((track.hole, points))
    for frame, outlines in by_frame.items():
        drawn = [shape_polyline(shape, frame) if frame in shape.lifetime else None for shape in shapes]
        score = np.array(
            [
                [
                    overlap_in_place(line, points) if line is not None and hole is shape.invert else 0.0
                    for hole, points in outlines
                ]
                for shape, line in zip(shapes, drawn, strict=True)
            ]
        )
        while score.size and score.max() >= _SAME_OVERLAP:
            shape_number, number = (int(i) for i in np.unravel_index(np.argmax(score), score.shape))
            found[shape_number][frame] = outlines[number][1]
            score[shape_number, :] = 0
            score[:, number] = 0
    return found


def refit_shape(
    shape: Shape, outlines: dict[int, Points], size: tuple[int, int], tolerance_px: float, edited: frozenset[int]
) -> Refitted:
    """Return a shape whose keyframes follow its outlines, by frame, except those that must stay.

    Locked keyframes stay, edited ones too, and so do those on frames without an outline. With edited frames all
    outside the spans round them stay that the next locked keyframes bound. `size` is the plate's width and height.
    Raises FitError for an open shape and for one on a layer.
    """
    if not shape.closed:
        raise FitError(f"shape '{shape.name}' is open: only closed shapes can be fitted to mattes")
    if shape.layer is not None:
        raise FitError(f"shape '{shape.name}' lies on a layer: bake the layer before fitting the shape anew")
    free = _free_keyframes(shape, outlines, edited)
    wanted = _frames_to_fit(shape, outlines, edited)
    if not wanted:
        return Refitted(shape, 0.0, 0.0)
    keys = [key for key in shape.keyframes if wanted[0] <= key.frame <= wanted[-1]]
    index = {frame: number for number, frame in enumerate(wanted)}
    held = {index[key.frame]: _controls(key) for key in keys if key.frame not in free}
    rule = KeyRule(shape.interpolation, held=held, still=_still(shape, index, edited))
    fit = _started(shape, wanted, [outlines.get(frame) for frame in wanted], size)
    ends = {0, len(wanted) - 1} - rule.still
    fitted = refit_samples(fit, sorted({index[key.frame] for key in keys} | ends), tolerance_px, rule)
    kept = {key.frame: key for key in shape.keyframes if key.frame not in free}
    for frame, controls in zip(fitted.frames, fitted.controls, strict=True):
        kept.setdefault(int(frame), _keyframe(shape, int(frame), controls))
    whole = replace(shape, keyframes=tuple(kept[frame] for frame in sorted(kept)))
    return Refitted(whole, fitted.tolerance_px, fitted.noise_px)


def _spans(shape: Shape, edited: frozenset[int]) -> list[tuple[float, float]]:
    """Return the first and last frame of what may change: between the locked keyframes round each edited one."""
    if not edited:
        return [(-np.inf, np.inf)]
    locked = [-np.inf, *(key.frame for key in shape.keyframes if key.locked), np.inf]
    return [
        (first, last)
        for first, last in pairwise(locked)
        if any(first <= frame <= last for frame in edited & {key.frame for key in shape.keyframes})
    ]


def _free_keyframes(shape: Shape, outlines: dict[int, Points], edited: frozenset[int]) -> frozenset[int]:
    """Return the frames of keyframes that may change."""
    spans = _spans(shape, edited)
    return frozenset(
        key.frame
        for key in shape.keyframes
        if not key.locked
        and key.frame not in edited
        and key.frame in outlines
        and any(first < key.frame < last for first, last in spans)
    )


def _frames_to_fit(shape: Shape, outlines: dict[int, Points], edited: frozenset[int]) -> list[int]:
    """Return the frames that a re-fit looks at: the spans with outlines, and keyframes that reach into them."""
    spans = _spans(shape, edited)
    inside = [frame for frame in outlines if any(first <= frame <= last for first, last in spans)]
    if not inside:
        return []
    at = [key.frame for key in shape.keyframes]
    # Two keyframes further each way: the smooth rule makes frames of up to two on each side.
    before = [frame for frame in at if frame < min(inside)][-2:]
    after = [frame for frame in at if frame > max(inside)][:2]
    low, high = min([*before, *inside]), max([*after, *inside])
    return sorted({frame for frame in [*at, *outlines] if low <= frame <= high})


def _still(shape: Shape, index: dict[int, int], edited: frozenset[int]) -> frozenset[int]:
    spans = _spans(shape, edited)
    return frozenset(
        number for frame, number in index.items() if not any(first < frame < last for first, last in spans)
    )


def _started(shape: Shape, frames: list[int], outlines: list[Points | None], size: tuple[int, int]) -> JointFit:
    """Return the fit of a shape as it stands: its own points, ratios, and places of samples along it."""
    keyed = np.array([_controls(key) for key in shape.keyframes])
    at = np.array([key.frame for key in shape.keyframes], float)
    now = _mixed_on(shape, at, keyed, frames)
    counts = _samples_a_segment(now)
    home = np.concatenate([number + np.arange(count) / count for number, count in enumerate(counts)])
    knots = Knots(np.cumsum(counts) - counts, _corners(shape, keyed))
    curves = _on_curve(now, home)
    if shoelace_area(curves[0]) < 0:
        outlines = [None if outline is None else outline[::-1] for outline in outlines]
    matched = match_curves(frames, curves, outlines, knots.at[knots.corner], size)
    into, out = (np.maximum(np.linalg.norm(keyed[..., place], axis=-1), 1e-3) for place in (slice(2, 4), slice(4, 6)))
    fit = JointFit(matched, knots)
    fit.start_from(now, np.median(into / out, axis=0), home)
    return fit


def _mixed_on(shape: Shape, at: Floats, keyed: Floats, frames: list[int]) -> Floats:
    """Return controls (T, N, 6) on frames, held outside the keyframes."""
    times = np.union1d(np.array(frames, float), at)
    keys = tuple(int(number) for number in np.searchsorted(times, at))
    every = Mixing(times, keys, shape.interpolation).apply(keyed)
    some: Floats = every[np.searchsorted(times, np.array(frames, float))]
    return some


def _samples_a_segment(controls: Floats) -> NDArray[np.int64]:
    count = controls.shape[1]
    fine = _on_curve(controls, np.arange(8 * count) / 8)
    steps = np.linalg.norm(np.roll(fine, -1, axis=1) - fine, axis=-1)
    longest = steps.reshape(len(fine), count, 8).sum(axis=2).max(axis=0)
    spacing = max(_SPACING_PX, float(longest.sum()) / _MOST_SAMPLES)
    counts: NDArray[np.int64] = np.maximum(np.ceil(longest / spacing), _FEWEST_A_SEGMENT).astype(np.int64)
    return counts


def _on_curve(controls: Floats, places: Floats) -> Floats:
    """Return points (T, M, 2) of outlines (T, N, 6) at segment numbers plus parameters."""
    segment = np.floor(places).astype(np.int64)
    ahead = (segment + 1) % controls.shape[1]
    start, end = controls[:, segment, :2], controls[:, ahead, :2]
    leave, arrive = start + controls[:, segment, 4:6], end + controls[:, ahead, 2:4]
    points: Floats = np.einsum("mb,tmbd->tmd", bernstein(places - segment), np.stack([start, leave, arrive, end], 2))
    return points


def _corners(shape: Shape, keyed: Floats) -> NDArray[np.bool_]:
    """Return which points are corners: those flagged, and those broken on most keyframes."""
    flagged = np.array([[point.corner for point in key.points] for key in shape.keyframes]).any(axis=0)
    into, out = -keyed[..., 2:4], keyed[..., 4:6]
    cross = into[..., 0] * out[..., 1] - into[..., 1] * out[..., 0]
    turned = np.abs(np.arctan2(cross, np.sum(into * out, axis=-1)))
    steers = np.minimum(np.linalg.norm(into, axis=-1), np.linalg.norm(out, axis=-1)) > _SHORT_PX
    broken: NDArray[np.bool_] = 2 * (steers & (turned > _BROKEN)).sum(axis=0) > len(keyed)
    return flagged | broken


def _controls(key: ShapeKeyframe) -> Floats:
    return np.array([point[:6] for point in key.points], float)


def _keyframe(shape: Shape, frame: int, controls: Floats) -> ShapeKeyframe:
    """Return a keyframe with new numbers; corner flags and feathers are those that the shape shows there."""
    points = tuple(
        ControlPoint._make((*map(float, row), point.corner, point.feather))
        for point, row in zip(evaluate(shape, frame), controls, strict=True)
    )
    return ShapeKeyframe(frame, points)
