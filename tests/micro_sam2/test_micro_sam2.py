"""What the micro SAM 2's masks are worth on clips it has never seen, by the package's own predictor and by ours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

for needed in ("torch", "sam2"):
    pytest.importorskip(needed, reason="needs the extra 'sam2'")

import judge  # noqa: E402 - only where PyTorch is installed
import micro_model  # noqa: E402 - the same
import safetensors.torch  # noqa: E402 - the same
import torch  # noqa: E402 - the same
import train  # noqa: E402 - the same
from clips import Clip, clicks_on, make_clip  # noqa: E402 - the same

from roto_daemon.engines import Direction, EnginePrompt, Picture  # noqa: E402 - the same
from roto_daemon.engines.sam2 import OwnFile, Sam2Engine  # noqa: E402 - the same
from roto_shapes.shot import FrameRange  # noqa: E402 - the same

Masks = NDArray[np.bool_]
Points = NDArray[np.float32]
Labels = NDArray[np.int32]


class Way(Protocol):
    """A way to the model."""

    def follow(self, clip: Clip, kind: str) -> Masks:
        """Ask for every object on frame 0; masks [T, N, H, W]."""

    def still(self, clip: Clip, steps: list[tuple[Points, Labels]]) -> list[Masks]:
        """Ask for one object on frame 0 by more and more points, and return the mask [H, W] after each."""


class Package:
    """Calls SAM 2's own predictor."""

    def __init__(self) -> None:
        self.model = micro_model.load()

    def follow(self, clip: Clip, kind: str) -> Masks:
        state = judge.open_clip(self.model, clip.frames)
        for number, mask in enumerate(clip.masks[0]):
            judge.prompt(self.model, state, number, mask, kind)
        return judge.track(self.model, state)

    def still(self, clip: Clip, steps: list[tuple[Points, Labels]]) -> list[Masks]:
        state = judge.open_clip(self.model, clip.frames)
        add = partial(self.model.add_new_points_or_box, state, 0, 1)
        return [add(points=points, labels=labels)[2][0, 0].numpy() > 0 for points, labels in steps]


