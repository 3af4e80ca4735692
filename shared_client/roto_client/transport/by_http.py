"""A daemon reached by HTTP and WebSockets, with the standard library alone: for hosts in which grpcio cannot load.

Calls with one answer are requests of HTTP, each on a connection of its own; a streaming call has a WebSocket of its
own, and ends with it. docs/reference/gateway.md has the form on the wire.
"""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Optional, final

from roto_client.settings import access_token
from roto_client.transport import (
    AUTHORIZATION,
    DEFAULT_HTTP_PORT,
    HTTP_SCHEME,
    HTTPS_SCHEME,
    join_address,
    names_http,
    split_address,
)
from roto_client.transport.channel import Call, CallError, require_sendable
from roto_client.transport.messages import SILENCE_S, UNARY_TIMEOUT_S, MessageTransport
from roto_client.transport.trust import context_for, required_certificate
from roto_client.transport.websocket import RefusedError, SocketEndedError, WebSocket
from roto_proto import plain, wire
from roto_proto.msgpack_codec import pack, unpack
from roto_proto.v1 import schema
from roto_proto.wire import Fields

_MEDIA_TYPE = "application/msgpack"
_SUBPROTOCOL = "roto.v1.msgpack"
_HEADERS = {"matte-coding": "zlib"}
"""With every call: Zstandard is not in the standard library."""
_SOCKET_LIMIT_BYTES = 2 << 20
"""The largest message that a daemon takes by a WebSocket."""
_ANSWER_LIMIT_BYTES = wire.MESSAGE_LIMIT_BYTES * 8
"""A message of gRPC's limit whose fields travel with their names: a control point of four zeros grows eightfold."""
_CONNECT_S = 5.0
"""How long a WebSocket may take to open, as a greeting."""
_SEND_S = 60.0
"""How long the first message of a call may be stuck, as a call with one answer may take."""
_HELD_BYTES = 32 << 20
"""So much may wait for a slow reader here before the daemon is slowed down."""
_ID = 1
"""Of the one call that a socket carries."""
_TRY_LATER = 1013
"""The code of a close frame when too many sockets are open."""
_TOO_LARGE = 1009


@final
class HttpTransport(MessageTransport):
    """A daemon reached by HTTP, see MessageTransport; `address` is that of its HTTP edge, `http://` before or not.

    `why` tells a person why it is not reached by gRPC.
    """

    def __init__(
        self,
        address: str = join_address("127.0.0.1", DEFAULT_HTTP_PORT),
        timeout_s: float = UNARY_TIMEOUT_S,
        silence_s: float = SILENCE_S,
        why: str = "",
    ) -> None:
        super().__init__(_HttpChannel(address, why), timeout_s, silence_s)


