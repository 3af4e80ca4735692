# ruff: noqa: FA100 - on Python 3.9 typer reads annotations only where they are no strings
"""The command `roto find`: what words may mean on a frame of a plate."""

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from roto_client import arguments
from roto_client.discovery import find_daemon
from roto_client.options import (
    RESULTS,
    ColourSpaceOption,
    DaemonOption,
    FirstFrameOption,
    LayerOption,
    print_json,
)
from roto_client.results import FoundObject
from roto_client.session import connect
from roto_shapes.shot import PlatePath

HELP = """\
List what words may mean on a frame: boxes with scores, to point at.

A daemon must run that has a network for it: roto-daemon models pull grounding-dino-tiny grounding-dino-tiny-tokenizer.

Example: roto find plate.####.exr "red car" --frame 1001
"""


def find(  # noqa: PLR0913 - each is an option of the command
    *,
    plate: Annotated[
        str,
        typer.Argument(metavar="PLATE", parser=arguments.sendable, help="As for roto track. The daemon reads it."),
    ],
    phrase: Annotated[str, typer.Argument(metavar="WORDS", parser=arguments.sendable, help="What to find.")],
    frame: Annotated[
        Optional[int], typer.Option(metavar="N", help="The frame to look at (default: the plate's first).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=RESULTS, help="Print the boxes as JSON, and nothing else.")
    ] = False,
    first_frame: FirstFrameOption = None,
    colour_space: ColourSpaceOption = "",
    layer: LayerOption = "",
    daemon: DaemonOption = None,
) -> None:
    """List what words may mean on a frame."""
    source = PlatePath(str(Path(plate).absolute()), first_frame=first_frame, colour_space=colour_space, layer=layer)
    with connect(find_daemon(daemon).address) as met, met.open_plate(source) as opened:
        at = opened.plate.frames.first if frame is None else frame
        found = opened.find_objects(at, phrase)
    if as_json:
        print_json({"frame": at, "objects": [_facts(each) for each in found]})
        return
    table = Table("candidate", "score", "words", "box", title=f"'{phrase}' on frame {at}", title_justify="left")
    for number, each in enumerate(found, 1):
        table.add_row(str(number), f"{each.score:.2f}", each.words, f"{at}:{','.join(map(str, _edges(each)))}")
    Console().print(table)


def _facts(found: FoundObject) -> dict[str, object]:
    return {"score": round(found.score, 4), "words": found.words, "box": _edges(found)}


def _edges(found: FoundObject) -> list[float]:
    """Return left, top, right and bottom, to a tenth of a pixel."""
    return [round(each, 1) for each in (found.box.x0, found.box.y0, found.box.x1, found.box.y1)]
