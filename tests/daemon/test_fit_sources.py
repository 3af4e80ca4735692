"""`roto fit` and the footage it reads: layers of masks, plates in any colour space, proxies, movies."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from picture_files import FilePart, write_parts
from typer.testing import CliRunner

from roto_client.cli import app
from roto_shapes.curve import evaluate, flatten
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.shape import Shape

WIDTH, HEIGHT, RADIUS = 160, 120, 30.0
FRAMES = range(1001, 1005)
GREEN = (90, 160, 40)
"""Red, green, blue of the plate."""


def middle(frame: int) -> tuple[float, float]:
    return 60.0 + 4 * (frame - 1001), 60.0


def disc(frame: int) -> NDArray[np.float32]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    x, y = middle(frame)
    covered: NDArray[np.float32] = np.clip(RADIUS - np.hypot(columns - x, rows - y) + 0.5, 0, 1).astype(np.float32)
    return covered


@pytest.fixture
def masks(tmp_path: Path) -> str:
    for frame in FRAMES:
        write_parts(tmp_path / "masks" / f"m.{frame}.png", [FilePart(disc(frame)[..., None], ("Y",), sample="uint8")])
    return str(tmp_path / "masks")


def fitted(tmp_path: Path, *arguments: str) -> Any:  # noqa: ANN401 - the result class moved between typer's versions
    separate: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
    options = ["--out", str(tmp_path / "a.json"), "--report", str(tmp_path / "q.html")]
    return CliRunner(**separate).invoke(app, ["fit", *arguments, *options], env={"COLUMNS": "200", "OCIO": None})


def shape(tmp_path: Path) -> Shape:
    (found,) = read_roto((tmp_path / "a.json").read_text()).shapes
    return found


def follows_the_disc(tmp_path: Path) -> bool:
    found = shape(tmp_path)
    lines = {frame: np.array(flatten(evaluate(found, frame), 0.02)) for frame in FRAMES}
    return all(bool(np.abs(np.hypot(*(line - middle(frame)).T) - RADIUS).max() < 1) for frame, line in lines.items())


def colours_shown(tmp_path: Path) -> list[NDArray[np.float64]]:
    """Return the commonest red, green and blue of the pictures of outlines on a report's page."""
    page = (tmp_path / "q.html").read_text()
    coded = re.findall(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)", page)
    decoded = [cv2.imdecode(np.frombuffer(base64.b64decode(each), np.uint8), cv2.IMREAD_COLOR) for each in coded]
    return [np.median(each.reshape(-1, 3), axis=0)[::-1] for each in decoded[::2] if each is not None]


def shows(tmp_path: Path, colour: Sequence[int]) -> bool:
    """Say whether the pictures have the proportions of a colour: a page dims them so that outlines stand out."""
    found = colours_shown(tmp_path)
    wanted = np.array(colour) / sum(colour)
    return bool(found) and all(bool(np.abs(each / each.sum() - wanted).max() < 0.02) for each in found)


def flat(colour: Sequence[float], width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.float32]:
    return np.full((height, width, 3), colour, np.float32)


def write_movie(path: Path, pictures: Sequence[NDArray[np.uint8]]) -> str:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("prores_ks", rate=24)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv422p10le"
        for picture in pictures:
            container.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return str(path)


@pytest.mark.parametrize("layer", ["hero", "hero.A"])
def test_masks_are_taken_from_a_layer_of_a_render(tmp_path: Path, layer: str) -> None:
    noise = np.random.default_rng(2).random((HEIGHT, WIDTH, 3), np.float32)
    for frame in FRAMES:
        pixels = np.dstack([noise, disc(frame)])
        write_parts(tmp_path / "r" / f"r.{frame}.exr", [FilePart(pixels, ("R", "G", "B", "hero.A"))])
    done = fitted(tmp_path, str(tmp_path / "r"), "--layer", layer)
    assert done.exit_code == 0, done.output
    assert follows_the_disc(tmp_path)
    done = fitted(tmp_path, str(tmp_path / "r"), "--layer", "villain")
    assert done.exit_code == 3
    assert "no layer or channel 'villain': it holds R, G, B, hero.A" in done.stderr


def test_a_plate_is_read_in_the_colour_space_that_is_given(tmp_path: Path, masks: str) -> None:
    for frame in FRAMES:
        pixels = flat([level / 255 for level in GREEN])
        write_parts(tmp_path / "p" / f"p.{frame}.exr", [FilePart(pixels, ("R", "G", "B"), sample="float")])
    plate = ["--plate", str(tmp_path / "p")]
    assert fitted(tmp_path, masks, *plate).exit_code == 0
    assert not shows(tmp_path, GREEN)
    config = ["--ocio-config", "ocio://cg-config-latest"]
    for told in (["--colour-space", "sRGB"], ["--colour-space", "srgb_tx", *config]):
        done = fitted(tmp_path, masks, *plate, *told)
        assert done.exit_code == 0, done.output
        assert shows(tmp_path, GREEN)
    done = fitted(tmp_path, masks, *plate, "--ocio-config", "no.ocio")
    assert done.exit_code == 3
    assert "no.ocio cannot be used" in done.stderr


def test_a_proxy_is_read_in_place_of_the_plate(tmp_path: Path, masks: str) -> None:
    small = flat([level / 255 for level in GREEN], WIDTH // 2, HEIGHT // 2)
    for frame in FRAMES:
        write_parts(tmp_path / "p" / f"p.{frame}.png", [FilePart(flat([0, 0, 0]), ("R", "G", "B"), sample="uint8")])
        write_parts(tmp_path / "s" / f"s.{frame}.png", [FilePart(small, ("R", "G", "B"), sample="uint8")])
    done = fitted(tmp_path, masks, "--plate", str(tmp_path / "p"), "--proxy", str(tmp_path / "s"))
    assert done.exit_code == 0, done.output
    assert shows(tmp_path, GREEN)


def test_movies_are_numbered_as_the_shot_is(tmp_path: Path, masks: str) -> None:
    plate = write_movie(tmp_path / "plate.mov", [np.full((HEIGHT, WIDTH, 3), GREEN, np.uint8)] * len(FRAMES))
    done = fitted(tmp_path, masks, "--plate", plate)
    assert done.exit_code == 3
    assert "the plate has frames 0-3 and the masks 1001-1004, none in common" in done.stderr
    done = fitted(tmp_path, masks, "--plate", plate, "--first-frame", "1001")
    assert done.exit_code == 0, done.output
    assert shows(tmp_path, GREEN)
    discs = [np.repeat(np.round(disc(frame) * 255).astype(np.uint8)[..., None], 3, 2) for frame in FRAMES]
    done = fitted(
        tmp_path, write_movie(tmp_path / "masks.mov", discs), "--first-frame", "1001", "--frames", "1001-1004"
    )
    assert done.exit_code == 0, done.output
    assert follows_the_disc(tmp_path)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--proxy", "p.####.png"], "--proxy tells how the plate is read: give --plate too"),
        (["--colour-space", "ACEScg"], "--colour-space tells how the plate is read"),
        (["--first-frame", "1001"], "--first-frame is for movies alone"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(tmp_path: Path, masks: str, options: list[str], why: str) -> None:
    done = fitted(tmp_path, masks, *options)
    assert done.exit_code == 3
    assert why in done.stderr
