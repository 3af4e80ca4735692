"""Interactive work on a plate."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

from roto_daemon.errors import PromptError
from roto_daemon.plates.matte_store import StoredMatte
from roto_daemon.service.status import Context, answered, streamed
from roto_daemon.sessions import Sessions, Turned
from roto_daemon.sessions.state import FileOrder, FitOrder, Session, TrackedObject
from roto_daemon.workers.orders import MattingOrder
from roto_proto import wire
from roto_proto.v1 import sessions_pb2 as pb
from roto_proto.v1 import sessions_pb2_grpc, values_pb2
from roto_shapes.formats import encode
from roto_shapes.layers import baked
from roto_shapes.prompt import Prompt
from roto_shapes.shot import FrameRange

_DIRECTIONS = {pb.DIRECTION_FORWARD: 1, pb.DIRECTION_BACKWARD: -1}
_TEXT_FORMATS = {pb.EXPORT_FORMAT_JSON: ".json", pb.EXPORT_FORMAT_NUKE: ".nk"}
_FILE_KINDS = {
    pb.EXPORT_FORMAT_MATTE_EXR: "exr",
    pb.EXPORT_FORMAT_MATTE_PNG: "png",
    pb.EXPORT_FORMAT_PREVIEW_MP4: "preview",
    pb.EXPORT_FORMAT_CONTACT_SHEET_PNG: "sheet",
    pb.EXPORT_FORMAT_REPORT_HTML: "report.html",
    pb.EXPORT_FORMAT_REPORT_JSON: "report.json",
    pb.EXPORT_FORMAT_MATTE_TIFF: "tif",
    pb.EXPORT_FORMAT_LAYERS_EXR: "layers",
    pb.EXPORT_FORMAT_CRYPTOMATTE_EXR: "cryptomatte",
    pb.EXPORT_FORMAT_PREVIEW_MOV: "movie",
    pb.EXPORT_FORMAT_FOREGROUND_EXR: "foreground",
}
_CODING_KEY = "matte-coding"
_CODINGS = {"zstd": values_pb2.MATTE_CODEC_ZSTD, "zlib": values_pb2.MATTE_CODEC_ZLIB}
_ZLIB_LEVEL = 1  # mattes are flat: higher levels cost time and win next to nothing
_DEFAULT_BITS = 16
_DEFAULT_COMPRESSION = "zip"


class SessionServicer(sessions_pb2_grpc.SessionServiceServicer):
    """Objects, prompts, mattes, shapes and files."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @answered
    async def OpenSession(self, request: pb.OpenSessionRequest, context: Context) -> pb.OpenSessionResponse:
        """Start a session."""
        session = await self._sessions.open_session(
            request.plate_id,
            request.engine,
            native_edges=request.native_edges,
            name=request.name,
            artist=request.artist,
        )
        return pb.OpenSessionResponse(
            session_id=session.session_id,
            engine=session.engine,
            weights=session.weights,
            why_default=session.why_default,
        )

    @answered
    async def ListSessions(self, request: pb.ListSessionsRequest, context: Context) -> pb.ListSessionsResponse:
        """List the sessions."""
        told = await self._sessions.summaries(request.artist)
        return pb.ListSessionsResponse(sessions=[pb.SessionSummary(**each) for each in told])

    @streamed
    async def AttachSession(
        self, request: pb.AttachSessionRequest, context: Context
    ) -> AsyncGenerator[pb.AttachSessionResponse, None]:
        """Send a session."""
        session = await self._sessions.session(request.session_id)
        yield pb.AttachSessionResponse(session=_attached(session))
        for each in list(session.objects.values()):
            facts = await asyncio.to_thread(session.store.facts, each.object_id)
            mattes = [pb.FrameDone(frame=frame, confidence=sure, area_px=area) for frame, sure, area in facts]
            yield pb.AttachSessionResponse(
                object=pb.AttachedObject(object_id=each.object_id, name=each.name, mattes=mattes)
            )
            for prompt in list(each.prompts.values()):
                yield pb.AttachSessionResponse(prompt=_prompt(each, prompt))
            if each.shapes:
                yield pb.AttachSessionResponse(shapes=_shapes(each))

    @streamed
    async def WatchSession(
        self, request: pb.WatchSessionRequest, context: Context
    ) -> AsyncGenerator[pb.WatchSessionResponse, None]:
        """Tell what changes."""
        async with contextlib.aclosing(self._sessions.watch(request.session_id)) as changes:
            async for session in changes:
                objects = [
                    pb.ObjectRevision(
                        object_id=each.object_id, revision=each.revision, mattes_revision=each.mattes_revision
                    )
                    for each in session.objects.values()
                ]
                yield pb.WatchSessionResponse(revision=session.revision, objects=objects)

    @answered
    async def CloseSession(self, request: pb.CloseSessionRequest, context: Context) -> pb.CloseSessionResponse:
        """End a session."""
        await self._sessions.close_session(request.session_id)
        return pb.CloseSessionResponse()

    @answered
    async def AddObject(self, request: pb.AddObjectRequest, context: Context) -> pb.AddObjectResponse:
        """Add an object."""
        added = await self._sessions.add_object(request.session_id, request.name)
        return pb.AddObjectResponse(**vars(added))

    @answered
    async def RemoveObject(self, request: pb.RemoveObjectRequest, context: Context) -> pb.RemoveObjectResponse:
        """Forget an object."""
        await self._sessions.remove_object(request.session_id, request.object_id)
        return pb.RemoveObjectResponse()

    @streamed
    async def SetPrompt(
        self, request: pb.SetPromptRequest, context: Context
    ) -> AsyncGenerator[pb.SetPromptResponse, None]:
        """Follow a prompt and send the matte."""
        plate = (await self._sessions.session(request.session_id)).plate.plate
        prompt = wire.prompt_from_wire(request.prompt, (plate.width, plate.height))
        codec = _matte_codec(context)
        done = await self._sessions.set_prompt(request.session_id, request.object_id, prompt, request.based_on)
        if done.matte:
            for part in await _matte_parts(done.matte, request.object_id, prompt.frame, codec):
                yield pb.SetPromptResponse(matte=part, revision=done.revision)

    @streamed
    async def Propagate(
        self, request: pb.PropagateRequest, context: Context
    ) -> AsyncGenerator[pb.PropagateResponse, None]:
        """Follow an object through frames."""
        if request.direction not in _DIRECTIONS:
            raise PromptError("Say which way to follow the object: DIRECTION_FORWARD or DIRECTION_BACKWARD.")
        frames = _required_frames(request)
        codec = _matte_codec(context)
        session = await self._sessions.session(request.session_id)
        run = self._sessions.propagate(request.session_id, request.object_id, frames, _DIRECTIONS[request.direction])
        done = 0
        async with contextlib.aclosing(run) as events:
            async for event in events:
                done += 1
                if "unreadable" in event:
                    unreadable = pb.FrameUnreadable(frame=event["frame"], reason=event["unreadable"])
                    yield pb.PropagateResponse(unreadable=unreadable)
                else:
                    yield pb.PropagateResponse(frame=pb.FrameDone(**event))
                yield pb.PropagateResponse(progress=_progress(done, len(frames), "tracking"))
                if request.send_mattes and "unreadable" not in event:
                    stored = session.store.read(request.object_id, event["frame"])
                    for part in await _matte_parts(stored, request.object_id, event["frame"], codec):
                        yield pb.PropagateResponse(matte=part)

    @streamed
    async def ReadMattes(
        self, request: pb.ReadMattesRequest, context: Context
    ) -> AsyncGenerator[pb.ReadMattesResponse, None]:
        """Send mattes made before."""
        session = await self._sessions.session(request.session_id)
        session.find(request.object_id)
        wanted = _required_frames(request)
        codec = _matte_codec(context)
        for frame in session.store.frames(request.object_id):
            if frame in wanted:
                stored = await asyncio.to_thread(session.store.read, request.object_id, frame)
                for part in await _matte_parts(stored, request.object_id, frame, codec):
                    yield pb.ReadMattesResponse(matte=part)

    @streamed
    async def FitShapes(
        self, request: pb.FitShapesRequest, context: Context
    ) -> AsyncGenerator[pb.FitShapesResponse, None]:
        """Turn mattes into shapes."""
        order = FitOrder(
            _optional_frames(request),
            wire.fit_options_from_wire(request),
            tuple(request.edited),
            tuple(request.in_front),
            request.based_on,
        )
        run = self._sessions.fit(request.session_id, request.object_id, order)
        async with contextlib.aclosing(run) as events:
            async for event in events:
                if "shapes" in event:
                    shapes = [values_pb2.Shape(**wire.shape_to_wire(shape)) for shape in event["shapes"]]
                    report = _report(event["report"])
                    result = pb.FittedShapes(shapes=shapes, report=report, revision=event["revision"])
                    yield pb.FitShapesResponse(result=result)
                else:
                    yield pb.FitShapesResponse(progress=_progress(event["done"], event["total"], "fitting"))

    @answered
    async def GetShapes(self, request: pb.GetShapesRequest, context: Context) -> pb.GetShapesResponse:
        """Send the shapes."""
        session = await self._sessions.session(request.session_id)
        roto = session.roto()
        roto = roto if request.layers else baked(roto)
        return pb.GetShapesResponse(
            plate=values_pb2.Plate(**wire.plate_to_wire(roto.plate)),
            shapes=[values_pb2.Shape(**wire.shape_to_wire(shape)) for shape in roto.shapes],
            engine=roto.made_by.engine if roto.made_by else "",
            weights=roto.made_by.weights if roto.made_by else "",
            revision=session.revision,
        )

    @answered
    async def SetShapes(self, request: pb.SetShapesRequest, context: Context) -> pb.SetShapesResponse:
        """Take the artist's shapes."""
        shapes = tuple(wire.shape_from_wire(shape) for shape in request.shapes)
        revision = await self._sessions.set_shapes(request.session_id, request.object_id, shapes, request.based_on)
        return pb.SetShapesResponse(revision=revision)

    @answered
    async def Undo(self, request: pb.UndoRequest, context: Context) -> pb.UndoResponse:
        """Take a step back."""
        return pb.UndoResponse(**_turned(await self._sessions.undo(request.session_id, request.object_id)))

    @answered
    async def Redo(self, request: pb.RedoRequest, context: Context) -> pb.RedoResponse:
        """Do a step again."""
        return pb.RedoResponse(**_turned(await self._sessions.undo(request.session_id, request.object_id, redo=True)))

    @streamed
    async def Export(self, request: pb.ExportRequest, context: Context) -> AsyncGenerator[pb.ExportResponse, None]:
        """Make files and send them."""
        if request.format in _TEXT_FORMATS:
            roto = (await self._sessions.session(request.session_id)).roto()
            text = await asyncio.to_thread(encode, roto, _TEXT_FORMATS[request.format])
            pieces = list(wire.chunks(text.encode()))
            for index, piece in enumerate(pieces):
                yield pb.ExportResponse(file=pb.FilePart(data=piece, last=index == len(pieces) - 1))
            return
        if request.format not in _FILE_KINDS:
            raise PromptError("Say what to export: one of the formats of ExportFormat.")
        order = FileOrder(
            _FILE_KINDS[request.format],
            request.object_id,
            _optional_frames(request),
            request.credit,
            request.matte_bits or _DEFAULT_BITS,
            request.matte_compression or _DEFAULT_COMPRESSION,
            MattingOrder(request.matting.by, request.matting.band_px) if request.HasField("matting") else None,
        )
        async with contextlib.aclosing(self._sessions.files(request.session_id, order)) as events:
            async for event in events:
                if "file" in event:
                    async for part in _file_parts(Path(event["file"]), event["frame"]):
                        yield pb.ExportResponse(file=part)
                else:
                    yield pb.ExportResponse(progress=_progress(event["done"], event["total"], "writing"))


