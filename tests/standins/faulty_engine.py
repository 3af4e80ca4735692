"""An engine that fails on demand, for tests of what a worker's death or silence costs.

It follows as the disc engine does. A file named in `DISC_FAULT_FILE` says what happens next, once: `abort N` ends
the process as frame N is tracked, `hang N` sleeps there for ever, `slow S` takes S seconds for every frame (until
the file goes away), `hold N` waits there as long as the file says so, `defect N` raises what no engine should raise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from disc_engine import DiscEngine

from roto_daemon.engines import Direction, EngineInfo, EnginePrompt, EngineSession, FrameSource, TrackedFrame
from roto_shapes.shot import FrameRange


class FaultyEngine:
    """The disc engine with faults."""

    def __init__(self) -> None:
        self._sound = DiscEngine()

    @property
    def info(self) -> EngineInfo:
        return replace(self._sound.info, name="faulty", title="Follows a bright disc, and fails when told to")

    def open(self, source: FrameSource) -> EngineSession:
        return _FaultySession(self._sound.open(source))


class _FaultySession:
    def __init__(self, sound: EngineSession) -> None:
        self._sound = sound

    def set_prompt(self, object_id: int, frame: int, prompt: EnginePrompt) -> TrackedFrame:
        return self._sound.set_prompt(object_id, frame, prompt)

    def propagate(
        self, object_id: int, frames: FrameRange, direction: Direction
    ) -> Generator[TrackedFrame, None, None]:
        for tracked in self._sound.propagate(object_id, frames, direction):
            _fail_if_told(tracked.frame)
            yield tracked

    def recall(self, object_id: int, tracked: TrackedFrame) -> None:
        self._sound.recall(object_id, tracked)

    def remove_object(self, object_id: int) -> None:
        self._sound.remove_object(object_id)

    def close(self) -> None:
        self._sound.close()


def _fail_if_told(frame: int) -> None:
    file = Path(os.environ["DISC_FAULT_FILE"])
    if not file.exists():
        return
    what, number = file.read_text().split()
    if what == "slow":
        time.sleep(float(number))
    elif what == "hold":
        if frame == int(number):
            _wait_while(file, f"{what} {number}")
    elif frame == int(number):
        file.unlink()
        if what == "abort":
            os.abort()
        if what == "defect":
            message = "a defect, as a test asked for"
            raise ZeroDivisionError(message)
        time.sleep(3600)


def _wait_while(file: Path, told: str) -> None:
    while file.exists() and file.read_text() in {told, ""}:  # empty while a test writes it
        time.sleep(0.02)


class UnavailableEngine(FaultyEngine):
    """An engine that says that it cannot be used."""

    @property
    def info(self) -> EngineInfo:
        return replace(super().info, name="absent", unavailable="its weights are not here; fetch them first.")
