"""Matched samples of a track into the control points of one shape: knots, joint fit, keyframes, tidying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from roto_daemon.fitting.budget import knots_within
from roto_daemon.fitting.correspondence import Floats, Matched
from roto_daemon.fitting.curve import Knots, choose_knots, spread
from roto_daemon.fitting.keyframes import KeyframeSearch
from roto_daemon.fitting.mixing import KeyRule, every_frame
from roto_daemon.fitting.pruning import Bounds, errors_within_chords, without_needless
from roto_daemon.fitting.solve import DECIDING_ARC_PX, KEYED_PULL, ROUNDS, JointFit, arc_mean
from roto_daemon.fitting.tidy import looped, tidied, tidied_in_place, within_chords
from roto_shapes.shape import Interpolation, Layer

_NOISE_TOLERANCE = 4.0
"""Below this many sigmas of what noise is left in deciding errors, noise alone would buy keyframes: of the few
thousand independent errors of a clip the largest median of three reaches 2.4 sigmas, and steps of enlarged masks
are no Gaussian noise."""

_NOISE_SEEN_PX = 0.05
"""Clean soft mattes measure 0.02, hard masks 0.07, masks enlarged fivefold 0.1 to 0.15."""

_NOISY_ARC, _NOISY_ARC_PX, _NOISY_ARC_SHARE = 100.0, 48.0, 0.08
"""Where noise is seen errors decide by their mean over more arc: px per px of noise, at most so many and at most this
share of the outline."""

_MOST_NOISE_SMOOTHING_PX, _NOISE_SMOOTHING = 4.0, 16.0
"""Smoothing of noisy outlines before knots are chosen, in px and in px per px of noise."""

_FOURTH_DIFFERENCE = (1.0, -4.0, 6.0, -4.0, 1.0)
"""Blind to steady motion and acceleration; unit noise gives it a variance of 70."""

_NOISE_REACH_PX = 40.0
_ASTRAY = 1.2
"""A fit with keyframes that misses what every frame alone holds by this factor went astray."""

_FINAL_PASSES = 3
_LATE_INSERTIONS = 2
_TRIAL_ROUNDS = 2
_MENDING_ROUNDS = 4
_WORTH_KEEPING = 1.15
"""Dropping knots may raise the errors' spread by this factor in all: beyond it the bound holds, but looser everywhere
than with the points that the outline was drawn with."""

_NOISE_AFTER_MEDIAN = 0.67
"""Share of noise's standard deviation that a median of three leaves."""

_LEAST_SPREAD_PX = 0.03
_SPREAD_SHARE = 0.12
"""Points are not worth keeping for errors whose spread is below this share of the bound."""

_BROKEN, _WORTH_LOOPS, _LOST = 0.25, 1.5, 0.04
"""Where the tolerance is missed and so large a share of the frames loops, mattes are broken: for the sake of fewer
points it may then be missed by so many tolerances, and by twice the bound on so large a share of the frames. Loops are
undone at a like price. A bunny before grass came with 30 points so, not 53 that follow each blade, and in the end with
a bound of 8 px, not 14, since fewer points loop less."""

_KNOT_ROUNDS = 6
_KNOTS_AT_ONCE = 4
_MOST_KNOTS = 48
"""An outline that needs more is broken by its mattes; points without end would not mend it."""


@dataclass(frozen=True)
class TrackFit:
    """The control points of one shape."""

    frames: NDArray[np.int64]
    """Frames of the keyframes."""
    controls: Floats
    """(K, N, 6): x, y, in x, in y, out x, out y in plate pixels, tangents as offsets."""
    corner: NDArray[np.bool_]
    """(N,) whether the tangents of a point need not be collinear."""
    tolerance_px: float
    """The bound that holds on every frame of the track: the one asked for, or the least that was reached."""
    noise_px: float
    matched: Matched
    """The samples that it was fitted to."""
    layer: Layer | None = None
    """What carries the points; `controls` are then those before its transform."""


