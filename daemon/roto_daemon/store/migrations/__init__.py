"""How a record of an earlier schema becomes one of the newest: Alembic's environment and its scripts."""
