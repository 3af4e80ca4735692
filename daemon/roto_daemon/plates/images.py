"""One image file: its header and its samples, read by OpenImageIO and never altered.

OpenImageIO reports damage in three ways: nothing is opened, nothing is read, or pixels come with an error beside
them. All three end here in FrameDamagedError; a picture that was only partly read is never handed on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from OpenImageIO import ImageInput, ImageSpec, geterror

from roto_daemon.errors import FrameDamagedError, FrameMissingError, PlateError, Unreadable
from roto_daemon.plates.colour import ColourFacts
from roto_daemon.plates.layers import Choice, Part, choose
from roto_shapes.shape import MadeBy

Samples = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float16] | NDArray[np.float32]
"""(height, width, channels) as the file stores them; integers from 0 to their highest, floats as they are."""

LIMIT_PIXELS = 16384 * 16384
"""The most pixels of an image, unless the caller says otherwise: enough for any scan, too few to fill the memory."""

_READ_AS = {"uint8": "uint8", "uint16": "uint16", "uint32": "uint16", "half": "half"}
"""How OpenImageIO is to deliver a stored type; every other type comes as float."""

_PARTS_AT_MOST = 1024
"""Of one file. Renders have tens; a damaged file may announce any number."""
_DESCRIPTION_LENGTH = 10_000
"""Letters of a description that may be ours; ours have some hundreds."""
NO_WEIGHTS = "none"
"""What headers say of an engine without weights."""
_BAND_ROWS = 256
"""Rows read at a time: 16 of ZIP's blocks in EXR, enough for as many processors."""
_TRIED_AT_MOST = 100
"""Frames that are looked at for one whose header can be read, before a plate is given up."""
_READ_BETWEEN = 4
"""Channels that one read may take in, wanted or not; those further apart are read one by one."""


@dataclass(frozen=True)
class ImageHeader:
    """What a file says about itself, or the part of it that is read.

    Windows are left, top, width, height; the top-left pixel's corner is the place.
    """

    data_window: tuple[int, int, int, int]
    display_window: tuple[int, int, int, int]
    channels: tuple[str, ...]
    sample: str
    """OpenImageIO's name of the stored type, such as `uint16` or `half`."""
    colours: tuple[int, ...]
    """Indices of the channels that make the picture: red, green, blue, or a single grey one."""
    alpha: int
    """Index of the alpha channel; -1 for none."""
    colour_space: str
    """As the file or its format says; empty when it does not."""
    chromaticities: tuple[float, ...]
    """x and y of red, green, blue and white; empty when the file says none."""
    pixel_aspect: float
    frame_rate: float
    """0 when the file says none."""
    made_by: MadeBy | None
    """What `matte_files` wrote of the engine and its weights; None in files of others."""

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of the display window."""
        return self.display_window[2:]

    def colour_facts(self, path: str) -> ColourFacts:
        """Return what the file under that path says about its colours."""
        return ColourFacts(path, self.is_float, self.colour_space, self.chromaticities)

    @property
    def picked(self) -> tuple[str, ...]:
        """Return the names of the channels that make the picture."""
        return tuple(self.channels[index] for index in self.colours)

    @property
    def is_plain(self) -> bool:
        """Say whether the picture is red, green and blue or grey, without a layer's name."""
        return self.picked in {("R", "G", "B"), ("Y",)}

    @property
    def is_float(self) -> bool:
        """Say whether samples are floating-point numbers."""
        return _READ_AS.get(self.sample, "float") in {"half", "float"}


