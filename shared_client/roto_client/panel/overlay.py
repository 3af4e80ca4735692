"""What is drawn over the plate: mattes, shapes and what the artist pointed at, in each object's colour."""

from __future__ import annotations

from typing import Optional

from roto_client.desk.state import DeskObject
from roto_client.panel.frame_map import FrameMap
from roto_client.panel.look import LOCK, colour_of
from roto_client.panel.qt import QtCore, QtGui
from roto_client.results import Matte
from roto_shapes import coverage
from roto_shapes.curve import segments
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.prompt import Prompt
from roto_shapes.shape import RGB, ControlPoint, Shape

_FILL = 0.26
"""How much of the matte's colour lies over the plate: the plate's own light still shows under it."""
_EDGE_PX = 1.4
_SHADOW = QtGui.QColor(0, 0, 0, 170)
_POINT_PX = 5.0
_HANDLE_PX = 2.6
_BITS_8 = 8

ON = QtGui.QColor(88, 224, 112)
OFF = QtGui.QColor(238, 66, 66)
"""Clicks on the object and beside it: green and red with a plus and a minus in them, as segmentation tools have it."""


def matte_image(matte: Matte, rgb: RGB) -> QtGui.QImage:
    """Return the part of a matte inside its box, in one colour, its coverage as alpha."""
    left, top, right, bottom = matte.box
    width, height = right - left, bottom - top
    samples = matte.samples if matte.bits == _BITS_8 else coverage.high_bytes(matte.samples)
    indexed = QtGui.QImage(samples, width, height, width, QtGui.QImage.Format.Format_Indexed8)
    colour = colour_of(rgb)
    red, green, blue = colour.red(), colour.green(), colour.blue()
    indexed.setColorTable([(level << 24) | (red << 16) | (green << 8) | blue for level in range(256)])
    return indexed.convertToFormat(QtGui.QImage.Format.Format_ARGB32_Premultiplied)


def draw_matte(painter: QtGui.QPainter, view: FrameMap, matte: Matte, image: QtGui.QImage, *, chosen: bool) -> None:
    """Draw a matte as a tint, with a line round it where its object is the one that gestures belong to."""
    target = view.rect(*map(float, matte.box))
    if chosen:
        ring = _ring(target, image, painter.clipBoundingRect())
        if ring is not None:
            painter.drawImage(ring[0], ring[1])
    painter.save()
    painter.setOpacity(_FILL if chosen else _FILL / 2)
    painter.drawImage(target, image)
    painter.restore()


def _ring(
    target: QtCore.QRectF, image: QtGui.QImage, seen: QtCore.QRectF
) -> Optional[tuple[QtCore.QPointF, QtGui.QImage]]:
    """Return a line round a matte, as far as it is seen: the matte drawn to all sides, less the matte itself."""
    area = target.adjusted(-2, -2, 2, 2).intersected(seen).toAlignedRect()
    if area.isEmpty():
        return None
    ring = QtGui.QImage(area.size(), QtGui.QImage.Format.Format_ARGB32_Premultiplied)
    ring.fill(QtCore.Qt.GlobalColor.transparent)
    painter = QtGui.QPainter(ring)
    painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
    placed = target.translated(-area.x(), -area.y())
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1), (-0.7, -0.7), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7)):
        painter.drawImage(placed.translated(dx * _EDGE_PX, dy * _EDGE_PX), image)
    painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_DestinationOut)
    painter.drawImage(placed, image)
    painter.end()
    return QtCore.QPointF(area.topLeft()), ring


def draw_shapes(painter: QtGui.QPainter, view: FrameMap, thing: DeskObject, frame: int) -> None:
    """Draw the outlines of an object's shapes, with their control points on keyframes."""
    for shape in thing.shapes:
        if frame in shape.lifetime:
            points = evaluate_on_plate(shape, frame)
            path = _path(view, points, closed=shape.closed)
            painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
            painter.setPen(QtGui.QPen(_SHADOW, 3.0))
            painter.drawPath(path)
            painter.setPen(_pen(shape, thing.colour))
            painter.drawPath(path)
            _draw_points(painter, view, shape, points, frame)


def _pen(shape: Shape, rgb: RGB) -> QtGui.QPen:
    pen = QtGui.QPen(colour_of(rgb).lighter(130), 1.5)
    if shape.invert:
        pen.setStyle(QtCore.Qt.PenStyle.DashLine)
    return pen


def _path(view: FrameMap, points: tuple[ControlPoint, ...], *, closed: bool) -> QtGui.QPainterPath:
    path = QtGui.QPainterPath()
    for index, (start, out, into, end) in enumerate(segments(points, closed=closed)):
        if index == 0:
            path.moveTo(view.to_view(*start))
        path.cubicTo(view.to_view(*out), view.to_view(*into), view.to_view(*end))
    return path


def _draw_points(
    painter: QtGui.QPainter, view: FrameMap, shape: Shape, points: tuple[ControlPoint, ...], frame: int
) -> None:
    key = next((each for each in shape.keyframes if each.frame == frame), None)
    painter.setPen(QtGui.QPen(_SHADOW, 1.0))
    painter.setBrush(QtGui.QColor(255, 255, 255) if key is None or not key.locked else LOCK)
    size = _HANDLE_PX if key is not None else _HANDLE_PX * 0.6
    for point in points:
        at = view.to_view(point.x, point.y)
        painter.drawRect(QtCore.QRectF(at.x() - size, at.y() - size, 2 * size, 2 * size))


def draw_prompt(painter: QtGui.QPainter, view: FrameMap, prompt: Prompt) -> None:
    """Draw clicks and the box of a frame."""
    if prompt.box is not None:
        box = view.rect(prompt.box.x0, prompt.box.y0, prompt.box.x1, prompt.box.y1)
        draw_band(painter, box)
    for point in prompt.points:
        at = view.to_view(point.x, point.y)
        painter.setPen(QtGui.QPen(_SHADOW, 3.0))
        painter.setBrush(ON if point.foreground else OFF)
        painter.drawEllipse(at, _POINT_PX, _POINT_PX)
        painter.setPen(QtGui.QPen(QtGui.QColor(20, 20, 20), 1.6))
        painter.drawLine(QtCore.QLineF(at.x() - 2.6, at.y(), at.x() + 2.6, at.y()))
        if point.foreground:
            painter.drawLine(QtCore.QLineF(at.x(), at.y() - 2.6, at.x(), at.y() + 2.6))


def draw_band(painter: QtGui.QPainter, box: QtCore.QRectF) -> None:
    """Draw a box as it is dragged, or as it was."""
    painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
    painter.setPen(QtGui.QPen(_SHADOW, 2.5))
    painter.drawRect(box)
    pen = QtGui.QPen(ON, 1.2)
    pen.setStyle(QtCore.Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.drawRect(box)
