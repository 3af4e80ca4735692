"""Hard and enlarged masks: their outlines against the forms that they were made from, by plain distances."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from roto_daemon.fitting import coverage
from roto_daemon.fitting.outline import trace_outlines

Points = NDArray[np.float64]
Matte = NDArray[np.float32]
SIZE = WIDTH, HEIGHT = 640, 360


def blob(shift: float = 0.0) -> Points:
    angle = np.linspace(0, 2 * math.pi, 2000, endpoint=False)
    reach = 120 * (1 + 0.15 * np.cos(3 * angle + 0.4) + 0.07 * np.sin(5 * angle))
    return np.stack([320 + shift + reach * np.cos(angle), 180 + shift / 3 + reach * np.sin(angle)], axis=1)


def disc(x: float, y: float, radius: float) -> Points:
    angle = np.linspace(0, 2 * math.pi, 600, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def leaning_box(degrees: float) -> Points:
    corners = np.array([[-90.0, -60], [90, -60], [90, 60], [-90, 60]])
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned: Points = corners @ np.array([[c, s], [-s, c]]) + (320.3, 180.7)
    return turned


def small(line: Points, columns: int, rows: int) -> Matte:
    return coverage(line * (columns / WIDTH, rows / HEIGHT), columns, rows)


def blocks(line: Points, columns: int, rows: int) -> Matte:
    """A hard mask, enlarged as it is."""
    hard = (small(line, columns, rows) >= 0.5).astype(np.float32)
    return np.asarray(cv2.resize(hard, SIZE, interpolation=cv2.INTER_NEAREST), np.float32)


def enlarged(line: Points, columns: int, rows: int) -> Matte:
    return np.asarray(cv2.resize(small(line, columns, rows), SIZE, interpolation=cv2.INTER_LINEAR), np.float32)


def facets(line: Points, columns: int, rows: int) -> Matte:
    """Coverage that was enlarged and cut afterwards."""
    return (enlarged(line, columns, rows) >= 0.5).astype(np.float32)


def hard(line: Points) -> Matte:
    return (coverage(line, *SIZE) >= 0.5).astype(np.float32)


def distances(line: Points, points: Points) -> NDArray[np.float64]:
    return np.asarray(cKDTree(line).query(points)[0])


def error_px(matte: Matte, truth: Points) -> tuple[float, float]:
    """Return the root of the mean square, and the largest distance of an outline's points from a fine outline."""
    (outline,) = trace_outlines(matte)
    apart = distances(truth, outline.points)
    return float(np.sqrt(np.mean(apart**2))), float(apart.max())


@pytest.mark.parametrize(
    ("made", "columns", "rows", "most_px"),
    [
        (blocks, 320, 180, 0.35),
        (blocks, 128, 72, 0.85),
        (blocks, 85, 90, 1.1),
        (blocks, 100, 100, 0.85),
        (facets, 128, 72, 0.24),
        (facets, 85, 48, 0.36),
        (enlarged, 128, 72, 0.21),
        (enlarged, 85, 48, 0.36),
    ],
)
def test_the_outline_of_an_enlarged_mask_lies_where_the_form_was(
    made: Callable[[Points, int, int], Matte], columns: int, rows: int, most_px: float
) -> None:
    for shift in (0.0, 5.3, 11.9):
        found, _ = error_px(made(blob(shift), columns, rows), blob(shift))
        assert found < most_px


def test_a_hard_mask_gives_its_edge_to_a_sixth_of_a_pixel() -> None:
    assert error_px(hard(blob()), blob())[0] < 0.17


@pytest.mark.parametrize("radius", [5.0, 8.0, 12.0, 20.0, 50.0])
def test_a_hard_disc_is_as_large_as_its_pixels(radius: float) -> None:
    found = []
    for x, y in np.random.default_rng(3).uniform(100, 101, (8, 2)):
        (outline,) = trace_outlines(hard(disc(x, y, radius)))
        found.append(math.sqrt(outline.area / math.pi) - math.sqrt(hard(disc(x, y, radius)).sum() / math.pi))
    assert abs(np.mean(found)) < 0.06


@pytest.mark.parametrize("degrees", [0.0, 12.0, 31.0, 45.0])
def test_corners_of_hard_and_enlarged_masks_stay(degrees: float) -> None:
    box = leaning_box(degrees)
    edge = np.concatenate([np.linspace(a, b, 400, endpoint=False) for a, b in zip(box, np.roll(box, -1, axis=0))])
    for matte, pixel in ((hard(box), 1.0), (facets(box, 128, 72), 5.0), (blocks(box, 128, 72), 5.0)):
        assert error_px(matte, edge)[0] < 0.35 * pixel
        (outline,) = trace_outlines(matte)
        assert distances(outline.points, box).max() < 1.25 * pixel


def test_the_outline_of_a_soft_matte_runs_from_pixel_centre_to_pixel_centre() -> None:
    for line in (blob(), disc(300.2, 150.1, 40), leaning_box(20)):
        (outline,) = trace_outlines(coverage(line, *SIZE))
        off = np.abs(outline.points - np.round(outline.points))
        assert np.abs(off - 0.5).min(axis=1).max() < 1e-5
