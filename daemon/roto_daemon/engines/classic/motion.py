"""From one frame to the next: optical flow carries the object, a cut finds its edge again. Working pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

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
from roto_daemon.engines.classic.search import sought_anywhere, sought_near
from roto_daemon.engines.classic.working import Field, Mask, View
from roto_daemon.engines.confidence import Watch, middle

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
# Colour is compared over boxes of this side from frame to frame, and of the other after the object was out of sight and
# may have turned: its texture is elsewhere then.
_BLUR_PX, _TURNED_PX = 5, 15
# Optical flow needs this many pixels a side for its coarsest level.
_FLOW_SIDE_PX = 32
# Forward-backward error at the outline, in working pixels, that speaks most against a frame; and how much it speaks:
# a large error comes with fast motion, which the search brings to a good end.
_HOPELESS_PX, _LEAST_SAID = 6.0, 0.4
# Share of loose pixels that change sides in a healthy cut, and in a hopeless one.
_HEALTHY_FLIPS, _HOPELESS_FLIPS = 0.15, 0.6
# Motion per frame from which on the object is expected to go on as before: below it flow finds it by itself.
_STRIDE_PX = 4.0
# Share of the object whose colours come along when flow took it the right way.
_WELL_CARRIED = 0.35
# Below this share of the area it had when seen whole, the object is partly hidden and sought anew; and it must come
# out this much larger there.
_PARTLY_HIDDEN, _WORTH_MORE = 0.9, 1.05
# From this share on it is whole.
_WHOLE = 0.9
# Agreement of a frame that may serve as the look of the object, and the most that is believed of one that may be
# another than the one that went out of sight.
_SURE, _NEVER_SURE = 0.6, 0.45
# What an object that is partly hidden must keep of what is seen of it when it is sought anew.
_SAME_SHARE = 0.6
# An object that comes back is taken for the one that went when it fits this much better than anything else in sight.
_ONE_OF_A_KIND = 0.7
# Misfit of another thing on the same frame that may be taken for the object.
_DOUBLE = 0.35
# Misfit at which the colours are another object's.
_FOREIGN = 0.85
# Misfit up to which an object counts as found in the frame, how much better it must fit than elsewhere, and how much
# of it may be hidden.
_FOUND, _UNMISTAKABLE, _SEEN_AGAIN = 0.6, 0.8, 0.5
# An object of fewer pixels than this, or less than this share of the frame before, is lost.
_FEWEST_PIXELS = 8
_VANISHED_SHARE = 0.25


_Number = TypeVar("_Number", np.uint8, np.float32)
_Way = Callable[[NDArray[np.uint8], NDArray[np.uint8], Field], tuple[NDArray[np.float32], Field]]
"""From two frames and the object on the first to flow (rows, columns, 2) and how far it misses its way back."""


@dataclass(frozen=True)
class Step:
    """The object on the next frame; empty with confidence 0 when it is lost."""

    soft: Field
    confidence: float


@dataclass(frozen=True)
class _Found:
    """The object on the next frame, before it is judged; empty when it is lost."""

    soft: Field
    area: int
    agreement: float


@dataclass(frozen=True)
class _Carried:
    """The object brought to the next frame, before the cut; arrays are those of `window` there."""

    window: _Window
    views: tuple[View, View]
    """The object's surroundings on the frame it comes from, and on the next."""
    soft: Field
    """The object where it comes from."""
    expected: Mask
    doubt: Field
    """By how many px the flow of a pixel misses its way back."""
    strange: Mask
    """Where the colour is not the one that should have come along."""

    @property
    def misfit(self) -> float:
        """Return the share of the object whose colours did not come along."""
        return float(np.mean(self.strange[self.expected])) if self.expected.any() else 1.0


