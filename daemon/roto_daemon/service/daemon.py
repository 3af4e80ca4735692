"""Meeting the daemon."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.metadata import version

from roto_daemon.config import Config
from roto_daemon.errors import VersionError
from roto_daemon.service.status import Context, answered
from roto_daemon.sessions import Sessions
from roto_proto import wire
from roto_proto.v1 import daemon_pb2, daemon_pb2_grpc

_log = logging.getLogger("roto_daemon.service")

_PROMPT_KINDS = {
    "points": daemon_pb2.PROMPT_KIND_POINTS,
    "box": daemon_pb2.PROMPT_KIND_BOX,
    "mask": daemon_pb2.PROMPT_KIND_MASK,
}


class DaemonServicer(daemon_pb2_grpc.DaemonServiceServicer):
    """Versions and capabilities."""

    def __init__(self, sessions: Sessions, config: Config, daemon_id: str, features: Sequence[str]) -> None:
        self._sessions = sessions
        self._config = config
        self._daemon_id = daemon_id
        self._features = features

    @answered
    async def Hello(self, request: daemon_pb2.HelloRequest, context: Context) -> daemon_pb2.HelloResponse:
        """Compare versions and state limits."""
        major, minor = wire.API_VERSION
        if request.api.major != major:
            raise VersionError(
                f"This daemon (Rotolink {version('rotolink')}) speaks protocol {major}.{minor}; your client "
                f"({request.client or 'unnamed'}) speaks {request.api.major}.{request.api.minor}. "
                f"Update {'the daemon' if request.api.major > major else 'the client'}."
            )
        _log.info("hello from %s", request.client)
        return daemon_pb2.HelloResponse(
            api=daemon_pb2.ApiVersion(major=major, minor=minor),
            version=version("rotolink"),
            daemon_id=self._daemon_id,
            limits=daemon_pb2.Limits(
                message_bytes=wire.MESSAGE_LIMIT_BYTES,
                chunk_bytes=wire.CHUNK_BYTES,
                frame_pixels=self._config.frame_limit_pixels,
                sessions=self._config.max_sessions,
                objects=self._config.max_objects,
            ),
            features=self._features,
        )

    @answered
    async def ListEngines(
        self, request: daemon_pb2.ListEnginesRequest, context: Context
    ) -> daemon_pb2.ListEnginesResponse:
        """Describe the engines."""
        engines = [
            daemon_pb2.Engine(
                name=each["name"],
                title=each["title"],
                prompts=[_PROMPT_KINDS[kind] for kind in each["prompts"]],
                needs_weights=each["needs_weights"],
                unavailable=each["unavailable"],
                is_default=each["is_default"],
                weights=each["weights"],
                why_default=each["why_default"],
            )
            for each in await self._sessions.engines()
        ]
        return daemon_pb2.ListEnginesResponse(engines=engines)
