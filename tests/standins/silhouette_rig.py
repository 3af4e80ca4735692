"""Silhouette for the suite of hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, final

import silhouette_program as sfx
from host_rig import GivenPlate, Place
from outlines import inside, painted

from roto_client.host import Host
from roto_silhouette.host import SilhouetteHost


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
        for outline, adds in self._outlines(node, frame):
            if inside(outline, place):
                white = adds
        return white

    def drawn(self, node: str, frame: int) -> Any:  # noqa: ANN401 - an array, where there is numpy
        return painted(self._size, self._outlines(node, frame))

    def _outlines(self, node: str, frame: int) -> Iterator[tuple[list[Place], bool]]:
        """Yield the outlines that are drawn, as they paint over each other, with whether each adds."""
        for shape in reversed(sfx.shapes_of(self._node(node))):
            if self.is_drawn(node, shape.label, frame):
                places = [self._plate(sfx.Point(*at)) for at in sfx.flat(shape.evalPath(self._index(frame)).points)]
                yield places, self._mode(shape) != "Subtract"

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
