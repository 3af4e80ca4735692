"""How the daemon's errors leave by gRPC: one table, one place where a defect is logged and turned into a sentence.

Every refusal carries the error's class name as trailing metadata `roto-error`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc
from grpc import aio

from roto_daemon import errors

CODES: dict[type[errors.RotoError], grpc.StatusCode] = {
    errors.FrameMissingError: grpc.StatusCode.NOT_FOUND,
    errors.FrameDamagedError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.PlateError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.PromptError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.FitError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UnknownError: grpc.StatusCode.NOT_FOUND,
    errors.UnavailableError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ConflictError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.StaleError: grpc.StatusCode.ABORTED,
    errors.TokenError: grpc.StatusCode.UNAUTHENTICATED,
    errors.ScopeError: grpc.StatusCode.PERMISSION_DENIED,
    errors.VersionError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.LimitError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.OutputError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.WorkerError: grpc.StatusCode.ABORTED,
    errors.StoppingError: grpc.StatusCode.UNAVAILABLE,
    errors.ConfigError: grpc.StatusCode.INTERNAL,
}
"""The status of each error; a subclass without a line of its own has its parent's."""

_METADATA_KEY = "roto-error"
_log = logging.getLogger("roto_daemon.service")

Context = aio.ServicerContext[Any, Any]
Method = TypeVar("Method", bound=Callable[..., Any])


def answered(method: Callable[[Any, Any, Context], Awaitable[Any]]) -> Callable[[Any, Any, Context], Awaitable[Any]]:
    """Make a unary method of a servicer end every error as a status."""

    @functools.wraps(method)
    async def call(self: Any, request: Any, context: Context) -> Any:  # noqa: ANN401 - any message of the protocol
        try:
            return await method(self, request, context)
        except Exception as error:  # noqa: BLE001 - the servicer's border
            await refuse(context, error)

    return call


def streamed(
    method: Callable[[Any, Any, Context], AsyncGenerator[Any, None]],
) -> Callable[[Any, Any, Context], AsyncIterator[Any]]:
    """Make a streaming method of a servicer end every error as a status."""

    @functools.wraps(method)
    async def call(self: Any, request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401 - as above
        messages = method(self, request, context)
        try:
            async for message in messages:
                yield message
        except Exception as error:  # noqa: BLE001 - the servicer's border
            await refuse(context, error)
        finally:
            await messages.aclose()

    return call


async def refuse(context: Context, error: Exception) -> NoReturn:
    """End a call with what an error means."""
    if isinstance(error, errors.RotoError):
        code = next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
        await context.abort(code, str(error), ((_METADATA_KEY, type(error).__name__),))
    if isinstance(error, ValueError):  # a value that refuses to be made from what the client sent
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error), ((_METADATA_KEY, "ValueError"),))
    if isinstance(error, aio.AbortError):
        raise error
    _log.error("a call failed inside", exc_info=error)
    text = f"The daemon failed inside ({type(error).__name__}); its log has the details."
    await context.abort(grpc.StatusCode.INTERNAL, text, ((_METADATA_KEY, "InternalError"),))
