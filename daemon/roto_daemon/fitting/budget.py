"""Knots within a budget: the best outline with at most so many control points, instead of one within a tolerance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from roto_daemon.fitting.correspondence import Matched
from roto_daemon.fitting.curve import Knots, choose_knots, end_tangents, knot_needs, spread

_FINEST, _COARSEST = 0.1, 32.0
"""Tolerances, in those asked for, between which the one that meets the budget is looked for."""

_HALVINGS = 5
"""The last step changes the tolerance by a fifth, which moves no knot that matters."""


def knots_within(matched: Matched, points: int, tolerance_px: float, smoothing_px: float) -> Knots:
    """Return at most `points` knots, corners before others: those of the least tolerance that they suffice for."""
    within = _with_sharpest_corners(matched, points)
    low, high = np.log(_FINEST * tolerance_px), np.log(_COARSEST * tolerance_px)
    best = choose_knots(within, float(np.exp(low)), smoothing_px)
    if len(best.at) <= points:
        return best
    best = choose_knots(within, float(np.exp(high)), smoothing_px)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        knots = choose_knots(within, float(np.exp(middle)), smoothing_px)
        if len(knots.at) <= points:
            best, high = knots, middle
        else:
            low = middle
    while len(best.at) > points:
        best = best.without(int(np.argmin(np.where(best.corner, np.inf, knot_needs(within, best)))))
    return best


def _with_sharpest_corners(matched: Matched, points: int) -> Matched:
    if len(matched.corners) <= points:
        return matched
    arrive, leave = end_tangents(matched, spread(len(matched.frames)))
    turned = np.sum(arrive[:, matched.corners] * leave[:, matched.corners], axis=-1).mean(axis=0)
    sharpest = np.sort(np.argsort(turned, kind="stable")[:points])
    return replace(matched, corners=matched.corners[sharpest])
