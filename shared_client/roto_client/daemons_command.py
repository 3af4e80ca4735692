"""The command `roto daemons`: the daemons of this machine and of the network, to pick one."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from roto_client.discovery import daemons_here, daemons_on_the_network, find_daemon
from roto_client.errors import BadInputError
from roto_client.options import RESULTS, print_json
from roto_client.transport.trust import trust

HELP = """\
List the daemons that run on this machine and that announce themselves on the network.

None of the network is connected to by itself: anybody may announce one. Give the address of one that you trust with \
--daemon, in ROTO_DAEMON, or in the settings file. Without any of these commands use the daemon that was started last \
here, else 127.0.0.1:50750.
"""


def daemons(
    *,
    network_s: Annotated[
        float,
        typer.Option("--network", metavar="S", min=0, max=60, help="Listen to the network for so long; 0 for not."),
    ] = 2.0,
    trusted: Annotated[
        str, typer.Option("--trust", metavar="HOST:PORT", help="Trust the daemon there from now on.")
    ] = "",
    fingerprint: Annotated[
        str, typer.Option(metavar="FINGERPRINT", help="With --trust: what it printed when it started.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=RESULTS, help="Print the daemons as JSON, and nothing else.")
    ] = False,
) -> None:
    """List daemons to connect to, or trust one."""
    if trusted or fingerprint:
        if not (trusted and fingerprint):
            raise BadInputError("Give both --trust HOST:PORT and --fingerprint FINGERPRINT.")
        Console(soft_wrap=True).print(f"The daemon at {trusted} is trusted by {trust(trusted, fingerprint)}.")
        return
    used = find_daemon()
    here = daemons_here()
    announced = daemons_on_the_network(network_s) if network_s else ()
    if as_json:
        print_json(
            {
                "used": {"address": used.address, "from": used.source},
                "here": [asdict(each) for each in here],
                "network": [asdict(each) for each in announced],
            }
        )
        return
    table = Table("where", "name", "address", "HTTP", "protocol")
    for each in here:
        table.add_row("here", f"Rotolink {each.version}", each.address, each.http, "")
    ours = {each.daemon_id for each in here}
    for found in announced:
        if found.daemon_id not in ours:
            table.add_row("network", found.name, found.address, found.http, found.protocol)
    console = Console()
    if table.row_count:
        console.print(table)
    else:
        console.print("No daemon was found. Start one with: roto-daemon serve")
    console.print(f"Commands use {used.address}, from {used.source}.")
