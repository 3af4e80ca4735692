"""The Qt panel for all Python hosts that have Qt: a view of a desk. The one package that knows Qt.

    panel = RotoPanel(desk)     # a QWidget, to be docked where the host docks widgets

It holds no work: closing it loses nothing, and another panel on the same desk shows the same. All of it belongs to the
main thread, and none of it waits for the daemon.
"""

from __future__ import annotations

from typing import Callable, Optional

from roto_client.desk import Desk
from roto_client.desk.following import Way
from roto_client.desk.state import DeskState, Link
from roto_client.panel import look
from roto_client.panel.choice import Choice
from roto_client.panel.help_sheet import HelpSheet
from roto_client.panel.object_list import ObjectList
from roto_client.panel.plate_view import PlateView, Tool
from roto_client.panel.qt import QtCore, QtWidgets, shortcut
from roto_client.panel.status_line import StatusLine
from roto_client.panel.timeline import Timeline
from roto_shapes.fit_options import FEWEST_POINTS, FitOptions

_FOLLOW_MS = 200
"""How often the panel looks which frame the host shows: a step in the host is seen here at once for the eye."""
_TOLERANCES_PX = (0.05, 20.0)
_MOST_POINTS = 400
_FIRST_POINTS = 16
_LIST_PX = 190


