# ruff: noqa: FA100 - on Python 3.9 typer reads annotations only where they are no strings
"""The command `roto`: track, export, doctor, and the commands that other packages add.

This module and `options` are the only places of the client that read the environment.
"""

import functools
import importlib.metadata
import os
import platform
import sys
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Callable, NoReturn, Optional

import typer
import typer.core
import typer.main
from rich.console import Console

from roto_client import (
    arguments,
    convert_command,
    daemons_command,
    find_command,
    interrupts,
    plug_ins,
    plugins_command,
    sessions_command,
    shots_command,
)
from roto_client.discovery import find_daemon
from roto_client.errors import BadInputError, ClientError, FramesUnreadableError
from roto_client.options import (
    OBJECT,
    RESULTS,
    SETTINGS,
    BandOption,
    ColourSpaceOption,
    DaemonOption,
    EngineOption,
    FirstFrameOption,
    ForegroundOption,
    JsonOption,
    LayerOption,
    MattingOption,
    NativeEdgesOption,
    print_files,
    print_json,
)
from roto_client.prompts_file import read_objects
from roto_client.report import (
    ProgressBars,
    engines_table,
    track_facts,
    track_tables,
)
from roto_client.results import Matting
from roto_client.session import connect
from roto_client.tracking import ObjectPrompts, TrackOrder, Words, require_outputs
from roto_client.tracking import track as run_track
from roto_shapes.fit_options import FitOptions
from roto_shapes.shape import Interpolation
from roto_shapes.shot import FrameRange, PlatePath

_EXIT_CODES = (
    "Exit codes: 0 done · 1 unexpected · 2 wrong options · 3 bad input · 4 no daemon answers · 5 daemon of another "
    "version · 6 a file cannot be written · 7 the work failed in the daemon · 8 engine cannot be used · 9 daemon busy "
    "· 10 done but for unreadable frames · 11 changed elsewhere · 12 access token · 130 interrupted. "
    "docs/reference/cli.md tells more."
)
_TRACK_HELP = """\
Follow an object through a plate and write its shapes.

Point at the object on any frame with --click or --box, or say what it is with --text. It is followed from there to \
the end of the frames and back to their start. A daemon must run: roto-daemon serve. Folders for results are made when \
they are missing.

Example: roto track plate.####.exr --click 1001:640,400 --out hero.nk
"""
_DOCTOR_HELP = """\
Say what is installed, which daemon answers, and what it can do.

It ends with 0 when a daemon answers, else with the exit code of what is wrong.
"""
_SHAPES = "Its shapes"


class _Group(typer.core.TyperGroup):
    """Commands of this package, and behind them those that others add; these are loaded only when they are needed."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer's context
        own = super().list_commands(ctx)
        return [*own, *(name for name in plug_ins.names() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - a command of typer's
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in plug_ins.names():
            return own
        single = typer.Typer(add_completion=False)
        single.command(cmd_name, epilog=_EXIT_CODES)(_sentences(plug_ins.load(cmd_name)))
        command = typer.main.get_command(single)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Group,
    help="Click an object in a plate; get an ordinary animated roto shape, a few points and a few keyframes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _sentences(command: Callable[..., Any]) -> Callable[..., Any]:
    """Make a command end every error with one sentence and its exit code."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:  # noqa: ANN401 - whatever the command takes
        try:
            with interrupts.raised():
                command(*args, **options)
        except KeyboardInterrupt:
            _end("interrupted; files that were written are whole.", interrupts.CODE)
        except ClientError as error:
            _show_trace(error)
            _end(str(error), error.exit_code)

    return run


def _end(sentence: str, code: int) -> NoReturn:
    typer.echo(f"roto: {sentence}", err=True)
    raise typer.Exit(code)


def _show_trace(error: BaseException) -> None:
    if os.environ.get("ROTO_DEBUG"):
        typer.echo("".join(traceback.format_exception(type(error), error, error.__traceback__)), err=True)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        typer.echo(f"roto {importlib.metadata.version('rotolink')}")
        raise typer.Exit


