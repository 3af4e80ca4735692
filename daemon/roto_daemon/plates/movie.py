"""Movies: any frame by its number, decoded by PyAV.

The file is read through once for the time stamps of its packets; sorted, they number the frames from 0. A frame is
then found by its stamp, so seeking may land anywhere at or before it. Reading on in order never seeks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from roto_daemon.errors import FrameDamagedError, PlateError
from roto_daemon.pictures import Picture
from roto_daemon.plates.colour import HLG, PQ, PQ_P3
from roto_daemon.plates.images import LIMIT_PIXELS
from roto_daemon.plates.timecode import counted

_TIMELESS_FORMATS = frozenset({"avi"})
"""Containers that number packets as they are stored, which is not the order in which B-frames are shown."""
_EDITED_FORMAT = "mov,mp4,m4a,3gp,3g2,mj2"
"""Has edit lists: a movie may hold frames that it does not show."""
_IMAGE_FORMAT = "_pipe"
"""How FFmpeg's names of single images end; it would take their colours for a screen's, whatever they are."""
_UNSPECIFIED = 2
"""The `colorspace` of a frame that does not say which."""
_SD_HEIGHT = 576
"""Where a movie does not say how its colours are coded, players take taller ones for BT.709, others for BT.601."""


class MovieFile:
    """An open movie; its frames count from 0. For one thread."""

    def __init__(self, file: Path, limit_pixels: int = LIMIT_PIXELS) -> None:
        """Open and index a movie; raises PlateError."""
        self._file = file
        self._container = _open(file)
        try:
            self._stream = self._first_video()
            self._size = self._stream.width, self._stream.height
            # Read before anything is decoded: decoders put their own, often empty, in the place of the container's.
            self._colour_space = _told_colour_space(self._stream)
            self._coding = self._stream.codec_context.colorspace
            self._index_packets()
        except BaseException:
            self._container.close()
            raise
        self._output: Iterator[VideoFrame] | None = None
        self._next = 0
        self._unsound = False
        if self.size[0] * self.size[1] > limit_pixels:
            self.close()
            raise PlateError(
                f"'{file}' has {self.size[0]}x{self.size[1]} pixels, more than the limit of {limit_pixels}."
            )

    @property
    def count(self) -> int:
        """Return how many frames there are, by the header when the file ends before them."""
        return self._count

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        return self._size

    @property
    def frame_rate(self) -> float:
        """Return frames per second; 24 where the file says none."""
        return float(self._stream.average_rate or self._stream.guessed_rate or 24)

    @property
    def pixel_aspect(self) -> float:
        """Return a pixel's width over its height."""
        return float(self._stream.sample_aspect_ratio or 1)

    @property
    def colour_space(self) -> str:
        """Return `PQ`, `PQ_P3` or `HLG` where the file says so; empty for others."""
        return self._colour_space

    @property
    def timecode(self) -> str:
        """Return the timecode of the first frame; empty where the file has none."""
        held = [self._stream.metadata, self._container.metadata, *(each.metadata for each in self._container.streams)]
        return next((facts["timecode"] for facts in held if "timecode" in facts), "")

    def frame_at(self, timecode: str) -> int:
        """Return the frame that bears a timecode, counted from 0; it may lie outside the movie. Raises PlateError."""
        if not self.timecode:
            raise PlateError(f"'{self._file}' holds no timecode: number its frames by --first-frame alone.")
        return counted(timecode, self.frame_rate) - counted(self.timecode, self.frame_rate)

    def close(self) -> None:
        """Close the file."""
        self._output = None
        self._container.close()

    def decode(self, first: int, last: int, label: int = 0) -> Iterator[tuple[int, VideoFrame]]:
        """Yield frames `first` to `last` with their numbers; `label` is added to numbers that errors name.

        Raises FrameDamagedError for the first of them that cannot be decoded whole, and for all that depend on it.
        """
        wanted = first
        while wanted <= last:
            if wanted >= self._indexed:
                raise self._cut_short(wanted + label)
            number, frame = self._advance(wanted, label)
            if number > wanted or self._unsound:
                self._output = None
                raise self._damaged(wanted + label)
            if (frame.width, frame.height) != self.size:
                raise FrameDamagedError(
                    f"Frame {wanted + label} of '{self._file}' has {frame.width}x{frame.height} pixels, "
                    f"the movie {self.size[0]}x{self.size[1]}: convert it to one size.",
                    wanted + label,
                )
            yield wanted, frame
            wanted += 1

    def _advance(self, wanted: int, label: int) -> tuple[int, VideoFrame]:
        """Return the frame of that number, or the first one after it that the decoder gives."""
        if not self._is_ahead(wanted):
            self._seek(wanted)
        try:
            for number, frame in self._numbered():
                if number >= wanted:
                    return number, frame
        except av.FFmpegError as error:
            self._output = None
            raise self._damaged(wanted + label) from error
        self._output = None
        raise self._damaged(wanted + label)

    def _numbered(self) -> Iterator[tuple[int, VideoFrame]]:
        """Yield what the decoder gives from where it is, with frame numbers; notes what follows damage."""
        for frame in self._output or ():
            number = self._next if self._is_timeless else self._numbers.get(cast("int", frame.pts))
            if number is None:
                continue
            self._next = number + 1
            if frame.colorspace == _UNSPECIFIED:
                frame.colorspace = self._coding
            # A damaged frame spoils those that build on it, up to the next one that builds on none.
            self._unsound = frame.is_corrupt or (self._unsound and not frame.key_frame)
            yield number, frame

    def _is_ahead(self, wanted: int) -> bool:
        """Say whether decoding on is the shortest way to a frame."""
        return self._output is not None and self._keys[bisect_right(self._keys, wanted) - 1] <= self._next <= wanted

    def _seek(self, wanted: int) -> None:
        """Put the decoder at a frame that starts a group, at or before the one wanted."""
        at = bisect_right(self._keys, wanted) - 1
        while at >= 0 and not self._is_timeless:
            if self._starts_from(self._stamps[self._keys[at]], wanted):
                return
            at -= 1
        self._reopen()

    def _starts_from(self, stamp: int, wanted: int) -> bool:
        """Seek, and look at the first frame there: containers with rough indexes may land too late."""
        try:
            self._container.seek(stamp, stream=self._stream)
            self._output = iter(self._container.decode(self._stream))
            self._unsound = False
            first = next(self._numbered(), None)
        except av.FFmpegError:
            return False
        if first is None or first[0] > wanted:
            return False
        self._output = _put_back(first[1], self._output)
        self._next = first[0]
        return True

    def _reopen(self) -> None:
        self._container.close()
        self._container = _open(self._file)
        self._stream = self._first_video()
        self._output = iter(self._container.decode(self._stream))
        self._next = 0
        self._unsound = False

    def _first_video(self) -> VideoStream:
        if not self._container.streams.video:
            raise PlateError(f"'{self._file}' holds no video: give a movie with a picture, or an image sequence.")
        stream = self._container.streams.video[0]
        if stream.codec_context is None or not stream.width or not stream.height:
            raise PlateError(f"'{self._file}' is coded in a way that this build cannot decode: convert it.")
        stream.thread_type = "AUTO"
        return stream

    def _index_packets(self) -> None:
        try:
            packets = [
                (packet.pts, packet.is_keyframe)
                for packet in self._container.demux(self._stream)
                if packet.size and not packet.is_discard
            ]
        except av.FFmpegError as error:
            raise PlateError(f"'{self._file}' is damaged ({error.strerror}): copy it again.") from error
        if not packets:
            raise PlateError(f"'{self._file}' holds no frames: it is empty or cut short. Copy it again.")
        self._indexed = len(packets)
        self._count = max(len(packets), self._announced())
        stamps = {pts: is_key for pts, is_key in packets if pts is not None}
        self._is_timeless = len(stamps) < len(packets) or self._container.format.name in _TIMELESS_FORMATS
        self._stamps = [] if self._is_timeless else sorted(stamps)
        self._numbers = {stamp: number for number, stamp in enumerate(self._stamps)}
        keys = [number for number, stamp in enumerate(self._stamps) if stamps[stamp]]
        self._keys = sorted({0, *keys})

    def _announced(self) -> int:
        """Return how many frames the header speaks of, without those that an edit list hides."""
        count = self._stream.frames
        if self._container.format.name == _EDITED_FORMAT:
            count = sum(not entry.is_discard for entry in self._stream.index_entries)
        return min(count, self._file.stat().st_size)  # a frame has a byte at least

    def _damaged(self, frame: int) -> FrameDamagedError:
        return FrameDamagedError(f"Frame {frame} of '{self._file}' is damaged: copy or render the movie again.", frame)

    def _cut_short(self, frame: int) -> FrameDamagedError:
        return FrameDamagedError(
            f"'{self._file}' is cut short: it announces {self._count} frames and holds {self._indexed}, "
            f"so frame {frame} is lost. Copy it again.",
            frame,
        )


