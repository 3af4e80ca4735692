"""Corners: slight ones become control points that keep them, and tight bends do not become corners."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting import coverage, fit_shapes, shape_polyline
from roto_daemon.fitting.correspondence import match
from roto_daemon.fitting.measure import self_crossings
from roto_daemon.fitting.outline import trace_outlines
from roto_daemon.fitting.tracks import TrackLinker
from roto_shapes.curve import evaluate
from roto_shapes.shape import Shape
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
SIZE = WIDTH, HEIGHT = 260, 220
COUNT = 8
SIDES = 10
"""The polygon turns by 36 degrees at each of its corners."""


def polygon(frame: int) -> Points:
    angle = 2 * math.pi * np.arange(SIDES) / SIDES + 0.11 + 0.01 * frame
    return np.stack([120 + 2.3 * frame + 85 * np.cos(angle), 108 + 85 * np.sin(angle)], axis=1)


def rounded(frame: int, radius: float) -> Points:
    """The same with round tips."""
    corners = polygon(frame)
    turn = 2 * math.pi / SIDES
    arcs = []
    for corner in corners - corners.mean(axis=0):
        out = math.atan2(corner[1], corner[0])
        centre = corner * (1 - radius / math.cos(turn / 2) / np.linalg.norm(corner))
        angle = out + np.linspace(-turn / 2, turn / 2, 20)
        arcs.append(centre + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    line: Points = np.concatenate(arcs) + corners.mean(axis=0)
    return line


def fitted(outlines: list[Points]) -> Shape:
    mattes = ((frame, coverage(outline, *SIZE)) for frame, outline in enumerate(outlines))
    (shape,) = fit_shapes(mattes, Plate(*SIZE, FrameRange(0, len(outlines) - 1))).roto.shapes
    return shape


def test_corners_of_36_degrees_are_control_points_that_may_turn() -> None:
    shape = fitted([polygon(frame) for frame in range(COUNT)])
    for key in shape.keyframes:
        points = np.array([(point.x, point.y) for point in key.points])
        for corner in polygon(key.frame):
            apart = np.linalg.norm(points - corner, axis=1)
            assert apart.min() < 0.5
            assert key.points[int(apart.argmin())].corner


@pytest.mark.parametrize("radius", [8.0, 12.0])
def test_bends_that_turn_as_much_over_a_few_pixels_are_no_corners(radius: float) -> None:
    shape = fitted([rounded(frame, radius) for frame in range(COUNT)])
    assert not any(point.corner for key in shape.keyframes for point in key.points)


BENT = 9
"""Frames on which the arm bends."""


def bending(frame: int) -> Points:
    """A torso with a long arm that swings by 7 degrees a frame; every point is a corner."""
    c, s = math.cos(math.radians(20 - 7 * frame)), math.sin(math.radians(20 - 7 * frame))
    arm = np.array([[0.0, -12], [110, -9], [110, 9], [0, 12]]) @ np.array([[c, s], [-s, c]]) + (118, 80)
    torso = np.array([[80.0, 20], [112, 32], [122, 196], [40, 198], [48, 28]])
    moved: Points = np.vstack([torso[:2], arm, torso[2:]]) + np.array([1.5 * frame, 0.0])
    return moved


def test_the_corners_of_a_swinging_limb_stay_on_their_samples() -> None:
    linker = TrackLinker()
    for frame in range(BENT):
        linker.add(frame, trace_outlines(coverage(bending(frame), *SIZE)))
    (track,) = linker.finish()
    matched = match(track, *SIZE)
    truth = np.stack([bending(frame) for frame in range(BENT)])
    assert len(matched.corners) == truth.shape[1]
    apart = np.linalg.norm(matched.points[:, matched.corners, None] - truth[:, None], axis=-1)
    assert apart.max(axis=0).min(axis=0).max() < 0.5


def test_a_swinging_limb_has_a_control_point_at_every_corner_and_never_crosses_itself() -> None:
    shape = fitted([bending(frame) for frame in range(BENT)])
    for frame in range(BENT):
        points = np.array([(point.x, point.y) for point in evaluate(shape, frame)])
        assert np.linalg.norm(points[:, None] - bending(frame), axis=-1).min(axis=0).max() < 1.5
        assert not self_crossings(shape_polyline(shape, frame))


OPENING, OPENS, OPEN = 18, 4, 10
"""Frames of a corner that opens from one of them to another."""


def opening(frame: int) -> Points:
    """A box one of whose corners opens until its two sides are nearly one."""
    share = min(max((frame - OPENS) / (OPEN - OPENS), 0.0), 1.0)
    moved: Points = np.array([[40.0, 30], [190 - 110 * share, 40 + 12 * share], [200, 150], [50, 160]]) + 2.0 * frame
    return moved


def test_a_corner_that_opens_has_its_control_point_while_it_is_one() -> None:
    shape = fitted([opening(frame) for frame in range(OPENING)])
    assert shape.point_count <= 5
    for frame in range(OPEN - 2):
        points = np.array([(point.x, point.y) for point in evaluate(shape, frame)])
        assert np.linalg.norm(points[:, None] - opening(frame), axis=-1).min(axis=0).max() < 1.5


def wavering(frame: int, turns: int) -> Points:
    """A box whose long side has a tip in the middle, outwards, or inwards on the last frames."""
    tip = 22 if frame < COUNT - turns else -22
    moved: Points = np.array([[40.0, 60], [120, 60 - tip], [200, 60], [200, 160], [40, 160]]) + 1.5 * frame
    return moved


@pytest.mark.parametrize(("turns", "corners"), [(0, 5), (COUNT // 2, 4)])
def test_what_turns_left_on_some_frames_and_right_on_others_is_no_corner(turns: int, corners: int) -> None:
    linker = TrackLinker()
    for frame in range(COUNT):
        linker.add(frame, trace_outlines(coverage(wavering(frame, turns), *SIZE)))
    (track,) = linker.finish()
    assert len(match(track, *SIZE).corners) == corners
