"""Movies: every way to a frame leads to the same picture."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from picture_files import FilePart, write_parts

from roto_daemon.errors import FrameDamagedError, PlateError
from roto_daemon.pictures import Picture
from roto_daemon.plates.movie import MovieFile
from roto_daemon.plates.reader import PlateReader, ReadLimits, open_plate
from roto_shapes.shot import FrameRange, PlatePath

COUNT = 50
WIDTH, HEIGHT = 96, 64


def moving(index: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A picture that tells its number: a square moves over a texture that rolls."""
    texture = np.random.default_rng(1).integers(0, 60, (height, width, 3), np.uint8)
    picture = np.roll(texture, index, 1)
    picture[20:40, index : index + 16] = (220, 120, 40)
    return picture


def write_movie(path: Path, codec: str = "libx264", pix_fmt: str = "yuv420p", **options: str) -> Path:
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec, rate=Fraction(24000, 1001), options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        for index in range(COUNT):
            container.mux(stream.encode(VideoFrame.from_ndarray(moving(index), format="rgb24")))
        container.mux(stream.encode(None))
    return path


LONG_GOP = {"g": "20", "keyint_min": "20", "bf": "3", "b-adapt": "0", "sc_threshold": "0"}


@pytest.fixture(scope="module")
def long_gop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_movie(tmp_path_factory.mktemp("movie") / "lang läuft.mp4", **LONG_GOP)


def sequential(path: Path) -> list[Picture]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in container.decode(video=0)]


def picture_or_error(reader: PlateReader, frame: int) -> Picture | FrameDamagedError:
    try:
        return reader.picture(frame)
    except FrameDamagedError as error:
        return error


def agrees(reader: PlateReader, expected: list[Picture], order: Iterator[int] | list[int]) -> bool:
    return all(np.array_equal(reader.picture(index), expected[index]) for index in order)


@pytest.mark.parametrize(
    ("ending", "codec", "options"),
    [
        (".mp4", "libx264", LONG_GOP),
        (".mkv", "libx264", LONG_GOP),
        (".ts", "libx264", LONG_GOP),
        (".avi", "libx264", LONG_GOP),
        (".mp4", "libx264", {"g": "1000"}),
        (".mp4", "libx265", {"g": "20", "x265-params": "log-level=none:open-gop=1:keyint=20:bframes=3"}),
        (".mxf", "mpeg2video", {"g": "12", "bf": "2"}),
        (".mov", "prores_ks", {}),
    ],
)
def test_random_access_gives_the_frames_of_sequential_decoding(
    tmp_path: Path, ending: str, codec: str, options: dict[str, str]
) -> None:
    pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    path = write_movie(tmp_path / f"m{ending}", codec, pix_fmt, **options)
    expected = sequential(path)
    assert len(expected) == COUNT
    picks = random.Random(5).choices(range(COUNT), k=30)  # noqa: S311 - a test's order, no secret
    with open_plate(str(path), cache_bytes=0) as reader:
        assert reader.frames == FrameRange(0, COUNT - 1)
        assert agrees(reader, expected, picks)
        assert agrees(reader, expected, [0, COUNT - 1, 19, 20, 21, 18, COUNT - 1, COUNT - 2, 0])


def test_backwards_gives_the_same_frames_with_a_small_cache_and_a_large_one(long_gop: Path) -> None:
    expected = sequential(long_gop)
    for frames_held in (0, 3, 7, 1000):
        with open_plate(str(long_gop), cache_bytes=frames_held * WIDTH * HEIGHT * 3) as reader:
            assert agrees(reader, expected, list(range(COUNT))[::-1])


def test_frames_count_from_the_first_frame_given(long_gop: Path) -> None:
    expected = sequential(long_gop)
    with open_plate(PlatePath(str(long_gop), FrameRange(1010, 1020), first_frame=1001)) as reader:
        assert reader.frames == FrameRange(1010, 1020)
        assert np.array_equal(reader.picture(1010), expected[9])
        with pytest.raises(PlateError, match="1010-1020"):
            reader.picture(1009)
    with pytest.raises(PlateError, match="1001-1050"):
        open_plate(PlatePath(str(long_gop), FrameRange(1000, 1020), first_frame=1001))


def test_a_movie_says_its_size_and_rate(long_gop: Path) -> None:
    with open_plate(str(long_gop)) as reader:
        assert reader.size == (WIDTH, HEIGHT)
        assert reader.plate.frame_rate == pytest.approx(24000 / 1001)
        assert reader.plate.pixel_aspect == 1
        assert reader.plate.name == str(long_gop)


@pytest.mark.parametrize(("height", "coding"), [(576, "ITU601"), (720, "ITU709")])
def test_colours_without_a_tag_are_those_that_players_show(tmp_path: Path, height: int, coding: str) -> None:
    path = tmp_path / "colour.mp4"
    colour = (200, 40, 60)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv444p"
        frame = VideoFrame.from_ndarray(np.full((height, 64, 3), colour, np.uint8), format="rgb24")
        coded = frame.reformat(format="yuv444p", dst_colorspace=Colorspace[coding], dst_color_range=ColorRange.MPEG)
        coded.colorspace = 2
        container.mux([*stream.encode(coded), *stream.encode(None)])
    with open_plate(str(path)) as reader:
        assert np.abs(reader.picture(0).astype(int) - colour).max() <= 3


