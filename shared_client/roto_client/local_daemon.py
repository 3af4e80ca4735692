"""Starting a daemon on this machine, from a host: in an environment without what the host needs for itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, final

from roto_client.errors import DaemonNotStartedError
from roto_client.settings import read_settings
from roto_client.transport import DEFAULT_ADDRESS, is_loopback

_PROGRAM = "roto-daemon"
_HOSTS_OWN = frozenset(
    {
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "PYTHONEXECUTABLE",
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONPLATLIBDIR",
        "PYTHONSTARTUP",
        "QT_PLUGIN_PATH",
        "QT_QPA_PLATFORM_PLUGIN_PATH",
        "VIRTUAL_ENV",
    }
)
_HOSTS_STEMS = ("DYLD_", "__PYVENV_")
_LOOK_S = 0.1
_STOP_S = 20.0
"""How long a daemon may take to end; it gives calls under way two seconds, and its workers as long."""
_LAST_LINES = 12
_STARTS_IN_S = 60.0
"""How long a daemon may take to answer: it imports its engines, from a network drive at worst."""


@final
class LocalDaemon:
    """A daemon that this process started. It goes on when the process ends, unless `stop` was called."""

    def __init__(self, address: str, log: Path, process: subprocess.Popen[bytes]) -> None:
        self.address = address
        self.log = log
        """What it says."""
        self._process = process

    def stop(self) -> None:
        """End the daemon; a second call does nothing."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_S)


def start_daemon(
    command: Optional[Sequence[str]] = None, listen: str = DEFAULT_ADDRESS, timeout_s: float = _STARTS_IN_S
) -> LocalDaemon:
    """Start a daemon that listens at HOST:PORT of this machine (port 0 takes a free one), and wait until it answers.

    `command` is the program with its first arguments, by default as `daemon_program` finds it. Raises
    DaemonNotStartedError when there is no such program, when something listens there already, and with its last lines
    when it ends or does not answer within `timeout_s`; nothing is left running then.
    """
    _require_free(listen)
    wanted = list(command) if command else [daemon_program()]
    output, name = tempfile.mkstemp(prefix="rotolink-daemon-", suffix=".log")
    log, told = Path(name), Path(name).with_suffix(".address")
    try:
        process = _started([*wanted, "serve", "--listen", listen, "--address-file", str(told)], output)
    except BaseException:
        log.unlink()
        raise
    finally:
        os.close(output)
    daemon = LocalDaemon(listen, log, process)
    try:
        daemon.address = _awaited(process, told, log, timeout_s)
    except BaseException:
        daemon.stop()
        log.unlink()  # the error tells its last lines
        raise
    finally:
        told.unlink(missing_ok=True)
    return daemon


def start_here() -> str:
    """Start a daemon at the usual address of this machine and return it; raises as `start_daemon`."""
    return start_daemon().address


def daemon_program() -> str:
    """Return the command that starts a daemon: that of the settings, on PATH, or beside this interpreter.

    Raises DaemonNotStartedError when there is none.
    """
    configured = read_settings().get("program", "")
    beside = Path(sys.executable).with_name(_PROGRAM)
    found = shutil.which(configured or _PROGRAM) or (None if configured else shutil.which(str(beside)))
    if found is None:
        raise _no_program(configured or _PROGRAM)
    return found


def cleaned_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what a host sets for its own Python and libraries."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _HOSTS_OWN and not name.startswith(_HOSTS_STEMS)
    }


def _require_free(listen: str) -> None:
    host, _, port = listen.rpartition(":")
    if not is_loopback(host.strip("[]")) or not port.isdigit():
        raise DaemonNotStartedError(f"A daemon started from here listens on this machine alone: not at '{listen}'.")
    with contextlib.suppress(OSError):
        socket.create_connection((host.strip("[]"), int(port)), _LOOK_S).close()
        raise DaemonNotStartedError(
            f"Something listens at {listen} already. If it is a Rotolink daemon, connect to it; else choose another "
            f"port: {_PROGRAM} serve --listen HOST:PORT."
        )


def _no_program(program: str) -> DaemonNotStartedError:
    return DaemonNotStartedError(
        f"The program {program} is not on this machine, so no daemon can be started here. Install it (Python 3.11 or "
        "newer: pip install 'rotolink[daemon]'), name it in the client's settings, or give the address of a daemon "
        "that runs elsewhere."
    )


def _started(arguments: Sequence[str], output: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - the program that the user named or installed
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=cleaned_environment(os.environ),
            start_new_session=True,  # the host's Ctrl-C is not the daemon's; Windows has no such thing
        )
    except OSError as error:
        raise _no_program(arguments[0]) from error


def _awaited(process: subprocess.Popen[bytes], told: Path, log: Path, timeout_s: float) -> str:
    """Return the address that the daemon tells once it answers."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if told.exists():
            return told.read_text(encoding="utf-8")
        code = process.poll()
        if code is not None:
            raise DaemonNotStartedError(
                f"The daemon ended at its start (exit code {code}). It said:\n{_last_lines(log)}"
            )
        time.sleep(_LOOK_S)
    raise DaemonNotStartedError(f"The daemon did not answer within {timeout_s:g} s. It said:\n{_last_lines(log)}")


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_LAST_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  nothing"
