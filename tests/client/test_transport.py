"""Every way to a daemon: values through every call, and every failure as an error for the user."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Callable, Optional

import grpc
import pytest
from stand_in_daemon import RADIUS, Refusal, StandInDaemon

from roto_client.errors import (
    BadInputError,
    BusyError,
    ClientError,
    DaemonUnreachableError,
    EngineUnavailableError,
    OutputFileError,
    VersionMismatchError,
    WorkFailedError,
)
from roto_client.results import (
    Direction,
    ExportFormat,
    ExportOrder,
    FileFrame,
    FilePart,
    FitOrder,
    Fitted,
    FrameDone,
    LookFirst,
    Matte,
    PixelFrame,
    Progress,
    SampleType,
    UploadFrame,
)
from roto_client.transport import split_address
from roto_client.transport.messages import MessageTransport
from roto_proto import wire
from roto_proto.ring import ring_folders
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Interpolation, MadeBy, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate, PlatePath

Code = grpc.StatusCode
FRAMES = FrameRange(1001, 1004)


Reach = Callable[..., MessageTransport]


@pytest.fixture(params=["gRPC", "HTTP"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def plain_frame(frame: int, size: int = 64) -> PixelFrame:
    return PixelFrame(frame, os.urandom(size * size), size, size, 1, SampleType.U8)


def rings() -> set[str]:
    return {str(file) for folder in ring_folders() for file in folder.glob("rotolink-ring-*")}


def wait_for(event: threading.Event) -> None:
    assert event.wait(5.0), "the daemon did not see that the client had gone"


@pytest.fixture
def session_id(transport: MessageTransport) -> str:
    opened = transport.open_path(PlatePath("plate.####.png"))
    return transport.open_session(opened.plate_id).session_id


def test_a_daemon_says_who_it_is(transport: MessageTransport, way: str) -> None:
    assert transport.kind == way
    assert (transport.info.version, transport.info.api) == ("9.8.7", wire.API_VERSION)
    assert transport.info.limits.chunk_bytes == 1 << 20
    assert "ring" in transport.info.features


def test_engines_come_with_the_reason_why_they_cannot_be_used(transport: MessageTransport) -> None:
    disc, big = transport.engines()
    assert (disc.name, disc.is_default, disc.unavailable) == ("disc", True, "")
    assert disc.prompts == {"points"}, "a kind of prompt from a newer daemon is passed over"
    assert (big.needs_weights, big.unavailable) == (True, "Its weights are missing.")
    assert disc.why_default == "big cannot be used here"
    assert big.weights == "big.pt 0123456789ab (MIT)"


def test_a_session_names_its_engine_with_its_weights_and_why_it_was_taken(transport: MessageTransport) -> None:
    plate_id = transport.open_path(PlatePath("plate.####.png")).plate_id
    left_to_the_daemon, wanted = transport.open_session(plate_id), transport.open_session(plate_id, "big")
    assert (left_to_the_daemon.engine, left_to_the_daemon.why_default) == ("disc", "big cannot be used here")
    assert (wanted.engine, wanted.weights, wanted.why_default) == ("big", "big.pt 0123456789ab (MIT)", "")
    assert transport.shapes(wanted.session_id).roto.made_by == MadeBy("big", "big.pt 0123456789ab (MIT)")


def test_a_plate_is_opened_by_path_with_the_frames_wanted(transport: MessageTransport) -> None:
    opened = transport.open_path(PlatePath("p.####.png", FRAMES, first_frame=5, colour_space="ACEScg"))
    assert opened.plate.frames == FRAMES
    transport.close_plate(opened.plate_id)


def test_a_prompt_gives_the_matte_of_its_frame(transport: MessageTransport, session_id: str) -> None:
    object_id = transport.add_object(session_id, "ball").object_id
    matte, _ = transport.set_prompt(session_id, object_id, Prompt(1001, (PointPrompt(30.5, 20.5),)))
    assert matte is not None
    assert (matte.frame, matte.object_id, matte.bits, matte.confidence) == (1001, 1, 16, 0.75)
    coverage = matte.coverage8()
    assert len(coverage) == 64 * 48
    assert coverage[20 * 64 + 30] == 255
    assert coverage[20 * 64 + 30 + RADIUS + 1] == 0
    assert set(coverage) == {0, 255}


def test_a_prompt_that_clears_a_frame_gives_no_matte(transport: MessageTransport, session_id: str) -> None:
    assert transport.set_prompt(session_id, 1, Prompt(1001)).matte is None


def test_a_run_tells_frames_progress_and_mattes(transport: MessageTransport, session_id: str) -> None:
    events = list(transport.propagate(session_id, 1, FRAMES, Direction.BACKWARD, mattes=True))
    assert [event.frame for event in events if isinstance(event, FrameDone)] == [1004, 1003, 1002, 1001]
    assert [event.frame for event in events if isinstance(event, Matte)] == [1004, 1003, 1002, 1001]
    assert [event.done for event in events if isinstance(event, Progress)] == [1, 2, 3, 4]
    low = {event.frame for event in events if isinstance(event, FrameDone) and event.confidence < 0.5}
    assert low == {1003, 1004}


def test_mattes_made_before_are_read_again(transport: MessageTransport, session_id: str) -> None:
    list(transport.propagate(session_id, 1, FrameRange(1002, 1003), Direction.FORWARD))
    mattes = list(transport.read_mattes(session_id, 1, FrameRange(1001, 1010)))
    assert [matte.frame for matte in mattes] == [1002, 1003]
    assert mattes[0].coverage8() == mattes[1].coverage8(), "8 and 16 bits hold the same disc"


def test_a_fit_gives_shapes_and_how_well_they_fit(transport: MessageTransport, session_id: str) -> None:
    order = FitOrder(FRAMES, FitOptions(2.5, 0.5, interpolation=Interpolation.SMOOTH))
    progress, fitted = transport.fit_shapes(session_id, 1, order)
    assert progress == Progress(1, 2, "fitting")
    assert isinstance(fitted, Fitted)
    assert fitted.shapes[0].interpolation is Interpolation.SMOOTH
    assert fitted.report.effective_tolerance_px == 2.5
    assert fitted.report.worst is not None
    assert (fitted.report.worst.frame, fitted.report.worst.max_px, fitted.report.mean_px) == (1006, 2.0, 0.25)
    assert fitted.report.doubtful_frames == (1006,)
    assert fitted.report.look_first[0] == LookFirst(1006, ("outline off by 2.0 px", "mask drawn through"))


OPTIONS = FitOptions(
    0.75, 0.25, "object", Interpolation.SMOOTH, (1002, 1004), 3, layers=True, offset_px=-1.5, feather=True
)


@pytest.mark.parametrize("options", [OPTIONS, FitOptions(points=12), FitOptions(parts=None), FitOptions()])
def test_a_fit_is_ordered_with_all_its_options(
    transport: MessageTransport, session_id: str, stand_in: StandInDaemon, options: FitOptions
) -> None:
    list(transport.fit_shapes(session_id, 1, FitOrder(FRAMES, options, (1003,))))
    sent = stand_in.fits[-1]
    assert wire.fit_options_from_wire(sent) == options
    assert (list(sent.edited), wire.frames_from_wire(sent.frames)) == ([1003], FRAMES)


def test_a_daemon_too_old_for_an_option_is_not_asked(reach: Reach, stand_in: StandInDaemon) -> None:
    stand_in.api = (1, 0)
    old = reach()
    with pytest.raises(VersionMismatchError, match="too old to fit with layers"):
        list(old.fit_shapes("s", 1, FitOrder(options=FitOptions(layers=True))))
    assert not stand_in.fits
    list(old.fit_shapes("s", 1, FitOrder(options=FitOptions(2.0))))


def test_shapes_that_the_artist_changed_come_back(transport: MessageTransport, session_id: str) -> None:
    outline = (ControlPoint(1.5, 2.5, feather=(1.0, 0.0)), ControlPoint(3.0, 4.0, corner=True))
    shape = Shape("mine", (ShapeKeyframe(1001, outline, locked=True),), FRAMES, invert=True)
    transport.set_shapes(session_id, 1, [shape])
    assert transport.shapes(session_id).roto.shapes == (shape,)


def test_files_come_in_pieces_with_the_frame_they_belong_to(transport: MessageTransport, session_id: str) -> None:
    order = ExportOrder(ExportFormat.MATTE_PNG, 1, FrameRange(1001, 1002), "credit ")
    parts = [event for event in transport.export(session_id, order) if isinstance(event, FilePart)]
    assert [(part.frame, part.data, part.last) for part in parts] == [
        (1001, b"first ", False),
        (1001, b"credit 1001", True),
        (1002, b"first ", False),
        (1002, b"credit 1002", True),
    ]
    sheet = ExportOrder(ExportFormat.CONTACT_SHEET_PNG)
    assert {event.frame for event in transport.export(session_id, sheet) if isinstance(event, FilePart)} == {None}


def test_a_session_and_an_object_can_be_closed(
    transport: MessageTransport, session_id: str, stand_in: StandInDaemon
) -> None:
    transport.remove_object(session_id, transport.add_object(session_id, "ball").object_id)
    transport.close_session(session_id)
    assert not stand_in.sessions


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (Refusal(Code.INVALID_ARGUMENT), BadInputError),
        (Refusal(Code.NOT_FOUND), BadInputError),
        (Refusal(Code.OUT_OF_RANGE), BadInputError),
        (Refusal(Code.FAILED_PRECONDITION), BusyError),
        (Refusal(Code.ALREADY_EXISTS), BusyError),
        (Refusal(Code.RESOURCE_EXHAUSTED), BusyError),
        (Refusal(Code.ABORTED), WorkFailedError),
        (Refusal(Code.INTERNAL), WorkFailedError),
        (Refusal(Code.UNKNOWN), WorkFailedError),
        (Refusal(Code.CANCELLED), WorkFailedError),
        (Refusal(Code.DEADLINE_EXCEEDED), WorkFailedError),
        (Refusal(Code.UNIMPLEMENTED), VersionMismatchError),
        (Refusal(Code.UNAVAILABLE), DaemonUnreachableError),
        (Refusal(Code.INVALID_ARGUMENT, name="PlateError"), BadInputError),
        (Refusal(Code.NOT_FOUND, name="FrameMissingError"), BadInputError),
        (Refusal(Code.INVALID_ARGUMENT, name="FrameDamagedError"), BadInputError),
        (Refusal(Code.INVALID_ARGUMENT, name="PromptError"), BadInputError),
        (Refusal(Code.NOT_FOUND, name="UnknownError"), BadInputError),
        (Refusal(Code.INVALID_ARGUMENT, name="FitError"), BadInputError),
        (Refusal(Code.INVALID_ARGUMENT, name="ValueError"), BadInputError),
        (Refusal(Code.FAILED_PRECONDITION, name="UnavailableError"), EngineUnavailableError),
        (Refusal(Code.FAILED_PRECONDITION, name="ConflictError"), BusyError),
        (Refusal(Code.RESOURCE_EXHAUSTED, name="LimitError"), BusyError),
        (Refusal(Code.RESOURCE_EXHAUSTED, name="OutputError"), OutputFileError),
        (Refusal(Code.ABORTED, name="WorkerError"), WorkFailedError),
        (Refusal(Code.FAILED_PRECONDITION, name="VersionError"), VersionMismatchError),
        (Refusal(Code.INTERNAL, name="ConfigError"), WorkFailedError),
        (Refusal(Code.INTERNAL, name="InternalError"), WorkFailedError),
        (Refusal(Code.NOT_FOUND, name="ErrorOfTheFuture"), BadInputError),
        (Refusal(Code.DATA_LOSS, name="ErrorOfTheFuture"), WorkFailedError),
    ],
)
@pytest.mark.parametrize("method", ["OpenPlate", "FitShapes"])
def test_a_refusal_becomes_the_error_that_the_daemon_named_or_its_status_means(
    method: str, refusal: Refusal, expected: type[ClientError], transport: MessageTransport, stand_in: StandInDaemon
) -> None:
    stand_in.refusals[method] = refusal
    with pytest.raises(ClientError) as caught:
        if method == "OpenPlate":
            transport.open_path(PlatePath("p"))
        else:
            list(transport.fit_shapes("s", 1, FitOrder()))
    assert type(caught.value) is expected
    if refusal.name is not None:
        assert str(caught.value) == "This is why."


def test_a_daemon_that_does_not_run_is_said_to_be_unreachable_at_once(reach: Reach, way: str) -> None:
    start = time.monotonic()
    port = closed_port()
    listen = {"gRPC": f" --listen 127.0.0.1:{port}", "HTTP": ""}[way]
    with pytest.raises(DaemonUnreachableError, match=rf"127\.0\.0\.1:{port}.*roto-daemon serve{listen}$"):
        reach(f"127.0.0.1:{port}")
    assert time.monotonic() - start < 4.0


def test_a_port_that_never_answers_is_given_up(reach: Reach) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(DaemonUnreachableError):
            reach(f"127.0.0.1:{mute.getsockname()[1]}", timeout_s=0.5)


def test_something_else_that_answers_is_no_daemon(reach: Reach) -> None:
    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                visitor, _ = other.accept()
                with visitor:
                    visitor.sendall(b"220 a mail server\r\n")
                    visitor.recv(1 << 16)

    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(DaemonUnreachableError, match=r"127\.0\.0\.1"):
            reach(f"127.0.0.1:{other.getsockname()[1]}", timeout_s=1.0)
        other.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("refusal", "expected", "why"),
    [
        (Refusal(Code.FAILED_PRECONDITION, "It speaks 2.0."), VersionMismatchError, "It speaks 2.0."),
        (Refusal(Code.FAILED_PRECONDITION, "Yours is 1.0.", "VersionError"), VersionMismatchError, "Yours is 1.0."),
        (Refusal(Code.UNIMPLEMENTED), VersionMismatchError, "no Rotolink daemon"),
        (Refusal(Code.DEADLINE_EXCEEDED), DaemonUnreachableError, "no answer in time"),
        (Refusal(Code.UNKNOWN), DaemonUnreachableError, "something else answers"),
    ],
)
def test_a_greeting_that_fails_says_why(
    refusal: Refusal, expected: type[ClientError], why: str, stand_in: StandInDaemon, reach: Reach
) -> None:
    stand_in.refusals["Hello"] = refusal
    with pytest.raises(expected, match=why):
        reach()


def test_a_daemon_of_another_major_version_is_refused_with_both_versions(stand_in: StandInDaemon, reach: Reach) -> None:
    stand_in.api = (2, 3)
    with pytest.raises(VersionMismatchError, match=r"9\.8\.7\) speaks protocol 2\.3 and this client .* 1\.2"):
        reach()


def test_a_daemon_of_a_newer_minor_version_is_welcome(stand_in: StandInDaemon, reach: Reach) -> None:
    stand_in.api = (1, 99)
    transport = reach()
    assert transport.info.api == (1, 99)
    transport.close()
    transport.close()


@pytest.mark.parametrize("method", ["Propagate", "FitShapes", "Export"])
def test_a_stream_that_falls_silent_is_cancelled_and_reported(
    method: str, transport: MessageTransport, session_id: str, stand_in: StandInDaemon
) -> None:
    stand_in.stalls.add(method)
    calls: dict[str, Callable[[], Iterator[object]]] = {
        "Propagate": lambda: transport.propagate(session_id, 1, FRAMES, Direction.FORWARD),
        "FitShapes": lambda: transport.fit_shapes(session_id, 1, FitOrder()),
        "Export": lambda: transport.export(session_id, ExportOrder(ExportFormat.JSON)),
    }
    with pytest.raises(WorkFailedError, match=r"sent nothing for 0\.6 s"):
        list(calls[method]())
    wait_for(stand_in.released)


def test_a_slow_reader_is_not_taken_for_a_silent_daemon(transport: MessageTransport, session_id: str) -> None:
    events = transport.propagate(session_id, 1, FRAMES, Direction.FORWARD)
    next(events)
    time.sleep(1.0)
    assert len(list(events)) == 7


def test_closing_a_run_early_cancels_it_in_the_daemon(
    transport: MessageTransport, session_id: str, stand_in: StandInDaemon
) -> None:
    stand_in.stalls.add("Propagate")
    events = transport.propagate(session_id, 1, FRAMES, Direction.FORWARD)
    assert isinstance(next(events), FrameDone)
    events.close()
    wait_for(stand_in.released)


def test_a_daemon_that_talks_nonsense_is_found_out(
    transport: MessageTransport, session_id: str, stand_in: StandInDaemon
) -> None:
    square = ShapeKeyframe(1, (ControlPoint(0, 0), ControlPoint(1, 1)))
    stand_in.shapes = [Shape("twin", (square,), FRAMES)] * 2
    with pytest.raises(WorkFailedError, match="answer cannot be used: shape names must differ"):
        transport.shapes(session_id)


def test_a_prompt_too_large_to_send_is_refused_here(transport: MessageTransport, session_id: str, way: str) -> None:
    noise = MaskPrompt(4096, 3000, os.urandom(4096 * 3000))
    limit = {"gRPC": 8, "HTTP": 2}[way]
    with pytest.raises(BadInputError, match=f"11 MiB and a daemon takes {limit}"):
        transport.set_prompt(session_id, 1, Prompt(1001, mask=noise))


@pytest.fixture
def upload_id(transport: MessageTransport) -> str:
    return transport.open_upload(Plate(64, 64, FrameRange(1, 9))).plate_id


def test_pixels_go_through_shared_memory_on_one_machine(
    transport: MessageTransport, upload_id: str, stand_in: StandInDaemon
) -> None:
    before = rings()
    frames = [plain_frame(frame) for frame in range(1, 9)]
    assert list(transport.upload_frames(upload_id, frames)) == list(range(1, 9))
    assert stand_in.frames == {each.frame: ("ring", each.pixels) for each in frames}
    assert list(transport.upload_frames(upload_id, [plain_frame(9)])) == [9]
    assert len(rings() - before) == 1, "the ring is used again"
    transport.close()
    assert rings() == before


def test_a_larger_frame_than_before_gets_a_larger_ring(
    transport: MessageTransport, upload_id: str, stand_in: StandInDaemon
) -> None:
    for size in (64, 256):
        assert list(transport.upload_frames(upload_id, [plain_frame(1, size)])) == [1]
        assert stand_in.frames[1][0] == "ring"


@pytest.mark.parametrize("ring", [None, False])
def test_pixels_travel_in_pieces_where_memory_cannot_be_shared(
    ring: Optional[bool],  # noqa: FBT001 - pytest passes by name
    stand_in: StandInDaemon,
    upload_id: str,
    reach: Reach,
) -> None:
    if ring is None:
        stand_in.features = []
    transport = reach()
    frames = [PixelFrame(1, memoryview(os.urandom(3 << 20)), 1024, 1024, 3, SampleType.U8), plain_frame(2)]
    assert list(transport.upload_frames(upload_id, frames, ring=ring)) == [1, 2]
    assert stand_in.frames == {each.frame: ("pieces", bytes(each.pixels)) for each in frames}


def test_a_daemon_that_cannot_open_the_ring_is_sent_pieces_from_then_on(
    transport: MessageTransport, upload_id: str, stand_in: StandInDaemon
) -> None:
    stand_in.refusals["ring"] = Refusal(Code.INVALID_ARGUMENT, name="ValueError")
    assert list(transport.upload_frames(upload_id, map(plain_frame, (1, 2, 3)))) == [1, 2, 3]
    assert list(transport.upload_frames(upload_id, [plain_frame(4)])) == [4]
    assert {way for way, _ in stand_in.frames.values()} == {"pieces"}
    assert stand_in.calls.count("ring") == 1


def test_image_files_are_sent_as_they_are(transport: MessageTransport, upload_id: str, stand_in: StandInDaemon) -> None:
    files = [FileFrame(1, "a.png", b"one"), FileFrame(2, "b.png", bytearray(b"two"))]
    assert list(transport.upload_frames(upload_id, files)) == [1, 2]
    assert stand_in.frames == {1: ("pieces", b"one"), 2: ("pieces", b"two")}


def test_no_frames_are_no_work(transport: MessageTransport, upload_id: str) -> None:
    assert list(transport.upload_frames(upload_id, [])) == []


def test_frames_are_made_on_the_thread_that_asked(transport: MessageTransport, upload_id: str) -> None:
    threads: set[int] = set()

    def rendered() -> Iterator[UploadFrame]:
        for frame in (1, 2, 3):
            threads.add(threading.get_ident())
            yield plain_frame(frame)

    list(transport.upload_frames(upload_id, rendered()))
    assert threads == {threading.get_ident()}


def test_a_host_that_renders_slowly_is_not_taken_for_a_silent_daemon(
    transport: MessageTransport, upload_id: str
) -> None:
    def slow() -> Iterator[UploadFrame]:
        yield plain_frame(1)
        time.sleep(1.0)
        yield plain_frame(2)

    assert list(transport.upload_frames(upload_id, slow(), ring=False)) == [1, 2]


def test_a_host_that_fails_ends_the_upload_with_its_own_error(transport: MessageTransport, upload_id: str) -> None:
    def failing() -> Iterator[UploadFrame]:
        yield plain_frame(1)
        raise RuntimeError("the host cannot render")

    with pytest.raises(RuntimeError, match="the host cannot render"):
        list(transport.upload_frames(upload_id, failing()))
    assert list(transport.upload_frames(upload_id, [plain_frame(1)])) == [1], "the transport goes on working"


@pytest.mark.parametrize("ring", [False, True])
def test_an_upload_that_nobody_stores_is_given_up(
    ring: bool,  # noqa: FBT001 - pytest passes by name
    transport: MessageTransport,
    upload_id: str,
    stand_in: StandInDaemon,
) -> None:
    stand_in.stalls.add("UploadFrames")
    frames = (PixelFrame(frame, bytes(8 << 20), 2048, 4096, 1, SampleType.U8) for frame in range(1, 9))
    with pytest.raises(WorkFailedError, match="sent nothing"):
        list(transport.upload_frames(upload_id, frames, ring=ring))
    wait_for(stand_in.released)


def test_an_upload_that_is_refused_says_why(
    transport: MessageTransport, upload_id: str, stand_in: StandInDaemon
) -> None:
    stand_in.refusals["UploadFrames"] = Refusal(Code.RESOURCE_EXHAUSTED, name="LimitError")
    frames = (PixelFrame(frame, bytes(8 << 20), 2048, 4096, 1, SampleType.U8) for frame in range(1, 9))
    with pytest.raises(BusyError, match=r"This is why\."):
        list(transport.upload_frames(upload_id, frames, ring=False))


def test_a_buffer_that_is_not_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="Frame 3 has 5 bytes; 2x2 pixels of 3 f16 samples need 24"):
        PixelFrame(3, bytes(5), 2, 2, 3, SampleType.F16)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:50750", ("127.0.0.1", 50750)),
        ("gpu-box", ("gpu-box", 50750)),
        ("[::1]:7", ("::1", 7)),
        ("[::1]", ("::1", 50750)),
        (" localhost:1 ", ("localhost", 1)),
        ("http://gpu-box/", ("gpu-box", 50751)),
        ("http://[::1]:7", ("::1", 7)),
    ],
)
def test_addresses_are_read(address: str, expected: tuple[str, int]) -> None:
    assert split_address(address) == expected


@pytest.mark.parametrize(
    "address", ["", ":", ":1", "a:", "a:b", "a:0", "a:65536", "http://", "ftp://a:1", "a b:1", "::1:7"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadInputError, match="write HOST:PORT"):
        split_address(address)


def test_a_daemon_is_reached_by_name(reach: Reach, transport: MessageTransport) -> None:
    port = split_address(transport.address)[1]
    assert reach(f"localhost:{port}").info.daemon_id == "stand-in"


def test_what_fails_on_a_connection_that_was_closed_is_an_error_of_ours(reach: Reach) -> None:
    transport = reach(timeout_s=2.0)
    transport.close()
    with contextlib.suppress(ClientError):  # HTTP may open another connection
        transport.greet()
    with contextlib.suppress(ClientError):
        next(iter(transport.read_mattes("s", 1, FrameRange(1001, 1002))), None)
