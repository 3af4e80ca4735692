"""What came of a prompt at working size, and the mask that the artist stated, at plate size."""

from __future__ import annotations

from dataclasses import dataclass

from roto_daemon.engines import Matte
from roto_daemon.engines.classic.working import Scale
from roto_daemon.engines.track import Known, Packed


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
