"""The plate with what was found on it; where the artist clicks, drags and paints.

It keeps nothing but the view: zoom, tool, and the gesture under way. All else is the desk's.
"""

from __future__ import annotations

import contextlib
from enum import Enum
from typing import Optional

from roto_client.desk import Desk
from roto_client.desk.state import DeskState
from roto_client.panel.frame_map import FrameMap
from roto_client.panel.look import LINE, QUIET, SURROUND, TEXT, colour_of
from roto_client.panel.overlay import draw_band, draw_matte, draw_prompt, draw_shapes, matte_image
from roto_client.panel.qt import QtCore, QtGui, QtWidgets, place_of
from roto_client.results import Matte
from roto_shapes.shot import Plate

_STEP_OF_WHEEL = 1.0015
"""Zoom of an eighth of a degree of the wheel: a notch is a fifth closer."""
_DRAG_PX = 4.0
"""A press that moves less is a click."""
_SHARP_FROM = 2.0
"""From this zoom on pixels are shown as squares, so that an edge is seen as the plate has it."""
_SIZES = (512, 1024, 2048, 4096)
"""Pictures are asked for in steps, so that a small change of zoom fetches nothing."""
_LEAST_BRUSH, _MOST_BRUSH = 1.0, 400.0
_BRUSH_STEP = 1.2
_CROSS_STEP_PX = 4.0
_IMAGES_KEPT = 24


class Tool(Enum):
    """What the left button does."""

    POINT = "point"
    BRUSH = "brush"


