"""Engines and finders of a studio's own, made by factories that a setting names."""

from __future__ import annotations

import importlib
from typing import Any

from roto_daemon.errors import ConfigError


def made_by(place: str, what: str) -> Any:  # noqa: ANN401 - whatever the factory makes
    """Return what the factory of `module:factory` makes; raises ConfigError where it does not name one of `what`."""
    module, _, factory = place.partition(":")
    try:
        return getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        message = f"'{place}' does not name {what} ({error}): write it as module:factory"
        raise ConfigError(message) from error
