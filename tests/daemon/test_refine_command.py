"""`roto refine`: masks become mattes and a foreground that other programs read, or one sentence says why not."""

from __future__ import annotations

import json
from inspect import signature
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from matte_composites import blob, composite
from OpenImageIO import ImageBuf
from picture_files import FilePart, write_parts
from typer.testing import CliRunner

from roto_daemon.plates.matte_files import write_matte
from roto_daemon.refine_command import refine

app = typer.Typer()
app.command()(refine)

MADE = composite(blob((160, 120), (78, 60), 34, soft_px=2.5, seed=2), seed=2)
FRAMES = range(1001, 1004)


def run(*arguments: str) -> Any:  # noqa: ANN401 - the result class moved between typer's versions
    separate: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
    return CliRunner(**separate).invoke(app, list(arguments))


@pytest.fixture
def shot(tmp_path: Path) -> tuple[str, ...]:
    """A plate in light of up to 4, and hard masks of its object."""
    light = (4 * (MADE.picture / 255) ** 2.2).astype(np.float32)
    for frame in FRAMES:
        write_parts(tmp_path / f"plate.{frame}.exr", [FilePart(light, ("R", "G", "B"))])
        write_matte(tmp_path / f"mask.{frame}.png", MADE.mask, frame, {})
    return str(tmp_path / "mask.####.png"), "--plate", str(tmp_path / "plate.####.exr")


def pixels(file: Path) -> tuple[Any, list[str], Any]:
    buffer = ImageBuf(str(file))
    return np.asarray(buffer.get_pixels("float")), list(buffer.spec().channelnames), buffer.spec()


def test_masks_become_mattes_with_the_edge_of_the_plate(shot: tuple[str, ...], tmp_path: Path) -> None:
    out = str(tmp_path / "new" / "soft.####.exr")
    done = run(*shot, "--out", out, "--band", "9", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"files": [out], "frames": 3, "matting": "guided"}
    for frame in FRAMES:
        matte, channels, spec = pixels(tmp_path / "new" / f"soft.{frame}.exr")
        assert channels == ["A"]
        assert np.abs(matte[..., 0] - MADE.coverage).sum() < 0.6 * np.abs(MADE.mask - MADE.coverage).sum()
        assert spec.get_string_attribute("rotolink:matting") == "guided"


@pytest.mark.parametrize(
    ("made", "engine", "weights"),
    [
        ({}, "guided", "none"),
        ({"engine": "classic", "weights": "none"}, "classic + guided", "none"),
        ({"engine": "sam2-tiny", "weights": "tiny.pt 01 (MIT)"}, "sam2-tiny + guided", "tiny.pt 01 (MIT)"),
    ],
)
def test_mattes_and_foreground_say_what_made_the_masks_too(
    made: dict[str, str], engine: str, weights: str, shot: tuple[str, ...], tmp_path: Path
) -> None:
    write_matte(tmp_path / "mask.1001.png", MADE.mask, 1001, made)
    outs = ("--out", str(tmp_path / "a.####.exr"), "--foreground", str(tmp_path / "b.####.exr"))
    assert run(*shot, *outs, "--frames", "1001-1001", "--band", "9").exit_code == 0
    for name in ("a", "b"):
        _, _, spec = pixels(tmp_path / f"{name}.1001.exr")
        assert spec.get_string_attribute("rotolink:engine") == engine
        assert spec.get_string_attribute("rotolink:weights") == weights


def test_the_foreground_is_light_multiplied_by_its_matte(shot: tuple[str, ...], tmp_path: Path) -> None:
    done = run(
        *shot,
        "--foreground",
        str(tmp_path / "hero.####.exr"),
        "--matting",
        "closed-form",
        "--frames",
        "1002-1002",
        "--band",
        "9",
    )
    assert done.exit_code == 0, done.output
    assert sorted(each.name for each in tmp_path.glob("hero.*")) == ["hero.1002.exr"]
    found, channels, spec = pixels(tmp_path / "hero.1002.exr")
    assert channels == ["R", "G", "B", "A"]
    assert "lin" in spec.get_string_attribute("oiio:ColorSpace").lower()
    light = 4 * (MADE.picture / 255) ** 2.2
    whole, empty = MADE.coverage > 0.999, MADE.coverage == 0
    assert np.abs(found[whole][:, :3] - light[whole]).max() < 0.02 * light.max()
    assert np.abs(found[empty]).mean() < 0.01
    assert light[whole].max() > 1.2
    # Over the plate's own background it gives the plate again.
    behind = 4 * (composite(np.zeros_like(MADE.coverage), 2).picture / 255) ** 2.2
    soft = (MADE.coverage > 0.1) & (MADE.coverage < 0.9)
    again = found[..., :3] + (1 - found[..., 3:]) * behind
    assert np.abs(again - light)[soft].mean() < 0.1 * light[soft].mean() + 0.05


def test_masks_of_a_smaller_model_get_the_plate_s_edges(shot: tuple[str, ...], tmp_path: Path) -> None:
    small = cv2.resize(MADE.coverage, (40, 30), interpolation=cv2.INTER_AREA).round()
    enlarged = cv2.resize(small, (160, 120), interpolation=cv2.INTER_NEAREST)
    made: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
        ("small", small, ()),
        ("enlarged", enlarged, ("--made-at", "40")),
    )
    for name, mask, options in made:
        write_matte(tmp_path / f"{name}.1002.png", np.asarray(mask, np.float32), 1002, {})
        out = str(tmp_path / f"n{name}.####.exr")
        done = run(str(tmp_path / f"{name}.####.png"), *shot[1:], *options, "--out", out)
        assert done.exit_code == 0, done.output
    matte, _, _ = pixels(tmp_path / "nsmall.1002.exr")
    assert (matte == pixels(tmp_path / "nenlarged.1002.exr")[0]).all()
    assert np.abs(matte[..., 0] - MADE.coverage).sum() < 0.6 * np.abs(enlarged - MADE.coverage).sum()


def test_masks_of_another_picture_are_refused(shot: tuple[str, ...], tmp_path: Path) -> None:
    write_matte(tmp_path / "other.1002.png", np.ones((120, 100), np.float32), 1002, {})
    done = run(str(tmp_path / "other.####.png"), *shot[1:], "--out", str(tmp_path / "s.####.exr"))
    assert done.exit_code == 3
    assert "no smaller picture of the plate's 160x120" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        ((), 3, "Say what to write"),
        (("--out", "s.exr"), 3, "must say once"),
        (("--out", "s.####.jpg"), 3, "ends in .exr or .png"),
        (("--foreground", "s.####.png"), 3, "ends in .exr"),
        (("--out", "s.####.exr", "--foreground", "s.####.exr"), 3, "asked for twice"),
        (("--out", "s.####.exr", "--band", "0"), 3, "more than 0"),
        (("--out", "s.####.exr", "--matting", "magic"), 3, "choose one of guided"),
        (("--out", "s.####.exr", "--matting", "vitmatte"), 8, "vitmatte-small-composition-1k"),
        (("--out", "s.####.exr", "--matting", "vitmatte", "--weights", "gone.pt"), 8, "cannot be read"),
        (("--out", "s.####.exr", "--frames", "1001-1009"), 3, "lacks frames 1004-1009"),
        (("--out", "s.####.png", "--matte-bits", "32"), 6, "8 or 16 bits"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    shot: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    code: int,
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROTO_MODELS_DIR", str(tmp_path / "models"))
    done = run(*shot, *options)
    assert why in done.stderr
    assert done.exit_code == code, done.output
    assert done.stderr.startswith("roto: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.glob("s.*")) == []
