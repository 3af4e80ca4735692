"""Which channels of an image make the picture, told by their names alone.

A channel belongs to the layer that stands before its last dot, `diffuse.R` to `diffuse`; the layer of plain `R`, `G`
and `B` has no name. A file of several parts gives each of them a name too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_RED_GREEN_BLUE = (("R", "r", "red"), ("G", "g", "green"), ("B", "b", "blue"))
"""The names that renderers and compositors write."""
_GREY = ("Y",)
"""A small y is an axis, not a luminance."""
_ALPHA = ("A", "a", "alpha")
_PICTURE = 3
_NAMED_AT_MOST = 12
"""Channels that a sentence lists before it says `and more`."""


@dataclass(frozen=True)
class Part:
    """One of the images that a file holds. `name` is empty where the file gives none."""

    name: str
    channels: tuple[str, ...]
    is_deep: bool = False


@dataclass(frozen=True)
class Choice:
    """The channels that make the picture."""

    part: int
    colours: tuple[int, ...]
    """Red, green, blue, or a single grey one: indices into the part's channels."""
    alpha: int
    """-1 for none."""


def choose(parts: Sequence[Part], layer: str) -> Choice:
    """Return the channels of a layer, a part, or those named with commas; raises LookupError.

    An empty `layer` takes the first red, green and blue: those without a layer's name before others, then a grey
    channel, then the first channels that there are. A deep part is chosen only where no other fits.
    """
    found = next(_named(parts, layer.strip()) if layer.strip() else _usual(parts), None)
    if found is None:
        raise LookupError(f"has no layer or channel '{layer}': it holds {_listed(parts)}. Name one of them")
    return found


def _usual(parts: Sequence[Part]) -> Iterator[Choice]:
    flat = [number for number, part in enumerate(parts) if not part.is_deep] or range(len(parts))
    layers = [(number, layer) for number in flat for layer in _layers(parts[number])]
    layers.sort(key=lambda each: each[1] != "")
    for number, layer in layers:
        colours = _colours(parts[number], layer)
        if colours:
            yield _choice(parts, number, colours)
    for number, layer in layers:
        grey = _called(parts[number], layer, _GREY)
        if grey is not None:
            yield _choice(parts, number, [grey])
    for number in flat:
        yield _choice(parts, number, _first_ones(parts[number], range(len(parts[number].channels))))


def _named(parts: Sequence[Part], wanted: str) -> Iterator[Choice]:
    """Yield what a name may mean, exact channels first, then layers, then parts."""
    names = [name.strip() for name in wanted.split(",")]
    for number, part in enumerate(parts):
        full = [name.removeprefix(f"{part.name}.") if name not in part.channels else name for name in names]
        if len(names) in {1, _PICTURE} and set(full) <= set(part.channels):
            yield _choice(parts, number, [part.channels.index(name) for name in full])
    for number, part in enumerate(parts):
        if wanted in _layers(part):
            yield _layer_choice(parts, number, wanted)
    for number, part in enumerate(parts):
        if wanted == part.name:
            yield _layer_choice(parts, number, next(iter(_layers(part))))


def _layer_choice(parts: Sequence[Part], number: int, layer: str) -> Choice:
    part = parts[number]
    grey = _called(part, layer, _GREY)
    colours = _colours(part, layer) or ([grey] if grey is not None else _first_ones(part, _layers(part)[layer]))
    return _choice(parts, number, colours)


def _choice(parts: Sequence[Part], number: int, colours: Sequence[int]) -> Choice:
    part = parts[number]
    alpha = _called(part, _layer(part.channels[colours[0]]), _ALPHA)
    return Choice(number, tuple(colours), -1 if alpha is None else alpha)


def _layer(channel: str) -> str:
    return channel.rpartition(".")[0]


def _layers(part: Part) -> dict[str, list[int]]:
    layers: dict[str, list[int]] = {}
    for index, channel in enumerate(part.channels):
        layers.setdefault(_layer(channel), []).append(index)
    return layers


def _called(part: Part, layer: str, names: Sequence[str]) -> int | None:
    """Return the layer's channel that has one of these names."""
    for index in _layers(part).get(layer, ()):
        if part.channels[index].rpartition(".")[2] in names:
            return index
    return None


def _colours(part: Part, layer: str) -> list[int]:
    """Return the layer's red, green and blue; none when one is missing."""
    found = [_called(part, layer, names) for names in _RED_GREEN_BLUE]
    return [index for index in found if index is not None] if None not in found else []


def _first_ones(part: Part, among: Sequence[int]) -> list[int]:
    others = [index for index in among if part.channels[index].rpartition(".")[2] not in _ALPHA]
    return others[:_PICTURE] if len(others) >= _PICTURE else (others or [*among])[:1]


def _listed(parts: Sequence[Part]) -> str:
    names = []
    for part in parts:
        stem = f"{part.name}." if part.name and len(parts) > 1 else ""
        names += [channel if channel.startswith(stem) else f"{stem}{channel}" for channel in part.channels]
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return f"{', '.join(names[:_NAMED_AT_MOST])}{more}"
