"""Shapes in a Roto node: each object a layer of its own, Bezier shapes inside, lifetimes by opacity.

A layer is built whole before it is put into the node, so that a Silhouette that refuses something has an unchanged
script. Whether paths that Silhouette hands out are copies is not known: every key gets a path of its own, and what is
read is copied at once, which is right either way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import fx

from roto_client.errors import HostError
from roto_shapes.curve import is_smooth
from roto_shapes.formats.timeline import shown_spans
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange
from roto_silhouette.world import World

PATH, OPACITY, MODE, OBJECTS = "path", "opacity", "mode", "objects"
"""Ids of properties."""
PAINTS, CUTS = "Add", "Subtract"
"""Values of `mode`."""
FULL = 100.0
"""Opacity of a shape that is there."""
NO_KEY = -1
"""What `getKeyIndex` gives where there is no key."""
FIRST_ON_TOP = True
"""Whether the first of the objects that are added lies on top of the list, and paints last."""

_OWN = "rotolink"
_SAME = 1e-6


def build(world: World, roto: Roto, group: str) -> fx.Layer:
    """Return a layer with shapes that belongs to no node yet."""
    layer = fx.Layer(group)
    shapes: list[fx.Object] = [_built(world, shape) for shape in roto.shapes]
    property_of(layer, OBJECTS).addObjects(shapes[::-1] if FIRST_ON_TOP else shapes)
    return layer


def read(world: World, layer: fx.Object) -> tuple[Shape, ...]:
    """Return the shapes of a layer in paint order; HostError names one that ours cannot hold."""
    children = list(layer.children)
    return tuple(_read(world, child) for child in (children[::-1] if FIRST_ON_TOP else children))


def layer_of(node: fx.Object, group: str) -> fx.Object | None:
    """Return the layer of an object; None when the node has none."""
    return next((child for child in node.children if child.type == "Layer" and child.label == group), None)


def property_of(thing: fx.Object, name: str) -> fx.Property:
    """Return a property that every object of its kind has."""
    found = thing.property(name)
    if found is None:
        raise HostError(f"'{thing.label}' has no property '{name}' in this Silhouette: please tell us its version.")
    return found


def outline_on(world: World, shape: fx.Object, frame: int) -> tuple[ControlPoint, ...]:
    """Return a Bezier shape's points on a frame."""
    _require_plain(shape, [world.index(frame)])
    return _points(world, shape, world.index(frame))


def _built(world: World, shape: Shape) -> fx.Shape:
    if not shape.closed:
        raise HostError(f"'{shape.name}' is open, and an open outline makes no matte: close it or leave it out.")
    if shape.layer is not None:
        raise HostError(f"'{shape.name}' moves on a layer: fit it without layers.")
    made = fx.Shape(fx.Shape.Bezier, shape.name)
    made.createPath(world.index(shape.keyframes[0].frame))
    for key in shape.keyframes:
        index = world.index(key.frame)
        path = fx.Shape(fx.Shape.Bezier, shape.name).createPath(index)
        path.closed = True
        path.points = [world.point(point) for point in key.points]
        _set(property_of(made, PATH), [(index, path)])
    _live(world, made, shape.lifetime)
    property_of(made, MODE).setValue(CUTS if shape.invert else PAINTS)
    colour = made.property("outlineColor")
    if colour is not None:
        colour.setValue(fx.Color(*shape.colour))
    own = fx.Property(_OWN, "Rotolink", json.dumps({"colour": shape.colour}))
    own.hidden = True
    made.addProperty(own)
    return made


def _live(world: World, made: fx.Shape, lifetime: FrameRange) -> None:
    """Let a shape be there on its frames alone: full opacity, and none on the frames just before and after."""
    birth, death = world.index(lifetime.first), world.index(lifetime.last)
    last = len(world.plate.frames) - 1
    keys = {0: FULL if birth <= 0 else 0.0}
    if birth > 0:
        keys.update({birth - 1: 0.0, birth: FULL})
    if death < last:
        keys.update({max(death, 0): FULL if death >= 0 else 0.0, max(death + 1, 0): 0.0})
    opacity = property_of(made, OPACITY)
    if set(keys.values()) == {FULL}:
        return
    opacity.constant = False
    _set(opacity, sorted(keys.items()))


def _set(prop: fx.Property, values: Sequence[tuple[int, Any]]) -> None:
    """Set keys, in the one way that public scripts are known to work by."""
    editor = fx.PropertyEditor(prop)
    for index, value in values:
        editor.setValue(value, index)
    editor.execute()


def _read(world: World, child: fx.Object) -> Shape:
    if not isinstance(child, fx.Shape):
        raise HostError(f"'{child.label}' in the layer is no shape: move it out of the layer.")
    path = property_of(child, PATH)
    indices = [world.index(frame) for frame in world.plate.frames]
    keyed = [index for index in indices if path.getKeyIndex(index) != NO_KEY] or [0]
    _require_plain(child, keyed)
    keyframes = [ShapeKeyframe(index + world.start, _points(world, child, index)) for index in keyed]
    counts = sorted({len(key.points) for key in keyframes})
    if len(counts) > 1:
        raise HostError(
            f"'{child.label}' has {' and '.join(map(str, counts))} points on different keys: make them alike."
        )
    opacity = property_of(child, OPACITY)
    levels = [(float(index + world.start), float(opacity.getValue(index))) for index in indices]
    spans = shown_spans(levels, world.plate.frames)
    if len(spans) != 1:
        raise HostError(f"'{child.label}' comes and goes {len(spans)} times: make a shape for each time.")
    mode = property_of(child, MODE).getValue()
    if mode not in {PAINTS, CUTS}:
        raise HostError(f"'{child.label}' is blended by '{mode}': choose {PAINTS} or {CUTS}.")
    colour = _colour(child)
    return Shape(child.label, tuple(keyframes), spans[0], invert=mode == CUTS, colour=colour)


def _require_plain(child: fx.Object, indices: Sequence[int]) -> None:
    if isinstance(child, fx.Shape) and child.shapeType != fx.Shape.Bezier:
        raise HostError(f"'{child.label}' is a B-spline or X-spline: convert it to Bezier first.")
    for index in indices:
        matrix = child.getTransform(index)
        if any(abs(matrix.value(r, c) - (r == c)) > _SAME for r in range(4) for c in range(4)):
            raise HostError(f"'{child.label}' is moved by a transform: bake it into the points first.")


def _points(world: World, child: fx.Object, index: int) -> tuple[ControlPoint, ...]:
    if not isinstance(child, fx.Shape):
        raise HostError(f"'{child.label}' is no shape: select a Bezier shape.")
    points = []
    for given in list(child.evalPath(index).points):
        (ix, iy), (x, y), (ox, oy) = world.places(given)
        into, out = (ix - x, iy - y), (ox - x, oy - y)
        points.append(ControlPoint(x, y, *into, *out, corner=not is_smooth(into, out)))
    return tuple(points)


def _colour(child: fx.Object) -> tuple[float, float, float]:
    own = child.property(_OWN)
    try:
        red, green, blue = (
            (float(part) for part in json.loads(str(own.getValue()))["colour"]) if own else (1.0, 1.0, 1.0)
        )
    except (ValueError, KeyError, TypeError):
        return 1.0, 1.0, 1.0
    return red, green, blue
