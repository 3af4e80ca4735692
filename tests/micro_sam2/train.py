"""Train the micro SAM 2 on synthetic clips: `python tests/micro_sam2/train.py --minutes 100 --out FILE`.

One process draws clips, this one learns from them; both count on one core each. FILE gets the averaged weights every
two minutes, FILE with the suffix .state all that is needed to go on, which the same command then does.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import math
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from queue import Full
from typing import Any

import cv2
import judge
import micro_model
import numpy as np
import torch
from clips import Array, Image, clicks_on, make_clip
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

_FIRST_TRAINING_SEED = 1_000_000
"""Clips below are held out."""
_TARGETS = 2
"""Objects asked for in every clip: with one, the model learns to ignore the prompt."""
_OCCLUDED, _TWINS = 0.35, 0.12
"""Shares of clips in which an object is hidden for a while, and in which two have one colour."""
IMAGES_UNTIL, SHORT_UNTIL = 0.06, 0.5
"""Parts of the time after which clips follow stills, and clips of 8 and 16 frames join those of 4."""
_SIZES, _SIZE_SHARES = (128, 192, 256), (0.4, 0.5, 0.1)
"""Sides of the frames: all that the weights are to work at, most often those that cost little."""
_STILLS = 0.3
"""Share of batches that stay stills: a prompt is harder to learn from than a memory."""
_PROMPTED_WEIGHT = 4
"""Weight of a prompted frame in the loss beside a tracked one, for the same reason."""
_ROOM = 4608
"""Side times frames times clips of a batch: eight clips of four frames of 128 pixels and a little more."""
_PEAK_RATE, _LAST_RATE, _WARM_UP = 1.0e-3, 2.0e-5, 300
_AVERAGE = 0.998
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LONG_SHOT = 64
"""Length that the memory is told, so that times of pointers are scaled as in a long shot."""


@dataclass(frozen=True)
class Batch:
    """Frames [T, B, S, S, 3] uint8, masks [T, 2 B, S, S] bool, and per target four clicks inside and two outside."""

    frames: Image
    masks: NDArray[np.bool_]
    inside: Array
    outside: Array


def draw_batch(seed: int, clips: int, frames: int, size: int) -> Batch:
    rng = np.random.default_rng(seed)
    pictures, masks, inside, outside = [], [], [], []
    for number in range(clips):
        objects = int(rng.integers(2, 4))
        hidden, alike = rng.random(2) < (_OCCLUDED, _TWINS)
        clip = make_clip(
            seed * 64 + number, frames=frames, size=size, objects=objects, occlusion=bool(hidden), twins=bool(alike)
        )
        targets = rng.permutation(objects)[:_TARGETS]
        if rng.random() < 0.5 and 0 not in targets:
            targets[0] = 0
        pictures.append(clip.frames)
        for place, target in enumerate(targets):
            masks.append(clip.masks[:, target])
            inside.append(clicks_on(clip.masks[0, target], 4, rng))
            other = clip.masks[0, targets[1 - place]]
            ground = ~clip.masks[0].any(axis=0)
            outside.append(np.concatenate([clicks_on(other, 1, rng), clicks_on(ground, 1, rng)]))
    return Batch(np.stack(pictures, axis=1), np.stack(masks, axis=1), np.stack(inside), np.stack(outside))


Points = tuple[Tensor, Tensor]
"""Places (x, y) in pixels [M, P, 2] and their labels [M, P] as the package numbers them."""
Look = tuple[list[Tensor], list[Tensor]]
"""Features and position codes of one frame, three levels each [cells, M, channels]."""
Asked = tuple[Points | None, Tensor | None]
"""Points, and a mask [M, 1, S/4, S/4] as logits."""
Memory = dict[str, dict[int, Any]]
"""What the package keeps of past frames."""


def keep_drawing(queue: Queue[Batch], progress: Synchronized[float], first_seed: int) -> None:
    """Fill a queue as long as the parent lives, on the cores that the parent leaves free."""
    parent = os.getppid()
    cores = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    cv2.setNumThreads(1)
    for seed in range(first_seed, sys.maxsize):
        part = progress.value
        rng = np.random.default_rng(seed)
        size = 128 if part < IMAGES_UNTIL else int(rng.choice(_SIZES, p=_SIZE_SHARES))
        frames = 1 if part < IMAGES_UNTIL or rng.random() < _STILLS else 4
        if frames > 1 and part >= SHORT_UNTIL and rng.random() < 0.4:
            frames = int(rng.choice([8, 8, 16]))
        clips = 16 if frames == 1 else max(1, _ROOM // (size * frames))
        batch = draw_batch(seed, clips, frames, size)
        while os.getppid() == parent:
            with contextlib.suppress(Full):
                queue.put(batch, timeout=5)
                break
        else:
            queue.cancel_join_thread()  # nobody reads what is left
            return


@dataclass
class Answer:
    """What the decoder says of a frame: logits [M, 4, S/4, S/4], predicted IoU [M, 4], score [M, 1], what is used."""

    logits: Tensor
    quality: Tensor
    score: Tensor
    mask: Tensor
    pointer: Tensor


class Tracker:
    """The model's own steps over a batch of clips, with every mask token in reach of the loss."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def look(self, frames: Image) -> list[Look]:
        """Encode frames [T, B, S, S, 3]; per frame the features and position codes of every target."""
        images = torch.from_numpy(frames).flatten(0, 1).permute(0, 3, 1, 2).float() / 255
        images = (images - torch.tensor(_MEAN).view(3, 1, 1)) / torch.tensor(_DEVIATION).view(3, 1, 1)
        encoded = self.model.forward_image(images)
        _, features, codes, self.sizes = self.model._prepare_backbone_features(encoded)
        clips, looks = frames.shape[1], []
        for t in range(frames.shape[0]):
            columns = torch.arange(t * clips, (t + 1) * clips).repeat_interleave(_TARGETS)
            looks.append(([f[:, columns] for f in features], [c[:, columns] for c in codes]))
        return looks

    def answer(self, look: Look, memory: Memory | None, t: int, asked: Asked, visible: Tensor | None) -> Answer:
        """Run memory attention (*memory* None: a first frame) and the decoder.

        *visible* [M, 1] stands for the object score where it is given.
        """
        model, (points, mask) = self.model, asked
        features, codes = look
        fine = [f.permute(1, 2, 0).reshape(f.size(1), f.size(2), *s) for f, s in zip(features[:-1], self.sizes[:-1])]
        pixels = model._prepare_memory_conditioned_features(
            frame_idx=t,
            is_init_cond_frame=memory is None,
            current_vision_feats=features[-1:],
            current_vision_pos_embeds=codes[-1:],
            feat_sizes=self.sizes[-1:],
            output_dict=memory,
            num_frames=_LONG_SHOT,
        )
        count = pixels.shape[0]
        several = mask is None if points is None else points[0].shape[1] == 1
        if points is None:
            points = (torch.zeros(count, 1, 2), -torch.ones(count, 1, dtype=torch.int32))
        sparse, dense = model.sam_prompt_encoder(points=points, boxes=None, masks=mask)
        logits, quality, tokens, score = model.sam_mask_decoder.predict_masks(
            image_embeddings=pixels,
            image_pe=model.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            repeat_image=False,
            high_res_features=fine,
        )
        rows = torch.arange(count)
        best = quality[:, 1:].argmax(1) + 1 if several else torch.zeros(count, dtype=torch.long)
        seen = (score > 0).float() if visible is None else visible
        pointer = seen * model.obj_ptr_proj(tokens[rows, best]) + (1 - seen) * model.no_obj_ptr
        chosen = torch.where(seen[:, :, None, None] > 0, logits[rows, best][:, None], torch.tensor(-1024.0))
        return Answer(logits, quality, score, chosen, pointer)

    def remember(
        self, look: Look, answer: Answer, mask: Tensor, visible: Tensor | None, *, prompted: bool
    ) -> dict[str, Any]:
        """Encode a frame's memory from *mask* [M, 1, S, S] logits."""
        score = answer.score if visible is None else visible * 20 - 10
        features, codes = self.model._encode_new_memory(look[0], self.sizes, mask, score, is_mask_from_pts=prompted)
        return {"maskmem_features": features, "maskmem_pos_enc": codes, "obj_ptr": answer.pointer}


