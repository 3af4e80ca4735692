from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Any
from xml.dom import minidom

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate, flatten, segments, signed_area
from roto_shapes.difference import distances
from roto_shapes.formats import encode, export, read_shapes
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Interpolation, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(2048, 858, FrameRange(1001, 1024), 'pl"ä"te', pixel_aspect=2.0, frame_rate=23.976)
POINTS = (
    ControlPoint(1500, 700, -40, 12, 40, -12),
    ControlPoint(2100, 760, 3, -30, -3, 30),
    ControlPoint(1600, 900, 0, 0, -25, -7, corner=True),
)
ROUNDING_PX = 0.0005 * 2**0.5 * 2
"""Three decimals, both axes, of a point and its handle."""


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
    read = read_shapes(encode(ROTO, ".svg"), ".svg")
    assert read.notes == ()
    assert read.roto.plate == PLATE
    for shape, other in zip(ROTO.shapes, read.roto.shapes):
        assert (shape.name, shape.lifetime, shape.invert, shape.closed, shape.colour) == (
            other.name, other.lifetime, other.invert, other.closed, other.colour,
        )  # fmt: skip
    assert [[key.frame for key in shape.keyframes] for shape in read.roto.shapes[:2]] == [
        [key.frame for key in shape.keyframes] for shape in ROTO.shapes[:2]
    ]
    assert max(each.px for each in distances(ROTO, read.roto)) < ROUNDING_PX
    assert encode(read.roto, ".svg") == encode(Roto(PLATE, ROTO.shapes), ".svg")


class Browser:
    """Our file read by another parser, by the rules of SVG and SMIL alone, at a time in seconds."""

    def __init__(self, text: str) -> None:
        root: Any = minidom.parseString(text).documentElement  # noqa: S318 - our own file
        self.root = root
        self.paths: dict[str, Any] = {e.getAttribute("data-name"): e for e in root.getElementsByTagName("path")}

    def animated(self, name: str, attribute: str, seconds: float) -> str:
        """Return an attribute of a path at a time; numbers in it are those between two values."""
        path = self.paths[name]
        for each in path.getElementsByTagName("animate"):
            if each.getAttribute("attributeName") != attribute:
                continue
            times = [float(time) for time in each.getAttribute("keyTimes").split(";")]
            assert times[0] == 0.0
            values = each.getAttribute("values").split(";")
            share = seconds / float(each.getAttribute("dur").rstrip("s")) % 1
            k = max(index for index, time in enumerate(times) if time <= share + 1e-9)
            if each.getAttribute("calcMode") == "discrete" or k == len(times) - 1:
                return str(values[k])
            assert times[-1] == 1.0
            u = (share - times[k]) / (times[k + 1] - times[k])
            ends = [[float(n) for n in re.findall(r"-?[\d.]+", value)] for value in values[k : k + 2]]
            mixed = [f"{a + (b - a) * u:.9f}" for a, b in zip(*ends)]
            return "".join(chain(*zip_longest(re.split(r"-?[\d.]+", values[k]), mixed, fillvalue="")))
        return str(path.getAttribute(attribute) or "visible")

    def outline(self, name: str, frame: float) -> list[tuple[float, float]]:
        """Return the ends of every curve and its two control points, from the first point on, in pixels."""
        text = self.animated(name, "d", (frame - 1001) / 23.976)
        assert re.fullmatch(r"M[^A-Z]+(C[^A-Z]+)+Z", text)
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", text)]
        return list(zip(numbers[0::2], numbers[1::2]))


def curves(points: tuple[ControlPoint, ...]) -> list[tuple[float, float]]:
    made = segments(points)
    return [made[0][0], *(place for segment in made for place in segment[1:])]


def test_another_parser_finds_every_outline_where_it_belongs_on_every_frame() -> None:
    shown = Browser(encode(ROTO, ".svg"))
    assert list(shown.paths) == [BODY.name, "hole", "still"], "the lowest first"
    for shape in ROTO.shapes:
        for frame in [*PLATE.frames, *(f + 0.5 for f in range(1001, 1024))]:
            for place, wanted in zip(shown.outline(shape.name, frame), curves(evaluate(shape, frame))):
                assert math.dist(place, wanted) < 1.1 * ROUNDING_PX


def test_a_shape_is_seen_in_its_lifetime_alone() -> None:
    shown = Browser(encode(ROTO, ".svg"))
    for shape in ROTO.shapes:
        for frame in PLATE.frames:
            seen = shown.animated(shape.name, "visibility", (frame - 1001) / 23.976)
            assert seen == ("visible" if frame in shape.lifetime else "hidden"), (shape.name, frame)


