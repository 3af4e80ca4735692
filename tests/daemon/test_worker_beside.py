"""Work beside an order: its progress is told, its silence is bridged for a while, its errors and cancels arrive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice

import pytest

from roto_daemon.errors import FitError
from roto_daemon.workers.beside import Beside


def test_work_tells_how_far_it_is_and_what_it_came_to() -> None:
    heard = threading.Event()

    def work(tell: Callable[[float], None]) -> str:
        tell(0.5)
        assert heard.wait(30)
        return "done"

    with Beside(work) as beside:
        for share in beside.progress():
            assert share == 0.5
            heard.set()
        assert beside.result() == "done"


def test_silent_work_is_told_again_and_again_until_it_is_taken_for_dead() -> None:
    ended = threading.Event()
    with Beside(lambda _: ended.wait(30), longest_silence_s=2.5) as beside:
        heard = []
        for share in beside.progress():
            heard.append(share)
            if len(heard) == 2:
                ended.set()
        assert heard[:2] == [0.0, 0.0]
    with Beside(lambda _: threading.Event().wait(2.2), longest_silence_s=0.5) as beside:
        assert list(beside.progress()) == []


def test_an_error_of_the_work_is_raised_where_its_result_is_asked_for() -> None:
    def fail(_: Callable[[float], None]) -> None:
        raise FitError("the mattes are empty")

    with Beside(fail) as beside:
        assert list(beside.progress()) == []
        with pytest.raises(FitError, match="mattes are empty"):
            beside.result()


def test_work_that_nobody_wants_any_more_ends_when_it_next_tells() -> None:
    steps = []

    def work(tell: Callable[[float], None]) -> None:
        for step in range(10_000_000):
            steps.append(step)
            tell(step / 10_000_000)

    with Beside(work) as beside:
        list(islice(beside.progress(), 1))
    assert len(steps) < 10_000_000
