"""Composites whose coverage is known exactly: textures under shapes that were drawn finer than the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_FINER = 4
"""Samples a side of a pixel that shapes are drawn with."""


@dataclass(frozen=True)
class Composite:
    """A picture, the true coverage of its object, and the object's own colour."""

    picture: NDArray[np.uint8]
    coverage: NDArray[np.float32]
    colour: NDArray[np.float32]

    @property
    def mask(self) -> NDArray[np.float32]:
        """Return the coverage as yes or no."""
        return (self.coverage >= 0.5).astype(np.float32)


def texture(size: tuple[int, int], seed: int, tint: tuple[float, float, float]) -> NDArray[np.float32]:
    """Return a (height, width, 3) surface of 0 to 255: light and dark in places, grainy, of nearly one hue."""
    random = np.random.default_rng(seed)
    width, height = size
    shade = np.ones((height, width, 1), np.float32)
    hue = np.zeros((height, width, 3), np.float32)
    for cells, gain in ((4, 0.15), (24, 0.1), (96, 0.08)):
        rows = max(2, height * cells // width)
        grains = random.normal(0, 1, (rows, cells, 4)).astype(np.float32)
        large = cv2.resize(grains, (width, height), interpolation=cv2.INTER_CUBIC)
        shade += gain * large[..., :1]
        hue += 30 * gain * large[..., 1:]
    return np.asarray(np.clip(shade * np.array(tint, np.float32) + hue, 0, 255), np.float32)


def blob(
    size: tuple[int, int],
    centre: tuple[float, float],
    radius: float,
    *,
    hairs: int = 0,
    soft_px: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Return the coverage of a wavy disc, with hairs round it, or out of focus."""
    width, height = size
    canvas = np.zeros((height * _FINER, width * _FINER), np.uint8)
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    reach = radius * (1 + 0.12 * np.sin(5 * angle + seed))
    at = (np.stack([np.cos(angle), np.sin(angle)], 1) * reach[:, None] + centre) * _FINER
    cv2.fillPoly(canvas, [np.rint(at).astype(np.int32)], 255)
    random = np.random.default_rng(seed)
    for each in random.uniform(0, 2 * np.pi, hairs):
        out = np.array([np.cos(each), np.sin(each)])
        bend = random.normal(0, 0.15, 2)
        steps = np.linspace(0.8, 1.0 + random.uniform(0.15, 0.45), 12)[:, None]
        points = (centre + radius * (steps * out + bend * (steps - 0.8) ** 2 * 3)) * _FINER
        cv2.polylines(
            canvas, [np.rint(points).astype(np.int32)], isClosed=False, color=255, thickness=int(random.integers(3, 7))
        )
    coverage = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(coverage, (0, 0), soft_px) if soft_px else coverage, np.float32)


def composite(coverage: NDArray[np.float32], seed: int = 1) -> Composite:
    """Return an object of that coverage before a background, both with textures of their own."""
    size = (coverage.shape[1], coverage.shape[0])
    colour = texture(size, seed, (170, 90, 70))
    behind = texture(size, seed + 1000, (80, 110, 120))
    mixed = coverage[..., None] * colour + (1 - coverage[..., None]) * behind
    return Composite(np.rint(mixed).astype(np.uint8), coverage, colour)
