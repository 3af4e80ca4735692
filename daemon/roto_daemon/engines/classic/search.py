"""Where an object is on another frame, when it moved too far for optical flow or was out of sight. Working pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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


@dataclass(frozen=True)
class Place:
    """The best place for an object: how far it moved from where it was, and how well it fits there."""

    right: int
    down: int
    misfit: float
    """Mean colour difference, 0 to 1, of what is seen to what is remembered; hidden parts count 1."""
    rival: float
    """The misfit of the next best place that is not beside this one."""


def sought_near(old: View, soft: Field, new: View, expected: tuple[float, float]) -> Place | None:
    """Return where the object of a frame went on the next, near an expected move (right, down)."""
    return _sought(old, soft, new, expected)


def sought_anywhere(old: View, soft: Field, new: View) -> Place | None:
    """Return where an object is on a frame, wherever it may be; None for an object of no pixel."""
    return _sought(old, soft, new, None)


def _sought(old: View, soft: Field, new: View, expected: tuple[float, float] | None) -> Place | None:
    window = around(soft >= EDGE, 0)
    if window is None:
        return None
    rows, columns = (slice(part.start, min(part.stop, size)) for part, size in zip(window, old.shape, strict=True))
    side = max(rows.stop - rows.start, columns.stop - columns.start)
    ratio = min(1.0, _OBJECT_SIDE / side)
    if expected is None:
        ratio = min(ratio, _FRAME_SIDE / max(new.shape))
    size = tuple(max(1, round((part.stop - part.start) * ratio)) for part in (columns, rows))
    model = cv2.resize(old.colours[rows, columns], size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = cv2.resize(soft[rows, columns], size, interpolation=cv2.INTER_AREA)
    weight /= max(float(weight.sum()), 1e-6)

    shape = tuple(max(1, round(length * ratio)) for length in new.shape)
    frame = cv2.resize(new.colours, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    margin = (size[1] // 2, size[0] // 2)
    # Beyond the frame nothing fits: a value no colour comes near.
    frame = np.pad(frame, ((margin[0],) * 2, (margin[1],) * 2, (0, 0)), constant_values=-1e3)
    home = (rows.start * ratio + margin[0], columns.start * ratio + margin[1])
    last = (frame.shape[0] - size[1], frame.shape[1] - size[0])
    if expected is None:
        low, high = (0, 0), last
    else:
        middle = (home[0] + expected[1] * ratio, home[1] + expected[0] * ratio)
        low = tuple(int(np.clip(m - _REACH_PX * ratio, 0, end)) for m, end in zip(middle, last, strict=True))
        high = tuple(int(np.clip(m + _REACH_PX * ratio, 0, end)) for m, end in zip(middle, last, strict=True))
    area = frame[low[0] : high[0] + size[1], low[1] : high[1] + size[0]]
    misfit = _misfits(area, model, weight)
    cost = misfit
    if expected is not None:
        down, right = np.indices(misfit.shape)
        away = np.hypot(down + low[0] - middle[0], right + low[1] - middle[1])
        cost = misfit + _FAR_COST * away / (_REACH_PX * ratio)
    best = np.unravel_index(int(np.argmin(cost)), cost.shape)
    others = cost.copy()
    others[
        max(0, best[0] - size[1] // 2) : best[0] + size[1] // 2 + 1,
        max(0, best[1] - size[0] // 2) : best[1] + size[0] // 2 + 1,
    ] = 1.0
    return Place(
        round((best[1] + low[1] - home[1]) / ratio),
        round((best[0] + low[0] - home[0]) / ratio),
        float(misfit[best]),
        float(others.min()),
    )


def _misfits(area: Field, model: Field, weight: Field) -> Field:
    """Return the misfit of a model at each place in an area."""
    height, width = weight.shape
    windows = sliding_window_view(area, (height, width), axis=(0, 1))
    misfit = np.zeros(windows.shape[:2], np.float32)
    # Row by row of the model, so that no array is larger than the area times the model's width.
    for row in range(height):
        away = windows[..., row, :] - model[row].T
        length = np.sqrt(np.einsum("ijcw,ijcw->ijw", away, away))
        misfit += np.minimum(length / _UNLIKE, 1) @ weight[row]
    return misfit
