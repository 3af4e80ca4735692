"""The plates that sessions work on: opened by path, or uploaded frame by frame."""

from __future__ import annotations

import functools
import secrets
import time
from dataclasses import replace
from pathlib import Path

from roto_daemon.config import Config
from roto_daemon.errors import ConflictError, LimitError, PlateError, UnknownError
from roto_daemon.plates.spool import FrameSpool, SpareFiles
from roto_daemon.plates.viewing import LEAST_PX, MOST_PX
from roto_daemon.sessions import record
from roto_daemon.sessions.record import Record
from roto_daemon.sessions.state import OpenPlate, require_inside
from roto_daemon.store.folder import StateFolder
from roto_daemon.workers.orders import PlateOrder, unpack_plate
from roto_daemon.workers.pipe import Message
from roto_daemon.workers.process import WorkerProcess
from roto_shapes.shot import FrameRange, Plate

_SPARE_BYTES = 1 << 30
"""What files of closed uploads may take, kept to be written over: 20 frames of UHD half float."""


class Plates:
    """Every plate of the daemon."""

    def __init__(
        self, config: Config, state: StateFolder, kept: Record, engine: WorkerProcess, fitter: WorkerProcess
    ) -> None:
        self._config = config
        self._state = state
        self._record = kept
        self._engine = engine
        self._fitter = fitter
        self._spare = SpareFiles(state.run / "spare", _SPARE_BYTES)
        self._plates: dict[str, OpenPlate] = {}

    async def load(self) -> set[str]:
        """Take over the plates of the daemon before; return their ids."""
        for plate in await self._record.plates():
            uploaded = plate.order.uploaded
            if uploaded:
                folder = self._state.plate(plate.plate_id)
                plate.spool = FrameSpool(folder, uploaded, self._upload_room, self._spare)
                plate.order = replace(plate.order, path=str(folder))
            plate.order = self._as_set(plate.order)
            self._plates[plate.plate_id] = plate
        return set(self._plates)

    @property
    def touched(self) -> dict[str, float]:
        """Return when each plate was used last."""
        return {plate_id: plate.touched for plate_id, plate in self._plates.items()}

    async def open_plate(self, order: PlateOrder) -> OpenPlate:
        """Open a plate by path; raises PlateError or LimitError."""
        self._require_room()
        self._require_allowed(order.path)
        if order.proxy:
            self._require_allowed(order.proxy)
        if order.ocio_config and not order.ocio_config.startswith("ocio://"):
            self._require_allowed(order.ocio_config)
        order = self._as_set(order)
        answer = await self._engine.ask("open_plate", {"plate": order.pack()})
        colour = answer["colour"]
        return await self._keep(
            OpenPlate(secrets.token_hex(8), unpack_plate(answer["plate"]), order, colour["source"], colour["config"])
        )

    async def open_upload(self, plate: Plate) -> OpenPlate:
        """Make room for a plate whose frames will be sent; raises PlateError or LimitError."""
        self._require_room()
        if plate.width * plate.height > self._config.frame_limit_pixels:
            raise PlateError(
                f"A plate of {plate.width}x{plate.height} pixels is larger than this daemon takes "
                f"(frame_limit_pixels = {self._config.frame_limit_pixels})."
            )
        plate_id = secrets.token_hex(8)
        folder = self._state.plate(plate_id)
        spool = FrameSpool(folder, plate, self._upload_room, self._spare)
        order = self._as_set(PlateOrder(str(folder), uploaded=plate))
        return await self._keep(OpenPlate(plate_id, plate, order, spool=spool))

    def plate(self, plate_id: str) -> OpenPlate:
        """Return an open plate and note that it is used; raises UnknownError."""
        try:
            plate = self._plates[plate_id]
        except KeyError:
            raise UnknownError(f"There is no open plate '{plate_id}': open it again.") from None
        plate.touched = time.time()
        return plate

    async def find_objects(self, plate_id: str, frame: int, phrase: str) -> list[Message]:
        """Return what a phrase may mean on a frame, the likeliest first; raises PromptError when that is nothing."""
        plate = self.plate(plate_id)
        require_inside(FrameRange(frame, frame), plate.plate)
        answer = await self._engine.ask("find", {"plate": plate.order.pack(), "frame": frame, "phrase": phrase})
        objects: list[Message] = answer["objects"]
        return objects

    async def picture(self, plate_id: str, frame: int, longest_px: int) -> bytes:
        """Return a frame to look at, see `plates.viewing`; the worker that follows objects is left alone."""
        plate = self.plate(plate_id)
        require_inside(FrameRange(frame, frame), plate.plate)
        if not LEAST_PX <= longest_px <= MOST_PX:
            raise PlateError(f"A picture of {longest_px} px is not made: ask for {LEAST_PX} to {MOST_PX}.")
        args = {"plate": plate.order.pack(), "frame": frame, "longest_px": longest_px}
        jpeg: bytes = (await self._fitter.ask("picture", args))["jpeg"]
        return jpeg

    async def close_plate(self, plate_id: str) -> None:
        """Forget a plate and its uploaded frames; ConflictError while a session works on it."""
        plate = self.plate(plate_id)
        if await self._record.summaries(plate_id=plate_id):
            raise ConflictError("A session still works on this plate: close the session first.")
        await self._record.write(
            functools.partial(record.drop_plate, plate_id=plate_id), lambda: self._plates.pop(plate_id, None)
        )
        if plate.spool:
            plate.spool.close()

    def _upload_room(self) -> int:
        used = sum(plate.spool.used_bytes for plate in self._plates.values() if plate.spool)
        return self._config.upload_limit_bytes - used

    def _require_room(self) -> None:
        if len(self._plates) >= self._config.max_plates:
            raise LimitError(
                f"No more than {self._config.max_plates} plates may be open here (max_plates): close one first."
            )

    def _require_allowed(self, path: str) -> None:
        roots = [Path(root).resolve() for root in self._config.roots]
        folder = Path(path).resolve()
        if roots and not any(folder.is_relative_to(root) for root in roots):
            allowed = ", ".join(map(str, roots))
            raise PlateError(f"{path} lies outside the folders that this daemon may read ({allowed}).")

    def _as_set(self, order: PlateOrder) -> PlateOrder:
        """Return an order with what the daemon's settings say about it."""
        return replace(
            order,
            frame_limit_pixels=self._config.frame_limit_pixels,
            roots=self._config.roots,
            ocio_config=order.ocio_config or self._config.ocio_config,
            cache_folder=str(self._state.run / "frames"),
            cache_limit_bytes=self._config.frame_cache_bytes,
        )

    async def _keep(self, plate: OpenPlate) -> OpenPlate:
        await self._record.write(
            functools.partial(record.add_plate, plate=plate), lambda: self._plates.update({plate.plate_id: plate})
        )
        return plate
