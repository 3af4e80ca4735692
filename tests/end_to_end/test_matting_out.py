"""Mattes and foregrounds with the plate's soft edges, through a real daemon."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from OpenImageIO import ImageBuf
from serving import FIRST, HEIGHT, WIDTH, Roto, centre

LAST = FIRST + 2
BLUR = 3.0


def coverage(frame: int) -> NDArray[np.float32]:
    """Return the coverage of a disc out of focus."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    x, y = centre(frame)
    sharp = np.clip(20 - np.hypot(columns - x, rows - y) + 0.5, 0, 1).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(sharp, (0, 0), BLUR), np.float32)


@pytest.fixture
def blurred(tmp_path: Path) -> str:
    folder = tmp_path / "blurred"
    folder.mkdir()
    for frame in range(FIRST, LAST + 1):
        alpha = coverage(frame)[..., None]
        shown = np.array([200, 230, 230]) * alpha + np.array([90, 40, 40]) * (1 - alpha)
        cv2.imwrite(str(folder / f"disc.{frame}.png"), np.rint(shown))
    return str(folder / "disc.####.png")


def read(file: Path) -> tuple[NDArray[np.float32], str]:
    """Return pixels, and what made them."""
    buffer = ImageBuf(str(file))
    return np.asarray(buffer.get_pixels("float"), np.float32), buffer.spec().get_string_attribute("rotolink:engine")


def track(roto: Roto, plate: str, *options: str) -> list[str]:
    x, y = centre(FIRST)
    done = roto("track", plate, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "disc", "--out", "a.json", *options)
    return [str(done.returncode), done.stderr]


def test_what_is_written_of_mattes_has_the_plate_s_soft_edge(roto: Roto, blurred: str, tmp_path: Path) -> None:
    written = ("--mattes", "m.####.exr", "--matte-layers", "l.####.exr", "--foreground", "f.####.exr")
    plain = track(roto, blurred, "--mattes", "hard.####.exr")
    assert plain[0] == "0", plain
    soft = track(roto, blurred, *written, "--matting", "guided", "--band", "12")
    assert soft[0] == "0", soft
    for frame in range(FIRST, LAST + 1):
        true = coverage(frame)
        hard, unmatted = read(tmp_path / "work" / f"hard.{frame}.exr")
        matte, by = read(tmp_path / "work" / f"m.{frame}.exr")
        assert (unmatted, by) == ("disc", "disc + guided")
        assert np.abs(matte[..., 0] - true).sum() < 0.4 * np.abs(hard[..., 0] - true).sum()
        layers, _ = read(tmp_path / "work" / f"l.{frame}.exr")
        assert np.abs(layers - matte).max() < 1e-3
        light, _ = read(tmp_path / "work" / f"f.{frame}.exr")
        assert np.abs(light[..., 3] - matte[..., 0]).max() < 1e-3
        edge = (true > 0.3) & (true < 0.7)
        # The object is yellow, what is behind it blue: little of that may be left where both are seen.
        unmultiplied = light[edge][:, :3] / light[edge][:, 3:]
        assert (unmultiplied[:, 2] < unmultiplied[:, 0]).all()
        shown = cv2.imread(blurred.replace("####", str(frame)))
        assert shown is not None
        own, mixed = (((level / 255 + 0.055) / 1.055) ** 2.4 for level in (230, shown[edge][:, 2]))
        assert np.abs(unmultiplied[:, 0] - own).mean() < 0.5 * np.abs(mixed - own).mean()


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        (("--matting", "magic"), "3", "choose one of guided, closed-form, vitmatte"),
        (("--matting", "vitmatte"), "8", "vitmatte-small-composition-1k"),
        (("--band", "600"), "3", "at most 512"),
        (("--band", "0"), "2", "0.1"),
    ],
)
def test_matting_that_cannot_be_is_one_sentence(
    roto: Roto, blurred: str, tmp_path: Path, options: tuple[str, ...], code: str, why: str
) -> None:
    status, said = track(roto, blurred, "--mattes", "m.####.exr", *options)
    assert status == code, said
    assert why in said
    assert not list((tmp_path / "work").glob("m.*"))
