"""Cryptomatte, specification 1.2: all objects of a session in one EXR, each to be picked by its name.

A pixel holds pairs of an id and its coverage, ranked by coverage, in the channels of RGBA layers; the id is a hash of
the object's name as a 32-bit float. https://github.com/Psyop/Cryptomatte, `specification/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import mmh3
import numpy as np
from numpy.typing import NDArray

from roto_daemon.pictures import Matte

TYPE_NAME = "RotoObject"
"""Of our set of ids; renderers call theirs CryptoObject, beside which it may be merged into one file."""

_LARGEST_RANKS = 6
"""The specification's own default: three RGBA layers. Of more objects on one pixel the least covering are left out."""
_MANTISSA_BITS = 23
_EXPONENT_MASK = 0xFF


def object_id(name: str) -> int:
    """Return the bits of a name's id: MurmurHash3_32 of its UTF-8, with an exponent that no NaN or infinity has."""
    bits = int(mmh3.hash(name, signed=False))
    exponent = bits >> _MANTISSA_BITS & _EXPONENT_MASK
    # The specification clamps the exponent to 1..254; from 0 and from 255 that turns its lowest bit over.
    return bits ^ 1 << _MANTISSA_BITS if exponent in {0, _EXPONENT_MASK} else bits


def channel_names(objects: int) -> list[str]:
    """Return the channels that so many objects need, as `rank_objects` fills them."""
    return [f"{TYPE_NAME}{layer:02d}.{channel}" for layer in range(_ranks(objects) // 2) for channel in "RGBA"]


def header(names: Sequence[str]) -> dict[str, str]:
    """Return what the file's header must say: the set's name, how ids are made, and all names with their ids."""
    key = f"cryptomatte/{object_id(TYPE_NAME):08x}"[:-1]
    manifest = {name: f"{object_id(name):08x}" for name in names}
    return {
        f"{key}/name": TYPE_NAME,
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": json.dumps(manifest, ensure_ascii=False, separators=(",", ":")),
    }


def rank_objects(mattes: Mapping[str, Matte]) -> NDArray[np.float32]:
    """Return the channels of `channel_names` for mattes by object name: (height, width, channels).

    Each object keeps its own coverage: mattes of a session overlap, so a pixel's coverages may add up to more than 1.
    """
    ids = np.array([object_id(name) for name in mattes], np.uint32).view(np.float32)
    together = np.stack(list(mattes.values()), axis=2)
    ranks = _ranks(len(mattes))
    ranked = np.zeros((*together.shape[:2], 2 * ranks), np.float32)
    if together.any():
        order = np.argsort(-together, axis=2, kind="stable")[..., :ranks]
        coverage = np.take_along_axis(together, order, axis=2)
        ranked[..., 0 : 2 * order.shape[2] : 2] = np.where(coverage > 0, ids[order], np.float32(0))
        ranked[..., 1 : 2 * order.shape[2] : 2] = coverage
    return ranked


def _ranks(objects: int) -> int:
    """Return how many ids a pixel has: two a layer, and the same on every frame."""
    return min(objects + objects % 2, _LARGEST_RANKS)
