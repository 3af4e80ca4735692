"""Coverage of outlines as antialiased mattes, and the outlines of shapes on any frame.

The coverage is the exact area of each pixel inside the polyline: no supersampling, no rounding of points.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from roto_daemon.fitting.outline import Points
from roto_shapes.curve import evaluate
from roto_shapes.layers import placement
from roto_shapes.shape import ControlPoint, Interpolation, Layer, Roto, Shape

_STEP_PX = 1.5
"""Length of the straight pieces that a curve is drawn with; a piece of an arc of radius 10 errs by 0.03 px."""

_LEVELS_A_PX, _FEWEST_LEVELS, _MOST_LEVELS = 2, 8, 128
"""Outlines drawn across a feather, half a pixel apart where that is no more than 128: 8-bit mattes show no steps."""

_FEWEST_STEPS = 6
_MOST_STEPS = 400


def coverage(polylines: Points | Sequence[Points], width: int, height: int) -> NDArray[np.float32]:
    """Return the (height, width) coverage, 0 to 1, of one closed polyline or of several painted over each other.

    Points may lie outside the picture. Where a polyline overlaps itself it counts once.
    """
    if isinstance(polylines, np.ndarray):
        return _coverage_of_one(np.asarray(polylines, float), width, height)
    painted = np.zeros((height, width), np.float32)
    for polyline in polylines:
        one = _coverage_of_one(np.asarray(polyline, float), width, height)
        painted += one - painted * one
    return painted


def render_shapes(roto: Roto, frame: int, offset: float = 0.0) -> NDArray[np.float32]:
    """Return the (height, width) matte that a host draws: shapes in list order, inverted ones cut, lifetimes hold.

    `offset` draws a little before or after the frame, in frames, the shapes that are there on the frame.

    Along a feather coverage falls on a straight line from the outline, where it is whole, to the feather outline, where
    it is nothing; a feather that points inwards makes it fall from there to the outline. Nuke draws the same with a
    falloff of 1, but for what it does where feathers cross.
    """
    width, height = roto.plate.width, roto.plate.height
    painted = np.zeros((height, width), np.float32)
    for shape in roto.shapes:
        if frame not in shape.lifetime:
            continue
        one = _coverage_of_shape(shape, frame + offset, width, height)
        if shape.invert:
            painted *= 1 - one
        else:
            painted += one - painted * one
    return painted


def _coverage_of_shape(shape: Shape, frame: float, width: int, height: int) -> NDArray[np.float32]:
    points = evaluate(shape, frame)
    feather = np.array([point.feather or (0.0, 0.0) for point in points])
    if not feather.any():
        return coverage(shape_polyline(shape, frame), width, height)
    inner = np.array([point[:6] for point in points], float)
    outer = inner + np.pad(
        feather, ((0, 0), (0, 4))
    )  # the feather outline has the tangents of the main one, as in Nuke
    steps = np.maximum(_steps(inner), _steps(outer))
    lines = [_polyline(controls, steps) for controls in (inner, outer)]
    if shape.layer is not None:
        lines = [placed(line, shape.layer, frame) for line in lines]
    return _between(lines[0], lines[1], width, height)


def _between(inner: Points, outer: Points, width: int, height: int) -> NDArray[np.float32]:
    """Return coverage that falls evenly from one outline to another: the mean of all outlines between the two."""
    painted = np.zeros((height, width), np.float32)
    both = np.vstack([inner, outer])
    left, top = (int(number) for number in np.clip(np.floor(both.min(axis=0)), 0, (width, height)))
    right, bottom = (int(number) for number in np.clip(np.ceil(both.max(axis=0)), 0, (width, height)))
    if right <= left or bottom <= top:
        return painted
    widest = float(np.linalg.norm(outer - inner, axis=1).max())
    count = int(np.clip(np.ceil(_LEVELS_A_PX * widest), _FEWEST_LEVELS, _MOST_LEVELS))
    for level in range(count):
        line = inner + (level + 0.5) / count * (outer - inner)
        painted[top:bottom, left:right] += coverage(line - (left, top), right - left, bottom - top)
    return painted / np.float32(count)


def shape_polyline(shape: Shape, frame: float) -> Points:
    """Return the outline on a frame, fractions allowed, as a fine polyline whose first point is not repeated."""
    polyline = bezier_polyline(_own_controls(shape, frame))
    return polyline if shape.layer is None else placed(polyline, shape.layer, frame)


def placed(positions: Points, layer: Layer, frame: float) -> Points:
    """Return where a layer puts positions (..., 2) on a frame."""
    place = placement(layer, frame)
    x, y = positions[..., 0], positions[..., 1]
    w = place.wx * x + place.wy * y + place.w0
    across = (place.xx * x + place.xy * y + place.x0) / w
    down = (place.yx * x + place.yy * y + place.y0) / w
    return np.stack([across, down], axis=-1)


def control_point_polyline(points: Sequence[ControlPoint]) -> Points:
    """Return a closed outline of control points as a fine polyline, for example to make a mask of an outline prompt."""
    return bezier_polyline(np.array([point[:6] for point in points], float))


def shape_controls(shape: Shape, frame: float) -> NDArray[np.float64]:
    """Return the interpolated points as (n, 6): x, y, in x, in y, out x, out y; held outside the keyframes.

    They are plate pixels: a shape on a layer is where the layer puts it. Under perspective the curves through them
    stray by `roto_shapes.layers.bend_px` from the outline that `shape_polyline` gives.
    """
    controls = _own_controls(shape, frame)
    if shape.layer is None:
        return controls
    tips = controls.reshape(-1, 3, 2).copy()
    tips[:, 1:] += tips[:, :1]
    tips = placed(tips, shape.layer, frame)
    tips[:, 1:] -= tips[:, :1]
    return tips.reshape(-1, 6)


def _own_controls(shape: Shape, frame: float) -> NDArray[np.float64]:
    frames = np.array([key.frame for key in shape.keyframes], float)
    values = np.array([[point[:6] for point in key.points] for key in shape.keyframes], float)
    if frame <= frames[0] or len(frames) == 1:
        first: NDArray[np.float64] = values[0]
        return first
    if frame >= frames[-1]:
        last: NDArray[np.float64] = values[-1]
        return last
    index = int(np.searchsorted(frames, frame, side="right")) - 1
    span = frames[index + 1] - frames[index]
    share = (frame - frames[index]) / span
    if shape.interpolation is Interpolation.LINEAR:
        between: NDArray[np.float64] = values[index] * (1 - share) + values[index + 1] * share
        return between
    slopes = smooth_slopes(frames, values)
    return _hermite(values[index : index + 2], slopes[index : index + 2] * span, share)


def smooth_slopes(frames: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slope per frame at each keyframe (first axis) under Nuke's default smooth interpolation.

    Inner slopes run through the neighbours, are zero at extremes and at most three times the flatter secant; end
    slopes let the curve leave without bending; two keyframes give a straight line.
    """
    steps = np.diff(frames).reshape(-1, *([1] * (values.ndim - 1)))
    secants = np.diff(values, axis=0) / steps
    if len(frames) == 2:  # noqa: PLR2004 - two keyframes have one secant
        return np.repeat(secants, 2, axis=0)
    before, after = secants[:-1], secants[1:]
    through = (values[2:] - values[:-2]) / (steps[1:] + steps[:-1])
    limit = 3 * np.minimum(np.abs(before), np.abs(after))
    inner = np.where(before * after <= 0, 0.0, np.clip(through, -limit, limit))
    first = (3 * secants[:1] - inner[:1]) / 2
    last = (3 * secants[-1:] - inner[-1:]) / 2
    return np.concatenate([first, inner, last])


