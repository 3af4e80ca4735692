"""What the daemon costs around an engine: clicks, uploads, memory. Ratios within one run are what counts."""

from __future__ import annotations

import multiprocessing
import socket
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from disc_engine import DiscEngine
from measuring import Daemon, Figures
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from roto_client.results import Direction, FrameDone, PixelFrame, SampleType
from roto_client.session import connect
from roto_daemon.engines import EnginePrompt
from roto_daemon.plates.reader import open_plate
from roto_shapes.prompt import PointPrompt, Prompt
from roto_shapes.shot import FrameRange, Plate

SIZES = {"1280x720": (1280, 720, 5.0), "3840x2160": (3840, 2160, 25.0)}
CLICKS = 40
UHD_FRAMES = 12


def once(benchmark: BenchmarkFixture, work: Callable[[], Any]) -> None:
    """Let pytest-benchmark see the work; the figures that count are ratios and stand in our own table."""
    benchmark.pedantic(work, rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types


def median_s(work: Callable[[], Any], rounds: int = CLICKS) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def disc_picture(width: int, height: int) -> NDArray[np.uint8]:
    picture = np.full((height, width, 3), 40, np.uint8)
    cv2.circle(picture, (width // 2, height // 2), height // 4, (230, 230, 230), -1, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("size", SIZES)
def test_click(benchmark: BenchmarkFixture, daemon: Daemon, figures: Figures, tmp_path: Path, size: str) -> None:
    """A click through client, gRPC, worker and back, less the same engine called directly on the same open frame."""
    width, height, goal_ms = SIZES[size]
    cv2.imwrite(str(tmp_path / "plate.1001.png"), disc_picture(width, height))
    pattern, x, y = str(tmp_path / "plate.####.png"), width / 2, height / 2
    places = iter(range(10**9))

    def other_place() -> float:
        return x + next(places) % 50  # another place each time: an unchanged prompt is not followed again

    with open_plate(pattern) as reader:
        direct = DiscEngine().open(reader)

        def click_directly() -> None:
            point = EnginePrompt(np.array([[other_place(), y]]), np.array([True]))
            direct.set_prompt(1, 1001, point)

        click_directly()
        with connect(daemon.address) as far, far.open_plate(pattern) as plate, plate.open_session("disc") as session:
            target = session.add_object("disc")

            def click() -> None:
                target.point_at(Prompt(1001, (PointPrompt(other_place(), y),)))

            click()
            engine_s, whole_s = [], []
            for _ in range(3):  # in turn, so that a drift of the machine meets both
                engine_s.append(median_s(click_directly, CLICKS // 2))
                whole_s.append(median_s(click, CLICKS // 2))
            once(benchmark, click)
    over_ms = 1000 * (statistics.median(whole_s) - statistics.median(engine_s))
    figures.add(f"daemon's overhead on a click, {size}, median", over_ms, "ms", f"under {goal_ms:g}")


def _receive(port_pipe: Connection, total: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port_pipe.send(server.getsockname()[1])
        connection, _ = server.accept()
        buffer = bytearray(1 << 20)
        with connection:
            while total > 0:
                total -= connection.recv_into(buffer)
            connection.sendall(b"k")


def socket_seconds(content: memoryview, frames: int) -> float:
    """Move the same bytes to another process through a bare loopback socket in pieces of 1 MiB."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    receiver = context.Process(target=_receive, args=(there, content.nbytes * frames))
    receiver.start()
    with socket.create_connection(("127.0.0.1", here.recv())) as connection:
        began = time.perf_counter()
        for _ in range(frames):
            for start in range(0, content.nbytes, 1 << 20):
                connection.sendall(content[start : start + (1 << 20)])
        connection.recv(1)
        elapsed = time.perf_counter() - began
    receiver.join()
    return elapsed


def test_upload(benchmark: BenchmarkFixture, daemon: Daemon, figures: Figures) -> None:
    """UHD half-float frames by stream and through shared memory, beside a bare socket that moves the same bytes."""
    width, height = 3840, 2160
    pixels = np.random.default_rng(1).random((height, width, 3), np.float32).astype(np.float16)
    content = pixels.data.cast("B")

    def seconds(*, ring: bool) -> float:
        frames = [PixelFrame(frame, content, width, height, 3, SampleType.F16) for frame in range(1, UHD_FRAMES + 1)]
        with connect(daemon.address) as far:
            plate = far.open_upload(Plate(width, height, FrameRange(1, UHD_FRAMES), "upload"))
            began = time.perf_counter()
            stored = list(far._transport.upload_frames(plate.plate_id, frames, ring=ring))
            elapsed = time.perf_counter() - began
            plate.close()
        assert stored == list(range(1, UHD_FRAMES + 1))
        return elapsed

    total_mb = content.nbytes * UHD_FRAMES / 1e6
    rounds = [(socket_seconds(content, UHD_FRAMES), seconds(ring=False), seconds(ring=True)) for _ in range(5)]
    bare, stream, ring = (total_mb / statistics.median(times) for times in zip(*rounds))
    once(benchmark, lambda: seconds(ring=False))
    figures.add("upload of UHD half-float frames, bare loopback socket", bare, "MB/s", "-")
    figures.add("upload of UHD half-float frames, stream", stream, "MB/s", "-")
    figures.add("upload of UHD half-float frames, shared memory", ring, "MB/s", "-")
    figures.add("upload by stream over bare socket", stream / bare, "ratio", "at least 0.5")


def write_movie(path: Path, frames: int, width: int = 1280, height: int = 720) -> None:
    """Write a movie of a disc that swings to and fro on a textured ground."""
    ground = np.random.default_rng(2).integers(20, 60, (height, width, 3), np.uint8)
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", 2_000_000
        for number in range(frames):
            picture = ground.copy()
            x = int(width / 2 + width / 4 * np.sin(number / 20))
            cv2.circle(picture, (x, height // 2), 120, (230, 230, 230), -1, cv2.LINE_AA)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                movie.mux(packet)
        for packet in stream.encode():
            movie.mux(packet)


@pytest.mark.parametrize("engine", ["classic"])
def test_memory(benchmark: BenchmarkFixture, daemon: Daemon, figures: Figures, tmp_path: Path, engine: str) -> None:
    """Memory of daemon and workers at the highest while a clip is tracked and fitted, for 100 and for 1,000 frames."""
    peaks = {}
    for frames in (100, 1000):
        movie = tmp_path / f"{frames}.mp4"
        write_movie(movie, frames)
        peaks[frames] = follow(daemon, movie, engine)
    once(benchmark, lambda: None)
    for frames, peak in peaks.items():
        figures.add(f"memory of daemon and workers, {engine}, {frames} frames of 1280x720", peak, "MiB", "-")
    figures.add("memory, 1,000 frames over 100 frames", peaks[1000] / peaks[100], "ratio", "flat: 1.1")


def follow(daemon: Daemon, movie: Path, engine: str) -> float:
    peak = 0.0
    with connect(daemon.address) as far, far.open_plate(str(movie)) as plate, plate.open_session(engine) as session:
        target = session.add_object("disc")
        target.click(0, 640, 360)
        for event in target.track(direction=Direction.FORWARD):
            if isinstance(event, FrameDone) and event.frame % 25 == 0:
                peak = max(peak, daemon.memory_mib)
    return max(peak, daemon.memory_mib)
