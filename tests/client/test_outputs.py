"""Files of results: named by frame, checked before the work, whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roto_client.errors import BadInputError, OutputFileError
from roto_client.outputs import frame_file, make_ready, require_ending, require_place, write_pieces, write_shapes
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

OUTLINE = (ControlPoint(1, 1), ControlPoint(9, 1), ControlPoint(5, 8))
SHAPE = Shape("hero", (ShapeKeyframe(1001, OUTLINE),), FrameRange(1001, 1002))
ROTO = Roto(Plate(64, 48, FrameRange(1001, 1002)), (SHAPE,))


@pytest.mark.parametrize(
    ("pattern", "frame", "name"),
    [
        ("m.####.exr", 7, "m.0007.exr"),
        ("m.####.exr", 123456, "m.123456.exr"),
        ("m.@@@.exr", 7, "m.007.exr"),
        ("m.%04d.exr", 1001, "m.1001.exr"),
        ("m.%d.exr", 7, "m.7.exr"),
        ("m.$F4.exr", 12, "m.0012.exr"),
        ("m.$F.exr", 12, "m.12.exr"),
        ("m.####.exr", -5, "m.-005.exr"),
        ("sub.###/m_#.png", 3, "sub.###/m_3.png"),
    ],
)
def test_a_pattern_names_the_file_of_a_frame(pattern: str, frame: int, name: str) -> None:
    assert frame_file(pattern, frame) == Path(name)


@pytest.mark.parametrize("pattern", ["m.exr", "m.##.%02d.exr", "####/m.exr"])
def test_a_pattern_must_say_once_where_the_frame_goes(pattern: str) -> None:
    with pytest.raises(BadInputError, match="must say once"):
        frame_file(pattern, 1)


@pytest.mark.parametrize("path", ["a.NK", "b.json", "c.d.nk"])
def test_a_known_ending_is_accepted_in_any_case(path: str) -> None:
    require_ending(path, [".nk", ".json"])


@pytest.mark.parametrize("path", ["a.nkx", "nk", ".nk", "folder/.json", ""])
def test_an_unknown_ending_is_refused(path: str) -> None:
    with pytest.raises(BadInputError, match=r"must end in \.nk or \.json"):
        require_ending(path, [".nk", ".json"])


def test_a_place_in_folders_to_come_is_fine_and_nothing_is_made_yet(tmp_path: Path) -> None:
    require_place(tmp_path / "a" / "b" / "c.nk")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_a_folder_or_inside_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFileError, match="is a folder"):
        require_place(tmp_path)
    with pytest.raises(OutputFileError, match="is no folder"):
        require_place(tmp_path / "file" / "c.nk")


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="no folder is closed to root, nor by mode on Windows"
)
def test_a_place_in_a_closed_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputFileError, match="may not write"):
        require_place(tmp_path / "c.nk")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can make files")
def test_a_folder_in_which_no_file_can_be_made_is_found_before_the_work() -> None:
    for path in ("/proc/c.nk", "/proc/new/c.nk"):
        with pytest.raises(OutputFileError, match="cannot be written"):
            make_ready([path])


def test_folders_are_made_when_the_work_begins(tmp_path: Path) -> None:
    make_ready([tmp_path / "a" / "b" / "c.nk"])
    assert (tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise KeyboardInterrupt

    target = tmp_path / "new" / "f.bin"
    write_pieces(target, [b"one ", b"two"])
    assert target.read_bytes() == b"one two"
    with pytest.raises(KeyboardInterrupt):
        write_pieces(target, broken())
    assert {file: file.read_bytes() for file in target.parent.iterdir()} == {target: b"one two"}


def test_shapes_are_written_in_the_format_of_each_ending(tmp_path: Path) -> None:
    notes = write_shapes(ROTO, [str(tmp_path / "a.json"), str(tmp_path / "a.nk")])
    assert notes == []
    assert '"hero"' in (tmp_path / "a.json").read_text()
    assert "Roto {" in (tmp_path / "a.nk").read_text()


def test_no_file_is_written_unless_every_format_can_be(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be written"):
        write_shapes(ROTO, [str(tmp_path / "a.json"), str(tmp_path / "a.abc")])
    assert list(tmp_path.iterdir()) == []
