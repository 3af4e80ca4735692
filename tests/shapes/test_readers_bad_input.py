"""What no reader may stumble over: one sentence with the place, soon, and nothing in a file is ever run."""

from __future__ import annotations

import pytest

from roto_shapes.formats import READ_ENDINGS, encode, read_shapes
from roto_shapes.reading import MAX_BYTES, Given
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

DEPTH = 100_000
POINTS = (ControlPoint(100, 100, -9, 3, 9, -3), ControlPoint(300, 120), ControlPoint(200, 300))
PLATE = Plate(640, 480, FrameRange(1001, 1006))
ROTO = Roto(PLATE, (Shape("body", (ShapeKeyframe(1001, POINTS), ShapeKeyframe(1005, POINTS[::-1])), PLATE.frames),))

NESTED = {
    ".json": "[" * DEPTH,
    ".nk": "Roto {\n curves " + "{" * DEPTH,
    ".fxs": "<Silhouette>" + "<a>" * DEPTH,
    ".setting": "{" * DEPTH,
    ".comp": "Composition " + "{ Tools = " * DEPTH,
    ".lottie.json": '{"layers":' + "[" * DEPTH,
    ".bodymovin.json": '{"layers":[{"a":' + '{"a":' * DEPTH,
    ".svg": "<svg>" + "<g>" * DEPTH,
}

every_reader = pytest.mark.parametrize("ending", READ_ENDINGS)


def refusal(text: str, ending: str) -> str:
    with pytest.raises(ValueError, match=r"\w") as caught:
        read_shapes(text, ending)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 300
    return sentence


@every_reader
def test_a_file_that_is_cut_off_is_refused(ending: str) -> None:
    whole = encode(ROTO, ending)
    assert read_shapes(whole, ending).roto.shapes
    for share in (0.0, 0.3, 0.6, 0.9):
        refusal(whole[: int(share * len(whole))], ending)


@every_reader
def test_nesting_without_end_is_refused(ending: str) -> None:
    refusal(NESTED[ending], ending)


@every_reader
@pytest.mark.parametrize("start", ["", "\ufeff", "{", "<svg>", "Roto {\n"])
def test_a_binary_file_is_refused(ending: str, start: str) -> None:
    refusal(start + bytes(range(256)).decode("latin-1") * 20, ending)


@every_reader
def test_a_file_beyond_all_bounds_is_refused_at_once(ending: str) -> None:
    assert "longer" in (said := refusal(" " * (MAX_BYTES + 1), ending)) or "at most" in said


@every_reader
@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "NaN", "Infinity", "x7f800000", "x7fc00000"])
def test_numbers_that_are_none_are_refused(ending: str, number: str) -> None:
    odd = tuple(p._replace(x=p.x + 23.4375) for p in POINTS)
    whole = encode(Roto(PLATE, (Shape("body", (ShapeKeyframe(1001, odd),), PLATE.frames),)), ending)
    places = {
        ".nk": "x42f6e000", ".fxs": "-0.409505", ".setting": "-0.307128906", ".comp": "-0.307128906",
    }  # fmt: skip
    place = places.get(ending, "123.43")
    assert place in whole
    start = whole.index(place)
    stop = start + len(place)
    while whole[stop].isdigit():
        stop += 1
    refusal(whole[:start] + number + whole[stop:], ending)


CODE = [
    '"]] os.execute("touch x") --[[',
    "'); system.callSystem('touch x'); //",
    "[exec touch x]",
    "${7*7}$(touch x)`touch x`",
    "<script>alert(1)</script>&#x3c;",
]


@every_reader
def test_code_in_names_stays_a_name(ending: str) -> None:
    roto = Roto(PLATE, tuple(Shape(name, (ShapeKeyframe(1001, POINTS),), PLATE.frames) for name in CODE))
    names = [shape.name for shape in read_shapes(encode(roto, ending), ending, Given((640, 480))).roto.shapes]
    if ending == ".nk":
        assert all(name.isidentifier() for name in names)
    else:
        assert names == CODE


@pytest.mark.parametrize("value", ['os.execute("touch x")', "(function() end)()", '"a" .. "b"', "1 + 1", "x"])
def test_a_table_of_lua_that_would_have_to_be_run_is_refused_with_its_line(value: str) -> None:
    assert refusal(f"{{\n Tools = {value} }}", ".comp").startswith("line 2: ")
