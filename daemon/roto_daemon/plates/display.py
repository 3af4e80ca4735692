"""Pictures for eyes and models: 8-bit display-referred sRGB out of whatever samples a plate has."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import PlateError
from roto_daemon.pictures import Picture
from roto_daemon.plates.images import Samples

DISPLAY = "display"
LINEAR = "scene-linear"
_SPACES = {"": "", "srgb": DISPLAY, "display": DISPLAY, "scene-linear": LINEAR, "linear": LINEAR}
_CHANNELS = 3
_SRGB_KNEE = 0.0031308
"""IEC 61966-2-1: light up to here is coded on a straight line; the other numbers of its curve stand in `_table`."""


def encoding_of(colour_space: str, *, is_float: bool, said: str = "") -> str:
    """Return `DISPLAY` or `LINEAR`: what the user says, else what the file says, else linear for floats alone.

    Raises PlateError for a space that is none of "sRGB", "display", "scene-linear" and "linear".
    """
    try:
        given = _SPACES[colour_space.strip().lower()]
    except KeyError:
        raise PlateError(
            f"The colour space '{colour_space}' is not known here: say sRGB for pictures as a screen shows them, "
            "or scene-linear."
        ) from None
    if given:
        return given
    return LINEAR if is_float and not said.lower().startswith("srgb") else DISPLAY


def to_display(samples: Samples, encoding: str) -> Picture:
    """Return samples of shape (height, width, 1 or 3) as a picture; grey becomes red, green and blue.

    Light is clipped to 0 to 1, NaN is black. Floats of 32 bits go through 16, which moves no value by more than one
    level of 255.
    """
    if samples.dtype == np.float32:
        with np.errstate(over="ignore", invalid="ignore"):  # what 16 bits cannot hold is white or black anyway
            samples = samples.astype(np.float16)
    shown: NDArray[Any] = np.ascontiguousarray(samples)
    if samples.dtype != np.uint8 or encoding != DISPLAY:
        bits = shown if samples.dtype == np.uint8 else shown.view(np.uint16)
        shown = cv2.LUT(bits, _table(samples.dtype.name, encoding)).reshape(samples.shape)
    if shown.shape[2] != _CHANNELS:
        shown = np.repeat(shown, _CHANNELS, axis=2)
    return shown


@lru_cache(maxsize=8)
def _table(sample: str, encoding: str) -> NDArray[np.uint8]:
    """Return the level, 0 to 255, of every value that a sample can have, by its bits."""
    if sample == "uint8":
        light = np.arange(256) / 255
    elif sample == "uint16":
        light = np.arange(65536) / 65535
    else:
        light = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float64)
    light = np.clip(np.nan_to_num(light, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    if encoding == LINEAR:
        light = np.where(light <= _SRGB_KNEE, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(light * 255).astype(np.uint8)
