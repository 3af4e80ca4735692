"""Silhouette's own places and frames, and those of the plate.

Silhouette's space has its origin in the middle of the session's picture, y down, both axes divided by its height;
properties count frames from 0 at the session's first. The session's own matrix says the former, so that a session with
another idea of pixels is right too.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, final

import fx

from roto_client.errors import HostError
from roto_shapes.shape import ControlPoint
from roto_shapes.shot import FrameRange, Plate


class PointLayout(NamedTuple):
    """Which item of a Bezier point's tuple is what; all three are absolute places."""

    into: int
    on: int
    out: int


USUAL_LAYOUT = PointLayout(0, 1, 2)
"""As public scripts have it; `learned_layout` asks the Silhouette that runs."""

_STEP = 0.01
"""How far along a curve its direction is looked at: far enough for a float32, near enough to be its tangent."""


@final
class World:
    """A session's space and count of frames."""

    def __init__(self, session: fx.Session, layout: PointLayout = USUAL_LAYOUT) -> None:
        matrix = session.imageToWorldTransform
        self._a, self._b, self._x = (matrix.value(0, column) for column in (0, 1, 3))
        self._c, self._d, self._y = (matrix.value(1, column) for column in (0, 1, 3))
        self._determinant = self._a * self._d - self._b * self._c
        self._layout = layout
        self.start = session.startFrame
        frames = FrameRange(self.start, self.start + max(session.duration, 1) - 1)
        self.plate = Plate(
            session.width, session.height, frames, session.label, session.pixelAspect, session.frameRate or 24.0
        )

    def index(self, frame: int) -> int:
        """Return a frame as properties count it."""
        return frame - self.start

    def to_world(self, x: float, y: float) -> fx.Point:
        """Return a place of the plate in Silhouette's space."""
        return fx.Point(self._a * x + self._b * y + self._x, self._c * x + self._d * y + self._y)

    def to_plate(self, point: fx.Point) -> tuple[float, float]:
        """Return a place of Silhouette's space on the plate, in pixels, y down."""
        x, y = point.x - self._x, point.y - self._y
        return (self._d * x - self._b * y) / self._determinant, (self._a * y - self._c * x) / self._determinant

    def point(self, point: ControlPoint) -> tuple[Any, ...]:
        """Return a control point as the tuple that a Bezier path takes."""
        made: list[Any] = [None, None, None]
        made[self._layout.into] = self.to_world(point.x + point.in_x, point.y + point.in_y)
        made[self._layout.on] = self.to_world(point.x, point.y)
        made[self._layout.out] = self.to_world(point.x + point.out_x, point.y + point.out_y)
        return tuple(made)

    def places(self, point: tuple[Any, ...]) -> tuple[tuple[float, float], ...]:
        """Return a point's tuple as incoming handle, place and outgoing handle on the plate."""
        return tuple(self.to_plate(point[item]) for item in self._layout)


def learned_layout() -> PointLayout:
    """Return which item of a point's tuple is what, by drawing a curve; HostError where none of the items fits."""
    shape = fx.Shape(fx.Shape.Bezier, "Rotolink")
    path = shape.createPath(0)
    first = (fx.Point(-0.1, 0.2), fx.Point(0.0, 0.0), fx.Point(0.3, 0.1))
    path.closed = True
    path.points = [first, (fx.Point(0.4, 0.4), fx.Point(0.5, 0.5), fx.Point(0.6, 0.6))]
    begin, soon = path.evalPoint(0.0), path.evalPoint(_STEP)
    on = next((item for item, place in enumerate(first) if _near(place, begin)), None)
    if on is None:
        raise HostError("This Silhouette keeps Bezier points in a way that is not known: please tell us its version.")
    rest = [item for item in range(3) if item != on]
    out = max(rest, key=lambda item: _along(first[on], first[item], soon))
    return PointLayout(next(item for item in rest if item != out), on, out)


def _near(one: fx.Point, other: fx.Point) -> bool:
    return abs(one.x - other.x) < _STEP / 2 and abs(one.y - other.y) < _STEP / 2


def _along(start: fx.Point, handle: fx.Point, place: fx.Point) -> float:
    """Return how far a place lies in the direction of a handle."""
    across, down = handle.x - start.x, handle.y - start.y
    return (across * (place.x - start.x) + down * (place.y - start.y)) / max(math.hypot(across, down), 1e-12)
