from __future__ import annotations

import cmath
import math
import re
from contextlib import suppress
from typing import Any
from xml.dom import minidom

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate
from roto_shapes.difference import distances
from roto_shapes.formats import encode, export, read_shapes
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Interpolation, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(2048, 858, FrameRange(1001, 1024), pixel_aspect=2.0)
POINTS = (
    ControlPoint(1500, 700, -40, 12, 40, -12),
    ControlPoint(2100, 760, 3, -30, -3, 30),
    ControlPoint(1600, 900, 0, 0, -25, -7, corner=True),
)
ROUNDING_PX = 0.5e-6 * 858 * 2**0.5 * 2
"""Six decimals of the height, both axes, of a point and its handle."""


def moved(dx: float, dy: float) -> tuple[ControlPoint, ...]:
    return tuple(p._replace(x=p.x + dx, y=p.y + dy, out_x=p.out_x + dx / 9) for p in POINTS)


BODY = Shape(
    "körper <a> & \"b\" 'c'",
    (ShapeKeyframe(1001, POINTS), ShapeKeyframe(1006, moved(30, -4)), ShapeKeyframe(1024, moved(-9, 50))),
    PLATE.frames,
    colour=(1.0, 0.5, 0.25),
)
HOLE = Shape(
    "hole", (ShapeKeyframe(1003, moved(5, 5)), ShapeKeyframe(1009, POINTS)), FrameRange(1003, 1009), invert=True
)
STILL = Shape("still", (ShapeKeyframe(1010, POINTS),), FrameRange(1010, 1024))
ROTO = Roto(PLATE, (BODY, HOLE, STILL), MadeBy("sam2-tiny", "tiny--x.safetensors"))


def test_shapes_come_back_as_they_were() -> None:
    read = read_shapes(encode(ROTO, ".fxs"), ".fxs")
    assert read.notes == ()
    assert read.roto.plate == PLATE
    for shape, other in zip(ROTO.shapes, read.roto.shapes):
        assert (shape.name, shape.lifetime, shape.invert, shape.colour) == (
            other.name, other.lifetime, other.invert, other.colour,
        )  # fmt: skip
    assert [[key.frame for key in shape.keyframes] for shape in read.roto.shapes[:2]] == [
        [key.frame for key in shape.keyframes] for shape in ROTO.shapes[:2]
    ]
    assert max(each.px for each in distances(ROTO, read.roto)) < ROUNDING_PX
    assert encode(read.roto, ".fxs") == encode(Roto(PLATE, ROTO.shapes), ".fxs")


class Silhouette:
    """Our file read by another parser, by the rules of Silhouette's documents alone."""

    def __init__(self, text: str) -> None:
        session: Any = minidom.parseString(text).documentElement  # noqa: S318 - our own file
        self.session = session
        self.shapes: dict[str, Any] = {e.getAttribute("label"): e for e in self.session.getElementsByTagName("Shape")}

    def keys(self, label: str, name: str) -> dict[int, Any]:
        properties = self.shapes[label].getElementsByTagName("Property")
        (found,) = [each for each in properties if each.getAttribute("id") == name]
        return {int(key.getAttribute("frame")): key for key in found.getElementsByTagName("Key")}

    def outline(self, label: str, shown: int) -> list[tuple[float, float]]:
        """Return points with the tips of both handles at a frame as shown, in pixels from the top left."""
        width, height = (int(self.session.getAttribute(side)) for side in ("width", "height"))
        aspect = float(self.session.getAttribute("pixelAspect"))
        frame = shown - int(self.session.getAttribute("sessionStartFrame"))
        keys = self.keys(label, "path")
        start = max((time for time in keys if time <= frame), default=min(keys))
        end = min((time for time in keys if time > frame), default=start)
        share = (frame - start) / (end - start) if end > start and frame > start else 0.0
        rows = [
            [float(n) for p in keys[t].getElementsByTagName("Point") for n in re.findall(r"[-.\d]+", p.firstChild.data)]
            for t in (start, end)
        ]
        numbers = [a + (b - a) * share for a, b in zip(*rows)]
        return [
            (x / aspect * height + width / 2, y * height + height / 2) for x, y in zip(numbers[0::2], numbers[1::2])
        ]