def _progress(done: int, total: int, stage: str) -> values_pb2.Progress:
    return values_pb2.Progress(done=done, total=total, stage=stage)


def _attached(session: Session) -> pb.AttachedSession:
    return pb.AttachedSession(
        session_id=session.session_id,
        name=session.name,
        artist=session.artist,
        plate_id=session.plate.plate_id,
        plate=values_pb2.Plate(**wire.plate_to_wire(session.plate.plate)),
        colour_source=session.plate.colour_source,
        ocio_config=session.plate.ocio_config,
        engine=session.engine,
        weights=session.weights,
        why_default=session.why_default,
        revision=session.revision,
    )


def _prompt(target: TrackedObject, prompt: Prompt) -> pb.ObjectPrompt:
    return pb.ObjectPrompt(object_id=target.object_id, prompt=values_pb2.Prompt(**wire.prompt_to_wire(prompt)))


def _shapes(target: TrackedObject) -> pb.ObjectShapes:
    return pb.ObjectShapes(
        object_id=target.object_id, shapes=[values_pb2.Shape(**wire.shape_to_wire(each)) for each in target.shapes]
    )


def _turned(turned: Turned | None) -> dict[str, Any]:
    if turned is None:
        return {}
    if turned.prompt is None:
        return {"shapes": _shapes(turned.target), "revision": turned.revision}
    return {"prompt": _prompt(turned.target, turned.prompt), "revision": turned.revision}


