"""Fitting: mattes over time into animated Bezier shapes. Knows no engine, no file and no transport.

`fit_shapes` reads mattes one at a time and keeps their outlines alone. `coverage` and `render_shapes` go the other
way. Positions are plate pixels with pixel centres at .5.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import FitError
from roto_daemon.fitting.attention import (
    DRAWN_THROUGH,
    LookFirst,
    Reason,
    ranked,
    reasons_of_crossings,
    reasons_of_distance,
)
from roto_daemon.fitting.contacts import parted
from roto_daemon.fitting.correspondence import Matched, match
from roto_daemon.fitting.cover import Cover
from roto_daemon.fitting.feather import EdgeSoftness, edge_of, with_edge
from roto_daemon.fitting.flow import Pictures, PlateFlow
from roto_daemon.fitting.hidden import bridged, carried, known_only
from roto_daemon.fitting.jointed import Look, Marker, Piece, fit_jointed
from roto_daemon.fitting.layers import control_numbers, on_layers
from roto_daemon.fitting.measure import BoundaryError, boundary_error, drawn_outlines, self_crossings, widest_between
from roto_daemon.fitting.mending import mended
from roto_daemon.fitting.mixing import KeyRule, demanded_keys
from roto_daemon.fitting.naming import paint_order
from roto_daemon.fitting.occlusion import made_whole, rejoined, without_pieces
from roto_daemon.fitting.offset import EdgeOffset
from roto_daemon.fitting.outline import trace_outlines
from roto_daemon.fitting.raster import control_point_polyline, coverage, render_shapes, shape_polyline
from roto_daemon.fitting.refit import Refitted, outlines_of_shapes, refit_shape
from roto_daemon.fitting.track_fit import TrackFit, fit_samples
from roto_daemon.fitting.tracks import Track, TrackLinker
from roto_shapes.fit_options import FitOptions
from roto_shapes.layers import baked
from roto_shapes.shape import Roto
from roto_shapes.shot import Plate

__all__ = [
    "FitOptions",
    "FitReport",
    "FitResult",
    "FrameError",
    "control_point_polyline",
    "coverage",
    "fit_shapes",
    "refit_shapes",
    "render_shapes",
    "shape_polyline",
]

_MOST_IGNORED = 0.25
"""With specks of more than this share of what the mattes cover, shapes would not show what the mattes show."""

_WORTH_FLOW = 0.05
"""Optical flow is looked at for outlines of at least this share of the largest: small ones hold little texture."""

_DEFAULT = FitOptions()

_DRAWN_THROUGH = 6.0
"""A mask counts as drawn through where a disc with a radius of so many tolerances fits between what is drawn and the
mask: a bite of 12 px, drawn to 1 px, is seen at a glance, one of 8 px on ragged masks of a real clip is not, and with
4 a third of that clip's frames are named."""

_READING_SHARE = 0.3
"""Part of the progress that reading mattes stands for."""


@dataclass(frozen=True)
class FrameError:
    """How far the shapes lie from the matte's outlines on one frame, in px, as `BoundaryError` says."""

    frame: int
    mean_px: float
    percentile95_px: float
    max_px: float


