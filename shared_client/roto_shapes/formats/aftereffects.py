"""Shapes as a script for After Effects (.jsx), run by File > Scripts > Run Script File, that makes masks of them.

The script is ECMAScript 3 in ASCII: `apply_roto.js`, which a panel can use as well, and the shapes as one literal that
is JSON too. Nothing of a name is ever run. docs/hosts/first-run.md lists what has not been seen in After Effects.
"""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any, Optional

from roto_shapes.formats.straight import StraightSink, rounded, shown_from, straight
from roto_shapes.layers import BAKING_TOLERANCE_PX
from roto_shapes.shape import ControlPoint, MadeBy, Shape
from roto_shapes.shot import Plate

DECIMALS = 3
"""Of positions: a thousandth of a pixel."""

MOST_SLANT_DEG = 20.0
"""How far a feather may lean from the outline's normal: After Effects holds a width, which then is 6 % too small."""

_LEAST_FEATHER_PX = 0.01

_SCRIPT = """\
// Shapes for After Effects. Open the plate's composition, select its layer, then File > Scripts > Run Script File.
(function () {{
var DATA = {data};

{routine}
var env = {{
    app: app,
    Shape: Shape,
    MaskMode: MaskMode,
    KeyframeInterpolationType: KeyframeInterpolationType,
    MaskFeatherFalloff: MaskFeatherFalloff,
    TrackMatteType: typeof TrackMatteType === "undefined" ? null : TrackMatteType,
    layer: null,
    isComp: function (item) {{ return item instanceof CompItem; }},
    confirm: function (question) {{ return confirm(question); }}
}};
try {{
    var done = applyRoto(env, DATA);
    if (done.notes.length) {{
        alert(done.notes.join("\\n"));
    }}
}} catch (error) {{
    alert(error.message || String(error));
}}
}}());
"""


class JsxSink(StraightSink):
    """Gathers shapes and gives them as a script that makes a mask of each.

    `end_shape` raises ValueError for an open shape, which makes no matte, and for motions too long to be keyed anew.
    """

    host = "After Effects"

    def __init__(
        self, plate: Plate, made_by: Optional[MadeBy] = None, tolerance_px: float = BAKING_TOLERANCE_PX
    ) -> None:
        super().__init__(plate, made_by, tolerance_px)
        self._masks: list[dict[str, Any]] = []

    def _takes(self, shape: Shape) -> bool:
        """Say whether a shape is written: a first mask that subtracts would show all of the layer outside it."""
        if not shape.closed:
            message = f"shape '{shape.name}' is open, and an open mask makes no matte: close it or leave it out"
            raise ValueError(message)
        if shape.invert and not self._masks:
            self._notes.append(f"Shape '{shape.name}' cuts where there is nothing to cut: it is left out.")
            return False
        return True

    def _keep(self, shape: Shape) -> None:
        made, notes = straight(shape, self.host, self._tolerance_px, feather=True)
        self._notes += notes
        self._masks.append(self._mask(made))

    @property
    def masks(self) -> tuple[dict[str, Any], ...]:
        """Return the data of each mask, as the script has them: frames count from the plate's first."""
        return tuple(self._masks)

    def text(self) -> str:
        """Return the script: ASCII, an outline a line, the same for the same shapes."""
        routine = files("roto_shapes.formats").joinpath("apply_roto.js").read_text(encoding="ascii")
        plate = self._plate
        head = {
            "name": plate.name or "plate",
            "madeBy": "" if self._made_by is None else str(self._made_by),
            "width": plate.width,
            "height": plate.height,
            "pixelAspect": plate.pixel_aspect,
            "frameRate": plate.frame_rate,
            "firstFrame": plate.frames.first,
            "frameCount": len(plate.frames),
        }
        lines = [f"{_literal(key)}:{_literal(value)}," for key, value in head.items()]
        masks = ",\n".join(map(_mask_text, self._masks))
        data = "\n".join(["{", *lines, f'"masks":[\n{masks}]}}'])
        return _SCRIPT.format(data=data, routine=routine)

    def _mask(self, shape: Shape) -> dict[str, Any]:
        first = self._plate.frames.first
        return {
            "name": shape.name,
            "colour": [round(min(max(part, 0.0), 1.0), 6) for part in shape.colour],
            "cuts": shape.invert,
            "frames": [key.frame - first for key in shape.keyframes],
            "shown": self._shown(shape),
            "feather": self._feather(shape),
            "outlines": [
                [rounded(number, DECIMALS) for p in key.points for number in p[:6]] for key in shape.keyframes
            ],
        }

    def _shown(self, shape: Shape) -> list[list[int]]:
        """Return [frame, opacity] of a mask that is there in its lifetime alone, each held until the next."""
        frames = self._plate.frames
        return [[frame - frames.first, 100 * shown] for frame, shown in shown_from(shape.lifetime, frames)]

    def _feather(self, shape: Shape) -> list[list[float]]:
        """Return the width of each point's feather at each keyframe, below zero inwards; nothing if there is none."""
        if shape == shape.without_feather():
            return []
        rows = [_widths(key.points) for key in shape.keyframes]
        numbers = [number for row in rows for number in row]
        if any(map(math.isnan, numbers)) or min(numbers) < 0 < max(numbers):
            self._notes.append(
                f"Shape '{shape.name}' has feather that leans, or that lies on both sides of the outline, "
                f"which {self.host} does not hold: it is left out."
            )
            return []
        self._notes.append(
            f"Shape '{shape.name}' has feather: {self.host} gets its width at each point, and may round it in "
            "another way."
        )
        return [[rounded(number, DECIMALS) for number in row] for row in rows]


