"""The two ways to a real daemon, gRPC and the standard library, do the same work with the same results and errors."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from serving import FIRST, HEIGHT, LAST, WIDTH, Daemon, centre, picture

from roto_client.errors import BadInputError, BusyError, ClientError
from roto_client.results import (
    Direction,
    ExportFormat,
    ExportOrder,
    FilePart,
    FitOrder,
    Fitted,
    FrameDone,
    Matte,
    PixelFrame,
    SampleType,
)
from roto_client.transport import Transport
from roto_client.transport.by_grpc import GrpcTransport
from roto_client.transport.by_http import HttpTransport
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shot import FrameRange, Plate, PlatePath

FRAMES = FrameRange(FIRST, FIRST + 4)


@pytest.fixture(params=["gRPC", "HTTP"])
def transport(request: pytest.FixtureRequest, daemon: Daemon) -> Iterator[Transport]:
    with reached(daemon, request.param) as there:
        yield there


@contextlib.contextmanager
def reached(daemon: Daemon, way: str) -> Iterator[Transport]:
    transport = GrpcTransport(daemon.address) if way == "gRPC" else HttpTransport(daemon.http)
    with contextlib.closing(transport):
        yield transport


@contextlib.contextmanager
def opened(transport: Transport, plate: str) -> Iterator[tuple[str, int]]:
    """Open a session with one object."""
    plate_id = transport.open_path(PlatePath(plate)).plate_id
    session_id = transport.open_session(plate_id, "disc").session_id
    yield session_id, transport.add_object(session_id, "disc").object_id
    transport.close_session(session_id)
    transport.close_plate(plate_id)


def all_work(transport: Transport, plate: str) -> list[object]:
    """Do everything that an artist does; return what came of it, without what differs from run to run."""
    with opened(transport, plate) as (session_id, object_id):
        click = transport.set_prompt(session_id, object_id, Prompt(FIRST, (PointPrompt(*centre(FIRST)),))).matte
        events = list(transport.propagate(session_id, object_id, FRAMES, Direction.FORWARD, mattes=True))
        mattes = list(transport.read_mattes(session_id, object_id, FRAMES))
        order = FitOrder(FRAMES, FitOptions(0.5, layers=True))
        fitted = [each for each in transport.fit_shapes(session_id, object_id, order) if isinstance(each, Fitted)]
        (shape,) = fitted[0].shapes
        transport.set_shapes(session_id, object_id, [replace(shape, name="mine", invert=True)])
        kept = transport.shapes(session_id).roto
        files = [
            [part for part in transport.export(session_id, ExportOrder(kind, object_id)) if isinstance(part, FilePart)]
            for kind in (ExportFormat.JSON, ExportFormat.MATTE_PNG)
        ]
        report = replace(fitted[0].report, elapsed_s=0.0)
        return [click, events, mattes, shape, report, kept.shapes, kept.made_by, files]


def test_the_same_work_comes_to_the_same_results(daemon: Daemon, plate: str) -> None:
    with reached(daemon, "gRPC") as first, reached(daemon, "HTTP") as second:
        by_grpc, by_http = all_work(first, plate), all_work(second, plate)
    assert by_http == by_grpc
    click, events = by_http[:2]
    assert isinstance(click, Matte)
    assert isinstance(events, list)
    lit = np.frombuffer(click.coverage8(), np.uint8).reshape(HEIGHT, WIDTH)
    x, y = centre(FIRST)
    assert lit[round(y), round(x)] == 255
    assert [each.frame for each in events if isinstance(each, FrameDone)] == list(FRAMES)


def test_frames_travel_up_by_memory_and_by_pieces(transport: Transport) -> None:
    plate_id = transport.open_upload(Plate(WIDTH, HEIGHT, FrameRange(FIRST, LAST))).plate_id
    for ring, frames in ((None, (FIRST, FIRST + 1)), (False, (FIRST + 2, FIRST + 3))):
        pixels = [PixelFrame(each, picture(each).tobytes(), WIDTH, HEIGHT, 3, SampleType.U8) for each in frames]
        assert list(transport.upload_frames(plate_id, pixels, ring=ring)) == list(frames)
    session_id = transport.open_session(plate_id, "disc").session_id
    object_id = transport.add_object(session_id, "disc").object_id
    for frame in (FIRST, FIRST + 2):
        matte = transport.set_prompt(session_id, object_id, Prompt(frame, (PointPrompt(*centre(frame)),))).matte
        assert matte is not None
        x, y = centre(frame)
        assert matte.coverage8()[round(y) * WIDTH + round(x)] == 255
    transport.close_session(session_id)


def test_masks_and_boxes_reach_the_engine(transport: Transport, plate: str) -> None:
    x, y = centre(FIRST)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    inside = np.hypot(columns - x, rows - y) < 12
    prompts = [
        Prompt(FIRST, box=BoxPrompt(x - 22, y - 22, x + 22, y + 22)),
        Prompt(FIRST, mask=MaskPrompt(WIDTH, HEIGHT, (inside * np.uint8(255)).tobytes())),
    ]
    with opened(transport, plate) as (session_id, object_id):
        for prompt in prompts:
            matte = transport.set_prompt(session_id, object_id, prompt).matte
            assert matte is not None
            assert matte.coverage8()[round(y) * WIDTH + round(x)] == 255


ONE = PixelFrame(FIRST, bytes(3), 1, 1, 3, SampleType.U8)
ERRORS: list[tuple[Callable[[Transport, str, str, int], object], type[ClientError]]] = [
    (lambda there, plate, *_: there.open_path(PlatePath(plate + ".no.####.png")), BadInputError),
    (lambda there, _plate, *_: there.open_session("nowhere"), BadInputError),
    (lambda there, _plate, session, _: there.set_prompt(session, 99, Prompt(FIRST)), BadInputError),
    (
        lambda there, _plate, session, one: there.set_prompt(session, one, Prompt(7, (PointPrompt(1, 1),))),
        BadInputError,
    ),
    (lambda there, _plate, session, one: list(there.fit_shapes(session, one, FitOrder())), ClientError),
    (lambda there, _plate, session, _: list(there.export(session, ExportOrder(ExportFormat.MATTE_PNG))), ClientError),
    (lambda there, plate, *_: list(there.upload_frames(there.open_path(PlatePath(plate)).plate_id, [ONE])), BusyError),
]


def test_the_same_mistake_is_told_by_the_same_sentence(daemon: Daemon, plate: str) -> None:
    said: dict[str, list[str]] = {}
    for way in ("gRPC", "HTTP"):
        with reached(daemon, way) as there, opened(there, plate) as (session_id, object_id):
            said[way] = []
            for work, expected in ERRORS:
                with pytest.raises(expected) as caught:
                    work(there, plate, session_id, object_id)
                said[way].append(str(caught.value).replace(session_id, "…"))
    assert said["gRPC"] == said["HTTP"]


def test_a_run_that_is_closed_early_ends_in_the_daemon(transport: Transport, plate: str) -> None:
    with opened(transport, plate) as (session_id, object_id):
        transport.set_prompt(session_id, object_id, Prompt(FIRST, (PointPrompt(*centre(FIRST)),)))
        run = transport.propagate(session_id, object_id, FrameRange(FIRST, LAST), Direction.FORWARD)
        next(run)
        run.close()
        deadline = time.monotonic() + 20
        while True:
            try:
                again = list(transport.propagate(session_id, object_id, FRAMES, Direction.FORWARD))
            except BusyError:
                assert time.monotonic() < deadline, "the run goes on although nobody reads it"
                time.sleep(0.05)
            else:
                break
        assert [each.frame for each in again if isinstance(each, FrameDone)] == list(FRAMES)
