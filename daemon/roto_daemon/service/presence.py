"""How clients find this daemon: by a file on this machine, and by the network where it listens there."""

from __future__ import annotations

import contextlib
import importlib.metadata
import ipaddress
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from roto_daemon.config import Config, from_here, is_loopback, split_address
from roto_daemon.service.server import RunningDaemon
from roto_proto import runtime_file, wire

SERVICE_TYPE = "_rotolink._tcp.local."
_LONGEST_NAME = 50
"""A label of DNS has at most 63 bytes, and the network may add a number to tell two of a name apart."""

_log = logging.getLogger("roto_daemon.service")


@contextlib.asynccontextmanager
async def present(config: Config, daemon: RunningDaemon, http: str) -> AsyncIterator[None]:
    """Let clients find a daemon for the time of the context; `http` is the URL of its HTTP edge, or nothing.

    What keeps it from being found keeps it not from serving: the log says so.
    """
    with _found_here(daemon, http):
        host, _ = split_address(daemon.address)
        if not config.announce or is_loopback(host):
            yield
            return
        async with announced(daemon, http, _addresses(host)):
            yield


@contextlib.asynccontextmanager
async def announced(
    daemon: RunningDaemon, http: str, addresses: Sequence[str], interfaces: Sequence[str] | None = None
) -> AsyncIterator[None]:
    """Announce a daemon by DNS service discovery (RFC 6763); on all interfaces unless some are named."""
    from zeroconf import Error as ZeroconfError  # noqa: PLC0415 - as below
    from zeroconf import InterfaceChoice, ServiceInfo  # noqa: PLC0415 - most daemons are for their machine alone
    from zeroconf.asyncio import AsyncZeroconf  # noqa: PLC0415 - the same

    name = f"Rotolink on {socket.gethostname()}"[:_LONGEST_NAME]
    info = ServiceInfo(
        SERVICE_TYPE,
        f"{name}.{SERVICE_TYPE}",
        port=split_address(daemon.address)[1],
        parsed_addresses=list(addresses),
        server=f"{daemon.daemon_id}.local.",
        properties={
            "txtvers": "1",
            "id": daemon.daemon_id,
            "api": "{}.{}".format(*wire.API_VERSION),
            "tls": "1" if daemon.certificate else "0",
            "http": str(split_address(http.rpartition("/")[2])[1]) if http else "",
        },
    )
    async with contextlib.AsyncExitStack() as stack:
        try:
            network = AsyncZeroconf(interfaces=list(interfaces) if interfaces else InterfaceChoice.All)
            stack.push_async_callback(network.async_close)
            stack.push_async_callback(network.async_unregister_all_services)  # clients forget it at once
            await network.async_register_service(info, allow_name_change=True)
        except (OSError, ZeroconfError) as error:
            _log.warning("the network does not let this daemon announce itself: %s", error)
        yield


@contextlib.contextmanager
def _found_here(daemon: RunningDaemon, http: str) -> Iterator[None]:
    written: Path | None = None
    entry = runtime_file.RunningDaemon(
        address=from_here(daemon.address),
        http=f"{http.partition('//')[0]}//{from_here(http.rpartition('/')[2])}" if http else "",
        pid=os.getpid(),
        daemon_id=daemon.daemon_id,
        version=importlib.metadata.version("rotolink"),
    )
    try:
        written = runtime_file.write_runtime_file(entry)
    except OSError as error:
        _log.warning("clients on this machine do not find this daemon by itself: %s", error)
    try:
        yield
    finally:
        if written:
            written.unlink(missing_ok=True)


def _addresses(host: str) -> list[str]:
    """Return the addresses at which a daemon that listens at a host is reached from elsewhere."""
    with contextlib.suppress(ValueError):
        if not ipaddress.ip_address(host).is_unspecified:
            return [host]
        import ifaddr  # noqa: PLC0415 - as above

        found = (str(each.ip) for adapter in ifaddr.get_adapters() for each in adapter.ips if each.is_IPv4)
        return [each for each in found if not is_loopback(each)]
    return sorted({str(each[4][0]) for each in socket.getaddrinfo(host, None)})
