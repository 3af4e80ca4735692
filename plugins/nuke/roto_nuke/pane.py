"""The widget of Nuke's pane. Qt is loaded with it, not before: in a terminal there is none."""

from __future__ import annotations

import importlib
from typing import Any

from roto_nuke.actions import desk


def make_panel() -> Any:  # noqa: ANN401 - a widget of either Qt
    """Return the shared panel on this Nuke's desk."""
    return importlib.import_module("roto_client.panel").RotoPanel(desk())
