"""The Roto node, read back by a reader that knows the grammar alone (nuke_text.py) and compared as outlines."""

from __future__ import annotations

import importlib.util
import itertools
import math
import random
import re
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate, flatten
from roto_shapes.formats import encode, export, nuke
from roto_shapes.formats.nuke import HOLE_BLEND_MODE, LINEAR_TOLERANCE_PX, NukeSink
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples" / "nuke"
PLATE = Plate(2048, 858, FrameRange(1001, 1040), pixel_aspect=2.0)
TRIANGLE = (ControlPoint(10, 20, -3, 1, 3, -1), ControlPoint(300, 40, 0, -9, 0, 9), ControlPoint(90, 500, 7, 0, -7, 0))


def load_reader() -> ModuleType:
    name = "nuke_text"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


nuke_text = load_reader()


def a_shape(name: str = "body", frames: tuple[int, ...] = (1001,), **facts: Any) -> Shape:  # noqa: ANN401 - as given
    facts.setdefault("lifetime", FrameRange(1001, 1040))
    keyframes = tuple(ShapeKeyframe(f, tuple(p._replace(x=p.x + f - 1001) for p in TRIANGLE)) for f in frames)
    return Shape(name, keyframes, **facts)


def random_shape(frames: list[int], reach_px: float, seed: int, rule: Interpolation, *, feathered: bool) -> Shape:
    dice = random.Random(seed)  # noqa: S311 - test data, not secrets
    keyframes = []
    for frame in frames:
        numbers = [[dice.uniform(-reach_px, reach_px) for _ in range(8)] for _ in range(3)]
        points = [
            ControlPoint._make((*n[:6], False, (n[6], n[7]) if feathered and i else None))
            for i, n in enumerate(numbers)
        ]
        keyframes.append(ShapeKeyframe(frame, tuple(points)))
    return Shape("body", tuple(keyframes), FrameRange(frames[0] - 2, frames[-1] + 2), interpolation=rule)


def only_node(text: str) -> Any:  # noqa: ANN401 - a node of nuke_text
    (node,) = nuke_text.read_nodes(text)
    return node


def outline(element: Any, frame: float, height: int, *, feather: bool = False) -> list[ControlPoint]:  # noqa: ANN401
    """Return an element's outline in plate pixels, y down, from its triples of left tangent, centre and right one."""
    places = element.main.at(frame)
    if feather:
        offsets = element.feather.at(frame)
        assert [offsets[i] for i in range(len(offsets)) if i % 3 != 1] == [
            places[i] for i in range(len(places)) if i % 3 != 1
        ]
        places = [
            (x + dx, y + dy) if i % 3 == 1 else (x, y) for i, ((x, y), (dx, dy)) in enumerate(zip(places, offsets))
        ]
    points = []
    for left, centre, right in zip(places[0::3], places[1::3], places[2::3]):
        points.append(ControlPoint(centre[0], height - centre[1], left[0], -left[1], right[0], -right[1]))
    return points


def feathered(points: tuple[ControlPoint, ...]) -> list[ControlPoint]:
    return [p._replace(x=p.x + (p.feather or (0, 0))[0], y=p.y + (p.feather or (0, 0))[1]) for p in points]


def corners(points: Iterable[ControlPoint]) -> list[tuple[float, float]]:
    """Return the control polygon: an outline strays no further than its corners do."""
    return [(p.x + dx, p.y + dy) for p in points for dx, dy in ((0.0, 0.0), (p.in_x, p.in_y), (p.out_x, p.out_y))]


def distance(a: Iterable[ControlPoint], b: Iterable[ControlPoint]) -> float:
    return max(map(math.dist, corners(a), corners(b)))


def worst(text: str, shape: Shape, height: int) -> float:
    """Return how far the first element of a text strays from a shape, on all frames round its keyframes."""
    element = only_node(text).elements[0]
    frames = range(shape.keyframes[0].frame - 3, shape.keyframes[-1].frame + 4)
    return max(distance(outline(element, f, height), evaluate(shape, f)) for f in frames)


