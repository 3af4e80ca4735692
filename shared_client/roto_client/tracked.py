"""An object that an artist follows through a plate: what is pointed at, its mattes, its shapes."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Callable, Optional, TypeVar, Union, final

from roto_client.errors import BadInputError, DaemonUnreachableError, WorkFailedError
from roto_client.lasting import Lasting
from roto_client.results import (
    AddedObject,
    AttachedObject,
    Direction,
    FitOrder,
    Fitted,
    FrameDone,
    Matte,
    Progress,
    StepTurned,
    TrackEvent,
)
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Shape
from roto_shapes.shot import FrameRange

OnProgress = Callable[[Progress], None]
Result = TypeVar("Result")


@final
class TrackedObject:
    """An object that is followed through the plate, and all that the artist pointed at for it."""

    def __init__(self, lasting: Lasting, session_id: str, added: AddedObject, name: str, frames: FrameRange) -> None:
        self._lasting = lasting
        self._transport = lasting.transport
        self._session_id = session_id
        self._plate_frames = frames
        self._prompts: dict[int, Prompt] = {}
        self._seen = added.revision
        """When prompts and shapes were seen as they are here, 0 if unknown; those of our own changes are later."""
        self._prompts_seen: dict[int, int] = {}
        self._shapes_seen = added.revision
        self.object_id = added.object_id
        self.name = name
        self.removed = False
        self.shapes: tuple[Shape, ...] = ()
        """As they came last."""
        self.tracked: tuple[FrameDone, ...] = ()
        """The frames that had a matte when the session was attached or refreshed last."""

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Return what is pointed at, by rising frame."""
        return tuple(prompt for _, prompt in sorted(self._prompts.items()))

    def click(self, frame: int, x: float, y: float, *, foreground: bool = True) -> Optional[Matte]:
        """Add a click on the object, or with `foreground` False on what is not the object; return the matte there."""
        return self.point_at(self._with_point(frame, PointPrompt(x, y, foreground)))

    def box(self, frame: int, left: float, top: float, right: float, bottom: float) -> Optional[Matte]:
        """Put a box round the object in place of the one before."""
        return self.point_at(replace(self._prompt(frame), box=BoxPrompt(left, top, right, bottom)))

    def mask(self, frame: int, mask: MaskPrompt) -> Optional[Matte]:
        """State the whole object by a mask; clicks on the frame go on to correct it."""
        return self.point_at(replace(self._prompt(frame), mask=mask, outline=()))

    def outline(self, frame: int, points: Sequence[ControlPoint]) -> Optional[Matte]:
        """State the whole object by a closed outline, for example an edited shape; clicks go on to correct it."""
        return self.point_at(replace(self._prompt(frame), mask=None, outline=tuple(points)))

    def clear(self, frame: int) -> None:
        """Take back all that was pointed at on a frame."""
        self.point_at(Prompt(frame))

    def point_at(self, prompt: Prompt) -> Optional[Matte]:
        """Replace all that is pointed at on a frame; return the matte there, None for an empty prompt.

        A prompt that the daemon refuses changes nothing.
        """
        based_on = self._prompts_seen.get(prompt.frame, self._seen)
        matte, revision = self._lasting.ask(
            lambda: self._transport.set_prompt(self._session_id, self.object_id, prompt, based_on)
        )
        self._pointed(prompt, revision or based_on)
        return matte

    def track(
        self, frames: Optional[FrameRange] = None, direction: Optional[Direction] = None, *, mattes: bool = False
    ) -> Generator[TrackEvent, None, None]:
        """Follow the object through frames, by default all of the plate; yield what happens.

        Without a direction it goes forward from the earliest prompted frame and then backward from it. With `mattes`,
        each frame's matte comes after its FrameDone. A frame of the plate that cannot be read has none: it comes as
        FrameUnreadable, and the object is followed on. Closing the iterator cancels the run; frames done stay.
        """
        runs = self._runs(frames or self._plate_frames, direction)
        total, before = sum(len(each) for each, _ in runs), 0
        for run, way in runs:
            events = self._lasting.track(run, way, functools.partial(self._run, way=way, mattes=mattes), mattes=mattes)
            with contextlib.closing(events):
                for event in events:
                    yield (
                        replace(event, done=before + event.done, total=total) if isinstance(event, Progress) else event
                    )
            before += len(run)

    def mattes(self, frames: Optional[FrameRange] = None) -> Generator[Matte, None, None]:
        """Yield the mattes made so far in rising frame order."""
        first, last = (frames or self._plate_frames).first, (frames or self._plate_frames).last

        def start() -> Generator[Matte, None, None]:
            if first <= last:
                yield from self._transport.read_mattes(self._session_id, self.object_id, FrameRange(first, last))

        with contextlib.closing(self._lasting.stream(start)) as mattes:
            for matte in mattes:
                yield matte
                first = matte.frame + 1

    def fit(
        self,
        options: Optional[FitOptions] = None,
        frames: Optional[FrameRange] = None,
        *,
        edited: Iterable[int] = (),
        in_front: Iterable[TrackedObject] = (),
        on_progress: Optional[OnProgress] = None,
    ) -> Fitted:
        """Turn the mattes into shapes, which replace those that the object had; return them and how well they fit.

        Without options the daemon's own hold, without frames all that have a matte count. Shapes are named after the
        object, whatever the options say. Where the mattes of other objects, those `in_front`, hide this one, its shapes
        go on behind them.

        Shapes with locked keyframes are kept and fitted anew round these. `edited` are frames whose keyframes were
        moved by hand and given back by `set_shapes`: they stay too, and only what lies between the next locked
        keyframes round them changes. `set_shapes([])` makes room for new shapes.
        """
        in_front_ids = tuple(each.object_id for each in in_front)
        order = FitOrder(frames, options, tuple(edited), in_front_ids, self._shapes_seen)

        def fit() -> list[Fitted]:
            with contextlib.closing(self._transport.fit_shapes(self._session_id, self.object_id, order)) as events:
                return list(told(events, on_progress))

        results = self._lasting.ask(fit)
        if not results:
            raise WorkFailedError("The daemon ended the fit without a result. Its log may tell why.")
        self._drawn(results[-1].shapes, results[-1].report.revision)
        return results[-1]

    def set_shapes(self, shapes: Sequence[Shape]) -> None:
        """Replace the object's shapes by the artist's.

        Raises ChangedElsewhereError when somebody else changed them since they were last seen here.
        """
        based_on = self._shapes_seen
        revision = self._lasting.ask(
            lambda: self._transport.set_shapes(self._session_id, self.object_id, shapes, based_on)
        )
        self._drawn(tuple(shapes), revision)

    def take(self, kept: AttachedObject, revision: int) -> None:
        """Take in what the daemon has of the object at a revision of the session."""
        self._prompts = {each.frame: each for each in kept.prompts}
        self._prompts_seen.clear()
        self.shapes, self.tracked = kept.shapes, kept.mattes
        self._seen = self._shapes_seen = revision

    def saw_shapes(self, revision: int) -> None:
        """Note that the shapes of that revision were shown: what is drawn next is based on these."""
        self._shapes_seen = max(self._shapes_seen, revision)

    def turned(self, step: StepTurned) -> None:
        """Follow an undo or a redo."""
        if step.prompt is not None:
            self._pointed(step.prompt, step.revision)
        elif step.shapes is not None:
            self._drawn(step.shapes, step.revision)

    def remove(self) -> None:
        """Forget the object, its mattes and its shapes."""
        try:
            self._transport.remove_object(self._session_id, self.object_id)
        except DaemonUnreachableError as gone:
            self._lasting.wait(gone)
            with contextlib.suppress(BadInputError):  # it was removed before the connection broke
                self._transport.remove_object(self._session_id, self.object_id)
        self.removed = True
        self._prompts.clear()

    def _run(self, frames: FrameRange, way: Direction, *, mattes: bool) -> Generator[TrackEvent, None, None]:
        return self._transport.propagate(self._session_id, self.object_id, frames, way, mattes=mattes)

    def _pointed(self, prompt: Prompt, revision: int) -> None:
        self._prompts_seen[prompt.frame] = revision
        if prompt.is_empty:
            self._prompts.pop(prompt.frame, None)
        else:
            self._prompts[prompt.frame] = prompt

    def _drawn(self, shapes: tuple[Shape, ...], revision: int) -> None:
        self.shapes = shapes
        self._shapes_seen = revision or self._shapes_seen

    def _prompt(self, frame: int) -> Prompt:
        return self._prompts.get(frame, Prompt(frame))

    def _with_point(self, frame: int, point: PointPrompt) -> Prompt:
        prompt = self._prompt(frame)
        return replace(prompt, points=(*prompt.points, point))

    def _runs(self, frames: FrameRange, direction: Optional[Direction]) -> list[tuple[FrameRange, Direction]]:
        if direction is not None:
            return [(frames, direction)]
        if not self._prompts:
            raise BadInputError(f"Point at '{self.name}' on some frame first: there is nothing to follow yet.")
        start = max(min(self._prompts), frames.first)
        runs = []
        if start <= frames.last:
            runs.append((FrameRange(start, frames.last), Direction.FORWARD))
        if frames.first < start:
            runs.append((FrameRange(frames.first, min(start - 1, frames.last)), Direction.BACKWARD))
        return runs


def told(events: Iterable[Union[Progress, Result]], on_progress: Optional[OnProgress]) -> Iterator[Result]:
    """Yield what is no progress, and tell the progress as it comes by."""
    for event in events:
        if not isinstance(event, Progress):
            yield event
        elif on_progress is not None:
            on_progress(event)