@app.callback()
def roto(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Click an object in a plate; get an ordinary animated roto shape, a few points and a few keyframes."""


OutOption = Annotated[
    list[str],
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        parser=arguments.shapes_file,
        rich_help_panel=RESULTS,
        help="Write the shapes here: .nk for Nuke, .json for the public JSON. Repeat for more files.",
    ),
]


@app.command(epilog=_EXIT_CODES, help=_TRACK_HELP)
@_sentences
def track(  # noqa: PLR0913 - each is an option of the command
    *,
    plate: Annotated[
        str,
        typer.Argument(
            metavar="PLATE",
            parser=arguments.sendable,
            help="plate.####.exr, plate.%04d.png, a folder, one file of a sequence, or a movie. The daemon reads it.",
        ),
    ],
    click: Annotated[
        Optional[list[arguments.Click]],
        typer.Option(
            metavar="F:X,Y",
            parser=arguments.click,
            rich_help_panel=OBJECT,
            help="A place on the object: frame, and pixels from the plate's top-left corner. Repeat for more.",
        ),
    ] = None,
    exclude: Annotated[
        Optional[list[arguments.Click]],
        typer.Option(
            metavar="F:X,Y",
            parser=arguments.click,
            rich_help_panel=OBJECT,
            help="A place that is not the object. Repeat for more.",
        ),
    ] = None,
    box: Annotated[
        Optional[list[arguments.Box]],
        typer.Option(
            metavar="F:X0,Y0,X1,Y1",
            parser=arguments.box,
            rich_help_panel=OBJECT,
            help="A box round the object: left, top, right, bottom. One a frame.",
        ),
    ] = None,
    text: Annotated[
        Optional[Words],
        typer.Option(
            metavar="[F:]WORDS",
            parser=arguments.words,
            rich_help_panel=OBJECT,
            help="What the object is, such as 'red car', instead of a box; F is where to look (default: first).",
        ),
    ] = None,
    candidate: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, rich_help_panel=OBJECT, help="Which of the objects that roto find lists for --text."
        ),
    ] = 1,
    prompts: Annotated[
        str,
        typer.Option(
            metavar="FILE.json", rich_help_panel=OBJECT, help="Instead: several objects, each with its places."
        ),
    ] = "",
    frames: Annotated[
        Optional[FrameRange],
        typer.Option(
            metavar="A-B",
            parser=arguments.frame_range,
            rich_help_panel=OBJECT,
            help="The frames to do, both included (default: the whole plate).",
        ),
    ] = None,
    handles: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=arguments.LARGEST_FRAME,
            rich_help_panel=OBJECT,
            help="Do so many further frames at each end of --frames, as far as there are.",
        ),
    ] = 0,
    name: Annotated[
        Optional[str],
        typer.Option(
            metavar="TEXT",
            parser=arguments.sendable,
            rich_help_panel=OBJECT,
            help="The object's name; shapes are named after it (default: object).",
        ),
    ] = None,
    out: OutOption,
    tolerance: Annotated[
        Optional[float],
        typer.Option(
            metavar="PX",
            parser=arguments.tolerance_px,
            rich_help_panel=_SHAPES,
            help="How far the shape may lie from the matte's edge, in pixels (default: 1).",
        ),
    ] = None,
    points: Annotated[
        Optional[int],
        typer.Option(
            metavar="N", rich_help_panel=_SHAPES, help="At most so many points a shape, instead of a tolerance."
        ),
    ] = None,
    parts: Annotated[
        str,
        typer.Option(
            metavar="auto|N",
            rich_help_panel=_SHAPES,
            help="Split a jointed outline at its necks into overlapping parts, at most N.",
        ),
    ] = "1",
    threshold: Annotated[
        float,
        typer.Option(metavar="LEVEL", rich_help_panel=_SHAPES, help="The coverage, 0 to 1, that is the matte's edge."),
    ] = 0.5,
    interpolation: Annotated[
        Optional[Interpolation],
        typer.Option(rich_help_panel=_SHAPES, help="How points move between keyframes (default: linear)."),
    ] = None,
    keyframes: Annotated[
        str,
        typer.Option(
            metavar="FRAMES",
            rich_help_panel=_SHAPES,
            help="Frames that must be keyframes, such as 1001,1010.",
        ),
    ] = "",
    every: Annotated[
        Optional[int],
        typer.Option(metavar="N", rich_help_panel=_SHAPES, help="Also a keyframe at every so many frames of a shape."),
    ] = None,
    layers: Annotated[
        bool,
        typer.Option(
            "--layers",
            rich_help_panel=_SHAPES,
            help="Key motion that a whole outline shares on a layer above its points.",
        ),
    ] = False,
    offset: Annotated[
        float,
        typer.Option(
            metavar="PX", rich_help_panel=_SHAPES, help="Move the edge by so much on every frame; negative shrinks."
        ),
    ] = 0.0,
    feather: Annotated[
        bool,
        typer.Option(
            "--feather",
            rich_help_panel=_SHAPES,
            help="Give each point a feather as wide as the mattes' soft edge is there.",
        ),
    ] = False,
    mattes: Annotated[
        Optional[str],
        typer.Option(
            metavar="PATTERN",
            parser=arguments.mattes_pattern,
            rich_help_panel=RESULTS,
            help="Write mattes too, for example mattes/hero.####.exr (or .png, .tif; {object} for one each).",
        ),
    ] = None,
    matte_layers: Annotated[
        Optional[str],
        typer.Option(
            metavar="PATTERN",
            parser=arguments.objects_pattern,
            rich_help_panel=RESULTS,
            help="Write one .exr a frame with a layer for each object too.",
        ),
    ] = None,
    cryptomatte: Annotated[
        Optional[str],
        typer.Option(
            metavar="PATTERN",
            parser=arguments.objects_pattern,
            rich_help_panel=RESULTS,
            help="Write one Cryptomatte .exr a frame with all objects too.",
        ),
    ] = None,
    foreground: ForegroundOption = None,
    matting: MattingOption = "",
    band: BandOption = None,
    matte_bits: Annotated[
        Optional[int],
        typer.Option(
            metavar="8|16|32",
            rich_help_panel=RESULTS,
            help="Bits a sample of mattes and layers; in .exr 16 is half and 32 float (default: 16).",
        ),
    ] = None,
    matte_compression: Annotated[
        str,
        typer.Option(
            metavar="zip|dwaa", rich_help_panel=RESULTS, help="How .exr mattes and layers are packed (default: zip)."
        ),
    ] = "",
    preview: Annotated[
        Optional[str],
        typer.Option(
            metavar="FILE",
            parser=arguments.movie_file,
            rich_help_panel=RESULTS,
            help="Write a movie too: .mp4 of plate, matte and outline, or .mov (ProRes 4444) with the matte as alpha.",
        ),
    ] = None,
    sheet: Annotated[
        Optional[str],
        typer.Option(
            metavar="FILE",
            parser=arguments.picture_file,
            rich_help_panel=RESULTS,
            help="Write a contact sheet (.png) too: plate, matte, and shape with its control points.",
        ),
    ] = None,
    report: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="FILE",
            parser=arguments.report_file,
            rich_help_panel=RESULTS,
            help="Write the quality of the shapes too: .html with pictures, or .json. Repeat for more.",
        ),
    ] = None,
    credit: Annotated[
        str,
        typer.Option(metavar="TEXT", rich_help_panel=RESULTS, help="A line of credit on the movie and the sheet."),
    ] = "",
    as_json: JsonOption = False,
    engine: EngineOption = "",
    native_edges: NativeEdgesOption = False,
    first_frame: FirstFrameOption = None,
    colour_space: ColourSpaceOption = "",
    timecode: Annotated[
        str,
        typer.Option(
            metavar="HH:MM:SS:FF",
            parser=arguments.sendable,
            rich_help_panel=SETTINGS,
            help="The movie's timecode that --first-frame numbers (default: that of its first frame).",
        ),
    ] = "",
    proxy: Annotated[
        str,
        typer.Option(
            metavar="PROXY",
            parser=arguments.sendable,
            rich_help_panel=SETTINGS,
            help="Smaller images or a movie of the same frames to read instead; coordinates stay PLATE's.",
        ),
    ] = "",
    ocio_config: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            parser=arguments.ocio_config,
            rich_help_panel=SETTINGS,
            help="The OCIO configuration; the daemon reads it (default: the daemon's).",
        ),
    ] = "",
    layer: LayerOption = "",
    daemon: DaemonOption = None,
) -> None:
    """Follow an object through a plate and write its shapes."""
    if prompts:
        if click or exclude or box or name or text:
            raise typer.BadParameter(
                "--prompts names the objects and their places: leave out --click, --box, --text, --name."
            )
        objects = read_objects(prompts)
    else:
        pointed = arguments.gathered_prompts(click or [], exclude or [], box or [], text)
        words = replace(text, candidate=candidate) if text else None
        objects = (ObjectPrompts(name or (text.phrase if text else "object"), pointed, words),)
    try:
        fit = replace(
            FitOptions.bounded(tolerance, points),
            parts=arguments.parts(parts),
            threshold=threshold,
            interpolation=interpolation or Interpolation.LINEAR,
            keyframes_at=arguments.frame_list(keyframes),
            keyframe_step=every,
            layers=layers,
            offset_px=offset,
            feather=feather,
        )
    except ValueError as error:
        raise BadInputError(f"{error}.") from error
    order = TrackOrder(
        plate=PlatePath(
            str(Path(plate).absolute()),
            frames,
            first_frame=first_frame,
            colour_space=colour_space,
            ocio_config=ocio_config,
            layer=layer,
            proxy=str(Path(proxy).absolute()) if proxy else "",
            handles=handles,
            timecode=timecode,
        ),
        objects=objects,
        outs=tuple(out),
        engine=engine,
        fit=fit,
        mattes=mattes or "",
        layers=matte_layers or "",
        cryptomatte=cryptomatte or "",
        foreground=foreground or "",
        native_edges=native_edges,
        matting=Matting(matting, band or 0) if matting or band else None,
        matte_bits=matte_bits or 0,
        matte_compression=matte_compression,
        preview=preview or "",
        sheet=sheet or "",
        reports=tuple(report or ()),
        credit=credit,
    )
    require_outputs(order)
    with connect(find_daemon(daemon).address) as met, ProgressBars(Console(stderr=True)) as bars:
        result = run_track(met, order, bars)
    if as_json:
        print_json(track_facts(result))
    else:
        console = Console()
        for table in track_tables(result):
            console.print(table)
        print_files(result.files, result.notes)
    if result.unreadable:
        raise FramesUnreadableError(result.unreadable)


app.command("shots", epilog=_EXIT_CODES, help=shots_command.HELP)(_sentences(shots_command.shots))


app.command("find", epilog=_EXIT_CODES, help=find_command.HELP)(_sentences(find_command.find))
app.command("sessions", epilog=_EXIT_CODES, help=sessions_command.HELP)(_sentences(sessions_command.sessions))
app.command("daemons", epilog=_EXIT_CODES, help=daemons_command.HELP)(_sentences(daemons_command.daemons))


app.command("convert", epilog=_EXIT_CODES, help=convert_command.HELP)(_sentences(convert_command.convert))


_plugins = typer.Typer(no_args_is_help=True, help=plugins_command.HELP, epilog=_EXIT_CODES)
app.add_typer(_plugins, name="plugins")
_plugins.command("install", epilog=_EXIT_CODES, help=plugins_command.INSTALL_HELP)(_sentences(plugins_command.install))
_plugins.command("list", epilog=_EXIT_CODES, help=plugins_command.LIST_HELP)(_sentences(plugins_command.listing))
_plugins.command("uninstall", epilog=_EXIT_CODES, help=plugins_command.UNINSTALL_HELP)(
    _sentences(plugins_command.uninstall)
)
_plugins.command("doctor", epilog=_EXIT_CODES, help=plugins_command.DOCTOR_HELP)(_sentences(plugins_command.doctor))


@app.command(epilog=_EXIT_CODES, help=_DOCTOR_HELP)
@_sentences
def doctor(*, daemon: DaemonOption = None, as_json: JsonOption = False) -> None:
    """Say what is installed, which daemon answers, and what it can do."""
    daemon_place = find_daemon(daemon)
    report: dict[str, Any] = {
        "rotolink": importlib.metadata.version("rotolink"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: importlib.metadata.version(name) for name in ("grpcio", "protobuf")},
        "address": daemon_place.address,
        "address_from": daemon_place.source,
    }
    console = Console()
    if not as_json:
        libraries = ", ".join(f"{name} {version}" for name, version in report["libraries"].items())
        console.print(f"Rotolink {report['rotolink']} on Python {report['python']} ({libraries}), {report['platform']}")
        console.print(f"Daemon: {daemon_place.address}, from {daemon_place.source}")
    try:
        with connect(daemon_place.address) as met:
            engines = met.engines()
            report["daemon"] = {
                "reached_by": met.reached_by,
                "version": met.info.version,
                "protocol": "{}.{}".format(*met.info.api),
                "features": sorted(met.info.features),
                "limits": asdict(met.info.limits),
                "round_trip_ms": round(met.round_trip_s() * 1000, 2),
            }
    except ClientError as error:
        if as_json:
            print_json({**report, "daemon": None, "error": str(error)})
        raise
    if as_json:
        listed = [{**asdict(engine), "prompts": sorted(engine.prompts)} for engine in engines]
        print_json({**report, "engines": listed})
        return
    facts = report["daemon"]
    console.print(
        f"It answers: Rotolink {facts['version']}, protocol {facts['protocol']}, "
        f"{facts['round_trip_ms']} ms there and back, by {facts['reached_by']}"
    )
    console.print(engines_table(engines))


def main() -> None:
    """Run the command line; ends the process."""
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the outermost border: a person gets a sentence, ROTO_DEBUG the trace
        _show_trace(error)
        typer.echo(
            f"roto: something unexpected happened ({type(error).__name__}: {error}). "
            "Please report it; ROTO_DEBUG=1 shows where.",
            err=True,
        )
        sys.exit(1)