FRAMES = st.lists(st.integers(-40, 60), min_size=1, max_size=5, unique=True).map(sorted)


@settings(max_examples=25)
@given(
    frames=FRAMES,
    start=st.sampled_from([0, 1001, 86400, -1001]),
    reach_px=st.sampled_from([2.0, 900.0, 20000.0]),
    seed=st.integers(0, 999),
    height=st.sampled_from([1, 858, 2161]),
)
def test_smooth_shapes_are_read_back_on_every_frame(
    frames: list[int], start: int, reach_px: float, seed: int, height: int
) -> None:
    shape = random_shape([f + start for f in frames], reach_px, seed, Interpolation.SMOOTH, feathered=False)
    text = encode(Roto(Plate(2048, height, FrameRange(1, 2)), (shape,)), ".nk")
    assert [int(t) for t in only_node(text).elements[0].main.places[0][0].times] == [f + start for f in frames]
    # Rounding to float32 turns the slope of a short interval, and a long one beside it multiplies that.
    assert worst(text, shape, height) <= 4e-6 * (reach_px + height) + 1e-5


@settings(max_examples=25)
@given(frames=FRAMES, reach_px=st.sampled_from([0.2, 30.0, 9000.0]), seed=st.integers(0, 999))
def test_linear_shapes_are_read_back_on_every_frame_though_nuke_is_smooth(
    frames: list[int], reach_px: float, seed: int
) -> None:
    shape = random_shape([f + 1001 for f in frames], reach_px, seed, Interpolation.LINEAR, feathered=False)
    text, notes = export(Roto(PLATE, (shape,)), ".nk")
    assert worst(text, shape, PLATE.height) <= LINEAR_TOLERANCE_PX + 1e-6 * (reach_px + PLATE.height)
    inserted = len(only_node(text).elements[0].main.places[0][0].times) - len(frames)
    assert bool(notes) == (inserted > 0)
    assert not inserted or f"has {inserted} more keyframes than its {len(frames)}" in notes[0]


def swap_tangents(point: ControlPoint) -> ControlPoint:
    return point._replace(in_x=point.out_x, in_y=point.out_y, out_x=point.in_x, out_y=point.in_y)


@pytest.mark.parametrize(
    ("fault", "frame_offset"),
    [
        (swap_tangents, 0),
        (lambda p: p._replace(y=PLATE.height - p.y), 0),
        (lambda p: p._replace(in_y=-p.in_y, out_y=-p.out_y), 0),
        (lambda p: p._replace(y=p.y + 1), 0),
        (lambda p: p._replace(x=p.x - 0.5, y=p.y - 0.5), 0),
        (lambda p: p._replace(x=p.x * PLATE.pixel_aspect), 0),
        (lambda p: p, 1),
        (lambda p: p, -1001),
    ],
    ids=["tangents", "y", "tangents' y", "one down", "pixel centres", "pixel aspect", "a frame late", "from zero"],
)
def test_the_comparison_sees_a_wrong_text(fault: Callable[[ControlPoint], ControlPoint], frame_offset: int) -> None:
    shape = random_shape([1001, 1012, 1030], 400, 7, Interpolation.SMOOTH, feathered=False)
    wrong = Shape(
        "body",
        tuple(ShapeKeyframe(key.frame + frame_offset, tuple(map(fault, key.points))) for key in shape.keyframes),
        shape.lifetime,
        interpolation=Interpolation.SMOOTH,
    )
    assert worst(encode(Roto(PLATE, (shape,)), ".nk"), shape, PLATE.height) < 0.01
    assert worst(encode(Roto(PLATE, (wrong,)), ".nk"), shape, PLATE.height) > 0.4


def test_linear_keys_alone_would_stray_from_a_linear_shape() -> None:
    shape = random_shape([1001, 1012, 1030], 50, 7, Interpolation.LINEAR, feathered=False)
    bare = Shape("body", shape.keyframes, shape.lifetime, interpolation=Interpolation.SMOOTH)
    assert worst(encode(Roto(PLATE, (bare,)), ".nk"), shape, PLATE.height) > 1


