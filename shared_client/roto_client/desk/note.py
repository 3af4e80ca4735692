"""What is kept in the host's script beside a plate, so that the work on it is found again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Optional

from roto_client.desk.shot import Shot
from roto_client.desk.state import COLOURS, DeskObject, Found
from roto_shapes.shape import RGB

_VERSION = 1


@dataclass(frozen=True)
class NotedObject:
    """An object as the script knows it."""

    born: str
    """Its name at the daemon."""
    name: str
    colour: RGB
    visible: bool = True
    removed: bool = False
    """Deleted, and still at the daemon so that undo can bring it back."""
    group: str = ""
    """The group of the roto node that its shapes were written to; empty before that."""


@dataclass(frozen=True)
class Note:
    """Where the work on a plate is."""

    session_id: str = ""
    engine: str = ""
    node: str = ""
    """The roto node that shapes were written to."""
    objects: tuple[NotedObject, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Note:
        """Return a note; an empty one for a text that is none of ours, such as one of a later version."""
        try:
            given = json.loads(text)
            if given.pop("rotolink") != _VERSION:
                return cls()
            objects = tuple(NotedObject(**{**each, "colour": _colour(each["colour"])}) for each in given["objects"])
            return cls(str(given["session_id"]), str(given["engine"]), str(given["node"]), objects)
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls()

    def text(self) -> str:
        """Return what `parse` reads."""
        return json.dumps({"rotolink": _VERSION, **asdict(self)}, separators=(",", ":"))

    def of(self, born: str) -> Optional[NotedObject]:
        """Return what the script knows of an object, by its name at the daemon."""
        return next((each for each in self.objects if each.born == born), None)


def _colour(given: Sequence[float]) -> RGB:
    red, green, blue = map(float, given)
    return red, green, blue


def found_again(shot: Shot, note: Note) -> tuple[tuple[DeskObject, ...], Mapping[int, Found]]:
    """Return the objects of a session that a shot went on with, and what is found of them, by the note beside it."""
    objects, found = [], {}
    for key, kept in enumerate(shot.kept(), 1):
        known = note.of(kept.name)
        name, colour = (known.name, known.colour) if known else (kept.name, COLOURS[(key - 1) % len(COLOURS)])
        thing = DeskObject(key, kept.name, name, colour, prompts=MappingProxyType(kept.prompts), shapes=kept.shapes)
        if known:
            thing = replace(thing, visible=known.visible, removed=known.removed)
        objects.append(thing)
        found[key] = Found(MappingProxyType(kept.confidence))
    return tuple(objects), MappingProxyType(found)
