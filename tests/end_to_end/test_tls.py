"""A daemon that listens beyond its machine: TLS 1.3 and a token at both edges, clients that know its certificate."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from serving import FIRST, LAST, Daemon, centre, program, serving

from roto_client.errors import AccessError, BadInputError, DaemonUnreachableError
from roto_client.results import PixelFrame, SampleType
from roto_client.session import connect
from roto_client.transport.choice import open_transport
from roto_client.transport.trust import trust
from roto_daemon.access import Scope, Tokens
from roto_daemon.access.certificate import certificate_in
from roto_daemon.store import Store
from roto_shapes.shot import FrameRange, Plate


@pytest.fixture(scope="module")
def beyond(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that any machine reaches, by the address of this one."""
    with serving(tmp_path_factory.mktemp("beyond"), "0.0.0.0:0", announce="false") as running:
        running.address = running.address.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - the same
        running.http = running.http.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - the same
        yield running


@pytest.fixture
def fingerprint(beyond: Daemon) -> str:
    """What the daemon printed."""
    found = re.search(r"fingerprint ([0-9a-f]{64})", beyond.log.read_text())
    assert found
    return found[1]


@pytest.fixture
def client(beyond: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a token who trusts nothing yet; returns where the trust is kept."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    store = Store.opened(beyond.state, mends=False)
    monkeypatch.setenv("ROTO_TOKEN", Tokens(store).add(tmp_path.name, Scope.ARTIST))
    store.close()
    return tmp_path / "config" / "rotolink" / "trusted.json"


def edges(daemon: Daemon) -> tuple[str, str]:
    return daemon.address, daemon.http


@pytest.mark.parametrize("edge", [0, 1])
@pytest.mark.usefixtures("client")
def test_a_daemon_is_worked_with_by_either_edge_once_its_fingerprint_was_confirmed(
    beyond: Daemon, fingerprint: str, plate: str, edge: int
) -> None:
    address = edges(beyond)[edge]
    assert trust(address, ":".join(re.findall("..", fingerprint.upper()))) == fingerprint
    with connect(address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        list(disc.track(FrameRange(FIRST, LAST)))
        with far.open_upload(Plate(400, 200, FrameRange(1, 20))) as sent:  # read and written at the same time
            pixels = memoryview(bytes(400 * 200 * 3))
            frames = [PixelFrame(frame, pixels, 400, 200, 3, SampleType.U8) for frame in range(1, 21)]
            assert list(sent.upload(frames)) == list(range(1, 21))
        assert [each.frame for each in disc.mattes(FrameRange(FIRST, LAST))] == list(range(FIRST, LAST + 1))


def test_21_an_address_that_nobody_trusted_is_not_connected_to() -> None:
    for address in ("192.0.2.1:50750", "https://192.0.2.1:50751", "http://192.0.2.1:50751", "https://127.0.0.1:9"):
        with pytest.raises(AccessError, match=r"not trusted yet: .* --trust .* --fingerprint"):
            open_transport(address)


@pytest.mark.parametrize("edge", [0, 1])
def test_21_a_wrong_fingerprint_is_refused_with_both(beyond: Daemon, fingerprint: str, client: Path, edge: int) -> None:
    with pytest.raises(AccessError, match=f"shows the fingerprint {fingerprint}, and {'a' * 64} was expected"):
        trust(edges(beyond)[edge], "a" * 64)
    assert not client.exists()
    with pytest.raises(BadInputError, match="64 digits"):
        trust(edges(beyond)[edge], "abc")


@pytest.mark.parametrize("edge", [0, 1])
def test_21_another_certificate_than_the_trusted_one_is_refused_with_both_fingerprints(
    beyond: Daemon, fingerprint: str, client: Path, tmp_path: Path, edge: int
) -> None:
    address = edges(beyond)[edge]
    trust(address, fingerprint)
    other = certificate_in(tmp_path / "other")
    known = certificate_in(beyond.state).certificate_file.read_text().replace("\n", "\\n")
    text = client.read_text()
    assert known in text
    client.write_text(text.replace(known, other.certificate_file.read_text().replace("\n", "\\n")))
    with pytest.raises(AccessError, match=f"shows the fingerprint {fingerprint}, and {other.fingerprint} was expected"):
        open_transport(address)


def ports(daemon: Daemon) -> list[int]:
    found = psutil.Process(daemon.process.pid).net_connections("tcp")
    return [each.laddr.port for each in found if each.status == psutil.CONN_LISTEN]


def shaken(port: int, version: ssl.TLSVersion) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain) as wrapped:
        return wrapped.version()


def test_21_no_port_speaks_an_older_tls_than_1_3(beyond: Daemon) -> None:
    open_ports = ports(beyond)
    edge_ports = {int(each.rpartition(":")[2]) for each in edges(beyond)}
    assert edge_ports < set(open_ports)
    for port in open_ports:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shaken(port, ssl.TLSVersion.TLSv1_2)
    for port in edge_ports:
        assert shaken(port, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"


def test_21_what_listens_beyond_this_machine_are_the_two_edges_alone(beyond: Daemon) -> None:
    listening = [
        each.laddr for each in psutil.Process(beyond.process.pid).net_connections("tcp") if each.status == "LISTEN"
    ]
    edge_ports = {int(each.rpartition(":")[2]) for each in edges(beyond)}
    assert {each.port for each in listening if each.ip.removeprefix("::ffff:") != "127.0.0.1"} == edge_ports


@pytest.mark.usefixtures("client")
def test_21_plain_text_is_answered_by_neither_edge(beyond: Daemon) -> None:
    for address in (beyond.address, beyond.http.replace("https", "http")):
        with pytest.raises(DaemonUnreachableError):
            open_transport(address)


@pytest.mark.parametrize("edge", [0, 1])
def test_19_beyond_this_machine_nobody_is_answered_without_a_token(
    beyond: Daemon, fingerprint: str, client: Path, monkeypatch: pytest.MonkeyPatch, edge: int
) -> None:
    trust(edges(beyond)[edge], fingerprint)
    assert client.stat().st_mode & 0o777 == 0o600
    monkeypatch.delenv("ROTO_TOKEN")
    with pytest.raises(AccessError, match="asks for an access token"):
        open_transport(edges(beyond)[edge])


def test_19_the_way_within_the_machine_asks_for_a_token_too(beyond: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROTO_TOKEN", raising=False)
    edge_ports = {int(each.rpartition(":")[2]) for each in edges(beyond)}
    (inside,) = set(ports(beyond)) - edge_ports
    with pytest.raises(AccessError, match="asks for an access token"):
        open_transport(f"127.0.0.1:{inside}")


def test_the_key_is_its_users_alone_and_the_certificate_stays(beyond: Daemon, fingerprint: str) -> None:
    kept = certificate_in(beyond.state)
    assert kept.fingerprint == fingerprint
    for file in (kept.key_file, kept.certificate_file):
        assert file.stat().st_mode & 0o777 == 0o600
    assert kept.key_file.parent.stat().st_mode & 0o777 == 0o700


def test_the_command_trusts_a_daemon(beyond: Daemon, fingerprint: str, client: Path) -> None:
    def roto(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program("roto"), "daemons", *options], capture_output=True, text=True, timeout=60, check=False
        )

    done = roto("--trust", beyond.address, "--fingerprint", fingerprint)
    assert (done.returncode, client.exists()) == (0, True), done.stderr
    alone = roto("--trust", beyond.address)
    assert (alone.returncode, "--fingerprint" in alone.stderr) == (3, True)
