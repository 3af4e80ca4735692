"""Any mask or matte sequence read as coverage; `matte_files` writes them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from roto_daemon.errors import FrameDamagedError, FrameMissingError, PlateError, Unreadable
from roto_daemon.pictures import Matte
from roto_daemon.plates.images import LIMIT_PIXELS, ImageFile, Samples, first_header
from roto_daemon.plates.movie import MovieFile, to_samples
from roto_daemon.plates.sequence import ImageSequence, find_footage, narrowed
from roto_shapes.shape import MadeBy
from roto_shapes.shot import FrameRange, Plate

_DEFAULT_RATE = 24.0


def read_mattes(pattern: str, frames: FrameRange | None = None) -> Iterator[tuple[int, Matte]]:
    """Return the frames of a mask or matte sequence or movie, rising, with their coverage; see `open_mattes`."""
    return iter(open_mattes(pattern, frames))


def open_mattes(
    pattern: str,
    frames: FrameRange | None = None,
    limit_pixels: int = LIMIT_PIXELS,
    *,
    layer: str = "",
    first_frame: int | None = None,
    unreadable: dict[int, Unreadable] | None = None,
) -> MatteSequence:
    """Open masks or mattes: a pattern, a folder, a file of a sequence or a movie, as `sequence.find_footage`.

    `layer` names what images hold as `layers.choose` has it; `first_frame` is the number of a movie's first frame, 0 by
    default. Raises PlateError, and FrameMissingError that names every frame of the range without a file; or, where
    `unreadable` is given, frames that are missing or damaged are left out and their errors kept there.
    """
    found = find_footage(pattern)
    if isinstance(found, ImageSequence):
        if unreadable is None:
            found.require(frames or found.frames)
        return MatteSequence(_MatteImages(found, frames, limit_pixels, layer), unreadable)
    if layer:
        raise PlateError("A layer can be chosen in images alone: a movie has a single picture.")
    return MatteSequence(_MatteMovie(found, frames, limit_pixels, first_frame or 0), unreadable)


@dataclass(frozen=True)
class _Layers:
    """The channels of one frame that may be the matte, 0 to 1."""

    colours: Matte
    """(height, width): the highest of red, green and blue, which is what a coloured mask paints."""
    alpha: Matte | None


class _Masks(Protocol):
    """Frames of masks that can be read."""

    plate: Plate
    made_by: MadeBy | None

    def reading(self) -> AbstractContextManager[Callable[[int], _Layers]]:
        """Give what reads a frame, for the time of a `with` block; asked in rising order it is quick."""


class MatteSequence:
    """Masks or mattes on a disk. Each iteration reads them again; one frame is held at a time."""

    def __init__(self, masks: _Masks, unreadable: dict[int, Unreadable] | None) -> None:
        self._masks = masks
        self._unreadable = unreadable

    @property
    def plate(self) -> Plate:
        """Return the size and the frames of the masks, as a plate of which nothing else is known."""
        return self._masks.plate

    @property
    def made_by(self) -> MadeBy | None:
        """Return what the first file says of the engine that made it; None for masks that were not made here."""
        return self._masks.made_by

    def __iter__(self) -> Iterator[tuple[int, Matte]]:
        """Yield each frame and its coverage, (height, width), 0 to 1; what cannot be read as `open_mattes` says.

        The matte is the alpha, unless there is none or it is 1 all over; else the picture's highest colour. Values
        are not colour-converted: they go from 0 to 1 by bit depth. What the first frame with holes in its alpha has
        said holds for the frames after it.
        """
        is_alpha = False
        with self._masks.reading() as read:
            for frame in self.plate.frames:
                try:
                    layers = read(frame)
                except (FrameMissingError, FrameDamagedError) as error:
                    if self._unreadable is None:
                        raise
                    self._unreadable[frame] = error
                    continue
                if layers.alpha is not None and not is_alpha:
                    is_alpha = bool(layers.alpha.min() < 1)
                yield frame, layers.alpha if is_alpha and layers.alpha is not None else layers.colours


class _MatteImages:
    """An image sequence of masks."""

    def __init__(self, found: ImageSequence, frames: FrameRange | None, limit_pixels: int, layer: str) -> None:
        self._sequence = found
        self._limit_pixels = limit_pixels
        self._layer = layer
        frames = narrowed(found.frames, frames, found.name)
        header = first_header([frame for frame in frames if frame in found.files], self._open)
        rate = header.frame_rate or _DEFAULT_RATE
        self.plate = Plate(*header.size, frames, found.name, header.pixel_aspect, rate)
        self.made_by = header.made_by

    @contextlib.contextmanager
    def reading(self) -> Iterator[Callable[[int], _Layers]]:
        """Hold no file open between frames."""
        yield self._read

    def _read(self, frame: int) -> _Layers:
        with self._open(frame) as image:
            header = image.header
            _require_size(frame, header.size, self.plate)
            channels = [*header.colours, *([header.alpha] if header.alpha >= 0 else [])]
            return _layers(image.read(channels), len(header.colours))

    def _open(self, frame: int) -> ImageFile:
        return ImageFile(self._sequence.file(frame), frame, self._limit_pixels, self._layer)


class _MatteMovie:
    """A movie of masks, whose first frame has the number `first`."""

    def __init__(self, file: Path, frames: FrameRange | None, limit_pixels: int, first: int) -> None:
        movie = MovieFile(file, limit_pixels)
        there = FrameRange(first, first + movie.count - 1)
        self._file = file
        self._first = first
        self._limit_pixels = limit_pixels
        self.made_by: MadeBy | None = None
        self.plate = Plate(
            *movie.size, narrowed(there, frames, str(file)), str(file), movie.pixel_aspect, movie.frame_rate
        )
        movie.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Callable[[int], _Layers]]:
        """Open the movie for the time of the block."""
        movie = MovieFile(self._file, self._limit_pixels)

        def read(frame: int) -> _Layers:
            number = frame - self._first
            ((_, decoded),) = movie.decode(number, number, self._first)
            samples, has_alpha = to_samples(decoded, frame)
            return _layers(samples if has_alpha else samples[..., :3], 3)

        with contextlib.closing(movie):
            yield read


def _layers(samples: Samples, colours: int) -> _Layers:
    """Tell the first so many channels from an alpha after them, if there is one."""
    alpha = _coverage(samples[..., colours:]) if samples.shape[2] > colours else None
    return _Layers(_coverage(samples[..., :colours]), alpha)


def _coverage(samples: Samples) -> Matte:
    """Return the highest channel as coverage; integers by their bit depth, NaN as 0."""
    highest = samples[..., 0] if samples.shape[2] == 1 else samples.max(axis=2)
    if highest.dtype.kind == "u":
        return highest.astype(np.float32) / np.float32(np.iinfo(highest.dtype).max)
    matte: Matte = np.clip(np.nan_to_num(highest.astype(np.float32), nan=0.0), 0, 1)
    return matte


def _require_size(frame: int, size: tuple[int, int], plate: Plate) -> None:
    if size != (plate.width, plate.height):
        raise FrameDamagedError(
            f"Frame {frame} of {plate.name} has {size[0]}x{size[1]} pixels, the frames before it "
            f"{plate.width}x{plate.height}: make all of one size.",
            frame,
        )
