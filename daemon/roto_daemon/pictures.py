"""The arrays that plates hand to engines, and engines hand back: what both sides mean by a picture and a matte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""A display-referred sRGB frame: (height, width, 3), red first, row 0 at the top."""

Matte = NDArray[np.float32]
"""Coverage 0 to 1: (height, width), row 0 at the top, at the size of the plate."""
