"""Keyframes: the few frames between which the host's own interpolation keeps the tolerance.

Keyframes are inserted where the error is worst, then removed and moved for as long as the error after a refit allows
it (Imai & Iri 1988; Lim & Thalmann 2001 judge without a refit and need more). Trials refit a few keyframes around the
change, so that the work grows with the number of frames and not with its square.

Under the smooth rule a keyframe moves what lies two keyframes off as well, and trials by present feet judge badly.
There keyframes are first looked for where the acceleration jumps, as it does at an animator's own smooth keyframes and
nowhere else, and judged by refits of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.ndimage import maximum_filter1d

from roto_daemon.fitting.correspondence import Floats
from roto_daemon.fitting.mixing import KeyRule, every_frame
from roto_daemon.fitting.solve import QUICK_BLURS_PX, ROUNDS, JointFit, arc_mean
from roto_shapes.shape import Interpolation

_AROUND = 2
"""Keyframes on each side of a change that a trial refits."""

_SPIKE = 3.0
"""A second time difference this many medians high is a frame where the motion breaks: the animator's own keyframe."""

_NO_DOUBT = 2.0
"""Without a keyframe the present feet may miss the tolerance this many times before new feet could not mend it: of 700
trials between 1 and 4 times on turning, noisy and smoothly keyed clips 4 were mended, all of them below 1.5."""

_CYCLES = 2
_INSIDE = 0.25
"""Share of a span from its ends within which errors count less when a keyframe is to be inserted."""

_MOST_ROUNDS = 64
"""Rounds of insertion; each bisects every span that is not good enough, so that this is never reached."""


_JUMP_ARC_PX = 36.0
"""Motion is averaged over so much arc before its acceleration is looked at: three times what decides."""

_MOST_JUMPS = 8
"""Jumps of the acceleration that are tried as keyframes; steady motion has none, and noise any number."""

_REFITS = 24
"""Refits of the whole clip for the sake of fewer smooth keyframes."""

_NEARLY = 2.0
"""Keyframes that miss the tolerance by this factor are moved by a frame before more of them are tried."""

_OVER_BEST = 0.5
"""Where even a keyframe on every frame misses the tolerance, fewer may add this many tolerances."""


