"""What the HTTP edge adds to a call, beside gRPC for the same call. Differences within one run are what counts."""

from __future__ import annotations

import contextlib
import http.client
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import msgpack
import numpy as np
import pytest
from edges import GrpcEdge, SocketEdge
from measuring import Daemon, Figures
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS, CALLS = 5, 30
SIZES = {"1920x1080": (1920, 1080), "3840x2160": (3840, 2160)}
HELLO = {"api": {"major": 1, "minor": 1}}
GOAL_MS = "under 20"
"""Of the 100 that a panel has from the click to its overlay beside the engine's own time."""


def compared_ms(slower: Callable[[], object], faster: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of two kinds of work, done in turn so that a drift of the machine meets both."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for which, work in ((True, slower), (False, faster)):
            for _ in range(CALLS):
                began = time.perf_counter()
                work()
                times[which].append(1000 * (time.perf_counter() - began))
    return statistics.median(times[True]), statistics.median(times[False])


@pytest.mark.parametrize("size", SIZES)
def test_click(benchmark: BenchmarkFixture, daemon: Daemon, figures: Figures, tmp_path: Path, size: str) -> None:
    """A click and its matte by the socket with mattes packed by zlib, beside the same by gRPC.

    The click is the same each time, so the engine, whose time is none of the edge's, is not asked again.
    """
    width, height = SIZES[size]
    image = np.full((height, width, 3), 40, np.uint8)
    cv2.circle(image, (width // 2, height // 2), height // 4, (230, 230, 230), -1, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "plate.1001.png"), image)
    with contextlib.closing(SocketEdge(daemon.http)) as socket, contextlib.closing(GrpcEdge(daemon.address)) as far:
        plate = socket.answer("PlateService/OpenPlate", {"path": {"path": str(tmp_path / "plate.####.png")}})
        session = socket.answer("SessionService/OpenSession", {"plate_id": plate["plate_id"], "engine": "disc"})
        names: dict[str, Any] = {"session_id": session["session_id"]}
        names["object_id"] = socket.answer("SessionService/AddObject", {**names, "name": "disc"})["object_id"]
        point = {"x": width / 2, "y": height / 2, "foreground": True}
        click = [{**names, "prompt": {"frame": 1001, "points": [point]}}]

        def by_socket() -> None:
            assert socket.call("SessionService/SetPrompt", click, metadata={"matte-coding": "zlib"}).answers

        def by_grpc() -> None:
            assert far.call("SessionService/SetPrompt", click).answers

        by_socket()
        ours_ms, grpc_ms = compared_ms(by_socket, by_grpc)
        benchmark.pedantic(by_socket, rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
    figures.add(f"click and its matte by gRPC, without the engine, {size}, median", grpc_ms, "ms", "-")
    figures.add(f"what the socket and zlib add, {size}", ours_ms - grpc_ms, "ms", GOAL_MS)


def test_small_calls(benchmark: BenchmarkFixture, daemon: Daemon, figures: Figures) -> None:
    """Hello by the socket and by POST on an open connection, beside gRPC."""
    parts = urlsplit(daemon.http)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    with (
        contextlib.closing(SocketEdge(daemon.http)) as socket,
        contextlib.closing(GrpcEdge(daemon.address)) as far,
        contextlib.closing(connection),
    ):

        def by_post() -> None:
            headers = {"Content-Type": "application/msgpack"}
            connection.request("POST", "/api/v1/DaemonService/Hello", msgpack.packb(HELLO), headers)
            assert "api" in msgpack.unpackb(connection.getresponse().read())

        def by_grpc() -> None:
            far.call("DaemonService/Hello", [HELLO])

        socket_ms, grpc_ms = compared_ms(lambda: socket.answer("DaemonService/Hello", HELLO), by_grpc)
        post_ms, _ = compared_ms(by_post, by_grpc)
        benchmark.pedantic(by_post, rounds=1)  # type: ignore[no-untyped-call] # as above
    figures.add("Hello by gRPC, median", grpc_ms, "ms", "-")
    figures.add("Hello by the socket, median", socket_ms, "ms", "under 5")
    figures.add("Hello by POST, median", post_ms, "ms", "under 5")
