"""SAM 2 by us is SAM 2 by its authors: bit for bit what the package computes when it is called directly.

The weights are random and the same on both sides, at the full architecture of SAM 2.1 tiny. One still is at its full
side of 1024 pixels; the clip is at 128, as 1024 would take minutes. The package reads its frames from a folder, as it
always does: PNG data under the names it wants, so that nothing is lost on the way.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.engines import Picture
from roto_shapes.shot import FrameRange

torch = pytest.importorskip("torch", reason="needs PyTorch: install the extra 'sam2'")
pytest.importorskip("sam2", reason="needs SAM 2: install the extra 'sam2'")

import micro_model  # noqa: E402 - only where torch is installed
import plain_transforms  # noqa: E402 - the same
from sam2.build_sam import build_sam2_video_predictor  # noqa: E402 - only where it is installed
from torch import Tensor  # noqa: E402 - the same
from torch.nn import functional  # noqa: E402 - the same

from roto_daemon.engines.sam2.clip import Clip  # noqa: E402 - the same
from roto_daemon.engines.sam2.follower import Follower, Guess  # noqa: E402 - the same
from roto_daemon.engines.sam2.mattes import HALF, steps_of  # noqa: E402 - the same
from roto_daemon.engines.sam2.predictor import Predictor, build  # noqa: E402 - the same

TINY = "configs/sam2.1/sam2.1_hiera_t.yaml"
FRAMES = 12
WIDTH, HEIGHT = 150, 90
Points = NDArray[np.float64]
OBJECT = np.array([[60.0, 40.0]])
CORRECTION = np.array([[60.0, 40.0], [20.0, 70.0], [90.0, 30.0]])
BOX = np.array([[30.0, 20.0], [100.0, 70.0]])


class Plate:
    """Noise that drifts: as good as footage where weights are random. Starts at 1001, as plates do."""

    size = (WIDTH, HEIGHT)

    def __init__(self, frames: int = FRAMES) -> None:
        self.frames = FrameRange(1001, 1000 + frames)
        noise = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        self._ground = cv2.GaussianBlur(noise, (0, 0), 2.0)

    def picture(self, frame: int) -> Picture:
        picture = np.ascontiguousarray(np.roll(self._ground, 3 * (frame - 1001), axis=1), np.uint8)
        cv2.circle(picture, (50 + 2 * (frame - 1001), 45), 18, (240, 200, 80), -1)
        return picture


@dataclass
class Sides:
    """The package with a state for all objects, and ours with a memory for each."""

    package: Any
    state: Any
    clip: Clip

    def package_logits(self, step: tuple[int, list[int], Any], object_id: int) -> Tensor:
        _, ids, logits = step
        of_one: Tensor = logits[ids.index(object_id)]
        return of_one

    def our_logits(self, guess: Guess) -> Tensor:
        large = functional.interpolate(guess.logits, (HEIGHT, WIDTH), mode="bilinear", align_corners=False)
        return large[0]


def models(side: int) -> tuple[Any, Predictor]:
    """Return the package's predictor as its own builder makes it, and ours, with equal weights."""
    torch.manual_seed(8)
    options = [
        f"++model.image_size={side}",
        "++model.add_all_frames_to_correct_as_cond=true",
        "++model.max_cond_frames_in_attn=8",
    ]
    package = build_sam2_video_predictor(TINY, None, "cpu", hydra_overrides_extra=options)
    package.fill_hole_area = 0  # its builder asks for 8, by a CUDA extension; ours are filled in what is shown
    with torch.no_grad():
        package.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(4.0)  # else the object is not there
    ours = build(TINY, side=side)
    ours.load_state_dict(package.state_dict())
    return package, ours


def micro_models() -> tuple[Any, Predictor]:
    """Return both at the size of tests, with random weights: fast enough for a long clip."""
    torch.manual_seed(8)
    package = micro_model.build()
    package.add_all_frames_to_correct_as_cond, package.max_cond_frames_in_attn = True, 8
    with torch.no_grad():
        package.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(4.0)
    ours = build(micro_model.CONFIG)
    ours.load_state_dict(package.state_dict())
    return package, ours


