"""What every way of matting is."""

from __future__ import annotations

from typing import Protocol

from roto_daemon.engines.matting.tiles import Tiling
from roto_daemon.engines.matting.trimap import Trimap
from roto_daemon.pictures import Matte, Picture


class Matter(Protocol):
    """What finds coverage in the unknown band of a trimap."""

    @property
    def tiling(self) -> Tiling:
        """Return the largest tile that it takes, and how much of what lies around it must see."""

    def coverage(self, picture: Picture, known: Trimap, mask: Matte) -> Matte:
        """Return the coverage, 0 to 1, of a tile: (height, width) of `picture`.

        Only what is unknown in `known` counts. `mask` is what the coverage was thought to be.
        """
