"""The way of the standard library: nothing else is imported, and what answers is not trusted."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in_daemon import StandInDaemon
from stand_in_gateway import StandInGateway

import roto_client
import roto_proto
import roto_shapes
from roto_client.errors import ClientError, DaemonUnreachableError, WorkFailedError
from roto_client.results import Direction, FitOrder
from roto_client.transport.by_http import HttpTransport
from roto_shapes.shot import FrameRange, PlatePath

FRAMES = FrameRange(1001, 1004)
PACKAGES = [str(Path(str(package.__file__)).parents[1]) for package in (roto_shapes, roto_proto, roto_client)]
STANDARD = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]

WORK_IN_A_BARE_INTERPRETER = """
import sys
address, packages, standard = sys.argv[1], sys.argv[2].split("|"), sys.argv[3].split("|")
sys.path += packages

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"google", "grpc", "zstandard", "msgpack", "rich", "typer", "numpy"}:
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Refusing())
import roto_client.desk, roto_client.discovery, roto_client.host, roto_client.local_daemon, roto_client.session
from roto_client.results import FrameDone, Matte
from roto_client.transport.by_http import HttpTransport
from roto_shapes.prompt import MaskPrompt
from roto_shapes.shot import FrameRange, Plate
from roto_client.results import PixelFrame, SampleType

with roto_client.session.Daemon(HttpTransport(address)) as daemon:
    with daemon.open_plate("plate.####.png") as plate, plate.open_session() as session:
        ball = session.add_object("ball")
        matte = ball.click(1001, 30.5, 20.5)
        ball.mask(1002, MaskPrompt(64, 48, bytes(range(256)) * 12))
        events = list(ball.track(FrameRange(1001, 1003), mattes=True))
        shapes, report = ball.fit()
        ball.set_shapes(shapes)
        mattes = [each for each in events if isinstance(each, Matte)]
        print(sum(matte.coverage8()) // 255, len(mattes), session.shapes().shapes == shapes)
    with daemon.open_upload(Plate(4, 4, FrameRange(1, 2))) as plate:
        print(list(plate.upload(PixelFrame(frame, bytes(16), 4, 4, 1, SampleType.U8) for frame in (1, 2))))

homes = (*packages, *standard)
for name, module in list(sys.modules.items()):
    file = getattr(module, "__file__", None)
    if file and not ("site-packages" not in file and file.startswith(homes)):
        raise AssertionError(f"{name} comes from {file}")
"""


def test_all_of_an_artist_s_work_is_done_with_the_standard_library_alone(gateway: StandInGateway) -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            WORK_IN_A_BARE_INTERPRETER,
            gateway.address,
            "|".join(PACKAGES),
            "|".join(STANDARD),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == ["111 3 True", "[1, 2]"]
    assert gateway.codings == {"zlib"}, "every call asks for mattes that the standard library unpacks"


@pytest.fixture
def reached(gateway: StandInGateway) -> HttpTransport:
    return HttpTransport(gateway.address, timeout_s=5.0)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda _: [], "its answer is no message"),
        (lambda _: {1: 2}, "its answer cannot be read"),
        (lambda _: {"id": 1, "event": {"progress": {"done": "many"}}}, "str many came where uint32"),
        (lambda _: {"id": 1}, "did not say why"),
        (lambda _: {"id": 1, "error": "no"}, "did not say why"),
        (lambda _: {"id": 1, "error": {"code": 7, "detail": b""}}, "did not say why"),
    ],
)
def test_a_stream_of_nonsense_is_an_error_of_the_daemon_s(
    gateway: StandInGateway, reached: HttpTransport, spoil: Callable[[Any], Any], why: str
) -> None:
    gateway.spoil = spoil
    with pytest.raises(WorkFailedError, match=why):
        list(reached.fit_shapes("s", 1, FitOrder()))


@pytest.mark.parametrize(
    ("answer", "why"),
    [([], "no message"), ({"plate": {"width": -1}}, "int -1 came where uint32"), ({"plate": 3}, "A Plate came as int")],
)
def test_an_answer_of_nonsense_is_an_error_of_the_daemon_s(
    gateway: StandInGateway, reached: HttpTransport, answer: object, why: str
) -> None:
    gateway.spoil = lambda _: answer
    with pytest.raises(WorkFailedError, match=why):
        reached.open_path(PlatePath("p"))


def test_an_answer_that_comes_a_byte_at_a_time_is_given_up_at_the_deadline(gateway: StandInGateway) -> None:
    hurried = HttpTransport(gateway.address, timeout_s=1.5)
    gateway.trickle = True
    with pytest.raises(ClientError, match="did not answer in time"):
        hurried.open_path(PlatePath("p"))
    with pytest.raises(DaemonUnreachableError, match="no answer in time"):
        hurried.greet()


def test_a_gateway_that_goes_away_is_a_broken_connection(
    gateway: StandInGateway, reached: HttpTransport, stand_in: StandInDaemon
) -> None:
    stand_in.stalls.add("Propagate")
    events = reached.propagate("s", 1, FRAMES, Direction.FORWARD)
    next(events)
    gateway.cut()
    with pytest.raises(DaemonUnreachableError, match="the connection broke"):
        list(events)  # what had come already is read first


LEAVES_IN_THE_MIDDLE = """
import sys
sys.path += sys.argv[2].split("|")
from roto_client.results import Direction
from roto_client.transport.by_http import HttpTransport
from roto_shapes.shot import FrameRange
events = HttpTransport(sys.argv[1]).propagate("s", 1, FrameRange(1001, 1004), Direction.FORWARD)
print(next(events).frame)
sys.exit(0)
"""


def test_a_program_that_ends_in_the_middle_of_a_stream_ends(gateway: StandInGateway, stand_in: StandInDaemon) -> None:
    stand_in.stalls.add("Propagate")
    command = [sys.executable, "-I", "-S", "-c", LEAVES_IN_THE_MIDDLE, gateway.address, "|".join(PACKAGES)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "1001\n", "")
    assert stand_in.released.wait(5.0), "the daemon did not see that the client had gone"


def test_no_thread_outlives_its_call(reached: HttpTransport, stand_in: StandInDaemon) -> None:
    def ours() -> set[str]:
        return {each.name for each in threading.enumerate() if each.name.startswith("roto-")}

    for _ in range(3):
        list(reached.fit_shapes("s", 1, FitOrder()))
    stand_in.stalls.add("Propagate")
    events = reached.propagate("s", 1, FRAMES, Direction.FORWARD)
    next(events)
    assert ours()
    events.close()
    deadline = time.monotonic() + 10
    while ours():
        assert time.monotonic() < deadline, ours()
        time.sleep(0.01)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]),
)
def test_whatever_answers_becomes_an_error_for_the_user(said: bytes, before: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            visitor, _ = server.accept()
            with visitor, contextlib.suppress(OSError):
                visitor.recv(1 << 16)
                visitor.sendall(before + said)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(ClientError):
            HttpTransport(f"127.0.0.1:{server.getsockname()[1]}", timeout_s=5.0)
        thread.join(10)


def test_a_web_server_that_is_no_daemon_is_told_from_one(gateway: StandInGateway) -> None:
    gateway.is_daemon = False
    with pytest.raises(ClientError, match="no Rotolink daemon"):
        HttpTransport(gateway.address)


def test_a_daemon_without_a_socket_lacks_a_call(gateway: StandInGateway, reached: HttpTransport) -> None:
    gateway.is_daemon = False
    with pytest.raises(ClientError, match="older than this client and lacks a call"):
        list(reached.fit_shapes("s", 1, FitOrder()))
