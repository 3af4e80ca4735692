"""Cutting along edges: graph cuts in a band, connected parts, signed distances. All in working pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from roto_daemon.engines.classic.working import Field, Mask

SURE_OUT, SURE_IN, LIKELY_OUT, LIKELY_IN = cv2.GC_BGD, cv2.GC_FGD, cv2.GC_PR_BGD, cv2.GC_PR_FGD

# The coverage at which a soft mask has its outline.
EDGE = 0.5
# How far from the expected outline a cut may move it. Measured best at half size.
BAND_PX = 4.0
# The surroundings that colour models learn from.
_MARGIN_PX = 40
# Smaller parts than this share of the largest are specks of the cut, not limbs of the object.
_SPECK_SHARE = 0.02
# Softens the staircase of a cut just enough for a smooth outline at half coverage.
_STAIR_SIGMA_PX = 0.8
# OpenCV seeds its colour clusters at random: the same seed before each cut makes runs repeat to the bit.
_SEED = 20011
# Learning colours needs no more than one pixel in this many rows and columns.
_STRIDE = 3
_UNUSED_RECT = (0, 0, 1, 1)
# Colour models of five clusters need a few pixels each.
_FEWEST_SAMPLES = 8


@dataclass(frozen=True)
class Models:
    """Colour models of what surrounds an object and of the object, as OpenCV keeps them."""

    outside: NDArray[np.float64]
    inside: NDArray[np.float64]


def grab_cut(colours: NDArray[np.uint8], labels: NDArray[np.uint8], iterations: int) -> Mask:
    """Return the object after `iterations` rounds of GrabCut (Rother et al. 2004) from four-way labels.

    Where a side has too few pixels for a colour model the labels come back as they are.
    """
    cut = labels.copy()
    if _can_learn(_is_in(labels)):
        cv2.setRNGSeed(_SEED)
        cv2.grabCut(colours, cut, _UNUSED_RECT, *_no_models(), iterations, cv2.GC_INIT_WITH_MASK)
    return _is_in(cut)


def learned(colours: NDArray[np.uint8], mask: Mask) -> Models | None:
    """Return the colour models of a mask and its surroundings; None where a side has too few pixels for one.

    Every ninth pixel teaches: enough for five clusters a side.
    """
    around_it = around(mask, _MARGIN_PX)
    if around_it is None:
        return None
    sparse = np.ascontiguousarray(colours[around_it][::_STRIDE, ::_STRIDE])
    inside = mask[around_it][::_STRIDE, ::_STRIDE]
    if not _can_learn(inside):
        return None
    models = _no_models()
    cv2.setRNGSeed(_SEED)
    labels = np.where(inside, SURE_IN, SURE_OUT).astype(np.uint8)
    cv2.grabCut(sparse, labels, _UNUSED_RECT, *models, 1, cv2.GC_INIT_WITH_MASK)
    return Models(*models)


def cut_band(colours: NDArray[np.uint8], expected: Mask, loose: Mask, models: Models | None) -> Mask:
    """Return the expected object with its outline moved to the best cut through the loose pixels.

    The colours are those learned before: what is expected wrongly must not teach that it is right.
    """
    window = around(loose, _MARGIN_PX)
    if window is None or models is None:
        return expected
    inside, free = expected[window], loose[window]
    labels = np.where(inside, SURE_IN, SURE_OUT).astype(np.uint8)
    labels[free & inside] = LIKELY_IN
    labels[free & ~inside] = LIKELY_OUT
    outline = (models.outside.copy(), models.inside.copy())
    cv2.grabCut(np.ascontiguousarray(colours[window]), labels, _UNUSED_RECT, *outline, 1, cv2.GC_EVAL_FREEZE_MODEL)
    result = expected.copy()
    result[window] = _is_in(labels)
    return result


def _no_models() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.zeros((1, 65)), np.zeros((1, 65))


def _can_learn(inside: Mask) -> bool:
    count = np.count_nonzero(inside)
    return bool(min(count, inside.size - count) >= _FEWEST_SAMPLES)


def _is_in(labels: NDArray[np.uint8]) -> Mask:
    return np.asarray((labels == SURE_IN) | (labels == LIKELY_IN), bool)


def signed_distance(mask: Mask) -> Field:
    """Return the distance to the outline in px: positive inside, negative outside, never between -0.5 .5.

    With no outline at all the distance is larger than any frame.
    """
    if mask.all() or not mask.any():
        return np.where(mask, 1e6, -1e6).astype(np.float32)
    within = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    without = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(np.where(mask, within - 0.5, 0.5 - without), np.float32)


def around(mask: Mask, margin: int) -> tuple[slice, slice] | None:
    """Return the rows and columns of a mask's bounding box, widened by `margin`; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )


def without_specks(mask: Mask) -> Mask:
    """Return a mask without parts, and without holes, that are tiny beside its largest part."""
    labels, count = ndimage.label(mask)
    if not count:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    least = _SPECK_SHARE * sizes.max()
    return without_pinholes((sizes >= least)[labels], least / 2)


def without_pinholes(mask: Mask, largest: float) -> Mask:
    """Return a mask whose holes of up to `largest` pixels are closed."""
    labels, _ = ndimage.label(ndimage.binary_fill_holes(mask) & ~mask)
    sizes = np.bincount(labels.ravel())
    small = sizes <= largest
    small[0] = False
    return np.asarray(mask | small[labels], bool)


def part_at(mask: Mask, column: int, row: int) -> Mask:
    """Return the connected part of a mask that holds a pixel; empty when the pixel is outside it."""
    labels, _ = ndimage.label(mask)
    return np.asarray((labels == labels[row, column]) & mask, bool)


def soften(mask: Mask) -> Field:
    """Return coverage 0 to 1 whose half level runs smoothly along a mask's staircase."""
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _STAIR_SIGMA_PX), np.float32)


def disc(shape: tuple[int, int], column: int, row: int, radius: int) -> Mask:
    """Return a filled disc in a frame."""
    canvas = np.zeros(shape, np.uint8)
    cv2.circle(canvas, (column, row), radius, 1, -1)
    return canvas.astype(bool)
