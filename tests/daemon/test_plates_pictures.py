"""Previews and contact sheets, looked at pixel by pixel."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_daemon.errors import FrameDamagedError, OutputError
from roto_daemon.pictures import Matte, Picture
from roto_daemon.plates.matte_files import write_cryptomatte, write_layers, write_matte
from roto_daemon.plates.matte_store import MatteStore
from roto_daemon.plates.overlay import CUT, OUTLINE, OUTSIDE, View, draw_editable, draw_outline, tint
from roto_daemon.plates.preview import PreviewWriter
from roto_daemon.plates.reader import open_plate
from roto_daemon.plates.sheet import SheetFacts, contact_sheet, spread, write_sheet
from roto_daemon.plates.spool import FrameSpool, PixelLayout
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate, PlatePath

GREY = 90


def square(name: str, *keys: tuple[int, float], size: float = 40, top: float = 20, invert: bool = False) -> Shape:
    """A square whose left edge lies at the x of each key."""
    corners = ((0, 0), (size, 0), (size, size), (0, size))
    keyframes = tuple(
        ShapeKeyframe(frame, tuple(ControlPoint(left + x, top + y, -6, 3, 6, 3) for x, y in corners))
        for frame, left in keys
    )
    return Shape(name, keyframes, FrameRange(keys[0][0], keys[-1][0]), invert=invert)


def roto(width: int = 160, height: int = 90) -> Roto:
    plate = Plate(width, height, FrameRange(1001, 1010), "shots/plate ä.####.exr")
    return Roto(
        plate,
        (
            square("a", (1001, 20.0), (1010, 60.0)),
            square("b", (1001, 30.0), (1005, 30.0), size=10, top=30, invert=True),
        ),
    )


class GreyPlate:
    """Grey frames; 1004 is damaged."""

    def picture(self, frame: int) -> Picture:
        if frame == 1004:
            raise FrameDamagedError("Frame 1004 is damaged: copy it again.", frame)
        return np.full((90, 160, 3), GREY, np.uint8)


def matte_of(frame: int) -> Matte | None:
    if frame == 1003:
        return None
    matte = np.zeros((90, 160), np.float32)
    matte[20:60, 20:60] = 1
    return matte


@contextlib.contextmanager
def limited_files(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def count(image: Picture, colour: tuple[int, int, int], within: int = 12) -> int:
    return int((np.abs(image.astype(int) - colour).max(axis=2) <= within).sum())


@settings(deadline=None)
@given(
    left=st.floats(-50, 50),
    top=st.floats(-50, 50),
    scale=st.floats(0.2, 6),
    x=st.integers(0, 39),
    y=st.integers(0, 29),
)
def test_points_are_drawn_on_the_pixel_that_they_mark(left: float, top: float, scale: float, x: int, y: int) -> None:
    view = View(left, top, scale, scale, 200, 150)
    centre = view.place(np.array([[x + 0.5, y + 0.5]]))[0] / 16
    plate = np.zeros((30, 40, 3), np.uint8)
    plate[y, x] = 255
    shown = view.show(plate, (0, 0, 0))[..., 0].astype(float)
    if not (6 * scale < centre[0] < 200 - 6 * scale and 6 * scale < centre[1] < 150 - 6 * scale) or shown.sum() < 60:
        return
    rows, columns = np.mgrid[0:150, 0:200]
    seen = (shown * columns).sum() / shown.sum(), (shown * rows).sum() / shown.sum()
    assert np.hypot(seen[0] - centre[0], seen[1] - centre[1]) < (0.15 if scale > 1 else 0.5)


def test_a_view_past_the_plate_shows_that_there_is_nothing() -> None:
    shown = View(-20, -20, 2, 2, 120, 100).show(np.full((20, 30, 3), GREY, np.uint8))
    assert shown.shape == (100, 120, 3)
    assert tuple(shown[5, 5]) == OUTSIDE
    assert tuple(shown[60, 60]) == (GREY, GREY, GREY)


def test_the_tint_covers_the_matte_and_nothing_else() -> None:
    picture = np.full((90, 160, 3), GREY, np.uint8)
    matte = np.zeros((90, 160), np.float32)
    tint(picture, matte)
    assert (picture == GREY).all()
    matte[10:20, 30:50] = 1
    matte[20, 30:50] = 0.5
    tint(picture, matte)
    changed = (picture != GREY).any(axis=2)
    assert np.array_equal(changed, matte > 0)
    assert picture[15, 40, 0] > picture[20, 40, 0] > GREY


def test_outlines_lie_on_the_shape_and_cutting_ones_look_different() -> None:
    image = np.full((90, 160, 3), GREY, np.uint8)
    for shape in (square("a", (1, 20.0)), square("b", (1, 90.0), invert=True)):
        draw_outline(image, View.whole(160, 90), shape, shape.keyframes[0].points)
    assert count(image[:, :80], OUTLINE) > 40
    assert count(image[:, :80], CUT) == 0
    assert count(image[:, 80:], CUT) > 40
    touched = np.argwhere((image != GREY).any(axis=2))
    assert touched.min(axis=0).tolist() >= [16, 16]
    assert touched.max(axis=0).tolist() <= [66, 134]


def test_points_of_a_keyframe_are_filled_and_those_in_between_are_rings() -> None:
    shape = square("a", (1, 20.0))
    view = View.whole(160, 90)
    drawn = {}
    for keyed in (True, False):
        image = np.full((90, 160, 3), GREY, np.uint8)
        draw_editable(image, view, shape, shape.keyframes[0].points, keyed=keyed)
        drawn[keyed] = [tuple(image[y - 1, x - 1]) for x, y in ((20, 20), (60, 20), (60, 60), (20, 60))]
    assert all(np.abs(np.array(colour) - OUTLINE).max() < 30 for colour in drawn[True])
    assert all(max(colour) < 60 for colour in drawn[False])


@pytest.mark.parametrize(("width", "height"), [(160, 90), (161, 91)])
def test_a_preview_plays_and_shows_matte_and_outline(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "preview größe.mp4"
    shapes = roto(width, height)
    with PreviewWriter(path, shapes.plate) as preview:
        assert not path.exists()
        for frame in range(1001, 1006):
            matte = np.zeros((height, width), np.float32)
            matte[22:58, 70:100] = 1
            preview.add(frame, np.full((height, width, 3), GREY, np.uint8), matte if frame > 1001 else None, shapes)
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208 - names
    with open_plate(PlatePath(str(path), first_frame=1001)) as reader:
        assert reader.size == (width + width % 2, height + height % 2)
        assert reader.frames == FrameRange(1001, 1005)
        assert reader.plate.frame_rate == 24
        picture = reader.picture(1005)
        assert np.abs(picture[80:, 110:].astype(int) - GREY).max() < 8
        assert picture[40, 85, 0] > GREY + 40
        assert np.abs(reader.picture(1001)[40, 85].astype(int) - GREY).max() < 8
        assert np.abs(picture[19:22, 45:60].astype(int) - GREY).max() > 40


@pytest.mark.parametrize(("width", "height"), [(160, 90), (161, 91), (854, 480), (1828, 400)])
def test_a_prores_preview_has_the_plate_and_its_matte_as_alpha(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "preview.mov"
    facts = Plate(width, height, FrameRange(1001, 1003), pixel_aspect=2.0, frame_rate=24000 / 1001)
    across = np.linspace(0, 1, width, dtype=np.float32)
    matte = np.ascontiguousarray(np.broadcast_to(across, (height, width)))
    picture = np.full((height, width, 3), (200, 100, 50), np.uint8)
    with PreviewWriter(path, facts, {"engine": "classic", "weights": "none"}) as preview:
        for frame in facts.frames:
            preview.add(frame, picture, matte if frame > 1001 else None, roto(width, height))
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.codec_tag) == ("prores", "ap4h")
        assert (stream.width, stream.height) == (width, height)
        assert stream.sample_aspect_ratio == 2
        assert stream.average_rate == Fraction(24000, 1001)
        assert json.loads(movie.metadata["comment"])["rotolink"]["engine"] == "classic"
        first, *others = [decoded.to_ndarray(format="rgba64le") for decoded in movie.decode(video=0)]
    assert first[..., 3].max() == 0
    assert len(others) == 2
    for decoded in others:
        assert np.abs(decoded[..., 3] / 65535 - matte).max() < 2 / 1023
        assert np.abs(decoded[..., :3] / 257 - picture).max() < 4


def test_a_preview_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "preview.mp4"
    path.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), PreviewWriter(path, roto().plate) as preview:
        preview.add(1001, np.full((90, 160, 3), GREY, np.uint8), None, roto())
        raise ZeroDivisionError
    with pytest.raises(OutputError, match="no frames"), PreviewWriter(path, roto().plate):
        pass
    with (
        pytest.raises(OutputError, match="there is no folder"),
        PreviewWriter(tmp_path / "gone" / "p.mp4", roto().plate),
    ):
        pass
    with pytest.raises(OutputError, match=r"ends in \.mp4"):
        PreviewWriter(tmp_path / "preview.gif", roto().plate)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["preview.mp4"]  # noqa: PTH208 - names


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited there")
def write_any(file: Path, kind: str) -> None:
    """Write a small file of a kind, as small as those of clean mattes are."""
    matte = np.zeros((90, 160), np.float32)
    matte[20:50, 30:90] = 1
    if kind == "layers":
        write_layers(file, {"a": matte, "b": matte}, 1, {})
    elif kind == "cryptomatte":
        write_cryptomatte(file, {"a": matte, "b": matte}, 1, {})
    elif kind == "movie":
        with PreviewWriter(file, roto().plate) as preview:
            preview.add(1001, np.full((90, 160, 3), GREY, np.uint8), matte, roto())
    else:
        write_matte(file, matte, 1, {})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("m.exr", "matte"),
        ("m.png", "matte"),
        ("m.tif", "matte"),
        ("l.exr", "layers"),
        ("c.exr", "cryptomatte"),
        ("p.mp4", "movie"),
        ("p.mov", "movie"),
    ],
)
def test_a_disk_without_room_for_the_last_bytes_of_a_file_leaves_none(tmp_path: Path, name: str, kind: str) -> None:
    write_any(tmp_path / name, kind)
    size = (tmp_path / name).stat().st_size
    (tmp_path / name).unlink()
    for room in (0, 1, size // 2, size - 1000, size - 100, size - 1):
        with limited_files(max(room, 0)), pytest.raises(OutputError, match="cannot be written"):
            write_any(tmp_path / name, kind)
        assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_half_file_and_a_clear_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    with limited_files(2000):
        with pytest.raises(OutputError, match="cannot be written"):
            write_layers(tmp_path / "l.exr", {"a": noise.random((90, 160)).astype(np.float32)}, 1, {})
        with pytest.raises(OutputError, match="cannot be written"):
            write_cryptomatte(tmp_path / "c.exr", {"a": noise.random((90, 160)).astype(np.float32)}, 1, {})
        for name in ("m.exr", "m.png", "m.tif"):
            with pytest.raises(OutputError, match="cannot be written"):
                write_matte(tmp_path / name, noise.random((90, 160)).astype(np.float32), 1, {})
        for name in ("p.mp4", "p.mov"):
            with (
                pytest.raises(OutputError, match="cannot be written"),
                PreviewWriter(tmp_path / name, roto().plate) as p,
            ):
                for frame in range(1001, 1005):
                    p.add(frame, noise.integers(0, 255, (90, 160, 3), np.uint8), None, roto())
        with pytest.raises(OutputError, match="cannot be written"):
            write_sheet(tmp_path / "s.png", noise.integers(0, 255, (90, 160, 3), np.uint8))
        spool = FrameSpool(tmp_path / "spool", roto().plate, lambda: 1 << 20)
        with pytest.raises(OutputError, match="cannot be kept"):
            spool.put(1001, PixelLayout(160, 90, 3, "uint8"), bytes(160 * 90 * 3))
        store = MatteStore(tmp_path / "store")
        with pytest.raises(OutputError, match="frame 1001 cannot be kept"):
            store.put(1, 1001, 1.0, noise.random((90, 160)).astype(np.float32))
    assert store.frames(1) == []
    assert [file for file in (tmp_path / "store").rglob("*") if file.is_file()] == []
    assert sorted(os.listdir(tmp_path)) == ["spool", "store"]  # noqa: PTH208 - names
    assert os.listdir(tmp_path / "spool") == []  # noqa: PTH208 - names


def test_spread_takes_the_ends_and_even_steps() -> None:
    assert spread(range(41, 132), 4) == [41, 71, 101, 131]
    assert spread([5, 3, 9], 8) == [3, 5, 9]
    assert spread([7]) == [7]


def test_a_sheet_has_a_card_for_every_frame_and_says_which_cannot_be_read(tmp_path: Path) -> None:
    facts = SheetFacts("Hero " * 30, "", 0.83, {1001: 0.5}, "Credit line")
    frames = [1001, 1003, 1004, 1008]
    sheet = contact_sheet(GreyPlate(), roto(), matte_of, frames, facts)
    fewer = contact_sheet(GreyPlate(), roto(), matte_of, [1001, 1003, 1008], facts)
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert sheet.shape == fewer.shape
    assert count(sheet, (GREY, GREY, GREY), 0) == count(fewer, (GREY, GREY, GREY), 0)
    assert count(sheet, OUTLINE, 0) >= count(fewer, OUTLINE, 0) > 1000
    assert count(fewer, CUT) > 100
    write_sheet(tmp_path / "sheet.png", sheet)
    written = cv2.imread(str(tmp_path / "sheet.png"))
    assert written is not None
    assert np.array_equal(written[..., ::-1], sheet)
    assert not (contact_sheet(GreyPlate(), roto(), matte_of, frames, SheetFacts("Hero")) == sheet).all()


def test_a_sheet_without_shapes_or_mattes_shows_the_whole_plate() -> None:
    bare = Roto(Plate(160, 90, FrameRange(1, 2)))
    sheet = contact_sheet(GreyPlate(), bare, lambda _: None, [1, 2], SheetFacts(""))
    assert count(sheet, (GREY, GREY, GREY), 0) > 100_000


@pytest.mark.parametrize(("size", "width"), [(4.0, 4000), (80.0, 90)])
def test_a_sheet_frames_tiny_and_very_wide_objects(size: float, width: int) -> None:
    plate = Plate(max(width, 160), 90, FrameRange(1, 2), pixel_aspect=2.0)
    corners = ((1, 40), (width - 2, 40), (width - 2, 40 + size), (1, 40 + size))
    shape = Shape("wide", (ShapeKeyframe(1, tuple(ControlPoint(x, y) for x, y in corners)),), FrameRange(1, 2))
    sheet = contact_sheet(GreyPlate(), Roto(plate, (shape,)), lambda _: None, [1, 2], SheetFacts("wide"))
    assert count(sheet, OUTLINE) > 100
    assert max(sheet.shape) < 4000


def test_no_frames_make_no_sheet(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="at least one frame"):
        contact_sheet(GreyPlate(), roto(), matte_of, [], SheetFacts("x"))
    with pytest.raises(OutputError, match="folder"):
        write_sheet(tmp_path / "gone" / "sheet.png", np.zeros((4, 4, 3), np.uint8))
