"""The plate of an order, opened."""

from __future__ import annotations

from pathlib import Path

from roto_daemon.plates.reader import PlateReader, ReadLimits, open_plate
from roto_daemon.plates.spool import UploadedPlate
from roto_daemon.workers.orders import PlateOrder

Reader = PlateReader | UploadedPlate

_CACHE_BYTES = 128 << 20
"""Of decoded pictures a plate: 48 frames of 1280x720, 5 of UHD. A worker holds several plates at a time."""


def open_path(order: PlateOrder) -> PlateReader:
    """Return a reader of a plate on a disk; raises PlateError."""
    return open_plate(order, ReadLimits(order.frame_limit_pixels, order.roots), _CACHE_BYTES)


def open_footage(order: PlateOrder) -> Reader:
    """Return a reader of the plate; raises PlateError."""
    if order.uploaded:
        return UploadedPlate(Path(order.path), order.uploaded, _CACHE_BYTES, order.ocio_config)
    return open_path(order)
