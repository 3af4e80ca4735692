"""One picture that tells an artist how good the shapes are: frames of the shot, each as plate, matte and shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import OutputError, PlateError
from roto_daemon.pictures import Matte, Picture
from roto_daemon.plates.codec import covered_box
from roto_daemon.plates.overlay import (
    CUT,
    HALO,
    OUTLINE,
    TANGENT,
    Colour,
    View,
    draw_editable,
    is_keyed,
    shapes_at,
)
from roto_shapes.files import write_whole
from roto_shapes.shape import ControlPoint, Roto, Shape

FRAMES_SHOWN = 8

_GROUND: Colour = (30, 30, 32)
_CARD: Colour = (40, 40, 43)
_EMPTY: Colour = (24, 24, 26)
_TEXT: Colour = (232, 232, 234)
_QUIET: Colour = (158, 160, 166)

_EDGE = 48
_GAP = 28
"""Between cards."""
_INSET = 14
"""Inside a card, around its pictures."""
_SEAM = 10
"""Between the pictures of a card."""
_CAPTION = 52
_HEADER = 168
_FOOTER = 64
_COLUMNS = 2
_SHAPE_SIZE = (830, 560)
"""The most that the large picture of a card takes, so that two cards fit side by side on a screen."""
_NARROWEST = 1300
"""Room for the header of a sheet with few frames."""
_MARGIN = 0.14
"""Of the object's size, kept free around it so that tangents and surroundings are seen."""
_DIMMED = 0.82
"""The picture under the shape is darkened a little, so that lines and points lead."""
_SEEN = 0.02
"""Coverage that an eye can tell from none; less would stretch a card towards dust."""
_ASPECTS = (0.8, 1.9)
"""Width over height that a picture of a card may have."""


class PictureSource(Protocol):
    """Anything that can show a frame: `PlateReader`, `UploadedPlate`."""

    def picture(self, frame: int) -> Picture:
        """Return a frame; raises PlateError."""


@dataclass(frozen=True)
class SheetFacts:
    """What a sheet says in words."""

    title: str
    """The object's name."""
    subtitle: str = ""
    worst_error_px: float | None = None
    """The largest distance between shapes and mattes over all frames."""
    errors_px: Mapping[int, float] = field(default_factory=dict)
    """The largest distance on single frames."""
    credit: str = ""


def spread(frames: Iterable[int], count: int = FRAMES_SHOWN) -> list[int]:
    """Return so many of the frames, evenly spaced, the first and the last among them."""
    there = sorted(set(frames))
    chosen = np.linspace(0, len(there) - 1, min(count, len(there)))
    return [there[round(index)] for index in chosen]


def contact_sheet(
    source: PictureSource,
    roto: Roto,
    matte_of: Callable[[int], Matte | None],
    frames: Sequence[int],
    facts: SheetFacts,
) -> Picture:
    """Draw a sheet of some frames: (height, width, 3) sRGB.

    Each frame is a card: a large picture with outlines, control points and tangents, and beside it plate and matte of
    the same part of the plate. Every card shows a part of the same size, centred on the object. A frame that cannot be
    read is drawn as an empty card that says so. Raises OutputError without any frame.
    """
    if not frames:
        raise OutputError("A contact sheet needs at least one frame: track or fit some first.")
    framing = _Framing.around(roto, matte_of, frames)
    card_width, card_height = framing.card_size
    columns = min(_COLUMNS, len(frames))
    rows = math.ceil(len(frames) / columns)
    width = max(2 * _EDGE + columns * (card_width + _GAP) - _GAP, _NARROWEST)
    height = _HEADER + rows * (card_height + _GAP) - _GAP + _FOOTER
    sheet: Picture = np.full((height, width, 3), _GROUND, np.uint8)
    _draw_header(sheet, roto, facts)
    for index, frame in enumerate(frames):
        left = _EDGE + index % columns * (card_width + _GAP)
        top = _HEADER + index // columns * (card_height + _GAP)
        card = sheet[top : top + card_height, left : left + card_width]
        shown = _Frame(frame, matte_of(frame), shapes_at(roto, frame), facts.errors_px.get(frame))
        _draw_card(card, framing, source, shown)
    _write(sheet, facts.credit, (_EDGE, height - 24), 20, _QUIET)
    return sheet


