"""What an artist asks of shapes that are fitted to mattes: one value for the command line, the protocol and the fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

from roto_shapes.shape import Interpolation

FEWEST_POINTS = 4
"""The least budget of control points: fewer bound no outline that bends both ways."""

MOST_OFFSET_PX = 100.0
"""An edge is corrected by pixels; further out the distance field would cost more than the fit."""

COMMAND_TOLERANCE_PX = 1.0
"""The tolerance that commands and the daemon take where nobody names one."""

MOST_PARTS = 8
"""Parts that an outline is split into at most: a body, four legs, neck, head and tail."""

_DEFAULT_TOLERANCE_PX = 0.5


@dataclass(frozen=True)
class FitOptions:
    """What the artist asks of the shapes. Raises ValueError, one sentence, for what cannot be fitted."""

    tolerance_px: float = _DEFAULT_TOLERANCE_PX
    """Largest distance between the shapes' outline and the mattes' own, on every frame, as the fitter judges it."""
    threshold: float = 0.5
    """Coverage at which a matte's outline runs."""
    name: str = "object"
    """What shapes are named after; an object of a session has a name of its own, which takes its place."""
    interpolation: Interpolation = Interpolation.LINEAR
    """How hosts are to move the points between keyframes; the shapes say so too."""
    keyframes_at: tuple[int, ...] = ()
    """Frames that must be keyframes of every shape that lives on them."""
    keyframe_step: Optional[int] = None
    """A keyframe at every so many frames, counted from the first of a shape's lifetime."""
    points: Optional[int] = None
    """At most so many control points a shape instead of a tolerance; the bound that they can hold is reported."""
    parts: Optional[int] = 1
    """At most so many overlapping parts for a jointed outline, cut at its necks; None for parts where they are simpler
    than one shape, and as true."""
    layers: bool = False
    """Whether motion that a whole outline shares may go to a layer above its points, where that takes fewer numbers."""
    offset_px: float = 0.0
    """How far the edge is moved on every frame; positive grows, negative shrinks."""
    feather: bool = False
    """Whether points get a feather as wide as the mattes' soft edge is there."""

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted."""
        if not (math.isfinite(self.tolerance_px) and self.tolerance_px > 0):
            _refuse(f"a tolerance of {self.tolerance_px:g} px cannot be held: give a number above zero, such as 0.5")
        if not 0 < self.threshold < 1:
            _refuse(f"a threshold of {self.threshold:g} finds no outline: give a coverage between 0 and 1")
        if self.points is not None:
            self._check_points(self.points)
        if self.keyframe_step is not None and self.keyframe_step < 1:
            _refuse(f"a keyframe at every {self.keyframe_step} frames cannot be: give a step of 1 or more")
        if self.parts is not None and not 1 <= self.parts <= MOST_PARTS:
            _refuse(f"an outline cannot be split into {self.parts} parts: give 1 to {MOST_PARTS}, or auto")
        if not (math.isfinite(self.offset_px) and abs(self.offset_px) <= MOST_OFFSET_PX):
            _refuse(
                f"an offset of {self.offset_px:g} px moves no edge: give a number from {-MOST_OFFSET_PX:g} to "
                f"{MOST_OFFSET_PX:g}, negative to shrink"
            )

    @classmethod
    def bounded(cls, tolerance_px: Optional[float] = None, points: Optional[int] = None) -> FitOptions:
        """Return options with one of the two bounds, or with the tolerance that commands take when neither is named."""
        if points is None:
            return cls(COMMAND_TOLERANCE_PX if tolerance_px is None else tolerance_px)
        if tolerance_px is not None:
            _refuse(f"{points} points and a tolerance of {tolerance_px:g} px cannot both be held: give one of the two")
        return cls(points=points)

    def _check_points(self, points: int) -> None:
        if points < FEWEST_POINTS:
            _refuse(f"{points} points are too few for an outline: give {FEWEST_POINTS} or more")
        if self.tolerance_px != _DEFAULT_TOLERANCE_PX:
            _refuse(
                f"{points} points and a tolerance of {self.tolerance_px:g} px cannot both be held: give one of the two"
            )


def frames_named(text: str) -> tuple[int, ...]:
    """Return the frames that `1001,1010` names, none for nothing. Raises ValueError for the user."""
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError as error:
        message = f"'{text}' names no frames: write whole numbers with commas, such as 1001,1010"
        raise ValueError(message) from error


def parts_named(text: str) -> Optional[int]:
    """Return a number of parts, None for `auto`. Raises ValueError for the user."""
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError as error:
        message = f"'{text}' is no number of parts: give one, such as 4, or auto"
        raise ValueError(message) from error


def _refuse(why: str) -> None:
    raise ValueError(why)
