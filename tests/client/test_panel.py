"""The panel with real mouse and key events, over a daemon in this process; PySide6, or PySide2 on Python 3.9."""

from __future__ import annotations

import importlib
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import grpc
import pytest

pytest.importorskip("roto_client.panel.qt", reason="Qt is not installed here", exc_type=ImportError)

from host_rig import GivenPlate
from panel_room import PanelRoom
from stand_in_daemon import RADIUS, Refusal, StandInDaemon

from roto_client.desk.state import COLOURS, Link, OfferedDaemon
from roto_client.errors import DaemonUnreachableError
from roto_client.panel import RotoPanel
from roto_client.panel.help_sheet import SHORTCUTS
from roto_client.panel.qt import QtCore, QtGui, QtWidgets
from roto_client.session import Daemon
from roto_client.transport.by_grpc import GrpcTransport
from roto_shapes.prompt import PointPrompt
from roto_shapes.shot import FrameRange, Plate

QtTest: Any = importlib.import_module(f"{QtCore.__name__.split('.', maxsplit=1)[0]}.QtTest")
OFFSET = 1000
PLATE = Plate(64, 48, FrameRange(2001, 2010), "plate", pixel_aspect=2.0)
NOT_STARTED = "no-such-daemon is not on this machine|Something listens at"
"""Why no daemon can be started; the second where this machine runs one of its own."""
LEFT, MIDDLE = QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.MouseButton.MiddleButton
NONE, ALT = QtCore.Qt.KeyboardModifier.NoModifier, QtCore.Qt.KeyboardModifier.AltModifier
CTRL, SHIFT = QtCore.Qt.KeyboardModifier.ControlModifier, QtCore.Qt.KeyboardModifier.ShiftModifier
Key = QtCore.Qt.Key


class Hands(PanelRoom):
    """A panel and an artist's hands on it."""

    asked: list[Optional[str]]
    """The addresses that the desk connected to."""

    def click(self, x: float, y: float, keys: QtCore.Qt.KeyboardModifier = NONE) -> None:
        QtTest.QTest.mouseClick(self.panel.view, LEFT, keys, self.at(x, y))

    def drag(
        self,
        *places: tuple[float, float],
        button: QtCore.Qt.MouseButton = LEFT,
        keys: QtCore.Qt.KeyboardModifier = NONE,
    ) -> None:
        view, places_there = self.panel.view, [self.at(*place) for place in places]
        QtTest.QTest.mousePress(view, button, keys, places_there[0])
        for place in places_there[1:]:
            send_move(view, place, button, keys)
        QtTest.QTest.mouseRelease(view, button, keys, places_there[-1])

    def key(self, key: QtCore.Qt.Key, keys: QtCore.Qt.KeyboardModifier = NONE) -> None:
        QtTest.QTest.keyClick(self.panel.view, key, keys)

    def at(self, x: float, y: float) -> QtCore.QPoint:
        return self.panel.view.map.to_view(x, y).toPoint()

    def colour_at(self, x: float, y: float) -> tuple[int, int, int]:
        self.app.processEvents()
        place = self.at(x, y)
        shown = self.panel.view.grab().toImage().pixelColor(place)
        return shown.red(), shown.green(), shown.blue()


def send_move(
    view: QtWidgets.QWidget, place: QtCore.QPoint, button: QtCore.Qt.MouseButton, keys: QtCore.Qt.KeyboardModifier
) -> None:
    """Move with a button down, which QTest's own move does not say."""
    event = QtGui.QMouseEvent(
        QtCore.QEvent.Type.MouseMove,
        QtCore.QPointF(place),
        QtCore.QPointF(view.mapToGlobal(place)),
        button,
        button,
        keys,
    )
    QtWidgets.QApplication.sendEvent(view, event)


@pytest.fixture
def hands(stand_in: StandInDaemon) -> Iterator[Hands]:
    asked: list[Optional[str]] = []

    def meet(address: Optional[str]) -> Daemon:
        asked.append(address)
        return Daemon(GrpcTransport(stand_in.address, timeout_s=BLOCKED_S, silence_s=BLOCKED_S))

    made = Hands(stand_in.address, GivenPlate(PLATE, "plate.####.png", OFFSET), meet)
    made.asked = asked
    made.panel.button("open").click()
    made.settle()
    assert made.desk.state.plate == PLATE
    yield made
    stand_in.stalls.clear()
    made.close()


