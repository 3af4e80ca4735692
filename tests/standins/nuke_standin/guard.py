"""What every object of the stand-in refuses: other threads, names that Nuke does not have, and handles gone stale."""

from __future__ import annotations

import threading
from typing import Any

STALE = "internal error - associated c++ object is NULL"


class Main:
    """The thread that may touch Nuke."""

    thread = threading.main_thread()


def require_main_thread(what: str) -> None:
    if threading.current_thread() is not Main.thread:
        raise RuntimeError(f"nuke: {what} was used outside the main thread, where Nuke crashes")


class Tie:
    """What holds handles to an object inside Nuke; a dead one makes them fail where Nuke crashes."""

    def __init__(self) -> None:
        self.dead = False

    def check(self, what: str) -> None:
        require_main_thread(what)
        if self.dead:
            raise RuntimeError(STALE)


class Strict:
    """Takes no name that its class does not have, as objects of C++ do not; main thread only."""

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - of any attribute
        if not name.startswith("_"):
            require_main_thread(f"{type(self).__name__}.{name}")
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        object.__setattr__(self, name, value)


class Bound(Strict):
    """A handle to something inside a Roto node."""

    _tie: Tie

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - of any attribute
        if not name.startswith("_"):
            object.__getattribute__(self, "_tie").check(f"{type(self).__name__}.{name}")
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            object.__getattribute__(self, "_tie").check(f"{type(self).__name__}.{name}")
        Strict.__setattr__(self, name, value)
