"""Layers, shapes and strokes of nuke.rotopaint, and the tree of them that a `curves` knob holds."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Generic, Optional, TypeVar, Union, cast

from nuke_standin import numbers
from nuke_standin.attributes import LAYER_DEFAULTS, SHAPE_DEFAULTS, AnimAttributes, AnimCTransform
from nuke_standin.curves import (
    MAIN_VIEW,
    AnimControlPoint,
    FlagType,
    curve_text,
    read_curve,
    read_shared,
    require_view,
    shared_text,
)
from nuke_standin.guard import Bound, Strict, Tie
from nuke_standin.vectors import CVec2, CVec3, CVec4, Numbers, components
from nuke_standin.words import Word, written

_RENDERABLE, _CLOSED_RELATIVE = 1 << FlagType.eRenderableFlag, 1 << FlagType.eRelativeTangentFlag
_OPEN = 1 << FlagType.eOpenFlag | 1 << 19 | 1 << 20
Outline = list[tuple[tuple[float, float], tuple[float, float], tuple[float, float]]]
"""For each point its left tangent, its place and its right tangent, tangents relative."""
_Of = TypeVar("_Of", bound=Bound)


class Element(Bound):
    def __init__(self, defaults: dict[str, float]) -> None:
        self._tie = Tie()
        self._name = ""
        self._flags = _RENDERABLE
        self._parent: Optional[Layer] = None
        self._attributes = AnimAttributes(self._tie, defaults)
        self._transform = AnimCTransform(self._tie)

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = str(value)

    @property
    def locked(self) -> bool:
        return bool(self._flags >> FlagType.eLockedFlag & 1)

    @locked.setter
    def locked(self, value: bool) -> None:
        self.setFlag(FlagType.eLockedFlag, value)

    def getVisible(self, time: float) -> bool:
        return self._attributes._at("vis", time) >= 0.5

    def setVisible(self, time: float, value: bool) -> None:
        self._attributes.set(time, "vis", float(value))

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags >> flag & 1)

    def setFlag(self, flag: int, value: bool) -> None:
        self._flags = self._flags | 1 << flag if value else self._flags & ~(1 << flag)

    def getAttributes(self) -> AnimAttributes:
        return self._attributes

    def getTransform(self) -> AnimCTransform:
        return self._transform

    def serialise(self) -> str:
        return self._text()

    def _text(self) -> str:
        raise NotImplementedError

    def _tail(self) -> str:
        return " ".join(filter(None, [self._transform._text(), self._attributes._text()]))

    def _take(self, part: list[Word]) -> None:
        kind = part[0]
        if kind in ("t", "tx"):
            self._transform._read(kind, part[1:])
        elif kind == "a":
            self._attributes._read(part[1:])
        else:
            raise RuntimeError(f"an element has no part {kind!r}")


class _Sequence(Generic[_Of]):
    """What layers, shapes and strokes have in common: they hold copies of what is put in."""

    _tie: Tie
    _items: list[_Of]

    def append(self, element: _Of) -> None:
        self.insert(len(self._items), element)

    def insert(self, index: int, element: _Of) -> None:
        """Put a copy in; the object in hand is dead from then on, as measured."""
        element._tie.check("a dead object")
        kept = copied(element, self._tie)
        if isinstance(kept, Element):
            kept._parent = cast("Layer", self)
        self._items.insert(index, kept)
        if element._tie is not self._tie:
            element._tie.dead = True

    def remove(self, index: int) -> None:
        del self._items[index]

    def __len__(self) -> int:
        self._tie.check("len")
        return len(self._items)

    def __getitem__(self, index: int) -> _Of:
        self._tie.check("[]")
        return self._items[index]

    def __iter__(self) -> Iterator[_Of]:
        self._tie.check("iter")
        return iter(list(self._items))


def copied(value: _Of, tie: Tie) -> _Of:
    """Return a deep copy whose handles hang on another tie."""
    memo: dict[int, object] = {id(value._tie): tie}
    if isinstance(value, Element):
        memo[id(value._parent)] = None
    return copy.deepcopy(value, memo)


class Layer(_Sequence[Element], Element):
    def __init__(self, knob: object) -> None:
        Element.__init__(self, LAYER_DEFAULTS)
        self._items: list[Element] = []

    def removeAll(self) -> None:
        self._items.clear()

    def setTransform(self, transform: AnimCTransform) -> None:
        self._transform = copied(transform, self._tie)

    def _text(self) -> str:
        inner = " ".join([self._tail(), *(item._text() for item in self._items)])
        return f"{{layer {self._name} {{f {self._flags}}} {inner}}}"


class CubicCurve(Strict):
    """An outline on one frame."""

    def __init__(self, outline: Outline, *, closed: bool) -> None:
        self._pieces = pieces(outline, closed=closed)

    def getPoint(self, t: float) -> CVec4:
        if not 0 <= t <= 1:
            raise ValueError(f"{t} does not lie on the curve: 0 to 1 do")
        at = min(int(t * len(self._pieces)), len(self._pieces) - 1)
        return CVec4(*bezier(self._pieces[at], t * len(self._pieces) - at), 1.0, 0.0)


Piece = tuple[complex, complex, complex, complex]


def pieces(outline: Outline, *, closed: bool) -> list[Piece]:
    """Return the cubic Beziers of an outline."""
    ends = [*outline[1:], *(outline[:1] if closed else [])]
    return [
        (complex(*a[1]), complex(*a[1]) + complex(*a[2]), complex(*b[1]) + complex(*b[0]), complex(*b[1]))
        for a, b in zip(outline, ends)
    ]


def bezier(piece: Piece, u: float) -> tuple[float, float]:
    a, b, c, d = piece
    at = (1 - u) ** 3 * a + 3 * (1 - u) ** 2 * u * b + 3 * (1 - u) * u**2 * c + u**3 * d
    return at.real, at.imag


_PARTS = ("leftTangent", "center", "rightTangent", "featherLeftTangent", "featherCenter", "featherRightTangent")


class ShapeControlPoint(Bound):
    """Six animated points; the tangents are relative to their centre, the feather's centre to the main one."""

    def __init__(self, x: Union[float, Numbers] = 0.0, y: float = 0.0) -> None:
        self._tie = Tie()
        across, up = (x, y) if isinstance(x, (int, float)) else components(x)[:2]
        self._parts = {name: AnimControlPoint() for name in _PARTS}
        self._parts["center"] = AnimControlPoint(across, up, 1.0)
        for part in self._parts.values():
            part._tie = self._tie
            for curve in part._curves:
                curve._tie = self._tie

    def _get(self, name: str) -> AnimControlPoint:
        return self._parts[name]

    def _put(self, name: str, value: Union[AnimControlPoint, Numbers]) -> None:
        part = self._parts[name]
        if isinstance(value, AnimControlPoint):
            self._parts[name] = copied(value, self._tie)
        else:
            part.setPosition(value)

    @property
    def center(self) -> AnimControlPoint:
        return self._get("center")

    @center.setter
    def center(self, value: Union[AnimControlPoint, Numbers]) -> None:
        self._put("center", value)

    @property
    def leftTangent(self) -> AnimControlPoint:
        return self._get("leftTangent")

    @leftTangent.setter
    def leftTangent(self, value: Union[AnimControlPoint, Numbers]) -> None:
        self._put("leftTangent", value)

    @property
    def rightTangent(self) -> AnimControlPoint:
        return self._get("rightTangent")

    @rightTangent.setter
    def rightTangent(self, value: Union[AnimControlPoint, Numbers]) -> None:
        self._put("rightTangent", value)

    @property
    def featherCenter(self) -> AnimControlPoint:
        return self._get("featherCenter")

    @featherCenter.setter
    def featherCenter(self, value: Union[AnimControlPoint, Numbers]) -> None:
        self._put("featherCenter", value)

    @property
    def featherLeftTangent(self) -> AnimControlPoint:
        return self._get("featherLeftTangent")

    @featherLeftTangent.setter
    def featherLeftTangent(self, value: Union[AnimControlPoint, Numbers]) -> None:
        self._put("featherLeftTangent", value)

    @property
    def featherRightTangent(self) -> AnimControlPoint:
        return self._get("featherRightTangent")

    @featherRightTangent.setter
    def featherRightTangent(self, value: Union[AnimControlPoint, Numbers]) -> None:
        self._put("featherRightTangent", value)

    def _row(self, names: Sequence[str], time: float) -> tuple[tuple[float, float], ...]:
        return tuple(self._parts[name]._at(time) for name in names)


