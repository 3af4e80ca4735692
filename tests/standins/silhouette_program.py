"""Silhouette, as far as plugins of ours talk to it: strict, and drawing by itself.

`tests/standins/modules/fx.py` has it under Silhouette's own name. `start()` opens a fresh program. What Silhouette is
not known to do raises: an absolute frame number where it counts from 0, a call beside the main thread, an undo block
left open, a property set outside of one, an editor used twice. Whether a path that is handed out is the shape's own or
a copy is not known, so that the program runs in either mode.
"""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from white_exr import write_exr

Place = tuple[float, float]

_PIECES = 24
_FARTHEST = 500
"""No frame of a test's session lies so far from 0: a number as the session displays it does."""


class FaultError(AssertionError):
    """The plugin did what Silhouette does not take, or is not known to take."""


@dataclass
class Program:
    """What runs: one project with one session."""

    live_paths: bool = False
    gui: bool = True
    main: int = field(default_factory=threading.get_ident)
    session: Optional[Session] = None
    node: Optional[Node] = None
    selected: list[Object] = field(default_factory=list)
    depth: int = 0
    before: str = ""
    ledger: list[Any] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    actions: dict[str, Action] = field(default_factory=dict)
    frame: int = 0
    refuse_after: Optional[int] = None
    refuse_building: bool = False
    progress: list[tuple[str, int, int]] = field(default_factory=list)
    cancel: bool = False
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def on_main(self) -> None:
        if threading.get_ident() != self.main:
            raise FaultError("Silhouette was called beside its main thread")

    def changed(self) -> None:
        """Note a change to the project."""
        self.on_main()
        if self.depth == 0:
            raise FaultError("the project was changed outside of an undo block: nothing is shown anew")
        if self.refuse_after is not None:
            self.refuse_after -= 1
            if self.refuse_after < 0:
                self.refuse_after = None
                raise RuntimeError("internal error")

    def snapshot(self) -> str:
        """Return all of the session as text."""
        return "" if self.session is None else "\n".join(map(dump, self.session.nodes))

    def undo(self) -> None:
        """Take the last step back, as the artist does."""
        nodes = self.ledger.pop()
        assert self.session is not None
        self.session.nodes[:] = nodes
        self.node = next((node for node in nodes if self.node is not None and node.id == self.node.id), None)


program = Program()


def start(*, live_paths: bool = False, gui: bool = True) -> Program:
    """Open a fresh Silhouette without a project."""
    program.__dict__.update(Program(live_paths=live_paths, gui=gui).__dict__)
    return program


class Strict:
    """Things of Silhouette's: only what is known of them can be set."""

    def __setattr__(self, name: str, value: object) -> None:
        if not hasattr(type(self), name) and name not in self.__dict__ and not name.startswith("_"):
            raise FaultError(f"nobody has seen {type(self).__name__}.{name}")
        object.__setattr__(self, name, value)


class Point:
    """A place. It is no tuple."""

    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = float(x), float(y)


class Color:
    """A colour."""

    def __init__(self, r: float, g: float, b: float, a: float = 1.0) -> None:
        self._parts = (r, g, b, a)


class Matrix:
    """A transform."""

    def __init__(self, rows: Sequence[Sequence[float]]) -> None:
        self._rows = rows

    def value(self, row: int, column: int) -> float:
        return self._rows[row][column]


IDENTITY = Matrix([[float(r == c) for c in range(4)] for r in range(4)])


class Path_(Strict):  # noqa: N801 - `Path` is pathlib's here
    """A shape's outline at a time."""

    closed = False

    def __init__(self) -> None:
        self._points: list[tuple[Any, ...]] = []

    @property
    def points(self) -> list[tuple[Any, ...]]:
        return self._points if program.live_paths else list(self._points)

    @points.setter
    def points(self, points: list[tuple[Any, ...]]) -> None:
        for point in points:
            if not (isinstance(point, tuple) and len(point) >= 3 and all(isinstance(p, Point) for p in point[:3])):
                raise FaultError(f"a Bezier point is a tuple of three Points, not {point}")
        self._points = list(points)

    def evalPoint(self, t: float) -> Point:  # noqa: N802 - Silhouette's name, as all below
        before, after = self._points[0], self._points[1]
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        held = (before[1], before[2], after[0], after[1])
        return Point(sum(w * p.x for w, p in zip(weights, held)), sum(w * p.y for w, p in zip(weights, held)))


