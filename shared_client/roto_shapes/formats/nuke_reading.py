"""Roto and RotoPaint nodes of Nuke scripts back into shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn, Optional

from roto_shapes.curve import Point, bspline, is_smooth
from roto_shapes.formats.nuke_curves import (
    IDENTITY,
    Curve,
    CurvesError,
    Element,
    Matrix,
    Row,
    Transform,
    elements,
    product,
    through,
)
from roto_shapes.formats.nuke_text import Node, Script
from roto_shapes.formats.straight import layers_apart, unique_names
from roto_shapes.formats.timeline import MOST_FRAMES
from roto_shapes.layers import BAKING_TOLERANCE_PX, with_keyframes
from roto_shapes.reading import NOTHING_GIVEN, Given, Reading
from roto_shapes.shape import (
    ControlPoint,
    Interpolation,
    Layer,
    LayerKeyframe,
    MadeBy,
    Roto,
    Shape,
    ShapeKeyframe,
)
from roto_shapes.shot import FrameRange, Plate, runs

ROTO_NODES = ("Roto", "RotoPaint")
CUTTING_MODES = frozenset({11, 13})
"""Blend modes `from` and `difference`, by which a shape above another makes a hole in it."""

_ALL, _UNTIL, _SINGLE, _FROM, _RANGE = range(5)
_SHOWN = 0.5
"""`vis` is a curve; from where on a fraction shows is not known."""

_WHOLE = 1e-4
_FEWEST_POINTS = 2
_SAME_PX = 0.01
_USUAL_RATE = 24.0
_USUAL = {"opc": 1.0, "inv": 0.0, "fx": 0.0, "fy": 0.0, "a": 1.0}
"""Attributes that change how a shape draws and that shapes do not have, with what they are when they do not."""

Points = tuple[ControlPoint, ...]


def read_nuke(text: str, given: Given = NOTHING_GIVEN) -> Reading:
    """Return the plate and shapes of all Roto and RotoPaint nodes of a script, in order of painting.

    The size is that given, else the node's or the script's format, else twice the root layer's pivot. Frames are those
    given, else the script's, else those of keys and lifetimes. Expressions are not run: what they last gave is taken.
    Raises ValueError with the line.
    """
    script = Script(text)
    nodes = list(script.nodes())
    rotos = [node for node in nodes if node.kind in ROTO_NODES]
    if not rotos:
        script.refuse(0, "this script has no Roto or RotoPaint node")
    found = [element for node in rotos for element in reversed(_elements(script, node))]
    root = next((node for node in nodes if node.kind == "Root"), None)
    plate = _plate(script, [*rotos, *([root] if root else [])], found, given)
    reader = _Reader(script, plate)
    shapes = [shape for element in found for shape in reader.shapes(element)]
    names = unique_names([shape.name for shape in shapes])
    named = tuple(replace(shape, name=name) for shape, name in zip(shapes, names))
    notes = tuple(dict.fromkeys(reader.notes))
    try:
        return Reading(Roto(plate, layers_apart(named), _made_by(rotos)), notes, tuple(dict.fromkeys(reader.lost)))
    except ValueError as error:
        script.refuse(rotos[0].at, str(error))


def _elements(script: Script, node: Node) -> list[Element]:
    """Return a node's shapes, the topmost first."""
    knob = next((knob for knob in reversed(node.knobs) if knob.name == "curves"), None)
    if knob is None:
        return []
    if knob.value.lstrip().startswith("AddMode") and "AnimTree" in knob.value:
        script.refuse(
            knob.at, "these are shapes of Nuke 6 or older: open the script in Nuke 7 or later and save it again"
        )
    try:
        return list(elements(script.groups(knob.at, knob.end - 1)))
    except CurvesError as error:
        script.refuse(error.at, str(error))


