"""Uploaded frames as workers read them: decoded and colour-managed, from the files of `spool`.

Apart from the writing, because the daemon, which writes, has no need of the libraries that decode.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import FrameDamagedError, FrameMissingError, PlateError
from roto_daemon.pictures import Picture
from roto_daemon.plates.cache import PictureCache, version_of
from roto_daemon.plates.colour import Colour, ColourFacts, colour_of
from roto_daemon.plates.display import to_display, to_light
from roto_daemon.plates.images import LIMIT_PIXELS, ImageFile, Samples
from roto_daemon.plates.spool import PLATES_OWN, names_of
from roto_shapes.shot import FrameRange, Plate

_CACHE_BYTES = 256 << 20


class UploadedPlate:
    """Spooled frames as a `FrameSource`; frames may still arrive while it is read. For one thread."""

    def __init__(self, folder: Path, plate: Plate, cache: PictureCache | None = None, ocio_config: str = "") -> None:
        self.plate = plate
        self._ocio_config = ocio_config
        self._folder = folder
        self._cache = cache or PictureCache(_CACHE_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def frames(self) -> FrameRange:
        """Return the frames that the plate has; those not yet uploaded are missing."""
        return self.plate.frames

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels of every frame."""
        return self.plate.width, self.plate.height

    def picture(self, frame: int) -> Picture:
        """Return a frame as 8-bit sRGB, (height, width, 3), read-only; raises as `PlateReader.picture`."""
        file = self._find(frame)
        made_of = version_of(file), self.plate, self._ocio_config
        held = self._cache.get(made_of)
        return self._cache.put(made_of, to_display(*self._samples(frame, file))) if held is None else held

    def light(self, frame: int) -> tuple[NDArray[np.float32], str]:
        """Return a frame as light and the space it is in; raises as `PlateReader.light`."""
        return to_light(*self._samples(frame, self._find(frame)))

    def close(self) -> None:
        """Free memory; the files stay."""
        self._cache.clear()

    def _find(self, frame: int) -> Path:
        """Return the file of a frame."""
        found = []
        for name in names_of(frame):
            with contextlib.suppress(FileNotFoundError):
                found.append(((self._folder / name).stat().st_mtime_ns, self._folder / name))
        if found:
            return max(found)[1]  # there are two only for the moment in which one replaces the other
        if frame not in self.frames:
            raise PlateError(f"Frame {frame} lies outside the plate, which has {self.frames}.")
        raise FrameMissingError(f"Frame {frame} has not been uploaded: send it first.", frame)

    def _samples(self, frame: int, file: Path) -> tuple[Samples, Colour]:
        if file.suffix == ".npy":
            pixels = np.load(file, mmap_mode="r")
            encoding = file.suffixes[-2].lstrip(".")
            given = self.plate.colour_space if encoding == PLATES_OWN else encoding
            return pixels[..., : 1 if pixels.shape[2] == 1 else 3], self._colour(given, ColourFacts(""))
        with ImageFile(file, frame, LIMIT_PIXELS) as image:
            header = image.header
            if header.size != self.size:
                raise FrameDamagedError(
                    f"Frame {frame} was sent with {header.size[0]}x{header.size[1]} pixels, the plate has "
                    f"{self.plate.width}x{self.plate.height}: send it at the plate's size.",
                    frame,
                )
            colour = self._colour(self.plate.colour_space, header.colour_facts(self.plate.name))
            return image.read(header.colours), colour

    def _colour(self, given: str, facts: ColourFacts) -> Colour:
        return colour_of(given, facts, self._ocio_config)
