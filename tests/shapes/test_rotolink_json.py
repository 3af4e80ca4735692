from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any, Callable, Union

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate, hermite, plain_slope
from roto_shapes.formats import encode
from roto_shapes.formats.rotolink_json import MAX_CHARACTERS, JsonSink, read_roto
from roto_shapes.shape import ControlPoint, Interpolation, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "reference" / "shapes.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

NEUTRAL: dict[str, Any] = {
    "width": 854,
    "height": 480,
    "frames": [0, 1, 2, 3],
    "shapes": [
        {
            "name": "body",
            "closed": True,
            "invert": False,
            "lifetime": [0, 3],
            "interpolation": "linear",
            "keyframes": [
                {"frame": f, "points": [{"x": 1.5 + f, "y": 2, "in": [0, -1], "out": [0, 1]}, {"x": 9, "y": 9}]}
                for f in (0, 2)
            ],
        },
        {"name": "hole", "invert": True, "keyframes": [{"frame": 1, "points": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}]},
    ],
    "combine": "order",
    "elapsed_s": 1.23,
}

Step = Union[str, int]
TRUE = True

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FRAMES = st.integers(-(2**31) + 1, 2**31 - 1)
OFFSETS = st.tuples(NUMBERS, NUMBERS)
CONTROL_POINTS = st.builds(ControlPoint, *[NUMBERS] * 6, corner=st.booleans(), feather=st.none() | OFFSETS)


@st.composite
def ranges(draw: st.DrawFn, longest: int = 50) -> FrameRange:
    first = draw(st.integers(-(2**31) + 1, 2**31 - 1 - longest))
    return FrameRange(first, first + draw(st.integers(0, longest)))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    count = draw(st.integers(2, 4))
    frames = sorted(draw(st.sets(FRAMES, min_size=1, max_size=3)))
    outlines = [draw(st.lists(CONTROL_POINTS, min_size=count, max_size=count)) for _ in frames]
    return Shape(
        draw(st.text(min_size=1)),
        tuple(ShapeKeyframe(f, tuple(points), draw(st.booleans())) for f, points in zip(frames, outlines)),
        draw(ranges(2**20)),
        closed=draw(st.booleans()),
        invert=draw(st.booleans()),
        interpolation=draw(st.sampled_from(Interpolation)),
        colour=draw(st.tuples(NUMBERS, NUMBERS, NUMBERS)),
    )


PLATES = st.builds(
    Plate,
    st.integers(1, 20000),
    st.integers(1, 20000),
    ranges(),
    name=st.text(),
    pixel_aspect=st.floats(0.1, 4),
    frame_rate=st.floats(1, 240),
    colour_space=st.text(),
)
MAKERS = st.none() | st.builds(MadeBy, st.text(), st.text())
ROTOS = st.builds(Roto, PLATES, st.lists(shapes(), max_size=3, unique_by=lambda shape: shape.name).map(tuple), MAKERS)


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = deepcopy(NEUTRAL)
    change(document)
    return document


@settings(max_examples=40)
@given(ROTOS)
def test_what_is_written_reads_back_exactly_and_fits_the_schema(roto: Roto) -> None:
    text = encode(roto, ".json")
    assert read_roto(text) == roto
    assert encode(read_roto(text), ".json") == text
    assert text.isascii()
    VALIDATOR.validate(json.loads(text))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_keyframe_has_a_line_of_its_own() -> None:
    lines = encode(read_roto(json.dumps(NEUTRAL)), ".json").splitlines()
    assert sum(line.startswith('{"frame": ') for line in lines) == 3


def test_points_say_only_what_is_set() -> None:
    text = encode(read_roto(json.dumps(NEUTRAL)), ".json")
    for key in ("corner", "feather", "locked", "smooth_rule"):
        assert key not in text


def test_a_file_with_only_the_neutral_keys_reads() -> None:
    roto = read_roto("\ufeff" + json.dumps(NEUTRAL))
    jsonschema.validate(NEUTRAL, SCHEMA)
    assert roto.plate == Plate(854, 480, FrameRange(0, 3))
    body, hole = roto.shapes
    assert body.keyframes[1].points[0] == ControlPoint(3.5, 2, 0, -1, 0, 1)
    assert body.interpolation is Interpolation.LINEAR
    assert (hole.invert, hole.closed, hole.lifetime) == (True, True, FrameRange(0, 3))


def test_whole_numbers_may_be_written_with_a_point() -> None:
    roto = read_roto(json.dumps(changed(lambda d: d.update(width=854.0, frames=[1.0, 2.0]))))
    assert roto.plate.width == 854
    assert roto.plate.frames == FrameRange(1, 2)


def test_combine_can_give_another_paint_order() -> None:
    roto = read_roto(json.dumps(changed(lambda d: d.update(combine=["hole", "body"]))))
    assert [shape.name for shape in roto.shapes] == ["hole", "body"]


