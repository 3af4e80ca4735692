"""The calls described as OpenAPI 3.1: schemas made from the protocol's descriptors."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from roto_daemon.gateway.calls import CALLS, Call
from roto_daemon.gateway.comments import comments
from roto_daemon.gateway.forms import FORMS

PROBLEM = "Problem"
PROBLEM_MEDIA_TYPE = "application/problem+json"
_REFERENCE = "#/components/schemas/"
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}
_OTHERS: dict[int, dict[str, Any]] = {
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
}
_REAL = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}


def schemas() -> dict[str, Any]:
    """Return the schema of every message that a call takes or gives, and that of errors, by name."""
    found: dict[str, Any] = {PROBLEM: _problem()}
    for call in CALLS.values():
        for kind in (call.request, call.response):
            _collect(kind.DESCRIPTOR, found)
    return found


def operation(call: Call) -> dict[str, Any]:
    """Return what OpenAPI says of one call, beside its path."""
    streams = call.takes_stream or call.gives_stream
    how = " A stream: begin it over /ws, where its messages have these forms." if streams else ""
    request, response = ({"$ref": _REFERENCE + kind.DESCRIPTOR.name} for kind in (call.request, call.response))
    refused = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": _REFERENCE + PROBLEM}}}
    return {
        "operationId": f"{call.service}_{call.name}",
        "summary": call.op,
        "description": comments()[f"{call.service}.{call.name}"] + how,
        "tags": [call.service],
        "x-streams": {"request": call.takes_stream, "answers": call.gives_stream},
        "requestBody": {"required": True, "content": _content(request)},
        "responses": {
            "200": {"description": "The answer.", "content": _content(response)},
            "default": {"description": "Why the call did not succeed.", "content": refused},
        },
    }


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {form.media_types[0]: {"schema": schema} for form in FORMS}


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    properties = {
        "type": {"const": "about:blank", "description": "Nothing more: the code says what it is."},
        "title": {**text, "description": "What the status is called."},
        "status": {"type": "integer", "description": "The status of HTTP."},
        "code": {**text, "description": "The name of a gRPC status, such as NOT_FOUND."},
        "detail": {**text, "description": "One sentence or two for a person."},
        "reason": {**text, "description": "The daemon's error (docs/reference/errors.md); empty where it is none."},
    }
    return {"type": "object", "required": sorted(properties), "properties": properties}


def _collect(descriptor: Any, found: dict[str, Any]) -> None:  # noqa: ANN401 - its type has two names
    if descriptor.name in found:
        return
    said = comments()[descriptor.name]
    for oneof in descriptor.oneofs:
        if len(oneof.fields) > 1:
            said += f" At most one of: {', '.join(field.name for field in oneof.fields)}."
    found[descriptor.name] = {
        "type": "object",
        "description": said,
        "properties": {field.name: _schema(field) for field in descriptor.fields},
    }
    for field in descriptor.fields:
        if field.message_type:
            _collect(field.message_type, found)


def _schema(field: FieldDescriptor) -> dict[str, Any]:
    one = _one(field)
    schema: dict[str, Any] = {"type": "array", "items": one} if isinstance(field.default_value, list) else one
    own = comments()[".".join(field.full_name.split(".")[-2:])]
    return {**schema, "description": " ".join([own, schema.get("description", "")]).strip()}


def _one(field: FieldDescriptor) -> dict[str, Any]:
    if field.message_type:
        return {"$ref": _REFERENCE + field.message_type.name}
    if field.enum_type:
        names = list(field.enum_type.values_by_name)
        said = [f"{name}: {comments()[f'{field.enum_type.name}.{name}']}" for name in names]
        return {"type": "string", "enum": names, "description": " ".join(said)}
    if field.cpp_type in _INTEGERS:
        least, most = _INTEGERS[field.cpp_type]
        return {"type": "integer", "minimum": least, "maximum": most}
    return dict(_OTHERS.get(field.type, _REAL))
