"""A daemon that asks for access tokens, by both of its edges: tests are numbered as the matrix of faults."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from serving import FIRST, LAST, Daemon, centre, serving

from roto_client.errors import AccessError, BusyError
from roto_client.results import Direction
from roto_client.session import connect
from roto_client.transport.choice import open_transport
from roto_daemon.access import Scope, Tokens
from roto_daemon.store import Store
from roto_shapes.shot import FrameRange

NUMBERS = count()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    settings = {"require_token": "true", "token_calls_per_s": "5"}
    with serving(tmp_path_factory.mktemp("asking"), **settings) as running:
        yield running


@contextlib.contextmanager
def tokens_of(daemon: Daemon) -> Iterator[Tokens]:
    """Give the daemon's tokens, from outside of it, as roto-daemon token does."""
    store = Store.opened(daemon.state, mends=False)
    yield Tokens(store)
    store.close()


def revoke(daemon: Daemon, name: str) -> None:
    with tokens_of(daemon) as tokens:
        tokens.revoke(name)


@pytest.fixture
def give(asking: Daemon, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Make a token of the daemon and give it to the clients of this process; return its name."""

    def made(scope: Scope = Scope.ARTIST, days: float | None = None) -> str:
        name = f"client {next(NUMBERS)}"
        with tokens_of(asking) as tokens:
            monkeypatch.setenv("ROTO_TOKEN", tokens.add(name, scope, days))
        return name

    return made


def addresses(daemon: Daemon) -> tuple[str, str]:
    return daemon.address, daemon.http


@pytest.mark.parametrize("edge", [0, 1])
@pytest.mark.parametrize("token", [None, "roto_" + "A" * 43])
def test_19_nobody_is_answered_without_a_token_that_is_known(
    asking: Daemon, monkeypatch: pytest.MonkeyPatch, edge: int, token: str | None
) -> None:
    monkeypatch.delenv("ROTO_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("ROTO_TOKEN", token)
    sentence = "does not know the access token" if token else "asks for an access token"
    with pytest.raises(AccessError, match=sentence):
        open_transport(addresses(asking)[edge])


@pytest.mark.parametrize("edge", [0, 1])
def test_19_a_token_lets_an_artist_work_and_a_viewer_look(
    asking: Daemon, give: Callable[..., str], plate: str, edge: int
) -> None:
    give()
    with connect(addresses(asking)[edge]) as far, far.open_plate(plate) as opened:
        session = opened.open_session("disc")
        session.add_object("disc").click(FIRST, *centre(FIRST))
        give(Scope.VIEWER)
        viewer = open_transport(addresses(asking)[edge])
        assert session.session_id in {each.session_id for each in viewer.sessions()}
        assert [each.frame for each in viewer.read_mattes(session.session_id, 1, FrameRange(FIRST, FIRST))] == [FIRST]
        with pytest.raises(AccessError, match="viewer, which does not permit SessionService/CloseSession"):
            viewer.close_session(session.session_id)
        with pytest.raises(AccessError, match="SessionService/Propagate"):
            list(viewer.propagate(session.session_id, 1, FrameRange(FIRST, LAST), Direction.FORWARD))
        viewer.close()


@pytest.mark.parametrize("edge", [0, 1])
def test_19_a_token_that_is_revoked_ends_calls_under_way_and_begins_none(
    asking: Daemon, give: Callable[..., str], plate: str, edge: int
) -> None:
    give()
    with connect(asking.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        session_id = session.session_id
        name = give()
        transport = open_transport(addresses(asking)[edge])
        watching = transport.watch_session(session_id)
        next(watching)
        threading.Timer(0.2, revoke, (asking, name)).start()
        with pytest.raises(AccessError, match="revoked"):  # by the suite's time limit within its minute
            for _ in watching:
                pass
        with pytest.raises(AccessError, match="revoked"):
            transport.sessions()
        transport.close()


def test_19_a_token_that_expires_ends_calls_under_way(asking: Daemon, give: Callable[..., str], plate: str) -> None:
    give()
    with connect(asking.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        give(days=1.5 / 86400)
        with pytest.raises(AccessError, match="expired on"):
            # Where the machine is slow it has expired before the first call; the sentence is the same.
            for _ in open_transport(asking.address).watch_session(session.session_id):
                pass


def test_19_a_refusal_is_in_the_log_and_the_token_is_not(
    asking: Daemon, give: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    give(Scope.VIEWER)
    with pytest.raises(AccessError):
        open_transport(asking.address).close_session("none")
    wrong = "roto_" + "B" * 43
    good = os.environ["ROTO_TOKEN"]
    monkeypatch.setenv("ROTO_TOKEN", wrong)
    with pytest.raises(AccessError):
        open_transport(asking.address)
    log = asking.log.read_text()
    assert "refused /roto.v1.SessionService/CloseSession" in log
    assert "refused /roto.v1.DaemonService/Hello" in log
    assert good not in log
    assert wrong not in log


def test_19_http_answers_401_and_403_and_its_health_to_anybody(asking: Daemon, give: Callable[..., str]) -> None:
    def asked(path: str, token: str = "") -> tuple[int, dict[str, str]]:
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        data = b"{}" if path.startswith("/api") else None
        request = urllib.request.Request(f"{asking.http}{path}", data, headers)  # noqa: S310 - of a daemon of ours
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the same
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    status, problem = asked("/api/v1/SessionService/ListSessions")
    assert (status, problem["code"], problem["reason"]) == (401, "UNAUTHENTICATED", "TokenError")
    give(Scope.VIEWER)
    status, problem = asked("/api/v1/SessionService/CloseSession", os.environ["ROTO_TOKEN"])
    assert (status, problem["code"], problem["reason"]) == (403, "PERMISSION_DENIED", "ScopeError")
    assert asked("/api/v1/SessionService/ListSessions", os.environ["ROTO_TOKEN"])[0] == 200
    assert asked("/healthz")[0] == 200


def test_16_a_token_that_asks_too_often_is_told_so_and_others_go_on(asking: Daemon, give: Callable[..., str]) -> None:
    give()
    greedy = open_transport(asking.address)
    give()
    modest = open_transport(asking.address)
    until = time.monotonic() + 30
    with pytest.raises(BusyError, match="token_calls_per_s"):
        while time.monotonic() < until:
            greedy.greet()
    modest.greet()
