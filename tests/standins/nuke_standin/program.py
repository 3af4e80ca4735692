"""The running program: its script, its main thread, what it recorded, and the artist in front of it."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, cast

from nuke_standin.guard import Main, require_main_thread

if TYPE_CHECKING:
    from nuke_standin.knobs import Format, Knob
    from nuke_standin.nodes import Group, Node, Root

_ROOT_FORMATS = ((1920, 1080, 1.0, "HD_1080"), (640, 480, 1.0, "PC_Video"))


class Memento(NamedTuple):
    """A node as it was: itself, its place and what its knobs held."""

    node: Node
    parent: Group
    inputs: tuple[Optional[Node], ...]
    knobs: dict[str, tuple[Knob, str]]


class Step(NamedTuple):
    name: str
    before: list[Memento]


class Program:
    """One run of Nuke. What the real one does in its windows is done here by methods of this class."""

    def __init__(self, *, gui: bool) -> None:
        self.gui = gui
        self.frame = 1
        self.views = ["main"]
        self.view = "main"
        self.messages: list[str] = []
        """What stood in windows that block until somebody presses OK."""
        self.printed: list[str] = []
        self.panels: list[tuple[str, str, str]] = []
        self.panes: list[tuple[str, str]] = []
        self.menus: dict[str, Any] = {}
        self.tasks: list[Any] = []
        """Progress bars that are shown now."""
        self.on_progress: Optional[Callable[[Any], None]] = None
        """Called when a bar is asked whether it was cancelled: an artist who presses Cancel sets `cancelled`."""
        self.cancel_renders = False
        self.fail_renders = ""
        """The message of a render that fails."""
        self.executed: list[tuple[str, int, int, tuple[str, ...], bool]] = []
        """Node, first, last, views, whether proxy mode was on: of each render."""
        self.changes_left: Optional[int] = None
        """After so many changes to the script the next one is refused once."""
        self.formats: list[Format] = []
        self.steps: list[Step] = []
        self.undone: list[Step] = []
        self._open: Optional[Step] = None
        self._dirty = False
        self._disabled = 0
        self._this: list[tuple[Optional[Node], Optional[Knob]]] = []
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.root: Root

    # The main thread

    def queue_call(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def idle(self, until: Callable[[], bool] = lambda: False, timeout_s: float = 0.0) -> bool:
        """Do what the idle program does: run the calls that other threads sent, until a condition or a time is met."""
        require_main_thread("idle")
        deadline = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(queue.Empty):
                while True:
                    self._calls.get(timeout=0.005)()
            if until():
                return True
            if time.monotonic() >= deadline:
                return False

    # Undo

    def touch(self, node: Optional[Node]) -> None:
        """Note that a node is about to change; refuse where it must not."""
        require_main_thread("a change of the script")
        at = node
        while at is not None:
            if at._locked:
                raise RuntimeError(f"{at._name_knob()} is locked")
            at = at._parent
        if self.changes_left is not None:
            self.changes_left -= 1
            if self.changes_left < 0:
                self.changes_left = None
                raise RuntimeError("the script refuses this change")
        if self._disabled:
            return
        if self._open is not None:
            self._dirty = True
        else:
            self._record(Step("", self.snapshot()))

    def begin(self, name: str) -> None:
        if self._open is not None:
            raise RuntimeError("an undo step is open already: how Nuke nests them is not known")
        self._open, self._dirty = Step(name, self.snapshot()), False

    def end(self) -> None:
        if self._open is None:
            raise RuntimeError("no undo step is open")
        if self._dirty:
            self._record(self._open)
        self._open = None

    def cancel(self) -> None:
        if self._open is None:
            raise RuntimeError("no undo step is open")
        step, self._open = self._open, None
        self.restore(step.before)

    def disable(self) -> None:
        self._disabled += 1

    def enable(self) -> None:
        if not self._disabled:
            raise RuntimeError("undo was not disabled")
        self._disabled -= 1

    @property
    def undo_disabled(self) -> bool:
        return bool(self._disabled)

    def undo(self) -> None:
        if self._open is not None or self._disabled:
            raise RuntimeError("undo inside an undo step")
        step = self.steps.pop()
        self.undone.append(Step(step.name, self.snapshot()))
        self.restore(step.before)

    def redo(self) -> None:
        step = self.undone.pop()
        self.steps.append(Step(step.name, self.snapshot()))
        self.restore(step.before)

    def _record(self, step: Step) -> None:
        self.steps.append(step)
        self.undone.clear()

    def snapshot(self) -> list[Memento]:
        return [
            Memento(node, parent, tuple(node._inputs), {n: (knob, knob._text()) for n, knob in node._knobs.items()})
            for node, parent in self._everything(self.root)
        ]

    def restore(self, mementos: list[Memento]) -> None:
        for node, _ in self._everything(self.root):
            node._alive = False
        for node in [self.root, *(memento.node for memento in mementos)]:
            if hasattr(node, "_children"):
                node._children = []
        for memento in mementos:
            memento.node._alive = True
            if memento.node is not memento.parent:
                memento.node._parent = memento.parent
            memento.node._inputs = list(memento.inputs)
            memento.node._knobs = {name: knob for name, (knob, _) in memento.knobs.items()}
            for knob, text in memento.knobs.values():
                if knob._text() != text:
                    knob._read(text)
            if memento.node is not memento.parent:
                memento.parent._children.append(memento.node)

    def _everything(self, group: Group) -> Iterator[tuple[Node, Group]]:
        if group is self.root:
            yield group, group
        for child in group._children:
            yield child, group
            inner = getattr(child, "_children", None)
            if inner is not None:
                yield from self._everything(cast("Group", child))

    # Callbacks, formats

    @contextlib.contextmanager
    def callback(self, node: Optional[Node], knob: Optional[Knob]) -> Iterator[None]:
        self._this.append((node, knob))
        try:
            yield
        finally:
            self._this.pop()

    def format(self, text: str) -> Format:
        """Return a format by its name, or a new one from `width height [x y r t] aspect name`."""
        from nuke_standin.knobs import Format  # noqa: PLC0415 - it needs a program

        words = text.split()
        known = [each for each in self.formats if each.name() == words[-1]]
        if len(words) == 1:
            if not known:
                raise RuntimeError(f"no format {text!r}")
            return known[0]
        width, height = int(float(words[0])), int(float(words[1]))
        rest = words[6:] if len(words) >= 7 else words[2:]
        made = Format(width, height, float(rest[0]) if rest else 1.0, rest[1] if len(rest) > 1 else "")
        self.formats.append(made)
        return made


class _Running:
    program: Optional[Program] = None


def program() -> Program:
    """Return the program that runs."""
    if _Running.program is None:
        raise RuntimeError("no Nuke runs: nuke_standin.start() first")
    return _Running.program


def has_gui() -> bool:
    """Say whether the program that runs has windows."""
    return _Running.program is not None and _Running.program.gui


def start(*, gui: bool = True) -> Program:
    """Start a fresh Nuke whose main thread is the caller's, with an empty script of HD, frames 1 to 100."""
    from nuke_standin.knobs import Format  # noqa: PLC0415 - they need a program
    from nuke_standin.nodes import Root  # noqa: PLC0415

    Main.thread = threading.current_thread()
    made = _Running.program = Program(gui=gui)
    made.formats = [Format(*each) for each in _ROOT_FORMATS]
    made.root = Root()
    if "nuke" in sys.modules:  # a constant of each run
        sys.modules["nuke"].GUI = gui  # type: ignore[attr-defined]
    return made
