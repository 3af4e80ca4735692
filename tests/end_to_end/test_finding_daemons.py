"""Clients find a daemon by what it writes on this machine, and by what it says on the network, which is only a list."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from serving import FIRST, LAST, Daemon, centre, program, serving

from roto_client.discovery import Announced, daemons_here, daemons_on_the_network
from roto_client.errors import DaemonNotStartedError, DaemonUnreachableError
from roto_client.local_daemon import start_daemon
from roto_client.results import FrameDone
from roto_client.session import Session, connect
from roto_client.transport import split_address
from roto_daemon.config import Config
from roto_daemon.service.presence import announced, present
from roto_daemon.service.server import RunningDaemon
from roto_daemon.workers.process import WorkerProcess
from roto_proto import wire

LOOPBACK = ["127.0.0.1"]


def test_a_daemon_is_found_while_it_runs_and_a_client_of_http_outlives_its_death(
    tmp_path: Path, plate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("ROTO_DAEMON", raising=False)
    home = tmp_path / "run" / "rotolink"
    with serving(tmp_path) as daemon:
        (found,) = daemons_here()
        assert (found.address, found.http, found.pid) == (daemon.address, daemon.http, daemon.process.pid)
        listed = subprocess.run(
            [program("roto"), "daemons", "--network", "0", "--json"], capture_output=True, text=True, check=True
        )
        facts = json.loads(listed.stdout)
        assert facts["used"] == {"address": daemon.address, "from": "the daemon that runs here"}
        assert [each["daemon_id"] for each in facts["here"]] == [found.daemon_id]
        with connect() as by_grpc:
            assert (by_grpc.address, by_grpc.info.daemon_id) == (daemon.address, found.daemon_id)

        daemon.environment["ROTO_HTTP_PORT"] = daemon.http.rpartition(":")[2]
        with (
            connect(prefer="HTTP", patience_s=60) as far,
            far.open_plate(plate) as opened,
            opened.open_session("faulty") as session,
        ):
            assert (far.address, far.info.daemon_id) == (daemon.http, found.daemon_id)
            told = tracked_through_a_death(daemon, session)
        assert told == list(range(FIRST, LAST + 1))
        assert daemon.stop() == 0
    assert list(home.iterdir()) == []


def tracked_through_a_death(daemon: Daemon, session: Session) -> list[int]:
    """Track while the daemon is killed and started again; return the frames that were told to be done."""
    disc = session.add_object("disc")
    disc.click(FIRST, *centre(FIRST))
    daemon.fault.write_text("slow 0.05")
    back: list[threading.Thread] = []
    told: list[int] = []
    for event in disc.track(mattes=True):
        if isinstance(event, FrameDone):
            told.append(event.frame)
            if event.frame == FIRST + 5 and not back:
                daemon.kill()
                assert daemons_here() == (), "its file was left behind, and nobody answers there"
                back.append(threading.Thread(target=daemon.start_again))
                back[0].start()
    back[0].join()
    return told


def test_a_host_starts_a_daemon_and_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("ROTO_STATE_FOLDER", str(tmp_path / "state"))
    started = start_daemon([program("roto-daemon")], "127.0.0.1:0")
    with connect(started.address) as far:
        assert "classic" in {engine.name for engine in far.engines()}
        with pytest.raises(DaemonNotStartedError, match="Something listens at"):
            start_daemon([program("roto-daemon")], started.address)
    started.stop()
    with pytest.raises(DaemonUnreachableError):
        connect(started.address)
    started.log.unlink()


def running(address: str) -> RunningDaemon:
    return RunningDaemon(address, "0123456789abcdef", WorkerProcess("engine", Config()), WorkerProcess("fit", Config()))


async def listened(wait_s: float = 1.0) -> tuple[Announced, ...]:
    return await asyncio.to_thread(daemons_on_the_network, wait_s, LOOPBACK)


def test_a_daemon_that_announces_itself_is_listed_until_it_ends() -> None:
    async def run() -> tuple[tuple[Announced, ...], tuple[Announced, ...]]:
        async with announced(running("127.0.0.1:7"), "http://127.0.0.1:8", LOOPBACK, LOOPBACK):
            during = await listened(2.0)
        return during, await listened()

    during, afterwards = asyncio.run(run())
    (found,) = during
    assert found.name.startswith("Rotolink on ")
    expected = ("127.0.0.1:7", "http://127.0.0.1:8", "{}.{}".format(*wire.API_VERSION), "0123456789abcdef")
    assert (found.address, found.http, found.protocol, found.daemon_id) == expected
    assert afterwards == ()


@pytest.mark.parametrize("listens_at", ["127.0.0.1:7", "localhost:7"])
def test_a_daemon_for_this_machine_alone_is_not_announced(
    listens_at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def run() -> tuple[Announced, ...]:
        async with present(Config(), running(listens_at), ""):
            return await listened()

    assert asyncio.run(run()) == ()


@pytest.mark.parametrize("announces", [True, False])
def test_a_daemon_for_the_network_is_announced_where_others_reach_it_unless_that_is_off(
    announces: bool,  # noqa: FBT001 - pytest passes by name
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        try:
            sender.connect(("192.0.2.1", 9))  # sends nothing, and tells by which address it would
        except OSError:
            pytest.skip("this machine has no network")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def run() -> tuple[Announced, ...]:
        async with present(Config(announce=announces), running("0.0.0.0:7"), "http://0.0.0.0:8"):
            assert json.loads(next(tmp_path.glob("*/*.json")).read_text())["address"] == "127.0.0.1:7"
            return await asyncio.to_thread(daemons_on_the_network, 2.0)

    found = asyncio.run(run())
    assert len(found) == announces
    for each in found:
        host, port = split_address(each.address)
        assert (port, each.http) == (7, f"http://{host}:8")
        assert not host.startswith("127.")
        socket.create_server((host, 0)).close()  # it is an address of this machine


def test_what_a_stranger_says_of_itself_is_shown_as_one_short_line() -> None:
    workers = (running("a:1").engine_worker, running("a:1").fit_worker)
    stranger = RunningDaemon("127.0.0.1:7", "evil\n\x1b[2J" * 7, *workers)

    async def run() -> tuple[Announced, ...]:
        async with announced(stranger, "", LOOPBACK, LOOPBACK):
            return await listened(2.0)

    (found,) = asyncio.run(run())
    assert found.daemon_id == ("evil??[2J" * 8)[:63]
    assert found.http == ""
