"""Silhouette as a host of the client. All of it but `later` belongs to Silhouette's main thread."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Optional, Union, final

import fx
from tools import renderer

from roto_client.errors import HostError
from roto_client.host import Abilities, HostPlate, WaitingCalls
from roto_client.results import FileFrame, UploadFrame
from roto_shapes.prompt import BoxPrompt, PointPrompt, Prompt
from roto_shapes.shape import Interpolation, Roto
from roto_shapes.shot import FrameRange, PlatePath
from roto_silhouette import roto_node
from roto_silhouette.world import USUAL_LAYOUT, PointLayout, World, learned_layout

PROMPTS = "Rotolink prompts"
"""The layer whose shapes point: small shapes are clicks, `box…` is a box, `not…` what the object is not."""
SOURCE, ROTO, OUTPUT = "SourceNode", "RotoNode", "OutputNode"
STREAM = "stream.primary"
"""The property of a source that knows its files."""
ENDING = ".exr"
"""What frames are rendered to, by the ending of an output's path."""

_NOTE = "rotolink_note"
_RANGE = re.compile(r"\[(?P<first>-?\d+)-(?P<last>-?\d+)\]")
_NUMBER = re.compile(r"\d+(?=\.\w+$)")


class _Progress:
    """Silhouette's own progress."""

    def __init__(self, handler: fx.PreviewProgressHandler) -> None:
        self._handler = handler

    @property
    def cancelled(self) -> bool:
        """Say whether the artist asked to stop."""
        return bool(self._handler.canceled)

    def report(self, done: int, total: int, stage: str) -> None:
        """Show how far it is."""
        self._handler.title, self._handler.total, self._handler.value = stage, max(total, 1), done


