"""What the plate says about motion along an outline, against motion that the pictures were drawn with."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting.flow import Guidance, PlateFlow
from roto_daemon.fitting.ring import Ring, trace_ring

Points = NDArray[np.float64]
Picture = NDArray[np.uint8]
SAMPLES = 120


def noise(seed: int, side: int, soft_px: float) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).uniform(0, 255, (side, side)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(made, (0, 0), soft_px), np.float32)
    contrasty: NDArray[np.float32] = np.clip((smooth - 127) * 2 * soft_px + 127, 0, 255)
    return contrasty


def circle(middle: tuple[float, float], radius: float, count: int = 720) -> Points:
    angle = np.linspace(0, 2 * math.pi, count, endpoint=False)
    outline: Points = middle + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return outline


def turned(points: Points, about: tuple[float, float], degrees: float) -> Points:
    """Turn clockwise on screen: y runs down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    placed: Points = (points - about) @ np.array([[c, s], [-s, c]]) + about
    return placed


class Ball:
    """A textured ball that moves and spins from picture 0 to picture 1, before a background that moves otherwise."""

    def __init__(
        self,
        size: tuple[int, int] = (320, 260),
        middle: tuple[float, float] = (150.0, 130.0),
        radius: float = 80.0,
        move: tuple[float, float] = (0.0, 0.0),
        degrees: float = 0.0,
    ) -> None:
        self.size, self.middle, self.radius, self.move, self.degrees = size, middle, radius, move, degrees
        self.surface = noise(3, 2 * math.ceil(radius) + 80, max(2.0, radius / 160))
        self.background = noise(4, max(size) + 80, 2.0)

    def centre(self, frame: int) -> tuple[float, float]:
        return self.middle[0] + frame * self.move[0], self.middle[1] + frame * self.move[1]

    def picture(self, frame: int) -> Picture:
        half = self.surface.shape[0] / 2
        affine = cv2.getRotationMatrix2D((half - 0.5, half - 0.5), -self.degrees * frame, 1)
        affine[:, 2] += np.array(self.centre(frame)) - half
        ball = cv2.warpAffine(self.surface, affine, self.size)
        behind = self.background[11 * frame :, 7 * frame :][: self.size[1], : self.size[0]]
        rows, columns = np.indices(ball.shape) + 0.5
        x, y = self.centre(frame)
        inside = np.clip(self.radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)
        return np.dstack([ball * inside + behind * (1 - inside)] * 3).astype(np.uint8)

    def rings(self) -> tuple[Ring, Ring]:
        first, second = (trace_ring(circle(self.centre(frame), self.radius), 4 * SAMPLES) for frame in (0, 1))
        return first, second

    def samples(self) -> Ring:
        return self.rings()[0].some(np.linspace(0, 4 * SAMPLES, SAMPLES, endpoint=False, dtype=np.float64))

    def truth(self) -> Points:
        """Return where the spots of the surface under the samples really go."""
        there: Points = turned(self.samples().points, self.middle, self.degrees) + self.move
        return there

    def guidance(self, flow: PlateFlow | None = None) -> Guidance:
        found = (flow or PlateFlow(self.picture, self.size)).follow((0, 1), self.samples(), self.rings())
        assert found is not None
        return found


def off_px(ball: Ball, found: Guidance) -> NDArray[np.float64]:
    distance: NDArray[np.float64] = np.linalg.norm(found.points - ball.truth(), axis=1)
    return distance


@pytest.mark.parametrize(
    ("move", "degrees"), [((0.0, 0.0), 4.0), ((0.0, 0.0), -6.0), ((5.0, -3.0), 0.0), ((4.0, 6.0), 5.0)]
)
def test_samples_go_with_the_surface_that_moves_and_spins(move: tuple[float, float], degrees: float) -> None:
    ball = Ball(move=move, degrees=degrees)
    found = ball.guidance()
    assert np.percentile(off_px(ball, found), 95) < 0.6
    assert np.median(found.confidence) > 0.6


def test_an_object_in_a_corner_of_the_plate_is_seen_as_any_other() -> None:
    ball = Ball(middle=(225.0, 165.0), degrees=5.0)
    assert np.percentile(off_px(ball, ball.guidance()), 95) < 0.6


def test_an_object_larger_than_flow_looks_at_is_seen_smaller_and_told_in_plate_pixels() -> None:
    ball = Ball(size=(1500, 1400), middle=(740.0, 700.0), radius=640.0, move=(6.0, -4.0), degrees=1.5)
    found = ball.guidance()
    assert np.percentile(off_px(ball, found), 95) < 1.5
    assert np.median(found.confidence) > 0.5


def test_a_surface_without_texture_is_not_trusted() -> None:
    ball = Ball(degrees=5.0)
    ball.surface[:] = 140
    assert ball.guidance().confidence.max() < 0.2


def test_texture_that_changes_only_across_the_edge_tells_nothing_of_motion_along_it() -> None:
    ball = Ball(degrees=5.0)
    half = ball.surface.shape[0] / 2
    rows, columns = np.indices(ball.surface.shape) + 0.5
    rings = 127 + 100 * np.sin(np.hypot(columns - half, rows - half) / 2.5)
    ball.surface[:] = rings.astype(np.float32)
    assert np.median(ball.guidance().confidence) < 0.2


def test_a_surface_that_changes_between_the_frames_is_not_trusted() -> None:
    ball, other = Ball(degrees=3.0), Ball(degrees=3.0)
    other.surface = noise(9, ball.surface.shape[0], 2.0)
    flow = PlateFlow(lambda frame: (other if frame else ball).picture(frame), ball.size)
    assert np.median(ball.guidance(flow).confidence) < 0.35
    assert np.median(ball.guidance().confidence) > 0.6


def test_where_a_part_of_the_surface_cannot_be_seen_it_goes_with_the_rest() -> None:
    ball = Ball(move=(3.0, 0.0), degrees=5.0)

    def stained(frame: int) -> Picture:
        picture = ball.picture(frame)
        picture[:, int(ball.centre(frame)[0]) + 55 :] = 200
        return picture

    found = ball.guidance(PlateFlow(stained, ball.size))
    plain = ball.samples().points[:, 0] > ball.middle[0] + 68
    assert found.confidence[plain].max() < 0.2
    assert np.percentile(off_px(ball, found)[plain], 95) < 3


def test_nothing_is_said_without_a_picture_or_of_an_object_too_small_to_see() -> None:
    ball = Ball()
    for there in (0, 1):
        pictures = {there: ball.picture(there)}
        assert PlateFlow(pictures.get, ball.size).follow((0, 1), ball.samples(), ball.rings()) is None
    assert PlateFlow(ball.picture, ball.size).follow((0, 1), (dot := Ball(radius=3.0)).samples(), dot.rings()) is None
    beside = Ball(middle=(-200.0, 130.0))
    assert PlateFlow(ball.picture, ball.size).follow((0, 1), beside.samples(), beside.rings()) is None
