"""How true soft edges come out, and how fast: `python tests/benchmarks/bench_matting.py --help`.

Two tables on composites whose coverage is known: ways of matting, beside the mask that they were given; and masks of a
network's size brought to a plate of 1920x1080, enlarged alone and with native edges. Seeds 1 to 3 are there to tune
with, 101 and up are held out. Times are processor time.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

import cv2
import numpy as np
from composites import EASY, clip
from matte_composites import Composite, blob, composite
from tracking_measures import boundary_f, overlap

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import Config
from roto_daemon.engines.edges import native_edges
from roto_daemon.engines.matting import find_matte, find_matter
from roto_daemon.pictures import Matte, Picture

SIZE = (640, 480)
CASES: dict[str, tuple[float, dict[str, float]]] = {
    "sharp": (6, {}),
    "hair": (20, {"hairs": 160}),
    "out of focus": (10, {"soft_px": 4}),
    "out of focus, wide band": (20, {"soft_px": 4}),
}
PLATE, FRAME = (1920, 1080), 10
GRIDS = ((256, 256), (512, 288))
CLOSE_PX = 2.0


def rough(made: Composite) -> Matte:
    """Return the yes or no that a model of a quarter of the size says."""
    height, width = made.coverage.shape
    small = cv2.resize(made.coverage, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    return (cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) >= 0.5).astype(np.float32)


def matting(seeds: list[int], matters: list[str]) -> None:
    """Print by how many thousand pixels of coverage each way of matting is wrong."""
    print(f"Wrong coverage in thousands of pixels of {SIZE[0]}x{SIZE[1]}, mean of {len(seeds)}; seconds a frame")
    print(f"{'edge':26}{'band':>6}{'mask':>9}" + "".join(f"{name:>20}" for name in matters))
    ways = {name: find_matter(name, ModelsFolder.of(Config())) for name in matters}
    for name, (band_px, form) in CASES.items():
        made = [composite(blob(SIZE, (310, 240), 110, seed=seed, **form), seed) for seed in seeds]  # type: ignore[arg-type]
        row = f"{name:26}{band_px:6.0f}{np.mean([wrong(rough(each), each) for each in made]):9.2f}"
        for way in ways.values():
            before = time.process_time()
            errors = [wrong(find_matte(each.picture, rough(each), way, band_px), each) for each in made]
            row += f"{np.mean(errors):11.2f} ({(time.process_time() - before) / len(seeds):5.2f} s)"
        print(row)


def wrong(matte: Matte, made: Composite) -> float:
    return float(np.abs(matte - made.coverage).sum()) / 1000


def edges(seeds: list[int]) -> None:
    """Print how near the outlines of small masks come to the truth."""
    print(f"\nMasks of a network's size on {PLATE[0]}x{PLATE[1]}, mean of {len(EASY) * len(seeds)} objects")
    print(f"{'mask':28}{'IoU':>8}{f'F {CLOSE_PX:.0f} px':>8}{'wrong':>8}{'s':>7}")
    known = []
    for seed in seeds:
        for name in EASY:
            plate = clip(name, seed, PLATE)
            known.append((plate.picture(FRAME), plate.coverage(FRAME)))
    enlarge: dict[str, Callable[[Picture, Matte], Matte]] = {
        "enlarged": lambda _, mask: np.asarray(cv2.resize(mask, PLATE, interpolation=cv2.INTER_LINEAR), np.float32),
        "native edges": native_edges,
    }
    for grid in GRIDS:
        for how, bring in enlarge.items():
            before, measured = time.process_time(), []
            for picture, coverage in known:
                small = cv2.resize(coverage, grid, interpolation=cv2.INTER_AREA)
                found = bring(picture, (small >= 0.5).astype(np.float32))
                inside, truth = found >= 0.5, coverage >= 0.5
                apart = float(np.abs(found - coverage).sum()) / 1000
                measured.append((overlap(inside, truth), boundary_f(inside, truth, CLOSE_PX), apart))
            seconds = (time.process_time() - before) / len(known)
            iou, close, apart = np.mean(measured, axis=0)
            print(f"{f'{grid[0]}x{grid[1]}, {how}':28}{iou:8.4f}{close:8.3f}{apart:8.2f}{seconds:7.2f}")


def uhd() -> None:
    """Print what a frame of UHD takes."""
    picture = np.random.default_rng(1).integers(0, 256, (2160, 3840, 3), dtype=np.uint8)
    mask = np.zeros((2160, 3840), np.float32)
    cv2.circle(mask, (1900, 1080), 800, 1.0, -1)
    small = np.asarray(cv2.resize(mask, (512, 288), interpolation=cv2.INTER_AREA), np.float32)
    guided = find_matter("guided", ModelsFolder.of(Config()))
    print("\nA frame of 3840x2160, outline of 5000 px: seconds of one core, most memory beside the inputs")
    works: dict[str, Callable[[], Matte]] = {
        "guided, band 8": lambda: find_matte(picture, mask, guided, 8),
        "native edges of 512x288": lambda: native_edges(picture, small),
    }
    for name, work in works.items():
        before = time.process_time()
        work()
        seconds = time.process_time() - before
        tracemalloc.start()
        work()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"{name:28}{seconds:7.2f} s{peak / 2**20:8.0f} MiB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--matters", nargs="+", default=["guided", "closed-form"], help="and vitmatte, with weights")
    wanted = parser.parse_args()
    matting(wanted.seeds, wanted.matters)
    edges(wanted.seeds)
    uhd()


if __name__ == "__main__":
    main()
