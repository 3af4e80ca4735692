"""A daemon reached by gRPC."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Callable, final

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from roto_client.settings import access_token
from roto_client.transport import AUTHORIZATION, DEFAULT_ADDRESS, join_address, split_address
from roto_client.transport.channel import Call, CallError, require_sendable
from roto_client.transport.messages import SILENCE_S, UNARY_TIMEOUT_S, MessageTransport
from roto_client.transport.trust import CERTIFICATE_NAME, required_certificate
from roto_proto import wire
from roto_proto.v1 import daemon_pb2, plates_pb2, schema, sessions_pb2
from roto_proto.wire import Fields

_ERROR_KEY = "roto-error"
_CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),  # the one that notices a frozen peer
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", wire.MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", wire.MESSAGE_LIMIT_BYTES),
    ("grpc.enable_http_proxy", 0),  # a studio's web proxy is not the way to a daemon
)


@final
class GrpcTransport(MessageTransport):
    """A daemon reached by gRPC; see MessageTransport."""

    def __init__(
        self, address: str = DEFAULT_ADDRESS, timeout_s: float = UNARY_TIMEOUT_S, silence_s: float = SILENCE_S
    ) -> None:
        super().__init__(_GrpcChannel(address), timeout_s, silence_s)


class _GrpcChannel:
    kind = "gRPC"
    why = ""
    matte_codec = schema.MATTE_CODEC_ZSTD

    def __init__(self, address: str) -> None:
        self.host, port = split_address(address)
        self.address = join_address(self.host, port)
        certificate = required_certificate(address)
        if certificate is None:
            self._channel = grpc.insecure_channel(self.address, options=_CHANNEL_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(certificate.encode())
            named = (*_CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", CERTIFICATE_NAME))
            self._channel = grpc.secure_channel(self.address, credentials, options=named)
        token = access_token()
        self._metadata = ((AUTHORIZATION, f"Bearer {token}"),) if token else None
        self._requests: dict[str, type[Message]] = {}
        self._methods: dict[str, Callable[..., Any]] = {}
        for file in (daemon_pb2, plates_pb2, sessions_pb2):
            for service in file.DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    self._add(f"{service.name}/{method.name}", f"/{service.full_name}/{method.name}", method)

    def ask(self, method: str, request: Fields, timeout_s: float) -> Any:  # noqa: ANN401 - as many types as methods
        """Return the one answer of a call."""
        message = self._request(method, request)
        with _failing():
            return self._methods[method](message, timeout=timeout_s, metadata=self._metadata)

    def stream(self, method: str, request: Fields) -> Call:
        """Begin a call with many answers."""
        message = self._request(method, request)
        with _failing():
            return _GrpcCall(self._methods[method](message, metadata=self._metadata))

    def duplex(self, method: str, requests: Iterator[Fields]) -> Call:
        """Begin a call with many requests, which a thread of gRPC's takes."""
        messages = (self._request(method, each) for each in requests)
        with _failing():
            return _GrpcCall(self._methods[method](messages, metadata=self._metadata))

    def close(self) -> None:
        """Let go of the connection; a second call does nothing."""
        self._channel.close()

    def _add(self, name: str, path: str, method: Any) -> None:  # noqa: ANN401 - a descriptor
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        self._requests[name] = GetMessageClass(method.input_type)
        self._methods[name] = getattr(self._channel, kind)(
            path,
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )

    def _request(self, method: str, request: Fields) -> Message:
        message = self._requests[method](**request)
        require_sendable(message.ByteSize(), wire.MESSAGE_LIMIT_BYTES)
        return message


class _GrpcCall:
    def __init__(self, call: Any) -> None:  # noqa: ANN401 - grpc is untyped here
        self._call = call

    def __iter__(self) -> Iterator[Any]:
        with _failing():
            yield from self._call

    def cancel(self) -> None:
        self._call.cancel()


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """Raise CallError for what gRPC raises."""
    try:
        yield
    except grpc.RpcError as error:
        reasons = [str(each.value) for each in error.trailing_metadata() or () if each.key == _ERROR_KEY]
        raise CallError(error.code().name, error.details() or "", next(iter(reasons), None)) from error
    except ValueError as error:  # what gRPC raises of a channel that was closed meanwhile
        raise CallError("CANCELLED", "The connection was closed.", None) from error
