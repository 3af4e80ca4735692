"""A movie to look at: the plate with the matte tinted and the shapes' outlines over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from roto_daemon.errors import OutputError
from roto_daemon.pictures import Matte, Picture
from roto_daemon.plates.mattes import whole_path
from roto_daemon.plates.overlay import View, draw_outline, shapes_at, tint
from roto_shapes.shape import Roto
from roto_shapes.shot import Plate

_QUALITY = {"crf": "18", "preset": "veryfast"}
"""Of x264: 18 looks like the source; presets slower than `veryfast` cost more time than the tracking."""
_LINE_HEIGHT = 540
"""Plate lines for each pixel of an outline's width."""


class PreviewWriter:
    """Writes H.264 in MP4 that plays everywhere (4:2:0, index first). Use it in a `with` block.

    The file appears when the block ends well, and not at all when it raises. Frames follow one another in the order
    in which they are added. Sizes that are odd, which 4:2:0 cannot hold, are padded by one row or column.
    """

    def __init__(self, path: Path, plate: Plate) -> None:
        if path.suffix.lower() not in {".mp4", ".mov", ".m4v"}:
            raise OutputError(f"'{path}' cannot be written: give the preview a name that ends in .mp4.")
        self._path = path
        self._plate = plate
        self._cleanup = ExitStack()
        self._count = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            part = stack.enter_context(whole_path(self._path))
            self._container = stack.enter_context(_open(part, self._path))
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
        decoded = VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
        coded = decoded.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        coded.pts = self._count
        self._count += 1
        self._container.mux(self._stream.encode(coded))

    def _add_stream(self) -> VideoStream:
        plate = self._plate
        rate = Fraction(plate.frame_rate).limit_denominator(1001)
        stream = self._container.add_stream("libx264", rate=rate, options=dict(_QUALITY))
        stream.width, stream.height = plate.width + plate.width % 2, plate.height + plate.height % 2
        stream.pix_fmt = "yuv420p"
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
