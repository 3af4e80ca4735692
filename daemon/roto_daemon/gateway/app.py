"""The application: a path for every call, the socket, the panel's files, and what says how the daemon is."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import grpc
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from fastapi.websockets import WebSocket
from google.protobuf.message import Message

from roto_daemon.config import Config
from roto_daemon.gateway import openapi
from roto_daemon.gateway.calls import CALLS, FORWARDED, Backend, Call, Metadata, Refusal, defect, misread
from roto_daemon.gateway.forms import FORMS, JSON, Form
from roto_daemon.gateway.guard import Guard
from roto_daemon.gateway.sockets import SUBPROTOCOL, Socket, beside
from roto_proto import wire

BODY_LIMIT_BYTES = wire.MESSAGE_LIMIT_BYTES
"""The largest body that is taken, as large as a message of gRPC."""

_BODY_DEADLINE_S = 30.0
"""How long a body may take to come: 8 MiB over the slowest network that anybody would work over."""
_PROBLEM_PACKED = "application/problem+msgpack"
_TRY_LATER = 1013
"""The code with which a socket is closed that is one too many (RFC 6455, registry of close codes)."""
_STATUSES = {
    grpc.StatusCode.ABORTED: HTTPStatus.CONFLICT,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.UNIMPLEMENTED: HTTPStatus.NOT_FOUND,
}
"""The status of HTTP for each of gRPC; 500 for the others. There is none that says more than the code in the body."""
_NOT_HERE = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
_PANELS = (
    Path(__file__).parents[2] / "roto_client" / "shipped_plugins" / "aftereffects_uxp",
    Path(__file__).parents[3] / "plugins" / "aftereffects_uxp",
)
"""Where the panel's build lies in an installed daemon, and in a checkout."""

Result = TypeVar("Result")


def application(config: Config, backend: Backend, *, remote: bool) -> Guard:
    """Return the application, behind its guard. `remote`: the daemon listens beyond this machine."""
    app = FastAPI(
        title="Rotolink",
        version=importlib.metadata.version("rotolink"),
        description="The protocol roto.v1 over HTTP; docs/reference/gateway.md has what a schema cannot say.",
        docs_url=None,  # these pages would fetch their scripts from elsewhere
        redoc_url=None,
    )
    for call in CALLS.values():
        app.add_api_route(
            f"/api/v1/{call.op}",
            _pointing_to_socket(call) if call.takes_stream or call.gives_stream else _answering(call, backend),
            methods=["POST"],
            openapi_extra=openapi.operation(call),
        )
    app.add_api_route("/healthz", _health(backend), methods=["GET"], include_in_schema=False)
    app.add_api_websocket_route("/ws", _sockets(config, backend))
    _add_panel(app, [Path(config.panel_folder)] if config.panel_folder else _PANELS)
    for status in _NOT_HERE:
        app.add_exception_handler(status, _no_such_path)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]  # as FastAPI documents it
    return Guard(app, config.http_origins, remote=remote, respond=problem)


def problem(refusal: Refusal, form: Form = JSON, status: int | None = None) -> Response:
    """Return a refusal as an answer (RFC 9457, with the members `code` and `reason`)."""
    chosen = HTTPStatus(status or _STATUSES.get(refusal.code, HTTPStatus.INTERNAL_SERVER_ERROR))
    content = {"type": "about:blank", "title": chosen.phrase, "status": int(chosen), **refusal.as_map()}
    media_type = openapi.PROBLEM_MEDIA_TYPE if form.text else _PROBLEM_PACKED
    return Response(form.write(content), chosen, media_type=media_type)


