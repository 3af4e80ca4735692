"""Layers: where a layered shape lies, and the same motion without the layer."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate, flatten, is_clockwise
from roto_shapes.formats import encode, export
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.layers import bake, baked, bend_px, evaluate_on_plate, placement, straightened
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


CARD = ((40.0, 60.0), (160.0, 60.0), (160.0, 140.0), (40.0, 140.0))
"""A card about the pivot; its four corners tell all that a layer does."""


def solved(corners: list[tuple[float, float]], x: float, y: float) -> tuple[float, float]:
    """Return where the map that takes the card to four corners takes a position, by bilinear algebra of the square.

    The construction of a quadrilateral from the unit square: Heckbert, Fundamentals of Texture Mapping, 1989.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    whole = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / whole, (dx1 * sy - sx * dy1) / whole
    u, v = (x - 40) / 120, (y - 60) / 80
    w = g * u + h * v + 1
    across = (x1 - x0 + g * x1) * u + (x3 - x0 + h * x3) * v + x0
    down = (y1 - y0 + g * y1) * u + (y3 - y0 + h * y3) * v + y0
    return across / w, down / w


def tilted(*, x: float = 0, turn: float = 0, tilt: float = 0.003, rule: Interpolation = Interpolation.LINEAR) -> Layer:
    near = LayerKeyframe(21, x, -x / 2, turn, 1.2, 0.8, 0.1, (tilt, -tilt / 2))
    return a_layer(LayerKeyframe(1, aspect=1.1), near, rule=rule, name="tilt")


def logo(layer: Layer, rule: Interpolation = Interpolation.LINEAR, *, closed: bool = True) -> Shape:
    """Return a rounded square of few long segments, which perspective bends most."""
    points = tuple(
        ControlPoint(x, y, -dx * 20, -dy * 20, dx * 20, dy * 20, feather=(3, 2))
        for x, y, dx, dy in ((100, 60, 1, 0), (160, 100, 0, 1), (100, 140, -1, 0), (40, 100, 0, -1))
    )
    moved = tuple(point._replace(x=point.x + 4, out_y=point.out_y + 3) for point in points)
    keys = (ShapeKeyframe(1, points), ShapeKeyframe(21, moved))
    return Shape("logo", keys, FrameRange(1, 21), closed, interpolation=rule, layer=layer)


@given(
    frame=st.floats(1, 21),
    turn=st.floats(-400, 400),
    tilt=st.floats(-0.005, 0.005),
    at=st.tuples(st.floats(40, 160), st.floats(60, 140)),
)
def test_a_layer_with_perspective_is_the_map_that_its_four_corners_tell(
    frame: float, turn: float, tilt: float, at: tuple[float, float]
) -> None:
    place = placement(tilted(x=30, turn=turn, tilt=tilt), frame)
    assert math.dist(place.position(*at), solved([place.position(*corner) for corner in CARD], *at)) < 1e-6


@given(frame=st.floats(-4, 30), turn=st.floats(-400, 400), tilt=st.floats(-0.005, 0.005), rule=RULES)
def test_perspective_never_turns_an_outline_inside_out(
    frame: float, turn: float, tilt: float, rule: Interpolation
) -> None:
    assert is_clockwise(evaluate_on_plate(logo(tilted(turn=turn, tilt=tilt, rule=rule), rule), frame))


def test_each_number_of_a_layer_does_what_its_name_says() -> None:
    def moved(key: LayerKeyframe, x: float, y: float) -> tuple[float, float]:
        return placement(a_layer(key), 1).position(x, y)

    assert moved(LayerKeyframe(1, aspect=2.0), 110, 110) == pytest.approx((120, 105))
    assert moved(LayerKeyframe(1, skew=0.5), 110, 120) == pytest.approx((120, 120))
    assert moved(LayerKeyframe(1, perspective=(0.01, 0.0)), 150, 130) == pytest.approx((100 + 50 / 1.5, 120))
    assert moved(LayerKeyframe(1, 7, -3, perspective=(0.01, 0.02)), 100, 100) == pytest.approx((107, 97))


def true_outline(shape: Shape, frame: int) -> list[tuple[float, float]]:
    """Return the image of the shape's own outline, every point of a fine polyline moved for itself."""
    assert shape.layer is not None
    place = placement(shape.layer, frame)
    return [place.position(x, y) for x, y in flatten(evaluate(shape, frame), 0.001, closed=shape.closed)]


def farthest(points: list[tuple[float, float]], polyline: list[tuple[float, float]]) -> float:
    """Return the largest distance of points from a closed polyline, over all its edges."""
    return max(min(to_edge(point, a, b) for a, b in zip(polyline, [*polyline[1:], polyline[0]])) for point in points)


