"""Following an object through the plate: from where, and what comes of it on the way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Sequence
from enum import Enum

from roto_client.desk.board import Board
from roto_client.desk.shot import Shot
from roto_client.desk.views import Views
from roto_client.desk.worker import Running
from roto_client.results import Direction, FrameDone, FrameUnreadable, Matte, Progress, TrackEvent
from roto_shapes.shot import LOOK_FIRST_BELOW, FrameRange, spans

_HANDED_EVERY_S = 0.05
"""What was found is shown 20 times a second at most."""

Run = tuple[FrameRange, Direction]


class Way(Enum):
    """Which way to follow an object from the current frame."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


def runs_from(here: int, known: Collection[int], frames: FrameRange, way: Way) -> list[Run]:
    """Return what to follow: from a frame, or from the nearest one before it on the way where the object is known."""
    runs = []
    if way is not Way.BACKWARD:
        start = max((each for each in known if each <= here), default=min(known))
        runs.append((FrameRange(start, frames.last), Direction.FORWARD))
    if way is not Way.FORWARD:
        start = min((each for each in known if each >= here), default=max(known))
        runs.append((FrameRange(frames.first, start), Direction.BACKWARD))
    return runs


class Following:
    """One order to follow an object: takes what comes, and hands it to the main thread many frames at a time.

    Run again after the daemon was away it goes on where it was.
    """

    def __init__(self, board: Board, views: Views, key: int, runs: Sequence[Run]) -> None:
        self._board = board
        self._views = views
        self._key = key
        self._left = list(runs)
        self._total = sum(len(frames) for frames, _ in runs)
        self._confidence: dict[int, float] = {}
        self._unreadable: set[int] = set()
        self._mattes: list[Matte] = []
        self._low: set[int] = set()
        self._missed: set[int] = set()
        self._handed_s = time.monotonic()

    def run(self, shot: Shot, name: str, running: Running) -> None:
        """Follow the object through all runs; when it is stopped, frames done are kept."""
        try:
            while self._left:
                frames, direction = self._left[0]
                with contextlib.closing(shot.track(self._key, name, frames, direction, running)) as events:
                    for event in events:
                        self._take(event)
                        done = self._total - sum(len(frames) for frames, _ in self._left)
                        running.tell(done, self._total)
                self._left = [run for run in self._left if run[1] is not direction]
        finally:
            self._hand_over()
        self._sum_up()

    def _take(self, event: TrackEvent) -> None:
        if isinstance(event, Progress):
            return
        if isinstance(event, FrameDone):
            self._confidence[event.frame] = event.confidence
            if event.confidence < LOOK_FIRST_BELOW:
                self._low.add(event.frame)
        elif isinstance(event, FrameUnreadable):
            self._unreadable.add(event.frame)
            self._missed.add(event.frame)
        else:
            self._mattes.append(event)
        if not isinstance(event, FrameDone):
            self._pass(event.frame)
        if time.monotonic() - self._handed_s >= _HANDED_EVERY_S:
            self._hand_over()

    def _pass(self, frame: int) -> None:
        """Take note that a frame of the run under way is done, its matte with it."""
        frames, direction = self._left[0]
        first, last = (frame + 1, frames.last) if direction is Direction.FORWARD else (frames.first, frame - 1)
        if first <= last:
            self._left[0] = FrameRange(first, last), direction

    def _hand_over(self) -> None:
        confidence, unreadable, mattes = self._confidence, self._unreadable, self._mattes
        self._confidence, self._unreadable, self._mattes = {}, set(), []
        self._handed_s = time.monotonic()
        if confidence or unreadable or mattes:
            self._board.later(lambda: self._show(confidence, unreadable, mattes))

    def _show(self, confidence: dict[int, float], unreadable: set[int], mattes: list[Matte]) -> None:
        for matte in mattes:
            self._views.keep(self._key, matte)
        self._board.put_found(self._key, confidence, unreadable)
        thing = self._board.state.find(self._key)
        if not thing.stale:
            self._board.mark_stale(self._key)

    def _sum_up(self) -> None:
        said = ["Tracked."]
        if self._low:
            said.append(f"Look first at {spans(sorted(self._low))}: low confidence.")
        if self._missed:
            said.append(f"No picture on {spans(sorted(self._missed))}.")
        self._board.later(lambda: self._board.say(" ".join(said)))