@dataclass
class KeyframeSearch:
    """Searches keyframes (indices of frames, rising; the first and last frame always among them) for a fit."""

    fit: JointFit
    tolerance_px: float
    rounds: int = 0
    """Rounds in which a trial finds its feet anew; 0 judges by the present feet, quickly and with a bias for more."""
    rule: KeyRule = field(default_factory=KeyRule)
    """What is asked of the keyframes; those that it keeps are neither dropped nor moved."""

    def __post_init__(self) -> None:
        """Note what error is left with a keyframe on every frame: more of them cannot buy that off."""
        self._times = self.fit.matched.frames.astype(float)
        every = every_frame(len(self._times), self.rule.held)
        best = self.fit.solve(every)
        left = np.abs(self.fit.deciding_errors(best))
        self._tried: dict[tuple[tuple[int, ...], int], Floats] = {}
        self._allowance = np.maximum(left - _OVER_BEST * self.tolerance_px, 0)
        self._allowance[sorted(self.rule.still)] = np.inf
        self._quick = copy(self.fit)
        self._quick.blurs_px = QUICK_BLURS_PX
        self._refits = 0

    def search(self, known: Iterable[int] | None = None) -> list[int]:
        """Return the cheapest keyframes found from two starts: the known ones, and where the motion breaks besides.

        The ends alone are known where nothing is said.
        """
        last = len(self._times) - 1
        if last == 0:
            return [0]
        ends = {*([0, last] if known is None else known), *self.rule.kept}
        smooth = self.rule.interpolation is Interpolation.SMOOTH
        if smooth and (few := self._at_jumps(sorted(ends))):
            return self._thinned(few)
        starts = [sorted(ends)]
        breaks = set(self._breaks()) - self.rule.still
        if breaks:
            starts.append(sorted({*ends, *breaks}))
        found = [self.reduce(self.insert(start)) for start in starts]
        best = min(found, key=lambda keys: (len(keys), float(self.errors(keys).max())))
        return self._thinned(best) if smooth else best

    def errors(self, keys: list[int], frames: slice = slice(None), rounds: int | None = None) -> Floats:
        """Return (T,) the largest deciding error in px of each frame after a refit with some keyframes.

        What a keyframe on every frame leaves above the tolerance is taken off: only what keyframes can mend counts.
        """
        mixing = self.rule.window(self._times, keys, frames)
        rounds = self.rounds if rounds is None else rounds
        if rounds:
            window = self.fit.window(frames)
            window.refine(mixing, rounds)
            deciding = window.deciding_errors(window.controls)
        else:
            controls = mixing.apply(self._quick.solve(mixing, frames))
            deciding = self.fit.deciding_errors(controls, frames)
        worst: Floats = (np.abs(deciding) - self._allowance[frames]).max(axis=1)
        return worst

    def insert(self, keys: list[int], rounds: int = _MOST_ROUNDS) -> list[int]:
        """Return keyframes with more of them at the worst frame of each span until all frames hold the tolerance."""
        for _ in range(rounds):
            errors = self.errors(keys)
            if errors.max() <= self.tolerance_px:
                break
            new = {self._worst_between(errors, a, b) for a, b in pairwise(keys)}
            more = sorted(set(keys) | {frame for frame in new if frame is not None})
            if len(more) == len(keys):
                break
            keys = more
        return keys

    def mend(self, keys: list[int]) -> list[int]:
        """Return keyframes with one more in each span where the fit, as it stands, misses the tolerance."""
        errors: Floats = (np.abs(self.fit.deciding_errors(self.fit.controls)) - self._allowance).max(axis=1)
        new = {self._worst_between(errors, a, b) for a, b in pairwise(keys)}
        return sorted(set(keys) | {frame for frame in new if frame is not None})

    def reduce(self, keys: list[int]) -> list[int]:
        """Return fewer keyframes that still hold the tolerance, or the error that is left if that is larger."""
        for _ in range(_CYCLES):
            before = len(keys)
            keys = self._nudged(self._pruned(keys))
            keys = self._pruned(keys)
            if len(keys) == before:
                break
        return keys

    def _at_jumps(self, least: list[int]) -> list[int]:
        """Return the least keyframes and the fewest jumps of the acceleration that hold the tolerance; maybe none."""
        jumps = [frame for frame in self._jumps() if frame not in least]
        for count in range(len(jumps) + 1):
            few, error = self._moved_by_refits(sorted({*least, *jumps[:count]}))
            if error <= self.tolerance_px:
                return few
        return []

    def _thinned(self, keys: list[int]) -> list[int]:
        """Return keyframes without those that the tolerance does not need, each judged by a refit of the whole."""
        for key in self._least_needed(keys):
            fewer = [other for other in keys if other != key]
            if key not in self.rule.kept and self._whole_error(fewer) <= self.tolerance_px:
                keys = fewer
        return keys

    def _moved_by_refits(self, keys: list[int]) -> tuple[list[int], float]:
        """Return keyframes that nearly hold the tolerance, moved by a frame where that helps, and the largest error."""
        error = self._whole_error(keys)
        for key in keys[1:-1]:
            for moved in (key - 1, key + 1):
                if not self.tolerance_px < error <= _NEARLY * self.tolerance_px:
                    return keys, error
                trial = sorted({moved, *keys} - {key})
                if key not in self.rule.kept and len(trial) == len(keys) and (new := self._whole_error(trial)) < error:
                    keys, error = trial, new
                    break
        return keys, error

    def _whole_error(self, keys: list[int]) -> float:
        """Return the largest error after a refit of all frames; infinite once enough were refitted."""
        if self._refits == _REFITS:
            return np.inf
        self._refits += 1
        return float(self.errors(keys, rounds=ROUNDS).max())

    def _jumps(self) -> list[int]:
        """Return frames at which the acceleration along the normals jumps most, the most first.

        Between two smooth keyframes it changes evenly: what is no jump is taken off.
        """
        matched = self.fit.matched
        points, normals = matched.points, matched.normals
        if len(points) < 7:  # noqa: PLR2004 - a jump shows against two frames of even change on either side
            return []
        bend = np.sum((points[:-2] - 2 * points[1:-1] + points[2:]) * normals[1:-1], axis=-1)
        bend = arc_mean(bend, matched.visible[1:-1].astype(float), _JUMP_ARC_PX / matched.spacing_px)
        jump = np.sqrt(((2 * bend[3:-1] - 2 * bend[1:-3] + bend[:-4] - bend[4:]) ** 2).mean(axis=1))
        highest = maximum_filter1d(jump, 5, mode="constant")
        found = [int(place) for place in np.argsort(-jump, kind="stable") if jump[place] == highest[place]]
        return [place + 3 for place in found[:_MOST_JUMPS] if place + 3 not in self.rule.still]

    def _worst_between(self, errors: Floats, first: int, last: int) -> int | None:
        inner = errors[first : last + 1]
        if last - first < 2 or inner.max() <= self.tolerance_px:  # noqa: PLR2004 - neighbours have nothing between
            return None
        frames = np.arange(first + 1, last)
        # A long span pulls its own ends off, so that the worst frame stands beside a keyframe: look further inside.
        depth = np.minimum(frames - first, last - frames) / (last - first)
        return int(frames[np.argmax(errors[first + 1 : last] * np.minimum(depth, _INSIDE))])

    def _breaks(self) -> list[int]:
        """Return frames where the second time difference along the normals spikes."""
        points, normals = self.fit.matched.points, self.fit.matched.normals
        if len(points) < 5:  # noqa: PLR2004 - too few frames for a spike to stand out
            return []
        bend = np.sum((points[:-2] - 2 * points[1:-1] + points[2:]) * normals[1:-1], axis=-1)
        strength = np.sqrt((bend**2).mean(axis=1))
        high = strength > max(_SPIKE * float(np.median(strength)), 0.5 * self.tolerance_px)
        around = np.concatenate([[0.0], strength, [0.0]])
        peak = (strength >= around[:-2]) & (strength >= around[2:])
        return [int(frame) + 1 for frame in np.flatnonzero(high & peak)]

    def _pruned(self, keys: list[int]) -> list[int]:
        refused: set[int] = set()
        kept = self.rule.kept
        while True:
            order = [key for key in self._least_needed(keys) if key not in refused and key not in kept]
            if not order:
                return keys
            for key in order:
                fewer = [other for other in keys if other != key]
                if self._can_do_without(keys, fewer, key):
                    keys = fewer
                    refused = {
                        other for other in refused if abs(keys.index(other) - np.searchsorted(keys, key)) > _AROUND
                    }
                else:
                    refused.add(key)

    def _can_do_without(self, keys: list[int], fewer: list[int], key: int) -> bool:
        """Judge by the present feet where they leave no doubt, else by feet found anew."""
        error = self._local_error(fewer, key, 0)
        if error <= self.tolerance_px or error > _NO_DOUBT * self.tolerance_px:
            return error <= self.tolerance_px
        error = self._local_error(fewer, key, self.rounds)
        if error <= self.tolerance_px or self._local_error(keys, key, 0) <= self.tolerance_px:
            return error <= self.tolerance_px
        return error <= self._local_error(keys, key, self.rounds)

    def _least_needed(self, keys: list[int]) -> list[int]:
        """Return the inner keyframes, those first that lie nearest to the line between their neighbours."""
        if len(keys) < 3:  # noqa: PLR2004 - both ends stay
            return []
        position = self.fit.controls[np.array(keys)][..., :2]
        times = self._times[np.array(keys)]
        share = ((times[1:-1] - times[:-2]) / (times[2:] - times[:-2]))[:, None, None]
        apart = np.linalg.norm(position[1:-1] - (1 - share) * position[:-2] - share * position[2:], axis=-1).max(axis=1)
        return [keys[1 + int(number)] for number in np.argsort(apart, kind="stable")]

    def _nudged(self, keys: list[int]) -> list[int]:
        """Return keyframes moved by a frame or two wherever that lowers the error around them."""
        keys = list(keys)
        for number in range(1, len(keys) - 1):
            if keys[number] in self.rule.kept:
                continue
            best = self._local_error(keys, keys[number], 0)
            for step in (-1, 1, -2, 2):
                moved = keys[number] + step
                if not keys[number - 1] < moved < keys[number + 1]:
                    continue
                trial = [*keys[:number], moved, *keys[number + 1 :]]
                error = self._local_error(trial, moved, 0)
                if error < 0.98 * best:
                    best, keys = error, trial
        return keys

    def _local_error(self, keys: list[int], changed: int, rounds: int) -> float:
        """Return the worst error within a keyframe of a changed frame, refitting the keyframes around it alone."""
        place = int(np.searchsorted(keys, changed))
        near = keys[max(place - _AROUND, 0) : place + _AROUND + 1]
        frames = slice(near[0], near[-1] + 1)
        known = (tuple(near), rounds)
        errors = self._tried.get(known)
        if errors is None:
            errors = self._tried[known] = self.errors(near, frames, rounds)
        low = max(place - 1, 0)
        high = min(place + 1, len(keys) - 1)
        first, last = max(keys[low], near[0]) - near[0], min(keys[high], near[-1]) - near[0]
        return float(errors[first : last + 1].max())
