"""Packing a matte for the store and the wire: cropped to what is covered, 16 or 8 bits a sample, zstandard.

Samples are little-endian, rows from the top. 0 and 1 come back exactly; anything between them by less than
1 / 65535 (16 bits) or 1 / 255 (8 bits).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import zstandard
from numpy.typing import NDArray

from roto_daemon.errors import PlateError

Box = tuple[int, int, int, int]

_LEVEL = 1
"""Of zstandard. Mattes are runs of 0 and of 1: higher levels cost time and save little."""
_WHITE = {8: 255, 16: 65535}
_SAMPLE: dict[int, np.dtype[np.uint8] | np.dtype[np.uint16]] = {
    8: np.dtype(np.uint8),
    16: np.dtype(np.uint16).newbyteorder("<"),
}
_CV_DEPTH = {8: cv2.CV_8U, 16: cv2.CV_16U}


@dataclass(frozen=True)
class EncodedMatte:
    """A packed matte of `width` x `height` pixels.

    `box` is left, top, right, bottom of the part in `data`; right and bottom are the first outside. Coverage is 0
    outside it; a matte without coverage has the box (0, 0, 0, 0) and no data.
    """

    width: int
    height: int
    box: Box
    bits: int
    data: bytes


def encode_matte(matte: NDArray[np.float32], bits: int = 16) -> EncodedMatte:
    """Pack a matte, (height, width) of coverage; outside 0 to 1 it is clipped, what is not finite is 0."""
    height, width = matte.shape
    box = covered_box(matte)
    left, top, right, bottom = box
    if right == left:
        return EncodedMatte(width, height, box, bits, b"")
    part = matte[top:bottom, left:right]
    # OpenCV rounds and saturates while it converts, in one pass.
    samples = cv2.addWeighted(part, _WHITE[bits], part, 0, 0, dtype=_CV_DEPTH[bits])
    data = zstandard.compress(samples.astype(_SAMPLE[bits], copy=False).data, _LEVEL)
    return EncodedMatte(width, height, box, bits, data)


def decode_matte(encoded: EncodedMatte) -> NDArray[np.float32]:
    """Return the coverage, (height, width), 0 to 1; raises PlateError for data that is no packed matte."""
    left, top, right, bottom = encoded.box
    inside = 0 <= left <= right <= encoded.width and 0 <= top <= bottom <= encoded.height
    if not inside or encoded.bits not in _WHITE:
        raise PlateError("A stored matte is damaged: its header makes no sense. Track the frame again.")
    matte = np.zeros((encoded.height, encoded.width), np.float32)
    if right > left:
        samples = _unpack(encoded, (bottom - top, right - left))
        np.multiply(samples, np.float32(1 / _WHITE[encoded.bits]), out=matte[top:bottom, left:right])
    return matte


def covered_box(matte: NDArray[np.float32]) -> Box:
    """Return left, top, right, bottom of all pixels above 0; zeros when there is none."""
    left, top, width, height = cv2.boundingRect((matte > 0).view(np.uint8))
    return left, top, left + width, top + height


def _unpack(encoded: EncodedMatte, shape: tuple[int, int]) -> NDArray[np.generic]:
    sample = _SAMPLE[encoded.bits]
    size = shape[0] * shape[1] * sample.itemsize
    try:
        data = zstandard.decompress(encoded.data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise PlateError("A stored matte is damaged: it cannot be unpacked. Track the frame again.") from error
    if len(data) != size:
        raise PlateError("A stored matte is damaged: it is cut short. Track the frame again.")
    return np.frombuffer(data, sample).reshape(shape)
