"""How long a fit takes, and how that grows with frames and with the outline: one object, one outline, 1920x1080.

Seconds are those that a core was busy for the fit: they hardly depend on what else the machine does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shape_clips import TruthShape, blob, draw, keyed, wandering

from roto_daemon.fitting import FitOptions, fit_shapes
from roto_shapes.shape import Interpolation
from roto_shapes.shot import FrameRange, Plate

SIZE = (1920, 1080)
USUAL = (100, 2)
SWEEP = ((50, 2), USUAL, (200, 2), (100, 1), (100, 4))
"""Frames, and the length of the outline in lengths of one with 10 points and a radius of 100 px."""

GOAL_S = 10.0
FRAMES_A_KEY = 8
SEED = 77


@dataclass(frozen=True)
class Spent:
    """What one fit took."""

    frames: int
    length: int
    busy_s: float
    passed_s: float
    points: int
    keys: int

    def told(self, usual: Spent) -> dict[str, float | int]:
        """Return the figures of a row of the table."""
        return {
            "frames": self.frames,
            "outline": self.length / usual.length,
            "points": self.points,
            "keys": self.keys,
            "busy_s": round(self.busy_s, 2),
            "passed_s": round(self.passed_s, 2),
            "ms_per_frame": round(1000 * self.busy_s / self.frames, 1),
            "over_usual": round(self.busy_s / usual.busy_s, 2),
        }


def long_outline(frames: int, length: int) -> TruthShape:
    """Return a blob that wanders from keyframe to keyframe; a longer outline has more of the same bumps."""
    random = np.random.default_rng([SEED, length])
    places = blob(random, 10 * length, 100.0 * length, 0.22 / length)
    times = np.linspace(0, frames - 1, max(frames // FRAMES_A_KEY, 2)).round().astype(int).tolist()
    poses = wandering(random, places, times, np.array(SIZE) / 2, form=0.03 / length)
    return keyed(times, poses, Interpolation.LINEAR, corner=None)


def spent(frames: int, length: int) -> Spent:
    """Fit one clip whose mattes are at hand and return what that took."""
    shape = long_outline(frames, length)
    mattes = [draw((shape,), frame, SIZE).astype(np.float16) for frame in range(frames)]

    def given() -> Iterator[tuple[int, NDArray[np.float32]]]:
        for frame, matte in enumerate(mattes):
            yield frame, matte.astype(np.float32)

    busy, passed = time.process_time(), time.perf_counter()
    report = fit_shapes(given(), Plate(*SIZE, FrameRange(0, frames - 1)), FitOptions()).report
    busy, passed = time.process_time() - busy, time.perf_counter() - passed
    return Spent(frames, length, busy, passed, report.points, report.keyframes)


def speed_table() -> list[dict[str, float | int]]:
    """Fit clips of several lengths, print what each took, and return the rows."""
    spent(20, 1)  # what is loaded when first used is no part of a fit
    found = [spent(*one) for one in SWEEP]
    (usual,) = (one for one in found if (one.frames, one.length) == USUAL)
    rows = [one.told(usual) for one in found]
    print(f"\nseconds of one core for a fit at {SIZE[0]}x{SIZE[1]}; outline and ratio in those of the usual clip")
    print(
        f"{'frames':>8}{'outline':>9}{'points':>8}{'keys':>6}{'busy s':>8}{'passed s':>10}{'ms/frame':>10}{'ratio':>7}"
    )
    for row in rows:
        print("{frames:>8}{outline:>9g}{points:>8}{keys:>6}".format(**row), end="")
        print("{busy_s:>8.2f}{passed_s:>10.2f}{ms_per_frame:>10.1f}{over_usual:>7.2f}".format(**row))
    print(f"goal: {GOAL_S:g} s for {USUAL[0]} frames; no more than twice as long for twice the frames or the outline")
    return rows
