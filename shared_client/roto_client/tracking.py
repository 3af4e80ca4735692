"""The whole way once: from prompts on a plate to files of shapes, mattes and pictures, stage by stage."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional, Protocol

from roto_client.errors import BadInputError
from roto_client.outputs import frame_file, make_ready, require_place, write_shapes
from roto_client.results import Direction, ExportFormat, ExportOrder, FitOrder, FitReport, FrameDone, Progress
from roto_client.session import Daemon, OnProgress, Session, TrackedObject
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Roto
from roto_shapes.shot import FrameRange, Plate, PlatePath

LOW_CONFIDENCE = 0.5
"""Frames that the engine trusts less are worth a look before the others."""

_MATTE_FORMATS = {".exr": ExportFormat.MATTE_EXR, ".png": ExportFormat.MATTE_PNG}
MATTE_ENDINGS = tuple(_MATTE_FORMATS)

Tell = Callable[[int, int], None]
"""Is told the steps done and the steps in all."""


@dataclass(frozen=True)
class TrackOrder:
    """What `roto track` is asked for. Paths are this machine's; those of `plate` must mean the same to the daemon."""

    plate: PlatePath
    prompts: tuple[Prompt, ...]
    outs: tuple[str, ...]
    engine: str = ""
    name: str = "object"
    tolerance_px: float = 0.0
    mattes: str = ""
    preview: str = ""
    sheet: str = ""
    credit: str = ""


@dataclass(frozen=True)
class Stage:
    """What one stage took; `frames` is 0 where none are counted."""

    name: str
    seconds: float
    frames: int

    @property
    def frames_per_second(self) -> Optional[float]:
        """Return the pace, None where no frames are counted."""
        return self.frames / self.seconds if self.frames and self.seconds > 0 else None


@dataclass
class TrackResult:
    """What came of an order."""

    plate: Plate
    frames: FrameRange
    engine: str
    roto: Roto
    report: FitReport
    stages: list[Stage]
    doubtful: list[int]
    """Frames of low confidence, rising."""
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Watcher(Protocol):
    """Whoever looks on."""

    def stage(self, name: str, total: Optional[int]) -> contextlib.AbstractContextManager[Tell]:
        """Show a stage while the context lasts; what it yields is told how far it is."""


def require_outputs(order: TrackOrder) -> None:
    """Raise OutputFileError or BadInputError at once for what could not be written when the work is done."""
    places: set[Path] = set()
    for path in _outputs(order):
        require_place(path)
        place = Path(path).resolve()
        if place in places:
            raise BadInputError(f"'{path}' is asked for twice: give each result a file of its own.")
        places.add(place)


def _outputs(order: TrackOrder) -> list[str]:
    mattes = [str(frame_file(order.mattes, 0))] if order.mattes else []
    return [*order.outs, *mattes, *filter(None, (order.preview, order.sheet))]


def track(daemon: Daemon, order: TrackOrder, watcher: Watcher) -> TrackResult:
    """Follow an object as ordered and write what is asked for. Raises the errors of `roto_client.errors`."""
    clock = _Clock(watcher)
    with clock.stage("open"):
        opened = daemon.open_plate(order.plate)
    with opened, contextlib.ExitStack() as stack:
        frames = opened.plate.frames
        _require_prompts_within(order.prompts, frames)
        make_ready(_outputs(order))
        with clock.stage("point") as tell:
            session = stack.enter_context(opened.open_session(order.engine))
            tracked = session.add_object(order.name)
            for done, prompt in enumerate(_in_turn(order.prompts), 1):
                _come_to(tracked, prompt.frame)
                tracked.point_at(prompt)
                tell(done, len(order.prompts))
        doubtful = _follow(tracked, frames, clock)
        fit = FitOrder(frames, order.tolerance_px)
        with clock.stage("fit", len(frames)) as tell:
            report = tracked.fit(fit, _telling(tell)).report
        roto = session.shapes()
        result = TrackResult(opened.plate, frames, session.engine, roto, report, clock.stages, doubtful)
        with clock.stage("write shapes"):
            result.notes += write_shapes(roto, order.outs)
            result.files += order.outs
        _export(session, tracked, order, result, clock)
    return result


def _in_turn(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Return the prompt that states the object, then those after it as time goes on, then those before it."""
    states = [prompt.frame for prompt in prompts if prompt.box or any(point.foreground for point in prompt.points)]
    start = min(states, default=prompts[0].frame)
    return [each for each in prompts if each.frame >= start] + [each for each in prompts if each.frame < start][::-1]


def _come_to(tracked: TrackedObject, frame: int) -> None:
    """Track the object to a frame, so that what is pointed at there corrects it instead of stating it anew."""
    prompted = [prompt.frame for prompt in tracked.prompts]
    if not prompted:
        return
    if frame > prompted[-1]:
        run, direction = FrameRange(prompted[-1], frame), Direction.FORWARD
    else:
        run, direction = FrameRange(frame, prompted[0]), Direction.BACKWARD
    with contextlib.closing(tracked.track(run, direction)) as events:
        for _ in events:
            pass


def _require_prompts_within(prompts: Sequence[Prompt], frames: FrameRange) -> None:
    outside = [prompt.frame for prompt in prompts if prompt.frame not in frames]
    if outside:
        raise BadInputError(
            f"The prompt on frame {outside[0]} lies outside the frames {frames}: point at the object on one of them, "
            "or widen --frames. Movies count from 0 unless --first-frame says otherwise."
        )


def _follow(tracked: TrackedObject, frames: FrameRange, clock: _Clock) -> list[int]:
    doubtful: set[int] = set()
    with clock.stage("track", len(frames)) as tell, contextlib.closing(tracked.track(frames)) as events:
        for event in events:
            if isinstance(event, Progress):
                tell(event.done, event.total)
            elif isinstance(event, FrameDone) and event.confidence < LOW_CONFIDENCE:
                doubtful.add(event.frame)
    return sorted(doubtful)


def _export(session: Session, tracked: TrackedObject, order: TrackOrder, result: TrackResult, clock: _Clock) -> None:
    jobs: list[tuple[str, str, ExportFormat]] = []
    if order.mattes:
        jobs.append(("mattes", order.mattes, _MATTE_FORMATS[Path(order.mattes).suffix.lower()]))
    if order.preview:
        jobs.append(("preview", order.preview, ExportFormat.PREVIEW_MP4))
    if order.sheet:
        jobs.append(("sheet", order.sheet, ExportFormat.CONTACT_SHEET_PNG))
    for name, target, kind in jobs:
        wanted = ExportOrder(kind, tracked.object_id, result.frames, order.credit)
        with clock.stage(name, len(result.frames)) as tell:
            session.export_to(target, wanted, _telling(tell))
        result.files.append(target)


def _telling(tell: Tell) -> OnProgress:
    def on_progress(progress: Progress) -> None:
        tell(progress.done, progress.total)

    return on_progress


class _Clock:
    """Takes the time of stages and shows them."""

    def __init__(self, watcher: Watcher) -> None:
        self.stages: list[Stage] = []
        self._watcher = watcher

    @contextlib.contextmanager
    def stage(self, name: str, frames: int = 0) -> Iterator[Tell]:
        start = time.perf_counter()
        with self._watcher.stage(name, frames or None) as tell:
            yield tell
        self.stages.append(Stage(name, time.perf_counter() - start, frames))
