"""Path data of SVG, https://www.w3.org/TR/SVG2/paths.html, as outlines of cubic Beziers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from roto_shapes.curve import Point, Segment, is_smooth
from roto_shapes.shape import ControlPoint

_COMMANDS = {"m": 2, "l": 2, "h": 1, "v": 1, "c": 6, "s": 4, "q": 4, "t": 2, "a": 7, "z": 0}
"""How many numbers each takes at a time."""

_NUMBER = re.compile(r"[\s,]*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_SIX_NUMBERS = re.compile(r"\s*" + r"[\s,]+".join([r"([-+]?\d+(?:\.\d*)?)"] * 6) + r"(?=[\s,A-Za-z]|\Z)")
"""Numbers of a cubic as most programs write them, apart from each other."""

_FLAG = re.compile(r"[\s,]*([01])")
_COMMAND = re.compile(r"[\s,]*([MmLlHhVvCcSsQqTtAaZz])")
_END = re.compile(r"[\s,]*\Z")
_FLAGS_OF_ARC = {3, 4}
_QUARTER = math.pi / 2
_CLOSED_PX = 1e-9
_THINNEST, _FARTHEST = 1e-9, 1e9
"""Radii that are a line, and numbers that are no positions of a picture."""


class Outline(NamedTuple):
    """One subpath."""

    points: tuple[ControlPoint, ...]
    closed: bool
    """Whether the data closes it; what is filled is closed in any case."""


def outlines(data: str, what: str) -> list[Outline]:
    """Return the subpaths of path data; `what` names it in errors.

    Raises ValueError for data that does not follow the grammar, with how far it does.
    """
    pen = _Pen()
    for command, numbers in _steps(data, what):
        pen.do(command, numbers)
    pen.lift(closed=False)
    return pen.finished


def _steps(data: str, what: str) -> Iterator[tuple[str, list[float]]]:
    """Yield each command with its numbers; one that is repeated without its letter stands there with it."""
    at, command = 0, ""
    while not _END.match(data, at):
        found = _COMMAND.match(data, at)
        if found is not None:
            command, at = found.group(1), found.end()
        elif command.lower() in {"", "z"}:
            _refuse(f"{what}: character {at + 1} of its path is no command")
        if not found and command in "Mm":
            command = "L" if command == "M" else "l"
        six = _SIX_NUMBERS.match(data, at) if command in "Cc" else None
        if six is not None:
            numbers = list(map(float, six.groups()))
            if max(map(abs, numbers)) <= _FARTHEST and not data.startswith(("e", "E"), six.end()):
                at = six.end()
                yield command, numbers
                continue
        numbers = []
        for index in range(_COMMANDS[command.lower()]):
            pattern = _FLAG if command in "Aa" and index in _FLAGS_OF_ARC else _NUMBER
            number = pattern.match(data, at)
            if number is None or not abs(float(number.group(1))) <= _FARTHEST:
                _refuse(f"{what}: character {at + 1} of its path is not the number that '{command}' takes")
            numbers.append(float(number.group(1)))
            at = number.end()
        yield command, numbers


class _Pen:
    """Draws commands into outlines."""

    def __init__(self) -> None:
        self.finished: list[Outline] = []
        self._at: Point = (0.0, 0.0)
        self._start: Point = (0.0, 0.0)
        self._curves: list[Segment] = []
        self._control: Point = (0.0, 0.0)
        self._before = ""

    def do(self, command: str, numbers: list[float]) -> None:
        """Draw one command."""
        kind = command.lower()
        if kind != "a" and command.islower():
            origin = {"h": self._at[:1], "v": self._at[1:]}.get(kind, self._at)
            numbers = [number + origin[k % len(origin)] for k, number in enumerate(numbers)]
        elif command == "a":
            numbers = [*numbers[:5], numbers[5] + self._at[0], numbers[6] + self._at[1]]
        draw = {"m": self._move, "z": self._close, "a": self._arc}.get(kind)
        if draw is not None:
            draw(numbers)
        elif kind in "lhv":
            x = numbers[0] if kind != "v" else self._at[0]
            y = numbers[-1] if kind != "h" else self._at[1]
            self._curve(self._at, (x, y), (x, y))
        elif kind in "cs":
            first = _pair(numbers, 0) if kind == "c" else self._mirrored("cs")
            self._curve(first, _pair(numbers, -4), _pair(numbers, -2))
            self._control = _pair(numbers, -4)
        else:
            self._quadratic(_pair(numbers, 0) if kind == "q" else self._mirrored("qt"), _pair(numbers, -2))
        self._before = kind

    def lift(self, *, closed: bool) -> None:
        """Finish the subpath; one without any curve is nothing."""
        if self._curves:
            self.finished.append(_outline(self._curves, closed=closed))
        self._curves = []

    def _move(self, numbers: list[float]) -> None:
        self.lift(closed=False)
        self._at = self._start = _pair(numbers, 0)

    def _close(self, _: list[float]) -> None:
        self.lift(closed=True)
        self._at = self._start

    def _curve(self, first: Point, second: Point, end: Point) -> None:
        self._curves.append((self._at, first, second, end))
        self._at = end

    def _quadratic(self, control: Point, end: Point) -> None:
        first, second = (
            (p[0] + (control[0] - p[0]) * 2 / 3, p[1] + (control[1] - p[1]) * 2 / 3) for p in (self._at, end)
        )
        self._curve(first, second, end)
        self._control = control

    def _mirrored(self, kinds: str) -> Point:
        """Return the last control point mirrored about the pen, if the command before had one of its kind."""
        if self._before not in tuple(kinds):
            return self._at
        return 2 * self._at[0] - self._control[0], 2 * self._at[1] - self._control[1]

    def _arc(self, numbers: list[float]) -> None:
        """Draw an elliptical arc as cubics of at most a quarter (section B.2.4 of the specification)."""
        end = _pair(numbers, 5)
        rx, ry = abs(numbers[0]), abs(numbers[1])
        if min(rx, ry) < _THINNEST or end == self._at:
            self._curve(self._at, end, end)
            return
        turn = math.radians(numbers[2] % 360)
        cos, sin = math.cos(turn), math.sin(turn)
        # Half the chord in the frame of the ellipse, in which it is then a unit circle.
        dx, dy = (self._at[0] - end[0]) / 2, (self._at[1] - end[1]) / 2
        u, v = (cos * dx + sin * dy) / rx, (cos * dy - sin * dx) / ry
        length = math.hypot(u, v)
        if length > 1:  # too small to reach: the smallest that does
            rx, ry, u, v = rx * length, ry * length, u / length, v / length
        far = math.sqrt(max(0.0, 1 - u * u - v * v)) / math.hypot(u, v) * (-1 if numbers[3] == numbers[4] else 1)
        cu, cv = far * v, -far * u
        start, stop = math.atan2(v - cv, u - cu), math.atan2(-v - cv, -u - cu)
        sweep = (stop - start) % (2 * math.pi) - (0 if numbers[4] else 2 * math.pi)
        middle = (self._at[0] + end[0]) / 2, (self._at[1] + end[1]) / 2
        count = max(1, math.ceil(abs(sweep) / _QUARTER - 1e-9))
        step = sweep / count
        handle = 4 / 3 * math.tan(step / 4)

        def place(x: float, y: float) -> Point:
            x, y = (x + cu) * rx, (y + cv) * ry
            return middle[0] + cos * x - sin * y, middle[1] + sin * x + cos * y

        for k in range(count):
            a, b = start + k * step, start + (k + 1) * step
            self._curve(
                place(math.cos(a) - handle * math.sin(a), math.sin(a) + handle * math.cos(a)),
                place(math.cos(b) + handle * math.sin(b), math.sin(b) - handle * math.cos(b)),
                end if k == count - 1 else place(math.cos(b), math.sin(b)),
            )


def _outline(curves: list[Segment], *, closed: bool) -> Outline:
    """Return curves that follow each other as control points; a last point upon the first is the first."""
    places = [curves[0][0], *(curve[3] for curve in curves)]
    leave = [_away(curve[1], curve[0]) for curve in curves] + [(0.0, 0.0)]
    arrive = [(0.0, 0.0)] + [_away(curve[2], curve[3]) for curve in curves]
    if closed and math.dist(places[0], places[-1]) <= _CLOSED_PX * (1 + math.hypot(*places[0])):
        places.pop()
        leave.pop()
        arrive[0] = arrive.pop()
    points = (
        ControlPoint(*place, *back, *on, not is_smooth(back, on)) for place, back, on in zip(places, arrive, leave)
    )
    return Outline(tuple(points), closed)


def _pair(numbers: list[float], at: int) -> Point:
    return numbers[at], numbers[at + 1]


def _away(place: Point, origin: Point) -> Point:
    return place[0] - origin[0], place[1] - origin[1]


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
