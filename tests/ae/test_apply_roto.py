"""What the script for After Effects makes, run in a stand-in of its document model that is stricter than it.

Outlines are compared on every frame and between, from what the stand-in shows at that time.
"""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.resources import files
from typing import Any

import javascript
import pytest

from roto_daemon.fitting.raster import render_shapes
from roto_shapes.formats import encode
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(2048, 858, FrameRange(1001, 1024), "shot", pixel_aspect=2.0, frame_rate=24000 / 1001)
POINTS = (
    ControlPoint(1500, 700, -40, 12, 40, -12),
    ControlPoint(2100, 760, 3, -30, -3, 30),
    ControlPoint(1600, 900, 0, 0, -25, -7, corner=True),
)


def moved(frame: int, dx: float, dy: float) -> ShapeKeyframe:
    return ShapeKeyframe(frame, tuple(p._replace(x=p.x + dx, y=p.y + dy, out_x=p.out_x + dx / 9) for p in POINTS))


BODY = Shape(
    "körper \"a\" 'b' \\ //@include #x",
    (moved(1001, 0, 0), moved(1006, 30, -4), moved(1024, -9, 50)),
    PLATE.frames,
    colour=(1.0, 0.5, 0.25),
)
HOLE = Shape("hole", (moved(1003, 5, 5), moved(1009, 0, 0)), FrameRange(1003, 1009), invert=True)
SMOOTH = replace(BODY, name="smooth", interpolation=Interpolation.SMOOTH)
STILL = Shape("still", (moved(1010, 1, 2),), FrameRange(1010, 1024))
SPIN = Layer("spin", (LayerKeyframe(1001), LayerKeyframe(1024, rotation_deg=40)), (1500, 700))
SPUN = replace(BODY, name="spun", layer=SPIN)
ROTO = Roto(PLATE, (BODY, HOLE, STILL, SMOOTH, SPUN), MadeBy("sam2-tiny", "tiny.pt"))

FOOTAGE = {"name": "plate", "width": 2048, "height": 858, "pixelAspect": 2.0}
COMP = {"width": 2048, "height": 858, "pixelAspect": 2.0, "frameRate": 23.976, "duration": 5}
SETUP = {"comp": COMP, "layers": [FOOTAGE], "selected": [0]}
QUARTERS = [frame / 4 for frame in range(4 * len(PLATE.frames) - 3)]
"""Times from the plate's first frame, in frames."""

PATH, OPACITY = "ADBE Mask Shape", "ADBE Mask Opacity"


def run(script: str, start: float = 0.0, **changes: Any) -> Any:  # noqa: ANN401 - the stand-in's dump
    setup = {**SETUP, **changes}
    rate = (setup["comp"] or COMP)["frameRate"]
    times = [start + at / rate for at in QUARTERS]
    return javascript.run("jsx", {"script": script, "setup": setup, "times": times})


def differences(layer: Any, roto: Roto) -> list[str]:  # noqa: ANN401 - as above
    """Return what the masks of a layer show otherwise than the shapes do."""
    found = []
    if [mask["name"] for mask in layer["masks"]] != [shape.name for shape in roto.shapes]:
        found.append("names")
    for shape, mask in zip(roto.shapes, layer["masks"]):
        if mask["maskMode"] != ("MaskMode.SUBTRACT" if shape.invert else "MaskMode.ADD"):
            found.append("mode")
        if mask["inverted"] or mask["rotoBezier"] or mask["locked"] or mask["color"] != list(shape.colour):
            found.append("flags")
        near = 0.052 if shape.interpolation is Interpolation.SMOOTH or shape.layer else 0.0011
        for at, drawn, opacity in zip(QUARTERS, mask["shown"][PATH], mask["shown"][OPACITY]):
            frame = PLATE.frames.first + at
            if opacity != (100 if math.floor(frame) in shape.lifetime else 0):
                found.append(f"lifetime at {frame}")
            if frame % 1 and near > 0.01:
                continue  # smooth motion agrees on frames
            if not drawn["closed"] or farthest(drawn, evaluate_on_plate(shape, frame)) > near:
                found.append(f"outline at {frame}")
    return found


def farthest(drawn: Any, points: tuple[ControlPoint, ...]) -> float:  # noqa: ANN401 - as above
    assert len(drawn["vertices"]) == len(points)
    away = 0.0
    for p, (x, y), into, out in zip(points, drawn["vertices"], drawn["inTangents"], drawn["outTangents"]):
        for (dx, dy), (tip_x, tip_y) in (((0, 0), (0, 0)), (into, p[2:4]), (out, p[4:6])):
            away = max(away, math.dist((x + dx, y + dy), (p.x + tip_x, p.y + tip_y)))
    return away


