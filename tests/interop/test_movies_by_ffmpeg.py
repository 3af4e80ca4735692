"""Movies that `ffmpeg` wrote, whose pictures are their own numbers: every frame asked for is the frame that comes."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from other_programs import ffmpeg, ffprobe

from roto_daemon.plates.reader import PlateReader, open_plate
from roto_shapes.shot import FrameRange, PlatePath

COUNT = 60
BARS, BAR_PX, HEIGHT = 8, 32, 144
"""A frame's number in binary, one upright bar a bit, the lowest on the left."""
LONG_GOP = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "24", "-bf", "3", "-x264-params", "b-adapt=0:scenecut=0")
OPEN_GOP = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "12", "-bf", "3", "-x264-params", "open-gop=1:scenecut=0")
HEVC = ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", "-x265-params", "keyint=20:log-level=none")
XDCAM = ("-c:v", "mpeg2video", "-pix_fmt", "yuv422p", "-g", "12", "-bf", "2", "-b:v", "5M")
PRORES = ("-c:v", "prores_ks", "-profile:v", "3", "-pix_fmt", "yuv422p10le")
DNXHR = ("-c:v", "dnxhd", "-profile:v", "dnxhr_hq", "-pix_fmt", "yuv422p")
DNXHR_10 = ("-c:v", "dnxhd", "-profile:v", "dnxhr_hqx", "-pix_fmt", "yuv422p10le")
DNXHD = ("-vf", "scale=1920:1080:flags=neighbor", "-c:v", "dnxhd", "-b:v", "36M", "-pix_fmt", "yuv422p")


def written(file: Path, *how: str, rate: str = "24000/1001", frames: int = COUNT) -> Path:
    number = f"lum='16+219*mod(floor(N/pow(2,floor(X/{BAR_PX}))),2)':cb=128:cr=128"
    source = f"color=black:s={BARS * BAR_PX}x{HEIGHT}:r={rate},format=yuv420p,geq={number}"
    ffmpeg("-f", "lavfi", "-i", source, "-frames:v", str(frames), *how, file)
    return file


def number(picture: NDArray[np.uint8]) -> int:
    """Return the number that a picture shows, (height, width, channels)."""
    height, width = picture.shape[:2]
    bar_px = width // BARS
    middles = picture[height // 2, bar_px // 2 :: bar_px, 0].astype(int)
    assert (np.abs(middles - 128) > 60).all(), middles
    return int(sum(1 << bit for bit, level in enumerate(middles) if level > 128))


def numbers_by_ffmpeg(file: Path) -> list[int]:
    """Return what the frames show from first to last, as `ffmpeg` decodes the file."""
    raw = ffmpeg("-i", file, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-")
    return [number(picture) for picture in np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, BARS * BAR_PX, 1)]


def shows(reader: PlateReader, expected: Sequence[int]) -> bool:
    """Say whether a reader gives the frames expected in any order: at random, backwards, and on from the start."""
    frames = list(reader.frames)
    picks = random.Random(7).sample(frames, min(25, len(frames)))  # noqa: S311 - a test's order, no secret
    order = [*picks, *frames[:-12:-1], *frames]
    return [number(reader.picture(frame)) for frame in order] == [expected[frame - frames[0]] for frame in order]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mov", PRORES),
        ("a.mov", DNXHR),
        ("a.mxf", DNXHR),
        ("a.mxf", DNXHR_10),
        ("a.mxf", XDCAM),
        ("a.mp4", LONG_GOP),
        ("a.mov", LONG_GOP),
        ("a.mp4", OPEN_GOP),
        ("a.ts", OPEN_GOP),
        ("a.mp4", HEVC),
    ],
)
def test_every_frame_is_the_one_asked_for(tmp_path: Path, name: str, how: tuple[str, ...]) -> None:
    file = written(tmp_path / name, *how)
    with open_plate(PlatePath(str(file), first_frame=1001), cache_bytes=0) as reader:
        assert reader.frames == FrameRange(1001, 1000 + COUNT)
        assert reader.plate.frame_rate == pytest.approx(24000 / 1001, abs=1e-4)
        assert shows(reader, range(COUNT))


