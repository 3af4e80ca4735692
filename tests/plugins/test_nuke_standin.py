"""The stand-in of Nuke behaves as measured: the numbers here are those of reference measurements, not of our code."""

from __future__ import annotations

import threading
from pathlib import Path

import nuke_standin
import pytest

nuke_standin.start()

import nuke  # noqa: E402 - it belongs to a program that runs
import nuke.curvelib as cl  # noqa: E402
import nuke.rotopaint as rp  # noqa: E402

pytestmark = pytest.mark.usefixtures("nuke_program")

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "nuke"
TREE = (
    "AddMode 0 0 1 0 {{v x3f99999a} {f 0} {n {layer Root {f 2097152} {t x44700000 x44070000} {a} "
    "{curvegroup top 512 bezier {{cc {f 8192} {p {} {x41200000 x41200000} {} {} {x42480000 x41200000} {} "
    "{} {x42480000 x42480000} {} {} {x41200000 x42480000} {}}} idem} {a bm x41500000}} "
    "{curvegroup below 512 bezier {{cc {f 8192} {p {} {0 0} {} {} {x42700000 0} {} "
    "{} {x42700000 x42700000} {} {} {0 x42700000} {}}} idem} {a ltt x40800000 ltn x41200000 ltm x41a00000}}}}}"
)


def curves_knob(node: nuke.Node) -> rp.CurveKnob:
    knob = node["curves"]
    assert isinstance(knob, rp.CurveKnob)
    return knob


def curve(*keys: tuple[float, float], kind: int = 256) -> cl.AnimCurve:
    made = cl.AnimCurve()
    for time, value in keys:
        key = cl.AnimCurveKey(time, value)
        key.interpolationType = kind
        made.addKey(key)
    return made


PEAK = ((1, 0), (50, 1), (100, 0))
MEASURED = [
    (PEAK, 256, {25: 0.675943, 75: 0.6875}),
    (((1, 0), (50, 20), (100, 100)), 256, {25: 4.305524, 75: 54.469697}),
    (((1, 100), (10, 300), (20, 500)), 256, {5: 190.766010, 15: 401.973684}),
    (((1, 100), (10, 200), (20, 100)), 256, {5: 162.277092, 15: 168.75}),
    (((1, 5), (50, 40)), 256, {25: 22.142857}),
    (((1, 1), (20, 0.25)), 256, {10: 0.644737}),
    (PEAK, 258, {25: 0.4898, 75: 0.5}),
    (PEAK, 257, {75: 1.0}),
]


@pytest.mark.parametrize(("keys", "kind", "values"), MEASURED)
def test_keys_move_as_measured(keys: tuple[tuple[float, float], ...], kind: int, values: dict[float, float]) -> None:
    animated = curve(*keys, kind=kind)

    for time, value in values.items():
        assert animated.evaluate(time) == pytest.approx(value, abs=1e-4)
    assert animated.evaluate(-5) == keys[0][1]
    assert animated.evaluate(500) == keys[-1][1]


def test_a_peak_is_never_passed() -> None:
    peak = curve((0, 0), (10, 10), (20, 5))
    assert max(peak.evaluate(tenth / 10) for tenth in range(201)) == 10


def test_a_position_without_keys_is_what_was_set_and_with_keys_is_not() -> None:
    point = rp.ShapeControlPoint(3, 4)
    point.center.setPosition((5, 6))
    assert list(point.center.getPosition(1)) == [5, 6, 1]
    assert list(point.leftTangent.getPosition(1)) == [0, 0, 0]
    point.center.addPositionKey(10, (7, 8))
    point.center.setPosition((9, 9))
    assert list(point.center.getPosition(1)) == [7, 8, 1]
    assert point.center.getPositionAnimCurve(0).getKey(0).interpolationType == 256


def test_what_was_put_into_a_layer_is_a_copy_and_the_object_in_hand_is_dead() -> None:
    knob = curves_knob(nuke.nodes.Roto())
    shape = rp.Shape(knob, (0, 0), (10, 0), (10, 10))
    shape.name = "drawn"
    knob.rootLayer.append(shape)

    with pytest.raises(RuntimeError, match="associated c\\+\\+ object is NULL"):
        shape.name = "again"
    kept = knob.toElement("drawn")
    assert isinstance(kept, rp.Shape)
    assert len(kept) == 3
    knob.changed()
    with pytest.raises(RuntimeError, match="NULL"):
        len(kept)


def test_handles_are_dead_after_text_was_put_in() -> None:
    knob = curves_knob(nuke.nodes.Roto())
    root = knob.rootLayer
    knob.fromScript(TREE)
    with pytest.raises(RuntimeError, match="NULL"):
        root.name  # noqa: B018 - reading is what fails
    assert [element.name for element in knob.rootLayer] == ["top", "below"]


