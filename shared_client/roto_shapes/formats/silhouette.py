"""Shapes as Silhouette imports them (.fxs, XML).

Positions lie about the picture's centre, y down, both axes divided by the picture's height and x times the pixel
aspect. Frames count from 0 at the session's first. docs/hosts/first-run.md lists what has not been seen in a licensed
Silhouette; each such thing is one constant here.
"""

from __future__ import annotations

from collections.abc import Iterator

from roto_shapes.formats.straight import StraightSink
from roto_shapes.formats.xml_text import comment, quoted
from roto_shapes.shape import ControlPoint, Shape
from roto_shapes.shot import FrameRange

HANDLES_IN_FIRST = True
"""A point of a Bezier is three places: itself, its handle towards the previous point, its handle towards the next."""

PAINTING, CUTTING = "Add", "Subtract"
"""Values of `mode`."""

DECIMALS = 6
"""Of every number, never with an exponent: Silhouette is said to refuse others. 0.001 px at 2160 lines."""

COMMENT = "Silhouette Shape File"
_WHOLE = 100.0


class SilhouetteSink(StraightSink):
    """Gathers shapes and gives them as one .fxs file; the last painted stands at the top of the list.

    `end_shape` raises ValueError for motions too long to be keyed anew.
    """

    host = "Silhouette"

    def text(self) -> str:
        """Return the file, the same for the same shapes."""
        plate, frames = self._plate, self._plate.frames
        made_by = comment(str(self._made_by)) + "\n" if self._made_by else ""
        head = (
            f'<Silhouette width="{plate.width}" height="{plate.height}" pixelAspect="{plate.pixel_aspect:.9g}" '
            f'workRangeStart="{frames.first}" workRangeEnd="{frames.last}" sessionStartFrame="{frames.first}">\n'
        )
        shapes = "".join(line + "\n" for shape in reversed(self._shapes) for line in self._shape(shape))
        return f"<!-- {COMMENT} -->\n{made_by}{head}{shapes}</Silhouette>\n"

    def _shape(self, shape: Shape) -> Iterator[str]:
        yield f'  <Shape type="Shape" label={quoted(shape.name)} shape_type="Bezier" hidden="False" locked="False">'
        yield "    <Properties>"
        yield f'      <Property id="outlineColor" constant="True"><Value>{_tuple(*shape.colour)}</Value></Property>'
        yield f'      <Property id="opacity"{self._opacity(shape.lifetime)}</Property>'
        mode = CUTTING if shape.invert else PAINTING
        yield f'      <Property id="mode" constant="True"><Value>{mode}</Value></Property>'
        yield '      <Property id="invert" constant="True"><Value>false</Value></Property>'
        yield '      <Property id="path">'
        for key in shape.keyframes:
            points = "".join(f"<Point>{self._point(point)}</Point>" for point in key.points)
            path = f'<Path closed="{shape.closed}" type="Bezier">{points}</Path>'
            yield f'        <Key frame="{key.frame - self._plate.frames.first}" interp="linear">{path}</Key>'
        yield "      </Property>"
        yield "    </Properties>"
        yield "  </Shape>"

    def _opacity(self, lifetime: FrameRange) -> str:
        """Return a property that is whole in a lifetime and nothing outside it, by held keys."""
        first, last = self._plate.frames.first, self._plate.frames.last
        if not lifetime.meets(self._plate.frames):
            return f' constant="True"><Value>{_number(0.0)}</Value>'
        keys = [(max(lifetime.first, first), _WHOLE)]
        if lifetime.first > first:
            keys.insert(0, (lifetime.first - 1, 0.0))
        if lifetime.last < last:
            keys.append((lifetime.last + 1, 0.0))
        if len(keys) == 1:
            return f' constant="True"><Value>{_number(_WHOLE)}</Value>'
        return ">" + "".join(
            f'<Key frame="{frame - first}" interp="hold">{_number(value)}</Key>' for frame, value in keys
        )

    def _point(self, point: ControlPoint) -> str:
        handles = [(point.in_x, point.in_y), (point.out_x, point.out_y)]
        if not HANDLES_IN_FIRST:
            handles.reverse()
        return ",".join(_tuple(*self._place(point.x + dx, point.y + dy)) for dx, dy in [(0.0, 0.0), *handles])

    def _place(self, x: float, y: float) -> tuple[float, float]:
        plate = self._plate
        return (x - plate.width / 2) / plate.height * plate.pixel_aspect, (y - plate.height / 2) / plate.height


def _tuple(*numbers: float) -> str:
    return f"({','.join(map(_number, numbers))})"


def _number(number: float) -> str:
    text = f"{number:.{DECIMALS}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text
