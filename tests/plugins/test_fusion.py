"""Rotolink in Fusion: its window and dialogs, prompts in the viewer, and what goes wrong there."""

from __future__ import annotations

import runpy
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest
from fusion_program import Comp
from fusion_rig import FusionRig
from fusion_window import Dispatcher, UIManager, Window
from host_rig import GivenPlate
from stand_in_daemon import StandInDaemon

from roto_client.desk import Desk
from roto_client.errors import HostError
from roto_client.session import Daemon
from roto_client.transport.by_grpc import GrpcTransport
from roto_fusion import first_run
from roto_fusion.actions import Actions
from roto_fusion.host import FusionHost
from roto_fusion.start import start
from roto_fusion.window import run_dialogs, run_window
from roto_shapes.prompt import BoxPrompt, PointPrompt
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

SCRIPT = Path(__file__).parents[2] / "plugins" / "fusion" / "Rotolink.py"
PLATE = Plate(64, 48, FrameRange(1001, 1010))
GIVEN = GivenPlate(PLATE, "plate.####.png")


@pytest.fixture
def rig() -> FusionRig:
    made = FusionRig()
    made.select(GIVEN)
    return made


@pytest.fixture
def desk(rig: FusionRig, stand_in: StandInDaemon) -> Iterator[Desk]:
    made = Desk(rig.host, lambda _: Daemon(GrpcTransport(stand_in.address, timeout_s=5.0, silence_s=5.0)))
    made.connect()
    yield made
    made.close()


def host_of(rig: FusionRig) -> FusionHost:
    assert isinstance(rig.host, FusionHost)
    return rig.host


def settle(desk: Desk, actions: Actions) -> None:
    actions.wait()
    assert desk.is_idle


def test_clicks_placed_in_the_viewer_become_masks_in_the_flow_by_the_windows_buttons(
    rig: FusionRig, desk: Desk
) -> None:
    actions = Actions(host_of(rig), desk)
    ui = UIManager()

    def drag(_: Window) -> None:
        rig.comp.held["Rotolink_on1"].inputs["Center"] = (20.5 / 64, 1 - 24.5 / 48)

    def rest(_: Window) -> None:
        settle(desk, actions)

    gestures = [
        rest,
        lambda window: window.press("Open plate"),
        rest,
        lambda window: window.press("Place click"),
        drag,
        lambda window: window.press("Use prompts"),
        rest,
        lambda window: window.press("Track both"),
        rest,
        lambda window: window.type("Tolerance", "2"),
        lambda window: window.press("Write masks"),
        rest,
        lambda window: window.close(),
    ]
    dispatcher = Dispatcher(ui, gestures)
    run_window(ui, dispatcher, actions, lambda: True)

    assert dispatcher.window is not None
    assert not dispatcher.window.is_shown
    (prompt,) = desk.state.shown[0].prompts.values()
    assert prompt.points == (PointPrompt(20.5, 24.5),)
    assert desk.fit_options.tolerance_px == 2
    assert "Rotolink_on1" not in rig.comp.held
    node = desk.state.node
    assert rig.shape_names(node)
    assert "keyframes" in dispatcher.window.text("Status")
    rig.comp.require_balanced()


def test_the_window_goes_when_fusion_is_gone(rig: FusionRig, desk: Desk) -> None:
    ui, actions = UIManager(), Actions(host_of(rig), desk)

    def quit_fusion(_: Window) -> None:
        rig.comp.gone = True

    run_window(ui, Dispatcher(ui, [quit_fusion]), actions, lambda: host_of(rig).is_there)

    with pytest.raises(HostError, match="no longer answers"):
        rig.host.current_frame()


def test_without_windows_dialogs_do_the_same(rig: FusionRig, desk: Desk) -> None:
    actions = Actions(host_of(rig), desk)
    todo = iter(["Open plate", "Place click", "Use prompts", "Track both", "Write masks"])
    said: list[str] = []

    def ask(_: str, fields: dict[int, Any]) -> Optional[dict[str, Any]]:
        said.append(fields[1]["Default"])
        options = list(fields[2]["Options"].values())
        name = next(todo, None)
        return {"Action": options.index(name), "Tolerance": "", "Points": "30"} if name else None

    actions.wait()
    run_dialogs(ask, actions)

    assert rig.shape_names(desk.state.node)
    assert desk.fit_options.points == 30
    assert "30" not in said[0]
    assert "points" in said[-1]


@pytest.mark.parametrize(("tolerance", "points"), [("much", ""), ("", "few"), ("0", ""), ("", "2")])
def test_a_bound_that_is_none_is_told_and_the_one_before_holds(
    rig: FusionRig, desk: Desk, tolerance: str, points: str
) -> None:
    before = desk.fit_options
    Actions(host_of(rig), desk).set_bound(tolerance, points)
    assert desk.fit_options == before
    assert rig.messages


