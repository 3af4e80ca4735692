"""Fusion's polygon masks back into shapes, from .setting and .comp text. Nothing in a file is ever run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn, Optional

from roto_shapes.curve import is_smooth
from roto_shapes.formats.fusion import CUTTING_MODE, OWN_DATA
from roto_shapes.formats.lua_table import Table, parse
from roto_shapes.formats.straight import unique_names
from roto_shapes.formats.timeline import MOST_FRAMES, Ease, Key, bezier_ease, on_whole_frames, shown_spans
from roto_shapes.reading import NOTHING_GIVEN, Given, Reading
from roto_shapes.shape import ControlPoint, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

MASK, SPLINE = "PolylineMask", "BezierSpline"
_PAINTING_MODES = frozenset({"", "Merge", "Add", "Maximum"})
_OTHER_MASKS = frozenset({"BSplineMask", "EllipseMask", "RectangleMask", "MultiPoly", "TriangleMask", "WandMask"})
_IGNORED = {"SoftEdge": 0.0, "BorderWidth": 0.0, "Invert": 0.0, "XRotation": 0.0, "YRotation": 0.0, "Solid": 1.0}
"""Inputs that change how a mask draws, with what they are when they do not."""

_POINT_KEYS = ("X", "Y", "LX", "LY", "RX", "RY")
_FEWEST_POINTS = 2
_CENTRE = (0.5, 0.5)


def read_fusion(text: str, given: Given = NOTHING_GIVEN) -> Reading:
    """Return the plate and shapes of the polygon masks in a text, in the order in which they are chained.

    The size is that given, else that of the first mask, else that of the composition's frame format. Frames are those
    given, else the composition's, else those that we noted, else those of the keys. Raises ValueError with the line or
    the name of a tool, for text that is no table of Lua, and for masks whose keys differ in their number of points.
    """
    root = parse(text)
    reader = _Reader(root, dict(_every_tool(root, 0)))
    masks = reader.chained()
    plate = reader.plate(masks, given)
    shapes = [shape for name, mask in masks for shape in reader.shapes(name, mask, plate)]
    names = unique_names([shape.name for shape in shapes])
    named = tuple(replace(shape, name=name) for shape, name in zip(shapes, names))
    return Reading(Roto(plate, named, reader.made_by(masks)), tuple(dict.fromkeys(reader.notes)))


def _every_tool(table: Table, depth: int) -> Iterator[tuple[str, Table]]:
    """Yield the tools of a composition, those inside groups too."""
    for name, tool in table.table("Tools").tables():
        yield name, tool
        yield from _every_tool(tool, depth + 1)


@dataclass
class _Reader:
    root: Table
    tools: dict[str, Table]
    notes: list[str] = field(default_factory=list)

    def chained(self) -> list[tuple[str, Table]]:
        """Return the masks, each behind those that it paints over."""
        for name, tool in self.tools.items():
            if tool.kind in _OTHER_MASKS:
                self.notes.append(f"Mask '{name}' is a {tool.kind}, which is not read: only polygons are.")
        masks = {name: tool for name, tool in self.tools.items() if tool.kind == MASK}
        done: dict[str, Table] = {}
        for top in masks:
            chain: list[str] = []
            below = top
            while below in masks and below not in done and below not in chain:
                chain.append(below)
                below = masks[below].table("Inputs").table("EffectMask").text("SourceOp")
            done.update((each, masks[each]) for each in reversed(chain))
        return list(done.items())

    def plate(self, masks: list[tuple[str, Table]], given: Given) -> Plate:
        inputs = [mask.table("Inputs") for _, mask in masks]
        frame_format = self.root.table("Prefs").table("Comp").table("FrameFormat")
        sizes = [
            (each.table("MaskWidth").number("Value", 0), each.table("MaskHeight").number("Value", 0)) for each in inputs
        ]
        sizes.append((frame_format.number("Width", 0), frame_format.number("Height", 0)))
        size = given.size or next(((int(w), int(h)) for w, h in sizes if w >= 1 and h >= 1), None)
        if size is None:
            _refuse("the masks do not say how large the picture is: give its size")
        aspects = [each.table("PixelAspect").table("Value").items() for each in inputs]
        aspect = next((_quotient(each) for each in aspects if len(each) > 1), frame_format.number("AspectX", 1.0))
        own = [_own(mask) for _, mask in masks]
        rates = [each.number("Rate", 0) for each in own]
        rate = given.frame_rate or next((each for each in rates if each > 0), frame_format.number("Rate", 24.0))
        name = next((each.text("Plate") for each in own if each.text("Plate")), "")
        return Plate(*size, given.frames or self._frames(masks, own), name, given.pixel_aspect or aspect, rate)

    def made_by(self, masks: list[tuple[str, Table]]) -> Optional[MadeBy]:
        engines = [_own(mask) for _, mask in masks if _own(mask).text("Engine")]
        return MadeBy(engines[0].text("Engine"), engines[0].text("Weights")) if engines else None

    def _frames(self, masks: list[tuple[str, Table]], own: list[Table]) -> FrameRange:
        for span in (self.root.table("GlobalRange"), *(each.table("Frames") for each in own)):
            ends = span.items()
            if len(ends) == 2 and all(isinstance(end, (int, float)) for end in ends):  # noqa: PLR2004 - first and last
                first, last = (round(_finite(end, "a range of frames")) for end in ends)
                return FrameRange(first, min(max(last, first), first + MOST_FRAMES))
        times = [
            time
            for _, mask in masks
            for time, _ in _keys(self._source(mask.table("Inputs").table("Polyline")) or Table())
        ]
        return FrameRange(math.floor(min(times)), math.ceil(max(times))) if times else FrameRange(0, 0)

    def shapes(self, name: str, mask: Table, plate: Plate) -> Iterator[Shape]:
        inputs = mask.table("Inputs")
        keyframes = self._keyframes(name, inputs, _own(mask), plate)
        if keyframes is None:
            return
        self._tell_ignored(name, inputs)
        mode = str(next(iter(inputs.table("PaintMode").table("Value").items()), ""))
        if mode not in _PAINTING_MODES | {CUTTING_MODE}:
            self.notes.append(f"Mask '{name}' is painted as '{mode}', which shapes do not know: it adds.")
        label = _own(mask).text("Name") or name
        red, green, blue = (
            _finite(part, f"the colour of '{name}'")
            for part in [*_own(mask).table("Colour").items(), 1.0, 1.0, 1.0][:3]
        )
        shape = Shape(label, keyframes, plate.frames, invert=mode == CUTTING_MODE, colour=(red, green, blue))
        for span in self._spans(name, inputs, plate.frames):
            yield replace(shape, lifetime=span)

    def _spans(self, name: str, inputs: Table, frames: FrameRange) -> list[FrameRange]:
        level = inputs.table("Level")
        spline = self._source(level)
        if spline is None:
            return [frames] if level.number("Value", 1.0) > 0 else []
        levels = [(time, _finite(next(iter(key.items()), 0.0), f"a level of '{name}'")) for time, key in _keys(spline)]
        if any(value not in {0, 1} for _, value in levels):
            self.notes.append(f"The level of mask '{name}' fades; shapes are there or not: it shows where above zero.")
        return shown_spans(levels, frames)

    def _keyframes(self, name: str, inputs: Table, own: Table, plate: Plate) -> Optional[tuple[ShapeKeyframe, ...]]:
        line = inputs.table("Polyline")
        place = self._place(name, inputs, plate)
        spline = self._source(line)
        if spline is None and line.text("SourceOp"):
            driver = self.tools.get(line.text("SourceOp"), Table()).kind or "missing tool"
            self.notes.append(f"Mask '{name}' is driven by '{line.text('SourceOp')}' ({driver}): it is left out.")
            return None
        if spline is None:
            points = _outline(line.table("Value"), place, name)
            if not points:
                self.notes.append(f"Mask '{name}' has no points and is left out.")
                return None
            return (ShapeKeyframe(int(own.number("First", plate.frames.first)), points),)
        keys = []
        rows = _keys(spline)
        for at, (time, key) in enumerate(rows):
            points = _outline(key.table("Value"), place, name)
            holds = key.table("Flags").get("StepIn") is True
            ease = _ease(key, time, rows[at + 1]) if at + 1 < len(rows) else None
            keys.append(Key(time, points, holds, ease))
        counts = sorted({len(key.points) for key in keys})
        if len(counts) != 1 or counts[0] < _FEWEST_POINTS:
            _refuse(f"mask '{name}' (line {spline.line}) has keys of {' and '.join(map(str, counts))} points")
        found, resampled = on_whole_frames(keys, f"mask '{name}'")
        if resampled:
            self.notes.append(f"Mask '{name}' moves with easing or between frames: it has keyframes in between.")
        return found

    def _place(self, name: str, inputs: Table, plate: Plate) -> _Place:
        centre = inputs.table("Center").table("Value").items() or list(_CENTRE)
        x, y = (_finite(part, f"the centre of '{name}'") for part in centre[:2])
        turn = inputs.table("ZRotation").number("Value", 0.0)
        if turn:
            self.notes.append(f"Mask '{name}' is turned by {turn:g} degrees: that was applied, compare it with Fusion.")
        for wired in ("Center", "Size", "ZRotation"):
            if inputs.table(wired).text("SourceOp") or inputs.table(wired).text("Expression"):
                self.notes.append(
                    f"The input {wired} of mask '{name}' is animated, which is not read: its value is taken."
                )
        size = inputs.table("Size").number("Value", 1.0)
        return _Place(plate.width, plate.height, plate.pixel_aspect, x, y, size, math.radians(turn))

    def _tell_ignored(self, name: str, inputs: Table) -> None:
        for key, usual in _IGNORED.items():
            if inputs.table(key).number("Value", usual) != usual:
                self.notes.append(f"The input {key} of mask '{name}' is not read: shapes do not have it.")
        if inputs.table("Polyline2").table("Value").table("Points").entries or inputs.table("Polyline2").text(
            "SourceOp"
        ):
            self.notes.append(f"The second polygon of mask '{name}' is not read.")

    def _source(self, input_: Table) -> Optional[Table]:
        """Return the spline that moves an input, if one does."""
        spline = self.tools.get(input_.text("SourceOp"))
        return spline if spline is not None and spline.kind == SPLINE else None


@dataclass(frozen=True)
class _Place:
    """Where a mask's own positions lie on the plate."""

    width: int
    height: int
    pixel_aspect: float
    centre_x: float
    centre_y: float
    size: float
    turn: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        across, down = self.vector(x, y)
        return self.centre_x * self.width + across, (1 - self.centre_y) * self.height + down

    def vector(self, x: float, y: float) -> tuple[float, float]:
        """Return an offset in plate pixels; the turn is one of the picture as seen, its pixels unsquare or not."""
        across, up = x * self.size * self.width * self.pixel_aspect, y * self.size * self.height
        if self.turn:
            c, s = math.cos(self.turn), math.sin(self.turn)
            across, up = c * across - s * up, s * across + c * up
        return across / self.pixel_aspect, -up


