"""One object in the network's own terms: guesses on prompted frames, memories, and the next frame from them.

What comes out is bit for bit what the `sam2` package computes for the same calls. Its state for several objects is
not used: every object has a memory of its own, so that one can be followed without the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from roto_daemon.engines.sam2.clip import Clip
from roto_daemon.errors import PromptError

# Logits beyond these are clamped before they become a prompt, as the package does.
_STRONGEST_LOGIT = 32.0
# Further than this from the playhead and from every prompted frame no memory is read: object pointers reach
# back 15 frames, and a run begins at a prompted frame or at the playhead.
_REACH = 16
_NOT_ENCODED = {"maskmem_features": None, "maskmem_pos_enc": None}


@dataclass(frozen=True)
class Guess:
    """The object on a frame as the network sees it."""

    out: dict[str, Any]
    """As the package keeps it."""
    confidence: float
    """Predicted IoU by the probability that the object is there, 0 to 1; 0 when it is thought to be gone."""

    @property
    def logits(self) -> torch.Tensor:
        """Return (1, 1, side / 4, side / 4), above 0 on the object."""
        logits: torch.Tensor = self.out["pred_masks"]
        return logits

    def array(self) -> NDArray[np.float32]:
        """Return the logits as (rows, columns)."""
        return np.asarray(self.logits[0, 0].float().cpu().numpy(), np.float32)

    def amended(self, logits: NDArray[np.float32]) -> Guess:
        """Return the guess with other logits, of the same rows and columns; not encoded into memory yet."""
        return replace(self, out={**self.out, **_NOT_ENCODED, "pred_masks": torch.from_numpy(logits)[None, None]})


class Follower:
    """An object's memory. What infers (`point`, `mask`, `begin`, `follow`) is to be called through `Clip.run`."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._prompted: dict[int, dict[str, Any]] = {}
        """Anchored frames by index, those without a memory included."""
        self._outputs: dict[str, dict[int, dict[str, Any]]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
        self._backwards: dict[int, bool] = {}
        """Whether each frame passed, by index, was passed backwards."""

    def point(
        self, frame: int, points: NDArray[np.float64], labels: NDArray[np.int32], previous: torch.Tensor | None
    ) -> Guess:
        """Return a guess from points (n, 2) in plate pixels.

        A label is 1 on the object, 0 off it; 2 and 3 are a box's top left and bottom right, which come first.
        `previous` are the logits that the points correct. On a frame that a run has passed, memories speak too.
        """
        predictor, index = self._clip.predictor, self._clip.index(frame)
        device = predictor.device
        coords = torch.tensor(points, dtype=torch.float32) / torch.tensor(self._clip.size) * predictor.image_size
        inputs = {
            "point_coords": coords[None].to(device),
            "point_labels": torch.tensor(labels, dtype=torch.int32)[None].to(device),
        }
        if previous is not None:
            previous = previous.to(device).clamp(-_STRONGEST_LOGIT, _STRONGEST_LOGIT)
        remembers = previous is not None and index in self._backwards and bool(self._outputs["cond_frame_outputs"])
        return self._infer(index, points=inputs, previous=previous, remembers=remembers, encode=False)

    def mask(self, frame: int, mask: NDArray[np.bool_]) -> Guess:
        """Return the guess that a mask (height, width) of the plate states."""
        return self._infer(self._clip.index(frame), mask=self.seen(mask), encode=False)

    def seen(self, mask: NDArray[np.bool_]) -> torch.Tensor:
        """Return a mask of the plate as the network sees it: (1, 1, side, side), 0 or 1."""
        side = self._clip.predictor.image_size
        whole = torch.from_numpy(mask).float()[None, None].to(self._clip.predictor.device)
        if whole.shape[-2:] == (side, side):
            return whole
        small = functional.interpolate(whole, (side, side), mode="bilinear", align_corners=False, antialias=True)
        return (small >= 0.5).float()  # noqa: PLR2004 - half covered

    def anchor(self, frame: int, guess: Guess) -> None:
        """Let a frame speak for the object from now on; it is encoded into memory before the next step of a run."""
        index = self._clip.index(frame)
        self._prompted[index] = guess.out

    def release(self, frame: int) -> None:
        """Let an anchored frame no longer speak, nor what was followed from it."""
        index = self._clip.index(frame)
        self._prompted.pop(index, None)
        self._outputs["cond_frame_outputs"].pop(index, None)
        self.forget()

    def forget(self) -> None:
        """Forget what was followed; anchored frames still speak."""
        self._outputs["non_cond_frame_outputs"].clear()
        self._backwards.clear()

    def passed(self, frame: int, *, backwards: bool) -> None:
        """Take note that a run passes an anchored frame."""
        self._backwards[self._clip.index(frame)] = backwards

    def remembered(self, frame: int, confidence: float) -> Guess | None:
        """Return what was guessed when a frame was followed, while it is kept; `confidence` is what came of it."""
        out = self._outputs["non_cond_frame_outputs"].get(self._clip.index(frame))
        return Guess({**out, **_NOT_ENCODED}, confidence) if out else None

    def begin(self, frame: int, mask: NDArray[np.bool_]) -> None:
        """Make ready for a run that goes on from a frame which was followed or recalled earlier.

        Where its memory is gone, the mask (height, width) that it had takes its place.
        """
        index = self._clip.index(frame)
        self._encode_prompts()
        if index in self._outputs["non_cond_frame_outputs"]:
            return
        seed = self._infer(index, mask=self.seen(mask), encode=True)
        where = "non_cond_frame_outputs" if self._outputs["cond_frame_outputs"] else "cond_frame_outputs"
        self._outputs[where][index] = seed.out

    def follow(self, frame: int, *, backwards: bool) -> Guess:
        """Return the object on the frame beside those passed last, and remember it.

        Raises PromptError when nothing is left to follow, as when the object's prompts were cleared meanwhile.
        """
        self._encode_prompts()
        if not self._outputs["cond_frame_outputs"]:
            raise PromptError(f"nothing is left to follow on frame {frame}: click the object again")
        index = self._clip.index(frame)
        guess = self._infer(index, remembers=True, backwards=backwards, encode=True)
        self._outputs["non_cond_frame_outputs"][index] = guess.out
        self._backwards[index] = backwards
        self._forget_beyond(index)
        return guess

    def _encode_prompts(self) -> None:
        """Give every anchored frame a memory; drop a recalled frame that stood in for one."""
        anchored = self._outputs["cond_frame_outputs"]
        if self._prompted and not anchored.keys() <= self._prompted.keys():
            for index in anchored.keys() - self._prompted.keys():
                self._outputs["non_cond_frame_outputs"][index] = anchored.pop(index)
        for index, out in self._prompted.items():
            if anchored.get(index) is out:
                continue
            if out["maskmem_features"] is None:
                self._clip.predictor.encode(self._clip.state, index, out)
            anchored[index] = out
            self._outputs["non_cond_frame_outputs"].pop(index, None)

    def _infer(  # noqa: PLR0913 - the package's call has twice as many
        self,
        index: int,
        *,
        points: dict[str, torch.Tensor] | None = None,
        mask: torch.Tensor | None = None,
        previous: torch.Tensor | None = None,
        remembers: bool = False,
        backwards: bool | None = None,
        encode: bool,
    ) -> Guess:
        predictor = self._clip.predictor
        out = predictor.infer(
            self._clip.state,
            self._outputs,
            index,
            is_init_cond_frame=not remembers,
            point_inputs=points,
            mask_inputs=mask,
            reverse=self._backwards.get(index, False) if backwards is None else backwards,
            run_mem_encoder=encode,
            prev_sam_mask_logits=previous,
        )
        score = float(out["object_score_logits"].float().max())
        there = (
            float(torch.sigmoid(torch.tensor(score))) * min(1.0, float(predictor.predicted_iou)) if score > 0 else 0.0
        )
        return Guess(out, there)

    def _forget_beyond(self, playhead: int) -> None:
        followed = self._outputs["non_cond_frame_outputs"]
        ends = [playhead, *self._prompted]
        for index in [each for each in followed if min(abs(each - end) for end in ends) > _REACH]:
            del followed[index]
