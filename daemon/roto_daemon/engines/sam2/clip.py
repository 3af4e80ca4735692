"""What all objects of a session share: the plate's features, and the device's memory."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image

from roto_daemon.engines import FrameSource, Picture
from roto_daemon.engines.sam2.predictor import NO_ROOM, Predictor
from roto_daemon.errors import LimitError

logger = logging.getLogger(__name__)

# One pixel in so many rows and columns tells a picture from another.
_STRIDE = 8
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the red, green and blue that the image encoder was trained with."""

_Answer = TypeVar("_Answer")


class Features:
    """The image encoder's features of a plate's frames, computed when asked for; the last few are kept."""

    def __init__(self, source: FrameSource, predictor: Predictor) -> None:
        self.most = predictor.most_features
        self._source = source
        self._predictor = predictor
        self._plate = object()  # what tells this plate's features from those of others beside them

    def of(self, index: int) -> dict[str, list[torch.Tensor]]:
        """Return the features of the frame at an index from the plate's first, as the package's methods want them.

        The picture is asked for each time, so that a frame which cannot be read is an error each time, and one that
        was rendered anew, or stood in for another, is not taken for what it was.
        """
        picture = self._source.picture(self._source.frames.first + index)
        sample = picture[::_STRIDE, ::_STRIDE].tobytes()
        kept = self._predictor.features
        before, maps = kept.pop((self._plate, index), (b"", []))
        if before != sample:
            maps = self._encode(picture)
        kept[self._plate, index] = (sample, maps)
        mine = [each for each in kept if each[0] is self._plate]
        for each in [*mine[: -self.most], *list(kept)[: -self._predictor.most_features]]:
            kept.pop(each, None)
        return {"backbone_fpn": list(maps), "vision_pos_enc": list(self._predictor.positions)}

    def clear(self) -> None:
        """Forget this plate's features."""
        kept = self._predictor.features
        for each in [each for each in kept if each[0] is self._plate]:
            del kept[each]

    def _encode(self, picture: Picture) -> list[torch.Tensor]:
        image = as_input(picture, self._predictor.image_size).to(self._predictor.device)
        encoded = self._predictor.forward_image(image[None])
        self._predictor.positions = self._predictor.positions or encoded["vision_pos_enc"]
        maps: list[torch.Tensor] = encoded["backbone_fpn"]
        return maps


class Clip:
    """A plate as the package's methods want it, and how to go on when the device's memory is full."""

    def __init__(self, source: FrameSource, predictor: Predictor) -> None:
        self.size = source.size
        self.predictor = predictor
        self._first = source.frames.first
        self._features = Features(source, predictor)
        self.state: dict[str, Any] = {
            "features": self._features,
            "num_frames": len(source.frames),
            "device": predictor.device,
            "storage_device": predictor.device,
            "constants": {},
        }

    def index(self, frame: int) -> int:
        """Return how far a frame of the plate lies behind its first."""
        return frame - self._first

    def run(self, work: Callable[[], _Answer]) -> _Answer:
        """Return what a step of inference answers, tried again with less memory when the device has too little.

        Raises LimitError when that is not enough either. A step that fails has changed nothing.
        """
        try:
            with self.predictor.step():
                return work()
        except torch.OutOfMemoryError:
            logger.warning("The device's memory is full: keeping memories beside it and one frame's features.")
        self._make_room()
        try:
            with self.predictor.step():
                return work()
        except torch.OutOfMemoryError as error:
            self._make_room()
            raise LimitError(NO_ROOM) from error

    def clear(self) -> None:
        """Free what can be computed again."""
        self._features.clear()

    def _make_room(self) -> None:
        self.state["storage_device"] = torch.device("cpu")
        self._features.most = 1
        self.predictor.features.clear()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def as_input(picture: Picture, side: int) -> torch.Tensor:
    """Return a picture as the image encoder wants it: (3, side, side), squashed whatever its aspect.

    Resized by Pillow as the package's loader of video frames does, so that clicks and tracking see the same; the
    package's image predictor resizes a little differently.
    """
    small = np.array(Image.fromarray(picture).resize((side, side)))
    image = torch.from_numpy(small).permute(2, 0, 1).contiguous().float() / 255
    mean, spread = torch.tensor(_MEAN)[:, None, None], torch.tensor(_SPREAD)[:, None, None]
    return image.sub_(mean).div_(spread)
