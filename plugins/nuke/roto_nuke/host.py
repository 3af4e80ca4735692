"""Nuke as a host of Rotolink. All but `later` belongs to Nuke's main thread."""

from __future__ import annotations

import base64
import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Optional

import nuke

from roto_client.errors import HostError
from roto_client.host import Abilities, HostPlate, is_read_only
from roto_client.results import FileFrame
from roto_nuke import plates, prompts, roto_node
from roto_nuke.rendering import render_frame, without_undo
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Interpolation, Roto
from roto_shapes.shot import FrameRange

NOTE_KNOB = "rotolink_note"
"""Hidden knob of the plate's node: UTF-8 as base64, for quotes, braces and brackets mean something in a script."""

_REFUSALS = (AttributeError, NameError, RuntimeError, TypeError, ValueError)
"""What Nuke raises when it does not do what is asked."""


class NukeProgress:
    """Nuke's own bar, which goes with this object; in a terminal nothing is shown."""

    def __init__(self, title: str) -> None:
        self._task = nuke.ProgressTask(title) if nuke.GUI else None

    @property
    def cancelled(self) -> bool:
        """Say whether the artist pressed Cancel."""
        return self._task is not None and bool(self._task.isCancelled())

    def report(self, done: int, total: int, stage: str) -> None:
        """Show how far it is."""
        if self._task is not None:
            self._task.setMessage(stage)
            self._task.setProgress(min(100 * done // max(total, 1), 100))

    def close(self) -> None:
        """Take the bar away."""
        self._task = None


class NukeHost:
    """The Nuke that runs this."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._depth = 0
        self._beside = ""
        self._told_read_only = ""

    @property
    def name(self) -> str:
        """Return its name and version."""
        return f"Nuke {nuke.NUKE_VERSION_STRING}"

    @property
    def abilities(self) -> Abilities:
        """Return what it can do, in a window or in a terminal."""
        return Abilities(
            (Interpolation.SMOOTH,), layers=True, render=True, prompts=True, undo=True, progress=nuke.GUI, qt=nuke.GUI
        )

    def plate(self) -> HostPlate:
        """Return the plate of the selected node."""
        with refusals("look at the selected node"):
            found = plates.plate_of_selection()
        self._beside = found.key
        return found

    def render(self, plate: HostPlate, frame: int) -> FileFrame:
        """Return one frame as an OpenEXR file in the script's working space, at full resolution."""
        if frame not in plate.plate.frames:
            raise HostError(f"Frame {frame} lies outside the plate: choose one of {plate.plate.frames}.")
        node = plates.node_of(plate.key)
        with refusals(f"render frame {frame}"):
            return FileFrame(frame, f"frame.{frame}.exr", render_frame(node, frame, plates.view_of(plate.key)))

    def frame_range(self) -> FrameRange:
        """Return the frames of the script."""
        root = nuke.root()
        return FrameRange(root.firstFrame(), max(root.firstFrame(), root.lastFrame()))

    def current_frame(self) -> int:
        """Return the frame that the Viewer shows."""
        return nuke.frame()

    def show_frame(self, frame: int) -> None:
        """Let the Viewer show a frame."""
        nuke.frame(frame)

    def later(self, call: Callable[[], None]) -> None:
        """Run a call on the main thread when Nuke is idle; calls keep their order.

        In a terminal nothing is idle while a script runs: there they run in `run_waiting`.
        """
        self._calls.put(call)
        if not nuke.GUI:
            return
        if threading.current_thread() is threading.main_thread():
            # From the main thread itself Nuke would wait for the main thread, for ever.
            threading.Thread(target=nuke.executeInMainThread, args=(self._run_next,), daemon=True).start()
        else:
            nuke.executeInMainThread(self._run_next)

    def run_waiting(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Run what `later` was given, as a script in a terminal must, until something is so; say whether it is."""
        deadline = time.monotonic() + timeout_s
        while not done():
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                return False
            with contextlib.suppress(queue.Empty):
                self._calls.get(timeout=min(remaining_s, 0.05))()
        return True

    @contextlib.contextmanager
    def undo_step(self, name: str) -> Iterator[None]:
        """Make one undo step of what happens inside; steps inside a step belong to it."""
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        nuke.Undo.begin(name)
        self._depth = 1
        try:
            yield
        except BaseException:
            nuke.Undo.cancel()
            raise
        else:
            nuke.Undo.end()
        finally:
            self._depth = 0

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[NukeProgress]:
        """Show Nuke's own progress bar while the context lasts."""
        shown = NukeProgress(title)
        try:
            yield shown
        finally:
            shown.close()

    def message(self, sentence: str) -> None:
        """Tell the artist in a window; in a terminal, on it."""
        if nuke.GUI:
            nuke.message(sentence)
        else:
            nuke.tprint(f"Rotolink: {sentence}")

    def write_shapes(self, roto: Roto, group: str, node: str = "") -> str:
        """Put shapes into a layer of a Roto node, or of a new one beside the plate's node."""
        with self.undo_step(f"Rotolink: {group}"), refusals(f"write '{group}'"):
            if node:
                target = roto_node.find_node(node)
                roto_node.write_into(target, roto, group)
            else:
                beside = nuke.toNode(self._beside.partition("@")[0]) if self._beside else None
                target = roto_node.new_node(roto, group, beside)
        self._tell_read_only()
        return target.fullName()

    def read_shapes(self, node: str, group: str) -> Roto:
        """Return the shapes of a group as the node holds them now."""
        with refusals(f"read '{group}'"):
            return roto_node.read_from(roto_node.find_node(node), group)

    def prompt(self, plate: HostPlate, frame: int) -> Optional[Prompt]:
        """Return what a Rotolink group of the plate points at on a frame."""
        with refusals("look at the points"):
            return prompts.prompt_on(plates.node_of(plate.key), frame)

    def read_note(self, plate: HostPlate) -> str:
        """Return the text that was last written for this plate."""
        knob = plates.node_of(plate.key).knob(_note_knob(plate.key))
        if not isinstance(knob, nuke.String_Knob):
            return ""
        try:
            return base64.b64decode(knob.value(), validate=True).decode()
        except ValueError:
            return ""

    def write_note(self, plate: HostPlate, text: str) -> None:
        """Keep a text in a hidden knob of the plate's node. Undo knows nothing of it: it is no work of the artist's."""
        node, name = plates.node_of(plate.key), _note_knob(plate.key)
        kept = base64.b64encode(text.encode()).decode()
        with refusals("keep a note"), without_undo():
            knob = node.knob(name)
            if isinstance(knob, nuke.String_Knob):
                knob.setValue(kept)
            else:
                knob = nuke.String_Knob(name, "Rotolink", kept)
                knob.setFlag(nuke.INVISIBLE)
                node.addKnob(knob)

    def _run_next(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._calls.get_nowait()()

    def _tell_read_only(self) -> None:
        """Say once for each script that it cannot be saved where it is."""
        script = nuke.root().name()
        if script != self._told_read_only and is_read_only(Path(script)):
            self._told_read_only = script
            self.message(f"{script} is read-only: save the script under another name to keep the shapes.")


def _note_knob(key: str) -> str:
    """Return the knob of a plate's note: each view of a node has its own."""
    view = key.partition("@")[2]
    return f"{NOTE_KNOB}_{view}" if view else NOTE_KNOB


@contextlib.contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn what Nuke raises into a sentence."""
    try:
        yield
    except _REFUSALS as error:
        raise HostError(f"Nuke could not {what}: {error}. Nothing was changed.") from error
