"""The command `roto refine`: masks on a disk into mattes with the soft edges that the plate shows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import load
from roto_daemon.engines.edges import regained
from roto_daemon.engines.matting import (
    MATTERS,
    MatteFrame,
    Matter,
    find_matte,
    find_matter,
    smoothed,
    taken_out,
    weights_of,
)
from roto_daemon.errors import PlateError, RotoError, writing
from roto_daemon.exit_codes import fail
from roto_daemon.plates.images import NO_WEIGHTS
from roto_daemon.plates.matte_files import COMPRESSIONS, MATTE_ENDINGS, MatteForm, write_foreground, write_matte
from roto_daemon.plates.mattes import MatteSequence, open_mattes
from roto_daemon.plates.reader import PlateReader, open_plate
from roto_shapes.files import frame_file, make_folder_ready
from roto_shapes.shot import FrameRange, PlatePath

_SHAPE_PX, _SHAPE_SHARE = 1.5, 0.01
"""How far the height of smaller masks may be from the plate's shape: sizes are rounded."""


@dataclass(frozen=True)
class _Order:
    """What is written of each frame, and how it is found."""

    out: str
    foreground: str
    form: MatteForm
    matter: Matter
    matter_name: str
    matter_weights: str
    """As files tell of them; empty for a way of matting without."""
    band_px: float | None
    made_at_px: int
    """The longer side that masks are brought to before they grow to the plate; 0 for the size they have."""
    steady: bool


