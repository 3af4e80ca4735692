"""How good drawn shapes are: distances of edges, boil, flicker, economy, slip, editability and faults.

Nothing here knows how shapes were fitted. Edges are the 0.5 lines of what is drawn, parts of them that lie along the
plate's border are none. Lengths are pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import contourpy
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shape_clips import Array, Clip, Matte, TruthShape, curve, normals, turns_degrees

from roto_daemon.fitting import coverage
from roto_daemon.fitting.raster import shape_controls
from roto_shapes.shape import Roto

LONGEST_PIECE_PX = 1.0
LOOP_PX2 = 0.05
CLOSE_PX = 3.0
TOO_CLOSE_PX = 2.0
NEAR_CORNER_PX = 3.0
SMOOTH_DEGREES, SHARP_DEGREES = 2.0, 20.0
SMALLEST_PART_PX2 = 16
"""A part or hole below this is not counted: antialiasing makes and unmakes it."""


@dataclass(frozen=True)
class DrawnOutline:
    """One outline on one frame. Outlines of one name on several frames are one shape."""

    name: str
    controls: Array
    cuts: bool = False


@dataclass(frozen=True)
class Drawing:
    """What is drawn on every frame, and on which frames each shape has keyframes."""

    frames: dict[int, list[DrawnOutline]]
    keys: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, roto: Roto, frames: Sequence[int]) -> Drawing:
        drawn = {
            frame: [
                DrawnOutline(shape.name, shape_controls(shape, frame), shape.invert)
                for shape in roto.shapes
                if frame in shape.lifetime
            ]
            for frame in frames
        }
        return cls(drawn, {shape.name: tuple(key.frame for key in shape.keyframes) for shape in roto.shapes})

    def matte(self, frame: int, size: tuple[int, int]) -> Matte:
        painted = np.zeros((size[1], size[0]), np.float32)
        for outline in self.frames[frame]:
            one = coverage(curve(outline.controls), *size)
            painted = painted * (1 - one) if outline.cuts else painted + one - painted * one
        return painted

    def shapes(self) -> dict[str, dict[int, DrawnOutline]]:
        """Return frame to outline for every shape."""
        found: dict[str, dict[int, DrawnOutline]] = {}
        for frame, outlines in self.frames.items():
            for outline in outlines:
                found.setdefault(outline.name, {})[frame] = outline
        return found


class Edge:
    """Straight pieces, none longer than a pixel, and the exact distance to them."""

    def __init__(self, pieces: Array) -> None:
        """Take pieces as (pieces, 2, 2)."""
        run = pieces[:, 1] - pieces[:, 0]
        count = np.maximum(np.ceil(np.linalg.norm(run, axis=1) / LONGEST_PIECE_PX), 1).astype(int)
        owner = np.repeat(np.arange(len(pieces)), count)
        number = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        step = run[owner] / count[owner][:, None]
        self.start = pieces[owner, 0] + step * number[:, None]
        self.run = step
        self.lengths = np.linalg.norm(step, axis=1)
        self.middles = self.start + step / 2
        self._tree = cKDTree(self.middles) if len(owner) else None

    @classmethod
    def of_lines(cls, lines: Sequence[Array], *, closed: bool) -> Edge:
        joined = [np.concatenate([line, line[:1]]) if closed else line for line in lines]
        return cls(np.concatenate([np.empty((0, 2, 2)), *(np.stack([line[:-1], line[1:]], axis=1) for line in joined)]))

    @classmethod
    def of_matte(cls, matte: Matte) -> Edge:
        """Find the 0.5 line between pixel centres; it ends at the outermost centres instead of following the border."""
        rows, columns = np.flatnonzero(matte.max(axis=1) > 0), np.flatnonzero(matte.max(axis=0) > 0)
        if len(rows) == 0:
            return cls(np.empty((0, 2, 2)))
        top, left = max(rows[0] - 1, 0), max(columns[0] - 1, 0)
        crop = matte[top : rows[-1] + 2, left : columns[-1] + 2].astype(float)
        if min(crop.shape) < 2:
            return cls(np.empty((0, 2, 2)))
        lines = contourpy.contour_generator(z=crop).lines(0.5)
        return cls.of_lines([np.asarray(line) + (left + 0.5, top + 0.5) for line in lines], closed=False)

    def __len__(self) -> int:
        return len(self.lengths)

    def nearest(self, points: Array) -> Array:
        """Return the nearest place on the edge for each point, (points, 2)."""
        assert self._tree is not None
        _, near = self._tree.query(points, k=min(6, len(self)))
        near = np.asarray(near).reshape(len(points), -1)
        start, run = self.start[near], self.run[near]
        square = np.maximum((run * run).sum(axis=2), 1e-18)
        share = np.clip(((points[:, None] - start) * run).sum(axis=2) / square, 0, 1)
        places = start + share[:, :, None] * run
        best = np.linalg.norm(places - points[:, None], axis=2).argmin(axis=1)
        found: Array = places[np.arange(len(points)), best]
        return found

    def distances(self, points: Array) -> Array:
        apart: Array = np.linalg.norm(self.nearest(points) - points, axis=1)
        return apart


@dataclass(frozen=True)
class FrameMeasure:
    """Section by section what two mattes of one frame differ by."""

    mean_px: float
    hd95_px: float
    hd_px: float
    f1: float
    bias_px: float
    iou: float


def compare(drawn: Matte, reference: Matte) -> FrameMeasure | None:
    """Return the distances between two mattes' edges; None when either has no edge."""
    here, there = Edge.of_matte(drawn), Edge.of_matte(reference)
    if not len(here) or not len(there):
        return None
    ways = [(there.distances(here.middles), here.lengths), (here.distances(there.middles), there.lengths)]
    near = [float(lengths[apart <= 1].sum() / lengths.sum()) for apart, lengths in ways]
    return FrameMeasure(
        mean_px=float(np.mean([np.average(apart, weights=lengths) for apart, lengths in ways])),
        hd95_px=max(_quantile(apart, lengths, 0.95) for apart, lengths in ways),
        hd_px=float(max(apart.max() for apart, _ in ways)),
        f1=2 * near[0] * near[1] / max(sum(near), 1e-9),
        bias_px=float((drawn.sum(dtype=float) - reference.sum(dtype=float)) / there.lengths.sum()),
        iou=float(np.minimum(drawn, reference).sum(dtype=float) / np.maximum(drawn, reference).sum(dtype=float)),
    )


