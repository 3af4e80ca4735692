"""Motion that outlines share, taken out and keyed on a layer, so that points stay nearly still.

A turn carries points on arcs, and keyframes join them by lines: a steady quarter turn needs a dozen keyframes of
every point, but two of one angle. A card that tilts is one projective map, whatever is drawn on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.correspondence import Floats, Matched
from roto_daemon.fitting.shared_motion import shared_motions
from roto_daemon.fitting.track_fit import TrackFit
from roto_shapes.layers import bends_px, placement
from roto_shapes.shape import ControlPoint, Interpolation, Layer, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange

Fitter = Callable[[Matched, float], TrackFit]
"""Fits samples within a tolerance in px."""

_KEYING_SHARE = 0.25
"""Part of the tolerance that keying the layer may leave to the points."""

_BEND_SHARE = 0.2
"""Part of the tolerance that is for Beziers which perspective makes none (`roto_shapes.layers.bend_px`)."""

_FEWER_STRAYS = 0.5
"""A projective map is worth its eight numbers where samples keep to it so much more closely than to a similarity."""

_NUMBERS_A_POINT, _NUMBERS_OF_SIMILARITY = 6, 4
"""What an artist has to look after at one keyframe; the frame counts as one number more."""

_WORTH_A_LAYER = 0.95
"""Share of the numbers without a layer that may be left with it: a layer that saves less explains no motion to speak
of, and whoever edits the shape has to think of both."""

_FARTHEST = 0.8
"""Share of the way to the horizon that samples may take: tips of tangents reach further, and shapes may to 0.95."""

_BEND_FRAMES = 12
_OWN = "layer"


def on_layers(
    fits: Sequence[TrackFit], tolerance_px: float, interpolation: Interpolation, fit_again: Fitter, name: str
) -> list[TrackFit]:
    """Return the fits of an object's shapes, on layers where that takes fewer numbers in all and holds the same bound.

    First one layer of a name for all shapes of the object: those are on it that it makes cheaper, if together they
    save more than it costs. Any other shape may then have a layer of its own (`named`).
    """
    found = _on_one_layer(fits, tolerance_px, interpolation, fit_again, name if len(fits) > 1 else _OWN)
    if len(fits) > 1:
        for number, fit in enumerate(fits):
            if found[number] is None:
                (found[number],) = _on_one_layer([fit], tolerance_px, interpolation, fit_again, _OWN)
    return [layered or plain for layered, plain in zip(found, fits, strict=True)]


def named(layer: Layer | None, shape_name: str) -> Layer | None:
    """Return the layer of a shape's fit, named after the shape where it is the shape's own."""
    return layer if layer is None or layer.name != _OWN else replace(layer, name=f"{shape_name}.layer")


def control_numbers(roto: Roto) -> int:
    """Return how many numbers an artist has to look after: of keyframes of points and of layers, with their frames."""
    shapes = sum(len(shape.keyframes) * (_NUMBERS_A_POINT * shape.point_count + 1) for shape in roto.shapes)
    return shapes + sum(map(_numbers_of_layer, roto.layers))


def _on_one_layer(
    plain: Sequence[TrackFit], tolerance_px: float, interpolation: Interpolation, fit_again: Fitter, name: str
) -> list[TrackFit | None]:
    """Return the fits that are worth a layer; None for those that are not."""
    nothing: list[TrackFit | None] = [None] * len(plain)
    found = _shared_layer([fit.matched for fit in plain], tolerance_px, interpolation, name)
    if found is None:
        return nothing
    layer, samples = found
    layered = [
        _cheaper(fit, matched, layer, tolerance_px, fit_again) for fit, matched in zip(plain, samples, strict=True)
    ]
    pairs = [(_numbers(one), _numbers(other)) for one, other in zip(plain, layered, strict=True) if other]
    alone, on_layer = (sum(column) for column in zip(*pairs, strict=True)) if pairs else (0, 0)
    return layered if on_layer + _numbers_of_layer(layer) < _WORTH_A_LAYER * alone else nothing


def _shared_layer(
    samples: Sequence[Matched], tolerance_px: float, interpolation: Interpolation, name: str
) -> tuple[Layer, tuple[Matched, ...]] | None:
    """Return the layer of the motion that most samples share, the simplest that explains it, and the samples for it."""
    similarity, projective = shared_motions(samples)
    bound_px = _KEYING_SHARE * tolerance_px
    if projective and similarity.stray_px > max(bound_px, projective.stray_px / _FEWER_STRAYS):
        layer = projective.keyed(bound_px, interpolation, name)
        if layer is not None and _is_before_horizon(layer, projective.samples):
            return layer, projective.samples
    ways = [motion.keyed(bound_px, interpolation, name) for motion in (similarity, similarity.about_still_point())]
    layer = min((way for way in ways if way), key=lambda way: len(way.keyframes), default=None)
    return None if layer is None else (layer, similarity.samples)


def _is_before_horizon(layer: Layer, samples: Sequence[Matched]) -> bool:
    if not layer.has_perspective:
        return True
    steepest = np.abs([key.perspective for key in layer.keyframes]).max(axis=0)
    reach = np.zeros(2)
    for matched in samples:
        lying = _in_layer(matched, layer)
        if lying is None:
            return False
        reach = np.maximum(reach, np.abs(lying.points - layer.pivot).max(axis=(0, 1)))
    return bool(steepest @ reach <= _FARTHEST)


def _cheaper(
    plain: TrackFit, samples: Matched, layer: Layer, tolerance_px: float, fit_again: Fitter
) -> TrackFit | None:
    """Return the fit on a layer, if it holds the bound with fewer numbers than the one without, the layer's aside."""
    lying = _in_layer(samples, layer)
    if lying is None:
        return None
    bends = _BEND_SHARE * tolerance_px if layer.has_perspective else 0.0
    fit = fit_again(lying, tolerance_px - bends)
    bend = 0.0
    if layer.has_perspective:
        fit, bend = _unbent(fit, layer, bends)
    if bend > bends or fit.tolerance_px > max(tolerance_px - bends, plain.tolerance_px) * (1 + 1e-9):
        return None
    fit = replace(fit, tolerance_px=max(fit.tolerance_px + bend, tolerance_px), layer=layer)
    return fit if _numbers(fit) < _numbers(plain) else None


