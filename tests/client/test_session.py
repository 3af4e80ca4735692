"""The interface for plugins and scripts: objects keep what was pointed at, and everything is closed again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from stand_in_daemon import Refusal, StandInDaemon

from roto_client.errors import BadInputError, OutputFileError, WorkFailedError
from roto_client.results import (
    Direction,
    ExportFormat,
    ExportOrder,
    FileFrame,
    FoundObject,
    FrameDone,
    Matte,
    Progress,
)
from roto_client.session import Daemon, OpenPlate, Session, TrackedObject, connect
from roto_proto.v1 import sessions_pb2
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint
from roto_shapes.shot import FrameRange, Plate

FORWARD, BACKWARD = sessions_pb2.DIRECTION_FORWARD, sessions_pb2.DIRECTION_BACKWARD
MASK = MaskPrompt(64, 48, bytes(64 * 47) + b"\xff" * 64)


@pytest.fixture
def plate(daemon: Daemon) -> OpenPlate:
    return daemon.open_plate("plate.####.png")


@pytest.fixture
def session(plate: OpenPlate) -> Session:
    return plate.open_session()


@pytest.fixture
def ball(session: Session) -> TrackedObject:
    return session.add_object("ball")


def test_the_whole_way_is_a_few_lines(stand_in: StandInDaemon) -> None:
    with connect(stand_in.address) as daemon, daemon.open_plate("p.####.png") as plate, plate.open_session() as session:
        ball = session.add_object("ball")
        ball.click(1005, 30.5, 20.5)
        frames = {event.frame for event in ball.track() if isinstance(event, FrameDone)}
        shapes, report = ball.fit()
        assert session.shapes().shapes == shapes
    assert frames == set(range(1001, 1011))
    assert (daemon.address, session.engine, report.shapes) == (stand_in.address, "disc", 1)
    assert stand_in.calls[-2:] == ["CloseSession", "ClosePlate"]


def test_a_round_trip_is_measured(daemon: Daemon) -> None:
    assert 0 < daemon.round_trip_s() < 1
    assert daemon.info.daemon_id == "stand-in"
    assert [engine.name for engine in daemon.engines()] == ["disc", "big"]


def test_words_become_boxes_to_point_at(plate: OpenPlate, ball: TrackedObject, stand_in: StandInDaemon) -> None:
    found = plate.find_objects(1003, "disc")
    assert found == (
        FoundObject(BoxPrompt(10, 8, 22, 20), 0.75, "disc"),
        FoundObject(BoxPrompt(40, 8, 52, 20), 0.5, "disc"),
    )
    ball.point_at(Prompt(1003, box=found[1].box))
    assert stand_in.prompts[1003].box == found[1].box


def test_a_frame_is_looked_at_in_the_size_that_is_asked_for(plate: OpenPlate) -> None:
    assert plate.picture(1003, 640) == b"picture 1003 at 640"


def test_words_that_find_nothing_are_a_sentence(plate: OpenPlate, stand_in: StandInDaemon) -> None:
    stand_in.refusals["FindObjects"] = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT, "'unicorn' finds nothing.", "PromptError"
    )
    with pytest.raises(BadInputError, match="'unicorn' finds nothing"):
        plate.find_objects(1003, "unicorn")


def test_each_click_sends_the_whole_prompt_of_its_frame(ball: TrackedObject, stand_in: StandInDaemon) -> None:
    ball.click(1001, 30, 20)
    ball.click(1001, 5, 6, foreground=False)
    ball.box(1001, 1, 2, 40, 30)
    ball.click(1003, 31, 21)
    matte = ball.mask(1001, MASK)
    sent = stand_in.prompts[1001]
    assert sent.points == (PointPrompt(30, 20), PointPrompt(5, 6, foreground=False))
    assert sent.box is not None
    assert sent.mask == MASK
    assert [prompt.frame for prompt in ball.prompts] == [1001, 1003]
    assert ball.prompts[0] == sent
    assert matte is not None
    assert matte.frame == 1001


def test_an_outline_takes_the_place_of_a_mask(ball: TrackedObject, stand_in: StandInDaemon) -> None:
    outline = [ControlPoint(1, 1), ControlPoint(9, 1), ControlPoint(5, 8)]
    ball.mask(1001, MASK)
    ball.outline(1001, outline)
    assert (stand_in.prompts[1001].mask, stand_in.prompts[1001].outline) == (None, tuple(outline))


def test_a_cleared_frame_is_forgotten(ball: TrackedObject, stand_in: StandInDaemon) -> None:
    ball.click(1001, 30, 20)
    ball.clear(1001)
    assert ball.prompts == ()
    assert stand_in.prompts[1001].is_empty


def test_a_click_that_the_daemon_refuses_is_not_kept(ball: TrackedObject, stand_in: StandInDaemon) -> None:
    ball.click(1001, 30, 20)
    stand_in.refusals["SetPrompt"] = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "Beside the plate.", "PromptError")
    with pytest.raises(BadInputError, match="Beside the plate"):
        ball.click(1001, 3000, 20)
    assert ball.prompts == (Prompt(1001, (PointPrompt(30, 20),)),)


@pytest.mark.parametrize(
    ("clicked", "wanted", "expected"),
    [
        ([1001], None, [(FrameRange(1001, 1010), FORWARD)]),
        ([1004, 1008], None, [(FrameRange(1004, 1010), FORWARD), (FrameRange(1001, 1003), BACKWARD)]),
        ([1010], None, [(FrameRange(1010, 1010), FORWARD), (FrameRange(1001, 1009), BACKWARD)]),
        ([1002], FrameRange(1004, 1006), [(FrameRange(1004, 1006), FORWARD)]),
        ([1008], FrameRange(1004, 1006), [(FrameRange(1004, 1006), BACKWARD)]),
    ],
)
def test_an_object_is_followed_both_ways_from_the_earliest_prompt(
    clicked: list[int],
    wanted: FrameRange | None,
    expected: list[tuple[FrameRange, int]],
    ball: TrackedObject,
    stand_in: StandInDaemon,
) -> None:
    for frame in clicked:
        ball.click(frame, 30, 20)
    events = list(ball.track(wanted))
    assert stand_in.runs == expected
    total = sum(len(frames) for frames, _ in expected)
    told = [(event.done, event.total) for event in events if isinstance(event, Progress)]
    assert told == [(done, total) for done in range(1, total + 1)]


def test_a_direction_can_be_asked_for(ball: TrackedObject, stand_in: StandInDaemon) -> None:
    events = list(ball.track(FrameRange(1002, 1003), Direction.BACKWARD, mattes=True))
    assert stand_in.runs == [(FrameRange(1002, 1003), BACKWARD)]
    assert [event.frame for event in events if isinstance(event, Matte)] == [1003, 1002]
    assert [matte.frame for matte in ball.mattes()] == [1002, 1003]


def test_an_object_without_a_prompt_cannot_be_followed(ball: TrackedObject) -> None:
    with pytest.raises(BadInputError, match="Point at 'ball' on some frame first"):
        list(ball.track())


def test_a_fit_tells_how_far_it_is(ball: TrackedObject) -> None:
    told: list[Progress] = []
    fitted = ball.fit(FitOptions(tolerance_px=3.0), on_progress=told.append)
    assert told == [Progress(1, 2, "fitting")]
    assert fitted.report.effective_tolerance_px == 3.0
    ball.set_shapes(fitted.shapes)
    ball.remove()
    assert ball.prompts == ()


def test_mattes_are_written_one_file_a_frame(session: Session, tmp_path: Path) -> None:
    told: list[Progress] = []
    order = ExportOrder(ExportFormat.MATTE_EXR, 1, FrameRange(1001, 1003))
    files = session.export_to(str(tmp_path / "new" / "matte.####.exr"), order, told.append)
    assert [file.name for file in files] == ["matte.1001.exr", "matte.1002.exr", "matte.1003.exr"]
    assert sorted((tmp_path / "new").iterdir()) == files
    assert files[1].read_bytes() == b"first 1002"
    assert [progress.done for progress in told] == [1, 2, 3]


def test_a_picture_is_written_to_its_file(session: Session, tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    order = ExportOrder(ExportFormat.CONTACT_SHEET_PNG, credit="by us")
    assert session.export_to(str(target), order) == [target]
    assert target.read_bytes() == b"first by us"


def test_an_export_that_breaks_off_leaves_the_old_file(
    session: Session, stand_in: StandInDaemon, tmp_path: Path
) -> None:
    target = tmp_path / "sheet.png"
    target.write_bytes(b"old")
    stand_in.incomplete_file = True
    with pytest.raises(WorkFailedError, match="in the middle of a file"):
        session.export_to(str(target), ExportOrder(ExportFormat.CONTACT_SHEET_PNG))
    assert [(file, file.read_bytes()) for file in tmp_path.iterdir()] == [(target, b"old")]


def test_a_file_that_cannot_be_written_is_named(session: Session, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    target = tmp_path / "file" / "sheet.png"
    with pytest.raises(OutputFileError, match=r"sheet\.png' cannot be written"):
        session.export_to(str(target), ExportOrder(ExportFormat.CONTACT_SHEET_PNG))


def test_a_client_uploads_what_the_daemon_cannot_read(daemon: Daemon, stand_in: StandInDaemon) -> None:
    facts = Plate(8, 4, FrameRange(1, 2), "comp")
    with daemon.open_upload(facts) as plate:
        assert plate.plate == facts
        assert list(plate.upload([FileFrame(1, "a.png", b"1"), FileFrame(2, "a.png", b"2")])) == [1, 2]
    assert set(stand_in.frames) == {1, 2}
    assert stand_in.plates == {}


def test_closing_a_daemon_closes_what_was_opened_and_never_fails(stand_in: StandInDaemon) -> None:
    daemon = connect(stand_in.address)
    daemon.open_plate("p").open_session("big")
    stand_in.refusals["CloseSession"] = Refusal(grpc.StatusCode.NOT_FOUND, name="UnknownError")
    daemon.close()
    daemon.close()
    assert stand_in.calls[-2:] == ["CloseSession", "ClosePlate"]


def test_an_error_inside_closes_as_well(stand_in: StandInDaemon) -> None:
    def fail(plates: Iterator[OpenPlate]) -> None:
        next(plates).open_session()
        raise RuntimeError("the host failed")

    with pytest.raises(RuntimeError, match="the host failed"), connect(stand_in.address) as daemon:
        fail(iter([daemon.open_plate("p")]))
    assert not stand_in.sessions
    assert not stand_in.plates


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_programs_that_a_host_starts_while_it_talks_to_the_daemon_live(stand_in: StandInDaemon) -> None:
    host = Path(__file__).parent / "standins" / "starting_programs.py"
    done = subprocess.run(
        [sys.executable, host, stand_in.address],
        env={name: value for name, value in os.environ.items() if not name.startswith("GRPC_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[0]\n", "")