def _quantile(values: Array, weights: Array, share: float) -> float:
    order = np.argsort(values)
    summed = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(summed, share * summed[-1])), len(values) - 1)])


def boil_px(errors: Array) -> float:
    """Return the RMS of errors' second differences over time (first axis), in units of white noise; NaN is left out."""
    second = errors[:-2] - 2 * errors[1:-1] + errors[2:]
    known = second[np.isfinite(second)]
    return float(np.sqrt(np.mean(known**2) / 6)) if len(known) else math.nan


def material_errors(truth: TruthShape, frames: Sequence[int], drawn: list[Edge], reference: list[Edge]) -> Array:
    """Return signed edge errors (frames, samples) at points fixed to the object, NaN where no edge of it is seen.

    What rasters do to both edges alike is taken out: the error is the difference of both edges' offsets along the
    truth's normal. Points beside corners, where a normal means nothing, are left out.
    """
    count = len(truth.material(truth.first))
    errors = np.full((len(frames), count), np.nan)
    for row, (frame, edge, true_edge) in enumerate(zip(frames, drawn, reference, strict=True)):
        if not truth.lives(frame) or not len(edge) or not len(true_edge):
            continue
        points = truth.material(frame)
        normal = normals(points)
        true_place = true_edge.nearest(points)
        seen = np.linalg.norm(true_place - points, axis=1) < 0.6
        corners = truth.corners(frame)
        if len(corners):
            seen &= cKDTree(corners).query(points)[0] > 2 * NEAR_CORNER_PX
        offsets = ((edge.nearest(points) - true_place) * normal).sum(axis=1)
        errors[row, seen] = offsets[seen]
    return errors


