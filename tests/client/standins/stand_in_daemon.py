# ruff: noqa: N802 - the protocol names its methods
"""A daemon for tests of the client: in this process, strict about the protocol, with a disc where a click was."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Optional

import grpc

from roto_proto import wire
from roto_proto.ring import RingReader
from roto_proto.v1 import (
    daemon_pb2,
    daemon_pb2_grpc,
    plates_pb2,
    plates_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
    values_pb2,
)
from roto_shapes.prompt import Prompt
from roto_shapes.shape import ControlPoint, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

RADIUS = 6


class Refusal(NamedTuple):
    """How a method ends instead of answering."""

    code: grpc.StatusCode
    text: str = "This is why."
    name: Optional[str] = None


BIG_WEIGHTS = "big.pt 0123456789ab (MIT)"


def shape_message(shape: Shape) -> values_pb2.Shape:
    return values_pb2.Shape(**wire.shape_to_wire(shape))


class StandInDaemon(
    daemon_pb2_grpc.DaemonServiceServicer,
    plates_pb2_grpc.PlateServiceServicer,
    sessions_pb2_grpc.SessionServiceServicer,
):
    """Answers as the protocol says; `refusals` and `stalls` name methods that fail or fall silent."""

    def __init__(self) -> None:
        self.address = ""
        self.api = wire.API_VERSION
        self.features = ["ring"]
        self.plate = Plate(64, 48, FrameRange(1001, 1010), "plate.####.png")
        self.sees_files = True
        self.colour_sources: dict[str, str] = {}
        self.refusals: dict[str, Refusal] = {}
        self.stalls: set[str] = set()
        self.released = threading.Event()
        """Set when a call that falls silent is over, because its client has gone."""
        self.calls: list[str] = []
        self.plates: dict[str, Plate] = {}
        self.opened: list[plates_pb2.PathSource] = []
        self.sessions: dict[str, str] = {}
        self.prompts: dict[int, Prompt] = {}
        self.undone: list[Prompt] = []
        self.revision = 7
        self.engines: dict[str, tuple[str, str]] = {}
        self.objects: dict[tuple[str, str], int] = {}
        self.shapes: list[Shape] = []
        self.fits: list[sessions_pb2.FitShapesRequest] = []
        self.runs: list[tuple[FrameRange, int]] = []
        self.frames: dict[int, tuple[str, bytes]] = {}
        self.low_confidence = {1003, 1004, 1007}
        self.unreadable: set[int] = set()
        self.incomplete_file = False
        self.exports: list[sessions_pb2.ExportRequest] = []
        self.native_edges: list[bool] = []
        self._mattes: set[int] = set()

    def Hello(self, request: daemon_pb2.HelloRequest, context: grpc.ServicerContext) -> daemon_pb2.HelloResponse:
        self._begin("Hello", context)
        assert request.client.startswith("rotolink ")
        return daemon_pb2.HelloResponse(
            api=daemon_pb2.ApiVersion(major=self.api[0], minor=self.api[1]),
            version="9.8.7",
            daemon_id="stand-in",
            limits=daemon_pb2.Limits(message_bytes=8 << 20, chunk_bytes=1 << 20, frame_pixels=1 << 26),
            features=self.features,
        )

    def ListEngines(
        self, request: daemon_pb2.ListEnginesRequest, context: grpc.ServicerContext
    ) -> daemon_pb2.ListEnginesResponse:
        self._begin("ListEngines", context)
        points, from_the_future = daemon_pb2.PROMPT_KIND_POINTS, 77
        kinds: Any = [points, from_the_future]
        return daemon_pb2.ListEnginesResponse(
            engines=[
                daemon_pb2.Engine(
                    name="disc",
                    title="A disc",
                    prompts=kinds,
                    is_default=True,
                    why_default="big cannot be used here",
                ),
                daemon_pb2.Engine(
                    name="big",
                    title="A model",
                    needs_weights=True,
                    unavailable="Its weights are missing.",
                    weights=BIG_WEIGHTS,
                ),
            ]
        )

    def OpenPlate(
        self, request: plates_pb2.OpenPlateRequest, context: grpc.ServicerContext
    ) -> plates_pb2.OpenPlateResponse:
        self._begin("OpenPlate", context)
        plate = self.plate
        if request.WhichOneof("source") == "path" and not self.sees_files:
            self._abort(context, Refusal(grpc.StatusCode.NOT_FOUND, "No files there.", "PlateError"))
        if request.WhichOneof("source") == "upload":
            plate = wire.plate_from_wire(request.upload)
        elif request.path.HasField("frames"):
            wanted = wire.frames_from_wire(request.path.frames)
            if wanted.first < plate.frames.first or wanted.last > plate.frames.last:
                self._abort(context, Refusal(grpc.StatusCode.NOT_FOUND, "Those frames are not there.", "PlateError"))
            more = request.path.handles
            wanted = FrameRange(
                max(wanted.first - more, plate.frames.first), min(wanted.last + more, plate.frames.last)
            )
            plate = Plate(plate.width, plate.height, wanted, request.path.path)
        plate_id = f"plate-{len(self.calls)}"
        self.plates[plate_id] = plate
        self.opened.append(request.path)
        self.colour_sources[plate_id] = "" if request.WhichOneof("source") == "upload" else "by the file"
        return plates_pb2.OpenPlateResponse(plate_id=plate_id, plate=values_pb2.Plate(**wire.plate_to_wire(plate)))

    def UploadFrames(
        self, request_iterator: Iterable[plates_pb2.UploadFramesRequest], context: grpc.ServicerContext
    ) -> Iterator[plates_pb2.UploadFramesResponse]:
        self._begin("UploadFrames", context)
        header: Optional[plates_pb2.FrameHeader] = None
        data = b""
        for request in request_iterator:
            assert request.plate_id in self.plates
            if request.WhichOneof("part") == "header":
                assert header is None, "a frame was not finished"
                header, data = request.header, b""
                assert header.WhichOneof("content")
                if header.HasField("ring"):
                    self._begin("ring", context)
                    with RingReader(header.ring.path) as ring:
                        data = bytes(ring.view(header.ring.offset, header.size))
            else:
                assert header is not None
                assert 0 < len(request.data) <= wire.CHUNK_BYTES
                data += request.data
            if len(data) == header.size:
                way = "ring" if header.HasField("ring") else "pieces"
                self.frames[header.frame] = (way, data)
                yield plates_pb2.UploadFramesResponse(frame=header.frame)
                self._maybe_stall("UploadFrames", context)
                header = None

    def FindObjects(
        self, request: plates_pb2.FindObjectsRequest, context: grpc.ServicerContext
    ) -> plates_pb2.FindObjectsResponse:
        self._begin("FindObjects", context)
        assert request.plate_id in self.plates
        found = [
            plates_pb2.FoundObject(
                box=values_pb2.BoxPrompt(x0=left, y0=8, x1=left + 2 * RADIUS, y1=20), score=score, words=request.phrase
            )
            for left, score in ((10, 0.75), (40, 0.5))
        ]
        return plates_pb2.FindObjectsResponse(objects=found if request.phrase == "disc" else found[:1])

    def ReadPicture(
        self, request: plates_pb2.ReadPictureRequest, context: grpc.ServicerContext
    ) -> plates_pb2.ReadPictureResponse:
        self._begin("ReadPicture", context)
        assert request.plate_id in self.plates
        return plates_pb2.ReadPictureResponse(jpeg=f"picture {request.frame} at {request.longest_px}".encode())

    def ClosePlate(
        self, request: plates_pb2.ClosePlateRequest, context: grpc.ServicerContext
    ) -> plates_pb2.ClosePlateResponse:
        self._begin("ClosePlate", context)
        del self.plates[request.plate_id]
        return plates_pb2.ClosePlateResponse()

    def OpenSession(
        self, request: sessions_pb2.OpenSessionRequest, context: grpc.ServicerContext
    ) -> sessions_pb2.OpenSessionResponse:
        self._begin("OpenSession", context)
        assert request.plate_id in self.plates
        self.native_edges.append(request.native_edges)
        session_id = f"session-{len(self.calls)}"
        self.sessions[session_id] = request.plate_id
        if request.engine == "big":
            self.engines[session_id] = ("big", BIG_WEIGHTS)
            return sessions_pb2.OpenSessionResponse(session_id=session_id, engine="big", weights=BIG_WEIGHTS)
        self.engines[session_id] = ("disc", "")
        why = "" if request.engine else "big cannot be used here"
        return sessions_pb2.OpenSessionResponse(session_id=session_id, engine="disc", why_default=why)

    def CloseSession(
        self, request: sessions_pb2.CloseSessionRequest, context: grpc.ServicerContext
    ) -> sessions_pb2.CloseSessionResponse:
        self._begin("CloseSession", context)
        del self.sessions[request.session_id]
        return sessions_pb2.CloseSessionResponse()

    def ListSessions(
        self, request: sessions_pb2.ListSessionsRequest, context: grpc.ServicerContext
    ) -> sessions_pb2.ListSessionsResponse:
        self._begin("ListSessions", context)
        kept = [
            sessions_pb2.SessionSummary(
                session_id=session_id,
                name="plate",
                artist=request.artist,
                plate=self.plate.name,
                engine=self.engines[session_id][0],
                objects=[name for of, name in self.objects if of == session_id],
                touched_s=1e9,
            )
            for session_id in self.sessions
        ]
        return sessions_pb2.ListSessionsResponse(sessions=kept)

    def AttachSession(
        self, request: sessions_pb2.AttachSessionRequest, context: grpc.ServicerContext
    ) -> Iterator[sessions_pb2.AttachSessionResponse]:
        self._begin("AttachSession", context)
        plate_id = self.sessions[request.session_id]
        plate = values_pb2.Plate(**wire.plate_to_wire(self.plates[plate_id]))
        engine, weights = self.engines[request.session_id]
        yield sessions_pb2.AttachSessionResponse(
            session=sessions_pb2.AttachedSession(
                session_id=request.session_id, name="plate", plate_id=plate_id, plate=plate, engine=engine,
                weights=weights, revision=self.revision, colour_source=self.colour_sources[plate_id],
            )
        )  # fmt: skip
        for (session_id, name), object_id in self.objects.items():
            if session_id != request.session_id:
                continue
            mattes = [sessions_pb2.FrameDone(frame=frame, confidence=0.9, area_px=113.0) for frame in self._mattes]
            added = sessions_pb2.AttachedObject(object_id=object_id, name=name, mattes=mattes)
            yield sessions_pb2.AttachSessionResponse(object=added)
            for prompt in self.prompts.values():
                message = values_pb2.Prompt(**wire.prompt_to_wire(prompt))
                told = sessions_pb2.ObjectPrompt(object_id=object_id, prompt=message)
                yield sessions_pb2.AttachSessionResponse(prompt=told)
            if self.shapes:
                shapes = sessions_pb2.ObjectShapes(object_id=object_id, shapes=list(map(shape_message, self.shapes)))
                yield sessions_pb2.AttachSessionResponse(shapes=shapes)

    def WatchSession(
        self, request: sessions_pb2.WatchSessionRequest, context: grpc.ServicerContext
    ) -> Iterator[sessions_pb2.WatchSessionResponse]:
        self._begin("WatchSession", context)
        objects = [
            sessions_pb2.ObjectRevision(object_id=each, revision=self.revision, mattes_revision=1)
            for each in self.objects.values()
        ]
        yield sessions_pb2.WatchSessionResponse(revision=self.revision, objects=objects)

    def Undo(self, request: sessions_pb2.UndoRequest, context: grpc.ServicerContext) -> sessions_pb2.UndoResponse:
        self._begin("Undo", context)
        if not self.prompts:
            return sessions_pb2.UndoResponse()
        self.undone.append(self.prompts.popitem()[1])
        cleared = values_pb2.Prompt(frame=self.undone[-1].frame)
        return sessions_pb2.UndoResponse(
            prompt=sessions_pb2.ObjectPrompt(object_id=request.object_id or 1, prompt=cleared), revision=self.revision
        )

    def Redo(self, request: sessions_pb2.RedoRequest, context: grpc.ServicerContext) -> sessions_pb2.RedoResponse:
        self._begin("Redo", context)
        if not self.undone:
            return sessions_pb2.RedoResponse()
        prompt = self.undone.pop()
        self.prompts[prompt.frame] = prompt
        again = values_pb2.Prompt(**wire.prompt_to_wire(prompt))
        return sessions_pb2.RedoResponse(
            prompt=sessions_pb2.ObjectPrompt(object_id=request.object_id or 1, prompt=again), revision=self.revision
        )

    def AddObject(
        self, request: sessions_pb2.AddObjectRequest, context: grpc.ServicerContext
    ) -> sessions_pb2.AddObjectResponse:
        self._begin("AddObject", context)
        assert request.session_id in self.sessions
        assert request.name
        self.objects.setdefault((request.session_id, request.name), len(self.objects) + 1)
        return sessions_pb2.AddObjectResponse(object_id=self.objects[request.session_id, request.name])

    def RemoveObject(
        self, request: sessions_pb2.RemoveObjectRequest, context: grpc.ServicerContext
    ) -> sessions_pb2.RemoveObjectResponse:
        self._begin("RemoveObject", context)
        assert request.object_id in self.objects.values()
        return sessions_pb2.RemoveObjectResponse()

    def SetPrompt(
        self, request: sessions_pb2.SetPromptRequest, context: grpc.ServicerContext
    ) -> Iterator[sessions_pb2.SetPromptResponse]:
        self._begin("SetPrompt", context)
        prompt = wire.prompt_from_wire(request.prompt, (self.plate.width, self.plate.height))
        self.prompts[prompt.frame] = prompt
        if not prompt.is_empty:
            for part in self._matte_parts(prompt.frame, context):
                yield sessions_pb2.SetPromptResponse(matte=part)

    def Propagate(
        self, request: sessions_pb2.PropagateRequest, context: grpc.ServicerContext
    ) -> Iterator[sessions_pb2.PropagateResponse]:
        self._begin("Propagate", context)
        assert request.direction in {sessions_pb2.DIRECTION_FORWARD, sessions_pb2.DIRECTION_BACKWARD}
        frames = wire.frames_from_wire(request.frames)
        self.runs.append((frames, request.direction))
        order = list(frames) if request.direction == sessions_pb2.DIRECTION_FORWARD else list(frames)[::-1]
        for done, frame in enumerate(order, 1):
            if frame in self.unreadable:
                bad = sessions_pb2.FrameUnreadable(frame=frame, reason=f"Frame {frame} is damaged: render it again.")
                yield sessions_pb2.PropagateResponse(unreadable=bad)
                continue
            self._mattes.add(frame)
            confidence = 0.2 if frame in self.low_confidence else 0.9
            done_frame = sessions_pb2.FrameDone(frame=frame, confidence=confidence, area_px=113.0)
            yield sessions_pb2.PropagateResponse(frame=done_frame)
            if request.send_mattes:
                for part in self._matte_parts(frame, context):
                    yield sessions_pb2.PropagateResponse(matte=part)
            progress = values_pb2.Progress(done=done, total=len(order), stage="tracking")
            yield sessions_pb2.PropagateResponse(progress=progress)
            self._maybe_stall("Propagate", context)

    def ReadMattes(
        self, request: sessions_pb2.ReadMattesRequest, context: grpc.ServicerContext
    ) -> Iterator[sessions_pb2.ReadMattesResponse]:
        self._begin("ReadMattes", context)
        for frame in wire.frames_from_wire(request.frames):
            if frame in self._mattes:
                for part in self._matte_parts(frame, context):
                    yield sessions_pb2.ReadMattesResponse(matte=part)

    def FitShapes(
        self, request: sessions_pb2.FitShapesRequest, context: grpc.ServicerContext
    ) -> Iterator[sessions_pb2.FitShapesResponse]:
        self._begin("FitShapes", context)
        self.fits.append(request)
        yield sessions_pb2.FitShapesResponse(progress=values_pb2.Progress(done=1, total=2, stage="fitting"))
        self._maybe_stall("FitShapes", context)
        square = tuple(ControlPoint(x, y) for x, y in ((1, 1), (9, 1), (9, 9), (1, 9)))
        interpolation = wire.interpolation_from_wire(request.interpolation)
        shape = Shape("ball", (ShapeKeyframe(1001, square),), self.plate.frames, interpolation=interpolation)
        self.shapes = [shape]
        errors = [
            sessions_pb2.FrameError(frame=frame, mean_px=0.25, p95_px=0.5, max_px=2.0 if frame == 1006 else 1.0)
            for frame in self.plate.frames
        ]
        report = sessions_pb2.FitReport(
            frames=errors,
            effective_tolerance_px=request.tolerance_px or 1.0,
            shapes=1,
            control_points=4,
            keyframes=1,
            tolerance_px=1.0,
            layer_keyframes=2 if request.layers else 0,
            baked_keyframes=3 if request.layers else 1,
            control_numbers=31,
            baked_control_numbers=75,
            doubtful_frames=[1006],
            look_first=[
                sessions_pb2.LookFirst(frame=1006, reasons=["outline off by 2.0 px", "mask drawn through"]),
                sessions_pb2.LookFirst(frame=1003, reasons=["a shape crosses itself"]),
            ],
            elapsed_s=0.5,
        )
        result = sessions_pb2.FittedShapes(shapes=map(shape_message, self.shapes), report=report)
        yield sessions_pb2.FitShapesResponse(result=result)

    def GetShapes(
        self, request: sessions_pb2.GetShapesRequest, context: grpc.ServicerContext
    ) -> sessions_pb2.GetShapesResponse:
        self._begin("GetShapes", context)
        shapes = map(shape_message, self.shapes)
        engine, weights = self.engines[request.session_id]
        return sessions_pb2.GetShapesResponse(
            plate=values_pb2.Plate(**wire.plate_to_wire(self.plate)), shapes=shapes, engine=engine, weights=weights
        )

    def SetShapes(
        self, request: sessions_pb2.SetShapesRequest, context: grpc.ServicerContext
    ) -> sessions_pb2.SetShapesResponse:
        self._begin("SetShapes", context)
        self.shapes = list(map(wire.shape_from_wire, request.shapes))
        return sessions_pb2.SetShapesResponse()

    def Export(
        self, request: sessions_pb2.ExportRequest, context: grpc.ServicerContext
    ) -> Iterator[sessions_pb2.ExportResponse]:
        self._begin("Export", context)
        assert request.format != sessions_pb2.EXPORT_FORMAT_UNSPECIFIED
        self.exports.append(request)
        a_file_a_frame = request.format in {
            sessions_pb2.EXPORT_FORMAT_MATTE_EXR,
            sessions_pb2.EXPORT_FORMAT_MATTE_PNG,
            sessions_pb2.EXPORT_FORMAT_MATTE_TIFF,
            sessions_pb2.EXPORT_FORMAT_LAYERS_EXR,
            sessions_pb2.EXPORT_FORMAT_CRYPTOMATTE_EXR,
            sessions_pb2.EXPORT_FORMAT_FOREGROUND_EXR,
        }
        frames: list[Optional[int]] = [None]
        if a_file_a_frame:
            frames = list(wire.frames_from_wire(request.frames))
        for done, frame in enumerate(frames, 1):
            yield sessions_pb2.ExportResponse(file=sessions_pb2.FilePart(frame=frame, data=b"first "))
            self._maybe_stall("Export", context)
            if self.incomplete_file:
                return
            text = f"{request.credit}{'' if frame is None else frame}".encode()
            yield sessions_pb2.ExportResponse(file=sessions_pb2.FilePart(frame=frame, data=text, last=True))
            progress = values_pb2.Progress(done=done, total=len(frames), stage="writing")
            yield sessions_pb2.ExportResponse(progress=progress)

    def _begin(self, method: str, context: grpc.ServicerContext) -> None:
        self.calls.append(method)
        if method in self.stalls:
            context.add_callback(self.released.set)
        if method in self.refusals:
            self._abort(context, self.refusals[method])

    def _abort(self, context: grpc.ServicerContext, refusal: Refusal) -> None:
        if refusal.name is not None:
            context.set_trailing_metadata((("roto-error", refusal.name),))
        context.abort(refusal.code, refusal.text)

    def _maybe_stall(self, method: str, context: grpc.ServicerContext) -> None:
        while method in self.stalls:
            if not context.is_active():
                return
            time.sleep(0.005)

    def _matte_parts(self, frame: int, context: grpc.ServicerContext) -> Iterator[values_pb2.MattePart]:
        """A disc of full coverage round the earliest click, in 16 bits on odd frames."""
        clicked = next((prompt.points[0] for _, prompt in sorted(self.prompts.items()) if prompt.points), None)
        x, y = (clicked.x, clicked.y) if clicked else (20.0, 20.0)
        bits = 16 if frame % 2 else 8
        left, top, right, bottom = int(x) - RADIUS, int(y) - RADIUS, int(x) + RADIUS, int(y) + RADIUS
        samples = b"".join(
            (b"\xff" if (column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2 <= RADIUS**2 else b"\0") * (bits // 8)
            for row in range(top, bottom)
            for column in range(left, right)
        )
        wants_zlib = ("matte-coding", "zlib") in {tuple(each) for each in context.invocation_metadata()}
        codec = values_pb2.MATTE_CODEC_ZLIB if wants_zlib else values_pb2.MATTE_CODEC_ZSTD
        data = wire.pack_samples(samples, codec)
        header = values_pb2.MatteHeader(
            frame=frame,
            object_id=1,
            confidence=0.75,
            width=self.plate.width,
            height=self.plate.height,
            left=left,
            top=top,
            right=right,
            bottom=bottom,
            bits=bits,
            codec=codec,
            size=len(data),
        )
        return (values_pb2.MattePart(**part) for part in wire.matte_parts(header, data))


@contextlib.contextmanager
def served() -> Iterator[StandInDaemon]:
    """Serve a stand-in on a free loopback port."""
    daemon = StandInDaemon()
    server = grpc.server(ThreadPoolExecutor(8), options=(("grpc.so_reuseport", 0),))
    daemon_pb2_grpc.add_DaemonServiceServicer_to_server(daemon, server)
    plates_pb2_grpc.add_PlateServiceServicer_to_server(daemon, server)
    sessions_pb2_grpc.add_SessionServiceServicer_to_server(daemon, server)
    daemon.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield daemon
    finally:
        daemon.stalls.clear()
        server.stop(None).wait()
