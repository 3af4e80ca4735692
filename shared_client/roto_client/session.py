"""Interactive work, as a plugin or a script does it.

    with connect() as daemon, daemon.open_plate("plate.####.exr") as plate, plate.open_session() as session:
        ball = session.add_object("ball")
        ball.click(1001, 640.5, 400.5)
        for event in ball.track():
            ...
        shapes, report = ball.fit(FitOptions(tolerance_px=1.0, layers=True))

Every call waits for the daemon: hosts call from a thread of their own, one thread an object here. Errors are those of
`roto_client.errors`.
"""

from __future__ import annotations

import contextlib
import getpass
import statistics
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Optional, Union, final

from roto_client.discovery import find_daemon
from roto_client.errors import BadInputError, ClientError, DaemonUnreachableError, WorkFailedError
from roto_client.lasting import PATIENCE_S, Lasting
from roto_client.outputs import frame_file, object_patterns, require_ending, write_pieces
from roto_client.results import (
    AddedObject,
    AttachedSession,
    DaemonInfo,
    EngineInfo,
    ExportEvent,
    ExportFormat,
    ExportOrder,
    FilePart,
    FoundObject,
    MatteKind,
    MatteOrder,
    OpenedPlate,
    OpenedSession,
    SessionRevisions,
    SessionSummary,
    StepTurned,
    UploadFrame,
)
from roto_client.tracked import OnProgress, TrackedObject, told
from roto_client.transport import Transport
from roto_client.transport.choice import open_transport
from roto_shapes.shape import Roto
from roto_shapes.shot import Plate, PlatePath

_ROUND_TRIPS = 5
_MATTE_FORMATS = {
    ".exr": ExportFormat.MATTE_EXR,
    ".png": ExportFormat.MATTE_PNG,
    ".tif": ExportFormat.MATTE_TIFF,
    ".tiff": ExportFormat.MATTE_TIFF,
}
_PACKED_FORMATS = {
    MatteKind.LAYERS: ExportFormat.LAYERS_EXR,
    MatteKind.CRYPTOMATTE: ExportFormat.CRYPTOMATTE_EXR,
    MatteKind.FOREGROUND: ExportFormat.FOREGROUND_EXR,
}
_MATTE_BITS = {".exr": (16, 32), ".png": (8, 16), ".tif": (8, 16, 32), ".tiff": (8, 16, 32)}
_COMPRESSIONS = ("zip", "dwaa")
MATTE_ENDINGS = tuple(_MATTE_FORMATS)
PACKED_ENDING = ".exr"
"""Of layers and of Cryptomatte."""

__all__ = [
    "MATTE_ENDINGS",
    "PACKED_ENDING",
    "Daemon",
    "OnProgress",
    "OpenPlate",
    "Session",
    "TrackedObject",
    "connect",
    "matte_format",
    "require_matte_form",
]


def connect(address: Optional[str] = None, prefer: str = "", patience_s: float = PATIENCE_S) -> Daemon:
    """Return the daemon at `HOST:PORT` or `http://HOST:PORT`, by default the one that `find_daemon` finds.

    `prefer` is "gRPC" or "HTTP"; without it the way is chosen, see `open_transport`. A daemon that goes away later is
    waited for as long as `patience_s`, and sessions go on once it is back. Raises DaemonUnreachableError when nobody
    answers and VersionMismatchError when it speaks another protocol.
    """
    return Daemon(open_transport(address or find_daemon().address, prefer), patience_s)


def matte_format(pattern: str, kind: MatteKind) -> ExportFormat:
    """Return what a pattern's ending and a kind make of mattes; raises BadInputError."""
    require_ending(pattern, MATTE_ENDINGS if kind is MatteKind.MATTE else (PACKED_ENDING,))
    return _PACKED_FORMATS.get(kind) or _MATTE_FORMATS[Path(pattern).suffix.lower()]


def require_matte_form(pattern: str, order: MatteOrder) -> None:
    """Raise BadInputError for mattes that no file can hold so: an ending, a number of bits, a compression."""
    matte_format(pattern, order.kind)
    ending = Path(pattern).suffix.lower()
    bits = _MATTE_BITS[ending]
    if order.bits and order.bits not in bits:
        there = " or ".join(map(str, bits))
        raise BadInputError(f"'{pattern}' cannot have {order.bits} bits a sample: choose {there} for {ending}.")
    if order.compression not in {"", *_COMPRESSIONS}:
        raise BadInputError(f"'{order.compression}' is no compression of mattes: choose {' or '.join(_COMPRESSIONS)}.")
    if order.compression and ending != PACKED_ENDING:
        raise BadInputError(f"'{pattern}' is not compressed by {order.compression}, which is for .exr: leave it out.")


