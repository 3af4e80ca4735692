"""The sheet of all gestures and keys."""

from __future__ import annotations

from typing import Optional

from roto_client.panel.qt import QtCore, QtWidgets

SHORTCUTS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "On the plate",
        (
            ("click", "this is the object"),
            ("Alt+click", "this is not the object"),
            ("drag", "a box round the object"),
            ("wheel", "zoom at the pointer"),
            ("middle drag", "pan"),
            ("Q / B", "point, or brush; the brush wipes with Alt"),
            ("[ / ]", "smaller or larger brush"),
            ("W A S D", "move a cross by keyboard, with Shift faster"),
            ("Space / X", "click, or alt-click, at the cross"),
            ("Backspace", "clear what is pointed at on this frame"),
            ("F / + / -", "fit, closer, wider"),
            ("O", "show or hide what lies over the plate"),
            ("M", "the mattes alone, white on black"),
        ),
    ),
    (
        "In time",
        (
            ("Left / Right", "one frame, with Shift ten"),
            ("Up / Down", "keyframe or pointed frame before, or after"),
            ("Home / End", "first or last frame"),
            ("Ctrl+T", "track both ways from this frame"),
            ("Ctrl+Left / Ctrl+Right", "track backward, or forward"),
            ("Esc", "stop; frames done stay"),
            ("L, or double click in the strip", "lock or unlock the keyframe"),
        ),
    ),
    (
        "Objects and shapes",
        (
            ("N / F2 / Delete", "add, rename, delete an object"),
            ("PgUp / PgDown", "object before, or after"),
            ("G", "fit shapes to the mattes"),
            ("Ctrl+Return", "write to the host's roto node"),
            ("Ctrl+R", "refine from here, with your edits of the node"),
            ("Ctrl+Z / Ctrl+Shift+Z", "undo, redo"),
            ("Ctrl+O", "open the plate of the selected node"),
            ("F1 / ?", "this sheet"),
        ),
    ),
)
"""Every gesture and key, and what it does."""


class HelpSheet(QtWidgets.QDialog):
    """The sheet; it stays open beside the work."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Rotolink: gestures and keys")
        self.setWindowFlag(QtCore.Qt.WindowType.Tool)
        page = QtWidgets.QTextBrowser()
        page.setHtml("".join(map(_part, SHORTCUTS)))
        whole = QtWidgets.QVBoxLayout(self)
        whole.setContentsMargins(8, 8, 8, 8)
        whole.addWidget(page)
        self.resize(470, 640)


def _part(part: tuple[str, tuple[tuple[str, str], ...]]) -> str:
    title, lines = part
    rows = "".join(f"<tr><td style='padding-right:14px'><b>{keys}</b></td><td>{does}</td></tr>" for keys, does in lines)
    return f"<h3>{title}</h3><table cellspacing='3'>{rows}</table>"