_NewPoint = Union[ShapeControlPoint, AnimControlPoint, CVec2, CVec3, Sequence[float]]


class Shape(_Sequence[ShapeControlPoint], Element):
    def __init__(self, knob: object, *points: _NewPoint, type: str = "bezier") -> None:
        Element.__init__(self, SHAPE_DEFAULTS)
        if type not in {"bezier", "bspline"}:
            raise ValueError(f"no curve of type {type!r}")
        self._kind = type
        self._curve_flags = [_CLOSED_RELATIVE, _CLOSED_RELATIVE]
        self._idem = False
        self._items: list[ShapeControlPoint] = []
        for point in points:
            self.append(point)

    def append(self, shapeControlPoint: _NewPoint) -> None:
        self.insert(len(self._items), shapeControlPoint)

    def insert(self, index: int, shapeControlPoint: _NewPoint) -> None:
        point = shapeControlPoint
        if isinstance(point, AnimControlPoint):
            made = ShapeControlPoint()
            made.center = point
            point = made
        elif not isinstance(point, ShapeControlPoint):
            point = ShapeControlPoint(point)
        super().insert(index, point)

    def evaluate(self, curveNum: int, time: float, view: str = MAIN_VIEW) -> CubicCurve:
        require_view(view)
        if curveNum not in {0, 1}:
            raise ValueError("a shape has curve 0, its outline, and curve 1, its feather")
        names = _PARTS[3:] if curveNum else _PARTS[:3]
        rows = [_three(point._row(names, time)) for point in self._items]
        return CubicCurve(rows, closed=self._is_closed)

    @property
    def _is_closed(self) -> bool:
        return not (self._flags | self._curve_flags[0]) & _OPEN

    def _outlines(self, time: float) -> tuple[Outline, Outline]:
        """Return the main and the feather outline on a frame, before transforms."""
        main, soft = [], []
        for point in self._items:
            left, at, right = (complex(*place) for place in point._row(_PARTS[:3], time))
            soft_left, offset, soft_right = (complex(*place) for place in point._row(_PARTS[3:], time))
            main.append(_offsets(left, at, right))
            soft.append(_offsets(soft_left, at + offset, soft_right))
        return main, soft

    def _text(self) -> str:
        main = self._curve_text(0)
        soft = "idem" if self._idem and self._follows() else self._curve_text(1)
        return f"{{curvegroup {self._name} {self._flags} {self._kind} {{{main} {soft}}} {self._tail()}}}"

    def _names(self, curve: int) -> Sequence[str]:
        names = _PARTS[3:] if curve else _PARTS[:3]
        return names[1:2] if self._kind == "bspline" else names

    def _follows(self) -> bool:
        """Say whether the feather has no offset and the tangents of the main curve still."""
        for point in self._items:
            parts = point._parts
            if parts["featherCenter"]._count:
                return False
            for soft, main in (("featherLeftTangent", "leftTangent"), ("featherRightTangent", "rightTangent")):
                if _place_text(parts[soft], None) != _place_text(parts[main], None):
                    return False
        return True

    def _curve_text(self, curve: int) -> str:
        places = [point._parts[name] for point in self._items for name in self._names(curve)]
        return places_text(places, self._curve_flags[curve])


