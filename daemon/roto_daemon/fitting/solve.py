"""The joint space-time least squares: one Bezier outline for all frames of a track.

Unknown are positions and tangents of the control points on keyframes alone. Every sample of every frame pulls along
its normal on the curve as the host interpolates it there (tangent distance, Wang, Pottmann & Liu 2006; one optimum over
space and time, Agarwala et al. 2004). Which point of the curve a sample belongs to (its foot) is found anew after each
solve. At a smooth knot the incoming tangent is -r times the outgoing one, with one ratio r for all keyframes: linear
interpolation then keeps the two collinear on every in-between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import copy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from roto_daemon.fitting.correspondence import Floats, Matched
from roto_daemon.fitting.curve import Knots, bernstein, bernstein_slope, end_tangents, first_handles
from roto_daemon.fitting.equations import Blocks, Solve, segment_sums
from roto_daemon.fitting.mixing import Mixing, mixed
from roto_shapes.shape import Interpolation

FIRST_PULL, KEYED_PULL = 1e-2, 3e-4
"""Weights of keeping a control point on its material point: weak, so that points may slide to save keyframes.

While each frame is fitted alone nothing else holds the points; later a few keyframes hold them for many frames, and
what a match is off along the outline, a pixel or two, must not bend motion that keyframes could express exactly: at
the first weight clips keyed by an animator asked for twice the keyframes.
"""

_HANDLE_PULL = 5e-4
"""Weight of drawing tangents to a third of their segment, per sample of the segment."""

_ASTRAY_PULL = 0.5
"""The same of a tangent that is longer than its chord or runs against the outline: more than samples pull, so
that the fit makes up for it elsewhere. What is cut off afterwards nothing makes up for."""

_OFF_PX, _OFF_PULL = 2.0, 0.05
"""How far beyond the nearest sample a control point is off the outline, and the weight that draws it back, per sample
round it. Ten times as much fought samples elsewhere; without, a point past an ear's tip went on by 50 px. Not for
points of a known shape, which may be off until they are fitted and must not slide to whatever is near."""

_ODD_ARC, _ODD_PULL = 0.5, 0.1
"""The same where samples stand this much denser or sparser than they began: a limb there comes or goes."""

_HIDDEN_PULL = 0.03
"""The same where mattes do not show the outline: it says little there and points would slide away. Stronger, at 0.5,
it held points back that slide to save keyframes: an object that others cross for half a clip asked for seven, not two.
"""

_HIDDEN_WEIGHT = 0.1
_HIDDEN_ERROR = 0.1
"""Share of an error outside the plate that counts: the outline may be coarse there, but not swing back into view."""

_ROBUST_PX = 8.0
"""Residuals far above this count little: a limb that was matched wrongly shall not bend the rest."""

_CORNER_WEIGHT = 3.0
_CORNER_TURN, _LEAST_CORNER = np.radians(30.0), 0.05
"""Where a corner turns less than this its place along the outline says little."""

_RATIO_RANGE = (0.05, 20.0)
DECIDING_ARC_PX = 12.0
"""Residuals are averaged over this much arc before they decide about keyframes: pixel noise buys none."""

_ALONE = 1.5
"""A single frame's error counts this many times less than one that lasts: as much less as a median takes off noise."""

_STRAY_PX = 0.3
"""A sample this far from wherever its neighbours in time expect it strays."""

_FEWEST_TOLD = 5
"""Frames that are looked at to tell whether the middle one strays."""

_FARTHEST_FOOT_STEP = 0.25

_WIDEST = 4
"""Keyframes that a frame is a mixture of at most: two on each side under the smooth rule."""

QUICK_BLURS_PX, BLURS_PX = (1.0, 0.0), (32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.0, 0.0, 0.0)
"""Blurs of the slopes that the smooth rule holds back, in further solves in which these settle. With keyframes where
the animator had them, three clips came within the tolerance with so many; from 4 px on, or with half the draws, one of
them stayed at four tolerances, and so it did without blur."""

_STEPS = (1.0, 0.5, 0.25, 0.12, 0.06, 0.03)
"""Shares of a solve's step that are tried."""

