# ruff: noqa: FA100 - on Python 3.9 typer reads annotations only where they are no strings
"""The command `roto sessions`: what a daemon keeps, and an end to it."""

from datetime import datetime
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from roto_client.discovery import find_daemon
from roto_client.options import RESULTS, DaemonOption, print_json
from roto_client.results import SessionSummary
from roto_client.session import connect

HELP = """\
List the sessions that the daemon keeps for you, those last used first, or end some of them.

A session that a plugin leaves open stays with the daemon, with all that was pointed at and drawn, until it was not used
for as many days as the daemon's setting session_days says.
"""


def sessions(
    *,
    everybody: Annotated[bool, typer.Option("--all", help="List everybody's.")] = False,
    close: Annotated[
        Optional[list[str]], typer.Option(metavar="ID", help="End this session and forget all of it; repeat for more.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=RESULTS, help="Print the list as JSON, and nothing else.")
    ] = False,
    daemon: DaemonOption = None,
) -> None:
    """List the sessions that the daemon keeps."""
    with connect(find_daemon(daemon).address) as met:
        for session_id in close or ():
            met.attach(session_id).discard()
        kept = met.sessions("" if everybody else None)
    if as_json:
        print_json({"sessions": [{**vars(each), "used": _time(each)} for each in kept]})
        return
    if not kept:
        Console().print("The daemon keeps no session.")
        return
    table = Table("session", "name", "artist", "plate", "engine", "objects", "last used")
    for each in kept:
        names = ", ".join(each.objects)
        table.add_row(each.session_id, each.name, each.artist, each.plate, each.engine, names, _time(each))
    Console().print(table)


def _time(summary: SessionSummary) -> str:
    """Return when a session was used last, by this machine's clock."""
    return datetime.fromtimestamp(summary.touched_s).astimezone().isoformat(" ", "minutes")
