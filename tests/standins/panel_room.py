"""The panel in a host in plain Python, with Qt's event loop as the host's main thread."""

from __future__ import annotations

import os
import time
from typing import Callable, Optional

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from host_rig import GivenPlate
from plain_host import PlainHost

from roto_client.desk import Desk
from roto_client.desk.line import Connect
from roto_client.panel import RotoPanel
from roto_client.panel.qt import QtCore, QtWidgets


def application() -> QtWidgets.QApplication:
    """Return the one application of this process."""
    made = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["rotolink"])
    assert isinstance(made, QtWidgets.QApplication)
    return made


class _Bell(QtCore.QObject):
    rung = QtCore.Signal()


class PanelRoom:
    """A panel that is shown, its desk, and the host around both."""

    patience_s = 60.0

    def __init__(
        self, address: str, given: GivenPlate, connect: Optional[Connect] = None, size: tuple[int, int] = (1000, 700)
    ) -> None:
        self.app = application()
        self.host = PlainHost()
        self._bell = _Bell()
        self._bell.rung.connect(self.host.run_waiting, QtCore.Qt.ConnectionType.QueuedConnection)
        self.host.on_later = self._bell.rung.emit
        self.host.select(given)
        self.desk = Desk(self.host, connect) if connect else Desk(self.host)
        self.desk.connect(address)
        self.panel = RotoPanel(self.desk)
        self.panel.resize(*size)
        self.panel.show()
        self.panel.activateWindow()
        self.until(lambda: self.desk.is_idle)

    def until(self, done: Callable[[], bool]) -> None:
        """Let Qt run until something is so."""
        deadline = time.monotonic() + self.patience_s
        while not done():
            assert time.monotonic() < deadline, f"it did not come: {self.desk.state.said}"
            self.turn()
        self.turn()

    def settle(self) -> None:
        """Let Qt run until the desk has nothing to do and shows what came of it."""
        self.until(lambda: self.desk.is_idle)
        self.turn()

    def turn(self) -> None:
        """Let Qt run for a moment."""
        self.app.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 10)
        time.sleep(0.002)

    def close(self) -> None:
        """Close the panel and the desk."""
        self.panel.close()
        self.desk.close()
        self.panel.deleteLater()
        self.app.processEvents()
