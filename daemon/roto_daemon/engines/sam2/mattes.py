"""Between the network's logits, at a quarter of its side, and mattes of the plate's size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from roto_daemon.engines import Matte

# Smaller holes than this, in cells of the logits, are filled: the package's own figure.
_HOLE_CELLS = 8
# The value of a filled hole, as the package has it: just on the object.
_FILLED = 0.1
# Logits that mean less than half a step of coverage: sigmoid(-6.3) * 255 is 0.47.
_FAINT = -6.3
# The strength of what is stated and not guessed: as the package encodes a mask that is given.
STATED = 10.0
HALF = 128
"""Steps of coverage from which on a pixel is on the object."""
# Radius of the ground that a click always gets, in plate pixels.
_CLICK_PX = 2
# A soft edge reaches this many cells beyond the part that changed.
_SEAM_CELLS = 2

Steps = NDArray[np.uint8]
"""Coverage of each plate pixel in 1/255: (height, width)."""


@dataclass(frozen=True)
class Click:
    """A click, in plate pixels, and whether it is on the object."""

    x: float
    y: float
    foreground: bool

    def pixel(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return row and column of the pixel under it, of an array over the whole plate that has such a shape."""
        return min(int(self.y), shape[0] - 1), min(int(self.x), shape[1] - 1)

    def is_on(self, steps: Steps) -> bool:
        """Return whether the object lies under it."""
        return bool(steps[self.pixel(steps.shape)] >= HALF)


@dataclass(frozen=True)
class Picked:
    """The object on a prompted frame, at the plate's size and in the network's terms."""

    steps: Steps
    logits: NDArray[np.float32]


def steps_of(logits: torch.Tensor, size: tuple[int, int]) -> Steps:
    """Return the coverage of a plate of `size` (width, height) that logits (1, 1, h, w) mean.

    Half coverage lies where the enlarged logits are 0: pixels are on the object exactly where the package says so,
    and the outline between them is good to a fraction of a pixel. Nothing is left of an object without a pixel of
    half coverage.
    """
    whole = _filled(logits.float())
    steps = np.zeros(size[::-1], np.uint8)
    window = _window(whole, size)
    large = functional.interpolate(whole, size[::-1], mode="bilinear", align_corners=False)[0, 0][window]
    coverage = large.sigmoid().mul_(255).round_().to(torch.uint8)
    kept = torch.where(large > 0, coverage.clamp(min=HALF), coverage.clamp(max=HALF - 1)).cpu().numpy()
    if kept.size and kept.max() >= HALF:
        steps[window] = kept
    return steps


def _window(logits: torch.Tensor, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of a plate of `size` (width, height) that logits (1, 1, h, w) can cover."""
    seen = (logits[0, 0] > _FAINT).to(torch.uint8).cpu().numpy()
    left, top, width, height = cv2.boundingRect(seen)
    if not width:
        return slice(0), slice(0)
    wide, high = size[0] / seen.shape[1], size[1] / seen.shape[0]
    rows = slice(max(0, int((top - 1) * high)), int((top + height + 1) * high) + 1)
    return rows, slice(max(0, int((left - 1) * wide)), int((left + width + 1) * wide) + 1)


def steps_in(matte: Matte) -> Steps:
    """Return the coverage of a matte; half stays half and more."""
    return np.rint(np.clip(matte, 0, 1) * 255).astype(np.uint8)


def matte_of(steps: Steps) -> Matte:
    """Return coverage as a matte."""
    return steps.astype(np.float32) / np.float32(255)


def corrected(before: Picked, guess: Picked, click: Click, others: list[Click]) -> Picked:
    """Return the object after one more click: the part of the guess that it touches is taken over, all else stays.

    That part is the connected one under the click whose pixels change to the click's kind. `others` are the clicks
    of the other kind; they keep the ground they stand on.
    """
    shape = before.steps.shape
    row, column = click.pixel(shape)
    was, now = before.steps >= HALF, guess.steps >= HALF
    theirs = np.zeros(shape, bool)
    for other in others:
        _mark(theirs, other)
    dot = np.zeros(shape, bool)
    _mark(dot, click)
    dot &= ~theirs
    dot[row, column] = True
    changed = ((was != now) & (now == click.foreground)).astype(np.uint8)
    part = _part_at(changed, row, column) & ~theirs
    reach = _with_seam(part, (changed == 0) & ~theirs, round(_SEAM_CELLS * shape[1] / before.logits.shape[1]))
    towards = np.maximum if click.foreground else np.minimum
    steps = np.where(reach, towards(before.steps, guess.steps), before.steps)
    steps[dot & ((steps >= HALF) != click.foreground)] = 255 * click.foreground
    cells = [_in_cells(each, before.logits.shape) for each in (part, theirs, dot)]
    logits = np.where(cells[0] & ~cells[1], towards(before.logits, guess.logits), before.logits)
    logits[cells[2] & ((logits > 0) != click.foreground)] = STATED if click.foreground else -STATED
    return Picked(steps, logits)


def _in_cells(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the cells, of so many rows and columns, that a mask of the plate touches."""
    small = cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small > 0, bool)


def _mark(mask: NDArray[np.bool_], click: Click) -> None:
    """Add the ground that a click always gets."""
    row, column = click.pixel(mask.shape)
    top, left = max(0, row - _CLICK_PX), max(0, column - _CLICK_PX)
    near = mask[top : row + _CLICK_PX + 1, left : column + _CLICK_PX + 1]
    rows, columns = np.ogrid[: near.shape[0], : near.shape[1]]
    near |= np.hypot(columns + left - column, rows + top - row) <= _CLICK_PX


def _part_at(mask: NDArray[np.uint8], row: int, column: int) -> NDArray[np.bool_]:
    """Return the connected part of a mask of 0 and 1 that a pixel lies in; nothing where it lies in none."""
    if not mask[row, column]:
        return np.zeros(mask.shape, bool)
    _, filled, _, _ = cv2.floodFill(mask.copy(), None, (column, row), 2, flags=8)
    return np.asarray(filled == 2, bool)  # noqa: PLR2004 - the mark of the line above


def _with_seam(part: NDArray[np.bool_], free: NDArray[np.bool_], by_px: int) -> NDArray[np.bool_]:
    """Return a part and the free pixels round it."""
    left, top, width, height = cv2.boundingRect(part.astype(np.uint8))
    window = (slice(max(0, top - by_px), top + height + by_px), slice(max(0, left - by_px), left + width + by_px))
    kernel = np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)  # a square: tenfold quicker than a disc
    reach = part.copy()
    reach[window] |= (cv2.dilate(part[window].astype(np.uint8), kernel) > 0) & free[window]
    return reach


def _filled(logits: torch.Tensor) -> torch.Tensor:
    outside = (logits[0, 0] <= 0).to(torch.uint8).cpu().numpy()
    _, labels, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=8)
    is_hole = stats[:, cv2.CC_STAT_AREA] <= _HOLE_CELLS
    is_hole[0] = False  # the object itself
    if not is_hole.any():
        return logits
    where = torch.from_numpy(is_hole[labels])[None, None].to(logits.device)
    return torch.where(where, torch.tensor(_FILLED, device=logits.device), logits)
