"""One WebSocket: many calls at a time, each a task, with bounds on what may wait in either direction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from fastapi.websockets import WebSocket, WebSocketDisconnect
from google.protobuf.message import Message

from roto_daemon.gateway.calls import FORWARDED, Backend, Call, Metadata, Refusal, defect, find, misread
from roto_daemon.gateway.forms import MSGPACK
from roto_daemon.gateway.messages import from_map, to_map
from roto_daemon.gateway.previews import latest

SUBPROTOCOL = "roto.v1.msgpack"
MESSAGE_LIMIT_BYTES = 2 << 20
"""The largest message that a socket takes: a piece of a frame with what is round it, twice."""
BESIDE_BYTES = 64 << 10
"""From this size on a message is converted in a thread, so that the loop goes on meanwhile: some milliseconds."""

_CALLS = 8
"""So many calls may be under way on one socket. A panel has a handful, and each that nobody reads costs some 8 MiB: the
copies of a piece of 1 MiB on its way through the daemon, measured with mattes that cannot be packed."""
_AHEAD = 4
"""Messages of a client stream that wait for the daemon, as in roto_client."""
_KEYS = frozenset({"id", "op", "args", "metadata", "latest", "send", "end", "cancel"})
_LARGEST_ID = (1 << 53) - 1

Result = TypeVar("Result")


async def beside(size_bytes: int, work: Callable[[], Result]) -> Result:
    """Do work on a message of a size, in a thread when it is large."""
    return await asyncio.to_thread(work) if size_bytes >= BESIDE_BYTES else work()


@dataclass
class _Running:
    """A call under way."""

    call: Call
    requests: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue(_AHEAD))
    task: asyncio.Task[None] | None = None
    ended_by: Refusal | None = None
    """Why it was ended from this end, once it was."""

    def stop(self, why: Refusal) -> None:
        """End the call: its work stops, and the client is told why."""
        if self.task and self.ended_by is None:
            self.ended_by = why
            self.task.cancel()

    async def incoming(self) -> AsyncGenerator[Message, None]:
        """Yield what the client streams."""
        while (message := await self.requests.get()) is not None:
            yield message


@dataclass(frozen=True)
class _Order:
    """What a call is begun with."""

    request: Message | AsyncIterator[Message]
    metadata: Metadata
    latest: bool


class Socket:
    """A client's connection, from its first message to its close."""

    def __init__(self, websocket: WebSocket, backend: Backend, metadata: Metadata, silence_s: float) -> None:
        self._websocket = websocket
        self._backend = backend
        self._metadata = metadata
        self._silence_s = silence_s
        self._writing = asyncio.Lock()
        self._running: dict[int, _Running] = {}

    async def serve(self) -> None:
        """Answer messages until the client leaves; its calls end with it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                async for data in self._messages():
                    await self._take(data, tasks)
                for running in self._running.values():
                    if running.task:
                        running.task.cancel()
        except* WebSocketDisconnect:
            pass

    async def _messages(self) -> AsyncGenerator[bytes, None]:
        while True:
            event = await self._websocket.receive()
            if event["type"] == "websocket.disconnect":
                return
            if event.get("bytes") is None:
                await self._refuse(None, misread(ValueError("The message is text: send msgpack, in binary messages.")))
            else:
                yield event["bytes"]

    async def _take(self, data: bytes, tasks: asyncio.TaskGroup) -> None:
        number: int | None = None
        try:
            content = await beside(len(data), lambda: MSGPACK.read(data))
            number = _number(content)
            _require_known(content)
            if "op" in content:
                await self._begin(number, content, len(data), tasks)
            elif number in self._running:  # what comes for a call that has just ended is nobody's fault
                await self._feed(self._running[number], content, len(data))
        except (ValueError, Refusal) as error:
            refusal = error if isinstance(error, Refusal) else misread(error)
            await self._refuse(number, refusal)

    async def _refuse(self, number: int | None, refusal: Refusal) -> None:
        running = None if number is None else self._running.get(number)
        if running:
            running.stop(refusal)
        else:
            await self._send({"id": number, "error": refusal.as_map()})

    async def _begin(self, number: int, content: Mapping[str, Any], size: int, tasks: asyncio.TaskGroup) -> None:
        if number in self._running:
            raise ValueError(f"Call {number} was begun twice: give each call an id of its own.")
        if len(self._running) >= _CALLS:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{_CALLS} calls are under way on this socket: wait for one to end, or open another socket.",
                "LimitError",
            )
        call, args = find(content["op"]), content.get("args") or {}
        if call.takes_stream and args:
            raise ValueError(f"{call.op} takes a stream: begin it without args, then send messages.")
        metadata = (*self._metadata, *_metadata(content.get("metadata") or {}))
        request = await beside(size, lambda: from_map(call.request, args, text=False))
        running = self._running[number] = _Running(call)
        order = _Order(running.incoming() if call.takes_stream else request, metadata, content.get("latest") is True)
        running.task = tasks.create_task(self._run(number, running, order))
        await asyncio.sleep(0)  # it begins now: cancelled before its first step, it would never answer nor make room

    async def _feed(self, running: _Running, content: Mapping[str, Any], size: int) -> None:
        if content.get("cancel"):
            running.stop(Refusal(grpc.StatusCode.CANCELLED, "The client cancelled the call."))
            return
        if not running.call.takes_stream:
            raise ValueError(f"{running.call.op} takes one message, its args: nothing can be sent after it.")
        if "send" in content:
            given = content["send"]
            message = await beside(size, lambda: from_map(running.call.request, given, text=False))
            await self._queue(running, message)
        if content.get("end"):
            await self._queue(running, None)

    async def _queue(self, running: _Running, message: Message | None) -> None:
        """Hand a message to its call; while the call takes none, nothing more is read from the socket."""
        putting = asyncio.ensure_future(running.requests.put(message))
        over = [running.task] if running.task else []
        try:
            done, _ = await asyncio.wait([putting, *over], timeout=self._silence_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()  # also where the socket ends meanwhile: nobody would take what it puts
        if not done:
            detail = f"{running.call.op} took nothing of what was sent for {self._silence_s:g} s."
            raise Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, detail)

    async def _run(self, number: int, running: _Running, order: _Order) -> None:
        try:
            ending = {"ok": await self._follow(number, running.call, order)}
        except Refusal as refusal:
            ending = {"error": refusal.as_map()}
        except asyncio.CancelledError:
            if running.ended_by is None:  # the socket ends
                raise
            ending = {"error": running.ended_by.as_map()}
        except WebSocketDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - one call's defect is none of the others'
            ending = {"error": defect(error).as_map()}
        finally:
            del self._running[number]
        await self._send({"id": number, **ending})

    async def _follow(self, number: int, call: Call, order: _Order) -> dict[str, Any]:
        """Run a call to its end; return what its last message holds."""
        if not call.gives_stream:
            answer = await self._backend.ask(call, order.request, order.metadata)
            return await beside(answer.ByteSize(), lambda: to_map(answer, text=False))
        answers = self._backend.stream(call, order.request, order.metadata)
        async with contextlib.aclosing(latest(answers) if order.latest else answers) as messages:
            async for message in messages:
                await self._event(number, message)
        return {}

    async def _event(self, number: int, message: Message) -> None:
        def written() -> bytes:
            return MSGPACK.write({"id": number, "event": to_map(message, text=False)})

        await self._write(message.ByteSize(), written)

    async def _send(self, content: dict[str, Any]) -> None:
        await self._write(0, lambda: MSGPACK.write(content))

    async def _write(self, size: int, written: Callable[[], bytes]) -> None:
        """Send a message once those before it are with the system, and write it no sooner."""
        async with self._writing:
            await self._websocket.send_bytes(await beside(size, written))


def _number(content: object) -> int:
    if not isinstance(content, Mapping):
        raise ValueError("A message is a map with an id: see docs/reference/gateway.md.")  # noqa: TRY004 - told to a client
    number = content.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _LARGEST_ID:
        raise ValueError(f"A message needs an id, a whole number from 0 to {_LARGEST_ID}, that its call alone has.")
    return number


def _require_known(content: Mapping[str, Any]) -> None:
    unknown = content.keys() - _KEYS
    if unknown:
        shown = str(unknown.pop())[:40]
        raise ValueError(f"A message has no key '{shown}'; it may have: {', '.join(sorted(_KEYS))}.")


def _metadata(given: object) -> Metadata:
    if not isinstance(given, Mapping) or not all(
        key in FORWARDED and isinstance(value, str) and value.isascii() and value.isprintable()
        for key, value in given.items()
    ):
        raise ValueError(f"The metadata of a call is a map of text; it may have: {', '.join(FORWARDED)}.")
    return tuple(given.items())
