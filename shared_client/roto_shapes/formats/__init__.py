"""Text formats of shapes, one sink each, chosen by the ending of a file's name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, NamedTuple

from roto_shapes.files import AnyPath, write_whole
from roto_shapes.formats.nuke import NukeSink
from roto_shapes.formats.rotolink_json import JsonSink
from roto_shapes.shape import Roto
from roto_shapes.sink import draw


class Export(NamedTuple):
    """A file's text, and what the artist should know about shapes that the format holds in another form."""

    text: str
    notes: tuple[str, ...] = ()


def export(roto: Roto, path_or_ending: AnyPath) -> Export:
    """Return a roto in the format that a path ends in, or that a bare ending such as `.nk` names.

    Raises ValueError for an ending that is not known, and for shapes that the format cannot hold.
    """
    name = Path(path_or_ending).name.lower()
    ending = "." + name.rpartition(".")[2]
    if "." not in name or ending not in _WRITERS:
        message = f"'{os.fspath(path_or_ending)}' is no file of shapes: end its name in {' or '.join(ENDINGS)}"
        raise ValueError(message)
    return _WRITERS[ending](roto)


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


def _export_json(roto: Roto) -> Export:
    sink = JsonSink(roto.plate, roto.made_by)
    draw(roto, sink)
    return Export(sink.text())


def _export_nuke(roto: Roto) -> Export:
    sink = NukeSink(roto.plate, made_by=roto.made_by)
    draw(roto, sink)
    return Export(sink.text(), sink.notes)


_WRITERS: dict[str, Callable[[Roto], Export]] = {".json": _export_json, ".nk": _export_nuke}

ENDINGS = tuple(_WRITERS)
"""The endings that `export` knows."""