def to_edge(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    ax, ay, bx, by = p[0] - a[0], p[1] - a[1], b[0] - a[0], b[1] - a[1]
    share = min(max((ax * bx + ay * by) / ((bx * bx + by * by) or 1.0), 0), 1)
    return math.hypot(ax - share * bx, ay - share * by)


def test_the_bend_of_beziers_under_perspective_is_stated() -> None:
    shape = logo(tilted(turn=30, tilt=0.004))
    assert bend_px(logo(tilted(tilt=0)), 21) == 0.0
    assert bend_px(shape, 1) < 1e-9
    measured = farthest(flatten(evaluate_on_plate(shape, 21), 0.01), true_outline(shape, 21))
    assert measured > 0.2
    assert bend_px(shape, 21) == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize("tolerance", [0.05, 0.3])
@pytest.mark.parametrize("rule", Interpolation)
def test_baking_perspective_follows_the_true_outline_on_every_frame(rule: Interpolation, tolerance: float) -> None:
    shape = logo(tilted(x=20, turn=50, tilt=0.004, rule=rule), rule)
    plain = bake(shape, tolerance)
    assert plain.layer is None
    assert plain.point_count > shape.point_count
    assert len(plain.keyframes) > len(shape.keyframes)
    for frame in range(1, 22, 4):
        drawn, wanted = flatten(evaluate(plain, frame), 0.002), true_outline(shape, frame)
        assert max(farthest(drawn[::5], wanted), farthest(wanted[::5], drawn)) <= tolerance + 0.01


def test_a_coarse_bake_of_perspective_keeps_the_points() -> None:
    assert bake(logo(tilted(tilt=0.001)), 2.0).point_count == 4


def test_points_inserted_for_perspective_keep_feather_and_an_open_outline_open() -> None:
    plain = bake(logo(tilted(tilt=0.004), closed=False), 0.02)
    assert not plain.closed
    assert plain.point_count > 4
    ends = [evaluate(plain, 1)[at] for at in (0, -1)]
    wanted = [evaluate_on_plate(logo(tilted(tilt=0.004)), 1)[at] for at in (0, -1)]
    assert len(ends) == len(wanted)
    assert all(math.dist(end[:2], true[:2]) < 0.02 for end, true in zip(ends, wanted))
    assert all(point.feather is not None for key in plain.keyframes for point in key.points)


def test_a_shape_beyond_the_horizon_of_its_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="reaches the horizon"):
        logo(tilted(tilt=0.02))


def test_json_with_perspective_is_of_version_three_and_comes_back() -> None:
    plate = Plate(200, 200, FrameRange(1, 21))
    roto = Roto(plate, (logo(tilted(turn=33.3)),))
    text = encode(roto, ".json")
    assert json.loads(text)["version"] == 3
    assert read_roto(text) == roto
    jsonschema.validate(json.loads(text), json.loads(SCHEMA.read_text(encoding="utf-8")))
    with pytest.raises(ValueError, match=r"shapes\[0\]: .*horizon"):
        read_roto(text.replace("0.003", "0.03"))
    with pytest.raises(ValueError, match=r"layers\[0\]\.keyframes\[1\]\.perspective must hold 2 numbers"):
        read_roto(text.replace("[0.003, -0.0015]", "[0.003]"))


def smooth_motion(seed: int) -> Shape:
    dice = random.Random(seed)  # noqa: S311 - test data, not secrets
    keys = []
    for frame in (1, 9, 21, 40):
        dx, dy = dice.uniform(-30, 30), dice.uniform(-30, 30)
        points = tuple(
            p._replace(x=p.x + dx, y=p.y + dy + dice.uniform(-3, 3), out_x=dice.uniform(2, 9)) for p in SQUARE
        )
        keys.append(ShapeKeyframe(frame, points))
    return Shape("box", tuple(keys), FrameRange(1, 40), interpolation=Interpolation.SMOOTH)


def fewest(shape: Shape, tolerance_px: float) -> int:
    """Return the fewest keyframes, its own and others, whose lines keep a motion: by trying all ways to each frame."""
    truth = {frame: corners(evaluate(shape, frame)) for frame in range(1, 41)}

    def strays(start: int, end: int) -> bool:
        line = [
            [a + (b - a) * (frame - start) / (end - start) for a, b in zip(truth[start], truth[end])]
            for frame in range(start + 1, end)
        ]
        wanted = [truth[frame] for frame in range(start + 1, end)]
        return any(abs(a - b) > tolerance_px for row, other in zip(line, wanted) for a, b in zip(row, other))

    own = [key.frame for key in shape.keyframes]
    count = {own[0]: 1}
    for start, end in zip(own, own[1:]):
        for frame in range(start + 1, end + 1):
            count[frame] = 1 + min(count[at] for at in range(start, frame) if not strays(at, frame))
    return count[own[-1]]


def corners(points: tuple[ControlPoint, ...]) -> list[complex]:
    found = []
    for p in points:
        at = complex(p.x, p.y)
        found += [
            at,
            at + complex(p.in_x, p.in_y),
            at + complex(p.out_x, p.out_y),
            at + complex(*(p.feather or (0, 0))),
        ]
    return found


@pytest.mark.parametrize("tolerance_px", [0.05, 0.5, 2.0])
def test_lines_get_about_as_few_keyframes_as_there_can_be(tolerance_px: float) -> None:
    made = best = 0
    for seed in range(6):
        shape = smooth_motion(seed)
        straight = straightened(shape, tolerance_px)
        assert {key.frame for key in shape.keyframes} <= {key.frame for key in straight.keyframes}
        for frame in range(1, 41):
            off = zip(corners(evaluate(straight, frame)), corners(evaluate(shape, frame)))
            assert max(abs(a - b) for a, b in off) <= tolerance_px + 1e-9
        made += len(straight.keyframes)
        best += fewest(shape, tolerance_px)
    assert made <= 1.05 * best


def test_a_long_pause_needs_no_keyframes_and_no_time() -> None:
    keys = (ShapeKeyframe(1, SQUARE), ShapeKeyframe(2_000, SQUARE), ShapeKeyframe(2_010, SQUARE))
    pause = Shape("box", keys, FrameRange(1, 2_010), interpolation=Interpolation.SMOOTH)
    assert [key.frame for key in straightened(pause).keyframes] == [1, 2_000, 2_010]
