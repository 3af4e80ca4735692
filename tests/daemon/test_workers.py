"""Worker processes as the daemon sees them: real processes, real kills."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from roto_daemon.config import Config
from roto_daemon.errors import FrameDamagedError, PromptError, UnavailableError, WorkerError
from roto_daemon.plates.matte_store import MatteStore
from roto_daemon.workers.orders import ObjectOrder, PlateOrder, SessionOrder
from roto_daemon.workers.process import WorkerProcess
from roto_shapes.prompt import PointPrompt, Prompt
from roto_shapes.shot import FrameRange

pytestmark = pytest.mark.usefixtures("fault")
STANDINS = Path(__file__).parents[1] / "standins"
FIRST, LAST = 1001, 1012


@pytest.fixture
def fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that tells the faulty engine what to do."""
    file = tmp_path / "fault"
    monkeypatch.setenv("DISC_FAULT_FILE", str(file))
    monkeypatch.setenv("PYTHONPATH", str(STANDINS), prepend=os.pathsep)
    return file


@pytest.fixture
def order(tmp_path: Path) -> SessionOrder:
    """A session on a plate of a bright disc that moves to the right, clicked on its first frame."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for frame in range(FIRST, LAST + 1):
        picture = np.full((60, 90, 3), 40, np.uint8)
        cv2.circle(picture, (30 + 2 * (frame - FIRST), 30), 12, (230, 230, 230), -1)
        cv2.imwrite(str(folder / f"plate.{frame}.png"), picture)
    prompt = Prompt(FIRST, (PointPrompt(30.5, 30.5),))
    session = tmp_path / "session"
    session.mkdir()
    return SessionOrder(
        "s", session, PlateOrder(str(folder / "plate.####.png")), "faulty", (ObjectOrder(1, "disc", (prompt,)),)
    )


@contextlib.asynccontextmanager
async def worker(step_deadline_s: float = 30.0) -> AsyncIterator[WorkerProcess]:
    extra = ("faulty_engine:FaultyEngine", "faulty_engine:UnavailableEngine")
    process = WorkerProcess("test", Config(step_deadline_s=step_deadline_s, extra_engines=extra))
    try:
        yield process
    finally:
        await process.close()


def run_args(order: SessionOrder, first: int = FIRST, last: int = LAST) -> dict[str, Any]:
    return {"session": order.pack(), "object_id": 1, "first": first, "last": last, "direction": 1}


async def tracked(process: WorkerProcess, order: SessionOrder) -> list[int]:
    return [event["frame"] async for event in process.stream("propagate", run_args(order)) if event]


async def until(condition: Callable[[], bool], deadline_s: float = 10.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - a process's state sends no event
            await asyncio.sleep(0.01)


def test_an_order_is_followed_frame_by_frame_and_its_mattes_lie_in_the_session_folder(
    order: SessionOrder,
) -> None:
    async def scenario() -> None:
        async with worker() as process:
            assert await tracked(process, order) == list(FrameRange(FIRST, LAST))

    asyncio.run(scenario())
    store = MatteStore(order.folder)
    assert store.frames(1) == list(FrameRange(FIRST, LAST))
    areas = [store.read(1, frame).area_px for frame in store.frames(1)]
    assert min(areas) == pytest.approx(max(areas), rel=0.1)
    assert areas[0] == 441  # what OpenCV paints for a radius of 12


def test_a_killed_worker_fails_the_call_with_a_sentence_and_the_next_call_goes_on(
    fault: Path, order: SessionOrder
) -> None:
    async def scenario() -> list[int]:
        async with worker() as process:
            fault.write_text(f"hold {FIRST + 5}")
            run = process.stream("propagate", run_args(order))
            with pytest.raises(WorkerError, match="killed by signal 9"):
                async for event in run:
                    if event["frame"] == FIRST + 3:
                        assert process.pid
                        os.kill(process.pid, signal.SIGKILL)
            kept = MatteStore(order.folder).frames(1)
            assert kept[:4] == list(range(FIRST, FIRST + 4))
            fault.unlink()
            return await tracked(process, order)

    assert asyncio.run(scenario()) == list(FrameRange(FIRST, LAST))


def test_mattes_after_a_kill_are_those_of_an_undisturbed_run(fault: Path, order: SessionOrder) -> None:
    async def scenario() -> None:
        async with worker() as process:
            with contextlib.suppress(WorkerError):
                await tracked(process, order)
            await tracked(process, order)

    asyncio.run(scenario())
    store = MatteStore(order.folder)
    undisturbed = {frame: store.read(1, frame).encoded for frame in store.frames(1)}
    store.remove(1)
    fault.write_text(f"abort {FIRST + 5}")
    asyncio.run(scenario())
    assert {frame: store.read(1, frame).encoded for frame in store.frames(1)} == undisturbed


def test_a_worker_that_hangs_is_killed_after_its_deadline(fault: Path, order: SessionOrder) -> None:
    async def scenario() -> None:
        async with worker(step_deadline_s=3.0) as process:
            await process.ask("engines", {})
            fault.write_text(f"hang {FIRST + 2}")
            with pytest.raises(WorkerError, match="ask again"):
                await tracked(process, order)
            assert len(await tracked(process, order)) == LAST - FIRST + 1

    asyncio.run(scenario())


def test_a_defect_in_an_engine_costs_its_order_and_not_the_process(fault: Path, order: SessionOrder) -> None:
    async def scenario() -> None:
        async with worker() as process:
            await process.ask("engines", {})
            pid = process.pid
            fault.write_text(f"defect {FIRST + 2}")
            with pytest.raises(WorkerError, match="ZeroDivisionError"):
                await tracked(process, order)
            assert len(await tracked(process, order)) == LAST - FIRST + 1
            assert process.pid == pid

    asyncio.run(scenario())


def test_closing_a_stream_cancels_after_the_frame_in_flight_and_keeps_what_is_done(
    fault: Path, order: SessionOrder
) -> None:
    async def scenario() -> int | None:
        async with worker() as process:
            fault.write_text("slow 0.4")
            async with contextlib.aclosing(process.stream("propagate", run_args(order))) as run:
                async for event in run:
                    if event["frame"] == FIRST + 1:
                        break
            done = MatteStore(order.folder).frames(1)
            assert FIRST + 1 in done
            assert LAST not in done
            pid = process.pid
            fault.unlink()
            await tracked(process, order)
            assert process.pid == pid
            return pid

    assert asyncio.run(scenario())


def test_a_click_overtakes_a_run_after_the_frame_in_flight(fault: Path, order: SessionOrder) -> None:
    async def scenario() -> None:
        async with worker() as process:
            await process.ask("prompt", {"session": order.pack()})
            fault.write_text("slow 0.3")
            run = process.stream("propagate", run_args(order), priority=1)
            assert (await anext(run))["frame"] == FIRST
            await process.ask("prompt", {"session": order.pack()})
            assert LAST not in MatteStore(order.folder).frames(1)
            await run.aclose()

    asyncio.run(scenario())


def test_a_run_rests_when_nobody_takes_its_events(order: SessionOrder) -> None:
    folder = Path(order.plate.path).parent
    for frame in range(LAST + 1, LAST + 40):
        (folder / f"plate.{frame}.png").write_bytes((folder / f"plate.{LAST}.png").read_bytes())

    async def scenario() -> None:
        async with worker(step_deadline_s=2.0) as process:
            run = process.stream("propagate", run_args(order, FIRST, LAST + 39))
            await anext(run)
            await asyncio.sleep(2.5)
            assert len(MatteStore(order.folder).frames(1)) < 30
            assert len([event async for event in run if event]) == LAST + 39 - FIRST

    asyncio.run(scenario())


def test_refusals_of_a_worker_arrive_as_what_they_are(order: SessionOrder) -> None:
    folder = Path(order.plate.path).parent

    async def scenario() -> None:
        async with worker() as process:
            empty = SessionOrder("e", order.folder, order.plate, "faulty", (ObjectOrder(1, "disc"),))
            with pytest.raises(PromptError):
                await tracked(process, empty)
            absent = SessionOrder("a", order.folder, order.plate, "absent", order.objects)
            with pytest.raises(UnavailableError, match="fetch them first"):
                await tracked(process, absent)
            file = folder / f"plate.{FIRST + 4}.png"
            file.write_bytes(file.read_bytes()[:60])
            there = ObjectOrder(1, "disc", (Prompt(FIRST + 4, (PointPrompt(38.5, 30.5),)),))
            damaged = SessionOrder("d", order.folder, order.plate, "faulty", (there,))
            with pytest.raises(FrameDamagedError, match=str(FIRST + 4)) as refusal:
                await process.ask("prompt", {"session": damaged.pack()})
            assert refusal.value.frame == FIRST + 4

    asyncio.run(scenario())


def test_no_process_is_left_when_its_daemon_is_gone() -> None:
    async def scenario() -> int:
        async with worker() as process:
            await process.ask("engines", {})
            assert process.pid
            return process.pid

    pid = asyncio.run(scenario())
    assert not psutil.pid_exists(pid)


def test_a_worker_that_crashes_at_its_start_is_given_up_with_a_sentence() -> None:
    async def scenario() -> None:
        process = WorkerProcess("broken", Config(step_deadline_s=2.0, extra_engines=("no_such_module:Engine",)))
        with pytest.raises(WorkerError):
            await process.ask("engines", {})
        await process.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("frozen", [False, True])
def test_no_worker_outlives_the_daemon_not_even_a_frozen_one(frozen: bool) -> None:  # noqa: FBT001 - a parameter
    async def scenario() -> int:
        async with worker() as process:
            await process.ask("engines", {})
            assert process.pid
            if frozen:
                os.kill(process.pid, signal.SIGSTOP)
            return process.pid

    assert not psutil.pid_exists(asyncio.run(scenario()))
