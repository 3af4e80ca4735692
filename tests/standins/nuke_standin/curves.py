"""AnimCurve, its keys and animated points of nuke.curvelib; and their text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Optional, Union

from nuke_standin import numbers
from nuke_standin.guard import Bound, Strict, Tie
from nuke_standin.vectors import CVec3, Numbers, components
from nuke_standin.words import Word

MAIN_VIEW = "main"


def require_view(view: object) -> None:
    if view != MAIN_VIEW:
        raise ValueError(f"no view {view!r}: a view is given by its name")


class AnimCurveKey(Strict):
    time = 0.0
    value = 0.0
    lslope = 0.0
    rslope = 0.0
    la = 1.0
    ra = 1.0
    interpolationType = numbers.FRESH

    def __init__(self, time: float = 0.0, value: float = 0.0) -> None:
        self.time, self.value = float(time), float(value)


class AnimCurve(Bound):
    """Keys under Nuke's rules; without keys it gives `constantValue`."""

    def __init__(self, tie: Optional[Tie] = None, constant: float = 0.0) -> None:
        self._tie = tie or Tie()
        self._keys: list[AnimCurveKey] = []
        self._constant = constant
        self._expression: list[Word] = []

    @property
    def constantValue(self) -> float:
        return self._constant

    @constantValue.setter
    def constantValue(self, value: float) -> None:
        self._constant = float(value)

    @property
    def useExpression(self) -> bool:
        return bool(self._expression)

    @property
    def expressionString(self) -> str:
        return str(self._expression[0])[1:] if self._expression else ""

    @property
    def curveType(self) -> int:
        return 0

    @curveType.setter
    def curveType(self, value: int) -> None:
        raise AssertionError("assigning curveType crashes Nuke")

    def addKey(self, timeOrKey: Union[float, AnimCurveKey], value: Optional[float] = None) -> None:
        if isinstance(timeOrKey, AnimCurveKey):
            if value is not None:
                raise TypeError("addKey takes a time and a value, or a key")
            key = AnimCurveKey(timeOrKey.time, timeOrKey.value)
            key.interpolationType = timeOrKey.interpolationType
        else:
            if value is None:
                raise TypeError("addKey takes a time and a value, or a key")
            key = AnimCurveKey(timeOrKey, value)
        self._put(key)

    def getKey(self, index: int) -> AnimCurveKey:
        return self._keys[index]

    def getNumberOfKeys(self) -> int:
        return len(self._keys)

    def removeKey(self, time: float) -> None:
        self._keys = [key for key in self._keys if key.time != time]

    def removeAllKeys(self) -> None:
        self._keys = []

    def isDefault(self) -> bool:
        return not self._keys and self._constant == 0

    def evaluate(self, time: float) -> float:
        return self._at(time)

    def _put(self, key: AnimCurveKey) -> None:
        self._keys = sorted([*(old for old in self._keys if old.time != key.time), key], key=lambda each: each.time)

    def _at(self, time: float) -> float:
        if not self._keys:
            return self._constant
        return numbers.evaluate([numbers.Key(k.time, k.value, k.interpolationType) for k in self._keys], time)

    @property
    def _times(self) -> tuple[float, ...]:
        return tuple(key.time for key in self._keys)

    def _differs(self, usual: float) -> bool:
        return bool(self._keys or self._expression) or self._constant != usual


class ControlPoint(Strict):
    position = CVec3()

    def __init__(self, position: CVec3) -> None:
        self.position = position


