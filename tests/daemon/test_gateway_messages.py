"""Messages as maps: held to the JSON form of Protocol Buffers, for every message of the protocol."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from edges import METHODS
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from roto_daemon.gateway.forms import JSON, MSGPACK, Form
from roto_daemon.gateway.messages import from_map, to_map
from roto_proto.v1 import daemon_pb2, plates_pb2, sessions_pb2, values_pb2

KINDS = [
    message_factory.GetMessageClass(each)
    for method in METHODS.values()
    for each in (method.input_type, method.output_type)
]
REALS = (0.1, -1e300, 5e-324, math.inf, -math.inf)
TEXTS = ("", "plate.####.exr", "Ünïcode \U0001f600", "\0")
WHOLES = {
    FieldDescriptor.CPPTYPE_INT32: (0, -(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: (0, -(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 1, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 1, (1 << 64) - 1),
}


def filled(message: Message, rng: random.Random) -> Message:
    """Fill a message at random, each field or not, by protobuf's own means."""
    for field in message.DESCRIPTOR.fields:
        times = rng.randrange(3) if isinstance(field.default_value, list) else rng.randrange(2)
        for _ in range(times):
            target = getattr(message, field.name)
            if field.message_type and isinstance(field.default_value, list):
                filled(target.add(), rng)
            elif field.message_type:
                target.SetInParent()
                filled(target, rng)
            elif isinstance(field.default_value, list):
                target.append(some(field, rng))
            else:
                setattr(message, field.name, some(field, rng))
    return message


def some(field: Any, rng: random.Random) -> Any:  # noqa: ANN401 - a descriptor has two types; of the field's type
    if field.enum_type:
        return rng.choice([*field.enum_type.values_by_number, 77])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.randbytes(rng.randrange(9))
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return rng.random() < 0.5
    return rng.choice(TEXTS if field.cpp_type == FieldDescriptor.CPPTYPE_STRING else WHOLES.get(field.cpp_type, REALS))


def without_quotes(printed: Any, own: Any) -> Any:  # noqa: ANN401 - parts of maps
    """Return what protobuf prints, with 64-bit numbers as numbers where ours are: it writes those as text."""
    if isinstance(printed, dict):
        return {key: without_quotes(value, own.get(key)) for key, value in printed.items()}
    if isinstance(printed, list):
        return [without_quotes(*pair) for pair in zip(printed, own)]
    return int(printed) if isinstance(own, int) and isinstance(printed, str) else printed


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.DESCRIPTOR.name))
def test_every_message_becomes_the_map_that_protobuf_itself_prints(kind: type[Message]) -> None:
    for seed in range(30):
        message = filled(kind(), random.Random(seed))  # noqa: S311 - no secret
        own = to_map(message, text=True)
        printed = json_format.MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        assert own == without_quotes(printed, own)


@pytest.mark.parametrize("form", [JSON, MSGPACK], ids=["json", "msgpack"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.DESCRIPTOR.name))
def test_every_message_comes_back_as_it_was(kind: type[Message], form: Form) -> None:
    for seed in range(30):
        message = filled(kind(), random.Random(seed))  # noqa: S311 - no secret
        assert form.decode(kind, form.encode(message)) == message


def test_a_number_that_is_none_crosses_in_both_forms() -> None:
    message = sessions_pb2.FrameDone(confidence=math.nan)
    assert to_map(message, text=True)["confidence"] == "NaN"
    for form in (JSON, MSGPACK):
        assert math.isnan(form.decode(sessions_pb2.FrameDone, form.encode(message)).confidence)


def test_numbers_of_javascript_are_whole_where_they_must_be() -> None:
    message = from_map(sessions_pb2.PropagateRequest, {"object_id": 3.0, "frames": {"first": 1e3}}, text=True)
    assert (message.object_id, message.frames.first) == (3, 1000)
    with pytest.raises(ValueError, match=r"PropagateRequest.frames.first is 1000.5: give a whole number"):
        from_map(sessions_pb2.PropagateRequest, {"frames": {"first": 1000.5}}, text=True)


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        (
            plates_pb2.OpenPlateRequest,
            {"path": {"path": b"bytes"}},
            r"OpenPlateRequest\.path\.path is 5 bytes: give text",
        ),
        (plates_pb2.UploadFramesRequest, {"data": "aGk="}, r"data is 'aGk=': give bytes"),
        (sessions_pb2.PropagateRequest, {"direction": "FORWARD"}, "one of DIRECTION_UNSPECIFIED, DIRECTION_FORWARD"),
        (sessions_pb2.PropagateRequest, {"send_mattes": 1}, "true or false"),
        (sessions_pb2.FitShapesRequest, {"edited": 3}, "edited is 3: give a list"),
        (sessions_pb2.FitShapesRequest, {"edited": [1, "2"]}, r"edited\[1\] is '2'"),
        (sessions_pb2.FitShapesRequest, {"tolerance_px": "1"}, "a number"),
        (
            sessions_pb2.SetShapesRequest,
            {"shapes": [{}, {"colour": {"red": []}}]},
            r"shapes\[1\]\.colour\.red is a list",
        ),
        (sessions_pb2.SetShapesRequest, {"shapes": [{"name": "x" * 99, "closed": "y" * 99}]}, "…"),
        (values_pb2.Prompt, {"frame": 1 << 64}, "frame is 18446744073709551616"),
        (daemon_pb2.HelloRequest, {b"client": 1}, "no field 6 bytes"),
    ],
)
def test_what_fits_no_field_is_named_with_its_place(kind: type[Message], content: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_map(kind, content, text=False)


def test_a_message_is_there_when_its_map_is_and_not_when_it_is_null() -> None:
    assert from_map(daemon_pb2.HelloRequest, {"api": {}}, text=True).HasField("api")
    assert not from_map(daemon_pb2.HelloRequest, {"api": None}, text=True).HasField("api")


def test_bytes_that_are_no_base64_are_refused_in_json() -> None:
    for data in ("a", "!!!!", "aGk", 5):
        with pytest.raises(ValueError, match="bytes as base64"):
            from_map(plates_pb2.UploadFramesRequest, {"data": data}, text=True)