def _keys(spline: Table) -> list[tuple[float, Table]]:
    """Return the keys of a spline by rising time."""
    found: dict[float, Table] = {}
    at = 0
    for key, value in spline.table("KeyFrames").entries:
        if not isinstance(value, Table) or isinstance(key, str):
            _refuse(f"the spline in line {spline.line} has a key that is none")
        at += key is None
        found[float(at) if key is None else key] = value
    return sorted(found.items(), key=lambda pair: pair[0])


def _outline(line: Table, place: _Place, name: str) -> tuple[ControlPoint, ...]:
    """Return the points of a polyline; those called Linear get handles that make their segments straight."""
    rows = [row for row in line.table("Points").items() if isinstance(row, Table)]
    if line.get("Closed") is not True and rows:
        _refuse(f"mask '{name}' (line {line.line}) is open: close it or leave it out")
    numbers = [_point_numbers(row, name) for row in rows]
    made = []
    for at, (row, (x, y, *tangents)) in enumerate(zip(rows, numbers)):
        left_x, left_y, right_x, right_y = tangents
        if row.get("Linear") is True:
            before, after = numbers[at - 1], numbers[(at + 1) % len(numbers)]
            left_x, left_y, right_x, right_y = (
                (there - here) / 3 for other in (before, after) for here, there in zip((x, y), other)
            )
        arrive, leave = place.vector(left_x, left_y), place.vector(right_x, right_y)
        made.append(ControlPoint(*place.point(x, y), *arrive, *leave, not is_smooth(arrive, leave)))
    return tuple(made)


