"""Edges at the plate's own resolution, for masks that a model made smaller than the plate.

Models see 1024 pixels or fewer; enlarged, their outline has steps or is rounded off. Here the mask grows to the plate
by factors of two, and at each size its edge moves to where the picture of that size has one.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from roto_daemon.engines.guided import colour_lines
from roto_daemon.engines.matting.tiles import Tiling, Window, solve
from roto_daemon.pictures import Matte, Picture

# Tuned on composites of 4K whose masks were made at 1024 and 256 px (tests/standins/matte_composites.py, seeds 1 to 3).
_BAND_PX = 4
"""How far from where it is thought to be the edge is looked for, at each size: a mask of half the size is off by one
or two pixels."""
_RADIUS_PX = 3
_EPSILON = 1e-5
_HAZE_GAIN = 1.35
"""A guided filter leaves haze over texture on either side; stretching about the half level removes it."""
_TILING = Tiling(256, 24)
_EDGE = 0.5
_WHITE = 255


def native_edges(picture: Picture, mask: Matte) -> Matte:
    """Return a mask at the plate's size, (height, width) of `picture`, whose edge is the one that the picture shows.

    `mask` is coverage, or a model's probability, 0 to 1, of the whole picture in fewer pixels or as many; it may be of
    another shape, as models squash pictures. Away from the edge the result is exactly 0 or 1. Memory: four floats a
    pixel.
    """
    height, width = picture.shape[:2]
    smaller = max(height / mask.shape[0], width / mask.shape[1], 1)
    grown = mask
    for halvings in range(math.ceil(math.log2(smaller)), -1, -1):
        step = 2**halvings
        size = (-(-width // step), -(-height // step))
        seen = picture if step == 1 else np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        grown = _at_edges(seen, np.asarray(cv2.resize(grown, size, interpolation=cv2.INTER_CUBIC), np.float32))
    return grown


def regained(picture: Picture, mask: Matte, made_at_px: int) -> Matte:
    """Return `native_edges` of a mask that was enlarged since it was made at a longer side of `made_at_px`.

    One that was not, or 0, comes back as it is where it has the plate's size.
    """
    longest = max(mask.shape)
    if 0 < made_at_px < longest:
        size = (round(mask.shape[1] * made_at_px / longest), round(mask.shape[0] * made_at_px / longest))
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    return mask if mask.shape == picture.shape[:2] else native_edges(picture, mask)


def _at_edges(picture: Picture, mask: Matte) -> Matte:
    """Return a mask whose edge has moved by up to the band's width to where the picture has one."""
    inside = mask >= _EDGE
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _BAND_PX + 1, 2 * _BAND_PX + 1))
    near = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, disc).astype(bool)
    prior = np.where(near, np.clip(mask, 0, 1), inside).astype(np.float32)

    def coverage(window: Window) -> Matte:
        colour = picture[window] / np.float32(_WHITE)
        slope, offset, trust = colour_lines(picture[window], prior[window], _RADIUS_PX, _EPSILON)
        guided = np.clip((slope * colour).sum(2) + offset, 0, 1)
        followed = prior[window] + trust * (guided - prior[window])
        return _EDGE + _HAZE_GAIN * (followed - _EDGE)

    found = solve(near, _TILING, coverage)
    return np.where(near, found, prior)
