"""A WebSocket with the standard library alone: the client's end of RFC 6455, for binary messages.

No call of it waits without bound: the handshake has a deadline, a peer that falls silent is asked by a ping and given
up when it does not answer, and `close` from any thread ends whatever waits. There are no extensions, and text is
refused, since the protocol has none.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import functools
import hashlib
import os
import secrets
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Optional, Union, final

from roto_client.transport.sealed import SealedSocket

_ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_CONTROL_LIMIT_BYTES = 125
_HEADERS_LIMIT_BYTES = 16 << 10
_REFUSAL_LIMIT_BYTES = 64 << 10
_RECEIVE_BYTES = 256 << 10
_TICK_S = 0.5
"""How often a blocked end looks at the clock."""
_ASK_AFTER_S = 6.5
"""A peer silent for so long is asked, and given up after as long again: 13 s, as by the keepalive of gRPC."""
_CONTROL_S = 3.0
"""How long a control frame may be stuck."""
_UNSAID = 1005
"""The code of a close frame without one (RFC 6455, section 7.4.1)."""
_MISBEHAVED, _TOO_LARGE, _DONE = 1002, 1009, 1000


class SocketEndedError(Exception):
    """The socket ended. `code` is that of the peer's close frame, None when it broke or misbehaved."""

    def __init__(self, why: str, code: Optional[int] = None) -> None:
        super().__init__(why)
        self.code = code


class RefusedError(Exception):
    """What answers did not make it a WebSocket; `status` and `body` are of HTTP, 0 where it spoke something else."""

    def __init__(self, status: int, body: bytes = b"") -> None:
        super().__init__(f"answered with status {status}")
        self.status = status
        self.body = body


