"""The script for After Effects as text; tests/ae runs it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any, Optional

import pytest

from roto_shapes.curve import evaluate
from roto_shapes.formats import encode, export, read_shapes
from roto_shapes.shape import ControlPoint, Interpolation, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(2048, 858, FrameRange(1001, 1024), "shot", pixel_aspect=2.0, frame_rate=24000 / 1001)
POINTS = (
    ControlPoint(1500, 700, -40, 12, 40, -12),
    ControlPoint(2100, 760.1234, 3, -30, -3, 30),
    ControlPoint(1600, 900, 0, 0, -25, -7, corner=True),
)
BODY = Shape(
    "body",
    (ShapeKeyframe(1001, POINTS), ShapeKeyframe(1024, tuple(p._replace(x=p.x + 9) for p in POINTS))),
    PLATE.frames,
    colour=(1.0, 0.5, 0.25),
)
HOLE = replace(BODY, name="hole", invert=True, lifetime=FrameRange(1003, 1009))


def data_of(*shapes: Shape, made_by: Optional[MadeBy] = None) -> Any:  # noqa: ANN401 - a JSON document
    text = encode(Roto(PLATE, shapes, made_by), ".jsx")
    start = text.index("var DATA = ") + len("var DATA = ")
    return json.JSONDecoder().raw_decode(text, start)[0]


def test_outlines_are_those_of_the_keyframes_to_a_thousandth_of_a_pixel() -> None:
    (mask,) = data_of(BODY)["masks"]
    assert mask["frames"] == [0, 23]
    assert (mask["name"], mask["colour"], mask["cuts"], mask["shown"]) == ("body", [1, 0.5, 0.25], False, [[0, 100]])
    for key, outline in zip(BODY.keyframes, mask["outlines"]):
        wanted = [number for point in key.points for number in point[:6]]
        assert max(abs(a - b) for a, b in zip(outline, wanted)) <= 0.0005
        assert len(outline) == len(wanted)


@pytest.mark.parametrize(
    ("lifetime", "shown"),
    [
        ((1001, 1024), [[0, 100]]),
        ((900, 2000), [[0, 100]]),
        ((1003, 1009), [[0, 0], [2, 100], [9, 0]]),
        ((1024, 1024), [[0, 0], [23, 100]]),
        ((990, 1000), [[0, 0]]),
        ((990, 1001), [[0, 100], [1, 0]]),
    ],
)
def test_a_lifetime_is_held_opacity(lifetime: tuple[int, int], shown: list[list[int]]) -> None:
    assert data_of(replace(BODY, lifetime=FrameRange(*lifetime)))["masks"][0]["shown"] == shown


def test_the_script_names_the_plate_and_what_made_the_mattes() -> None:
    data = data_of(BODY, made_by=MadeBy("sam2-tiny", "tiny.pt"))
    assert data.pop("masks")
    assert data == {
        "name": "shot", "madeBy": "sam2-tiny: tiny.pt", "width": 2048, "height": 858, "pixelAspect": 2,
        "frameRate": 24000 / 1001, "firstFrame": 1001, "frameCount": 24,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["körper", '"); alert("', "a\\", "x\n\r\t\u2028\u2029\0", "//@include 'x'", "#a", "😀", "*/"]
)
def test_names_come_through_in_ascii_and_without_directives(name: str) -> None:
    shape = replace(BODY, name=name)
    text = encode(Roto(PLATE, (shape,)), ".jsx")
    assert text.isascii()
    assert not re.search(r"^\s*#|//\s*@", text, re.MULTILINE)
    assert data_of(shape)["masks"][0]["name"] == name


def test_a_plate_without_a_name_is_called_one() -> None:
    assert '"name":"plate"' in encode(Roto(replace(PLATE, name=""), (BODY,)), ".jsx")


def test_smooth_motion_gets_keyframes_until_straight_lines_agree() -> None:
    keys = (*BODY.keyframes[:1], ShapeKeyframe(1010, tuple(p._replace(x=p.x + 99) for p in POINTS)), BODY.keyframes[1])
    smooth = replace(BODY, keyframes=keys, interpolation=Interpolation.SMOOTH)
    (mask,) = data_of(smooth)["masks"]
    assert "moves smoothly and After Effects joins" in export(Roto(PLATE, (smooth,)), ".jsx").notes[0]
    drawn = Shape("s", tuple(ShapeKeyframe(f, tuple(ControlPoint(*o[k : k + 6]) for k in (0, 6, 12)))
                             for f, o in zip(mask["frames"], mask["outlines"])), FrameRange(0, 23))  # fmt: skip
    for frame in range(24):
        for a, b in zip(evaluate(drawn, frame), evaluate(smooth, 1001 + frame)):
            assert math.dist(a[:2], b[:2]) <= 0.052


def test_what_cuts_at_the_bottom_is_left_out_and_told() -> None:
    made = export(Roto(PLATE, (HOLE, BODY)), ".jsx")
    assert made.notes == ("Shape 'hole' cuts where there is nothing to cut: it is left out.",)
    assert [mask["cuts"] for mask in data_of(HOLE, BODY, replace(HOLE, name="2"))["masks"]] == [False, True]


SQUARE = ((100, 100), (200, 100), (200, 200), (100, 200))
OUTWARDS = ((-3, -3), (3, -3), (3, 3), (-3, 3))


def soft(offsets: tuple[tuple[float, float], ...], *, turned: bool = False) -> Shape:
    points = [ControlPoint(x, y, feather=offset) for (x, y), offset in zip(SQUARE, offsets)]
    return Shape("soft", (ShapeKeyframe(1001, tuple(points[::-1] if turned else points)),), PLATE.frames)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_feather_along_the_normal_becomes_a_width_outwards_or_inwards(sign: int, turned: bool) -> None:  # noqa: FBT001
    shape = soft(tuple((sign * x, sign * y) for x, y in OUTWARDS), turned=turned)
    (mask,) = data_of(shape)["masks"]
    assert mask["feather"] == [[sign * 4.243] * 4]
    assert "gets its width at each point" in export(Roto(PLATE, (shape,)), ".jsx").notes[0]


@pytest.mark.parametrize("offsets", [((-3, 3), *OUTWARDS[1:]), ((3, 3), *OUTWARDS[1:])])
def test_feather_that_leans_or_changes_sides_is_left_out_and_told(offsets: tuple[tuple[float, float], ...]) -> None:
    (mask,) = data_of(soft(offsets))["masks"]
    assert mask["feather"] == []
    assert "it is left out" in export(Roto(PLATE, (soft(offsets),)), ".jsx").notes[0]


def test_an_open_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="'body' is open"):
        encode(Roto(PLATE, (replace(BODY, closed=False),)), ".jsx")


def test_scripts_are_not_read() -> None:
    with pytest.raises(ValueError, match=r"is written but not read: give \.json"):
        read_shapes("var DATA = 1;", ".jsx")
