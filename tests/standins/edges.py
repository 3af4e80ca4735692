"""The daemon's two edges as a test meets them: one call, its answers, and how it ended, whatever carried it."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import msgpack
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from websockets import Subprotocol
from websockets.sync.client import ClientConnection, connect

from roto_proto.v1 import daemon_pb2, plates_pb2, sessions_pb2

SUBPROTOCOL = Subprotocol("roto.v1.msgpack")
WAIT_S = 60.0

METHODS: dict[str, MethodDescriptor] = {
    f"{service.name}/{method.name}": method
    for file in (daemon_pb2, plates_pb2, sessions_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""Every call of the protocol by its name beyond gRPC."""


@dataclass(frozen=True)
class Outcome:
    """What a call answered, as messages, and how it ended; the code is OK where it succeeded."""

    answers: Sequence[Message]
    code: str = "OK"
    detail: str = ""
    reason: str = ""


class GrpcEdge:
    """The edge that everything is compared with. `most` answers of a stream are taken, then it is cancelled."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)

    def close(self) -> None:
        self._channel.close()

    def call(self, op: str, requests: Sequence[Mapping[str, Any]], most: int | None = None) -> Outcome:
        method = METHODS[op]
        request, response = _kinds(op)
        stub: Any = self._channel.stream_stream if method.client_streaming else self._channel.unary_stream
        if not method.server_streaming:
            stub = self._channel.unary_unary
        messages = [json_format.ParseDict(_with_base64(each), request()) for each in requests]
        answers: list[Message] = []
        path = f"/{method.containing_service.full_name}/{method.name}"
        try:
            call = stub(path, request.SerializeToString, response.FromString)
            given = call(iter(messages) if method.client_streaming else messages[0], timeout=WAIT_S)
            answers.extend(itertools.islice(given, most) if method.server_streaming else [given])
            if most is not None:
                given.cancel()
        except grpc.RpcError as error:
            reasons = [str(each.value) for each in error.trailing_metadata() if each.key == "roto-error"]
            return Outcome(answers, error.code().name, error.details() or "", reasons[0] if reasons else "")
        return Outcome(answers)


class PostEdge:
    """POST, in JSON or in msgpack; calls with one answer alone."""

    def __init__(self, url: str, *, packed: bool) -> None:
        self._url = url
        self._packed = packed

    def close(self) -> None:
        pass

    def call(self, op: str, requests: Sequence[Mapping[str, Any]], most: int | None = None) -> Outcome:
        (request,) = requests
        kind = "msgpack" if self._packed else "json"
        body = msgpack.packb(request) if self._packed else json.dumps(_with_base64(request)).encode()
        status, answered, content = post(self._url, op, body, {"Content-Type": f"application/{kind}"})
        given = msgpack.unpackb(content) if self._packed else json.loads(content)
        if status != 200:
            assert answered == f"application/problem+{kind}"
            return Outcome([], given["code"], given["detail"], given["reason"])
        assert answered == f"application/{kind}"
        return Outcome([_parsed(op, given)])


class SocketEdge:
    """The WebSocket, with one call at a time."""

    def __init__(self, url: str) -> None:
        self._opened = contextlib.ExitStack()
        self._socket = self._opened.enter_context(open_socket(url))
        self._calls = 0

    def close(self) -> None:
        self._opened.close()

    def call(self, op: str, requests: Sequence[Mapping[str, Any]], most: int | None = None, **more: object) -> Outcome:
        self._calls += 1
        number = self._calls
        if METHODS[op].client_streaming:
            self.send({"id": number, "op": op})
            for request in requests:
                self.send({"id": number, "send": request})
            self.send({"id": number, "end": True})
        else:
            self.send({"id": number, "op": op, "args": requests[0], **more})
        answers: list[Message] = []
        while True:
            answer = self.receive()
            assert answer.pop("id") == number
            ((kind, content),) = answer.items()
            if kind == "event":
                answers.append(_parsed(op, content))
                if len(answers) == most:
                    self.send({"id": number, "cancel": True})
            elif kind == "ok":
                return Outcome(answers if METHODS[op].server_streaming else [_parsed(op, content)])
            elif most is not None and len(answers) >= most:
                return Outcome(answers[:most])
            else:
                return Outcome(answers, **content)

    def answer(self, op: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a call with one answer is answered with, as it came."""
        self._calls += 1
        self.send({"id": self._calls, "op": op, "args": args})
        given = self.receive()
        assert given["id"] == self._calls
        content: dict[str, Any] = given["ok"]
        return content

    def send(self, content: Mapping[str, Any]) -> None:
        self.send_raw(msgpack.packb(content))

    def send_raw(self, content: bytes | str) -> None:
        self._socket.send(content)

    def receive(self) -> dict[str, Any]:
        content: dict[str, Any] = msgpack.unpackb(self._socket.recv(WAIT_S))
        return content


def open_socket(url: str, **options: Any) -> contextlib.AbstractContextManager[ClientConnection]:  # noqa: ANN401 - of websockets
    """Return a socket of the gateway, open for the time of its context."""
    opened: contextlib.AbstractContextManager[ClientConnection] = connect(
        url.replace("http", "ws", 1) + "/ws", subprotocols=[SUBPROTOCOL], compression=None, max_size=None, **options
    )
    return opened


def post(url: str, op: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
    """Return status, media type and body of what a POST is answered with."""
    request = urllib.request.Request(f"{url}/api/v1/{op}", body, dict(headers))  # noqa: S310 - our own daemon
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310 - as above
            return answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers.get_content_type(), refused.read()


def _kinds(op: str) -> tuple[type[Message], type[Message]]:
    method = METHODS[op]
    return message_factory.GetMessageClass(method.input_type), message_factory.GetMessageClass(method.output_type)


def _parsed(op: str, content: Mapping[str, Any]) -> Message:
    """Return an answer as its message, by the JSON form of Protocol Buffers and none of our code."""
    return json_format.ParseDict(_with_base64(content), _kinds(op)[1]())


def _with_base64(content: Any) -> Any:  # noqa: ANN401 - any part of a map
    if isinstance(content, Mapping):
        return {key: _with_base64(value) for key, value in content.items()}
    if isinstance(content, bytes):
        return base64.b64encode(content).decode()
    if isinstance(content, Iterable) and not isinstance(content, str):
        return [_with_base64(each) for each in content]
    return content
