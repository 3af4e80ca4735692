"""Shapes as a Roto node in Nuke's own text, to be pasted into the node graph or imported.

Nuke's pixels have their origin at the bottom-left corner of the format and y up, so y turns into height - y and the y
of every offset changes its sign; x, frames and pixel aspect stay. Numbers are float32. docs/hosts/first-run.md lists
what has not been seen in a licensed Nuke; each such thing is one constant here.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Callable, NamedTuple, Optional

from roto_shapes.curve import Point, distance_outside, flatten, interpolate, nuke_slopes, point_on, segments
from roto_shapes.layers import MOST_FRAMES as _MOST_FRAMES
from roto_shapes.layers import Placement, evaluate_on_plate, placement
from roto_shapes.rekey import linear_to_smooth
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, MadeBy, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate
from roto_shapes.sink import RecordingSink

LINEAR_TOLERANCE_PX = 0.05
"""How closely Nuke's smooth keys follow a linear shape: a tenth of the default fitting bound, unseen in a matte."""

SCRIPT_VERSION = "13.0 v1"
"""Oldest Nuke that might read the text: a script of a later version than the program's makes it warn."""

HOLE_BLEND_MODE = 13
"""difference: coverage over coverage leaves nothing, over nothing it would leave coverage. 11 (from) is the other."""

LIFETIME_RANGE = 4
"""Value of `ltt` for a first and a last frame; known by its place in the menu."""

TOOL_BEZIER = 4
"""Value of `tt` that shows the Bezier icon."""

TREE_FLAGS, SHAPE_FLAGS, CURVE_FLAGS = 2097152, 512, 8192
"""Expanded layer; renderable shape; closed curve with relative tangents."""

NODE_TAIL = """\
 toolbox {selectAll {
  { selectAll str 1 ssx 1 ssy 1 sf 1 }
  { createBezier str 1 ssx 1 ssy 1 sf 1 sb 1 tt 4 }
} }
 lifetime_type "all frames"
 view {}
 motionblur_shutter_offset_type centred
 source_black_outside true"""
"""Knobs that saved nodes have behind their curves; whether they may be left out is not known."""

_NO_TRANSFORM = ("0", "0", "0", "0", "0", "0", "0", "0", "0", "1", "1", "1", "0")
"""Pivot, move, turn, scale and skew of a layer that has a matrix instead."""

MATRIX_SLOTS = ("0", "0", "0", "0", "0", "0")
"""What stands between the skew and the extra matrix of a transform: further skew, and orders that a layer without
turn, scale and skew does not need. That the sixteen numbers behind are the matrix row by row is known from layers."""

_EXACT_FRAMES = 2**24
"""Beyond this a float32 does not hold every whole number."""

_LAYER_REACH_PX = 1000.0
"""How far from a layer's pivot its turn and scale keep the bound: half of a 2K plate."""

_LABEL_MARKUP = re.compile(r"[^\w .,:()/+-]", re.ASCII)
"""What Tcl or Nuke's labels might read as more than a letter."""

_REACH_PX = 1.0
"""How far a hole may reach out before the artist is told: less disappears in the soft edge."""

_PLAIN = {"00000000": "0", "80000000": "0", "3f800000": "1"}
"""Numbers that are written plainly, by their bits."""

_WHITE = (1.0, 1.0, 1.0)
_Component = Callable[[ControlPoint], float]


