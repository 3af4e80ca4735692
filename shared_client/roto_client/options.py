"""Options that several commands of `roto` have, and how all of them print."""

import json
from collections.abc import Sequence
from typing import Annotated, Optional

import typer

from roto_client import arguments

OBJECT, RESULTS, SETTINGS = "The object", "Results", "Settings"
"""Headings of the help."""

DaemonOption = Annotated[
    Optional[str],
    typer.Option(
        "--daemon",
        metavar="HOST:PORT",
        parser=arguments.address,
        rich_help_panel=SETTINGS,
        help="Where the daemon is, or http://HOST:PORT (default: as roto daemons --help says).",
    ),
]
EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        rich_help_panel=SETTINGS,
        help="The engine (default: the daemon's); roto doctor lists them.",
    ),
]
FirstFrameOption = Annotated[
    Optional[int],
    typer.Option(metavar="N", rich_help_panel=SETTINGS, help="The number of a movie's first frame (default: 0)."),
]
ColourSpaceOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        parser=arguments.sendable,
        rich_help_panel=SETTINGS,
        help="The plate's colour space, by OCIO's name, sRGB or scene-linear (default: what its files say).",
    ),
]
LayerOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        parser=arguments.sendable,
        rich_help_panel=SETTINGS,
        help="A layer or part of the images, or channels with commas (default: the first red, green and blue).",
    ),
]
ForegroundOption = Annotated[
    Optional[str],
    typer.Option(
        metavar="PATTERN",
        parser=arguments.objects_pattern,
        rich_help_panel=RESULTS,
        help="Write the object without its background too: premultiplied light and alpha, .exr.",
    ),
]
MattingOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        parser=arguments.sendable,
        rich_help_panel=RESULTS,
        help="Give what is written of mattes the plate's soft edges: guided, closed-form or vitmatte.",
    ),
]
BandOption = Annotated[
    Optional[float],
    typer.Option(
        metavar="PX",
        min=0.1,
        rich_help_panel=RESULTS,
        help="With --matting: how far from the edge (default: as far as mattes are soft).",
    ),
]
NativeEdgesOption = Annotated[
    bool,
    typer.Option(
        "--native-edges",
        rich_help_panel=SETTINGS,
        help="Find edges again at the plate's resolution where the engine's masks are smaller; slower.",
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", rich_help_panel=RESULTS, help="Print the result as JSON, and nothing else, for scripts."),
]


def print_json(facts: object) -> None:
    """Print a result for a program."""
    typer.echo(json.dumps(facts, indent=2))


def print_files(files: Sequence[str], notes: Sequence[str]) -> None:
    """Say what was written, and on standard error what should be known of it."""
    for file in files:
        typer.echo(f"Wrote {file}")
    for note in notes:
        typer.echo(f"Note: {note}", err=True)
