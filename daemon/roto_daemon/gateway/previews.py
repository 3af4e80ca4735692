"""What a reader who asked for the latest may miss: progress and the mattes of a run, where newer ones are there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

from google.protobuf.message import Message

from roto_daemon.gateway.messages import member

_PROGRESS, _MATTE = "roto.v1.Progress", "roto.v1.MattePart"
_MOST_WAITING = 4096
_MOST_WAITING_BYTES = 8 << 20
"""So much that may not be lost waits for a reader before the call is slowed down: the frames of a long shot, or one
message of the largest size."""


@dataclass
class _Unit:
    """What is sent or lost together: one answer, or all pieces of a matte."""

    preview: str
    """What it shows, if it may be lost."""
    messages: list[Message] = field(default_factory=list)
    missing_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """Return what it takes on the wire."""
        return sum(message.ByteSize() for message in self.messages)


class _Waiting:
    """Answers that nobody has taken yet."""

    def __init__(self) -> None:
        self._units: deque[_Unit] = deque()
        self._kept_bytes = 0
        """The size of those that may not be lost."""
        self._open: _Unit | None = None
        self._changed = asyncio.Condition()
        self._end: BaseException | None = None
        self._ended = False

    async def put(self, message: Message) -> None:
        """Take an answer in, and let go of an older preview of the same kind."""
        unit = self._unit(message)
        unit.messages.append(message)
        if unit.missing_bytes > 0:
            return
        self._open = None
        async with self._changed:
            if unit.preview:
                self._units = deque(each for each in self._units if each.preview != unit.preview)
            else:
                await self._changed.wait_for(self._has_room)
                self._kept_bytes += unit.size_bytes
            self._units.append(unit)
            self._changed.notify_all()

    async def end(self, error: BaseException | None) -> None:
        """Say that nothing more comes, and why."""
        async with self._changed:
            self._ended, self._end = True, error
            self._changed.notify_all()

    async def take(self) -> list[Message]:
        """Return the answers that are next, none at the end; raises what ended the stream."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._units or self._ended)
            if self._units:
                unit = self._units.popleft()
                self._kept_bytes -= 0 if unit.preview else unit.size_bytes
                self._changed.notify_all()
                return unit.messages
            if self._end:
                raise self._end
            return []

    def _has_room(self) -> bool:
        return len(self._units) < _MOST_WAITING and self._kept_bytes < _MOST_WAITING_BYTES

    def _unit(self, message: Message) -> _Unit:
        name, kind = member(message)
        if kind != _MATTE:
            return _Unit(kind if kind == _PROGRESS else "")
        part = getattr(message, name)
        if part.HasField("header") or self._open is None:
            self._open = _Unit(_MATTE, missing_bytes=part.header.size)
        self._open.missing_bytes -= len(part.data)
        return self._open


async def latest(answers: AsyncIterator[Message]) -> AsyncGenerator[Message, None]:
    """Yield the answers of a call, reading on meanwhile: what waits is replaced by a newer preview of its kind.

    A preview is a member of a oneof that is a `Progress`, or a `MattePart` with the pieces after it. All else is kept,
    in its order. Mattes that are what was asked for (`SetPrompt`, `ReadMattes`) stand in no oneof and are kept too.
    """
    waiting = _Waiting()

    async def read() -> None:
        try:
            async for answer in answers:
                await waiting.put(answer)
        except Exception as error:  # noqa: BLE001 - handed to who takes the answers
            await waiting.end(error)
        else:
            await waiting.end(None)

    reading = asyncio.create_task(read())
    try:
        while messages := await waiting.take():
            for message in messages:
                yield message
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
