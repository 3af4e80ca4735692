from __future__ import annotations

from dataclasses import replace

import pytest

from roto_shapes.difference import distances
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(640, 480, FrameRange(-3, 6))
POINTS = (ControlPoint(100, 100, -9, 3, 9, -3), ControlPoint(300, 120), ControlPoint(200, 300))


def moved(dx: float) -> tuple[ControlPoint, ...]:
    return tuple(p._replace(x=p.x + dx) for p in POINTS)


def shape(name: str, dx: float = 0.0, lifetime: FrameRange = PLATE.frames) -> Shape:
    return Shape(name, (ShapeKeyframe(-3, moved(dx)), ShapeKeyframe(6, moved(dx + 90))), lifetime)


def test_the_largest_distance_is_told_with_its_frame() -> None:
    keys = (ShapeKeyframe(-3, POINTS), ShapeKeyframe(2, moved(50.5)), ShapeKeyframe(6, moved(90)))
    (found,) = distances(Roto(PLATE, (shape("a"),)), Roto(PLATE, (replace(shape("a"), keyframes=keys),)))
    assert found.px == pytest.approx(0.5)
    assert (found.frame, found.missing) == (2, ())
    assert found.between_px == pytest.approx(0.45)


def test_a_shape_is_compared_with_what_became_of_it_among_many() -> None:
    source = Roto(PLATE, tuple(shape(f"s{k}", 3.0 * k) for k in range(8)))
    result = Roto(PLATE, tuple(shape(f"s{k}", 3.0 * k + 0.3) for k in reversed(range(8))))
    assert [each.px for each in distances(source, result)] == [pytest.approx(0.3)] * 8


def test_a_shape_of_another_name_that_lies_in_its_place_is_found() -> None:
    result = Roto(PLATE, (shape("far", 40.0), shape("near", 1.0)))
    assert distances(Roto(PLATE, (shape("a"),)), result)[0].px == pytest.approx(1.0)


def test_one_that_was_parted_in_time_is_whole_and_gaps_are_told() -> None:
    result = Roto(PLATE, (shape("a", lifetime=FrameRange(-3, 0)), shape("a_2", lifetime=FrameRange(2, 6))))
    (found,) = distances(Roto(PLATE, (shape("a"),)), result)
    assert (found.px, found.between_px, found.missing) == (0.0, 0.0, (1,))


def test_what_cuts_is_not_compared_with_what_paints() -> None:
    (found,) = distances(Roto(PLATE, (shape("a"),)), Roto(PLATE, (replace(shape("a"), invert=True),)))
    assert found.missing == tuple(range(-3, 7))


def test_outlines_of_other_points_are_compared_as_curves() -> None:
    line = Shape("a", (ShapeKeyframe(0, (ControlPoint(0, 0), ControlPoint(10, 0), ControlPoint(0, 10))),), PLATE.frames)
    more = (ControlPoint(0, 0), ControlPoint(5, 0), ControlPoint(10, 0), ControlPoint(0, 10))
    halved = replace(line, keyframes=(ShapeKeyframe(0, more),))
    assert distances(Roto(PLATE, (line,)), Roto(PLATE, (halved,)))[0].px < 0.02
