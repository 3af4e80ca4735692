"""Pictures between nodes and in files: OpenEXR out, PNG in, by the standard library alone."""

from __future__ import annotations

import struct
import zlib
from array import array
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Picture:
    """Channels by name, each as rows from the bottom of the format; `box` is x, y, r, t of what the node gives."""

    width: int
    height: int
    aspect: float = 1.0
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    channels: dict[str, list[array[float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.box == (0, 0, 0, 0):
            self.box = (0, 0, self.width, self.height)


def blank(width: int, height: int, value: float = 0.0) -> list[array[float]]:
    return [array("d", [value]) * width for _ in range(height)]


def write_exr(path: Path, picture: Picture, names: dict[str, str]) -> None:
    """Write float32 scan lines without compression; `names` maps the file's channels to the picture's.

    The display window is the format, the data window the box; both count rows from the top.
    """
    x, y, r, t = picture.box
    top, bottom = picture.height - t, picture.height - 1 - y
    channels = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", 2, 0, 1, 1) for name in sorted(names)) + b"\0"
    attributes = (
        ("channels", "chlist", channels),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", struct.pack("<4i", x, top, r - 1, bottom)),
        ("displayWindow", "box2i", struct.pack("<4i", 0, 0, picture.width - 1, picture.height - 1)),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", picture.aspect)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    )
    header = b"\x76\x2f\x31\x01\x02\0\0\0"
    for name, kind, data in attributes:
        header += name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(data)) + data
    header += b"\0"
    lines = []
    for row in range(top, bottom + 1):
        pixels = b"".join(
            array("f", picture.channels[names[name]][picture.height - 1 - row][x:r]).tobytes() for name in sorted(names)
        )
        lines.append(struct.pack("<ii", row, len(pixels)) + pixels)
    at = len(header) + 8 * len(lines)
    offsets = b""
    for line in lines:
        offsets += struct.pack("<q", at)
        at += len(line)
    path.write_bytes(header + offsets + b"".join(lines))


def read_png(path: Path) -> Picture:
    """Read 8-bit grey or RGB without interlace, as linear light from sRGB."""
    data = path.read_bytes()
    width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", data[16:29])
    channels = {0: 1, 2: 3, 6: 4}.get(kind, 0)
    if data[:8] != b"\x89PNG\r\n\x1a\n" or bits != 8 or not channels or interlace:
        raise RuntimeError(f"{path}: the stand-in reads PNG of 8-bit grey or RGB alone")
    packed, at = b"", 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + size]
        at += size + 12
    raw = zlib.decompress(packed)
    stride = width * channels
    before, rows = bytearray(stride), []
    for row in range(height):
        start = row * (stride + 1)
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), before, channels)
        rows.append(before)
    light = [_linear(value / 255) for value in range(256)]
    names = ("rgba.red", "rgba.green", "rgba.blue")
    made = {
        name: [array("d", [light[value] for value in row[min(k, channels - 1) :: channels]]) for row in reversed(rows)]
        for k, name in enumerate(names)
    }
    return Picture(width, height, channels={**made, "rgba.alpha": blank(width, height)})


def _unfiltered(kind: int, line: bytearray, above: bytearray, step: int) -> bytearray:
    for k in range(len(line)):
        left = line[k - step] if k >= step else 0
        corner = above[k - step] if k >= step else 0
        line[k] = (line[k] + (0, left, above[k], (left + above[k]) // 2, _paeth(left, above[k], corner))[kind]) & 255
    return line


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda each: abs(guess - each))


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