def test_a_click_shows_the_mask_at_the_right_pixels(hands: Hands, stand_in: StandInDaemon) -> None:
    ground = hands.colour_at(40.5, 30.5)
    hands.click(40.5, 30.5)
    hands.settle()
    (point,) = stand_in.prompts[1001].points
    assert (point.x, point.y) == pytest.approx((40.5, 30.5), abs=0.1)
    hands.desk.show(1, visible=True)
    for dx, dy, inside in ((4, 0, True), (0, 4, True), (-4, -2, True), (RADIUS + 2, 0, False), (0, -RADIUS - 2, False)):
        shown = hands.colour_at(40.5 + dx, 30.5 + dy)
        assert (shown != ground) == inside, (dx, dy, shown)
        assert not inside or shown[0] > shown[2] + 30, "in the object's colour"
    hands.key(Key.Key_O)
    assert hands.colour_at(44.5, 30.5) == ground, "hidden, and shown again"
    hands.key(Key.Key_O)
    assert hands.colour_at(44.5, 30.5) != ground
    hands.key(Key.Key_M)
    assert hands.colour_at(44.5, 30.5) == (255, 255, 255)
    assert hands.colour_at(10.5, 10.5) == (0, 0, 0)


def test_a_zoomed_and_panned_view_clicks_the_same_plate_pixel(hands: Hands, stand_in: StandInDaemon) -> None:
    view = hands.panel.view
    place = view.map.to_view(50.5, 20.5)
    angle = QtCore.QPoint(0, 480)
    wheel = QtGui.QWheelEvent(
        *(place, QtCore.QPointF(view.mapToGlobal(place.toPoint())), QtCore.QPoint(), angle),
        *(QtCore.Qt.MouseButton.NoButton, NONE, QtCore.Qt.ScrollPhase.NoScrollPhase, False),
    )
    before = view.map
    QtWidgets.QApplication.sendEvent(view, wheel)
    assert view.map.zoom > before.zoom * 1.5
    assert view.map.to_plate(place) == pytest.approx((50.5, 20.5), abs=1e-6), "what is under the pointer stays"
    hands.drag((50.5, 20.5), (48.5, 22.5), (47.0, 24.0), button=MIDDLE)
    assert view.map.to_view(50.5, 20.5) != place
    hands.click(50.5, 20.5)
    hands.settle()
    (point,) = stand_in.prompts[1001].points
    assert (point.x, point.y) == pytest.approx((50.5, 20.5), abs=0.1)
    hands.key(Key.Key_F)
    assert view.map == before


def test_pictures_are_asked_for_as_large_as_they_are_seen_from_the_first_on(hands: Hands) -> None:
    hands.turn()
    assert hands.desk._views.longest_px == 512, "the least that is asked for: the plate has 64 pixels"


def test_alt_click_box_brush_undo_and_redo(hands: Hands, stand_in: StandInDaemon) -> None:
    hands.click(30.5, 20.5)
    hands.click(50.5, 40.5, ALT)
    hands.drag((40.0, 30.0), (30.0, 20.0), (20.0, 10.0))
    hands.settle()
    sent = stand_in.prompts[1001]
    assert [point.foreground for point in sent.points] == [True, False]
    assert sent.box is not None
    assert (sent.box.x0, sent.box.y1) == pytest.approx((20.0, 30.0), abs=0.2)
    hands.key(Key.Key_B)
    for _ in range(20):
        hands.key(Key.Key_BracketLeft)
    hands.panel.view.set_brush(3.0)
    hands.drag((10.0, 40.0), (15.0, 40.0), (20.0, 40.0))
    hands.settle()
    mask = stand_in.prompts[1001].mask
    assert mask is not None
    assert mask.coverage[40 * 64 + 15] == 255
    assert mask.coverage[44 * 64 + 15] == 0
    hands.drag((15.0, 40.0), (16.0, 40.0), keys=ALT)
    hands.settle()
    wiped = stand_in.prompts[1001].mask
    assert wiped is not None
    assert wiped.coverage[40 * 64 + 15] == 0
    for _ in range(3):
        hands.key(Key.Key_Z, CTRL)
    hands.settle()
    assert stand_in.prompts[1001].box is None
    hands.key(Key.Key_Z, CTRL | SHIFT)
    hands.settle()
    assert stand_in.prompts[1001].box is not None


