"""Frames up: in pieces by the network, or through memory shared with a daemon on this machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Callable, Optional, final

from roto_client.errors import WorkFailedError
from roto_client.results import PixelFrame, SampleType, UploadFrame
from roto_client.transport.channel import Call
from roto_client.transport.streams import Duplex
from roto_proto import wire
from roto_proto.ring import RingWriter
from roto_proto.v1 import schema
from roto_proto.wire import Fields

if TYPE_CHECKING:
    from roto_proto.v1 import plates_pb2

# Half of what a piece may have: with 1 MiB the copies on both sides fall out of the caches, a quarter slower.
_PIECE_BYTES = 512 << 10
_RING_SLOTS = 3  # one being read, one ready, one being written
_SAMPLES = {
    SampleType.U8: schema.SAMPLE_TYPE_U8,
    SampleType.U16: schema.SAMPLE_TYPE_U16,
    SampleType.F16: schema.SAMPLE_TYPE_F16,
    SampleType.F32: schema.SAMPLE_TYPE_F32,
}


@final
class Uploads:
    """Runs calls of UploadFrames; `method` starts one. The ring is kept from call to call."""

    def __init__(self, method: Callable[[Iterator[Fields]], Call], silence_s: float) -> None:
        self._method = method
        self._silence_s = silence_s
        self._ring: Optional[RingWriter] = None
        self._ring_lock = threading.Lock()

    def run(self, plate_id: str, frames: Iterable[UploadFrame], *, by_ring: bool) -> Iterator[int]:
        """Send frames and yield each one's number once it is stored; raises as `Duplex.wait`, and WorkFailedError."""
        waiting = iter(frames)
        with contextlib.ExitStack() as stack:
            stream = Duplex(self._method, self._silence_s)
            stack.callback(stream.close)
            upload = _Upload(plate_id, stream, stack.enter_context(self._lent_ring(by_ring=by_ring)))
            while True:
                with stream.silence.held():
                    frame = next(waiting, None)
                if frame is None:
                    break
                yield from upload.put(frame)
            yield from upload.finish()

    def close(self) -> None:
        """Remove the ring; a second call does nothing."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    @contextlib.contextmanager
    def _lent_ring(self, *, by_ring: bool) -> Iterator[Optional[_Slots]]:
        """Give the ring to one upload at a time; another one beside it sends pieces."""
        if not (by_ring and self._ring_lock.acquire(blocking=False)):
            yield None
            return
        try:
            yield _Slots(self._ring_for)
        except BaseException:
            self.close()  # the daemon may still read what was not answered for
            raise
        finally:
            self._ring_lock.release()

    def _ring_for(self, size_bytes: int) -> Optional[RingWriter]:
        if self._ring is not None and self._ring.slot_bytes < size_bytes:
            self.close()
        if self._ring is None:
            with contextlib.suppress(OSError):  # no room in shared memory: frames travel in pieces
                self._ring = RingWriter(size_bytes, _RING_SLOTS)
        return self._ring


class _Slots:
    """Which slots of a ring are free, and which frame lies in each of the others."""

    def __init__(self, ring_for: Callable[[int], Optional[RingWriter]]) -> None:
        self._ring_for = ring_for
        self._ring: Optional[RingWriter] = None
        self._tried = False
        self._held: list[tuple[int, int]] = []

    def fits(self, size_bytes: int) -> bool:
        """Say whether a frame can lie in a slot; the first frame decides their size."""
        if not self._tried:
            self._tried = True
            self._ring = self._ring_for(size_bytes)
        return self._ring is not None and 0 < size_bytes <= self._ring.slot_bytes

    def full(self) -> bool:
        """Say whether every slot waits for the daemon."""
        return len(self._held) == _RING_SLOTS

    def put(self, frame: int, content: memoryview) -> Fields:
        """Write a frame into a free slot."""
        if self._ring is None:
            raise ValueError("There is no ring.")
        slot = min(set(range(_RING_SLOTS)) - {slot for _, slot in self._held})
        offset = self._ring.write(slot, content)
        self._held.append((frame, slot))
        return {"path": self._ring.path, "offset": offset}

    def free(self, frame: int) -> None:
        """Take back the slot of a frame that was answered for."""
        self._held = [each for each in self._held if each[0] != frame]


class _Upload:
    """One call of UploadFrames."""

    def __init__(self, plate_id: str, stream: Duplex, slots: Optional[_Slots]) -> None:
        self._plate_id = plate_id
        self._stream = stream
        self._slots = slots
        self._missing: list[int] = []

    def put(self, frame: UploadFrame) -> Iterator[int]:
        """Send a frame; yield those that were stored meanwhile."""
        content = frame.content
        header = _frame_header(frame, content.nbytes)
        self._missing.append(frame.frame)
        if self._slots and isinstance(frame, PixelFrame) and self._slots.fits(content.nbytes):
            while self._slots.full():
                yield self._stored(self._stream.wait())
            self._send(header={**header, "ring": self._slots.put(frame.frame, content)})
        else:
            self._send(header=header)
            for piece in wire.chunks(content, _PIECE_BYTES):
                self._send(data=piece)
        yield from map(self._stored, self._stream.arrived())

    def finish(self) -> Iterator[int]:
        """Yield the rest as it is stored."""
        self._stream.finish()
        for answer in iter(self._stream.wait, None):
            yield self._stored(answer)
        if self._missing:
            self._stored(None)

    def _send(self, **part: Any) -> None:  # noqa: ANN401 - either field of the message
        if not self._stream.send({"plate_id": self._plate_id, **part}):
            for answer in iter(self._stream.wait, None):  # raises what ended the call, if anything did
                self._stored(answer)
            self._stored(None)

    def _stored(self, answer: Optional[plates_pb2.UploadFramesResponse]) -> int:
        if answer is None:
            raise WorkFailedError(f"The daemon ended the upload before frame {self._missing[0]} was stored.")
        frame = answer.frame
        if frame in self._missing:
            self._missing.remove(frame)
        if self._slots:
            self._slots.free(frame)
        return frame


def _frame_header(frame: UploadFrame, size: int) -> Fields:
    if isinstance(frame, PixelFrame):
        pixels = {
            "width": frame.width,
            "height": frame.height,
            "channels": frame.channels,
            "sample": _SAMPLES[frame.sample],
            "colour_space": frame.colour_space,
        }
        return {"frame": frame.frame, "pixels": pixels, "size": size}
    return {"frame": frame.frame, "file": {"name": frame.name}, "size": size}
