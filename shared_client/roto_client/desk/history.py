"""What an artist can take back, step by step. A step is one object before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from roto_client.desk.state import DeskObject

_MOST_STEPS = 200
"""More than anybody goes back."""
_MOST_MASK_BYTES = 256 << 20
"""Of painted masks that steps hold: 30 strokes on a plate of UHD, 280 on one of 1280x720."""


@dataclass(frozen=True)
class Step:
    """A change of one object."""

    what: str
    """In words: `click on ball`."""
    before: DeskObject
    after: DeskObject

    @property
    def mask_bytes(self) -> int:
        """Return what its masks take, those that only one side holds."""
        before, after = self.before.prompts, self.after.prompts
        changed = [frame for frame in {*before, *after} if before.get(frame) != after.get(frame)]
        prompts = [prompts[frame] for frame in changed for prompts in (before, after) if frame in prompts]
        return sum(len(each.mask.coverage) for each in prompts if each.mask)


class History:
    """Steps done and steps undone; the oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []

    def add(self, step: Step) -> None:
        """Note a step that was done; what was undone before cannot be done again any more."""
        self._done.append(step)
        self._undone.clear()
        while len(self._done) > _MOST_STEPS or sum(each.mask_bytes for each in self._done) > _MOST_MASK_BYTES:
            del self._done[0]

    def drop_last(self, key: int) -> None:
        """Forget the newest step of an object, which came to nothing."""
        for index in range(len(self._done) - 1, -1, -1):
            if self._done[index].after.key == key:
                del self._done[index]
                return

    def undo(self) -> Optional[Step]:
        """Return the step to take back; None when there is none."""
        if not self._done:
            return None
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def redo(self) -> Optional[Step]:
        """Return the step to do again; None when there is none."""
        if not self._undone:
            return None
        self._done.append(self._undone.pop())
        return self._done[-1]

    def clear(self) -> None:
        """Forget all steps."""
        self._done.clear()
        self._undone.clear()

    @property
    def names(self) -> tuple[str, str]:
        """Return in words what `undo` and `redo` would do; empty for nothing."""
        return self._done[-1].what if self._done else "", self._undone[-1].what if self._undone else ""