@settings(max_examples=20)
@given(frames=FRAMES, seed=st.integers(0, 999), rule=st.sampled_from(Interpolation))
def test_a_feather_is_a_second_outline_with_the_same_tangents(
    frames: list[int], seed: int, rule: Interpolation
) -> None:
    shape = random_shape(frames, 50, seed, rule, feathered=True)
    element = only_node(encode(Roto(PLATE, (shape,)), ".nk")).elements[0]
    for frame in range(frames[0] - 1, frames[-1] + 2):
        wanted = feathered(evaluate(shape, frame))
        assert distance(outline(element, frame, PLATE.height, feather=True), wanted) <= LINEAR_TOLERANCE_PX + 1e-3


def test_without_feather_the_feather_follows_the_outline() -> None:
    assert "idem" in encode(Roto(PLATE, (a_shape(),)), ".nk")
    assert only_node(encode(Roto(PLATE, (a_shape(),)), ".nk")).elements[0].feather is None


def test_stored_slopes_are_those_that_nuke_would_work_out() -> None:
    shape = random_shape([1001, 1012, 1013, 1030], 400, 3, Interpolation.SMOOTH, feathered=False)
    for numbers in only_node(encode(Roto(PLATE, (shape,)), ".nk")).elements[0].main.places:
        for number in numbers:
            slopes = [nuke_text.smooth_slope(number.times, number.values, k) for k in range(4)]
            assert [before for before, _ in number.slopes] == pytest.approx([0, *slopes[1:]], rel=1e-4, abs=1e-5)
            assert [after for _, after in number.slopes] == pytest.approx([*slopes[:3], 0], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    ("keys", "frame", "expected"),
    [
        (((1, 0), (50, 1), (100, 0)), 25, 0.675943),
        (((1, 0), (50, 20), (100, 100)), 75, 54.469697),
        (((1, 100), (10, 300), (20, 500)), 5, 190.766010),
        (((1, 100), (10, 200), (20, 100)), 15, 168.75),
        (((1, 5), (50, 40)), 25, 22.142857),
    ],
)
def test_the_reader_moves_keys_as_measured_in_nuke(
    keys: tuple[tuple[int, int], ...], frame: int, expected: float
) -> None:
    times, values = zip(*keys)
    assert nuke_text.Number(times, values).at(frame) == pytest.approx(expected, abs=1e-6)


def test_the_lowest_shape_of_the_list_stands_last_in_the_node() -> None:
    text = encode(Roto(PLATE, (a_shape("low"), a_shape("middle"), a_shape("top"))), ".nk")
    assert [element.name for element in only_node(text).elements] == ["top", "middle", "low"]


def test_a_hole_stands_above_what_it_cuts_and_takes_away() -> None:
    text = encode(Roto(PLATE, (a_shape("body"), a_shape("hole", invert=True))), ".nk")
    hole, body = only_node(text).elements
    assert (hole.name, body.name) == ("hole", "body")
    assert hole.attributes["bm"].at(0) == HOLE_BLEND_MODE
    assert "bm" not in body.attributes


def drawn(element: Any) -> tuple[float, float]:  # noqa: ANN401 - an element of nuke_text
    assert element.attributes["ltt"].at(0) == 4
    return element.attributes["ltn"].at(0), element.attributes["ltm"].at(0)


def test_a_lifetime_is_a_frame_range_even_below_zero() -> None:
    (element,) = only_node(encode(Roto(PLATE, (a_shape(lifetime=FrameRange(-12, 1)),)), ".nk")).elements
    assert drawn(element) == (-12, 1)


