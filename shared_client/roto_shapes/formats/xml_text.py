"""XML of several formats: attributes that every parser takes, and the trees of files that nobody vouches for."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError, XMLPullParser
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


def parse_tree(text: str) -> Element:
    """Return the root element; nothing is expanded, and depth is watched while reading.

    Raises ValueError with line and column for what is not whole XML, and for what declares a document type.
    """
    if len(text) > MAX_CHARACTERS:
        _refuse(f"this file is longer than {MAX_CHARACTERS} characters")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        _refuse("this file declares a document type of its own, which is not read: delete its <!DOCTYPE …>")
    parser: XMLPullParser[Any] = XMLPullParser(["start", "end"])
    root: Any = None
    depth = 0
    try:
        for start in range(0, len(text), _PIECE):
            parser.feed(text[start : start + _PIECE])
            events: Iterator[Any] = parser.read_events()
            for event, element in events:
                depth += 1 if event == "start" else -1
                root = element if root is None else root
                if depth > MAX_DEPTH:
                    _refuse(f"elements lie in each other more than {MAX_DEPTH} deep")
        parser.close()
    except ParseError as error:
        line, column = error.position
        _refuse(f"line {line}, column {column + 1}: this is not whole XML: {error.msg.split(':')[0]}")
    found: Element = root
    return found


def finite(text: str, what: str) -> float:
    """Return the number that a text says; raises ValueError, telling `what` holds it."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        _refuse(f"{what} holds '{text[:20]}', which is not a finite number")
    return number


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