class AnimControlPoint(Bound):
    """Three curves: across, up, and 1 for a position or 0 for a direction."""

    def __init__(self, x: float = 0.0, y: float = 0.0, third: float = 0.0) -> None:
        self._tie = Tie()
        self._third = third
        self._curves = [AnimCurve(self._tie, value) for value in (x, y, third)]
        self._written = 3 if third else 0
        """How many of the curves the text that this came from has."""
        self._own: list[Word] = []
        """What stands before them there: tension of a B-spline."""

    @property
    def dim(self) -> int:
        return 3

    def addPositionKey(self, time: float, positionOrDim: Union[Numbers, int], view: str = MAIN_VIEW) -> None:
        require_view(view)
        if isinstance(positionOrDim, int):
            curve = self._curves[positionOrDim]
            curve._put(AnimCurveKey(time, curve._at(time)))
            return
        values = (*components(positionOrDim), self._third)[:3]
        for curve, value in zip(self._curves, values):
            curve._put(AnimCurveKey(time, value))

    def getPosition(self, time: float, view: str = MAIN_VIEW) -> CVec3:
        require_view(view)
        return CVec3(*(curve._at(time) for curve in self._curves))

    def setPosition(self, position: Numbers, view: str = MAIN_VIEW) -> None:
        require_view(view)
        for curve, value in zip(self._curves, components(position)):
            curve._constant = value

    def getPositionAnimCurve(self, index: int, view: str = MAIN_VIEW) -> AnimCurve:
        require_view(view)
        return self._curves[index]

    def setPositionAnimCurve(self, index: int, animCurve: AnimCurve, view: str = MAIN_VIEW) -> None:
        require_view(view)
        self._curves[index]._keys = list(animCurve._keys)
        self._curves[index]._constant = animCurve._constant

    def getPositionKeyTime(self, index: int, keyIndex: int, view: str = MAIN_VIEW) -> float:
        require_view(view)
        return self._curves[index]._keys[keyIndex].time

    def getControlPointKeyTimes(self, view: str = MAIN_VIEW) -> list[float]:
        require_view(view)
        return sorted({time for curve in self._curves for time in curve._times})

    def removeAllKeys(self, view: str = MAIN_VIEW) -> None:
        require_view(view)
        for curve in self._curves:
            curve._keys = []

    def removePositionKey(self, time: float, view: str = MAIN_VIEW) -> None:
        require_view(view)
        for curve in self._curves:
            curve._keys = [key for key in curve._keys if key.time != time]

    def evaluate(self, time: float, view: str = MAIN_VIEW) -> ControlPoint:
        return ControlPoint(self.getPosition(time, view))

    def _at(self, time: float) -> tuple[float, float]:
        return self._curves[0]._at(time), self._curves[1]._at(time)

    @property
    def _count(self) -> int:
        """Return how many of its curves its text must have."""
        usual = (0.0, 0.0, self._third)
        needed = max((k + 1 for k, curve in enumerate(self._curves) if curve._differs(usual[k])), default=0)
        return max(needed, self._written)


def read_curve(word: Word, tie: Tie) -> AnimCurve:
    """Read a number whose keys bear their own times."""
    curve = AnimCurve(tie)
    if isinstance(word, str):
        curve._constant = numbers.read_number(word)
    elif word and isinstance(word[0], str) and word[0].startswith("="):
        curve = read_curve(word[1] if len(word) == 2 else word[1:], tie) if len(word) > 1 else curve
        curve._expression = [word[0]]
    elif word and word[0] == "r":
        for run in _list(word[1]):
            key, count = _list(run)
            first = _read_key(_list(key)[1:], _value(_list(key)[0]), 0.0)
            for step in range(int(_value(count))):
                again = AnimCurveKey(first.time + step, first.value)
                again.la, again.ra, again.lslope, again.rslope = first.la, first.ra, first.lslope, first.rslope
                curve._keys.append(again)
    elif word and isinstance(word[0], str):
        curve._constant = _value(word[0])
    else:
        for key in word:
            time, *rest = _list(key)
            curve._keys.append(_read_key(rest, _value(time), curve._keys[-1].value if curve._keys else 0.0))
    _require_rising(curve._times)
    return curve


def read_shared(word: Word, times: Sequence[float], tie: Tie) -> AnimCurve:
    """Read a number whose keys stand at the times that its curve shares."""
    curve = AnimCurve(tie)
    if isinstance(word, str):
        word = [word]
    if not word:
        return curve
    if isinstance(word[0], str) and word[0].startswith("="):
        return read_curve(word, tie)
    keys: list[Word] = []
    for key in word:
        if isinstance(key, list) and key[:1] == ["x"]:
            keys += [key[2]] * int(_value(key[1]))
        else:
            keys.append(key)
    if len(keys) == 1:
        keys *= len(times)
    if len(keys) != len(times):
        raise RuntimeError(f"{len(keys)} keys at {len(times)} times")
    for key, time in zip(keys, times):
        rest = key if isinstance(key, list) else [key]
        curve._keys.append(_read_key(rest, time, curve._keys[-1].value if curve._keys else 0.0))
    return curve


