"""A daemon reached by gRPC."""

from __future__ import annotations

import contextlib
import importlib.metadata
import ipaddress
import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Callable, Optional, TypeVar, final

import grpc
from google.protobuf.message import Message

from roto_client.errors import BadInputError, VersionMismatchError, WorkFailedError
from roto_client.results import (
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
    OpenedPlate,
    OpenedSession,
    Progress,
    TrackEvent,
    UploadFrame,
)
from roto_client.transport import DEFAULT_ADDRESS, split_address
from roto_client.transport.status import translated, translated_greeting
from roto_client.transport.streams import Call, SilentError, receive
from roto_client.transport.upload import Uploads
from roto_proto import wire
from roto_proto.v1 import (
    daemon_pb2,
    daemon_pb2_grpc,
    plates_pb2,
    plates_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
    values_pb2,
)
from roto_shapes.prompt import BoxPrompt, Prompt
from roto_shapes.shape import MadeBy, Roto, Shape
from roto_shapes.shot import FrameRange, Plate, PlatePath

_OPTIONS_SINCE = (1, 1)
_LATE_OPTIONS = frozenset(
    {"keyframes_at", "keyframe_step", "points", "parts", "layers", "offset_px", "feather", "edited", "in_front"}
)
"""What FitShapes takes since that version of the protocol."""

_HELLO_TIMEOUT_S = 5.0
_UNARY_TIMEOUT_S = 60.0
"""Opening a long sequence on slow storage or warming an engine takes a while."""
_SILENCE_S = 150.0
"""Longer than a daemon bears a silent worker (120 s), so that its own words about it arrive first."""

_CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),  # the one that notices a frozen peer
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", wire.MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", wire.MESSAGE_LIMIT_BYTES),
    ("grpc.enable_http_proxy", 0),  # a studio's web proxy is not the way to a daemon
)

_PROMPT_KINDS = {
    daemon_pb2.PROMPT_KIND_POINTS: "points",
    daemon_pb2.PROMPT_KIND_BOX: "box",
    daemon_pb2.PROMPT_KIND_MASK: "mask",
}
_DIRECTIONS = {
    Direction.FORWARD: sessions_pb2.DIRECTION_FORWARD,
    Direction.BACKWARD: sessions_pb2.DIRECTION_BACKWARD,
}
_FORMATS = {
    ExportFormat.JSON: sessions_pb2.EXPORT_FORMAT_JSON,
    ExportFormat.NUKE: sessions_pb2.EXPORT_FORMAT_NUKE,
    ExportFormat.MATTE_EXR: sessions_pb2.EXPORT_FORMAT_MATTE_EXR,
    ExportFormat.MATTE_PNG: sessions_pb2.EXPORT_FORMAT_MATTE_PNG,
    ExportFormat.PREVIEW_MP4: sessions_pb2.EXPORT_FORMAT_PREVIEW_MP4,
    ExportFormat.CONTACT_SHEET_PNG: sessions_pb2.EXPORT_FORMAT_CONTACT_SHEET_PNG,
    ExportFormat.REPORT_HTML: sessions_pb2.EXPORT_FORMAT_REPORT_HTML,
    ExportFormat.REPORT_JSON: sessions_pb2.EXPORT_FORMAT_REPORT_JSON,
    ExportFormat.MATTE_TIFF: sessions_pb2.EXPORT_FORMAT_MATTE_TIFF,
    ExportFormat.LAYERS_EXR: sessions_pb2.EXPORT_FORMAT_LAYERS_EXR,
    ExportFormat.CRYPTOMATTE_EXR: sessions_pb2.EXPORT_FORMAT_CRYPTOMATTE_EXR,
    ExportFormat.PREVIEW_MOV: sessions_pb2.EXPORT_FORMAT_PREVIEW_MOV,
    ExportFormat.FOREGROUND_EXR: sessions_pb2.EXPORT_FORMAT_FOREGROUND_EXR,
}

Answer = TypeVar("Answer")


