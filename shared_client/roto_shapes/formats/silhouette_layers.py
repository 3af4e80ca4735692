"""What layers of Silhouette do to the shapes in them.

About its anchor a layer scales, then turns, then moves by its position; a layer in a layer is carried by it. All in
Silhouette's own space, whose pixels are square. How position and anchor work together has not been seen in a licensed
Silhouette: that is the constant below. Corner pins and matrices are not followed, since the order of their numbers is
not known.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple, Optional
from xml.etree.ElementTree import Element

from roto_shapes.formats.silhouette_xml import numbers, property_named, rows
from roto_shapes.layers import Placement
from roto_shapes.shape import Interpolation, Layer, LayerKeyframe
from roto_shapes.shot import Plate

POSITION_IS_AN_OFFSET = True
"""Whether a layer with an anchor and no position stays where it is; else the position is where the anchor is put."""

_POSITION, _ANCHOR, _SCALE, _TURN = (f"transform.{name}" for name in ("position", "anchor", "scale", "rotate"))
_FOLLOWED: dict[str, tuple[float, ...]] = {
    _POSITION: (0.0, 0.0),
    _ANCHOR: (0.0, 0.0),
    _SCALE: (1.0, 1.0),
    _TURN: (0.0,),
}
"""What each says of a layer that moves nothing, and so how many of its numbers are read."""

_NOT_FOLLOWED: dict[str, tuple[float, ...]] = {
    "transform.pin_ul": (0.0, 0.0),
    "transform.pin_ur": (1.0, 0.0),
    "transform.pin_lr": (1.0, 1.0),
    "transform.pin_ll": (0.0, 1.0),
    "transform.matrix": (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0),
}
_WHOLE = 1e-4


class Track(NamedTuple):
    """Numbers that move together, on the shot's frames."""

    times: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    holds: tuple[bool, ...]
    """Whether each value stays until the next time and then jumps."""

    def at(self, time: float) -> tuple[float, ...]:
        """Return the numbers at a time; before the first and after the last they hold."""
        k = bisect_right(self.times, time) - 1
        if k < 0 or k == len(self.times) - 1 or self.holds[k]:
            return self.values[max(k, 0)]
        share = (time - self.times[k]) / (self.times[k + 1] - self.times[k])
        return tuple(a + (b - a) * share for a, b in zip(self.values[k], self.values[k + 1]))

    @property
    def is_still(self) -> bool:
        """Say whether the numbers never change."""
        return len(set(self.values)) == 1


class Motion(NamedTuple):
    """How one layer carries what lies in it."""

    name: str
    tracks: dict[str, Track]

    @property
    def times(self) -> set[float]:
        """Return the times of all keys that change anything."""
        return {time for track in self.tracks.values() if not track.is_still for time in track.times}

    def placement(self, plate: Plate, time: float) -> Placement:
        """Return what the layer does at a time to positions in plate pixels."""
        (x, y), (across, down), (scale_x, scale_y), (turn_deg,) = (self.tracks[name].at(time) for name in _FOLLOWED)
        if not POSITION_IS_AN_OFFSET:
            x, y = x - across, y - down
        cosine, sine = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
        xx, xy, yx, yy = cosine * scale_x, -sine * scale_y, sine * scale_x, cosine * scale_y
        x0, y0 = across + x - xx * across - xy * down, down + y - yx * across - yy * down
        # From Silhouette's space, whose origin is the picture's centre and whose unit is its height, to pixels.
        wide, half_x, half_y = plate.height / plate.pixel_aspect, plate.width / 2, plate.height / 2
        xy, yx = xy / plate.pixel_aspect, yx * plate.pixel_aspect
        return Placement(
            xx, xy, wide * x0 + half_x - xx * half_x - xy * half_y,
            yx, yy, plate.height * y0 + half_y - yx * half_x - yy * half_y,
        )  # fmt: skip

    def as_layer(self, plate: Plate) -> Optional[Layer]:
        """Return the same as a layer of ours; None where it is none: it jumps, or stretches more along one axis.

        Ours turns in pixels, so that those of the plate must be square where it turns.
        """
        scale, turn, anchor = self.tracks[_SCALE], self.tracks[_TURN], self.tracks[_ANCHOR]
        times = sorted(self.times) or [float(plate.frames.first)]
        even = all(across == down and across > 0 for across, down in scale.values)
        turns = any(degrees for (degrees,) in turn.values)
        jumps = any(hold for track in self.tracks.values() for hold in track.holds[:-1])
        whole = all(abs(time - round(time)) < _WHOLE for time in times)
        if not (even and whole and anchor.is_still) or jumps or (turns and plate.pixel_aspect != 1):
            return None
        across, down = anchor.values[0]
        wide = plate.height / plate.pixel_aspect
        keys = []
        for time in times:
            x, y = self.tracks[_POSITION].at(time)
            if not POSITION_IS_AN_OFFSET:
                x, y = x - across, y - down
            keys.append(LayerKeyframe(round(time), x * wide, y * plate.height, turn.at(time)[0], scale.at(time)[0]))
        pivot = across * wide + plate.width / 2, down * plate.height + plate.height / 2
        return Layer(self.name, tuple(keys), pivot, Interpolation.LINEAR)


def motion_of(layer: Element, name: str, plate: Plate) -> Optional[Motion]:
    """Return how a layer carries what lies in it; None where it moves nothing.

    Raises ValueError for numbers that are none.
    """
    tracks = {what: _track(layer, what, usual, plate) for what, usual in _FOLLOWED.items()}
    moving = [what for what, track in tracks.items() if not track.is_still or track.values[0] != _FOLLOWED[what]]
    if not moving or (POSITION_IS_AN_OFFSET and moving == [_ANCHOR]):
        return None
    return Motion(name, tracks)


def not_followed(layer: Element) -> str:
    """Return the property by which a layer moves in a way that is not followed; nothing where there is none."""
    for what, usual in _NOT_FOLLOWED.items():
        found = property_named(layer, what)
        values = [] if found is None else [numbers(row.value, what) for row in rows(found)]
        if any(value and value != list(usual[: len(value)]) for value in values):
            return what
    return ""


def on_plate(motions: Sequence[Motion], plate: Plate, time: float) -> Placement:
    """Return what layers in each other do at a time, the outermost first."""
    whole = Placement(1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    for motion in motions:
        whole = whole.after(motion.placement(plate, time))
    return whole


def _track(layer: Element, what: str, usual: tuple[float, ...], plate: Plate) -> Track:
    found = property_named(layer, what)
    keys: dict[float, tuple[tuple[float, ...], bool]] = {}
    for row in [] if found is None else rows(found):
        values = numbers(row.value, f"{what} of a layer")
        if values:
            keys[plate.frames.first + row.frame] = (*values, *usual[len(values) :])[: len(usual)], row.holds
    if not keys:
        return Track((float(plate.frames.first),), (usual,), (False,))
    times = sorted(keys)
    return Track(tuple(times), tuple(keys[time][0] for time in times), tuple(keys[time][1] for time in times))
