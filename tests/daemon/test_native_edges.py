"""Edges at the plate's resolution: a 4K composite whose outline is a formula, and masks made far smaller."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from matte_composites import texture
from numpy.typing import NDArray

from roto_daemon.engines.edges import native_edges
from roto_daemon.pictures import Matte

WIDTH, HEIGHT = 3840, 2160
CENTRE = (1900.0, 1080.0)


def reach(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the outline is from the centre: lobes, and teeth of 12 px that a mask of 256 px rounds off."""
    return np.asarray(560 + 60 * np.sin(5 * angle) + 4 * np.sin(60 * angle), np.float64)


@pytest.fixture(scope="module")
def made() -> tuple[NDArray[np.uint8], Matte]:
    """A noisy picture of 4K and its coverage, good to a few hundredths of a pixel."""
    y, x = np.indices((HEIGHT, WIDTH), np.float32) + np.float32(0.5)
    x, y = x - np.float32(CENTRE[0]), y - np.float32(CENTRE[1])
    coverage = np.clip(reach(np.arctan2(y, x)) - np.hypot(x, y) + 0.5, 0, 1).astype(np.float32)
    small = (WIDTH // 4, HEIGHT // 4)
    front, behind = (
        cv2.resize(texture(small, seed, tint), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        for seed, tint in ((1, (170.0, 90.0, 70.0)), (2, (80.0, 110.0, 120.0)))
    )
    mixed = behind + coverage[..., None] * (front - behind)
    noise = np.random.default_rng(4).integers(-4, 5, mixed.shape)
    return np.clip(mixed + noise, 0, 255).astype(np.uint8), coverage


def boundary_errors(matte: Matte) -> NDArray[np.float64]:
    """Return by how much the outline is off along 2000 rays from the centre, in px of 4K."""
    angle = np.linspace(-np.pi, np.pi, 2000, endpoint=False)
    along = np.arange(-40, 40, 0.25) + reach(angle)[:, None]
    x = CENTRE[0] + along * np.cos(angle)[:, None] - 0.5
    y = CENTRE[1] + along * np.sin(angle)[:, None] - 0.5
    values = cv2.remap(matte, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    crossing = np.argmax(values < 0.5, axis=1)
    return np.asarray(np.abs(along[np.arange(len(angle)), crossing] - reach(angle)), np.float64)


@pytest.mark.parametrize("size", [(1024, 576), (256, 256)], ids=["a mask of 1024", "a squashed mask of 256"])
def test_a_small_mask_gets_the_edges_of_the_plate(made: tuple[NDArray[np.uint8], Matte], size: tuple[int, int]) -> None:
    picture, coverage = made
    mask = (cv2.resize(coverage, size, interpolation=cv2.INTER_AREA) >= 0.5).astype(np.float32)
    steps = cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    before = boundary_errors(np.asarray(steps, np.float32))
    refined = native_edges(picture, mask)
    after = boundary_errors(refined)
    assert before.mean() > 0.7
    assert np.percentile(after, 99) < 1
    assert after.mean() < 0.35
    assert np.abs(refined - coverage).sum() < 0.3 * np.abs(steps - coverage).sum()


def test_away_from_the_edge_a_mask_stays_whole() -> None:
    picture = texture((200, 120), 5, (120, 120, 120)).astype(np.uint8)
    mask = np.zeros((60, 100), np.float32)
    mask[20:40, 30:70] = 1
    refined = native_edges(picture, mask)
    assert refined.shape == (120, 200)
    assert (refined[50:70, 70:130] == 1).all()
    assert (refined[:25] == 0).all()
    for value in (0, 1):
        assert (native_edges(picture, np.full((60, 100), value, np.float32)) == value).all()
