"""Bounds that an operator sets hold, each with a sentence that names the setting."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from serving import FIRST, LAST, Daemon, centre, serving

from roto_client.errors import BadInputError, BusyError, ClientError
from roto_client.results import FrameDone, PixelFrame, SampleType
from roto_client.session import connect
from roto_shapes.shot import FrameRange, Plate


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("narrow")
    with serving(
        folder,
        max_plates="2", max_sessions="2", max_objects="1", frame_limit_pixels="15000",
        upload_limit_bytes="5000", roots=str(folder.parent), reflection="false",
    ) as running:  # fmt: skip
        yield running


def upload(daemon: Daemon, frames: int) -> None:
    with connect(daemon.address) as far, far.open_upload(Plate(40, 20, FrameRange(1, 9))) as plate:
        pixels = np.zeros((20, 40, 3), np.uint8).data
        for frame in range(1, frames + 1):
            list(plate.upload([PixelFrame(frame, pixels, 40, 20, 3, SampleType.U8)]))


def test_plates(narrow: Daemon, plate: str) -> None:
    with connect(narrow.address) as far, far.open_plate(plate), far.open_plate(plate):
        with pytest.raises(BusyError, match="max_plates"):
            far.open_plate(plate)
        with pytest.raises(BusyError, match="max_plates"):
            far.open_upload(Plate(4, 4, FrameRange(1, 2)))


def test_sessions(narrow: Daemon, plate: str) -> None:
    with connect(narrow.address) as far, far.open_plate(plate) as opened, opened.open_session("disc"):
        with opened.open_session("disc"), pytest.raises(BusyError, match="max_sessions"):
            opened.open_session("disc")
        opened.open_session("disc").add_object("disc").click(FIRST, *centre(FIRST))


def test_objects(narrow: Daemon, plate: str) -> None:
    with connect(narrow.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        first = session.add_object("one")
        assert session.add_object("one").object_id == first.object_id
        with pytest.raises(BusyError, match="max_objects"):
            session.add_object("two")
        with pytest.raises(ClientError, match="needs a name"):
            session.add_object(" ")


def test_pixels_of_a_frame(narrow: Daemon) -> None:
    with connect(narrow.address) as far, pytest.raises(BadInputError, match="frame_limit_pixels"):
        far.open_upload(Plate(200, 100, FrameRange(1, 2)))


def test_bytes_of_uploads(narrow: Daemon) -> None:
    upload(narrow, 2)
    with pytest.raises(BusyError, match="upload_limit_bytes"):
        upload(narrow, 3)
    upload(narrow, 2)


def test_folders_that_plates_may_come_from(narrow: Daemon, plate: str, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/")
    with connect(narrow.address) as far:
        for path in ("/etc/plate.####.exr", f"{tmp_path}/../../../../../etc/plate.####.exr", f"{link}/etc/p.####.exr"):
            with pytest.raises(BadInputError, match="outside the folders"):
                far.open_plate(path)
        far.open_plate(plate).close()


def test_a_plate_stays_open_while_a_session_works_on_it(narrow: Daemon, plate: str) -> None:
    with connect(narrow.address) as far, far.open_plate(plate) as opened, opened.open_session("disc"):
        with pytest.raises(BusyError, match="close the session first"):
            far._transport.close_plate(opened.plate_id)
        with pytest.raises(BusyError, match="opened by path"):
            list(opened.upload([PixelFrame(FIRST, bytes(3), 1, 1, 3, SampleType.U8)]))


def test_ranges_and_boxes_outside_the_plate(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        with pytest.raises(BadInputError, match="lie outside the plate"):
            list(disc.track(FrameRange(FIRST, LAST + 1)))
        with pytest.raises(BadInputError, match="lies outside the plate"):
            disc.box(FIRST, 900, 900, 990, 990)
        with pytest.raises(BadInputError, match="has no object 77"):
            far._transport.remove_object(session.session_id, 77)


def test_a_cleared_frame_has_an_empty_matte_that_can_be_read(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        disc.clear(FIRST)
        assert disc.prompts == ()
        assert [(matte.frame, matte.confidence, matte.samples) for matte in disc.mattes()] == [(FIRST, 0.0, b"")]


def test_clearing_a_frame_where_nothing_was_pointed_at_changes_nothing(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        disc = session.add_object("disc")
        disc.clear(FIRST + 1)
        assert list(disc.mattes()) == []


def test_to_stop_and_go_on_at_once_is_no_conflict(own_daemon: Daemon, plate: str) -> None:
    own_daemon.fault.write_text("slow 0.4")
    with connect(own_daemon.address) as met, met.open_plate(plate) as opened, opened.open_session("faulty") as session:
        ball = session.add_object("ball")
        ball.click(FIRST, *centre(FIRST))
        for _ in range(5):
            with contextlib.closing(ball.track()) as events:
                next(event for event in events if isinstance(event, FrameDone))
            assert ball.click(FIRST, *centre(FIRST)) is not None
