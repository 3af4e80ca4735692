"""The colour of an object by itself, where its edge shows the background too."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines.matting.tiles import Tiling, windows
from roto_daemon.pictures import Matte

_WINDOWS_PX = (90, 6)
"""Sides of the two passes' windows: the first takes colour from as far as hair is long, the second gives detail back.
They are those of the paper."""
_TILING = Tiling(1024, 64)
"""Overlaps by more than both windows reach: tiles give what the whole plate would."""
_LEAST = 1e-5


def own_colour(plate: NDArray[np.float32], matte: Matte) -> NDArray[np.float32]:
    """Return the object's colour, not multiplied, (height, width, channels) of `plate`, whose values may be any light.

    Two passes of blurring and blending (Forte, "Approximate fast foreground colour estimation", 2021): unlike those
    that solve, it keeps light above 1. Where the matte is 0 or 1 it is the plate.
    """
    colour = plate.copy()
    soft = (matte > 0) & (matte < 1)
    for window in windows(soft, _TILING):
        found = _unmixed(plate[window], matte[window])
        colour[window][soft[window]] = found[soft[window]]
    return colour


def taken_out(plate: NDArray[np.float32], matte: Matte) -> NDArray[np.float32]:
    """Return an object without its background: (height, width, 4), light multiplied by the matte, and the matte."""
    coverage = matte[..., np.newaxis]
    return np.concatenate([own_colour(plate, matte) * coverage, coverage], axis=2)


def _unmixed(plate: NDArray[np.float32], matte: Matte) -> NDArray[np.float32]:
    coverage = matte[..., np.newaxis]
    front, back = plate, plate
    for side in _WINDOWS_PX:
        inside, outside = _blurred(matte, side)[..., np.newaxis], _blurred(1 - matte, side)[..., np.newaxis]
        near = _blurred(front * coverage, side) / (inside + _LEAST)
        back = _blurred(back * (1 - coverage), side) / (outside + _LEAST)
        front = near + coverage * (plate - coverage * near - (1 - coverage) * back)
    return front


def _blurred(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(image, (side, side)), np.float32)
