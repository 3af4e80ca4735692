"""What a death, a hang or a cancel costs, with real processes and real kills."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from serving import FIRST, LAST, Daemon, centre, program

from roto_client.errors import BadInputError, BusyError, DaemonUnreachableError, WorkFailedError
from roto_client.results import Direction, ExportFormat, ExportOrder, FrameDone, Matte
from roto_client.session import Daemon as FarDaemon
from roto_client.session import Session, TrackedObject, connect
from roto_shapes.shot import FrameRange


@contextlib.contextmanager
def clicked(far: FarDaemon, plate: str, engine: str = "faulty") -> Iterator[tuple[Session, TrackedObject]]:
    """Give a session with a disc that was clicked on its first frame."""
    with far.open_plate(plate) as opened, opened.open_session(engine) as session:
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        yield session, disc


def mattes(disc: TrackedObject) -> dict[int, tuple[object, ...]]:
    return {each.frame: (each.box, each.bits, each.samples) for each in disc.mattes()}


def frames_done(disc: TrackedObject, direction: Direction = Direction.FORWARD) -> list[int]:
    return [event.frame for event in disc.track(direction=direction) if isinstance(event, FrameDone)]


def test_a_worker_killed_while_it_propagates_answers_with_an_error_and_is_replaced(
    own_daemon: Daemon, plate: str
) -> None:
    with connect(own_daemon.address) as far, clicked(far, plate) as (_, disc):
        undisturbed = (frames_done(disc), mattes(disc))[1]
        own_daemon.fault.write_text(f"hold {FIRST + 5}")
        before = own_daemon.worker_pids
        with pytest.raises(WorkFailedError, match="ask again"):
            for event in disc.track(direction=Direction.FORWARD):
                if isinstance(event, FrameDone) and event.frame == FIRST + 3:
                    os.kill(before[0], signal.SIGKILL)
        own_daemon.fault.unlink()
        assert frames_done(disc) == list(FrameRange(FIRST, LAST))
        assert mattes(disc) == undisturbed
        assert own_daemon.worker_pids != before
        disc.click(LAST, *centre(LAST))


def test_the_session_outlives_its_worker_between_calls(own_daemon: Daemon, plate: str) -> None:
    with connect(own_daemon.address) as far, clicked(far, plate) as (session, disc):
        frames_done(disc)
        for pid in own_daemon.worker_pids:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        assert len(mattes(disc)) == LAST - FIRST + 1
        disc.click(FIRST + 2, *centre(FIRST + 2))
        shapes, _ = disc.fit()
        assert [shape.name for shape in shapes] == ["disc"]
        assert session.shapes().shapes == shapes


def test_ending_a_run_cancels_it_and_leaves_the_worker_and_what_was_done(own_daemon: Daemon, plate: str) -> None:
    with connect(own_daemon.address) as far, clicked(far, plate) as (_, disc):
        own_daemon.fault.write_text(f"hold {FIRST + 3}")
        before = own_daemon.worker_pids
        with contextlib.closing(disc.track(direction=Direction.FORWARD)) as run:
            for event in run:
                if isinstance(event, FrameDone) and event.frame == FIRST + 2:
                    break
        own_daemon.fault.write_text("slow 0.5")
        while True:  # the cancel is seen when the frame in flight is done
            with contextlib.suppress(BusyError):
                disc.click(FIRST + 1, *centre(FIRST + 1))
                break
            time.sleep(0.05)
        done = mattes(disc)
        assert {FIRST, FIRST + 1, FIRST + 2} <= set(done)
        assert LAST not in done
        assert own_daemon.worker_pids == before


def test_an_object_does_one_thing_at_a_time_and_others_go_on(own_daemon: Daemon, plate: str) -> None:
    with connect(own_daemon.address) as far, clicked(far, plate) as (session, disc):
        own_daemon.fault.write_text("slow 0.5")
        run = disc.track(direction=Direction.FORWARD)
        next(run)
        with pytest.raises(BusyError, match="'disc' is busy"):
            disc.click(LAST, *centre(LAST))
        session.add_object("other").click(LAST, *centre(LAST))
        assert LAST not in mattes(disc)
        run.close()


def test_a_daemon_that_dies_is_named_as_gone_and_leaves_no_worker(own_daemon: Daemon, plate: str) -> None:
    with connect(own_daemon.address, patience_s=0) as far:
        with clicked(far, plate) as (_, disc):
            workers = own_daemon.worker_pids
            own_daemon.process.kill()
            own_daemon.process.wait()
            with pytest.raises(DaemonUnreachableError):
                disc.click(FIRST, *centre(FIRST))
        psutil.wait_procs([psutil.Process(pid) for pid in workers if psutil.pid_exists(pid)], timeout=10)
        assert not any(psutil.pid_exists(pid) for pid in workers)


def test_previews_take_the_frames_that_the_engine_has_decoded(own_daemon: Daemon, plate: str, tmp_path: Path) -> None:
    files = [tmp_path / Path(plate).name.replace("####", str(frame)) for frame in range(FIRST, LAST + 1)]
    for file in files:
        shutil.copy(Path(plate).with_name(file.name), file)
    with connect(own_daemon.address) as far, clicked(far, str(tmp_path / Path(plate).name)) as (session, disc):
        frames_done(disc)
        for file in files[1:]:  # cannot be decoded any more, and nothing tells that it is another
            facts = file.stat()
            file.write_bytes(b"x" * facts.st_size)
            os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        disc.fit()
        session.export_to(str(tmp_path / "p.mp4"), ExportOrder(ExportFormat.PREVIEW_MP4))
    assert len(list(own_daemon.state.rglob("frames/*.npy"))) == len(files)


def test_a_daemon_asked_to_stop_stops_and_leaves_nothing_behind_but_its_sessions(
    own_daemon: Daemon, plate: str
) -> None:
    with connect(own_daemon.address) as far, clicked(far, plate) as (_, disc):
        frames_done(disc)
        workers = own_daemon.worker_pids
        assert list((own_daemon.state / "run").iterdir())
        assert own_daemon.stop() == 0
    assert {each.name for each in own_daemon.state.iterdir()} == {"lock", "sessions", "sessions.db"}
    assert not any(psutil.pid_exists(pid) for pid in workers)


def test_a_client_that_is_killed_frees_its_object(own_daemon: Daemon, plate: str, tmp_path: Path) -> None:
    own_daemon.fault.write_text("slow 0.5")
    x, y = centre(FIRST)
    command = [
        program("roto"), "track", plate, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "faulty",
        "--daemon", own_daemon.address, "--out", str(tmp_path / "a.json"),
    ]  # fmt: skip
    client = subprocess.Popen(command)
    while not list(own_daemon.state.rglob(f"{FIRST + 2}.matte")):
        assert client.poll() is None
        time.sleep(0.02)
    client.kill()
    client.wait()
    before, done = 0, 1
    while done > before:  # until nothing comes for three times as long as a frame takes
        time.sleep(1.5)
        before, done = done, len(list(own_daemon.state.rglob("*.matte")))
    own_daemon.fault.unlink()
    assert done < LAST - FIRST + 1
    assert not (tmp_path / "a.json").exists()
    with connect(own_daemon.address) as far, clicked(far, plate) as (_, disc):
        assert len(frames_done(disc)) == LAST - FIRST + 1


def test_a_refused_prompt_changes_nothing(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as far, clicked(far, plate, "disc") as (session, disc):
        before = mattes(disc)
        with pytest.raises(BadInputError, match="lies outside the plate"):
            disc.click(FIRST, 4000, 3)
        nothing = session.add_object("nothing")
        with pytest.raises(BadInputError):
            nothing.click(FIRST, *centre(FIRST), foreground=False)
        assert mattes(disc) == before
        assert mattes(nothing) == {}
        assert nothing.click(FIRST, *centre(FIRST)) is not None


def test_runs_backward_and_with_mattes_send_every_frame(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        disc = session.add_object("disc")
        disc.click(LAST, *centre(LAST))
        events = list(disc.track(FrameRange(FIRST, LAST), Direction.BACKWARD, mattes=True))
        assert [each.frame for each in events if isinstance(each, FrameDone)] == list(range(LAST, FIRST - 1, -1))
        sent = [each for each in events if isinstance(each, Matte)]
        assert [each.frame for each in sent] == list(range(LAST, FIRST - 1, -1))
        assert all(len(each.coverage8()) == opened.plate.width * opened.plate.height for each in sent)


def test_a_file_export_of_an_object_without_mattes_is_refused(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        session.add_object("disc")
        with pytest.raises(BusyError, match="track it first"):
            list(session.export(ExportOrder(ExportFormat.MATTE_EXR)))
