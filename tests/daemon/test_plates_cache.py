"""The frame cache: what it keeps, what it lets go, and that no stale or half picture comes out of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from picture_files import FilePart, write_parts

from roto_daemon.pictures import Picture
from roto_daemon.plates.cache import PictureCache, SharedPictures, version_of
from roto_daemon.plates.reader import open_plate
from roto_daemon.plates.spool import FrameSpool, PixelLayout
from roto_daemon.plates.uploaded import UploadedPlate
from roto_shapes.shot import FrameRange, Plate, PlatePath

SIZE = 10_000
"""Of a picture, and with its header about that of a file."""


def picture(level: int) -> Picture:
    return np.full((50, 200, 1), level, np.uint8)


def bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def write_frame(path: Path, level: int) -> None:
    pixels = np.full((20, 30, 3), level / 255, np.float32)
    write_parts(path, [FilePart(pixels, ("R", "G", "B"), sample="uint8")])


def test_a_picture_comes_back_as_it_was_to_any_other_reader(tmp_path: Path) -> None:
    SharedPictures(tmp_path, SIZE * 100).put(("a", 1), picture(7))
    other = SharedPictures(tmp_path, SIZE * 100)
    found = other.get(("a", 1))
    assert found is not None
    assert np.array_equal(found, picture(7))
    assert not found.flags.writeable
    assert other.get(("a", 2)) is None


def test_a_folder_stays_within_its_limit_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    limit = SIZE * 40
    shared = SharedPictures(tmp_path, limit)
    for number in range(200):
        shared.put(number, picture(number))
        assert shared.get(min(3, number)) is not None
        assert bytes_in(tmp_path) <= limit
    assert bytes_in(tmp_path) > limit / 2
    assert shared.get(199) is not None
    assert shared.get(10) is None


def test_two_processes_together_stay_within_the_limit(tmp_path: Path) -> None:
    limit = SIZE * 40
    one, other = SharedPictures(tmp_path, limit), SharedPictures(tmp_path, limit)
    for number in range(150):
        one.put(("one", number), picture(1))
        other.put(("other", number), picture(2))
        assert bytes_in(tmp_path) <= limit


def test_a_picture_too_large_for_the_folder_is_not_kept(tmp_path: Path) -> None:
    shared = SharedPictures(tmp_path / "frames", SIZE * 8)
    shared.put(1, picture(1))
    assert shared.get(1) is None


def test_a_half_file_and_a_folder_that_cannot_be_made_are_as_good_as_none(tmp_path: Path) -> None:
    shared = SharedPictures(tmp_path / "frames", SIZE * 100)
    shared.put(1, picture(1))
    (file,) = (tmp_path / "frames").iterdir()
    for size in (0, 5, 4000):
        file.write_bytes(file.read_bytes()[:size])
        assert shared.get(1) is None
    (tmp_path / "file").write_bytes(b"")
    blocked = PictureCache(SIZE * 4, SharedPictures(tmp_path / "file", SIZE * 100))
    assert np.array_equal(blocked.put(1, picture(5)), picture(5))


def test_what_memory_lets_go_comes_back_from_the_folder(tmp_path: Path) -> None:
    cache = PictureCache(SIZE * 2, SharedPictures(tmp_path, SIZE * 100))
    for number in range(5):
        cache.put(number, picture(number))
    found = cache.get(0)
    assert found is not None
    assert np.array_equal(found, picture(0))
    assert PictureCache(SIZE * 2).get(0) is None


def test_a_second_reader_decodes_nothing_and_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    plate = tmp_path / "plate"
    write_frame(plate / "a.1.png", 10)
    write_frame(plate / "a.2.png", 20)
    shared = SharedPictures(tmp_path / "frames", 1 << 20)
    with open_plate(str(plate), shared=shared) as reader:
        reader.picture(1)
        reader.picture(2)
    version = version_of(plate / "a.2.png")
    assert version
    (plate / "a.2.png").write_bytes(b"x" * version[2])
    os.utime(plate / "a.2.png", ns=(version[1], version[1]))  # told apart by nothing, so the pixels are not looked at
    write_frame(plate / "a.1.png", 30)
    with open_plate(str(plate), shared=shared) as reader:
        assert reader.picture(2)[0, 0, 0] == 20
        assert reader.picture(1)[0, 0, 0] == 30


def test_pictures_differ_by_layer_colour_space_and_size(tmp_path: Path) -> None:
    pixels = np.dstack([np.full((20, 30, 3), 0.2), np.full((20, 30, 1), 0.5)]).astype(np.float32)
    path = str(write_parts(tmp_path / "plate" / "a.1.exr", [FilePart(pixels, ("R", "G", "B", "Z"))]))
    large = str(write_parts(tmp_path / "large" / "a.1.exr", [FilePart(np.zeros((40, 60, 3)), ("R", "G", "B"))]))
    sources = [
        PlatePath(path),
        PlatePath(path, layer="Z"),
        PlatePath(path, colour_space="sRGB"),
        PlatePath(path, colour_space="ACEScct"),
        PlatePath(large, proxy=path),
    ]
    shared = SharedPictures(tmp_path / "frames", 1 << 20)
    for source in sources * 2:
        with open_plate(source, shared=shared) as reader, open_plate(source) as plain:
            assert np.array_equal(reader.picture(1), plain.picture(1))
    assert len(list((tmp_path / "frames").iterdir())) == len(sources)


def test_an_uploaded_frame_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    plate = Plate(30, 20, FrameRange(1, 2), "host")
    spool = FrameSpool(tmp_path / "spool", plate, lambda: 1 << 20)
    shared = SharedPictures(tmp_path / "frames", 1 << 20)
    uploaded = UploadedPlate(tmp_path / "spool", plate, PictureCache(1 << 20, shared))
    for level in (40, 50):
        spool.put(1, PixelLayout(30, 20, 3, "uint8"), bytes([level]) * 1800)
        assert uploaded.picture(1)[0, 0, 0] == level


MEMORY = """
import resource, sys
from pathlib import Path
from roto_daemon.plates.cache import SharedPictures
from roto_daemon.plates.reader import open_plate
with open_plate(sys.argv[1], cache_bytes=4 << 20, shared=SharedPictures(Path(sys.argv[2]), 32 << 20)) as reader:
    for frame in range(int(sys.argv[3])):
        reader.picture(frame % 40 + 1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no measure of the highest memory there")
def test_memory_does_not_grow_with_the_frames_that_are_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (400, 600, 3), np.uint8)
    for frame in range(1, 41):
        write_parts(tmp_path / "plate" / f"a.{frame}.tga", [FilePart(noise, ("R", "G", "B"), sample="uint8")])

    def highest_mib(frames: int) -> float:
        folder = tmp_path / f"frames{frames}"
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "plate"), str(folder), str(frames)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024

    assert highest_mib(400) - highest_mib(20) < 12