def flicker_px(edges: list[Edge]) -> float:
    """Return the RMS of edges' second differences over time, along their normals to the nearest places, over √6."""
    sums = lengths = 0.0
    for before, here, after in zip(edges, edges[1:], edges[2:]):
        if not (len(before) and len(here) and len(after)):
            continue
        normal = np.stack([here.run[:, 1], -here.run[:, 0]], axis=1) / here.lengths[:, None].clip(1e-9)
        both = before.nearest(here.middles) + after.nearest(here.middles) - 2 * here.middles
        sums += float(((both * normal).sum(axis=1) ** 2 * here.lengths).sum())
        lengths += float(here.lengths.sum())
    return math.sqrt(sums / lengths / 6) if lengths else math.nan


def slip_px(drawing: Drawing, clip: Clip) -> float:
    """Return the RMS wander of control points along the truth that they lie on, in px of its mean arc length."""
    wander = []
    rulers = [_Ruler(truth, clip) for truth in clip.shapes]
    for outlines in drawing.shapes().values():
        found = [_wander(ruler, outlines, clip.size) for ruler in rulers]
        wander.append(max(found, key=len, default=np.empty(0)))
    joined = np.concatenate([np.empty(0), *wander])
    return float(np.sqrt(np.mean(joined**2))) if len(joined) else math.nan


class _Ruler:
    """Arc length along a truth, the same for the same material point on every frame."""

    def __init__(self, truth: TruthShape, clip: Clip) -> None:
        self.truth = truth
        self.lines = {frame: truth.material(frame) for frame in clip.frames if truth.lives(frame)}
        lengths = np.mean([np.linalg.norm(np.roll(o, -1, axis=0) - o, axis=1) for o in self.lines.values()], axis=0)
        self.along = np.concatenate([[0.0], np.cumsum(lengths)])

    def read(self, points: Array, frame: int) -> tuple[Array, Array]:
        """Return the arc length below each point, and its distance from the truth."""
        line = self.lines[frame]
        run = np.roll(line, -1, axis=0) - line
        square = np.maximum((run * run).sum(axis=1), 1e-18)
        share = np.clip(((points[:, None] - line) * run).sum(axis=2) / square, 0, 1)
        apart = np.linalg.norm(line + share[:, :, None] * run - points[:, None], axis=2)
        best = apart.argmin(axis=1)
        rows = np.arange(len(points))
        place = self.along[best] + share[rows, best] * np.diff(self.along)[best]
        return place, apart[rows, best]


def _wander(ruler: _Ruler, outlines: dict[int, DrawnOutline], size: tuple[int, int]) -> Array:
    """Return every reading's distance from its point's mean; points that do not lie on this truth have none."""
    frames = [frame for frame in outlines if frame in ruler.lines]
    if not frames:
        return np.empty(0)
    readings = []
    for frame in frames:
        points = outlines[frame].controls[:, :2]
        place, apart = ruler.read(points, frame)
        readings.append(np.where((apart < CLOSE_PX) & inside(points, size), place, np.nan))
    table = np.array(readings)
    table = table[:, np.isfinite(table).any(axis=0)]
    if not table.size:
        return np.empty(0)
    first = table[np.isfinite(table).argmax(axis=0), np.arange(table.shape[1])]
    whole = ruler.along[-1]
    moved = (table - first + whole / 2) % whole - whole / 2
    moved -= np.nanmean(moved, axis=0)
    known: Array = moved[np.isfinite(moved)]
    return known


def inside(points: Array, size: tuple[int, int], margin_px: float = 2.0) -> NDArray[np.bool_]:
    kept: NDArray[np.bool_] = np.all((points >= margin_px) & (points <= np.array(size) - margin_px), axis=1)
    return kept


