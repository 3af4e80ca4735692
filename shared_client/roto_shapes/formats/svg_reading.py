"""SVG back into shapes: paths and basic shapes, where their groups place them, and what SMIL animates of a path."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple, NoReturn
from xml.etree.ElementTree import Element

from roto_shapes.curve import Point, distance_outside, flatten, is_clockwise
from roto_shapes.formats.straight import unique_names
from roto_shapes.formats.svg_path import Outline, outlines
from roto_shapes.formats.timeline import MOST_FRAMES, Key, on_whole_frames, shown_spans
from roto_shapes.formats.xml_text import finite, lines_told, parse_tree
from roto_shapes.reading import NOTHING_GIVEN, Given, Reading
from roto_shapes.shape import RGB, ControlPoint, Roto, Shape
from roto_shapes.shot import FrameRange, Plate

_USUAL_RATE = 24.0
"""An SVG of others counts seconds."""

_DRAWN = {"path", "rect", "circle", "ellipse", "polygon", "polyline", "line"}
_SIDES = {
    "line": ("x1", "y1", "x2", "y2"),
    "rect": ("x", "y", "width", "height", "rx", "ry"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}
_CONTAINERS = {"svg", "g", "a", "defs"}
_SILENT = {"mask", "title", "desc", "metadata", "style", "clipPath", "animate", "namedview"}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_TRANSFORM = re.compile(r"[\s,]*(matrix|translate|scale|rotate|skewX|skewY)\s*\(([^()]*)\)")
_HEX = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\Z")
_CLOCK = re.compile(r"(?:(?:(\d{1,9}):)?(\d{1,9}):)?(\d{1,9}(?:\.\d*)?|\.\d+)(h|min|s|ms)?\Z")
_SECONDS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 0.001, None: 1.0}
_FLATNESS_PX, _FLATNESS_SHARE = 0.25, 0.001
"""How finely outlines are drawn to see which lies in which: in pixels, and of their size where that is coarser."""

_MOST_OUTLINES = 1000
"""In one path: each is held against each."""

_FEWEST_POINTS = 2
_FARTHEST = 1e9
_MOST_NUMBERS = 20_000_000
"""Points times keyframes of one file: what a minute reads."""


class _Matrix(NamedTuple):
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    e: float = 0.0
    f: float = 0.0

    def of(self, inner: _Matrix) -> _Matrix:
        """Return the map that does the inner one first."""
        e, f = self.position((inner.e, inner.f))
        return _Matrix(
            self.a * inner.a + self.c * inner.b,
            self.b * inner.a + self.d * inner.b,
            self.a * inner.c + self.c * inner.d,
            self.b * inner.c + self.d * inner.d,
            e,
            f,
        )

    def position(self, at: Point) -> Point:
        return self.a * at[0] + self.c * at[1] + self.e, self.b * at[0] + self.d * at[1] + self.f

    def point(self, point: ControlPoint) -> ControlPoint:
        """Return a control point where it is placed. Raises ValueError for one infinitely far off."""
        a, b, c, d, e, f = self
        x, y, in_x, in_y, out_x, out_y, corner, _ = point
        made = ControlPoint(
            a * x + c * y + e,
            b * x + d * y + f,
            a * in_x + c * in_y,
            b * in_x + d * in_y,
            a * out_x + c * out_y,
            b * out_x + d * out_y,
            corner,
        )
        if not all(map(math.isfinite, made[:6])):
            _refuse("transforms put a point infinitely far off")
        return made


class _Step(NamedTuple):
    """A value of an animation, and when it is reached."""

    frame: float
    value: str
    holds: bool


def read_svg(text: str, given: Given = NOTHING_GIVEN) -> Reading:
    """Return the plate and shapes of an SVG, the lowest first.

    Filled paths are closed shapes. Of a path of several outlines those that its fill rule leaves empty cut. Transforms
    and what else is animated than a path and its visibility, strokes' widths, text, images and masks of others are
    told. Raises ValueError with the line or the shape's name.
    """
    root = parse_tree(text)
    if _tag(root) != "svg":
        _refuse("this is no SVG: its first element is not <svg>")
    reader = _Reader(root, given)
    shapes = list(reader.shapes(root, reader.place, _Look()))
    for what, count in sorted(reader.left_out.items()):
        reader.notes.append(f"{count} <{what}> left out: only paths, basic shapes and their groups are read.")
    plate = reader.plate(shapes)
    names = unique_names([shape.name for shape in shapes])
    everywhere = [
        replace(shape, name=name, lifetime=span)
        for shape, name, levels in zip(shapes, names, reader.levels)
        for span in shown_spans(levels, plate.frames)
    ]
    named = (replace(s, name=n) for s, n in zip(everywhere, unique_names([shape.name for shape in everywhere])))
    return Reading(Roto(plate, tuple(named)), tuple(dict.fromkeys(reader.notes)))


@dataclass
class _Reader:
    root: Element
    given: Given
    notes: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    levels: list[list[tuple[float, float]]] = field(default_factory=list)
    """Of each shape that was yielded, when it is seen."""
    numbers: int = 0

    def __post_init__(self) -> None:
        box = _numbers(self.root.get("viewBox", ""))
        if len(box) != 4:  # noqa: PLR2004 - left, top, width, height
            box = [0.0, 0.0, *(_length(self.root.get(side, "0"), f"the {side}") for side in ("width", "height"))]
        if not (all(map(math.isfinite, box)) and box[2] > 0 and box[3] > 0):
            _refuse("the file does not say how large the picture is: give it a viewBox")
        wanted = self.given.size or (math.ceil(box[2]), math.ceil(box[3]))
        self.size = wanted
        across, down = (wanted[0] / box[2], wanted[1] / box[3]) if self.given.size else (1.0, 1.0)
        self.place = _Matrix(across, 0.0, 0.0, down, -box[0] * across, -box[1] * down)
        self.rate = self.given.frame_rate or _own(self.root, "frame-rate", _USUAL_RATE)
        self.own_first = int(_own(self.root, "first-frame", 0.0))
        self.first = self.given.frames.first if self.given.frames else self.own_first

    def plate(self, shapes: list[Shape]) -> Plate:
        """Return the plate, with the frames that are told or else those that something happens on."""
        own_last = _own(self.root, "last-frame", self.own_first - 1) - self.own_first + self.first
        ends = [key.frame for shape in shapes for key in shape.keyframes]
        ends += [math.ceil(time) for levels in self.levels for time, _ in levels]
        last = int(own_last) if own_last >= self.first else max([*ends, self.first])
        frames = self.given.frames or FrameRange(self.first, last)
        count = frames.last - frames.first + 1  # may be more than `len` can say
        if count > MOST_FRAMES:
            _refuse(f"this animation has {count} frames: more than {MOST_FRAMES} are not read")
        aspect = self.given.pixel_aspect or _own(self.root, "pixel-aspect", 1.0)
        return Plate(*self.size, frames, self.root.get("data-plate", ""), aspect, self.rate)

    def shapes(self, parent: Element, place: _Matrix, look: _Look) -> Iterator[Shape]:
        """Yield the shapes below an element, the lowest first."""
        for element in parent:
            tag = _tag(element)
            if tag not in _DRAWN | _CONTAINERS:
                self.left_out.update([tag] if tag not in _SILENT else [])
                continue
            name = element.get("data-name") or element.get("id") or tag
            seen = look.below(element)
            with lines_told(element):
                here = place.of(_transform(element.get("transform", ""), name))
            if seen.hidden and _animations(element, "visibility", "display") == []:
                self.notes.append(f"'{name}' is not shown and is left out.")
            elif tag in _CONTAINERS:
                if tag != "defs" or any("data-cuts" in each.attrib for each in element):
                    yield from self.shapes(element, here, seen)
            else:
                with lines_told(element):
                    made = list(self._drawn(element, name, here, seen))
                yield from made

    def _drawn(self, element: Element, name: str, place: _Matrix, look: _Look) -> Iterator[Shape]:
        for child in element:
            moved = child.get("attributeName", _tag(child))
            if _tag(child).startswith("animate") and moved not in {"d", "visibility", "display"}:
                self.notes.append(f"'{name}' has an animation of its {moved}, which is not followed.")
        steps = self._steps(element, name, "d") or [_Step(self.first, _data(element, name), holds=False)]
        looks = [[_placed(outline, place) for outline in outlines(step.value, f"'{name}'")] for step in steps]
        counts = sorted({tuple(len(outline.points) for outline in each) for each in looks})
        if len(counts) > 1:
            _refuse(f"the path of '{name}' changes its number of points: {counts[0]} and {counts[1]}")
        self.numbers += sum(counts[0]) * max(len(steps), math.ceil(steps[-1].frame - steps[0].frame))
        if self.numbers > _MOST_NUMBERS:
            _refuse(f"'{name}' and what stands before it make more than {_MOST_NUMBERS} points on all frames")
        if len(counts[0]) > _MOST_OUTLINES:
            _refuse(f"the path of '{name}' has {len(counts[0])} outlines: more than {_MOST_OUTLINES} are not read")
        cutting = _cutting(looks[0], look.rule)
        if any(cutting):
            self.notes.append(f"'{name}' has holes: they are shapes that cut, and cut what lies below it too.")
        for index, (first, cuts) in enumerate(zip(looks[0], cutting)):
            if len(first.points) < _FEWEST_POINTS:
                continue
            keys = [Key(step.frame, each[index].points, step.holds) for step, each in zip(steps, looks)]
            keyframes, resampled = on_whole_frames(_trimmed(keys), f"'{name}'")
            if resampled:
                self.notes.append(f"'{name}' has keys between frames: it has keyframes on the frames beside them.")
            closed = first.closed or look.filled
            self.levels.append(self._levels(element, name))
            whole = FrameRange(keyframes[0].frame, keyframes[-1].frame)
            inverted = cuts or element.get("data-cuts") == "true"
            yield Shape(name, keyframes, whole, closed, inverted, colour=look.colour(element))

    def _levels(self, element: Element, name: str) -> list[tuple[float, float]]:
        steps = self._steps(element, name, "visibility") or self._steps(element, name, "display")
        return [(step.frame, float(step.value not in {"hidden", "none", "collapse"})) for step in steps]

    def _steps(self, element: Element, name: str, attribute: str) -> list[_Step]:
        """Return an attribute's values over time as its animation gives them; none where there is no animation."""
        found = _animations(element, attribute)
        if len(found) > 1:
            self.notes.append(f"'{name}' has several animations of one attribute: the first is taken.")
        if not found:
            return []
        values = [value.strip() for value in found[0].get("values", "").strip().strip(";").split(";")]
        times = [finite(time, name) for time in found[0].get("keyTimes", "").split(";") if time.strip()]
        length, begin = _seconds(found[0].get("dur", ""), name), _seconds(found[0].get("begin", "0s"), name)
        mode = found[0].get("calcMode", "linear" if attribute == "d" else "discrete")
        if values == [""]:
            _refuse(f"'{name}' has an animation without values")
        if not times:
            times = [k / max(len(values) - (mode != "discrete"), 1) for k in range(len(values))]
        if len(times) != len(values):
            _refuse(f"'{name}' has an animation of {len(values)} values at {len(times)} times")
        if mode not in {"linear", "discrete"}:
            self.notes.append(f"'{name}' moves by '{mode}': it is read as straight lines.")
        steps = [
            _Step(self.first + (begin + time * length) * self.rate, value, mode == "discrete")
            for time, value in zip(times, values)
        ]
        if not all(abs(step.frame) < _FARTHEST for step in steps):
            _refuse(f"'{name}' is animated beyond frame {_FARTHEST:.0f}")
        return steps


