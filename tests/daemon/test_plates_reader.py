"""Image sequences as pictures: colours, windows, and what is refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from OpenImageIO import DeepData, ImageOutput, ImageSpec

from roto_daemon.errors import FrameDamagedError, FrameMissingError, PlateError
from roto_daemon.pictures import Picture
from roto_daemon.plates.cache import PictureCache
from roto_daemon.plates.colour import ColourFacts, colour_of
from roto_daemon.plates.display import to_display
from roto_daemon.plates.images import ImageFile
from roto_daemon.plates.reader import ReadLimits, open_plate
from roto_shapes.shot import FrameRange, PlatePath

WIDTH, HEIGHT = 48, 32
LIGHT, SCREEN = (colour_of(name, ColourFacts("")) for name in ("scene-linear", "sRGB"))
TEXTURE = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def write_image(
    path: Path,
    pixels: NDArray[Any],
    sample: str = "uint8",
    windows: tuple[int, int, int, int] | None = None,
    channels: tuple[str, ...] = (),
    attributes: Mapping[str, object] | None = None,
) -> Path:
    """Write an image; `windows` is where its pixels lie and how large the display window is: x, y, width, height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, count = pixels.shape
    spec = ImageSpec(width, height, count, sample)
    if channels:
        spec.channelnames = channels
        spec.alpha_channel = channels.index("A") if "A" in channels else -1
    if windows:
        spec.x, spec.y = windows[:2]
        spec.full_x, spec.full_y = 0, 0
        spec.full_width, spec.full_height = windows[2:]
    for name, value in (attributes or {}).items():
        spec.attribute(name, value)
    output = ImageOutput.create(str(path))
    assert output
    assert output.open(str(path), spec)
    assert output.write_image(np.ascontiguousarray(pixels))
    assert output.close()
    return path


def picture_or_error(path: Path) -> Picture | FrameDamagedError:
    try:
        with open_plate(str(path)) as reader:
            return reader.picture(1)
    except FrameDamagedError as error:
        return error


def linear(level: NDArray[Any]) -> NDArray[np.float32]:
    """Light of a level, 0 to 255: the inverse of the sRGB curve, written from its definition."""
    value = level / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


@pytest.mark.parametrize("ending", ["png", "tif", "dpx", "bmp", "tga"])
def test_integers_are_shown_as_they_are_stored(tmp_path: Path, ending: str) -> None:
    write_image(tmp_path / f"a.1001.{ending}", TEXTURE)
    with open_plate(str(tmp_path / f"a.####.{ending}")) as reader:
        assert reader.size == (WIDTH, HEIGHT)
        assert reader.frames == FrameRange(1001, 1001)
        assert np.array_equal(reader.picture(1001), TEXTURE)
        assert not reader.picture(1001).flags.writeable


def test_sixteen_bits_become_eight_by_rounding(tmp_path: Path) -> None:
    write_image(
        tmp_path / "a.1.png", np.minimum(TEXTURE.astype(np.uint32) * 257 + 100, 65535).astype(np.uint16), "uint16"
    )
    with open_plate(str(tmp_path)) as reader:
        assert np.array_equal(reader.picture(1), TEXTURE)


@pytest.mark.parametrize(("ending", "sample"), [("exr", "half"), ("exr", "float"), ("tif", "float")])
def test_floats_are_light_and_shown_through_the_srgb_curve(tmp_path: Path, ending: str, sample: str) -> None:
    write_image(tmp_path / f"a.1.{ending}", linear(TEXTURE), sample)
    with open_plate(str(tmp_path)) as reader:
        assert np.abs(reader.picture(1).astype(int) - TEXTURE).max() <= 1
        assert reader.plate.colour_space == "Linear Rec.709 (sRGB)"
    with open_plate(PlatePath(str(tmp_path), colour_space="sRGB")) as reader:
        assert np.array_equal(reader.picture(1), np.round(linear(TEXTURE).astype(np.float16) * np.float32(255)))


def test_integers_can_be_said_to_be_light(tmp_path: Path) -> None:
    write_image(tmp_path / "a.1.png", np.round(linear(TEXTURE) * 65535).astype(np.uint16), "uint16")
    with open_plate(PlatePath(str(tmp_path), colour_space="scene-linear")) as reader:
        assert np.abs(reader.picture(1).astype(int) - TEXTURE).max() <= 1


def test_a_colour_space_that_is_not_known_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.1.png", TEXTURE)
    with pytest.raises(PlateError, match=r"'ACEScg2' is not in the OCIO configuration .*: say one of its names"):
        open_plate(PlatePath(str(tmp_path), colour_space="ACEScg2"))


@settings(deadline=None)
@given(value=st.floats(width=32))
def test_any_float_gives_a_level_that_rises_with_light(value: float) -> None:
    shown = to_display(np.full((1, 1, 3), value, np.float32), LIGHT)
    expected = 0.0 if np.isnan(value) else min(max(value, 0.0), 1.0)
    exact = 12.92 * expected if expected <= 0.0031308 else 1.055 * expected ** (1 / 2.4) - 0.055
    assert shown.dtype == np.uint8
    assert abs(int(shown[0, 0, 0]) - exact * 255) <= 0.6


