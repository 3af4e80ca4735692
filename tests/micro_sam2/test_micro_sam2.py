"""The micro SAM 2 through the package's own predictor: what its masks are worth on clips that it has never seen."""

from __future__ import annotations

from collections.abc import Iterator

import judge
import micro_model
import numpy as np
import pytest
import safetensors.torch
import torch
from clips import Clip, clicks_on, make_clip
from numpy.typing import NDArray
from torch import nn

Masks = NDArray[np.bool_]


@pytest.fixture(scope="module")
def model() -> Iterator[nn.Module]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield micro_model.load()
    torch.set_num_threads(threads)


def found_by_click(model: nn.Module, clip: Clip) -> Masks:
    """Masks from one click on every object, [T, N, H, W]."""
    state = judge.open_clip(model, clip.frames)
    for number, mask in enumerate(clip.masks[0]):
        judge.prompt(model, state, number, mask, "click")
    return judge.track(model, state)


def overlaps(found: Masks, clip: Clip) -> NDArray[np.float64]:
    """IoU [T, N], not a number where an object cannot be seen."""
    pairs = zip(found.reshape(-1, *found.shape[2:]), clip.masks.reshape(-1, *found.shape[2:]))
    values = np.array([judge.overlap(mask, wanted) for mask, wanted in pairs]).reshape(found.shape[:2])
    return np.where(clip.visible, values, np.nan)


@pytest.mark.parametrize(("objects", "least"), [(1, 0.85), (2, 0.85), (3, 0.80)])
def test_one_click_on_each_moving_shape_tracks_it(model: nn.Module, objects: int, least: float) -> None:
    clips = [make_clip(seed, size=256, objects=objects) for seed in (11, 12, 13)]
    means = [np.nanmean(overlaps(found_by_click(model, clip), clip)[1:]) for clip in clips]
    assert np.mean(means) > least


def test_clicks_on_two_objects_give_two_masks(model: nn.Module) -> None:
    clip = make_clip(14, size=256, objects=2)
    found = found_by_click(model, clip)
    assert np.nanmin(overlaps(found, clip)) > 0.8
    assert max(judge.overlap(first, second) for first, second in found) < 0.05


def test_a_click_elsewhere_gives_another_mask(model: nn.Module) -> None:
    clip = make_clip(16, frames=1, size=256, objects=2)
    masks = []
    for target in clip.masks[0]:
        state = judge.open_clip(model, clip.frames)
        judge.prompt(model, state, 1, target, "click")
        masks.append(judge.track(model, state)[0, 0])
    assert judge.overlap(masks[0], clip.masks[0, 0]) > 0.8
    assert judge.overlap(masks[1], clip.masks[0, 1]) > 0.8


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_a_box_or_a_mask_tracks_as_a_click_does(model: nn.Module, kind: str) -> None:
    clip = make_clip(12, size=256, objects=2)
    state = judge.open_clip(model, clip.frames)
    for number, mask in enumerate(clip.masks[0]):
        judge.prompt(model, state, number, mask, kind)
    assert np.nanmean(overlaps(judge.track(model, state), clip)[1:]) > 0.8


def test_an_object_that_leaves_is_lost_and_found_again_when_it_returns(model: nn.Module) -> None:
    clip = make_clip(21, size=256, objects=1, occlusion=True)
    assert clip.visible[:, 0].tolist() == [True, True, False, False, False, False, True, True]
    found = found_by_click(model, clip)
    assert not found[3:6].any()
    assert np.nanmin(overlaps(found, clip)[6:]) > 0.8


def test_an_object_is_found_again_behind_another_that_crossed_it(model: nn.Module) -> None:
    clip = make_clip(22, size=256, objects=2, occlusion=True)
    assert not clip.visible[3, 0]
    assert np.nanmin(overlaps(found_by_click(model, clip), clip)[-1]) > 0.8


def test_clicks_in_the_middle_of_the_error_mend_a_mask(model: nn.Module) -> None:
    one, four = [], []
    for seed in range(30, 36):
        clip = make_clip(seed, frames=1, size=256, objects=3)
        state = judge.open_clip(model, clip.frames)
        wanted, rng = clip.masks[0, 0], np.random.default_rng(seed)
        points, labels = clicks_on(wanted, 1, rng), np.ones(1, np.int32)
        steps = []
        for _ in range(4):
            _, _, logits = model.add_new_points_or_box(state, 0, 1, points=points, labels=labels)
            mask = logits[0, 0].numpy() > 0
            steps.append(judge.overlap(mask, wanted))
            point, label = judge.correction(mask, wanted)
            points, labels = np.concatenate([points, point]), np.concatenate([labels, label])
        one.append(steps[0])
        four.append(steps[-1])
    assert np.mean(four) > np.mean(one) + 0.01
    assert np.mean(four) > 0.9


def test_the_weights_are_small_half_precision_and_fit_the_configuration() -> None:
    weights = safetensors.torch.load_file(micro_model.WEIGHTS)
    assert micro_model.WEIGHTS.stat().st_size < 3_000_000
    assert {value.dtype for value in weights.values()} == {torch.float16}
    assert {name: value.shape for name, value in micro_model.build().state_dict().items()} == {
        name: value.shape for name, value in weights.items()
    }
