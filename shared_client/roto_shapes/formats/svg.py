"""Shapes as SVG (https://www.w3.org/TR/SVG2), animated by SMIL where they move: for looking, and for web pages.

Positions are plate pixels as ours, and the picture is drawn as wide as the plate's pixel aspect makes it. A frame is
shown from its time until that of the next: the first at 0 s. What cuts lies in masks of what is below. Names, frames,
colours and what made the mattes stand in `data-` attributes, which browsers pass over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from roto_shapes.curve import evaluate, segments
from roto_shapes.formats.straight import StraightSink, shown_from
from roto_shapes.formats.xml_text import quoted
from roto_shapes.shape import ControlPoint, Shape
from roto_shapes.shot import FrameRange

DECIMALS = 3
"""Of positions: a thousandth of a pixel."""


class SvgSink(StraightSink):
    """Gathers shapes and gives them as one SVG file.

    `end_shape` raises ValueError for an open shape that cuts, and for motions too long to be keyed anew.
    """

    host = "SVG"

    def _takes(self, shape: Shape) -> bool:
        """Say whether a shape is written."""
        if not shape.closed and shape.invert:
            message = f"shape '{shape.name}' is open, and an open outline cuts nothing: close it or leave it out"
            raise ValueError(message)
        return True

    def text(self) -> str:
        """Return the file, the same for the same shapes."""
        plate, frames = self._plate, self._plate.frames
        own = {
            "first-frame": str(frames.first),
            "last-frame": str(frames.last),
            "frame-rate": f"{plate.frame_rate:.9g}",
            "pixel-aspect": f"{plate.pixel_aspect:.9g}",
            "plate": plate.name,
        }
        if self._made_by is not None:
            own.update(engine=self._made_by.engine, weights=self._made_by.weights)
        data = "".join(f" data-{key}={quoted(value)}" for key, value in own.items())
        size = f'width="{plate.width * plate.pixel_aspect:.9g}" height="{plate.height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {plate.width} {plate.height}"'
        body = "".join(line + "\n" for line in self._elements())
        return f'{head} preserveAspectRatio="none"{data}>\n{body}</svg>\n'

    def _elements(self) -> Iterator[str]:
        """Yield what is drawn, the lowest first, each with a mask of what cuts above it."""
        for at, shape in enumerate(self._shapes):
            path = self._path(f"shape{at}", shape)
            if shape.invert:
                yield f"<defs>{path}</defs>"
                continue
            cuts = [
                f'<use href="#shape{at + 1 + k}"/>'
                for k, other in enumerate(self._shapes[at + 1 :])
                if other.invert and shape.lifetime.meets(other.lifetime)
            ]
            if not cuts:
                yield path
                continue
            area = f'x="0" y="0" width="{self._plate.width}" height="{self._plate.height}"'
            yield (
                f'<mask id="cut{at}" maskUnits="userSpaceOnUse" {area}>'
                f'<rect {area} fill="#ffffff"/>{"".join(cuts)}</mask>'
            )
            yield f'<g mask="url(#cut{at})">{path}</g>'

    def _path(self, identity: str, shape: Shape) -> str:
        colour = "#000000" if shape.invert else "#" + "".join(f"{_byte(part):02x}" for part in shape.colour)
        paint = f'fill="{colour}"' if shape.closed else f'fill="none" stroke="{colour}"'
        own = f"data-name={quoted(shape.name)} data-colour={quoted(' '.join(f'{part:.6g}' for part in shape.colour))}"
        cuts = ' data-cuts="true"' if shape.invert else ""
        shown = self._shown(shape.lifetime)
        hidden = "" if shown is not None else ' visibility="hidden"'
        outlines = self._outlines(shape)
        moving = self._animate("d", [(time, _d(points, shape)) for time, points in outlines], "linear")
        return (
            f'<path id="{identity}" {own}{cuts} {paint}{hidden} d="{_d(outlines[0][1], shape)}">'
            f"{moving if len(outlines) > 1 else ''}{shown or ''}</path>"
        )

    def _outlines(self, shape: Shape) -> list[tuple[int, tuple[ControlPoint, ...]]]:
        """Return (frames after the first, outline) of keyframes, from 0 to the plate's end; one for what is still."""
        frames = self._plate.frames
        inside = {key.frame - frames.first: key.points for key in shape.keyframes if key.frame in frames}
        if len(shape.keyframes) == 1 or len(frames) == 1:
            return [(0, evaluate(shape, frames.first))]
        inside[0] = evaluate(shape, frames.first)
        inside[len(frames)] = evaluate(shape, frames.last)
        inside[len(frames) - 1] = inside[len(frames)]
        return sorted(inside.items())

    def _shown(self, lifetime: FrameRange) -> Optional[str]:
        """Return what shows a shape in its lifetime alone; None where that lies outside the plate."""
        frames = self._plate.frames
        levels = shown_from(lifetime, frames)
        if levels == [(frames.first, False)]:
            return None
        steps = [(frame - frames.first, "visible" if shown else "hidden") for frame, shown in levels]
        return self._animate("visibility", steps, "discrete") if len(steps) > 1 else ""

    def _animate(self, name: str, steps: list[tuple[int, str]], mode: str) -> str:
        count = len(self._plate.frames)
        times = ";".join(f"{time / count:.9g}" for time, _ in steps)
        values = ";".join(value for _, value in steps)
        return (
            f'<animate attributeName="{name}" dur="{count / self._plate.frame_rate:.9g}s" repeatCount="indefinite" '
            f'calcMode="{mode}" keyTimes="{times}" values="{values}"/>'
        )


def _d(points: tuple[ControlPoint, ...], shape: Shape) -> str:
    """Return path data: a cubic for every segment, the one that closes the outline too."""
    curves = "".join(
        f"C{' '.join(_number(number) for place in segment[1:] for number in place)}"
        for segment in segments(points, closed=shape.closed)
    )
    return f"M{_number(points[0].x)} {_number(points[0].y)}{curves}{'Z' if shape.closed else ''}"


def _number(number: float) -> str:
    """Return a number without exponent and without zeros behind, never a negative zero."""
    text = f"{number:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _byte(part: float) -> int:
    return round(255 * min(max(part, 0.0), 1.0))
