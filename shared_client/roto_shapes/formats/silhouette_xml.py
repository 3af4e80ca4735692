"""Elements of Silhouette's .fxs: what has properties, and each property's value or keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn, Optional
from xml.etree.ElementTree import Element

from roto_shapes.formats.xml_text import finite, parse_tree

ROOT = "Silhouette"
HOLD, LINEAR = "hold", "linear"
"""Values of `interp` of a key."""


class Row(NamedTuple):
    """A key of a property, or its one value."""

    frame: float
    """From 0 at the session's first."""
    interp: str
    value: str
    element: Element

    @property
    def holds(self) -> bool:
        """Say whether the value stays until the next key and then jumps."""
        return self.interp == HOLD


def parse(text: str) -> Element:
    """Return the root of a file; raises ValueError with the line for text that is none."""
    root = parse_tree(text)
    if root.tag != ROOT:
        _refuse(f"this is no file of Silhouette's shapes: its first element is not <{ROOT}>")
    return root


def attribute(element: Element, name: str, usual: float) -> float:
    """Return the number that an attribute says, or what is usual; raises ValueError for what is no number."""
    text = element.get(name)
    return usual if text is None else finite(text, f"'{name}' of the session")


def first_frame(root: Element) -> int:
    """Return the shot's number of frame 0."""
    return int(attribute(root, "sessionStartFrame", 0.0))


def kind_of(element: Element) -> str:
    """Return `Layer`, `Shape` or another kind of object; nothing for an element that is none."""
    known = element.tag in {"Layer", "Shape"}
    return element.tag if known else element.get("type", "")


def property_named(element: Element, name: str) -> Optional[Element]:
    """Return a property of an object, if it has it."""
    return next((each for each in properties(element) if each.get("id") == name), None)


def properties(element: Element) -> Iterator[Element]:
    """Yield the properties of an object."""
    for group in element.findall("Properties"):
        yield from group.findall("Property")


def rows(found: Element) -> list[Row]:
    """Return a property's keys by rising frame, or its one value at frame 0; nothing where it has neither."""
    constant = found.find("Value")
    if constant is not None:
        return [Row(0.0, LINEAR, constant.text or "", constant)]
    keys = [
        Row(finite(key.get("frame", "0"), "a frame"), key.get("interp", LINEAR), key.text or "", key)
        for key in found.findall("Key")
    ]
    return sorted(keys, key=lambda row: row.frame)


def constant(element: Element, name: str, usual: str) -> str:
    """Return a property's first value, or what is usual."""
    found = property_named(element, name)
    kept = [] if found is None else rows(found)
    return (kept[0].value.strip() or usual) if kept else usual


def numbers(text: str, what: str) -> list[float]:
    """Return the numbers of a value, with or without parentheses; raises ValueError, telling `what` holds it."""
    return [finite(part, what) for part in re.split(r"[\s,()]+", text) if part]


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
