"""A daemon reached by messages, whatever carries them: the one place where the client's values become calls."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Optional

from roto_client.errors import BadInputError, VersionMismatchError, WorkFailedError
from roto_client.results import (
    AddedObject,
    AttachedSession,
    DaemonInfo,
    Direction,
    EngineInfo,
    ExportEvent,
    ExportFormat,
    ExportOrder,
    FilePart,
    FitEvent,
    FitOrder,
    FitReport,
    Fitted,
    FoundObject,
    FrameDone,
    FrameError,
    FrameUnreadable,
    Limits,
    LookFirst,
    Matte,
    ObjectRevisions,
    OpenedPlate,
    OpenedSession,
    Progress,
    Prompted,
    SessionRevisions,
    SessionShapes,
    SessionSummary,
    StepTurned,
    TrackEvent,
    UploadFrame,
)
from roto_client.transport import is_loopback
from roto_client.transport.attaching import attached, turned
from roto_client.transport.channel import CallError, Channel
from roto_client.transport.status import translated, translated_greeting
from roto_client.transport.streams import SilentError, receive
from roto_client.transport.upload import Uploads
from roto_proto import wire
from roto_proto.v1 import schema
from roto_proto.wire import Fields
from roto_shapes.prompt import BoxPrompt, Prompt
from roto_shapes.shape import MadeBy, Roto, Shape
from roto_shapes.shot import FrameRange, Plate, PlatePath

if TYPE_CHECKING:  # how answers read; protobuf itself may not be there
    from roto_proto.v1 import daemon_pb2, plates_pb2, sessions_pb2, values_pb2

_OPTIONS_SINCE = (1, 1)
_LATE_OPTIONS = frozenset(
    {"keyframes_at", "keyframe_step", "points", "parts", "layers", "offset_px", "feather", "edited", "in_front"}
)
"""What FitShapes takes since that version of the protocol."""

_HELLO_TIMEOUT_S = 5.0
UNARY_TIMEOUT_S = 60.0
"""Opening a long sequence on slow storage or warming an engine takes a while."""
SILENCE_S = 150.0
"""Longer than a daemon bears a silent worker (120 s), so that its own words about it arrive first."""

_PROMPT_KINDS = {
    schema.PROMPT_KIND_POINTS: "points",
    schema.PROMPT_KIND_BOX: "box",
    schema.PROMPT_KIND_MASK: "mask",
}
_DIRECTIONS = {
    Direction.FORWARD: schema.DIRECTION_FORWARD,
    Direction.BACKWARD: schema.DIRECTION_BACKWARD,
}
_FORMATS = {
    ExportFormat.JSON: schema.EXPORT_FORMAT_JSON,
    ExportFormat.NUKE: schema.EXPORT_FORMAT_NUKE,
    ExportFormat.MATTE_EXR: schema.EXPORT_FORMAT_MATTE_EXR,
    ExportFormat.MATTE_PNG: schema.EXPORT_FORMAT_MATTE_PNG,
    ExportFormat.PREVIEW_MP4: schema.EXPORT_FORMAT_PREVIEW_MP4,
    ExportFormat.CONTACT_SHEET_PNG: schema.EXPORT_FORMAT_CONTACT_SHEET_PNG,
    ExportFormat.REPORT_HTML: schema.EXPORT_FORMAT_REPORT_HTML,
    ExportFormat.REPORT_JSON: schema.EXPORT_FORMAT_REPORT_JSON,
    ExportFormat.MATTE_TIFF: schema.EXPORT_FORMAT_MATTE_TIFF,
    ExportFormat.LAYERS_EXR: schema.EXPORT_FORMAT_LAYERS_EXR,
    ExportFormat.CRYPTOMATTE_EXR: schema.EXPORT_FORMAT_CRYPTOMATTE_EXR,
    ExportFormat.PREVIEW_MOV: schema.EXPORT_FORMAT_PREVIEW_MOV,
    ExportFormat.FOREGROUND_EXR: schema.EXPORT_FORMAT_FOREGROUND_EXR,
}


class MessageTransport:
    """A daemon at the other end of a channel. Making one greets the daemon and compares versions.

    `timeout_s` bounds every call with one answer; a stream ends when nothing comes for `silence_s`.
    """

    def __init__(self, channel: Channel, timeout_s: float = UNARY_TIMEOUT_S, silence_s: float = SILENCE_S) -> None:
        self._channel = channel
        self._address = channel.address
        self._timeout_s = timeout_s
        self._silence_s = silence_s
        self._uploads = Uploads(functools.partial(channel.duplex, "PlateService/UploadFrames"), silence_s)
        try:
            self._info = self.greet()
        except BaseException:
            self.close()
            raise
        self._ring_may_work = "ring" in self._info.features and is_loopback(channel.host)
        self._ring_works = False

    @property
    def kind(self) -> str:
        """Return how the daemon is reached, for a person."""
        return self._channel.kind

    @property
    def why(self) -> str:
        """Return why it is reached so and not by gRPC, for a person."""
        return self._channel.why

    @property
    def address(self) -> str:
        """Return where the daemon is, for a person."""
        return self._address

    @property
    def info(self) -> DaemonInfo:
        """Return who the daemon is, as it said when the transport met it."""
        return self._info

    def greet(self) -> DaemonInfo:
        """Greet the daemon again: the quickest round trip there is."""
        major, minor = wire.API_VERSION
        version = _own_version()
        request = {"api": {"major": major, "minor": minor}, "client": f"rotolink {version}"}
        answer: daemon_pb2.HelloResponse
        try:
            answer = self._channel.ask("DaemonService/Hello", request, min(_HELLO_TIMEOUT_S, self._timeout_s))
        except CallError as error:
            raise translated_greeting(error, self._address) from error
        if answer.api.major != major:
            raise VersionMismatchError(
                f"The daemon at {self._address} (Rotolink {answer.version}) speaks protocol {answer.api.major}."
                f"{answer.api.minor} and this client (Rotolink {version}) {major}.{minor}: update the older one."
            )
        limits = answer.limits
        return DaemonInfo(
            version=answer.version,
            api=(answer.api.major, answer.api.minor),
            daemon_id=answer.daemon_id,
            limits=Limits(
                limits.message_bytes, limits.chunk_bytes, limits.frame_pixels, limits.sessions, limits.objects
            ),
            features=frozenset(answer.features),
        )

    def engines(self) -> tuple[EngineInfo, ...]:
        """Return every engine, those that cannot be used now included."""
        answer: daemon_pb2.ListEnginesResponse = self._ask("DaemonService/ListEngines", {})
        return tuple(
            EngineInfo(
                name=each.name,
                title=each.title,
                prompts=frozenset(_PROMPT_KINDS[kind] for kind in each.prompts if kind in _PROMPT_KINDS),
                needs_weights=each.needs_weights,
                unavailable=each.unavailable,
                is_default=each.is_default,
                weights=each.weights,
                why_default=each.why_default,
            )
            for each in answer.engines
        )

    def open_path(self, source: PlatePath) -> OpenedPlate:
        """Open a plate on storage that the daemon reads."""
        return self._open({"path": wire.path_to_wire(source)})

    def open_upload(self, plate: Plate) -> OpenedPlate:
        """Open a plate whose frames will be uploaded."""
        return self._open({"upload": wire.plate_to_wire(plate)})

    def upload_frames(
        self, plate_id: str, frames: Iterable[UploadFrame], *, ring: Optional[bool] = None
    ) -> Generator[int, None, None]:
        """Send frames; yield each frame's number once the daemon has stored it."""
        frames = iter(frames)
        if ring is None and self._ring_may_work and not self._ring_works:
            # What a daemon offers, a container or another user between the two ends may prevent: one frame tells.
            first = list(itertools.islice(frames, 1))
            try:
                yield from self._upload(plate_id, first, by_ring=True)
                self._ring_works = True
            except (BadInputError, WorkFailedError):
                self._ring_may_work = False
                yield from self._upload(plate_id, first, by_ring=False)
        yield from self._upload(plate_id, frames, by_ring=self._ring_may_work if ring is None else ring)

    def find_objects(self, plate_id: str, frame: int, phrase: str) -> tuple[FoundObject, ...]:
        """Return what words may mean on a frame, the likeliest first."""
        request = {"plate_id": plate_id, "frame": frame, "phrase": phrase}
        answer: plates_pb2.FindObjectsResponse
        # A network may have to be loaded first.
        answer = self._ask("PlateService/FindObjects", request, self._silence_s)
        return tuple(
            FoundObject(BoxPrompt(each.box.x0, each.box.y0, each.box.x1, each.box.y1), each.score, each.words)
            for each in answer.objects
        )

    def read_picture(self, plate_id: str, frame: int, longest_px: int) -> bytes:
        """Return a frame to look at: a JPEG file in sRGB."""
        request = {"plate_id": plate_id, "frame": frame, "longest_px": longest_px}
        answer: plates_pb2.ReadPictureResponse = self._ask("PlateService/ReadPicture", request)
        return answer.jpeg

    def close_plate(self, plate_id: str) -> None:
        """Forget a plate."""
        self._ask("PlateService/ClosePlate", {"plate_id": plate_id})

    def open_session(
        self, plate_id: str, engine: str = "", *, native_edges: bool = False, name: str = "", artist: str = ""
    ) -> OpenedSession:
        """Start a session; return it with the engine that will work."""
        request = {
            "plate_id": plate_id, "engine": engine, "native_edges": native_edges, "name": name, "artist": artist
        }  # fmt: skip
        answer: sessions_pb2.OpenSessionResponse = self._ask("SessionService/OpenSession", request)
        return OpenedSession(answer.session_id, answer.engine, answer.weights, answer.why_default)

    def sessions(self, artist: str = "") -> tuple[SessionSummary, ...]:
        """Return the sessions that the daemon keeps, or an artist's, those last used first."""
        answer: sessions_pb2.ListSessionsResponse = self._ask("SessionService/ListSessions", {"artist": artist})
        return tuple(
            SessionSummary(
                each.session_id, each.name, each.artist, each.plate, each.engine, tuple(each.objects), each.touched_s
            )
            for each in answer.sessions
        )

    def attach_session(self, session_id: str) -> AttachedSession:
        """Return a session with all that it has but the mattes."""
        stream = self._stream("SessionService/AttachSession", {"session_id": session_id})
        with _readable(), contextlib.closing(stream) as answers:
            return attached(answers)

    def watch_session(self, session_id: str) -> Generator[SessionRevisions, None, None]:
        """Yield the session's revisions now and whenever something changes."""
        stream = self._stream("SessionService/WatchSession", {"session_id": session_id})
        with contextlib.closing(stream) as answers:
            answer: sessions_pb2.WatchSessionResponse
            for answer in answers:
                objects = {
                    each.object_id: ObjectRevisions(each.revision, each.mattes_revision) for each in answer.objects
                }
                yield SessionRevisions(answer.revision, objects)

    def close_session(self, session_id: str) -> None:
        """End a session."""
        self._ask("SessionService/CloseSession", {"session_id": session_id})

    def add_object(self, session_id: str, name: str) -> AddedObject:
        """Add an object to follow, unless one of that name is there."""
        request = {"session_id": session_id, "name": name}
        answer: sessions_pb2.AddObjectResponse = self._ask("SessionService/AddObject", request)
        return AddedObject(answer.object_id, answer.revision, answer.existed)

    def remove_object(self, session_id: str, object_id: int) -> None:
        """Forget an object and all that was made for it."""
        self._ask("SessionService/RemoveObject", {"session_id": session_id, "object_id": object_id})

    def set_prompt(self, session_id: str, object_id: int, prompt: Prompt, based_on: int = 0) -> Prompted:
        """Replace all that is pointed at on a frame; return the matte there."""
        message = wire.prompt_to_wire(prompt, self._channel.matte_codec)
        request = {"session_id": session_id, "object_id": object_id, "prompt": message, "based_on": based_on}
        with contextlib.closing(self._stream("SessionService/SetPrompt", request)) as stream:
            answers: list[sessions_pb2.SetPromptResponse] = list(stream)
        with _readable():
            mattes = [_matte(*each) for each in wire.join_matte_parts(answer.matte for answer in answers)]
        return Prompted(mattes[-1] if mattes else None, answers[-1].revision if answers else 0)

    def propagate(
        self, session_id: str, object_id: int, frames: FrameRange, direction: Direction, *, mattes: bool = False
    ) -> Generator[TrackEvent, None, None]:
        """Follow an object through a range; see `Transport.propagate`."""
        request = {
            "session_id": session_id,
            "object_id": object_id,
            "frames": wire.frames_to_wire(frames),
            "direction": _DIRECTIONS[direction],
            "send_mattes": mattes,
        }
        assembler = wire.MatteAssembler()
        with _readable(), contextlib.closing(self._stream("SessionService/Propagate", request)) as answers:
            answer: sessions_pb2.PropagateResponse
            for answer in answers:
                kind = answer.WhichOneof("event")
                if kind == "progress":
                    yield _progress(answer.progress)
                elif kind == "frame":
                    yield FrameDone(answer.frame.frame, answer.frame.confidence, answer.frame.area_px)
                elif kind == "unreadable":
                    yield FrameUnreadable(answer.unreadable.frame, answer.unreadable.reason)
                elif kind == "matte":
                    packed = assembler.add(answer.matte)
                    if packed is not None:
                        yield _matte(*packed)

    def read_mattes(self, session_id: str, object_id: int, frames: FrameRange) -> Generator[Matte, None, None]:
        """Yield the mattes made before in rising frame order; frames without one are left out."""
        request = {"session_id": session_id, "object_id": object_id, "frames": wire.frames_to_wire(frames)}
        with _readable(), contextlib.closing(self._stream("SessionService/ReadMattes", request)) as answers:
            for packed in wire.join_matte_parts(answer.matte for answer in answers):
                yield _matte(*packed)

    def fit_shapes(self, session_id: str, object_id: int, order: FitOrder) -> Generator[FitEvent, None, None]:
        """Turn an object's mattes into shapes, which replace those it had; the result comes last."""
        request = {
            **(wire.fit_options_to_wire(order.options) if order.options else {}),
            "session_id": session_id,
            "object_id": object_id,
            "edited": order.edited,
            "in_front": order.in_front,
            "frames": None if order.frames is None else wire.frames_to_wire(order.frames),
            "based_on": order.based_on,
        }
        self._require_known(request)
        with _readable(), contextlib.closing(self._stream("SessionService/FitShapes", request)) as answers:
            answer: sessions_pb2.FitShapesResponse
            for answer in answers:
                kind = answer.WhichOneof("event")
                if kind == "progress":
                    yield _progress(answer.progress)
                elif kind == "result":
                    shapes = tuple(map(wire.shape_from_wire, answer.result.shapes))
                    yield Fitted(shapes, replace(_report(answer.result.report), revision=answer.result.revision))

    def shapes(self, session_id: str) -> SessionShapes:
        """Return the shapes of a session in paint order."""
        answer: sessions_pb2.GetShapesResponse
        answer = self._ask("SessionService/GetShapes", {"session_id": session_id, "layers": True})
        with _readable():
            made_by = MadeBy(answer.engine, answer.weights) if answer.engine else None
            shapes = tuple(map(wire.shape_from_wire, answer.shapes))
            return SessionShapes(Roto(wire.plate_from_wire(answer.plate), shapes, made_by), answer.revision)

    def set_shapes(self, session_id: str, object_id: int, shapes: Sequence[Shape], based_on: int = 0) -> int:
        """Replace the shapes of an object by the artist's; return the session's revision since."""
        request = {
            "session_id": session_id,
            "object_id": object_id,
            "shapes": list(map(wire.shape_to_wire, shapes)),
            "based_on": based_on,
        }
        answer: sessions_pb2.SetShapesResponse = self._ask("SessionService/SetShapes", request)
        return answer.revision

    def undo(self, session_id: str, object_id: int, *, redo: bool = False) -> Optional[StepTurned]:
        """Take back the last step of an object, of any when that is 0, or do it again; None when there is none."""
        request = {"session_id": session_id, "object_id": object_id}
        answer = self._ask(f"SessionService/{'Redo' if redo else 'Undo'}", request, self._silence_s)
        with _readable():
            return turned(answer)

    def export(self, session_id: str, order: ExportOrder) -> Generator[ExportEvent, None, None]:
        """Make files and yield their pieces, one file after the other."""
        request = {
            "session_id": session_id,
            "format": _FORMATS[order.format],
            "object_id": order.object_id,
            "frames": None if order.frames is None else wire.frames_to_wire(order.frames),
            "credit": order.credit,
            "matte_bits": order.bits,
            "matte_compression": order.compression,
            "matting": None if order.matting is None else vars(order.matting),
        }
        with _readable(), contextlib.closing(self._stream("SessionService/Export", request)) as answers:
            answer: sessions_pb2.ExportResponse
            for answer in answers:
                kind = answer.WhichOneof("event")
                if kind == "progress":
                    yield _progress(answer.progress)
                elif kind == "file":
                    file = answer.file
                    yield FilePart(file.frame if file.HasField("frame") else None, file.data, file.last)

    def close(self) -> None:
        """Let go of the connection; a second call does nothing."""
        self._uploads.close()
        self._channel.close()

    def _require_known(self, request: Fields) -> None:
        """Refuse what a daemon of an earlier protocol would leave out without a word."""
        asked = {name for name, value in request.items() if value}
        if self._info.api < _OPTIONS_SINCE and asked & _LATE_OPTIONS:
            named = ", ".join(sorted(asked & _LATE_OPTIONS))
            raise VersionMismatchError(
                f"The daemon at {self._address} (Rotolink {self._info.version}) is too old to fit with {named}: "
                "update it, or do without."
            )

    def _open(self, request: Fields) -> OpenedPlate:
        answer: plates_pb2.OpenPlateResponse = self._ask("PlateService/OpenPlate", request)
        with _readable():
            plate = wire.plate_from_wire(answer.plate)
            return OpenedPlate(answer.plate_id, plate, answer.colour_source, answer.ocio_config)

    def _ask(self, method: str, request: Fields, timeout_s: Optional[float] = None) -> Any:  # noqa: ANN401 - an answer
        with self._translated():
            return self._channel.ask(method, request, timeout_s or self._timeout_s)

    def _stream(self, method: str, request: Fields) -> Generator[Any, None, None]:
        with self._translated():
            yield from receive(self._channel.stream(method, request), self._silence_s)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SilentError as error:
            raise WorkFailedError(
                f"The daemon at {self._address} sent nothing for {error.limit_s:g} s, so the call was given up. "
                "roto doctor tells whether it is well."
            ) from error
        except CallError as error:
            raise translated(error, self._address) from error

    def _upload(self, plate_id: str, frames: Iterable[UploadFrame], *, by_ring: bool) -> Generator[int, None, None]:
        with self._translated():
            yield from self._uploads.run(plate_id, frames, by_ring=by_ring)


