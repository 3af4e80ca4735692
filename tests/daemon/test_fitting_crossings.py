"""Outlines never cross themselves where the mattes do not, on any frame, whatever moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from roto_daemon.fitting import FitOptions, coverage, fit_shapes
from roto_shapes.curve import evaluate, flatten
from roto_shapes.shape import ControlPoint, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
SIZE = 125, 120


@dataclass(frozen=True)
class Star:
    """A jagged outline, all of it seen from its center, so that it never crosses itself; it goes from pose to pose."""

    angles: tuple[float, ...]
    """Where each tip stands off its even place, in turns between neighbours."""
    radii: tuple[float, ...]
    later_radii: tuple[float, ...]
    turn: float
    """Radians from the first frame to the last."""
    frames: int
    hard: bool
    """Whether its masks say yes or no for each pixel."""

    def outline(self, frame: int) -> Points:
        share = frame / (self.frames - 1)
        count = len(self.angles)
        angle = (np.arange(count) + np.array(self.angles)) * 2 * math.pi / count + self.turn * share
        reach = (1 - share) * np.array(self.radii) + share * np.array(self.later_radii)
        placed: Points = np.stack([60 + 4 * share + reach * np.cos(angle), 60 + reach * np.sin(angle)], axis=1)
        return placed

    def matte(self, frame: int) -> NDArray[np.float32]:
        covered = coverage(self.outline(frame), *SIZE)
        return np.asarray(covered > 0.5, np.float32) if self.hard else covered


@st.composite
def stars(draw: st.DrawFn) -> Star:
    count = draw(st.integers(5, 9))
    angles = st.tuples(*[st.floats(-0.3, 0.3)] * count)
    radii = st.tuples(*[st.floats(15, 46)] * count)
    turn, frames, hard = st.floats(-0.3, 0.3), st.integers(4, 6), st.booleans()
    return Star(draw(angles), draw(radii), draw(radii), draw(turn), draw(frames), draw(hard))


def crossings(shape: Shape, frame: int) -> int:
    """Return how many pairs of pieces of the outline cross, each tried against each."""
    line = np.array(flatten(evaluate(shape, frame), 0.01), float)
    start, run = line, np.roll(line, -1, axis=0) - line
    apart = start[None] - start[:, None]
    across = run[:, None, 0] * run[None, :, 1] - run[:, None, 1] * run[None, :, 0]
    safe = np.where(across == 0, np.inf, across)
    here = (apart[..., 0] * run[None, :, 1] - apart[..., 1] * run[None, :, 0]) / safe
    there = (apart[..., 0] * run[:, None, 1] - apart[..., 1] * run[:, None, 0]) / safe
    meet = (here > 0) & (here < 1) & (there > 0) & (there < 1) & (across != 0)
    return int(np.triu(meet, 2).sum())


def assert_never_crosses(star: Star, tolerance_px: float) -> None:
    mattes = ((frame, star.matte(frame)) for frame in range(star.frames))
    result = fit_shapes(mattes, Plate(*SIZE, FrameRange(0, star.frames - 1)), FitOptions(tolerance_px))
    for shape in result.roto.shapes:
        assert not any(crossings(shape, frame) for frame in range(star.frames))
    assert result.report.crossing_frames == ()


@given(star=stars(), tolerance_px=st.sampled_from([0.3, 0.5, 1.0]))
@settings(max_examples=5, deadline=None, phases=[Phase.generate])
def test_no_outline_crosses_itself_where_the_mattes_do_not(star: Star, tolerance_px: float) -> None:
    assert_never_crosses(star, tolerance_px)


TANGLED = [
    Star(
        (0.3, -0.15, 0.1, 0.23, 0.33, -0.24, 0.0),
        (38, 24, 46, 18, 36, 30, 28),
        (46, 39, 18, 40, 42, 30, 13),
        0.4,
        4,
        hard=False,
    ),
    Star(
        (0.26, 0.29, 0.09, 0.04, 0.27, 0.07, -0.15),
        (26, 20, 32, 33, 19, 26, 13),
        (32, 17, 46, 36, 45, 16, 22),
        0.2,
        6,
        hard=False,
    ),
    Star(
        (0.3, -0.24, -0.18, 0.23, 0.06, 0.18, -0.35),
        (25, 22, 25, 38, 18, 31, 38),
        (46, 46, 39, 37, 24, 43, 14),
        -0.2,
        6,
        hard=True,
    ),
]
"""Found by the test above with wilder stars: tangents turned round or past their segment, lost corners."""

COARSE = Star(
    (0.197, 0.2407, 0.0386, 0.3091, -0.3372, 0.2724, -0.0772, -0.1878, 0.0241),
    (46.009, 23.916, 44.71, 28.824, 46.822, 39.512, 40.201, 25.015, 33.16),
    (20.948, 40.805, 21.307, 36.214, 14.712, 20.887, 24.892, 18.194, 21.371),
    -0.1886,
    6,
    hard=True,
)
"""One whose noise leaves it four points, with a tangent that shortening alone does not untangle."""


@pytest.mark.parametrize(("star", "tolerance_px"), [*((star, 0.3) for star in TANGLED), (COARSE, 1.0)])
def test_outlines_that_were_tangled_once_are_not(star: Star, tolerance_px: float) -> None:
    assert_never_crosses(star, tolerance_px)


def test_crossings_are_counted() -> None:
    bow = Star((0.1, 0.0, 0.0, 0.05), (40.0,) * 4, (40.0,) * 4, turn=0.0, frames=2, hard=False).outline(0)
    points = tuple(ControlPoint(x, y, 0, 0, 0, 0) for x, y in bow[[0, 1, 3, 2]].tolist())
    shape = Shape("bow", (ShapeKeyframe(0, points),), FrameRange(0, 0))
    assert crossings(shape, 0) == 1
