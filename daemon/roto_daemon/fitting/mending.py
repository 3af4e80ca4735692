"""Mask errors that live a frame or two: bites and spurs, seen on matched samples and taken out before the fit.

A median over time decides about keyframes, but what is wrong by many pixels still bends the frames beside it. An
artist looks at the frames before and after and draws through; so does this.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from roto_daemon.fitting.correspondence import Floats, Matched

_LONGEST = 2
"""Frames that an error may live; what lasts longer is the object's own."""

_LEAST_PX = 2.5
"""Nearer to the neighbours' course than this a sample is noise, or motion: the fit's own robustness is enough."""

_AGREE = 0.2
"""The neighbours must agree with each other this many times better than the sample agrees with them."""

_REACH_PX = 9.0
"""An error's own edges count with it: samples beside it were matched to it as well."""


def mended(matched: Matched) -> Matched:
    """Return the samples with those off for a frame or two put back on the straight course of the frames around.

    Only along the normal is judged: a match that slides along the edge is no error of the mask. Samples on the first
    and last two frames stay: nothing there tells an error from a change.
    """
    points, tangents = matched.points, matched.tangents
    for gap in range(1, _LONGEST + 1):
        wrong, course, heading = _strays(points, tangents, gap, max(round(_REACH_PX / matched.spacing_px), 1))
        points = np.where(wrong[..., None], course, points)
        tangents = np.where(wrong[..., None], heading, tangents)
    return replace(matched, points=points, tangents=tangents)


def _strays(points: Floats, tangents: Floats, gap: int, reach: int) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Return (T, M) which samples stray for `gap` frames, and where and how they lie on their neighbours' course."""
    wrong = np.zeros(points.shape[:2], bool)
    course, heading = points.copy(), tangents.copy()
    for first in range(2, len(points) - gap - 1):
        before, after = first - 1, first + gap
        frames = np.arange(first, after)
        share = ((frames - before) / (gap + 1))[:, None, None]
        between = (1 - share) * points[before] + share * points[after]
        along = (1 - share) * tangents[before] + share * tangents[after]
        along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
        normal = np.stack([along[..., 1], -along[..., 0]], axis=-1)
        off = np.abs(np.sum((points[first:after] - between) * normal, axis=-1)).min(axis=0)
        step = (points[after] - points[before]) / (gap + 1)
        bends = [points[before] - points[before - 1] - step, points[after + 1] - points[after] - step]
        bend = np.max([np.abs(np.sum(each * normal[0], axis=-1)) for each in bends], axis=0)
        found = (off > _LEAST_PX) & (bend < _AGREE * off)
        if found.any():
            found = maximum_filter1d(found, 2 * reach + 1, mode="wrap")
            wrong[first:after] |= found
            course[first:after], heading[first:after] = between, along
    return wrong, course, heading
