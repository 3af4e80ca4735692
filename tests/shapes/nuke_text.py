"""A strict reader of Roto nodes in Nuke's text, written from the grammar alone: it shares nothing with our writer.

Values come out as the file has them: y up, tangents relative to their points. Keys move under Nuke's smooth rule.
"""

from __future__ import annotations

import cmath
import math
import re
import struct
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

Word = Union[str, list["Word"]]

_TOKEN = re.compile(r'\s+|([{}])|"((?:[^"\\]|\\.)*)"|([^\s{}"]+)', re.DOTALL)
_DECIMAL = re.compile(r"-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")


class Number(NamedTuple):
    """An animated number. No times: a constant."""

    times: tuple[float, ...]
    values: tuple[float, ...]
    slopes: tuple[Optional[tuple[float, float]], ...] = ()

    def at(self, frame: float) -> float:
        if not self.times or frame <= self.times[0]:
            return self.values[0]
        if frame >= self.times[-1]:
            return self.values[-1]
        k = max(i for i, time in enumerate(self.times) if time <= frame)
        return _hermite(self, k, frame)


class Curve(NamedTuple):
    """The `cc` of an element: its flags and, for every place in it, its animated numbers (two: across and up)."""

    flags: int
    places: tuple[tuple[Number, Number], ...]

    def at(self, frame: float) -> list[tuple[float, float]]:
        return [(across.at(frame), up.at(frame)) for across, up in self.places]


class Element(NamedTuple):
    kind: str
    name: str
    flags: int
    main: Curve
    feather: Optional[Curve]
    attributes: dict[str, Number]
    pivot: tuple[float, ...]
    layers: tuple[tuple[Number, ...], ...] = ()
    """The transforms of the layers round it, the innermost first, each in the order of the file."""

    groups: tuple[str, ...] = ()
    """The names of these layers."""

    def placed(self, position: tuple[float, float], frame: float) -> tuple[float, float]:
        """Return where the layers put a position, y up."""
        for numbers in self.layers:
            position = transformed([number.at(frame) for number in numbers], position)
        return position


def transformed(values: list[float], position: tuple[float, float]) -> tuple[float, float]:
    """Apply a transform: pivot, move, turn, even scale; or the extra matrix alone, for their order is not known."""
    _require(len(values) <= 35, f"a transform of {len(values)} numbers")
    rest: list[float] = [*([0] * 9), 1, 1, 1, *([0] * 7), 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    values = values + rest[len(values) :]
    _require(values[12:19] == rest[12:19], "a transform with skew or another order")
    matrix = values[19:]
    if matrix == rest[19:]:
        _require(values[9] == values[10], "an uneven scale, whose order is not known")
        pivot, move = complex(*values[:2]), complex(*values[3:5])
        place = pivot + move + values[9] * cmath.rect(1, math.radians(values[8])) * (complex(*position) - pivot)
        return place.real, place.imag
    _require(values[3:12] == rest[3:12], "a matrix beside a transform, and their order is not known")
    x, y, _, w = (
        row[0] * position[0] + row[1] * position[1] + row[3] for row in (matrix[i : i + 4] for i in (0, 4, 8, 12))
    )
    _require(w > 0, "a position behind the horizon")
    return x / w, y / w


class Node(NamedTuple):
    """A node's class, its knobs as words, and its elements, the top-most first, layers unfolded."""

    class_name: str
    knobs: dict[str, Word]
    elements: tuple[Element, ...]


def read_nodes(script: str) -> list[Node]:
    """Return the Roto and RotoPaint nodes of a script; ValueError for anything that the grammar does not have."""
    words = parse_words(script)
    nodes = []
    for at, class_name in enumerate(words):
        if class_name in ("Roto", "RotoPaint"):
            items = _list(words[at + 1])
            _require(len(items) % 2 == 0, f"knobs without a value in {class_name}")
            knobs = {_word(items[i]): items[i + 1] for i in range(0, len(items), 2)}
            (tree,) = _list(knobs["curves"])
            nodes.append(Node(str(class_name), knobs, tuple(_read_tree(_list(tree)))))
    return nodes


def parse_words(text: str) -> list[Word]:
    """Return the words of a text: strings, and lists for what stands in braces."""
    stack: list[list[Word]] = [[]]
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"no word at {position}: {text[position : position + 20]!r}")
        position = found.end()
        brace, quoted, bare = found.groups()
        if brace == "{":
            inner: list[Word] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif brace == "}":
            _require(len(stack) > 1, f"a brace closes at {position} that never opened")
            stack.pop()
        elif quoted is not None or bare is not None:
            stack[-1].append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare)
    _require(len(stack) == 1, "a brace is not closed")
    return stack[0]


