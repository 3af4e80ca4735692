"""What the menu's script starts: Rotolink for the composition that is open."""

from __future__ import annotations

from typing import Any

from roto_client.desk import Desk
from roto_fusion.actions import Actions
from roto_fusion.host import FusionHost
from roto_fusion.window import run_dialogs, run_window

_NO_COMPOSITION = "Open a composition first, in Resolve the Fusion page of a clip; then start Rotolink again."


def start(fusion: Any, comp: Any, bmd: Any) -> None:  # noqa: ANN401 - Fusion's objects for scripts
    """Open Rotolink's window in Fusion's own toolkit, or dialogs where this edition has none for scripts."""
    if comp is None:
        print(_NO_COMPOSITION)  # noqa: T201 - Fusion's console is where scripts speak
        return
    version = fusion.Version if fusion is not None else ""
    host = FusionHost(comp, str(version) if isinstance(version, (int, float, str)) else "")
    desk = Desk(host)
    desk.connect()
    try:
        _run(fusion, comp, bmd, Actions(host, desk))
    finally:
        desk.close()


def _run(fusion: Any, comp: Any, bmd: Any, actions: Actions) -> None:  # noqa: ANN401 - as above
    """Show Fusion's own window; where this edition gives none, dialogs."""
    ui = getattr(fusion, "UIManager", None)
    dispatcher = bmd.UIDispatcher(ui) if ui is not None and bmd is not None else None
    if dispatcher is None:
        run_dialogs(comp.AskUser, actions)
    else:
        run_window(ui, dispatcher, actions, lambda: bool(comp.GetAttrs()))