def test_masks_show_the_shapes_on_every_frame_and_between() -> None:
    result = run(encode(ROTO, ".jsx"))
    assert result["alerts"] == []
    assert (result["groups"], result["depth"], result["outside"]) == (1, 0, [])
    (layer,) = result["layers"]
    assert differences(layer, ROTO) == []
    assert "'plate' itself?" in result["questions"][0]


@pytest.mark.parametrize("frame", [1001, 1004, 1009, 1017])
def test_the_masks_cover_what_the_shapes_cover(frame: int) -> None:
    (layer,) = run(encode(ROTO, ".jsx"))["layers"]
    shapes = []
    for mask in layer["masks"]:
        at = QUARTERS.index(frame - PLATE.frames.first)
        drawn = mask["shown"][PATH][at]
        rows = zip(drawn["vertices"], drawn["inTangents"], drawn["outTangents"], strict=True)
        points = tuple(ControlPoint(*vertex, *into, *out) for vertex, into, out in rows)
        if mask["shown"][OPACITY][at]:
            cuts = mask["maskMode"] == "MaskMode.SUBTRACT"
            shapes.append(Shape(mask["name"], (ShapeKeyframe(frame, points),), FrameRange(frame, frame), invert=cuts))
    covered, wanted = (render_shapes(each, frame) for each in (Roto(PLATE, tuple(shapes)), ROTO))
    assert wanted.sum() > 1000
    assert abs(covered - wanted).max() <= 0.06, "a smooth shape may lie off by a twentieth of a pixel"


