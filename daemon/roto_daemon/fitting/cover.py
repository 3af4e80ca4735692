"""What keeps mattes from showing an outline: the plate's border, and things that stand in front of the object."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import FitError
from roto_daemon.fitting.outline import Points, visible

_COVERS = 0.5
"""Coverage from which an occluder hides what is behind it."""

_REACH_PX = 1.5
"""This near to an occluder an edge of the object is the occluder's own: soft edges of both mix there."""


class Cover:
    """Knows for every frame where an outline cannot be seen."""

    def __init__(self, width: int, height: int) -> None:
        """Start with the border of a plate of a size in px."""
        self._size = (width, height)
        self._hidden: dict[int, NDArray[np.uint8]] = {}

    @property
    def has_occluder(self) -> bool:
        """Return whether anything stands in front on any frame."""
        return bool(self._hidden)

    def add(self, frame: int, occluder: NDArray[np.float32]) -> None:
        """Take the (height, width) coverage from 0 to 1 of what stands in front on a frame; raises FitError."""
        if occluder.shape != self._size[::-1]:
            found, wanted = ("x".join(map(str, size)) for size in (occluder.shape[::-1], self._size))
            raise FitError(
                f"the occluder of frame {frame} is {found} pixels and the mattes {wanted}: give mattes of one size"
            )
        solid = (occluder >= _COVERS).astype(np.uint8)
        if not solid.any():
            return
        side = 2 * int(np.ceil(_REACH_PX)) + 1
        wide = cv2.dilate(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
        # Masks shrink a hundredfold: a long shot of them would fill the memory otherwise.
        self._hidden[frame] = np.asarray(cv2.imencode(".png", wide)[1], np.uint8)

    def shows(self, frame: int, points: Points) -> NDArray[np.bool_]:
        """Say which points (M, 2) on a frame lie inside the plate and clear of everything in front."""
        shown = visible(points, *self._size)
        if frame not in self._hidden:
            return shown
        hidden = np.asarray(cv2.imdecode(self._hidden[frame], cv2.IMREAD_UNCHANGED))
        column, row = np.floor(points).astype(int).T
        inside = np.clip(row, 0, self._size[1] - 1), np.clip(column, 0, self._size[0] - 1)
        clear: NDArray[np.bool_] = shown & (hidden[inside] == 0)
        return clear
