"""Jointed outlines in overlapping parts, on puppets whose limbs are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting import FitOptions, FitReport, FitResult, coverage, fit_shapes, render_shapes, shape_polyline
from roto_daemon.fitting.measure import self_crossings
from roto_daemon.fitting.parts import share_out
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
WIDTH, HEIGHT = 240, 190
FRAMES = range(13)


def ellipse(x: float, y: float, a: float, b: float) -> Points:
    angle = np.linspace(0, 2 * math.pi, 200, endpoint=False)
    return np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], axis=1)


def bar(x: float, y: float, turn: float, length: float = 110) -> Points:
    """A limb 18 px broad with a round end, that hangs from a joint at an angle from straight down."""
    angle = np.linspace(0, math.pi, 40)
    end = np.stack([9 * np.cos(angle), length - 9 + 9 * np.sin(angle)], axis=1)
    own = np.vstack([end, [[-9.0, 0.0], [9.0, 0.0]]])
    c, s = math.cos(turn), math.sin(turn)
    placed: Points = own @ np.array([[c, s], [-s, c]]) + (x, y)
    return placed


def walker(frame: int) -> list[Points]:
    """A body on two legs that cross in the middle of the clip."""
    swing = 0.6 * math.cos(math.pi * frame / (len(FRAMES) - 1))
    return [ellipse(100 + 2 * frame, 60, 62, 34), bar(100 + 2 * frame, 62, swing), bar(100 + 2 * frame, 62, -swing)]


def straddler(frame: int) -> list[Points]:
    """A body whose feet come together in the middle of the clip: the legs then close a hole."""
    swing = 0.1 + 0.3 * math.sin(math.pi * frame / (len(FRAMES) - 1))
    return [ellipse(110, 60, 70, 34), bar(75, 70, -swing), bar(145, 70, swing)]


def snail(frame: int) -> list[Points]:
    """A body out of which a head comes after a while."""
    return [ellipse(90, 95, 75, 60), bar(85 + 9 * max(frame - 4, 0), 95, -math.pi / 2, 65)]


def waver(frame: int) -> list[Points]:
    """A body with one arm that bends at its joint."""
    return [ellipse(90, 95, 45, 70), bar(105, 70, -1.0 - 0.08 * frame)]


def disc(frame: int) -> list[Points]:
    return [ellipse(110 + frame, 90, 60, 45)]


@cache
def fit(puppet: Callable[[int], list[Points]], parts: int | None) -> FitResult:
    mattes = ((frame, coverage(puppet(frame), WIDTH, HEIGHT)) for frame in FRAMES)
    return fit_shapes(mattes, Plate(WIDTH, HEIGHT, FrameRange(FRAMES[0], FRAMES[-1])), FitOptions(1.0, parts=parts))


def assert_draws(result: FitResult, puppet: Callable[[int], list[Points]], most_off: float) -> None:
    """Compare what a host draws with the truth, pixel by pixel: wrong area by the length of the truth's edge, in px."""
    for frame in FRAMES:
        truth = np.max([coverage(part, WIDTH, HEIGHT) for part in puppet(frame)], axis=0)
        edge = np.count_nonzero((truth > 0.01) & (truth < 0.99))
        assert np.abs(render_shapes(result.roto, frame) - truth).sum() / edge < most_off, frame


def test_a_limb_is_a_part_of_its_own_that_overlaps_the_body_and_draws_the_same() -> None:
    result = fit(waver, 2)
    assert [shape.name for shape in result.roto.shapes] == ["object.1", "object.2"]
    assert_draws(result, waver, 0.5)
    for frame in FRAMES:
        body, arm = (coverage(shape_polyline(shape, frame), WIDTH, HEIGHT) for shape in result.roto.shapes)
        assert np.minimum(body, arm).sum() > 18 * 3


