"""The edge's server, in the daemon's loop: run from a configuration until its context ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from roto_daemon.access.certificate import Certificate
from roto_daemon.config import Config, from_here, is_loopback, split_address
from roto_daemon.errors import ConfigError
from roto_daemon.gateway.app import application
from roto_daemon.gateway.calls import Backend
from roto_daemon.gateway.sockets import MESSAGE_LIMIT_BYTES

_GRACE_S = 2
"""How long requests under way may take to end when the daemon stops, as its gRPC calls may."""
_FLUSH_S = 1.0
"""How long a socket that was closed may take to send what is left; after that it is cut."""
_REST_S = 20.0
"""How long a connection may rest before its first request, after its last, and with an answer that nobody reads."""
_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    ),
]
"""Said with every answer: a page served here loads nothing from elsewhere and stands in nobody's frame."""

_log = logging.getLogger("roto_daemon.gateway")


@contextlib.asynccontextmanager
async def running_gateway(
    config: Config, daemon_address: str, certificate: Certificate | None = None
) -> AsyncIterator[str]:
    """Serve HTTP for the time of the context; yield the address as a URL, or nothing when `http` is off.

    `daemon_address` is where the daemon's gRPC port answers without TLS, as HOST:PORT. With a `certificate` HTTP
    itself is spoken by TLS 1.3 alone. Raises ConfigError when the port cannot be
    bound.
    """
    if not config.http:
        yield ""
        return
    host, grpc_port = split_address(config.listen)
    listening = _bound(host, config.http_port if grpc_port else 0)
    shown = f"[{host}]" if ":" in host else host
    backend = Backend(from_here(daemon_address))
    server = _Server(
        uvicorn.Config(
            application(config, backend, remote=not is_loopback(host)),
            http=_Requests,
            ws=_Messages,
            ws_max_size=MESSAGE_LIMIT_BYTES,
            ws_ping_interval=config.http_silence_s / 2,
            ws_ping_timeout=config.http_silence_s,
            ws_per_message_deflate=False,
            timeout_keep_alive=math.ceil(min(_REST_S, config.http_silence_s)),
            timeout_graceful_shutdown=_GRACE_S + 1,  # by then the calls that requests wait for are over
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            headers=_HEADERS,
            ssl_certfile=certificate.certificate_file if certificate else None,
            ssl_keyfile=certificate.key_file if certificate else None,
        )
    )
    server.config.load()
    if server.config.ssl:
        server.config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    serving = asyncio.create_task(server.serve([listening]))  # who asks before it serves waits in the socket's backlog
    try:
        address = f"{'https' if certificate else 'http'}://{shown}:{listening.getsockname()[1]}"
        _log.info("listening on %s", address)
        yield address
    finally:
        server.should_exit = True
        await asyncio.gather(backend.close(_GRACE_S), serving)


@final
class _Server(uvicorn.Server):
    """A server that leaves signals to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@final
class _Requests(H11Protocol):
    """Connections that are cut when they ask nothing, or do not read what they were answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Give the other end some time for its first request."""
        super().connection_made(transport)
        self.loop.call_later(self.timeout_keep_alive, self._require_request)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that rests, and cut it where what it was sent stays unread."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(_REST_S, self.transport.abort)

    def _require_request(self) -> None:
        if self.cycle is None and self in self.connections:  # those that became WebSockets are no longer among them
            self.transport.abort()


@final
class _Messages(WebSocketsSansIOProtocol):
    """Connections that end when they are closed: one that never reads would keep what it was sent for ever."""

    async def run_asgi(self) -> None:
        """Serve the connection, then cut it if it does not close by itself."""
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(_FLUSH_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """Cut a connection whose other end answers no ping."""
        super().keepalive_timeout()
        self.loop.call_later(_FLUSH_S, self.transport.abort)


def _bound(host: str, port: int) -> socket.socket:
    try:
        bound = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(
            f"The daemon cannot answer HTTP on port {port} of {host} ({error.strerror or error}): another daemon "
            "may be running. Choose another port with the setting http_port, or set http = false."
        ) from error
    # What is accepted inherits it. asyncio sets it for sockets of its own alone; without it the last message of a call
    # waits 40 ms for the receipt of the one before.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound
