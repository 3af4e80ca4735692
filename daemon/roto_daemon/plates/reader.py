"""A plate opened by path: an image sequence or a movie as a source of pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import FrameDamagedError, PlateError
from roto_daemon.pictures import Picture
from roto_daemon.plates.cache import Key, PictureCache, SharedPictures, version_of
from roto_daemon.plates.colour import Colour, ColourFacts, colour_of, srgb_of
from roto_daemon.plates.display import to_display, to_light
from roto_daemon.plates.images import LIMIT_PIXELS, ImageFile, ImageHeader, Samples, first_header
from roto_daemon.plates.movie import MovieFile, to_picture, to_samples
from roto_daemon.plates.sequence import ImageSequence, find_footage, lies_in, narrowed
from roto_shapes.shot import FrameRange, Plate, PlatePath

CACHE_BYTES = 256 << 20
"""Of decoded pictures: 97 frames of 1280x720, 10 of UHD. A click and the frames around it are then decoded once."""

_DEFAULT_RATE = 24.0
_PROXY_ROUNDING_PX = 1.5
_PROXY_SHAPE = 0.01
"""How far a proxy's height may be from the plate's shape, in pixels or as a share: sizes are rounded."""


class _Footage(Protocol):
    """Frames that can be decoded."""

    @property
    def plate(self) -> Plate:
        """Return its facts."""

    @property
    def colour(self) -> Colour:
        """Return in what its pixels are."""

    def made_of(self, frame: int) -> Key:
        """Return what a frame's picture is made of; None when it cannot be made."""

    def decode(self, frame: int, before: int) -> Iterator[tuple[int, Picture]]:
        """Yield a frame with its number, after up to `before` earlier ones where they come for free."""

    def samples(self, frame: int) -> Samples:
        """Return a frame's colours as they are stored, (height, width, 1 or 3)."""

    def close(self) -> None:
        """Close its files."""


