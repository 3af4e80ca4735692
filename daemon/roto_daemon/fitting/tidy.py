"""What an artist must not find in a shape: crowded points, tangents past their segment, loops on any frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.correspondence import Floats
from roto_daemon.fitting.measure import crossing_pieces
from roto_daemon.fitting.mixing import Mixing
from roto_daemon.fitting.ring import unit
from roto_daemon.fitting.solve import FEWEST_KNOTS, ROUNDS, JointFit

_NEAREST_PX = 2.2
"""Control points nearer than this on a keyframe cannot be picked apart: one of them goes."""

_WORTH_A_KNOT = 1.1
"""A crowded knot stays where the error without it grows by this factor above the tolerance."""

_PIECES = 20

_SHORTEN = 0.8

_NEAR = 2
"""Segments apart up to which a crossing is a loop."""

_UNTANGLE_ROUNDS = 16

_CALMING_STEPS = 4

_WORTH_A_LOOP = 2.5
"""The error may grow by this factor where that takes loops away: no artist accepts an outline that crosses itself."""

_LOOP_TRIALS = 8
"""Knots that are tried to be dropped for the sake of loops: each is a refit."""


def tidied(fit: JointFit, mixing: Mixing, tolerance_px: float) -> tuple[JointFit, Floats]:
    """Return the fit, with fewer knots where that takes it, and the controls (K, N, 6) of its keyframes.

    What still crosses itself then is so in the mattes, or could be mended only by leaving them.
    """
    fit = _without_crowding(fit, mixing, tolerance_px)
    held = within_chords(fit.controls[list(mixing.keys)])
    limit_px = _WORTH_A_LOOP * max(tolerance_px, _error(fit, held, mixing))
    controls = _untangled(fit, held, mixing, limit_px)
    return _with_fewer_looping_knots(fit, controls, mixing, limit_px)


def _with_fewer_looping_knots(
    fit: JointFit, controls: Floats, mixing: Mixing, limit_px: float
) -> tuple[JointFit, Floats]:
    loops = _looped(controls, mixing)
    refused: set[int] = set()
    for _ in range(_LOOP_TRIALS):
        gone = _looping_knot(fit, controls, loops, refused)
        if gone is None:
            break
        trial = fit.without([gone])
        trial.refine(mixing, ROUNDS)
        tried = _untangled(trial, within_chords(trial.controls[list(mixing.keys)]), mixing, limit_px)
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
        trial = fit.without([gone])
        trial.refine(mixing, ROUNDS)
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
    """Return controls with shorter or calmer tangents wherever the outline loops on a frame, in-betweens included.

    Where that hardly helps, or leaves the outline further off, they stay as they were.
    """
    best, fewest, least_px = controls, int(_looped(controls, mixing).sum()), _error(fit, controls, mixing)
    if not fewest:
        return controls
    ways = ((partial(_shortened, controls), _looped), (partial(_calmed, controls, fit), _looped_knots))
    for change, where in ways:
        amount, tried = np.zeros(controls.shape[:2]), controls
        for _ in range(_UNTANGLE_ROUNDS):
            now = where(tried, mixing)
            if not now.any():
                break
            amount[now] += 1
            tried = change(amount)
            left, reached_px = int(_looped(tried, mixing).sum()), _error(fit, tried, mixing)
            if reached_px > limit_px:
                break
            if (left, reached_px) < (fewest, least_px):
                best, fewest, least_px = tried, left, reached_px
    return best


def _error(fit: JointFit, controls: Floats, mixing: Mixing) -> float:
    return float(np.abs(fit.deciding_errors(mixing.apply(controls))).max())


def _shortened(controls: Floats, times: Floats) -> Floats:
    """Return controls with both tangents of each segment (K, N) shortened so many times."""
    scale = _SHORTEN**times
    shorter = controls.copy()
    shorter[..., 4:6] *= scale[..., None]
    shorter[..., 2:4] *= np.roll(scale, 1, axis=1)[..., None]
    return shorter


def _calmed(controls: Floats, fit: JointFit, times: Floats) -> Floats:
    """Return controls with the tangents of each point (K, N) so many steps nearer to calm ones.

    Those cannot loop: at corners they lie along their segments, at other points along the chord of their neighbours.
    """
    share = np.minimum(times / _CALMING_STEPS, 1)[..., None]
    chord = np.roll(controls[..., :2], -1, axis=1) - controls[..., :2]
    last = np.roll(chord, 1, axis=1)
    along = unit(chord + last)
    # Of a smooth point the two keep their ratio, which keeps them collinear between keyframes.
    ratio = fit.ratio[:, None]
    size = np.minimum(_size(chord), _size(last) / ratio) / 3
    corner = fit.knots.corner[:, None]
    calm = controls.copy()
    calm[..., 4:6] = np.where(corner, chord / 3, size * along)
    calm[..., 2:4] = np.where(corner, -last / 3, -ratio * size * along)
    nearer = controls.copy()
    nearer[..., 2:] = (1 - share) * controls[..., 2:] + share * calm[..., 2:]
    return nearer


def _size(vectors: Floats) -> Floats:
    size: Floats = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return size


def _looped(controls: Floats, mixing: Mixing) -> NDArray[np.bool_]:
    """Say for each keyframe and segment (K, N) whether it has a part in a loop on some frame."""
    return _on_keyframes(controls, mixing, _looped_segments)


def _looped_knots(controls: Floats, mixing: Mixing) -> NDArray[np.bool_]:
    """Say for each keyframe and point (K, N) whether it lies in a loop on some frame."""
    return _on_keyframes(controls, mixing, _knots_in_loops)


def _on_keyframes(controls: Floats, mixing: Mixing, find: Callable[[Floats], list[int]]) -> NDArray[np.bool_]:
    """Say what is found on some frame that a keyframe has a share in."""
    found = np.zeros(controls.shape[:2], bool)
    for share, outline in zip(mixing.weights, mixing.apply(controls), strict=True):
        some = find(outline)
        for key in np.flatnonzero(share):
            found[key, some] = True
    return found


def looped(controls: Floats) -> NDArray[np.bool_]:
    """Say for each of some outlines (T, N, 6) whether it has a loop."""
    return np.array([bool(_loops(outline)) for outline in controls])


def _looped_segments(outline: Floats) -> list[int]:
    return sorted({segment for first, ahead in _loops(outline) for segment in (first, (first + ahead) % len(outline))})


def _knots_in_loops(outline: Floats) -> list[int]:
    """Return the points between the segments that cross, and both ends of one that crosses itself."""
    between = (
        (first, first + 1) if ahead == 0 else range(first + 1, first + ahead + 1) for first, ahead in _loops(outline)
    )
    return sorted({knot % len(outline) for knots in between for knot in knots})


def _loops(outline: Floats) -> list[tuple[int, int]]:
    """Return segments of one outline (N, 6) that cross themselves, the next or the next but one, and how many on.

    Further ones are limbs that touch, which other tangents do not part.
    """
    count = len(outline)
    found = set()
    for pair in crossing_pieces(flattened(outline)) // _PIECES:
        first, second = int(pair.min()), int(pair.max())
        ahead = second - first
        found.add((first, ahead) if 2 * ahead <= count else (second, count - ahead))
    return sorted((first, ahead) for first, ahead in found if ahead <= _NEAR)


def flattened(outline: Floats) -> Floats:
    """Return an outline (N, 6) as a closed line of N * 20 points, the first ones on its first segment."""
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