def read_number(word: Word) -> float:
    text = _word(word)
    if re.fullmatch(r"x[0-9a-f]{1,8}", text):
        (value,) = struct.unpack(">f", bytes.fromhex(text[1:].rjust(8, "0")))
        return float(value)
    _require(_DECIMAL.fullmatch(text) is not None, f"{text!r} is no number")
    return float(text)


def smooth_slope(times: Sequence[float], values: Sequence[float], k: int) -> float:
    """Nuke's smooth rule, spelled out with all secants."""
    secants = [(values[i + 1] - values[i]) / (times[i + 1] - times[i]) for i in range(len(times) - 1)]
    if len(secants) == 1:
        return secants[0]
    if k == 0:
        return 1.5 * secants[0] - 0.5 * smooth_slope(times, values, 1)
    if k == len(secants):
        return 1.5 * secants[-1] - 0.5 * smooth_slope(times, values, k - 1)
    left, right = secants[k - 1], secants[k]
    if left == 0 or right == 0 or (left > 0) != (right > 0):
        return 0.0
    steepest = 3 * min(abs(left), abs(right))
    slope = (values[k + 1] - values[k - 1]) / (times[k + 1] - times[k - 1])
    return min(abs(slope), steepest) * (1 if slope > 0 else -1)


def _hermite(number: Number, k: int, frame: float) -> float:
    t0, t1 = number.times[k : k + 2]
    v0, v1 = number.values[k : k + 2]
    s0, s1 = (smooth_slope(number.times, number.values, i) for i in (k, k + 1))
    h = t1 - t0
    u = (frame - t0) / h
    u2, u3 = u * u, u * u * u
    return (2 * u3 - 3 * u2 + 1) * v0 + (u3 - 2 * u2 + u) * h * s0 + (3 * u2 - 2 * u3) * v1 + (u3 - u2) * h * s1


def _read_tree(tree: list[Word]) -> list[Element]:
    version, flags, content = (_list(part) for part in tree)
    _require(version == ["v", "x3f99999a"], f"unknown version {version}")
    _require(flags[0] == "f", "no flags behind the version")
    _require(content[0] == "n", "no content behind the flags")
    return [element for item in content[1:] for element in _read_element(_list(item))]


def _read_element(item: list[Word]) -> list[Element]:
    kind = item[0]
    if kind == "layer":
        inner = [_list(part) for part in item[2:]]
        found = [element for part in inner if part[0] not in ("f", "t", "tx", "a") for element in _read_element(part)]
        transform = [tuple(map(_read_explicit, part[1:])) for part in inner if part[0] == "t"]
        name = _word(item[1])
        return [
            element._replace(layers=(*element.layers, *transform), groups=(*element.groups, name)) for element in found
        ]
    _require(kind in ("curvegroup", "cubiccurve"), f"unknown element {kind!r}")
    name, flags = _word(item[1]), int(_word(item[2]))
    _require(item[3] in ("bezier", "bspline", "catmullrom"), f"unknown curve {item[3]!r}")
    curves = _list(item[4]) if kind == "curvegroup" else [item[4]]
    main = _read_curve(_list(curves[0]))
    feather = None
    if kind == "curvegroup":
        _require(len(curves) == 2, "a shape has a main curve and a feather")
        feather = None if curves[1] == "idem" else _read_curve(_list(curves[1]))
    attributes: dict[str, Number] = {}
    pivot: tuple[float, ...] = ()
    for part in map(_list, item[5:]):
        if part[0] == "a":
            _require(len(part) % 2 == 1, "an attribute has no value")
            attributes = {_word(part[i]): _read_explicit(part[i + 1]) for i in range(1, len(part), 2)}
        elif part[0] == "tx":
            pivot = tuple(read_number(word) for word in part[1:])
        else:
            _require(part[0] == "t", f"unknown part {part[0]!r}")
            pivot = tuple(_read_explicit(word).at(0) for word in part[1:])
    return [Element(_word(kind), name, flags, main, feather, attributes, pivot)]


