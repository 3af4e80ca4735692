"""Layers, parts and channels: what of a file is shown; and frames that are not like the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from picture_files import FilePart, write_parts

from roto_daemon.errors import FrameDamagedError, FrameMissingError, PlateError
from roto_daemon.plates.reader import ReadLimits, open_plate
from roto_shapes.shot import PlatePath

SIZE = (24, 40)


def flat(*levels: int) -> NDArray[np.float32]:
    """Pixels of one colour, given in levels of 255."""
    return np.full((*SIZE, len(levels)), np.array(levels) / 255, np.float32)


def seen(path: Path, layer: str = "") -> list[int]:
    with open_plate(PlatePath(str(path), colour_space="sRGB", layer=layer)) as reader:
        picture = reader.picture(reader.frames.first)
        assert (picture == picture[0, 0]).all()
        return [int(level) for level in picture[0, 0]]


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """As renderers write them: a part a layer, the picture not first."""
    return write_parts(
        tmp_path / "render.1001.exr",
        [
            FilePart(flat(200), ("Z",), "depth", "float"),
            FilePart(flat(1, 2, 3), ("diffuse.R", "diffuse.G", "diffuse.B"), "diffuse"),
            FilePart(flat(10, 20, 30, 255), ("R", "G", "B", "A"), "beauty"),
            FilePart(flat(50, 60, 70), ("x", "y", "z"), "N"),
        ],
    )


@pytest.mark.parametrize(
    ("layer", "colour"),
    [
        ("", [10, 20, 30]),
        ("beauty", [10, 20, 30]),
        ("diffuse", [1, 2, 3]),
        ("depth", [200] * 3),
        ("Z", [200] * 3),
        ("depth.Z", [200] * 3),
        ("N", [50, 60, 70]),
        ("z,y,x", [70, 60, 50]),
        ("N.x, N.y, N.z", [50, 60, 70]),
        ("diffuse.G", [2, 2, 2]),
        ("A", [255] * 3),
    ],
)
def test_a_part_a_layer_and_channels_are_shown_by_name(parts: Path, layer: str, colour: list[int]) -> None:
    assert seen(parts, layer) == colour


@pytest.mark.parametrize(
    ("layer", "colour"),
    [("", [7, 8, 9]), ("a", [1, 2, 3]), ("key", [4, 5, 6]), ("one", [11] * 3), ("motion", [13] * 3)],
)
def test_layers_of_a_single_part_are_shown_by_name(tmp_path: Path, layer: str, colour: list[int]) -> None:
    channels = ("a.R", "a.G", "a.B", "key.red", "key.green", "key.blue", "R", "G", "B", "one.Y", "motion.u", "motion.v")
    levels = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14)
    path = write_parts(tmp_path / "a.1.exr", [FilePart(flat(*levels), channels, sample="float")])
    assert seen(path, layer) == colour


def test_colours_are_never_mixed_from_two_layers(tmp_path: Path) -> None:
    channels = ("a.G", "a.B", "b.R", "b.G", "b.B", "a.Z")
    path = write_parts(tmp_path / "a.1.exr", [FilePart(flat(1, 2, 3, 4, 5, 6), channels)])
    assert seen(path) == [3, 4, 5]


@pytest.mark.parametrize("sample", ["half", "float"])
@pytest.mark.parametrize("compression", ["none", "zips", "zip", "piz", "pxr24", "dwaa", "b44"])
@pytest.mark.parametrize("tile", [0, 16])
def test_scanlines_and_tiles_of_any_compression_are_read(
    tmp_path: Path, sample: str, compression: str, tile: int
) -> None:
    attributes = {"compression": compression}
    part = FilePart(flat(10, 20, 30), ("R", "G", "B"), sample=sample, tile=tile, attributes=attributes)
    assert seen(write_parts(tmp_path / "a.1.exr", [part])) == [10, 20, 30]


def test_a_layer_that_is_not_there_is_refused_with_those_that_are(parts: Path) -> None:
    with pytest.raises(FrameDamagedError, match=r"no layer or channel 'specular': it holds depth\.Z, diffuse\.R, "):
        seen(parts, "specular")
    with pytest.raises(FrameDamagedError, match="no layer or channel 'R,Z'"):
        seen(parts, "R,Z")


def test_many_layers_are_not_all_listed(tmp_path: Path) -> None:
    channels = tuple(f"c{number:02d}.Z" for number in range(40))
    path = write_parts(tmp_path / "a.1.exr", [FilePart(flat(*range(40)), channels)])
    with pytest.raises(FrameDamagedError, match=r"c11\.Z and 28 more"):
        seen(path, "x")
    assert seen(path, "c01.Z,c39.Z,c20.Z") == [1, 39, 20]


def test_a_layer_of_a_movie_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mov").write_bytes(b"x")
    with pytest.raises(PlateError, match="images alone"):
        open_plate(PlatePath(str(tmp_path / "a.mov"), layer="diffuse"))


def write_shot(folder: Path) -> None:
    """Frames 1001 to 1004, each of its own level."""
    for frame in range(1001, 1005):
        write_parts(folder / f"shot ä.{frame}.exr", [FilePart(flat(*[frame - 1000] * 3), ("R", "G", "B"))])


def what_is_read(folder: Path, source: PlatePath | None = None) -> dict[int, int | str]:
    """The level of each frame, or its error."""
    found: dict[int, int | str] = {}
    with open_plate(source or PlatePath(str(folder), colour_space="sRGB")) as reader:
        for frame in reader.frames:
            try:
                found[frame] = int(reader.picture(frame)[0, 0, 0])
            except (FrameMissingError, FrameDamagedError) as error:
                found[error.frame] = str(error)
    return found


@pytest.mark.parametrize("bad", [1001, 1003, 1004])
@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("empty", "is an empty file"),
        ("cut", "is damaged or no image"),
        ("no image", "is damaged or no image"),
        ("outside", "no pixel inside its display window"),
        ("huge", "announces 100000x100000 pixels"),
        ("link that leads nowhere", "is not there"),
    ],
)
def test_a_bad_frame_costs_itself_alone_even_when_it_is_the_first(
    tmp_path: Path, bad: int, what: str, sentence: str
) -> None:
    write_shot(tmp_path)
    file = tmp_path / f"shot ä.{bad}.exr"
    content = file.read_bytes()
    if what == "outside":
        write_parts(file, [FilePart(flat(9, 9, 9), ("R", "G", "B"), window=(500, 0, 40, 24))])
    elif what == "huge":
        write_parts(file, [FilePart(flat(9, 9, 9), ("R", "G", "B"), window=(0, 0, 100_000, 100_000))])
    elif what == "link that leads nowhere":
        file.unlink()
        file.symlink_to(tmp_path / "gone.exr")
    else:
        file.write_bytes({"empty": b"", "cut": content[:60], "no image": b"no image" * 40}[what])
    found = what_is_read(tmp_path)
    assert sentence in str(found.pop(bad))
    assert found == {frame: frame - 1000 for frame in range(1001, 1005) if frame != bad}


def test_a_frame_without_the_channels_of_the_others_is_refused(tmp_path: Path) -> None:
    write_shot(tmp_path)
    write_parts(tmp_path / "shot ä.1002.exr", [FilePart(flat(9), ("Z",))])
    found = what_is_read(tmp_path)
    assert "lacks R, G, B, which the plate shows: it holds Z" in str(found.pop(1002))
    assert found == {1001: 1, 1003: 3, 1004: 4}


def test_a_frame_that_is_grey_where_others_have_colours_is_shown(tmp_path: Path) -> None:
    write_shot(tmp_path)
    write_parts(tmp_path / "shot ä.1002.exr", [FilePart(flat(9), ("Y",))])
    assert what_is_read(tmp_path) == {1001: 1, 1002: 9, 1003: 3, 1004: 4}


def test_an_image_under_another_formats_ending_is_read_by_what_it_is(tmp_path: Path) -> None:
    path = write_parts(tmp_path / "a.1.png", [FilePart(flat(1, 2, 3), ("R", "G", "B"), sample="uint8")])
    path.rename(tmp_path / "a.1.exr")
    assert seen(tmp_path / "a.1.exr") == [1, 2, 3]


def test_a_link_out_of_the_allowed_folders_is_a_refused_frame(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    write_shot(inside)
    write_shot(outside)
    (inside / "shot ä.1002.exr").unlink()
    (inside / "shot ä.1002.exr").symlink_to(outside / "shot ä.1002.exr")
    (inside / "shot ä.1003.exr").unlink()
    (inside / "shot ä.1003.exr").symlink_to(inside / "shot ä.1004.exr")
    with open_plate(PlatePath(str(inside), colour_space="sRGB"), ReadLimits(roots=(str(inside),))) as reader:
        assert reader.picture(1003)[0, 0, 0] == 4
        with pytest.raises(FrameDamagedError, match=r"Frame 1002 .* leads out of the folders") as refusal:
            reader.picture(1002)
        assert refusal.value.frame == 1002
    (inside / "m.mov").symlink_to(outside / "shot ä.1001.exr")
    with pytest.raises(PlateError, match="leads out of the folders"):
        open_plate(str(inside / "m.mov"), ReadLimits(roots=(str(inside),)))
