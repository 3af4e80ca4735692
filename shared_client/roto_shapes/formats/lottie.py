"""Shapes as Bodymovin writes them (Lottie JSON, https://lottie.github.io/lottie-spec): on shape layers, or as masks.

Both forms draw the same. On shape layers every shape is a layer of its own, with its colour and its lifetime, and what
cuts is a mask of the layers below it. As masks all shapes lie on one white solid, as a matte in After Effects does.
Positions are plate pixels as ours; frames count from 0. What Lottie has no place for, the plate's first frame, its
pixel aspect and what made the mattes, stands under a key of our own that players pass over.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Optional

from roto_shapes.formats.straight import StraightSink, rounded, shown_from, unique_names
from roto_shapes.layers import BAKING_TOLERANCE_PX
from roto_shapes.shape import ControlPoint, MadeBy, Shape
from roto_shapes.shot import FrameRange, Plate

VERSION = "5.12.2"
"""Of the Bodymovin whose files look like ours; players read those before 4.4.18 in another way."""

OWN_KEY = "rotolink"
"""Where what Lottie has no place for is kept."""

DECIMALS = 3
"""Of positions: a thousandth of a pixel, as Bodymovin writes them."""

_LINEAR = {"i": {"x": 0.833, "y": 0.833}, "o": {"x": 0.167, "y": 0.167}}
_SOLID, _SHAPES = 1, 4
_WHOLE_MASK: dict[str, Any] = {
    "inv": False, "mode": "a", "pt": None, "o": {"a": 0, "k": 100}, "x": {"a": 0, "k": 0}, "nm": "picture",
}  # fmt: skip


class LottieForm(Enum):
    """How shapes lie in the file."""

    LAYERS = "layers"
    MASKS = "masks"


class LottieSink(StraightSink):
    """Gathers shapes and gives them as one Lottie file.

    `end_shape` raises ValueError for an open shape among masks, and for motions too long to be keyed anew.
    """

    host = "Lottie"

    def __init__(
        self,
        plate: Plate,
        form: LottieForm = LottieForm.LAYERS,
        made_by: Optional[MadeBy] = None,
        tolerance_px: float = BAKING_TOLERANCE_PX,
    ) -> None:
        super().__init__(plate, made_by, tolerance_px)
        self._form = form
        if plate.pixel_aspect != 1:
            self._notes.append(
                f"The plate's pixels are {plate.pixel_aspect:g} times as wide as high and {self.host}'s are square: "
                "positions are kept, so that players show the picture narrower."
            )

    def _takes(self, shape: Shape) -> bool:
        """Say whether a shape is written."""
        if not shape.closed and (self._form is LottieForm.MASKS or shape.invert):
            message = f"shape '{shape.name}' is open, and an open outline is no mask: close it or leave it out"
            raise ValueError(message)
        return True

    def text(self) -> str:
        """Return the file: ASCII, a layer or a mask a line, the same for the same shapes."""
        plate = self._plate
        layers = self._shape_layers() if self._form is LottieForm.LAYERS else [self._masked_solid()]
        head: dict[str, Any] = {
            "v": VERSION,
            "fr": plate.frame_rate,
            "ip": 0,
            "op": len(plate.frames),
            "w": plate.width,
            "h": plate.height,
            "nm": plate.name,
            "ddd": 0,
            "assets": [],
            "markers": [],
            OWN_KEY: {"first_frame": plate.frames.first, "pixel_aspect": plate.pixel_aspect},
        }
        if self._made_by is not None:
            head[OWN_KEY]["made_by"] = {"engine": self._made_by.engine, "weights": self._made_by.weights}
        lines = [f"{json.dumps(key)}:{_compact(value)}," for key, value in head.items()]
        body = ",\n".join(map(_compact, layers))
        return "\n".join(["{", *lines, '"layers":[', body, "]}", ""])

    def _shape_layers(self) -> list[dict[str, Any]]:
        """Return a layer a shape that paints, the topmost first, each cut by those that cut above it."""
        names = unique_names([shape.name for shape in self._shapes])
        layers = []
        for at, (name, shape) in enumerate(zip(names, self._shapes)):
            if shape.invert:
                continue
            above = [
                self._mask(other_name, other)
                for other_name, other in zip(names[at + 1 :], self._shapes[at + 1 :])
                if other.invert and shape.lifetime.meets(other.lifetime)
            ]
            masks = {"hasMask": True, "masksProperties": [self._all_of_it(), *above]} if above else {}
            layers.append({**self._layer(name, shape.lifetime, _SHAPES), **masks, "shapes": [self._group(name, shape)]})
        if self._shapes and not layers:
            self._notes.append("All shapes cut and there is nothing to cut: the file shows nothing.")
        layers.reverse()
        for index, layer in enumerate(layers):
            layer["ind"] = index + 1
        return layers

    def _masked_solid(self) -> dict[str, Any]:
        """Return the solid with all shapes as masks in their order of painting."""
        painting = [shape for shape in self._shapes if not shape.invert]
        first = self._shapes.index(painting[0]) if painting else len(self._shapes)
        masks = [self._mask(shape.name, shape) for shape in self._shapes[first:]]
        for shape in self._shapes[:first]:
            self._notes.append(f"Shape '{shape.name}' cuts where there is nothing to cut: it is left out.")
        solid = {"sw": self._plate.width, "sh": self._plate.height, "sc": "#ffffff"}
        shown = {} if masks else {"hd": True}
        layer = self._layer("matte", self._plate.frames, _SOLID)
        return {**layer, "ind": 1, **shown, **solid, "hasMask": bool(masks), "masksProperties": masks}

    def _layer(self, name: str, lifetime: FrameRange, kind: int) -> dict[str, Any]:
        still = {"o": 100, "r": 0, "p": [0, 0, 0], "a": [0, 0, 0], "s": [100, 100, 100]}
        return {
            "ddd": 0,
            "ind": 0,
            "ty": kind,
            "nm": name,
            "sr": 1,
            "ks": {key: {"a": 0, "k": value} for key, value in still.items()},
            "ao": 0,
            "ip": self._time(lifetime.first),
            "op": self._time(lifetime.last) + 1,
            "st": 0,
            "bm": 0,
        }

    def _group(self, name: str, shape: Shape) -> dict[str, Any]:
        colour = {"a": 0, "k": [*(round(part, 6) for part in shape.colour), 1]}
        whole = {"a": 0, "k": 100}
        path = {"ty": "sh", "ind": 0, "nm": name, "hd": False, "ks": self._path(shape)}
        paint: dict[str, Any] = {"ty": "fl", "c": colour, "o": whole, "r": 1}
        if not shape.closed:
            paint = {"ty": "st", "c": colour, "o": whole, "w": {"a": 0, "k": 1}, "lc": 1, "lj": 1, "ml": 4}
        still = {"p": [0, 0], "a": [0, 0], "s": [100, 100], "r": 0, "o": 100, "sk": 0, "sa": 0}
        place = {"ty": "tr", **{key: {"a": 0, "k": value} for key, value in still.items()}}
        return {"ty": "gr", "nm": name, "np": 2, "it": [path, paint, place]}

    def _mask(self, name: str, shape: Shape) -> dict[str, Any]:
        return {
            **_WHOLE_MASK,
            "mode": "s" if shape.invert else "a",
            "pt": self._path(shape),
            "o": self._shown(shape.lifetime),
            "nm": name,
        }

    def _all_of_it(self) -> dict[str, Any]:
        """Return the mask that others cut from: where a first mask cuts and is not there, Skottie draws nothing."""
        return {**_WHOLE_MASK, "pt": whole_picture(self._plate.width, self._plate.height)}

    def _shown(self, lifetime: FrameRange) -> dict[str, Any]:
        """Return an opacity that is whole in a lifetime and nothing outside it, by held keys."""
        levels = shown_from(lifetime, self._plate.frames)
        if len(levels) == 1:
            return {"a": 0, "k": 100 if levels[0][1] else 0}
        return {"a": 1, "k": [{"t": self._time(frame), "s": [100 if shown else 0], "h": 1} for frame, shown in levels]}

    def _path(self, shape: Shape) -> dict[str, Any]:
        curves = [_bezier(key.points, closed=shape.closed) for key in shape.keyframes]
        if len(curves) == 1:
            return {"a": 0, "k": curves[0]}
        keys = [
            {"t": self._time(key.frame), "s": [curve], **(_LINEAR if key is not shape.keyframes[-1] else {})}
            for key, curve in zip(shape.keyframes, curves)
        ]
        return {"a": 1, "k": keys}

    def _time(self, frame: int) -> int:
        return frame - self._plate.frames.first


def whole_picture(width: int, height: int) -> dict[str, Any]:
    """Return the path round all of a picture."""
    still = [[0, 0]] * 4
    return {"a": 0, "k": {"c": True, "v": [[0, 0], [width, 0], [width, height], [0, height]], "i": still, "o": still}}


def _bezier(points: tuple[ControlPoint, ...], *, closed: bool) -> dict[str, Any]:
    return {
        "c": closed,
        "v": [[rounded(p.x, DECIMALS), rounded(p.y, DECIMALS)] for p in points],
        "i": [[rounded(p.in_x, DECIMALS), rounded(p.in_y, DECIMALS)] for p in points],
        "o": [[rounded(p.out_x, DECIMALS), rounded(p.out_y, DECIMALS)] for p in points],
    }


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
