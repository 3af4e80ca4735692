"""Matting against composites whose coverage is known exactly: where it is unknown, what is found, and over time."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from matte_composites import Composite, blob, composite

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import Config
from roto_daemon.engines.matting import MatteFrame, Matter, find_matte, find_matter, own_colour, smoothed
from roto_daemon.engines.matting.closed_form import ClosedFormMatter
from roto_daemon.engines.matting.guided import GuidedMatter
from roto_daemon.engines.matting.tiles import Tiling
from roto_daemon.engines.matting.trimap import INSIDE, OUTSIDE, UNKNOWN, Trimap, trimap
from roto_daemon.errors import PromptError, UnavailableError, UnknownError
from roto_daemon.pictures import Matte, Picture

SIZE = (320, 240)


def disc(radius: float, size: tuple[int, int] = SIZE) -> Matte:
    y, x = np.indices((size[1], size[0]), np.float32) + 0.5
    return np.asarray(np.hypot(x - size[0] / 2, y - size[1] / 2) <= radius, np.float32)


def blurred(matte: Matte, sigma: float) -> Matte:
    return np.asarray(cv2.GaussianBlur(matte, (0, 0), sigma), np.float32)


def error(matte: Matte, made: Composite) -> float:
    """Return the sum of what is wrong, in pixels."""
    return float(np.abs(matte - made.coverage).sum())


def rough(made: Composite) -> Matte:
    """Return the mask that a model of a quarter of the size makes."""
    height, width = made.coverage.shape
    small = cv2.resize(made.coverage, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    return (cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) >= 0.5).astype(np.float32)


@pytest.mark.parametrize("band_px", [1, 5, 12.5])
def test_the_band_is_as_wide_to_either_side_as_asked(band_px: float) -> None:
    known = trimap(disc(80), band_px)
    y, x = np.indices(known.shape) + 0.5
    distance = np.hypot(x - SIZE[0] / 2, y - SIZE[1] / 2) - 80
    assert (known[distance < -band_px - 1.5] == INSIDE).all()
    assert (known[distance > band_px + 1.5] == OUTSIDE).all()
    assert (known[np.abs(distance) < band_px - 1.5] == UNKNOWN).all()


def test_by_default_the_band_is_where_the_mask_is_unsure() -> None:
    soft = blurred(disc(80), 6)
    soft[:, SIZE[0] // 2 :] = disc(80)[:, SIZE[0] // 2 :]
    known = trimap(soft)
    assert (known[(soft > 0.02) & (soft < 0.98)] == UNKNOWN).all()
    row = known[SIZE[1] // 2]
    left, right = np.count_nonzero(row[: SIZE[0] // 2] == UNKNOWN), np.count_nonzero(row[SIZE[0] // 2 :] == UNKNOWN)
    assert left > 20
    assert 2 <= right <= 6


def test_a_thin_part_keeps_a_core_however_wide_the_band() -> None:
    mask = np.zeros((100, 200), np.float32)
    mask[45:55, 20:180] = 1
    known = trimap(mask, 30)
    assert (known[48:52, 30:170] == INSIDE).all()
    assert (known[45, 30:170] == UNKNOWN).all()


@pytest.mark.parametrize("value", [0, 1])
def test_a_mask_without_an_edge_has_no_band(value: int) -> None:
    mask = np.full((20, 30), value, np.float32)
    picture = np.zeros((20, 30, 3), np.uint8)
    assert (find_matte(picture, mask, GuidedMatter(), 5) == value).all()


@pytest.mark.parametrize("band_px", [0, -3, 513, float("nan")])
def test_a_band_that_cannot_be_is_one_sentence(band_px: float) -> None:
    with pytest.raises(PromptError, match="more than 0 and at most 512"):
        trimap(disc(20), band_px)


@pytest.mark.parametrize("matter", [GuidedMatter(), ClosedFormMatter()], ids=["guided", "closed form"])
@pytest.mark.parametrize(
    ("form", "band_px", "share"), [({}, 6, 0.6), ({"soft_px": 3}, 10, 0.5)], ids=["sharp", "out of focus"]
)
def test_matting_comes_nearer_to_the_coverage_than_the_mask(
    matter: Matter, form: dict[str, float], band_px: float, share: float
) -> None:
    made = composite(blob(SIZE, (155, 120), 70, seed=2, **form), seed=2)  # type: ignore[arg-type]
    mask = rough(made)
    matte = find_matte(made.picture, mask, matter, band_px)
    assert error(matte, made) < share * error(mask, made)
    known = trimap(mask, band_px)
    assert (matte[known == INSIDE] == 1).all()
    assert (matte[known == OUTSIDE] == 0).all()


def test_hair_that_the_mask_lacks_is_found() -> None:
    made = composite(blob(SIZE, (155, 120), 60, hairs=60, seed=3), seed=3)
    mask = np.asarray(cv2.morphologyEx(made.mask, cv2.MORPH_OPEN, np.ones((7, 7))), np.float32)
    hair = (made.coverage > 0.6) & (mask == 0)
    assert np.count_nonzero(hair) > 300
    matte = find_matte(made.picture, mask, GuidedMatter(), 28)
    assert matte[hair].mean() > 0.4
    away = (made.coverage == 0) & (trimap(mask, 28) == UNKNOWN)
    assert matte[away].mean() < 0.1
    assert error(matte, made) < 0.6 * error(mask, made)


class Counting:
    """Answers with the mask, and notes the tiles."""

    def __init__(self, tiling: Tiling) -> None:
        self.tiling = tiling
        self.shapes: list[tuple[int, ...]] = []

    def coverage(self, picture: Picture, known: Trimap, mask: Matte) -> Matte:
        assert picture.shape[:2] == known.shape == mask.shape
        self.shapes.append(known.shape)
        return mask


def test_tiles_cover_the_band_alone_and_blend_without_a_trace() -> None:
    mask = blurred(disc(400, (1600, 1200)), 4)
    picture = np.zeros((1200, 1600, 3), np.uint8)
    matter = Counting(Tiling(256, 32))
    matte = find_matte(picture, mask, matter, 12)
    unknown = trimap(mask, 12) == UNKNOWN
    assert np.abs(matte - mask)[unknown].max() < 1e-6
    assert all(max(shape) <= 256 for shape in matter.shapes)
    assert sum(height * width for height, width in matter.shapes) < 0.6 * mask.size


def test_tiles_find_what_the_whole_picture_shows() -> None:
    made = composite(blob((900, 700), (450, 350), 250, soft_px=2, seed=1))
    mask = rough(made)

    class Whole:
        tiling = Tiling(4096, 64)
        coverage = staticmethod(GuidedMatter().coverage)

    tiled, whole = find_matte(made.picture, mask, GuidedMatter(), 10), find_matte(made.picture, mask, Whole(), 10)
    assert np.abs(tiled - whole).max() < 0.02
    assert np.abs(tiled - whole).mean() < 2e-5


def test_a_frame_of_4k_stays_within_a_bound_of_memory() -> None:
    size = (3840, 2160)
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[..., 0] = np.arange(size[0]) % 251
    mask = disc(900, size)
    tracemalloc.start()
    find_matte(picture, mask, GuidedMatter(), 8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 4 * size[0] * size[1]


def walking(steps: int, flicker: float, seed: int = 5) -> Iterator[tuple[MatteFrame, Matte]]:
    """Yield a soft disc that moves 3.3 px a frame over a picture, its matte with flicker; and the true matte."""
    random = np.random.default_rng(seed)
    behind = composite(np.zeros((240, 320), np.float32), 7).picture.astype(np.float32)
    front = composite(np.ones((240, 320), np.float32), 8).picture.astype(np.float32)
    for step in range(steps):
        move = np.array([[1, 0, 3.3 * step], [0, 1, 0]], np.float32)
        true = np.asarray(cv2.warpAffine(blurred(disc(50), 2.5), move, SIZE), np.float32)
        surface = cv2.warpAffine(front, move, SIZE, borderMode=cv2.BORDER_REFLECT)
        picture = np.rint(true[..., None] * surface + (1 - true[..., None]) * behind).astype(np.uint8)
        noise = cv2.GaussianBlur(random.normal(0, 1, true.shape).astype(np.float32), (0, 0), 2)
        soft = (true > 0.01) & (true < 0.99)
        matte = np.where(soft, np.clip(true + flicker * noise / noise.std(), 0.001, 0.999), true.round())
        yield MatteFrame(1001 + step, picture, matte.astype(np.float32)), true


def crossing(matte: Matte) -> float:
    """Return where the middle row's coverage falls through one half, in px."""
    row = matte[120]
    last = int(np.flatnonzero(row >= 0.5)[-1])
    return last + float((row[last] - 0.5) / (row[last] - row[last + 1]))


