"""Silhouette's .fxs back into shapes: Beziers and B-splines, in layers too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple, NoReturn, Optional
from xml.etree.ElementTree import Element

from roto_shapes.curve import bspline, is_smooth
from roto_shapes.formats.silhouette import CUTTING, HANDLES_IN_FIRST, PAINTING
from roto_shapes.formats.straight import unique_names
from roto_shapes.formats.timeline import MOST_FRAMES, Key, on_whole_frames, shown_spans
from roto_shapes.formats.xml_text import finite, parse_tree
from roto_shapes.reading import NOTHING_GIVEN, Given, Reading
from roto_shapes.shape import ControlPoint, Roto, Shape
from roto_shapes.shot import FrameRange, Plate

_USUAL_RATE = 24.0
"""The file does not say its own."""

_PAIR = re.compile(r"\(\s*([^\s,()]+)\s*,\s*([^\s,()]+)\s*(?:,[^()]*)?\)")
_HOLDS, _LINEAR = "hold", "linear"
_WHOLE = 100.0
_FEWEST_POINTS = 2
_STILL = {
    "transform.position": (0.0, 0.0),
    "transform.rotate": (0.0,),
    "transform.scale": (1.0, 1.0, 1.0),
    "transform.matrix": (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0),
}
"""What a layer's transform is when it moves nothing."""


def read_silhouette(text: str, given: Given = NOTHING_GIVEN) -> Reading:
    """Return the plate and shapes of an .fxs file, the lowest first.

    Size, pixel aspect and first frame are the session's unless given. Shapes in a layer that moves as a whole are left
    out and told: how its numbers work together is not known. Raises ValueError with the line or the shape's name.
    """
    root = _parse(text)
    plate = _plate(root, given)
    reader = _Reader(plate)
    shapes = list(reader.shapes(root))
    shapes.reverse()
    names = unique_names([shape.name for shape in shapes])
    named = tuple(replace(shape, name=name) for shape, name in zip(shapes, names))
    return Reading(Roto(plate, named), tuple(dict.fromkeys(reader.notes)))


def _parse(text: str) -> Element:
    root = parse_tree(text)
    if root.tag != "Silhouette":
        _refuse("this is no file of Silhouette's shapes: its first element is not <Silhouette>")
    return root


def _plate(root: Element, given: Given) -> Plate:
    width, height = given.size or tuple(int(_attribute(root, side, 0.0)) for side in ("width", "height"))
    if width < 1 or height < 1:
        _refuse("the file does not say how large the picture is: give its size")
    first = int(_attribute(root, "sessionStartFrame", 0.0))
    start, end = (int(_attribute(root, f"workRange{side}", float(first))) for side in ("Start", "End"))
    frames = given.frames or FrameRange(min(first, start), max(end, min(first, start)))
    count = frames.last - frames.first + 1  # may be more than `len` can say
    if count > MOST_FRAMES:
        _refuse(f"the session has {count} frames: more than {MOST_FRAMES} are not read")
    aspect = given.pixel_aspect or _attribute(root, "pixelAspect", 1.0)
    return Plate(width, height, frames, "", aspect, given.frame_rate or _USUAL_RATE)


