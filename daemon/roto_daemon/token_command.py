"""The commands `roto-daemon token …`: who may ask a daemon that is reached over the network."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from roto_daemon import config as settings
from roto_daemon.access import Scope, Tokens
from roto_daemon.errors import RotoError
from roto_daemon.store import Store
from roto_daemon.store.folder import state_path

_EXIT_CODES = "Exit codes: 0 done · 1 unexpected · 2 wrong options · 3 a name or a setting cannot be used."
_REFUSED = 3

token = typer.Typer(
    help="Access tokens: make one for each person or machine, list them, and take them back. The daemon may run.",
    no_args_is_help=True,
    add_completion=False,
    epilog=_EXIT_CODES,
)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", envvar="ROTO_CONFIG", help="Settings in TOML.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Whom it is for.")]


@token.command(epilog=_EXIT_CODES)
def add(
    name: Name,
    scope: Annotated[
        Scope, typer.Option(help="Look at sessions, or work, or work and see what describes the server too.")
    ] = Scope.ARTIST,
    expires: Annotated[
        float | None, typer.Option(metavar="DAYS", help="It is good for so many days; without this, until revoked.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Make a token and print it, once: the daemon keeps only its SHA-256."""
    with _tokens(config) as tokens:
        typer.echo(tokens.add(name, scope, expires))
        typer.echo(f"This is the token of '{name}', shown once. Give it to the client in ROTO_TOKEN.", err=True)


@token.command("list", epilog=_EXIT_CODES)
def list_tokens(
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """List tokens by name; what they are is not known here."""
    with _tokens(config) as tokens:
        found = tokens.all()
        if as_json:
            entries = [
                {"name": each.name, "scope": each.scope.value, "made": each.made, "expires": each.expires}
                for each in found
            ]
            typer.echo(json.dumps({"tokens": entries}, indent=2))
            return
        table = Table("name", "scope", "made", "expires")
        for each in found:
            table.add_row(each.name, each.scope.value, _day(each.made), _day(each.expires))
        Console().print(table if found else "There is no token. Make one with: roto-daemon token add NAME")


@token.command(epilog=_EXIT_CODES)
def revoke(name: Name, config: ConfigFile = None) -> None:
    """Take a token back: at once for new calls, within seconds for those under way."""
    with _tokens(config) as tokens:
        tokens.revoke(name)
        typer.echo(f"The token '{name}' is worth nothing any more.")


@contextlib.contextmanager
def _tokens(config: Path | None) -> Iterator[Tokens]:
    try:
        folder = state_path(settings.load(config, os.environ, {}).config)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = Store.opened(folder, mends=False)
        try:
            yield Tokens(store)
        finally:
            store.close()
    except RotoError as error:
        typer.echo(f"roto-daemon: {error}", err=True)
        raise typer.Exit(_REFUSED) from error
    except OSError as error:
        typer.echo(f"roto-daemon: The state folder cannot be used ({error.strerror}): set state_folder.", err=True)
        raise typer.Exit(_REFUSED) from error


def _day(when: float | None) -> str:
    return "never" if when is None else time.strftime("%Y-%m-%d", time.gmtime(when))
