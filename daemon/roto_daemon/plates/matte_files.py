"""Mattes as files that compositors read: one matte a file, one layer an object, or Cryptomatte."""

from __future__ import annotations

import contextlib
import errno
import importlib.metadata
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from OpenImageIO import ImageOutput, ImageSpec, geterror

from roto_daemon.errors import OutputError, writing
from roto_daemon.pictures import Matte
from roto_daemon.plates import cryptomatte

MATTE_ENDINGS = (".exr", ".png", ".tif", ".tiff")
COMPRESSIONS = ("zip", "dwaa")
"""Of EXR files."""

_SAMPLES = {
    ".exr": {16: "half", 32: "float"},
    ".png": {8: "uint8", 16: "uint16"},
    ".tif": {8: "uint8", 16: "uint16", 32: "float"},
    ".tiff": {8: "uint8", 16: "uint16", 32: "float"},
}
_WHITE_16 = 65535
_LONGEST_LAYER = 29
"""With the channel behind it 31 characters: what readers of EXR from before long names take."""
_TAKEN_LAYERS = frozenset({"rgba", "rgb", "alpha", "depth", "motion", "forward", "backward", "mask", "disparity"})
"""Nuke's own: an object's matte must not become the picture's alpha or its depth."""


@dataclass(frozen=True)
class MatteForm:
    """How mattes are stored, and what of the plate goes with them. Raises OutputError for what does not exist."""

    bits: int = 16
    """A sample: 8 or 16 in PNG; 8, 16 or 32 (float) in TIFF; 16 (half) or 32 (float) in EXR."""
    compression: str = "zip"
    """Of EXR. `dwaa` stores what is called A without loss, and is smaller and faster with soft edges."""
    pixel_aspect: float = 1.0
    frame_rate: float = 0.0
    """0 for unknown."""

    def __post_init__(self) -> None:
        """Refuse what no format has."""
        if self.compression not in COMPRESSIONS:
            raise OutputError(f"EXR mattes are not compressed by '{self.compression}': choose zip or dwaa.")

    def sample(self, path: Path) -> str:
        """Return OpenImageIO's name of a sample in a file; raises OutputError."""
        ending = path.suffix.lower()
        if ending not in MATTE_ENDINGS:
            known = ", ".join(MATTE_ENDINGS)
            raise OutputError(f"Mattes are not written as '{ending}': give a name that ends in {known}.")
        samples = _SAMPLES[ending]
        if self.bits not in samples:
            there = " or ".join(map(str, samples))
            raise OutputError(f"'{ending}' mattes have {there} bits a sample, not {self.bits}: choose one of these.")
        return samples[self.bits]


_PLAIN = MatteForm()
_HELD_BACK_BYTES = 1 << 16
"""More than what C and C++ buffer of a file, 4 to 8 KiB or the block of its disk."""
_STRIP_ROWS = 128
"""Rows of several objects written at a time: 16 objects at UHD take 30 MB, not a gigabyte."""


def write_matte(
    path: Path, matte: Matte | NDArray[np.uint16], frame: int, metadata: Mapping[str, str], form: MatteForm = _PLAIN
) -> None:
    """Write a matte, (height, width) of the display window, as a file of one channel; whole or not at all.

    The ending chooses EXR (channel A), PNG or TIFF. `metadata` says what made it and goes into the header, under
    `rotolink:` names in EXR and PNG and as JSON in TIFF's description. Raises OutputError.
    """
    if matte.dtype == np.uint16:
        matte = matte.astype(np.float32) / np.float32(_WHITE_16)
    # A lone channel of PNG and TIFF is grey by definition; in EXR its name is what a host lists.
    channels = ["A" if path.suffix.lower() == ".exr" else "Y"]
    spec = _spec(path, matte, channels, form)
    _describe(spec, path, frame, metadata)
    with whole_path(path) as part, _open(part, spec) as output:
        _require(output.write_image(np.clip(matte, 0, 1)[..., np.newaxis]), output)


