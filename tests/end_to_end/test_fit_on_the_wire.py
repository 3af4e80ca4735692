"""What `roto fit` offers the daemon offers too: every option of a fit, and fits anew round what the artist keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from serving import FIRST, HEIGHT, LAST, WIDTH, Daemon

from roto_client.errors import BadInputError, ClientError
from roto_client.results import ExportFormat, ExportOrder, FilePart, PixelFrame, SampleType
from roto_client.session import Session, TrackedObject, connect
from roto_proto.v1 import sessions_pb2, sessions_pb2_grpc
from roto_shapes.curve import evaluate, flatten
from roto_shapes.fit_options import FitOptions
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.prompt import MaskPrompt
from roto_shapes.shape import Interpolation, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

RADIUS = 18.0
Field = NDArray[np.float64]


def thrown(frame: int) -> tuple[float, float]:
    """Return where the middle of a disc is that flies on a parabola."""
    t = frame - FIRST
    return 30.0 + 8.0 * t, 26.0 + 0.08 * t * t


def disc(frame: int, x: Field, y: Field) -> Field:
    across, down = thrown(frame)
    distance: Field = RADIUS - np.hypot(x - across, y - down)
    return distance


def spinning_bar(frame: int, x: Field, y: Field) -> Field:
    """Return the signed distance to a bar with round ends, 52 by 20 px, that turns by 8 degrees a frame."""
    turn = np.radians(8.0 * (frame - FIRST))
    x, y = x - 60 - 3 * (frame - FIRST), y - 45
    along = np.clip(x * np.cos(turn) + y * np.sin(turn), -16, 16)
    distance: Field = 10 - np.hypot(x - along * np.cos(turn), y - along * np.sin(turn))
    return distance


@pytest.fixture
def session(daemon: Daemon) -> Iterator[Session]:
    """A session whose plate nobody needs to look at: mattes are stated by masks."""
    plate = Plate(WIDTH, HEIGHT, FrameRange(FIRST, LAST))
    blank = bytes(WIDTH * HEIGHT)
    with connect(daemon.address) as far, far.open_upload(plate) as opened:
        list(opened.upload(PixelFrame(frame, blank, WIDTH, HEIGHT, 1, SampleType.U8) for frame in plate.frames))
        with opened.open_session("disc") as started:
            yield started


def stated(
    session: Session, inside: Callable[[int, Field, Field], Field], softness_px: float = 1.0, name: str = "hero"
) -> TrackedObject:
    """Return an object with a mask on every frame."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    made = session.add_object(name)
    for frame in session.plate.frames:
        coverage = np.clip(inside(frame, x, y) / softness_px + 0.5, 0, 1)
        made.mask(frame, MaskPrompt(WIDTH, HEIGHT, np.round(coverage * 255).astype(np.uint8).tobytes()))
    return made


def off_px(shape: Shape, frame: int, inside: Callable[[int, Field, Field], Field] = disc) -> float:
    """Return how far a shape lies from the truth on a frame at the worst place."""
    line = np.array(flatten(evaluate_on_plate(shape, frame), 0.02))
    return float(np.abs(inside(frame, line[:, 0], line[:, 1])).max())


def summary(session: Session, of: TrackedObject) -> dict[str, float]:
    """Return what a report sums up about an object."""
    events = session.export(ExportOrder(ExportFormat.REPORT_JSON, of.object_id))
    text = b"".join(part.data for part in events if isinstance(part, FilePart))
    found: dict[str, float] = json.loads(text)["summary"]
    return found


def worst_px(shape: Shape, frames: FrameRange) -> float:
    return max(off_px(shape, frame) for frame in frames)