def _widths(points: tuple[ControlPoint, ...]) -> list[float]:
    """Return how far the feather reaches along the outline's normal at each point, NaN where it leans too far."""
    area = sum(p.x * q.y - q.x * p.y for p, q in zip(points, (*points[1:], points[0])))
    outwards = 1.0 if area > 0 else -1.0  # with y down an outline of positive area turns clockwise
    return [_width(point, points[at - 1], points[(at + 1) % len(points)], outwards) for at, point in enumerate(points)]


def _width(point: ControlPoint, before: ControlPoint, after: ControlPoint, outwards: float) -> float:
    dx, dy = point.feather or (0.0, 0.0)
    length = math.hypot(dx, dy)
    if length < _LEAST_FEATHER_PX:
        return 0.0
    into = _unit(-point.in_x, -point.in_y) or _unit(point.x - before.x, point.y - before.y)
    out = _unit(point.out_x, point.out_y) or _unit(after.x - point.x, after.y - point.y)
    along = _unit(*(a + b for a, b in zip(into or out or (0.0, 0.0), out or into or (0.0, 0.0))))
    if along is None:
        return math.nan
    normal = along[1] * outwards, -along[0] * outwards
    share = (dx * normal[0] + dy * normal[1]) / length
    return math.copysign(length, share) if abs(share) >= math.cos(math.radians(MOST_SLANT_DEG)) else math.nan


def _unit(x: float, y: float) -> Optional[tuple[float, float]]:
    length = math.hypot(x, y)
    return (x / length, y / length) if length else None


def _mask_text(mask: dict[str, Any]) -> str:
    *head, outlines = mask.items()
    rows = ",\n".join(map(_literal, outlines[1]))
    return "".join(["{", *(f"{_literal(key)}:{_literal(value)}," for key, value in head), f'"outlines":[\n{rows}]}}'])


def _literal(value: object) -> str:
    """Return a value as a literal of ECMAScript 3, which is JSON too.

    ExtendScript takes directives from `#` and from `//@`, and must find neither in a name.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("#", "\\u0023").replace("@", "\\u0040")
