"""The worker process: takes orders from its standard input and answers on its standard output.

Orders run side by side in steps (one frame, one click): after each step the most urgent order goes on, so that a
click waits for the frame in flight and for nothing else. An order that has sent as many events as the daemon asked
for rests until the daemon asks for more. The process ends when the daemon is gone.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, BinaryIO

from roto_daemon.config import load
from roto_daemon.errors import FrameDamagedError, FrameMissingError, RotoError
from roto_daemon.workers import pipe
from roto_daemon.workers.memory import reuse_memory
from roto_daemon.workers.worker import Worker

_log = logging.getLogger("roto_daemon.worker")


@dataclass
class _Run:
    """An order under way."""

    order_id: int
    priority: int
    steps: Generator[pipe.Message, None, pipe.Message]
    credit: int


class _Loop:
    """Takes orders in and steps the most urgent one."""

    def __init__(self, worker: Worker, inbox: queue.SimpleQueue[pipe.Message], outbox: BinaryIO) -> None:
        self._worker = worker
        self._inbox = inbox
        self._outbox = outbox
        self._runs: dict[int, _Run] = {}

    def greet(self) -> None:
        """Say that orders can be taken."""
        self._send({"ready": os.getpid()})

    def turn(self) -> None:
        """Take in what has come, then do one step; waits when there is nothing to do."""
        ready = [run for run in self._runs.values() if run.credit > 0]
        while not ready or not self._inbox.empty():
            self._take_in(self._inbox.get())
            ready = [run for run in self._runs.values() if run.credit > 0]
        self._step(min(ready, key=lambda run: (run.priority, run.order_id)))

    def _take_in(self, message: pipe.Message) -> None:
        order_id = message["id"]
        if "op" in message:
            steps = self._worker.run(message["op"], message["args"])
            self._runs[order_id] = _Run(order_id, message["priority"], steps, message["credit"])
        elif order_id not in self._runs:
            return
        elif "credit" in message:
            self._runs[order_id].credit += message["credit"]
        else:
            self._runs.pop(order_id).steps.close()
            self._send({"id": order_id, "done": {}})

    def _step(self, run: _Run) -> None:
        try:
            event = next(run.steps)
        except StopIteration as finished:
            answer: pipe.Message = {"done": finished.value or {}}
        except RotoError as error:
            answer = {"error": _pack_error(error)}
        except Exception as error:  # noqa: BLE001 - a border: a defect costs this order, not the others
            _log.exception("an order failed")
            text = f"The worker failed inside ({type(error).__name__}: {error}); the daemon's log has the details."
            answer = {"error": {"kind": "WorkerError", "message": text}}
        else:
            run.credit -= 1
            self._send({"id": run.order_id, "event": event})
            return
        del self._runs[run.order_id]
        self._send({"id": run.order_id, **answer})

    def _send(self, message: pipe.Message) -> None:
        self._outbox.write(pipe.pack(message))
        self._outbox.flush()


def _pack_error(error: RotoError) -> dict[str, Any]:
    frame = error.frame if isinstance(error, (FrameMissingError, FrameDamagedError)) else None
    return {"kind": type(error).__name__, "message": str(error), "frame": frame}


def _listen(stream: BinaryIO, inbox: queue.SimpleQueue[pipe.Message]) -> None:
    while (message := pipe.read(stream)) is not None:
        inbox.put(message)
    os._exit(0)  # the daemon is gone: whatever step is under way has nobody to answer to


def main() -> None:
    """Run until the daemon closes the pipe. The one argument holds the daemon's settings as JSON."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    reuse_memory()
    os.environ["HF_HUB_OFFLINE"] = "1"  # networks come from the models folder: nothing is fetched behind one's back
    outbox = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not write into the answers
    inbox: queue.SimpleQueue[pipe.Message] = queue.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(sys.stdin.buffer, inbox), daemon=True)
    listener.start()
    loop = _Loop(Worker(load(None, {}, json.loads(sys.argv[1])).config), inbox, outbox)
    loop.greet()
    while True:
        loop.turn()


if __name__ == "__main__":
    main()
