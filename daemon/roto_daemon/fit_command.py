"""The command `roto fit`: masks on a disk into shapes, here and now, without a daemon."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from roto_daemon.errors import FitError, RotoError, Unreadable, writing
from roto_daemon.exit_codes import end_with_unreadable, fail
from roto_daemon.fit_report import REPORT_ENDINGS, Measured, measure_fit, write_report
from roto_daemon.fitting import FitResult, fit_shapes, refit_shapes, render_shapes
from roto_daemon.fitting.attention import DRAWN_THROUGH, LookFirst
from roto_daemon.fitting.cover import filled
from roto_daemon.pictures import Matte
from roto_daemon.plates.mattes import MatteSequence, open_mattes
from roto_daemon.plates.reader import open_plate, whatever_reads
from roto_daemon.plates.sequence import ImageSequence, find_footage
from roto_shapes.files import make_folder_ready
from roto_shapes.fit_options import FitOptions, frames_named, parts_named
from roto_shapes.formats import ENDINGS, write_roto
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.shape import Interpolation, Roto
from roto_shapes.shot import FrameRange, Plate, PlatePath, spans

_DEFAULT_NAME = "object"
_FRAMES_EXPLAINED = 5
"""A table that gives the reasons of more frames is no help to find the first one."""


class _Movement(Enum):
    """How points are to move between keyframes; AUTO is either, whichever takes fewer numbers."""

    LINEAR = "linear"
    SMOOTH = "smooth"
    AUTO = "auto"


def fit(  # noqa: PLR0913, PLR0917 - each is an option of the command
    masks: Annotated[
        str,
        typer.Argument(
            metavar="MASKS", help="mask.####.png, mask.%04d.exr, a folder, one file of a sequence, or a movie."
        ),
    ],
    out: Annotated[
        list[str],
        typer.Option("--out", "-o", metavar="FILE", help=f"Write shapes here: {', '.join(ENDINGS)}. Repeat for more."),
    ],
    frames: Annotated[str, typer.Option(metavar="A-B", help="The frames to fit (default: all).")] = "",
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="PX", help="How far the shape may lie from the masks' edge, in pixels (default: 1)."),
    ] = None,
    points: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many points a shape, instead of a tolerance.")
    ] = None,
    threshold: Annotated[float, typer.Option(metavar="LEVEL", help="The coverage, 0 to 1, that is the edge.")] = 0.5,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The object's name; shapes are named after it (default: object).")
    ] = None,
    interpolation: Annotated[
        _Movement | None,
        typer.Option(
            help="How points move between keyframes: on lines (default), as Nuke's smooth keys do, or what takes less."
        ),
    ] = None,
    keyframes: Annotated[
        str, typer.Option(metavar="FRAMES", help="Frames that must be keyframes, such as 1001,1010.")
    ] = "",
    every: Annotated[
        int | None, typer.Option(metavar="N", help="Also a keyframe at every so many frames of a shape.")
    ] = None,
    plate: Annotated[
        str, typer.Option(metavar="PLATE", help="The footage of the masks: points then stick to what moves in it.")
    ] = "",
    colour_space: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The plate's colour space, by OCIO's name, sRGB or scene-linear (default: what its files say).",
        ),
    ] = "",
    ocio_config: Annotated[
        str, typer.Option(metavar="FILE", help="The OCIO configuration (default: $OCIO, else ACES).")
    ] = "",
    proxy: Annotated[
        str, typer.Option(metavar="PROXY", help="Smaller images or a movie of the plate's frames to read instead.")
    ] = "",
    layer: Annotated[
        str, typer.Option(metavar="NAME", help="A layer, part or channel of the masks' images, such as hero.A.")
    ] = "",
    first_frame: Annotated[
        int | None,
        typer.Option(metavar="N", help="The number of the first frame of masks and plates that are movies."),
    ] = None,
    occluder: Annotated[
        str, typer.Option(metavar="MASKS", help="Mattes of what stands in front: the shape goes on behind it.")
    ] = "",
    shapes: Annotated[
        str, typer.Option(metavar="SHAPES.json", help="Fit these shapes anew instead; locked keyframes stay.")
    ] = "",
    edited: Annotated[
        list[int] | None,
        typer.Option(metavar="FRAME", help="With --shapes: an edited keyframe that stays. Repeat for more."),
    ] = None,
    parts: Annotated[
        str,
        typer.Option(metavar="auto|N", help="Split a jointed outline at its necks into overlapping parts, at most N."),
    ] = "",
    layers: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option("--layers", help="Key motion that a whole outline shares on a layer above its points."),
    ] = False,
    offset: Annotated[
        float, typer.Option(metavar="PX", help="Move the edge by so much on every frame; negative shrinks.")
    ] = 0.0,
    feather: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option("--feather", help="Give each point a feather as wide as the mattes' soft edge is there."),
    ] = False,
    report: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help=f"Write the quality in numbers: {', '.join(REPORT_ENDINGS)}. Repeat."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Turn a mask or matte sequence (8 or 16 bit, float) into animated shapes. No daemon is needed.

    Example: roto fit masks/hero.####.png --out hero.nk
    """
    try:
        _require_places(out, ENDINGS)
        _require_places(report or [], REPORT_ENDINGS)
        options = _options(
            tolerance,
            points,
            keyframes,
            parts,
            threshold=threshold,
            name=_DEFAULT_NAME if name is None else name,
            interpolation=Interpolation.SMOOTH if interpolation is _Movement.SMOOTH else Interpolation.LINEAR,
            keyframe_step=every,
            layers=layers,
            offset_px=offset,
            feather=feather,
        )
        _require_movie(first_frame, masks, plate, occluder)
        footage = PlatePath(
            plate,
            first_frame=first_frame if first_frame is not None and plate and _is_movie(plate) else None,
            colour_space=colour_space,
            ocio_config=ocio_config,
            proxy=proxy,
        )
        _require_plate(footage)
        source = _Masks(masks, _range(frames), layer, first_frame, occluder)
        if shapes:
            _refuse_ignored(
                name=name,
                points=points,
                interpolation=interpolation,
                keyframes=keyframes,
                every=every,
                plate=plate,
                parts=parts,
                occluder=occluder,
                layers=layers,
            )
            result = _fitted_anew(source, options, shapes, edited or [])
        elif edited:
            raise FitError("--edited tells which keyframes of --shapes were edited: give --shapes SHAPES.json too")
        elif interpolation is _Movement.AUTO:
            result = _fitted_with_less(source, options, footage)
        else:
            result = _fitted(source, options, footage)
        notes = _write(replace(result.roto, made_by=source.open().made_by), out)
        if report:
            _report(report, source, result, options, footage)
    except RotoError as error:
        fail(error)
    unreadable = [error for _, error in sorted(source.unreadable.items())]
    if as_json:
        told = [{"frame": error.frame, "reason": str(error)} for error in unreadable]
        typer.echo(json.dumps({**_facts(result), "unreadable_frames": told}, indent=2))
    else:
        _print(result, [*out, *(report or [])], notes, points)
    end_with_unreadable(unreadable)


