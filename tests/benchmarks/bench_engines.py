"""How well engines follow an object, and how fast: `python tests/benchmarks/bench_engines.py --help`.

Composites of 960x540 with exact masks, 29 frames after the one whose mask is given, and the footage of the demo with
masks painted by hand; beside them, in the same run, the first mask carried on by optical flow alone. Times are
processor time, which a busy machine changes least. Seeds 1 to 3 are there to tune with, 101 to 103 are held out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from bunny import bunny_by_clicks, bunny_by_mask
from composites import EASY, HARD, Clip, clip
from numpy.typing import NDArray
from tracking_measures import boundary_f, overlap

from roto_daemon.engines import Direction, EnginePrompt, FrameSource, Matte
from roto_daemon.engines.registry import engines
from roto_shapes.shot import LOOK_FIRST_BELOW

RESULTS = Path("out") / "bench_engines.json"
BOUNDARY_PX = 4.0
WRONG = 0.8
"""A frame of less overlap is wrong: the artist must be sent to it."""
GOAL_OVERLAP, GOAL_BOUNDARY, GOAL_MS = 0.975, 0.96, 1000 / 15


class Filmed(FrameSource, Protocol):
    """A plate with what is known of it."""

    @property
    def name(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def prompt(self) -> EnginePrompt: ...

    @property
    def judged(self) -> list[int]: ...

    def truth(self, frame: int) -> NDArray[np.bool_]: ...


Follower = Callable[[Filmed], Iterator[tuple[Matte, float]]]
"""Yields the matte and the confidence of each frame after the first."""


@dataclass(frozen=True)
class Row:
    """What one engine did with one clip; `wrong` and `flagged` are frames."""

    engine: str
    clip: str
    seed: int
    overlap: float
    boundary_f: float
    ms: float
    """Processor time a frame, of all threads together."""
    wall_ms: float
    """Time a frame by the clock: what counts where a GPU does the work."""
    wrong: list[int]
    silent: list[int]
    """Wrong frames that bear a confidence as if they were right."""
    flagged: list[int]
    """Right frames that the artist is sent to all the same."""


def by_flow(plate: Filmed) -> Iterator[tuple[Matte, float]]:
    """Carry the first mask on by optical flow at full size and nothing else: what any better method has to beat."""
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, *others = plate.frames
    rows, columns = np.indices(plate.size[::-1], np.float32)
    assert plate.prompt.mask is not None
    soft, old = plate.prompt.mask, cv2.cvtColor(plate.picture(first), cv2.COLOR_RGB2GRAY)
    for frame in others:
        new = cv2.cvtColor(plate.picture(frame), cv2.COLOR_RGB2GRAY)
        flow = solver.calc(new, old, np.zeros((*rows.shape, 2), np.float32))
        soft = np.asarray(cv2.remap(soft, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR), np.float32)
        old = new
        yield soft, 1.0


def by_engine(name: str) -> Follower:
    """Return how an engine of the registry follows a clip from its first mask."""
    engine = engines()[name]

    def follow(plate: Filmed) -> Iterator[tuple[Matte, float]]:
        session = engine.open(plate)
        session.set_prompt(1, plate.frames.first, plate.prompt)
        for each in session.propagate(1, plate.frames, Direction.FORWARD):
            if each.frame != plate.frames.first:
                yield each.matte, each.confidence
        session.close()

    return follow


class Decoded(Clip):
    """A clip drawn before the clock starts."""

    def __init__(self, drawn: Clip) -> None:
        super().__init__(**vars(drawn))
        object.__setattr__(self, "_pictures", {each: drawn.picture(each) for each in drawn.frames})
        object.__setattr__(self, "_coverage", {each: drawn.coverage(each) for each in drawn.frames})

    def picture(self, frame: int) -> NDArray[np.uint8]:
        pictures: dict[int, NDArray[np.uint8]] = vars(self)["_pictures"]
        return pictures[frame]

    def coverage(self, frame: int) -> Matte:
        coverage: dict[int, Matte] = vars(self)["_coverage"]
        return coverage[frame]


def measured(engine: str, follower: Follower, plate: Filmed) -> Row:
    """Follow a clip from its first frame and compare each frame with the truth."""
    overlaps, edges, seconds, wall_s, wrong, silent, flagged = [], [], 0.0, 0.0, [], [], []
    followed, judged = follower(plate), set(plate.judged)
    for frame in list(plate.frames)[1:]:
        began, wall_began = time.process_time(), time.perf_counter()
        matte, confidence = next(followed)
        seconds += time.process_time() - began
        wall_s += time.perf_counter() - wall_began
        if frame not in judged:
            continue
        found, truth = matte >= 0.5, plate.truth(frame)
        overlaps.append(overlap(found, truth))
        edges.append(boundary_f(found, truth, BOUNDARY_PX))
        sure = confidence >= LOOK_FIRST_BELOW
        if overlaps[-1] < WRONG:
            wrong.append(frame)
            silent += [frame] * sure
        elif not sure and truth.any():
            flagged.append(frame)
    ms, wall_ms = (round(1000 * each / (len(plate.frames) - 1), 1) for each in (seconds, wall_s))
    means = round(float(np.mean(overlaps)), 4), round(float(np.mean(edges)), 4)
    return Row(engine, plate.name, plate.seed, *means, ms, wall_ms, wrong, silent, flagged)


def print_table(rows: Sequence[Row]) -> None:
    """Print a line a clip and engine, then what each engine did over all composites."""
    order = [*EASY, *HARD, "bunny", "bunny, clicked"]
    print(f"{'clip':<16}{'seed':>5}  {'engine':<14}{'IoU':>7}{'F 4px':>7}{'cpu ms':>8}{'ms':>7}", end="")
    print("  wrong / silently / flagged in vain")
    for row in sorted(rows, key=lambda each: (each.seed > 0, order.index(each.clip))):
        print(f"{row.clip:<16}{row.seed:>5}  {row.engine:<14}{row.overlap:>7.3f}{row.boundary_f:>7.3f}", end="")
        print(f"{row.ms:>8.1f}{row.wall_ms:>7.0f}{len(row.wrong):>7} / {len(row.silent)} / {len(row.flagged)}")
    for engine in dict.fromkeys(row.engine for row in rows):
        _print_sum(engine, [row for row in rows if row.engine == engine and row.clip in {**EASY, **HARD}])


def _print_sum(engine: str, rows: Sequence[Row]) -> None:
    easy = [row for row in rows if row.clip in EASY]
    if easy:
        iou, edge, ms = (float(np.mean([getattr(r, what) for r in easy])) for what in ("overlap", "boundary_f", "ms"))
        print(
            f"\n{engine}, mean of {len(easy)} clips of objects in sight: IoU {iou:.3f} (goal {GOAL_OVERLAP}), ", end=""
        )
        print(
            f"boundary F {edge:.3f} (goal {GOAL_BOUNDARY}), {ms:.0f} ms of processor time (goal {GOAL_MS:.0f})", end=""
        )
    wrong, silent, flagged = (sum(len(getattr(row, what)) for row in rows) for what in ("wrong", "silent", "flagged"))
    print(
        f"\n{engine}, {29 * len(rows)} frames: {wrong} wrong, {silent} of them silently; {flagged} right ones flagged"
    )


def _gpu() -> str:
    """Return the name of the GPU that engines with weights run on; empty when there is none."""
    if importlib.util.find_spec("torch") is None:
        return ""
    import torch  # noqa: PLC0415 - not everybody who measures has it

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    every = [*EASY, *HARD, "bunny"]
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--clips", nargs="+", default=every, choices=every)
    parser.add_argument(
        "--engines", nargs="+", help="flow, or names of the registry; else flow and all that can be used"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    wanted = parser.parse_args()
    usable = [name for name, engine in engines().items() if not engine.info.unavailable]
    names = wanted.engines or ["flow", *usable]
    followers = {name: by_flow if name == "flow" else by_engine(name) for name in names}
    print(f"{platform.machine()}, {os.cpu_count()} cores, {_gpu() or 'no GPU'}")
    rows = []
    for seed in wanted.seeds:
        for name in (each for each in wanted.clips if each != "bunny"):
            plate = Decoded(clip(name, seed))
            rows += [measured(engine, follower, plate) for engine, follower in followers.items()]
    if "bunny" in wanted.clips:
        for name, follower in followers.items():
            rows.append(measured(name, follower, bunny_by_mask()))
            if name != "flow":
                rows.append(measured(name, follower, bunny_by_clicks()))
    print_table(rows)
    wanted.out.parent.mkdir(exist_ok=True, parents=True)
    wanted.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print(f"written to {wanted.out}")


if __name__ == "__main__":
    main()
