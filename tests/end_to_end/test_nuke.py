"""An artist's day in Nuke: a real daemon, the plugin, and the stand-in of Nuke that draws its own shapes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import nuke_standin
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - as its own documentation does
import pytest
from bunny import bunny_by_clicks
from numpy.typing import NDArray
from serving import FIRST, HEIGHT, LAST, WIDTH, Daemon, centre

nuke_standin.start()

import nuke  # noqa: E402 - it belongs to a program that runs
import nuke.rotopaint as rp  # noqa: E402

from roto_client.desk import Desk  # noqa: E402
from roto_client.desk.following import Way  # noqa: E402
from roto_client.desk.state import Link  # noqa: E402
from roto_nuke import prompts  # noqa: E402
from roto_nuke.host import NukeHost  # noqa: E402

FRAMES = 12
"""Of the footage: half a second, in which the arm moves."""
SCALE = 0.4
"""Of the footage: to fit 1280x720 takes a minute where two cores do all the tests."""
START = 1001
"""Where the Read puts the first file."""

_PARTS = ("center", "leftTangent", "rightTangent", "featherCenter", "featherLeftTangent", "featherRightTangent")


class Artist:
    """Somebody in front of Nuke, with a desk at a daemon."""

    def __init__(self) -> None:
        self.nuke = nuke_standin.start()
        self.desk = Desk(NukeHost())

    def wait(self, until: Callable[[], bool], timeout_s: float = 90) -> None:
        assert self.nuke.idle(until, timeout_s=timeout_s), (
            f"waited in vain: {self.desk.state.said} {self.nuke.messages} {self.desk.state.work}"
        )

    def settle(self) -> None:
        """Wait until nothing is under way and nothing more comes."""
        for _ in range(3):
            self.wait(lambda: self.desk.is_idle)
            self.nuke.idle(timeout_s=0.05)

    def open(self, address: str, engine: str, file: str, first: int, last: int) -> nuke.Node:
        read = nuke.nodes.Read(file=file, first=first, last=last, frame_mode="start at", frame=str(START))
        for name, frame in (("first_frame", START), ("last_frame", START + last - first)):
            knob = nuke.root()[name]
            assert isinstance(knob, nuke.Array_Knob)
            knob.setValue(frame)
        read.setSelected(True)
        picture = cv2.imread(file.replace("####", f"{first:04d}"))
        assert picture is not None
        height, width = picture.shape[:2]
        read["format"].fromScript(f"{width} {height} 0 0 {width} {height} 1 plate")
        nuke.frame(START)
        self.desk.connect(address)
        self.desk.open_plate()
        self.settle()
        assert self.desk.state.plate is not None, self.desk.state.said
        self.desk.use_engine(engine)
        self.settle()
        self.desk.follow_host()
        return read

    def matte(self, frame: int) -> NDArray[np.float64]:
        """Return the daemon's matte, 0 to 1."""
        self.desk.go_to(frame)
        self.wait(lambda: self.desk.matte(self.desk.state.current, frame) is not None)
        matte = self.desk.matte(self.desk.state.current, frame)
        assert matte is not None
        return np.frombuffer(matte.coverage8(), np.uint8).reshape(matte.height, matte.width) / 255

    def rendered(self, node: str, frame: int, folder: Path) -> NDArray[np.float64]:
        """Return the alpha that Nuke itself renders of a node, read by another program."""
        nuke.Undo.disable()
        write = nuke.nodes.Write(
            file=f"{folder.as_posix()}/alpha.%04d.exr", file_type="exr", channels="alpha", raw=True
        )
        write.setInput(0, nuke.toNode(node))
        nuke.execute(write, frame, frame)
        nuke.delete(write)
        nuke.Undo.enable()
        pixels = oiio.ImageBuf(str(folder / f"alpha.{frame:04d}.exr")).get_pixels(oiio.FLOAT)
        assert pixels is not None
        return np.asarray(pixels[..., 0], np.float64)

    def curves(self) -> rp.CurveKnob:
        node = nuke.toNode(self.desk.state.node)
        assert node is not None
        knob = node["curves"]
        assert isinstance(knob, rp.CurveKnob)
        return knob

    def shapes(self) -> list[rp.Shape]:
        """Return the shapes of the only group, layers that move unfolded."""

        def inside(element: rp.Element) -> list[rp.Shape]:
            if isinstance(element, rp.Layer):
                return [shape for item in element for shape in inside(item)]
            return [element] if isinstance(element, rp.Shape) else []

        return inside(self.curves().rootLayer)

    def keys(self, frame: int) -> list[list[float]]:
        """Return all numbers of all points on a frame, as Nuke has them."""
        return [
            list(getattr(point, part).getPosition(frame))
            for shape in self.shapes()
            for point in shape
            for part in _PARTS
        ]

    def times(self) -> list[float]:
        return sorted({t for shape in self.shapes() for point in shape for t in point.center.getControlPointKeyTimes()})

    def move_point(self, frame: int, by: tuple[float, float]) -> None:
        """Drag the first point, which keys the whole shape on the frame."""
        self.nuke.touch(None)
        shape = self.shapes()[0]
        for point in shape:
            for part in _PARTS:
                animated = getattr(point, part)
                animated.addPositionKey(frame, animated.getPosition(frame))
        x, y, _ = shape[0].center.getPosition(frame)
        shape[0].center.addPositionKey(frame, (x + by[0], y + by[1]))
        self.curves().changed()


