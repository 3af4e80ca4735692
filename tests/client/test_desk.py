"""The desk over a host in plain Python and a daemon in this process: gestures in, sentences, shapes and undo out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Callable, Optional

import grpc
import pytest
from host_rig import GivenPlate
from plain_host import PlainHost
from stand_in_daemon import RADIUS, Refusal, StandInDaemon

from roto_client.desk import Desk
from roto_client.desk.edits import as_prompt, edited_frames
from roto_client.desk.following import Way
from roto_client.desk.note import Note
from roto_client.desk.painting import Canvas, mask_of
from roto_client.desk.state import Link
from roto_client.desk.worker import Order
from roto_client.errors import DaemonNotStartedError, DaemonUnreachableError
from roto_client.host import Abilities
from roto_client.session import Daemon
from roto_client.transport.by_grpc import GrpcTransport
from roto_proto.v1 import sessions_pb2
from roto_shapes.prompt import PointPrompt
from roto_shapes.shape import ControlPoint, Interpolation, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

OFFSET = 1000
"""Files are numbered 1001 to 1010, the host counts 2001 to 2010."""
HOST_PLATE = Plate(64, 48, FrameRange(2001, 2010), "plate", pixel_aspect=2.0)
GIVEN = GivenPlate(HOST_PLATE, "plate.####.png", OFFSET)


class Room:
    """A desk in a host, with the daemon behind it."""

    def __init__(self, host: PlainHost, daemon: StandInDaemon) -> None:
        self.host, self.daemon = host, daemon
        self.reachable = True
        self.met: list[Optional[str]] = []
        self.desk = Desk(host, self._meet, self._start)

    def _start(self) -> str:
        if self.daemon.stalls:
            raise DaemonNotStartedError("The program roto-daemon is not on this machine.")
        self.reachable = True
        return "127.0.0.1:7"

    def _meet(self, address: Optional[str]) -> Daemon:
        self.met.append(address)
        if not self.reachable:
            raise DaemonUnreachableError("there")
        return Daemon(GrpcTransport(self.daemon.address, timeout_s=5.0, silence_s=5.0))

    def settle(self) -> None:
        """Let everything come to rest, as the host's event loop does."""
        self.host.run_until(lambda: self.desk.is_idle)
        self.host.run_waiting()

    def until(self, done: Callable[[], bool]) -> None:
        self.host.run_until(done)

    def open(self, given: GivenPlate = GIVEN) -> Room:
        self.host.select(given)
        self.desk.connect()
        self.desk.open_plate()
        self.settle()
        assert self.desk.state.plate is not None, self.desk.state.said
        return self


@pytest.fixture
def room(stand_in: StandInDaemon) -> Iterator[Room]:
    made = Room(PlainHost(), stand_in)
    yield made
    stand_in.stalls.clear()
    made.desk.close()


def test_a_click_reaches_the_daemon_in_the_files_numbers_and_its_matte_comes_back_in_the_hosts(room: Room) -> None:
    desk = room.open().desk
    assert desk.state.link is Link.CONNECTED
    assert desk.state.plate == HOST_PLATE
    desk.go_to(2003)
    assert room.host.frame == 2003
    desk.click(30.5, 20.5)
    thing = desk.state.selected
    assert thing is not None, "a first click makes an object"
    assert thing.prompts[2003].points == (PointPrompt(30.5, 20.5),), "it shows at once"
    room.settle()
    assert room.daemon.prompts[1003].points == (PointPrompt(30.5, 20.5),)
    matte = desk.matte(thing.key, 2003)
    assert matte is not None
    assert matte.box == (30 - RADIUS, 20 - RADIUS, 30 + RADIUS, 20 + RADIUS)
    assert set(desk.state.found_of(thing.key).confidence) == {2003}


