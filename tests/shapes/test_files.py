from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from roto_shapes.files import whole_file, write_whole

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_with_what_was_written(tmp_path: Path) -> None:
    write_whole(tmp_path / "shapes.json", b"one")
    write_whole(str(tmp_path / "shapes.json"), b"two")
    assert (tmp_path / "shapes.json").read_bytes() == b"two"
    assert names_in(tmp_path) == ["shapes.json"]


def test_until_the_block_ends_the_old_file_stands(tmp_path: Path) -> None:
    path = tmp_path / "preview.mp4"
    path.write_bytes(b"old")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "shapes.nk"
    path.write_bytes(b"old")
    with pytest.raises(error), whole_file(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["shapes.nk"]


def test_a_file_that_the_block_closed_itself_is_a_failure_without_leftovers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="closed"), whole_file(tmp_path / "a.bin") as file:
        file.close()
    assert names_in(tmp_path) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder '.*gone'; create it first"):
        write_whole(tmp_path / "gone" / "shapes.json", b"")


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        write_whole(tmp_path, b"")


@pytest.mark.skipif(not Path(os.devnull).is_char_device(), reason="no device file here")
def test_a_device_is_not_replaced() -> None:
    with pytest.raises(OSError, match="no ordinary file"):
        write_whole(os.devnull, b"")
    assert Path(os.devnull).is_char_device()


@posix_only
def test_a_new_file_has_the_permissions_of_the_users_other_files(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@posix_only
def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "shared.json"
    path.write_bytes(b"")
    path.chmod(0o664)
    write_whole(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


@posix_only
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "latest.json").symlink_to(tmp_path / "store" / "v7.json")
    write_whole(tmp_path / "latest.json", b"new")
    assert (tmp_path / "latest.json").is_symlink()
    assert (tmp_path / "store" / "v7.json").read_bytes() == b"new"


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".json")
    write_whole(path, b"x")
    assert path.read_bytes() == b"x"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a folder that refuses new files even to root")
def test_a_folder_that_takes_no_files_is_told_in_a_sentence() -> None:
    with pytest.raises(OSError, match=r"'/proc/shapes.json' cannot be written: .*; check the folder's permissions"):
        write_whole("/proc/shapes.json", b"")


def test_a_place_that_was_taken_meanwhile_is_told_and_tidied(tmp_path: Path) -> None:
    path = tmp_path / "shapes.json"
    with pytest.raises(OSError, match="cannot be replaced"), whole_file(path):
        path.mkdir()
        (path / "inside").write_bytes(b"")
    assert names_in(tmp_path) == ["shapes.json"]