def _answering(call: Call, backend: Backend) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        form = _accepted(request)
        try:
            sent = _sent(request)
            form = form or sent
            body = await _body(request)
            message = await beside(len(body), lambda: sent.decode(call.request, body))
            given = await _while_connected(request, backend.ask(call, message, _metadata(request)))
            return Response(await beside(given.ByteSize(), lambda: form.encode(given)), media_type=form.media_types[0])
        except _MediaTypeError as error:
            return problem(misread(error), form or JSON, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        except _BodyError as error:
            return problem(error, form or JSON, error.status)
        except ValueError as error:
            return problem(misread(error), form or JSON)
        except Refusal as refusal:
            return problem(refusal, form or JSON)
        except Exception as error:  # noqa: BLE001 - the edge's border
            return problem(defect(error), form or JSON)

    return answer


def _pointing_to_socket(call: Call) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        refusal = Refusal(grpc.StatusCode.UNIMPLEMENTED, f"{call.op} is a stream: begin it over the WebSocket /ws.")
        return problem(refusal, _accepted(request) or JSON)

    return answer


class _MediaTypeError(ValueError):
    """A body in a form that is not taken. Pages can send other forms without asking; these they cannot."""


class _BodyError(Refusal):
    """A body that is too large or too slow."""

    def __init__(self, code: grpc.StatusCode, detail: str, status: HTTPStatus) -> None:
        super().__init__(code, detail, "LimitError")
        self.status = status


def _sent(request: Request) -> Form:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    for form in FORMS:
        if given in form.media_types:
            return form
    names = " or ".join(form.media_types[0] for form in FORMS)
    raise _MediaTypeError(f"The body's Content-Type is '{given[:80]}': send {names}.")


def _accepted(request: Request) -> Form | None:
    """Return the form that the client prefers, None where it takes that of its request."""
    accepted = [each.partition(";")[0].strip().lower() for each in request.headers.get("accept", "").split(",")]
    return next((form for name in accepted for form in FORMS if name in form.media_types), None)


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_DEADLINE_S):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_LIMIT_BYTES:
                    raise _BodyError(
                        grpc.StatusCode.RESOURCE_EXHAUSTED,
                        f"The body is larger than {BODY_LIMIT_BYTES} bytes: send less, or frames over the WebSocket.",
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    )
    except TimeoutError:
        raise _BodyError(
            grpc.StatusCode.DEADLINE_EXCEEDED,
            f"The body did not come within {_BODY_DEADLINE_S:g} s: send it again.",
            HTTPStatus.REQUEST_TIMEOUT,
        ) from None
    return bytes(body)


def _metadata(request: Request | WebSocket) -> Metadata:
    return tuple((name, request.headers[name]) for name in FORWARDED if name in request.headers)


async def _while_connected(request: Request, work: Any) -> Message:  # noqa: ANN401 - an awaitable of a message
    """Wait for an answer, and cancel the work when the client leaves before."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Refusal(grpc.StatusCode.CANCELLED, "The client left.")
        answer: Message = await working
        return answer
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _health(backend: Backend) -> Callable[[], Any]:
    async def health() -> Response:
        if not await backend.serving():
            return problem(Refusal(grpc.StatusCode.UNAVAILABLE, "The daemon does not answer."))
        content = {"status": "serving", "version": importlib.metadata.version("rotolink")}
        return Response(JSON.write(content), media_type=JSON.media_types[0])

    return health


def _sockets(config: Config, backend: Backend) -> Callable[[WebSocket], Any]:
    opened: set[WebSocket] = set()

    async def socket(websocket: WebSocket) -> None:
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.send_denial_response(
                problem(misread(ValueError(f"This socket speaks {SUBPROTOCOL}: ask for that subprotocol.")))
            )
            return
        await websocket.accept(SUBPROTOCOL)
        if len(opened) >= config.http_sockets:
            await websocket.close(_TRY_LATER, f"{config.http_sockets} sockets are open (http_sockets): close one.")
            return
        opened.add(websocket)
        try:
            await Socket(websocket, backend, _metadata(websocket), config.http_silence_s).serve()
        finally:
            opened.discard(websocket)

    return socket


def _add_panel(app: FastAPI, folders: Sequence[Path]) -> None:
    folder = next((each for each in folders if (each / "index.html").is_file()), None)
    if folder is not None:
        app.mount("/panel", StaticFiles(directory=folder, html=True))


async def _no_such_path(request: Request, error: Exception) -> Response:
    status = HTTPStatus(getattr(error, "status_code", HTTPStatus.NOT_FOUND))
    if request.url.path.startswith("/panel"):
        detail = "The panel is not here: build it, and name its folder in the setting panel_folder."
    else:
        detail = "There is nothing here that answers this: /openapi.json lists what there is."
    return problem(Refusal(grpc.StatusCode.UNIMPLEMENTED, detail), _accepted(request) or JSON, status)


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        described.setdefault("components", {})["schemas"] = openapi.schemas()
        app.openapi_schema = described
    return app.openapi_schema
