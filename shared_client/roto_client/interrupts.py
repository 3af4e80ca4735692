"""Ctrl-C: a command that has begun nothing ends at once, one that works gives back first what it holds."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

CODE = 130
"""How a process ends that was interrupted: 128 and the number of SIGINT, as shells have it."""


def end_at_once() -> None:
    """Let Ctrl-C end this process with one line; does nothing where it is ignored or minded already."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt while the context lasts, where `end_at_once` holds."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> None:
    # No exception: an import, a finalizer or a library's own `except` would swallow it or show its trace.
    os.write(2, b"roto: interrupted.\n")
    os._exit(CODE)
