"""CVec2, CVec3, CVec4 and CMatrix4 of nuke.curvelib."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Union

from nuke_standin.guard import Strict

Numbers = Union[Sequence[float], "_Vector"]


class _Vector(Strict):
    _SIZE: ClassVar[int]

    def __init__(self, *values: float) -> None:
        if len(values) > self._SIZE:
            raise TypeError(f"{type(self).__name__} takes at most {self._SIZE} numbers, not {len(values)}")
        self._values = [float(value) for value in values] + [0.0] * (self._SIZE - len(values))

    @property
    def x(self) -> float:
        return self._values[0]

    @x.setter
    def x(self, value: float) -> None:
        self._values[0] = float(value)

    @property
    def y(self) -> float:
        return self._values[1]

    @y.setter
    def y(self, value: float) -> None:
        self._values[1] = float(value)

    def __len__(self) -> int:
        return self._SIZE

    def __getitem__(self, index: int) -> float:
        return self._values[index]

    def __setitem__(self, index: int, value: float) -> None:
        self._values[index] = float(value)

    def __iter__(self) -> Iterator[float]:
        return iter(self._values)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{value:g}" for value in self._values) + "}"


class CVec2(_Vector):
    _SIZE = 2


class CVec3(_Vector):
    _SIZE = 3

    @property
    def z(self) -> float:
        return self._values[2]

    @z.setter
    def z(self, value: float) -> None:
        self._values[2] = float(value)


class CVec4(_Vector):
    _SIZE = 4

    @property
    def z(self) -> float:
        return self._values[2]

    @z.setter
    def z(self, value: float) -> None:
        self._values[2] = float(value)

    @property
    def w(self) -> float:
        return self._values[3]

    @w.setter
    def w(self, value: float) -> None:
        self._values[3] = float(value)


class CMatrix4(Strict):
    """16 numbers, row by row; the translation stands at 3 and 7."""

    def __init__(self) -> None:
        self._values = [float(k % 5 == 0) for k in range(16)]

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> float:
        return self._values[index]

    def __setitem__(self, index: int, value: float) -> None:
        self._values[index] = float(value)

    def __mul__(self, other: CVec3) -> CVec3:
        x, y, w = other
        rows = (self._values[k : k + 4] for k in (0, 4, 12))
        a, b, c = (row[0] * x + row[1] * y + row[3] * w for row in rows)
        return CVec3(a, b, c)


def matrix(values: Sequence[float]) -> CMatrix4:
    made = CMatrix4()
    made._values = list(values)
    return made


def components(value: Numbers) -> list[float]:
    """Return two to four numbers of a vector or a sequence."""
    found = [float(each) for each in value]
    if not 2 <= len(found) <= 4:
        raise TypeError(f"a position has two to four numbers, not {len(found)}")
    return found
