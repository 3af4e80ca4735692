"""Confidence: low where a frame needs a look, high where it does not, whatever engine made the mattes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from composites import clip
from numpy.typing import NDArray
from tracking_measures import overlap

from roto_daemon.engines import Direction, EnginePrompt
from roto_daemon.engines.classic import ClassicEngine
from roto_daemon.engines.confidence import Watch
from roto_shapes.shot import LOOK_FIRST_BELOW, FrameRange

Mask = NDArray[np.bool_]


def disc(x: float, radius: int = 20) -> Mask:
    canvas = np.zeros((120, 400), np.uint8)
    cv2.circle(canvas, (round(x), 60), radius, 1, -1)
    return canvas > 0


def judged(*masks: Mask) -> list[float]:
    watch = Watch(masks[0])
    return [watch.judge(each) for each in masks[1:]]


def test_an_object_that_goes_on_as_before_is_trusted() -> None:
    assert min(judged(*(disc(40 + 12 * step) for step in range(12)))) > 0.95


def test_an_object_that_grows_as_by_a_zoom_is_trusted() -> None:
    assert min(judged(*(disc(200, 20 + step // 5) for step in range(20)))) > 0.8


def test_a_matte_that_swallows_its_neighbour_is_not_trusted() -> None:
    both = disc(120) | disc(170) | disc(145, 22)
    assert judged(disc(116), disc(118), both)[-1] < LOOK_FIRST_BELOW


def test_an_object_eaten_up_bit_by_bit_is_not_trusted_though_each_bite_is_small() -> None:
    bitten = [disc(100) & (np.arange(400)[None] < 120 - 3 * step) for step in range(10)]
    confidence = judged(*bitten)
    assert confidence[1] > 0.9
    assert confidence[-1] < LOOK_FIRST_BELOW


def test_a_jump_to_another_place_is_not_trusted() -> None:
    assert judged(disc(40), disc(45), disc(150))[-1] < LOOK_FIRST_BELOW


def test_an_object_that_is_lost_has_no_confidence_and_wins_it_back_at_its_old_size_only() -> None:
    nothing = np.zeros((120, 400), bool)
    lost, part, whole, after = judged(disc(40), nothing, disc(100, 18), disc(101), disc(102))
    assert lost == 0
    assert 0 < part < LOOK_FIRST_BELOW
    assert min(whole, after) > LOOK_FIRST_BELOW


def test_what_the_model_and_the_frame_before_say_counts() -> None:
    watch = Watch(disc(50))
    assert watch.judge(disc(50), agreement=0.6, score=0.7) == pytest.approx(0.42)


@pytest.mark.parametrize("name", ["hidden", "grazed", "away", "twins"])
def test_no_frame_of_a_hard_clip_is_silently_wrong(name: str) -> None:
    plate = clip(name, 1, (480, 270))
    session = ClassicEngine().open(plate)
    session.set_prompt(1, 1, EnginePrompt(mask=plate.coverage(1)))
    wrong: list[float] = []
    right: list[float] = []
    for each in session.propagate(1, plate.frames, Direction.FORWARD):
        found, truth = each.matte >= 0.5, plate.truth(each.frame)
        if overlap(found, truth) < 0.8:
            wrong.append(each.confidence)
        elif truth.any():
            right.append(each.confidence)
    assert max(wrong, default=0.0) < LOOK_FIRST_BELOW
    assert float(np.mean(np.array(right) >= LOOK_FIRST_BELOW)) > 0.5


def test_a_run_that_stops_while_the_object_is_hidden_finds_it_again_when_it_goes_on() -> None:
    plate = clip("hidden", 1, (480, 270))
    session = ClassicEngine().open(plate)
    session.set_prompt(1, 1, EnginePrompt(mask=plate.coverage(1)))
    *_, hidden = session.propagate(1, FrameRange(1, 15), Direction.FORWARD)
    assert not hidden.matte.any()
    *_, back = session.propagate(1, FrameRange(16, 30), Direction.FORWARD)
    assert overlap(back.matte >= 0.5, plate.truth(30)) > 0.9


def test_an_object_that_nobody_vouched_for_is_not_trusted_where_it_comes_up() -> None:
    first, second = Watch(), Watch(np.zeros((120, 400), bool))
    for watch in (first, second):
        assert 0 < watch.judge(disc(50)) < LOOK_FIRST_BELOW < watch.judge(disc(52))
