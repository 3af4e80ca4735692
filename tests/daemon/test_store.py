"""The record on disk: every schema comes to the newest one, and what cannot be used is told of."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import roto_daemon.store.migrations
from roto_daemon.config import Config
from roto_daemon.errors import ConfigError, OutputError
from roto_daemon.store import NEWEST, Store, schema
from roto_daemon.store.folder import state_folder

PLATE = {"plate_id": "p", "content": b"x", "touched": 1.0}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.opened(tmp_path)
    yield opened
    opened.close()


def test_25_migrations_make_the_tables_that_the_code_reads_and_writes(store: Store, tmp_path: Path) -> None:
    assert store.rows(schema.plates) == []
    engine = create_engine(f"sqlite:///{tmp_path}/sessions.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.TABLES) == []
    engine.dispose()
    scripts = ScriptDirectory(str(Path(roto_daemon.store.migrations.__file__).parent))
    assert scripts.get_heads() == [NEWEST]


def test_25_a_migration_that_is_cut_short_leaves_the_schema_before(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.db")) as record:
        record.execute("CREATE TABLE steps (in_the_way INTEGER)")  # the last table that the migration makes
    with pytest.raises(ConfigError, match="cannot be used"):
        Store.opened(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.db")) as record:
        assert [name for (name,) in record.execute("SELECT name FROM sqlite_master")] == ["steps"]


def test_a_record_of_a_newer_daemon_is_refused_untouched(store: Store, tmp_path: Path) -> None:
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "sessions.db")) as record, record:
        record.execute("UPDATE alembic_version SET version_num = '9999'")
    before = (tmp_path / "sessions.db").read_bytes()
    with pytest.raises(ConfigError, match="written by a newer Rotolink"):
        Store.opened(tmp_path)
    assert (tmp_path / "sessions.db").read_bytes() == before


def test_a_change_happens_wholly_or_not_at_all(store: Store) -> None:
    with pytest.raises(OutputError), store.writing() as write:
        write.add(schema.plates, PLATE)
        write.add(schema.plates, PLATE)
    assert store.rows(schema.plates) == []


def test_what_belongs_to_a_row_goes_with_it_and_not_without(store: Store) -> None:
    session = {
        "session_id": "s", "plate_id": "p", "name": "", "artist": "", "engine": "", "weights": "", "why_default": "",
        "native_edges": False, "next_object": 1, "revision": 0, "touched": 1.0,
    }  # fmt: skip
    with store.writing() as write:
        write.add(schema.plates, PLATE)
        write.add(schema.sessions, session)
        write.put(schema.plates, {**PLATE, "touched": 2.0})
    assert store.rows(schema.plates, plate_id="p")[0]["touched"] == 2.0
    with pytest.raises(OutputError), store.writing() as write:
        write.drop(schema.plates, {"plate_id": "p"})
    assert len(store.rows(schema.plates)) == 1


def test_a_file_that_is_no_record_is_put_aside_with_its_mattes(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.close()
    (tmp_path / "sessions" / "s").mkdir(parents=True)
    (tmp_path / "sessions.db").write_bytes(b"no record" * 1000)
    opened = Store.opened(tmp_path)
    assert opened.rows(schema.sessions) == []
    opened.close()
    (aside,) = tmp_path.glob("damaged-*")
    assert (aside / "sessions.db").read_bytes() == b"no record" * 1000
    assert (aside / "sessions" / "s").is_dir()
    assert str(aside) in caplog.text


def test_a_state_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match="set state_folder"),
        state_folder(Config(state_folder=str(tmp_path / "file" / "state"))),
    ):
        pass