def curve_text(curve: AnimCurve) -> str:
    """Return a number with its own times."""
    if not curve._keys:
        plain = numbers.write_number(curve._constant)
    else:
        plain = "{" + " ".join(f"{{{numbers.write_number(key.time)} {_key_text(key)}}}" for key in curve._keys) + "}"
    return f"{{{curve._expression[0]} {plain}}}" if curve._expression else plain


def shared_text(curve: AnimCurve) -> str:
    """Return a number at the times that its curve shares."""
    texts = [_key_text(key) for key in curve._keys]
    if len(texts) == 1:
        return texts[0].split()[0]
    if len(set(texts)) == 1:
        return f"{{{{{texts[0]}}}}}" if " " in texts[0] else f"{{{texts[0]}}}"
    return "{" + " ".join(f"{{{text}}}" if " " in text else text for text in texts) + "}"


def _key_text(key: AnimCurveKey) -> str:
    value = numbers.write_number(key.value)
    if not key.la and not key.ra:
        return value
    if not key.lslope and not key.rslope and key.la == key.ra == 1:
        return f"{value} -"
    return " ".join([value, *map(numbers.write_number, (key.lslope, key.la, key.rslope, key.ra))])


def _read_key(rest: Sequence[Word], time: float, before: float) -> AnimCurveKey:
    key = AnimCurveKey(time, _value(rest[0]) if rest else before)
    if rest[1:] == ["-"]:
        return key
    slopes = [_value(word) for word in rest[1:]]
    if len(slopes) not in {0, 4, 5}:
        raise RuntimeError(f"a key of {len(rest)} words")
    key.lslope, key.la, key.rslope, key.ra = (slopes or [0.0] * 4)[:4]
    if len(slopes) == 5:
        key.interpolationType = int(slopes[4])
    return key


def _require_rising(times: Sequence[float]) -> None:
    if any(b <= a for a, b in zip(times, times[1:])):
        raise RuntimeError(f"key times do not rise: {times}")


def _value(word: Word) -> float:
    if not isinstance(word, str):
        raise RuntimeError(f"a list where a number belongs: {word}")  # noqa: TRY004 - as Nuke
    return numbers.read_number(word)


def _list(word: Word) -> list[Word]:
    if not isinstance(word, list):
        raise RuntimeError(f"a word where a list belongs: {word!r}")  # noqa: TRY004 - as Nuke
    return word


class CurveType:
    eUndefineCurveType: ClassVar[int] = -1
    eBezierCurveType: ClassVar[int] = 0
    eHermiteCurveType: ClassVar[int] = 1
    eBSplineCurveType: ClassVar[int] = 2
    eCardinalCurveType: ClassVar[int] = 3
    eCatmullRomCurveType: ClassVar[int] = 4
    eNurbsCurveType: ClassVar[int] = 5


class InterpolationType:
    eUndefineInterpolationType: ClassVar[int] = -1
    eStepInterpolationType: ClassVar[int] = 0
    eLinearInterpolationType: ClassVar[int] = 1
    eCubicInterpolationType: ClassVar[int] = 2


class FlagType:
    eBreakFlag: ClassVar[int] = 0
    eTangentLengthLockFlag: ClassVar[int] = 1
    eKeySelectedFlag: ClassVar[int] = 2
    eLeftTangentSelectedFlag: ClassVar[int] = 3
    eRightTangentSelectedFlag: ClassVar[int] = 4
    eOpenFlag: ClassVar[int] = 5
    eSelectedFlag: ClassVar[int] = 6
    eActiveFlag: ClassVar[int] = 7
    eVisibleFlag: ClassVar[int] = 8
    eRenderableFlag: ClassVar[int] = 9
    eLockedFlag: ClassVar[int] = 10
    ePressureInZFlag: ClassVar[int] = 11
    eNukeAnimCurveEvalFlag: ClassVar[int] = 12
    eRelativeTangentFlag: ClassVar[int] = 13
