"""A script's text: nodes out of it and into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from nuke_standin.knobs import Array_Knob, CurveKnob, Tab_Knob, user_knob
from nuke_standin.nodes import Context, Group, Node, made
from nuke_standin.words import bare, commands, parse


def read_script(text: str, start: Optional[Node]) -> list[Node]:
    """Build the nodes of a text; `start` is what a paste connects to. Returns those of the outermost level."""
    stack: list[Optional[Node]] = [start]
    names: dict[str, Optional[Node]] = {}
    built: list[Node] = []
    depth = 0
    for (words,) in commands(text):
        head = words[0]
        if head == "set":
            names[words[1]] = stack[-1] if stack else None
        elif head == "push":
            stack.append(names.get(words[1].lstrip("$")) if words[1] != "0" else None)
        elif head == "end_group":
            Context.stack.pop()
            depth -= 1
        elif head in {"version", "Root"}:
            continue
        else:
            if len(words) != 2:
                raise RuntimeError(f"{head}: no node")
            node = made(head)
            count = _read_knobs(node, bare(words[1]))
            for index in range(count):
                node._inputs[index] = stack.pop() if stack else None
            stack.append(node)
            if not depth:
                built.append(node)
            if isinstance(node, Group):
                Context.stack.append(node)
                depth += 1
    return built


def _read_knobs(node: Node, text: str) -> int:
    """Set a node's knobs from its text; return how many inputs it takes."""
    count = min(node._INPUTS, 1)
    for (words,) in commands(text):
        name, *values = words
        if name == "addUserKnob":
            knob = user_knob(parse(bare(values[0])))
            knob._user = True
            if "+INVISIBLE" in values[0]:
                knob._shown = False
            node._hold(knob)
        elif name == "inputs":
            count = int(values[0])
        elif name == "name":
            node._rename(values[0])
        else:
            knob = node[name]
            value = values[0] if isinstance(knob, Array_Knob) else bare(values[0])
            if isinstance(knob, CurveKnob):
                knob._read_node(value)
            elif not isinstance(knob, Tab_Knob):
                knob._read(value)
    return count


def script_text(nodes: Sequence[Node]) -> str:
    """Return the text that a copy of nodes puts into the clipboard; connections are left out."""
    lines = ["set cut_paste_input [stack 0]", "version 15.0 v4", "push $cut_paste_input"]
    for node in nodes:
        lines += [f"{node.Class()} {{", " inputs 0", *(f" {line}" for line in node._lines()), "}"]
        if isinstance(node, Group):
            lines += [script_text(node._children), "end_group"]
    return "\n".join(lines) + "\n"
