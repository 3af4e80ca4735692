"""Rotolink in Silhouette: its actions, its shapes' details, and what goes wrong there."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import silhouette_program as sfx
from host_rig import GivenPlate
from silhouette_rig import SilhouetteRig
from stand_in_daemon import StandInDaemon, served

from roto_client.desk.state import Link
from roto_client.errors import HostError
from roto_shapes.prompt import BoxPrompt
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate
from roto_silhouette import actions, first_run
from roto_silhouette.host import PROMPTS, SilhouetteHost
from roto_silhouette.world import PointLayout, learned_layout

PACKAGE = Path(__file__).parents[2] / "plugins" / "silhouette" / "rotolink_silhouette.py"
PLATE = Plate(64, 48, FrameRange(1001, 1010), pixel_aspect=2.0)
GIVEN = GivenPlate(PLATE, "plate.####.png")
TRIANGLE = (ControlPoint(10, 10), ControlPoint(30, 10), ControlPoint(20, 30))


@pytest.fixture
def rig() -> SilhouetteRig:
    made = SilhouetteRig()
    made.select(GIVEN)
    return made


@pytest.fixture
def seat(rig: SilhouetteRig, stand_in: StandInDaemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[actions.Seat]:
    """The actions of a Silhouette without windows, at a daemon."""
    rig.program.gui = False
    monkeypatch.setenv("ROTO_DAEMON", stand_in.address)
    made = actions.Seat()
    monkeypatch.setattr(actions, "SEAT", made)
    yield made
    made.desk.close()


def until(seat: actions.Seat, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline, f"waited in vain: {seat.desk.state}"
        seat.turn()
        time.sleep(0.005)


def layer_with(rig: SilhouetteRig, label: str, *shapes: Shape) -> None:
    """Draw shapes into a layer of a Roto node, which is active then."""
    node = rig.host.write_shapes(Roto(PLATE, shapes), label)
    assert rig.program.session is not None
    rig.program.node = next(each for each in rig.program.session.nodes if each.label == node)


def still(name: str, *places: tuple[float, float]) -> Shape:
    points = tuple(ControlPoint(x, y) for x, y in places)
    return Shape(name, (ShapeKeyframe(1001, points),), PLATE.frames)


def test_generate_shape_goes_from_a_prompt_to_shapes_in_a_roto_node(rig: SilhouetteRig, seat: actions.Seat) -> None:
    layer_with(rig, PROMPTS, still("on", (19, 23), (22, 23), (20.5, 27.5)))
    actions.register()
    item = rig.program.actions["Rotolink|Generate shape"]
    item.available()
    item.execute()
    until(seat, lambda: bool(seat.desk.state.node))
    (prompt,) = seat.desk.state.shown[0].prompts.values()
    assert prompt.points[0].x == pytest.approx(20.5)
    assert prompt.points[0].y == pytest.approx(24.5)
    assert rig.shape_names(seat.desk.state.node)
    assert rig.program.depth == 0


def test_a_daemon_that_goes_away_is_said_once_and_one_can_be_started(
    rig: SilhouetteRig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.program.gui = False
    made = actions.Seat()
    monkeypatch.setattr(actions, "SEAT", made)
    actions.register()
    with served() as daemon:
        monkeypatch.setenv("ROTO_DAEMON", daemon.address)
        until(made, lambda: made.desk.state.link is Link.CONNECTED)
        rig.program.actions["Rotolink|Start a daemon"].execute()
        assert f"A daemon answers at {daemon.address}: none was started." in capsys.readouterr().out
    until(made, lambda: made.desk.state.link is Link.LOST)
    made.desk.open_plate()
    until(made, lambda: made.desk.is_idle)
    assert capsys.readouterr().out.count("Rotolink waits for it to come back") == 1
    made.desk.close()


def test_actions_are_there_only_with_a_session_and_errors_are_dialogs(rig: SilhouetteRig, seat: actions.Seat) -> None:
    actions.register()
    rig.program.session = None
    with pytest.raises(AssertionError, match="Open a project"):
        rig.program.actions["Rotolink|Track"].available()
    rig.program.gui = True
    rig.program.actions["Rotolink|Check this Silhouette"].execute()
    assert "Open a session of 12 frames or more" in rig.program.errors[-1]
    assert not seat.desk.state.objects


def test_silhouette_imports_the_installed_folder_as_a_package(
    rig: SilhouetteRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.program.gui = False
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("rotolink_silhouette", PACKAGE)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert {"Rotolink|Generate shape", "Rotolink|Write shapes"} <= set(rig.program.actions)
    assert "Rotolink|Open the panel" not in rig.program.actions, "there are no windows"


def test_prompts_are_clicks_exclusions_and_a_box_or_a_selected_shape(rig: SilhouetteRig) -> None:
    told = rig.host.plate()
    assert rig.host.prompt(told, 1001) is None
    layer_with(
        rig,
        PROMPTS,
        still("on", (9, 9), (11, 9), (10, 12)),
        still("not here", (29, 9), (31, 9), (30, 12)),
        still("Box", (4, 6), (40, 6), (40, 30), (4, 30)),
    )
    prompt = rig.host.prompt(told, 1004)
    assert prompt is not None
    found = sorted((round(p.x, 6), round(p.y, 6), p.foreground) for p in prompt.points)
    assert found == [(10, 10, True), (30, 10, False)]
    assert prompt.box is not None
    box = BoxPrompt(4, 6, 40, 30)
    assert (prompt.box.x0, prompt.box.y0, prompt.box.x1, prompt.box.y1) == pytest.approx(
        (box.x0, box.y0, box.x1, box.y1)
    )
    rig.host.write_shapes(Roto(PLATE), PROMPTS, "Rotolink 1")
    node = rig.host.write_shapes(Roto(PLATE, (still("mine", (9, 9), (11, 9), (10, 12)),)), "ball")
    rig.program.selected = [sfx.shapes_of(rig._node(node))[0]]
    outline = rig.host.prompt(told, 1001)
    assert outline is not None
    assert [(p.x, p.y) for p in outline.outline] == [pytest.approx(at) for at in [(9, 9), (11, 9), (10, 12)]]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/a/plate.[0993-1002].exr", ("/a/plate.####.exr", FrameRange(993, 1002), 1001 - 993)),
        ("/a/take.mov", ("/a/take.mov", None, 1001)),
        ("/a/still.0007.exr", ("/a/still.0007.exr", FrameRange(7, 7), 1001 - 7)),
    ],
)
def test_a_sources_files_are_found(rig: SilhouetteRig, path: str, wanted: tuple[str, FrameRange, int]) -> None:
    assert rig.program.node is not None
    rig.program.node.own("stream.primary", sfx.Stream(path))
    told = rig.host.plate()
    assert told.path is not None
    assert (told.path.path, told.path.frames, told.offset) == wanted


def test_the_only_source_is_the_plate_of_any_node_and_of_two_none_is_guessed(rig: SilhouetteRig) -> None:
    first = rig.host.plate().key
    layer_with(rig, "ball", still("ball", (9, 9), (11, 9), (10, 12)))
    assert rig.host.plate().key == first
    assert rig.program.session is not None
    rig.program.session.nodes.append(sfx.Node("SourceNode"))
    told = rig.host.plate()
    assert told.path is None
    assert "has 2: its picture is rendered" in told.why_rendered


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (Shape("wire", (ShapeKeyframe(1001, TRIANGLE),), PLATE.frames, closed=False), "'wire' is open"),
        (
            Shape(
                "carried", (ShapeKeyframe(1001, TRIANGLE),), PLATE.frames,
                layer=Layer("a", (LayerKeyframe(1001), LayerKeyframe(1003, 5.0))), interpolation=Interpolation.LINEAR,
            ),
            "'carried' moves on a layer",
        ),
    ],
    ids=["open", "on a layer"],
)  # fmt: skip
def test_what_silhouette_cannot_hold_is_told_and_nothing_is_written(
    rig: SilhouetteRig, shape: Shape, sentence: str
) -> None:
    before = rig.script()
    with pytest.raises(HostError, match=sentence):
        rig.host.write_shapes(Roto(PLATE, (shape,)), "ball")
    assert (rig.script(), rig.undo_steps) == (before, 0)


def test_what_ours_cannot_hold_is_told_with_its_name(rig: SilhouetteRig) -> None:
    node = rig.host.write_shapes(Roto(PLATE, (still("ball", (9, 9), (11, 9), (10, 12)),)), "ball")
    (shape,) = sfx.shapes_of(rig._node(node))
    for spoil, sentence in (
        (lambda: shape.own("mode", "Inside"), "'ball' is blended by 'Inside'"),
        (lambda: shape.own("matrix", sfx.Matrix([[2.0] * 4] * 4)), "'ball' is moved by a transform"),
        (lambda: setattr(shape, "_shape_type", sfx.Shape.Bspline), "'ball' is a B-spline"),
    ):
        before = (dict(shape._properties), shape._shape_type)
        spoil()
        with pytest.raises(HostError, match=sentence):
            rig.host.read_shapes(node, "ball")
        shape._properties, shape._shape_type = before


@pytest.mark.parametrize("what", ["node", "layer"])
def test_what_is_locked_is_left_alone(rig: SilhouetteRig, what: str) -> None:
    roto = Roto(PLATE, (still("ball", (9, 9), (11, 9), (10, 12)),))
    node = rig.host.write_shapes(roto, "ball")
    there = rig._node(node)
    (there if what == "node" else there._children[0])._locked = True
    before = rig.script()
    with pytest.raises(HostError, match="locked: unlock it"):
        rig.host.write_shapes(roto, "ball", node)
    assert rig.script() == before


def test_without_a_session_or_when_a_render_fails_there_is_a_sentence(rig: SilhouetteRig) -> None:
    rig.select(GivenPlate(PLATE))
    told = rig.host.plate()
    assert rig.program.node is not None
    rig.program.node.width = 0
    before = rig.script()
    with pytest.raises(HostError, match=r"did not render frame 1003 .*nothing to render"):
        rig.host.render(told, 1003)
    assert rig.script() == before
    rig.program.session = None
    for ask in (rig.host.plate, rig.host.current_frame, rig.host.frame_range):
        with pytest.raises(HostError, match="Open a project"):
            ask()


def test_progress_can_be_cancelled_in_silhouettes_own_window(rig: SilhouetteRig) -> None:
    with rig.host.progress("Rotolink") as progress:
        rig.program.cancel = True
        progress.report(3, 10, "tracking")
        assert progress.cancelled
    assert rig.program.progress == [("tracking", 3, 10)]


def test_how_points_are_kept_is_learned_from_a_curve(rig: SilhouetteRig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert learned_layout() == PointLayout(0, 1, 2)
    real = sfx.Path_.evalPoint

    def mirrored(path: sfx.Path_, t: float) -> sfx.Point:
        turned = sfx.Path_()
        turned._points = [point[::-1] for point in path._points]
        return real(turned, t)

    monkeypatch.setattr(sfx.Path_, "evalPoint", mirrored)
    assert learned_layout() == PointLayout(2, 1, 0)
    monkeypatch.setattr(sfx.Path_, "evalPoint", lambda *_: sfx.Point(9, 9))
    with pytest.raises(HostError, match="tell us its version"):
        learned_layout()
    assert isinstance(rig.host, SilhouetteHost)


def test_every_check_of_the_first_run_passes_in_the_stand_in_and_leaves_the_project() -> None:
    rig = SilhouetteRig()
    rig.select(GivenPlate(Plate(64, 48, FrameRange(1001, 1020), pixel_aspect=2.0), "a.####.png"))
    before, lines = rig.script(), list[str]()
    assert first_run.run(lines.append), lines
    assert len(lines) == len(first_run.CHECKS)
    assert rig.script() == before


def test_the_first_run_names_the_constant_where_silhouette_is_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = SilhouetteRig()
    rig.select(GivenPlate(Plate(64, 48, FrameRange(1001, 1020)), "a.####.png"))
    monkeypatch.setattr(sfx.Property, "getKeyIndex", lambda *_: 0)
    lines: list[str] = []
    assert not first_run.run(lines.append)
    assert any(line.startswith("FAIL  keys are found") and "roto_node.NO_KEY" in line for line in lines)
