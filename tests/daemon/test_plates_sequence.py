"""Which files a path means."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_daemon.errors import FrameMissingError, PlateError
from roto_daemon.plates.sequence import ImageSequence, find_footage, frame_path, frames_in_words
from roto_shapes.shot import FrameRange


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def sequence(path: Path | str) -> ImageSequence:
    found = find_footage(str(path))
    assert isinstance(found, ImageSequence)
    return found


@pytest.mark.parametrize(
    "pattern", ["plate.####.exr", "plate.%04d.exr", "plate.$F4.exr", "plate.@@@@.exr", "plate.#.exr", "plate.%d.exr"]
)
def test_every_common_way_to_write_a_pattern_finds_the_same_frames(tmp_path: Path, pattern: str) -> None:
    touch(tmp_path, "plate.0999.exr", "plate.1000.exr", "plate.1001.exr", "plate.10000.exr", "plate.1001.exr.bak")
    assert sorted(sequence(tmp_path / pattern).files) == [999, 1000, 1001, 10000]


def test_padding_of_another_width_is_another_sequence(tmp_path: Path) -> None:
    touch(tmp_path, "a.001.png", "a.0002.png", "a.00003.png")
    assert list(sequence(tmp_path / "a.####.png").files) == [2]


def test_negative_frames_are_frames(tmp_path: Path) -> None:
    touch(tmp_path, "a.-002.png", "a.0000.png", "a.0001.png")
    assert list(sequence(tmp_path / "a.####.png").files) == [-2, 0, 1]
    assert list(sequence(tmp_path).files) == [-2, 0, 1]


def test_a_minus_that_joins_words_is_no_sign(tmp_path: Path) -> None:
    touch(tmp_path, "shot-1001.png", "shot-1002.png")
    assert list(sequence(tmp_path / "shot-1002.png").files) == [1001, 1002]


def test_one_file_stands_for_the_sequence_around_it(tmp_path: Path) -> None:
    touch(tmp_path, "v2_plate.1001.png", "v2_plate.1003.png", "v3_plate.1001.png", "v2_plate.1001.jpg")
    found = sequence(tmp_path / "v2_plate.1003.png")
    assert sorted(found.files) == [1001, 1003]
    assert found.name == str(tmp_path / "v2_plate.####.png")


def test_a_file_without_a_number_is_a_still(tmp_path: Path) -> None:
    touch(tmp_path, "still.png")
    assert sequence(tmp_path / "still.png").frames == FrameRange(1, 1)
    assert sequence(tmp_path).frames == FrameRange(1, 1)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    touch(tmp_path, "take #1.png", "take #2.png")
    assert sorted(sequence(tmp_path / "take #1.png").files) == [1, 2]


def test_names_with_spaces_and_letters_of_any_script_work(tmp_path: Path) -> None:
    folder = touch(tmp_path / "Szene älter #7 [alt]", "größe 映画 (1).1001.png", "größe 映画 (1).1002.png")
    assert sorted(sequence(folder / "größe 映画 (1).####.png").files) == [1001, 1002]
    assert sorted(sequence(folder).files) == [1001, 1002]


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_names_that_are_no_text_are_refused_or_passed_over(tmp_path: Path) -> None:
    broken = os.fsdecode(b"gr\xfc\xdfe.0007.png")
    touch(tmp_path, broken, "a.0001.png")
    assert list(sequence(tmp_path).files) == [1]
    with pytest.raises(PlateError, match=r"no text in UTF-8") as refusal:
        find_footage(str(tmp_path / broken))
    assert str(refusal.value).isascii()


def test_a_folder_that_cannot_be_listed_is_said_to_be_so(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    with pytest.raises(PlateError, match="cannot be read: Not a directory"):
        find_footage(str(tmp_path / "file" / "a.####.png"))


def test_a_folder_with_one_sequence_is_that_sequence_whatever_else_lies_there(tmp_path: Path) -> None:
    touch(tmp_path, "a.1.png", "a.2.png", "notes.txt", ".DS_Store", "._a.1.png")
    (tmp_path / "old.1.png").mkdir()
    assert sorted(sequence(tmp_path).files) == [1, 2]


def test_a_folder_with_one_movie_is_that_movie(tmp_path: Path) -> None:
    touch(tmp_path, "take.MOV")
    assert find_footage(str(tmp_path)) == tmp_path / "take.MOV"
    assert find_footage(str(tmp_path / "take.MOV")) == tmp_path / "take.MOV"


def test_a_folder_with_several_plates_is_refused_and_they_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.01.png", "a.02.png", "b.01.exr", "take.mp4", "still.png")
    with pytest.raises(PlateError, match=r"more than one plate \(a\.##\.png, b\.##\.exr, still\.png, take\.mp4\)"):
        find_footage(str(tmp_path))
    touch(tmp_path, *(f"x{letter}.png" for letter in "abcdef"))
    with pytest.raises(PlateError, match="and more"):
        find_footage(str(tmp_path))


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", "no image sequence"),
        ("gone.png", "There is no"),
        ("none.####.png", "No file matches"),
        ("gone/none.####.png", "There is no folder"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(tmp_path: Path, path: str, sentence: str) -> None:
    with pytest.raises(PlateError, match=sentence) as refusal:
        find_footage(str(tmp_path / path))
    assert "\n" not in str(refusal.value)


def test_two_files_of_one_frame_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.1.png", "a.01.png")
    with pytest.raises(PlateError, match="both frame 1"):
        find_footage(str(tmp_path / "a.#.png"))


def test_missing_frames_are_named_all_at_once(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a.{frame:04d}.png" for frame in (1, 2, 5, 9, 10)))
    found = sequence(tmp_path)
    assert found.missing(found.frames) == [3, 4, 6, 7, 8]
    with pytest.raises(FrameMissingError, match="lacks frames 3-4, 6-8 of 1-10") as refusal:
        found.require(found.frames)
    assert refusal.value.frame == 3
    with pytest.raises(FrameMissingError, match="Frame 4 of"):
        found.file(4)
    found.require(FrameRange(1, 2))
    assert frames_in_words(range(0, 20, 2)) == "frames 0, 2, 4, 6, 8 and 5 more gaps"
    assert frames_in_words([7]) == "frame 7"


@settings(deadline=None)
@given(
    frames=st.sets(st.integers(-99, 20000), min_size=1, max_size=20),
    signs=st.sampled_from(["####", "%04d", "$F4", "#", "%d", "$F", "######"]),
)
def test_what_a_pattern_writes_it_finds_again(
    frames: set[int], signs: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("sequence")
    pattern = str(folder / f"m v2.{signs}.png")
    touch(folder, *(frame_path(pattern, frame).name for frame in frames))
    assert set(sequence(pattern).files) == frames


def test_a_name_without_a_pattern_cannot_take_frames() -> None:
    with pytest.raises(PlateError, match="put ####"):
        frame_path("out/matte.exr", 7)