def test_points_keyframes_and_interpolation_are_those_asked_for(session: Session) -> None:
    hero = stated(session, disc)
    asked = FitOptions(points=6, interpolation=Interpolation.SMOOTH, keyframes_at=(FIRST + 3,), keyframe_step=5)
    (shape,), report = hero.fit(asked)
    assert shape.point_count <= 6
    assert shape.interpolation is Interpolation.SMOOTH
    assert {FIRST, FIRST + 3, FIRST + 5, FIRST + 10} <= {key.frame for key in shape.keyframes}
    assert (report.control_points, report.keyframes) == (shape.point_count, len(shape.keyframes))
    assert max(off_px(shape, frame) for frame in session.plate.frames) < report.effective_tolerance_px + 0.2


def test_an_offset_moves_the_edge(session: Session) -> None:
    (shape,), _ = stated(session, disc).fit(FitOptions(offset_px=-3.0))
    line = np.array(flatten(evaluate(shape, FIRST), 0.02))
    assert disc(FIRST, line[:, 0], line[:, 1]) == pytest.approx(3.0, abs=0.6)


def test_a_soft_edge_becomes_a_feather_of_its_width(session: Session) -> None:
    hero = stated(session, disc, softness_px=8.0)
    (shape,), _ = hero.fit(FitOptions(feather=True))
    widths = [np.hypot(*point.feather) for point in shape.keyframes[0].points if point.feather]
    assert len(widths) == shape.point_count
    assert np.mean(widths) == pytest.approx(8, abs=1.5)
    assert summary(session, hero)["mean_px"] < 0.5, "a report measures the line of the edge, not where points stand"


def test_a_threshold_says_where_the_edge_is(session: Session) -> None:
    (shape,), _ = stated(session, disc, softness_px=8.0).fit(FitOptions(threshold=0.25))
    line = np.array(flatten(evaluate(shape, FIRST), 0.02))
    assert disc(FIRST, line[:, 0], line[:, 1]) == pytest.approx(-2.0, abs=0.6)


def test_layers_come_to_who_asks_for_them_and_keys_are_counted_both_ways(session: Session, daemon: Daemon) -> None:
    (shape,), report = stated(session, spinning_bar).fit(FitOptions(layers=True))
    assert shape.layer is not None
    assert report.layer_keyframes == len(shape.layer.keyframes)
    assert report.keyframes == len(shape.keyframes) < report.baked_keyframes
    assert session.shapes().shapes == (shape,)
    assert max(off_px(shape, frame, spinning_bar) for frame in session.plate.frames) < 0.7
    with grpc.insecure_channel(daemon.address) as channel:
        stub = sessions_pb2_grpc.SessionServiceStub(channel)
        answer = stub.GetShapes(sessions_pb2.GetShapesRequest(session_id=session.session_id), timeout=10)
    assert not answer.shapes[0].HasField("layer")
    assert len(answer.shapes[0].keyframes) == report.baked_keyframes


def moved(key: ShapeKeyframe, by: float) -> ShapeKeyframe:
    """Return a keyframe with its first two points pulled down."""
    points = [point._replace(y=point.y + by) if number < 2 else point for number, point in enumerate(key.points)]
    return replace(key, points=tuple(points))


def test_a_fit_anew_keeps_locked_keyframes_and_mends_what_lies_round_an_edit(session: Session) -> None:
    hero = stated(session, disc)
    (before,), _ = hero.fit(FitOptions(keyframes_at=(FIRST + 4, FIRST + 8)))
    edited, locked = FIRST + 4, {FIRST, FIRST + 8}
    keys = [moved(key, 4.0) if key.frame == edited else key for key in before.keyframes]
    given = replace(before, keyframes=tuple(replace(key, locked=key.frame in locked) for key in keys))
    hero.set_shapes([given])
    assert off_px(given, edited + 1) > 1.5

    (after,), report = hero.fit(FitOptions(), edited=[edited])
    found, wanted = ({key.frame: key for key in shape.keyframes} for shape in (after, given))
    for frame in {*locked, edited, *(frame for frame in wanted if frame > FIRST + 8)}:
        assert found[frame] == wanted[frame], "bit for bit"
    assert (after.name, after.lifetime, after.point_count) == (before.name, before.lifetime, before.point_count)
    free = [frame for frame in session.plate.frames if frame != edited]
    assert max(off_px(after, frame) for frame in free) < report.effective_tolerance_px + 0.2
    assert session.shapes().shapes == (after,)


