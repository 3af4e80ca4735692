"""JSON and msgpack: bytes to plain maps and back, with bounds on what decoding may cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgpack
from google.protobuf.message import Message

from roto_daemon.gateway.messages import from_map, to_map

_LARGEST_LIST = 1 << 16
_LARGEST_MAP = 1 << 10
"""No list and no map of the protocol comes near; a longer one is refused before memory is taken for it."""
_BYTES_PER_CONTAINER = 4
_CONTAINERS_FREE = 64
"""A list or map takes some 60 bytes of memory and one byte on the wire. The smallest that the protocol has, a control
point with two small whole numbers, takes 7 there; so a message of n bytes may hold n / 4 of them, and a few."""

Kind = TypeVar("Kind", bound=Message)


@dataclass(frozen=True)
class Form:
    """A form that messages have outside gRPC."""

    media_types: tuple[str, ...]
    """Its names in headers; the first is that of what the daemon sends."""
    text: bool
    _pack: Callable[[Any], bytes]
    _unpack: Callable[[bytes], Any]

    def write(self, content: dict[str, Any]) -> bytes:
        """Return a map as bytes."""
        return self._pack(content)

    def read(self, data: bytes) -> Any:  # noqa: ANN401 - what somebody sent
        """Return what the bytes hold; raises ValueError with a sentence."""
        return self._unpack(data)

    def encode(self, message: Message) -> bytes:
        """Return a message as bytes."""
        return self.write(to_map(message, text=self.text))

    def decode(self, kind: type[Kind], data: bytes) -> Kind:
        """Return the message of a kind that the bytes hold, no bytes being an empty one; raises ValueError."""
        return from_map(kind, self.read(data) if data else {}, text=self.text)


def _read_msgpack(data: bytes) -> Any:  # noqa: ANN401 - see Form.read
    count = _Containers(data)
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_array_len=_LARGEST_LIST,
            max_map_len=_LARGEST_MAP,
            max_ext_len=0,
            list_hook=count.one,
            object_hook=count.one,
        )
    except (ValueError, msgpack.UnpackException) as error:  # UnicodeDecodeError is a ValueError too
        said = str(error) or "it nests too deep or ends too early"
        raise ValueError(f"The message is not msgpack as the daemon takes it: {said}.") from error


class _Containers:
    """Counts lists and maps, and stops at what the size of their message justifies."""

    def __init__(self, data: bytes) -> None:
        self._left = _CONTAINERS_FREE + len(data) // _BYTES_PER_CONTAINER

    def one(self, container: Any) -> Any:  # noqa: ANN401 - passed through
        self.take(1)
        return container

    def take(self, number: int) -> None:
        """Count some more."""
        self._left -= number
        if self._left < 0:
            raise ValueError("it has more lists and maps than a message of its size can need")


def _read_json(data: bytes) -> Any:  # noqa: ANN401 - see Form.read
    try:
        _Containers(data).take(data.count(b"[") + data.count(b"{"))
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        said = "it nests too deep" if isinstance(error, RecursionError) else str(error)
        raise ValueError(f"The message is not JSON as the daemon takes it: {said}.") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON; write it as text")


def _write_json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


JSON = Form(("application/json",), text=True, _pack=_write_json, _unpack=_read_json)
MSGPACK = Form(("application/msgpack", "application/x-msgpack"), text=False, _pack=msgpack.packb, _unpack=_read_msgpack)
FORMS = (JSON, MSGPACK)
