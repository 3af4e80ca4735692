"""Which engines there are, and which one a name means."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

from roto_daemon.engines import Engine
from roto_daemon.engines.classic import ClassicEngine
from roto_daemon.errors import ConfigError, UnknownError

_DEFAULT = "classic"
_MEANS_DEFAULT = ("", "auto")


def engines(extra: Sequence[str] = ()) -> dict[str, Engine]:
    """Return every engine by its name; each `extra` is a `module:factory` that makes one more.

    Raises ConfigError for an extra that does not name a factory of an engine.
    """
    every: list[Engine] = [ClassicEngine(), *(_load(each) for each in extra)]
    return {engine.info.name: engine for engine in every}


def find(name: str, known: Mapping[str, Engine] | None = None) -> Engine:
    """Return the engine of a name among `known`, or else among those built in; "" and "auto" mean classic.

    Raises UnknownError, naming the engines there are.
    """
    there = engines() if known is None else known
    engine = there.get(_DEFAULT if name in _MEANS_DEFAULT else name)
    if engine is None:
        raise UnknownError(f"there is no engine '{name}': choose one of {', '.join(sorted(there))}")
    return engine


def _load(place: str) -> Engine:
    module, _, factory = place.partition(":")
    try:
        engine: Engine = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        message = f"'{place}' does not name an engine ({error}): write it as module:factory"
        raise ConfigError(message) from error
    return engine
