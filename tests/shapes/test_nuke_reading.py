from __future__ import annotations

import math
import random
import struct
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate
from roto_shapes.difference import distances
from roto_shapes.formats import encode, read_shapes
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.reading import Given, Reading
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "nuke"
PLATE = Plate(2048, 858, FrameRange(1001, 1040), pixel_aspect=2.0)
GIVEN = Given(frames=PLATE.frames)
TRIANGLE = (
    ControlPoint(10, 20, -3, 1, 3, -1),
    ControlPoint(300, 40, 0, -9, 0, 9),
    ControlPoint(90, 500, 7, 1, -7, 9, corner=True),
)


def single(number: float) -> float:
    value: float = struct.unpack(">f", struct.pack(">f", number))[0]
    return value


def some_shape(seed: int, frames: tuple[int, ...], *, feather: bool = False, **facts: Any) -> Shape:  # noqa: ANN401
    dice = random.Random(seed)  # noqa: S311 - test data, not secrets

    def key(frame: int) -> ShapeKeyframe:
        numbers = [[single(dice.uniform(-4000, 4000)) for _ in range(8)] for _ in range(4)]
        points = [ControlPoint._make((*n[:6], True, (n[6], n[7]) if feather else None)) for n in numbers]
        return ShapeKeyframe(frame, tuple(points))

    facts.setdefault("lifetime", PLATE.frames)
    return Shape(f"s{seed}", tuple(map(key, frames)), interpolation=Interpolation.SMOOTH, **facts)


def bits(shape: Shape) -> list[tuple[int, list[bytes]]]:
    """Return a shape's numbers as Nuke stores them."""
    return [
        (key.frame, [struct.pack(">f", n) for p in key.points for n in (p.x, 858 - p.y, *p[2:6], *(p.feather or ()))])
        for key in shape.keyframes
    ]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    frames=st.lists(st.integers(-2000, 9000), min_size=1, max_size=5, unique=True),
    feather=st.booleans(),
    invert=st.booleans(),
)
def test_smooth_shapes_come_back_to_the_bit(seed: int, frames: list[int], *, feather: bool, invert: bool) -> None:
    shape = some_shape(seed, tuple(sorted(frames)), feather=feather, invert=invert, colour=(1.0, 0.5, 0.25))
    floor = some_shape(seed + 1, (1001,))
    back = read_shapes(encode(Roto(PLATE, (floor, shape)), ".nk"), ".nk", GIVEN).roto
    assert (back.plate.width, back.plate.height, back.plate.pixel_aspect) == (2048, 858, 2)
    got = back.shapes[1]
    assert (got.name, got.lifetime, got.invert, got.colour) == (shape.name, shape.lifetime, shape.invert, shape.colour)
    assert bits(got) == bits(shape)


def test_paint_order_lifetimes_and_what_made_the_mattes_come_back() -> None:
    roto = Roto(
        PLATE,
        (
            some_shape(1, (1001, 1010), lifetime=FrameRange(1001, 1020)),
            some_shape(2, (1004,), lifetime=FrameRange(1003, 1012), invert=True),
            some_shape(3, (1030, 1031, 1040), lifetime=FrameRange(1021, 1040)),
        ),
        MadeBy("sam2-tiny", "tiny.pt 0123 Apache-2.0"),
    )
    back = read_shapes(encode(roto, ".nk"), ".nk", GIVEN)
    assert [(s.name, s.lifetime, s.invert) for s in back.roto.shapes] == [
        (s.name, s.lifetime, s.invert) for s in roto.shapes
    ]
    assert back.roto.made_by == roto.made_by
    assert back.notes == ()


SPIN = Layer(
    "spin",
    (LayerKeyframe(1001, 5, -3), LayerKeyframe(1020, 90, 40, 75, 1.5), LayerKeyframe(1040, 0, 0, 20, 0.75)),
    (150.0, 200.0),
    Interpolation.SMOOTH,
)
TILT = Layer(
    "tilt", (LayerKeyframe(1001), LayerKeyframe(1040, 60, 9, 30, 1.2, 1.1, 0.2, (4e-4, -2e-4))), (150.0, 200.0)
)


def on(layer: Layer) -> Roto:
    keys = (ShapeKeyframe(1001, TRIANGLE), ShapeKeyframe(1030, tuple(p._replace(x=p.x + 9) for p in TRIANGLE)))
    return Roto(PLATE, (Shape("card", keys, PLATE.frames, interpolation=Interpolation.SMOOTH, layer=layer),))


def test_a_layer_that_moves_turns_and_scales_comes_back_as_a_layer() -> None:
    back = read_shapes(encode(on(SPIN), ".nk"), ".nk", GIVEN).roto
    (layer,) = back.layers
    assert (layer.name, layer.interpolation, [key.frame for key in layer.keyframes]) == (
        "spin", Interpolation.SMOOTH, [1001, 1020, 1040],
    )  # fmt: skip
    assert max(each.px for each in distances(on(SPIN), back)) < 0.001