@final
class GrpcTransport:
    """A daemon reached by gRPC. Making one greets the daemon and compares versions.

    `timeout_s` bounds every call with one answer; a stream ends when nothing comes for `silence_s`.
    """

    def __init__(
        self, address: str = DEFAULT_ADDRESS, timeout_s: float = _UNARY_TIMEOUT_S, silence_s: float = _SILENCE_S
    ) -> None:
        host, port = split_address(address)
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._timeout_s = timeout_s
        self._silence_s = silence_s
        self._channel = grpc.insecure_channel(self._address, options=_CHANNEL_OPTIONS)
        self._daemon = daemon_pb2_grpc.DaemonServiceStub(self._channel)
        self._plates = plates_pb2_grpc.PlateServiceStub(self._channel)
        self._sessions = sessions_pb2_grpc.SessionServiceStub(self._channel)
        self._uploads = Uploads(self._plates.UploadFrames, silence_s)
        try:
            self._info = self.greet()
        except BaseException:
            self.close()
            raise
        self._ring_may_work = "ring" in self._info.features and _is_loopback(host)
        self._ring_works = False

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
        version = importlib.metadata.version("rotolink")
        request = daemon_pb2.HelloRequest(
            api=daemon_pb2.ApiVersion(major=major, minor=minor), client=f"rotolink {version}"
        )
        try:
            answer = self._daemon.Hello(request, timeout=min(_HELLO_TIMEOUT_S, self._timeout_s))
        except grpc.RpcError as error:
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
        answer = self._ask(self._daemon.ListEngines, daemon_pb2.ListEnginesRequest())
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
        return self._open(plates_pb2.OpenPlateRequest(path=wire.path_to_wire(source)))

    def open_upload(self, plate: Plate) -> OpenedPlate:
        """Open a plate whose frames will be uploaded."""
        return self._open(plates_pb2.OpenPlateRequest(upload=wire.plate_to_wire(plate)))

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
        request = plates_pb2.FindObjectsRequest(plate_id=plate_id, frame=frame, phrase=phrase)
        # A network may have to be loaded first.
        answer = self._ask(self._plates.FindObjects, request, self._silence_s)
        return tuple(
            FoundObject(BoxPrompt(each.box.x0, each.box.y0, each.box.x1, each.box.y1), each.score, each.words)
            for each in answer.objects
        )

    def read_picture(self, plate_id: str, frame: int, longest_px: int) -> bytes:
        """Return a frame to look at: a JPEG file in sRGB."""
        request = plates_pb2.ReadPictureRequest(plate_id=plate_id, frame=frame, longest_px=longest_px)
        return self._ask(self._plates.ReadPicture, request).jpeg

    def close_plate(self, plate_id: str) -> None:
        """Forget a plate."""
        self._ask(self._plates.ClosePlate, plates_pb2.ClosePlateRequest(plate_id=plate_id))

    def open_session(self, plate_id: str, engine: str = "", *, native_edges: bool = False) -> OpenedSession:
        """Start a session; return it with the engine that will work."""
        request = sessions_pb2.OpenSessionRequest(plate_id=plate_id, engine=engine, native_edges=native_edges)
        answer = self._ask(self._sessions.OpenSession, request)
        return OpenedSession(answer.session_id, answer.engine, answer.weights, answer.why_default)

    def close_session(self, session_id: str) -> None:
        """End a session."""
        self._ask(self._sessions.CloseSession, sessions_pb2.CloseSessionRequest(session_id=session_id))

    def add_object(self, session_id: str, name: str) -> int:
        """Add an object to follow; return its id."""
        request = sessions_pb2.AddObjectRequest(session_id=session_id, name=name)
        return int(self._ask(self._sessions.AddObject, request).object_id)

    def remove_object(self, session_id: str, object_id: int) -> None:
        """Forget an object and all that was made for it."""
        request = sessions_pb2.RemoveObjectRequest(session_id=session_id, object_id=object_id)
        self._ask(self._sessions.RemoveObject, request)

    def set_prompt(self, session_id: str, object_id: int, prompt: Prompt) -> Optional[Matte]:
        """Replace all that is pointed at on a frame; return the matte there, None when the prompt clears it."""
        message = wire.prompt_to_wire(prompt)
        request = sessions_pb2.SetPromptRequest(session_id=session_id, object_id=object_id, prompt=message)
        answers = self._stream(self._sessions.SetPrompt, request)
        with _readable(), contextlib.closing(answers):
            mattes = [_matte(*each) for each in wire.join_matte_parts(answer.matte for answer in answers)]
        return mattes[-1] if mattes else None

    def propagate(
        self, session_id: str, object_id: int, frames: FrameRange, direction: Direction, *, mattes: bool = False
    ) -> Generator[TrackEvent, None, None]:
        """Follow an object through a range; see `Transport.propagate`."""
        request = sessions_pb2.PropagateRequest(
            session_id=session_id,
            object_id=object_id,
            frames=wire.frames_to_wire(frames),
            direction=_DIRECTIONS[direction],
            send_mattes=mattes,
        )
        assembler = wire.MatteAssembler()
        with _readable(), contextlib.closing(self._stream(self._sessions.Propagate, request)) as answers:
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
        request = sessions_pb2.ReadMattesRequest(
            session_id=session_id, object_id=object_id, frames=wire.frames_to_wire(frames)
        )
        with _readable(), contextlib.closing(self._stream(self._sessions.ReadMattes, request)) as answers:
            for packed in wire.join_matte_parts(answer.matte for answer in answers):
                yield _matte(*packed)

    def fit_shapes(self, session_id: str, object_id: int, order: FitOrder) -> Generator[FitEvent, None, None]:
        """Turn an object's mattes into shapes, which replace those it had; the result comes last."""
        request = wire.fit_options_to_wire(order.options) if order.options else sessions_pb2.FitShapesRequest()
        request.session_id, request.object_id = session_id, object_id
        request.edited.extend(order.edited)
        request.in_front.extend(order.in_front)
        if order.frames is not None:
            request.frames.CopyFrom(wire.frames_to_wire(order.frames))
        self._require_known(request)
        with _readable(), contextlib.closing(self._stream(self._sessions.FitShapes, request)) as answers:
            for answer in answers:
                kind = answer.WhichOneof("event")
                if kind == "progress":
                    yield _progress(answer.progress)
                elif kind == "result":
                    shapes = tuple(map(wire.shape_from_wire, answer.result.shapes))
                    yield Fitted(shapes, _report(answer.result.report))

    def shapes(self, session_id: str) -> Roto:
        """Return the shapes of a session in paint order."""
        answer = self._ask(self._sessions.GetShapes, sessions_pb2.GetShapesRequest(session_id=session_id, layers=True))
        with _readable():
            made_by = MadeBy(answer.engine, answer.weights) if answer.engine else None
            return Roto(wire.plate_from_wire(answer.plate), tuple(map(wire.shape_from_wire, answer.shapes)), made_by)

    def set_shapes(self, session_id: str, object_id: int, shapes: Sequence[Shape]) -> None:
        """Replace the shapes of an object by the artist's."""
        messages = map(wire.shape_to_wire, shapes)
        request = sessions_pb2.SetShapesRequest(session_id=session_id, object_id=object_id, shapes=messages)
        self._ask(self._sessions.SetShapes, request)

    def export(self, session_id: str, order: ExportOrder) -> Generator[ExportEvent, None, None]:
        """Make files and yield their pieces, one file after the other."""
        request = sessions_pb2.ExportRequest(
            session_id=session_id,
            format=_FORMATS[order.format],
            object_id=order.object_id,
            frames=None if order.frames is None else wire.frames_to_wire(order.frames),
            credit=order.credit,
            matte_bits=order.bits,
            matte_compression=order.compression,
            matting=None if order.matting is None else sessions_pb2.Matting(**vars(order.matting)),
        )
        with _readable(), contextlib.closing(self._stream(self._sessions.Export, request)) as answers:
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

    def _require_known(self, request: sessions_pb2.FitShapesRequest) -> None:
        """Refuse what a daemon of an earlier protocol would leave out without a word."""
        asked = {field.name for field, _ in request.ListFields()}
        if self._info.api < _OPTIONS_SINCE and asked & _LATE_OPTIONS:
            named = ", ".join(sorted(asked & _LATE_OPTIONS))
            raise VersionMismatchError(
                f"The daemon at {self._address} (Rotolink {self._info.version}) is too old to fit with {named}: "
                "update it, or do without."
            )

    def _open(self, request: plates_pb2.OpenPlateRequest) -> OpenedPlate:
        answer = self._ask(self._plates.OpenPlate, request)
        with _readable():
            plate = wire.plate_from_wire(answer.plate)
            return OpenedPlate(answer.plate_id, plate, answer.colour_source, answer.ocio_config)

    def _ask(self, method: Callable[..., Answer], request: Message, timeout_s: Optional[float] = None) -> Answer:
        _require_sendable(request)
        with self._translated():
            return method(request, timeout=timeout_s or self._timeout_s)

    def _stream(self, method: Callable[[Any], Call[Answer]], request: Message) -> Generator[Answer, None, None]:
        _require_sendable(request)
        with self._translated():
            yield from receive(method(request), self._silence_s)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SilentError as error:
            raise WorkFailedError(
                f"The daemon at {self._address} sent nothing for {error.limit_s:g} s, so the call was given up. "
                "roto doctor tells whether it is well."
            ) from error
        except grpc.RpcError as error:
            raise translated(error, self._address) from error

    def _upload(self, plate_id: str, frames: Iterable[UploadFrame], *, by_ring: bool) -> Generator[int, None, None]:
        with self._translated():
            yield from self._uploads.run(plate_id, frames, by_ring=by_ring)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require_sendable(request: Message) -> None:
    size = request.ByteSize()
    if size > wire.MESSAGE_LIMIT_BYTES:
        raise BadInputError(
            f"This call has {size >> 20} MiB and a daemon takes {wire.MESSAGE_LIMIT_BYTES >> 20}: "
            "send fewer shapes at a time, or a simpler mask."
        )


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
