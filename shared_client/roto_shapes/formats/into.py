"""Shapes put into a script that is there already: what is not theirs stays as it is, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn, Optional

from roto_shapes.formats.fusion_reading import MASK
from roto_shapes.formats.lua_table import Table, dump, parse
from roto_shapes.formats.nuke_reading import ROTO_NODES
from roto_shapes.formats.nuke_text import Node, Script
from roto_shapes.sink import Export


class Edit(NamedTuple):
    """A part of a text, and what is to stand there."""

    start: int
    end: int
    text: str


def put_into_nuke(script: str, written: str, node_name: str) -> Export:
    """Return a Nuke script with the shapes of `written`, our node, in its Roto node of a name.

    The node's `curves` become ours, its other knobs stay; where there is no node of that name ours is added at the
    script's end. An empty name is that of our node. Raises ValueError with the line for a script that cannot be read,
    and for a node of that name that holds no shapes.
    """
    found = Script(script)
    (ours,) = (node for node in Script(written).nodes() if node.kind in ROTO_NODES)
    nodes = list(found.nodes())
    name = node_name or ours.knob("name")
    if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) is None:
        _refuse(f"'{name}' is no name of a node in Nuke")
    theirs = [node for node in nodes if node.knob("name") == name]
    if len(theirs) > 1:
        found.refuse(theirs[1].at, f"this is the second node named {name}: rename one of them")
    if not theirs:
        body = re.sub(r"(?m)^ name \w+$", f" name {name}", written[ours.at :], count=1)
        joint = "" if script.endswith("\n") or not script else "\n"
        return Export(f"{script}{joint}{body}", _other_size(_nuke_size(nodes, "Root"), _nuke_size([ours])))
    (node,) = theirs
    if node.kind not in ROTO_NODES:
        found.refuse(node.at, f"'{name}' is a {node.kind}, which holds no shapes: name a Roto node")
    size = _nuke_size([node]) or _nuke_size(nodes, "Root")
    made = edited(script, [_curves(script, node, _inside_of_curves(written, ours))])
    return Export(made, _other_size(size, _nuke_size([ours])))


def _nuke_size(nodes: Sequence[Node], kind: str = "") -> Optional[tuple[int, int]]:
    """Return width and height of the first format that nodes of a kind, or any, spell out."""
    for node in nodes:
        found = re.match(r"(\d{1,6}) (\d{1,6}) ", node.knob("format"), re.ASCII)
        if found is not None and kind in {"", node.kind}:
            return int(found[1]), int(found[2])
    return None


def _inside_of_curves(text: str, node: Node) -> str:
    knob = next(knob for knob in node.knobs if knob.name == "curves")
    return text[knob.at : knob.end - 1]


def _curves(script: str, node: Node, curves: str) -> Edit:
    """Return what gives a node its new curves; the last knob of a name is the one that counts."""
    knob = next((knob for knob in reversed(node.knobs) if knob.name == "curves"), None)
    if knob is None:
        inside = script.index("{", node.at) + 1
        return Edit(inside, inside, f"\n curves {{{curves}}}")
    return Edit(knob.at - (script[knob.at - 1] in '{"'), knob.end, f"{{{curves}}}")


def put_into_fusion(script: str, written: str, node_name: str) -> Export:
    """Return a composition or setting with the tools of `written`, each in the place of the tool of its name.

    Inputs of a mask that we do not write stay; tools that are not there yet are added before all others. Raises
    ValueError with the line for text that cannot be read, for a tool of that name of another kind, and for any
    `node_name`: masks have the names of their shapes.
    """
    if node_name:
        _refuse("masks have the names of their shapes: no other name can be given")
    root, ours = parse(script), parse(written)
    tools = root.table("Tools")
    edits: list[Edit] = []
    more: list[str] = []
    for name, tool in ours.table("Tools").tables():
        there = tools.table(name)
        if not there.end:
            more.append(_named(name, tool, 2))
        elif there.kind != tool.kind:
            _refuse(f"line {there.line}: '{name}' is a {there.kind or 'table'} there: rename the shape")
        elif tool.kind == MASK:
            edits += _merged(there, tool)
        else:
            edits.append(Edit(there.start, there.end, dump(tool, 2)))
    if tools.end:
        edits += _first(tools.inside, more)
    elif more:
        edits += _first(root.inside, [f"\n\tTools = ordered() {{{''.join(more)}\n\t}},"])
    return Export(edited(script, edits), _other_size(_fusion_size(root), _fusion_size(ours)))


def _fusion_size(root: Table) -> Optional[tuple[int, int]]:
    """Return the size of the composition's frame format, else of the first mask that states one."""
    inputs = [tool.table("Inputs") for _, tool in root.table("Tools").tables() if tool.kind == MASK]
    frame_format = root.table("Prefs").table("Comp").table("FrameFormat")
    sizes = [(frame_format.number("Width", 0), frame_format.number("Height", 0))]
    sizes += [
        (each.table("MaskWidth").number("Value", 0), each.table("MaskHeight").number("Value", 0)) for each in inputs
    ]
    return next(((round(width), round(height)) for width, height in sizes if width >= 1 and height >= 1), None)


def _merged(there: Table, tool: Table) -> list[Edit]:
    """Return what gives a mask our inputs and our own data, and leaves it all others."""
    edits: list[Edit] = []
    for part in ("CustomData", "Inputs"):
        old = there.table(part)
        if not old.end:
            edits += _first(there.inside, [_named(part, tool.table(part), 3)])
            continue
        more = []
        for name, value in tool.table(part).tables():
            before = old.table(name)
            if before.end:
                edits.append(Edit(before.start, before.end, dump(value, 4)))
            else:
                more.append(_named(name, value, 4))
        edits += _first(old.inside, more)
    return edits


def _first(inside: int, entries: Sequence[str]) -> list[Edit]:
    """Return what puts entries before all others of a table."""
    return [Edit(inside, inside, "".join(entries))] if entries else []


def _named(name: str, value: Table, depth: int) -> str:
    entry = dump(_single(name, value), depth - 1)
    return "\n" + "\t" * depth + entry[entry.index("{") + 1 : entry.rindex("}")].strip() + ","


def _single(name: str, value: Table) -> Table:
    table = Table()
    table.put(name, value)
    return table


def _other_size(there: Optional[tuple[int, int]], ours: Optional[tuple[int, int]]) -> tuple[str, ...]:
    """Return what to tell where a script's picture is of another size than the plate of the shapes."""
    if there is None or ours is None or there == ours:
        return ()
    (width, height), (plate_width, plate_height) = there, ours
    note = (
        f"The script's picture is {width}x{height} and the shapes' plate {plate_width}x{plate_height}: they fit the "
        "plate, so put them where the script has it in its own size."
    )
    return (note,)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return a text with parts of it exchanged, which do not overlap."""
    parts, at = [], 0
    for edit in sorted(edits):
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
