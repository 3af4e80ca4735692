"""A real daemon for measurements, and a table of what was measured."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STANDINS = Path(__file__).parent


@dataclass
class Figures:
    """Rows of the table: what was measured, the figure, its unit, and the goal."""

    rows: list[tuple[str, float, str, str]] = field(default_factory=list)

    def add(self, what: str, figure: float, unit: str, goal: str) -> None:
        self.rows.append((what, round(figure, 3), unit, goal))


@dataclass
class Daemon:
    address: str
    process: psutil.Process
    http: str

    @property
    def memory_mib(self) -> float:
        """Return the unique memory of the daemon and its workers."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(each.memory_full_info().uss for each in family) / 2**20


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Daemon]:
    """Run a daemon with the disc engine beside its own."""
    address, http = folder / "address", folder / "http-address"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(STANDINS), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "ROTO_MODELS_DIR": str(folder / "models"),
        "ROTO_EXTRA_ENGINES": "disc_engine:DiscEngine",
        "ROTO_STATE_FOLDER": str(folder / "state"),
    }
    command = [sys.executable, "-m", "roto_daemon", "serve", "--listen", "127.0.0.1:0", "--address-file", str(address)]
    command += ["--http-address-file", str(http)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not address.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Daemon(address.read_text(), psutil.Process(process.pid), http.read_text())
    finally:
        process.terminate()
        process.wait(30)
