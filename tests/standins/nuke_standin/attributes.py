"""AnimAttributes and AnimCTransform of nuke.curvelib, with the names and defaults measured on Nuke 17.1."""

from __future__ import annotations

import cmath
import math
from typing import ClassVar, Optional, Union

from nuke_standin import numbers
from nuke_standin.curves import MAIN_VIEW, AnimCurve, AnimCurveKey, curve_text, read_curve, require_view
from nuke_standin.guard import Bound, Strict, Tie
from nuke_standin.vectors import CMatrix4, matrix
from nuke_standin.words import Word

SHAPE_DEFAULTS = {
    **dict.fromkeys(("vis", "r", "g", "b", "a", "opc", "mb", "fo", "ff", "str", "ssx", "ssy"), 1.0),
    **dict.fromkeys(("ro", "go", "bo", "ao", "bm", "inv", "mbo", "mbsot", "mbso", "fx", "fy", "ft", "osf"), 0.0),
    **dict.fromkeys(("osbe", "osee", "src", "stx", "sty", "sr", "sskx", "ssky", "sso", "stot", "sto", "sv"), 0.0),
    **dict.fromkeys(("nv", "view1", "ltn", "ltm"), 1.0),
    **dict.fromkeys(("sb", "ltt", "tt", "pt"), 0.0),
    "mbs": 0.5, "osw": 10.0, "spx": 320.0, "spy": 240.0, "sf": 2.0,
}  # fmt: skip
LAYER_DEFAULTS = {"vis": 1.0, "opc": 1.0, "mbo": 0.0, "mb": 1.0, "mbs": 0.5, "fo": 1.0, "fx": 0.0, "fy": 0.0, "ff": 1.0,
                  "ft": 0.0, "warp": 0.0, "pt": 0.0}  # fmt: skip


class AnimAttributes(Bound):
    kVisibleAttribute: ClassVar[str] = "vis"
    kOpacityAttribute: ClassVar[str] = "opc"
    kBlendingModeAttribute: ClassVar[str] = "bm"
    kInvertedAttribute: ClassVar[str] = "inv"
    kLifeTimeTypeAttribute: ClassVar[str] = "ltt"
    kLifeTimeNAttribute: ClassVar[str] = "ltn"
    kLifeTimeMAttribute: ClassVar[str] = "ltm"
    kRedOverlayAttribute: ClassVar[str] = "ro"
    kGreenOverlayAttribute: ClassVar[str] = "go"
    kBlueOverlayAttribute: ClassVar[str] = "bo"
    kFeatherOnAttribute: ClassVar[str] = "fo"

    def __init__(self, tie: Tie, defaults: dict[str, float]) -> None:
        self._tie = tie
        self._defaults = defaults
        self._set: dict[str, AnimCurve] = {}

    def getValue(self, time: float, indexOrName: Union[int, str], view: str = MAIN_VIEW) -> float:
        require_view(view)
        return self._curve(indexOrName)._at(time)

    def getCurve(self, attr: Union[int, str], view: str = MAIN_VIEW) -> AnimCurve:
        require_view(view)
        return self._curve(attr)

    def set(self, *arguments: Union[float, str]) -> None:
        if len(arguments) == 2 and isinstance(arguments[0], str):
            self._curve(arguments[0])._constant = float(arguments[1])
        elif len(arguments) in {3, 4} and isinstance(arguments[1], str):
            require_view(arguments[3] if len(arguments) == 4 else MAIN_VIEW)
            self._curve(arguments[1])._put(AnimCurveKey(float(arguments[0]), float(arguments[2])))
        else:
            raise TypeError("set takes (name, value) or (time, name, value[, view])")

    def add(self, name: str, value: float) -> None:
        self._set[name] = AnimCurve(self._tie, float(value))

    def remove(self, name: str) -> None:
        del self._set[name]

    def getName(self, index: int) -> str:
        return list({**self._defaults, **self._set})[index]

    def getNumberOfKeys(self, attr: Union[int, str], view: str = MAIN_VIEW) -> int:
        require_view(view)
        return len(self._curve(attr)._keys)

    def __len__(self) -> int:
        return len({**self._defaults, **self._set})

    def __contains__(self, name: str) -> bool:
        return name in self._defaults or name in self._set

    def _curve(self, name: Union[int, str]) -> AnimCurve:
        """Return a curve; an unknown name makes one of 0, as in Nuke."""
        if isinstance(name, int):
            name = list({**self._defaults, **self._set})[name]
        if name not in self._set:
            self._set[name] = AnimCurve(self._tie, self._defaults.get(name, 0.0))
        return self._set[name]

    def _at(self, name: str, time: float) -> float:
        return self._set[name]._at(time) if name in self._set else self._defaults.get(name, 0.0)

    def _read(self, words: list[Word]) -> None:
        if len(words) % 2:
            raise RuntimeError("an attribute has no value")
        for name, value in zip(words[::2], words[1::2]):
            if not isinstance(name, str):
                raise RuntimeError("a list where an attribute's name belongs")  # noqa: TRY004 - as Nuke
            self._set[name] = read_curve(value, self._tie)

    def _text(self) -> str:
        return "{a" + "".join(f" {name} {curve_text(curve)}" for name, curve in self._set.items()) + "}"


