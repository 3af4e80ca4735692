"""Motion that a whole outline shares, taken out and keyed on a layer, so that points stay nearly still.

A turn carries points on arcs, and keyframes join them by lines: a steady quarter turn needs a dozen keyframes of
every point, but two of one angle. The shared motion is a similarity: move, turn, scale.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.correspondence import Floats, Matched
from roto_daemon.fitting.mixing import KeyRule, Mixing
from roto_daemon.fitting.track_fit import TrackFit, fit_samples
from roto_shapes.shape import Interpolation, Layer, LayerKeyframe, Roto

_ROUNDS = 8
_LEAST_REACH_PX, _REACH = 1.0, 4.0
"""Samples that stray from the shared motion by this many medians, at least so many px, count for a quarter."""

_KEYING_SHARE = 0.25
"""Part of the tolerance that keying the layer may leave to the points."""

_NOISE_SHARE = 4.0
"""Fewer sigmas of per-frame noise than that would buy keyframes of the layer: of a few hundred frames the largest
error reaches 3 sigmas."""

_NUMBERS_A_POINT, _NUMBERS_OF_SIMILARITY = 6, 4
"""What an artist has to look after at one keyframe; the frame counts as one number more."""

_MOST_KEYS_SHARE = 1 / 3
"""A layer with keyframes on more of the frames than that explains nothing."""


def fit_layered(matched: Matched, tolerance_px: float, rule: KeyRule, points: int | None = None) -> TrackFit:
    """Return the cheaper of two fits of matched samples: of the points alone, and of points on a layer.

    Cheaper is fewer numbers in all, among fits that hold the same bound. The fit's layer, if it has one, has no name
    worth keeping: it is named after its shape.
    """
    plain = fit_samples(matched, tolerance_px, rule, points)
    layer = None if rule.held else shared_motion(matched, tolerance_px, rule.interpolation)
    if layer is None:
        return plain
    poses = _poses(layer, matched.frames)
    largest = float(poses[:, 3].max())
    fit = fit_samples(_in_layer(matched, layer, poses), tolerance_px / largest, rule, points)
    layered = replace(fit, tolerance_px=fit.tolerance_px * largest, noise_px=fit.noise_px * largest, layer=layer)
    holds = layered.tolerance_px <= max(tolerance_px, plain.tolerance_px) * (1 + 1e-9)
    return layered if holds and _numbers(layered) < _numbers(plain) else plain


def shared_motion(matched: Matched, tolerance_px: float, interpolation: Interpolation) -> Layer | None:
    """Return the similarity that most samples follow, with few keyframes; None when that needs too many."""
    pivot, poses = _similarities(matched)
    reach_px = float(np.sqrt(np.mean(np.sum((matched.points[0] - matched.points[0].mean(axis=0)) ** 2, axis=-1))))
    in_px = poses * (1, 1, reach_px, reach_px)
    bound = max(_KEYING_SHARE * tolerance_px, _NOISE_SHARE * _noise(in_px))
    keys, values = _keyed(matched.frames.astype(float), in_px, bound, interpolation)
    if len(keys) > max(2, _MOST_KEYS_SHARE * len(matched.frames)):
        return None
    values = values / (1, 1, reach_px, reach_px)
    keyframes = tuple(
        LayerKeyframe(int(matched.frames[key]), float(x), float(y), float(np.degrees(angle)), float(scale))
        for key, (x, y, angle, scale) in zip(keys, values, strict=True)
    )
    return Layer("layer", keyframes, (float(pivot[0]), float(pivot[1])), interpolation)


def _similarities(matched: Matched) -> tuple[Floats, Floats]:
    """Return the pivot (2,) and (T, 4): move across and down, angle in radians, scale, against the best seen frame."""
    best = int(np.argmax(matched.visible.sum(axis=1)))
    outlines = matched.points[..., 0] + 1j * matched.points[..., 1]
    pivot = outlines[best].mean()
    rest = outlines[best] - pivot
    weights = matched.visible * 1.0 + 1e-3
    for _ in range(_ROUNDS):
        total = weights.sum(axis=1)
        mean_rest = (weights * rest).sum(axis=1) / total
        mean = (weights * outlines).sum(axis=1) / total
        from_mean = rest - mean_rest[:, None]
        factor = (weights * from_mean.conj() * (outlines - mean[:, None])).sum(axis=1)
        factor /= np.maximum((weights * np.abs(from_mean) ** 2).sum(axis=1), 1e-9)
        place = mean - factor * mean_rest
        strays = np.abs(outlines - place[:, None] - factor[:, None] * rest)
        reach = np.maximum(_LEAST_REACH_PX, _REACH * np.median(strays, axis=1, keepdims=True))
        weights = (matched.visible * 1.0 + 1e-3) / (1 + (strays / reach) ** 2) ** 2
    move = place - pivot
    poses = np.stack([move.real, move.imag, np.unwrap(np.angle(factor)), np.maximum(np.abs(factor), 1e-3)], axis=-1)
    return np.array([pivot.real, pivot.imag]), poses


def _noise(values: Floats) -> float:
    """Return the largest sigma of (T, 4) numbers over time, by fourth differences: blind to steady motion."""
    if len(values) < 5:  # noqa: PLR2004 - a fourth difference has five terms
        return 0.0
    return float((1.4826 * np.median(np.abs(np.diff(values, 4, axis=0)), axis=0) / np.sqrt(70)).max())


def _keyed(
    times: Floats, values: Floats, bound: float, interpolation: Interpolation
) -> tuple[list[int], NDArray[np.float64]]:
    """Return few keyframes, as indices, and their values that stay within a bound of (T, 4) numbers on every frame."""
    keys = sorted({0, len(times) - 1})
    keyed, strays = _tried(times, values, keys, interpolation)
    while strays.max() > bound:
        straight = Mixing(times, tuple(keys), interpolation).apply(values[keys])
        off = np.linalg.norm(values - straight, axis=-1)
        off[keys] = -1.0
        keys = sorted([*keys, int(np.argmax(off))])
        keyed, strays = _tried(times, values, keys, interpolation)
    for key in keys[1:-1]:
        fewer = [other for other in keys if other != key]
        tried, strays = _tried(times, values, fewer, interpolation)
        if strays.max() <= bound:
            keys, keyed = fewer, tried
    return keys, keyed


def _tried(times: Floats, values: Floats, keys: list[int], interpolation: Interpolation) -> tuple[Floats, Floats]:
    """Return the values of keyframes that come nearest to all frames, and how far each frame (T,) is left off."""
    mixing = Mixing(times, tuple(keys), interpolation)
    nearest: Floats = values[keys]
    if interpolation is Interpolation.LINEAR and len(keys) > 1:
        nearest = np.asarray(np.linalg.lstsq(mixing.weights, values, rcond=None)[0], float)
    return nearest, np.linalg.norm(values - mixing.apply(nearest), axis=-1)


def _poses(layer: Layer, frames: NDArray[np.int64]) -> Floats:
    """Return (T, 4) what the layer does on each frame: move across and down, angle in radians, scale."""
    rows = np.array([(key.x, key.y, np.radians(key.rotation_deg), key.scale) for key in layer.keyframes])
    keys = np.searchsorted(frames, [key.frame for key in layer.keyframes])
    return Mixing(frames.astype(float), tuple(int(key) for key in keys), layer.interpolation).apply(rows)


def _in_layer(matched: Matched, layer: Layer, poses: Floats) -> Matched:
    """Return the samples as they lie before the layer's transform."""
    cosine, sine = np.cos(poses[:, 2]), np.sin(poses[:, 2])
    back = np.stack([np.stack([cosine, sine], axis=-1), np.stack([-sine, cosine], axis=-1)], axis=1)
    from_pivot = matched.points - poses[:, None, :2] - np.array(layer.pivot)
    points = np.einsum("tij,tmj->tmi", back, from_pivot) / poses[:, None, 3:] + np.array(layer.pivot)
    tangents = np.einsum("tij,tmj->tmi", back, matched.tangents)
    spacing = float(matched.spacing_px / np.mean(poses[:, 3]))
    return replace(matched, points=points, tangents=tangents, spacing_px=spacing)


def control_numbers(roto: Roto) -> int:
    """Return how many numbers an artist has to look after: of keyframes of points and of layers, with their frames."""
    shapes = sum(len(shape.keyframes) * (_NUMBERS_A_POINT * shape.point_count + 1) for shape in roto.shapes)
    return shapes + sum(len(layer.keyframes) * _numbers_a_key(layer) for layer in roto.layers)


def _numbers_a_key(layer: Layer) -> int:
    return 1 + (_NUMBERS_OF_SIMILARITY if layer.is_similarity else len(layer.keyframes[0].numbers))


def _numbers(fit: TrackFit) -> int:
    layer = 0 if fit.layer is None else _numbers_a_key(fit.layer) * len(fit.layer.keyframes)
    return len(fit.frames) * (_NUMBERS_A_POINT * len(fit.corner) + 1) + layer
