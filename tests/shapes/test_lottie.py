from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.curve import evaluate
from roto_shapes.difference import distances
from roto_shapes.formats import encode, export, read_shapes
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

FORMS = [".lottie.json", ".bodymovin.json"]
PLATE = Plate(1998, 1080, FrameRange(1001, 1010), "shot", frame_rate=24000 / 1001)
SQUARE = ((100.0, 90.0), (300.0, 90.0), (300.0, 290.0), (100.0, 290.0))


def at(frame: int, dx: float = 0.0) -> ShapeKeyframe:
    return ShapeKeyframe(frame, tuple(ControlPoint(x + dx, y, -10, 4, 12.5, -5) for x, y in SQUARE))


def shape(name: str = "box", lifetime: FrameRange = PLATE.frames, **kind: Any) -> Shape:  # noqa: ANN401
    return Shape(name, (at(1001), at(1004, 40), at(1010, -7.25)), lifetime, **kind)


@pytest.mark.parametrize("ending", FORMS)
def test_shapes_come_back_as_they_were(ending: str) -> None:
    roto = Roto(
        PLATE,
        (shape(), shape("hole", FrameRange(1003, 1006), invert=True), shape("top", FrameRange(1005, 1010))),
        MadeBy("sam2-tiny", "tiny.safetensors"),
    )
    read = read_shapes(encode(roto, ending), ending)
    assert read.roto.plate == PLATE
    assert read.roto.made_by == roto.made_by
    assert [(s.name, s.lifetime, s.invert) for s in read.roto.shapes] == [
        (s.name, s.lifetime, s.invert) for s in roto.shapes
    ]
    assert max(each.px for each in distances(roto, read.roto)) < 1e-9
    assert read.notes == ()


@given(
    numbers=st.lists(st.floats(-9999, 9999), min_size=18, max_size=18),
    frames=st.lists(st.integers(-50, 2000), min_size=2, max_size=4, unique=True),
    ending=st.sampled_from(FORMS),
)
def test_any_shape_survives_within_half_a_thousandth_of_a_pixel(
    numbers: list[float], frames: list[int], ending: str
) -> None:
    points = tuple(ControlPoint._make((*numbers[k : k + 6], False, None)) for k in (0, 6, 12))
    moved = tuple(p._replace(x=p.y, in_x=p.out_y) for p in points)
    frames = sorted(frames)
    keys = tuple(ShapeKeyframe(frame, (points, moved)[k % 2]) for k, frame in enumerate(frames))
    plate = Plate(640, 480, FrameRange(frames[0], frames[-1]))
    roto = Roto(plate, (Shape("any", keys, plate.frames),))
    (back,) = read_shapes(encode(roto, ending), ending).roto.shapes
    assert [key.frame for key in back.keyframes] == frames
    for key, other in zip(keys, back.keyframes):
        for p, q in zip(key.points, other.points):
            assert max(abs(a - b) for a, b in zip(p[:6], q[:6])) <= 0.0005 + 1e-9


def test_smooth_motion_gets_keyframes_until_straight_lines_agree() -> None:
    smooth = Roto(PLATE, (shape(interpolation=Interpolation.SMOOTH),))
    made = export(smooth, ".lottie.json")
    assert "moves smoothly and Lottie joins keyframes by straight lines: it has" in made.notes[0]
    back = read_shapes(made.text, ".lottie.json").roto
    assert max(each.px for each in distances(smooth, back)) < 0.052


def test_a_layer_is_baked_and_told() -> None:
    spin = Layer("spin", (LayerKeyframe(1001), LayerKeyframe(1010, rotation_deg=40)), (200, 190))
    roto = Roto(PLATE, (shape(layer=spin),))
    made = export(roto, ".bodymovin.json")
    assert "lies on the layer 'spin'" in made.notes[0]
    back = read_shapes(made.text, ".bodymovin.json").roto
    assert max(each.px for each in distances(roto, back)) < 0.055


def test_feather_and_unsquare_pixels_are_told() -> None:
    soft = Shape(
        "soft", (ShapeKeyframe(1001, tuple(p._replace(feather=(3, 4)) for p in at(1001).points)),), PLATE.frames
    )
    wide = Plate(1998, 1080, PLATE.frames, pixel_aspect=2)
    notes = " ".join(export(Roto(wide, (soft,)), ".lottie.json").notes)
    assert "2 times as wide as high" in notes
    assert "has feather, which Lottie does not hold" in notes


def document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a JSON document
    return {**json.loads(encode(Roto(PLATE, (shape(),)), ".lottie.json")), **changes}


def read(wanted: dict[str, Any], **given_: Any) -> Any:  # noqa: ANN401 - as above
    return read_shapes(json.dumps(wanted), ".lottie.json", Given(**given_))


