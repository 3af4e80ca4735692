"""Grounding DINO through the code of transformers, with weights and vocabulary from files.

Imported only where a phrase is looked for: it needs PyTorch. Pixels and words are prepared here, so that neither
torchvision nor a connection is needed.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection
from transformers.utils import logging

from roto_daemon.engines.devices import device_of
from roto_daemon.engines.text import Found
from roto_daemon.engines.weights import load_state
from roto_daemon.errors import WeightsError
from roto_daemon.pictures import Picture

_SHORT_SIDE, _LONG_SIDE = 800, 1333
"""Of the picture that the network sees, as it was trained."""
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue, 0 to 1, as it was trained."""
_LEAST_SCORE = 0.25
"""Of a box and of a word, as its publishers have it."""
_WHITE = 255


class GroundingDinoNetwork:
    """A network with its vocabulary."""

    def __init__(
        self, model: GroundingDinoForObjectDetection, tokens: Tokenizer, least_score: float = _LEAST_SCORE
    ) -> None:
        """Take over a model, on its device. `least_score` is for tests, whose weights mean nothing."""
        self._model = model.eval()
        self._tokens = tokens
        self._least_score = least_score

    @torch.inference_mode()
    def find(self, picture: Picture, phrase: str) -> list[Found]:
        """Return the boxes that are likely enough to be what the phrase says."""
        device = next(self._model.parameters()).device
        # Phrases are lower case and end in a period: so the network was trained to tell them apart.
        said = self._tokens.encode(phrase.lower().rstrip(". ") + ".")
        words = [torch.tensor([ids], device=device) for ids in (said.ids, said.type_ids, said.attention_mask)]
        answer = self._model(
            pixel_values=_pixels(picture).to(device),
            input_ids=words[0],
            token_type_ids=words[1],
            attention_mask=words[2],
        )
        chances = answer.logits[0].sigmoid()[:, : len(said.ids)].float().cpu().numpy()
        boxes = answer.pred_boxes[0].float().cpu().numpy()
        height, width = picture.shape[:2]
        found = []
        for chance, (x, y, across, down) in zip(chances, boxes, strict=True):
            score = float(chance.max())
            if score <= self._least_score:
                continue
            box = (
                float((x - across / 2) * width),
                float((y - down / 2) * height),
                float((x + across / 2) * width),
                float((y + down / 2) * height),
            )
            # The first and the last token stand for the phrase's ends.
            meant = [
                token for token, each in zip(said.ids[1:-1], chance[1:-1], strict=True) if each > self._least_score
            ]
            found.append(Found(box, score, self._tokens.decode(meant).strip(" .")))
        return found


def load_grounding_dino(
    weights: Path, tokens: Path, config: GroundingDinoConfig | None = None, device: str = "auto"
) -> GroundingDinoNetwork:
    """Return the network of files of weights and vocabulary, on a device; raises WeightsError or UnavailableError.

    Without a configuration it is grounding-dino-tiny.
    """
    logging.disable_progress_bar()
    place = device_of(device)
    state = load_state(weights)
    try:
        vocabulary = Tokenizer.from_file(str(tokens))
    except Exception as error:  # tokenizers raises nothing narrower
        raise WeightsError(f"'{tokens}' is no vocabulary ({error}): fetch it again.") from error
    described = config or GroundingDinoConfig()
    described.disable_custom_kernels = True  # they are compiled for CUDA when first used
    # transformers' own loading knows under which names earlier versions of it published the same weights.
    model, told = GroundingDinoForObjectDetection.from_pretrained(
        None, config=described, state_dict=state, output_loading_info=True, ignore_mismatched_sizes=True
    )
    faults = [f"{len(told[kind])} {kind.removesuffix('_keys')}" for kind in _FAULTS if told[kind]]
    if faults:
        raise WeightsError(
            f"'{weights}' holds the weights of another network than Grounding DINO ({', '.join(faults)}): "
            "take the checkpoint that belongs to it."
        )
    return GroundingDinoNetwork(model.to(place), vocabulary)


_FAULTS = ("missing_keys", "unexpected_keys", "mismatched_keys")


def _pixels(picture: Picture) -> torch.Tensor:
    """Return a picture as the network sees it: (1, 3, height, width)."""
    height, width = picture.shape[:2]
    scale = min(_SHORT_SIDE / min(height, width), _LONG_SIDE / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    seen = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    colours = (seen / np.float32(_WHITE) - np.array(_MEAN, np.float32)) / np.array(_SPREAD, np.float32)
    return torch.from_numpy(np.ascontiguousarray(colours.transpose(2, 0, 1)[None], np.float32))
