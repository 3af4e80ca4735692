"""Outlines that mattes do not show whole: what is drawn behind the border or an occluder is held against the truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.errors import FitError
from roto_daemon.fitting import coverage, fit_shapes, shape_polyline
from roto_daemon.fitting.measure import boundary_error
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
Matte = NDArray[np.float32]
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


def walking(frame: int) -> Points:
    """Pass the bar from left to right; the legs of the motion are keyed at both ends and in the middle."""
    middle = FRAMES[-1] // 2
    return blob(44 + 12 * frame, 110 + 3 * abs(frame - middle), 34)


def bar(width: float) -> Callable[[int], Matte]:
    def occluder(frame: int) -> Matte:
        del frame
        left = 160 - width / 2
        corners = np.array([[left, 0], [left + width, 0], [left + width, HEIGHT], [left, HEIGHT]], float)
        return coverage(corners, WIDTH, HEIGHT)

    return occluder


def hidden_from(truth: Callable[[int], Points], occluder: Callable[[int], Matte]) -> Iterator[tuple[int, Matte]]:
    for frame in FRAMES:
        yield frame, coverage(truth(frame), WIDTH, HEIGHT) * (1 - occluder(frame))


PLATE = Plate(WIDTH, HEIGHT, FrameRange(FRAMES[0], FRAMES[-1]))


@pytest.mark.parametrize("width", [20, 50, 100], ids=["cut in two", "cut", "wholly hidden for frames"])
def test_an_object_that_passes_behind_a_bar_is_one_shape_with_its_own_edge_behind_it(width: float) -> None:
    result = fit_shapes(hidden_from(walking, bar(width)), PLATE, occluder=bar(width))
    (shape,) = result.roto.shapes
    assert shape.lifetime == FrameRange(FRAMES[0], FRAMES[-1])
    assert len(shape.keyframes) <= 4
    for frame in FRAMES:
        error = boundary_error([shape_polyline(shape, frame)], [walking(frame)], (WIDTH, HEIGHT))
        assert error is not None
        assert error.max_px < 4
    assert max(error.max_px for error in result.report.frames) < 2


def test_without_its_occluder_an_object_that_a_bar_hides_falls_into_shapes() -> None:
    assert len(fit_shapes(hidden_from(walking, bar(100)), PLATE).roto.shapes) > 1


def test_an_object_that_an_occluder_still_cuts_at_the_end_is_one_shape() -> None:
    def stopping(frame: int) -> Points:
        return walking(min(frame, 11))

    result = fit_shapes(hidden_from(stopping, bar(16)), PLATE, occluder=bar(16))
    (shape,) = result.roto.shapes
    assert shape.lifetime == FrameRange(FRAMES[0], FRAMES[-1])


def test_an_occluder_of_another_size_is_refused() -> None:
    def small(frame: int) -> Matte:
        return bar(20)(frame)[::2, ::2]

    with pytest.raises(FitError, match="the occluder of frame 0 is 160x120 pixels and the mattes 320x240"):
        fit_shapes(hidden_from(walking, bar(20)), PLATE, occluder=small)
