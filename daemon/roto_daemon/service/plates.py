"""Plates in: by path, or frame by frame as a stream or through memory shared with a client on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

from roto_daemon.errors import ConflictError, PlateError
from roto_daemon.plates.spool import FrameSpool, PixelLayout
from roto_daemon.service.status import Context, answered, streamed
from roto_daemon.sessions import OpenPlate, Sessions
from roto_daemon.workers.orders import PlateOrder
from roto_proto import wire
from roto_proto.ring import RingReader
from roto_proto.v1 import plates_pb2 as pb
from roto_proto.v1 import plates_pb2_grpc

_SAMPLES = {
    pb.SAMPLE_TYPE_U8: "uint8",
    pb.SAMPLE_TYPE_U16: "uint16",
    pb.SAMPLE_TYPE_F16: "float16",
    pb.SAMPLE_TYPE_F32: "float32",
}


class PlateServicer(plates_pb2_grpc.PlateServiceServicer):
    """Opens plates and takes frames."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @answered
    async def OpenPlate(self, request: pb.OpenPlateRequest, context: Context) -> pb.OpenPlateResponse:
        """Open a plate by path or for upload."""
        source = request.WhichOneof("source")
        if source == "path":
            path = request.path
            frames = wire.frames_from_wire(path.frames) if path.HasField("frames") else None
            first_frame = path.first_frame if path.HasField("first_frame") else None
            order = PlateOrder(path.path, frames, first_frame, path.colour_space)
            opened = await self._sessions.open_plate(order)
        elif source == "upload":
            opened = self._sessions.open_upload(wire.plate_from_wire(request.upload))
        else:
            raise PlateError("Say where the frames come from: a path, or an upload.")
        return pb.OpenPlateResponse(plate_id=opened.plate_id, plate=wire.plate_to_wire(opened.plate))

    @streamed
    async def UploadFrames(
        self, request_iterator: AsyncIterator[pb.UploadFramesRequest], context: Context
    ) -> AsyncGenerator[pb.UploadFramesResponse, None]:
        """Store frames as they come."""
        upload: _Upload | None = None
        try:
            async for request in request_iterator:
                if upload is None:
                    upload = _Upload(_spool(self._sessions.plate(request.plate_id)))
                for frame in await upload.take(request):
                    yield pb.UploadFramesResponse(frame=frame)
            if upload and upload.header:
                raise PlateError(f"Frame {upload.header.frame} ended before all of its bytes had come: send it again.")
        finally:
            if upload:
                upload.close()

    @answered
    async def ClosePlate(self, request: pb.ClosePlateRequest, context: Context) -> pb.ClosePlateResponse:
        """Forget a plate."""
        self._sessions.close_plate(request.plate_id)
        return pb.ClosePlateResponse()


def _spool(plate: OpenPlate) -> FrameSpool:
    if plate.spool is None:
        raise ConflictError("This plate was opened by path: open one for upload to send frames.")
    return plate.spool


@dataclass
class _Upload:
    """The frame that is on its way; one buffer serves every frame of a call."""

    spool: FrameSpool
    header: pb.FrameHeader | None = None
    buffer: bytearray = field(default_factory=bytearray)
    filled: int = 0
    rings: dict[str, RingReader] = field(default_factory=dict)

    async def take(self, request: pb.UploadFramesRequest) -> list[int]:
        """Take a step in; return the frame that it completes, if any."""
        if request.WhichOneof("part") == "header":
            self._begin(request.header)
            if request.header.HasField("ring"):
                return [await self._store(self._slot(request.header))]
        elif self.header is None:
            raise PlateError("Bytes came before the header of their frame: send a FrameHeader first.")
        else:
            self._append(request.data)
        if self.header and self.filled == self.header.size:
            return [await self._store(memoryview(self.buffer)[: self.filled])]
        return []

    def close(self) -> None:
        """Let go of shared memory."""
        for ring in self.rings.values():
            ring.close()

    def _begin(self, header: pb.FrameHeader) -> None:
        if self.header is not None:
            raise PlateError(f"Frame {self.header.frame} ended before all of its bytes had come: send it again.")
        self.spool.check(header.frame, header.size)
        self.header, self.filled = header, 0
        if not header.HasField("ring") and len(self.buffer) < header.size:
            self.buffer = bytearray(header.size)

    def _append(self, data: bytes) -> None:
        header = self.header
        end = self.filled + len(data)
        if header is None or end > header.size:
            raise PlateError("More bytes came than the frame's header announced: send the frame again.")
        self.buffer[self.filled : end] = data
        self.filled = end

    def _slot(self, header: pb.FrameHeader) -> memoryview:
        path = header.ring.path
        if path not in self.rings:
            self.rings[path] = RingReader(path)
        return self.rings[path].view(header.ring.offset, header.size)

    async def _store(self, content: memoryview) -> int:
        header, self.header = self.header, None
        if header is None:
            raise PlateError("Bytes came before the header of their frame: send a FrameHeader first.")
        if header.WhichOneof("content") == "file":
            await asyncio.to_thread(self.spool.put_encoded, header.frame, header.file.name, content)
        else:
            await asyncio.to_thread(self.spool.put, header.frame, _layout(header.pixels), content)
        content.release()
        return header.frame


def _layout(pixels: pb.RawPixels) -> PixelLayout:
    if pixels.sample not in _SAMPLES:
        raise PlateError("Say what the samples of a pixel are: one of SampleType.")
    return PixelLayout(pixels.width, pixels.height, pixels.channels, _SAMPLES[pixels.sample], pixels.colour_space)
