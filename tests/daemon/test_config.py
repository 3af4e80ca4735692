from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from roto_daemon.config import Config, load, split_address
from roto_daemon.errors import ConfigError


def test_later_sources_win_and_each_value_names_its_source(tmp_path: Path) -> None:
    file = tmp_path / "rotolink.toml"
    file.write_text('listen = "127.0.0.1:1000"\nmax_sessions = 3\nmax_objects = 5\n')
    loaded = load(file, {"ROTO_MAX_SESSIONS": "4", "ROTO_LISTEN": "127.0.0.1:2000"}, {"listen": "127.0.0.1:3000"})
    assert (loaded.config.listen, loaded.config.max_sessions, loaded.config.max_objects) == ("127.0.0.1:3000", 4, 5)
    assert loaded.sources["listen"] == "flag"
    assert loaded.sources["max_sessions"] == "environment"
    assert loaded.sources["max_objects"] == f"file {file}"
    assert loaded.sources["roots"] == "default"


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    assert load(None, {}, {"listen": None}).config == Config()


def test_lists_come_from_text_and_from_toml(tmp_path: Path) -> None:
    file = tmp_path / "rotolink.toml"
    file.write_text('roots = ["/shots", "/plates"]\n')
    assert load(file, {}, {}).config.roots == ("/shots", "/plates")
    assert load(None, {"ROTO_ROOTS": "/shots, /plates,"}, {}).config.roots == ("/shots", "/plates")


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("0", False), ("False", False), ("1", True), ("off", False)]
)
def test_switches_take_true_and_false_in_words_and_digits(text: str, value: bool) -> None:  # noqa: FBT001 - a case
    assert load(None, {"ROTO_REFLECTION": text}, {}).config.reflection is value


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("colour = 1", "there is no setting 'colour'"),
        ("max_sessions = 'many'", "max_sessions = 'many': give a whole number"),
        ("max_sessions = true", "give a whole number"),
        ("session_days = 'long'", "give a number"),
        ("reflection = 'perhaps'", "give true or false"),
        ("roots = [1]", "give a list"),
        ("state_folder = 1", "give text"),
        ("max_objects = 0", "max_objects = 0: give a number above zero"),
        ("http_port = -1", "http_port = -1: give a number of at least 0"),
        ("http_port = 65536", "http_port = 65536: give a port"),
        ("http_silence_s = 0", "give a number above zero"),
        ("device = 'gpu'", "device = 'gpu': give one of auto, cpu"),
        ("listen = 'here'", "'here' is not an address"),
        ("listen = '127.0.0.1:70000'", "is not an address"),
        ("listen =", "is not TOML"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_with_its_place(tmp_path: Path, toml: str, sentence: str) -> None:
    file = tmp_path / "rotolink.toml"
    file.write_text(toml)
    with pytest.raises(ConfigError, match=sentence):
        load(file, {}, {})


def test_a_settings_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.toml", {}, {})


def test_variables_of_the_client_are_not_settings() -> None:
    assert load(None, {"ROTO_DAEMON": "127.0.0.1:1", "ROTO_DEBUG": "1", "PATH": "/bin"}, {}).config == Config()


def test_addresses_of_both_families_are_split() -> None:
    assert split_address("127.0.0.1:80") == ("127.0.0.1", 80)
    assert split_address("[::1]:80") == ("::1", 80)


def test_every_setting_is_documented_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "config.md").read_text()
    for item in dataclasses.fields(Config):
        assert f"`{item.name}`" in page, f"docs/reference/config.md does not mention {item.name}"
        assert item.metadata["meaning"]
