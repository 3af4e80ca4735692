"""Shapes as polygon masks in a composition's flow: written by text, wired into a chain, read back.

A "roto node" of the client is a chain of masks here: each paints over the one before. Every mask of ours keeps in its
own data to which chain and which group it belongs. Masks that an artist puts between ours stay where they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional

from roto_client.errors import HostError
from roto_fusion.scripting import Composition, Input, Tool, tools
from roto_shapes.formats.fusion import OWN_DATA, FusionSink
from roto_shapes.formats.fusion_reading import MASK, read_fusion
from roto_shapes.formats.lua_table import Table, dump, parse
from roto_shapes.shape import Roto
from roto_shapes.sink import draw

PASTE = "comp:Paste(bmd.readfile([[{}]]))"
"""The one line of Lua that puts tools from a file into the composition."""

_NODE, _GROUP = "Node", "Group"
_STEM = "Rotolink"


def write(comp: Composition, roto: Roto, group: str, node: str, changing: Callable[[], None]) -> str:
    """Put shapes into a chain in place of those of a group; return the chain's name.

    `changing` is called before anything is changed. Raises HostError, whatever was changed by then.
    """
    members = _chain(comp, node) if node else []
    if node and not members:
        raise HostError(f"The masks '{node}' are no longer in this composition: write the shapes anew.")
    name = node or _free_name(comp)
    old = [mask for mask in members if _own(mask, _GROUP) == group]
    _require_unlocked(old)
    sink = _sunk(roto)
    taken = {tool.Name for tool in tools(comp)}
    text = sink.text(taken, {_NODE: name, _GROUP: group})
    changing()
    made = _paste(comp, text, sink.tool_names(taken)) if roto.shapes else []
    if made:
        _wire(made, members, old)
    for mask in old:
        _take_out(comp, mask)
    left = {tool.Name for tool in tools(comp)} - {mask.Name for mask in made}
    for mask, wanted in zip(made, sink.tool_names(left)):
        if mask.Name != wanted:
            mask.SetAttrs({"TOOLS_Name": wanted})
            _require(mask.Name == wanted)
    return name


def read(comp: Composition, node: str, group: str) -> Roto:
    """Return the shapes of a group in a chain as they are now, in paint order."""
    members = _chain(comp, node)
    if not members:
        raise HostError(f"The masks '{node}' are no longer in this composition: write the shapes anew.")
    wanted = [mask for mask in members if _own(mask, _GROUP) == group]
    # Without any, one mask of the chain still tells of the plate.
    text = dump(_settings(wanted or members[:1]))
    try:
        found = read_fusion(text).roto
    except ValueError as error:
        raise HostError(f"The masks '{node}' hold what no shape of ours can: {error}.") from error
    return found if wanted else Roto(found.plate)


def _sunk(roto: Roto) -> FusionSink:
    sink = FusionSink(roto.plate, made_by=roto.made_by)
    try:
        draw(roto, sink)
    except ValueError as error:
        raise HostError(f"Fusion cannot hold these shapes: {error}.") from error
    return sink


def _paste(comp: Composition, text: str, names: Sequence[str]) -> list[Tool]:
    with tempfile.TemporaryDirectory(prefix="rotolink-") as folder:
        path = Path(folder) / "shapes.setting"
        path.write_text(text, encoding="utf-8")
        comp.Execute(PASTE.format(path.as_posix()))
    made = [tool for tool in map(comp.FindTool, names) if tool is not None]
    _require(len(made) == len(names))
    return made


def _require_unlocked(masks: Sequence[Tool]) -> None:
    locked = next((mask.Name for mask in masks if mask.GetAttrs().get("TOOLB_Locked")), "")
    if locked:
        raise HostError(f"The mask '{locked}' is locked: unlock it in the flow, and write again.")


def _require(done: bool) -> None:  # noqa: FBT001 - what follows is the sentence
    """Raise HostError where Fusion, which refuses in silence, did not do something."""
    if not done:
        raise HostError("Fusion did not take the masks: look into its console, and write the shapes again.")


def _wire(made: Sequence[Tool], members: Sequence[Tool], old: Sequence[Tool]) -> None:
    """Put a new chain below the first of the old masks, else above all that are there."""
    if old:
        below = _source(old[0])
        above = [old[0].EffectMask]
    elif members:
        below = members[-1]
        above = _takers(members[-1])
    else:
        return
    if below is not None:
        _connect(made[0].EffectMask, below)
    for taker in above:
        _connect(taker, made[-1])


def _take_out(comp: Composition, mask: Tool) -> None:
    """Delete a mask; what took it takes the one below."""
    below, name = _source(mask), mask.Name
    for taker in _takers(mask):
        _connect(taker, below)
    mask.Delete()
    _require(comp.FindTool(name) is None)


def _connect(taker: Input, mask: Optional[Tool]) -> None:
    taker.ConnectTo(mask.FindMainOutput(1) if mask is not None else None)
    found = taker.GetConnectedOutput()
    _require((found.GetTool().Name if found else None) == (mask.Name if mask else None))


def _source(mask: Tool) -> Optional[Tool]:
    """Return the mask that another one paints over."""
    output = mask.EffectMask.GetConnectedOutput()
    return output.GetTool() if output is not None else None


def _takers(mask: Tool) -> list[Input]:
    output = mask.FindMainOutput(1)
    return list((output.GetConnectedInputs() or {}).values()) if output is not None else []


def _chain(comp: Composition, node: str) -> list[Tool]:
    """Return the masks of ours in a chain, the lowest first."""
    ours = [mask for mask in tools(comp, MASK) if _own(mask, _NODE) == node]
    return sorted(ours, key=_height)


def _height(mask: Tool) -> int:
    """Return how many masks lie below one."""
    seen = {mask.Name}
    below = _source(mask)
    while below is not None and below.ID == MASK and below.Name not in seen:
        seen.add(below.Name)
        below = _source(below)
    return len(seen)


def _own(mask: Tool, key: str) -> str:
    data = mask.GetData(OWN_DATA)
    return str(data.get(key) or "") if isinstance(data, dict) else ""


def _free_name(comp: Composition) -> str:
    taken = {_own(mask, _NODE) for mask in tools(comp, MASK)}
    return next(name for name in (f"{_STEM}{number}" for number in range(1, len(taken) + 2)) if name not in taken)


def _settings(masks: Sequence[Tool]) -> Table:
    """Return the settings of masks and of the splines that move them, in the masks' order, as one table."""
    root, tools = Table(), Table("ordered()")
    root.put("Tools", tools)
    with tempfile.TemporaryDirectory(prefix="rotolink-") as folder:
        for mask in masks:
            for tool in (mask, *_splines(mask)):
                for name, table in _saved(tool, Path(folder)).table("Tools").tables():
                    tools.put(name, table)
    return root


def _splines(mask: Tool) -> list[Tool]:
    outputs = (each.GetConnectedOutput() for each in (mask.Polyline, mask.Level))
    return [output.GetTool() for output in outputs if output is not None]


def _saved(tool: Tool, folder: Path) -> Table:
    path = folder / "tool.setting"
    try:
        if not tool.SaveSettings(path.as_posix()):
            raise HostError(f"Fusion did not give the settings of '{tool.Name}': try again.")
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HostError(f"The settings of '{tool.Name}' cannot be read: {error}.") from error
