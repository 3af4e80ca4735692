"""Matting: from a mask that knows where an object is to the coverage of its edge, hair and blur.

`find_matte` makes the trimap and asks a `Matter` for the coverage of its unknown band; `smoothed` steadies mattes
over time; `own_colour` takes the object's colour out of a plate. All of them see arrays alone.
"""

from __future__ import annotations

import numpy as np

from roto_daemon.engines.matting.choice import MATTERS as MATTERS
from roto_daemon.engines.matting.choice import find_matter as find_matter
from roto_daemon.engines.matting.choice import weights_of as weights_of
from roto_daemon.engines.matting.foreground import own_colour as own_colour
from roto_daemon.engines.matting.foreground import taken_out as taken_out
from roto_daemon.engines.matting.matter import Matter as Matter
from roto_daemon.engines.matting.steady import MatteFrame as MatteFrame
from roto_daemon.engines.matting.steady import smoothed as smoothed
from roto_daemon.engines.matting.steady import steadied as steadied
from roto_daemon.engines.matting.tiles import solve
from roto_daemon.engines.matting.trimap import INSIDE, UNKNOWN, trimap
from roto_daemon.pictures import Matte, Picture


def find_matte(picture: Picture, mask: Matte, matter: Matter, band_px: float | None = None) -> Matte:
    """Return the coverage of an object, (height, width) of `picture`, exactly 0 or 1 outside the unknown band.

    `mask` is its mask or rough matte, of the same size; `band_px` as in `trimap`. Memory: beside the matter's own for
    a tile, four floats a pixel. Raises PromptError for a band that cannot be.
    """
    known = trimap(mask, band_px)
    matte = (known == INSIDE).astype(np.float32)
    unknown = known == UNKNOWN
    found = solve(unknown, matter.tiling, lambda window: matter.coverage(picture[window], known[window], mask[window]))
    matte[unknown] = found[unknown]
    return matte
