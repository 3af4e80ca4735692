"""Pictures for eyes and models: 8-bit display-referred sRGB out of whatever samples a plate has.

OpenColorIO, through OpenImageIO, says what a colour becomes. To ask it about every pixel of a UHD frame takes longer
than to read the frame. Nearly every colour space is one curve for all channels and then a matrix, so both are measured
once from its answers, and used where they give the same levels as its own; any other space is converted by it frame by
frame.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from OpenImageIO import FLOAT, ImageBuf, ImageBufAlgo

from roto_daemon.errors import PlateError
from roto_daemon.pictures import Picture
from roto_daemon.plates.colour import ASSUMED, Colour, is_data, is_light, light_of, srgb_of
from roto_daemon.plates.images import Samples

_CHANNELS = 3
_DARK = 0.003
"""Light below which sRGB is a straight line: errors count there as they are, above it in proportion."""
_WHITE_16 = 65535
_HIGHEST_HALF = 65504.0
_BAND_ROWS = 32
"""Rows converted at a time: those of a UHD frame then stay within the processor's cache."""
_SAME_LEVELS = 0.25
"""Of 255: how far curve and matrix may be from OpenColorIO before rounding. Halves are that coarse at white."""
_PROBED_LEVELS = (0, 13, 46, 102, 179, 230, 255)
"""Of 255, in every combination of red, green and blue: what matrix and curve are measured and checked on."""


def to_display(samples: Samples, colour: Colour) -> Picture:
    """Return samples of shape (height, width, 1 or 3) as a picture; grey becomes red, green and blue.

    What sRGB cannot hold is clipped, NaN is black. Floats of 32 bits go through 16, which moves no value by more than
    one level of 255. Raises PlateError when OpenColorIO cannot convert.
    """
    if samples.dtype == np.uint8 and colour.space == srgb_of(colour.config):
        return _three(np.ascontiguousarray(samples))
    sample = "float16" if samples.dtype.kind == "f" else samples.dtype.name
    convert = _transform(colour, sample)
    shown = np.empty((*samples.shape[:2], _CHANNELS), np.uint8)
    step = samples.shape[0] if convert.is_slow else _BAND_ROWS
    for top in range(0, samples.shape[0], step):
        with np.errstate(over="ignore", invalid="ignore"):  # what 16 bits cannot hold is white or black anyway
            band = samples[top : top + step].astype(sample, copy=False)
        shown[top : top + step] = convert(np.ascontiguousarray(band))
    return shown


def to_light(samples: Samples, colour: Colour) -> tuple[NDArray[np.float32], str]:
    """Return samples of shape (height, width, 1 or 3) as light that can be multiplied and added, and its space.

    A space that is light already is kept; any other becomes light with the primaries of Rec.709. Nothing is clipped,
    NaN is black. Raises PlateError when OpenColorIO cannot convert.
    """
    highest = {"uint8": 255, "uint16": _WHITE_16}.get(samples.dtype.name, 1)
    pixels = np.nan_to_num(_three(samples).astype(np.float32) / np.float32(highest), nan=0.0)
    if is_light(colour):
        return pixels, colour.space
    light = light_of(colour.config)
    return _converted(pixels, colour, light), light