def path_of(wanted: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = wanted["layers"][0]["shapes"][0]["it"][0]["ks"]
    return found


def first_x(roto: Roto, frame: float) -> float:
    return evaluate(roto.shapes[0], frame)[0].x


def test_old_files_with_end_values_and_a_bare_last_key_are_read() -> None:
    wanted = document()
    keys = path_of(wanted)["k"]
    for key, after in zip(keys, keys[1:]):
        key["e"] = after["s"]
    del keys[-1]["s"]
    roto = read(wanted).roto
    assert first_x(roto, 1010) == 100 - 7.25
    assert first_x(roto, 1004) == 140


def test_a_held_key_jumps_at_the_next() -> None:
    wanted = document()
    path_of(wanted)["k"][1]["h"] = 1
    roto = read(wanted).roto
    assert [first_x(roto, frame) for frame in (1004, 1009, 1010)] == [140, 140, 92.75]


def test_easing_is_followed_on_every_frame() -> None:
    wanted = document()
    path_of(wanted)["k"][1].update({"o": {"x": 0.9, "y": 0.0}, "i": {"x": 0.95, "y": 0.1}})
    found = read(wanted)
    assert "easing" in found.notes[0]
    late = first_x(found.roto, 1007)
    assert 130 < late < 140, "half-way in time it has hardly begun to move"
    # The cubic (0, 0) (.9, 0) (.95, .1) (1, 1) by its own formula, at the u where its x is 0.5.
    u = next(
        k / 1e5
        for k in range(100000)
        if 3 * 0.9 * (v := k / 1e5) * (1 - v) ** 2 + 3 * 0.95 * v * v * (1 - v) + v**3 >= 0.5
    )
    share = 3 * 0.1 * u * u * (1 - u) + u**3
    assert late == pytest.approx(140 + share * (92.75 - 140), abs=0.01)


def test_a_layer_that_stands_elsewhere_is_moved_turned_and_scaled() -> None:
    wanted = document()
    still = {"a": [100, 90], "p": [500, 600], "s": [200, 100], "r": 90}
    wanted["layers"][0]["ks"] = {key: {"a": 0, "k": value} for key, value in still.items()}
    points = evaluate(read(wanted).roto.shapes[0], 1001)
    # (300, 90) lies 200 right of the anchor: twice as far by the scale, and below it by the turn.
    assert points[1][:2] == pytest.approx((500, 1000))
    assert points[3][:2] == pytest.approx((300, 600))


def test_compositions_in_compositions_shift_time_and_place() -> None:
    inner = document()["layers"]
    wanted = document(
        assets=[{"id": "pre", "layers": inner}],
        layers=[{"ty": 0, "ind": 1, "nm": "comp", "refId": "pre", "st": 3, "ip": 0, "op": 10,
                 "ks": {"p": {"a": 0, "k": [10, 0]}, "a": {"a": 0, "k": [0, 0]}, "s": {"a": 0, "k": [100, 100]}}}],
    )  # fmt: skip
    roto = read(wanted).roto
    assert first_x(roto, 1004) == 110
    assert first_x(roto, 1007) == 150


def test_frames_count_from_those_given() -> None:
    wanted = document()
    del wanted["rotolink"]
    assert read(wanted).roto.plate.frames == FrameRange(0, 9)
    assert read(wanted, frames=FrameRange(87, 96)).roto.shapes[0].keyframes[0].frame == 87


def broken(change: str) -> dict[str, Any]:
    wanted = document()
    path, layer = path_of(wanted), wanted["layers"][0]
    if change == "counts":
        for side in "vio":
            path["k"][1]["s"][0][side].pop()
    elif change == "moves":
        layer["ks"]["p"] = {"a": 1, "k": [{"t": 0, "s": [0, 0]}, {"t": 5, "s": [9, 9]}]}
    elif change == "times":
        path["k"][1]["t"] = 0
    elif change == "infinite":
        path["k"][0]["s"][0]["v"][0][0] = math.inf
    elif change == "parent":
        layer["parent"] = layer["ind"]
    elif change == "length":
        wanted["op"] = 1e9
    elif change == "recursion":
        wanted["assets"] = [{"id": "a", "layers": [{"ty": 0, "refId": "a", "ip": 0, "op": 9}]}]
        wanted["layers"] = wanted["assets"][0]["layers"]
    return wanted


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("counts", "path 'box' has keys of 4 and 3 points"),
        ("moves", "layer 'box' moves as a whole"),
        ("times", "do not rise"),
        ("infinite", "not a finite number"),
        ("parent", "circle"),
        ("length", "needs 1 to 100000 frames"),
        ("recursion", "more than 20 deep"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(change: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(broken(change))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"layers": 5}', '{"layers": []}', "[" * 100_000, "\x00"])
def test_text_that_is_no_lottie_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|Lottie|finite"):
        read_shapes(text, ".lottie.json")


@settings(max_examples=100)
@given(data=st.data())
def test_damaged_files_end_in_shapes_or_one_sentence(data: st.DataObject) -> None:
    text = encode(Roto(PLATE, (shape(), shape("hole", invert=True))), data.draw(st.sampled_from(FORMS)))
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start, min(start + 40, len(text))))
    with_what = data.draw(st.sampled_from(["", "null", "[]", "{}", "1e400", '"x"', "-1", "true"]))
    with suppress(ValueError):
        read_shapes(text[:start] + with_what + text[stop:], ".lottie.json")
