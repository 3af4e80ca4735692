"""What an artist may point at, checked once for all engines. Plate pixels in, plate pixels out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines import EnginePrompt, Matte
from roto_daemon.errors import PromptError
from roto_shapes.shot import FrameRange

_EDGE = 0.5


def require_frame(frame: int, frames: FrameRange) -> None:
    """Raise PromptError unless a frame is on the plate."""
    if frame not in frames:
        raise PromptError(f"frame {frame} is not on the plate: choose one of {frames}")


def is_empty(prompt: EnginePrompt) -> bool:
    """Say whether nothing is pointed at."""
    return not len(prompt.points) and prompt.box is None and prompt.mask is None


def check_points(prompt: EnginePrompt, size: tuple[int, int], cell_px: float) -> None:
    """Check a prompt's points on a plate of `size` (width, height).

    Raises PromptError when one lies outside the plate, or two of opposite kind share a cell: a square of `cell_px`
    plate pixels a side, the least that the engine tells apart.
    """
    width, height = size
    kinds: dict[tuple[int, int], bool] = {}
    for (x, y), foreground in zip(prompt.points, prompt.foreground, strict=True):
        if not (0 <= x <= width and 0 <= y <= height):
            raise PromptError(f"the point {x:g},{y:g} lies outside the plate of {width}x{height} pixels: click on it")
        if kinds.setdefault((int(x / cell_px), int(y / cell_px)), bool(foreground)) != foreground:
            message = (
                f"points on the object and off it meet at {x:g},{y:g}: remove one of them or move them further apart"
            )
            raise PromptError(message)


def clipped_box(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the part of a box that lies on a plate of `size` (width, height): left, top, right, bottom.

    Raises PromptError when nothing of it does.
    """
    left, right = np.clip((box[0], box[2]), 0, size[0])
    top, bottom = np.clip((box[1], box[3]), 0, size[1])
    if not (np.isfinite(box).all() and left < right and top < bottom):
        corners = ",".join(f"{each:g}" for each in box)
        raise PromptError(f"the box {corners} covers nothing of the plate: draw it round the object")
    return float(left), float(top), float(right), float(bottom)


def checked_mask(mask: Matte, size: tuple[int, int], seen: Callable[[Matte], NDArray[np.float32]]) -> Matte:
    """Return a mask for a plate of `size` (width, height); `seen` gives the coverage that the engine sees of it.

    Raises PromptError unless the mask has the plate's size and something is left of it as the engine sees it.
    """
    if mask.shape != size[::-1]:
        given = "x".join(str(side) for side in mask.shape[::-1])
        raise PromptError(
            f"the mask is {given} pixels and the plate {size[0]}x{size[1]}: give a mask of the plate's size"
        )
    if not np.isfinite(mask).all() or not (seen(mask) >= _EDGE).any():
        raise PromptError("the mask selects nothing: paint the object in it")
    return mask
