"""A picture that stand-ins of hosts render."""

from __future__ import annotations

import struct
from pathlib import Path


def write_exr(path: Path, width: int, height: int) -> None:
    """Write a picture that is white in its top left quarter: scan lines of half floats, without compression.

    Source: "OpenEXR File Layout", the single-part scan-line file.
    """

    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value

    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    channels = b"".join(name + b"\0" + struct.pack("<iB3xii", 1, 0, 1, 1) for name in (b"B", b"G", b"R")) + b"\0"
    header = b"".join(
        [
            attribute("channels", "chlist", channels),
            attribute("compression", "compression", b"\0"),
            attribute("dataWindow", "box2i", window),
            attribute("displayWindow", "box2i", window),
            attribute("lineOrder", "lineOrder", b"\0"),
            attribute("pixelAspectRatio", "float", struct.pack("<f", 1.0)),
            attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0.0, 0.0)),
            attribute("screenWindowWidth", "float", struct.pack("<f", 1.0)),
            b"\0",
        ]
    )
    start = 8 + len(header) + 8 * height
    size = 6 * width
    offsets = b"".join(struct.pack("<Q", start + row * (8 + size)) for row in range(height))
    across = width // 2
    white = (struct.pack("<e", 1.0) * across + b"\0\0" * (width - across)) * 3
    rows = (struct.pack("<2i", row, size) + (white if row < height // 2 else bytes(size)) for row in range(height))
    path.write_bytes(struct.pack("<2i", 20000630, 2) + header + offsets + b"".join(rows))
