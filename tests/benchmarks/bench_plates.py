"""What plates cost beside the libraries that read them: the same files, the same settings, in turn in one process."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from measuring import Figures
from OpenImageIO import ImageInput, ImageOutput, ImageSpec
from pytest_benchmark.fixture import BenchmarkFixture

from roto_daemon.pictures import Picture
from roto_daemon.plates.cache import SharedPictures
from roto_daemon.plates.reader import open_plate
from roto_daemon.workers.memory import reuse_memory
from roto_shapes.shot import PlatePath

UHD = 3840, 2160
HD = 1920, 1080
IMAGES = 2
MOVIE_FRAMES = 72
ROUNDS = 4


class Pace(NamedTuple):
    """Frames a second, by the clock on the wall and by the time that processors spent."""

    by_clock: float
    by_processor: float


def paces(works: dict[str, Callable[[], int]]) -> dict[str, Pace]:
    """Do each work in turn, several times, and tell the best of each: other programs can but slow one down."""
    best = dict.fromkeys(works, Pace(0, 0))
    for work in works.values():
        work()
    for _ in range(ROUNDS):
        for name, work in works.items():
            clock, processor = time.perf_counter(), time.process_time()
            frames = work()
            spent = time.perf_counter() - clock, time.process_time() - processor
            best[name] = Pace(max(best[name][0], frames / spent[0]), max(best[name][1], frames / spent[1]))
    return best


def compare(figures: Figures, what: str, found: dict[str, Pace]) -> None:
    """Write the first of the works down, and the others beside it."""
    (first, alone), *others = found.items()
    figures.add(f"{what}: {first}", alone.by_clock, "fps", "-")
    for name, pace in others:
        figures.add(f"{what}: {name}", pace.by_clock, "fps", "-")
        figures.add(f"{what}: {name} over {first}", pace.by_clock / alone.by_clock, "ratio", "at least 0.9")
        by_processor = pace.by_processor / alone.by_processor
        figures.add(f"{what}: the same by processor time", by_processor, "ratio", "at least 0.9")


def footage(width: int, height: int, frame: int) -> Picture:
    """A picture with the detail and the noise of a camera's."""
    random = np.random.default_rng(1)
    ground = cv2.resize(random.integers(0, 256, (height // 24, width // 24, 3), np.uint8), (width, height))
    grain = cv2.resize(random.integers(0, 12, (height // 2, width // 2, 3), np.uint8), (width, height))
    return np.roll(cv2.add(ground, grain), 5 * frame, axis=1)


@pytest.fixture(scope="module", autouse=True)
def as_a_worker_does() -> None:
    """Keep freed memory, for the libraries alone as well: else how it is given back decides who is faster."""
    reuse_memory()


def write_exrs(folder: Path) -> str:
    for frame in range(1001, 1001 + IMAGES):
        spec = ImageSpec(*UHD, 3, "half")
        spec.attribute("compression", "zip")
        output = ImageOutput.create("a.exr")
        assert output
        assert output.open(str(folder / f"plate.{frame}.exr"), spec)
        # Every value that a half can have occurs, as in a camera's light; those of 8 bits alone would be read faster.
        grain = np.random.default_rng(frame).standard_normal((UHD[1], UHD[0], 3), np.float32)
        light = (np.maximum(footage(*UHD, frame) + 2 * grain, 0) / 255) ** 2.2
        assert output.write_image(light.astype(np.float16))
        assert output.close()
    return str(folder / "plate.####.exr")


def write_movie(path: Path, codec: str, pix_fmt: str, options: dict[str, str]) -> str:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(24), options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *HD, pix_fmt
        for frame in range(MOVIE_FRAMES):
            container.mux(stream.encode(VideoFrame.from_ndarray(footage(*HD, frame), format="rgb24")))
        container.mux(stream.encode(None))
    return str(path)


def read_all(source: PlatePath, **options: Any) -> int:  # noqa: ANN401 - those of open_plate
    with open_plate(source, cache_bytes=0, **options) as reader:
        for frame in reader.frames:
            reader.picture(frame)
        return len(reader.frames)


def test_exr(benchmark: BenchmarkFixture, figures: Figures, tmp_path: Path) -> None:
    """UHD half floats with ZIP: OpenImageIO alone hands over halves, a plate hands over colour-managed pictures."""
    pattern = write_exrs(tmp_path)
    files = sorted(tmp_path.glob("*.exr"))

    def alone() -> int:
        for file in files:
            image = ImageInput.open(str(file))
            assert image
            pixels = image.read_image(0, 0, 0, 3, "half")
            assert pixels is not None
            image.close()
        return len(files)

    shared = SharedPictures(tmp_path / "frames", 4 << 30)
    found = paces(
        {
            "OpenImageIO alone": alone,
            "plate, scene-linear": lambda: read_all(PlatePath(pattern)),
            "plate, ACEScg": lambda: read_all(PlatePath(pattern, colour_space="ACEScg")),
            "plate, from the frame cache": lambda: read_all(PlatePath(pattern), shared=shared),
        }
    )
    benchmark.pedantic(alone, rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
    compare(figures, "UHD half EXR, ZIP", found)


MOVIES = {
    "libx264": ("m.mp4", "yuv420p", {"g": "48", "bf": "3", "preset": "veryfast"}),
    "prores_ks": ("m.mov", "yuv422p10le", {"profile": "3"}),
}


@pytest.mark.parametrize("codec", MOVIES)
def test_movie(benchmark: BenchmarkFixture, figures: Figures, tmp_path: Path, codec: str) -> None:
    """A 1080p movie from its first frame to its last as red, green and blue."""
    name, pix_fmt, options = MOVIES[codec]
    movie = write_movie(tmp_path / name, codec, pix_fmt, options)

    def alone() -> int:
        pictures: collections.deque[Any] = collections.deque(maxlen=1)  # somebody looks at one while the next comes
        with av.open(movie) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                pictures.append(frame.to_ndarray(format="rgb24"))
        return MOVIE_FRAMES

    found = paces({"PyAV alone": alone, "plate": lambda: read_all(PlatePath(movie))})
    benchmark.pedantic(alone, rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
    compare(figures, f"1080p {codec}", found)
