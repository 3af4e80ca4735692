"""What Rotolink's menu and buttons in Nuke do, over a daemon in this process."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Callable

import grpc
import nuke_standin
import pytest
from stand_in_daemon import Refusal, StandInDaemon, served

nuke_standin.start()

import nuke  # noqa: E402 - it belongs to a program that runs

from roto_client.desk import Desk  # noqa: E402
from roto_client.desk.state import Link  # noqa: E402
from roto_nuke import actions, first_run, menus, pane, prompts  # noqa: E402
from roto_nuke.host import NukeHost  # noqa: E402
from roto_shapes.prompt import BoxPrompt, PointPrompt  # noqa: E402
from roto_shapes.shot import FrameRange  # noqa: E402

FIRST, LAST = 1001, 1010
"""Of the daemon's plate, 64x48."""


class Room:
    """Nuke with a Read of the daemon's plate, and Rotolink's menu."""

    def __init__(self, program: nuke_standin.Program, daemon: StandInDaemon, serving: ExitStack) -> None:
        self.program, self.daemon, self.serving = program, daemon, serving
        read = nuke.nodes.Read(file="plate.####.png", first=FIRST, last=LAST)
        read["format"].fromScript("64 48 0 0 64 48 1 plate")
        read.setSelected(True)
        self.read = read
        menus.add()
        nuke.frame(FIRST)

    def choose(self, label: str) -> None:
        item = nuke.menu("Nuke").findItem(f"Rotolink/{label}")
        assert isinstance(item, nuke.MenuItem)
        item.invoke()

    def press(self, group: nuke.Node, name: str) -> None:
        button = group[name]
        assert isinstance(button, nuke.PyScript_Knob)
        button.execute()

    def group(self) -> nuke.Node:
        """Return a Rotolink group behind the Read, made by the menu, its first point in the middle."""
        self.choose("Points in the Viewer")
        (group,) = nuke.allNodes("Group")
        return group

    def wait(self, until: Callable[[], bool]) -> None:
        said = actions.desk().state.said
        assert self.program.idle(until, timeout_s=20), f"{said} {self.program.messages}"


@pytest.fixture
def room(nuke_program: nuke_standin.Program, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    actions.desk.cache_clear()
    with ExitStack() as serving:
        daemon = serving.enter_context(served())
        monkeypatch.setenv("ROTO_DAEMON", daemon.address)
        yield Room(nuke_program, daemon, serving)
        actions.desk().close()
        actions.desk.cache_clear()


def test_point_meets_the_daemon_opens_the_plate_and_points(room: Room) -> None:
    group = room.group()
    room.press(group, "point")
    room.wait(lambda: FIRST in room.daemon.prompts)
    assert room.daemon.prompts[FIRST].points == (PointPrompt(32, 24),)
    assert actions.desk().opened == "Rotolink1"
    on = group["on2"]
    assert isinstance(on, nuke.Boolean_Knob)
    on.setValue(True)
    nuke.frame(FIRST + 2)
    room.press(group, "point")
    room.wait(lambda: FIRST + 2 in room.daemon.prompts)
    assert len(room.daemon.prompts[FIRST + 2].points) == 2
    assert room.program.messages == []


def test_a_button_belongs_to_its_group_whatever_is_selected(room: Room) -> None:
    group = room.group()
    for node in nuke.allNodes():
        node.setSelected(node is room.read)
    room.press(group, "point")
    room.wait(lambda: bool(room.daemon.prompts))
    assert nuke.selectedNodes() == [group]
    assert actions.desk().opened == "Rotolink1"


def sample(viewer: nuke.Node, *corners: float) -> None:
    knob = viewer["colour_sample_bbox"]
    assert isinstance(knob, nuke.BBox_Knob)
    knob.setValue(corners)


def test_what_was_sampled_in_the_viewer_is_pointed_at_at_any_zoom(room: Room) -> None:
    viewer = nuke.nodes.Viewer()
    room.choose("Point at the Viewer's sample")
    room.wait(lambda: bool(room.program.messages))
    assert "Nothing is sampled in the Viewer: Ctrl+click the object there" in room.program.messages.pop()
    # The plate is 64x48: halves of its width from the middle, upwards.
    sample(viewer, -0.5, 0.25, -0.5 + 1 / 32, 0.25 + 1 / 32)
    room.choose("Point at the Viewer's sample")
    room.wait(lambda: FIRST in room.daemon.prompts)
    assert room.daemon.prompts[FIRST].points == (PointPrompt(16.5, 15.5),)
    sample(viewer, 0.5, 0.0, 0.5, 0.0)
    room.choose("Point away from the Viewer's sample")
    room.wait(lambda: len(room.daemon.prompts[FIRST].points) == 2)
    assert room.daemon.prompts[FIRST].points[1] == PointPrompt(48, 24, foreground=False)
    sample(viewer, -1.0, -0.75, 0.0, 0.75)
    room.choose("Point at the Viewer's sample")
    room.wait(lambda: room.daemon.prompts[FIRST].box is not None)
    assert room.daemon.prompts[FIRST].box == BoxPrompt(0, 0, 32, 48)


def test_track_write_and_refine_go_the_whole_way(room: Room) -> None:
    room.group()
    room.choose("Track")
    room.wait(lambda: set(actions.desk().state.found_of(1).confidence) == set(range(FIRST, LAST + 1)))
    assert FIRST in room.daemon.prompts, "the group's points are taken where nothing was pointed at"
    room.choose("To Roto")
    room.wait(lambda: bool(nuke.allNodes("Roto")))
    assert [each.name() for each in nuke.allNodes()] == ["Read1", "Rotolink1", "Rotolink2"]
    room.choose("Refine from here")
    room.wait(lambda: actions.desk().state.said.startswith("Refined:"))
    assert room.program.messages == []


def test_stop_ends_what_is_under_way(room: Room) -> None:
    room.group()
    room.daemon.stalls.add("Propagate")
    room.choose("Track")
    room.wait(lambda: "Propagate" in room.daemon.calls)
    room.choose("Stop")
    room.daemon.stalls.clear()
    room.daemon.released.set()
    room.wait(lambda: actions.desk().is_idle)
    assert room.program.messages == []


def test_without_a_plate_a_window_says_what_to_select(room: Room) -> None:
    room.read.setSelected(False)
    room.choose("Point")
    assert len(room.program.messages) == 1
    assert "Select the node whose picture is to be rotoscoped" in room.program.messages[0]
    room.program.messages.clear()
    room.read.setSelected(True)
    room.choose("Point")
    room.wait(lambda: bool(room.program.messages))
    assert "Nothing is pointed at in Nuke 15.1v4: switch a point or the box on." in room.program.messages[0]


def test_a_plate_that_the_daemon_refuses_is_said_once_and_the_button_works_again(room: Room) -> None:
    group = room.group()
    room.daemon.refusals["OpenSession"] = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "No session is free.")
    room.press(group, "point")
    room.wait(lambda: bool(room.program.messages))
    room.wait(lambda: actions.desk().is_idle)
    assert len(room.program.messages) == 1
    assert "No session is free." in room.program.messages[0]
    assert room.daemon.prompts == {}
    room.daemon.refusals.clear()
    room.press(group, "point")
    room.wait(lambda: FIRST in room.daemon.prompts)
    assert len(room.program.messages) == 1