def _told_colour_space(stream: VideoStream) -> str:
    context = stream.codec_context
    if context.color_trc == ColorTrc.SMPTE2084:
        return PQ_P3 if context.color_primaries == ColorPrimaries.SMPTE432 else PQ
    return HLG if context.color_trc == ColorTrc.ARIB_STD_B67 else ""


def to_picture(frame: VideoFrame, number: int) -> Picture:
    """Return a decoded frame as it is meant to be shown; raises FrameDamagedError, with the number."""
    return cast("Picture", _converted(frame, number, "rgb24"))


def to_samples(frame: VideoFrame, number: int) -> tuple[NDArray[np.uint16], bool]:
    """Return a decoded frame as (height, width, 4) red, green, blue, alpha of 16 bits, and whether it has an alpha.

    Raises FrameDamagedError, with the number.
    """
    samples = cast("NDArray[np.uint16]", _converted(frame, number, "rgba64le"))
    return samples, any(component.is_alpha for component in frame.format.components)


def _converted(frame: VideoFrame, number: int, layout: str) -> NDArray[Any]:
    try:
        return frame.to_ndarray(format=layout, src_colorspace=_coding(frame))
    except (av.FFmpegError, ValueError) as error:
        raise FrameDamagedError(
            f"Frame {number} cannot be converted from {frame.format.name} ({error}): convert the movie.", number
        ) from error


def _coding(frame: VideoFrame) -> Colorspace | None:
    taller = frame.colorspace == _UNSPECIFIED and frame.height > _SD_HEIGHT
    return Colorspace.ITU709 if taller else None


def _put_back(first: VideoFrame, rest: Iterator[VideoFrame] | None) -> Iterator[VideoFrame]:
    yield first
    yield from rest or ()


def _open(file: Path) -> InputContainer:
    try:
        container = av.open(str(file), metadata_errors="replace")
    except av.FFmpegError as error:
        raise PlateError(
            f"'{file}' cannot be read as a movie ({error.strerror}): copy it again, or convert it."
        ) from error
    if container.format.name.endswith(_IMAGE_FORMAT):
        container.close()
        raise PlateError(f"'{file}' holds an image, not a movie: give it the ending of its format.")
    return container
