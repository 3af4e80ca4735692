"""Shapes as a script that builds a mask in Blender: open it in the Text editor and run it, or `blender -P`.

Positions are those of a mask that lies on a clip of the plate: y up, 0.5 in the middle, both axes divided by the
picture's larger side, pixels as wide as they are. docs/hosts/first-run.md lists what has not been seen in Blender.
"""

from __future__ import annotations

import json
from typing import Any

from roto_shapes.formats.straight import StraightSink, unique_names
from roto_shapes.shape import ControlPoint, Shape

PAINTING, CUTTING = "MERGE_ADD", "MERGE_SUBTRACT"
"""Values of `blend` of a layer of the mask."""

DECIMALS = 7
"""Of positions: 0.001 px at 8192."""

LONGEST_NAME = 63
"""Bytes of a name in Blender; longer ones are cut off there, and then no longer found."""

_HEAD = '''"""A mask of animated shapes, by Rotolink. Run it in Blender: it adds the mask and changes nothing else."""

import json

import bpy

DATA = json.loads(
    r"""
'''
_TAIL = '''
"""
)


def build(data):
    """Return a new mask of the data: a layer a shape, each key of each point on its frame."""
    mask = bpy.data.masks.new(name=data["name"])
    mask.frame_start, mask.frame_end = data["frames"]
    for shape in data["shapes"]:
        layer = mask.layers.new(name=shape["name"])
        layer.blend = shape["blend"]
        spline = layer.splines.new()
        spline.use_cyclic = True
        spline.points.add(len(shape["keys"][0]["points"]) - len(spline.points))  # a new one may have a point
        for point in spline.points:
            point.handle_left_type = "FREE"
            point.handle_right_type = "FREE"
        path = 'layers["%s"]' % bpy.utils.escape_identifier(layer.name)
        for key in shape["keys"]:
            for index, (co, left, right) in enumerate(key["points"]):
                point = spline.points[index]
                point.co, point.handle_left, point.handle_right = co, left, right
                if len(shape["keys"]) > 1:
                    for name in ("co", "handle_left", "handle_right"):
                        where = "%s.splines[0].points[%d].%s" % (path, index, name)
                        mask.keyframe_insert(data_path=where, frame=key["frame"])
        for frame, level in shape["levels"]:
            layer.alpha = level
            if len(shape["levels"]) > 1:
                mask.keyframe_insert(data_path=path + ".alpha", frame=frame)
    return mask


def straighten(mask):
    """Join the keys of a mask by straight lines; Blender gives new ones an easing, whatever its preferences say."""
    animation = mask.animation_data
    if animation is None or animation.action is None:
        return
    action = animation.action
    if hasattr(action, "fcurves"):
        curves = action.fcurves
    else:  # from Blender 5.0 on
        curves = action.layers[0].strips[0].channelbag(animation.action_slot).fcurves
    for curve in curves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"


straighten(build(DATA))
'''


class BlenderSink(StraightSink):
    """Gathers shapes and gives them as one script for Blender.

    `end_shape` raises ValueError for an open shape, and for motions too long to be keyed anew.
    """

    host = "Blender"

    def _takes(self, shape: Shape) -> bool:
        """Say whether a shape is written."""
        if not shape.closed:
            message = f"shape '{shape.name}' is open, and an open outline fills nothing: close it or leave it out"
            raise ValueError(message)
        return True

    def text(self) -> str:
        """Return the script: ASCII, a shape a line, the same for the same shapes.

        What artists typed stands in it as JSON in a raw text, whose three quotes no JSON can hold: none of it is run.
        """
        frames = self._plate.frames
        head: dict[str, Any] = {"name": "Rotolink", "plate": self._plate.name}
        head["made_by"] = str(self._made_by or "")
        head["frames"] = [max(frames.first, 0), max(frames.last, 0)]  # Blender's own start and end are never negative
        names = unique_names([_short(shape.name) for shape in self._shapes])
        shapes = ",\n".join(_compact(self._shape(name, shape)) for name, shape in zip(names, self._shapes))
        return f'{_HEAD}{_compact(head)[:-1]},"shapes":[\n{shapes}]}}{_TAIL}'

    def _shape(self, name: str, shape: Shape) -> dict[str, Any]:
        keys = [{"frame": key.frame, "points": [self._point(point) for point in key.points]} for key in shape.keyframes]
        return {
            "name": name,
            "blend": CUTTING if shape.invert else PAINTING,
            "levels": self._levels(shape),
            "keys": keys,
        }

    def _levels(self, shape: Shape) -> list[tuple[int, int]]:
        """Return (frame, opacity) joined by lines, so that a shape is there in its lifetime alone."""
        first, last = shape.lifetime.first, shape.lifetime.last
        before = [(first - 1, 0)] if first > self._plate.frames.first else []
        after = [(last + 1, 0)] if last < self._plate.frames.last else []
        return [*before, (first, 1), (last, 1), *after] if before or after else [(first, 1)]

    def _point(self, point: ControlPoint) -> list[list[float]]:
        offsets = ((0.0, 0.0), (point.in_x, point.in_y), (point.out_x, point.out_y))
        return [self._place(point.x + dx, point.y + dy) for dx, dy in offsets]

    def _place(self, x: float, y: float) -> list[float]:
        width, height = self._plate.width, self._plate.height / self._plate.pixel_aspect
        larger = max(width, height)
        across = (x / self._plate.width - 0.5) * width / larger + 0.5
        up = (0.5 - y / self._plate.height) * height / larger + 0.5
        return [round(across, DECIMALS), round(up, DECIMALS)]


def _short(name: str) -> str:
    """Return what fits into a name in Blender, with room for a number that makes it unique."""
    return name.encode()[: LONGEST_NAME - 5].decode(errors="ignore")


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
