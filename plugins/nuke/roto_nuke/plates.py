"""The plate of a node: files where the picture is that of a plain Read, else frames to be rendered."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional, Union

import nuke

from roto_client.errors import HostError
from roto_client.host import HostPlate
from roto_nuke.colours import Colour, script_colour, written_colour
from roto_shapes.shot import FrameRange, Plate, PlatePath

OFFSET_SIGN = -1
"""What a Read's frame mode "offset" adds to a file's number for each frame of its value: with 499 file 500 is said to
stand at frame 1. docs/hosts/first-run.md asks for it."""

ROTOLINK_GROUP = "rotolink_prompts"
"""The knob that tells a Rotolink group; it hands its input on unchanged."""

_PASSING = ("Dot", "NoOp", "Viewer", "Input", "Output")
_ROTO = ("Roto", "RotoPaint")
_VIEW = re.compile("%[vV]")
_MOST_STEPS = 1000
"""A chain of more nodes than any script has: a loop."""


class Source(NamedTuple):
    """Where a node's picture comes from unchanged: a Read, or nowhere and why."""

    read: Optional[nuke.Node]
    why: str = ""


def plate_of_selection() -> HostPlate:
    """Return the plate of the selected node; HostError says what to select or connect instead."""
    chosen = nuke.selectedNodes()
    if not chosen:
        raise HostError("Select the node whose picture is to be rotoscoped, for example the Read of the plate.")
    if len(chosen) > 1:
        raise HostError(f"{len(chosen)} nodes are selected: select the one whose picture is to be rotoscoped.")
    return plate_of(_pictured(chosen[0]), present_view())


def plate_of(node: nuke.Node, view: str) -> HostPlate:
    """Return the plate of a node in a view."""
    source = source_of(node)
    key = node.fullName() if len(nuke.views()) == 1 else f"{node.fullName()}@{view}"
    why = source.why
    if source.read is not None:
        found = _by_path(source.read, view)
        if isinstance(found, _Files):
            return HostPlate(key, _plate(node, found.frames, found.path.path, ""), found.path, found.offset)
        why = found
    frames = _rendered_frames(node)
    return HostPlate(key, _plate(node, frames, node.fullName(), script_colour()), None, 0, why)


def present_view() -> str:
    """Return the view that the Viewer shows, else the script's first."""
    viewer = nuke.activeViewer() if nuke.GUI else None
    return nuke.views()[0] if viewer is None else viewer.view()


def node_of(key: str) -> nuke.Node:
    """Return the node that a plate's key names; HostError when it is gone."""
    name = key.partition("@")[0]
    node = nuke.toNode(name)
    if node is None:
        raise HostError(f"The node {name} is gone from the script: select the plate's node and open it again.")
    return node


def view_of(key: str) -> str:
    """Return the view that a plate's key names."""
    return key.partition("@")[2] or nuke.views()[0]


def source_of(node: nuke.Node) -> Source:
    """Follow what hands its input on unchanged, up to a Read; HostError where nothing is connected."""
    at = node
    for _ in range(_MOST_STEPS):
        if at.Class() == "Read":
            return Source(at)
        if not _passes(at):
            return Source(None, f"{at.name()} makes or changes the picture, so its frames are rendered and sent.")
        above = at.input(0)
        if above is None:
            raise HostError(f"Nothing is connected to the input of {at.name()}: connect the plate to it.")
        at = above
    raise HostError(f"The inputs of {node.name()} go round in a circle: connect the plate to it.")


def _pictured(node: nuke.Node) -> nuke.Node:
    """Return the node whose picture is meant; a Roto stands for what it is drawn on."""
    if node.Class() in _ROTO:
        above = node.input(0)
        if above is None:
            raise HostError(f"{node.name()} has no input to rotoscope: connect the plate, or select the plate's node.")
        return above
    if not node.channels():
        raise HostError(f"{node.name()} has no picture: select the plate's node.")
    if node.minInputs() > 0 and node.input(0) is None:
        raise HostError(f"Nothing is connected to the input of {node.name()}: connect the plate to it.")
    return node


def _passes(node: nuke.Node) -> bool:
    disable = node.knob("disable")
    off = isinstance(disable, nuke.Boolean_Knob) and disable.value()
    return off or node.Class() in _PASSING or node.knob(ROTOLINK_GROUP) is not None


class _Files(NamedTuple):
    path: PlatePath
    offset: int
    frames: FrameRange
    """In the host's numbers."""


def _by_path(read: nuke.Node, view: str) -> Union[_Files, str]:
    """Return the files of a Read, or why its frames must be rendered."""
    file = nuke.filename(read) or ""
    if not file:
        raise HostError(f"{read.name()} has no file: choose the plate in it.")
    if "[" in file:
        return f"The file of {read.name()} is worked out by an expression, so its frames are rendered and sent."
    views = nuke.views()
    if len(views) > 1 and not _VIEW.search(file):
        return f"The script has the views {', '.join(views)}: the view {view} of {read.name()} is rendered and sent."
    colour = written_colour(read)
    if isinstance(colour, str):
        return colour
    offset = _offset(read)
    if offset is None:
        return f"{read.name()} is retimed by an expression, so its frames are rendered and sent."
    first, last = (_whole(read, name) for name in ("first", "last"))
    return _Files(
        _path(read, file, view, colour, FrameRange(first, last)), offset, FrameRange(first + offset, last + offset)
    )


def _path(read: nuke.Node, file: str, view: str, colour: Colour, frames: FrameRange) -> PlatePath:
    proxy = _text(read, "proxy")
    return PlatePath(
        _for_view(file, view),
        frames,
        frames.first if re.search(r"[#%]", file) is None else None,
        colour.name,
        colour.config,
        proxy="" if "[" in proxy else _for_view(proxy, view),
    )


def _for_view(file: str, view: str) -> str:
    return _VIEW.sub(lambda found: view if found[0] == "%V" else view[:1], file)


def _offset(read: nuke.Node) -> Optional[int]:
    """Return what is added to a file's number to give Nuke's frame; None where an expression says."""
    mode, value = _text(read, "frame_mode"), _text(read, "frame").strip()
    if not value:
        return 0
    if mode == "expression" or not re.fullmatch(r"[-+]?\d+", value):
        return None
    return int(value) - _whole(read, "first") if mode == "start at" else OFFSET_SIGN * int(value)


def _rendered_frames(node: nuke.Node) -> FrameRange:
    """Return the frames that both the node and the script have."""
    root = nuke.root()
    of_script = FrameRange(root.firstFrame(), root.lastFrame())
    first, last = max(node.firstFrame(), of_script.first), min(node.lastFrame(), of_script.last)
    return FrameRange(first, last) if first <= last else of_script


def _plate(node: nuke.Node, frames: FrameRange, name: str, colour_space: str) -> Plate:
    """Return the plate of a node; its format is the same in proxy mode, where its width and height are not."""
    size = node.format()
    rate = nuke.root().realFps()
    return Plate(size.width(), size.height(), frames, name, size.pixelAspect(), rate, colour_space)


def _text(node: nuke.Node, name: str) -> str:
    knob = node.knob(name)
    return knob.value() if isinstance(knob, (nuke.String_Knob, nuke.Enumeration_Knob)) else ""


def _whole(node: nuke.Node, name: str) -> int:
    knob = node[name]
    value = knob.value() if isinstance(knob, nuke.Array_Knob) else 0
    return round(value) if isinstance(value, (int, float)) else 0
