"""`roto mattes`: sequences of any format become one file a frame that another program takes apart again."""

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

from roto_daemon.mattes_command import mattes
from roto_daemon.plates.matte_files import MatteForm, write_matte

app = typer.Typer()
app.command()(mattes)


def run(*arguments: str) -> Any:  # noqa: ANN401 - the result class moved between typer's versions
    separate: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
    return CliRunner(**separate).invoke(app, list(arguments))


def square(left: int) -> NDArray[np.float32]:
    matte = np.zeros((20, 30), np.float32)
    matte[5:15, left : left + 8] = 1
    return matte


@pytest.fixture
def sequences(tmp_path: Path) -> list[str]:
    """Two objects, one of which is gone on the last frame, as EXR and as PNG."""
    for frame in range(1001, 1004):
        write_matte(tmp_path / f"hero.{frame}.exr", square(frame - 1000), frame, {}, MatteForm(pixel_aspect=2.0))
        if frame < 1003:
            write_matte(tmp_path / f"dog.{frame}.png", square(frame - 985), frame, {})
    return [f"hero={tmp_path}/hero.####.exr", f"big dog={tmp_path}/dog.####.png"]


def test_files_of_several_objects_name_the_engines_and_weights_of_all(tmp_path: Path) -> None:
    made = [
        {"engine": "sam2-tiny", "weights": "tiny.pt 0123456789ab (Apache-2.0)"},
        {"engine": "classic", "weights": "none"},
        {},
    ]
    objects = []
    for number, (facts, ending) in enumerate(zip(made, ("exr", "png", "tif"), strict=True)):
        write_matte(tmp_path / f"m{number}.1001.{ending}", square(1), 1001, facts)
        objects.append(f"object {number}={tmp_path}/m{number}.####.{ending}")
    assert run(*objects, "--matte-layers", str(tmp_path / "all.####.exr")).exit_code == 0
    spec = ImageBuf(str(tmp_path / "all.1001.exr")).spec()
    assert spec.get_string_attribute("rotolink:engine") == "sam2-tiny, classic"
    assert spec.get_string_attribute("rotolink:weights") == "tiny.pt 0123456789ab (Apache-2.0)"


def test_objects_become_layers_and_a_cryptomatte(sequences: list[str], tmp_path: Path) -> None:
    layers, crypto = str(tmp_path / "new" / "all.####.exr"), str(tmp_path / "c.%04d.exr")
    done = run(*sequences, "--matte-layers", layers, "--cryptomatte", crypto, "--matte-bits", "32", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"files": [layers, crypto], "frames": 3, "objects": ["hero", "big dog"]}
    for frame in range(1001, 1004):
        buffer = ImageBuf(str(tmp_path / "new" / f"all.{frame}.exr"))
        channels = list(buffer.spec().channelnames)
        pixels = np.asarray(buffer.get_pixels("float"))
        assert set(channels) == {"hero.A", "big_dog.A"}
        assert (pixels[..., channels.index("hero.A")] == square(frame - 1000)).all()
        wanted = square(frame - 985) if frame < 1003 else np.zeros((20, 30))
        assert (pixels[..., channels.index("big_dog.A")] == wanted).all()
        assert buffer.spec().get_float_attribute("PixelAspectRatio") == 2.0
        assert buffer.spec().get_string_attribute("rotolink:object") == "hero, big dog"
        assert (tmp_path / f"c.{frame}.exr").is_file()
    done = run(*sequences, "--cryptomatte", crypto, "--frames", "1001-1002")
    assert done.stdout == f"Wrote {crypto}, 2 frames\n"


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        ((), 3, "Say what to write"),
        (("--cryptomatte", "c.exr"), 3, "must say once"),
        (("--cryptomatte", "c.####.png"), 3, "ends in .exr"),
        (("--cryptomatte", "c.####.exr", "--matte-layers", "c.####.exr"), 3, "asked for twice"),
        (("--matte-layers", "c.####.exr", "--matte-bits", "8"), 3, "16 or 32 bits"),
        (("--matte-layers", "c.####.exr", "--matte-compression", "piz"), 3, "choose zip or dwaa"),
        (("--matte-layers", "c.####.exr", "--frames", "x"), 3, "FIRST-LAST"),
        (("--matte-layers", "c.####.exr", "--frames", "1001-1005"), 3, "not all in"),
        (("hero=again.####.exr", "--matte-layers", "c.####.exr"), 3, "named twice"),
        (("again.####.exr", "--matte-layers", "c.####.exr"), 3, "write NAME=MATTES"),
        (("gone=gone.####.exr", "--matte-layers", "c.####.exr"), 3, "No file matches"),
        (("small=small.####.png", "--matte-layers", "c.####.exr"), 3, "not of one size"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(
    sequences: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], code: int, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_matte(tmp_path / "small.1001.png", square(1)[:10], 1001, {})
    done = run(*sequences, *options)
    assert done.exit_code == code, done.output
    assert why in done.stderr
    assert done.stderr.startswith("roto: ")
    assert list(tmp_path.glob("c.*")) == []


def test_a_damaged_matte_is_named_and_all_others_are_written(sequences: list[str], tmp_path: Path) -> None:
    for name in ("hero.1002.exr", "hero.1003.exr"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:60])
    done = run(*sequences, "--matte-layers", str(tmp_path / "all.####.exr"))
    assert done.exit_code == 10
    said = done.stderr.splitlines()
    assert said[0] == "roto: frames 1002-1003 cannot be read and were left out; all else is done and written:"
    assert ["Frame 1002" in said[1], "Frame 1003" in said[2]] == [True, True]
    assert sorted(each.name for each in tmp_path.glob("all.*")) == ["all.1001.exr", "all.1002.exr"]
    buffer = ImageBuf(str(tmp_path / "all.1002.exr"))
    pixels = dict(zip(buffer.spec().channelnames, np.moveaxis(np.asarray(buffer.get_pixels("float")), 2, 0)))
    assert not pixels["hero.A"].any()
    assert (pixels["big_dog.A"] == square(1002 - 985)).all()
