"""The three classes of torchvision that the package's image predictor imports, as far as it uses them.

torchvision's wheels do not import beside a torch that was built for the processor alone.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


class ToTensor:
    """Pictures of 8 bits as (3, height, width), 1 for white."""

    def __call__(self, picture: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(picture).permute(2, 0, 1).float() / 255


class Resize(nn.Module):  # type: ignore[misc] # mypy is told not to follow torch
    """To another size, smoothed where that is smaller."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.height, self.width = size

    def forward(self, image: Tensor) -> Tensor:
        size = [self.height, self.width]
        return functional.interpolate(image[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


class Normalize(nn.Module):  # type: ignore[misc] # mypy is told not to follow torch
    """Each channel less its mean, over its spread."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.mean, self.std = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.std
