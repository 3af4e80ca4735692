"""`roto render`: shapes of any format that is read become the mattes that a host would draw."""

from __future__ import annotations

import json
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from OpenImageIO import ImageBuf
from typer.testing import CliRunner

from roto_daemon.render_command import render
from roto_shapes.formats import encode
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

app = typer.Typer()
app.command()(render)
PLATE = Plate(40, 20, FrameRange(1001, 1004), pixel_aspect=2.0)


def run(*arguments: str) -> Any:  # noqa: ANN401 - the result class moved between typer's versions
    separate: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
    return CliRunner(**separate).invoke(app, list(arguments))


def box(left: float, top: float, right: float, bottom: float) -> tuple[ControlPoint, ...]:
    return tuple(ControlPoint(x, y) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)))


BAR = Shape(
    "bar", (ShapeKeyframe(1001, box(4, 2, 14, 18)), ShapeKeyframe(1004, box(28, 2, 38, 18))), FrameRange(1001, 1003)
)
HOLE = Shape("hole", (ShapeKeyframe(1001, box(6.5, 5, 9, 10)),), FrameRange(1001, 1001), invert=True)


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    path = tmp_path / "bar.json"
    path.write_text(encode(Roto(PLATE, (BAR, HOLE)), ".json"))
    return path


def matte(folder: Path, frame: int) -> NDArray[np.float32]:
    pixels = ImageBuf(str(folder / f"m.{frame}.exr")).get_pixels()
    assert pixels is not None
    return np.asarray(pixels[..., 0], np.float32)


def drawn(shapes: Path, *options: str) -> Path:
    done = run(str(shapes), "--out", str(shapes.parent / "m.####.exr"), "--matte-bits", "32", *options)
    assert done.exit_code == 0, done.stderr
    return shapes.parent


def test_each_pixel_holds_the_share_of_it_that_shapes_cover(shapes: Path) -> None:
    wanted = np.zeros((20, 40), np.float32)
    wanted[2:18, 4:14] = 1
    wanted[5:10, 7:9] = 0
    wanted[5:10, 6] = 0.5
    np.testing.assert_allclose(matte(drawn(shapes), 1001), wanted, atol=1e-6)


def test_lifetimes_and_the_frames_between_keys_are_kept(shapes: Path) -> None:
    folder = drawn(shapes)
    np.testing.assert_allclose(matte(folder, 1002)[10, 12:22], 1, atol=1e-6)
    assert matte(folder, 1002).sum() == pytest.approx(160)
    assert not matte(folder, 1004).any()


def test_motion_blur_spreads_an_edge_over_its_way_while_the_shutter_is_open(shapes: Path) -> None:
    row = matte(drawn(shapes, "--motion-blur", "64"), 1002)[10]
    # 8 px a frame, half a frame: edges are ramps of 4 px about 12 and 22.
    np.testing.assert_allclose(row[10:14], [0.125, 0.375, 0.625, 0.875], atol=0.02)
    np.testing.assert_allclose(row[20:24], [0.875, 0.625, 0.375, 0.125], atol=0.02)
    assert row.sum() == pytest.approx(10, abs=0.01)


def test_any_format_that_is_read_is_drawn_alike(shapes: Path, tmp_path: Path) -> None:
    wanted = matte(drawn(shapes), 1002)
    for ending in (".nk", ".fxs", ".setting", ".lottie.json"):
        other = tmp_path / ending[1:] / f"shapes{ending}"
        other.parent.mkdir()
        other.write_text(encode(Roto(PLATE, (BAR, HOLE)), ending))
        np.testing.assert_allclose(matte(drawn(other, "--frames", "1001-1004"), 1002), wanted, atol=2e-3)


def test_the_result_is_told_as_json(shapes: Path) -> None:
    done = run(str(shapes), "--out", str(shapes.parent / "m.####.png"), "--frames", "1002", "--json")
    assert json.loads(done.stdout) == {"files": str(shapes.parent / "m.####.png"), "frames": "1002-1002", "notes": []}
    assert sorted(path.name for path in shapes.parent.glob("m.*")) == ["m.1002.png"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--frames", "x"], "is not a frame range"),
        (["--format-size", "12"], "1920x1080"),
        (["--matte-bits", "9"], "9"),
        (["--out", "m.exr"], "where the frame number goes"),
    ],
)
def test_bad_options_end_in_one_sentence(options: list[str], why: str, shapes: Path) -> None:
    done = run(str(shapes), "--out", str(shapes.parent / "m.####.exr"), *options)
    assert done.exit_code != 0
    assert why in done.stderr
    assert not list(shapes.parent.glob("m.*"))


@pytest.mark.parametrize(
    ("content", "why"), [(b"{", "not whole JSON"), (b"\xff", "no text in UTF-8"), (None, "No such")]
)
def test_shapes_that_cannot_be_read_end_in_one_sentence(content: bytes | None, why: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    done = run(str(tmp_path / "a.json"), "--out", str(tmp_path / "m.####.exr"))
    assert done.exit_code != 0
    assert why in done.stderr
