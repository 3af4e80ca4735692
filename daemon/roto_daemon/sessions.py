"""Sessions: an artist on a plate, with objects, prompts, mattes and shapes.

The prompts and shapes here are the truth. What a worker holds is a cache of them: every order carries the whole
session, and mattes lie in the session's folder, so a worker that died is replaced without anything being lost.
All methods belong to the daemon's event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from roto_daemon.config import Config
from roto_daemon.errors import (
    ConflictError,
    LimitError,
    PlateError,
    PromptError,
    UnavailableError,
    UnknownError,
    WorkerError,
)
from roto_daemon.plates.matte_store import MatteStore, StoredMatte
from roto_daemon.plates.spool import FrameSpool, SpareFiles
from roto_daemon.plates.viewing import LEAST_PX, MOST_PX
from roto_daemon.workers.orders import (
    MattingOrder,
    ObjectOrder,
    PlateOrder,
    SessionOrder,
    pack_options,
    pack_plate,
    unpack_plate,
)
from roto_daemon.workers.pipe import Message
from roto_daemon.workers.process import BATCH, WorkerProcess
from roto_shapes.fit_options import FitOptions
from roto_shapes.formats import encode
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.prompt import Prompt
from roto_shapes.shape import MadeBy, Roto, Shape
from roto_shapes.shot import FrameRange, Plate

REPORT_KINDS = frozenset({"report.html", "report.json"})

_MEANS_DEFAULT = ("", "auto")
_SPARE_BYTES = 1 << 30
"""What files of closed uploads may take, kept to be written over: 20 frames of UHD half float."""


@dataclass
class OpenPlate:
    """A plate that sessions can work on."""

    plate_id: str
    plate: Plate
    order: PlateOrder
    colour_source: str = ""
    """Why the plate's colour space was taken; empty for an upload."""
    ocio_config: str = ""
    """The OCIO configuration that names it; empty for an upload."""
    spool: FrameSpool | None = None
    """Where uploaded frames go; None for a plate opened by path."""


@dataclass(frozen=True)
class _Fitted:
    """The last fit of an object."""

    order: FitOrder
    report: Message
    plain: tuple[Shape, ...]
    """The shapes before points moved in for their feather: the line that is measured."""
    judged_px: float
    """What frames are judged by."""


@dataclass
class _Object:
    """What the artist follows: it owns its prompts and shapes; its identity outlives them."""

    object_id: int
    name: str
    prompts: dict[int, Prompt] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = ()
    fitted: _Fitted | None = None
    busy: str = ""
    """What runs for it now, in words; an object does one thing at a time."""


@dataclass
class Session:
    """One artist on one plate."""

    session_id: str
    plate: OpenPlate
    engine: str
    weights: str
    """What the engine said of its weights when the session was opened."""
    folder: Path
    why_default: str = ""
    """Where the choice was left to us: which engines before it cannot be used here."""
    native_edges: bool = False
    """Whether edges are found again at the plate's size where the engine's masks are smaller."""
    objects: dict[int, _Object] = field(default_factory=dict)
    next_object: int = 1
    touched: float = field(default_factory=time.monotonic)

    @property
    def store(self) -> MatteStore:
        """Return the mattes of the session."""
        return MatteStore(self.folder)

    def find(self, object_id: int) -> _Object:
        """Return an object; raises UnknownError."""
        try:
            return self.objects[object_id]
        except KeyError:
            raise UnknownError(f"The session has no object {object_id}: add it first.") from None

    def order(self) -> SessionOrder:
        """Describe the session to a worker."""
        objects = tuple(
            ObjectOrder(each.object_id, each.name, tuple(each.prompts.values())) for each in self.objects.values()
        )
        order = SessionOrder(self.session_id, self.folder, self.plate.order, self.engine, objects)
        return replace(order, native_edges=self.native_edges)

    def roto(self) -> Roto:
        """Return all shapes in paint order."""
        shapes = tuple(shape for each in self.objects.values() for shape in each.shapes)
        return Roto(self.plate.plate, shapes, MadeBy(self.engine, self.weights))


@dataclass(frozen=True)
class FitOrder:
    """How an object's mattes become shapes. `frames` None means all that have a matte."""

    frames: FrameRange | None
    options: FitOptions
    edited: tuple[int, ...] = ()
    """Frames of keyframes that the artist edited, which stay."""
    in_front: tuple[int, ...] = ()
    """Objects that stand in front."""


