"""A frame to look at: a small JPEG file of the whole display window."""

from __future__ import annotations

import cv2
import numpy as np

from roto_daemon.pictures import Picture

LIMIT_BYTES = 3 << 19
"""Below the 2 MiB that one message of the gateway may have; a network of 1 Gbit/s carries it in 13 ms."""
LEAST_PX, MOST_PX = 16, 4096
_QUALITIES = (92, 75)
"""The first is not told from the plate by eye, the second is where blocks begin to show."""
_SMALLER = 0.75


def as_jpeg(picture: Picture, longest_px: int) -> bytes:
    """Return a picture as a JPEG file of at most `longest_px` along its longer side and `LIMIT_BYTES`.

    Colour has the resolution of brightness: an edge between red and black is where roto is drawn. What is too large
    for that, such as grain at 4096 px, comes with less quality, then smaller.
    """
    side = min(longest_px, max(picture.shape[:2]))
    while True:
        for quality in _QUALITIES:
            data = _encoded(_at_most(picture, side), quality)
            if len(data) <= LIMIT_BYTES:
                return data
        side = round(side * _SMALLER)


def _at_most(picture: Picture, side: int) -> Picture:
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(picture: Picture, quality: int) -> bytes:
    options = (
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    )
    data: bytes = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()
    return data