@dataclass(frozen=True)
class FitReport:
    """What came out, measured against the mattes' own outlines by plain distances."""

    tolerance_px: float
    effective_tolerance_px: float
    """The bound that holds; above the one asked for where noise or broken mattes made that unreachable."""
    noise_px: float
    frames: tuple[FrameError, ...]
    """Every given frame that has an outline inside the plate."""
    empty_frames: tuple[int, ...]
    """Given frames whose mattes show nothing to draw."""
    crossing_frames: tuple[int, ...]
    """Given frames on which a shape crosses itself."""
    shapes: int
    points: int
    """Control points summed over shapes."""
    keyframes: int
    """Keyframes summed over shapes."""
    layer_keyframes: int
    """Keyframes summed over layers."""
    baked_keyframes: int
    """Keyframes summed over shapes where a host knows no layers."""
    control_numbers: int
    """Numbers that an artist has to look after (`layers.control_numbers`), layers held as layers."""
    baked_control_numbers: int
    """The same where a host knows no layers."""
    ignored_outlines: int
    """Specks and the smallest of too many pieces, summed over frames."""
    seconds: float
    doubtful_frames: tuple[int, ...] = ()
    """Given frames on which the mattes were drawn through, to be seen at a glance (`_DRAWN_THROUGH`): an outline was
    missing, in pieces, or bitten for a frame or two, and follows from the frames around."""
    judged_px: float = _DEFAULT.tolerance_px
    """What frames are judged by: the tolerance asked for, or the bound that a budget of points can hold."""

    @property
    def look_first(self) -> tuple[LookFirst, ...]:
        """Return the frames that need a look first, the gravest first, with the reasons in words."""
        reasons: dict[int, list[Reason]] = {
            error.frame: reasons_of_distance(error.max_px, error.percentile95_px, self.judged_px)
            for error in self.frames
        }
        for frame in self.crossing_frames:
            reasons.setdefault(frame, []).extend(reasons_of_crossings(1))
        for frame in self.doubtful_frames:
            reasons.setdefault(frame, []).append(DRAWN_THROUGH)
        return ranked(reasons.items())

    @property
    def facts(self) -> dict[str, object]:
        """Return what is told of a fit, on the wire and by `roto fit --json`, in JSON's types."""
        return {
            "shapes": self.shapes,
            "control_points": self.points,
            "keyframes": self.keyframes,
            "layer_keyframes": self.layer_keyframes,
            "baked_keyframes": self.baked_keyframes,
            "control_numbers": self.control_numbers,
            "baked_control_numbers": self.baked_control_numbers,
            "tolerance_px": self.tolerance_px,
            "effective_tolerance_px": self.effective_tolerance_px,
            "doubtful_frames": list(self.doubtful_frames),
            "look_first": [{"frame": each.frame, "reasons": list(each.reasons)} for each in self.look_first],
        }

    @property
    def worst_frame(self) -> FrameError | None:
        """Return the frame with the largest distance; None when no frame could be measured."""
        return max(self.frames, key=lambda error: error.max_px, default=None)

    @property
    def mean_px(self) -> float:
        """Return the mean over frames of the mean distance."""
        return float(np.mean([error.mean_px for error in self.frames])) if self.frames else 0.0


@dataclass(frozen=True)
class FitResult:
    """Shapes in paint order, and how good they are."""

    roto: Roto
    report: FitReport
    plain: Roto
    """The shapes before points moved in for their feather: the line that the report measures; else the same."""


def fit_shapes(
    mattes: Iterable[tuple[int, NDArray[np.float32]]],
    plate: Plate,
    options: FitOptions | None = None,
    progress: Callable[[float], None] | None = None,
    pictures: Pictures | None = None,
    occluder: Callable[[int], NDArray[np.float32]] | None = None,
) -> FitResult:
    """Return animated shapes for (frame, matte) pairs in rising frame order; frame numbers may have gaps.

    Mattes are (height, width) coverage from 0 to 1 of the plate's size, and are let go one by one. `progress` hears
    0 to 1. One shape per outline and lifetime, one cutting shape per hole. Raises FitError when there is nothing to
    draw or a matte cannot be used.

    With a feather the report is that of the plain shapes: coverage still crosses the threshold where they lie, while
    the points stand inside, where it is whole (`feather.EdgeSoftness`).

    `pictures` returns frames of the plate, (height, width, 3) of its size, or None; with it, control points stick to
    a surface that moves along its own outline. It is asked for one frame after the other, once or twice an outline.

    `occluder` returns the matte of what stands in front on a frame, of the same size; it is asked for each frame once,
    rising. Where it hides the object, partly or wholly, the shape goes on behind it for `occlusion.LONGEST_HIDDEN`
    frames at most.
    """
    options = options or FitOptions()
    progress = progress or _unheard
    began = time.monotonic()
    reader = _Reader(plate, options, progress)
    for frame, matte in mattes:
        reader.add(frame, matte, occluder(frame) if occluder else None)
    pieces: list[Piece] = []
    tracks = reader.finish()
    flow = PlateFlow(pictures, (plate.width, plate.height)) if pictures else None
    work = sum(len(track.frames) for track in tracks)
    look = Look(plate, options.interpolation)
    done = 0
    gaps: list[Track] = []
    for track in tracks:
        if any(track is gap for gap in gaps):
            continue
        guide = flow if track.weight >= _WORTH_FLOW * tracks[0].weight else None
        fitter = partial(_fit_track, options=options, plate=plate, flow=guide, cover=reader.cover)
        jointed = fit_jointed(track, tracks, fitter, options.parts, look)
        pieces += jointed.pieces
        gaps += jointed.gaps
        done += len(track.frames)
        progress(_READING_SHARE + (1 - _READING_SHARE) * 0.95 * done / work)
    if options.layers:
        pieces = _on_layers(pieces, options)
    ordered = paint_order([piece.track for piece in pieces], options.name)
    shapes = tuple(pieces[index].shape(name, options.interpolation) for name, index in ordered)
    roto = Roto(plate, shapes)
    frames_mended = {frame for piece in pieces for frame in piece.mended}
    report = replace(_report(roto, tracks, reader, options, frames_mended), seconds=time.monotonic() - began)
    report = replace(
        report,
        effective_tolerance_px=max(piece.fit.tolerance_px for piece in pieces),
        noise_px=max(piece.fit.noise_px for piece in pieces),
    )
    if options.points is not None:
        report = replace(report, judged_px=report.effective_tolerance_px)
    soft = replace(roto, shapes=tuple(map(reader.softness.feathered, shapes))) if options.feather else roto
    progress(1.0)
    return FitResult(soft, report, roto)