@dataclass(frozen=True)
class FileOrder:
    """A file or a file a frame to make from a session; `object_id` 0 means all objects together."""

    kind: str
    """`exr`, `png`, `tif`, `layers`, `cryptomatte` or `foreground` for mattes;
    `preview`, `movie` or `sheet` for pictures."""
    object_id: int
    frames: FrameRange | None
    credit: str = ""
    bits: int = 16
    compression: str = "zip"
    matting: MattingOrder | None = None
    """None for mattes as the engine made them."""


class Sessions:
    """Every plate and session of the daemon."""

    def __init__(self, config: Config, folder: Path, engine: WorkerProcess, fitter: WorkerProcess) -> None:
        self._config = config
        self._folder = folder
        self._engine = engine
        self._fitter = fitter
        self._spare = SpareFiles(folder / "spare", _SPARE_BYTES)
        self._plates: dict[str, OpenPlate] = {}
        self._sessions: dict[str, Session] = {}

    # Plates

    async def open_plate(self, order: PlateOrder) -> OpenPlate:
        """Open a plate by path; raises PlateError or LimitError."""
        self._require_room(self._plates, self._config.max_plates, "plates")
        self._require_allowed(order.path)
        if order.proxy:
            self._require_allowed(order.proxy)
        if order.ocio_config and not order.ocio_config.startswith("ocio://"):
            self._require_allowed(order.ocio_config)
        order = self._as_set(order)
        answer = await self._engine.ask("open_plate", {"plate": order.pack()})
        colour = answer["colour"]
        return self._keep(
            OpenPlate(secrets.token_hex(8), unpack_plate(answer["plate"]), order, colour["source"], colour["config"])
        )

    def open_upload(self, plate: Plate) -> OpenPlate:
        """Make room for a plate whose frames will be sent; raises PlateError or LimitError."""
        self._require_room(self._plates, self._config.max_plates, "plates")
        if plate.width * plate.height > self._config.frame_limit_pixels:
            raise PlateError(
                f"A plate of {plate.width}x{plate.height} pixels is larger than this daemon takes "
                f"(frame_limit_pixels = {self._config.frame_limit_pixels})."
            )
        plate_id = secrets.token_hex(8)
        folder = self._folder / f"plate-{plate_id}"
        spool = FrameSpool(folder, plate, self._upload_room, self._spare)
        order = self._as_set(PlateOrder(str(folder), uploaded=plate))
        return self._keep(OpenPlate(plate_id, plate, order, spool=spool))

    def plate(self, plate_id: str) -> OpenPlate:
        """Return an open plate; raises UnknownError."""
        try:
            return self._plates[plate_id]
        except KeyError:
            raise UnknownError(f"There is no open plate '{plate_id}': open it again.") from None

    async def find_objects(self, plate_id: str, frame: int, phrase: str) -> list[Message]:
        """Return what a phrase may mean on a frame, the likeliest first; raises PromptError when that is nothing."""
        plate = self.plate(plate_id)
        _require_inside(FrameRange(frame, frame), plate.plate)
        answer = await self._engine.ask("find", {"plate": plate.order.pack(), "frame": frame, "phrase": phrase})
        objects: list[Message] = answer["objects"]
        return objects

    async def picture(self, plate_id: str, frame: int, longest_px: int) -> bytes:
        """Return a frame to look at, see `plates.viewing`; the worker that follows objects is left alone."""
        plate = self.plate(plate_id)
        _require_inside(FrameRange(frame, frame), plate.plate)
        if not LEAST_PX <= longest_px <= MOST_PX:
            raise PlateError(f"A picture of {longest_px} px is not made: ask for {LEAST_PX} to {MOST_PX}.")
        args = {"plate": plate.order.pack(), "frame": frame, "longest_px": longest_px}
        jpeg: bytes = (await self._fitter.ask("picture", args))["jpeg"]
        return jpeg

    def close_plate(self, plate_id: str) -> None:
        """Forget a plate and its uploaded frames; ConflictError while a session works on it."""
        plate = self.plate(plate_id)
        if any(session.plate is plate for session in self._sessions.values()):
            raise ConflictError("A session still works on this plate: close the session first.")
        del self._plates[plate_id]
        if plate.spool:
            plate.spool.close()

    # Sessions and objects

    async def open_session(self, plate_id: str, engine: str, *, native_edges: bool = False) -> Session:
        """Start a session with an engine (empty for the default).

        Raises UnknownError, naming those there are, and UnavailableError for one that cannot be used now.
        """
        plate = self.plate(plate_id)
        await self._make_room()
        info = await self._find_engine(engine)
        session_id = secrets.token_hex(8)
        folder = self._folder / f"session-{session_id}"
        folder.mkdir(parents=True)
        why = info["why_default"] if engine in _MEANS_DEFAULT else ""
        session = Session(session_id, plate, info["name"], info["weights"], folder, why, native_edges)
        self._sessions[session_id] = session
        return session

    def session(self, session_id: str) -> Session:
        """Return a session and note that it is used; raises UnknownError."""
        try:
            session = self._sessions[session_id]
        except KeyError:
            raise UnknownError(
                f"There is no session '{session_id}': it was closed, or the daemon was restarted. Open it again."
            ) from None
        session.touched = time.monotonic()
        return session

    async def close_session(self, session_id: str) -> None:
        """End a session and delete what it holds; ConflictError while something runs in it."""
        session = self.session(session_id)
        for each in session.objects.values():
            _require_idle(each)
        del self._sessions[session_id]
        with contextlib.suppress(WorkerError):  # a worker that died holds nothing any more
            await self._engine.ask("close_session", {"session_id": session_id})
        await asyncio.to_thread(shutil.rmtree, session.folder, ignore_errors=True)

    def add_object(self, session_id: str, name: str) -> int:
        """Return the id of the object of that name, adding it when it is new."""
        session = self.session(session_id)
        if not name.strip():
            raise PromptError("An object needs a name: shapes are named after it.")
        for each in session.objects.values():
            if each.name == name:
                return each.object_id
        self._require_room(session.objects, self._config.max_objects, "objects")
        object_id, session.next_object = session.next_object, session.next_object + 1
        session.objects[object_id] = _Object(object_id, name)
        return object_id

    def remove_object(self, session_id: str, object_id: int) -> None:
        """Forget an object with all it owns."""
        session = self.session(session_id)
        _require_idle(session.find(object_id))
        del session.objects[object_id]
        session.store.remove(object_id)

    # Work

    async def set_prompt(self, session_id: str, object_id: int, prompt: Prompt) -> StoredMatte | None:
        """Replace what is pointed at on a frame and return the matte there; a refused prompt changes nothing.

        None comes of clearing a frame on which nothing is known.
        """
        session = self.session(session_id)
        target = session.find(object_id)
        _check_prompt(prompt, session.plate.plate)
        with _occupied(target, "a prompt is being followed"):
            before = dict(target.prompts)
            target.prompts.pop(prompt.frame, None)
            if not prompt.is_empty:
                target.prompts[prompt.frame] = prompt
            try:
                order = session.order()
                if prompt.mask:
                    mask_file = order.mask_file(object_id, prompt.frame)
                    await asyncio.to_thread(mask_file.write_bytes, prompt.mask.coverage)
                await self._engine.ask("prompt", {"session": order.pack()})
            except BaseException:
                target.prompts = before
                raise
        try:
            return session.store.read(object_id, prompt.frame)
        except KeyError:
            return None

    async def propagate(
        self, session_id: str, object_id: int, frames: FrameRange, direction: int
    ) -> AsyncGenerator[Message, None]:
        """Follow an object; yields frame, confidence and area of each frame once its matte is stored.

        Of a frame that cannot be read it yields `{"frame": ..., "unreadable": why}`; the run goes on.
        """
        session = self.session(session_id)
        target = session.find(object_id)
        _require_inside(frames, session.plate.plate)
        args = {
            "session": session.order().pack(),
            "object_id": object_id,
            "first": frames.first,
            "last": frames.last,
            "direction": direction,
        }
        with _occupied(target, "the object is being tracked"):
            async with contextlib.aclosing(self._engine.stream("propagate", args, BATCH)) as events:
                async for event in events:
                    session.touched = time.monotonic()
                    if event:
                        yield event

    async def fit(self, session_id: str, object_id: int, order: FitOrder) -> AsyncGenerator[Message, None]:
        """Turn mattes into shapes; yields progress and last `{"shapes": ..., "report": ...}`.

        Shapes with locked keyframes, or keyframes that were edited, are fitted anew and keep those.
        """
        session = self.session(session_id)
        target = session.find(object_id)
        locked = any(key.locked for shape in target.shapes for key in shape.keyframes)
        for each in order.in_front:
            _require_other(session.find(each), target)
        if order.in_front and (locked or order.edited):
            raise ConflictError("Shapes that are fitted anew go on behind nothing: name no objects in front.")
        kept = encode(Roto(session.plate.plate, target.shapes), ".json") if locked or order.edited else ""
        args = {
            "folder": str(session.folder),
            "plate": pack_plate(session.plate.plate),
            "footage": session.plate.order.pack(),
            "object_id": object_id,
            "frames": _frames_with_mattes(session, [object_id], order.frames),
            "options": pack_options(replace(order.options, name=target.name)),
            "kept": kept,
            "edited": list(order.edited),
            "in_front": list(order.in_front),
        }
        with _occupied(target, "its shapes are being fitted"):
            async with contextlib.aclosing(self._fitter.stream("fit", args, BATCH)) as events:
                async for event in events:
                    session.touched = time.monotonic()
                    if "roto" in event:
                        target.shapes, plain = (read_roto(event[which]).shapes for which in ("roto", "plain"))
                        target.fitted = _Fitted(order, event["report"], plain, event["judged_px"])
                        yield {"shapes": target.shapes, "report": event["report"]}
                    elif event:
                        yield event

    def set_shapes(self, session_id: str, object_id: int, shapes: tuple[Shape, ...]) -> None:
        """Put the artist's shapes in place of an object's; ConflictError when a name is another object's."""
        session = self.session(session_id)
        target = session.find(object_id)
        _require_idle(target)
        before, target.shapes = target.shapes, shapes
        try:
            session.roto()
        except ValueError as error:
            target.shapes = before
            raise ConflictError(f"These shapes cannot stand beside the session's others: {error}.") from error
        target.fitted = None

    async def files(self, session_id: str, order: FileOrder) -> AsyncGenerator[Message, None]:
        """Make files; yields `{"file": path, "frame": frame or None}`, each to be deleted by the caller."""
        session = self.session(session_id)
        objects = [session.find(order.object_id)] if order.object_id else list(session.objects.values())
        frames = _frames_with_mattes(session, [each.object_id for each in objects], order.frames)
        folder = session.folder / f"export-{secrets.token_hex(4)}"
        folder.mkdir()
        args = {
            "folder": str(session.folder),
            "plate": session.plate.order.pack(),
            "kind": order.kind,
            "facts": pack_plate(session.plate.plate),
            "objects": [[each.object_id, each.name] for each in objects],
            "engine": session.engine,
            "weights": session.weights,
            "bits": order.bits,
            "compression": order.compression,
            "matting": order.matting.pack() if order.matting else None,
            "frames": frames,
            "roto": encode(session.roto(), ".json"),
            "reports": [each.fitted.report for each in objects if each.fitted],
            "measured": _measured(session, objects) if order.kind in REPORT_KINDS else None,
            "credit": order.credit,
            "into": str(folder),
        }
        try:
            async with contextlib.aclosing(self._fitter.stream("files", args, BATCH)) as events:
                async for event in events:
                    session.touched = time.monotonic()
                    if event:
                        yield event
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def engines(self) -> list[dict[str, Any]]:
        """Describe every engine there is."""
        answer = await self._engine.ask("engines", {})
        engines: list[dict[str, Any]] = answer["engines"]
        return engines

    # Bounds and checks

    async def _find_engine(self, name: str) -> dict[str, Any]:
        known = await self.engines()
        wanted = [each for each in known if each["name"] == name or (name in _MEANS_DEFAULT and each["is_default"])]
        if not wanted:
            names = ", ".join(each["name"] for each in known)
            raise UnknownError(f"There is no engine '{name}'. Engines here are: {names}.")
        if wanted[0]["unavailable"]:
            raise UnavailableError(f"The engine '{name}' cannot be used: {wanted[0]['unavailable']}")
        return wanted[0]

    async def _make_room(self) -> None:
        """Close the session that was left untouched the longest, if the limit asks for it and it is idle."""
        if len(self._sessions) < self._config.max_sessions:
            return
        oldest = min(self._sessions.values(), key=lambda session: session.touched)
        if time.monotonic() - oldest.touched < self._config.session_idle_s:
            raise LimitError(
                f"All {self._config.max_sessions} sessions of this daemon are in use (max_sessions): "
                "close one or try again later."
            )
        await self.close_session(oldest.session_id)

    def _require_room(self, held: dict[Any, Any], limit: int, what: str) -> None:
        if len(held) >= limit:
            raise LimitError(f"No more than {limit} {what} may be open here (max_{what}): close one first.")

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
            cache_folder=str(self._folder / "frames"),
            cache_limit_bytes=self._config.frame_cache_bytes,
        )

    def _upload_room(self) -> int:
        used = sum(plate.spool.used_bytes for plate in self._plates.values() if plate.spool)
        return self._config.upload_limit_bytes - used

    def _keep(self, plate: OpenPlate) -> OpenPlate:
        self._plates[plate.plate_id] = plate
        return plate


