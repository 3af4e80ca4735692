"""Where things are, and which frame is which, whatever was read: windows, pixel aspect, proxies, handles, timecode."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from picture_files import FilePart, write_parts

from roto_daemon.errors import PlateError
from roto_daemon.pictures import Picture
from roto_daemon.plates.reader import PlateReader, open_plate
from roto_daemon.plates.timecode import counted
from roto_shapes.shot import FrameRange, PlatePath

WIDTH, HEIGHT = 480, 270
"""Of the display window."""
PLACE = (301.37, 98.81)
"""Where the blob lies, in pixels of the display window from its top-left corner."""
SPREAD = (17.0, 11.0)


def blob(width: int, height: int, scale: tuple[float, float], corner: tuple[float, float]) -> NDArray[np.float32]:
    """What a camera sees of a soft blob in a window whose corner and pixels are given in full-resolution pixels."""
    rows, columns = np.indices((height, width)) + 0.5
    x, y = corner[0] + columns * scale[0], corner[1] + rows * scale[1]
    level = np.exp(-(((x - PLACE[0]) / SPREAD[0]) ** 2 + ((y - PLACE[1]) / SPREAD[1]) ** 2) / 2)
    return np.repeat(level[..., None], 3, 2).astype(np.float32)


def place_of(picture: Picture) -> tuple[float, float]:
    """The blob's middle, weighed by light."""
    light = picture[..., 0].astype(float)
    rows, columns = np.indices(light.shape) + 0.5
    return float((light * columns).sum() / light.sum()), float((light * rows).sum() / light.sum())


def write_plate(folder: Path, window: tuple[int, int, int, int], shrink: tuple[float, float], aspect: float) -> str:
    """Write a frame, shrunk to whole pixels, whose data window (left, top, width, height) is given in these."""
    left, top, width, height = window
    display = round(WIDTH / shrink[0]), round(HEIGHT / shrink[1])
    scale = WIDTH / display[0], HEIGHT / display[1]
    pixels = blob(width, height, scale, (left * scale[0], top * scale[1]))
    part = FilePart(
        pixels,
        ("R", "G", "B"),
        sample="half",
        window=(left, top, *display),
        attributes={"PixelAspectRatio": aspect},
    )
    write_parts(folder / "plate.1001.exr", [part])
    return str(folder / "plate.####.exr")


@pytest.mark.parametrize(
    ("window", "shrink", "proxy_aspect"),
    [
        ((0, 0, 240, 135), (2, 2), 2.0),
        ((97, 11, 111, 90), (2, 2), 2.0),
        ((-20, -9, 300, 200), (2, 2), 2.0),
        ((0, 0, 480, 135), (1, 2), 1.0),
        ((40, 3, 75, 60), (4, 4), 2.0),
    ],
)
def test_a_proxy_of_anamorphic_pixels_and_any_data_window_lies_where_the_plate_does(
    tmp_path: Path, window: tuple[int, int, int, int], shrink: tuple[float, float], proxy_aspect: float
) -> None:
    plate = write_plate(tmp_path / "full", (180, 20, 250, 190), (1, 1), 2.0)
    proxy = write_plate(tmp_path / "proxy", window, shrink, proxy_aspect)
    for source in (PlatePath(plate, colour_space="sRGB"), PlatePath(plate, colour_space="sRGB", proxy=proxy)):
        with open_plate(source) as reader:
            assert reader.size == (WIDTH, HEIGHT)
            assert reader.plate.pixel_aspect == 2.0
            assert reader.plate.name == plate
            seen = place_of(reader.picture(1001))
        assert np.hypot(seen[0] - PLACE[0], seen[1] - PLACE[1]) < 0.01


def test_a_proxy_of_another_picture_is_refused(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "full", (0, 0, WIDTH, HEIGHT), (1, 1), 2.0)
    square = write_plate(tmp_path / "proxy", (0, 0, 240, 135), (2, 2), 1.0)
    with pytest.raises(PlateError, match="has 240x135 pixels, which is another picture than the plate's 480x270"):
        open_plate(PlatePath(plate, proxy=square))
    with pytest.raises(PlateError, match="There is no"):
        open_plate(PlatePath(plate, proxy=str(tmp_path / "none.exr")))


def number_of(reader: PlateReader, frame: int) -> int:
    """The number that `numbered` has put into a frame."""
    return round(float(reader.picture(frame).mean()) / 4)


def numbered(index: int) -> Picture:
    return np.full((144, 256, 3), index * 4, np.uint8)