@dataclass(frozen=True)
class _Masks:
    """The masks to fit, and of what stands in front of them; each call reads them again.

    Masks that are missing or damaged are left out, and their errors kept.
    """

    path: str
    frames: FrameRange | None
    layer: str
    first_frame: int | None
    occluder: str
    unreadable: dict[int, Unreadable] = field(default_factory=dict)

    def open(self, frames: FrameRange | None = None) -> MatteSequence:
        """Open the masks, or some frames of them; raises PlateError."""
        return open_mattes(
            self.path,
            frames or self.frames,
            layer=self.layer,
            first_frame=self.first_frame,
            unreadable=self.unreadable,
        )

    def in_front(self, plate: Plate) -> Callable[[int], Matte] | None:
        """Return the mattes of what stands in front by frame, asked for in rising order; raises PlateError."""
        if not self.occluder:
            return None
        mattes = iter(open_mattes(self.occluder, plate.frames, first_frame=self.first_frame))

        def front_of(frame: int) -> Matte:
            return next(matte for number, matte in mattes if number == frame)

        return front_of

    def filled(self, result: FitResult, frames: FrameRange | None = None) -> Iterator[tuple[int, Matte]]:
        """Yield the masks; where an occluder hides what is drawn, that is taken for right."""
        mattes = self.open(frames)
        front_of = self.in_front(mattes.plate)
        for frame, matte in mattes:
            yield frame, filled(matte, render_shapes(result.plain, frame), front_of(frame)) if front_of else matte


