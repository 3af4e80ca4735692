"""One frame of a node as an OpenEXR file, by nodes that are there for that moment alone."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nuke

from roto_client.errors import HostError

CANCELLED = "cancel"
"""Part of what Nuke says when the artist stops a render, in small letters."""


def render_frame(node: nuke.Node, frame: int, view: str) -> bytes:
    """Return a frame at full resolution, its format as the display window, in the script's working space.

    The script is as it was afterwards, its undo history too.
    """
    with tempfile.TemporaryDirectory(prefix="rotolink-") as folder, without_undo(), _full_size():
        made: list[nuke.Node] = []
        try:
            with node.parent() or nuke.root():
                write = _writer(node, Path(folder), made)
                nuke.execute(write, frame, frame, 1, views=[view])
            return (Path(folder) / "frame.exr").read_bytes()
        except (OSError, RuntimeError) as error:
            if CANCELLED in str(error).lower():
                raise HostError(f"Rendering {node.name()} was stopped at frame {frame}.") from error
            raise HostError(f"Nuke could not render frame {frame} of {node.name()}: {error}") from error
        finally:
            for each in reversed(made):
                nuke.delete(each)


def _writer(node: nuke.Node, folder: Path, made: list[nuke.Node]) -> nuke.Node:
    """Return a Write of what lies inside a node's format; adds the nodes to `made` as they come."""
    size = node.format()
    crop = nuke.nodes.Crop()
    made.append(crop)
    crop.setInput(0, node)
    box = crop["box"]
    if isinstance(box, nuke.Array_Knob):
        box.setValue((0, 0, size.width(), size.height()))
    write = nuke.nodes.Write(file=(folder / "frame.exr").as_posix(), file_type="exr", channels="rgb", raw=True)
    made.append(write)
    write.setInput(0, crop)
    return write


@contextlib.contextmanager
def without_undo() -> Iterator[None]:
    """Let the undo history know nothing of what happens inside."""
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()


@contextlib.contextmanager
def _full_size() -> Iterator[None]:
    """Leave proxy mode for a while."""
    proxy = nuke.root()["proxy"]
    was = isinstance(proxy, nuke.Boolean_Knob) and proxy.value()
    if isinstance(proxy, nuke.Boolean_Knob) and was:
        proxy.setValue(False)
    try:
        yield
    finally:
        if isinstance(proxy, nuke.Boolean_Knob) and was:
            proxy.setValue(True)