class PlateView(QtWidgets.QWidget):
    """The plate."""

    brush_changed = QtCore.Signal(float)

    def __init__(self, desk: Desk, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.map = FrameMap()
        self.tool = Tool.POINT
        self.brush_px = 24.0
        """The brush's radius in plate pixels."""
        self.overlay_shown = True
        self.matte_alone = False
        """Whether the mattes are shown white on black, in place of the plate."""
        self.cross: Optional[QtCore.QPointF] = None
        """Where the keyboard points, in plate pixels."""
        self._desk = desk
        self._fitted = True
        self._shown_frame: Optional[int] = None
        self._plate: Optional[Plate] = None
        self._picture: Optional[QtGui.QImage] = None
        self._picture_of: object = None
        self._scene = QtGui.QPixmap()
        self._painted: tuple[object, ...] = ()
        self._images: dict[tuple[int, int], tuple[Matte, object, QtGui.QImage]] = {}
        self._press: Optional[QtCore.QPointF] = None
        self._last: Optional[QtCore.QPointF] = None
        self._stroke: list[tuple[float, float]] = []
        self._wipes = False
        self._pans = False
        self._hover: Optional[QtCore.QPointF] = None
        self.setMouseTracking(True)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 160)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Plate")
        self.set_tool(Tool.POINT)

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(640, 400)

    # What the panel does with it

    def show_state(self) -> None:
        """Show what the desk has now."""
        state = self._desk.state
        if state.plate is not None and self._fitted:
            self._fit(state)
        if state.plate is not self._plate:
            self._plate = state.plate
            self._look()
        self._take_picture(state)
        if not _same(self._scene_key(), self._painted):
            self.update()

    def fit(self) -> None:
        """Show all of the plate."""
        self._fitted = True
        self._fit(self._desk.state)
        self._look()
        self.update()

    def zoom(self, factor: float) -> None:
        """Come closer, or go wider, about the middle."""
        self._zoom(factor, QtCore.QPointF(self.width() / 2, self.height() / 2))

    def set_tool(self, tool: Tool) -> None:
        """Let the left button point or paint."""
        self.tool = tool
        blank, cross = QtCore.Qt.CursorShape.BlankCursor, QtCore.Qt.CursorShape.CrossCursor
        self.setCursor(blank if tool is Tool.BRUSH else cross)
        self.update()

    def grow_brush(self, steps: int) -> None:
        """Make the brush larger or smaller."""
        self.set_brush(self.brush_px * _BRUSH_STEP**steps)

    def set_brush(self, radius_px: float) -> None:
        """Give the brush another radius, in plate pixels."""
        self.brush_px = min(max(radius_px, _LEAST_BRUSH), _MOST_BRUSH)
        self.brush_changed.emit(self.brush_px)
        self.update()

    def toggle_overlay(self) -> None:
        """Show or hide what lies over the plate."""
        self.overlay_shown = not self.overlay_shown
        self.update()

    def toggle_matte(self) -> None:
        """Show the mattes white on black, or the plate again."""
        self.matte_alone = not self.matte_alone
        self.update()

    def move_cross(self, dx: int, dy: int) -> None:
        """Move the keyboard's cross by some pixels of the view."""
        plate = self._desk.state.plate
        if plate is None:
            return
        at = self.cross or QtCore.QPointF(plate.width / 2, plate.height / 2)
        x = at.x() + dx * _CROSS_STEP_PX / (self.map.zoom * self.map.aspect)
        y = at.y() + dy * _CROSS_STEP_PX / self.map.zoom
        self.cross = QtCore.QPointF(min(max(x, 0.5), plate.width - 0.5), min(max(y, 0.5), plate.height - 0.5))
        self.update()

    def click_cross(self, *, foreground: bool) -> None:
        """Click where the keyboard's cross is."""
        if self.cross is None:
            self.move_cross(0, 0)
        elif self._desk.state.plate is not None:
            self._desk.click(self.cross.x(), self.cross.y(), foreground=foreground)

    def cancel(self) -> bool:
        """Give up the gesture under way; say whether there was one."""
        busy = self._press is not None
        self._press, self._stroke, self._pans = None, [], False
        self.update()
        return busy

    # Gestures

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        self._zoom(_STEP_OF_WHEEL ** event.angleDelta().y(), place_of(event))
        event.accept()

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        self.setFocus()
        self._press = self._last = place_of(event)
        self._pans = event.button() == QtCore.Qt.MouseButton.MiddleButton
        if event.button() == QtCore.Qt.MouseButton.LeftButton and self.tool is Tool.BRUSH:
            self._wipes = _alt(event)
            self._stroke = [self.map.to_plate(self._press)]
        elif event.button() == QtCore.Qt.MouseButton.RightButton:
            self._press = None
        self.update()

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        self._hover = place_of(event)
        if self._press is not None and self._last is not None:
            if self._pans:
                self._fitted = False
                self.map = self.map.moved(self._hover.x() - self._last.x(), self._hover.y() - self._last.y())
            elif self._stroke:
                self._stroke.append(self.map.to_plate(self._hover))
            self._last = self._hover
        self.update()

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        press, self._press, pans, self._pans = self._press, None, self._pans, False
        stroke, self._stroke = self._stroke, []
        self.update()
        if press is None or pans:
            return
        at = place_of(event)
        if stroke:
            self._desk.brush(stroke, self.brush_px, add=not self._wipes)
        elif (at - press).manhattanLength() > _DRAG_PX:
            self._desk.box(*self.map.to_plate(press), *self.map.to_plate(at))
        else:
            self._desk.click(*self.map.to_plate(press), foreground=not _alt(event))

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        self._hover = None
        self.update()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        if self._fitted:
            self._fit(self._desk.state)
        self._look()

    # Painting

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), SURROUND)
        state = self._desk.state
        if state.plate is None:
            self._paint_hint(painter)
            return
        if not _same(self._scene_key(), self._painted):
            self._paint_scene(state)
        painter.drawPixmap(0, 0, self._scene)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        self._paint_gesture(painter, state)
        self._paint_words(painter, state)

    def _paint_hint(self, painter: QtGui.QPainter) -> None:
        painter.setPen(QUIET)
        words = "Select the plate's node, then press Open.\n\nClick the object, alt-click what is not it, drag a box."
        painter.drawText(self.rect(), int(QtCore.Qt.AlignmentFlag.AlignCenter), words)

    def _scene_key(self) -> tuple[object, ...]:
        """Return what the plate and all over it are painted from: while it is the same they are not painted again."""
        state = self._desk.state
        mattes = [self._desk.matte(each.key, state.frame) for each in state.shown]
        size = self.width(), self.height(), self.devicePixelRatioF()
        shown = self.overlay_shown, self.matte_alone, state.current, state.frame
        return (*size, *shown, self.map, self._picture, state.objects, state.found, *mattes)

    def _paint_scene(self, state: DeskState) -> None:
        self._painted = self._scene_key()
        ratio = self.devicePixelRatioF()
        self._scene = QtGui.QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        self._scene.setDevicePixelRatio(ratio)
        self._scene.fill(SURROUND)
        painter = QtGui.QPainter(self._scene)
        painter.setClipRect(self.rect())
        if self.matte_alone:
            self._paint_mattes(painter, state)
        else:
            self._paint_plate(painter, state)
            painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
            if self.overlay_shown:
                self._paint_overlay(painter, state)
        painter.end()

    def _paint_plate(self, painter: QtGui.QPainter, state: DeskState) -> None:
        if state.plate is None:
            return
        target = self.map.rect(0, 0, state.plate.width, state.plate.height)
        if self._picture is not None:
            smooth = self.map.zoom < _SHARP_FROM
            painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawImage(target, self._picture)
        else:
            painter.fillRect(target, QtGui.QColor(24, 24, 24))
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(LINE)
        painter.drawRect(target)

    def _paint_mattes(self, painter: QtGui.QPainter, state: DeskState) -> None:
        """Show the mattes of all objects that are shown as a compositor shows alpha."""
        if state.plate is None:
            return
        painter.fillRect(self.map.rect(0, 0, state.plate.width, state.plate.height), QtGui.QColor(0, 0, 0))
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform, self.map.zoom < _SHARP_FROM)
        for thing in state.shown:
            matte = self._desk.matte(thing.key, state.frame)
            if thing.visible and matte is not None and matte.samples:
                painter.drawImage(self.map.rect(*map(float, matte.box)), matte_image(matte, (1.0, 1.0, 1.0)))

    def _paint_overlay(self, painter: QtGui.QPainter, state: DeskState) -> None:
        shown = [each for each in state.shown if each.visible]
        for thing in sorted(shown, key=lambda each: each.key == state.current):
            matte = self._desk.matte(thing.key, state.frame)
            known = state.frame in state.found_of(thing.key).confidence
            if known and matte is not None and matte.samples:
                image = self._image(thing.key, matte, thing.colour)
                draw_matte(painter, self.map, matte, image, chosen=thing.key == state.current)
            draw_shapes(painter, self.map, thing, state.frame)
        chosen = state.selected
        if chosen is not None and chosen.visible and state.frame in chosen.prompts:
            draw_prompt(painter, self.map, chosen.prompts[state.frame])

    def _paint_gesture(self, painter: QtGui.QPainter, state: DeskState) -> None:
        chosen = state.selected
        colour = colour_of(chosen.colour if chosen else (1.0, 1.0, 1.0))
        if self._stroke:
            path = QtGui.QPainterPath(self.map.to_view(*self._stroke[0]))
            for place in self._stroke[1:] or self._stroke:
                path.lineTo(self.map.to_view(*place))
            pen = QtGui.QPen(QtGui.QColor(30, 30, 30, 150) if self._wipes else colour, 2 * self._radius())
            pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
            pen.setJoinStyle(QtCore.Qt.PenJoinStyle.RoundJoin)
            painter.save()
            painter.setOpacity(0.5)
            painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
            painter.setPen(pen)
            painter.drawPath(path)
            painter.restore()
        elif self._press is not None and not self._pans and self._hover is not None:
            band = QtCore.QRectF(self._press, self._hover).normalized()
            if band.width() + band.height() > _DRAG_PX:
                draw_band(painter, band)
        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        if self.tool is Tool.BRUSH and self._hover is not None:
            for width, shade in ((3.0, QtGui.QColor(0, 0, 0, 150)), (1.2, QtGui.QColor(255, 255, 255))):
                painter.setPen(QtGui.QPen(shade, width))
                painter.drawEllipse(self._hover, self._radius() * self.map.aspect, self._radius())
        if self.cross is not None:
            at = self.map.to_view(self.cross.x(), self.cross.y())
            for width, shade in ((3.0, QtGui.QColor(0, 0, 0, 150)), (1.0, QtGui.QColor(255, 255, 255))):
                painter.setPen(QtGui.QPen(shade, width))
                painter.drawLine(QtCore.QLineF(at.x() - 9, at.y(), at.x() + 9, at.y()))
                painter.drawLine(QtCore.QLineF(at.x(), at.y() - 9, at.x(), at.y() + 9))

    def _paint_words(self, painter: QtGui.QPainter, state: DeskState) -> None:
        """Say in a corner where the pointer is and how close the view is."""
        words = f"{self.map.zoom * 100:.0f}%"
        if self._hover is not None:
            x, y = self.map.to_plate(self._hover)
            words = f"{x:.1f}, {y:.1f}   {words}"
        area = self.rect().adjusted(8, 5, -8, -5)
        flags = int(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignBottom)
        for moved, shade in ((1, QtGui.QColor(0, 0, 0, 200)), (0, TEXT)):
            painter.setPen(shade)
            painter.drawText(area.translated(moved, moved), flags, words)

    # Inside

    def _radius(self) -> float:
        return self.brush_px * self.map.zoom

    def _fit(self, state: DeskState) -> None:
        if state.plate is not None:
            size = state.plate.width, state.plate.height
            self.map = FrameMap.fitting(size, state.plate.pixel_aspect, (self.width(), self.height()))

    def _zoom(self, factor: float, at: QtCore.QPointF) -> None:
        if self._desk.state.plate is not None:
            self._fitted = False
            self.map = self.map.zoomed(factor, at)
            self._look()
            self.update()

    def _look(self) -> None:
        """Fetch pictures as large as they are seen now."""
        plate = self._desk.state.plate
        if plate is None:
            return
        longest = max(plate.width, plate.height)
        seen = longest * self.map.zoom * self.devicePixelRatioF()
        wanted = next((size for size in _SIZES if size >= min(seen, longest)), _SIZES[-1])
        self._desk.look(wanted)

    def _take_picture(self, state: DeskState) -> None:
        picture = self._desk.picture(state.frame)
        if picture is not None and (state.frame, picture) != self._picture_of:
            self._picture = QtGui.QImage.fromData(picture.jpeg)
            self._picture_of = state.frame, picture
            self._shown_frame = state.frame
        elif picture is None and self._shown_frame != state.frame:
            # The frame of before stays for a moment: a flash of grey at every step would be worse.
            self._picture_of = None
            if state.plate is None:
                self._picture = None

    def _image(self, key: int, matte: Matte, colour: object) -> QtGui.QImage:
        kept = self._images.get((key, matte.frame))
        if kept is None or kept[0] is not matte or kept[1] != colour:
            with contextlib.suppress(StopIteration):
                if len(self._images) >= _IMAGES_KEPT:
                    del self._images[next(iter(self._images))]
            kept = matte, colour, matte_image(matte, colour)  # type: ignore[arg-type] # an object's colour
            self._images[key, matte.frame] = kept
        return kept[2]


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Say whether two scenes are made of the same things; only what is a number is compared by its worth."""
    return len(one) == len(other) and all(
        a is b or (isinstance(a, (int, float)) and a == b) for a, b in zip(one, other)
    )


def _alt(event: QtGui.QMouseEvent) -> bool:
    return bool(event.modifiers() & QtCore.Qt.KeyboardModifier.AltModifier)
