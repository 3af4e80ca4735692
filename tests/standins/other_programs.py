"""`oiiotool`, `ffmpeg` and `melt` as Debian ships them: other builds and versions than the libraries that ours uses.

What they say about a file is measured by another route than our code. The environment of the tests has an `oiiotool`
too, that of our own library, which is passed over.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

_PACKAGES = {"oiiotool": "openimageio-tools", "ffmpeg": "ffmpeg", "ffprobe": "ffmpeg", "melt": "melt"}
_PIXEL = re.compile(r"Pixel \(-?\d+, (-?\d+)\): (.*)")


def run(name: str, *arguments: str | Path, limit_s: float = 60) -> bytes:
    """Return what a program prints. Where it is missing the test is skipped, in CI it fails.

    Raises subprocess.TimeoutExpired when it does not end in time.
    """
    own = Path(sys.executable).parent.resolve()
    folders = [folder for folder in os.get_exec_path() if Path(folder).resolve() != own]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if not found:
        reason = f"needs the program '{name}': install Debian's package {_PACKAGES[name]}, or that of your system"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, timeout=limit_s, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def oiiotool(*arguments: str | Path) -> str:
    """Return what `oiiotool` prints."""
    return run("oiiotool", *arguments).decode()


def ffmpeg(*arguments: str | Path) -> bytes:
    """Return what `ffmpeg` writes to its standard output."""
    return run("ffmpeg", "-v", "error", "-nostdin", "-y", *arguments)


def ffprobe(file: Path, entries: str) -> dict[str, str]:
    """Return facts of a movie's first stream of pictures, or of its format, by their names."""
    said = run(
        "ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries", entries,
        "-of", "default=noprint_wrappers=1", file,
    ).decode()  # fmt: skip
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def dumped(*files: Path) -> list[NDArray[np.float64]]:
    """Return pixels of each file's first image, (height, width, channels), as `oiiotool` prints them; 1 is white."""
    images: list[NDArray[np.float64]] = []
    rows: dict[int, list[list[float]]] = {}
    for line in [*oiiotool("--dumpdata", *files).splitlines()[1:], ""]:
        pixel = _PIXEL.search(line)
        if pixel:
            scaled = pixel[2].partition("(")[2].rstrip(")") or pixel[2]
            rows.setdefault(int(pixel[1]), []).append([float(value) for value in scaled.split()])
        else:  # the next file's heading, or the end
            images.append(np.array([rows[row] for row in sorted(rows)]))
            rows = {}
    return images


def headed(*files: Path) -> list[dict[str, str]]:
    """Return what `oiiotool` says about each file, line by line: `channel list`, `PixelAspectRatio` and the like."""
    said = oiiotool("--info", "-v", "--stats", *files).split("Reading ")[1:]
    return [dict(map(_fact, each.splitlines())) for each in said]


def _fact(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name.strip(), value.strip()