def missed_corners(drawing: Drawing, clip: Clip, reference: list[Edge]) -> tuple[int, int]:
    """Return how many visible corners, summed over frames, have no control point within 3 px; and the number of all."""
    missed = known = 0
    for frame, edge in zip(clip.frames, reference, strict=True):
        corners = np.concatenate([np.empty((0, 2)), *(t.corners(frame) for t in clip.shapes if t.lives(frame))])
        corners = corners[inside(corners, clip.size, NEAR_CORNER_PX)]
        if not len(corners) or not len(edge):
            continue
        corners = corners[edge.distances(corners) < NEAR_CORNER_PX]
        knots = np.concatenate([np.empty((0, 2)), *(o.controls[:, :2] for o in drawing.frames[frame])])
        known += len(corners)
        if not len(knots):
            missed += len(corners)
        elif len(corners):
            missed += int(np.count_nonzero(np.asarray(cKDTree(knots).query(corners)[0]) > NEAR_CORNER_PX))
    return missed, known


@dataclass
class Faults:
    """What must not be at all, in frames or shapes."""

    loops: int = 0
    flips: int = 0
    ghosts: int = 0
    missing: int = 0
    parts: int = 0
    found: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.loops + self.flips + self.ghosts + self.missing + self.parts


def shape_faults(drawing: Drawing) -> Faults:
    """Return frames on which a shape crosses itself, and shapes whose orientation changes."""
    faults = Faults()
    looped = set()
    for name, outlines in drawing.shapes().items():
        lines = {frame: curve(outline.controls) for frame, outline in outlines.items()}
        if len({signed_area(line) > 0 for line in lines.values()}) > 1:
            faults.flips += 1
            faults.found.append(f"{name} flips")
        looped |= {frame for frame, line in lines.items() if largest_loop_px2(line) > LOOP_PX2}
    faults.loops = len(looped)
    if looped:
        faults.found.append(f"loops on {sorted(looped)}")
    return faults


def content_faults(faults: Faults, frame: int, drawn: Matte, reference: Matte) -> None:
    """Add what is wrong with what a frame shows: nothing, too much, or parts and holes that the truth has not."""
    is_drawn, is_there = bool((drawn > 0.5).any()), bool((reference > 0.5).any())
    if is_drawn != is_there:
        faults.ghosts += is_drawn
        faults.missing += is_there
        faults.found.append(f"{'ghost' if is_drawn else 'missing'} on {frame}")
    elif is_there and parts_and_holes(drawn) not in {parts_and_holes(reference, level) for level in (0.3, 0.5, 0.7)}:
        faults.parts += 1
        faults.found.append(f"parts and holes {parts_and_holes(drawn)} not {parts_and_holes(reference)} on {frame}")


def parts_and_holes(matte: Matte, level: float = 0.5) -> tuple[int, int]:
    """Return how many pieces are above a level, and how many pieces below it touch no border."""
    rows, columns = np.flatnonzero(matte.max(axis=1) > 0), np.flatnonzero(matte.max(axis=0) > 0)
    if len(rows) == 0:
        return 0, 0
    crop = matte[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] > level
    padded = np.pad(crop, 1)
    parts = cv2.connectedComponentsWithStats(padded.astype(np.uint8), connectivity=8)[2][1:]
    gaps = cv2.connectedComponentsWithStats((~padded).astype(np.uint8), connectivity=4)[2][1:]
    large = [int((np.asarray(stats)[:, cv2.CC_STAT_AREA] >= SMALLEST_PART_PX2).sum()) for stats in (parts, gaps)]
    return large[0], large[1] - 1


def signed_area(line: Array) -> float:
    after = np.roll(line, -1, axis=0)
    return float((line[:, 0] * after[:, 1] - line[:, 1] * after[:, 0]).sum() / 2)


