"""Which way to a daemon: gRPC where it loads and clashes with nothing in this process, else the standard library."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from roto_client.errors import BadInputError
from roto_client.transport import (
    DEFAULT_HTTP_PORT,
    DEFAULT_PORT,
    HTTP_SCHEME,
    HTTPS_SCHEME,
    Transport,
    is_loopback,
    join_address,
    names_http,
    split_address,
)
from roto_proto.runtime_file import running_daemons

_OLDEST = {"google.protobuf": ("protobuf", (6, 30)), "grpc": ("grpcio", (1, 72))}
"""Older ones in the same process cannot load our messages, and a second copy of either ends the process."""


def open_transport(address: str, prefer: str = "") -> Transport:
    """Connect to the daemon at `HOST:PORT`, or at `http://HOST:PORT` or `https://…` by HTTP; return the way to it.

    `prefer` is "gRPC", "HTTP", or nothing for the best that this process can: gRPC, unless it cannot be loaded or
    something older that the host has loaded stands in its way. `Transport.kind` and `Transport.why` tell which it
    became. Raises DaemonUnreachableError, VersionMismatchError, and BadInputError where HTTP is needed and its port is
    not known; AccessError where the daemon's certificate is not trusted.
    """
    if names_http(address):
        return _by_http(address, "")
    why = "it was asked for" if prefer == "HTTP" else clash(sys.modules)
    if not why:
        try:
            # The import of grpc takes up to a second: it is paid by the thread that connects, not by a menu.
            from roto_client.transport.by_grpc import GrpcTransport  # noqa: PLC0415 - as said
        except Exception as error:  # noqa: BLE001 - what a host's libraries make of it is of many kinds
            why = f"gRPC cannot be loaded here ({type(error).__name__}: {error})"
        else:
            return GrpcTransport(address)
    if prefer == "gRPC":
        raise BadInputError(f"The daemon cannot be reached by gRPC, since {why}: reach it by HTTP.")
    return _by_http(http_address(address), why)


def clash(loaded: Mapping[str, Any]) -> str:
    """Return why gRPC must not be loaded beside the modules that are loaded; empty when nothing is in its way."""
    for module, (name, oldest) in _OLDEST.items():
        if module in loaded:
            version = str(getattr(loaded[module], "__version__", "of unknown version"))
            numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
            if numbers < oldest:
                needed = ".".join(map(str, oldest))
                return f"this program has loaded {name} {version}, and Rotolink needs {needed} or newer"
    return ""


def http_address(address: str, folder: Optional[Path] = None) -> str:
    """Return where the daemon at HOST:PORT answers HTTP.

    A daemon of this user on this machine says it in its runtime file (in `folder`, by default where daemons write
    it); elsewhere it is the usual port beside the usual one of gRPC. Raises BadInputError when neither tells.
    """
    host, port = split_address(address)
    for daemon in running_daemons(folder):
        there = split_address(daemon.address)
        if there == (host, port) or (is_loopback(host) and is_loopback(there[0]) and there[1] == port):
            if not daemon.http:
                raise BadInputError(
                    f"gRPC cannot be used here, and the daemon at {address} does not answer HTTP: start it without "
                    "http = false, or work with a Python that has grpcio."
                )
            return daemon.http
    if port == DEFAULT_PORT:
        return (HTTP_SCHEME if is_loopback(host) else HTTPS_SCHEME) + join_address(host, DEFAULT_HTTP_PORT)
    raise BadInputError(
        f"gRPC cannot be used here, and where the daemon at {address} answers HTTP is not known: give that address, as "
        f"{HTTP_SCHEME}{join_address(host, DEFAULT_HTTP_PORT)}. The daemon prints it when it starts."
    )


def _by_http(address: str, why: str) -> Transport:
    from roto_client.transport.by_http import HttpTransport  # noqa: PLC0415 - most never need it

    return HttpTransport(address, why=why)
