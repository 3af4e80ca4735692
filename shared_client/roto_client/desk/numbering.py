"""The one place where the host's frame numbers become those of the plate's files, and back.

A host's frame is a file's frame plus an offset. Above `roto_client.desk.shot` all frames are the host's, at the daemon
all are the files'.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from roto_client.results import FitReport, FrameDone, FrameUnreadable, Matte, TrackEvent
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Layer, Shape
from roto_shapes.shot import FrameRange, Plate


def moved_range(frames: FrameRange, by: int) -> FrameRange:
    """Return a range, so many frames later."""
    return FrameRange(frames.first + by, frames.last + by)


def moved_plate(plate: Plate, by: int) -> Plate:
    """Return a plate whose frames are so many later."""
    return replace(plate, frames=moved_range(plate.frames, by))


def moved_prompt(prompt: Prompt, by: int) -> Prompt:
    """Return what is pointed at, so many frames later."""
    return replace(prompt, frame=prompt.frame + by)


def moved_shape(shape: Shape, by: int) -> Shape:
    """Return a shape, so many frames later, with its layer."""
    keyframes = tuple(replace(key, frame=key.frame + by) for key in shape.keyframes)
    return replace(
        shape, keyframes=keyframes, lifetime=moved_range(shape.lifetime, by), layer=_moved_layer(shape.layer, by)
    )


def moved_event(event: TrackEvent, by: int) -> TrackEvent:
    """Return what happened, so many frames later."""
    if isinstance(event, (FrameDone, FrameUnreadable, Matte)):
        return replace(event, frame=event.frame + by)
    return event


def moved_options(options: FitOptions, by: int) -> FitOptions:
    """Return options whose keyframes stand so many frames later."""
    return replace(options, keyframes_at=tuple(frame + by for frame in options.keyframes_at))


def moved_report(report: FitReport, by: int) -> FitReport:
    """Return what a fit came to, so many frames later."""
    return replace(
        report,
        frames=tuple(replace(each, frame=each.frame + by) for each in report.frames),
        doubtful_frames=tuple(frame + by for frame in report.doubtful_frames),
        look_first=tuple(replace(each, frame=each.frame + by) for each in report.look_first),
    )


def _moved_layer(layer: Optional[Layer], by: int) -> Optional[Layer]:
    if layer is None:
        return None
    return replace(layer, keyframes=tuple(replace(key, frame=key.frame + by) for key in layer.keyframes))
