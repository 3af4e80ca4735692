"""Mattes of a session on disk: one small file an object and frame, written whole, read by daemon and workers.

A file holds a header and the packed matte of `codec`. It appears whole and survives the process that wrote it, and
after `settle` a power cut; nothing of a clip stays in memory. What a change that may still be refused, or cut short,
puts in place of a matte is held beside it meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import OutputError, PlateError
from roto_daemon.plates.codec import EncodedMatte, decode_matte, encode_matte

_HEADER = struct.Struct("<4sdd7I")
_MAGIC = b"RMT1"
_HELD, _TRACKED = "before", "tracked"
"""What files are that hold a matte in whose place another one came."""


@dataclass(frozen=True)
class StoredMatte:
    """A matte as it lies in the store."""

    encoded: EncodedMatte
    confidence: float
    area_px: float
    """Sum of coverage over all pixels."""

    def matte(self) -> NDArray[np.float32]:
        """Return the coverage, (height, width), 0 to 1."""
        return decode_matte(self.encoded)


class MatteStore:
    """The mattes in one folder. Several processes may use it; each file appears whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, object_id: int, frame: int, confidence: float, matte: NDArray[np.float32]) -> StoredMatte:
        """Keep an object's matte on a frame in place of the one before; return what is kept.

        Raises OutputError when the disk refuses; the one before stays then.
        """
        encoded = encode_matte(matte)
        area_px = float(cv2.sumElems(matte)[0])
        header = _HEADER.pack(_MAGIC, confidence, area_px, encoded.width, encoded.height, *encoded.box, encoded.bits)
        file = self._file(object_id, frame)
        part = file.with_suffix(f".part-{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(header + encoded.data)
            part.replace(file)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise OutputError(
                f"The matte of frame {frame} cannot be kept ({error.strerror}): free space where the daemon keeps its "
                "state (state_folder)."
            ) from error
        return StoredMatte(encoded, confidence, area_px)

    def settle(self, object_id: int, frame: int) -> None:
        """Wait until a frame's matte is on the disk, whoever put it; OutputError when the disk refuses.

        Apart from `put`, so that a worker goes on with the next frame meanwhile.
        """
        file = self._file(object_id, frame)
        try:
            _flush(file, os.O_RDWR)
            if os.name != "nt":  # Windows keeps names by itself
                _flush(file.parent, os.O_RDONLY)
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(
                f"The matte of frame {frame} cannot be kept ({error.strerror}): free space where the daemon keeps its "
                "state (state_folder)."
            ) from error

    def read(self, object_id: int, frame: int) -> StoredMatte:
        """Return what is kept for a frame; KeyError when there is nothing, PlateError when it is damaged."""
        try:
            content = self._file(object_id, frame).read_bytes()
        except FileNotFoundError:
            raise KeyError((object_id, frame)) from None
        return _stored(content, frame)

    def facts(self, object_id: int) -> list[tuple[int, float, float]]:
        """Return frame, confidence and area of each matte by rising frame; damaged ones are left out."""
        found = []
        for frame in self.frames(object_id):
            with contextlib.suppress(OSError), self._file(object_id, frame).open("rb") as file:
                header = file.read(_HEADER.size)
                if len(header) == _HEADER.size and header.startswith(_MAGIC):
                    _, confidence, area_px, *_ = _HEADER.unpack(header)
                    found.append((frame, confidence, area_px))
        return found

    def size_bytes(self, object_id: int, frame: int) -> int:
        """Return what a frame's matte takes on the disk; 0 when there is none."""
        try:
            return self._file(object_id, frame).stat().st_size
        except FileNotFoundError:
            return 0

    def hold(self, object_id: int, frame: int, revision: int, *, prompted: bool) -> None:
        """Hold what a frame has before its prompt changes, from an object's revision on; OutputError as `put`.

        What was there before the first prompt (`prompted` False) was tracked: it stays beside the prompt's matte, for
        engines correct what was tracked.
        """
        file = self._file(object_id, frame)
        held = file.with_suffix(f".{_HELD if prompted else _TRACKED}-{revision}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            held.unlink(missing_ok=True)
            # A second name of the same file: it reaches the disk with the name of the matte that comes in its place.
            if file.exists():
                held.hardlink_to(file)
            else:
                held.touch()
        except OSError as error:
            raise OutputError(
                f"There is no room to change frame {frame} ({error.strerror}): free space where the daemon keeps its "
                "state (state_folder)."
            ) from error

    def release(self, object_id: int, frame: int, revision: int, *, prompted: bool) -> None:
        """End a change that was done: let go of what was held, unless it was tracked and the frame has a prompt now."""
        file = self._file(object_id, frame)
        with contextlib.suppress(OSError):  # what cannot go now goes by `recover`
            file.with_suffix(f".{_HELD}-{revision}").unlink(missing_ok=True)
            for tracked in self._tracked(file):
                if not prompted or not tracked.stat().st_size:
                    tracked.unlink()

    def restore(self, object_id: int, frame: int, revision: int) -> None:
        """End a change that was refused: put back what was held."""
        file = self._file(object_id, frame)
        for kind in (_HELD, _TRACKED):
            held = file.with_suffix(f".{kind}-{revision}")
            with contextlib.suppress(OSError):  # there is one of the two; what cannot be put back now is by `recover`
                if held.stat().st_size:
                    held.replace(file)
                else:
                    file.unlink(missing_ok=True)
                    held.unlink()

    def recover(self, object_id: int, revision: int, prompted: AbstractSet[int]) -> None:
        """Take back, after a death, what was under way for an object whose last change made it this revision."""
        for file in self._folder_of(object_id).glob("*.*"):
            kind, _, began = file.suffix.lstrip(".").partition("-")
            if kind == "part":
                file.unlink(missing_ok=True)
            elif kind in {_HELD, _TRACKED}:
                frame = int(file.stem)
                if int(began) == revision:
                    self.restore(object_id, frame, revision)
                else:
                    self.release(object_id, frame, int(began), prompted=frame in prompted)

    def tracked(self, object_id: int, frame: int) -> StoredMatte | None:
        """Return what was tracked on a frame before its prompts; None when nothing was, or nothing was found there."""
        for file in self._tracked(self._file(object_id, frame)):
            if file.stat().st_size:
                stored = _stored(file.read_bytes(), frame)
                return stored if stored.confidence or stored.encoded.data else None
        return None

    def frames(self, object_id: int) -> list[int]:
        """Return the frames that have a matte, rising."""
        return sorted(int(file.stem) for file in self._folder_of(object_id).glob("*.matte"))

    def remove(self, object_id: int) -> None:
        """Forget an object's mattes."""
        shutil.rmtree(self._folder_of(object_id), ignore_errors=True)

    def _folder_of(self, object_id: int) -> Path:
        return self._folder / f"mattes-{object_id}"

    def _file(self, object_id: int, frame: int) -> Path:
        return self._folder_of(object_id) / f"{frame}.matte"

    def _tracked(self, file: Path) -> list[Path]:
        return list(file.parent.glob(f"{file.stem}.{_TRACKED}-*"))


def _stored(content: bytes, frame: int) -> StoredMatte:
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        raise PlateError(f"The stored matte of frame {frame} is damaged: track the frame again.")
    _, confidence, area_px, width, height, x0, y0, x1, y1, bits = _HEADER.unpack_from(content)
    encoded = EncodedMatte(width, height, (x0, y0, x1, y1), bits, content[_HEADER.size :])
    return StoredMatte(encoded, confidence, area_px)


def _flush(path: Path, how: int) -> None:
    descriptor = os.open(path, how)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