def sides(folder: Path, both: tuple[Any, Predictor], frames: int = FRAMES) -> Sides:
    plate = Plate(frames)
    for number, frame in enumerate(plate.frames):
        picture = cv2.cvtColor(plate.picture(frame), cv2.COLOR_RGB2BGR)
        (folder / f"{number:03}.jpg").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    package, ours = both
    return Sides(package, package.init_state(str(folder)), Clip(plate, ours))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield sides(tmp_path_factory.mktemp("frames"), models(128))
    torch.set_num_threads(threads)


@pytest.fixture
def both(small: Sides) -> Sides:
    small.package.reset_state(small.state)
    return small


def point(
    both: Sides, follower: Follower, index: int, points: Points, labels: list[int], before: Guess | None
) -> Guess:
    marks = np.array(labels, np.int32)
    logits = before.logits if before else None
    return both.clip.run(partial(follower.point, 1001 + index, points, marks, logits))


def package_point(both: Sides, index: int, object_id: int, points: Points, labels: list[int]) -> Tensor:
    step = both.package.add_new_points_or_box(both.state, index, object_id, points.astype(np.float32), labels)
    return both.package_logits(step, object_id)


def require_equal(ours: Tensor, packages: Tensor) -> None:
    assert torch.equal(ours, packages)
    assert 0 < (packages > 0).float().mean() < 1  # equal because both saw something, not because both are blank


def test_clicks_on_a_still_are_those_of_the_package(both: Sides) -> None:
    follower = Follower(both.clip)
    first = point(both, follower, 2, OBJECT, [1], None)
    require_equal(both.our_logits(first), package_point(both, 2, 1, OBJECT, [1]))
    second = point(both, follower, 2, CORRECTION, [1, 1, 0], first)
    require_equal(both.our_logits(second), package_point(both, 2, 1, CORRECTION, [1, 1, 0]))


def test_a_box_on_a_still_is_that_of_the_package(both: Sides) -> None:
    ours = point(both, Follower(both.clip), 3, BOX, [2, 3], None)
    step = both.package.add_new_points_or_box(both.state, 3, 1, box=BOX.astype(np.float32).reshape(4))
    require_equal(both.our_logits(ours), both.package_logits(step, 1))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, on the scripting that the package does
