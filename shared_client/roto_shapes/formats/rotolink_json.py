"""The public JSON of shapes: writer and reader. docs/reference/shapes-json.md tells what each key means.

A superset of a neutral interchange form: files with only the neutral keys read as well.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any, NoReturn, Optional

from roto_shapes.rekey import plain_to_smooth
from roto_shapes.shape import RGB, ControlPoint, Interpolation, Layer, LayerKeyframe, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate
from roto_shapes.sink import RecordingSink

FORMAT = "rotolink.shapes"
VERSION = 3
"""Newest version read. A file is written as the oldest that tells all it holds, so that older readers know it: 1
without layers, 2 with layers that move, turn and scale, 3 with layers that distort as well."""

PLAIN_SMOOTH_TOLERANCE_PX = 0.05
"""How closely keyframes for the neutral form's own smoothing are followed; a tenth of the default fitting bound."""

MAX_CHARACTERS = 64_000_000
"""Longest text read or written: parsed, it takes about a gigabyte."""

MAX_FRAMES = 1_000_000
"""Longest plate: eleven hours at 24 frames per second; every frame's number is written out."""

MAX_FRAME = 2**31 - 1
"""Largest frame number read, of either sign."""

_NUKE_RULE = "nuke"
_SHAPE_FLAGS = (("closed", True), ("invert", False))
_NO_OFFSET = [0.0, 0.0]
_QUOTE_LENGTH = 40


class JsonSink(RecordingSink):
    """Gathers shapes and gives them as one JSON text."""

    notes: tuple[str, ...] = ()
    """None: it holds shapes whole."""

    def __init__(self, plate: Plate, made_by: Optional[MadeBy] = None) -> None:
        super().__init__()
        self._plate = plate
        self._made_by = made_by

    def text(self) -> str:
        """Return the file: ASCII, one keyframe a line, the same for the same shapes.

        Raises ValueError for a text too long to be read again.
        """
        frames = self._plate.frames
        if frames.last - frames.first >= MAX_FRAMES:
            message = f"a plate of frames {frames} is longer than {MAX_FRAMES} frames: write a part of it"
            raise ValueError(message)
        layers = tuple(dict.fromkeys(shape.layer for shape in self.shapes if shape.layer is not None))
        head = {**_head(self._plate), **(_layers_head(layers) if layers else {})}
        if self._made_by is not None:
            head["made_by"] = {"engine": self._made_by.engine, "weights": self._made_by.weights}
        lines = ["{", *(f'"{key}": {_compact(value)},' for key, value in head.items())]
        shapes = ",\n".join(_shape_text(shape) for shape in self.shapes)
        lines.append(f'"shapes": [\n{shapes}\n]' if shapes else '"shapes": []')
        text = "\n".join([*lines, "}", ""])
        _require_length(text)
        return text


def read_roto(text: str) -> Roto:
    """Return the plate and shapes of a JSON text.

    Keys that are not known are passed over. Keyframes meant for the neutral form's own smoothing, which Nuke does
    not have, come back with further keyframes so that the motion stays (`rekey.plain_to_smooth`). Raises ValueError
    with a sentence that names the place, such as `shapes[2].keyframes[5].points[1].x`.
    """
    _require_length(text)
    try:
        document = json.loads(text.lstrip("\ufeff"), parse_constant=_refuse_constant)
    except RecursionError:
        message = "this is not a file of shapes: its brackets are nested too deeply"
        raise ValueError(message) from None
    except json.JSONDecodeError as error:
        message = f"this is not whole JSON text: {error.msg} in line {error.lineno}, column {error.colno}"
        raise ValueError(message) from None
    except ValueError as error:
        message = f"this is not JSON text: {error}"
        raise ValueError(message) from None
    root = _object(document, "the file")
    _require_version(root)
    plate = _read_plate(root)
    items = _list(_need(root, "shapes", ""), "shapes")
    made_by, layers = _read_made_by(root), _read_layers(root)
    shapes = [
        _on_layer(_read_shape(item, f"shapes[{n}]", plate), item, f"shapes[{n}]", layers)
        for n, item in enumerate(items)
    ]
    try:
        roto = Roto(plate, tuple(shapes), made_by)
    except ValueError as error:
        _refuse("shapes:", str(error))
    return replace(roto, shapes=tuple(_in_paint_order(shapes, root.get("combine", "order"))))


