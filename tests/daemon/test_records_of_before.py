"""Records that daemons of every schema left behind are taken over whole: `tests/daemon/records/<schema>.sql`.

A new schema gets a file of its own, and none is ever changed:

    python tests/daemon/test_records_of_before.py tests/daemon/records/<schema>.sql
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import tempfile
from pathlib import Path

import pytest

from roto_daemon.config import Config
from roto_daemon.errors import OutputError, UnknownError
from roto_daemon.sessions import Sessions, record
from roto_daemon.sessions.record import Record
from roto_daemon.sessions.state import Drawing, FitOrder, Fitted, OpenPlate, Session, TrackedObject
from roto_daemon.store import NEWEST, Store, Writing, schema
from roto_daemon.store.folder import state_folder
from roto_daemon.workers.orders import PlateOrder
from roto_daemon.workers.process import WorkerProcess
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Interpolation, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

RECORDS = Path(__file__).parent / "records"
PLATE = Plate(8, 4, FrameRange(1001, 1003), "sh010", 1.0, 24.0)
POINTS = tuple(ControlPoint(x, y, -0.1, 0.3, 1 / 3, 0.2) for x, y in ((1.5, 1.5), (6.25, 1.0), (4.0, 3.125)))
SHAPES = (
    Shape(
        "hero",
        (
            ShapeKeyframe(1001, POINTS, locked=True),
            ShapeKeyframe(1003, (*POINTS[:2], POINTS[2]._replace(corner=True))),
        ),
        PLATE.frames,
        interpolation=Interpolation.SMOOTH,
        colour=(1.0, 0.5, 0.25),
    ),
)
PROMPTS = (
    Prompt(1003, (PointPrompt(2.5, 1.5), PointPrompt(7.0, 3.0, foreground=False)), BoxPrompt(1, 1, 7, 3)),
    Prompt(1001, mask=MaskPrompt(8, 4, bytes(range(32)))),
    Prompt(1002, outline=(*POINTS[:2], POINTS[2]._replace(feather=(0.5, -0.25)))),
)
FITTED = Fitted(
    FitOrder(FrameRange(1001, 1003), FitOptions(1.5, layers=True), (1003,), (2,)), {"keyframes": 2}, SHAPES, 1.5
)


def write(store: Store) -> None:
    """Write a session with something of each kind."""
    plate = OpenPlate("0123456789abcdef", PLATE, PlateOrder("gone", uploaded=PLATE), "as sent", touched=2e9)
    session = Session("fedcba9876543210", plate, "disc", "disc.pt", Path("gone"), "why", native_edges=True)
    session.name, session.artist, session.touched, session.revision, session.next_object = "shot", "ann", 2e9, 9, 3
    hero = TrackedObject(1, "hero", drawing=Drawing(SHAPES, FITTED), revision=9, shapes_revision=8, mattes_revision=7)
    with store.writing() as rows:
        record.add_plate(rows, plate)
        record.add_session(rows, session)
        for each in (hero, TrackedObject(2, "front", revision=2)):
            record.add_object(rows, session, each)
        for revision, prompt in enumerate(PROMPTS, 3):
            record.put_prompt(rows, session, hero, prompt, revision)
        _write_steps(rows, session, hero)


def _write_steps(rows: Writing, session: Session, hero: TrackedObject) -> None:
    record.add_step(rows, session, hero, 1002, record.pack_prompt(Prompt(1002)))
    record.add_step(rows, session, hero, None, record.pack_step(PLATE, Drawing()))


@pytest.mark.parametrize("file", sorted(RECORDS.glob("*.sql")), ids=lambda file: file.stem)
def test_25_a_record_of_an_earlier_schema_is_taken_over_whole(file: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.db")) as old:
        old.executescript(file.read_text())
    session, step = asyncio.run(_taken_over(tmp_path))
    assert (session.name, session.artist, session.engine, session.weights) == ("shot", "ann", "disc", "disc.pt")
    assert (session.revision, session.next_object, session.native_edges) == (9, 3, True)
    assert (session.plate.plate, session.plate.colour_source) == (PLATE, "as sent")
    hero, front = session.objects.values()
    assert (hero.name, front.name, front.shapes, front.prompts) == ("hero", "front", (), {})
    assert tuple(hero.prompts.values()) == PROMPTS
    assert hero.prompt_revisions == {1003: 3, 1001: 4, 1002: 5}
    assert hero.drawing == Drawing(SHAPES, FITTED)
    assert (hero.revision, hero.shapes_revision, hero.mattes_revision) == (9, 8, 7)
    assert (step.frame, record.unpack_step(step.content)) == (None, Drawing())


async def _taken_over(folder: Path) -> tuple[Session, record.Step]:
    config = Config(state_folder=str(folder))
    with state_folder(config) as state:
        assert state.store.rows(schema.sessions)
        worker = WorkerProcess("never started", config)
        sessions = Sessions(config, state, worker, worker)
        await sessions.load()
        (told,) = await sessions.summaries("ann")
        session = await sessions.session(told["session_id"])
        step = await Record(state.store).last_step(session, 1, undone=False)
        await sessions.close()
    assert step
    return session, step


@pytest.mark.parametrize(("table", "sentence"), [("plates", "its sessions stay shut"), ("prompts", "is damaged")])
def test_damaged_content_costs_its_own_session_and_not_the_daemon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, table: str, sentence: str
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.db")) as old, old:
        old.executescript((RECORDS / f"{NEWEST}.sql").read_text())
        old.execute(f"UPDATE {table} SET content = x'ff00ff'")  # noqa: S608 - a table of ours
    with pytest.raises((OutputError, UnknownError, ValueError)) as told:
        asyncio.run(_taken_over(tmp_path))
    assert sentence in f"{told.value} {caplog.text}"


def test_25_every_schema_has_a_record_here() -> None:
    assert (RECORDS / f"{NEWEST}.sql").is_file()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        fresh = Store.opened(Path(made))
        write(fresh)
        fresh.close()
        with contextlib.closing(sqlite3.connect(Path(made) / "sessions.db")) as there:
            Path(sys.argv[1]).write_text("\n".join([*there.iterdump(), ""]))