@final
class WebSocket:
    """An open WebSocket. One thread reads `messages`; any thread may send and close.

    Making one raises OSError (TimeoutError and socket.timeout included) when nobody answers within `timeout_s`, and
    RefusedError. `largest_bytes` bounds a message that comes; `sealed_by` puts it into TLS.
    """

    def __init__(
        self,
        address: tuple[str, int],
        target: str,
        headers: Mapping[str, str],
        timeout_s: float,
        largest_bytes: int,
        sealed_by: Optional[ssl.SSLContext] = None,
    ) -> None:
        host, port = address
        self._largest_bytes = largest_bytes
        self._sending = threading.Lock()
        self._pongs: collections.deque[bytes] = collections.deque(maxlen=1)  # only the newest ping wants an answer
        self._ended = False
        self._is_read = False
        self._ask_after_s: Optional[float] = None
        self._received = bytearray()
        deadline = time.monotonic() + timeout_s
        plain = socket.create_connection(address, timeout_s)
        self._socket: Union[socket.socket, SealedSocket] = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if sealed_by:
                self._socket = SealedSocket(plain, sealed_by)
            self._socket.settimeout(_TICK_S)
            shown = f"[{host}]" if ":" in host else host
            self._shake_hands({"Host": f"{shown}:{port}", **headers}, target, deadline)
        except BaseException:
            self._socket.close()
            raise

    def send(self, data: bytes, limit_s: Optional[float] = None) -> None:
        """Send a binary message; raises SocketEndedError, also when nothing moves for `limit_s`."""
        with self._sending:
            self._write(_frame(_BINARY, data), limit_s)
        self._answer_pings()

    def messages(self, ask_after_s: Optional[float] = _ASK_AFTER_S) -> Iterator[bytes]:
        """Yield the messages that come; raises SocketEndedError at their end. Lets go of the socket with it.

        A peer silent for `ask_after_s` is asked whether it lives; None leaves that to the caller, for a peer that is
        sent much may be too busy for pings.
        """
        self._ask_after_s = ask_after_s
        self._is_read = True
        try:
            while True:
                yield self._message()
        finally:
            self.close()
            self._socket.close()

    def close(self) -> None:
        """End the socket at once, without waiting for the peer; a second call does nothing."""
        if not self._ended:
            self._say_goodbye(_DONE)
            self._cut()
        if not self._is_read:  # else the thread that reads lets go of it
            self._socket.close()

    def _cut(self) -> None:
        self._ended = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes whoever waits on it, which close() would not

    def _shake_hands(self, headers: Mapping[str, str], target: str, deadline: float) -> None:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        fixed = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
        }
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in {**headers, **fixed}.items())]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        status, answer = self._answer_head(deadline)
        if status != 101:  # noqa: PLR2004 - Switching Protocols
            raise RefusedError(status, self._refusal_body(answer, deadline))
        accept = base64.b64encode(hashlib.sha1((key + _ACCEPT_SUFFIX).encode()).digest()).decode()  # noqa: S324 - RFC 6455
        expected = {
            "upgrade": "websocket",
            "sec-websocket-accept": accept.lower(),
            "sec-websocket-protocol": headers.get("Sec-WebSocket-Protocol", "").lower(),
            "sec-websocket-extensions": "",
        }
        wrong = any(answer.get(name, "").lower() != value for name, value in expected.items())
        if wrong or "upgrade" not in answer.get("connection", "").lower():
            raise RefusedError(0)

    def _answer_head(self, deadline: float) -> tuple[int, dict[str, str]]:
        """Return status and headers, these by names in small letters."""
        while b"\r\n\r\n" not in self._received:
            if len(self._received) > _HEADERS_LIMIT_BYTES or not b"HTTP/1.".startswith(bytes(self._received[:7])):
                raise RefusedError(0)
            if not self._receive(deadline):
                raise ConnectionResetError("the connection was closed in the handshake")
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        self._received = bytearray(rest)
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        status = first.split(" ")[1] if first.count(" ") else ""
        if not first.startswith("HTTP/1.") or not status.isdigit():
            raise RefusedError(0)
        return int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _refusal_body(self, answer: Mapping[str, str], deadline: float) -> bytes:
        size = answer.get("content-length", "")
        wanted = min(int(size) if size.isdigit() else 0, _REFUSAL_LIMIT_BYTES)
        with contextlib.suppress(OSError):  # the status alone must do
            while len(self._received) < wanted and self._receive(deadline):
                pass
        return bytes(self._received[:wanted])

    def _message(self) -> bytes:
        """Return the next message, answering and passing over what is none."""
        pieces: list[bytes] = []
        missing = self._largest_bytes
        while True:
            final, opcode, data = self._next_frame(missing)
            if opcode in {_CLOSE, _PING, _PONG}:
                self._control(opcode, data)
                continue
            if opcode == _TEXT or (opcode == _CONTINUATION) != bool(pieces):
                raise self._misbehaved(f"sent a frame of kind {opcode} out of turn")
            pieces.append(data)
            missing -= max(len(data), 1)  # empty pieces too come to an end
            if final:
                return b"".join(pieces)

    def _control(self, opcode: int, data: bytes) -> None:
        if opcode == _PING:
            self._pongs.append(data)
            self._answer_pings()
        elif opcode == _CLOSE:
            code = struct.unpack(">H", data[:2])[0] if len(data) > 1 else _UNSAID
            raise SocketEndedError(data[2:].decode("utf-8", "replace"), code)

    def _next_frame(self, largest_bytes: int) -> tuple[bool, int, bytes]:
        """Return whether the frame ends a message, its kind and its payload."""
        first, second = self._take(2)
        opcode, size = first & 0x0F, second & 0x7F
        if size > _CONTROL_LIMIT_BYTES:
            size = int.from_bytes(self._take(2 if size == 126 else 8), "big")  # noqa: PLR2004 - RFC 6455, section 5.2
        is_control = opcode >= _CLOSE
        if first & 0x70 or second & 0x80 or opcode not in {_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG}:
            raise self._misbehaved(f"sent a frame that begins with {first:#04x}{second:02x}")
        if is_control and (size > _CONTROL_LIMIT_BYTES or not first & 0x80):
            raise self._misbehaved("sent a control frame in pieces")
        if size > largest_bytes and not is_control:
            self._say_goodbye(_TOO_LARGE)
            raise SocketEndedError(f"the daemon sent a message of more than {self._largest_bytes >> 20} MiB")
        return bool(first & 0x80), opcode, self._take(size)

    def _take(self, size: int) -> bytes:
        """Return the next bytes, waiting as long as the peer shows that it lives."""
        while len(self._received) < size:
            self._await_bytes()
        data = bytes(memoryview(self._received)[:size])
        del self._received[:size]
        return data

    def _await_bytes(self) -> None:
        asked = False
        patience_s = float("inf") if self._ask_after_s is None else self._ask_after_s
        while True:
            try:
                if self._receive(time.monotonic() + patience_s):
                    return
            except socket.timeout:
                if asked:
                    raise SocketEndedError("the daemon does not answer any more") from None
                asked = True
                self._ping()
                continue
            except OSError as error:
                raise SocketEndedError(f"the connection broke: {error.strerror or error}") from error
            raise SocketEndedError("the connection was closed")

    def _ping(self) -> None:
        if self._sending.acquire(blocking=False):  # whoever sends shows by it that this end lives
            try:
                self._write(_frame(_PING, b""), _CONTROL_S)
            finally:
                self._sending.release()

    def _receive(self, deadline: float) -> bool:
        """Take what comes; False at the end of the stream. Raises socket.timeout once the deadline has passed."""
        while True:
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
            except socket.timeout:
                if time.monotonic() >= deadline:
                    raise
                continue
            self._received += data
            return bool(data)

    def _answer_pings(self) -> None:
        """Send the answer that waits, unless another thread sends: that one does it afterwards."""
        while self._pongs and self._sending.acquire(blocking=False):
            try:
                with contextlib.suppress(IndexError):  # another thread was quicker
                    self._write(_frame(_PONG, self._pongs.popleft()), _CONTROL_S)
            finally:
                self._sending.release()

    def _misbehaved(self, how: str) -> SocketEndedError:
        self._say_goodbye(_MISBEHAVED)
        return SocketEndedError(f"what answers {how}, which no Rotolink daemon does")

    def _say_goodbye(self, code: int) -> None:
        if self._sending.acquire(blocking=False):  # else a message is stuck halfway, and no frame can follow it
            try:
                with contextlib.suppress(SocketEndedError):
                    self._write(_frame(_CLOSE, struct.pack(">H", code)), _TICK_S)
            finally:
                self._sending.release()

    def _write(self, data: bytearray, limit_s: Optional[float]) -> None:
        """Send bytes whole; the lock is held."""
        left = memoryview(data)
        moved = time.monotonic()
        while left:
            if self._ended:
                raise SocketEndedError("the socket was closed")
            try:
                left = left[self._socket.send(left) :]
                moved = time.monotonic()
            except socket.timeout:
                if limit_s is not None and time.monotonic() - moved > limit_s:
                    self._cut()  # half a frame is out: nothing can follow it
                    raise SocketEndedError("the daemon takes nothing any more") from None
            except OSError as error:
                raise SocketEndedError(f"the connection broke: {error.strerror or error}") from error


def _frame(opcode: int, payload: bytes) -> bytearray:
    """Return a whole message as one frame, masked as a client's must be (RFC 6455, section 5.3)."""
    size = len(payload)
    if size <= _CONTROL_LIMIT_BYTES:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    mask = os.urandom(4)
    frame = bytearray(head + mask + payload)
    begin = len(head) + len(mask)
    for lane, key in enumerate(mask):  # each fourth byte at once: one by one would take a tenth of a second a piece
        frame[begin + lane :: 4] = payload[lane::4].translate(_exclusive_or(key))
    return frame


@functools.lru_cache(maxsize=256)
def _exclusive_or(key: int) -> bytes:
    """Return what each byte becomes under a byte of a mask."""
    return bytes(byte ^ key for byte in range(256))