def larger(logits: Tensor, size: int) -> Tensor:
    return functional.interpolate(logits, size=(size, size), mode="bilinear", align_corners=False)


def loss_of(answer: Answer, masks: Tensor, visible: Tensor) -> Tensor:
    """Focal, cross-entropy and Dice loss of all mask tokens where the object is seen; quality and score."""
    logits = answer.logits
    target = functional.adaptive_avg_pool2d(masks[:, None], logits.shape[-1]).expand_as(logits)
    chance = logits.sigmoid()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    focal = ((chance - target) ** 2 * entropy).mean((2, 3))
    dice = 1 - (2 * (chance * target).sum((2, 3)) + 1) / ((chance + target).sum((2, 3)) + 1)
    shape = 20 * focal + 2 * entropy.mean((2, 3)) + dice
    inside, wanted = logits.detach() > 0, target > 0.5
    overlap = (inside & wanted).sum((2, 3)) / (inside | wanted).sum((2, 3)).clamp(min=1)
    quality = (answer.quality - overlap).abs()
    seen = functional.binary_cross_entropy_with_logits(answer.score, visible)
    return ((shape + 0.5 * quality) * visible).sum() / (4 * visible.sum().clamp(min=1)) + 0.3 * seen


def box_points(masks: Tensor, rng: np.random.Generator) -> Points:
    """Boxes of masks [M, S, S], each side off by up to a hundredth of the frame, as two labelled points."""
    corners = [judge.box_round(mask).reshape(2, 2) for mask in masks.numpy() > 0.5]
    box = torch.from_numpy(np.stack(corners))
    off = 0.01 * masks.shape[-1] * rng.random()
    box += torch.from_numpy(rng.uniform(-off, off, box.shape).astype(np.float32))
    return box, torch.tensor([[2, 3]], dtype=torch.int32).repeat(len(corners), 1)


