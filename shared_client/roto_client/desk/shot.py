"""The daemon's side of a desk: one plate, its session and its objects, in the host's frames.

All of it belongs to the desk's worker thread; `picture` and `matte` may be called from one other thread as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Callable, NamedTuple, Optional, Protocol

from roto_client.desk.numbering import (
    moved_event,
    moved_options,
    moved_plate,
    moved_prompt,
    moved_range,
    moved_report,
    moved_shape,
)
from roto_client.desk.state import DeskObject
from roto_client.errors import BadInputError
from roto_client.host import HostPlate
from roto_client.results import Direction, Fitted, Matte, Progress, TrackEvent, UploadFrame
from roto_client.session import Daemon, OpenPlate, Session, TrackedObject
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Shape
from roto_shapes.shot import FrameRange, Plate


class StoppedError(Exception):
    """The artist asked to stop: no error, and nothing to tell."""


class Control(Protocol):
    """How work tells how far it is, and hears that it is to stop."""

    def tell(self, done: int, total: int, title: str = "") -> None:
        """Show how far it is; raises StoppedError when the artist asked to stop."""


Render = Callable[[int], UploadFrame]
"""Gives a frame of the host, by the host's number; waits for its main thread."""


class KeptObject(NamedTuple):
    """An object as the daemon keeps it."""

    name: str
    prompts: dict[int, Prompt]
    shapes: tuple[Shape, ...]
    confidence: dict[int, float]
    """Of each frame that has a matte."""


