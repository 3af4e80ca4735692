"""Which ways of matting there are, and what one by name needs."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import cast

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.engines.matting.closed_form import ClosedFormMatter
from roto_daemon.engines.matting.guided import GuidedMatter
from roto_daemon.engines.matting.matter import Matter
from roto_daemon.errors import UnavailableError, UnknownError

MATTERS = ("guided", "closed-form", "vitmatte")
"""By name, the default first."""

_VITMATTE = "vitmatte-small-composition-1k"


def weights_of(name: str, models: ModelsFolder, weights: Path | None = None) -> str:
    """Return what files say of the weights of a way of matting; empty for one without. Arguments as `find_matter`."""
    if name != "vitmatte":
        return ""
    return weights.name if weights else models.weights(_VITMATTE)


def find_matter(name: str, models: ModelsFolder, weights: Path | None = None, device: str = "auto") -> Matter:
    """Return the way of matting of a name, "" for the default.

    A network's weights are those in `models`, or the file `weights`. Raises UnknownError, UnavailableError with what
    would make it available, or WeightsError.
    """
    if name in {"", "guided"}:
        return GuidedMatter()
    if name == "closed-form":
        return ClosedFormMatter()
    if name != "vitmatte":
        raise UnknownError(f"There is no matting '{name}': choose one of {', '.join(MATTERS)}.")
    missing = [each for each in ("torch", "transformers") if importlib.util.find_spec(each) is None]
    if missing:
        raise UnavailableError(f"ViTMatte needs {' and '.join(missing)}: pip install 'rotolink[transformers]'.")
    file = weights or models.verified(_VITMATTE)
    # Imported here alone: whoever mats without a network needs no PyTorch.
    vitmatte = importlib.import_module("roto_daemon.engines.matting.vitmatte")
    return cast("Matter", vitmatte.load_vitmatte(file, device))
