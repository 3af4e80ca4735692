"""The commands `roto-daemon models …`: which checkpoints there are, and getting them here."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from roto_daemon import config as settings
from roto_daemon.checkpoints import CHECKPOINTS, Checkpoint, ModelsFolder, checkpoint
from roto_daemon.checkpoints.fetch import Tell, pull
from roto_daemon.checkpoints.pack import install_pack, write_pack
from roto_daemon.errors import ConfigError, RotoError, UnavailableError, WeightsError

_EXIT_CODES = """\
Exit codes: 0 done · 1 unexpected · 2 wrong options · 3 a setting cannot be used · 4 a checkpoint is refused, damaged,
missing or did not come.
"""
_BAD_SETTING, _REFUSED = 3, 4

models = typer.Typer(
    help="Checkpoints of the engines: list, fetch, verify, and carry them to machines without internet.",
    no_args_is_help=True,
    add_completion=False,
    epilog=_EXIT_CODES,
)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", envvar="ROTO_CONFIG", help="Settings in TOML.")
]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Checkpoints; `models list` has their names.")]


@models.command("list", epilog=_EXIT_CODES)
def list_models(
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Show every checkpoint with its size, licence, what that permits, and whether it is here."""
    with _refusals():
        folder, _ = _folder(config)
        entries = [_entry(folder, each) for each in CHECKPOINTS]
        if as_json:
            typer.echo(
                json.dumps({"folder": str(folder.path), "policy": folder.policy.use, "models": entries}, indent=2)
            )
            return
        console = Console()
        table = Table("name", "family", "MB", "licence", "commercial", "state", title=f"Checkpoints in {folder.path}")
        for each in entries:
            size = f"{each['megabytes']}" if each["megabytes"] else "?"
            table.add_row(each["name"], each["family"], size, each["licence"], each["commercial"], each["state"])
        console.print(table)
        reasons = [(each["name"], each[kind]) for kind in ("reason", "because") for each in entries if each[kind]]
        for reason in dict.fromkeys(reason for _, reason in reasons):
            names = ", ".join(name for name, own in reasons if own == reason)
            console.print(f"{names}: {reason}", style="dim", soft_wrap=True)


@models.command("pull", epilog=_EXIT_CODES)
def pull_models(names: Names, config: ConfigFile = None) -> None:
    """Fetch checkpoints and verify them. What broke off before is gone on with."""
    with _refusals():
        folder, loaded = _folder(config)
        wanted = [checkpoint(name) for name in names]
        with folder.locked():
            for each in wanted:
                typer.echo(f"{each.name}: licence {each.terms.licence}. {each.terms.because}")
                with _bar(each.name) as tell:
                    words = pull(folder, each, tell, loaded.models_mirror)
                typer.echo(f"{each.name}: {words}.")


@models.command("verify", epilog=_EXIT_CODES)
def verify_models(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Checkpoints; default: all that are here.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Read checkpoints whole and compare their sums; those without a published sum are noted in SHA256SUMS."""
    with _refusals():
        folder, _ = _folder(config)
        wanted = [checkpoint(name) for name in names] if names else [each for each in CHECKPOINTS if folder.has(each)]
        if not wanted:
            typer.echo(f"There is no checkpoint in {folder.path}.")
            return
        bad = 0
        with folder.locked():
            for each in wanted:
                bad += _verify(folder, each)
        if bad:
            raise WeightsError(f"{bad} of {len(wanted)} checkpoints cannot be used.")


@models.command("path", epilog=_EXIT_CODES)
def show_path(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A checkpoint; default: the folder.")] = None,
    config: ConfigFile = None,
) -> None:
    """Print where checkpoints lie, or where one that is here lies."""
    with _refusals():
        folder, _ = _folder(config)
        if name is None:
            typer.echo(folder.path)
            return
        wanted = checkpoint(name)
        if not folder.has(wanted):
            raise UnavailableError(f"'{name}' is not in {folder.path}.")
        typer.echo(folder.file(wanted))


@models.command("pack", epilog=_EXIT_CODES)
def pack_models(
    names: Names,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.tar", help="Where to write the pack.")],
    config: ConfigFile = None,
) -> None:
    """Put checkpoints that are here into one file, for machines without internet."""
    with _refusals():
        folder, _ = _folder(config)
        wanted = [checkpoint(name) for name in dict.fromkeys(names)]
        with _bar(out.name) as tell:
            write_pack(folder, wanted, out, tell)
        typer.echo(f"{out} holds {', '.join(each.name for each in wanted)}.")


@models.command("install", epilog=_EXIT_CODES)
def install_models(
    pack: Annotated[Path, typer.Argument(metavar="PACK.tar", help="What `models pack` wrote.")],
    config: ConfigFile = None,
) -> None:
    """Take the checkpoints of a pack, all of them or none."""
    with _refusals():
        folder, _ = _folder(config)
        with folder.locked(), _bar(pack.name) as tell:
            installed = install_pack(folder, pack, tell)
        for name, words in installed.items():
            typer.echo(f"{name}: {words}.")


def _folder(config: Path | None) -> tuple[ModelsFolder, settings.Config]:
    loaded = settings.load(config, os.environ, {}).config
    return ModelsFolder.of(loaded), loaded


def _entry(folder: ModelsFolder, each: Checkpoint) -> dict[str, Any]:
    size = round(each.size_bytes / 1e6) if each.size_bytes else each.about_mb
    return {
        "name": each.name,
        "family": each.family,
        "file": each.file,
        "url": each.url,
        "megabytes": size,
        "sha256": each.sha256,
        "licence": each.terms.licence,
        "commercial": each.terms.commercial.value,
        "because": each.terms.because,
        "here": folder.has(each),
        "state": _state(folder, each),
        "reason": folder.policy.objection(each.terms) or each.withheld,
    }


def _state(folder: ModelsFolder, each: Checkpoint) -> str:
    if folder.policy.objection(each.terms):
        return "against the policy"
    if folder.has(each):
        return "here, verified" if each.file in folder.sums() else "here, not verified yet"
    return "withheld" if each.withheld else "not here"


def _verify(folder: ModelsFolder, each: Checkpoint) -> bool:
    """Tell what a checkpoint is; return whether it cannot be used."""
    try:
        typer.echo(f"{each.name}: {folder.settle(each, folder.file(each))}.")
    except WeightsError as error:
        typer.echo(f"{each.name}: {error}", err=True)
        return True
    return False


@contextlib.contextmanager
def _bar(name: str) -> Iterator[Tell]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)

        def tell(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield tell


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """End the command with a refusal's sentence and its exit code."""
    try:
        yield
    except RotoError as error:
        typer.echo(f"roto-daemon: {error}", err=True)
        raise typer.Exit(_BAD_SETTING if isinstance(error, ConfigError) else _REFUSED) from error
