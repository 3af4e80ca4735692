"""Colours, the style sheet and the icons of the panel.

All greys are neutral, and nothing large is brighter than the plate's surround: a tinted or bright panel shifts how the
eye judges the plate's colours.
"""

from __future__ import annotations

from typing import Callable

from roto_client.panel.qt import QtCore, QtGui
from roto_shapes.shape import RGB

Draw = Callable[[QtGui.QPainter], None]
"""Draws an icon in a square of 16 with the painter's pen."""

SURROUND = QtGui.QColor(38, 38, 38)
GROUND = QtGui.QColor(50, 50, 50)
RAISED = QtGui.QColor(64, 64, 64)
SUNK = QtGui.QColor(42, 42, 42)
LINE = QtGui.QColor(30, 30, 30)
TEXT = QtGui.QColor(205, 205, 205)
QUIET = QtGui.QColor(140, 140, 140)
ACCENT = QtGui.QColor(240, 150, 40)
"""The playhead, and what is chosen: the orange of the hosts' own selection."""
GOOD = QtGui.QColor(110, 180, 90)
WAITING = QtGui.QColor(226, 180, 60)
BAD = QtGui.QColor(222, 82, 66)
LOCK = QtGui.QColor(255, 214, 90)

_PEN_PX = 1.5
_ICON_PX = 16
_ICON_SCALE = 3
"""Sharp on screens of up to three times the usual density."""

STYLE = """
* { color: #cdcdcd; }
QWidget#rotolink { background: #323232; }
QFrame#bar { background: #323232; }
QLabel { background: transparent; }
QLabel#quiet { color: #8c8c8c; }
QLabel#plate { color: #e2e2e2; }
QToolButton, QPushButton {
  background: #404040; border: 1px solid #262626; border-radius: 3px; padding: 3px 8px; min-height: 18px;
}
QToolButton { padding: 3px 4px; }
QToolButton:hover, QPushButton:hover { background: #4c4c4c; }
QToolButton:pressed, QPushButton:pressed { background: #2c2c2c; }
QToolButton:checked { background: #262626; border: 1px solid #f09628; }
QToolButton:focus, QPushButton:focus, QComboBox:focus, QAbstractSpinBox:focus { border: 1px solid #8a8a8a; }
QToolButton:disabled, QPushButton:disabled { color: #6c6c6c; background: #383838; }
QPushButton#main { background: #595959; color: #f0f0f0; }
QPushButton#main:hover { background: #676767; }
QPushButton#main:disabled { background: #3c3c3c; color: #757575; }
QComboBox, QAbstractSpinBox, QLineEdit {
  background: #2a2a2a; border: 1px solid #222222; border-radius: 3px; padding: 2px 4px; min-height: 18px;
  selection-background-color: #6a6a6a;
}
QComboBox::drop-down { border: none; width: 16px; }
QSlider::groove:horizontal { height: 3px; background: #242424; border-radius: 1px; }
QSlider::sub-page:horizontal { background: #7c7c7c; border-radius: 1px; }
QSlider::handle:horizontal { width: 10px; margin: -5px 0; border-radius: 5px; background: #b4b4b4; }
QSlider::handle:horizontal:hover { background: #d2d2d2; }
QComboBox QAbstractItemView { background: #2a2a2a; selection-background-color: #555555; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; border: none; }
QListWidget { background: #2a2a2a; border: 1px solid #222222; outline: none; }
QListWidget::item { border: none; }
QListWidget::item:selected { background: #454545; }
QProgressBar { background: #2a2a2a; border: 1px solid #222222; border-radius: 3px; max-height: 10px; }
QProgressBar::chunk { background: #8c8c8c; border-radius: 2px; }
QToolButton::menu-indicator { image: none; }
QMenu { background: #2a2a2a; border: 1px solid #555555; }
QMenu::item { padding: 4px 20px; }
QMenu::item:selected { background: #505050; }
QMenu::separator { height: 1px; background: #444444; margin: 3px 6px; }
QInputDialog { background: #323232; }
QToolTip { color: #e6e6e6; background: #262626; border: 1px solid #5a5a5a; padding: 3px; }
QSplitter::handle { background: #2a2a2a; }
QTextBrowser { background: #2a2a2a; border: none; }
"""


def colour_of(rgb: RGB, alpha: float = 1.0) -> QtGui.QColor:
    """Return a colour of ours as Qt's."""
    made = QtGui.QColor.fromRgbF(*(min(max(level, 0.0), 1.0) for level in rgb))
    made.setAlphaF(alpha)
    return made


