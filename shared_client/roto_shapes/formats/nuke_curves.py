"""The text of Nuke's `curves` knob as numbers over time: layers, outlines, transforms and attributes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Callable, NamedTuple, NoReturn, Optional

from roto_shapes.curve import Point, hermite, nuke_slope
from roto_shapes.formats.nuke_text import Group, Item, number

OPEN_CURVE, OPEN_SPLINE = 1 << 5, 1 << 20
"""Flags of a curve and of a shape that do not close."""

_RUN, _REPEAT, _TIMES = "r", "x", "px"
_PARTS = 2
Row = tuple["Curve", "Curve"]
Matrix = tuple[float, ...]
"""Nine numbers of a map of positions, row by row."""

IDENTITY: Matrix = (1, 0, 0, 0, 1, 0, 0, 0, 1)


class Curve(NamedTuple):
    """One number over time, under Nuke's rule for smooth keys; a single value is the same at all times."""

    values: tuple[float, ...]
    times: tuple[float, ...] = ()

    def at(self, time: float) -> float:
        """Return the number at a time; before the first and after the last key it holds."""
        if len(self.values) == 1 or time <= self.times[0]:
            return self.values[0]
        if time >= self.times[-1]:
            return self.values[-1]
        k = bisect_right(self.times, time) - 1
        low = max(min(k - 1, len(self.times) - 4), 0)
        return hermite(self.times[low : low + 4], self.values[low : low + 4], time, _slope(self, low))

    @property
    def still(self) -> bool:
        """Say whether the number never changes."""
        return len(set(self.values)) == 1


def _slope(curve: Curve, low: int) -> Callable[[Sequence[float], Sequence[float], int], float]:
    """Return the rule for a window of keys: slopes are those of the whole curve."""

    def slope(_times: Sequence[float], _values: Sequence[float], k: int) -> float:
        at = low + k
        start = max(min(at - 1, len(curve.times) - 3), 0)
        return nuke_slope(curve.times[start : start + 3], curve.values[start : start + 3], at - start)

    return slope


ZERO, ONE = Curve((0.0,)), Curve((1.0,))


class Transform:
    """What moves a layer or a shape as a whole; y up."""

    _USUAL = (*(0.0,) * 9, 1.0, 1.0, 1.0)

    def __init__(self, name: str, curves: Sequence[Curve]) -> None:
        self.name = name
        self._curves = tuple(curves)

    def part(self, index: int) -> Curve:
        """Return a number: pivot 0-2, move 3-5, turn 6-8, scale 9-11, skew 12; those left off are as usual."""
        if index < len(self._curves):
            return self._curves[index]
        return Curve((self._USUAL[index],)) if index < len(self._USUAL) else ZERO

    @property
    def is_still(self) -> bool:
        """Say whether it moves nothing."""
        parts = ((k, 1.0 if k in {9, 10} else 0.0) for k in (3, 4, 6, 7, 8, 9, 10, 12))
        return all(self.part(k).still and self.part(k).values[0] == usual for k, usual in parts) and not self.has_matrix

    @property
    def has_matrix(self) -> bool:
        """Say whether a matrix stands behind the other numbers and is not the identity."""
        matrix = self._curves[19:35]
        return any(not c.still or c.values[0] != float(k % 5 == 0) for k, c in enumerate(matrix))

    @property
    def is_similarity(self) -> bool:
        """Say whether it moves, turns in the picture and scales both axes alike, and nothing else."""
        flat = all(self.part(k).still and self.part(k).values[0] == 0 for k in (6, 7, 12))
        return (
            flat and self.part(9) == self.part(10) and not self.has_matrix and self.part(0).still and self.part(1).still
        )

    @property
    def is_known(self) -> bool:
        """Say whether its numbers work together in a way that is known: a matrix alone, or no skew and no tilt."""
        if any(not self.part(k).still or self.part(k).values[0] != 0 for k in (6, 7, 12)):
            return False
        plain = all(self.part(k).still and self.part(k).values[0] == float(k in {9, 10}) for k in (3, 4, 8, 9, 10))
        return plain or not self.has_matrix

    @property
    def times(self) -> list[float]:
        """Return the times of all its keys."""
        return sorted({time for curve in self._curves if len(curve.values) > 1 for time in curve.times})

    def matrix(self, time: float) -> Matrix:
        """Return the map of positions at a time: scale and turn about the pivot, then the move, or the matrix alone."""
        if self.has_matrix:
            rows = [curve.at(time) for curve in self._curves[19:35]]
            return (*rows[0:2], rows[3], *rows[4:6], rows[7], *rows[12:14], rows[15])
        px, py, dx, dy, turn, sx, sy = (self.part(k).at(time) for k in (0, 1, 3, 4, 8, 9, 10))
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        a, b, d, e = c * sx, -s * sy, s * sx, c * sy
        return (a, b, px + dx - a * px - b * py, d, e, py + dy - d * px - e * py, 0, 0, 1)


