"""The whole way: a click on a plate becomes an animated shape in files that hosts read."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import av
import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - as its own documentation does
import pytest
from disc_engine import WeighedEngine
from numpy.typing import NDArray
from serving import FIRST, HEIGHT, LAST, RADIUS, WIDTH, Daemon, Roto, centre, picture

from roto_client.errors import BadInputError
from roto_client.results import MatteKind, MatteOrder
from roto_client.session import connect
from roto_daemon.fitting.raster import render_shapes
from roto_shapes.formats import ENDINGS
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.shape import MadeBy


def truth(frame: int) -> NDArray[np.float64]:
    return (picture(frame)[..., 0].astype(float) - 40) / 190


def matte_area(file: Path) -> float:
    pixels = oiio.ImageBuf(str(file)).get_pixels(oiio.FLOAT)
    assert pixels is not None
    return float(pixels.sum())


@pytest.mark.parametrize("engine", ["disc", "classic"])
def test_a_click_becomes_a_shape_that_lies_on_the_object_on_every_frame(
    roto: Roto, plate: str, tmp_path: Path, engine: str
) -> None:
    x, y = centre(FIRST + 5)
    done = roto(
        "track", plate, "--click", f"{FIRST + 5}:{x:g},{y:g}", "--engine", engine, "--name", "ball", "--json",
        "--out", "ball.json", "--out", "ball.nk", "--mattes", "ball.####.exr", "--preview", "ball.mp4",
        "--sheet", "ball.png", "--credit", "made for a test",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "work"
    shapes = read_roto((folder / "ball.json").read_text())
    assert [shape.name for shape in shapes.shapes] == ["ball"]
    assert shapes.plate.frames.first == FIRST
    for frame in range(FIRST, LAST + 1):
        drawn, wanted = render_shapes(shapes, frame), truth(frame)
        assert np.minimum(drawn, wanted).sum() / np.maximum(drawn, wanted).sum() > 0.95, frame
    assert (folder / "ball.nk").read_text().startswith("set cut_paste_input")
    assert sorted(file.name for file in folder.glob("ball.*.exr")) == [f"ball.{f}.exr" for f in range(FIRST, LAST + 1)]
    report = json.loads(done.stdout)
    assert report["plate"]["colour_space"] == "sRGB Encoded Rec.709 (sRGB)"
    assert report["plate"]["colour_source"] == "by the file"
    assert report["plate"]["ocio_config"] == "ocio://studio-config-latest"
    assert report["shapes"] == 1
    assert report["keyframes"] == len(shapes.shapes[0].keyframes)
    assert report["control_points"] == shapes.shapes[0].point_count
    assert shapes.made_by == MadeBy(engine)
    assert (report["engine"], report["weights"], report["why_default"]) == (engine, "", "")


def test_mattes_preview_and_sheet_are_pictures_of_the_plate(roto: Roto, plate: str, tmp_path: Path) -> None:
    x, y = centre(FIRST)
    done = roto(
        "track", plate, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "disc", "--out", "a.json",
        "--mattes", "m.%04d.exr", "--preview", "p.mp4", "--sheet", "s.png",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "work"
    matte = oiio.ImageBuf(str(folder / f"m.{LAST}.exr"))
    assert (matte.spec().full_width, matte.spec().full_height) == (WIDTH, HEIGHT)
    assert matte.spec().channelnames == ("A",)
    assert matte_area(folder / f"m.{LAST}.exr") == pytest.approx(np.pi * RADIUS**2, rel=0.03)
    with av.open(str(folder / "p.mp4")) as movie:
        assert sum(1 for _ in movie.decode(video=0)) == LAST - FIRST + 1
    spec = oiio.ImageBuf(str(folder / f"m.{LAST}.exr")).spec()
    said = [spec.get_string_attribute(f"rotolink:{each}") for each in ("plate", "frame", "object", "engine", "weights")]
    assert said == [plate, str(LAST), "object", "disc", "none"]
    sheet = cv2.imread(str(folder / "s.png"))
    assert sheet is not None
    assert sheet.shape[0] > 300


def test_every_file_says_which_weights_made_it(roto: Roto, plate: str, tmp_path: Path) -> None:
    x, y = centre(FIRST)
    outs = [f"a{ending}" for ending in ENDINGS]
    done = roto(
        "track", plate, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "weighed", "--json",
        *(word for out in outs for word in ("--out", out)),
        "--mattes", "m.%04d.exr", "--cryptomatte", "c.%04d.exr", "--preview", "p.mp4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["weights"] == WeighedEngine.WEIGHTS
    folder = tmp_path / "work"
    for out in outs:
        assert WeighedEngine.WEIGHTS in (folder / out).read_text(), out
    for picture_file in (f"m.{LAST}.exr", f"c.{LAST}.exr"):
        spec = oiio.ImageBuf(str(folder / picture_file)).spec()
        assert spec.get_string_attribute("rotolink:weights") == WeighedEngine.WEIGHTS
    with av.open(str(folder / "p.mp4")) as movie:
        assert WeighedEngine.WEIGHTS in str(movie.metadata)


def test_two_objects_become_layers_cryptomatte_and_mattes_of_their_own(
    daemon: Daemon, plate: str, tmp_path: Path
) -> None:
    with connect(daemon.address) as met, met.open_plate(plate) as opened, opened.open_session("disc") as session:
        for name in ("ball", "größe 2"):
            session.add_object(name).click(FIRST, *centre(FIRST))
        session.add_object("untracked")
        for kind in (MatteKind.LAYERS, MatteKind.CRYPTOMATTE):
            (file,) = session.write_mattes(str(tmp_path / f"{kind.value}.####.exr"), MatteOrder(kind))
            assert file == tmp_path / f"{kind.value}.{FIRST}.exr"
        session.add_object("untracked").remove()
        files = session.write_mattes(str(tmp_path / "{object}.####.png"), MatteOrder(bits=8))
        with pytest.raises(BadInputError, match="choose 8 or 16"):
            session.write_mattes(str(tmp_path / "m.####.png"), MatteOrder(bits=32))
    assert files == [tmp_path / f"ball.{FIRST}.png", tmp_path / f"größe_2.{FIRST}.png"]
    layers = oiio.ImageBuf(str(tmp_path / f"layers.{FIRST}.exr"))
    assert set(layers.spec().channelnames) == {"ball.A", "grosse_2.A", "untracked.A"}
    crypto = oiio.ImageBuf(str(tmp_path / f"cryptomatte.{FIRST}.exr"))
    manifests = [str(each.value) for each in crypto.spec().extra_attribs if each.name.endswith("/manifest")]
    assert set(json.loads(manifests[0])) == {"ball", "größe 2", "untracked"}
    area = np.pi * RADIUS**2
    for file in files:
        assert matte_area(file) == pytest.approx(area, rel=0.03)
    assert matte_area(tmp_path / f"layers.{FIRST}.exr") == pytest.approx(2 * area, rel=0.03)


def test_a_report_tells_how_good_the_shapes_are_and_shows_them_on_the_plate(
    roto: Roto, plate: str, tmp_path: Path
) -> None:
    x, y = centre(FIRST)
    done = roto(
        "track", plate, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "disc", "--out", "a.json", "--feather",
        "--offset", "-2", "--report", "q.json", "--report", "q.html", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "work"
    facts = json.loads((folder / "q.json").read_text())
    assert [each["frame"] for each in facts["frames"]] == list(range(FIRST, LAST + 1))
    assert facts["summary"]["mean_px"] < 0.3, "measured against the edge that was moved"
    assert facts["look_first"] == [] == json.loads(done.stdout)["look_first"]
    page = (folder / "q.html").read_text()
    assert page.count("data:image/jpeg;base64,") >= 8
    assert json.loads(done.stdout)["files"][-2:] == ["q.json", "q.html"]


def test_nuke_files_count_frames_as_the_shot_does_and_have_y_up(roto: Roto, plate: str, tmp_path: Path) -> None:
    x, y = centre(FIRST)
    done = roto("track", plate, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "disc", "--out", "a.json")
    assert done.returncode == 0, done.stderr
    done = roto("convert", "a.json", "b.nk")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "work" / "b.nk").read_text()
    first_frame = struct.pack(">f", float(FIRST)).hex()
    assert f"x{first_frame}" in text


def test_masks_become_shapes_without_a_daemon(roto: Roto, tmp_path: Path) -> None:
    folder = tmp_path / "work" / "masks"
    folder.mkdir()
    for frame in range(FIRST, LAST + 1):
        cv2.imwrite(str(folder / f"mask.{frame}.png"), np.round(truth(frame) * 255).astype(np.uint8))
    done = roto("fit", str(folder), "--tolerance", "0.5", "--out", "fit.json", address="127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    shapes = read_roto((tmp_path / "work" / "fit.json").read_text())
    assert len(shapes.shapes) == 1
    assert len(shapes.shapes[0].keyframes) <= 3
    drawn, wanted = render_shapes(shapes, LAST), truth(LAST)
    assert np.minimum(drawn, wanted).sum() / np.maximum(drawn, wanted).sum() > 0.97


def test_shapes_are_fitted_anew_round_keyframes_that_were_locked(roto: Roto, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "masks").mkdir()
    for frame in range(FIRST, LAST + 1):
        cv2.imwrite(str(work / "masks" / f"mask.{frame}.png"), np.round(truth(frame) * 255).astype(np.uint8))
    assert roto("fit", "masks", "--keyframes", str(FIRST + 2), "--out", "a.json").returncode == 0
    document = json.loads((work / "a.json").read_text())
    keys = document["shapes"][0]["keyframes"]
    assert FIRST + 2 in [key["frame"] for key in keys]
    keys[0]["locked"] = True
    keys[0]["points"][0]["x"] += 3.25
    (work / "b.json").write_text(json.dumps(document))
    done = roto("fit", "masks", "--shapes", "b.json", "--edited", str(FIRST), "--out", "c.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((work / "c.json").read_text())["shapes"][0]["keyframes"][0] == keys[0]


def test_a_fit_tells_scripts_what_it_came_to(roto: Roto, plate: str) -> None:
    done = roto("fit", plate, "--frames", f"{FIRST}-{FIRST + 3}", "--json", "--out", "fit.json", "--out", "fit.nk")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["shapes"] == 1
    assert facts["worst_error_px"] <= facts["effective_tolerance_px"] * 3
    assert FIRST <= facts["worst_frame"] <= FIRST + 3


def test_a_fit_may_look_at_the_plate(roto: Roto, plate: str) -> None:
    frames = f"{FIRST}-{FIRST + 3}"
    done = roto("fit", plate, "--plate", plate, "--frames", frames, "--json", "--out", "fit.json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["shapes"] == 1


def test_a_part_of_the_range_is_tracked_from_a_click_in_its_middle(roto: Roto, plate: str, tmp_path: Path) -> None:
    x, y = centre(FIRST + 4)
    done = roto(
        "track", plate, "--click", f"{FIRST + 4}:{x:g},{y:g}", "--engine", "disc",
        "--frames", f"{FIRST + 2}-{FIRST + 8}", "--out", "a.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shape = read_roto((tmp_path / "work" / "a.json").read_text()).shapes[0]
    assert (shape.lifetime.first, shape.lifetime.last) == (FIRST + 2, FIRST + 8)


@pytest.mark.parametrize("corrected", [FIRST + 2, FIRST + 8])
def test_a_place_excluded_on_another_frame_corrects_what_was_tracked_there(
    roto: Roto, plate: str, tmp_path: Path, corrected: int
) -> None:
    x, y = centre(FIRST + 5)
    wrong_x, wrong_y = centre(corrected)
    done = roto(
        "track", plate, "--click", f"{FIRST + 5}:{x:g},{y:g}", "--exclude", f"{corrected}:{wrong_x:g},{wrong_y:g}",
        "--engine", "disc", "--out", "a.json", "--mattes", "m.####.exr",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    areas = {frame: matte_area(tmp_path / "work" / f"m.{frame}.exr") for frame in range(FIRST, LAST + 1)}
    assert areas[corrected] < areas[FIRST + 5] - 20
    assert areas[corrected] > areas[FIRST + 5] / 2
