"""Nodes that tests of Nuke's plugin start from, in the stand-in."""

from __future__ import annotations

from typing import Any, Union

import nuke_standin

nuke_standin.start()

import nuke  # noqa: E402 - it belongs to a program that runs

FORMAT = "64 48 0 0 64 48 1 small"


def put(node: nuke.Node, name: str, value: Union[str, float]) -> None:
    knob = node[name]
    assert isinstance(knob, (nuke.String_Knob, nuke.Enumeration_Knob, nuke.Boolean_Knob, nuke.Array_Knob))
    knob.setValue(value)  # type: ignore[arg-type] # as the knob wants it


def select(node: nuke.Node) -> nuke.Node:
    for other in nuke.selectedNodes():
        other.setSelected(False)
    node.setSelected(True)
    return node


def reading(file: str = "/shots/plate.%04d.exr", **knobs: Any) -> nuke.Node:  # noqa: ANN401 - as each knob has it
    """Return a selected Read of frames 1 to 12."""
    read = nuke.nodes.Read(file=file, first=1, last=12)
    read["format"].fromScript(FORMAT)
    for name, value in knobs.items():
        put(read, name, value)
    return select(read)


def behind(kind: str, above: nuke.Node) -> nuke.Node:
    node: nuke.Node = getattr(nuke.nodes, kind)()
    node.setInput(0, above)
    return select(node)


def white(name: str = "white") -> nuke.Node:
    """Return a selected node whose frames must be rendered."""
    node = nuke.nodes.Constant(color=(1, 1, 1, 1))
    node["format"].fromScript(FORMAT)
    node.setName(name)
    return select(node)


def state(program: nuke_standin.Program) -> object:
    return [(each.node, each.inputs, {n: text for n, (_, text) in each.knobs.items()}) for each in program.snapshot()]