def _plate(script: Script, nodes: Sequence[Node], found: Sequence[Element], given: Given) -> Plate:
    formats = [words for node in nodes for words in [node.knob("format").split()] if len(words) >= 7]  # noqa: PLR2004
    width, height, aspect = 0.0, 0.0, 1.0
    root = nodes[-1]
    try:
        if formats:
            width, height, aspect = float(formats[0][0]), float(formats[0][1]), float(formats[0][6])
        rate = float(root.knob("fps") or _USUAL_RATE)
        ends = [float(root.knob(name)) for name in ("first_frame", "last_frame") if root.knob(name)]
    except ValueError:
        script.refuse(root.at, "a format, frame or rate of the script is no number")
    if not all(map(math.isfinite, (width, height, aspect, rate, *ends))) or aspect <= 0 or rate <= 0:
        script.refuse(root.at, "a format, frame or rate of the script is no number")
    if not formats and found:
        pivot = found[0].transforms[0]
        width, height = 2 * pivot.part(0).values[0], 2 * pivot.part(1).values[0]
    size = given.size or (round(width), round(height))
    if min(size) < 1:
        script.refuse(root.at, "the script does not say how large the picture is: give its size")
    frames = given.frames or _frames(found, ends)
    count = frames.last - frames.first + 1  # may be more than `len` can say
    if count > MOST_FRAMES:
        script.refuse(root.at, f"the shapes live on {count} frames: more than {MOST_FRAMES} are not read")
    return Plate(*size, frames, "", given.pixel_aspect or aspect, given.frame_rate or rate)


def _frames(found: Sequence[Element], ends: Sequence[float]) -> FrameRange:
    if len(ends) == 2:  # noqa: PLR2004 - first and last
        return FrameRange(round(min(ends)), round(max(ends)))
    times = [time for element in found for time in _times(element)]
    for element in found:
        kind = element.value("ltt", 0).values[0]
        if kind in {_RANGE, _SINGLE, _FROM}:
            times.append(element.value("ltn", 1).values[0])
        if kind in {_RANGE, _UNTIL}:
            times.append(element.value("ltm", 1).values[0])
    return FrameRange(math.floor(min(times)), math.ceil(max(times))) if times else FrameRange(1, 1)


def _times(element: Element) -> list[float]:
    """Return the times of all keys of an outline."""
    curves = (curve for row in (*element.main, *element.feather) for curve in row)
    return sorted({time for times in {curve.times for curve in curves} for time in times})


def _made_by(rotos: Sequence[Node]) -> Optional[MadeBy]:
    """Return what our own label says, `engine: weights`."""
    for node in rotos:
        engine, colon, weights = node.knob("label").partition(": ")
        if colon and node.knob("name").startswith("Rotolink"):
            return MadeBy(engine, weights)
    return None


