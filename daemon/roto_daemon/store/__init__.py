"""The daemon's record on disk: one SQLite file that a killed daemon, or one that was asked to stop, leaves behind.

Rows go in and out; what their contents mean is known to `roto_daemon.sessions.record` alone. Every change is one
transaction that is on the disk when the call returns, whole or not at all. Calls wait for the disk: make them from a
thread of their own. Several threads may share a store.

    Store.opened(folder)  ▶  with store.writing() as write: write.put(...)  ▶  store.close()
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    RowMapping,
    Select,
    Table,
    and_,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    true,
    update,
)
from sqlalchemy.exc import DBAPIError

from roto_daemon.errors import ConfigError, OutputError
from roto_daemon.store import schema

NEWEST = "0002"
"""The schema that this code reads and writes: the last of `migrations/versions`."""
KEPT = ("sessions", "plates")
"""Folders beside the file that rows speak of."""

_FILE = "sessions.db"
_WAIT_S = 5.0
"""How long a call waits for another program's lock on the file: a backup or a look by hand takes less."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_BROKEN = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_REASONS = {
    "SQLITE_BUSY": "another program holds it: close that program",
    "SQLITE_FULL": "the disk is full: free space there",
    "SQLITE_READONLY": "it may not be written: give this user the right to, or set state_folder",
    "SQLITE_CANTOPEN": "it cannot be opened: give this user the right to, or set state_folder",
    "SQLITE_IOERR": "the disk failed: free space there, or set state_folder",
    **dict.fromkeys(_BROKEN, "it is damaged: start the daemon again, which puts it aside"),
}
"""What to do about what SQLite says, by the begin of its error's name."""

_log = logging.getLogger("roto_daemon.store")

Row = dict[str, Any]


class Writing:
    """A transaction under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, table: Table, row: Row) -> None:
        """Add a row that is new."""
        self._connection.execute(insert(table).values(**row))

    def put(self, table: Table, row: Row) -> None:
        """Write a row in place of the one of the same key, or add it."""
        if not self.change(table, _key_of(table, row), row):
            self.add(table, row)

    def change(self, table: Table, where: Row, values: Row) -> bool:
        """Change what is named of the rows found by `where`; return whether there is any."""
        return self._connection.execute(update(table).where(_found(table, where)).values(**values)).rowcount > 0

    def drop(self, table: Table, where: Row) -> None:
        """Remove the rows found by `where`, with what belongs to them."""
        self._connection.execute(delete(table).where(_found(table, where)))

    def numbers(self, column: Column[int], where: Row) -> list[int]:
        """Return a column of the rows found by `where`, rising."""
        query = select(column).where(_found(column.table, where)).order_by(column)
        return list(self._connection.execute(query).scalars())


class Store:
    """The record in one file."""

    def __init__(self, file: Path, engine: Engine) -> None:
        self._file = file
        self._engine = engine

    @classmethod
    def opened(cls, folder: Path, *, mends: bool = True) -> Store:
        """Open the record in a folder, made or brought to the newest schema when needed.

        A damaged one is put aside, with the folders that belong to it, and told of in the log; or it is refused, as
        programs beside the daemon must (`mends` false). Raises ConfigError when the file cannot be used, or was
        written by a newer daemon.
        """
        store = cls(folder / _FILE, _engine(folder / _FILE))
        try:
            store._prepare()
        except DBAPIError as error:
            store.close()
            if not mends or not _name(error).startswith(_BROKEN):
                raise ConfigError(store._sentence(error)) from error
        else:
            return store
        aside = _put_aside(folder)
        _log.error(
            "The record of sessions was damaged and lies in %s now, with its mattes and uploads; the daemon goes on "
            "with a new one. A backup of sessions.db may be put in its place while the daemon is stopped.",
            aside,
        )
        return cls.opened(folder)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def rows(self, table: Table, **where: object) -> list[RowMapping]:
        """Return the rows with these values, by rising key; raises OutputError."""
        return self._selected(select(table).where(_found(table, where)).order_by(*table.primary_key.columns))

    def count(self, table: Table) -> int:
        """Return how many rows a table has; raises OutputError."""
        (row,) = self._selected(select(func.count().label("rows")).select_from(table))
        return int(row["rows"])

    def some(self, *columns: Column[Any]) -> list[RowMapping]:
        """Return some columns of all rows of a table, by rising value; raises OutputError."""
        return self._selected(select(*columns).order_by(*columns))

    def _selected(self, query: Select[Any]) -> list[RowMapping]:
        with self._told(), self._engine.connect() as connection:
            return list(connection.execute(query).mappings())

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writing]:
        """Give a transaction that is committed when the block ends and taken back when it raises.

        Raises OutputError when the disk refuses; nothing has changed then.
        """
        with self._told(), self._changing() as connection:
            yield Writing(connection)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Connection]:
        # The lock is taken at the begin: taken at the first write, it fails when another writer came between.
        with self._engine.execution_options(roto_writes=True).begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise OutputError(self._sentence(error)) from error

    def _sentence(self, error: DBAPIError) -> str:
        known = (why for begin, why in _REASONS.items() if _name(error).startswith(begin))
        return f"The daemon's record {self._file} cannot be used; {next(known, error.orig)}."

    def _prepare(self) -> None:
        """Check the file and bring it to the newest schema, in one transaction."""
        with self._changing() as connection:
            (found,) = connection.exec_driver_sql("PRAGMA quick_check(1)").scalars()
            if found != "ok":
                error = sqlite3.DatabaseError(found)
                error.sqlite_errorname = "SQLITE_CORRUPT"
                raise DBAPIError("PRAGMA quick_check", {}, error)
            version = _version(connection)
            if version != NEWEST:
                self._migrate(connection, version)

    def _migrate(self, connection: Connection, version: str | None) -> None:
        # 12 MB and a tenth of a second that only a new or an old record costs.
        from alembic import command  # noqa: PLC0415 - as said
        from alembic.config import Config  # noqa: PLC0415
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        known = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
        if version is not None and version not in known:
            raise ConfigError(
                f"The daemon's record {self._file} was written by a newer Rotolink (schema {version}, this one knows "
                f"{NEWEST}): update this daemon, or give it another state_folder."
            )
        _log.info("the record %s goes from schema %s to %s", self._file, version, NEWEST)
        command.upgrade(config, NEWEST)


def _engine(file: Path) -> Engine:
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": _WAIT_S})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: object) -> None:  # noqa: ANN401 - as sqlite3 hands it over
        connection.isolation_level = None  # transactions begin where we say
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("roto_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _name(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlite_errorname", "")


def _put_aside(folder: Path) -> Path:
    """Move a damaged record, and the folders that only it could make sense of, to a folder of their own."""
    stem = time.strftime("damaged-%Y%m%d-%H%M%S")
    aside = next(each for number in range(1000) if not (each := folder / f"{stem}-{number}").exists())
    aside.mkdir()
    for each in (*folder.glob(f"{_FILE}*"), *(folder / name for name in KEPT)):
        with contextlib.suppress(FileNotFoundError):
            each.rename(aside / each.name)
    return aside


def _found(table: Table, where: Row) -> Any:  # noqa: ANN401 - what SQLAlchemy takes as a condition
    return and_(true(), *(table.columns[name] == value for name, value in where.items()))


def _key_of(table: Table, row: Row) -> Row:
    return {column.name: row[column.name] for column in table.primary_key.columns}


__all__ = ["KEPT", "NEWEST", "Store", "Writing", "schema"]
