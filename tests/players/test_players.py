"""Lottie, Bodymovin and SVG files, drawn by programs that we did not write, against the exact coverage of the shapes.

Skottie is the Lottie player in Skia; lottie-web is that of web pages, drawing in Chromium, which animates SVG itself.
"""

from __future__ import annotations

import base64
import json
import math
import random
from collections.abc import Callable
from typing import Any

import cv2
import javascript
import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting.raster import render_shapes
from roto_shapes.formats import encode
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

Matte = NDArray[np.floating[Any]]
Path = dict[str, Any]
"""An animated path of a file, its keys under `k`."""

LOTTIE = [(player, form) for player in ("skottie", "lottie_web") for form in (".lottie.json", ".bodymovin.json")]
PLATE = Plate(480, 360, FrameRange(1001, 1013), frame_rate=24000 / 1001)

LEAST_IOU = 0.995
"""Of what is more than half covered: a curve of 400 px that lies off by a tenth of a pixel costs a thousandth."""
MOST_DIFFERENCE = 1.5e-3
"""Mean over all pixels, of full coverage: players draw edges in 16 steps, and seven outlines are on show."""
BROKEN_IOU = 0.9
"""What a fault must bring it below."""


def blob(
    frame: int, centre: tuple[float, float], radius: float, count: int = 5, *, turn: float = 0.0, lean: float = 1.0
) -> ShapeKeyframe:
    """Return a lopsided outline whose points have handles of their own on either side."""
    points = []
    for k in range(count):
        angle = turn + 2 * math.pi * k / count
        x, y = math.cos(angle), math.sin(angle)
        reach = radius * (1 + 0.25 * (k % 2))
        handle = reach * 0.9 * math.pi / count / 1.6
        points.append(
            ControlPoint(
                centre[0] + reach * x, centre[1] + reach * y,
                handle * y * 0.5, -handle * x * 0.5 * lean, -handle * y, handle * x * lean,
            )
        )  # fmt: skip
    return ShapeKeyframe(frame, tuple(points))


BODY = Shape(
    "body",
    (
        blob(1001, (190, 170), 120),
        blob(1006, (240, 190), 130, turn=0.4),
        blob(1007, (180, 190), 130, turn=0.5, lean=1.5),
        blob(1013, (230, 150), 100, turn=-0.3),
    ),
    PLATE.frames,
    colour=(0.9, 0.4, 0.1),
)
HOLE = Shape(
    "hole", (blob(1003, (170, 180), 45, 4), blob(1010, (250, 170), 55, 4, turn=0.8)), FrameRange(1003, 1010),
    invert=True,
)  # fmt: skip
COVER = Shape("cover", (blob(1001, (210, 190), 25), blob(1013, (230, 170), 40)), FrameRange(1005, 1012))
OUTSIDE = Shape(
    "outside", (blob(1001, (470, 330), 60), blob(1004, (440, 350), 50), blob(1011, (480, 300), 70)), PLATE.frames,
    interpolation=Interpolation.SMOOTH,
)  # fmt: skip
SPIN = Layer("spin", (LayerKeyframe(1001), LayerKeyframe(1013, x=30, rotation_deg=80, scale=1.3)), (70, 280))
SPUN = Shape("spun", (blob(1001, (70, 280), 45, 3),), FrameRange(990, 1009), layer=SPIN)
WIDE_HOLE = Shape("wide hole", (blob(1001, (400, 300), 40), blob(1013, (100, 260), 40)), PLATE.frames, invert=True)
EIGHT = Shape(
    "eight",
    (
        ShapeKeyframe(1001, tuple(ControlPoint(x, y) for x, y in ((330, 20), (450, 130), (450, 20), (330, 130)))),
        ShapeKeyframe(1013, tuple(ControlPoint(x, y) for x, y in ((320, 40), (460, 110), (440, 10), (350, 140)))),
    ),
    FrameRange(1002, 1020),
)
RUNNER = Shape(
    "runner",
    (blob(1001, (120, 120), 50, 3), blob(1006, (330, 200), 70, 3, turn=0.9), blob(1013, (100, 260), 40, 3)),
    PLATE.frames,
)
ROTO = Roto(PLATE, (BODY, HOLE, COVER, OUTSIDE, SPUN, WIDE_HOLE, EIGHT))


def drawn(player: str, text: str, frames: list[int], plate: Plate = PLATE) -> list[Matte]:
    """Return what a player shows on frames of the shot, as coverage."""
    at = [frame - plate.frames.first for frame in frames]
    job: dict[str, Any] = {"text": text, "frames": at, "width": plate.width, "height": plate.height}
    if player == "skottie":
        alphas = (np.frombuffer(base64.b64decode(each), np.uint8) for each in javascript.run(player, job))
        return [alpha.reshape(plate.height, plate.width) / 255 for alpha in alphas]
    # Just after a frame's time, so that rounded key times cannot put it before.
    job |= {"chromium": javascript.chromium(), "times": [k / plate.frame_rate + 2e-5 for k in at]}
    pictures = (np.frombuffer(base64.b64decode(each), np.uint8) for each in javascript.run(player, job))
    decoded = (cv2.imdecode(each, cv2.IMREAD_UNCHANGED) for each in pictures)
    return [each[:, :, 3] / 255 for each in decoded if each is not None]


def overlap(one: Matte, other: Matte) -> float:
    """Return the intersection over union of what is more than half covered."""
    a, b = one > 0.5, other > 0.5
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