class Stroke(_Sequence[AnimControlPoint], Element):
    def __init__(self, knob: object) -> None:
        Element.__init__(self, SHAPE_DEFAULTS)
        self._kind = "catmullrom"
        self._curve_flags = 2080
        self._items: list[AnimControlPoint] = []

    def _text(self) -> str:
        places = places_text(self._items, self._curve_flags)
        return f"{{cubiccurve {self._name} {self._flags} {self._kind} {places} {self._tail()}}}"


class Tree:
    """The elements of a Roto node, and their text."""

    HEAD = "AddMode 0 0 1 0"

    def __init__(self, width: float, height: float) -> None:
        self._root = Layer(self)
        self._root._name = "Root"
        self._root._flags = 0
        self._root._transform._read("t", [str(width / 2), str(height / 2)])

    def find(self, path: str) -> Optional[Element]:
        found: Element = self._root
        for name in path.split("/"):
            inside = found._items if isinstance(found, Layer) else []
            matching = [item for item in inside if item._name == name]
            if not matching:
                return None
            found = matching[0]
        return found

    def renew(self) -> None:
        """Let every handle go stale."""
        old = self._root
        self._root = copied(old, Tie())
        old._tie.dead = True

    def text(self) -> str:
        """Return the tree as `toScript` does."""
        return f"{self.HEAD} {self.tree_text()}"

    def tree_text(self) -> str:
        return f"{{{{v x3f99999a}} {{f 0}} {{n {self._root._text()}}}}}"

    def read(self, tree: Word) -> None:
        """Take a tree over, whole or not at all; every handle goes stale."""
        if not isinstance(tree, list) or len(tree) != 3:
            raise RuntimeError("the text is no tree of shapes")
        version, flags, content = tree
        if version != ["v", "x3f99999a"] or not isinstance(flags, list) or not isinstance(content, list):
            raise RuntimeError("the text is no tree of shapes of Nuke 7 or later")
        if flags[:1] != ["f"] or content[:1] != ["n"] or len(content) != 2:
            raise RuntimeError("a tree has flags and one root layer")
        made = self._element(content[1], Tie())
        if not isinstance(made, Layer):
            raise RuntimeError("the root of a tree is a layer")  # noqa: TRY004 - as Nuke
        self._root._tie.dead = True
        self._root = made

    def _element(self, word: Word, tie: Tie) -> Element:
        if not isinstance(word, list) or len(word) < 2 or not isinstance(word[1], str):
            raise RuntimeError("an element is not whole")
        kind, name, *rest = word
        element: Element
        if kind == "layer":
            element = Layer(self)
        elif kind == "curvegroup":
            element = Shape(self)
        elif kind == "cubiccurve":
            element = Stroke(self)
        else:
            raise RuntimeError(f"unknown element {kind!r}")
        _hang(element, tie)
        element._name = str(name)
        if isinstance(element, Layer):
            self._read_layer(element, rest, tie)
        elif isinstance(element, Shape):
            _read_shape(element, rest, tie)
        elif isinstance(element, Stroke):
            element._flags, element._kind = int(str(rest[0])), str(rest[1])
            element._items, element._curve_flags = read_places(rest[2], tie)
            for part in rest[3:]:
                element._take(_inner(part))
        return element

    def _read_layer(self, layer: Layer, rest: Sequence[Word], tie: Tie) -> None:
        layer._flags = 0
        for part in rest:
            words = _inner(part)
            if words[0] == "f":
                layer._flags = int(str(words[1]))
            elif words[0] in ("t", "tx", "a"):
                layer._take(words)
            else:
                child = self._element(words, tie)
                child._parent = layer
                layer._items.append(child)


