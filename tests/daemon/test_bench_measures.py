"""The measures of the shape benchmark see a wrong answer, and the right one measures next to nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from shape_clips import FAMILIES, Array, Clip, clips_of, curve, draw, turned
from shape_measures import (
    Drawing,
    DrawnOutline,
    Edge,
    Faults,
    boil_px,
    compare,
    content_faults,
    economy,
    editability,
    flicker_px,
    largest_loop_px2,
    material_errors,
    missed_corners,
    parts_and_holes,
    shape_faults,
    slip_px,
)

from roto_daemon.fitting import coverage

SIZE = (200, 160)
ARM = 4 / 3 * math.tan(math.pi / 8)
"""Handle of a quarter of the unit circle."""


def disc(x: float, y: float, radius: float) -> Array:
    angle = np.arange(4) * math.pi / 2
    place = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    way = np.stack([-np.sin(angle), np.cos(angle)], axis=1) * ARM
    return np.concatenate([place * radius + (x, y), -way * radius, way * radius], axis=1)


def drawing_of(at: Callable[[int], Array], frames: range = range(5)) -> Drawing:
    return Drawing(
        {frame: [DrawnOutline("one", at(frame))] for frame in frames}, {"one": tuple({frames[0], frames[-1]})}
    )


def truth_of(clip: Clip) -> Drawing:
    """Draw a clip exactly as its truth is."""
    frames = {
        frame: [
            DrawnOutline(f"s{number}", shape.at(frame), shape.hole)
            for number, shape in enumerate(clip.shapes)
            if shape.lives(frame)
        ]
        for frame in clip.frames
    }
    return Drawing(frames, {f"s{number}": (shape.first, shape.last) for number, shape in enumerate(clip.shapes)})


def test_a_disc_moved_by_a_pixel_lies_a_pixel_away_at_most_and_two_thirds_on_average() -> None:
    here, there = (coverage(curve(disc(x, 80, 40)), *SIZE) for x in (100.0, 101.0))
    found = compare(there, here)
    assert found is not None
    assert found.hd_px == pytest.approx(1, abs=0.03)
    assert found.mean_px == pytest.approx(2 / math.pi, abs=0.02)
    assert found.bias_px == pytest.approx(0, abs=0.01)


def test_a_larger_disc_is_too_fat_by_what_its_radius_grew() -> None:
    small, large = (coverage(curve(disc(100, 80, radius)), *SIZE) for radius in (40.0, 40.5))
    found = compare(large, small)
    assert found is not None
    assert found.bias_px == pytest.approx(0.5, abs=0.02)
    assert found.mean_px == pytest.approx(0.5, abs=0.02)


def test_one_moved_point_raises_the_largest_distance_and_hardly_the_mean() -> None:
    moved = disc(100, 80, 40)
    moved[0, 0] += 3
    found = compare(coverage(curve(moved), *SIZE), coverage(curve(disc(100, 80, 40)), *SIZE))
    assert found is not None
    assert found.hd_px == pytest.approx(3, abs=0.1)
    assert found.mean_px < 1


def test_distances_to_an_edge_are_exact() -> None:
    edge = Edge.of_lines([np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])], closed=True)
    assert edge.distances(np.array([[5.0, -2], [13, 14], [5, 4.5]])) == pytest.approx([2, 5, 4.5])


def test_an_edge_along_the_border_is_none() -> None:
    matte = np.zeros((20, 30), np.float32)
    matte[:, :10] = 1
    edge = Edge.of_matte(matte)
    assert edge.lengths.sum() == pytest.approx(19)
    assert edge.middles[:, 0] == pytest.approx(10)


def test_white_noise_of_a_sigma_boils_by_that_sigma_and_steady_motion_does_not() -> None:
    random = np.random.default_rng(5)
    assert boil_px(random.normal(0, 0.7, (60, 400))) == pytest.approx(0.7, rel=0.03)
    assert boil_px(np.linspace(0, 4, 30)[:, None] + np.zeros((30, 8))) == pytest.approx(0, abs=1e-9)


def test_the_errors_at_material_points_are_signed_and_those_of_the_truth_are_none() -> None:
    (clip,) = clips_of("clean", 1)
    shape = clip.shapes[0]
    frames = clip.frames[:3]
    true = [Edge.of_matte(clip.truth(frame)) for frame in frames]
    assert np.nanmax(np.abs(material_errors(shape, frames, true, true))) < 1e-9
    larger = replace(shape, at=lambda frame: shape.at(frame) + np.array([1.0, 0, 0, 0, 0, 0]))
    moved = [Edge.of_matte(draw((larger,), frame, clip.size)) for frame in frames]
    errors = material_errors(shape, frames, moved, true)
    assert np.nanmin(errors) == pytest.approx(-1, abs=0.1)
    assert np.nanmax(errors) == pytest.approx(1, abs=0.1)


def test_an_edge_that_trembles_flickers_and_one_that_travels_does_not() -> None:
    def edges(xs: list[float]) -> list[Edge]:
        return [Edge.of_lines([curve(disc(x, 80, 40))], closed=True) for x in xs]

    assert flicker_px(edges([100.0, 100.4, 100.8, 101.2])) < 0.02
    assert flicker_px(edges([100.0, 100.4, 100.0, 100.4])) > 0.2


def test_a_shape_that_turns_inside_out_is_a_flip() -> None:
    drawing = drawing_of(lambda frame: disc(100, 80, 40) * ([1, 1 if frame < 3 else -1] * 3))
    assert shape_faults(drawing).flips == 1
    assert shape_faults(drawing_of(lambda frame: disc(100 + frame, 80, 40))).flips == 0


def test_a_loop_is_found_with_its_area() -> None:
    bow = np.array([[0.0, 0], [10, 0], [10, 4], [6, -4], [6, 4], [0, 4]])
    fine = np.concatenate([np.linspace(a, b, 9, endpoint=False) for a, b in zip(bow, np.roll(bow, -1, axis=0))])
    assert largest_loop_px2(fine) == pytest.approx(0.5 * 2 * 4 + 0, rel=0.6)
    assert largest_loop_px2(curve(disc(100, 80, 40))) == 0


def test_a_frame_with_crossed_handles_is_a_fault() -> None:
    crossed = disc(100, 80, 40)
    crossed[1, :2] = crossed[3, :2] + (0, -20)
    drawing = drawing_of(lambda frame: crossed if frame == 2 else disc(100, 80, 40))
    assert shape_faults(drawing).loops == 1


def test_ghosts_missing_frames_and_wrong_holes_are_faults() -> None:
    nothing = np.zeros((160, 200), np.float32)
    full = coverage(curve(disc(100, 80, 40)), *SIZE)
    ring = full * (1 - coverage(curve(disc(100, 80, 10)), *SIZE))
    assert (parts_and_holes(nothing), parts_and_holes(full), parts_and_holes(ring)) == ((0, 0), (1, 0), (1, 1))
    faults = Faults()
    for drawn, there in ((nothing, full), (full, nothing), (ring, full), (full, full)):
        content_faults(faults, 7, drawn, there)
    assert (faults.missing, faults.ghosts, faults.parts, faults.total) == (1, 1, 1, 3)


def test_points_that_run_along_the_outline_slip_and_points_that_stay_do_not() -> None:
    (clip,) = clips_of("clean", 1)
    assert slip_px(truth_of(clip), clip) < 0.01
    shape = clip.shapes[0]

    def running(frame: int) -> Array:
        places = shape.material(frame)[frame::10][:6]
        return np.concatenate([places, np.zeros((len(places), 4))], axis=1)

    assert slip_px(drawing_of(running, clip.frames), clip) > 10


def test_corners_without_a_control_point_are_missed() -> None:
    (clip,) = clips_of("corners", 1)
    edges = [Edge.of_matte(clip.truth(frame)) for frame in clip.frames]
    drawing = truth_of(clip)
    missed, known = missed_corners(drawing, clip, edges)
    assert (missed, known) == (0, sum(len(clip.shapes[0].corners(frame)) for frame in clip.frames))
    gone = {
        frame: [replace(o, controls=np.delete(o.controls, 3, axis=0)) for o in drawn]
        for frame, drawn in drawing.frames.items()
    }
    assert missed_corners(replace(drawing, frames=gone), clip, edges)[0] == len(clip.frames)


def test_kinks_long_handles_and_close_points_are_counted() -> None:
    bad = disc(100, 80, 40)
    assert editability(drawing_of(lambda _: bad)) == editability(drawing_of(lambda _: disc(100, 80, 40)))
    bad[0, 4:6] = turned(bad[0, 4:6], math.radians(8))
    bad[2, 4:6] *= 4
    bad = np.concatenate([bad, bad[3:] + np.array([0.5, 0.5, 0, 0, 0, 0])])
    found = editability(drawing_of(lambda _: bad, range(1, 2)))
    assert found.kinks >= 1
    assert found.long_handles >= 1
    assert (found.close, found.too_close) == (1, 1)


def test_points_that_are_new_on_every_frame_do_not_persist() -> None:
    new = Drawing(
        {frame: [DrawnOutline(f"f{frame}", disc(90, 80, 30))] for frame in range(4)},
        {f"f{frame}": (frame,) for frame in range(4)},
    )
    assert economy(new).persistence == 0
    assert (economy(new).keys, economy(new).numbers) == (4, 4 * 25)
    kept = economy(drawing_of(lambda _: disc(90, 80, 30), range(4)))
    assert (kept.persistence, kept.keys, kept.numbers, kept.points) == (1, 2, 50, 4)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in {"real", "uhd"}])
def test_a_seed_makes_the_same_clip_again_and_its_truth_has_no_faults(family: str) -> None:
    for clip, again in zip(clips_of(family, 1), clips_of(family, 1), strict=True):
        frame = clip.frames[9]
        assert np.array_equal(clip.given(frame), again.given(frame))
        assert shape_faults(truth_of(clip)).total == 0