def test_where_no_daemon_runs_one_is_started_from_the_host(room: Room) -> None:
    room.reachable = False
    room.desk.connect()
    room.settle()
    assert (room.desk.state.link, room.desk.state.is_error) == (Link.NONE, True)
    room.daemon.stalls.add("everything")
    room.desk.start_daemon()
    room.settle()
    assert room.desk.state.said == "The program roto-daemon is not on this machine."
    assert (room.desk.state.link, room.met) == (Link.NONE, [None])
    room.daemon.stalls.clear()
    room.desk.start_daemon()
    room.settle()
    assert (room.desk.state.link, room.met) == (Link.CONNECTED, [None, "127.0.0.1:7"])
    assert room.desk.state.said == f"Connected to the daemon at {room.daemon.address}, Rotolink 9.8.7, by gRPC."


def test_following_both_ways_shows_every_frame_and_names_those_to_look_at(room: Room) -> None:
    desk = room.open().desk
    room.daemon.unreadable = {1008}
    desk.go_to(2005)
    desk.click(30, 20)
    desk.track(Way.BOTH)
    room.settle()
    runs = [(FrameRange(1005, 1010), sessions_pb2.DIRECTION_FORWARD)]
    assert room.daemon.runs == [*runs, (FrameRange(1001, 1005), sessions_pb2.DIRECTION_BACKWARD)]
    found = desk.state.found_of(desk.state.current)
    assert set(found.confidence) == set(range(2001, 2011)) - {2008}
    assert found.unreadable == {2008}
    assert found.confidence[2003] == pytest.approx(0.2)
    assert desk.state.said == "Tracked. Look first at 2003-2004, 2007: low confidence. No picture on 2008."
    assert all(desk.matte(desk.state.current, frame) for frame in found.confidence)


def test_a_track_that_is_stopped_keeps_what_is_done_and_the_desk_goes_on(room: Room) -> None:
    desk = room.open().desk
    desk.click(30, 20)
    room.settle()
    room.daemon.stalls.add("Propagate")
    desk.track(Way.FORWARD)
    room.until(lambda: bool(room.daemon.runs))
    desk.stop()
    room.daemon.stalls.clear()
    room.settle()
    assert 2001 in desk.state.found_of(desk.state.current).confidence
    assert desk.state.work is None
    desk.click(31, 21)
    room.settle()
    assert len(room.daemon.prompts[1001].points) == 2


def test_clicks_that_wait_for_the_daemon_become_one_call(room: Room) -> None:
    desk = room.open().desk
    release = threading.Event()
    desk._put(order_that_waits(release))
    for x in (10, 12, 14, 16):
        desk.click(x, 20, foreground=x != 14)
    release.set()
    room.settle()
    assert room.daemon.calls.count("SetPrompt") == 1
    assert [point.foreground for point in room.daemon.prompts[1001].points] == [True, True, False, True]


def order_that_waits(release: threading.Event) -> Order:
    def wait(_: object) -> None:
        release.wait(10)

    return Order(wait)


def test_the_hosts_main_thread_never_waits_for_the_daemon(room: Room) -> None:
    desk = room.open().desk
    room.daemon.stalls.add("Propagate")
    desk.click(30, 20)
    desk.track()
    room.until(lambda: bool(room.daemon.runs))
    began = time.monotonic()
    for step in range(20):
        desk.go_to(2001 + step % 10)
        desk.click(20 + step, 20)
        desk.undo()
        room.host.run_waiting()
    assert time.monotonic() - began < 4.0, "twenty rounds of gestures while a call hangs"


def test_a_refused_click_is_taken_back_with_the_daemons_sentence(room: Room) -> None:
    desk = room.open().desk
    desk.click(30, 20)
    room.settle()
    refusal = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "The prompt selects nothing: click the disc.", "PromptError")
    room.daemon.refusals["SetPrompt"] = refusal
    desk.click(5, 5)
    room.settle()
    thing = desk.state.selected
    assert thing is not None
    assert thing.prompts[2001].points == (PointPrompt(30, 20),)
    assert "selects nothing" in desk.state.said
    assert room.host.messages[-1] == desk.state.said
    assert desk.state.undo == "click on object1"


