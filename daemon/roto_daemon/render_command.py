"""The command `roto render`: shapes drawn as mattes by the rasteriser that all formats are checked against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from roto_daemon.errors import FitError, OutputError, RotoError, writing
from roto_daemon.exit_codes import fail
from roto_daemon.fitting.raster import render_shapes
from roto_daemon.pictures import Matte
from roto_daemon.plates.matte_files import MatteForm, write_matte
from roto_shapes.files import frame_file, make_folder_ready, read_text
from roto_shapes.formats import READ_ENDINGS, read_shapes
from roto_shapes.reading import MAX_BYTES, Given, size_named
from roto_shapes.shape import Roto
from roto_shapes.shot import FrameRange

_MOST_SAMPLES = 256
_SHUTTER = 0.5
"""Of a frame: the half turn that cameras and hosts take by default."""


def render(  # noqa: PLR0913 - each is an option of the command
    shapes: Annotated[str, typer.Argument(metavar="SHAPES", help=f"A file of shapes: {', '.join(READ_ENDINGS)}.")],
    *,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="PATTERN", help="Write mattes here: matte.####.exr, .png or .tif.")
    ],
    frames: Annotated[str, typer.Option(metavar="A-B", help="The frames to draw (default: the plate's).")] = "",
    format_size: Annotated[
        str, typer.Option(metavar="WxH", help="The plate's size, where the file does not say it: 1920x1080.")
    ] = "",
    motion_blur: Annotated[
        int,
        typer.Option(metavar="SAMPLES", min=1, max=_MOST_SAMPLES, help="Drawings a frame, spread over the shutter."),
    ] = 1,
    shutter: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=1, help="How long the shutter is open, of a frame.")
    ] = _SHUTTER,
    matte_bits: Annotated[int, typer.Option(metavar="8|16|32", help="Of a sample; 32 is float.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
) -> None:
    """Draw shapes as mattes: exact coverage, feather, lifetimes and holes. No daemon is needed.

    Example: roto render hero.nk --frames 1001-1100 --out mattes.####.exr
    """
    try:
        roto, notes = _read(Path(shapes), frames, format_size)
        wanted = FrameRange.parse(frames) if frames else roto.plate.frames
        form = MatteForm(matte_bits, "zip", roto.plate.pixel_aspect, roto.plate.frame_rate)
        form.sample(frame_file(out, wanted.first))
        with writing(out):
            make_folder_ready(frame_file(out, wanted.first))
        facts = {"shapes": shapes, **({"engine": str(roto.made_by)} if roto.made_by else {})}
        console = Console(stderr=True)
        with Progress(console=console, disable=not console.is_terminal) as bars:
            for frame in bars.track(wanted, total=len(wanted), description="draw"):
                write_matte(frame_file(out, frame), blurred(roto, frame, motion_blur, shutter), frame, facts, form)
    except (RotoError, ValueError) as error:
        fail(error)
    if as_json:
        typer.echo(json.dumps({"files": out, "frames": str(wanted), "notes": list(notes)}, indent=2))
        return
    typer.echo(f"Wrote {out}, {len(wanted)} frames")
    for note in notes:
        typer.echo(f"Note: {note}", err=True)


def blurred(roto: Roto, frame: int, samples: int, shutter: float) -> Matte:
    """Return the mean of drawings spread evenly over a shutter that is open about the middle of a frame.

    A shape moves within the frame; whether it is there is decided by the frame alone.
    """
    painted = np.zeros((roto.plate.height, roto.plate.width), np.float32)
    for sample in range(samples):
        painted += render_shapes(roto, frame, ((sample + 0.5) / samples - 0.5) * shutter)
    return painted / np.float32(samples)


def _read(path: Path, frames: str, format_size: str) -> tuple[Roto, tuple[str, ...]]:
    """Return the shapes of a file, counted from the frames wanted where the file counts from 0."""
    try:
        given = Given(size_named(format_size) if format_size else None, FrameRange.parse(frames) if frames else None)
        text = read_text(path, MAX_BYTES)
    except ValueError as error:
        raise FitError(f"{error}.") from error
    try:
        roto, notes, _ = read_shapes(text, path, given)
    except ValueError as error:
        raise FitError(f"{path}: {error}.") from error
    if roto.plate.width * roto.plate.height > _MOST_PIXELS:
        raise OutputError(f"A matte of {roto.plate.width}x{roto.plate.height} pixels is too large: give --format-size.")
    return roto, notes


_MOST_PIXELS = 16384 * 16384
"""The largest frame that the daemon takes, too."""
