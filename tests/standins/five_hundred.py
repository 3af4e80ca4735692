"""A program that writes 500 points on 500 keyframes in a format, reads them back and compares.

It is one of its own to be without coverage's tracing, which triples the time that a quarter of a million points take.
"""

from __future__ import annotations

import os
import subprocess
import sys

from roto_shapes.formats import export, read_shapes
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

NEAR_PX = 0.002
_LOOKED_AT = (1001, 1250, 1500)


def come_back(ending: str) -> str:
    """Return what a process of its own says of a format: `same`, or what differs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, __file__, ending], env=clean, capture_output=True, text=True, timeout=280, check=False
    )
    return done.stdout.strip() or done.stderr


def compared(ending: str) -> str:
    """Return `same`, or what differs."""
    plate = Plate(1920, 1080, FrameRange(1001, 1500))
    points = tuple(ControlPoint(3.0 * k, 2.0 * k + 0.25, -1.5, 0.5, 1.5, -0.5) for k in range(500))
    keys = tuple(ShapeKeyframe(f, tuple(p._replace(x=p.x + f % 7) for p in points)) for f in plate.frames)
    shape = Shape("many", keys, plate.frames, interpolation=Interpolation.SMOOTH)
    known = Given((plate.width, plate.height), plate.frames, plate.frame_rate, plate.pixel_aspect)
    (back,) = read_shapes(export(Roto(plate, (shape,)), ending).text, ending, known).roto.shapes
    if [key.frame for key in back.keyframes] != list(plate.frames):
        return f"{len(back.keyframes)} keyframes of {len(plate.frames)}"
    off = max(
        abs(a - b)
        for frame in _LOOKED_AT
        for p, q in zip(keys[frame - 1001].points, back.keyframes[frame - 1001].points)
        for a, b in zip(p[:6], q[:6])
    )
    return "same" if off < NEAR_PX else f"{off} px off"


if __name__ == "__main__":
    print(compared(sys.argv[1]))  # noqa: T201 - the answer
