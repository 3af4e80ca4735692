"""Image files as renderers write them: parts, layers, windows, any sample type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from OpenImageIO import ImageOutput, ImageSpec


@dataclass(frozen=True)
class FilePart:
    """One image of a file: pixels of shape (height, width, channels)."""

    pixels: NDArray[Any]
    channels: tuple[str, ...]
    name: str = ""
    sample: str = "half"
    window: tuple[int, int, int, int] | None = None
    """Where the pixels lie, x and y, and how large the display window is."""
    attributes: Mapping[str, object] = field(default_factory=dict)
    tile: int = 0


def write_parts(path: Path, parts: Sequence[FilePart]) -> Path:
    """Write one file of one or several parts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    specs = [_spec(part) for part in parts]
    output = ImageOutput.create(str(path))
    assert output
    assert output.open(str(path), tuple(specs)) if len(specs) > 1 else output.open(str(path), specs[0])
    for number, (part, spec) in enumerate(zip(parts, specs)):
        if number:
            assert output.open(str(path), spec, "AppendSubimage"), output.geterror()
        assert output.write_image(np.ascontiguousarray(part.pixels))
    assert output.close()
    return path


def _spec(part: FilePart) -> ImageSpec:
    height, width, count = part.pixels.shape
    spec = ImageSpec(width, height, count, part.sample)
    spec.channelnames = part.channels
    if part.name:
        spec.attribute("oiio:subimagename", part.name)
    if part.window:
        spec.x, spec.y = part.window[:2]
        spec.full_x, spec.full_y = 0, 0
        spec.full_width, spec.full_height = part.window[2:]
    if part.tile:
        spec.tile_width = spec.tile_height = part.tile
    for name, value in part.attributes.items():
        spec.attribute(name, value)
    return spec
