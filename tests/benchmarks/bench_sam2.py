"""What SAM 2 through our engine costs beside the package called directly: clicks, propagation, objects, memory.

Tiny at its full side of 1024 pixels on the processor, one thread, with random weights, which cost what trained ones do.
Times are of the processor: another program beside it does not count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from measuring import Figures
from pytest_benchmark.fixture import BenchmarkFixture

from roto_daemon.engines import Direction, EnginePrompt, Picture
from roto_shapes.shot import FrameRange

torch = pytest.importorskip("torch", reason="needs PyTorch: install the extra 'sam2'")
pytest.importorskip("sam2", reason="needs SAM 2: install the extra 'sam2'")

from micro_engine import MICRO  # noqa: E402 - only where torch is installed
from sam2.build_sam import build_sam2_video_predictor  # noqa: E402 - the same

from roto_daemon.engines.sam2.predictor import Predictor, build, load  # noqa: E402 - the same
from roto_daemon.engines.sam2.session import Sam2Session  # noqa: E402 - the same

TINY = "configs/sam2.1/sam2.1_hiera_t.yaml"
SIZE = (1280, 720)
CLICKS = 12
FOLLOWED = FrameRange(1001, 1003)


class Footage:
    """A disc that drifts over noise; the picture asked for last is kept, as the reader's cache does."""

    size = SIZE

    def __init__(self, last: int) -> None:
        self.frames = FrameRange(1001, last)
        noise = np.random.default_rng(1).integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
        self._ground = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3.0), np.uint8)

        self._kept = (0, self._ground)

    def picture(self, frame: int) -> Picture:
        if self._kept[0] != frame:
            picture = self._ground.copy()
            cv2.circle(picture, (400 + (frame - 1001) % 500, 360), 150, (240, 200, 80), -1)
            self._kept = (frame, picture)
        return self._kept[1]


@pytest.fixture(scope="module")
def tiny() -> Iterator[tuple[Any, Predictor]]:
    """Return the package's predictor and ours, with equal weights."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(8)
    package = build_sam2_video_predictor(TINY, None, "cpu")
    package.fill_hole_area = 0
    with torch.no_grad():
        package.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(4.0)
    ours = build(TINY)
    ours.load_state_dict(package.state_dict())
    yield package, ours
    torch.set_num_threads(threads)


def opened(package: Any, footage: Footage, folder: Path) -> Any:  # noqa: ANN401 - the package's state
    for number, frame in enumerate(footage.frames):
        cv2.imwrite(str(folder / f"{number:03}.jpg"), footage.picture(frame))
    return package.init_state(str(folder))


def cpu_s(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def click(x: float) -> EnginePrompt:
    return EnginePrompt(np.array([[x, 360.0]]), np.array([True]))


def box() -> EnginePrompt:
    return EnginePrompt(box=(250.0, 210.0, 550.0, 510.0))


def once(benchmark: BenchmarkFixture, work: Callable[[], Any]) -> None:
    benchmark.pedantic(work, rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types


def test_click(benchmark: BenchmarkFixture, figures: Figures, tiny: tuple[Any, Predictor], tmp_path: Path) -> None:
    """Clicks on one frame in turn by both, its embedding computed before."""
    package, ours = tiny
    footage = Footage(1001)
    state, session = opened(package, footage, tmp_path), Sam2Session(footage, ours)
    session.set_prompt(1, 1001, click(400))

    def by_package(x: float) -> None:
        package.add_new_points_or_box(state, 0, 1, np.array([[x, 360.0]], np.float32), [1])

    by_package(400)

    def work() -> tuple[list[float], list[float]]:
        places = [401.0 + each for each in range(CLICKS)]
        pairs = [(cpu_s(partial(by_package, x)), cpu_s(partial(session.set_prompt, 1, 1001, click(x)))) for x in places]
        return [each[0] for each in pairs], [each[1] for each in pairs]

    theirs, own = (statistics.median(each) for each in work())
    figures.add("click on a warm frame by the package, SAM 2.1 tiny at 1024, 720p", 1e3 * theirs, "ms", "")
    figures.add("the same through our engine, matte included", 1e3 * own, "ms", "")
    figures.add("ours over the package", own / theirs, "", "at most 1.05")
    once(benchmark, partial(session.set_prompt, 1, 1001, click(300)))


def test_propagation(
    benchmark: BenchmarkFixture, figures: Figures, tiny: tuple[Any, Predictor], tmp_path: Path
) -> None:
    """The same frames by both, each encoded once; then two objects over the frames of one."""
    package, ours = tiny
    footage = Footage(FOLLOWED.last)
    state = opened(package, footage, tmp_path)
    package.add_new_points_or_box(state, 0, 1, box=np.array([250, 210, 550, 510], np.float32))
    frames = len(FOLLOWED) - 1

    def follow(session: Sam2Session, object_id: int) -> None:
        run = session.propagate(object_id, FOLLOWED, Direction.FORWARD)
        next(run)
        assert len(list(run)) == frames

    def by_package() -> None:
        run = package.propagate_in_video(state)
        next(run)
        assert len(list(run)) == frames

    def prompted() -> Sam2Session:
        session = Sam2Session(footage, ours)
        for object_id in (1, 2):
            session.set_prompt(object_id, 1001, box())
        return session

    theirs = cpu_s(by_package) / frames
    both = prompted()
    first, second = (cpu_s(partial(follow, both, object_id)) / frames for object_id in (1, 2))
    figures.add("a followed frame by the package, SAM 2.1 tiny at 1024, 720p", theirs, "s", "")
    figures.add("the same through our engine, matte included", first, "s", "")
    figures.add("ours over the package", first / theirs, "", "at most 1.05")
    figures.add("two objects over one", (first + second) / first, "", "below 2")
    once(benchmark, partial(both.set_prompt, 1, 1001, box()))


def test_memory(benchmark: BenchmarkFixture, figures: Figures) -> None:
    """1,000 frames of 720p, the network at the size of tests, as trained: what grows is what belongs to the shot."""
    predictor = load(MICRO / "micro.yaml", MICRO / "micro.safetensors", "cpu")
    session = Sam2Session(Footage(2000), predictor)
    session.set_prompt(1, 1001, box())
    process, peaks = psutil.Process(), {100: 0.0, 1000: 0.0}

    def work() -> None:
        for count, _ in enumerate(session.propagate(1, FrameRange(1001, 2000), Direction.FORWARD), start=1):
            if count % 10 == 0:
                used = process.memory_full_info().uss / 2**20
                peaks.update({until: max(peak, used) for until, peak in peaks.items() if count <= until})

    once(benchmark, work)
    for until, peak in peaks.items():
        figures.add(f"memory of a process that follows {until} frames of 720p by SAM 2", peak, "MiB", "")
    figures.add("1,000 frames over 100", peaks[1000] / peaks[100], "", "at most 1.1")
