"""Fusion, as far as scripts of ours talk to it: strict where Fusion answers anything, and drawing by itself.

What it holds of a composition is what Lua made of the text that was pasted, so that it shares no reader with the
product. Names that Fusion's documentation does not have raise, tools that are gone raise, and so does a call from
another thread or one that leaves `Lock` or an undo step open.
"""

from __future__ import annotations

import copy
import re
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from lua_tables import evaluate
from outlines import inside
from white_exr import write_exr

from roto_fusion import scripting

if TYPE_CHECKING:
    from typing import TypeGuard

_PASTE = re.compile(r"comp:Paste\(bmd\.readfile\(\[\[(.+)\]\]\)\)")
_KINDS = {"Saver", "Loader", "Background", "Merge", "Transform", "PolylineMask", "EllipseMask", "RectangleMask"}
_PICTURES = {"Loader", "Background", "Merge", "Transform"}
_MASKS = {"PolylineMask", "EllipseMask", "RectangleMask"}
_PIECES = 24

Place = tuple[float, float]
"""As shares of the picture from its centre, y up."""


class FaultError(AssertionError):
    """The plugin did what Fusion does not take, or would take in silence."""


@dataclass
class Held:
    """A tool as the composition holds it."""

    kind: str
    inputs: dict[str, Any] = field(default_factory=dict)
    """Values, or ("wire", tool, output)."""
    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[float, Any] = field(default_factory=dict)
    """Of a spline: (value, whether it steps) by time."""
    attributes: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)


