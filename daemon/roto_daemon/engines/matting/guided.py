"""Coverage by what colours nearby belong to the object and to the background, then a colour guided filter.

No weights, no solver, the same to the bit on every run.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines.guided import colour_lines
from roto_daemon.engines.matting.tiles import Tiling
from roto_daemon.engines.matting.trimap import INSIDE, OUTSIDE, UNKNOWN, Trimap
from roto_daemon.pictures import Matte, Picture

# All tuned on composites of hard, hairy and blurred edges (tests/standins/composites.py, seeds 1 to 3).
_RADIUS_PX = 3
_EPSILON = 1e-4
_SIDES_PX = (31, 93)
"""Of the windows that known colours are taken from; the wider one counts where the narrower has none."""
_WIDE_SHARE = 1e-3
_NOISE_GAIN = 1.5
"""Standard deviations of a surface's own texture that are no coverage."""
_LEAST_SPAN = 0.2
"""Of what is left between both textures: with less, colour tells nothing and the mask is taken."""
_CLEAR_SPAN = 0.5
"""With so much the mask counts no more."""
_LEAST = 1e-4
_WHITE = 255

Field = NDArray[np.float32]


class GuidedMatter:
    """Tells the object's colours from the background's, and follows edges in the picture."""

    tiling = Tiling(512, 64)

    def coverage(self, picture: Picture, known: Trimap, mask: Matte) -> Matte:
        """Return the coverage of a tile."""
        colour = picture.astype(np.float32) / np.float32(_WHITE)
        inside = (known == INSIDE).astype(np.float32)
        seen, clear = _by_colour(colour, inside, (known == OUTSIDE).astype(np.float32))
        prior = np.where(known == UNKNOWN, mask + clear * (seen - mask), inside).astype(np.float32)
        slope, offset, _ = colour_lines(picture, prior, _RADIUS_PX, _EPSILON)
        return np.clip((slope * colour).sum(2) + offset, 0, 1)


def _by_colour(colour: Field, inside: Field, outside: Field) -> tuple[Field, Field]:
    """Return how far colours lie from the background's towards the object's, 0 to 1, and how clear that is."""
    front, front_spread = _known_near(colour, inside)
    back, back_spread = _known_near(colour, outside)
    way = front - back
    length = (way * way).sum(2) + _LEAST
    place = ((colour - back) * way).sum(2) / length
    front_noise, back_noise = (
        _NOISE_GAIN * np.sqrt((way * way * spread).sum(2)) / length for spread in (front_spread, back_spread)
    )
    span = 1 - front_noise - back_noise
    seen = np.clip((place - back_noise) / np.maximum(span, _LEAST_SPAN), 0, 1)
    clear = np.clip((span - _LEAST_SPAN) / (_CLEAR_SPAN - _LEAST_SPAN), 0, 1)
    # With one side unseen there is nothing to tell from.
    both = (_share(inside) > 0) & (_share(outside) > 0)
    return seen.astype(np.float32), np.where(both, clear, 0).astype(np.float32)


def _known_near(colour: Field, known: Field) -> tuple[Field, Field]:
    """Return mean and variance, (h, w, 3), of the known colours round each pixel."""
    weight = _share(known)[..., np.newaxis] + np.float32(1e-12)
    mean = _shared(colour * known[..., np.newaxis]) / weight
    squares = _shared(colour * colour * known[..., np.newaxis]) / weight
    return mean, np.maximum(squares - mean * mean, 0)


def _share(known: Field) -> Field:
    # Sums that run along a row leave less than this behind where there is nothing.
    share = _shared(known)
    return np.where(share > _WIDE_SHARE / _SIDES_PX[1] ** 2 / 2, share, 0).astype(np.float32)


def _shared(image: Field) -> Field:
    narrow, wide = (cv2.blur(image, (side, side)) for side in _SIDES_PX)
    return np.asarray(narrow + np.float32(_WIDE_SHARE) * wide, np.float32)
