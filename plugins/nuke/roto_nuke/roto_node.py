"""Shapes in a Roto node, by the text of its `curves`: one layer is replaced, every other byte stays.

The text is Nuke's own; putting it in takes a fraction of the time that the objects of `nuke.rotopaint` take, and makes
every object at hand stale. What shapes are called here and cannot be called there stands in a hidden knob.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Optional

import nuke
import nuke.rotopaint

from roto_client.errors import HostError
from roto_shapes.formats.nuke import NukeSink
from roto_shapes.formats.nuke_reading import ROTO_NODES, read_nuke
from roto_shapes.formats.nuke_text import Group, Script
from roto_shapes.reading import Given
from roto_shapes.shape import Roto, Shape
from roto_shapes.shot import FrameRange, Plate
from roto_shapes.sink import draw

NAMES_KNOB = "rotolink_names"
"""Hidden knob of a Roto node: JSON of each group's layer, and its shapes by their names in Nuke."""

LOCKED_FLAG = 1 << 10
"""Bit of a layer's flags that says it is locked."""

NODE_NAME = "Rotolink1"


class Names(NamedTuple):
    """What a group and its shapes are called in a node."""

    layer: str
    shapes: dict[str, str]
    """Our names by Nuke's."""


def new_node(roto: Roto, group: str, beside: Optional[nuke.Node]) -> nuke.Node:
    """Make a Roto node with shapes in a layer of the group's name, beside another node and unselected."""
    sink = drawn(roto)
    layer = _legal(group)
    parent = (beside.parent() if beside is not None else None) or nuke.root()
    _require_open(parent)
    with parent, tempfile.TemporaryDirectory(prefix="rotolink-") as folder:
        chosen = nuke.selectedNodes()
        for each in chosen:
            each.setSelected(False)
        file = Path(folder) / "shapes.nk"
        file.write_text(sink.text(layer), encoding="ascii")
        node = nuke.nodePaste(file.as_posix())
    if node is None or node.Class() not in ROTO_NODES:
        raise HostError("Nuke did not take the Roto node: nothing was changed. Is the script full or protected?")
    node.setSelected(False)
    for each in chosen:
        each.setSelected(True)
    if beside is not None:
        node.setXYpos(beside.xpos() + 2 * beside.screenWidth(), beside.ypos())
    _keep_names(node, group, Names(layer, _own_names(sink)))
    _require_all(node, layer, len(sink.called))
    return node


def write_into(node: nuke.Node, roto: Roto, group: str) -> None:
    """Replace the shapes of a group in a node that is there."""
    _require_writable(node, roto.plate)
    sink = drawn(roto)
    knob = curves_of(node)
    text = knob.toScript()
    tree = _Tree(text)
    names = names_in(node)
    known = names.get(group)
    layer = known.layer if known else _free(_legal(group), tree.children)
    old = tree.children.get(layer)
    if old is not None and tree.is_locked(old):
        raise HostError(f"The layer {layer} of {node.name()} is locked: unlock it in the list of shapes.")
    _keep_names(node, group, Names(layer, _own_names(sink)))
    knob.fromScript(tree.with_layer(old, sink.layer(layer)))
    _require_all(node, layer, len(sink.called))


def read_from(node: nuke.Node, group: str) -> Roto:
    """Return the shapes of a group as they are now; no shapes where the node has no such group."""
    size, root = node.format(), nuke.root()
    frames = FrameRange(root.firstFrame(), root.lastFrame())
    plate = Plate(size.width(), size.height(), frames, "", size.pixelAspect(), root.realFps())
    names = names_in(node).get(group, Names(_legal(group), {}))
    tree = _Tree(curves_of(node).toScript())
    found = tree.children.get(names.layer)
    if found is None:
        return Roto(plate)
    try:
        reading = read_nuke(
            f"Roto {{\n curves {{{tree.alone(found)}}}\n}}\n",
            Given((plate.width, plate.height), frames, plate.pixel_aspect, plate.frame_rate),
        )
    except ValueError as error:
        raise HostError(f"The shapes in the layer {names.layer} of {node.name()} cannot be read: {error}") from error
    if reading.lost:
        raise HostError(
            f"What was drawn in {node.name()} cannot be taken back as it is. {' '.join(reading.lost)} "
            "Change that in the node, or move the shape to another layer."
        )
    shapes = _with_names(reading.roto.shapes, names.shapes)
    return Roto(plate, shapes)


def find_node(name: str) -> nuke.Node:
    """Return a Roto node by its name; HostError when there is none."""
    node = nuke.toNode(name)
    if node is None:
        raise HostError(f"There is no node {name} in the script any more: write the shapes to a new node.")
    if node.Class() not in ROTO_NODES:
        raise HostError(f"{name} is no Roto node: choose a Roto, or none to make a new one.")
    return node


def curves_of(node: nuke.Node) -> nuke.rotopaint.CurveKnob:
    """Return the knob that holds a node's shapes."""
    knob = node["curves"]
    if not isinstance(knob, nuke.rotopaint.CurveKnob):
        raise HostError(f"{node.name()} has no shapes of Nuke 7 or later.")
    return knob