def product(outer: Matrix, inner: Matrix) -> Matrix:
    """Return the map that takes `inner` first and `outer` then."""
    return tuple(sum(outer[3 * r + k] * inner[3 * k + c] for k in range(3)) for r in range(3) for c in range(3))


def through(matrix: Matrix, x: float, y: float) -> Point:
    """Return where a map puts a position. Raises ValueError for one that lies on its horizon or behind."""
    w = matrix[6] * x + matrix[7] * y + matrix[8]
    if w <= 0:
        message = "a point lies on the horizon of its layer"
        raise ValueError(message)
    return (matrix[0] * x + matrix[1] * y + matrix[2]) / w, (matrix[3] * x + matrix[4] * y + matrix[5]) / w


@dataclass
class Element:
    """A shape as the text has it."""

    name: str
    at: int
    kind: str
    """`bezier` or `bspline`; `stroke` for what has no inside."""
    flags: int
    main: list[Row] = field(default_factory=list)
    feather: list[Row] = field(default_factory=list)
    transforms: list[Transform] = field(default_factory=list)
    """Of the layers round it, the outermost first, and its own."""
    attributes: list[dict[str, Curve]] = field(default_factory=list)
    """As `transforms`; its own last."""
    expressions: bool = False

    @property
    def closed(self) -> bool:
        """Say whether it encloses an area."""
        return not self.flags & (OPEN_CURVE | OPEN_SPLINE)

    def value(self, name: str, usual: float) -> Curve:
        """Return one of its own attributes."""
        return self.attributes[-1].get(name, Curve((usual,)))