class _Look(NamedTuple):
    """What elements inherit from those round them."""

    fill: str = "black"
    stroke: str = "none"
    rule: str = "nonzero"
    visibility: str = "visible"
    display: str = "inline"

    def below(self, element: Element) -> _Look:
        """Return what an element looks like inside one that looks like this."""
        style = dict(pair.split(":", 1) for pair in element.get("style", "").split(";") if ":" in pair)
        said = {key.strip(): value.strip() for key, value in chain(element.attrib.items(), style.items())}
        return _Look(
            said.get("fill", self.fill),
            said.get("stroke", self.stroke),
            said.get("fill-rule", self.rule),
            said.get("visibility", self.visibility),
            said.get("display", self.display),
        )

    @property
    def hidden(self) -> bool:
        """Say whether nothing is seen."""
        return self.visibility != "visible" or self.display == "none"

    @property
    def filled(self) -> bool:
        """Say whether there is an area."""
        return self.fill != "none"

    def colour(self, element: Element) -> RGB:
        """Return our own colour, or that of a `#` colour; white for all others."""
        own = _numbers(element.get("data-colour", ""))
        if len(own) == 3 and all(map(math.isfinite, own)):  # noqa: PLR2004 - red, green, blue
            return own[0], own[1], own[2]
        found = _HEX.match(self.fill if self.filled else self.stroke)
        if found is None:
            return 1.0, 1.0, 1.0
        text = found.group(1) if len(found.group(1)) > 3 else "".join(2 * digit for digit in found.group(1))  # noqa: PLR2004 - one digit a colour
        red, green, blue = (int(text[k : k + 2], 16) / 255 for k in (0, 2, 4))
        return red, green, blue