def _in_layer(matched: Matched, layer: Layer) -> Matched | None:
    """Return samples as they lie before a layer's transform; None where some would lie beyond its horizon."""
    places = np.array([placement(layer, int(frame)) for frame in matched.frames]).reshape(-1, 3, 3)
    back = np.linalg.inv(places)
    points = np.concatenate([matched.points, np.ones((*matched.points.shape[:2], 1))], axis=-1)
    moved = np.einsum("tij,tmj->tmi", back, points)
    depth = moved[..., 2:]
    if depth.min() <= 0:
        return None
    lying: Floats = moved[..., :2] / depth
    slopes = (back[:, None, :2, :2] - lying[..., None] * back[:, None, 2:, :2]) / depth[..., None]
    tangents = np.einsum("tmij,tmj->tmi", slopes, matched.tangents)
    lengths = np.linalg.norm(tangents, axis=-1)
    return replace(
        matched,
        points=lying,
        tangents=tangents / lengths[..., None],
        spacing_px=float(matched.spacing_px * lengths.mean()),
        # An area shrinks by the determinant on the way back, and its side along the outline by the length.
        enlarged=lengths / np.linalg.det(slopes),
    )


def _unbent(fit: TrackFit, layer: Layer, most_px: float) -> tuple[TrackFit, float]:
    """Return a fit with segments halved that perspective would bend too far, and how far it bends any at most."""
    bends = _bends(fit, layer)
    if bends.max() > most_px:
        fit = _halved(fit, np.flatnonzero(bends > most_px))
        bends = _bends(fit, layer)
    return fit, float(bends.max())


def _bends(fit: TrackFit, layer: Layer) -> Floats:
    """Return for each segment how far it strays from what it stands for, on keyframes and a few frames in between."""
    keyframes = tuple(
        ShapeKeyframe(int(frame), tuple(ControlPoint._make((*row.tolist(), False, None)) for row in rows))
        for frame, rows in zip(fit.frames, fit.controls, strict=True)
    )
    keys = [key.frame for key in layer.keyframes]
    lifetime = FrameRange(min(keys), max(keys))
    shape = Shape("bend", keyframes, lifetime, interpolation=layer.interpolation, layer=layer)
    frames = {*keys, *(int(frame) for frame in np.linspace(keys[0], keys[-1], _BEND_FRAMES))}
    worst: Floats = np.max([bends_px(shape, frame) for frame in frames], axis=0)
    return worst


def _halved(fit: TrackFit, segments: NDArray[np.int64]) -> TrackFit:
    """Return the same outlines with a point more in the middle of some segments."""
    controls, count = fit.controls.copy(), len(fit.corner)
    after = (segments + 1) % count
    here, there = controls[:, segments], controls[:, after]
    start, end = here[..., :2], there[..., :2]
    leave, arrive = start + here[..., 4:], end + there[..., 2:4]
    into, out = (start + 2 * leave + arrive) / 4, (leave + 2 * arrive + end) / 4
    middle = (into + out) / 2
    controls[:, segments, 4:] /= 2
    controls[:, after, 2:4] /= 2
    rows = np.concatenate([middle, into - middle, out - middle], axis=-1)
    return replace(
        fit,
        controls=np.insert(controls, segments + 1, rows, axis=1),
        corner=np.insert(fit.corner, segments + 1, values=False),
    )


def _numbers(fit: TrackFit) -> int:
    return len(fit.frames) * (_NUMBERS_A_POINT * len(fit.corner) + 1)


def _numbers_of_layer(layer: Layer) -> int:
    own = _NUMBERS_OF_SIMILARITY if layer.is_similarity else len(layer.keyframes[0].numbers)
    return len(layer.keyframes) * (own + 1)
