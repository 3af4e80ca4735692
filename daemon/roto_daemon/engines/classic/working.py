"""The size at which the classic engine thinks, and one frame at that size.

A plate is reduced by a whole factor, so that working pixel (i, j) covers exactly the plate pixels from
(i * factor, j * factor): no position is ever rounded on the way up or down. A plate whose size is no multiple
of the factor is continued at its right and lower edge by its last pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines import Matte, Picture

Mask = NDArray[np.bool_]
"""Yes or no per working pixel: (height, width)."""

Field = NDArray[np.float32]
"""A number per working pixel: (height, width)."""

_Number = TypeVar("_Number", np.uint8, np.float32)

# Half size tracks as well as full size at a quarter of the cost (measured on composites with exact masks).
_FACTOR = 2
# Below this a plate is small enough, and its detail scarce enough, to work at its own size.
_FULL_SIZE_SIDE = 320
# Bounds the cost of a click on UHD and larger plates.
_LONGEST_SIDE = 1024
# Lab distance between two greys is small beside that between shades of one surface: chroma counts double.
_CHROMA_GAIN = 2.0


@dataclass(frozen=True)
class Scale:
    """How a plate of `width` x `height` pixels maps to working pixels."""

    width: int
    height: int

    @cached_property
    def factor(self) -> int:
        """Return how many plate pixels stand side by side in a working pixel."""
        longest = max(self.width, self.height)
        return 1 if longest <= _FULL_SIZE_SIDE else max(_FACTOR, -(-longest // _LONGEST_SIDE))

    @property
    def shape(self) -> tuple[int, int]:
        """Return the rows and columns of a working frame."""
        return -(-self.height // self.factor), -(-self.width // self.factor)

    def view(self, picture: Picture) -> View:
        """Return a frame at working size."""
        return View(self._shrink(picture))

    def shrink(self, matte: Matte) -> Field:
        """Return a plate-size matte at working size, still 0 to 1."""
        return self._shrink(np.asarray(matte, np.float32))

    def enlarge(self, mask: Mask) -> Mask:
        """Return a working-size mask at plate size."""
        k = self.factor
        return np.repeat(np.repeat(mask, k, 0), k, 1)[: self.height, : self.width]

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Return column and row of the working pixel under a point in plate pixels."""
        rows, columns = self.shape
        return min(int(x / self.factor), columns - 1), min(int(y / self.factor), rows - 1)

    def box(self, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
        """Return a box of left, top, right, bottom in working pixels, the last two excluded."""
        left, top, right, bottom = box
        k = self.factor
        return int(left // k), int(top // k), int(-(-right // k)), int(-(-bottom // k))

    def _shrink(self, image: NDArray[_Number]) -> NDArray[_Number]:
        rows, columns = self.shape
        below, beside = rows * self.factor - self.height, columns * self.factor - self.width
        if below or beside:
            image = np.pad(image, ((0, below), (0, beside)) + ((0, 0),) * (image.ndim - 2), mode="edge")
        if self.factor == 1:
            return image
        return cast("NDArray[_Number]", cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA))


@dataclass(frozen=True)
class View:
    """One frame at working size, with what is derived from it on demand."""

    picture: Picture

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns."""
        return self.picture.shape[0], self.picture.shape[1]

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """Return the lightness that motion is measured on, (rows, columns)."""
        return np.asarray(cv2.cvtColor(self.picture, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def colours(self) -> NDArray[np.uint8]:
        """Return the picture in the space that regions are told apart in: Lab with stretched chroma."""
        return stretched_lab(self.picture)


def stretched_lab(picture: Picture) -> NDArray[np.uint8]:
    """Return an sRGB picture as 8-bit Lab whose chroma counts double, (rows, columns, 3)."""
    lab = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), np.float32)
    lab[..., 1:] = 128 + (lab[..., 1:] - 128) * _CHROMA_GAIN
    return np.clip(lab, 0, 255).astype(np.uint8)
