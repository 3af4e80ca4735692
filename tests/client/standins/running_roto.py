"""The command `roto`, run in this process."""

from __future__ import annotations

import os
import re
from inspect import signature
from typing import Any

from typer.testing import CliRunner

from roto_client.cli import app


def roto(*arguments: str, **environment: str) -> Any:  # noqa: ANN401 - the result class moved between typer's versions
    # click before 8.2 mixes both streams unless told otherwise, and later ones cannot be told.
    separate: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
    settings = {"ROTO_DAEMON": None, "XDG_RUNTIME_DIR": os.devnull, "COLUMNS": "200", **environment}
    return CliRunner(**separate).invoke(app, list(arguments), env=settings)


def plain(text: str) -> str:
    """Return what a terminal shows, without colours, boxes and line breaks."""
    return re.sub(r"[\s│]+", " ", re.sub(r"\x1b\[[0-9;]*m", "", text))