def _cutting(found: list[Outline], rule: str) -> list[bool]:
    """Say which outlines of a path are holes: by what they lie in, and which way round they run."""
    if len(found) == 1:
        return [False]
    lines = [flatten(outline.points, max(_FLATNESS_PX, _FLATNESS_SHARE * _reach(outline))) for outline in found]
    boxes = [
        (min(x for x, _ in line), min(y for _, y in line), max(x for x, _ in line), max(y for _, y in line))
        for line in lines
    ]
    ways = [1 if is_clockwise(outline.points) else -1 for outline in found]
    made = []
    for k, line in enumerate(lines):
        x, y = line[0]
        round_it = [
            j
            for j, (left, top, right, bottom) in enumerate(boxes)
            if j != k and left <= x <= right and top <= y <= bottom and not distance_outside(line[0], lines[j])
        ]
        turns = sum(ways[j] for j in round_it)
        made.append(len(round_it) % 2 == 1 if rule == "evenodd" else turns != 0 and turns + ways[k] == 0)
    return made


def _reach(outline: Outline) -> float:
    """Return a length that no part of an outline exceeds by much."""
    start = outline.points[0]
    return max(
        max(math.dist(start[:2], point[:2]), math.hypot(*point[2:4]), math.hypot(*point[4:6]))
        for point in outline.points
    )


