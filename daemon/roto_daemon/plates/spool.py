"""Uploaded frames: one file a frame in a folder, written by the daemon, read by its workers (`uploaded`).

Raw pixels become `<frame>.<encoding>.npy`, so that reading maps them; image files stay as they came, as
`<frame>.image`, whose format OpenImageIO tells by its content. A frame appears whole or not at all, and what comes
later replaces what came before.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.lib.format import write_array_header_1_0

from roto_daemon.errors import LimitError, OutputError, PlateError
from roto_daemon.plates.sequence import IMAGE_ENDINGS
from roto_shapes.shot import Plate

Bytes = bytes | bytearray | memoryview

_SAMPLES = {"uint8": "|u1", "uint16": "<u2", "float16": "<f2", "float32": "<f4"}
_CHANNELS = (1, 3, 4)
_SCREEN, _LIGHT, PLATES_OWN = "srgb", "scene-linear", "plate"
"""Names of files tell in which colour space their pixels are: one that all configurations have, or the plate's."""


@dataclass(frozen=True)
class PixelLayout:
    """How the bytes of a raw frame are read: rows from the top, samples of a pixel side by side, little-endian."""

    width: int
    height: int
    channels: int
    """1 grey, 3 red-green-blue, 4 with alpha."""
    sample: str
    """`uint8`, `uint16`, `float16` or `float32`."""
    colour_space: str = ""
    """"sRGB", "scene-linear" or the plate's own; empty for sRGB with integers and scene-linear with floats."""


class SpareFiles:
    """Files of plates that were closed, to be written over by those that come.

    A new file's pages must be found, cleared and mapped first, which takes longer than to fill them; a file that is
    there costs the copy alone. Threads may share it.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._sizes: dict[Path, int] = {}
        self._lock = threading.Lock()

    def take(self, size_bytes: int, place: Path) -> bool:
        """Move a file of at least that size to a place, if there is one; what it holds means nothing."""
        with self._lock:
            fitting = [file for file, size in self._sizes.items() if size >= size_bytes]
            if not fitting:
                return False
            file = min(fitting, key=lambda each: self._sizes[each])
            del self._sizes[file]
        file.replace(place)
        return True

    def give(self, file: Path) -> None:
        """Take a file over, or remove it when there are enough."""
        size = file.stat().st_size
        with self._lock:
            keep = sum(self._sizes.values()) + size <= self._limit_bytes
            spare = self._folder / secrets.token_hex(8)
            if keep:
                self._folder.mkdir(parents=True, exist_ok=True)
                file.replace(spare)
                self._sizes[spare] = size
        if not keep:
            file.unlink()


class FrameSpool:
    """Takes the frames of one plate. Threads may put different frames at the same time."""

    def __init__(
        self, folder: Path, plate: Plate, room_bytes: Callable[[], int], spare: SpareFiles | None = None
    ) -> None:
        """Spool into a folder, made when needed; `room_bytes` tells how much more may be kept.

        Frames that lie there already are kept; what was cut short is removed.
        """
        self._spare = spare
        self._folder = folder
        self._plate = plate
        self._room_bytes = room_bytes
        self._sizes: dict[int, int] = {}
        for file in folder.glob("*"):
            if file.suffix == ".part":
                file.unlink(missing_ok=True)
            elif file.suffix in {".npy", ".image"}:
                self._sizes[int(file.name.partition(".")[0])] = file.stat().st_size

    @property
    def used_bytes(self) -> int:
        """Return how much the frames take on the disk."""
        return sum(self._sizes.copy().values())

    def check(self, frame: int, size_bytes: int) -> None:
        """Refuse a frame that could not be kept: PlateError outside the plate, LimitError over the limit."""
        if frame not in self._plate.frames:
            raise PlateError(f"Frame {frame} lies outside the plate, which has {self._plate.frames}.")
        if size_bytes > self._room_bytes() + self._sizes.get(frame, 0):
            raise LimitError(
                f"Frame {frame} needs {size_bytes >> 20} MiB more than uploads may take here: close plates that are "
                "done, or raise upload_limit_bytes."
            )

    def close(self) -> None:
        """Forget the frames; their files serve the plates that come."""
        if self._spare:
            for file in self._folder.glob("*.npy"):
                self._spare.give(file)
        shutil.rmtree(self._folder, ignore_errors=True)

    def put(self, frame: int, layout: PixelLayout, content: Bytes) -> None:
        """Keep raw pixels; PlateError when they do not fit the plate or their own header."""
        with self.raw_frame(frame, layout, memoryview(content).nbytes) as writer:
            writer.write([content])

    def put_encoded(self, frame: int, name: str, content: Bytes) -> None:
        """Keep an image file; it is decoded, and its size compared with the plate's, when it is read."""
        with self.encoded_frame(frame, name, memoryview(content).nbytes) as writer:
            writer.write([content])

    def raw_frame(self, frame: int, layout: PixelLayout, size_bytes: int) -> FrameWriter:
        """Return what takes raw pixels piece by piece; refuses as `put` before the first of them."""
        self.check(frame, size_bytes)
        sample = self._checked_sample(frame, layout, size_bytes)
        encoding = _encoding(layout.colour_space, self._plate.colour_space, is_float=sample[1] == "f")
        array = {"descr": sample, "fortran_order": False, "shape": (layout.height, layout.width, layout.channels)}
        return self._writer(frame, f"{frame}.{encoding}.npy", size_bytes, array)

    def encoded_frame(self, frame: int, name: str, size_bytes: int) -> FrameWriter:
        """Return what takes an image file piece by piece; refuses as `put_encoded` before the first of them."""
        self.check(frame, size_bytes)
        ending = Path(name).suffix.lower()
        if ending not in IMAGE_ENDINGS:
            raise PlateError(f"'{name}' is no image by its ending: send one such as .exr, .dpx, .png, .tif or .jpg.")
        return self._writer(frame, f"{frame}.image", size_bytes, None)

    def _checked_sample(self, frame: int, layout: PixelLayout, size_bytes: int) -> str:
        plate = self._plate
        if (layout.width, layout.height) != (plate.width, plate.height):
            raise PlateError(
                f"Frame {frame} has {layout.width}x{layout.height} pixels, the plate {plate.width}x{plate.height}: "
                "send frames of the plate's size."
            )
        if layout.channels not in _CHANNELS or layout.sample not in _SAMPLES:
            raise PlateError(
                f"Frame {frame} has {layout.channels} channels of {layout.sample}: send 1, 3 or 4 channels of "
                f"{', '.join(_SAMPLES)}."
            )
        sample = _SAMPLES[layout.sample]
        needed = layout.width * layout.height * layout.channels * np.dtype(sample).itemsize
        if size_bytes != needed:
            raise PlateError(f"Frame {frame} has {size_bytes} bytes where its header asks for {needed}: send it again.")
        return sample

    def _writer(self, frame: int, name: str, size_bytes: int, array: dict[str, object] | None) -> FrameWriter:
        def keep(written_bytes: int) -> None:
            for other in names_of(frame):
                if other != name:
                    (self._folder / other).unlink(missing_ok=True)
            self._sizes[frame] = written_bytes

        return FrameWriter(frame, self._folder / name, size_bytes, array, keep, self._spare)