class _Transform:
    """From samples to levels."""

    def __init__(self, work: Callable[[NDArray[Any]], NDArray[np.uint8]], *, is_slow: bool = False) -> None:
        self._work = work
        self.is_slow = is_slow

    def __call__(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        return self._work(samples)


@lru_cache(maxsize=16)
def _transform(colour: Colour, sample: str) -> _Transform:
    values = _values(sample)
    if colour.space == srgb_of(colour.config) or is_data(colour):
        return _Transform(_by_table(np.clip(values, 0, 1)))
    colours, srgb = _probes(values), srgb_of(colour.config)
    asked = np.concatenate([np.repeat(values[:, np.newaxis], _CHANNELS, 1), colours])
    shown = _asked(asked, colour, srgb)
    levels, answers = shown[: len(values), 0], shown[len(values) :]
    indices = _indices(colours, values)
    if _agree(levels[indices], answers):
        return _Transform(_by_table(np.clip(levels, 0, 1)))
    light = _asked(asked, colour, light_of(colour.config))
    curve, matrix = light[: len(values), 0], _fitted_matrix(light[: len(values), 0][indices], light[len(values) :])
    code = _code_of_light(colour.config)
    predicted = np.clip(np.round(curve[indices] @ matrix.T * _WHITE_16), 0, _WHITE_16).astype(int)
    if _agree(code[predicted], answers):
        return _Transform(_by_matrix(curve, matrix, code))
    return _Transform(lambda samples: _by_asking(samples, values, colour), is_slow=True)


def _fitted_matrix(known: NDArray[np.float64], light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what turns the curve of colours, (n, 3), into their light, as nearly as any matrix does."""
    # What is known of bright colours is as exact as of dark ones only in proportion.
    weight = 1 / np.maximum(np.abs(known).max(axis=1, keepdims=True), _DARK)
    return np.asarray(np.linalg.lstsq(known * weight, light * weight, rcond=None)[0].T)


@lru_cache(maxsize=8)
def _code_of_light(config: str) -> NDArray[np.float64]:
    """Return how sRGB codes light of 0 to 1 in 65535 steps: the darkest of 255 levels is then 20 steps wide."""
    grey = np.repeat(np.linspace(0, 1, _WHITE_16 + 1)[:, np.newaxis], _CHANNELS, 1)
    return np.asarray(_asked(grey, Colour(config, light_of(config), ASSUMED), srgb_of(config))[:, 0])


def _values(sample: str) -> NDArray[np.float64]:
    """Return what every sample of a type means, by its bits; what is no number is 0."""
    if sample == "uint8":
        return np.arange(256) / 255
    if sample == "uint16":
        return np.arange(65536) / _WHITE_16
    halves = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float64)
    return np.nan_to_num(halves, nan=0.0, posinf=_HIGHEST_HALF, neginf=-_HIGHEST_HALF)


def _probes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return colours, (n, 3), of values that the type can hold."""
    levels = np.array(_PROBED_LEVELS) / 255
    held = np.sort(values)[np.searchsorted(np.sort(values), levels - 1e-9)]
    return np.stack(np.meshgrid(held, held, held), -1).reshape(-1, _CHANNELS)


def _indices(colours: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.intp]:
    order = np.argsort(values, kind="stable")
    return order[np.searchsorted(values[order], colours)]


def _agree(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return bool(np.abs(np.clip(one, 0, 1) - np.clip(other, 0, 1)).max() * 255 <= _SAME_LEVELS)


def _asked(colours: NDArray[np.float64], colour: Colour, target: str) -> NDArray[np.float64]:
    """Return what OpenColorIO makes of colours, (n, 3)."""
    return np.asarray(_converted(colours.astype(np.float32)[np.newaxis], colour, target)[0], np.float64)


def _converted(pixels: NDArray[np.float32], colour: Colour, target: str) -> NDArray[np.float32]:
    converted = ImageBufAlgo.colorconvert(
        ImageBuf(pixels), colour.space, target, unpremult=False, colorconfig=colour.config
    )
    if converted.has_error:
        reason = converted.geterror().strip().splitlines()[0].rstrip(".")
        raise PlateError(
            f"'{colour.space}' cannot be shown as sRGB by the OCIO configuration {colour.config}: {reason}."
        )
    return np.asarray(converted.get_pixels(FLOAT))


def _by_table(levels: NDArray[np.float64]) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Return a conversion of each sample by itself; `levels` is what each becomes, 0 to 1, by its bits."""
    table = np.round(levels * 255).astype(np.uint8)
    return lambda samples: _three(_looked_up(samples, table))


def _by_matrix(
    curve: NDArray[np.float64], matrix: NDArray[np.float64], code: NDArray[np.float64]
) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Return a conversion by the curve of each sample, a matrix between them, and the code of light."""
    light = np.clip(curve, -_HIGHEST_HALF, _HIGHEST_HALF).astype(np.float32)
    scaled = (matrix * _WHITE_16).astype(np.float32)
    table = np.round(np.clip(code, 0, 1) * 255).astype(np.uint8)

    def convert(samples: NDArray[Any]) -> NDArray[np.uint8]:
        lit = cv2.transform(_three(_looked_up(samples, light)), scaled)
        # OpenCV rounds and saturates while it converts.
        return np.asarray(cv2.LUT(cv2.addWeighted(lit, 1, lit, 0, 0, dtype=cv2.CV_16U), table), np.uint8)

    return convert


def _by_asking(samples: NDArray[Any], values: NDArray[np.float64], colour: Colour) -> NDArray[np.uint8]:
    pixels = _three(_looked_up(samples, values.astype(np.float32)))
    shown = np.nan_to_num(_converted(pixels, colour, srgb_of(colour.config)), nan=0.0)
    return np.round(np.clip(shown, 0, 1) * 255).astype(np.uint8)


def _looked_up(samples: NDArray[Any], table: NDArray[Any]) -> NDArray[Any]:
    bits = samples if samples.dtype == np.uint8 else samples.view(np.uint16)
    return np.asarray(cv2.LUT(bits, table)).reshape(samples.shape)


def _three(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels if pixels.shape[2] == _CHANNELS else np.repeat(pixels, _CHANNELS, axis=2)
