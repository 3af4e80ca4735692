"""How long a file of shapes takes to write, and to read where it can be read: 100 frames, 20 shapes, 40 points."""

from __future__ import annotations

import math

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from roto_shapes.formats import ENDINGS, READ_ENDINGS, encode, read_shapes
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

FRAMES, SHAPES, POINTS = 100, 20, 40
PLATE = Plate(1920, 1080, FrameRange(1001, 1000 + FRAMES))


def outline(frame: int, number: int) -> ShapeKeyframe:
    points = []
    for k in range(POINTS):
        angle = 2 * math.pi * k / POINTS + frame / 50
        x, y = 300 * math.cos(angle), 300 * math.sin(angle)
        points.append(ControlPoint(900 + 7 * number + frame / 3 + x, 500 + y, y / 19, -x / 19, -y / 19, x / 19))
    return ShapeKeyframe(frame, tuple(points))


ROTO = Roto(
    PLATE, tuple(Shape(f"shape {n}", tuple(outline(f, n) for f in PLATE.frames), PLATE.frames) for n in range(SHAPES))
)


@pytest.mark.parametrize("ending", ENDINGS)
def test_writing(benchmark: BenchmarkFixture, ending: str) -> None:
    benchmark.pedantic(encode, (ROTO, ending), rounds=3)  # type: ignore[no-untyped-call] # pytest-benchmark has no types


@pytest.mark.parametrize("ending", READ_ENDINGS)
def test_reading(benchmark: BenchmarkFixture, ending: str) -> None:
    text = encode(ROTO, ending)
    given = Given((PLATE.width, PLATE.height), PLATE.frames)
    benchmark.pedantic(read_shapes, (text, ending, given), rounds=3)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