def _fit_track(
    track: Track, mark: Marker | None, *, options: FitOptions, plate: Plate, flow: PlateFlow | None, cover: Cover
) -> tuple[TrackFit, frozenset[int]]:
    samples = match(track, plate.width, plate.height, flow)
    samples = mark(samples, track) if mark else known_only(samples, track, cover)
    matched = carried(samples, (plate.width, plate.height))
    straight = mended(matched)
    # What is asked for on a frame that the mattes lack is a keyframe all the same.
    samples = bridged(straight, options.keyframes_at)
    demanded = demanded_keys(samples.frames, options.keyframes_at, options.keyframe_step)
    rule = KeyRule(options.interpolation, demanded)
    fit = fit_samples(samples, options.tolerance_px, rule, options.points)
    return fit, frozenset(_moved_frames(matched, straight, _DRAWN_THROUGH * options.tolerance_px))


def refit_shapes(
    roto: Roto,
    mattes: Iterable[tuple[int, NDArray[np.float32]]],
    options: FitOptions | None = None,
    edited: Iterable[int] = (),
    progress: Callable[[float], None] | None = None,
) -> FitResult:
    """Return the shapes with their free keyframes fitted anew to mattes, given as to `fit_shapes`.

    Locked keyframes, and those on the `edited` frames, come back bit for bit. With edited frames only what lies
    between the next locked keyframes on both sides of them changes. Names, lifetimes, control points and their order
    stay; keyframes come where the bound asks for them and go where nothing needs them. Raises FitError for mattes that
    cannot be used, an open shape, or an edited frame on which no shape has a keyframe.
    """
    options = options or FitOptions()
    _refuse_ignored(options, roto)
    progress = progress or _unheard
    began = time.monotonic()
    frames_edited = frozenset(edited)
    strange = sorted(frames_edited - {key.frame for shape in roto.shapes for key in shape.keyframes})
    if strange:
        raise FitError(f"no shape has a keyframe on frame {', '.join(map(str, strange))}: name frames that were edited")
    reader = _Reader(roto.plate, options, progress)
    for frame, matte in mattes:
        reader.add(frame, matte)
    tracks = reader.finish()
    results = []
    # Points of a shape with feather stand where coverage is whole: its edge is what follows the outlines.
    edges = [edge_of(shape, options.threshold) for shape in roto.shapes]
    for number, outlines in enumerate(outlines_of_shapes(edges, tracks)):
        shape, size = edges[number], (roto.plate.width, roto.plate.height)
        touched = frames_edited & {key.frame for key in shape.keyframes}
        if frames_edited and not touched:
            results.append(Refitted(shape, 0.0, 0.0))
        else:
            results.append(refit_shape(shape, outlines, size, options.tolerance_px, touched))
        progress(_READING_SHARE + (1 - _READING_SHARE) * 0.95 * (number + 1) / len(roto.shapes))
    plain = replace(roto, shapes=tuple(result.shape.without_feather() for result in results))
    soft = (with_edge(old, new.shape, options.threshold) for old, new in zip(roto.shapes, results, strict=True))
    refitted = replace(roto, shapes=tuple(soft))
    report = replace(_report(plain, tracks, reader, options), seconds=time.monotonic() - began)
    progress(1.0)
    reached = max((result.tolerance_px for result in results), default=0.0)
    noise = max((result.noise_px for result in results), default=0.0)
    report = replace(
        report,
        effective_tolerance_px=max(reached, options.tolerance_px),
        noise_px=noise,
    )
    return FitResult(refitted, report, plain)


