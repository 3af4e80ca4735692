"""File formats of shapes, chosen by the ending of a file's name: a sink writes each, and most have a reader."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Protocol

from roto_shapes.files import AnyPath, write_whole
from roto_shapes.formats.aftereffects import JsxSink
from roto_shapes.formats.blender import BlenderSink
from roto_shapes.formats.fusion import FusionForm, FusionSink
from roto_shapes.formats.fusion_reading import read_fusion
from roto_shapes.formats.into import put_into_fusion, put_into_nuke
from roto_shapes.formats.into_silhouette import put_into_silhouette
from roto_shapes.formats.lottie import LottieForm, LottieSink
from roto_shapes.formats.lottie_reading import looks_like_lottie, read_lottie
from roto_shapes.formats.mlt import MltSink
from roto_shapes.formats.nuke import NukeSink
from roto_shapes.formats.nuke_reading import read_nuke
from roto_shapes.formats.rotolink_json import JsonSink, read_roto
from roto_shapes.formats.silhouette import SilhouetteSink
from roto_shapes.formats.silhouette_reading import read_silhouette
from roto_shapes.formats.svg import SvgSink
from roto_shapes.formats.svg_reading import read_svg
from roto_shapes.layers import BAKING_TOLERANCE_PX
from roto_shapes.reading import NOTHING_GIVEN, Given, Reading
from roto_shapes.shape import Roto
from roto_shapes.sink import Export, ShapeSink, draw


class Format(NamedTuple):
    """One format of files."""

    title: str
    write: Callable[[Roto, float], Export]
    """Takes shapes, and how closely their motion is to be kept, in px."""
    read: Optional[Callable[[str, Given], Reading]] = None
    put: Optional[Callable[[str, str, str], Export]] = None
    """Takes a script, our text and a node's name, and gives the script with the shapes in it."""


def export(roto: Roto, path_or_ending: AnyPath, tolerance_px: float = BAKING_TOLERANCE_PX) -> Export:
    """Return a roto in the format that a path ends in, or that a bare ending such as `.nk` names.

    Where the format moves points in another way, or knows no layers, keyframes are added until shapes agree within the
    tolerance on every frame.

    Raises ValueError for an ending that is not known, and for shapes that the format cannot hold.
    """
    write = FORMATS[format_ending(path_or_ending)].write
    with _without_collecting():
        return write(roto, tolerance_px)


def encode(roto: Roto, path_or_ending: AnyPath) -> str:
    """Return a roto's text alone; all else as `export`."""
    return export(roto, path_or_ending).text


def write_roto(roto: Roto, path: AnyPath) -> tuple[str, ...]:
    """Write a roto to a file in the format of its ending, whole or not at all, and return the notes for the artist.

    Raises ValueError as `export` and OSError as `files.write_whole`, each with a sentence for the user.
    """
    text, notes = export(roto, path)
    write_whole(path, text.encode())
    return notes


def read_shapes(text: str, path_or_ending: AnyPath, given: Given = NOTHING_GIVEN) -> Reading:
    """Return the shapes of a text in the format that a path ends in, or that a bare ending names.

    Raises ValueError for an ending that cannot be read, and for a text that is damaged or holds what shapes cannot.
    """
    read = FORMATS[format_ending(path_or_ending)].read
    if read is None:
        message = f"'{os.fspath(path_or_ending)}' is written but not read: give {_either(READ_ENDINGS)}"
        raise ValueError(message)
    with _without_collecting():
        return read(text, given)


def put_into(script: str, text: str, path_or_ending: AnyPath, node_name: str = "") -> Export:
    """Return a script with the shapes of a text of the same format in it, all else as it was, byte for byte.

    `node_name` is the node that receives them, where the format has one node for all shapes; empty for our own. A note
    tells where the script's picture is of another size than the shapes' plate.
    Raises ValueError for a format without scripts, and for a script that cannot be read or cannot hold them.
    """
    put = FORMATS[format_ending(path_or_ending)].put
    if put is None:
        message = f"shapes are put into scripts of {_either(PUT_ENDINGS)} alone, not into '{os.fspath(path_or_ending)}'"
        raise ValueError(message)
    return put(script, text, node_name)


def format_ending(path_or_ending: AnyPath) -> str:
    """Return the ending that tells a path's format, the longest that fits. Raises ValueError for none."""
    name = Path(path_or_ending).name.lower()
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if name.endswith(ending):
            return ending
    message = f"'{os.fspath(path_or_ending)}' is no file of shapes: end its name in {_either(ENDINGS)}"
    raise ValueError(message)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep Python from looking for cycles: shapes have none, and it would look at a growing heap again and again.

    Time then grows as shapes do, where it grew faster.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _either(endings: Sequence[str]) -> str:
    *most, last = endings
    return f"{', '.join(most)} or {last}"


class _FileSink(ShapeSink, Protocol):
    """A sink that ends up as the text of a file."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the artist should know."""

    def text(self) -> str:
        """Return the file."""


def _writer(make: Callable[..., _FileSink], **form: object) -> Callable[[Roto, float], Export]:
    def write(roto: Roto, tolerance_px: float) -> Export:
        sink = make(roto.plate, made_by=roto.made_by, tolerance_px=tolerance_px, **form)
        draw(roto, sink)
        return Export(sink.text(), sink.notes)

    return write


def _write_json(roto: Roto, _tolerance_px: float) -> Export:
    """Return our own JSON, which keeps all motion as it is."""
    sink = JsonSink(roto.plate, made_by=roto.made_by)
    draw(roto, sink)
    return Export(sink.text(), sink.notes)


def _read_json(text: str, given: Given) -> Reading:
    return read_lottie(text, given) if looks_like_lottie(text) else Reading(read_roto(text))


FORMATS: dict[str, Format] = {
    ".json": Format("Rotolink's own JSON", _write_json, _read_json),
    ".nk": Format("Nuke Roto node", _writer(NukeSink), read_nuke, put_into_nuke),
    ".fxs": Format("Silhouette shapes", _writer(SilhouetteSink), read_silhouette, put_into_silhouette),
    ".setting": Format(
        "Fusion polygon masks, to be pasted",
        _writer(FusionSink, form=FusionForm.SETTING),
        read_fusion,
        put_into_fusion,
    ),
    ".comp": Format(
        "Fusion composition",
        _writer(FusionSink, form=FusionForm.COMPOSITION),
        read_fusion,
        put_into_fusion,
    ),
    ".jsx": Format("After Effects script that makes masks", _writer(JsxSink)),
    ".lottie.json": Format(
        "Lottie, a shape layer each",
        _writer(LottieSink, form=LottieForm.LAYERS),
        read_lottie,
    ),
    ".bodymovin.json": Format(
        "Bodymovin, masks of one solid",
        _writer(LottieSink, form=LottieForm.MASKS),
        read_lottie,
    ),
    ".mlt": Format("MLT document with rotoscoping filters, for Kdenlive and melt", _writer(MltSink)),
    ".blender.py": Format("script that builds a mask in Blender", _writer(BlenderSink)),
    ".svg": Format("SVG, animated", _writer(SvgSink), read_svg),
}
"""Every format by the ending of its files."""

ENDINGS = tuple(FORMATS)
"""The endings that `export` knows."""

READ_ENDINGS = tuple(ending for ending, form in FORMATS.items() if form.read is not None)
"""The endings that `read_shapes` knows."""

PUT_ENDINGS = tuple(ending for ending, form in FORMATS.items() if form.put is not None)
"""The endings that `put_into` knows."""
