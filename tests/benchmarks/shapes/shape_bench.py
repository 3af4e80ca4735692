"""How good fitted shapes are, on clips whose truth is known: `python tests/benchmarks/shapes/shape_bench.py --help`.

Seeds 1 to 3 are there to tune with. Seeds 101 to 103 are held out: measure with them, never tune with them.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from shape_baselines import TRACERS, has_potrace, traced
from shape_clips import FAMILIES, Clip, Matte, clips_of
from shape_measures import (
    Drawing,
    Edge,
    FrameMeasure,
    boil_px,
    compare,
    content_faults,
    economy,
    editability,
    flicker_px,
    material_errors,
    missed_corners,
    shape_faults,
    slip_px,
)
from shape_pictures import write_pictures
from shape_speed import speed_table

from roto_daemon.errors import FitError
from roto_daemon.fitting import FitOptions, fit_shapes
from roto_shapes.shot import FrameRange, Plate

RESULTS = Path("out") / "bench_shapes.json"
TUNING_SEEDS = (1, 2, 3)
HELD_OUT_SEEDS = (101, 102, 103)
QUICK = ("clean", "corners", "holes", "rotation", "noise")
"""Families whose first seed gives a first answer in little time."""


@dataclass(frozen=True)
class Goal:
    """The most that each figure of a family may be; None where there is no goal."""

    mean_px: float
    hd95_px: float
    worst_px: float
    boil_px: float | None
    points_ratio: float | None
    keys_ratio: float | None
    slip_px: float | None
    keys_per_frame: float | None = None
    points_per_shape: float | None = None
    flicker_ratio: float | None = None
    faults: float = 0
    corners_missed: float = 0
    kinks_share: float = 0.02
    long_handles: float = 0


GOALS = {
    "clean": Goal(0.07, 0.25, 0.8, 0.04, 1.1, 1, 3),
    "corners": Goal(0.06, 0.25, 1.1, 0.04, 1.3, 1, 2),
    "holes": Goal(0.07, 0.25, 0.8, 0.04, 1.1, 1, 3),
    "rotation": Goal(0.12, 0.35, 1.2, 0.11, 1.2, None, 5, keys_per_frame=0.3),
    "lowres": Goal(0.08, 0.25, 0.7, 0.04, 1.1, 1, 3),
    "noise": Goal(0.20, 0.5, 1.3, 0.06, 1.2, 1.25, 4),
    "errors": Goal(0.07, 0.22, 0.7, 0.04, 1.1, 1, 3),
    "leaving": Goal(0.12, 0.4, 2, 0.06, 1.5, 2, 5),
    "uhd": Goal(0.08, 0.25, 0.8, 0.04, 1.1, 1, 3),
    "real": Goal(0.40, 1.2, 6, None, None, None, None, 1 / 3, 40, 1),
}
COMPARED = ("clean", "noise")
"""Families that the baselines trace too: potrace takes about a second a frame."""
WORST_COUNTS = ("worst_px",)
SUMMED = (
    "busy_s",
    "faults",
    "corners_missed",
    "long_handles",
    "close",
    "too_close",
    "loops",
    "flips",
    "ghosts",
    "missing",
)

Figures = dict[str, float]


class Timed:
    """Hands mattes over and keeps the time that making them took, which is no part of the fitting."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self.spent_s = 0.0

    def __iter__(self) -> Iterator[tuple[int, Matte]]:
        for frame in self.clip.frames:
            began = time.perf_counter()
            matte = self.clip.given(frame)
            self.spent_s += time.perf_counter() - began
            yield frame, matte


def fitted(clip: Clip, *, layers: bool) -> tuple[Drawing, float, Figures]:
    """Return what the product draws for a clip, the seconds that it took over it, and numbers counted both ways."""
    plate = Plate(*clip.size, FrameRange(clip.frames[0], clip.frames[-1]))
    mattes = Timed(clip)
    began = time.perf_counter()
    result = fit_shapes(mattes, plate, FitOptions(clip.tolerance_px, interpolation=clip.interpolation, layers=layers))
    seconds = time.perf_counter() - began - mattes.spent_s
    report = result.report
    counted: Figures = {"on_layers": report.control_numbers, "baked": report.baked_control_numbers} if layers else {}
    return Drawing.of(result.roto, clip.frames), seconds, counted


