"""Shapes put into scripts of others: ours change, all else stays byte for byte."""

from __future__ import annotations

import difflib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes import formats
from roto_shapes.difference import distances
from roto_shapes.formats import encode, read_shapes
from roto_shapes.formats.lua_table import parse
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
PLATE = Plate(640, 480, FrameRange(1001, 1012))
POINTS = (ControlPoint(100, 100, -9, 3, 9, -3), ControlPoint(300, 120), ControlPoint(200, 300))
BODY = Shape("body", (ShapeKeyframe(1001, POINTS), ShapeKeyframe(1009, POINTS[::-1])), FrameRange(1003, 1010))
ROTO = Roto(PLATE, (BODY,))
MOVED = Roto(
    PLATE,
    (replace(BODY, keyframes=(ShapeKeyframe(1004, POINTS[::-1]),)), replace(BODY, name="new", lifetime=PLATE.frames)),
)

SCRIPT = """#! /usr/bin/env nuke
version 13.2 v4
define_window_layout_xml {<?xml version="1.0"?>}
Root {
 inputs 0
 name /shows/söme.nk
 format "640 480 0 0 640 480 1 plate"
}
Read {
 inputs 0
 file "plate.####.exr" ; unknown {a {b} "c"}
 name Read1
}
RotoPaint {
 curves {AnimTree: "" { Version: 1.2 }}
 unheard_of 7
 curves {{{v x3f99999a} {f 0} {n {layer Root {f 2097152} {t x43a00000 x43700000} {a}}}}}
 toolbox {selectAll}
 name Paint4
}
Blur {
 size {{"Read1.frame*2"}}
 name Blur1
}
"""


def put_into(script: str, text: str, ending: str, node: str = "") -> str:
    return formats.put_into(script, text, ending, node).text


