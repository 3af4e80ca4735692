"""Clients find a daemon by what it writes on this machine, and by what it says on the network, which is only a list."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from serving import program, serving

from roto_client.discovery import Announced, daemons_here, daemons_on_the_network
from roto_client.session import connect
from roto_daemon.config import Config
from roto_daemon.service.presence import announced, present
from roto_daemon.service.server import RunningDaemon
from roto_daemon.workers.process import WorkerProcess
from roto_proto import wire

LOOPBACK = ["127.0.0.1"]


def test_a_daemon_is_found_while_it_runs_and_by_http_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("ROTO_DAEMON", raising=False)
    with serving(tmp_path) as daemon:
        (found,) = daemons_here()
        assert (found.address, found.http, found.pid) == (daemon.address, daemon.http, daemon.process.pid)
        with connect() as by_grpc, connect(prefer="HTTP") as by_http:
            assert by_grpc.address == daemon.address
            assert by_http.address == daemon.http
            assert by_grpc.info.daemon_id == by_http.info.daemon_id == found.daemon_id
        listed = subprocess.run(
            [program("roto"), "daemons", "--network", "0", "--json"], capture_output=True, text=True, check=True
        )
        facts = json.loads(listed.stdout)
        assert facts["used"] == {"address": daemon.address, "from": "the daemon that runs here"}
        assert [each["daemon_id"] for each in facts["here"]] == [found.daemon_id]
        assert daemon.stop() == 0
    assert list((tmp_path / "run" / "rotolink").iterdir()) == []


def test_a_daemon_that_was_killed_is_not_found(tmp_path: Path) -> None:
    with serving(tmp_path) as daemon:
        daemon.process.kill()
        daemon.process.wait(20)
    home = tmp_path / "run" / "rotolink"
    assert len(list(home.iterdir())) == 1
    assert daemons_here(home) == ()


def running(address: str) -> RunningDaemon:
    return RunningDaemon(address, "0123456789abcdef", *(WorkerProcess(kind, Config()) for kind in ("engine", "fit")))


async def listened() -> tuple[Announced, ...]:
    return await asyncio.to_thread(daemons_on_the_network, 1.0, LOOPBACK)


def test_a_daemon_that_announces_itself_is_listed_until_it_ends() -> None:
    async def run() -> tuple[tuple[Announced, ...], tuple[Announced, ...]]:
        async with announced(running("127.0.0.1:7"), "http://127.0.0.1:8", LOOPBACK, LOOPBACK):
            during = await listened()
        return during, await listened()

    during, afterwards = asyncio.run(run())
    (found,) = during
    assert found.name.startswith("Rotolink on ")
    expected = ("127.0.0.1:7", "http://127.0.0.1:8", "{}.{}".format(*wire.API_VERSION), "0123456789abcdef")
    assert (found.address, found.http, found.protocol, found.daemon_id) == expected
    assert afterwards == ()


@pytest.mark.parametrize("listens_at", ["127.0.0.1:7", "localhost:7", "[::1]:7"])
def test_a_daemon_for_this_machine_alone_is_not_announced(
    listens_at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def run() -> tuple[Announced, ...]:
        async with present(Config(), running(listens_at), ""):
            return await listened()

    assert asyncio.run(run()) == ()


def test_what_a_stranger_says_of_itself_is_shown_as_one_short_line() -> None:
    workers = (running("a:1").engine_worker, running("a:1").fit_worker)
    stranger = RunningDaemon("127.0.0.1:7", "evil\n\x1b[2J" * 7, *workers)

    async def run() -> tuple[Announced, ...]:
        async with announced(stranger, "", LOOPBACK, LOOPBACK):
            return await listened()

    (found,) = asyncio.run(run())
    assert found.daemon_id == ("evil??[2J" * 8)[:63]
    assert found.http == ""
