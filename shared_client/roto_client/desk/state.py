"""What a desk shows: values that never change. A change makes a new one, so that a view may keep what it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Optional

from roto_client.results import EngineInfo, FitReport
from roto_shapes.prompt import Prompt
from roto_shapes.shape import RGB, Shape
from roto_shapes.shot import Plate

COLOURS: tuple[RGB, ...] = (
    (1.00, 0.30, 0.26),
    (0.22, 0.72, 1.00),
    (0.55, 0.86, 0.28),
    (1.00, 0.72, 0.16),
    (0.80, 0.48, 1.00),
    (0.16, 0.86, 0.74),
    (1.00, 0.48, 0.74),
    (0.93, 0.90, 0.36),
)
"""Colours that new objects take in turn: told apart at a glance on plates of skin, sky and leaves."""


class Link(Enum):
    """How a desk stands with its daemon."""

    NONE = "not connected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"


@dataclass(frozen=True)
class DeskObject:
    """What the artist follows, in the host's frames."""

    key: int
    """Names it as long as the desk lives."""
    born: str
    """The name that it had first, which is its name at the daemon."""
    name: str
    colour: RGB
    visible: bool = True
    removed: bool = False
    """Deleted, and kept as long as that can be undone."""
    prompts: Mapping[int, Prompt] = field(default_factory=lambda: MappingProxyType({}))
    shapes: tuple[Shape, ...] = ()
    report: Optional[FitReport] = None
    stale: bool = False
    """Whether prompts or mattes changed since the shapes were fitted."""

    @property
    def keyframes(self) -> frozenset[int]:
        """Return the frames on which any of its shapes has a keyframe."""
        return frozenset(key.frame for shape in self.shapes for key in shape.keyframes)

    @property
    def locked(self) -> frozenset[int]:
        """Return the frames on which a keyframe is locked."""
        return frozenset(key.frame for shape in self.shapes for key in shape.keyframes if key.locked)


@dataclass(frozen=True)
class Found:
    """What was found of an object on the frames of the plate."""

    confidence: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    """0 to 1 of each frame that has a matte."""
    unreadable: frozenset[int] = frozenset()
    """Frames of the plate without a picture."""


@dataclass(frozen=True)
class Work:
    """What the daemon, or the host for it, does now."""

    title: str
    done: int = 0
    total: int = 0
    """0 where nobody knows."""
    stopping: bool = False


@dataclass(frozen=True)
class OfferedDaemon:
    """A daemon that could be used, as it says of itself."""

    name: str
    address: str


@dataclass(frozen=True)
class DeskState:
    """All that a view of a desk shows. Frames are the host's, places are plate pixels."""

    link: Link = Link.NONE
    address: str = ""
    said: str = ""
    """The last sentence for the artist."""
    is_error: bool = False
    offered: tuple[OfferedDaemon, ...] = ()
    """The daemons that `Desk.find_daemons` found."""
    engines: tuple[EngineInfo, ...] = ()
    engine: str = ""
    """The engine that works; empty before a session is open."""
    plate: Optional[Plate] = None
    sent: str = ""
    """Why frames are sent to the daemon; empty where it reads the plate by itself."""
    frame: int = 0
    objects: tuple[DeskObject, ...] = ()
    found: Mapping[int, Found] = field(default_factory=lambda: MappingProxyType({}))
    """By an object's key."""
    current: int = 0
    """The key of the object that gestures belong to; 0 for none."""
    work: Optional[Work] = None
    waiting: int = 0
    """Orders behind the one under way."""
    node: str = ""
    """The roto node that shapes were written to last."""
    undo: str = ""
    """What would be undone, in words; empty for nothing."""
    redo: str = ""

    @property
    def shown(self) -> tuple[DeskObject, ...]:
        """Return the objects that are not deleted."""
        return tuple(each for each in self.objects if not each.removed)

    @property
    def selected(self) -> Optional[DeskObject]:
        """Return the object that gestures belong to."""
        return next((each for each in self.shown if each.key == self.current), None)

    def find(self, key: int) -> DeskObject:
        """Return an object, a deleted one too; raises KeyError."""
        for each in self.objects:
            if each.key == key:
                return each
        raise KeyError(key)

    def found_of(self, key: int) -> Found:
        """Return what was found of an object."""
        return self.found.get(key, Found())