def changes(before: str, after: str) -> list[str]:
    """Return the lines that went or came, with their sign."""
    return [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


def test_a_named_node_gets_our_curves_and_nothing_else_changes() -> None:
    made = put_into(SCRIPT, encode(ROTO, ".nk"), "shot.nk", "Paint4")
    start, end = SCRIPT.index(" curves {{{v"), SCRIPT.index(" toolbox")
    assert made.startswith(SCRIPT[:start])
    assert made.endswith(SCRIPT[end:])
    assert max(each.px for each in distances(ROTO, read_shapes(made, ".nk").roto)) < 0.06
    assert put_into(made, encode(ROTO, ".nk"), "shot.nk", "Paint4") == made


def test_a_script_without_our_node_gets_it_at_its_end_and_then_keeps_it() -> None:
    made = put_into(SCRIPT, encode(ROTO, ".nk"), ".nk")
    assert made.startswith(SCRIPT)
    assert made.count("Roto {") == 1
    assert made.endswith("}\n")
    again = put_into(made, encode(MOVED, ".nk"), ".nk")
    assert again.startswith(SCRIPT)
    assert again.count("Roto {") == 1
    assert [shape.name for shape in read_shapes(again, ".nk").roto.shapes] == ["body", "new"]


def test_a_node_of_a_new_name_is_added_under_it() -> None:
    made = put_into(SCRIPT, encode(ROTO, ".nk"), ".nk", "Hero_2")
    assert "\n name Hero_2\n" in made[len(SCRIPT) :]
    assert "Rotolink1" not in made


@pytest.mark.parametrize("knob", ["", ' curves ""\n', " curves 0\n", " curves {}\n"])
def test_a_node_without_shapes_gets_them(knob: str) -> None:
    made = put_into(f"Roto {{\n{knob} name R\n}}\n", encode(ROTO, ".nk"), ".nk", "R")
    assert [shape.name for shape in read_shapes(made, ".nk").roto.shapes] == ["body"]
    assert made.count("curves") == 1
    assert made.endswith(" name R\n}\n")


@pytest.mark.parametrize(
    ("script", "node", "why"),
    [
        (SCRIPT, "Blur1", "line 21: 'Blur1' is a Blur"),
        (SCRIPT + SCRIPT, "Paint4", "line 38: this is the second node named Paint4"),
        (SCRIPT, "a b", "no name of a node"),
        ("Roto {", "", "line 1"),
    ],
)
def test_a_script_that_cannot_take_shapes_is_refused(script: str, node: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        put_into(script, encode(ROTO, ".nk"), ".nk", node)


COMP = """Composition {
\tCurrentTime = 12, -- a note: { not a table
\tTools = ordered() {
\t\tMerge1 = Merge { Inputs = { Blend = Input { Value = 0.5 }, } },
\t\tbody = PolylineMask {
\t\t\tPassThrough = true,
\t\t\tInputs = {
\t\t\t\tSoftEdge = Input { Value = 0.0123, },
\t\t\t\tMaskWidth = Input { Value = 99 },
\t\t\t\tEffectMask = Input { SourceOp = "Other", Source = "Mask" },
\t\t\t\tCenter = Input { Expression = "Point(0.5, 0.5)" }
\t\t\t},
\t\t\tUnheardOf = [[ of } ]],
\t\t},
\t\tbodyPolyline = BezierSpline { KeyFrames = { } },
\t\tLast = Note { Inputs = { } }
\t},
\tAfter = { 1, 2 }
}
"""


def test_masks_of_our_names_are_renewed_and_all_else_stays() -> None:
    made = put_into(COMP, encode(ROTO, ".comp"), "shot.comp")
    gone = [line[2:].strip() for line in changes(COMP, made) if line[0] == "-"]
    assert sorted(gone) == ["MaskWidth = Input { Value = 99 },", "bodyPolyline = BezierSpline { KeyFrames = { } },"]
    tools = parse(made).table("Tools")
    assert [entry.key for entry in tools.entries] == ["bodyLevel", "Merge1", "body", "bodyPolyline", "Last"]
    inputs = tools.table("body").table("Inputs")
    assert inputs.table("SoftEdge").number("Value", 0) == 0.0123
    assert inputs.table("MaskWidth").number("Value", 0) == 640
    assert inputs.table("EffectMask").text("SourceOp") == "Other"
    assert inputs.table("Polyline").text("SourceOp") == "bodyPolyline"
    assert max(each.px for each in distances(ROTO, read_shapes(made, ".comp").roto)) < 1e-3
    assert put_into(made, encode(ROTO, ".comp"), "shot.comp") == made


def test_new_masks_are_added_and_follow_the_old_ones() -> None:
    made = put_into(put_into(COMP, encode(ROTO, ".comp"), ".comp"), encode(MOVED, ".comp"), ".comp")
    read = read_shapes(made, ".comp").roto
    assert {shape.name for shape in read.shapes} == {"body", "new"}
    assert max(each.px for each in distances(MOVED, read)) < 1e-3


@pytest.mark.parametrize("text", ["{ }", "{ Tools = ordered() { } }", "{ Tools = ordered() { A = Note { } } }"])
def test_a_setting_without_masks_gets_them(text: str) -> None:
    made = put_into(text, encode(ROTO, ".setting"), ".setting")
    assert max(each.px for each in distances(ROTO, read_shapes(made, ".setting").roto)) < 1e-3


@pytest.mark.parametrize(
    ("script", "node", "why"),
    [
        ("{ Tools = {\n body = Merge { } } }", "", "line 2: 'body' is a Merge there"),
        ("{ Tools = {", "", "line 1"),
        ("{ }", "Mask1", "names of their shapes"),
    ],
)
def test_a_composition_that_cannot_take_shapes_is_refused(script: str, node: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        put_into(script, encode(ROTO, ".setting"), ".setting", node)


SESSION = """<?xml version="1.0" encoding="UTF-8"?>
<!-- Silhouette Shape File -->
<Silhouette width="640" height="480" pixelAspect="1" sessionStartFrame="990" workRangeStart="990" unheard='o>f'>
  <Layer type="Layer" label="größe" expanded="True" uuid="6BFA"><Properties>
    <Property id="trackSource"><Value>0</Value></Property>
    <Property id="objects" constant="True">
      <Object type="Shape" label='body' shape_type="Bspline" locked="True" uuid="A1">
        <Properties>
          <Property id="path"><Key frame="0" interp="linear"><Path closed="True" type="Bspline">
          <Point>(0,0),3,0.5</Point><Point>(0.1,0)</Point><Point>(0.1,0.1)</Point></Path></Key></Property>
          <Property id="mode" constant="True"><Value>Add</Value></Property>
          <Property id="motionBlur" constant="True"><Value>true</Value></Property>
          <Property id="feather.unknown"><Key frame="0" interp="ease">(1,2)</Key></Property>
        </Properties>
      </Object>
      <Object type="Shape" label="other &amp; &lt;one&gt;" shape_type="Xspline"/>
    </Property></Properties>
  </Layer>
  <!-- a last word --></Silhouette>
"""


def test_shapes_of_silhouette_are_renewed_and_what_is_not_known_stays() -> None:
    made = put_into(SESSION, encode(ROTO, ".fxs"), "shot.fxs")
    gone = "".join(line[2:] for line in changes(SESSION, made) if line[0] == "-")
    assert "locked" in gone, "the line with the kind of the shape"
    for kept in ("motionBlur", "feather.unknown", "trackSource", "unheard", "other"):
        assert kept not in gone
        assert kept in made
    assert """<Object type="Shape" label='body' shape_type="Bezier" locked="True" uuid="A1">""" in made
    read = read_shapes(made, ".fxs", Given(frames=FrameRange(990, 1012)))
    (body,) = (shape for shape in read.roto.shapes if shape.name == "body")
    assert body.lifetime == BODY.lifetime
    assert max(each.px for each in distances(ROTO, read.roto)) < 1e-3
    assert put_into(made, encode(ROTO, ".fxs"), "shot.fxs") == made


def test_new_shapes_of_silhouette_stand_above_all_others() -> None:
    made = put_into(SESSION, encode(MOVED, ".fxs"), ".fxs")
    read = read_shapes(made, ".fxs", Given(frames=FrameRange(990, 1012)))
    assert [shape.name for shape in read.roto.shapes] == ["body", "new"]
    start = SESSION.index("'o>f'>") + len("'o>f'>")
    assert made.startswith(SESSION[:start] + '\n  <Shape type="Shape" label="new"')
    assert made.endswith(SESSION[SESSION.index('      <Object type="Shape" label="other') :])


@pytest.mark.parametrize(
    "script", ['<Silhouette width="640" height="480"/>', "<Silhouette><Shape label='body'/></Silhouette>"]
)
def test_a_session_or_shape_of_one_tag_is_opened(script: str) -> None:
    given = Given((640, 480), FrameRange(0, 1012))
    made = put_into(script, encode(ROTO, ".fxs"), ".fxs")
    (body,) = read_shapes(made, ".fxs", given).roto.shapes
    assert body.lifetime == BODY.lifetime
    assert [key.frame for key in body.keyframes] == [1001, 1009]


@pytest.mark.parametrize(
    ("script", "node", "why"),
    [
        (SESSION, "Mask1", "names of their own"),
        (SESSION.replace('"640"', '"641"'), "", "the file's width is 641 and that of the shapes' plate 640"),
        (SESSION.replace('pixelAspect="1"', 'pixelAspect="2"'), "", "the file's pixelAspect is 2"),
        (SESSION.replace("other &amp; &lt;one&gt;", "body"), "", "two shapes there are named 'body'"),
        (SESSION.replace('"trackSource"><Value>0', '"transform.rotate"><Value>5'), "", "'body' lies in layer 'größe'"),
        (SESSION.replace('"trackSource"><Value>0', '"transform.pin_lr"><Value>(1,2)'), "", "which moves: take it out"),
        (SESSION[:900], "", "line 1"),
        ("<a/>", "", "not <Silhouette>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Silhouette/>', "", "document type"),
    ],
)
def test_a_session_that_cannot_take_shapes_is_refused(script: str, node: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        put_into(script, encode(ROTO, ".fxs"), ".fxs", node)


@pytest.mark.parametrize(
    ("script", "ending", "node"),
    [
        (SCRIPT, ".nk", ""),
        (SCRIPT, ".nk", "Paint4"),
        ('Roto {\n format "640 480 0 0 640 480 1 a"\n name R\n}\n', ".nk", "R"),
        (encode(ROTO, ".comp"), ".comp", ""),
        (encode(ROTO, ".setting"), ".setting", ""),
    ],
)
def test_a_script_of_another_size_than_the_plate_is_told_in_one_sentence(script: str, ending: str, node: str) -> None:
    larger = Roto(Plate(800, 600, PLATE.frames), ROTO.shapes)
    (note,) = formats.put_into(script, encode(larger, ending), ending, node).notes
    assert note.startswith("The script's picture is 640x480 and the shapes' plate 800x600: ")
    assert formats.put_into(script, encode(ROTO, ending), ending, node).notes == ()


@pytest.mark.parametrize(("script", "ending"), [("", ".nk"), ("{ }", ".setting"), ("Root {\n format HD\n}\n", ".nk")])
def test_a_script_that_does_not_say_its_size_is_taken_as_it_is(script: str, ending: str) -> None:
    assert formats.put_into(script, encode(ROTO, ending), ending).notes == ()


def test_other_formats_are_no_scripts() -> None:
    with pytest.raises(ValueError, match=r"scripts of \.nk, \.fxs, \.setting or \.comp alone"):
        put_into("", encode(ROTO, ".svg"), "a.svg")


@pytest.mark.skipif(not SAMPLES.exists(), reason="the folder of real files is not here")
@pytest.mark.parametrize(
    "path", sorted([*SAMPLES.glob("nuke/*.nk"), *SAMPLES.glob("fusion/*.setting")]), ids=lambda path: path.name
)
def test_real_files_keep_every_byte_that_was_theirs(path: Path) -> None:
    script = path.read_bytes().decode()
    made = put_into(script, encode(ROTO, path.name), path.name)
    if path.suffix == ".nk":
        assert made.startswith(script)
    else:
        head = script.index("{", script.index("Tools")) + 1
        assert made.startswith(script[:head])
        assert made.endswith(script[head:])
    assert "body" in [shape.name for shape in read_shapes(made, path.name).roto.shapes]


@settings(max_examples=100)
@given(data=st.data())
def test_damaged_scripts_are_refused_or_keep_what_is_theirs(data: st.DataObject) -> None:
    ending, text = data.draw(st.sampled_from([(".nk", SCRIPT), (".comp", COMP), (".fxs", SESSION)]))
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start, min(start + 30, len(text))))
    put = data.draw(st.sampled_from(["", "{", "}", '"', "\\", "body = 1,", "curves"]))
    with suppress(ValueError):
        put_into(text[:start] + put + text[stop:], encode(ROTO, ending), ending)
