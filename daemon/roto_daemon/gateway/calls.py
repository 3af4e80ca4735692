"""The calls of the protocol, and the way they take to the daemon's own gRPC port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from roto_proto import wire
from roto_proto.v1 import daemon_pb2, plates_pb2, sessions_pb2

FORWARDED = ("authorization", "matte-coding")
"""Headers, and keys of a call's metadata, that go on with a call."""

_FILES = (daemon_pb2, plates_pb2, sessions_pb2)
_REASON_KEY = "roto-error"
_AHEAD_BYTES = 1 << 18
"""So much of a stream may come before it is read: what a deaf reader costs beside the message that is on its way."""
_HEALTH_DEADLINE_S = 5.0

_log = logging.getLogger("roto_daemon.gateway")

Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Call:
    """One call of the protocol."""

    service: str
    """Its name within the package, such as `SessionService`."""
    name: str
    path: str
    request: type[Message]
    response: type[Message]
    takes_stream: bool
    gives_stream: bool

    @property
    def op(self) -> str:
        """Return the name that it has beyond gRPC, such as `SessionService/Propagate`."""
        return f"{self.service}/{self.name}"


class Refusal(Exception):  # noqa: N818 - no error of ours but one that is passed on
    """A call that did not succeed: status, sentence, and the name of the daemon's error, empty where it has none."""

    def __init__(self, code: grpc.StatusCode, detail: str, reason: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.reason = reason

    def as_map(self) -> dict[str, Any]:
        """Return it as it is sent."""
        return {"code": self.code.name, "detail": self.detail, "reason": self.reason}


def defect(error: BaseException) -> Refusal:
    """Log what should not have happened, and return the refusal that is told of it."""
    _log.error("a call failed inside the gateway", exc_info=error)
    detail = f"The daemon failed inside ({type(error).__name__}); its log has the details."
    return Refusal(grpc.StatusCode.INTERNAL, detail, "InternalError")


def misread(error: ValueError) -> Refusal:
    """Return the refusal of a message that cannot be made from what came."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, str(error), "ValueError")


def find(op: object) -> Call:
    """Return the call of a name; raises Refusal when there is none."""
    call = CALLS.get(op) if isinstance(op, str) else None
    if call is None:
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f"There is no call {op!r}: /openapi.json lists what there is.")
    return call


class Backend:
    """The daemon's own server, reached as any client reaches it."""

    def __init__(self, address: str) -> None:
        self._channel = aio.insecure_channel(
            address,
            options=[
                ("grpc.enable_http_proxy", 0),
                ("grpc.max_receive_message_length", wire.MESSAGE_LIMIT_BYTES),
                ("grpc.max_send_message_length", wire.MESSAGE_LIMIT_BYTES),
                ("grpc.http2.lookahead_bytes", _AHEAD_BYTES),
                ("grpc.http2.bdp_probe", 0),  # else the lookahead grows with the speed of this machine
            ],
        )

    async def close(self, grace_s: float) -> None:
        """End the connection; calls under way have some time to end, and are cancelled after it."""
        await self._channel.close(grace_s)

    async def serving(self) -> bool:
        """Say whether the daemon answers and calls itself healthy."""
        try:
            answer = await health_pb2_grpc.HealthStub(self._channel).Check(
                health_pb2.HealthCheckRequest(), timeout=_HEALTH_DEADLINE_S
            )
        except aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def ask(self, call: Call, request: Any, metadata: Metadata) -> Message:  # noqa: ANN401 - a message or a stream
        """Return the answer of a call that gives one; raises Refusal. Cancelling the task cancels the call."""
        kind = self._channel.stream_unary if call.takes_stream else self._channel.unary_unary
        method = kind(call.path, call.request.SerializeToString, call.response.FromString)
        try:
            answer: Message = await method(request, metadata=metadata)
        except (aio.AioRpcError, asyncio.CancelledError) as error:
            raise _refusal(error) from error
        return answer

    async def stream(self, call: Call, request: Any, metadata: Metadata) -> AsyncGenerator[Message, None]:  # noqa: ANN401 - as above
        """Yield the answers of a call that gives a stream; raises Refusal. Closing the iterator cancels the call.

        No answer is fetched before it is asked for, so that a slow reader slows the call and fills no memory.
        """
        kind = self._channel.stream_stream if call.takes_stream else self._channel.unary_stream
        method = kind(call.path, call.request.SerializeToString, call.response.FromString)
        running = method(request, metadata=metadata)
        try:
            async for answer in running:
                yield answer
        except (aio.AioRpcError, asyncio.CancelledError) as error:
            raise _refusal(error) from error
        finally:
            running.cancel()


def _refusal(error: aio.AioRpcError | asyncio.CancelledError) -> Refusal:
    """Return what ended a call; raises CancelledError where that was this end."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise error
        return Refusal(grpc.StatusCode.CANCELLED, "The daemon ended the call.")  # as grpc.aio tells of this status
    reasons = [str(value) for key, value in error.trailing_metadata() or () if key == _REASON_KEY]
    return Refusal(error.code(), error.details() or "", reasons[0] if reasons else "")


def _calls_of(service: ServiceDescriptor) -> list[Call]:
    return [
        Call(
            service=service.name,
            name=method.name,
            path=f"/{service.full_name}/{method.name}",
            request=message_factory.GetMessageClass(method.input_type),
            response=message_factory.GetMessageClass(method.output_type),
            takes_stream=method.client_streaming,
            gives_stream=method.server_streaming,
        )
        for method in service.methods
    ]


CALLS: Mapping[str, Call] = {
    call.op: call
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for call in _calls_of(service)
}
"""Every call of `roto.v1` by its name beyond gRPC."""
