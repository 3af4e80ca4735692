# ruff: noqa: FA100 - on Python 3.9 typer reads annotations only where they are no strings
"""The commands `roto plugins …`: put plugins into hosts, list and check them, take them away."""

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from roto_client import plugin_install
from roto_client.discovery import find_daemon
from roto_client.errors import BadInputError, ClientError
from roto_client.options import DaemonOption, JsonOption, print_json
from roto_client.plugin_install import HOSTS, HostKind, Installed
from roto_client.session import connect

HELP = "Put the plugins for Nuke, Silhouette, Fusion and After Effects into these programs, and take them away again."
INSTALL_HELP = """\
Put a plugin into a host's folder of this user, in place of an older one.

Nothing is touched that this command did not write. Without --host-python the plugin brings no wheels and speaks HTTP \
to the daemon; with it, gRPC where the host allows it.

Example: roto plugins install nuke
"""
LIST_HELP = "List the plugins that are installed for this user."
UNINSTALL_HELP = """\
Take a plugin away: all that was written, but for files that somebody changed since.

Example: roto plugins uninstall nuke
"""
DOCTOR_HELP = """\
Check every plugin that is installed: its files, whether the host finds it, whether a daemon answers.

It ends with 0 when all is well. With --inside it prints what to run inside each host, which checks the host itself.
"""


def _host(name: str) -> HostKind:
    try:
        return HOSTS[name.lower()]
    except KeyError:
        raise typer.BadParameter(f"'{name}' is none of {', '.join(HOSTS)}.") from None


HostArgument = Annotated[
    HostKind, typer.Argument(metavar="HOST", parser=_host, help=f"One of {', '.join(HOSTS)}.", show_default=False)
]
TargetOption = Annotated[
    Optional[Path],
    typer.Option(metavar="DIR", help="The host's folder of the user (default: where the host looks by itself)."),
]


def install(
    host: HostArgument,
    *,
    target: TargetOption = None,
    host_python: Annotated[
        str, typer.Option(metavar="X.Y", help="Bring wheels for the host's Python, so that it can speak gRPC.")
    ] = "",
    offline: Annotated[
        Optional[Path], typer.Option(metavar="DIR", help="With --host-python: take wheels from this folder alone.")
    ] = None,
) -> None:
    """Put a plugin into a host's folder."""
    if offline is not None and not host_python:
        raise BadInputError("--offline names a folder of wheels: say by --host-python which Python they are for.")
    installed = plugin_install.install(host, target, python=host_python, offline=offline)
    typer.echo(f"Installed the plugin for {host.title} in {installed.folder}")
    missing = plugin_install.hook_missing(installed)
    if missing:
        typer.echo(f"Note: {host.title} does not find it yet. {missing}", err=True)
    if host.note:
        typer.echo(f"Note: {host.note}", err=True)


def listing(*, as_json: JsonOption = False) -> None:
    """List the plugins that are installed."""
    found = plugin_install.all_installed()
    if as_json:
        print_json([_facts(each) for each in found])
    elif not found:
        typer.echo("No plugin is installed. roto plugins install nuke puts one into Nuke.")
    else:
        table = Table("host", "version", "Python", "folder")
        for each in found:
            table.add_row(HOSTS[each.host].title, each.version, each.python or "no wheels", str(each.folder))
        Console().print(table)


def uninstall(host: HostArgument, *, target: TargetOption = None) -> None:
    """Take a plugin away."""
    kept = plugin_install.uninstall(host, target)
    typer.echo(f"Took the plugin for {host.title} away.")
    for name in kept:
        typer.echo(f"Note: {name} was changed since, and stays.", err=True)


def doctor(
    *,
    inside: Annotated[bool, typer.Option("--inside", help="Print what to run inside each host.")] = False,
    daemon: DaemonOption = None,
) -> None:
    """Check every plugin that is installed."""
    found = plugin_install.all_installed()
    if inside:
        for host in HOSTS.values():
            typer.echo(f"{host.title}: {host.inside}")
        return
    if not found:
        raise BadInputError("No plugin is installed. roto plugins install nuke puts one into Nuke.")
    wrong = [line for each in found for line in _wrong(each)]
    for each in found:
        typer.echo(f"{HOSTS[each.host].title}: Rotolink {each.version} in {each.folder}")
    place = find_daemon(daemon)
    try:
        with connect(place.address) as met:
            typer.echo(f"Daemon: Rotolink {met.info.version} answers at {place.address}")
        wrong += _unreachable(found, place.address)
    except ClientError as error:
        wrong.append(str(error))
    if wrong:
        raise ClientError("\n  ".join(["not all is well:", *wrong]))


def _unreachable(found: list[Installed], address: str) -> list[str]:
    """Say which way each plugin takes to the daemon; try HTTP for those that need it, and return what is in its way."""
    for each in found:
        title = HOSTS[each.host].title
        if each.python:
            typer.echo(f"{title}: reaches it by gRPC in Python {each.python}, else by HTTP")
        else:
            typer.echo(f"{title}: reaches it by HTTP")
    if all(each.python for each in found):
        return []
    try:
        with connect(address, "HTTP") as met:
            typer.echo(f"Daemon: answers {met.address} too")
    except ClientError as error:
        return [str(error)]
    return []


def _wrong(installed: Installed) -> list[str]:
    title = HOSTS[installed.host].title
    missing, changed = installed.changed()
    lines = []
    if missing:
        lines.append(f"{title}: {len(missing)} files are missing, {missing[0]} first: install it again.")
    if changed:
        lines.append(f"{title}: {len(changed)} files were changed, {changed[0]} first.")
    hook = plugin_install.hook_missing(installed)
    return [*lines, f"{title} does not find the plugin. {hook}"] if hook else lines


def _facts(installed: Installed) -> dict[str, object]:
    missing, changed = installed.changed()
    return {
        "host": installed.host,
        "version": installed.version,
        "python": installed.python or None,
        "folder": str(installed.folder),
        "missing": missing,
        "changed": changed,
        "to_do": plugin_install.hook_missing(installed) or None,
    }