class _Closing:
    """What a daemon holds for this client until it is closed; closing again does nothing."""

    def __init__(self) -> None:
        self._inside: list[_Closing] = []
        self._closed = False

    def close(self) -> None:
        """Let go of it, and first of what was opened in it. Never fails: what a daemon lost is closed already."""
        for each in reversed(self._inside):
            each.close()
        self._inside.clear()
        if not self._closed:
            self._closed = True
            with contextlib.suppress(ClientError):
                self._let_go()

    def _let_go(self) -> None:
        raise NotImplementedError

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


@final
class Daemon(_Closing):
    """A daemon that was greeted."""

    def __init__(self, transport: Transport, patience_s: float = 0.0) -> None:
        super().__init__()
        self._transport = transport
        self._lasting = Lasting(transport, patience_s)

    def __enter__(self) -> Daemon:
        return self

    @property
    def address(self) -> str:
        """Return where it is."""
        return self._transport.address

    @property
    def reached_by(self) -> str:
        """Return how it is reached, for a person: by gRPC, or by HTTP and why."""
        kind, why = self._transport.kind, self._transport.why
        return f"{kind}, because {why}" if why else kind

    @property
    def info(self) -> DaemonInfo:
        """Return its version, limits and features."""
        return self._transport.info

    def greet(self) -> DaemonInfo:
        """Greet it again; another `daemon_id` than that of `info` means that it was restarted."""
        return self._transport.greet()

    def leave(self) -> None:
        """Let go of the connection, and leave plates and sessions open at the daemon."""
        self._inside.clear()
        self.close()

    def round_trip_s(self) -> float:
        """Return how long the shortest call takes: the median of a few."""
        return statistics.median(self._timed_greeting() for _ in range(_ROUND_TRIPS))

    def engines(self) -> tuple[EngineInfo, ...]:
        """Return every engine, those that cannot be used now included."""
        return self._transport.engines()

    def open_plate(self, source: Union[str, PlatePath]) -> OpenPlate:
        """Open a plate on storage that the daemon reads; a bare path stands for all of its frames, read as they say."""
        path = PlatePath(source) if isinstance(source, str) else source
        return self._keep(OpenPlate(self._lasting, self._lasting.ask(lambda: self._transport.open_path(path))))

    def open_upload(self, plate: Plate) -> OpenPlate:
        """Open a plate whose frames this client sends by `OpenPlate.upload`."""
        return self._keep(OpenPlate(self._lasting, self._lasting.ask(lambda: self._transport.open_upload(plate))))

    def sessions(self, artist: Optional[str] = None) -> tuple[SessionSummary, ...]:
        """Return the sessions that the daemon keeps for this user, or for another artist, those last used first.

        An empty name means everybody's.
        """
        whose = _user() if artist is None else artist
        return self._lasting.ask(lambda: self._transport.sessions(whose))

    def attach(self, session_id: str) -> Session:
        """Go on with a session that the daemon keeps, with all that was pointed at and drawn.

        Closing it, or the daemon, leaves it with the daemon; `Session.discard` ends it.
        """
        kept = self._lasting.ask(lambda: self._transport.attach_session(session_id))
        session = Session(OpenPlate(self._lasting, kept.plate), kept.opened, keep=True)
        session.take(kept)
        self._inside.append(session)
        return session

    def _timed_greeting(self) -> float:
        start = time.perf_counter()
        self._transport.greet()
        return time.perf_counter() - start

    def _keep(self, plate: OpenPlate) -> OpenPlate:
        self._inside.append(plate)
        return plate

    def _let_go(self) -> None:
        self._transport.close()


