"""Decoded pictures kept within a number of bytes, the least recently used going first."""

from __future__ import annotations

from collections import OrderedDict

from roto_daemon.pictures import Picture


class PictureCache:
    """Pictures by frame. For one thread; those handed out are read-only, since others may get the same array."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._pictures: OrderedDict[int, Picture] = OrderedDict()
        self._held_bytes = 0

    def get(self, frame: int) -> Picture | None:
        """Return a picture that is held, and count it as used."""
        if frame not in self._pictures:
            return None
        self._pictures.move_to_end(frame)
        return self._pictures[frame]

    def put(self, frame: int, picture: Picture) -> Picture:
        """Hold a picture and return it; the newest stays even when it alone is over the limit."""
        picture.flags.writeable = False
        self._drop(frame)
        self._pictures[frame] = picture
        self._held_bytes += picture.nbytes
        while self._held_bytes > self._limit_bytes and len(self._pictures) > 1:
            self._drop(next(iter(self._pictures)))
        return picture

    def clear(self) -> None:
        """Let go of everything."""
        self._pictures.clear()
        self._held_bytes = 0

    def _drop(self, frame: int) -> None:
        gone = self._pictures.pop(frame, None)
        if gone is not None:
            self._held_bytes -= gone.nbytes