def _read_curve(words: list[Word]) -> Curve:
    _require(words[0] == "cc", f"no curve but {words[0]!r}")
    flags, points = _list(words[1]), _list(words[2])
    _require(flags[0] == "f", "a curve without flags")
    _require(len(words) == 3, "a curve with further parts")
    if points[0] == "p":
        places = [_read_place(_list(place), None) for place in points[1:]]
    else:
        _require(points[0] == "px", f"points begin with {points[0]!r}")
        times = [read_number(word) for word in (points[1] if isinstance(points[1], list) else [points[1]])]
        _require(times == sorted(set(times)), f"key times do not rise: {times}")
        places = [_read_place(_list(place), times) for place in points[2:]]
    return Curve(int(_word(flags[1])), tuple(places))


def _read_place(words: list[Word], times: Optional[list[float]]) -> tuple[Number, Number]:
    if words and isinstance(words[0], list) and words[0][:1] == ["a"]:
        words = words[1:]
    _require(len(words) <= 3, f"a point of {len(words)} numbers")
    numbers = [_read_explicit(word) if times is None else _read_shared(word, times) for word in words[:2]]
    while len(numbers) < 2:
        numbers.append(Number((), (0.0,)))
    return numbers[0], numbers[1]


def _read_explicit(word: Word) -> Number:
    """Read a number whose keys carry their own times."""
    if isinstance(word, str):
        return Number((), (read_number(word),))
    if not word:
        return Number((), (0.0,))
    if isinstance(word[0], str) and word[0].startswith("="):
        return _read_explicit(word[1]) if len(word) > 1 else Number((), (0.0,))
    if word[0] == "r":
        return _read_runs([_list(run) for run in _list(word[1])])
    keys = [_list(key) for key in word]
    return Number(tuple(read_number(key[0]) for key in keys), _held([key[1:] for key in keys]))


def _read_runs(runs: list[list[Word]]) -> Number:
    times, values = [], []
    for key, count in runs:
        time, value = (read_number(part) for part in _list(key)[:2])
        for step in range(int(read_number(count))):
            times.append(time + step)
            values.append(value)
    return Number(tuple(times), tuple(values))


def _read_shared(word: Word, times: list[float]) -> Number:
    """Read a number whose keys stand at the curve's common times."""
    if isinstance(word, str):
        return Number(tuple(times), (read_number(word),) * len(times))
    if not word:
        return Number((), (0.0,))
    keys: list[list[Word]] = []
    for key in word:
        if isinstance(key, list) and key[:1] == ["x"]:
            keys += [key[2:] if isinstance(key[2], str) else _list(key[2])] * int(read_number(key[1]))
        else:
            keys.append(key if isinstance(key, list) else [key])
    if len(keys) == 1:
        keys *= len(times)
    _require(len(keys) == len(times), f"{len(keys)} keys at {len(times)} times")
    return Number(tuple(times), _held(keys), tuple(_slopes(key) for key in keys))


def _held(keys: list[list[Word]]) -> tuple[float, ...]:
    values: list[float] = []
    for key in keys:
        values.append(read_number(key[0]) if key else values[-1])
        _require(len(key) in (0, 1, 5) or key[1:] == ["-"], f"unknown key {key}")
    return tuple(values)


def _slopes(key: list[Word]) -> Optional[tuple[float, float]]:
    if key[1:] == ["-"]:
        return 0.0, 0.0
    return None if len(key) == 1 else (read_number(key[1]), read_number(key[3]))


def _word(word: Word) -> str:
    if not isinstance(word, str):
        raise TypeError(f"a list where a word is needed: {word}")
    return word


def _list(word: Word) -> list[Word]:
    if not isinstance(word, list):
        raise TypeError(f"a word where a list is needed: {word!r}")
    return word


def _require(holds: object, message: str) -> None:
    if not holds:
        raise ValueError(message)