class Comp:
    """A composition; satisfies `roto_fusion.scripting.Composition`."""

    def __init__(self) -> None:
        object.__setattr__(self, "_main", threading.get_ident())
        self.held: dict[str, Held] = {}
        self.kept: dict[str, Any] = {}
        self.selected: list[str] = []
        self.time = 1001.0
        self.frames = (1001, 1012)
        self.format = {"Width": 320, "Height": 134, "AspectX": 2.0, "AspectY": 1.0, "Rate": 24.0}
        self.ledger: list[tuple[dict[str, Held], dict[str, Any]]] = []
        self.rendering = False
        self.proxy = False
        self.file = ""
        self.gone = False
        self.refuse_after: Optional[int] = None
        self._locks = 0
        self._step: Optional[tuple[dict[str, Held], dict[str, Any]]] = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - never returns
        raise FaultError(f"Fusion's documentation has no Composition.{name}")

    @property
    def CurrentTime(self) -> float:  # noqa: N802 - Fusion's name, as all below
        self.on_main()
        return self.time

    @CurrentTime.setter
    def CurrentTime(self, time: float) -> None:  # noqa: N802
        self.on_main()
        self.time = float(time)

    def GetAttrs(self, /) -> Optional[dict[str, Any]]:  # noqa: N802
        self.on_main()
        if self.gone:
            return None
        return {
            "COMPN_RenderStart": float(self.frames[0]),
            "COMPN_RenderEnd": float(self.frames[1]),
            "COMPN_GlobalStart": float(self.frames[0]),
            "COMPN_GlobalEnd": float(self.frames[1]),
            "COMPN_CurrentTime": self.time,
            "COMPB_Rendering": self.rendering,
            "COMPB_Proxy": self.proxy,
            "COMPS_FileName": self.file,
        }

    def GetPrefs(self, name: str, /) -> dict[str, Any]:  # noqa: N802
        self.on_main()
        if name != "Comp.FrameFormat":
            raise FaultError(f"there are no preferences {name}")
        return dict(self.format)

    def GetToolList(self, selected: bool, kind: str = "", /) -> dict[float, scripting.Tool]:  # noqa: FBT001, N802
        self.on_main()
        names = [name for name in (self.selected if selected else self.held) if kind in {"", self.held[name].kind}]
        splines = {"BezierSpline"}
        shown = [name for name in names if kind in splines or self.held[name].kind not in splines]
        return {float(at): ToolHandle(self, name) for at, name in enumerate(shown, 1)}

    def FindTool(self, name: str, /) -> Optional[scripting.Tool]:  # noqa: N802
        self.on_main()
        return ToolHandle(self, name) if name in self.held else None

    def AddTool(self, kind: str, /) -> Optional[scripting.Tool]:  # noqa: N802
        self.changed()
        if kind not in _KINDS:
            return None
        return ToolHandle(self, self.add(kind))

    def Lock(self, /) -> None:  # noqa: N802
        self.on_main()
        self._locks += 1

    def Unlock(self, /) -> None:  # noqa: N802
        self.on_main()
        self._locks -= 1
        if self._locks < 0:
            raise FaultError("Unlock without Lock")

    def StartUndo(self, name: str, /) -> None:  # noqa: N802
        self.on_main()
        if self._step is not None:
            raise FaultError(f"the step '{name}' begins before another has ended")
        self._step = copy.deepcopy((self.held, self.kept))

    def EndUndo(self, keep: bool, /) -> None:  # noqa: FBT001, N802
        self.on_main()
        if self._step is None:
            raise FaultError("EndUndo without StartUndo")
        if keep:
            self.ledger.append(self._step)
        self._step = None
        self.refusing = False

    def Undo(self, steps: int = 1, /) -> None:  # noqa: N802
        self.on_main()
        for _ in range(steps):
            self.held, self.kept = self.ledger.pop()

    def Execute(self, lua: str, /) -> None:  # noqa: N802
        self.changed()
        found = _PASTE.fullmatch(lua)
        if found is None:
            raise FaultError(f"this line was never tried in Fusion: {lua}")
        self.paste(Path(found[1]).read_text(encoding="utf-8"))

    def Render(self, what: dict[str, Any], /) -> bool:  # noqa: N802
        self.on_main()
        if set(what) != {"Start", "End", "Wait", "Tool"} or what["Wait"] is not True:
            raise FaultError(f"Render was never tried with {what}")
        working = [name for name, held in self.held.items() if held.kind == "Saver" and not _rests(held)]
        if working != [what["Tool"].Name]:
            raise FaultError(f"these Savers would overwrite files: {working}")
        saver = self.held[working[0]]
        _, source, _ = saver.inputs["Input"]
        for frame in range(what["Start"], what["End"] + 1):
            path = Path(saver.inputs["Clip"])
            if path.suffix != ".exr":
                raise FaultError("a Saver chooses its format by the ending; this one was never tried")
            write_exr(path.with_name(f"{path.stem}{frame:04d}.exr"), *self.held[source].size)
        return True

    def MapPath(self, path: str, /) -> str:  # noqa: N802
        self.on_main()
        return path.replace("Comp:", "/comps/")

    def GetData(self, name: str, /) -> Any:  # noqa: ANN401, N802
        self.on_main()
        return self.kept.get(name)

    def SetData(self, name: str, value: Any, /) -> None:  # noqa: ANN401, N802
        self.changed()
        self.kept[name] = value

    # What the stand-in does by itself

    def on_main(self) -> None:
        if threading.get_ident() != self._main:
            raise FaultError("Fusion was called beside the script's main thread")

    def changed(self) -> None:
        """Note a change; refuse it when that was asked for."""
        self.on_main()
        if self.refuse_after is not None:
            self.refuse_after -= 1
            if self.refuse_after < 0:
                self.refuse_after = None
                self.refusing = True

    refusing = False
    """Whether Fusion takes nothing more until the step ends: it does so in silence."""

    def require_balanced(self) -> None:
        if self._locks or self._step is not None:
            raise FaultError("the composition was left locked, or in an undo step")

    def add(self, kind: str, name: str = "", **inputs: Any) -> str:  # noqa: ANN401 - what inputs hold
        """Put a tool into the flow; return its name, with a number where there is one of that name."""
        wanted = name or kind
        number = 1
        while (unique := wanted if name and number == 1 else f"{wanted}{number}") in self.held:
            number += 1
        self.held[unique] = Held(kind, dict(inputs), size=(self.format["Width"], self.format["Height"]))  # type: ignore[arg-type]
        return unique

    def paste(self, text: str) -> None:
        """Put the tools of a text into the flow, renamed where names are taken."""
        if self.refusing:
            return
        _, root = evaluate(text)
        tools = root["Tools"][1]
        names = {name: name if name not in self.held else f"{name}_pasted" for name in tools}
        for name, (kind, fields) in tools.items():
            held = Held(kind)
            for key, (_, given) in fields.get("Inputs", ("", {}))[1].items():
                wired = given.get("SourceOp")
                if wired is not None:
                    if names.get(wired, wired) in names.values() or wired in self.held:
                        held.inputs[key] = ("wire", names.get(wired, wired), given["Source"])
                else:
                    held.inputs[key] = given.get("Value")
            held.data = {key: _bare(value) for key, value in fields.get("CustomData", ("", {}))[1].items()}
            for time, (_, key) in fields.get("KeyFrames", ("", {}))[1].items():
                steps = bool(key.get("Flags", ("", {}))[1].get("StepIn"))
                held.keys[float(time)] = (key.get("Value", key.get(1)), steps)
            self.held[names[name]] = held

    def delete(self, name: str) -> None:
        """Take a tool away with the splines that moved it alone, and every wire to it."""
        gone = [name, *(wire[1] for wire in self.wires(name) if self.held[wire[1]].kind == "BezierSpline")]
        for each in gone:
            del self.held[each]
        for held in self.held.values():
            held.inputs = {
                key: value for key, value in held.inputs.items() if not (_is_wire(value) and value[1] in gone)
            }
        self.selected = [each for each in self.selected if each not in gone]

    def wires(self, name: str) -> list[tuple[str, str, str]]:
        return [value for value in self.held[name].inputs.values() if _is_wire(value)]

    def value(self, name: str, key: str, frame: float) -> Any:  # noqa: ANN401 - a number or an outline
        """Return an input at a frame."""
        given = self.held[name].inputs.get(key)
        if not _is_wire(given):
            return given
        keys = self.held[given[1]].keys
        times = sorted(keys)
        before = max((time for time in times if time <= frame), default=times[0])
        after = min((time for time in times if time > frame), default=before)
        (old, _), (new, steps) = keys[before], keys[after]
        if before == after or frame <= times[0] or steps:
            return old
        share = (frame - before) / (after - before)
        return old + (new - old) * share if isinstance(old, (int, float)) else _between(old, new, share)

    def outline(self, name: str, frame: float) -> list[dict[str, float]]:
        """Return the points of a polygon mask at a frame, in the order in which they were drawn."""
        _, line = self.value(name, "Polyline", frame)
        rows = line["Points"][1]
        return [rows[at][1] for at in sorted(rows)]

    def level(self, name: str, frame: float) -> float:
        return float(self.value(name, "Level", frame))

    def chain(self, top: str) -> list[str]:
        """Return the masks that paint into one, the lowest first."""
        names = [top]
        while _is_wire(below := self.held[names[-1]].inputs.get("EffectMask")):
            names.append(below[1])
        return names[::-1]

    def covers(self, top: str, frame: float, place: Place) -> bool:
        """Say whether a chain is white at a place, given as shares of the picture from its centre, y up."""
        white = False
        for name in self.chain(top):
            if self.level(name, frame) > 0 and inside(list(flat(self.outline(name, frame))), place):
                white = self.adds(name)
        return white

    def adds(self, name: str) -> bool:
        """Say whether a mask adds to those below it, else it cuts."""
        _, mode = self.held[name].inputs.get("PaintMode") or ("", {1: "Merge"})
        return bool(mode[1] != "Subtract")


