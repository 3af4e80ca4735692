"""A session that a daemon keeps, from the messages that tell of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional, Union

from roto_client.results import AttachedObject, AttachedSession, FrameDone, OpenedPlate, OpenedSession, StepTurned
from roto_proto import wire
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Shape

if TYPE_CHECKING:  # how answers read; protobuf itself may not be there
    from roto_proto.v1 import sessions_pb2


def attached(answers: Iterable[sessions_pb2.AttachSessionResponse]) -> AttachedSession:
    """Return the session that comes in parts; ValueError for parts that make none."""
    session: Optional[sessions_pb2.AttachedSession] = None
    objects: list[sessions_pb2.AttachedObject] = []
    prompts: dict[int, list[Prompt]] = {}
    shapes: dict[int, tuple[Shape, ...]] = {}
    for answer in answers:
        part = answer.WhichOneof("part")
        if part == "session":
            session = answer.session
        elif part == "object":
            objects.append(answer.object)
        elif part == "prompt":
            prompts.setdefault(answer.prompt.object_id, []).append(wire.prompt_from_wire(answer.prompt.prompt))
        elif part == "shapes":
            shapes[answer.shapes.object_id] = tuple(map(wire.shape_from_wire, answer.shapes.shapes))
    if session is None:
        raise ValueError("it does not say which session it tells of.")
    return AttachedSession(
        OpenedSession(session.session_id, session.engine, session.weights, session.why_default),
        session.name,
        session.artist,
        OpenedPlate(session.plate_id, wire.plate_from_wire(session.plate), session.colour_source, session.ocio_config),
        session.revision,
        tuple(
            AttachedObject(
                each.object_id,
                each.name,
                tuple(prompts.get(each.object_id, ())),
                tuple(FrameDone(matte.frame, matte.confidence, matte.area_px) for matte in each.mattes),
                shapes.get(each.object_id, ()),
            )
            for each in objects
        ),
    )


def turned(answer: Union[sessions_pb2.UndoResponse, sessions_pb2.RedoResponse]) -> Optional[StepTurned]:
    """Return what an undo or redo left behind; None when there was no step."""
    now = answer.WhichOneof("now")
    if now == "prompt":
        prompt = wire.prompt_from_wire(answer.prompt.prompt)
        return StepTurned(answer.prompt.object_id, prompt, None, answer.revision)
    if now == "shapes":
        shapes = tuple(map(wire.shape_from_wire, answer.shapes.shapes))
        return StepTurned(answer.shapes.object_id, None, shapes, answer.revision)
    return None
