"""Lottie JSON back into shapes: paths of shape layers, and masks of any layer."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, Optional

from roto_shapes.curve import is_smooth
from roto_shapes.formats.lottie import OWN_KEY, whole_picture
from roto_shapes.formats.straight import unique_names
from roto_shapes.formats.timeline import MOST_FRAMES, Ease, Key, bezier_ease, on_whole_frames, shown_spans
from roto_shapes.reading import NOTHING_GIVEN, Given, Reading
from roto_shapes.shape import RGB, ControlPoint, MadeBy, Roto, Shape
from roto_shapes.shot import FrameRange, Plate

MAX_CHARACTERS = 100_000_000
MOST_PRECOMPS = 20
"""How deep compositions may lie in each other."""

_PRECOMP, _SOLID, _SHAPES = 0, 1, 4
_WHITE = (1.0, 1.0, 1.0)
_PERCENT = 100.0
_LEAST_COUNT = 2


def read_lottie(text: str, given: Given = NOTHING_GIVEN) -> Reading:
    """Return the plate and shapes of a Lottie file, in order of painting.

    Frames count from the first of `given.frames`, else from the one that we wrote, else from 0; positions are the
    file's own, whatever size is given. Raises ValueError with a sentence that names the layer, for text that is no
    Lottie, for animated transforms and for paths whose keys differ in their number of points.
    """
    document = _document(text)
    own = document.get(OWN_KEY)
    own = own if isinstance(own, Mapping) else {}
    start = int(_number(own.get("first_frame", 0), OWN_KEY)) if given.frames is None else given.frames.first
    in_point, out_point = (_number(document.get(key), f"'{key}'") for key in ("ip", "op"))
    length = math.ceil(out_point) - math.floor(in_point)
    if not 0 < length <= MOST_FRAMES:
        _refuse(f"the file runs from frame {in_point:g} to {out_point:g}: it needs 1 to {MOST_FRAMES} frames")
    plate = Plate(
        int(_number(document.get("w"), "'w'")),
        int(_number(document.get("h"), "'h'")),
        FrameRange(start, start + length - 1),
        str(document.get("nm") or ""),
        given.pixel_aspect or _number(own.get("pixel_aspect", 1.0), OWN_KEY),
        given.frame_rate or _number(document.get("fr"), "'fr'"),
    )
    reader = _Reader(document, plate, start - math.floor(in_point))
    shapes = _once(reader.shapes())
    names = unique_names([shape.name for shape in shapes])
    named = (replace(shape, name=name) for shape, name in zip(shapes, names))
    return Reading(Roto(plate, tuple(named), _made_by(own)), tuple(dict.fromkeys(reader.notes)))


def _made_by(own: Mapping[str, Any]) -> Optional[MadeBy]:
    facts = _object(own.get("made_by"), OWN_KEY)
    return MadeBy(str(facts.get("engine", "")), str(facts.get("weights", ""))) if facts else None


def looks_like_lottie(text: str) -> bool:
    """Say whether a JSON text is one of Lottie rather than of ours, from its beginning alone."""
    head = text[:4096]
    return '"layers"' in text and '"rotolink.shapes"' not in head and ('"ip"' in text or '"op"' in text)


def _document(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_CHARACTERS:
        _refuse(f"this file is longer than {MAX_CHARACTERS} characters")
    try:
        document = json.loads(text.lstrip("\ufeff"))
    except RecursionError:
        _refuse("this is no Lottie file: its brackets are nested too deeply")
    except json.JSONDecodeError as error:
        _refuse(f"this is not whole JSON text: {error.msg} in line {error.lineno}, column {error.colno}")
    if not isinstance(document, dict) or not isinstance(document.get("layers"), list):
        _refuse("this is no Lottie file: it has no list of layers")
    return document


@dataclass(frozen=True)
class _Place:
    """An affine map of positions and the shift of times that lead from a layer to the whole picture."""

    xx: float = 1.0
    xy: float = 0.0
    yx: float = 0.0
    yy: float = 1.0
    x0: float = 0.0
    y0: float = 0.0
    start: float = 0.0
    stretch: float = 1.0

    def point(self, x: float, y: float) -> tuple[float, float]:
        return self.xx * x + self.xy * y + self.x0, self.yx * x + self.yy * y + self.y0

    def vector(self, x: float, y: float) -> tuple[float, float]:
        return self.xx * x + self.xy * y, self.yx * x + self.yy * y

    def inside(self, inner: _Place) -> _Place:
        """Return the map that takes `inner` first and this one then."""
        xx, yx = self.vector(inner.xx, inner.yx)
        xy, yy = self.vector(inner.xy, inner.yy)
        x0, y0 = self.point(inner.x0, inner.y0)
        return _Place(xx, xy, yx, yy, x0, y0, self.start + self.stretch * inner.start, self.stretch * inner.stretch)


@dataclass
class _Reader:
    document: Mapping[str, Any]
    plate: Plate
    shift: int
    notes: list[str] = field(default_factory=list)

    def shapes(self) -> list[Shape]:
        self._assets = {_mark(each.get("id")): each for each in _items(self.document.get("assets"), "the file")}
        return list(self._layers(_items(self.document["layers"], "the file"), _Place(), self.plate.frames, 0))

    def _layers(
        self, layers: Sequence[Mapping[str, Any]], place: _Place, within: FrameRange, depth: int
    ) -> Iterator[Shape]:
        if depth > MOST_PRECOMPS:
            _refuse(f"compositions lie in each other more than {MOST_PRECOMPS} deep")
        known = {_mark(layer.get("ind")): layer for layer in layers}
        for layer in reversed(layers):
            if not layer.get("hd"):
                yield from self._layer(layer, known, place, within, depth)

    def _layer(
        self, layer: Mapping[str, Any], known: Mapping[Any, Any], place: _Place, within: FrameRange, depth: int
    ) -> Iterator[Shape]:
        name = str(layer.get("nm") or f"layer {layer.get('ind', '?')}")
        lifetime = self._lifetime(layer, place, within)
        if lifetime is None:
            return
        masks = _items(layer.get("masksProperties"), name)
        kind = layer.get("ty") if isinstance(layer.get("ty"), (int, float)) else None
        if kind not in {_PRECOMP, _SOLID, _SHAPES} and not masks:
            self.notes.append(f"Layer '{name}' holds no shapes and is left out.")
            return
        own = place.inside(self._chain(layer, known, name))
        if kind == _PRECOMP:
            asset = self._assets.get(_mark(layer.get("refId")), {})
            stretch = _number(layer.get("sr", 1), name)
            inner = own.inside(_Place(start=_number(layer.get("st", 0), name), stretch=stretch))
            yield from self._layers(_items(asset.get("layers"), name), inner, lifetime, depth + 1)
        elif kind == _SHAPES:
            yield from self._paths(_items(layer.get("shapes"), name), own, lifetime, name, _WHITE)
        yield from self._masks(masks, own, lifetime, name, painted=kind in {_PRECOMP, _SHAPES})

    def _masks(
        self, masks: Sequence[Mapping[str, Any]], place: _Place, lifetime: FrameRange, name: str, *, painted: bool
    ) -> Iterator[Shape]:
        """Yield masks as shapes; those that add to what a shape layer paints limit it, which shapes cannot say."""
        whole = whole_picture(self.plate.width, self.plate.height)
        for at, mask in enumerate(masks):
            label = str(mask.get("nm") or f"{name} mask {at + 1}")
            mode = str(mask.get("mode", "a"))
            if mode == "n" or (painted and mode == "a" and mask.get("pt") == whole):
                continue
            if mode not in {"a", "s"} or (mode == "a" and painted) or (bool(mask.get("inv")) and mode == "a"):
                self.notes.append(f"Mask '{label}' of layer '{name}' is of a kind that shapes do not have: left out.")
                continue
            cuts = (mode == "s") != bool(mask.get("inv"))
            shape = self._shape(
                label, mask.get("pt"), place, lifetime, invert=cuts, fallback=bool(mask.get("cl", True))
            )
            for span in self._spans(mask.get("o"), place, lifetime, label):
                yield replace(shape, lifetime=span)

    def _spans(self, opacity: Any, place: _Place, lifetime: FrameRange, label: str) -> list[FrameRange]:  # noqa: ANN401
        keys = opacity.get("k") if isinstance(opacity, dict) else None
        if not isinstance(keys, list) or not keys or not isinstance(keys[0], dict):
            return [lifetime] if keys is None or _first(keys, label) > 0 else []
        levels: list[tuple[float, float]] = []
        keys = _items(keys, label)
        for key in keys:
            level = _first(key.get("s", [levels[-1][1] if levels else 0]), label)
            levels.append((self._time(key.get("t"), place, label), level))
        if any(level not in {0, _PERCENT} for _, level in levels) or not all(key.get("h") for key in keys[:-1]):
            self.notes.append(f"The opacity of '{label}' fades; shapes are there or not: it shows where above zero.")
        return shown_spans(levels, lifetime)

    def _paths(
        self, items: Sequence[Mapping[str, Any]], place: _Place, lifetime: FrameRange, name: str, colour: RGB
    ) -> Iterator[Shape]:
        found = [item for item in items if not item.get("hd")]
        fill = next((item for item in found if item.get("ty") == "fl"), None)
        if fill is not None:
            colour = self._colour(fill, name)
        for item in reversed(found):
            if item.get("ty") == "gr":
                inside = _items(item.get("it"), name)
                moves = next((each for each in inside if each.get("ty") == "tr"), None)
                inner = place.inside(self._placed(moves, name)) if moves else place
                yield from self._paths(inside, inner, lifetime, name, colour)
            elif item.get("ty") == "sh":
                label = str(item.get("nm") or name)
                shape = self._shape(
                    label,
                    item.get("ks"),
                    place,
                    lifetime,
                    fallback=bool(item.get("closed", True)),
                    backwards=item.get("d") == 3,  # noqa: PLR2004 - the format's word for a path told from its end
                )
                yield replace(shape, colour=colour)
            elif str(item.get("ty")) not in {"fl", "st", "tr", "gf", "gs", "no"}:
                self.notes.append(f"Layer '{name}' has a part of the kind '{item.get('ty')}', which is left out.")

    def _shape(  # noqa: PLR0913 - what a path needs to be a shape
        self,
        name: str,
        path: Any,  # noqa: ANN401 - unchecked JSON
        place: _Place,
        lifetime: FrameRange,
        *,
        invert: bool = False,
        fallback: bool = True,
        backwards: bool = False,
    ) -> Shape:
        keys, closed = self._keys(path, place, name, fallback)
        if backwards:
            keys = [key._replace(points=_reversed(key.points)) for key in keys]
        counts = {len(key.points): key.time for key in keys}
        if len(counts) > 1:
            _refuse(
                f"path '{name}' has keys of {' and '.join(map(str, counts))} points, from frame {keys[0].time:g} on"
            )
        if min(counts) < _LEAST_COUNT:
            _refuse(f"path '{name}' has fewer than two points")
        frames, resampled = on_whole_frames(keys, f"path '{name}'")
        if resampled:
            self.notes.append(f"Path '{name}' moves with easing or between frames: it has keyframes in between.")
        return Shape(name, frames, lifetime, closed=closed, invert=invert)

    def _keys(self, path: Any, place: _Place, name: str, fallback: bool) -> tuple[list[Key], bool]:  # noqa: ANN401, FBT001
        value = path.get("k") if isinstance(path, dict) else None
        if isinstance(value, dict):
            points, closed = _outline(value, place, name, closed=fallback)
            return [Key(float(self.plate.frames.first), points)], closed
        if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
            _refuse(f"path '{name}' has no outline")
        keys: list[Key] = []
        closed = fallback
        arrival: Any = None
        for item in value:
            outline = _only(item["s"]) if item.get("s") else arrival
            if not isinstance(outline, dict):
                _refuse(f"path '{name}' has a key without an outline")
            points, closed = _outline(outline, place, name, closed=fallback)
            arrival = _only(item["e"]) if item.get("e") else arrival
            keys.append(Key(self._time(item.get("t"), place, name), points, bool(item.get("h")), _ease(item, name)))
        return keys, closed

    def _time(self, time: Any, place: _Place, name: str) -> float:  # noqa: ANN401 - unchecked JSON
        return place.start + place.stretch * _number(time, f"a time of '{name}'") + self.shift

    def _lifetime(self, layer: Mapping[str, Any], place: _Place, within: FrameRange) -> Optional[FrameRange]:
        name = str(layer.get("nm", "?"))
        first = math.ceil(self._time(layer.get("ip", 0), place, name) - 1e-6)
        last = math.ceil(self._time(layer.get("op", 0), place, name) - 1e-6) - 1
        if first > last:
            return None
        return FrameRange(first, last) if first <= within.last and last >= within.first else None

    def _chain(self, layer: Mapping[str, Any], known: Mapping[Any, Any], name: str) -> _Place:
        """Return the place of a layer under its parents."""
        place, seen = self._placed(_object(layer.get("ks"), name), name), {_mark(layer.get("ind"))}
        while layer.get("parent") is not None:
            layer = known.get(_mark(layer["parent"])) or {}
            if _mark(layer.get("ind")) in seen or not layer:
                _refuse(f"layer '{name}' hangs on parents that are missing or go round in a circle")
            seen.add(_mark(layer.get("ind")))
            place = self._placed(_object(layer.get("ks"), name), name).inside(place)
        return place

    def _placed(self, transform: Mapping[str, Any], name: str) -> _Place:
        """Return a transform that does not move: anchor to the origin, scale, skew, turn, then to its position."""
        ax, ay = self._still(transform.get("a"), [0, 0], name)[:2]
        sx, sy = (part / _PERCENT for part in self._still(transform.get("s"), [100, 100], name)[:2])
        position = _object(transform.get("p"), name)
        if position.get("s"):
            px, py = (self._still(position.get(axis), [0], name)[0] for axis in ("x", "y"))
        else:
            px, py = self._still(position, [0, 0], name)[:2]
        turn = math.radians(self._still(transform.get("r") or transform.get("rz"), [0], name)[0])
        skew = self._still(transform.get("sk"), [0], name)[0]
        if skew:
            _refuse(f"layer '{name}' is skewed, which is not read: draw it without skew")
        c, s = math.cos(turn), math.sin(turn)
        turned = _Place(c * sx, -s * sy, s * sx, c * sy)
        dx, dy = turned.vector(ax, ay)
        return replace(turned, x0=px - dx, y0=py - dy)

    def _still(self, value: Any, usual: list[float], name: str) -> list[float]:  # noqa: ANN401 - unchecked JSON
        if not isinstance(value, dict):
            return usual
        inner = value.get("k", usual)
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            keys = _items(inner, name)
            if len({json.dumps(_only(key.get("s"))) for key in keys if key.get("s") is not None}) > 1:
                _refuse(f"layer '{name}' moves as a whole, which is not read: bake its motion into its paths")
            inner = keys[0].get("s", usual)
        found = [
            _number(each, f"the transform of '{name}'") for each in (inner if isinstance(inner, list) else [inner])
        ]
        return [*found, *usual[len(found) :]]

    def _colour(self, fill: Mapping[str, Any], name: str) -> RGB:
        try:
            red, green, blue = self._still(fill.get("c"), list(_WHITE), name)[:3]
        except ValueError:  # it changes, and a shape has one colour
            self.notes.append(f"The colour of '{name}' changes; a shape has one colour: it is white.")
            return _WHITE
        return red, green, blue


def _once(shapes: Sequence[Shape]) -> list[Shape]:
    """Return shapes with those that cut several layers once, above the last that they cut."""
    found: dict[object, Shape] = {}
    for at, shape in enumerate(shapes):
        mark: object = (shape.name, shape.keyframes) if shape.invert else at
        before = found.pop(mark, shape).lifetime
        first, last = min(before.first, shape.lifetime.first), max(before.last, shape.lifetime.last)
        found[mark] = replace(shape, lifetime=FrameRange(first, last))
    return list(found.values())


def _outline(
    value: Mapping[str, Any], place: _Place, name: str, *, closed: bool
) -> tuple[tuple[ControlPoint, ...], bool]:
    points, into, out = ([_pair(each, name) for each in _list(value.get(key), name)] for key in ("v", "i", "o"))
    if not len(points) == len(into) == len(out):
        _refuse(f"path '{name}' has {len(points)} points but {len(into)} and {len(out)} tangents")
    made = []
    for (x, y), arrive, leave in zip(points, into, out):
        corner = not is_smooth(arrive, leave)
        made.append(ControlPoint(*place.point(x, y), *place.vector(*arrive), *place.vector(*leave), corner))
    return tuple(made), bool(value.get("c", closed))


def _reversed(points: Sequence[ControlPoint]) -> tuple[ControlPoint, ...]:
    return tuple(
        p._replace(in_x=p.out_x, in_y=p.out_y, out_x=p.in_x, out_y=p.in_y) for p in (points[0], *points[:0:-1])
    )


def _ease(item: Mapping[str, Any], name: str) -> Optional[Ease]:
    out, into = item.get("o"), item.get("i")
    if not isinstance(out, dict) or not isinstance(into, dict):
        return None
    numbers = [_first(handle.get(axis, 0), name) for handle in (out, into) for axis in ("x", "y")]
    return bezier_ease(*numbers)


def _list(value: Any, name: str) -> list[Any]:  # noqa: ANN401 - unchecked JSON
    if value is not None and not isinstance(value, list):
        _refuse(f"'{name}' has {type(value).__name__} where a list belongs")
    return value or []


def _items(value: Any, name: str) -> list[Mapping[str, Any]]:  # noqa: ANN401 - unchecked JSON
    """Return the objects of a list; what is none is passed over."""
    return [each for each in _list(value, name) if isinstance(each, dict)]


def _object(value: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401 - unchecked JSON
    if value is not None and not isinstance(value, dict):
        _refuse(f"'{name}' has {type(value).__name__} where an object belongs")
    return value or {}


def _mark(value: Any) -> Optional[str]:  # noqa: ANN401 - unchecked JSON
    """Return what names a layer or an asset, in a form that can be looked up."""
    return None if value is None else json.dumps(value)


def _only(value: Any) -> Any:  # noqa: ANN401 - unchecked JSON
    return value[0] if isinstance(value, list) and value else value


def _first(value: Any, name: str) -> float:  # noqa: ANN401 - unchecked JSON
    return _number(_only(value), f"a number of '{name}'")


def _pair(value: Any, name: str) -> tuple[float, float]:  # noqa: ANN401 - unchecked JSON
    if not isinstance(value, list) or len(value) < 2:  # noqa: PLR2004 - x and y
        _refuse(f"path '{name}' has a point that is no pair of numbers")
    return _number(value[0], name), _number(value[1], name)


def _number(value: Any, what: str) -> float:  # noqa: ANN401 - unchecked JSON
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not abs(value) <= sys.float_info.max:  # whole numbers of JSON may be longer than any float
        _refuse(f"{what} is not a finite number")
    return float(value)


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
