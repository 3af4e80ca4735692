"""Messages between the daemon and a worker: a little-endian length of four bytes, then one msgpack map."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Generator
from typing import Any, BinaryIO

import msgpack

Message = dict[str, Any]

Steps = Generator[Message, None, Message]
"""An order being carried out: events as they come, its answer at the end."""

_LENGTH = struct.Struct("<I")
_LIMIT_BYTES = 64 << 20
"""Far above any order or result; a longer one means that the stream is out of step."""


def pack(message: Message) -> bytes:
    """Return the bytes of one message."""
    body: bytes = msgpack.packb(message)
    return _LENGTH.pack(len(body)) + body


def read(stream: BinaryIO) -> Message | None:
    """Wait for the next message; None when the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length = _checked(head)
    body = stream.read(length)
    return _unpack(body) if len(body) == length else None


async def read_async(reader: asyncio.StreamReader) -> Message | None:
    """Wait for the next message; None when the other side is gone."""
    try:
        length = _checked(await reader.readexactly(_LENGTH.size))
        return _unpack(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _checked(head: bytes) -> int:
    (length,) = _LENGTH.unpack(head)
    if length > _LIMIT_BYTES:
        raise ConnectionError
    return int(length)


def _unpack(body: bytes) -> Message:
    message: Message = msgpack.unpackb(body, strict_map_key=False)
    return message
