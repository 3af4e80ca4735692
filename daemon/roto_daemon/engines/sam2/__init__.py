"""SAM 2: points, boxes and masks to mattes, on one frame and through the shot, by a network with weights.

Nothing here imports torch before a session is opened: a daemon lists the engines whether or not they can be used.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.engines import EngineInfo, EngineSession, FrameSource, PromptKind

if TYPE_CHECKING:
    from roto_daemon.engines.sam2.predictor import Predictor

# Size, what is said of it, its checkpoint, and its configuration inside the package.
_SIZES = (
    ("tiny", "SAM 2.1 tiny", "sam2.1_hiera_tiny", "sam2.1_hiera_t.yaml"),
    ("small", "SAM 2.1 small", "sam2.1_hiera_small", "sam2.1_hiera_s.yaml"),
    ("base-plus", "SAM 2.1 base+", "sam2.1_hiera_base_plus", "sam2.1_hiera_b+.yaml"),
    ("large", "SAM 2.1 large", "sam2.1_hiera_large", "sam2.1_hiera_l.yaml"),
)


class Weights(Protocol):
    """A checkpoint that may or may not be here."""

    def unavailable(self) -> str:
        """Return why it cannot be used now and what would change that; empty when it can."""

    def label(self) -> str:
        """Return what is written of mattes that were made with it."""

    def file(self) -> Path:
        """Return the file; raises WeightsError or UnavailableError when it is not what it should be."""


# Logits have 256 cells a side, whatever the plate's shape: brought to this, nothing of them is lost either way.
_MASK_SIDE_PX = 512


@dataclass(frozen=True)
class Published:
    """A checkpoint of the models folder, by its name there."""

    models: ModelsFolder
    name: str

    def unavailable(self) -> str:
        """Return why it cannot be used now; empty when it can."""
        return self.models.unavailable(self.name)

    def label(self) -> str:
        """Return its file, the begin of its sum, and its licence."""
        return self.models.weights(self.name)

    def file(self) -> Path:
        """Return the file once its sum is verified."""
        return self.models.verified(self.name)


@dataclass(frozen=True)
class OwnFile:
    """A checkpoint of one's own, anywhere."""

    path: Path

    def unavailable(self) -> str:
        """Return that it is missing, if it is."""
        return "" if self.path.is_file() else f"its weights '{self.path}' are not there: put them there."

    def label(self) -> str:
        """Return its name."""
        return self.path.name

    def file(self) -> Path:
        """Return the file."""
        return self.path


@dataclass
class Sam2Engine:
    """SAM 2 at one size. The model is loaded when the first session opens, and shared by all that follow."""

    name: str
    title: str
    weights: Weights
    config: Path | str
    """The model's YAML: a file, or the name of one inside the package."""
    device: str = "auto"
    """`auto` (CUDA if there is one, else the processor), `cpu`, `cuda` or `mps`; MPS is experimental."""
    compiled: bool = False
    """Compile the model where it runs on CUDA: minutes at the start, faster afterwards."""
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
            weights=self.weights.label(),
            mask_side_px=_MASK_SIDE_PX,
        )

    def open(self, source: FrameSource) -> EngineSession:
        """Start a session on a plate.

        Raises UnavailableError while `info` says so or when there is no such device, WeightsError for weights that
        are damaged or do not fit.
        """
        from roto_daemon.engines.sam2.predictor import load  # noqa: PLC0415 - torch is imported once it is needed
        from roto_daemon.engines.sam2.session import Sam2Session  # noqa: PLC0415 - the same

        if self._predictor is None:
            self._predictor = load(self.config, self.weights.file(), self.device, compiled=self.compiled)
        return Sam2Session(source, self._predictor)

    def _unavailable(self) -> str:
        missing = [each for each in ("torch", "sam2") if importlib.util.find_spec(each) is None]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            return f"{' and '.join(missing)} {verb} not installed: pip install 'rotolink[sam2]'."
        return self.weights.unavailable()


def sam2_engines(models: ModelsFolder, device: str = "auto", *, compiled: bool = False) -> list[Sam2Engine]:
    """Return SAM 2.1 at its four sizes, the smallest first."""
    return [
        Sam2Engine(f"sam2-{size}", title, Published(models, name), f"configs/sam2.1/{file}", device, compiled)
        for size, title, name, file in _SIZES
    ]


__all__ = ["OwnFile", "Sam2Engine", "sam2_engines"]