def _unheard(share: float) -> None:
    del share


def _moved_frames(before: Matched, after: Matched, least_px: float) -> set[int]:
    """Return the frames on which samples were moved by more than a distance."""
    moved = np.linalg.norm(after.points - before.points, axis=-1).max(axis=1) > least_px
    return {int(frame) for frame in before.frames[moved]}


def _refuse_ignored(options: FitOptions, roto: Roto) -> None:
    """Refuse what is asked of new shapes and a fit anew would ignore."""
    smooth = options.interpolation is not _DEFAULT.interpolation
    refused = [
        (options.points is not None, "their control points: give a tolerance instead of points"),
        (options.parts != _DEFAULT.parts, "their outlines whole or in parts as they are: do without parts"),
        (options.feather, "the feather that they have: do without measuring a new one"),
        (bool(options.keyframes_at or options.keyframe_step), "keyframes where the bound asks for them: demand none"),
        (options.layers, "their points free of layers: do without layers"),
        (
            smooth and any(shape.interpolation is not options.interpolation for shape in roto.shapes),
            "the interpolation that they have: ask for no other",
        ),
    ]
    for asked, what in refused:
        if asked:
            raise FitError(f"shapes that are fitted anew keep {what}")


class _Reader:
    """Checks mattes and turns them into tracks, one at a time."""

    def __init__(self, plate: Plate, options: FitOptions, progress: Callable[[float], None]) -> None:
        self.frames: list[int] = []
        self.empty: set[int] = set()
        self.linker = TrackLinker()
        self.cover = Cover(plate.width, plate.height)
        self._plate = plate
        self._options = options
        self._progress = progress
        self._offset = EdgeOffset(options.offset_px, plate.width, plate.height)
        self.softness = EdgeSoftness(options.threshold, options.offset_px)

    def add(self, frame: int, matte: NDArray[np.float32], occluder: NDArray[np.float32] | None = None) -> None:
        self._check(frame, matte)
        self.frames.append(frame)
        traced = trace_outlines(matte, self._options.threshold)
        if self._options.feather:
            self.softness.add(frame, matte, traced)
        outlines = self._offset.moved(traced)
        if not outlines:
            self.empty.add(frame)
        self.linker.add(frame, outlines)
        if occluder is not None:
            self.cover.add(frame, occluder, [outline.points for outline in outlines])
        self._progress(_READING_SHARE * min(len(self.frames) / len(self._plate.frames), 1.0))

    def finish(self) -> list[Track]:
        if not self.frames:
            raise FitError("there is no matte to fit: give at least one frame")
        unknown = sorted(set(self._options.keyframes_at) - set(self.frames))
        if unknown:
            raise FitError(
                f"there can be no keyframe on frame {', '.join(map(str, unknown))}: mattes were given for "
                f"{len(self.frames)} frames from {self.frames[0]} to {self.frames[-1]}"
            )
        passed = rejoined(self.linker.finish(), self.frames, self.cover)
        whole = without_pieces([made_whole(track, self.cover) for track in passed], self.cover)
        tracks = parted(whole, self.frames, self.cover)
        self._offset.require_some()
        if not tracks and not self.linker.covered_px2:
            raise FitError(
                f"the mattes are empty on all {len(self.frames)} frames: there is no edge at a coverage of "
                f"{self._options.threshold:g}; check the object was found, or lower the threshold"
            )
        if self.linker.ignored_area_px2 > _MOST_IGNORED * self.linker.covered_px2:
            raise FitError(
                f"the mattes fall into too many small pieces ({self.linker.ignored_outlines} outlines over "
                f"{len(self.frames)} frames) to draw as shapes: clean them first, or raise the threshold"
            )
        return tracks

    def _check(self, frame: int, matte: NDArray[np.float32]) -> None:
        if self.frames and frame <= self.frames[-1]:
            raise FitError(f"frame {frame} comes after frame {self.frames[-1]}: give mattes in rising frame order")
        size = (self._plate.height, self._plate.width)
        if matte.shape != size:
            found = "x".join(str(side) for side in reversed(matte.shape))
            raise FitError(
                f"the matte of frame {frame} is {found} pixels and the plate {size[1]}x{size[0]}: "
                "all mattes must have the plate's size"
            )
        if not math.isfinite(float(matte.sum(dtype=np.float64))):
            raise FitError(f"the matte of frame {frame} holds values that are not numbers: render it again")


