"""Coverage by closed-form matting (Levin, Lischinski and Weiss 2008), led by what colours nearby say."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from roto_daemon.engines.matting.guided import GuidedMatter
from roto_daemon.engines.matting.tiles import Tiling
from roto_daemon.engines.matting.trimap import UNKNOWN, Trimap
from roto_daemon.pictures import Matte, Picture

_SIDE = 3
"""Of the windows in which colours lie on a line."""
_EPSILON = 1e-5
"""Colour variance, of 0 to 1, that is taken for noise."""
_LEAD = 1e-2
"""How much what is believed before counts beside the windows. With less, blurred edges are a little better and hair is
lost (composites, seeds 1 to 3)."""
_TOLERANCE = 1e-3
_ROUNDS = 300
_WHITE = 255

Floats = NDArray[np.float64]


class ClosedFormMatter:
    """Solves for the coverage under which colours nearby lie on lines."""

    tiling = Tiling(512, 64)

    def __init__(self) -> None:
        self._guide = GuidedMatter()

    def coverage(self, picture: Picture, known: Trimap, mask: Matte) -> Matte:
        """Return the coverage of a tile."""
        prior = self._guide.coverage(picture, known, mask)
        unknown = known == UNKNOWN
        stated = np.where(unknown, prior, known / np.float32(_WHITE)).astype(np.float64)
        if not unknown.any():
            return stated.astype(np.float32)
        lines = _laplacian(picture / float(_WHITE), unknown)
        free, fixed = np.flatnonzero(unknown), np.flatnonzero(~unknown)
        wanted = stated.ravel()[free]
        matrix = lines[free][:, free] + _LEAD * sparse.identity(free.size, format="csr")
        right = _LEAD * wanted - lines[free][:, fixed] @ stated.ravel()[fixed]
        diagonal = matrix.diagonal()
        near = LinearOperator(matrix.shape, matvec=lambda vector: vector.ravel() / diagonal)
        found, _ = cg(matrix, right, x0=wanted, rtol=_TOLERANCE, maxiter=_ROUNDS, M=near)
        matte = stated.ravel()
        matte[free] = np.clip(found, 0, 1)
        return matte.reshape(known.shape).astype(np.float32)


def _laplacian(colour: Floats, unknown: NDArray[np.bool_]) -> sparse.csr_array:
    """Return the matting Laplacian, (pixels, pixels), of the windows that touch what is unknown."""
    height, width = unknown.shape
    inner = cv2.dilate(unknown.astype(np.uint8), np.ones((_SIDE, _SIDE), np.uint8))[1:-1, 1:-1].astype(bool)
    places = np.lib.stride_tricks.sliding_window_view(np.arange(height * width).reshape(height, width), (_SIDE, _SIDE))
    pixels = places[inner].reshape(-1, _SIDE * _SIDE)
    colours = colour.reshape(-1, 3)[pixels]
    apart = colours - colours.mean(1, keepdims=True)
    count = _SIDE * _SIDE
    spread = apart.transpose(0, 2, 1) @ apart / count + _EPSILON / count * np.eye(3)
    alike = (1 + apart @ np.linalg.solve(spread, apart.transpose(0, 2, 1))) / count
    values = np.eye(count) - alike
    rows, columns = np.repeat(pixels, count, 1), np.tile(pixels, (1, count))
    size = height * width
    return sparse.coo_array((values.ravel(), (rows.ravel(), columns.ravel())), (size, size)).tocsr()