def _point_numbers(row: Table, name: str) -> list[float]:
    """Return a point's position and tangents; those that are not there are 0."""
    values = dict(row.entries)
    found = [values.get(key, 0.0) for key in _POINT_KEYS]
    finite = [value for value in found if type(value) is float and math.isfinite(value)]
    if len(finite) == len(found):
        return finite
    return [
        _finite(value, f"{key} of a point of mask '{name}' (line {row.line})") for key, value in zip(_POINT_KEYS, found)
    ]


def _ease(key: Table, time: float, after: tuple[float, Table]) -> Optional[Ease]:
    """Return the easing between two keys of an outline, from the handles beside their numbers."""
    if key.table("Flags").get("Linear") is True:
        return None
    leave, arrive = key.table("RH").items(), after[1].table("LH").items()
    values = [next(iter(each.items()), None) for each in (key, after[1])]
    numbers = [*leave, *arrive, *values]
    if len(leave) != 2 or len(arrive) != 2 or not all(isinstance(each, (int, float)) for each in numbers):  # noqa: PLR2004
        return None
    out_time, out_value, in_time, in_value, start, end = (_finite(each, "a handle") for each in numbers)
    if end == start:
        return None
    span, rise = after[0] - time, end - start
    return bezier_ease(
        (out_time - time) / span, (out_value - start) / rise, (in_time - time) / span, (in_value - start) / rise
    )


def _own(mask: Table) -> Table:
    return mask.table("CustomData").table(OWN_DATA)


def _quotient(pair: Sequence[object]) -> float:
    across, down = (_finite(part, "a pixel aspect") for part in pair[:2])
    return across / down if across > 0 and down > 0 else 1.0


def _finite(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        _refuse(f"{what} is not a finite number")
    return float(value)


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
