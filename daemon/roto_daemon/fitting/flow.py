"""What the plate says about motion along an outline: dense optical flow just inside it, with how far to trust it.

An outline alone does not show how a ball spins. Two pictures are held at a time, cropped to the object and no larger
than flow needs; all that lasts are vectors at samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.outline import Points
from roto_daemon.fitting.registration import carry_locally, turned
from roto_daemon.fitting.ring import Floats, Ring
from roto_daemon.pictures import Picture

Pictures = Callable[[int], Picture | None]
"""Returns a frame of the plate, None where it has none that can be used."""

_LARGEST_SIDE = 960
"""Pixels of the box round the object that flow sees; more costs time and tells nothing."""

_MARGIN_PX = 8
_INSIDE_PX = 5.0
"""Half a patch of the flow inside the edge, so that it sees the object and little of what lies behind."""

_DISAGREEMENT_PX = 0.7
"""Forward and backward flow that miss each other by this much are hardly to be trusted."""

_TEXTURE_LEVELS = 3.0
"""Change a pixel along the edge, of 255 levels, of a surface that flow can just hold on to."""

_TEXTURE_REACH_PX = 9
_FEWEST_SIDE = 24
"""Flow's coarsest level needs some pixels."""


@dataclass(frozen=True)
class Guidance:
    """Where flow sees samples go."""

    points: Points
    """(M, 2) plate pixels on the frame they go to."""
    confidence: Floats
    """(M,) 0 to 1."""


@dataclass(frozen=True)
class _View:
    """The part of the plate that flow sees: plate pixels less the corner, times the scale."""

    corner: Points
    scale: float
    size: tuple[int, int]

    def of(self, points: Points) -> Points:
        seen: Points = (points - self.corner) * self.scale
        return seen


class PlateFlow:
    """Optical flow between frames of a plate of (width, height), along outlines."""

    def __init__(self, pictures: Pictures, size: tuple[int, int]) -> None:
        self._pictures = pictures
        self._width, self._height = size
        self._estimate = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def follow(self, frames: tuple[int, int], samples: Ring, rings: tuple[Ring, Ring]) -> Guidance | None:
        """Return where samples on the first frame's ring go on the second frame, None where that cannot be seen.

        Outside its outline each picture is made plain, so that what lies behind says nothing.
        """
        view = self._view(rings)
        if view is None:
            return None
        first, second = (self._cut(frame, ring.points, view) for frame, ring in zip(frames, rings, strict=True))
        if first is None or second is None:
            return None
        ahead, back = (
            self._estimate.calc(a, b, np.zeros((*a.shape, 2), np.float32))
            for a, b in ((first, second), (second, first))
        )
        inward = np.stack([-samples.tangents[:, 1], samples.tangents[:, 0]], axis=1)
        inside = samples.points + inward * _INSIDE_PX / view.scale
        place = view.of(inside)
        step = _read(ahead, place)
        missed = np.linalg.norm(step + _read(back, place + step), axis=1)
        trust = np.exp(-((missed / _DISAGREEMENT_PX) ** 2)) * _texture(first, place, samples.tangents)
        moved, turn = carry_locally(inside, inside + step / view.scale, np.maximum(trust, 1e-6))
        return Guidance(moved + turned(samples.points - inside, turn), trust)

    def _view(self, rings: tuple[Ring, Ring]) -> _View | None:
        both = np.vstack([ring.points for ring in rings])
        low = np.clip(np.floor(both.min(axis=0)) - _MARGIN_PX, 0, (self._width, self._height))
        high = np.clip(np.ceil(both.max(axis=0)) + _MARGIN_PX, 0, (self._width, self._height))
        extent = high - low
        scale = min(1.0, _LARGEST_SIDE / max(float(extent.max()), 1.0))
        width, height = (round(float(side) * scale) for side in extent)
        return _View(low, scale, (width, height)) if min(width, height) >= _FEWEST_SIDE else None

    def _cut(self, frame: int, outline: Points, view: _View) -> NDArray[np.uint8] | None:
        picture = self._pictures(frame)
        if picture is None:
            return None
        x, y = (int(number) for number in view.corner)
        right, bottom = (round(number) for number in view.corner + np.array(view.size) / view.scale)
        grey = cv2.cvtColor(np.ascontiguousarray(picture[y:bottom, x:right]), cv2.COLOR_RGB2GRAY)
        if view.scale < 1:
            grey = cv2.resize(grey, view.size, interpolation=cv2.INTER_AREA)
        shown = np.zeros(grey.shape, np.uint8)
        cv2.fillPoly(shown, [np.round(view.of(outline)).astype(np.int32)], (1,))
        inside = shown > 0
        if not inside.any():
            return None
        plain: NDArray[np.uint8] = np.where(inside, grey, np.uint8(grey[inside].mean())).astype(np.uint8)
        return plain


def _read(field: cv2.typing.MatLike, places: Points) -> Floats:
    """Return a field's vectors at (M, 2) places with pixel centres at .5."""
    x, y = (places - 0.5).astype(np.float32).T
    # cv2's remap takes at most 32767 places a row, hence the column.
    values = cv2.remap(field, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    read: Floats = np.asarray(values, np.float64).reshape(len(places), -1)
    return read


def _texture(picture: NDArray[np.uint8], places: Points, tangents: Points) -> Floats:
    """Return (M,) 0 to 1: whether the picture changes along the edge, which tells motion along it."""
    grey = cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    products = np.dstack([across * across, 2 * across * down, down * down])
    xx, xy, yy = _read(cv2.blur(products, (_TEXTURE_REACH_PX, _TEXTURE_REACH_PX)), places).T
    x, y = tangents.T
    energy = np.maximum(xx * x * x + xy * x * y + yy * y * y, 0)
    seen: Floats = energy / (energy + _TEXTURE_LEVELS**2)
    return seen
