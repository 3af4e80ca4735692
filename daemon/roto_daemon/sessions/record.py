"""Plates and sessions as rows of the daemon's record, and the way there and back.

Nothing is in memory that is not on the disk first: a change is written, and only then done to what others see. A
caller that goes away meanwhile changes nothing about that. All methods of `Record` belong to the daemon's event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import zstandard

from roto_daemon.errors import OutputError
from roto_daemon.sessions.state import Drawing, FitOrder, Fitted, OpenPlate, Session, TrackedObject
from roto_daemon.store import Store, Writing
from roto_daemon.store.schema import objects, plates, prompts, sessions, steps
from roto_daemon.workers.orders import PlateOrder, pack_options, pack_plate, unpack_options, unpack_plate
from roto_shapes.formats import encode
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Roto, Shape
from roto_shapes.shot import FrameRange, Plate

STEPS_KEPT = 100
"""Steps of an object that can be taken back: an afternoon of clicks."""
_MASK_LEVEL = 1  # painted masks are flat: higher levels win next to nothing

_UNREADABLE = (LookupError, TypeError, ValueError, msgpack.UnpackException, zstandard.ZstdError)
"""What unpacking damaged content raises; SQLite tells of damage to its own structure alone."""

_log = logging.getLogger("roto_daemon.sessions")

Change = Callable[[Writing], None]


@dataclass(frozen=True)
class Step:
    """Something that was changed and can be taken back, or was and can be done again."""

    number: int
    object_id: int
    frame: int | None
    """The frame of a prompt; None for shapes."""
    content: bytes
    """What stood there before the step, or what the step put there when it is undone."""
    undone: bool


class Record:
    """The record of the daemon's sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = asyncio.Lock()
        self._writes: set[asyncio.Future[None]] = set()

    async def write(
        self, change: Change, then: Callable[[], object], take_back: Callable[[], object] = lambda: None
    ) -> None:
        """Write a change, and then do it to what is in memory; both or neither.

        `change` runs in a thread while no other write does. When the disk refuses, `take_back` runs and OutputError is
        raised.
        """
        write = asyncio.ensure_future(self._write(change, then, take_back))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        try:
            await asyncio.shield(write)
        except asyncio.CancelledError:  # a client that leaves does not leave memory and disk apart
            await asyncio.wait({write})
            raise

    async def close(self) -> None:
        """Wait for writes under way and let go of the file."""
        await asyncio.gather(*self._writes, return_exceptions=True)
        await asyncio.to_thread(self._store.close)

    async def plates(self) -> list[OpenPlate]:
        """Return every plate; the caller says where uploads lie and how frames are read."""
        found = []
        for row in await asyncio.to_thread(self._store.rows, plates):
            try:
                found.append(_plate(row))
            except _UNREADABLE as error:
                _log.error("plate %s of the record cannot be read (%r): its sessions stay shut", row["plate_id"], error)
        return found

    async def summaries(self, **where: object) -> Sequence[Any]:
        """Return the rows of sessions with these values."""
        return await asyncio.to_thread(self._store.rows, sessions, **where)

    async def session_count(self) -> int:
        """Return how many sessions there are."""
        return await asyncio.to_thread(self._store.count, sessions)

    async def object_names(self) -> dict[str, list[str]]:
        """Return the names of each session's objects."""
        names: dict[str, list[str]] = {}
        columns = objects.c.session_id, objects.c.object_id, objects.c.name
        for row in await asyncio.to_thread(self._store.some, *columns):
            names.setdefault(row["session_id"], []).append(row["name"])
        return names

    async def session(self, session_id: str) -> tuple[Any, list[TrackedObject]] | None:
        """Return a session's row and its objects; None when there is none. OutputError for one that is damaged."""
        try:
            return await asyncio.to_thread(self._read_session, session_id)
        except _UNREADABLE as error:
            raise OutputError(
                f"What the record holds of session '{session_id}' is damaged ({error!r}): put a backup in its place."
            ) from error

    async def last_step(self, session: Session, object_id: int, *, undone: bool) -> Step | None:
        """Return the step to take back, or with `undone` the one to do again; of any object when that is 0."""
        where: dict[str, object] = {"session_id": session.session_id, "undone": undone}
        if object_id:
            where["object_id"] = object_id
        rows = await asyncio.to_thread(self._store.rows, steps, **where)
        if not rows:
            return None
        row = rows[0 if undone else -1]
        return Step(row["number"], row["object_id"], row["frame"], row["content"], row["undone"])

    async def _write(self, change: Change, then: Callable[[], object], take_back: Callable[[], object]) -> None:
        async with self._turn:
            try:
                await asyncio.to_thread(self._commit, change)
            except BaseException:
                take_back()
                raise
            then()

    def _commit(self, change: Change) -> None:
        with self._store.writing() as write:
            change(write)

    def _read_session(self, session_id: str) -> tuple[Any, list[TrackedObject]] | None:
        found = self._store.rows(sessions, session_id=session_id)
        if not found:
            return None
        held: dict[int, TrackedObject] = {}
        for row in self._store.rows(objects, session_id=session_id):
            held[row["object_id"]] = TrackedObject(
                row["object_id"],
                row["name"],
                drawing=_unpack_drawing(row["shapes"], row["fitted"]),
                revision=row["revision"],
                shapes_revision=row["shapes_revision"],
                mattes_revision=row["mattes_revision"],
            )
        # As they were set: engines follow them in this order.
        for row in sorted(self._store.rows(prompts, session_id=session_id), key=lambda row: row["revision"]):
            target = held[row["object_id"]]
            target.prompts[row["frame"]] = unpack_prompt(row["content"])
            target.prompt_revisions[row["frame"]] = row["revision"]
        return found[0], list(held.values())


