"""How the commands end that `roto` has from here: by the exit codes of docs/reference/cli.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import typer

from roto_daemon.errors import OutputError, UnavailableError, Unreadable
from roto_shapes.shot import spans

_BAD_INPUT, _NO_OUTPUT, _UNAVAILABLE, _BUT_FOR_FRAMES = 3, 6, 8, 10
_REASONS_TOLD = 20
"""More sentences than a terminal shows at once help nobody; the frames are all named before."""


def fail(error: Exception) -> NoReturn:
    """End a command with an error's sentence and the exit code of its kind."""
    typer.echo(f"roto: {error}", err=True)
    if isinstance(error, OutputError):
        raise typer.Exit(_NO_OUTPUT)
    raise typer.Exit(_UNAVAILABLE if isinstance(error, UnavailableError) else _BAD_INPUT)


def end_with_unreadable(errors: Sequence[Unreadable]) -> None:
    """End a command that is done but for frames that could not be read, with a sentence for each; do nothing else."""
    if not errors:
        return
    said = [str(error) for error in errors[:_REASONS_TOLD]]
    if len(errors) > _REASONS_TOLD:
        said.append(f"and so on for {len(errors) - _REASONS_TOLD} more.")
    frames = sorted({error.frame for error in errors})
    many = len(frames) > 1
    typer.echo(
        f"roto: frame{'s' if many else ''} {spans(frames)} cannot be read and {'were' if many else 'was'} left out; "
        "all else is done and written:\n  " + "\n  ".join(said),
        err=True,
    )
    raise typer.Exit(_BUT_FOR_FRAMES)
