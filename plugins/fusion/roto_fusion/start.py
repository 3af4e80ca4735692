"""What the menu's script starts: Rotolink for the composition that is open."""

from __future__ import annotations

import importlib.util
from typing import Any

from roto_client.desk import Desk
from roto_fusion.actions import Actions
from roto_fusion.host import FusionHost
from roto_fusion.window import run_dialogs, run_window

_NO_COMPOSITION = "Open a composition first, in Resolve the Fusion page of a clip; then start Rotolink again."


def start(fusion: Any, comp: Any, bmd: Any) -> None:  # noqa: ANN401 - Fusion's objects for scripts
    """Open Rotolink: the panel that all hosts share where this Python has Qt, else a window of Fusion's own toolkit."""
    if comp is None:
        print(_NO_COMPOSITION)  # noqa: T201 - Fusion's console is where scripts speak
        return
    version = fusion.Version if fusion is not None else ""
    with_qt = any(importlib.util.find_spec(name) is not None for name in ("PySide6", "PySide2"))
    host = FusionHost(comp, str(version) if isinstance(version, (int, float, str)) else "", qt=with_qt)
    desk = Desk(host)
    desk.connect()
    try:
        if with_qt:
            _run_panel(host, desk)
        else:
            _run(fusion, comp, bmd, Actions(host, desk))
    finally:
        desk.close()


def _run_panel(host: FusionHost, desk: Desk) -> None:
    from roto_client.panel.alone import run_alone  # noqa: PLC0415 - Qt only where it is

    run_alone(desk, host.run_waiting, lambda: host.is_there)


def _run(fusion: Any, comp: Any, bmd: Any, actions: Actions) -> None:  # noqa: ANN401 - as above
    """Show Fusion's own window; where this edition gives none, dialogs."""
    ui = getattr(fusion, "UIManager", None)
    dispatcher = bmd.UIDispatcher(ui) if ui is not None and bmd is not None else None
    if dispatcher is None:
        run_dialogs(comp.AskUser, actions)
    else:
        run_window(ui, dispatcher, actions, lambda: bool(comp.GetAttrs()))
