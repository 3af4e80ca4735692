"""What Alembic runs for a migration: everything inside the one transaction that `roto_daemon.store` has begun."""

from __future__ import annotations

from alembic import context

from roto_daemon.store.schema import TABLES

context.configure(connection=context.config.attributes["connection"], target_metadata=TABLES)
context.run_migrations()