def largest_loop_px2(line: Array) -> float:
    """Return the area of the largest loop of a closed polyline; the smaller side of each crossing is its loop."""
    start, end = line, np.roll(line, -1, axis=0)
    run = end - start
    reach = float(np.linalg.norm(run, axis=1).max())
    pairs = cKDTree((start + end) / 2).query_pairs(reach + 1e-9, output_type="ndarray")
    pairs = np.sort(pairs, axis=1)
    gap = pairs[:, 1] - pairs[:, 0]
    i, j = pairs[(gap > 1) & (gap < len(line) - 1)].T
    cross = run[i, 0] * run[j, 1] - run[i, 1] * run[j, 0]
    offset = start[j] - start[i]
    safe = np.where(cross == 0, np.inf, cross)
    s = (offset[:, 0] * run[j, 1] - offset[:, 1] * run[j, 0]) / safe
    t = (offset[:, 0] * run[i, 1] - offset[:, 1] * run[i, 0]) / safe
    hit = (cross != 0) & (s > 0) & (s < 1) & (t >= 0) & (t < 1)
    largest = 0.0
    for a, b, share in zip(i[hit].tolist(), j[hit].tolist(), s[hit].tolist()):
        meeting = start[a] + run[a] * share
        loop = abs(signed_area(np.vstack([meeting, line[a + 1 : b + 1]])))
        rest = abs(signed_area(np.vstack([meeting, line[b + 1 :], line[: a + 1]])))
        largest = max(largest, min(loop, rest))
    return largest


@dataclass(frozen=True)
class Editability:
    """How pleasant points are to work with, counted over keyframes."""

    knots: int
    kinks: int
    long_handles: int
    close: int
    too_close: int


def editability(drawing: Drawing) -> Editability:
    counts = np.zeros(5, int)
    for name, outlines in drawing.shapes().items():
        for key in drawing.keys[name]:
            if key in outlines:
                counts += _knots(outlines[key].controls)
    return Editability(*counts.tolist())


def _knots(controls: Array) -> NDArray[np.int_]:
    chord = np.linalg.norm(np.roll(controls[:, :2], -1, axis=0) - controls[:, :2], axis=1)
    into, out = np.linalg.norm(controls[:, 2:4], axis=1), np.linalg.norm(controls[:, 4:6], axis=1)
    turn = turns_degrees(controls)
    return np.array(
        [
            len(controls),
            ((turn > SMOOTH_DEGREES) & (turn < SHARP_DEGREES)).sum(),
            (out > chord + 1e-6).sum() + (into > np.roll(chord, 1) + 1e-6).sum(),
            (chord < CLOSE_PX).sum(),
            (chord < TOO_CLOSE_PX).sum(),
        ]
    )


@dataclass(frozen=True)
class Economy:
    """How much an artist gets to handle."""

    shapes: int
    points: float
    """Control points on a frame, the mean over frames on which something is drawn."""
    points_per_shape: float
    keys: int
    keys_per_frame: float
    """Keyframes per frame that a shape lives on."""
    numbers: int
    persistence: float


def economy(drawing: Drawing) -> Economy:
    shapes = drawing.shapes()
    counts = {name: len(next(iter(outlines.values())).controls) for name, outlines in shapes.items()}
    drawn = [frame for frame, outlines in drawing.frames.items() if outlines]
    living = sum(len(outlines) for outlines in shapes.values())
    order = sorted(drawn)
    stay = had = 0
    for here, there in pairwise(order):
        later = {outline.name for outline in drawing.frames[there]}
        for outline in drawing.frames[here]:
            had += len(outline.controls)
            stay += len(outline.controls) * (outline.name in later)
    keys = sum(len(drawing.keys[name]) for name in shapes)
    points = sum(counts[name] * len(outlines) for name, outlines in shapes.items())
    return Economy(
        shapes=len(shapes),
        points=points / max(len(drawn), 1),
        points_per_shape=points / max(living, 1),
        keys=keys,
        keys_per_frame=keys / max(living, 1),
        numbers=sum(len(drawing.keys[name]) * (6 * counts[name] + 1) for name in shapes),
        persistence=stay / had if had else 1.0,
    )
