"""Plugins put where hosts find them, and taken away again without a trace.

An installed plugin is one folder of ours: the plugin, the client that it stands on in `client`, and, where they were
asked for, wheels for the host's Python in `vendor`. A list of all files with their SHA-256 lies in it, so that nothing
is ever removed that somebody else wrote or changed. A folder appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from roto_client.errors import BadInputError, OutputFileError
from roto_client.settings import user_folder

LIST_NAME = "rotolink-installed.json"
"""The list of what was written, in the plugin's folder."""
PIP_TIMEOUT_S = 600.0

_CLIENT = ("roto_client", "roto_proto", "roto_shapes")
_WHEELS = ("grpcio", "protobuf", "zstandard")
"""What the client needs of others to speak gRPC; without it, it speaks HTTP with the standard library alone."""
_LEFT_OUT = frozenset({"__pycache__", "typings", "shipped_plugins"})
_PAYLOAD_MARK = "@ROTOLINK@"
"""What stands in a host's own file for the plugin's folder."""
_PYTHON = re.compile(r"3\.\d{1,2}")


@dataclass(frozen=True)
class HostKind:
    """Where a host looks for plugins, and what it needs to find ours."""

    name: str
    title: str
    targets: dict[str, str]
    """By `sys.platform`: the host's own folder of the user."""
    folder: str
    """The plugin's folder below it."""
    hook: str
    """The line that makes the host look into the plugin's folder, `@ROTOLINK@`; empty when it does so anyway."""
    hook_file: str
    """Where that line stands, below the host's folder; empty when it belongs into the environment."""
    inside: str
    """What a person runs inside the host to check it."""
    target_variable: str = ""
    """The environment variable by which the host itself is told of the folder."""
    source: str = ""
    """The plugin's folder among our own; empty for the host's name."""
    pages: tuple[str, ...] = ()
    """What of it is installed where the plugin is a page and no Python; empty for all of it, with the client."""
    package: str = ""
    """The file that the pages are packed into besides, for the host to open; empty for none."""
    note: str = ""
    """What a person has to know after the installation."""
    menu_files: dict[str, str] = field(default_factory=dict)
    """Files of the plugin that the host wants elsewhere: name below the plugin's source -> path below its folder."""

    def default_target(self) -> Path:
        """Return the host's folder of this user."""
        told = os.environ.get(self.target_variable, "") if self.target_variable else ""
        text = told.split(os.pathsep)[0] or self.targets.get(sys.platform, self.targets["linux"])
        return Path(os.path.expandvars(text)).expanduser()


HOSTS = {
    kind.name: kind
    for kind in (
        HostKind(
            name="nuke",
            title="Nuke",
            targets={"linux": "~/.nuke"},  # on every system
            folder="rotolink",
            hook="nuke.pluginAddPath('./rotolink')",
            hook_file="init.py",
            inside="import roto_nuke.first_run; roto_nuke.first_run.main()",
        ),
        HostKind(
            name="silhouette",
            title="Silhouette",
            targets={
                "linux": "~/.local/share/rotolink",
                "darwin": "~/Library/Application Support/Rotolink",
                "win32": "%APPDATA%\\Rotolink",
            },
            folder="rotolink_silhouette",
            hook="SFX_SCRIPT_IMPORTS=@ROTOLINK@",
            hook_file="",
            inside="Rotolink > Check this Silhouette",
            menu_files={"rotolink_silhouette.py": "rotolink_silhouette/__init__.py"},
        ),
        HostKind(
            name="fusion",
            title="Fusion",
            targets={
                "linux": "~/.local/share/DaVinciResolve/Fusion",
                "darwin": "~/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion",
                "win32": "%APPDATA%\\Blackmagic Design\\DaVinci Resolve\\Support\\Fusion",
            },
            folder="Rotolink",
            hook="",
            hook_file="",
            inside="Workspace > Scripts > Comp > Rotolink first run",
            menu_files={
                "Rotolink.py": "Scripts/Comp/Rotolink.py",
                "Rotolink first run.py": "Scripts/Comp/Rotolink first run.py",
            },
        ),
        HostKind(
            name="aftereffects",
            title="After Effects",
            targets={
                "linux": "~/.local/share/rotolink/cep",  # there is no After Effects
                "darwin": "~/Library/Application Support/Adobe/CEP/extensions",
                "win32": "%APPDATA%\\Adobe\\CEP\\extensions",
            },
            folder="org.rotolink.panel",
            hook="",
            hook_file="",
            inside="Window > Extensions > Rotolink: the line at its foot says what is missing",
            source="aftereffects_uxp",
            pages=("index.html", "panel.css", "panel.js", "icons"),
            package="Rotolink.ccx",
            note=(
                "From After Effects 27 on, open Rotolink.ccx there with Creative Cloud. In 24 to 26 the panel is in "
                "Window > Extensions once panels without a signature are allowed: PlayerDebugMode = 1 (text) in "
                "com.adobe.CSXS.11 and com.adobe.CSXS.12, by `defaults write` on macOS, or in the registry on Windows "
                "(HKEY_CURRENT_USER\\Software\\Adobe\\CSXS.12)."
            ),
        ),
    )
}