def write_foreground(
    path: Path,
    pixels: NDArray[np.float32],
    space: str,
    frame: int,
    metadata: Mapping[str, str],
    form: MatteForm = _PLAIN,
) -> None:
    """Write an object with its matte, (height, width, 4) premultiplied light and alpha, as EXR; whole or not at all.

    `space` is the colour space of the light. Raises OutputError.
    """
    if path.suffix.lower() != ".exr":
        raise OutputError(f"'{path}' cannot hold light and alpha: give a name that ends in .exr.")
    spec = _spec(path, pixels[..., 3], ["R", "G", "B", "A"], form)
    spec.attribute("oiio:ColorSpace", space)
    _describe(spec, path, frame, metadata)
    with whole_path(path) as part, _open(part, spec) as output:
        _require(output.write_image(np.ascontiguousarray(pixels)), output)


def write_layers(
    path: Path, mattes: Mapping[str, Matte], frame: int, metadata: Mapping[str, str], form: MatteForm = _PLAIN
) -> None:
    """Write mattes by object name as one EXR, each the channel `<layer>.A`; whole or not at all. Raises OutputError.

    Layers are named by `layer_names`, so that hosts list one layer an object; the header has the full names.
    """
    layers = layer_names(list(mattes))
    spec = _exr_spec(path, mattes, [f"{layer}.A" for layer in layers], form)
    names = json.dumps(dict(zip(layers, mattes, strict=True)), ensure_ascii=False)
    _describe(spec, path, frame, {"layers": names, **metadata})

    def stack(strip: Mapping[str, Matte]) -> NDArray[np.float32]:
        return np.stack(list(strip.values()), axis=2)

    _write_strips(path, spec, mattes, stack)


def write_cryptomatte(
    path: Path, mattes: Mapping[str, Matte], frame: int, metadata: Mapping[str, str], form: MatteForm = _PLAIN
) -> None:
    """Write mattes by object name as a Cryptomatte EXR of 32-bit floats; whole or not at all. Raises OutputError."""
    if form.compression != "zip":
        raise OutputError("A Cryptomatte must be stored without loss, and its ids would not be by dwaa: choose zip.")
    form = MatteForm(32, "zip", form.pixel_aspect, form.frame_rate)
    spec = _exr_spec(path, mattes, cryptomatte.channel_names(len(mattes)), form)
    _describe(spec, path, frame, metadata)
    for name, value in cryptomatte.header(list(mattes)).items():
        spec.attribute(name, value)
    _write_strips(path, spec, mattes, cryptomatte.rank_objects)


def layer_names(names: Sequence[str]) -> list[str]:
    """Return a layer's name for each object: letters, digits and `_`, no digit first, unlike any other's.

    That is what Nuke takes as a layer; others take more. `größe 2` becomes `grosse_2`.
    """
    made: list[str] = []
    taken = set(_TAKEN_LAYERS)
    for name in names:
        plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "object"
        stem = f"_{stem}"[:_LONGEST_LAYER] if stem[0].isdigit() else stem[:_LONGEST_LAYER]
        layer, number = stem, 2
        while layer.lower() in taken:
            tail = f"_{number}"
            layer, number = stem[: _LONGEST_LAYER - len(tail)] + tail, number + 1
        taken.add(layer.lower())
        made.append(layer)
    return made


