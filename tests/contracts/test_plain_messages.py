"""Messages without protobuf read as protobuf's do, and nothing that a peer sends is believed."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message_factory import GetMessageClass

from roto_proto import plain
from roto_proto.v1 import daemon_pb2, plates_pb2, schema, sessions_pb2, values_pb2

FILES = (daemon_pb2, plates_pb2, sessions_pb2, values_pb2)
MESSAGES = [message for file in FILES for message in file.DESCRIPTOR.message_types_by_name.values()]


def values_of(message: Any, kind: Descriptor, depth: int = 0) -> dict[str, object]:  # noqa: ANN401 - either kind
    """Read all of a message as `wire` does, by attribute and presence."""
    read: dict[str, object] = {}
    for field in kind.fields:
        value = getattr(message, field.name)
        if isinstance(field.default_value, list):
            read[field.name] = list(value)
        elif field.message_type is None:
            read[field.name] = (type(value), value)
        elif depth < 3:
            read[field.name] = values_of(value, field.message_type, depth + 1)
        if field.has_presence:
            read[f"{field.name} is there"] = message.HasField(field.name)
    read.update({oneof.name: message.WhichOneof(oneof.name) for oneof in kind.oneofs if not oneof.name.startswith("_")})
    return read


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.name)
def test_an_empty_message_reads_as_protobuf_s(kind: Descriptor) -> None:
    assert values_of(plain.Message(kind.name, {}), kind) == values_of(GetMessageClass(kind)(), kind)
    assert values_of(plain.from_map(kind.name, plain.to_map(kind.name, {})), kind) == values_of(
        GetMessageClass(kind)(), kind
    )


def test_every_message_and_method_of_the_protocol_is_in_the_tables() -> None:
    assert set(schema.MESSAGES) == {kind.name for kind in MESSAGES}
    methods = [
        method for file in FILES for each in file.DESCRIPTOR.services_by_name.values() for method in each.methods
    ]
    assert set(schema.METHODS) == {f"{method.containing_service.name}/{method.name}" for method in methods}
    for method in methods:
        streams = (method.client_streaming, method.server_streaming)
        ends = (method.input_type.name, method.output_type.name)
        assert schema.METHODS[f"{method.containing_service.name}/{method.name}"] == (*ends, *streams)


def test_a_message_travels_with_all_but_what_is_unset_and_enums_by_name() -> None:
    sent = plain.to_map("ExportRequest", {"session_id": "s", "format": 4, "frames": {"first": 1, "last": 2}})
    assert sent == {
        "session_id": "s",
        "format": "EXPORT_FORMAT_MATTE_PNG",
        "object_id": 0,
        "frames": {"first": 1, "last": 2},
        "credit": "",
        "matte_bits": 0,
        "matte_compression": "",
    }
    assert plain.to_map("FilePart", {"data": b"x"}) == {"data": b"x", "last": False}
    assert plain.to_map("UploadFramesRequest", {"data": b""}) == {"plate_id": "", "data": b""}


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValueError, match="A Plate has no field 'girth'"):
        plain.to_map("Plate", {"girth": 3})
    with pytest.raises(AttributeError, match="no field 'girth'"):
        _ = plain.from_map("Plate", {}).girth


def test_what_a_newer_peer_adds_is_passed_over() -> None:
    engine = plain.from_map(
        "Engine", {"name": "x", "since": [1], "prompts": ["PROMPT_KIND_BOX", "PROMPT_KIND_SONG", 77]}
    )
    assert (engine.name, engine.prompts) == ("x", [2, -1, 77])


def test_members_of_a_oneof_tell_which_one_is_set() -> None:
    answer = plain.from_map("PropagateResponse", {"frame": {"frame": 7}})
    assert (answer.WhichOneof("event"), answer.frame.frame, answer.progress.done) == ("frame", 7, 0)
    assert answer.HasField("frame")
    assert not answer.HasField("progress")


@pytest.mark.parametrize(
    ("kind", "sent", "why"),
    [
        ("Plate", [], "A Plate came as list"),
        ("Plate", {"width": "3"}, "str 3 came where uint32"),
        ("Plate", {"width": -1}, "int -1 came where uint32"),
        ("Plate", {"width": 2**32}, "uint32"),
        ("Plate", {"width": True}, "bool True came where uint32"),
        ("Plate", {"width": 1.0}, "float 1.0 came where uint32"),
        ("Plate", {"name": b"x"}, "bytes"),
        ("Plate", {"pixel_aspect": "wide"}, "str wide came where double"),
        ("Plate", {"frames": 3}, "A FrameRange came as int"),
        ("FilePart", {"data": "x"}, "str x came where bytes"),
        ("FilePart", {"last": 1}, "int 1 came where bool"),
        ("Shape", {"keyframes": {}}, "'keyframes' of a Shape came as dict"),
        ("Engine", {"prompts": [1.5]}, "float 1.5 came where PromptKind"),
    ],
)
def test_what_is_not_of_its_type_is_refused(kind: str, sent: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        plain.from_map(kind, sent)
