"""The micro SAM 2: build it, load and save its weights, and start it afresh so that it learns in an hour."""

from __future__ import annotations

from pathlib import Path

import hydra.utils
import safetensors.torch
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

FOLDER = Path(__file__).parent
CONFIG = FOLDER / "micro.yaml"
WEIGHTS = FOLDER / "micro.safetensors"

_SHARPNESS = 3.0
"""Factor on the decoder's queries at the start: enough that a click's token looks at its own place."""
_QUIET = 0.3
"""Factor on the decoder's token embeddings at the start: below the size of a position code."""
_NEARNESS = 3.4
"""Bias of memory attention at the start: a memory two cells away weighs a thirtieth of one at the same place."""

_PREDICTOR = {
    "_target_": "sam2.sam2_video_predictor.SAM2VideoPredictor",
    "binarize_mask_from_pts_for_mem_enc": True,
    "fill_hole_area": 0,
    "sam_mask_decoder_extra_args": {
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    },
}
"""What the package's own builder adds to a configuration for video; holes stay, filling them needs its C extension."""


def build(size: int | None = None) -> nn.Module:
    """Make the package's video predictor from micro.yaml with weights drawn at random, for frames of *size* pixels."""
    config = OmegaConf.load(CONFIG).model
    config = OmegaConf.merge(config, _PREDICTOR, {"image_size": size or config.image_size})
    OmegaConf.resolve(config)
    return hydra.utils.instantiate(config, _recursive_=True).eval()


def load(path: Path = WEIGHTS, size: int | None = None) -> nn.Module:
    """Make the package's video predictor with trained weights."""
    model = build(size)
    model.load_state_dict(safetensors.torch.load_file(path))
    return model


def save(weights: dict[str, Tensor], path: Path) -> None:
    """Write weights as float16, whole or not at all."""
    beside = path.with_suffix(".part")
    safetensors.torch.save_file({name: value.half().contiguous() for name, value in weights.items()}, beside)
    beside.replace(path)


def set_size(model: nn.Module, size: int) -> None:
    """Let the same weights work on frames of another size: all position codes are computed."""
    cells = size // 16
    model.image_size = size
    model.sam_image_embedding_size = cells
    model.sam_prompt_encoder.input_image_size = (size, size)
    model.sam_prompt_encoder.image_embedding_size = (cells, cells)
    model.sam_prompt_encoder.mask_input_size = (4 * cells, 4 * cells)


def start_well(model: nn.Module) -> None:
    """Begin where a click looks at its own place and a memory is read where it was written.

    Otherwise the first thing that the model learns is to take what stands out, whatever the click, and it stays there.
    """
    decoder = model.sam_mask_decoder
    crossings = [decoder.transformer.final_attn_token_to_image]
    for layer in decoder.transformer.layers:
        crossings += [layer.cross_attn_token_to_image, layer.cross_attn_image_to_token]
    with torch.no_grad():
        for crossing in crossings:
            crossing.k_proj.weight.copy_(crossing.q_proj.weight)
            crossing.k_proj.bias.copy_(crossing.q_proj.bias)
            crossing.q_proj.weight *= _SHARPNESS
            crossing.q_proj.bias *= _SHARPNESS
        for tokens in (decoder.iou_token, decoder.mask_tokens, decoder.obj_score_token):
            tokens.weight *= _QUIET
        for layer in model.memory_attention.layers:
            for projection in (layer.cross_attn_image.q_proj, layer.cross_attn_image.k_proj):
                projection.bias.zero_()
                projection.bias[0::2] = _NEARNESS  # real parts: rotary codes turn them by the distance of two cells
