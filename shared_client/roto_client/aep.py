"""After Effects projects (.aep), written and read by py-aep, an extra: masks with animated paths.

A project of ours has one composition of the plate's size, rate and first frame, with one white solid that bears all
masks. Of others the masks of the first composition that has any are read, where their layers place them.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, Optional

import py_aep
from py_aep.enums import KeyframeInterpolationType, MaskMode
from py_aep.models.properties.shape import Shape as Outline

from roto_shapes.curve import is_smooth
from roto_shapes.formats.aftereffects import JsxSink
from roto_shapes.formats.straight import unique_names
from roto_shapes.formats.timeline import MOST_FRAMES, Key, on_whole_frames, shown_spans
from roto_shapes.layers import BAKING_TOLERANCE_PX, Placement
from roto_shapes.reading import NOTHING_GIVEN, Given, Reading
from roto_shapes.shape import ControlPoint, Roto, Shape
from roto_shapes.shot import FrameRange, Plate
from roto_shapes.sink import draw

# What py-aep passes over in a project is no business of the artist's: without a handler Python would print it.
logging.getLogger("py_aep").addHandler(logging.NullHandler())

_PARADE, _MASK, _PATH, _LEVEL = "ADBE Mask Parade", "ADBE Mask Atom", "ADBE Mask Shape", "ADBE Mask Opacity"
_ANCHOR, _POSITION, _SCALE, _TURN = "ADBE Anchor Point", "ADBE Position", "ADBE Scale", "ADBE Rotate Z"
_UNREAD = {"ADBE Mask Feather": [0.0, 0.0], "ADBE Mask Offset": 0.0}
"""Properties of a mask that change how it draws, with what they are when they do not."""

_SNAP = 0.02
"""Part of a frame within which a key stands on it: projects count time in ticks of their own."""

_WHOLE = 100.0
_MOST_PARENTS = 50
_SQUARE = 1e-4


def encode(roto: Roto, tolerance_px: float = BAKING_TOLERANCE_PX) -> tuple[bytes, tuple[str, ...]]:
    """Return a project with the shapes as masks, and what the artist should know, a sentence each.

    Motion is kept as by `formats.export`. Raises ValueError for shapes that masks cannot be, and for sizes, rates and
    frames that no composition has.
    """
    soft = [shape.name for shape in roto.shapes if shape != shape.without_feather()]
    notes = [f"Shape '{name}' has feather, which is not written into projects: it is left out." for name in soft]
    sink = JsxSink(roto.plate, roto.made_by, tolerance_px)
    draw(replace(roto, shapes=tuple(shape.without_feather() for shape in roto.shapes)), sink)
    try:
        project = _project(roto, sink.masks)
    except (ValueError, TypeError) as error:
        message = f"After Effects has no composition like that: {error}"
        raise ValueError(message) from error
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "shapes.aep"
        project.save(place)
        return place.read_bytes(), (*notes, *sink.notes)


def decode(data: bytes, given: Given = NOTHING_GIVEN) -> Reading:
    """Return the plate and shapes of a project, in order of painting.

    Size, frames, rate and pixel aspect are the composition's unless given. Raises ValueError with a sentence for what
    is no project, and for masks whose keys differ in their number of points.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "read.aep"
        place.write_bytes(data)
        try:
            return _reading(place, given)
        except _RefusedError:
            raise
        except Exception as error:
            # Damage makes the package fail in as many ways as it has lines, and as late as values are asked for.
            said = " ".join(str(error).split())[:100] or type(error).__name__
            message = f"this is no project of After Effects that can be read ({said}): save it again there"
            raise ValueError(message) from error


class _RefusedError(ValueError):
    """A sentence of ours."""


def _reading(place: Path, given: Given) -> Reading:
    compositions = list(py_aep.parse(place).project.compositions)
    masked = [each for each in compositions if any(_masks(layer) for layer in each.layers)]
    if not masked:
        _refuse("no layer of this project has masks")
    reader = _Reader(masked[0], given)
    shapes = list(reader.shapes())
    names = unique_names([shape.name for shape in shapes])
    notes = [f"Composition '{each.name}' has masks too: those of '{masked[0].name}' are read." for each in masked[1:]]
    named = tuple(replace(shape, name=name) for shape, name in zip(shapes, names))
    return Reading(Roto(reader.plate, named), tuple(dict.fromkeys([*notes, *reader.notes])))