class Property(Strict):
    """A value of an object, constant or keyed; keys count from 0 at the session's start."""

    hidden = False

    def __init__(
        self,
        id: str,  # noqa: A002 - Silhouette's name
        label: str,
        value: Any,  # noqa: ANN401 - whatever it holds
        owner: Optional[Object] = None,
    ) -> None:
        self._id, self._label, self._value = id, label, value
        self._owner = owner
        self._keys: dict[float, Any] = {}
        self._constant = True

    @property
    def id(self) -> str:
        return self._id

    @property
    def constant(self) -> bool:
        return self._constant

    @constant.setter
    def constant(self, constant: bool) -> None:
        self._constant = constant
        if not constant and not self._keys:
            self._keys = {0.0: self._value}  # a default key remains

    @property
    def numKeys(self) -> int:  # noqa: N802
        return len(self._keys)

    def getKeyIndex(self, frame: float) -> int:  # noqa: N802
        times = sorted(self._keys)
        return times.index(frame) if frame in self._keys else -1

    def getValue(self, frame: float = 0.0) -> Any:  # noqa: ANN401, N802
        _require_counted(frame)
        if self._constant or not self._keys:
            return self._value
        return _between(self._keys, frame)

    def setValue(self, value: Any, frame: Optional[float] = None) -> None:  # noqa: ANN401, N802
        self._touch()
        if not self._constant:
            raise FaultError("what this does to a property with keys is not known: use an editor")
        if frame is not None:
            raise FaultError("a constant property has no frames")
        self._value = value

    def addObjects(self, objects: Sequence[Object]) -> None:  # noqa: N802
        self._touch()
        owner = self._owner
        if owner is None or self._id != "objects":
            raise FaultError(f"'{self._id}' holds no objects")
        for at, each in enumerate(objects):
            if each._parent is not None:
                raise FaultError(f"'{each.label}' is in the tree already")
            each._parent = owner
            owner._children.insert(at, each)

    def removeObjects(self, objects: Sequence[Object]) -> None:  # noqa: N802
        self._touch()
        for each in objects:
            if self._owner is None or each not in self._owner._children:
                raise FaultError(f"'{each.label}' is not here")
            self._owner._children.remove(each)
            each._parent = None

    def _touch(self) -> None:
        """Note a change, unless it is to something that is in no tree."""
        program.on_main()
        if self.hidden:
            return  # no window shows it, so that nothing has to be shown anew
        if self._owner is not None and self._owner.root_node() is not None:
            program.changed()
        elif program.refuse_building:
            program.refuse_building = False
            raise RuntimeError("internal error")


class PropertyEditor:
    """Sets keys; one is good for one `execute`."""

    def __init__(self, prop: Property) -> None:
        self._prop = prop
        self._values: Optional[list[tuple[float, Any]]] = []

    def setValue(self, value: Any, frame: float) -> None:  # noqa: ANN401, N802
        _require_counted(frame)
        if self._values is None:
            raise FaultError("an editor was used again after execute")
        if self._prop.id == "path" and self._values:
            raise FaultError("an editor over several frames of a path is not proven")
        self._values.append((frame, value))

    def execute(self) -> None:
        if self._values is None:
            raise FaultError("an editor was executed twice")
        self._prop._touch()
        for frame, value in self._values:
            self._prop._keys[float(frame)] = value
        self._prop._constant = False
        self._values = None


class Object(Strict):
    """Whatever has a place in the tree."""

    kind = ""
    label = ""

    def __init__(self) -> None:
        self._id = f"{self.kind or type(self).__name__}#{next(program.ids)}"
        self._parent: Optional[Object] = None
        self._children: list[Object] = []
        self._properties: dict[str, Property] = {}
        self._locked = False

    @property
    def id(self) -> str:
        return self._id

    @property
    def type(self) -> str:
        return self.kind

    @property
    def locked(self) -> bool:
        return self._locked

    @property
    def children(self) -> list[Object]:
        program.on_main()
        return list(self._children)

    def property(self, id: str) -> Optional[Property]:  # noqa: A002
        program.on_main()
        return self._properties.get(id)

    def addProperty(self, prop: Property) -> None:  # noqa: N802
        prop._owner = self
        prop._touch() if self.root_node() is not None else None
        self._properties[prop.id] = prop

    def getTransform(self, frame: float) -> Matrix:  # noqa: N802
        _require_counted(frame)
        moved = self._parent.getTransform(frame) if self._parent is not None else IDENTITY
        return self._properties["matrix"].getValue() if "matrix" in self._properties else moved

    def root_node(self) -> Optional[Node]:
        """Return the node of the session that holds this."""
        top: Object = self
        while top._parent is not None:
            top = top._parent
        in_session = program.session is not None and isinstance(top, Node) and top in program.session.nodes
        return top if in_session and isinstance(top, Node) else None

    def own(self, id: str, value: Any) -> Property:  # noqa: A002, ANN401 - whatever the property holds
        made = self._properties[id] = Property(id, id, value, self)
        return made


class Layer(Object):
    """A group of shapes."""

    kind = "Layer"

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label
        self.own("objects", None)


