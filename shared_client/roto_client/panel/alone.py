"""The panel in a window of its own, for hosts whose scripts are programs beside them."""

from __future__ import annotations

from typing import Callable

from roto_client.desk import Desk
from roto_client.panel import RotoPanel
from roto_client.panel.qt import QtCore, QtWidgets

TURN_MS = 30
"""How often what came from the daemon is handed over."""
_SIZE = (1100, 760)


def run_alone(desk: Desk, turn: Callable[[], None], is_there: Callable[[], bool]) -> None:
    """Show the panel until it is closed, or the host is gone.

    `turn` runs what `Host.later` was given.
    """
    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    panel = RotoPanel(desk)
    panel.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
    panel.resize(*_SIZE)

    def tick() -> None:
        turn()
        if not is_there():
            panel.close()

    timer = QtCore.QTimer()
    timer.setInterval(TURN_MS)
    timer.timeout.connect(tick)
    panel.destroyed.connect(app.quit)
    panel.show()
    timer.start()
    (app.exec if hasattr(app, "exec") else app.exec_)()
    timer.stop()
