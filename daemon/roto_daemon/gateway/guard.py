"""Who may ask: by the address that was asked for, and by the page that asks.

A web page in the artist's browser can send requests to this machine. It cannot say that it comes from elsewhere than
it does (`Origin`), nor which name it used for this machine (`Host`); both are parsed here and compared, never matched
by how they begin. Programs that are no browser send no `Origin`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import grpc
from fastapi import Response
from fastapi.websockets import WebSocket

from roto_daemon.gateway.calls import Refusal

_HOST = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
REASON = "OriginError"

Application = Callable[[Any, Any, Any], Any]


class Guard:
    """Refuses requests before the application sees them.

    `origins` are those of pages beside the daemon's own that may ask, such as `https://tools.studio.example`, `file://`
    or `null`; requests may name the hosts in them too. `remote` says that the daemon listens beyond this machine: then
    requests may name it by any address, which no page of another site can make its own.
    """

    def __init__(
        self, app: Application, origins: Iterable[str], *, remote: bool, respond: Callable[[Refusal], Response]
    ) -> None:
        self._app = app
        self._origins = frozenset(each.lower().rstrip("/") for each in origins)
        self._hosts = {urlsplit(each).hostname for each in origins} - {None}
        self._remote = remote
        self._respond = respond

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - the form of ASGI
        """Refuse or go on."""
        refusal = self._refusal(scope["headers"]) if scope["type"] in {"http", "websocket"} else None
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(self._respond(refusal))
        else:
            await self._respond(refusal)(scope, receive, send)

    def _refusal(self, headers: Iterable[tuple[bytes, bytes]]) -> Refusal | None:
        given: dict[bytes, list[str]] = {b"host": [], b"origin": []}
        for name, value in headers:
            if name.lower() in given:
                given[name.lower()].append(value.decode("latin-1").strip())
        hosts, origins = given[b"host"], given[b"origin"]
        asked = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if asked is None or not self._is_ours(asked["host"]):
            said = ", ".join(hosts) or "no host"
            return _refused(f"This daemon does not answer to '{said}': ask it by its address, or set http_origins.")
        if len(origins) > 1 or (origins and not self._is_welcome(origins[0], asked["host"], asked["port"])):
            said = ", ".join(origins)
            return _refused(f"Pages from '{said}' may not ask this daemon: the setting http_origins names who may.")
        return None

    def _is_ours(self, host: str) -> bool:
        name = host.strip("[]").lower()
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name == "localhost" or name in self._hosts
        return self._remote or address.is_loopback or name in self._hosts

    def _is_welcome(self, origin: str, host: str, port: str | None) -> bool:
        if origin.lower().rstrip("/") in self._origins:
            return True
        try:
            parts = urlsplit(origin)
            default = _PORTS[parts.scheme]
            theirs = (parts.hostname, parts.port or default)
        except (KeyError, ValueError):  # no page of the web, or no address
            return False
        return theirs == (host.strip("[]").lower(), int(port or default))


def _refused(detail: str) -> Refusal:
    return Refusal(grpc.StatusCode.PERMISSION_DENIED, detail, REASON)