def _trimmed(keys: list[Key]) -> list[Key]:
    """Return keys without those that only say that the outline holds at the animation's ends."""
    while len(keys) > 1 and keys[-1].points == keys[-2].points:
        keys = keys[:-1]
    while len(keys) > 1 and keys[0].points == keys[1].points:
        keys = keys[1:]
    return keys


def _placed(outline: Outline, place: _Matrix) -> Outline:
    return Outline(tuple(place.point(point) for point in outline.points), outline.closed)


def _data(element: Element, name: str) -> str:
    """Return the path data of an element of any kind."""
    tag = _tag(element)
    if tag == "path":
        return element.get("d", "")
    if tag in {"polygon", "polyline"}:
        return f"M{element.get('points', '')}" + ("Z" if tag == "polygon" else "")
    sides = {key: _length(element.get(key, "0"), f"{key} of '{name}'") for key in _SIDES[tag]}
    if tag == "line":
        return "M{x1!r} {y1!r}L{x2!r} {y2!r}".format(**sides)
    if tag == "rect":
        return _rectangle(sides, rounded="rx" in element.attrib or "ry" in element.attrib)
    rx, ry = (sides["r"], sides["r"]) if tag == "circle" else (sides["rx"], sides["ry"])
    cx, cy = sides["cx"], sides["cy"]
    return f"M{cx + rx!r} {cy!r}A{rx!r} {ry!r} 0 0 1 {cx - rx!r} {cy!r}A{rx!r} {ry!r} 0 0 1 {cx + rx!r} {cy!r}Z"


