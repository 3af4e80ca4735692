"""What writing mattes costs beside OpenImageIO alone, in one process and in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from measuring import Figures
from numpy.typing import NDArray
from OpenImageIO import ImageOutput, ImageSpec
from pytest_benchmark.fixture import BenchmarkFixture

from roto_daemon.plates.matte_files import write_cryptomatte, write_layers, write_matte

FRAMES = 100
WIDTH, HEIGHT = 3840, 2160
METADATA = {"plate": "plate.####.exr", "object": "hero", "engine": "classic", "weights": "none"}


def soft_disc(frame: int) -> NDArray[np.float32]:
    """Return a matte with a rim as soft as defocus makes one: 60 pixels."""
    drawn = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(drawn, (1000 + 15 * frame, HEIGHT // 2), HEIGHT // 4, (1.0,), -1, cv2.LINE_AA)
    return cv2.GaussianBlur(drawn, (0, 0), 15).astype(np.float32, copy=False)


def write_alone(path: Path, matte: NDArray[np.float32]) -> None:
    """Write the same file with OpenImageIO and nothing else."""
    spec = ImageSpec(WIDTH, HEIGHT, 1, "half")
    spec.channelnames = ("A",)
    spec.attribute("compression", "zip")
    output = ImageOutput.create(str(path))
    assert output
    assert output.open(str(path), spec)
    assert output.write_image(matte[..., np.newaxis])
    assert output.close()


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_matte_writing(benchmark: BenchmarkFixture, figures: Figures, tmp_path: Path) -> None:
    """UHD half-float mattes, ZIP, by OpenImageIO alone and by us, in turn, so that a drift meets both."""
    alone_s = ours_s = 0.0
    for frame in range(FRAMES):
        matte = soft_disc(frame)
        if frame % 2:
            alone_s += seconds(partial(write_alone, tmp_path / f"alone.{frame}.exr", matte))
        ours_s += seconds(partial(write_matte, tmp_path / f"m.{frame}.exr", matte, frame, METADATA))
        if not frame % 2:
            alone_s += seconds(partial(write_alone, tmp_path / f"alone.{frame}.exr", matte))
    last = soft_disc(0)
    benchmark.pedantic(lambda: write_matte(tmp_path / "m.exr", last, 0, METADATA), rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
    figures.add(f"{FRAMES} UHD matte EXRs by OpenImageIO alone", alone_s, "s", "-")
    figures.add(f"{FRAMES} UHD matte EXRs with metadata, whole or not at all", ours_s, "s", "-")
    figures.add("writing mattes over OpenImageIO alone", ours_s / alone_s, "ratio", "at most 1.2")
    several = {f"object {number}": soft_disc(8 * number) for number in range(4)}
    for name, write in (("layers", write_layers), ("Cryptomatte", write_cryptomatte)):
        times = [seconds(partial(write, tmp_path / "all.exr", several, 0, METADATA)) for _ in range(5)]
        figures.add(f"a UHD EXR of 4 objects as {name}, median", 1000 * statistics.median(times), "ms", "-")