class _HttpChannel:
    kind = "HTTP"
    matte_codec = schema.MATTE_CODEC_ZLIB

    def __init__(self, address: str, why: str) -> None:
        self.why = why
        token = access_token()
        self._headers = {**_HEADERS, **({AUTHORIZATION: f"Bearer {token}"} if token else {})}
        given = address if names_http(address) else HTTP_SCHEME + address.strip()
        self.host, self._port = split_address(given)
        certificate = required_certificate(given)
        self._context = None if certificate is None else context_for(certificate)
        self.address = (HTTPS_SCHEME if self._context else HTTP_SCHEME) + join_address(self.host, self._port)

    def ask(self, method: str, request: Fields, timeout_s: float) -> plain.Message:
        """Return the one answer of a call."""
        asked, answered, *_ = schema.METHODS[method]
        body = pack(plain.to_map(asked, request))
        require_sendable(len(body), wire.MESSAGE_LIMIT_BYTES)
        status, media_type, data = self._post(f"/api/v1/{method}", body, timeout_s)
        if status != HTTPStatus.OK:
            raise _refusal(status, media_type, data)
        return _message(answered, _content(data))

    def stream(self, method: str, request: Fields) -> Call:
        """Begin a call with many answers."""
        first = pack({"id": _ID, "op": method, "args": plain.to_map(schema.METHODS[method][0], request)})
        require_sendable(len(first), _SOCKET_LIMIT_BYTES)
        return _SocketCall(self._open_socket(), method, first)

    def duplex(self, method: str, requests: Iterator[Fields]) -> Call:
        """Begin a call with many requests, which a thread takes as the network does."""
        return _SocketCall(self._open_socket(), method, pack({"id": _ID, "op": method}), requests)

    def close(self) -> None:
        """Do nothing: no connection outlives its call."""

    def _post(self, target: str, body: bytes, timeout_s: float) -> tuple[int, str, bytes]:
        """Return status, media type and body of an answer."""
        connection = (
            http.client.HTTPSConnection(self.host, self._port, timeout=timeout_s, context=self._context)
            if self._context
            else http.client.HTTPConnection(self.host, self._port, timeout=timeout_s)
        )
        late = threading.Event()
        with contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            try:
                connection.connect()
                stack.enter_context(_cut_after(timeout_s, connection.sock, late))
                headers = {"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE, "Connection": "close", **self._headers}
                connection.request("POST", target, body, headers)
                answer = stack.enter_context(connection.getresponse())
                data = answer.read(_ANSWER_LIMIT_BYTES + 1)
                if late.is_set() or (answer.length and len(data) <= _ANSWER_LIMIT_BYTES):
                    raise ConnectionResetError("the answer broke off")
            except (OSError, http.client.HTTPException) as error:
                raise _failure(error, late=late.is_set()) from error
        if len(data) > _ANSWER_LIMIT_BYTES:
            raise CallError("UNKNOWN", f"its answer is larger than {_ANSWER_LIMIT_BYTES >> 20} MiB")
        return answer.status, answer.headers.get_content_type(), data

    def _open_socket(self) -> WebSocket:
        headers = {"Sec-WebSocket-Protocol": _SUBPROTOCOL, **self._headers}
        try:
            return WebSocket((self.host, self._port), "/ws", headers, _CONNECT_S, _ANSWER_LIMIT_BYTES, self._context)
        except RefusedError as error:
            raise _refusal(error.status, "application/json", error.body) from error
        except OSError as error:
            raise _failure(error) from error


class _SocketCall:
    """A streaming call on a socket of its own, read by a thread so that pings are answered while the reader works."""

    def __init__(
        self, opened: WebSocket, method: str, first: bytes, requests: Optional[Iterator[Fields]] = None
    ) -> None:
        self._socket = opened
        self._asked, self._answered, *_ = schema.METHODS[method]
        self._inbox = _Inbox()
        self._requests = requests
        self._start(self._receive, "roto-socket-in")
        try:
            opened.send(first, _SEND_S)
        except SocketEndedError:
            return  # the thread that reads tells why
        if requests is not None:
            self._start(self._send, "roto-socket-out")

    def __iter__(self) -> Iterator[plain.Message]:
        for data in self._inbox.items():
            content = _content(data)
            if "event" in content:
                yield _message(self._answered, content["event"])
            elif "ok" in content:
                return
            else:
                raise _stated(content.get("error"), "UNKNOWN")

    def cancel(self) -> None:
        """End the call by ending its socket."""
        self._inbox.end(CallError("CANCELLED"))
        self._socket.close()

    def _start(self, work: Any, name: str) -> None:  # noqa: ANN401 - a method of this class
        threading.Thread(target=work, name=name, daemon=True).start()

    def _receive(self) -> None:
        try:
            messages = self._socket.messages() if self._requests is None else self._socket.messages(None)
            for data in messages:
                self._inbox.put(data)
        except SocketEndedError as ended:
            self._inbox.end(_ended(ended))

    def _send(self) -> None:
        with contextlib.suppress(SocketEndedError):  # the thread that reads tells why
            for request in self._requests or ():
                self._socket.send(pack({"id": _ID, "send": plain.to_map(self._asked, request)}))
            self._socket.send(pack({"id": _ID, "end": True}))


@final
class _Inbox:
    """What came and was not read yet, up to a number of bytes."""

    def __init__(self) -> None:
        self._waiting: collections.deque[bytes] = collections.deque()
        self._held_bytes = 0
        self._end: Optional[CallError] = None
        self._changed = threading.Condition()

    def put(self, data: bytes) -> None:
        """Add a message, once there is room or nobody will read."""
        with self._changed:
            self._changed.wait_for(lambda: self._end is not None or self._held_bytes < _HELD_BYTES)
            self._waiting.append(data)
            self._held_bytes += len(data)
            self._changed.notify_all()

    def end(self, why: CallError) -> None:
        """Say that nothing more comes; the first reason holds."""
        with self._changed:
            self._end = self._end or why
            self._changed.notify_all()

    def items(self) -> Iterator[bytes]:
        """Yield what comes; raises the reason of the end after the last."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._end is not None)
                if not self._waiting:
                    raise self._end or CallError("UNKNOWN")
                data = self._waiting.popleft()
                self._held_bytes -= len(data)
                self._changed.notify_all()
            yield data


@contextlib.contextmanager
def _cut_after(timeout_s: float, connected: socket.socket, late: threading.Event) -> Iterator[None]:
    """End a connection, and set `late`, when the block takes longer, however the other end spreads its bytes."""

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):  # done meanwhile
            socket.socket.shutdown(connected, socket.SHUT_RDWR)  # beneath TLS, which another thread is using

    timer = threading.Timer(timeout_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _failure(error: Exception, *, late: bool = False) -> CallError:
    """Return what it means that a connection failed, in gRPC's words."""
    if late or isinstance(error, socket.timeout):
        return CallError("DEADLINE_EXCEEDED")
    if isinstance(error, OSError):  # RemoteDisconnected too
        return CallError("UNAVAILABLE", str(error.strerror or error))
    return CallError("UNKNOWN", "what answers there speaks no HTTP")


def _ended(ended: SocketEndedError) -> CallError:
    if ended.code in {_TRY_LATER, _TOO_LARGE}:
        return CallError("RESOURCE_EXHAUSTED", str(ended), "LimitError")
    return CallError("UNAVAILABLE", str(ended))


def _refusal(status: int, media_type: str, body: bytes) -> CallError:
    """Return the failure that an answer without success states, or what its status means where it states none."""
    usual = "UNIMPLEMENTED" if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED} else "UNKNOWN"
    try:
        stated = unpack(body) if "msgpack" in media_type else json.loads(body or b"null")
    except ValueError:
        stated = None
    return _stated(stated, usual)


def _stated(stated: object, usual: str) -> CallError:
    given = stated if isinstance(stated, dict) else {}
    code, detail, reason = (given.get(key) for key in ("code", "detail", "reason"))
    return CallError(
        code if isinstance(code, str) else usual,
        detail if isinstance(detail, str) else "",
        reason if isinstance(reason, str) and reason else None,
    )


def _content(data: bytes) -> dict[str, Any]:
    try:
        content = unpack(data)
    except ValueError as error:
        raise CallError("UNKNOWN", f"its answer cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise CallError("UNKNOWN", "its answer is no message")
    return content


def _message(kind: str, content: object) -> plain.Message:
    try:
        return plain.from_map(kind, content)
    except ValueError as error:
        raise CallError("UNKNOWN", f"its answer cannot be read: {error}") from error