@pytest.mark.parametrize(("player", "ending"), [*LOTTIE, ("svg", ".svg")])
@pytest.mark.parametrize("shapes", [ROTO.shapes, ROTO.shapes[::-1]], ids=["in order", "upside down"])
def test_a_player_draws_the_shapes_on_every_frame(player: str, ending: str, shapes: tuple[Shape, ...]) -> None:
    roto = Roto(PLATE, shapes)
    frames = list(PLATE.frames)
    for frame, matte in zip(frames, drawn(player, encode(roto, ending), frames), strict=True):
        wanted = render_shapes(roto, frame)
        assert overlap(matte, wanted) >= LEAST_IOU, frame
        assert np.abs(matte - wanted).mean() <= MOST_DIFFERENCE, frame


def swapped(path: Path) -> None:
    for bezier in beziers(path):
        bezier["i"], bezier["o"] = bezier["o"], bezier["i"]


def negated(path: Path) -> None:
    for bezier in beziers(path):
        bezier["i"], bezier["o"] = ([[-x, -y] for x, y in bezier[side]] for side in "io")


def upside_down(path: Path) -> None:
    for bezier in beziers(path):
        bezier["v"] = [[x, PLATE.height - y] for x, y in bezier["v"]]


def a_frame_late(path: Path) -> None:
    for key in path["k"]:
        key["t"] += 1


def held(path: Path) -> None:
    for key in path["k"]:
        key["h"] = 1


def first_point_moved(path: Path) -> None:
    bezier = beziers(path)[1]
    for side in "vio":
        bezier[side] = bezier[side][1:] + bezier[side][:1]


def beziers(path: Path) -> list[dict[str, Any]]:
    return [key["s"][0] for key in path["k"]]


FAULTS: list[Callable[[Path], None]] = [swapped, negated, upside_down, a_frame_late, held, first_point_moved]


@pytest.mark.parametrize(("player", "ending"), LOTTIE)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_wrong_file_is_drawn_wrongly(player: str, ending: str, fault: Callable[[Path], None]) -> None:
    roto = Roto(PLATE, (RUNNER,))
    frames = [1003, 1005, 1011]
    document = json.loads(encode(roto, ending))
    layer = document["layers"][0]
    fault(layer["shapes"][0]["it"][0]["ks"] if ending == ".lottie.json" else layer["masksProperties"][0]["pt"])
    mattes = drawn(player, json.dumps(document), frames)
    assert min(overlap(each, render_shapes(roto, f)) for each, f in zip(mattes, frames, strict=True)) < BROKEN_IOU


@pytest.mark.parametrize(("player", "ending"), LOTTIE)
def test_a_hole_that_adds_or_outlives_its_lifetime_is_drawn(player: str, ending: str) -> None:
    roto = Roto(PLATE, (BODY, HOLE))
    for old, new in (('"mode":"s"', '"mode":"a"'), ('"s":[0],"h":1', '"s":[100],"h":1')):
        text = encode(roto, ending)
        assert old in text
        frames = [1002, 1006, 1012]
        mattes = drawn(player, text.replace(old, new), frames)
        assert min(overlap(each, render_shapes(roto, f)) for each, f in zip(mattes, frames, strict=True)) < 0.95


@pytest.mark.parametrize(
    ("old", "new"), [('calcMode="linear"', 'calcMode="discrete"'), ('keyTimes="0;', 'keyTimes="0;0.05;')]
)
def test_a_wrong_svg_is_drawn_wrongly(old: str, new: str) -> None:
    roto = Roto(PLATE, (RUNNER,))
    frames = [1003, 1005, 1011]
    text = encode(roto, ".svg")
    assert text.count(old) == 1
    mattes = drawn("svg", text.replace(old, new), frames)
    assert min(overlap(each, render_shapes(roto, f)) for each, f in zip(mattes, frames, strict=True)) < BROKEN_IOU


@pytest.mark.parametrize(("player", "ending"), [*LOTTIE, ("svg", ".svg")])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_player_draws_whatever_shapes_there_are(player: str, ending: str, seed: int) -> None:
    roto = any_roto(random.Random(seed))  # noqa: S311 - chooses shapes, no secrets
    frames = list(roto.plate.frames)[::3]
    for frame, matte in zip(frames, drawn(player, encode(roto, ending), frames, roto.plate), strict=True):
        wanted = render_shapes(roto, frame)
        assert overlap(matte, wanted) >= LEAST_IOU - 0.003, frame  # slivers between shapes count for more
        assert np.abs(matte - wanted).mean() <= MOST_DIFFERENCE, frame


def any_roto(draw: random.Random) -> Roto:
    first = draw.choice([-7, 0, 1001, 86400])
    plate = Plate(draw.choice([320, 400]), 180, FrameRange(first, first + 9), frame_rate=draw.choice([24.0, 29.97]))
    shapes = []
    for at in range(draw.randint(3, 7)):
        count = draw.randint(3, 7)
        keys = [
            blob(first + k, (draw.uniform(-20, 420), draw.uniform(-20, 200)), draw.uniform(20, 90), count)
            for k in sorted(draw.sample(range(-3, 13), draw.randint(1, 4)))
        ]
        start = draw.randint(-3, 9)
        lifetime = FrameRange(first + start, first + draw.randint(max(start, 0), 14))
        kind = draw.choice(list(Interpolation))
        shapes.append(Shape(f'é"{at}', tuple(keys), lifetime, invert=draw.random() < 0.4, interpolation=kind))
    return Roto(plate, tuple(shapes))
