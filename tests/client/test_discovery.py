"""Where the daemon is, by which way it is reached, and how one is started here."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from running_roto import plain, roto
from stand_in_daemon import StandInDaemon
from stand_in_gateway import StandInGateway

from roto_client.discovery import find_daemon
from roto_client.errors import BadInputError, DaemonNotStartedError
from roto_client.local_daemon import cleaned_environment, start_daemon
from roto_client.session import connect
from roto_client.settings import read_settings
from roto_client.transport.choice import clash, http_address, open_transport
from roto_proto.runtime_file import RunningDaemon, write_runtime_file


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what this machine is set to out of the tests."""
    monkeypatch.delenv("ROTO_DAEMON", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "client.ini"
    file.write_text("[client]\ndaemon = box:7\nprogram = /opt/my daemon\n")
    return file


def runs_here(stand_in: StandInDaemon, http: str = "") -> None:
    write_runtime_file(RunningDaemon(stand_in.address, http, os.getpid(), "stand-in", "9.8.7"))


def test_what_is_said_explicitly_wins_over_what_is_found(
    stand_in: StandInDaemon, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_daemon() == ("127.0.0.1:50750", "default")
    runs_here(stand_in)
    assert find_daemon() == (stand_in.address, "the daemon that runs here")
    assert find_daemon(settings=settings) == ("box:7", str(settings))
    monkeypatch.setenv("ROTO_DAEMON", "there:9")
    assert find_daemon(settings=settings) == ("there:9", "ROTO_DAEMON")
    assert find_daemon("here:8", settings=settings) == ("here:8", "--daemon")


def test_the_settings_lie_where_the_system_keeps_settings(tmp_path: Path) -> None:
    file = tmp_path / "config" / "rotolink" / "client.ini"
    assert read_settings() == {}
    file.parent.mkdir(parents=True)
    file.write_text("[client]\nprogram = x\n[other]\ny = 1\n")
    assert read_settings() == {"program": "x"}


@pytest.mark.parametrize("text", [b"daemon = box:7", b"[client]\nno", b"\xff\xfe"])
def test_settings_that_cannot_be_read_are_told(settings: Path, text: bytes) -> None:
    settings.write_bytes(text)
    with pytest.raises(BadInputError, match=r"client\.ini cannot be read"):
        find_daemon(settings=settings)


def test_settings_with_an_address_that_is_none_are_told(settings: Path) -> None:
    settings.write_text("[client]\ndaemon = a b\n")
    with pytest.raises(BadInputError, match="'a b' is not an address"):
        find_daemon(settings=settings)


def test_a_client_without_an_address_meets_the_daemon_that_runs_here(stand_in: StandInDaemon) -> None:
    runs_here(stand_in)
    with connect() as daemon:
        assert (daemon.address, daemon.reached_by) == (stand_in.address, "gRPC")


def test_the_command_lists_what_runs_here_and_says_which_one_is_used(stand_in: StandInDaemon) -> None:
    nothing = roto("daemons", "--network", "0")
    assert "Start one with: roto-daemon serve" in plain(nothing.stdout)
    runs_here(stand_in, "http://127.0.0.1:8")
    listed = plain(roto("daemons", "--network", "0", XDG_RUNTIME_DIR=os.environ["XDG_RUNTIME_DIR"]).stdout)
    assert f"here Rotolink 9.8.7 {stand_in.address} http://127.0.0.1:8" in listed
    assert f"Commands use {stand_in.address}, from the daemon that runs here." in listed


def test_a_machine_without_zeroconf_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    done = roto("daemons")
    assert done.exit_code == BadInputError.exit_code
    assert "pip install 'rotolink[discovery]'" in done.stderr


def module(version: str) -> Any:  # noqa: ANN401 - stands for a module
    return SimpleNamespace(__version__=version)


@pytest.mark.parametrize(
    ("loaded", "why"),
    [
        ({}, ""),
        ({"grpc": module("1.72.0"), "google.protobuf": module("6.30.0")}, ""),
        ({"grpc": module("2.0"), "google.protobuf": module("10.1rc1")}, ""),
        ({"google.protobuf": module("3.20.3")}, "loaded protobuf 3.20.3, and Rotolink needs 6.30 or newer"),
        ({"google.protobuf": module("6.9.1")}, "loaded protobuf 6.9.1"),
        ({"grpc": module("1.71.9")}, "loaded grpcio 1.71.9, and Rotolink needs 1.72 or newer"),
        ({"grpc": object()}, "loaded grpcio of unknown version"),
    ],
)
def test_an_older_library_that_the_host_has_loaded_is_in_the_way(loaded: dict[str, Any], why: str) -> None:
    assert why in clash(loaded) if why else clash(loaded) == ""


def test_the_way_is_grpc_unless_http_is_asked_for_or_named(stand_in: StandInDaemon, gateway: StandInGateway) -> None:
    runs_here(stand_in, gateway.address)
    ways = [(stand_in.address, ""), (stand_in.address, "gRPC"), (stand_in.address, "HTTP"), (gateway.address, "")]
    found = []
    for address, prefer in ways:
        with connect(address, prefer) as daemon:
            found.append((daemon.reached_by, daemon.address))
    assert found == [
        ("gRPC", stand_in.address),
        ("gRPC", stand_in.address),
        ("HTTP, because it was asked for", gateway.address),
        ("HTTP", gateway.address),
    ]


IN_A_HOST = """
import sys, types
sys.path += sys.argv[2].split("|")
blocked = {blocked!r}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ImportError(f"no {{name}} in this host")

sys.meta_path.insert(0, Missing())
{before}
from roto_client.session import connect
with connect(sys.argv[1]) as daemon:
    print(daemon.reached_by)
    with daemon.open_plate("plate.####.png") as plate, plate.open_session() as session:
        print(len(session.add_object("ball").click(1001, 30, 20).samples) > 0)
"""
OLD = "sys.modules['google.protobuf'] = old = types.ModuleType('google.protobuf'); old.__version__ = '3.19.4'"


@pytest.mark.parametrize(
    ("blocked", "before", "why"),
    [
        (["grpc"], "", "HTTP, because gRPC cannot be loaded here (ImportError: no grpc in this host)"),
        ([], OLD, "HTTP, because this program has loaded protobuf 3.19.4, and Rotolink needs 6.30 or newer"),
        ([], "", "gRPC"),
    ],
)
def test_in_a_host_where_grpc_cannot_be_used_the_same_work_is_done_by_http(
    stand_in: StandInDaemon, gateway: StandInGateway, blocked: list[str], before: str, why: str
) -> None:
    runs_here(stand_in, gateway.address)
    script = IN_A_HOST.format(blocked=blocked, before=before)
    run = subprocess.run(
        [sys.executable, "-c", script, stand_in.address, "|".join(sys.path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [why, "True"]


def test_where_http_is_needed_and_not_known_the_address_is_asked_for(stand_in: StandInDaemon) -> None:
    assert http_address("gpu-box:50750") == "https://gpu-box:50751"
    assert http_address("[::1]") == "http://[::1]:50751"
    with pytest.raises(BadInputError, match=r"not known: give that address, as http://gpu-box:50751"):
        http_address("gpu-box:7")
    runs_here(stand_in)
    with pytest.raises(BadInputError, match=r"does not answer HTTP: start it without http = false"):
        open_transport(stand_in.address, "HTTP")


def test_a_host_s_own_variables_stay_with_the_host() -> None:
    hosts = {"PYTHONHOME": "/nuke", "PYTHONPATH": "/nuke/lib", "LD_LIBRARY_PATH": "/nuke", "DYLD_LIBRARY_PATH": "/nuke"}
    kept = {"PATH": "/bin", "HOME": "/me", "ROTO_MODELS_DIR": "/models", "CUDA_VISIBLE_DEVICES": "0"}
    assert cleaned_environment({**hosts, "QT_PLUGIN_PATH": "/nuke/qt", **kept}) == kept


DAEMON = """\
import os, sys, time
assert sys.argv[1:4] == ["serve", "--listen", "127.0.0.1:0"], sys.argv
assert sys.argv[4] == "--address-file"
{work}
"""


def program(folder: Path, work: str) -> list[str]:
    file = folder / "daemon.py"
    file.write_text(DAEMON.format(work=work))
    return [sys.executable, str(file)]


def test_a_daemon_is_started_and_waited_for_and_has_none_of_the_host_s_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nuke")
    monkeypatch.setenv("PYTHONPATH", "/nuke/lib")
    work = (
        "print('PYTHONPATH' in os.environ, 'LD_LIBRARY_PATH' in os.environ, flush=True)\n"
        "open(sys.argv[5] + '.new', 'w').write('127.0.0.1:7')\n"
        "os.replace(sys.argv[5] + '.new', sys.argv[5])\n"
        "time.sleep(60)"
    )
    daemon = start_daemon(program(tmp_path, work), "127.0.0.1:0", timeout_s=20)
    assert daemon.address == "127.0.0.1:7"
    assert daemon.log.read_text() == "False False\n"
    daemon.stop()
    daemon.stop()
    daemon.log.unlink()


@pytest.mark.parametrize(
    ("work", "why", "timeout_s"),
    [
        (
            "print('roto-daemon: there is no setting moon.'); sys.exit(3)",
            r"exit code 3\)\. It said:\n  roto-daemon: there",
            20,
        ),
        ("sys.exit(1)", r"exit code 1\)\. It said:\n  nothing", 20),
        ("print('importing', flush=True); time.sleep(60)", r"did not answer within 3 s\. It said:\n  importing", 3),
    ],
)
def test_a_daemon_that_does_not_come_up_is_told_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, why: str, timeout_s: float
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(DaemonNotStartedError, match=why):
        start_daemon(program(tmp_path, work), "127.0.0.1:0", timeout_s)
    assert [each.name for each in tmp_path.iterdir()] == ["daemon.py"], "nothing is left behind"


def test_a_daemon_is_not_started_where_something_listens_or_beyond_this_machine(tmp_path: Path) -> None:
    refused = pytest.raises(DaemonNotStartedError, match=r"Something listens at 127\.0\.0\.1:\d+ already")
    with socket.create_server(("127.0.0.1", 0)) as taken, refused:
        start_daemon(program(tmp_path, ""), f"127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(DaemonNotStartedError, match="this machine alone"):
        start_daemon(program(tmp_path, ""), "0.0.0.0:7")


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_the_program_is_that_of_the_settings_or_its_lack_is_told(
    tmp_path: Path,
) -> None:
    file = tmp_path / "config" / "rotolink" / "client.ini"
    file.parent.mkdir(parents=True)
    mine = tmp_path / "my daemon"
    file.write_text(f"[client]\nprogram = {mine}\n")
    with pytest.raises(DaemonNotStartedError, match=r"my daemon is not on this machine.*rotolink\[daemon\]"):
        start_daemon(listen="127.0.0.1:0")
    mine.write_text("#!/bin/sh\necho mine\nexit 5\n")
    mine.chmod(stat.S_IRWXU)
    with pytest.raises(DaemonNotStartedError, match=r"exit code 5\)\. It said:\n  mine"):
        start_daemon(listen="127.0.0.1:0")
    with pytest.raises(DaemonNotStartedError, match="nothing-there is not on this machine"):
        start_daemon([str(tmp_path / "nothing-there")], "127.0.0.1:0")