@final
class SilhouetteHost:
    """The project that is open in Silhouette."""

    def __init__(self, *, qt: bool = False) -> None:
        self.name = "Silhouette"
        self.abilities = Abilities(
            (Interpolation.LINEAR,), render=True, prompts=True, undo=True, progress=True, qt=qt and fx.gui
        )
        self._waiting = WaitingCalls()
        self._layout: Optional[PointLayout] = None
        self._depth = 0
        self._back: list[Callable[[], None]] = []
        """What takes back the changes of the step under way, the last first."""

    def run_waiting(self) -> None:
        """Run what `later` was given; a timer calls this many times a second."""
        self._waiting.run()

    def plate(self) -> HostPlate:
        """Return the plate of the active node: of a source, or of the only source of the session."""
        session, node = _session(), fx.activeNode()
        if node is None:
            raise HostError("Select the source of the plate in the trees first, and try again.")
        plate = World(session).plate
        sources = [each for each in session.nodes if each.type == SOURCE]
        source = node if node.type == SOURCE else sources[0] if len(sources) == 1 else None
        if source is None:
            why = f"'{node.label}' is no source, and the session has {len(sources)}: its picture is rendered."
            return HostPlate(node.id, plate, why_rendered=why)
        path = _files(source)
        if path is None:
            return HostPlate(source.id, plate, why_rendered=f"'{source.label}' does not say where its files lie.")
        first = path.frames.first if path.frames else (path.first_frame or 0)
        return HostPlate(source.id, plate, path, session.startFrame - first)

    def render(self, plate: HostPlate, frame: int) -> UploadFrame:
        """Render one frame through an output that is gone afterwards."""
        session, node = _session(), self._node(plate.key)
        with tempfile.TemporaryDirectory(prefix="rotolink-") as folder, self._output(session, node, folder) as output:
            try:
                renderer.Renderer().render(
                    {"session": session, "nodes": [output], "frames": [frame - session.startFrame]}
                )
            except RuntimeError as error:
                raise HostError(f"Silhouette did not render frame {frame} of '{node.label}': {error}.") from error
            files = sorted(Path(folder).glob(f"*{ENDING}"))
            if not files:
                raise HostError(
                    f"Silhouette did not render frame {frame} of '{node.label}': render it by hand to see why."
                )
            return FileFrame(frame, f"frame{ENDING}", files[0].read_bytes())

    def frame_range(self) -> FrameRange:
        """Return the session's work range."""
        first, last = _session().workRange
        return FrameRange(first, max(first, last))

    def current_frame(self) -> int:
        """Return the frame that the player shows."""
        return _session().startFrame + fx.player.frame

    def show_frame(self, frame: int) -> None:
        """Let the player show a frame."""
        fx.player.frame = frame - _session().startFrame

    def later(self, call: Callable[[], None]) -> None:
        """Run a call when the timer comes by."""
        self._waiting.put(call)

    @contextlib.contextmanager
    def undo_step(self, name: str) -> Iterator[None]:
        """Make one step of undo; an error takes back what was done by then."""
        if self._depth:
            yield
            return
        self._depth, self._back = 1, []
        fx.beginUndo(name)
        try:
            yield
        except BaseException:
            for back in reversed(self._back):
                back()
            raise
        finally:
            self._depth = 0
            fx.endUndo()

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[_Progress]:
        """Show progress in Silhouette's own window."""
        handler = fx.PreviewProgressHandler()
        handler.title = title
        handler.begin()
        try:
            yield _Progress(handler)
        finally:
            handler.end()

    def message(self, sentence: str) -> None:
        """Show a sentence in the status line; without windows, in the console."""
        if fx.gui:
            fx.status(sentence)
        else:
            print(sentence)  # noqa: T201 - a console is where a Silhouette without windows speaks

    def write_shapes(self, roto: Roto, group: str, node: str = "") -> str:
        """Put shapes into a Roto node, in a layer of the object's name."""
        session = _session()
        world = self._world(session)
        there = _roto_node(session, node) if node else None
        try:
            layer = roto_node.build(world, roto, group)
            with self.undo_step(f"Rotolink: {group}"):
                target = there or self._new_node(session)
                self._exchange(target, layer, group, keep=bool(roto.shapes))
        except HostError:
            raise
        except Exception as error:
            raise HostError(f"Silhouette did not take the shapes ({error}): nothing was changed.") from error
        return target.label

    def read_shapes(self, node: str, group: str) -> Roto:
        """Return the shapes of an object's layer as they are now."""
        session = _session()
        world = self._world(session)
        layer = roto_node.layer_of(_roto_node(session, node), group)
        return Roto(world.plate, roto_node.read(world, layer) if layer is not None else ())

    def prompt(self, plate: HostPlate, frame: int) -> Optional[Prompt]:
        """Return what shapes of the prompts layer point at, else the outline of a Bezier shape that is selected."""
        world = self._world(_session())
        node = fx.activeNode()
        layer = roto_node.layer_of(node, PROMPTS) if node is not None and node.type == ROTO else None
        points: list[PointPrompt] = []
        box = None
        for shape in layer.children if layer is not None else ():
            places = [(point.x, point.y) for point in roto_node.outline_on(world, shape, frame)]
            xs, ys = [x for x, _ in places], [y for _, y in places]
            if shape.label.lower().startswith("box"):
                box = BoxPrompt(min(xs), min(ys), max(xs), max(ys))
            else:
                on = not shape.label.lower().startswith("not")
                points.append(PointPrompt(sum(xs) / len(xs), sum(ys) / len(ys), on))
        if points or box is not None:
            return Prompt(frame, tuple(points), box)
        selected = next((thing for thing in fx.selection() if isinstance(thing, fx.Shape)), None)
        return None if selected is None else Prompt(frame, outline=roto_node.outline_on(world, selected, frame))

    def read_note(self, plate: HostPlate) -> str:
        """Return what was kept with a node."""
        note = self._node(plate.key).property(_NOTE)
        return str(note.getValue()) if note is not None else ""

    def write_note(self, plate: HostPlate, text: str) -> None:
        """Keep a text with a node, where no panel shows it."""
        node = self._node(plate.key)
        note = node.property(_NOTE)
        if note is not None:
            note.setValue(text)
            return
        note = fx.Property(_NOTE, "Rotolink", text)
        note.hidden = True
        node.addProperty(note)

    def _world(self, session: fx.Session) -> World:
        """Return the session's space, with the layout of points as this Silhouette has it."""
        if self._layout is None:
            self._layout = learned_layout() if fx.gui else USUAL_LAYOUT
        return World(session, self._layout)

    def _node(self, name: str) -> fx.Node:
        node = fx.findObject(name)
        if not isinstance(node, fx.Node):
            raise HostError("The node of the plate is gone: select another one, and open it.")
        return node

    def _new_node(self, session: fx.Session) -> fx.Node:
        """Add a Roto node behind the active one."""
        taken = {node.label for node in session.nodes}
        made = fx.Node(ROTO)
        made.label = next(f"Rotolink {n}" for n in range(1, len(taken) + 2) if f"Rotolink {n}" not in taken)
        before = fx.activeNode()
        self._back.append(lambda: session.removeNode(made) if made in list(session.nodes) else None)
        session.addNode(made)
        output, taker = before.port("output") if before is not None else None, made.port("input")
        if output is not None and taker is not None:
            output.connect(taker)
        return made

    def _exchange(self, target: fx.Node, layer: fx.Layer, group: str, *, keep: bool) -> None:
        """Put a layer in the place of the one of its name."""
        objects = roto_node.property_of(target, roto_node.OBJECTS)
        old = roto_node.layer_of(target, group)
        if old is not None and old.locked:
            raise HostError(f"The layer '{group}' is locked: unlock it, and write again.")
        if keep:
            self._back.append(lambda: _drop(objects, target, layer))
            objects.addObjects([layer])
        if old is not None:
            self._back.append(lambda: _put_back(objects, target, old))
            objects.removeObjects([old])

    @contextlib.contextmanager
    def _output(self, session: fx.Session, node: fx.Node, folder: str) -> Iterator[fx.Node]:
        output = fx.Node(OUTPUT)
        fx.beginUndo("Rotolink: render")
        try:
            session.addNode(output)
            try:
                given, taken = node.port("output"), output.port("input")
                if given is None or taken is None:
                    raise HostError(f"'{node.label}' gives no picture: select a node that does.")
                given.connect(taken)
                roto_node.property_of(output, "path").setValue(f"{Path(folder).as_posix()}/frame{ENDING}")
                yield output
            finally:
                session.removeNode(output)
        finally:
            fx.endUndo()


