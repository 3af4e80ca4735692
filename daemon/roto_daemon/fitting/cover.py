"""What keeps mattes from showing an outline: the plate's border, and things that stand in front of the object."""

from __future__ import annotations

from collections.abc import Sequence

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
        self.cut: dict[int, list[Points]] = {}
        """Outlines that an occluder cuts, by frame."""

    @property
    def has_occluder(self) -> bool:
        """Return whether anything stands in front on any frame."""
        return bool(self._hidden)

    def add(self, frame: int, occluder: NDArray[np.float32], outlines: Sequence[Points]) -> None:
        """Take the (height, width) coverage of what stands in front on a frame, and the mattes' outlines there.

        Raises FitError for an occluder of another size than the plate's.
        """
        if occluder.shape != self._size[::-1]:
            found, wanted = ("x".join(map(str, size)) for size in (occluder.shape[::-1], self._size))
            raise FitError(
                f"the occluder of frame {frame} is {found} pixels and the mattes {wanted}: give mattes of one size"
            )
        wide = _widened(occluder)
        if not wide.any():
            return
        # Masks shrink a hundredfold: a long shot of them would fill the memory otherwise.
        self._hidden[frame] = np.asarray(cv2.imencode(".png", wide)[1], np.uint8)
        self.cut[frame] = [line for line in outlines if self.hides(frame, line).any()]

    def shows(self, frame: int, points: Points) -> NDArray[np.bool_]:
        """Say which points (M, 2) on a frame lie inside the plate and clear of everything in front."""
        shown: NDArray[np.bool_] = visible(points, *self._size) & ~self.hides(frame, points)
        return shown

    def hides(self, frame: int, points: Points) -> NDArray[np.bool_]:
        """Say which points (M, 2) on a frame lie behind what stands in front, or along its edge."""
        if frame not in self._hidden:
            return np.zeros(len(points), bool)
        hidden = np.asarray(cv2.imdecode(self._hidden[frame], cv2.IMREAD_UNCHANGED))
        column, row = np.floor(points).astype(int).T
        inside = np.clip(row, 0, self._size[1] - 1), np.clip(column, 0, self._size[0] - 1)
        behind: NDArray[np.bool_] = hidden[inside] > 0
        return behind


def filled(
    matte: NDArray[np.float32], drawn: NDArray[np.float32], occluder: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a matte with what shapes draw in the places that an occluder hides: there is nothing to measure there."""
    return np.where(_widened(occluder) > 0, drawn, matte)


def _widened(occluder: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return 1 where an occluder hides an edge, or is so near to it that both mix."""
    side = 2 * int(np.ceil(_REACH_PX)) + 1
    solid = (occluder >= _COVERS).astype(np.uint8)
    return np.asarray(cv2.dilate(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))), np.uint8)