def measure(clip: Clip, drawing: Drawing) -> tuple[Figures, list[str]]:
    """Return every figure of a drawing of a clip, and its faults in words."""
    faults = shape_faults(drawing)
    frames: list[FrameMeasure] = []
    drawn_edges, true_edges = [], []
    for frame in clip.frames:
        drawn, truth = drawing.matte(frame, clip.size), clip.truth(frame)
        content_faults(faults, frame, drawn, truth)
        drawn_edges.append(Edge.of_matte(drawn))
        true_edges.append(Edge.of_matte(truth))
        found = compare(drawn, truth)
        if found is not None:
            frames.append(found)
    cost, handling = economy(drawing), editability(drawing)
    figures: Figures = {
        "mean_px": float(np.mean([frame.mean_px for frame in frames])),
        "hd95_px": float(np.mean([frame.hd95_px for frame in frames])),
        "worst_px": max(frame.hd_px for frame in frames),
        "f1": float(np.mean([frame.f1 for frame in frames])),
        "bias_px": float(np.mean([frame.bias_px for frame in frames])),
        "iou": float(np.mean([frame.iou for frame in frames])),
        "flicker_px": flicker_px(drawn_edges),
        "flicker_ratio": flicker_px(drawn_edges) / max(flicker_px(true_edges), 1e-9),
        **{name: float(value) for name, value in asdict(cost).items()},
        "kinks_share": handling.kinks / handling.knots,
        "long_handles": handling.long_handles,
        "close": handling.close,
        "too_close": handling.too_close,
        "faults": faults.total,
        **{name: float(getattr(faults, name)) for name in ("loops", "flips", "ghosts", "missing")},
        "wrong_parts": faults.parts,
    }
    if clip.shapes:
        figures |= against_truth(clip, drawing, drawn_edges, true_edges)
    return figures, faults.found


def against_truth(clip: Clip, drawing: Drawing, drawn: list[Edge], true: list[Edge]) -> Figures:
    """Return the figures that need the animator's own shapes."""
    cost = economy(drawing)
    shown = [sum(shape.points for shape in clip.shapes if shape.lives(frame)) for frame in clip.frames]
    keys = sum(shape.keys for shape in clip.shapes)
    numbers = sum(shape.keys * (6 * shape.points + 1) for shape in clip.shapes)
    errors = np.concatenate([material_errors(shape, clip.frames, drawn, true) for shape in clip.shapes], axis=1)
    missed, corners = missed_corners(drawing, clip, true)
    figures: Figures = {
        "boil_px": boil_px(errors),
        "points_ratio": cost.points / float(np.mean([count for count in shown if count])),
        "slip_px": slip_px(drawing, clip),
        "corners_missed": missed,
        "corners": corners,
    }
    return figures | ({"keys_ratio": cost.keys / keys, "numbers_ratio": cost.numbers / numbers} if keys else {})


def run_clip(
    family: str, seed: int, index: int, pictures: Path | None = None, *, layers: bool = False
) -> list[dict[str, object]]:
    """Fit one clip and measure it; a clip that the fitter refuses is a row without figures."""
    began = time.process_time()
    clip = clips_of(family, seed)[index]
    row: dict[str, object] = {"family": family, "clip": clip.name, "seed": seed, "method": "rotolink"}
    try:
        drawing, seconds, counted = fitted(clip, layers=layers)
    except FitError as error:
        return [row | {"figures": {"faults": float(len(clip.frames))}, "found": [f"refused: {error}"]}]
    figures, found = measure(clip, drawing)
    figures |= counted | {"ms_per_frame": 1000 * seconds / len(clip.frames)}
    if pictures is not None:
        write_pictures(clip, drawing, pictures)
    figures["busy_s"] = time.process_time() - began
    return [row | {"figures": figures, "found": found}]


def run_baseline(method: str, family: str, seed: int, index: int) -> dict[str, object]:
    """Trace every frame of a clip on its own and measure that."""
    busy = time.process_time()
    clip = clips_of(family, seed)[index]
    began = time.perf_counter()
    drawing = traced(clip, TRACERS[method])
    seconds = time.perf_counter() - began
    figures, found = measure(clip, drawing)
    figures["ms_per_frame"] = 1000 * seconds / len(clip.frames)
    figures["busy_s"] = time.process_time() - busy
    return {"family": family, "clip": clip.name, "seed": seed, "method": method, "figures": figures, "found": found}


COLUMNS = {
    "mean_px": "mean",
    "hd95_px": "HD95",
    "worst_px": "worst",
    "bias_px": "bias",
    "boil_px": "boil",
    "flicker_ratio": "flick x",
    "points_per_shape": "points",
    "points_ratio": "pts x",
    "keys": "keys",
    "keys_ratio": "keys x",
    "keys_per_frame": "keys/fr",
    "numbers_ratio": "nums x",
    "slip_px": "slip",
    "persistence": "persist",
    "corners_missed": "corners-",
    "kinks_share": "kinks",
    "long_handles": "handles",
    "close": "close",
    "faults": "faults",
    "on_layers": "layered",
    "baked": "baked",
    "ms_per_frame": "ms/frame",
}


def line_of(label: str, figures: Figures, goal: Goal | None) -> str:
    """Return a row of the table; a figure that misses its goal bears a mark."""
    cells = []
    for name in COLUMNS:
        value = figures.get(name)
        bound = getattr(goal, name, None) if goal else None
        if value is None or math.isnan(value):
            cells.append(f"{'-':>9}")
            continue
        missed = bound is not None and value > bound + 1e-9
        cells.append(f"{value:>8.3g}{'!' if missed else ' '}")
    return f"{label:<16}" + "".join(cells)


