"""A host in plain Python: a script of nodes, an undo ledger, one main thread, and shapes that it draws by itself.

It keeps shapes as hosts do: y up from the bottom left, in a tree of groups inside a roto node, and knows nothing of the
product's curves. What belongs to the main thread raises anywhere else.
"""

from __future__ import annotations

import contextlib
import copy
import math
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Callable, Optional, final

from host_rig import GivenPlate, Place

from roto_client.errors import HostError
from roto_client.host import Abilities, Host, HostPlate
from roto_client.results import PixelFrame, SampleType, UploadFrame
from roto_shapes.prompt import Prompt
from roto_shapes.shape import RGB, ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate, PlatePath

Numbers = tuple[float, ...]
"""x, y, incoming x, y, outgoing x, y of a point, y up."""
Picture = Callable[[int], bytes]
"""Gives the pixels of a frame: red, green and blue of 8 bits, rows from the top."""

_PIECES = 16
"""Straight pieces of a Bezier: a circle of 500 px strays by a tenth of a pixel."""
_LINES = 4
"""Scan lines a pixel."""


@dataclass
class NodeShape:
    """A shape as the node keeps it."""

    name: str
    group: str
    keys: dict[int, list[Numbers]]
    corners: list[bool]
    first: int
    last: int
    cuts: bool = False
    closed: bool = True
    colour: RGB = (1.0, 1.0, 1.0)

    def at(self, frame: float) -> list[Numbers]:
        """Return the points at a frame, on straight lines between keys."""
        times = sorted(self.keys)
        if frame <= times[0] or frame >= times[-1]:
            return self.keys[times[0] if frame <= times[0] else times[-1]]
        before = max(time for time in times if time <= frame)
        after = min(time for time in times if time > frame)
        share = (frame - before) / (after - before)
        return [
            tuple(a + (b - a) * share for a, b in zip(old, new))
            for old, new in zip(self.keys[before], self.keys[after])
        ]


@dataclass
class _Node:
    plate: Plate
    path: Optional[PlatePath] = None
    offset: int = 0
    note: str = ""


@dataclass
class _Script:
    nodes: dict[str, _Node] = field(default_factory=dict)
    rotos: dict[str, list[NodeShape]] = field(default_factory=dict)
    """Shapes of each roto node, the topmost first."""
    heights: dict[str, int] = field(default_factory=dict)


class _Progress:
    def __init__(self, reports: list[tuple[int, int, str]]) -> None:
        self._reports = reports
        self.cancelled = False

    def report(self, done: int, total: int, stage: str) -> None:
        self._reports.append((done, total, stage))


