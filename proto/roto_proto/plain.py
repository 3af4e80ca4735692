"""Messages without protobuf: maps on the way, and here with as much of protobuf's way of reading as `wire` needs.

On the way a message is a map of its fields by the names of the .proto files: numbers as numbers, bytes as bytes, enums
by name; optional fields, members of a oneof and messages are left out where they are unset, all else is always there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional, final

from roto_proto.v1 import schema

_UNKNOWN_ENUM = -1
"""What the name of an enum becomes that a newer peer knows and we do not; no enum has that number."""
_DEFAULTS = {"string": "", "bytes": b"", "bool": False, "double": 0.0}
"""Of the types that are no whole numbers."""
_RANGES = {
    "sint32": range(-(2**31), 2**31),
    "uint32": range(2**32),
    "sint64": range(-(2**63), 2**63),
    "uint64": range(2**64),
}
_NUMBERS = {kind: {name: number for number, name in names.items()} for kind, names in schema.ENUMS.items()}


@final
class Message:
    """A message that came: a field that is not there reads as protobuf's default, an unset message as an empty one."""

    def __init__(self, kind: str, fields: Mapping[str, Any]) -> None:
        self.__dict__.update(fields)
        self._kind = kind

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as many types as fields
        """Return the default of a field that is not there."""
        try:
            kind, rule = schema.MESSAGES[self._kind][name]
        except KeyError:
            raise AttributeError(f"A {self._kind} has no field '{name}'.") from None
        if rule == "repeated":
            return ()
        return Message(kind, {}) if kind in schema.MESSAGES else _DEFAULTS.get(kind, 0)

    def HasField(self, name: str) -> bool:  # noqa: N802 - protobuf's name
        """Say whether an optional field, a member of a oneof or a message is set."""
        return name in self.__dict__

    def WhichOneof(self, oneof: str) -> Optional[str]:  # noqa: N802 - protobuf's name
        """Return the name of the member that is set."""
        fields = schema.MESSAGES[self._kind].items()
        return next((name for name, (_, rule) in fields if rule == oneof and name in self.__dict__), None)


def to_map(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message as it travels, made of its fields; those that are None are unset, as with protobuf.

    Raises ValueError for a field that the message does not have.
    """
    known = schema.MESSAGES[kind]
    strange = sorted(fields.keys() - known.keys())
    if strange:
        raise ValueError(f"A {kind} has no field '{strange[0]}'.")
    sent: dict[str, Any] = {}
    for name, (of, rule) in known.items():
        value = fields.get(name)
        if rule == "repeated":
            sent[name] = [_sent(of, each) for each in value or ()]
        elif value is not None:
            sent[name] = _sent(of, value)
        elif not rule and of not in schema.MESSAGES:
            sent[name] = _sent(of, _DEFAULTS.get(of, 0))
    return sent


def from_map(kind: str, value: object) -> Message:
    """Return the message that a peer sent as a map; fields of a newer peer are passed over.

    Raises ValueError for what is not of its type.
    """
    if not isinstance(value, dict):
        raise ValueError(f"A {kind} came as {type(value).__name__} where a map should be.")  # noqa: TRY004 - a peer's
    fields: dict[str, Any] = {}
    for name, (of, rule) in schema.MESSAGES[kind].items():
        given = value.get(name)
        if given is None:
            continue
        if rule != "repeated":
            fields[name] = _received(of, given)
        elif isinstance(given, list):
            fields[name] = [_received(of, each) for each in given]
        else:
            raise ValueError(f"'{name}' of a {kind} came as {type(given).__name__} where a list should be.")
    return Message(kind, fields)


def _sent(of: str, value: Any) -> Any:  # noqa: ANN401 - any field
    if of in schema.MESSAGES:
        return to_map(of, value)
    return schema.ENUMS[of].get(value, value) if of in schema.ENUMS else value


def _received(of: str, value: Any) -> Any:  # noqa: ANN401 - any field
    if of in schema.MESSAGES:
        return from_map(of, value)
    if of in _NUMBERS and isinstance(value, str):
        return _NUMBERS[of].get(value, _UNKNOWN_ENUM)
    if of == "double" and type(value) in {int, float}:
        return float(value)
    whole = _RANGES.get("sint32" if of in _NUMBERS else of)
    fits = type(value) is int and value in whole if whole else type(value) is type(_DEFAULTS[of])
    if not fits:
        raise ValueError(f"{type(value).__name__} {str(value)[:40]} came where {of} should be.")
    return value
