"""Where a plate's pixels lie in a widget: zoom, pan and pixel aspect."""

from __future__ import annotations

from dataclasses import dataclass, replace

from roto_client.panel.qt import QtCore

LEAST_ZOOM, MOST_ZOOM = 0.02, 64.0
_MARGIN_PX = 12.0
"""Kept free around a plate that fits the view, so that points beside its edge are seen."""


@dataclass(frozen=True)
class FrameMap:
    """Plate pixels to the widget's. `zoom` is widget pixels a plate pixel down; across it is wider by the aspect."""

    zoom: float = 1.0
    left: float = 0.0
    top: float = 0.0
    aspect: float = 1.0

    @classmethod
    def fitting(cls, plate: tuple[int, int], aspect: float, view: tuple[int, int]) -> FrameMap:
        """Return the map that shows all of a plate in the middle of a view."""
        across, down = plate[0] * aspect, plate[1]
        room = max(view[0] - 2 * _MARGIN_PX, 1.0), max(view[1] - 2 * _MARGIN_PX, 1.0)
        zoom = min(max(min(room[0] / across, room[1] / down), LEAST_ZOOM), MOST_ZOOM)
        return cls(zoom, (view[0] - across * zoom) / 2, (view[1] - down * zoom) / 2, aspect)

    def to_view(self, x: float, y: float) -> QtCore.QPointF:
        """Return where a place of the plate is in the widget."""
        return QtCore.QPointF(self.left + x * self.zoom * self.aspect, self.top + y * self.zoom)

    def to_plate(self, place: QtCore.QPointF) -> tuple[float, float]:
        """Return which place of the plate is there."""
        return (place.x() - self.left) / (self.zoom * self.aspect), (place.y() - self.top) / self.zoom

    def rect(self, left: float, top: float, right: float, bottom: float) -> QtCore.QRectF:
        """Return where a rectangle of the plate is."""
        return QtCore.QRectF(self.to_view(left, top), self.to_view(right, bottom))

    def zoomed(self, factor: float, at: QtCore.QPointF) -> FrameMap:
        """Return a closer or wider map in which what is under the pointer stays there."""
        zoom = min(max(self.zoom * factor, LEAST_ZOOM), MOST_ZOOM)
        factor = zoom / self.zoom
        left = at.x() - (at.x() - self.left) * factor
        return replace(self, zoom=zoom, left=left, top=at.y() - (at.y() - self.top) * factor)

    def moved(self, dx: float, dy: float) -> FrameMap:
        """Return a map that is moved by widget pixels."""
        return replace(self, left=self.left + dx, top=self.top + dy)
