"""The footage that shapes belong to: a plate and the frames it has."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Optional

LOOK_FIRST_BELOW = 0.5
"""Frames whose matte has less confidence than this, of 0 to 1, are worth a look before the others."""

_RANGE = re.compile(r"^(-?\d+)(?:-(-?\d+))?$")


@dataclass(frozen=True)
class FrameRange:
    """First and last frame, both included."""

    first: int
    last: int

    def __post_init__(self) -> None:
        """Refuse a range that ends before it begins."""
        if self.last < self.first:
            message = f"frame range {self.first}-{self.last} ends before it begins: give the lower frame first"
            raise ValueError(message)

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """Return the range written as `1001-1100`, `-5-10` or a single `1001`.

        Raises ValueError with a sentence for the user when the text is none of these.
        """
        found = _RANGE.match(text.strip())
        if found is None:
            message = f"'{text}' is not a frame range: write it as FIRST-LAST, for example 1001-1100"
            raise ValueError(message)
        first = int(found.group(1))
        return cls(first, first if found.group(2) is None else int(found.group(2)))

    def __len__(self) -> int:
        """Return how many frames the range holds."""
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[int]:
        """Yield the frames in rising order."""
        return iter(range(self.first, self.last + 1))

    def __contains__(self, frame: object) -> bool:
        """Say whether a frame lies in the range."""
        return isinstance(frame, int) and self.first <= frame <= self.last

    def meets(self, other: FrameRange) -> bool:
        """Say whether two ranges have a frame in common."""
        return self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        """Return the form that `parse` reads."""
        return f"{self.first}-{self.last}"


def runs(frames: Iterable[int]) -> list[FrameRange]:
    """Return rising frames as ranges without gaps."""
    found: list[FrameRange] = []
    for frame in frames:
        if found and frame == found[-1].last + 1:
            found[-1] = FrameRange(found[-1].first, frame)
        else:
            found.append(FrameRange(frame, frame))
    return found


def spans(frames: Iterable[int]) -> str:
    """Return rising frames as a person reads them: `57-60, 88`."""
    return ", ".join(str(run.first) if len(run) == 1 else str(run) for run in runs(frames))


@dataclass(frozen=True)
class Plate:
    """One sequence or movie: its size in display-window pixels and the frames it has.

    `name` is how a person knows it (the path pattern, or what the host called it). `pixel_aspect` is a pixel's
    width over its height; it travels beside the points and is never baked into them.
    """

    width: int
    height: int
    frames: FrameRange
    name: str = ""
    pixel_aspect: float = 1.0
    frame_rate: float = 24.0
    colour_space: str = ""

    def __post_init__(self) -> None:
        """Refuse sizes and rates that no plate can have."""
        if self.width < 1 or self.height < 1:
            message = f"a plate of {self.width}x{self.height} pixels has no picture"
            raise ValueError(message)
        for label, number in (("pixel aspect", self.pixel_aspect), ("frame rate", self.frame_rate)):
            if not (math.isfinite(number) and number > 0):
                message = f"a {label} of {number} is not a number above zero"
                raise ValueError(message)


@dataclass(frozen=True)
class PlatePath:
    """Where a plate lies, and how it is to be read."""

    path: str
    """`plate.####.exr`, `plate.%04d.png`, `plate.$F4.dpx`, a folder, one file of a sequence, or a movie."""
    frames: Optional[FrameRange] = None
    """The frames wanted; None for all."""
    first_frame: Optional[int] = None
    """The number of a movie's first frame; None for 0."""
    colour_space: str = ""
    """Of the pixels, by a name of the OCIO configuration, "sRGB" or "scene-linear"; empty to take the file's word."""
    ocio_config: str = ""
    """The OCIO configuration's file; empty for the daemon's."""
    layer: str = ""
    """A layer, a part, or channels by name with commas; empty for the first red, green and blue."""
    proxy: str = ""
    """Smaller images or a movie of the same frames, written as `path` is, to be read in place of the plate; all
    coordinates stay those of the plate."""
    handles: int = 0
    """Further frames at each end of `frames`, as far as there are."""
    timecode: str = ""
    """`HH:MM:SS:FF`, the movie's timecode that `first_frame` numbers; empty for that of the movie's first frame."""
