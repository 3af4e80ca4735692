from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import lua_tables
import pytest
from fusion_by_lua import Fusion
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate
from roto_shapes.difference import distances
from roto_shapes.formats import encode, export, read_shapes
from roto_shapes.formats.lua_table import Table, dump, parse
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Interpolation, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "fusion"
PLATE = Plate(2048, 858, FrameRange(1001, 1024), "shot", pixel_aspect=2.0, frame_rate=25.0)
POINTS = (
    ControlPoint(1500, 700, -40, 12, 40, -12),
    ControlPoint(2100, 760, 3, -30, -3, 30),
    ControlPoint(1600, 900, 0, 0, -25, -7, corner=True),
)
ENDINGS = [".setting", ".comp"]


def moved(dx: float, dy: float) -> tuple[ControlPoint, ...]:
    return tuple(p._replace(x=p.x + dx, y=p.y + dy, out_x=p.out_x + dx / 9) for p in POINTS)


BODY = Shape(
    "körper \"a\" 'b' \\",
    (ShapeKeyframe(1001, POINTS), ShapeKeyframe(1006, moved(30, -4)), ShapeKeyframe(1024, moved(-9, 50))),
    PLATE.frames,
    colour=(1.0, 0.5, 0.25),
)
HOLE = Shape(
    "1 hole", (ShapeKeyframe(1003, moved(5, 5)), ShapeKeyframe(1009, POINTS)), FrameRange(1003, 1009), invert=True
)
STILL = Shape("still", (ShapeKeyframe(1010, POINTS),), FrameRange(1010, 1024))
ROTO = Roto(PLATE, (BODY, HOLE, STILL), MadeBy("sam2-tiny", "tiny.safetensors"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_shapes_come_back_as_they_were(ending: str) -> None:
    read = read_shapes(encode(ROTO, ending), ending)
    assert read.notes == ()
    assert read.roto.plate == PLATE
    assert read.roto.made_by == ROTO.made_by
    for shape, other in zip(ROTO.shapes, read.roto.shapes):
        assert (shape.name, shape.lifetime, shape.invert, shape.colour) == (
            other.name, other.lifetime, other.invert, other.colour,
        )  # fmt: skip
        assert [key.frame for key in shape.keyframes] == [key.frame for key in other.keyframes]
    assert max(each.px for each in distances(ROTO, read.roto)) < 1e-9
    assert encode(read.roto, ending) == encode(ROTO, ending)


def tips(points: tuple[ControlPoint, ...]) -> list[tuple[float, float]]:
    return [(p.x + dx, p.y + dy) for p in points for dx, dy in ((0, 0), (p.in_x, p.in_y), (p.out_x, p.out_y))]


@pytest.mark.parametrize("ending", ENDINGS)
def test_lua_finds_every_outline_where_it_belongs_on_every_frame(ending: str) -> None:
    shown = Fusion(encode(ROTO, ending))
    assert shown.masks() == ["k_rper__a___b___", "_1_hole", "still"]
    for mask, shape in zip(shown.masks(), ROTO.shapes):
        for frame in PLATE.frames:
            assert (shown.level(mask, frame) > 0) == (frame in shape.lifetime)
            for place, wanted in zip(shown.outline(mask, frame + 0.25), tips(evaluate(shape, frame + 0.25))):
                assert math.dist(place, wanted) < 1e-9


def test_each_mask_paints_over_the_one_before_and_holes_take_away() -> None:
    shown = Fusion(encode(ROTO, ".setting"))
    body, hole, still = shown.masks()
    assert "EffectMask" not in shown.inputs(body)
    assert shown.inputs(hole)["EffectMask"] == ("Input", {"SourceOp": body, "Source": "Mask"})
    assert shown.inputs(still)["EffectMask"] == ("Input", {"SourceOp": hole, "Source": "Mask"})
    assert shown.inputs(hole)["PaintMode"] == ("Input", {"Value": ("FuID", {1: "Subtract"})})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RX = 0.01953125", "RX = -0.01953125"),
        ("[1006] =", "[1007] ="),
        ("Y = -0.31", "Y = 0.31"),
        ("X = 0.2", "X = 0.21"),
    ],
)
def test_a_wrong_tangent_frame_axis_or_point_would_be_noticed(old: str, new: str) -> None:
    text = encode(ROTO, ".setting")
    assert old in text
    shown = Fusion(text.replace(old, new, 1))
    frames = range(1001, 1025)
    mask = shown.masks()[0]
    assert any(math.dist(a, b) > 0.01 for f in frames for a, b in zip(shown.outline(mask, f), tips(evaluate(BODY, f))))


