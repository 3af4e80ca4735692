"""What the module `nuke` hands out beside classes of knobs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, ClassVar, Optional, Union

from nuke_standin.guard import Main, Strict, require_main_thread
from nuke_standin.knobs import Format, Knob
from nuke_standin.nodes import CLASSES, Context, Group, Node, Root, Viewer, Write, found, made
from nuke_standin.program import program
from nuke_standin.scripts import read_script, script_text

NUKE_VERSION_MAJOR, NUKE_VERSION_MINOR, NUKE_VERSION_RELEASE = 15, 1, 4
NUKE_VERSION_STRING = "15.1v4"


def _selection() -> list[Node]:
    return [node for node in Context.stack[-1]._children if node._is_on("selected")]


def root() -> Root:
    require_main_thread("root")
    return program().root


def allNodes(filter: str = "", group: Optional[Group] = None) -> list[Node]:
    require_main_thread("allNodes")
    nodes = (group or Context.stack[-1])._children
    return [node for node in nodes if filter in {"", node.Class()}]


def selectedNode() -> Node:
    require_main_thread("selectedNode")
    chosen = _selection()
    if not chosen:
        raise ValueError("no node selected")
    return chosen[-1]


def selectedNodes(filter: str = "") -> list[Node]:
    require_main_thread("selectedNodes")
    return [node for node in _selection() if filter in {"", node.Class()}]


def toNode(s: str) -> Optional[Node]:
    require_main_thread("toNode")
    return program().root if s == "root" else found(program().root, s)


def createNode(node: str, knobs: str = "", inpanel: bool = True) -> Node:
    """Make a node connected to the selected one, selected in its place."""
    require_main_thread("createNode")
    if knobs:
        raise NotImplementedError("knobs of createNode")
    chosen = _selection()
    new = made(node)
    for each in chosen:
        each.setSelected(False)
    if chosen and new._INPUTS:
        new._inputs[0] = chosen[-1]
    new.setSelected(True)
    return new


class _Nodes(Strict):
    """Makes nodes without connecting them or opening panels: `nuke.nodes.Write(file=…)`."""

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - as of any object
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        require_main_thread(f"nodes.{name}")
        if name not in CLASSES:
            raise RuntimeError(f"{name}: Unknown command")

        def make(**knobs: object) -> Node:
            node = made(name)
            for knob, value in knobs.items():
                if knob not in node._knobs:
                    raise NameError(f"knob {knob} does not exist")
                node._knobs[knob].setValue(value)
            return node

        return make


nodes = _Nodes()


def delete(node: Node) -> None:
    require_main_thread("delete")
    group = node.parent()
    if group is None:
        raise ValueError("the root cannot be deleted")
    program().touch(node)
    group._children.remove(node)
    for other in group._children:
        other._inputs = [None if each is node else each for each in other._inputs]
    node._alive = False


def execute(
    nameOrNode: Union[Node, str],
    start: int,
    end: int,
    incr: int = 1,
    views: Sequence[str] = (),
    continueOnError: bool = False,
) -> None:
    require_main_thread("execute")
    node = toNode(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
    if not isinstance(node, Write):
        raise RuntimeError(f"{nameOrNode} cannot be executed")  # noqa: TRY004 - as Nuke
    now = program()
    wanted = tuple(views) or tuple(now.views)
    now.executed.append((node.name(), start, end, wanted, now.root._is_on("proxy")))
    if now.cancel_renders:
        raise RuntimeError("Cancelled: the render was cancelled")
    if now.fail_renders:
        raise RuntimeError(now.fail_renders)
    before = now.view
    try:
        for frame in range(start, end + 1, incr):
            for view in wanted:
                now.view = view
                node._write(frame, view)
    finally:
        now.view = before


def nodePaste(s: str) -> Optional[Node]:
    """Build the nodes of a file's text, connected to the selected node, selected in its place."""
    require_main_thread("nodePaste")
    chosen = _selection()
    program().touch(Context.stack[-1])
    level = len(Context.stack)
    try:
        built = read_script(Path(s).read_text(encoding="utf-8"), chosen[-1] if chosen else None)
    finally:
        del Context.stack[level:]
    for each in _selection():
        each.setSelected(False)
    for each in built:
        each.setSelected(True)
    return built[-1] if built else None


