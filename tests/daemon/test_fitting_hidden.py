"""Outlines that mattes do not show whole: what is drawn behind the plate's border is held against the truth there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting import coverage, fit_shapes, shape_polyline
from roto_daemon.fitting.measure import boundary_error
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
WIDTH, HEIGHT = 320, 240
FRAMES = range(20)


def blob(x: float, y: float, radius: float = 50) -> Points:
    angle = np.linspace(0, 2 * math.pi, 400, endpoint=False)
    reach = radius * (1 + 0.15 * np.cos(3 * angle))
    return np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1)


def there_and_back(frame: int) -> Points:
    """Half out of the plate on the right in the middle of the clip, clear of the border at its ends."""
    return blob(240 + 9 * min(frame, FRAMES[-1] - frame), 120)


def test_an_object_half_out_of_the_plate_keeps_its_outline_outside_with_an_animators_keyframes() -> None:
    mattes = ((frame, coverage(there_and_back(frame), WIDTH, HEIGHT)) for frame in FRAMES)
    (shape,) = fit_shapes(mattes, Plate(WIDTH, HEIGHT, FrameRange(FRAMES[0], FRAMES[-1]))).roto.shapes
    assert len(shape.keyframes) <= 4
    for frame in FRAMES:
        # On a plate twice as wide everything is measured, what is out of the clip's own as well.
        error = boundary_error([shape_polyline(shape, frame)], [there_and_back(frame)], (2 * WIDTH, HEIGHT))
        assert error is not None
        assert error.max_px < 3