class ToolHandle:
    """A tool of a composition, by its name; satisfies `roto_fusion.scripting.Tool`."""

    def __init__(self, comp: Comp, name: str) -> None:
        self._comp = comp
        self._name = name
        self._of = comp.held[name]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - never returns
        raise FaultError(f"Fusion's documentation has no Tool.{name}")

    @property
    def held(self) -> Held:
        self._comp.on_main()
        held = self._comp.held.get(self._name)
        if held is None or held is not self._of:
            raise FaultError(f"the tool '{self._name}' is gone")
        return held

    @property
    def Name(self) -> str:  # noqa: N802
        return self._name if self.held else ""

    @property
    def ID(self) -> str:  # noqa: N802
        return self.held.kind

    @property
    def EffectMask(self) -> scripting.Input:  # noqa: N802
        return InputHandle(self, "EffectMask")

    @property
    def Polyline(self) -> scripting.Input:  # noqa: N802
        return InputHandle(self, "Polyline")

    @property
    def Level(self) -> scripting.Input:  # noqa: N802
        return InputHandle(self, "Level")

    def GetAttrs(self, /) -> dict[str, Any]:  # noqa: N802
        return {"TOOLS_Name": self._name, "TOOLS_RegID": self.held.kind, **self.held.attributes}

    def SetAttrs(self, attributes: dict[str, Any], /) -> None:  # noqa: N802
        self._comp.changed()
        if set(attributes) - {"TOOLS_Name", "TOOLB_PassThrough"}:
            raise FaultError(f"these attributes were never set: {attributes}")
        held, comp = self.held, self._comp
        held.attributes.update({key: value for key, value in attributes.items() if key != "TOOLS_Name"})
        name = attributes.get("TOOLS_Name", self._name)
        if name == self._name or name in comp.held or comp.refusing:
            return
        comp.held = {name if each == self._name else each: tool for each, tool in comp.held.items()}
        for tool in comp.held.values():
            for key, value in tool.inputs.items():
                if _is_wire(value) and value[1] == self._name:
                    tool.inputs[key] = ("wire", name, value[2])
        self._name = name

    def GetInput(self, name: str, time: float = 0.0, /) -> Any:  # noqa: ANN401, N802
        value = self._comp.value(self._name, name, time) if self.held else None
        return {1: value[0], 2: value[1], 3: 0.0} if isinstance(value, tuple) else value  # a point

    def SetInput(self, name: str, value: Any, /) -> None:  # noqa: ANN401, N802
        self._comp.changed()
        self.held.inputs[name] = value

    def FindMainInput(self, number: int, /) -> Optional[scripting.Input]:  # noqa: N802
        return InputHandle(self, "Input") if number == 1 and self.held.kind in {"Saver", "Transform"} else None

    def FindMainOutput(self, number: int, /) -> Optional[scripting.Output]:  # noqa: N802
        has = self.held.kind in _PICTURES | _MASKS and number == 1
        return OutputHandle(self, "Mask" if self.held.kind in _MASKS else "Output") if has else None

    def GetData(self, name: str, /) -> Any:  # noqa: ANN401, N802
        return copy.deepcopy(self.held.data.get(name))

    def SaveSettings(self, path: str, /) -> bool:  # noqa: N802
        Path(path).write_text(settings_text(self._name, self.held), encoding="utf-8")
        return True

    def Delete(self, /) -> None:  # noqa: N802
        self._comp.changed()
        if self.held and not self._comp.refusing:
            self._comp.delete(self._name)

    @property
    def comp(self) -> Comp:
        return self._comp


