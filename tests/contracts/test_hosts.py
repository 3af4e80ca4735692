"""What every Host must do, run over all of them. A plugin's stand-in joins by an entry in `RIGS`."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Callable

import pytest
from fusion_rig import FusionRig
from host_rig import GivenPlate, Rig
from nuke_rig import NukeRig
from plain_host import PlainRig
from silhouette_rig import SilhouetteRig

from roto_client.errors import HostError
from roto_client.results import PixelFrame, SampleType, UploadFrame
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

RIGS: dict[str, Callable[[], Rig]] = {
    "fusion": FusionRig,
    "nuke": NukeRig,
    "plain": PlainRig,
    "silhouette": SilhouetteRig,
    "silhouette, live paths": lambda: SilhouetteRig(live_paths=True),
}

# Non-square, off-centre, 1001-based: what a wrong conversion cannot hide behind.
PLATE = Plate(320, 134, FrameRange(1001, 1012), pixel_aspect=2.0)
GIVEN = GivenPlate(PLATE, "shots/a b/plate.####.png", offset=1000)
GROUP = "ball"
TOLERANCE_PX = 0.01


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest) -> Rig:
    made = RIGS[request.param]()
    made.select(GIVEN)
    return made


def outline(x: float, y: float, size: float = 20.0) -> tuple[ControlPoint, ...]:
    """Three points with unlike tangents, the last a corner."""
    return (
        ControlPoint(x, y, -size / 4, 1.0, size / 4, -1.0),
        ControlPoint(x + size, y + 2.0, 0.0, -size / 3, 0.0, size / 3),
        ControlPoint(x + 3.0, y + size, 2.0, 0.0, -1.0, -2.0, corner=True),
    )


def roto(rig: Rig, *names: str) -> Roto:
    """Return shapes that move, each on its own way; those whose name ends in `hole` cut."""
    shapes = []
    for number, name in enumerate(names):
        keyframes = (
            ShapeKeyframe(1002, outline(30.25 + 40 * number, 20.5)),
            ShapeKeyframe(1006, outline(36.5 + 40 * number, 70.75)),
            ShapeKeyframe(1011, outline(50.0 + 40 * number, 60.0)),
        )
        shape = Shape(name, keyframes, FrameRange(1002, 1011), invert=name.endswith("hole"), colour=(1.0, 0.5, 0.0))
        shapes.append(replace(shape, interpolation=rig.host.abilities.interpolations[0]))
    return Roto(PLATE, tuple(shapes))


def assert_same(read: Roto, wanted: Roto) -> None:
    assert [shape.name for shape in read.shapes] == [shape.name for shape in wanted.shapes]
    for one, other in zip(read.shapes, wanted.shapes):
        assert (one.lifetime, one.closed, one.invert) == (other.lifetime, other.closed, other.invert)
        assert one.interpolation is other.interpolation
        assert one.colour == pytest.approx(other.colour, abs=0.01)
        assert [key.frame for key in one.keyframes] == [key.frame for key in other.keyframes]
        for key, its in zip(one.keyframes, other.keyframes):
            for point, wish in zip(key.points, its.points):
                assert point[:6] == pytest.approx(wish[:6], abs=TOLERANCE_PX)
                assert point.corner == wish.corner


def test_the_plate_of_the_selected_node_is_told_in_the_hosts_frames_with_its_files_offset(rig: Rig) -> None:
    told = rig.host.plate()
    assert (told.plate.width, told.plate.height, told.plate.frames) == (320, 134, FrameRange(1001, 1012))
    assert told.plate.pixel_aspect == pytest.approx(2.0)
    assert told.path is not None
    assert told.path.path.replace("%04d", "####").endswith("shots/a b/plate.####.png")
    assert told.offset == 1000
    assert told.path.frames in {None, FrameRange(1, 12)}, "the path's frames are numbered as its files are"
    assert not told.why_rendered
    assert rig.host.plate().key == told.key


def test_nothing_selected_is_a_sentence_that_says_what_to_select(rig: Rig) -> None:
    rig.select_nothing()
    with pytest.raises(HostError, match=r"(?i)select"):
        rig.host.plate()


def test_a_picture_without_files_is_rendered_frame_by_frame_in_the_hosts_numbers(rig: Rig, tmp_path: Path) -> None:
    if not rig.host.abilities.render:
        pytest.skip("this host renders nothing for us")
    rig.select(GivenPlate(PLATE))
    told = rig.host.plate()
    assert told.path is None
    assert told.why_rendered
    frame = rig.host.render(told, 1003)
    assert frame.frame == 1003
    at = levels(frame, tmp_path)
    assert at(40, 30) > 200, "white in the top left quarter"
    assert max(at(280, 30), at(40, 110), at(280, 110)) < 50, "black elsewhere"


def levels(frame: UploadFrame, folder: Path) -> Callable[[int, int], int]:
    """Return what reads the red of a rendered frame, 0 to 255."""
    if isinstance(frame, PixelFrame) and frame.sample is SampleType.U8:
        raw, pixels = bytes(frame.content), frame
        return lambda x, y: raw[(y * pixels.width + x) * pixels.channels]
    images = pytest.importorskip("OpenImageIO", reason="reads what the host rendered")
    if isinstance(frame, PixelFrame):
        kind = {SampleType.U16: "uint16", SampleType.F16: "half", SampleType.F32: "float"}[frame.sample]
        numpy = pytest.importorskip("numpy")
        array = numpy.frombuffer(frame.content, "float16" if kind == "half" else kind.replace("float", "float32"))
        image = images.ImageBuf(array.reshape(frame.height, frame.width, frame.channels))
    else:
        file = folder / frame.name
        file.write_bytes(frame.content)
        image = images.ImageBuf(str(file))
    spec = image.spec()
    assert (spec.full_width, spec.full_height) == (PLATE.width, PLATE.height)
    return lambda x, y: int(image.getpixel(x, y)[0] * 255)


def test_the_timeline_is_the_hosts_and_moves_to_a_frame(rig: Rig) -> None:
    assert rig.host.frame_range().first <= 1001
    assert rig.host.frame_range().last >= 1012
    rig.host.show_frame(1007)
    assert rig.host.current_frame() == 1007


def test_what_was_written_is_read_again(rig: Rig) -> None:
    wanted = roto(rig, "ball.1", "ball.2", "ball.hole")
    node = rig.host.write_shapes(wanted, GROUP)
    assert_same(rig.host.read_shapes(node, GROUP), wanted)


def test_the_host_itself_has_the_points_where_they_belong_on_every_frame(rig: Rig) -> None:
    wanted = roto(rig, "ball.1", "ball.2")
    node = rig.host.write_shapes(wanted, GROUP)
    for shape in wanted.shapes:
        for frame in range(1002, 1012):
            truth = [(point.x, point.y) for point in evaluate_on_plate(shape, frame)]
            for place, wish in zip(rig.points(node, shape.name, frame), truth):
                assert place == pytest.approx(wish, abs=0.05)


def test_the_host_paints_in_order_and_cuts_where_a_shape_is_inverted(rig: Rig) -> None:
    body = Shape("body", (ShapeKeyframe(1001, box(40, 20, 200, 120)),), PLATE.frames)
    hole = replace(body, name="hole", keyframes=(ShapeKeyframe(1001, box(60, 30, 100, 60)),), invert=True)
    node = rig.host.write_shapes(Roto(PLATE, (body, hole)), GROUP)
    assert rig.covers(node, 1003, (150.5, 100.5))
    assert not rig.covers(node, 1003, (80.5, 45.5))
    assert not rig.covers(node, 1003, (250.5, 45.5))


def box(left: float, top: float, right: float, bottom: float) -> tuple[ControlPoint, ...]:
    places = ((left, top), (right, top), (right, bottom), (left, bottom))
    return tuple(ControlPoint(x, y, corner=True) for x, y in places)


def test_a_shape_is_there_from_the_first_to_the_last_frame_of_its_lifetime(rig: Rig) -> None:
    node = rig.host.write_shapes(roto(rig, "ball"), GROUP)
    drawn = [frame for frame in range(1000, 1014) if rig.is_drawn(node, "ball", frame)]
    assert drawn == list(range(1002, 1012))


def test_shapes_of_a_group_are_replaced_and_all_others_stay(rig: Rig) -> None:
    node = rig.host.write_shapes(roto(rig, "ball.1", "ball.2"), GROUP)
    rig.host.write_shapes(roto(rig, "tail"), "tail", node)
    rig.add_own_shape(node, "mine", [(10, 10), (50, 10), (50, 50)])
    same = rig.host.write_shapes(roto(rig, "ball.1"), GROUP, node)
    assert same == node
    assert sorted(rig.shape_names(node)) == ["ball.1", "mine", "tail"]
    assert_same(rig.host.read_shapes(node, "tail"), roto(rig, "tail"))
    for place, wish in zip(rig.points(node, "mine", 1003), [(10, 10), (50, 10), (50, 50)]):
        assert place == pytest.approx(wish, abs=0.05)


def test_writing_no_shapes_empties_a_group_and_nothing_else(rig: Rig) -> None:
    node = rig.host.write_shapes(roto(rig, "ball"), GROUP)
    rig.host.write_shapes(roto(rig, "tail"), "tail", node)
    rig.host.write_shapes(roto(rig), GROUP, node)
    assert rig.shape_names(node) == ["tail"]
    assert rig.host.read_shapes(node, GROUP).shapes == ()


def test_without_a_node_each_writing_makes_a_new_one(rig: Rig) -> None:
    nodes = {rig.host.write_shapes(roto(rig, "ball"), GROUP) for _ in range(2)}
    assert len(nodes) == 2


@pytest.mark.parametrize("changes", [0, 1, 2])
def test_an_error_in_the_middle_of_writing_leaves_the_script_as_it_was(rig: Rig, changes: int) -> None:
    node = rig.host.write_shapes(roto(rig, "ball.1", "ball.2"), GROUP)
    before, steps = rig.script(), rig.undo_steps
    rig.fail_after(changes)
    with pytest.raises(HostError):
        rig.host.write_shapes(roto(rig, "ball.1", "ball.2", "ball.3"), GROUP, node)
    assert rig.script() == before
    assert rig.undo_steps == steps


def test_a_writing_is_one_undo_step_and_undo_restores_what_was(rig: Rig) -> None:
    node = rig.host.write_shapes(roto(rig, "ball.1", "ball.2"), GROUP)
    before, steps = rig.script(), rig.undo_steps
    rig.host.write_shapes(roto(rig, "ball.3"), GROUP, node)
    assert rig.undo_steps == steps + 1
    rig.undo()
    assert rig.script() == before
    assert_same(rig.host.read_shapes(node, GROUP), roto(rig, "ball.1", "ball.2"))


def test_several_writings_in_one_undo_step_are_taken_back_as_one(rig: Rig) -> None:
    before, steps = rig.script(), rig.undo_steps
    with rig.host.undo_step("Rotolink: write"):
        node = rig.host.write_shapes(roto(rig, "ball"), GROUP)
        rig.host.write_shapes(roto(rig, "tail"), "tail", node)
    assert rig.undo_steps == steps + 1
    rig.undo()
    assert rig.script() == before


def test_an_error_inside_an_undo_step_takes_back_what_was_done_by_then(rig: Rig) -> None:
    before, steps = rig.script(), rig.undo_steps

    def write_and_fail() -> None:
        with rig.host.undo_step("Rotolink: write"):
            rig.host.write_shapes(roto(rig, "ball"), GROUP)
            raise HostError("This is why.")

    with pytest.raises(HostError, match="This is why"):
        write_and_fail()
    assert rig.script() == before
    assert rig.undo_steps == steps


def test_what_the_artist_moved_is_read_as_it_stands_now(rig: Rig) -> None:
    wanted = roto(rig, "ball")
    node = rig.host.write_shapes(wanted, GROUP)
    rig.move_point(node, "ball", 1006, 1, (5.0, -3.0))
    (shape,) = rig.host.read_shapes(node, GROUP).shapes
    moved, was = shape.keyframes[1].points[1], wanted.shapes[0].keyframes[1].points[1]
    assert (moved.x, moved.y) == pytest.approx((was.x + 5.0, was.y - 3.0), abs=TOLERANCE_PX)
    assert shape.keyframes[0].points[1][:2] == pytest.approx(wanted.shapes[0].keyframes[0].points[1][:2], abs=0.01)


def test_a_keyframe_that_the_artist_added_is_read(rig: Rig) -> None:
    node = rig.host.write_shapes(roto(rig, "ball"), GROUP)
    rig.move_point(node, "ball", 1004, 0, (4.0, 4.0))
    (shape,) = rig.host.read_shapes(node, GROUP).shapes
    assert [key.frame for key in shape.keyframes] == [1002, 1004, 1006, 1011]


def test_a_node_that_is_gone_is_a_sentence_with_its_name(rig: Rig) -> None:
    node = rig.host.write_shapes(roto(rig, "ball"), GROUP)
    rig.delete(node)
    before = rig.script()
    with pytest.raises(HostError, match=node):
        rig.host.read_shapes(node, GROUP)
    with pytest.raises(HostError, match=node):
        rig.host.write_shapes(roto(rig, "ball"), GROUP, node)
    assert rig.script() == before


def test_a_group_that_is_not_there_reads_as_no_shapes(rig: Rig) -> None:
    node = rig.host.write_shapes(roto(rig, "ball"), GROUP)
    assert rig.host.read_shapes(node, "nothing").shapes == ()


def test_shapes_on_layers_lie_where_they_belong_where_the_host_has_layers(rig: Rig) -> None:
    if not rig.host.abilities.layers:
        pytest.skip("this host has no layers that move")
    keys = (LayerKeyframe(1002), LayerKeyframe(1011, 30.0, -8.0, rotation_deg=25.0, scale=1.3))
    layer = Layer("carrier", keys, pivot=(60.0, 60.0), interpolation=Interpolation.LINEAR)
    wanted = roto(rig, "ball")
    wanted = replace(wanted, shapes=tuple(replace(shape, layer=layer) for shape in wanted.shapes))
    node = rig.host.write_shapes(wanted, GROUP)
    for read in (rig.host.read_shapes(node, GROUP).shapes[0], None):
        for frame in range(1002, 1012):
            truth = [(point.x, point.y) for point in evaluate_on_plate(wanted.shapes[0], frame)]
            found = [(p.x, p.y) for p in evaluate_on_plate(read, frame)] if read else rig.points(node, "ball", frame)
            for place, wish in zip(found, truth):
                assert place == pytest.approx(wish, abs=0.1)


def test_a_note_is_kept_with_the_plates_node(rig: Rig) -> None:
    told = rig.host.plate()
    assert rig.host.read_note(told) == ""
    text = '{"session": "a", "name": "Bär \\\\ [x] $y"}\nsecond line'
    rig.host.write_note(told, text)
    assert rig.host.read_note(told) == text
    rig.select(replace(GIVEN, path="other/plate.####.png"))
    assert rig.host.read_note(rig.host.plate()) == "", "another node has a note of its own"
    rig.host.write_note(told, "")
    assert rig.host.read_note(told) == ""


def test_what_other_threads_hand_over_runs_later_on_the_main_thread(rig: Rig) -> None:
    ran: list[tuple[int, int]] = []

    def hand_over(number: int) -> None:
        rig.host.later(lambda: ran.append((number, threading.get_ident())))

    def from_a_thread() -> None:
        for number in range(3):
            hand_over(number)

    thread = threading.Thread(target=from_a_thread)
    thread.start()
    thread.join(5)
    assert not thread.is_alive(), "later never waits"
    hand_over(3)
    assert ran == [] or all(identity == threading.get_ident() for _, identity in ran)
    rig.run_waiting()
    assert ran == [(number, threading.get_ident()) for number in range(4)]


def test_progress_is_reported_and_can_be_asked_for_an_end(rig: Rig) -> None:
    with rig.host.progress("Rotolink: ball") as progress:
        progress.report(1, 10, "tracking")
        assert not progress.cancelled


def test_a_message_reaches_the_artist(rig: Rig) -> None:
    rig.host.message("The daemon cannot see the plate: frames are sent instead.")
    assert any("frames are sent instead" in said for said in rig.messages)