@final
class PlainHost:
    """The host; `on_later` is called from any thread when something waits for the main one."""

    def __init__(self, picture: Optional[Picture] = None) -> None:
        self.name = "Plain 1.0"
        self.abilities = Abilities((Interpolation.LINEAR,), render=True, undo=True, progress=True, qt=True)
        self.messages: list[str] = []
        self.reports: list[tuple[int, int, str]] = []
        self.on_later: Callable[[], None] = lambda: None
        self.script = _Script()
        self.selected: Optional[str] = None
        self.frame = 0
        self.locked = False
        self.ledger: list[_Script] = []
        self._picture = picture
        self._main = threading.get_ident()
        self._later: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._depth = 0
        self._changes_left: Optional[int] = None

    def plate(self) -> HostPlate:
        self._on_main()
        node = self._selected()
        why = "" if node.path else "the picture is made in the script"
        return HostPlate(str(self.selected), node.plate, node.path, node.offset, why)

    def render(self, plate: HostPlate, frame: int) -> UploadFrame:
        self._on_main()
        shown = self.script.nodes[plate.key].plate
        if frame not in shown.frames:
            raise HostError(f"Frame {frame} lies outside '{plate.key}': choose one of {shown.frames}.")
        pixels = self._picture(frame) if self._picture else quartered(shown)
        return PixelFrame(frame, pixels, shown.width, shown.height, 3, SampleType.U8)

    def frame_range(self) -> FrameRange:
        self._on_main()
        return self._selected().plate.frames

    def current_frame(self) -> int:
        self._on_main()
        return self.frame

    def show_frame(self, frame: int) -> None:
        self._on_main()
        self.frame = frame

    def later(self, call: Callable[[], None]) -> None:
        self._later.put(call)
        self.on_later()

    @contextlib.contextmanager
    def undo_step(self, name: str) -> Iterator[None]:
        self._on_main()
        before = copy.deepcopy(self.script)
        self._depth += 1
        try:
            yield
        except BaseException:
            self.script = before
            raise
        finally:
            self._depth -= 1
        if not self._depth and self.script != before:
            self.ledger.append(before)

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[_Progress]:
        self._on_main()
        yield _Progress(self.reports)

    def message(self, sentence: str) -> None:
        self._on_main()
        self.messages.append(sentence)

    def write_shapes(self, roto: Roto, group: str, node: str = "") -> str:
        self._on_main()
        if self.locked:
            raise HostError("The script is locked: unlock it first.")
        self._require_writable(roto)
        with self.undo_step("Write shapes"):
            node = self._roto_node(node, roto.plate)
            kept = [shape for shape in self.script.rotos[node] if shape.group != group]
            for shape in kept:
                if shape.name in {new.name for new in roto.shapes}:
                    raise HostError(f"'{node}' has another shape named '{shape.name}': rename one of the two.")
            self.script.rotos[node] = kept
            for new in roto.shapes:
                self._changed()
                self.script.rotos[node].insert(0, _stored(new, group, roto.plate.height))
        return node

    def read_shapes(self, node: str, group: str) -> Roto:
        self._on_main()
        if node not in self.script.rotos:
            raise HostError(f"There is no roto node '{node}': write the shapes again.")
        stored = [shape for shape in reversed(self.script.rotos[node]) if shape.group == group]
        plate = self._selected().plate if self.selected else Plate(1, self.script.heights[node], FrameRange(0, 0))
        return Roto(plate, tuple(_read(shape, self.script.heights[node]) for shape in stored))

    def prompt(self, plate: HostPlate, frame: int) -> Optional[Prompt]:
        self._on_main()
        return None

    def read_note(self, plate: HostPlate) -> str:
        self._on_main()
        return self.script.nodes[plate.key].note

    def write_note(self, plate: HostPlate, text: str) -> None:
        self._on_main()
        if self.locked:
            raise HostError("The script is locked: unlock it first.")
        self.script.nodes[plate.key].note = text

    # What a test or an artist does

    def select(self, given: GivenPlate) -> None:
        """Put a node with this plate into the script and select it."""
        self.selected = f"Plate{len(self.script.nodes) + 1}"
        path = PlatePath(given.path) if given.path else None
        self.script.nodes[self.selected] = _Node(given.plate, path, given.offset)
        self.frame = given.plate.frames.first

    def select_nothing(self) -> None:
        self.selected = None

    def run_waiting(self) -> None:
        """Run what waits for the main thread."""
        self._on_main()
        with contextlib.suppress(queue.Empty):
            while True:
                self._later.get_nowait()()

    def run_until(self, done: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Be an event loop until something is so."""
        self._on_main()
        waited = threading.Event()
        for _ in range(int(timeout_s * 200)):
            self.run_waiting()
            if done():
                return
            waited.wait(0.005)
        raise AssertionError(f"what the test waits for did not come: {done}")

    def undo(self) -> None:
        self.script = self.ledger.pop()

    @property
    def undo_steps(self) -> int:
        return len(self.ledger)

    def fail_after(self, changes: int) -> None:
        self._changes_left = changes

    def add_own_shape(self, node: str, name: str, places: Sequence[Place]) -> None:
        height = self.script.heights[node]
        points: list[Numbers] = [(x, height - y, 0.0, 0.0, 0.0, 0.0) for x, y in places]
        shape = NodeShape(name, "", {0: points}, [True] * len(points), -1000, 100000)
        with self.undo_step("Draw"):
            self.script.rotos[node].insert(0, shape)

    def move_point(self, node: str, name: str, frame: int, index: int, by: Place) -> None:
        shape = self.find(node, name)
        with self.undo_step("Move"):
            points = list(shape.at(frame))
            x, y, *tangents = points[index]
            points[index] = (x + by[0], y - by[1], *tangents)
            shape.keys[frame] = points

    def delete(self, node: str) -> None:
        with self.undo_step("Delete"):
            del self.script.rotos[node]

    def find(self, node: str, name: str) -> NodeShape:
        """Return a shape as the node keeps it."""
        return next(shape for shape in self.script.rotos[node] if shape.name == name)

    def rows(self, node: str, frame: int, width: int) -> list[list[float]]:
        """Render a node as coverage, rows from the top; the lowest shape first, one that cuts takes away."""
        height = self.script.heights[node]
        picture = [[0.0] * width for _ in range(height)]
        for shape in reversed(self.script.rotos[node]):
            if shape.first <= frame <= shape.last and shape.closed:
                for row, drawn in zip(picture, _filled(shape.at(frame), width, height)):
                    for column, cover in drawn.items():
                        old = row[column]
                        row[column] = old * (1 - cover) if shape.cuts else max(old, cover)
        return picture

    def _selected(self) -> _Node:
        if self.selected is None:
            raise HostError("Select the node of the plate first.")
        return self.script.nodes[self.selected]

    def _require_writable(self, roto: Roto) -> None:
        for shape in roto.shapes:
            if shape.layer is not None or shape.interpolation not in self.abilities.interpolations:
                raise HostError(f"'{shape.name}' moves as no shape here can: fit it without layers, on straight lines.")

    def _roto_node(self, node: str, plate: Plate) -> str:
        if not node:
            node = f"Roto{len(self.script.rotos) + 1}"
            self.script.rotos[node] = []
            self.script.heights[node] = plate.height
            self._changed()
        if node not in self.script.rotos:
            raise HostError(f"There is no roto node '{node}': choose another, or none for a new one.")
        return node

    def _changed(self) -> None:
        if self._changes_left is not None:
            self._changes_left -= 1
            if self._changes_left < 0:
                self._changes_left = None
                raise HostError("The node cannot be changed: it is locked.")

    def _on_main(self) -> None:
        if threading.get_ident() != self._main:
            raise RuntimeError("the host was called beside its main thread")


@final
class PlainRig:
    """The host for the suite of hosts."""

    def __init__(self) -> None:
        self._plain = PlainHost()
        self.host: Host = self._plain
        self.select = self._plain.select
        self.select_nothing = self._plain.select_nothing
        self.undo = self._plain.undo
        self.add_own_shape = self._plain.add_own_shape
        self.move_point = self._plain.move_point
        self.delete = self._plain.delete
        self.fail_after = self._plain.fail_after
        self.run_waiting = self._plain.run_waiting
        self.messages: Sequence[str] = self._plain.messages

    @property
    def undo_steps(self) -> int:
        return self._plain.undo_steps

    def shape_names(self, node: str) -> list[str]:
        return [shape.name for shape in self._plain.script.rotos[node]]

    def points(self, node: str, name: str, frame: float) -> list[Place]:
        height = self._plain.script.heights[node]
        return [(numbers[0], height - numbers[1]) for numbers in self._plain.find(node, name).at(frame)]

    def is_drawn(self, node: str, name: str, frame: int) -> bool:
        shape = self._plain.find(node, name)
        return shape.first <= frame <= shape.last

    def covers(self, node: str, frame: int, place: Place) -> bool:
        x, y = (math.floor(number) for number in place)
        return self._plain.rows(node, frame, x + 1)[y][x] > 0.5

    def script(self) -> object:
        return copy.deepcopy(self._plain.script)


def quartered(plate: Plate) -> bytes:
    """Return a picture that is white in its top left quarter and black elsewhere."""
    across = plate.width // 2
    upper = b"\xff" * (3 * across) + bytes(3 * (plate.width - across))
    return upper * (plate.height // 2) + bytes(3 * plate.width * (plate.height - plate.height // 2))


def _stored(shape: Shape, group: str, height: int) -> NodeShape:
    keys: dict[int, list[Numbers]] = {
        key.frame: [
            (point.x, height - point.y, point.in_x, -point.in_y, point.out_x, -point.out_y) for point in key.points
        ]
        for key in shape.keyframes
    }
    corners = [point.corner for point in shape.keyframes[0].points]
    lifetime = shape.lifetime
    return NodeShape(
        shape.name, group, keys, corners, lifetime.first, lifetime.last, shape.invert, shape.closed, shape.colour
    )


def _read(shape: NodeShape, height: int) -> Shape:
    keyframes = tuple(
        ShapeKeyframe(
            frame,
            tuple(
                ControlPoint(x, height - y, ix, -iy, ox, -oy, corner)
                for (x, y, ix, iy, ox, oy), corner in zip(points, shape.corners)
            ),
        )
        for frame, points in sorted(shape.keys.items())
    )
    lifetime = FrameRange(shape.first, shape.last)
    return Shape(shape.name, keyframes, lifetime, shape.closed, shape.cuts, Interpolation.LINEAR, shape.colour)


def _filled(points: Sequence[Numbers], width: int, height: int) -> list[dict[int, float]]:
    """Fill an outline by scan lines, non-zero; return the covered columns of each row from the top."""
    outline = [place for a, b in zip(points, [*points[1:], points[0]]) for place in _flat(a, b)]
    rows: list[dict[int, float]] = [{} for _ in range(height)]
    crossings: dict[int, list[tuple[float, int]]] = {}
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]]):
        low, high, way = (y0, y1, 1) if y0 < y1 else (y1, y0, -1)
        for line in range(max(math.ceil(low * _LINES - 0.5), 0), min(math.ceil(high * _LINES - 0.5), height * _LINES)):
            at = (line + 0.5) / _LINES
            crossings.setdefault(line, []).append((x0 + (x1 - x0) * (at - y0) / (y1 - y0), way))
    for line, found in crossings.items():
        winding, met = 0, sorted(found)
        for (left, way), (right, _) in zip(met, met[1:]):
            winding += way
            if winding:
                _cover(rows[height - 1 - line // _LINES], max(left, 0.0), min(right, float(width)))
    return rows


def _cover(row: dict[int, float], left: float, right: float) -> None:
    for column in range(math.floor(left), math.ceil(right)):
        share = min(right, column + 1) - max(left, column)
        row[column] = min(row.get(column, 0.0) + max(share, 0.0) / _LINES, 1.0)


def _flat(a: Numbers, b: Numbers) -> list[Place]:
    xs = (a[0], a[0] + a[4], b[0] + b[2], b[0])
    ys = (a[1], a[1] + a[5], b[1] + b[3], b[1])
    places = []
    for step in range(_PIECES):
        u = step / _PIECES
        weights = ((1 - u) ** 3, 3 * u * (1 - u) ** 2, 3 * u * u * (1 - u), u**3)
        places.append((sum(w * x for w, x in zip(weights, xs)), sum(w * y for w, y in zip(weights, ys))))
    return places
