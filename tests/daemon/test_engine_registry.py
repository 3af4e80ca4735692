"""Finding an engine by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from roto_daemon.engines.registry import engines, find
from roto_daemon.errors import ConfigError, UnknownError

STANDINS = Path(__file__).parents[1] / "standins"


@pytest.mark.parametrize("name", ["", "auto", "classic"])
def test_classic_is_what_runs_when_nothing_else_is_asked_for(name: str) -> None:
    assert find(name).info.name == "classic"


def test_an_unknown_engine_is_refused_with_the_names_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(STANDINS)
    known = engines(["disc_engine:DiscEngine"])
    assert list(known) == ["classic", "disc"]
    with pytest.raises(UnknownError, match=r"'sam9'.*classic, disc"):
        find("sam9", known)


@pytest.mark.parametrize("place", ["nowhere_at_all:Engine", "json:Nothing", "json", "json:loads", ":x"])
def test_an_extra_engine_that_cannot_be_loaded_says_how_to_write_it(place: str) -> None:
    with pytest.raises(ConfigError, match="module:factory"):
        engines([place])