def test_neutral_smooth_keys_keep_their_motion() -> None:
    values = {0: 0.0, 10: 200.0, 20: 100.0, 40: 110.0}
    keyframes = [{"frame": f, "points": [{"x": x, "y": 0}, {"x": 5, "y": 5}]} for f, x in values.items()]
    document = changed(lambda d: d.update(shapes=[{"name": "body", "interpolation": "smooth", "keyframes": keyframes}]))
    (shape,) = read_roto(json.dumps(document)).shapes
    assert shape.interpolation is Interpolation.SMOOTH
    assert set(values) < {key.frame for key in shape.keyframes}
    for frame in range(41):
        wanted = hermite(list(values), list(values.values()), frame, plain_slope)
        assert evaluate(shape, frame)[0].x == pytest.approx(wanted, abs=0.05)


def test_smooth_keys_of_the_nuke_rule_stay_as_they_are() -> None:
    def smooth(document: dict[str, Any]) -> None:
        document["shapes"][0].update(interpolation="smooth", smooth_rule="nuke")

    shape = read_roto(json.dumps(changed(smooth))).shapes[0]
    assert [key.frame for key in shape.keyframes] == [0, 2]
    assert '"smooth_rule": "nuke"' in encode(read_roto(json.dumps(changed(smooth))), ".json")


def test_unknown_keys_are_passed_over() -> None:
    def add_everywhere(document: dict[str, Any]) -> None:
        shape = document["shapes"][0]
        for value in (document, shape, shape["keyframes"][0], shape["keyframes"][0]["points"][0]):
            value["studio_note"] = {"deep": [1, None]}
        document["version"] = "of something else"

    document = changed(add_everywhere)
    jsonschema.validate(document, SCHEMA)
    assert read_roto(json.dumps(document)) == read_roto(json.dumps(NEUTRAL))


def at(document: dict[str, Any], *path: Step) -> Any:  # noqa: ANN401 - any part of a JSON document
    part: Any = document
    for step in path:
        part = part[step]
    return part


def put(value: object, *path: Step) -> Callable[[dict[str, Any]], object]:
    return lambda document: at(document, *path[:-1]).__setitem__(path[-1], value)


def drop(*path: Step) -> Callable[[dict[str, Any]], object]:
    return lambda document: at(document, *path[:-1]).pop(path[-1])


KEY = ("shapes", 0, "keyframes", 1)
POINT = (*KEY, "points", 0)

# What both the reader and the schema refuse: the change, and the sentence's beginning.
REFUSED_BY_BOTH = [
    (drop("width"), "width is missing"),
    (put(0, "width"), "plate: a plate of 0x480"),
    (put(1.5, "height"), "height must be a whole number, and is 1.5"),
    (put(TRUE, "height"), "height must be a number, and is true"),
    (put([], "frames"), "frames is empty"),
    (put([0, "1"], "frames"), 'frames[1] must be a number, and is "1"'),
    (put([2**31], "frames"), "frames[0] is 2147483648: frames lie between"),
    (put([], "plate"), "plate must be an object in braces, and is a list"),
    (put({"name": 7}, "plate"), "plate.name must be a text in quotes, and is 7"),
    (put({"pixel_aspect": 0}, "plate"), "plate: a pixel aspect of 0.0"),
    (put({"frame_rate": "24"}, "plate"), "plate.frame_rate must be a number"),
    (put("classic", "made_by"), 'made_by must be an object in braces, and is "classic"'),
    (put({"engine": 7}, "made_by"), "made_by.engine must be a text in quotes, and is 7"),
    (put({"first": None}, "plate"), "plate.first must be a number, and is null"),
    (put("rotolink.scene", "format"), 'format is "rotolink.scene", not'),
    (put("rotolink.shapes", "format"), "version is missing"),
    (lambda d: d.update(format="rotolink.shapes", version=4), "version is 4, and this Rotolink reads up to 3: update"),
    (lambda d: d.update(format="rotolink.shapes", version=0), "version is 0"),
    (drop("shapes"), "shapes is missing"),
    (put({}, "shapes"), "shapes must be a list in brackets, and is an object"),
    (put("body", "shapes", 0), 'shapes[0] must be an object in braces, and is "body"'),
    (drop("shapes", 1, "name"), "shapes[1].name is missing"),
    (put("", "shapes", 1, "name"), "shapes[1]: a shape needs a name"),
    (put("no", "shapes", 0, "closed"), 'shapes[0].closed must be true or false, and is "no"'),
    (put(1, "shapes", 0, "invert"), "shapes[0].invert must be true or false, and is 1"),
    (put([1], "shapes", 0, "lifetime"), "shapes[0].lifetime must hold 2 numbers, and holds 1"),
    (put("cubic", "shapes", 0, "interpolation"), "shapes[0].interpolation must be 'linear' or 'smooth'"),
    (put("plain", "shapes", 0, "smooth_rule"), "shapes[0].smooth_rule must be 'nuke'"),
    (put([1, 1], "shapes", 0, "colour"), "shapes[0].colour must hold 3 numbers"),
    (put([1, 1, "x"], "shapes", 0, "colour"), "shapes[0].colour[2] must be a number"),
    (put([], "shapes", 0, "keyframes"), "shapes[0]: shape 'body' has no keyframe"),
    (drop(*KEY, "frame"), "shapes[0].keyframes[1].frame is missing"),
    (put(2.5, *KEY, "frame"), "shapes[0].keyframes[1].frame must be a whole number"),
    (put("yes", *KEY, "locked"), "shapes[0].keyframes[1].locked must be true or false"),
    (put(None, *KEY, "points"), "shapes[0].keyframes[1].points must be a list in brackets, and is null"),
    (put([{"x": 1, "y": 1}], "shapes", 1, "keyframes", 0, "points"), "shapes[1]: shape 'hole' has fewer than two"),
    (put("12", *POINT, "x"), 'shapes[0].keyframes[1].points[0].x must be a number, and is "12"'),
    (drop(*POINT, "y"), "shapes[0].keyframes[1].points[0].y is missing"),
    (put([1, 2, 3], *POINT, "in"), "shapes[0].keyframes[1].points[0].in must hold 2 numbers, and holds 3"),
    (put([1, []], *POINT, "out"), "shapes[0].keyframes[1].points[0].out[1] must be a number, and is a list"),
    (put(0, *POINT, "corner"), "shapes[0].keyframes[1].points[0].corner must be true or false"),
    (put(None, *POINT, "feather"), "shapes[0].keyframes[1].points[0].feather must be a list"),
    (put(5, "combine"), "combine must be a list"),
    (put(["body", 5], "combine"), "combine[1] must be a text"),
]

