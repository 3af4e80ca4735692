"""XML of several formats: attributes that every parser takes, and the trees of files that nobody vouches for."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

MAX_CHARACTERS = 100_000_000
MAX_DEPTH = 100
"""How deep elements may lie in each other; each layer in a layer of Silhouette takes three."""

_PIECE = 1 << 16
_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, escaped or not."""


def printable(text: str) -> str:
    """Return a text with `_` for characters that XML cannot hold, escaped or not."""
    return _FORBIDDEN.sub("_", text)


def quoted(text: str) -> str:
    """Return an attribute's value with its quotes; characters that XML cannot hold become `_`."""
    return quoteattr(printable(text))


def comment(text: str) -> str:
    """Return a comment."""
    return f"<!-- {printable(text).replace('--', '- -')} -->"


class _Placed(Element):
    """An element that knows where it begins."""

    line = 0


class _Tree:
    """Builds elements as the parser meets them, and watches how deep they lie."""

    def __init__(self) -> None:
        # Names of an element's namespace come as `space}name`, and stand in a tree as `{space}name`.
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._builder = TreeBuilder(element_factory=_Placed)
        self._parser.CharacterDataHandler = self._builder.data
        self._depth = 0

    def root(self, text: str) -> Element:
        """Return the root of a text; raises ValueError with line and column."""
        try:
            for start in range(0, len(text), _PIECE):
                self._parser.Parse(text[start : start + _PIECE], False)  # noqa: FBT003 - it takes no keywords
            self._parser.Parse("", True)  # noqa: FBT003 - the same
        except expat.ExpatError as error:
            why = expat.ErrorString(error.code)
            _refuse(f"line {error.lineno}, column {error.offset + 1}: this is not whole XML: {why}")
        return self._builder.close()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            _refuse(f"elements lie in each other more than {MAX_DEPTH} deep")
        named = {_in_space(key): value for key, value in attributes.items()}
        element: Any = self._builder.start(_in_space(name), named)
        element.line = self._parser.CurrentLineNumber

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._builder.end(_in_space(name))


def parse_tree(text: str) -> Element:
    """Return the root element; nothing is expanded, and depth is watched while reading.

    Raises ValueError with line and column for what is not whole XML, and for what declares a document type.
    """
    if len(text) > MAX_CHARACTERS:
        _refuse(f"this file is longer than {MAX_CHARACTERS} characters")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        _refuse("this file declares a document type of its own, which is not read: delete its <!DOCTYPE …>")
    return _Tree().root(text)


@contextmanager
def lines_told(element: Element) -> Iterator[None]:
    """Put the line of an element before what is refused inside, unless a line stands there already."""
    try:
        yield
    except ValueError as error:
        line = getattr(element, "line", 0)
        if not line or str(error).startswith("line "):
            raise
        message = f"line {line}: {error}"
        raise ValueError(message) from error


def finite(text: str, what: str) -> float:
    """Return the number that a text says; raises ValueError, telling `what` holds it."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        _refuse(f"{what} holds '{text[:20]}', which is not a finite number")
    return number


def _in_space(name: str) -> str:
    return "{" + name if "}" in name else name


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
