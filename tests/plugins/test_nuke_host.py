"""Nuke's plugin beyond what every host must do: Reads, views, proxies, locks, the Rotolink group, menus, terminals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nuke_standin
import pytest
from nuke_scene import behind, put, reading, select, state, white

nuke_standin.start()

import nuke  # noqa: E402 - it belongs to a program that runs
import nuke.rotopaint as rp  # noqa: E402
from nuke_standin import elements as standin_elements  # noqa: E402
from nuke_standin.words import Word  # noqa: E402

from roto_client.errors import HostError  # noqa: E402
from roto_nuke import menus, prompts, roto_node  # noqa: E402
from roto_nuke.host import NukeHost  # noqa: E402
from roto_shapes.prompt import BoxPrompt, PointPrompt  # noqa: E402
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe  # noqa: E402
from roto_shapes.shot import FrameRange, Plate  # noqa: E402

pytestmark = pytest.mark.usefixtures("nuke_program")

PLUGIN = Path(__file__).parents[2] / "plugins" / "nuke"
PLATE = Plate(64, 48, FrameRange(1001, 1003))


def square(name: str, left: float = 10.0) -> Shape:
    places = ((left, 10.0), (left + 20, 10.0), (left + 20, 30.0), (left, 30.0))
    keyframe = ShapeKeyframe(1001, tuple(ControlPoint(x, y, corner=True) for x, y in places))
    return Shape(name, (keyframe,), PLATE.frames, interpolation=Interpolation.SMOOTH)


def curves(node: str) -> rp.CurveKnob:
    found = nuke.toNode(node)
    assert found is not None
    return roto_node.curves_of(found)


def refused(call: object) -> str:
    """Return the sentence of a refusal after which the script is as it was."""
    program = nuke_standin.program()
    before, steps = state(program), len(program.steps)
    with pytest.raises(HostError) as caught:
        call()  # type: ignore[operator] # a call
    assert state(program) == before
    assert len(program.steps) == steps
    return str(caught.value)


# Plates


@pytest.mark.parametrize(
    ("mode", "value", "offset"), [("start at", "1001", 1000), ("offset", "-1000", 1000), ("expression", "", 0)]
)
def test_the_offset_of_a_read_is_that_of_its_frame_mode(mode: str, value: str, offset: int) -> None:
    reading(frame_mode=mode, frame=value)
    plate = NukeHost().plate()
    assert plate.offset == offset
    assert plate.plate.frames == FrameRange(1 + offset, 12 + offset)
    assert plate.path is not None
    assert plate.path.frames == FrameRange(1, 12)
    assert plate.path.first_frame is None


def test_what_hands_a_picture_on_unchanged_does_not_hide_its_files() -> None:
    read = reading(frame="5", frame_mode="start at")
    grade = behind("Grade", behind("Dot", read))
    put(grade, "disable", 1)
    group = behind("NoOp", grade)
    prompts.create_group()
    plate = NukeHost().plate()
    assert plate.path is not None
    assert plate.path.path == "/shots/plate.%04d.exr"
    assert plate.key == "Rotolink1"
    select(group)
    assert NukeHost().plate().path == plate.path


@pytest.mark.parametrize("kind", ["Grade", "TimeOffset", "Crop"])
def test_a_changed_picture_is_rendered_and_the_artist_reads_why(kind: str) -> None:
    behind(kind, reading())
    plate = NukeHost().plate()
    assert plate.path is None
    assert f"{kind}1 makes or changes the picture" in plate.why_rendered


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"file": "[getenv SHOT]/plate.%04d.exr"}, "worked out by an expression"),
        ({"frame": "frame*2"}, "retimed by an expression"),
        ({"colorspace": "AlexaV3LogC"}, "does not know the colour space AlexaV3LogC"),
    ],
)
def test_files_that_the_daemon_could_read_otherwise_than_nuke_are_rendered(knobs: dict[str, str], why: str) -> None:
    reading(**knobs)
    plate = NukeHost().plate()
    assert plate.path is None
    assert why in plate.why_rendered


@pytest.mark.parametrize(
    ("knobs", "name"),
    [
        ({"colorspace": "default"}, ""),
        ({"colorspace": "default (sRGB)"}, "sRGB"),
        ({"colorspace": "linear"}, "scene-linear"),
        ({"colorspace": "AlexaV3LogC", "raw": 1}, "scene-linear"),
    ],
)
def test_the_colour_space_of_a_read_goes_to_the_daemon(knobs: dict[str, Any], name: str) -> None:
    reading(**knobs)
    path = NukeHost().plate().path
    assert path is not None
    assert path.colour_space == name


def test_a_colour_space_of_ocio_goes_with_its_configuration() -> None:
    put(nuke.root(), "colorManagement", "OCIO")
    put(nuke.root(), "workingSpaceLUT", "ACES - ACEScg")
    put(nuke.root(), "customOCIOConfigPath", "/show/config.ocio")
    reading(colorspace="Input - ARRI")
    path = NukeHost().plate().path
    assert path is not None
    assert (path.colour_space, path.ocio_config) == ("Input - ARRI", "/show/config.ocio")
    white()
    assert NukeHost().plate().plate.colour_space == "ACES - ACEScg"


def test_a_movie_counts_from_the_first_frame_of_its_read_and_a_proxy_goes_along() -> None:
    reading("/shots/plate.mov")
    path = NukeHost().plate().path
    assert path is not None
    assert (path.first_frame, path.proxy) == (1, "")
    reading(proxy="/shots/half.%04d.jpg")
    path = NukeHost().plate().path
    assert path is not None
    assert path.proxy == "/shots/half.%04d.jpg"


def test_each_view_has_its_files_its_key_and_its_note(nuke_program: nuke_standin.Program) -> None:
    nuke_program.views = ["left", "right"]
    nuke.nodes.Viewer()
    reading("/shots/%V/plate_%v.%04d.exr")
    host = NukeHost()
    nuke_program.view = "left"
    left = host.plate()
    nuke_program.view = "right"
    right = host.plate()
    assert left.path is not None
    assert right.path is not None
    assert (left.path.path, right.path.path) == ("/shots/left/plate_l.%04d.exr", "/shots/right/plate_r.%04d.exr")
    host.write_note(left, "of the left eye")
    assert (host.read_note(left), host.read_note(right)) == ("of the left eye", "")


def test_a_view_that_no_file_name_tells_is_rendered_alone(nuke_program: nuke_standin.Program) -> None:
    nuke_program.views = ["left", "right"]
    reading()
    plate = NukeHost().plate()
    assert "has the views left, right" in plate.why_rendered
    white()
    host = NukeHost()
    plate = host.plate()
    host.render(plate, 1)
    assert nuke_program.executed[-1][3] == ("left",)


def test_proxy_mode_changes_neither_the_plate_nor_what_is_rendered(nuke_program: nuke_standin.Program) -> None:
    node = white()
    put(nuke.root(), "proxy", 1)
    host = NukeHost()
    plate = host.plate()
    assert node.width() == 32
    assert (plate.plate.width, plate.plate.height) == (64, 48)
    steps = len(nuke_program.steps)
    host.render(plate, 1)
    assert nuke_program.executed == [("Write1", 1, 1, ("main",), False)]
    assert nuke.root()["proxy"].toScript() == "true"
    assert [each.name() for each in nuke.allNodes()] == ["white"]
    assert len(nuke_program.steps) == steps, "undo knows nothing of it"


def camera() -> None:
    select(nuke.nodes.Camera2())


def two_nodes() -> None:
    reading()
    white().setSelected(True)
    nuke.allNodes("Read")[0].setSelected(True)


def dot_alone() -> None:
    select(nuke.nodes.Dot())


def grade_alone() -> None:
    select(nuke.nodes.Grade())


def dots_that_end_nowhere() -> None:
    behind("Dot", nuke.nodes.NoOp())


def dots_in_a_circle() -> None:
    first = nuke.nodes.Dot()
    first.setInput(0, behind("Dot", first))


def roto_alone() -> None:
    select(nuke.nodes.Roto())


def read_of_nothing() -> None:
    reading("")


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda: None, "Select the node whose picture is to be rotoscoped"),
        (two_nodes, "2 nodes are selected: select the one"),
        (camera, "Camera21 has no picture: select the plate's node"),
        (dot_alone, "Nothing is connected to the input of Dot1: connect the plate"),
        (grade_alone, "Nothing is connected to the input of Grade1: connect the plate"),
        (dots_that_end_nowhere, "Nothing is connected to the input of NoOp1"),
        (dots_in_a_circle, "go round in a circle"),
        (roto_alone, "Roto1 has no input to rotoscope"),
        (read_of_nothing, "Read1 has no file: choose the plate in it"),
    ],
)
def test_a_selection_without_a_plate_is_a_sentence_that_says_what_to_do(prepare: object, sentence: str) -> None:
    prepare()  # type: ignore[operator] # a call
    assert sentence in refused(NukeHost().plate)


def test_a_roto_stands_for_what_it_is_drawn_on() -> None:
    behind("Roto", reading())
    assert NukeHost().plate().key == "Read1"


def test_a_render_that_fails_or_is_stopped_is_a_sentence_and_leaves_no_node(nuke_program: nuke_standin.Program) -> None:
    white()
    host = NukeHost()
    plate = host.plate()
    nuke_program.cancel_renders = True
    assert "Rendering white was stopped at frame 1" in refused(lambda: host.render(plate, 1))
    nuke_program.cancel_renders, nuke_program.fail_renders = False, "Write1: disk is full"
    assert "could not render frame 2 of white: Write1: disk is full" in refused(lambda: host.render(plate, 2))
    assert "Frame 500 lies outside" in refused(lambda: host.render(plate, 500))
    nuke.delete(nuke.allNodes()[0])
    for use in (lambda: host.render(plate, 1), lambda: host.read_note(plate), lambda: host.write_note(plate, "x")):
        assert "The node white is gone from the script" in refused(use)


# Roto nodes


def test_everything_else_in_a_node_stays_bit_for_bit() -> None:
    white()
    host = NukeHost()
    host.plate()
    node = host.write_shapes(Roto(PLATE, (square("ball"),)), "ball")
    knob = curves(node)
    others = (
        "{layer mine {f 2097664} {t x41200000 x41200000} {a opc x3f000000 future x40400000} "
        "{curvegroup own 576 bspline {{cc {f 8192} {px {x447a4000 x447ac000} {{a t {{T 1}}} {x41200000 x41300000} {0}} "
        "{{x41400000} {0}} {{=frame x40000000} {x41800000}}}} idem} {tx 1 0 0} {a ltt x40000000 lockpoint 1}} "
        "{cubiccurve stroke 512 catmullrom {cc {f 2080} {p {x41000000 x41000000 1} {x42000000 0 1}}} {a bs x41a00000}}}"
    )
    text = knob.toScript()
    at, end = text.index("{layer ball"), text.rindex("}}}")
    knob.fromScript(f"{text[:at]}{others} {text[at:end]} {others.replace('layer mine', 'layer below')}{text[end:]}")
    kept = element_text(node, "mine"), element_text(node, "below")

    host.write_shapes(Roto(PLATE, (square("ball", 30.0), square("second"))), "ball", node)
    assert (element_text(node, "mine"), element_text(node, "below")) == kept
    assert [element.name for element in curves(node).rootLayer] == ["mine", "ball", "below"], "each in its place"
    host.write_shapes(Roto(PLATE, (square("tail"),)), "tail", node)
    assert (element_text(node, "mine"), element_text(node, "below")) == kept
    assert curves(node).rootLayer[0].name == "tail", "what is new lies on top"
    assert "future" in kept[1]
    assert "lockpoint" in kept[0]


def element_text(node: str, path: str) -> str:
    element = curves(node).toElement(path)
    assert element is not None
    return element.serialise()


def test_groups_and_shapes_keep_names_that_nuke_does_not_know() -> None:
    white()
    host = NukeHost()
    host.plate()
    node = host.write_shapes(Roto(PLATE, (square("größe 1"), square("gr__e 1"))), "a b")
    host.write_shapes(Roto(PLATE, (square("other"),)), "a_b", node)
    assert [shape.name for shape in host.read_shapes(node, "a b").shapes] == ["größe 1", "gr__e 1"]
    assert [shape.name for shape in host.read_shapes(node, "a_b").shapes] == ["other"]
    host.write_shapes(Roto(PLATE, (square("another"),)), "a_b", node)
    assert [shape.name for shape in host.read_shapes(node, "a b").shapes] == ["größe 1", "gr__e 1"]
    assert [shape.name for shape in host.read_shapes(node, "a_b").shapes] == ["another"]
    put(nuke.allNodes("Roto")[0], roto_node.NAMES_KNOB, "damaged")
    assert [shape.name for shape in host.read_shapes(node, "a_b").shapes] == ["gr_e_1", "gr__e_1"]


def test_a_new_node_stands_beside_the_plate_in_its_group_and_leaves_the_selection() -> None:
    group = nuke.nodes.Group()
    assert isinstance(group, nuke.Group)
    with group:
        plate = white("inner")
        plate.setXYpos(100, 50)
        host = NukeHost()
        host.plate()
        chosen = nuke.selectedNodes()
    node = host.write_shapes(Roto(PLATE, (square("ball"),)), "ball")
    assert node == "Group1.Rotolink1"
    made = nuke.toNode(node)
    assert made is not None
    assert (made.xpos(), made.ypos(), made.input(0)) == (260, 50, None)
    with group:
        assert nuke.selectedNodes() == chosen


def locked_node(node: nuke.Node) -> None:
    node._locked = True  # type: ignore[attr-defined] # of the stand-in


def locked_group(node: nuke.Node) -> None:
    node.parent()._locked = True  # type: ignore[union-attr] # of the stand-in


def locked_layer(node: nuke.Node) -> None:
    element = roto_node.curves_of(node).toElement("ball")
    assert element is not None
    element.locked = True


def other_format(node: nuke.Node) -> None:
    node["format"].fromScript("128 96 0 0 128 96 1 large")


@pytest.mark.parametrize(
    ("hurt", "sentence"),
    [
        (locked_node, "Rotolink1 is locked: unlock it"),
        (locked_group, "The group Group1 is locked: unlock it"),
        (locked_layer, "The layer ball of Rotolink1 is locked: unlock it"),
        (other_format, "has the format 128x96 and the plate 64x48"),
    ],
)
def test_a_node_that_must_not_be_written_to_is_a_sentence(hurt: object, sentence: str) -> None:
    group = nuke.nodes.Group()
    assert isinstance(group, nuke.Group)
    with group:
        white()
        host = NukeHost()
        host.plate()
    name = host.write_shapes(Roto(PLATE, (square("ball"),)), "ball")
    node = nuke.toNode(name)
    assert node is not None
    hurt(node)  # type: ignore[operator] # a call
    assert sentence in refused(lambda: host.write_shapes(Roto(PLATE, (square("new"),)), "ball", name))


def test_a_locked_group_takes_no_new_node() -> None:
    group = nuke.nodes.Group()
    assert isinstance(group, nuke.Group)
    with group:
        white()
        host = NukeHost()
        host.plate()
    group._locked = True  # type: ignore[attr-defined] # of the stand-in
    assert "The group Group1 is locked" in refused(lambda: host.write_shapes(Roto(PLATE, (square("a"),)), "a"))


def test_a_node_that_is_no_roto_and_a_shape_that_makes_no_matte_are_sentences() -> None:
    white()
    host = NukeHost()
    assert "white is no Roto node" in refused(lambda: host.write_shapes(Roto(PLATE, (square("a"),)), "a", "white"))
    line = replace(square("line"), closed=False)
    assert "'line' is open" in refused(lambda: host.write_shapes(Roto(PLATE, (line,)), "a"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{cubiccurve brushed 512 catmullrom {cc {f 2080} {p {1 1 1} {x42000000 0 1}}} {a}}", "'brushed' is a stroke"),
        ("opc", "The attribute opc of shape 'ball' is not read"),
    ],
)
def test_what_writing_back_would_lose_is_refused_with_its_name(text: str, sentence: str) -> None:
    white()
    host = NukeHost()
    host.plate()
    node = host.write_shapes(Roto(PLATE, (square("ball"),)), "ball")
    knob = curves(node)
    if text == "opc":
        shape = knob.toElement("ball/ball")
        assert isinstance(shape, rp.Shape)
        shape.getAttributes().set("opc", 0.5)
    else:
        script = knob.toScript()
        at = script.index("{curvegroup")
        knob.fromScript(script[:at] + text + script[at:])
    assert sentence in refused(lambda: host.read_shapes(node, "ball"))


def test_a_nuke_that_takes_less_than_was_written_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    white()
    host = NukeHost()
    host.plate()
    node = host.write_shapes(Roto(PLATE, (square("ball"),)), "ball")
    read = standin_elements.Tree.read

    def take_one(tree: standin_elements.Tree, words: Word) -> None:
        read(tree, words)
        del tree._root._items[0]._items[1:]

    monkeypatch.setattr(standin_elements.Tree, "read", take_one)
    two = Roto(PLATE, (square("ball"), square("tail")))
    assert "Nuke took 1 of 2 shapes into Rotolink1" in refused(lambda: host.write_shapes(two, "ball", node))
    assert "Nuke took 1 of 2 shapes into Rotolink2" in refused(lambda: host.write_shapes(two, "ball"))


def test_a_script_that_cannot_be_saved_where_it_is_is_said_once(
    nuke_program: nuke_standin.Program, tmp_path: Path
) -> None:
    white()
    script = tmp_path / "shot.nk"
    script.write_text("")
    script.chmod(0o444)
    nuke.root()["name"].fromScript(str(script))
    host = NukeHost()
    host.plate()
    for _ in range(2):
        host.write_shapes(Roto(PLATE, (square("ball"),)), "ball")
    (said,) = nuke_program.messages
    assert "shot.nk is read-only: save the script under another name" in said


# The Rotolink group


def test_points_and_box_of_the_group_are_a_prompt_in_plate_pixels(nuke_program: nuke_standin.Program) -> None:
    reading()
    group = prompts.create_group()
    put(group, "place1", 0)
    place = group["place1"]
    assert isinstance(place, nuke.XY_Knob)
    place.setValue((10, 40))
    place.setAnimated()
    nuke_program.frame = 11
    place.setValue((20, 30))
    put(group, "on2", 1)
    put(group, "sign2", prompts.SUBTRACT)
    host = NukeHost()
    plate = host.plate()
    prompt = host.prompt(plate, 6)
    assert prompt is not None
    assert prompt.points == (PointPrompt(15, 13), PointPrompt(32, 24, foreground=False))
    assert prompt.box is None
    put(group, "box_on", 1)
    box = host.prompt(plate, 6)
    assert box is not None
    assert box.box == BoxPrompt(16, 12, 48, 36)
    group["box"].fromScript("{30 10 10 20}")
    assert "The box of Rotolink1 is empty: drag its corners apart" in refused(lambda: host.prompt(plate, 6))


def test_the_group_is_found_from_the_read_and_another_plate_has_none() -> None:
    read = reading()
    prompts.create_group()
    host = NukeHost()
    select(read)
    assert host.prompt(host.plate(), 1) is not None
    other = host
    white()
    assert other.prompt(other.plate(), 1) is None
    group = nuke.toNode("Rotolink1")
    assert group is not None
    put(group, "on1", 0)
    select(read)
    assert host.prompt(host.plate(), 1) is None


def test_making_a_group_is_one_undo_step(nuke_program: nuke_standin.Program) -> None:
    reading()
    menus.add()
    nuke_program.steps.clear()
    item = nuke.menu("Nuke").findItem("Rotolink/Points in the Viewer")
    assert isinstance(item, nuke.MenuItem)
    item.invoke()
    assert [each.Class() for each in nuke.allNodes()] == ["Read", "Group"]
    assert [step.name for step in nuke_program.steps] == ["Rotolink group"]
    nuke.undo()
    assert [each.Class() for each in nuke.allNodes()] == ["Read"]