def refine(  # noqa: PLR0913 - each is an option of the command
    masks: Annotated[
        str,
        typer.Argument(
            metavar="MASKS", help="mask.####.png, mask.%04d.exr, a folder, one file of a sequence, or a movie."
        ),
    ],
    *,
    plate: Annotated[str, typer.Option(metavar="PLATE", help="The footage of the masks, written like MASKS.")],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="PATTERN", help="Write mattes here: hero.####.exr, .png or .tif.")
    ] = "",
    foreground: Annotated[
        str,
        typer.Option(
            "--foreground",
            metavar="PATTERN",
            help="Write the object without its background here: premultiplied light and alpha, .exr.",
        ),
    ] = "",
    frames: Annotated[str, typer.Option(metavar="A-B", help="The frames to do (default: all masks).")] = "",
    band: Annotated[
        float | None,
        typer.Option(
            metavar="PX",
            help="How far to either side of the edge coverage is unknown (default: as far as the masks are soft).",
        ),
    ] = None,
    made_at: Annotated[
        int,
        typer.Option(
            metavar="PX",
            min=0,
            help="The longer side at which a model made masks that were enlarged since, such as 1024.",
        ),
    ] = 0,
    matting: Annotated[str, typer.Option(metavar="|".join(MATTERS), help="How coverage is found there.")] = MATTERS[0],
    weights: Annotated[
        str, typer.Option(metavar="FILE", help="Of vitmatte: its weights (default: those of roto-daemon models).")
    ] = "",
    steady: Annotated[
        bool, typer.Option("--steady/--no-steady", help="Weigh each frame with those before and after it.")
    ] = True,
    matte_bits: Annotated[int, typer.Option(metavar="8|16|32", help="Of a sample; in .exr half or float.")] = 16,
    matte_compression: Annotated[
        str, typer.Option(metavar="|".join(COMPRESSIONS), help="How .exr files are packed.")
    ] = COMPRESSIONS[0],
    first_frame: Annotated[int | None, typer.Option(metavar="N", help="The number of a movie's first frame.")] = None,
    colour_space: Annotated[
        str, typer.Option(metavar="NAME", help="The plate's colour space (default: what its files say).")
    ] = "",
    layer: Annotated[
        str, typer.Option(metavar="NAME", help="Which layer of the plate's images shows the object.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
) -> None:
    """Turn masks into mattes with soft edges, hair and blur, as the plate shows them. No daemon is needed.

    Example: roto refine hero.####.png --plate plate.####.exr --out soft.####.exr --band 20
    """
    try:
        _require_places(out, foreground)
        wanted = FrameRange.parse(frames) if frames else None
        config = load(None, os.environ, {}).config
        models, own_weights = ModelsFolder.of(config), Path(weights) if weights else None
        matter = find_matter(matting, models, own_weights, config.device)
        opened = open_mattes(masks, wanted)
        source = PlatePath(plate, first_frame=first_frame, colour_space=colour_space, layer=layer)
        with open_plate(source) as footage:
            facts = footage.plate
            form = MatteForm(matte_bits, matte_compression, facts.pixel_aspect, facts.frame_rate)
            told = weights_of(matting, models, own_weights)
            order = _Order(out, foreground, form, matter, matting, told, band, made_at, steady)
            _require_fit(opened, footage)
            count = _write(opened, footage, order)
    except (RotoError, ValueError) as error:
        fail(error)
    files = [pattern for pattern in (out, foreground) if pattern]
    if as_json:
        typer.echo(json.dumps({"files": files, "frames": count, "matting": matting}, indent=2))
        return
    for pattern in files:
        typer.echo(f"Wrote {pattern}, {count} frames")


def _write(opened: MatteSequence, footage: PlateReader, order: _Order) -> int:
    """Refine and write every frame; return how many."""
    total = len(opened.plate.frames)
    before = opened.made_by
    used = [*([before.weights] if before else []), order.matter_weights]
    metadata = {
        "plate": footage.plate.name,
        "source": opened.plate.name,
        "matting": order.matter_name,
        "engine": " + ".join([*([before.engine] if before else []), order.matter_name]),
        "weights": ", ".join(filter(None, used)) or NO_WEIGHTS,
    }
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bars:
        for each in bars.track(_refined(opened, footage, order), total=total, description="refine"):
            if order.out:
                write_matte(frame_file(order.out, each.frame), each.matte, each.frame, metadata, order.form)
            if order.foreground:
                pixels, space = _taken_out(footage, each)
                target = frame_file(order.foreground, each.frame)
                write_foreground(target, pixels, space, each.frame, metadata, order.form)
    return total


def _refined(opened: MatteSequence, footage: PlateReader, order: _Order) -> Iterator[MatteFrame]:
    def each() -> Iterator[MatteFrame]:
        for frame, mask in opened:
            picture = footage.picture(frame)
            grown = regained(picture, mask, order.made_at_px)
            yield MatteFrame(frame, picture, find_matte(picture, grown, order.matter, order.band_px))

    return smoothed(each()) if order.steady else each()


def _taken_out(footage: PlateReader, each: MatteFrame) -> tuple[NDArray[np.float32], str]:
    """Return premultiplied light and alpha, (height, width, 4), and the light's space."""
    light, space = footage.light(each.frame)
    return taken_out(light, each.matte), space


def _require_fit(opened: MatteSequence, footage: PlateReader) -> None:
    mask, plate = opened.plate, footage.plate
    shown = plate.height * mask.width / plate.width
    if mask.width > plate.width or abs(mask.height - shown) > max(_SHAPE_PX, _SHAPE_SHARE * shown):
        raise PlateError(
            f"The masks have {mask.width}x{mask.height} pixels, which is no smaller picture of the plate's "
            f"{plate.width}x{plate.height}: give the footage they belong to."
        )


def _require_places(out: str, foreground: str) -> None:
    """Find out before the work whether its result can be written."""
    if not (out or foreground):
        raise PlateError("Say what to write: --out for mattes, --foreground for the object with its matte, or both.")
    if out == foreground:
        raise PlateError(f"'{out}' is asked for twice: give each result files of its own.")
    for pattern, endings in ((out, MATTE_ENDINGS), (foreground, (".exr",))):
        if not pattern:
            continue
        first = frame_file(pattern, 0)
        if first.suffix.lower() not in endings:
            raise PlateError(f"'{pattern}' cannot be written: give a name that ends in {' or '.join(endings)}.")
        with writing(pattern):
            make_folder_ready(first)