def fit_samples(
    matched: Matched, tolerance_px: float, rule: KeyRule | None = None, points: int | None = None
) -> TrackFit:
    """Return control points and keyframes for matched samples; `rule` says what is asked of the keyframes.

    At most `points` control points raise the tolerance to what they can hold.
    """
    rule = rule or KeyRule()
    arc_px, smoothing, tolerance = _deciding(matched, tolerance_px)
    if points is None:
        knots = _knots(matched, tolerance, smoothing, arc_px)
    else:
        knots = knots_within(matched, points, tolerance, smoothing)
    fit = JointFit(matched, knots, deciding_px=arc_px)
    reached = fit.refine(every_frame(len(matched.frames)), ROUNDS)
    tolerance = tolerance if points is None else max(tolerance, reached)
    fit, keys = _keyed(fit, tolerance, rule, max(tolerance, reached))
    mixing = rule.mixing(matched.frames, keys)
    fit = without_needless(fit, mixing, _worth_points(fit, tolerance))
    fit, controls = tidied(fit, mixing, tolerance)
    reached = float(np.abs(fit.deciding_errors(mixing.apply(controls))).max())
    return TrackFit(
        matched.frames[list(mixing.keys)],
        controls,
        fit.knots.corner,
        max(tolerance, reached),
        edge_noise(matched),
        matched,
    )


def _keyed(fit: JointFit, tolerance_px: float, rule: KeyRule, holds_px: float) -> tuple[JointFit, list[int]]:
    """Return a fit of every frame once more with the fewest keyframes, and these; `holds_px` is what it holds now.

    Points slide, and so save keyframes. Where an outline looks alike all along and moves fast, as a ball does, they may
    slide astray, and no keyframe brings them back: there they are held to their spots, if that cures it.
    """
    fit.pull = KEYED_PULL
    fit.gather()
    first = _with_keys(fit, tolerance_px, rule)
    if _largest(first[0]) <= _ASTRAY * holds_px:
        return first
    held = JointFit(fit.matched, fit.knots, deciding_px=fit.deciding_px)
    held.refine(every_frame(len(fit.matched.frames)), ROUNDS)
    second = _with_keys(held, tolerance_px, rule)
    return second if _largest(second[0]) <= _ASTRAY * holds_px else first


def _with_keys(fit: JointFit, tolerance_px: float, rule: KeyRule) -> tuple[JointFit, list[int]]:
    keys = KeyframeSearch(fit, tolerance_px, rule=rule).search()
    return _settle(fit, keys, tolerance_px, rule)


def refit_samples(fit: JointFit, keys: list[int], tolerance_px: float, rule: KeyRule) -> TrackFit:
    """Return control points and keyframes of a fit that was started from a known shape with some keyframes.

    Control points stay the same; held keyframes come back bit for bit.
    """
    arc_px, _, tolerance = _deciding(fit.matched, tolerance_px)
    fit.deciding_px = arc_px
    # As it stands the shape may lie far off: only once it is near do its feet tell which keyframes are good.
    fit.refine(every_frame(len(fit.matched.frames), rule.held), ROUNDS)
    keys = KeyframeSearch(fit, tolerance, rule=rule).search(keys)
    fit, keys = _settle(fit, keys, tolerance, rule)
    mixing = rule.mixing(fit.matched.frames, keys)
    controls = tidied_in_place(fit, mixing, tolerance)
    errors = np.abs(fit.deciding_errors(mixing.apply(controls)))
    reached = max(tolerance, float(errors.max()))
    noise = edge_noise(fit.matched)
    return TrackFit(fit.matched.frames[keys], controls, fit.knots.corner, reached, noise, fit.matched)


def _deciding(matched: Matched, tolerance_px: float) -> tuple[float, float, float]:
    """Return in px the arc of deciding errors, the smoothing of outlines, and the bound that noise leaves."""
    arc_px = DECIDING_ARC_PX
    noise, smoothing = _noise(matched, arc_px), 0.0
    if noise >= _NOISE_SEEN_PX:
        smoothing = min(_NOISE_SMOOTHING * noise, _MOST_NOISE_SMOOTHING_PX)
        outline_px = matched.spacing_px * matched.points.shape[1]
        arc_px += min(_NOISY_ARC * noise, _NOISY_ARC_PX, _NOISY_ARC_SHARE * outline_px)
        noise = _noise(matched, arc_px)
    return arc_px, smoothing, max(tolerance_px, _NOISE_TOLERANCE * noise)


def edge_noise(matched: Matched) -> float:
    """Return the standard deviation in px of frame-to-frame noise along the normals; 0 for fewer than 5 frames."""
    return _noise(matched, matched.spacing_px)