def test_a_hole_lives_only_while_there_is_something_below_it() -> None:
    below = [
        a_shape("a", lifetime=FrameRange(1001, 1005)),
        a_shape("b", lifetime=FrameRange(1003, 1010)),
        a_shape("inside", lifetime=FrameRange(1004, 1006)),
        a_shape("c", lifetime=FrameRange(1011, 1012)),
        a_shape("d", lifetime=FrameRange(1020, 1060)),
        a_shape("e", lifetime=FrameRange(1090, 1099)),
        a_shape("cut", lifetime=FrameRange(1001, 1090), invert=True),
    ]
    hole = a_shape("hole", lifetime=FrameRange(1002, 1030), invert=True)
    after = a_shape("later", lifetime=FrameRange(1001, 1099))
    elements = only_node(encode(Roto(PLATE, (*below, hole, after)), ".nk")).elements
    found = {element.name: drawn(element) for element in elements if element.name.startswith("hole")}
    assert found == {"hole": (1002, 1012), "hole_2": (1020, 1030)}


def test_a_hole_with_nothing_below_is_kept_but_hidden_and_told() -> None:
    text, notes = export(Roto(PLATE, (a_shape("hole", invert=True), a_shape("body"))), ".nk")
    body, hole = only_node(text).elements
    assert hole.attributes["vis"].at(0) == 0
    assert "vis" not in body.attributes
    assert notes == ("Shape 'hole' cuts where there is nothing to cut: it is written, but invisible.",)


def test_a_hole_that_reaches_outside_what_it_cuts_is_told_with_its_frame() -> None:
    def hole(x: float, **facts: Any) -> Shape:  # noqa: ANN401 - as given
        small = tuple(ControlPoint(x + 8 * math.cos(turn), 100 + 8 * math.sin(turn)) for turn in (0, 2, 4))
        far = tuple(p._replace(x=p.x + 500) for p in small)
        keyframes = (ShapeKeyframe(1001, small), ShapeKeyframe(1010, small), ShapeKeyframe(1020, far))
        return Shape("hole", keyframes, invert=True, **{"lifetime": FrameRange(1001, 1040), **facts})

    assert hole_note(a_shape(), hole(120, lifetime=FrameRange(1001, 1019))) == ""
    assert "'hole' reaches outside what lies below it on frame 1020" in hole_note(a_shape(), hole(120))
    assert "'hole' reaches outside what lies below it on frame 1001" in hole_note(a_shape(), hole(900))
    assert hole_note(a_shape(lifetime=FrameRange(1001, 1019)), hole(120)) == ""
    patch = a_shape("patch", frames=(1501,))
    assert hole_note(a_shape(), patch, hole(120)) == ""


def hole_note(*shapes: Shape) -> str:
    return " ".join(note for note in export(Roto(PLATE, shapes), ".nk").notes if "reaches outside" in note)


def test_names_become_legal_and_stay_unique() -> None:
    names = ["left arm", "left_arm", "left-arm", "Kopf é", "7"]
    text = encode(Roto(PLATE, tuple(map(a_shape, names))), ".nk")
    assert [element.name for element in reversed(only_node(text).elements)] == [
        "left_arm",
        "left_arm_2",
        "left_arm_3",
        "Kopf_",
        "7",
    ]


def test_a_colour_is_shown_by_the_overlay_and_leaves_the_matte_alone() -> None:
    (element,) = only_node(encode(Roto(PLATE, (a_shape(colour=(0.5, 0.0, 1.0)),)), ".nk")).elements
    assert [element.attributes[name].at(0) for name in ("ro", "go", "bo", "ao")] == [0.5, 0, 1, 1]
    assert not {"r", "g", "b", "a"} & set(element.attributes)


def test_the_text_begins_as_a_copy_in_nuke_does_and_is_one_node() -> None:
    text = encode(Roto(PLATE, (a_shape(),)), ".nk")
    first, second, third, fourth = text.splitlines()[:4]
    assert (first, third, fourth) == ("set cut_paste_input [stack 0]", "push $cut_paste_input", "Roto {")
    assert second.startswith("version ")
    assert text.isascii()
    assert "\r" not in text
    *_, class_name, body = nuke_text.parse_words(text)
    assert class_name == "Roto"
    assert isinstance(body, list)


