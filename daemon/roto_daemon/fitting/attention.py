"""Which frames an artist looks at first, and why, in words; one rule for fits and for quality reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Reason = tuple[float, str]
"""How grave it is, 1 for what is just worth a look, and the words."""

WORST_FACTOR = 2.0
"""A place this many tolerances off is seen; less is within what tips and corners of real masks give."""

DRAWN_THROUGH: Reason = (2.0, "mask drawn through")
"""The shape follows the frames around instead of this frame's mask: either may be right."""

LOW_CONFIDENCE: Reason = (3.0, "low confidence")
"""The engine trusts its own matte little."""

_CROSSING = 10.0
"""As grave as an outline that is ten tolerances off: a small loop shows less in the matte than a missing limb."""

_HANDFUL = 5
"""So many frames an artist looks at without asking why each of them."""

_BESIDE = 2
"""What goes wrong goes wrong for some frames on end: nearer than that to a graver frame it is the same trouble."""

_AS_GRAVE = 0.5
"""Frames beyond a handful are named only when they are so grave against the gravest."""

_FRAMES_NAMED = 12
"""More frames than that are no list of what comes first."""


@dataclass(frozen=True)
class LookFirst:
    """A frame that needs a look, with the reasons in words, the gravest first."""

    frame: int
    reasons: tuple[str, ...]
    weight: float


def reasons_of_distance(max_px: float | None, percentile95_px: float | None, tolerance_px: float) -> list[Reason]:
    """Return why a frame's distances between drawn and masks' edge, in px, ask for a look; empty when they do not.

    The worst place says it all where it is far off; else a twentieth of the outline may lie beyond the tolerance.
    """
    if max_px is None or percentile95_px is None:
        return []
    spread = max(percentile95_px / tolerance_px - 1, 0.0)
    if max_px > WORST_FACTOR * tolerance_px:
        return [(max_px / tolerance_px + spread, f"outline off by {max_px:.1f} px at the worst place")]
    return [(1 + spread, f"a twentieth of the outline off by {percentile95_px:.1f} px")] if spread else []


def reasons_of_crossings(places: int) -> list[Reason]:
    """Return why shapes that cross themselves at so many places ask for a look; empty when they do not."""
    return [(_CROSSING, f"a shape crosses itself at {places} place{'s' * (places > 1)}")] if places else []


def ranked(reasons: Iterable[tuple[int, list[Reason]]]) -> tuple[LookFirst, ...]:
    """Return the frames that have reasons, the gravest first: all of a handful, at most 12 of more.

    Of more than a handful a frame is left out beside a graver one, which the artist steps through from, and so is
    what is not half as grave as the gravest once a handful is named.
    """
    found = []
    for frame, own in reasons:
        if own:
            grave = sorted(own, key=lambda one: -one[0])
            found.append(LookFirst(frame, tuple(words for _, words in grave), sum(weight for weight, _ in grave)))
    found.sort(key=lambda one: (-one.weight, one.frame))
    if len(found) <= _HANDFUL:
        return tuple(found)
    apart: list[LookFirst] = []
    for one in found:
        if all(abs(one.frame - other.frame) > _BESIDE for other in apart):
            apart.append(one)
    worth = [one for place, one in enumerate(apart) if place < _HANDFUL or one.weight >= _AS_GRAVE * apart[0].weight]
    return tuple(worth[:_FRAMES_NAMED])
