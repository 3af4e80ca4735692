"""Decoded, colour-managed pictures kept within numbers of bytes, the least recently used going first.

A picture is known by what it was made of: file, version, frame, channels, colour space, size. Each reader holds a few
in memory; behind them lies a folder that all processes of a daemon share, so that what an engine has decoded need not
be decoded again for the fit or a preview.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

import numpy as np

from roto_daemon.pictures import Picture

Key = Hashable
"""What a picture was made of; its `repr` tells all of it."""

_SHARE = 16
"""A process writes this part of a folder's limit between two looks at what lies there, and frees two such parts when
there is too much: two processes then stay within the limit. No picture may be larger than a part."""


def version_of(file: Path) -> tuple[str, int, int, int] | None:
    """Return what tells a file from any other and from what it was before; None when it cannot be read."""
    try:
        facts = file.stat()
    except OSError:
        return None
    return str(file), facts.st_mtime_ns, facts.st_size, facts.st_ino


class SharedPictures:
    """Pictures in a folder, as files; for any number of processes. What cannot be kept is not kept, silently."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._unseen_bytes = limit_bytes

    def get(self, key: Key) -> Picture | None:
        """Return a picture that is there, mapped from its file, and count it as used."""
        file = self._file(key)
        try:
            picture = np.load(file, mmap_mode="r")
            os.utime(file)
        except (OSError, ValueError, EOFError):
            return None
        return np.asarray(picture)

    def put(self, key: Key, picture: Picture) -> None:
        """Keep a picture; its file appears whole or not at all."""
        if picture.nbytes > self._limit_bytes // _SHARE:
            return
        file = self._file(key)
        part = file.with_suffix(f".{secrets.token_hex(4)}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(picture.nbytes)
            with part.open("wb", buffering=0) as opened:
                np.lib.format.write_array(opened, picture, allow_pickle=False)
            part.replace(file)
        except OSError:  # a full disk must not cost a frame that was read
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def _file(self, key: Key) -> Path:
        return self._folder / f"{hashlib.sha256(repr(key).encode(errors='surrogatepass')).hexdigest()}.npy"

    def _make_room(self, size_bytes: int) -> None:
        self._unseen_bytes += size_bytes
        if self._unseen_bytes <= self._limit_bytes // _SHARE:
            return
        self._unseen_bytes = size_bytes
        held = []
        for entry in os.scandir(self._folder):
            with contextlib.suppress(OSError):  # another process has removed it
                facts = entry.stat()
                held.append((facts.st_mtime_ns, facts.st_size, entry.path))
        excess = sum(size for _, size, _ in held) - self._limit_bytes * (_SHARE - 2) // _SHARE
        for _, size, path in sorted(held):
            if excess <= 0:
                break
            with contextlib.suppress(OSError):
                Path(path).unlink()
                excess -= size


class PictureCache:
    """Pictures in memory, and behind them those in a folder. For one thread.

    Those handed out are read-only, since others may get the same array.
    """

    def __init__(self, limit_bytes: int, shared: SharedPictures | None = None) -> None:
        self.limit_bytes = limit_bytes
        self._shared = shared
        self._pictures: OrderedDict[Key, Picture] = OrderedDict()
        self._held_bytes = 0

    def get(self, key: Key) -> Picture | None:
        """Return a picture that is held, and count it as used."""
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        found = self._shared.get(key) if self._shared else None
        return None if found is None else self._hold(key, found)

    def put(self, key: Key, picture: Picture) -> Picture:
        """Hold a picture and return it; the newest stays even when it alone is over the limit."""
        picture.flags.writeable = False
        if self._shared and key not in self._pictures:
            self._shared.put(key, picture)
        return self._hold(key, picture)

    def clear(self) -> None:
        """Let go of everything in memory."""
        self._pictures.clear()
        self._held_bytes = 0

    def _hold(self, key: Key, picture: Picture) -> Picture:
        self._drop(key)
        self._pictures[key] = picture
        self._held_bytes += picture.nbytes
        while self._held_bytes > self.limit_bytes and len(self._pictures) > 1:
            self._drop(next(iter(self._pictures)))
        return picture

    def _drop(self, key: Key) -> None:
        gone = self._pictures.pop(key, None)
        if gone is not None:
            self._held_bytes -= gone.nbytes
