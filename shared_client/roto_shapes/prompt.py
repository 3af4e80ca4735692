"""What an artist points at: foreground and background points, a box, a mask, or a shape's outline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

from roto_shapes.shape import ControlPoint


@dataclass(frozen=True)
class PointPrompt:
    """A click, in plate pixels: on the object (foreground) or on what is not the object."""

    x: float
    y: float
    foreground: bool = True

    def __post_init__(self) -> None:
        """Refuse a place that is no number."""
        _require_finite("point", self.x, self.y)


@dataclass(frozen=True)
class BoxPrompt:
    """A rectangle round the object, in plate pixels; `x1` and `y1` lie right of and below `x0` and `y0`."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        """Refuse a box without area."""
        _require_finite("box", self.x0, self.y0, self.x1, self.y1)
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            message = (
                f"the box {self.x0:g},{self.y0:g},{self.x1:g},{self.y1:g} is empty: "
                "give the left, top, right and bottom edges in this order"
            )
            raise ValueError(message)


@dataclass(frozen=True)
class MaskPrompt:
    """A painted mask of the plate's size: one byte of coverage (0 to 255) a pixel, rows from the top."""

    width: int
    height: int
    coverage: bytes

    def __post_init__(self) -> None:
        """Refuse bytes that do not fill the picture."""
        if self.width < 1 or self.height < 1 or len(self.coverage) != self.width * self.height:
            message = f"a mask of {self.width}x{self.height} pixels cannot hold {len(self.coverage)} bytes"
            raise ValueError(message)


@dataclass(frozen=True)
class Prompt:
    """All that the artist points at for one object on one frame.

    A mask or an outline states the whole object there; points and a box lead the engine to it, and points beside
    a mask or an outline correct it. `outline` is a closed outline of control points, for example an edited shape
    on that frame.
    """

    frame: int
    points: tuple[PointPrompt, ...] = ()
    box: Optional[BoxPrompt] = None
    mask: Optional[MaskPrompt] = None
    outline: tuple[ControlPoint, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a prompt that states the object twice."""
        if self.mask is not None and self.outline:
            message = f"the prompt on frame {self.frame} gives both a mask and an outline: give one of them"
            raise ValueError(message)

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is pointed at: setting such a prompt clears the frame."""
        return not (self.points or self.box or self.mask or self.outline)


def _require_finite(what: str, *numbers: float) -> None:
    if not all(map(math.isfinite, numbers)):
        message = f"the {what} {numbers} is not a place on the plate"
        raise ValueError(message)