def test_what_cuts_masks_what_lies_below_it_and_not_what_lies_above() -> None:
    above = replace(BODY, name="above")
    root: Any = minidom.parseString(encode(Roto(PLATE, (BODY, HOLE, above)), ".svg")).documentElement  # noqa: S318 - our own file
    (group,) = root.getElementsByTagName("g")
    (mask,) = root.getElementsByTagName("mask")
    (path,) = group.getElementsByTagName("path")
    assert path.getAttribute("data-name") == BODY.name
    assert group.getAttribute("mask") == f"url(#{mask.getAttribute('id')})"
    (hole,) = mask.getElementsByTagName("use")
    cutting = next(
        e for e in root.getElementsByTagName("path") if "#" + e.getAttribute("id") == hole.getAttribute("href")
    )
    assert (cutting.getAttribute("data-name"), cutting.getAttribute("fill")) == ("hole", "#000000")
    assert mask.getElementsByTagName("rect")[0].getAttribute("fill") == "#ffffff"


def test_the_picture_is_as_wide_as_its_pixels_make_it() -> None:
    root = Browser(encode(ROTO, ".svg")).root
    assert (root.getAttribute("viewBox"), root.getAttribute("width"), root.getAttribute("height")) == (
        "0 0 2048 858", "4096", "858",
    )  # fmt: skip


def test_one_frame_has_no_animation() -> None:
    plate = Plate(64, 48, FrameRange(7, 7))
    text = encode(
        Roto(plate, (Shape("a", (ShapeKeyframe(1, POINTS), ShapeKeyframe(9, moved(8, 0))), plate.frames),)), ".svg"
    )
    assert "animate" not in text
    (shape,) = read_shapes(text, ".svg").roto.shapes
    assert shape.keyframes[0].points[0].x == pytest.approx(1506)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (r"keyTimes=\"0;0\.2083", 'keyTimes="0;0.2502'),
        (r"d=\"M(\S+) (\S+?)C", r'd="M\1 -\2C'),
        (r"values=\"M(\S+ \S+?)C(\S+ \S+) (\S+ \S+)", r'values="M\1C\3 \2'),
        (r"values=\"M(\S+ \S+?)C(.+?)C(.+?)C(.+?)Z", r'values="M\1C\3C\4C\2Z'),
    ],
    ids=["frame", "axis", "handles", "first point"],
)
def test_a_wrong_frame_axis_handle_or_first_point_would_be_noticed(place: str, wrong: str) -> None:
    still = replace(BODY, keyframes=BODY.keyframes[:1]) if place.startswith("d=") else BODY
    text = encode(Roto(PLATE, (still,)), ".svg")
    changed = re.sub(place, wrong, text, count=1)
    assert changed != text
    shown = Browser(changed)
    off = (
        math.dist(a, b)
        for frame in PLATE.frames
        for a, b in zip(shown.outline(BODY.name, frame), curves(evaluate(still, frame)))
    )
    assert max(off) > 0.01


def test_smooth_motion_gets_keyframes_until_straight_lines_agree() -> None:
    smooth = Roto(PLATE, (replace(BODY, name="s", interpolation=Interpolation.SMOOTH),))
    made = export(smooth, ".svg")
    assert "moves smoothly and SVG joins keyframes by straight lines" in made.notes[0]
    assert max(each.px for each in distances(smooth, read_shapes(made.text, ".svg").roto)) <= 0.05 + ROUNDING_PX


def test_an_open_outline_is_a_line_and_cuts_nothing() -> None:
    line = replace(BODY, closed=False)
    assert 'fill="none" stroke="#ff8040"' in encode(Roto(PLATE, (line,)), ".svg")
    (read,) = read_shapes(encode(Roto(PLATE, (line,)), ".svg"), ".svg").roto.shapes
    assert not read.closed
    with pytest.raises(ValueError, match="is open"):
        encode(Roto(PLATE, (replace(line, invert=True),)), ".svg")


DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100">{}</svg>'


def drawn(inside: str) -> list[Shape]:
    return list(read_shapes(DRAWING.format(inside), ".svg").roto.shapes)


def places(inside: str) -> list[tuple[float, ...]]:
    (shape,) = drawn(inside)
    return [tuple(round(number, 6) for number in point[:2]) for point in shape.keyframes[0].points]


