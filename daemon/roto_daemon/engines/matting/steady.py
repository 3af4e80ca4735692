"""Mattes that do not flicker, and do not lag: each frame is weighed with the one before and the one after it.

What both neighbours say counts alike, moved to where the object is by now, so that an edge stays where it is; and
only where the neighbour's picture, moved so, shows the same: what changes is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines.matting.tiles import Window
from roto_daemon.pictures import Matte, Picture

_MARGIN_PX = 32
"""Round the edges, for motion to be found by."""
_FLOW_SIDE_PX = 64
"""OpenCV's flow wants pictures of some size; smaller ones are continued by their last pixels."""
_SAME_LEVELS = 8.0
"""Of 255: pictures that differ by so much, moved onto one another, halve the trust that they show the same."""
_SAME_COVERAGE = 0.25
"""Flicker is smaller; a difference of so much is a change, and halves the trust that it should be smoothed."""


@dataclass(frozen=True)
class MatteFrame:
    """A frame with its matte."""

    frame: int
    picture: Picture
    matte: Matte


def smoothed(frames: Iterable[MatteFrame]) -> Iterator[MatteFrame]:
    """Yield frames with mattes that flicker less, each once the next one is there; three are held at a time.

    Frames whose numbers do not follow one another do not touch each other. Coverage that is 0 or 1 stays so.
    """
    before: MatteFrame | None = None
    now: MatteFrame | None = None
    for after in frames:
        if now:
            yield steadied(now, before, after)
        before, now = now, after
    if now:
        yield steadied(now, before, None)


def steadied(now: MatteFrame, before: MatteFrame | None, after: MatteFrame | None) -> MatteFrame:
    """Return a frame weighed with the one before and the one after it; as it is where one of them is missing."""
    soft = (now.matte > 0) & (now.matte < 1)
    window = _around(soft)
    beside = [each for each, step in ((before, -1), (after, 1)) if each is not None and each.frame == now.frame + step]
    # One neighbour alone would pull the edge towards where it was or will be.
    if window is None or len(beside) < 2:  # noqa: PLR2004 - the one before and the one after
        return now
    matte = now.matte[window]
    others = [_moved(now, each, window) for each in beside]
    # Both sides must agree to count, and then count alike: the mean is then of the same time as the frame.
    trust = np.minimum(others[0][1], others[1][1])
    mean = (matte + trust * (others[0][0] + others[1][0])) / (1 + 2 * trust)
    steady = now.matte.copy()
    steady[window] = np.where(soft[window], mean, matte)
    return replace(now, matte=steady)


def _moved(now: MatteFrame, other: MatteFrame, window: Window) -> tuple[Matte, NDArray[np.float32]]:
    """Return a neighbour's matte moved to this frame, and the trust in it, 0 to 1."""
    rows, columns = np.indices(now.matte[window].shape, dtype=np.float32)
    flow = _flow(now.picture[window], other.picture[window])
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    matte = cv2.remap(
        np.ascontiguousarray(other.matte[window]), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    picture = cv2.remap(
        np.ascontiguousarray(other.picture[window]), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    levels = np.abs(picture.astype(np.float32) - now.picture[window]).mean(2)
    apart = np.abs(matte - now.matte[window])
    trust = 1 / (1 + (levels / _SAME_LEVELS) ** 2) / (1 + (apart / _SAME_COVERAGE) ** 2)
    return np.asarray(matte, np.float32), np.asarray(trust, np.float32)


def _flow(here: Picture, there: Picture) -> NDArray[np.float32]:
    """Return where each pixel of one picture is found on another, as an offset: (rows, columns, 2)."""
    rows, columns = here.shape[:2]
    below, beside = max(0, _FLOW_SIDE_PX - rows), max(0, _FLOW_SIDE_PX - columns)
    grey = [
        cv2.copyMakeBorder(cv2.cvtColor(each, cv2.COLOR_RGB2GRAY), 0, below, 0, beside, cv2.BORDER_REPLICATE)
        for each in (here, there)
    ]
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = solver.calc(grey[0], grey[1], np.zeros((*grey[0].shape, 2), np.float32))
    return np.asarray(flow[:rows, :columns], np.float32)


def _around(soft: NDArray[np.bool_]) -> Window | None:
    rows, columns = np.flatnonzero(soft.any(1)), np.flatnonzero(soft.any(0))
    if not rows.size:
        return None
    return (
        slice(max(int(rows[0]) - _MARGIN_PX, 0), int(rows[-1]) + 1 + _MARGIN_PX),
        slice(max(int(columns[0]) - _MARGIN_PX, 0), int(columns[-1]) + 1 + _MARGIN_PX),
    )