def _head(plate: Plate) -> dict[str, object]:
    return {
        "format": FORMAT,
        "version": 1,
        "width": plate.width,
        "height": plate.height,
        "frames": list(plate.frames),
        "plate": {
            "name": plate.name,
            "pixel_aspect": float(plate.pixel_aspect),
            "frame_rate": float(plate.frame_rate),
            "colour_space": plate.colour_space,
            "first": plate.frames.first,
            "last": plate.frames.last,
        },
        "combine": "order",
    }


def _layers_head(layers: tuple[Layer, ...]) -> dict[str, object]:
    values = [
        {
            "name": layer.name,
            "pivot": [float(number) for number in layer.pivot],
            "interpolation": layer.interpolation.value,
            "keyframes": [_layer_key_value(key, distorts=not layer.is_similarity) for key in layer.keyframes],
        }
        for layer in layers
    ]
    return {"version": 2 if all(layer.is_similarity for layer in layers) else VERSION, "layers": values}


def _layer_key_value(key: LayerKeyframe, *, distorts: bool) -> dict[str, object]:
    value: dict[str, object] = {
        "frame": key.frame,
        "x": float(key.x),
        "y": float(key.y),
        "rotation": float(key.rotation_deg),
        "scale": float(key.scale),
    }
    if distorts:
        value |= {
            "aspect": float(key.aspect),
            "skew": float(key.skew),
            "perspective": [float(number) for number in key.perspective],
        }
    return value


def _shape_text(shape: Shape) -> str:
    head: dict[str, object] = {
        "name": shape.name,
        "closed": shape.closed,
        "invert": shape.invert,
        "lifetime": [shape.lifetime.first, shape.lifetime.last],
        "interpolation": shape.interpolation.value,
        "colour": [float(part) for part in shape.colour],
    }
    if shape.interpolation is Interpolation.SMOOTH:
        head["smooth_rule"] = _NUKE_RULE
    if shape.layer is not None:
        head["layer"] = shape.layer.name
    keyframes = ",\n".join(_compact(_keyframe_value(keyframe)) for keyframe in shape.keyframes)
    return f'{_compact(head)[:-1]}, "keyframes": [\n{keyframes}\n]}}'


def _keyframe_value(keyframe: ShapeKeyframe) -> dict[str, object]:
    value: dict[str, object] = {"frame": keyframe.frame}
    if keyframe.locked:
        value["locked"] = True
    value["points"] = [_point_value(point) for point in keyframe.points]
    return value


def _point_value(point: ControlPoint) -> dict[str, object]:
    value: dict[str, object] = {
        "x": float(point.x),
        "y": float(point.y),
        "in": [float(point.in_x), float(point.in_y)],
        "out": [float(point.out_x), float(point.out_y)],
    }
    if point.corner:
        value["corner"] = True
    if point.feather is not None:
        value["feather"] = [float(part) for part in point.feather]
    return value


