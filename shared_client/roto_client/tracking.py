"""The whole way once: from prompts on a plate to files of shapes, mattes and pictures, stage by stage."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Optional, Protocol

from roto_client.errors import BadInputError
from roto_client.outputs import frame_file, make_ready, object_patterns, require_place, write_shapes
from roto_client.results import (
    Direction,
    ExportFormat,
    ExportOrder,
    FitReport,
    FrameDone,
    FrameError,
    FrameUnreadable,
    LookFirst,
    MatteKind,
    MatteOrder,
    Matting,
    Progress,
)
from roto_client.session import Daemon, OnProgress, OpenPlate, Session, TrackedObject, require_matte_form
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Roto
from roto_shapes.shot import LOOK_FIRST_BELOW, FrameRange, Plate, PlatePath

_LOW_CONFIDENCE_WORDS = "low confidence"
_NO_PICTURE_WORDS = "no picture"

_PREVIEW_FORMATS = {".mp4": ExportFormat.PREVIEW_MP4, ".mov": ExportFormat.PREVIEW_MOV}
PREVIEW_ENDINGS = tuple(_PREVIEW_FORMATS)
_REPORT_FORMATS = {".html": ExportFormat.REPORT_HTML, ".json": ExportFormat.REPORT_JSON}
REPORT_ENDINGS = tuple(_REPORT_FORMATS)
_STAGES = {
    MatteKind.MATTE: "mattes",
    MatteKind.LAYERS: "layers",
    MatteKind.CRYPTOMATTE: "cryptomatte",
    MatteKind.FOREGROUND: "foreground",
}

Tell = Callable[[int, int], None]
"""Is told the steps done and the steps in all."""


@dataclass(frozen=True)
class Words:
    """An object by what it is, in words, instead of a box."""

    phrase: str
    frame: Optional[int] = None
    """Where to look; None for the first frame to do."""
    candidate: int = 1
    """Which of what the words may mean, the likeliest being 1."""


@dataclass(frozen=True)
class ObjectPrompts:
    """An object, after which its shapes are named, and what is pointed at for it."""

    name: str
    prompts: tuple[Prompt, ...]
    words: Optional[Words] = None


@dataclass(frozen=True)
class TrackOrder:
    """What `roto track` is asked for. Paths are this machine's; those of `plate` must mean the same to the daemon."""

    plate: PlatePath
    objects: tuple[ObjectPrompts, ...]
    outs: tuple[str, ...]
    engine: str = ""
    fit: FitOptions = field(default_factory=FitOptions.bounded)
    mattes: str = ""
    layers: str = ""
    cryptomatte: str = ""
    foreground: str = ""
    matte_bits: int = 0
    matte_compression: str = ""
    matting: Optional[Matting] = None
    native_edges: bool = False
    preview: str = ""
    sheet: str = ""
    reports: tuple[str, ...] = ()
    """Files of quality reports, one object each: `{object}` stands for its name."""
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
    colour_source: str
    """Why the plate's colour space was taken, in words."""
    ocio_config: str
    frames: FrameRange
    engine: str
    weights: str
    why_default: str
    """Where the choice of the engine was left to the daemon: which ones before it cannot be used there."""
    roto: Roto
    report: FitReport
    stages: list[Stage]
    low_confidence: list[int]
    """Frames that the engine trusts little, rising."""
    unreadable: list[FrameUnreadable]
    """Frames of the plate that are missing or damaged, rising: they have no matte, and shapes move on through them."""
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def look_first(self) -> list[LookFirst]:
        """Return the frames that need a look first.

        Those without a picture, those of the fit, the gravest first, then those of the engine.
        """
        reasons: dict[int, tuple[str, ...]] = {}
        unseen = tuple(LookFirst(each.frame, (_NO_PICTURE_WORDS,)) for each in self.unreadable)
        low = tuple(LookFirst(frame, (_LOW_CONFIDENCE_WORDS,)) for frame in self.low_confidence)
        for each in unseen + self.report.look_first + low:
            reasons[each.frame] = tuple(dict.fromkeys(reasons.get(each.frame, ()) + each.reasons))
        return [LookFirst(frame, words) for frame, words in reasons.items()]


class Watcher(Protocol):
    """Whoever looks on."""

    def stage(self, name: str, total: Optional[int]) -> contextlib.AbstractContextManager[Tell]:
        """Show a stage while the context lasts; what it yields is told how far it is."""