class PlateReader:
    """The frames of a plate on a disk: a `FrameSource`. For one thread; memory does not grow with the clip."""

    def __init__(self, footage: _Footage, cache: PictureCache) -> None:
        self._footage = footage
        self._cache = cache
        self._last: int | None = None
        width, height = self.size
        self._window = max(cache.limit_bytes // (width * height * 3) - 1, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def plate(self) -> Plate:
        """Return what is known about the plate."""
        return self._footage.plate

    @property
    def colour(self) -> Colour:
        """Return in which colour space the pixels are, and why it was taken."""
        return self._footage.colour

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
        if frame not in self.frames:
            raise PlateError(f"Frame {frame} lies outside the plate, which has {self.frames}.")
        made_of = self._footage.made_of(frame)
        held = self._cache.get(made_of) if made_of else None
        if held is None:
            backwards = self._last is not None and frame == self._last - 1
            for number, picture in self._footage.decode(frame, self._window if backwards else 0):
                held = self._cache.put(made_of if number == frame else self._footage.made_of(number), picture)
        self._last = frame
        return cast("Picture", held)

    def light(self, frame: int) -> tuple[NDArray[np.float32], str]:
        """Return a frame as light, see `display.to_light`, and the space it is in; nothing is kept in the cache.

        Raises as `picture` does, and PlateError for a plate that is read by a proxy.
        """
        if frame not in self.frames:
            raise PlateError(f"Frame {frame} lies outside the plate, which has {self.frames}.")
        return to_light(self._footage.samples(frame), self.colour)

    def close(self) -> None:
        """Close files and free memory."""
        self._cache.clear()
        self._footage.close()


@dataclass(frozen=True)
class ReadLimits:
    """What may be read."""

    pixels: int = LIMIT_PIXELS
    """The most of a frame."""
    roots: tuple[str, ...] = ()
    """Folders that files must lie in, symbolic links followed; empty for all."""


_NO_LIMITS = ReadLimits()


def open_plate(
    source: PlatePath | str,
    limits: ReadLimits = _NO_LIMITS,
    cache_bytes: int = CACHE_BYTES,
    shared: SharedPictures | None = None,
) -> PlateReader:
    """Open an image sequence or a movie by pattern, folder, or file (`sequence.find_footage`).

    What the colour space may be is told by `colour.colour_of`; it holds for all frames. Raises PlateError. The first
    frame's header is read, so that a plate which cannot be read at all is refused here.
    """
    source = PlatePath(source) if isinstance(source, str) else source
    return PlateReader(_footage(source, limits), PictureCache(cache_bytes, shared))


def _footage(source: PlatePath, limits: ReadLimits) -> _Footage:
    if not source.proxy:
        return _unproxied(source, limits)
    with contextlib.closing(_unproxied(replace(source, frames=None, handles=0, proxy=""), limits)) as whole:
        plate = whole.plate
    small = find_footage(source.proxy)
    is_movie = not isinstance(small, ImageSequence)
    proxy = replace(
        source,
        path=source.proxy,
        proxy="",
        layer="" if is_movie else source.layer,
        first_frame=plate.frames.first if is_movie else None,
        timecode="",
    )
    return _Proxied(plate, _unproxied(proxy, limits))


def _unproxied(source: PlatePath, limits: ReadLimits) -> _Images | _Movie:
    found = find_footage(source.path)
    if not isinstance(found, ImageSequence):
        if source.layer:
            raise PlateError("A layer can be chosen in images alone: a movie has a single picture.")
        return _Movie(found, source, limits)
    if source.first_frame is not None or source.timecode:
        raise PlateError("A first frame can be set for movies alone: images carry their frames in their names.")
    return _Images(found, source, limits)


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

    def __init__(self, found: ImageSequence, source: PlatePath, limits: ReadLimits) -> None:
        self._sequence = found
        self._limits = limits
        self._layer = source.layer
        frames = narrowed(found.frames, source.frames, found.name, source.handles)
        present = [frame for frame in frames if frame in found.files]
        if not present:
            found.require(frames)
        header = first_header(present, self._open)
        first_file = str(found.files[present[0]])
        self._channels = header.picked
        self.colour = colour_of(source.colour_space, header.colour_facts(first_file), source.ocio_config)
        self._made_for = header.size, self.colour, version_of(Path(self.colour.config))
        self.plate = Plate(
            *header.size,
            frames,
            found.name,
            header.pixel_aspect,
            header.frame_rate or _DEFAULT_RATE,
            self.colour.space,
        )

    def made_of(self, frame: int) -> Key:
        """Return the file with its version, and what is taken out of it."""
        file = self._sequence.files.get(frame)
        version = file and version_of(file)
        return version and (version, self._layer, self._channels, self._made_for)

    def decode(self, frame: int, before: int) -> Iterator[tuple[int, Picture]]:
        """Yield a frame; others never come for free."""
        with self._open(frame) as image:
            self._require_alike(frame, image.header)
            picture = np.empty((self.plate.height, self.plate.width, 3), np.uint8)
            for top, samples in image.bands(image.header.colours):
                picture[top : top + len(samples)] = to_display(samples, self.colour)
        yield frame, picture

    def samples(self, frame: int) -> Samples:
        """Return a frame's colours."""
        with self._open(frame) as image:
            self._require_alike(frame, image.header)
            return image.read(image.header.colours)

    def close(self) -> None:
        """Hold no file open between frames."""

    def _open(self, frame: int) -> ImageFile:
        file = self._sequence.file(frame)
        if not lies_in(file, self._limits.roots):
            raise FrameDamagedError(
                f"Frame {frame} ('{file}') leads out of the folders that this daemon may read: put the file there.",
                frame,
            )
        return ImageFile(file, frame, self._limits.pixels, self._layer)

    def _require_alike(self, frame: int, header: ImageHeader) -> None:
        """Refuse a frame that shows something else than the plate's first one."""
        if header.size != (self.plate.width, self.plate.height):
            raise FrameDamagedError(
                f"Frame {frame} of {self._sequence.name} has {header.size[0]}x{header.size[1]} pixels, "
                f"the plate {self.plate.width}x{self.plate.height}: render it again at the plate's size.",
                frame,
            )
        if header.picked != self._channels and not header.is_plain:
            raise FrameDamagedError(
                f"Frame {frame} of {self._sequence.name} lacks {', '.join(self._channels)}, which the plate shows: "
                f"it holds {', '.join(header.picked)}. Render it again.",
                frame,
            )


class _Movie:
    """A movie, whose first frame has the number `first_frame`."""

    def __init__(self, file: Path, source: PlatePath, limits: ReadLimits) -> None:
        if not lies_in(file, limits.roots):
            raise PlateError(f"'{file}' leads out of the folders that this daemon may read: put the file itself there.")
        movie = self._movie = MovieFile(file, limits.pixels)
        try:
            facts = ColourFacts(str(file), said=movie.colour_space)
            self.colour = colour_of(source.colour_space, facts, source.ocio_config)
            self._is_shown_as_stored = self.colour.space == srgb_of(self.colour.config)
            self._made_from = version_of(file), self.colour, version_of(Path(self.colour.config))
            self._first = (source.first_frame or 0) - (movie.frame_at(source.timecode) if source.timecode else 0)
            there = FrameRange(self._first, self._first + movie.count - 1)
            frames = narrowed(there, source.frames, str(file), source.handles)
        except PlateError:
            self.close()
            raise
        self.plate = Plate(*movie.size, frames, str(file), movie.pixel_aspect, movie.frame_rate, self.colour.space)

    def made_of(self, frame: int) -> Key:
        """Return the file with its version, and the frame as it counts it."""
        return frame - self._first, *self._made_from

    def decode(self, frame: int, before: int) -> Iterator[tuple[int, Picture]]:
        """Yield a frame, and those before it: the decoder passes them anyway."""
        number = frame - self._first
        try:
            yield from self._shown(max(number - before, 0), number)
        except FrameDamagedError as error:
            if error.frame == frame:
                raise
            yield from self._shown(number, number)

    def samples(self, frame: int) -> Samples:
        """Return a frame's colours, of 16 bits."""
        number = frame - self._first
        decoded = dict(self._movie.decode(number, number, self._first))
        return to_samples(decoded[number], frame)[0][..., :3]

    def close(self) -> None:
        """Close the file."""
        self._movie.close()

    def _shown(self, first: int, last: int) -> Iterator[tuple[int, Picture]]:
        for number, decoded in self._movie.decode(first, last, self._first):
            samples = (
                to_picture(decoded, number + self._first)
                if self._is_shown_as_stored
                else to_samples(decoded, number + self._first)[0][..., :3]
            )
            yield number + self._first, to_display(samples, self.colour)


class _Proxied:
    """A plate whose pixels come from smaller pictures of the same frames."""

    def __init__(self, whole: Plate, proxy: _Images | _Movie) -> None:
        self._proxy = proxy
        small = proxy.plate
        expected = small.width * small.pixel_aspect / (whole.width * whole.pixel_aspect) * whole.height
        if abs(small.height - expected) > max(_PROXY_ROUNDING_PX, expected * _PROXY_SHAPE):
            proxy.close()
            raise PlateError(
                f"The proxy {small.name} has {small.width}x{small.height} pixels, which is another picture than the "
                f"plate's {whole.width}x{whole.height}: give one of the same display window."
            )
        self.colour = proxy.colour
        self.plate = replace(whole, frames=small.frames, colour_space=small.colour_space)

    def made_of(self, frame: int) -> Key:
        """Return what the proxy's picture is made of, and the plate's size."""
        small = self._proxy.made_of(frame)
        return small and (small, self.plate.width, self.plate.height)

    def decode(self, frame: int, before: int) -> Iterator[tuple[int, Picture]]:
        """Yield frames of the proxy at the plate's size; corner falls on corner."""
        for number, small in self._proxy.decode(frame, before):
            yield number, np.asarray(cv2.resize(small, (self.plate.width, self.plate.height)), np.uint8)

    def samples(self, frame: int) -> Samples:
        """Refuse: a proxy's pixels are not the plate's."""
        raise PlateError("A proxy has too few pixels to take the object's colour from: give the plate alone.")

    def close(self) -> None:
        """Close the proxy."""
        self._proxy.close()
