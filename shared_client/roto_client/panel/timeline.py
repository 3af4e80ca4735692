"""The strip of frames: how sure the engine is, what was pointed at, keyframes, locks, and where the artist is."""

from __future__ import annotations

from typing import Optional

from roto_client.desk import Desk
from roto_client.desk.state import DeskObject, DeskState, Found
from roto_client.panel.look import ACCENT, BAD, LINE, LOCK, QUIET, SUNK, colour_of
from roto_client.panel.qt import QtCore, QtGui, QtWidgets, place_of
from roto_shapes.shot import LOOK_FIRST_BELOW, FrameRange

_HEIGHT_PX = 74
_EDGE_PX = 14.0
_RULER_PX = 16
_PROMPTS_PX = 24
_CURVE_PX = (30, 54)
"""Where the curve of confidence is 1 and 0."""
_KEYS_PX = 63
_TICK_PX = 52.0
"""Least room between two numbers of the ruler."""
_STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000)
_NEAR_PX = 6.0


class Timeline(QtWidgets.QWidget):
    """The strip of frames of the object that gestures belong to."""

    def __init__(self, desk: Desk, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._shown: tuple[object, ...] = (None,) * 5
        self.setFixedHeight(_HEIGHT_PX)
        self.setMouseTracking(True)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName("Timeline")

    def show_state(self) -> None:
        """Show what the desk has now."""
        state = self._desk.state
        shown = state.plate, state.objects, state.found, state.current, state.frame
        if any(one is not other for one, other in zip(shown, self._shown)):
            self._shown = shown
            self.update()

    def x_of(self, frame: float) -> float:
        """Return where a frame is in the strip."""
        frames = self._frames()
        share = (frame - frames.first) / max(len(frames) - 1, 1)
        return _EDGE_PX + share * (self.width() - 2 * _EDGE_PX)

    def frame_at(self, x: float) -> int:
        """Return the frame nearest to a place of the strip."""
        frames = self._frames()
        share = (x - _EDGE_PX) / max(self.width() - 2 * _EDGE_PX, 1.0)
        return min(max(round(frames.first + share * (len(frames) - 1)), frames.first), frames.last)

    # Gestures

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        if event.button() == QtCore.Qt.MouseButton.LeftButton:
            place = place_of(event)
            mark = self._mark_near(place.x()) if place.y() > _CURVE_PX[1] else None
            self._desk.go_to(self.frame_at(place.x()) if mark is None else mark)

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        if event.buttons() & QtCore.Qt.MouseButton.LeftButton:
            self._desk.go_to(self.frame_at(place_of(event).x()))

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:
        if event.button() == QtCore.Qt.MouseButton.LeftButton:
            mark = self._mark_near(place_of(event).x())
            self._desk.lock(self.frame_at(place_of(event).x()) if mark is None else mark)

    def event(self, event: QtCore.QEvent) -> bool:
        """Say under the pointer what a frame has."""
        if event.type() == QtCore.QEvent.Type.ToolTip and self._desk.state.plate is not None:
            QtWidgets.QToolTip.showText(event.globalPos(), self._words(self.frame_at(event.pos().x())), self)  # type: ignore[attr-defined] # a QHelpEvent
            return True
        return bool(super().event(event))

    # Painting

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), SUNK)
        painter.setPen(LINE)
        painter.drawLine(0, 0, self.width(), 0)
        state = self._desk.state
        if state.plate is None:
            return
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        self._paint_ruler(painter)
        self._paint_playhead(painter, state)
        thing = state.selected
        if thing is not None:
            self._paint_curve(painter, state.found_of(thing.key), thing)
            self._paint_marks(painter, thing)

    def _paint_ruler(self, painter: QtGui.QPainter) -> None:
        frames = self._frames()
        room = (self.width() - 2 * _EDGE_PX) / max(len(frames) - 1, 1)
        step = next((each for each in _STEPS if each * room >= _TICK_PX), _STEPS[-1])
        small = next((each for each in _STEPS if each * room >= _TICK_PX / 8), step)
        for frame in range(frames.first, frames.last + 1):
            if frame % small and frame not in {frames.first, frames.last}:
                continue
            x = self.x_of(frame)
            large = frame % step == 0
            painter.setPen(QtGui.QColor(80, 80, 80) if large else QtGui.QColor(58, 58, 58))
            painter.drawLine(QtCore.QLineF(x, _RULER_PX if large else _RULER_PX + 3, x, _HEIGHT_PX))
            if large:
                painter.setPen(QUIET)
                width = painter.fontMetrics().boundingRect(str(frame)).width() + 4.0
                area = QtCore.QRectF(min(max(x - width / 2, 0.0), self.width() - width), 1, width, _RULER_PX - 2)
                painter.drawText(area, int(QtCore.Qt.AlignmentFlag.AlignCenter), str(frame))

    def _paint_curve(self, painter: QtGui.QPainter, found: Found, thing: DeskObject) -> None:
        top, bottom = _CURVE_PX
        half = max((self.width() - 2 * _EDGE_PX) / max(len(self._frames()) - 1, 1) / 2, 1.0)
        line = QtGui.QPolygonF()
        colour = colour_of(thing.colour)
        before = None
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        for frame, level in sorted(found.confidence.items()):
            x, y = self.x_of(frame), bottom - min(max(level, 0.0), 1.0) * (bottom - top)
            low = level < LOOK_FIRST_BELOW
            shade = QtGui.QColor(BAD) if low else QtGui.QColor(112, 112, 112)
            shade.setAlphaF(0.6 if low else 0.34)
            painter.fillRect(QtCore.QRectF(x - half, y, 2 * half, bottom - y), shade)
            if before is not None and frame != before + 1:
                self._draw_line(painter, line, colour)
                line = QtGui.QPolygonF()
            line.append(QtCore.QPointF(x, y))
            before = frame
        self._draw_line(painter, line, colour)
        for frame in found.unreadable:
            painter.setPen(QtGui.QPen(BAD, 1.5))
            x = self.x_of(frame)
            painter.drawLine(QtCore.QLineF(x - 3, bottom - 9, x + 3, bottom - 3))
            painter.drawLine(QtCore.QLineF(x - 3, bottom - 3, x + 3, bottom - 9))
        painter.setPen(QtGui.QColor(66, 66, 66))
        painter.drawLine(QtCore.QLineF(_EDGE_PX, bottom, self.width() - _EDGE_PX, bottom))

    def _draw_line(self, painter: QtGui.QPainter, line: QtGui.QPolygonF, colour: QtGui.QColor) -> None:
        painter.setPen(QtGui.QPen(colour, 1.3))
        painter.drawPolyline(line)
        painter.setPen(QtCore.Qt.PenStyle.NoPen)

    def _paint_marks(self, painter: QtGui.QPainter, thing: DeskObject) -> None:
        painter.setPen(QtGui.QPen(QtGui.QColor(20, 20, 20), 1.0))
        painter.setBrush(QtGui.QColor(235, 235, 235))
        for frame in thing.prompts:
            x = self.x_of(frame)
            corners = ((x - 4.5, _PROMPTS_PX - 5), (x + 4.5, _PROMPTS_PX - 5), (x, _PROMPTS_PX + 3))
            painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(*each) for each in corners]))
        for frame in thing.keyframes:
            x, locked = self.x_of(frame), frame in thing.locked
            painter.setBrush(LOCK if locked else QtGui.QColor(168, 168, 168))
            size = 5.0 if locked else 4.0
            diamond = ((x, _KEYS_PX - size), (x + size, _KEYS_PX), (x, _KEYS_PX + size), (x - size, _KEYS_PX))
            painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(*each) for each in diamond]))
            if locked:
                painter.save()
                painter.setPen(QtGui.QPen(LOCK, 1.3))
                painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
                painter.drawArc(QtCore.QRectF(x - 2.6, _KEYS_PX - size - 4.4, 5.2, 7), 0, 180 * 16)
                painter.restore()

    def _paint_playhead(self, painter: QtGui.QPainter, state: DeskState) -> None:
        x = self.x_of(state.frame)
        painter.setPen(QtGui.QPen(ACCENT, 1.4))
        painter.drawLine(QtCore.QLineF(x, _RULER_PX, x, _HEIGHT_PX))
        words = str(state.frame)
        width = painter.fontMetrics().boundingRect(words).width() + 10.0
        left = min(max(x - width / 2, 0.0), self.width() - width)
        label = QtCore.QRectF(left, 0, width, _RULER_PX)
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(ACCENT)
        painter.drawRoundedRect(label, 2, 2)
        painter.setPen(QtGui.QColor(20, 20, 20))
        painter.drawText(label, int(QtCore.Qt.AlignmentFlag.AlignCenter), words)

    # Inside

    def _frames(self) -> FrameRange:
        plate = self._desk.state.plate
        return plate.frames if plate is not None else FrameRange(0, 1)

    def _mark_near(self, x: float) -> Optional[int]:
        """Return the keyframe or prompted frame under the pointer."""
        thing = self._desk.state.selected
        marks = {*thing.keyframes, *thing.prompts} if thing is not None else set()
        near = [frame for frame in marks if abs(self.x_of(frame) - x) <= _NEAR_PX]
        return min(near, key=lambda frame: abs(self.x_of(frame) - x), default=None)

    def _words(self, frame: int) -> str:
        thing = self._desk.state.selected
        words = [str(frame)]
        if thing is not None:
            found = self._desk.state.found_of(thing.key)
            if frame in found.confidence:
                words.append(f"confidence {found.confidence[frame]:.2f}")
            if frame in found.unreadable:
                words.append("the plate has no picture here")
            if frame in thing.prompts:
                words.append("pointed at")
            if frame in thing.keyframes:
                words.append("locked keyframe" if frame in thing.locked else "keyframe, double-click to lock it")
        return " · ".join(words)