class NukeSink(RecordingSink):
    """Gathers shapes and gives them as the text of one Roto node of the plate's format.

    `end_shape` raises ValueError for an open shape, which makes no matte, and for numbers beyond Nuke's.
    """

    def __init__(
        self,
        plate: Plate,
        node_name: str = "Rotolink1",
        made_by: Optional[MadeBy] = None,
        tolerance_px: float = LINEAR_TOLERANCE_PX,
    ) -> None:
        super().__init__()
        self._tolerance_px = tolerance_px
        self._plate = plate
        self._made_by = made_by
        self._node_name = node_name
        self._elements: list[_Element] = []
        self._names: set[str] = set()
        self._called: list[tuple[str, str]] = []
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the artist should know about shapes that Nuke holds in another form, a sentence each."""
        return (*self._notes, *(note for block in self._blocks() for note in block.notes))

    @property
    def called(self) -> tuple[tuple[str, str], ...]:
        """Return what each element is called in Nuke, and the shape's own name, from the lowest."""
        return tuple(self._called)

    def end_shape(self) -> None:
        """Finish the shape that was begun."""
        super().end_shape()
        *below, shape = self.shapes
        if not shape.closed:
            message = (
                f"shape '{shape.name}' is open, and an open outline makes no matte in Nuke: close it or leave it out"
            )
            raise ValueError(message)
        smooth = self._smooth(shape)
        spans = list(_drawn_spans(shape, below))
        if not spans:
            self._notes.append(
                f"Shape '{shape.name}' cuts where there is nothing to cut: it is written, but invisible."
            )
        reach = _first_reach(shape, below) if shape.invert else None
        if spans and reach is not None:
            self._notes.append(
                f"Shape '{shape.name}' reaches outside what lies below it on frame {reach}: Nuke paints that part "
                "instead of cutting it; pull the shape in there."
            )
        for span in spans or [shape.lifetime]:
            element = replace(smooth, name=_unique(shape.name, self._names), lifetime=span)
            self._elements.append(_Element(element, _element_text(element, self._plate, visible=bool(spans))))
            self._called.append((element.name, shape.name))

    def layer(self, name: str) -> str:
        """Return the shapes as the text of one layer, which may stand among others in the `curves` of a node."""
        return (
            f"    {{layer {_legal(name)}\n     {{f {SHAPE_FLAGS}}}\n     {{t {self._centre}}}\n"
            f"     {{a}}{self._tree()}}}"
        )

    def text(self, layer: str = "") -> str:
        """Return the text, ASCII: what the clipboard holds after a copy in Nuke, and what a script file may hold.

        With the name of a layer all shapes lie in it; without one they lie in the root layer.
        """
        width, height, aspect = self._plate.width, self._plate.height, f"{self._plate.pixel_aspect:.9g}"
        format_name = f"rotolink_{width}x{height}" + ("" if aspect == "1" else f"_{_legal(aspect)}")
        elements = f"\n{self.layer(layer)}" if layer else self._tree()
        # Shown below the node's name and saved with it. Of an engine without weights there is nothing to answer for.
        label = (
            f' label "{_LABEL_MARKUP.sub("_", str(self._made_by))}"\n'
            if self._made_by and self._made_by.weights
            else ""
        )
        return (
            "set cut_paste_input [stack 0]\n"
            f"version {SCRIPT_VERSION}\n"
            "push $cut_paste_input\n"
            "Roto {\n"
            " inputs 0\n"
            f' format "{width} {height} 0 0 {width} {height} {aspect} {format_name}"\n'
            " output alpha\n"
            " cliptype none\n"
            " curves {{{v x3f99999a}\n"
            "  {f 0}\n"
            "  {n\n"
            "   {layer Root\n"
            f"    {{f {TREE_FLAGS}}}\n"
            f"    {{t {self._centre}}}\n"
            f"    {{a}}{elements}}}}}}}}}\n"
            f"{NODE_TAIL}\n"
            f" name {_legal(self._node_name)}\n"
            f"{label}"
            " selected true\n"
            " xpos 0\n"
            " ypos 0\n"
            "}\n"
        )

    @property
    def _centre(self) -> str:
        return f"{_number(self._plate.width / 2)} {_number(self._plate.height / 2)}"

    def _tree(self) -> str:
        return "".join(f"\n{block.text}" for block in reversed(self._blocks()))

    def _blocks(self) -> list[_Block]:
        """Return the elements from the lowest, those that stand next to each other on one layer together inside it."""
        names = set(self._names)
        known: set[Layer] = set()
        blocks: list[_Block] = []
        for layer, members in groupby(self._elements, lambda element: element.shape.layer):
            elements = list(members)
            text = "\n".join(element.text for element in reversed(elements))
            if layer is None:
                blocks.append(_Block(text))
                continue
            name, shapes = _unique(layer.name, names), [element.shape for element in elements]
            block = _layer_block(_Group(layer, name, shapes, text), self._plate, self._tolerance_px)
            if layer in known:
                note = (
                    f"Layer '{layer.name}' stands in Nuke once more, as {name}: others are painted between its shapes."
                )
                block = block._replace(notes=(*block.notes, note))
            known.add(layer)
            blocks.append(block)
        return blocks

    def _smooth(self, shape: Shape) -> Shape:
        if shape.interpolation is Interpolation.SMOOTH:
            return shape
        smooth = linear_to_smooth(shape, self._tolerance_px / max(_largest_stretch(shape), 1.0))
        inserted = len(smooth.keyframes) - len(shape.keyframes)
        if inserted:
            self._notes.append(
                f"Shape '{shape.name}' moves on straight lines and Nuke's keys are smooth: it has {inserted} more "
                f"keyframes than its {len(shape.keyframes)}, to stay within {self._tolerance_px:g} px."
            )
        return smooth