def require_outputs(order: TrackOrder) -> None:
    """Raise OutputFileError or BadInputError at once for what could not be written when the work is done."""
    for pattern, wanted in _matte_orders(order):
        require_matte_form(pattern, wanted)
    for pattern in order.reports:
        if len(object_patterns(pattern, [each.name for each in order.objects])) < len(order.objects):
            raise BadInputError(f"A report tells of one object: write {{object}} into '{pattern}', for its name.")
    places: set[Path] = set()
    for path in _outputs(order):
        require_place(path)
        place = Path(path).resolve()
        if place in places:
            raise BadInputError(f"'{path}' is asked for twice: give each result a file of its own.")
        places.add(place)


def _outputs(order: TrackOrder) -> list[str]:
    names = [each.name for each in order.objects]
    mattes = [
        str(frame_file(each, 0)) for pattern, _ in _matte_orders(order) for each in object_patterns(pattern, names)
    ]
    reports = [each for pattern in order.reports for each in object_patterns(pattern, names)]
    return [*order.outs, *mattes, *reports, *filter(None, (order.preview, order.sheet))]


def _matte_orders(order: TrackOrder) -> list[tuple[str, MatteOrder]]:
    """Return the mattes to write: each pattern, and what is to be there."""
    frames, bits, compression = order.plate.frames, order.matte_bits, order.matte_compression
    wanted = [
        (order.mattes, MatteOrder(MatteKind.MATTE, frames, bits, compression, order.matting)),
        (order.layers, MatteOrder(MatteKind.LAYERS, frames, bits, compression, order.matting)),
        (order.cryptomatte, MatteOrder(MatteKind.CRYPTOMATTE, frames, matting=order.matting)),
        (order.foreground, MatteOrder(MatteKind.FOREGROUND, frames, bits, compression, order.matting)),
    ]
    return [(pattern, each) for pattern, each in wanted if pattern]


def track(daemon: Daemon, order: TrackOrder, watcher: Watcher) -> TrackResult:
    """Follow objects as ordered and write what is asked for. Raises the errors of `roto_client.errors`."""
    clock = _Clock(watcher)
    with clock.stage("open"):
        opened = daemon.open_plate(order.plate)
    with opened, contextlib.ExitStack() as stack:
        frames = opened.plate.frames
        for each in order.objects:
            _require_prompts_within(each, frames)
        make_ready(_outputs(order))
        wanted = _found(opened, order.objects, clock)
        with clock.stage("point") as tell:
            session = stack.enter_context(opened.open_session(order.engine, native_edges=order.native_edges))
            objects = [_point(session, each, tell) for each in wanted]
        low_confidence, unreadable = _follow(objects, frames, clock)
        report = _fit(objects, order.fit, frames, clock)
        roto = session.shapes()
        result = TrackResult(
            opened.plate,
            opened.colour_source,
            opened.ocio_config,
            frames,
            session.engine,
            session.weights,
            session.why_default,
            roto,
            report,
            clock.stages,
            low_confidence,
            unreadable,
        )
        with clock.stage("write shapes"):
            result.notes += write_shapes(roto, order.outs)
            result.files += order.outs
        _export(session, order, result, clock)
        _report(session, objects, order, result, clock)
    return result


def _found(plate: OpenPlate, objects: Sequence[ObjectPrompts], clock: _Clock) -> list[ObjectPrompts]:
    """Return the objects with boxes in place of words."""
    if not any(each.words for each in objects):
        return list(objects)
    with clock.stage("find"):
        return [_pointed_at(plate, each, each.words) if each.words else each for each in objects]


def _pointed_at(plate: OpenPlate, wanted: ObjectPrompts, words: Words) -> ObjectPrompts:
    frame = plate.plate.frames.first if words.frame is None else words.frame
    prompts = {prompt.frame: prompt for prompt in wanted.prompts}
    here = prompts.get(frame, Prompt(frame))
    if here.box:
        raise BadInputError(f"Frame {frame} has a box as well as '{words.phrase}': leave one of them out.")
    found = plate.find_objects(frame, words.phrase)
    if words.candidate > len(found):
        count = f"{len(found)} objects" if len(found) > 1 else "one object"
        raise BadInputError(
            f"'{words.phrase}' finds {count} on frame {frame}, so there is no candidate {words.candidate}: "
            "roto find lists them."
        )
    prompts[frame] = replace(here, box=found[words.candidate - 1].box)
    return replace(wanted, prompts=tuple(prompt for _, prompt in sorted(prompts.items())))


def _point(session: Session, wanted: ObjectPrompts, tell: Tell) -> TrackedObject:
    tracked = session.add_object(wanted.name)
    for done, prompt in enumerate(_in_turn(wanted.prompts), 1):
        _come_to(tracked, prompt.frame)
        tracked.point_at(prompt)
        tell(done, len(wanted.prompts))
    return tracked


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


