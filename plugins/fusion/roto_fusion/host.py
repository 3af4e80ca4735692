"""Fusion, and the Fusion page of Resolve, as a host of the client.

A script is a process of its own beside Fusion; its one thread that talks to Fusion is the main thread here.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional, final

from roto_client.errors import HostError
from roto_client.host import Abilities, HostPlate, WaitingCalls, is_read_only
from roto_client.results import FileFrame, UploadFrame
from roto_fusion import masks
from roto_fusion.scripting import Composition, Tool, selected_tools, tools
from roto_shapes.prompt import BoxPrompt, PointPrompt, Prompt
from roto_shapes.shape import Interpolation, Roto
from roto_shapes.shot import FrameRange, Plate, PlatePath

ON, OFF, BOX = "Rotolink_on", "Rotolink_off", "Rotolink_box"
"""Ellipse masks whose names begin so are clicks, rectangle masks boxes: an artist drags them in the viewer."""
RENDERED = ".exr"
"""What frames are rendered to: light as the flow has it."""

_CLICK_SIZE, _BOX_SIZE = 0.01, 0.2
"""Shares of the picture's width: small enough to see what lies under it, large enough to take hold of."""
_NOTE = "RotolinkNote_"
_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)(?P<ending>\.\w+)")
_MOVIES = frozenset({".mov", ".mp4", ".mxf", ".avi", ".mkv", ".webm", ".braw", ".r3d"})
_ASPECT = ("AspectX", "AspectY")


@dataclass
class ConsoleProgress:
    """Progress in Fusion's console: a line for every tenth."""

    title: str
    say: Callable[[str], None]
    cancelled: bool = False
    _told: int = -1

    def report(self, done: int, total: int, stage: str) -> None:
        """Say how far it is."""
        tenth = 10 * done // max(total, 1)
        if tenth != self._told:
            self._told = tenth
            self.say(f"{self.title}: {stage} {done}/{total}")


