"""Which finders there are."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.engines.factory import made_by
from roto_daemon.engines.text import Finder, FinderInfo, Found
from roto_daemon.errors import UnavailableError
from roto_daemon.pictures import Picture

_WEIGHTS, _TOKENS = "grounding-dino-tiny", "grounding-dino-tiny-tokenizer"


class GroundingDino:
    """Grounding DINO (Liu et al. 2023). The network is loaded when a phrase is first looked for, and kept."""

    def __init__(self, models: ModelsFolder, device: str = "auto") -> None:
        self._models = models
        self._device = device
        self._network: Any = None

    @property
    def info(self) -> FinderInfo:
        """Return what it is; looks for packages and files and loads neither."""
        return FinderInfo("grounding-dino", "Grounding DINO", self._unavailable(), self._models.weights(_WEIGHTS))

    def find(self, picture: Picture, phrase: str) -> Sequence[Found]:
        """Return what a phrase may mean on a picture."""
        unavailable = self._unavailable()
        if unavailable:
            raise UnavailableError(f"Objects cannot be found by words: {unavailable}")
        if self._network is None:
            # Imported here alone: whoever points by clicks needs no PyTorch.
            module = importlib.import_module("roto_daemon.engines.text.grounding_dino")
            files = self._models.verified(_WEIGHTS), self._models.verified(_TOKENS)
            self._network = module.load_grounding_dino(*files, device=self._device)
        found: Sequence[Found] = self._network.find(picture, phrase)
        return found

    def _unavailable(self) -> str:
        missing = [each for each in ("torch", "transformers") if importlib.util.find_spec(each) is None]
        if missing:
            return f"Grounding DINO needs {' and '.join(missing)}: pip install 'rotolink[transformers]'."
        refusal = self._models.unavailable(_WEIGHTS, _TOKENS)
        return f"Grounding DINO cannot be used: {refusal}" if refusal else ""


def finders(extra: Sequence[str], models: ModelsFolder, device: str = "auto") -> list[Finder]:
    """Return every finder, those of `extra` (`module:factory`) first.

    Raises ConfigError for an extra that does not name a factory of a finder.
    """
    return [*(made_by(each, "a finder") for each in extra), GroundingDino(models, device)]