def test_a_daemon_that_goes_away_is_said_in_a_window(room: Room) -> None:
    room.group()
    room.choose("Point")
    room.wait(lambda: bool(room.daemon.prompts) and actions.desk().is_idle)
    room.serving.close()
    room.wait(lambda: bool(room.program.messages))
    assert "does not answer any more. Rotolink waits for it to come back" in room.program.messages[-1]
    assert actions.desk().state.link is Link.LOST


def test_the_check_is_shown_in_a_window(room: Room) -> None:
    room.choose("Check this Nuke")
    (said,) = room.program.messages
    assert said.count("PASS") == len(first_run.CHECKS) - 2
    assert nuke.allNodes() == [room.read]


def test_the_group_is_made_in_one_step_and_what_nuke_refuses_is_a_sentence(room: Room) -> None:
    room.program.changes_left = 3
    room.choose("Points in the Viewer")
    assert len(room.program.messages) == 1
    assert nuke.allNodes() == [room.read]


def test_without_qt_the_artist_reads_what_there_is_instead(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PySide2", "PySide6"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "roto_client.panel", raising=False)
    monkeypatch.delitem(sys.modules, "roto_client.panel.qt", raising=False)
    room.choose("Open the panel")
    (said,) = room.program.messages
    assert "neither PySide6 nor PySide2" in said
    assert room.program.panes == []


def test_a_daemon_is_started_from_the_menu_unless_one_answers(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def start() -> str:
        started.append(room.daemon.address)
        return room.daemon.address

    monkeypatch.setattr(actions, "Desk", lambda host: Desk(host, start=start))
    room.choose("Start a daemon")
    room.wait(lambda: actions.desk().state.link is Link.CONNECTED)
    room.choose("Start a daemon")
    room.wait(lambda: bool(room.program.messages))
    assert room.program.messages == [f"A daemon answers at {room.daemon.address}: none was started."]
    assert started == [room.daemon.address]


def test_a_script_in_a_terminal_tracks_and_writes_as_the_page_says() -> None:
    with served() as daemon:
        nuke_standin.start(gui=False)
        read = nuke.nodes.Read(file="plate.####.png", first=FIRST, last=LAST)
        read["format"].fromScript("64 48 0 0 64 48 1 plate")
        read.setSelected(True)
        host = NukeHost()
        desk = Desk(host)
        desk.connect(daemon.address)
        desk.open_plate()
        assert host.run_waiting(lambda: desk.state.plate is not None, timeout_s=20)
        desk.click(32, 24)
        desk.track()
        desk.write()
        assert host.run_waiting(lambda: bool(desk.state.node), timeout_s=20)
        desk.close()
    assert [node.name() for node in nuke.allNodes()] == ["Read1", "Rotolink1"]
    assert daemon.runs[0][0] == FrameRange(FIRST, LAST)


@pytest.mark.skipif(importlib.util.find_spec("PySide6") is None, reason="PySide6 is not installed here")
def test_the_panel_opens_on_the_same_desk(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "QT_QPA_PLATFORM", "offscreen")
    from PySide6 import QtWidgets  # noqa: PLC0415 - where it is installed

    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    room.choose("Open the panel")
    assert room.program.panes == [(menus.PANEL_ID, "Properties.1")]
    panel = pane.make_panel()
    panel.show()
    application.processEvents()
    group = room.group()
    room.press(group, prompts.BUTTONS[0][0])
    room.wait(lambda: bool(room.daemon.prompts))
    application.processEvents()
    assert panel.isVisible()
    panel.close()
