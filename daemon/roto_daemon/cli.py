"""The command `roto-daemon`: serve, doctor, models."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from roto_daemon import config as settings
from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.errors import ConfigError, RotoError
from roto_daemon.gateway.server import running_gateway
from roto_daemon.models_command import models
from roto_daemon.service.presence import present
from roto_daemon.service.server import running_daemon
from roto_daemon.token_command import token
from roto_daemon.workers.memory import reuse_memory
from roto_daemon.workers.process import WorkerProcess
from roto_shapes.files import write_whole

_EXIT_CODES = """\
Exit codes: 0 stopped as asked · 1 unexpected · 2 wrong options · 3 a setting or address cannot be used.
"""
_BAD_SETTING = 3
_LIBRARIES = (
    "grpcio",
    "protobuf",
    "fastapi",
    "uvicorn",
    "numpy",
    "opencv-python-headless",
    "openimageio",
    "av",
    "scipy",
    "contourpy",
    "sqlalchemy",
)

app = typer.Typer(
    help="The Rotolink daemon: it owns the engines and serves the plugins and the `roto` command.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=_EXIT_CODES,
)

app.add_typer(models, name="models")
app.add_typer(token, name="token")

Listen = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help=f"Where to listen (default: {settings.DEFAULT_LISTEN}).")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", envvar="ROTO_CONFIG", help="Settings in TOML.")
]


@app.command(epilog=_EXIT_CODES)
def serve(
    listen: Listen = None,
    config: ConfigFile = None,
    address_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the address here once the daemon answers.")
    ] = None,
    http_address_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the address of HTTP here once the daemon answers.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every call.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Serve until interrupted (Ctrl-C or SIGTERM). Listens on this machine only unless told otherwise."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )
    reuse_memory()
    try:
        loaded = settings.load(config, os.environ, {"listen": listen})
        asyncio.run(_serve(loaded.config, address_file, http_address_file))
    except RotoError as error:
        _fail(error)


@app.command(epilog=_EXIT_CODES)
def doctor(
    listen: Listen = None,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Show every setting with its source, the libraries, and whether a worker starts and which engines it has."""
    try:
        loaded = settings.load(config, os.environ, {"listen": listen})
        engines = asyncio.run(_ask_engines(loaded.config))
    except RotoError as error:
        _fail(error)
    report = {
        "version": importlib.metadata.version("rotolink"),
        "python": sys.version.split()[0],
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "settings": {
            name: {"value": getattr(loaded.config, name), "source": source} for name, source in loaded.sources.items()
        },
        "engines": engines,
    }
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _print(report)


def main() -> None:
    """Run the command line."""
    app()


async def _serve(config: settings.Config, address_file: Path | None, http_address_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(number, stop.set)
    async with (
        running_daemon(config) as daemon,
        running_gateway(config, daemon.inside, daemon.certificate) as http,
        present(config, daemon, http),
    ):
        addresses = f"{daemon.address} and {http}" if http else daemon.address
        typer.echo(f"Rotolink {importlib.metadata.version('rotolink')} listens on {addresses}. Ctrl-C stops it.")
        if daemon.certificate:
            typer.echo(
                f"Clients elsewhere trust it by the fingerprint {daemon.certificate.fingerprint} and need a token: "
                "roto-daemon token add NAME."
            )
        if http_address_file:
            _write_address(http_address_file, http)
        if address_file:
            _write_address(address_file, daemon.address)
        await stop.wait()


def _write_address(file: Path, address: str) -> None:
    try:
        write_whole(file, address.encode())
    except OSError as error:
        raise ConfigError(f"The address file {file} cannot be written: {error.strerror or error}.") from error


async def _ask_engines(config: settings.Config) -> list[dict[str, Any]]:
    ModelsFolder.of(config)  # a policy that cannot be followed is told here, not in a worker's log
    worker = WorkerProcess("doctor", config)
    try:
        engines: list[dict[str, Any]] = (await worker.ask("engines", {}))["engines"]
    finally:
        await worker.close()
    return engines


def _print(report: dict[str, Any]) -> None:
    console = Console()
    console.print(f"Rotolink {report['version']} on Python {report['python']}")
    console.print(", ".join(f"{name} {number}" for name, number in report["libraries"].items()), style="dim")
    table = Table("setting", "value", "from", title="Settings", title_justify="left")
    for name, entry in report["settings"].items():
        table.add_row(name, str(entry["value"]), entry["source"])
    console.print(table)
    table = Table("engine", "what it is", "takes", "state", title="Engines", title_justify="left")
    for engine in report["engines"]:
        default = f"ready, default: {engine['why_default']}" if engine["why_default"] else "ready, default"
        state = engine["unavailable"] or (default if engine["is_default"] else "ready")
        table.add_row(engine["name"], engine["title"], ", ".join(engine["prompts"]), state)
    console.print(table)


def _fail(error: RotoError) -> NoReturn:
    typer.echo(f"roto-daemon: {error}", err=True)
    raise typer.Exit(_BAD_SETTING if isinstance(error, ConfigError) else 1)
