"""Calls that outlive the daemon: what a lost connection cut short goes on once the daemon answers again.

The daemon keeps its sessions, so the same ids hold after its restart. Only calls that do no harm when they are made
twice belong here.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Generator
from typing import Callable, Optional, TypeVar, final

from roto_client.errors import BusyError, DaemonUnreachableError
from roto_client.results import Direction, FrameUnreadable, Matte, Progress, TrackEvent
from roto_client.transport import Transport
from roto_shapes.shot import FrameRange

PATIENCE_S = 10.0
"""How long a daemon may be away unless the caller says otherwise: a restart takes three seconds on a busy machine."""
_LOOK_S = 0.1

Result = TypeVar("Result")


@final
class Lasting:
    """A daemon that may be away for `patience_s`; 0 to fail at once."""

    def __init__(self, transport: Transport, patience_s: float) -> None:
        self.transport = transport
        self._patience_s = patience_s

    def ask(self, call: Callable[[], Result]) -> Result:
        """Return what a call returns; a call that the daemon's death cut short is made once more.

        Raises DaemonUnreachableError when the daemon does not come back in time.
        """
        try:
            return call()
        except DaemonUnreachableError as gone:
            return self._free(call, self.wait(gone))

    def wait(self, gone: DaemonUnreachableError) -> float:
        """Wait until the daemon answers, and return until when to be patient with it; raises what told of its end."""
        deadline = time.monotonic() + self._patience_s
        while not self._answers():
            if time.monotonic() >= deadline:
                raise gone
            time.sleep(_LOOK_S)
        return deadline

    def stream(self, start: Callable[[], Generator[Result, None, None]]) -> Generator[Result, None, None]:
        """Yield what a stream yields; broken off, it is started again where `start` says, once at each place."""
        items, moved = start(), True
        while True:
            try:
                with contextlib.closing(items):
                    for item in items:
                        moved = True
                        yield item
            except DaemonUnreachableError as gone:  # noqa: PERF203 - once a restart of the daemon
                if not moved:  # where the daemon dies each time is not for us to cure
                    raise
                items, moved = self._begun(start, self.wait(gone)), False
            else:
                return

    def track(
        self,
        frames: FrameRange,
        way: Direction,
        start: Callable[[FrameRange], Generator[TrackEvent, None, None]],
        *,
        mattes: bool,
    ) -> Generator[TrackEvent, None, None]:
        """Yield the events of a run through frames; after a restart it goes on at the first frame that is not done.

        Each frame is told once. With `mattes` a frame is done when its matte has come.
        """
        run = _Run(frames, way, mattes=mattes)

        def begin() -> Generator[TrackEvent, None, None]:
            left = run.rest()
            if left is not None:
                yield from start(left)

        with contextlib.closing(self.stream(begin)) as events:
            for event in events:
                fresh = run.take(event)
                if fresh is not None:
                    yield fresh

    def _begun(
        self, start: Callable[[], Generator[Result, None, None]], deadline: float
    ) -> Generator[Result, None, None]:
        """Start a stream anew; what was under way when the connection broke may take a moment to end."""

        def begin() -> tuple[list[Result], Generator[Result, None, None]]:
            items = start()
            return list(itertools.islice(items, 1)), items

        first, items = self._free(begin, deadline)
        with contextlib.closing(items):
            yield from first
            yield from items

    def _answers(self) -> bool:
        try:
            self.transport.greet()
        except DaemonUnreachableError:
            return False
        return True

    @staticmethod
    def _free(call: Callable[[], Result], deadline: float) -> Result:
        while True:
            try:
                return call()
            except BusyError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_LOOK_S)


class _Run:
    """How far a run through frames has come, over every time that it was begun."""

    def __init__(self, frames: FrameRange, way: Direction, *, mattes: bool) -> None:
        self.done = 0
        self._frames = frames
        self._way = way
        self._mattes = mattes
        self._before = 0
        self._told: Optional[int] = None
        self._last: Optional[int] = None

    def take(self, event: TrackEvent) -> Optional[TrackEvent]:
        """Return an event as the consumer sees it; None for what was told before."""
        if isinstance(event, Progress):
            return Progress(self._before + event.done, len(self._frames), event.stage)
        if isinstance(event, (Matte, FrameUnreadable)) or not self._mattes:
            self._last, self.done = event.frame, self.done + 1
        is_new = isinstance(event, Matte) or event.frame != self._told
        self._told = event.frame
        return event if is_new else None

    def rest(self) -> Optional[FrameRange]:
        """Return the frames that are still to do when the run begins again; None when there are none."""
        self._before = self.done
        first, last = self._frames.first, self._frames.last
        if self._last is None:
            return self._frames
        if self._way is Direction.FORWARD:
            first = self._last + 1
        else:
            last = self._last - 1
        return FrameRange(first, last) if first <= last else None
