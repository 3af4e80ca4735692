"""Qt as the host has it: PySide6 or PySide2, and the few names that moved between the two."""

from __future__ import annotations

from typing import Any

try:
    from PySide6 import QtCore, QtGui, QtWidgets
except ImportError:  # Nuke 14 and 15, Silhouette up to 2023
    from PySide2 import QtCore, QtGui, QtWidgets  # type: ignore[import-not-found, no-redef] # the host brings one

__all__ = ["QtCore", "QtGui", "QtWidgets", "place_of", "shortcut"]


def place_of(event: Any) -> QtCore.QPointF:  # noqa: ANN401 - mouse and wheel events of either Qt
    """Return where the pointer is, in the widget, to a fraction of a pixel."""
    place: QtCore.QPointF = event.position() if hasattr(event, "position") else event.localPos()
    return place


def shortcut(keys: str, owner: QtWidgets.QWidget) -> Any:  # noqa: ANN401 - a QShortcut, which moved in Qt 6
    """Return a shortcut that works while the owner or something inside it has the keyboard."""
    kind = getattr(QtGui, "QShortcut", None) or QtWidgets.QShortcut  # type: ignore[attr-defined] # where Qt 5 has it
    made = kind(QtGui.QKeySequence(keys), owner)
    made.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
    return made