def first_points(batch: Batch, masks: Tensor, kind: str, rng: np.random.Generator) -> Points | None:
    count = len(masks)
    if kind == "box":
        return box_points(masks, rng)
    if kind == "mask":
        return None
    inside = torch.from_numpy(batch.inside)
    number = 1 if kind == "click" else int(rng.integers(1, 5))
    places, labels = inside[:, :number], torch.ones(count, number, dtype=torch.int32)
    if kind == "clicks":
        outside = torch.from_numpy(batch.outside[:, int(rng.integers(2)) :][:, :1])
        places = torch.cat([places, outside], 1)
        labels = torch.cat([labels, torch.zeros(count, 1, dtype=torch.int32)], 1)
    return places, labels


def corrected(points: Points | None, mask: Tensor, masks: Tensor) -> Points:
    """Points and one more in the middle of each target's largest error, inside (label 1) or outside (label 0)."""
    size = masks.shape[-1]
    guess = larger(mask.detach(), size)[:, 0].numpy() > 0
    places, labels = [], []
    for found, wanted in zip(guess, masks.numpy() > 0.5):
        place, label = judge.correction(found, wanted)
        places.append(place)
        labels.append(label)
    place, label = torch.from_numpy(np.stack(places)), torch.from_numpy(np.stack(labels))
    if points is None:
        return place, label
    return torch.cat([points[0], place], 1), torch.cat([points[1], label], 1)