def test_the_node_has_the_plates_format_and_the_layer_its_centre() -> None:
    knobs = only_node(encode(Roto(PLATE, (a_shape(),)), ".nk")).knobs
    assert knobs["format"] == "2048 858 0 0 2048 858 2 rotolink_2048x858_2"
    assert knobs["output"] == "alpha"
    layer = knobs["curves"][0][2][1]
    assert [nuke_text.read_number(word) for word in layer[3][1:]] == [1024, 429]
    square = only_node(encode(Roto(Plate(10, 20, FrameRange(1, 1)), ()), ".nk"))
    assert square.knobs["format"] == "10 20 0 0 10 20 1 rotolink_10x20"
    assert square.elements == ()


def test_the_node_can_be_named() -> None:
    assert only_node(NukeSink(PLATE, "arm left").text()).knobs["name"] == "arm_left"


def test_the_node_is_labelled_with_the_weights_behind_it_and_only_with_such() -> None:
    made_by = MadeBy("sam2_tiny", 'sam2.1_hiera_tiny.pt 7402e0d864fa (Apache-2.0), [exec "x"] $a {b}')
    labelled = only_node(encode(Roto(PLATE, (a_shape(),), made_by), ".nk")).knobs["label"]
    assert labelled == "sam2_tiny: sam2.1_hiera_tiny.pt 7402e0d864fa (Apache-2.0), _exec _x__ _a _b_"
    for silent in (None, MadeBy("classic")):
        assert "label" not in only_node(encode(Roto(PLATE, (a_shape(),), silent), ".nk")).knobs


def test_the_pivot_is_the_middle_of_the_first_outline() -> None:
    (element,) = only_node(encode(Roto(PLATE, (a_shape(),)), ".nk")).elements
    assert element.pivot == (1001, 155, 858 - 260)


def test_shapes_and_curves_have_the_flags_of_closed_masks() -> None:
    (element,) = only_node(encode(Roto(PLATE, (a_shape(frames=(1001, 1009)),)), ".nk")).elements
    assert (element.kind, element.flags, element.main.flags) == ("curvegroup", 512, 8192)


@settings(max_examples=40)
@given(st.floats(-1e6, 1e6))
def test_numbers_are_exact_float32(number: float) -> None:
    (rounded,) = struct.unpack(">f", struct.pack(">f", number))
    points = (ControlPoint(number, 0), *TRIANGLE[1:])
    shape = Shape("body", (ShapeKeyframe(5, points), ShapeKeyframe(6, TRIANGLE)), FrameRange(1, 9))
    text = encode(Roto(PLATE, (shape,)), ".nk")
    assert only_node(text).elements[0].main.places[1][0].values[0] == rounded
    assert "x80000000" not in text
    assert re.search(r"-0\b", text) is None


