"""Uploaded frames."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from roto_daemon.errors import FrameDamagedError, FrameMissingError, LimitError, OutputError, PlateError
from roto_daemon.plates.colour import ColourFacts, colour_of
from roto_daemon.plates.display import to_display
from roto_daemon.plates.spool import FrameSpool, PixelLayout, SpareFiles
from roto_daemon.plates.uploaded import UploadedPlate
from roto_shapes.shot import FrameRange, Plate

LIGHT = colour_of("scene-linear", ColourFacts(""))
PLATE = Plate(20, 10, FrameRange(1001, 1010), "host")
TEXTURE = np.random.default_rng(4).integers(0, 256, (10, 20, 3), np.uint8)


def spool(folder: Path, room_bytes: int = 1 << 20) -> FrameSpool:
    return FrameSpool(folder / "spool", PLATE, lambda: room_bytes)


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


@pytest.mark.parametrize("sample", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_raw_pixels_of_every_kind_become_the_picture(tmp_path: Path, sample: str, channels: int) -> None:
    full = np.dstack([TEXTURE, TEXTURE[..., :1]])[..., :channels].astype(np.float64)
    pixels = (full * {"uint8": 1, "uint16": 257}.get(sample, 1 / 255)).astype(sample)
    uploads = spool(tmp_path)
    uploads.put(1001, PixelLayout(20, 10, channels, sample, "sRGB"), pixels.tobytes())
    with UploadedPlate(tmp_path / "spool", PLATE) as plate:
        expected = TEXTURE if channels > 1 else np.repeat(TEXTURE[..., :1], 3, 2)
        assert np.array_equal(plate.picture(1001), expected)
        assert plate.frames == PLATE.frames
        assert plate.size == (20, 10)


def test_floats_are_light_unless_said_otherwise(tmp_path: Path) -> None:
    pixels = (TEXTURE / 255).astype(np.float16)
    spool(tmp_path).put(1002, PixelLayout(20, 10, 3, "float16"), memoryview(pixels.tobytes()))
    assert np.array_equal(UploadedPlate(tmp_path / "spool", PLATE).picture(1002), to_display(pixels, LIGHT))


def test_image_files_are_decoded_when_read(tmp_path: Path) -> None:
    spool(tmp_path).put_encoded(1001, "shot/plate.1001.PNG", bytearray(png(TEXTURE)))
    assert np.array_equal(UploadedPlate(tmp_path / "spool", PLATE).picture(1001), TEXTURE)


def test_what_comes_later_replaces_what_came_before(tmp_path: Path) -> None:
    uploads, plate = spool(tmp_path), UploadedPlate(tmp_path / "spool", PLATE)
    layout = PixelLayout(20, 10, 3, "uint8")
    uploads.put(1001, layout, TEXTURE.tobytes())
    assert np.array_equal(plate.picture(1001), TEXTURE)
    assert plate.picture(1001) is plate.picture(1001)
    uploads.put_encoded(1001, "a.png", png(255 - TEXTURE))
    assert np.array_equal(plate.picture(1001), 255 - TEXTURE)
    uploads.put(1001, layout, TEXTURE.tobytes())
    assert np.array_equal(plate.picture(1001), TEXTURE)
    assert len(list((tmp_path / "spool").iterdir())) == 1
    assert uploads.used_bytes == sum(file.stat().st_size for file in (tmp_path / "spool").iterdir())


def test_frames_that_have_not_come_are_missing(tmp_path: Path) -> None:
    plate = UploadedPlate(tmp_path / "spool", PLATE)
    with pytest.raises(FrameMissingError, match="1003 has not been uploaded"):
        plate.picture(1003)
    with pytest.raises(PlateError, match="1011 lies outside the plate, which has 1001-1010"):
        plate.picture(1011)


@pytest.mark.parametrize(
    ("frame", "layout", "size_bytes", "sentence"),
    [
        (1000, PixelLayout(20, 10, 3, "uint8"), 600, "1000 lies outside"),
        (1001, PixelLayout(21, 10, 3, "uint8"), 630, "21x10 pixels, the plate 20x10"),
        (1001, PixelLayout(20, 10, 3, "uint8"), 599, "has 599 bytes where its header asks for 600"),
        (1001, PixelLayout(20, 10, 2, "uint8"), 400, "2 channels of uint8"),
        (1001, PixelLayout(20, 10, 3, "float64"), 4800, "3 channels of float64"),
        (1001, PixelLayout(20, 10, 3, "float16", "ACEScg"), 1200, "'ACEScg' need a plate that was opened with it"),
    ],
)
def test_frames_that_do_not_fit_are_refused_and_leave_nothing(
    tmp_path: Path, frame: int, layout: PixelLayout, size_bytes: int, sentence: str
) -> None:
    with pytest.raises(PlateError, match=sentence):
        spool(tmp_path).put(frame, layout, bytes(size_bytes))
    assert not (tmp_path / "spool").exists()


def test_the_limit_is_kept_and_a_frame_sent_again_does_not_count_twice(tmp_path: Path) -> None:
    uploads = FrameSpool(tmp_path / "spool", PLATE, lambda: 1500 - uploads.used_bytes)
    layout = PixelLayout(20, 10, 3, "uint8")
    uploads.put(1001, layout, TEXTURE.tobytes())
    uploads.put(1002, layout, TEXTURE.tobytes())
    uploads.put(1002, layout, TEXTURE.tobytes())
    with pytest.raises(LimitError, match="upload_limit_bytes"):
        uploads.put(1003, layout, TEXTURE.tobytes())
    with pytest.raises(LimitError):
        uploads.put_encoded(1003, "a.png", png(TEXTURE) * 2)


def test_image_files_are_checked_when_they_are_read(tmp_path: Path) -> None:
    uploads, plate = spool(tmp_path), UploadedPlate(tmp_path / "spool", PLATE)
    uploads.put_encoded(1001, "a.png", png(TEXTURE)[:-40])
    with pytest.raises(FrameDamagedError, match=r"Frame 1001 .* damaged"):
        plate.picture(1001)
    uploads.put_encoded(1002, "a.png", png(TEXTURE[:5]))
    with pytest.raises(FrameDamagedError, match="20x5 pixels, the plate has 20x10"):
        plate.picture(1002)
    with pytest.raises(PlateError, match="no image by its ending"):
        uploads.put_encoded(1003, "../../evil.sh", b"x")


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"a file stands where the folder should")
    with pytest.raises(OutputError, match="cannot be kept"):
        spool(tmp_path).put(1001, PixelLayout(20, 10, 3, "uint8"), TEXTURE.tobytes())
    assert os.listdir(tmp_path) == ["spool"]  # noqa: PTH208 - names


def test_files_of_a_closed_plate_serve_the_next_and_show_nothing_of_the_old(tmp_path: Path) -> None:
    spare = SpareFiles(tmp_path / "spare", 4 << 10)
    layout, room = PixelLayout(20, 10, 3, "uint8"), 1 << 20
    first = FrameSpool(tmp_path / "first", PLATE, lambda: room, spare)
    for frame in range(1001, 1009):
        first.put(frame, layout, TEXTURE.tobytes())
    kept = {file.stat().st_ino for file in (tmp_path / "first").iterdir()}
    first.close()
    assert not (tmp_path / "first").exists()
    assert 1 <= len(list((tmp_path / "spare").iterdir())) <= 5
    second = FrameSpool(tmp_path / "second", PLATE, lambda: room, spare)
    second.put(1001, PixelLayout(20, 10, 1, "uint8"), TEXTURE[..., 0].tobytes())
    second.put(1002, layout, (255 - TEXTURE).tobytes())
    assert {file.stat().st_ino for file in (tmp_path / "second").iterdir()} & kept
    plate = UploadedPlate(tmp_path / "second", PLATE)
    assert np.array_equal(plate.picture(1001), np.repeat(TEXTURE[..., :1], 3, 2))
    assert np.array_equal(plate.picture(1002), 255 - TEXTURE)
    sizes = {file.name: file.stat().st_size for file in (tmp_path / "second").iterdir()}
    assert max(sizes.values()) < 128 + 600 + 1
    assert min(sizes.values()) < 128 + 200 + 1
