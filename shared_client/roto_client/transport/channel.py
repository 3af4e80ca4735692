"""What carries calls to a daemon: one way has gRPC beneath, the other the standard library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional, Protocol

from roto_client.errors import BadInputError
from roto_proto.wire import Fields


class CallError(Exception):
    """A call failed: `code` is the name of a gRPC status, `detail` what the daemon said, `reason` its error's name."""

    def __init__(self, code: str, detail: str = "", reason: Optional[str] = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.reason = reason


class Call(Protocol):
    """The answers of a streaming call; reading them raises CallError."""

    def __iter__(self) -> Iterator[Any]: ...

    def cancel(self) -> Any:  # noqa: ANN401 - nobody reads it
        """End the call, from any thread; a second time, or after its end, this does nothing."""


class Channel(Protocol):
    """The way to a daemon. Methods are named `PlateService/OpenPlate`; answers have protobuf's way of reading.

    Every call raises CallError when it fails, and BadInputError for a request too large to send.
    """

    kind: str
    """What the way is, for a person."""
    why: str
    """Why it is this one and not gRPC; empty where there is nothing to explain."""
    address: str
    host: str
    matte_codec: int
    """How masks are packed: one of MatteCodec that this end can."""

    def ask(self, method: str, request: Fields, timeout_s: float) -> Any:  # noqa: ANN401 - as many types as methods
        """Return the one answer of a call."""

    def stream(self, method: str, request: Fields) -> Call:
        """Begin a call with many answers."""

    def duplex(self, method: str, requests: Iterator[Fields]) -> Call:
        """Begin a call with many requests, which a thread of the channel's takes as the network does."""

    def close(self) -> None:
        """Let go of the way; a second call does nothing."""


def require_sendable(size_bytes: int, limit_bytes: int) -> None:
    """Raise BadInputError for a request that is larger than what a daemon takes."""
    if size_bytes > limit_bytes:
        raise BadInputError(
            f"This call has {size_bytes >> 20} MiB and a daemon takes {limit_bytes >> 20}: "
            "send fewer shapes at a time, or a simpler mask."
        )