@pytest.mark.parametrize("name", ["setClosed", "setColor", "getAnimCurve", "getMatrixAt", "lft"])
def test_calls_that_public_plugins_made_up_do_not_exist(name: str) -> None:
    shape = rp.Shape(curves_knob(nuke.nodes.Roto()))
    for thing in (shape, shape.getAttributes(), shape.getTransform(), nuke, nuke.root()):
        with pytest.raises(AttributeError):
            getattr(thing, name)
    with pytest.raises(AttributeError):
        shape.colour = 1  # type: ignore[attr-defined] # what is tested


def test_attributes_have_measured_defaults_and_unknown_names_make_themselves() -> None:
    own = rp.Shape(curves_knob(nuke.nodes.Roto())).getAttributes()
    assert [own.getValue(1, name) for name in ("opc", "mbs", "osw", "ltt", "bm")] == [1, 0.5, 10, 0, 0]
    assert "lft" not in own
    assert own.getValue(1, "lft") == 0
    assert "lft" in own
    own.set(5, "opc", 0.25)
    assert own.getValue(9, "opc", "main") == 0.25
    own.add("opc", 1)
    assert own.getNumberOfKeys("opc") == 0
    with pytest.raises(TypeError):
        own.set("opc")
    with pytest.raises(ValueError, match="view"):
        own.getValue(1, "opc", "left")


def test_a_curve_has_points_from_0_to_1_alone() -> None:
    shape = rp.Shape(curves_knob(nuke.nodes.Roto()), (0, 0), (10, 0), (10, 10))
    outline = shape.evaluate(0, 1)
    assert list(outline.getPoint(1 / 3)) == pytest.approx([10, 0, 1, 0])
    for outside in (-0.1, 1.1):
        with pytest.raises(ValueError, match="0 to 1"):
            outline.getPoint(outside)


def alpha(node: nuke.Node, frame: int, x: float, y: float) -> float:
    return float(node._picture(frame).channels["rgba.alpha"][int(y)][int(x)])  # type: ignore[attr-defined] # the stand-in's


def test_index_0_is_drawn_on_top_and_difference_above_a_shape_is_a_hole() -> None:
    node = nuke.nodes.Roto()
    curves_knob(node).fromScript(TREE)

    assert alpha(node, 15, 30, 30) == 0  # the hole
    assert alpha(node, 15, 5, 5) == pytest.approx(1)
    assert alpha(node, 15, 59, 59) == pytest.approx(1)
    assert alpha(node, 15, 61, 61) == 0
    assert alpha(node, 21, 5, 5) == 0  # past the lifetime of what lies below
    assert alpha(node, 21, 30, 30) == pytest.approx(1)  # a difference over nothing paints
    root = curves_knob(node).rootLayer
    root.append(root[0])
    root.remove(0)
    assert alpha(node, 15, 30, 30) == pytest.approx(1)  # below its outer shape it has no effect


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no saved scripts here")
def test_saved_scripts_survive_reading_and_writing() -> None:
    files = sorted(SAMPLES.glob("*.nk"))
    assert files
    from nuke_standin.elements import Tree  # noqa: PLC0415 - inside the stand-in
    from nuke_standin.words import parse  # noqa: PLC0415

    count = 0
    for file in files:
        words = parse(file.read_text())
        for at, word in enumerate(words):
            if word not in ("Roto", "RotoPaint"):
                continue
            knobs = words[at + 1]
            curves = knobs[knobs.index("curves") + 1]
            tree = Tree(640, 480)
            tree.read(curves[5] if curves[:1] == ["AddMode"] else curves[0])
            once = tree.text()
            tree.read(parse(once)[5])
            assert tree.text() == once
            count += 1
    assert count > 5


def test_other_threads_may_do_nothing_but_send_calls(nuke_program: nuke_standin.Program) -> None:
    said: list[str] = []
    done: list[object] = []

    def name_of_root() -> str:
        return root.name()

    def work() -> None:
        for use in (nuke.allNodes, name_of_root, lambda: nuke.message("x"), lambda: nuke.Undo("x").begin()):
            with pytest.raises(RuntimeError, match="main thread"):
                use()
        nuke.executeInMainThread(said.append, ("sent",))
        done.append(nuke.executeInMainThreadWithResult(nuke.frame))

    root = nuke.root()
    worker = threading.Thread(target=work)
    worker.start()
    assert nuke_program.idle(lambda: len(done) == 1, timeout_s=10)
    worker.join()
    assert said == ["sent"]
    assert done == [1]


def test_sending_calls_from_the_main_thread_fails_instead_of_hanging() -> None:
    for send in (nuke.executeInMainThread, nuke.executeInMainThreadWithResult):
        with pytest.raises(AssertionError, match="hangs"):
            send(print)