SQUARE = [(10, 20), (40, 20), (40, 50), (10, 50)]


@pytest.mark.parametrize(
    "d",
    [
        "M10 20L40 20L40 50L10 50Z",
        "m10,20 30,0 0,30 -30,0z",
        "M10 20 H40 V50 H10 z",
        "M10 20h30v30h-30z",
        "M10 20L40 20 40 50 10 50 10 20Z",
        "M10 20C20 20 30 20 40 20S40 40 40 50 20 50 10 50 10 30 10 20Z",
        "M10 20Q25 20 40 20Q40 35 40 50T10 50L10 20z",
        "M1e1+2.E1L40,20L.4e2,50L+10 50zM0-0",
    ],
)
def test_every_way_to_write_a_square_is_read(d: str) -> None:
    assert places(f'<path d="{d}"/>') == SQUARE


@pytest.mark.parametrize(
    "element",
    [
        '<rect x="10" y="20" width="30" height="30px"/>',
        '<polygon points="10,20 40,20 40,50 10,50"/>',
        '<g transform="translate(10 20)"><rect width="30" height="30"/></g>',
        '<g transform="translate(10,20) scale(3)"><rect width="10" height="10"/></g>',
        '<g transform="matrix(3 0 0 3 7 20)"><g transform="translate(1)"><rect width="10" height="10"/></g></g>',
        '<g transform="rotate(90 25 35)"><path d="M10 50V20H40V50Z"/></g>',
        '<path transform="skewX(45)" d="M-10 20H20L-10 50H-40Z"/>',
    ],
)
def test_basic_shapes_and_transforms_are_read(element: str) -> None:
    assert places(element) == SQUARE


@pytest.mark.parametrize(
    ("element", "area"),
    [
        ('<circle cx="50" cy="50" r="30"/>', math.pi * 900),
        ('<ellipse cx="50" cy="50" rx="30" ry="10"/>', math.pi * 300),
        ('<path d="M20 50A30 30 0 1 1 80 50 30 30 0 0 1 20 50"/>', math.pi * 900),
        ('<path d="M20 50a30 10 0 0160 0a30 10 0 01-60 0z"/>', math.pi * 300),
        ('<path d="M50 20a5 5 30 0 1 0 60a5 5 30 0 1 0-60z"/>', math.pi * 900),
        ('<rect x="10" y="10" width="60" height="40" rx="10"/>', 2400 - (4 - math.pi) * 100),
    ],
)
def test_arcs_enclose_the_area_that_they_should(element: str, area: float) -> None:
    (shape,) = drawn(element)
    assert abs(signed_area(shape.keyframes[0].points)) == pytest.approx(area, rel=5e-4)


def test_a_large_arc_goes_the_long_way_round() -> None:
    (shape,) = drawn('<path d="M50 20A30 30 0 1 1 20 50"/>')
    line = flatten(shape.keyframes[0].points, 0.01, closed=False)
    assert all(math.dist(place, (50, 50)) == pytest.approx(30, abs=0.02) for place in line)
    assert max(x for x, _ in line) == pytest.approx(80, abs=0.02)


@pytest.mark.parametrize("rule", ["nonzero", "evenodd"])
def test_holes_of_a_path_cut(rule: str) -> None:
    inner = "M20 30V40H30V30Z" if rule == "nonzero" else "M20 30H30V40H20Z"
    found = read_shapes(
        DRAWING.format(f'<path id="p" fill-rule="{rule}" d="M10 20H40V50H10Z{inner}M100 20H110V30Z"/>'), ".svg"
    )
    assert [(shape.name, shape.invert) for shape in found.roto.shapes] == [("p", False), ("p_2", True), ("p_3", False)]
    assert "'p' has holes" in found.notes[0]


def test_animation_is_read_at_its_times() -> None:
    moving = (
        '<path id="p" d="M0 0H9V9Z"><animate attributeName="d" begin="1s" dur="2s" '
        'values="M0 0H9V9Z;M10 0H19V9Z;M10 20H19V29Z"/>'
        '<set attributeName="fill" to="red"/><animate attributeName="opacity" values="0;1" dur="1s"/></path>'
    )
    found = read_shapes(DRAWING.format(moving), ".svg", Given(frame_rate=10.0))
    (shape,) = found.roto.shapes
    assert [(key.frame, key.points[0].x, key.points[0].y) for key in shape.keyframes] == [
        (10, 0, 0), (20, 10, 0), (30, 10, 20),
    ]  # fmt: skip
    assert any("animation of its opacity" in note for note in found.notes)