def making(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what a file says of its making, by names such as `plate`, `engine`, and the version that wrote it."""
    return {"version": importlib.metadata.version("rotolink"), **metadata}


@contextlib.contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`, with its ending, for a library that writes by name; it takes the place at the end.

    When the block raises, or the disk is so full that the library's last bytes may have found no place, nothing is
    left. OSErrors become OutputError.
    """
    part = path.with_name(f".rotolink-{secrets.token_hex(8)}.part{path.suffix}")
    if not path.parent.is_dir():
        raise OutputError(f"'{path}' cannot be written: there is no folder '{path.parent}'. Create it first.")
    try:
        with writing(path):
            yield part
            _require_room(part)
            os.replace(part, path)  # noqa: PTH105 - Path.replace, as everywhere beside OIIO's and PyAV's text paths
    finally:
        part.unlink(missing_ok=True)


def _require_room(file: Path) -> None:
    """Raise OSError unless as much as a library holds back could be written behind a file; the file stays as it is.

    Libraries write the last of what they buffered while they close the file, and do not tell when that fails: small
    files then stay empty.
    """
    facts = file.stat()
    more = bytes(max(_HELD_BACK_BYTES, getattr(facts, "st_blksize", 0)))
    with file.open("ab", buffering=0) as opened:
        written = opened.write(more)
    os.truncate(file, facts.st_size)
    if written < len(more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _exr_spec(path: Path, mattes: Mapping[str, Matte], channels: Sequence[str], form: MatteForm) -> ImageSpec:
    """Return the header of an EXR of several objects."""
    if path.suffix.lower() != ".exr":
        raise OutputError(f"'{path}' cannot hold several objects: give a name that ends in .exr.")
    if not mattes:
        raise OutputError(f"'{path}' cannot be written: there are no objects.")
    sizes = {matte.shape for matte in mattes.values()}
    if len(sizes) > 1:
        told = ", ".join(f"'{name}' {matte.shape[1]}x{matte.shape[0]}" for name, matte in mattes.items())
        raise OutputError(f"'{path}' cannot be written: its mattes are not of one size ({told}).")
    return _spec(path, next(iter(mattes.values())), channels, form)


def _spec(path: Path, matte: Matte | NDArray[np.uint16], channels: Sequence[str], form: MatteForm) -> ImageSpec:
    height, width = matte.shape
    spec = ImageSpec(width, height, len(channels), form.sample(path))
    spec.channelnames = tuple(channels)
    spec.attribute("compression", form.compression if path.suffix.lower() == ".exr" else "zip")
    spec.attribute("oiio:ColorSpace", "data")
    spec.attribute("PixelAspectRatio", form.pixel_aspect)
    if form.frame_rate:
        rate = Fraction(form.frame_rate).limit_denominator(1001)
        spec.attribute("FramesPerSecond", "rational", (rate.numerator, rate.denominator))
    return spec


def _describe(spec: ImageSpec, path: Path, frame: int, metadata: Mapping[str, str]) -> None:
    facts = making({"frame": str(frame), **metadata})
    spec.attribute("Software", f"Rotolink {facts['version']}")
    if path.suffix.lower() in {".tif", ".tiff"}:  # has room for known facts only
        spec.attribute("ImageDescription", json.dumps({"rotolink": facts}))
        return
    for name, value in facts.items():
        spec.attribute(f"rotolink:{name}", value)


def _write_strips(
    path: Path,
    spec: ImageSpec,
    mattes: Mapping[str, Matte],
    channels: Callable[[Mapping[str, Matte]], NDArray[np.float32]],
) -> None:
    """Write what becomes of strips of the mattes, so that the channels of a whole frame never stand in memory."""
    with whole_path(path) as part, _open(part, spec) as output:
        for top in range(0, spec.height, _STRIP_ROWS):
            bottom = min(top + _STRIP_ROWS, spec.height)
            strip = {name: np.clip(matte[top:bottom], 0, 1) for name, matte in mattes.items()}
            _require(output.write_scanlines(top, bottom, 0, channels(strip)), output)


@contextlib.contextmanager
def _open(file: Path, spec: ImageSpec) -> Iterator[ImageOutput]:
    """Yield an image to write; what fails in writing is an OSError."""
    output = ImageOutput.create(str(file))
    if output is None:
        raise OSError(geterror())
    try:
        _require(output.open(str(file), spec), output)
        yield output
    except BaseException:
        output.close()
        output.geterror()  # taken, for it would be printed when the program ends
        raise
    _require(output.close(), output)


def _require(done: bool, output: ImageOutput) -> None:  # noqa: FBT001 - what OpenImageIO answered
    reason = output.geterror().strip()  # there may be one, of TIFF without Exif, where all has gone well
    if not done:
        raise OSError(reason.splitlines()[0] if reason else "the image library gave no reason")