def _hang(element: Element, tie: Tie) -> None:
    element._tie = element._attributes._tie = element._transform._tie = tie
    for curve in element._transform._curves:
        curve._tie = tie


def _read_shape(shape: Shape, rest: Sequence[Word], tie: Tie) -> None:
    flags, kind, curves = str(rest[0]), str(rest[1]), _inner(rest[2])
    shape._flags, shape._kind = int(flags), kind
    if kind not in {"bezier", "bspline"} or len(curves) != 2:
        raise RuntimeError(f"shape {shape._name} is not whole")
    main, shape._curve_flags[0] = read_places(curves[0], tie)
    names = shape._names(0)
    if len(main) % len(names):
        raise RuntimeError(f"the outline of shape {shape._name} is not whole")
    shape._idem = curves[1] == "idem"
    soft: list[AnimControlPoint] = []
    if not shape._idem:
        soft, shape._curve_flags[1] = read_places(curves[1], tie)
        if len(soft) != len(main):
            raise RuntimeError(f"the feather of shape {shape._name} has another number of points")
    for at in range(0, len(main), len(names)):
        shape._items.append(_read_point(names, main[at : at + len(names)], soft[at : at + len(names)], tie))
    for part_word in rest[3:]:
        shape._take(_inner(part_word))


def _read_point(
    names: Sequence[str], main: Sequence[AnimControlPoint], soft: Sequence[AnimControlPoint], tie: Tie
) -> ShapeControlPoint:
    """Put a control point together; without a feather of its own it follows the main curve."""
    point = ShapeControlPoint()
    point._tie = tie
    for offset, name in enumerate(names):
        point._parts[name] = main[offset]
        twin = _PARTS[_PARTS.index(name) + 3]
        if soft:
            point._parts[twin] = soft[offset]
        elif name != "center":
            point._parts[twin] = copied(main[offset], tie)
    for name, part in point._parts.items():
        part._third = float(name == "center")
        part._tie = tie
        if part._written < 3:
            part._curves[2]._constant = part._third
    return point


