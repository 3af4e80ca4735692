"""The gRPC server: built from a configuration, run until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from roto_daemon.access import Tokens
from roto_daemon.access.certificate import Certificate, certificate_in
from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import Config, is_loopback, split_address
from roto_daemon.errors import ConfigError
from roto_daemon.service.admission import Admission
from roto_daemon.service.daemon import DaemonServicer
from roto_daemon.service.plates import PlateServicer
from roto_daemon.service.sessions import SessionServicer
from roto_daemon.sessions import Sessions
from roto_daemon.store.folder import state_folder, state_path
from roto_daemon.workers.process import WorkerProcess
from roto_proto import wire
from roto_proto.v1 import (
    daemon_pb2,
    daemon_pb2_grpc,
    plates_pb2,
    plates_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
)

_FEATURES = ("ring", "matte-zlib")
_GRACE_S = 2.0
"""How long calls under way may take to end when the daemon stops."""

_log = logging.getLogger("roto_daemon.service")


@dataclass(frozen=True)
class RunningDaemon:
    """A daemon that answers."""

    address: str
    daemon_id: str
    engine_worker: WorkerProcess
    fit_worker: WorkerProcess
    inside: str = ""
    """Where it is reached without TLS, from this machine alone; the same as `address` where that is without."""
    certificate: Certificate | None = None
    """What it shows beyond this machine; None where it does not listen there."""


@contextlib.asynccontextmanager
async def running_daemon(config: Config) -> AsyncIterator[RunningDaemon]:
    """Run a daemon for the time of the context.

    Beyond loopback it speaks TLS 1.3 alone and asks for tokens. Raises ConfigError when the address cannot be bound,
    for a certificate that cannot be used, and for a policy of the models folder that cannot be followed.
    """
    ModelsFolder.of(config)  # its policy stops the daemon here, where somebody reads why, and not its workers
    admission = _admission(config)
    server = _server(config, admission)
    certificate = certificate_in(state_path(config)) if _is_beyond(config) else None
    address = _bind(server, config, certificate)  # first: a port that is taken is told better than a folder that is
    # The HTTP edge asks without TLS, from this machine to this machine; tokens are asked for there as anywhere.
    inside = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}" if certificate else address
    with state_folder(config) as state:
        engine = WorkerProcess("engine", config)
        fitter = WorkerProcess("fit", config)
        sessions = Sessions(config, state, engine, fitter)
        daemon_id = secrets.token_hex(8)
        if admission:
            admission.opens_with(Tokens(state.store))
        await _add_services(server, config, sessions, daemon_id)
        house = None
        try:
            await sessions.load()
            await sessions.engines()  # a daemon that answers has a warm worker
            house = asyncio.create_task(sessions.keep_house())
            await server.start()
            _log.info("listening on %s", address)
            yield RunningDaemon(address, daemon_id, engine, fitter, inside, certificate)
        finally:
            sessions.let_go()
            await server.stop(_GRACE_S)
            if house:
                house.cancel()
                await asyncio.wait({house})
            await asyncio.gather(engine.close(), fitter.close())
            await sessions.close()


def _admission(config: Config) -> Admission | None:
    """Return what asks for tokens; None where nobody but this machine reaches the daemon, unless it is asked for.

    It asks every call, those from this machine too: the HTTP edge asks from here for whoever asks it.
    """
    return Admission(config.token_calls_per_s) if config.require_token or _is_beyond(config) else None


def _is_beyond(config: Config) -> bool:
    return not is_loopback(split_address(config.listen)[0])


def _server(config: Config, admission: Admission | None) -> aio.Server:
    return aio.server(
        interceptors=[admission] if admission else [],
        maximum_concurrent_rpcs=config.max_calls,
        options=[
            ("grpc.so_reuseport", 0),  # else a second daemon shares the port in silence and takes half the calls
            ("grpc.max_receive_message_length", wire.MESSAGE_LIMIT_BYTES),
            ("grpc.max_send_message_length", wire.MESSAGE_LIMIT_BYTES),
            ("grpc.http2.min_ping_interval_without_data_ms", 5000),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )


async def _add_services(server: aio.Server, config: Config, sessions: Sessions, daemon_id: str) -> None:
    daemon_pb2_grpc.add_DaemonServiceServicer_to_server(DaemonServicer(sessions, config, daemon_id, _FEATURES), server)
    plates_pb2_grpc.add_PlateServiceServicer_to_server(PlateServicer(sessions.plates), server)
    sessions_pb2_grpc.add_SessionServiceServicer_to_server(SessionServicer(sessions), server)
    names = [
        each.full_name
        for file in (daemon_pb2, plates_pb2, sessions_pb2)
        for each in file.DESCRIPTOR.services_by_name.values()
    ]
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    for name in ["", *names]:
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    if config.reflection:
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)


def _bind(server: aio.Server, config: Config, certificate: Certificate | None) -> str:
    host, port = split_address(config.listen)
    shown = f"[{host}]" if ":" in host else host
    try:
        if certificate:
            pair = (certificate.key_file.read_bytes(), certificate.certificate_file.read_bytes())
            bound = server.add_secure_port(f"{shown}:{port}", grpc.ssl_server_credentials([pair]))
        else:
            bound = server.add_insecure_port(f"{shown}:{port}")
    except RuntimeError as error:
        raise ConfigError(
            f"The daemon cannot listen on {config.listen}: the port is in use or not allowed. Another daemon may be "
            "running (roto doctor tells); stop it, or choose another port with --listen HOST:PORT."
        ) from error
    return f"{shown}:{bound}"
