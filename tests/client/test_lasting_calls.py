"""Calls outlive the daemon: what broke off goes on, once at each place, and in the end gives up with a sentence."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Callable, Union, cast

import pytest
from stand_in_daemon import StandInDaemon

from roto_client.errors import BadInputError, BusyError, ClientError, DaemonUnreachableError
from roto_client.lasting import Lasting
from roto_client.results import Direction, FrameDone, FrameUnreadable, Matte, Progress, TrackEvent
from roto_client.session import Daemon, Session
from roto_client.transport import Transport
from roto_shapes.shot import FrameRange

FRAMES = FrameRange(1001, 1006)


class BreakingDaemon:
    """Runs through frames, and is away when told to be."""

    def __init__(self, *breaks: Union[int, ClientError], away: int = 0) -> None:
        self.runs: list[FrameRange] = []
        self.away = 0
        self._away = away
        self._breaks = list(breaks)

    def greet(self) -> None:
        if self.away:
            self.away -= 1
            raise gone()

    def track(self, way: Direction, *, mattes: bool) -> Callable[[FrameRange], Generator[TrackEvent, None, None]]:
        def start(left: FrameRange) -> Generator[TrackEvent, None, None]:
            breaks = self._breaks.pop(0) if self._breaks else 1000
            if isinstance(breaks, ClientError):
                raise breaks
            self.runs.append(left)
            for number, event in enumerate(self._events(left, way, mattes=mattes)):
                if number == breaks:
                    self.away = self._away
                    raise gone()
                yield event

        return start

    def _events(self, left: FrameRange, way: Direction, *, mattes: bool) -> Iterator[TrackEvent]:
        order = list(left) if way is Direction.FORWARD else list(left)[::-1]
        for done, frame in enumerate(order, 1):
            if frame == 1004:
                yield FrameUnreadable(frame, "render it again")
            else:
                yield FrameDone(frame, 0.9, 100.0)
                if mattes:
                    yield Matte(frame, 1, 4, 4, (0, 0, 0, 0), 8, b"", 0.9)
            yield Progress(done, len(order), "tracking")


def gone() -> DaemonUnreachableError:
    return DaemonUnreachableError("127.0.0.1:1", "the connection broke")


def tracked(daemon: BreakingDaemon, way: Direction, *, mattes: bool, patience_s: float = 5.0) -> list[TrackEvent]:
    lasting = Lasting(cast("Transport", daemon), patience_s)
    return list(lasting.track(FRAMES, way, daemon.track(way, mattes=mattes), mattes=mattes))


@pytest.mark.parametrize("way", Direction)
@pytest.mark.parametrize("mattes", [False, True])
@pytest.mark.parametrize("after", range(17))
def test_a_run_that_breaks_anywhere_tells_each_frame_once_and_in_order(
    way: Direction, mattes: bool, after: int  # noqa: FBT001 - a case
) -> None:  # fmt: skip
    whole = tracked(BreakingDaemon(), way, mattes=mattes)
    broken = tracked(BreakingDaemon(after, 4), way, mattes=mattes)
    assert [each for each in broken if not isinstance(each, Progress)] == [
        each for each in whole if not isinstance(each, Progress)
    ]
    counted = [each.done for each in broken if isinstance(each, Progress)]
    assert counted == sorted(counted)
    assert all(each.total == len(FRAMES) for each in broken if isinstance(each, Progress))


def test_a_run_goes_on_at_the_first_frame_that_is_not_done() -> None:
    daemon = BreakingDaemon(4, away=2)
    tracked(daemon, Direction.BACKWARD, mattes=False)
    assert daemon.runs == [FRAMES, FrameRange(1001, 1004)]


def test_a_daemon_that_dies_at_the_same_frame_again_ends_the_run() -> None:
    daemon = BreakingDaemon(4, 0, 0)
    with pytest.raises(DaemonUnreachableError):
        tracked(daemon, Direction.FORWARD, mattes=False)
    assert len(daemon.runs) == 2


def test_what_is_still_under_way_for_the_object_is_waited_for() -> None:
    daemon = BreakingDaemon(4, BusyError("busy: tracked"), BusyError("busy: tracked"))
    events = tracked(daemon, Direction.FORWARD, mattes=False)
    assert len([each for each in events if isinstance(each, (FrameDone, FrameUnreadable))]) == len(FRAMES)


def test_without_patience_the_end_is_told_at_once() -> None:
    with pytest.raises(DaemonUnreachableError, match="the connection broke"):
        tracked(BreakingDaemon(4, away=1), Direction.FORWARD, mattes=False, patience_s=0)


def test_a_call_is_made_once_more_and_other_errors_are_not_for_us() -> None:
    daemon, answers = BreakingDaemon(), iter([gone(), BusyError("busy"), None])
    lasting = Lasting(cast("Transport", daemon), 5.0)

    def call() -> str:
        error = next(answers)
        if error:
            raise error
        return "done"

    assert lasting.ask(call) == "done"

    def refused() -> str:
        message = "no"
        raise BadInputError(message)

    with pytest.raises(BadInputError):
        lasting.ask(refused)


def test_a_session_is_found_and_gone_on_with(daemon: Daemon, stand_in: StandInDaemon) -> None:
    opened = daemon.open_plate("plate.####.png").open_session(keep=True)
    ball = opened.add_object("ball")
    ball.click(1002, 30.5, 20.5)
    list(ball.track())
    shapes, _ = ball.fit()
    (told,) = daemon.sessions()
    assert (told.session_id, told.plate, told.objects) == (opened.session_id, "plate.####.png", ("ball",))
    again = daemon.attach(told.session_id)
    (same,) = again.objects
    assert (same.prompts, same.shapes) == (ball.prompts, shapes)
    assert {each.frame for each in same.tracked} == set(range(1001, 1011))
    assert next(again.watch()).objects[same.object_id].revision == stand_in.revision
    assert again.open_plate.find_objects(1003, "disc")
    again.close()
    assert told.session_id in stand_in.sessions  # left with the daemon
    again = daemon.attach(told.session_id)
    again.discard()
    assert (stand_in.sessions, stand_in.plates) == ({}, {})


def test_undo_and_redo_change_what_the_object_holds_here(daemon: Daemon) -> None:
    session: Session = daemon.open_plate("plate.####.png").open_session()
    ball = session.add_object("ball")
    assert session.undo() is None
    ball.click(1002, 30.5, 20.5)
    before = ball.prompts
    step = session.undo(ball)
    assert step
    assert step.prompt
    assert (step.prompt.frame, step.prompt.is_empty, ball.prompts) == (1002, True, ())
    assert session.redo(ball)
    assert ball.prompts == before
    assert session.redo() is None
