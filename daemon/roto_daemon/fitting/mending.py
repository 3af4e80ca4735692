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
from roto_daemon.fitting.ring import rightwards

_LONGEST = 2
"""Frames that an error may live; what lasts longer is the object's own."""

_LEAST_PX = 2.5
"""Nearer to the neighbours' course than this a sample is noise, or motion: the fit's own robustness is enough."""

_AGREE = 0.2
"""The neighbours must agree with each other this many times better than the sample agrees with them."""

_STEADY_FRAMES = 5
"""Frames next to a clip's end that must move steadily before the end itself is thought wrong."""

_LARGEST_SHARE = 0.4
"""Share of an outline, at a clip's end, from which a jump is the object's own motion."""

_REACH_PX = 9.0
"""An error's own edges count with it: samples beside it were matched to it as well."""


def mended(matched: Matched) -> Matched:
    """Return the samples with those off for a frame or two put back on the straight course of the frames around.

    Only along the normal is judged: a match that slides along the edge is no error of the mask.
    """
    points, tangents = matched.points, matched.tangents
    reach = max(round(_REACH_PX / matched.spacing_px), 1)
    for gap in range(1, _LONGEST + 1):
        wrong, course, heading = _strays(points, tangents, gap, reach)
        points = np.where(wrong[..., None], course, points)
        tangents = np.where(wrong[..., None], heading, tangents)
    for gap in range(1, _LONGEST + 1):
        points, tangents = _begun_well(points, tangents, gap, reach)
        points, tangents = (each[::-1] for each in _begun_well(points[::-1], tangents[::-1], gap, reach))
    return replace(matched, points=points, tangents=tangents)


def _begun_well(points: Floats, tangents: Floats, gap: int, reach: int) -> tuple[Floats, Floats]:
    """Return samples with those that stray on the first `gap` frames put where the frames after them come from.

    There is no frame before that could tell an error from a change: only a small part of the outline, off by a jump
    against motion that is steady afterwards, is taken for one.
    """
    if len(points) < gap + _STEADY_FRAMES:
        return points, tangents
    known = points[gap : gap + _STEADY_FRAMES]
    step = known[1] - known[0]
    course = known[0] - np.arange(gap, 0, -1)[:, None, None] * step
    normal = rightwards(tangents[gap])
    off = np.abs(np.sum((points[:gap] - course) * normal, axis=-1)).min(axis=0)
    bends = np.abs(np.sum((known[:-2] - 2 * known[1:-1] + known[2:]) * normal, axis=-1)).max(axis=0)
    # An acceleration that goes on takes samples off a straight course by the square of the frames.
    found = (off > _LEAST_PX) & (bends * gap * (gap + 1) / 2 < _AGREE * off)
    found = maximum_filter1d(found, 2 * reach + 1, mode="wrap")
    if found.mean() > _LARGEST_SHARE:
        return points, tangents
    points, tangents = points.copy(), tangents.copy()
    points[:gap] = np.where(found[:, None], course, points[:gap])
    tangents[:gap] = np.where(found[:, None], tangents[gap], tangents[:gap])
    return points, tangents


def _strays(points: Floats, tangents: Floats, gap: int, reach: int) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Return (T, M) which samples stray for `gap` frames, and where and how they lie on their neighbours' course."""
    wrong = np.zeros(points.shape[:2], bool)
    course, heading = points.copy(), tangents.copy()
    for first in range(1, len(points) - gap):
        before, after = first - 1, first + gap
        share = ((np.arange(first, after) - before) / (gap + 1))[:, None, None]
        between = (1 - share) * points[before] + share * points[after]
        along = (1 - share) * tangents[before] + share * tangents[after]
        along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
        normal = rightwards(along)
        off = np.abs(np.sum((points[first:after] - between) * normal, axis=-1)).min(axis=0)
        step = (points[after] - points[before]) / (gap + 1)
        bends = [_bend(points, at, way, step, normal[0]) for at, way in ((before, -1), (after, 1))]
        known = [bend for bend in bends if bend is not None]
        if not known:
            continue
        found = (off > _LEAST_PX) & (np.max(known, axis=0) < _AGREE * off)
        if found.any():
            found = maximum_filter1d(found, 2 * reach + 1, mode="wrap")
            wrong[first:after] |= found
            course[first:after] = np.where(found[:, None], between, course[first:after])
            heading[first:after] = np.where(found[:, None], along, heading[first:after])
    return wrong, course, heading


def _bend(points: Floats, at: int, way: int, step: Floats, normal: Floats) -> Floats | None:
    """Return (M,) px that the course bends by at a frame, against the step to the one beyond; None at a clip's end."""
    beyond = at + way
    if not 0 <= beyond < len(points):
        return None
    bend: Floats = np.abs(np.sum((points[beyond] - points[at] - way * step) * normal, axis=-1))
    return bend
