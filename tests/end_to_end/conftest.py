from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from serving import FIRST, LAST, SOCKETS, Daemon, Roto, picture, program, serving


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for the tests that leave it healthy."""
    with serving(tmp_path_factory.mktemp("daemon")) as running:
        yield running


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a panel, that pages of three places may ask, takes `SOCKETS` sockets and waits for none long."""
    folder = tmp_path_factory.mktemp("guarded")
    panel = folder / "panel"
    panel.mkdir()
    (panel / "index.html").write_text("<!doctype html><title>Panel</title>")
    origins = "https://tools.studio.example,null,http://roto-box:50751"
    with serving(
        folder, http_origins=origins, panel_folder=str(panel), http_sockets=str(SOCKETS), http_silence_s="2"
    ) as running:
        yield running


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon for one test, which may hurt it."""
    folder = tmp_path / "own-daemon"
    folder.mkdir()
    with serving(folder, step_deadline_s="20") as running:
        yield running


@pytest.fixture
def plate(tmp_path: Path) -> str:
    """A sequence of PNG files, 1001 to 1012, 160x90."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for frame in range(FIRST, LAST + 1):
        cv2.imwrite(str(folder / f"disc.{frame}.png"), picture(frame))
    return str(folder / "disc.####.png")


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
