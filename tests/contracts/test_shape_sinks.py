"""What every ShapeSink must do, run over all of them: call order, and outlines that come out where they went in."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, NamedTuple, Protocol, cast
from xml.dom import minidom

import pytest

from roto_shapes.curve import evaluate
from roto_shapes.formats import read_shapes
from roto_shapes.formats.aftereffects import JsxSink
from roto_shapes.formats.blender import BlenderSink
from roto_shapes.formats.fusion import FusionSink
from roto_shapes.formats.lottie import LottieForm, LottieSink
from roto_shapes.formats.mlt import MltSink
from roto_shapes.formats.nuke import NukeSink
from roto_shapes.formats.rotolink_json import JsonSink, read_roto
from roto_shapes.formats.silhouette import SilhouetteSink
from roto_shapes.formats.svg import SvgSink
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate
from roto_shapes.sink import RecordingSink, ShapeSink, draw

Outline = list[tuple[float, float]]
"""Control points, each with the tips of its tangents, in plate pixels, y down."""

# Non-square, off-centre, 1001-based: what a wrong conversion cannot hide behind.
PLATE = Plate(2048, 858, FrameRange(1001, 1024), pixel_aspect=2.0)


class Drawn(NamedTuple):
    """A shape as a sink's result has it."""

    lifetime: FrameRange
    cuts: bool
    outline: Callable[[float], Outline]


class Kind(Protocol):
    """A sink under test, and how to read what it made: the shapes in paint order, the lowest first."""

    def make(self) -> ShapeSink: ...

    def read(self, sink: ShapeSink) -> list[Drawn]: ...


def corners(points: tuple[ControlPoint, ...]) -> Outline:
    return [(p.x + dx, p.y + dy) for p in points for dx, dy in ((0, 0), (p.in_x, p.in_y), (p.out_x, p.out_y))]


def as_drawn(shape: Shape) -> Drawn:
    return Drawn(shape.lifetime, shape.invert, lambda frame: corners(evaluate(shape, frame)))


class Recording:
    def make(self) -> RecordingSink:
        return RecordingSink()

    def read(self, sink: ShapeSink) -> list[Drawn]:
        assert isinstance(sink, RecordingSink)
        return list(map(as_drawn, sink.shapes))


class Json:
    def make(self) -> JsonSink:
        return JsonSink(PLATE)

    def read(self, sink: ShapeSink) -> list[Drawn]:
        assert isinstance(sink, JsonSink)
        return list(map(as_drawn, read_roto(sink.text()).shapes))


class Nuke:
    def __init__(self) -> None:
        path = Path(__file__).parents[1] / "shapes" / "nuke_text.py"
        self._reader = load(path)

    def make(self) -> NukeSink:
        return NukeSink(PLATE)

    def read(self, sink: ShapeSink) -> list[Drawn]:
        assert isinstance(sink, NukeSink)
        (node,) = self._reader.read_nodes(sink.text())
        drawn = []
        for element in reversed(node.elements):
            first, last = (int(element.attributes[name].at(0)) for name in ("ltn", "ltm"))
            drawn.append(Drawn(FrameRange(first, last), "bm" in element.attributes, self._outline(element.main)))
        return drawn

    def _outline(self, curve: Any) -> Callable[[float], Outline]:  # noqa: ANN401 - a curve of the reader
        def at(frame: float) -> Outline:
            places = curve.at(frame)
            outline = []
            for left, (x, y), right in zip(places[0::3], places[1::3], places[2::3]):
                outline += [(x + dx, PLATE.height - (y + dy)) for dx, dy in ((0, 0), left, right)]
            return outline

        return at


class Reread:
    """A format that is read: what its own tests hold against other programs is read back by our reader here."""

    def __init__(self, ending: str, make: Callable[[], TextSink]) -> None:
        self._ending = ending
        self.make = make

    def read(self, sink: ShapeSink) -> list[Drawn]:
        text = cast("TextSink", sink).text()
        given = Given((PLATE.width, PLATE.height), PLATE.frames, PLATE.frame_rate, PLATE.pixel_aspect)
        return list(map(as_drawn, read_shapes(text, self._ending, given).roto.shapes))


class TextSink(ShapeSink, Protocol):
    def text(self) -> str: ...


class Jsx:
    """The data of a script, which tests/ae runs."""

    def make(self) -> JsxSink:
        return JsxSink(PLATE)

    def read(self, sink: ShapeSink) -> list[Drawn]:
        assert isinstance(sink, JsxSink)
        text = sink.text()
        data, _ = json.JSONDecoder().raw_decode(text, text.index("{", text.index("var DATA")))
        return list(map(self._drawn, data["masks"]))

    @staticmethod
    def _drawn(mask: dict[str, Any]) -> Drawn:
        first = PLATE.frames.first
        frames = [first + frame for frame in mask["frames"]]
        keys = [
            ShapeKeyframe(frame, tuple(ControlPoint(*row[k : k + 6]) for k in range(0, len(row), 6)))
            for frame, row in zip(frames, mask["outlines"])
        ]
        shown = [f for f in PLATE.frames if [level for at, level in mask["shown"] if first + at <= f][-1]]
        return as_drawn(Shape("mask", tuple(keys), FrameRange(shown[0], shown[-1]), invert=mask["cuts"]))


