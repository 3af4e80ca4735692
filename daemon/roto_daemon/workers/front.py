"""What stands in front of an object: the mattes of other objects of its session."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from roto_daemon.pictures import Matte
from roto_daemon.plates.matte_store import MatteStore
from roto_shapes.shot import Plate


def in_front(store: MatteStore, objects: Sequence[int], plate: Plate) -> Callable[[int], Matte] | None:
    """Return the matte of all these objects together by frame, empty where none has one; None without objects."""
    if not objects:
        return None
    frames = {each: frozenset(store.frames(each)) for each in objects}

    def front_of(frame: int) -> Matte:
        matte: Matte = np.zeros((plate.height, plate.width), np.float32)
        for each in objects:
            if frame in frames[each]:
                matte = np.maximum(matte, store.read(each, frame).matte())
        return matte

    return front_of
