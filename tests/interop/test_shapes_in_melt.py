"""Our MLT documents as `melt` renders them, beside our own rasteriser."""

from __future__ import annotations

import contextlib
import math
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from other_programs import run

from roto_daemon.fitting.raster import render_shapes
from roto_shapes.formats import encode, export
from roto_shapes.shape import ControlPoint, Interpolation, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(960, 540, FrameRange(1001, 1012), "größe & <b>.####.exr", pixel_aspect=2.0, frame_rate=23.976)
AGREES = 0.99
"""IoU, with a filter that draws without antialiasing: half of the pixels on an edge are wrong by half on average."""
_TRIES = 3
"""`melt` 7 stops for ever about once in a hundred runs, with any document and any number of threads."""


def ring(x: float, y: float, radius: float, turned: float = 0.0) -> tuple[ControlPoint, ...]:
    """Return a lopsided outline of six points, whose tangents and whose first point are their own."""
    made = []
    for k in range(6):
        angle = k * math.pi / 3 + turned
        far = radius * (1.25 if k == 0 else 1.0)
        across, down = math.cos(angle), math.sin(angle)
        arrive, leave = 0.2 * radius, 0.5 * radius
        made.append(
            ControlPoint(
                x + far * across, y + far * down, arrive * down, -arrive * across, -leave * down, leave * across
            )
        )
    return tuple(made)


BODY = Shape(
    'körper & "b" <c>',
    (
        ShapeKeyframe(1001, ring(350, 270, 180)),
        ShapeKeyframe(1006, ring(450, 240, 200, 0.2)),
        ShapeKeyframe(1015, ring(600, 330, 160, 0.6)),
    ),
    PLATE.frames,
)
HOLE = Shape(
    "hole",
    (ShapeKeyframe(999, ring(300, 270, 70)), ShapeKeyframe(1008, ring(480, 290, 60))),
    FrameRange(1003, 1010),
    invert=True,
)
PART_OUTSIDE = Shape("top", (ShapeKeyframe(1005, ring(900, 60, 120)),), FrameRange(1004, 1020))
ROTO = Roto(PLATE, (BODY, HOLE, PART_OUTSIDE), MadeBy("sam2-tiny", "tiny--x.safetensors"))


def rendered(text: str, folder: Path) -> list[NDArray[np.float64]]:
    """Return what `melt` makes of a document: the alpha of every frame, 0 to 1."""
    (folder / "shapes.mlt").write_text(text, encoding="utf-8")
    consumer = ("-consumer", f"avformat:{folder}/m_%03d.png", "vcodec=png", "pix_fmt=rgba")
    for _ in range(_TRIES - 1):
        with contextlib.suppress(subprocess.TimeoutExpired):
            run("melt", folder / "shapes.mlt", *consumer, limit_s=20)
            break
    else:
        run("melt", folder / "shapes.mlt", *consumer)
    frames = []
    for file in sorted(folder.glob("m_*.png")):
        picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        assert picture is not None
        assert picture.shape == (PLATE.height, PLATE.width, 4)
        frames.append(picture[..., 3].astype(np.float64) / 255.0)
    return frames


def overlap(one: NDArray[np.float64], roto: Roto, frame: int) -> float:
    wanted = render_shapes(roto, frame)
    return float(np.minimum(one, wanted).sum() / np.maximum(one, wanted).sum())


def test_melt_renders_what_our_rasteriser_does_on_every_frame(tmp_path: Path) -> None:
    frames = rendered(encode(ROTO, ".mlt"), tmp_path)
    assert len(frames) == len(PLATE.frames)
    overlaps = {frame: overlap(made, ROTO, frame) for frame, made in zip(PLATE.frames, frames)}
    assert min(overlaps.values()) >= AGREES, overlaps


def swapped_handles(spline: str) -> str:
    point = r"\[(\[[^][]+\]),(\[[^][]+\]),(\[[^][]+\])\]"
    return re.sub(point, r"[\3,\2,\1]", spline)


def a_frame_late(spline: str) -> str:
    return re.sub(r'"(\d+)":', lambda found: f'"{int(found[1]) + 1}":', spline)


def upside_down(spline: str) -> str:
    return re.sub(r",(-?[\d.e-]+)\]", lambda found: f",{1 - float(found[1]):.7f}]", spline)


def first_point_last_in_one_key(spline: str) -> str:
    return re.sub(r'"5":\[(\[\[.*?\]\]),(.+?)\],"', r'"5":[\2,\1],"', spline, count=1)


@pytest.mark.parametrize("wrong", [swapped_handles, a_frame_late, upside_down, first_point_last_in_one_key])
def test_a_wrong_document_would_be_noticed(wrong: Callable[[str], str], tmp_path: Path) -> None:
    body = Roto(PLATE, (BODY,))
    text = encode(body, ".mlt")
    changed = re.sub(r'(?<="spline">).*(?=</property>)', lambda found: wrong(found[0]), text)
    assert changed != text
    overlaps = [overlap(made, body, frame) for frame, made in zip(PLATE.frames, rendered(changed, tmp_path))]
    assert min(overlaps) < AGREES - 0.005


def test_what_the_filter_cannot_hold_is_told_or_refused() -> None:
    smooth = replace(BODY, interpolation=Interpolation.SMOOTH)
    gone = replace(BODY, name="gone", lifetime=FrameRange(900, 1000))
    made = export(Roto(PLATE, (smooth, gone)), ".mlt")
    assert "moves smoothly and MLT joins keyframes by straight lines" in made.notes[0]
    assert made.notes[1] == "Shape 'gone' lives outside the plate's frames: it is left out."
    assert made.text.count("<filter>") == 1
    with pytest.raises(ValueError, match="is open"):
        encode(Roto(PLATE, (replace(BODY, closed=False),)), ".mlt")