class Shot:
    """A plate that is open at a daemon, with the session that works on it.

    `session_id` names a session to go on with; when the daemon has it no more, `begin` starts another one.
    """

    def __init__(self, daemon: Daemon, given: HostPlate, render: Optional[Render], session_id: str = "") -> None:
        self.key = given.key
        self.sent = ""
        self._daemon = daemon
        self._render = render
        self._offset = given.offset
        self._sent_frames: set[int] = set()
        self._objects: dict[int, TrackedObject] = {}
        self._session = self._attached(session_id, given) if session_id else None
        self._plate = self._session.open_plate if self._session else self._open(given)
        self.plate: Plate = replace(
            moved_plate(self._plate.plate, self._offset), pixel_aspect=given.plate.pixel_aspect, name=given.plate.name
        )

    @property
    def engine(self) -> str:
        """Return the engine that works; empty before there is a session."""
        return self._session.engine if self._session else ""

    @property
    def session_id(self) -> str:
        """Return how the daemon names the session; empty before there is one."""
        return self._session.session_id if self._session else ""

    def begin(self, engine: str = "") -> None:
        """Start a session, by default with the engine of the daemon's choice, in place of the one before."""
        opened = self._plate.open_session(engine, name=self.plate.name, keep=True)
        before, self._session = self._session, opened
        self._objects.clear()
        if before is not None:
            before.discard(keep_plate=True)

    def kept(self) -> list[KeptObject]:
        """Return what the session holds."""
        found = []
        for each in self._session.objects if self._session else ():
            prompts = {prompt.frame: prompt for prompt in (moved_prompt(each, self._offset) for each in each.prompts)}
            shapes = tuple(moved_shape(shape, self._offset) for shape in each.shapes)
            confidence = {done.frame + self._offset: done.confidence for done in each.tracked}
            found.append(KeptObject(each.name, prompts, shapes, confidence))
        return found

    def restore(self, objects: Iterable[DeskObject], control: Control) -> dict[tuple[int, int], Matte]:
        """Let the session hold what objects hold, where it does not yet; return new mattes by key and frame."""
        mattes: dict[tuple[int, int], Matte] = {}
        for thing in objects:
            for frame, prompt in self._missing(thing).items():
                control.tell(len(mattes), 0)
                matte = self.point(thing.key, thing.born, prompt, control)
                if matte is not None and not prompt.is_empty:
                    mattes[thing.key, frame] = matte
            shapes = () if thing.removed else thing.shapes
            known = self._objects.get(thing.key)
            if shapes != tuple(moved_shape(shape, self._offset) for shape in (known.shapes if known else ())):
                self.set_shapes(thing.key, thing.born, shapes)
        return mattes

    def point(self, key: int, name: str, prompt: Prompt, control: Control) -> Optional[Matte]:
        """Replace all that is pointed at on a frame; return the matte there."""
        self.send([prompt.frame], control)
        matte = self._object(key, name).point_at(moved_prompt(prompt, -self._offset))
        return None if matte is None else replace(matte, frame=matte.frame + self._offset)

    def track(
        self, key: int, name: str, frames: FrameRange, direction: Direction, control: Control
    ) -> Generator[TrackEvent, None, None]:
        """Follow an object through frames; yield what happens, each frame's matte after its FrameDone."""
        self.send(frames, control)
        inside = moved_range(frames, -self._offset)
        with contextlib.closing(self._object(key, name).track(inside, direction, mattes=True)) as events:
            for event in events:
                yield moved_event(event, self._offset)

    def fit(self, key: int, name: str, options: FitOptions, edited: Iterable[int], control: Control) -> Fitted:
        """Turn an object's mattes into shapes."""

        def tell(progress: Progress) -> None:
            control.tell(progress.done, progress.total)

        fitted = self._object(key, name).fit(
            moved_options(options, -self._offset),
            edited=[frame - self._offset for frame in edited],
            on_progress=tell,
        )
        shapes = tuple(moved_shape(shape, self._offset) for shape in fitted.shapes)
        return Fitted(shapes, moved_report(fitted.report, self._offset))

    def refresh(self) -> None:
        """Take in how far the session is, where another desk went on with it."""
        if self._session is not None:
            self._session.refresh()

    def set_shapes(self, key: int, name: str, shapes: Iterable[Shape]) -> None:
        """Replace an object's shapes by the artist's."""
        self._object(key, name).set_shapes([moved_shape(shape, -self._offset) for shape in shapes])

    def needs(self, frame: int) -> bool:
        """Say whether a frame must be sent before it can be looked at."""
        return bool(self.sent) and frame not in self._sent_frames and frame in self.plate.frames

    def send(self, frames: Iterable[int], control: Control) -> None:
        """Render those frames that the daemon has to be sent and has not, and send them, one at a time."""
        missing = [frame for frame in frames if self.needs(frame)]
        if not missing:
            return
        for done, frame in enumerate(self._plate.upload(self._rendered(missing)), 1):
            self._sent_frames.add(frame)
            control.tell(done, len(missing), "Sending frames")

    def picture(self, frame: int, longest_px: int) -> bytes:
        """Return a frame to look at: a JPEG file in sRGB."""
        return self._plate.picture(frame - self._offset, longest_px)

    def mattes(self, key: int, frames: FrameRange) -> Iterator[Matte]:
        """Yield the mattes that an object has on frames."""
        thing = self._objects.get(key)
        if thing is not None:
            for matte in thing.mattes(moved_range(frames, -self._offset)):
                yield replace(matte, frame=matte.frame + self._offset)

    def close(self) -> None:
        """Let the daemon forget the plate and the session."""
        self._plate.close()

    def _open(self, given: HostPlate) -> OpenPlate:
        why = given.why_rendered
        if given.path is not None:
            try:
                opened = self._daemon.open_plate(given.path)
            except BadInputError as error:
                why = f"The daemon cannot see {given.path.path}: frames are sent instead. ({error})"
            else:
                here, there = (opened.plate.width, opened.plate.height), (given.plate.width, given.plate.height)
                if here == there:
                    return opened
                opened.close()
                why = f"The files have {_size(here)} pixels and the host shows {_size(there)}: frames are sent instead."
        if self._render is None:
            raise BadInputError(f"{why} This host cannot render frames to send: choose a node that reads files.")
        self.sent = why or "Frames are sent to the daemon."
        self._offset = 0
        return self._daemon.open_upload(given.plate)

    def _missing(self, thing: DeskObject) -> dict[int, Prompt]:
        """Return what has to be pointed at for the session to be as an object is, with nothing where it is too much."""
        if not (thing.prompts or thing.shapes):
            return {}
        known = {moved_prompt(each, self._offset).frame: each for each in self._object(thing.key, thing.born).prompts}
        wanted = {frame: moved_prompt(prompt, -self._offset) for frame, prompt in thing.prompts.items()}
        differ = sorted(frame for frame in {*known, *wanted} if known.get(frame) != wanted.get(frame))
        return {frame: thing.prompts.get(frame, Prompt(frame)) for frame in differ}

    def _attached(self, session_id: str, given: HostPlate) -> Optional[Session]:
        """Go on with a session of before; None when it is gone, or is of a plate of another size."""
        try:
            session = self._daemon.attach(session_id)
        except BadInputError:
            return None
        plate = session.open_plate.plate
        if (plate.width, plate.height) != (given.plate.width, given.plate.height):
            return None
        if not session.open_plate.colour_source:  # it was sent, in the host's own numbers
            if self._render is None:
                return None
            self.sent, self._offset = given.why_rendered or "Frames are sent to the daemon.", 0
        return session

    def _rendered(self, frames: Iterable[int]) -> Iterator[UploadFrame]:
        for frame in frames:
            if self._render is not None:
                yield self._render(frame)

    def _object(self, key: int, name: str) -> TrackedObject:
        if self._session is None:
            raise BadInputError("No session is open: open the plate first.")
        if key not in self._objects:
            self._objects[key] = self._session.add_object(name)
        return self._objects[key]


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
