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

import cv2
import numpy as np
import psutil
import pytest

STANDINS = Path(__file__).parents[1] / "standins"
ENGINES = "disc_engine:DiscEngine,faulty_engine:FaultyEngine,faulty_engine:UnavailableEngine"
FIRST, LAST = 1001, 1012
WIDTH, HEIGHT, RADIUS = 160, 90, 20.0


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

    @property
    def worker_pids(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextlib.contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Daemon]:
    """Run `roto-daemon serve` on a free port for the time of the context."""
    address_file, fault, state = folder / "address", folder / "fault", folder / "state"
    environment = {
        **os.environ,
        "PYTHONPATH": str(STANDINS),
        "ROTO_EXTRA_ENGINES": ENGINES,
        "ROTO_STATE_FOLDER": str(state),
        "DISC_FAULT_FILE": str(fault),
        **{f"ROTO_{name.upper()}": value for name, value in settings.items()},
    }
    log = (folder / "daemon.log").open("wb")
    command = [program("roto-daemon"), "serve", "--listen", "127.0.0.1:0", "--address-file", str(address_file)]
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not address_file.exists():
            assert process.poll() is None, (folder / "daemon.log").read_text()
            assert time.monotonic() < deadline, "the daemon did not start"
            time.sleep(0.05)
        yield Daemon(process, address_file.read_text(), fault, state)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(20)
        log.close()


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for the tests that leave it healthy."""
    with serving(tmp_path_factory.mktemp("daemon")) as running:
        yield running


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon for one test, which may hurt it."""
    folder = tmp_path / "own-daemon"
    folder.mkdir()
    with serving(folder, step_deadline_s="20") as running:
        yield running


def centre(frame: int) -> tuple[float, float]:
    """Return where the disc is: it moves to the right and sinks, steadily, in plate pixels."""
    return 45.0 + 5.0 * (frame - FIRST), 40.0 + 1.0 * (frame - FIRST)


def picture(frame: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Paint a bright disc on a dark ground, antialiased; its edge is exact to a hundredth of a pixel."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    x, y = centre(frame)
    inside = np.clip(RADIUS - np.hypot(columns - x, rows - y) + 0.5, 0, 1)
    grey = 40 + inside * 190
    return np.repeat(np.round(grey).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture
def plate(tmp_path: Path) -> str:
    """A sequence of PNG files, 1001 to 1012, 160x90."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for frame in range(FIRST, LAST + 1):
        cv2.imwrite(str(folder / f"disc.{frame}.png"), picture(frame))
    return str(folder / "disc.####.png")


Roto = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def roto(daemon: Daemon, tmp_path: Path) -> Roto:
    """Run the `roto` command against the shared daemon, in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()

    def run(*arguments: str, address: str = daemon.address) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program("roto"), *arguments],
            env={**os.environ, "ROTO_DAEMON": address, "COLUMNS": "200"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run