@final
class OpenPlate(_Closing):
    """A plate that the daemon has open."""

    def __init__(self, lasting: Lasting, opened: OpenedPlate) -> None:
        super().__init__()
        self.lasting = lasting
        self._transport = lasting.transport
        self.plate_id = opened.plate_id
        self.plate = opened.plate
        """The facts as the daemon found them."""
        self.colour_source = opened.colour_source
        """Why the plate's colour space was taken, in words; empty for an upload."""
        self.ocio_config = opened.ocio_config
        """The OCIO configuration that names it; empty for an upload."""

    def __enter__(self) -> OpenPlate:
        return self

    def upload(self, frames: Iterable[UploadFrame]) -> Generator[int, None, None]:
        """Send frames of a plate opened for upload; yield each one's number once it is stored.

        `frames` is read on the caller's thread, one at a time: it may render them as it goes.
        """
        return self._transport.upload_frames(self.plate_id, frames)

    def find_objects(self, frame: int, phrase: str) -> tuple[FoundObject, ...]:
        """Return what words may mean on a frame, the likeliest first, to point at by its box.

        Raises BadInputError when the words find nothing, EngineUnavailableError where nothing can look for them.
        """
        return self.lasting.ask(lambda: self._transport.find_objects(self.plate_id, frame, phrase))

    def picture(self, frame: int, longest_px: int) -> bytes:
        """Return a frame to look at: a JPEG file in sRGB of the whole plate.

        It has at most so many pixels, 16 to 4096, along its longer side, and the plate's pixel aspect.
        """
        return self.lasting.ask(lambda: self._transport.read_picture(self.plate_id, frame, longest_px))

    def open_session(
        self, engine: str = "", *, native_edges: bool = False, name: str = "", keep: bool = False
    ) -> Session:
        """Start a session with an engine, by default the daemon's choice.

        With `native_edges` edges are found again at the plate's resolution where the engine's masks are smaller.
        Closing ends the session; with `keep` it stays with the daemon until `Session.discard`, to be found by its name
        (by default the plate's) in `Daemon.sessions`.
        """
        artist = _user()
        opened = self.lasting.ask(
            lambda: self._transport.open_session(
                self.plate_id, engine, native_edges=native_edges, name=name, artist=artist
            )
        )
        session = Session(self, opened, keep=keep)
        self._inside.append(session)
        return session

    def _let_go(self) -> None:
        self._transport.close_plate(self.plate_id)