def _session() -> fx.Session:
    session = fx.activeSession()
    if session is None:
        raise HostError("Open a project and select a session first, and try again.")
    return session


def _roto_node(session: fx.Session, name: str) -> fx.Node:
    found = next((node for node in session.nodes if node.type == ROTO and node.label == name), None)
    if found is None:
        raise HostError(f"There is no Roto node '{name}' in this session any more: write the shapes anew.")
    if found.locked:
        raise HostError(f"The Roto node '{name}' is locked: unlock it, and try again.")
    return found


def _drop(objects: fx.Property, node: fx.Node, layer: fx.Layer) -> None:
    if layer in list(node.children):
        objects.removeObjects([layer])


def _put_back(objects: fx.Property, node: fx.Node, layer: fx.Object) -> None:
    if layer not in list(node.children):
        objects.addObjects([layer])


def _files(source: fx.Node) -> Union[PlatePath, None]:
    """Return where a source's files lie: `plate.[1001-1100].exr`, a movie, or one picture."""
    stream = source.property(STREAM)
    value = stream.getValue() if stream is not None else None
    text = str(value.path(-1)) if value is not None else ""
    if not text:
        return None
    found = _RANGE.search(text)
    if found is not None:
        digits = max(len(found["first"].lstrip("-")), 1)
        pattern = text[: found.start()] + "#" * digits + text[found.end() :]
        return PlatePath(pattern, FrameRange(int(found["first"]), int(found["last"])))
    numbered = _NUMBER.search(Path(text).name)
    return (
        PlatePath(text, FrameRange(int(numbered[0]), int(numbered[0]))) if numbered else PlatePath(text, first_frame=0)
    )
