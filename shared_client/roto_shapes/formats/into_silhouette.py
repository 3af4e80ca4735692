"""Shapes put into a file of Silhouette that is there already: what is not theirs stays as it is, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn
from xml.etree.ElementTree import Element
from xml.parsers import expat

from roto_shapes.formats.into import Edit, edited
from roto_shapes.formats.silhouette_layers import motion_of, not_followed
from roto_shapes.formats.silhouette_reading import plate_of
from roto_shapes.formats.silhouette_xml import attribute, first_frame, kind_of, parse, properties, property_named
from roto_shapes.formats.xml_text import quoted
from roto_shapes.shot import Plate
from roto_shapes.sink import Export

_KEY_FRAME = re.compile(r'(?<=<Key frame=")-?\d+')
_KIND = re.compile(r"""\bshape_type\s*=\s*("[^"]*"|'[^']*')""")


class _Span(NamedTuple):
    """Where an element stands in its text."""

    start: int
    inside: int
    """Behind its opening tag."""
    end: int
    closed_at_once: bool
    """Whether it is one tag, `<a/>`."""


class _File:
    """A file with the place of each of its elements."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = parse(text)
        self._spans = dict(zip(self.root.iter(), _spans(text)))
        self.shapes: dict[str, Element] = {}
        self.moved: dict[str, str] = {}
        """Shapes in a layer that moves, with that layer's name."""

    def span(self, element: Element) -> _Span:
        """Return where an element stands."""
        return self._spans[element]

    def of(self, element: Element) -> str:
        """Return an element's text."""
        span = self._spans[element]
        return self.text[span.start : span.end]

    def find_shapes(self, plate: Plate) -> None:
        """Find all shapes by their names; raises ValueError for two of one name."""
        self._find(self.root, "", plate)

    def _find(self, parent: Element, carrier: str, plate: Plate) -> None:
        for element in parent:
            kind, name = kind_of(element), element.get("label", "")
            if kind == "Shape":
                if name in self.shapes:
                    _refuse(f"two shapes there are named '{name}': rename one of them")
                self.shapes[name] = element
                if carrier:
                    self.moved[name] = carrier
            inside = property_named(element, "objects") if kind == "Layer" else None
            if inside is not None:
                moves = not_followed(element) or motion_of(element, name, plate) is not None
                self._find(inside, name or "?" if moves else carrier, plate)


def put_into_silhouette(script: str, written: str, node_name: str) -> Export:
    """Return a file of Silhouette with the shapes of `written`, each in the place of the shape of its name.

    Properties and attributes of a shape that we do not write stay; shapes that are not there yet stand above all
    others. Frames count from the file's own first. Raises ValueError with the line for text that cannot be read, for a
    session of another size or pixel aspect, in whose heights positions are measured, for a shape in a layer that moves,
    and for any `node_name`: shapes have names of their own.
    """
    if node_name:
        _refuse("shapes have names of their own: no other name can be given")
    there = _File(script)
    ours = _ours(written, first_frame(there.root))
    _require_same_picture(there.root, ours.root)
    plate = plate_of(ours.root)
    there.find_shapes(plate)
    ours.find_shapes(plate)
    edits: list[Edit] = []
    more = []
    for name, shape in ours.shapes.items():
        if name not in there.shapes:
            more.append(f"\n  {ours.of(shape)}")
        elif name in there.moved:
            _refuse(f"shape '{name}' lies in layer '{there.moved[name]}' there, which moves: take it out, or rename it")
        else:
            edits += _renewed(there, there.shapes[name], ours, shape)
    edits += _filled(there, there.root, "".join(more))
    return Export(edited(script, edits))


def _ours(written: str, first: int) -> _File:
    """Return our file with frames that count from another first."""
    later = first_frame(parse(written)) - first
    return _File(_KEY_FRAME.sub(lambda found: str(int(found[0]) + later), written) if later else written)


def _require_same_picture(there: Element, ours: Element) -> None:
    for name in ("width", "height", "pixelAspect"):
        theirs, wanted = (attribute(root, name, 1.0) for root in (there, ours))
        if theirs != wanted and there.get(name) is not None:
            _refuse(f"the file's {name} is {theirs:g} and that of the shapes' plate {wanted:g}: they must be the same")


def _renewed(there: _File, shape: Element, ours: _File, wanted: Element) -> Iterator[Edit]:
    """Yield what gives a shape our properties, and leaves it all others."""
    span = there.span(shape)
    kind = _KIND.search(there.text, span.start, span.inside)
    if kind is not None:
        yield Edit(kind.start(1), kind.end(1), quoted(wanted.get("shape_type", "")))
    group = shape.find("Properties")
    if group is None:
        body = "".join(map(ours.of, wanted.iter("Properties")))
        yield from _filled(there, shape, f"\n    {body}")
        return
    old = {each.get("id"): each for each in properties(shape)}
    more = []
    for each in properties(wanted):
        before = old.get(each.get("id"))
        if before is None:
            more.append(f"\n      {ours.of(each)}")
        elif there.of(before) != ours.of(each):
            place = there.span(before)
            yield Edit(place.start, place.end, ours.of(each))
    yield from _filled(there, group, "".join(more))


def _filled(there: _File, element: Element, text: str) -> list[Edit]:
    """Return what puts a text before all others in an element."""
    span = there.span(element)
    if not text:
        return []
    if span.closed_at_once:
        return [Edit(span.inside - 2, span.inside, f">{text}\n</{element.tag}>")]
    return [Edit(span.inside, span.inside, text)]


def _spans(text: str) -> list[_Span]:
    """Return where each element of whole XML stands, in the order of their opening tags."""
    data = text.encode()
    parser = expat.ParserCreate("utf-8")
    starts: list[int] = []
    ends: list[int] = []
    opened: list[int] = []

    def open_(_name: str, _attributes: object) -> None:
        opened.append(len(starts))
        starts.append(parser.CurrentByteIndex)
        ends.append(0)

    def close(_name: str) -> None:
        ends[opened.pop()] = parser.CurrentByteIndex

    parser.StartElementHandler, parser.EndElementHandler = open_, close
    parser.Parse(data, True)  # noqa: FBT003 - it takes no keywords
    places = _in_characters(data, {*starts, *ends})
    return [_span(text, places[start], places[end]) for start, end in zip(starts, ends)]


_TAG = re.compile(r"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")


def _span(text: str, start: int, closing: int) -> _Span:
    """Return an element's place from that of its tags."""
    inside = _tag_end(text, start)
    closed_at_once = text.startswith("/>", inside - 2)
    return _Span(start, inside, inside if closed_at_once else _tag_end(text, closing), closed_at_once)


def _tag_end(text: str, at: int) -> int:
    found = _TAG.match(text, at)
    if found is None:
        _refuse("this is not whole XML")
    return found.end()


def _in_characters(data: bytes, places: set[int]) -> dict[int, int]:
    """Return for places in encoded text those in the text itself."""
    found: dict[int, int] = {}
    at = characters = 0
    for place in sorted(places):
        characters += len(data[at:place].decode())
        found[place] = characters
        at = place
    return found


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
