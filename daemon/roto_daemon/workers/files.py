"""Files that a worker makes of a session's results: mattes, a preview movie, a contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from roto_daemon.engines import Matte
from roto_daemon.plates.matte_store import MatteStore
from roto_daemon.plates.mattes import write_matte
from roto_daemon.workers.pipe import Message, Steps


def write_files(args: Message) -> Steps:
    """Make the files of an order in its folder; yields progress, and each file with its frame when it is whole."""
    if args["kind"] in {"exr", "png"}:
        yield from _mattes(args)
    return {}


def _mattes(args: Message) -> Steps:
    store, into, frames = MatteStore(Path(args["folder"])), Path(args["into"]), args["frames"]
    metadata = {"plate": args["plate"]["path"], "object": args["title"], "engine": args["engine"]}
    for done, frame in enumerate(frames, 1):
        file = into / f"{frame}.{args['kind']}"
        write_matte(file, _matte(store, args["objects"], frame), frame, metadata)
        yield {"file": str(file), "frame": frame}
        yield {"done": done, "total": len(frames)}
    return {}


def _matte(store: MatteStore, objects: list[int], frame: int) -> Matte:
    """Return the coverage of all objects together: the larger one where they overlap."""
    found = [store.read(each, frame).matte() for each in objects if frame in store.frames(each)]
    matte: Matte = np.maximum.reduce(found)
    return matte
