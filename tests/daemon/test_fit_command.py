"""`roto fit` as it is typed: reports and offsets reach the files that were asked for."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from OpenImageIO import ImageBuf, ImageSpec
from typer.testing import CliRunner

from roto_client.cli import app
from roto_daemon.plates.matte_files import write_matte
from roto_shapes.curve import evaluate, flatten
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.shape import MadeBy

WIDTH, HEIGHT, RADIUS = 160, 120, 30.0
FRAMES = range(1001, 1007)
PLATE_COLOUR = (40, 160, 90)
"""Blue, green, red of the plate, which no line of a report has."""


def middle(frame: int) -> tuple[float, float]:
    return 60.0 + 4 * (frame - 1001), 60.0


def disc(frame: int) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    x, y = middle(frame)
    covered: NDArray[np.float64] = np.clip(RADIUS - np.hypot(columns - x, rows - y) + 0.5, 0, 1)
    return covered


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Discs with a bite of 14 px on frame 1003, which no other frame has."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for frame in FRAMES:
        mask = np.round(disc(frame) * 255).astype(np.uint8)
        if frame == 1003:
            mask[50:70, round(middle(frame)[0] + RADIUS - 14) :] = 0
        cv2.imwrite(str(folder / f"mask.{frame}.png"), mask)
    return folder


def roto(*arguments: str) -> Any:  # noqa: ANN401 - the result class moved between typer's versions
    separate: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
    return CliRunner(**separate).invoke(app, ["fit", *arguments], env={"COLUMNS": "200"})


def radii(file: Path, frame: int) -> NDArray[np.float64]:
    (shape,) = read_roto(file.read_text()).shapes
    line = np.array(flatten(evaluate(shape, frame), 0.02))
    distance: NDArray[np.float64] = np.hypot(*(line - middle(frame)).T)
    return distance


@pytest.mark.parametrize("offset", [-3.0, 2.5])
def test_an_offset_moves_the_outline_by_so_much_on_every_frame(masks: Path, tmp_path: Path, offset: float) -> None:
    out, report = tmp_path / "a.json", tmp_path / "q.json"
    done = roto(
        str(masks), "--offset", str(offset), "--out", str(out), "--report", str(report), "--frames", "1004-1006"
    )
    assert done.exit_code == 0, done.output
    for frame in (1004, 1006):
        assert radii(out, frame) == pytest.approx(RADIUS + offset, abs=0.7)
    facts = json.loads(report.read_text())
    assert facts["summary"]["mean_px"] < 0.4, "the report measures against the edge that was moved as well"


@pytest.mark.parametrize("ending", ["exr", "png", "tif"])
@pytest.mark.parametrize("weights", ["tiny.pt 0123456789ab (Apache-2.0)", "none"])
def test_shapes_say_what_made_the_mattes_that_they_were_fitted_to(ending: str, weights: str, tmp_path: Path) -> None:
    for frame in (1001, 1002):
        facts = {"engine": "sam2-tiny", "weights": weights}
        write_matte(tmp_path / f"m.{frame}.{ending}", disc(frame).astype(np.float32), frame, facts)
    done = roto(str(tmp_path / f"m.####.{ending}"), "--out", str(tmp_path / "a.json"))
    assert done.exit_code == 0, done.output
    fitted = read_roto((tmp_path / "a.json").read_text())
    assert fitted.made_by == MadeBy("sam2-tiny", "" if weights == "none" else weights)


def test_masks_of_other_programs_say_nothing_of_their_making(masks: Path, tmp_path: Path) -> None:
    for name, text in [("a.1001.tif", '{"rotolink": 7}'), ("b.1001.tif", "{" * 20_000)]:
        spec = ImageSpec(WIDTH, HEIGHT, 1, "uint8")
        spec.attribute("ImageDescription", text)
        image = ImageBuf(spec)
        image.set_pixels(image.roi, (disc(1001) * 255).astype(np.uint8)[..., None])
        image.write(str(tmp_path / name))
    for pattern in (masks / "mask.####.png", tmp_path / "a.####.tif", tmp_path / "b.####.tif"):
        done = roto(str(pattern), "--out", str(tmp_path / "a.json"))
        assert done.exit_code == 0, done.output
        assert read_roto((tmp_path / "a.json").read_text()).made_by is None


def test_a_report_in_numbers_and_the_result_name_the_frame_to_look_at_and_why(masks: Path, tmp_path: Path) -> None:
    report = tmp_path / "new" / "q.json"
    done = roto(str(masks), "--out", str(tmp_path / "a.json"), "--report", str(report), "--json")
    assert done.exit_code == 0, done.output
    for told in (json.loads(done.stdout)["look_first"], json.loads(report.read_text())["look_first"]):
        assert [each["frame"] for each in told] == [1003]
        words = "; ".join(told[0]["reasons"])
        assert "mask drawn through" in words
        off = re.search(r"outline off by (\d+\.\d) px", words)
        assert off is not None
        assert float(off[1]) == pytest.approx(14, abs=2)
    assert json.loads(done.stdout)["doubtful_frames"] == json.loads(report.read_text())["doubtful_frames"] == [1003]


def test_the_table_names_the_frame_to_look_at(masks: Path, tmp_path: Path) -> None:
    done = roto(str(masks), "--out", str(tmp_path / "a.json"))
    shown = re.sub(r"[\s│]+", " ", done.stdout)
    assert "masks drawn through 1003" in shown
    assert re.search(r"need a look first 1003: outline off by .* px at the worst place.*mask drawn through", shown)
    done = roto(str(masks), "--out", str(tmp_path / "a.json"), "--frames", "1004-1006")
    assert "need a look first no frame" in re.sub(r"[\s│]+", " ", done.stdout)


def pictures(page: str) -> list[NDArray[np.uint8]]:
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    decoded = (cv2.imdecode(np.frombuffer(base64.b64decode(each), np.uint8), cv2.IMREAD_COLOR) for each in found)
    return [np.asarray(each, np.uint8) for each in decoded]


def share_of_plate(picture: NDArray[np.uint8]) -> float:
    """Return how much of a picture has the plate's hue."""
    blue, green, red = (picture[..., channel].astype(int) for channel in range(3))
    return float(((green > red + 25) & (red > blue + 15)).mean())


