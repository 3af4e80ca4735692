# ruff: noqa: FA100 - on Python 3.9 typer reads annotations only where they are no strings
"""The command `roto convert`: shapes from any format that can be read into any that can be written."""

import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple, Optional

import typer

from roto_client import arguments
from roto_client.arguments import PROJECT_ENDING
from roto_client.errors import BadInputError, ClientError
from roto_client.options import RESULTS, JsonOption, print_files, print_json
from roto_client.outputs import require_place, write_pieces
from roto_shapes import files
from roto_shapes.difference import Distance, distances
from roto_shapes.files import AnyPath
from roto_shapes.formats import FORMATS, PUT_ENDINGS, READ_ENDINGS, export, format_ending, put_into, read_shapes
from roto_shapes.layers import BAKING_TOLERANCE_PX
from roto_shapes.reading import MAX_BYTES, Given, Reading, size_named
from roto_shapes.shape import Roto
from roto_shapes.shot import FrameRange

_READ = (*READ_ENDINGS, PROJECT_ENDING)

HELP = f"""\
Convert shapes: from any format that is read ({", ".join(_READ)}) into others. No daemon is needed.

What was written is read back and compared with the source, where the format can be read. What a format cannot hold is \
said, and where a host moves points in another way, keyframes are added until it agrees.

Example: roto convert hero.nk hero.fxs hero.lottie.json --report differences.json
"""

REPORT_FORMAT = "rotolink.conversion"
"""What a report calls itself; docs/reference/conversion.schema.json is its schema."""

_PLATE = "The plate, where a file does not say"