@dataclass
class _Reader:
    script: Script
    plate: Plate
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def shapes(self, element: Element) -> list[Shape]:
        """Return what becomes of an element: a shape for each stretch of frames on which it shows."""
        name = element.name
        if element.kind == "stroke":
            self.lost.append(f"'{name}' is a stroke of a brush, no shape.")
            return []
        if not self._is_whole(element):
            return []
        moving = [transform for transform in element.transforms if not transform.is_still]
        if any(not transform.is_known for transform in moving):
            self._lose(
                f"Shape '{name}' moves by a transform with skew, tilt or a matrix beside other numbers: left out."
            )
            return []
        layer = _layer(moving[0], self.plate.height) if len(moving) == 1 else None
        shape = self._shape(element, [] if layer is not None else moving)
        if shape is None:
            return []
        shape = replace(shape, layer=layer)
        self._tell(element)
        return [replace(shape, lifetime=span) for span in self._spans(element)]

    def _is_whole(self, element: Element) -> bool:
        step = 1 if element.kind == "bspline" else 3
        count, rest = divmod(len(element.main), step)
        if rest or element.kind not in {"bezier", "bspline"}:
            self._refuse(element, "its outline is not whole")
        if element.feather and len(element.feather) != len(element.main):
            self._refuse(element, "its feather has another number of points than its outline")
        if count < _FEWEST_POINTS:
            self._lose(f"Shape '{element.name}' has fewer than two points and is left out.")
            return False
        return True

    def _shape(self, element: Element, moving: Sequence[Transform]) -> Optional[Shape]:
        """Return a shape without a layer, its motion that of the outline under all that moves it."""
        times = sorted({*_times(element), *(time for transform in moving for time in transform.times)})
        curves = [curve for row in (*element.main, *element.feather) for curve in row]
        own = self.plate.frames.first
        smooth = Interpolation.SMOOTH if len(times) > 2 else Interpolation.LINEAR  # noqa: PLR2004 - else a straight line
        pattern = Shape(
            element.name, (ShapeKeyframe(own, _NOTHING),), self.plate.frames, element.closed, interpolation=smooth
        )
        invert = round(element.value("bm", 0).values[0]) in CUTTING_MODES
        pattern = replace(pattern, invert=invert, colour=self._colour(element))
        if not times:
            return replace(pattern, keyframes=(ShapeKeyframe(own, self._points(element, moving, own)),))
        whole = all(abs(time - round(time)) < _WHOLE for time in times)
        together = all(len(curve.values) == 1 or curve.times == tuple(times) for curve in curves)
        if whole and together and not moving and element.kind == "bezier":
            return replace(pattern, keyframes=self._keyed(element, times))
        first, last = math.floor(times[0]), math.ceil(times[-1])
        if last - first > MOST_FRAMES:
            self._refuse(element, f"it moves over more than {MOST_FRAMES} frames")
        truth = {frame: self._points(element, moving, frame) for frame in range(first, last + 1)}
        frames = sorted({min(max(round(time), first), last) for time in times} | {first, last})
        made = with_keyframes(replace(pattern, interpolation=Interpolation.SMOOTH), truth, frames, BAKING_TOLERANCE_PX)
        more = len(made.keyframes) - len(times)
        why = "moves as a whole" if moving else "has points with keys of their own, or a spline's"
        self._note(f"Shape '{element.name}' {why}: it has {more} more keyframes than the {len(times)} in Nuke.")
        return made

    def _keyed(self, element: Element, times: Sequence[float]) -> tuple[ShapeKeyframe, ...]:
        """Return keyframes of an outline that nothing moves as a whole and whose numbers all have keys together."""
        rows = [_columns(row, len(times)) for row in element.main]
        soft = [_columns(row, len(times)) for row in element.feather[1::3]] if _is_feathered(element) else []
        keys = []
        for k, time in enumerate(times):
            places = [(across[k], up[k]) for across, up in rows]
            offsets: list[Optional[tuple[float, float]]] = [(across[k], up[k]) for across, up in soft]
            points = zip(places[0::3], places[1::3], places[2::3], offsets or [None] * (len(places) // 3))
            keys.append(ShapeKeyframe(round(time), tuple(self._point(*row) for row in points)))
        return tuple(keys)

    def _points(self, element: Element, moving: Sequence[Transform], time: float) -> Points:
        """Return the outline at a time in plate pixels, y down."""
        places = [(across.at(time), up.at(time)) for across, up in element.main]
        step = 1 if element.kind == "bspline" else 3
        soft = element.feather[step // 2 :: step] if _is_feathered(element) else []
        offsets: list[Optional[tuple[float, float]]] = [(across.at(time), up.at(time)) for across, up in soft]
        if element.kind == "bspline":
            bezier = bspline(places, closed=element.closed)
            places = [place for p in bezier for place in ((p.in_x, p.in_y), (p.x, p.y), (p.out_x, p.out_y))]
        rows = zip(places[0::3], places[1::3], places[2::3], offsets or [None] * (len(places) // 3))
        matrix = IDENTITY
        for transform in moving:
            matrix = product(matrix, transform.matrix(time))
        try:
            return tuple(self._point(*(row if not moving else _moved(matrix, *row))) for row in rows)
        except ValueError as error:
            self._refuse(element, str(error))

    def _point(self, into: Point, at: Point, out: Point, soft: Optional[Point]) -> ControlPoint:
        """Return a control point of a place and of offsets, y up."""
        arrive, leave = (into[0], 0.0 - into[1]), (out[0], 0.0 - out[1])
        feather = None if soft is None else (soft[0], 0.0 - soft[1])
        corner = not is_smooth(arrive, leave)
        return ControlPoint(at[0], self.plate.height - at[1], *arrive, *leave, corner, feather)

    def _colour(self, element: Element) -> tuple[float, float, float]:
        own = element.attributes[-1]
        if not {"ro", "go", "bo"} & own.keys():
            return (1.0, 1.0, 1.0)
        red, green, blue = (element.value(name, 0).values[0] for name in ("ro", "go", "bo"))
        return red, green, blue

    def _tell(self, element: Element) -> None:
        """Note what shapes do not have."""
        name = element.name
        if element.expressions:
            self._lose(f"Shape '{name}' is driven by expressions: what they last gave is taken.")
        if not element.closed:
            self._lose(f"Shape '{name}' is an open spline, which Nuke draws as a line: it is read as an open outline.")
        if element.kind == "bspline":
            self._note(f"Shape '{name}' is a B-spline: it is read as a Bezier of the same outline.")
        for key, usual in _USUAL.items():
            curve = element.value(key, usual)
            if not curve.still or curve.values[0] != usual:
                self._lose(f"The attribute {key} of shape '{name}' is not read: shapes do not have it.")
        mode = round(element.value("bm", 0).values[0])
        if mode not in CUTTING_MODES | {0, 1, 5, 7}:
            self._lose(f"Shape '{name}' is blended by mode {mode}, which shapes do not know: it adds.")
        if self._has_own_tangents(element):
            self._lose(f"The feather of shape '{name}' has tangents of its own; it is read with those of the outline.")

    @staticmethod
    def _has_own_tangents(element: Element) -> bool:
        if element.kind != "bezier":
            return False
        both = (
            (main, soft)
            for at, rows in enumerate(zip(element.main, element.feather))
            if at % 3 != 1
            for main, soft in zip(*rows)
        )
        return any(abs(main.values[0] - soft.values[0]) > _SAME_PX for main, soft in both)

    def _spans(self, element: Element) -> list[FrameRange]:
        """Return the frames on which an element and the layers round it show."""
        within = self.plate.frames
        first, last = within.first, within.last
        kind = element.value("ltt", 0).values[0]
        start, end = element.value("ltn", 1).values[0], element.value("ltm", 1).values[0]
        if kind == _UNTIL:
            last = math.floor(end)
        elif kind == _SINGLE:
            first = last = round(start)
        elif kind == _FROM:
            first = math.ceil(start)
        elif kind == _RANGE:
            first, last = math.ceil(start), math.floor(end)
        if first > last:
            return []
        shown = [own["vis"] for own in element.attributes if "vis" in own]
        if all(curve.still and curve.values[0] >= _SHOWN for curve in shown):
            return [FrameRange(first, last)]
        return runs(f for f in range(first, last + 1) if all(curve.at(f) >= _SHOWN for curve in shown)) or self._hidden(
            element
        )

    def _hidden(self, element: Element) -> list[FrameRange]:
        self._lose(f"Shape '{element.name}' is hidden on all its frames and is left out.")
        return []

    def _note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def _lose(self, sentence: str) -> None:
        self.notes.append(sentence)
        self.lost.append(sentence)

    def _refuse(self, element: Element, why: str) -> NoReturn:
        self.script.refuse(element.at, f"shape '{element.name}': {why}")


_NOTHING: Points = (ControlPoint(0, 0), ControlPoint(0, 0))


def _columns(row: Row, count: int) -> tuple[Sequence[float], Sequence[float]]:
    across, up = (curve.values * count if len(curve.values) == 1 else curve.values for curve in row)
    return across, up


def _is_feathered(element: Element) -> bool:
    step = 1 if element.kind == "bspline" else 3
    return any(not c.still or c.values[0] for row in element.feather[step // 2 :: step] for c in row)


def _moved(
    matrix: Matrix, into: Point, at: Point, out: Point, soft: Optional[Point]
) -> tuple[Point, Point, Point, Optional[Point]]:
    """Return a place and its offsets under a map."""
    x, y = through(matrix, *at)

    def tip(offset: Point) -> Point:
        across, up = through(matrix, at[0] + offset[0], at[1] + offset[1])
        return across - x, up - y

    return tip(into), (x, y), tip(out), None if soft is None else tip(soft)


def _layer(transform: Transform, height: int) -> Optional[Layer]:
    """Return a transform that moves, turns and scales alone as a layer of ours; None when it is none."""
    times = transform.times
    if not transform.is_similarity or not times or any(abs(time - round(time)) > _WHOLE for time in times):
        return None
    parts: list[Curve] = [transform.part(k) for k in (3, 4, 8, 9)]
    if any(not part.still and part.times != tuple(times) for part in parts):
        return None
    keys = tuple(
        LayerKeyframe(round(time), parts[0].at(time), -parts[1].at(time), -parts[2].at(time), parts[3].at(time))
        for time in times
    )
    pivot = transform.part(0).values[0], height - transform.part(1).values[0]
    return Layer(transform.name, keys, pivot, Interpolation.SMOOTH)
