"""Files that a worker makes of a session's results: mattes, a preview movie, a contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from roto_daemon.pictures import Matte
from roto_daemon.plates.matte_store import MatteStore
from roto_daemon.plates.mattes import write_matte
from roto_daemon.plates.preview import PreviewWriter
from roto_daemon.plates.sheet import SheetFacts, contact_sheet, spread, write_sheet
from roto_daemon.workers.footage import open_footage
from roto_daemon.workers.orders import PlateOrder
from roto_daemon.workers.pipe import Message, Steps
from roto_shapes.exporters.rotolink_json import read_roto


def write_files(args: Message) -> Steps:
    """Make the files of an order in its folder; yields progress, and each file with its frame when it is whole."""
    writers = {"exr": _mattes, "png": _mattes, "preview": _preview, "sheet": _sheet}
    yield from writers[args["kind"]](args)
    return {}


def _mattes(args: Message) -> Steps:
    mattes = _Mattes(args)
    metadata = {"plate": args["plate"]["path"], "object": args["title"], "engine": args["engine"]}
    for done, frame in enumerate(args["frames"], 1):
        file = Path(args["into"]) / f"{frame}.{args['kind']}"
        matte = mattes.at(frame)
        if matte is not None:
            write_matte(file, matte, frame, metadata)
            yield {"file": str(file), "frame": frame}
        yield {"done": done, "total": len(args["frames"])}
    return {}


def _preview(args: Message) -> Steps:
    file = Path(args["into"]) / "preview.mp4"
    mattes, roto = _Mattes(args), read_roto(args["roto"])
    with open_footage(PlateOrder.unpack(args["plate"])) as reader, PreviewWriter(file, reader.plate) as movie:
        for done, frame in enumerate(args["frames"], 1):
            movie.add(frame, reader.picture(frame), mattes.at(frame), roto)
            yield {"done": done, "total": len(args["frames"])}
    yield {"file": str(file), "frame": None}
    return {}


def _sheet(args: Message) -> Steps:
    file = Path(args["into"]) / "sheet.png"
    mattes, roto = _Mattes(args), read_roto(args["roto"])
    facts = _facts(args)
    with open_footage(PlateOrder.unpack(args["plate"])) as reader:
        write_sheet(file, contact_sheet(reader, roto, mattes.at, spread(args["frames"]), facts))
    yield {"file": str(file), "frame": None}
    return {}


def _facts(args: Message) -> SheetFacts:
    frames = args["frames"]
    subtitle = f"frames {frames[0]}-{frames[-1]}, {args['engine']}"
    errors: dict[int, float] = {}
    for report in args["reports"]:
        for each in report["frames"]:
            errors[each["frame"]] = max(each["max_px"], errors.get(each["frame"], 0.0))
    return SheetFacts(args["title"], subtitle, max(errors.values(), default=None), errors, args["credit"])


class _Mattes:
    """The coverage of an order's objects together: the larger one where they overlap."""

    def __init__(self, args: Message) -> None:
        self._store = MatteStore(Path(args["folder"]))
        self._frames = {each: frozenset(self._store.frames(each)) for each in args["objects"]}

    def at(self, frame: int) -> Matte | None:
        """Return it on a frame, None where no object has a matte."""
        found = [self._store.read(each, frame).matte() for each, frames in self._frames.items() if frame in frames]
        if not found:
            return None
        matte: Matte = np.maximum.reduce(found)
        return matte