@final
class FusionHost:
    """A composition that is open in Fusion.

    `say` shows a sentence to the artist; `qt` says whether the script's own Python has Qt.
    """

    def __init__(
        self, comp: Composition, version: str = "", say: Callable[[str], None] = print, *, qt: bool = False
    ) -> None:
        self.name = f"Fusion {version}".strip()
        self.abilities = Abilities((Interpolation.LINEAR,), render=True, prompts=True, undo=True, progress=True, qt=qt)
        self.say = say
        self._comp = comp
        self._waiting = WaitingCalls()
        self._depth = 0
        self._changed = False
        self._told_read_only = ""

    @property
    def is_there(self) -> bool:
        """Say whether Fusion still answers: a script outlives it."""
        return bool(self._comp.GetAttrs())

    def run_waiting(self) -> None:
        """Run what `later` was given; the loop of the panel calls this many times a second."""
        self._waiting.run()

    def plate(self) -> HostPlate:
        """Return the plate of the selected tool."""
        selected = [tool for tool in selected_tools(self._comp) if _has_picture(tool)]
        if not selected:
            raise HostError("Select the tool whose picture you want to roto, a Loader for example, and try again.")
        if len(selected) > 1:
            names = ", ".join(tool.Name for tool in selected[:5])
            raise HostError(f"Several tools are selected ({names}): select the one whose picture you want to roto.")
        return self._plate_of(selected[0])

    def render(self, plate: HostPlate, frame: int) -> UploadFrame:
        """Render one frame by a Saver that is gone afterwards."""
        self._require_full_size()
        tool = self._find(plate.key)
        with tempfile.TemporaryDirectory(prefix="rotolink-") as folder, self._saver(tool, Path(folder)) as saver:
            self._comp.Render({"Start": frame, "End": frame, "Wait": True, "Tool": saver})
            files = sorted(Path(folder).glob(f"*{RENDERED}"))
            if not files:
                raise HostError(f"Fusion did not render frame {frame} of '{tool.Name}': render it by hand to see why.")
            return FileFrame(frame, f"frame{RENDERED}", files[0].read_bytes())

    def frame_range(self) -> FrameRange:
        """Return the composition's range to render."""
        attributes = self._attributes()
        first, last = (round(attributes[name]) for name in ("COMPN_RenderStart", "COMPN_RenderEnd"))
        return FrameRange(first, max(first, last))

    def current_frame(self) -> int:
        """Return the frame that Fusion shows."""
        frame: float = self._attributes()["COMPN_CurrentTime"]
        return round(frame)

    def show_frame(self, frame: int) -> None:
        """Let Fusion show a frame."""
        self._comp.CurrentTime = frame

    def later(self, call: Callable[[], None]) -> None:
        """Run a call in the panel's loop."""
        self._waiting.put(call)

    @contextlib.contextmanager
    def undo_step(self, name: str) -> Iterator[None]:
        """Make one step of undo; an error takes it back."""
        if self._depth:
            yield
            return
        self._depth, self._changed = 1, False
        self._comp.Lock()
        self._comp.StartUndo(name)
        failed = True
        try:
            yield
            failed = False
        finally:
            self._depth = 0
            self._comp.EndUndo(self._changed)
            self._comp.Unlock()
            if failed and self._changed:
                self._comp.Undo()

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[ConsoleProgress]:
        """Show progress in the console."""
        yield ConsoleProgress(title, self.say)

    def message(self, sentence: str) -> None:
        """Tell the artist something where the panel, or the console, shows it."""
        self.say(sentence)

    def write_shapes(self, roto: Roto, group: str, node: str = "") -> str:
        """Put shapes into a chain of polygon masks."""
        self._require_free()
        with self.undo_step(f"Rotolink: {group}"):
            written = masks.write(self._comp, roto, group, node, self._note_change)
        self._tell_read_only()
        return written

    def read_shapes(self, node: str, group: str) -> Roto:
        """Return the shapes of a group of masks as they are now."""
        return masks.read(self._comp, node, group)

    def prompt(self, plate: HostPlate, frame: int) -> Optional[Prompt]:
        """Return what masks with names of ours point at; they hold on every frame."""
        width, height = plate.plate.width, plate.plate.height
        points, box = [], None
        for tool in tools(self._comp):
            kind = next((kind for kind in (ON, OFF, BOX) if tool.Name.startswith(kind)), "")
            if not kind:
                continue
            centre = tool.GetInput("Center", frame)
            x, y = centre[1] * width, (1 - centre[2]) * height
            if kind != BOX:
                points.append(PointPrompt(x, y, kind == ON))
            else:  # both sides are shares of the picture's width
                across, down = (tool.GetInput(side, frame) * width / 2 for side in ("Width", "Height"))
                down *= plate.plate.pixel_aspect
                box = BoxPrompt(x - across, y - down, x + across, y + down)
        found = Prompt(frame, tuple(points), box)
        return None if found.is_empty else found

    def place_prompt(self, kind: str) -> None:
        """Put a prompt mask in the middle of the picture, for the artist to drag: `ON`, `OFF` or `BOX`."""
        self._require_free()
        with self.undo_step("Rotolink: prompt"):
            self._changed = True
            taken = {tool.Name for tool in tools(self._comp)}
            mask = self._comp.AddTool("RectangleMask" if kind == BOX else "EllipseMask")
            if mask is None:
                raise HostError("Fusion gave no mask to point with: look into its console.")
            mask.SetAttrs(
                {"TOOLS_Name": next(f"{kind}{n}" for n in range(1, len(taken) + 2) if f"{kind}{n}" not in taken)}
            )
            size = _BOX_SIZE if kind == BOX else _CLICK_SIZE
            for name, value in (("Width", size), ("Height", size), ("Center", {1: 0.5, 2: 0.5})):
                mask.SetInput(name, value)

    def remove_prompts(self) -> None:
        """Take the prompt masks out of the flow."""
        prompts = [tool for tool in tools(self._comp) if tool.Name.startswith((ON, OFF, BOX))]
        with self.undo_step("Rotolink: prompts used"):
            self._changed = bool(prompts)
            for tool in prompts:
                tool.Delete()

    def read_note(self, plate: HostPlate) -> str:
        """Return what was kept with the composition for a tool."""
        return str(self._comp.GetData(_NOTE + plate.key) or "")

    def write_note(self, plate: HostPlate, text: str) -> None:
        """Keep a text with the composition for a tool."""
        self._require_free()
        self._comp.SetData(_NOTE + plate.key, text)

    def _plate_of(self, tool: Tool) -> HostPlate:
        self._require_full_size()
        output = tool.FindMainOutput(1)
        image = output.GetValue(self._comp.CurrentTime) if output is not None else None
        if image is None:
            raise HostError(f"'{tool.Name}' gives no picture on this frame: connect it, or go to a frame that it has.")
        clip = _Clip.of(tool, self._comp) if tool.ID == "Loader" else None
        frames = clip.frames if clip else self.frame_range()
        prefs = self._comp.GetPrefs("Comp.FrameFormat") or {}
        across, down = (float(prefs.get(name) or 1.0) for name in _ASPECT)
        name = clip.path.path if clip else tool.Name
        plate = Plate(image.Width, image.Height, frames, name, across / down, float(prefs.get("Rate") or 24.0))
        if clip is None:
            return HostPlate(
                tool.Name, plate, why_rendered=f"'{tool.Name}' is no Loader: its picture is made in the flow."
            )
        return HostPlate(tool.Name, plate, clip.path, clip.offset)

    @contextlib.contextmanager
    def _saver(self, tool: Tool, folder: Path) -> Iterator[Tool]:
        """Give a Saver of a tool's picture, all others resting meanwhile; nothing of it enters the artist's undo."""
        others = [each for each in tools(self._comp, "Saver") if not _rests(each)]
        self._comp.Lock()
        self._comp.StartUndo("Rotolink: render")
        saver = self._comp.AddTool("Saver")
        try:
            if saver is None:
                raise HostError("Fusion gave no Saver to render with: render the picture by hand, and use a Loader.")
            saver.SetInput("Clip", (folder / f"frame{RENDERED}").as_posix())
            taker = saver.FindMainInput(1)
            if taker is not None:
                taker.ConnectTo(tool.FindMainOutput(1))
            for each in others:
                each.SetAttrs({"TOOLB_PassThrough": True})
            yield saver
        finally:
            for each in others:
                each.SetAttrs({"TOOLB_PassThrough": False})
            if saver is not None:
                saver.Delete()
            self._comp.EndUndo(False)  # noqa: FBT003 - by its place
            self._comp.Unlock()

    def _find(self, name: str) -> Tool:
        tool = self._comp.FindTool(name)
        if tool is None:
            raise HostError(f"'{name}' is no longer in this composition: select the tool of the plate again.")
        return tool

    def _require_free(self) -> None:
        if self._attributes().get("COMPB_Rendering"):
            raise HostError("Fusion is rendering: wait until it is done, or stop it, then write again.")

    def _require_full_size(self) -> None:
        """Refuse while pictures are smaller than the plate: what is pointed at and drawn would be too."""
        if self._attributes().get("COMPB_Proxy"):
            raise HostError("Fusion shows proxies: turn Proxy off below the viewers, and try again.")

    def _tell_read_only(self) -> None:
        """Say once for each composition that it cannot be saved where it is."""
        file = str(self._attributes().get("COMPS_FileName") or "")
        if file != self._told_read_only and is_read_only(Path(file)):
            self._told_read_only = file
            self.message(f"{file} is read-only: save the composition under another name to keep the masks.")

    def _attributes(self) -> dict[str, Any]:
        attributes = self._comp.GetAttrs()
        if not attributes:
            raise HostError("Fusion no longer answers: open the composition and start Rotolink again.")
        return attributes

    def _note_change(self) -> None:
        self._changed = True


