"""What is known of one object: its prompted and its tracked frames, kept compactly."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from roto_daemon.engines import Direction, Matte
from roto_daemon.engines.classic.working import Field, Scale

# Mattes are flat: the quickest setting already packs them a hundredfold.
_PACKING_LEVEL = 1


@dataclass(frozen=True)
class Packed:
    """A coverage array in 1/255 steps, compressed: some kilobytes whatever the plate."""

    shape: tuple[int, int]
    data: bytes

    @classmethod
    def of(cls, coverage: Field) -> Packed:
        """Pack coverage 0 to 1."""
        steps = np.rint(np.clip(coverage, 0, 1) * 255).astype(np.uint8)
        return cls((steps.shape[0], steps.shape[1]), zlib.compress(steps.tobytes(), _PACKING_LEVEL))

    def unpack(self) -> Field:
        """Return the coverage."""
        steps = np.frombuffer(zlib.decompress(self.data), np.uint8).reshape(self.shape)
        return steps.astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class Known:
    """The object on one frame at working size."""

    soft: Packed
    confidence: float


@dataclass(frozen=True)
class Stated:
    """A mask that the artist gave: where the object still equals it, the mask itself is the matte."""

    full: Packed
    soft: Packed
    """The same at working size."""

    @classmethod
    def of(cls, mask: Matte, scale: Scale) -> Stated:
        """Keep a mask of the plate's size."""
        full = Packed.of(mask)
        return cls(full, Packed.of(scale.shrink(full.unpack())))


@dataclass(frozen=True)
class Prompted:
    """What came of the artist's prompt on a frame."""

    known: Known
    stated: Stated | None


@dataclass
class Track:
    """One object's frames."""

    prompted: dict[int, Prompted] = field(default_factory=dict)
    tracked: dict[int, Known] = field(default_factory=dict)
    stale: set[int] = field(default_factory=set)
    """Tracked frames beside a prompt that changed since: no run starts there if it can start elsewhere."""

    def known(self, frame: int) -> Known | None:
        """Return the object on a frame, as prompted if it is, else as tracked."""
        prompted = self.prompted.get(frame)
        return prompted.known if prompted else self.tracked.get(frame)

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

    def start(self, first: int, last: int, direction: Direction) -> int | None:
        """Return the frame that a run from `first` to `last`, in travelling order, starts from."""
        step = direction.value
        behind = [each for each in self.prompted.keys() | self.tracked.keys() if (first - each) * step >= 0]
        fresh = [each for each in behind if each in self.prompted or each not in self.stale]
        if behind:
            return max(fresh or behind, key=lambda each: each * step)
        ahead = [each for each in self.prompted if (last - each) * step >= 0]
        return min(ahead, key=lambda each: each * step, default=None)

    def next_prompt(self, frame: int, direction: Direction) -> int | None:
        """Return the nearest prompted frame beyond a frame, as the run travels."""
        step = direction.value
        return min((each for each in self.prompted if (each - frame) * step > 0), key=lambda e: e * step, default=None)
