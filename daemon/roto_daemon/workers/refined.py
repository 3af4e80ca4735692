"""Mattes of a session with the soft edges that its plate shows, for files."""

from __future__ import annotations

import collections

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import Config
from roto_daemon.engines.matting import MatteFrame, find_matte, find_matter, steadied
from roto_daemon.pictures import Matte
from roto_daemon.plates.codec import EncodedMatte, decode_matte, encode_matte
from roto_daemon.plates.matte_store import MatteStore
from roto_daemon.plates.reader import whatever_reads
from roto_daemon.workers.footage import Reader
from roto_daemon.workers.orders import MattingOrder

_BESIDE = 3
"""Frames of each object that are kept, packed: the one asked for and its neighbours."""


class RefinedMattes:
    """Reads the mattes of a store as they lie in it, and gives them the edges of the plate."""

    def __init__(self, store: MatteStore, reader: Reader, order: MattingOrder, config: Config) -> None:
        """Find what finds coverage; raises UnknownError, UnavailableError or WeightsError."""
        self._store = store
        self._matter = find_matter(order.by, ModelsFolder.of(config), device=config.device)
        self._band_px = order.band_px or None
        self._picture = whatever_reads(reader.picture)
        self._found: dict[int, collections.OrderedDict[int, EncodedMatte]] = {}

    def read(self, object_id: int, frame: int) -> Matte:
        """Return an object's matte on a frame, which must have one.

        On a frame of the plate that cannot be read it is as it lies in the store. Raises PromptError for a band that
        cannot be.
        """
        now = self._refined(object_id, frame)
        if now is None:
            return self._store.read(object_id, frame).matte()
        beside = [self._refined(object_id, frame + step) for step in (-1, 1)]
        return steadied(now, *beside).matte

    def _refined(self, object_id: int, frame: int) -> MatteFrame | None:
        """Return a frame's matte by itself; None where there is none or the plate cannot be read."""
        picture = self._picture(frame)
        if picture is None:
            return None
        kept = self._found.setdefault(object_id, collections.OrderedDict())
        if frame not in kept:
            try:
                mask = self._store.read(object_id, frame).matte()
            except KeyError:
                return None
            kept[frame] = encode_matte(find_matte(picture, mask, self._matter, self._band_px))
            if len(kept) > _BESIDE:
                kept.popitem(last=False)
        return MatteFrame(frame, picture, decode_matte(kept[frame]))