@dataclass(frozen=True)
class _Clip:
    """What a Loader reads."""

    path: PlatePath
    frames: FrameRange
    """In the composition's count."""
    offset: int

    @classmethod
    def of(cls, tool: Tool, comp: Composition) -> _Clip:
        """Return the one clip of a Loader; HostError where there is none."""
        attributes = tool.GetAttrs()
        name = _first(attributes, "TOOLST_Clip_Name")
        if not name:
            raise HostError(f"'{tool.Name}' has no clip: choose its file first.")
        path = Path(comp.MapPath(str(name)))
        trimmed = int(_first(attributes, "TOOLIT_Clip_TrimIn") or 0)
        length = int(_first(attributes, "TOOLIT_Clip_Length") or 1) - trimmed
        start = round(_first(attributes, "TOOLNT_Clip_Start") or 0)
        frames = FrameRange(start, start + max(length, 1) - 1)
        numbered = _NUMBERED.fullmatch(path.name)
        if path.suffix.lower() in _MOVIES or numbered is None:
            found = FrameRange(trimmed, trimmed + len(frames) - 1)
            return cls(PlatePath(path.as_posix(), found, first_frame=0), frames, start - trimmed)
        first = int(numbered["number"]) + trimmed
        pattern = path.with_name(f"{numbered['stem']}{'#' * len(numbered['number'])}{numbered['ending']}")
        found = FrameRange(first, first + len(frames) - 1)
        return cls(PlatePath(pattern.as_posix(), found), frames, start - first)


def _first(attributes: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - a text or a number
    """Return the first of a table of a tool's attributes; a Loader has one for each of its clips."""
    listed = attributes.get(name)
    return listed.get(1) if isinstance(listed, dict) else listed


def _has_picture(tool: Tool) -> bool:
    return not tool.ID.endswith("Mask") and tool.FindMainOutput(1) is not None


def _rests(tool: Tool) -> bool:
    return bool(tool.GetAttrs().get("TOOLB_PassThrough"))
