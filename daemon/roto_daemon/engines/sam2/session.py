"""A session of SAM 2: prompts in, mattes out, on one frame and through a range."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines import Direction, EnginePrompt, FrameSource, Matte, TrackedFrame
from roto_daemon.engines.confidence import Watch
from roto_daemon.engines.prompts import check_points, checked_mask, clipped_box, is_empty, require_frame
from roto_daemon.engines.sam2.clip import Clip
from roto_daemon.engines.sam2.follower import Follower, Guess
from roto_daemon.engines.sam2.mattes import HALF, Click, Picked, Steps, corrected, matte_of, steps_in, steps_of
from roto_daemon.engines.sam2.predictor import Predictor
from roto_daemon.engines.track import Known, Packed, Track
from roto_daemon.errors import PromptError
from roto_shapes.shot import FrameRange

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in plate pixels."""

# What the network calls a box's two corners among points.
_CORNERS = (2, 3)
_EDGE = 0.5
# Below this IoU of what was followed and what the artist says, the memories up to there are of something else: the
# network would weigh them against the artist's word. Half, so that a trimmed or a completed object keeps its memories.
_OUTDATED = 0.5
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
    box: Box | None
    stated: Packed | None


@dataclass(frozen=True)
class _Draft:
    """The object on a prompted frame so far: in the network's terms, and as it is shown."""

    guess: Guess
    steps: Steps

    @property
    def picked(self) -> Picked:
        """Return both as arrays."""
        return Picked(self.steps, self.guess.array())

    def amended(self, picked: Picked) -> _Draft:
        """Return the draft as a correction left it."""
        return _Draft(self.guess.amended(picked.logits), picked.steps)