def test_a_number_that_never_changes_is_written_once() -> None:
    text = encode(Roto(PLATE, (a_shape(frames=(1001, 1009, 1020)),)), ".nk")
    places = only_node(text).elements[0].main.places
    assert all(len(number.values) == 3 for number in itertools.chain(*places))
    assert text.count("x44518000") == 1  # 858 - 20


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (a_shape(closed=False), "shape 'body' is open"),
        (a_shape(frames=(2**24 + 1,)), "shape 'body' stands on frame 16777217: Nuke counts frames up to 16777216"),
        (a_shape(lifetime=FrameRange(1, 2**25)), "stands on frame 33554432"),
        (a_shape(colour=(math.nan, 0, 0)), "cannot be written for Nuke: nan is beyond the numbers of Nuke"),
        (
            Shape("body", (ShapeKeyframe(1, (ControlPoint(1e39, 0), *TRIANGLE)),), FrameRange(1, 1)),
            r"cannot be written for Nuke: 1e\+39 is beyond",
        ),
    ],
)
def test_what_nuke_cannot_hold_is_refused_with_a_sentence(shape: Shape, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        encode(Roto(PLATE, (shape,)), ".nk")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs the collection of real Nuke files")
def test_the_reader_reads_files_saved_by_nuke() -> None:
    counts = {}
    for path in sorted(SAMPLES.glob("*.nk")):
        nodes = nuke_text.read_nodes(path.read_text())
        counts[path.name[:2]] = sum(len(node.elements) for node in nodes)
        for element in itertools.chain(*(node.elements for node in nodes)):
            assert len(element.main.places) % 3 == 0
            assert all(map(math.isfinite, itertools.chain(*element.main.at(1))))
    assert counts == {"14": 1, "20": 1, "21": 1, "22": 1, "24": 34, "25": 2, "26": 10}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs the collection of real Nuke files")
def test_a_shape_saved_by_nuke_is_written_with_the_same_structure() -> None:
    """Sample 22 is one shape with one key in a shared-times list, no feather and a keyed pivot, like ours."""
    (theirs,) = nuke_text.read_nodes(next(SAMPLES.glob("22_*.nk")).read_text())[0].elements
    points = tuple(outline(theirs, 1081, 1116))
    ours = only_node(
        encode(
            Roto(
                Plate(2362, 1116, FrameRange(1, 2)),
                (Shape("Bezier2", (ShapeKeyframe(1081, points),), FrameRange(1081, 1081)),),
            ),
            ".nk",
        )
    ).elements[0]
    assert ours.main == theirs.main
    assert (ours.kind, ours.name, ours.flags, ours.feather) == (theirs.kind, theirs.name, theirs.flags, theirs.feather)
    assert {**ours.attributes, "ltt": None} == {**theirs.attributes, "ltt": None}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x3f99999a", "x3f99999b"),
        ("{curvegroup", "{blob"),
        ("{x447a4000 x447c4000}", "{x447a4000 x447c4000 x447c8000}"),
        ("{x447a4000 x447c4000}", "{x447c4000 x447a4000}"),
        ("x447c4000", "1e"),
        ("idem", ""),
        ("\n}\n", "\n"),
        (" xpos 0", " xpos"),
    ],
    ids=["version", "element", "key count", "key order", "number", "feather", "cut off", "knob"],
)
def test_the_reader_is_strict(old: str, new: str) -> None:
    text = encode(Roto(PLATE, (a_shape(frames=(1001, 1009)),)), ".nk")
    assert old in text
    with pytest.raises((ValueError, IndexError, TypeError)):
        nuke_text.read_nodes(text.replace(old, new, 1))


def test_every_constant_of_the_writer_is_on_the_list_for_a_first_run() -> None:
    page = (Path(__file__).parents[2] / "docs" / "hosts" / "first-run.md").read_text(encoding="utf-8")
    constants = [name for name in vars(nuke) if name.isupper() and not name.startswith("_")]
    assert "HOLE_BLEND_MODE" in constants
    assert [name for name in constants if f"`{name}`" not in page] == []


def test_an_outline_far_outside_the_plate_keeps_its_form() -> None:
    points = tuple(p._replace(x=p.x - 9000, y=p.y + 7000) for p in TRIANGLE)
    shape = Shape("body", (ShapeKeyframe(-3, points),), FrameRange(-3, 5))
    (element,) = only_node(encode(Roto(PLATE, (shape,)), ".nk")).elements
    ours = flatten(outline(element, 0, PLATE.height), 0.1)
    assert all(math.dist(a, b) < 0.01 for a, b in zip(ours, flatten(points, 0.1)))


def through_layers(element: Any, frame: float, height: int) -> list[tuple[float, float]]:  # noqa: ANN401
    """Return the control polygon in plate pixels after the layers' transforms, worked out with y up as Nuke does."""
    places = [element.placed((x, height - y), frame) for x, y in corners(outline(element, frame, height))]
    return [(x, height - y) for x, y in places]


