"""Trimaps: where a mask is sure of the object, sure of what surrounds it, and where coverage must be found."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import PromptError
from roto_daemon.pictures import Matte

Trimap = NDArray[np.uint8]
"""(height, width): `OUTSIDE`, `UNKNOWN` or `INSIDE`."""

OUTSIDE, UNKNOWN, INSIDE = 0, 128, 255

LARGEST_BAND_PX = 512.0
"""Of either side of the edge: wider bands leave nothing known on any plate."""

_EDGE = 0.5
_SURE = 0.02
"""Coverage nearer than this to 0 or 1 is no doubt of the mask's, but rounding and noise of its compression."""
_MODEL_SIDE_PX = 1024
"""Models think at this size at most."""
_LEAST_MODEL_PX = 2.0
"""How far an outline made at a model's size may be off, in its pixels."""
_KEPT_SHARE = 0.5
"""Of half the local thickness: a thin part keeps its core, where its own colour is seen, whatever the band."""

_THINNEST_CORE_PX = 1.5
"""A part thinner than four pixels has no core: its mask is no better known than its edge."""


def trimap(mask: Matte, band_px: float | None = None) -> Trimap:
    """Return the trimap of a mask, coverage 0 to 1 of shape (height, width).

    `band_px` is how far to either side of the edge coverage is unknown. None takes the mask's word: wherever its
    coverage is neither 0 nor 1, and as far beyond as the outline of a model may be off. Raises PromptError for a band
    that is not above 0 and at most 512 px.
    """
    if band_px is not None and not 0 < band_px <= LARGEST_BAND_PX:
        raise PromptError(f"A band of {band_px:g} px cannot be: give more than 0 and at most {LARGEST_BAND_PX:g}.")
    inside = (mask >= _EDGE).astype(np.uint8)
    made = np.where(inside, np.uint8(INSIDE), np.uint8(OUTSIDE))
    if not inside.any() or inside.all():
        return made
    reach = _least_px(mask) if band_px is None else band_px
    window = _round(mask > _SURE, math.ceil(reach) + 1)
    unknown = _near(inside[window], reach)
    if band_px is None:
        unknown |= _doubted(mask[window], reach)
    made[window][unknown] = UNKNOWN
    return made


def _round(inside: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """Return the part of a mask beyond which it is outside, with a margin: distances are costly on a whole plate."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin),
    )


def _least_px(mask: Matte) -> float:
    return _LEAST_MODEL_PX * max(1.0, max(mask.shape) / _MODEL_SIDE_PX)


def _near(inside: NDArray[np.uint8], reach: float) -> NDArray[np.bool_]:
    """Return what lies nearer to the edge than `reach`, without the cores of thin parts."""
    within = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    without = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # The largest distance nearby is half the thickness here; a wider look than this would be at other parts.
    side = 2 * int(np.ceil(reach)) + 1
    half = cv2.dilate(within, np.ones((side, side), np.uint8))
    core = within > np.maximum(_KEPT_SHARE * half, _THINNEST_CORE_PX)
    return np.asarray(((within > 0) & (within <= reach) & ~core) | ((without > 0) & (without <= reach)), bool)


def _doubted(mask: Matte, reach: float) -> NDArray[np.bool_]:
    doubt = ((mask > _SURE) & (mask < 1 - _SURE)).astype(np.uint8)
    size = 2 * round(reach) + 1
    return np.asarray(cv2.dilate(doubt, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))), bool)
