"""The last line: how the daemon is, what was said, and how far the work has come."""

from __future__ import annotations

from typing import Callable, Optional

from roto_client.desk import Desk
from roto_client.desk.state import DeskState, Link
from roto_client.panel.look import BAD, GOOD, WAITING
from roto_client.panel.qt import QtCore, QtGui, QtWidgets

_LIGHTS = {Link.NONE: BAD, Link.LOST: BAD, Link.CONNECTING: WAITING, Link.CONNECTED: GOOD}
_STEPS = 1000
_WORK_PX = 150


class StatusLine(QtWidgets.QFrame):
    """A light, a sentence, and the work under way with its end."""

    def __init__(self, desk: Desk, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.setObjectName("bar")
        self._desk = desk
        self._light = _Light()
        self._sentence = _Elided()
        self._work = QtWidgets.QLabel()
        self._work.setObjectName("quiet")
        self.bar = QtWidgets.QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(_WORK_PX)
        self.cancel = QtWidgets.QPushButton("Cancel")
        self.cancel.setToolTip("Stop what is under way; frames done stay   (Esc)")
        self.cancel.clicked.connect(lambda *_: desk.stop())
        self.reconnect = QtWidgets.QPushButton("Reconnect")
        self.reconnect.setToolTip("Look for the daemon again")
        self.reconnect.clicked.connect(lambda *_: desk.reconnect())
        self.start = QtWidgets.QPushButton("Start daemon")
        self.start.setToolTip("Start a daemon on this machine, which goes on when this program ends")
        self.start.clicked.connect(lambda *_: desk.start_daemon())
        self.daemon = QtWidgets.QToolButton()
        self.daemon.setText("Daemon")
        self.daemon.setToolTip("Choose another daemon")
        self.daemon.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        self.daemons = QtWidgets.QMenu(self)
        self.daemons.aboutToShow.connect(self._fill_menu)
        self.daemon.setMenu(self.daemons)
        line = QtWidgets.QHBoxLayout(self)
        line.setContentsMargins(2, 0, 2, 0)
        line.setSpacing(6)
        buttons = self.cancel, self.reconnect, self.start, self.daemon
        for widget in (self._light, self._sentence, self._work, self.bar, *buttons):
            line.addWidget(widget, 1 if widget is self._sentence else 0)
        self.setFixedHeight(30)
        self.show_state()

    def show_state(self) -> None:
        """Show what the desk has now."""
        state = self._desk.state
        self._light.set_colour(_LIGHTS[state.link])
        where = f" at {state.address}" if state.address else ""
        self._light.setToolTip(f"Daemon{where}: {state.link.value}")
        self._sentence.set_words(state.said, bad=state.is_error)
        self._show_work(state)
        self.reconnect.setVisible(state.link in {Link.NONE, Link.LOST})
        self.start.setVisible(state.link is Link.NONE)

    def _fill_menu(self) -> None:
        """Offer the daemons that were found, a look for more, and an address of the artist's own."""
        desk, menu = self._desk, self.daemons
        menu.clear()
        for each in desk.state.offered:
            menu.addAction(f"{each.name}   {each.address}").triggered.connect(self._connecting(each.address))
        menu.addSeparator()
        menu.addAction("Look on the network").triggered.connect(lambda *_: desk.find_daemons())
        menu.addAction("Another address...").triggered.connect(lambda *_: self._ask_address())

    def _connecting(self, address: str) -> Callable[..., None]:
        return lambda *_: self._desk.connect(address)

    def _ask_address(self) -> None:
        asked = QtWidgets.QInputDialog(self)
        asked.setWindowTitle("Rotolink")
        asked.setLabelText("Address of the daemon, such as render7:50750")
        asked.setTextValue(self._desk.state.address)
        asked.textValueSelected.connect(lambda text: self._desk.connect(text.strip() or None))
        asked.open()

    def _show_work(self, state: DeskState) -> None:
        work = state.work
        for widget in (self._work, self.bar, self.cancel):
            widget.setVisible(work is not None)
        if work is None:
            return
        count = f" {work.done}/{work.total}" if work.total else ""
        more = f" · {state.waiting} waiting" if state.waiting else ""
        self._work.setText("Stopping…" if work.stopping else f"{work.title}{count}{more}")
        self.bar.setRange(0, _STEPS if work.total else 0)
        self.bar.setValue(round(work.done / work.total * _STEPS) if work.total else 0)
        self.cancel.setEnabled(not work.stopping)


class _Light(QtWidgets.QWidget):
    """A round light."""

    def __init__(self) -> None:
        super().__init__()
        self._colour = BAD
        self.setFixedSize(14, 14)

    def set_colour(self, colour: QtGui.QColor) -> None:
        self._colour = colour
        self.update()

    def paintEvent(self, event: object) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(QtGui.QPen(QtGui.QColor(24, 24, 24), 1))
        painter.setBrush(self._colour)
        painter.drawEllipse(QtCore.QRectF(2.5, 2.5, 9, 9))


class _Elided(QtWidgets.QLabel):
    """One line of words, cut where there is no room, whole in its tool tip."""

    def __init__(self) -> None:
        super().__init__()
        self._words = ""
        self._bad = False
        self.setMinimumWidth(60)
        self.setAccessibleName("Message")

    def set_words(self, words: str, *, bad: bool) -> None:
        self._words, self._bad = words, bad
        self.setToolTip(words)
        self.setText(words)  # for who listens to the screen
        self.update()

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(60, 18)

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(200, 18)

    def paintEvent(self, event: object) -> None:
        painter = QtGui.QPainter(self)
        painter.setPen(BAD.lighter(130) if self._bad else QtGui.QColor(180, 180, 180))
        line = self._words.replace("\n", " ")
        cut = painter.fontMetrics().elidedText(line, QtCore.Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(QtCore.Qt.AlignmentFlag.AlignVCenter), cut)
