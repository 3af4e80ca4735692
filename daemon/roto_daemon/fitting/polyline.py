"""Closed polylines: (n, 2) points of which the first is not repeated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2) x and y in plate pixels."""


def evenly(polyline: Points, spacing_px: float, fewest: int) -> Points:
    """Return points evenly along a closed polyline, at most `spacing_px` apart and at least `fewest` of them."""
    closed = np.vstack([polyline, polyline[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    count = max(int(np.ceil(along[-1] / spacing_px)), fewest)
    places = np.linspace(0, along[-1], count, endpoint=False)
    return np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def length(polyline: Points) -> float:
    """Return the length in px of a closed polyline."""
    return float(np.linalg.norm(polyline - np.roll(polyline, 1, axis=0), axis=1).sum())
