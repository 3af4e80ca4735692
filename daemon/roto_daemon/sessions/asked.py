"""What workers are told of a session when a fit or files are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from roto_daemon.errors import ConflictError, PromptError
from roto_daemon.sessions.state import Session, TrackedObject
from roto_daemon.workers.orders import pack_options
from roto_daemon.workers.pipe import Message
from roto_shapes.fit_options import FitOptions
from roto_shapes.formats import encode
from roto_shapes.shape import Roto
from roto_shapes.shot import FrameRange


def frames_with_mattes(session: Session, objects: Sequence[int], frames: FrameRange | None) -> list[int]:
    """Return the frames on which any of the objects has a matte, rising; raises ConflictError when there is none."""
    found = {frame for each in objects for frame in session.store.frames(each) if frames is None or frame in frames}
    if not found:
        where = f" in frames {frames}" if frames else ""
        raise ConflictError(f"The object has no mattes{where}: track it first.")
    return sorted(found)


def measured(session: Session, objects: Sequence[TrackedObject]) -> Message:
    """Return what a report measures: the shapes of one object, and what was asked of their fit."""
    if len(objects) != 1:
        raise PromptError("A report tells of one object: say which.")
    if not objects[0].shapes:
        raise ConflictError(f"Object '{objects[0].name}' has no shapes to report on: fit it first.")
    fitted = objects[0].drawing.fitted
    options = fitted.order.options if fitted else FitOptions.bounded()
    return {
        "roto": encode(Roto(session.plate.plate, fitted.plain if fitted else objects[0].shapes), ".json"),
        "options": pack_options(options),
        "judged_px": fitted.judged_px if fitted else options.tolerance_px,
        "doubtful": fitted.report["doubtful_frames"] if fitted else [],
        "in_front": [each for each in fitted.order.in_front if each in session.objects] if fitted else [],
    }


def require_other(front: TrackedObject, target: TrackedObject) -> None:
    """Raise ConflictError for an object that would stand in front of itself."""
    if front is target:
        raise ConflictError(f"Object '{target.name}' cannot stand in front of itself: name other objects.")
