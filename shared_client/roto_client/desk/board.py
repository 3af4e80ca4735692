"""What a desk shows and what can be taken back, kept on the host's main thread; other threads hand changes over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Any, Callable, Optional, TypeVar

from roto_client.desk.history import History, Step
from roto_client.desk.shot import StoppedError
from roto_client.desk.state import DeskObject, DeskState, Found, Work
from roto_client.errors import ClientError, HostError
from roto_client.host import Host
from roto_shapes.prompt import Prompt

_RENDER_S = 600.0
"""How long a host may take for one frame: heavy scripts take minutes."""
_LISTEN_S = 0.2
"""How often a thread that waits for the host looks whether the desk was closed."""

_log = logging.getLogger("roto_client.desk")

Answer = TypeVar("Answer")


class Board:
    """The state of a desk. `later` and `ask_host` may be called from any thread, all else from the main one."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.state = DeskState()
        self.history = History()
        self._watchers: list[Callable[[], None]] = []
        self._notice_due = False
        self._closed = threading.Event()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call this after changes; return what ends it."""
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed) if changed in self._watchers else None

    def later(self, call: Callable[[], None]) -> None:
        """Run a call soon on the main thread, unless the desk is closed by then."""
        self.host.later(lambda: None if self._closed.is_set() else call())

    def ask_host(self, call: Callable[[], Answer]) -> Answer:
        """Let the main thread do something and wait for what comes of it; never call it there."""
        answers: SimpleQueue[tuple[bool, Any]] = SimpleQueue()

        def answer() -> None:
            try:
                answers.put((True, call()))
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                answers.put((False, error))

        self.host.later(answer)
        waited = 0.0
        while not self._closed.is_set() and waited < _RENDER_S:
            try:
                well, what = answers.get(timeout=_LISTEN_S)
            except Empty:
                waited += _LISTEN_S
                continue
            if well:
                return what  # type: ignore[no-any-return] # the call's own
            raise what
        if self._closed.is_set():
            raise StoppedError
        raise HostError(f"{self.host.name} did not answer within {_RENDER_S / 60:g} minutes: try a simpler script.")

    def change(self, **fields: Any) -> None:  # noqa: ANN401 - the fields of DeskState, which dataclasses check
        """Show something else."""
        self.state = replace(self.state, **fields)
        self.notice()

    def notice(self) -> None:
        """Tell those who watch, once for all that happens until then."""
        if not self._notice_due:
            self._notice_due = True
            self.later(self._tell)

    def say(self, sentence: str, *, is_error: bool = False) -> None:
        """Tell the artist something in the panel, and an error in the host's own way too."""
        self.change(said=sentence, is_error=is_error)
        if is_error:
            self.host.message(sentence)

    def say_error(self, error: Exception) -> None:
        """Tell what went wrong; a defect says where its trace is."""
        known = isinstance(error, ClientError)
        inside = f"Rotolink failed inside ({type(error).__name__}: {error}); the host's log has the details."
        self.say(str(error) if known else inside, is_error=True)

    def show_work(self, work: Optional[Work], waiting: int) -> None:
        """Show what is under way."""
        before = self.state.work
        if work is not None and before is not None and before.stopping and before.title == work.title:
            work = replace(work, stopping=True)
        self.change(work=work, waiting=waiting)

    def put_object(self, thing: DeskObject) -> None:
        """Show an object as it is now."""
        known = any(each.key == thing.key for each in self.state.objects)
        others = [thing if each.key == thing.key else each for each in self.state.objects]
        self.change(objects=tuple(others) if known else (*others, thing))

    def step(self, what: str, before: DeskObject, after: DeskObject) -> None:
        """Note a change of an object that can be taken back, and show it."""
        self.history.add(Step(what, before, after))
        self.put_object(after)
        self.show_history()

    def show_history(self) -> None:
        """Show what can be taken back now."""
        undo, redo = self.history.names
        self.change(undo=undo, redo=redo)

    def mark_stale(self, key: int) -> None:
        """Take note that an object's shapes are older than its mattes."""
        self.put_object(replace(self.state.find(key), stale=True))

    def put_found(self, key: int, confidence: Mapping[int, float], unreadable: Iterable[int] = ()) -> None:
        """Add what was found of an object."""
        known = self.state.found_of(key)
        found = Found(
            MappingProxyType({**known.confidence, **confidence}),
            (known.unreadable | frozenset(unreadable)) - frozenset(confidence),
        )
        self.change(found=MappingProxyType({**self.state.found, key: found}))

    def take_found(self, key: int, frame: int) -> None:
        """Forget that there was something on a frame."""
        known = self.state.found_of(key)
        kept = {each: level for each, level in known.confidence.items() if each != frame}
        found = Found(MappingProxyType(kept), known.unreadable)
        self.change(found=MappingProxyType({**self.state.found, key: found}))

    def close(self) -> None:
        """Run and tell nothing more."""
        self._closed.set()
        self._watchers.clear()

    def _tell(self) -> None:
        self._notice_due = False
        for changed in tuple(self._watchers):
            changed()


def with_prompt(thing: DeskObject, frame: int, prompt: Prompt) -> DeskObject:
    """Return an object with something else pointed at on a frame; nothing for an empty prompt."""
    prompts = {each: known for each, known in thing.prompts.items() if each != frame}
    if not prompt.is_empty:
        prompts[frame] = prompt
    return replace(thing, prompts=MappingProxyType(prompts), stale=True)
