"""Control points that an outline can do without, once keyframes are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting.correspondence import Matched
from roto_daemon.fitting.curve import Knots
from roto_daemon.fitting.mixing import Mixing
from roto_daemon.fitting.pruning import Bounds, without_needless
from roto_daemon.fitting.raster import bezier_polyline
from roto_daemon.fitting.solve import JointFit

Points = NDArray[np.float64]
FRAMES, SAMPLES, RADIUS = 9, 240, 90.0


def ring(petals: int, depth_px: float) -> Matched:
    """A disc that drifts and grows, with waves round it; samples in the order of the outline."""
    angle = 2 * math.pi * np.arange(SAMPLES) / SAMPLES
    time = np.arange(FRAMES)[:, None]
    radius = RADIUS + time + depth_px * np.cos(petals * angle)
    points = np.stack([200 + 2 * time + radius * np.cos(angle), 150 + radius * np.sin(angle)], axis=-1)
    along = np.roll(points, -1, axis=1) - np.roll(points, 1, axis=1)
    tangents = along / np.linalg.norm(along, axis=-1, keepdims=True)
    shown = np.ones(points.shape[:2], bool)
    spacing = 2 * math.pi * RADIUS / SAMPLES
    return Matched(np.arange(FRAMES), points, tangents, shown, np.array([], np.int64), spacing)


def pruned(matched: Matched, at: list[int], bounds: Bounds) -> JointFit:
    mixing = Mixing(np.arange(FRAMES, dtype=float), (0, FRAMES - 1))
    fit = JointFit(matched, Knots(np.array(at), np.zeros(len(at), bool)))
    fit.refine(mixing, 5)
    return without_needless(fit, mixing, bounds)


def farthest(fit: JointFit) -> float:
    """Return how far the drawn curve leaves the samples, by the nearest ones."""
    apart = [
        np.linalg.norm(bezier_polyline(controls)[:, None] - points, axis=-1).min(axis=1).max()
        for controls, points in zip(fit.controls, fit.matched.points, strict=True)
    ]
    return float(max(apart))


def test_a_disc_drawn_with_twenty_points_keeps_four_to_six() -> None:
    matched = ring(0, 0.0)
    fit = pruned(matched, list(range(0, SAMPLES, 12)), Bounds(0.5, 0.1))
    assert 4 <= len(fit.knots.at) <= 6
    assert farthest(fit) < 0.5 + matched.spacing_px / 2


def test_points_that_the_bound_needs_stay() -> None:
    """Six waves of 8 px ask for a point at each top and each valley."""
    fit = pruned(ring(6, 8.0), list(range(0, SAMPLES, 10)), Bounds(0.5, 0.1))
    assert 10 <= len(fit.knots.at) <= 16


@pytest.mark.parametrize("crowd", [(58, 60, 62), (0, 2, 238)])
def test_of_points_that_crowd_one_is_left(crowd: tuple[int, ...]) -> None:
    at = sorted({0, 40, 80, 120, 160, 200, *crowd})
    fit = pruned(ring(0, 0.0), at, Bounds(0.5, 0.1))
    gaps = np.diff(np.append(fit.knots.at, fit.knots.at[0] + SAMPLES))
    assert gaps.min() > 10