def test_clicks_are_those_of_the_packages_image_predictor_on_the_same_features(
    both: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It resizes pictures in a way of its own, so that it gets the features that ours makes of the frame."""
    monkeypatch.setitem(sys.modules, "torchvision", plain_transforms)
    monkeypatch.setitem(sys.modules, "torchvision.transforms", plain_transforms)
    for module in ("sam2.sam2_image_predictor", "sam2.utils.transforms"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    image_predictor = importlib.import_module("sam2.sam2_image_predictor").SAM2ImagePredictor(both.package)
    image_predictor._bb_feat_sizes = [(32, 32), (16, 16), (8, 8)]  # they are fixed for 1024 pixels
    image_predictor.set_image(Plate().picture(1003))
    follower = Follower(both.clip)
    first = point(both, follower, 2, OBJECT, [1], None)
    *high, low = both.clip.state["features"].of(2)["backbone_fpn"]
    image_predictor._features = {
        "image_embed": low + both.package.no_mem_embed[0, 0, :, None, None],
        "high_res_feats": high,
    }

    _, scores, masks = image_predictor.predict(OBJECT, np.array([1]), multimask_output=True)
    best = masks[int(np.argmax(scores))]
    np.testing.assert_array_equal(first.array().clip(-32, 32), best)
    second = point(both, follower, 2, CORRECTION, [1, 1, 0], first)
    _, _, masks = image_predictor.predict(
        CORRECTION, np.array([1, 1, 0]), mask_input=best[None], multimask_output=False
    )
    np.testing.assert_array_equal(second.array().clip(-32, 32), masks[0])


def run(both: Sides, follower: Follower, indices: range, anchored: set[int]) -> dict[int, Tensor]:
    """Follow one object as a session does, and return its logits by index."""
    found: dict[int, Tensor] = {}
    backwards = indices.step < 0
    for index in indices:
        if index in anchored:
            follower.passed(1001 + index, backwards=backwards)
        else:
            guess = both.clip.run(partial(follower.follow, 1001 + index, backwards=backwards))
            found[index] = both.our_logits(guess)
    return found


def package_run(both: Sides, start: int, *, reverse: bool) -> dict[tuple[int, int], Tensor]:
    """Let the package follow all its objects, and return their logits by index and object."""
    steps = both.package.propagate_in_video(both.state, start_frame_idx=start, reverse=reverse)
    return {(step[0], each): both.package_logits(step, each) for step in steps for each in step[1]}


def test_a_clip_with_corrections_both_ways_and_a_late_object_is_that_of_the_package(both: Sides) -> None:
    """Click, follow, correct a followed frame by clicks, state another by a mask, add an object, go on both ways."""
    one, two = Follower(both.clip), Follower(both.clip)
    one.anchor(1001, point(both, one, 0, OBJECT, [1], None))
    package_point(both, 0, 1, OBJECT, [1])
    found, wanted = run(both, one, range(FRAMES), {0}), package_run(both, 0, reverse=False)
    for index, logits in found.items():
        require_equal(logits, wanted[index, 1])

    before = one.remembered(1008, 1.0)
    correction = point(both, one, 7, CORRECTION, [1, 1, 0], before)
    one.anchor(1008, correction)
    require_equal(both.our_logits(correction), package_point(both, 7, 1, CORRECTION, [1, 1, 0]))
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:60, 40:90] = True
    stated = both.clip.run(partial(one.mask, 1004, mask))
    one.anchor(1004, stated)
    step = both.package.add_new_mask(both.state, 3, 1, mask)
    require_equal(both.our_logits(stated), both.package_logits(step, 1))
    shown = both.clip.run(partial(steps_of, stated.logits, (WIDTH, HEIGHT)))
    np.testing.assert_array_equal(shown >= HALF, both.package_logits(step, 1)[0].numpy() > 0)
    late = point(both, two, 5, BOX, [2, 3], None)
    two.anchor(1006, late)
    both.package.add_new_points_or_box(both.state, 5, 2, box=BOX.astype(np.float32).reshape(4))

    for start, reverse in ((5, False), (7, True)):
        wanted = package_run(both, start, reverse=reverse)
        travel = range(start, -1, -1) if reverse else range(start, FRAMES)
        for object_id, follower, anchored in ((1, one, {0, 3, 7}), (2, two, {5})):
            for index, logits in run(both, follower, travel, anchored).items():
                require_equal(logits, wanted[index, object_id])


def test_memories_that_are_dropped_would_not_have_been_read(tmp_path: Path) -> None:
    """The package keeps the memory of every frame; ours are dropped far from the playhead and from prompts."""
    both = sides(tmp_path, micro_models(), frames=44)
    follower = Follower(both.clip)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:60, 40:90] = True
    follower.anchor(1021, both.clip.run(partial(follower.mask, 1021, mask)))
    both.package.add_new_mask(both.state, 20, 1, mask)
    for travel in (range(20, 44), range(20, -1, -1)):
        found, wanted = run(both, follower, travel, {20}), package_run(both, 20, reverse=travel.step < 0)
        assert all(torch.equal(found[index], wanted[index, 1]) for index in found)
    assert follower.remembered(1044, 1.0) is None
    follower.anchor(1031, point(both, follower, 30, CORRECTION, [1, 1, 0], follower.remembered(1031, 1.0)))
    package_point(both, 30, 1, CORRECTION, [1, 1, 0])
    found, wanted = run(both, follower, range(30, 44), {20, 30}), package_run(both, 30, reverse=False)
    for index, logits in found.items():
        require_equal(logits, wanted[index, 1])


@pytest.mark.slow
def test_a_click_at_full_size_is_that_of_the_package(tmp_path: Path) -> None:
    both = sides(tmp_path, models(1024), frames=1)
    ours = point(both, Follower(both.clip), 0, OBJECT, [1], None)
    require_equal(both.our_logits(ours), package_point(both, 0, 1, OBJECT, [1]))
