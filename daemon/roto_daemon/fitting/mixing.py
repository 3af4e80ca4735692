"""How keyframes make the frames between them: weights of each keyframe, under the rule that a host interpolates by.

Linear interpolation is a mixture of the two neighbours. Nuke's smooth rule is a mixture of up to four keyframes,
except where it holds a slope back at an extreme or beside a flat interval: that depends on the values. `weights`
leave this out, so that a least squares stays linear; `apply` never does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from roto_daemon.fitting.correspondence import Floats
from roto_daemon.fitting.raster import smooth_slopes
from roto_shapes.shape import Interpolation

_DRAWS = 8
"""Neighbouring values that blurred weights are the mean of."""


@dataclass(frozen=True)
class Mixing:
    """Frames as mixtures of keyframes. Keyframes are rising indices into the frames."""

    times: Floats
    """(T,) frame numbers."""
    keys: tuple[int, ...]
    interpolation: Interpolation = Interpolation.LINEAR
    held: dict[int, Floats] = field(default_factory=dict)
    """Controls (N, 6) of keyframes that must not change, by index; those that are no keyframes have no say."""

    @property
    def weights(self) -> Floats:
        """Return (T, K): how much of each keyframe each frame is, with no slope held back."""
        return self._interpolated(np.eye(len(self.keys)), held_back=False)

    @property
    def free(self) -> NDArray[np.bool_]:
        """Return (K,) which keyframes may change."""
        return np.array([key not in self.held for key in self.keys])

    def apply(self, keyed: Floats) -> Floats:
        """Return (T, ...) what a host shows on each frame for (K, ...) values on keyframes; held outside them."""
        return self._interpolated(keyed, held_back=True)

    def at(self, frames: NDArray[np.int64]) -> Mixing:
        """Return the same for some of the frames, given as rising indices; the keyframes must be among them."""
        number = {int(frame): place for place, frame in enumerate(frames)}
        held = {number[key]: controls for key, controls in self.held.items() if key in number}
        return Mixing(self.times[frames], tuple(number[key] for key in self.keys), self.interpolation, held)

    def weights_at(self, keyed: Floats, blur_px: float = 0.0) -> Floats:
        """Return (T, K, ...): how much of each keyframe each number of each frame is, slopes held back as they are.

        `apply(keyed)` is the mixture of `keyed` by these: the rule is linear as long as the same slopes are held back.
        With a blur they are the mean over values within about so many px: which slopes are held back then tells what
        happens near the values too, and least squares by them do not stick where that changes.
        """
        known = self.times[np.array(self.keys)]
        slopes = _slope_weights(known, keyed)
        if blur_px:
            near = np.random.default_rng(0).normal(0, blur_px, (_DRAWS, *keyed.shape))
            slopes = np.mean([_slope_weights(known, keyed + offset) for offset in near], axis=0)
        ones = (1,) * (keyed.ndim - 1)
        identity = np.broadcast_to(np.eye(len(known)).reshape(len(known), len(known), *ones), slopes.shape)
        return self._between(known, identity, slopes)

    def with_held(self, keyed: Floats) -> Floats:
        """Return (K, N, 6) controls on keyframes with the held ones in their places."""
        whole = keyed.copy()
        for number, key in enumerate(self.keys):
            if key in self.held:
                whole[number] = self.held[key]
        return whole

    def _interpolated(self, keyed: Floats, *, held_back: bool) -> Floats:
        known = self.times[np.array(self.keys)]
        if len(known) == 1:
            return np.repeat(keyed, len(self.times), axis=0)
        if self.interpolation is Interpolation.LINEAR:
            number, s, _ = self._places(known, keyed.ndim)
            linear: Floats = (1 - s) * keyed[number] + s * keyed[number + 1]
            return linear
        slopes = smooth_slopes(known, keyed) if held_back else _plain_slopes(known, keyed)
        return self._between(known, keyed, slopes)

    def _places(self, known: Floats, dimensions: int) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Return for each frame the keyframe before it, how far it is to the next one, 0 to 1, and how far that is."""
        number = np.clip(np.searchsorted(known, self.times, side="right") - 1, 0, len(known) - 2)
        span = (known[number + 1] - known[number]).reshape(-1, *([1] * (dimensions - 1)))
        begun = np.clip(self.times, known[0], known[-1]) - known[number]
        return number, begun.reshape(span.shape) / span, span

    def _between(self, known: Floats, keyed: Floats, slopes: Floats) -> Floats:
        number, s, span = self._places(known, keyed.ndim)
        r = 1 - s
        leave, arrive = slopes[number] * span, slopes[number + 1] * span
        values: Floats = (
            keyed[number] * (1 + 2 * s) * r**2
            + keyed[number + 1] * s**2 * (3 - 2 * s)
            + leave * s * r**2
            - arrive * s**2 * r
        )
        return values


