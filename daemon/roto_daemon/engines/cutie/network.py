"""Cutie's network, built without Hydra's global state and without fetching anything, and one run of it over frames."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from cutie.inference.inference_core import InferenceCore
from cutie.model.cutie import CUTIE
from cutie.model.utils import resnet
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from torch.nn import functional

from roto_daemon.engines import Matte, Picture
from roto_daemon.engines.devices import device_of
from roto_daemon.engines.weights import fit_state, load_state
from roto_daemon.errors import LimitError

# Frames are made so small on their shorter side: what the network was trained and is judged at.
_SIDE = 480
# The package's settings for shots of any length: working memory of at most 10 frames, one in five, and prototypes of
# older ones, so that a long shot takes no more memory than a short one.
_SETTINGS = {
    "mem_every": 5,
    "use_long_term": True,
    "long_term": {
        "count_usage": True,
        "max_mem_frames": 10,
        "min_mem_frames": 5,
        "num_prototypes": 128,
        "max_num_tokens": 10000,
        "buffer_tokens": 2000,
    },
    "top_k": 30,
    "stagger_updates": 5,
    "chunk_size": -1,
    "save_aux": False,
    "flip_aug": False,
    "max_internal_size": -1,
}
# The network's memory has a place for each square of so many pixels.
_CELL = 16
# The one object of a run, as the package numbers it; the background is 0.
_OBJECT = 1
_EDGE = 0.5
# The network is never quite sure: a haze of so much on either side is none of the object.
_HAZE = 0.05
_building = threading.Lock()


@dataclass(frozen=True)
class Network:
    """A network on its device, ready for inference."""

    net: CUTIE
    settings: DictConfig
    device: torch.device


def load(model: Mapping[str, Any], weights: Path, device: str) -> Network:
    """Return a network with its weights on a device.

    Raises WeightsError when the weights cannot be read or belong to another network, UnavailableError when there is
    no such device.
    """
    place = device_of(device)
    network = build(model)
    fit_state(network.net, load_state(weights), weights)
    return Network(network.net.to(place), network.settings, place)


def build(model: Mapping[str, Any]) -> Network:
    """Return a network with random weights on the processor; `model` overrides parts of the published one."""
    published = OmegaConf.load(str(files("cutie") / "config" / "model" / "base.yaml"))
    settings = DictConfig({**_SETTINGS, "model": OmegaConf.merge(published, dict(model))})
    OmegaConf.resolve(settings)
    with _nothing_fetched():
        net = CUTIE(settings).eval()
    return Network(net, settings, torch.device("cpu"))


@contextmanager
def _nothing_fetched() -> Iterator[None]:
    """Keep the package from fetching ImageNet weights, which its checkpoint replaces at once."""
    names = ("resnet18", "resnet50")
    with _building:
        theirs = {name: getattr(resnet, name) for name in names}
        try:
            for name, make in theirs.items():
                setattr(resnet, name, partial(_untrained, make))
            yield
        finally:
            for name, make in theirs.items():
                setattr(resnet, name, make)


def _untrained(make: Any, **options: Any) -> torch.nn.Module:  # noqa: ANN401 - the package's
    module: torch.nn.Module = make(**{**options, "pretrained": False})
    return module


class Run:
    """One object followed frame by frame, in either direction of time; forgets everything at its end."""

    def __init__(self, network: Network, size: tuple[int, int]) -> None:
        self._network = network
        self._size = size
        ratio = min(1.0, _SIDE / min(size))
        self._small = (max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio)))
        # A frame of few cells cannot have the usual numbers of neighbours and prototypes picked from it.
        cells = -(-self._small[0] // _CELL) * -(-self._small[1] // _CELL)
        few = {
            "top_k": min(network.settings.top_k, cells),
            "long_term": {"num_prototypes": min(network.settings.long_term.num_prototypes, cells)},
        }
        self._core = InferenceCore(network.net, OmegaConf.merge(network.settings, few))

    def state(self, picture: Picture, mask: Matte, *, for_good: bool) -> None:
        """Show the object on a frame; `for_good` keeps it in memory however long the run is.

        A mask of nothing the network's size can hold is passed over.
        """
        small = cv2.resize(np.asarray(mask, np.float32), self._small, interpolation=cv2.INTER_AREA) >= _EDGE
        if small.any():
            index = torch.from_numpy(small.astype(np.int64)).to(self._network.device) * _OBJECT
            self._step(picture, mask=index, objects=[_OBJECT], force_permanent=for_good)

    def follow(self, picture: Picture) -> tuple[Matte, float]:
        """Return the object on the next frame, (height, width), and how sure the network is, 0 to 1.

        Nothing and 0 when it is not there. Raises LimitError when the device's memory is full.
        """
        if not self._core.memory.engaged:
            return np.zeros(self._size[::-1], np.float32), 0.0
        chance = self._step(picture)[_OBJECT][None, None].float()
        with torch.inference_mode():
            large = functional.interpolate(chance, self._size[::-1], mode="bilinear", align_corners=False)[0, 0]
        found = np.asarray(large.cpu().numpy(), np.float32)
        inside = found >= _EDGE
        if not inside.any():
            return np.zeros_like(found), 0.0
        sure = float(2 * found[inside].mean() - 1)
        return np.clip((found - _HAZE) / (1 - 2 * _HAZE), 0, 1).astype(np.float32), sure

    def _step(self, picture: Picture, **given: Any) -> torch.Tensor:  # noqa: ANN401 - the package's
        image = _as_input(picture, self._small).to(self._network.device)
        try:
            with warnings.catch_warnings(), torch.inference_mode():
                warnings.simplefilter("ignore", FutureWarning)  # the package names autocast as it was called before
                chances: torch.Tensor = self._core.step(image, **given)
        except torch.OutOfMemoryError as error:
            message = "The device has too little memory for this model: close other programs or take the processor."
            raise LimitError(message) from error
        return chances


def _as_input(picture: Picture, size: tuple[int, int]) -> torch.Tensor:
    small: NDArray[np.uint8] = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return torch.from_numpy(small.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
