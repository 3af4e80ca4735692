"""Damaged messages through everything that reads them: a message or one sentence, within bounds of memory.

`ROTO_FUZZ=50000` sets how many inputs each form and the socket get; without it there are few.
"""

from __future__ import annotations

import os
import random
import tracemalloc
from typing import Any

import msgpack
import pytest
from edges import METHODS, open_socket
from google.protobuf import message_factory
from serving import Daemon
from websockets.sync.client import ClientConnection

from roto_daemon.gateway.forms import JSON, MSGPACK, Form

INPUTS = int(os.environ.get("ROTO_FUZZ", "300"))
SECONDS = max(60, INPUTS // 50)
BETWEEN = 20
"""After so many messages the socket is asked whether it still answers."""
GREETING = {"id": 1, "op": "DaemonService/Hello", "args": {"api": {"major": 1, "minor": 1}}}
REQUESTS: list[dict[str, Any]] = [
    {"id": 2, "op": "PlateService/OpenPlate", "args": {"path": {"path": "/no/p.####.exr", "frames": {"first": 1}}}},
    {"id": 3, "op": "SessionService/SetPrompt",
     "args": {"session_id": "none", "prompt": {"points": [{"x": 1.5, "y": -2.0, "foreground": True}] * 3}}},
    {"id": 4, "op": "SessionService/Propagate", "args": {"direction": "DIRECTION_FORWARD"}, "latest": True},
    {"id": 5, "op": "PlateService/UploadFrames", "metadata": {"matte-coding": "zlib"}},
    {"id": 5, "send": {"plate_id": "none", "data": bytes(range(64))}},
    {"id": 5, "end": True},
    {"id": 4, "cancel": True},
    {"id": 6, "op": "SessionService/SetShapes", "args": {"shapes": [{"keyframes": [{"points": [{"x": 1}] * 9}]}]}},
    GREETING,
]  # fmt: skip
PIECES = [
    *(bytes([first]) for first in (0x80, 0x90, 0xA0, 0xC0, 0xC1, 0xC2, 0xC3, 0xCA, 0xCB, 0xCF, 0xD3, 0xFF, 0x00, 0x7F)),
    *(b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff"),
    *(b"\xdc\xff\xff", b"\xde\xff\xff", b"\xd4\x01\x00", b"\xc7\xff\x01", b"\xa1\xff", b"\x91" * 600, b"\x90" * 600),
    *(b"[", b"]", b"{", b"}", b'"', b"\\u", b"\\ud800", b"1e999", b"-", b"null", b"[" * 600, b"9" * 600, b"NaN"),
]


def damaged(whole: bytes, rng: random.Random) -> bytes:
    """Return bytes after one to four accidents."""
    data = bytearray(whole)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data) + 1)
        accident = rng.randrange(5)
        if accident == 0:
            data[place:place] = rng.choice(PIECES)
        elif accident == 1:
            del data[place : place + rng.randint(1, 9)]
        elif accident == 2:
            data[place : place + 1] = rng.randbytes(1)
        elif accident == 3:
            data[place:] = data[rng.randrange(len(data) + 1) :]
        else:
            data[place : place + 4] = rng.choice(PIECES)
    return bytes(data)


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("form", [JSON, MSGPACK], ids=["json", "msgpack"])
def test_a_damaged_body_is_a_request_or_one_sentence(form: Form) -> None:
    rng = random.Random(7)  # noqa: S311 - no secret
    wholes = [form.write(each["args"]) for each in REQUESTS if "args" in each]
    kinds = [message_factory.GetMessageClass(method.input_type) for method in METHODS.values()]
    said = []
    for _ in range(INPUTS):
        try:
            form.decode(rng.choice(kinds), damaged(rng.choice(wholes), rng))
        except ValueError as error:
            said.append(str(error))
    assert said
    assert max(map(len, said)) < 1000


@pytest.mark.parametrize("form", [JSON, MSGPACK], ids=["json", "msgpack"])
@pytest.mark.parametrize("one", [0, 1], ids=["flat", "deep"])
def test_lists_of_nothing_cost_no_more_memory_than_their_message_explains(form: Form, one: int) -> None:
    size = 2 << 20
    if form is JSON:
        data = b"[" * size if one else b"[" + b"[]," * (size // 3) + b"[]]"
    else:
        data = b"\x91" * size if one else b"\xdc\x00\x20" + (b"\xdc\xff\xff" + b"\x90" * 65535) * 32
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"lists and maps|too deep|not msgpack"):
        form.read(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 64 << 20


@pytest.mark.timeout(SECONDS)
def test_damaged_messages_leave_a_socket_that_answers_and_a_daemon_without_defects(daemon: Daemon) -> None:
    rng = random.Random(11)  # noqa: S311 - no secret
    before = daemon.log.read_text()
    wholes = [msgpack.packb(each) for each in REQUESTS]
    with open_socket(daemon.http) as opened:
        for number in range(INPUTS):
            opened.send(damaged(rng.choice(wholes), rng))
            if number % BETWEEN == 0:
                require_answer(opened, 1000 + number)
        require_answer(opened, 999)
    logged = daemon.log.read_text().removeprefix(before)
    assert "Traceback" not in logged


def require_answer(opened: ClientConnection, number: int) -> None:
    """Greet under an id of its own, and read until that is answered."""
    opened.send(msgpack.packb({**GREETING, "id": number << 20}))
    while True:
        answer = msgpack.unpackb(opened.recv(30))
        assert answer.get("error", {}).get("reason") != "InternalError"
        if answer["id"] == number << 20:
            assert "ok" in answer
            return