def test_held_animation_jumps() -> None:
    moving = (
        '<path d="M0 0H9V9Z"><animate attributeName="d" dur="2s" calcMode="discrete" keyTimes="0;.5" '
        'values="M0 0H9V9Z;M10 0H19V9Z"/></path>'
    )
    (shape,) = read_shapes(DRAWING.format(moving), ".svg", Given(frame_rate=10.0)).roto.shapes
    assert [evaluate(shape, frame)[0].x for frame in (0, 9, 10, 20)] == [0, 0, 10, 10]


def test_colours_and_what_is_not_drawn() -> None:
    found = read_shapes(
        DRAWING.format(
            '<g fill="#f80"><rect width="9" height="9"/></g><g style="display:none"><rect id="r" width="9" height="9"/>'
            '</g><text>a</text><rect visibility="hidden" id="q" width="5" height="5"/>'
        ),
        ".svg",
    )
    (shape,) = found.roto.shapes
    assert shape.colour == pytest.approx((1.0, 0x88 / 255, 0.0))
    assert found.notes == (
        "'g' is not shown and is left out.",
        "'q' is not shown and is left out.",
        "1 <text> left out: only paths, basic shapes and their groups are read.",
    )


def test_a_given_size_stretches_the_picture_and_a_range_moves_it() -> None:
    read = read_shapes(
        DRAWING.format('<rect x="10" width="9" height="9"/>'), ".svg", Given((400, 400), FrameRange(5, 9))
    )
    assert (read.roto.plate.width, read.roto.plate.height, read.roto.plate.frames) == (400, 400, FrameRange(5, 9))
    key = read.roto.shapes[0].keyframes[0]
    assert (key.frame, key.points[2].x, key.points[2].y) == (5, 38, 36)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not whole XML"),
        ("<a></a>", "not <svg>"),
        ("<svg>\n<b></svg>", "line 2"),
        ("<svg/>", "how large the picture is"),
        ('<svg width="2in" height="2in"/>', "width holds '2in'"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><svg/>', "document type"),
        ("<svg>" + "<g>" * 200, "more than 100 deep"),
        (DRAWING.format('<path id="p" d="M0 0L9"/>'), "'p': character 7 of its path is not the number"),
        (DRAWING.format('<path id="p" d="M0 0L9 9 9 0Z9"/>'), "'p': character 14 of its path is no command"),
        (DRAWING.format('<path id="p" d="M0 0L1e999 9"/>'), "'p': character 6"),
        (DRAWING.format('<path id="p" d="0 0"/>'), "character 1 of its path is no command"),
        (DRAWING.format('<rect id="p" width="50%" height="9"/>'), "width of 'p' holds '50%'"),
        (DRAWING.format('<g id="p" transform="spin(3)"/>'), "transform of 'p'"),
        (DRAWING.format('<g id="p" transform="rotate(3 4)"/>'), "'rotate' of 'p' does not take 2"),
        (DRAWING.format('<path id="p"><animate attributeName="d" dur="1s" values="M0 0H9;M0 0H9V9"/></path>'),
         "'p' changes its number of points"),
        (DRAWING.format('<path id="p"><animate attributeName="d" dur="x" values="M0 0H9"/></path>'), "no number"),
        (DRAWING.format('<path id="p"><animate attributeName="d" dur="9999999s" values="M0 0H9;M0 0H8"/></path>'),
         "not read|more than"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_shapes(text, ".svg")


@pytest.mark.parametrize(
    "wrong", ['d="M0 0 L"', 'd="M0 0L1 0L1 1Z" transform="twist(3)"', 'd="M0 0L1 0L1 1Z" stroke="']
)
def test_what_is_refused_bears_its_line(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^line [34]"):
        read_shapes(f'<svg viewBox="0 0 9 9">\n<g>\n<path {wrong}/></g>\n</svg>', ".svg")


@settings(max_examples=100)
@given(data=st.data())
def test_damaged_files_end_in_shapes_or_one_sentence(data: st.DataObject) -> None:
    text = encode(ROTO, ".svg")
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start, min(start + 60, len(text))))
    put = data.draw(
        st.sampled_from(["", "M0 0", "<path>", "</path>", "nan", "1e999", '"', "&amp;", "A1 1 0 1 1 5 5", "Z"])
    )
    with suppress(ValueError):
        read_shapes(text[:start] + put + text[stop:], ".svg")
