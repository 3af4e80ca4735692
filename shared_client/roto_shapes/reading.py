"""What a reader of shapes is given besides the text, and what it returns."""

from __future__ import annotations

from typing import NamedTuple, Optional

from roto_shapes.shape import Roto
from roto_shapes.shot import FrameRange


class Given(NamedTuple):
    """What the caller knows of the plate; it goes before what a file says, and stands in where a file is silent."""

    size: Optional[tuple[int, int]] = None
    """Width and height in display-window pixels."""
    frames: Optional[FrameRange] = None
    frame_rate: Optional[float] = None
    pixel_aspect: Optional[float] = None


NOTHING_GIVEN = Given()


class Reading(NamedTuple):
    """A file's shapes, and what the artist should know about what it holds besides."""

    roto: Roto
    notes: tuple[str, ...] = ()
