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
import statistics
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Callable, Optional, TypeVar, Union, final

from roto_client.errors import BadInputError, ClientError, WorkFailedError
from roto_client.outputs import frame_file, object_patterns, require_ending, write_pieces
from roto_client.results import (
    DaemonInfo,
    Direction,
    EngineInfo,
    ExportEvent,
    ExportFormat,
    ExportOrder,
    FilePart,
    FitOrder,
    Fitted,
    FoundObject,
    Matte,
    MatteKind,
    MatteOrder,
    OpenedPlate,
    OpenedSession,
    Progress,
    TrackEvent,
    UploadFrame,
)
from roto_client.transport import DEFAULT_ADDRESS, Transport
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Roto, Shape
from roto_shapes.shot import FrameRange, Plate, PlatePath

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

OnProgress = Callable[[Progress], None]
Result = TypeVar("Result")


def connect(address: Optional[str] = None) -> Daemon:
    """Return the daemon at `HOST:PORT`, by default the one of this machine.

    Raises DaemonUnreachableError when nobody answers and VersionMismatchError when it speaks another protocol.
    """
    # The import of grpc takes up to a second: it is paid by the thread that connects, not by whoever shows a menu.
    from roto_client.transport.by_grpc import GrpcTransport  # noqa: PLC0415 - as said

    return Daemon(GrpcTransport(address or DEFAULT_ADDRESS))


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

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport

    def __enter__(self) -> Daemon:
        return self

    @property
    def address(self) -> str:
        """Return where it is."""
        return self._transport.address

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
        opened = self._transport.open_path(PlatePath(source) if isinstance(source, str) else source)
        return self._keep(OpenPlate(self._transport, opened))

    def open_upload(self, plate: Plate) -> OpenPlate:
        """Open a plate whose frames this client sends by `OpenPlate.upload`."""
        opened = self._transport.open_upload(plate)
        return self._keep(OpenPlate(self._transport, opened))

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

    def __init__(self, transport: Transport, opened: OpenedPlate) -> None:
        super().__init__()
        self._transport = transport
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
        return self._transport.find_objects(self.plate_id, frame, phrase)

    def picture(self, frame: int, longest_px: int) -> bytes:
        """Return a frame to look at: a JPEG file in sRGB of the whole plate.

        It has at most so many pixels, 16 to 4096, along its longer side, and the plate's pixel aspect.
        """
        return self._transport.read_picture(self.plate_id, frame, longest_px)

    def open_session(self, engine: str = "", *, native_edges: bool = False) -> Session:
        """Start a session with an engine, by default the daemon's choice.

        With `native_edges` edges are found again at the plate's resolution where the engine's masks are smaller.
        """
        opened = self._transport.open_session(self.plate_id, engine, native_edges=native_edges)
        session = Session(self._transport, opened, self.plate)
        self._inside.append(session)
        return session

    def _let_go(self) -> None:
        self._transport.close_plate(self.plate_id)


@final
class Session(_Closing):
    """One artist's work on a plate."""

    def __init__(self, transport: Transport, opened: OpenedSession, plate: Plate) -> None:
        super().__init__()
        self._transport = transport
        self.session_id = opened.session_id
        self.engine = opened.engine
        self.weights = opened.weights
        self.why_default = opened.why_default
        self.plate = plate
        self._objects: list[TrackedObject] = []

    def __enter__(self) -> Session:
        return self

    def add_object(self, name: str) -> TrackedObject:
        """Add an object to follow; shapes are named after it."""
        object_id = self._transport.add_object(self.session_id, name)
        added = TrackedObject(self._transport, self.session_id, object_id, name, self.plate.frames)
        self._objects = [each for each in self._objects if each.object_id != object_id] + [added]
        return added

    def shapes(self) -> Roto:
        """Return the plate and the shapes of all objects, in paint order."""
        return self._transport.shapes(self.session_id)

    def export(self, order: ExportOrder) -> Generator[ExportEvent, None, None]:
        """Make files and yield their pieces, one file after the other."""
        return self._transport.export(self.session_id, order)

    def export_to(self, target: str, order: ExportOrder, on_progress: Optional[OnProgress] = None) -> list[Path]:
        """Make files and write them; return their paths.

        `target` is a file, or for mattes a pattern with `####` or `%04d` where the frame goes. Every file appears
        whole or not at all. Raises OutputFileError when one cannot be written.
        """
        written: list[Path] = []
        with contextlib.closing(self.export(order)) as events:
            parts = _told(events, on_progress)
            for part in parts:
                path = Path(target) if part.frame is None else frame_file(target, part.frame)
                write_pieces(path, _one_file(part, parts))
                written.append(path)
        return written

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
        there = [each for each in self._objects if not each.removed]
        patterns = object_patterns(pattern, [each.name for each in there])
        objects = [0] if patterns == [pattern] else [each.object_id for each in there]
        written: list[Path] = []
        for target, object_id in zip(patterns, objects):
            wanted = ExportOrder(kind, object_id, order.frames, "", order.bits, order.compression, order.matting)
            written += self.export_to(target, wanted, on_progress)
        return written

    def _let_go(self) -> None:
        self._transport.close_session(self.session_id)