@pytest.fixture
def artist() -> Iterator[Artist]:
    made = Artist()
    yield made
    made.desk.close()


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def script() -> object:
    return [(each.node, each.inputs, {n: text for n, (_, text) in each.knobs.items() if n != "rotolink_note"})
            for each in nuke_standin.program().snapshot()]  # fmt: skip


def bunny(folder: Path) -> str:
    """Write the footage as files and return their pattern."""
    clip = bunny_by_clicks()
    for number in range(1, FRAMES + 1):
        picture = cv2.cvtColor(clip.picture(clip.frames.first + number - 1), cv2.COLOR_RGB2BGR)
        small = cv2.resize(picture, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"bunny.{number:04d}.png"), small)
    return str(folder / "bunny.####.png")


def test_a_click_becomes_a_node_that_nuke_renders_like_the_mattes_and_edits_go_back(
    artist: Artist, daemon: Daemon, tmp_path: Path
) -> None:
    artist.open(daemon.address, "classic", bunny(tmp_path), 1, FRAMES)
    desk = artist.desk
    assert desk.state.sent == "", "the daemon reads the files by itself"
    for x, y in bunny_by_clicks().prompt.points:
        desk.click(SCALE * float(x), SCALE * float(y))
    desk.track(Way.FORWARD)
    artist.settle()
    empty = script()
    artist.nuke.steps.clear()
    desk.write()
    artist.wait(lambda: bool(desk.state.node))
    node = desk.state.node
    for frame in range(START, START + FRAMES):
        assert overlap(artist.rendered(node, frame, tmp_path), artist.matte(frame)) > 0.95, frame

    locked, edited = START, START + FRAMES // 2
    desk.lock(locked)
    artist.settle()
    written = script()
    with nuke.Undo("Drag a point"):
        artist.move_point(edited, (6.0, 4.0))
    kept, dragged, by_hand = artist.keys(locked), artist.keys(edited), script()
    desk.go_to(edited)
    desk.refine()
    artist.settle()
    assert desk.state.said == f"Refined: kept your edits on {edited}. Written to {node}: object1."
    assert artist.keys(locked) == kept, "not one bit of the locked keyframe differs"
    assert np.allclose(artist.keys(edited), dragged, atol=1e-4), "nor the edited one, but for the text's 32 bits"
    assert {float(locked), float(edited)} <= set(artist.times())

    assert [step.name for step in artist.nuke.steps] == ["Rotolink: object1", "Drag a point", "Rotolink: object1"]
    for before in (by_hand, written, empty):
        nuke.undo()
        assert script() == before
    assert [each.Class() for each in nuke.allNodes()] == ["Read"]


