"""A plugin runs in a host's own Python: it may count on nothing there but the standard library and our client."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
HOST_MODULES = {
    "fusion": {"BlackmagicFusion", "DaVinciResolveScript", "fusionscript"},
    "nuke": {"nuke", "nukescripts"},
    "silhouette": {"fx", "tools"},
}
FILES = sorted(file for host in HOST_MODULES for file in (PLUGINS / host).rglob("*.py"))


def imported(file: Path) -> set[str]:
    """Return the top names of all that a file imports, also inside functions; ours by its whole name."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python says what its standard library is from 3.10 on")
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PLUGINS)))
def test_a_plugin_needs_only_its_host_the_client_and_the_standard_library(file: Path) -> None:
    host = file.relative_to(PLUGINS).parts[0]
    allowed = {*sys.stdlib_module_names, "roto_client", "roto_shapes", f"roto_{host}", *HOST_MODULES[host]}

    assert imported(file) <= allowed


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PLUGINS)))
def test_a_plugin_is_written_for_the_python_that_runs_this(file: Path) -> None:
    compile(file.read_text(encoding="utf-8"), str(file), "exec")