def write_sheet(path: Path, sheet: Picture) -> None:
    """Write a sheet as PNG; the file appears whole or not at all. Raises OutputError."""
    written, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not written:
        raise OutputError(f"'{path}' cannot be written: the sheet of {sheet.shape[1]}x{sheet.shape[0]} is too large.")
    try:
        write_whole(path, data.tobytes())
    except OSError as error:
        # The system's own errors carry a bare reason, those of write_whole a sentence.
        sentence = f"'{path}' cannot be written: {error.strerror}" if error.strerror else str(error)
        raise OutputError(f"{sentence}.") from error


@dataclass(frozen=True)
class _Framing:
    """Which part of the plate each card shows: parts of one size, in plate pixels."""

    width: float
    height: float
    centres: Mapping[int, tuple[float, float]]
    pixel_aspect: float

    @classmethod
    def around(cls, roto: Roto, matte_of: Callable[[int], Matte | None], frames: Sequence[int]) -> _Framing:
        plate = roto.plate
        everything = (0.0, 0.0, float(plate.width), float(plate.height))
        boxes = {frame: _object_box(roto, matte_of(frame), frame) for frame in frames}
        found = [box for box in boxes.values() if box] or [everything]
        width = max(x1 - x0 for x0, _, x1, _ in found) * (1 + 2 * _MARGIN)
        height = max(y1 - y0 for _, y0, _, y1 in found) * (1 + 2 * _MARGIN)
        aspect = width * plate.pixel_aspect / height
        narrowest, widest = _ASPECTS
        if aspect > widest:
            height = width * plate.pixel_aspect / widest
        elif aspect < narrowest:
            width = height * narrowest / plate.pixel_aspect
        centres = {}
        for frame, box in boxes.items():
            x0, y0, x1, y1 = box or everything
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            centres[frame] = (_held_inside(x, width, plate.width), _held_inside(y, height, plate.height))
        return cls(width, height, centres, plate.pixel_aspect)

    @property
    def shape_size(self) -> tuple[int, int]:
        """Return width and height of the large picture."""
        aspect = self.width * self.pixel_aspect / self.height
        height = min(_SHAPE_SIZE[1], _SHAPE_SIZE[0] / aspect)
        return round(height * aspect), round(height)

    @property
    def small_size(self) -> tuple[int, int]:
        """Return width and height of the two small ones, which stand one above the other beside it."""
        width, height = self.shape_size
        small = (height - _SEAM) // 2
        return round(small * width / height), small

    @property
    def card_size(self) -> tuple[int, int]:
        width, height = self.shape_size
        return width + self.small_size[0] + _SEAM + 2 * _INSET, height + _CAPTION + _INSET

    def view(self, frame: int, size: tuple[int, int]) -> View:
        x, y = self.centres[frame]
        across, down = size
        return View(x - self.width / 2, y - self.height / 2, across / self.width, down / self.height, across, down)


def _object_box(roto: Roto, matte: Matte | None, frame: int) -> tuple[float, float, float, float] | None:
    """Return what holds the matte and all control points with their tangents; None when there are neither."""
    corners = [] if matte is None else [covered_box((matte > _SEEN).astype(np.float32))]
    boxes = [tuple(map(float, box)) for box in corners if box[0] < box[2]]
    for _, points in shapes_at(roto, frame):
        xs = [x for p in points for x in (p.x, p.x + p.in_x, p.x + p.out_x)]
        ys = [y for p in points for y in (p.y, p.y + p.in_y, p.y + p.out_y)]
        boxes.append((min(xs), min(ys), max(xs), max(ys)))
    if not boxes:
        return None
    lows, highs = np.min(boxes, axis=0), np.max(boxes, axis=0)
    return float(lows[0]), float(lows[1]), max(float(highs[2]), lows[0] + 1), max(float(highs[3]), lows[1] + 1)


