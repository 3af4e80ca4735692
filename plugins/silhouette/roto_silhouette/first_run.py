"""What is known of Silhouette from documents and other people's scripts alone, tried in the Silhouette that runs this.

`Rotolink > Check this Silhouette` runs it on the active session. It works on a Roto node of its own that it takes away
again, and prints PASS or FAIL, with what to change where one fails.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import Callable

import fx

from roto_client.errors import HostError
from roto_client.first_run import Answer, nothing_failed, tried
from roto_client.host import HostPlate
from roto_shapes.curve import evaluate
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate
from roto_silhouette import roto_node
from roto_silhouette.host import SilhouetteHost
from roto_silhouette.world import USUAL_LAYOUT, World, learned_layout

GROUP = "first run"
NEAR_PX = 0.01
NEAR = 1e-5
_FEWEST_FRAMES = 12


class Bench:
    """A Roto node with two shapes to try things on."""

    def __init__(self) -> None:
        session = fx.activeSession()
        if session is None or session.duration < _FEWEST_FRAMES:
            raise HostError(f"Open a session of {_FEWEST_FRAMES} frames or more first, then check again.")
        self.session = session
        self.host = SilhouetteHost()
        self.world = World(session)
        self.plate: Plate = self.world.plate
        self.first = self.plate.frames.first
        self.moving = _square("moving", 20.0, self.first)
        cut = replace(
            _square("cut", 40.0, self.first), invert=True, lifetime=FrameRange(self.first + 3, self.first + 6)
        )
        self.node = self.host.write_shapes(Roto(self.plate, (self.moving, cut)), GROUP)

    def layer(self) -> fx.Object:
        """Return the layer as Silhouette has it."""
        made = next(node for node in self.session.nodes if node.label == self.node)
        layer = roto_node.layer_of(made, GROUP)
        if layer is None:
            raise HostError("the layer is not in the node")
        return layer

    def close(self) -> None:
        """Take away what was made."""
        made = next((node for node in self.session.nodes if node.label == self.node), None)
        if made is not None:
            fx.beginUndo("Rotolink: check")
            self.session.removeNode(made)
            fx.endUndo()


def run(say: Callable[[str], None] = print) -> bool:
    """Try everything, say what came of it, and return whether all is as expected."""
    with contextlib.closing(Bench()) as bench:
        found = [tried(what, constant, partial(check, bench)) for what, constant, check in CHECKS]
    for each in found:
        say(each.line)
    return nothing_failed(found)


def _layout(_: Bench) -> Answer:
    layout = learned_layout()
    return layout == USUAL_LAYOUT, f"incoming, place, outgoing are items {tuple(layout)} of a point"


def _space(bench: Bench) -> Answer:
    plate, world = bench.plate, bench.world
    corner, middle = world.to_world(0, 0), world.to_world(plate.width / 2, plate.height / 2)
    wanted = -plate.width / 2 / plate.height * plate.pixel_aspect
    near = abs(corner.x - wanted) < NEAR and abs(corner.y + 0.5) < NEAR and abs(middle.x) + abs(middle.y) < NEAR
    return near, f"top left is ({corner.x:.5f}, {corner.y:.5f}), expected ({wanted:.5f}, -0.5)"


def _read_again(bench: Bench) -> Answer:
    shape, cut = bench.host.read_shapes(bench.node, GROUP).shapes
    far = max(
        max(abs(a.x - b.x), abs(a.y - b.y), abs(a.out_x - b.out_x), abs(a.out_y - b.out_y))
        for a, b in zip(evaluate(shape, bench.first + 5), evaluate(bench.moving, bench.first + 5))
    )
    names = f"{shape.name}, {cut.name}"
    return far < NEAR_PX and names == "moving, cut" and cut.invert, f"{names}; farthest {far:.5f} px"


def _straight(bench: Bench) -> Answer:
    shape = next(child for child in bench.layer().children if child.label == "moving")
    seen = roto_node.outline_on(bench.world, shape, bench.first + 5)[0]
    wanted = evaluate(bench.moving, bench.first + 5)[0]
    far = max(abs(seen.x - wanted.x), abs(seen.y - wanted.y))
    return far < NEAR_PX, f"halfway between two keys {far:.5f} px from the straight line"


def _keys(bench: Bench) -> Answer:
    shape = next(child for child in bench.layer().children if child.label == "moving")
    path = roto_node.property_of(shape, roto_node.PATH)
    given = [path.getKeyIndex(index) for index in (0, 1, 10)]
    return given == [0, roto_node.NO_KEY, 1], f"getKeyIndex on frames 0, 1 and 10: {given}"


def _lifetime(bench: Bench) -> Answer:
    shape = next(child for child in bench.layer().children if child.label == "cut")
    opacity = roto_node.property_of(shape, roto_node.OPACITY)
    seen = [round(float(opacity.getValue(index))) for index in (0, 2, 3, 6, 7, 11)]
    return seen == [0, 0, 100, 100, 0, 0], f"opacity on frames 0, 2, 3, 6, 7, 11: {seen}"


def _note(bench: Bench) -> Answer:
    node = next(node for node in bench.session.nodes if node.label == bench.node)
    plate, text = HostPlate(node.id, bench.plate), '{"a": "[x] \\ y"}\nsecond'
    bench.host.write_note(plate, text)
    read = bench.host.read_note(plate)
    return read == text, f"{read!r}"


CHECKS: tuple[tuple[str, str, Callable[[Bench], Answer]], ...] = (
    ("how Bezier points are kept", "world.USUAL_LAYOUT", _layout),
    ("where Silhouette's space lies", "world.World", _space),
    ("shapes are read as they were written, the last on top", "roto_node.FIRST_ON_TOP", _read_again),
    ("points move on straight lines", "the interpolation of new keys: preferences, or more keys", _straight),
    ("keys are found", "roto_node.NO_KEY", _keys),
    ("a lifetime begins and ends on its frames", "roto_node._live", _lifetime),
    ("a note is kept with a node", "host._NOTE", _note),
)


def _square(name: str, left: float, first: int) -> Shape:
    corners = ((0, 0), (20, 0), (20, 20), (0, 20))
    keyframes = tuple(
        ShapeKeyframe(
            first + frame,
            tuple(ControlPoint(left + moved + x, 30.0 + y, -4.0, 1.0, 4.0, -1.0) for x, y in corners),
        )
        for frame, moved in ((0, 0.0), (10, 30.0))
    )
    return Shape(name, keyframes, FrameRange(first, first + 11))
