"""Samples keep to their spot of the object, measured on outlines whose material points are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from roto_daemon.fitting import FitOptions, coverage, fit_shapes
from roto_daemon.fitting.correspondence import Matched, match
from roto_daemon.fitting.flow import PlateFlow
from roto_daemon.fitting.outline import trace_outlines
from roto_daemon.fitting.tracks import TrackLinker
from roto_shapes.shot import FrameRange, Plate

Points = NDArray[np.float64]
WIDTH, HEIGHT = 300, 260
FRAMES = 20
MIDDLE = np.array([150.0, 130.0])


def polar(reach: Callable[[Points], Points]) -> Points:
    angle = np.linspace(0, 2 * math.pi, 1800, endpoint=False)
    points: Points = reach(angle)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points


def turned(points: Points, degrees: float) -> Points:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    placed: Points = points @ np.array([[c, s], [-s, c]])
    return placed


def nearly_round(angle: Points) -> Points:
    return 90 * (1 + 0.04 * np.cos(2 * angle) + 0.02 * np.sin(3 * angle))


def drop(angle: Points) -> Points:
    away = np.abs((angle + math.pi) % (2 * math.pi) - math.pi)
    return 80 * (1 + 0.28 * np.exp(-away / 0.12))


def lobed(angle: Points) -> Points:
    return 75 * (1 + 0.2 * np.cos(3 * angle) + 0.1 * np.sin(5 * angle))


def matched(outlines: Callable[[int], Points], frames: int = FRAMES) -> Matched:
    linker = TrackLinker()
    for frame in range(frames):
        linker.add(frame, trace_outlines(coverage(outlines(frame), WIDTH, HEIGHT)))
    (track,) = linker.finish()
    return match(track, WIDTH, HEIGHT)


def slip_px(samples: Matched, outlines: Callable[[int], Points]) -> float:
    """Return how far samples wander along the object, RMS about the spot where each is on average."""
    spots = []
    for points, frame in zip(samples.points, samples.frames, strict=True):
        truth = outlines(int(frame))
        _, near = cKDTree(truth).query(points)
        spots.append(np.exp(2j * math.pi * near / len(truth)))
    around = np.array(spots)
    middle = around.mean(axis=0)
    length = float(np.linalg.norm(np.diff(outlines(0), axis=0), axis=1).sum())
    wander = np.angle(around * np.conj(middle)) / (2 * math.pi) * length
    return float(np.sqrt((wander**2).mean()))


@pytest.mark.parametrize(("reach", "degrees"), [(lobed, 8.0), (nearly_round, 3.0), (drop, 8.0), (drop, 3.0)])
def test_samples_keep_to_their_spot_of_an_object_that_turns(reach: Callable[[Points], Points], degrees: float) -> None:
    def outlines(frame: int) -> Points:
        return MIDDLE + turned(polar(reach), degrees * frame)

    assert slip_px(matched(outlines), outlines) < 0.7


def test_samples_keep_to_their_spot_of_an_object_that_grows_and_wanders() -> None:
    def outlines(frame: int) -> Points:
        wandered: Points = MIDDLE + np.array([40 * math.sin(0.4 * frame), 20 * math.cos(0.3 * frame)])
        return wandered + polar(lobed) * (0.6 + 0.02 * frame)

    assert slip_px(matched(outlines), outlines) < 0.7


def test_the_measure_of_slip_sees_samples_that_stay_while_the_object_turns() -> None:
    def still(frame: int) -> Points:
        del frame
        return MIDDLE + polar(lobed)

    def turning(frame: int) -> Points:
        return MIDDLE + turned(polar(lobed), 2.0 * frame)

    assert slip_px(matched(still), turning) > 10


def passing(frame: int) -> NDArray[np.float32]:
    """Draw a body, and an arm that swings in front of it, out of sight, and out on the other side."""
    body = MIDDLE + polar(lambda angle: 70 + 0 * angle) * (0.6, 1.0)
    arm = MIDDLE - (0, 30) + turned(polar(lambda angle: 1 + 0 * angle) * (45, 9) + (45, 0), 20 + 8 * frame)
    drawn: NDArray[np.float32] = np.maximum(coverage(body, WIDTH, HEIGHT), coverage(arm, WIDTH, HEIGHT))
    return drawn


def test_one_shape_lasts_while_a_limb_hides_before_the_body_and_comes_out_again() -> None:
    plate = Plate(WIDTH, HEIGHT, FrameRange(0, FRAMES - 1))
    result = fit_shapes(((f, passing(f)) for f in range(FRAMES)), plate, FitOptions(1.0))
    assert [shape.lifetime for shape in result.roto.shapes if not shape.invert] == [plate.frames]


def test_samples_of_a_hidden_limb_crowd_on_the_outline_in_order_and_none_fall_together() -> None:
    linker = TrackLinker()
    for frame in range(FRAMES):
        linker.add(frame, trace_outlines(passing(frame)))
    samples = match(max(linker.finish(), key=lambda track: track.weight), WIDTH, HEIGHT)
    steps = np.linalg.norm(np.roll(samples.points, -1, axis=1) - samples.points, axis=-1)
    assert steps.min() > 0.05 * samples.spacing_px
    assert steps.max() < 4 * samples.spacing_px
    for frame in range(FRAMES):
        (largest, *_) = trace_outlines(passing(frame))
        away, _ = cKDTree(largest.points).query(samples.points[frame])
        assert np.median(away) < 0.5


def textured(seed: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).uniform(0, 255, (400, 400)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.5), np.float32)
    return np.clip((smooth - 127) * 5 + 127, 0, 255)


SURFACE, BACKGROUND = textured(3), textured(4)


def centre(frame: int) -> Points:
    placed: Points = MIDDLE + np.array([frame, 0])
    return placed


def ball(frame: int) -> Points:
    return centre(frame) + polar(lambda angle: 80 + 0 * angle)


def spinning(frame: int, degrees: float) -> NDArray[np.uint8]:
    """Draw a ball that rolls before a textured background, as the camera would see it."""
    move = cv2.getRotationMatrix2D((200, 200), -degrees * frame, 1)
    move[:, 2] = move[:, 2] + centre(frame) - 200.5
    surface = cv2.warpAffine(SURFACE, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    shown = coverage(ball(frame), WIDTH, HEIGHT)
    grey = surface * shown + BACKGROUND[:HEIGHT, :WIDTH] * (1 - shown)
    return np.dstack([grey] * 3).astype(np.uint8)


@pytest.mark.parametrize("degrees", [3.0, -6.0])
def test_with_the_plate_points_follow_a_spin_that_the_outline_does_not_show(degrees: float) -> None:
    def truth(frame: int) -> Points:
        return centre(frame) + turned(ball(frame) - centre(frame), degrees * frame)

    linker = TrackLinker()
    for frame in range(FRAMES):
        linker.add(frame, trace_outlines(coverage(ball(frame), WIDTH, HEIGHT)))
    (track,) = linker.finish()
    flow = PlateFlow(lambda frame: spinning(frame, degrees), (WIDTH, HEIGHT))
    assert slip_px(match(track, WIDTH, HEIGHT, flow), truth) < 3
    assert slip_px(match(track, WIDTH, HEIGHT), truth) > 10


def test_a_plate_without_frames_changes_nothing() -> None:
    plate = Plate(WIDTH, HEIGHT, FrameRange(0, 3))
    mattes = [(frame, coverage(ball(frame), WIDTH, HEIGHT)) for frame in range(4)]
    alone = fit_shapes(mattes, plate).roto
    assert fit_shapes(mattes, plate, pictures=lambda _: None).roto == alone
    spun = fit_shapes(mattes, plate, pictures=lambda frame: spinning(frame, 6.0)).roto
    assert spun != alone
