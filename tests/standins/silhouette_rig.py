"""Silhouette for the suite of hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import silhouette_program as sfx
from host_rig import GivenPlate, Place

from roto_client.host import Host
from roto_silhouette.host import SilhouetteHost

_FINE = 8


@final
class SilhouetteRig:
    """A session, and what an artist does to it."""

    def __init__(self, *, live_paths: bool = False) -> None:
        self.program = sfx.start(live_paths=live_paths)
        self._silhouette = SilhouetteHost()
        self.host: Host = self._silhouette

    def select(self, given: GivenPlate) -> None:
        plate, frames = given.plate, given.plate.frames
        program = self.program
        if program.session is None or (program.session.width, program.session.height) != (plate.width, plate.height):
            program.session = sfx.Session((plate.width, plate.height), plate.pixel_aspect, (frames.first, frames.last))
        program.frame = 0
        if given.path:
            first, last = frames.first - given.offset, frames.last - given.offset
            node = sfx.Node("SourceNode")
            node.own("stream.primary", sfx.Stream(given.path.replace("####", f"[{first:04d}-{last:04d}]")))
        else:
            node = sfx.Node("PaintNode")
            node.width, node.height = plate.width, plate.height
            program.session.nodes[:] = [each for each in program.session.nodes if each.type != "SourceNode"]
        program.session.nodes.append(node)
        program.node = node

    def select_nothing(self) -> None:
        self.program.node = None

    def undo(self) -> None:
        self.program.undo()

    @property
    def undo_steps(self) -> int:
        assert self.program.depth == 0, "an undo block is open"
        return len(self.program.ledger)

    def add_own_shape(self, node: str, name: str, places: Sequence[Place]) -> None:
        shape = sfx.Shape(sfx.Shape.Bezier, name)
        shape.createPath(0).points = [(self._world(place),) * 3 for place in places]
        self._draw("Draw", node, shape)

    def shape_names(self, node: str) -> list[str]:
        return [shape.label for shape in sfx.shapes_of(self._node(node))]

    def points(self, node: str, name: str, frame: float) -> list[Place]:
        return [self._plate(point[1]) for point in self._shape(node, name).evalPath(self._index(frame)).points]

    def is_drawn(self, node: str, name: str, frame: int) -> bool:
        opacity = self._shape(node, name).property("opacity")
        assert opacity is not None
        return bool(opacity.getValue(self._index(frame)) > 50)

    def covers(self, node: str, frame: int, place: Place) -> bool:
        white = False
        for shape in reversed(sfx.shapes_of(self._node(node))):
            outline = [self._plate(sfx.Point(*at)) for at in sfx.flat(shape.evalPath(self._index(frame)).points)]
            if self.is_drawn(node, shape.label, frame) and _inside(outline, place):
                white = self._mode(shape) != "Subtract"
        return white

    def drawn(self, node: str, frame: int) -> Any:  # noqa: ANN401 - an array, where there is numpy
        """Return the matte as a picture: outlines filled at eight times the size, as they paint over each other."""
        import cv2  # noqa: PLC0415 - only where pictures are compared
        import numpy as np  # noqa: PLC0415 - the same

        width, height = self._size
        picture = np.zeros((height * _FINE, width * _FINE), np.uint8)
        for shape in reversed(sfx.shapes_of(self._node(node))):
            if not self.is_drawn(node, shape.label, frame):
                continue
            places = [self._plate(sfx.Point(*at)) for at in sfx.flat(shape.evalPath(self._index(frame)).points)]
            outline = np.round((np.array(places) * _FINE - 0.5) * 16).astype(np.int32)
            cv2.fillPoly(picture, [outline], 0 if self._mode(shape) == "Subtract" else 255, shift=4)
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) / 255

    def move_point(self, node: str, name: str, frame: int, index: int, by: Place) -> None:
        shape, at = self._shape(node, name), self._index(frame)
        points = list(shape.evalPath(at).points)
        x, y = self._plate(points[index][1])
        to, was = self._world((x + by[0], y + by[1])), points[index][1]
        points[index] = tuple(sfx.Point(p.x + to.x - was.x, p.y + to.y - was.y) for p in points[index][:3])
        moved = sfx.Shape(sfx.Shape.Bezier, "moved").createPath(at)
        moved.closed = True
        moved.points = points
        path = shape.property("path")
        assert path is not None
        sfx.beginUndo("Move")
        editor = sfx.PropertyEditor(path)
        editor.setValue(moved, at)
        editor.execute()
        sfx.endUndo()

    def delete(self, node: str) -> None:
        assert self.program.session is not None
        self.program.session.nodes.remove(self._node(node))

    def fail_after(self, changes: int) -> None:
        # The first change is to what is not in the tree yet.
        self.program.refuse_building = changes == 0
        self.program.refuse_after = changes - 1 if changes else None

    def script(self) -> object:
        assert self.program.depth == 0, "an undo block is open"
        return self.program.snapshot()

    def run_waiting(self) -> None:
        self._silhouette.run_waiting()

    @property
    def messages(self) -> Sequence[str]:
        return self.program.statuses

    @property
    def _size(self) -> tuple[int, int]:
        assert self.program.session is not None
        return self.program.session.width, self.program.session.height

    def _node(self, name: str) -> sfx.Node:
        assert self.program.session is not None
        return next(node for node in self.program.session.nodes if node.label == name)

    def _shape(self, node: str, name: str) -> sfx.Shape:
        return next(shape for shape in sfx.shapes_of(self._node(node)) if shape.label == name)

    def _mode(self, shape: sfx.Shape) -> str:
        mode = shape.property("mode")
        assert mode is not None
        return str(mode.getValue())

    def _draw(self, name: str, node: str, shape: sfx.Shape) -> None:
        objects = self._node(node).property("objects")
        assert objects is not None
        sfx.beginUndo(name)
        objects.addObjects([shape])
        sfx.endUndo()

    def _index(self, frame: float) -> float:
        assert self.program.session is not None
        return frame - self.program.session.startFrame

    def _world(self, place: Place) -> sfx.Point:
        width, height = self._size
        aspect = self.program.session.pixelAspect if self.program.session is not None else 1.0
        return sfx.Point((place[0] - width / 2) / height * aspect, (place[1] - height / 2) / height)

    def _plate(self, point: sfx.Point) -> Place:
        width, height = self._size
        aspect = self.program.session.pixelAspect if self.program.session is not None else 1.0
        return point.x * height / aspect + width / 2, point.y * height + height / 2


def _inside(outline: list[Place], place: Place) -> bool:
    x, y = place
    winding = 0
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]]):
        if (y0 <= y) != (y1 <= y) and x0 + (x1 - x0) * (y - y0) / (y1 - y0) > x:
            winding += 1 if y1 > y0 else -1
    return winding != 0