class Blender:
    """The data of a script, which tests/shapes/test_blender.py runs."""

    def make(self) -> BlenderSink:
        return BlenderSink(PLATE)

    def read(self, sink: ShapeSink) -> list[Drawn]:
        assert isinstance(sink, BlenderSink)
        text = sink.text()
        data, _ = json.JSONDecoder().raw_decode(text, text.index("{", text.index("DATA")))
        return list(map(self._drawn, data["shapes"]))

    def _drawn(self, shape: dict[str, Any]) -> Drawn:
        keys = {key["frame"]: [self._place(*at) for point in key["points"] for at in point] for key in shape["keys"]}
        levels = {frame: [(level, 0.0)] for frame, level in shape["levels"]}
        shown = [frame for frame in PLATE.frames if straight(levels, frame)[0][0] > 0]
        return Drawn(ends(shown), shape["blend"] == "MERGE_SUBTRACT", lambda frame: straight(keys, frame))

    @staticmethod
    def _place(x: float, y: float) -> tuple[float, float]:
        """Return where a mask's position lies on a clip: both axes count in the larger side, about the middle."""
        high = PLATE.height / PLATE.pixel_aspect
        larger = max(PLATE.width, high)
        return PLATE.width / 2 + (x - 0.5) * larger, PLATE.height / 2 - (y - 0.5) * larger * PLATE.pixel_aspect


class Mlt:
    """The filters of a document, which tests/interop has `melt` render."""

    def make(self) -> MltSink:
        return MltSink(PLATE)

    def read(self, sink: ShapeSink) -> list[Drawn]:
        assert isinstance(sink, MltSink)
        filters: Any = minidom.parseString(sink.text()).getElementsByTagName("filter")  # noqa: S318 - our own text
        return list(map(self._drawn, filters))

    @staticmethod
    def _drawn(element: Any) -> Drawn:  # noqa: ANN401 - an element of the document
        facts = {each.getAttribute("name"): each.firstChild.data for each in element.getElementsByTagName("property")}
        first = PLATE.frames.first
        keys = {
            first + int(frame): [
                (x * PLATE.width, y * PLATE.height) for into, on, out in points for x, y in (on, into, out)
            ]
            for frame, points in json.loads(facts["spline"]).items()
        }
        shown = [frame for frame in PLATE.frames if min(straight(keys, frame))[0] > -PLATE.width]
        return Drawn(ends(shown), facts["alpha_operation"] == "sub", lambda frame: straight(keys, frame))


def straight(keys: dict[int, Outline], frame: float) -> Outline:
    """Return keys joined by straight lines, held before the first and after the last."""
    start = max((time for time in keys if time <= frame), default=min(keys))
    end = min((time for time in keys if time >= frame), default=max(keys))
    share = (frame - start) / (end - start) if end > start else 0.0
    return [(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share) for (x0, y0), (x1, y1) in zip(keys[start], keys[end])]


def ends(shown: list[int]) -> FrameRange:
    assert shown == list(range(shown[0], shown[-1] + 1)), "a lifetime has no gap"
    return FrameRange(shown[0], shown[-1])


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


KINDS: dict[str, Kind] = {
    "recording": Recording(),
    "json": Json(),
    "nuke": Nuke(),
    "after effects": Jsx(),
    "silhouette": Reread(".fxs", lambda: SilhouetteSink(PLATE)),
    "fusion": Reread(".setting", lambda: FusionSink(PLATE)),
    "lottie": Reread(".lottie.json", lambda: LottieSink(PLATE)),
    "bodymovin": Reread(".bodymovin.json", lambda: LottieSink(PLATE, LottieForm.MASKS)),
    "svg": Reread(".svg", lambda: SvgSink(PLATE)),
    "blender": Blender(),
    "mlt": Mlt(),
}

every_sink = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def outline(frame: int, drift: float = 0.0) -> ShapeKeyframe:
    """A lopsided outline low on the right, partly outside the plate, that turns back on itself over the frames."""
    sway = drift + 60 * math.sin(frame)
    return ShapeKeyframe(
        frame,
        (
            ControlPoint(1500 + sway, 700, -40, 12, 40, -12),
            ControlPoint(2100, 760 - sway / 2, 3, -30, -3, 30 + sway / 9),
            ControlPoint(1600 - sway, 900 + drift, 0, 0, -25, -7, corner=True),
        ),
    )


