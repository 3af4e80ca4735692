"""Sessions in this process, with real workers: bounds, expiry and what is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import cv2
import psutil
import pytest
from serving import FIRST, LAST, STANDINS, centre, picture

from roto_daemon.config import Config
from roto_daemon.errors import LimitError, UnknownError
from roto_daemon.sessions import Sessions
from roto_daemon.sessions.record import STEPS_KEPT
from roto_daemon.sessions.state import Session
from roto_daemon.store.folder import state_folder
from roto_daemon.workers.orders import PlateOrder
from roto_daemon.workers.process import WorkerProcess
from roto_shapes.prompt import PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange

Scenario = Callable[[Sessions], Awaitable[None]]


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(STANDINS), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is tested there is not how long a disk takes."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    if not shared.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


@pytest.fixture
def plate(tmp_path: Path) -> str:
    for frame in range(FIRST, LAST + 1):
        cv2.imwrite(str(tmp_path / f"disc.{frame}.png"), picture(frame))
    return str(tmp_path / "disc.####.png")


@contextlib.asynccontextmanager
async def running(config: Config) -> AsyncIterator[Sessions]:
    with state_folder(config) as state:
        worker = WorkerProcess("test", config)
        sessions = Sessions(config, state, worker, worker)
        try:
            await sessions.load()
            yield sessions
        finally:
            await worker.close()
            await sessions.close()


def play(tmp_path: Path, scenario: Scenario, **settings: float) -> None:
    """Run a scenario with sessions whose settings are given; on the state of those before, if there are."""
    config = Config(
        state_folder=str(tmp_path / "state"),
        extra_engines=("disc_engine:DiscEngine",),
        **settings,  # type: ignore[arg-type]
    )

    async def run() -> None:
        async with running(config) as sessions:
            await scenario(sessions)

    asyncio.run(run())


async def opened(sessions: Sessions, plate: str) -> str:
    plate_id = (await sessions.plates.open_plate(PlateOrder(plate))).plate_id
    return (await sessions.open_session(plate_id, "disc")).session_id


async def clicked(sessions: Sessions, session_id: str) -> int:
    added = await sessions.add_object(session_id, "disc")
    await sessions.set_prompt(session_id, added.object_id, Prompt(FIRST, (PointPrompt(*centre(FIRST)),)))
    return added.object_id


def left(tmp_path: Path) -> list[Path]:
    return [each for kind in ("sessions", "plates") for each in (tmp_path / "state" / kind).glob("*")]


def test_sessions_and_plates_expire_with_all_that_they_left(tmp_path: Path, plate: str) -> None:
    async def work(sessions: Sessions) -> None:
        await clicked(sessions, await opened(sessions, plate))
        assert left(tmp_path)

    async def later(sessions: Sessions) -> None:
        (told,) = await sessions.summaries()
        await asyncio.sleep(0.3)
        await sessions.tidy()
        assert await sessions.summaries() == []
        await asyncio.sleep(0.2)  # until then the session counts as use of its plate
        await sessions.tidy()
        assert left(tmp_path) == []
        with pytest.raises(UnknownError, match="forgotten after"):
            await sessions.session(told["session_id"])
        assert sessions.plates.touched == {}

    play(tmp_path, work)
    play(tmp_path, later, session_days=0.1 / 86400, plate_idle_s=0.1)


def test_a_session_that_is_used_does_not_expire(tmp_path: Path, plate: str) -> None:
    async def scenario(sessions: Sessions) -> None:
        session_id = await opened(sessions, plate)
        for _ in range(4):
            await asyncio.sleep(0.3)
            await sessions.session(session_id)
            await sessions.tidy()
        assert len(await sessions.summaries()) == 1

    play(tmp_path, scenario, session_days=1.0 / 86400, plate_idle_s=0.1)


def test_bounds_of_sessions_and_of_their_mattes_are_told_by_name(tmp_path: Path, plate: str) -> None:
    async def scenario(sessions: Sessions) -> None:
        session_id = await opened(sessions, plate)
        with pytest.raises(LimitError, match="max_sessions"):
            await opened(sessions, plate)
        object_id = await clicked(sessions, session_id)
        with pytest.raises(LimitError, match="session_limit_bytes"):
            async for _ in sessions.propagate(session_id, object_id, FrameRange(FIRST, LAST), 1):
                pass
        assert FIRST in (await sessions.session(session_id)).store.frames(object_id)

    play(tmp_path, scenario, max_sessions=1, session_limit_bytes=3000)


def test_a_bounded_number_of_steps_is_kept(tmp_path: Path, plate: str) -> None:
    async def scenario(sessions: Sessions) -> None:
        session_id = await opened(sessions, plate)
        object_id = (await sessions.add_object(session_id, "disc")).object_id
        square = tuple(ControlPoint(x, y) for x, y in ((1, 1), (9, 1), (9, 9)))
        for number in range(STEPS_KEPT + 5):
            shape = Shape("disc", (ShapeKeyframe(FIRST, square),), FrameRange(FIRST, LAST), colour=(number / 200, 0, 0))
            await sessions.set_shapes(session_id, object_id, (shape,))
        undone = 0
        while await sessions.undo(session_id, 0):
            undone += 1
        assert undone == STEPS_KEPT
        (oldest,) = (await sessions.session(session_id)).find(object_id).shapes
        assert oldest.colour[0] == 4 / 200

    play(tmp_path, scenario)


def test_a_thousand_sessions_opened_and_expired_leave_nothing_behind(memory: Path, plate: str) -> None:
    process = psutil.Process()

    def held() -> tuple[int, int]:
        gc.collect()
        return process.num_fds(), process.num_threads()

    async def scenario(sessions: Sessions) -> None:
        plate_id = (await sessions.plates.open_plate(PlateOrder(plate))).plate_id

        async def some(number: int) -> None:
            for _ in range(number):
                session = await sessions.open_session(plate_id, "disc")
                await sessions.add_object(session.session_id, "disc")
            await asyncio.sleep(1.1)
            await sessions.tidy()
            assert await sessions.summaries() == []

        await some(100)
        before = held()
        for _ in range(3):
            await some(300)
        after = held()
        assert after[0] <= before[0] + 2
        assert after[1] <= before[1] + 2
        assert left(memory) == []
        assert not [each for each in gc.get_objects() if type(each) is Session]  # torch warns where it is asked more

    play(memory, scenario, session_days=1.0 / 86400)
    assert (memory / "state" / "sessions.db").stat().st_size < 1 << 20