def write_movie(path: Path, timecode: str = "", rate: Fraction = Fraction(24), count: int = 30) -> str:
    codec, pix_fmt = ("dnxhd", "yuv422p") if path.suffix == ".mxf" else ("libx264", "yuv420p")
    options = {"profile": "dnxhr_hq"} if codec == "dnxhd" else {"bf": "3", "g": "12"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 256, 144, pix_fmt
        if timecode:
            stream.metadata["timecode"] = container.metadata["timecode"] = timecode
        for index in range(count):
            container.mux(stream.encode(VideoFrame.from_ndarray(numbered(index), format="rgb24")))
        container.mux(stream.encode(None))
    return str(path)


def write_images(folder: Path, frames: FrameRange) -> str:
    for frame in frames:
        pixels = (numbered(frame - 1001) / np.float32(255)).astype(np.float32)
        write_parts(folder / f"p.{frame}.png", [FilePart(pixels, ("R", "G", "B"), sample="uint8")])
    return str(folder / "p.%04d.png")


def test_a_movie_is_a_proxy_of_images_frame_by_frame(tmp_path: Path) -> None:
    plate = write_images(tmp_path / "images", FrameRange(1001, 1004))
    source = PlatePath(plate, FrameRange(1003, 1004), proxy=write_movie(tmp_path / "proxy.mp4"))
    with open_plate(source) as reader:
        assert reader.frames == FrameRange(1003, 1004)
        assert [number_of(reader, frame) for frame in (1004, 1003)] == [3, 2]


@pytest.mark.parametrize(
    ("wanted", "handles", "expected"),
    [((1005, 1006), 2, (1003, 1008)), ((1002, 1009), 8, (1001, 1010)), ((1001, 1010), 0, (1001, 1010))],
)
def test_handles_widen_the_frames_as_far_as_there_are(
    tmp_path: Path, wanted: tuple[int, int], handles: int, expected: tuple[int, int]
) -> None:
    images = write_images(tmp_path / "images", FrameRange(1001, 1010))
    movie = write_movie(tmp_path / "m.mp4", count=10)
    for source in (
        PlatePath(images, FrameRange(*wanted), handles=handles),
        PlatePath(movie, FrameRange(*wanted), first_frame=1001, handles=handles),
    ):
        with open_plate(source) as reader:
            assert reader.frames == FrameRange(*expected)
            assert number_of(reader, expected[0]) == expected[0] - 1001
            assert number_of(reader, expected[1]) == expected[1] - 1001


def test_handles_of_a_whole_plate_are_refused(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images", FrameRange(1001, 1002))
    with pytest.raises(PlateError, match="8 handles stand round frames that are asked for"):
        open_plate(PlatePath(images, handles=8))
    with pytest.raises(PlateError, match="ask for frames inside it"):
        open_plate(PlatePath(images, FrameRange(1000, 1002), handles=8))


@pytest.mark.parametrize("ending", [".mov", ".mp4", ".mxf"])
def test_a_timecode_says_which_frame_is_which(tmp_path: Path, ending: str) -> None:
    movie = write_movie(tmp_path / f"m{ending}", "01:00:00:05", Fraction(25) if ending == ".mxf" else Fraction(24))
    with open_plate(PlatePath(movie, first_frame=1001, timecode="01:00:00:13")) as reader:
        assert reader.frames == FrameRange(993, 1022)
        assert [number_of(reader, frame) for frame in (1001, 993, 1022)] == [8, 0, 29]
    with open_plate(
        PlatePath(movie, FrameRange(90017, 90018) if ending == ".mxf" else None, 0, timecode="00:00:00:00")
    ) as reader:
        start = 3600 * (25 if ending == ".mxf" else 24) + 5
        assert number_of(reader, start + 12) == 12


def test_drop_frame_timecode_keeps_to_the_clock(tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "m.mov", "00:00:59;20", Fraction(30000, 1001))
    with open_plate(PlatePath(movie, first_frame=1001, timecode="00:01:00;02")) as reader:
        assert [number_of(reader, frame) for frame in (1001, 1000, 991)] == [10, 9, 0]


def test_a_movie_without_timecode_cannot_be_numbered_by_it(tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "m.mp4")
    with pytest.raises(PlateError, match="holds no timecode: number its frames by --first-frame alone"):
        open_plate(PlatePath(movie, timecode="01:00:00:00"))
    images = write_images(tmp_path / "images", FrameRange(1001, 1002))
    with pytest.raises(PlateError, match="for movies alone"):
        open_plate(PlatePath(images, timecode="01:00:00:00"))


@pytest.mark.parametrize(
    "text", ["1:2:3", "01:00:00:24", "01:60:00:00", "aa:00:00:00", "01:00:00;10", "", "-1:00:00:00"]
)
def test_what_is_no_timecode_is_refused(text: str) -> None:
    with pytest.raises(PlateError, match=r"is no timecode|is drop-frame"):
        counted(text, 24)


def test_drop_frame_timecode_counts_by_the_standards_table() -> None:
    known = {
        "00:00:59;29": 1799,
        "00:01:00;02": 1800,
        "00:09:59;29": 17981,
        "00:10:00;00": 17982,
        "01:00:00;00": 107892,
        "23:59:59;29": 2589407,
    }
    assert {text: counted(text, 30000 / 1001) for text in known} == known
    assert counted("00:01:00;04", 60000 / 1001) == 3600


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 23))
def test_timecode_counts_frames_since_midnight(hours: int, minutes: int, seconds: int, frames: int) -> None:
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}"
    assert counted(text, 24000 / 1001) == ((hours * 60 + minutes) * 60 + seconds) * 24 + frames
