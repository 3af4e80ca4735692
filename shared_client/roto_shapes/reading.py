"""What a reader of shapes is given besides the text, and what it returns."""

from __future__ import annotations

import re
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

MAX_BYTES = 200_000_000
"""Longest file of shapes that is read: parsed, it takes several gigabytes."""

_SIZE = re.compile(r"(\d+)x(\d+)", re.ASCII)


def size_named(text: str) -> tuple[int, int]:
    """Return width and height of `1920x1080`. Raises ValueError with a sentence for the user."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or not all(int(part) for part in found.groups()):
        message = f"'{text}' is no size: write WIDTHxHEIGHT, for example 1920x1080"
        raise ValueError(message)
    return int(found[1]), int(found[2])


class Reading(NamedTuple):
    """A file's shapes, and what the artist should know about what it holds besides."""

    roto: Roto
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """What would be gone or other than it was if the shapes were written back in place of what was read; only readers
    for a host's own nodes tell."""