def test_locked_keyframes_are_kept_without_a_word_about_edits(session: Session) -> None:
    hero = stated(session, disc)
    (before,), _ = hero.fit(FitOptions(keyframes_at=(FIRST + 5,)))
    given = replace(
        before,
        keyframes=tuple(
            replace(moved(key, 6.0), locked=True) if key.frame == FIRST + 5 else key for key in before.keyframes
        ),
    )
    hero.set_shapes([given])
    (after,), _ = hero.fit()
    found, wanted = ({key.frame: key for key in shape.keyframes} for shape in (after, given))
    assert found[FIRST + 5] == wanted[FIRST + 5]
    assert off_px(after, FIRST + 4) < 1.5, "the frames beside a locked keyframe follow the mattes"
    with pytest.raises(BadInputError, match="keep their control points"):
        hero.fit(FitOptions(points=8))
    assert session.shapes().shapes == (after,), "a fit that is refused changes nothing"
    with pytest.raises(BadInputError, match="do without parts"):
        hero.fit(FitOptions(parts=3))
    hero.set_shapes([])
    (fresh,), _ = hero.fit()
    assert not any(key.locked for key in fresh.keyframes)


def test_a_report_measures_what_the_artist_gave_and_tells_of_one_object(session: Session) -> None:
    hero, other = stated(session, disc), session.add_object("other")
    (fitted,), _ = hero.fit(FitOptions())
    bent = replace(fitted, keyframes=tuple(moved(key, 5.0) for key in fitted.keyframes))
    order = ExportOrder(ExportFormat.REPORT_JSON)
    assert summary(session, hero)["max_px"] == pytest.approx(worst_px(fitted, session.plate.frames), abs=0.3)
    hero.set_shapes([bent])
    assert summary(session, hero)["max_px"] == pytest.approx(worst_px(bent, session.plate.frames), abs=0.3)
    with pytest.raises(BadInputError, match="one object"):
        list(session.export(order))
    with pytest.raises(ClientError, match="no shapes to report on"):
        other.mask(FIRST, MaskPrompt(WIDTH, HEIGHT, bytes([255]) * WIDTH * HEIGHT))
        list(session.export(replace(order, object_id=other.object_id)))


def test_shapes_go_on_behind_objects_that_stand_in_front(session: Session) -> None:
    def post(frame: int, x: Field, y: Field) -> Field:
        del frame, y
        return 7 - np.abs(x - 80)

    def seen(frame: int, x: Field, y: Field) -> Field:
        return np.minimum(disc(frame, x, y), -post(frame, x, y))

    hero, before = stated(session, seen), stated(session, post, name="post")
    (behind,), _ = hero.fit(in_front=[before])
    assert worst_px(behind, session.plate.frames) < 3
    assert summary(session, hero)["max_px"] < 3, "what lies behind is no error"
    alone, _ = hero.fit()
    assert len(alone) > 1 or worst_px(alone[0], session.plate.frames) > 5
    with pytest.raises(ClientError, match="in front of itself"):
        hero.fit(in_front=[hero])


def test_what_no_fit_can_do_is_refused_with_a_sentence(session: Session, daemon: Daemon) -> None:
    hero = stated(session, disc)
    with pytest.raises(BadInputError, match="no shape has a keyframe on frame 1003"):
        hero.fit(edited=[FIRST + 2])
    with grpc.insecure_channel(daemon.address) as channel:
        stub = sessions_pb2_grpc.SessionServiceStub(channel)
        request = sessions_pb2.FitShapesRequest(session_id=session.session_id, object_id=hero.object_id, points=3)
        with pytest.raises(grpc.RpcError) as refused:
            list(stub.FitShapes(request, timeout=20))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "3 points are too few" in str(refused.value.details())