@dataclass(frozen=True)
class Installed:
    """A plugin as it was put into a host's folder."""

    host: str
    target: Path
    folder: Path
    version: str
    python: str
    """The host's Python that wheels are for; empty when there are none."""
    files: dict[str, str]
    """Every file below the target, by its path with forward slashes, with its SHA-256."""
    made: tuple[str, ...] = ()
    """Folders that were not there before, the outermost first."""

    def changed(self) -> tuple[list[str], list[str]]:
        """Return the files that are missing, and those that somebody changed."""
        missing, other = [], []
        for name, digest in self.files.items():
            path = self.target / name
            if not path.is_file():
                missing.append(name)
            elif _digest(path.read_bytes()) != digest:
                other.append(name)
        return missing, other


def install(
    host: HostKind, target: Optional[Path] = None, *, python: str = "", offline: Optional[Path] = None
) -> Installed:
    """Put a plugin into a host's folder, in place of an older one of ours; return what was written.

    `python` (`3.11`) asks for wheels for the host's Python, from `offline` where that folder is given. Raises
    BadInputError for what cannot be installed so, OutputFileError when a folder cannot be written.
    """
    if host.pages and python:
        raise BadInputError(f"The plugin for {host.title} is a page and needs no Python: leave --host-python out.")
    target = (target or host.default_target()).absolute()
    folder = target / host.folder
    _require_ours(folder)
    made = _missing_folders(target, host)
    try:
        target.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{host.folder}-", dir=target))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        _fill(staging, host)
        if python:
            _add_wheels(staging / "vendor", python, offline)
        files = {f"{host.folder}/{name}": digest for name, digest in _listed(staging)}
        beside = _beside(host, target, folder)
        files.update({name: _digest(content) for name, content in beside.items()})
        old = find(host, target)
        made = made if old is None else tuple(dict.fromkeys((*old.made, *made)))
        installed = Installed(host.name, target, folder, importlib.metadata.version("rotolink"), python, files, made)
        (staging / LIST_NAME).write_text(_as_text(installed), encoding="utf-8")
        staging.chmod(0o755)
        _swap(staging, folder, old)
        _write_beside(target, beside, old)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(map(Path, reversed(made)))  # where it failed; else they hold the plugin
    _remember(installed)
    return installed


def uninstall(host: HostKind, target: Optional[Path] = None) -> list[str]:
    """Take a plugin away; return the files that stay because somebody changed them.

    Raises BadInputError when none of ours is there, OutputFileError when it cannot be removed.
    """
    target = (target or host.default_target()).absolute()
    installed = find(host, target)
    if installed is None:
        raise BadInputError(
            f"{target} holds no Rotolink plugin for {host.title}; roto plugins list shows where one is."
        )
    try:
        kept = _remove(installed)
    except OSError as error:
        raise _unwritable(target, error) from error
    _forget(installed)
    return kept


