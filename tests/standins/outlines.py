"""What outlines cover, for hosts that fill by the non-zero rule and paint one outline over the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Place = tuple[float, float]

_FINE = 8
"""Pictures are filled at so many times their size."""
_FINER_BITS = 4


def inside(outline: Sequence[Place], place: Place) -> bool:
    """Say whether a place lies within a closed outline of straight pieces."""
    x, y = place
    winding = 0
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]]):
        if (y0 <= y) != (y1 <= y) and x0 + (x1 - x0) * (y - y0) / (y1 - y0) > x:
            winding += 1 if y1 > y0 else -1
    return winding != 0


def painted(size: tuple[int, int], outlines: Iterable[tuple[Sequence[Place], bool]]) -> Any:  # noqa: ANN401 - an array, where there is numpy
    """Return coverage 0 to 1, (height, width), of outlines in pixels, each with whether it adds, else it cuts."""
    import cv2  # noqa: PLC0415 - only where pictures are compared
    import numpy as np  # noqa: PLC0415 - the same

    width, height = size
    picture = np.zeros((height * _FINE, width * _FINE), np.uint8)
    for places, adds in outlines:
        at = np.round((np.array(places) * _FINE - 0.5) * (1 << _FINER_BITS)).astype(np.int32)
        cv2.fillPoly(picture, [at], 255 if adds else 0, shift=_FINER_BITS)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) / 255
