"""Shapes as Fusion's polygon masks, in the text that it copies (.setting) and saves (.comp).

A mask's points lie about the picture's centre, each axis divided by its own size, y up: X = x / width - 0.5 and
Y = 0.5 - y / height. Masks are chained, each painting over the one before. docs/hosts/first-run.md lists what has not
been seen in a licensed Fusion; each such thing is one constant here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Optional

from roto_shapes.formats.lua_table import Entry, Raw, Table, Value, dump, number_text
from roto_shapes.formats.straight import StraightSink, shown_from
from roto_shapes.layers import BAKING_TOLERANCE_PX
from roto_shapes.shape import ControlPoint, MadeBy, Shape
from roto_shapes.shot import Plate

CUTTING_MODE = "Subtract"
"""Value of PaintMode that takes a mask away from those before it in the chain."""

OWN_DATA = "Rotolink"
"""Under this name what a mask has no place for is kept as the tool's own data, which Fusion saves as it is."""

DRAW_MODE = "ModifyOnly"
"""A click beside a delivered shape adds no point."""

_TOOL_WIDTH = 110
_POINT = "{{ X = {}, Y = {}, LX = {}, LY = {}, RX = {}, RY = {} }}"
_UNFIT = re.compile(r"\W", re.ASCII)


class FusionForm(Enum):
    """What the text is a part of."""

    SETTING = "setting"
    """Tools alone: what the clipboard holds after a copy in Fusion."""
    COMPOSITION = "comp"


class FusionSink(StraightSink):
    """Gathers shapes and gives them as chained polygon masks.

    `end_shape` raises ValueError for an open shape, which makes no matte, and for motions too long to be keyed anew.
    """

    host = "Fusion"

    def __init__(
        self,
        plate: Plate,
        form: FusionForm = FusionForm.SETTING,
        made_by: Optional[MadeBy] = None,
        tolerance_px: float = BAKING_TOLERANCE_PX,
    ) -> None:
        super().__init__(plate, made_by, tolerance_px)
        self._form = form

    def _takes(self, shape: Shape) -> bool:
        """Say whether a shape is written."""
        if not shape.closed:
            message = f"shape '{shape.name}' is open, and an open outline makes no mask: close it or leave it out"
            raise ValueError(message)
        return True

    def tool_names(self, taken: Collection[str] = ()) -> list[str]:
        """Return what the masks are called, in paint order, where tools of other names are there already."""
        names = set(taken)
        return [_unique(shape.name, names) for shape in self._shapes]

    def text(self, taken: Collection[str] = (), more: Optional[Mapping[str, str]] = None) -> str:
        """Return the file, the same for the same shapes.

        No tool has a name that is `taken`; `more` stands beside what we keep in each mask as its own data.
        """
        tools = Table("ordered()")
        before = ""
        for at, (shape, name) in enumerate(zip(self._shapes, self.tool_names(taken))):
            for tool_name, tool in self._tools(shape, name, before, at):
                own = tool.table("CustomData").table(OWN_DATA)
                for key, value in (more or {}).items():
                    own.put(key, value)
                tools.put(tool_name, tool)
            before = name
        root = Table()
        if self._form is FusionForm.SETTING:
            root.put("Tools", tools)
            root.put("ActiveTool", before)
        else:
            root = self._composition(tools)
        return dump(root) + "\n"

    def _composition(self, tools: Table) -> Table:
        frames, plate = self._plate.frames, self._plate
        span = _of(frames.first, frames.last)
        aspect = plate.pixel_aspect
        frame_format = _keyed(Width=plate.width, Height=plate.height, AspectX=aspect, AspectY=1, Rate=plate.frame_rate)
        return _keyed(
            "Composition",
            CurrentTime=frames.first,
            RenderRange=span,
            GlobalRange=span,
            HiQ=True,
            SavedOutputs=0,
            HeldTools=0,
            DisabledTools=0,
            LockedTools=0,
            AudioOffset=0,
            Resumable=True,
            OutputClips=Table(),
            Tools=tools,
            Prefs=_keyed(Comp=_keyed(FrameFormat=frame_format)),
        )

    def _tools(self, shape: Shape, name: str, before: str, at: int) -> list[tuple[str, Table]]:
        """Return the mask of a shape, and the splines that move it."""
        tools = []
        plate = self._plate
        outlines = [self._polyline(key.points) for key in shape.keyframes]
        if len(outlines) == 1:
            line = _input(outlines[0])
        else:
            line = _wire(f"{name}Polyline", "Value")
            colour = [round(255 * min(max(part, 0.0), 1.0)) for part in shape.colour]
            tools.append((f"{name}Polyline", _spline(colour, _moving(shape, outlines))))
        levels = shown_from(shape.lifetime, plate.frames)
        level = _input(int(levels[0][1])) if len(levels) == 1 else _wire(f"{name}Level", "Value")
        if len(levels) > 1:
            tools.append((f"{name}Level", _spline([204, 0, 0], _stepped(levels))))
        inputs = _keyed(
            Filter=_input(_fuid("Fast Gaussian")),
            Solid=_input(1),
            Level=level,
            MaskWidth=_input(plate.width),
            MaskHeight=_input(plate.height),
            PixelAspect=_input(_of(plate.pixel_aspect, 1)),
            UseFrameFormatSettings=_input(0),
            ClippingMode=_input(_fuid("None")),
        )
        if before:
            inputs.put("EffectMask", _wire(before, "Mask"))
        if shape.invert:
            inputs.put("PaintMode", _input(_fuid(CUTTING_MODE)))
        inputs.put("Polyline", line)
        inputs.put("Polyline2", _keyed("Input", Value=Table("Polyline"), Disabled=True))
        mask = _keyed(
            "PolylineMask",
            DrawMode=DRAW_MODE,
            DrawMode2="InsertAndModify",
            CtrlWZoom=False,
            NameSet=True,
            CustomData=Table(entries=[Entry(OWN_DATA, self._own(shape))]),
            Inputs=inputs,
            ViewInfo=_keyed("OperatorInfo", Pos=_of(_TOOL_WIDTH * at, 0)),
        )
        return [(name, mask), *tools]

    def _own(self, shape: Shape) -> Table:
        frames = self._plate.frames
        own = _keyed(
            Name=shape.name,
            Colour=_of(*shape.colour),
            First=shape.keyframes[0].frame,
            Frames=_of(frames.first, frames.last),
            Rate=self._plate.frame_rate,
            Plate=self._plate.name,
        )
        if self._made_by is not None:
            own.put("Engine", self._made_by.engine)
            own.put("Weights", self._made_by.weights)
        return own

    def _polyline(self, points: tuple[ControlPoint, ...]) -> Raw:
        width, height = self._plate.width, self._plate.height
        rows = []
        for p in points:
            tangents = (p.in_x / width, -p.in_y / height, p.out_x / width, -p.out_y / height)
            numbers = (p.x / width - 0.5, 0.5 - p.y / height, *tangents)
            rows.append(_POINT.format(*map(number_text, numbers)))
        joined = ",\n\t\t\t\t\t\t\t".join(rows)
        return Raw(f"Polyline {{ Closed = true, Points = {{\n\t\t\t\t\t\t\t{joined} }} }}")


