"""A daemon in this process and ways to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Callable

import pytest
from stand_in_daemon import StandInDaemon, served
from stand_in_gateway import StandInGateway

from roto_client.session import Daemon
from roto_client.transport.by_grpc import GrpcTransport
from roto_client.transport.by_http import HttpTransport
from roto_client.transport.messages import MessageTransport

SILENCE_S = 0.6


@pytest.fixture
def stand_in() -> Iterator[StandInDaemon]:
    """Serve a stand-in on a free loopback port."""
    with served() as daemon:
        yield daemon


@pytest.fixture
def way() -> str:
    """Say how daemons are reached; the suite over all transports overrides it."""
    return "gRPC"


@pytest.fixture
def gateway(stand_in: StandInDaemon) -> Iterator[StandInGateway]:
    """Serve the stand-in by HTTP too."""
    edge = StandInGateway(stand_in.address)
    yield edge
    edge.close()


Reach = Callable[..., MessageTransport]


@pytest.fixture
def reach(way: str, request: pytest.FixtureRequest) -> Iterator[Reach]:
    """Connect to an address, or to the stand-in, in the way that is tested."""
    kind: type[MessageTransport] = {"gRPC": GrpcTransport, "HTTP": HttpTransport}[way]
    with ExitStack() as stack:

        def reached(address: str = "", **patience: float) -> MessageTransport:
            there = request.getfixturevalue({"gRPC": "stand_in", "HTTP": "gateway"}[way])
            transport = kind(address or there.address, **patience)  # type: ignore[arg-type]  # of each one's own
            stack.callback(transport.close)
            return transport

        yield reached


@pytest.fixture
def transport(reach: Reach) -> MessageTransport:
    """Connect to the stand-in with a short patience."""
    return reach(timeout_s=5.0, silence_s=SILENCE_S)


@pytest.fixture
def daemon(transport: MessageTransport) -> Iterator[Daemon]:
    """Give the stand-in as a plugin sees it."""
    with Daemon(transport) as met:
        yield met