def test_every_step_is_undone_and_done_again_at_the_daemon_too(room: Room) -> None:
    desk = room.open().desk
    desk.add_object("ball")
    desk.click(30, 20)
    desk.box(40, 30, 20, 10)
    desk.brush([(10, 10), (20, 10)], 3.0)
    room.settle()
    assert room.daemon.prompts[1001].mask is not None
    desk.fit()
    room.settle()
    desk.lock(2001)
    room.settle()
    assert room.daemon.shapes[0].keyframes[0].locked
    shapes = desk.state.shown[0].shapes
    for undone in ("locking frame 2001 of ball", "fitting ball", "brush on ball", "box on ball"):
        assert desk.state.undo == undone
        desk.undo()
    room.settle()
    assert room.daemon.shapes == []
    assert room.daemon.prompts[1001].mask is None
    assert room.daemon.prompts[1001].points == (PointPrompt(30, 20),)
    assert desk.state.redo == "box on ball"
    for _ in range(4):
        desk.redo()
    room.settle()
    assert desk.state.shown[0].shapes == shapes
    assert room.daemon.shapes[0].keyframes[0].locked
    assert room.daemon.shapes[0].keyframes[0].frame == 1001
    for _ in range(6):
        desk.undo()
    room.settle()
    assert desk.state.shown == ()
    assert desk.state.undo == ""


def test_a_deleted_object_comes_back_with_all_it_had(room: Room) -> None:
    desk = room.open().desk
    desk.add_object("ball")
    desk.click(30, 20)
    room.settle()
    desk.remove(desk.state.current)
    assert not desk.state.shown
    desk.add_object("ball")
    assert names(desk) == ["ball_2"], "the name is still taken, as undo may bring it back"
    desk.undo()
    desk.undo()
    room.settle()
    assert names(desk) == ["ball"]
    ball = desk.state.find(desk.state.current)
    assert ball.prompts[2001].points
    assert desk.matte(ball.key, 2001) is not None


def names(desk: Desk) -> list[str]:
    return [each.name for each in desk.state.shown]


def test_writing_fits_what_is_out_of_date_and_is_one_undo_step_of_the_host(room: Room) -> None:
    desk = room.open().desk
    desk.add_object("ball")
    desk.click(30, 20)
    desk.track()
    room.settle()
    assert room.host.undo_steps == 0
    desk.write()
    room.settle()
    assert len(room.daemon.fits) == 1
    assert room.daemon.fits[0].interpolation == 1, "as the host moves points"
    assert room.host.undo_steps == 1
    node = desk.state.node
    assert sorted(room.host.find(node, "ball").keys) == [2001]
    assert desk.state.said == f"Written to {node}: ball."
    desk.write()
    room.settle()
    assert len(room.daemon.fits) == 1, "what is up to date is not fitted again"
    room.host.undo()
    assert room.host.script.rotos == {}


def test_edits_made_in_the_host_are_found_and_go_back_with_the_locks(room: Room) -> None:
    desk = room.open().desk
    desk.add_object("ball")
    desk.click(30, 20)
    desk.track()
    desk.write()
    room.settle()
    desk.lock(2008)
    room.settle()
    desk.write()
    room.settle()
    node = desk.state.node
    room.host.move_point(node, "ball", 2004, 1, (3.0, 2.0))
    desk.go_to(2004)
    room.daemon.runs.clear()
    desk.refine()
    room.settle()
    request = room.daemon.fits[-1]
    assert list(request.edited) == [1004], "found by comparing: 2001 and 2008 were not touched"
    assert room.daemon.prompts[1004].outline[1][:2] == (12.0, 3.0)
    assert room.daemon.runs[0] == (FrameRange(1004, 1007), sessions_pb2.DIRECTION_FORWARD), "up to the locked frame"
    assert "kept your edits on 2004" in desk.state.said


