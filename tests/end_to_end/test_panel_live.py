"""The panel in a plain host over a real daemon: from a click to a node that lies on the object, and back with edits."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from composites import footage
from host_rig import GivenPlate
from numpy.typing import NDArray
from panel_room import PanelRoom
from serving import FIRST, HEIGHT, LAST, WIDTH, Daemon, centre, picture

from roto_client.desk.state import Link
from roto_client.panel.qt import QtCore
from roto_client.session import Daemon as Client
from roto_client.session import connect
from roto_shapes.shot import FrameRange, Plate

QtTest: Any = importlib.import_module(f"{QtCore.__name__.split('.', maxsplit=1)[0]}.QtTest")
LEFT = QtCore.Qt.MouseButton.LeftButton
NONE = QtCore.Qt.KeyboardModifier.NoModifier
OFFSET = 1000
"""The host counts a thousand further than the files."""
FRAMES = FrameRange(FIRST + OFFSET, LAST + OFFSET)

Opened = Callable[..., PanelRoom]


@pytest.fixture
def opened(plate: str) -> Iterator[Opened]:
    """Open a panel on the plate of the disc, or another one."""
    rooms: list[PanelRoom] = []

    def open_one(address: str, given: GivenPlate | None = None, engine: str = "disc") -> PanelRoom:
        disc = GivenPlate(Plate(WIDTH, HEIGHT, FRAMES, "disc"), plate, OFFSET)
        room = PanelRoom(address, given or disc, meet, size=(700, 520))
        rooms.append(room)
        room.panel.button("open").click()
        room.settle()
        room.desk.use_engine(engine)
        room.settle()
        assert room.desk.state.engine == engine, room.desk.state.said
        return room

    yield open_one
    for room in rooms:
        room.close()


def meet(address: str | None) -> Client:
    """Meet a daemon that is not waited for long: the desk itself has to find it again."""
    return connect(address, patience_s=0.2)


def click(room: PanelRoom, x: float, y: float) -> None:
    QtTest.QTest.mouseClick(room.panel.view, LEFT, NONE, room.panel.view.map.to_view(x, y).toPoint())


def press(room: PanelRoom, *names: str) -> None:
    for name in names:
        room.panel.button(name).click()
        room.settle()


def drawn(room: PanelRoom, frame: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> NDArray[np.float64]:
    """Return what the host itself draws of its roto node."""
    return np.array(room.host.rows(room.desk.state.node, frame, size[0]))


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def truth(frame: int) -> NDArray[np.float64]:
    return (picture(frame - OFFSET)[..., 0].astype(float) - 40) / 190


def test_a_click_in_the_panel_becomes_a_node_that_lies_on_the_object_on_every_frame(
    daemon: Daemon, opened: Opened
) -> None:
    room = opened(daemon.address)
    assert room.desk.state.plate is not None
    assert room.desk.state.plate.frames == FRAMES
    room.desk.go_to(FRAMES.first + 5)
    room.until(lambda: room.desk.picture(FRAMES.first + 5) is not None)
    x, y = centre(FIRST + 5)
    click(room, x, y)
    room.settle()
    shown = room.panel.view.grab().toImage()
    inside, outside = (shown.pixelColor(room.panel.view.map.to_view(x + d, y).toPoint()) for d in (12, 30))
    assert inside.red() > inside.blue() + 20, "the mask in the object's colour"
    assert abs(outside.red() - outside.blue()) < 6, "the plate as it is"
    press(room, "both", "write")
    for frame in FRAMES:
        assert overlap(drawn(room, frame), truth(frame)) > 0.95, frame
    edited_and_refined(room)


def edited_and_refined(room: PanelRoom) -> None:
    """Edit a point in the host, lock another keyframe, refine: both stay; the host's undo takes all of it back."""
    desk, host = room.desk, room.host
    node = desk.state.node
    name = host.script.rotos[node][0].name
    keys = sorted(host.find(node, name).keys)
    locked, edited = keys[0], keys[-1]
    desk.lock(locked)
    room.settle()
    before = list(host.find(node, name).keys[locked])
    host.move_point(node, name, edited, 0, (4.0, -3.0))
    moved = host.find(node, name).keys[edited][0][:2]
    steps, rotos = host.undo_steps, copy.deepcopy(host.script.rotos)
    desk.go_to(edited)
    press(room, "refine")
    assert f"kept your edits on {edited}" in desk.state.said
    shape = host.find(node, name)
    assert np.abs(np.array(shape.keys[locked]) - before).max() < 1e-6
    assert shape.keys[edited][0][:2] == pytest.approx(moved, abs=1e-6)
    assert host.undo_steps == steps + 1
    host.undo()
    assert host.script.rotos == rotos


def test_a_worker_that_dies_and_a_daemon_that_is_killed_in_the_middle_of_a_track_cost_nothing(
    own_daemon: Daemon, opened: Opened
) -> None:
    room = opened(own_daemon.address, engine="faulty")

    def found() -> set[int]:
        return set(room.desk.state.found_of(1).confidence)

    click(room, *centre(FIRST))
    room.settle()
    own_daemon.fault.write_text(f"abort {FIRST + 4}")
    press(room, "forward")
    assert room.desk.state.is_error
    assert room.host.messages == [room.desk.state.said], "the worker's end is a sentence"
    own_daemon.fault.write_text("slow 0.1")
    room.panel.button("forward").click()
    room.until(lambda: len(found()) >= 6)
    own_daemon.kill()
    room.until(lambda: room.desk.state.link is Link.LOST)
    own_daemon.fault.unlink()
    own_daemon.start_again()
    room.until(lambda: room.desk.state.link is Link.CONNECTED)
    room.settle()
    assert found() == set(FRAMES), "the track went on where it was"
    press(room, "write")
    assert overlap(drawn(room, FRAMES.last), truth(FRAMES.last)) > 0.95


def test_big_buck_bunny_is_clicked_tracked_and_written(daemon: Daemon, opened: Opened, tmp_path: Path) -> None:
    for number, shown in enumerate(footage("bigbuckbunny", 41, 4)):
        cv2.imwrite(str(tmp_path / f"bunny.{41 + number:04d}.png"), cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
    frames = FrameRange(1041, 1044)
    given = GivenPlate(Plate(1280, 720, frames, "bunny"), str(tmp_path / "bunny.####.png"), OFFSET)
    room = opened(daemon.address, given, "classic")
    for place in ((430.0, 400.0), (250.0, 230.0)):
        click(room, *place)
    room.settle()
    press(room, "forward", "write")
    for frame in (1041, 1044):
        room.desk.go_to(frame)
        room.until(lambda: room.desk.matte(1, room.desk.state.frame) is not None)
        matte = room.desk.matte(1, frame)
        assert matte is not None
        found = np.frombuffer(matte.coverage8(), np.uint8).reshape(720, 1280) / 255
        assert found.sum() > 50_000, "the bunny, not a spot of it"
        assert overlap(drawn(room, frame, (1280, 720)), found) > 0.95