@pytest.mark.parametrize("name", ["a.mov", "a.mxf"])
def test_dnxhd_of_broadcast_is_read_by_frame_number(tmp_path: Path, name: str) -> None:
    file = written(tmp_path / name, *DNXHD, frames=14)
    assert ffprobe(file, "stream=codec_name,width,height") == {"codec_name": "dnxhd", "width": "1920", "height": "1080"}
    with open_plate(str(file), cache_bytes=0) as reader:
        assert reader.size == (1920, 1080)
        assert [number(reader.picture(frame)) for frame in (13, 2, 7, 0, 12)] == [13, 2, 7, 0, 12]


@pytest.mark.parametrize("how", [LONG_GOP, OPEN_GOP])
@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov"])
def test_a_movie_cut_within_a_group_has_the_frames_that_ffmpeg_shows(
    tmp_path: Path, name: str, how: tuple[str, ...]
) -> None:
    whole = written(tmp_path / "whole.mp4", *how)
    # Cut without coding again: an edit list hides the frames before the cut, which the decoder still needs.
    ffmpeg("-ss", "0.85", "-i", whole, "-t", "1.2", "-c", "copy", tmp_path / name)
    expected = numbers_by_ffmpeg(tmp_path / name)
    assert expected[0] > 10
    with open_plate(str(tmp_path / name), cache_bytes=0) as reader:
        assert reader.frames == FrameRange(0, len(expected) - 1)
        assert shows(reader, expected)


