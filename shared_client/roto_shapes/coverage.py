"""Cutting a mask to the part that is not empty, and placing it back; standard library only.

A mask is one byte of coverage (0 to 255) a pixel, rows from the top. A box is left, top, right and bottom in whole
pixels; right and bottom are the first column and row outside.
"""

from __future__ import annotations

Box = tuple[int, int, int, int]

EMPTY: Box = (0, 0, 0, 0)


def covered_box(coverage: bytes, width: int) -> Box:
    """Return the smallest box that holds every pixel that is not 0; `EMPTY` when all are."""
    body = coverage.rstrip(b"\0")
    if not body:
        return EMPTY
    top = (len(body) - len(body.lstrip(b"\0"))) // width
    bottom = (len(body) - 1) // width + 1
    left, right = width, 0
    for start in range(top * width, bottom * width, width):
        # Only what would widen the box is looked at: quick for the interior of a large object.
        left -= len(coverage[start : start + left].lstrip(b"\0"))
        right += len(coverage[start + right : start + width].rstrip(b"\0"))
    return left, top, right, bottom


def cut(coverage: bytes, width: int, box: Box) -> bytes:
    """Return the part of a mask inside a box."""
    left, top, right, bottom = box
    return b"".join(coverage[y * width + left : y * width + right] for y in range(top, bottom))


def place(part: bytes, width: int, height: int, box: Box) -> bytes:
    """Return a mask of `width` x `height` that is `part` inside the box and 0 outside it."""
    left, top, right, bottom = box
    across = right - left
    if across <= 0 or bottom <= top:
        return bytes(width * height)
    rows = (part[start : start + across] for start in range(0, across * (bottom - top), across))
    before, after = bytes(top * width + left), bytes((height - bottom) * width + width - right)
    return b"".join((before, bytes(width - across).join(rows), after))


def high_bytes(samples: bytes) -> bytes:
    """Return 16-bit little-endian samples as 8-bit ones, within one level."""
    return samples[1::2]