def _noise(matched: Matched, arc_px: float) -> float:
    """Return the noise that is left in means over some arc."""
    count = len(_FOURTH_DIFFERENCE)
    if len(matched.frames) < count:
        return 0.0
    stop = len(matched.frames) - count + 1
    fourth = sum(weight * matched.points[k : k + stop] for k, weight in enumerate(_FOURTH_DIFFERENCE))
    along = np.sum(fourth * matched.normals[2:-2], axis=-1)
    if matched.enlarged is not None:
        along = along * matched.enlarged[2:-2]
    # What neighbours share is motion too fast for the difference to cancel, and no noise.
    along = along - gaussian_filter1d(along, max(_NOISE_REACH_PX, arc_px) / matched.spacing_px, axis=1, mode="wrap")
    shown = matched.visible[2:-2]
    mean = np.abs(arc_mean(along, shown.astype(float), arc_px / matched.spacing_px))
    return float(1.4826 * np.median(mean[shown]) / np.sqrt(70)) if shown.any() else 0.0


def _knots(matched: Matched, tolerance_px: float, smoothing_px: float, arc_px: float) -> Knots:
    """Choose knots, then add some where a fit of frames spread over the lifetime still misses the tolerance."""
    knots = choose_knots(matched, tolerance_px, smoothing_px)
    part = matched.part(spread(len(matched.frames)))
    every = every_frame(len(part.frames))
    for _ in range(_KNOT_ROUNDS):
        fit = JointFit(part, knots, deciding_px=arc_px)
        fit.refine(every, ROUNDS)
        errors = np.abs(fit.deciding_errors(fit.controls)).max(axis=0)
        room = _MOST_KNOTS - len(knots.at)
        places = _worst_places(errors, knots, tolerance_px, max(round(6.0 / matched.spacing_px), 2))
        if room <= 0 or not places:
            break
        for place in places[: min(room, _KNOTS_AT_ONCE)]:
            knots = knots.plus(place)
    return knots


def _worst_places(errors: Floats, knots: Knots, tolerance_px: float, apart: int) -> list[int]:
    """Return samples where the error is above the tolerance, the worst first, apart from knots and each other."""
    count = len(errors)
    taken = [int(sample) for sample in knots.at]
    found: list[int] = []
    for sample in np.argsort(-errors, kind="stable"):
        if errors[sample] <= tolerance_px or len(found) == _KNOTS_AT_ONCE:
            break
        gaps = [min(abs(int(sample) - other), count - abs(int(sample) - other)) for other in taken]
        if min(gaps) >= apart:
            found.append(int(sample))
            taken.append(int(sample))
    return found


def _settle(fit: JointFit, keys: list[int], tolerance_px: float, rule: KeyRule) -> tuple[JointFit, list[int]]:
    """Refine with the keyframes found, and add or drop some as the feet settle."""
    for _ in range(_FINAL_PASSES):
        fit.refine(rule.mixing(fit.matched.frames, keys), ROUNDS)
        search = KeyframeSearch(fit, tolerance_px, _TRIAL_ROUNDS, rule)
        better = search.reduce(search.insert(keys, _LATE_INSERTIONS))
        if better == keys:
            break
        keys = better
    fit.refine(rule.mixing(fit.matched.frames, keys), ROUNDS)
    # Slopes held back make trials judge the smooth rule too well: what the fit itself misses gets keyframes.
    for _ in range(_MENDING_ROUNDS if rule.interpolation is Interpolation.SMOOTH else 0):
        better = KeyframeSearch(fit, tolerance_px, 0, rule).mend(keys)
        if better == keys:
            break
        keys = better
        fit.refine(rule.mixing(fit.matched.frames, keys), ROUNDS)
    return fit, keys


def _worth_points(fit: JointFit, tolerance_px: float) -> Bounds:
    """Return what errors may rise to for the sake of fewer points."""
    errors = errors_within_chords(fit)
    largest_px, broken = float(np.abs(errors).max()), 0.0
    if largest_px > tolerance_px:
        broken = min(float(looped(within_chords(fit.controls)).mean()) / _BROKEN, 1.0)
    more = 1 + broken * _WORTH_LOOPS
    largest_px = max(largest_px, more * tolerance_px)
    worth_px = _spread_worth(float(np.sqrt(np.mean(errors**2))), _noise(fit.matched, fit.deciding_px))
    return Bounds(
        largest_px, max(worth_px, _SPREAD_SHARE * more * tolerance_px), broken * _LOST, 2 * more * tolerance_px
    )


def _spread_worth(spread_px: float, noise_px: float) -> float:
    """Return the spread that errors may rise to: what noise makes of it stays, the rest may grow."""
    own = max(spread_px**2 - (_NOISE_AFTER_MEDIAN * noise_px) ** 2, _LEAST_SPREAD_PX**2)
    return float(np.sqrt(spread_px**2 + (_WORTH_KEEPING**2 - 1) * own))


def _largest(fit: JointFit) -> float:
    """Return the largest deciding error in px."""
    return float(np.abs(errors_within_chords(fit)).max())
