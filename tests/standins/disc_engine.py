"""A test double of an engine: follows a bright disc before a darker background, exactly and at once.

The object is the connected bright part under the first click, in the box, or nearest to where it was on the frame
before. Every further click paints or wipes a small dot. Loaded by the name `disc_engine:DiscEngine`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines import (
    Direction,
    EngineInfo,
    EnginePrompt,
    EngineSession,
    FrameSource,
    Matte,
    PromptKind,
    TrackedFrame,
)
from roto_daemon.errors import PromptError
from roto_shapes.shot import FrameRange

_BRIGHT = 150
_DOT_RADIUS_PX = 4.0
_JUMP_PX = 40.0
_EDGE = 0.5


class DiscEngine:
    """An engine for tests."""

    @property
    def info(self) -> EngineInfo:
        """Return what the engine can do."""
        return EngineInfo("disc", "Disc (for tests)", frozenset(PromptKind), needs_weights=False)

    def open(self, source: FrameSource) -> EngineSession:
        """Start a session on a plate."""
        return DiscSession(source)


class WeighedEngine(DiscEngine):
    """The same, as if it worked with weights."""

    WEIGHTS = "disc.pt 0123456789ab (MIT, commercial use: ask)"

    @property
    def info(self) -> EngineInfo:
        """Return what the engine can do."""
        return replace(super().info, name="weighed", needs_weights=True, weights=self.WEIGHTS)


class CoarseDiscEngine(DiscEngine):
    """The same, but its masks are 20 px wide before they are enlarged to the plate."""

    SIDE_PX = 20

    @property
    def info(self) -> EngineInfo:
        """Return what the engine can do."""
        return replace(super().info, name="coarse", mask_side_px=self.SIDE_PX)

    def open(self, source: FrameSource) -> EngineSession:
        """Start a session on a plate."""
        return _CoarseSession(source)


@dataclass
class _Object:
    prompted: dict[int, Matte] = field(default_factory=dict)
    tracked: dict[int, Matte] = field(default_factory=dict)

    def known(self, frame: int) -> Matte | None:
        return self.prompted.get(frame, self.tracked.get(frame))


class DiscSession:
    """The objects on one plate."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._objects: dict[int, _Object] = {}

    def set_prompt(self, object_id: int, frame: int, prompt: EnginePrompt) -> TrackedFrame:
        """Replace all that is pointed at for an object on a frame, and return the object there."""
        self._require(frame)
        thing = self._objects.get(object_id, _Object())
        if not len(prompt.points) and prompt.box is None and prompt.mask is None:
            thing.prompted.pop(frame, None)
        else:
            thing.prompted[frame] = self._answer(thing, frame, prompt)
            self._objects[object_id] = thing
        known = thing.known(frame)
        return _tracked(frame, self._nothing() if known is None else known)

    def propagate(
        self, object_id: int, frames: FrameRange, direction: Direction
    ) -> Generator[TrackedFrame, None, None]:
        """Follow an object through a range, one frame at a time."""
        self._require(frames.first)
        self._require(frames.last)
        thing = self._objects.get(object_id, _Object())
        step = direction.value
        first, last = (frames.first, frames.last)[::step]
        behind = [each for each in thing.prompted.keys() | thing.tracked.keys() if (first - each) * step >= 0]
        inside = [each for each in thing.prompted if each in frames]
        if not behind and not inside:
            raise PromptError(f"no prompt to start from on frames {frames}: click the disc first")
        start = max(behind, key=lambda each: each * step) if behind else min(inside, key=lambda each: each * step)
        return self._run(thing, range(start, last + step, step), frames)

    def recall(self, object_id: int, tracked: TrackedFrame) -> None:
        """Restore a frame tracked earlier."""
        self._require(tracked.frame)
        self._objects.setdefault(object_id, _Object()).tracked[tracked.frame] = tracked.matte.copy()

    def remove_object(self, object_id: int) -> None:
        """Forget an object; unknown ids are ignored."""
        self._objects.pop(object_id, None)

    def close(self) -> None:
        """Free what the session holds."""
        self._objects.clear()

    def _run(self, thing: _Object, travel: range, frames: FrameRange) -> Generator[TrackedFrame, None, None]:
        matte = self._nothing()
        for frame in travel:
            if frame in thing.prompted or frame == travel.start:
                known = thing.known(frame)
                matte = self._nothing() if known is None else known
            else:
                matte = self._nearest(frame, matte)
            if frame in frames:
                if frame not in thing.prompted:
                    thing.tracked[frame] = matte
                yield _tracked(frame, matte)

    def _require(self, frame: int) -> None:
        if frame not in self._source.frames:
            raise PromptError(f"frame {frame} is not on the plate: choose one of {self._source.frames}")

    def _nothing(self) -> Matte:
        width, height = self._source.size
        return np.zeros((height, width), np.float32)

    def _answer(self, thing: _Object, frame: int, prompt: EnginePrompt) -> Matte:
        self._check_points(prompt)
        places = list(zip(prompt.points, prompt.foreground, strict=True))
        if prompt.mask is not None:
            if prompt.mask.shape != self._nothing().shape:
                raise PromptError("the mask has another size than the plate: give one of the plate's size")
            matte = prompt.mask.copy()
        elif prompt.box is not None:
            matte = self._in_box(frame, prompt.box)
        elif frame in thing.tracked:
            matte = thing.tracked[frame].copy()
        else:
            start = next((at for at, inside in places if inside), None)
            if start is None:
                raise PromptError("only points off the disc are given: click the disc first")
            matte = self._at(frame, start)
        for at, inside in places:
            if (matte[int(at[1]), int(at[0])] >= _EDGE) != inside:
                matte[self._dot(at)] = float(inside)
        if not (matte >= _EDGE).any():
            raise PromptError("the prompt selects nothing: click the disc")
        return matte

    def _check_points(self, prompt: EnginePrompt) -> None:
        width, height = self._source.size
        seen: dict[tuple[int, int], bool] = {}
        for (x, y), inside in zip(prompt.points, prompt.foreground, strict=True):
            if not (0 <= x < width and 0 <= y < height):
                raise PromptError(f"the point {x:g},{y:g} lies outside the plate: click on the plate")
            if seen.setdefault((int(x), int(y)), bool(inside)) != inside:
                raise PromptError(f"points on the disc and off it meet at {x:g},{y:g}: remove one of them")

    def _grey(self, frame: int) -> NDArray[np.uint8]:
        return np.asarray(cv2.cvtColor(self._source.picture(frame), cv2.COLOR_RGB2GRAY), np.uint8)

    def _in_box(self, frame: int, box: tuple[float, float, float, float]) -> Matte:
        grey = self._grey(frame)
        within = np.zeros(grey.shape, bool)
        left, top, right, bottom = (max(0, int(side)) for side in box)
        within[top:bottom, left:right] = True
        return _coverage(grey, within & (grey > _BRIGHT))

    def _at(self, frame: int, at: NDArray[np.float64]) -> Matte:
        grey = self._grey(frame)
        _, labels = cv2.connectedComponents((grey > _BRIGHT).astype(np.uint8))
        label = labels[int(at[1]), int(at[0])]
        return _coverage(grey, labels == label) if label else self._dot(at).astype(np.float32)

    def _dot(self, at: NDArray[np.float64]) -> NDArray[np.bool_]:
        rows, columns = np.indices(self._nothing().shape)
        return np.asarray(np.hypot(columns + 0.5 - at[0], rows + 0.5 - at[1]) <= _DOT_RADIUS_PX, bool)

    def _nearest(self, frame: int, before: Matte) -> Matte:
        grey = self._grey(frame)
        count, labels, _, centres = cv2.connectedComponentsWithStats((grey > _BRIGHT).astype(np.uint8))
        rows, columns = np.nonzero(before >= _EDGE)
        if count == 1 or not rows.size:
            return self._nothing()
        distances = np.linalg.norm(centres[1:] - (columns.mean(), rows.mean()), axis=1)
        best = int(np.argmin(distances))
        return _coverage(grey, labels == best + 1) if distances[best] <= _JUMP_PX else self._nothing()