class Shape(Object):
    """A shape."""

    kind = "Shape"
    Bezier, Bspline, Xspline = 1, 2, 3
    inverted = False

    def __init__(self, kind: int, label: str) -> None:
        super().__init__()
        self.label = label
        self._shape_type = kind
        self.own("path", None)
        self.own("opacity", 100.0)
        self.own("mode", "Add")
        self.own("invert", False)  # noqa: FBT003 - a value
        self.own("outlineColor", Color(1, 1, 1))

    @property
    def shapeType(self) -> int:  # noqa: N802
        return self._shape_type

    def createPath(self, frame: float) -> Path_:  # noqa: N802
        _require_counted(frame)
        path = Path_()
        self._properties["path"]._keys[float(frame)] = path
        self._properties["path"]._constant = False
        return path

    def evalPath(self, frame: float) -> Path_:  # noqa: N802
        _require_counted(frame)
        found = self._properties["path"].getValue(frame)
        assert isinstance(found, Path_)
        return found if program.live_paths else _copied(found)


class Port:
    """An end of a wire."""

    def __init__(self, node: Node, name: str) -> None:
        self.node, self.name = node, name

    def connect(self, port: Port) -> None:
        program.changed()
        if (self.name, port.name) != ("output", "input"):
            raise FaultError("a wire goes from an output to an input")
        port.node.source = self.node


class Node(Object):
    """A node of the session's trees."""

    kind = ""
    source: Optional[Node] = None
    width = 0
    height = 0

    def __init__(self, kind: str) -> None:
        object.__setattr__(self, "kind", kind)
        super().__init__()
        self.label = kind
        if kind == "RotoNode":
            self.own("objects", None)
        elif kind == "OutputNode":
            self.own("path", "")

    @property
    def session(self) -> Session:
        assert program.session is not None
        return program.session

    def port(self, name: str) -> Optional[Port]:
        return (
            Port(self, name) if name in {"input", "output"} and (name, self.kind) != ("input", "SourceNode") else None
        )


class Stream:
    """A source's files."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __repr__(self) -> str:
        return self._path

    def path(self, which: int) -> str:
        if which != -1:
            raise FaultError("the path of a stream is asked for by -1")
        return self._path


class Session(Strict):
    """A session."""

    def __init__(self, size: tuple[int, int], aspect: float, frames: tuple[int, int]) -> None:
        self._size, self._aspect, self._frames = size, aspect, frames
        self._nodes: list[Node] = []

    label = "shot"

    @property
    def width(self) -> int:
        program.on_main()
        return self._size[0]

    @property
    def height(self) -> int:
        return self._size[1]

    @property
    def pixelAspect(self) -> float:  # noqa: N802
        return self._aspect

    @property
    def frameRate(self) -> float:  # noqa: N802
        return 24.0

    @property
    def duration(self) -> int:
        return self._frames[1] - self._frames[0] + 1

    @property
    def startFrame(self) -> int:  # noqa: N802
        program.on_main()
        return self._frames[0]

    @property
    def workRange(self) -> tuple[int, int]:  # noqa: N802
        program.on_main()
        return self._frames

    @property
    def nodes(self) -> list[Node]:
        program.on_main()
        return self._nodes

    @property
    def imageToWorldTransform(self) -> Matrix:  # noqa: N802
        width, height = self._size
        return Matrix(
            [
                [self._aspect / height, 0, 0, -width / 2 * self._aspect / height],
                [0, 1 / height, 0, -0.5],
                [0, 0, 1, 0],
                [0, 0, 0, 1],
            ]
        )

    def addNode(self, node: Node) -> None:  # noqa: N802
        program.changed()
        self._nodes.append(node)

    def removeNode(self, node: Node) -> None:  # noqa: N802
        program.changed()
        self._nodes.remove(node)


class Player:
    """What shows frames."""

    @property
    def frame(self) -> int:
        program.on_main()
        return program.frame

    @frame.setter
    def frame(self, frame: int) -> None:
        program.on_main()
        _require_counted(frame)
        program.frame = frame


class Action:
    """A menu item."""

    def __init__(self, label: str) -> None:
        if "|" not in label:
            raise FaultError("an action's label is Menu|Item")
        self.label = label

    def available(self) -> None:
        """Raise AssertionError where it cannot be used."""

    def execute(self, **given: Any) -> None:  # noqa: ANN401 - whatever is given
        raise NotImplementedError


class PreviewProgressHandler(Strict):
    """Progress."""

    title = ""
    total = 0
    canceled = False
    _value = 0

    @property
    def value(self) -> int:
        return self._value

    @value.setter
    def value(self, value: int) -> None:
        program.on_main()
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "canceled", program.cancel)
        program.progress.append((self.title, value, self.total))

    def begin(self) -> None:
        program.on_main()

    def end(self) -> None:
        program.on_main()


class Renderer:
    """Renders outputs."""

    def render(self, options: dict[str, Any]) -> None:
        program.on_main()
        if set(options) != {"session", "nodes", "frames"}:
            raise FaultError(f"a renderer was never given {set(options)}")
        for node in options["nodes"]:
            path, source = Path(node.property("path").getValue()), node.source
            if source is None or not source.width:
                raise RuntimeError("nothing to render")
            for frame in options["frames"]:
                _require_counted(frame)
                write_exr(path.with_name(f"{path.stem}.{frame:04d}{path.suffix}"), source.width, source.height)


def activeSession() -> Optional[Session]:  # noqa: N802
    program.on_main()
    return program.session


def activeNode() -> Optional[Node]:  # noqa: N802
    program.on_main()
    return program.node


def activate(node: Node) -> None:
    program.on_main()
    program.node = node


def selection() -> list[Object]:
    program.on_main()
    return list(program.selected)


def findObject(id: str) -> Optional[Object]:  # noqa: A002, N802
    program.on_main()
    nodes = program.session.nodes if program.session is not None else []
    return next((node for node in nodes if node.id == id), None)


def beginUndo(label: str) -> None:  # noqa: ARG001, N802 - Silhouette shows it
    program.on_main()
    program.depth += 1
    if program.depth == 1 and program.session is not None:
        program.before = program.snapshot()
        program.ledger.append(copy.deepcopy(program.session.nodes))


def endUndo() -> None:  # noqa: N802
    program.on_main()
    program.depth -= 1
    if program.depth < 0:
        raise FaultError("endUndo without beginUndo")
    if program.depth == 0 and program.snapshot() == program.before:
        program.ledger.pop()


def status(text: str) -> None:
    program.on_main()
    program.statuses.append(text)


def displayError(text: str, title: str = "") -> None:  # noqa: ARG001, N802 - the same
    program.on_main()
    if not program.gui:
        raise FaultError("a dialog where nobody can answer")
    program.errors.append(text)


def addAction(action: Action) -> None:  # noqa: N802
    program.on_main()
    program.actions[action.label] = action


def dump(thing: Object) -> str:
    """Return an object and all that it holds as text, by code that shares nothing with the product's."""
    own = {name: _shown(prop) for name, prop in sorted(thing._properties.items())}
    return f"{thing.kind} {thing.id} {thing.label} {own} [{'; '.join(map(dump, thing._children))}]"


