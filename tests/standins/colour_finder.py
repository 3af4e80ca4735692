"""A test double of a finder: patches of a colour that the phrase names. Loaded as `colour_finder:ColourFinder`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from roto_daemon.engines.text import FinderInfo, Found
from roto_daemon.pictures import Picture

_CHANNELS = {"red": 0, "green": 1, "blue": 2}
_ABOVE_OTHERS = 60
_LEAST_PIXELS = 20


class ColourFinder:
    """A finder for tests."""

    @property
    def info(self) -> FinderInfo:
        """Return what it is."""
        return FinderInfo("colours", "Colours (for tests)")

    def find(self, picture: Picture, phrase: str) -> Sequence[Found]:
        """Return the patches of the colours that a phrase names, each twice, and the whole picture's border."""
        found = []
        for word in phrase.lower().split():
            if word not in _CHANNELS:
                continue
            levels = picture.astype(np.int16)
            others = np.delete(levels, _CHANNELS[word], axis=2).max(axis=2)
            patches = (levels[..., _CHANNELS[word]] - others > _ABOVE_OTHERS).astype(np.uint8)
            count, _, facts, _ = cv2.connectedComponentsWithStats(patches)
            for left, top, width, height, area in facts[1:count]:
                if area >= _LEAST_PIXELS:
                    box = (float(left) - 1, float(top) - 1, float(left + width) + 1, float(top + height) + 1)
                    score = min(float(area) / 2000, 0.99)
                    found += [Found(box, score, word), Found(box, score / 2, word)]
        return found
