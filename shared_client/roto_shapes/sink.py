"""One small protocol that every writer of shapes follows: formats, host roto nodes, test doubles."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Optional, Protocol

from roto_shapes.shape import Roto, Shape, ShapeKeyframe


class ShapeSink(Protocol):
    """Receives shapes one at a time: a format of file, or a host's roto node.

    For each shape, in paint order (the lowest first): `begin_shape`, `add_keyframe` in rising frame order,
    `end_shape`. Positions arrive in plate pixels, y down; the sink converts them at its own border. `begin_shape`
    receives the shape for its name, lifetime, interpolation and flags; its keyframes follow by `add_keyframe`.
    """

    def begin_shape(self, shape: Shape) -> None:
        """Start a shape."""

    def add_keyframe(self, keyframe: ShapeKeyframe) -> None:
        """Add the next keyframe of the shape that was begun."""

    def end_shape(self) -> None:
        """Finish the shape that was begun."""


class Export(NamedTuple):
    """A file's text, and what the artist should know about shapes that the format holds in another form."""

    text: str
    notes: tuple[str, ...] = ()


class RecordingSink:
    """Keeps the shapes that it receives, and refuses calls that break the protocol's order.

    The test double for whatever draws into a sink, and what formats gather their shapes with.
    """

    def __init__(self) -> None:
        self._open: Optional[Shape] = None
        self._keyframes: list[ShapeKeyframe] = []
        self._finished: list[Shape] = []

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Return the shapes that were finished, with the keyframes that were added, in the order they came."""
        return tuple(self._finished)

    def begin_shape(self, shape: Shape) -> None:
        """Start a shape; ValueError while another is open."""
        if self._open is not None:
            message = f"shape '{shape.name}' begins before shape '{self._open.name}' has ended"
            raise ValueError(message)
        self._open = shape
        self._keyframes = []

    def add_keyframe(self, keyframe: ShapeKeyframe) -> None:
        """Add a keyframe; ValueError when no shape is open."""
        self._require_open(f"keyframe {keyframe.frame}")
        self._keyframes.append(keyframe)

    def end_shape(self) -> None:
        """Finish the shape; ValueError when none is open, or when its keyframes do not make a shape."""
        shape = self._require_open("the end of a shape")
        self._open = None
        self._finished.append(replace(shape, keyframes=tuple(self._keyframes)))

    def _require_open(self, what: str) -> Shape:
        if self._open is None:
            message = f"{what} comes before a shape was begun"
            raise ValueError(message)
        return self._open


def draw(roto: Roto, sink: ShapeSink) -> None:
    """Send every shape of a roto to a sink, in paint order."""
    for shape in roto.shapes:
        sink.begin_shape(shape)
        for keyframe in shape.keyframes:
            sink.add_keyframe(keyframe)
        sink.end_shape()