def tips(points: tuple[ControlPoint, ...]) -> list[tuple[float, float]]:
    return [(p.x + dx, p.y + dy) for p in points for dx, dy in ((0, 0), (p.in_x, p.in_y), (p.out_x, p.out_y))]


def test_another_parser_finds_every_outline_where_it_belongs_on_every_frame() -> None:
    shown = Silhouette(encode(ROTO, ".fxs"))
    assert list(shown.shapes) == ["still", "hole", BODY.name], "the topmost first"
    for shape in ROTO.shapes:
        for frame in PLATE.frames:
            for place, wanted in zip(shown.outline(shape.name, frame), tips(evaluate(shape, frame))):
                assert math.dist(place, wanted) < ROUNDING_PX


def test_a_lifetime_is_held_opacity() -> None:
    keys = Silhouette(encode(ROTO, ".fxs")).keys("hole", "opacity")
    assert {frame: (key.firstChild.data, key.getAttribute("interp")) for frame, key in keys.items()} == {
        1: ("0.000000", "hold"),
        2: ("100.000000", "hold"),
        9: ("0.000000", "hold"),
    }


def test_numbers_have_six_decimals_and_no_exponent_and_no_negative_nothing() -> None:
    tiny = tuple(p._replace(x=1024 - 1e-7 * k, y=429 - 1e-9) for k, p in enumerate(POINTS))
    text = encode(Roto(PLATE, (Shape("tiny", (ShapeKeyframe(1001, tiny),), PLATE.frames),)), ".fxs")
    numbers = re.findall(r"[(,](-?[^,()<]+)", text.split('id="path"')[1])
    assert all(re.fullmatch(r"-?\d+\.\d{6}", number) for number in numbers)
    assert "-0.000000" not in text


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (r'frame="5" interp="linear"', 'frame="6" interp="linear"'),
        (r"<Point>\(([^,]+),(.+?)\)", r"<Point>(\1,-\2)"),
        (r"<Point>(\(.+?\)),(\(.+?\)),(\(.+?\))", r"<Point>\1,\3,\2"),
    ],
    ids=["frame", "axis", "handles"],
)
def test_a_wrong_frame_axis_or_handle_would_be_noticed(place: str, wrong: str) -> None:
    text = encode(Roto(PLATE, (BODY,)), ".fxs")
    changed = re.sub(place, wrong, text, count=1)
    assert changed != text
    shown = Silhouette(changed)
    off = (
        math.dist(a, b)
        for frame in PLATE.frames
        for a, b in zip(shown.outline(BODY.name, frame), tips(evaluate(BODY, frame)))
    )
    assert max(off) > 0.01


def test_smooth_motion_gets_keyframes_until_straight_lines_agree() -> None:
    smooth = Roto(PLATE, (Shape("s", BODY.keyframes, PLATE.frames, interpolation=Interpolation.SMOOTH),))
    made = export(smooth, ".fxs")
    assert "moves smoothly and Silhouette joins keyframes by straight lines" in made.notes[0]
    assert max(each.px for each in distances(smooth, read_shapes(made.text, ".fxs").roto)) <= 0.05 + ROUNDING_PX


SESSION = (
    '<Silhouette width="200" height="100" sessionStartFrame="5" workRangeStart="5" workRangeEnd="9">{}</Silhouette>'
)
LAYER = """<Layer type="Layer" label="l"><Properties>{}<Property id="objects">
<Object type="Shape" label="s" shape_type="{}"><Properties>
<Property id="path" constant="True">{}</Property></Properties></Object></Property></Properties></Layer>"""


def spline(kind: str, points: str, transform: str = "", closed: str = "True") -> str:
    path = f'<Value><Path closed="{closed}" type="{kind}">{points}</Path></Value>'
    return SESSION.format(LAYER.format(transform, kind, path))


SQUARE = "".join(f"<Point>({x}, {y})</Point>" for x, y in ((-0.3, -0.3), (0.3, -0.3), (0.3, 0.3), (-0.3, 0.3)))