class RotoPanel(QtWidgets.QWidget):
    """An artist's desk to look at and to work on."""

    def __init__(self, desk: Desk, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.setObjectName("rotolink")
        self.setWindowTitle("Rotolink")
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(look.STYLE)
        self._desk = desk
        self.view = PlateView(desk)
        self.timeline = Timeline(desk)
        self.objects = ObjectList(desk)
        self.status = StatusLine(desk)
        self.help = HelpSheet(self)
        self._buttons: dict[str, QtWidgets.QAbstractButton] = {}
        self._build()
        self._bind_keys()
        unwatch = desk.watch(self._show)
        self.destroyed.connect(lambda *_: unwatch())
        self._follow = QtCore.QTimer(self)
        self._follow.setInterval(_FOLLOW_MS)
        self._follow.timeout.connect(desk.follow_host)
        self._show()

    def button(self, name: str) -> QtWidgets.QAbstractButton:
        """Return a button by what it does, such as `write`."""
        return self._buttons[name]

    def showEvent(self, event: object) -> None:
        self._follow.start()
        if self._desk.state.link is Link.NONE and not self._desk.state.said:
            self._desk.connect()
        self.view.fit()
        self.view.setFocus()

    def hideEvent(self, event: object) -> None:
        self._follow.stop()

    # What it is made of

    def _build(self) -> None:
        side = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self._object_bar())
        column.addWidget(self.objects)
        middle = QtWidgets.QSplitter(QtCore.Qt.Orientation.Horizontal)
        middle.setHandleWidth(4)
        middle.addWidget(self.view)
        middle.addWidget(side)
        middle.setStretchFactor(0, 1)
        middle.setSizes([900, _LIST_PX])
        whole = QtWidgets.QVBoxLayout(self)
        whole.setContentsMargins(6, 6, 6, 4)
        whole.setSpacing(5)
        whole.addLayout(self._top_bar())
        whole.addWidget(middle, 1)
        whole.addWidget(self.timeline)
        whole.addLayout(self._work_bar())
        whole.addWidget(self.status)

    def _top_bar(self) -> QtWidgets.QHBoxLayout:
        bar = _bar()
        bar.addWidget(self._text_button("open", "Open", self._desk.open_plate, "Open the plate of the selected node"))
        self._plate = QtWidgets.QLabel()
        self._plate.setObjectName("plate")
        self._plate.setMinimumWidth(40)
        bar.addWidget(self._plate, 1)
        bar.addWidget(self._tool("point", look.draw_point, Tool.POINT))
        bar.addWidget(self._tool("brush", look.draw_brush, Tool.BRUSH))
        self._brush = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._brush.setRange(1, 200)
        self._brush.setValue(int(self.view.brush_px))
        self._brush.setFixedWidth(80)
        self._brush.setToolTip(_tip("Size of the brush, in plate pixels", "[", "]"))
        self._brush.setFocusPolicy(QtCore.Qt.FocusPolicy.ClickFocus)
        self._brush.valueChanged.connect(lambda value: self.view.set_brush(float(value)))
        self.view.brush_changed.connect(self._show_brush)
        bar.addWidget(self._brush)
        bar.addWidget(self._icon_button("overlay", look.draw_overlay, self.view.toggle_overlay))
        bar.addWidget(self._icon_button("fit view", look.draw_fit, self.view.fit))
        bar.addSpacing(8)
        self.engines = Choice()
        self.engines.setToolTip("The engine that finds and follows objects")
        self.engines.setAccessibleName("Engine")
        self.engines.setMinimumContentsLength(8)
        self.engines.activated.connect(lambda row: self._desk.use_engine(self.engines.itemData(row)))
        bar.addWidget(self.engines)
        return bar

    def _object_bar(self) -> QtWidgets.QHBoxLayout:
        bar = _bar()
        bar.addWidget(self._icon_button("add", look.draw_add, self._desk.add_object))
        bar.addWidget(self._icon_button("remove", look.draw_remove, self._remove))
        bar.addStretch(1)
        bar.addWidget(self._icon_button("undo", look.draw_undo, self._desk.undo))
        bar.addWidget(self._icon_button("redo", look.draw_redo, self._desk.redo))
        return bar

    def _work_bar(self) -> QtWidgets.QHBoxLayout:
        bar = _bar()
        for name, draw, way in (
            ("backward", look.draw_back, Way.BACKWARD),
            ("both", look.draw_both, Way.BOTH),
            ("forward", look.draw_on, Way.FORWARD),
        ):
            bar.addWidget(self._icon_button(name, draw, self._tracking(way)))
        bar.addWidget(self._icon_button("stop", look.draw_stop, self._desk.stop))
        bar.addWidget(self._icon_button("lock", look.draw_lock, self._desk.lock))
        bar.addStretch(1)
        self.bound = Choice()
        self.bound.addItems(["Tolerance", "Points"])
        self.bound.setToolTip("What bounds the shapes: how far from the matte's edge, or how many points")
        self.bound.currentIndexChanged.connect(self._bound_changed)
        bar.addWidget(self.bound)
        self.amount = QtWidgets.QDoubleSpinBox()
        self.amount.setFixedWidth(74)
        self.amount.setKeyboardTracking(False)
        self.amount.valueChanged.connect(self._take_options)
        bar.addWidget(self.amount)
        bar.addWidget(self._text_button("fit", "Fit", self._desk.fit, _tip("Turn the mattes into shapes", "G")))
        write = self._text_button("write", "Write to node", self._desk.write, _tip(_WRITE, "Ctrl+Return"))
        write.setObjectName("main")
        bar.addWidget(write)
        refine = _tip(_REFINE, "Ctrl+R")
        bar.addWidget(self._text_button("refine", "Refine from here", self._desk.refine, refine))
        self._bound_changed(0)
        return bar

    def _text_button(self, name: str, words: str, call: Callable[[], None], tip: str) -> QtWidgets.QPushButton:
        made = QtWidgets.QPushButton(words)
        made.setToolTip(tip)
        made.clicked.connect(lambda *_: call())
        self._buttons[name] = made
        return made

    def _icon_button(self, name: str, draw: look.Draw, call: Callable[[], None]) -> QtWidgets.QToolButton:
        made = QtWidgets.QToolButton()
        made.setIcon(look.icon(draw))
        made.setIconSize(QtCore.QSize(16, 16))
        words, keys = _ICONS[name]
        made.setToolTip(_tip(words, keys) if keys else words)
        made.setAccessibleName(words)
        made.clicked.connect(lambda *_: call())
        self._buttons[name] = made
        return made

    def _tool(self, name: str, draw: look.Draw, tool: Tool) -> QtWidgets.QToolButton:
        made = self._icon_button(name, draw, lambda: self._take_tool(tool))
        made.setCheckable(True)
        made.setChecked(tool is self.view.tool)
        return made

    # What the artist does

    def _bind_keys(self) -> None:
        desk, view = self._desk, self.view
        calls: dict[str, Callable[[], object]] = {
            "Left": lambda: desk.go_to(desk.state.frame - 1),
            "Right": lambda: desk.go_to(desk.state.frame + 1),
            "Shift+Left": lambda: desk.go_to(desk.state.frame - 10),
            "Shift+Right": lambda: desk.go_to(desk.state.frame + 10),
            "Home": lambda: self._to_end(first=True),
            "End": lambda: self._to_end(first=False),
            "Up": lambda: self._to_mark(-1),
            "Down": lambda: self._to_mark(1),
            "Q": lambda: self._take_tool(Tool.POINT),
            "B": lambda: self._take_tool(Tool.BRUSH),
            "[": lambda: view.grow_brush(-1),
            "]": lambda: view.grow_brush(1),
            "W": lambda: view.move_cross(0, -1),
            "A": lambda: view.move_cross(-1, 0),
            "S": lambda: view.move_cross(0, 1),
            "D": lambda: view.move_cross(1, 0),
            "Shift+W": lambda: view.move_cross(0, -10),
            "Shift+A": lambda: view.move_cross(-10, 0),
            "Shift+S": lambda: view.move_cross(0, 10),
            "Shift+D": lambda: view.move_cross(10, 0),
            "Space": lambda: view.click_cross(foreground=True),
            "X": lambda: view.click_cross(foreground=False),
            "Backspace": desk.clear,
            "F": view.fit,
            "+": lambda: view.zoom(1.25),
            "=": lambda: view.zoom(1.25),
            "-": lambda: view.zoom(0.8),
            "O": view.toggle_overlay,
            "M": view.toggle_matte,
            "N": desk.add_object,
            "F2": self.objects.rename_chosen,
            "Delete": self._remove,
            "PgUp": lambda: self._choose(-1),
            "PgDown": lambda: self._choose(1),
            "Ctrl+T": self._tracking(Way.BOTH),
            "Ctrl+Left": self._tracking(Way.BACKWARD),
            "Ctrl+Right": self._tracking(Way.FORWARD),
            "Esc": self._escape,
            "L": desk.lock,
            "G": desk.fit,
            "Ctrl+Return": desk.write,
            "Ctrl+R": desk.refine,
            "Ctrl+O": desk.open_plate,
            "Ctrl+Z": desk.undo,
            "Ctrl+Shift+Z": desk.redo,
            "F1": self.help.show,
            "?": self.help.show,
        }
        for keys, call in calls.items():
            shortcut(keys, self).activated.connect(_plain(call))

    def _tracking(self, way: Way) -> Callable[[], None]:
        return lambda: self._desk.track(way)

    def _take_tool(self, tool: Tool) -> None:
        self.view.set_tool(tool)
        self._buttons["point"].setChecked(tool is Tool.POINT)
        self._buttons["brush"].setChecked(tool is Tool.BRUSH)

    def _escape(self) -> None:
        if not self.view.cancel():
            self._desk.stop()

    def _remove(self) -> None:
        if self._desk.state.selected is not None:
            self._desk.remove(self._desk.state.current)

    def _choose(self, step: int) -> None:
        keys = [each.key for each in self._desk.state.shown]
        if self._desk.state.current in keys:
            self._desk.select(keys[(keys.index(self._desk.state.current) + step) % len(keys)])

    def _to_end(self, *, first: bool) -> None:
        plate = self._desk.state.plate
        if plate is not None:
            self._desk.go_to(plate.frames.first if first else plate.frames.last)

    def _to_mark(self, way: int) -> None:
        """Go to the next keyframe or prompted frame of the object."""
        thing, here = self._desk.state.selected, self._desk.state.frame
        marks = {*thing.keyframes, *thing.prompts} if thing is not None else set()
        beyond = [frame for frame in marks if (frame - here) * way > 0]
        if beyond:
            self._desk.go_to(min(beyond, key=lambda frame: abs(frame - here)))

    def _bound_changed(self, row: int) -> None:
        self.amount.blockSignals(True)
        if row == 0:
            self.amount.setDecimals(2)
            self.amount.setSingleStep(0.25)
            self.amount.setRange(*_TOLERANCES_PX)
            self.amount.setSuffix(" px")
            self.amount.setValue(FitOptions.bounded().tolerance_px)
            self.amount.setToolTip("The farthest that shapes may lie from the matte's edge, on any frame")
        else:
            self.amount.setDecimals(0)
            self.amount.setSingleStep(1)
            self.amount.setRange(FEWEST_POINTS, _MOST_POINTS)
            self.amount.setSuffix("")
            self.amount.setValue(_FIRST_POINTS)
            self.amount.setToolTip("The most control points that a shape may have")
        self.amount.blockSignals(False)
        self._take_options()

    def _take_options(self, *_: object) -> None:
        amount = self.amount.value()
        points = self.bound.currentIndex() == 1
        self._desk.fit_options = FitOptions.bounded(points=round(amount)) if points else FitOptions.bounded(amount)

    # What it shows

    def _show(self) -> None:
        state = self._desk.state
        self.view.show_state()
        self.timeline.show_state()
        self.objects.show_state()
        self.status.show_state()
        self._show_plate(state)
        self._show_engines(state)
        self._show_buttons(state)

    def _show_plate(self, state: DeskState) -> None:
        if state.plate is None:
            self._plate.setText("No plate is open")
            return
        plate = state.plate
        aspect = f" · aspect {plate.pixel_aspect:g}" if plate.pixel_aspect != 1 else ""
        sent = " · frames are sent" if state.sent else ""
        words = f"{plate.name}   {plate.width}x{plate.height}{aspect} · {plate.frames}{sent}"
        self._plate.setText(words)
        self._plate.setToolTip(state.sent or words)

    def _show_engines(self, state: DeskState) -> None:
        names = [each.name for each in state.engines]
        if names != [self.engines.itemData(row) for row in range(self.engines.count())]:
            self.engines.clear()
            for each in state.engines:
                self.engines.addItem(each.name, each.name)
                row = self.engines.count() - 1
                tip = each.unavailable or f"{each.title}. {each.weights}".strip()
                self.engines.setItemData(row, tip, int(QtCore.Qt.ItemDataRole.ToolTipRole))
                self.engines.model().item(row).setEnabled(not each.unavailable)  # type: ignore[attr-defined] # a QStandardItemModel
        if state.engine in names and self.engines.currentIndex() != names.index(state.engine):
            self.engines.setCurrentIndex(names.index(state.engine))

    def _show_buttons(self, state: DeskState) -> None:
        open_, thing = state.plate is not None, state.selected
        pointed = thing is not None and bool(thing.prompts)
        enabled = {
            "add": open_,
            "remove": thing is not None,
            "undo": bool(state.undo),
            "redo": bool(state.redo),
            "stop": state.work is not None and not state.work.stopping,
            "lock": thing is not None and bool(thing.shapes),
            "write": any(each.prompts or each.shapes for each in state.shown),
            "refine": thing is not None and bool(state.node),
            **dict.fromkeys(("forward", "backward", "both", "fit"), pointed),
        }
        for name, able in enabled.items():
            self._buttons[name].setEnabled(able)
        for name, what, keys in (("undo", state.undo, "Ctrl+Z"), ("redo", state.redo, "Ctrl+Shift+Z")):
            words = f"{name.capitalize()} {what}".strip()
            self._buttons[name].setToolTip(_tip(words, keys))
        self.engines.setEnabled(open_ and state.link is Link.CONNECTED)

    def _show_brush(self, radius_px: float) -> None:
        self._brush.blockSignals(True)
        self._brush.setValue(round(radius_px))
        self._brush.blockSignals(False)