def _on_layers(pieces: list[Piece], options: FitOptions) -> list[Piece]:
    def fit_again(samples: Matched, tolerance_px: float) -> TrackFit:
        demanded = demanded_keys(samples.frames, options.keyframes_at, options.keyframe_step)
        return fit_samples(samples, tolerance_px, KeyRule(options.interpolation, demanded), options.points)

    plain = [piece.fit for piece in pieces]
    fits = on_layers(plain, options.tolerance_px, options.interpolation, fit_again, f"{options.name}.group")
    return [replace(piece, fit=fit) for piece, fit in zip(pieces, fits, strict=True)]


def _report(
    roto: Roto, tracks: list[Track], reader: _Reader, options: FitOptions, frames_mended: Collection[int] = ()
) -> FitReport:
    plain = baked(roto)
    size = (roto.plate.width, roto.plate.height)
    errors: list[FrameError] = []
    crossing: list[int] = []
    reference: dict[int, list[NDArray[np.float64]]] = {frame: [] for frame in reader.frames}
    for track in tracks:
        for frame, points in zip(track.frames, track.outlines, strict=True):
            # Parts that touch have one edge in the mattes; each brings it along.
            known = {id(line) for line in reference[frame]}
            reference[frame] += [line for line in track.shown.get(frame, [points]) if id(line) not in known]
    for frame, pieces in reader.cover.cut.items():
        known = {id(line) for line in reference[frame]}
        reference[frame] += [line for line in pieces if id(line) not in known]
    doubtful = {frame for track in tracks for frame in track.doubtful}.union(frames_mended)
    missing = {frame for track in tracks for frame in set(track.doubtful).difference(track.frames)}
    for frame, outlines in reference.items():
        drawn = [shape_polyline(shape, frame) for shape in roto.shapes if frame in shape.lifetime]
        # Against a matte that lacks an outline there is nothing to measure.
        edges = drawn_outlines(roto, frame)
        hides = partial(reader.cover.hides, frame)
        measured: BoundaryError | None = None if frame in missing else boundary_error(edges, outlines, size, hides)
        if measured is not None:
            errors.append(FrameError(frame, measured.mean_px, measured.percentile95_px, measured.max_px))
        if any(self_crossings(polyline) for polyline in drawn):
            crossing.append(frame)
        if frame in doubtful - missing:
            apart = widest_between(render_shapes(roto, frame), outlines, hides)
            doubtful -= {frame} if apart < _DRAWN_THROUGH * options.tolerance_px else set()
    return FitReport(
        tolerance_px=options.tolerance_px,
        effective_tolerance_px=options.tolerance_px,
        noise_px=0.0,
        frames=tuple(errors),
        empty_frames=tuple(
            frame for frame, outlines in reference.items() if not outlines and frame not in missing - reader.empty
        ),
        crossing_frames=tuple(crossing),
        shapes=len(roto.shapes),
        points=sum(shape.point_count for shape in roto.shapes),
        keyframes=sum(len(shape.keyframes) for shape in roto.shapes),
        layer_keyframes=sum(len(layer.keyframes) for layer in roto.layers),
        baked_keyframes=sum(len(shape.keyframes) for shape in plain.shapes),
        control_numbers=control_numbers(roto),
        baked_control_numbers=control_numbers(plain),
        ignored_outlines=reader.linker.ignored_outlines,
        seconds=0.0,
        judged_px=options.tolerance_px,
        doubtful_frames=tuple(sorted(doubtful)),
    )
