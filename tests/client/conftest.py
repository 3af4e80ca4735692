"""A daemon in this process and ways to it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from stand_in_daemon import StandInDaemon

from roto_client.session import Daemon
from roto_client.transport.by_grpc import GrpcTransport
from roto_proto.v1 import daemon_pb2_grpc, plates_pb2_grpc, sessions_pb2_grpc

SILENCE_S = 0.6


@pytest.fixture
def stand_in() -> Iterator[StandInDaemon]:
    """Serve a stand-in on a free loopback port."""
    daemon = StandInDaemon()
    server = grpc.server(ThreadPoolExecutor(8), options=(("grpc.so_reuseport", 0),))
    daemon_pb2_grpc.add_DaemonServiceServicer_to_server(daemon, server)
    plates_pb2_grpc.add_PlateServiceServicer_to_server(daemon, server)
    sessions_pb2_grpc.add_SessionServiceServicer_to_server(daemon, server)
    daemon.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield daemon
    daemon.stalls.clear()
    server.stop(None).wait()


@pytest.fixture
def transport(stand_in: StandInDaemon) -> Iterator[GrpcTransport]:
    """Connect to the stand-in with a short patience."""
    reached = GrpcTransport(stand_in.address, timeout_s=5.0, silence_s=SILENCE_S)
    yield reached
    reached.close()


@pytest.fixture
def daemon(transport: GrpcTransport) -> Iterator[Daemon]:
    """Give the stand-in as a plugin sees it."""
    with Daemon(transport) as met:
        yield met
