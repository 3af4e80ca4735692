"""Shapes as an MLT document (https://www.mltframework.org/docs/mltxml), for Kdenlive and `melt`.

A white picture without alpha gets its alpha from a `rotoscoping` filter a shape, in order of painting. Positions are
fractions of each axis, y down; frames count from 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from xml.sax.saxutils import escape

from roto_shapes.curve import evaluate
from roto_shapes.formats.straight import StraightSink
from roto_shapes.formats.xml_text import comment, printable
from roto_shapes.shape import ControlPoint, Shape
from roto_shapes.shot import FrameRange

DECIMALS = 7
"""Of fractions of the picture: 0.001 px at 8192."""

PAINTING, CUTTING = "max", "sub"
"""Values of `alpha_operation`: against the alpha that the filters before have made."""

_OUTSIDE = -1.0
"""Where a shape lies outside its lifetime: a picture's width to the left and a height above."""

_EMPTY_WHITE = "0xffffff00"
_FINEST_RATE, _FINEST_ASPECT = 1001, 1000
"""Largest denominators: NTSC's rates have 1001."""


class MltSink(StraightSink):
    """Gathers shapes and gives them as one MLT document.

    `end_shape` raises ValueError for an open shape, and for motions too long to be keyed anew.
    """

    host = "MLT"

    def _takes(self, shape: Shape) -> bool:
        """Say whether a shape is written."""
        if not shape.closed:
            message = f"shape '{shape.name}' is open, and an open outline is no mask: close it or leave it out"
            raise ValueError(message)
        frames = self._plate.frames
        if shape.lifetime.last < frames.first or shape.lifetime.first > frames.last:
            self._notes.append(f"Shape '{shape.name}' lives outside the plate's frames: it is left out.")
            return False
        return True

    def text(self) -> str:
        """Return the document, the same for the same shapes."""
        lines = ['<?xml version="1.0" encoding="utf-8"?>']
        if self._made_by is not None:
            lines.append(comment(str(self._made_by)))
        plate, last = self._plate, len(self._plate.frames) - 1
        lines += ['<mlt LC_NUMERIC="C" producer="matte">', f"  {self._profile()}"]
        lines.append(f'  <producer id="matte" in="0" out="{last}">')
        producer = {
            "length": str(last + 1),
            "eof": "pause",
            "mlt_service": "color",
            "resource": _EMPTY_WHITE,
            "mlt_image_format": "rgba",
            "rotolink.plate": plate.name,
            "rotolink.first_frame": str(plate.frames.first),
        }
        lines += [f"    {_property(key, value)}" for key, value in producer.items()]
        for shape in self._shapes:
            lines += [f"    {line}" for line in self._filter(shape)]
        return "\n".join([*lines, "  </producer>", "</mlt>", ""])

    def _profile(self) -> str:
        plate = self._plate
        rate = Fraction(plate.frame_rate).limit_denominator(_FINEST_RATE)
        sample = Fraction(plate.pixel_aspect).limit_denominator(_FINEST_ASPECT)
        display = sample * plate.width / plate.height
        pairs = {"sample_aspect": sample, "display_aspect": display, "frame_rate": rate}
        ratios = " ".join(f'{key}_num="{pair.numerator}" {key}_den="{pair.denominator}"' for key, pair in pairs.items())
        return (
            f'<profile description="plate" width="{plate.width}" height="{plate.height}" progressive="1" {ratios} '
            f'colorspace="709"/>'
        )

    def _filter(self, shape: Shape) -> Iterator[str]:
        yield "<filter>"
        properties = {
            "mlt_service": "rotoscoping",
            "mode": "alpha",
            "alpha_operation": CUTTING if shape.invert else PAINTING,
            "invert": "0",
            "feather": "0",
            "rotolink.name": shape.name,
            "spline": self._spline(shape),
        }
        for key, value in properties.items():
            yield f"  {_property(key, value)}"
        yield "</filter>"

    def _spline(self, shape: Shape) -> str:
        """Return the keyframes of a lifetime, and one beside each end of it on which the shape is nowhere.

        A filter with a first frame of its own would end a lifetime too, but then some versions of MLT count keyframes
        from there and others from the start of the clip, whatever their documentation says.
        """
        frames = self._plate.frames
        shown = FrameRange(max(shape.lifetime.first, frames.first), min(shape.lifetime.last, frames.last))
        keys = {key.frame: key.points for key in shape.keyframes if key.frame in shown}
        if shape.keyframes[0].frame < shown.first or shown.first > frames.first or not keys:
            keys[shown.first] = evaluate(shape, shown.first)
        if shape.keyframes[-1].frame > shown.last or shown.last < frames.last:
            keys[shown.last] = evaluate(shape, shown.last)
        nowhere = [[[_OUTSIDE, _OUTSIDE]] * 3] * shape.point_count
        spline = {str(frame - frames.first): self._points(points) for frame, points in sorted(keys.items())}
        if shown.first > frames.first:
            spline = {str(shown.first - 1 - frames.first): nowhere, **spline}
        if shown.last < frames.last:
            spline[str(shown.last + 1 - frames.first)] = nowhere
        return json.dumps(spline, separators=(",", ":"))

    def _points(self, points: tuple[ControlPoint, ...]) -> list[list[list[float]]]:
        return [
            [self._place(p.x + dx, p.y + dy) for dx, dy in ((p.in_x, p.in_y), (0.0, 0.0), (p.out_x, p.out_y))]
            for p in points
        ]

    def _place(self, x: float, y: float) -> list[float]:
        return [round(x / self._plate.width, DECIMALS) + 0.0, round(y / self._plate.height, DECIMALS) + 0.0]


def _property(name: str, value: str) -> str:
    return f'<property name="{name}">{escape(printable(value))}</property>'