def flat(points: Sequence[tuple[Any, ...]]) -> Iterator[Place]:
    """Yield an outline in straight pieces, in Silhouette's space."""
    for a, b in zip(points, [*points[1:], points[0]]):
        held = (a[1], a[2], b[0], b[1])
        for step in range(_PIECES):
            t = step / _PIECES
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            yield sum(w * p.x for w, p in zip(weights, held)), sum(w * p.y for w, p in zip(weights, held))


def shapes_of(thing: Object) -> list[Shape]:
    """Return all shapes below an object, the topmost first."""
    inside: list[Shape] = []
    for child in thing._children:
        inside += [child] if isinstance(child, Shape) else shapes_of(child)
    return inside


def _shown(prop: Property) -> str:
    plain: Callable[[Any], Any] = lambda value: _numbers(value) if isinstance(value, Path_) else value  # noqa: E731
    value = prop._value._parts if isinstance(prop._value, Color) else plain(prop._value)
    return repr((prop._constant, value, sorted((time, plain(key)) for time, key in prop._keys.items())))


def _numbers(path: Path_) -> list[list[Place]]:
    return [[(place.x, place.y) for place in point[:3]] for point in path._points]


def _require_counted(frame: float) -> None:
    if abs(frame) > _FARTHEST:
        raise FaultError(f"frame {frame} is one of the session's numbers: Silhouette counts from 0")


def _copied(path: Path_) -> Path_:
    made = Path_()
    made.closed = path.closed
    made._points = list(path._points)
    return made


def _between(keys: dict[float, Any], frame: float) -> Any:  # noqa: ANN401 - paths and numbers
    times = sorted(keys)
    before = max((time for time in times if time <= frame), default=times[0])
    after = min((time for time in times if time > frame), default=before)
    if before == after or frame <= times[0]:
        return keys[before]
    share, old, new = (frame - before) / (after - before), keys[before], keys[after]
    if not isinstance(old, Path_):
        return old + (new - old) * share
    if len(old._points) != len(new._points):
        raise FaultError("two keys of a path differ in their number of points")
    made = Path_()
    made.closed = old.closed
    made._points = [
        tuple(Point(a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share) for a, b in zip(one, other))
        for one, other in zip(old._points, new._points)
    ]
    return made
