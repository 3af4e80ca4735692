"""Movies to look at: the plate with the matte tinted and outlines over it, or with the matte as its alpha."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from roto_daemon.errors import OutputError
from roto_daemon.pictures import Matte, Picture
from roto_daemon.plates.matte_files import making, whole_path
from roto_daemon.plates.overlay import View, draw_outline, shapes_at, tint
from roto_shapes.shape import Roto
from roto_shapes.shot import Plate

_LINE_HEIGHT = 540
"""Plate lines for each pixel of an outline's width."""
_16_OF_8 = 257
"""What takes 8-bit white to 16-bit white."""


@dataclass(frozen=True)
class _Coding:
    """How a movie is coded."""

    codec: str
    pixels: str
    """FFmpeg's name of the pixel format."""
    options: Mapping[str, str]
    has_alpha: bool = False


_H264 = _Coding("libx264", "yuv420p", {"crf": "18", "preset": "veryfast"})
"""CRF 18 looks like the source; presets slower than `veryfast` cost more time than the tracking."""
_PRORES_4444 = _Coding(
    "prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}, has_alpha=True
)
"""With all bits of the matte, and the vendor's mark that editors look for before they trust a ProRes file."""
_CODINGS = {".mp4": _H264, ".mov": _PRORES_4444}


class PreviewWriter:
    """Writes a movie; the ending chooses its kind. Use it in a `with` block.

    `.mp4` is H.264 that plays everywhere (4:2:0, index first): the plate with the matte tinted and the shapes'
    outlines. Sizes that are odd, which 4:2:0 cannot hold, are padded by one row or column. `.mov` is ProRes 4444: the
    plate's own colours, not multiplied, with the matte as alpha. The file appears when the block ends well, and not at
    all when it raises. Frames follow one another in the order in which they are added. `metadata` says what made it
    and goes into the file's comment.
    """

    def __init__(self, path: Path, plate: Plate, metadata: Mapping[str, str] = MappingProxyType({})) -> None:
        if path.suffix.lower() not in _CODINGS:
            raise OutputError(f"'{path}' cannot be written: give the preview a name that ends in .mp4 or .mov.")
        self._coding = _CODINGS[path.suffix.lower()]
        self._path = path
        self._plate = plate
        self._metadata = metadata
        self._cleanup = ExitStack()
        self._count = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            part = stack.enter_context(whole_path(self._path))
            self._container = stack.enter_context(_open(part, self._path))
            self._container.metadata["comment"] = json.dumps({"rotolink": making(self._metadata)})
            self._stream = self._add_stream()
            stack.push(self._finish)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.__exit__(kind, error, trace)

    def add(self, frame: int, picture: Picture, matte: Matte | None, roto: Roto) -> None:
        """Add a frame: (height, width, 3) sRGB, coverage of the same size, and the shapes to outline."""
        if self._coding.has_alpha:
            decoded = _with_alpha(picture, matte)
        else:
            decoded = VideoFrame.from_ndarray(self._drawn(frame, picture, matte, roto), format="rgb24")
        # One thread: the threads of FFmpeg's swscale write past the ends of rows into one another's bands, where the
        # width is no multiple of 8 samples, and leave chance pixels at the left of a few rows.
        coded = decoded.reformat(
            format=self._coding.pixels, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, threads=1
        )
        coded.pts = self._count
        self._count += 1
        self._container.mux(self._stream.encode(coded))

    def _drawn(self, frame: int, picture: Picture, matte: Matte | None, roto: Roto) -> Picture:
        shown = picture.copy()
        if matte is not None:
            tint(shown, matte)
        view = View.whole(self._plate.width, self._plate.height)
        line_px = max(1, round(self._plate.height / _LINE_HEIGHT))
        for shape, points in shapes_at(roto, frame):
            draw_outline(shown, view, shape, points, line_px)
        height, width = shown.shape[:2]
        if height % 2 or width % 2:
            shown = np.pad(shown, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        return np.ascontiguousarray(shown)

    def _add_stream(self) -> VideoStream:
        plate, coding = self._plate, self._coding
        rate = Fraction(plate.frame_rate).limit_denominator(1001)
        stream = self._container.add_stream(coding.codec, rate=rate, options=dict(coding.options))
        if not isinstance(stream, VideoStream):
            raise OutputError(f"'{self._path}' cannot be written: FFmpeg here codes no {coding.codec}.")
        odd = 0 if coding.has_alpha else 1
        stream.width, stream.height = plate.width + plate.width % 2 * odd, plate.height + plate.height % 2 * odd
        stream.pix_fmt = coding.pixels
        context = stream.codec_context
        context.time_base = 1 / rate
        context.sample_aspect_ratio = Fraction(plate.pixel_aspect).limit_denominator(1000)
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        if self._count == 0:
            raise OutputError(f"'{self._path}' cannot be written: there are no frames to show.")
        self._container.mux(self._stream.encode(None))


@contextmanager
def _open(part: Path, path: Path) -> Iterator[OutputContainer]:
    """Yield a movie to write; what fails in writing becomes OutputError."""
    try:
        with av.open(str(part), "w", options={"movflags": "faststart"}) as container:
            yield container
    except av.FFmpegError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror}.") from error


def _with_alpha(picture: Picture, matte: Matte | None) -> VideoFrame:
    """Return a picture with a matte as straight alpha, 16 bits a channel; without a matte nothing is covered."""
    height, width = picture.shape[:2]
    samples = np.zeros((height, width, 4), np.uint16)
    samples[..., :3] = picture
    samples[..., :3] *= _16_OF_8
    if matte is not None:
        samples[..., 3] = np.round(np.clip(matte, 0, 1) * np.iinfo(np.uint16).max)
    return VideoFrame.from_ndarray(samples, format="rgba64le")
