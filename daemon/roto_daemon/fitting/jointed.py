"""One outline as one shape or as several parts of it: fits both ways, and keeps the simpler that is as true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.correspondence import Matched
from roto_daemon.fitting.layers import control_numbers, named
from roto_daemon.fitting.measure import BoundaryError, boundary_error, drawn_outlines, self_crossings
from roto_daemon.fitting.parts import Split, marked, split_track
from roto_daemon.fitting.raster import shape_polyline
from roto_daemon.fitting.track_fit import TrackFit
from roto_daemon.fitting.tracks import Track, contains
from roto_shapes.fit_options import MOST_PARTS
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

Marker = Callable[[Matched, Track], Matched]
"""Marks samples of a part that other parts hide as not visible."""

Fitter = Callable[[Track, Marker | None], tuple[TrackFit, frozenset[int]]]
"""Fits the outlines of a track, and names the frames on which it did not follow them."""

_AS_TRUE, _AS_TRUE_PX, _WORST_AS_TRUE_PX = 1.1, 0.05, 0.5
"""How much larger errors may be of parts that are simpler, as a factor and in px: below what the eye tells apart."""

_DEARER = 1.2
"""What parts that end self-crossings may cost more."""


@dataclass(frozen=True)
class Look:
    """What tells how pieces are drawn."""

    plate: Plate
    interpolation: Interpolation


@dataclass(frozen=True)
class Piece:
    """What becomes one shape."""

    track: Track
    fit: TrackFit
    mended: frozenset[int]
    """Frames on which the shape is drawn through what the mattes have."""

    def shape(self, name: str, interpolation: Interpolation) -> Shape:
        """Return the shape, on the layer of the fit where it has one."""
        keyframes = tuple(
            ShapeKeyframe(
                int(frame), tuple(_point(row, bool(corner)) for row, corner in zip(rows, self.fit.corner, strict=True))
            )
            for frame, rows in zip(self.fit.frames, self.fit.controls, strict=True)
        )
        lifetime = FrameRange(self.track.frames[0], self.track.frames[-1])
        layer = named(self.fit.layer, name)
        return Shape(name, keyframes, lifetime, invert=self.track.hole, interpolation=interpolation, layer=layer)


@dataclass(frozen=True)
class Jointed:
    """What a track becomes, and its holes that need no shape because parts leave them open."""

    pieces: list[Piece]
    gaps: list[Track]


@dataclass(frozen=True)
class _Worth:
    """What one way to draw a track costs, and how true it is."""

    numbers: int
    crossing: int
    """Frames on which a shape crosses itself."""
    mean_px: float
    worst_px: float

    def beats(self, other: _Worth) -> bool:
        """Say whether this is simpler than another and as true."""
        as_true = self.mean_px <= _AS_TRUE * other.mean_px + _AS_TRUE_PX
        as_true &= self.worst_px <= _AS_TRUE * other.worst_px + _WORST_AS_TRUE_PX
        fewer = self.numbers < other.numbers or self.crossing < other.crossing
        return as_true and fewer and self.crossing <= other.crossing and self.numbers <= _DEARER * other.numbers


def fit_jointed(track: Track, tracks: Sequence[Track], fit: Fitter, parts: int | None, look: Look) -> Jointed:
    """Return a track as one piece, or as at most `parts` parts; None for parts where they are simpler and as true.

    `tracks` are all there are, its holes among them.
    """
    most = MOST_PARTS if parts is None else parts
    split = Split([], [])
    if most > 1 and not track.hole:
        split = split_track(track, [other for other in tracks if other.hole and _lies_inside(other, track)], most)
    in_parts = Jointed([Piece(part, *fit(part, marked)) for part in split.parts], split.gaps)
    if in_parts.pieces and parts is not None:
        return in_parts
    whole = Jointed([Piece(track, *fit(track, None))], [])
    return in_parts if in_parts.pieces and _worth(in_parts, track, look).beats(_worth(whole, track, look)) else whole


def _lies_inside(hole: Track, track: Track) -> bool:
    own = dict(zip(track.frames, track.outlines, strict=True))
    return all(
        frame in own and contains(own[frame], outline)
        for frame, outline in zip(hole.frames, hole.outlines, strict=True)
    )


def _worth(jointed: Jointed, track: Track, look: Look) -> _Worth:
    shapes = tuple(piece.shape(str(number), look.interpolation) for number, piece in enumerate(jointed.pieces))
    plate, roto = look.plate, Roto(look.plate, shapes)
    errors: list[BoundaryError] = []
    crossing = 0
    for frame, outline in zip(track.frames, track.outlines, strict=True):
        gaps = [gap.outlines[gap.frames.index(frame)] for gap in jointed.gaps if frame in gap.frames]
        error = boundary_error(drawn_outlines(roto, frame), [outline, *gaps], (plate.width, plate.height))
        errors += [error] if error else []
        crossing += any(self_crossings(shape_polyline(shape, frame)) for shape in shapes if frame in shape.lifetime)
    return _Worth(
        control_numbers(roto),
        crossing,
        float(np.mean([error.mean_px for error in errors])) if errors else 0.0,
        max((error.max_px for error in errors), default=0.0),
    )


def _point(row: NDArray[np.float64], corner: bool) -> ControlPoint:  # noqa: FBT001 - a point's own flag
    x, y, in_x, in_y, out_x, out_y = (float(number) for number in row)
    return ControlPoint(x, y, in_x, in_y, out_x, out_y, corner=corner)
