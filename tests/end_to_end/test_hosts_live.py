"""An artist's day in hosts that rigs stand for: real daemon, real plugin, and the host's own drawing of its shapes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from artist import Artist, Seat, overlap
from bunny import bunny_by_clicks
from fusion_rig import FusionRig
from host_rig import GivenPlate
from serving import FIRST, HEIGHT, LAST, WIDTH, Daemon, centre
from silhouette_rig import SilhouetteRig

from roto_client.desk.following import Way
from roto_client.desk.state import Link
from roto_shapes.fit_options import FitOptions
from roto_shapes.shot import FrameRange, Plate

SEATS: dict[str, Callable[[], Seat]] = {"fusion": FusionRig, "silhouette": SilhouetteRig}
FRAMES = 8
"""Of the footage: a third of a second, in which the arm moves."""
START = 1001


@pytest.fixture(params=SEATS)
def artist(request: pytest.FixtureRequest) -> Iterator[Artist]:
    made = Artist(SEATS[request.param]())
    yield made
    made.desk.close()


def discs(plate: str) -> GivenPlate:
    return GivenPlate(Plate(WIDTH, HEIGHT, FrameRange(FIRST, LAST)), plate)


def test_a_click_becomes_shapes_that_the_host_draws_like_the_mattes_and_edits_go_back(
    artist: Artist, daemon: Daemon, tmp_path: Path
) -> None:
    clip, desk, rig = bunny_by_clicks(), artist.desk, artist.rig
    for number in range(1, FRAMES + 1):
        picture = cv2.cvtColor(clip.picture(clip.frames.first + number - 1), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(tmp_path / f"bunny.{number:04d}.png"), picture)
    frames = FrameRange(START, START + FRAMES - 1)
    given = GivenPlate(Plate(1280, 720, frames), str(tmp_path / "bunny.####.png"), offset=START - 1)
    artist.open(daemon.address, "classic", given)
    assert desk.state.sent == "", "the daemon reads the files by itself"
    for x, y in clip.prompt.points:
        desk.click(float(x), float(y))
    desk.track(Way.FORWARD)
    artist.settle()
    empty, steps = rig.script(), rig.undo_steps
    desk.fit_options = FitOptions.bounded(2.0)
    node = artist.write()
    assert rig.undo_steps == steps + 1
    for frame in frames:
        assert overlap(rig.drawn(node, frame), artist.matte(frame)) > 0.95, frame

    locked, edited = START, START + FRAMES // 2
    desk.lock(locked)
    artist.settle()
    name, written = rig.shape_names(node)[0], rig.script()
    rig.move_point(node, name, edited, 0, (6.0, -4.0))
    kept, dragged = rig.points(node, name, locked), rig.points(node, name, edited)
    edited_script = rig.script()
    desk.go_to(edited)
    desk.refine()
    artist.settle()
    assert f"kept your edits on {edited}" in desk.state.said
    for frame, before in ((locked, kept), (edited, dragged)):
        for place, was in zip(rig.points(node, name, frame), before):
            assert place == pytest.approx(was, abs=1e-9), "locked and edited keyframes did not move"

    rig.undo()
    assert rig.script() == edited_script
    rig.undo()
    assert rig.script() == written
    rig.undo()
    assert rig.script() == empty


@pytest.mark.parametrize("how", ["the worker dies", "the daemon dies", "the artist stops"])
def test_what_breaks_off_in_the_middle_is_a_sentence_and_leaves_the_script_as_it_was(
    artist: Artist, own_daemon: Daemon, plate: str, how: str
) -> None:
    artist.open(own_daemon.address, "faulty", discs(plate))
    desk, rig = artist.desk, artist.rig
    desk.click(*centre(FIRST))
    artist.write()
    before, steps, said = rig.script(), rig.undo_steps, len(rig.messages)
    own_daemon.fault.write_text("slow 0.2")
    desk.track(Way.FORWARD)
    artist.wait(lambda: len(desk.state.found_of(desk.state.current).confidence) > 3)
    if how == "the worker dies":
        os.kill(own_daemon.worker_pids[0], signal.SIGKILL)
        artist.wait(lambda: len(rig.messages) > said)
        assert "ask again" in rig.messages[said]
    elif how == "the daemon dies":
        own_daemon.process.kill()
        artist.wait(lambda: desk.state.link is Link.LOST)  # the sentence comes when the work has waited in vain
    else:
        desk.stop()
        artist.settle()
        assert len(rig.messages) == said, "to stop is no error"
    assert 3 < len(desk.state.found_of(desk.state.current).confidence) < LAST - FIRST + 1, "frames done stay"
    assert (rig.script(), rig.undo_steps) == (before, steps)


def test_a_second_desk_on_the_same_object_is_told_of_and_gone_over_on_purpose_alone(
    artist: Artist, daemon: Daemon, plate: str
) -> None:
    artist.open(daemon.address, "disc", discs(plate))
    artist.desk.click(*centre(FIRST))
    artist.write()
    other = Artist(artist.rig)
    other.desk.connect(daemon.address)
    other.desk.open_plate()
    other.settle()
    other.desk.click(*centre(FIRST + 1))
    other.write()
    artist.desk.fit()
    artist.settle()
    assert "Another desk changed this object meanwhile, and nothing was overwritten" in artist.rig.messages[-1]
    artist.desk.fit()
    artist.settle()
    assert not artist.desk.state.is_error, "once more is on purpose"
    other.desk.close()


def test_a_picture_that_the_host_makes_is_rendered_and_sent(artist: Artist, daemon: Daemon) -> None:
    plate = Plate(64, 48, FrameRange(1001, 1003))
    artist.open(daemon.address, "disc", GivenPlate(plate))
    assert artist.desk.state.sent, "it says why"
    artist.desk.click(10.0, 10.0)
    artist.settle()
    matte = artist.matte(1001)
    assert matte[:23, :31].min() == 1, "the white quarter"
    assert matte[26:].max() == 0
    before = artist.rig.script()
    artist.desk.track(Way.FORWARD)
    artist.settle()
    assert set(artist.desk.state.found_of(1).confidence) == {1001, 1002, 1003}
    assert artist.rig.script() == before, "nothing stays of what rendered it"
