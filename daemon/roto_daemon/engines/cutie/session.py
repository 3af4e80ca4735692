"""A session of Cutie: prompts are answered by the pointing engine, and carried through the shot by the network."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from roto_daemon.engines import Direction, EnginePrompt, EngineSession, FrameSource, TrackedFrame
from roto_daemon.engines.confidence import Watch
from roto_daemon.engines.cutie.network import Network, Run
from roto_daemon.engines.prompts import is_empty, require_frame
from roto_daemon.engines.track import Known, Packed, Track
from roto_shapes.shot import FrameRange

_EDGE = 0.5
# Prompted frames beside the one that a run starts from which the network is shown first: the nearest. Each stays in
# memory for good, so that their number bounds it.
_MOST_SHOWN = 7


@dataclass
class _Going:
    """A run that may go on: where it is, and how it judges what it finds."""

    run: Run
    direction: Direction
    frame: int
    watch: Watch


@dataclass(frozen=True)
class _Answer:
    """What the pointing engine made of a prompt."""

    known: Known


class CutieSession:
    """The objects of one artist on one plate; holds some kilobytes for each frame that was followed."""

    def __init__(self, source: FrameSource, network: Network, pointing: EngineSession) -> None:
        self._source = source
        self._network = network
        self._pointing = pointing
        self._tracks: dict[int, Track[_Answer]] = {}
        self._going: dict[int, _Going] = {}

    def set_prompt(self, object_id: int, frame: int, prompt: EnginePrompt) -> TrackedFrame:
        """Replace all that is pointed at for an object on a frame, and return the object there.

        The pointing engine answers, and starts from what was tracked on that frame.
        """
        require_frame(frame, self._source.frames)
        track = self._tracks.get(object_id) or Track()
        if is_empty(prompt):
            self._going.pop(object_id, None)
            if track.prompted.pop(frame, None):
                track.changed(frame)
            self._pointing.set_prompt(object_id, frame, prompt)
            return track.shown(frame, self._source.size)
        tracked = track.tracked.get(frame)
        if tracked:
            self._pointing.recall(object_id, TrackedFrame(frame, tracked.soft.unpack(), tracked.confidence))
        answer = self._pointing.set_prompt(object_id, frame, prompt)
        self._going.pop(object_id, None)
        track.prompted[frame] = _Answer(Known(Packed.of(answer.matte), answer.confidence))
        track.changed(frame)
        self._tracks[object_id] = track
        return track.shown(frame, self._source.size)

    def propagate(
        self, object_id: int, frames: FrameRange, direction: Direction
    ) -> Generator[TrackedFrame, None, None]:
        """Follow an object through a range, one frame at a time; closing the iterator cancels cleanly."""
        require_frame(frames.first, self._source.frames)
        require_frame(frames.last, self._source.frames)
        track = self._tracks.get(object_id) or Track()
        return self._run(object_id, track, (track.start(frames, direction), frames), direction)

    def recall(self, object_id: int, tracked: TrackedFrame) -> None:
        """Restore a frame tracked earlier; a prompt on that frame goes before it."""
        require_frame(tracked.frame, self._source.frames)
        self._going.pop(object_id, None)
        known = Known(Packed.of(tracked.matte), tracked.confidence)
        self._tracks.setdefault(object_id, Track()).keep(tracked.frame, known)

    def remove_object(self, object_id: int) -> None:
        """Forget an object; unknown ids are ignored."""
        self._tracks.pop(object_id, None)
        self._going.pop(object_id, None)
        self._pointing.remove_object(object_id)

    def close(self) -> None:
        """Free what the session holds."""
        self._tracks.clear()
        self._going.clear()
        self._pointing.close()

    def _run(
        self, object_id: int, track: Track[_Answer], over: tuple[int, FrameRange], direction: Direction
    ) -> Generator[TrackedFrame, None, None]:
        """Yield the frames of a range, coming from a start, in travelling order."""
        step, (start, frames) = direction.value, over
        first, last = (frames.first, frames.last)[::step]
        going = self._begun(object_id, track, start, direction)
        for frame in range(start, last + step, step):
            if frame != going.frame:
                self._go_on(going, track, frame)
            if (frame - first) * step >= 0:
                yield track.shown(frame, self._source.size)

    def _begun(self, object_id: int, track: Track[_Answer], start: int, direction: Direction) -> _Going:
        """Return the object's run that stands at a frame, or else a new one that has seen what is known there.

        A new one is first shown the prompted frames nearest by, for good.
        """
        going = self._going.get(object_id)
        if going and (going.frame, going.direction) == (start, direction):
            return going
        run = Run(self._network, self._source.size)
        for frame in _beside(track, start):
            run.state(self._source.picture(frame), track.prompted[frame].known.soft.unpack(), for_good=True)
        mask = track.shown(start, self._source.size).matte
        run.state(self._source.picture(start), mask, for_good=start in track.prompted)
        self._going[object_id] = _Going(run, direction, start, Watch(mask >= _EDGE))
        return self._going[object_id]

    def _go_on(self, going: _Going, track: Track[_Answer], frame: int) -> None:
        """Take a run to the next frame: one that is prompted is shown to the network, any other is asked of it."""
        picture = self._source.picture(frame)
        going.frame = frame
        if frame in track.prompted:
            mask = track.prompted[frame].known.soft.unpack()
            going.run.state(picture, mask, for_good=False)
            going.watch = Watch(mask >= _EDGE)
            return
        matte, sure = going.run.follow(picture)
        track.keep(frame, Known(Packed.of(matte), going.watch.judge(matte >= _EDGE, score=sure)))


def _beside(track: Track[_Answer], start: int) -> Iterator[int]:
    """Yield the prompted frames nearest to a run's start, the nearest last: it is freshest in memory then."""
    others = sorted((each for each in track.prompted if each != start), key=lambda each: abs(each - start))
    yield from reversed(others[:_MOST_SHOWN])