def add_plate(write: Writing, plate: OpenPlate) -> None:
    """Write a plate that is new."""
    content = {
        "plate": pack_plate(plate.plate),
        "order": plate.order.pack(),
        "colour_source": plate.colour_source,
        "ocio_config": plate.ocio_config,
    }
    write.add(plates, {"plate_id": plate.plate_id, "content": msgpack.packb(content), "touched": plate.touched})


def drop_plate(write: Writing, plate_id: str) -> None:
    """Forget a plate."""
    write.drop(plates, {"plate_id": plate_id})


def add_session(write: Writing, session: Session) -> None:
    """Write a session that is new and has no objects."""
    row = {
        "session_id": session.session_id,
        "plate_id": session.plate.plate_id,
        **{name: getattr(session, name) for name in ("name", "artist", "engine", "weights", "why_default")},
        **{name: getattr(session, name) for name in ("native_edges", "next_object", "revision", "touched")},
    }
    write.add(sessions, row)


def drop_session(write: Writing, session_id: str) -> None:
    """Forget a session with all that it has."""
    write.drop(sessions, {"session_id": session_id})


def touch(write: Writing, used: dict[str, float], plates_used: dict[str, float]) -> None:
    """Write when sessions and plates were used last."""
    for session_id, touched in used.items():
        write.change(sessions, {"session_id": session_id}, {"touched": touched})
    for plate_id, touched in plates_used.items():
        write.change(plates, {"plate_id": plate_id}, {"touched": touched})


def put_session(write: Writing, session: Session, **values: object) -> None:
    """Write what changed of a session."""
    write.change(sessions, {"session_id": session.session_id}, values)


def add_object(write: Writing, session: Session, target: TrackedObject) -> None:
    """Write an object that is new."""
    row = {
        **_key(session, target),
        "name": target.name,
        **pack_drawing(session.plate.plate, target.drawing),
        **{name: getattr(target, name) for name in ("revision", "shapes_revision", "mattes_revision")},
    }
    write.add(objects, row)


def put_object(write: Writing, session: Session, target: TrackedObject, **values: object) -> None:
    """Write what changed of an object."""
    write.change(objects, _key(session, target), values)


def drop_object(write: Writing, session: Session, target: TrackedObject) -> None:
    """Forget an object with its prompts and steps."""
    write.drop(objects, _key(session, target))


def put_prompt(write: Writing, session: Session, target: TrackedObject, prompt: Prompt, revision: int) -> None:
    """Write what is pointed at on a frame; an empty prompt clears it."""
    key = {**_key(session, target), "frame": prompt.frame}
    if prompt.is_empty:
        write.drop(prompts, key)
    else:
        write.put(prompts, {**key, "content": pack_prompt(prompt), "revision": revision})


def add_step(write: Writing, session: Session, target: TrackedObject, frame: int | None, before: bytes) -> None:
    """Write what a change put something else in place of; what the object had undone is gone, and so is the oldest."""
    key = _key(session, target)
    write.drop(steps, {**key, "undone": True})
    number = max(write.numbers(steps.c.number, {"session_id": session.session_id}), default=0) + 1
    write.add(steps, {**key, "number": number, "frame": frame, "content": before, "undone": False})
    for number in write.numbers(steps.c.number, key)[:-STEPS_KEPT]:
        write.drop(steps, {"session_id": session.session_id, "number": number})


