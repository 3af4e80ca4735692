"""Objects by their names in words: a phrase and a frame become boxes to choose from, which engines take as prompts.

A finder knows no gRPC, no session and no file. There is none that needs no weights: without them a phrase is refused
with the command that fetches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from roto_daemon.errors import PromptError, UnavailableError
from roto_daemon.pictures import Picture

_LONGEST_PHRASE = 200
"""Characters. Networks read 256 tokens at most."""
_SAME_SHARE = 0.7
"""Boxes that share so much of their area together are of one object; the likelier one stays."""
_LISTED_AT_MOST = 20


@dataclass(frozen=True)
class Found:
    """Something that a phrase may mean."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom in plate pixels."""
    score: float
    """0 to 1: how sure the finder is."""
    words: str
    """The words of the phrase that it stands for."""


@dataclass(frozen=True)
class FinderInfo:
    """What a finder is, asked before it is used."""

    name: str
    title: str
    unavailable: str = ""
    """Why it cannot be used now and what would make it usable; empty when it can."""
    weights: str = ""
    """Which weights it works with; empty when it has none."""


class Finder(Protocol):
    """What finds objects by words."""

    @property
    def info(self) -> FinderInfo:
        """Return what it is."""

    def find(self, picture: Picture, phrase: str) -> Sequence[Found]:
        """Return what a phrase may mean on a picture, in any order; boxes may repeat and reach over its border.

        Raises UnavailableError while `info` says so, and WeightsError.
        """


def find_objects(finders: Sequence[Finder], picture: Picture, phrase: str, frame: int) -> list[Found]:
    """Return the objects that a phrase may mean, at most 20, the likeliest first, by the first finder that can be used.

    Boxes lie within the picture and are of different objects. Raises PromptError for a phrase that is empty, too long,
    or finds nothing, and UnavailableError where no finder can be used.
    """
    words = " ".join(phrase.split())
    if not words or len(words) > _LONGEST_PHRASE:
        raise PromptError(f"Say in 1 to {_LONGEST_PHRASE} characters what to find, such as red car.")
    ready = next((each for each in finders if not each.info.unavailable), None)
    if ready is None:
        reasons = " ".join(each.info.unavailable for each in finders)
        raise UnavailableError(f"Objects cannot be found by words here: {reasons}")
    height, width = picture.shape[:2]
    inside = (_clipped(each, width, height) for each in ready.find(picture, words))
    found = _apart([each for each in inside if each])
    if not found:
        raise PromptError(
            f"'{words}' finds nothing on frame {frame}: use plainer words, a frame that shows it better, or point at "
            "it by a click or a box."
        )
    return found


def _clipped(found: Found, width: int, height: int) -> Found | None:
    """Return it within the picture, None when nothing of a pixel is left."""
    left, top, right, bottom = found.box
    box = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    return Found(box, found.score, found.words) if box[2] - box[0] >= 1 and box[3] - box[1] >= 1 else None


def _apart(found: Sequence[Found]) -> list[Found]:
    """Return the likeliest first, without those that lie on a likelier one."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda other: (-other.score, other.box)):
        if len(kept) < _LISTED_AT_MOST and all(_shared(each, other) < _SAME_SHARE for other in kept):
            kept.append(each)
    return kept


def _shared(one: Found, other: Found) -> float:
    """Return which share of what two boxes cover together both cover."""
    across = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    down = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    both = max(across, 0.0) * max(down, 0.0)
    return both / (_area(one) + _area(other) - both)


def _area(found: Found) -> float:
    left, top, right, bottom = found.box
    return (right - left) * (bottom - top)