@dataclass
class _Object:
    follower: Follower
    track: Track[_Answer] = field(default_factory=Track)
    watch: Watch = field(default_factory=Watch)


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
            return thing.track.shown(frame, self._source.size)
        going_on = before if before and _extends(prompt, before) else None
        answer, steps = self._answer(thing, frame, prompt, going_on)
        if before and not going_on:
            thing.follower.release(frame)
        if _contradicts(answer.known, thing.track.tracked.get(frame)):
            thing.follower.forget()
        thing.follower.anchor(frame, answer.guess)
        thing.track.prompted[frame] = answer
        thing.track.changed(frame)
        self._objects[object_id] = thing
        return TrackedFrame(frame, matte_of(steps), answer.known.confidence)

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

    def _answer(
        self, thing: _Object, frame: int, prompt: EnginePrompt, going_on: _Answer | None
    ) -> tuple[_Answer, Steps]:
        """Return what a prompt selects, and its coverage; raises PromptError when that is nothing."""
        check_points(prompt, self._source.size, max(1.0, max(self._source.size) / self._clip.predictor.image_size))
        self._source.picture(frame)  # one that cannot be read is an error, though the answer may not need it
        given = _clicks(prompt)
        if going_on:
            draft = _Draft(going_on.guess, going_on.known.soft.unpack_steps())
            done, rest = list(going_on.clicks), given[len(going_on.given) :]
        else:
            draft, done = self._begun(thing, frame, prompt, given)
            rest = tuple(each for each in given if each not in done)
        for click in rest:
            done.append(click)
            if click.is_on(draft.steps) != click.foreground:
                draft = self._corrected(thing.follower, frame, prompt.box, draft, done)
        if not (draft.steps >= HALF).any():
            raise PromptError(f"nothing is found of the object on frame {frame}: click its middle, or draw a box")
        guess = draft.guess
        confidence = 1.0 if prompt.mask is not None else guess.confidence
        if not confidence:
            guess = self._stated(thing.follower, frame, draft.steps).guess
        known = Known(Packed.of_steps(draft.steps), confidence or _DOUBT)
        stated = None if prompt.mask is None else Packed.of(prompt.mask)
        return _Answer(known, guess, tuple(done), given, prompt.box, stated), draft.steps

    def _begun(
        self, thing: _Object, frame: int, prompt: EnginePrompt, given: tuple[Click, ...]
    ) -> tuple[_Draft, list[Click]]:
        """Return the object as a mask, a box, what was tracked or a first click has it, and the clicks that counted."""
        follower, size = thing.follower, self._source.size
        if prompt.mask is not None:
            mask = checked_mask(prompt.mask, size, partial(self._seen, follower))
            return self._stated(follower, frame, steps_in(mask)), []
        box = clipped_box(prompt.box, size) if prompt.box else None
        if box:
            return self._guessed(follower, frame, box, [], None), []
        tracked = thing.track.tracked.get(frame)
        if tracked:
            steps = tracked.soft.unpack_steps()
            kept = follower.remembered(frame, tracked.confidence)
            return _Draft(kept, steps) if kept else self._stated(follower, frame, steps), []
        first = next((each for each in given if each.foreground), None)
        if first is None:
            raise PromptError("only points off the object are given: click on the object first")
        draft = self._guessed(follower, frame, None, [first], None)
        if draft.steps.any() and not first.is_on(draft.steps):
            draft = draft.amended(corrected(draft.picked, draft.picked, first, []))
        return draft, [first]

    def _corrected(
        self, follower: Follower, frame: int, box: Box | None, before: _Draft, clicks: list[Click]
    ) -> _Draft:
        """Return the object after the last of the clicks."""
        new = self._guessed(follower, frame, box, clicks, before.guess)
        others = [each for each in clicks if each.foreground != clicks[-1].foreground]
        return new.amended(corrected(before.picked, new.picked, clicks[-1], others))

    def _guessed(
        self, follower: Follower, frame: int, box: Box | None, clicks: list[Click], before: Guess | None
    ) -> _Draft:
        """Return what the network makes of a box and clicks."""
        points, labels = _as_points(box, clicks)
        previous = before.logits if before else None
        guess = self._clip.run(partial(follower.point, frame, points, labels, previous))
        return _Draft(guess, self._clip.run(partial(steps_of, guess.logits, self._source.size)))

    def _stated(self, follower: Follower, frame: int, steps: Steps) -> _Draft:
        return _Draft(self._clip.run(partial(follower.mask, frame, steps >= HALF)), steps)

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
                if frame != start and _contradicts(track.prompted[frame].known, track.known(frame - step)):
                    follower.forget()
                follower.passed(frame, backwards=backwards)
                tracked = track.shown(frame, self._source.size)
                thing.watch = Watch(tracked.matte >= _EDGE)
            elif frame == start:
                self._go_on(thing, frame)
                tracked = track.shown(frame, self._source.size)
                thing.watch = Watch(tracked.matte >= _EDGE)
            else:
                tracked = self._followed(thing, frame, backwards=backwards)
            if (frame - first) * step >= 0:
                yield tracked

    def _followed(self, thing: _Object, frame: int, *, backwards: bool) -> TrackedFrame:
        """Return the object on the next frame, and keep it."""
        guess = self._clip.run(partial(thing.follower.follow, frame, backwards=backwards))
        steps = self._clip.run(partial(steps_of, guess.logits, self._source.size))
        known = Known(Packed.of_steps(steps), thing.watch.judge(steps >= HALF, score=guess.confidence))
        thing.track.keep(frame, known)
        return TrackedFrame(frame, matte_of(steps), known.confidence)

    def _go_on(self, thing: _Object, frame: int) -> None:
        """Make ready to go on from a frame that was followed or recalled; one without the object has no part in it."""
        inside = thing.track.tracked[frame].soft.unpack_steps() >= HALF
        if inside.any():
            self._clip.run(partial(thing.follower.begin, frame, inside))


def _contradicts(stated: Known, followed: Known | None) -> bool:
    """Say whether an artist's word is of something else than what was followed up to it."""
    if followed is None:
        return False
    one, two = (each.soft.unpack_steps() >= HALF for each in (stated, followed))
    return bool(np.count_nonzero(one & two) < _OUTDATED * np.count_nonzero(one | two))


def _clicks(prompt: EnginePrompt) -> tuple[Click, ...]:
    places = zip(prompt.points, prompt.foreground, strict=True)
    return tuple(Click(float(x), float(y), bool(inside)) for (x, y), inside in places)


def _as_points(box: Box | None, clicks: list[Click]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return points (n, 2) and their labels; a box's corners come first."""
    corners = [] if box is None else [(box[0], box[1]), (box[2], box[3])]
    points = np.array([*corners, *((each.x, each.y) for each in clicks)], np.float64).reshape(-1, 2)
    return points, np.array([*_CORNERS[: len(corners)], *(int(each.foreground) for each in clicks)], np.int32)


def _extends(prompt: EnginePrompt, before: _Answer) -> bool:
    """Say whether a prompt only adds clicks to the one before it."""
    stated = None if prompt.mask is None else Packed.of(prompt.mask)
    same = _clicks(prompt)[: len(before.given)] == before.given
    return same and prompt.box == before.box and stated == before.stated