class InputHandle:
    """An input of a tool."""

    def __init__(self, tool: ToolHandle, name: str) -> None:
        self._tool = tool
        self._input = name

    def GetTool(self, /) -> scripting.Tool:  # noqa: N802
        return self._tool

    def GetConnectedOutput(self, /) -> Optional[scripting.Output]:  # noqa: N802
        given = self._tool.held.inputs.get(self._input)
        return OutputHandle(ToolHandle(self._tool.comp, given[1]), given[2]) if _is_wire(given) else None

    def ConnectTo(self, output: Optional[scripting.Output] = None, /) -> bool:  # noqa: N802
        self._tool.comp.changed()
        if self._tool.comp.refusing:
            return False
        inputs = self._tool.held.inputs
        inputs.pop(self._input, None)
        if isinstance(output, OutputHandle):
            inputs[self._input] = ("wire", output.GetTool().Name, output.name)
        return True


class OutputHandle:
    """An output of a tool."""

    def __init__(self, tool: ToolHandle, name: str) -> None:
        self._tool = tool
        self.name = name

    def GetTool(self, /) -> scripting.Tool:  # noqa: N802
        return self._tool

    def GetConnectedInputs(self, /) -> Optional[dict[float, scripting.Input]]:  # noqa: N802
        comp, name = self._tool.comp, self._tool.Name
        takers: list[scripting.Input] = [
            InputHandle(ToolHandle(comp, other), key)
            for other, held in comp.held.items()
            for key, value in held.inputs.items()
            if _is_wire(value) and value[1] == name
        ]
        return {float(at): taker for at, taker in enumerate(takers, 1)} or None

    def GetValue(self, time: float, /) -> Optional[scripting.Image]:  # noqa: N802
        held = self._tool.held
        return Image(*held.size) if all(held.size) and held.kind in _PICTURES else None


@dataclass
class Image:
    """What is known of a picture."""

    Width: int
    Height: int


