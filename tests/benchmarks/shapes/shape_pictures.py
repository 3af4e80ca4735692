"""Pictures for a person to look at: matte, truth, fitted outline and control points."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from shape_clips import Array, Clip, curve
from shape_measures import Drawing

SHOWN = 6
"""Frames of each clip, evenly over it."""
TRUTH, FITTED, HANDLE, POINT = (90, 200, 90), (60, 60, 255), (255, 170, 60), (0, 220, 255)
"""Blue, green, red, as OpenCV has them."""
FRACTION_BITS = 4


def write_pictures(clip: Clip, drawing: Drawing, folder: Path) -> None:
    """Write `<clip>.<frame>.png` for a few frames: truth green, fitted outline red, points yellow, handles blue."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in np.unique(np.linspace(clip.frames[0], clip.frames[-1], SHOWN).astype(int)).tolist():
        grey = (clip.given(frame) * 110 + 30).astype(np.uint8)
        picture = np.stack([grey] * 3, axis=2)
        for shape in clip.shapes:
            if shape.lives(frame):
                _line(picture, curve(shape.at(frame)), TRUTH, closed=True)
        for outline in drawing.frames[frame]:
            _line(picture, curve(outline.controls), FITTED, closed=True)
            for row in outline.controls:
                for offset in (row[2:4], row[4:6]):
                    _line(picture, np.stack([row[:2], row[:2] + offset]), HANDLE, closed=False)
                centre = (round(float(row[0] - 0.5)), round(float(row[1] - 0.5)))
                cv2.circle(picture, centre, 3, POINT, -1, cv2.LINE_AA)
        cv2.imwrite(str(folder / f"{clip.name}.{frame:04d}.png"), picture)


def _line(
    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], line: Array, colour: tuple[int, int, int], *, closed: bool
) -> None:
    fixed = np.round((line - 0.5) * 2**FRACTION_BITS).astype(np.int32)
    cv2.polylines(picture, [fixed], closed, colour, 1, cv2.LINE_AA, FRACTION_BITS)
