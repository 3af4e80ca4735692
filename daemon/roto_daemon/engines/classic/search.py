"""Where an object is on another frame, when it moved too far for optical flow or was out of sight. Working pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from roto_daemon.engines.classic.cut import EDGE, around
from roto_daemon.engines.classic.working import Field, View

# The object is compared at this size, and its frame at no more than the other: a search takes some milliseconds.
_OBJECT_SIDE, _FRAME_SIDE = 10, 160
# How far from where it is expected an object is sought from frame to frame.
_REACH_PX = 72
# Colour differences beyond this, in stretched Lab, count alike: what hides an object matters by its area alone.
_UNLIKE = 60.0
# What a place at the end of the reach must be better by than the expected one.
_FAR_COST = 0.06
# A value that no colour comes near.
_NO_COLOUR = -1e3


@dataclass(frozen=True)
class Place:
    """The best place for an object: how far it moved from where it was, and how well it fits there."""

    right: int
    down: int
    misfit: float
    """Mean colour difference, 0 to 1, of what is seen to what is remembered; hidden parts count 1."""
    rival: float
    """The misfit of the next best place that is not beside this one."""


def sought_near(old: View, soft: Field, new: View, move: tuple[float, float]) -> Place | None:
    """Return where the object of a frame went on the next, near an expected move (right, down); None for no object."""
    model = _Model.of(old, soft, 1.0)
    if model is None:
        return None
    frame = model.padded(new)
    top, left = (home + go * model.ratio for home, go in zip(model.home, move[::-1], strict=True))
    reach = _REACH_PX * model.ratio
    ends = [size - own for size, own in zip(frame.shape, model.weight.shape, strict=False)]
    low, high = (
        [int(np.clip(at + sign * reach, 0, end)) for at, end in zip((top, left), ends, strict=True)] for sign in (-1, 1)
    )
    rows, columns = model.weight.shape
    misfit = _misfits(frame[low[0] : high[0] + rows, low[1] : high[1] + columns], model)
    down, right = np.indices(misfit.shape)
    away = np.hypot(down + low[0] - top, right + low[1] - left)
    return model.best(misfit, misfit + _FAR_COST * away / reach, (low[0], low[1]))


def sought_anywhere(old: View, soft: Field, new: View) -> Place | None:
    """Return where an object is on a frame, wherever it may be; None for an object of no pixel."""
    model = _Model.of(old, soft, _FRAME_SIDE / max(new.shape))
    if model is None:
        return None
    misfit = _misfits(model.padded(new), model)
    return model.best(misfit, misfit, (0, 0))


@dataclass(frozen=True)
class _Model:
    """An object made small."""

    colours: NDArray[np.float32]
    weight: Field
    """How much each of its pixels counts; they add up to 1."""
    ratio: float
    """Small pixels a working pixel."""
    home: tuple[float, float]
    """Row and column of its upper left corner on a padded frame."""

    @classmethod
    def of(cls, view: View, soft: Field, largest: float) -> _Model | None:
        window = around(soft >= EDGE, 0)
        if window is None:
            return None
        rows, columns = window
        ratio = min(largest, _OBJECT_SIDE / max(rows.stop - rows.start, columns.stop - columns.start), 1.0)
        height, width = (max(1, round((part.stop - part.start) * ratio)) for part in window)
        colours = cv2.resize(view.colours[window], (width, height), interpolation=cv2.INTER_AREA)
        weight = np.asarray(cv2.resize(soft[window], (width, height), interpolation=cv2.INTER_AREA), np.float32)
        home = rows.start * ratio + height // 2, columns.start * ratio + width // 2
        return cls(colours.astype(np.float32), weight / max(float(weight.sum()), 1e-6), ratio, home)

    def padded(self, view: View) -> NDArray[np.float32]:
        """Return a frame made as small, half an object wider on all sides: beyond the rim nothing fits."""
        rows, columns = (max(1, round(length * self.ratio)) for length in view.shape)
        small = cv2.resize(view.colours, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
        down, right = (length // 2 for length in self.weight.shape)
        return np.pad(small, ((down, down), (right, right), (0, 0)), constant_values=_NO_COLOUR)

    def best(self, misfit: Field, cost: Field, corner: tuple[int, int]) -> Place:
        """Return the cheapest place of an area whose corner is at a row and column of a padded frame."""
        row, column = (int(each) for each in np.unravel_index(int(np.argmin(cost)), cost.shape))
        others = cost.copy()
        down, right = (length // 2 for length in self.weight.shape)
        others[max(0, row - down) : row + down + 1, max(0, column - right) : column + right + 1] = 1.0
        moved = (
            round((column + corner[1] - self.home[1]) / self.ratio),
            round((row + corner[0] - self.home[0]) / self.ratio),
        )
        return Place(*moved, float(misfit[row, column]), float(others.min()))


def _misfits(area: NDArray[np.float32], model: _Model) -> Field:
    """Return the misfit of a model at each place in an area."""
    windows = sliding_window_view(area, model.weight.shape, axis=(0, 1))
    misfit = np.zeros(windows.shape[:2], np.float32)
    # Row by row of the model, so that no array is larger than the area times the model's width.
    for row, weights in enumerate(model.weight):
        away = windows[..., row, :] - model.colours[row].T
        length = np.sqrt(np.einsum("ijcw,ijcw->ijw", away, away))
        misfit += np.minimum(length / _UNLIKE, 1) @ weights
    return misfit