def _compact(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _require_length(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        message = f"a file of shapes has at most {MAX_CHARACTERS} characters, this has {len(text)}: split its shapes up"
        raise ValueError(message)


def _require_version(root: dict[str, Any]) -> None:
    if "format" not in root:
        return
    if root["format"] != FORMAT:
        _refuse("format", f"is {_quoted(root['format'])}, not '{FORMAT}': this is another kind of file")
    version = _whole(_need(root, "version", ""), "version")
    if version > VERSION:
        _refuse("version", f"is {version}, and this Rotolink reads up to {VERSION}: update Rotolink")
    if version < 1:
        _refuse("version", f"is {version}; versions count from 1")


def _read_plate(root: dict[str, Any]) -> Plate:
    facts = _object(root.get("plate", {}), "plate")
    width, height = (_whole(_need(root, key, ""), key) for key in ("width", "height"))
    frames = _read_frames(root, facts)
    name, colour_space = (_text(facts.get(key, ""), f"plate.{key}") for key in ("name", "colour_space"))
    pixel_aspect = _number(facts.get("pixel_aspect", 1.0), "plate.pixel_aspect")
    frame_rate = _number(facts.get("frame_rate", 24.0), "plate.frame_rate")
    try:
        return Plate(width, height, frames, name, pixel_aspect, frame_rate, colour_space)
    except ValueError as error:
        _refuse("plate:", str(error))


def _read_frames(root: dict[str, Any], facts: dict[str, Any]) -> FrameRange:
    items = _list(_need(root, "frames", ""), "frames")
    frames = [_frame(item, f"frames[{index}]") for index, item in enumerate(items)]
    if not frames:
        _refuse("frames", "is empty: a plate has one frame at least")
    for key, frame in (("first", min(frames)), ("last", max(frames))):
        if key in facts and _frame(facts[key], f"plate.{key}") != frame:
            _refuse(f"plate.{key}", f"is {facts[key]}, and the {key} of 'frames' is {frame}: they must agree")
    return FrameRange(min(frames), max(frames))


def _read_made_by(root: dict[str, Any]) -> Optional[MadeBy]:
    if "made_by" not in root:
        return None
    facts = _object(root["made_by"], "made_by")
    engine, weights = (_text(facts.get(key, ""), f"made_by.{key}") for key in ("engine", "weights"))
    return MadeBy(engine, weights)


def _read_shape(item: object, place: str, plate: Plate) -> Shape:
    value = _object(item, place)
    name = _text(_need(value, "name", place), f"{place}.name")
    closed, invert = (_flag(value.get(key, default), f"{place}.{key}") for key, default in _SHAPE_FLAGS)
    lifetime = _read_lifetime(value["lifetime"], f"{place}.lifetime") if "lifetime" in value else plate.frames
    interpolation = _choice(value.get("interpolation", "linear"), ("linear", "smooth"), f"{place}.interpolation")
    is_nuke = "smooth_rule" in value and bool(_choice(value["smooth_rule"], (_NUKE_RULE,), f"{place}.smooth_rule"))
    colour = _read_colour(value.get("colour", [1.0, 1.0, 1.0]), f"{place}.colour")
    items = _list(_need(value, "keyframes", place), f"{place}.keyframes")
    keyframes = tuple(_read_keyframe(key, f"{place}.keyframes[{index}]") for index, key in enumerate(items))
    try:
        shape = Shape(name, keyframes, lifetime, closed, invert, Interpolation(interpolation), colour)
        if shape.interpolation is Interpolation.SMOOTH and not is_nuke:
            return plain_to_smooth(shape, PLAIN_SMOOTH_TOLERANCE_PX)
    except ValueError as error:
        _refuse(f"{place}:", str(error))
    return shape


def _read_layers(root: dict[str, Any]) -> dict[str, Layer]:
    layers: dict[str, Layer] = {}
    for index, item in enumerate(_list(root.get("layers", []), "layers")):
        place = f"layers[{index}]"
        value = _object(item, place)
        name = _text(_need(value, "name", place), f"{place}.name")
        if name in layers:
            _refuse(f"{place}.name", f"is '{name}', which stands twice: names of layers must differ")
        pivot = _read_offset(value.get("pivot", _NO_OFFSET), f"{place}.pivot")
        rule = _choice(value.get("interpolation", "linear"), ("linear", "smooth"), f"{place}.interpolation")
        items = _list(_need(value, "keyframes", place), f"{place}.keyframes")
        keyframes = tuple(_read_layer_key(key, f"{place}.keyframes[{k}]") for k, key in enumerate(items))
        try:
            layers[name] = Layer(name, keyframes, pivot, Interpolation(rule))
        except ValueError as error:
            _refuse(f"{place}:", str(error))
    return layers


def _read_layer_key(item: object, place: str) -> LayerKeyframe:
    value = _object(item, place)
    frame = _frame(_need(value, "frame", place), f"{place}.frame")
    still = {"x": 0.0, "y": 0.0, "rotation": 0.0, "scale": 1.0, "aspect": 1.0, "skew": 0.0}
    x, y, turn, scale, aspect, skew = (_number(value.get(key, rest), f"{place}.{key}") for key, rest in still.items())
    perspective = _read_offset(value.get("perspective", _NO_OFFSET), f"{place}.perspective")
    try:
        return LayerKeyframe(frame, x, y, turn, scale, aspect, skew, perspective)
    except ValueError as error:
        _refuse(f"{place}:", str(error))


def _on_layer(shape: Shape, item: object, place: str, layers: dict[str, Layer]) -> Shape:
    value = _object(item, place)
    if "layer" not in value:
        return shape
    name = _text(value["layer"], f"{place}.layer")
    if name not in layers:
        _refuse(f"{place}.layer", f"is '{name}', and 'layers' holds no such layer")
    try:
        return replace(shape, layer=layers[name])
    except ValueError as error:
        _refuse(f"{place}:", str(error))


def _read_keyframe(item: object, place: str) -> ShapeKeyframe:
    value = _object(item, place)
    frame = _frame(_need(value, "frame", place), f"{place}.frame")
    locked = _flag(value.get("locked", False), f"{place}.locked")
    points = _list(_need(value, "points", place), f"{place}.points")
    return ShapeKeyframe(
        frame, tuple(_read_point(point, f"{place}.points[{index}]") for index, point in enumerate(points)), locked
    )


def _read_point(item: object, place: str) -> ControlPoint:
    value = _object(item, place)
    x, y = (_number(_need(value, key, place), f"{place}.{key}") for key in ("x", "y"))
    in_x, in_y = _read_offset(value.get("in", _NO_OFFSET), f"{place}.in")
    out_x, out_y = _read_offset(value.get("out", _NO_OFFSET), f"{place}.out")
    corner = _flag(value.get("corner", False), f"{place}.corner")
    feather = _read_offset(value["feather"], f"{place}.feather") if "feather" in value else None
    return ControlPoint(x, y, in_x, in_y, out_x, out_y, corner, feather)


def _read_offset(item: object, place: str) -> tuple[float, float]:
    dx, dy = _list(item, place, length=2)
    return _number(dx, f"{place}[0]"), _number(dy, f"{place}[1]")


def _read_colour(item: object, place: str) -> RGB:
    red, green, blue = _list(item, place, length=3)
    return _number(red, f"{place}[0]"), _number(green, f"{place}[1]"), _number(blue, f"{place}[2]")


def _read_lifetime(item: object, place: str) -> FrameRange:
    first, last = (_frame(frame, f"{place}[{index}]") for index, frame in enumerate(_list(item, place, length=2)))
    try:
        return FrameRange(first, last)
    except ValueError as error:
        _refuse(f"{place}:", str(error))


def _in_paint_order(shapes: list[Shape], combine: object) -> list[Shape]:
    if combine == "order":
        return shapes
    names = [_text(item, f"combine[{index}]") for index, item in enumerate(_list(combine, "combine"))]
    by_name = {shape.name: shape for shape in shapes}
    if sorted(names) != sorted(shape.name for shape in shapes):
        _refuse("combine", "must be 'order' or name every shape once")
    return [by_name[name] for name in names]


def _need(value: dict[str, Any], key: str, place: str) -> object:
    if key not in value:
        _refuse(f"{place}.{key}" if place else key, "is missing")
    return value[key]


def _object(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(place, f"must be an object in braces, and is {_quoted(value)}")
    return value


def _list(value: object, place: str, length: Optional[int] = None) -> list[Any]:
    if not isinstance(value, list):
        _refuse(place, f"must be a list in brackets, and is {_quoted(value)}")
    if length is not None and len(value) != length:
        _refuse(place, f"must hold {length} numbers, and holds {len(value)}")
    return value


def _number(value: object, place: str) -> float:
    # bool is an int to Python, not to JSON.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(place, f"must be a number, and is {_quoted(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        _refuse(place, "is too large a number")
    return number


def _whole(value: object, place: str) -> int:
    number = _number(value, place)
    if not number.is_integer():
        _refuse(place, f"must be a whole number, and is {_quoted(value)}")
    return int(number)


def _frame(value: object, place: str) -> int:
    frame = _whole(value, place)
    if abs(frame) > MAX_FRAME:
        _refuse(place, f"is {frame}: frames lie between -{MAX_FRAME} and {MAX_FRAME}")
    return frame


def _flag(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        _refuse(place, f"must be true or false, and is {_quoted(value)}")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        _refuse(place, f"must be a text in quotes, and is {_quoted(value)}")
    return value


def _choice(value: object, known: tuple[str, ...], place: str) -> str:
    if value not in known:
        _refuse(place, f"must be {' or '.join(map(repr, known))}, and is {_quoted(value)}")
    return str(value)


def _quoted(value: object) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value)
    return text if len(text) <= _QUOTE_LENGTH else f"{text[:_QUOTE_LENGTH]}..."


def _refuse(place: str, why: str) -> NoReturn:
    message = f"{place} {why}"
    raise ValueError(message)


def _refuse_constant(name: str) -> NoReturn:
    message = f"it holds {name}, which is no number in JSON"
    raise ValueError(message)