class CurvesError(ValueError):
    """What stands in the text is not of its grammar."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at


def elements(tree: Group) -> Iterator[Element]:
    """Yield the shapes of a `curves` value, the topmost first. Raises CurvesError."""
    root = tree
    while len(root) == 1 and isinstance(root[0], Group):
        root = root[0]
    parts = {part[0]: part for part in root if isinstance(part, Group) and part and isinstance(part[0], str)}
    if "n" not in parts:
        raise CurvesError(root.at, "this is no tree of Roto shapes of Nuke 7 or later")
    yield from _children(parts["n"], [], [])


def _children(parent: Group, transforms: list[Transform], attributes: list[dict[str, Curve]]) -> Iterator[Element]:
    for item in parent:
        if not isinstance(item, Group) or not item or not isinstance(item[0], str):
            continue
        if item[0] == "layer":
            reader = _Reader(item)
            name = _name(item)
            own = [*transforms, reader.transform(name)]
            yield from _children(item, own, [*attributes, reader.attributes()])
        elif item[0] in ("curvegroup", "cubiccurve"):
            yield _shape(item, transforms, attributes)


def _shape(item: Group, transforms: list[Transform], attributes: list[dict[str, Curve]]) -> Element:
    reader = _Reader(item)
    name = _name(item)
    if len(item) < 5 or not isinstance(item[2], str) or not isinstance(item[3], str):  # noqa: PLR2004 - as _children
        raise CurvesError(item.at, f"shape '{name}' is not whole")
    kind = item[3] if item[0] == "curvegroup" else "stroke"
    made = Element(name, item.at, kind, int(_number(item[2], item.at)))
    made.transforms = [*transforms, reader.transform(name)]
    made.attributes = [*attributes, reader.attributes()]
    if kind != "stroke":
        curves = item[4]
        if not isinstance(curves, Group) or len(curves) != _PARTS or not isinstance(curves[0], Group):
            raise CurvesError(item.at, f"shape '{name}' has no outline and feather")
        made.main, flags = reader.rows(curves[0])
        made.flags |= flags
        if isinstance(curves[1], Group):
            made.feather, _ = reader.rows(curves[1])
    made.expressions = reader.expressions
    return made


class _Reader:
    """Reads what belongs to one element; errors bear its place."""

    def __init__(self, element: Group) -> None:
        self._element = element
        self.expressions = False

    def transform(self, name: str) -> Transform:
        for part in self._parts("t", "tx"):
            timed = part[0] == "tx"
            values = part[2:] if timed else part[1:]
            return Transform(name, [self.curve(value) for value in values])
        return Transform(name, [])

    def attributes(self) -> dict[str, Curve]:
        found: dict[str, Curve] = {}
        for part in self._parts("a"):
            names = part[1::2]
            for name, value in zip(names, part[2::2]):
                if isinstance(name, str):
                    found[name] = self.curve(value)
        return found

    def rows(self, curve: Group) -> tuple[list[Row], int]:
        """Return what a `cc` holds, two numbers a place, and its flags."""
        flags, rows = 0, list[Row]()
        for part in curve:
            if not isinstance(part, Group) or not part:
                continue
            if part[0] == "f":
                flags = int(_number(part[1], self._element.at)) if len(part) > 1 else 0
            elif part[0] in ("p", _TIMES):
                times: Optional[tuple[float, ...]] = None
                places = part[1:]
                if part[0] == _TIMES:
                    if len(part) < _PARTS:
                        self._refuse("its keys have no times")
                    times, places = self._times(part[1]), part[2:]
                rows += [self._row(place, times) for place in places]
        return rows, flags

    def _row(self, place: Item, times: Optional[tuple[float, ...]]) -> Row:
        if not isinstance(place, Group):
            self._refuse("a point is no list")
        comps = [each for each in place if not (isinstance(each, Group) and each and each[0] == "a")]
        curves = [self.curve(comp) if times is None else self._timed(comp, times) for comp in comps[:2]]
        return (*curves, ZERO, ZERO)[0], (*curves, ZERO, ZERO)[1]

    def _times(self, item: Item) -> tuple[float, ...]:
        words = item if isinstance(item, Group) else [item]
        times = tuple(self._value(word) for word in words)
        if not times or any(b <= a for a, b in zip(times, times[1:])):
            self._refuse("the times of its keys do not rise")
        return times

    def _timed(self, comp: Item, times: tuple[float, ...]) -> Curve:
        """Return a number whose keys stand at given times."""
        if isinstance(comp, str):
            return Curve((self._value(comp),), times)
        if comp and isinstance(comp[0], str) and comp[0].startswith("="):
            return self._expression(comp)
        values: list[float] = []
        for key in comp:
            if isinstance(key, Group) and len(key) == 3 and key[0] == _REPEAT:  # noqa: PLR2004 - x, how often, the key
                values += [self._key_value(key[2])] * int(self._value(key[1]))
            else:
                values.append(self._key_value(key))
            if len(values) > len(times):
                self._refuse(f"a number has more keys than the {len(times)} times")
        if len(values) <= 1:
            return Curve((values[0] if values else 0.0,), times)
        if len(values) != len(times):
            self._refuse(f"a number has {len(values)} keys for {len(times)} times")
        return Curve(tuple(values), times)

    def _key_value(self, key: Item) -> float:
        if isinstance(key, Group):
            if not key:
                self._refuse("a key is empty")
            return self._value(key[0])
        return self._value(key)

    def curve(self, comp: Item) -> Curve:
        """Return a number whose keys bear their own times."""
        if isinstance(comp, str):
            return Curve((self._value(comp),))
        if not comp:
            return ZERO
        head = comp[0]
        if isinstance(head, str):
            if head.startswith("="):
                return self._expression(comp)
            if head == _RUN:
                return self._runs(comp)
            return Curve((self._value(head),))
        keys: dict[float, float] = {}
        value = 0.0
        for key in comp:
            if not isinstance(key, Group) or not key:
                self._refuse("a key is no list")
            value = self._value(key[1]) if len(key) > 1 else value
            keys[self._value(key[0])] = value
        return _of(keys)

    def _runs(self, comp: Group) -> Curve:
        keys: dict[float, float] = {}
        for run in comp[1] if len(comp) > 1 and isinstance(comp[1], Group) else ():
            if not isinstance(run, Group) or len(run) != _PARTS or not isinstance(run[0], Group) or not run[0]:
                self._refuse("a run of keys is not whole")
            start = self._value(run[0][0])
            value = self._value(run[0][1]) if len(run[0]) > 1 else 0.0
            count = int(self._value(run[1]))
            if not 0 < count <= _MOST_KEYS:
                self._refuse(f"a run has {count} keys")
            keys.update((start + step, value) for step in range(count))
        return _of(keys) if keys else ZERO

    def _expression(self, comp: Group) -> Curve:
        """Return what an expression falls back to: its last value, or keys below it."""
        self.expressions = True
        rest = Group(comp.at)
        rest.extend(comp[1:])
        if not rest:
            return ZERO
        first = rest[0]
        if isinstance(first, str):
            return Curve((self._value(first),))
        return self.curve(first if first and isinstance(first[0], Group) else rest)

    def _value(self, item: Item) -> float:
        return _number(item, self._element.at)

    def _parts(self, *names: str) -> Iterator[Group]:
        for part in self._element:
            if isinstance(part, Group) and part and part[0] in names:
                yield part

    def _refuse(self, why: str) -> NoReturn:
        raise CurvesError(self._element.at, f"'{_name(self._element)}': {why}")


_MOST_KEYS = 1_000_000


def _of(keys: dict[float, float]) -> Curve:
    times = tuple(sorted(keys))
    return Curve(tuple(keys[time] for time in times), times) if len(times) > 1 else Curve((keys[times[0]],))


def _name(element: Group) -> str:
    return element[1] if len(element) > 1 and isinstance(element[1], str) else "?"


def _number(item: Item, at: int) -> float:
    if isinstance(item, str):
        try:
            value = number(item)
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            return value
    shown = item if isinstance(item, str) else "a list"
    raise CurvesError(at, f"'{shown[:20]}' stands where a finite number belongs")