@pytest.mark.parametrize("rule", Interpolation)
def test_a_layer_stays_a_layer_and_draws_the_same(rule: Interpolation) -> None:
    keys = (LayerKeyframe(1001), LayerKeyframe(1012, 40, -25, 100, 1.5), LayerKeyframe(1020, 60, 5, 80, 1.2))
    layer = Layer("body.layer", keys, (130.0, 190.0), rule)
    shape = a_shape(frames=(1001, 1009, 1020), interpolation=rule, layer=layer)
    text, notes = export(Roto(PLATE, (shape,)), ".nk")
    (element,) = only_node(text).elements
    assert "{layer body_layer" in text
    assert not any("does not hold" in note for note in notes)
    for frame in range(999, 1023):
        wanted = corners(evaluate_on_plate(shape, frame))
        assert max(map(math.dist, through_layers(element, frame, PLATE.height), wanted)) < 0.25


def test_two_keyframes_of_a_linear_layer_stay_two_in_nuke() -> None:
    layer = Layer("spin", (LayerKeyframe(1001), LayerKeyframe(1020, 9, 4, 90, 0.5)), (130.0, 190.0))
    (element,) = only_node(encode(Roto(PLATE, (a_shape(layer=layer),)), ".nk")).elements
    assert [number.times for number in element.layers[0][3:5]] == [(1001.0, 1020.0)] * 2
    assert element.layers[0][8].values == (0.0, -90.0)


def tilting_layer(rule: Interpolation = Interpolation.LINEAR, turn: float = 40.0) -> Layer:
    keys = (
        LayerKeyframe(1001, aspect=0.9, skew=0.1),
        LayerKeyframe(1012, 140, -25, turn, 1.3, 1.2, -0.1, (0.0012, 0.0004)),
        LayerKeyframe(1020, 160, 5, turn / 2, 1.1, 1.0, 0.0, (-0.0005, 0.001)),
    )
    return Layer("card", keys, (130.0, 190.0), rule)


@pytest.mark.parametrize("rule", Interpolation)
def test_a_layer_with_perspective_is_a_matrix_in_nuke_and_draws_the_same(rule: Interpolation) -> None:
    shape = a_shape(frames=(1001, 1009, 1020), interpolation=rule, layer=tilting_layer(rule))
    text, notes = export(Roto(PLATE, (shape,)), ".nk")
    (element,) = only_node(text).elements
    frames = len(element.layers[0][19].times)
    assert f"Layer 'card' is a matrix in Nuke: it has {frames} keyframes instead of 3" in " ".join(notes)
    for frame in range(999, 1023):
        wanted = corners(evaluate_on_plate(shape, frame))
        assert max(map(math.dist, through_layers(element, frame, PLATE.height), wanted)) < 3 * LINEAR_TOLERANCE_PX


def test_perspective_that_nuke_moves_alike_needs_no_further_keyframes() -> None:
    keys = (LayerKeyframe(1001), LayerKeyframe(1020, perspective=(0.001, -0.0005)))
    shape = a_shape(layer=Layer("card", keys, (130.0, 190.0)))
    text, notes = export(Roto(PLATE, (shape,)), ".nk")
    assert not any("matrix" in note for note in notes)
    (element,) = only_node(text).elements
    assert element.layers[0][31].times == (1001.0, 1020.0)


def test_shapes_on_one_layer_stand_inside_it_together() -> None:
    layer = tilting_layer(turn=0)
    shapes = (
        a_shape("body", layer=layer),
        a_shape("hole", layer=layer, invert=True),
        a_shape("other"),
        a_shape("lid", layer=layer),
    )
    text, notes = export(Roto(PLATE, shapes), ".nk")
    elements = only_node(text).elements
    assert [(element.name, element.groups) for element in elements] == [
        ("lid", ("card_2", "Root")),
        ("other", ("Root",)),
        ("hole", ("card", "Root")),
        ("body", ("card", "Root")),
    ]
    assert any("stands in Nuke once more, as card_2" in note for note in notes)


def test_a_layer_that_moves_without_end_is_refused() -> None:
    keys = (LayerKeyframe(0), LayerKeyframe(2**23, perspective=(0.001, 0)))
    with pytest.raises(ValueError, match="more than 100000 frames"):
        encode(Roto(PLATE, (a_shape(layer=Layer("card", keys, (130.0, 190.0))),)), ".nk")
