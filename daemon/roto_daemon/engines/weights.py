"""Files of weights into networks, without ever running what a file says.

Two formats are read: safetensors, and what `torch.save` writes, by its unpickler that makes tensors and plain values
only. This module imports torch: import it where an engine is opened.
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from roto_daemon.errors import WeightsError

_ZIP_MAGIC = b"PK\x03\x04"
_PICKLE_MAGIC = b"\x80"
_WRAPPERS = ("model", "state_dict", "model_state_dict")
"""Keys under which training programs put the weights beside the state of an optimiser."""
_DAMAGE = (
    AssertionError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
)
"""What torch's readers raise for files whose bytes were cut or turned."""
_CALLED = re.compile(r"Unsupported global: GLOBAL ([\w.]+)")
"""How torch names, in its refusal, what a pickle asks for beyond tensors."""
_NAMED = 3
"""So many keys stand in a sentence about weights that do not fit."""


def load_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file of weights by their names, on the CPU, mapped from the file where its form allows.

    Where a file holds more than weights, those under "model" or "state_dict" are taken. Raises WeightsError, in one
    sentence, for a file that is missing, damaged, unsafe, or no state dict.
    """
    try:
        with path.open("rb") as stream:
            begin = stream.read(16)
    except OSError as error:
        raise WeightsError(f"The weights '{path}' cannot be read: {error.strerror}.") from error
    if begin[8:9] == b"{":
        return _load_safetensors(path)
    if begin.startswith((_ZIP_MAGIC, _PICKLE_MAGIC)):
        return _as_state(_load_pickle(path, is_zip=begin.startswith(_ZIP_MAGIC)), path)
    raise WeightsError(f"'{path}' is no file of weights: it is neither safetensors nor what torch.save writes.")


def fit_state(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Put weights into a network; raises WeightsError, and changes nothing, unless each has its place and its shape.

    `path` is where they came from, for the sentence. Weights of another precision are converted.
    """
    own = network.state_dict()
    faults = {
        "missing": sorted(own.keys() - state.keys()),
        "unexpected": sorted(state.keys() - own.keys()),
        "of another shape": sorted(key for key in own.keys() & state.keys() if own[key].shape != state[key].shape),
    }
    told = [f"{len(keys)} {fault} ({_some(keys)})" for fault, keys in faults.items() if keys]
    if told:
        raise WeightsError(
            f"'{path}' holds the weights of another network than {type(network).__name__}: {', '.join(told)}. "
            "Take the checkpoint that belongs to this engine."
        )
    network.load_state_dict(state)


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = load_file(path, device="cpu")
    except (SafetensorError, *_DAMAGE) as error:
        raise WeightsError(_damaged(path)) from error
    return _as_state(state, path)


def _load_pickle(path: Path, *, is_zip: bool) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the pickle's protocol: what matters of it ends as an error
            loaded: object = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except _DAMAGE as error:
        called = _CALLED.search(str(error))
        if called:
            raise WeightsError(
                f"'{path}' is damaged or no plain file of weights: it asks for {called[1]}, through which it could "
                "run anything, and was not loaded. Take the file of its publisher."
            ) from error
        raise WeightsError(_damaged(path)) from error
    return loaded


def _as_state(loaded: object, path: Path) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not loaded:
        raise WeightsError(f"'{path}' holds no weights: a {type(loaded).__name__} instead of tensors by their names.")
    for key, value in loaded.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise WeightsError(f"'{path}' holds no weights: '{key}' is a {type(value).__name__}, not a tensor.")
    return dict(loaded)


def _damaged(path: Path) -> str:
    return f"The weights '{path}' are damaged or cut short: fetch the file again."


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_NAMED]) + (", …" if len(keys) > _NAMED else "")
