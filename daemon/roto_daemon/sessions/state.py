"""What the daemon holds of plates, sessions and objects, and what may be asked of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from roto_daemon.errors import ConflictError, PromptError, StaleError, UnknownError
from roto_daemon.plates.matte_store import MatteStore
from roto_daemon.plates.spool import FrameSpool
from roto_daemon.workers.orders import MattingOrder, ObjectOrder, PlateOrder, SessionOrder
from roto_daemon.workers.pipe import Message
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import Prompt
from roto_shapes.shape import MadeBy, Roto, Shape
from roto_shapes.shot import FrameRange, Plate

_LEAVE_S = 2.0
"""How long a call waits for what runs for its object: a frame of most engines, so that to stop and go on works."""


@dataclass
class OpenPlate:
    """A plate that sessions can work on."""

    plate_id: str
    plate: Plate
    order: PlateOrder
    colour_source: str = ""
    """Why the plate's colour space was taken; empty for an upload."""
    ocio_config: str = ""
    """The OCIO configuration that names it; empty for an upload."""
    spool: FrameSpool | None = None
    """Where uploaded frames go; None for a plate opened by path."""
    touched: float = field(default_factory=time.time)


@dataclass(frozen=True)
class FitOrder:
    """How an object's mattes become shapes. `frames` None means all that have a matte."""

    frames: FrameRange | None
    options: FitOptions
    edited: tuple[int, ...] = ()
    """Frames of keyframes that the artist edited, which stay."""
    in_front: tuple[int, ...] = ()
    """Objects that stand in front."""
    based_on: int = 0
    """The revision at which the artist last saw the object's shapes; 0 to replace whatever there is."""


@dataclass(frozen=True)
class FileOrder:
    """A file or a file a frame to make from a session; `object_id` 0 means all objects together."""

    kind: str
    """`exr`, `png`, `tif`, `layers`, `cryptomatte` or `foreground` for mattes;
    `preview`, `movie` or `sheet` for pictures."""
    object_id: int
    frames: FrameRange | None
    credit: str = ""
    bits: int = 16
    compression: str = "zip"
    matting: MattingOrder | None = None
    """None for mattes as the engine made them."""


@dataclass(frozen=True)
class Fitted:
    """The last fit of an object."""

    order: FitOrder
    report: Message
    plain: tuple[Shape, ...]
    """The shapes before points moved in for their feather: the line that is measured."""
    judged_px: float
    """What frames are judged by."""


@dataclass(frozen=True)
class Drawing:
    """The shapes of an object, and the fit that they came of; None for shapes by the artist."""

    shapes: tuple[Shape, ...] = ()
    fitted: Fitted | None = None


