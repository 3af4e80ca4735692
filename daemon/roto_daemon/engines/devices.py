"""Where networks run. This module imports torch: import it where a network is loaded."""

from __future__ import annotations

import torch

from roto_daemon.errors import UnavailableError


def device_of(name: str) -> torch.device:
    """Return the device of a setting: `auto` (CUDA where there is one, else the processor), `cpu`, `cuda` or `mps`.

    Raises UnavailableError, naming those that there are.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = "cuda" if there["cuda"] else "cpu"
    if not there.get(name):
        usable = ", ".join(each for each, works in there.items() if works)
        raise UnavailableError(f"There is no device '{name}' here: set the device to auto or one of {usable}.")
    return torch.device(name)