def test_a_moving_edge_is_neither_late_nor_early() -> None:
    frames = list(walking(7, flicker=0))
    for steady, (_, true) in zip(smoothed(each for each, _ in frames), frames, strict=True):
        assert abs(crossing(steady.matte) - crossing(true)) < 0.1


def test_flicker_shrinks() -> None:
    frames = list(walking(7, flicker=0.08))
    before, after = [], []
    for steady, (rough_frame, true) in zip(smoothed(each for each, _ in frames), frames, strict=True):
        assert steady.frame == rough_frame.frame
        soft = (true > 0.05) & (true < 0.95)
        before.append(float(np.square(rough_frame.matte - true)[soft].mean()))
        after.append(float(np.square(steady.matte - true)[soft].mean()))
    assert (np.sqrt(after[1:-1]) < 0.75 * np.sqrt(before[1:-1])).all()


def test_what_appears_for_a_frame_and_frames_apart_stay_as_they_are() -> None:
    frames = [each for each, _ in walking(3, flicker=0)]
    gone = MatteFrame(1002, frames[1].picture, np.where(frames[1].matte > 0, np.float32(0.5), 0).astype(np.float32))
    (_, alone, _) = smoothed([frames[0], gone, frames[2]])
    core = frames[1].matte > 0.999
    assert np.abs(alone.matte - gone.matte)[core].mean() < 0.15
    apart = MatteFrame(1009, frames[2].picture, frames[2].matte)
    untouched = list(smoothed([frames[0], frames[1], apart]))
    assert [each.frame for each in untouched] == [1001, 1002, 1009]
    assert all((one.matte == other.matte).all() for one, other in zip(untouched, [*frames[:2], apart], strict=True))


