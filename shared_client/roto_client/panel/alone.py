"""The panel in a window of its own, for hosts without docks for it, and for scripts that run beside their host."""

from __future__ import annotations

from typing import Callable, Optional

from roto_client.desk import Desk
from roto_client.panel import RotoPanel
from roto_client.panel.qt import QtCore, QtWidgets

TURN_MS = 30
"""How often what came from the daemon is handed over."""
_SIZE = (1100, 760)


def turning(turn: Callable[[], None]) -> QtCore.QTimer:
    """Call this many times a second from Qt's loop, for as long as the timer is kept.

    What `Host.later` was given runs so in hosts that have no way of their own to their main thread.
    """
    timer = QtCore.QTimer()
    timer.setInterval(TURN_MS)
    timer.timeout.connect(turn)
    timer.start()
    return timer


def open_window(desk: Desk, parent: Optional[QtWidgets.QWidget] = None) -> RotoPanel:
    """Show the panel in a window above its parent."""
    panel = RotoPanel(desk, parent)
    panel.setWindowFlag(QtCore.Qt.WindowType.Window)
    panel.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
    panel.resize(*_SIZE)
    panel.show()
    return panel


def run_alone(desk: Desk, turn: Callable[[], None], is_there: Callable[[], bool]) -> None:
    """Show the panel until it is closed, or the host is gone.

    `turn` runs what `Host.later` was given.
    """
    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    panel = open_window(desk)

    def tick() -> None:
        turn()
        if not is_there():
            panel.close()

    timer = turning(tick)
    panel.destroyed.connect(app.quit)
    (app.exec if hasattr(app, "exec") else app.exec_)()
    timer.stop()
