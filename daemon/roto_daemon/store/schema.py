"""The tables of the daemon's record, as the newest migration leaves them.

A change here needs a migration under `migrations/versions`; a test compares what the migrations make with these
tables. Times are seconds since 1970 by the machine's clock. `content`, `shapes` and `fitted` are packed by
`roto_daemon.sessions.record`.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

TABLES = MetaData()

plates = Table(
    "plates",
    TABLES,
    Column("plate_id", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("touched", Float, nullable=False),
)

tokens = Table(
    "tokens",
    TABLES,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("scope", Text, nullable=False),
    Column("made", Float, nullable=False),
    Column("expires", Float),
)

sessions = Table(
    "sessions",
    TABLES,
    Column("session_id", Text, primary_key=True),
    Column("plate_id", Text, ForeignKey("plates.plate_id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("artist", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("weights", Text, nullable=False),
    Column("why_default", Text, nullable=False),
    Column("native_edges", Boolean, nullable=False),
    Column("next_object", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("touched", Float, nullable=False),
)

objects = Table(
    "objects",
    TABLES,
    Column("session_id", Text, ForeignKey("sessions.session_id", ondelete="CASCADE"), primary_key=True),
    Column("object_id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("shapes", LargeBinary, nullable=False),
    Column("fitted", LargeBinary, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("shapes_revision", Integer, nullable=False),
    Column("mattes_revision", Integer, nullable=False),
)

_OF_AN_OBJECT = ("session_id", "object_id")
_OBJECT = ("objects.session_id", "objects.object_id")

prompts = Table(
    "prompts",
    TABLES,
    Column("session_id", Text, primary_key=True),
    Column("object_id", Integer, primary_key=True),
    Column("frame", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(_OF_AN_OBJECT, _OBJECT, ondelete="CASCADE"),
)

steps = Table(
    "steps",
    TABLES,
    Column("session_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("object_id", Integer, nullable=False),
    Column("frame", Integer),
    Column("content", LargeBinary, nullable=False),
    Column("undone", Boolean, nullable=False),
    ForeignKeyConstraint(_OF_AN_OBJECT, _OBJECT, ondelete="CASCADE"),
)