def test_a_layer_that_distorts_comes_back_in_the_points() -> None:
    back = read_shapes(encode(on(TILT), ".nk"), ".nk", GIVEN)
    assert back.roto.layers == ()
    assert "moves as a whole" in back.notes[0]
    frames = list(PLATE.frames)
    assert max(
        math.dist(a[:2], b[:2])
        for frame in frames
        for a, b in zip(evaluate_on_plate(on(TILT).shapes[0], frame), evaluate(back.roto.shapes[0], frame))
    ) < 0.15  # fmt: skip


SCRIPT = """\
Roto {
 inputs 0
 format "200 100 0 0 200 100 1 small"
 curves {{{v x3f99999a} {f 0} {n {layer Root {f 0} {t x42c80000 x42480000} {a}
  {layer inner {f 0} @transform {a}
   {curvegroup One 512 bezier {{cc {f 8192} {@points}} idem} {tx 1 0 0} {a @attributes}}}}}}}
 name Roto1
}
@head"""


def script(points: str, attributes: str = "", head: str = "", transform: str = "{t 0 0}") -> str:
    parts = {"points": points, "attributes": attributes, "head": head, "transform": transform}
    text = SCRIPT
    for name, part in parts.items():
        text = text.replace(f"@{name}", part)
    return text


SQUARE = " ".join(f"{{0 0}} {{{x} {y}}} {{0 0}}" for x, y in ((10, 10), (60, 10), (60, 40), (10, 40)))


def read(text: str, **known: Any) -> Reading:  # noqa: ANN401 - fields of Given
    return read_shapes(text, ".nk", Given(**known))


def places(reading: Reading, frame: float) -> list[tuple[float, float]]:
    return [(p.x, p.y) for p in evaluate(reading.roto.shapes[0], frame)]


def test_points_without_keys_are_still_and_y_is_turned_over() -> None:
    found = read(script(f"p {SQUARE}"))
    assert places(found, 5) == [(10, 90), (60, 90), (60, 60), (10, 60)]


def with_first_x(comp: str) -> str:
    return f"p {SQUARE.replace('{10 10}', '{' + comp + ' 10}', 1)}"


@pytest.mark.parametrize(
    ("comp", "wanted"),
    [
        ("{{1 10 -} {5 30 0 1 0 1}}", {1: 10, 3: 20, 5: 30, 9: 30}),
        ("{{1 10} {5} {9 30}}", {1: 10, 3: 10, 5: 10, 9: 30}),
        ("{r {{{1 10} 3} {{4 20} 2}}}", {1: 10, 3: 10, 4: 20, 5: 20}),
        ("{=frame*2 12}", {1: 12, 8: 12}),
        ('{"=a\\ b" {{1 10} {5 30}}}', {1: 10, 5: 30}),
        ("x41200000", {1: 10}),
        ("xa", {1: 0}),
    ],
)
def test_every_way_to_write_a_number_over_time_is_read(comp: str, wanted: dict[int, float]) -> None:
    found = read(script(with_first_x(comp)), frames=FrameRange(1, 10))
    assert {frame: places(found, frame)[0][0] for frame in wanted} == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize(
    ("comp", "wanted"),
    [
        ("{10 20 30}", [10, 20, 30]),
        ("{{10 -} {20 1 1 1 1} {30 -}}", [10, 20, 30]),
        ("{{x 2 10} 30}", [10, 10, 30]),
        ("{10}", [10, 10, 10]),
        ("10", [10, 10, 10]),
    ],
)
def test_every_way_to_write_keys_on_shared_times_is_read(comp: str, wanted: list[float]) -> None:
    points = with_first_x(comp).replace("p ", "px {2 4 9} ", 1)
    found = read(script(points))
    assert [key.frame for key in found.roto.shapes[0].keyframes] == [2, 4, 9]
    assert [places(found, frame)[0][0] for frame in (2, 4, 9)] == wanted


def test_keys_that_stand_apart_keep_the_motion_within_the_bound() -> None:
    points = f"p {SQUARE.replace('{10 10}', '{{{1 0} {7 40} {20 10}} {{3 50} {12 0} {15 9}}}', 1)}"
    found = read(script(points), frames=FrameRange(1, 20))
    # Nuke's own numbers for (1,0) (7,40) (20,10): a peak in the middle, so slopes 10, 0, and -45/13 * ... by its rule.
    assert places(found, 7)[0][0] == pytest.approx(40, abs=0.05)
    assert places(found, 12)[0][1] == pytest.approx(100 - 0, abs=0.05)
    assert "keys of their own" in found.notes[0]