def _held_inside(centre: float, extent: float, plate: int) -> float:
    """Return the centre of a part, moved so that it lies inside the plate where it can."""
    if extent >= plate:
        return plate / 2
    return min(max(centre, extent / 2), plate - extent / 2)


@dataclass(frozen=True)
class _Frame:
    """All that a card shows but the picture."""

    number: int
    matte: Matte | None
    shapes: list[tuple[Shape, tuple[ControlPoint, ...]]]
    error_px: float | None

    @property
    def keyed(self) -> list[bool]:
        return [is_keyed(shape, self.number) for shape, _ in self.shapes]


def _draw_card(card: Picture, framing: _Framing, source: PictureSource, frame: _Frame) -> None:
    card[:] = _CARD
    _draw_caption(card, frame)
    try:
        picture = source.picture(frame.number)
    except PlateError as error:
        card[_CAPTION:-_INSET, _INSET:-_INSET] = _EMPTY
        words = _fitted(str(error), card.shape[1] - 2 * _INSET - 40, 20)
        _write(card, words, (_INSET + 20, card.shape[0] // 2), 20, _QUIET)
        return
    small_width, small_height = framing.small_size
    small = framing.view(frame.number, framing.small_size)
    view = framing.view(frame.number, framing.shape_size)
    large = (view.show(picture) * np.float32(_DIMMED)).astype(np.uint8)
    for (shape, points), keyed in zip(frame.shapes, frame.keyed, strict=True):
        draw_editable(large, view, shape, points, keyed=keyed)
    coverage = np.zeros(picture.shape[:2], np.float32) if frame.matte is None else frame.matte
    grey = np.repeat(np.round(coverage * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    cells = (("plate", small.show(picture), 0, 0), ("matte", small.show(grey), 0, small_height + _SEAM))
    for label, shown, x, y in (*cells, ("shape", large, small_width + _SEAM, 0)):
        left, top = _INSET + x, _CAPTION + y
        bottom = top + shown.shape[0]
        card[top:bottom, left : left + shown.shape[1]] = shown
        _write_over(card, label, (left + 10, bottom - 12), 17)


def _draw_caption(card: Picture, frame: _Frame) -> None:
    baseline = 36
    keyed = frame.keyed
    x = _write(card, str(frame.number), (_INSET + 2, baseline), 28, _TEXT, 600) + 16
    if any(keyed):
        words = "keyframe" if all(keyed) else f"keyframe on {sum(keyed)} of {len(keyed)} shapes"
    else:
        words = "in-between" if keyed else "no shape"
    if keyed:
        _draw_mark(card, (x + 8, baseline - 9), filled=any(keyed))
        x += 26
    _write(card, words, (x, baseline), 20, _TEXT if any(keyed) else _QUIET)
    if frame.error_px is not None:
        words = f"{frame.error_px:.2f} px from matte"
        _write(card, words, (card.shape[1] - _INSET - 2 - _text_width(words, 20), baseline), 20, _QUIET)


def _draw_header(sheet: Picture, roto: Roto, facts: SheetFacts) -> None:
    right = sheet.shape[1] - _EDGE
    for label, value in reversed(_numbers(roto, facts)):
        wide = max(_text_width(value, 34, 600), _text_width(label, 19))
        _write(sheet, value, (right - wide, 68), 34, _TEXT, 600)
        _write(sheet, label, (right - wide, 98), 19, _QUIET)
        right -= wide + 40
    plate = roto.plate
    subtitle = facts.subtitle or f"{Path(plate.name).name}   frames {plate.frames}   {plate.width} x {plate.height}"
    room = right - _EDGE
    _write(sheet, _fitted(facts.title or "Shapes", room, 46, 600), (_EDGE, 74), 46, _TEXT, 600)
    _write(sheet, _fitted(subtitle, room, 23), (_EDGE, 116), 23, _QUIET)
    _draw_legend(sheet, (sheet.shape[1] - _EDGE, 140))


def _numbers(roto: Roto, facts: SheetFacts) -> list[tuple[str, str]]:
    numbers = [
        ("shapes", len(roto.shapes)),
        ("control points", sum(shape.point_count for shape in roto.shapes)),
        ("keyframes", sum(len(shape.keyframes) for shape in roto.shapes)),
    ]
    told = [(label if number != 1 else label[:-1], str(number)) for label, number in numbers]
    if facts.worst_error_px is not None:
        told.append(("worst error", f"{facts.worst_error_px:.2f} px"))
    return told


def _draw_legend(sheet: Picture, corner: tuple[int, int]) -> None:
    """Draw what the marks mean, right-aligned to a corner."""
    right, baseline = corner
    size = 18
    for words, mark in (("cuts", "cut"), ("tangent", "tangent"), ("in-between", "ring"), ("keyframe", "square")):
        right -= _text_width(words, size)
        _write(sheet, words, (right, baseline), size, _QUIET)
        right -= 34
        _draw_legend_mark(sheet, mark, (right + 14, baseline - 6))
        right -= 22


def _draw_legend_mark(sheet: Picture, mark: str, centre: tuple[int, int]) -> None:
    x, y = centre
    if mark == "cut":
        cv2.line(sheet, (x - 12, y), (x + 12, y), CUT, 2, cv2.LINE_AA)
    elif mark == "tangent":
        cv2.line(sheet, (x - 11, y), (x + 9, y), TANGENT, 1, cv2.LINE_AA)
        cv2.circle(sheet, (x + 10, y), 3, TANGENT, cv2.FILLED, cv2.LINE_AA)
    else:
        _draw_mark(sheet, centre, filled=mark == "square")


def _draw_mark(image: Picture, centre: tuple[int, int], *, filled: bool) -> None:
    """Draw a control point as `draw_editable` does, a little larger."""
    x, y = centre
    if filled:
        cv2.rectangle(image, (x - 5, y - 5), (x + 5, y + 5), OUTLINE, cv2.FILLED)
        return
    cv2.circle(image, centre, 6, OUTLINE, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(image, centre, 3, HALO, cv2.FILLED, cv2.LINE_AA)


@lru_cache(maxsize=1)
def _face() -> cv2.FontFace:
    return cv2.FontFace("sans")


def _write(image: Picture, words: str, place: tuple[int, int], size: int, colour: Colour, weight: int = 400) -> int:
    """Write a line with its baseline's left end at a place; return where it ends."""
    if not words:
        return place[0]
    # The view of a card is not what OpenCV writes into: it takes whole arrays.
    whole: NDArray[np.uint8] = np.ascontiguousarray(image)
    end, _ = cv2.putText(whole, words, place, colour, _face(), size, weight)
    if whole is not image:
        image[:] = whole
    return int(end[0])


def _write_over(image: Picture, words: str, place: tuple[int, int], size: int) -> None:
    """Write on a picture: light, with a dark rim."""
    x, y = place
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1), (1, 1)):
        _write(image, words, (x + dx, y + dy), size, HALO, 600)
    _write(image, words, place, size, _TEXT, 600)


def _text_width(words: str, size: int, weight: int = 400) -> int:
    left, _, width, _ = cv2.getTextSize((0, 0), words, (0, 0), _face(), size, weight)
    return int(left + width)


def _fitted(words: str, room: int, size: int, weight: int = 400) -> str:
    """Return as much of a line as has room."""
    if _text_width(words, size, weight) <= room:
        return words
    while words and _text_width(f"{words}…", size, weight) > room:
        words = words[:-1]
    return f"{words}…"