def learn(tracker: Tracker, batch: Batch, part: float, rng: np.random.Generator) -> Tensor:
    """Loss over one batch: a prompt on frame 0, at times corrected, then frames through memory."""
    masks = torch.from_numpy(batch.masks).float()
    size = masks.shape[-1]
    micro_model.set_size(tracker.model, size)
    visible = (masks.mean((2, 3)) > 0.002).float()[..., None]
    looks = tracker.look(batch.frames)
    kind = str(rng.choice(["click", "clicks", "box", "mask"], p=[0.45, 0.1, 0.25, 0.2]))
    helped = rng.random() < 0.6 * (1 - 1.5 * part)
    memory: Memory = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    total, parts = torch.zeros(()), 0
    mend = int(rng.integers(1, len(looks))) if len(looks) > 1 and rng.random() < 0.25 else None
    for t, look in enumerate(looks):
        first = t == 0
        points = first_points(batch, masks[0], kind, rng) if first else None
        given = tracker.model.mask_downsample(masks[0][:, None]) if first and kind == "mask" else None
        answer = tracker.answer(look, None if first else memory, t, (points, given), visible[t])
        weight = _PROMPTED_WEIGHT if first else 1
        total, parts = total + weight * loss_of(answer, masks[t], visible[t]), parts + weight
        prompted = first and kind != "mask"
        if t == mend or (prompted and rng.random() < 0.35):
            for _ in range(int(rng.integers(1, 3))):
                points = corrected(points, answer.mask, masks[t])
                before = answer.mask.detach().clamp(-32, 32)
                answer = tracker.answer(look, None if first else memory, t, (points, before), visible[t])
                total, parts = total + loss_of(answer, masks[t], visible[t]), parts + 1
            prompted = True
        true = masks[t][:, None] * 20 - 10
        known = helped or (first and kind == "mask")
        mask = true if known else larger(answer.mask, size)
        store = "cond_frame_outputs" if first or (t == mend and rng.random() < 0.5) else "non_cond_frame_outputs"
        memory[store][t] = tracker.remember(look, answer, mask, visible[t], prompted=prompted and not known)
    return total / parts


def overlap_of(logits: Tensor, masks: Tensor) -> Tensor:
    found, wanted = larger(logits, masks.shape[-1])[:, 0] > 0, masks > 0.5
    either = (found | wanted).sum((1, 2))
    return torch.where(either > 0, (found & wanted).sum((1, 2)) / either.clamp(min=1), torch.ones(()))


def validate(tracker: Tracker, batches: list[Batch]) -> str:
    """Held-out clips by one click, judged by the model's own score: frame 0, tracked, and whether the click matters."""
    with torch.no_grad():
        return _validate(tracker, batches)


def _validate(tracker: Tracker, batches: list[Batch]) -> str:
    first: list[Tensor] = []
    tracked: list[Tensor] = []
    same: list[Tensor] = []
    gone: list[Tensor] = []
    for batch in batches:
        masks = torch.from_numpy(batch.masks).float()
        looks = tracker.look(batch.frames)
        memory: Memory = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
        for t, look in enumerate(looks):
            points = first_points(batch, masks[0], "click", np.random.default_rng(0)) if t == 0 else None
            answer = tracker.answer(look, None if t == 0 else memory, t, (points, None), None)
            overlap = overlap_of(answer.mask, masks[t])
            mask = larger(answer.mask, masks.shape[-1])
            store = "cond_frame_outputs" if t == 0 else "non_cond_frame_outputs"
            memory[store][t] = tracker.remember(look, answer, mask, None, prompted=t == 0)
            seen = masks[t].mean((1, 2)) > 0.002
            (first if t == 0 else tracked).append(overlap[seen])
            gone.append((answer.score[:, 0] > 0) == seen)
            if t == 0:
                pair = mask[:, 0].unflatten(0, (-1, _TARGETS)) > 0
                both, either = pair.all(1).sum((1, 2)), pair.any(1).sum((1, 2))
                same.append(both / either.clamp(min=1))
    figures = [float(torch.cat(values).float().mean()) for values in (first, tracked, same, gone)]
    return "first {:.3f} tracked {:.3f} two clicks alike {:.3f} seen or not {:.3f}".format(*figures)