def test_a_b_spline_in_a_layer_becomes_a_bezier_of_the_same_outline() -> None:
    (shape,) = read_shapes(spline("Bspline", SQUARE), ".fxs").roto.shapes
    assert shape.keyframes[0].frame == 5
    first = shape.keyframes[0].points[0]
    # (C-1 + 4 C0 + C1) / 6 with corners at 70 and 130 px across, 20 and 80 px down.
    assert (first.x, first.y) == pytest.approx((80, 30))
    assert (first.out_x, first.out_y) == pytest.approx((10, -10))


def keyed(name: str, **values: str) -> str:
    """Return a property of a layer, its keys on frames `f0`, `f4` and so on."""
    keys = "".join(f'<Key frame="{at[1:]}" interp="linear">{value}</Key>' for at, value in values.items())
    return f'<Property id="transform.{name}">{keys}</Property>'


MOVES = keyed("position", f0="(0,0)", f4="(0.2,-0.1)")
TURNS = keyed("rotate", f0="0", f4="90")
GROWS = keyed("scale", f0="(1,1,1)", f4="(2,2,1)")
STRETCHES = keyed("scale", f0="(1,1,1)", f4="(2,0.5,1)")
ANCHOR = '<Property id="transform.anchor" constant="True"><Value>(0.1,0.2)</Value></Property>'


def carried(x: float, y: float, share: float, layers: list[str]) -> complex:
    """Return where a place goes, `share` of the way from frame 0 to 4, by complex numbers: y down, so clockwise."""
    place = complex(x, y)
    for layer in reversed(layers):
        anchor = complex(0.1, 0.2) if ANCHOR in layer else 0
        offset = place - anchor
        if GROWS in layer:
            offset *= 1 + share
        if STRETCHES in layer:
            offset = complex(offset.real * (1 + share), offset.imag * (1 - share / 2))
        if TURNS in layer:
            offset *= cmath.exp(1j * math.pi / 2 * share)
        place = anchor + offset + (complex(0.2, -0.1) * share if MOVES in layer else 0)
    return place


def in_layers(layers: list[str], aspect: float) -> str:
    inside = LAYER.format(layers[-1], "Bezier", f'<Value><Path closed="True" type="Bezier">{BEZIERS}</Path></Value>')
    for outer in reversed(layers[:-1]):
        inside = (
            f'<Layer type="Layer" label="m"><Properties>{outer}<Property id="objects">{inside}</Property>'
            "</Properties></Layer>"
        )
    return SESSION.replace('width="200"', f'width="200" pixelAspect="{aspect}"').format(inside)


PLACES = [(-0.3, -0.3), (-0.35, -0.2), (-0.2, -0.35), (0.3, -0.3), (0.2, -0.3), (0.3, -0.1), (0.0, 0.4), (0.1, 0.4),
          (-0.1, 0.4)]  # fmt: skip
BEZIERS = "".join(
    f"<Point>{','.join(f'({x},{y})' for x, y in PLACES[k : k + 3])}</Point>" for k in range(0, len(PLACES), 3)
)


@pytest.mark.parametrize(
    ("layers", "aspect", "stays_a_layer"),
    [
        ([MOVES], 1, True),
        ([MOVES], 2, True),
        ([ANCHOR + TURNS], 1, True),
        ([ANCHOR + TURNS + GROWS + MOVES], 1, True),
        ([ANCHOR + GROWS], 2, True),
        ([ANCHOR + TURNS], 2, False),
        ([ANCHOR + STRETCHES + TURNS], 1, False),
        ([MOVES + TURNS, ANCHOR + TURNS + GROWS], 1, False),
        ([MOVES, ANCHOR + STRETCHES], 2, False),
    ],
)
def test_shapes_lie_where_their_layers_carry_them(layers: list[str], aspect: float, *, stays_a_layer: bool) -> None:
    read = read_shapes(in_layers(layers, aspect), ".fxs")
    (shape,) = read.roto.shapes
    assert (shape.layer is not None) == stays_a_layer
    assert ("baked into its points" in "".join(read.notes)) != stays_a_layer
    for frame in (3, 5, 6, 7, 8, 9, 20):
        wanted = [carried(x, y, min(max(frame - 5, 0), 4) / 4, layers) for x, y in PLACES]
        for place, space in zip(tips(evaluate_on_plate(shape, frame)), wanted):
            assert math.dist(place, (space.real * 100 / aspect + 100, space.imag * 100 + 50)) < 0.05 + 1e-6