def nodeCopy(s: str) -> None:
    require_main_thread("nodeCopy")
    Path(s).write_text(script_text(_selection()), encoding="utf-8")


def scriptReadText(s: str) -> None:
    require_main_thread("scriptReadText")
    level = len(Context.stack)
    try:
        read_script(s, None)
    finally:
        del Context.stack[level:]


def scriptReadFile(s: str) -> None:
    scriptReadText(Path(s).read_text(encoding="utf-8"))


def filename(node: Node, i: int = 0) -> Optional[str]:
    """Return the file of a Read or Write with its number's pattern left in."""
    require_main_thread("filename")
    return node._text_of("file") if "file" in node._knobs else None


def frame(f: Optional[int] = None) -> int:
    require_main_thread("frame")
    if f is not None:
        program().frame = int(f)
    return program().frame


def views() -> list[str]:
    require_main_thread("views")
    return list(program().views)


class ViewerWindow(Strict):
    def __init__(self, node: Viewer) -> None:
        self._node = node

    def node(self) -> Viewer:
        return self._node

    def view(self) -> str:
        return program().view


def activeViewer() -> Optional[ViewerWindow]:
    require_main_thread("activeViewer")
    found_viewers = [node for node in program().root._children if isinstance(node, Viewer)]
    return ViewerWindow(found_viewers[0]) if found_viewers and program().gui else None


def message(prompt: str) -> None:
    require_main_thread("message")
    if not program().gui:
        raise AssertionError("a window in a terminal: nobody can answer, so Nuke waits for ever")
    program().messages.append(prompt)


def tprint(*args: object) -> None:
    program().printed.append(" ".join(map(str, args)))


def thisNode() -> Optional[Node]:
    require_main_thread("thisNode")
    return program()._this[-1][0] if program()._this else Context.stack[-1]


def thisKnob() -> Optional[Knob]:
    require_main_thread("thisKnob")
    return program()._this[-1][1] if program()._this else None


def addFormat(s: str) -> Format:
    require_main_thread("addFormat")
    return program().format(s)


def undo() -> None:
    require_main_thread("undo")
    program().undo()


def redo() -> None:
    require_main_thread("redo")
    program().redo()


