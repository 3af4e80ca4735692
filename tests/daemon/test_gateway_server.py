"""The HTTP edge by itself: where it listens, and what it says of a daemon behind it that is away, slow or strange."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import grpc
import msgpack
import pytest
from edges import SUBPROTOCOL
from google.protobuf.message import Message
from grpc import aio
from websockets.asyncio.client import connect

from roto_daemon.config import Config
from roto_daemon.errors import ConfigError
from roto_daemon.gateway.app import application
from roto_daemon.gateway.calls import Backend
from roto_daemon.gateway.guard import Guard
from roto_daemon.gateway.server import running_gateway

NOBODY = "127.0.0.1:1"
FREE = Config(listen="127.0.0.1:0")
Context = aio.ServicerContext[Any, Any]


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in a loop of its own, for a minute at most."""

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(bounded())


async def asked(url: str, request: str) -> tuple[int, dict[str, object]]:
    """Send the lines of a request; return status and JSON of the answer."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request.replace("\n", "\r\n").encode())
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def get(path: str, host: str = "127.0.0.1") -> str:
    return f"GET {path} HTTP/1.1\nHost: {host}\nConnection: close\n\n"


def post(op: str, body: str = "{}") -> str:
    head = f"POST /api/v1/{op} HTTP/1.1\nHost: 127.0.0.1\nConnection: close\nContent-Type: application/json\n"
    return f"{head}Content-Length: {len(body)}\n\n{body}"


class BrokenBackend(Backend):
    """One with a defect."""

    async def ask(self, *_: object) -> Message:
        raise ZeroDivisionError


class StrangeDaemon:
    """A stand-in for what the edge speaks to: it waits for ever, or ends calls as no daemon of ours does."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def wait(self, request: object, context: Context) -> bytes:
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        return b""

    async def stream(self, request: object, context: Context) -> AsyncIterator[bytes]:
        yield await self.wait(request, context)

    async def lose(self, request: bytes, context: Context) -> None:
        await context.abort(grpc.StatusCode.DATA_LOSS, "strange")

    async def cancel(self, request: bytes, context: Context) -> None:
        await context.abort(grpc.StatusCode.CANCELLED, "ended over there")


answering = grpc.unary_unary_rpc_method_handler


@contextlib.asynccontextmanager
async def strange_daemon(config: Config = FREE) -> AsyncIterator[tuple[StrangeDaemon, str]]:
    """Run the stand-in, and the edge before it."""
    server, strange = aio.server(), StrangeDaemon()
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                "roto.v1.DaemonService",
                {"ListEngines": answering(strange.wait), "Hello": answering(strange.lose)},
            ),
            grpc.method_handlers_generic_handler(
                "roto.v1.PlateService", {"UploadFrames": grpc.stream_stream_rpc_method_handler(strange.stream)}
            ),
            grpc.method_handlers_generic_handler(
                "roto.v1.SessionService",
                {
                    "GetShapes": answering(strange.cancel),
                    "ReadMattes": grpc.unary_stream_rpc_method_handler(strange.stream),
                },
            ),
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with running_gateway(config, f"127.0.0.1:{port}") as url:
        yield strange, url
    await server.stop(None)


def test_a_port_that_is_taken_is_named_with_the_setting() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 .*http_port"):
                async with running_gateway(Config(http_port=port), NOBODY):
                    raise AssertionError

    run(scenario)


def test_without_http_nothing_listens() -> None:
    async def scenario() -> None:
        async with running_gateway(Config(http=False), NOBODY) as url:
            assert url == ""

    run(scenario)


def test_it_listens_at_the_host_of_the_daemon_and_at_a_port_of_its_own() -> None:
    async def scenario() -> None:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as reserved:
            port = reserved.getsockname()[1]
        async with running_gateway(Config(listen="[::1]:50750", http_port=port), NOBODY) as url:
            assert url == f"http://[::1]:{port}"
            assert (await asked(url, get("/healthz", "[::1]")))[0] == 503

    run(scenario)


def test_beyond_this_machine_any_address_may_be_asked_and_no_unknown_name() -> None:
    async def scenario() -> None:
        async with running_gateway(Config(listen="0.0.0.0:0"), NOBODY) as everywhere:
            url = everywhere.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - where it listens
            assert (await asked(url, get("/healthz", "10.1.2.3:50751")))[0] == 503
            assert (await asked(url, get("/healthz", "rebound.example")))[0] == 403

    run(scenario)


def test_a_daemon_that_is_away_is_unavailable() -> None:
    async def scenario() -> None:
        async with running_gateway(FREE, NOBODY) as url:
            assert (await asked(url, get("/healthz")))[0] == 503
            status, said = await asked(url, post("DaemonService/ListEngines"))
            assert (status, said["code"], said["reason"]) == (503, "UNAVAILABLE", "")

    run(scenario)


def test_a_client_that_leaves_ends_its_call() -> None:
    async def scenario() -> None:
        async with strange_daemon() as (strange, url):
            parts = urlsplit(url)
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(post("DaemonService/ListEngines").replace("\n", "\r\n").encode())
            await strange.waiting.wait()
            writer.close()
            await strange.cancelled.wait()

    run(scenario)


