"""The After Effects panel's one script: built from its sources, small, and ECMAScript 3 where ExtendScript runs it."""

from __future__ import annotations

import json
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from javascript import run

PANEL = Path(__file__).parents[2] / "plugins" / "aftereffects_uxp"
LARGEST_BYTES = 250_000


def test_the_script_is_what_its_sources_make() -> None:
    built = runpy.run_path(str(PANEL / "build.py"))["built"]()
    assert (PANEL / "panel.js").read_text(encoding="utf-8") == built, "make panel-script builds it again"
    assert len(built.encode()) < LARGEST_BYTES


@pytest.mark.parametrize(
    "word", ["import ", "export ", "eval(", "new Function", "TextEncoder", "structuredClone", "drawImage"]
)
def test_no_source_uses_what_uxp_lacks(word: str) -> None:
    for source in sorted((PANEL / "src").glob("*.js")):
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
            assert word not in line.partition("//")[0], f"{source.name}:{number}"


def test_what_extendscript_runs_is_ecmascript_3_in_ascii() -> None:
    text = (PANEL / "src" / "ae_host.js").read_text(encoding="ascii")
    assert run("panel_syntax", {"script": text, "version": 3}) is None


def test_the_whole_script_is_one_classic_script() -> None:
    text = (PANEL / "panel.js").read_text(encoding="utf-8")
    assert run("panel_syntax", {"script": text, "version": 2020}) is None


def test_the_page_loads_that_script_alone_and_names_every_part_that_the_view_asks_for() -> None:
    page = (PANEL / "index.html").read_text(encoding="utf-8")
    assert page.count("<script") == 1
    assert 'type="module"' not in page
    view = (PANEL / "src" / "view.js").read_text(encoding="utf-8")
    for name in {part.split('"')[0] for part in view.split('this.get("')[1:]}:
        assert f'id="{name}"' in page, name


def test_both_manifests_name_the_panel_and_the_versions_of_after_effects() -> None:
    uxp = json.loads((PANEL / "manifest.json").read_text(encoding="utf-8"))
    assert uxp["host"] == {"app": "aftereffects", "minVersion": "27.0.0"}
    assert uxp["main"] == "index.html"
    assert "ws://127.0.0.1:50751" in uxp["requiredPermissions"]["network"]["domains"]
    cep = ET.parse(PANEL / "cep" / "CSXS" / "manifest.xml").getroot()  # noqa: S314 - our own file
    (host,) = cep.iter("Host")
    assert host.attrib == {"Name": "AEFT", "Version": "[24.0,99.9]"}
    assert [each.text for each in cep.iter("MainPath")] == ["./index.html"]
