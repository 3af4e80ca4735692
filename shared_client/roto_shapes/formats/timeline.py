"""Keys as other programs have them, on any time and with any easing, turned into keyframes on whole frames."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

from roto_shapes.shape import ControlPoint, ShapeKeyframe
from roto_shapes.shot import FrameRange

Points = tuple[ControlPoint, ...]
Ease = Callable[[float], float]

MOST_FRAMES = 100_000
"""Longest motion that is looked at frame by frame."""

_WHOLE = 1e-4
"""How near to a whole frame a key must stand to be on it: programs store times in seconds of six decimals."""


class Key(NamedTuple):
    """A key: an outline at a time, and how it goes on from there to the next."""

    time: float
    points: Points
    holds: bool = False
    """Whether the outline stays until the next key and then jumps."""
    ease: Optional[Ease] = None
    """Share of the time to the next key -> share of the way; None for straight lines."""


def on_whole_frames(keys: Sequence[Key], what: str) -> tuple[tuple[ShapeKeyframe, ...], bool]:
    """Return keyframes joined by straight lines that show on every whole frame what the keys show.

    `keys` rise in time; `what` names them in errors. The second value says whether keyframes stand where no key was,
    because of easing or of keys between frames. A jump is the outline before it, repeated a frame earlier. Raises
    ValueError for keys that do not rise, and for motions that need every frame of more than 100,000.
    """
    _require_rising(keys, what)
    wanted: dict[int, Points] = {}
    resampled = False
    for key, after in zip(keys, keys[1:]):
        start, end = _frame(key.time), _frame(after.time)
        if start is not None:
            wanted[start] = key.points
        eased = key.ease is not None and not key.holds and key.points != after.points
        if eased or start is None or end is None:
            inside = range(math.floor(key.time + _WHOLE) + 1, math.ceil(after.time - _WHOLE))
            if len(inside) > MOST_FRAMES:
                message = f"{what} moves over more than {MOST_FRAMES} frames between two keys"
                raise ValueError(message)
            if inside:
                resampled = True
            wanted.update((frame, between(keys, frame)) for frame in inside)
        elif key.holds and end - start > 1 and key.points != after.points:
            wanted[end - 1] = key.points
    last = keys[-1]
    frame = _frame(last.time)
    if frame is None:  # what is held from there on
        frame, resampled = math.ceil(last.time), True
    wanted[frame] = last.points
    first = math.floor(keys[0].time)
    if not any(each <= keys[0].time + _WHOLE for each in wanted):
        wanted[first] = keys[0].points
    return tuple(ShapeKeyframe(frame, points) for frame, points in sorted(wanted.items())), resampled


def between(keys: Sequence[Key], time: float) -> Points:
    """Return the outline at a time; before the first and after the last key it holds."""
    at = bisect_right([key.time for key in keys], time) - 1
    if at < 0 or at == len(keys) - 1 or keys[at].holds:
        return keys[max(at, 0)].points
    here, there = keys[at], keys[at + 1]
    share = (time - here.time) / (there.time - here.time)
    share = share if here.ease is None else here.ease(share)
    return tuple(_mixed(a, b, share) for a, b in zip(here.points, there.points))


def shown_spans(levels: Sequence[tuple[float, float]], within: FrameRange) -> list[FrameRange]:
    """Return the frames on which a stepped level, as (time, level) rising in time, is above zero.

    Before its first time a level is that of the first. No level shows on all frames.
    """
    if not levels:
        return [within]
    spans: list[FrameRange] = []
    changes = [(math.ceil(time - _WHOLE), level > 0) for time, level in levels]
    changes[0] = (within.first, changes[0][1])
    for (start, shown), end in zip(changes, [*(start for start, _ in changes[1:]), within.last + 1]):
        first, last = max(start, within.first), min(end - 1, within.last)
        if not shown or first > last:
            continue
        if spans and spans[-1].last + 1 == first:
            first = spans.pop().first
        spans.append(FrameRange(first, last))
    return spans


def bezier_ease(out_x: float, out_y: float, in_x: float, in_y: float) -> Optional[Ease]:
    """Return the easing of a cubic from (0, 0) to (1, 1) with two handles; None when that is a straight line."""
    if abs(out_x - out_y) < _WHOLE and abs(in_x - in_y) < _WHOLE:
        return None

    def along(a: float, b: float, u: float) -> float:
        return 3 * a * u * (1 - u) ** 2 + 3 * b * u * u * (1 - u) + u**3

    def ease(share: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(50):
            u = (low + high) / 2
            low, high = (u, high) if along(out_x, in_x, u) < share else (low, u)
        return along(out_y, in_y, (low + high) / 2)

    return ease


def _frame(time: float) -> Optional[int]:
    """Return the whole frame that a time stands on, if any."""
    nearest = round(time)
    return nearest if abs(time - nearest) < _WHOLE else None


def _mixed(a: ControlPoint, b: ControlPoint, share: float) -> ControlPoint:
    numbers = (start + (end - start) * share for start, end in zip(a[:6], b[:6]))
    feather = None
    if a.feather is not None or b.feather is not None:
        (ax, ay), (bx, by) = a.feather or (0.0, 0.0), b.feather or (0.0, 0.0)
        feather = ax + (bx - ax) * share, ay + (by - ay) * share
    return ControlPoint._make((*numbers, a.corner, feather))


def _require_rising(keys: Sequence[Key], what: str) -> None:
    if not keys:
        message = f"{what} has no key"
        raise ValueError(message)
    if any(not math.isfinite(key.time) for key in keys):
        message = f"{what} has a key at a time that is not finite"
        raise ValueError(message)
    for earlier, later in zip(keys, keys[1:]):
        if later.time <= earlier.time:
            message = f"the keys of {what} do not rise in time: {later.time:g} comes after {earlier.time:g}"
            raise ValueError(message)