def test_the_whole_work_is_done_by_keyboard_alone(hands: Hands, stand_in: StandInDaemon) -> None:
    hands.key(Key.Key_Right)
    hands.key(Key.Key_Right)
    assert hands.desk.state.frame == hands.host.frame == 2003
    hands.key(Key.Key_D)
    before = hands.panel.view.cross
    hands.key(Key.Key_S, SHIFT)
    after = hands.panel.view.cross
    assert before is not None
    assert after is not None
    assert after.y() > before.y()
    hands.key(Key.Key_Space)
    hands.settle()
    assert stand_in.prompts[1003].points == (PointPrompt(after.x(), after.y()),)
    hands.key(Key.Key_T, CTRL)
    hands.settle()
    assert len(hands.desk.state.found_of(1).confidence) == 10
    hands.key(Key.Key_Return, CTRL)
    hands.settle()
    assert hands.desk.state.node
    hands.key(Key.Key_L)
    hands.settle()
    assert hands.desk.state.shown[0].locked == {2003}
    hands.key(Key.Key_Home)
    hands.key(Key.Key_Down)
    assert hands.desk.state.frame == 2003, "the next keyframe"
    hands.key(Key.Key_Delete)
    assert not hands.desk.state.shown
    hands.key(Key.Key_Z, CTRL)
    assert hands.desk.state.shown


def test_the_strip_scrubs_and_a_double_click_locks(hands: Hands) -> None:
    strip = hands.panel.timeline
    hands.click(30.5, 20.5)
    hands.settle()
    hands.panel.button("both").click()
    hands.panel.button("fit").click()
    hands.settle()
    place = QtCore.QPoint(round(strip.x_of(2007)), 40)
    QtTest.QTest.mouseClick(strip, LEFT, NONE, place)
    assert hands.desk.state.frame == 2007
    QtTest.QTest.mouseDClick(strip, LEFT, NONE, place)
    hands.settle()
    assert hands.desk.state.shown[0].locked == {2007}
    assert 2007 in hands.desk.state.shown[0].keyframes


def test_the_event_loop_is_never_kept_waiting_while_the_daemon_works(hands: Hands, stand_in: StandInDaemon) -> None:
    hands.click(30.5, 20.5)
    hands.settle()
    stand_in.stalls.update({"Propagate", "ReadPicture"})
    hands.panel.button("forward").click()
    hands.until(lambda: bool(stand_in.runs))
    watchdog = Watchdog()
    for step in range(12):
        hands.key(Key.Key_Right if step % 2 else Key.Key_End)
        hands.click(20.5 + step, 20.5)
        hands.key(Key.Key_Z, CTRL)
        for _ in range(5):
            hands.turn()
    assert watchdog.longest_s() < BLOCKED_S / 2, "the slowest turn of the event loop"


BLOCKED_S = 5.0
"""What one turn would last that waits for the daemon, which is silent until its client gives up. Turns take
milliseconds on a quiet machine; those that run tests do much beside."""