def find(host: HostKind, target: Path) -> Optional[Installed]:
    """Return the plugin of ours in a host's folder; None when there is none."""
    path = target / host.folder / LIST_NAME
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        known = (facts["host"], target, target / host.folder, facts["rotolink"], facts["python"])
        return Installed(*known, dict(facts["files"]), tuple(facts["made"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def all_installed() -> list[Installed]:
    """Return every plugin that is installed for this user: those in hosts' own folders, and those put elsewhere."""
    places = [(host.name, str(host.default_target().absolute())) for host in HOSTS.values()]
    places += [place for place in _remembered() if place not in places]
    found = (find(HOSTS[name], Path(target)) for name, target in places if name in HOSTS)
    return [each for each in found if each is not None]


def hook_missing(installed: Installed) -> str:
    """Return the line that the host still needs to find the plugin, and where it belongs; empty when it finds it."""
    host = HOSTS[installed.host]
    if not host.hook:
        return ""
    line = host.hook.replace(_PAYLOAD_MARK, str(installed.folder))
    if not host.hook_file:
        variable, _, value = line.partition("=")
        there = os.environ.get(variable, "").split(os.pathsep)
        return "" if value in there else f"Set the environment variable {line} for {host.title}."
    path = installed.target / host.hook_file
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    found = any(line in each and not each.lstrip().startswith("#") for each in lines)
    return "" if found else f"Add this line to {path}: {line}"


def source_of(host: HostKind) -> Path:
    """Return where the plugin's files lie: in the installed package, or in the checkout that runs."""
    package = _package("roto_client")
    name = host.source or host.name
    for folder in (package / "shipped_plugins" / name, package.parents[1] / "plugins" / name):
        if folder.is_dir():
            return folder
    raise BadInputError(f"This installation of Rotolink holds no plugin for {host.title}: install a release.")


def _fill(staging: Path, host: HostKind) -> None:
    """Copy the plugin, and the client that it stands on unless it is a page."""
    source = source_of(host)
    if host.pages:
        _fill_pages(staging, source, host)
        return
    _copy(source, staging)
    for package in _CLIENT:
        _copy(_package(package), staging / "client" / package)


def _fill_pages(staging: Path, source: Path, host: HostKind) -> None:
    """Copy the page with what CEP wants beside it, and pack it as UXP wants it."""
    for name in host.pages:
        origin = source / name
        if origin.is_dir():
            _copy(origin, staging / name)
        else:
            shutil.copyfile(origin, staging / name)
    with zipfile.ZipFile(staging / host.package, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(source / "manifest.json", "manifest.json")
        for path in sorted(staging.rglob("*")):
            if path.is_file() and path.name != host.package:
                packed.write(path, path.relative_to(staging).as_posix())
    _copy(source / "cep", staging)


def _package(name: str) -> Path:
    """Return a package's folder."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise BadInputError(f"This installation of Rotolink is not whole, {name} is missing: install it again.")
    return Path(found.origin).parent


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(
        source,
        target,
        dirs_exist_ok=True,
        ignore=lambda _, names: [name for name in names if name in _LEFT_OUT or name.endswith(".pyi")],
    )


def _beside(host: HostKind, target: Path, folder: Path) -> dict[str, bytes]:
    """Return the files that the host wants outside the plugin's folder, as far as nobody else has one there."""
    wanted = {}
    for name, place in host.menu_files.items():
        origin = source_of(host) / name
        if origin.is_file():
            wanted[place] = origin.read_bytes().replace(_PAYLOAD_MARK.encode(), folder.as_posix().encode())
    if host.hook_file and not (target / host.hook_file).exists():
        wanted[host.hook_file] = f"import nuke\n\n{host.hook}\n".encode()
    before = find(host, target)
    ours = before.files if before else {}
    for place in list(wanted):
        path = target / place
        if path.exists() and ours.get(place) != _digest(path.read_bytes()):
            raise BadInputError(f"{path} is not ours, or was changed: move it away, then install again.")
    if before and host.hook_file in ours and (target / host.hook_file).exists():
        content = (target / host.hook_file).read_bytes()
        if _digest(content) == ours[host.hook_file]:
            wanted[host.hook_file] = content
    return wanted


def _write_beside(target: Path, beside: dict[str, bytes], old: Optional[Installed]) -> None:
    """Write the files outside the plugin's folder; those of an older version that this one lacks go."""
    outside = [] if old is None else [name for name in old.files if not name.startswith(f"{old.folder.name}/")]
    for name in outside:
        if name not in beside:
            (target / name).unlink(missing_ok=True)
    for name, content in beside.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(content)
        part.replace(path)


def _add_wheels(folder: Path, python: str, offline: Optional[Path]) -> None:
    """Let pip put what gRPC needs into a folder, for another Python than ours."""
    if not _PYTHON.fullmatch(python):
        raise BadInputError(f"'{python}' is not a version of Python: write it as 3.11.")
    if offline is not None and not offline.is_dir():
        raise BadInputError(f"{offline} is not a folder: --offline names one with wheels.")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-compile", "--only-binary=:all:", "--python-version", python, "--target", str(folder)]
    command += ["--no-index", "--find-links", str(offline)] if offline is not None else []
    try:
        done = subprocess.run(  # noqa: S603 - our own Python with words of ours
            [*command, *_requirements()], capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BadInputError(
            f"pip found no end within {PIP_TIMEOUT_S:g} s: fetch the wheels first, and name their folder by --offline."
        ) from None
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        last = next((line for line in said if line.startswith("ERROR:")), said[-1] if said else "no reason given")
        raise BadInputError(
            f"There are no wheels for Python {python} ({last.removeprefix('ERROR: ')}). "
            "Leave --host-python out: the plugin works without them."
        )


def _requirements() -> list[str]:
    """Return what the distribution asks for of these wheels."""
    asked = importlib.metadata.requires("rotolink") or []
    return [line for line in asked if re.split(r"[^\w.-]", line, maxsplit=1)[0] in _WHEELS and ";" not in line]


def _listed(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), _digest(path.read_bytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _as_text(installed: Installed) -> str:
    facts: dict[str, Any] = {
        "rotolink": installed.version,
        "host": installed.host,
        "python": installed.python,
        "made": installed.made,
        "files": installed.files,
    }
    return json.dumps(facts, indent=1)


def _missing_folders(target: Path, host: HostKind) -> tuple[str, ...]:
    """Return the folders beside the plugin's own that are made for it or were for another, the outermost first."""
    places = [target / name for name in host.menu_files.values()] + [target / host.folder]
    missing = {parent for place in places for parent in place.parents if not parent.exists()}
    # What another plugin of ours made goes with whichever of them goes last.
    missing.update(Path(made) for other in all_installed() for made in other.made if Path(made) in places[-1].parents)
    return tuple(str(each) for each in sorted(missing, key=lambda each: len(each.parts)))


def _require_ours(folder: Path) -> None:
    if folder.exists() and not (folder / LIST_NAME).is_file():
        raise BadInputError(f"{folder} was not written by roto plugins: move it away, then install again.")


def _swap(staging: Path, folder: Path, old: Optional[Installed]) -> None:
    """Put the new folder in the old one's place; files in it that are not ours, or were changed, go over into it."""
    if old is None:
        staging.rename(folder)
        return
    missing_or_ours = {name for name in old.files if name.startswith(f"{folder.name}/")}
    _, changed = old.changed()
    aside = folder.with_name(f".{folder.name}-old")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        staging.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    for path in [each for each in aside.rglob("*") if each.is_file() and "__pycache__" not in each.parts]:
        inside = path.relative_to(aside)
        name = f"{folder.name}/{inside.as_posix()}"
        if (
            inside.name != LIST_NAME
            and (name not in missing_or_ours or name in changed)
            and not (folder / inside).exists()
        ):
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            path.rename(folder / inside)
    shutil.rmtree(aside, ignore_errors=True)


def _remove(installed: Installed) -> list[str]:
    _, changed = installed.changed()
    folders = {installed.folder}
    for name in installed.files:
        path = installed.target / name
        if name not in changed:
            path.unlink(missing_ok=True)
        folders.update(each for each in path.parents if installed.target in each.parents)
    (installed.folder / LIST_NAME).unlink(missing_ok=True)
    for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        if folder.is_dir() and not any(folder.iterdir()) and installed.folder in (folder, *folder.parents):
            folder.rmdir()
    _remove_empty(map(Path, reversed(installed.made)))
    return changed


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):  # somebody else has put something there since
            folder.rmdir()


def _unwritable(target: Path, error: OSError) -> OutputFileError:
    return OutputFileError(f"{target} cannot be written ({error.strerror or error}): name another folder by --target.")


def _register() -> Path:
    """Return the file that remembers plugins in folders that hosts do not look into by themselves."""
    return user_folder() / "plugins.json"


def _remembered() -> list[tuple[str, str]]:
    try:
        return [(str(name), str(target)) for name, target in json.loads(_register().read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _remember(installed: Installed) -> None:
    place = (installed.host, str(installed.target))
    _keep([*(each for each in _remembered() if each != place), place])


def _forget(installed: Installed) -> None:
    _keep([each for each in _remembered() if each != (installed.host, str(installed.target))])


def _keep(places: list[tuple[str, str]]) -> None:
    """Write the register; with none left it goes, and a register that cannot be written costs the list alone."""
    path = _register()
    try:
        if not places:
            path.unlink(missing_ok=True)
            _remove_empty([path.parent])
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps(places), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputFileError(
            f"{path} cannot be written ({error.strerror}): the plugin works, but is not listed."
        ) from error
