"""The daemon's side of a worker: starts it, asks it, watches it, and starts it again when it dies or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, field

from roto_daemon import errors
from roto_daemon.config import Config
from roto_daemon.errors import RotoError, StoppingError, WorkerError
from roto_daemon.workers import pipe

INTERACTIVE, BATCH = 0, 1
"""Priorities: an artist waits for the first, a progress bar shows the second."""

_WINDOW = 16
"""Events that a worker may send before the daemon has taken them: enough to hide the round trip."""
_GOODBYE_S = 10.0
"""How long a cancelled order may take to finish its step before its worker is thought to hang."""
_FASTEST_RESTART_S, _SLOWEST_RESTART_S = 0.05, 5.0
"""Restart delays: at once for a single crash, calmly for a worker that crashes as it starts."""
_STEADY_S = 10.0
"""A worker that lived so long starts again at once."""
_START_S = 60.0
"""How long a worker may take to load its libraries; on a busy machine that is seconds."""
_LEAVE_S = 2.0
"""How long a worker may take to go once its pipe is closed; it needs milliseconds unless it hangs."""
_MOST_FAILED_STARTS = 3
"""After so many in a row callers are told at once, while the daemon goes on trying."""

_log = logging.getLogger("roto_daemon.workers")


@dataclass(eq=False)
class _Call:
    """An order that was sent and not yet answered."""

    answers: asyncio.Queue[pipe.Message | RotoError] = field(default_factory=asyncio.Queue)
    unread: int = 0
    """Events sent by the worker and not yet taken by the caller: at the window, the worker rests."""
    finished: asyncio.Event = field(default_factory=asyncio.Event)


class WorkerProcess:
    """One worker process, kept alive. Use it from one event loop."""

    def __init__(self, name: str, config: Config) -> None:
        self._name = name
        self._step_deadline_s = config.step_deadline_s
        self._command = [sys.executable, "-m", "roto_daemon.workers.child", json.dumps(asdict(config))]
        self._ids = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        """Set while the worker is up, and while it is given up."""
        self._failed_starts = 0
        self._heard = 0.0

    @property
    def pid(self) -> int | None:
        """Return the process's id, None while it is down."""
        return self._process.pid if self._process and self._is_up else None

    @property
    def _is_up(self) -> bool:
        return self._settled.is_set() and not self._failed_starts

    async def ask(self, op: str, args: pipe.Message, priority: int = INTERACTIVE) -> pipe.Message:
        """Give an order that answers once, and return the answer."""
        answer: pipe.Message = {}
        async with contextlib.aclosing(self.stream(op, args, priority)) as events:
            async for event in events:
                answer = event
        return answer

    async def stream(
        self, op: str, args: pipe.Message, priority: int = INTERACTIVE
    ) -> AsyncGenerator[pipe.Message, None]:
        """Give an order; yield its events and last its result. Closing the generator cancels the order.

        Raises the worker's RotoError, or WorkerError when the worker died or hung.
        """
        await self._started()
        order_id, call = next(self._ids), _Call()
        self._calls[order_id] = call
        self._heard = time.monotonic()
        try:
            await self._send({"id": order_id, "op": op, "args": args, "priority": priority, "credit": _WINDOW})
            while True:
                answer = await call.answers.get()
                if isinstance(answer, RotoError):
                    raise answer
                if "done" in answer:
                    yield answer["done"]
                    return
                yield answer["event"]
                call.unread -= 1
                self._heard = time.monotonic()
                await self._send({"id": order_id, "credit": 1})
        finally:
            await self._let_go(order_id, call)

    async def close(self) -> None:
        """Stop the process for good."""
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def _started(self) -> None:
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        while not self._is_up:  # it may go down again before this task gets its turn
            await self._settled.wait()
            if self._failed_starts >= _MOST_FAILED_STARTS:
                raise WorkerError("The worker process does not start; the daemon's log says why.")

    async def _let_go(self, order_id: int, call: _Call) -> None:
        """Make sure that the worker has stopped working on an order before its session may be used again."""
        if not call.finished.is_set():
            await self._send({"id": order_id, "cancel": True})
            try:
                await asyncio.wait_for(call.finished.wait(), _GOODBYE_S)
            except TimeoutError:
                self._kill("did not stop a cancelled order")
        self._calls.pop(order_id, None)

    async def _send(self, message: pipe.Message) -> None:
        stdin = self._process.stdin if self._process else None
        if stdin is None:
            return
        with contextlib.suppress(ConnectionError):  # the keeper sees the end of the process and tells every call
            stdin.write(pipe.pack(message))
            await stdin.drain()

    async def _keep(self) -> None:
        delay_s = _FASTEST_RESTART_S
        try:
            while True:
                began = time.monotonic()
                await self._live()
                if self._failed_starts >= _MOST_FAILED_STARTS:
                    self._settled.set()
                if time.monotonic() - began > _STEADY_S:
                    delay_s = _FASTEST_RESTART_S
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _SLOWEST_RESTART_S)
        finally:
            await self._end()

    async def _live(self) -> None:
        """Start the process and hand out its answers until it ends; then fail what is unanswered."""
        self._settled.clear()
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=_environment()
        )
        self._process = process
        self._failed_starts += 1
        watchdog = asyncio.create_task(self._watch())
        try:
            while process.stdout and (message := await pipe.read_async(process.stdout)) is not None:
                self._take(message)
        finally:
            watchdog.cancel()
            self._settled.clear()
        status = await process.wait()
        _log.warning("worker '%s' (process %d) ended with status %d", self._name, process.pid, status)
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._fail_all(
            WorkerError(
                f"The worker process {how} during this call. It is being restarted and what was finished before is "
                "kept: ask again."
            )
        )

    async def _watch(self) -> None:
        """Kill the worker when it has work and has said nothing for the deadline."""
        try:
            async with asyncio.timeout(_START_S):
                await self._settled.wait()
        except TimeoutError:
            self._kill(f"did not load within {_START_S:g} s")
        self._heard = time.monotonic()
        while True:
            await asyncio.sleep(min(1.0, self._step_deadline_s / 4))
            owed = any(call.unread < _WINDOW for call in self._calls.values())
            if not owed:
                self._heard = time.monotonic()
            elif time.monotonic() - self._heard > self._step_deadline_s:
                self._kill(f"said nothing for {self._step_deadline_s:g} s")

    def _take(self, message: pipe.Message) -> None:
        self._heard = time.monotonic()
        if "ready" in message:
            self._failed_starts = 0
            self._settled.set()
            _log.info("worker '%s' runs as process %d", self._name, message["ready"])
            return
        call = self._calls.get(message["id"])
        if call is None:
            return
        if "error" in message:
            call.answers.put_nowait(_unpack_error(message["error"]))
        else:
            call.answers.put_nowait(message)
        if "event" in message:
            call.unread += 1
        else:
            call.finished.set()

    def _fail_all(self, error: RotoError) -> None:
        for call in self._calls.values():
            if not call.finished.is_set():
                call.answers.put_nowait(error)
                call.finished.set()

    def _kill(self, why: str) -> None:
        _log.error("worker '%s' %s and is killed", self._name, why)
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _end(self) -> None:
        self._settled.clear()
        process = self._process
        if process and process.returncode is None:
            if process.stdin:
                process.stdin.close()  # the worker leaves at once when its pipe closes
            try:
                async with asyncio.timeout(_LEAVE_S):
                    await process.wait()
            except TimeoutError:
                self._kill(f"did not leave within {_LEAVE_S:g} s")
                await process.wait()
        self._fail_all(StoppingError("The daemon is stopping: start it again, then ask again."))


def _environment() -> dict[str, str]:
    """Return the worker's environment: OpenBLAS with one thread, unless the operator says otherwise.

    Its threads spin while they wait; with another busy process that makes a small solve hundreds of times slower.
    """
    return {"OPENBLAS_NUM_THREADS": "1", **os.environ}


def _unpack_error(packed: pipe.Message) -> RotoError:
    kind = getattr(errors, packed["kind"], WorkerError)
    if packed.get("frame") is not None:
        error: RotoError = kind(packed["message"], packed["frame"])
    else:
        error = kind(packed["message"])
    return error
