"""Programs of tests/js, run by Node.js with the packages that `make test` installs beside them."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest

FOLDER = Path(__file__).parents[1] / "js"
OLDEST_NODE = 20


@cache
def node() -> str:
    """Return the path of Node.js. Where it or its packages are missing the test is skipped, in CI it fails."""
    found = shutil.which("node")
    if not found:
        miss(f"needs Node.js {OLDEST_NODE} or newer")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    if int(version.strip().lstrip("v").partition(".")[0]) < OLDEST_NODE:
        miss(f"needs Node.js {OLDEST_NODE} or newer, not {version.strip()}")
    if not (FOLDER / "node_modules").is_dir():
        miss("needs packages of npm: `make test` installs them into tests/js")
    return found


@cache
def chromium() -> str:
    """Return the path of Chromium; as `node` where it is missing."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        miss("needs Chromium: install Debian's package chromium, or that of your system")
    return found


def run(program: str, job: object) -> Any:  # noqa: ANN401 - what a program of tests/js gives
    """Return what a program of tests/js gives for a job, both as JSON."""
    server = _server(node())
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        server.stdin.write(json.dumps({"program": program, "job": job}) + "\n")
        server.stdin.flush()
        line = server.stdout.readline()
        assert line, "Node.js has ended; its last words stand on standard error"
        answer = json.loads(line)
    except BaseException:  # a test that ran out of time must not leave its answer to the next
        server.kill()
        _server.cache_clear()
        raise
    assert "failed" not in answer, answer["failed"]
    return answer["result"]


@cache
def _server(program: str) -> subprocess.Popen[str]:
    """Return one Node.js for all tests of a run, which ends with it."""
    server = subprocess.Popen(
        [program, FOLDER / "serve.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )

    def end() -> None:
        server.communicate(timeout=20)

    atexit.register(end)
    return server


def miss(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
