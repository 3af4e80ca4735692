"""The plugin as `roto plugins install nuke` puts it, in a Python that has nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roto_client.plugin_install import HOSTS, install

STANDINS = Path(__file__).parents[1] / "standins"

SESSION = """
import runpy, sys
import nuke_standin
program = nuke_standin.start(gui={gui})
runpy.run_path({folder!r} + "/init.py")
if {gui}:
    runpy.run_path({folder!r} + "/menu.py")
import roto_client.session, roto_nuke.actions, roto_nuke.first_run
assert {folder!r} in roto_nuke.__file__ and {folder!r} in roto_client.__file__
print(roto_nuke.first_run.report(roto_nuke.first_run.run()))
roto_nuke.actions.desk().close()
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {{"google", "grpc", "numpy", "PySide2", "PySide6"}}))
"""


@pytest.mark.parametrize("gui", [True, False], ids=["with windows", "in a terminal"])
def test_an_installed_plugin_starts_in_a_nuke_that_has_nothing_else(tmp_path: Path, gui: bool) -> None:  # noqa: FBT001 - a case
    installed = install(HOSTS["nuke"], tmp_path)
    program = SESSION.format(gui=gui, folder=str(installed.folder))
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],  # without site-packages
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(STANDINS), str(STANDINS / "modules")])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *_, verdict, loaded = done.stdout.splitlines()
    assert verdict == "All is as expected.", done.stdout
    assert loaded == "[]"
    assert sorted(each.name for each in installed.folder.glob("*.py")) == ["init.py", "menu.py"]
