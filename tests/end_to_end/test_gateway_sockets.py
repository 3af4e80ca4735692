"""The WebSocket from outside: many calls, cancels, slow readers, too many of everything, and the daemon's end."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgpack
import numpy as np
import psutil
import pytest
from edges import GrpcEdge, SocketEdge, open_socket
from serving import FIRST, LAST, SOCKETS, Daemon, centre, serving
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from roto_client.results import PixelFrame, SampleType
from roto_client.session import connect
from roto_shapes.prompt import MaskPrompt
from roto_shapes.shot import FrameRange, Plate

X, Y = centre(FIRST)
RANGE = {"first": FIRST, "last": LAST}
FORWARD = "DIRECTION_FORWARD"
CALLS = 8
"""So many calls may be under way on one socket."""
HELD_BYTES = 96 << 20
"""What they may cost together when nobody reads: a dozen copies of a piece each, on their way through the daemon."""


@pytest.fixture
def edge(daemon: Daemon) -> Iterator[SocketEdge]:
    with contextlib.closing(SocketEdge(daemon.http)) as opened:
        yield opened


def clicked(edge: SocketEdge, plate: str, engine: str = "disc") -> dict[str, Any]:
    """Open a plate and a session and click on the disc; return what names the object."""
    opened = edge.answer("PlateService/OpenPlate", {"path": {"path": plate}})
    session = edge.answer("SessionService/OpenSession", {"plate_id": opened["plate_id"], "engine": engine})
    names = {"session_id": session["session_id"]}
    names["object_id"] = edge.answer("SessionService/AddObject", {**names, "name": "disc"})["object_id"]
    prompt = {"frame": FIRST, "points": [{"x": X, "y": Y, "foreground": True}]}
    edge.call("SessionService/SetPrompt", [{**names, "prompt": prompt}])
    return names


def until(condition: Callable[[], object], wait_s: float = 20) -> None:
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def begin(edge: SocketEdge, number: int, op: str, args: Mapping[str, Any], **more: object) -> None:
    edge.send({"id": number, "op": op, "args": args, **more})


def test_calls_on_one_socket_go_on_beside_each_other(edge: SocketEdge, daemon: Daemon, plate: str) -> None:
    names = clicked(edge, plate, "faulty")
    daemon.fault.write_text("slow 0.1")
    try:
        begin(edge, 900, "SessionService/Propagate", {**names, "frames": RANGE, "direction": FORWARD})
        while "event" not in edge.receive():
            pass
        begin(edge, 901, "DaemonService/Hello", {"api": {"major": 1, "minor": 1}})
        arrived: list[dict[str, Any]] = []
        while not arrived or "event" in arrived[-1] or arrived[-1]["id"] != 900:
            arrived.append(edge.receive())
    finally:
        daemon.fault.unlink()
    place = next(index for index, each in enumerate(arrived) if each["id"] == 901)
    assert "ok" in arrived[place]
    assert place < len(arrived) - 1
    assert arrived[-1] == {"id": 900, "ok": {}}


@pytest.mark.parametrize("leave", [False, True])
def test_a_cancel_or_a_close_stops_the_work_and_keeps_what_was_done(
    guarded: Daemon, plate: str, *, leave: bool
) -> None:
    with contextlib.closing(SocketEdge(guarded.http)) as other:
        with contextlib.closing(SocketEdge(guarded.http)) as edge:
            names = clicked(edge, plate, "faulty")
            guarded.fault.write_text("slow 0.2")
            begin(edge, 900, "SessionService/Propagate", {**names, "frames": RANGE, "direction": FORWARD})
            while edge.receive().get("event", {}).get("frame", {}).get("frame") != FIRST + 2:
                pass
            if not leave:
                edge.send({"id": 900, "cancel": True})
                while "event" in (ending := edge.receive()):
                    pass
                assert (ending["id"], ending["error"]["code"]) == (900, "CANCELLED")
        guarded.fault.unlink()
        prompt = {"frame": FIRST, "points": [{"x": X + 1, "y": Y, "foreground": True}]}
        until(lambda: other.call("SessionService/SetPrompt", [{**names, "prompt": prompt}]).code == "OK")
        mattes = other.call("SessionService/ReadMattes", [{**names, "frames": RANGE}]).answers
        done = [each.matte.header.frame for each in mattes]  # type: ignore[attr-defined]
        assert {FIRST, FIRST + 1, FIRST + 2} <= set(done)
        assert LAST not in done


def test_mattes_come_packed_as_the_call_or_the_socket_asks(daemon: Daemon, plate: str) -> None:
    zlib = {"matte-coding": "zlib"}
    with (
        open_socket(daemon.http, additional_headers=zlib) as opened,
        contextlib.closing(SocketEdge(daemon.http)) as edge,
    ):
        names = clicked(edge, plate)
        begin(edge, 900, "SessionService/ReadMattes", {**names, "frames": RANGE}, metadata=zlib)
        header = edge.receive()["event"]["matte"]["header"]
        assert (header["codec"], header["frame"]) == ("MATTE_CODEC_ZLIB", FIRST)
        edge.receive()
        opened.send(msgpack.packb({"id": 1, "op": "SessionService/ReadMattes", "args": {**names, "frames": RANGE}}))
        assert msgpack.unpackb(opened.recv(30))["event"]["matte"]["header"] == header
        begin(edge, 901, "SessionService/ReadMattes", {**names, "frames": RANGE}, metadata={"matte-coding": "rar"})
        assert "zstd or zlib" in edge.receive()["error"]["detail"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text", "binary"),
        (b"\xc1", "not msgpack"),
        (b"", "not msgpack"),
        (b"\xdd\xff\xff\xff\xff", "not msgpack"),
        (b"\x91" * 100_000, "not msgpack"),
        (b"\xdc\xff\xff" + b"\x90" * 65535, "lists and maps"),
        (b"\xd4\x01\x00", "not msgpack"),
        (b"\x81\x01\x02", "not msgpack"),
        ([1], "a map"),
        ({"op": "DaemonService/Hello"}, "an id"),
        ({"id": -1, "op": "DaemonService/Hello"}, "an id"),
        ({"id": 1 << 60, "op": "DaemonService/Hello"}, "an id"),
        ({"id": True, "op": "DaemonService/Hello"}, "an id"),
        ({"id": 900, "op": "DaemonService/Hello", "arguments": {}}, "'arguments'"),
        ({"id": 900, "op": "DaemonService/Nothing"}, "/openapi.json"),
        ({"id": 900, "op": ["DaemonService/Hello"]}, "/openapi.json"),
        ({"id": 900, "op": "DaemonService/Hello", "args": [1]}, "HelloRequest is a list"),
        ({"id": 900, "op": "DaemonService/Hello", "args": {"api": {"major": "1"}}}, "api.major is '1'"),
        ({"id": 900, "op": "DaemonService/Hello", "metadata": {"host": "x"}}, "matte-coding"),
        ({"id": 900, "op": "DaemonService/Hello", "metadata": {"matte-coding": "a\nb"}}, "matte-coding"),
        ({"id": 900, "op": "PlateService/UploadFrames", "args": {"plate_id": "a"}}, "without args"),
        ({"id": 900, "op": "PlateService/OpenPlate", "args": {"path": {}, "upload": {}}}, "both path and upload"),
    ],
)  # fmt: skip
def test_a_message_that_means_nothing_is_refused_and_ends_nothing(edge: SocketEdge, content: Any, words: str) -> None:  # noqa: ANN401
    edge.send_raw(content if isinstance(content, (bytes, str)) else msgpack.packb(content))
    answer = edge.receive()
    assert answer["id"] == (900 if isinstance(content, dict) and content.get("id") == 900 else None)
    assert words in answer["error"]["detail"]
    assert edge.answer("DaemonService/Hello", {"api": {"major": 1, "minor": 1}})["api"]["major"] == 1


def test_what_is_wrong_for_a_call_under_way_ends_that_call_alone(edge: SocketEdge, plate: str) -> None:
    names = clicked(edge, plate)
    edge.send({"id": 900, "op": "PlateService/UploadFrames"})
    edge.send({"id": 901, "op": "PlateService/UploadFrames"})
    edge.send({"id": 900, "send": {"data": "text"}})
    ended = edge.receive()
    assert (ended["id"], ended["error"]["code"]) == (900, "INVALID_ARGUMENT")
    edge.send({"id": 900, "send": {}, "end": True})  # it has ended: nobody's fault
    edge.send({"id": 901, "op": "SessionService/GetShapes", "args": names})
    assert "begun twice" in edge.receive()["error"]["detail"]
    assert edge.answer("SessionService/GetShapes", {"session_id": names["session_id"]})["shapes"] == []


def test_calls_that_are_cancelled_as_soon_as_they_are_begun_are_answered_and_make_room(edge: SocketEdge) -> None:
    for number in range(3 * CALLS):
        edge.send({"id": number, "op": "PlateService/UploadFrames"})
        edge.send({"id": number, "cancel": True})
        ended = edge.receive()
        assert (ended["id"], ended["error"]["code"]) == (number, "CANCELLED")


def test_no_more_than_eight_calls_are_under_way_on_a_socket(edge: SocketEdge) -> None:
    for number in range(CALLS + 1):
        edge.send({"id": number, "op": "PlateService/UploadFrames"})
    refused = edge.receive()
    assert (refused["id"], refused["error"]["code"]) == (CALLS, "RESOURCE_EXHAUSTED")
    for number in range(CALLS):
        edge.send({"id": number, "end": True})
    assert sorted(edge.receive()["id"] for _ in range(CALLS)) == list(range(CALLS))


def test_a_message_over_the_limit_closes_its_socket_with_the_reason(daemon: Daemon) -> None:
    with open_socket(daemon.http) as opened:
        opened.send(bytes((2 << 20) + 1))
        with pytest.raises(ConnectionClosed) as closed:
            opened.recv(30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_fifty_sockets_are_answered_at_once_and_the_next_is_told_why_not(guarded: Daemon) -> None:
    request = {"id": 1, "op": "DaemonService/Hello", "args": {"api": {"major": 1, "minor": 1}}}
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(open_socket(guarded.http)) for _ in range(SOCKETS)]
        for _ in range(3):
            for each in opened:
                each.send(msgpack.packb(request))
            assert all("ok" in msgpack.unpackb(each.recv(30)) for each in opened)
        with open_socket(guarded.http) as one_more:
            with pytest.raises(ConnectionClosed) as closed:
                one_more.recv(30)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
            assert "http_sockets" in closed.value.rcvd.reason
        opened[0].close()
        until(lambda: _answers(guarded))


def _answers(daemon: Daemon) -> bool:
    with open_socket(daemon.http) as opened, contextlib.suppress(ConnectionClosed):
        opened.send(msgpack.packb({"id": 1, "op": "DaemonService/ListEngines"}))
        return "ok" in msgpack.unpackb(opened.recv(30))
    return False


class DeafSocket:
    """A client that shook hands and reads no more."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = socket.socket()
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._connection.connect((parts.hostname, parts.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self._connection.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: roto.v1.msgpack\r\n\r\n".encode()
        )
        assert b" 101 " in self._connection.recv(4096)
        self.port = self._connection.getsockname()[1]

    def send(self, content: Mapping[str, Any]) -> None:
        frame = Frame(Opcode.BINARY, msgpack.packb(content))
        self._connection.sendall(frame.serialize(mask=True, extensions=[]))

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def noisy(daemon: Daemon, frames: int) -> Iterator[dict[str, Any]]:
    """Give an object mattes that cannot be packed; yield what asks for them."""
    size = 800
    black = np.zeros((size, size, 1), np.uint8)
    with connect(daemon.address) as far, far.open_upload(Plate(size, size, FrameRange(1, frames))) as plate:
        list(plate.upload(PixelFrame(each, black.data, size, size, 1, SampleType.U8) for each in range(1, frames + 1)))
        session = plate.open_session("disc")
        thing = session.add_object("noise")
        for frame in range(1, frames + 1):
            noise = np.random.default_rng(frame).integers(0, 256, (size, size), np.uint8)
            thing.mask(frame, MaskPrompt(size, size, noise.tobytes()))
        yield {"session_id": session.session_id, "object_id": thing.object_id, "frames": {"first": 1, "last": frames}}


def test_a_socket_that_never_reads_holds_little_memory_and_is_cut_while_others_go_on(guarded: Daemon) -> None:
    process = psutil.Process(guarded.process.pid)
    with noisy(guarded, 40) as names, contextlib.closing(SocketEdge(guarded.http)) as other:
        sizes = [len(each.matte.data) for each in other.call("SessionService/ReadMattes", [names]).answers]  # type: ignore[attr-defined]
        assert CALLS * sum(sizes) > 4 * HELD_BYTES
        before = most = process.memory_full_info().uss
        deaf = DeafSocket(guarded.http)
        for number in range(CALLS):
            deaf.send({"id": number, "op": "SessionService/ReadMattes", "args": names})

        def cut() -> bool:
            nonlocal most
            most = max(most, process.memory_full_info().uss)
            assert other.answer("DaemonService/Hello", {"api": {"major": 1, "minor": 1}})
            return deaf.port not in {each.raddr.port for each in process.net_connections() if each.raddr}

        until(cut)
        deaf.close()
    assert most - before < HELD_BYTES


def test_the_daemon_ends_its_sockets_before_it_ends(tmp_path: Path, plate: str) -> None:
    with serving(tmp_path) as daemon:
        edge = SocketEdge(daemon.http)
        names = clicked(edge, plate, "faulty")
        daemon.fault.write_text("slow 0.2")
        begin(edge, 900, "SessionService/Propagate", {**names, "frames": RANGE, "direction": FORWARD})
        edge.receive()
        assert daemon.stop() == 0
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                edge.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        edge.close()
        assert "Traceback" not in (tmp_path / "daemon.log").read_text()


def test_both_edges_work_on_one_session(daemon: Daemon, edge: SocketEdge, plate: str) -> None:
    names = clicked(edge, plate)
    with contextlib.closing(GrpcEdge(daemon.address)) as far:
        (matte,) = far.call("SessionService/ReadMattes", [{**names, "frames": RANGE}]).answers
        assert matte.matte.header.frame == FIRST  # type: ignore[attr-defined]
