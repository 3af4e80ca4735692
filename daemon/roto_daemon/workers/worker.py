"""What a worker process can do: read plates, follow objects, fit shapes and make files.

Every order is a generator: each `yield` ends a step, hands an event to the daemon and lets a more urgent order go
first; its return value is the answer; closing it cancels. Mattes pass to the daemon as files in the session's
folder, because both see the same disk and a file survives either of them.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import Config
from roto_daemon.engines import Direction, EnginePrompt, EngineSession, Matte, TrackedFrame
from roto_daemon.engines.edges import regained
from roto_daemon.engines.registry import choose, engines, find
from roto_daemon.engines.text import find_objects
from roto_daemon.engines.text.finders import finders
from roto_daemon.errors import UnavailableError
from roto_daemon.fitting import FitReport, FitResult, fit_shapes, refit_shapes
from roto_daemon.fitting.raster import coverage
from roto_daemon.plates.matte_store import MatteStore, StoredMatte
from roto_daemon.plates.reader import whatever_reads
from roto_daemon.plates.viewing import as_jpeg
from roto_daemon.workers.beside import Beside
from roto_daemon.workers.bridge import BridgedPlate
from roto_daemon.workers.files import write_files
from roto_daemon.workers.footage import Reader, ViewedFootage, open_footage, open_path
from roto_daemon.workers.front import in_front
from roto_daemon.workers.orders import (
    ObjectOrder,
    PlateOrder,
    SessionOrder,
    pack_plate,
    unpack_options,
    unpack_plate,
)
from roto_daemon.workers.pipe import Message, Steps
from roto_shapes.curve import flatten
from roto_shapes.formats import encode
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.prompt import MaskPrompt, Prompt
from roto_shapes.shot import FrameRange

_SESSIONS_KEPT = 4
"""The least recently used engine session beyond these is closed; the next order for it brings it back."""
_OUTLINE_FLATNESS_PX = 0.05
"""How far an outline prompt's polyline may lie from its curves: far below what a matte of 8 bits shows."""


@dataclass
class _Live:
    """An engine's session, what it reads and writes, and the prompts it has been given."""

    reader: Reader
    bridged: BridgedPlate
    engine_session: EngineSession
    store: MatteStore
    mask_side_px: int = 0
    """The longer side of the engine's masks, where edges are to be found again at the plate's size; else 0."""
    given: dict[tuple[int, int], Prompt] = field(default_factory=dict)
    objects: set[int] = field(default_factory=set)

    def keep(self, object_id: int, tracked: TrackedFrame, prompt: Prompt | None) -> StoredMatte:
        """Store a matte, with the prompt of its frame; unless the artist drew its edges they may be found again."""
        drawn = prompt is not None and (prompt.mask is not None or bool(prompt.outline))
        matte = tracked.matte
        if self.mask_side_px and not drawn and tracked.confidence:
            matte = regained(self.bridged.picture(tracked.frame), matte, self.mask_side_px)
        return self.store.put(object_id, tracked.frame, tracked.confidence, matte)

    def close(self) -> None:
        """Free the engine's memory and the plate."""
        self.engine_session.close()
        self.reader.close()


