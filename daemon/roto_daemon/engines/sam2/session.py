"""A session of SAM 2: prompts in, mattes out, on one frame and through a range."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines import Direction, EnginePrompt, FrameSource, Matte, TrackedFrame
from roto_daemon.engines.prompts import check_points, checked_mask, clipped_box, is_empty, require_frame
from roto_daemon.engines.sam2.clip import Clip
from roto_daemon.engines.sam2.follower import Follower, Guess
from roto_daemon.engines.sam2.mattes import Click, Picked, Steps, corrected, steps_in, steps_of
from roto_daemon.engines.sam2.predictor import Predictor
from roto_daemon.engines.track import Known, Packed, Track
from roto_daemon.errors import PromptError
from roto_shapes.shot import FrameRange

# What the network calls a box's two corners among points.
_CORNERS = (2, 3)
_EDGE = 0.5
_EDGE_STEPS = 128
# The confidence where an artist points at something that the network thinks is not there.
_DOUBT = 0.05


@dataclass(frozen=True)
class _Answer:
    """What came of a prompt, and what is needed to go on when more is pointed at."""

    known: Known
    guess: Guess
    clicks: tuple[Click, ...]
    """In the order in which they counted."""
    given: tuple[Click, ...]
    """In the order of the prompt."""
    box: tuple[float, float, float, float] | None
    stated: Packed | None


@dataclass
class _Object:
    follower: Follower
    track: Track[_Answer] = field(default_factory=Track)


class Sam2Session:
    """The objects of one artist on one plate.

    Holds some kilobytes for each frame that was followed, and memories near the playhead and the prompted frames.
    """

    def __init__(self, source: FrameSource, predictor: Predictor) -> None:
        self._source = source
        self._clip = Clip(source, predictor)
        self._objects: dict[int, _Object] = {}

    def set_prompt(self, object_id: int, frame: int, prompt: EnginePrompt) -> TrackedFrame:
        """Replace all that is pointed at for an object on a frame, and return the object there.

        Clicks count in their order; each one after the first is asked of the network with all before it and with
        the object as it is, and changes the part that it touches. A mask is taken as it is, a box beside it is
        ignored. Without either the clicks correct what was tracked there, or else the first click on the object
        finds it. Clicks added to those given before cost as many guesses as there are new ones.
        """
        require_frame(frame, self._source.frames)
        thing = self._objects.get(object_id) or _Object(Follower(self._clip))
        before = thing.track.prompted.get(frame)
        if is_empty(prompt):
            if before:
                del thing.track.prompted[frame]
                thing.track.changed(frame)
                thing.follower.release(frame)
            return self._shown(thing.track, frame)
        going_on = before if before and _extends(prompt, before) else None
        answer = self._answer(thing, frame, prompt, going_on)
        if before and not going_on:
            thing.follower.release(frame)
        thing.follower.anchor(frame, answer.guess)
        thing.track.prompted[frame] = answer
        thing.track.changed(frame)
        self._objects[object_id] = thing
        return self._shown(thing.track, frame)

    def propagate(
        self, object_id: int, frames: FrameRange, direction: Direction
    ) -> Generator[TrackedFrame, None, None]:
        """Follow an object through a range, one frame at a time; closing the iterator cancels cleanly."""
        require_frame(frames.first, self._source.frames)
        require_frame(frames.last, self._source.frames)
        thing = self._objects.get(object_id) or _Object(Follower(self._clip))
        return self._run(thing, thing.track.start(frames, direction), frames, direction)

    def recall(self, object_id: int, tracked: TrackedFrame) -> None:
        """Restore a frame tracked earlier; a prompt on that frame goes before it."""
        require_frame(tracked.frame, self._source.frames)
        thing = self._objects.setdefault(object_id, _Object(Follower(self._clip)))
        thing.track.keep(tracked.frame, Known(Packed.of(tracked.matte), tracked.confidence))

    def remove_object(self, object_id: int) -> None:
        """Forget an object; unknown ids are ignored."""
        self._objects.pop(object_id, None)

    def close(self) -> None:
        """Free what the session holds."""
        self._objects.clear()
        self._clip.clear()

    def _shown(self, track: Track[_Answer], frame: int) -> TrackedFrame:
        """Return a frame as it is known; empty where nothing is."""
        known = track.known(frame)
        if known is None:
            return TrackedFrame(frame, np.zeros(self._source.size[::-1], np.float32), 0.0)
        return TrackedFrame(frame, known.soft.unpack(), known.confidence)

    def _answer(self, thing: _Object, frame: int, prompt: EnginePrompt, going_on: _Answer | None) -> _Answer:
        """Return what a prompt selects; raises PromptError when that is nothing."""
        check_points(prompt, self._source.size, max(1.0, max(self._source.size) / self._clip.predictor.image_size))
        given = _clicks(prompt)
        if going_on:
            steps = going_on.known.soft.unpack_steps()
            guess, done, rest = going_on.guess, list(going_on.clicks), given[len(going_on.given) :]
        else:
            guess, steps, done = self._begun(thing, frame, prompt, given)
            rest = tuple(each for each in given if each not in done)
        for click in rest:
            done.append(click)
            if Picked(steps, guess.array()).holds(click) != click.foreground:
                guess, steps = self._corrected(thing.follower, frame, prompt.box, (guess, steps), done)
        if not (steps >= _EDGE_STEPS).any():
            raise PromptError(f"nothing is found of the object on frame {frame}: click its middle, or draw a box")
        confidence = 1.0 if prompt.mask is not None else guess.confidence
        if not confidence:
            guess = self._stated(thing.follower, frame, steps)
        known = Known(Packed.of_steps(steps), confidence or _DOUBT)
        stated = None if prompt.mask is None else Packed.of(prompt.mask)
        return _Answer(known, guess, tuple(done), given, prompt.box, stated)

    def _begun(
        self, thing: _Object, frame: int, prompt: EnginePrompt, given: tuple[Click, ...]
    ) -> tuple[Guess, Steps, list[Click]]:
        """Return the object as a mask, a box, what was tracked or a first click has it, and the clicks that counted."""
        follower, size = thing.follower, self._source.size
        if prompt.mask is not None:
            steps = steps_in(checked_mask(prompt.mask, size, partial(self._seen, follower)))
            return self._stated(follower, frame, steps), steps, []
        done: list[Click] = []
        box = clipped_box(prompt.box, size) if prompt.box else None
        tracked = thing.track.tracked.get(frame)
        if box is None and tracked:
            steps = tracked.soft.unpack_steps()
            kept = follower.remembered(frame, tracked.confidence)
            return kept or self._stated(follower, frame, steps), steps, []
        if box is None:
            first = next((each for each in given if each.foreground), None)
            if first is None:
                raise PromptError("only points off the object are given: click on the object first")
            done = [first]
        guess = self._clip.run(partial(follower.point, frame, *_as_points(box, done), None))
        found = Picked(self._clip.run(partial(steps_of, guess.logits, size)), guess.array())
        if not done or not found.steps.any() or found.holds(done[0]):
            return guess, found.steps, done
        held = corrected(found, found, done[0], [])
        return guess.amended(held.logits), held.steps, done

    def _corrected(
        self,
        follower: Follower,
        frame: int,
        box: tuple[float, float, float, float] | None,
        before: tuple[Guess, Steps],
        clicks: list[Click],
    ) -> tuple[Guess, Steps]:
        """Return the object after the last of the clicks."""
        guess, steps = before
        new = self._clip.run(partial(follower.point, frame, *_as_points(box, clicks), guess.logits))
        new_steps = self._clip.run(partial(steps_of, new.logits, self._source.size))
        others = [each for each in clicks if each.foreground != clicks[-1].foreground]
        picked = corrected(Picked(steps, guess.array()), Picked(new_steps, new.array()), clicks[-1], others)
        return new.amended(picked.logits), picked.steps

    def _stated(self, follower: Follower, frame: int, steps: Steps) -> Guess:
        return self._clip.run(partial(follower.mask, frame, steps >= _EDGE_STEPS))

    def _seen(self, follower: Follower, mask: Matte) -> NDArray[np.float32]:
        seen = self._clip.run(partial(follower.seen, mask >= _EDGE))
        return np.asarray(seen.cpu().numpy(), np.float32)

    def _run(
        self, thing: _Object, start: int, frames: FrameRange, direction: Direction
    ) -> Generator[TrackedFrame, None, None]:
        """Yield the frames of a range, coming from `start`, in travelling order."""
        step, track, follower = direction.value, thing.track, thing.follower
        backwards = direction is Direction.BACKWARD
        first, last = (frames.first, frames.last)[::step]
        for frame in range(start, last + step, step):
            if frame in track.prompted:
                follower.passed(frame, backwards=backwards)
            elif frame == start:
                self._go_on(thing, frame)
            else:
                guess = self._clip.run(partial(follower.follow, frame, backwards=backwards))
                steps = self._clip.run(partial(steps_of, guess.logits, self._source.size))
                track.keep(frame, Known(Packed.of_steps(steps), guess.confidence if steps.any() else 0.0))
            if (frame - first) * step >= 0:
                yield self._shown(track, frame)

    def _go_on(self, thing: _Object, frame: int) -> None:
        """Make ready to go on from a frame that was followed or recalled; one without the object has no part in it."""
        inside = thing.track.tracked[frame].soft.unpack_steps() >= _EDGE_STEPS
        if inside.any():
            self._clip.run(partial(thing.follower.begin, frame, inside))


def _clicks(prompt: EnginePrompt) -> tuple[Click, ...]:
    places = zip(prompt.points, prompt.foreground, strict=True)
    return tuple(Click(float(x), float(y), bool(inside)) for (x, y), inside in places)


def _as_points(
    box: tuple[float, float, float, float] | None, clicks: list[Click]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return points (n, 2) and their labels; a box's corners come first."""
    corners = [] if box is None else [(box[0], box[1]), (box[2], box[3])]
    points = np.array([*corners, *((each.x, each.y) for each in clicks)], np.float64).reshape(-1, 2)
    return points, np.array([*_CORNERS[: len(corners)], *(int(each.foreground) for each in clicks)], np.int32)


def _extends(prompt: EnginePrompt, before: _Answer) -> bool:
    """Say whether a prompt only adds clicks to the one before it."""
    stated = None if prompt.mask is None else Packed.of(prompt.mask)
    same = _clicks(prompt)[: len(before.given)] == before.given
    return same and prompt.box == before.box and stated == before.stated