def test_smooth_motion_gets_keyframes_until_straight_lines_agree() -> None:
    smooth = Roto(PLATE, (Shape("s", BODY.keyframes, PLATE.frames, interpolation=Interpolation.SMOOTH),))
    made = export(smooth, ".setting")
    assert "moves smoothly and Fusion joins keyframes by straight lines" in made.notes[0]
    assert max(each.px for each in distances(smooth, read_shapes(made.text, ".setting").roto)) <= 0.05


def test_an_open_shape_is_refused() -> None:
    line = Shape("line", (ShapeKeyframe(1001, POINTS),), PLATE.frames, closed=False)
    with pytest.raises(ValueError, match="'line' is open"):
        encode(Roto(PLATE, (line,)), ".setting")


MASK = """{ Tools = { Mask1 = PolylineMask { Inputs = { %s
  Polyline = Input { Value = Polyline { Closed = true, Points = {
    { X = -0.25, Y = 0.25 }, { X = 0.25, Y = 0.25, LX = 9 , Linear = true}, { X = 0.25, Y = -0.25 } } } } } } } }"""


def test_a_mask_that_an_artist_placed_is_read_where_it_lies() -> None:
    text = MASK % "Center = Input { Value = { 0.75, 0.5 } }, Size = Input { Value = 2 },"
    (shape,) = read_shapes(text, ".setting", Given((800, 400), FrameRange(5, 9))).roto.shapes
    first, linear, last = shape.keyframes[0].points
    assert (first.x, first.y) == (200, 0)
    assert (last.x, last.y) == (1000, 400)
    assert (linear.in_x, linear.in_y, linear.out_y) == pytest.approx((-800 / 3, 0, 400 / 3))
    assert shape.lifetime == FrameRange(5, 9)


def test_a_turned_mask_turns_as_the_picture_is_seen() -> None:
    text = MASK % "ZRotation = Input { Value = 90 },"
    read = read_shapes(text, ".setting", Given((800, 400), pixel_aspect=2.0))
    # 400 picture units left and 100 up of the centre, a quarter turn against the clock: 100 left and 400 down.
    assert read.roto.shapes[0].keyframes[0].points[0][:2] == pytest.approx((400 - 50, 200 + 400))
    assert "turned by 90 degrees" in read.notes[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: a value should stand here"),
        ("{ Tools = {", "line 1: a value should stand here, not the end"),
        ("{ a = 1 } x", "line 1: the file should end here"),
        ("{\n\n a = os.exit(1) }", "line 3"),
        ("{ a = 1 + 1 }", "line 1"),
        ("{ a = [[x }", "']]' is missing"),
        ("{" * 100_000, "more than 200 deep"),
        ("\x01\x02", "no table of Lua"),
        (MASK % "", "how large the picture is"),
    ],
)
def test_text_that_cannot_be_read_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("]]", r"\]\]").replace("[[", r"\[\[")):
        read_shapes(text, ".setting")


def test_keys_that_differ_in_their_points_are_refused_by_name() -> None:
    text = encode(Roto(PLATE, (BODY,)), ".setting")
    first_row = next(line for line in text.splitlines(keepends=True) if "{ X = " in line)
    with pytest.raises(ValueError, match=r"mask 'k_rper.*has keys of 2 and 3 points"):
        read_shapes(text.replace(first_row, "", 1), ".setting")


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*")), ids=lambda path: path.name)
def test_real_files_are_read_and_written_again_alike(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    table = parse(text)
    again = dump(table)
    assert dump(parse(again)) == again
    assert lua_tables.evaluate(again) == lua_tables.evaluate(text)
    read_shapes(text, ".setting", Given((1920, 1080)))


def test_what_lua_allows_is_read() -> None:
    text = "{ a = 0x10; ['b c'] = 'x\\65\\n', [-1.5] = -.5e1, -- note\n --[==[ long ]] ]==] [[\nraw\\n]], "
    text += "K.L { 1 }, ordered() { }, nil }\0\0"
    table = parse(text)
    assert (table.get("a"), table.get("b c"), table.get(-1.5)) == (16, "xA\n", -5)
    assert table.items()[0] == "raw\\n"
    assert [value.kind for value in table.items() if isinstance(value, Table)] == ["K.L", "ordered()"]


@settings(max_examples=100)
@given(data=st.data())
def test_damaged_files_end_in_shapes_or_one_sentence(data: st.DataObject) -> None:
    text = encode(ROTO, ".setting")
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start, min(start + 60, len(text))))
    put = data.draw(st.sampled_from(["", "nil", "{ }", "1e400", '"x"', "-1", "true", "}", "{", "0/0"]))
    with suppress(ValueError):
        read_shapes(text[:start] + put + text[stop:], ".setting")