def _project(roto: Roto, masks: Sequence[dict[str, Any]]) -> Any:  # noqa: ANN401 - a project of py-aep
    plate, project = roto.plate, py_aep.new().project
    size = (plate.width, plate.height, plate.pixel_aspect)
    seconds = len(plate.frames) / plate.frame_rate
    comp = project.root_folder.add_comp(plate.name or "plate", *size, seconds, plate.frame_rate)
    comp.display_start_frame = plate.frames.first
    comp.comment = str(roto.made_by or "")
    parade: Any = comp.add_solid([1.0, 1.0, 1.0], "matte", *size, seconds).property(_PARADE)
    for data in masks:
        mask = parade.add_property(_MASK)
        mask.name, mask.color = data["name"] or "mask", list(data["colour"])
        mask.mask_mode = MaskMode.SUBTRACT if data["cuts"] else MaskMode.ADD
        outlines = [_outline(row) for row in data["outlines"]]
        _animate(mask.property(_PATH), data["frames"], outlines, comp.frame_rate, KeyframeInterpolationType.LINEAR)
        frames, levels = zip(*data["shown"])
        _animate(
            mask.property(_LEVEL), frames, list(map(float, levels)), comp.frame_rate, KeyframeInterpolationType.HOLD
        )
    return project


def _outline(row: Sequence[float]) -> Outline:
    points = [row[k : k + 6] for k in range(0, len(row), 6)]
    places, into, out = ([list(map(float, point[k : k + 2])) for point in points] for k in (0, 2, 4))
    return Outline(vertices=places, in_tangents=into, out_tangents=out)


def _animate(
    found: Any,  # noqa: ANN401 - a property of py-aep
    frames: Sequence[int],
    values: list[Any],
    rate: float,
    rule: KeyframeInterpolationType,
) -> None:
    if len(frames) == 1:
        found.value = values[0]
        return
    found.set_values_at_times([frame / rate for frame in frames], values)
    for key in found.keyframes:
        key.in_interpolation_type = key.out_interpolation_type = rule


def _masks(layer: Any) -> list[Any]:  # noqa: ANN401 - a layer of py-aep
    return list(getattr(layer, "masks", None) or [])


