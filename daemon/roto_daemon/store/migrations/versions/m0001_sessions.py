"""Plates, sessions, objects, prompts and steps of the history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_OF_AN_OBJECT = ["session_id", "object_id"]
_OBJECT = ["objects.session_id", "objects.object_id"]


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "plates",
        sa.Column("plate_id", sa.Text, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("touched", sa.Float, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("plate_id", sa.Text, sa.ForeignKey("plates.plate_id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("artist", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("weights", sa.Text, nullable=False),
        sa.Column("why_default", sa.Text, nullable=False),
        sa.Column("native_edges", sa.Boolean, nullable=False),
        sa.Column("next_object", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("touched", sa.Float, nullable=False),
    )
    op.create_table(
        "objects",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.session_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("object_id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("shapes", sa.LargeBinary, nullable=False),
        sa.Column("fitted", sa.LargeBinary, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("shapes_revision", sa.Integer, nullable=False),
        sa.Column("mattes_revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "prompts",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("object_id", sa.Integer, primary_key=True),
        sa.Column("frame", sa.Integer, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(_OF_AN_OBJECT, _OBJECT, ondelete="CASCADE"),
    )
    op.create_table(
        "steps",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("object_id", sa.Integer, nullable=False),
        sa.Column("frame", sa.Integer),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("undone", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(_OF_AN_OBJECT, _OBJECT, ondelete="CASCADE"),
    )