@final
class TrackedObject:
    """An object that is followed through the plate, and all that the artist pointed at for it."""

    def __init__(self, transport: Transport, session_id: str, object_id: int, name: str, frames: FrameRange) -> None:
        self._transport = transport
        self._session_id = session_id
        self._plate_frames = frames
        self._prompts: dict[int, Prompt] = {}
        self.object_id = object_id
        self.name = name
        self.removed = False

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Return what is pointed at, by rising frame."""
        return tuple(prompt for _, prompt in sorted(self._prompts.items()))

    def click(self, frame: int, x: float, y: float, *, foreground: bool = True) -> Optional[Matte]:
        """Add a click on the object, or with `foreground` False on what is not the object; return the matte there."""
        return self.point_at(self._with_point(frame, PointPrompt(x, y, foreground)))

    def box(self, frame: int, left: float, top: float, right: float, bottom: float) -> Optional[Matte]:
        """Put a box round the object in place of the one before."""
        return self.point_at(replace(self._prompt(frame), box=BoxPrompt(left, top, right, bottom)))

    def mask(self, frame: int, mask: MaskPrompt) -> Optional[Matte]:
        """State the whole object by a mask; clicks on the frame go on to correct it."""
        return self.point_at(replace(self._prompt(frame), mask=mask, outline=()))

    def outline(self, frame: int, points: Sequence[ControlPoint]) -> Optional[Matte]:
        """State the whole object by a closed outline, for example an edited shape; clicks go on to correct it."""
        return self.point_at(replace(self._prompt(frame), mask=None, outline=tuple(points)))

    def clear(self, frame: int) -> None:
        """Take back all that was pointed at on a frame."""
        self.point_at(Prompt(frame))

    def point_at(self, prompt: Prompt) -> Optional[Matte]:
        """Replace all that is pointed at on a frame; return the matte there, None for an empty prompt.

        A prompt that the daemon refuses changes nothing.
        """
        matte = self._transport.set_prompt(self._session_id, self.object_id, prompt)
        if prompt.is_empty:
            self._prompts.pop(prompt.frame, None)
        else:
            self._prompts[prompt.frame] = prompt
        return matte

    def track(
        self, frames: Optional[FrameRange] = None, direction: Optional[Direction] = None, *, mattes: bool = False
    ) -> Generator[TrackEvent, None, None]:
        """Follow the object through frames, by default all of the plate; yield what happens.

        Without a direction it goes forward from the earliest prompted frame and then backward from it. With `mattes`,
        each frame's matte comes after its FrameDone. A frame of the plate that cannot be read has none: it comes as
        FrameUnreadable, and the object is followed on. Closing the iterator cancels the run; frames done stay.
        """
        runs = self._runs(frames or self._plate_frames, direction)
        total, before = sum(len(each) for each, _ in runs), 0
        for run, way in runs:
            events = self._transport.propagate(self._session_id, self.object_id, run, way, mattes=mattes)
            with contextlib.closing(events):
                for event in events:
                    yield (
                        replace(event, done=before + event.done, total=total) if isinstance(event, Progress) else event
                    )
            before += len(run)

    def mattes(self, frames: Optional[FrameRange] = None) -> Generator[Matte, None, None]:
        """Yield the mattes made so far in rising frame order."""
        return self._transport.read_mattes(self._session_id, self.object_id, frames or self._plate_frames)

    def fit(
        self,
        options: Optional[FitOptions] = None,
        frames: Optional[FrameRange] = None,
        *,
        edited: Iterable[int] = (),
        in_front: Iterable[TrackedObject] = (),
        on_progress: Optional[OnProgress] = None,
    ) -> Fitted:
        """Turn the mattes into shapes, which replace those that the object had; return them and how well they fit.

        Without options the daemon's own hold, without frames all that have a matte count. Shapes are named after the
        object, whatever the options say. Where the mattes of other objects, those `in_front`, hide this one, its shapes
        go on behind them.

        Shapes with locked keyframes are kept and fitted anew round these. `edited` are frames whose keyframes were
        moved by hand and given back by `set_shapes`: they stay too, and only what lies between the next locked
        keyframes round them changes. `set_shapes([])` makes room for new shapes.
        """
        order = FitOrder(frames, options, tuple(edited), tuple(each.object_id for each in in_front))
        events = self._transport.fit_shapes(self._session_id, self.object_id, order)
        with contextlib.closing(events):
            results = list(_told(events, on_progress))
        if not results:
            raise WorkFailedError("The daemon ended the fit without a result. Its log may tell why.")
        return results[-1]

    def set_shapes(self, shapes: Sequence[Shape]) -> None:
        """Replace the object's shapes by the artist's."""
        self._transport.set_shapes(self._session_id, self.object_id, shapes)

    def remove(self) -> None:
        """Forget the object, its mattes and its shapes."""
        self._transport.remove_object(self._session_id, self.object_id)
        self.removed = True
        self._prompts.clear()

    def _prompt(self, frame: int) -> Prompt:
        return self._prompts.get(frame, Prompt(frame))

    def _with_point(self, frame: int, point: PointPrompt) -> Prompt:
        prompt = self._prompt(frame)
        return replace(prompt, points=(*prompt.points, point))

    def _runs(self, frames: FrameRange, direction: Optional[Direction]) -> list[tuple[FrameRange, Direction]]:
        if direction is not None:
            return [(frames, direction)]
        if not self._prompts:
            raise BadInputError(f"Point at '{self.name}' on some frame first: there is nothing to follow yet.")
        start = max(min(self._prompts), frames.first)
        runs = []
        if start <= frames.last:
            runs.append((FrameRange(start, frames.last), Direction.FORWARD))
        if frames.first < start:
            runs.append((FrameRange(frames.first, min(start - 1, frames.last)), Direction.BACKWARD))
        return runs


def _told(events: Iterable[Union[Progress, Result]], on_progress: Optional[OnProgress]) -> Iterator[Result]:
    """Yield what is no progress, and tell the progress as it comes by."""
    for event in events:
        if not isinstance(event, Progress):
            yield event
        elif on_progress is not None:
            on_progress(event)


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
