"""Coverage by ViTMatte (Yao et al. 2024), through the code of transformers and weights in a file.

Imported only where it is used: it needs PyTorch.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import torch
from transformers import VitDetConfig, VitMatteConfig, VitMatteForImageMatting

from roto_daemon.engines.devices import device_of
from roto_daemon.engines.matting.tiles import Tiling, solve
from roto_daemon.engines.matting.trimap import INSIDE, UNKNOWN, Trimap
from roto_daemon.engines.weights import fit_state, load_state
from roto_daemon.errors import UnavailableError, WeightsError
from roto_daemon.pictures import Matte, Picture

_STEP_PX = 32
"""What a side must be a multiple of: the network's coarsest step."""
_SMALLEST_TILE_PX = 128
"""Smaller ones see too little of what lies around an edge."""
_WHITE = 255

_log = logging.getLogger(__name__)
_HEAD_WIDTH = 64
"""Of the published networks' attention."""
_MEAN, _SPREAD = 0.5, 0.5
"""Of colours 0 to 1, as the published weights were trained."""


class VitMatteMatter:
    """Runs a ViTMatte network on tiles. Its attention takes memory with the square of a tile's area."""

    def __init__(self, model: VitMatteForImageMatting, tiling: Tiling | None = None) -> None:
        """Take over a model, on its device. The tiling is for tests and for devices of little memory."""
        self._model = model.eval()
        self.tiling = tiling or Tiling(1024, 96, _STEP_PX)

    def coverage(self, picture: Picture, known: Trimap, mask: Matte) -> Matte:
        """Return the coverage of a tile; one for which the device has too little memory is done in smaller ones.

        Raises UnavailableError when the smallest still needs too much.
        """
        try:
            return self._alphas(picture, known)
        except torch.OutOfMemoryError as error:
            smaller = self._smaller_than(max(known.shape))
            if smaller.side_px < _SMALLEST_TILE_PX:
                raise UnavailableError(
                    "The device has too little memory for ViTMatte: close other programs, or take --matting guided."
                ) from error
        if smaller != self.tiling:
            _log.warning("The device's memory is full: ViTMatte goes on in tiles of %d px.", smaller.side_px)
        self.tiling = smaller
        unknown = known == UNKNOWN
        return solve(unknown, smaller, lambda part: self.coverage(picture[part], known[part], mask[part]))

    def _smaller_than(self, side_px: int) -> Tiling:
        """Return the tiling for a tile that was too large: that which another has led to already, or half of it."""
        if side_px > self.tiling.side_px + _STEP_PX:
            return self.tiling
        return Tiling(self.tiling.side_px // 2, self.tiling.overlap_px // 2, _STEP_PX)

    @torch.inference_mode()
    def _alphas(self, picture: Picture, known: Trimap) -> Matte:
        height, width = known.shape
        stated = np.select([known == UNKNOWN, known == INSIDE], [np.float32(0.5), np.float32(1)], np.float32(0))
        colours = (picture / np.float32(_WHITE) - _MEAN) / _SPREAD
        seen = np.concatenate([colours.astype(np.float32), stated[..., None]], 2)
        padded = np.pad(seen, ((0, -height % _STEP_PX), (0, -width % _STEP_PX), (0, 0)), mode="edge")
        weights = next(self._model.parameters())
        pixels = torch.from_numpy(padded.transpose(2, 0, 1)[None].copy()).to(weights.device, weights.dtype)
        alphas = self._model(pixel_values=pixels).alphas
        return np.asarray(alphas[0, 0, :height, :width].float().cpu().numpy(), np.float32)


def load_vitmatte(weights: Path, device: str = "auto") -> VitMatteMatter:
    """Return the network whose weights a file holds, on a device; raises WeightsError or UnavailableError.

    A `config.json` beside the file describes it; without one it is taken for one of the two published sizes.
    """
    place = device_of(device)
    state = load_state(weights)
    described = weights.with_name("config.json")
    try:
        told = json.loads(described.read_text(encoding="utf-8")) if described.is_file() else None
        model = VitMatteForImageMatting(VitMatteConfig(**told) if told else _published(state))
    except Exception as error:  # a description's faults come out of transformers as errors of any kind
        raise WeightsError(
            f"'{weights}' holds no weights of ViTMatte, or '{described}' describes none: fetch both again."
        ) from error
    fit_state(model, state, weights)
    return VitMatteMatter(model.to(place))


def _published(state: dict[str, torch.Tensor]) -> VitMatteConfig:
    """Return the configuration of vitmatte-small and vitmatte-base, told apart by their width."""
    width = state["backbone.embeddings.projection.weight"].shape[0]
    backbone = VitDetConfig(
        num_channels=4,
        image_size=512,
        pretrain_image_size=224,
        patch_size=16,
        hidden_size=width,
        num_attention_heads=width // _HEAD_WIDTH,
        use_absolute_position_embeddings=True,
        use_relative_position_embeddings=True,
        window_size=14,
        window_block_indices=[0, 1, 3, 4, 6, 7, 9, 10],
        residual_block_indices=[2, 5, 8, 11],
        out_features=["stage12"],
    )
    return VitMatteConfig(backbone_config=backbone, hidden_size=width, fusion_hidden_sizes=[256, 128, 64, 32])