def test_a_layer_that_says_it_does_not_move_leaves_shapes_as_they_are() -> None:
    still = (
        '<Property id="transform" constant="True"><Value></Value></Property>'
        '<Property id="transform.pin_lr" constant="True"><Value>(1.000000000,1.000000000)</Value></Property>'
        '<Property id="transform.matrix" constant="True"><Value></Value></Property>'
        '<Property id="transform.position"><Key frame="0" interp="linear">(0.000000,0.000000)</Key></Property>'
    )
    read = read_shapes(in_layers([still + ANCHOR], 1), ".fxs")
    assert read.notes == ()
    assert read.roto.shapes[0].layer is None


@pytest.mark.parametrize(
    "how",
    [keyed("pin_ul", f0="(0,0)", f9="(0.1,0)"), keyed("matrix", f0="(1,0,0,0,0,1,0,0,0,0,1,0,0.5,0,0,1)")],
)
def test_shapes_in_a_layer_that_moves_in_a_way_that_is_not_known_are_left_out_and_told(how: str) -> None:
    read = read_shapes(in_layers([how], 1), ".fxs")
    assert read.roto.shapes == ()
    assert re.match(r"Layer 'l' moves by transform\.(pin_ul|matrix), which is not read", read.notes[0])


def test_a_layer_that_jumps_carries_shapes_by_jumps() -> None:
    held = MOVES.replace("linear", "hold")
    (shape,) = read_shapes(in_layers([held], 1), ".fxs").roto.shapes
    across = [evaluate_on_plate(shape, frame)[0].x for frame in (5, 8, 9)]
    assert across == pytest.approx([70, 70, 90])


def test_a_kind_that_is_not_known_is_told() -> None:
    found = read_shapes(spline("Xspline", SQUARE), ".fxs")
    assert found.roto.shapes == ()
    assert "'s' is of a kind that is not read" in found.notes[0]


def test_a_given_size_and_range_go_before_those_of_the_file() -> None:
    plate = read_shapes(spline("Bspline", SQUARE), ".fxs", Given((400, 200), FrameRange(87, 90))).roto.plate
    assert (plate.width, plate.height, plate.frames) == (400, 200, FrameRange(87, 90))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not whole XML"),
        ("<a></a>", "not <Silhouette>"),
        ("<Silhouette>\n<b></Silhouette>", "line 2"),
        ("<Silhouette></Silhouette>", "how large the picture is"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Silhouette/>', "document type"),
        ("<Silhouette>" + "<a>" * 200, "more than 100 deep"),
        (spline("Bezier", SQUARE), "^line 2: shape 's' has a point without its two handles"),
        (spline("Bspline", SQUARE.replace("0.3", "nan")), "^line 2: .* not a finite number"),
        (spline("Bspline", SQUARE[:27]), "^line 2: shape 's' has keys of 1 points"),
        (spline("Bspline", SQUARE, keyed("rotate", f0="east")), "^line 1: transform.rotate of a layer holds 'east'"),
        (SESSION.replace("200", "wide").format(""), "'width' of the session"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_shapes(text, ".fxs")


@settings(max_examples=100)
@given(data=st.data())
def test_damaged_files_end_in_shapes_or_one_sentence(data: st.DataObject) -> None:
    text = encode(ROTO, ".fxs")
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start, min(start + 60, len(text))))
    put = data.draw(st.sampled_from(["", "(1,2)", "<Key>", "</Key>", "nan", "1e999", '"', "&amp;", "&a;"]))
    with suppress(ValueError):
        read_shapes(text[:start] + put + text[stop:], ".fxs")