class _Element(NamedTuple):
    """A shape as Nuke is to have it, and its text."""

    shape: Shape
    text: str


class _Group(NamedTuple):
    """A layer as Nuke is to have it, with its shapes and their text."""

    layer: Layer
    name: str
    shapes: Sequence[Shape]
    elements: str


class _Block(NamedTuple):
    """The text of shapes without a layer, or of a layer with its shapes, and what the artist should know."""

    text: str
    notes: tuple[str, ...] = ()


def _unique(name: str, taken: set[str]) -> str:
    """Return a legal name that is not taken yet, and take it."""
    legal = unique = _legal(name)
    count = 1
    while unique in taken:
        count += 1
        unique = f"{legal}_{count}"
    taken.add(unique)
    return unique


def _largest_stretch(shape: Shape) -> float:
    """Return by how much a shape's layer enlarges an error of its points, at most."""
    if shape.layer is None:
        return 1.0
    places = [placement(shape.layer, key.frame) for key in shape.layer.keyframes]
    left, top, right, bottom = _bounds([shape])
    return max(place.stretches(x, y)[0] for place in places for x in (left, right) for y in (top, bottom))


def _bounds(shapes: Sequence[Shape]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of what control polygons reach on keyframes, before their layer."""
    points = [point for shape in shapes for key in shape.keyframes for point in key.points]
    across = [point.x + dx for point in points for dx in (0.0, point.in_x, point.out_x)]
    down = [point.y + dy for point in points for dy in (0.0, point.in_y, point.out_y)]
    return min(across), min(down), max(across), max(down)


def _drawn_spans(shape: Shape, below: Sequence[Shape]) -> Iterator[FrameRange]:
    """Yield the frames on which a shape has something to do: for one that cuts, those with a shape below it.

    The blend mode of a hole leaves coverage where there is nothing below.
    """
    if not shape.invert:
        yield shape.lifetime
        return
    first: Optional[int] = None
    last = 0
    for lifetime in sorted((lower.lifetime for lower in below if not lower.invert), key=lambda span: span.first):
        start, end = max(lifetime.first, shape.lifetime.first), min(lifetime.last, shape.lifetime.last)
        if start > end:
            continue
        if first is not None and start > last + 1:
            yield FrameRange(first, last)
            first = None
        first, last = (start, end) if first is None else (first, max(last, end))
    if first is not None:
        yield FrameRange(first, last)


def _first_reach(hole: Shape, below: Sequence[Shape]) -> Optional[int]:
    """Return the first keyframe on which a hole has a part with nothing below it though there is a shape below."""
    for key in hole.keyframes:
        lower = [other for other in below if not other.invert and key.frame in other.lifetime]
        if lower and key.frame in hole.lifetime:
            polygons = [flatten(evaluate_on_plate(other, key.frame), _REACH_PX / 4) for other in lower]
            samples = [
                point_on(segment, u)
                for segment in segments(evaluate_on_plate(hole, key.frame))
                for u in (0.0, 0.25, 0.5, 0.75)
            ]
            if any(min(distance_outside(at, polygon) for polygon in polygons) > _REACH_PX for at in samples):
                return key.frame
    return None


def _element_text(shape: Shape, plate: Plate, *, visible: bool) -> str:
    times = [key.frame for key in shape.keyframes]
    for frame in (*times, shape.lifetime.first, shape.lifetime.last):
        if abs(frame) > _EXACT_FRAMES:
            message = f"shape '{shape.name}' stands on frame {frame}: Nuke counts frames up to {_EXACT_FRAMES}"
            raise ValueError(message)
    try:
        main = _curve_text(shape, _main_components(plate.height))
        is_feathered = any(point.feather is not None for key in shape.keyframes for point in key.points)
        feather = _curve_text(shape, _FEATHER_COMPONENTS).lstrip() if is_feathered else "idem"
        pivot = " ".join(_number(number) for number in _centre(shape.keyframes[0].points, plate.height))
        attributes = " ".join(_attributes(shape, plate, visible=visible))
    except OverflowError as error:
        message = f"shape '{shape.name}' cannot be written for Nuke: {error}"
        raise ValueError(message) from None
    return (
        f"    {{curvegroup {shape.name} {SHAPE_FLAGS} bezier\n"
        f"     {{{main.lstrip()}\n"
        f"      {feather}}}\n"
        f"     {{tx {_number(times[0])} {pivot}}}\n"
        f"     {{a {attributes}}}}}"
    )


def _layer_block(group: _Group, plate: Plate, tolerance_px: float) -> _Block:
    """Return elements inside a layer.

    A layer that only moves, turns and scales keeps its numbers: pivot, move, turn about z and scale, the same across
    and up, so that only their order against the move matters; the move comes last, as in Nuke's own Transform. Any
    other is Nuke's extra matrix alone, beside which no order matters.
    """
    notes: tuple[str, ...] = ()
    layer, name, shapes, elements = group
    if layer.is_similarity:
        transform = _similarity_text(layer, plate.height, tolerance_px)
    else:
        frames, rows = _matrix_keys(layer, shapes, plate.height, tolerance_px)
        numbers = [_explicit(frames, column) for column in zip(*rows)]
        matrix = (*numbers[:2], "0", numbers[2], *numbers[3:5], "0", numbers[5])
        matrix += ("0", "0", "1", "0", *numbers[6:8], "0", numbers[8])
        transform = " ".join((*_NO_TRANSFORM, *MATRIX_SLOTS, *matrix))
        if len(frames) > len(layer.keyframes):
            note = (
                f"Layer '{layer.name}' is a matrix in Nuke: it has {len(frames)} keyframes instead of "
                f"{len(layer.keyframes)}, to stay within {tolerance_px:g} px."
            )
            notes = (note,)
    return _Block(
        f"    {{layer {name}\n     {{f {SHAPE_FLAGS}}}\n     {{t {transform}}}\n     {{a}}\n{elements}}}", notes
    )


def _similarity_text(layer: Layer, height: int, tolerance_px: float) -> str:
    keys = _smooth_layer(layer, tolerance_px)
    times = [key.frame for key in keys]
    across, up = layer.pivot[0], height - layer.pivot[1]
    scale = _explicit(times, [key.scale for key in keys])
    move = f"{_explicit(times, [key.x for key in keys])} {_explicit(times, [-key.y for key in keys])} 0"
    turn = f"0 0 {_explicit(times, [-key.rotation_deg for key in keys])}"
    return f"{_number(across)} {_number(up)} 0 {move} {turn} {scale} {scale} 1"


def _explicit(times: Sequence[int], values: Sequence[float]) -> str:
    """Return one animated number whose keys carry their own times."""
    texts = _numbers(values)
    if len(set(texts)) == 1:
        return texts[0]
    keys = zip(_numbers(times), _key_texts(times, values, texts))
    return "{" + " ".join(f"{{{time} {text[1:]}" for time, text in keys) + "}"


def _matrix_keys(
    layer: Layer, shapes: Sequence[Shape], height: int, tolerance_px: float
) -> tuple[list[int], list[tuple[float, ...]]]:
    """Return frames and the nine numbers of a layer's map of positions, y up, on them.

    Nuke moves each of the nine by its rule for smooth keys; frames are added until that keeps all that the shapes
    reach within the tolerance on every whole frame. Raises ValueError for layers of more than 100,000 frames.
    """
    frames = [key.frame for key in layer.keyframes]
    if frames[-1] - frames[0] > _MOST_FRAMES:
        message = f"layer '{layer.name}' moves over more than {_MOST_FRAMES} frames: it cannot be written for Nuke"
        raise ValueError(message)
    truth = {frame: _matrix(placement(layer, frame), height) for frame in range(frames[0], frames[-1] + 1)}
    left, top, right, bottom = _bounds(shapes)
    across, down = (left, (left + right) / 2, right), (top, (top + bottom) / 2, bottom)
    probes = [(x, height - y) for x in across for y in down]
    wanted = {frame: _through(matrix, probes) for frame, matrix in truth.items()}
    while True:
        rows = [truth[frame] for frame in frames]
        strays = {}
        for frame in truth:
            matrix = [interpolate(frames, column, frame, Interpolation.SMOOTH) for column in zip(*rows)]
            strays[frame] = max(map(math.dist, _through(matrix, probes), wanted[frame]))
        worst = [max(range(a + 1, b), key=strays.__getitem__) for a, b in zip(frames, frames[1:]) if b - a > 1]
        more = [frame for frame in worst if strays[frame] > tolerance_px]
        if not more:
            return frames, rows
        frames = sorted([*frames, *more])


def _matrix(place: Placement, height: int) -> tuple[float, ...]:
    """Return the nine numbers of a map of positions, row by row, for y up from the bottom of the plate."""
    rows = (place[:3], place[3:6], place[6:])
    across, down, depth = ((a, -b, c + height * b) for a, b, c in rows)
    return (*across, *(height * w - v for v, w in zip(down, depth)), *depth)


def _through(matrix: Sequence[float], positions: Sequence[Point]) -> list[Point]:
    a, b, c, d, e, f, g, h, i = matrix
    return [
        ((a * x + b * y + c) / (g * x + h * y + i), (d * x + e * y + f) / (g * x + h * y + i)) for x, y in positions
    ]


def _smooth_layer(layer: Layer, tolerance_px: float) -> tuple[LayerKeyframe, ...]:
    """Return the keyframes of a layer under Nuke's rule for smooth keys, its numbers as two points of a shape."""
    if layer.interpolation is Interpolation.SMOOTH:
        return layer.keyframes
    keyframes = tuple(
        ShapeKeyframe(
            key.frame,
            (
                ControlPoint(key.x, key.y),
                ControlPoint(math.radians(key.rotation_deg) * _LAYER_REACH_PX, key.scale * _LAYER_REACH_PX),
            ),
        )
        for key in layer.keyframes
    )
    shape = Shape(layer.name, keyframes, FrameRange(keyframes[0].frame, keyframes[-1].frame))
    smooth = linear_to_smooth(shape, tolerance_px / 2)
    return tuple(
        LayerKeyframe(key.frame, move.x, move.y, math.degrees(turn.x / _LAYER_REACH_PX), turn.y / _LAYER_REACH_PX)
        for key in smooth.keyframes
        for move, turn in (key.points,)
    )


def _main_components(height: int) -> list[tuple[_Component, _Component]]:
    return [
        (lambda point: point.in_x, lambda point: -point.in_y),
        (lambda point: point.x, lambda point: height - point.y),
        (lambda point: point.out_x, lambda point: -point.out_y),
    ]


def _feather_offset(point: ControlPoint) -> Point:
    return point.feather or (0.0, 0.0)


# The feather outline has the tangents of the main one, as hand-made points have.
_FEATHER_COMPONENTS: list[tuple[_Component, _Component]] = [
    (lambda point: point.in_x, lambda point: -point.in_y),
    (lambda point: _feather_offset(point)[0], lambda point: -_feather_offset(point)[1]),
    (lambda point: point.out_x, lambda point: -point.out_y),
]


def _curve_text(shape: Shape, components: Sequence[tuple[_Component, _Component]]) -> str:
    """Return a curve: for every control point its left tangent, its place and its right tangent."""
    times = [key.frame for key in shape.keyframes]
    times_text = " ".join(map(_number, times))
    lines = [
        f"      {{cc\n       {{f {CURVE_FLAGS}}}\n       {{px "
        + (times_text if len(times) == 1 else f"{{{times_text}}}")
    ]
    for index in range(shape.point_count):
        points = [key.points[index] for key in shape.keyframes]
        for across, up in components:
            both = (_animated(times, [component(point) for point in points]) for component in (across, up))
            lines.append(f"        {{{' '.join(both)}}}")
    return "\n".join(lines) + "}}"


def _animated(times: Sequence[int], values: Sequence[float]) -> str:
    """Return one animated number: plain with one key, a list of one value when it never changes, else every key."""
    texts = _numbers(values)
    if len(texts) == 1:
        return texts[0]
    if len(set(texts)) == 1:
        return f"{{{texts[0]}}}"
    return f"{{{' '.join(_key_texts(times, values, texts))}}}"


def _key_texts(times: Sequence[int], values: Sequence[float], texts: Sequence[str]) -> list[str]:
    """Return keys with the slopes of Nuke's own rule, so that they move alike whether Nuke trusts or renews them."""
    slopes = _numbers(nuke_slopes(times, values))
    arrive, leave = ["0", *slopes[1:]], [*slopes[:-1], "0"]
    return [
        f"{{{text} -}}" if before == after == "0" else f"{{{text} {before} 1 {after} 1}}"
        for text, before, after in zip(texts, arrive, leave)
    ]


def _attributes(shape: Shape, plate: Plate, *, visible: bool) -> Iterator[str]:
    if not visible:
        yield "vis 0"
    if shape.colour != _WHITE:
        yield " ".join(f"{name} {_number(part)}" for name, part in zip(("ro", "go", "bo"), shape.colour)) + " ao 1"
    if shape.invert:
        yield f"bm {_number(HOLE_BLEND_MODE)}"
    yield f"osw {_number(10)} osf 0 str 1 spx {_number(plate.width / 2)} spy {_number(plate.height / 2)} sb 1"
    yield f"ltn {_number(shape.lifetime.first)} ltm {_number(shape.lifetime.last)} ltt {_number(LIFETIME_RANGE)}"
    yield f"tt {_number(TOOL_BEZIER)}"


def _centre(points: Sequence[ControlPoint], height: int) -> Point:
    across, down = [point.x for point in points], [point.y for point in points]
    return (min(across) + max(across)) / 2, height - (min(down) + max(down)) / 2


def _number(value: float) -> str:
    return _numbers((value,))[0]


def _numbers(values: Sequence[float]) -> list[str]:
    """Return float32s as Nuke writes them: 0 and 1 plainly, all else as hexadecimal bits.

    Raises OverflowError beyond them.
    """
    try:
        bits = struct.pack(f">{len(values)}f", *values).hex()
    except OverflowError:
        bits = ""
    if not bits or not all(map(math.isfinite, values)):
        worst = max(values, key=lambda value: math.inf if math.isnan(value) else abs(value))
        message = f"{worst:g} is beyond the numbers of Nuke"
        raise OverflowError(message)
    texts = [bits[at : at + 8] for at in range(0, len(bits), 8)]
    return [_PLAIN.get(text, f"x{text}") for text in texts]


def _legal(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", name)
