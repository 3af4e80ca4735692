"""Frames to look at: small enough to send, true in colour, of the whole plate."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.plates.viewing import LIMIT_BYTES, as_jpeg


def shown(jpeg: bytes) -> NDArray[np.uint8]:
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.asarray(bgr[..., ::-1], np.uint8)


def painted(width: int, height: int) -> NDArray[np.uint8]:
    picture = np.full((height, width, 3), (30, 90, 160), np.uint8)
    picture[: height // 2, : width // 4] = (220, 40, 30)
    return picture


@pytest.mark.parametrize(("longest_px", "size"), [(4096, (600, 200)), (300, (300, 100)), (60, (60, 20))])
def test_a_picture_is_as_large_as_asked_and_never_larger_than_the_plate(longest_px: int, size: tuple[int, int]) -> None:
    picture = shown(as_jpeg(painted(600, 200), longest_px))
    assert (picture.shape[1], picture.shape[0]) == size
    across, down = size
    for y, x, wish in ((0.25, 0.12, (220, 40, 30)), (0.8, 0.12, (30, 90, 160)), (0.25, 0.9, (30, 90, 160))):
        assert np.abs(picture[int(y * down), int(x * across)].astype(int) - wish).max() <= 6


def test_an_edge_between_colours_is_where_it_was() -> None:
    reds = shown(as_jpeg(painted(600, 200), 600))[50, 145:156, 0].astype(int)
    assert (reds[:4] > 180).all()
    assert (reds[-5:] < 70).all()


def test_grain_that_no_jpeg_makes_small_comes_smaller() -> None:
    grain = np.random.default_rng(1).integers(0, 256, (1400, 2100, 3), np.uint8)
    jpeg = as_jpeg(grain, 4096)
    assert len(jpeg) <= LIMIT_BYTES
    assert 900 < shown(jpeg).shape[1] < 2100


def test_a_tall_plate_is_bounded_by_its_height() -> None:
    assert shown(as_jpeg(painted(100, 900), 450)).shape[:2] == (450, 50)