def _own_version() -> str:
    try:
        return importlib.metadata.version("rotolink")
    except importlib.metadata.PackageNotFoundError:  # copied into a host without its metadata
        return "of unknown version"


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Turn an answer that makes no sense into an error of the daemon's."""
    try:
        yield
    except ValueError as error:
        raise WorkFailedError(f"The daemon's answer cannot be used: {error}") from error


def _progress(message: values_pb2.Progress) -> Progress:
    return Progress(message.done, message.total, message.stage)


def _matte(header: values_pb2.MatteHeader, data: bytes) -> Matte:
    return Matte(
        frame=header.frame,
        object_id=header.object_id,
        width=header.width,
        height=header.height,
        box=(header.left, header.top, header.right, header.bottom),
        bits=header.bits,
        samples=wire.unpack_samples(header, data),
        confidence=header.confidence,
    )


def _report(message: sessions_pb2.FitReport) -> FitReport:
    return FitReport(
        frames=tuple(FrameError(each.frame, each.mean_px, each.p95_px, each.max_px) for each in message.frames),
        tolerance_px=message.tolerance_px,
        effective_tolerance_px=message.effective_tolerance_px,
        shapes=message.shapes,
        control_points=message.control_points,
        keyframes=message.keyframes,
        layer_keyframes=message.layer_keyframes,
        baked_keyframes=message.baked_keyframes,
        control_numbers=message.control_numbers,
        baked_control_numbers=message.baked_control_numbers,
        doubtful_frames=tuple(message.doubtful_frames),
        look_first=tuple(LookFirst(each.frame, tuple(each.reasons)) for each in message.look_first),
        elapsed_s=message.elapsed_s,
    )