class ImageFile:
    """An open image. Use it in a `with` block; `frame` is what errors name."""

    def __init__(self, file: Path, frame: int, limit_pixels: int = LIMIT_PIXELS, layer: str = "") -> None:
        """Read the header; raises FrameMissingError or FrameDamagedError.

        `layer` names a layer, a part, or channels with commas; empty takes the first red, green and blue.
        """
        self._file = file
        self._frame = frame
        _require_bytes(file, frame)
        self._input = self._open()
        self._part = 0
        self.header = self._checked_header(limit_pixels, layer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._input.close()

    def read(self, channels: Sequence[int]) -> Samples:
        """Return some channels, placed in the display window; what the data window does not cover is 0.

        uint8, uint16, float16 or float32, whichever holds what is stored. Raises FrameDamagedError.
        """
        return _placed(self._samples(channels, None), self.header)

    def bands(self, channels: Sequence[int]) -> Iterator[tuple[int, Samples]]:
        """Yield what `read` returns from top to bottom, each band with its first row.

        Who makes something of one band before the next is read finds it in the processor's cache.
        """
        if self._is_tiled or self.header.data_window != self.header.display_window:
            yield 0, self.read(channels)
            return
        _, top, _, height = self.header.data_window
        for row in range(0, height, _BAND_ROWS):
            yield row, self._samples(channels, (top + row, top + min(row + _BAND_ROWS, height)))

    def _samples(self, channels: Sequence[int], rows: tuple[int, int] | None) -> Samples:
        """Return channels of all rows, or from one up to another."""
        first, last = min(channels), max(channels)
        if last - first >= _READ_BETWEEN:
            return np.concatenate([self._read(channel, channel, rows) for channel in channels], axis=2)
        pixels = self._read(first, last, rows)
        order = [channel - first for channel in channels]
        return pixels if order == list(range(last - first + 1)) else pixels[..., order]

    def _read(self, first: int, last: int, rows: tuple[int, int] | None) -> Samples:
        pixels: Any = None
        try:
            stored = _READ_AS.get(self.header.sample, "float")
            if rows:
                pixels = self._input.read_scanlines(self._part, 0, *rows, 0, first, last + 1, stored)
            else:
                pixels = self._input.read_image(self._part, 0, first, last + 1, stored)
            failed = pixels is None or self._input.has_error
            reason = self._input.geterror()
        except (UnicodeError, MemoryError, RuntimeError) as error:
            failed, reason = True, str(error)
        if failed:
            raise self._damaged(reason)
        return cast("Samples", pixels)

    def _open(self) -> ImageInput:
        # Colours as they stand in the file: by default OpenImageIO multiplies a PNG's or TIFF's by its alpha.
        wishes = ImageSpec()
        wishes.attribute("oiio:UnassociatedAlpha", 1)
        reason = ""
        try:
            found = ImageInput.open(str(self._file), wishes)
            reason = geterror()  # taken also when unused: it would be printed when the program ends
        except UnicodeError as error:
            found, reason = None, str(error)
        if found is None:
            raise self._damaged(reason)
        return found

    def _checked_header(self, limit_pixels: int, layer: str) -> ImageHeader:
        try:
            parts = self._parts()
            choice = choose(parts, layer)
            self._part = choice.part
            spec = self._input.spec(choice.part)
            self._require_sound(spec, limit_pixels)
            self._is_tiled = spec.tile_width > 0
            return _header(spec, choice)
        except LookupError as error:
            raise self._refused(str(error)) from None
        except UnicodeError as error:
            raise self._damaged(str(error)) from error

    def _parts(self) -> list[Part]:
        parts: list[Part] = []
        while len(parts) < _PARTS_AT_MOST and (not parts or self._input.seek_subimage(len(parts), 0)):
            spec = self._input.spec()
            parts.append(Part(spec.get_string_attribute("oiio:subimagename"), tuple(spec.channelnames), spec.deep))
        self._input.geterror()  # says that there is no further part; it would spoil the next read
        return parts

    def _require_sound(self, spec: ImageSpec, limit_pixels: int) -> None:
        if spec.deep:
            raise self._refused("holds deep samples, which cannot be shown: render a flat image")
        if spec.width * spec.height > limit_pixels or spec.full_width * spec.full_height > limit_pixels:
            size = f"{max(spec.width, spec.full_width)}x{max(spec.height, spec.full_height)}"
            raise self._refused(f"announces {size} pixels, more than the limit of {limit_pixels}: check the file")
        apart_x = spec.x >= spec.full_x + spec.full_width or spec.x + spec.width <= spec.full_x
        apart_y = spec.y >= spec.full_y + spec.full_height or spec.y + spec.height <= spec.full_y
        if apart_x or apart_y:
            raise self._refused("has no pixel inside its display window: check its data window, or render it again")

    def _damaged(self, reason: str) -> FrameDamagedError:
        said = reason.strip().splitlines()[0].strip(" .") if reason.strip() else "no reason given"
        return self._refused(f"is damaged or no image ({said}): copy or render it again")

    def _refused(self, what: str) -> FrameDamagedError:
        return FrameDamagedError(f"Frame {self._frame} ('{self._file}') {what}.", self._frame)


def first_header(frames: Sequence[int], opened: Callable[[int], ImageFile]) -> ImageHeader:
    """Return the header of the first frame that can be read: one that is damaged costs itself alone.

    Raises the first frame's error when none can, and looks at a bounded number of them.
    """
    first_error: Unreadable | None = None
    for frame in frames[:_TRIED_AT_MOST]:
        try:
            with opened(frame) as image:
                return image.header
        except (FrameMissingError, FrameDamagedError) as error:
            first_error = first_error or error
    raise first_error or PlateError("None of these frames is there: render or copy them.")


def _require_bytes(file: Path, frame: int) -> None:
    try:
        with file.open("rb") as opened:
            empty = not opened.read(1)
    except FileNotFoundError:
        raise FrameMissingError(f"Frame {frame} ('{file}') is not there: render or copy it.", frame) from None
    except OSError as error:
        raise FrameDamagedError(f"Frame {frame} ('{file}') cannot be read: {error.strerror}.", frame) from error
    if empty:
        raise FrameDamagedError(f"Frame {frame} ('{file}') is an empty file: copy or render it again.", frame)


def _header(spec: ImageSpec, choice: Choice) -> ImageHeader:
    return ImageHeader(
        (spec.x, spec.y, spec.width, spec.height),
        (spec.full_x, spec.full_y, spec.full_width, spec.full_height),
        tuple(spec.channelnames),
        str(spec.format),
        choice.colours,
        choice.alpha,
        _colour_space(spec),
        tuple(spec.getattribute("chromaticities") or ()),
        _above_zero(spec.get_float_attribute("PixelAspectRatio"), 1.0),
        _above_zero(spec.get_float_attribute("FramesPerSecond"), 0.0),
        _made_by(spec),
    )


def _made_by(spec: ImageSpec) -> MadeBy | None:
    engine, weights = (str(spec.get_string_attribute(f"rotolink:{each}")) for each in ("engine", "weights"))
    if not engine:  # TIFF has room for known facts only, so that ours stand in the description
        try:
            described = json.loads(str(spec.get_string_attribute("ImageDescription"))[:_DESCRIPTION_LENGTH])["rotolink"]
            engine, weights = str(described["engine"]), str(described["weights"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
    return MadeBy(engine, "" if weights == NO_WEIGHTS else weights)


def _colour_space(spec: ImageSpec) -> str:
    # OpenImageIO tells of the DPX characteristic "logarithmic" alone; scanners also write the density of a print.
    if spec.get_string_attribute("dpx:Transfer") == "Printing density":
        return "KodakLog"
    return str(spec.get_string_attribute("oiio:ColorSpace"))


def _above_zero(number: float, otherwise: float) -> float:
    return number if math.isfinite(number) and number > 0 else otherwise


def _placed(pixels: Samples, header: ImageHeader) -> Samples:
    if header.data_window == header.display_window:
        return pixels
    left, top, width, height = header.data_window
    x, y = left - header.display_window[0], top - header.display_window[1]
    across, down = header.size
    canvas = np.zeros((down, across, pixels.shape[2]), pixels.dtype)
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, across), min(y + height, down)
    if x0 < x1 and y0 < y1:
        canvas[y0:y1, x0:x1] = pixels[y0 - y : y1 - y, x0 - x : x1 - x]
    return canvas