REFETCH = """var index = parade.addProperty("ADBE Mask Atom").propertyIndex;
        var atom = parade.property(index);"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("shape.inTangents = into", "shape.inTangents = out"),
        ("shape.outTangents = out", "shape.outTangents = into"),
        ("frame * comp.frameDuration", "(frame + 1) * comp.frameDuration"),
        ("[numbers[k], numbers[k + 1]]", "[numbers[k], data.height - numbers[k + 1]]"),
        ("shape.vertices = vertices", "vertices.push(vertices.shift()); shape.vertices = vertices"),
        ("env.KeyframeInterpolationType.LINEAR", "env.KeyframeInterpolationType.HOLD"),
        ("env.KeyframeInterpolationType.HOLD", "env.KeyframeInterpolationType.LINEAR"),
        ("mask.cuts ?", "!mask.cuts ?"),
        ("shape.closed = true", "shape.closed = false"),
        ("atom.rotoBezier = false", "atom.rotoBezier = true"),
    ],
)
def test_a_routine_that_draws_wrongly_would_be_noticed(old: str, new: str) -> None:
    text = encode(ROTO, ".jsx")
    assert text.count(old) == 1
    result = run(text.replace(old, new))
    assert differences(result["layers"][0], ROTO) != []


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (REFETCH, 'var atom = parade.addProperty("ADBE Mask Atom");', "Object is invalid"),
        ("var times = [], shapes", "var old = atom; parade.addProperty('ADBE Mask Atom'); old.name = 'x'; var times = [], shapes", "invalid"),  # noqa: E501 - a line of the script
        ('property("ADBE Mask Shape")', 'property("ADBE Mask Path")', "null"),
        ("atom.maskMode =", "atom.mode =", "no member 'mode'"),
        ("property.setValuesAtTimes(times, values)", "property.setValuesAtTimes(times.slice(1), values)", "unequal"),
        ("k <= times.length", "k <= times.length + 1", "no key"),
        ("into.push(", "if (k) into.push(", "differ in number"),
        ("property.setValuesAtTimes(times, values);", "property.setValuesAtTimes(times, values); property.setValue(values[0]);", "has keyframes"),  # noqa: E501 - as above
    ],
)  # fmt: skip
def test_a_routine_that_after_effects_would_stop_is_stopped(old: str, new: str, why: str) -> None:
    text = encode(ROTO, ".jsx")
    assert text.count(old) == 1
    result = run(text.replace(old, new))
    assert why in result["alerts"][0]
    assert result["depth"] == 0


def test_changes_outside_an_undo_group_would_be_noticed() -> None:
    text = encode(ROTO, ".jsx")
    for call in ('env.app.beginUndoGroup("Roto shapes of " + data.name);', "env.app.endUndoGroup();"):
        assert call in text
        text = text.replace(call, "")
    assert "addProperty" in run(text)["outside"]


@pytest.mark.parametrize("new_keys", ["LINEAR", "HOLD", "BEZIER"])
def test_keys_are_told_how_to_move_whatever_the_preferences_say(new_keys: str) -> None:
    assert differences(run(encode(ROTO, ".jsx"), newKeys=new_keys)["layers"][0], ROTO) == []


def test_a_solid_becomes_the_track_matte_of_the_plate() -> None:
    result = run(encode(ROTO, ".jsx"), answer=False)
    solid, plate = result["layers"]
    assert differences(solid, ROTO) == []
    assert (solid["name"], solid["comment"]) == ("shot matte", "sam2-tiny: tiny.pt")
    assert plate["masks"] == []
    assert plate["matte"] == {"layer": "shot matte", "type": "TrackMatteType.ALPHA"}


def test_an_old_after_effects_gets_the_solid_and_a_word() -> None:
    result = run(encode(ROTO, ".jsx"), answer=False, version=22)
    assert differences(result["layers"][0], ROTO) == []
    assert "choose 'shot matte' for 'plate' by hand" in result["alerts"][0]


def test_with_nothing_selected_a_solid_stands_alone() -> None:
    result = run(encode(ROTO, ".jsx"), selected=[])
    assert result["questions"] == []
    assert differences(result["layers"][0], ROTO) == []
    assert result["layers"][1]["matte"] is None


@pytest.mark.parametrize("answer", [True, False])
def test_keys_follow_a_layer_that_starts_later(answer: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    layers = [{**FOOTAGE, "startTime": 2.5}]
    result = run(encode(ROTO, ".jsx"), start=2.5, layers=layers, answer=answer)
    assert differences(result["layers"][0], ROTO) == []


def test_differences_of_the_composition_are_told() -> None:
    comp = {"width": 1920, "height": 1080, "pixelAspect": 1, "frameRate": 25, "duration": 0.8}
    result = run(encode(ROTO, ".jsx"), comp=comp, selected=[])
    (said,) = result["alerts"]
    for each in (
        "width is 1920 here, and 2048",
        "height is 1080",
        "pixel aspect is 1 here, and 2",
        "rate is 25 here, and 23.976 ",
    ):
        assert each in said
    assert "last 24 frames, and the composition ends after 20" in said


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"comp": None, "selected": [], "layers": []}, "Open the composition that shows the plate"),
        ({"layers": [FOOTAGE, FOOTAGE], "selected": [0, 1]}, "Several layers are selected"),
        ({"layers": [{"name": "title", "kind": "shape"}]}, "The layer 'title' does not show a plate"),
        ({"layers": [{**FOOTAGE, "hasMasks": False}]}, "The layer 'plate' does not show a plate"),
        ({"layers": [{**FOOTAGE, "stretch": 200}]}, "stretched or remapped in time"),
        ({"layers": [{**FOOTAGE, "timeRemapEnabled": True}]}, "stretched or remapped in time"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_changes(changes: dict[str, Any], why: str) -> None:
    result = run(encode(ROTO, ".jsx"), **changes)
    assert len(result["alerts"]) == 1
    assert why in result["alerts"][0]
    assert (result["groups"], result["outside"]) == (0, [])
    assert all(layer["masks"] == [] for layer in result["layers"])


def test_a_script_without_shapes_says_so() -> None:
    result = run(encode(Roto(PLATE), ".jsx"))
    assert "no shapes" in result["alerts"][0]
    assert result["groups"] == 0


def test_masks_that_were_there_stay_and_are_told() -> None:
    text = encode(Roto(PLATE, (BODY,)), ".jsx")
    result = run(text + text)
    assert [mask["name"] for mask in result["layers"][0]["masks"]] == [BODY.name] * 2
    assert "had 1 masks" in result["alerts"][0]


@pytest.mark.parametrize("sign", [1, -1])
def test_feather_becomes_points_of_that_width(sign: int) -> None:
    corners = (((100, 100), (-3, -4)), ((200, 100), (4, -3)), ((200, 200), (3, 4)), ((100, 200), (-4, 3)))
    points = tuple(ControlPoint(x, y, feather=(sign * dx, sign * dy)) for (x, y), (dx, dy) in corners)
    wider = tuple(ControlPoint(x, y, feather=(3 * sign * dx, 3 * sign * dy)) for (x, y), (dx, dy) in corners)
    keys = ShapeKeyframe(1001, points), ShapeKeyframe(1024, wider)
    result = run(encode(Roto(PLATE, (Shape("soft", keys, PLATE.frames),)), ".jsx"))
    assert result["alerts"] == []
    (mask,) = result["layers"][0]["masks"]
    assert mask["maskFeatherFalloff"] == "MaskFeatherFalloff.FFO_LINEAR"
    for at, drawn in zip(QUARTERS, mask["shown"][PATH]):
        assert drawn["featherRadii"] == pytest.approx([sign * (5 + 10 * at / 23)] * 4)
        assert drawn["featherSegLocs"] == [0, 1, 2, 3]
        assert drawn["featherTypes"] == [0 if sign > 0 else 1] * 4


def test_a_panel_sends_one_mask_a_call_to_a_layer_that_it_names() -> None:
    text = encode(ROTO, ".jsx")
    data = text[text.index("var DATA") : text.index("// Masks in After Effects")]
    routine = files("roto_shapes.formats").joinpath("apply_roto.js").read_text(encoding="ascii")
    calls = """
