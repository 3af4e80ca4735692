"""Nuke's plugin in the stand-in of Nuke, for the suite of hosts."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import struct
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import final

import nuke_standin
from host_rig import GivenPlate, Place
from nuke_standin import raster
from nuke_standin.elements import Element, Layer, Shape
from nuke_standin.knobs import CurveKnob
from nuke_standin.nodes import Node

nuke_standin.start()

import nuke  # noqa: E402 - it belongs to a program that runs

from roto_nuke.host import NukeHost  # noqa: E402
from roto_nuke.roto_node import NAMES_KNOB  # noqa: E402
from roto_shapes.shot import Plate  # noqa: E402

_CHANGES = 2
"""How many changes a writing makes to a node that is there: the names, the shapes."""


def write_png(path: Path, width: int, height: int, rows: bytes) -> None:
    """Write RGB of 8 bits, rows from the top."""
    lines = b"".join(b"\0" + rows[at : at + 3 * width] for at in range(0, 3 * width * height, 3 * width))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    )
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def read_node(plate: Plate, file: str, offset: int) -> nuke.Node:
    """Return a Read of files whose numbers are the plate's less the offset."""
    read = nuke.nodes.Read(
        file=file, first=plate.frames.first - offset, last=plate.frames.last - offset,
        frame_mode="start at", frame=str(plate.frames.first),
    )  # fmt: skip
    read["format"].fromScript(f"{plate.width} {plate.height} 0 0 {plate.width} {plate.height} {plate.pixel_aspect}")
    return read


@final
class NukeRig:
    """A fresh Nuke with windows."""

    def __init__(self) -> None:
        self.program = nuke_standin.start()
        self.host = NukeHost()

    def select(self, given: GivenPlate) -> None:
        self.select_nothing()
        root, plate = nuke.root(), given.plate
        for name, value in (("first_frame", plate.frames.first), ("last_frame", plate.frames.last)):
            knob = root[name]
            assert isinstance(knob, nuke.Array_Knob)
            knob.setValue(value)
        node = read_node(plate, given.path or self._quartered(plate), given.offset)
        if given.path is None:
            grade = nuke.nodes.Grade()
            grade.setInput(0, node)
            node = grade
        node.setSelected(True)
        self.program.steps.clear()

    def select_nothing(self) -> None:
        for node in nuke.selectedNodes():
            node.setSelected(False)

    def undo(self) -> None:
        nuke.undo()

    @property
    def undo_steps(self) -> int:
        return len(self.program.steps)

    @property
    def messages(self) -> Sequence[str]:
        return self.program.messages

    def run_waiting(self) -> None:
        self.program.idle(timeout_s=0.1)

    def fail_after(self, changes: int) -> None:
        self.program.changes_left = min(changes, _CHANGES - 1)

    def script(self) -> object:
        return [(memento.node, memento.inputs, {n: text for n, (_, text) in memento.knobs.items()})
                for memento in self.program.snapshot()]  # fmt: skip

    def add_own_shape(self, node: str, name: str, places: Sequence[Place]) -> None:
        knob, height = self._curves(node), self._node(node)._format().height()
        with nuke.Undo("Draw"):
            shape = Shape(knob, *((x, height - y) for x, y in places))
            shape.name = name
            knob.rootLayer.append(shape)
            knob.changed()

    def move_point(self, node: str, name: str, frame: int, index: int, by: Place) -> None:
        knob = self._curves(node)
        with nuke.Undo("Move"):
            knob._touch()
            shape = self._shape(node, name)[0]
            for point in shape:  # a spline's key holds all its points
                for part in point._parts.values():
                    part.addPositionKey(frame, part.getPosition(frame))
            x, y, _ = shape[index].center.getPosition(frame)
            shape[index].center.addPositionKey(frame, (x + by[0], y - by[1]))
            knob.changed()

    def delete(self, node: str) -> None:
        found = nuke.toNode(node)
        assert found is not None
        nuke.delete(found)

    def shape_names(self, node: str) -> list[str]:
        known = self._known(node)
        return [known.get(shape._name, shape._name) for shape, _ in self._shapes(self._curves(node)._tree._root, [])]

    def points(self, node: str, name: str, frame: float) -> list[Place]:
        shape, layers = self._shape(node, name)
        height = self._node(node)._format().height()
        places = [point[1] for point in shape._outlines(frame)[0]]
        for layer in layers:
            places = [raster._mapped(layer._transform._matrix(frame), place) for place in places]
        return [(x, height - y) for x, y in places]

    def is_drawn(self, node: str, name: str, frame: int) -> bool:
        return raster._lives(self._shape(node, name)[0], frame)

    def covers(self, node: str, frame: int, place: Place) -> bool:
        picture = self._node(node)._picture(frame)
        return picture.channels["rgba.alpha"][picture.height - 1 - int(place[1])][int(place[0])] > 0.5

    def _node(self, name: str) -> Node:
        found = nuke.toNode(name)
        assert isinstance(found, Node)
        return found

    def _curves(self, node: str) -> CurveKnob:
        knob = self._node(node)["curves"]
        assert isinstance(knob, CurveKnob)
        return knob

    def _known(self, node: str) -> dict[str, str]:
        """Return the plug-in's names by Nuke's, from the text that is saved with the node."""
        knob = self._node(node).knob(NAMES_KNOB)
        given = json.loads(knob._text()) if knob else {}
        return {text: own for _, shapes in given.values() for text, own in shapes.items()}

    def _shape(self, node: str, name: str) -> tuple[Shape, list[Layer]]:
        """Return a shape and the layers round it, the innermost first."""
        known = self._known(node)
        for shape, layers in self._shapes(self._curves(node)._tree._root, []):
            if known.get(shape._name, shape._name) == name:
                return shape, layers
        raise AssertionError(f"{node} has no shape {name}")

    def _shapes(self, element: Element, layers: list[Layer]) -> list[tuple[Shape, list[Layer]]]:
        if isinstance(element, Shape):
            return [(element, layers)]
        inside = element._items if isinstance(element, Layer) else []
        assert isinstance(element, Layer)
        return [each for item in inside for each in self._shapes(item, [element, *layers])]

    def _quartered(self, plate: Plate) -> str:
        across = plate.width // 2
        upper = b"\xff" * (3 * across) + bytes(3 * (plate.width - across))
        rows = upper * (plate.height // 2) + bytes(3 * plate.width * (plate.height - plate.height // 2))
        for frame in plate.frames:
            write_png(_folder() / f"quartered.{frame:04d}.png", plate.width, plate.height, rows)
        return f"{_folder().as_posix()}/quartered.####.png"


@functools.lru_cache(maxsize=1)
def _folder() -> Path:
    """Return a folder for pictures that is gone when the tests are done."""
    folder = Path(tempfile.mkdtemp(prefix="nuke-rig-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