def test_prompts_are_read_where_the_artist_dragged_them(rig: FusionRig) -> None:
    rig.select(GivenPlate(Plate(320, 134, FrameRange(1001, 1012), pixel_aspect=2.0), "a.####.exr"))
    host = host_of(rig)
    told = host.plate()
    assert host.prompt(told, 1001) is None
    rig.comp.add("EllipseMask", "Rotolink_on1", Center=(0.25, 0.75))
    rig.comp.add("EllipseMask", "Rotolink_off1", Center=(0.5, 0.5))
    rig.comp.add("RectangleMask", "Rotolink_box1", Center=(0.5, 0.5), Width=0.5, Height=0.1)

    found = host.prompt(told, 1001)

    assert found is not None
    assert found.points == (PointPrompt(80.0, 33.5), PointPrompt(160.0, 67.0, foreground=False))
    assert found.box == BoxPrompt(80.0, 67.0 - 32.0, 240.0, 67.0 + 32.0)


def test_using_prompts_without_any_or_without_a_plate_is_a_sentence(rig: FusionRig, desk: Desk) -> None:
    actions = Actions(host_of(rig), desk)
    actions.all["Use prompts"]()
    assert "Open a plate first" in rig.messages[-1]
    actions.wait()
    actions.all["Open plate"]()
    actions.wait()
    actions.all["Use prompts"]()
    assert "Place a click or a box first" in rig.messages[-1]


def test_a_trimmed_loader_is_read_from_its_first_frame_used(rig: FusionRig) -> None:
    rig.comp.held["Loader1"].attributes["TOOLIT_Clip_TrimIn"] = {1: 3}
    told = rig.host.plate()
    assert told.path is not None
    assert told.path.frames == FrameRange(1004, 1010)
    assert told.plate.frames == FrameRange(1001, 1007)
    assert told.offset == -3


def test_a_movie_counts_from_its_first_frame(rig: FusionRig) -> None:
    rig.comp.held["Loader1"].attributes["TOOLST_Clip_Name"] = {1: "Comp:take 2.mov"}
    told = rig.host.plate()
    assert told.path is not None
    assert (told.path.path, told.path.first_frame, told.path.frames) == ("/comps/take 2.mov", 0, FrameRange(0, 9))
    assert told.offset == 1001


def test_a_selection_that_cannot_be_a_plate_is_told(rig: FusionRig) -> None:
    second = rig.comp.add("Background")
    rig.comp.selected.append(second)
    with pytest.raises(HostError, match=r"Several tools are selected \(Loader1, Background1\)"):
        rig.host.plate()
    rig.comp.selected = [rig.comp.add("PolylineMask")]
    with pytest.raises(HostError, match="Select the tool"):
        rig.host.plate()
    rig.comp.selected = ["Loader1"]
    rig.comp.held["Loader1"].attributes.clear()
    with pytest.raises(HostError, match="has no clip"):
        rig.host.plate()
    rig.comp.held["Loader1"].size = (0, 0)
    with pytest.raises(HostError, match="gives no picture"):
        rig.host.plate()


def test_while_fusion_renders_nothing_is_written(rig: FusionRig) -> None:
    rig.comp.rendering = True
    before = rig.script()
    triangle = tuple(ControlPoint(x, y) for x, y in ((1, 1), (9, 1), (5, 8)))
    roto = Roto(PLATE, (Shape("ball", (ShapeKeyframe(1001, triangle),), PLATE.frames),))
    with pytest.raises(HostError, match="is rendering"):
        rig.host.write_shapes(roto, "ball")
    with pytest.raises(HostError, match="is rendering"):
        rig.host.write_note(rig.host.plate(), "text")
    assert rig.script() == before


def ball() -> Roto:
    triangle = tuple(ControlPoint(x, y) for x, y in ((1, 1), (9, 1), (5, 8)))
    return Roto(PLATE, (Shape("ball", (ShapeKeyframe(1001, triangle),), PLATE.frames),))


def test_a_locked_mask_is_named_and_stays_as_it_is(rig: FusionRig) -> None:
    node = rig.host.write_shapes(ball(), "ball")
    (mask,) = (name for name, tool in rig.comp.held.items() if tool.kind == "PolylineMask")
    rig.comp.held[mask].attributes["TOOLB_Locked"] = True
    before, steps = rig.script(), rig.undo_steps
    with pytest.raises(HostError, match=f"The mask '{mask}' is locked: unlock it in the flow"):
        rig.host.write_shapes(ball(), "ball", node)
    assert (rig.script(), rig.undo_steps) == (before, steps)


def test_proxies_are_not_taken_for_the_plate(rig: FusionRig) -> None:
    rig.select(GivenPlate(PLATE))
    told = rig.host.plate()
    rig.comp.proxy = True
    for call in (rig.host.plate, lambda: rig.host.render(told, 1004)):
        with pytest.raises(HostError, match="turn Proxy off"):
            call()