class FrameWriter:
    """A frame on its way into the spool, for one thread at a time. Use it in a `with` block.

    The frame takes its place when the block ends with all of its bytes written; else nothing is left of it.
    """

    def __init__(
        self,
        frame: int,
        place: Path,
        size_bytes: int,
        array: dict[str, object] | None,
        keep: Callable[[int], None],
        spare: SpareFiles | None,
    ) -> None:
        self._spare = spare
        self._frame = frame
        self._place = place
        self._part = place.with_name(f"{place.name}.{secrets.token_hex(4)}.part")
        self._missing_bytes = size_bytes
        self._array = array
        self._keep = keep
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self.close(keep=kind is None)

    def write(self, pieces: Iterable[Bytes]) -> None:
        """Write the next bytes. Raises PlateError for more than were announced, OutputError when the disk refuses."""
        with self._told():
            file = self._opened()
            for piece in pieces:
                left = memoryview(piece).cast("B")
                self._missing_bytes -= len(left)
                if self._missing_bytes < 0:
                    raise PlateError("More bytes came than the frame's header announced: send the frame again.")
                while left:  # a disk that is nearly full takes a part and says so by the count alone
                    left = left[file.write(left) :]

    def close(self, *, keep: bool) -> None:
        """Put the frame in its place, or let go of it; PlateError when bytes are missing."""
        written_bytes = 0
        try:
            if keep and self._missing_bytes:
                raise PlateError(f"Frame {self._frame} ended before all of its bytes had come: send it again.")
            if keep:
                with self._told():
                    written_bytes = self._opened().tell()
                    self._opened().truncate()
                    self._opened().close()
                    self._part.replace(self._place)
                    self._keep(written_bytes)
        finally:
            if self._file:
                self._file.close()
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: pieces are large, and a buffer between would copy each of them once more.
            there = self._spare and self._spare.take(self._missing_bytes, self._part)
            self._file = self._part.open("r+b" if there else "wb", buffering=0)
            if self._array:
                write_array_header_1_0(self._file, self._array)
        return self._file

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"Frame {self._frame} cannot be kept ({error.strerror}): free space where uploads lie."
            ) from error


def names_of(frame: int) -> list[str]:
    """Return what the file of a frame may be called."""
    return [*(f"{frame}.{encoding}.npy" for encoding in (_SCREEN, _LIGHT, PLATES_OWN)), f"{frame}.image"]


def _encoding(given: str, of_plate: str, *, is_float: bool) -> str:
    """Return how raw pixels are coded, as their file's name tells it."""
    wanted = given.strip().lower()
    if not wanted:
        return _LIGHT if is_float else _SCREEN
    own = {"srgb": _SCREEN, "display": _SCREEN, "scene-linear": _LIGHT, "linear": _LIGHT}
    if wanted in own:
        return own[wanted]
    if wanted == of_plate.strip().lower():
        return PLATES_OWN
    raise PlateError(
        f"Frames in the colour space '{given}' need a plate that was opened with it: open it so, or send them as sRGB "
        "or scene-linear."
    )
