"""Finding an engine by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from roto_daemon.engines.registry import AUTO, choose, engines, find
from roto_daemon.errors import ConfigError, UnknownError

STANDINS = Path(__file__).parents[1] / "standins"


def test_the_engines_are_these_and_only_these() -> None:
    assert list(engines()) == ["classic"]
    assert AUTO[-1] == "classic"
    assert set(AUTO) <= set(engines())


def test_auto_takes_the_first_engine_that_can_be_used_and_names_those_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(STANDINS)
    known = engines(["faulty_engine:UnavailableEngine", "disc_engine:DiscEngine"])
    taken = choose(known, ("absent", "no-such-engine", "disc", "classic"))
    assert taken.engine.info.name == "disc"
    assert taken.why.startswith("absent cannot be used here")
    assert choose(known, ("disc", "absent", "classic")).why == ""
    assert choose(known, ("absent", "classic")).engine.info.name == "classic"


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
