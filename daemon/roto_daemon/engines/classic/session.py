"""A session of the classic engine: prompts in, mattes out, on one frame and through a range."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from roto_daemon.engines import Direction, EnginePrompt, FrameSource, Picture, TrackedFrame
from roto_daemon.engines.classic.alpha import matte_of
from roto_daemon.engines.classic.click import Seed, corrected, object_at, object_in
from roto_daemon.engines.classic.cut import EDGE, signed_distance, soften
from roto_daemon.engines.classic.motion import Motion, Step
from roto_daemon.engines.classic.stated import Prompted, Stated
from roto_daemon.engines.classic.working import Field, Scale, View
from roto_daemon.engines.prompts import check_points, checked_mask, clipped_box, is_empty, require_frame
from roto_daemon.engines.track import Known, Packed, Track
from roto_daemon.errors import PromptError
from roto_shapes.shot import FrameRange

# A correction reaches back this many frames: over them the run blends into what the prompt ahead, followed
# the other way, says. Bounds how long a run pauses before such a stretch.
_BLEND_FRAMES = 12
# Pixels round a corrected part whose coverage is taken anew.
_SEAM_PX = 3


class ClassicSession:
    """The objects of one artist on one plate; holds a few kilobytes for each frame it has followed."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._scale = Scale(*source.size)
        self._tracks: dict[int, Track[Prompted]] = {}
        self._going: dict[int, _Going] = {}

    def set_prompt(self, object_id: int, frame: int, prompt: EnginePrompt) -> TrackedFrame:
        """Replace all that is pointed at for an object on a frame, and return the object there.

        Clicks count in their order. A mask is taken as it is, a box beside it is ignored; without either the
        clicks correct what was tracked there, or else the first click on the object finds it.
        """
        require_frame(frame, self._source.frames)
        track = self._tracks.get(object_id) or Track()
        if is_empty(prompt):
            self._going.pop(object_id, None)
            if track.prompted.pop(frame, None):
                track.changed(frame)
            return self._shown(track, frame)
        track.prompted[frame] = self._answer(track, frame, prompt)
        self._going.pop(object_id, None)
        track.changed(frame)
        self._tracks[object_id] = track
        return self._shown(track, frame)

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
        soft = Packed.of(self._scale.shrink(tracked.matte))
        self._tracks.setdefault(object_id, Track()).keep(tracked.frame, Known(soft, tracked.confidence))

    def remove_object(self, object_id: int) -> None:
        """Forget an object; unknown ids are ignored."""
        self._tracks.pop(object_id, None)
        self._going.pop(object_id, None)

    def close(self) -> None:
        """Free what the session holds."""
        self._tracks.clear()
        self._going.clear()

    def _view(self, frame: int) -> View:
        return self._scale.view(self._source.picture(frame))

    def _shown(self, track: Track[Prompted], frame: int, picture: Picture | None = None) -> TrackedFrame:
        """Return a frame as it is known; empty where nothing is. `picture` saves reading it again."""
        known = track.known(frame)
        if known is None:
            return TrackedFrame(frame, np.zeros((self._scale.height, self._scale.width), np.float32), 0.0)
        picture = self._source.picture(frame) if picture is None else picture
        soft = known.soft.unpack()
        matte = matte_of(picture, soft, self._scale)
        prompted = track.prompted.get(frame)
        if prompted is not None and prompted.stated is not None:
            altered = self._scale.enlarge(soft != prompted.stated.soft.unpack())
            matte = np.where(altered, matte, prompted.stated.full.unpack())
        return TrackedFrame(frame, matte, known.confidence)

    def _answer(self, track: Track[Prompted], frame: int, prompt: EnginePrompt) -> Prompted:
        """Return what a prompt selects; raises PromptError when that is nothing."""
        seeds = self._seeds(prompt)
        view = self._view(frame)
        stated, rest = None, seeds
        if prompt.mask is not None:
            stated = Stated.of(checked_mask(prompt.mask, self._source.size, self._scale.shrink), self._scale)
            soft = stated.soft.unpack()
        elif prompt.box is not None:
            soft = soften(object_in(view, self._scale.box(clipped_box(prompt.box, self._source.size))))
        elif frame in track.tracked:
            soft = track.tracked[frame].soft.unpack()
        else:
            soft, rest = _first_click(view, seeds)
        for seed in rest:
            soft = _with_click(view, soft, seed, [each for each in seeds if each.foreground != seed.foreground])
        if not (soft >= EDGE).any():
            raise PromptError(f"nothing is left of the object on frame {frame}: click on the object as well")
        return Prompted(Known(Packed.of(soft), 1.0), stated)

    def _seeds(self, prompt: EnginePrompt) -> list[Seed]:
        check_points(prompt, self._source.size, self._scale.factor)
        places = zip(prompt.points, prompt.foreground, strict=True)
        return [Seed(*self._scale.place(float(x), float(y)), bool(inside)) for (x, y), inside in places]

    def _run(
        self, object_id: int, track: Track[Prompted], over: tuple[int, FrameRange], direction: Direction
    ) -> Generator[TrackedFrame, None, None]:
        """Yield the frames of a range, coming from a start, in travelling order."""
        step, (start, frames) = direction.value, over
        first, last = (frames.first, frames.last)[::step]
        before, motion, ahead = self._going.pop(object_id, None), Motion(), dict[int, _Ahead]()
        if before and (before.frame, before.direction) != (start, direction):
            before = None
        view, soft = View(np.zeros((*self._scale.shape, 3), np.uint8)), np.zeros(self._scale.shape, np.float32)
        for frame in range(start, last + step, step):
            asked = (frame - first) * step >= 0
            picture = self._source.picture(frame)
            new = self._scale.view(picture)
            known = track.known(frame) if frame == start or frame in track.prompted else None
            if known is not None:
                motion = before.motion if before and frame == start else Motion()
                view, soft = new, known.soft.unpack()
                if asked:
                    yield self._shown(track, frame, picture)
                continue
            taken = motion.follow(view, new, soft)
            view, soft = new, taken.soft
            self._going[object_id] = _Going(frame, direction, motion)
            ahead = ahead or self._ahead(track, frame, direction)
            if asked:
                track.keep(frame, _known(_blended(taken, ahead.pop(frame, None))))
                yield self._shown(track, frame, picture)

    def _ahead(self, track: Track[Prompted], frame: int, direction: Direction) -> dict[int, _Ahead]:
        """Follow the prompt ahead back to a frame, once the run is near enough; else nothing."""
        prompt = track.next_prompt(frame, direction)
        if prompt is None or abs(prompt - frame) > _BLEND_FRAMES:
            return {}
        motion, found = Motion(), dict[int, _Ahead]()
        view, soft = self._view(prompt), track.prompted[prompt].known.soft.unpack()
        stretch = abs(prompt - frame) + 1
        for behind in range(prompt - direction.value, frame - direction.value, -direction.value):
            new = self._view(behind)
            step = motion.follow(view, new, soft)
            view, soft = new, step.soft
            found[behind] = _Ahead(step, 1 - abs(prompt - behind) / stretch)
        return found