@dataclass
class _Reader:
    plate: Plate
    notes: list[str] = field(default_factory=list)

    def shapes(self, parent: Element) -> Iterator[Shape]:
        """Yield the shapes below an element, the topmost first."""
        for element in parent:
            kind = element.get("type", element.tag)
            name = element.get("label") or kind.lower()
            if kind == "Layer" or element.tag == "Layer":
                moving = self._moves(element)
                inside = _property(element, "objects")
                if moving and inside is not None:
                    self.notes.append(f"Layer '{name}' moves as a whole ({moving}): its shapes are left out.")
                elif inside is not None:
                    yield from self.shapes(inside)
            elif kind == "Shape" or element.tag == "Shape":
                yield from reversed(list(self._shape(element, name)))

    def _moves(self, layer: Element) -> str:
        for name, still in _STILL.items():
            found = _property(layer, name)
            if found is None:
                continue
            rows = [_numbers(row.value, f"{name} of a layer") for row in _rows(found)]
            if any(row and row != list(still[: len(row)]) for row in rows):
                return name
        return ""

    def _shape(self, element: Element, name: str) -> Iterator[Shape]:
        path = _property(element, "path")
        if path is None:
            self.notes.append(f"Shape '{name}' has no path and is left out.")
            return
        keys, closed = self._keys(path, element.get("shape_type", "Bezier"), name)
        if not keys:
            self.notes.append(f"Shape '{name}' is of a kind that is not read, and is left out.")
            return
        counts = sorted({len(key.points) for key in keys})
        if len(counts) != 1 or counts[0] < _FEWEST_POINTS:
            _refuse(f"shape '{name}' has keys of {' and '.join(map(str, counts))} points")
        frames, resampled = on_whole_frames(keys, f"shape '{name}'")
        if resampled:
            self.notes.append(f"Shape '{name}' has keys between frames: it has keyframes on the frames beside them.")
        mode = _constant(element, "mode", PAINTING)
        inverted = _constant(element, "invert", "false").lower() == "true"
        if mode not in {PAINTING, CUTTING, "Max"} or inverted:
            told = "inverted" if inverted else f"in mode '{mode}'"
            self.notes.append(f"Shape '{name}' is {told}, which shapes do not know: it adds.")
        red, green, blue = [*_numbers(_constant(element, "outlineColor", ""), f"the colour of '{name}'"), 1, 1, 1][:3]
        shape = Shape(
            name, frames, self.plate.frames, closed, mode == CUTTING, colour=(float(red), float(green), float(blue))
        )
        for span in self._spans(element, name):
            yield replace(shape, lifetime=span)

    def _keys(self, path: Element, kind: str, name: str) -> tuple[list[Key], bool]:
        keys, closed = [], True
        for row in _rows(path):
            outline = row.element.find("Path")
            if outline is None:
                _refuse(f"shape '{name}' has a key without a path")
            closed = outline.get("closed", "True").lower() == "true"
            points = self._points(outline, outline.get("type", kind), name, closed=closed)
            if points is None:
                return [], closed
            if row.interp not in {_HOLDS, _LINEAR}:
                self.notes.append(f"Shape '{name}' moves by '{row.interp}' keys: they are read as straight lines.")
            keys.append(Key(self.plate.frames.first + row.frame, points, row.interp == _HOLDS))
        return sorted(keys, key=lambda key: key.time), closed

    def _points(self, outline: Element, kind: str, name: str, *, closed: bool) -> Optional[tuple[ControlPoint, ...]]:
        places = [
            [self._place(finite(x, name), finite(y, name)) for x, y in _PAIR.findall(point.text or "")]
            for point in outline.iter("Point")
        ]
        if kind == "Bspline" and all(places):
            self.notes.append(f"Shape '{name}' is a B-spline: it is read as a Bezier of the same outline.")
            return bspline([place[0] for place in places], closed=closed)
        if kind != "Bezier":
            return None
        made = []
        for place in places:
            if len(place) < 3:  # noqa: PLR2004 - the point and its two handles
                _refuse(f"shape '{name}' has a point without its two handles")
            (x, y), *handles = place[:3]
            arrive, leave = [(hx - x, hy - y) for hx, hy in (handles if HANDLES_IN_FIRST else reversed(handles))]
            made.append(ControlPoint(x, y, *arrive, *leave, not is_smooth(arrive, leave)))
        return tuple(made)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        plate = self.plate
        return x * plate.height / plate.pixel_aspect + plate.width / 2, y * plate.height + plate.height / 2

    def _spans(self, element: Element, name: str) -> list[FrameRange]:
        opacity = _property(element, "opacity")
        rows = [] if opacity is None else _rows(opacity)
        levels = [
            (self.plate.frames.first + row.frame, value)
            for row in rows
            for value in _numbers(row.value, f"the opacity of '{name}'")[:1]
        ]
        fades = any(row.interp != _HOLDS for row in rows[:-1])
        if fades or any(value not in {0.0, _WHOLE} for _, value in levels):
            self.notes.append(f"The opacity of '{name}' fades; shapes are there or not: it shows where above zero.")
        return shown_spans(levels, self.plate.frames)


class _Row(NamedTuple):
    """A key of a property, or its one value."""

    frame: float
    interp: str
    value: str
    element: Element


def _rows(found: Element) -> list[_Row]:
    """Return a property's keys by rising frame, or its one value at frame 0."""
    constant = found.find("Value")
    if constant is not None:
        return [_Row(0.0, _LINEAR, constant.text or "", constant)]
    keys = [
        _Row(finite(key.get("frame", "0"), "a frame"), key.get("interp", _LINEAR), key.text or "", key)
        for key in found.findall("Key")
    ]
    return sorted(keys, key=lambda row: row.frame)


def _property(element: Element, name: str) -> Optional[Element]:
    return next((each for each in element.findall("Properties/Property") if each.get("id") == name), None)


def _constant(element: Element, name: str, usual: str) -> str:
    found = _property(element, name)
    rows = [] if found is None else _rows(found)
    return (rows[0].value.strip() or usual) if rows else usual


def _numbers(text: str, what: str) -> list[float]:
    return [finite(part, what) for part in re.split(r"[\s,()]+", text) if part]


def _attribute(element: Element, name: str, usual: float) -> float:
    text = element.get(name)
    return usual if text is None else finite(text, f"'{name}' of the session")


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