def bezier_polyline(controls: NDArray[np.float64]) -> Points:
    """Return a closed cubic outline, controls (n, 6) as `shape_controls` gives them, as a fine polyline."""
    return _polyline(controls, _steps(controls))


def _polygons(controls: NDArray[np.float64]) -> tuple[Points, Points, Points, Points]:
    """Return where each segment starts, leaves to, arrives from and ends."""
    start = controls[:, :2]
    end = np.roll(start, -1, axis=0)
    return start, start + controls[:, 4:6], end + np.roll(controls[:, 2:4], -1, axis=0), end


def _steps(controls: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many straight pieces each segment is drawn with."""
    polygons = _polygons(controls)
    length = sum(np.linalg.norm(b - a, axis=1) for a, b in pairwise(polygons))
    return np.clip(np.ceil(np.asarray(length) / _STEP_PX), _FEWEST_STEPS, _MOST_STEPS).astype(np.int64)


def _polyline(controls: NDArray[np.float64], steps: NDArray[np.int64]) -> Points:
    start, leave, arrive, end = _polygons(controls)
    segment = np.repeat(np.arange(len(controls)), steps)
    within = np.arange(len(segment)) - np.repeat(np.cumsum(steps) - steps, steps)
    s = (within / steps[segment])[:, None]
    r = 1 - s
    curve: Points = (
        r**3 * start[segment] + 3 * r**2 * s * leave[segment] + 3 * r * s**2 * arrive[segment] + s**3 * end[segment]
    )
    return curve


def _hermite(values: NDArray[np.float64], slopes: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    s, r = share, 1 - share
    between: NDArray[np.float64] = (
        values[0] * (1 + 2 * s) * r**2 + values[1] * s**2 * (3 - 2 * s) + slopes[0] * s * r**2 - slopes[1] * s**2 * r
    )
    return between


def _coverage_of_one(polyline: Points, width: int, height: int) -> NDArray[np.float32]:
    """Accumulate signed areas of edges, split so that each piece lies in one pixel, and sum them along the rows."""
    edges = np.stack([polyline, np.roll(polyline, -1, axis=0)], axis=1)
    edges = _split(_clip_rows(edges, height), 1)
    # Left of the picture an edge counts in full for its whole row, right of it for nothing: only x is moved.
    edges[:, :, 0] = np.clip(edges[:, :, 0], -1, width + 1)
    edges = _split(edges, 0)
    middle = edges.mean(axis=1)
    rise = edges[:, 1, 1] - edges[:, 0, 1]
    row = np.clip(np.floor(middle[:, 1]).astype(int), 0, height - 1)
    column = np.clip(np.floor(middle[:, 0]).astype(int), 0, width)
    right_of = np.clip(column + 1 - middle[:, 0], 0, 1) * rise
    place = row * (width + 2) + column
    size = height * (width + 2)
    sums = np.bincount(place, right_of, size) + np.bincount(place + 1, rise - right_of, size)
    signed = np.cumsum(sums.reshape(height, width + 2), axis=1)[:, :width]
    return np.minimum(np.abs(signed), 1).astype(np.float32)


def _clip_rows(edges: NDArray[np.float64], height: int) -> NDArray[np.float64]:
    """Cut edges at the top and bottom of the picture and drop what lies outside; level edges cover nothing."""
    rise = edges[:, 1, 1] - edges[:, 0, 1]
    edges, rise = edges[rise != 0], rise[rise != 0]
    share = np.clip((np.array([0.0, height]) - edges[:, :1, 1]) / rise[:, None], 0, 1)
    share = np.sort(share, axis=1)
    run = edges[:, 1] - edges[:, 0]
    clipped = edges[:, :1] + share[:, :, None] * run[:, None]
    kept: NDArray[np.float64] = clipped[share[:, 1] > share[:, 0]]
    return kept


def _split(edges: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Split edges (n, 2, 2) wherever they cross a whole number on an axis."""
    start, end = edges[:, 0, axis], edges[:, 1, axis]
    low, high = np.minimum(start, end), np.maximum(start, end)
    first = np.floor(low) + 1
    count = np.maximum(np.ceil(high) - first, 0).astype(int)
    owner = np.repeat(np.arange(len(edges)), count + 1)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(count + 1) - count - 1, count + 1)
    span = np.where(high > low, high - low, 1)[owner]
    begin = np.where(number == 0, 0, (first[owner] + number - 1 - low[owner]) / span)
    stop = np.where(number == count[owner], 1, (first[owner] + number - low[owner]) / span)
    rising = (end >= start)[owner]
    shares = np.stack([np.where(rising, begin, 1 - stop), np.where(rising, stop, 1 - begin)], axis=1)
    run = (edges[:, 1] - edges[:, 0])[owner]
    pieces: NDArray[np.float64] = edges[owner, :1] + shares[:, :, None] * run[:, None]
    return pieces
