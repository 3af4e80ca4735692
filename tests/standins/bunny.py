"""The footage of the demo with the masks that were painted by hand on six of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from composites import footage
from numpy.typing import NDArray

from roto_daemon.engines import EnginePrompt, Matte, Picture
from roto_shapes.shot import FrameRange

PAINTED = (48, 60, 76, 92, 108, 124)
_FOLDER = Path(__file__).parents[1] / "painted_bunny"
_CLICKS = ((430.0, 400.0), (250.0, 230.0))
"""Body and arm on frame 41, as in the demo."""


@dataclass(frozen=True)
class Bunny:
    """Big Buck Bunny, (c) 2008 Blender Foundation, CC BY 3.0: a FrameSource with what is known of it."""

    name: str
    frames: FrameRange
    prompt: EnginePrompt
    size: tuple[int, int] = (1280, 720)
    seed: int = 0

    @property
    def judged(self) -> list[int]:
        return [frame for frame in PAINTED if frame > self.frames.first]

    def picture(self, frame: int) -> Picture:
        return footage("bigbuckbunny", 0, PAINTED[-1] + 1)[frame]

    def truth(self, frame: int) -> NDArray[np.bool_]:
        return np.asarray(cv2.imread(str(_FOLDER / f"bunny.{frame:04d}.png"), cv2.IMREAD_GRAYSCALE)) > 0

    def coverage(self, frame: int) -> Matte:
        return self.truth(frame).astype(np.float32)


def bunny_by_mask() -> Bunny:
    """Return the clip from the first painted frame on, with that mask to start from."""
    bare = Bunny("bunny", FrameRange(PAINTED[0], PAINTED[-1]), EnginePrompt())
    return Bunny(bare.name, bare.frames, EnginePrompt(mask=bare.coverage(PAINTED[0])))


def bunny_by_clicks() -> Bunny:
    """Return the clip from frame 41 on, with the two clicks that the demo starts from."""
    clicks = EnginePrompt(np.array(_CLICKS), np.array([True] * len(_CLICKS)))
    return Bunny("bunny, clicked", FrameRange(41, PAINTED[-1]), clicks)