@dataclass(frozen=True)
class KeyRule:
    """What is asked of the keyframes of one shape, in frame numbers or in indices of its frames."""

    interpolation: Interpolation = Interpolation.LINEAR
    demanded: frozenset[int] = frozenset()
    """Indices of frames that must be keyframes."""
    held: dict[int, Floats] = field(default_factory=dict)
    """Controls (N, 6) of keyframes that must not change, by index."""
    still: frozenset[int] = frozenset()
    """Indices of frames between keyframes that must not change, on which no further ones are wanted."""

    def mixing(self, frames: NDArray[np.number], keys: list[int]) -> Mixing:
        """Return how keyframes, as indices, make all frames."""
        return Mixing(np.asarray(frames, float), tuple(keys), self.interpolation, self.held)

    def window(self, times: Floats, keys: list[int], frames: slice) -> Mixing:
        """Return the same for a part of the frames as if it were alone; `keys` count from the first of all frames."""
        first = frames.start or 0
        held = {key - first: controls for key, controls in self.held.items() if key >= first}
        return Mixing(times[frames], tuple(key - first for key in keys), self.interpolation, held)

    @property
    def kept(self) -> frozenset[int]:
        """Return the indices of keyframes that stay whatever else is found."""
        return self.demanded | frozenset(self.held)


def every_frame(count: int, held: dict[int, Floats] | None = None) -> Mixing:
    """Return a mixing with a keyframe on each of a count of frames, some of them held."""
    return Mixing(np.arange(count, dtype=float), tuple(range(count)), held=held or {})


def demanded_keys(frames: NDArray[np.int64], wanted: tuple[int, ...], step: int | None) -> frozenset[int]:
    """Return the indices of frames that are to be keyframes: wanted ones, and every `step`-th from the first on.

    Wanted frames that are not among the frames are passed over; a step that falls into a gap asks for nothing.
    """
    asked = set(wanted)
    if step is not None:
        asked |= set(range(int(frames[0]), int(frames[-1]) + 1, step))
    return frozenset(int(index) for index in np.flatnonzero(np.isin(frames, sorted(asked))))


def mixed(weights: Floats, values: Floats) -> Floats:
    """Return (T, ...) mixtures of (K, ...) values, for weights (T, K) that are mostly zero."""
    some = weights != 0
    ends = np.concatenate([[0], np.cumsum(some.sum(axis=1))])
    sparse = sp.csr_matrix((weights[some], np.nonzero(some)[1], ends), shape=weights.shape)
    flat: Floats = np.asarray(sparse @ values.reshape(len(values), -1))
    return flat.reshape(len(weights), *values.shape[1:])


def _slope_weights(known: Floats, keyed: Floats) -> Floats:
    """Return (K, K, ...): how much of each keyframe the slope of each number at each keyframe is."""
    ones = (1,) * (keyed.ndim - 1)
    plain = _plain_slopes(known, np.eye(len(known))).reshape(len(known), len(known), *ones)
    slopes = np.broadcast_to(plain, (len(known), *keyed.shape)).copy()
    secants = (np.diff(np.eye(len(known)), axis=0) / np.diff(known)[:, None]).reshape(-1, len(known), *ones)
    steep = np.diff(keyed, axis=0) / np.diff(known).reshape(-1, *ones)
    before, after = steep[:-1], steep[1:]
    flatter = np.where((np.abs(before) <= np.abs(after))[:, None], secants[:-1], secants[1:])
    through = smooth_slopes(known, keyed)[1:-1]
    held = np.abs(through) >= 3 * np.minimum(np.abs(before), np.abs(after))
    inner = np.where(held[:, None], 3 * flatter, slopes[1:-1])
    slopes[1:-1] = np.where((before * after <= 0)[:, None], 0.0, inner)
    slopes[0] = (3 * secants[0] - slopes[1]) / 2
    slopes[-1] = (3 * secants[-1] - slopes[-2]) / 2
    return slopes


def _plain_slopes(times: Floats, values: Floats) -> Floats:
    """Return the slopes of the smooth rule where nothing is held back: linear in the values."""
    steps = np.diff(times).reshape(-1, *([1] * (values.ndim - 1)))
    secants = np.diff(values, axis=0) / steps
    if len(times) == 2:  # noqa: PLR2004 - two keyframes have one secant
        return np.repeat(secants, 2, axis=0)
    inner = (values[2:] - values[:-2]) / (steps[1:] + steps[:-1])
    ends = [(3 * secants[:1] - inner[:1]) / 2, (3 * secants[-1:] - inner[-1:]) / 2]
    return np.concatenate([ends[0], inner, ends[1]])