var layer = app.project.activeItem.selectedLayers[0], masks = DATA.masks;
var env = {app: app, Shape: Shape, MaskMode: MaskMode, KeyframeInterpolationType: KeyframeInterpolationType,
    MaskFeatherFalloff: MaskFeatherFalloff, TrackMatteType: TrackMatteType, layer: layer,
    isComp: function () { return true; }, confirm: function () { throw new Error("asked"); }};
for (var k = 0; k < masks.length; k += 1) {
    DATA.masks = [masks[k]];
    if (applyRoto(env, DATA).layer !== layer) { alert("another layer"); }
}
"""
    result = run(data + routine + calls)
    assert result["alerts"] == []
    assert result["groups"] == len(ROTO.shapes)
    assert differences(result["layers"][0], ROTO) == []


@pytest.mark.parametrize(
    "code",
    [
        "[1].map(function (a) { return a; });", "[1].indexOf(1);", "JSON.stringify(1);", "Object.keys(DATA);",
        "' a'.trim();", "new Date().toISOString();", "new Promise(function () {});", "new Map();", "eval('1');",
        "(function () {}).bind(null);", "Array.isArray([]);", "var a = {b: 1,};", "let a = 1;", "var a = `b`;",
        "var a = {default: 1};", "DATA.default;", "console.log(1);", "setTimeout(function () {}, 1);",
    ],
)  # fmt: skip
def test_what_extendscript_does_not_know_would_be_noticed(code: str) -> None:
    assert run(f"var DATA = {{}};\n{code}").get("error")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("app.endUndoGroup()", "without a beginUndoGroup"),
        ("app.projekt", "no member 'projekt'"),
        ("mask.color = [2, 0, 0]", "outside 0 to 1"),
        ("mask.maskMode = 6813", "no value of its enumeration"),
        ("mask.property('Mask Opacity').setValue(101)", "outside 0 to 100"),
        ("mask.property('Mask Opacity').setValuesAtTimes([0 / 0], [1])", "no finite number"),
        ("mask.property('Mask Opacity').setValuesAtTimes([], [])", "empty"),
        ("mask.property('Mask Opacity').setInterpolationTypeAtKey(0, KeyframeInterpolationType.HOLD)", "no key 0"),
        ("mask.property('Mask Path').setValue(new Shape())", "needs a vertex"),
        ("parade.property(0)", "no property 0"),
        ("parade.addProperty('ADBE Mask Shape')", "takes no"),
        ("var p = mask.property('Mask Opacity'); parade.addProperty('ADBE Mask Atom'); p.setValue(1)", "is invalid"),
        ("var s = new Shape(); s.featherRadii = [1]; mask.property('Mask Path').setValue(s)", "feather lists differ"),
    ],
)  # fmt: skip
def test_the_stand_in_fails_where_after_effects_fails(code: str, why: str) -> None:
    before = """var layer = app.project.activeItem.selectedLayers[0], parade = layer.property("Masks");
parade.addProperty("ADBE Mask Atom"); var mask = parade.property(1);
"""
    assert why in run(before + code)["error"]


def test_keys_of_unequal_counts_are_not_joined_by_lines() -> None:
    code = """var parade = app.project.activeItem.selectedLayers[0].property("Masks");
parade.addProperty("ADBE Mask Atom");
var a = new Shape(), b = new Shape();
a.vertices = a.inTangents = a.outTangents = [[0, 0], [1, 1]];
b.vertices = b.inTangents = b.outTangents = [[0, 0]];
var path = parade.property(1).property("Mask Path");
path.setValuesAtTimes([0, 1], [a, b]);
"""
    assert run(code)["error"] == "unequal vertex counts"
    held = "path.setInterpolationTypeAtKey(1, KeyframeInterpolationType.HOLD);"
    assert len(run(code + held)["layers"][0]["masks"]) == 1