@contextlib.contextmanager
def _occupied(target: _Object, what: str) -> Iterator[None]:
    _require_idle(target)
    target.busy = what
    try:
        yield
    finally:
        target.busy = ""


def _frames_with_mattes(session: Session, objects: Sequence[int], frames: FrameRange | None) -> list[int]:
    """Return the frames on which any of the objects has a matte, rising; raises ConflictError when there is none."""
    found = {frame for each in objects for frame in session.store.frames(each) if frames is None or frame in frames}
    if not found:
        where = f" in frames {frames}" if frames else ""
        raise ConflictError(f"The object has no mattes{where}: track it first.")
    return sorted(found)


def _measured(session: Session, objects: Sequence[_Object]) -> Message:
    """Return what a report measures: the shapes of one object, and what was asked of their fit."""
    if len(objects) != 1:
        raise PromptError("A report tells of one object: say which.")
    if not objects[0].shapes:
        raise ConflictError(f"Object '{objects[0].name}' has no shapes to report on: fit it first.")
    fitted = objects[0].fitted
    options = fitted.order.options if fitted else FitOptions.bounded()
    return {
        "roto": encode(Roto(session.plate.plate, fitted.plain if fitted else objects[0].shapes), ".json"),
        "options": pack_options(options),
        "judged_px": fitted.judged_px if fitted else options.tolerance_px,
        "doubtful": fitted.report["doubtful_frames"] if fitted else [],
        "in_front": [each for each in fitted.order.in_front if each in session.objects] if fitted else [],
    }


