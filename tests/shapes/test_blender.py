"""Our script run against a strict stand-in of Blender's interface to masks, as Blender 4.5 and 5.0 showed it."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from roto_shapes.curve import evaluate
from roto_shapes.formats import encode, export
from roto_shapes.shape import ControlPoint, Interpolation, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

POINTS = (
    ControlPoint(1500, 700, -40, 12, 40, -12),
    ControlPoint(2100, 760, 3, -30, -3, 30),
    ControlPoint(1600, 900, 0, 0, -25, -7, corner=True),
)
MOVED = tuple(p._replace(x=p.x + 30, y=p.y - 4, out_x=p.out_x + 5) for p in POINTS)
FRAMES = FrameRange(1001, 1024)
BODY = Shape(
    'k\u00f6rper """ ["b"] \\ \'\'\'\n',
    (ShapeKeyframe(1001, POINTS), ShapeKeyframe(1006, MOVED), ShapeKeyframe(1024, POINTS)),
    FRAMES,
)
HOLE = Shape("hole", (ShapeKeyframe(1003, MOVED), ShapeKeyframe(1009, POINTS)), FrameRange(1003, 1009), invert=True)
STILL = Shape("n" * 100, (ShapeKeyframe(1010, POINTS),), FrameRange(1010, 1024))
MADE_BY = MadeBy("sam2-tiny", "tiny--x.safetensors")
WIDE, TALL, WIDE_OF_TALL_PIXELS = Plate(2048, 858, FRAMES), Plate(858, 2048, FRAMES), Plate(2048, 858, FRAMES, "", 0.25)


class Point:
    __slots__ = ("co", "handle_left", "handle_left_type", "handle_right", "handle_right_type")

    def __init__(self) -> None:
        self.co = self.handle_left = self.handle_right = [0.0, 0.0]
        self.handle_left_type = self.handle_right_type = "AUTO"


class Points(list[Point]):
    def add(self, count: int) -> None:
        self.extend(Point() for _ in range(count))


class Spline:
    __slots__ = ("points", "use_cyclic")

    def __init__(self) -> None:
        self.points = Points([Point()])
        self.use_cyclic = False


class Splines(list[Spline]):
    def new(self) -> Spline:
        self.append(Spline())
        return self[-1]


class Layer:
    __slots__ = ("alpha", "blend", "name", "splines")

    def __init__(self, name: str) -> None:
        assert len(name.encode()) <= 63
        self.name, self.splines, self.alpha, self.blend = name, Splines(), 1.0, "MERGE_ADD"


class Layers(list[Layer]):
    def new(self, *, name: str) -> Layer:
        assert name not in [layer.name for layer in self], "Blender would rename it"
        self.append(Layer(name))
        return self[-1]


@dataclass
class Key:
    """A key; a new one eases, whatever the preferences say."""

    value: Any
    interpolation: str = "BEZIER"


@dataclass
class Mask:
    """A mask whose keys are evaluated on straight lines, for which each must have been told to be one."""

    name: str
    layered_actions: bool
    layers: Layers = field(default_factory=Layers)
    frame_start: int = 0
    frame_end: int = 0
    keys: dict[str, dict[int, Key]] = field(default_factory=dict)

    def keyframe_insert(self, *, data_path: str, frame: int) -> None:
        value = self.found(data_path)
        self.keys.setdefault(data_path, {})[frame] = Key(value if isinstance(value, (int, float)) else list(value))

    @property
    def animation_data(self) -> SimpleNamespace | None:
        if not self.keys:
            return None
        curves = [SimpleNamespace(keyframe_points=list(keys.values())) for keys in self.keys.values()]
        if not self.layered_actions:
            return SimpleNamespace(action=SimpleNamespace(fcurves=curves))
        bags = {"slot": SimpleNamespace(fcurves=curves)}
        strip = SimpleNamespace(channelbag=bags.__getitem__)
        action = SimpleNamespace(layers=[SimpleNamespace(strips=[strip])])
        return SimpleNamespace(action=action, action_slot="slot")

    def found(self, path: str) -> Any:  # noqa: ANN401 - a number or a pair
        found = re.fullmatch(
            r'layers\["((?:[^"\\]|\\.)*)"\]\.(alpha|splines\[0\]\.points\[(\d+)\]\.(\w+))', path, re.DOTALL
        )
        assert found is not None, path
        name = re.sub(r"\\(.)", r"\1", found[1].replace("\\n", "\n"))
        (layer,) = (layer for layer in self.layers if layer.name == name)
        return layer.alpha if found[2] == "alpha" else getattr(layer.splines[0].points[int(found[3])], found[4])

    def at(self, path: str, frame: int) -> Any:  # noqa: ANN401 - a number or a pair
        keys = self.keys.get(path)
        if keys is None:
            return self.found(path)
        start = max((time for time in keys if time <= frame), default=min(keys))
        end = min((time for time in keys if time >= frame), default=max(keys))
        share = (frame - start) / (end - start) if end > start else 0.0
        assert keys[start].interpolation == keys[end].interpolation == "LINEAR"
        here, there = keys[start].value, keys[end].value
        if isinstance(here, (int, float)):
            return here + (there - here) * share
        return [a + (b - a) * share for a, b in zip(here, there)]


def escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def built(text: str, monkeypatch: pytest.MonkeyPatch, *, layered_actions: bool = False) -> Mask:
    """Return the mask that a script builds, in a Blender before 5.0 or, with layered actions, from there on."""
    masks: list[Mask] = []

    def new(*, name: str) -> Mask:
        masks.append(Mask(name, layered_actions))
        return masks[-1]

    bpy = SimpleNamespace(
        data=SimpleNamespace(masks=SimpleNamespace(new=new)),
        utils=SimpleNamespace(escape_identifier=escaped),
    )
    monkeypatch.setitem(sys.modules, "bpy", bpy)
    exec(compile(text, "shapes.blender.py", "exec"), {})  # noqa: S102 - our own script
    (mask,) = masks
    return mask


def outline(mask: Mask, layer: Layer, plate: Plate, frame: int) -> list[tuple[float, float]]:
    """Return points and both tips in pixels from the top left, as Blender lays a mask over a clip."""
    high = plate.height / plate.pixel_aspect
    made = []
    for index in range(len(layer.splines[0].points)):
        for name in ("co", "handle_left", "handle_right"):
            x, y = mask.at(f'layers["{escaped(layer.name)}"].splines[0].points[{index}].{name}', frame)
            if plate.width > high:
                y = (y - 0.5) / (high / plate.width) + 0.5
            elif plate.width < high:
                x = (x - 0.5) / (plate.width / high) + 0.5
            made.append((x * plate.width, (1 - y) * plate.height))
    return made


def tips(shape: Shape, frame: int) -> list[tuple[float, float]]:
    return [
        (p.x + dx, p.y + dy)
        for p in evaluate(shape, frame)
        for dx, dy in ((0, 0), (p.in_x, p.in_y), (p.out_x, p.out_y))
    ]


@pytest.mark.parametrize("layered_actions", [False, True])
@pytest.mark.parametrize("plate", [WIDE, TALL, WIDE_OF_TALL_PIXELS, Plate(900, 900, FRAMES)])
def test_the_mask_has_every_outline_on_every_frame(
    plate: Plate, monkeypatch: pytest.MonkeyPatch, *, layered_actions: bool
) -> None:
    shapes = (BODY, HOLE, STILL)
    text = encode(Roto(plate, shapes, MADE_BY), ".blender.py")
    mask = built(text, monkeypatch, layered_actions=layered_actions)
    assert (mask.name, mask.frame_start, mask.frame_end) == ("Rotolink", 1001, 1024)
    assert [(layer.name, layer.blend) for layer in mask.layers] == [
        (BODY.name, "MERGE_ADD"), ("hole", "MERGE_SUBTRACT"), ("n" * 58, "MERGE_ADD"),
    ]  # fmt: skip
    for shape, layer in zip(shapes, mask.layers):
        assert layer.splines[0].use_cyclic
        assert {p.handle_left_type for p in layer.splines[0].points} == {"FREE"}
        for frame in FRAMES:
            assert mask.at(f'layers["{escaped(layer.name)}"].alpha', frame) == (frame in shape.lifetime)
            for place, wanted in zip(outline(mask, layer, plate, frame), tips(shape, frame)):
                assert math.dist(place, wanted) < 1e-3


@pytest.mark.parametrize(
    "wrong",
    [
        lambda text: text.replace('"frame":1006', '"frame":1007'),
        lambda text: text.replace("(co, left, right)", "(co, right, left)"),
        lambda text: re.sub(r'"points":\[\[\[([\d.]+),([\d.]+)\]', r'"points":[[[\2,\1]', text),
    ],
    ids=["frame", "handles", "axes"],
)
def test_a_wrong_script_would_be_noticed(wrong: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = encode(Roto(WIDE, (BODY,)), ".blender.py")
    assert wrong(text) != text
    mask = built(wrong(text), monkeypatch)
    off = (
        math.dist(a, b)
        for frame in FRAMES
        for a, b in zip(outline(mask, mask.layers[0], WIDE, frame), tips(BODY, frame))
    )
    assert max(off) > 0.1


def test_what_a_mask_cannot_hold_is_told_or_refused() -> None:
    made = export(Roto(WIDE, (replace(BODY, interpolation=Interpolation.SMOOTH),)), ".blender.py")
    assert "moves smoothly and Blender joins keyframes by straight lines" in made.notes[0]
    with pytest.raises(ValueError, match="is open"):
        encode(Roto(WIDE, (replace(BODY, closed=False),)), ".blender.py")