def test_every_level_of_a_screen_comes_back_from_light() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    shown = to_display(linear(levels), LIGHT)
    assert np.array_equal(shown[0, :, 1], levels[0, :, 0])
    assert np.array_equal(to_display(levels, SCREEN)[0, :, 2], levels[0, :, 0])


@pytest.mark.parametrize(
    ("channels", "picked"),
    [
        (("Y",), (0, 0, 0)),
        (("A",), (0, 0, 0)),
        (("Y", "A"), (0, 0, 0)),
        (("A", "B", "G", "R"), (3, 2, 1)),
        (("beauty.R", "beauty.G", "beauty.B", "Z"), (0, 1, 2)),
        (("u", "v"), (0, 0, 0)),
        (("x", "y1", "z1"), (0, 1, 2)),
    ],
)
def test_any_channels_make_a_picture(tmp_path: Path, channels: tuple[str, ...], picked: tuple[int, ...]) -> None:
    pixels = np.stack([np.full((HEIGHT, WIDTH), (index + 1) / 8, np.float16) for index in range(len(channels))], 2)
    write_image(tmp_path / "a.1.exr", pixels, "half", channels=channels)
    with open_plate(PlatePath(str(tmp_path), colour_space="display")) as reader:
        assert reader.picture(1)[5, 5].tolist() == [round((index + 1) / 8 * 255) for index in picked]


def test_colours_under_a_transparent_alpha_are_not_darkened(tmp_path: Path) -> None:
    pixels = np.dstack([TEXTURE, np.full((HEIGHT, WIDTH), 10, np.uint8)])
    write_image(tmp_path / "a.1.png", pixels, attributes={"oiio:UnassociatedAlpha": 1})
    with open_plate(str(tmp_path)) as reader:
        assert np.array_equal(reader.picture(1), TEXTURE)


@pytest.mark.parametrize(("x", "y"), [(-10, 5), (30, -8), (4, 6), (63, 39), (-47, 0)])
def test_pixels_lie_where_the_data_window_says(tmp_path: Path, x: int, y: int) -> None:
    write_image(tmp_path / "a.1.exr", TEXTURE.astype(np.float16) / 255, "half", windows=(x, y, 64, 40))
    with open_plate(PlatePath(str(tmp_path), colour_space="display")) as reader:
        assert reader.size == (64, 40)
        picture = reader.picture(1)
    for row, column in [(0, 0), (5, 0), (6, 4), (20, 35), (39, 63)]:
        inside = 0 <= row - y < HEIGHT and 0 <= column - x < WIDTH
        expected = TEXTURE[row - y, column - x] if inside else (0, 0, 0)
        assert np.abs(picture[row, column].astype(int) - expected).max() <= 1


def test_pixel_aspect_and_rate_come_from_the_header(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.float16)
    write_image(tmp_path / "a.1.exr", pixels, "half", attributes={"PixelAspectRatio": 2.0, "FramesPerSecond": 30.0})
    with open_plate(str(tmp_path)) as reader:
        assert reader.plate.pixel_aspect == 2.0
        assert reader.plate.frame_rate == 30.0


def test_a_gap_costs_the_missing_frame_and_no_other(tmp_path: Path) -> None:
    for frame in (1001, 1002, 1004):
        write_image(tmp_path / f"a.{frame}.png", TEXTURE)
    with open_plate(str(tmp_path)) as reader:
        assert reader.frames == FrameRange(1001, 1004)
        with pytest.raises(FrameMissingError, match=r"Frame 1003 of .*a.####.png is not there") as refusal:
            reader.picture(1003)
        assert refusal.value.frame == 1003
        assert np.array_equal(reader.picture(1004), TEXTURE)
        with pytest.raises(PlateError, match="1005 lies outside the plate, which has 1001-1004"):
            reader.picture(1005)
    with pytest.raises(FrameMissingError, match="frame 1003 of 1003-1003"):
        open_plate(PlatePath(str(tmp_path), FrameRange(1003, 1003)))
    with pytest.raises(PlateError, match="ask for frames inside it"):
        open_plate(PlatePath(str(tmp_path), FrameRange(1000, 1002)))
    with pytest.raises(PlateError, match="for movies alone"):
        open_plate(PlatePath(str(tmp_path), first_frame=1))


def test_a_file_that_vanishes_after_opening_is_a_missing_frame(tmp_path: Path) -> None:
    for frame in (1, 2):
        write_image(tmp_path / f"a.{frame}.png", TEXTURE)
    with open_plate(str(tmp_path)) as reader:
        (tmp_path / "a.2.png").unlink()
        with pytest.raises(FrameMissingError, match="Frame 2"):
            reader.picture(2)


def test_a_frame_of_another_size_is_named_with_both_sizes(tmp_path: Path) -> None:
    write_image(tmp_path / "a.1.png", TEXTURE)
    write_image(tmp_path / "a.2.png", TEXTURE[:-2, :-4])
    sentence = r"Frame 2 .* has 44x30 pixels, the plate 48x32"
    with open_plate(str(tmp_path)) as reader, pytest.raises(FrameDamagedError, match=sentence):
        reader.picture(2)