def test_an_edit_is_what_a_hand_moves_and_not_what_a_host_rounds() -> None:
    points = tuple(ControlPoint(x, y, 1.0, 0.5, -1.0, -0.5) for x, y in ((10.3, 10.7), (30.1, 12.9), (20.6, 30.2)))
    keys = tuple(ShapeKeyframe(frame, points) for frame in (1, 5, 9))
    written = Shape("ball", keys, FrameRange(1, 9))

    def moved(frame: int, by: float) -> Shape:
        def key_at(key: ShapeKeyframe) -> ShapeKeyframe:
            return replace(key, points=(points[0]._replace(x=points[0].x + by), *points[1:]))

        return replace(written, keyframes=tuple(key_at(key) if key.frame == frame else key for key in keys))

    assert edited_frames([written], [moved(5, 0.2)]) == {5}
    assert edited_frames([written], [moved(5, 0.004)]) == frozenset()
    without = replace(written, keyframes=keys[::2])
    assert edited_frames([written], [without]) == frozenset(), "a keyframe that was taken away leaves nothing to keep"
    assert edited_frames([without], [written]) == {5}, "one that was set is the artist's wherever it stands"
    assert edited_frames([], [written]) == {1, 5, 9}, "so is a shape that was not ours"


def test_a_click_ends_the_tracking_of_its_object_and_corrects_it(room: Room) -> None:
    desk = room.open().desk
    desk.click(30, 20)
    room.settle()
    room.daemon.stalls.add("Propagate")
    desk.track(Way.FORWARD)
    room.until(lambda: bool(room.daemon.runs))
    desk.click(31, 21, foreground=False)
    room.daemon.stalls.clear()
    room.settle()
    assert len(room.daemon.prompts[1001].points) == 2
    assert len(desk.state.found_of(1).confidence) < 10


def test_a_plate_that_the_daemon_cannot_see_is_rendered_and_sent_one_frame_at_a_time(room: Room) -> None:
    room.daemon.sees_files = False
    desk = room.open().desk
    assert desk.state.sent.startswith("The daemon cannot see plate.####.png: frames are sent instead.")
    assert room.host.messages == [desk.state.sent]
    desk.click(30, 20)
    room.settle()
    assert set(room.daemon.frames) == {2001}
    desk.track(Way.FORWARD)
    room.settle()
    assert set(room.daemon.frames) == set(range(2001, 2011))


def test_a_host_that_cannot_render_says_so_in_one_sentence(stand_in: StandInDaemon) -> None:
    host = PlainHost()
    host.abilities = Abilities((Interpolation.LINEAR,))
    room = Room(host, stand_in)
    room.daemon.sees_files = False
    room.host.select(GIVEN)
    room.desk.connect()
    room.desk.open_plate()
    room.settle()
    assert room.desk.state.plate is None
    assert "cannot render frames" in room.host.messages[-1]
    room.desk.close()


def test_files_of_another_size_than_the_host_shows_are_not_read_by_path(room: Room) -> None:
    room.open(replace(GIVEN, plate=replace(HOST_PLATE, width=32, height=24)))
    assert "64x48" in room.desk.state.sent
    assert "32x24" in room.host.messages[-1]


def test_nothing_selected_is_the_hosts_own_sentence(room: Room) -> None:
    room.desk.open_plate()
    assert room.host.messages == ["Select the node of the plate first."]


@pytest.mark.parametrize("forgets", [False, True])
def test_a_daemon_that_comes_back_gets_what_it_lacks(room: Room, *, forgets: bool) -> None:
    desk = room.open().desk
    desk.click(30, 20)
    desk.track()
    desk.fit()
    room.settle()
    prompts = dict(room.daemon.prompts)
    room.reachable = False
    room.daemon.refusals["SetPrompt"] = Refusal(grpc.StatusCode.UNAVAILABLE)
    desk.click(35, 21)
    room.until(lambda: desk.state.link is Link.LOST)
    thing = desk.state.selected
    assert thing is not None
    assert len(thing.prompts[2001].points) == 2, "a daemon that is gone refuses nothing"
    room.until(lambda: "nothing drawn is lost" in desk.state.said)
    room.daemon.refusals.clear()
    if forgets:
        room.daemon.refusals["AttachSession"] = Refusal(grpc.StatusCode.NOT_FOUND, "No such session.", "UnknownError")
        room.daemon.prompts.clear()
        room.daemon.shapes = []
    room.reachable = True
    room.until(lambda: "The daemon is back" in desk.state.said)
    room.settle()
    assert room.daemon.prompts[1001].points == (*prompts[1001].points, PointPrompt(35, 21))
    assert len(room.daemon.shapes) == 1
    assert room.daemon.calls.count("OpenSession") == 1 + forgets
    assert len(desk.state.found_of(thing.key).confidence) == (1 if forgets else 10), "mattes are where the session is"