@pytest.mark.parametrize("spared", [6, 9, 40])
def test_damage_costs_the_frames_that_depend_on_it_and_no_others(tmp_path: Path, long_gop: Path, spared: int) -> None:
    with av.open(str(long_gop)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        stamps = sorted(packet.pts for packet in packets if packet.pts is not None)
        # A frame that others build on, in the middle of the second group.
        target = next(packet for packet in packets if packet.pts == stamps[28])
        position, size = target.pos, target.size
    assert position is not None
    content = bytearray(long_gop.read_bytes())
    content[position + spared : position + size] = random.Random(1).randbytes(size - spared)  # noqa: S311 - noise
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    expected = sequential(long_gop)
    lost = []
    with open_plate(str(path)) as reader:
        for frame in reader.frames:
            picture = picture_or_error(reader, frame)
            if isinstance(picture, FrameDamagedError):
                assert picture.frame == frame
                lost.append(frame)
            elif frame < 24 or frame >= 40:
                assert np.array_equal(picture, expected[frame])
    assert 28 in lost
    assert 39 in lost
    assert min(lost) >= 20
    assert max(lost) < 40


def test_a_movie_that_is_cut_short_gives_its_frames_and_names_the_lost_ones(tmp_path: Path, long_gop: Path) -> None:
    path = tmp_path / "short.mp4"
    content = long_gop.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.75)])
    expected = sequential(long_gop)
    with open_plate(str(path)) as reader:
        assert reader.frames == FrameRange(0, COUNT - 1)
        assert agrees(reader, expected, [0, 5, 10])
        with pytest.raises(FrameDamagedError, match=r"cut short.*50 frames.*frame 49 is lost"):
            reader.picture(COUNT - 1)
        assert agrees(reader, expected, [4, 3])


def test_backwards_over_damage_still_gives_what_is_whole(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "intra.mov", "mjpeg", "yuvj420p")
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(container.streams.video[0])]
    content = bytearray(path.read_bytes())
    position, size = packets[10]
    assert position is not None
    content[position : position + size] = bytes(size)
    damaged = tmp_path / "damaged.mov"
    damaged.write_bytes(content)
    expected = sequential(path)
    with open_plate(str(damaged)) as reader:
        assert agrees(reader, expected, [13, 12, 11])
        with pytest.raises(FrameDamagedError, match="Frame 10"):
            reader.picture(10)
        assert agrees(reader, expected, [9, 8])


@pytest.mark.parametrize("content", [b"", b"no movie at all" * 50])
def test_what_is_no_movie_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(PlateError, match="cannot be read as a movie") as refusal:
        open_plate(str(path))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("ending", ["exr", "dpx", "tif", "png", "jpg"])
def test_an_image_under_the_name_of_a_movie_is_refused(tmp_path: Path, ending: str) -> None:
    image = write_parts(
        tmp_path / f"a.{ending}", [FilePart(np.full((64, 64, 3), 0.5), ("R", "G", "B"), sample="uint8")]
    )
    with pytest.raises(PlateError, match=r"a\.mov' holds an image, not a movie: give it the ending"):
        open_plate(str(image.rename(tmp_path / "a.mov")))


def test_a_movie_cut_within_its_header_is_refused(tmp_path: Path, long_gop: Path) -> None:
    path = tmp_path / "header.mp4"
    path.write_bytes(long_gop.read_bytes()[:900])
    with pytest.raises(PlateError, match=r"cannot be read|holds no"):
        open_plate(str(path))


def test_a_frame_of_another_size_is_named_with_both_sizes(tmp_path: Path) -> None:
    parts = []
    for width in (WIDTH, WIDTH + 32):
        part = tmp_path / f"{width}.ts"
        with av.open(str(part), "w") as container:
            stream = container.add_stream("libx264", rate=24)
            stream.width, stream.height, stream.pix_fmt = width, HEIGHT, "yuv420p"
            for index in range(5):
                container.mux(stream.encode(VideoFrame.from_ndarray(moving(index, width), format="rgb24")))
            container.mux(stream.encode(None))
        parts.append(part.read_bytes())
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(parts))
    with open_plate(str(path)) as reader:
        assert reader.frames == FrameRange(0, 9)
        assert reader.picture(3).shape == (HEIGHT, WIDTH, 3)
        with pytest.raises(FrameDamagedError, match=r"Frame 7 .* 128x64 pixels, the movie 96x64"):
            reader.picture(7)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        assert isinstance(stream, AudioStream)
        frame = AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(PlateError, match="holds no video"):
        open_plate(str(path))


def test_a_movie_over_the_limit_of_pixels_is_refused(long_gop: Path) -> None:
    with pytest.raises(PlateError, match="96x64 pixels, more than the limit of 6000"):
        open_plate(str(long_gop), ReadLimits(6000))


def test_reading_on_never_seeks(long_gop: Path) -> None:
    movie = MovieFile(long_gop)
    numbers = [number for number, _ in movie.decode(0, 30)]
    before = movie._output
    numbers += [number for number, _ in movie.decode(31, COUNT - 1)]
    assert numbers == list(range(COUNT))
    assert movie._output is before
    movie.close()
