"""Frames and mattes to look at: what was fetched lately, and the fetching of what is missing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Callable, Generic, NamedTuple, Optional, TypeVar

from roto_client.desk.shot import Shot
from roto_client.desk.worker import Looker
from roto_client.results import Matte
from roto_shapes.shot import FrameRange

_PICTURE_BYTES = 256 << 20
_MATTE_BYTES = 128 << 20
"""A thousand frames of 1280x720 and some hundred objects on them; mattes are kept by their box."""
_AHEAD = 3
"""Frames fetched before they are asked for, so that stepping shows them at once."""

Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class PlatePicture:
    """A frame to look at."""

    jpeg: bytes
    longest_px: int
    """As it was asked for."""


class PictureOf(NamedTuple):
    """Names a picture."""

    frame: int
    longest_px: int


class MatteOf(NamedTuple):
    """Names a matte."""

    key: int
    frame: int


class _Kept(Generic[Key, Thing]):
    """What was used last, up to so many bytes."""

    def __init__(self, limit_bytes: int, size: Callable[[Thing], int]) -> None:
        self._limit_bytes = limit_bytes
        self._size = size
        self._things: OrderedDict[Key, Thing] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Optional[Thing]:
        if key in self._things:
            self._things.move_to_end(key)
        return self._things.get(key)

    def put(self, key: Key, thing: Thing) -> None:
        self.drop(key)
        self._things[key] = thing
        self._bytes += self._size(thing)
        while self._bytes > self._limit_bytes and len(self._things) > 1:
            self._bytes -= self._size(self._things.popitem(last=False)[1])

    def drop(self, key: Key) -> None:
        if key in self._things:
            self._bytes -= self._size(self._things.pop(key))

    def clear(self) -> None:
        self._things.clear()
        self._bytes = 0


class Views:
    """What is looked at. All methods belong to the main thread; fetching happens on a thread of its own."""

    def __init__(
        self,
        shot: Callable[[], Optional[Shot]],
        later: Callable[[Callable[[], None]], None],
        changed: Callable[[], None],
        pulse: Callable[[], None],
    ) -> None:
        self.longest_px = 1024
        """How large pictures are to be fetched from now on."""
        self._shot = shot
        self._later = later
        self._changed = changed
        self._pictures: _Kept[int, PlatePicture] = _Kept(_PICTURE_BYTES, lambda each: len(each.jpeg))
        self._mattes: _Kept[MatteOf, Matte] = _Kept(_MATTE_BYTES, lambda each: len(each.samples))
        self._missing: set[Hashable] = set()
        self._looker = Looker(self._fetch, pulse)

    def picture(self, frame: int) -> Optional[PlatePicture]:
        """Return the frame as far as it was fetched; it may be smaller than asked for now."""
        return self._pictures.get(frame)

    def matte(self, key: int, frame: int) -> Optional[Matte]:
        """Return an object's matte on a frame, if it was fetched."""
        return self._mattes.get(MatteOf(key, frame))

    def keep(self, key: int, matte: Matte) -> None:
        """Take a matte that came by itself."""
        self._mattes.put(MatteOf(key, matte.frame), matte)
        self._missing.discard(MatteOf(key, matte.frame))

    def drop_matte(self, key: int, frame: int) -> None:
        """Forget a matte that is none any more."""
        self._mattes.drop(MatteOf(key, frame))

    def clear_mattes(self) -> None:
        """Forget all mattes, and what could not be had."""
        self._mattes.clear()
        self._missing.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.clear_mattes()
        self._pictures.clear()

    def look(self, frame: int, keys: Iterable[int], frames: FrameRange) -> None:
        """Fetch what is missing of a frame, with the mattes of objects, and of those after it."""
        wanted: list[Hashable] = [MatteOf(key, frame) for key in keys if not self.matte(key, frame)]
        ahead = [frame, *(frame + step for step in range(1, _AHEAD + 1))]
        wanted[:0] = [PictureOf(frame, self.longest_px)] if self._lacks(frame) else []
        wanted += [PictureOf(each, self.longest_px) for each in ahead[1:] if each in frames and self._lacks(each)]
        self._looker.want(*(each for each in wanted if each not in self._missing))

    def close(self) -> None:
        """Fetch nothing more."""
        self._looker.close()

    def _lacks(self, frame: int) -> bool:
        held = self._pictures.get(frame)
        return held is None or held.longest_px < self.longest_px

    def _fetch(self, thing: Hashable) -> None:
        """Fetch one thing, on the looker's thread."""
        shot = self._shot()
        if shot is None:
            return
        found = False
        try:
            if isinstance(thing, PictureOf) and not shot.needs(thing.frame):
                jpeg = shot.picture(thing.frame, thing.longest_px)
                found = True
                self._later(lambda: self._got_picture(thing, PlatePicture(jpeg, thing.longest_px)))
            elif isinstance(thing, MatteOf):
                mattes: Sequence[Matte] = list(shot.mattes(thing.key, FrameRange(thing.frame, thing.frame)))
                found = bool(mattes)
                self._later(lambda: self._got_mattes(thing.key, mattes))
            else:
                found = True  # it is on its way to the daemon first
        finally:
            if not found:
                self._later(lambda: self._missing.add(thing))

    def _got_picture(self, named: PictureOf, picture: PlatePicture) -> None:
        held = self._pictures.get(named.frame)
        if held is None or held.longest_px <= picture.longest_px:
            self._pictures.put(named.frame, picture)
        self._changed()

    def _got_mattes(self, key: int, mattes: Sequence[Matte]) -> None:
        for matte in mattes:
            if self.matte(key, matte.frame) is None:
                self.keep(key, matte)
        self._changed()
