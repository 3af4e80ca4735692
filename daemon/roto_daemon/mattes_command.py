"""The command `roto mattes`: matte sequences of objects, wherever they come from, put into one file a frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from roto_daemon.errors import OutputError, PlateError, RotoError, Unreadable, writing
from roto_daemon.exit_codes import end_with_unreadable, fail
from roto_daemon.pictures import Matte
from roto_daemon.plates.images import NO_WEIGHTS
from roto_daemon.plates.matte_files import COMPRESSIONS, MatteForm, write_cryptomatte, write_layers
from roto_daemon.plates.mattes import MatteSequence, open_mattes
from roto_shapes.files import frame_file, make_folder_ready
from roto_shapes.shot import FrameRange

Write = Callable[[Path, Mapping[str, Matte], int, Mapping[str, str], MatteForm], None]


def mattes(  # noqa: PLR0913 - each is an option of the command
    objects: Annotated[
        list[str],
        typer.Argument(metavar="NAME=MATTES", help="An object and its mattes: hero=hero.####.exr, a folder, a movie."),
    ],
    *,
    matte_layers: Annotated[
        str, typer.Option(metavar="PATTERN", help="Write one .exr a frame with a layer for each object.")
    ] = "",
    cryptomatte: Annotated[
        str, typer.Option(metavar="PATTERN", help="Write one Cryptomatte .exr a frame with all objects.")
    ] = "",
    frames: Annotated[str, typer.Option(metavar="A-B", help="The frames to write (default: all that there are).")] = "",
    matte_bits: Annotated[int, typer.Option(metavar="16|32", help="Of layers: half or float.")] = 16,
    matte_compression: Annotated[
        str, typer.Option(metavar="|".join(COMPRESSIONS), help="How layers are packed.")
    ] = COMPRESSIONS[0],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
) -> None:
    """Put matte sequences of several objects into one EXR a frame: layers, Cryptomatte. No daemon is needed.

    Example: roto mattes hero=hero.####.exr dog=dog.####.png --cryptomatte all.####.exr
    """
    wanted: list[tuple[str, Write]] = [
        (pattern, write)
        for pattern, write in ((matte_layers, write_layers), (cryptomatte, write_cryptomatte))
        if pattern
    ]
    try:
        if not wanted:
            raise PlateError("Say what to write: --matte-layers or --cryptomatte, with a pattern such as all.####.exr.")
        _require_places([pattern for pattern, _ in wanted])
        form = _form(matte_bits, matte_compression)
        unreadable: dict[str, dict[int, Unreadable]] = {}
        opened = _opened(objects, FrameRange.parse(frames) if frames else None, unreadable)
        count = _write(opened, wanted, form)
    except (RotoError, ValueError) as error:
        fail(error)
    patterns = [pattern for pattern, _ in wanted]
    if as_json:
        typer.echo(json.dumps({"files": patterns, "frames": count, "objects": list(opened)}, indent=2))
    else:
        for pattern in patterns:
            typer.echo(f"Wrote {pattern}, {count} frames")
    end_with_unreadable([error for errors in unreadable.values() for _, error in sorted(errors.items())])


def _form(bits: int, compression: str) -> MatteForm:
    try:
        form = MatteForm(bits, compression)
        form.sample(Path("layers.exr"))
    except OutputError as error:  # what was asked for is wrong, not the disk
        raise PlateError(str(error)) from error
    return form


def _opened(
    objects: list[str], frames: FrameRange | None, unreadable: dict[str, dict[int, Unreadable]]
) -> dict[str, MatteSequence]:
    """Open the mattes of each object; frames that cannot be read are left out, and kept in `unreadable`."""
    found: dict[str, MatteSequence] = {}
    for each in objects:
        name, sign, pattern = each.partition("=")
        if not (name.strip() and sign and pattern):
            raise PlateError(f"'{each}' is no object with its mattes: write NAME=MATTES, such as hero=hero.####.exr.")
        if name in found:
            raise PlateError(f"'{name}' is named twice: give each object a name of its own.")
        found[name] = open_mattes(pattern, frames, unreadable=unreadable.setdefault(name, {}))
    sizes = {name: (sequence.plate.width, sequence.plate.height) for name, sequence in found.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"'{name}' {width}x{height}" for name, (width, height) in sizes.items())
        raise PlateError(f"The mattes are not of one size ({told}): give mattes of one plate.")
    return found


def _write(opened: Mapping[str, MatteSequence], wanted: list[tuple[str, Write]], form: MatteForm) -> int:
    """Write every frame that any object has, but for those that cannot be read of any; return how many."""
    plate = next(iter(opened.values())).plate
    form = MatteForm(form.bits, form.compression, plate.pixel_aspect, plate.frame_rate)
    facts = {
        "object": ", ".join(opened),
        "source": json.dumps({name: each.plate.name for name, each in opened.items()}),
        **_made_by(opened),
    }
    frames = sorted({frame for each in opened.values() for frame in each.plate.frames})
    empty = np.zeros((plate.height, plate.width), np.float32)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bars:
        written = 0
        for frame, found in bars.track(_side_by_side(opened, frames), total=len(frames), description="write"):
            if not found:
                continue
            written += 1
            for pattern, write in wanted:
                write(frame_file(pattern, frame), {name: found.get(name, empty) for name in opened}, frame, facts, form)
    return written


def _made_by(opened: Mapping[str, MatteSequence]) -> dict[str, str]:
    """Return the engines and weights behind the mattes, each once; nothing where no file says any."""
    makers = [each.made_by for each in opened.values() if each.made_by]
    if not makers:
        return {}
    weights = dict.fromkeys(each.weights for each in makers if each.weights)
    engines = dict.fromkeys(each.engine for each in makers)
    return {"engine": ", ".join(engines), "weights": ", ".join(weights) or NO_WEIGHTS}


def _side_by_side(opened: Mapping[str, MatteSequence], frames: list[int]) -> Iterator[tuple[int, dict[str, Matte]]]:
    """Yield the frames with the mattes that there are, one frame of each sequence at a time."""
    running = {name: iter(sequence) for name, sequence in opened.items()}
    ahead = {name: next(running[name], None) for name in opened}
    for frame in frames:
        found = {name: read[1] for name, read in ahead.items() if read and read[0] == frame}
        yield frame, found
        ahead.update({name: next(running[name], None) for name in found})


def _require_places(patterns: list[str]) -> None:
    """Find out before the work whether its result can be written."""
    if len(set(patterns)) < len(patterns):
        raise PlateError(f"'{patterns[0]}' is asked for twice: give each result files of its own.")
    for pattern in patterns:
        first = frame_file(pattern, 0)
        if first.suffix.lower() != ".exr":
            raise PlateError(f"'{pattern}' cannot hold several objects: give a name that ends in .exr.")
        with writing(pattern):
            make_folder_ready(first)
