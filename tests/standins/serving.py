"""A real daemon on loopback with stand-in engines, and a plate whose truth is known."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

STANDINS = Path(__file__).parent
Roto = Callable[..., subprocess.CompletedProcess[str]]
"""Runs the `roto` command with the arguments given."""

_DISCS = "disc_engine:DiscEngine,disc_engine:CoarseDiscEngine,disc_engine:WeighedEngine"
ENGINES = f"{_DISCS},faulty_engine:FaultyEngine,faulty_engine:UnavailableEngine"
FIRST, LAST = 1001, 1012
WIDTH, HEIGHT, RADIUS = 160, 90, 20.0
SOCKETS = 50
"""So many WebSockets must be open at a time at the least."""


def program(name: str) -> str:
    """Return a command of the environment that runs the tests."""
    return str(Path(sys.executable).with_name(name))


@dataclass
class Daemon:
    """A daemon in a process of its own."""

    process: subprocess.Popen[bytes]
    address: str
    fault: Path
    state: Path
    http: str
    """Where it answers HTTP, as a URL; empty where it does not."""
    log: Path
    environment: dict[str, str]

    @property
    def worker_pids(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        """Kill it, and wait until its workers have noticed."""
        workers = psutil.Process(self.process.pid).children()
        self.process.kill()
        self.process.wait()
        psutil.wait_procs(workers, timeout=20)

    def start_again(self) -> None:
        """Start it at the same addresses on what it left behind."""
        same = {**self.environment, "ROTO_HTTP_PORT": self.http.rpartition(":")[2]} if self.http else self.environment
        self.process, _, self.http = _started(self.log, same, self.address)


@contextlib.contextmanager
def serving(folder: Path, listen: str = "127.0.0.1:0", **settings: str) -> Iterator[Daemon]:
    """Run `roto-daemon serve` on a free port for the time of the context."""
    fault, state = folder / "fault", folder / "state"
    environment = {
        **{name: value for name, value in os.environ.items() if name != "ROTO_FUZZ"},  # of tests, no setting
        "PYTHONPATH": os.pathsep.join([str(STANDINS), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "ROTO_MODELS_DIR": str(folder / "models"),
        "ROTO_EXTRA_ENGINES": ENGINES,
        "ROTO_STATE_FOLDER": str(state),
        "DISC_FAULT_FILE": str(fault),
        **{f"ROTO_{name.upper()}": value for name, value in settings.items()},
    }
    log = folder / "daemon.log"
    log.touch()
    process, address, http = _started(log, environment, listen)
    daemon = Daemon(process, address, fault, state, http, log, environment)
    try:
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.process.terminate()
            daemon.process.wait(20)


def _started(log: Path, environment: dict[str, str], listen: str) -> tuple[subprocess.Popen[bytes], str, str]:
    """Start a daemon; return it with its addresses of gRPC and HTTP once it answers."""
    address_file, http_file = log.with_name("address"), log.with_name("http-address")
    address_file.unlink(missing_ok=True)
    command = [program("roto-daemon"), "serve", "--listen", listen, "--address-file", str(address_file)]
    command += ["--http-address-file", str(http_file)]
    with log.open("ab") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    deadline = time.monotonic() + 60
    try:
        while not address_file.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the daemon did not start"
            time.sleep(0.05)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process, address_file.read_text(), http_file.read_text()


def centre(frame: int) -> tuple[float, float]:
    """Return where the disc is: it moves to the right and sinks, steadily, in plate pixels."""
    return 45.0 + 5.0 * (frame - FIRST), 40.0 + 1.0 * (frame - FIRST)


def picture(frame: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Paint a bright disc on a dark ground, antialiased; its edge is exact to a hundredth of a pixel."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    x, y = centre(frame)
    inside = np.clip(RADIUS - np.hypot(columns - x, rows - y) + 0.5, 0, 1)
    grey = 40 + inside * 190
    return np.repeat(np.round(grey).astype(np.uint8)[..., None], 3, axis=2)