@dataclass
class TrackedObject:
    """What the artist follows: it owns its prompts and shapes; its identity outlives them."""

    object_id: int
    name: str
    prompts: dict[int, Prompt] = field(default_factory=dict)
    prompt_revisions: dict[int, int] = field(default_factory=dict)
    """When each frame's prompt was set; a cleared frame has none."""
    drawing: Drawing = Drawing()
    revision: int = 0
    """When prompts or shapes changed last."""
    shapes_revision: int = 0
    mattes_revision: int = 0
    busy: str = ""
    """What runs for it now, in words; an object does one thing at a time."""
    _idle: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set whenever something that ran for it has ended."""

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Return its shapes in paint order."""
        return self.drawing.shapes

    def require_idle(self) -> None:
        """Raise ConflictError while something runs for it."""
        if self.busy:
            raise ConflictError(f"Object '{self.name}' is busy: {self.busy}. Wait for it, or cancel it.")

    def require_seen(self, changed: int, based_on: int, what: str) -> None:
        """Raise StaleError when what a client replaces changed at a revision after the one that it saw."""
        if based_on and changed > based_on:
            raise StaleError(
                f"{what} of '{self.name}' were changed by somebody else meanwhile, and nothing was overwritten: take "
                "the session's present state in, then make your change again."
            )

    @contextlib.asynccontextmanager
    async def occupied(self, what: str) -> AsyncIterator[None]:
        """Keep others from the object for the time of the context.

        What was cancelled needs the end of its frame to go: the next thing waits so long, and is refused only then.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                while self.busy:
                    self._idle.clear()
                    await self._idle.wait()
        self.require_idle()
        self.busy = what
        try:
            yield
        finally:
            self.busy = ""
            self._idle.set()


@dataclass
class Session:
    """One artist on one plate."""

    session_id: str
    plate: OpenPlate
    engine: str
    weights: str
    """What the engine said of its weights when the session was opened."""
    folder: Path
    why_default: str = ""
    """Where the choice was left to us: which engines before it cannot be used here."""
    native_edges: bool = False
    """Whether edges are found again at the plate's size where the engine's masks are smaller."""
    name: str = ""
    artist: str = ""
    objects: dict[int, TrackedObject] = field(default_factory=dict)
    next_object: int = 1
    revision: int = 0
    """Grows with every change."""
    touched: float = field(default_factory=time.time)
    closed: bool = False
    watchers: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def store(self) -> MatteStore:
        """Return the mattes of the session."""
        return MatteStore(self.folder)

    @property
    def is_idle(self) -> bool:
        """Return whether nothing runs in it and nobody watches it."""
        return not self.watchers and not any(each.busy for each in self.objects.values())

    def find(self, object_id: int) -> TrackedObject:
        """Return an object; raises UnknownError."""
        try:
            return self.objects[object_id]
        except KeyError:
            raise UnknownError(f"The session has no object {object_id}: add it first.") from None

    def order(self) -> SessionOrder:
        """Describe the session to a worker."""
        objects = tuple(
            ObjectOrder(each.object_id, each.name, tuple(each.prompts.values())) for each in self.objects.values()
        )
        order = SessionOrder(self.session_id, self.folder, self.plate.order, self.engine, objects)
        return replace(order, native_edges=self.native_edges)

    def roto(self, instead: tuple[TrackedObject, tuple[Shape, ...]] | None = None) -> Roto:
        """Return all shapes in paint order; with `instead`, as if an object had other shapes.

        Raises ConflictError when two objects' shapes cannot stand beside one another.
        """
        shapes = tuple(
            shape
            for each in self.objects.values()
            for shape in (instead[1] if instead and each is instead[0] else each.shapes)
        )
        try:
            return Roto(self.plate.plate, shapes, MadeBy(self.engine, self.weights))
        except ValueError as error:
            raise ConflictError(f"These shapes cannot stand beside the session's others: {error}.") from error

    def announce(self) -> None:
        """Wake those who wait for a change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def change(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()


def require_inside(frames: FrameRange, plate: Plate) -> None:
    """Raise PromptError for frames that the plate does not have."""
    if frames.first not in plate.frames or frames.last not in plate.frames:
        raise PromptError(f"Frames {frames} lie outside the plate, which has {plate.frames}.")


def check_prompt(prompt: Prompt, plate: Plate) -> None:
    """Raise PromptError for a prompt that does not lie on the plate."""
    if prompt.frame not in plate.frames:
        raise PromptError(f"Frame {prompt.frame} lies outside the plate, which has {plate.frames}.")
    places = [(point.x, point.y) for point in prompt.points]
    for x, y in places:
        if not (0 <= x <= plate.width and 0 <= y <= plate.height):
            raise PromptError(
                f"The point {x:g},{y:g} on frame {prompt.frame} lies outside the plate of {plate.width}x{plate.height}."
            )
    box = prompt.box
    if box and (box.x1 <= 0 or box.y1 <= 0 or box.x0 >= plate.width or box.y0 >= plate.height):
        raise PromptError(f"The box on frame {prompt.frame} lies outside the plate of {plate.width}x{plate.height}.")
    mask = prompt.mask
    if mask and (mask.width, mask.height) != (plate.width, plate.height):
        raise PromptError(
            f"The mask on frame {prompt.frame} has {mask.width}x{mask.height} pixels; "
            f"the plate has {plate.width}x{plate.height}."
        )
