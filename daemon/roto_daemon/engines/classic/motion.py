"""From one frame to the next: optical flow carries the object, a cut finds its edge again. Working pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines.classic.cut import (
    BAND_PX,
    EDGE,
    around,
    cut_band,
    learned,
    signed_distance,
    soften,
    without_specks,
)
from roto_daemon.engines.classic.working import Field, Mask, View

# Surroundings of the object in which motion is sought; bounds the motion from frame to frame.
_REACH_PX = 48
# Box over which flow is averaged, and how much the background counts in it: enough to bridge gaps inside the
# object, too little to drag its edge.
_SMOOTH_PX = 13
_BACKGROUND_WEIGHT = 0.02
# Flow that does not find its way back by this much is not to be trusted; there the cut may move further.
_DOUBT_PX = 1.5
_WIDE_BAND_PX = 16.0
# Colour change along the flow, in stretched Lab, that shading does not explain.
_SURPRISE = 20.0
# Optical flow needs this many pixels a side for its coarsest level.
_FLOW_SIDE_PX = 32
# Forward-backward error, in working pixels, at which nothing is left of the confidence.
_HOPELESS_PX = 6.0
# Share of loose pixels that change sides in a healthy cut, and in a hopeless one.
_HEALTHY_FLIPS, _HOPELESS_FLIPS = 0.15, 0.6
# An object of fewer pixels than this, or less than this share of the frame before, is lost.
_FEWEST_PIXELS = 8
_VANISHED_SHARE = 0.25


@dataclass(frozen=True)
class Step:
    """The object on the next frame; empty with confidence 0 when it is lost."""

    soft: Field
    confidence: float


class Motion:
    """Carries one object from frame to frame, in either direction of time."""

    def __init__(self) -> None:
        self._fine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._coarse = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def follow(self, old: View, new: View, soft: Field) -> Step:
        """Return the object of `old` on `new`."""
        window = around(soft >= EDGE, _REACH_PX)
        if window is None:
            return _lost(soft)
        here = np.ascontiguousarray(soft[window])
        flow, doubt = self._flow_of(old.grey[window], new.grey[window], here)
        expected = _pull(here, flow) >= EDGE
        models = learned(old.colours[window], here >= EDGE)
        strange = expected & (_surprise(old.colours[window], new.colours[window], flow) > _SURPRISE)
        distance = np.abs(signed_distance(expected))
        loose = (distance < BAND_PX) | ((distance < _WIDE_BAND_PX) & ((doubt > _DOUBT_PX) | strange))
        found = without_specks(cut_band(new.colours[window], expected & ~(strange & loose), loose, models))
        before, after = np.count_nonzero(here >= EDGE), np.count_nonzero(found)
        if after < max(_FEWEST_PIXELS, _VANISHED_SHARE * before):
            return _lost(soft)
        result = np.zeros_like(soft)
        result[window] = soften(found)
        return Step(result, _confidence(doubt[expected], found[loose] != expected[loose], after / before))

    def _flow_of(
        self, old: NDArray[np.uint8], new: NDArray[np.uint8], soft: Field
    ) -> tuple[NDArray[np.float32], Field]:
        """Return the object's flow from the new frame to the old one, and by how many px it misses its way back."""
        rows, columns = old.shape
        flow = _flow(self._fine, new, old)
        weight = _BACKGROUND_WEIGHT + (1 - _BACKGROUND_WEIGHT) * _pull(soft, flow)
        smooth = _mean(flow * weight[..., None]) / _mean(weight)[..., None]
        half = (max(1, columns // 2), max(1, rows // 2))
        small_old, small_new = (
            np.asarray(cv2.resize(each, half, interpolation=cv2.INTER_AREA), np.uint8) for each in (old, new)
        )
        back = np.asarray(cv2.resize(2 * _flow(self._coarse, small_old, small_new), (columns, rows)), np.float32)
        error = np.linalg.norm(smooth + _pull(back, smooth), axis=2)
        return smooth, np.asarray(cv2.blur(error, (5, 5)), np.float32)


def _surprise(old: NDArray[np.uint8], new: NDArray[np.uint8], flow: NDArray[np.float32]) -> Field:
    """Return how far each pixel's colour is from where it is said to come from: large where ground is uncovered."""
    change = new.astype(np.float32) - _pull(old.astype(np.float32), flow)
    return np.asarray(np.linalg.norm(cv2.blur(change, (5, 5)), axis=2), np.float32)


def _mean(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(image, (_SMOOTH_PX, _SMOOTH_PX)), np.float32)


def _flow(solver: cv2.DISOpticalFlow, start: NDArray[np.uint8], end: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return where each pixel of `start` is found on `end`, as an offset: (rows, columns, 2)."""
    rows, columns = start.shape
    below, beside = max(0, _FLOW_SIDE_PX - rows), max(0, _FLOW_SIDE_PX - columns)
    one, two = (cv2.copyMakeBorder(each, 0, below, 0, beside, cv2.BORDER_REPLICATE) for each in (start, end))
    flow = solver.calc(one, two, np.zeros((*one.shape, 2), np.float32))
    return np.asarray(flow[:rows, :columns], np.float32)


def _pull(image: NDArray[np.float32], flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the image with each pixel fetched from where the flow points."""
    rows, columns = flow.shape[:2]
    x = flow[..., 0] + np.arange(columns, dtype=np.float32)
    y = flow[..., 1] + np.arange(rows, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _confidence(doubt: Field, flipped: Mask, growth: float) -> float:
    """Return trust from 0 to 1: how well flow returns, how much the cut disagreed, how far the area jumped."""
    returned = 1 - min(1.0, float(np.mean(doubt)) / _HOPELESS_PX) if doubt.size else 0.0
    share = float(np.mean(flipped)) if flipped.size else 0.0
    agreed = 1 - np.clip((share - _HEALTHY_FLIPS) / (_HOPELESS_FLIPS - _HEALTHY_FLIPS), 0, 1)
    steady = min(growth, 1 / growth)
    return float(np.clip(returned * agreed * steady, 0.01, 1))


def _lost(soft: Field) -> Step:
    return Step(np.zeros_like(soft), 0.0)
