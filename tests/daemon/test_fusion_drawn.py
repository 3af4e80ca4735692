"""Our compositions for Fusion, evaluated by Lua and drawn by OpenCV, beside the exact coverage of the shapes."""

from __future__ import annotations

import math
import re
from typing import Any

import cv2
import numpy as np
import pytest
from fusion_by_lua import Fusion
from numpy.typing import NDArray

from roto_daemon.fitting.raster import render_shapes
from roto_shapes.formats import encode
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(320, 240, FrameRange(1001, 1009), pixel_aspect=2.0)
LEAST_IOU, BROKEN_IOU = 0.995, 0.98
FINER = 8
"""Pixels of a drawing for each of the plate's, along each axis."""


def blob(frame: int, x: float, y: float, radius: float, turn: float = 0.0) -> ShapeKeyframe:
    points = []
    for k in range(5):
        angle = turn + 2 * math.pi * k / 5
        far = radius * (1.3 if k == 0 else 1.0)
        c, s = math.cos(angle), math.sin(angle)
        points.append(
            ControlPoint(
                x + far * c, y + far * s, 0.3 * radius * s, -0.3 * radius * c, -0.6 * radius * s, 0.6 * radius * c
            )
        )
    return ShapeKeyframe(frame, tuple(points))


BODY = Shape("body", (blob(1001, 120, 110, 70), blob(1005, 160, 120, 80, 0.4), blob(1009, 200, 100, 60)), PLATE.frames)
HOLE = Shape(
    "hole", (blob(1001, 120, 110, 25), blob(1009, 190, 120, 30, 1.0)), FrameRange(1002, 1007), invert=True,
    interpolation=Interpolation.SMOOTH,
)  # fmt: skip
TOP = Shape("top", (blob(1004, 290, 30, 40),), FrameRange(1004, 1009))
ROTO = Roto(PLATE, (BODY, HOLE, TOP))


def drawn(text: str, frame: int) -> NDArray[np.float64]:
    """Return what the chain of masks covers."""
    shown = Fusion(text)
    matte = np.zeros((PLATE.height * FINER, PLATE.width * FINER), np.uint8)
    for mask in shown.masks():
        if not shown.level(mask, frame):
            continue
        own = np.zeros(matte.shape, np.uint8)
        line = np.array(curve(shown.outline(mask, frame))) * FINER - 0.5
        cv2.fillPoly(own, [np.round(line * 256).astype(np.int32)], 1, shift=8)
        cuts = shown.inputs(mask).get("PaintMode", ("", {}))[1].get("Value", ("", {}))[1].get(1) == "Subtract"
        matte[own > 0] = 0 if cuts else 1
    fine = matte.reshape(PLATE.height, FINER, PLATE.width, FINER).astype(np.float64)
    return np.asarray(fine.mean(axis=(1, 3)))


def curve(outline: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a polygon along points that come each with the tips of its two handles."""
    points = [outline[k : k + 3] for k in range(0, len(outline), 3)]
    made = []
    for (on, _, leave), (end, arrive, _) in zip(points, [*points[1:], points[0]]):
        for k in range(24):
            u = k / 24
            weights = ((1 - u) ** 3, 3 * u * (1 - u) ** 2, 3 * u * u * (1 - u), u**3)
            places = (on, leave, arrive, end)
            made.append(
                (sum(w * p[0] for w, p in zip(weights, places)), sum(w * p[1] for w, p in zip(weights, places)))
            )
    return made


def least_overlap(text: str) -> float:
    found = []
    for frame in (1001, 1002, 1003, 1005, 1007, 1008, 1009):
        one, other = drawn(text, frame), render_shapes(ROTO, frame)
        found.append(float(np.minimum(one, other).sum() / np.maximum(one, other).sum()))
    return min(found)


@pytest.mark.parametrize("ending", [".setting", ".comp"])
def test_the_masks_cover_what_the_shapes_cover_on_keys_and_between(ending: str) -> None:
    assert least_overlap(encode(ROTO, ending)) >= LEAST_IOU


def swapped(found: re.Match[str]) -> str:
    return f"LX = {found[3]}, LY = {found[4]}, RX = {found[1]}, RY = {found[2]}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"LX = (\S+), LY = (\S+), RX = (\S+), RY = (\S+)", swapped),
        (r"\[1005\] =", "[1006] ="),
        (r" Y = (-?[\d.e-]+),", lambda found: f" Y = {-float(found[1])},"),
        (r'PaintMode = Input { Value = FuID { "Subtract" } },?', ""),
    ],
    ids=["tangents", "frame", "axis", "hole"],
)
def test_a_wrong_composition_would_be_noticed(old: str, new: Any) -> None:  # noqa: ANN401 - a text or a function
    text = encode(ROTO, ".comp")
    assert re.sub(old, new, text) != text
    assert least_overlap(re.sub(old, new, text)) < BROKEN_IOU