def _require_other(front: _Object, target: _Object) -> None:
    if front is target:
        raise ConflictError(f"Object '{target.name}' cannot stand in front of itself: name other objects.")


def _require_idle(target: _Object) -> None:
    if target.busy:
        raise ConflictError(f"Object '{target.name}' is busy: {target.busy}. Wait for it, or cancel it.")


def _require_inside(frames: FrameRange, plate: Plate) -> None:
    if frames.first not in plate.frames or frames.last not in plate.frames:
        raise PromptError(f"Frames {frames} lie outside the plate, which has {plate.frames}.")


def _check_prompt(prompt: Prompt, plate: Plate) -> None:
    if prompt.frame not in plate.frames:
        raise PromptError(f"Frame {prompt.frame} lies outside the plate, which has {plate.frames}.")
    places = [(point.x, point.y) for point in prompt.points]
    for x, y in places:
        if not (0 <= x <= plate.width and 0 <= y <= plate.height):
            raise PromptError(
                f"The point {x:g},{y:g} on frame {prompt.frame} lies outside the plate of {plate.width}x{plate.height}."
            )
    box = prompt.box
    if box and (box.x1 <= 0 or box.y1 <= 0 or box.x0 >= plate.width or box.y0 >= plate.height):
        raise PromptError(f"The box on frame {prompt.frame} lies outside the plate of {plate.width}x{plate.height}.")
    mask = prompt.mask
    if mask and (mask.width, mask.height) != (plate.width, plate.height):
        raise PromptError(
            f"The mask on frame {prompt.frame} has {mask.width}x{mask.height} pixels; "
            f"the plate has {plate.width}x{plate.height}."
        )
