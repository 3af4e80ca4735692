"""The client's end of a WebSocket, against a peer that does as each test says, and against the package `websockets`."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Callable, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in_gateway import frame

from roto_client.transport.websocket import RefusedError, SocketEndedError, WebSocket

LIMIT_BYTES = 1 << 20
Peer = Callable[[socket.socket], object]
Serve = Callable[[Peer], WebSocket]


def answer(connection: socket.socket, *changes: tuple[str, str]) -> None:
    """Accept the handshake, with some headers changed; an empty one is left out."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    lines = dict(line.split(": ", 1) for line in request.decode().strip().split("\r\n")[1:])
    key = lines["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    headers = {
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Accept": base64.b64encode(hashlib.sha1(key.encode()).digest()).decode(),  # noqa: S324 - RFC 6455
        "Sec-WebSocket-Protocol": "roto.v1.msgpack",
        **dict(changes),
    }
    shown = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    connection.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{shown}\r\n".encode())


def read_frame(connection: socket.socket) -> tuple[int, bytes]:
    """Read a client's frame of at most 125 bytes; return its kind and what it holds."""
    head = connection.recv(2, socket.MSG_WAITALL)
    if len(head) < 2:
        return 0, b""
    assert head[1] & 0x80, "a client masks"
    mask = connection.recv(4, socket.MSG_WAITALL)
    data = connection.recv(head[1] & 0x7F, socket.MSG_WAITALL)
    return head[0] & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Open a socket to a peer that runs on a thread and then closes."""
    with ExitStack() as stack:

        def opened(peer: Peer) -> WebSocket:
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(10)
                        peer(connection)

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            web_socket = connect(server.getsockname()[1])
            stack.callback(web_socket.close)
            return web_socket

        yield opened


def connect(port: int) -> WebSocket:
    return WebSocket(("127.0.0.1", port), "/ws", {"Sec-WebSocket-Protocol": "roto.v1.msgpack"}, 2.0, LIMIT_BYTES)


def says(data: bytes) -> Peer:
    """Return a peer that answers the request with bytes of its own."""

    def peer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)

    return peer


def sends(*data: bytes) -> Peer:
    """Return a peer that accepts, sends bytes, and waits for the client to leave."""

    def peer(connection: socket.socket) -> None:
        answer(connection)
        for each in data:
            connection.sendall(each)
        while connection.recv(4096):
            pass

    return peer


def test_messages_come_whole_or_in_pieces_with_control_frames_between(serve: Serve) -> None:
    large = bytes(range(256)) * 300
    pieces = frame(2, b"a", final=False) + frame(9, b"ping") + frame(0, b"", final=False) + frame(0, b"b")
    messages = serve(sends(frame(2, b"") + frame(10, b"pong nobody asked for"), frame(2, large), pieces)).messages()
    assert [next(messages) for _ in range(3)] == [b"", large, b"ab"]


@given(st.lists(st.binary(max_size=300) | st.integers(65530, 65540).map(bytes), max_size=5), st.data())
def test_messages_come_out_as_they_were_however_they_are_cut(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frame(2, each) for each in sent) + frame(8, struct.pack(">H", 1000))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    parts = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)])]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with server.accept()[0] as connection:
                sends(*parts)(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        received = []
        with pytest.raises(SocketEndedError):
            for message in connect(server.getsockname()[1]).messages():
                received.append(message)  # noqa: PERF402 - the end is an error
        thread.join(10)
    assert received == sent


@given(st.lists(st.binary(max_size=40) | st.binary(max_size=9).map(lambda data: frame(2, data)), max_size=6))
def test_whatever_a_peer_sends_ends_in_an_error_of_ours(said: list[bytes]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with server.accept()[0] as connection, suppress(OSError):
                answer(connection)
                connection.sendall(b"".join(said))
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        with pytest.raises(SocketEndedError):
            list(connect(server.getsockname()[1]).messages())
        thread.join(10)


def test_a_ping_is_answered_with_what_it_holds(serve: Serve) -> None:
    answered: list[tuple[int, bytes]] = []

    def peer(connection: socket.socket) -> None:
        answer(connection)
        connection.sendall(frame(9, b"are you there?"))
        answered.append(read_frame(connection))
        connection.sendall(frame(2, b"thanks"))

    assert next(serve(peer).messages()) == b"thanks"
    assert answered == [(10, b"are you there?")]


@pytest.mark.parametrize(
    ("data", "why", "code"),
    [
        (frame(8, struct.pack(">H", 1013) + b"later"), "later", 1013),
        (frame(8, b""), "^$", 1005),
        (b"", "closed", None),
        (frame(2, b"ab")[:-1], "closed", None),
        (frame(1, b"text"), "frame of kind 1 out of turn", None),
        (frame(0, b"x"), "frame of kind 0 out of turn", None),
        (frame(2, b"x", final=False) + frame(2, b"y"), "frame of kind 2 out of turn", None),
        (frame(9, b"", final=False), "control frame in pieces", None),
        (b"\x89\x7e\x00\x7e" + bytes(126), "control frame in pieces", None),
        (frame(3, b""), "begins with 0x8300", None),
        (b"\xc2\x00", "begins with 0xc200", None),
        (b"\x82\x81abcdx", "begins with 0x8281", None),
        (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "more than 1 MiB", None),
        (frame(2, bytes(LIMIT_BYTES), final=False) + frame(0, b"x"), "more than 1 MiB", None),
    ],
)
def test_a_socket_that_ends_or_misbehaves_says_how(serve: Serve, data: bytes, why: str, code: Optional[int]) -> None:
    def peer(connection: socket.socket) -> None:
        answer(connection)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    with pytest.raises(SocketEndedError, match=why) as caught:
        list(serve(peer).messages())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Upgrade", ""),
        ("Connection", "close"),
        ("Sec-WebSocket-Accept", "bm90IHRoaXMgb25l"),
        ("Sec-WebSocket-Protocol", "soap"),
        ("Sec-WebSocket-Protocol", ""),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ],
)
def test_a_handshake_that_is_not_right_is_none(serve: Serve, name: str, value: str) -> None:
    with pytest.raises(RefusedError) as caught:
        serve(lambda connection: answer(connection, (name, value)))
    assert caught.value.status == 0


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-x\r\n", b"HTTP/1.1 soon\r\n\r\n", b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 4000]
)
def test_what_speaks_otherwise_is_no_web_socket(serve: Serve, said: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        serve(says(said))
    assert caught.value.status == 0


def test_a_refusal_comes_with_its_body(serve: Serve) -> None:
    said = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nwhy!and more"
    with pytest.raises(RefusedError) as caught:
        serve(says(said))
    assert (caught.value.status, caught.value.body) == (403, b"why!")


def test_a_peer_that_hangs_up_in_the_handshake_or_says_nothing_is_not_there(serve: Serve) -> None:
    with pytest.raises(OSError, match=r"closed|reset"):
        serve(lambda connection: connection.recv(4096))
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(socket.timeout):
        WebSocket(("127.0.0.1", mute.getsockname()[1]), "/ws", {}, 0.2, LIMIT_BYTES)


def test_a_frozen_peer_is_asked_once_and_given_up(serve: Serve) -> None:
    asked: list[tuple[int, bytes]] = []

    def peer(connection: socket.socket) -> None:
        answer(connection)
        asked.append(read_frame(connection))
        connection.sendall(frame(10, b""))
        asked.append(read_frame(connection))
        asked.append(read_frame(connection))
        over.set()

    over = threading.Event()
    with pytest.raises(SocketEndedError, match="does not answer any more"):
        list(serve(peer).messages(1.2))
    assert over.wait(10)
    assert asked[:2] == [(9, b""), (9, b"")], "the first was answered, so it was asked again later"
    assert asked[2] == (8, struct.pack(">H", 1000))


def test_closing_from_another_thread_wakes_who_reads_and_who_sends(serve: Serve) -> None:
    def peer(connection: socket.socket) -> None:
        answer(connection)
        over.wait(10)

    over = threading.Event()
    web_socket = serve(peer)
    ended: list[SocketEndedError] = []

    def fill() -> None:
        try:
            while True:
                web_socket.send(bytes(LIMIT_BYTES))
        except SocketEndedError as error:
            ended.append(error)

    sender = threading.Thread(target=fill, daemon=True)
    sender.start()
    threading.Timer(0.2, web_socket.close).start()
    with pytest.raises(SocketEndedError):
        list(web_socket.messages(None))
    sender.join(10)
    over.set()
    assert len(ended) == 1
    web_socket.close()


def test_a_peer_that_takes_nothing_is_given_up(serve: Serve) -> None:
    def peer(connection: socket.socket) -> None:
        answer(connection)
        over.wait(10)

    over = threading.Event()
    web_socket = serve(peer)
    with pytest.raises(SocketEndedError, match="takes nothing any more"):
        web_socket.send(bytes(64 << 20), limit_s=0.3)
    over.set()
    with pytest.raises(SocketEndedError, match="closed"):
        web_socket.send(b"more")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the package comes with the daemon, for Python 3.11 and newer")
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_001])
def test_the_package_websockets_reads_what_we_send_and_we_what_it_sends(size: int) -> None:
    from websockets.sync.server import ServerConnection, serve  # noqa: PLC0415 - as said above

    def echo(peer: ServerConnection) -> None:
        for message in peer:
            peer.send(message)
            peer.ping()

    with serve(echo, "127.0.0.1", 0, subprotocols=["roto.v1.msgpack"], compression=None) as server:  # type: ignore[list-item]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        web_socket = connect(server.socket.getsockname()[1])
        messages = web_socket.messages()
        for content in (bytes(size), bytes(range(256)) * (size // 256)):
            web_socket.send(content)
            assert next(messages) == content
        web_socket.close()
        server.shutdown()
