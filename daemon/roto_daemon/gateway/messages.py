"""Messages of the protocol as plain maps, and back, by walking their descriptors: nothing here is per message.

A map has the names of the .proto. Enums are their names; an enum's number that this code does not know stays a number.
Fields that are not set and could be (messages, `optional`, members of a oneof) are left out, all others are there.
"""

from __future__ import annotations

import base64
import binascii
import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

_INTEGERS = frozenset({FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64})
_NATURALS = frozenset({FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64})
_REALS = frozenset({FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT})
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_SHOWN_CHARACTERS = 40
"""More of a value than this helps nobody who reads what is wrong with it."""

Kind = TypeVar("Kind", bound=Message)


@dataclass(frozen=True)
class _Field:
    """What converting one field of one message takes."""

    name: str
    repeated: bool
    optional: bool
    """Whether it is left out where it is not set."""
    oneof: str
    """The oneof that it is a member of, or nothing."""
    message: Descriptor | None
    out: Callable[[Any], Any] | None
    """Turns a value of the message into one of the map; None where they are the same."""
    back: Callable[[Any], Any]
    """Turns a value of the map into one of the message; ValueError says what was expected."""


def to_map(message: Message, *, text: bool) -> dict[str, Any]:
    """Return a message as a map.

    With `text` the map can be written as JSON: bytes are base64, and numbers that are not finite are the texts `NaN`,
    `Infinity` and `-Infinity`, as in the JSON form of Protocol Buffers (protobuf.dev, ProtoJSON format).
    """
    result: dict[str, Any] = {}
    for field in _fields(message.DESCRIPTOR, text):
        if field.optional and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if field.message:
            result[field.name] = (
                [to_map(each, text=text) for each in value] if field.repeated else to_map(value, text=text)
            )
        elif field.repeated:
            result[field.name] = list(map(field.out, value)) if field.out else list(value)
        else:
            result[field.name] = field.out(value) if field.out else value
    return result


def from_map(kind: type[Kind], content: object, *, text: bool) -> Kind:
    """Return the message of a kind that a map holds; what the map leaves out has its default, as has what is null.

    Raises ValueError with a sentence that names the field. A field that is not known here is refused unless its value
    says nothing (false, 0, empty, null): a newer client writes those for what it does not ask for.
    """
    message = kind()
    _fill(message, content, kind.DESCRIPTOR.name, text=text)
    return message


def member(message: Message) -> tuple[str, str]:
    """Return what is set of the message's oneof: the member's name and its message's full name; else empty texts."""
    for oneof in message.DESCRIPTOR.oneofs:
        name = message.WhichOneof(oneof.name)
        if name is not None:
            kind = message.DESCRIPTOR.fields_by_name[name].message_type
            return name, kind.full_name if kind else ""
    return "", ""


def _fill(message: Message, content: object, where: str, *, text: bool) -> None:
    if not isinstance(content, Mapping):
        raise ValueError(f"{where} is {_shown(content)}: give a map of its fields.")  # noqa: TRY004 - as from_map says
    known = _by_name(message.DESCRIPTOR, text)
    taken: dict[str, str] = {}
    for name, value in content.items():
        field = known.get(name)
        if field is None:
            if value:
                raise ValueError(f"{where} has no field {_shown(name)}; it has: {', '.join(known) or 'none'}.")
            continue
        if value is None:
            continue
        if field.oneof and taken.setdefault(field.oneof, name) != name:
            raise ValueError(f"{where} has both {taken[field.oneof]} and {name}: give one of them.")
        _set(message, field, value, f"{where}.{name}", text=text)


def _set(message: Message, field: _Field, value: Any, where: str, *, text: bool) -> None:  # noqa: ANN401 - unchecked
    if field.repeated:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{where} is {_shown(value)}: give a list.")
        _extend(getattr(message, field.name), field, value, where, text=text)
    elif field.message:
        child = getattr(message, field.name)
        child.SetInParent()
        _fill(child, value, where, text=text)
    else:
        try:
            setattr(message, field.name, field.back(value))
        except (ValueError, TypeError) as error:  # protobuf refuses numbers beyond the field's range
            raise ValueError(_sentence(where, value, error)) from None


def _extend(target: Any, field: _Field, values: Iterable[Any], where: str, *, text: bool) -> None:  # noqa: ANN401 - protobuf's containers
    for index, value in enumerate(values):
        if field.message:
            _fill(target.add(), value, f"{where}[{index}]", text=text)
        else:
            try:
                target.append(field.back(value))
            except (ValueError, TypeError) as error:
                raise ValueError(_sentence(f"{where}[{index}]", value, error)) from None


def _sentence(where: str, value: object, error: Exception) -> str:
    expected = error.expected if isinstance(error, _UnfitError) else "a value that the field can hold"
    return f"{where} is {_shown(value)}: give {expected}."


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value)} bytes"
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


class _UnfitError(ValueError):
    """A value that a field cannot take."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


@functools.cache
def _by_name(descriptor: Descriptor, text: bool) -> dict[str, _Field]:  # noqa: FBT001 - a key of the cache
    return {field.name: field for field in _fields(descriptor, text)}


@functools.cache
def _fields(descriptor: Descriptor, text: bool) -> tuple[_Field, ...]:  # noqa: FBT001 - a key of the cache
    return tuple(
        _Field(
            name=field.name,
            repeated=isinstance(field.default_value, list),
            optional=field.has_presence,
            oneof=field.containing_oneof.name if field.containing_oneof else "",
            message=field.message_type,
            out=_out(field, text=text),
            back=_back(field, text=text),
        )
        for field in descriptor.fields
    )


def _out(field: FieldDescriptor, *, text: bool) -> Callable[[Any], Any] | None:
    if field.enum_type:
        names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
        return lambda number: names.get(number, number)
    if text and field.type == FieldDescriptor.TYPE_BYTES:
        return lambda data: base64.b64encode(data).decode("ascii")
    if text and field.cpp_type in _REALS:
        return lambda number: (
            number if math.isfinite(number) else str(number).replace("nan", "NaN").replace("inf", "Infinity")
        )
    return None


def _back(field: FieldDescriptor, *, text: bool) -> Callable[[Any], Any]:
    if field.enum_type:
        return functools.partial(_enum, field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _base64 if text else _bytes
    if field.cpp_type in _INTEGERS:
        return _integer
    if field.cpp_type in _NATURALS:
        return _natural
    if field.cpp_type in _REALS:
        return _real
    return _bool if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else _text


def _enum(kind: EnumDescriptor, value: object) -> int:
    if isinstance(value, str) and value in kind.values_by_name:
        return int(kind.values_by_name[value].number)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _UnfitError(f"one of {', '.join(kind.values_by_name)}")


def _bytes(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    raise _UnfitError("bytes")


def _base64(value: object) -> bytes:
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            pass
    raise _UnfitError("bytes as base64")


def _integer(value: object) -> int:
    if isinstance(value, float) and value.is_integer():  # JavaScript has no other numbers
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _UnfitError("a whole number")


def _natural(value: object) -> int:
    number = _integer(value)
    if number < 0:
        raise _UnfitError("a whole number from 0")
    return number


def _real(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    raise _UnfitError("a number")


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _UnfitError("true or false")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _UnfitError("text")
