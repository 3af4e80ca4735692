"""The After Effects panel: from a click to its overlay, and masks into the stand-in of After Effects."""

from __future__ import annotations

import contextlib
import statistics
import time
from pathlib import Path
from typing import Any

import cv2
import javascript
import numpy as np
from ae_panel import IDLE, PanelPage
from edges import GrpcEdge
from measuring import Daemon, Figures
from pytest_benchmark.fixture import BenchmarkFixture

CLICKS = 12
WIDTH, HEIGHT = 1920, 1080


def test_click_to_overlay(benchmark: BenchmarkFixture, daemon: Daemon, figures: Figures, tmp_path: Path) -> None:
    """A click to the overlay that is drawn, beside the same clicks by gRPC: the engine's time and the daemon's."""
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    cv2.circle(image, (WIDTH // 2, HEIGHT // 2), HEIGHT // 4, (230, 230, 230), -1, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "plate.1001.png"), image)
    page = PanelPage(f"{daemon.http}/panel/", (WIDTH, HEIGHT), (1000, 900))
    page.until(IDLE)
    page.do("type", id="path", text=str(tmp_path / "plate.####.png"))
    page.do("choose", id="engine", value="disc")
    page.press("open", "1920x1080")
    page.picture_is_shown()
    places = [(WIDTH / 2 + 7 * k, HEIGHT / 2 + 5 * k) for k in range(CLICKS)]

    def by_panel() -> list[float]:
        code = f"""(async () => {{
            const {{ desk }} = Rotolink.panel, took = [];
            for (const [x, y] of {[list(place) for place in places]}) {{
                const began = performance.now();
                await desk.click(x, y);
                await new Promise((done) => setTimeout(done, 0));
                await new Promise((done) => requestAnimationFrame(done));
                took.push(performance.now() - began);
            }}
            return took;
        }})()"""
        took: list[float] = page.do("evaluate", code=code)
        return took

    panel_ms = statistics.median(benchmark.pedantic(by_panel, rounds=1))  # type: ignore[no-untyped-call]
    figures.add("panel, click to overlay, 1920x1080, median", panel_ms, "ms", "-")
    figures.add(
        "panel, beyond the same click by gRPC", panel_ms - by_grpc_ms(daemon, tmp_path, places), "ms", "under 100"
    )


def by_grpc_ms(daemon: Daemon, folder: Path, places: list[tuple[float, float]]) -> float:
    took = []
    with contextlib.closing(GrpcEdge(daemon.address)) as far:
        (plate,) = far.call("PlateService/OpenPlate", [{"path": {"path": str(folder / "plate.####.png")}}]).answers
        opened: dict[str, Any] = {"plate_id": plate.plate_id, "engine": "disc"}  # type: ignore[attr-defined] # protobuf
        (session,) = far.call("SessionService/OpenSession", [opened]).answers
        names: dict[str, Any] = {"session_id": session.session_id}  # type: ignore[attr-defined] # as above
        (added,) = far.call("SessionService/AddObject", [{**names, "name": "disc"}]).answers
        names["object_id"] = added.object_id  # type: ignore[attr-defined] # as above
        for count in range(1, len(places) + 1):
            points = [{"x": x, "y": y, "foreground": True} for x, y in places[:count]]
            began = time.perf_counter()
            assert far.call(
                "SessionService/SetPrompt", [{**names, "prompt": {"frame": 1001, "points": points}}]
            ).answers
            took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def test_many_masks(benchmark: BenchmarkFixture, figures: Figures) -> None:
    """500 keys of 60 points in 5 masks, new and then in place of those."""
    job = {"masks": 5, "keys": 500, "points": 60}
    result = benchmark.pedantic(lambda: javascript.run("panel_big", job), rounds=1)  # type: ignore[no-untyped-call]
    assert (result["masks"], result["keys"]) == (5, 500)
    for what, took_ms in zip(("new", "again"), result["took"], strict=True):
        figures.add(f"panel, 500 keys x 60 points x 5 masks into the stand-in, {what}", took_ms / 1000, "s", "under 2")
