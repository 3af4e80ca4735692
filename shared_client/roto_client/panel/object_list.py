"""The objects of a plate: an eye, a colour and a name each."""

from __future__ import annotations

from typing import Any, Optional

from roto_client.desk import Desk
from roto_client.desk.state import COLOURS, DeskObject
from roto_client.panel.look import QUIET, TEXT, colour_of, draw_closed_eye, draw_eye, icon
from roto_client.panel.qt import QtCore, QtGui, QtWidgets, place_of

_ROW_PX = 26
_EYE_PX, _SWATCH_PX, _NAME_PX = 6, 30, 52
"""Where the eye, the colour and the name begin."""
_KEY = int(QtCore.Qt.ItemDataRole.UserRole)


class ObjectList(QtWidgets.QListWidget):
    """The objects; the chosen one is that which gestures belong to."""

    def __init__(self, desk: Desk, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._filling = False
        self._shown: tuple[DeskObject, ...] = ()
        self.setItemDelegate(_Row(desk, self))
        self.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Objects")
        self.setToolTip("Objects: the eye shows or hides, the colour opens its menu, a double click renames")
        self.currentItemChanged.connect(self._chosen)
        self.itemChanged.connect(self._renamed)

    def show_state(self) -> None:
        """Show the desk's objects."""
        state = self._desk.state
        self._filling = True
        try:
            if [each.key for each in self._shown] != [each.key for each in state.shown]:
                self._refill(state.shown)
            for row, thing in enumerate(state.shown):
                if self.item(row).text() != thing.name:
                    self.item(row).setText(thing.name)
                if thing.key == state.current and self.currentRow() != row:
                    self.setCurrentRow(row)
        finally:
            self._filling = False
        self._shown = state.shown
        self.viewport().update()

    def rename_chosen(self) -> None:
        """Let the artist type another name for the chosen object."""
        if self.currentItem() is not None:
            self.editItem(self.currentItem())

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        place = place_of(event)
        item = self.itemAt(place.toPoint())
        if item is not None and place.x() < _NAME_PX:
            thing = self._desk.state.find(item.data(_KEY))
            if place.x() < _SWATCH_PX:
                self._desk.show(thing.key, visible=not thing.visible)
            else:
                self._choose_colour(thing, self.mapToGlobal(place.toPoint()))
            return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:
        item = self.itemAt(place_of(event).toPoint())
        if item is not None and place_of(event).x() >= _NAME_PX:
            self.editItem(item)

    def _refill(self, shown: tuple[DeskObject, ...]) -> None:
        self.clear()
        for thing in shown:
            item = QtWidgets.QListWidgetItem(thing.name)
            item.setData(_KEY, thing.key)
            item.setFlags(item.flags() | QtCore.Qt.ItemFlag.ItemIsEditable)
            self.addItem(item)

    def _choose_colour(self, thing: DeskObject, at: QtCore.QPoint) -> None:
        menu = QtWidgets.QMenu(self)
        for colour in COLOURS:
            swatch = QtGui.QPixmap(14, 14)
            swatch.fill(colour_of(colour))
            menu.addAction(QtGui.QIcon(swatch), "").setData(colour)
        menu.triggered.connect(lambda action: self._desk.paint(thing.key, action.data()))
        menu.popup(at)

    def _chosen(self, now: Optional[QtWidgets.QListWidgetItem], before: object) -> None:
        if now is not None and not self._filling:
            self._desk.select(now.data(_KEY))

    def _renamed(self, item: QtWidgets.QListWidgetItem) -> None:
        if not self._filling:
            self._desk.rename(item.data(_KEY), item.text())
            self.show_state()


class _Row(QtWidgets.QStyledItemDelegate):
    """Draws a row, and places the line in which a name is typed."""

    def __init__(self, desk: Desk, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self._eyes = icon(draw_eye), icon(draw_closed_eye)

    def sizeHint(self, option: Any, index: Any) -> QtCore.QSize:  # noqa: ANN401 - Qt's
        return QtCore.QSize(120, _ROW_PX)

    def paint(self, painter: QtGui.QPainter, option: Any, index: Any) -> None:  # noqa: ANN401 - Qt's
        painter.save()
        area = option.rect
        if option.state & QtWidgets.QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QtGui.QColor(72, 72, 72))
        try:
            thing = self._desk.state.find(index.data(_KEY))
        except KeyError:
            painter.restore()
            return
        middle = area.top() + area.height() // 2
        self._eyes[0 if thing.visible else 1].paint(painter, QtCore.QRect(area.left() + _EYE_PX, middle - 8, 16, 16))
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(QtGui.QPen(QtGui.QColor(20, 20, 20), 1))
        painter.setBrush(colour_of(thing.colour))
        painter.drawRoundedRect(QtCore.QRectF(area.left() + _SWATCH_PX + 0.5, middle - 6.5, 13, 13), 2, 2)
        painter.setPen(TEXT if thing.visible else QUIET)
        name = QtCore.QRect(area.left() + _NAME_PX, area.top(), area.width() - _NAME_PX - 44, area.height())
        left = int(QtCore.Qt.AlignmentFlag.AlignVCenter | QtCore.Qt.AlignmentFlag.AlignLeft)
        words = painter.fontMetrics().elidedText(thing.name, QtCore.Qt.TextElideMode.ElideRight, name.width())
        painter.drawText(name, left, words)
        if thing.shapes:
            painter.setPen(QUIET)
            right = int(QtCore.Qt.AlignmentFlag.AlignVCenter | QtCore.Qt.AlignmentFlag.AlignRight)
            painter.drawText(area.adjusted(0, 0, -8, 0), right, f"{len(thing.keyframes)} keys")
        painter.restore()

    def updateEditorGeometry(self, editor: QtWidgets.QWidget, option: Any, index: Any) -> None:  # noqa: ANN401 - Qt's
        editor.setGeometry(option.rect.adjusted(_NAME_PX - 4, 1, -2, -1))
