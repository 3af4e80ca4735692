"""Mattes of plates as compositors have them, of several objects, and of the shots of an edit; a disk that is full."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - as its own documentation does
import pytest
from numpy.typing import NDArray
from serving import FIRST, HEIGHT, LAST, WIDTH, Daemon, Roto, centre, picture, program

LEFT, TOP, MORE = 30, 12, 80
"""Where the data window begins beside the display window, and how much larger it is."""


@pytest.fixture
def overscanned(tmp_path: Path) -> str:
    """EXR files of the same plate: an off-centre data window with overscan on two sides, pixels twice as wide."""
    folder = tmp_path / "overscan"
    folder.mkdir()
    for frame in range(FIRST, LAST + 1):
        spec = oiio.ImageSpec(WIDTH + MORE, HEIGHT + MORE, 3, "half")
        spec.x, spec.y = -LEFT, -TOP
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = 0, 0, WIDTH, HEIGHT
        spec.attribute("PixelAspectRatio", 2.0)
        spec.attribute("FramesPerSecond", "rational", (24000, 1001))
        spec.attribute("oiio:ColorSpace", "sRGB")
        pixels = np.full((HEIGHT + MORE, WIDTH + MORE, 3), 40 / 255, np.float32)
        pixels[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = picture(frame) / np.float32(255)
        buffer = oiio.ImageBuf(spec)
        buffer.set_pixels(oiio.ROI(-LEFT, WIDTH + MORE - LEFT, -TOP, HEIGHT + MORE - TOP, 0, 1, 0, 3), pixels)
        assert buffer.write(str(folder / f"plate.{frame}.exr"))
    return str(folder / "plate.####.exr")


def read(file: Path) -> tuple[oiio.ImageSpec, NDArray[np.float32]]:
    buffer = oiio.ImageBuf(str(file))
    pixels = buffer.get_pixels(oiio.FLOAT)
    assert pixels is not None
    return buffer.spec(), np.asarray(pixels, np.float32)


def middle(matte: NDArray[np.float32]) -> tuple[float, float]:
    rows, columns = np.mgrid[0 : matte.shape[0], 0 : matte.shape[1]] + 0.5
    return float((matte * columns).sum() / matte.sum()), float((matte * rows).sum() / matte.sum())


def test_mattes_lie_in_the_display_window_with_the_plates_pixels_and_rate(
    roto: Roto, overscanned: str, tmp_path: Path
) -> None:
    x, y = centre(FIRST)
    done = roto(
        "track", overscanned, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "disc", "--out", "a.json",
        "--mattes", "m.####.exr", "--matte-layers", "l.####.exr", "--cryptomatte", "c.####.exr",
        "--preview", "p.mov", "--frames", f"{FIRST}-{FIRST + 2}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for frame in range(FIRST, FIRST + 3):
        for name in ("m", "l", "c"):
            spec, pixels = read(tmp_path / "work" / f"{name}.{frame}.exr")
            windows = (spec.x, spec.y, spec.width, spec.height, spec.full_x, spec.full_y)
            assert windows == (0, 0, WIDTH, HEIGHT, 0, 0)
            assert (spec.full_width, spec.full_height) == (WIDTH, HEIGHT)
            assert spec.get_float_attribute("PixelAspectRatio") == pytest.approx(2)
            assert spec.getattribute("FramesPerSecond") == (24000, 1001)
            matte = pixels[..., 1 if name == "c" else 0]
            assert middle(matte) == pytest.approx(centre(frame), abs=0.05)
    probed = subprocess.run(
        [program("oiiotool"), "--info", str(tmp_path / "work" / f"l.{FIRST}.exr")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert f"{WIDTH} x" in probed


def test_several_objects_of_a_file_become_one_cryptomatte(roto: Roto, plate: str, tmp_path: Path) -> None:
    (first_x, first_y), (last_x, last_y) = centre(FIRST), centre(LAST)
    objects = {
        "ball": {"click": [f"{FIRST}:{first_x},{first_y}"]},
        "same ball": {"click": [f"{LAST}:{last_x},{last_y}"]},
    }
    (tmp_path / "work").mkdir(exist_ok=True)
    (tmp_path / "work" / "objects.json").write_text(json.dumps({"objects": objects}))
    done = roto(
        "track", plate, "--prompts", "objects.json", "--engine", "disc", "--out", "a.json", "--out", "a.nk", "--json",
        "--cryptomatte", "c.####.exr", "--mattes", "{object}.####.png", "--matte-bits", "8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["shapes"] == 2
    assert len(list((tmp_path / "work").glob("same_ball.*.png"))) == LAST - FIRST + 1
    spec, pixels = read(tmp_path / "work" / f"c.{LAST}.exr")
    (manifest,) = [str(each.value) for each in spec.extra_attribs if each.name.endswith("/manifest")]
    assert set(json.loads(manifest)) == set(objects)
    assert middle(pixels[..., 1]) == pytest.approx(centre(LAST), abs=0.05)


def test_the_shots_of_an_edit_are_tracked_on_their_plates(roto: Roto, plate: str, tmp_path: Path) -> None:
    pytest.importorskip("opentimelineio")
    for shot in ("sh010", "sh020"):
        (tmp_path / "show" / shot).mkdir(parents=True)
        for frame in range(FIRST, LAST + 1):
            os.link(plate.replace("####", str(frame)), tmp_path / "show" / shot / f"plate.{frame}.png")
    (tmp_path / "cut.edl").write_text(
        "TITLE: cut\n"
        "001  A001 V C 01:00:10:00 01:00:10:08 01:00:00:00 01:00:00:08\n* FROM CLIP NAME: sh010\n"
        "002  A002 V C 02:00:00:00 02:00:00:08 01:00:00:08 01:00:00:16\n* FROM CLIP NAME: sh020\n"
        "003  A003 V C 02:00:00:00 02:00:00:08 01:00:00:16 01:00:01:00\n* FROM CLIP NAME: gone\n"
    )
    x, y = centre(FIRST + 3)
    pointed = {"objects": {"ball": {"click": [f"{FIRST + 3}:{x},{y}"]}}}
    (tmp_path / "prompts.json").write_text(json.dumps({"shots": {"sh010": pointed, "gone": pointed, "sh020": pointed}}))
    options = [str(tmp_path / "cut.edl"), "--plates", f"{tmp_path}/show/{{shot}}/plate.####.png", "--handles", "2"]
    options += ["--track", str(tmp_path / "prompts.json"), "--out", "shots", "--also", "mattes", "--engine", "disc"]
    done = roto("shots", *options)
    assert done.returncode == 3
    assert "roto: gone: " in done.stderr
    assert done.stdout.splitlines() == ["sh010: done, shots/sh010", "sh020: done, shots/sh020"]
    mattes = sorted(file.name for file in (tmp_path / "work" / "shots" / "sh020").glob("*.exr"))
    assert mattes == [f"ball.{frame}.exr" for frame in range(FIRST, LAST + 1)]
    done = roto("shots", *options)
    assert done.stdout.splitlines() == ["sh010: finished before, shots/sh010", "sh020: finished before, shots/sh020"]


def test_a_full_disk_ends_with_6_and_leaves_no_half_file(daemon: Daemon, plate: str, tmp_path: Path) -> None:
    x, y = centre(FIRST)
    done = subprocess.run(
        [
            program("roto"), "track", plate, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "disc", "--out", "a.nk",
            "--mattes", "m.####.exr", "--sheet", "s.png",
        ],
        env={**os.environ, "ROTO_DAEMON": daemon.address},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    assert done.returncode == 6, done.stderr
    assert "'s.png' cannot be written" in done.stderr
    left = sorted(file.name for file in tmp_path.iterdir() if file.is_file())
    assert left == ["a.nk", *(f"m.{frame}.exr" for frame in range(FIRST, LAST + 1))]
