"""What is known of one object: its prompted and its tracked frames, kept compactly. Every engine keeps it so."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

import numpy as np
import zstandard
from numpy.typing import NDArray

from roto_daemon.engines import Direction, TrackedFrame
from roto_daemon.errors import PromptError
from roto_shapes.shot import FrameRange

# Of zstandard: its own default. Mattes are flat, and their soft edges nearly so once each row is less the one above.
_PACKING_LEVEL = 3


@dataclass(frozen=True)
class Packed:
    """A coverage array in 1/255 steps, compressed: some kilobytes whatever the plate."""

    shape: tuple[int, int]
    data: bytes

    @classmethod
    def of(cls, coverage: NDArray[np.float32]) -> Packed:
        """Pack coverage 0 to 1; half and more stays half and more, so that a mask survives."""
        return cls.of_steps(np.rint(np.clip(coverage, 0, 1) * 255).astype(np.uint8))

    @classmethod
    def of_steps(cls, steps: NDArray[np.uint8]) -> Packed:
        """Pack coverage that is given in 1/255 steps."""
        from_above = np.diff(steps, axis=0, prepend=np.uint8(0))
        packed = zstandard.compress(from_above.tobytes(), _PACKING_LEVEL)
        # Copied: zstandard shrinks its buffer of the whole size in place, and the holes behind such would add up.
        return cls((steps.shape[0], steps.shape[1]), bytes(memoryview(packed)))

    def unpack(self) -> NDArray[np.float32]:
        """Return the coverage."""
        return self.unpack_steps().astype(np.float32) / np.float32(255)

    def unpack_steps(self) -> NDArray[np.uint8]:
        """Return the coverage in 1/255 steps."""
        steps = np.frombuffer(bytearray(zstandard.decompress(self.data)), np.uint8).reshape(self.shape)
        for above, row in pairwise(steps):  # ten times as quick as `cumsum`, which goes down the columns
            np.add(above, row, out=row)
        return steps


@dataclass(frozen=True)
class Known:
    """The object on one frame, at the size that the engine keeps."""

    soft: Packed
    confidence: float


class Answered(Protocol):
    """What came of the artist's prompt on a frame; an engine adds what it needs to go on from there."""

    @property
    def known(self) -> Known:
        """Return the object on that frame."""


AnAnswer = TypeVar("AnAnswer", bound=Answered)


@dataclass
class Track(Generic[AnAnswer]):
    """One object's frames."""

    prompted: dict[int, AnAnswer] = field(default_factory=dict)
    tracked: dict[int, Known] = field(default_factory=dict)
    stale: set[int] = field(default_factory=set)
    """Tracked frames beside a prompt that changed since: no run starts there if it can start elsewhere."""

    def known(self, frame: int) -> Known | None:
        """Return the object on a frame, as prompted if it is, else as tracked."""
        prompted = self.prompted.get(frame)
        return prompted.known if prompted else self.tracked.get(frame)

    def shown(self, frame: int, size: tuple[int, int]) -> TrackedFrame:
        """Return a frame as it is known, where mattes are kept at the plate's size; empty where nothing is."""
        known = self.known(frame)
        if known is None:
            return TrackedFrame(frame, np.zeros(size[::-1], np.float32), 0.0)
        return TrackedFrame(frame, known.soft.unpack(), known.confidence)

    def keep(self, frame: int, known: Known) -> None:
        """Remember a frame as tracked."""
        self.tracked[frame] = known
        self.stale.discard(frame)

    def changed(self, frame: int) -> None:
        """Take note that a prompt changed: what was tracked up to the prompts on either side is stale."""
        before = max((each for each in self.prompted if each < frame), default=None)
        after = min((each for each in self.prompted if each > frame), default=None)
        for each in self.tracked:
            if (before is None or each > before) and (after is None or each < after):
                self.stale.add(each)

    def start(self, frames: FrameRange, direction: Direction) -> int:
        """Return the frame that a run through a range starts from; raises PromptError when there is none."""
        step = direction.value
        first, last = (frames.first, frames.last)[::step]
        behind = [each for each in self.prompted.keys() | self.tracked.keys() if (first - each) * step >= 0]
        fresh = [each for each in behind if each in self.prompted or each not in self.stale]
        if behind:
            return max(fresh or behind, key=lambda each: each * step)
        ahead = [each for each in self.prompted if (last - each) * step >= 0]
        if not ahead:
            raise PromptError(f"nothing to follow from frame {first} to {last}: click the object on one of them first")
        return min(ahead, key=lambda each: each * step)

    def next_prompt(self, frame: int, direction: Direction) -> int | None:
        """Return the nearest prompted frame beyond a frame, as the run travels."""
        step = direction.value
        return min((each for each in self.prompted if (each - frame) * step > 0), key=lambda e: e * step, default=None)