_USUAL = (*(0.0,) * 9, 1.0, 1.0, 1.0, *(0.0,) * 7, *(float(k % 5 == 0) for k in range(16)))
"""Pivot, move, turn, scale, skew and orders, the extra matrix row by row."""


class CTransform(Strict):
    def __init__(self, values: CMatrix4) -> None:
        self._matrix = values

    def getMatrix(self) -> CMatrix4:
        return self._matrix

    def isDefault(self) -> bool:
        return False  # as measured, also of an untouched one


class AnimCTransform(Bound):
    rotationOrder = 0
    transformOrder = 0

    def __init__(self, tie: Tie) -> None:
        self._tie = tie
        self._curves = [AnimCurve(tie, usual) for usual in _USUAL]
        self._written = 0
        self._time: Optional[float] = None
        """Of the one key that all share, where the text came as `tx`."""

    def addTranslationKey(self, time: float, x: float, y: float, third: float, view: str = MAIN_VIEW) -> None:
        self._key(3, time, (x, y, third), view)

    def addRotationKey(self, time: float, x: float, y: float, third: float, view: str = MAIN_VIEW) -> None:
        self._key(6, time, (x, y, third), view)

    def addScaleKey(self, time: float, x: float, y: float, third: float, view: str = MAIN_VIEW) -> None:
        self._key(9, time, (x, y, third), view)

    def addPivotPointKey(self, time: float, x: float, y: float, third: float, view: str = MAIN_VIEW) -> None:
        self._key(0, time, (x, y, third), view)

    def getPivotPointAnimCurve(self, index: int, view: str = MAIN_VIEW) -> AnimCurve:
        require_view(view)
        return self._curves[range(3)[index]]

    def getTranslationAnimCurve(self, index: int, view: str = MAIN_VIEW) -> AnimCurve:
        require_view(view)
        return self._curves[range(3, 6)[index]]

    def getRotationAnimCurve(self, index: int, view: str = MAIN_VIEW) -> AnimCurve:
        require_view(view)
        return self._curves[range(6, 9)[index]]

    def getScaleAnimCurve(self, index: int, view: str = MAIN_VIEW) -> AnimCurve:
        require_view(view)
        return self._curves[range(9, 12)[index]]

    def getExtraMatrixAnimCurve(self, i: int, j: int, view: str = MAIN_VIEW) -> AnimCurve:
        require_view(view)
        return self._curves[19 + 4 * i + j]

    def getTransformKeyTimes(self, view: str = MAIN_VIEW) -> list[float]:
        require_view(view)
        return sorted({time for curve in self._curves for time in curve._times})

    def evaluate(self, time: float, view: str = MAIN_VIEW) -> CTransform:
        require_view(view)
        return CTransform(matrix(self._matrix(time)))

    def isDefault(self) -> bool:
        return False  # as measured, also of an untouched one

    def _key(self, at: int, time: float, values: tuple[float, float, float], view: str) -> None:
        require_view(view)
        self._time = None
        for curve, value in zip(self._curves[at : at + 3], values):
            curve._put(AnimCurveKey(time, value))

    def _matrix(self, time: float) -> list[float]:
        """Scale and turn about the pivot, then the move; or the extra matrix alone. Both together: not known."""
        values = [curve._at(time) for curve in self._curves]
        pivot, move = complex(values[0], values[1]), complex(values[3], values[4])
        turn = cmath.rect(1, math.radians(values[8]))
        across, up = turn * values[9], turn * 1j * values[10]
        rest = pivot + move - across * pivot.real - up * pivot.imag
        plain = [across.real, up.real, 0, rest.real, across.imag, up.imag, 0, rest.imag, 0, 0, 1, 0, 0, 0, 0, 1]
        extra = values[19:35]
        if extra == list(_USUAL[19:]) and values[6:8] == [0, 0] and values[12] == 0:
            return plain
        if plain == list(_USUAL[19:]) and values[6:8] == [0, 0] and values[12] == 0:
            return extra
        raise AssertionError("how Nuke puts these together is not known: no stand-in may say")

    def _read(self, kind: Word, words: list[Word]) -> None:
        if kind == "tx":
            self._time = numbers.read_number(str(words[0]))
            words = words[1:]
        self._written = len(words)
        if len(words) > len(self._curves):
            raise RuntimeError(f"a transform of {len(words)} numbers")
        self._curves = [read_curve(word, self._tie) for word in words] + self._curves[len(words) :]

    def _text(self) -> str:
        different = (k + 1 for k, (curve, usual) in enumerate(zip(self._curves, _USUAL)) if curve._differs(usual))
        count = max([self._written, *different])
        if not count:
            return ""
        head = "t" if self._time is None else f"tx {numbers.write_number(self._time)}"
        return "{" + " ".join([head, *map(curve_text, self._curves[:count])]) + "}"
