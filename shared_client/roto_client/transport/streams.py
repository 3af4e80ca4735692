"""Streaming calls that cannot hang: a bound on silence, and a stream in both directions driven from one thread."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any, Callable, Optional, final

from roto_client.transport.channel import Call, CallError
from roto_proto.wire import Fields

_AHEAD = 4
"""Messages that wait for the network: enough to keep it busy, few enough to keep memory flat."""
_LOOK_S = 0.1
"""How often a blocked sender looks whether the call has ended."""


class SilentError(Exception):
    """The other end sent nothing for too long, and the call was cancelled."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"nothing came for {limit_s:g} s")
        self.limit_s = limit_s


@final
class Silence:
    """Cancels a call once the other end has been silent for `limit_s`.

    Time in which this end is busy (`held`) does not count. Safe to use from several threads.
    """

    def __init__(self, cancel: Callable[[], object], limit_s: float) -> None:
        self.limit_s = limit_s
        self.broken = False
        """Whether the call was cancelled for silence."""
        self._cancel = cancel
        self._changed = threading.Condition()
        self._holds = 0
        self._ended = False
        self._deadline = time.monotonic() + limit_s
        threading.Thread(target=self._watch, name="roto-silence", daemon=True).start()

    def heard(self) -> None:
        """Start to count again: something moved."""
        with self._changed:
            self._deadline = time.monotonic() + self.limit_s

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Do not count meanwhile."""
        with self._changed:
            self._holds += 1
        try:
            yield
        finally:
            with self._changed:
                self._holds -= 1
                self._deadline = time.monotonic() + self.limit_s

    def end(self) -> None:
        """Stop watching."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._ended:
                left_s = self.limit_s if self._holds else self._deadline - time.monotonic()
                if left_s <= 0:
                    self.broken = True
                    break
                self._changed.wait(left_s)
        if self.broken:
            self._cancel()


def receive(call: Call, limit_s: float) -> Iterator[Any]:
    """Yield the answers of a call; closing the iterator, or any error in its consumer, cancels the call.

    Raises SilentError when none comes for `limit_s`, and CallError as the call does.
    """
    silence = Silence(call.cancel, limit_s)
    try:
        for answer in call:
            with silence.held():
                yield answer
    except CallError:
        if silence.broken:
            raise SilentError(limit_s) from None
        raise
    finally:
        silence.end()
        call.cancel()


@final
class Duplex:
    """A stream in both directions for one thread that sends and takes answers.

    What produces the requests runs on the caller's thread, never on the network's: a host's frames may only be rendered
    there.
    """

    def __init__(self, method: Callable[[Iterator[Fields]], Call], limit_s: float) -> None:
        self._requests: queue.Queue[Optional[Fields]] = queue.Queue(_AHEAD)
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._over = threading.Event()
        self._call = method(self._outgoing())
        self.silence = Silence(self._call.cancel, limit_s)
        threading.Thread(target=self._receive, name="roto-answers", daemon=True).start()

    def send(self, request: Fields) -> bool:
        """Send the next message, waiting while the network is busy; False when the call is over."""
        return self._offer(request)

    def finish(self) -> None:
        """Say that no more will be sent; what was sent is still answered."""
        self._offer(None)

    def arrived(self) -> Iterator[Any]:
        """Yield the answers that are here, without waiting for more; raises as `wait`."""
        while not self._answers.empty():
            answer = self.wait()
            if answer is None:
                return
            yield answer

    def wait(self) -> Any:  # noqa: ANN401 - an answer of the method
        """Return the next answer, or None when the other end has finished.

        Raises SilentError when nothing moved for too long, and CallError as the call does.
        """
        answer = self._answers.get()
        if answer is None or isinstance(answer, Exception):
            self._answers.put(answer)  # whoever asks again meets the same end
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Cancel what is still under way and let the threads go."""
        self.silence.end()
        self._call.cancel()
        with contextlib.suppress(queue.Full):  # a full queue has nobody waiting at its other end
            self._requests.put_nowait(None)

    def _offer(self, request: Optional[Fields]) -> bool:
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                self._requests.put(request, timeout=_LOOK_S)
                return True
        return False

    def _outgoing(self) -> Iterator[Fields]:
        for request in iter(self._requests.get, None):
            self.silence.heard()
            yield request

    def _receive(self) -> None:
        end: Optional[Exception] = None
        try:
            for answer in self._call:
                self.silence.heard()
                self._answers.put(answer)
        except CallError as error:
            end = SilentError(self.silence.limit_s) if self.silence.broken else error
        self._answers.put(end)
        self._over.set()
