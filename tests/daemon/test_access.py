"""Access tokens: what is kept of them, when they are good, what each scope permits, how often each may ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roto_daemon.access import Scope, Tokens, token_of
from roto_daemon.access.rate import Rate
from roto_daemon.cli import app
from roto_daemon.errors import ConfigError, LimitError, ScopeError, TokenError
from roto_daemon.store import Store
from roto_proto.v1 import daemon_pb2, plates_pb2, sessions_pb2

VIEWERS = {
    "DaemonService": {"Hello", "ListEngines"},
    "PlateService": {"ReadPicture"},
    "SessionService": {"ListSessions", "AttachSession", "WatchSession", "ReadMattes", "GetShapes", "Export"},
}
DAY_S = 86400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.opened(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def tokens(store: Store, clock: Clock) -> Tokens:
    return Tokens(store, clock)


def test_19_a_token_is_256_random_bits_and_is_not_kept(tokens: Tokens, store: Store, tmp_path: Path) -> None:
    token, other = tokens.add("anna", Scope.ARTIST), tokens.add("ben", Scope.ARTIST)
    assert token != other
    assert re.fullmatch(r"roto_[\w-]{43}", token)  # 43 characters of 6 bits hold 256
    store.close()
    kept = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"anna" in kept
    assert token.encode() not in kept
    assert token.removeprefix("roto_").encode() not in kept


def test_19_a_token_is_good_for_its_bearer_until_it_is_revoked(tokens: Tokens) -> None:
    anna, ben = tokens.add("anna", Scope.ARTIST), tokens.add("ben", Scope.VIEWER)
    assert tokens.bearer(anna).name == "anna"
    assert tokens.bearer(ben).scope is Scope.VIEWER
    tokens.revoke("anna")
    with pytest.raises(TokenError, match="does not know"):
        tokens.bearer(anna)
    assert [each.name for each in tokens.all()] == ["ben"]


def test_19_an_expired_token_is_refused_with_its_day(tokens: Tokens, clock: Clock) -> None:
    token = tokens.add("anna", Scope.ARTIST, days=2)
    clock.now += 2 * DAY_S - 1
    assert tokens.bearer(token).name == "anna"
    clock.now += 1
    with pytest.raises(TokenError, match="'anna' expired on 2001-09-11"):
        tokens.bearer(token)


@pytest.mark.parametrize("wrong", ["", "roto_", "roto_" + "A" * 43, "anna", "\x00", "é" * 1000])
def test_19_what_is_no_token_is_refused(tokens: Tokens, wrong: str) -> None:
    tokens.add("anna", Scope.ARTIST)
    with pytest.raises(TokenError, match="does not know"):
        tokens.bearer(wrong)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "roto_abc"])
def test_19_a_header_without_a_token_says_where_to_get_one(header: str | None) -> None:
    with pytest.raises(TokenError, match="roto-daemon token add"):
        token_of(header)


def test_19_every_call_of_the_protocol_is_permitted_to_the_scopes_that_are_listed(tokens: Tokens) -> None:
    bearers = {scope: tokens.bearer(tokens.add(scope.value, scope)) for scope in Scope}
    for file in (daemon_pb2, plates_pb2, sessions_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                full_name = f"/{service.full_name}/{method.name}"
                bearers[Scope.ARTIST].require(full_name)
                bearers[Scope.ADMIN].require(full_name)
                if method.name in VIEWERS[service.name]:
                    bearers[Scope.VIEWER].require(full_name)
                else:
                    with pytest.raises(ScopeError, match=f"viewer, which does not permit {service.name}/{method.name}"):
                        bearers[Scope.VIEWER].require(full_name)
    reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    bearers[Scope.ADMIN].require(reflection)
    for scope in (Scope.ARTIST, Scope.VIEWER):
        with pytest.raises(ScopeError):
            bearers[scope].require(reflection)


@pytest.mark.parametrize(
    ("add", "sentence"),
    [
        (lambda tokens: tokens.add(" ", Scope.ARTIST), "a word or some"),
        (lambda tokens: tokens.add("a\nb", Scope.ARTIST), "a word or some"),
        (lambda tokens: tokens.add("a" * 81, Scope.ARTIST), "at most 80 characters"),
        (lambda tokens: tokens.add("ben", Scope.ARTIST, 0), "not after 0"),
        (lambda tokens: tokens.add("ben", Scope.ARTIST, float("nan")), "not after nan"),
        (lambda tokens: tokens.add("anna", Scope.VIEWER), "There is a token 'anna' already"),
        (lambda tokens: tokens.revoke("ben"), "There is no token 'ben'"),
    ],
)
def test_what_cannot_be_a_token_is_refused_in_a_sentence(
    tokens: Tokens, add: Callable[[Tokens], object], sentence: str
) -> None:
    tokens.add("anna", Scope.ARTIST)
    with pytest.raises(ConfigError, match=sentence):
        add(tokens)
    assert [each.name for each in tokens.all()] == ["anna"]


def test_16_a_token_may_begin_so_many_calls_and_others_are_not_slowed(clock: Clock) -> None:
    rate = Rate(2.0, clock)
    for _ in range(20):  # ten seconds' worth at once
        rate.take("anna")
    with pytest.raises(LimitError, match="token_calls_per_s"):
        rate.take("anna")
    rate.take("ben")
    clock.now += 0.5
    rate.take("anna")
    with pytest.raises(LimitError):
        rate.take("anna")
    clock.now += 3600
    for _ in range(20):
        rate.take("anna")
    with pytest.raises(LimitError):
        rate.take("anna")


def test_the_commands_make_list_and_revoke_tokens_of_a_state_folder(tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["token", *arguments], env={"ROTO_STATE_FOLDER": str(tmp_path / "state")})
        return done.exit_code, done.output

    assert "There is no token" in run("list")[1]
    code, said = run("add", "anna", "--scope", "viewer", "--expires", "30")
    assert code == 0
    token = next(line for line in said.splitlines() if line.startswith("roto_"))
    listed = run("list", "--json")[1]
    assert '"scope": "viewer"' in listed
    assert token not in listed
    assert "anna" in run("list")[1]
    assert run("add", "anna")[0] == 3
    assert run("revoke", "anna") == (0, "The token 'anna' is worth nothing any more.\n")
    assert run("revoke", "anna")[0] == 3


def test_a_damaged_record_is_left_where_it_is_by_the_commands(tmp_path: Path) -> None:
    (tmp_path / "sessions.db").write_bytes(b"no database at all" * 100)
    done = CliRunner().invoke(app, ["token", "list"], env={"ROTO_STATE_FOLDER": str(tmp_path)})
    assert done.exit_code == 3
    assert "it is damaged" in done.output
    assert [each.name for each in tmp_path.iterdir()] == ["sessions.db"]
