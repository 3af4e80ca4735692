"""What an artist must not find in a shape: crowded points, tangents past their segment, loops on any frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.correspondence import Floats
from roto_daemon.fitting.measure import crossing_pieces
from roto_daemon.fitting.mixing import Mixing
from roto_daemon.fitting.solve import FEWEST_KNOTS, JointFit, refitted

_NEAREST_PX = 2.2
"""Control points nearer than this on a keyframe cannot be picked apart: one of them goes."""

_WORTH_A_KNOT = 1.1
"""A crowded knot stays where the error without it grows by this factor above the tolerance."""

_PIECES = 20

_SHORTEN = 0.8

_UNTANGLE_ROUNDS = 16

_WORTH_A_LOOP = 1.5
"""The error may grow by this factor where that takes loops away: no artist accepts an outline that crosses itself."""

_LOOP_TRIALS = 8
"""Knots that are tried to be dropped for the sake of loops: each is a refit."""


def tidied(fit: JointFit, mixing: Mixing, tolerance_px: float) -> tuple[JointFit, Floats]:
    """Return the fit, with fewer knots where that takes it, and the controls (K, N, 6) of its keyframes."""
    fit = _without_crowding(fit, mixing, tolerance_px)
    keys = list(mixing.keys)
    held = within_chords(fit.controls[keys])
    limit_px = _WORTH_A_LOOP * max(tolerance_px, _error(fit, held, mixing))
    controls = _untangled(fit, held, mixing, limit_px)
    loops = _looped(controls, mixing)
    refused: set[int] = set()
    for _ in range(_LOOP_TRIALS):
        gone = _looping_knot(fit, controls, loops, refused)
        if gone is None:
            break
        trial = refitted(fit, fit.matched, fit.knots.without(gone), mixing)
        tried = _untangled(trial, within_chords(trial.controls[keys]), mixing, limit_px)
        left = _looped(tried, mixing)
        if left.sum() < loops.sum() and _error(trial, tried, mixing) <= limit_px:
            fit, controls, loops = trial, tried, left
        else:
            refused.add(int(fit.knots.at[gone]))
    return fit, controls


def tidied_in_place(fit: JointFit, mixing: Mixing, tolerance_px: float) -> Floats:
    """Return the controls (K, N, 6) of the keyframes with all control points, held ones as they are."""
    within = mixing.with_held(within_chords(fit.controls[list(mixing.keys)]))
    limit_px = _WORTH_A_LOOP * max(tolerance_px, _error(fit, within, mixing))
    return mixing.with_held(_untangled(fit, within, mixing, limit_px))


def _looping_knot(fit: JointFit, controls: Floats, loops: NDArray[np.bool_], refused: set[int]) -> int | None:
    """Return the knot to try without: at a looped segment, smooth before a corner, the most crowded first."""
    if not loops.any() or len(fit.knots.at) <= FEWEST_KNOTS:
        return None
    count = loops.shape[1]
    segments = np.flatnonzero(loops.any(axis=0))
    position = controls[..., :2]
    chord = np.linalg.norm(np.roll(position, -1, axis=1) - position, axis=-1).min(axis=0)
    near = {int(knot) % count for segment in segments for knot in (segment, segment + 1)}
    order = sorted(near, key=lambda knot: (bool(fit.knots.corner[knot]), min(chord[knot], chord[knot - 1]), knot))
    return next((knot for knot in order if int(fit.knots.at[knot]) not in refused), None)


def _without_crowding(fit: JointFit, mixing: Mixing, tolerance_px: float) -> JointFit:
    """Drop knots that come too near to a neighbour on a keyframe, where the outline can do without them."""
    refused: set[int] = set()
    limit = max(tolerance_px, _WORTH_A_KNOT * float(np.abs(fit.deciding_errors(fit.controls)).max()))
    while len(fit.knots.at) > FEWEST_KNOTS:
        gone = _crowded_knot(fit, list(mixing.keys), refused)
        if gone is None:
            break
        trial = refitted(fit, fit.matched, fit.knots.without(gone), mixing)
        if np.abs(trial.deciding_errors(trial.controls)).max() <= limit:
            fit = trial
        else:
            refused.add(int(fit.knots.at[gone]))
    return fit


def _crowded_knot(fit: JointFit, keys: list[int], refused: set[int]) -> int | None:
    """Return the knot to try without: of the two nearest ones a smooth one before a corner."""
    position = fit.controls[keys][..., :2]
    gaps = np.linalg.norm(np.roll(position, -1, axis=1) - position, axis=-1).min(axis=0)
    for number in np.argsort(gaps, kind="stable"):
        if gaps[number] >= _NEAREST_PX:
            return None
        pair = sorted((int(number), (int(number) + 1) % len(gaps)), key=lambda knot: bool(fit.knots.corner[knot]))
        for knot in pair:
            if int(fit.knots.at[knot]) not in refused:
                return knot
    return None


def within_chords(controls: Floats) -> Floats:
    """Return controls with no tangent longer than the chord of the segment it steers."""
    held = controls.copy()
    chord = np.linalg.norm(np.roll(controls[..., :2], -1, axis=1) - controls[..., :2], axis=-1)
    for place, limit in ((slice(4, 6), chord), (slice(2, 4), np.roll(chord, 1, axis=1))):
        length = np.maximum(np.linalg.norm(held[..., place], axis=-1), 1e-9)
        held[..., place] *= np.minimum(1, limit / length)[..., None]
    return held


def _untangled(fit: JointFit, controls: Floats, mixing: Mixing, limit_px: float) -> Floats:
    """Return controls with the tangents shortened wherever the outline loops on a frame, in-betweens included.

    Where shorter tangents hardly help, or leave the outline further off, they stay as they were: the crossing is in
    the mattes, and is reported.
    """
    scale = np.ones(controls.shape[:2])
    best, fewest = controls, _looped(controls, mixing)
    loops = fewest
    for _ in range(_UNTANGLE_ROUNDS):
        if not loops.any():
            break
        scale[loops] *= _SHORTEN
        shortened = _shortened(controls, scale)
        loops = _looped(shortened, mixing)
        if loops.sum() < fewest.sum() and _error(fit, shortened, mixing) <= limit_px:
            best, fewest = shortened, loops
    return best


def _error(fit: JointFit, controls: Floats, mixing: Mixing) -> float:
    return float(np.abs(fit.deciding_errors(mixing.apply(controls))).max())


def _shortened(controls: Floats, scale: Floats) -> Floats:
    """Return controls with both tangents of each segment (K, N) scaled."""
    shorter = controls.copy()
    shorter[..., 4:6] *= scale[..., None]
    shorter[..., 2:4] *= np.roll(scale, 1, axis=1)[..., None]
    return shorter


def _looped(controls: Floats, mixing: Mixing) -> NDArray[np.bool_]:
    """Say for each keyframe and segment (K, N) whether it has a part in a loop on some frame."""
    found = np.zeros(controls.shape[:2], bool)
    for share, outline in zip(mixing.weights, mixing.apply(controls), strict=True):
        segments = _looped_segments(outline)
        for key in np.flatnonzero(share):
            found[key, segments] = True
    return found


def looped(controls: Floats) -> NDArray[np.bool_]:
    """Say for each of some outlines (T, N, 6) whether it has a loop."""
    return np.array([bool(_looped_segments(outline)) for outline in controls])


def _looped_segments(outline: Floats) -> list[int]:
    """Return segments of one outline (N, 6) that cross themselves or the next but one."""
    count = len(outline)
    polyline = _polyline(outline)
    crossing = crossing_pieces(polyline) // _PIECES
    found = set()
    for first, second in crossing:
        gap = min(abs(int(first) - int(second)), count - abs(int(first) - int(second)))
        if gap <= 2:  # noqa: PLR2004 - further ones are limbs that touch, which shorter tangents do not part
            found |= {int(first), int(second)}
    return sorted(found)


def _polyline(outline: Floats) -> Floats:
    start = outline[:, :2]
    end = np.roll(start, -1, axis=0)
    # Loops are small and sit at the knots: look closer there.
    s = ((1 - np.cos(np.arange(_PIECES) * (np.pi / _PIECES))) / 2)[None, :, None]
    r = 1 - s
    leave, arrive = start + outline[:, 4:6], end + np.roll(outline[:, 2:4], -1, axis=0)
    curve: Floats = (
        r**3 * start[:, None] + 3 * r**2 * s * leave[:, None] + 3 * r * s**2 * arrive[:, None] + s**3 * end[:, None]
    )
    flat: Floats = curve.reshape(-1, 2)
    return flat