def convert(  # noqa: PLR0913 - each is an option of the command
    *,
    source: Annotated[str, typer.Argument(metavar="IN", help="A file of shapes.")],
    targets: Annotated[
        list[str],
        typer.Argument(metavar="OUT...", parser=arguments.converted_file, help="Files to write, by their endings."),
    ],
    frames: Annotated[
        Optional[FrameRange],
        typer.Option(
            metavar="A-B",
            parser=arguments.frame_range,
            rich_help_panel=_PLATE,
            help="The frames to keep of shapes.",
        ),
    ] = None,
    fps: Annotated[
        Optional[float],
        typer.Option(metavar="RATE", min=0.001, max=1000, rich_help_panel=_PLATE, help="Its frame rate."),
    ] = None,
    format_size: Annotated[
        str, typer.Option(metavar="WxH", rich_help_panel=_PLATE, help="Width and height in pixels, as 1920x1080.")
    ] = "",
    pixel_aspect: Annotated[
        Optional[float],
        typer.Option(metavar="RATIO", min=0.01, max=100, rich_help_panel=_PLATE, help="A pixel's width by its height."),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="PX",
            parser=arguments.tolerance_px,
            rich_help_panel=RESULTS,
            help="How closely motion is kept where a format moves points in another way; more makes fewer keyframes.",
        ),
    ] = BAKING_TOLERANCE_PX,
    into: Annotated[
        str,
        typer.Option(
            metavar="SCRIPT",
            rich_help_panel=RESULTS,
            help=f"Write this script with the shapes in it, all else as it is: {', '.join(PUT_ENDINGS)}.",
        ),
    ] = "",
    node: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            rich_help_panel=RESULTS,
            help="Nuke's Roto node in SCRIPT whose shapes are replaced; one of a new name is added.",
        ),
    ] = "",
    report: Annotated[
        str, typer.Option(metavar="FILE.json", rich_help_panel=RESULTS, help="Write all differences in numbers.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Convert shapes."""
    for place in [*targets, *([report] if report else [])]:
        require_place(place)
    if node and not into:
        raise typer.BadParameter("--node names a node of a script: give the script by --into.")
    given = Given(_size(format_size) if format_size else None, frames, fps, pixel_aspect)
    script = read_text(Path(into)) if into else None
    made = {target: converted(Path(source), target, given, tolerance) for target in targets}
    if script is not None:
        made = {target: merged(script, each, target, node) for target, each in made.items()}
    facts = {target: each.report() for target, each in made.items()}
    document = {"format": REPORT_FORMAT, "version": 1, "source": source, "targets": facts}
    for target, each in made.items():
        write_pieces(target, [each.data])
    if report:
        write_pieces(report, [json.dumps(document, indent=2).encode()])
    if as_json:
        print_json(document)
        return
    several = len(made) > 1
    notes = [f"{target}: {note}" if several else note for target, each in made.items() for note in each.notes]
    print_files([*targets, *([report] if report else [])], list(dict.fromkeys(notes)))
    for target, each in made.items():
        typer.echo(each.sentence(target))


class Conversion(NamedTuple):
    """What a conversion makes, and what the artist should know of it."""

    data: bytes
    source: Roto
    notes: tuple[str, ...]
    """Of reading and of writing, a sentence each."""
    distances: Optional[list[Distance]]
    """How far what was written lies from what was read; None for a format that cannot be read back."""
    keyframes: int = 0
    """How many keyframes the shapes have that were read back."""

    def report(self) -> dict[str, Any]:
        """Return what a report file holds."""
        found = self.distances
        measured = None
        if found is not None:
            measured = {
                "largest_px": max((each.px for each in found), default=0.0),
                "largest_between_frames_px": max((each.between_px for each in found), default=0.0),
                "keyframes": self.keyframes,
                "shapes": [each._asdict() for each in found],
            }
        keyframes = sum(len(shape.keyframes) for shape in self.source.shapes)
        return {
            "shapes": len(self.source.shapes),
            "keyframes": keyframes,
            "notes": list(self.notes),
            "difference": measured,
        }

    def sentence(self, target: str) -> str:
        """Return the difference in one sentence."""
        if self.distances is None:
            return f"{target}: this format is not read back, so the difference was not measured."
        if not self.distances:
            return f"{target}: no shapes."
        worst = max(self.distances, key=lambda each: each.px)
        lost = sum(len(each.missing) for each in self.distances)
        gone = f"; on {lost} frames a shape has nothing in its place" if lost else ""
        return f"{target}: at most {worst.px:.3g} px off, in '{worst.name}' on frame {worst.frame}{gone}."


def converted(path: Path, target: str, given: Given, tolerance_px: float = BAKING_TOLERANCE_PX) -> Conversion:
    """Return the shapes of a file in the format that `target` ends in, and how far they lie from those of the file.

    With `given.frames`, shapes end and begin where these do. Motion is kept as by `export`. Raises BadInputError.
    """
    try:
        roto, read_notes, _ = read_file(path, given)
        source = cut_to(roto, given.frames) if given.frames is not None else roto
        data, notes = _written(source, target, tolerance_px)
        plate = source.plate
        known = Given((plate.width, plate.height), plate.frames, plate.frame_rate, plate.pixel_aspect)
        back = _read_back(data, target, known)
    except ValueError as error:
        raise BadInputError(f"{path}: {error}.") from error
    found = None if back is None else distances(source, back)
    keyframes = 0 if back is None else sum(len(shape.keyframes) for shape in back.shapes)
    return Conversion(data, source, (*read_notes, *notes), found, keyframes)


def read_file(path: Path, given: Given) -> Reading:
    """Return the shapes of a file of any format that is read. Raises BadInputError, and ValueError as its reader."""
    if _is_project(path):
        try:
            data = files.read_whole(path, MAX_BYTES)
        except ValueError as error:
            raise BadInputError(f"{error}.") from error
        reading: Reading = _projects().decode(data, given)
        return reading
    return read_shapes(read_text(path), path, given)


def _written(roto: Roto, target: str, tolerance_px: float) -> tuple[bytes, tuple[str, ...]]:
    if _is_project(target):
        project: tuple[bytes, tuple[str, ...]] = _projects().encode(roto, tolerance_px)
        return project
    text, notes = export(roto, target, tolerance_px)
    return text.encode(), notes


def _read_back(data: bytes, target: str, known: Given) -> Optional[Roto]:
    """Return what was written as it reads; None for a format that is not read."""
    if _is_project(target):
        reading: Reading = _projects().decode(data, known)
        return reading.roto
    return read_shapes(data.decode(), target, known).roto if FORMATS[format_ending(target)].read is not None else None


def _is_project(path: AnyPath) -> bool:
    return Path(path).name.lower().endswith(PROJECT_ENDING)


def _projects() -> ModuleType:
    """Return what reads and writes projects of After Effects: it needs a package of many megabytes, an extra."""
    try:
        return importlib.import_module("roto_client.aep")
    except ImportError as error:
        message = f"Projects of After Effects need the package py-aep: pip install 'rotolink[aep]' ({error})."
        raise ClientError(message) from error


def merged(script: str, made: Conversion, target: str, node: str) -> Conversion:
    """Return a conversion whose text is a script with the shapes in it, as `put_into`. Raises BadInputError."""
    if _is_project(target):
        raise BadInputError(f"'{target}' is no script: --into is for {', '.join(PUT_ENDINGS)}.")
    try:
        text, notes = put_into(script, made.data.decode(), target, node)
    except ValueError as error:
        raise BadInputError(f"The shapes cannot be put into the script: {error}.") from error
    return made._replace(data=text.encode(), notes=(*made.notes, *notes))


def read_text(path: Path) -> str:
    """Return a text file; raises BadInputError with a sentence."""
    try:
        return files.read_text(path, MAX_BYTES)
    except ValueError as error:
        raise BadInputError(f"{error}.") from error


def cut_to(roto: Roto, frames: FrameRange) -> Roto:
    """Return a roto whose shapes live on some frames alone; those with nothing to show there are left out."""
    shapes = []
    for shape in roto.shapes:
        first, last = max(shape.lifetime.first, frames.first), min(shape.lifetime.last, frames.last)
        if first <= last:
            shapes.append(replace(shape, lifetime=FrameRange(first, last)))
    return replace(roto, plate=replace(roto.plate, frames=frames), shapes=tuple(shapes))


def _size(text: str) -> tuple[int, int]:
    try:
        return size_named(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from error