class Undo(Strict):
    """One undo step: `with nuke.Undo("name")`, or `begin` and `end`; `disable` and `enable` nest."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __enter__(self) -> Undo:
        self.begin(self._name)
        return self

    def __exit__(self, *about: object) -> None:
        self.end()

    @classmethod
    def begin(cls, name: str = "") -> None:
        require_main_thread("Undo.begin")
        program().begin(name)

    @classmethod
    def end(cls) -> None:
        require_main_thread("Undo.end")
        program().end()

    @classmethod
    def cancel(cls) -> None:
        require_main_thread("Undo.cancel")
        program().cancel()

    @classmethod
    def disable(cls) -> None:
        require_main_thread("Undo.disable")
        program().disable()

    @classmethod
    def enable(cls) -> None:
        require_main_thread("Undo.enable")
        program().enable()

    @classmethod
    def disabled(cls) -> bool:
        require_main_thread("Undo.disabled")
        return program().undo_disabled


class ProgressTask(Strict):
    """A bar that is shown until the object dies."""

    def __init__(self, name: str) -> None:
        require_main_thread("ProgressTask")
        self._name = name
        self._said = ""
        self._percent = 0
        self._cancelled = False
        self._home = program()
        self._home.tasks.append(id(self))

    def __del__(self) -> None:
        self._home.tasks.remove(id(self))

    def setMessage(self, message: str) -> None:
        self._said = message

    def setProgress(self, percent: int) -> None:
        if not isinstance(percent, int) or not 0 <= percent <= 100:
            raise TypeError("setProgress takes a whole number from 0 to 100")
        self._percent = percent

    def isCancelled(self) -> bool:
        if self._home.on_progress:
            self._home.on_progress(self)
        return self._cancelled


def executeInMainThread(
    call: Callable[..., object], args: object = (), kwargs: Optional[dict[str, Any]] = None
) -> None:
    """Let the main thread make a call when it is idle."""
    if threading.current_thread() is Main.thread:
        raise AssertionError("executeInMainThread from the main thread: Nuke hangs here")
    arguments = args if isinstance(args, tuple) else (args,)
    program().queue_call(lambda: (call(*arguments, **(kwargs or {})), None)[1])


def executeInMainThreadWithResult(
    call: Callable[..., Any], args: object = (), kwargs: Optional[dict[str, Any]] = None
) -> Any:  # noqa: ANN401 - of any call
    """Let the main thread make a call, and wait for what it gives."""
    done = threading.Event()
    results: list[Any] = []

    def run() -> None:
        arguments = args if isinstance(args, tuple) else (args,)
        try:
            results.append(call(*arguments, **(kwargs or {})))
        finally:
            done.set()

    executeInMainThread(run)
    done.wait()
    return results[0]


class MenuItem(Strict):
    def __init__(self, name: str, command: Union[str, Callable[[], object]], shortcut: str) -> None:
        self._name, self._command, self._shortcut = name, command, shortcut

    def name(self) -> str:
        return self._name

    def invoke(self) -> None:
        """Do what a click on it does."""
        if isinstance(self._command, str):
            exec(compile(self._command, self._name, "exec"), {})  # noqa: S102 - what an item does
        else:
            self._command()


class Menu(Strict):
    def __init__(self, name: str) -> None:
        self._name = name
        self._items: dict[str, Union[Menu, MenuItem]] = {}

    def name(self) -> str:
        return self._name

    def items(self) -> list[Union[Menu, MenuItem]]:
        return list(self._items.values())

    def addMenu(self, name: str) -> Menu:
        item = self._items.setdefault(name, Menu(name))
        assert isinstance(item, Menu)
        return item

    def addCommand(
        self, name: str, command: Union[str, Callable[[], object]] = "", shortcut: str = "", icon: str = ""
    ) -> MenuItem:
        *path, last = name.split("/")
        menu: Menu = self
        for each in path:
            menu = menu.addMenu(each)
        item = MenuItem(last, command, shortcut)
        menu._items[last] = item
        return item

    def findItem(self, name: str) -> Optional[Union[Menu, MenuItem]]:
        head, _, rest = name.partition("/")
        item = self._items.get(head)
        return item.findItem(rest) if rest and isinstance(item, Menu) else item


_MENUS = ("Nuke", "Pane", "Nodes", "Node", "Viewer", "Animation", "Axis")


def menu(name: str) -> Menu:
    require_main_thread("menu")
    if not program().gui:
        raise RuntimeError("menus exist in the GUI alone")
    if name not in _MENUS:
        raise RuntimeError(f"no menu {name!r}")
    found_menu: Menu = program().menus.setdefault(name, Menu(name))
    return found_menu


class Dock(Strict):
    def __init__(self, name: str) -> None:
        self._name = name


def getPaneFor(panelName: str) -> Optional[Dock]:
    require_main_thread("getPaneFor")
    return Dock(panelName) if panelName == "Properties.1" else None


class PythonPanel(Strict):
    """A panel of nukescripts."""

    def __init__(self, title: str, id: str) -> None:
        self._title, self._id = title, id

    def addToPane(self, pane: Optional[Dock] = None) -> Optional[Dock]:
        program().panes.append((self._id, pane._name if pane else ""))
        return pane


def registerWidgetAsPanel(widget: str, name: str, id: str, create: bool = False) -> Optional[PythonPanel]:
    """Note a widget by the name of its class, as text that is evaluated when the panel opens."""
    require_main_thread("registerWidgetAsPanel")
    if not program().gui:
        raise RuntimeError("panels exist in the GUI alone")
    if not isinstance(widget, str):
        raise TypeError("a widget is given by the name of its class, as text")
    program().panels.append((widget, name, id))
    return PythonPanel(name, id) if create else None


class Environment(Strict):
    """`nuke.env`."""

    _FIXED: ClassVar[dict[str, object]] = {
        "NukeVersionMajor": NUKE_VERSION_MAJOR,
        "NukeVersionMinor": NUKE_VERSION_MINOR,
        "NukeVersionRelease": NUKE_VERSION_RELEASE,
        "NukeVersionString": NUKE_VERSION_STRING,
        "nc": False,
    }

    def __getitem__(self, name: str) -> object:
        return program().gui if name == "gui" else self._FIXED[name]

    def __contains__(self, name: str) -> bool:
        return name == "gui" or name in self._FIXED


env = Environment()
