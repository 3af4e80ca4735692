"""A track of each shot of an edit: one after the other, into a folder each, whatever becomes of the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from roto_client.editorial import Numbering, Shot
from roto_client.errors import (
    BadInputError,
    ClientError,
    DaemonUnreachableError,
    FramesUnreadableError,
    VersionMismatchError,
)
from roto_client.outputs import write_pieces
from roto_client.prompts_file import ShotPrompts
from roto_client.report import track_facts
from roto_client.session import Daemon
from roto_client.tracking import TrackOrder, Watcher, require_outputs, track
from roto_shapes.shot import PlatePath

RESULTS = {
    "mattes": "{object}.####.exr",
    "layers": "layers.####.exr",
    "cryptomatte": "cryptomatte.####.exr",
    "preview": "preview.mp4",
    "sheet": "sheet.png",
}
"""What may be written beside the shapes, by its option of `roto track`, and its name in the shot's folder."""
_SHAPES = ("shapes.json", "roto.nk")
_FINISHED = "track.json"
"""Written last: a shot is finished whose folder says in it that the same was ordered."""


@dataclass(frozen=True)
class ShotResult:
    """What became of a shot."""

    shot: str
    state: str
    """`done`, `finished before` or `failed`."""
    folder: str
    facts: Mapping[str, object]
    """What `roto track --json` would say; empty for one that failed."""
    error: Optional[ClientError] = None
    """Why it failed, or which frames could not be read of one that is done."""


def plan_tracks(
    shots: Sequence[Shot],
    prompts: Mapping[str, ShotPrompts],
    numbering: Numbering,
    folder: Path,
    *,
    also: Sequence[str] = (),
    engine: str = "",
) -> dict[str, TrackOrder]:
    """Return an order for each shot that has prompts, in the order of the cut.

    `also` names what is written beside the shapes, by the keys of `RESULTS`; no engine means the daemon's. Raises
    BadInputError for prompts of a shot that is not in the edit, for a shot without a plate, and for results that do
    not exist.
    """
    unknown = [name for name in prompts if name not in {shot.name for shot in shots}]
    if unknown:
        names = ", ".join(shot.name for shot in shots)
        raise BadInputError(f"There is no shot '{unknown[0]}' in the edit; its shots are: {names}.")
    for name in also:
        if name not in RESULTS:
            raise BadInputError(f"'{name}' is no result that can be written: choose of {', '.join(RESULTS)}.")
    return {
        shot.name: replace(_order(shot, prompts[shot.name], numbering, folder / shot.name, also), engine=engine)
        for shot in shots
        if shot.name in prompts
    }


def track_shots(
    daemon: Daemon, orders: Mapping[str, TrackOrder], folder: Path, watcher: Watcher
) -> Iterator[ShotResult]:
    """Track shots in turn and yield what became of each; a shot that fails ends no other.

    A shot that was finished before of the same order is left as it is, unless frames of its plate could not be read
    then. Raises DaemonUnreachableError and
    VersionMismatchError, which no other shot would escape.
    """
    for name, order in orders.items():
        place = folder / name
        before = _finished(place / _FINISHED, order)
        if before is not None:
            yield ShotResult(name, "finished before", str(place), before)
            continue
        try:
            require_outputs(order)
            result = track(daemon, order, watcher)
            facts = track_facts(result)
            marker = json.dumps({"order": _digest(order), "track": facts}, indent=2)
            write_pieces(place / _FINISHED, [marker.encode()])
        except (DaemonUnreachableError, VersionMismatchError):
            raise
        except ClientError as error:
            yield ShotResult(name, "failed", str(place), {}, error)
        else:
            bad = FramesUnreadableError(result.unreadable) if result.unreadable else None
            yield ShotResult(name, "done", str(place), facts, bad)


def _order(shot: Shot, prompts: ShotPrompts, numbering: Numbering, folder: Path, also: Sequence[str]) -> TrackOrder:
    plate = PlatePath(
        shot.plate,
        shot.frames,
        first_frame=shot.first_frame,
        handles=numbering.handles,
        timecode=shot.timecode,
    )
    if prompts.plate:
        plate = replace(plate, path=str(Path(prompts.plate).absolute()), first_frame=prompts.first_frame, timecode="")
    if prompts.frames:
        plate = replace(plate, frames=prompts.frames, handles=0)
    if not plate.path:
        raise BadInputError(
            f"Shot '{shot.name}' has no plate that can be read ({'; '.join(shot.notes) or 'the edit names none'}): "
            'give --plates with {shot} in it, or its "plate" beside its prompts.'
        )
    files = {name: str(folder / RESULTS[name]) if name in also else "" for name in RESULTS}
    return TrackOrder(
        plate,
        prompts.objects,
        tuple(str(folder / name) for name in _SHAPES),
        mattes=files["mattes"],
        layers=files["layers"],
        cryptomatte=files["cryptomatte"],
        preview=files["preview"],
        sheet=files["sheet"],
    )


def _finished(marker: Path, order: TrackOrder) -> Optional[Mapping[str, object]]:
    """Return what a track of the same order came to, None when there was none that saw every frame."""
    try:
        written = json.loads(marker.read_text(encoding="utf-8"))
        same = written["order"] == _digest(order) and not written["track"]["unreadable_frames"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(written["track"]) if same else None


def _digest(order: TrackOrder) -> str:
    """Return what tells an order from every other; two equal ones have the same."""
    return hashlib.sha256(repr(order).encode()).hexdigest()