def goal_line(goal: Goal) -> str:
    bounds = {name: value for name, value in asdict(goal).items() if value is not None}
    return line_of("  goal", bounds, None)


def summed_up(rows: Sequence[Figures]) -> Figures:
    """Return a family's figures: the worst of the worst, sums of counts, means of the rest."""
    found: Figures = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if name in row and not math.isnan(row[name])]
        if values:
            found[name] = (
                max(values) if name in WORST_COUNTS else sum(values) if name in SUMMED else float(np.mean(values))
            )
    return found


def misses(figures: Figures, goal: Goal) -> list[str]:
    bounds = {name: value for name, value in asdict(goal).items() if value is not None}
    return [COLUMNS[name] for name, bound in bounds.items() if figures.get(name, 0) > bound + 1e-9]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="only this one; may stand repeatedly")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(TUNING_SEEDS), help="held out: 101 102 103")
    parser.add_argument("--quick", action="store_true", help="one seed of a few families, no baselines")
    parser.add_argument("--speed", action="store_true", help="only what a fit takes, and how that grows")
    parser.add_argument("--no-baselines", action="store_true", help="measure the product alone")
    parser.add_argument("--layers", action="store_true", help="fit with layers; numbers are told with them and baked")
    parser.add_argument("--pictures", type=Path, help="write overlays of a few frames of each clip into this folder")
    parser.add_argument("--jobs", type=int, default=2, help="clips at a time; 1 for honest timings")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def work_of(options: argparse.Namespace) -> list[tuple[str, int, int]]:
    families = options.family or (QUICK if options.quick else list(FAMILIES))
    seeds = options.seeds[:1] if options.quick else options.seeds
    return [
        (family, seed, index)
        for family in families
        for seed in (seeds[:1] if family == "real" else seeds)
        for index in range(len(clips_of(family, seed)))
    ]


def baselines(pool: ProcessPoolExecutor, work: list[tuple[str, int, int]]) -> list[dict[str, object]]:
    """Print and return the baselines' rows for the first seed of the families where tracing frame by frame is usual."""
    tasks = {
        (method, *clip): pool.submit(run_baseline, method, *clip)
        for method in TRACERS
        if method != "potrace" or has_potrace()
        for clip in work
        if clip[0] in COMPARED and clip[1] == work[0][1]
    }
    if tasks:
        print("\ntracing every frame on its own" + ("" if has_potrace() else "; potracer is not installed: no potrace"))
    rows = [task.result() for task in tasks.values()]
    for row in rows:
        print(line_of(f"{row['method']} {row['family']}", row["figures"], None))  # type: ignore[arg-type] # as below
    return rows


def speed_rows() -> list[dict[str, object]]:
    """Measure what fits take, print it, and return it as rows."""
    return [{"family": "speed", "method": "rotolink", "figures": row} for row in speed_table()]


def write(rows: list[dict[str, object]], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1))
    print(f"written to {path}")


def main() -> None:
    options = arguments()
    if options.speed:
        write(speed_rows(), options.out)
        return
    header = f"{'':<16}" + "".join(f"{name:>8} " for name in COLUMNS.values())
    print(header)
    rows: list[dict[str, object]] = []
    work = work_of(options)
    with ProcessPoolExecutor(options.jobs) as pool:
        run = partial(run_clip, pictures=options.pictures, layers=options.layers)
        for done in pool.map(run, *zip(*work)):
            for row in done:
                rows.append(row)
                print(line_of(str(row["clip"]), row["figures"], GOALS[str(row["family"])]), flush=True)  # type: ignore[arg-type] # a row holds figures
                for fault in row["found"]:  # type: ignore[attr-defined] # and sentences
                    print(f"    {fault}")
        rows += baselines(pool, [] if options.quick or options.no_baselines else work)
    print(f"\nby family; ! misses the goal\n{header}")
    for family in dict.fromkeys(str(row["family"]) for row in rows):
        own = [row for row in rows if row["family"] == family and row["method"] == "rotolink"]
        figures = summed_up([row["figures"] for row in own])  # type: ignore[misc] # as above
        print(line_of(family, figures, GOALS[family]))
        print(goal_line(GOALS[family]))
        print(f"    misses: {', '.join(misses(figures, GOALS[family])) or 'nothing'}")
    minutes = sum(row["figures"].get("busy_s", 0) for row in rows) / 60  # type: ignore[attr-defined] # as above
    print(f"\n{minutes:.1f} minutes of one core for all clips, making and measuring them included")
    if not (options.family or options.quick):
        rows += speed_rows()
    write(rows, options.out)


if __name__ == "__main__":
    main()
