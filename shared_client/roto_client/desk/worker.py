"""The threads of a desk: one on which all work happens in order, one on which frames and mattes are fetched to look at.

The host's main thread never waits for either.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Callable, Optional

from roto_client.desk.shot import StoppedError
from roto_client.desk.state import Work
from roto_client.errors import BusyError, ClientError

_MOST_WAITING = 64
"""More orders than an artist gives while one is under way."""
_TOLD_EVERY_S = 0.04
"""Progress is told 25 times a second at most: more only keeps the main thread busy."""
_IDLE_S = 2.0
"""How often an idle worker looks after the daemon."""
_LEAVE_S = 0.5
"""How long closing waits for a thread; a call that hangs ends by its own deadline, in a daemon thread."""

_log = logging.getLogger("roto_client.desk")


@dataclass(eq=False)
class Order:
    """Something to do on the worker thread."""

    run: Callable[[Running], None]
    title: str = ""
    """What the artist sees while it runs; empty for what is over at once."""
    owner: int = 0
    """The key of the object that it works for."""
    instead_of: Optional[Hashable] = None
    """A waiting order with the same mark is replaced."""
    goes_on: bool = False
    """Whether it is carried out again when a lost daemon is back with all that it had."""
    refused: Callable[[], None] = lambda: None
    """Is called on the main thread when the daemon or the host says no."""
    stopped: threading.Event = field(default_factory=threading.Event)


class Running:
    """An order under way, as its work sees it."""

    def __init__(self, order: Order, show: Callable[[Optional[Work]], None]) -> None:
        self._order = order
        self._show = show
        self._told = 0.0

    def tell(self, done: int, total: int, title: str = "") -> None:
        """Show how far it is; raises StoppedError when the artist asked to stop."""
        if self._order.stopped.is_set():
            raise StoppedError
        now = time.monotonic()
        if self._order.title and (now - self._told >= _TOLD_EVERY_S or done == total):
            self._told = now
            self._show(Work(title or self._order.title, done, total))


class Worker:
    """Carries out orders one after the other on a thread of its own."""

    def __init__(
        self,
        show: Callable[[Optional[Work], int], None],
        failed: Callable[[Exception, Optional[Order]], None],
        look_after: Callable[[], None],
    ) -> None:
        self._show = show
        self._failed = failed
        self._look_after = look_after
        self._waiting: deque[Order] = deque()
        self._now: Optional[Order] = None
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._live, name="rotolink-desk", daemon=True)
        self._thread.start()

    def put(self, order: Order, *, first: bool = False) -> None:
        """Take an order; one that waits with the same mark makes room for it. Raises BusyError when too many wait."""
        with self._changed:
            if order.instead_of is not None:
                self._waiting = deque(each for each in self._waiting if each.instead_of != order.instead_of)
            if len(self._waiting) >= _MOST_WAITING:
                raise BusyError("Rotolink is still busy with what it was asked before: wait for it, or press stop.")
            if first:
                self._waiting.appendleft(order)
            else:
                self._waiting.append(order)
            self._changed.notify()

    def stop(self, owner: Optional[int] = None) -> bool:
        """Ask what is under way to stop, where it is for this object; say whether there was something."""
        with self._changed:
            now = self._now
            if now is None or not now.title or owner not in {None, now.owner}:
                return False
            now.stopped.set()
            return True

    def drop(self) -> None:
        """Forget the orders that wait, and stop the one under way."""
        with self._changed:
            self._waiting.clear()
        self.stop()

    def is_busy_with(self, owner: int) -> bool:
        """Say whether something with a title runs or waits for an object."""
        with self._changed:
            orders = [*self._waiting, *([self._now] if self._now else [])]
            return any(each.owner == owner and each.title for each in orders)

    @property
    def is_idle(self) -> bool:
        """Say whether nothing runs or waits."""
        with self._changed:
            return self._now is None and not self._waiting

    def close(self) -> None:
        """Take no more orders; what runs is asked to stop, and is not waited for long."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            if self._now is not None:
                self._now.stopped.set()
            self._changed.notify()
        self._thread.join(_LEAVE_S)

    def _live(self) -> None:
        while True:
            order = self._next()
            if self._closed:
                return
            if order is None:
                self._guarded(self._look_after)
            else:
                self._carry_out(order)

    def _next(self) -> Optional[Order]:
        """Wait for an order; None when nothing came for a while."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(_IDLE_S)
            self._now = self._waiting.popleft() if self._waiting else None
            return self._now

    def _carry_out(self, order: Order) -> None:
        if order.title:
            self._tell(Work(order.title))
        try:
            self._guarded(lambda: order.run(Running(order, self._tell)), order)
        finally:
            with self._changed:
                self._now = None
            self._tell(None)

    def _tell(self, work: Optional[Work]) -> None:
        self._show(work, len(self._waiting))

    def _guarded(self, work: Callable[[], None], order: Optional[Order] = None) -> None:
        try:
            work()
        except StoppedError:
            return
        except ClientError as error:
            self._failed(error, order)
        except Exception as error:  # noqa: BLE001 - a border: a defect costs this order, not the host
            _log.exception("an order of the desk failed")
            self._failed(error, order)


class Looker:
    """Fetches what is looked at on a thread of its own: what was asked for last comes first; `pulse` while idle."""

    def __init__(self, fetch: Callable[[Hashable], None], pulse: Callable[[], None]) -> None:
        self._fetch = fetch
        self._pulse = pulse
        self._wanted: list[Hashable] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._live, name="rotolink-look", daemon=True)
        self._thread.start()

    def want(self, *things: Hashable) -> None:
        """Ask for things in place of those that were not fetched yet, the most wanted first."""
        with self._changed:
            self._wanted = list(things)
            self._changed.notify()

    def close(self) -> None:
        """Fetch nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_LEAVE_S)

    def _live(self) -> None:
        while True:
            with self._changed:
                if not self._wanted and not self._closed:
                    self._changed.wait(_IDLE_S)
                if self._closed:
                    return
                thing = self._wanted.pop(0) if self._wanted else None
            try:
                if thing is None:
                    self._pulse()
                else:
                    self._fetch(thing)
            except ClientError:
                continue  # a picture that cannot be had is not shown; work that fails for the same reason says it
            except Exception:  # noqa: BLE001 - a border, as above
                _log.exception("what is looked at could not be fetched")
