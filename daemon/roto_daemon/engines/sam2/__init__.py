"""SAM 2: points, boxes and masks to mattes, on one frame and through the shot, by a network with weights.

Nothing here imports torch before a session is opened: a daemon lists the engine whether or not it can be used.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from roto_daemon.engines import EngineInfo, EngineSession, FrameSource, PromptKind

if TYPE_CHECKING:
    from roto_daemon.engines.sam2.predictor import Predictor


@dataclass
class Sam2Engine:
    """SAM 2 at one size. The model is loaded when the first session opens, and shared by all that follow."""

    name: str
    title: str
    weights: Path
    """The checkpoint: safetensors, or the package's own format."""
    config: Path | str
    """The model's YAML: a file, or the name of one inside the package."""
    device: str = "auto"
    """`auto` (CUDA if there is one, else the processor), `cpu`, `cuda` or `mps`; MPS is experimental."""
    compiled: bool = False
    """Compile the model: minutes at the start, faster afterwards; for CUDA."""
    _predictor: Predictor | None = field(default=None, init=False, repr=False)

    @property
    def info(self) -> EngineInfo:
        """Return what the engine can do."""
        return EngineInfo(
            self.name,
            self.title,
            frozenset(PromptKind),
            needs_weights=True,
            unavailable=self._unavailable(),
            weights=self.weights.name,
        )

    def open(self, source: FrameSource) -> EngineSession:
        """Start a session on a plate; raises WeightsError for weights that do not fit, UnavailableError for a device.

        Not to be called while `info` says that the engine is unavailable.
        """
        from roto_daemon.engines.sam2.predictor import load  # noqa: PLC0415 - torch is imported once it is needed
        from roto_daemon.engines.sam2.session import Sam2Session  # noqa: PLC0415 - the same

        if self._predictor is None:
            self._predictor = load(self.config, self.weights, self.device, compiled=self.compiled)
        return Sam2Session(source, self._predictor)

    def _unavailable(self) -> str:
        missing = [each for each in ("torch", "sam2") if importlib.util.find_spec(each) is None]
        if missing:
            return f"{' and '.join(missing)} is not installed: install Rotolink's extra 'sam2'."
        if not self.weights.is_file():
            return f"its weights are not here: run `roto-daemon models pull {self.name}`."
        return ""


__all__ = ["Sam2Engine"]
