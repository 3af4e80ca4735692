"""Daemons of one user find their way to clients of the same user by small files, and nobody else's are believed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roto_proto.runtime_file import RunningDaemon, running_daemons, runtime_folder, write_runtime_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "rotolink"


@contextlib.contextmanager
def listening() -> Iterator[RunningDaemon]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        yield RunningDaemon(f"127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", os.getpid(), "id", "1.2.3")


def test_a_daemon_that_wrote_its_file_is_found(folder: Path) -> None:
    assert running_daemons(folder) == ()
    with listening() as daemon:
        written = write_runtime_file(daemon, folder)
        assert running_daemons(folder) == (daemon,)
    assert running_daemons(folder) == (), "nobody answers there any more"
    assert written.exists()


def test_the_daemon_started_last_comes_first_and_files_of_dead_ones_are_swept(folder: Path) -> None:
    with listening() as gone:
        left = write_runtime_file(replace(gone, pid=1), folder)
    with listening() as first, listening() as second:
        old = write_runtime_file(replace(first, pid=2), folder)
        write_runtime_file(replace(second, pid=3), folder)
        os.utime(old, (1, 1))
        assert [each.pid for each in running_daemons(folder)] == [3, 2]
    assert not left.exists()


def test_a_daemon_that_was_killed_and_started_again_at_its_address_is_one(folder: Path) -> None:
    with listening() as daemon:
        write_runtime_file(daemon, folder)
        again = replace(daemon, pid=daemon.pid + 1, daemon_id="another")
        write_runtime_file(again, folder)
        assert running_daemons(folder) == (again,)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such variable")
def test_the_files_lie_in_the_users_own_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_folder() == tmp_path / "rotolink"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    without = runtime_folder()
    assert str(os.geteuid()) in str(without), "another user's is another folder"
    assert without.parent.is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_nobody_else_may_read_it(folder: Path) -> None:
    with listening() as daemon:
        path = write_runtime_file(daemon, folder)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder.chmod(0o755)
        assert running_daemons(folder) == ()
        with pytest.raises(PermissionError, match="not this user's alone"):
            write_runtime_file(daemon, folder)


def test_a_link_in_place_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    with listening() as daemon:
        write_runtime_file(daemon, folder)
        link = tmp_path / "link"
        link.symlink_to(folder)
        assert running_daemons(link) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        json.dumps({"address": "127.0.0.1:1"}),
        json.dumps({"address": 7, "http": "", "pid": 1, "daemon_id": "", "version": ""}),
        json.dumps({"address": "nowhere", "http": "", "pid": 1, "daemon_id": "", "version": ""}),
        json.dumps({"address": "127.0.0.1:99999", "http": "", "pid": 1, "daemon_id": "", "version": ""}),
    ],
)
def test_what_is_no_such_file_is_passed_over(folder: Path, text: str) -> None:
    with listening() as daemon:
        (write_runtime_file(daemon, folder).parent / "daemon-1.json").write_text(text)
        assert running_daemons(folder) == (daemon,)
