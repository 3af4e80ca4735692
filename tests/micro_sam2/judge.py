"""Track clips through the package's own video predictor and measure the masks against the true ones."""

from __future__ import annotations

import contextlib
import io
from collections import OrderedDict
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import micro_model
import numpy as np
import torch
from clips import Clip, clicks_on, make_clip
from numpy.typing import NDArray
from torch import nn

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_FIRST_HELD_OUT = 5_000
"""Seeds of the table: thirty clips from here, none of which training or its validation ever draws."""
_CLIPS, _FRAMES, _SIZE = 30, 8, 256
_PROMPTS = ("click", "5 clicks", "box", "mask")


def overlap(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    """Intersection over union; two empty masks agree."""
    either = int((found | wanted).sum())
    return float((found & wanted).sum() / either) if either else 1.0


def open_clip(model: nn.Module, frames: NDArray[np.uint8]) -> dict[str, Any]:
    """Make the predictor's state for frames [T, H, W, 3] uint8 RGB, without its folder of JPEG files."""
    count, height, width = frames.shape[:3]
    side = model.image_size
    resized = np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in frames])
    images = torch.from_numpy(resized).permute(0, 3, 1, 2).float() / 255
    images = (images - torch.tensor(_MEAN).view(3, 1, 1)) / torch.tensor(_DEVIATION).view(3, 1, 1)
    state = {
        "images": images,
        "num_frames": count,
        "video_height": height,
        "video_width": width,
        "device": torch.device("cpu"),
        "storage_device": torch.device("cpu"),
        "offload_video_to_cpu": False,
        "offload_state_to_cpu": False,
        "obj_id_to_idx": OrderedDict(),
        "obj_idx_to_id": OrderedDict(),
        "obj_ids": [],
    }
    for name in ("point_inputs", "mask_inputs", "output_dict", "temp_output_dict", "frames_tracked"):
        state[f"{name}_per_obj"] = {}
    return state | {"cached_features": {}, "constants": {}}


def track(model: nn.Module, state: dict[str, Any]) -> NDArray[np.bool_]:
    """Propagate all objects over the clip: masks [T, N, H, W]."""
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar
        found = [(logits[:, 0] > 0).numpy() for _, _, logits in model.propagate_in_video(state)]
    return np.stack(found)


def prompt(model: nn.Module, state: dict[str, Any], number: int, mask: NDArray[np.bool_], kind: str) -> None:
    """Ask for one object on frame 0, by what an artist who knows its *mask* would give."""
    rng = np.random.default_rng(number)
    if kind == "mask":
        model.add_new_mask(state, 0, number, mask)
    elif kind == "box":
        model.add_new_points_or_box(state, 0, number, box=box_round(mask))
    else:
        clicks = clicks_on(mask, 1 if kind == "click" else 5, rng)
        model.add_new_points_or_box(state, 0, number, points=clicks, labels=np.ones(len(clicks), np.int32))


def box_round(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Left, top, right and bottom of a mask."""
    columns, rows = np.nonzero(mask.any(axis=0))[0], np.nonzero(mask.any(axis=1))[0]
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def correction(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Click in the middle of the largest error: one place (x, y), and label 1 where more is wanted or 0 where less."""
    errors = [(found & ~wanted), (wanted & ~found)]
    depths = [cv2.distanceTransform(np.pad(error.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1] for error in errors]
    label = int(depths[1].max() >= depths[0].max())
    row, column = np.unravel_index(depths[label].argmax(), found.shape)
    return np.array([[column, row]], np.float32), np.array([label], np.int32)


def held_out(number: int) -> Clip:
    """Return clip *number* of the table: one, two, three objects in turn, every fourth round with an occlusion."""
    return make_clip(
        _FIRST_HELD_OUT + number, frames=_FRAMES, size=_SIZE, objects=1 + number % 3, occlusion=number // 3 % 4 == 3
    )


def table(path: Path, size: int | None = None) -> str:
    """Mean IoU on frame 0 and on tracked frames where the object is seen, by prompt and number of objects."""
    model = micro_model.load(path, size)
    lines = ["prompt     1 object     2 objects    3 objects    all"]
    for kind in _PROMPTS:
        first: dict[int, list[float]] = {1: [], 2: [], 3: []}
        later: dict[int, list[float]] = {1: [], 2: [], 3: []}
        for number in range(_CLIPS):
            clip = held_out(number)
            objects = clip.masks.shape[1]
            state = open_clip(model, clip.frames)
            for target in range(objects):
                prompt(model, state, target, clip.masks[0, target], kind)
            found = track(model, state)
            for target in range(objects):
                first[objects].append(overlap(found[0, target], clip.masks[0, target]))
                seen = [t for t in range(1, _FRAMES) if clip.visible[t, target]]
                later[objects] += [overlap(found[t, target], clip.masks[t, target]) for t in seen]
        cells = [f"{np.mean(first[n]):.3f}/{np.mean(later[n]):.3f}" for n in first]
        cells.append(f"{np.mean(list(chain(*first.values()))):.3f}/{np.mean(list(chain(*later.values()))):.3f}")
        lines.append(f"{kind:10} " + "  ".join(cells))
    return "\n".join(lines)