def test_undo_takes_the_new_node_away_whole(artist: Artist, daemon: Daemon, plate: str) -> None:
    artist.open(daemon.address, "disc", plate, FIRST, LAST)
    artist.desk.click(*centre(FIRST))
    artist.settle()
    before = script()
    artist.nuke.steps.clear()
    artist.desk.write()
    artist.wait(lambda: bool(artist.desk.state.node))
    nuke.undo()
    assert script() == before
    assert artist.nuke.steps == []


def test_points_in_the_viewer_are_tracked_from_the_groups_buttons(artist: Artist, daemon: Daemon, plate: str) -> None:
    artist.open(daemon.address, "disc", plate, FIRST, LAST)
    group = prompts.create_group()
    x, y = centre(FIRST)
    place = group["place1"]
    assert isinstance(place, nuke.XY_Knob)
    place.setValue((x, HEIGHT - y))
    artist.desk.point_in_host()
    artist.desk.track()
    artist.settle()
    artist.desk.write()
    artist.wait(lambda: bool(artist.desk.state.node))
    node = nuke.toNode(artist.desk.state.node)
    assert node is not None
    for frame in (FIRST, LAST):
        nuke.frame(frame)
        assert node.sample("rgba.alpha", centre(frame)[0], HEIGHT - centre(frame)[1]) == pytest.approx(1)


def test_a_changed_plate_is_rendered_by_nuke_and_sent(artist: Artist, daemon: Daemon, plate: str) -> None:
    read = artist.open(daemon.address, "disc", plate, FIRST, LAST)
    grade = nuke.nodes.Grade()
    grade.setInput(0, read)
    read.setSelected(False)
    grade.setSelected(True)
    before = script()
    artist.desk.open_plate()
    artist.settle()
    assert "Grade1 makes or changes the picture" in artist.desk.state.sent
    artist.desk.use_engine("disc")
    artist.desk.click(*centre(FIRST))
    artist.settle()
    matte = artist.matte(FIRST)
    assert matte.shape == (HEIGHT, WIDTH)
    assert matte[int(centre(FIRST)[1]), int(centre(FIRST)[0])] == 1
    assert script() == before, "nothing stays of what rendered it"


def test_what_breaks_off_in_the_middle_is_a_sentence_and_leaves_the_script_as_it_was(
    artist: Artist, own_daemon: Daemon, plate: str
) -> None:
    artist.open(own_daemon.address, "faulty", plate, FIRST, LAST)
    desk, messages = artist.desk, artist.nuke.messages
    desk.click(*centre(FIRST))
    desk.write()
    artist.wait(lambda: bool(desk.state.node))
    artist.settle()
    before, steps = script(), len(artist.nuke.steps)

    def done() -> int:
        return len(desk.state.found_of(desk.state.current).confidence)

    def track_until(frames: int) -> None:
        own_daemon.fault.write_text("slow 0.2")
        desk.track(Way.FORWARD)
        artist.wait(lambda: done() >= frames or bool(messages))
        if messages and "Wait for it" in messages[-1]:  # the daemon was still ending the run before
            messages.clear()
            track_until(frames)

    track_until(3)
    desk.stop()
    artist.settle()
    assert messages == [], "to stop is no error"
    assert 3 <= done() < LAST - FIRST + 1, "frames done stay"

    desk.go_to(FIRST + done() - 1)
    track_until(done() + 2)
    os.kill(own_daemon.worker_pids[0], signal.SIGKILL)
    artist.wait(lambda: bool(messages))
    assert "ask again" in messages[0]

    artist.settle()
    desk.go_to(FIRST + done() - 1)
    track_until(done() + 2)
    own_daemon.process.kill()
    artist.wait(lambda: desk.state.link is Link.LOST)
    assert done() < LAST - FIRST + 1
    assert script() == before
    assert len(artist.nuke.steps) == steps
