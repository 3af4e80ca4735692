"""What the client of the standard library alone costs beside gRPC. Ratios within one run are what counts."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from measuring import Daemon, Figures
from pytest_benchmark.fixture import BenchmarkFixture

from roto_client.results import PixelFrame, SampleType
from roto_client.session import Daemon as Far
from roto_client.session import connect
from roto_proto import plain, wire
from roto_proto.msgpack_codec import pack, unpack
from roto_proto.v1 import values_pb2
from roto_shapes.prompt import PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

WIDTH, HEIGHT = 3840, 2160
FRAMES = 8
ROUNDS = 3
CLICKS = 20


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def clicks_s(far: Far, pattern: str) -> list[float]:
    """Click in many places of one frame; return how long each click took."""
    with far.open_plate(pattern) as plate, plate.open_session("disc") as session:
        target = session.add_object("disc")
        target.click(1001, 640, 360)
        prompts = [Prompt(1001, (PointPrompt(641 + place, 360),)) for place in range(CLICKS)]
        return [seconds(partial(target.point_at, prompt)) for prompt in prompts]


def upload_s(far: Far, pixels: memoryview) -> float:
    """Send frames in pieces; return how long each took."""
    with far.open_upload(Plate(WIDTH, HEIGHT, FrameRange(1, FRAMES))) as plate:
        frames = (PixelFrame(each, pixels, WIDTH, HEIGHT, 3, SampleType.U8) for each in range(1, FRAMES + 1))
        sent = far._transport.upload_frames(plate.plate_id, frames, ring=False)
        return seconds(lambda: list(sent)) / FRAMES


def test_clicks_and_uploads(benchmark: BenchmarkFixture, daemon: Daemon, figures: Figures, tmp_path: Path) -> None:
    """Clicks on a plate of 720p, and 8-bit UHD frames in pieces, by both ways in turn."""
    picture = np.full((720, 1280, 3), 40, np.uint8)
    cv2.circle(picture, (640, 360), 180, (230, 230, 230), -1, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "plate.1001.png"), picture)
    pixels = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8).data
    clicks: dict[str, list[float]] = defaultdict(list)
    uploads: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):  # in turn, so that a drift of the machine meets both
        for way, address in (("gRPC", daemon.address), ("HTTP", daemon.http)):
            with connect(address) as far:
                clicks[way] += clicks_s(far, str(tmp_path / "plate.####.png"))
                uploads[way].append(upload_s(far, pixels))
    benchmark.pedantic(lambda: None, rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
    for way, times in clicks.items():
        figures.add(f"click on 720p by {way}, median", 1000 * statistics.median(times), "ms", "-")
        figures.add(f"UHD 8-bit frame in pieces by {way}", 1000 * statistics.median(uploads[way]), "ms", "-")


@pytest.mark.parametrize("points", [10_000])
def test_shapes(benchmark: BenchmarkFixture, figures: Figures, points: int) -> None:
    """A shape of so many points over all keyframes, from bytes to values."""
    outline = tuple(ControlPoint(place + 0.5, 0.25, 1.5, 2.5, -1.5, -2.5) for place in range(50))
    keys = tuple(ShapeKeyframe(frame, outline) for frame in range(points // 50))
    maps = pack(plain.to_map("Shape", wire.shape_to_wire(Shape("a", keys, FrameRange(0, points // 50)))))
    fields = wire.shape_to_wire(Shape("a", keys, FrameRange(0, points // 50)))
    packed = values_pb2.Shape(**fields).SerializeToString()

    def by_maps() -> None:
        message: Any = plain.from_map("Shape", unpack(maps))
        wire.shape_from_wire(message)

    figures.add(f"{points} control points read from maps", 1000 * min(seconds(by_maps) for _ in range(5)), "ms", "-")
    by_protobuf = min(seconds(lambda: wire.shape_from_wire(values_pb2.Shape.FromString(packed))) for _ in range(5))
    figures.add(f"{points} control points read by protobuf", 1000 * by_protobuf, "ms", "-")
    benchmark.pedantic(by_maps, rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
