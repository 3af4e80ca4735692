"""The widget of Nuke's pane. Qt is loaded with it, not before: in a terminal there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roto_nuke.actions import desk

if TYPE_CHECKING:
    from roto_client.panel import RotoPanel


def make_panel() -> RotoPanel:
    """Return the shared panel on this Nuke's desk."""
    from roto_client.panel import RotoPanel  # noqa: PLC0415 - it brings Qt

    return RotoPanel(desk())