_WRITE = "Put the shapes of all objects into a roto node of the host, in one undo step; fitted first where need be"
_REFINE = (
    "Take your edits from the node, follow the object anew from this frame, and write again; locked keyframes stay"
)
_ICONS = {
    "point": ("Point: click the object, alt-click what is not it, drag a box round it", "Q"),
    "brush": ("Brush: paint the object, with alt wipe it", "B"),
    "overlay": ("Show or hide mattes, shapes and points", "O"),
    "fit view": ("Show all of the plate", "F"),
    "add": ("Add an object", "N"),
    "remove": ("Delete the object", "Delete"),
    "undo": ("Undo", "Ctrl+Z"),
    "redo": ("Redo", "Ctrl+Shift+Z"),
    "backward": ("Track backward from this frame", "Ctrl+Left"),
    "both": ("Track both ways from this frame", "Ctrl+T"),
    "forward": ("Track forward from this frame", "Ctrl+Right"),
    "stop": ("Stop; frames done stay", "Esc"),
    "lock": ("Lock or unlock the keyframe on this frame: no fit changes it", "L"),
}


def _tip(words: str, *keys: str) -> str:
    return f"{words}   ({' '.join(keys)})"


def _bar() -> QtWidgets.QHBoxLayout:
    made = QtWidgets.QHBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(4)
    return made


def _plain(call: Callable[[], object]) -> Callable[[], None]:
    """Return a slot that gives nothing back, which Qt would look at."""

    def slot() -> None:
        call()

    return slot
