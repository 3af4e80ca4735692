"""Sessions outlive the daemon: real processes, real kills. Numbers in names are those of the fault matrix.

`TEST_KILLS=50` kills at so many random points; without it there are few.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from serving import FIRST, LAST, Daemon, Roto, centre, picture, program, serving

from roto_client.errors import (
    BadInputError,
    BusyError,
    ChangedElsewhereError,
    ClientError,
    DaemonUnreachableError,
    OutputFileError,
)
from roto_client.results import Direction, FrameDone, PixelFrame, SampleType
from roto_client.session import Session, TrackedObject, connect
from roto_shapes.prompt import MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import Shape
from roto_shapes.shot import FrameRange, Plate

KILLS = int(os.environ.get("TEST_KILLS", "2"))

Drawn = dict[str, tuple[list[Prompt], list[object], list[Shape]]]


def seen(target: TrackedObject) -> list[object]:
    """All mattes of an object."""
    return [(each.frame, each.box, each.bits, each.samples, each.confidence) for each in target.mattes()]


def state_of(session: Session) -> Drawn:
    """All that can be seen of a session."""
    return {
        each.name: (
            sorted(each.prompts, key=lambda prompt: prompt.frame),
            seen(each),
            [shape for shape in session.shapes().shapes if shape.name.startswith(each.name)],
        )
        for each in session.objects
    }


def worked_on(session: Session) -> TrackedObject:
    """Click, track, fit and edit a disc, and paint another object."""
    disc = session.add_object("disc")
    disc.click(FIRST, *centre(FIRST))
    disc.click(FIRST + 3, *centre(FIRST + 3), foreground=True)
    list(disc.track())
    shapes, _ = disc.fit()
    disc.set_shapes([locked(shape) for shape in shapes])
    painted = session.add_object("painted")
    painted.mask(LAST, MaskPrompt(160, 90, bytes(range(160)) * 90))
    return disc


def locked(shape: Shape) -> Shape:
    return replace(shape, keyframes=tuple(replace(key, locked=True) for key in shape.keyframes))


def require_sound(state: Path) -> None:
    """The record is whole and no file is half of one."""
    with contextlib.closing(sqlite3.connect(state / "sessions.db")) as record:
        assert record.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert record.execute("PRAGMA foreign_key_check").fetchall() == []
    left = [file for file in (state / "sessions").rglob("*") if ".part" in file.name or ".before" in file.name]
    assert left == []


@pytest.fixture(scope="module")
def one_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with serving(tmp_path_factory.mktemp("mortal")) as running:
        yield running


@pytest.fixture
def mortal(one_daemon: Daemon) -> Daemon:
    """A daemon that a test may kill, without sessions."""
    if one_daemon.process.poll() is not None:
        one_daemon.start_again()
    one_daemon.fault.unlink(missing_ok=True)
    with connect(one_daemon.address) as far:
        for each in far.sessions(""):
            far.attach(each.session_id).discard()
    return one_daemon


@pytest.fixture
def undisturbed(daemon: Daemon, plate: str) -> Iterator[Drawn]:
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        worked_on(session)
        yield state_of(session)


def test_4_a_daemon_killed_between_calls_has_all_that_it_answered(
    mortal: Daemon, plate: str, undisturbed: Drawn
) -> None:
    with connect(mortal.address) as far, far.open_plate(plate) as opened:
        session = opened.open_session("disc", name="shot 12", keep=True)
        worked_on(session)
        mortal.kill()
        mortal.start_again()
        assert state_of(session) == undisturbed  # the client that was there goes on by itself
    with connect(mortal.address) as far:
        (told,) = far.sessions()
        assert (told.name, told.engine, told.objects) == ("shot 12", "disc", ("disc", "painted"))
        assert far.sessions("somebody else") == ()
        attached = far.attach(told.session_id)
        assert state_of(attached) == undisturbed
        disc, painted = attached.objects
        assert [done.frame for done in disc.tracked] == list(range(FIRST, LAST + 1))
        assert all(key.locked for shape in disc.shapes for key in shape.keyframes)
        assert painted.prompts[0].mask
        disc.click(LAST, *centre(LAST))
        attached.discard()
        assert far.sessions() == ()
    require_sound(mortal.state)


@pytest.mark.parametrize(("way", "end"), [("gRPC", Daemon.kill), ("HTTP", Daemon.stop)])
def test_4_a_daemon_that_ends_while_it_tracks_costs_the_frame_in_flight(
    mortal: Daemon, plate: str, undisturbed: Drawn, way: str, end: Callable[[Daemon], object]
) -> None:
    with (
        connect(mortal.address if way == "gRPC" else mortal.http, prefer=way, patience_s=60) as far,
        far.open_plate(plate) as opened,
        opened.open_session("faulty") as session,
    ):
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        disc.click(FIRST + 3, *centre(FIRST + 3))
        mortal.fault.write_text("slow 0.05" if end is Daemon.kill else "slow 0.5")
        back: list[threading.Thread] = []
        told: list[int] = []
        for event in disc.track(mattes=True):
            if isinstance(event, FrameDone):
                told.append(event.frame)
                if event.frame == FIRST + 5 and not back:
                    end(mortal)
                    back.append(threading.Thread(target=mortal.start_again))
                    back[0].start()
        back[0].join()
        assert told == list(range(FIRST, LAST + 1))
        mortal.fault.unlink()
        assert seen(disc) == undisturbed["disc"][1]
        assert list(disc.track(FrameRange(FIRST, FIRST + 2), Direction.BACKWARD))
    require_sound(mortal.state)


def test_4_killed_at_random_points_nothing_answered_is_lost_and_nothing_half_done_is_seen(
    mortal: Daemon, plate: str
) -> None:
    rng = random.Random(7)  # noqa: S311 - it chooses when to kill
    with connect(mortal.address, patience_s=0) as far, far.open_plate(plate) as opened:
        session = opened.open_session("disc", keep=True)
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        drawn, _ = disc.fit()
    for _ in range(KILLS):
        with connect(mortal.address, patience_s=0) as far:
            session = far.attach(session.session_id)
            (disc,) = session.objects
            answered, asked, told = changed_until_killed(mortal, disc, drawn, rng)
        mortal.start_again()
        with connect(mortal.address) as far:
            session = far.attach(session.session_id)
            (disc,) = session.objects
            prompts, shapes = {prompt.frame: prompt for prompt in disc.prompts}, disc.shapes
            assert (prompts, shapes) in (answered, asked)
            assert told <= {each.frame for each in disc.mattes()}
            for frame, prompt in prompts.items():  # what is seen of a frame is what its prompt makes
                (there,) = disc.mattes(FrameRange(frame, frame))
                disc.clear(frame)
                again = disc.point_at(prompt)
                assert again
                assert (again.box, again.samples) == (there.box, there.samples)
        require_sound(mortal.state)


def changed_until_killed(
    daemon: Daemon, disc: TrackedObject, drawn: tuple[Shape, ...], rng: random.Random
) -> tuple[object, object, set[int]]:
    """Click, draw and track without end while somebody kills the daemon.

    Returns the prompts and shapes answered, those asked for last, and the frames told of as tracked.
    """
    killer = threading.Timer(rng.uniform(0.02, 0.4), daemon.kill)
    killer.start()
    prompts, shapes = {prompt.frame: prompt for prompt in disc.prompts}, disc.shapes
    answered = asked = (dict(prompts), shapes)
    told: set[int] = set()
    with contextlib.suppress(DaemonUnreachableError):
        while True:
            frame = rng.randrange(FIRST, LAST + 1)
            x, y = centre(frame)
            # The second point paints a dot in the corner: each prompt makes another matte.
            prompt = Prompt(frame, (PointPrompt(x, y), PointPrompt(rng.randrange(5, 155), rng.randrange(5, 85))))
            asked = ({**prompts, frame: prompt}, shapes)
            disc.point_at(prompt)
            prompts[frame] = prompt
            answered = asked
            moved = tuple(replace(shape, colour=(rng.random(), 0.5, 0.5)) for shape in drawn)
            asked = (dict(prompts), moved)
            disc.set_shapes(moved)
            shapes = moved
            answered = asked
            for event in disc.track(direction=rng.choice(list(Direction))):
                if isinstance(event, FrameDone):
                    told.add(event.frame)
    killer.join()
    return answered, asked, told


def test_steps_are_taken_back_and_done_again_after_a_restart(mortal: Daemon, plate: str) -> None:
    with connect(mortal.address) as far, far.open_plate(plate) as opened:
        session = opened.open_session("disc", keep=True)
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        once = disc.prompts
        disc.click(FIRST, 5, 5)
        twice = disc.prompts
        (dotted,) = disc.mattes()
        shapes, _ = disc.fit()
        mortal.kill()
        mortal.start_again()
    with connect(mortal.address) as far:
        session = far.attach(session.session_id)
        (disc,) = session.objects
        assert disc.shapes == shapes
        step = session.undo()
        assert step
        assert (step.shapes, disc.shapes, session.shapes().shapes) == ((), (), ())
        assert session.undo(disc)
        assert disc.prompts == once
        (plain,) = disc.mattes()
        assert plain.samples != dotted.samples
        assert session.redo()
        assert disc.prompts == twice
        (again,) = disc.mattes()
        assert (again.box, again.samples) == (dotted.box, dotted.samples)
        assert session.redo()
        assert session.shapes().shapes == disc.shapes == shapes
        assert session.redo() is None
        for _ in range(3):
            assert session.undo()
        assert session.undo() is None
        assert disc.prompts == ()
        disc.click(FIRST, *centre(FIRST))  # something new: what was undone is gone
        assert session.redo(disc) is None
        session.discard()


def test_two_artists_see_each_other_and_overwrite_nothing(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as mine, connect(daemon.address) as theirs, mine.open_plate(plate) as opened:
        session = opened.open_session("disc")
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        other = theirs.attach(session.session_id)
        (same,) = other.objects
        assert same.prompts == disc.prompts
        with contextlib.closing(session.watch()) as changes:
            before = next(changes)
            same.click(FIRST, 5, 5)
            after = next(changes)
        assert after.revision > before.revision
        assert after.objects[disc.object_id].revision == after.revision
        shapes, _ = same.fit()
        with pytest.raises(ChangedElsewhereError, match="'disc' were changed by somebody else"):
            disc.set_shapes([])
        with pytest.raises(ChangedElsewhereError, match=f"prompts on frame {FIRST}"):
            disc.click(FIRST, 150, 80)
        with pytest.raises(ChangedElsewhereError):
            disc.fit()
        disc.click(FIRST + 1, *centre(FIRST + 1))  # nobody else was there
        session.refresh()
        assert (disc.prompts[0], disc.shapes) == (same.prompts[0], shapes)
        disc.set_shapes([])
        assert session.shapes().shapes == ()
        session.close()


def test_who_watches_goes_on_when_the_daemon_was_started_again(mortal: Daemon, plate: str) -> None:
    with connect(mortal.address, patience_s=60) as far, far.open_plate(plate) as opened:
        session = opened.open_session("disc", keep=True)
        disc = session.add_object("disc")
        seen: queue.SimpleQueue[int] = queue.SimpleQueue()

        def watch() -> None:
            with pytest.raises(BadInputError, match="was closed"):
                for each in session.watch():
                    seen.put(each.revision)

        watcher = threading.Thread(target=watch)
        watcher.start()
        before = seen.get(timeout=20)
        assert mortal.stop() == 0
        mortal.start_again()
        assert seen.get(timeout=20) == before
        disc.click(FIRST, *centre(FIRST))
        assert seen.get(timeout=20) > before
        far.attach(session.session_id).discard()
        watcher.join(20)
        assert not watcher.is_alive()


def test_an_object_that_is_there_comes_with_what_it_has(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        with connect(daemon.address) as other:
            same = other.attach(session.session_id).add_object("disc")
            assert (same.object_id, same.prompts) == (disc.object_id, disc.prompts)


def test_uploaded_frames_outlive_the_daemon(mortal: Daemon) -> None:
    with connect(mortal.address) as far, far.open_upload(Plate(160, 90, FrameRange(FIRST, LAST))) as opened:
        frames = [PixelFrame(f, picture(f).tobytes(), 160, 90, 3, SampleType.U8) for f in range(FIRST, LAST + 1)]
        list(opened.upload(frames))
        session = opened.open_session("disc", keep=True)
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        mortal.kill()
        mortal.start_again()
        assert len([event for event in disc.track() if isinstance(event, FrameDone)]) == LAST - FIRST + 1
        assert session.open_plate.plate == opened.plate
        session.discard()
    assert list((mortal.state / "plates").iterdir()) == []


def test_commands_leave_no_session_behind(daemon: Daemon, plate: str, roto: Roto) -> None:
    x, y = centre(FIRST)
    with connect(daemon.address) as far:
        before = far.sessions("")
        run = roto("track", plate, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "disc", "--out", "a.json")
        assert run.returncode == 0, run.stderr
        assert far.sessions("") == before


def test_sessions_are_listed_and_ended_by_command(mortal: Daemon, plate: str, roto: Roto) -> None:
    with connect(mortal.address) as far, far.open_plate(plate) as opened:
        one, other = (opened.open_session("disc", name=name, keep=True) for name in ("first", "second"))
        one.add_object("hero")
    listed = roto("sessions", address=mortal.address)
    assert listed.returncode == 0, listed.stderr
    for word in ("first", "second", "hero", "disc.####.png", one.session_id):
        assert word in listed.stdout
    rest = roto("sessions", "--close", one.session_id, "--json", address=mortal.address)
    assert [each["session_id"] for each in json.loads(rest.stdout)["sessions"]] == [other.session_id]
    gone = roto("sessions", "--close", one.session_id, address=mortal.address)
    assert (gone.returncode, "There is no session" in gone.stderr) == (3, True)


def test_a_daemon_that_does_not_come_back_is_one_sentence(mortal: Daemon, plate: str) -> None:
    with connect(mortal.address, patience_s=0.3) as far, far.open_plate(plate) as opened:
        disc = opened.open_session("disc").add_object("disc")
        mortal.kill()
        with pytest.raises(DaemonUnreachableError, match="Start it with"):
            disc.click(FIRST, *centre(FIRST))


def test_a_second_daemon_is_refused_the_state_folder(mortal: Daemon) -> None:
    again = subprocess.run(
        [program("roto-daemon"), "serve", "--listen", "127.0.0.1:0"],
        env=mortal.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert again.returncode == 3
    assert "belongs to another daemon" in again.stderr


def test_a_damaged_record_is_put_aside_with_a_sentence(mortal: Daemon, plate: str) -> None:
    with connect(mortal.address) as far, far.open_plate(plate) as opened:
        worked_on(opened.open_session("disc", keep=True))
        mortal.stop()
    with (mortal.state / "sessions.db").open("r+b") as record:
        record.seek(4096)
        record.write(b"\xff" * 8192)
    mortal.start_again()
    with connect(mortal.address) as far:
        assert far.sessions("") == ()
        with far.open_plate(plate) as opened, opened.open_session("disc") as session:
            worked_on(session)
    (aside,) = mortal.state.glob("damaged-*")
    assert list(aside.rglob("*.matte"))
    assert "was damaged and lies in" in mortal.log.read_text()


def test_9_a_locked_record_is_waited_for_and_then_a_sentence(mortal: Daemon, plate: str) -> None:
    with connect(mortal.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        disc = session.add_object("disc")
        with contextlib.closing(sqlite3.connect(mortal.state / "sessions.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(OutputFileError, match="another program holds it"):
                disc.click(FIRST, *centre(FIRST))
            other.execute("ROLLBACK")
            assert (disc.prompts, list(disc.mattes())) == ((), [])
            other.execute("BEGIN IMMEDIATE")
            done = threading.Thread(target=lambda: disc.click(FIRST, *centre(FIRST)))
            done.start()
            time.sleep(0.5)
            other.execute("ROLLBACK")
            done.join()
        assert len(disc.prompts) == len(list(disc.mattes())) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system of its own needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_10_a_full_and_a_read_only_disk_refuse_with_a_sentence_and_recover(
    small_disk: Path, tmp_path: Path, plate: str
) -> None:
    with (
        serving(tmp_path, state_folder=str(small_disk / "state"), frame_cache_bytes="1000") as running,
        connect(running.address) as far,
        far.open_plate(plate) as opened,
        opened.open_session("disc", keep=True) as session,
    ):
        disc = worked_on(session)
        drawn = state_of(session)
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as stream:
            while True:
                stream.write(bytes(4096))
                stream.flush()
        with pytest.raises(ClientError, match=r"free space|disk"):
            disc.click(FIRST + 1, *centre(FIRST + 1))
        assert state_of(session) == drawn
        filler.unlink()
        disc.click(FIRST + 1, *centre(FIRST + 1))
        assert state_of(session) != drawn
        running.stop()
        require_sound(small_disk / "state")
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with pytest.raises(AssertionError, match="state_folder"):
            running.start_again()
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)


def test_a_session_in_use_elsewhere_is_told_of_as_busy(mortal: Daemon, plate: str) -> None:
    with connect(mortal.address) as far, far.open_plate(plate) as opened, opened.open_session("faulty") as session:
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        mortal.fault.write_text("slow 0.2")
        with contextlib.closing(disc.track(direction=Direction.FORWARD)) as run:
            next(run)
            with connect(mortal.address) as other, pytest.raises(BusyError, match="'disc' is busy"):
                other.attach(session.session_id).undo()
        mortal.fault.unlink()


def test_the_record_is_for_this_user_alone(mortal: Daemon) -> None:
    assert mortal.state.stat().st_mode & 0o077 == 0
