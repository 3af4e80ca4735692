"""How many calls a token may begin: a bucket for each, filled steadily."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from roto_daemon.errors import LimitError

_BURST_S = 10.0
"""So much of a steady rate may come at once: a plug-in that opens asks for all that it shows."""
_MOST_KEPT = 4096
"""Buckets kept; one that is forgotten is full again."""


class Rate:
    """Calls begun by each name. `now` counts seconds and never goes back."""

    def __init__(self, calls_per_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._calls_per_s = calls_per_s
        self._most = max(1.0, calls_per_s * _BURST_S)
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """For each name the calls it had left, and when that was."""

    def take(self, name: str) -> None:
        """Count a call; raises LimitError when a name has begun too many."""
        now = self._now()
        left, then = self._left.pop(name, (self._most, now))
        left = min(self._most, left + (now - then) * self._calls_per_s)
        self._left[name] = (left - 1 if left >= 1 else left, now)
        while len(self._left) > _MOST_KEPT:
            self._left.popitem(last=False)
        if left < 1:
            wait = (1 - left) / self._calls_per_s
            raise LimitError(
                f"The token '{name}' begins more than {self._calls_per_s:g} calls a second (token_calls_per_s): ask "
                f"again in {wait:.2g} s."
            )
