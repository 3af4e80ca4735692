"""Damaged files of every format through its reader: shapes or one sentence, within bounds of time.

`ROTO_FUZZ=20000` sets how many inputs each reader gets; without it there are few.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from roto_shapes.formats import READ_ENDINGS, encode, read_shapes
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

INPUTS = int(os.environ.get("ROTO_FUZZ", "60"))
SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
LONGEST_SAMPLE = 20_000
"""Characters: real files above it take long without saying more."""

POINTS = (ControlPoint(100, 100, -9, 3, 9, -3, feather=(2.0, 1.0)), ControlPoint(300, 120), ControlPoint(200, 300))
LAYER = Layer("l", (LayerKeyframe(1001), LayerKeyframe(1004, 9, 4, 20, 1.5)), (50.0, 60.0))
ROTO = Roto(
    Plate(640, 480, FrameRange(1001, 1006), "pläte.####.exr", 2.0),
    (
        Shape("body", (ShapeKeyframe(1001, POINTS), ShapeKeyframe(1005, POINTS[::-1])), FrameRange(1002, 1004)),
        Shape("b & c", (ShapeKeyframe(1002, POINTS),), FrameRange(1001, 1006), invert=True),
        Shape("d", (ShapeKeyframe(1002, POINTS),), FrameRange(1001, 1006), layer=LAYER,
              interpolation=Interpolation.SMOOTH),
    ),
    MadeBy("engine", "weights"),
)  # fmt: skip
LAYERED = """<Silhouette width="64" height="48" pixelAspect="2" sessionStartFrame="5" workRangeStart="5">
<Layer type="Layer" label="l"><Properties>
<Property id="transform.anchor"><Value>(0.1,0.2)</Value></Property><Property id="transform.rotate">
<Key frame="0" interp="linear">0</Key><Key frame="3" interp="hold">30</Key></Property>
<Property id="transform.position"><Key frame="1" interp="linear">(0,0)</Key><Key frame="4">(0.1,0)</Key></Property>
<Property id="objects" constant="True"><Object type="Shape" label="s" shape_type="Bspline"><Properties>
<Property id="path"><Key frame="2" interp="linear"><Path closed="True" type="Bspline"><Point>(0,0)</Point>
<Point>(0.1,0)</Point><Point>(0,0.1)</Point></Path></Key></Property></Properties></Object></Property>
</Properties></Layer></Silhouette>"""
"""A file of Silhouette with what ours never have."""

PIECES = [
    *("", " ", "\n", "\0", "{", "}", "[", "]", "(", ")", "<", ">", "/>", '"', "\\", "'", ",", ";", ":", "=", "-"),
    *("0", "1", "-1", "9" * 9, "9" * 400, "1e309", "-1e308", "1e-320", "nan", "inf", "NaN", "Infinity", "null", "true"),
    *("x7f800000", "xffffffff", "x7f7fffff", "{}", "[]", "[[[[", "{{{{", "<a>", "</a>", "&lt;", "&x;", "<!DOCTYPE a>"),
    *("\ud7ff", "\u2028", "\U0001f600", "Z", "M0 0", "A1 1 0 1 1 2 2", "scale(1e9)", "rotate(1e9)"),
]
NUMBER = re.compile(r"-?\d+\.?\d*")


def sources(ending: str) -> list[str]:
    """Return whole files of a format: ours, and real ones where they are here."""
    real = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(SAMPLES.glob(f"*/*{ending}"))]
    own = [encode(ROTO, ending), *([LAYERED] if ending == ".fxs" else [])]
    return [*own, *(text for text in real if len(text) <= LONGEST_SAMPLE)]


def damaged(text: str, chance: random.Random) -> str:
    """Return a text with one to four parts of it lost, doubled, moved, cut off, or exchanged for another."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(text) + 1)
        stop = min(len(text), start + chance.choice([0, 1, 1, 3, 10, 60, 400]))
        kind = chance.randrange(6)
        if kind == 0:
            text = text[:start] + chance.choice(PIECES) + text[stop:]
        elif kind == 1:
            text = text[:start] + text[start:stop] * chance.choice([2, 3, 20]) + text[stop:]
        elif kind == 2:
            to = chance.randrange(len(text) + 1)
            text = text[:to] + text[start:stop] + text[to:]
        elif kind == 3:
            text = text[:start] if chance.random() < 0.2 else text[:start] + text[stop:]
        else:
            found = NUMBER.search(text, start)
            if found:
                text = text[: found.start()] + chance.choice(PIECES) + text[found.end() :]
    return text


@pytest.mark.timeout(120 + INPUTS // 20)
@pytest.mark.parametrize("ending", READ_ENDINGS)
def test_damaged_files_end_in_shapes_or_one_sentence(ending: str) -> None:
    whole = sources(ending)
    read = 0
    for seed in range(INPUTS):
        text = damaged(whole[seed % len(whole)], random.Random(seed))  # noqa: S311 - no secret
        try:
            read_shapes(text, ending)
        except ValueError:
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is, it is to be told with its seed
            pytest.fail(f"seed {seed}: {type(error).__name__}: {error}")
        read += 1
    assert 0 < read < INPUTS, "some damage is harmless and some is not"
