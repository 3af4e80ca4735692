"""Commands that other packages add to `roto` by the entry-point group `rotolink.commands`, loaded when asked for."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterable
from typing import Any, Callable

from roto_client.errors import ClientError

GROUP = "rotolink.commands"

Command = Callable[..., Any]


def names() -> list[str]:
    """Return the commands that installed packages offer."""
    return sorted({point.name for point in _points()})


def load(name: str) -> Command:
    """Return a command's function; one that cannot be loaded says why when it is called."""
    point = next(point for point in _points() if point.name == name)
    try:
        command: Command = point.load()
    except Exception as error:  # noqa: BLE001 - another package's module: whatever it raises, `roto` goes on
        return _stand_in(name, error)
    return command


def _points() -> Iterable[importlib.metadata.EntryPoint]:
    if sys.version_info >= (3, 10):
        return importlib.metadata.entry_points(group=GROUP)
    return importlib.metadata.entry_points().get(GROUP, ())


def _stand_in(name: str, reason: Exception) -> Command:
    def missing() -> None:
        raise ClientError(
            f"'roto {name}' needs the daemon's libraries and Python 3.11 or newer: "
            f"pip install 'rotolink[daemon]' ({type(reason).__name__}: {reason})"
        ) from reason

    missing.__doc__ = "(needs the daemon's libraries, which are not installed here)"
    return missing
