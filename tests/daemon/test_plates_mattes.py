"""Mattes as files, out and in."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from OpenImageIO import ImageInput, ImageOutput, ImageSpec

from roto_daemon.errors import FrameDamagedError, FrameMissingError, OutputError, PlateError
from roto_daemon.plates.matte_files import MatteForm, write_matte
from roto_daemon.plates.mattes import open_mattes, read_mattes
from roto_shapes.shot import FrameRange

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "masks"
MATTE = np.zeros((20, 30), np.float32)
MATTE[4:12, 6:20] = 1
MATTE[12, 6:20] = np.linspace(0, 1, 14)


def write(path: Path, pixels: NDArray[Any], sample: str, channels: tuple[str, ...] = ()) -> None:
    spec = ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], sample)
    if channels:
        spec.channelnames = channels
        spec.alpha_channel = channels.index("A") if "A" in channels else -1
    spec.attribute("oiio:UnassociatedAlpha", 1)
    output = ImageOutput.create(str(path))
    assert output
    assert output.open(str(path), spec)
    assert output.write_image(np.ascontiguousarray(pixels))
    assert output.close()


@pytest.mark.parametrize(
    ("name", "bits", "error"),
    [
        ("m.0007.exr", 16, 2.0**-11),
        ("m.0007.png", 16, 1 / 65535),
        ("m.0007.png", 8, 0.51 / 255),
        ("m.0007.tif", 16, 1 / 65535),
        ("m.0007.TIFF", 8, 0.51 / 255),
    ],
)
def test_a_matte_comes_back_from_its_file(tmp_path: Path, name: str, bits: int, error: float) -> None:
    write_matte(tmp_path / name, MATTE, 7, {"plate": "größe"}, MatteForm(bits))
    ((frame, back),) = read_mattes(str(tmp_path))
    assert frame == 7
    assert back.dtype == np.float32
    assert np.abs(back - MATTE).max() <= error
    assert (back[MATTE == 1] == 1).all()
    assert (back[MATTE == 0] == 0).all()
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - names


def test_an_exr_matte_is_half_floats_in_channel_a_and_says_what_made_it(tmp_path: Path) -> None:
    file = tmp_path / "m.exr"
    write_matte(file, np.round(MATTE * 65535).astype(np.uint16), 1001, {"plate": "p.####.exr", "engine": "classic"})
    opened = ImageInput.open(str(file))
    assert opened
    spec = opened.spec()
    assert (str(spec.format), tuple(spec.channelnames)) == ("half", ("A",))
    assert (spec.full_width, spec.full_height) == (30, 20)
    assert spec.get_string_attribute("compression") == "zip"
    said = {name: spec.get_string_attribute(f"rotolink:{name}") for name in ("plate", "engine", "frame")}
    assert said == {"plate": "p.####.exr", "engine": "classic", "frame": "1001"}


def test_a_matte_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "m.exr"
    file.write_bytes(b"before")
    with pytest.raises(OutputError, match="cannot be written"):
        write_matte(file, np.zeros((0, 0), np.float32), 1, {})
    assert file.read_bytes() == b"before"
    with pytest.raises(OutputError, match="there is no folder"):
        write_matte(tmp_path / "gone" / "m.exr", MATTE, 1, {})
    with pytest.raises(OutputError, match=r"not written as '\.jpg'"):
        write_matte(tmp_path / "m.jpg", MATTE, 1, {})
    (tmp_path / "folder.exr").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_matte(tmp_path / "folder.exr", MATTE, 1, {})
    assert sorted(os.listdir(tmp_path)) == ["folder.exr", "m.exr"]  # noqa: PTH208 - names


def levels(value: float) -> NDArray[np.float32]:
    return np.full((20, 30), value, np.float32)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({"Y": MATTE}, MATTE),
        ({"A": MATTE}, MATTE),
        ({"R": MATTE, "G": MATTE, "B": MATTE}, MATTE),
        ({"R": MATTE, "G": levels(0), "B": levels(0)}, MATTE),
        ({"R": levels(0.3), "G": levels(0.6), "B": levels(0), "A": MATTE}, MATTE),
        ({"R": MATTE, "G": MATTE, "B": MATTE, "A": levels(1)}, MATTE),
        ({"R": levels(0), "G": levels(0), "B": levels(0), "A": levels(1)}, levels(0)),
        ({"R": levels(1), "G": levels(1), "B": levels(1), "A": levels(0)}, levels(0)),
        ({"Y": levels(7.5)}, levels(1)),
        ({"Y": levels(np.nan)}, levels(0)),
    ],
)
def test_the_matte_is_the_alpha_if_it_says_anything_else_the_picture(
    tmp_path: Path, layers: dict[str, NDArray[np.float32]], expected: NDArray[np.float32]
) -> None:
    write(tmp_path / "m.1.exr", np.stack(list(layers.values()), 2), "float", tuple(layers))
    ((_, matte),) = read_mattes(str(tmp_path))
    assert matte == pytest.approx(expected, abs=1e-6)


def test_an_alpha_that_has_shown_itself_holds_for_later_frames(tmp_path: Path) -> None:
    black = np.zeros((20, 30, 3), np.float32)
    for frame, alpha in enumerate((MATTE, levels(1)), 1):
        write(tmp_path / f"m.{frame}.exr", np.dstack([black, alpha]), "float", ("R", "G", "B", "A"))
    (_, first), (_, second) = read_mattes(str(tmp_path))
    assert first == pytest.approx(MATTE)
    assert second == pytest.approx(levels(1))


def test_values_are_read_by_bit_depth_and_never_colour_converted(tmp_path: Path) -> None:
    write(tmp_path / "a.1.png", np.full((4, 4, 1), 51, np.uint8), "uint8")
    write(tmp_path / "b.1.tif", np.full((4, 4, 1), 13107, np.uint16), "uint16")
    write(tmp_path / "c.1.exr", np.full((4, 4, 1), 0.2, np.float32), "float")
    for name in ("a.1.png", "b.1.tif", "c.1.exr"):
        ((_, matte),) = read_mattes(str(tmp_path / name))
        assert matte == pytest.approx(np.full((4, 4), 0.2), abs=1e-6)


def test_missing_frames_are_named_before_anything_is_read(tmp_path: Path) -> None:
    for frame in (1, 2, 5, 9):
        write_matte(tmp_path / f"m.{frame:04d}.png", MATTE, frame, {})
    with pytest.raises(FrameMissingError, match="lacks frames 3-4, 6-8 of 1-9"):
        open_mattes(str(tmp_path))
    with pytest.raises(FrameMissingError, match="lacks frame 10 of 9-10"):
        read_mattes(str(tmp_path / "m.####.png"), FrameRange(9, 10))
    assert [frame for frame, _ in read_mattes(str(tmp_path), FrameRange(1, 2))] == [1, 2]


def test_a_mask_of_another_size_and_a_damaged_one_are_named(tmp_path: Path) -> None:
    write_matte(tmp_path / "m.1.png", MATTE, 1, {})
    write_matte(tmp_path / "m.2.png", MATTE[:-1], 2, {})
    mattes = open_mattes(str(tmp_path))
    assert (mattes.plate.width, mattes.plate.height, mattes.plate.frames) == (30, 20, FrameRange(1, 2))
    with pytest.raises(FrameDamagedError, match=r"Frame 2 .* 30x19 pixels, the frames before it 30x20"):
        list(mattes)
    (tmp_path / "m.2.png").write_bytes((tmp_path / "m.1.png").read_bytes()[:70])
    with pytest.raises(FrameDamagedError, match="Frame 2"):
        list(mattes)


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("ffv1", "gray"), ("prores_ks", "yuva444p10le"), ("libx264", "yuv420p")]
)
def test_movies_of_mattes_are_read(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    path = tmp_path / ("m.mkv" if codec == "ffv1" else "m.mov")
    wide = np.zeros((32, 64), np.uint8)
    wide[8:24, 16:48] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(24))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 32, pix_fmt
        for _ in range(3):
            alpha = wide if pix_fmt.startswith("yuva") else np.full_like(wide, 255)
            colour = np.full_like(wide, 90) if pix_fmt.startswith("yuva") else wide
            frame = VideoFrame.from_ndarray(np.dstack([colour, colour, colour, alpha]), format="rgba")
            container.mux(stream.encode(frame.reformat(format=pix_fmt)))
        container.mux(stream.encode(None))
    mattes = list(read_mattes(str(path)))
    assert [frame for frame, _ in mattes] == [0, 1, 2]
    for _, matte in mattes:
        assert np.abs(matte - wide / np.float32(255)).max() < 0.1
    assert [frame for frame, _ in read_mattes(str(path), FrameRange(1, 1))] == [1]
    with pytest.raises(PlateError, match="0-2"):
        read_mattes(str(path), FrameRange(2, 3))


@pytest.mark.parametrize("name", ["camel", "car-roundabout", "dance-twirl"])
def test_real_masks_are_read(name: str) -> None:
    if not (SAMPLES / name).is_dir():
        pytest.skip("the sample masks are not on this computer")
    mattes = open_mattes(str(SAMPLES / name), FrameRange(0, 2))
    assert (mattes.plate.width, mattes.plate.height) == (854, 480)
    for _, matte in mattes:
        assert set(np.unique(matte)) == {0.0, 1.0}
        assert 0.01 < matte.mean() < 0.6
