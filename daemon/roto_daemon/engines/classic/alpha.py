"""From the object at working size to a matte at plate size: soft where the picture is soft, hard elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines import Matte, Picture
from roto_daemon.engines.classic.cut import EDGE, around, signed_distance
from roto_daemon.engines.classic.working import Field, Scale
from roto_daemon.engines.guided import colour_lines

# Half width of the band in which the matte may be soft, in working pixels.
_BAND_PX = 4.0
# Window of the guided filter, in working pixels: two windows must fit into the band.
_RADIUS_PX = 3
# Colour variance (of 0 to 1) below which a window counts as flat and is averaged instead of followed.
_EPSILON = 1e-4
# A guided filter leaves a haze of about a tenth over texture on either side; stretching about the half level
# removes it and leaves the edge where it is.
_HAZE_GAIN = 1.35
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
    slope, offset, trust = colour_lines(view[window], soft[window], _RADIUS_PX, _EPSILON)
    height, width = patch.shape[:2]
    size = (slope.shape[1] * k, slope.shape[0] * k)

    def enlarged(field: NDArray[np.float32], how: int = cv2.INTER_LINEAR) -> NDArray[np.float32]:
        return np.asarray(cv2.resize(field, size, interpolation=how)[:height, :width], np.float32)

    guided = (enlarged(slope) * patch).sum(2) / 255 + enlarged(offset)
    plain = enlarged(soft[window], cv2.INTER_CUBIC)
    mixed = plain + enlarged(trust) * (np.clip(guided, 0, 1) - plain)
    clear = np.clip(EDGE + _HAZE_GAIN * (mixed - EDGE), 0, 1)
    weight = np.clip((_BAND_PX - np.abs(enlarged(distance[window]))) / _RIM_PX, 0, 1)
    hard[plate] += weight * (clear - hard[plate])
    return hard
