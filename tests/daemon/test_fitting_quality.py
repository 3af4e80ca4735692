"""Quality numbers say what is wrong with shapes whose faults are known by construction."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fit_report import ReportSource, html_report, write_report
from roto_daemon.fitting import coverage
from roto_daemon.fitting.attention import ranked, reasons_of_crossings, reasons_of_distance
from roto_daemon.fitting.measure import widest_between
from roto_daemon.fitting.quality import Quality, measure_quality, outlines_to_match
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

WIDTH, HEIGHT = 200, 160
FRAMES = range(1, 10)
ARC = 4 / 3 * math.tan(math.pi / 16)
"""Of the radius: the tangents of an eighth of a circle."""


def ring(x: float, y: float, radius: float, turn: float = 0.0) -> tuple[ControlPoint, ...]:
    points = []
    for k in range(8):
        c, s = math.cos(turn + k * math.pi / 4), math.sin(turn + k * math.pi / 4)
        along = radius * ARC
        points.append(ControlPoint(x + radius * c, y + radius * s, along * s, -along * c, -along * s, along * c))
    return tuple(points)


def circle(x: float, y: float, radius: float) -> NDArray[np.float32]:
    angle = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    return coverage(np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1), WIDTH, HEIGHT)


def measured(points: Callable[[int], tuple[ControlPoint, ...]], tolerance_px: float = 0.5) -> Quality:
    """Measure an animated outline, keyed on every frame, against a circle of radius 40 at 100, 80."""
    plate = Plate(WIDTH, HEIGHT, FrameRange(FRAMES[0], FRAMES[-1]))
    keys = tuple(ShapeKeyframe(frame, points(frame)) for frame in FRAMES)
    return measure_quality(Roto(plate, (Shape("disc", keys, plate.frames),)), masks(), tolerance_px)


def masks() -> Iterator[tuple[int, NDArray[np.float32]]]:
    yield from ((frame, circle(100.3, 80.6, 40)) for frame in FRAMES)


def test_a_good_shape_has_small_numbers_and_no_frame_to_look_at() -> None:
    quality = measured(lambda _: ring(100.3, 80.6, 40))
    assert quality.largest("max_px") == pytest.approx(0, abs=0.12)
    assert quality.mean("bias_px") == pytest.approx(0, abs=0.02)
    assert quality.rms("flicker_px") < 0.01
    assert quality.look_first == ()
    (shape,) = quality.shapes
    assert (shape.kinks, shape.too_close, shape.long_handles, shape.flips) == (0, 0, 0, 0)
    assert shape.control_jitter_px == 0
    assert shape.slide_px == 0


def test_a_fat_shape_is_told_by_its_bias() -> None:
    quality = measured(lambda _: ring(100.3, 80.6, 42))
    assert quality.mean("bias_px") == pytest.approx(2 * 41 / 40, abs=0.05)
    assert quality.mean("mean_px") == pytest.approx(2, abs=0.05)
    assert quality.mean("overlap") == pytest.approx((40 / 42) ** 2, abs=0.003)


def test_a_shape_that_shakes_flickers_by_as_much_as_it_shakes() -> None:
    rng = np.random.default_rng(5)
    radii = {frame: 40 + rng.normal(0, 0.5) for frame in FRAMES}
    quality = measured(lambda frame: ring(100.3, 80.6, radii[frame]))
    r = np.array([radii[frame] for frame in FRAMES])
    expected = math.sqrt(float(np.mean(np.diff(r, 2) ** 2)) / 6)
    inner = [frame.flicker_px for frame in quality.frames[1:-1]]
    assert math.sqrt(float(np.mean(np.square(inner)))) == pytest.approx(expected, rel=0.03)
    assert quality.rms("mask_flicker_px") < 0.01
    assert quality.shapes[0].control_jitter_px == pytest.approx(expected / math.sqrt(2), rel=0.03)


def test_a_point_that_runs_along_the_edge_slides() -> None:
    def one_slides(frame: int) -> tuple[ControlPoint, ...]:
        points = list(ring(100.3, 80.6, 40))
        points[2] = ring(100.3, 80.6, 40, 0.1 * (frame % 2))[2]
        return tuple(points)

    assert measured(one_slides).shapes[0].slide_px > 0.3


def test_the_worst_frame_comes_first_with_its_reason_in_words() -> None:
    def one_bad(frame: int) -> tuple[ControlPoint, ...]:
        points = list(ring(100.3, 80.6, 40))
        if frame == 4:
            points[0] = points[0]._replace(x=points[0].x + 6)
        if frame == 7:
            points[0], points[1] = points[1], points[0]
        return tuple(points)

    quality = measured(one_bad)
    assert [one.frame for one in quality.look_first] == [7, 4]
    assert any("crosses itself" in reason for reason in quality.look_first[0].reasons)
    assert any("outline off by" in reason for reason in quality.look_first[1].reasons)


def test_kinks_crowded_points_long_handles_and_flips_are_counted() -> None:
    def faulty(frame: int) -> tuple[ControlPoint, ...]:
        points = list(ring(100.3, 80.6, 40))
        kink = points[3]
        c, s = math.cos(math.radians(10)), math.sin(math.radians(10))
        points[3] = kink._replace(out_x=kink.out_x * c - kink.out_y * s, out_y=kink.out_x * s + kink.out_y * c)
        points[5] = points[5]._replace(out_x=points[5].out_x * 4, out_y=points[5].out_y * 4)
        points.append(points[7]._replace(x=points[7].x + 1.5))
        return tuple(points if frame != 6 else points[::-1])

    (shape,) = measured(faulty).shapes
    assert shape.kinks >= 8
    assert shape.too_close == 9
    assert shape.long_handles >= 8
    assert shape.flips == 1


def test_a_shape_missing_and_a_ghost_are_told() -> None:
    plate = Plate(WIDTH, HEIGHT, FrameRange(1, 3))
    shape = Shape("disc", (ShapeKeyframe(1, ring(100, 80, 40)),), FrameRange(1, 2))
    mattes = [(1, np.zeros((HEIGHT, WIDTH), np.float32)), (2, circle(100, 80, 40)), (3, circle(100, 80, 40))]
    quality = measure_quality(Roto(plate, (shape,)), mattes, 0.5)
    told = {one.frame: one.reasons for one in quality.look_first}
    assert "masks are empty" in told[1][0]
    assert "nothing is drawn" in told[3][0]
    assert 2 not in told
    assert quality.frames[0].max_px is None


def source(name: str = "disc") -> ReportSource:
    plate = Plate(WIDTH, HEIGHT, FrameRange(FRAMES[0], FRAMES[-1]))
    keys = tuple(ShapeKeyframe(frame, ring(100.3 + frame / 4, 80.6, 40)) for frame in (1, 9))
    roto = Roto(plate, (Shape(name, keys, plate.frames),))

    def outlines(matte: NDArray[np.float32]) -> list[NDArray[np.float64]]:
        return [one.points for one in outlines_to_match(matte, (WIDTH, HEIGHT))]

    return ReportSource(name, roto, measure_quality(roto, masks(), 0.5), lambda _: circle(100.3, 80.6, 40), outlines)


def test_a_page_stands_alone_and_shows_the_worst_frame() -> None:
    page = html_report(source())
    assert page.count("<img") == page.count('src="data:image/jpeg;base64,') >= 8
    assert not re.search(r"https?:|<script|<link|@import|url[(]", page)
    assert 'id="frame9"' in page
    assert 'href="#frame9"' in page
    assert "keyframe 1<" in page


def test_names_cannot_break_a_page() -> None:
    page = html_report(source("<b>&disc"))
    assert "<b>&disc" not in page
    assert "&lt;b&gt;&amp;disc" in page


def test_the_numbers_as_json_hold_every_frame_and_shape(tmp_path: Path) -> None:
    write_report(str(tmp_path / "q.json"), source())
    facts = json.loads((tmp_path / "q.json").read_text())
    assert [frame["frame"] for frame in facts["frames"]] == list(FRAMES)
    assert facts["shapes"][0]["keyframes"] == [1, 9]
    assert facts["summary"]["max_px"] == pytest.approx(9 / 4, abs=0.15)
    assert facts["look_first"][0]["frame"] == 9


def test_an_outline_far_off_comes_before_a_small_loop() -> None:
    named = ranked([(1, reasons_of_crossings(1)), (2, reasons_of_distance(36.9, 0.9, 1.0)), (3, [])])
    assert [one.frame for one in named] == [2, 1]
    assert named[0].reasons == ("outline off by 36.9 px at the worst place",)
    assert reasons_of_distance(1.9, 0.9, 1.0) == []
    assert reasons_of_distance(1.9, 1.5, 1.0)[0][1] == "a twentieth of the outline off by 1.5 px"


def test_all_of_a_handful_of_frames_are_named_though_they_lie_side_by_side() -> None:
    named = ranked((frame, reasons_of_distance(2.5 + frame, 0.9, 1.0)) for frame in range(5))
    assert [one.frame for one in named] == [4, 3, 2, 1, 0]


def test_of_many_frames_one_stands_for_those_beside_it_and_little_trouble_is_left_out() -> None:
    off_px = {frame: 3.0 + frame / 100 for frame in range(60)}
    off_px |= {10: 20.0, 11: 19.0, 12: 18.0, 13: 17.0, 30: 15.0, 50: 14.0, 40: 13.0, 45: 12.0, 20: 11.0, 35: 9.0}
    named = ranked((frame, reasons_of_distance(off, 0.9, 1.0)) for frame, off in off_px.items())
    assert [one.frame for one in named] == [10, 13, 30, 50, 40, 45, 20]


def test_a_disc_as_wide_as_what_was_drawn_through_fits_between_drawn_and_mask() -> None:
    drawn = circle(50, 50, 30)
    turns = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    rim, hole = ([50.0, 50.0] + np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius for radius in (30, 8))
    assert widest_between(drawn, [rim]) <= 1
    assert widest_between(drawn, [rim, hole]) == pytest.approx(8, abs=1)
    assert widest_between(drawn, []) == pytest.approx(30, abs=1)
    assert widest_between(drawn, [rim, hole], lambda points: points[:, 0] < 50) == pytest.approx(4, abs=1)
