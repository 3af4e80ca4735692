"""What is known of Fusion from documents and other people's files alone, tried in the Fusion that runs this.

`Rotolink first run` in the menu of scripts runs it on the open composition. It takes seconds, works on masks of its own
that it deletes again, and prints PASS or FAIL, with what to change where one fails.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Callable

from roto_client.first_run import Answer, nothing_failed, tried
from roto_client.host import HostPlate
from roto_fusion.host import ON, FusionHost
from roto_fusion.scripting import Composition, Tool, tools
from roto_shapes.curve import evaluate
from roto_shapes.formats.fusion_reading import MASK
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(200, 100, FrameRange(1001, 1021), pixel_aspect=2.0)
GROUP = "first_run"
NEAR_PX = 0.01


class Bench:
    """A composition with a chain of masks to try things on."""

    def __init__(self, comp: Composition) -> None:
        self.comp = comp
        self.host = FusionHost(comp, say=lambda _: None)
        self.moving = _square("moving", 20.0, (0.0, 30.0, 4.0))
        cut = replace(_square("cut", 40.0), invert=True, lifetime=FrameRange(1005, 1010))
        self.node = self.host.write_shapes(Roto(PLATE, (self.moving, cut)), GROUP)

    def mask(self, at: int) -> Tool:
        """Return a mask of the chain, the lowest first."""
        ours = [tool for tool in tools(self.comp, MASK) if _data(tool).get("Node") == self.node]
        return sorted(ours, key=lambda tool: tool.EffectMask.GetConnectedOutput() is not None)[at]

    def close(self) -> None:
        """Take away what was made."""
        self.host.write_shapes(Roto(PLATE), GROUP, self.node)


def run(comp: Composition, say: Callable[[str], None] = print) -> bool:
    """Try everything, say what came of it, and return whether all is as expected."""
    benches: list[Bench] = []

    def pasted() -> Answer:
        benches.append(Bench(comp))
        return True, benches[0].node

    found = [tried("masks pasted and wired", "masks.PASTE, masks.OWN_DATA", pasted)]
    for bench in benches:
        with contextlib.closing(bench):
            found += [tried(what, constant, partial(check, bench)) for what, constant, check in CHECKS]
    for each in found:
        say(each.line)
    return nothing_failed(found)


def _own_data(bench: Bench) -> Answer:
    data = _data(bench.mask(0))
    return data.get("Group") == GROUP and data.get("Name") == "moving", f"{data}"


def _read_again(bench: Bench) -> Answer:
    (shape, cut) = bench.host.read_shapes(bench.node, GROUP).shapes
    far = max(
        max(abs(a.x - b.x), abs(a.y - b.y))
        for frame in PLATE.frames
        for a, b in zip(evaluate(shape, frame), evaluate(bench.moving, frame))
    )
    same = cut.invert and cut.lifetime == FrameRange(1005, 1010)
    return far < NEAR_PX and same, f"farthest {far:.5f} px, the cutting mask lives {cut.lifetime}"


def _settings(bench: Bench) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.setting"
        done = bench.mask(0).SaveSettings(path.as_posix())
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return bool(done) and MASK in text, f"{len(text)} characters, with its spline: {'BezierSpline' in text}"


def _level(bench: Bench) -> Answer:
    seen = [round(float(bench.mask(1).GetInput("Level", frame))) for frame in (1004, 1005, 1010, 1011)]
    return seen == [0, 1, 1, 0], f"level on 1004, 1005, 1010, 1011: {seen}"


def _taken_back(bench: Bench) -> Answer:
    before = len(tools(bench.comp))
    with contextlib.suppress(InterruptedError), bench.host.undo_step("Rotolink first run"):
        bench.host.write_shapes(Roto(PLATE, (_square("other", 60.0),)), "second", bench.node)
        raise InterruptedError
    after = len(tools(bench.comp))
    return before == after, f"{before} tools before a step that was given up, {after} after it"


def _replaced(bench: Bench) -> Answer:
    roto = bench.host.read_shapes(bench.node, GROUP)
    names = sorted(tool.Name for tool in tools(bench.comp, MASK))
    splines = len(tools(bench.comp, "BezierSpline"))
    bench.host.write_shapes(roto, GROUP, bench.node)
    again, left = sorted(tool.Name for tool in tools(bench.comp, MASK)), len(tools(bench.comp, "BezierSpline"))
    return (again, left) == (names, splines), f"masks {again}, {left} splines where there were {splines}"


def _note(bench: Bench) -> Answer:
    plate, text = HostPlate("first_run", PLATE), '{"a": "[x] \\ y"}\nsecond'
    bench.host.write_note(plate, text)
    read = bench.host.read_note(plate)
    bench.host.write_note(plate, "")
    return read == text, f"{read!r}"


def _prompt(bench: Bench) -> Answer:
    bench.host.place_prompt(ON)
    found = bench.host.prompt(HostPlate("", PLATE), PLATE.frames.first)
    bench.host.remove_prompts()
    at = (found.points[0].x, found.points[0].y) if found is not None and found.points else None
    return at == (100.0, 50.0), f"a click in the middle of 200x100 pixels: {at}"


def _rendered(bench: Bench) -> Answer:
    made = bench.comp.AddTool("Background")
    if made is None:
        return False, "no Background could be added"
    try:
        data = bytes(bench.host.render(HostPlate(made.Name, PLATE), round(bench.comp.CurrentTime)).content)
    finally:
        made.Delete()
    return data[:4] == b"\x76\x2f\x31\x01", f"{len(data)} bytes"


CHECKS: tuple[tuple[str, str, Callable[[Bench], Answer]], ...] = (
    ("what masks keep as their own data comes back", "fusion.OWN_DATA", _own_data),
    ("shapes are read as they were written", "masks._settings, fusion._moving", _read_again),
    ("a tool's settings are saved to a file", "masks._saved", _settings),
    ("a lifetime begins and ends on its frames", "fusion._stepped", _level),
    ("a step that is given up leaves nothing", "FusionHost.undo_step", _taken_back),
    ("masks written again keep their names and leave no spline", "masks.write, masks._take_out", _replaced),
    ("a note is kept with the composition", "host._NOTE", _note),
    ("a mask placed in the viewer is read where it is", "FusionHost.prompt", _prompt),
    ("a frame is rendered by a Saver of ours", "FusionHost.render, host.RENDERED", _rendered),
)


def _square(name: str, left: float, moves: tuple[float, ...] = (0.0,)) -> Shape:
    corners = ((0, 0), (20, 0), (20, 20), (0, 20))
    keyframes = tuple(
        ShapeKeyframe(1001 + 10 * at, tuple(ControlPoint(left + move + x, 30.0 + y, corner=True) for x, y in corners))
        for at, move in enumerate(moves)
    )
    return Shape(name, keyframes, PLATE.frames)


def _data(tool: Tool) -> dict[str, Any]:
    data = tool.GetData("Rotolink")
    return data if isinstance(data, dict) else {}
