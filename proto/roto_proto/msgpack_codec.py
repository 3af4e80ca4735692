"""MessagePack with the standard library alone, as far as messages need it, with bounds on what a peer may make of us.

The format: https://github.com/msgpack/msgpack/blob/master/spec.md. Extension types, and with them time stamps, are
refused, because no message has them.
"""

from __future__ import annotations

import struct
from typing import Any, Callable, Union, final

LARGEST_ARRAY = 65536
LARGEST_MAP = 1024
"""Far above what any message has: three million bytes of empty lists else cost seconds and hundreds of megabytes."""
DEEPEST = 32
"""Messages nest to a tenth of it."""

Buffer = Union[bytes, bytearray, memoryview]


def pack(value: object) -> bytes:
    """Return a value of None, bool, int, float, str, bytes, list, tuple and dict as MessagePack.

    Raises ValueError for anything else, for whole numbers beyond 64 bits, and for what is nested too deeply.
    """
    out = bytearray()
    _pack(value, out, DEEPEST)
    return bytes(out)


def unpack(data: Buffer) -> Any:  # noqa: ANN401 - what a peer sent
    """Return the one value that data hold.

    Raises ValueError when they are damaged, hold more, or exceed LARGEST_ARRAY, LARGEST_MAP or DEEPEST; keys of maps
    must be texts. Nothing is made larger than what really came.
    """
    reader = _Reader(bytes(data))
    value = reader.value(DEEPEST)
    if reader.left:
        raise ValueError(f"{reader.left} bytes too many follow the message.")
    return value


def _pack(value: object, out: bytearray, depth: int) -> None:
    if depth == 0:
        raise ValueError(f"The value is nested deeper than {DEEPEST} levels.")
    packer = _PACKERS.get(type(value))
    if packer is None:
        raise ValueError(f"A {type(value).__name__} cannot be sent.")
    packer(value, out, depth)


def _pack_int(value: int, out: bytearray, _: int) -> None:
    if -32 <= value < 128:  # noqa: PLR2004 - a number that is its own type
        out += struct.pack("b" if value < 0 else "B", value)
        return
    for mark, form in _SIGNED if value < 0 else _UNSIGNED:
        try:
            out += struct.pack(form, mark, value)
        except struct.error:  # too large for this size
            continue
        return
    raise ValueError(f"{value} has more than 64 bits.")


def _pack_text(value: str, out: bytearray, _: int) -> None:
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{value[:40]!r} is no text that can be sent.") from error
    _head(out, len(data), (0xA0, 32), ((0xD9, 1), (0xDA, 2), (0xDB, 4)))
    out += data


def _pack_bytes(value: Buffer, out: bytearray, _: int) -> None:
    _head(out, len(value), (0, 0), ((0xC4, 1), (0xC5, 2), (0xC6, 4)))
    out += value


def _pack_list(value: Union[list[object], tuple[object, ...]], out: bytearray, depth: int) -> None:
    _head(out, len(value), (0x90, 16), ((0xDC, 2), (0xDD, 4)))
    for each in value:
        _pack(each, out, depth - 1)


def _pack_map(value: dict[object, object], out: bytearray, depth: int) -> None:
    _head(out, len(value), (0x80, 16), ((0xDE, 2), (0xDF, 4)))
    for key, each in value.items():
        _pack(key, out, depth - 1)
        _pack(each, out, depth - 1)


def _head(out: bytearray, size: int, short: tuple[int, int], sizes: tuple[tuple[int, int], ...]) -> None:
    """Write what opens a text, bytes, a list or a map: the first mark whose number can hold the size."""
    mark, limit = short
    if size < limit:
        out.append(mark | size)
        return
    for each, length in sizes:
        if size < 1 << 8 * length:
            out.append(each)
            out += size.to_bytes(length, "big")
            return
    raise ValueError(f"{size} are too many to be sent at a time.")