@final
class Session(_Closing):
    """One artist's work on a plate. The daemon keeps it: nothing of it is lost when the daemon is restarted."""

    def __init__(self, open_plate: OpenPlate, opened: OpenedSession, *, keep: bool = False) -> None:
        super().__init__()
        self.open_plate = open_plate
        self._lasting = open_plate.lasting
        self._transport = self._lasting.transport
        self._keep = keep
        self.session_id = opened.session_id
        self.engine = opened.engine
        self.weights = opened.weights
        self.why_default = opened.why_default
        self.plate = open_plate.plate
        self._objects: dict[int, TrackedObject] = {}

    def __enter__(self) -> Session:
        return self

    @property
    def objects(self) -> tuple[TrackedObject, ...]:
        """Return the objects that there are, in paint order of their shapes."""
        return tuple(each for each in self._objects.values() if not each.removed)

    def add_object(self, name: str) -> TrackedObject:
        """Add an object to follow; shapes are named after it. One of that name that is there comes as it is."""
        known = self._lasting.ask(lambda: self._transport.add_object(self.session_id, name))
        if known.object_id not in self._objects:
            frames = self.plate.frames
            self._objects[known.object_id] = TrackedObject(self._lasting, self.session_id, known, name, frames)
        if known.existed:
            self.refresh()
        return self._objects[known.object_id]

    def refresh(self) -> None:
        """Take in what the daemon has of the session, with what others changed."""
        self.take(self._lasting.ask(lambda: self._transport.attach_session(self.session_id)))

    def take(self, kept: AttachedSession) -> None:
        """Take a session's present state in; objects that are there stay the same Python objects."""
        for each in kept.objects:
            if each.object_id not in self._objects:
                known = AddedObject(each.object_id, kept.revision, existed=True)
                frames = self.plate.frames
                self._objects[each.object_id] = TrackedObject(self._lasting, self.session_id, known, each.name, frames)
            self._objects[each.object_id].take(each, kept.revision)
        for gone in self._objects.keys() - {each.object_id for each in kept.objects}:
            self._objects[gone].removed = True

    def watch(self) -> Generator[SessionRevisions, None, None]:
        """Yield the session's revisions now, whenever anybody changes something, and now and then in between.

        `refresh` takes the changes in. Waits for the daemon: read it on a thread of its own.
        """
        return self._lasting.stream(lambda: self._transport.watch_session(self.session_id))

    def undo(self, target: Optional[TrackedObject] = None) -> Optional[StepTurned]:
        """Take back the last prompt or change of shapes, of one object or any; None when there is nothing.

        The mattes of other frames stay as they are. What the object holds here follows.
        """
        return self._turn(target, redo=False)

    def redo(self, target: Optional[TrackedObject] = None) -> Optional[StepTurned]:
        """Do again what was undone last, as long as nothing else changed the object; None when there is nothing."""
        return self._turn(target, redo=True)

    def discard(self, *, keep_plate: bool = False) -> None:
        """End the session: the daemon forgets all of it, and its plate unless another session works on that.

        With `keep_plate` the plate stays open, for another session.
        """
        self._keep = False
        self.close()
        if not keep_plate:
            self.open_plate.close()

    def shapes(self) -> Roto:
        """Return the plate and the shapes of all objects, in paint order."""
        roto, revision = self._lasting.ask(lambda: self._transport.shapes(self.session_id))
        for each in self._objects.values():
            each.saw_shapes(revision)
        return roto

    def export(self, order: ExportOrder) -> Generator[ExportEvent, None, None]:
        """Make files and yield their pieces, one file after the other."""
        return self._transport.export(self.session_id, order)

    def export_to(self, target: str, order: ExportOrder, on_progress: Optional[OnProgress] = None) -> list[Path]:
        """Make files and write them; return their paths.

        `target` is a file, or for mattes a pattern with `####` or `%04d` where the frame goes. Every file appears
        whole or not at all. Raises OutputFileError when one cannot be written.
        """

        def write() -> list[Path]:
            written: list[Path] = []
            with contextlib.closing(self.export(order)) as events:
                parts = told(events, on_progress)
                for part in parts:
                    path = Path(target) if part.frame is None else frame_file(target, part.frame)
                    write_pieces(path, _one_file(part, parts))
                    written.append(path)
            return written

        return self._lasting.ask(write)

    def write_mattes(
        self, pattern: str, order: Optional[MatteOrder] = None, on_progress: Optional[OnProgress] = None
    ) -> list[Path]:
        """Write the mattes of the session's objects; return the files' paths.

        `pattern` says by `####` or `%04d` where the frame goes, and its ending chooses EXR, PNG or TIFF. Plain mattes
        are of all objects together, or of each where the pattern holds `{object}`. Every file appears whole or not at
        all. Raises BadInputError for what a format does not have, and OutputFileError.
        """
        order = order or MatteOrder()
        require_matte_form(pattern, order)
        kind = matte_format(pattern, order.kind)
        there = self.objects
        patterns = object_patterns(pattern, [each.name for each in there])
        objects = [0] if patterns == [pattern] else [each.object_id for each in there]
        written: list[Path] = []
        for target, object_id in zip(patterns, objects):
            wanted = ExportOrder(kind, object_id, order.frames, "", order.bits, order.compression, order.matting)
            written += self.export_to(target, wanted, on_progress)
        return written

    def _turn(self, target: Optional[TrackedObject], *, redo: bool) -> Optional[StepTurned]:
        object_id = target.object_id if target else 0
        try:
            step = self._transport.undo(self.session_id, object_id, redo=redo)
        except DaemonUnreachableError as gone:
            self._lasting.wait(gone)
            self.refresh()
            raise WorkFailedError(
                "The daemon was restarted while a step was taken back or done again. Look whether it was done, and ask "
                "again if not; nothing else changed."
            ) from gone
        if step and step.object_id in self._objects:
            self._objects[step.object_id].turned(step)
        return step

    def _let_go(self) -> None:
        if not self._keep:
            self._transport.close_session(self.session_id)


def _user() -> str:
    """Return who works here, for lists of sessions."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container whose user has no name
        return ""


def _one_file(first: FilePart, rest: Iterator[FilePart]) -> Iterator[bytes]:
    """Yield the pieces of one file, of which the first is at hand."""
    yield first.data
    part = first
    while not part.last:
        following = next(rest, None)
        if following is None:
            raise WorkFailedError("The daemon ended the export in the middle of a file. Its log may tell why.")
        part = following
        yield part.data