def test_a_movie_whose_edit_list_ends_it_early_has_no_frames_after_that(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.mov", *LONG_GOP, frames=200)
    content = bytearray(whole.read_bytes())
    # The list's only entry: after its name, version and count comes how long it lasts, in thousandths of a second.
    duration = content.index(b"elst") + 12
    assert struct.unpack_from(">I", content, duration)[0] == pytest.approx(200 * 1001 / 24, abs=50)
    struct.pack_into(">I", content, duration, 700)
    whole.write_bytes(content)
    expected = numbers_by_ffmpeg(whole)
    assert len(expected) < 20
    with open_plate(str(whole), cache_bytes=0) as reader:
        assert reader.frames == FrameRange(0, len(expected) - 1)
        assert shows(reader, expected)


def test_a_movie_with_dropped_frames_counts_those_that_are_there(tmp_path: Path) -> None:
    file = written(tmp_path / "gaps.mp4", *LONG_GOP, "-vf", "select='not(eq(mod(n,5),3))'", "-vsync", "vfr", frames=40)
    expected = numbers_by_ffmpeg(file)
    assert len(expected) == 40
    assert 3 not in expected
    with open_plate(str(file), cache_bytes=0) as reader:
        assert shows(reader, expected)


@pytest.mark.parametrize(
    ("name", "how", "asked", "rate"),
    [
        ("a.mov", PRORES, "23.976", 24000 / 1001),
        ("a.mp4", LONG_GOP, "23.976", 24000 / 1001),
        ("a.mxf", DNXHR, "30000/1001", 30000 / 1001),
        ("a.mov", PRORES, "60000/1001", 60000 / 1001),
        ("a.mp4", LONG_GOP, "48", 48),
        ("a.mov", LONG_GOP, "12.5", 12.5),
    ],
)
def test_a_movie_has_the_rate_that_it_was_written_with(
    tmp_path: Path, name: str, how: tuple[str, ...], asked: str, rate: float
) -> None:
    file = written(tmp_path / name, *how, rate=asked, frames=10)
    with open_plate(str(file)) as reader:
        assert reader.plate.frame_rate == pytest.approx(rate, abs=1e-4)
        assert reader.frames == FrameRange(0, 9)


@pytest.mark.parametrize(
    ("name", "how", "start", "at", "index"),
    [
        ("a.mov", (*PRORES, "-r", "24000/1001"), "01:00:00:00", "01:00:01:00", 24),
        ("a.mov", (*DNXHR, "-r", "25"), "09:59:59:20", "10:00:00:00", 5),
        ("a.mxf", (*DNXHR, "-r", "24000/1001"), "01:00:00:00", "01:00:01:03", 27),
        ("a.mxf", (*XDCAM, "-r", "30000/1001"), "00:58:59;28", "00:59:00;02", 2),
        ("a.mp4", (*LONG_GOP, "-r", "24000/1001"), "10:00:00:00", "10:00:00:07", 7),
        ("a.mov", (*LONG_GOP, "-r", "30000/1001"), "00:59:59;28", "01:00:00;00", 2),
        ("a.mov", (*PRORES, "-r", "60000/1001"), "00:00:59;58", "00:01:00;04", 2),
    ],
)
def test_the_frame_that_bears_a_timecode_gets_the_number_given(
    tmp_path: Path, name: str, how: tuple[str, ...], start: str, at: str, index: int
) -> None:
    file = written(tmp_path / name, *how, "-timecode", start, rate=how[-1], frames=40)
    with open_plate(PlatePath(str(file), first_frame=1001, timecode=at)) as reader:
        assert reader.frames == FrameRange(1001 - index, 1040 - index)
        assert number(reader.picture(1001)) == index
        assert number(reader.picture(1005)) == index + 4


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
@pytest.mark.parametrize("levels", ["tv", "pc"])
def test_colours_are_those_that_went_in_whatever_matrix_and_levels_code_them(
    tmp_path: Path, matrix: str, levels: str
) -> None:
    file = tmp_path / "colour.mov"
    ffmpeg(
        "-f", "lavfi", "-i", "color=c=0xC82850:s=128x72:r=24,format=gbrp", "-frames:v", "3",
        "-vf", f"scale=out_color_matrix={matrix}:out_range={levels},format=yuv444p10le",
        "-c:v", "libx264", "-qp", "0", "-colorspace", matrix, "-color_range", levels, file,
    )  # fmt: skip
    assert ffprobe(file, "stream=color_space,color_range") == {"color_space": matrix, "color_range": levels}
    with open_plate(str(file)) as reader:
        assert np.abs(reader.picture(1).astype(int) - (0xC8, 0x28, 0x50)).max() <= 2


def test_anamorphic_pixels_come_from_the_movie(tmp_path: Path) -> None:
    file = written(tmp_path / "wide.mov", "-vf", "setsar=2", *PRORES, frames=3)
    with open_plate(str(file)) as reader:
        assert reader.plate.pixel_aspect == 2.0
        assert reader.size == (BARS * BAR_PX, HEIGHT)


@pytest.mark.parametrize(
    ("transfer", "primaries", "space"),
    [
        ("smpte2084", "bt2020", "Rec.2100-PQ - Display"),
        ("smpte2084", "smpte432", "ST2084-P3-D65 - Display"),
        ("arib-std-b67", "bt2020", "Rec.2100-HLG - Display"),
        ("bt709", "bt709", "sRGB Encoded Rec.709 (sRGB)"),
    ],
)
@pytest.mark.parametrize(("name", "how"), [("a.mov", PRORES), ("a.mp4", HEVC), ("a.mxf", DNXHR_10)])
def test_what_a_movie_says_of_its_dynamic_range_is_heard(
    tmp_path: Path, name: str, how: tuple[str, ...], transfer: str, primaries: str, space: str
) -> None:
    tags = ("-color_trc", transfer, "-color_primaries", primaries, "-colorspace", "bt2020nc")
    file = written(tmp_path / name, *how, *tags, frames=3)
    with open_plate(str(file)) as reader:
        assert reader.colour.space == space