_UNSIGNED = ((0xCC, ">BB"), (0xCD, ">BH"), (0xCE, ">BI"), (0xCF, ">BQ"))
_SIGNED = ((0xD0, ">Bb"), (0xD1, ">Bh"), (0xD2, ">Bi"), (0xD3, ">Bq"))
_PACKERS: dict[type, Callable[[Any, bytearray, int], None]] = {
    type(None): lambda _value, out, _depth: out.append(0xC0),
    bool: lambda value, out, _depth: out.append(0xC3 if value else 0xC2),
    int: _pack_int,
    float: lambda value, out, _depth: out.extend(struct.pack(">Bd", 0xCB, value)),
    str: _pack_text,
    bytes: _pack_bytes,
    bytearray: _pack_bytes,
    list: _pack_list,
    tuple: _pack_list,
    dict: _pack_map,
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {mark: struct.Struct(f">{form[-1]}") for mark, form in (*_UNSIGNED, *_SIGNED, (0xCA, "f"), (0xCB, "d"))}
_SIZED = {0xD9: ("text", 1), 0xDA: ("text", 2), 0xDB: ("text", 4), 0xC4: ("bytes", 1), 0xC5: ("bytes", 2)}
_SIZED.update({0xC6: ("bytes", 4), 0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4)})
_SHORT = ((0xA0, 0xE0, "text"), (0x80, 0xF0, "map"), (0x90, 0xF0, "list"))
"""Marks with the size in their low bits: their high bits, and which bits these are."""


@final
class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._keys: dict[bytes, str] = {}
        """Keys that came before: a message of shapes repeats the same few thousands of times."""

    @property
    def left(self) -> int:
        """Return how many bytes were not read."""
        return len(self._data) - self._at

    def value(self, depth: int) -> Any:  # noqa: ANN401 - any value
        """Read the next value."""
        if depth == 0:
            raise ValueError(f"The message is nested deeper than {DEEPEST} levels.")
        mark = self._mark()
        if mark < 0x80:  # noqa: PLR2004 - a number that is its own type
            return mark
        if mark >= 0xE0:  # noqa: PLR2004 - the same, below zero
            return mark - 0x100
        if mark in _CONSTANTS:
            return _CONSTANTS[mark]
        if mark in _NUMBERS:
            number = _NUMBERS[mark]
            return number.unpack(self._take(number.size))[0]
        return self._sized(*self._size(mark), depth)

    def _mark(self) -> int:
        if self._at >= len(self._data):
            raise _ends_early()
        self._at += 1
        return self._data[self._at - 1]

    def _size(self, mark: int) -> tuple[str, int]:
        for high, bits, kind in _SHORT:
            if mark & bits == high:
                return kind, mark & ~bits
        if mark not in _SIZED:
            raise ValueError(f"The message holds {mark:#04x}, which no message of ours has.")
        kind, length = _SIZED[mark]
        return kind, int.from_bytes(self._take(length), "big")

    def _sized(self, kind: str, size: int, depth: int) -> Any:  # noqa: ANN401 - any value
        if kind == "bytes":
            return self._take(size)
        if kind == "text":
            return str(self._take(size), "utf-8")  # UnicodeDecodeError is a ValueError
        if size > (LARGEST_ARRAY if kind == "list" else LARGEST_MAP):
            raise ValueError(f"The message holds a {kind} of {size}: more than any message of ours has.")
        if kind == "list":
            return [self.value(depth - 1) for _ in range(size)]
        return {self._key(): self.value(depth - 1) for _ in range(size)}

    def _key(self) -> str:
        kind, size = self._size(self._mark())
        if kind != "text":
            raise ValueError("A map of the message has a key that is no text.")
        data = self._take(size)
        key = self._keys.get(data)
        if key is None:
            key = self._keys[data] = str(data, "utf-8")
        return key

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise _ends_early()
        taken = self._data[self._at : end]
        self._at = end
        return taken


def _ends_early() -> ValueError:
    return ValueError("The message ends in the middle.")
