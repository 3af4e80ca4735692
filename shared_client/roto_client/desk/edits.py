"""What an artist did to shapes in the host since they were written there: found by comparing, never asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Optional

from roto_client.desk.painting import mask_of
from roto_shapes.curve import evaluate
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.prompt import MaskPrompt, Prompt
from roto_shapes.shape import Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

EDITED_PX = 0.05
"""What hosts lose by keeping numbers as text or as 32-bit floats lies far below, what a hand moves above."""


def edited_frames(written: Iterable[Shape], read: Iterable[Shape]) -> frozenset[int]:
    """Return the frames of keyframes that were moved or set by hand, on any shape.

    A shape that was not written, or has another number of points than then, is the artist's on all its keyframes. A
    keyframe that was taken away leaves nothing to keep.
    """
    known = {shape.name: shape for shape in written}
    return frozenset(frame for shape in read for frame in _edited(known.get(shape.name), shape))


def with_locks(shapes: Iterable[Shape], locked: Iterable[int]) -> tuple[Shape, ...]:
    """Return shapes whose keyframes on these frames are locked, and no others."""
    frames = frozenset(locked)
    return tuple(
        replace(shape, keyframes=tuple(replace(key, locked=key.frame in frames) for key in shape.keyframes))
        for shape in shapes
    )


def with_keyframe(shape: Shape, frame: int) -> Shape:
    """Return a shape with a keyframe on a frame of its lifetime, where its interpolation puts it."""
    if frame not in shape.lifetime or any(key.frame == frame for key in shape.keyframes):
        return shape
    keyframes = (*shape.keyframes, ShapeKeyframe(frame, evaluate(shape, frame)))
    return replace(shape, keyframes=tuple(sorted(keyframes, key=lambda key: key.frame)))


def renamed(shapes: Iterable[Shape], old: str, new: str) -> tuple[Shape, ...]:
    """Return shapes named after an object by its new name; names that are the artist's own stay."""
    return tuple(
        replace(shape, name=new + shape.name[len(old) :]) if shape.name.startswith(old) else shape for shape in shapes
    )


def as_prompt(shapes: Sequence[Shape], frame: int, plate: Plate) -> Optional[Prompt]:
    """Return what shapes say of an object on a frame: an outline, a mask where there are several, None for nothing."""
    drawn = [
        (evaluate_on_plate(shape, frame), shape.invert) for shape in shapes if shape.closed and frame in shape.lifetime
    ]
    if not drawn:
        return None
    if len(drawn) == 1:
        return None if drawn[0][1] else Prompt(frame, outline=drawn[0][0])
    mask: MaskPrompt = mask_of(drawn, plate.width, plate.height)
    return Prompt(frame, mask=mask) if any(mask.coverage) else None


def range_round(frame: int, kept: Iterable[int], frames: FrameRange) -> FrameRange:
    """Return the frames round one, up to the next on either side that is kept, or to the ends."""
    before = [each for each in kept if each < frame]
    after = [each for each in kept if each > frame]
    return FrameRange(max(before) + 1 if before else frames.first, min(after) - 1 if after else frames.last)


def _edited(written: Optional[Shape], read: Shape) -> Iterable[int]:
    if written is None or written.point_count != read.point_count:
        return [key.frame for key in read.keyframes]
    known = {key.frame: key for key in written.keyframes}
    return [key.frame for key in read.keyframes if key.frame not in known or _differ(known[key.frame], key)]


def _differ(one: ShapeKeyframe, other: ShapeKeyframe) -> bool:
    for a, b in zip(one.points, other.points):
        numbers = zip((*a[:6], *(a.feather or (0.0, 0.0))), (*b[:6], *(b.feather or (0.0, 0.0))))
        if any(abs(x - y) > EDITED_PX for x, y in numbers):
            return True
    return False
