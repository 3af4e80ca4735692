"""Trusting a daemon: what cannot be trusted is told of, and nothing is changed by it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from roto_client.errors import AccessError, BadInputError, DaemonUnreachableError
from roto_client.transport.choice import open_transport
from roto_client.transport.trust import required_certificate, trust
from roto_proto.runtime_file import RunningDaemon, write_runtime_file

FINGERPRINT = "a" * 64


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where trust is kept, in folders of this test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "rotolink").mkdir()
    return tmp_path / "rotolink" / "trusted.json"


@pytest.fixture
def talker() -> Iterator[str]:
    """Something that speaks no TLS; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            while True:
                try:
                    taken = listening.accept()[0]
                except OSError:
                    return
                with taken:
                    taken.sendall(b"SSH-2.0-Other\r\n" * 20)

        threading.Thread(target=talk, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def test_21_what_speaks_no_tls_is_not_trusted(talker: str, trusted: Path) -> None:
    with pytest.raises(DaemonUnreachableError):
        trust(talker, FINGERPRINT)
    assert not trusted.exists()


def test_an_address_where_nobody_answers_is_told(trusted: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(DaemonUnreachableError, match=str(port)):
        trust(f"127.0.0.1:{port}", FINGERPRINT)
    assert not trusted.exists()


@pytest.mark.parametrize("text", ["{", "[]", "1", "\xff"])
def test_what_is_kept_of_trust_is_told_of_when_it_cannot_be_read(trusted: Path, text: str) -> None:
    trusted.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInputError, match=r"trusted\.json cannot be read"):
        required_certificate("127.0.0.1:7")


def test_a_daemon_here_that_serves_others_too_must_be_trusted_and_another_need_not(talker: str) -> None:
    assert required_certificate(talker) is None
    write_runtime_file(RunningDaemon(talker, "http://127.0.0.1:8", os.getpid(), "id", "1"))
    assert required_certificate(talker) is None
    write_runtime_file(RunningDaemon(talker, "https://127.0.0.1:8", os.getpid(), "id", "1"))
    with pytest.raises(AccessError, match="is not trusted yet"):
        open_transport(talker)
