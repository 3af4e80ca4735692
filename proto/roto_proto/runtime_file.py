"""How clients of this user find the daemons on this machine: each writes a small file, and removes it at its end.

The files lie in a folder that nobody else may read. A file that a killed daemon left behind is known by its port, where
nobody answers any more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import stat
import sys
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Optional

_LARGEST_FILE_BYTES = 4096
_PROBE_S = 0.3
"""How long a port of this machine may take to answer; it takes a millisecond."""
_PORT = re.compile(r"(?:.*//)?\[?(?P<host>[^\]]+)\]?:(?P<port>[0-9]{1,5})")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class RunningDaemon:
    """A daemon of this user on this machine."""

    address: str
    """HOST:PORT of gRPC, as it is reached from this machine."""
    http: str
    """The URL of its HTTP edge; empty where it has none."""
    pid: int
    daemon_id: str
    version: str


def runtime_folder() -> Path:
    """Return where the files lie: in the user's runtime folder where the system has one."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir()) / "Rotolink" / "run"
    given = os.environ.get("XDG_RUNTIME_DIR")
    usual = Path(f"/run/user/{os.geteuid()}")  # where the variable points, for a daemon that was started without it
    if given or usual.is_dir():
        return (Path(given) if given else usual) / "rotolink"
    return Path(tempfile.gettempdir()) / f"rotolink-run-{os.geteuid()}"


def write_runtime_file(daemon: RunningDaemon, folder: Optional[Path] = None) -> Path:
    """Write a daemon's file, for its user alone, and sweep those of daemons that are gone; return its path.

    Raises OSError when the folder cannot be made or belongs to others.
    """
    home = folder or runtime_folder()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_private(home):
        raise PermissionError(f"{home} is not this user's alone")
    for left in home.glob("daemon-*.json"):
        found = _read(left)
        if found is None or found.address == daemon.address or not _answers(found.address):
            left.unlink(missing_ok=True)
    file, name = tempfile.mkstemp(prefix="daemon-", suffix=".new", dir=home)  # for its user alone
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        json.dump(asdict(daemon), stream)
    path = home / f"daemon-{daemon.pid}.json"
    Path(name).replace(path)
    return path


def running_daemons(folder: Optional[Path] = None) -> tuple[RunningDaemon, ...]:
    """Return the daemons of this user that answer, the youngest first."""
    home = folder or runtime_folder()
    if not _is_private(home):
        return ()
    files: list[tuple[float, Path]] = []
    for path in home.glob("daemon-*.json"):
        with contextlib.suppress(OSError):  # gone meanwhile
            files.append((path.stat().st_mtime, path))
    found = [_read(path) for _, path in sorted(files, reverse=True)]
    return tuple(daemon for daemon in found if daemon is not None and _answers(daemon.address))


def _read(path: Path) -> Optional[RunningDaemon]:
    """Return what a file says, None when it is none of ours."""
    try:
        with path.open("rb") as stream:
            given = json.loads(stream.read(_LARGEST_FILE_BYTES))
        values = {field.name: given[field.name] for field in fields(RunningDaemon)}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    texts = all(isinstance(value, int if name == "pid" else str) for name, value in values.items())
    return RunningDaemon(**values) if texts else None


def _is_private(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    if sys.platform == "win32":  # neither owners as numbers nor modes; the user's own folder is private
        return stat.S_ISDIR(status.st_mode)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & _OTHERS


def _answers(address: str) -> bool:
    found = _PORT.fullmatch(address)
    if found is None:
        return False
    try:
        socket.create_connection((found["host"], int(found["port"])), _PROBE_S).close()
    except (OSError, OverflowError):
        return False
    return True
