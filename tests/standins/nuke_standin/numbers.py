"""Numbers as Nuke's text has them, and how its keys move."""

from __future__ import annotations

import math
import re
import struct
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

SMOOTH, CONSTANT, LINEAR, CATMULL_ROM, CUBIC = range(5)
FRESH = 256
"""What is added to the code of an interpolation in keys that Nuke made."""

_DECIMAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def read_number(word: str) -> float:
    if re.fullmatch(r"x[0-9a-fA-F]{1,8}", word):
        return float(struct.unpack(">f", bytes.fromhex(word[1:].zfill(8)))[0])
    if not _DECIMAL.fullmatch(word):
        raise RuntimeError(f"{word!r} is no number")
    return float32(float(word))


def write_number(value: float) -> str:
    rounded = float32(value)
    if rounded in {0.0, 1.0}:
        return str(int(rounded))
    return "x" + struct.pack(">f", rounded).hex()


def float32(value: float) -> float:
    if not math.isfinite(value):
        raise RuntimeError(f"{value} is no number that a knob holds")
    return float(struct.unpack("f", struct.pack("f", value))[0])


class Key(NamedTuple):
    time: float
    value: float
    kind: int = FRESH


def evaluate(keys: Sequence[Key], time: float) -> float:
    """Return the value at a time. Rules and test vectors are those measured on Nuke 17.1."""
    if time <= keys[0].time:
        return keys[0].value
    if time >= keys[-1].time:
        return keys[-1].value
    k = bisect_right([key.time for key in keys], time) - 1
    a, b = keys[k], keys[k + 1]
    if a.kind & 255 == CONSTANT:
        return a.value
    h = b.time - a.time
    leave, arrive = _slope(keys, k), _slope(keys, k + 1)
    if a.kind & 255 == LINEAR:
        leave = (b.value - a.value) / h
    if b.kind & 255 == LINEAR:
        arrive = (b.value - a.value) / h
    # Bernstein form of the same cubic that Hermite gives: two inner ordinates a third of the way along the slopes.
    u = (time - a.time) / h
    p1, p2 = a.value + leave * h / 3, b.value - arrive * h / 3
    return (1 - u) ** 3 * a.value + 3 * (1 - u) ** 2 * u * p1 + 3 * (1 - u) * u**2 * p2 + u**3 * b.value


def _slope(keys: Sequence[Key], k: int) -> float:
    secants = [(b.value - a.value) / (b.time - a.time) for a, b in zip(keys, keys[1:])]
    if len(secants) == 1:
        return secants[0]
    if k == 0:
        return (3 * secants[0] - _inner(keys, secants, 1)) / 2
    if k == len(secants):
        return (3 * secants[-1] - _inner(keys, secants, k - 1)) / 2
    return _inner(keys, secants, k)


def _inner(keys: Sequence[Key], secants: Sequence[float], k: int) -> float:
    before, after = secants[k - 1], secants[k]
    if before * after <= 0:
        return 0.0
    most = 3 * min(abs(before), abs(after))
    free = (keys[k + 1].value - keys[k - 1].value) / (keys[k + 1].time - keys[k - 1].time)
    return max(-most, min(most, free))
