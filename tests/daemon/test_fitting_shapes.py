"""Mattes in, animated shapes out: bounds and invariants on clips whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from roto_daemon.errors import FitError
from roto_daemon.fitting import FitOptions, FitResult, coverage, fit_shapes, render_shapes, shape_polyline
from roto_daemon.fitting.measure import BoundaryError, boundary_error, self_crossings
from roto_daemon.fitting.outline import shoelace_area
from roto_shapes.shape import Shape
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
Matte = NDArray[np.float32]
WIDTH, HEIGHT = 240, 180
SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples" / "masks"


def blob(x: float, y: float, radius: float, turn: float = 0.0) -> Points:
    angle = np.linspace(0, 2 * math.pi, 300, endpoint=False)
    reach = radius * (1 + 0.25 * np.cos(3 * angle) + 0.1 * np.sin(5 * angle))
    return np.stack([x + reach * np.cos(angle + turn), y + reach * np.sin(angle + turn)], axis=1)


def ellipse(x: float, y: float, a: float, b: float) -> Points:
    angle = np.linspace(0, 2 * math.pi, 300, endpoint=False)
    return np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], axis=1)


def box(x: float, y: float, a: float, b: float, turn: float = 0.0) -> Points:
    corners = np.array([[-a, -b], [a, -b], [a, b], [-a, b]], float)
    c, s = math.cos(turn), math.sin(turn)
    placed: Points = corners @ np.array([[c, s], [-s, c]]) + (x, y)
    return placed


def limb(bend: float) -> Points:
    """A torso with an arm that bends at the shoulder: one outline with corners."""
    c, s = math.cos(bend), math.sin(bend)
    hand = np.array([95 + 80 * c, 50 + 80 * s])
    return np.array([[50, 40], [95, 40], hand, hand + np.array([-16 * s, 16 * c]), [95, 75], [100, 160], [45, 160]])


def plate(first: int, last: int) -> Plate:
    return Plate(WIDTH, HEIGHT, FrameRange(first, last))


def mattes(outlines: Callable[[int], list[Points]], frames: range) -> Iterator[tuple[int, Matte]]:
    for frame in frames:
        outer, *holes = outlines(frame)
        matte = coverage(outer, WIDTH, HEIGHT)
        for hole in holes:
            matte *= 1 - coverage(hole, WIDTH, HEIGHT)
        yield frame, matte


def fit(outlines: Callable[[int], list[Points]], frames: range, tolerance_px: float = 0.5) -> FitResult:
    return fit_shapes(mattes(outlines, frames), plate(frames[0], frames[-1]), FitOptions(tolerance_px))


def errors(result: FitResult, outlines: Callable[[int], list[Points]], frames: range) -> list[BoundaryError]:
    found = []
    for frame in frames:
        drawn = [shape_polyline(shape, frame) for shape in result.roto.shapes if frame in shape.lifetime]
        error = boundary_error(drawn, outlines(frame), (WIDTH, HEIGHT))
        assert error is not None
        found.append(error)
    return found


def assert_sound(shape: Shape) -> None:
    """Hold what must be true of every shape on every keyframe."""
    assert len({len(key.points) for key in shape.keyframes}) == 1
    for key in shape.keyframes:
        place = np.array([(point.x, point.y) for point in key.points])
        chord = np.linalg.norm(np.roll(place, -1, axis=0) - place, axis=1)
        assert chord.min() >= 2
        out = np.array([math.hypot(point.out_x, point.out_y) for point in key.points])
        into = np.array([math.hypot(point.in_x, point.in_y) for point in key.points])
        assert (out <= chord + 1e-6).all()
        assert (into <= np.roll(chord, 1) + 1e-6).all()
        for point, handle in zip(key.points, zip(out, into, strict=True), strict=True):
            if not point.corner and min(handle) > 0.5:
                turned = (point.in_x * point.out_x + point.in_y * point.out_y) / (handle[0] * handle[1])
                assert turned < -0.999
    for frame in range(shape.lifetime.first, shape.lifetime.last + 1):
        line = shape_polyline(shape, frame)
        assert shoelace_area(line) > 0
        assert self_crossings(line) == 0


KEYED: list[tuple[int, float, float, float]] = [
    (0, 80, 70, 40),
    (7, 120, 100, 50),
    (15, 100, 80, 36),
    (23, 150, 90, 45),
]


def keyed(frame: int) -> list[Points]:
    times = [key[0] for key in KEYED]
    return [blob(*(float(np.interp(frame, times, [key[axis] for key in KEYED])) for axis in (1, 2, 3)))]


def turning(frame: int) -> list[Points]:
    return [blob(120, 90, 55, frame * 0.03)]


def growing(frame: int) -> list[Points]:
    return [blob(120, 90, 25 + 1.5 * frame)]


def bending(frame: int) -> list[Points]:
    return [limb(float(np.interp(frame, [0, 10, 23], [0.0, 0.6, -0.2])))]


def square(frame: int) -> list[Points]:
    return [box(120, 90, 60, 40, frame * 0.02)]


@pytest.mark.parametrize("outlines", [keyed, turning, growing, square], ids=lambda clip: str(clip.__name__))
def test_the_truth_is_held_on_every_frame_with_few_points_and_keyframes(
    outlines: Callable[[int], list[Points]],
) -> None:
    result = fit(outlines, range(24))
    (shape,) = result.roto.shapes
    assert_sound(shape)
    found = errors(result, outlines, range(24))
    assert max(error.max_px for error in found) < 1.1
    assert np.mean([error.mean_px for error in found]) < 0.16
    assert shape.point_count <= 12
    assert len(shape.keyframes) <= 8


def test_motion_keyed_by_an_animator_gives_the_animators_keyframes() -> None:
    (shape,) = fit(keyed, range(24)).roto.shapes
    assert [key.frame for key in shape.keyframes] == [key[0] for key in KEYED]


def test_a_moving_circle_needs_two_keyframes_and_four_points() -> None:
    result = fit(lambda frame: [ellipse(60 + 4 * frame, 90, 40, 40)], range(20))
    (shape,) = result.roto.shapes
    assert [key.frame for key in shape.keyframes] == [0, 19]
    assert shape.point_count <= 6
    assert result.report.effective_tolerance_px == 0.5


def test_the_corners_of_a_turning_box_are_its_control_points() -> None:
    (shape,) = fit(square, range(24)).roto.shapes
    assert shape.point_count == 4
    assert all(point.corner for point in shape.keyframes[0].points)


def test_a_bending_limb_is_followed() -> None:
    result = fit(bending, range(24))
    (shape,) = result.roto.shapes
    found = errors(result, bending, range(24))
    assert np.mean([error.mean_px for error in found]) < 0.3
    assert np.mean([error.percentile95_px for error in found]) < 1.0
    assert shape.point_count <= 14


def ring(frame: int) -> list[Points]:
    return [ellipse(80 + 3 * frame, 90, 60, 50), ellipse(84 + 3 * frame, 86, 22, 28)]


def test_a_hole_is_a_cutting_shape_painted_after_its_outer_shape() -> None:
    result = fit(ring, range(12))
    assert [(shape.name, shape.invert) for shape in result.roto.shapes] == [("object", False), ("object.hole", True)]
    for frame, matte in mattes(ring, range(12)):
        assert np.abs(render_shapes(result.roto, frame) - matte).sum() < 0.01 * matte.sum()


def test_a_hole_that_opens_later_lives_later() -> None:
    result = fit(lambda frame: ring(0) if frame >= 6 else ring(0)[:1], range(12))
    outer, hole = result.roto.shapes
    assert (outer.lifetime, hole.lifetime) == (FrameRange(0, 11), FrameRange(6, 11))


def test_separate_parts_are_shapes_of_their_own_the_largest_named_first() -> None:
    def pair(frame: int) -> Matte:
        return coverage([ellipse(60, 90, 30 + frame, 30), ellipse(180, 90, 20, 20)], WIDTH, HEIGHT)

    result = fit_shapes(((frame, pair(frame)) for frame in range(4)), plate(0, 3), FitOptions(name="rider"))
    assert [shape.name for shape in result.roto.shapes] == ["rider.1", "rider.2"]
    first = [point.x for point in result.roto.shapes[0].keyframes[0].points]
    assert max(first) < 120


def test_an_island_in_a_hole_is_painted_after_the_hole() -> None:
    matte = coverage(ellipse(120, 90, 80, 70), WIDTH, HEIGHT) * (1 - coverage(ellipse(120, 90, 60, 50), WIDTH, HEIGHT))
    matte += coverage(ellipse(120, 90, 25, 25), WIDTH, HEIGHT)
    result = fit_shapes([(0, matte)], plate(0, 0))
    assert [shape.name for shape in result.roto.shapes] == ["object.1", "object.1.hole", "object.2"]
    assert np.abs(render_shapes(result.roto, 0) - matte).sum() < 0.01 * matte.sum()


def test_a_shape_ends_where_its_object_is_gone_and_another_begins() -> None:
    frames = [(frame, coverage(ellipse(90, 90, 30, 30), WIDTH, HEIGHT)) for frame in range(9)]
    frames[3:6] = [(frame, np.zeros((HEIGHT, WIDTH), np.float32)) for frame in (3, 4, 5)]
    result = fit_shapes(frames, plate(0, 8))
    assert [shape.lifetime for shape in result.roto.shapes] == [FrameRange(0, 2), FrameRange(6, 8)]
    assert result.report.empty_frames == (3, 4, 5)
    assert all(render_shapes(result.roto, frame).sum() == 0 for frame in (3, 4, 5))


def test_gaps_in_the_frame_numbers_are_allowed_and_keyframes_stand_on_given_frames() -> None:
    frames = range(1001, 1042, 4)
    result = fit(lambda frame: [ellipse(60 + 2 * (frame - 1001), 90, 30, 30)], frames)
    (shape,) = result.roto.shapes
    assert shape.lifetime == FrameRange(1001, 1041)
    assert all(key.frame in frames for key in shape.keyframes)


@pytest.mark.parametrize("frames_a_swing", [4, 6])
def test_a_ball_that_swings_fast_keeps_the_bound_on_every_frame(frames_a_swing: int) -> None:
    def ball(frame: int) -> list[Points]:
        return [ellipse(120 + 50 * math.sin(frame / frames_a_swing), 90, 20, 20)]

    result = fit(ball, range(20))
    assert result.report.effective_tolerance_px < 0.55
    assert max(error.max_px for error in errors(result, ball, range(20))) < 1.0
    assert len(result.roto.shapes[0].keyframes) < 15


def leaving(frame: int) -> list[Points]:
    return [blob(190 + 2 * frame, 90, 45)]


def test_an_object_that_leaves_the_plate_keeps_its_edge_in_view_and_stays_outside_beyond_it() -> None:
    result = fit(leaving, range(14))
    found = errors(result, leaving, range(14))
    assert np.mean([error.mean_px for error in found]) < 0.2
    assert max(error.max_px for error in found) < 4
    for frame, matte in mattes(leaving, range(14)):
        assert np.abs(render_shapes(result.roto, frame) - matte).sum() < 0.02 * matte.sum()


def test_what_the_border_hides_moves_on_with_what_is_seen_and_needs_no_keyframes_of_its_own() -> None:
    result = fit(lambda frame: [blob(120 + 7 * frame, 90, 45)], range(16))
    (shape,) = result.roto.shapes
    assert len(shape.keyframes) <= 3
    for frame in range(16):
        drawn, true = shape_polyline(shape, frame), blob(120 + 7 * frame, 90, 45)
        assert abs(drawn[:, 0].max() - true[:, 0].max()) < 6
        assert abs(drawn[:, 1].max() - true[:, 1].max()) < 3


def test_one_frame_gives_one_keyframe() -> None:
    (shape,) = fit(turning, range(7, 8)).roto.shapes
    assert [key.frame for key in shape.keyframes] == [7]


def test_a_hard_mask_is_fitted_within_a_pixel_of_the_truth() -> None:
    hard = ((frame, (matte >= 0.5).astype(np.float32)) for frame, matte in mattes(growing, range(12)))
    result = fit_shapes(hard, plate(0, 11), FitOptions(0.7))
    found = errors(result, growing, range(12))
    assert np.mean([error.mean_px for error in found]) < 0.35


def test_noise_that_makes_the_tolerance_unreachable_is_reported() -> None:
    noise = np.random.default_rng(4)

    def noisy() -> Iterator[tuple[int, Matte]]:
        for frame in range(12):
            wobble = noise.normal(0, 0.8, 60)
            angle = np.linspace(0, 2 * math.pi, 60, endpoint=False)
            reach = 60 + wobble
            outline = np.stack([120 + reach * np.cos(angle), 90 + reach * np.sin(angle)], axis=1)
            yield frame, coverage(outline, WIDTH, HEIGHT)

    result = fit_shapes(noisy(), plate(0, 11), FitOptions(0.2))
    assert result.report.noise_px > 0.2
    assert result.report.effective_tolerance_px > 0.5
    assert len(result.roto.shapes[0].keyframes) <= 4


def test_the_report_holds_what_the_measure_finds() -> None:
    result = fit(ring, range(8))
    report = result.report
    assert [error.frame for error in report.frames] == list(range(8))
    assert report.worst_frame is not None
    assert report.worst_frame.max_px == max(error.max_px for error in report.frames)
    assert report.mean_px <= report.worst_frame.max_px
    assert (report.shapes, report.points) == (2, sum(shape.point_count for shape in result.roto.shapes))
    assert report.keyframes == sum(len(shape.keyframes) for shape in result.roto.shapes)
    assert report.crossing_frames == ()
    assert report.seconds > 0


def test_the_same_mattes_give_the_same_shapes() -> None:
    assert fit(bending, range(6)).roto == fit(bending, range(6)).roto


def test_progress_rises_to_one() -> None:
    heard: list[float] = []
    fit_shapes(mattes(ring, range(4)), plate(0, 3), progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


@settings(max_examples=4, deadline=None)
@given(dx=st.integers(-12, 12), dy=st.integers(-8, 8), start=st.integers(-50, 5000))
def test_a_shift_in_place_and_time_shifts_the_shapes(dx: int, dy: int, start: int) -> None:
    here = fit(lambda frame: [blob(100 + 3 * frame, 90, 32)], range(5)).roto.shapes[0]
    there = fit(lambda frame: [blob(100 + dx + 3 * (frame - start), 90 + dy, 32)], range(start, start + 5)).roto.shapes[
        0
    ]
    assert [key.frame + start for key in here.keyframes] == [key.frame for key in there.keyframes]
    for key, moved in zip(here.keyframes, there.keyframes, strict=True):
        line = shape_polyline(here, key.frame) + np.array([dx, dy])
        across = boundary_error([shape_polyline(there, moved.frame)], [line], (WIDTH, HEIGHT))
        assert across is not None
        assert across.max_px < 0.05
        for point, other in zip(key.points, moved.points, strict=True):
            # Coverage is rounded, and a point may slide along the outline further than across it.
            assert (other.x, other.y) == pytest.approx((point.x + dx, point.y + dy), abs=0.25)


@settings(max_examples=5, deadline=None)
@given(
    x=st.floats(60, 160),
    y=st.floats(60, 120),
    radius=st.floats(12, 45),
    speed=st.floats(-3, 3),
    turn=st.floats(-0.05, 0.05),
)
def test_shapes_are_sound_for_any_blob(x: float, y: float, radius: float, speed: float, turn: float) -> None:
    result = fit(lambda frame: [blob(x + speed * frame, y, radius, turn * frame)], range(6))
    for shape in result.roto.shapes:
        assert len({len(key.points) for key in shape.keyframes}) == 1
        assert shape.point_count >= 3
        for frame in shape.lifetime:
            assert shoelace_area(shape_polyline(shape, frame)) > 0


class TestBadInput:
    def test_mattes_without_any_edge_are_refused(self) -> None:
        with pytest.raises(FitError, match="empty on all 3 frames"):
            fit_shapes([(f, np.zeros((HEIGHT, WIDTH), np.float32)) for f in range(3)], plate(0, 2))

    def test_no_matte_at_all_is_refused(self) -> None:
        with pytest.raises(FitError, match="no matte to fit"):
            fit_shapes([], plate(0, 2))

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_values_that_are_no_numbers_are_refused_with_the_frame(self, value: float) -> None:
        bad = np.zeros((HEIGHT, WIDTH), np.float32)
        bad[3, 4] = value
        with pytest.raises(FitError, match="frame 1002"):
            fit_shapes([(1001, np.ones((HEIGHT, WIDTH), np.float32)), (1002, bad)], plate(1001, 1002))

    def test_a_changing_size_is_refused_with_the_frame(self) -> None:
        small = np.ones((HEIGHT, WIDTH - 1), np.float32)
        with pytest.raises(FitError, match="frame 1 is 239x180"):
            fit_shapes([(0, np.ones((HEIGHT, WIDTH), np.float32)), (1, small)], plate(0, 1))

    def test_frames_that_do_not_rise_are_refused(self) -> None:
        one = np.ones((HEIGHT, WIDTH), np.float32)
        with pytest.raises(FitError, match="rising frame order"):
            fit_shapes([(4, one), (4, one)], plate(0, 9))

    @pytest.mark.parametrize("tolerance_px", [0.0, -1.0, math.nan, math.inf])
    def test_a_tolerance_that_nothing_can_hold_is_refused(self, tolerance_px: float) -> None:
        with pytest.raises(ValueError, match="above zero"):
            FitOptions(tolerance_px)

    def test_a_threshold_without_an_edge_is_refused(self) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            FitOptions(threshold=1.0)

    def test_a_white_matte_becomes_a_shape_that_covers_the_plate(self) -> None:
        result = fit_shapes([(f, np.ones((HEIGHT, WIDTH), np.float32)) for f in range(3)], plate(0, 2))
        assert render_shapes(result.roto, 1).min() > 0.99

    def test_an_object_that_touches_every_border_is_drawn(self) -> None:
        def cross(frame: int) -> Matte:
            return coverage([box(110 + frame, 90, 30, 200), box(120, 90, 300, 25)], WIDTH, HEIGHT)

        result = fit_shapes(((frame, cross(frame)) for frame in range(4)), plate(0, 3))
        for frame in range(4):
            assert np.abs(render_shapes(result.roto, frame) - cross(frame)).mean() < 0.01

    def test_specks_beside_an_object_are_ignored_and_counted(self) -> None:
        matte = coverage(ellipse(120, 90, 50, 40), WIDTH, HEIGHT)
        matte[2:176:8, 2:40:8] = 1
        result = fit_shapes([(0, matte), (1, matte)], plate(0, 1))
        assert len(result.roto.shapes) == 1
        assert result.report.ignored_outlines > 100

    @pytest.mark.parametrize("side", [1, 4, 8])
    def test_a_checkerboard_ends_in_an_error_and_not_in_a_hang(self, side: int) -> None:
        rows, columns = np.indices((HEIGHT, WIDTH)) // side
        board = ((rows + columns) % 2).astype(np.float32)
        with pytest.raises(FitError, match=r"too many small pieces|empty on all"):
            fit_shapes([(0, board), (1, board)], plate(0, 1))

    def test_specks_alone_end_in_an_error(self) -> None:
        rows, columns = np.indices((HEIGHT, WIDTH)) % 9
        specks = ((rows < 4) & (columns < 4)).astype(np.float32)
        with pytest.raises(FitError, match="too many small pieces"):
            fit_shapes([(0, specks)], plate(0, 0))


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample masks are not beside this checkout")
def test_a_real_silhouette_is_followed_by_one_shape() -> None:
    def read(frame: int) -> Matte:
        picture = cv2.imread(str(SAMPLES / "car-roundabout" / f"mask.{frame:04d}.png"), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        return (np.asarray(picture) > 127).astype(np.float32)

    result = fit_shapes(((f, read(f)) for f in range(8)), Plate(854, 480, FrameRange(0, 7)), FitOptions(1.0))
    (shape,) = result.roto.shapes
    assert shape.point_count <= 40
    assert len(shape.keyframes) <= 5
    assert result.report.mean_px < 0.6
