"""The plate of an order, opened."""

from __future__ import annotations

from pathlib import Path

from roto_daemon.plates.reader import PlateReader, open_plate
from roto_daemon.plates.spool import UploadedPlate
from roto_daemon.workers.orders import PlateOrder

Reader = PlateReader | UploadedPlate


def open_footage(order: PlateOrder) -> Reader:
    """Return a reader of the plate; raises PlateError."""
    if order.uploaded:
        return UploadedPlate(Path(order.path), order.uploaded)
    return open_plate(
        order.path,
        order.frames,
        first_frame=order.first_frame,
        colour_space=order.colour_space,
        limit_pixels=order.frame_limit_pixels,
    )
