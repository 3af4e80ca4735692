"""What a Roto node draws: an own scan-line filler in pure Python, with no part of the product in it."""

from __future__ import annotations

import math
from array import array
from typing import Callable

from nuke_standin.elements import Element, Layer, Outline, Shape, bezier, pieces

LINES = 8
"""Scan lines a pixel; across, coverage is exact."""

STEPS = 12
"""Straight pieces a Bezier: their sagitta is far below a tenth of a pixel on shapes of a plate's size."""

FALLOFF = 12
"""Outlines between the main and the feather one, whose mean is the linear falloff."""

Rows = list[array]  # type: ignore[type-arg] # array("d"), from the bottom of the format
_Polygon = list[tuple[float, float]]

_BLEND: dict[int, Callable[[float], float]] = {
    0: lambda _below: 1.0,
    1: lambda below: max(below, 1.0),
    2: lambda below: below,
    3: lambda below: below,
    4: lambda below: min(below, 1.0),
    5: lambda _below: 1.0,
    6: lambda below: 1.0 if below > 0 else 0.0,
    7: lambda below: below + 1.0,
    8: lambda below: 2 * below if below < 0.5 else 1.0,
    9: lambda below: 2 * below - below * below if below < 0.5 else math.sqrt(below),
    10: lambda _below: 1.0,
    11: lambda below: 1.0 - below,
    12: lambda below: below - 1.0,
    13: lambda below: abs(below - 1.0),
    14: lambda below: below + 1.0 - 2 * below,
}
"""What a source of 1 makes of what lies below it, by blend mode."""


def draw(root: Layer, frame: float, width: int, height: int) -> Rows:
    """Return the alpha of all elements on a frame: index 0 is on top, so the last is drawn first."""
    picture = [array("d", bytes(8 * width)) for _ in range(height)]
    _draw_layer(root, frame, picture, [])
    return picture


def _draw_layer(layer: Layer, frame: float, picture: Rows, maps: list[list[float]]) -> None:
    if layer._attributes._at("vis", frame) < 0.5:
        return
    inner = [layer._transform._matrix(frame), *maps]
    for item in reversed(layer._items):
        if isinstance(item, Layer):
            _draw_layer(item, frame, picture, inner)
        elif isinstance(item, Shape) and _lives(item, frame) and item._is_closed:
            _draw_shape(item, frame, picture, [item._transform._matrix(frame), *inner])


def _lives(element: Element, frame: float) -> bool:
    def at(name: str) -> float:
        return element._attributes._at(name, frame)

    first, last = at("ltn"), at("ltm")
    spans = {0: True, 1: frame <= last, 2: frame == first, 3: frame >= first, 4: first <= frame <= last}
    return spans[round(at("ltt"))] and at("vis") >= 0.5


def _draw_shape(shape: Shape, frame: float, picture: Rows, maps: list[list[float]]) -> None:
    main, soft = shape._outlines(frame)
    if shape._kind == "bspline":
        main, soft = _spline(main), _spline(soft)
    feathered = any(math.dist(a[1], b[1]) > 1e-6 for a, b in zip(main, soft))
    steps = [(k + 0.5) / FALLOFF for k in range(FALLOFF)] if feathered and shape._attributes._at("fo", frame) else [0.0]
    opacity = shape._attributes._at("opc", frame) * shape._attributes._at("a", frame)
    blend = _BLEND[round(shape._attributes._at("bm", frame))]
    coverage: dict[int, array[float]] = {}
    for step in steps:
        outline = [_between(a, b, step) for a, b in zip(main, soft)]
        _fill(_polygon(outline, maps), coverage, len(picture[0]), len(picture), 1 / len(steps))
    for row, line in coverage.items():
        below = picture[row]
        for column, cover in enumerate(line):
            if cover > 0:
                share = min(cover, 1.0) * opacity
                below[column] += share * (blend(below[column]) - below[column])


def _spline(outline: Outline) -> Outline:
    """Return the Bezier of a closed uniform cubic B-spline."""
    places = [complex(*point[1]) for point in outline]
    made: Outline = []
    for k, here in enumerate(places):
        before, after = places[k - 1], places[(k + 1) % len(places)]
        at, tangent = (before + 4 * here + after) / 6, (after - before) / 6
        made.append(((-tangent.real, -tangent.imag), (at.real, at.imag), (tangent.real, tangent.imag)))
    return made


def _between(
    a: tuple[tuple[float, float], ...], b: tuple[tuple[float, float], ...], share: float
) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    left, at, right = ((p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])) for p, q in zip(a, b))
    return left, at, right


def _polygon(outline: Outline, maps: list[list[float]]) -> _Polygon:
    points = [bezier(piece, k / STEPS) for piece in pieces(outline, closed=True) for k in range(STEPS)]
    for values in maps:
        points = [_mapped(values, point) for point in points]
    return points


def _mapped(values: list[float], point: tuple[float, float]) -> tuple[float, float]:
    x, y, w = (values[k] * point[0] + values[k + 1] * point[1] + values[k + 3] for k in (0, 4, 12))
    return x / w, y / w


def _fill(polygon: _Polygon, coverage: dict[int, array[float]], width: int, height: int, share: float) -> None:
    """Add an outline's coverage to rows, from the bottom; inside is what it winds round."""
    edges = [(a, b, 1) if a[1] < b[1] else (b, a, -1) for a, b in zip(polygon, [*polygon[1:], *polygon[:1]])]
    crossings: dict[int, list[tuple[float, int]]] = {}
    for (x0, y0), (x1, y1), turn in edges:
        first = max(math.ceil(y0 * LINES - 0.5), 0)
        last = min(math.ceil(y1 * LINES - 0.5), height * LINES)
        for line in range(first, last):
            y = (line + 0.5) / LINES
            crossings.setdefault(line, []).append((x0 + (y - y0) * (x1 - x0) / (y1 - y0), turn))
    for line, found in crossings.items():
        row = coverage.get(line // LINES)
        if row is None:
            row = coverage[line // LINES] = array("d", bytes(8 * width))
        winding, start = 0, 0.0
        for x, turn in sorted(found):
            if winding == 0:
                start = x
            winding += turn
            if winding == 0:
                _span(row, max(start, 0.0), min(x, float(width)), share / LINES)


def _span(row: array[float], left: float, right: float, share: float) -> None:
    if right <= left:
        return
    first, last = int(left), int(right)
    if first == last:
        row[first] += (right - left) * share
        return
    row[first] += (first + 1 - left) * share
    for column in range(first + 1, last):
        row[column] += share
    if last < len(row):
        row[last] += (right - last) * share