class Motion:
    """Carries one object from frame to frame, in either direction of time.

    Remembers how the object moves, and how it looked when it was last seen whole: where flow fails it is sought
    near where it should be, and where it was hidden it is sought in all of the frame.
    """

    def __init__(self) -> None:
        self._fine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._coarse = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._pace = (0.0, 0.0)
        self._watch: Watch | None = None
        self._whole: tuple[View, Field] | None = None
        self._area = 0
        self._mistakable = False

    def follow(self, old: View, new: View, soft: Field) -> Step:
        """Return the object of `old` on `new`."""
        inside = soft >= EDGE
        if self._watch is None:
            self._watch = Watch(inside)
            self._remember(old, soft)
        found = self._settled(self._carried(old, new, soft), soft) if inside.any() else _nothing(soft)
        if found.area < _PARTLY_HIDDEN * self._area:
            found = self._found_again(new, found)
        self._note(inside, found, new)
        score = _NEVER_SURE if self._mistakable else 1.0
        return Step(found.soft, self._watch.judge(found.soft >= EDGE, found.agreement, score))

    def _remember(self, view: View, soft: Field) -> None:
        self._whole, self._area = (view, soft), int(np.count_nonzero(soft >= EDGE))

    def _note(self, before: Mask, found: _Found, new: View) -> None:
        """Take down how the object moved, and how it looks when it is seen as large as ever."""
        one, two = middle(before), middle(found.soft >= EDGE)
        if one and two:
            self._pace = (two[0] - one[0], two[1] - one[1])
        if _WHOLE < found.area / max(1, self._area) < 1 / _WHOLE and found.agreement > _SURE:
            self._remember(new, found.soft)

    def _carried(self, old: View, new: View, soft: Field) -> _Carried:
        """Bring the object to the next frame: by flow from where its pace puts it, or from where it is found."""
        steady = self._pace if np.hypot(*self._pace) > _STRIDE_PX else (0.0, 0.0)
        shift = round(steady[0]), round(steady[1])
        carried = self._brought(old, new, soft, shift, self._flow_of, _BLUR_PX)
        if carried.misfit < _WELL_CARRIED:
            return carried
        place = sought_near(old, soft, new, self._pace)
        if place is None:
            return carried
        other = self._sped(old, new, soft, (place.right, place.down))
        return other if other.misfit < carried.misfit else carried

    def _found_again(self, new: View, seen: _Found) -> _Found:
        """Return the object as it was last seen whole, where more of it than `seen` is found again; else `seen`."""
        old, soft = self._whole or (new, seen.soft)
        place = sought_anywhere(old, soft, new)
        if place is None or place.misfit > min(_FOUND, _UNMISTAKABLE * place.rival):
            return seen
        carried = self._sped(old, new, soft, (place.right, place.down), _TURNED_PX)
        if carried.misfit > _SEEN_AGAIN:
            return seen
        visible = without_specks(np.asarray(carried.expected & ~carried.strange, bool))
        again = self._settled(replace(carried, expected=visible), soft)
        kept = np.count_nonzero((again.soft >= EDGE) & (seen.soft >= EDGE))
        if again.area < _WORTH_MORE * seen.area or kept < _SAME_SHARE * seen.area:
            return seen
        strayed = not seen.area and place.misfit > _ONE_OF_A_KIND * place.rival
        self._mistakable = self._mistakable or strayed or self._has_double()
        return again

    def _has_double(self) -> bool:
        """Return whether another thing looked like the object when it was last seen whole."""
        whole = self._whole and sought_anywhere(*self._whole, self._whole[0])
        return bool(whole and whole.rival < _DOUBLE)

    def _sped(self, old: View, new: View, soft: Field, shift: tuple[int, int], blur_px: int = _BLUR_PX) -> _Carried:
        """Bring the object along a shift (right, down) and as far beyond as its colours say.

        On by the flow that is left, or not at all: flow takes a small object for a part of its surroundings.
        """
        ways = (self._brought(old, new, soft, shift, way, blur_px) for way in (self._flow_of, _still))
        return min(ways, key=lambda each: each.misfit)

    def _brought(self, old: View, new: View, soft: Field, shift: tuple[int, int], way: _Way, blur_px: int) -> _Carried:
        there = _Window.around(soft >= EDGE, _REACH_PX)
        here = there.moved(*shift)
        views = View(there.cut(old.picture)), View(here.cut(new.picture))
        part = there.cut(soft, outside=0)
        flow, doubt = way(views[0].grey, views[1].grey, part)
        expected = _pull(part, flow) >= EDGE
        strange = _surprise(views[0].colours, views[1].colours, flow, blur_px) > _SURPRISE
        return _Carried(here, views, part, expected, doubt, strange)

    def _settled(self, carried: _Carried, soft: Field) -> _Found:
        """Return the object with its outline on the edge nearby."""
        old, new = carried.views
        expected = carried.expected
        strange = expected & carried.strange
        models = learned(old.colours, carried.soft >= EDGE)
        distance = np.abs(signed_distance(expected))
        wide = (carried.doubt > _DOUBT_PX) | strange
        loose = (distance < BAND_PX) | ((distance < _WIDE_BAND_PX) & wide)
        found = without_specks(cut_band(new.colours, expected & ~(strange & loose), loose, models))
        found &= carried.window.inside(soft.shape)
        before, after = np.count_nonzero(carried.soft >= EDGE), np.count_nonzero(found)
        if after < max(_FEWEST_PIXELS, _VANISHED_SHARE * before):
            return _nothing(soft)
        result = np.zeros_like(soft)
        carried.window.paste(soften(found), result)
        edge = expected & (distance < BAND_PX)
        return _Found(
            result, int(after), _agreement(carried.doubt[edge], found[loose] != expected[loose], carried.misfit)
        )

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