def test_an_undo_step_is_counted_once_and_taken_back_whole(nuke_program: nuke_standin.Program) -> None:
    roto = nuke.nodes.Roto()
    knob = curves_knob(roto)
    before = knob.toScript()
    nuke_program.steps.clear()
    with nuke.Undo("Rotolink"):
        knob.fromScript(TREE)
        nuke.nodes.Dot()
        roto.setXYpos(5, 5)
    assert [step.name for step in nuke_program.steps] == ["Rotolink"]
    nuke.undo()
    assert knob.toScript() == before
    assert [node.Class() for node in nuke.allNodes()] == ["Roto"]
    assert roto.xpos() == 0
    nuke.redo()
    assert [node.Class() for node in nuke.allNodes()] == ["Roto", "Dot"]
    with pytest.raises(RuntimeError, match="nests"), nuke.Undo("outer"):
        nuke.Undo.begin("inner")
    nuke.Undo.disable()
    roto.setXYpos(6, 6)
    nuke.Undo.enable()
    assert len(nuke_program.steps) == 1


def test_a_step_that_is_cancelled_leaves_nothing() -> None:
    nuke.Undo.begin("Rotolink")
    node = nuke.nodes.Dot()
    nuke.Undo.cancel()
    assert nuke.allNodes() == []
    with pytest.raises(ValueError, match="not attached"):
        node.name()


def test_a_write_makes_real_files_from_the_bottom_up_with_format_and_box(
    nuke_program: nuke_standin.Program, tmp_path: Path
) -> None:
    oiio = pytest.importorskip("OpenImageIO", reason="reads the file in the daemon's Python")
    roto = nuke.nodes.Roto()
    roto["format"].fromScript("64 48 0 0 64 48 2 small")
    curves_knob(roto).fromScript(TREE)
    crop = nuke.nodes.Crop(box=(0, 0, 60, 20))
    crop.setInput(0, roto)
    write = nuke.nodes.Write(file=f"{tmp_path.as_posix()}/a.%04d.exr", file_type="exr", channels="alpha", raw=True)
    write.setInput(0, crop)
    nuke.execute(write, 15, 15, 1)

    picture = oiio.ImageBuf(str(tmp_path / "a.0015.exr"))
    spec = picture.spec()
    assert (spec.full_width, spec.full_height) == (64, 48)
    assert (spec.x, spec.y, spec.width, spec.height) == (0, 28, 60, 20)
    assert spec.get_float_attribute("PixelAspectRatio") == 2
    pixels = picture.get_pixels(oiio.FLOAT)
    assert pixels[-5, 30, 0] == pytest.approx(1)  # four rows from the bottom: below the hole
    assert pixels[0, 30, 0] == 0  # higher up: in the hole
    nuke_program.cancel_renders = True
    with pytest.raises(RuntimeError, match=r"(?i)cancelled"):
        nuke.execute(write, 15, 15)


def test_pasted_text_becomes_nodes_and_copied_nodes_become_text(tmp_path: Path) -> None:
    text = tmp_path / "nodes.nk"
    text.write_text(
        "set cut_paste_input [stack 0]\nversion 15.0 v4\npush $cut_paste_input\n"
        "NoOp {\n name First\n addUserKnob {20 Rotolink}\n addUserKnob {1 note +INVISIBLE}\n"
        ' note "say \\"a\\" {b}"\n}\nGroup {\n name Box\n}\n'
        "Input {\n inputs 0\n name Input1\n}\nOutput {\n name Output1\n}\n"
        "end_group\n"
    )
    dot = nuke.createNode("Dot")
    pasted = nuke.nodePaste(str(text))

    assert pasted is not None
    assert pasted.name() == "Box"
    first = pasted.input(0)
    assert first is not None
    assert first.input(0) is dot
    assert first["note"].value() == 'say "a" {b}'  # type: ignore[attr-defined] # a String_Knob
    assert not first["note"].visible()
    assert nuke.toNode("Box.Output1") is not None
    for node in nuke.allNodes():
        node.setSelected(node is first)
    copy = tmp_path / "copy.nk"
    nuke.nodeCopy(str(copy))
    nuke_standin.start()
    again = nuke.nodePaste(str(copy))
    assert again is not None
    assert again["note"].value() == 'say "a" {b}'  # type: ignore[attr-defined] # a String_Knob


def test_a_terminal_has_no_menus_no_panels_and_no_windows() -> None:
    nuke_standin.start(gui=False)
    from nukescripts import panels  # noqa: PLC0415 - not at the start of a terminal

    assert not nuke.GUI
    for use in (lambda: nuke.menu("Nuke"), lambda: panels.registerWidgetAsPanel("a.B", "B", "b")):
        with pytest.raises(RuntimeError, match="GUI"):
            use()
    with pytest.raises(AssertionError, match="nobody can answer"):
        nuke.message("hello")
