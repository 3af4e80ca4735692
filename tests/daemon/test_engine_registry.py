"""Finding an engine by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from roto_daemon.checkpoints import ModelsFolder, Policy, checkpoint
from roto_daemon.engines.registry import AUTO, choose, engines, find
from roto_daemon.errors import ConfigError, UnknownError

STANDINS = Path(__file__).parents[1] / "standins"


@pytest.fixture
def nothing(tmp_path: Path) -> ModelsFolder:
    """A models folder without any."""
    return ModelsFolder(tmp_path / "models", Policy())


def test_the_engines_are_these_and_only_these() -> None:
    assert list(engines()) == ["classic", "sam2-tiny", "sam2-small", "sam2-base-plus", "sam2-large", "cutie"]
    assert AUTO == ("sam2-base-plus", "sam2-large", "sam2-small", "sam2-tiny", "classic")


def test_engines_without_their_weights_say_which_command_fetches_them(nothing: ModelsFolder) -> None:
    infos = [engine.info for engine in engines(models=nothing).values()]
    for info in infos:
        assert info.needs_weights == bool(info.unavailable) == bool(info.weights)
    pulled = [info.unavailable.partition("roto-daemon models pull ")[2] for info in infos if info.needs_weights]
    sizes = ("tiny", "small", "base_plus", "large")
    assert pulled == [*(f"sam2.1_hiera_{size}" for size in sizes), "cutie-base-mega"]
    assert choose(engines(models=nothing)).why.startswith("sam2-base-plus, sam2-large, sam2-small, sam2-tiny cannot")


def test_auto_takes_the_engine_whose_weights_are_here(nothing: ModelsFolder) -> None:
    for name, taken in [("sam2.1_hiera_tiny", "sam2-tiny"), ("sam2.1_hiera_base_plus", "sam2-base-plus")]:
        nothing.path.mkdir(exist_ok=True)
        nothing.file(checkpoint(name)).touch()
        assert find("auto", engines(models=nothing)).info.name == taken


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
def test_classic_is_what_runs_when_nothing_else_is_asked_for_or_can_be_used(name: str, nothing: ModelsFolder) -> None:
    assert find(name, engines(models=nothing)).info.name == "classic"


def test_an_unknown_engine_is_refused_with_the_names_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(STANDINS)
    known = engines(["disc_engine:DiscEngine"])
    assert list(known)[-1] == "disc"
    with pytest.raises(UnknownError, match=r"'sam9'.*classic, cutie, disc, sam2-base-plus"):
        find("sam9", known)


@pytest.mark.parametrize("place", ["nowhere_at_all:Engine", "json:Nothing", "json", "json:loads", ":x"])
def test_an_extra_engine_that_cannot_be_loaded_says_how_to_write_it(place: str) -> None:
    with pytest.raises(ConfigError, match="module:factory"):
        engines([place])