@pytest.mark.parametrize(
    ("ending", "sample", "attributes"),
    [
        ("png", "uint8", {}),
        ("png", "uint16", {}),
        ("jpg", "uint8", {}),
        ("tif", "uint8", {}),
        ("dpx", "uint8", {}),
        ("exr", "half", {"compression": "zip"}),
        ("exr", "half", {"compression": "piz"}),
        ("exr", "half", {"compression": "none"}),
        ("exr", "float", {"compression": "dwaa"}),
    ],
)
def test_a_truncated_file_is_an_error_or_whole_but_never_garbage(
    tmp_path: Path, ending: str, sample: str, attributes: dict[str, str]
) -> None:
    pixels = {"uint8": TEXTURE, "uint16": TEXTURE.astype(np.uint16) * 257}.get(sample, TEXTURE.astype(np.float32) / 255)
    whole = write_image(tmp_path / f"whole.{ending}", pixels, sample, attributes=attributes)
    with open_plate(str(whole)) as reader:
        expected = reader.picture(1)
    content = whole.read_bytes()
    cuts = [0, 3, *(int(len(content) * share / 10) for share in range(1, 10)), len(content) - 30, len(content) - 4]
    refused = 0
    for cut in cuts:
        path = tmp_path / f"cut.1.{ending}"
        path.write_bytes(content[:cut])
        seen = picture_or_error(path)
        if isinstance(seen, FrameDamagedError):
            refused += 1
            assert seen.frame == 1
            assert "\n" not in str(seen)
        else:
            assert np.array_equal(seen, expected)
    assert refused >= len(cuts) - 1


def test_an_empty_file_and_one_that_is_no_image_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.1.png").write_bytes(b"")
    with pytest.raises(FrameDamagedError, match="is an empty file"):
        open_plate(str(tmp_path))
    (tmp_path / "a.1.png").write_bytes(b"hello, no image here" * 9)
    with pytest.raises(FrameDamagedError, match="is damaged or no image"):
        open_plate(str(tmp_path))
    (tmp_path / "notes.txt").write_bytes(b"hello, no image here" * 9)
    with pytest.raises(FrameDamagedError, match="is damaged or no image"):
        open_plate(str(tmp_path / "notes.txt"))


def test_a_header_of_a_hundred_thousand_pixels_a_side_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100000, 100000, 8, 2, 0, 0, 0)
    file = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )
    (tmp_path / "a.1.png").write_bytes(file)
    with pytest.raises(FrameDamagedError) as refusal:
        open_plate(str(tmp_path))
    assert "\n" not in str(refusal.value)


def test_an_image_over_the_limit_of_pixels_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.1.png", TEXTURE)
    with pytest.raises(FrameDamagedError, match="announces 48x32 pixels, more than the limit of 1000"):
        open_plate(str(tmp_path), ReadLimits(1000))


def test_deep_images_are_refused(tmp_path: Path) -> None:
    spec = ImageSpec(4, 4, 5, "half")
    spec.channelnames = ("R", "G", "B", "A", "Z")
    spec.deep = True
    output = ImageOutput.create(str(tmp_path / "a.1.exr"))
    assert output
    assert output.open(str(tmp_path / "a.1.exr"), spec)
    deep = DeepData()
    deep.init(spec)
    assert output.write_deep_image(deep)
    assert output.close()
    with pytest.raises(FrameDamagedError, match="deep samples"):
        open_plate(str(tmp_path))


def test_what_cannot_be_opened_at_all_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(FrameDamagedError, match=r"Frame 7 .* cannot be read: "):
        ImageFile(tmp_path, 7)


def test_names_with_spaces_and_letters_of_any_script_are_read(tmp_path: Path) -> None:
    path = write_image(tmp_path / "Szene älter" / "größe 映画.0007.png", TEXTURE)
    with open_plate(str(path)) as reader:
        assert np.array_equal(reader.picture(7), TEXTURE)


def test_the_cache_holds_what_was_used_last_within_its_bytes() -> None:
    cache = PictureCache(300)
    pictures = {frame: np.full((10, 10, 1), frame, np.uint8) for frame in range(5)}
    for frame in (0, 1, 2):
        cache.put(frame, pictures[frame])
    assert cache.get(0) is pictures[0]
    cache.put(3, pictures[3])
    assert cache.get(1) is None
    assert cache.get(0) is pictures[0]
    cache.put(4, np.zeros((100, 100, 1), np.uint8))
    assert cache.get(4) is not None
    assert cache.get(0) is None
    cache.clear()
    assert cache.get(4) is None


def test_a_frame_is_decoded_once_while_it_is_held(tmp_path: Path) -> None:
    write_image(tmp_path / "a.1.png", TEXTURE)
    with open_plate(str(tmp_path)) as reader:
        assert reader.picture(1) is reader.picture(1)
    with open_plate(str(tmp_path), cache_bytes=0) as reader:
        first = reader.picture(1)
        reader.picture(1)
        assert np.array_equal(reader.picture(1), first)
