"""A plate opened by path: an image sequence or a movie as a source of pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

from roto_daemon.errors import FrameDamagedError, PlateError
from roto_daemon.pictures import Picture
from roto_daemon.plates.cache import PictureCache
from roto_daemon.plates.display import encoding_of, to_display
from roto_daemon.plates.images import LIMIT_PIXELS, ImageFile
from roto_daemon.plates.movie import MovieFile, to_picture
from roto_daemon.plates.sequence import ImageSequence, find_footage, narrowed
from roto_shapes.shot import FrameRange, Plate

CACHE_BYTES = 256 << 20
"""Of decoded pictures: 97 frames of 1280x720, 10 of UHD. A click and the frames around it are then decoded once."""

_DEFAULT_RATE = 24.0


class _Footage(Protocol):
    """Frames that can be decoded."""

    @property
    def plate(self) -> Plate:
        """Return its facts."""

    def decode(self, frame: int, before: int, cache: PictureCache) -> Picture:
        """Return a frame and put it into the cache, with up to `before` earlier ones where they come for free."""

    def close(self) -> None:
        """Close its files."""


class PlateReader:
    """The frames of a plate on a disk: a `FrameSource`. For one thread; memory does not grow with the clip."""

    def __init__(self, footage: _Footage, cache_bytes: int = CACHE_BYTES) -> None:
        self._footage = footage
        self._cache = PictureCache(cache_bytes)
        self._last: int | None = None
        width, height = self.size
        self._window = max(cache_bytes // (width * height * 3) - 1, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def plate(self) -> Plate:
        """Return what is known about the plate."""
        return self._footage.plate

    @property
    def frames(self) -> FrameRange:
        """Return the frames that can be asked for; a sequence may have gaps in between."""
        return self.plate.frames

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels of every frame, that of the display window."""
        return self.plate.width, self.plate.height

    def picture(self, frame: int) -> Picture:
        """Return a frame as 8-bit sRGB, (height, width, 3), read-only.

        Raises FrameMissingError or FrameDamagedError, or PlateError for a frame outside the range.
        """
        held = self._cache.get(frame)
        if held is None:
            if frame not in self.frames:
                raise PlateError(f"Frame {frame} lies outside the plate, which has {self.frames}.")
            backwards = self._last is not None and frame == self._last - 1
            held = self._footage.decode(frame, self._window if backwards else 0, self._cache)
        self._last = frame
        return held

    def close(self) -> None:
        """Close files and free memory."""
        self._cache.clear()
        self._footage.close()


def open_plate(
    path: str,
    frames: FrameRange | None = None,
    first_frame: int | None = None,
    colour_space: str = "",
    *,
    limit_pixels: int = LIMIT_PIXELS,
    cache_bytes: int = CACHE_BYTES,
) -> PlateReader:
    """Open an image sequence or a movie by pattern, folder, or file (`sequence.find_footage`).

    `frames` narrows the range. `first_frame` is the number of a movie's first frame, 0 otherwise. `colour_space` is
    "sRGB" or "scene-linear"; empty takes the file's word, then floats for scene-linear and integers for sRGB. Raises
    PlateError. The first frame's header is read, so that a plate which cannot be read at all is refused here.
    """
    found = find_footage(path)
    if isinstance(found, ImageSequence):
        if first_frame is not None:
            raise PlateError("A first frame can be set for movies alone: images carry their frames in their names.")
        footage: _Footage = _Images(found, frames, colour_space, limit_pixels)
    else:
        footage = _Movie(found, frames, first_frame or 0, colour_space, limit_pixels)
    return PlateReader(footage, cache_bytes)


def whatever_reads(picture: Callable[[int], Picture]) -> Callable[[int], Picture | None]:
    """Return a reader of frames that answers None for those that are missing or damaged.

    For uses that a frame helps and that do without it.
    """

    def read(frame: int) -> Picture | None:
        try:
            return picture(frame)
        except PlateError:
            return None

    return read


class _Images:
    """An image sequence."""

    def __init__(self, found: ImageSequence, frames: FrameRange | None, colour_space: str, limit_pixels: int) -> None:
        self._sequence = found
        self._limit_pixels = limit_pixels
        frames = narrowed(found.frames, frames, found.name)
        present = [frame for frame in found.files if frame in frames]
        if not present:
            found.require(frames)
        first = min(present)
        with ImageFile(found.file(first), first, limit_pixels) as image:
            header = image.header
        self._encoding = encoding_of(colour_space, is_float=header.is_float, said=header.colour_space)
        width, height = header.size
        rate = header.frame_rate or _DEFAULT_RATE
        self.plate = Plate(width, height, frames, found.name, header.pixel_aspect, rate, colour_space or self._encoding)

    def decode(self, frame: int, before: int, cache: PictureCache) -> Picture:
        """Return a frame; others never come for free."""
        with ImageFile(self._sequence.file(frame), frame, self._limit_pixels) as image:
            if image.header.size != (self.plate.width, self.plate.height):
                raise FrameDamagedError(
                    f"Frame {frame} of {self._sequence.name} has {image.header.size[0]}x{image.header.size[1]} pixels, "
                    f"the plate {self.plate.width}x{self.plate.height}: render it again at the plate's size.",
                    frame,
                )
            return cache.put(frame, to_display(image.read(image.header.colours), self._encoding))

    def close(self) -> None:
        """Hold no file open between frames."""


class _Movie:
    """A movie, whose first frame has the number `first_frame`."""

    def __init__(
        self, file: Path, frames: FrameRange | None, first_frame: int, colour_space: str, limit_pixels: int
    ) -> None:
        encoding = encoding_of(colour_space, is_float=False)
        self._movie = MovieFile(file, limit_pixels)
        self._encoding = encoding
        self._first = first_frame
        all_frames = FrameRange(first_frame, first_frame + self._movie.count - 1)
        try:
            frames = narrowed(all_frames, frames, str(file))
        except PlateError:
            self.close()
            raise
        width, height = self._movie.size
        self.plate = Plate(
            width,
            height,
            frames,
            str(file),
            self._movie.pixel_aspect,
            self._movie.frame_rate,
            colour_space or encoding,
        )

    def decode(self, frame: int, before: int, cache: PictureCache) -> Picture:
        """Return a frame, and keep those before it: the decoder passes them anyway."""
        number = frame - self._first
        try:
            return self._keep(max(number - before, 0), number, cache)
        except FrameDamagedError as error:
            if error.frame == frame:
                raise
            return self._keep(number, number, cache)

    def close(self) -> None:
        """Close the file."""
        self._movie.close()

    def _keep(self, first: int, last: int, cache: PictureCache) -> Picture:
        for number, decoded in self._movie.decode(first, last, self._first):
            picture = cache.put(number + self._first, to_display(to_picture(decoded), self._encoding))
        return picture
