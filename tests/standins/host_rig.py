"""What the suite of hosts needs beside the host itself: a script to set up, and ways to look at it of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

from roto_client.host import Host
from roto_shapes.shot import Plate

Place = tuple[float, float]
"""Plate pixels, y down."""


@dataclass(frozen=True)
class GivenPlate:
    """A plate to put into a script."""

    plate: Plate
    """In the frames that the host is to count."""
    path: Optional[str] = None
    """A pattern with `####`; None for a picture that the host makes itself, so that it must be rendered."""
    offset: int = 0
    """What is added to a file's frame number to give the host's."""


class Rig(Protocol):
    """A host with an empty script, and what an artist or a test does to it. All of it on the main thread."""

    @property
    def host(self) -> Host:
        """Return the host under test."""

    def select(self, given: GivenPlate) -> None:
        """Put a node with this plate into the script and select it alone.

        A picture that the host makes itself is white in its top left quarter and black elsewhere.
        """

    def select_nothing(self) -> None:
        """Select no node."""

    def undo(self) -> None:
        """Take back the newest undo step, as the artist does."""

    @property
    def undo_steps(self) -> int:
        """Return how many steps can be taken back."""

    def add_own_shape(self, node: str, name: str, places: Sequence[Place]) -> None:
        """Draw a shape as the artist does, outside of any group of ours."""

    def shape_names(self, node: str) -> list[str]:
        """Return the names of all shapes that the node holds, whatever their group."""

    def points(self, node: str, name: str, frame: float) -> list[Place]:
        """Return where the host's own evaluation has a shape's control points on a frame, layers applied."""

    def is_drawn(self, node: str, name: str, frame: int) -> bool:
        """Say whether the host draws a shape on a frame, by its lifetime."""

    def covers(self, node: str, frame: int, place: Place) -> bool:
        """Say whether the host's own rendering of the node is white at a place."""

    def move_point(self, node: str, name: str, frame: int, index: int, by: Place) -> None:
        """Move a control point at a frame by hand, which makes a keyframe there, in an undo step of its own."""

    def delete(self, node: str) -> None:
        """Delete a roto node as the artist does."""

    def fail_after(self, changes: int) -> None:
        """Let the host refuse once, in the middle of a writing, after so many changes to its script."""

    def script(self) -> object:
        """Return all of the script, equal to that of before when nothing has changed."""

    def run_waiting(self) -> None:
        """Run what `Host.later` was given, as the host's own event loop does."""

    @property
    def messages(self) -> Sequence[str]:
        """Return what the artist was told."""
