"""How the commands end that `roto` has from here: by the exit codes of docs/reference/cli.md."""

from __future__ import annotations

from typing import NoReturn

import typer

from roto_daemon.errors import OutputError, UnavailableError

_BAD_INPUT, _NO_OUTPUT, _UNAVAILABLE = 3, 6, 8


def fail(error: Exception) -> NoReturn:
    """End a command with an error's sentence and the exit code of its kind."""
    typer.echo(f"roto: {error}", err=True)
    if isinstance(error, OutputError):
        raise typer.Exit(_NO_OUTPUT)
    raise typer.Exit(_UNAVAILABLE if isinstance(error, UnavailableError) else _BAD_INPUT)