@dataclass(frozen=True)
class _Going:
    """Where a run stopped, and what it remembers: one that goes on there is the same run."""

    frame: int
    direction: Direction
    motion: Motion


@dataclass(frozen=True)
class _Ahead:
    """What a prompt ahead says of a frame, and how much that counts: 0 to 1, rising towards the prompt."""

    step: Step
    weight: float


def _first_click(view: View, seeds: list[Seed]) -> tuple[Field, list[Seed]]:
    """Return what the first click on the object finds, and the clicks that remain."""
    first = next((each for each in seeds if each.foreground), None)
    if first is None:
        raise PromptError("only points off the object are given: click on the object first")
    return soften(object_at(view, first)), [each for each in seeds if each is not first]


def _with_click(view: View, soft: Field, seed: Seed, others: list[Seed]) -> Field:
    """Return the object after one more click, its coverage untouched away from what changed."""
    before = soft >= EDGE
    after = corrected(view, before, seed, others)
    if (before == after).all():
        return soft
    seam = ndimage.binary_dilation(before != after, iterations=_SEAM_PX)
    return np.where(seam, soften(after), soft)


def _blended(here: Step, ahead: _Ahead | None) -> Step:
    """Return the object between what two prompts say of it: their signed distances, weighted."""
    if ahead is None or not ahead.step.confidence:
        return here
    if not here.confidence:
        return ahead.step
    share = ahead.weight
    distance = (1 - share) * signed_distance(here.soft >= EDGE) + share * signed_distance(ahead.step.soft >= EDGE)
    confidence = (1 - share) * here.confidence + share * ahead.step.confidence
    return Step(soften(distance > 0), confidence)


def _known(step: Step) -> Known:
    return Known(Packed.of(step.soft), step.confidence)
