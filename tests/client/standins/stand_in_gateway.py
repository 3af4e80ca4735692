"""The edge for HTTP in front of a stand-in daemon, on threads and the standard library: strict about both protocols.

It walks protobuf's descriptors, and so shares with the client only the codec, which has tests of its own.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import queue
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO, Callable, Optional, cast

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from roto_proto import wire
from roto_proto.msgpack_codec import pack, unpack
from roto_proto.v1 import daemon_pb2, plates_pb2, sessions_pb2

MEDIA_TYPE = "application/msgpack"
LIMIT_BYTES = 2 << 20
METHODS = {
    f"{service.name}/{method.name}": method
    for file in (daemon_pb2, plates_pb2, sessions_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


class StandInGateway:
    """Serves a daemon's calls at `address`; `spoil` changes what it sends before it is sent."""

    def __init__(self, daemon_address: str) -> None:
        self.channel = grpc.insecure_channel(daemon_address, options=(("grpc.max_send_message_length", -1),))
        self.codings: set[Optional[str]] = set()
        """How clients asked for mattes."""
        self.spoil: Callable[[dict[str, Any]], Any] = lambda content: content
        self.trickle = False
        """Whether answers come a byte at a time, and never whole."""
        self.is_daemon = True
        """Else it is any web server, which has none of our paths."""
        self.sockets: list[socket.socket] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        cast("Any", self.server).gateway = self
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.channel.close()

    def cut(self) -> None:
        """Break every socket."""
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def call(self, op: str, request: Any, coding: Optional[str]) -> Any:  # noqa: ANN401 - as gRPC
        method = METHODS[op]
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        make = getattr(self.channel, kind)(
            f"/{method.containing_service.full_name}/{method.name}",
            GetMessageClass(method.input_type).SerializeToString,
            GetMessageClass(method.output_type).FromString,
        )
        self.codings.add(coding)
        return make(request, metadata=(("matte-coding", coding),) if coding else ())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def gateway(self) -> StandInGateway:
        return cast("Any", self.server).gateway  # type: ignore[no-any-return]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Say nothing."""

    def do_POST(self) -> None:
        if not self.gateway.is_daemon:
            self.send_error(404)
            return
        op = self.path[len("/api/v1/") :]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == self.headers["Accept"] == MEDIA_TYPE
        assert len(body) <= wire.MESSAGE_LIMIT_BYTES
        try:
            answer = self.gateway.call(op, from_map(METHODS[op].input_type, unpack(body)), self.headers["matte-coding"])
        except grpc.RpcError as error:
            self._answer(500, {"type": "about:blank", "status": 500, **problem(error)}, "application/problem+msgpack")
        else:
            self._answer(200, to_map(answer), MEDIA_TYPE)

    def do_GET(self) -> None:
        if not self.gateway.is_daemon:
            self.send_error(404)
            return
        assert self.path == "/ws"
        assert self.headers["Sec-WebSocket-Protocol"] == "roto.v1.msgpack"
        assert self.headers["Sec-WebSocket-Version"] == "13"
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())  # noqa: S324
        self.send_header("Sec-WebSocket-Protocol", "roto.v1.msgpack")
        self.end_headers()
        self.close_connection = True
        self.gateway.sockets.append(self.connection)
        with contextlib.suppress(OSError):  # the client has gone
            _Socket(self.connection, cast("BinaryIO", self.rfile), self.gateway, self.headers["matte-coding"]).serve()

    def _answer(self, status: int, content: dict[str, Any], media_type: str) -> None:
        data = pack(self.gateway.spoil(content))
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data) + (1 << 20 if self.gateway.trickle else 0)))
        self.end_headers()
        with contextlib.suppress(OSError):  # the client has gone
            while self.gateway.trickle:
                self.wfile.write(data[:1])
                time.sleep(0.05)
            self.wfile.write(data)


