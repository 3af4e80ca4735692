"""Plates in: by path, or frame by frame as a stream or through memory shared with a client on this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from roto_daemon.errors import ConflictError, PlateError, RotoError
from roto_daemon.plates.spool import FrameSpool, FrameWriter, PixelLayout
from roto_daemon.service.status import Context, answered, streamed
from roto_daemon.sessions.plates import Plates
from roto_daemon.sessions.state import OpenPlate
from roto_daemon.workers.orders import PlateOrder
from roto_proto import wire
from roto_proto.ring import RingReader
from roto_proto.v1 import plates_pb2 as pb
from roto_proto.v1 import plates_pb2_grpc, values_pb2

_SAMPLES = {
    pb.SAMPLE_TYPE_U8: "uint8",
    pb.SAMPLE_TYPE_U16: "uint16",
    pb.SAMPLE_TYPE_F16: "float16",
    pb.SAMPLE_TYPE_F32: "float32",
}


_WRITE_PIECES = 8
"""So many pieces go to the disk at a time: the change of threads then costs nothing beside the writing."""


class PlateServicer(plates_pb2_grpc.PlateServiceServicer):
    """Opens plates and takes frames."""

    def __init__(self, plates: Plates) -> None:
        self._plates = plates

    @answered
    async def OpenPlate(self, request: pb.OpenPlateRequest, context: Context) -> pb.OpenPlateResponse:
        """Open a plate by path or for upload."""
        source = request.WhichOneof("source")
        if source == "path":
            opened = await self._plates.open_plate(PlateOrder(**vars(wire.path_from_wire(request.path))))
        elif source == "upload":
            opened = await self._plates.open_upload(wire.plate_from_wire(request.upload))
        else:
            raise PlateError("Say where the frames come from: a path, or an upload.")
        return pb.OpenPlateResponse(
            plate_id=opened.plate_id,
            plate=values_pb2.Plate(**wire.plate_to_wire(opened.plate)),
            colour_source=opened.colour_source,
            ocio_config=opened.ocio_config,
        )

    @streamed
    async def UploadFrames(
        self, request_iterator: AsyncIterator[pb.UploadFramesRequest], context: Context
    ) -> AsyncGenerator[pb.UploadFramesResponse, None]:
        """Store frames as they come."""
        upload: _Upload | None = None
        try:
            async for request in request_iterator:
                if upload is None:
                    upload = _Upload(_spool(self._plates.plate(request.plate_id)))
                for frame in await upload.take(request):
                    yield pb.UploadFramesResponse(frame=frame)
            if upload:
                await upload.end()
        finally:
            if upload:
                await upload.close()

    @answered
    async def FindObjects(self, request: pb.FindObjectsRequest, context: Context) -> pb.FindObjectsResponse:
        """Find by words what an object may be."""
        found = await self._plates.find_objects(request.plate_id, request.frame, request.phrase)
        return pb.FindObjectsResponse(
            objects=[
                pb.FoundObject(
                    box=values_pb2.BoxPrompt(**dict(zip(("x0", "y0", "x1", "y1"), each["box"], strict=True))),
                    score=each["score"],
                    words=each["words"],
                )
                for each in found
            ]
        )

    @answered
    async def ReadPicture(self, request: pb.ReadPictureRequest, context: Context) -> pb.ReadPictureResponse:
        """Send a frame to look at."""
        jpeg = await self._plates.picture(request.plate_id, request.frame, request.longest_px)
        return pb.ReadPictureResponse(jpeg=jpeg)

    @answered
    async def ClosePlate(self, request: pb.ClosePlateRequest, context: Context) -> pb.ClosePlateResponse:
        """Forget a plate."""
        await self._plates.close_plate(request.plate_id)
        return pb.ClosePlateResponse()


def _spool(plate: OpenPlate) -> FrameSpool:
    if plate.spool is None:
        raise ConflictError("This plate was opened by path: open one for upload to send frames.")
    return plate.spool


class _Upload:
    """The frame that is on its way. Pieces are written in a thread while the next ones come."""

    def __init__(self, spool: FrameSpool) -> None:
        self._spool = spool
        self._frame = 0
        self._writer: FrameWriter | None = None
        self._pieces: list[bytes] = []
        self._missing_bytes = 0
        self._writing: asyncio.Future[None] | None = None
        self._rings: dict[str, RingReader] = {}

    async def take(self, request: pb.UploadFramesRequest) -> list[int]:
        """Take a step in; return the frame that it completes, if any."""
        if request.WhichOneof("part") == "header":
            self._begin(request.header)
            if request.header.HasField("ring"):
                await self._take_slot(request.header)
                return [await self._finish()]
        else:
            await self._append(request.data)
        if self._writer and not self._missing_bytes:
            return [await self._finish()]
        return []

    async def end(self) -> None:
        """Refuse a frame that was begun and not ended."""
        if self._writer:
            self._writer.close(keep=True)

    async def close(self) -> None:
        """Let go of an unfinished frame and of shared memory."""
        with contextlib.suppress(RotoError):
            await self._written()
        if self._writer:
            self._writer.close(keep=False)
        for ring in self._rings.values():
            ring.close()

    def _begin(self, header: pb.FrameHeader) -> None:
        if self._writer:
            raise PlateError(f"Frame {self._frame} ended before all of its bytes had come: send it again.")
        self._frame, self._missing_bytes = header.frame, header.size
        if header.WhichOneof("content") == "file":
            self._writer = self._spool.encoded_frame(header.frame, header.file.name, header.size)
        else:
            self._writer = self._spool.raw_frame(header.frame, _layout(header.pixels), header.size)

    async def _append(self, data: bytes) -> None:
        if self._writer is None:
            raise PlateError("Bytes came before the header of their frame: send a FrameHeader first.")
        self._missing_bytes -= len(data)
        if self._missing_bytes < 0:
            raise PlateError("More bytes came than the frame's header announced: send the frame again.")
        self._pieces.append(data)
        if len(self._pieces) >= _WRITE_PIECES:
            await self._write()

    async def _write(self) -> None:
        """Hand the pieces that wait to a thread, once it is done with those before."""
        await self._written()
        if self._writer and self._pieces:
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._writer.write, self._pieces))
        self._pieces = []

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing:
            await writing

    async def _take_slot(self, header: pb.FrameHeader) -> None:
        path = header.ring.path
        if path not in self._rings:
            self._rings[path] = RingReader(path)
        with self._rings[path].view(header.ring.offset, header.size) as content:
            if self._writer:
                await asyncio.to_thread(self._writer.write, [content])

    async def _finish(self) -> int:
        await self._write()
        await self._written()
        writer, self._writer = self._writer, None
        if writer:
            await asyncio.to_thread(writer.close, keep=True)
        return self._frame


def _layout(pixels: pb.RawPixels) -> PixelLayout:
    if pixels.sample not in _SAMPLES:
        raise PlateError("Say what the samples of a pixel are: one of SampleType.")
    return PixelLayout(pixels.width, pixels.height, pixels.channels, _SAMPLES[pixels.sample], pixels.colour_space)