class Watchdog:
    """Measures on a timer how long the event loop's turns are."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._longest = 0.0
        self._timer = QtCore.QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def longest_s(self) -> float:
        self._timer.stop()
        return self._longest

    def _beat(self) -> None:
        now = time.monotonic()
        self._longest, self._last = max(self._longest, now - self._last), now


def test_stop_ends_a_track_in_the_middle_and_keeps_its_frames(hands: Hands, stand_in: StandInDaemon) -> None:
    hands.click(30.5, 20.5)
    hands.settle()
    stand_in.stalls.add("Propagate")
    hands.panel.button("forward").click()
    hands.until(lambda: bool(stand_in.runs))
    hands.until(hands.panel.status.cancel.isVisible)
    hands.panel.status.cancel.click()
    hands.turn()
    assert not hands.panel.status.cancel.isEnabled()
    stand_in.stalls.clear()
    hands.settle()
    assert not hands.panel.status.cancel.isVisible()
    assert 2001 in hands.desk.state.found_of(1).confidence


def test_a_lost_daemon_shows_and_reconnect_finds_it_again(hands: Hands, stand_in: StandInDaemon) -> None:
    assert not hands.panel.status.reconnect.isVisible()
    assert not hands.panel.status.start.isVisible()
    refusal = Refusal(grpc.StatusCode.UNAVAILABLE)
    stand_in.refusals.update({"SetPrompt": refusal, "Hello": refusal})
    hands.click(30.5, 20.5)
    hands.until(lambda: hands.desk.state.link is Link.LOST)
    assert hands.panel.status.reconnect.isVisible()
    stand_in.refusals.clear()
    hands.panel.status.reconnect.click()
    hands.until(lambda: hands.desk.state.link is Link.CONNECTED)
    hands.settle()
    assert stand_in.prompts[1001].points


def test_where_no_daemon_answers_one_can_be_started_by_a_button(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "rotolink").mkdir()
    (tmp_path / "rotolink" / "client.ini").write_text("[client]\nprogram = no-such-daemon\n")

    def meet(_: Optional[str]) -> Daemon:
        raise DaemonUnreachableError("127.0.0.1:50750")

    alone = Hands("127.0.0.1:50750", GivenPlate(PLATE, "plate.####.png", OFFSET), meet)
    alone.until(lambda: alone.desk.state.link is Link.NONE)
    assert alone.panel.status.start.isVisible()
    alone.panel.status.start.click()
    alone.until(lambda: re.search(NOT_STARTED, alone.desk.state.said) is not None)
    assert alone.panel.status.start.isVisible()
    alone.close()


def test_the_menu_of_daemons_offers_those_that_were_found_and_connects(hands: Hands) -> None:
    hands.desk._board.change(offered=(OfferedDaemon("render7", "render7:50750"),))
    menu = hands.panel.status.daemons
    menu.aboutToShow.emit()
    words = [action.text() for action in menu.actions() if action.text()]
    assert words == ["render7   render7:50750", "Look on the network", "Another address..."]
    menu.actions()[0].trigger()
    hands.settle()
    assert hands.asked[-1] == "render7:50750"


def test_objects_are_named_hidden_and_coloured_in_the_list(hands: Hands) -> None:
    hands.panel.button("add").click()
    hands.panel.button("add").click()
    hands.turn()
    objects = hands.panel.objects
    assert objects.count() == 2
    row = objects.visualItemRect(objects.item(0))
    QtTest.QTest.mouseClick(objects.viewport(), LEFT, NONE, QtCore.QPoint(12, row.center().y()))
    assert not hands.desk.state.shown[0].visible
    QtTest.QTest.mouseClick(objects.viewport(), LEFT, NONE, QtCore.QPoint(90, row.center().y()))
    assert hands.desk.state.current == 1
    objects.item(0).setText("hero")
    hands.turn()
    assert hands.desk.state.shown[0].name == "hero"
    objects.item(1).setText("hero")
    hands.turn()
    assert objects.item(1).text() == "object2", "a name is there once"
    assert "another object named 'hero'" in hands.desk.state.said


def test_a_colour_is_chosen_from_the_menu_and_a_name_is_typed_in_the_list(hands: Hands) -> None:
    hands.panel.button("add").click()
    hands.turn()
    objects = hands.panel.objects
    place = objects.visualItemRect(objects.item(0)).center()
    QtTest.QTest.mouseClick(objects.viewport(), LEFT, NONE, QtCore.QPoint(36, place.y()))
    (menu,) = objects.findChildren(QtWidgets.QMenu)
    menu.actions()[3].trigger()
    assert hands.desk.state.shown[0].colour == COLOURS[3]
    menu.close()
    QtTest.QTest.mouseDClick(objects.viewport(), LEFT, NONE, QtCore.QPoint(90, place.y()))
    (line,) = objects.findChildren(QtWidgets.QLineEdit)
    line.setText("hero")
    QtTest.QTest.keyClick(line, Key.Key_Return)
    hands.turn()
    assert hands.desk.state.shown[0].name == "hero"


def test_the_strip_tells_under_the_pointer_what_a_frame_has(hands: Hands, stand_in: StandInDaemon) -> None:
    stand_in.unreadable = {1004}
    hands.click(30.5, 20.5)
    hands.settle()
    hands.panel.button("both").click()
    hands.panel.button("fit").click()
    hands.settle()
    strip = hands.panel.timeline
    hands.turn()
    assert strip._words(2001) == "2001 · confidence 0.90 · pointed at · keyframe, double-click to lock it"
    assert strip._words(2004) == "2004 · the plate has no picture here"
    place = QtCore.QPoint(round(strip.x_of(2002)), 40)
    asked = QtGui.QHelpEvent(QtCore.QEvent.Type.ToolTip, place, strip.mapToGlobal(place))
    assert QtWidgets.QApplication.sendEvent(strip, asked)
    assert "2002 · confidence 0.90" in QtWidgets.QToolTip.text()
    send_move(strip, QtCore.QPoint(round(strip.x_of(2006)), 40), LEFT, NONE)
    assert hands.desk.state.frame == 2006, "it scrubs"


def test_points_take_the_place_of_the_tolerance_and_shapes_are_fitted_anew(
    hands: Hands, stand_in: StandInDaemon
) -> None:
    hands.click(30.5, 20.5)
    hands.settle()
    hands.panel.button("write").click()
    hands.settle()
    hands.panel.bound.setCurrentIndex(1)
    hands.panel.amount.setValue(24)
    hands.panel.button("write").click()
    hands.settle()
    assert [fit.points for fit in stand_in.fits] == [0, 24]
    hands.panel.bound.setCurrentIndex(0)
    hands.panel.amount.setValue(2.5)
    hands.panel.button("refine").click()
    hands.settle()
    assert stand_in.fits[-1].tolerance_px == 2.5
    hands.panel.engines.activated.emit(1)
    hands.settle()
    assert hands.desk.state.engine == "big"
    assert stand_in.prompts[1001].points


def test_escape_gives_up_a_stroke_and_a_painted_one_is_seen_on_its_way(hands: Hands, stand_in: StandInDaemon) -> None:
    hands.key(Key.Key_B)
    hands.panel.view.set_brush(6.0)
    ground = hands.colour_at(30.0, 20.0)
    view = hands.panel.view
    QtTest.QTest.mousePress(view, LEFT, NONE, hands.at(28.0, 20.0))
    send_move(view, hands.at(32.0, 20.0), LEFT, NONE)
    assert hands.colour_at(30.0, 20.0) != ground
    hands.key(Key.Key_Escape)
    QtTest.QTest.mouseRelease(view, LEFT, NONE, hands.at(32.0, 20.0))
    hands.settle()
    assert not stand_in.prompts
    hands.key(Key.Key_Q)
    QtTest.QTest.mousePress(view, LEFT, NONE, hands.at(10.0, 10.0))
    send_move(view, hands.at(30.0, 30.0), LEFT, NONE)
    assert hands.colour_at(20.0, 10.0) != ground, "the box that is dragged"
    QtTest.QTest.mouseRelease(view, LEFT, NONE, hands.at(30.0, 30.0))
    hands.settle()
    assert stand_in.prompts[1001].box is not None


def test_every_key_of_the_help_sheet_is_bound_and_every_button_says_what_it_does(hands: Hands) -> None:
    told = {word for _, lines in SHORTCUTS for keys, _ in lines for word in keys.replace(",", " /").split(" / ")}
    kind: Any = getattr(QtGui, "QShortcut", None) or vars(QtWidgets)["QShortcut"]
    bound = {made.key().toString() for made in hands.panel.findChildren(kind)}
    for name in ("Ctrl+T", "Ctrl+Return", "Ctrl+R", "Ctrl+Z", "L", "G", "N", "F2", "X", "O", "F", "Backspace", "F1"):
        assert name in bound
        assert any(name in each for each in told), name
    assert all(button.toolTip() for button in hands.panel._buttons.values())
    hands.key(Key.Key_F1)
    assert hands.panel.help.isVisible()


def test_a_closed_panel_leaves_the_desk_at_work_and_another_one_shows_the_same(hands: Hands) -> None:
    hands.click(30.5, 20.5)
    hands.panel.close()
    hands.panel.deleteLater()
    hands.settle()
    hands.panel = RotoPanel(hands.desk)
    hands.panel.show()
    hands.turn()
    assert hands.panel.objects.count() == 1
    assert threading.active_count() < 40
