"""What is known of Nuke from documents and other people's files alone, tried in the Nuke that runs this.

In Nuke's Script Editor, or in `nuke -t`:

    import roto_nuke.first_run; roto_nuke.first_run.main()

It takes seconds, works inside a group that it deletes again, and leaves script and undo history as they were. Send us
what it prints where a line says FAIL: it names the constant to change.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Callable

import nuke
import nuke.rotopaint

from roto_client.first_run import Answer, Found, nothing_failed, tried
from roto_nuke import colours, plates, prompts, roto_node
from roto_nuke.host import NukeHost
from roto_nuke.rendering import render_frame
from roto_shapes.curve import evaluate
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.shape import (
    ControlPoint,
    Interpolation,
    Layer,
    LayerKeyframe,
    Roto,
    Shape,
    ShapeKeyframe,
)
from roto_shapes.shot import FrameRange, Plate

WIDTH, HEIGHT, ASPECT = 200, 100, 2.0
FRAMES = FrameRange(1001, 1021)
GROUP = "first_run"
NEAR_PX = 0.05
"""As closely as the text's float32 and Nuke's own rules have to agree."""

EXR = b"\x76\x2f\x31\x01"
_ALPHA = "rgba.alpha"
_ENVIRONMENT = ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "QT_PLUGIN_PATH", "OCIO")


class Bench:
    """Nodes to try things on, in a group of their own."""

    def __init__(self, group: nuke.Node) -> None:
        self.group = group
        with _inside(group):
            self.anchor = nuke.nodes.NoOp()

    def roto(self, *shapes: Shape, aspect: float = ASPECT) -> nuke.Node:
        """Return a new Roto node with shapes, by the way that Rotolink writes them."""
        plate = Plate(WIDTH, HEIGHT, FRAMES, pixel_aspect=aspect)
        return roto_node.new_node(Roto(plate, shapes), GROUP, self.anchor)

    def read_back(self, node: nuke.Node) -> Roto:
        """Return what Rotolink reads of it."""
        return roto_node.read_from(node, GROUP)

    def alpha(self, node: nuke.Node, frame: int, x: float, y: float) -> float:
        """Return the matte at a place of the plate, y down; what lies outside of all shapes is 0."""
        nuke.frame(frame)
        try:
            return node.sample(_ALPHA, x, HEIGHT - y)
        except RuntimeError:
            return 0.0

    def shape(self, node: nuke.Node, path: str) -> nuke.rotopaint.Shape:
        """Return a shape as Nuke has it."""
        found = roto_node.curves_of(node).toElement(path)
        if not isinstance(found, nuke.rotopaint.Shape):
            raise RuntimeError(f"{path} is no shape of {node.name()}")  # noqa: TRY004 - of Nuke, not of a caller
        return found


def _paste(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 20), _square("b", 60))
    size = node.format()
    found = (size.width(), size.height(), size.pixelAspect(), node.input(0))
    return found == (WIDTH, HEIGHT, ASPECT, None), f"format and input: {found}"


def _order(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 20), _square("b", 60))
    layer = roto_node.curves_of(node).rootLayer[0]
    names = [item.name for item in layer] if isinstance(layer, nuke.rotopaint.Layer) else []
    return names == ["b", "a"], f"from the top: {names}"


def _places(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 20))
    at = bench.shape(node, f"{GROUP}/a")[0].center.getPosition(FRAMES.first)
    return abs(at.x - 20) < NEAR_PX and abs(at.y - (HEIGHT - 20)) < NEAR_PX, f"first point: {at.x:g}, {at.y:g}"


def _smooth(bench: Bench) -> Answer:
    moving = replace(_square("a", 20), keyframes=_keys((1001, 0), (1011, 30), (1021, 4)))
    node = bench.roto(moving)
    worst = 0.0
    for frame in FRAMES:
        at, wanted = bench.shape(node, f"{GROUP}/a")[0].center.getPosition(frame), evaluate(moving, frame)[0]
        worst = max(worst, abs(at.x - wanted.x), abs(at.y - (HEIGHT - wanted.y)))
    return worst < NEAR_PX, f"farthest from Nuke's rule as we know it: {worst:.4f} px"


def _pasted_again(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 20))
    knob = roto_node.curves_of(node)
    text = knob.toScript()
    knob.fromScript(text)
    head = text[: text.find("{")].strip()
    return roto_node.curves_of(node).toScript() == text, f"text begins: {head or '(without AddMode)'}"


def _layers_stay(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 20))
    plate = Plate(WIDTH, HEIGHT, FRAMES, pixel_aspect=ASPECT)
    before = _serialised(node, GROUP)
    roto_node.write_into(node, Roto(plate, (_square("other", 60),)), "second")
    return _serialised(node, GROUP) == before, "the first group's text"


def _hole(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 20, 60), replace(_square("hole", 40, 20), invert=True))
    inside, ring = bench.alpha(node, 1001, 50.5, 50.5), bench.alpha(node, 1001, 30.5, 30.5)
    return abs(inside) < NEAR_PX and abs(ring - 1) < NEAR_PX, f"in the hole {inside:g}, beside it {ring:g}"


def _lifetime(bench: Bench) -> Answer:
    node = bench.roto(replace(_square("a", 20, 60), lifetime=FrameRange(1005, 1010)))
    seen = [bench.alpha(node, frame, 50.5, 50.5) > 0.5 for frame in (1004, 1005, 1010, 1011)]  # noqa: PLR2004 - half
    return seen == [False, True, True, False], f"drawn on 1004, 1005, 1010, 1011: {seen}"


def _aspect(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 20, 60))
    edges = [bench.alpha(node, 1001, x, 50.5) for x in (15.5, 25.5, 75.5, 85.5)]
    return [round(edge) for edge in edges] == [0, 1, 1, 0], f"beside and inside the edges: {edges}"


def _feather(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 40, 20, feather=10.0))
    middle, half, out = (bench.alpha(node, 1001, 50.5, y) for y in (50.5, 65.5, 75.5))
    return middle > 0.99 > half > 0.01 > out, f"inside, halfway, outside: {middle:g}, {half:g}, {out:g}"  # noqa: PLR2004 - a slope


def _layer(bench: Bench) -> Answer:
    keys = (LayerKeyframe(1001), LayerKeyframe(1021, 30.0, 10.0, rotation_deg=30.0, scale=1.5))
    layer = Layer("carrier", keys, (50.0, 50.0), Interpolation.SMOOTH)
    shape = replace(_square("a", 40, 20), layer=layer)
    node = bench.roto(shape)
    carrier = roto_node.curves_of(node).toElement(f"{GROUP}/carrier")
    if not isinstance(carrier, nuke.rotopaint.Layer):
        return False, "there is no such layer"
    matrix = carrier.getTransform().evaluate(1021).getMatrix()
    at = bench.shape(node, f"{GROUP}/carrier/a")[0].center.getPosition(1021)
    x, y = (matrix[k] * at.x + matrix[k + 1] * at.y + matrix[k + 3] for k in (0, 4))
    wanted = evaluate_on_plate(shape, 1021)[0]
    far = max(abs(x - wanted.x), abs(y - (HEIGHT - wanted.y)))
    return far < NEAR_PX, f"farthest from turn and scale about the pivot, then the move: {far:.4f} px"


def _linear_code(bench: Bench) -> Answer:
    node = bench.roto(replace(_square("a", 20), keyframes=_keys((1001, 0), (1021, 30))))
    bench.shape(node, f"{GROUP}/a")[0].center.getPositionAnimCurve(0).getKey(0).interpolationType = 258
    return None, f"text of a key set to linear: {roto_node.curves_of(node).toScript()[:400]}"


def _undo(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 20))
    before = roto_node.curves_of(node).toScript()
    host = NukeHost()
    nuke.Undo.enable()
    try:
        with contextlib.suppress(InterruptedError), host.undo_step("Rotolink first run"):
            host.write_shapes(
                Roto(Plate(WIDTH, HEIGHT, FRAMES, pixel_aspect=ASPECT), (_square("b", 60),)), GROUP, node.fullName()
            )
            raise InterruptedError
    finally:
        nuke.Undo.disable()
    return roto_node.curves_of(node).toScript() == before, "the node's text after a step that was given up"


def _offset(bench: Bench) -> Answer:
    with _inside(bench.group):
        read = nuke.nodes.Read(file="/rotolink/none.%04d.exr", first=1, last=12, frame_mode="offset", frame="100")
    return read.firstFrame() == 1 + plates.OFFSET_SIGN * 100, f"file 1 with offset 100 is frame {read.firstFrame()}"


def _colour_knobs(_: Bench) -> Answer:
    names = (colours.WORKING_SPACE, "colorManagement", *colours.CONFIG_PATHS)
    missing = [name for name in names if nuke.root().knob(name) is None]
    return not missing, f"missing: {', '.join(missing) or 'none'}; working space {colours.script_colour()}"


def _note(bench: Bench) -> Answer:
    host = NukeHost()
    for node in nuke.selectedNodes():
        node.setSelected(False)
    with _inside(bench.group):
        constant = nuke.nodes.Constant()
    text = '{"a": "[x] $y {z}"}\nsecond'
    plate = plates.plate_of(constant, nuke.views()[0])
    host.write_note(plate, text)
    with tempfile.TemporaryDirectory() as folder, _inside(bench.group):
        file = Path(folder) / "copy.nk"
        constant.setSelected(True)
        nuke.nodeCopy(file.as_posix())
        copy = nuke.nodePaste(file.as_posix())
    read = host.read_note(plates.plate_of(copy, nuke.views()[0])) if copy is not None else ""
    return read == text, f"a note after a copy: {read!r}"


def _prompt(bench: Bench) -> Answer:
    with _inside(bench.group):
        for node in nuke.selectedNodes():
            node.setSelected(False)
        group = prompts.create_group()
    place = group["place1"]
    if isinstance(place, nuke.Array_Knob):
        place.setValue((30, 40))
    found = prompts.prompt_on(group, FRAMES.first)
    at = (found.points[0].x, found.points[0].y) if found is not None and found.points else None
    wanted = (30, group.format().height() - 40)
    return at == wanted, f"the first point: {at}"


def _rendered(bench: Bench) -> Answer:
    node = bench.roto(_square("a", 20))
    data = render_frame(node, FRAMES.first, nuke.views()[0])
    return data[:4] == EXR, f"{len(data)} bytes"


def _surroundings(_: Bench) -> Answer:
    told = [f"{name}={os.environ[name]}" for name in _ENVIRONMENT if name in os.environ]
    loaded = [
        f"{name} {getattr(importlib.import_module(name), '__version__', '?')}"
        for name in ("google.protobuf", "grpc", "numpy", "PySide2", "PySide6")
        if name in sys.modules
    ]
    return (
        None,
        f"Python {sys.version.split()[0]}; {'; '.join(told) or 'no variables'}; {', '.join(loaded) or 'nothing'}",
    )


CHECKS: tuple[tuple[str, str, Callable[[Bench], Answer]], ...] = (
    ("text of a Roto is pasted as one node with its format", "NukeSink.text, SCRIPT_VERSION", _paste),
    ("the last shape painted stands on top of the list", "NukeSink._tree", _order),
    ("points lie in pixels from the bottom left", "_main_components", _places),
    ("keys from text move by the smooth rule", "LINEAR_TOLERANCE_PX, _key_texts", _smooth),
    ("curves take the text that they give", "roto_node._Tree", _pasted_again),
    ("a layer that is written leaves the others as they are", "roto_node._Tree.with_layer", _layers_stay),
    ("a hole is a shape above by difference", "HOLE_BLEND_MODE", _hole),
    ("a lifetime is a frame range", "LIFETIME_RANGE", _lifetime),
    ("pixel aspect moves no point", "_main_components", _aspect),
    ("feather reaches out to its offset", "_FEATHER_COMPONENTS", _feather),
    ("a layer scales and turns about its pivot, then moves", "_similarity_text", _layer),
    ("a linear key in the text", "nothing: tell us where the code stands", _linear_code),
    ("a step that is given up leaves nothing", "NukeHost.undo_step", _undo),
    ("the offset of a Read", "plates.OFFSET_SIGN", _offset),
    ("the knobs of colour management", "colours.WORKING_SPACE, colours.CONFIG_PATHS", _colour_knobs),
    ("a note survives a copy", "host.NOTE_KNOB", _note),
    ("points of the group are where they were put", "prompts.prompt_on", _prompt),
    ("a frame is rendered to OpenEXR", "rendering._writer", _rendered),
    ("what runs beside us", "nothing: tell us", _surroundings),
)
"""What is tried, what to change where it fails, and how it is tried."""


def run() -> list[Found]:
    """Try everything; a check that raises has failed with what it said."""
    frame, chosen = nuke.frame(), nuke.selectedNodes()
    nuke.Undo.disable()
    try:
        return [_tried(*each) for each in CHECKS]
    finally:
        nuke.Undo.enable()
        nuke.frame(frame)
        for node in nuke.selectedNodes():
            node.setSelected(False)
        for node in chosen:
            node.setSelected(True)


def report(found: list[Found]) -> str:
    """Return lines for a person: PASS, FAIL with what to change, or NOTE."""
    lines = [f"Rotolink in {NukeHost().name}, Python {sys.version.split()[0]}"]
    lines += [each.line for each in found]
    failed = sum(each.passed is False for each in found)
    return "\n".join([*lines, f"{failed} of {len(found)} failed." if failed else "All is as expected."])


def main() -> bool:
    """Try everything and print what was found; return whether nothing failed."""
    found = run()
    nuke.tprint(report(found))
    return nothing_failed(found)


def _tried(what: str, constant: str, check: Callable[[Bench], Answer]) -> Found:
    group = nuke.nodes.Group()
    try:
        return tried(what, constant, lambda: check(Bench(group)))
    finally:
        nuke.delete(group)


def _square(name: str, at: float, side: float = 30.0, feather: float = 0.0) -> Shape:
    return Shape(
        name, _keys((FRAMES.first, 0), at=at, side=side, feather=feather), FRAMES, interpolation=Interpolation.SMOOTH
    )


def _keys(
    *moves: tuple[int, float], at: float = 20.0, side: float = 30.0, feather: float = 0.0
) -> tuple[ShapeKeyframe, ...]:
    corners = ((0.0, 0.0), (side, 0.0), (side, side), (0.0, side))
    outwards = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return tuple(
        ShapeKeyframe(
            frame,
            tuple(
                ControlPoint(
                    at + move + x, at + y, corner=True, feather=(feather * dx, feather * dy) if feather else None
                )
                for (x, y), (dx, dy) in zip(corners, outwards)
            ),
        )
        for frame, move in moves
    )


def _serialised(node: nuke.Node, layer: str) -> str:
    element = roto_node.curves_of(node).toElement(layer)
    return element.serialise() if element is not None else ""


@contextlib.contextmanager
def _inside(group: nuke.Node) -> Iterator[None]:
    if isinstance(group, nuke.Group):
        with group:
            yield
