"""How far the matte of a frame is to be trusted, whatever engine made it: one number, 0 to 1.

Below `LOOK_FIRST_BELOW` of `roto_shapes.shot` the artist is sent to the frame.

An engine knows how sure its model is, and how well the way back to the frame before agrees. What no model says of
itself is measured here on the mattes: an object that is suddenly larger or smaller than it has been, and one that
jumps. The four are multiplied, as each alone can spoil a frame.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# How much larger or smaller an object may become from frame to frame without a question: 2 % is a zoom.
_STEADY_GROWTH = 1.02
# Area over what it should be: up to the first the object is as large as it should be, from the second on nothing can be
# said. An overlap of 0.8 is lost by a fifth of the area; the half way stands a little below.
_LIKE, _UNLIKE = 0.9, 0.45
# Change of motion from one frame to the next, over the object's size (the root of its area): a bounce is 0.8.
_SMOOTH, _ERRATIC = 0.4, 1.6
# What a matte can have at the most while an object that was lost is not back in its old size.
_AFTER_LOSS = 0.45
_LEAST = 0.01


class Watch:
    """Judges the frames of one object in the order that they are followed in, from a frame that is vouched for.

    Without one, or where that is empty, the first frame that shows the object takes its place, and is not trusted.
    Masks are (height, width) at any one size; areas and motion count in proportion to the object.
    """

    def __init__(self, mask: NDArray[np.bool_] | None = None) -> None:
        self._area = 0.0 if mask is None else float(np.count_nonzero(mask))
        self._place = None if mask is None else middle(mask)
        self._pace: tuple[float, float] | None = None
        self._lost = False

    def judge(self, mask: NDArray[np.bool_], agreement: float = 1.0, score: float = 1.0) -> float:
        """Return the confidence of the next frame's mask; 0 for an empty one, which is an object lost.

        `agreement` is how well the frame and the one before say the same of each other, `score` the model's own
        opinion, both 0 to 1; 1 where an engine has none.
        """
        area, place = float(np.count_nonzero(mask)), middle(mask)
        if place is None:
            self._lost, self._place, self._pace = True, None, None
            return 0.0
        unknown = not self._area
        self._area = self._area or area
        alike = min(area, self._area) / max(area, self._area, 1.0)
        self._area = min(max(area, self._area / _STEADY_GROWTH), self._area * _STEADY_GROWTH)
        confidence = score * agreement * _ramp(alike, _UNLIKE, _LIKE) * self._smoothness(place, area)
        self._lost = self._lost and alike < _LIKE
        return min(max(confidence, _LEAST), _AFTER_LOSS if self._lost or unknown else 1.0)

    def _smoothness(self, place: tuple[float, float], area: float) -> float:
        """Return 1 for motion that goes on, down to 0 for a jump, and take note of where the object is."""
        pace = None if self._place is None else (place[0] - self._place[0], place[1] - self._place[1])
        before, self._place, self._pace = self._pace, place, pace
        if pace is None or before is None:
            return 1.0
        change = math.dist(pace, before) / math.sqrt(area)
        return 1 - _ramp(change, _SMOOTH, _ERRATIC)


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


def middle(mask: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Return x and y of a mask's middle; None for an empty one."""
    across, down = mask.sum(0, dtype=np.float64), mask.sum(1, dtype=np.float64)
    area = float(across.sum())
    return (float(across @ np.arange(across.size)) / area, float(down @ np.arange(down.size)) / area) if area else None