# What a schema cannot say.
REFUSED_BY_THE_READER = [
    (put({"first": 1}, "plate"), "plate.first is 1, and the first of 'frames' is 0: they must agree"),
    (put({"last": 9}, "plate"), "plate.last is 9, and the last of 'frames' is 3"),
    (put([5, 4], "shapes", 0, "lifetime"), "shapes[0].lifetime: frame range 5-4 ends before"),
    (put(0, *KEY, "frame"), "shapes[0]: the keyframes of shape 'body' do not rise"),
    (drop(*KEY, "points", 1), "shapes[0]: the keyframes of shape 'body' differ in their number of points"),
    (put("body", "shapes", 1, "name"), "shapes: shape names must differ"),
    (put(["body"], "combine"), "combine must be 'order' or name every shape once"),
    (put(10**400, *POINT, "x"), "shapes[0].keyframes[1].points[0].x is too large a number"),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED_BY_BOTH, ids=[case[1] for case in REFUSED_BY_BOTH])
def test_a_wrong_file_is_refused_by_reader_and_schema_alike(
    change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    document = changed(change)
    with pytest.raises(ValueError, match="^" + re.escape(sentence)):
        read_roto(json.dumps(document))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize(("change", "sentence"), REFUSED_BY_THE_READER, ids=[case[1] for case in REFUSED_BY_THE_READER])
def test_the_reader_refuses_what_contradicts_itself(change: Callable[[dict[str, Any]], object], sentence: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(sentence)):
        read_roto(json.dumps(changed(change)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "this is not whole JSON text"),
        (json.dumps(NEUTRAL)[:-30], "this is not whole JSON text"),
        ("[1, 2]", "the file must be an object in braces, and is a list"),
        (json.dumps(NEUTRAL).replace("1.5", "NaN"), "this is not JSON text: it holds NaN"),
        (json.dumps(NEUTRAL).replace("1.5", "-Infinity"), "this is not JSON text: it holds -Infinity"),
        (json.dumps(NEUTRAL).replace("1.5", "1e999"), "shapes[0].keyframes[0].points[0].x is too large a number"),
        ("[" * 500_000, "this is not"),
        ('{"a":' * 500_000, "this is not"),
        (" " * (MAX_CHARACTERS + 1), "a file of shapes has at most 64000000 characters"),
    ],
    ids=["empty", "cut off", "a list", "NaN", "infinity", "1e999", "nested lists", "nested objects", "too long"],
)
def test_text_that_is_no_file_of_shapes_is_told_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(sentence)):
        read_roto(text)


def test_a_number_of_too_many_digits_is_told_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"is too large a number|this is not JSON text"):
        read_roto(json.dumps(NEUTRAL).replace("1.5", "1" * 6000))


def test_a_long_wrong_value_is_quoted_in_part() -> None:
    with pytest.raises(ValueError, match=r'and is "a{39}\.\.\.$'):
        read_roto(json.dumps(changed(put("a" * 500, *POINT, "x"))))


def test_a_plate_longer_than_any_shot_is_not_written() -> None:
    with pytest.raises(ValueError, match="longer than 1000000 frames"):
        JsonSink(Plate(10, 10, FrameRange(0, 10**18))).text()


def test_the_example_in_the_documentation_reads() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "shapes-json.md").read_text()
    example = page.split("```json\n")[1].split("```")[0]
    assert encode(read_roto(example), ".json") == example


def test_every_key_of_the_schema_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "shapes-json.md").read_text()
    parts = [SCHEMA, SCHEMA["properties"]["plate"], *(SCHEMA["$defs"][name] for name in ("shape", "keyframe", "point"))]
    for key in [key for part in parts for key in part["properties"]]:
        assert f"`{key}`" in page
