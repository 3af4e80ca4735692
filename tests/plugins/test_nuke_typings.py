"""The types that the plugin is checked against agree with the stand-in and with what others publish of Nuke."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPINGS = ROOT / "plugins" / "nuke" / "typings"

ALLOWED = """\
# Nuke makes these by itself; the stand-in's way to make them is its own.
nuke\\.curvelib\\.(AnimAttributes|AnimCTransform|AnimCurve|CTransform|ControlPoint|CubicCurve)\\.__init__
nuke\\.rotopaint\\.Element\\.__init__
nuke\\.ProgressTask\\.__del__
(nuke|nukescripts)(\\..*)?\\.__all__
"""

MEASURED = {
    "AnimAttributes.set": "two and three arguments, as measured; the published one has four",
    "Array_Knob.valueAt": "documented by Foundry",
    "AnimCurve.curveType": "published of the class above it",
    "Element.getAttributes": "layers, shapes and strokes all have these four, and there are no other elements",
    "Element.getFlag": "the same",
    "Element.getTransform": "the same",
    "Element.setFlag": "the same",
    "PythonPanel": "of nukescripts, which is not published",
    "registerWidgetAsPanel": "the same",
}
"""Where the types differ from the published ones, and why."""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="mypy runs in the daemon's Python")
def test_the_stand_in_has_exactly_what_the_typings_say(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    program = (
        "import sys, nuke_standin; nuke_standin.start(); from mypy.stubtest import test_stubs, parse_options; "
        "sys.exit(test_stubs(parse_options(sys.argv[1:])))"
    )
    paths = [ROOT / "tests" / "standins", ROOT / "tests" / "standins" / "modules"]
    done = subprocess.run(
        [sys.executable, "-c", program, "--concise", "--allowlist", str(allowed), "nuke", "nukescripts"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "MYPYPATH": str(TYPINGS)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def names(file: Path) -> dict[str, set[str]]:
    """Return the functions of a stub, and for each class the public names in it and in the classes above it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {"": set()}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[""].add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            inner |= {i.target.id for i in node.body if isinstance(i, ast.AnnAssign) and isinstance(i.target, ast.Name)}
            for base in node.bases:
                inner |= found.get(base.id, set()) if isinstance(base, ast.Name) else set()
            found[node.name] = inner
    return found


@pytest.mark.skipif(sys.version_info < (3, 11), reason="published types are installed in the daemon's Python")
def test_what_the_plugin_uses_of_nuke_is_known_to_others_too() -> None:
    spec = importlib.util.find_spec("nuke-stubs")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    published: dict[str, set[str]] = {}
    for each in sorted(folder.glob("*.pyi"), key=lambda file: file.name != "_curvelib.pyi"):
        for name, inner in names(each).items():
            published.setdefault(name, set()).update(inner)
    ours: dict[str, set[str]] = {}
    for each in TYPINGS.rglob("*.pyi"):
        for name, inner in names(each).items():
            ours.setdefault(name, set()).update(inner)
    unknown = {
        f"{name}.{inner}" if name else inner
        for name, inside in ours.items()
        for inner in inside - published.get(name, set())
        if not inner.startswith("_") and not name.startswith("_") and name not in MEASURED
    }
    assert unknown - MEASURED.keys() == set()