def turn_step(write: Writing, session: Session, step: Step, other: bytes) -> None:
    """Write that a step was undone, or done again, and what stood there instead."""
    key = {"session_id": session.session_id, "number": step.number}
    write.change(steps, key, {"content": other, "undone": not step.undone})


def pack_prompt(prompt: Prompt) -> bytes:
    """Return a prompt as bytes, its mask packed."""
    mask, box = prompt.mask, prompt.box
    packer = zstandard.ZstdCompressor(level=_MASK_LEVEL)
    packed: bytes = msgpack.packb(
        {
            "frame": prompt.frame,
            "points": [[point.x, point.y, point.foreground] for point in prompt.points],
            "box": [box.x0, box.y0, box.x1, box.y1] if box else None,
            "mask": [mask.width, mask.height, packer.compress(mask.coverage)] if mask else None,
            "outline": [list(point) for point in prompt.outline],
        }
    )
    return packed


def unpack_prompt(content: bytes) -> Prompt:
    """Return a prompt from bytes."""
    packed = msgpack.unpackb(content)
    mask = packed["mask"]
    return Prompt(
        packed["frame"],
        tuple(PointPrompt(*point) for point in packed["points"]),
        BoxPrompt(*packed["box"]) if packed["box"] else None,
        MaskPrompt(mask[0], mask[1], zstandard.decompress(mask[2])) if mask else None,
        tuple(_unpack_point(*numbers) for numbers in packed["outline"]),
    )


def _unpack_point(*numbers: Any) -> ControlPoint:  # noqa: ANN401 - the fields of a control point
    *rest, feather = numbers
    return ControlPoint(*rest)._replace(feather=None if feather is None else (feather[0], feather[1]))


def pack_drawing(plate: Plate, drawing: Drawing) -> dict[str, bytes]:
    """Return shapes and their fit as the columns of an object; ValueError for shapes that are too many to keep."""
    return {"shapes": _pack_shapes(plate, drawing.shapes), "fitted": _pack_fitted(plate, drawing.fitted)}


def pack_step(plate: Plate, drawing: Drawing) -> bytes:
    """Return shapes and their fit as a step's content."""
    packed: bytes = msgpack.packb(pack_drawing(plate, drawing))
    return packed


def unpack_step(content: bytes) -> Drawing:
    """Return shapes and their fit from a step's content."""
    return _unpack_drawing(**msgpack.unpackb(content))


def _key(session: Session, target: TrackedObject) -> dict[str, Any]:
    return {"session_id": session.session_id, "object_id": target.object_id}


def _plate(row: Any) -> OpenPlate:  # noqa: ANN401 - a row of the store
    content = msgpack.unpackb(row["content"])
    opened = OpenPlate(
        row["plate_id"],
        unpack_plate(content["plate"]),
        PlateOrder.unpack(content["order"]),
        content["colour_source"],
        content["ocio_config"],
    )
    opened.touched = row["touched"]
    return opened


def _pack_shapes(plate: Plate, shapes: Sequence[Shape]) -> bytes:
    if not shapes:
        return b""
    return zstandard.compress(encode(Roto(plate, tuple(shapes)), ".json").encode())


def _unpack_shapes(content: bytes) -> tuple[Shape, ...]:
    return read_roto(zstandard.decompress(content).decode()).shapes if content else ()


def _pack_fitted(plate: Plate, fitted: Fitted | None) -> bytes:
    if fitted is None:
        return b""
    order = fitted.order
    packed: bytes = msgpack.packb(
        {
            "frames": [order.frames.first, order.frames.last] if order.frames else None,
            "options": pack_options(order.options),
            "edited": order.edited,
            "in_front": order.in_front,
            "report": fitted.report,
            "plain": _pack_shapes(plate, fitted.plain),
            "judged_px": fitted.judged_px,
        }
    )
    return packed


def _unpack_drawing(shapes: bytes, fitted: bytes) -> Drawing:
    if not fitted:
        return Drawing(_unpack_shapes(shapes))
    packed = msgpack.unpackb(fitted)
    order = FitOrder(
        FrameRange(*packed["frames"]) if packed["frames"] else None,
        unpack_options(packed["options"]),
        tuple(packed["edited"]),
        tuple(packed["in_front"]),
    )
    kept = Fitted(order, packed["report"], _unpack_shapes(packed["plain"]), packed["judged_px"])
    return Drawing(_unpack_shapes(shapes), kept)
