"""Long functions of a worker in a thread of their own, so that progress can be told and a cancel heard meanwhile."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

from roto_daemon.errors import RotoError

Result = TypeVar("Result")

LONGEST_SILENCE_S = 900.0
"""One outline over a long shot, on a machine that has much else to do, is fitted in minutes."""

_BEAT_S = 1.0


class _Cancelled(BaseException):
    """Ends the thread that works for an order nobody wants any more."""


class Beside(Generic[Result]):
    """Runs a long function that tells its progress (0 to 1), so that an order can rest in the meantime."""

    def __init__(
        self, work: Callable[[Callable[[float], None]], Result], longest_silence_s: float = LONGEST_SILENCE_S
    ) -> None:
        """Take the function; it runs inside the context."""
        self._work = work
        self._longest_silence_s = longest_silence_s
        self._shares: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        self._cancelled = False
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._cancelled = True
        self._thread.join()

    def progress(self) -> Iterator[float]:
        """Yield what is done so far, the latest only, until the work ends.

        Work that is silent gets the same said again from time to time, so that it is not taken for dead; but not for
        ever, so that what hangs is.
        """
        done, silent_since = 0.0, time.monotonic()
        while True:
            try:
                share = self._shares.get(timeout=_BEAT_S)
                while share is not None and not self._shares.empty():
                    share = self._shares.get()
            except queue.Empty:
                if time.monotonic() - silent_since < self._longest_silence_s:
                    yield done
                continue
            if share is None:
                return
            done, silent_since = share, time.monotonic()
            yield done

    def result(self) -> Result:
        """Return what the work returned, or raise what it raised."""
        if self._results:
            return self._results[0]
        raise self._error or RotoError("The work was cancelled.")

    def _run(self) -> None:
        try:
            self._results.append(self._work(self._tell))
        except BaseException as error:  # noqa: BLE001 - a border: raised again in the order's own thread
            self._error = error
        finally:
            self._shares.put(None)

    def _tell(self, share: float) -> None:
        if self._cancelled:
            raise _Cancelled
        self._shares.put(share)