class Plate:
    """A clip as a plate that starts at 1001."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self.frames = FrameRange(1001, 1000 + len(clip.frames))
        self.size = (clip.frames.shape[2], clip.frames.shape[1])

    def picture(self, frame: int) -> Picture:
        return np.asarray(self._clip.frames[frame - 1001])


class Ours:
    """Calls our engine."""

    def __init__(self) -> None:
        self.engine = Sam2Engine("micro", "Micro", OwnFile(micro_model.WEIGHTS), micro_model.CONFIG, "cpu")

    def follow(self, clip: Clip, kind: str) -> Masks:
        plate = Plate(clip)
        session = self.engine.open(plate)
        found = []
        for number, mask in enumerate(clip.masks[0]):
            session.set_prompt(number, 1001, self._prompt(number, mask, kind))
            tracked = session.propagate(number, plate.frames, Direction.FORWARD)
            found.append([each.matte > 0.5 for each in tracked])
        session.close()
        return np.stack(found, axis=1)

    def still(self, clip: Clip, steps: list[tuple[Points, Labels]]) -> list[Masks]:
        session = self.engine.open(Plate(clip))
        prompts = [EnginePrompt(points.astype(float) + 0.5, labels > 0) for points, labels in steps]
        masks = [session.set_prompt(1, 1001, prompt).matte > 0.5 for prompt in prompts]
        session.close()
        return masks

    @staticmethod
    def _prompt(number: int, mask: Masks, kind: str) -> EnginePrompt:
        if kind == "mask":
            return EnginePrompt(mask=mask.astype(np.float32))
        if kind == "box":
            left, top, right, bottom = map(float, judge.box_round(mask))
            return EnginePrompt(box=(left, top, right, bottom))
        points = clicks_on(mask, 1, np.random.default_rng(number))
        return EnginePrompt(points.astype(float) + 0.5, np.array([True]))


@pytest.fixture(scope="module", params=[Package, Ours])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield request.param()
    torch.set_num_threads(threads)


def overlaps(found: Masks, clip: Clip) -> NDArray[np.float64]:
    """IoU [T, N], not a number where an object cannot be seen."""
    pairs = zip(found.reshape(-1, *found.shape[2:]), clip.masks.reshape(-1, *found.shape[2:]))
    values = np.array([judge.overlap(mask, wanted) for mask, wanted in pairs]).reshape(found.shape[:2])
    return np.where(clip.visible, values, np.nan)


@pytest.mark.parametrize("objects", [1, 2, 3])
def test_one_click_on_each_moving_shape_tracks_it(way: Way, objects: int) -> None:
    clips = [make_clip(seed, size=192, objects=objects) for seed in (11, 12)]
    assert np.mean([np.nanmean(overlaps(way.follow(clip, "click"), clip)[1:]) for clip in clips]) > 0.9


def test_clicks_on_two_objects_give_two_masks(way: Way) -> None:
    clip = make_clip(14, frames=4, size=192, objects=2)
    found = way.follow(clip, "click")
    assert np.nanmin(overlaps(found, clip)) > 0.8
    assert max(judge.overlap(first, second) for first, second in found) < 0.05


def test_a_click_elsewhere_gives_another_mask(way: Way) -> None:
    clip = make_clip(16, frames=1, size=192, objects=2)
    for target in clip.masks[0]:
        click = clicks_on(target, 1, np.random.default_rng(0)), np.ones(1, np.int32)
        assert judge.overlap(way.still(clip, [click])[0], target) > 0.8


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_a_box_or_a_mask_tracks_as_a_click_does(way: Way, kind: str) -> None:
    clip = make_clip(12, frames=5, size=192, objects=2)
    assert np.nanmean(overlaps(way.follow(clip, kind), clip)[1:]) > 0.9


def test_an_object_that_leaves_is_lost_and_found_again_when_it_returns(way: Way) -> None:
    clip = make_clip(21, size=192, objects=1, occlusion=True)
    assert clip.visible[:, 0].tolist() == [True, True, False, False, False, False, True, True]
    found = way.follow(clip, "click")
    assert not found[3:6].any()
    assert np.nanmin(overlaps(found, clip)[6:]) > 0.8


def test_an_object_is_found_again_behind_another_that_crossed_it(way: Way) -> None:
    clip = make_clip(23, size=192, objects=2, occlusion=True)
    assert clip.visible[:, 0].tolist() == [True, True, True, False, False, True, True, True]
    assert np.nanmin(overlaps(way.follow(clip, "click"), clip)[6:]) > 0.8


def test_clicks_in_the_middle_of_the_error_mend_a_mask(way: Way) -> None:
    one, four = [], []
    for seed in (30, 32, 33, 35):
        clip = make_clip(seed, frames=1, size=192, objects=3)
        wanted = clip.masks[0, 0]
        steps = [(clicks_on(wanted, 1, np.random.default_rng(seed)), np.ones(1, np.int32))]
        while len(steps) < 4:
            point, label = judge.correction(way.still(clip, steps)[-1], wanted)
            steps.append((np.concatenate([steps[-1][0], point]), np.concatenate([steps[-1][1], label])))
        masks = way.still(clip, steps)
        one.append(judge.overlap(masks[0], wanted))
        four.append(judge.overlap(masks[-1], wanted))
    assert np.mean(four) > np.mean(one)
    assert np.mean(four) > 0.9


def test_the_weights_are_small_half_precision_and_fit_the_configuration() -> None:
    weights = safetensors.torch.load_file(micro_model.WEIGHTS)
    assert micro_model.WEIGHTS.stat().st_size < 3_000_000
    assert {value.dtype for value in weights.values()} == {torch.float16}
    assert {name: value.shape for name, value in micro_model.build().state_dict().items()} == {
        name: value.shape for name, value in weights.items()
    }


def test_training_goes_on_as_if_it_had_never_been_put_down(tmp_path: Path) -> None:
    batches = [train.draw_batch(seed, clips=1, frames=2, size=64) for seed in (1, 2)]
    run = train.Run.start()
    learn(run, batches[0])
    run.save(tmp_path / "micro.safetensors")
    other = train.Run.start()
    other.resume(tmp_path / "micro.safetensors")
    for each in (run, other):
        learn(each, batches[1])
    assert other.steps == 2
    for name, value in run.averaged.state_dict().items():
        assert torch.equal(value, other.averaged.state_dict()[name])


def learn(run: train.Run, batch: train.Batch) -> None:
    run.step(train.learn(train.Tracker(run.model), batch, 0.5, np.random.default_rng(0)), 0.5)


def test_what_is_seen_of_two_objects_never_overlaps_and_does_not_depend_on_the_size() -> None:
    small, large = (make_clip(5, frames=6, size=size, objects=3, occlusion=True) for size in (64, 128))
    assert large.masks.sum(axis=1).max() == 1
    assert small.visible.tolist() == large.visible.tolist()
    shrunk = large.masks.reshape(6, 3, 64, 2, 64, 2).mean(axis=(3, 5)) > 0.5
    assert judge.overlap(small.masks, shrunk) > 0.9
