"""What pyproject.toml asks for is bounded, locked and credited, and every promised interpreter is in the lock."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    pytest.skip("pyproject.toml is read with tomllib of Python 3.11", allow_module_level=True)

ROOT = Path(__file__).parents[2]
INTERPRETERS = ("3.9", "3.10", "3.11", "3.12", "3.13")
SYSTEMS = ("linux", "darwin", "win32")


def requirements(*extras: str) -> list[Requirement]:
    """Return what the distribution asks for, with what these extras add; extras of ours are left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [wanted for wanted in map(Requirement, lines) if wanted.name != "rotolink"]


def locked() -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def holds(requirement: Requirement, python: str, system: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": system}
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("wanted", requirements("aep", "daemon", "sam2", "transformers", "demo", "dev"), ids=str)
def test_a_requirement_is_bounded_on_both_sides(wanted: Requirement) -> None:
    operators = {specifier.operator for specifier in wanted.specifier}

    assert operators in ({">=", "<"}, {"=="})


@pytest.mark.parametrize("python", INTERPRETERS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lock_has_exactly_one_fitting_version_for_every_interpreter_and_system(python: str, system: str) -> None:
    pins: dict[str, list[Requirement]] = {}
    for pin in locked():
        if holds(pin, python, system):
            pins.setdefault(canonicalize_name(pin.name), []).append(pin)

    assert [name for name, found in pins.items() if len(found) > 1] == []
    for wanted in requirements("daemon", "demo", "dev"):
        if holds(wanted, python, system):
            (pin,) = pins[canonicalize_name(wanted.name)]
            (version,) = pin.specifier
            assert wanted.specifier.contains(version.version), f"{pin} does not fit {wanted}: make lock"


@pytest.mark.parametrize(
    "wanted", requirements("aep", "daemon", "sam2", "transformers", "demo"), ids=lambda wanted: wanted.name
)
def test_what_users_install_is_credited_with_its_licence(wanted: Requirement) -> None:
    assert wanted.name in (ROOT / "THIRD_PARTY_NOTICES.md").read_text()


def test_the_client_brings_neither_arrays_nor_the_daemon_s_libraries() -> None:
    heavy = {wanted.name for wanted in requirements("daemon")} - {wanted.name for wanted in requirements()}

    assert "numpy" in heavy
    for pin in locked():
        if pin.name in heavy:
            assert not any(holds(pin, python, "linux") for python in ("3.9", "3.10")), pin
