"""Cutie: carries a mask through the shot by a network that remembers it. What is pointed at, another engine answers.

Nothing here imports torch before a session is opened.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.engines import Engine, EngineInfo, EngineSession, FrameSource
from roto_daemon.engines.sam2 import Published, Weights

if TYPE_CHECKING:
    from roto_daemon.engines.cutie.network import Network

_NEEDS = ("torch", "cutie", "einops")


# Probabilities have a cell for 4x4 pixels of a frame of 480 rows: brought to this, nothing of them is lost.
_MASK_SIDE_PX = 512


@dataclass
class CutieEngine:
    """Cutie with the prompts of another engine. The network is loaded when the first session opens, and shared."""

    weights: Weights
    pointing: Engine
    """Answers points and boxes, and corrects what was tracked."""
    name: str = "cutie"
    title: str = "Cutie"
    device: str = "auto"
    """`auto` (CUDA if there is one, else the processor), `cpu`, `cuda` or `mps`."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """What a network of another size than the published one has of its own, as the package's `model/base.yaml`."""
    _network: Network | None = field(default=None, init=False, repr=False)

    @property
    def info(self) -> EngineInfo:
        """Return what the engine can do: every prompt that the pointing engine understands."""
        prompts = self.pointing.info.prompts
        weights = self.weights.label()
        return EngineInfo(
            self.name,
            self.title,
            prompts,
            needs_weights=True,
            unavailable=self._unavailable(),
            weights=weights,
            mask_side_px=_MASK_SIDE_PX,
        )

    def open(self, source: FrameSource) -> EngineSession:
        """Start a session on a plate.

        Raises UnavailableError while `info` says so or when there is no such device, WeightsError for weights that
        are damaged or do not fit.
        """
        from roto_daemon.engines.cutie.network import load  # noqa: PLC0415 - torch is imported once it is needed
        from roto_daemon.engines.cutie.session import CutieSession  # noqa: PLC0415 - the same

        if self._network is None:
            self._network = load(self.model, self.weights.file(), self.device)
        return CutieSession(source, self._network, self.pointing.open(source))

    def _unavailable(self) -> str:
        missing = [each for each in _NEEDS if importlib.util.find_spec(each) is None]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            return f"{' and '.join(missing)} {verb} not installed: pip install 'rotolink[cutie]'."
        return self.weights.unavailable()


def cutie_engine(models: ModelsFolder, pointing: Engine, device: str = "auto") -> CutieEngine:
    """Return Cutie with the weights that its authors publish."""
    return CutieEngine(Published(models, "cutie-base-mega"), pointing, device=device)


__all__ = ["CutieEngine", "cutie_engine"]
