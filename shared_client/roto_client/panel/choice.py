"""A box to choose from, with an arrow that style sheets without picture files do not draw."""

from __future__ import annotations

from roto_client.panel.look import QUIET
from roto_client.panel.qt import QtCore, QtGui, QtWidgets


class Choice(QtWidgets.QComboBox):
    """A combo box."""

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(QtGui.QPen(QUIET, 1.4))
        x, y = self.width() - 11.0, self.height() / 2
        painter.drawPolyline(
            QtGui.QPolygonF(
                [QtCore.QPointF(x - 3.5, y - 1.8), QtCore.QPointF(x, y + 1.8), QtCore.QPointF(x + 3.5, y - 1.8)]
            )
        )
