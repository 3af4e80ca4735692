from __future__ import annotations

from collections.abc import Iterator

import nuke_standin
import pytest
from stand_in_daemon import StandInDaemon, served


@pytest.fixture
def stand_in() -> Iterator[StandInDaemon]:
    """Serve a stand-in of the daemon on a free loopback port."""
    with served() as daemon:
        yield daemon


@pytest.fixture
def nuke_program() -> Iterator[nuke_standin.Program]:
    """A fresh Nuke with windows and an empty script; nothing may be left open in it."""
    program = nuke_standin.start(gui=True)
    yield program
    assert program.tasks == [], "a progress bar still stands"
    assert not program.undo_disabled, "undo is still disabled"
