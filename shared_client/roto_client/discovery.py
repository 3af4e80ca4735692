"""Finding a daemon: as was said explicitly, then as one runs on this machine; and what the network tells, as a list.

A daemon that the network tells of is never connected to by itself: anybody may announce one. Standard library only;
the package `zeroconf` is imported where the network is asked, and only there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Optional

from roto_client.errors import BadInputError
from roto_client.settings import read_settings, settings_file
from roto_client.transport import DEFAULT_ADDRESS, HTTP_SCHEME, HTTPS_SCHEME, join_address, split_address
from roto_proto.runtime_file import RunningDaemon, running_daemons

ADDRESS_VARIABLE = "ROTO_DAEMON"
SERVICE_TYPE = "_rotolink._tcp.local."
_MOST_FOUND = 64
"""More daemons than that on one network are a joke of somebody's, and no list to pick from."""
_SHOWN_CHARACTERS = 64


class Where(NamedTuple):
    """A daemon's address, and what said so."""

    address: str
    source: str


@dataclass(frozen=True)
class Announced:
    """A daemon that announces itself on the network. All of it is what somebody says, and nothing is proven."""

    name: str
    address: str
    """HOST:PORT of gRPC."""
    http: str
    """The URL of its HTTP edge; empty where it tells none."""
    protocol: str
    daemon_id: str


def find_daemon(
    option: Optional[str] = None, *, settings: Optional[Path] = None, runtime: Optional[Path] = None
) -> Where:
    """Return where the daemon is: by the option, the variable ROTO_DAEMON, the settings file, or as it runs here.

    Without any of these it is the usual address of this machine. `settings` and `runtime` are the file and the folder
    that are read, by default those of this user. Raises BadInputError for settings that cannot be used.
    """
    if option:
        return Where(option, "--daemon")
    variable = os.environ.get(ADDRESS_VARIABLE)
    if variable:
        return Where(variable, ADDRESS_VARIABLE)
    file = settings or settings_file()
    configured = read_settings(file).get("daemon", "")
    if configured:
        split_address(configured)
        return Where(configured, str(file))
    here = running_daemons(runtime)
    return Where(here[0].address, "the daemon that runs here") if here else Where(DEFAULT_ADDRESS, "default")


def daemons_here(runtime: Optional[Path] = None) -> tuple[RunningDaemon, ...]:
    """Return the daemons of this user on this machine, the youngest first."""
    return running_daemons(runtime)


def daemons_on_the_network(wait_s: float, interfaces: Optional[Sequence[str]] = None) -> tuple[Announced, ...]:
    """Listen to the network for so long; return the daemons that announce themselves, by name.

    `interfaces` are addresses of this machine to listen at, by default all. Raises BadInputError where the package
    zeroconf is not installed, or the network does not let anybody listen.
    """
    try:
        import zeroconf  # noqa: PLC0415 - optional
    except ImportError as error:
        raise BadInputError(
            "Daemons on the network are found with the package zeroconf, which is not installed here: "
            "pip install 'rotolink[discovery]', or give an address with --daemon."
        ) from error
    deadline = time.monotonic() + wait_s
    names: dict[str, None] = {}

    def heard(zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:  # noqa: ANN401, ARG001 - zeroconf's call
        if len(names) < _MOST_FOUND:
            names[name] = None

    try:
        network = zeroconf.Zeroconf(interfaces=list(interfaces) if interfaces else zeroconf.InterfaceChoice.All)
    except OSError as error:
        raise BadInputError(f"The network cannot be asked for daemons: {error.strerror or error}.") from error
    try:
        browser = zeroconf.ServiceBrowser(network, SERVICE_TYPE, [heard])
        time.sleep(max(wait_s, 0.0))
        browser.cancel()
        left_ms = max(1000.0, (deadline - time.monotonic()) * 1000)
        asked_until = time.monotonic() + left_ms / 1000
        infos = [
            network.get_service_info(SERVICE_TYPE, name, max(1, int((asked_until - time.monotonic()) * 1000)))
            for name in list(names)
        ]
    finally:
        network.close()
    found = [_announced(info) for info in infos if info is not None]
    return tuple(sorted(filter(None, found), key=lambda each: (each.name, each.address)))


def _announced(info: Any) -> Optional[Announced]:  # noqa: ANN401 - of zeroconf
    addresses = info.parsed_addresses()
    if not addresses or not info.port:
        return None
    host = next((each for each in addresses if ":" not in each), addresses[0])
    port = _property(info, "http")
    return Announced(
        name=_shown(info.name[: -len(SERVICE_TYPE) - 1]),
        address=join_address(host, info.port),
        http=(HTTPS_SCHEME if _property(info, "tls") == "1" else HTTP_SCHEME) + join_address(host, int(port))
        if port.isdigit()
        else "",
        protocol=_property(info, "api"),
        daemon_id=_property(info, "id"),
    )


def _property(info: Any, name: str) -> str:  # noqa: ANN401 - of zeroconf
    value = info.properties.get(name.encode())
    return _shown(value.decode("utf-8", "replace")) if isinstance(value, bytes) else ""


def _shown(text: str) -> str:
    """Return what a stranger says as one short line that a terminal can show."""
    return "".join(each if each.isprintable() else "?" for each in text[:_SHOWN_CHARACTERS])