def drawn(roto: Roto) -> NukeSink:
    """Return a sink that has taken all shapes; HostError names the shape that Nuke cannot hold."""
    sink = NukeSink(roto.plate, NODE_NAME, roto.made_by)
    try:
        draw(roto, sink)
    except ValueError as error:
        raise HostError(str(error)) from error
    return sink


def names_in(node: nuke.Node) -> dict[str, Names]:
    """Return the names of all groups in a node; a damaged knob counts as none."""
    knob = node.knob(NAMES_KNOB)
    if not isinstance(knob, nuke.String_Knob):
        return {}
    try:
        given = json.loads(knob.value())
        return {group: Names(str(layer), dict(shapes)) for group, (layer, shapes) in given.items()}
    except (AttributeError, TypeError, ValueError):
        return {}


class _Tree:
    """The text of a knob, and where in it the layers stand."""

    def __init__(self, text: str) -> None:
        self.text = text
        words = Script(text).groups(0, len(text))
        lists = [word for word in words if isinstance(word, Group)]
        parts = [part for part in (lists[-1] if lists else []) if isinstance(part, Group) and part[:1] == ["n"]]
        layers = [item for part in parts for item in part if isinstance(item, Group) and item[:1] == ["layer"]]
        if len(layers) != 1:
            raise HostError("The shapes of this node have a form that Rotolink does not know: write to a new node.")
        self.root = layers[0]
        self.children = {
            str(item[1]): item
            for item in self.root
            if isinstance(item, Group) and len(item) > 1 and item[0] in ("layer", "curvegroup", "cubiccurve")
        }

    def is_locked(self, layer: Group) -> bool:
        flags = [int(str(part[1])) for part in layer if isinstance(part, Group) and part[:1] == ["f"]]
        return any(flag & LOCKED_FLAG for flag in flags)

    def with_layer(self, old: Optional[Group], layer: str) -> str:
        """Return the text with a layer in place of one, or on top of all; not one other character differs."""
        layer = layer.strip()
        if old is not None:
            return self.text[: old.at] + layer + self.text[old.end :]
        first = min((child.at for child in self.children.values()), default=self.root.end - 1)
        return f"{self.text[:first]}{layer} {self.text[first:]}"

    def alone(self, layer: Group) -> str:
        """Return a tree of the root and one of its layers, with the root's own transform and attributes."""
        head = self.text[self.root.at : min(child.at for child in self.children.values())]
        return f"{{{{v x3f99999a}} {{f 0}} {{n {head}{self.text[layer.at : layer.end]}}}}}}}"


def _own_names(sink: NukeSink) -> dict[str, str]:
    """Return our names of shapes by those that they have in Nuke, where they differ.

    A hole that is cut in several stretches is several elements there; the first bears its name.
    """
    found: dict[str, str] = {}
    for element, own in sink.called:
        if own not in found.values():
            found[element] = own
    return {element: own for element, own in found.items() if element != own}


def _with_names(shapes: tuple[Shape, ...], names: dict[str, str]) -> tuple[Shape, ...]:
    return tuple(replace(shape, name=names.get(shape.name, shape.name)) for shape in shapes)


def _keep_names(node: nuke.Node, group: str, names: Names) -> None:
    knob = node.knob(NAMES_KNOB)
    if not isinstance(knob, nuke.String_Knob):
        knob = nuke.String_Knob(NAMES_KNOB, "Rotolink")
        knob.setFlag(nuke.INVISIBLE)
        node.addKnob(knob)
    knob.setValue(json.dumps({**names_in(node), group: names}, separators=(",", ":")))


def _require_all(node: nuke.Node, layer: str, count: int) -> None:
    """Look at what Nuke made of the text; HostError when it is less than was written."""
    element = curves_of(node).toElement(layer)
    made = _count(element) if isinstance(element, nuke.rotopaint.Layer) else 0
    if made != count:
        raise HostError(f"Nuke took {made} of {count} shapes into {node.name()}: nothing was changed.")


def _count(layer: nuke.rotopaint.Layer) -> int:
    return sum(_count(item) if isinstance(item, nuke.rotopaint.Layer) else 1 for item in layer)


def _require_writable(node: nuke.Node, plate: Plate) -> None:
    parent = node.parent()
    if parent is not None:
        _require_open(parent)
    if node.locked():
        raise HostError(f"{node.name()} is locked: unlock it, or write to a new node.")
    size = node.format()
    if (size.width(), size.height()) != (plate.width, plate.height):
        raise HostError(
            f"{node.name()} has the format {size.width()}x{size.height()} and the plate {plate.width}x{plate.height}: "
            "write to a new node, or give this one the plate's format."
        )


def _require_open(group: nuke.Node) -> None:
    if isinstance(group, nuke.Group) and group.subgraphLocked():
        raise HostError(f"The group {group.name()} is locked: unlock it, or select a node outside of it.")


def _free(name: str, taken: dict[str, Group]) -> str:
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free


def _legal(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", name) or "_"