BODY = Shape("body", tuple(map(outline, (1001, 1006, 1013, 1024))), FrameRange(1001, 1024))
HOLE = Shape(
    "hole",
    (outline(1003, 5.0), outline(1011, 9.0), outline(1020, 2.0)),
    FrameRange(1003, 1020),
    invert=True,
    interpolation=Interpolation.SMOOTH,
)
STILL = Shape("still", (outline(1010),), FrameRange(1010, 1010))
ROTO = Roto(PLATE, (BODY, HOLE, STILL))


@every_sink
def test_shapes_come_out_in_paint_order_with_their_lifetimes_and_sense(kind: Kind) -> None:
    sink = kind.make()
    draw(ROTO, sink)
    assert [(drawn.lifetime, drawn.cuts) for drawn in kind.read(sink)] == [
        (shape.lifetime, shape.invert) for shape in ROTO.shapes
    ]


@every_sink
def test_outlines_come_out_where_they_went_in_on_every_frame(kind: Kind) -> None:
    sink = kind.make()
    draw(ROTO, sink)
    for shape, drawn in zip(ROTO.shapes, kind.read(sink)):
        for frame in shape.lifetime:
            assert farthest(drawn.outline(frame), corners(evaluate(shape, frame))) <= 0.05 + 1e-3


@every_sink
@pytest.mark.parametrize("fault", ["y up", "a frame late", "pixel centres", "tangents", "first point"])
def test_the_comparison_sees_a_wrong_outline(kind: Kind, fault: str) -> None:
    sink = kind.make()
    draw(Roto(PLATE, tuple(replace(shape, keyframes=spoilt(shape, fault)) for shape in ROTO.shapes)), sink)
    body, drawn = ROTO.shapes[0], kind.read(sink)[0]
    assert max(farthest(drawn.outline(frame), corners(evaluate(body, frame))) for frame in body.lifetime) > 0.4


@every_sink
def test_the_keyframes_that_are_added_count_not_those_the_shape_came_with(kind: Kind) -> None:
    sink = kind.make()
    sink.begin_shape(BODY)
    for keyframe in HOLE.keyframes:
        sink.add_keyframe(keyframe)
    sink.end_shape()
    (drawn,) = kind.read(sink)
    assert farthest(drawn.outline(1011), corners(HOLE.keyframes[1].points)) < 1e-3


@every_sink
def test_a_sink_that_receives_nothing_holds_nothing(kind: Kind) -> None:
    sink = kind.make()
    draw(Roto(PLATE), sink)
    assert kind.read(sink) == []


@every_sink
def test_a_shape_must_end_before_the_next_begins(kind: Kind) -> None:
    sink = kind.make()
    sink.begin_shape(BODY)
    with pytest.raises(ValueError, match="'hole' begins before shape 'body' has ended"):
        sink.begin_shape(HOLE)


@every_sink
def test_a_keyframe_needs_a_shape(kind: Kind) -> None:
    sink = kind.make()
    with pytest.raises(ValueError, match="keyframe 1001 comes before a shape was begun"):
        sink.add_keyframe(BODY.keyframes[0])
    draw(ROTO, sink)
    with pytest.raises(ValueError, match="keyframe 1001 comes before a shape was begun"):
        sink.add_keyframe(BODY.keyframes[0])


@every_sink
def test_only_a_shape_that_was_begun_can_end(kind: Kind) -> None:
    with pytest.raises(ValueError, match="comes before a shape was begun"):
        kind.make().end_shape()


@every_sink
def test_keyframes_must_rise(kind: Kind) -> None:
    sink = kind.make()
    sink.begin_shape(BODY)
    sink.add_keyframe(BODY.keyframes[1])
    sink.add_keyframe(BODY.keyframes[0])
    with pytest.raises(ValueError, match="do not rise"):
        sink.end_shape()


@every_sink
def test_a_shape_without_keyframes_is_refused(kind: Kind) -> None:
    sink = kind.make()
    sink.begin_shape(BODY)
    with pytest.raises(ValueError, match="has no keyframe"):
        sink.end_shape()


def spoilt(shape: Shape, fault: str) -> tuple[ShapeKeyframe, ...]:
    faults: dict[str, Callable[[ControlPoint], ControlPoint]] = {
        "y up": lambda p: p._replace(y=PLATE.height - p.y),
        "a frame late": lambda p: p,
        "first point": lambda p: p,
        "pixel centres": lambda p: p._replace(x=p.x + 0.5, y=p.y + 0.5),
        "tangents": lambda p: p._replace(in_x=p.out_x, in_y=p.out_y, out_x=p.in_x, out_y=p.in_y),
    }
    late = 1 if fault == "a frame late" else 0
    turned = 1 if fault == "first point" else 0
    return tuple(
        ShapeKeyframe(key.frame + late, tuple(map(faults[fault], key.points[turned:] + key.points[:turned])))
        for key in shape.keyframes
    )


def farthest(a: Outline, b: Outline) -> float:
    assert len(a) == len(b)
    return max(map(math.dist, a, b))
