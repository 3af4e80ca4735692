"""The `sam2` package's video predictor with what it lacks here: built without global state, features by request.

It is built from a YAML file without Hydra's process-wide state, which another library may have set up first.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from sam2.sam2_video_predictor import SAM2VideoPredictor, SAM2VideoPredictorVOS
from torch.nn import functional

from roto_daemon.engines.devices import device_of
from roto_daemon.engines.weights import fit_state, load_state
from roto_daemon.errors import LimitError

logger = logging.getLogger(__name__)

NO_ROOM = "The device has too little memory for this model: close other programs or take a smaller model."

# Frames whose features are kept: 16 MiB each at 1024 pixels, 512 MiB in all; half of it on a GPU with bfloat16.
# Objects that are followed over the same stretch of so many frames share the image encoder's work.
_FEATURE_FRAMES = 32
# Conditioning frames that one frame attends to: the nearest. Bounds the time per frame when many frames are
# prompted; each costs as much as one remembered frame, of which there are seven.
_MOST_CONDITIONING_FRAMES = 8
# From this compute capability on bfloat16 and TF32 run in hardware (Ampere).
_AMPERE = 8
# What the package's own builder adds to the YAML file for clicks by hand. Holes are filled in what is shown instead.
_OVERRIDES = {
    "sam_mask_decoder_extra_args": {
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    },
    "binarize_mask_from_pts_for_mem_enc": True,
    "fill_hole_area": 0,
    "add_all_frames_to_correct_as_cond": True,
    "max_cond_frames_in_attn": _MOST_CONDITIONING_FRAMES,
}


class Predictor(SAM2VideoPredictor):
    """The package's predictor, for states that name their `features` and keep their objects apart."""

    predicted_iou: torch.Tensor
    """How well the network thinks that the last frame's mask fits, 0 to 1."""
    most_features = _FEATURE_FRAMES
    """So many frames' features are kept, of all plates together."""

    def __init__(self, **parts: Any) -> None:  # noqa: ANN401 - the YAML file's
        super().__init__(**parts)
        self.features: OrderedDict[tuple[object, int], tuple[bytes, list[torch.Tensor]]] = OrderedDict()
        """By plate and frame, that used last at the end: a sample of the picture, and what the encoder made of it."""
        self.positions: list[torch.Tensor] = []
        """The image encoder's position codes, the same for every frame; none before the first."""
        self.memory_attention.register_forward_pre_hook(_as_the_weights, with_kwargs=True)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Run one step of inference; not to be held across a `yield`, as the mode belongs to the thread."""
        device = self.device
        half = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= _AMPERE
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
            yield

    def infer(self, state: dict[str, Any], outputs: dict[str, Any], index: int, **prompt: Any) -> dict[str, Any]:  # noqa: ANN401 - as the package has them
        """Return what the package keeps of one object on the frame at an index."""
        out, _ = self._run_single_frame_inference(
            inference_state=state, output_dict=outputs, frame_idx=index, batch_size=1, **prompt
        )
        kept: dict[str, Any] = out
        return kept

    def encode(self, state: dict[str, Any], index: int, out: dict[str, Any]) -> None:
        """Add the memory to what is kept of an object on a prompted frame."""
        side = (self.image_size, self.image_size)
        large = functional.interpolate(out["pred_masks"].to(self.device), side, mode="bilinear", align_corners=False)
        features, positions = self._run_memory_encoder(
            inference_state=state,
            frame_idx=index,
            batch_size=1,
            high_res_masks=large,
            object_score_logits=out["object_score_logits"],
            is_mask_from_pts=True,
        )
        out.update(maskmem_features=features, maskmem_pos_enc=positions)

    def _get_image_feature(self, inference_state: dict[str, Any], frame_idx: int, batch_size: int) -> tuple[Any, ...]:
        """Return what the package's method of this name does, of features kept by us; the image is not used."""
        return (None, *self._prepare_backbone_features(inference_state["features"].of(frame_idx)))

    def _track_step(self, *args: Any, **named: Any) -> tuple[Any, ...]:  # noqa: ANN401 - as the package has it
        """Do as the package does, and keep the predicted IoU, which it drops."""
        step: tuple[Any, ...] = super()._track_step(*args, **named)
        self.predicted_iou = step[1][2].amax()
        return step


class CompiledPredictor(Predictor, SAM2VideoPredictorVOS):
    """The same, compiled by torch: for CUDA."""


def load(config: Path | str, weights: Path, device: str, *, compiled: bool = False) -> Predictor:
    """Return a predictor with its weights on a device, ready for inference.

    Raises WeightsError when the weights cannot be read or belong to another model, UnavailableError when there is
    no such device, LimitError when it has too little memory.
    """
    place = device_of(device)
    predictor = build(config, compiled=compiled and place.type == "cuda")
    fit_state(predictor, load_state(weights), weights)
    if place.type == "cuda" and torch.cuda.get_device_capability(place)[0] >= _AMPERE:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
    if place.type == "mps":
        logger.warning("SAM 2 on MPS is experimental: compare its mattes with those of the device 'cpu'.")
    try:
        predictor.to(place)
    except torch.OutOfMemoryError as error:
        raise LimitError(NO_ROOM) from error
    return predictor


def build(config: Path | str, *, compiled: bool = False, side: int | None = None) -> Predictor:
    """Return a predictor with random weights on the processor.

    `config` is a YAML file or the name of one inside the package, `side` another input size than it says.
    """
    path = config if isinstance(config, Path) else Path(str(files("sam2") / config))
    target = CompiledPredictor if compiled else Predictor
    own = {"_target_": f"{target.__module__}.{target.__qualname__}", **({"image_size": side} if side else {})}
    model = OmegaConf.merge(OmegaConf.load(path).model, _OVERRIDES, own)
    OmegaConf.resolve(model)
    predictor: Predictor = instantiate(model, _recursive_=True)
    predictor.eval()
    return predictor


def _as_the_weights(
    module: torch.nn.Module, args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Cast memories to the weights' type.

    Memories are stored as bfloat16. Beside a pointer they are promoted by being joined with it; without one, as
    when a shot is followed backwards from its end, the attention's weights would refuse them.
    """
    kind = next(module.parameters()).dtype
    return args, {**named, "memory": named["memory"].to(kind), "memory_pos": named["memory_pos"].to(kind)}