def _rectangle(sides: dict[str, float], *, rounded: bool) -> str:
    x, y, width, height = (sides[key] for key in ("x", "y", "width", "height"))
    if not rounded:
        return f"M{x!r} {y!r}h{width!r}v{height!r}h{-width!r}Z"
    rx, ry = sides["rx"] or sides["ry"], sides["ry"] or sides["rx"]
    rx, ry = min(rx, width / 2), min(ry, height / 2)
    arc = f"a{rx!r} {ry!r} 0 0 1"
    return (
        f"M{x + rx!r} {y!r}h{width - 2 * rx!r}{arc} {rx!r} {ry!r}v{height - 2 * ry!r}{arc} {-rx!r} {ry!r}"
        f"h{2 * rx - width!r}{arc} {-rx!r} {-ry!r}v{2 * ry - height!r}{arc} {rx!r} {-ry!r}Z"
    )


def _transform(text: str, name: str) -> _Matrix:
    """Return the map of a `transform` attribute. Raises ValueError for one that is not known."""
    place, at = _Matrix(), 0
    while text[at:].strip():
        found = _TRANSFORM.match(text, at)
        if found is None:
            _refuse(f"the transform of '{name}' is none that is known: '{text[at : at + 20]}'")
        at = found.end()
        place = place.of(_one_transform(found.group(1), _numbers(found.group(2)), name))
    return place


def _one_transform(kind: str, numbers: list[float], name: str) -> _Matrix:
    takes = {"matrix": {6}, "translate": {1, 2}, "scale": {1, 2}, "rotate": {1, 3}, "skewX": {1}, "skewY": {1}}
    if len(numbers) not in takes[kind] or not all(map(math.isfinite, numbers)):
        _refuse(f"the transform '{kind}' of '{name}' does not take {len(numbers)} numbers")
    first, *more = numbers
    if kind == "matrix":
        return _Matrix(*numbers)
    if kind == "translate":
        return _Matrix(e=first, f=more[0] if more else 0.0)
    if kind == "scale":
        return _Matrix(a=first, d=more[0] if more else first)
    angle = math.radians(first)
    if kind != "rotate":
        return _Matrix(c=math.tan(angle)) if kind == "skewX" else _Matrix(b=math.tan(angle))
    x, y = more or (0.0, 0.0)
    turn = _Matrix(math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle))
    return _Matrix(e=x, f=y).of(turn).of(_Matrix(e=-x, f=-y))


def _animations(element: Element, *attributes: str) -> list[Element]:
    return [c for c in element if _tag(c) == "animate" and c.get("attributeName") in attributes]


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _own(root: Element, name: str, usual: float) -> float:
    text = root.get(f"data-{name}")
    return usual if text is None else finite(text, f"'data-{name}'")


def _seconds(text: str, name: str) -> float:
    found = _CLOCK.match(text.strip())
    if found is None:
        _refuse(f"'{name}' is animated for or from '{text[:20]}', which is no number of seconds")
    hours, minutes, seconds, unit = found.groups()
    return (int(hours or 0) * 60 + int(minutes or 0)) * 60 + float(seconds) * _SECONDS[unit]


def _numbers(text: str) -> list[float]:
    return list(map(float, _NUMBER.findall(text)))


def _length(text: str, what: str) -> float:
    """Return a length in pixels. Raises ValueError for other units, which depend on what shows the file."""
    return finite(text.strip()[:-2] if text.strip().endswith("px") else text, what)


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
