"""How long writing and reading shapes takes, by processor time, and whether that grows as the shapes do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from measuring import Figures
from pytest_benchmark.fixture import BenchmarkFixture

from roto_client import aep
from roto_shapes.difference import distances
from roto_shapes.formats import ENDINGS, READ_ENDINGS, encode, read_shapes
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

FRAMES, SHAPES, POINTS = 100, 20, 40
LARGE_NK_BYTES = 10_000_000
LONGEST_S = 600
"""By the clock, on a machine that others use."""


def wobbling(shapes: int = SHAPES, interpolation: Interpolation = Interpolation.LINEAR, every: int = 1) -> Roto:
    """Return rings that turn and wobble, with a keyframe on each frame unless told otherwise."""
    plate = Plate(1920, 1080, FrameRange(1001, 1000 + FRAMES))
    made = []
    for number in range(shapes):
        keyframes = []
        for frame in list(plate.frames)[::every]:
            turned = 0.02 * frame + number
            points = []
            for k in range(POINTS):
                angle = turned + 2 * math.pi * k / POINTS
                far = 200 + 20 * math.sin(3 * angle + 0.1 * frame)
                across, down = math.cos(angle), math.sin(angle)
                points.append(
                    ControlPoint(960 + far * across, 540 + far * down, 9 * down, -9 * across, -9.5 * down, 9.5 * across)
                )
            keyframes.append(ShapeKeyframe(frame, tuple(points)))
        made.append(Shape(f"ring {number}", tuple(keyframes), plate.frames, interpolation=interpolation))
    return Roto(plate, tuple(made))


def seconds(work: Callable[[], Any]) -> float:
    """Return the lesser processor time of two runs: other programs on the machine only ever add to it."""
    times = []
    for _ in range(2):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.timeout(LONGEST_S)
def test_writing(benchmark: BenchmarkFixture, figures: Figures) -> None:
    """Every format: a keyframe on each frame, then twice as many shapes."""
    roto, twice = wobbling(), wobbling(2 * SHAPES)
    smooth = wobbling(interpolation=Interpolation.SMOOTH)
    benchmark.pedantic(lambda: encode(roto, ".json"), rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
    what = f"{FRAMES} frames x {SHAPES} shapes x {POINTS} points"
    for ending in ENDINGS:
        once_s = seconds(partial(encode, roto, ending))
        figures.add(f"{what} as {ending}", once_s, "s", "under 1")
        twice_s = seconds(partial(encode, twice, ending))
        figures.add(f"twice as many over that, {ending}", twice_s / once_s, "ratio", "about 2")
    sparse = wobbling(interpolation=Interpolation.SMOOTH, every=10)
    took_s = seconds(lambda: encode(sparse, ".fxs"))
    figures.add(f"{what}, smooth with ten keyframes each, as .fxs", took_s, "s", "under 1")
    back = read_shapes(encode(roto, ".fxs"), ".fxs").roto
    figures.add("how far that lies from what was written as .fxs", seconds(lambda: distances(roto, back)), "s", "-")
    figures.add(f"{what} as .aep", seconds(lambda: aep.encode(roto)), "s", "under 1")
    figures.add(f"{what}, smooth, as .nk", seconds(lambda: encode(smooth, ".nk")), "s", "under 1")


@pytest.mark.timeout(LONGEST_S)
def test_reading(benchmark: BenchmarkFixture, figures: Figures) -> None:
    """A Nuke script of 10 MB, and what was written in every format that is read."""
    roto = wobbling(interpolation=Interpolation.SMOOTH)
    shapes = math.ceil(SHAPES * LARGE_NK_BYTES / len(encode(roto, ".nk")))
    large = encode(wobbling(shapes, Interpolation.SMOOTH), ".nk")
    half = encode(wobbling(shapes // 2, Interpolation.SMOOTH), ".nk")
    large_s = seconds(lambda: read_shapes(large, ".nk"))
    figures.add(f"reading a .nk of {len(large) / 1e6:.1f} MB", large_s, "s", "under 3")
    half_s = seconds(lambda: read_shapes(half, ".nk"))
    figures.add("over half as many shapes", large_s / half_s, "ratio", "about 2")
    for ending in READ_ENDINGS:
        text = encode(roto, ending)
        took_s = seconds(partial(read_shapes, text, ending))
        figures.add(f"reading {len(text) / 1e6:.1f} MB of {ending}", took_s, "s", "-")
    benchmark.pedantic(lambda: read_shapes(half, ".nk"), rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