def test_a_composition_that_cannot_be_saved_where_it_is_is_said_once(rig: FusionRig, tmp_path: Path) -> None:
    file = tmp_path / "shot.comp"
    file.write_text("")
    rig.comp.file = str(file)
    rig.host.write_shapes(ball(), "ball")
    assert rig.messages == []
    file.chmod(0o444)
    for _ in range(2):
        rig.host.write_shapes(ball(), "ball")
    (said,) = rig.messages
    assert "shot.comp is read-only: save the composition under another name" in said


def test_a_daemon_is_started_from_the_window_where_none_answers(rig: FusionRig, stand_in: StandInDaemon) -> None:
    def connect(address: Optional[str]) -> Daemon:
        return Daemon(GrpcTransport(address or "127.0.0.1:1", timeout_s=5.0, silence_s=5.0))

    desk = Desk(rig.host, connect, lambda: stand_in.address)
    actions = Actions(host_of(rig), desk)
    desk.connect()
    settle(desk, actions)
    assert "No Rotolink daemon answers" in rig.messages[-1]
    actions.all["Start daemon"]()
    settle(desk, actions)
    assert f"{stand_in.address}: connected" in actions.status()
    actions.all["Start daemon"]()
    assert rig.messages[-1] == f"A daemon answers at {stand_in.address}: none was started."
    desk.close()


def test_rendering_lets_other_savers_rest_and_leaves_nothing(rig: FusionRig) -> None:
    rig.select(GivenPlate(PLATE))
    rig.comp.add("Saver", "Delivery", Clip="/final/shot.exr")
    told, before, steps = rig.host.plate(), rig.script(), rig.undo_steps
    assert rig.host.render(told, 1004).frame == 1004
    resting = rig.comp.held["Delivery"].attributes.pop("TOOLB_PassThrough")
    assert resting is False
    assert (rig.script(), rig.undo_steps) == (before, steps)


def test_shapes_that_fusion_cannot_hold_are_told(rig: FusionRig) -> None:
    line = tuple(ControlPoint(x, y) for x, y in ((1, 1), (9, 1), (5, 8)))
    roto = Roto(PLATE, (Shape("wire", (ShapeKeyframe(1001, line),), PLATE.frames, closed=False),))
    before = rig.script()
    with pytest.raises(HostError, match="'wire' is open"):
        rig.host.write_shapes(roto, "wire")
    assert rig.script() == before


def test_the_scripting_objects_are_left_alone_beside_the_main_thread(rig: FusionRig) -> None:
    failed: list[BaseException] = []

    def call() -> None:
        try:
            rig.host.current_frame()
        except AssertionError as error:
            failed.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(5)
    assert failed, "the stand-in sees a wrong thread"


def test_the_shared_panel_opens_where_the_scripts_python_has_qt_and_goes_with_fusion(
    rig: FusionRig, desk: Desk
) -> None:
    pytest.importorskip("roto_client.panel.qt", reason="Qt is not installed here", exc_type=ImportError)
    import panel_room  # noqa: F401, PLC0415 - lets Qt draw off the screen

    from roto_client.panel.alone import run_alone  # noqa: PLC0415 - Qt only where it is

    host = host_of(rig)
    desk.open_plate()
    turns: list[int] = []

    def turn() -> None:
        host.run_waiting()
        turns.append(1)
        rig.comp.gone = desk.state.plate is not None or len(turns) > 200

    run_alone(desk, turn, lambda: host.is_there)
    assert desk.state.plate is not None


def test_the_menus_script_says_what_to_do_without_a_composition(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    runpy.run_path(str(SCRIPT), {"fusion": None, "comp": None, "bmd": None})
    assert "Open a composition first" in capsys.readouterr().out


def test_every_check_of_the_first_run_passes_in_the_stand_in_and_leaves_the_flow(rig: FusionRig) -> None:
    before, lines = sorted(rig.comp.held), list[str]()
    assert first_run.run(rig.comp, lines.append), lines
    assert len(lines) == 1 + len(first_run.CHECKS)
    assert sorted(rig.comp.held) == before
    rig.comp.require_balanced()


def test_the_first_run_says_what_to_change_where_fusion_is_otherwise(
    rig: FusionRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(Comp, "level", lambda *_: 1.0)
    monkeypatch.setattr("fusion_program.ToolHandle.GetInput", lambda *_: 1.0)
    assert not first_run.run(rig.comp, lines.append)
    assert any(line.startswith("FAIL  a lifetime begins") and "fusion._stepped" in line for line in lines)
    rig.comp.refuse_after = 0
    lines.clear()
    assert not first_run.run(rig.comp, lines.append)
    assert lines[0].startswith("FAIL  masks pasted and wired: Fusion did not take the masks")


def test_the_menus_script_opens_a_window_and_lets_go_of_the_daemon(
    stand_in: StandInDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROTO_DAEMON", stand_in.address)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)  # a Python without Qt
    ui = UIManager()

    class Bmd:
        UIDispatcher = staticmethod(lambda manager: Dispatcher(manager, [lambda window: window.close()]))

    class Fusion:
        Version = 19.1
        UIManager = ui

    start(Fusion(), Comp(), Bmd())
    assert not any(timer.runs for timer in ui.timers)