def test_legs_that_cross_keep_their_shape_and_never_cross_themselves() -> None:
    result = fit(walker, 3)
    assert len(result.roto.shapes) == 3
    assert_draws(result, walker, 0.6)
    for frame in FRAMES:
        lines = [shape_polyline(shape, frame) for shape in result.roto.shapes]
        assert not any(self_crossings(line) for line in lines)
        # Even where one leg hides the other, both are there at their full length.
        assert all(np.ptp(line[:, 1]) > 60 for line in lines[1:])


def test_a_hole_that_limbs_close_is_a_gap_between_parts_and_no_shape() -> None:
    assert any(shape.invert for shape in fit(straddler, 1).roto.shapes)
    result = fit(straddler, 3)
    assert [shape.name for shape in result.roto.shapes] == ["object.1", "object.2", "object.3"]
    assert not any(shape.invert for shape in result.roto.shapes)
    assert_draws(result, straddler, 0.6)


def test_a_part_lives_from_where_it_comes_out() -> None:
    result = fit(snail, 2)
    body, head = result.roto.shapes
    assert body.lifetime == FrameRange(0, 12)
    # The tip is out from frame 6 on, and a quarter of what shows at the end by frame 8.
    assert 6 <= head.lifetime.first <= 9
    assert head.lifetime.last == 12
    assert_draws(result, snail, 0.6)


def test_auto_splits_where_parts_are_simpler_and_as_true() -> None:
    def drawn(parts: int | None) -> FitReport:
        united = (np.max([coverage(part, WIDTH, HEIGHT) for part in walker(frame)], axis=0) for frame in FRAMES)
        plate = Plate(WIDTH, HEIGHT, FrameRange(FRAMES[0], FRAMES[-1]))
        return fit_shapes(zip(FRAMES, united, strict=True), plate, FitOptions(2.0, parts=parts)).report

    whole, parts = drawn(1), drawn(None)
    assert parts.shapes > 1
    assert parts.control_numbers < whole.control_numbers or parts.crossing_frames < whole.crossing_frames
    assert parts.mean_px < 1.1 * whole.mean_px + 0.05


@pytest.mark.parametrize("parts", [None, 4])
def test_an_outline_without_necks_stays_one_shape(parts: int | None) -> None:
    assert [shape.name for shape in fit(disc, parts).roto.shapes] == ["object"]


@pytest.mark.parametrize("parts", [0, -1, 99])
def test_numbers_of_parts_that_cannot_be_are_refused(parts: int) -> None:
    with pytest.raises(ValueError, match="give 1 to"):
        FitOptions(parts=parts)


def test_a_limb_that_was_followed_by_its_end_alone_gets_back_what_joins_it_to_the_body() -> None:
    trunk = [(10.0, 10.0), (210.0, 10.0), (210.0, 90.0)]
    whole = np.array([*trunk, (130.0, 90.0), (120.0, 190.0), (95.0, 190.0), (88.0, 90.0), (10.0, 90.0)])
    body = np.array([*trunk, (10.0, 90.0)])
    foot = np.array([(80.0, 150.0), (140.0, 150.0), (140.0, 200.0), (80.0, 200.0)])
    of_body, of_limb = share_out(whole, [], [body, foot])
    assert of_body.outline is not None
    assert of_limb.outline is not None
    assert of_body.outline[:, 1].max() < 96
    assert of_limb.outline[:, 1].min() < 94


def test_a_bulge_of_a_body_stays_with_it_though_a_limb_is_near() -> None:
    whole = np.array(
        [
            (10.0, 10.0),
            (210.0, 10.0),
            (210.0, 108.0),
            (120.0, 110.0),
            (120.0, 190.0),
            (95.0, 190.0),
            (95.0, 110.0),
            (10.0, 108.0),
        ]
    )
    body = np.array([(10.0, 10.0), (210.0, 10.0), (210.0, 90.0), (10.0, 90.0)])
    limb = np.array([(80.0, 108.0), (140.0, 108.0), (140.0, 200.0), (80.0, 200.0)])
    of_body, _ = share_out(whole, [], [body, limb])
    assert of_body.outline is not None
    assert of_body.outline[:, 1].max() > 104