class Worker:
    """Carries out orders, one step at a time, in one thread."""

    def __init__(self, config: Config) -> None:
        models = ModelsFolder.of(config)
        self._engines = engines(config.extra_engines, models, config.device, compiled=config.compile)
        self._finders = finders(config.extra_finders, models, config.device)
        self._sessions: collections.OrderedDict[str, _Live] = collections.OrderedDict()
        self._viewed = ViewedFootage()
        self._answers: dict[str, Callable[[Message], Message]] = {
            "engines": self._list_engines,
            "open_plate": self._open_plate,
            "find": self._find,
            "picture": self._picture,
            "prompt": self._prompt,
            "close_session": self._close_session,
        }
        self._streams: dict[str, Callable[[Message], Steps]] = {
            "propagate": self._propagate,
            "fit": _fit,
            "files": lambda args: write_files(args, config),
        }

    def run(self, op: str, args: Message) -> Steps:
        """Return the steps of an order."""
        if op in self._streams:
            return (yield from self._streams[op](args))
        return self._answers[op](args)

    def _list_engines(self, args: Message) -> Message:
        infos = [engine.info for engine in self._engines.values()]
        chosen = choose(self._engines)
        return {
            "engines": [
                {
                    "name": info.name,
                    "title": info.title,
                    "prompts": sorted(kind.value for kind in info.prompts),
                    "needs_weights": info.needs_weights,
                    "weights": info.weights,
                    "unavailable": info.unavailable,
                    "is_default": info.name == chosen.engine.info.name,
                    "why_default": chosen.why if info.name == chosen.engine.info.name else "",
                }
                for info in infos
            ]
        }

    def _open_plate(self, args: Message) -> Message:
        with open_path(PlateOrder.unpack(args["plate"])) as reader:
            return {"plate": pack_plate(reader.plate), "colour": vars(reader.colour)}

    def _find(self, args: Message) -> Message:
        with contextlib.closing(open_footage(PlateOrder.unpack(args["plate"]))) as reader:
            found = find_objects(self._finders, reader.picture(args["frame"]), args["phrase"], args["frame"])
        return {"objects": [vars(each) for each in found]}

    def _picture(self, args: Message) -> Message:
        picture = self._viewed.open(PlateOrder.unpack(args["plate"])).picture(args["frame"])
        return {"jpeg": as_jpeg(picture, args["longest_px"])}

    def _prompt(self, args: Message) -> Message:
        self._session(SessionOrder.unpack(args["session"]))
        return {}

    def _propagate(self, args: Message) -> Steps:
        order, object_id = SessionOrder.unpack(args["session"]), args["object_id"]
        live, direction = self._session(order), Direction(args["direction"])
        run = live.engine_session.propagate(object_id, FrameRange(args["first"], args["last"]), direction)
        with contextlib.closing(run):
            for tracked in live.bridged.carried(run, direction):
                if not isinstance(tracked, TrackedFrame):
                    yield {"frame": tracked.frame, "unreadable": str(tracked)}
                    continue
                kept = live.keep(object_id, tracked, live.given.get((object_id, tracked.frame)))
                yield {"frame": tracked.frame, "confidence": kept.confidence, "area_px": kept.area_px}
        return {}

    def _close_session(self, args: Message) -> Message:
        live = self._sessions.pop(args["session_id"], None)
        if live:
            live.close()
        return {}

    def _session(self, order: SessionOrder) -> _Live:
        """Return the engine's session with every prompt of the order applied and its mattes stored."""
        live = self._sessions.pop(order.session_id, None) or self._revive(order)
        self._sessions[order.session_id] = live
        if len(self._sessions) > _SESSIONS_KEPT:
            self._sessions.popitem(last=False)[1].close()
        for gone in live.objects - {each.object_id for each in order.objects}:
            live.engine_session.remove_object(gone)
            live.given = {key: prompt for key, prompt in live.given.items() if key[0] != gone}
        live.objects = {each.object_id for each in order.objects}
        for each in order.objects:
            _apply(live, each)
        return live

    def _revive(self, order: SessionOrder) -> _Live:
        """Open an engine session, with the mattes that an earlier one left in the session's folder."""
        engine = find(order.engine, self._engines)
        if engine.info.unavailable:
            raise UnavailableError(f"The engine '{engine.info.name}' cannot be used: {engine.info.unavailable}")
        reader = open_footage(order.plate)
        bridged = BridgedPlate(reader)
        side_px = engine.info.mask_side_px if order.native_edges else 0
        live = _Live(reader, bridged, engine.open(bridged), MatteStore(order.folder), side_px)
        for each in order.objects:
            prompted = {prompt.frame for prompt in each.prompts}
            for frame in live.store.frames(each.object_id):
                # Of a prompted frame the prompt makes the matte again, on top of what was tracked there before.
                find_matte = live.store.tracked if frame in prompted else live.store.read
                stored = find_matte(each.object_id, frame)
                if stored is not None:
                    tracked = TrackedFrame(frame, stored.matte(), stored.confidence)
                    live.engine_session.recall(each.object_id, tracked)
        return live


def _apply(live: _Live, wanted: ObjectOrder) -> None:
    prompts = {(wanted.object_id, prompt.frame): prompt for prompt in wanted.prompts}
    cleared = {key for key in live.given if key[0] == wanted.object_id} - set(prompts)
    for object_id, frame in cleared:
        prompts[object_id, frame] = Prompt(frame)
    for (object_id, frame), prompt in prompts.items():
        if live.given.get((object_id, frame)) == prompt:
            continue
        tracked = live.engine_session.set_prompt(object_id, frame, _as_arrays(prompt, *live.reader.size))
        live.keep(object_id, tracked, prompt)
        live.given[object_id, frame] = prompt
    for key in cleared:
        del live.given[key]


def _as_arrays(prompt: Prompt, width: int, height: int) -> EnginePrompt:
    mask: Matte | None = None
    if prompt.mask:
        mask = _mask_matte(prompt.mask)
    elif prompt.outline:
        mask = coverage(np.asarray(flatten(prompt.outline, _OUTLINE_FLATNESS_PX)), width, height)
    return EnginePrompt(
        np.array([[point.x, point.y] for point in prompt.points], float).reshape(-1, 2),
        np.array([point.foreground for point in prompt.points], bool),
        (prompt.box.x0, prompt.box.y0, prompt.box.x1, prompt.box.y1) if prompt.box else None,
        mask,
    )


def _mask_matte(mask: MaskPrompt) -> Matte:
    samples = np.frombuffer(mask.coverage, np.uint8).reshape(mask.height, mask.width)
    matte: Matte = samples.astype(np.float32) / np.float32(255)
    return matte


def _fit(args: Message) -> Steps:
    """Fit in a thread, so that progress can be told and a cancel heard while it works."""
    options = unpack_options(args["options"])
    store, object_id, frames = MatteStore(Path(args["folder"])), args["object_id"], args["frames"]
    mattes = ((frame, store.read(object_id, frame).matte()) for frame in frames)
    plate = unpack_plate(args["plate"])
    front = in_front(store, args["in_front"], plate)

    def fit(progress: Callable[[float], None]) -> FitResult:
        if args["kept"]:
            return refit_shapes(read_roto(args["kept"]), mattes, options, args["edited"], progress)
        with open_footage(PlateOrder.unpack(args["footage"])) as reader:
            return fit_shapes(mattes, plate, options, progress, whatever_reads(reader.picture), front)

    with Beside(fit) as work:
        for share in work.progress():
            yield {"done": round(share * len(frames)), "total": len(frames)}
        result = work.result()
    return {
        "roto": encode(result.roto, ".json"),
        "plain": encode(result.plain, ".json"),
        "judged_px": result.report.judged_px,
        "report": _pack_report(result.report),
    }


def _pack_report(report: FitReport) -> Message:
    return {
        "frames": [
            {"frame": each.frame, "mean_px": each.mean_px, "p95_px": each.percentile95_px, "max_px": each.max_px}
            for each in report.frames
        ],
        **report.facts,
        "elapsed_s": report.seconds,
    }
