"""What is kept in the host's script beside a plate, so that the work on it is found again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

_VERSION = 1


@dataclass(frozen=True)
class NotedObject:
    """An object as the script knows it."""

    born: str
    """Its name at the daemon."""
    name: str
    colour: tuple[float, float, float]
    visible: bool = True


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
            objects = tuple(
                NotedObject(each["born"], each["name"], (*map(float, each["colour"]),)[:3], bool(each["visible"]))  # type: ignore[arg-type] # three of them
                for each in given["objects"]
            )
            return cls(str(given["session_id"]), str(given["engine"]), str(given["node"]), objects)
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls()

    def text(self) -> str:
        """Return what `parse` reads."""
        return json.dumps({"rotolink": _VERSION, **asdict(self)}, separators=(",", ":"))
