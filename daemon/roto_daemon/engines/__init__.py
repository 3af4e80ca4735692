"""Engines: what turns an artist's prompts into mattes, on one frame and over time.

An engine knows no gRPC, no session and no file. It sees display-referred frames and prompts as arrays and answers
with mattes. Every engine passes `tests/contracts/test_engines.py`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from roto_daemon.pictures import Matte as Matte
from roto_daemon.pictures import Picture as Picture
from roto_shapes.shot import FrameRange


class Direction(Enum):
    """Which way an object is followed through the shot."""

    FORWARD = 1
    BACKWARD = -1


class PromptKind(Enum):
    """A way of pointing that an engine may understand."""

    POINTS = "points"
    BOX = "box"
    MASK = "mask"


class FrameSource(Protocol):
    """The frames of a plate, decoded on demand. Reading one frame never loads the others."""

    @property
    def frames(self) -> FrameRange:
        """Return the frames that can be read."""

    @property
    def size(self) -> tuple[int, int]:
        """Return the width and height in pixels of every frame."""

    def picture(self, frame: int) -> Picture:
        """Return one frame; raises PlateError when it is missing or damaged. The array is not to be written to."""


@dataclass(frozen=True)
class EnginePrompt:
    """A prompt as arrays, in plate pixels (continuous, pixel centres at .5)."""

    points: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    """(n, 2) x and y."""
    foreground: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    """(n,) True where the point is on the object."""
    box: tuple[float, float, float, float] | None = None
    """Left, top, right, bottom."""
    mask: Matte | None = None
    """The whole object as stated by the artist; points beside it correct it."""


@dataclass(frozen=True)
class TrackedFrame:
    """The object on one frame."""

    frame: int
    matte: Matte
    confidence: float
    """0 to 1: how far the engine trusts this matte; 0 for an object that is lost or not there."""


@dataclass(frozen=True)
class EngineInfo:
    """What an engine can do, asked before it is used and never guessed from its name."""

    name: str
    title: str
    prompts: frozenset[PromptKind]
    needs_weights: bool
    unavailable: str = ""
    """Why it cannot be used now and what would make it usable; empty when it can."""
    weights: str = ""
    """Which weights it works with, for what is written of its mattes; empty when it has none."""
    mask_side_px: int = 0
    """The longer side at which its masks hold all that it knows, enlarged to the plate's size since; 0 for an engine
    that finds edges at the plate's size itself."""


class EngineSession(Protocol):
    """One artist's objects on one plate. Calls come from one thread.

    Object ids are the caller's. Frames are the plate's. Every method raises PromptError for a prompt that the
    engine cannot follow, with a sentence for the artist.
    """

    def set_prompt(self, object_id: int, frame: int, prompt: EnginePrompt) -> TrackedFrame:
        """Replace all that is pointed at for an object on a frame, and return the object there.

        Prompts on a frame that was already tracked correct that frame's matte: a further click changes only the
        part that it touches. An empty prompt clears the frame.
        """

    def propagate(
        self, object_id: int, frames: FrameRange, direction: Direction
    ) -> Generator[TrackedFrame, None, None]:
        """Follow an object through a range, one frame at a time; closing the iterator cancels cleanly.

        FORWARD starts at the range's first frame, BACKWARD at its last. Prompted frames come out as prompted and
        anchor the frames beside them. The run starts from the nearest prompted or tracked frame at or before its
        start (as it travels); with none there, from the first prompted frame inside the range. Raises PromptError
        when the object has no prompt to start from.
        """

    def recall(self, object_id: int, tracked: TrackedFrame) -> None:
        """Restore a frame tracked earlier, as after a restart; the engine may continue and correct from it."""

    def remove_object(self, object_id: int) -> None:
        """Forget an object; unknown ids are ignored."""

    def close(self) -> None:
        """Free what the session holds."""


class Engine(Protocol):
    """A model family behind one face."""

    @property
    def info(self) -> EngineInfo:
        """Return what the engine can do."""

    def open(self, source: FrameSource) -> EngineSession:
        """Start a session on a plate."""
