"""The plate of an order, opened."""

from __future__ import annotations

import collections
from functools import lru_cache
from pathlib import Path

from roto_daemon.plates.cache import PictureCache, SharedPictures
from roto_daemon.plates.reader import PlateReader, ReadLimits, open_plate
from roto_daemon.plates.uploaded import UploadedPlate
from roto_daemon.workers.orders import PlateOrder

Reader = PlateReader | UploadedPlate

_VIEWED = 2
"""Plates kept open for looking: a movie is not opened anew for each frame, and files of closed plates go soon."""
_CACHE_BYTES = 128 << 20
"""Of decoded pictures a plate: 48 frames of 1280x720, 5 of UHD. A worker holds several plates at a time."""


def open_path(order: PlateOrder) -> PlateReader:
    """Return a reader of a plate on a disk; raises PlateError."""
    return open_plate(order, ReadLimits(order.frame_limit_pixels, order.roots), _CACHE_BYTES, _shared(order))


def open_footage(order: PlateOrder) -> Reader:
    """Return a reader of the plate; raises PlateError."""
    if order.uploaded:
        cache = PictureCache(_CACHE_BYTES, _shared(order))
        return UploadedPlate(Path(order.path), order.uploaded, cache, order.ocio_config)
    return open_path(order)


class ViewedFootage:
    """The plates that artists look at, kept open while they step through them."""

    def __init__(self) -> None:
        self._open: collections.OrderedDict[PlateOrder, Reader] = collections.OrderedDict()

    def open(self, order: PlateOrder) -> Reader:
        """Return a reader of the plate; raises PlateError."""
        reader = self._open.pop(order, None) or open_footage(order)
        self._open[order] = reader
        if len(self._open) > _VIEWED:
            self._open.popitem(last=False)[1].close()
        return reader


def _shared(order: PlateOrder) -> SharedPictures | None:
    return _shared_in(order.cache_folder, order.cache_limit_bytes) if order.cache_folder else None


@lru_cache(maxsize=4)
def _shared_in(folder: str, limit_bytes: int) -> SharedPictures:
    """Return one for all plates of this process, so that it knows what they write together."""
    return SharedPictures(Path(folder), limit_bytes)
