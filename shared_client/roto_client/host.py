"""What a host must offer, so that one desk and one panel serve all of them.

A plugin is a `Host` and a menu. Whatever two hosts need alike belongs above this line, in the client; whatever only one
host knows (its classes, its axes, its frame numbers inside a node) belongs below it. Values cross in the product's own
terms: plate pixels with y down, the frames that the host shows its artist.

All methods but `later` belong to the host's main thread. They raise `HostError` with a sentence for the artist when the
host cannot do what is asked, and leave the host's script as it was then.
"""

from __future__ import annotations

import contextlib
import os
import queue
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Protocol, final

from roto_client.results import UploadFrame
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Interpolation, Roto
from roto_shapes.shot import FrameRange, Plate, PlatePath

_WRITE_BITS = 0o222
"""Without any of these nobody is meant to write, whoever may."""


def is_read_only(script: Path) -> bool:
    """Say whether a host's script is a file that nobody is meant to write, or this user cannot."""
    return script.is_file() and not (script.stat().st_mode & _WRITE_BITS and os.access(script, os.W_OK))


@dataclass(frozen=True)
class Abilities:
    """What a host can do, asked of it and never guessed."""

    interpolations: tuple[Interpolation, ...]
    """How its nodes can move points between keyframes, the best first: shapes are fitted for that one."""
    layers: bool = False
    """Whether its nodes carry shapes on layers that move (`Shape.layer`); else layers are baked before."""
    render: bool = False
    """Whether it can render frames that do not lie on a disk."""
    prompts: bool = False
    """Whether an artist can point at things in its own viewer."""
    undo: bool = False
    """Whether what is done inside `undo_step` is taken back as one step."""
    progress: bool = False
    """Whether it shows progress itself."""
    qt: bool = False
    """Whether the shared panel can be opened inside it."""


@dataclass(frozen=True)
class HostPlate:
    """The plate of a node as the host knows it, in the frames that the host counts."""

    key: str
    """Names the node in the script, so that the same plate is known again."""
    plate: Plate
    path: Optional[PlatePath] = None
    """Where its files lie, in the files' own frame numbers; None when it must be rendered."""
    offset: int = 0
    """What is added to a file's frame number to give the host's."""
    why_rendered: str = ""
    """Why there is no path, as an artist reads it."""


@final
class WaitingCalls:
    """What `Host.later` was given, in hosts that have no way of their own to the main thread."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def put(self, call: Callable[[], None]) -> None:
        """Let a call wait. Never waits itself, and may be called from any thread."""
        self._calls.put(call)

    def run(self) -> None:
        """Run what waits, on the main thread; a loop or a timer of the host's calls this many times a second."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._calls.get_nowait()()


class HostProgress(Protocol):
    """The host's own display of how far something is."""

    @property
    def cancelled(self) -> bool:
        """Say whether the artist asked to stop."""

    def report(self, done: int, total: int, stage: str) -> None:
        """Show how far it is; `stage` is for a person."""


class Host(Protocol):
    """A program that an artist works in."""

    @property
    def name(self) -> str:
        """Return its name and version, for a person."""

    @property
    def abilities(self) -> Abilities:
        """Return what it can do."""

    def plate(self) -> HostPlate:
        """Return the plate of the selected node.

        HostError says what to select when nothing suits, and what is wrong with the node otherwise.
        """

    def render(self, plate: HostPlate, frame: int) -> UploadFrame:
        """Return one frame of the plate as rendered by the host, at full resolution, numbered as the host counts."""

    def frame_range(self) -> FrameRange:
        """Return the frames that the artist works on, as the host's timeline says."""

    def current_frame(self) -> int:
        """Return the frame that the host shows."""

    def show_frame(self, frame: int) -> None:
        """Let the host show a frame."""

    def later(self, call: Callable[[], None]) -> None:
        """Run a call soon on the main thread. Never waits, and may be called from any thread."""

    def undo_step(self, name: str) -> AbstractContextManager[None]:
        """Make one undo step of what happens inside; an error inside takes back what was done by then."""

    def progress(self, title: str) -> AbstractContextManager[HostProgress]:
        """Show progress while the context lasts."""

    def message(self, sentence: str) -> None:
        """Tell the artist something in the host's own way. Never blocks where no person can answer."""

    def write_shapes(self, roto: Roto, group: str, node: str = "") -> str:
        """Put shapes into a roto node under a group of this name; return the node's name.

        Without a node a new one is made where an artist would expect it. Shapes that the group held before are
        replaced; all else in the node stays as it is. One undo step; all of it or nothing.
        """

    def read_shapes(self, node: str, group: str) -> Roto:
        """Return the shapes of a group as the node holds them now, in paint order.

        What shapes of ours cannot hold is named in the HostError, with the shape's name.
        """

    def prompt(self, plate: HostPlate, frame: int) -> Optional[Prompt]:
        """Return what the artist points at in the host's own viewer on a frame; None when nothing."""

    def read_note(self, plate: HostPlate) -> str:
        """Return the text that was last written for this plate; empty when none was."""

    def write_note(self, plate: HostPlate, text: str) -> None:
        """Keep a text with the plate's node in the script, so that it is saved and found with it."""
