"""The classic engine: follows objects without weights, by optical flow, graph cuts and a guided filter."""

from __future__ import annotations

from roto_daemon.engines import EngineInfo, EngineSession, FrameSource, PromptKind
from roto_daemon.engines.classic.session import ClassicSession


class ClassicEngine:
    """The engine that runs everywhere: no weights, no GPU, the same result to the bit on every run."""

    @property
    def info(self) -> EngineInfo:
        """Return what the engine can do."""
        return EngineInfo("classic", "Classic (no weights)", frozenset(PromptKind), needs_weights=False)

    def open(self, source: FrameSource) -> EngineSession:
        """Start a session on a plate."""
        return ClassicSession(source)


__all__ = ["ClassicEngine"]
