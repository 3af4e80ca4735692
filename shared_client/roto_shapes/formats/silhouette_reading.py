"""Silhouette's .fxs back into shapes: Beziers and B-splines, in layers too."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NoReturn, Optional
from xml.etree.ElementTree import Element

from roto_shapes.curve import bspline, evaluate, is_smooth
from roto_shapes.formats.silhouette import CUTTING, HANDLES_IN_FIRST, PAINTING
from roto_shapes.formats.silhouette_layers import Motion, motion_of, not_followed, on_plate
from roto_shapes.formats.silhouette_xml import (
    HOLD,
    LINEAR,
    attribute,
    constant,
    first_frame,
    kind_of,
    numbers,
    parse,
    property_named,
    rows,
)
from roto_shapes.formats.straight import layers_apart, unique_names
from roto_shapes.formats.timeline import MOST_FRAMES, Key, on_whole_frames, shown_spans
from roto_shapes.formats.xml_text import finite, lines_told
from roto_shapes.layers import BAKING_TOLERANCE_PX, with_keyframes
from roto_shapes.reading import NOTHING_GIVEN, Given, Reading
from roto_shapes.shape import ControlPoint, Roto, Shape
from roto_shapes.shot import FrameRange, Plate

_USUAL_RATE = 24.0
"""The file does not say its own."""

_PAIR = re.compile(r"\(\s*([^\s,()]+)\s*,\s*([^\s,()]+)\s*(?:,[^()]*)?\)")
_WHOLE = 100.0
_FEWEST_POINTS = 2


def read_silhouette(text: str, given: Given = NOTHING_GIVEN) -> Reading:
    """Return the plate and shapes of an .fxs file, the lowest first.

    Size, pixel aspect and first frame are the session's unless given. Shapes in a layer that moves come on a layer of
    ours, or with its motion baked where ours cannot be the same; those in a layer that is pinned by its corners are
    left out and told. Raises ValueError with the line or the shape's name.
    """
    root = parse(text)
    plate = plate_of(root, given)
    reader = _Reader(plate)
    shapes = list(reader.shapes(root))
    shapes.reverse()
    names = unique_names([shape.name for shape in shapes])
    named = tuple(replace(shape, name=name) for shape, name in zip(shapes, names))
    return Reading(Roto(plate, layers_apart(named)), tuple(dict.fromkeys(reader.notes)))


def plate_of(root: Element, given: Given = NOTHING_GIVEN) -> Plate:
    """Return the plate of a session; raises ValueError where it does not say how large its picture is."""
    width, height = given.size or tuple(int(attribute(root, side, 0.0)) for side in ("width", "height"))
    if width < 1 or height < 1:
        _refuse("the file does not say how large the picture is: give its size")
    first = first_frame(root)
    start, end = (int(attribute(root, f"workRange{side}", float(first))) for side in ("Start", "End"))
    frames = given.frames or FrameRange(min(first, start), max(end, min(first, start)))
    count = frames.last - frames.first + 1  # may be more than `len` can say
    if count > MOST_FRAMES:
        _refuse(f"the session has {count} frames: more than {MOST_FRAMES} are not read")
    aspect = given.pixel_aspect or attribute(root, "pixelAspect", 1.0)
    return Plate(width, height, frames, "", aspect, given.frame_rate or _USUAL_RATE)


@dataclass
class _Reader:
    plate: Plate
    notes: list[str] = field(default_factory=list)

    def shapes(self, parent: Element, carried: tuple[Motion, ...] = ()) -> Iterator[Shape]:
        """Yield the shapes below an element, the topmost first; `carried` are the layers round it that move."""
        for element in parent:
            kind = kind_of(element)
            name = element.get("label") or kind.lower()
            if kind == "Layer":
                yield from self._layer(element, name, carried)
            elif kind == "Shape":
                with lines_told(element):
                    made = [self._carried(shape, carried) for shape in self._shape(element, name)]
                yield from reversed(made)

    def _layer(self, layer: Element, name: str, carried: tuple[Motion, ...]) -> Iterator[Shape]:
        inside = property_named(layer, "objects")
        strange = not_followed(layer)
        if inside is None:
            return
        if strange:
            self.notes.append(f"Layer '{name}' moves by {strange}, which is not read: its shapes are left out.")
            return
        with lines_told(layer):
            motion = motion_of(layer, name, self.plate)
        yield from self.shapes(inside, carried if motion is None else (*carried, motion))

    def _carried(self, shape: Shape, carried: tuple[Motion, ...]) -> Shape:
        """Return a shape under the layers round it: on one of ours where that is the same, else baked."""
        if not carried:
            return shape
        layer = carried[0].as_layer(self.plate) if len(carried) == 1 else None
        if layer is not None:
            return replace(shape, layer=layer)
        times = {time for motion in carried for time in motion.times}
        frames = sorted(
            {key.frame for key in shape.keyframes} | {math.floor(t) for t in times} | set(map(math.ceil, times))
        )
        if frames[-1] - frames[0] > MOST_FRAMES:
            _refuse(f"shape '{shape.name}' moves over more than {MOST_FRAMES} frames")
        truth = {
            frame: tuple(map(on_plate(carried, self.plate, frame).point, evaluate(shape, frame)))
            for frame in range(frames[0], frames[-1] + 1)
        }
        made = with_keyframes(shape, truth, frames, BAKING_TOLERANCE_PX)
        names = "' in '".join(motion.name for motion in reversed(carried))
        self.notes.append(
            f"Shape '{shape.name}' is carried by layer '{names}': that is baked into its points, with "
            f"{len(made.keyframes) - len(shape.keyframes)} more keyframes than its {len(shape.keyframes)}."
        )
        return made

    def _shape(self, element: Element, name: str) -> Iterator[Shape]:
        path = property_named(element, "path")
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
        mode = constant(element, "mode", PAINTING)
        inverted = constant(element, "invert", "false").lower() == "true"
        if mode not in {PAINTING, CUTTING, "Max"} or inverted:
            told = "inverted" if inverted else f"in mode '{mode}'"
            self.notes.append(f"Shape '{name}' is {told}, which shapes do not know: it adds.")
        red, green, blue = [*numbers(constant(element, "outlineColor", ""), f"the colour of '{name}'"), 1, 1, 1][:3]
        shape = Shape(
            name, frames, self.plate.frames, closed, mode == CUTTING, colour=(float(red), float(green), float(blue))
        )
        for span in self._spans(element, name):
            yield replace(shape, lifetime=span)

    def _keys(self, path: Element, kind: str, name: str) -> tuple[list[Key], bool]:
        keys, closed = [], True
        for row in rows(path):
            outline = row.element.find("Path")
            if outline is None:
                _refuse(f"shape '{name}' has a key without a path")
            closed = outline.get("closed", "True").lower() == "true"
            points = self._points(outline, outline.get("type", kind), name, closed=closed)
            if points is None:
                return [], closed
            if row.interp not in {HOLD, LINEAR}:
                self.notes.append(f"Shape '{name}' moves by '{row.interp}' keys: they are read as straight lines.")
            keys.append(Key(self.plate.frames.first + row.frame, points, row.holds))
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
        opacity = property_named(element, "opacity")
        keys = [] if opacity is None else rows(opacity)
        levels = [
            (self.plate.frames.first + row.frame, value)
            for row in keys
            for value in numbers(row.value, f"the opacity of '{name}'")[:1]
        ]
        fades = any(not row.holds for row in keys[:-1])
        if fades or any(value not in {0.0, _WHOLE} for _, value in levels):
            self.notes.append(f"The opacity of '{name}' fades; shapes are there or not: it shows where above zero.")
        return shown_spans(levels, self.plate.frames)


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
