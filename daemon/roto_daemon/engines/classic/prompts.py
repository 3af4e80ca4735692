"""What an artist may point at, checked once: plate pixels in, seeds and boxes in working pixels out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines import EnginePrompt, Matte
from roto_daemon.engines.classic.click import Seed
from roto_daemon.engines.classic.cut import EDGE
from roto_daemon.engines.classic.working import Scale
from roto_daemon.errors import PromptError


def is_empty(prompt: EnginePrompt) -> bool:
    """Say whether nothing is pointed at."""
    return not len(prompt.points) and prompt.box is None and prompt.mask is None


def seeds_of(prompt: EnginePrompt, scale: Scale) -> list[Seed]:
    """Return a prompt's clicks in their order.

    Raises PromptError when one lies outside the plate or two of opposite kind share a working pixel.
    """
    seeds = []
    for (x, y), foreground in zip(prompt.points, prompt.foreground, strict=True):
        if not (0 <= x <= scale.width and 0 <= y <= scale.height):
            size = f"{scale.width}x{scale.height}"
            raise PromptError(f"the point {x:g},{y:g} lies outside the plate of {size} pixels: click on the plate")
        seeds.append(Seed(*scale.place(float(x), float(y)), bool(foreground)))
    _refuse_contradiction(seeds, prompt.points)
    return seeds


def box_of(prompt: EnginePrompt, scale: Scale) -> tuple[int, int, int, int]:
    """Return the box as left, top, right, bottom in working pixels, the last two excluded.

    Raises PromptError when nothing of it lies on the plate.
    """
    box = prompt.box or (0.0, 0.0, 0.0, 0.0)
    left, right = np.clip((box[0], box[2]), 0, scale.width)
    top, bottom = np.clip((box[1], box[3]), 0, scale.height)
    if not (np.isfinite(box).all() and left < right and top < bottom):
        corners = ",".join(f"{each:g}" for each in box)
        raise PromptError(f"the box {corners} covers nothing of the plate: draw it round the object")
    k = scale.factor
    return int(left // k), int(top // k), int(-(-right // k)), int(-(-bottom // k))


def checked_mask(mask: Matte, scale: Scale) -> Matte:
    """Return a mask; raises PromptError unless it has the plate's size and selects something."""
    if mask.shape != (scale.height, scale.width):
        size = "x".join(str(side) for side in mask.shape[::-1])
        plate = f"{scale.width}x{scale.height}"
        raise PromptError(f"the mask is {size} pixels and the plate {plate}: give a mask of the plate's size")
    if not np.isfinite(mask).all() or not (scale.shrink(mask) >= EDGE).any():
        raise PromptError("the mask selects nothing: paint the object in it")
    return mask


def _refuse_contradiction(seeds: list[Seed], points: NDArray[np.float64]) -> None:
    kinds: dict[tuple[int, int], bool] = {}
    for seed, (x, y) in zip(seeds, points, strict=True):
        if kinds.setdefault((seed.column, seed.row), seed.foreground) != seed.foreground:
            message = (
                f"points on the object and off it meet at {x:g},{y:g}: remove one of them or move them further apart"
            )
            raise PromptError(message)