def read_places(word: Word, tie: Tie) -> tuple[list[AnimControlPoint], int]:
    """Read a `cc`: its points and its flags."""
    words = _inner(word)
    if words[0] != "cc" or len(words) != 3:
        raise RuntimeError("a curve is not whole")
    flags, points = _inner(words[1]), _inner(words[2])
    kind, *places = points
    times: Optional[list[float]] = None
    if kind == "px":
        head = places.pop(0)
        times = [numbers.read_number(str(time)) for time in (head if isinstance(head, list) else [head])]
        if any(b <= a for a, b in zip(times, times[1:])):
            raise RuntimeError(f"key times do not rise: {times}")
    elif kind != "p":
        raise RuntimeError(f"points begin with {kind!r}")
    return [_read_place(_inner(place), times, tie) for place in places], int(str(flags[1]))


def _read_place(words: list[Word], times: Optional[list[float]], tie: Tie) -> AnimControlPoint:
    place = AnimControlPoint()
    place._tie = tie
    if words and isinstance(words[0], list) and words[0][:1] == ["a"]:
        place._own = [words[0]]
        words = words[1:]
    if len(words) > 3:
        raise RuntimeError(f"a point of {len(words)} numbers")
    place._written = len(words)
    read = [read_curve(word, tie) if times is None else read_shared(word, times, tie) for word in words]
    place._curves = [*read, *place._curves[len(read) :]]
    for curve in place._curves:
        curve._tie = tie
    return place


def places_text(places: Sequence[AnimControlPoint], flags: int) -> str:
    """Return a `cc`: with common times where all that moves moves at the same times."""
    kept = [curve for place in places for curve in place._curves[: place._count]]
    keyed = [curve for curve in kept if curve._keys]
    shared = bool(keyed) and len(keyed) == len(kept) and len({curve._times for curve in keyed}) == 1
    shared = shared and not any(curve._expression for curve in keyed)
    if not shared:
        return f"{{cc {{f {flags}}} {{p {' '.join(_place_text(place, None) for place in places)}}}}}"
    times = [numbers.write_number(time) for time in keyed[0]._times]
    head = times[0] if len(times) == 1 else "{" + " ".join(times) + "}"
    return f"{{cc {{f {flags}}} {{px {head} {' '.join(_place_text(place, times) for place in places)}}}}}"


def _place_text(place: AnimControlPoint, times: Optional[list[str]]) -> str:
    write = curve_text if times is None else shared_text
    return "{" + " ".join([*map(written, place._own), *(write(c) for c in place._curves[: place._count])]) + "}"


def _three(
    row: tuple[tuple[float, float], ...],
) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    left, at, right = row
    return left, at, right


def _offsets(
    left: complex, at: complex, right: complex
) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    return (left.real, left.imag), (at.real, at.imag), (right.real, right.imag)


def _inner(word: Word) -> list[Word]:
    if not isinstance(word, list) or not word:
        if word == []:
            return []
        raise RuntimeError(f"a word where a list belongs: {word!r}")
    return word