def _optional_frames(request: Any) -> FrameRange | None:  # noqa: ANN401 - any request with frames
    return wire.frames_from_wire(request.frames) if request.HasField("frames") else None


def _required_frames(request: Any) -> FrameRange:  # noqa: ANN401 - as above
    frames = _optional_frames(request)
    if frames is None:
        raise PromptError("Say which frames: give their first and last.")
    return frames


def _matte_codec(context: Context) -> values_pb2.MatteCodec.ValueType:
    """Return how mattes are packed for a caller: it may say so in the metadata."""
    asked = [str(value) for key, value in context.invocation_metadata() or () if key == _CODING_KEY]
    if asked and asked[-1] not in _CODINGS:
        raise PromptError(f"Mattes cannot be packed by '{asked[-1]}': ask for {' or '.join(_CODINGS)}.")
    return _CODINGS[asked[-1]] if asked else values_pb2.MATTE_CODEC_ZSTD


async def _matte_parts(
    stored: StoredMatte, object_id: int, frame: int, codec: values_pb2.MatteCodec.ValueType
) -> Iterator[values_pb2.MattePart]:
    encoded = stored.encoded
    left, top, right, bottom = encoded.box
    header = values_pb2.MatteHeader(
        frame=frame,
        object_id=object_id,
        confidence=stored.confidence,
        width=encoded.width,
        height=encoded.height,
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        bits=encoded.bits,
        codec=values_pb2.MATTE_CODEC_ZSTD if encoded.data else values_pb2.MATTE_CODEC_RAW,
        size=len(encoded.data),
    )
    data = encoded.data
    if data and codec == values_pb2.MATTE_CODEC_ZLIB:
        data = await asyncio.to_thread(_repacked, header, data)
        header.codec, header.size = codec, len(data)
    return (values_pb2.MattePart(**part) for part in wire.matte_parts(header, data))


def _repacked(header: values_pb2.MatteHeader, data: bytes) -> bytes:
    return zlib.compress(wire.unpack_samples(header, data), _ZLIB_LEVEL)


async def _file_parts(file: Path, frame: int | None) -> AsyncGenerator[pb.FilePart, None]:
    """Send a file that a worker made, piece by piece, and delete it."""
    stream = await asyncio.to_thread(file.open, "rb")
    with stream:
        piece = await asyncio.to_thread(stream.read, wire.CHUNK_BYTES)
        while True:
            following = await asyncio.to_thread(stream.read, wire.CHUNK_BYTES)
            yield pb.FilePart(frame=frame, data=piece, last=not following)
            if not following:
                break
            piece = following
    await asyncio.to_thread(file.unlink)


def _report(report: dict[str, Any]) -> pb.FitReport:
    frames = [pb.FrameError(**each) for each in report["frames"]]
    look_first = [pb.LookFirst(**each) for each in report["look_first"]]
    return pb.FitReport(**{**report, "frames": frames, "look_first": look_first})
