"""What the command line shows: progress bars, tables, and the same facts as JSON."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from roto_client.results import EngineInfo, LookFirst
from roto_client.tracking import Tell, TrackResult
from roto_shapes.shot import spans

_REASONS_SHOWN = 6
"""A table that gives more reasons is no help to find the first frame."""


class _Pace(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:6.1f} fps" if speed else "", style="cyan")


class ProgressBars:
    """Shows stages on a terminal, one line each; anywhere else it is silent."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Pace(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> ProgressBars:  # noqa: PYI034 - Self needs Python 3.11
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Tell]:
        """Show a stage while the context lasts."""
        task = self._progress.add_task(name, total=total)

        def tell(done: int, in_all: int) -> None:
            self._progress.update(task, completed=done, total=in_all)

        yield tell
        steps = self._progress.tasks[task].total or 1
        self._progress.update(task, completed=steps, total=steps)


def track_tables(result: TrackResult) -> list[Table]:
    """Return what came of a track, for a person."""
    stages = Table("stage", title="Time", title_justify="left")
    stages.add_column("seconds", justify="right")
    stages.add_column("frames/s", justify="right")
    for stage in result.stages:
        pace = stage.frames_per_second
        stages.add_row(stage.name, f"{stage.seconds:.2f}", f"{pace:.1f}" if pace else "")
    stages.add_section()
    stages.add_row("all", f"{sum(stage.seconds for stage in result.stages):.2f}", "")
    report, worst = result.report, result.report.worst
    facts = Table(title="Result", title_justify="left", show_header=False)
    facts.add_row("plate", f"{result.plate.width}x{result.plate.height}, frames {result.frames}")
    facts.add_row("colour space", f"{result.plate.colour_space}, {result.colour_source}")
    facts.add_row("engine", result.engine)
    if result.why_default:
        facts.add_row("", f"because {result.why_default}: roto doctor says why")
    if result.weights:
        facts.add_row("weights", result.weights)
    facts.add_row("shapes", str(report.shapes))
    facts.add_row("control points", str(report.control_points))
    facts.add_row("keyframes", str(report.keyframes))
    if report.layer_keyframes:
        facts.add_row("", f"and {report.layer_keyframes} of layers; {report.baked_keyframes} without layers")
        facts.add_row("numbers in all", f"{report.control_numbers} with layers; {report.baked_control_numbers} baked")
    facts.add_row("boundary error", f"{report.mean_px:.2f} px mean")
    if worst is not None:
        facts.add_row("", f"{worst.max_px:.2f} px at worst, on frame {worst.frame}")
    facts.add_row("bound that holds", f"{report.effective_tolerance_px:.2f} px")
    if report.doubtful_frames:
        facts.add_row("masks drawn through", spans(report.doubtful_frames))
    looks = _looks(result.look_first) or ["no frame"]
    for row, words in enumerate(looks):
        facts.add_row("" if row else "need a look first", words)
    return [stages, facts]


def _looks(look_first: Iterable[LookFirst]) -> list[str]:
    """Return a line for each set of reasons, with its frames; the gravest ones, and one that names the others."""
    frames: dict[tuple[str, ...], list[int]] = {}
    for each in look_first:
        frames.setdefault(each.reasons, []).append(each.frame)
    lines = [f"{spans(own)}: {'; '.join(reasons)}" for reasons, own in frames.items()]
    others = sorted(frame for own in list(frames.values())[_REASONS_SHOWN:] for frame in own)
    return [*lines[:_REASONS_SHOWN], *([f"then {spans(others)}"] if others else [])]


def track_facts(result: TrackResult) -> dict[str, Any]:
    """Return what came of a track, for a program."""
    report = result.report
    plate = result.plate
    return {
        "plate": {
            "name": plate.name,
            "width": plate.width,
            "height": plate.height,
            "frames": [plate.frames.first, plate.frames.last],
            "colour_space": plate.colour_space,
            "colour_source": result.colour_source,
            "ocio_config": result.ocio_config,
        },
        "frames": [result.frames.first, result.frames.last],
        "engine": result.engine,
        "weights": result.weights,
        "why_default": result.why_default,
        "stages": [
            {
                "stage": each.name,
                "seconds": round(each.seconds, 4),
                "frames_per_second": _rounded(each.frames_per_second),
            }
            for each in result.stages
        ],
        "shapes": report.shapes,
        "control_points": report.control_points,
        "keyframes": report.keyframes,
        "layer_keyframes": report.layer_keyframes,
        "baked_keyframes": report.baked_keyframes,
        "control_numbers": report.control_numbers,
        "baked_control_numbers": report.baked_control_numbers,
        "tolerance_px": report.effective_tolerance_px,
        "mean_error_px": report.mean_px,
        "worst_error": asdict(report.worst) if report.worst else None,
        "unreadable_frames": [asdict(each) for each in result.unreadable],
        "low_confidence_frames": result.low_confidence,
        "doubtful_frames": list(report.doubtful_frames),
        "look_first": [{"frame": each.frame, "reasons": list(each.reasons)} for each in result.look_first],
        "files": result.files,
        "notes": result.notes,
    }


def _because(engine: EngineInfo) -> str:
    return f" because {engine.why_default}" if engine.why_default else ""


def engines_table(engines: Iterable[EngineInfo]) -> Table:
    """Return the engines of a daemon, for a person."""
    table = Table("engine", "what it is", "takes", "state", title="Engines", title_justify="left")
    for engine in engines:
        state = engine.unavailable or (f"ready, default{_because(engine)}" if engine.is_default else "ready")
        table.add_row(engine.name, engine.title, ", ".join(sorted(engine.prompts)), state)
    return table


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)