def _is_movie(path: str) -> bool:
    return not isinstance(find_footage(path), ImageSequence)


def _require_movie(first_frame: int | None, *paths: str) -> None:
    if first_frame is not None and not any(_is_movie(path) for path in paths if path):
        raise FitError("--first-frame is for movies alone: images carry their frames in their names")


def _require_plate(footage: PlatePath) -> None:
    """Refuse what is said of a plate that is not given."""
    told = {"colour-space": footage.colour_space, "ocio-config": footage.ocio_config, "proxy": footage.proxy}
    for name, value in told.items():
        if value and not footage.path:
            raise FitError(f"--{name} tells how the plate is read: give --plate too")


def _fitted(masks: _Masks, options: FitOptions, plate: PlatePath) -> FitResult:
    mattes = masks.open()
    front = masks.in_front(mattes.plate)
    if not plate.path:
        return _with_bars(lambda tell: fit_shapes(mattes, mattes.plate, options, tell, occluder=front))
    with open_plate(plate) as footage:
        _require_match(footage.plate, mattes.plate)
        pictures = whatever_reads(footage.picture)
        return _with_bars(lambda tell: fit_shapes(mattes, mattes.plate, options, tell, pictures, front))


def _require_match(footage: Plate, masks: Plate) -> None:
    if (footage.width, footage.height) != (masks.width, masks.height):
        raise FitError(
            f"the plate is {footage.width}x{footage.height} pixels and the masks {masks.width}x{masks.height}: "
            "give the footage they belong to"
        )
    if footage.frames.last < masks.frames.first or footage.frames.first > masks.frames.last:
        raise FitError(
            f"the plate has frames {footage.frames} and the masks {masks.frames}, none in common: give the footage "
            "they belong to; movies count from 0 unless --first-frame says otherwise"
        )


def _report(files: Sequence[str], masks: _Masks, result: FitResult, options: FitOptions, plate: PlatePath) -> None:
    """Measure a fit against its masks, read again one by one, and write the reports asked for."""

    def matte_of(frame: int) -> Matte:
        return next(matte for _, matte in masks.filled(result, FrameRange(frame, frame)))

    known = {frame: [DRAWN_THROUGH] for frame in result.report.doubtful_frames}
    measured = Measured(options.name, result.plain, options, result.report.judged_px, known)
    with contextlib.ExitStack() as stack:
        picture_of = whatever_reads(stack.enter_context(open_plate(plate)).picture) if plate.path else None
        source = measure_fit(measured, masks.filled(result), matte_of, picture_of)
        for file in files:
            write_report(file, source)


def _with_bars(work: Callable[[Callable[[float], None]], FitResult]) -> FitResult:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task("fit", total=1.0)
        return work(lambda share: bars.update(task, completed=share))


def _fitted_with_less(masks: _Masks, options: FitOptions, footage: PlatePath) -> FitResult:
    """Fit with linear and with smooth keyframes; smooth ones are kept where they take less and hold the same bound."""
    linear = _fitted(masks, options, footage)
    smooth = _fitted(masks, replace(options, interpolation=Interpolation.SMOOTH), footage)
    as_true = smooth.report.effective_tolerance_px <= linear.report.effective_tolerance_px
    return smooth if as_true and smooth.report.control_numbers < linear.report.control_numbers else linear


