"""The one place where calls are let in: by gRPC directly, and by HTTP, whose edge asks this server in its turn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from grpc import aio
from grpc_health.v1 import health

from roto_daemon.access import Bearer, Tokens, token_of
from roto_daemon.access.rate import Rate
from roto_daemon.errors import RotoError, ScopeError, TokenError
from roto_daemon.service.status import Context, refuse

_AGAIN_S = 1.0
"""How often the token of a call under way is looked at again."""
_OPEN = f"/{health.SERVICE_NAME}/"
"""Calls that need no token: whether the daemon is well, which says nothing of anybody's work."""

_log = logging.getLogger("roto_daemon.access")

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class Admission(aio.ServerInterceptor):
    """Asks every call for an access token, once it has tokens, and ends calls whose token stops being good."""

    def __init__(self, calls_per_s: float) -> None:
        self._rate = Rate(calls_per_s)
        self._tokens: Tokens | None = None

    def opens_with(self, tokens: Tokens) -> None:
        """Say by which tokens calls are let in; until then none is."""
        self._tokens = tokens

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Put the question before what answers a call."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None or method.startswith(_OPEN):
            return handler
        header = next((str(value) for key, value in _metadata(handler_call_details) if key == "authorization"), None)
        return self._guarded(handler, method, header)

    def _guarded(self, handler: Handler, method: str, header: str | None) -> Handler:
        async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401 - any message
            async with self._admitted(method, header, context):
                return await behaviour(request, context)

        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401 - any message
            async with (
                self._admitted(method, header, context),
                contextlib.aclosing(behaviour(request, context)) as all_,
            ):
                async for message in all_:
                    yield message

        kind = f"{_name(streams=handler.request_streaming)}_{_name(streams=handler.response_streaming)}"
        behaviour = getattr(handler, kind)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        made: Handler = make(
            stream if handler.response_streaming else answer, handler.request_deserializer, handler.response_serializer
        )
        return made

    @contextlib.asynccontextmanager
    async def _admitted(self, method: str, header: str | None, context: Context) -> AsyncIterator[None]:
        """Let a call in for the time of the context, or end it with a status."""
        try:
            bearer = await self._bearer(method, header)
            self._rate.take(bearer.name)
        except RotoError as error:
            _log.warning("refused %s of %s: %s", method, context.peer(), error)
            await refuse(context, error)
        ended: list[RotoError] = []
        task = asyncio.current_task()
        watching = asyncio.create_task(self._watch(method, header, ended, task))
        try:
            yield
        except asyncio.CancelledError:
            if not ended or task is None:
                raise
            task.uncancel()
            _log.warning("ended %s of '%s': %s", method, bearer.name, ended[0])
            await refuse(context, ended[0])
        finally:
            watching.cancel()

    async def _watch(
        self, method: str, header: str | None, ended: list[RotoError], task: asyncio.Task[Any] | None
    ) -> None:
        while True:
            await asyncio.sleep(_AGAIN_S)
            try:
                await self._bearer(method, header)
            except (TokenError, ScopeError) as error:
                ended.append(error)
                if task:
                    task.cancel()
                return
            except RotoError as error:  # a disk that fails is no reason to end work that was let in
                _log.warning("the token of %s cannot be looked at again: %s", method, error)

    async def _bearer(self, method: str, header: str | None) -> Bearer:
        if self._tokens is None:
            raise TokenError("The daemon is starting: ask again.")
        bearer = await asyncio.to_thread(self._tokens.bearer, token_of(header))
        bearer.require(method)
        return bearer


def _metadata(details: grpc.HandlerCallDetails) -> Any:  # noqa: ANN401 - pairs
    return details.invocation_metadata or ()


def _name(*, streams: bool) -> str:
    return "stream" if streams else "unary"
