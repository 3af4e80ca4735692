"""What the .proto files say in their comments, for the published description: descriptors at run time have none.

The files lie beside the generated code. Their form is held by `buf lint`: one thing a line, its comment above it.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Iterable, Mapping

_PACKAGE = "roto_proto.v1"
_COMMENT = re.compile(r"\s*// ?(.*)")
_BLOCK = re.compile(r"\s*(service|message|enum|oneof) (\w+) \{(\})?")
_MEMBER = re.compile(r"\s*(?:rpc (\w+)\(|(?:[\w.]+ )*(\w+) = \d+;)")


@functools.cache
def comments() -> Mapping[str, str]:
    """Return the comment on each service, call, message, field and enum by its name, such as `Prompt.points`."""
    return {
        name: text
        for file in importlib.resources.files(_PACKAGE).iterdir()
        if file.name.endswith(".proto")
        for name, text in _read(file.read_text(encoding="utf-8").splitlines())
    }


def _read(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield names with their comments; members of a oneof are members of its message."""
    above: list[str] = []
    inside: list[str] = []
    for line in lines:
        if comment := _COMMENT.fullmatch(line):
            above.append(comment[1])
            continue
        if block := _BLOCK.match(line):
            kind, name, ended = block.groups()
            if kind != "oneof":
                yield name, " ".join(above)
            if not ended:
                inside.append(inside[-1] if kind == "oneof" else name)
        elif inside and (member := _MEMBER.match(line)):
            yield f"{inside[-1]}.{member[1] or member[2]}", " ".join(above)
        elif inside and line.strip() == "}":
            inside.pop()
        above = []