@pytest.mark.parametrize("with_plate", [False, True])
def test_a_page_shows_the_plate_beneath_the_outline_where_there_is_one(
    masks: Path, tmp_path: Path, *, with_plate: bool
) -> None:
    (tmp_path / "plate").mkdir()
    for frame in FRAMES:
        cv2.imwrite(str(tmp_path / "plate" / f"p.{frame}.png"), np.full((HEIGHT, WIDTH, 3), PLATE_COLOUR, np.uint8))
    report = tmp_path / "q.html"
    plate = ["--plate", str(tmp_path / "plate")] if with_plate else []
    done = roto(str(masks), *plate, "--out", str(tmp_path / "a.json"), "--report", str(report))
    assert done.exit_code == 0, done.output
    page = report.read_text()
    assert "Frame 1003" in page
    assert "mask drawn through" in page
    assert "Masks drawn through: 1003" in page
    shown = pictures(page)
    assert len(shown) >= 2
    outlines, errors = [[share_of_plate(each) for each in shown[side::2]] for side in (0, 1)]
    assert max(errors) < 0.05
    assert all(share > 0.5 for share in outlines) if with_plate else max(outlines) < 0.05


def ringed(picture: NDArray[np.uint8]) -> bool:
    """Say whether a picture shows the ring round a worst place."""
    return bool((np.abs(picture.astype(int) - (90, 120, 255)).max(axis=2) < 40).sum() > 40)


def test_a_ring_marks_the_worst_place_on_frames_that_are_far_off_and_on_no_other(masks: Path, tmp_path: Path) -> None:
    report = tmp_path / "q.html"
    done = roto(str(masks), "--out", str(tmp_path / "a.json"), "--report", str(report))
    assert done.exit_code == 0, done.output
    page = report.read_text()
    frames = [int(each) for each in re.findall(r'<figure id="frame(\d+)"', page)]
    shown = pictures(page)
    assert {frame: ringed(shown[2 * number]) for number, frame in enumerate(frames)} == {
        frame: frame == 1003 for frame in frames
    }
    assert 1003 in frames
    assert len(frames) > 1


def test_a_report_of_an_unknown_form_is_refused_before_the_work(masks: Path, tmp_path: Path) -> None:
    done = roto(str(masks), "--out", str(tmp_path / "a.json"), "--report", str(tmp_path / "q.pdf"))
    assert done.exit_code == 3
    assert "must end in .html or .json" in done.stderr
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    ("path", "taken"), [(lambda t: 30 + 5 * t, "linear"), (lambda t: 80 + 50 * np.sin(t / 4), "smooth")]
)
def test_auto_takes_the_interpolation_that_needs_less(path: Callable[[int], float], taken: str, tmp_path: Path) -> None:
    folder, out = tmp_path / "masks", tmp_path / "a.json"
    folder.mkdir()
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    for frame in range(20):
        covered = np.clip(20.5 - np.hypot(columns - path(frame), rows - 60), 0, 1)
        cv2.imwrite(str(folder / f"mask.{frame:04d}.png"), np.round(covered * 255).astype(np.uint8))
    done = roto(str(folder), "--interpolation", "auto", "--tolerance", "0.5", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert [shape.interpolation.value for shape in read_roto(out.read_text()).shapes] == [taken]


def passing_a_pole(folder: Path) -> tuple[Path, Path]:
    """Masks of a small disc that passes behind a pole, and the masks of the pole."""
    masks, poles = folder / "passing", folder / "poles"
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    pole = np.where(np.abs(columns - 80) < 5, 255, 0).astype(np.uint8)
    for place in (masks, poles):
        place.mkdir()
    for frame in range(12):
        passing = np.clip(13.5 - np.hypot(columns - 25 - 10 * frame, rows - 60), 0, 1) * 255
        cv2.imwrite(str(masks / f"mask.{frame:04d}.png"), np.where(pole > 0, 0, np.round(passing)).astype(np.uint8))
        cv2.imwrite(str(poles / f"pole.{frame:04d}.png"), pole)
    return masks, poles


def test_a_shape_goes_on_behind_an_occluder_and_its_report_does_not_measure_there(tmp_path: Path) -> None:
    masks, poles = passing_a_pole(tmp_path)
    shapes, quality = tmp_path / "shapes.json", tmp_path / "quality.json"
    result = roto(str(masks), "--occluder", str(poles), "--out", str(shapes), "--report", str(quality))
    assert result.exit_code == 0, result.output
    (shape,) = read_roto(shapes.read_text()).shapes
    assert (shape.lifetime.first, shape.lifetime.last) == (0, 11)
    assert max(frame["max_px"] for frame in json.loads(quality.read_text())["frames"]) < 1.5


def test_an_occluder_that_lacks_a_frame_is_refused_by_name(tmp_path: Path) -> None:
    masks, poles = passing_a_pole(tmp_path)
    (poles / "pole.0011.png").unlink()
    result = roto(str(masks), "--occluder", str(poles), "--out", str(tmp_path / "shapes.json"))
    assert result.exit_code == 3
    assert "lacks frame 11" in result.stderr
    assert not (tmp_path / "shapes.json").exists()
