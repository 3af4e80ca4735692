"""Layers: where a layered shape lies, and the same motion without the layer."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate
from roto_shapes.exporters import encode, export
from roto_shapes.exporters.rotolink_json import read_roto
from roto_shapes.layers import bake, baked, evaluate_on_plate
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "shapes.schema.json"
SQUARE = tuple(
    ControlPoint(x, y, -5, 3, 5, -3, feather=(2, 1)) for x, y in ((80, 80), (120, 80), (120, 120), (80, 120))
)
RULES = st.sampled_from(Interpolation)


def a_layer(*keys: LayerKeyframe, rule: Interpolation = Interpolation.LINEAR, name: str = "spin") -> Layer:
    return Layer(name, keys, (100.0, 100.0), rule)


def a_shape(layer: Layer, rule: Interpolation = Interpolation.LINEAR, name: str = "box") -> Shape:
    moved = tuple(point._replace(x=point.x + 6, in_y=9) for point in SQUARE)
    keys = (ShapeKeyframe(1, SQUARE), ShapeKeyframe(13, moved), ShapeKeyframe(21, SQUARE))
    return Shape(name, keys, FrameRange(1, 21), interpolation=rule, layer=layer)


def places(shape: Shape, frame: float) -> list[tuple[float, float]]:
    """Return points, both tangents' tips and feathers by complex numbers, another route than the product's."""
    layer = shape.layer
    assert layer is not None
    a, b = layer.keyframes
    u = min(max((frame - a.frame) / (b.frame - a.frame), 0), 1)
    turn = math.radians(a.rotation_deg + u * (b.rotation_deg - a.rotation_deg))
    factor = (a.scale + u * (b.scale - a.scale)) * complex(math.cos(turn), math.sin(turn))
    move = complex(a.x + u * (b.x - a.x), a.y + u * (b.y - a.y))
    pivot = complex(*layer.pivot)
    found = []
    for p in evaluate(shape, frame):
        across, down = p.feather or (0, 0)
        for dx, dy in ((0, 0), (p.in_x, p.in_y), (p.out_x, p.out_y), (across, down)):
            z = pivot + move + factor * (complex(p.x + dx, p.y + dy) - pivot)
            found.append((z.real, z.imag))
    return found


def tips(points: tuple[ControlPoint, ...]) -> list[tuple[float, float]]:
    return [
        (p.x + dx, p.y + dy)
        for p in points
        for dx, dy in ((0, 0), (p.in_x, p.in_y), (p.out_x, p.out_y), p.feather or (0, 0))
    ]


def test_a_quarter_turn_clockwise_carries_the_right_side_to_the_bottom() -> None:
    layer = a_layer(LayerKeyframe(1), LayerKeyframe(21, 7, -2, 90, 2))
    first = evaluate_on_plate(a_shape(layer), 21)[1]
    assert (first.x, first.y) == pytest.approx((100 + 7 + 40, 100 - 2 + 40))
    assert (first.out_x, first.out_y) == pytest.approx((6, 10))


@given(frame=st.floats(-4, 30), turn=st.floats(-400, 400), scale=st.floats(0.2, 4), x=st.floats(-90, 90), rule=RULES)
def test_a_layer_moves_each_of_its_numbers_on_its_own(
    frame: float, turn: float, scale: float, x: float, rule: Interpolation
) -> None:
    shape = a_shape(a_layer(LayerKeyframe(1, 3, 4), LayerKeyframe(21, x, -x, turn, scale), rule=rule), rule)
    for got, wanted in zip(tips(evaluate_on_plate(shape, frame)), places(shape, frame)):
        assert math.dist(got, wanted) < 1e-6


@settings(max_examples=20, deadline=None)
@given(turn=st.floats(-200, 200), scale=st.floats(0.3, 3), tolerance=st.sampled_from([0.05, 0.5, 2.0]), rule=RULES)
def test_baked_shapes_stay_within_the_tolerance_on_every_frame(
    turn: float, scale: float, tolerance: float, rule: Interpolation
) -> None:
    shape = a_shape(a_layer(LayerKeyframe(1), LayerKeyframe(21, 30, -20, turn, scale)), rule)
    plain = bake(shape, tolerance)
    assert plain.layer is None
    for frame in range(-3, 27):
        for got, wanted in zip(tips(evaluate(plain, frame)), places(shape, frame)):
            assert math.dist(got, wanted) <= tolerance + 1e-9


def test_a_layer_that_only_moves_needs_no_further_keyframes_when_baked() -> None:
    shape = a_shape(a_layer(LayerKeyframe(1), LayerKeyframe(21, 30, -20)))
    assert [key.frame for key in bake(shape, 0.01).keyframes] == [1, 13, 21]
    turning = a_shape(a_layer(LayerKeyframe(1), LayerKeyframe(21, 0, 0, 90)))
    assert len(bake(turning, 0.01).keyframes) > 10


def test_baking_keeps_locks_and_refuses_what_has_no_end() -> None:
    keys = (ShapeKeyframe(1, SQUARE), ShapeKeyframe(5, SQUARE, locked=True))
    shape = Shape("box", keys, FrameRange(1, 9), layer=a_layer(LayerKeyframe(1), LayerKeyframe(9, 0, 0, 90)))
    assert [key.frame for key in bake(shape, 0.1).keyframes if key.locked] == [5]
    with pytest.raises(ValueError, match="give one above zero"):
        bake(shape, 0.0)
    endless = Shape("box", keys, FrameRange(1, 9), layer=a_layer(LayerKeyframe(1), LayerKeyframe(2**30, 9)))
    with pytest.raises(ValueError, match="more than 100000 frames"):
        bake(endless, 0.1)


@pytest.mark.parametrize(
    "keys", [(), (LayerKeyframe(2), LayerKeyframe(2)), (LayerKeyframe(2), LayerKeyframe(1))], ids=str
)
def test_a_layer_needs_rising_keyframes(keys: tuple[LayerKeyframe, ...]) -> None:
    with pytest.raises(ValueError, match="must rise"):
        Layer("spin", keys)


def test_a_layer_needs_a_name_and_numbers_that_can_be_drawn() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        a_layer(LayerKeyframe(1), name="")
    with pytest.raises(ValueError, match="scale above zero"):
        LayerKeyframe(1, scale=0.0)
    with pytest.raises(ValueError, match="finite"):
        LayerKeyframe(1, rotation_deg=math.inf)
    with pytest.raises(ValueError, match="pivot"):
        Layer("spin", (LayerKeyframe(1),), (math.nan, 0.0))


def test_shapes_share_a_layer_and_two_layers_of_one_name_are_refused() -> None:
    plate = Plate(200, 200, FrameRange(1, 21))
    one, other = a_layer(LayerKeyframe(1)), a_layer(LayerKeyframe(1, 5))
    assert Roto(plate, (a_shape(one), a_shape(one, name="lid"))).layers == (one,)
    with pytest.raises(ValueError, match="layers of one name"):
        Roto(plate, (a_shape(one), a_shape(other, name="lid")))


def test_roto_without_layers_is_left_as_it_is() -> None:
    plate = Plate(200, 200, FrameRange(1, 21))
    roto = Roto(plate, (Shape("box", (ShapeKeyframe(1, SQUARE),), FrameRange(1, 21)),))
    assert baked(roto) == roto
    assert export(roto, ".json").notes == ()


def test_json_gives_layers_back_and_states_the_version_that_has_them() -> None:
    plate = Plate(200, 200, FrameRange(1, 21))
    layer = a_layer(LayerKeyframe(1), LayerKeyframe(21, 3.5, -2, 450, 0.7), rule=Interpolation.SMOOTH)
    roto = Roto(plate, (a_shape(layer), a_shape(layer, name="lid")))
    text = encode(roto, ".json")
    assert json.loads(text)["version"] == 2
    assert read_roto(text) == roto
    assert json.loads(encode(baked(roto), ".json"))["version"] == 1
    jsonschema.validate(json.loads(text), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_json_names_the_place_of_a_layer_that_is_missing_or_wrong() -> None:
    text = encode(Roto(Plate(200, 200, FrameRange(1, 21)), (a_shape(a_layer(LayerKeyframe(1))),)), ".json")
    with pytest.raises(ValueError, match=r"shapes\[0\]\.layer is 'gone'"):
        read_roto(text.replace('"layer": "spin"', '"layer": "gone"'))
    with pytest.raises(ValueError, match=r"layers\[0\]\.keyframes\[0\]: .*scale above zero"):
        read_roto(text.replace('"scale": 1.0', '"scale": 0.0'))
