"""One small protocol that every writer of shapes follows: exporters, host roto nodes, test doubles."""

from __future__ import annotations

from typing import Protocol

from roto_shapes.shape import Roto, Shape, ShapeKeyframe


class ShapeSink(Protocol):
    """Receives shapes one at a time: an exporter, or a host's roto node.

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


def draw(roto: Roto, sink: ShapeSink) -> None:
    """Send every shape of a roto to a sink, in paint order."""
    for shape in roto.shapes:
        sink.begin_shape(shape)
        for keyframe in shape.keyframes:
            sink.add_keyframe(keyframe)
        sink.end_shape()
