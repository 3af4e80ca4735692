# ruff: noqa: FA100 - on Python 3.9 typer reads annotations only where they are no strings
"""The command `roto shots`: the shots of an edit, listed or tracked.

OpenTimelineIO is an extra, takes half a second to load, and does not run on Python 3.9: what needs it is imported when
the command runs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from roto_client.discovery import find_daemon
from roto_client.errors import ClientError
from roto_client.options import OBJECT, RESULTS, DaemonOption, EngineOption, JsonOption, print_files, print_json
from roto_client.prompts_file import read_shot_prompts
from roto_client.report import ProgressBars
from roto_client.session import connect
from roto_client.tracking import TrackOrder

HELP = """\
List the shots of an edit, or track them.

It reads .edl, .xml (Final Cut 7, Premiere), .fcpxml, .aaf and .otio files. With --track, what is pointed at in each \
shot is followed as roto track does, into a folder for each shot; a shot that was finished before is left as it is.

Example: roto shots cut.edl --plates '/show/{shot}/plate.####.exr' --track prompts.json --out work
"""
_PLATES = "Plates"


def shots(  # noqa: PLR0913 - each is an option of the command
    *,
    edit: Annotated[str, typer.Argument(metavar="EDIT", help="A file that an editing program exports.")],
    rate: Annotated[
        Optional[float],
        typer.Option(
            metavar="FPS", min=1, max=1000, rich_help_panel=_PLATES, help="Frames a second of an .edl (default: 24)."
        ),
    ] = None,
    plates: Annotated[
        str,
        typer.Option(
            metavar="PATTERN", rich_help_panel=_PLATES, help="Where pulled plates lie: with {shot} for the shot's name."
        ),
    ] = "",
    first_frame: Annotated[
        int,
        typer.Option(metavar="N", rich_help_panel=_PLATES, help="The first frame of each plate, handles included."),
    ] = 1001,
    handles: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=10000, rich_help_panel=_PLATES, help="Frames before and after each cut to do too."
        ),
    ] = 0,
    track: Annotated[
        str,
        typer.Option(metavar="PROMPTS.json", rich_help_panel=OBJECT, help="Track the shots that this file points at."),
    ] = "",
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="FOLDER", rich_help_panel=RESULTS, help="Make each shot's folder here."),
    ] = "",
    also: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="RESULT",
            rich_help_panel=RESULTS,
            help="Write mattes, layers, cryptomatte, preview or sheet too. Repeat for more.",
        ),
    ] = None,
    as_json: JsonOption = False,
    engine: EngineOption = "",
    daemon: DaemonOption = None,
) -> None:
    """List the shots of an edit, or track them."""
    try:
        from roto_client import shot_tracks, shots_report  # noqa: PLC0415 - as said above
        from roto_client.editorial import SHOT_SIGN, Numbering, read_edit  # noqa: PLC0415 - the same
    except ImportError as error:
        raise ClientError(
            "'roto shots' needs OpenTimelineIO and Python 3.10 or newer: pip install 'rotolink[editorial]'."
        ) from error
    if plates and SHOT_SIGN not in plates:
        raise typer.BadParameter("--plates must say by {shot} where the shot's name goes.")
    if bool(track) != bool(out):
        raise typer.BadParameter("--track and --out belong together: say what to track, and where to.")
    numbering = Numbering(first_frame, handles, plates and str(Path(plates).absolute()))
    read = read_edit(edit, rate, numbering)
    if track:
        pointed = read_shot_prompts(track)
        orders = shot_tracks.plan_tracks(read.shots, pointed, numbering, Path(out), also=also or [], engine=engine)
        _track(orders, Path(out), daemon, as_json=as_json)
    elif as_json:
        print_json(shots_report.shots_facts(read, handles))
    else:
        Console().print(shots_report.shots_table(read, handles))
        print_files((), read.notes)


def _track(orders: Mapping[str, TrackOrder], folder: Path, daemon: Optional[str], *, as_json: bool) -> None:
    from roto_client import shot_tracks, shots_report  # noqa: PLC0415 - as said above

    results = []
    with connect(find_daemon(daemon).address) as met, ProgressBars(Console(stderr=True)) as bars:
        for result in shot_tracks.track_shots(met, orders, folder, bars):
            results.append(result)
            if result.error is not None:
                typer.echo(f"roto: {result.shot}: {result.error}", err=True)
            elif not as_json:
                typer.echo(f"{result.shot}: {result.state}, {result.folder}")
    if as_json:
        print_json([shots_report.result_facts(each) for each in results])
    failed = [result.error for result in results if result.error is not None]
    if failed:
        raise typer.Exit(failed[0].exit_code)
