"""Mattes of a session on disk: one small file an object and frame, written whole, read by daemon and workers.

A file holds a header and the packed matte of `codec`. It survives the process that wrote it; nothing of a clip
stays in memory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import OutputError, PlateError
from roto_daemon.plates.codec import EncodedMatte, decode_matte, encode_matte

_HEADER = struct.Struct("<4sdd7I")
_MAGIC = b"RMT1"


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

    def read(self, object_id: int, frame: int) -> StoredMatte:
        """Return what is kept for a frame; KeyError when there is nothing, PlateError when it is damaged."""
        try:
            content = self._file(object_id, frame).read_bytes()
        except FileNotFoundError:
            raise KeyError((object_id, frame)) from None
        if len(content) < _HEADER.size or not content.startswith(_MAGIC):
            raise PlateError(f"The stored matte of frame {frame} is damaged: track the frame again.")
        _, confidence, area_px, width, height, x0, y0, x1, y1, bits = _HEADER.unpack_from(content)
        encoded = EncodedMatte(width, height, (x0, y0, x1, y1), bits, content[_HEADER.size :])
        return StoredMatte(encoded, confidence, area_px)

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