def test_a_host_that_is_opened_again_finds_the_work_of_before(room: Room) -> None:
    desk = room.open().desk
    desk.add_object("ball")
    desk.click(30, 20)
    desk.track()
    desk.write()
    room.settle()
    desk.rename(1, "hero")
    desk.paint(1, (0.0, 1.0, 0.0))
    room.settle()
    node = desk.state.node
    desk.close()
    again = Desk(room.host, room._meet)
    again.connect()
    again.open_plate()
    room.host.run_until(lambda: again.is_idle and again.state.plate is not None)
    state = again.state
    assert [(each.name, each.colour) for each in state.shown] == [("hero", (0.0, 1.0, 0.0))]
    assert state.shown[0].prompts[2001].points == (PointPrompt(30, 20),)
    assert state.shown[0].keyframes == {2001}
    assert len(state.found_of(1).confidence) == 10
    assert state.node == node
    assert "here again" in state.said
    room.host.move_point(node, "ball", 2004, 1, (3.0, 2.0))
    again.refine()
    room.host.run_until(lambda: again.is_idle)
    assert list(room.daemon.fits[-1].edited) == [1004], "edits made since are found"
    assert [shape.group for shape in room.host.script.rotos[node]] == ["hero"], "and go by the new name"
    again.close()


def test_another_daemon_gets_the_plate_and_all_that_was_done_on_it(room: Room) -> None:
    desk = room.open().desk
    desk.click(30, 20)
    room.settle()
    room.daemon.prompts.clear()
    room.daemon.refusals["AttachSession"] = Refusal(grpc.StatusCode.NOT_FOUND, "No such session.", "UnknownError")
    desk.connect("another:50750")
    room.settle()
    assert room.daemon.prompts[1001].points == (PointPrompt(30, 20),)
    desk.click(31, 21)
    room.settle()
    assert len(room.daemon.prompts[1001].points) == 2
    room.reachable = False
    desk.connect("nowhere:50750")
    room.settle()
    assert desk.state.link is Link.CONNECTED, "the daemon of before is still there"
    assert "No Rotolink daemon answers" in desk.state.said


def test_what_cannot_be_done_yet_is_a_sentence_and_nothing_else(room: Room) -> None:
    desk = room.desk
    desk.click(30, 20)
    assert "Open a plate first" in desk.state.said
    room.open()
    for gesture, words in (
        (desk.track, "nothing to follow yet"),
        (desk.write, "nothing to write yet"),
        (desk.lock, "no shape to lock"),
    ):
        gesture()
        assert words in desk.state.said
    desk.add_object("ball")
    desk.refine()
    assert "Write the shapes to a node first" in desk.state.said
    desk.add_object("tail")
    desk.rename(2, "ball")
    assert "another object named 'ball'" in desk.state.said
    desk.brush([(10, 10)], 3, add=False)
    assert "wiped all of it" in desk.state.said
    room.settle()
    assert not room.daemon.prompts


def test_a_host_that_refuses_a_writing_keeps_its_script_and_says_why(room: Room) -> None:
    desk = room.open().desk
    desk.click(30, 20)
    desk.write()
    room.settle()
    node = desk.state.node
    room.host.locked = True
    desk.write()
    room.settle()
    assert "The script is locked" in desk.state.said
    assert desk.state.node == node
    room.host.locked = False
    room.host.delete(node)
    desk.write()
    assert f"There is no roto node '{node}'" in desk.state.said
    desk.write()
    assert desk.state.node in room.host.script.rotos, "a new one, as the artist deleted that of before"
    room.host.delete(desk.state.node)
    desk.refine()
    assert "There is no roto node" in desk.state.said


