"""What the composites and their measures promise: engines are judged by them."""

from __future__ import annotations

import numpy as np
import pytest
from composites import EASY, HARD, WIDTH, clip
from tracking_measures import boundary_f, overlap

SMALL = (240, 135)


@pytest.mark.parametrize("name", [*EASY, *HARD])
def test_a_clip_is_the_same_every_time_and_its_object_is_on_the_first_frame(name: str) -> None:
    once, again = clip(name, 1, SMALL), clip(name, 1, SMALL)
    np.testing.assert_array_equal(once.picture(4), again.picture(4))
    assert once.picture(4).shape == (*SMALL[::-1], 3)
    assert once.truth(1).any()


@pytest.mark.parametrize("name", EASY)
def test_an_object_in_sight_stays_in_sight_and_moves(name: str) -> None:
    plate = clip(name, 2, SMALL)
    first, last = plate.truth(1), plate.truth(30)
    assert 0.5 < np.count_nonzero(last) / np.count_nonzero(first) < 2
    assert overlap(first, last) < 0.95


def test_the_fast_object_moves_more_than_twenty_pixels_a_frame() -> None:
    plate = clip("fast", 1)
    centres = [np.argwhere(plate.truth(frame)).mean(0) for frame in (2, 3)]
    assert WIDTH / 4 > np.linalg.norm(centres[1] - centres[0]) > 20


def test_the_hidden_object_goes_and_comes_back() -> None:
    areas = [np.count_nonzero(clip("hidden", 1, SMALL).truth(frame)) for frame in (1, 15, 30)]
    assert areas[1] == 0
    assert areas[2] > 0.5 * areas[0]


def test_the_measures_see_a_mask_that_lags_behind() -> None:
    truth = clip("fish", 1).truth(1)
    assert overlap(truth, truth) == boundary_f(truth, truth, 4) == 1
    late = np.roll(truth, 5, axis=1)
    assert overlap(late, truth) < 0.96
    assert boundary_f(late, truth, 1) < 0.6 < boundary_f(late, truth, 6)


def test_the_measures_agree_that_nothing_is_nothing() -> None:
    truth = clip("fish", 1, SMALL).truth(1)
    nothing = np.zeros_like(truth)
    assert overlap(nothing, nothing) == boundary_f(nothing, nothing, 4) == 1
    assert overlap(nothing, truth) == boundary_f(nothing, truth, 4) == 0
