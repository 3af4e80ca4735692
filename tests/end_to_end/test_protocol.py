"""The protocol from outside: versions, standard services, uploads, and what a client may get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from numpy.typing import NDArray
from serving import FIRST, LAST, Daemon, centre, picture

from roto_client.errors import BadInputError, BusyError
from roto_client.results import FileFrame, FrameDone, PixelFrame, SampleType
from roto_client.session import connect
from roto_client.transport.by_grpc import GrpcTransport
from roto_proto.v1 import daemon_pb2, daemon_pb2_grpc, plates_pb2, plates_pb2_grpc, sessions_pb2, sessions_pb2_grpc
from roto_shapes.prompt import MaskPrompt
from roto_shapes.shot import FrameRange, Plate


@pytest.fixture
def channel(daemon: Daemon) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(daemon.address) as opened:
        yield opened


def refusal(call: Callable[[], Any], code: grpc.StatusCode, words: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        answer = call()
        if not hasattr(answer, "DESCRIPTOR"):
            list(answer)
    assert refused.value.code() is code, refused.value
    assert words in str(refused.value.details())
    assert [each.value for each in refused.value.trailing_metadata() if each.key == "roto-error"]


def test_a_client_of_another_major_version_is_refused_by_both_names(channel: grpc.Channel) -> None:
    stub = daemon_pb2_grpc.DaemonServiceStub(channel)
    request = daemon_pb2.HelloRequest(api=daemon_pb2.ApiVersion(major=2, minor=7), client="tomorrow's plugin")
    refusal(lambda: stub.Hello(request, timeout=10), grpc.StatusCode.FAILED_PRECONDITION, "1.2")
    refusal(lambda: stub.Hello(request, timeout=10), grpc.StatusCode.FAILED_PRECONDITION, "2.7")


def test_the_standard_health_service_says_serving(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "roto.v1.SessionService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_standard_reflection_service_lists_ours(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="*")
    answer = next(iter(stub.ServerReflectionInfo(iter([request]), timeout=10)))
    names = {service.name for service in answer.list_services_response.service}
    assert {"roto.v1.DaemonService", "roto.v1.PlateService", "roto.v1.SessionService"} <= names


def test_what_is_not_there_is_named(channel: grpc.Channel) -> None:
    sessions = sessions_pb2_grpc.SessionServiceStub(channel)
    plates = plates_pb2_grpc.PlateServiceStub(channel)
    none, bad = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
    refusal(lambda: sessions.OpenSession(sessions_pb2.OpenSessionRequest(plate_id="x"), timeout=10), none, "'x'")
    refusal(lambda: sessions.AddObject(sessions_pb2.AddObjectRequest(session_id="y"), timeout=10), none, "'y'")
    refusal(lambda: plates.ClosePlate(plates_pb2.ClosePlateRequest(plate_id="z"), timeout=10), none, "'z'")
    refusal(lambda: plates.OpenPlate(plates_pb2.OpenPlateRequest(), timeout=10), bad, "Say where")
    refusal(lambda: sessions.Propagate(sessions_pb2.PropagateRequest(), timeout=10), bad, "which way")
    refusal(lambda: sessions.Export(sessions_pb2.ExportRequest(), timeout=10), bad, "what to export")


def uploads(pixels: NDArray[np.float16]) -> Iterator[PixelFrame]:
    height, width, _ = pixels.shape
    for frame in (1001, 1002):
        yield PixelFrame(frame, pixels.data, width, height, 3, SampleType.F16, "sRGB")


@pytest.mark.parametrize("ring", [False, True])
def test_uhd_half_float_frames_go_through_and_are_clicked_on(daemon: Daemon, ring: bool) -> None:  # noqa: FBT001 - a case
    width, height = 3840, 2160
    grey = np.full((height, width, 3), 40, np.uint8)
    cv2.circle(grey, (1200, 700), 300, (230, 230, 230), -1)
    pixels = (grey.astype(np.float32) / 255).astype(np.float16)
    assert pixels.nbytes > 8 << 20
    with connect(daemon.address) as far:
        plate = far.open_upload(Plate(width, height, FrameRange(1001, 1002), "from a host"))
        transport = far._transport
        assert isinstance(transport, GrpcTransport)
        assert list(transport.upload_frames(plate.plate_id, uploads(pixels), ring=ring)) == [1001, 1002]
        with plate, plate.open_session("disc") as session:
            matte = session.add_object("disc").click(1002, 1200, 700)
            assert matte is not None
            assert (matte.width, matte.height) == (width, height)
            left, top, right, bottom = matte.box
            assert (left, top, right, bottom) == pytest.approx((900, 400, 1501, 1001), abs=3)


def test_image_files_are_uploaded_as_they_stand_on_a_disk(daemon: Daemon) -> None:
    def files() -> Iterator[FileFrame]:
        for frame in range(FIRST, LAST + 1):
            yield FileFrame(frame, "f.png", cv2.imencode(".png", picture(frame))[1].tobytes())

    height, width = picture(FIRST).shape[:2]
    with connect(daemon.address) as far, far.open_upload(Plate(width, height, FrameRange(FIRST, LAST))) as plate:
        assert len(list(plate.upload(files()))) == LAST - FIRST + 1
        with plate.open_session("disc") as session:
            disc = session.add_object("disc")
            disc.click(FIRST, *centre(FIRST))
            assert sum(isinstance(event, FrameDone) for event in disc.track()) == LAST - FIRST + 1


def test_frames_that_do_not_fit_the_plate_are_refused(daemon: Daemon) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    with connect(daemon.address) as far, far.open_upload(Plate(40, 20, FrameRange(1, 3))) as plate:
        with pytest.raises(BadInputError, match="30x20"):
            list(plate.upload([PixelFrame(1, pixels.data, 30, 20, 3, SampleType.U8)]))
        with pytest.raises(BadInputError, match="outside the plate"):
            list(plate.upload([PixelFrame(9, np.zeros((20, 40, 3), np.uint8).data, 40, 20, 3, SampleType.U8)]))
        with plate.open_session("disc") as session, pytest.raises(BadInputError, match="1"):
            session.add_object("disc").click(1, 5, 5)


def header(size: int) -> plates_pb2.FrameHeader:
    pixels = plates_pb2.RawPixels(width=4, height=4, channels=1, sample=plates_pb2.SAMPLE_TYPE_U8)
    return plates_pb2.FrameHeader(frame=1, pixels=pixels, size=size)


def test_uploads_out_of_step_are_refused(channel: grpc.Channel, daemon: Daemon) -> None:
    stub = plates_pb2_grpc.PlateServiceStub(channel)
    step = plates_pb2.UploadFramesRequest
    with connect(daemon.address) as far, far.open_upload(Plate(4, 4, FrameRange(1, 3))) as plate:
        name = plate.plate_id
        cases = {
            "Bytes came before": [step(plate_id=name, data=b"1234")],
            "ended before": [step(plate_id=name, header=header(16)), step(data=b"1234")],
            "More bytes": [step(plate_id=name, header=header(16)), step(data=b"1" * 17)],
            "asks for 16": [step(plate_id=name, header=header(8)), step(data=b"1" * 8)],
        }
        for words, steps in cases.items():
            refusal(partial(stub.UploadFrames, iter(steps), timeout=10), grpc.StatusCode.INVALID_ARGUMENT, words)
        twice = [step(plate_id=name, header=header(16)), step(header=header(16))]
        refusal(lambda: stub.UploadFrames(iter(twice), timeout=10), grpc.StatusCode.INVALID_ARGUMENT, "ended before")
        ring = header(16)
        ring.ring.path = "/etc/passwd"
        foreign = [step(plate_id=name, header=ring)]
        refusal(lambda: stub.UploadFrames(iter(foreign), timeout=10), grpc.StatusCode.INVALID_ARGUMENT, "/etc/passwd")


def test_painted_masks_and_outlines_are_prompts_too(daemon: Daemon, plate: str) -> None:
    painted = np.zeros((picture(FIRST).shape[0], picture(FIRST).shape[1]), np.uint8)
    painted[20:50, 30:70] = 255
    height, width = picture(FIRST).shape[:2]
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        mask = MaskPrompt(width, height, painted.tobytes())
        by_mask = session.add_object("mask").mask(FIRST, mask)
        assert by_mask is not None
        assert by_mask.box == (30, 20, 70, 50)
        disc = session.add_object("disc")
        disc.click(FIRST, *centre(FIRST))
        shapes, _ = disc.fit()
        by_outline = session.add_object("outline").outline(FIRST, shapes[0].keyframes[0].points)
        assert by_outline is not None
        covered, drawn = (np.frombuffer(each.coverage8(), np.uint8) for each in (next(disc.mattes()), by_outline))
        assert np.minimum(covered, drawn).sum() / np.maximum(covered, drawn).sum() > 0.95


def test_the_artists_shapes_replace_the_fitted_ones(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as far, far.open_plate(plate) as opened, opened.open_session("disc") as session:
        disc, other = session.add_object("disc"), session.add_object("other")
        disc.click(FIRST, *centre(FIRST))
        shapes, report = disc.fit()
        assert report.shapes == len(shapes) == 1
        other.set_shapes([])
        with pytest.raises(BusyError, match="disc"):
            other.set_shapes(shapes)
        disc.set_shapes([])
        other.set_shapes(shapes)
        assert session.shapes().shapes == shapes
        other.remove()
        assert session.shapes().shapes == ()