def icon(draw: Draw) -> QtGui.QIcon:
    """Return an icon that is drawn in a square of 16, quieter where its button is disabled."""
    made = QtGui.QIcon()
    for mode, colour in ((QtGui.QIcon.Mode.Normal, TEXT), (QtGui.QIcon.Mode.Disabled, QtGui.QColor(100, 100, 100))):
        picture = QtGui.QPixmap(_ICON_PX * _ICON_SCALE, _ICON_PX * _ICON_SCALE)
        picture.setDevicePixelRatio(_ICON_SCALE)
        picture.fill(QtCore.Qt.GlobalColor.transparent)
        painter = QtGui.QPainter(picture)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        pen = QtGui.QPen(colour, _PEN_PX)
        pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(QtCore.Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        draw(painter)
        painter.end()
        made.addPixmap(picture, mode)
    return made


def _lines(painter: QtGui.QPainter, *places: tuple[float, float], filled: bool = False) -> None:
    path = QtGui.QPolygonF([QtCore.QPointF(x, y) for x, y in places])
    if filled:
        painter.setBrush(painter.pen().color())
        painter.drawPolygon(path)
        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
    else:
        painter.drawPolyline(path)


def draw_point(painter: QtGui.QPainter) -> None:
    """Draw a ring with a cross: point at things."""
    painter.drawEllipse(QtCore.QPointF(8, 8), 3.6, 3.6)
    for a, b in (((8, 1), (8, 4)), ((8, 12), (8, 15)), ((1, 8), (4, 8)), ((12, 8), (15, 8))):
        _lines(painter, a, b)


def draw_brush(painter: QtGui.QPainter) -> None:
    """Draw a brush."""
    _lines(painter, (14, 2), (7, 9))
    _lines(painter, (7, 9), (4, 10), (2, 14), (6, 12.6), (7, 9), filled=True)


def draw_fit(painter: QtGui.QPainter) -> None:
    """Draw four corners: fit into the view."""
    for x, y, dx, dy in ((2, 2, 1, 1), (14, 2, -1, 1), (14, 14, -1, -1), (2, 14, 1, -1)):
        _lines(painter, (x + 4 * dx, y), (x, y), (x, y + 4 * dy))


def draw_overlay(painter: QtGui.QPainter) -> None:
    """Draw a disc half filled: the overlay."""
    painter.drawEllipse(QtCore.QPointF(8, 8), 5.6, 5.6)
    painter.setBrush(painter.pen().color())
    painter.drawChord(QtCore.QRectF(2.4, 2.4, 11.2, 11.2), 90 * 16, 180 * 16)


def draw_back(painter: QtGui.QPainter) -> None:
    """Draw an arrow to the left: track backward."""
    _lines(painter, (14, 8), (4, 8))
    _lines(painter, (7.5, 3.5), (3, 8), (7.5, 12.5), filled=True)


def draw_on(painter: QtGui.QPainter) -> None:
    """Draw an arrow to the right: track forward."""
    _lines(painter, (2, 8), (12, 8))
    _lines(painter, (8.5, 3.5), (13, 8), (8.5, 12.5), filled=True)


def draw_both(painter: QtGui.QPainter) -> None:
    """Draw arrows both ways."""
    _lines(painter, (4, 8), (12, 8))
    _lines(painter, (5, 4.5), (1.5, 8), (5, 11.5), filled=True)
    _lines(painter, (11, 4.5), (14.5, 8), (11, 11.5), filled=True)


def draw_stop(painter: QtGui.QPainter) -> None:
    """Draw a square: stop."""
    _lines(painter, (4, 4), (12, 4), (12, 12), (4, 12), filled=True)


def draw_undo(painter: QtGui.QPainter) -> None:
    """Draw an arrow that turns back."""
    painter.drawArc(QtCore.QRectF(3.5, 4.5, 9, 9), -60 * 16, 200 * 16)
    _lines(painter, (2, 3.5), (3.2, 8), (7.2, 5.8), filled=True)


def draw_redo(painter: QtGui.QPainter) -> None:
    """Draw an arrow that turns forward."""
    painter.drawArc(QtCore.QRectF(3.5, 4.5, 9, 9), 40 * 16, 200 * 16)
    _lines(painter, (14, 3.5), (12.8, 8), (8.8, 5.8), filled=True)


def draw_add(painter: QtGui.QPainter) -> None:
    """Draw a plus."""
    _lines(painter, (8, 3), (8, 13))
    _lines(painter, (3, 8), (13, 8))


def draw_remove(painter: QtGui.QPainter) -> None:
    """Draw a bin."""
    _lines(painter, (3, 4.5), (13, 4.5))
    _lines(painter, (6, 4), (6.4, 2.4), (9.6, 2.4), (10, 4))
    _lines(painter, (4.4, 5), (5.2, 14), (10.8, 14), (11.6, 5))


def draw_lock(painter: QtGui.QPainter) -> None:
    """Draw a padlock."""
    painter.drawArc(QtCore.QRectF(5, 2.5, 6, 8), 0, 180 * 16)
    _lines(painter, (3.8, 7.2), (12.2, 7.2), (12.2, 13.6), (3.8, 13.6), filled=True)


def draw_eye(painter: QtGui.QPainter) -> None:
    """Draw an open eye: it is shown."""
    path = QtGui.QPainterPath(QtCore.QPointF(1.5, 8))
    path.quadTo(8, 1.6, 14.5, 8)
    path.quadTo(8, 14.4, 1.5, 8)
    painter.drawPath(path)
    painter.setBrush(painter.pen().color())
    painter.drawEllipse(QtCore.QPointF(8, 8), 2, 2)


def draw_closed_eye(painter: QtGui.QPainter) -> None:
    """Draw a closed eye: it is hidden."""
    path = QtGui.QPainterPath(QtCore.QPointF(1.5, 7.5))
    path.quadTo(8, 13.5, 14.5, 7.5)
    painter.drawPath(path)
