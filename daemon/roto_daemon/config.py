"""The daemon's settings: defaults < file < environment < flag, read once at the start and passed down.

A file is TOML with the names below as keys. In the environment a setting is its name in capitals after `ROTO_`.
An unknown key is an error. `roto-daemon doctor` prints each value and where it came from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import math
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roto_daemon.errors import ConfigError

DEFAULT_LISTEN = "127.0.0.1:50750"
_LAST_PORT = 65535
_ZERO_TOO = frozenset({"http_port"})
_DEVICES = ("auto", "cpu", "cuda", "mps")
_ENVIRONMENT_STEM = "ROTO_"
_NOT_SETTINGS = frozenset({"ROTO_DAEMON", "ROTO_DEBUG", "ROTO_CONFIG", "ROTO_TOKEN"})
"""Variables of the client and of the command line that share the stem."""


def _setting(default: Any, meaning: str) -> Any:  # noqa: ANN401 - dataclasses.field is typed by its default
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Config:
    """Every setting of the daemon. Durations end in `_s`, sizes in `_bytes`."""

    listen: str = _setting(DEFAULT_LISTEN, "Address and port; port 0 takes a free one.")
    require_token: bool = _setting(
        default=False, meaning="Ask for an access token on this machine too; beyond it one is always asked for."
    )
    token_calls_per_s: float = _setting(
        100.0, "The most calls that one access token may begin in a second; for a moment it may be ten times that."
    )
    announce: bool = _setting(
        default=True, meaning="Tell the network by DNS service discovery where the daemon listens, if beyond loopback."
    )
    http: bool = _setting(default=True, meaning="Answer HTTP and WebSockets too; `false` for gRPC alone.")
    http_port: int = _setting(
        50751, "Port of HTTP, at the host of `listen`; 0 takes a free one, as does 0 in `listen`."
    )
    http_origins: tuple[str, ...] = _setting(
        ("file://",), "Origins of pages that may ask beside the daemon's own, and whose hosts may name it."
    )
    http_sockets: int = _setting(64, "The most WebSockets at a time.")
    http_silence_s: float = _setting(120.0, "A WebSocket that answers no ping for so long is closed.")
    panel_folder: str = _setting("", "The build of the panel that is served at /panel/; empty for the installed one.")
    roots: tuple[str, ...] = _setting((), "Folders that plates may be opened from; empty for all this user may read.")
    state_folder: str = _setting(
        "",
        "Where sessions lie, with their mattes and uploads; empty for a folder of this user's state. One daemon each.",
    )
    upload_limit_bytes: int = _setting(32 << 30, "The most that uploaded frames of all plates may take.")
    frame_cache_bytes: int = _setting(4 << 30, "The most that decoded frames may take in the state folder.")
    frame_limit_pixels: int = _setting(16384 * 16384, "The most pixels that a frame may have.")
    ocio_config: str = _setting("", "The OCIO configuration's file; empty for that of OCIO, else the built-in of ACES.")
    max_plates: int = _setting(1024, "The most plates kept at a time.")
    max_sessions: int = _setting(1024, "The most sessions kept at a time.")
    max_objects: int = _setting(64, "The most objects in a session.")
    max_calls: int = _setting(256, "The most calls under way at a time.")
    session_days: float = _setting(30.0, "A session untouched for so many days is forgotten.")
    session_limit_bytes: int = _setting(64 << 30, "The most that mattes of all sessions may take.")
    plate_idle_s: float = _setting(86400.0, "A plate that no session works on is forgotten after so long untouched.")
    step_deadline_s: float = _setting(120.0, "A worker silent for so long while it has work is killed and restarted.")
    reflection: bool = _setting(default=True, meaning="Offer the standard gRPC reflection service.")
    extra_engines: tuple[str, ...] = _setting((), "Further engines as module:factory.")
    device: str = _setting(
        "auto",
        "Where networks run: `auto` (CUDA where there is one, else `cpu`), `cpu`, `cuda`, or `mps`, an experiment.",
    )
    compile: bool = _setting(
        default=False,
        meaning="Compile networks for CUDA: minutes at first, so raise step_deadline_s; faster afterwards.",
    )
    extra_finders: tuple[str, ...] = _setting((), "Further finders of objects by words as module:factory, asked first.")
    models_dir: str = _setting(
        "", "Where checkpoints lie; empty for `models` in Rotolink's folder of this user's data."
    )
    models_mirror: str = _setting(
        "", "URL of a folder to fetch checkpoints from, by file name, and not from publishers."
    )
    policy: str = _setting("commercial", "`commercial` refuses weights for non-commercial use only; or `research`.")
    forbid_licences: tuple[str, ...] = _setting((), "Licences whose weights are refused, by SPDX names.")

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            least = 0 if item.name in _ZERO_TOO else math.ulp(0)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value < least:
                wanted = "of at least 0" if item.name in _ZERO_TOO else "above zero"
                raise ConfigError(f"{item.name} = {value}: give a number {wanted}.")
        if self.http_port > _LAST_PORT:
            raise ConfigError(f"http_port = {self.http_port}: give a port, a number up to {_LAST_PORT}.")
        split_address(self.listen)
        if self.device not in _DEVICES:
            raise ConfigError(f"device = {self.device!r}: give one of {', '.join(_DEVICES)}.")


@dataclass(frozen=True)
class Loaded:
    """A configuration and, for each setting, where its value came from."""

    config: Config
    sources: Mapping[str, str]


def user_folder(elsewhere: str) -> Path:
    """Return the folder of ours among this user's own on macOS and Windows, and below home `elsewhere` on others."""
    places = {"darwin": "Library/Application Support/Rotolink", "win32": "AppData/Local/Rotolink"}
    return Path.home() / places.get(sys.platform, elsewhere)


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[V6]:PORT`; raises ConfigError when it is neither."""
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > _LAST_PORT:
        raise ConfigError(f"'{address}' is not an address: write it as HOST:PORT, for example {DEFAULT_LISTEN}.")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine and nothing beyond, by its address or the name localhost."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def from_here(address: str) -> str:
    """Return where an address is reached from this machine, where it may stand for all of the machine's."""
    host, port = split_address(address)
    with contextlib.suppress(ValueError):
        given = ipaddress.ip_address(host)
        if given.is_unspecified:
            host = "127.0.0.1" if given.version == 4 else "::1"  # noqa: PLR2004 - of the Internet Protocol
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Loaded:
    """Merge the settings of a file, the environment and the command line; later ones win.

    Raises ConfigError for an unreadable file, an unknown key or a value of the wrong kind.
    """
    values: dict[str, Any] = {}
    sources = {item.name: "default" for item in dataclasses.fields(Config)}
    layers = [
        (f"file {file}", _from_file(file) if file else {}),
        ("environment", _from_environment(environment)),
        ("flag", {name: value for name, value in flags.items() if value is not None}),
    ]
    for source, layer in layers:
        for name, value in layer.items():
            if name not in sources:
                known = ", ".join(sorted(sources))
                raise ConfigError(f"{source}: there is no setting '{name}'. Settings are: {known}.")
            values[name] = _convert(name, value, source)
            sources[name] = source
    return Loaded(Config(**values), sources)


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The settings file {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The settings file {file} is not TOML: {error}.") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(_ENVIRONMENT_STEM).lower(): text
        for name, text in environment.items()
        if name.startswith(_ENVIRONMENT_STEM) and name not in _NOT_SETTINGS
    }


def _convert(name: str, value: Any, source: str) -> Any:  # noqa: ANN401 - what TOML, text and flags may hold
    default = next(item.default for item in dataclasses.fields(Config) if item.name == name)
    try:
        return _converted(value, default)
    except (TypeError, ValueError):
        kind = {bool: "true or false", int: "a whole number", float: "a number", tuple: "a list"}
        wanted = kind.get(type(default), "text")
        raise ConfigError(f"{source}: {name} = {value!r}: give {wanted}.") from None


def _converted(value: Any, default: Any) -> Any:  # noqa: ANN401 - see _convert
    if isinstance(default, bool):
        words = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
        if str(value).lower() not in words:
            raise ValueError
        return words[str(value).lower()]
    if isinstance(default, tuple):
        items = value.split(",") if isinstance(value, str) else value
        if not all(isinstance(item, str) for item in items):
            raise TypeError
        return tuple(item.strip() for item in items if item.strip())
    if isinstance(default, (int, float)):
        if isinstance(value, bool):
            raise TypeError
        return type(default)(value)
    if not isinstance(value, str):
        raise TypeError
    return value