_RUNAWAY = 1.1
"""A round that raises the mean over frames of the largest error by this factor ends the alternation."""

FEWEST_KNOTS = 4
ROUNDS = 5
"""Rounds of solving and finding feet that a fit takes to settle."""

_BY_FRAME = ("controls", "feet", "_arcs", "_pulls", "_onward", "_steady", "_rows", "_goal", "_segment")
_STATE = ("controls", "feet", "ratio", "_segment", "_rows", "_goal", "_sums")

_CHUNK = 64
"""Frames handled at once, to bound memory."""


@dataclass
class JointFit:
    """The state of the fit of one track with given knots: feet, ratios, and the sums that a solve needs.

    Controls are (T, N, 6) for every frame: x, y, in x, in y, out x, out y, tangents as offsets.
    """

    matched: Matched
    knots: Knots
    controls: Floats = field(init=False)
    ratio: Floats = field(init=False)
    feet: Floats = field(init=False)
    """(T, M) segment number plus parameter of the foot of each sample; may run past the last segment."""
    home: Floats = field(init=False)
    """(M,) the feet at the start: the material place of each sample."""
    pull: float = field(default=FIRST_PULL, init=False)
    """Weight of keeping points on their material point at the next `gather`; FIRST_PULL or KEYED_PULL."""
    blurs_px: tuple[float, ...] = BLURS_PX
    """In which rounds slopes settle that are held back."""
    deciding_px: float = DECIDING_ARC_PX
    """How much arc residuals are averaged over before they decide; more where mattes are noisy."""
    _sums: tuple[Floats, Floats] | None = field(default=None, init=False)
    _off_pull: float = field(default=_OFF_PULL, init=False)

    def __post_init__(self) -> None:
        """Start from the outline itself: knots on their samples, tangents as they fit each frame alone."""
        points, at = self.matched.points, self.knots.at
        frames, samples = points.shape[:2]
        steps = np.linalg.norm(np.roll(points, -1, axis=1) - points, axis=-1)
        along = np.concatenate(
            [np.zeros((frames, 1)), np.cumsum(np.concatenate([steps, steps], axis=1), axis=1)], axis=1
        )
        ends = np.append(at[1:], at[0] + samples)
        into, out = first_handles(self.matched, self.knots)
        self.controls = np.concatenate([points[:, at], into, out], axis=-1)
        lengths = [np.maximum(np.median(np.linalg.norm(each, axis=-1), axis=0), 1e-3) for each in (into, out)]
        self.ratio = np.clip(lengths[0] / lengths[1], *_RATIO_RANGE)
        self.feet = self._feet_by_arc(along, ends)
        self.home = np.median(self.feet, axis=0)
        self._arcs = np.clip(self.matched.arcs, 0.05, 3.0)
        arcs = self.matched.arcs
        odd = (arcs < _ODD_ARC) | (arcs > 1 / _ODD_ARC)
        self._pulls = np.where(self.matched.visible, np.where(odd, _ODD_PULL, 0.0), _HIDDEN_PULL)
        self._steady = steady_samples(self.matched, max(round(self.deciding_px / self.matched.spacing_px / 2), 1))
        self._layout()
        arrive, leave = end_tangents(self.matched, np.arange(frames))
        self._onward = np.concatenate([leave[:, at], arrive[:, at[self._ahead]]], axis=-1)
        self.gather()

    def start_from(self, controls: Floats, ratio: Floats, home: Floats) -> None:
        """Go on from known controls (T, N, 6), ratios (N,) and material places (M,) of the samples."""
        self.controls, self.ratio, self.home = controls, np.clip(ratio, *_RATIO_RANGE), home
        self.feet = np.repeat(home[None], len(controls), axis=0)
        self.pull, self._off_pull = KEYED_PULL, 0.0
        self.move_feet()
        self.gather()

    def _feet_by_arc(self, along: Floats, ends: NDArray[np.int64]) -> Floats:
        samples, at = self.matched.points.shape[1], self.knots.at
        number = np.arange(samples)
        segment = (np.searchsorted(at, number, side="right") - 1) % len(at)
        unrolled = np.where(number < at[0], number + samples, number)
        begin, stop = along[:, at[segment]], along[:, ends[segment]]
        feet: Floats = segment.astype(float) + np.clip(
            (along[:, unrolled] - begin) / np.maximum(stop - begin, 1e-6), 0, 1
        )
        return feet

    def _layout(self) -> None:
        """Give each unknown of one frame a number: positions, outgoing tangents, and incoming ones at corners."""
        count = len(self.knots.at)
        self._position = np.arange(2 * count).reshape(count, 2)
        self._out = 2 * count + self._position
        self._in = self._out.copy()
        corners = np.flatnonzero(self.knots.corner)
        self._in[corners] = 4 * count + np.arange(2 * len(corners)).reshape(-1, 2)
        self.unknowns = 4 * count + 2 * len(corners)
        ahead = np.roll(np.arange(count), -1)
        self._columns = np.concatenate([self._position, self._out, self._in[ahead], self._position[ahead]], axis=1)
        self._smooth_ahead = ~self.knots.corner[ahead]
        self._ahead = ahead
        self._blocks = Blocks(self._columns, self.unknowns)

    def _scales(self) -> Floats:
        """Return (N, 8): what each segment's own numbers are multiples of the unknowns by."""
        scales = np.ones((len(self.knots.at), 8))
        scales[self._smooth_ahead, 4:6] = -self.ratio[self._ahead[self._smooth_ahead], None]
        return scales

    def without(self, gone: Collection[int]) -> JointFit:
        """Return the fit less some knots, its feet on the longer segments: to be refined, which then takes few rounds.

        Longer segments get tangents as much longer.
        """
        count = len(self.knots.at)
        kept = np.setdiff1d(np.arange(count), list(gone))
        knots = Knots(self.knots.at[kept], self.knots.corner[kept])
        fewer = JointFit(self.matched, knots, blurs_px=self.blurs_px, deciding_px=self.deciding_px)
        fewer.pull = self.pull
        out, into = self.controls[..., 4:6], self.controls[:, self._ahead, 2:4]
        chord = self.controls[:, self._ahead, :2] - self.controls[..., :2]
        polygon = [np.linalg.norm(each, axis=-1) for each in (out, into, chord - out + into, chord)]
        lengths = np.maximum(np.sum(polygon, axis=0) / 2, 1e-6)
        ends = np.concatenate([np.zeros((len(lengths), 1)), np.cumsum(lengths, axis=1)], axis=1)
        starts, whole = ends[:, kept], ends[:, -1:]
        spans = np.concatenate([starts[:, 1:], starts[:, :1] + whole], axis=1) - starts
        segment = np.floor(self.feet).astype(np.int64) % count
        number = np.searchsorted(kept, segment, side="right") - 1
        along = _picked(ends, segment) + self.feet % 1 * _picked(lengths, segment) + whole * (number < 0)
        number %= len(kept)
        fewer.feet = number + (along - _picked(starts, number)) / _picked(spans, number)
        fewer.controls = self.controls[:, kept].copy()
        further = spans / lengths[:, kept], np.roll(spans, 1, axis=1) / lengths[:, kept - 1]
        fewer.controls[..., 4:6] *= further[0][..., None]
        fewer.controls[..., 2:4] *= further[1][..., None]
        fewer.ratio = np.clip(self.ratio[kept] * np.median(further[1] / further[0], axis=0), *_RATIO_RANGE)
        fewer.gather()
        return fewer

    def window(self, frames: NDArray[np.int64] | slice) -> JointFit:
        """Return the fit of a part of the clip, as if it were alone, with its present feet, ratios and controls."""
        part = copy(self)
        part.matched = self.matched.part(frames)
        left, right = self._summed()
        own = {name: getattr(self, name)[frames] for name in _BY_FRAME}
        vars(part).update(own, _sums=(left[frames], right[frames]))
        return part

    def gather(self) -> None:
        """Take the present feet, ratios and controls for what is solved and judged next."""
        normals = self.matched.normals
        self._segment, self._rows = self._rows_of(self.feet, normals)
        self._goal = np.sum(normals * self.matched.points, axis=-1)
        self._sums = None

    def _summed(self) -> tuple[Floats, Floats]:
        """Return the normal equations of each frame and segment, (T, N, 8, 8) and (T, N, 8), as last gathered."""
        if self._sums is None:
            parts = [self._sums_of(slice(first, first + _CHUNK)) for first in range(0, len(self.feet), _CHUNK)]
            self._sums = np.concatenate([left for left, _ in parts]), np.concatenate([right for _, right in parts])
        return self._sums

    def _sums_of(self, chunk: slice) -> tuple[Floats, Floats]:
        points, feet = self.matched.points[chunk], self.feet[chunk]
        segment, rows, goal = self._segment[chunk], self._rows[chunk], self._goal[chunk]
        residual = goal - np.einsum("tma,tma->tm", rows, self._values(self.controls[chunk], segment))
        weight = self._weights(residual, self.matched.visible[chunk]) * self._arcs[chunk]
        count = len(self.knots.at)
        left, right = segment_sums(segment, rows, goal, weight, count)
        home = np.broadcast_to(self.home, feet.shape)
        tangents = self.matched.tangents[chunk]
        at_home, pulls = self._rows_of(home, tangents)
        pull = np.maximum(self._pulls[chunk], self.pull)
        sums = segment_sums(at_home, pulls, np.sum(tangents * points, axis=-1), pull * weight, count)
        extra = self._handle_sums(self.controls[chunk], segment, self._onward[chunk])
        corner = self._corner_sums(points, self._onward[chunk])
        left, right = left + sums[0] + extra[0] + corner[0], right + sums[1] + extra[1] + corner[1]
        self._hold_strays(left, right, self.controls[chunk, :, :2], points)
        return left, right

    def _hold_strays(self, left: Floats, right: Floats, position: Floats, points: Floats) -> None:
        """Draw control points that left the outline (T, M, 2) back to it: past the tip of a limb no sample does."""
        samples, every = points.shape[1], np.arange(len(points))
        reach = _OFF_PX + self.matched.spacing_px / 2
        for knot in range(len(self.knots.at)):
            first, last = self.knots.at[knot - 1], self.knots.at[self._ahead[knot]]
            near = points[:, (first + np.arange((last - first) % samples or samples)) % samples]
            apart = np.linalg.norm(near - position[:, knot, None], axis=-1)
            nearest = apart.argmin(axis=1)
            weight = self._off_pull * near.shape[1] * (apart[every, nearest] > reach)
            left[:, knot, 0, 0] += weight
            left[:, knot, 1, 1] += weight
            right[:, knot, :2] += weight[:, None] * near[every, nearest]

    def _rows_of(self, feet: Floats, directions: Floats) -> tuple[NDArray[np.int64], Floats]:
        count = len(self.knots.at)
        whole = np.floor(feet)
        b = bernstein(feet - whole)
        weights = np.stack([b[..., 0] + b[..., 1], b[..., 1], b[..., 2], b[..., 2] + b[..., 3]], axis=-1)
        rows = weights[..., :, None] * directions[..., None, :]
        return whole.astype(np.int64) % count, rows.reshape(*feet.shape, 8)

    def _weights(self, residual: Floats, shown: NDArray[np.bool_]) -> Floats:
        reach = max(_ROBUST_PX, 4 * float(np.median(np.abs(residual))))
        robust: Floats = 1 / (1 + (residual / reach) ** 2) ** 2
        return robust * np.where(shown, 1.0, _HIDDEN_WEIGHT)

    def _handle_sums(self, controls: Floats, segment: NDArray[np.int64], onward: Floats) -> tuple[Floats, Floats]:
        """Draw tangent lengths, measured along their present directions, to a third of their segment.

        Those that run against the outline, which leaves and reaches segments along `onward` (T, N, 4), are drawn round,
        and those longer than their chord back to it.
        """
        frames, count = controls.shape[:2]
        own = np.stack([np.bincount(one, minlength=count) for one in segment])
        out, into = controls[..., 4:6], controls[:, self._ahead, 2:4]
        chord = controls[:, self._ahead, :2] - controls[..., :2]
        polygon = (
            np.linalg.norm(out, axis=-1) + np.linalg.norm(into, axis=-1) + np.linalg.norm(chord - out + into, axis=-1)
        )
        straight = np.linalg.norm(chord, axis=-1)
        third = (polygon + straight) / 6
        left, right = np.zeros((frames, count, 8, 8)), np.zeros((frames, count, 8))
        weight = _HANDLE_PULL * np.maximum(own, 1)
        for first, handle, along in ((2, out, onward[..., :2]), (4, into, -onward[..., 2:])):
            place = slice(first, first + 2)
            length = np.maximum(np.linalg.norm(handle, axis=-1, keepdims=True), 1e-3)
            direction = handle / length
            pull = direction[..., :, None] * direction[..., None, :] + 0.05 * np.eye(2)
            left[..., place, place] += weight[..., None, None] * pull
            right[..., place] += weight[..., None] * (third[..., None] * direction + 0.05 * handle)
            against = np.sum(handle * along, axis=-1) < 0
            astray = (_ASTRAY_PULL * np.maximum(own, 1) * (against | (length[..., 0] > straight)))[..., None]
            aim = np.where(against[..., None], along * straight[..., None] / 3, direction * straight[..., None])
            left[..., place, place] += astray[..., None] * np.eye(2)
            right[..., place] += astray * aim
        return left, right

    def _corner_sums(self, points: Floats, onward: Floats) -> tuple[Floats, Floats]:
        """Tie corners to their apex in both directions, else they slide and loops appear; less where they open."""
        frames, count = points.shape[0], len(self.knots.at)
        left, right = np.zeros((frames, count, 8, 8)), np.zeros((frames, count, 8))
        corners = np.flatnonzero(self.knots.corner)
        arrive, leave = onward[:, corners - 1, 2:], onward[:, corners, :2]
        turn = np.arccos(np.clip(np.sum(arrive * leave, axis=-1), -1, 1))
        weight = _CORNER_WEIGHT * np.clip(turn / _CORNER_TURN, _LEAST_CORNER, 1) ** 2
        left[:, corners, 0, 0] = left[:, corners, 1, 1] = weight
        right[:, corners, :2] = weight[..., None] * points[:, self.knots.at[corners]]
        return left, right

    def solve(self, mixing: Mixing, frames: slice = slice(None)) -> Floats:
        """Return the best controls (K, N, 6) on keyframes that make the frames as `mixing` says.

        Held keyframes come back as they are. `frames` solves a part of the clip as if it were alone.
        """
        weights, free = mixing.weights, mixing.free
        keyed = mixing.with_held(np.zeros((len(free), len(self.knots.at), 6)))
        if not free.any():
            return keyed
        known = mixed(weights[:, ~free], keyed[~free]) if not free.all() else None
        keyed[free] = self.expand(self._system(weights[:, free], frames).solve(known))
        if mixing.interpolation is Interpolation.LINEAR or len(free) < 3:  # noqa: PLR2004 - two make a line
            return keyed
        return self._held_back(mixing, keyed, frames)

    def _held_back(self, mixing: Mixing, keyed: Floats, frames: slice) -> Floats:
        """Return better controls on keyframes than the best with no slope held back, by steps that lower the cost.

        Which slopes are held back depends on the controls: where that changes there are corners in the cost, at which
        steps by one side's slopes stick, several times above what the keyframes can do. Slopes blurred over many px
        lead past them, less and less blurred ones to the best place nearby.
        """
        free = mixing.free
        present = mixing.with_held(self.controls[frames][list(mixing.keys)])
        best, least = min(
            ((start, self._cost(mixing.apply(start), frames)) for start in (keyed, present)), key=lambda one: one[1]
        )
        for blur_px in self.blurs_px:
            step = np.zeros_like(best)
            weights = mixing.weights_at(best, blur_px)
            step[free] = self.expand(self._solve_held_back(weights, free, best, frames)) - best[free]
            for share in _STEPS:
                trial = best + share * step
                cost = self._cost(mixing.apply(trial), frames)
                if cost < least:
                    best, least = trial, cost
                    break
        return best

    def _cost(self, controls: Floats, frames: slice) -> float:
        """Return what the sums of the frames make of controls (T, N, 6), less what no controls can change."""
        local = self._local(controls)
        left, right = (each[frames] for each in self._summed())
        return float(np.sum(local * (np.einsum("tnab,tnb->tna", left, local) - 2 * right)))

    def _solve_held_back(self, weights: Floats, free: NDArray[np.bool_], keyed: Floats, frames: slice) -> Floats:
        """Return the unknowns (K, D) of free keyframes for weights (T, K, N, 6) that differ from number to number."""
        scales = self._scales()
        left, right = (each[frames] for each in self._summed())
        if not free.all():
            known = np.einsum("tknc,knc->tnc", weights[:, ~free], keyed[~free])
            right = right - np.einsum("tnab,tnb->tna", left, self._local(known))
        some = weights[:, free]
        local = self._local(some.reshape(-1, *some.shape[2:])).reshape(*some.shape[:3], 8)
        keys = local.shape[1]
        bands = []
        for apart in range(min(_WIDEST, keys)):
            band = [
                np.einsum("tna,tnb,tnab->nab", local[used, key], local[used, key + apart], left[used])
                if (used := (local[:, key] != 0).any(axis=(1, 2)) & (local[:, key + apart] != 0).any(axis=(1, 2))).any()
                else np.zeros_like(left[0])
                for key in range(keys - apart)
            ]
            bands.append(np.array(band) * scales[:, :, None] * scales[:, None, :])
        places = np.arange(keys)[:, None, None] * self.unknowns + self._columns
        goals = np.einsum("tkna,tna->kna", local, right) * scales
        goal = np.bincount(places.ravel(), goals.ravel(), keys * self.unknowns).astype(float)
        solved: Floats = self._blocks.factored(bands)(goal)
        return solved.reshape(keys, self.unknowns)

    def _system(self, weights: Floats, frames: slice) -> _System:
        """Return the normal equations of keyframes whose weights (T, K) make the frames."""
        keys = weights.shape[1]
        scales = self._scales()
        left, right = (each[frames] for each in self._summed())
        both = scales[:, :, None] * scales[:, None, :]
        shared = [weights[:, : keys - apart] * weights[:, apart:] for apart in range(min(_WIDEST, keys))]
        shared = shared[: 1 + max(apart for apart, each in enumerate(shared) if apart == 0 or each.any())]
        sums = mixed(np.concatenate(shared, axis=1).T, left) * both
        ends = np.cumsum([each.shape[1] for each in shared])
        bands = np.split(sums, ends[:-1])
        places = np.arange(keys)[:, None, None] * self.unknowns + self._columns
        return _System(weights, scales, left, right, places, self._blocks.factored(bands), self._local)

    def expand(self, unknowns: Floats) -> Floats:
        """Return controls (..., N, 6) from unknowns (..., D)."""
        position, out = unknowns[..., self._position], unknowns[..., self._out]
        into = np.where(self.knots.corner[:, None], unknowns[..., self._in], -self.ratio[:, None] * out)
        return np.concatenate([position, into, out], axis=-1)

    def _local(self, controls: Floats) -> Floats:
        """Return (T, N, 8): each segment's own numbers, that rows and sums multiply."""
        return np.concatenate(
            [controls[..., :2], controls[..., 4:6], controls[:, self._ahead, 2:4], controls[:, self._ahead, :2]],
            axis=-1,
        )

    def _values(self, controls: Floats, segment: NDArray[np.int64]) -> Floats:
        """Return (T, M, 8): the segment's numbers that each sample's row multiplies."""
        picked: Floats = np.take_along_axis(self._local(controls), segment[..., None], axis=1)
        return picked

    def deciding_errors(self, controls: Floats, frames: slice = slice(None)) -> Floats:
        """Return (T, M): signed distances from the curve to the samples for the present feet, as they decide.

        They are px on the plate, whatever enlarges the samples there.
        """
        values = self._values(controls, self._segment[frames])
        residuals = self._goal[frames] - np.einsum("tma,tma->tm", self._rows[frames], values)
        residuals *= np.where(self.matched.visible[frames], 1.0, _HIDDEN_ERROR)
        if self.matched.enlarged is not None:
            residuals *= self.matched.enlarged[frames]
        samples = self.deciding_px / self.matched.spacing_px
        return deciding_errors(residuals, self._arcs[frames], samples, self._steady[frames])

    def move_feet(self) -> None:
        """Find the feet anew on the present controls, by Newton's steps along the curve."""
        count = len(self.knots.at)
        moved = self.feet.copy()
        for first in range(0, len(moved), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            controls, points, feet = self.controls[chunk], self.matched.points[chunk], moved[chunk]
            for _ in range(2):
                whole = np.floor(feet)
                local = self._values(controls, whole.astype(np.int64) % count).reshape(*feet.shape, 4, 2)
                local[..., 1, :] += local[..., 0, :]
                local[..., 2, :] += local[..., 3, :]
                curve = np.einsum("tmb,tmbd->tmd", bernstein(feet - whole), local)
                slope = np.einsum("tmb,tmbd->tmd", bernstein_slope(feet - whole), local)
                speed = np.maximum(np.sum(slope * slope, axis=-1), 1.0)
                step = np.sum((points - curve) * slope, axis=-1) / speed
                feet = feet + np.clip(step, -_FARTHEST_FOOT_STEP, _FARTHEST_FOOT_STEP)
            moved[chunk] = feet
        self.feet = moved
        self._hold_corners()

    def _hold_corners(self) -> None:
        """Keep samples on their own side of a corner: a foot that slips round it would pull the apex off."""
        corners = np.flatnonzero(self.knots.corner)
        count = len(self.knots.at)
        for corner in corners:
            offset = (self.feet - corner + count / 2) % count - count / 2
            home = (self.home - corner + count / 2) % count - count / 2
            near = np.abs(home) < 1
            held = np.where(home >= 0, np.maximum(offset, 0), np.minimum(offset, -1e-6))
            self.feet[:, near] += (held - offset)[:, near]

    def move_ratios(self) -> None:
        """Set each smooth knot's ratio to the best for the present controls: its residuals with all else fixed."""
        count = len(self.knots.at)
        left, right = self._summed()
        values = self._local(self.controls)
        slope = right - np.einsum("tnab,tnb->tna", left, values)
        direction = -self.controls[:, self._ahead, 4:6]
        gain = np.einsum("tna,tna->n", slope[..., 4:6], direction)
        curvature = np.einsum("tna,tnab,tnb->n", direction, left[..., 4:6, 4:6], direction)
        change = np.zeros(count)
        change[self._ahead] = gain / np.maximum(curvature, 1e-6)
        self.ratio = np.clip(self.ratio + np.clip(change, -0.5 * self.ratio, self.ratio), *_RATIO_RANGE)

    def refine(self, mixing: Mixing, rounds: int) -> float:
        """Alternate solving, feet and ratios while that helps; return the largest deciding error of the best state."""
        best, reached = np.inf, np.inf
        kept = self._state()
        for number in range(rounds):
            self.controls = mixing.apply(self.solve(mixing))
            self.move_feet()
            self.gather()
            errors = np.abs(self.deciding_errors(self.controls)).max(axis=1)
            score = float(errors.mean())
            if score > _RUNAWAY * best:
                break
            if score < best:
                best, reached = score, float(errors.max())
                kept = self._state()
            if number < rounds - 1:
                self.move_ratios()
        vars(self).update(kept)
        return reached

    def _state(self) -> dict[str, object]:
        """Return what a round changes; none of it is changed in place."""
        return {name: getattr(self, name) for name in _STATE}


def deciding_errors(residuals: Floats, weight: Floats, samples: float, steady: NDArray[np.bool_]) -> Floats:
    """Return residuals (T, M) as they decide: the mean over some samples of arc, then the median of three frames.

    Single-frame mask errors and pixel noise buy no keyframe; systematic drift does. What is off on a single frame where
    the outline itself is `steady` is no mask error, and decides too as far as noise is not taken for it.
    """
    mean = arc_mean(residuals, weight, samples)
    if len(mean) < 3:  # noqa: PLR2004 - no three frames to take a median of
        return mean
    ahead, behind = np.vstack([mean[1:], mean[-1:]]), np.vstack([mean[:1], mean[:-1]])
    middle = np.maximum(np.minimum(mean, ahead), np.minimum(np.maximum(mean, ahead), behind))
    # Between two frames that err at one place a good frame is no third.
    middle = np.clip(middle, -np.abs(mean), np.abs(mean))
    alone = np.where(steady, mean / _ALONE, 0.0)
    decided: Floats = np.where(np.abs(alone) > np.abs(middle), alone, middle)
    return decided


def steady_samples(matched: Matched, reach: int) -> NDArray[np.bool_]:
    """Say which samples (T, M) lie where they were heading, where they came from, or half-way between their neighbours.

    A motion that breaks passes through one of these places or between them, a mask error of one frame does not. Samples
    near one that strays stray too, and on the first and last two frames nothing can be told.
    """
    points, normals = matched.points, matched.normals
    steady = np.zeros(points.shape[:2], bool)
    if len(points) < _FEWEST_TOLD:
        return steady
    here, before, after = points[2:-2], points[1:-3], points[3:-1]
    expected = [2 * before - points[:-4], 2 * after - points[4:], (before + after) / 2]
    off = np.stack([np.sum((place - here) * normals[2:-2], axis=-1) for place in expected])
    strays = (off.min(axis=0) > _STRAY_PX) | (off.max(axis=0) < -_STRAY_PX)
    # A frame that errs spoils what is expected of the two on either side.
    near = maximum_filter1d(maximum_filter1d(strays, _FEWEST_TOLD, axis=0), 2 * reach + 1, axis=1, mode="wrap")
    steady[2:-2] = ~near
    return steady


def _picked(values: Floats, numbers: NDArray[np.int64]) -> Floats:
    """Return (T, M): for each frame those of its values that have the numbers."""
    picked: Floats = np.take_along_axis(values, numbers, axis=1)
    return picked


def arc_mean(values: Floats, weight: Floats, samples: float) -> Floats:
    """Return weighted means of (T, M) values over some samples of arc round each."""
    width = max(round(samples), 1)
    total, share = (_running_sum(each, width) for each in (values * weight, weight))
    mean: Floats = total / np.maximum(share, 1e-9)
    return mean


def _running_sum(values: Floats, width: int) -> Floats:
    """Return the sums over a window round each sample, cyclic along the outline."""
    before = width // 2
    wrapped = np.concatenate([values[:, values.shape[1] - before :], values, values[:, : width - before]], axis=1)
    sums = np.cumsum(np.concatenate([np.zeros((len(values), 1)), wrapped], axis=1), axis=1)
    running: Floats = sums[:, width : width + values.shape[1]] - sums[:, : values.shape[1]]
    return running


@dataclass(frozen=True)
class _System:
    """Factored normal equations of some keyframes, for any part of the frames that is known already."""

    weights: Floats
    scales: Floats
    left: Floats
    right: Floats
    places: NDArray[np.signedinteger]
    factored: Solve
    local: Callable[[Floats], Floats]

    def solve(self, known: Floats | None) -> Floats:
        """Return the unknowns (K, D) when controls `known` (T, N, 6) are added to every frame."""
        right = self.right if known is None else self.right - np.einsum("tnab,tnb->tna", self.left, self.local(known))
        goals = mixed(self.weights.T, right) * self.scales
        keys, size = len(goals), int(self.places.max()) + 1
        goal = np.bincount(self.places.ravel(), goals.ravel(), size).astype(float)
        solved = self.factored(goal)
        return solved.reshape(keys, size // keys)