@dataclass
class _Reader:
    """Reads the masks of one composition; py-aep's own objects have no types worth the name."""

    comp: Any
    given: Given
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        comp, given = self.comp, self.given
        self.rate = float(comp.frame_rate)
        first = int(comp.display_start_frame) if given.frames is None else given.frames.first
        count = min(max(round(comp.duration * self.rate), 1), MOST_FRAMES)
        width, height = given.size or (comp.width, comp.height)
        self.plate = Plate(
            width, height, given.frames or FrameRange(first, first + count - 1), comp.name or "",
            given.pixel_aspect or float(comp.pixel_aspect), given.frame_rate or round(self.rate, 3),
        )  # fmt: skip

    def shapes(self) -> Iterator[Shape]:
        """Yield the shapes, the lowest first."""
        layers = [layer for layer in reversed(list(self.comp.layers)) if _masks(layer)]
        for layer in layers:
            place = self._place(layer, 0)
            if place is None:
                self.notes.append(
                    f"Layer '{layer.name}' moves, is turned in depth or has pixels of its own: its masks are left out."
                )
                continue
            for mask in _masks(layer):
                if len(layers) > 1 and mask.mask_mode == MaskMode.SUBTRACT:
                    self.notes.append(f"Mask '{mask.name}' cuts its own layer alone there, and all below it here.")
                yield from self._mask(mask, place)

    def _place(self, layer: Any, depth: int) -> Optional[Placement]:  # noqa: ANN401 - a layer
        """Return where a layer lies in the composition; None where that changes, or is not known."""
        parts = [layer.transform.property(name) for name in (_ANCHOR, _POSITION, _SCALE, _TURN)]
        still = not any(each.keyframes or each.expression_enabled or each.dimensions_separated for each in parts)
        source = getattr(layer, "source", None)
        aspect = getattr(source, "pixel_aspect", self.comp.pixel_aspect)
        if not still or getattr(layer, "three_d_layer", False) or abs(aspect - self.comp.pixel_aspect) > _SQUARE:
            return None
        (ax, ay), (px, py), (sx, sy) = (each.value[:2] for each in parts[:3])
        turn = math.radians(parts[3].value)
        if (turn and abs(self.comp.pixel_aspect - 1) > _SQUARE) or depth > _MOST_PARENTS:
            return None
        c, s, sx, sy = math.cos(turn), math.sin(turn), sx / _WHOLE, sy / _WHOLE
        xx, xy, yx, yy = c * sx, -s * sy, s * sx, c * sy
        own = Placement(xx, xy, px - xx * ax - xy * ay, yx, yy, py - yx * ax - yy * ay)
        if layer.parent is None:
            return own
        outer = self._place(layer.parent, depth + 1)
        return None if outer is None else outer.after(own)

    def _mask(self, mask: Any, place: Placement) -> Iterator[Shape]:  # noqa: ANN401 - a mask
        name = mask.name or "mask"
        if mask.mask_mode == MaskMode.NONE:
            self.notes.append(f"Mask '{name}' is switched off (mode None) and left out.")
            return
        self._tell(mask, name)
        path = mask.property(_PATH)
        keys = list(self._keys(path, name, place))
        counts = sorted({len(key.points) for key in keys})
        if len(counts) != 1 or counts[0] < 2:  # noqa: PLR2004 - fewer bound no area
            _refuse(f"mask '{name}' has keys of {' and '.join(map(str, counts))} points")
        frames, resampled = on_whole_frames(keys, f"mask '{name}'")
        if resampled or len(keys) > max(len(path.keyframes), 1):
            self.notes.append(f"Mask '{name}' moves with easing or between frames: it has keyframes in between.")
        closed = bool((path.keyframes[0] if path.keyframes else path).value.closed)
        shape = Shape(
            name, frames, self.plate.frames, closed, mask.mask_mode == MaskMode.SUBTRACT, colour=tuple(mask.color[:3])
        )
        for span in self._spans(mask.property(_LEVEL), name):
            yield replace(shape, lifetime=span)

    def _keys(self, path: Any, name: str, place: Placement) -> Iterator[Key]:  # noqa: ANN401 - a property
        """Yield the keys of a path by rising time, with one on each frame where it eases."""
        if not path.keyframes:
            yield Key(self.plate.frames.first, _points(path.value, place))
            return
        for key, after in zip(path.keyframes, [*path.keyframes[1:], None]):
            time = self._frame(key.time)
            holds = key.out_interpolation_type == KeyframeInterpolationType.HOLD
            yield Key(time, _points(key.value, place), holds)
            if after is None or holds:
                continue
            rules = {key.out_interpolation_type, after.in_interpolation_type}
            inside = range(math.floor(time) + 1, math.ceil(self._frame(after.time)))
            if KeyframeInterpolationType.BEZIER in rules:
                if len(inside) > MOST_FRAMES:
                    _refuse(f"mask '{name}' moves over more than {MOST_FRAMES} frames between two keys")
                for frame in inside:
                    seconds = (frame - self.plate.frames.first) / self.rate
                    yield Key(frame, _points(path.value_at_time(seconds), place))

    def _spans(self, level: Any, name: str) -> list[FrameRange]:  # noqa: ANN401 - a property
        keys = level.keyframes
        levels = [(self._frame(key.time), float(key.value)) for key in keys] or [
            (float(self.plate.frames.first), float(level.value))
        ]
        jumps = all(key.out_interpolation_type == KeyframeInterpolationType.HOLD for key in keys[:-1])
        if not jumps or any(value not in {0.0, _WHOLE} for _, value in levels):
            self.notes.append(f"The opacity of '{name}' fades; shapes are there or not: it shows where above zero.")
        return shown_spans(levels, self.plate.frames)

    def _tell(self, mask: Any, name: str) -> None:  # noqa: ANN401 - a mask
        if mask.inverted:
            self.notes.append(f"Mask '{name}' is inverted, which shapes do not know: it is read as it is drawn.")
        if mask.mask_mode not in {MaskMode.ADD, MaskMode.SUBTRACT}:
            self.notes.append(
                f"Mask '{name}' is in mode {MaskMode(mask.mask_mode).name.title()}, which shapes do not know: it adds."
            )
        for what, usual in _UNREAD.items():
            found = mask.property(what)
            if found is not None and (found.keyframes or found.value != usual):
                self.notes.append(f"The {what[5:].lower()} of '{name}' is not read: shapes do not have it.")

    def _frame(self, seconds: float) -> float:
        """Return the frame of a time of the composition, whole where it is meant to be."""
        frame = seconds * self.rate
        return self.plate.frames.first + (round(frame) if abs(frame - round(frame)) < _SNAP else frame)


def _points(outline: Any, place: Placement) -> tuple[ControlPoint, ...]:  # noqa: ANN401 - a value of a path
    rows = zip(outline.vertices, outline.in_tangents, outline.out_tangents)
    return tuple(
        place.point(ControlPoint(x, y, in_x, in_y, out_x, out_y, not is_smooth((in_x, in_y), (out_x, out_y))))
        for (x, y), (in_x, in_y), (out_x, out_y) in rows
    )


def _refuse(why: str) -> NoReturn:
    raise _RefusedError(why)