def _fitted_anew(masks: _Masks, options: FitOptions, shapes: str, edited: Sequence[int]) -> FitResult:
    try:
        roto = read_roto(Path(shapes).read_text(encoding="utf-8"))
    except OSError as error:
        raise FitError(f"'{shapes}' cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise FitError(f"'{shapes}' holds no shapes: {error}") from error
    mattes = masks.open()
    if roto.layers:
        raise FitError(f"'{shapes}' holds shapes on layers, which cannot be fitted anew: fit them without --layers")
    return _with_bars(lambda tell: refit_shapes(roto, mattes, options, edited, tell))


def _refuse_ignored(**options: object) -> None:
    """Refuse the first option that was given beside --shapes, which a fit anew would ignore."""
    for name, value in options.items():
        if value not in {None, "", False}:
            raise FitError(
                f"--{name} is for new shapes, and --shapes fits those of a file anew, which keep theirs: "
                "give one of the two"
            )


def _range(text: str) -> FrameRange | None:
    try:
        return FrameRange.parse(text) if text else None
    except ValueError as error:
        raise FitError(str(error)) from error


def _options(
    tolerance: float | None,
    points: int | None,
    keyframes: str,
    parts: str,
    **others: Any,  # noqa: ANN401 - as the fields
) -> FitOptions:
    try:
        bounded = FitOptions.bounded(tolerance, points)
        return replace(bounded, keyframes_at=frames_named(keyframes), parts=parts_named(parts or "1"), **others)
    except ValueError as error:
        raise FitError(str(error)) from error


def _require_places(files: Sequence[str], endings: tuple[str, ...]) -> None:
    """Find out before the work whether its result can be written."""
    for file in files:
        if not file.lower().endswith(endings):
            raise FitError(f"'{file}' must end in {' or '.join(endings)}: the ending tells the format.")
        with writing(file):
            make_folder_ready(file)


def _write(roto: Roto, files: Sequence[str]) -> list[str]:
    notes = []
    for file in files:
        with writing(file):
            notes += [f"{file}: {note}" for note in write_roto(roto, file)]
    return notes


def _facts(result: FitResult) -> dict[str, object]:
    report, worst = result.report, result.report.worst_frame
    return {
        **report.facts,
        "mean_error_px": report.mean_px,
        "worst_error_px": worst.max_px if worst else None,
        "worst_frame": worst.frame if worst else None,
        "seconds": report.seconds,
    }


def _print(result: FitResult, files: Sequence[str], notes: Sequence[str], points: int | None) -> None:
    console, report, worst = Console(), result.report, result.report.worst_frame
    table = Table(title="Result", title_justify="left", show_header=False)
    table.add_row("shapes", str(report.shapes))
    table.add_row("control points", str(report.points))
    table.add_row("keyframes", str(report.keyframes))
    if report.layer_keyframes:
        table.add_row("", f"and {report.layer_keyframes} of layers; {report.baked_keyframes} without layers")
        table.add_row("numbers in all", f"{report.control_numbers} with layers; {report.baked_control_numbers} baked")
    table.add_row("boundary error", f"{report.mean_px:.2f} px mean")
    if worst:
        table.add_row("", f"{worst.max_px:.2f} px at worst, on frame {worst.frame}")
    if points is not None:
        table.add_row(
            "bound that holds", f"{report.effective_tolerance_px:.2f} px with {points} points a shape at most"
        )
    elif report.effective_tolerance_px > report.tolerance_px:
        asked = f"{report.tolerance_px:g} px could not be held"
        table.add_row("bound that holds", f"{report.effective_tolerance_px:.2f} px: {asked}")
    if report.doubtful_frames:
        table.add_row("masks drawn through", spans(report.doubtful_frames))
    for row, words in enumerate(_looks(report.look_first) or ["no frame"]):
        table.add_row("" if row else "need a look first", words)
    table.add_row("time", f"{report.seconds:.1f} s")
    console.print(table)
    for line in [*(f"Wrote {file}" for file in files), *(f"Note: {note}" for note in notes)]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _looks(look_first: Sequence[LookFirst]) -> list[str]:
    """Return a line for each of the gravest frames, and one that names the others."""
    lines = [f"{each.frame}: {'; '.join(each.reasons)}" for each in look_first[:_FRAMES_EXPLAINED]]
    others = sorted(each.frame for each in look_first[_FRAMES_EXPLAINED:])
    return [*lines, *([f"then {spans(others)}"] if others else [])]
