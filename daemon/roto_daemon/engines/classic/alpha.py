"""From the object at working size to a matte at plate size: soft where the picture is soft, hard elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines import Matte, Picture
from roto_daemon.engines.classic.cut import EDGE, around, signed_distance
from roto_daemon.engines.classic.working import Field, Scale

# Half width of the band in which the matte may be soft, in working pixels.
_BAND_PX = 4.0
# Window of the guided filter, in working pixels: two windows must fit into the band.
_RADIUS_PX = 3
# Colour variance (of 0 to 1) below which a window counts as flat and is averaged instead of followed.
_EPSILON = 1e-4
# The band's rim, over which the soft matte passes into the hard one.
_RIM_PX = 1.5


def matte_of(picture: Picture, soft: Field, scale: Scale) -> Matte:
    """Return the matte of an object: (height, width) of the plate, exactly 0 or 1 away from its outline.

    A colour guided filter (He et al. 2010) is fitted at working size and applied at plate size (the fast guided
    filter, He and Sun 2015), so that the edge follows the full-resolution picture.
    """
    inside = soft >= EDGE
    k = scale.factor
    hard = scale.enlarge(inside).astype(np.float32)
    distance = signed_distance(inside)
    window = around(np.abs(distance) < _BAND_PX, 2 * _RADIUS_PX)
    if window is None:
        return hard
    plate = tuple(slice(part.start * k, part.stop * k) for part in window)
    patch = picture[plate]
    view = scale.view(picture).picture if k > 1 else picture
    slope, offset = _guide(view[window], soft[window])
    height, width = patch.shape[:2]
    size = (
        (min(window[1].stop, soft.shape[1]) - window[1].start) * k,
        (min(window[0].stop, soft.shape[0]) - window[0].start) * k,
    )
    enlarged = [cv2.resize(each, size, interpolation=cv2.INTER_LINEAR)[:height, :width] for each in (slope, offset)]
    guided = (enlarged[0] * patch).sum(2) / 255 + enlarged[1]
    reach = cv2.resize(distance[window], size, interpolation=cv2.INTER_LINEAR)[:height, :width]
    weight = np.clip((_BAND_PX - np.abs(reach)) / _RIM_PX, 0, 1)
    hard[plate] += weight * (np.clip(guided, 0, 1) - hard[plate])
    return hard


def _guide(picture: Picture, soft: Field) -> tuple[NDArray[np.float32], Field]:
    """Return the slope per colour (h, w, 3) and the offset (h, w) that predict coverage from colour nearby."""
    colour = picture.astype(np.float32) / np.float32(255)
    mean, level = _average(colour), _average(soft)
    spread = _average(colour[..., :, None] * colour[..., None, :]) - mean[..., :, None] * mean[..., None, :]
    shared = _average(colour * soft[..., None]) - mean * level[..., None]
    slope = _solve(spread, shared)
    offset = level - (slope * mean).sum(-1)
    return _average(slope), _average(offset)


def _solve(spread: NDArray[np.float32], shared: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return x of `(spread + epsilon) x = shared` for symmetric 3x3 matrices, by cofactors: tenfold quicker than LU."""
    a, b, c = (spread[..., i, i] + _EPSILON for i in range(3))
    d, e, f = spread[..., 0, 1], spread[..., 0, 2], spread[..., 1, 2]
    rows = (
        (b * c - f * f, e * f - c * d, d * f - b * e),
        (e * f - c * d, a * c - e * e, d * e - a * f),
        (d * f - b * e, d * e - a * f, a * b - d * d),
    )
    scale = a * rows[0][0] + d * rows[0][1] + e * rows[0][2]
    return np.stack([sum(m * shared[..., i] for i, m in enumerate(row)) / scale for row in rows], -1)


def _average(image: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = np.ascontiguousarray(image.reshape(*image.shape[:2], -1))
    side = 2 * _RADIUS_PX + 1
    parts = [cv2.blur(flat[..., i], (side, side), borderType=cv2.BORDER_REFLECT) for i in range(flat.shape[2])]
    return np.asarray(np.stack(parts, -1).reshape(image.shape), np.float32)