@dataclass(frozen=True)
class _Window:
    """A part of the frame, which may stick out of it: there the frame's rim goes on."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def around(cls, mask: Mask, margin: int) -> _Window:
        rows, columns = around(mask, 0) or (slice(0, 1), slice(0, 1))
        height, width = (part.stop - part.start + 2 * margin for part in (rows, columns))
        return cls(rows.start - margin, columns.start - margin, height, width)

    def moved(self, right: int, down: int) -> _Window:
        return replace(self, top=self.top + down, left=self.left + right)

    def cut(self, image: NDArray[_Number], outside: float | None = None) -> NDArray[_Number]:
        """Return the part of an image; beyond its rim `outside`, or else what stands at the rim."""
        rows, columns = image.shape[:2]
        down = np.arange(self.top, self.top + self.height)
        right = np.arange(self.left, self.left + self.width)
        part = np.ascontiguousarray(image[np.ix_(np.clip(down, 0, rows - 1), np.clip(right, 0, columns - 1))])
        if outside is not None:
            part[~self.inside((rows, columns))] = outside
        return part

    def inside(self, shape: tuple[int, ...]) -> Mask:
        """Return which of the window's pixels are on a frame of rows and columns."""
        down = np.arange(self.top, self.top + self.height)
        right = np.arange(self.left, self.left + self.width)
        return np.asarray(((down >= 0) & (down < shape[0]))[:, None] & ((right >= 0) & (right < shape[1])), bool)

    def paste(self, part: Field, frame: Field) -> None:
        """Put a part where it belongs on a frame."""
        top, left = max(0, self.top), max(0, self.left)
        bottom, right = min(frame.shape[0], self.top + self.height), min(frame.shape[1], self.left + self.width)
        if top < bottom and left < right:
            rows, columns = slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left)
            frame[top:bottom, left:right] = part[rows, columns]


def _still(_old: NDArray[np.uint8], _new: NDArray[np.uint8], soft: Field) -> tuple[NDArray[np.float32], Field]:
    """Return no flow at all, which finds its way back."""
    return np.zeros((*soft.shape, 2), np.float32), np.zeros_like(soft)


def _surprise(old: NDArray[np.uint8], new: NDArray[np.uint8], flow: NDArray[np.float32], blur_px: int) -> Field:
    """Return how far each pixel's colour is from where it is said to come from: large where ground is uncovered."""
    change = new.astype(np.float32) - _pull(old.astype(np.float32), flow)
    return np.asarray(np.linalg.norm(cv2.blur(change, (blur_px, blur_px)), axis=2), np.float32)


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


def _agreement(doubt: Field, flipped: Mask, misfit: float) -> float:
    """Return how well two frames agree, 0 to 1: flow returns, the cut is where flow put it, colours are the same."""
    astray = float(np.median(doubt)) if doubt.size else _HOPELESS_PX
    share = float(np.mean(flipped)) if flipped.size else 0.0
    returned = 1 - _LEAST_SAID * min(1.0, astray / _HOPELESS_PX)
    agreed = 1 - np.clip((share - _HEALTHY_FLIPS) / (_HOPELESS_FLIPS - _HEALTHY_FLIPS), 0, 1)
    alike = 1 - np.clip((misfit - _WELL_CARRIED) / (_FOREIGN - _WELL_CARRIED), 0, 1)
    return float(returned * agreed * alike)


def _nothing(soft: Field) -> _Found:
    return _Found(np.zeros_like(soft), 0, 0.0)
