"""Rotolink in Nuke's menus and panes. With windows alone."""

from __future__ import annotations

import nuke
from nukescripts import panels

PANEL_ID = "org.rotolink.panel"
"""Under this name saved workspaces find the panel again."""

_PANEL = "__import__('roto_nuke.pane').pane.make_panel"
"""What Nuke evaluates to make the widget, wherever it does so."""

_ITEMS = (
    ("Open the panel", "open_panel", ""),
    ("Start a daemon", "start_daemon", ""),
    ("Points in the Viewer", "add_group", ""),
    ("Point", "point", ""),
    ("Point at the Viewer's sample", "point_at_sample", ""),
    ("Point away from the Viewer's sample", "point_off_sample", ""),
    ("Track", "track", ""),
    ("Stop", "stop", ""),
    ("To Roto", "to_roto", ""),
    ("Refine from here", "refine", ""),
    ("Check this Nuke", "check", ""),
)
"""Label, function of `roto_nuke.actions`, shortcut: none, for every studio has its own."""


def add() -> None:
    """Add Rotolink's menu, its node and its panel."""
    menu = nuke.menu("Nuke").addMenu("Rotolink")
    for label, function, shortcut in _ITEMS:
        menu.addCommand(label, _command(function), shortcut)
    nuke.menu("Nodes").addCommand("Draw/Rotolink", _command("add_group"))
    panels.registerWidgetAsPanel(_PANEL, "Rotolink", PANEL_ID)


def open_panel() -> None:
    """Put the panel into the pane of the properties, where there is one."""
    panel = panels.registerWidgetAsPanel(_PANEL, "Rotolink", PANEL_ID, create=True)
    if panel is not None:
        panel.addToPane(nuke.getPaneFor("Properties.1"))


def _command(function: str) -> str:
    return f"import roto_nuke.actions\nroto_nuke.actions.{function}()"
