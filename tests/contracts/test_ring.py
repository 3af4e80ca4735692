"""Shared memory between client and daemon: what is written is read, and no other file is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roto_proto.ring import RingReader, RingWriter, ring_folders

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="owners, modes and links are those of POSIX")


def planted(folder: Path, name: str = "rotolink-ring-planted", mode: int = 0o600, content: bytes = b"x" * 64) -> str:
    file = folder / name
    file.write_bytes(content)
    file.chmod(mode)
    return str(file)


def test_frames_written_into_slots_are_read_from_them(tmp_path: Path) -> None:
    with RingWriter(1000, 2, tmp_path) as writer:
        offsets = [writer.write(slot, bytes([slot + 1]) * 1000) for slot in (0, 1)]
        with RingReader(writer.path, [tmp_path]) as reader:
            assert [bytes(reader.view(offset, 1000)) for offset in offsets] == [b"\1" * 1000, b"\2" * 1000]
            writer.write(0, bytearray(b"\7" * 8))
            assert bytes(reader.view(offsets[0], 9)) == b"\7" * 8 + b"\1"


def test_the_default_folders_fit_together() -> None:
    with RingWriter(10, 1) as writer, RingReader(writer.path) as reader:
        assert Path(writer.path).parent in ring_folders()
        writer.write(0, b"frame")
        assert bytes(reader.view(0, 5)) == b"frame"


def test_the_file_is_its_users_alone_and_goes_with_the_writer(tmp_path: Path) -> None:
    writer = RingWriter(10, 1, tmp_path)
    assert Path(writer.path).stat().st_mode & 0o777 == 0o600
    writer.close()
    writer.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="closed"):
        writer.write(0, b"late")


def test_a_frame_that_does_not_fit_its_slot_is_refused(tmp_path: Path) -> None:
    with RingWriter(10, 2, tmp_path) as writer:
        for slot, size in ((0, writer.slot_bytes + 1), (2, 1), (-1, 1)):
            with pytest.raises(ValueError, match="cannot take"):
                writer.write(slot, bytes(size))


@pytest.mark.parametrize(("slot_bytes", "slots"), [(0, 1), (1, 0)])
def test_a_ring_that_holds_nothing_is_refused(slot_bytes: int, slots: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        RingWriter(slot_bytes, slots, tmp_path)


def test_a_ring_without_room_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r".+"):
        RingWriter(1 << 60, 1, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_view_beyond_the_file_is_refused(tmp_path: Path) -> None:
    with RingWriter(10, 1, tmp_path) as writer, RingReader(writer.path, [tmp_path]) as reader:
        for offset, size in ((0, writer.slot_bytes + 1), (-1, 1), (1 << 62, 1), (0, -1)):
            with pytest.raises(ValueError, match="cannot hold"):
                reader.view(offset, size)


def test_a_file_that_shrank_is_refused_instead_of_ending_the_process(tmp_path: Path) -> None:
    with RingWriter(10, 1, tmp_path) as writer, RingReader(writer.path, [tmp_path]) as reader:
        os.truncate(writer.path, 4)
        with pytest.raises(ValueError, match="has 4 bytes"):
            reader.view(0, 10)


def test_memory_stays_readable_while_a_view_is_held(tmp_path: Path) -> None:
    with RingWriter(10, 1, tmp_path) as writer:
        writer.write(0, b"frame")
        reader = RingReader(writer.path, [tmp_path])
        view = reader.view(0, 5)
        reader.close()
        reader.close()
    assert bytes(view) == b"frame"


@pytest.mark.parametrize("name", ["secret", "../rotolink-ring-x", "rotolink-ring-gone", ""])
def test_what_is_no_ring_is_not_opened(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "rings"
    inside.mkdir()
    planted(inside, "secret")
    planted(tmp_path, "rotolink-ring-x")
    with pytest.raises(ValueError, match=r"does not lie where rings are made|cannot be opened"):
        RingReader(str(inside / name), [inside])


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    link = tmp_path / "rotolink-ring-link"
    link.symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match="cannot be opened"):
        RingReader(str(link), [tmp_path])


def test_a_file_open_to_others_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not this user's alone"):
        RingReader(planted(tmp_path, mode=0o640), [tmp_path])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = planted(tmp_path)
    os.chown(path, 12345, 12345)
    with pytest.raises(ValueError, match="not this user's alone"):
        RingReader(path, [tmp_path])


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    pipe = tmp_path / "rotolink-ring-pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(ValueError, match="is not a file"):
        RingReader(str(pipe), [tmp_path])


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be mapped"):
        RingReader(planted(tmp_path, content=b""), [tmp_path])


def test_rings_of_killed_processes_are_swept_and_those_in_use_stay(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from roto_proto.ring import RingWriter\n"
        "RingWriter(10, 1, Path(sys.argv[1])); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    (left,) = tmp_path.iterdir()
    with RingWriter(10, 1, tmp_path) as living:
        long_ago = time.time() - 3600
        for file in (left, living.path):
            os.utime(file, (long_ago, long_ago))
        young = planted(tmp_path, "rotolink-ring-young")
        with RingWriter(10, 1, tmp_path) as newest:
            assert {str(file) for file in tmp_path.iterdir()} == {living.path, newest.path, young}
