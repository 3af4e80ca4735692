"""The types that the plugin is checked against agree with the stand-in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = """\
# Silhouette makes these by itself; the stand-in's way to make them is its own.
fx\\.(Matrix|Port|Property|Session)\\.__init__
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="mypy runs in the daemon's Python")
def test_the_stand_in_has_what_the_typings_say(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    paths = [ROOT / "tests" / "standins", ROOT / "tests" / "standins" / "modules"]
    command = [sys.executable, "-m", "mypy.stubtest", "--concise", "--ignore-missing-stub", "--allowlist", str(allowed)]
    done = subprocess.run(
        [*command, "fx", "tools.renderer", "tools.window"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "MYPYPATH": str(ROOT / "plugins" / "silhouette" / "typings"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