class _Socket:
    """One socket with one call."""

    def __init__(
        self, connection: socket.socket, incoming: BinaryIO, gateway: StandInGateway, coding: Optional[str]
    ) -> None:
        self._coding = coding
        self._connection = connection
        self._incoming = incoming
        self._gateway = gateway
        self._sending = threading.Lock()
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def serve(self) -> None:
        first = self._receive()
        if first is None:
            return
        number, method = first["id"], METHODS[first["op"]]
        assert set(first) == {"id", "op"} if method.client_streaming else set(first) == {"id", "op", "args"}
        if method.client_streaming:
            call = self._gateway.call(first["op"], iter(self._requests.get, None), self._coding)
        else:
            call = self._gateway.call(first["op"], from_map(method.input_type, first["args"]), self._coding)
        threading.Thread(target=self._answer, args=(number, call), daemon=True).start()
        for content in iter(self._receive, None):
            assert content["id"] == number
            self._requests.put(from_map(method.input_type, content["send"]) if "send" in content else None)
        call.cancel()

    def _answer(self, number: int, call: Any) -> None:  # noqa: ANN401 - a call of gRPC
        with contextlib.suppress(OSError):
            try:
                for answer in call:
                    self._send({"id": number, "event": to_map(answer)})
            except grpc.RpcError as error:
                self._send({"id": number, "error": problem(error)})
            else:
                self._send({"id": number, "ok": {}})

    def _receive(self) -> Optional[dict[str, Any]]:
        while True:
            head = self._incoming.read(2)
            if len(head) < 2 or head[0] & 0x0F == 8:
                return None
            assert head[1] & 0x80, "a client masks"
            size = head[1] & 0x7F
            if size > 125:
                size = int.from_bytes(self._incoming.read(2 if size == 126 else 8), "big")
            assert size <= LIMIT_BYTES
            mask, data = self._incoming.read(4), self._incoming.read(size)
            if len(data) < size:
                return None
            if head[0] == 0x82:
                key = (mask * (size // 4 + 1))[:size]
                plain = (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
                content = unpack(plain)
                assert isinstance(content, dict)
                return content

    def _send(self, content: dict[str, Any]) -> None:
        data = pack(self._gateway.spoil(content))
        half = len(data) // 2
        with self._sending:  # a ping between two fragments, as the standard allows
            self._connection.sendall(frame(2, data[:half], final=False) + frame(9, b"?") + frame(0, data[half:]))


def frame(opcode: int, data: bytes, *, final: bool = True) -> bytes:
    first = opcode | (0x80 if final else 0)
    if len(data) < 126:
        return struct.pack(">BB", first, len(data)) + data
    if len(data) < 1 << 16:
        return struct.pack(">BBH", first, 126, len(data)) + data
    return struct.pack(">BBQ", first, 127, len(data)) + data


def problem(error: Any) -> dict[str, str]:  # noqa: ANN401 - gRPC's errors are also calls
    reasons = [str(each.value) for each in error.trailing_metadata() or () if each.key == "roto-error"]
    return {"code": error.code().name, "detail": error.details(), "reason": reasons[0] if reasons else ""}


def to_map(message: Any) -> dict[str, Any]:  # noqa: ANN401 - any message
    made: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if is_list(field):
            made[field.name] = [out(field, each) for each in value]
        elif not field.has_presence or message.HasField(field.name):
            made[field.name] = out(field, value)
    return made


def out(field: FieldDescriptor, value: Any) -> Any:  # noqa: ANN401 - any field
    if field.message_type:
        return to_map(value)
    if field.enum_type and value in field.enum_type.values_by_number:
        return field.enum_type.values_by_number[value].name
    return value


def from_map(kind: Any, content: dict[str, Any]) -> Any:  # noqa: ANN401 - a descriptor, and a message of it
    fields = {}
    for name, value in content.items():
        field = kind.fields_by_name[name]
        fields[name] = [back(field, each) for each in value] if is_list(field) else back(field, value)
    return GetMessageClass(kind)(**fields)


def back(field: FieldDescriptor, value: Any) -> Any:  # noqa: ANN401 - any field
    if field.message_type:
        return from_map(field.message_type, value)
    if field.enum_type:
        return field.enum_type.values_by_name[value].number
    return value


def is_list(field: FieldDescriptor) -> bool:
    return isinstance(field.default_value, list)
