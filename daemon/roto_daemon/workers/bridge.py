"""A plate with frames that cannot be read, as an engine's run sees it: whole.

In the place of such a frame the run sees the nearest one that can be read on the side from which it comes, so that it
carries the object across as it is. What it says of that frame is thrown away, and the plate's error told instead.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from roto_daemon.engines import Direction, FrameSource, Picture, TrackedFrame
from roto_daemon.errors import FrameDamagedError, FrameMissingError, Unreadable
from roto_shapes.shot import FrameRange


class BridgedPlate:
    """A `FrameSource` over another one. For one thread. Only inside `carried` does it show other frames' pictures."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._run: _Run | None = None

    @property
    def frames(self) -> FrameRange:
        """Return the frames that can be asked for."""
        return self._source.frames

    @property
    def size(self) -> tuple[int, int]:
        """Return the width and height in pixels of every frame."""
        return self._source.size

    def picture(self, frame: int) -> Picture:
        """Return a frame, or within a run the one that stands for it; raises PlateError."""
        if self._run is None:
            return self._source.picture(frame)
        found = self._read(frame, self._run)
        if found is not None:
            return found
        for other in self._others(frame, self._run.direction):
            found = self._read(other, self._run)
            if found is not None:
                return found
        raise self._run.unreadable[frame]

    def carried(
        self, run: Generator[TrackedFrame, None, None], direction: Direction
    ) -> Generator[TrackedFrame | Unreadable, None, None]:
        """Yield what a run on this plate yields, and the plate's error in the place of each frame without a picture.

        Between two frames the plate is as it is: what others ask of it then meets its errors.
        """
        state = _Run(direction)
        while True:
            self._run = state
            try:
                tracked = next(run, None)
            finally:
                self._run = None
            if tracked is None:
                return
            yield state.unreadable.get(tracked.frame, tracked)

    def _read(self, frame: int, run: _Run) -> Picture | None:
        """Return a frame; None, and the error kept, when it has no picture. It is tried once a run."""
        if frame in run.unreadable:
            return None
        try:
            return self._source.picture(frame)
        except (FrameMissingError, FrameDamagedError) as error:
            run.unreadable[frame] = error
            return None

    def _others(self, frame: int, direction: Direction) -> Iterator[int]:
        """Yield the other frames: back along the run's way, the nearest first, and then those ahead."""
        step, frames = direction.value, self.frames
        behind, ahead = (frames.first, frames.last)[::step]
        yield from range(frame - step, behind - step, -step)
        yield from range(frame + step, ahead + step, step)


class _Run:
    """Which frames a run found to have no picture."""

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.unreadable: dict[int, Unreadable] = {}