class _CoarseSession(DiscSession):
    def set_prompt(self, object_id: int, frame: int, prompt: EnginePrompt) -> TrackedFrame:
        """Answer coarsely, but for a mask that was stated."""
        tracked = super().set_prompt(object_id, frame, prompt)
        return tracked if prompt.mask is not None else _coarse(tracked)

    def propagate(
        self, object_id: int, frames: FrameRange, direction: Direction
    ) -> Generator[TrackedFrame, None, None]:
        """Follow an object, coarsely."""
        return (_coarse(each) for each in super().propagate(object_id, frames, direction))


def _coarse(tracked: TrackedFrame) -> TrackedFrame:
    height, width = tracked.matte.shape
    size = (CoarseDiscEngine.SIDE_PX, round(height * CoarseDiscEngine.SIDE_PX / width))
    small = cv2.resize(tracked.matte, size, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small.round(), (width, height), interpolation=cv2.INTER_NEAREST)
    return replace(tracked, matte=np.asarray(large, np.float32))


def _coverage(grey: NDArray[np.uint8], inside: NDArray[np.bool_]) -> Matte:
    """Return how much of each pixel a bright part covers, from how bright it is beside ground and part."""
    rows, columns = np.nonzero(inside)
    matte = np.zeros(grey.shape, np.float32)
    if not rows.size:
        return matte
    window = (slice(max(0, rows.min() - 3), rows.max() + 4), slice(max(0, columns.min() - 3), columns.max() + 4))
    part, values = inside[window].astype(np.uint8), grey[window].astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    core, reach = cv2.erode(part, kernel), cv2.dilate(part, kernel)
    ring = (cv2.dilate(reach, kernel) > reach) if reach.min() == 0 else part > 1
    high = float(np.median(values[part > 0]))
    low = float(np.median(values[ring])) if ring.any() else 0.0
    soft = np.clip((values - low) / max(1.0, high - low), 0, 1)
    matte[window] = np.where(core > 0, 1.0, np.where(reach > 0, soft, 0.0))
    return matte


def _tracked(frame: int, matte: Matte) -> TrackedFrame:
    return TrackedFrame(frame, matte, float((matte >= _EDGE).any()))
