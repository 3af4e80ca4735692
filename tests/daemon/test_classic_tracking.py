"""How well the classic engine follows an object whose exact mask is known: a textured blob before a moving ground."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from roto_daemon.engines import Direction, EnginePrompt, Matte, Picture
from roto_daemon.engines.classic import ClassicEngine
from roto_shapes.shot import FrameRange

Mask = NDArray[np.bool_]
FRAMES = FrameRange(1, 10)


def texture(seed: int, low: tuple[int, int, int], high: tuple[int, int, int], size: tuple[int, int]) -> Picture:
    """Paint blotches of three sizes between two colours."""
    random = np.random.default_rng(seed)
    height, width = size
    blend = np.zeros(size)
    for cell, strength in ((24, 0.4), (9, 0.35), (3, 0.25)):
        blend += strength * cv2.resize(random.random((height // cell + 2, width // cell + 2)), (width, height))
    return np.asarray(np.array(low) + (np.array(high) - np.array(low)) * blend[..., None], np.uint8)


class Composite:
    """A lobed blob that moves, turns and swells, with a hole, over a ground that pans the other way."""

    def __init__(self, width: int = 480, height: int = 270) -> None:
        self.frames = FRAMES
        self.size = (width, height)
        self.read: list[int] = []
        self._unit = height / 270
        self._ground = texture(1, (20, 60, 20), (120, 150, 90), (height, width + 200))
        self._object = texture(2, (90, 50, 40), (230, 140, 120), (height * 2, width * 2))

    def coverage(self, frame: int) -> Matte:
        width, height = self.size
        rows, columns = (np.indices((height * 2, width * 2)) + 0.5) / 2
        step = frame - 1
        x, y = (columns / self._unit - 180 - 5 * step), (rows / self._unit - 130 - 1.5 * step)
        angle = np.arctan2(y, x) + 0.03 * step
        radius = (62 + 0.6 * step) * (1 + 0.22 * np.cos(3 * angle) + 0.1 * np.cos(5 * angle))
        away = np.hypot(x, y)
        fine = ((away < radius) & (away > 14)).astype(np.float32)
        return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), np.float32)

    def truth(self, frame: int) -> Mask:
        return np.asarray(self.coverage(frame) >= 0.5, bool)

    def picture(self, frame: int) -> Picture:
        self.read.append(frame)
        width, height = self.size
        step = frame - 1
        pan = int(2 * step)
        ground = self._ground[:, pan : pan + width].astype(np.float32)
        pivot = (180 * self._unit, 130 * self._unit)
        turn = np.asarray(cv2.getRotationMatrix2D(pivot, np.degrees(0.03 * step), 1 + 0.01 * step), np.float64)
        turn[:, 2] += np.array([5.0, 1.5]) * step * self._unit
        flesh = cv2.warpAffine(self._object, turn, (width, height)).astype(np.float32)
        alpha = self.coverage(frame)[..., None]
        noise = np.random.default_rng(frame).normal(0, 2, (height, width, 3))
        return np.clip(flesh * alpha + ground * (1 - alpha) + noise, 0, 255).astype(np.uint8)


def overlap(found: Mask, truth: Mask) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def boundary_score(found: Mask, truth: Mask, tolerance_px: float) -> float:
    """Return the F measure of outline pixels that lie within a distance of the other outline."""
    rims = [each & ~ndimage.binary_erosion(each) for each in (found, truth)]
    near = [ndimage.distance_transform_edt(~rim) <= tolerance_px for rim in rims]
    precision, recall = (rims[0] & near[1]).sum() / rims[0].sum(), (rims[1] & near[0]).sum() / rims[1].sum()
    return float(2 * precision * recall / (precision + recall))


def carried_by_flow_alone(plate: Composite) -> dict[int, Mask]:
    """Warp the first mask on from frame to frame at full size: what any better method has to beat."""
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    greys = {each: cv2.cvtColor(plate.picture(each), cv2.COLOR_RGB2GRAY) for each in FRAMES}
    rows, columns = np.indices(greys[1].shape, np.float32)
    soft, found = plate.coverage(1), {}
    for frame in range(2, FRAMES.last + 1):
        flow = solver.calc(greys[frame], greys[frame - 1], np.zeros((*rows.shape, 2), np.float32))
        soft = np.asarray(cv2.remap(soft, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR), np.float32)
        found[frame] = soft >= 0.5
    return found


def points(*places: tuple[float, float], off: tuple[tuple[float, float], ...] = ()) -> EnginePrompt:
    return EnginePrompt(np.array([*places, *off], float), np.array([True] * len(places) + [False] * len(off)))


def mattes(plate: Composite, prompt: EnginePrompt, frames: FrameRange = FRAMES) -> dict[int, Matte]:
    session = ClassicEngine().open(plate)
    session.set_prompt(1, frames.first, prompt)
    return {each.frame: each.matte for each in session.propagate(1, frames, Direction.FORWARD)}


@pytest.fixture(scope="module")
def tracked() -> dict[int, Matte]:
    plate = Composite()
    return mattes(plate, EnginePrompt(mask=plate.coverage(1)))


def test_the_edge_is_kept_better_than_by_flow_alone(tracked: dict[int, Matte]) -> None:
    plate = Composite()
    rival = carried_by_flow_alone(plate)
    ours = {frame: tracked[frame] >= 0.5 for frame in rival}
    scores = [float(np.mean([overlap(each[f], plate.truth(f)) for f in rival])) for each in (ours, rival)]
    edges = [float(np.mean([boundary_score(each[f], plate.truth(f), 1.5) for f in rival])) for each in (ours, rival)]
    assert scores[0] > max(0.985, scores[1])
    assert edges[0] > max(0.97, edges[1])


def test_the_measures_see_a_mask_that_lags_by_two_pixels() -> None:
    truth = Composite().truth(1)
    late = np.roll(truth, 2, axis=1)
    assert overlap(late, truth) < 0.975
    assert boundary_score(late, truth, 1.5) < 0.9


def test_the_half_level_of_a_matte_is_an_unbiased_edge(tracked: dict[int, Matte]) -> None:
    plate = Composite()
    wrong = [abs(float(tracked[f].sum()) - float(plate.coverage(f).sum())) for f in (2, 6, 10)]
    rims = [float((plate.truth(f) & ~ndimage.binary_erosion(plate.truth(f))).sum()) for f in (2, 6, 10)]
    assert max(area / rim for area, rim in zip(wrong, rims, strict=True)) < 0.25  # px, along the whole outline


def test_a_matte_is_hard_away_from_its_edge_and_soft_on_it(tracked: dict[int, Matte]) -> None:
    truth = Composite().truth(5)
    matte = tracked[5]
    deep = ndimage.distance_transform_edt(truth) > 12
    far = ndimage.distance_transform_edt(~truth) > 12
    assert (matte[deep] == 1).all()
    assert (matte[far] == 0).all()
    assert ((matte > 0.05) & (matte < 0.95)).sum() > 200


def test_following_back_returns_to_where_it_began(tracked: dict[int, Matte]) -> None:
    plate = Composite()
    session = ClassicEngine().open(plate)
    session.set_prompt(1, 6, EnginePrompt(mask=tracked[6]))
    back = {each.frame: each.matte for each in session.propagate(1, FrameRange(1, 6), Direction.BACKWARD)}
    assert list(back) == [6, 5, 4, 3, 2, 1]
    assert overlap(back[1] >= 0.5, plate.truth(1)) > 0.97


def test_frames_between_two_prompts_lean_towards_the_nearer_one() -> None:
    plate = Composite()
    session = ClassicEngine().open(plate)
    session.set_prompt(1, 1, EnginePrompt(mask=plate.coverage(1)))
    right_half = plate.coverage(7)
    right_half[:, :210] = 0
    session.set_prompt(1, 7, EnginePrompt(mask=right_half))
    shares = {
        each.frame: float(each.matte.sum()) / float(plate.coverage(each.frame).sum())
        for each in session.propagate(1, FrameRange(1, 7), Direction.FORWARD)
    }
    assert shares[2] > 0.85
    assert shares[7] < 0.75
    assert shares[6] < (shares[2] + shares[7]) / 2


def test_runs_agree_to_the_bit_whatever_was_cut_between_them(tracked: dict[int, Matte]) -> None:
    cv2.setRNGSeed(987)
    plate = Composite()
    again = mattes(plate, EnginePrompt(mask=plate.coverage(1)), FrameRange(1, 4))
    for frame, matte in again.items():
        np.testing.assert_array_equal(matte, tracked[frame])


def test_a_changed_prompt_leaves_no_stale_frame_to_start_from() -> None:
    plate = Composite()
    session = ClassicEngine().open(plate)
    session.set_prompt(1, 1, EnginePrompt(mask=np.roll(plate.coverage(1), 60, axis=1)))
    assert len(list(session.propagate(1, FrameRange(1, 3), Direction.FORWARD))) == 3
    session.set_prompt(1, 1, EnginePrompt(mask=plate.coverage(1)))
    (last,) = session.propagate(1, FrameRange(3, 3), Direction.FORWARD)
    assert overlap(last.matte >= 0.5, plate.truth(3)) > 0.97


def test_a_cut_to_another_scene_costs_confidence() -> None:
    class Cut(Composite):
        def picture(self, frame: int) -> Picture:
            whole = super().picture(frame)
            return whole if frame < 3 else np.ascontiguousarray(whole[::-1, ::-1] // 2)

    plate = Cut()
    session = ClassicEngine().open(plate)
    session.set_prompt(1, 1, EnginePrompt(mask=plate.coverage(1)))
    steady, cut = (each.confidence for each in list(session.propagate(1, FrameRange(1, 3), Direction.FORWARD))[1:])
    assert steady > 0.6
    assert cut < steady / 2


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 200), (64, 64), (333, 7)])
def test_plates_of_any_shape_are_followed(size: tuple[int, int]) -> None:
    class Strip(Composite):
        def picture(self, frame: int) -> Picture:
            return np.full((self.size[1], self.size[0], 3), 90, np.uint8)

    plate = Strip()
    plate.size = size
    session = ClassicEngine().open(plate)
    clicked = session.set_prompt(1, 1, points((size[0] / 2, size[1] / 2)))
    stated = session.set_prompt(2, 1, EnginePrompt(mask=np.ones((size[1], size[0]), np.float32)))
    boxed = session.set_prompt(3, 1, EnginePrompt(box=(0, 0, size[0], size[1])))
    assert clicked.matte.shape == stated.matte.shape == boxed.matte.shape == (size[1], size[0])
    for each in (1, 2, 3):
        assert len(list(session.propagate(each, FrameRange(1, 2), Direction.FORWARD))) == 2