def test_frames_of_a_few_pixels_are_steadied_too() -> None:
    soft = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    frames = [MatteFrame(1 + each, np.zeros((3, 4, 3), np.uint8), soft) for each in range(3)]
    assert all(np.abs(each.matte - soft).max() < 1e-6 for each in smoothed(frames))


def test_the_object_s_own_colour_is_free_of_the_background() -> None:
    made = composite(blob(SIZE, (155, 120), 70, soft_px=3, seed=2), seed=2)
    behind = 8 * (composite(np.zeros_like(made.coverage), 2).picture.astype(np.float32) / 255) ** 2.2
    front = 8 * (made.colour / 255) ** 2.2
    light = np.asarray(made.coverage[..., None] * front + (1 - made.coverage[..., None]) * behind, np.float32)
    soft = (made.coverage > 0.2) & (made.coverage < 0.9)
    colour = own_colour(light, made.coverage)
    assert np.abs(colour - front)[soft].mean() < 0.4 * np.abs(light - front)[soft].mean()
    assert (colour[made.coverage == 1] == light[made.coverage == 1]).all()
    assert colour.max() > 2


def models(tmp: object) -> ModelsFolder:
    return ModelsFolder.of(Config(models_dir=str(tmp)))


def test_matting_that_is_not_there_says_what_to_do(tmp_path: object) -> None:
    with pytest.raises(UnknownError, match="choose one of guided, closed-form, vitmatte"):
        find_matter("magic", models(tmp_path))
    with pytest.raises(UnavailableError, match="non-commercial"):
        find_matter("vitmatte", models(tmp_path))
    research = ModelsFolder.of(Config(models_dir=str(tmp_path), policy="research"))
    with pytest.raises(UnavailableError, match="roto-daemon models pull vitmatte-small-composition-1k"):
        find_matter("vitmatte", research)
    assert isinstance(find_matter("", models(tmp_path)), GuidedMatter)


def test_who_mats_without_a_network_loads_none() -> None:
    code = (
        "import sys, roto_daemon.refine_command, roto_daemon.workers.worker as worker\n"
        "from roto_daemon.config import Config\n"
        "worker.Worker(Config())\n"
        "sys.exit(bool({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