def test_a_socket_that_closes_or_cancels_ends_its_calls() -> None:
    async def scenario() -> None:
        async with strange_daemon() as (strange, url):
            for cancel in (True, False):
                strange.waiting.clear()
                strange.cancelled.clear()
                async with connect(f"{url.replace('http', 'ws')}/ws", subprotocols=[SUBPROTOCOL]) as opened:
                    await opened.send(msgpack.packb({"id": 1, "op": "SessionService/ReadMattes"}))
                    await strange.waiting.wait()
                    if cancel:
                        await opened.send(msgpack.packb({"id": 1, "cancel": True}))
                        answer = msgpack.unpackb(await opened.recv())
                        assert answer["error"]["code"] == "CANCELLED"
                await strange.cancelled.wait()

    run(scenario)


def test_statuses_that_no_daemon_of_ours_gives_are_passed_on() -> None:
    async def scenario() -> None:
        async with strange_daemon() as (_, url):
            status, said = await asked(url, post("DaemonService/Hello"))
            assert (status, said["code"], said["detail"], said["reason"]) == (500, "DATA_LOSS", "strange", "")
            status, said = await asked(url, post("SessionService/GetShapes"))
            assert (status, said["code"]) == (500, "CANCELLED")
            status, said = await asked(url, post("SessionService/CloseSession"))
            assert (status, said["code"]) == (404, "UNIMPLEMENTED")

    run(scenario)


def test_the_end_of_the_edge_ends_calls_under_way() -> None:
    async def scenario() -> None:
        async with strange_daemon() as (strange, url):
            waiting = asyncio.create_task(asked(url, post("DaemonService/ListEngines")))
            await strange.waiting.wait()
        status, said = await waiting
        assert (status, said["code"]) == (500, "CANCELLED")

    run(scenario)


def test_a_client_stream_that_the_daemon_does_not_take_is_ended_and_the_socket_goes_on() -> None:
    async def scenario() -> None:
        async with (
            strange_daemon(Config(listen="127.0.0.1:0", http_silence_s=1)) as (_, url),
            connect(f"{url.replace('http', 'ws')}/ws", subprotocols=[SUBPROTOCOL]) as opened,
        ):
            await opened.send(msgpack.packb({"id": 1, "op": "PlateService/UploadFrames"}))
            for _ in range(40):  # more than gRPC holds between two ends
                await opened.send(msgpack.packb({"id": 1, "send": {"data": bytes(1 << 20)}}))
            answer = msgpack.unpackb(await opened.recv())
            assert (answer["id"], answer["error"]["code"]) == (1, "DEADLINE_EXCEEDED")
            await opened.send(msgpack.packb({"id": 2, "op": "DaemonService/Hello"}))
            assert msgpack.unpackb(await opened.recv())["error"]["code"] == "DATA_LOSS"

    run(scenario)


def test_a_defect_is_told_as_one_and_costs_its_call_alone() -> None:
    async def scenario() -> None:
        app = application(FREE, BrokenBackend(NOBODY), remote=False)
        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
        body = {"type": "http.request", "body": b"{}"}
        sent = await exchange(app, {"type": "http", "method": "POST", "headers": headers}, [body])
        assert sent[0]["status"] == 500
        assert json.loads(sent[1]["body"])["reason"] == "InternalError"
        calls = [{"id": number, "op": "DaemonService/Hello"} for number in (1, 2)]
        messages = [{"type": "websocket.receive", "bytes": msgpack.packb(each)} for each in calls]
        scope = {"type": "websocket", "headers": headers, "subprotocols": [SUBPROTOCOL], "path": "/ws"}
        sent = await exchange(app, scope, [{"type": "websocket.connect"}, *messages])
        answers = [msgpack.unpackb(each["bytes"]) for each in sent if each["type"] == "websocket.send"]
        assert [(each["id"], each["error"]["reason"]) for each in answers] == [
            (1, "InternalError"),
            (2, "InternalError"),
        ]

    run(scenario)


def test_connections_that_ask_nothing_or_half_a_question_or_no_more_are_cut() -> None:
    whole = get("/healthz").replace("close", "keep-alive").replace("\n", "\r\n").encode()

    async def read_to_its_end(url: str, begun: bytes) -> bytes:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(begun)
        read = b""
        with contextlib.suppress(ConnectionResetError):
            read = await reader.read()
        writer.close()
        return read

    async def scenario() -> None:
        async with running_gateway(Config(listen="127.0.0.1:0", http_silence_s=1), NOBODY) as url:
            given = await asyncio.gather(*[read_to_its_end(url, each) for each in (b"", whole[:30], whole)])
            assert given[:2] == [b"", b""]
            assert b" 503 " in given[2]

    run(scenario)


async def exchange(app: Guard, scope: dict[str, Any], messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Speak ASGI with the application: give it messages, in the end that the client left; return what it says."""
    whole = {"path": "/api/v1/DaemonService/Hello", "query_string": b"", "root_path": "", "scheme": "http", **scope}
    sent: list[dict[str, Any]] = []
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(0.1)
        return {"type": f"{scope['type']}.disconnect", "code": 1000}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(whole, receive, send)
    return sent
