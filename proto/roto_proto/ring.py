"""Frames through memory that client and daemon share on one machine.

The client makes a file for its user alone in the folder for shared memory, maps it, and writes frames into slots that
it uses again and again: the first touch of fresh memory costs more than the frame. The daemon maps the same file.
`multiprocessing.shared_memory` is not used, because there a process that only attached removes the segment when it
ends.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Optional, Union, final

if sys.platform != "win32":
    import fcntl

_STEM = "rotolink-ring-"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the file in it is made by mkstemp, for its user alone
_ABANDONED_AFTER_S = 60.0
"""Younger files are never swept: their writer may not have locked them yet."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

Buffer = Union[bytes, bytearray, memoryview]


def ring_folders() -> tuple[Path, ...]:
    """Return the folders in which rings are made and looked for, the best first."""
    temporary = Path(tempfile.gettempdir())
    return (_SHARED_MEMORY, temporary) if _SHARED_MEMORY.is_dir() else (temporary,)


@final
class RingWriter:
    """The client's end: makes the file, and removes it on `close`.

    Raises OSError when there is no room for `slots` of `slot_bytes`; frames then travel in pieces.
    """

    def __init__(self, slot_bytes: int, slots: int, folder: Optional[Path] = None) -> None:
        if slot_bytes < 1 or slots < 1:
            raise ValueError(f"A ring of {slots} slots of {slot_bytes} bytes holds nothing.")
        page = mmap.ALLOCATIONGRANULARITY
        self.slot_bytes = -(-slot_bytes // page) * page
        self.slots = slots
        home = folder or ring_folders()[0]
        _sweep(home)
        self._file, self.path = tempfile.mkstemp(prefix=_STEM, dir=home)
        self._map: Optional[mmap.mmap] = None
        try:
            _lock(self._file)
            _reserve(self._file, self.slot_bytes * slots)
            self._map = mmap.mmap(self._file, self.slot_bytes * slots)
        except BaseException:
            self.close()
            raise

    def write(self, slot: int, content: Buffer) -> int:
        """Copy a frame into a slot; return where it begins in the file, in bytes.

        The slot must be free: the daemon has answered for the frame that it held before.
        """
        if self._map is None:
            raise ValueError("The ring is closed.")
        view = memoryview(content).cast("B")
        if not (0 <= slot < self.slots and len(view) <= self.slot_bytes):
            raise ValueError(f"Slot {slot} of a ring of {self.slots} slots cannot take {len(view)} bytes.")
        offset = slot * self.slot_bytes
        self._map[offset : offset + len(view)] = view
        return offset

    def close(self) -> None:
        """Remove the file; a second call does nothing."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            with contextlib.suppress(OSError):  # on Windows while the daemon maps it; the next ring sweeps it
                Path(self.path).unlink()

    def __enter__(self) -> RingWriter:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


@final
class RingReader:
    """The daemon's end: maps a file that a peer names, and lets nothing else be read by that name.

    Raises ValueError unless the path is a regular file directly in one of `folders`, named as rings are, no link,
    owned by this user and closed to everybody else.
    """

    def __init__(self, path: str, folders: Sequence[Path] = ()) -> None:
        self.path = path
        self._file = _open_ring(path, folders or ring_folders())
        try:
            _require_private(os.fstat(self._file), path)
            self._map = _mapped(self._file, path)
        except ValueError:
            os.close(self._file)
            raise

    def view(self, offset: int, size: int) -> memoryview:
        """Return `size` bytes from `offset` without a copy, read only; release the view before `close`.

        The client may use the slot again after its frame was answered for.
        """
        # A file that shrank would end this process with a bus error at the first touch, so its size is asked again.
        length = min(len(self._map), os.fstat(self._file).st_size)
        if offset < 0 or size < 0 or offset + size > length:
            raise ValueError(f"The ring {self.path} has {length} bytes and cannot hold {size} from {offset} on.")
        return memoryview(self._map)[offset : offset + size]

    def close(self) -> None:
        """Let go of the memory; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            with contextlib.suppress(BufferError):  # a view is still held: the memory goes with it
                self._map.close()

    def __enter__(self) -> RingReader:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


def _open_ring(path: str, folders: Sequence[Path]) -> int:
    """Open the file without following a link and without waiting for the writer of a pipe."""
    folder, name = os.path.split(path)
    homes = {os.path.realpath(home) for home in folders}
    try:
        home = os.path.realpath(folder)
        if home not in homes or not name.startswith(_STEM):
            raise ValueError(f"The ring {path} does not lie where rings are made: {', '.join(map(str, folders))}.")
        if sys.platform == "win32":
            return os.open(path, os.O_RDONLY | os.O_BINARY)
        held = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=held)
        finally:
            os.close(held)
    except OSError as error:
        raise ValueError(f"The ring {path} cannot be opened: {error.strerror or error}.") from error


def _mapped(file: int, path: str) -> mmap.mmap:
    try:
        return mmap.mmap(file, 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise ValueError(f"The ring {path} cannot be mapped: {error}.") from error


def _require_private(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"The ring {path} is not a file.")
    # Windows has neither owners as numbers nor modes; there the user's folder for temporary files is private.
    if sys.platform != "win32" and (status.st_uid != os.geteuid() or status.st_mode & _OTHERS):
        raise ValueError(f"The ring {path} is not this user's alone: make it with access for its owner only.")


def _reserve(file: int, size_bytes: int) -> None:
    """Give the file its size, and its memory at once: running out later would end the process by a signal."""
    if sys.platform == "linux":
        os.posix_fallocate(file, 0, size_bytes)
    else:
        os.ftruncate(file, size_bytes)


def _lock(file: int) -> None:
    """Mark the file as used for as long as this process lives."""
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sweep(folder: Path) -> None:
    """Remove the rings of processes that were killed."""
    now = time.time()
    for file in folder.glob(f"{_STEM}*"):
        with contextlib.suppress(OSError):  # somebody else's, in use, or gone meanwhile
            status = file.lstat()
            if stat.S_ISREG(status.st_mode) and now - status.st_mtime > _ABANDONED_AFTER_S:
                _remove_unlocked(file)


def _remove_unlocked(file: Path) -> None:
    if sys.platform == "win32":
        file.unlink()  # refused there while anybody has it open
    else:
        held = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink()
        finally:
            os.close(held)