def _require_prompts_within(wanted: ObjectPrompts, frames: FrameRange) -> None:
    asked = [prompt.frame for prompt in wanted.prompts]
    if wanted.words and wanted.words.frame is not None:
        asked.append(wanted.words.frame)
    outside = [frame for frame in asked if frame not in frames]
    if outside:
        raise BadInputError(
            f"The prompt on frame {outside[0]} lies outside the frames {frames}: point at the object on one of them, "
            "or widen --frames. Movies count from 0 unless --first-frame says otherwise."
        )


def _follow(
    objects: Sequence[TrackedObject], frames: FrameRange, clock: _Clock
) -> tuple[list[int], list[FrameUnreadable]]:
    """Follow the objects; return the frames of low confidence, and those that cannot be read."""
    low: set[int] = set()
    unreadable: dict[int, FrameUnreadable] = {}
    total = len(frames) * len(objects)
    with clock.stage("track", total) as tell:
        for before, tracked in enumerate(objects):
            with contextlib.closing(tracked.track(frames)) as events:
                for event in events:
                    if isinstance(event, Progress):
                        tell(before * len(frames) + event.done, total)
                    elif isinstance(event, FrameDone) and event.confidence < LOOK_FIRST_BELOW:
                        low.add(event.frame)
                    elif isinstance(event, FrameUnreadable):
                        unreadable[event.frame] = event
    return sorted(low), [each for _, each in sorted(unreadable.items())]


def _fit(objects: Sequence[TrackedObject], options: FitOptions, frames: FrameRange, clock: _Clock) -> FitReport:
    with clock.stage("fit", len(frames)) as tell:
        return _together([each.fit(options, frames, on_progress=_telling(tell)).report for each in objects])


def _together(reports: Sequence[FitReport]) -> FitReport:
    """Return one report of several objects: on each frame the largest errors of any."""
    if len(reports) == 1:
        return reports[0]
    frames: dict[int, FrameError] = {}
    for error in (each for report in reports for each in report.frames):
        other = frames.get(error.frame, error)
        frames[error.frame] = FrameError(
            error.frame,
            max(error.mean_px, other.mean_px),
            max(error.p95_px, other.p95_px),
            max(error.max_px, other.max_px),
        )
    return FitReport(
        frames=tuple(error for _, error in sorted(frames.items())),
        tolerance_px=max(each.tolerance_px for each in reports),
        effective_tolerance_px=max(each.effective_tolerance_px for each in reports),
        shapes=sum(each.shapes for each in reports),
        control_points=sum(each.control_points for each in reports),
        keyframes=sum(each.keyframes for each in reports),
        layer_keyframes=sum(each.layer_keyframes for each in reports),
        baked_keyframes=sum(each.baked_keyframes for each in reports),
        control_numbers=sum(each.control_numbers for each in reports),
        baked_control_numbers=sum(each.baked_control_numbers for each in reports),
        doubtful_frames=tuple(sorted({frame for each in reports for frame in each.doubtful_frames})),
        look_first=tuple(look for each in reports for look in each.look_first),
        elapsed_s=sum(each.elapsed_s for each in reports),
    )


def _export(session: Session, order: TrackOrder, result: TrackResult, clock: _Clock) -> None:
    for pattern, mattes in _matte_orders(order):
        with clock.stage(_STAGES[mattes.kind], len(result.frames)) as tell:
            session.write_mattes(pattern, replace(mattes, frames=result.frames), _telling(tell))
        result.files.append(pattern)
    jobs: list[tuple[str, str, ExportFormat]] = []
    if order.preview:
        jobs.append(("preview", order.preview, _PREVIEW_FORMATS[Path(order.preview).suffix.lower()]))
    if order.sheet:
        jobs.append(("sheet", order.sheet, ExportFormat.CONTACT_SHEET_PNG))
    for name, target, kind in jobs:
        wanted = ExportOrder(kind, 0, result.frames, order.credit)
        with clock.stage(name, len(result.frames)) as tell:
            session.export_to(target, wanted, _telling(tell))
        result.files.append(target)


def _report(
    session: Session, objects: Sequence[TrackedObject], order: TrackOrder, result: TrackResult, clock: _Clock
) -> None:
    for pattern in order.reports:
        kind = _REPORT_FORMATS[Path(pattern).suffix.lower()]
        files = object_patterns(pattern, [each.name for each in objects])
        with clock.stage("report", len(result.frames)) as tell:
            for tracked, file in zip(objects, files):
                session.export_to(file, ExportOrder(kind, tracked.object_id, result.frames), _telling(tell))
        result.files += files


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