def test_clearing_a_frame_takes_its_mask_away(room: Room) -> None:
    desk = room.open().desk
    desk.click(30, 20)
    room.settle()
    assert desk.matte(1, 2001) is not None
    desk.clear()
    room.settle()
    assert desk.matte(1, 2001) is None
    assert not desk.state.found_of(1).confidence
    desk.show(1, visible=False)
    assert not desk.state.shown[0].visible


def test_several_edited_shapes_state_the_object_by_a_mask() -> None:
    square = tuple(ControlPoint(x, y) for x, y in ((4, 4), (12, 4), (12, 12), (4, 12)))
    body = Shape("ball", (ShapeKeyframe(2001, square),), FrameRange(2001, 2010))
    hole = replace(body, name="ball.hole", invert=True)
    prompt = as_prompt([body, replace(hole, keyframes=(ShapeKeyframe(2001, square[:3]),))], 2001, HOST_PLATE)
    assert prompt is not None
    assert prompt.mask is not None
    assert 0 < sum(map(bool, prompt.mask.coverage)) < 64
    assert as_prompt([hole], 2001, HOST_PLATE) is None
    assert as_prompt([body], 1999, HOST_PLATE) is None


def test_no_daemon_is_a_sentence_and_connecting_again_works(room: Room) -> None:
    room.reachable = False
    room.desk.connect()
    room.settle()
    assert room.desk.state.link.name == "NONE"
    assert "No Rotolink daemon answers" in room.desk.state.said
    room.reachable = True
    room.desk.connect()
    room.settle()
    assert room.desk.state.link is Link.CONNECTED


def test_the_note_in_the_script_names_the_session_and_the_objects(room: Room) -> None:
    desk = room.open().desk
    desk.add_object("ball")
    note = Note.parse(room.host.read_note(room.host.plate()))
    assert note.session_id in room.daemon.sessions
    assert [each.name for each in note.objects] == ["ball"]
    assert Note.parse("no note of ours") == Note()


def test_frames_come_to_look_at_with_those_after_them(room: Room) -> None:
    desk = room.open().desk
    desk.look(640)
    room.until(lambda: all(desk.picture(frame) for frame in (2001, 2002, 2003, 2004)))
    picture = desk.picture(2003)
    assert picture is not None
    assert picture.jpeg == b"picture 1003 at 640"


def test_a_stroke_covers_the_pixels_within_its_radius_and_wiping_frees_them() -> None:
    canvas = Canvas(40, 30)
    canvas.stroke([(8.0, 10.0), (30.0, 20.0)], 4.0)
    rows = canvas.mask().coverage
    for y in range(30):
        for x in range(40):
            px, py = x + 0.5, y + 0.5
            share = min(max(((px - 8) * 22 + (py - 10) * 10) / (22 * 22 + 10 * 10), 0.0), 1.0)
            far = ((px - 8 - 22 * share) ** 2 + (py - 10 - 10 * share) ** 2) ** 0.5
            if abs(far - 4.0) > 1e-6:
                assert (rows[y * 40 + x] > 0) == (far < 4.0), (x, y)
    canvas.stroke([(0.0, 15.0), (40.0, 15.0)], 60.0, add=False)
    assert canvas.is_empty


def test_outlines_fill_and_cut_by_the_pixels_centres() -> None:
    def box(left: float, top: float, right: float, bottom: float) -> tuple[ControlPoint, ...]:
        return tuple(ControlPoint(x, y) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)))

    mask = mask_of([(box(2, 3, 12, 9.6), False), (box(4, 5, 6, 7), True), (box(-5, -5, 1, 1), False)], 16, 12)
    covered = {(i % 16, i // 16) for i, level in enumerate(mask.coverage) if level}
    body = {(x, y) for x in range(2, 12) for y in range(3, 10)}
    assert covered == (body - {(x, y) for x in (4, 5) for y in (5, 6)}) | {(0, 0)}