@pytest.mark.parametrize(
    ("attributes", "spans"),
    [
        ("ltt 0 ltn 3 ltm 5", [(1, 10)]),
        ("ltt 1 ltn 3 ltm 5", [(1, 5)]),
        ("ltt 2 ltn 3 ltm 5", [(3, 3)]),
        ("ltt 3 ltn 3 ltm 5", [(3, 10)]),
        ("ltt 4 ltn 3 ltm 5", [(3, 5)]),
        ("vis {{1 1} {4 1} {5 0} {8 0} {9 1}}", [(1, 4), (9, 10)]),
        ("vis 0", []),
    ],
)
def test_lifetimes_and_visibility_are_frames(attributes: str, spans: list[tuple[int, int]]) -> None:
    found = read(script(f"p {SQUARE}", attributes), frames=FrameRange(1, 10))
    assert [(s.lifetime.first, s.lifetime.last) for s in found.roto.shapes] == spans


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ("opc 0.5", "opc"),
        ("inv 1", "inv"),
        ("fx 3", "fx"),
        ("bm 4", "blended by mode 4"),
        ("a {{1 0} {9 1}}", "attribute a"),
    ],
)
def test_what_shapes_do_not_have_is_told(attributes: str, told: str) -> None:
    assert told in " ".join(read(script(f"p {SQUARE}", attributes)).notes)


def test_a_transform_whose_numbers_work_together_in_an_unknown_way_is_told_and_left_out() -> None:
    found = read(script(f"p {SQUARE}", transform="{t 0 0 0 1 1 0 0 0 9 1 1 1 0.5}"))
    assert found.roto.shapes == ()
    assert "left out" in found.notes[0]


def test_a_still_transform_moves_the_points() -> None:
    found = read(script(f"p {SQUARE}", transform="{t 10 10 0 5 0 0 0 0 90 2 2 1 0}"))
    # (60, 10) lies 50 right of the pivot: 100 above it, then 5 to the right.
    assert places(found, 1)[1] == pytest.approx((15, 100 - 110))


def test_frames_rate_and_format_of_the_script_are_taken() -> None:
    head = 'Root {\n format "640 480 0 0 640 480 1 x"\n first_frame 1001\n last_frame 1100\n fps 25\n}\n'
    found = read(script(f"p {SQUARE}", head=head)).roto.plate
    assert (found.width, found.height, found.frames, found.frame_rate) == (200, 100, FrameRange(1001, 1100), 25)


def test_a_spline_becomes_a_bezier_of_the_same_outline() -> None:
    text = script("p {10 10} {60 10} {60 40} {10 40}").replace("bezier", "bspline")
    found = read(text)
    assert places(found, 1)[0] == pytest.approx(((10 * 5 + 60) / 6, 100 - (10 * 5 + 40) / 6))
    assert "B-spline" in found.notes[0]


def test_several_nodes_and_groups_are_read_and_names_stay_apart() -> None:
    one = script(f"p {SQUARE}")
    found = read(
        f"set cut_paste_input [stack 0]\nversion 15.0 v4\nGroup {{\n name g\n}}\n{one}end_group\npush 0\n{one}"
    )
    assert [shape.name for shape in found.roto.shapes] == ["One", "One_2"]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.nk")), ids=lambda path: path.name)
def test_real_files_come_back_alike_when_they_are_written_again(path: Path) -> None:
    found = read(path.read_text(encoding="utf-8")).roto
    closed = Roto(found.plate, tuple(shape for shape in found.shapes if shape.closed))
    again = read(encode(closed, ".nk"), frames=found.plate.frames).roto
    assert max((each.px for each in distances(closed, again)), default=0) < 1e-3
    assert not any(each.missing for each in distances(closed, again) if not again.shapes)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: this script has no Roto"),
        ("\x00\x01", "encrypted"),
        ("Roto {\n curves {{{v 1}", "line 1: a brace is never closed"),
        ('Roto {\n\n curves {AddMode 0 1 0 7 AnimTree: ""}\n}', "line 3: these are shapes of Nuke 6"),
        (script("p {0 0} {1 2}"), "its outline is not whole"),
        (script("px {1 2} {{0 0}}"), "its outline is not whole"),
        (script("px {2 1} {{0 0}}"), "do not rise"),
        (script("px {1 2} {{0 0 0} 0}"), "more keys than the 2 times"),
        (script("p {0 0} {x7f800000 2} {0 0}"), "line 6: 'x7f800000' stands where a finite number belongs"),
        (script("p {0 0} {oops 2} {0 0}"), "'oops' stands where a finite number belongs"),
        (script("p " + "{" * 600 + "}" * 600), "more than 500 deep"),
        (script(f"p {SQUARE}").replace('"200 100 0 0 200 100 1 small"', '"a b 0 0 200 100 1 small"'), "no number"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(text)


@cache
def whole_script() -> str:
    shapes = (some_shape(1, (1001, 1010), feather=True), some_shape(2, (1004,), invert=True))
    return encode(Roto(PLATE, (*shapes, *on(SPIN).shapes)), ".nk")


@settings(max_examples=100)
@given(data=st.data())
def test_damaged_files_end_in_shapes_or_one_sentence(data: st.DataObject) -> None:
    text = whole_script()
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start, min(start + 60, len(text))))
    put = data.draw(st.sampled_from(["", "{", "}", "{}", "x7fc00000", "1e999", '"', "-", "{x 9999999 1}", "\\"]))
    with suppress(ValueError):
        read_shapes(text[:start] + put + text[stop:], ".nk")
