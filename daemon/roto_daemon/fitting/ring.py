"""An outline at even spacing, with its directions and corners: what samples are matched with on one frame.

Places along a ring are numbers of its points, cyclic; whole ones are candidates for a sample, others lie between two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from roto_daemon.fitting.polyline import Points, evenly, length

Floats = NDArray[np.float64]

TURNING_REACH_PX = 4.0
"""Turning is measured between the directions to the points this far before and behind."""

_CORNER_APART_PX = 8.0
_CORNER_TURNING = np.radians(40.0)
"""Above the 30 degrees of sharp mattes: on blurred masks every tip of 6 px radius turns that much."""

_ROUND = 1.6
"""Twice as far out an arc turns twice as much, and a corner no more than before."""

_SLIGHT_TURNING = np.radians(24.0)
"""A corner of 30 degrees, as it measures at the least between sides that bend the other way."""

_FINE_PX = 0.8
"""Corners are looked for on the outline at this spacing, however coarse the ring."""

_NEAR_PX, _FAR_PX = 2.0, 2 * TURNING_REACH_PX
_TURNS_NEAR, _TURNS_FAR = 0.73, 1.25
"""Share of a slight corner's turning that shows half as far out, and twice as far: antialiasing takes a quarter of the
first at most, where an arc loses half; and an arc turns twice as much far out, sides that bend add a tenth."""

_APEX_FROM_PX, _APEX_TO_PX = 2.5, 9.0
_APEX_MOVES_PX = 2.0
"""An apex further from its sample than this is no rounded corner but a mistake of the lines."""

_MOST_ACUTE = 0.25
"""Cosine of half the turn at the most acute corner that is told from a spike one pixel wide."""

_TANGENT_SMOOTHING_PX = 1.5
"""Takes the ripple of a pixel grid off the directions and leaves corners their place."""


@dataclass(frozen=True)
class Ring:
    """An outline at even spacing with its directions."""

    points: Points
    tangents: Points
    turning: Floats
    """Angle in radians by which the outline turns at each point."""
    sharp: NDArray[np.bool_]
    """Whether it turns there as at a corner, and not as in a bend."""
    spacing: float
    """Distance in px of neighbouring points along the outline."""

    def at(self, places: Floats) -> Points:
        """Return the points at places, between neighbours on the straight line."""
        return _between(self.points, places)

    def tangents_at(self, places: Floats) -> Points:
        """Return unit tangents at places."""
        return unit(_between(self.tangents, places))

    def some(self, places: Floats) -> Ring:
        """Return what the ring has at some of its places: no even spacing is kept."""
        whole = np.round(places).astype(np.int64) % len(self.points)
        return Ring(self.at(places), self.tangents_at(places), self.turning[whole], self.sharp[whole], self.spacing)

    @cached_property
    def peaks(self) -> Floats:
        """The turning where it is the largest within reach and that of a corner, else 0."""
        reach = self.steps(_CORNER_APART_PX / 2)
        sharp = np.abs(self.turning)
        wrapped = np.concatenate([sharp[-reach:], sharp, sharp[:reach]])
        highest = sliding_window_view(wrapped, 2 * reach + 1).max(axis=1)
        return np.where((sharp >= highest) & self.sharp, self.turning, 0.0)

    def steps(self, length_px: float) -> int:
        """Return how many points a length spans, at least one and never a large part of the outline."""
        return _steps(length_px, self.spacing, len(self.points))

    def apex(self, place: int) -> Points:
        """Return where the lines on both sides of a corner meet; antialiasing rounds the outline itself by 0.3 px."""
        count = len(self.points)
        own: Points = self.points[place]
        steps = np.arange(self.steps(_APEX_FROM_PX), self.steps(_APEX_TO_PX) + 1)
        if len(steps) < 3:  # noqa: PLR2004 - two points are too few for a line that antialiasing bends
            return own
        (first, run), (second, other) = (_line(self.points[(place + side * steps) % count]) for side in (-1, 1))
        across = float(cross(run, other))
        if abs(across) < 0.2:  # noqa: PLR2004 - lines nearly parallel meet anywhere
            return own
        apex: Points = first + run * float(cross(second - first, other)) / across
        # Antialiasing rounds an acute corner further off.
        acute = max(float(np.cos(self.turning[place] / 2)), _MOST_ACUTE)
        if np.linalg.norm(apex - own) > _APEX_MOVES_PX / acute:
            return own
        return apex


def trace_ring(polyline: Points, count: int) -> Ring:
    """Return a closed polyline at `count` evenly spaced points."""
    spacing = length(polyline) / count
    points = evenly(polyline, np.inf, count)
    smooth = gaussian_filter1d(points, max(_TANGENT_SMOOTHING_PX / spacing, 0.3), axis=0, mode="wrap")
    tangents = headings(smooth)
    turning = _turning(points, _steps(TURNING_REACH_PX, spacing, count))
    far = np.abs(_turning(points, _steps(_FAR_PX, spacing, count)))
    sharp = (np.abs(turning) >= _CORNER_TURNING) & (far <= _ROUND * np.abs(turning))
    sharp |= _slight_corners(polyline, spacing, count)
    return Ring(points, tangents, turning, sharp, spacing)


def cross(a: Floats, b: Floats) -> Floats:
    """Return the cross products of vectors (..., 2)."""
    crossed: Floats = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return crossed


def headings(points: Floats) -> Floats:
    """Return the unit tangents at the points (..., M, 2) of closed curves, each along the chord of its neighbours."""
    return unit(np.roll(points, -1, axis=-2) - np.roll(points, 1, axis=-2))


def rightwards(tangents: Floats) -> Floats:
    """Return vectors (..., 2) turned by a quarter: normals to the outside of an outline that runs as tangents say."""
    return np.stack([tangents[..., 1], -tangents[..., 0]], axis=-1)


def unit(vectors: Points) -> Points:
    """Return vectors (..., 2) at length 1."""
    units: Points = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return units


def _slight_corners(polyline: Points, spacing: float, count: int) -> NDArray[np.bool_]:
    """Say which of `count` points along a closed polyline stand at slight corners, and not in bends."""
    between = int(np.ceil(spacing / _FINE_PX))
    fine = evenly(polyline, np.inf, count * between)
    near, size, far = (
        np.abs(_turning(fine, _steps(px, spacing / between, len(fine)))) for px in (_NEAR_PX, TURNING_REACH_PX, _FAR_PX)
    )
    slight = (size >= _SLIGHT_TURNING) & (near >= _TURNS_NEAR * size) & (far <= _TURNS_FAR * size)
    around: NDArray[np.bool_] = maximum_filter1d(slight, 2 * (between // 2) + 1, mode="wrap")
    return around[::between]


def _turning(points: Points, reach: int) -> Floats:
    back, ahead = points - np.roll(points, reach, axis=0), np.roll(points, -reach, axis=0) - points
    turning: Floats = np.arctan2(cross(back, ahead), np.sum(back * ahead, axis=1))
    return turning


def _steps(length_px: float, spacing: float, count: int) -> int:
    return int(np.clip(round(length_px / spacing), 1, count // 8))


def _between(values: Points, places: Floats) -> Points:
    whole = np.floor(places)
    share = (places - whole)[..., None]
    first = whole.astype(np.int64) % len(values)
    between: Points = (1 - share) * values[first] + share * values[(first + 1) % len(values)]
    return between


def _line(points: Points) -> tuple[Points, Points]:
    middle = points.mean(axis=0)
    _, _, directions = np.linalg.svd(points - middle)
    return middle, directions[0]