@dataclass
class Run:
    """A training run that can be put down and taken up again."""

    model: nn.Module
    averaged: nn.Module
    optimiser: torch.optim.Optimizer
    steps: int = 0
    seconds: float = 0.0

    @classmethod
    def start(cls) -> Run:
        model = micro_model.build()
        micro_model.start_well(model)
        averaged = copy.deepcopy(model)
        wide = [p for p in model.parameters() if p.dim() > 1]
        rest = [p for p in model.parameters() if p.dim() <= 1]
        groups = [{"params": wide, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}]
        return cls(model, averaged, torch.optim.AdamW(groups, lr=_PEAK_RATE, betas=(0.9, 0.98), fused=True))

    def save(self, out: Path) -> None:
        micro_model.save(self.averaged.state_dict(), out)
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "seconds": self.seconds,
        }
        beside = out.with_suffix(".state.part")
        torch.save(state, beside)
        beside.replace(out.with_suffix(".state"))

    def resume(self, out: Path) -> None:
        state = torch.load(out.with_suffix(".state"), weights_only=True)
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.seconds = state["steps"], state["seconds"]

    def step(self, loss: Tensor, part: float) -> float:
        """One step of the optimiser, and of the average; returns the norm of the gradient."""
        self.steps += 1
        rate = _LAST_RATE + (_PEAK_RATE - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(part, 1)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * min(1, self.steps / _WARM_UP)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        keep = min(_AVERAGE, self.steps / (self.steps + 20))
        with torch.no_grad():
            old, new = list(self.averaged.parameters()), list(self.model.parameters())
            torch._foreach_lerp_(old, new, 1 - keep)
        return float(norm)


def train(minutes: float, out: Path) -> None:
    run = Run.start()
    size = run.averaged.image_size
    if out.with_suffix(".state").exists():
        run.resume(out)
    context = multiprocessing.get_context("spawn")
    queue, progress = context.Queue(8), context.Value("d", run.seconds / 60 / minutes)
    first_seed = _FIRST_TRAINING_SEED + run.steps * 2
    drawer = context.Process(target=keep_drawing, args=(queue, progress, first_seed), daemon=True)
    drawer.start()
    held_out = [draw_batch(seed, 6, 8, size) for seed in range(4)]
    tracker, examiner = Tracker(run.model), Tracker(run.averaged)
    clock, saved, examined, losses, waited = time.monotonic(), run.seconds, run.seconds, [], 0.0
    begun = run.seconds
    while run.seconds < minutes * 60:
        part = progress.value = run.seconds / 60 / minutes
        before = time.monotonic()
        batch = queue.get()
        waited += time.monotonic() - before
        loss = learn(tracker, batch, part, np.random.default_rng(run.steps))
        run.step(loss, part)
        losses.append(float(loss.detach()))
        run.seconds = begun + time.monotonic() - clock
        if run.steps % 100 == 0:
            mean = sum(losses[-100:]) / len(losses[-100:])
            print(f"{run.seconds / 60:6.1f} min step {run.steps} loss {mean:.3f} waited {waited:.0f} s", flush=True)
        if run.seconds - saved > 120:
            saved = run.seconds
            run.save(out)
        if run.seconds - examined > 240:
            examined = run.seconds
            print(f"{run.seconds / 60:6.1f} min {validate(examiner, held_out)}", flush=True)
    run.save(out)
    drawer.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--evaluate", type=Path, metavar="FILE", help="print the table of these weights instead")
    parser.add_argument("--out", type=Path, default=micro_model.WEIGHTS)
    choices = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if choices.evaluate:
        print(judge.table(choices.evaluate))
        return
    train(choices.minutes, choices.out)


if __name__ == "__main__":
    main()