def _moving(shape: Shape, outlines: list[Raw]) -> list[Entry]:
    """Return the keys of an outline: each key's number is its place in the row, and they are joined by lines."""
    times = [key.frame for key in shape.keyframes]
    entries = []
    for k, (time, outline) in enumerate(zip(times, outlines)):
        key = Table(entries=[Entry(None, k)])
        for side, other in (("LH", k - 1), ("RH", k + 1)):
            if 0 <= other < len(times):
                key.put(side, _of(time + (times[other] - time) / 3, k + (other - k) / 3))
        key.put("Flags", _keyed(Linear=True, LockedY=True))
        key.put("Value", outline)
        entries.append(Entry(time, key))
    return entries


def _stepped(levels: list[tuple[int, bool]]) -> list[Entry]:
    return [
        Entry(time, Table(entries=[Entry(None, int(level)), Entry("Flags", _keyed(StepIn=True, LockedY=True))]))
        for time, level in levels
    ]


def _spline(colour: list[int], keys: list[Entry]) -> Table:
    red, green, blue = colour
    return _keyed(
        "BezierSpline",
        SplineColor=_keyed(Red=red, Green=green, Blue=blue),
        NameSet=True,
        CtrlWZoom=False,
        KeyFrames=Table(entries=keys),
    )


def _unique(name: str, taken: set[str]) -> str:
    """Return a name fit for a tool and for those of its splines that is not taken yet, and take it."""
    legal = _UNFIT.sub("_", name)
    legal = f"_{legal}" if legal[:1].isdigit() else legal
    unique, count = legal, 1
    while {unique, f"{unique}Polyline", f"{unique}Level"} & taken:
        count += 1
        unique = f"{legal}_{count}"
    taken |= {unique, f"{unique}Polyline", f"{unique}Level"}
    return unique


def _keyed(kind: str = "", **entries: Value) -> Table:
    return Table(kind, [Entry(key, value) for key, value in entries.items()])


def _of(*values: Value) -> Table:
    return Table(entries=[Entry(None, value) for value in values])


def _input(value: Value) -> Table:
    return _keyed("Input", Value=value)


def _wire(tool: str, output: str) -> Table:
    return _keyed("Input", SourceOp=tool, Source=output)


def _fuid(name: str) -> Table:
    return Table("FuID", [Entry(None, name)])