def flat(rows: list[dict[str, float]]) -> Iterator[Place]:
    """Yield a polygon's outline in straight pieces."""
    for a, b in zip(rows, [*rows[1:], rows[0]]):
        xs = (a["X"], a["X"] + a["RX"], b["X"] + b["LX"], b["X"])
        ys = (a["Y"], a["Y"] + a["RY"], b["Y"] + b["LY"], b["Y"])
        for step in range(_PIECES):
            u = step / _PIECES
            weights = ((1 - u) ** 3, 3 * u * (1 - u) ** 2, 3 * u * u * (1 - u), u**3)
            yield sum(w * x for w, x in zip(weights, xs)), sum(w * y for w, y in zip(weights, ys))


def settings_text(name: str, held: Held) -> str:
    """Return a tool's settings as Fusion writes them."""
    inputs = ", ".join(
        f'["{key}"] = Input {{ SourceOp = "{value[1]}", Source = "{value[2]}" }}'
        if _is_wire(value)
        else f'["{key}"] = Input {{ Value = {_lua(value)} }}'
        for key, value in held.inputs.items()
    )
    keys = ", ".join(_key_text(at, *each) for at, each in enumerate(sorted(held.keys.items())))
    data = ", ".join(f'["{key}"] = {_lua(("", value))}' for key, value in held.data.items())
    parts = [f"Inputs = {{ {inputs} }}"] if inputs else []
    parts += [f"KeyFrames = {{ {keys} }}"] if keys else []
    parts += [f"CustomData = {{ {data} }}"] if data else []
    return f'{{ Tools = ordered() {{ ["{name}"] = {held.kind} {{ {", ".join(parts)} }} }} }}\n'


def _key_text(at: int, time: float, key: tuple[Any, bool]) -> str:
    value, steps = key
    flags = f"Flags = {{ {'StepIn' if steps else 'Linear'} = true }}"
    if isinstance(value, tuple):
        return f"[{time!r}] = {{ {at}, {flags}, Value = {_lua(value)} }}"
    return f"[{time!r}] = {{ {_lua(value)}, {flags} }}"


def checksum(comp: Comp) -> int:
    """Return a number that differs when the composition does."""
    return zlib.crc32(repr((comp.held, comp.kept)).encode())


def _between(old: Any, new: Any, share: float) -> Any:  # noqa: ANN401 - outlines as Lua has them
    kind, line = copy.deepcopy(old)
    rows, other = line["Points"][1], new[1]["Points"][1]
    if len(rows) != len(other):
        raise FaultError("two keys of a spline differ in their number of points")
    for at, (_, row) in rows.items():
        for key, number in other[at][1].items():
            if isinstance(number, (int, float)) and not isinstance(number, bool):
                row[key] = row.get(key, 0.0) + (number - row.get(key, 0.0)) * share
    return kind, line


def _bare(value: Any) -> Any:  # noqa: ANN401 - a table as Lua has it
    return {key: _bare(each) for key, each in value[1].items()} if isinstance(value, tuple) else value


def _lua(value: Any) -> str:  # noqa: ANN401 - what Lua has
    if isinstance(value, dict):
        value = ("", value)
    if isinstance(value, tuple):
        kind, fields = value
        rows = [fields[at] for at in range(1, len(fields) + 1) if at in fields]
        named = {key: each for key, each in fields.items() if key not in range(1, len(rows) + 1)}
        inner = ", ".join([*map(_lua, rows), *(f"{_key(key)} = {_lua(each)}" for key, each in named.items())])
        return f"{kind} {{ {inner} }}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _key(key: Any) -> str:  # noqa: ANN401 - a name or a number
    return f"[{key!r}]" if isinstance(key, (int, float)) else f'["{key}"]'


def _is_wire(value: Any) -> TypeGuard[tuple[str, str, str]]:  # noqa: ANN401 - what an input holds
    return isinstance(value, tuple) and len(value) == 3 and value[0] == "wire"


def _rests(held: Held) -> bool:
    return bool(held.attributes.get("TOOLB_PassThrough"))


def share_of(numbers: tuple[int, int], place: Place) -> Place:
    """Return plate pixels as shares of the picture from its centre, y up."""
    return place[0] / numbers[0] - 0.5, 0.5 - place[1] / numbers[1]


def pixels_of(numbers: tuple[int, int], place: Place) -> Place:
    """Return shares of the picture from its centre, y up, as plate pixels."""
    return (place[0] + 0.5) * numbers[0], (0.5 - place[1]) * numbers[1]
