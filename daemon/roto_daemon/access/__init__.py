"""Who may ask this daemon for what: access tokens, of which only the SHA-256 is kept, and the calls of each scope.

token = Tokens(store).add("nuke of anna", Scope.ARTIST)   shown once, sent with every call
Tokens(store).bearer(token).require("/roto.v1.SessionService/Propagate")
"""

from __future__ import annotations

import enum
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from roto_daemon.errors import ConfigError, ScopeError, TokenError
from roto_daemon.store import Store, schema

PREFIX = "roto_"
"""Begins every token, so that those who look for secrets in files find it."""

_RANDOM_BYTES = 32
_DAY_S = 86400.0
_LONGEST_NAME = 80
_LONGEST_DAYS = 36500.0
_PROTOCOL = "/roto.v1."
_READS = frozenset(
    {
        "DaemonService/Hello",
        "DaemonService/ListEngines",
        "PlateService/ReadPicture",
        "SessionService/ListSessions",
        "SessionService/AttachSession",
        "SessionService/WatchSession",
        "SessionService/ReadMattes",
        "SessionService/GetShapes",
        "SessionService/Export",
    }
)
"""What changes nothing and starts no work of an engine."""


class Scope(enum.Enum):
    """What a token permits: looking, or all calls of the protocol, or beside these what describes the server."""

    VIEWER = "viewer"
    ARTIST = "artist"
    ADMIN = "admin"

    def permits(self, method: str) -> bool:
        """Say whether a call by its full name, such as `/roto.v1.SessionService/Undo`, is permitted."""
        is_protocol = method.startswith(_PROTOCOL)
        if self is Scope.VIEWER:
            return is_protocol and method.removeprefix(_PROTOCOL) in _READS
        return is_protocol or self is Scope.ADMIN


@dataclass(frozen=True)
class Bearer:
    """Whom a token was made for. Times are seconds since 1970; `expires` None for never."""

    name: str
    scope: Scope
    made: float
    expires: float | None

    def require(self, method: str) -> None:
        """Raise ScopeError when the token does not permit a call."""
        if not self.scope.permits(method):
            call = method.rpartition(".")[2]
            raise ScopeError(
                f"The token '{self.name}' has the scope {self.scope.value}, which does not permit {call}: ask whoever "
                "runs the daemon for another token."
            )


class Tokens:
    """The tokens in a daemon's record. Several processes may have the same record open."""

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    def add(self, name: str, scope: Scope, days: float | None = None) -> str:
        """Make a token for somebody and return it; nobody can read it again. Raises ConfigError.

        It expires after so many `days`, or never.
        """
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise ConfigError(f"A token's name is a word or some, of at most {_LONGEST_NAME} characters: not {name!r}.")
        if days is not None and not 0 < days <= _LONGEST_DAYS:
            raise ConfigError(f"A token can expire after up to {_LONGEST_DAYS:.0f} days: not after {days:g}.")
        if self._store.rows(schema.tokens, name=name):
            raise ConfigError(f"There is a token '{name}' already: choose another name, or revoke that one first.")
        token = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        made = self._now()
        row = {
            "name": name,
            "digest": _digest(token),
            "scope": scope.value,
            "made": made,
            "expires": None if days is None else made + days * _DAY_S,
        }
        with self._store.writing() as write:
            write.add(schema.tokens, row)
        return token

    def all(self) -> list[Bearer]:
        """Return whom tokens were made for, by name; raises OutputError."""
        return [_bearer(row) for row in self._store.rows(schema.tokens)]

    def revoke(self, name: str) -> None:
        """Make a token worthless; raises ConfigError when there is none of that name."""
        with self._store.writing() as write:
            if not write.change(schema.tokens, {"name": name}, {"name": name}):
                raise ConfigError(f"There is no token '{name}': roto-daemon token list has those that there are.")
            write.drop(schema.tokens, {"name": name})

    def bearer(self, token: str) -> Bearer:
        """Return whom a token was made for; raises TokenError when it is not good now, OutputError."""
        # Found by its digest: how long that takes tells nothing of the token.
        rows = self._store.rows(schema.tokens, digest=_digest(token))
        if not rows:
            raise TokenError("This daemon does not know the access token: it was revoked, or is another daemon's.")
        bearer = _bearer(rows[0])
        if bearer.expires is not None and bearer.expires <= self._now():
            day = time.strftime("%Y-%m-%d", time.gmtime(bearer.expires))
            raise TokenError(f"The access token '{bearer.name}' expired on {day}: ask for a new one.")
        return bearer


def token_of(header: str | None) -> str:
    """Return the token that the value of `authorization` holds; raises TokenError when there is none."""
    kind, _, token = (header or "").strip().partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise TokenError(
            "This daemon asks for an access token: set ROTO_TOKEN, or token in the client's settings, to one that "
            "roto-daemon token add made."
        )
    return token.strip()


def _bearer(row: object) -> Bearer:
    values = dict(row)  # type: ignore[call-overload]  # a row is a mapping
    return Bearer(values["name"], Scope(values["scope"]), values["made"], values["expires"])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
