"""How near a followed mask is to the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


def overlap(found: Mask, truth: Mask) -> float:
    """Return intersection over union; 1 where both are empty."""
    union = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / union if union else 1.0


def boundary_f(found: Mask, truth: Mask, tolerance_px: float) -> float:
    """Return the F measure of the outline pixels that lie within a distance of the other outline."""
    if not (found.any() and truth.any()):
        return float(found.any() == truth.any())
    rims = [each & ~ndimage.binary_erosion(each) for each in (found, truth)]
    near = [ndimage.distance_transform_edt(~rim) <= tolerance_px for rim in rims]
    precision, recall = float(near[1][rims[0]].mean()), float(near[0][rims[1]].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
