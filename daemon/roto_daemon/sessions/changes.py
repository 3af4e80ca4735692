"""Changes of a session: done, written down, and then seen; or refused, and nothing has changed."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable

from roto_daemon.errors import OutputError, WorkerError
from roto_daemon.sessions import record
from roto_daemon.sessions.record import Record
from roto_daemon.sessions.state import Drawing, Session, TrackedObject
from roto_daemon.store import Writing
from roto_daemon.workers.process import WorkerProcess
from roto_shapes.prompt import Prompt


class Changes:
    """Carries changes out. The caller keeps others from the object meanwhile."""

    def __init__(self, kept: Record, engine: WorkerProcess) -> None:
        self._record = kept
        self._engine = engine

    async def follow(
        self, session: Session, target: TrackedObject, prompt: Prompt, write_step: Callable[[Writing], None]
    ) -> None:
        """Have a prompt followed and written down; when that fails nothing has changed."""
        before, began, frame = target.prompts, target.revision, prompt.frame
        held = functools.partial(session.store.hold, prompted=frame in before)
        await asyncio.to_thread(held, target.object_id, frame, began)
        # What was set last comes last: engines follow prompts in this order.
        target.prompts = {key: each for key, each in before.items() if key != frame}
        if not prompt.is_empty:
            target.prompts[frame] = prompt

        def take_back() -> None:
            target.prompts = before
            session.store.restore(target.object_id, frame, began)

        def write_prompt(write: Writing, revision: int) -> None:
            record.put_prompt(write, session, target, prompt, revision)
            record.put_object(write, session, target, revision=revision, mattes_revision=revision)
            write_step(write)

        def keep(revision: int) -> None:
            target.revision = target.mattes_revision = revision
            target.prompt_revisions.pop(frame, None)
            if not prompt.is_empty:
                target.prompt_revisions[frame] = revision
            session.store.release(target.object_id, frame, began, prompted=not prompt.is_empty)

        try:
            order = session.order()
            if prompt.mask:
                mask_file = order.mask_file(target.object_id, frame)
                await asyncio.to_thread(mask_file.write_bytes, prompt.mask.coverage)
            await self._engine.ask("prompt", {"session": order.pack()})
        except BaseException:
            take_back()
            raise
        # The disk takes both at the same time. Else a click would wait for it twice.
        ends = await asyncio.gather(
            self.change(session, write_prompt, keep, take_back),
            asyncio.to_thread(session.store.settle, target.object_id, frame),
            return_exceptions=True,
        )
        for failed in ends:
            if failed is not None:
                with contextlib.suppress(WorkerError):  # the worker has followed what is no more: it begins anew
                    await self._engine.ask("close_session", {"session_id": session.session_id})
                raise failed

    async def draw_anew(self, session: Session, target: TrackedObject, drawing: Drawing) -> None:
        """Put shapes in place of an object's, as a step that can be taken back."""
        before = await asyncio.to_thread(record.pack_step, session.plate.plate, target.drawing)
        await self.draw(session, target, drawing, lambda write: record.add_step(write, session, target, None, before))

    async def draw(
        self, session: Session, target: TrackedObject, drawing: Drawing, write_step: Callable[[Writing], None]
    ) -> None:
        """Put shapes in place of an object's, with what the history says of it."""
        session.roto((target, drawing.shapes))

        def write_drawing(write: Writing, revision: int) -> None:
            columns = record.pack_drawing(session.plate.plate, drawing)
            record.put_object(write, session, target, **columns, revision=revision, shapes_revision=revision)
            write_step(write)

        def keep(revision: int) -> None:
            target.drawing = drawing
            target.revision = target.shapes_revision = revision

        await self.change(session, write_drawing, keep)

    async def tell_mattes(self, session: Session, target: TrackedObject) -> None:
        """Note that mattes were made; they are on the disk already."""

        def keep(revision: int) -> None:
            target.mattes_revision = revision

        with contextlib.suppress(OutputError):
            await self.change(
                session,
                lambda write, revision: record.put_object(write, session, target, mattes_revision=revision),
                keep,
            )

    async def change(
        self,
        session: Session,
        rows: Callable[[Writing, int], None],
        keep: Callable[[int], object],
        take_back: Callable[[], None] = lambda: None,
    ) -> None:
        """Write rows at the session's next revision, then `keep`; or `take_back` when the disk refuses."""

        def change(write: Writing) -> None:
            record.put_session(write, session, revision=session.revision + 1, touched=session.touched)
            rows(write, session.revision + 1)

        def then() -> None:
            session.revision += 1
            keep(session.revision)
            session.announce()

        await self._record.write(change, then, take_back)
