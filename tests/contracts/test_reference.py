"""The reference pages name everything there is: calls, errors, settings, commands."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import typer

from roto_client import cli as client_cli
from roto_client import errors as client_errors
from roto_daemon import cli as daemon_cli
from roto_daemon import errors as daemon_errors
from roto_daemon.checkpoints import CHECKPOINTS
from roto_daemon.engines import registry
from roto_daemon.service.status import CODES
from roto_proto.v1 import daemon_pb2, plates_pb2, sessions_pb2

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def classes(module: object, root: type) -> list[type]:
    return [each for _, each in inspect.getmembers(module, inspect.isclass) if issubclass(each, root)]


@pytest.mark.parametrize("file", [daemon_pb2, plates_pb2, sessions_pb2])
def test_every_call_of_the_protocol_is_described(file: object) -> None:
    text = page("rpcs.md")
    for service in file.DESCRIPTOR.services_by_name.values():  # type: ignore[attr-defined]
        assert f"## {service.name}" in text
        for method in service.methods:
            assert f"| `{method.name}` |" in text


def test_every_error_of_the_daemon_is_described_with_its_status() -> None:
    text = page("errors.md")
    for error in classes(daemon_errors, daemon_errors.RotoError):
        if error is daemon_errors.RotoError:
            continue
        code = next(CODES[kind] for kind in error.__mro__ if kind in CODES)
        assert f"| `{error.__name__}` | `{code.name}` |" in text


def test_every_error_of_the_client_is_described_with_its_exit_code() -> None:
    text, commands = page("errors.md"), page("cli.md")
    for error in classes(client_errors, client_errors.ClientError):
        code = error.exit_code  # type: ignore[attr-defined]
        assert f"| `{error.__name__}` | {code} |" in text
        assert f"| {code} |" in commands


def test_every_engine_and_every_checkpoint_has_its_row_with_what_its_licence_permits() -> None:
    rows = [
        line for line in (REFERENCE.parent / "engines.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"
    ]
    for engine in registry.engines():
        assert any(row.startswith(f"| `{engine}` |") for row in rows), engine
    for each in CHECKPOINTS:
        (row,) = [row for row in rows if f"`{each.name}`" in row.split("|")[1]]
        assert row.split("|")[3].strip() == each.terms.commercial.value, each.name


@pytest.mark.parametrize(("program", "name"), [(client_cli.app, "roto"), (daemon_cli.app, "roto-daemon")])
def test_every_command_and_option_is_described(program: typer.Typer, name: str) -> None:
    require_described(typer.main.get_command(program), name, page("cli.md"))


def require_described(group: Any, name: str, text: str) -> None:  # noqa: ANN401 - typer's groups have no common type
    for command_name, command in group.commands.items():
        full_name = f"{name} {command_name}"
        assert full_name in text
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("--") or option in text, f"{full_name} {option}"
        if hasattr(command, "commands"):
            require_described(command, full_name, text)
