"""Sessions: an artist on a plate, with objects, prompts, mattes and shapes.

The prompts and shapes here are the truth, and what was answered lies in the record on the disk. What a worker holds is
a cache of them: every order carries the whole session, and mattes lie in the session's folder, so a worker or a daemon
that died is replaced without anything being lost. All methods belong to the daemon's event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
import shutil
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from roto_daemon.config import Config
from roto_daemon.errors import (
    ConflictError,
    LimitError,
    OutputError,
    PromptError,
    RotoError,
    StoppingError,
    UnavailableError,
    UnknownError,
    WorkerError,
)
from roto_daemon.plates.matte_store import StoredMatte
from roto_daemon.sessions import record
from roto_daemon.sessions.asked import frames_with_mattes, measured, require_other
from roto_daemon.sessions.changes import Changes
from roto_daemon.sessions.plates import Plates
from roto_daemon.sessions.record import Record
from roto_daemon.sessions.state import (
    Drawing,
    FileOrder,
    FitOrder,
    Fitted,
    Session,
    TrackedObject,
    check_prompt,
    require_inside,
)
from roto_daemon.store import Writing
from roto_daemon.store.folder import StateFolder
from roto_daemon.workers.orders import pack_options, pack_plate
from roto_daemon.workers.pipe import Message
from roto_daemon.workers.process import BATCH, WorkerProcess
from roto_shapes.formats import encode
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Roto, Shape
from roto_shapes.shot import FrameRange

REPORT_KINDS = frozenset({"report.html", "report.json"})

_MEANS_DEFAULT = ("", "auto")
_ROUND_S = 60.0
"""How often is looked for what has expired; days are what it is counted in."""
_RESIDENT_S = 600.0
"""A session untouched for so long leaves memory; the next call for it reads it again, in milliseconds."""
_DAY_S = 86400.0
_SIGN_OF_LIFE_S = 30.0
"""How long a watched session may be silent; clients give up a stream after more than twice that."""

_log = logging.getLogger("roto_daemon.sessions")


@dataclass(frozen=True)
class Added:
    """An object that a client asked for by its name."""

    object_id: int
    revision: int
    existed: bool


@dataclass(frozen=True)
class Prompted:
    """What a prompt came to. `matte` is None when nothing is known on the frame."""

    matte: StoredMatte | None
    revision: int


@dataclass(frozen=True)
class Turned:
    """What undoing or redoing left behind: a prompt, or shapes when that is None."""

    target: TrackedObject
    prompt: Prompt | None
    revision: int


class Sessions:
    """Every plate and session of the daemon."""

    def __init__(self, config: Config, state: StateFolder, engine: WorkerProcess, fitter: WorkerProcess) -> None:
        self._config = config
        self._state = state
        self._engine = engine
        self._fitter = fitter
        self._record = Record(state.store)
        self._changes = Changes(self._record, engine)
        self.plates = Plates(config, state, self._record, engine, fitter)
        self._sessions: dict[str, Session] = {}
        """Those in memory; the record has all."""
        self._loading = asyncio.Lock()
        self._adding = asyncio.Lock()
        self._stopping = False
        self._matte_bytes: dict[str, int] = {}

    # From start to stop

    async def load(self) -> None:
        """Take over what the daemon before left behind; call it once, first."""
        known = {
            "plates": await self.plates.load(),
            "sessions": {row["session_id"] for row in await self._record.summaries()},
        }
        for kind, names in known.items():
            for left in self._state.left_over(kind, names):
                await _remove(left)

    async def keep_house(self) -> None:
        """Measure what mattes take, and forget what has expired, again and again, until cancelled."""
        for row in await self._record.summaries():
            folder = self._state.session(row["session_id"])
            self._matte_bytes.setdefault(row["session_id"], await asyncio.to_thread(_matte_bytes, folder))
        while True:
            await asyncio.sleep(min(_ROUND_S, self._config.session_days * _DAY_S, self._config.plate_idle_s))
            await self.tidy()

    async def tidy(self) -> None:
        """Forget sessions and plates that have expired, and let go of the memory of those that are not used.

        What cannot be forgotten now is told of in the log, and tried again the next time.
        """
        with _told_in_the_log():
            await self._write_touched()
        now = time.time()
        for row in await self._record.summaries():
            held = self._sessions.get(row["session_id"])
            touched, idle = (held.touched, held.is_idle) if held else (row["touched"], True)
            if idle and now - touched > self._config.session_days * _DAY_S:
                with _told_in_the_log():
                    await self.close_session(row["session_id"])
            elif held and idle and now - touched > _RESIDENT_S:
                del self._sessions[row["session_id"]]
        worked_on = {row["plate_id"] for row in await self._record.summaries()}
        for plate_id, touched in self.plates.touched.items():
            if plate_id not in worked_on and now - touched > self._config.plate_idle_s:
                with _told_in_the_log():
                    await self.plates.close_plate(plate_id)

    def let_go(self) -> None:
        """End what waits for changes, so that the daemon can stop."""
        self._stopping = True
        for session in self._sessions.values():
            session.announce()

    async def close(self) -> None:
        """Write what is left to write and let go of the record."""
        with contextlib.suppress(OutputError):
            await self._write_touched()
        await self._record.close()

    # Sessions and objects

    async def open_session(
        self, plate_id: str, engine: str, *, native_edges: bool = False, name: str = "", artist: str = ""
    ) -> Session:
        """Start a session with an engine (empty for the default).

        Raises UnknownError, naming those there are, and UnavailableError for one that cannot be used now.
        """
        plate = self.plates.plate(plate_id)
        await self._require_session_room()
        self._require_matte_room()
        info = await self._find_engine(engine)
        session_id = secrets.token_hex(8)
        folder = self._state.session(session_id)
        with _made(folder):
            folder.mkdir(parents=True)
        why = info["why_default"] if engine in _MEANS_DEFAULT else ""
        session = Session(session_id, plate, info["name"], info["weights"], folder, why, native_edges)
        session.name, session.artist = name or plate.plate.name, artist
        await self._record.write(
            functools.partial(record.add_session, session=session),
            lambda: self._sessions.update({session_id: session}),
        )
        return session

    async def session(self, session_id: str) -> Session:
        """Return a session and note that it is used; raises UnknownError."""
        session = self._sessions.get(session_id)
        if session is None:
            async with self._loading:  # two calls must not come by two copies
                session = self._sessions.get(session_id) or await self._read_session(session_id)
        session.touched = time.time()
        return session

    async def summaries(self, artist: str = "") -> list[dict[str, Any]]:
        """Return what there is to tell of each session, or of each of an artist's, the last used first."""
        names = await self._record.object_names()
        where = {"artist": artist} if artist else {}
        told = []
        for row in await self._record.summaries(**where):
            if row["plate_id"] not in self.plates.touched:
                continue  # damaged, as the log tells
            session_id = row["session_id"]
            held = self._sessions.get(session_id)
            told.append(
                {
                    **{key: row[key] for key in ("session_id", "name", "artist", "engine")},
                    "plate": self.plates.plate(row["plate_id"]).plate.name,
                    "objects": names.get(session_id, []),
                    "touched_s": held.touched if held else row["touched"],
                }
            )
        return sorted(told, key=lambda each: -each["touched_s"])

    async def watch(self, session_id: str) -> AsyncGenerator[Session, None]:
        """Yield a session now, whenever it has changed, and again while nothing does, so that a silence is a fault.

        Raises UnknownError when it is closed.
        """
        session = await self.session(session_id)
        session.watchers += 1
        seen = -1
        try:
            while not (session.closed or self._stopping):
                if session.revision == seen:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_SIGN_OF_LIFE_S):
                            await session.change()
                if not (session.closed or self._stopping):
                    seen = session.revision
                    yield session
        finally:
            session.watchers -= 1
        if self._stopping:
            raise StoppingError("The daemon is stopping: watch again when it was started again.")
        raise UnknownError(f"Session '{session_id}' was closed.")

    async def close_session(self, session_id: str) -> None:
        """End a session and delete what it holds; ConflictError while something runs in it."""
        session = await self.session(session_id)
        for each in session.objects.values():
            each.require_idle()

        def forget() -> None:
            self._sessions.pop(session_id, None)
            self._matte_bytes.pop(session_id, None)
            session.closed = True
            session.announce()

        await self._record.write(functools.partial(record.drop_session, session_id=session_id), forget)
        with contextlib.suppress(WorkerError):  # a worker that died holds nothing any more
            await self._engine.ask("close_session", {"session_id": session_id})
        await _remove(session.folder)

    async def add_object(self, session_id: str, name: str) -> Added:
        """Add the object of that name, unless it is there."""
        session = await self.session(session_id)
        if not name.strip():
            raise PromptError("An object needs a name: shapes are named after it.")
        async with self._adding:
            for each in session.objects.values():
                if each.name == name:
                    return Added(each.object_id, session.revision, existed=True)
            self._require_object_room(session)
            added = TrackedObject(session.next_object, name, revision=session.revision + 1)

            def write_object(write: Writing, revision: int) -> None:
                record.put_session(write, session, next_object=added.object_id + 1)
                record.add_object(write, session, replace(added, revision=revision))

            def keep(revision: int) -> None:
                added.revision = revision
                session.next_object = added.object_id + 1
                session.objects[added.object_id] = added

            await self._changes.change(session, write_object, keep)
        return Added(added.object_id, session.revision, existed=False)

    async def remove_object(self, session_id: str, object_id: int) -> None:
        """Forget an object with all it owns."""
        session = await self.session(session_id)
        target = session.find(object_id)
        async with target.occupied("it is being removed"):
            await self._changes.change(
                session,
                lambda write, _: record.drop_object(write, session, target),
                lambda _: session.objects.pop(object_id),
            )
            await asyncio.to_thread(session.store.remove, object_id)

    # Work

    async def set_prompt(self, session_id: str, object_id: int, prompt: Prompt, based_on: int = 0) -> Prompted:
        """Replace what is pointed at on a frame and return the matte there; a refused prompt changes nothing.

        The same prompt again changes nothing either. StaleError when the frame's prompt changed after `based_on`.
        """
        session = await self.session(session_id)
        target = session.find(object_id)
        check_prompt(prompt, session.plate.plate)
        async with target.occupied("a prompt is being followed"):
            before = target.prompts.get(prompt.frame, Prompt(prompt.frame))
            if prompt != before:
                changed = target.prompt_revisions.get(prompt.frame, 0)
                target.require_seen(changed, based_on, f"The prompts on frame {prompt.frame}")

                def write_step(write: Writing) -> None:
                    record.add_step(write, session, target, prompt.frame, record.pack_prompt(before))

                await self._changes.follow(session, target, prompt, write_step)
        with contextlib.suppress(KeyError):
            return Prompted(session.store.read(object_id, prompt.frame), session.revision)
        return Prompted(None, session.revision)

    async def undo(self, session_id: str, object_id: int, *, redo: bool = False) -> Turned | None:
        """Take back the last step of an object, of any when that is 0, or with `redo` do it again; None for no step."""
        session = await self.session(session_id)
        step = await self._record.last_step(session, object_id, undone=redo)
        if step is None:
            return None
        target = session.find(step.object_id)
        async with target.occupied("a step is being done again" if redo else "a step is being taken back"):
            # Nobody else changes the object from here on: what is its last step now stays that.
            step = await self._record.last_step(session, target.object_id, undone=redo)
            if step is None:
                return None
            turned = step
            if step.frame is None:
                before = await asyncio.to_thread(record.pack_step, session.plate.plate, target.drawing)
                drawing = record.unpack_step(step.content)
                await self._changes.draw(
                    session, target, drawing, lambda write: record.turn_step(write, session, turned, before)
                )
                return Turned(target, None, session.revision)
            prompt = record.unpack_prompt(step.content)
            stood = record.pack_prompt(target.prompts.get(step.frame, Prompt(step.frame)))
            await self._changes.follow(
                session, target, prompt, lambda write: record.turn_step(write, session, turned, stood)
            )
            return Turned(target, prompt, session.revision)

    async def propagate(
        self, session_id: str, object_id: int, frames: FrameRange, direction: int
    ) -> AsyncGenerator[Message, None]:
        """Follow an object; yields frame, confidence and area of each frame once its matte is stored.

        Of a frame that cannot be read it yields `{"frame": ..., "unreadable": why}`; the run goes on.
        """
        session = await self.session(session_id)
        target = session.find(object_id)
        require_inside(frames, session.plate.plate)
        self._require_matte_room()
        args = {
            "session": session.order().pack(),
            "object_id": object_id,
            "first": frames.first,
            "last": frames.last,
            "direction": direction,
        }
        async with target.occupied("the object is being tracked"):
            try:
                async with contextlib.aclosing(self._engine.stream("propagate", args, BATCH)) as events:
                    async for event in events:
                        session.touched = time.time()
                        if event:
                            await asyncio.to_thread(session.store.settle, object_id, event["frame"])
                            self._count(session, target, event["frame"])
                            yield event
            finally:
                await self._changes.tell_mattes(session, target)
                self._matte_bytes[session_id] = await asyncio.to_thread(_matte_bytes, session.folder)

    async def fit(self, session_id: str, object_id: int, order: FitOrder) -> AsyncGenerator[Message, None]:
        """Turn mattes into shapes; yields progress and last `{"shapes": ..., "report": ...}`.

        Shapes with locked keyframes, or keyframes that were edited, are fitted anew and keep those.
        """
        session = await self.session(session_id)
        target = session.find(object_id)
        target.require_seen(target.shapes_revision, order.based_on, "The shapes")
        locked = any(key.locked for shape in target.shapes for key in shape.keyframes)
        for each in order.in_front:
            require_other(session.find(each), target)
        if order.in_front and (locked or order.edited):
            raise ConflictError("Shapes that are fitted anew go on behind nothing: name no objects in front.")
        kept = encode(Roto(session.plate.plate, target.shapes), ".json") if locked or order.edited else ""
        args = {
            "folder": str(session.folder),
            "plate": pack_plate(session.plate.plate),
            "footage": session.plate.order.pack(),
            "object_id": object_id,
            "frames": frames_with_mattes(session, [object_id], order.frames),
            "options": pack_options(replace(order.options, name=target.name)),
            "kept": kept,
            "edited": list(order.edited),
            "in_front": list(order.in_front),
        }
        async with (
            target.occupied("its shapes are being fitted"),
            contextlib.aclosing(self._fitter.stream("fit", args, BATCH)) as events,
        ):
            async for event in events:
                session.touched = time.time()
                if "roto" in event:
                    shapes, plain = (read_roto(event[which]).shapes for which in ("roto", "plain"))
                    fitted = Fitted(order, event["report"], plain, event["judged_px"])
                    await self._changes.draw_anew(session, target, Drawing(shapes, fitted))
                    yield {"shapes": shapes, "report": event["report"], "revision": session.revision}
                elif event:
                    yield event

    async def set_shapes(self, session_id: str, object_id: int, shapes: tuple[Shape, ...], based_on: int = 0) -> int:
        """Put the artist's shapes in place of an object's; return the session's revision.

        The same shapes again change nothing. ConflictError when a name is another object's, StaleError when the shapes
        changed after `based_on`.
        """
        session = await self.session(session_id)
        target = session.find(object_id)
        async with target.occupied("its shapes are being replaced"):
            if shapes != target.shapes:
                target.require_seen(target.shapes_revision, based_on, "The shapes")
                await self._changes.draw_anew(session, target, Drawing(shapes))
        return session.revision

    async def files(self, session_id: str, order: FileOrder) -> AsyncGenerator[Message, None]:
        """Make files; yields `{"file": path, "frame": frame or None}`, each to be deleted by the caller."""
        session = await self.session(session_id)
        objects = [session.find(order.object_id)] if order.object_id else list(session.objects.values())
        frames = frames_with_mattes(session, [each.object_id for each in objects], order.frames)
        folder = self._state.run / f"export-{secrets.token_hex(4)}"
        with _made(folder):
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
            "reports": [each.drawing.fitted.report for each in objects if each.drawing.fitted],
            "measured": measured(session, objects) if order.kind in REPORT_KINDS else None,
            "credit": order.credit,
            "into": str(folder),
        }
        try:
            async with contextlib.aclosing(self._fitter.stream("files", args, BATCH)) as events:
                async for event in events:
                    session.touched = time.time()
                    if event:
                        yield event
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def engines(self) -> list[dict[str, Any]]:
        """Describe every engine there is."""
        answer = await self._engine.ask("engines", {})
        engines: list[dict[str, Any]] = answer["engines"]
        return engines

    # Memory and disk

    async def _read_session(self, session_id: str) -> Session:
        found = await self._record.session(session_id)
        if found is None:
            raise UnknownError(
                f"There is no session '{session_id}': it was closed, or forgotten after {self._config.session_days:g} "
                "days untouched. Open it again."
            )
        row, objects = found
        folder = self._state.session(session_id)
        session = Session(
            session_id, self.plates.plate(row["plate_id"]), row["engine"], row["weights"], folder,
            row["why_default"], row["native_edges"], row["name"], row["artist"],
            {each.object_id: each for each in objects}, row["next_object"], row["revision"],
        )  # fmt: skip
        await asyncio.to_thread(_recover, session)
        self._sessions[session_id] = session
        return session

    async def _write_touched(self) -> None:
        used = {session_id: session.touched for session_id, session in self._sessions.items()}
        await self._record.write(
            functools.partial(record.touch, used=used, plates_used=self.plates.touched), lambda: None
        )

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

    async def _require_session_room(self) -> None:
        if await self._record.session_count() >= self._config.max_sessions:
            await self.tidy()
        if await self._record.session_count() >= self._config.max_sessions:
            raise LimitError(
                f"This daemon keeps {self._config.max_sessions} sessions already (max_sessions): "
                "close one that is done."
            )

    def _require_object_room(self, session: Session) -> None:
        if len(session.objects) >= self._config.max_objects:
            raise LimitError(
                f"No more than {self._config.max_objects} objects may be in a session (max_objects): remove one first."
            )

    def _require_matte_room(self) -> None:
        if sum(self._matte_bytes.values()) >= self._config.session_limit_bytes:
            raise LimitError(
                f"Mattes of all sessions take {self._config.session_limit_bytes >> 20} MiB already "
                "(session_limit_bytes): close sessions that are done."
            )

    def _count(self, session: Session, target: TrackedObject, frame: int) -> None:
        """Count a matte that was made; one made anew counts twice until the run ends."""
        size = session.store.size_bytes(target.object_id, frame)
        self._matte_bytes[session.session_id] = self._matte_bytes.get(session.session_id, 0) + size
        if sum(self._matte_bytes.values()) >= self._config.session_limit_bytes:
            self._matte_bytes[session.session_id] = _matte_bytes(session.folder)
            self._require_matte_room()


@contextlib.contextmanager
def _told_in_the_log() -> Iterator[None]:
    """Tell of what could not be tidied up: the disk refuses, or an artist came back in this moment."""
    try:
        yield
    except RotoError as error:
        _log.warning("what has expired could not be forgotten: %s", error)


def _recover(session: Session) -> None:
    """Take back in a session's folder what a death cut short, and write the masks that workers read."""
    order = session.order()
    session.folder.mkdir(parents=True, exist_ok=True)
    for each in session.objects.values():
        session.store.recover(each.object_id, each.revision, each.prompts.keys())
        for prompt in each.prompts.values():
            if prompt.mask:
                order.mask_file(each.object_id, prompt.frame).write_bytes(prompt.mask.coverage)


def _matte_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("mattes-*/*.matte"))


async def _remove(folder: Path) -> None:
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made ({error.strerror}): free space where the daemon keeps its state "
            "(state_folder)."
        ) from error
