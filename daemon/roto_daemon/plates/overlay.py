"""Drawing mattes and shapes over a picture, for previews and contact sheets.

A `View` says which part of the plate a drawing shows and how large. OpenCV draws with pixel centres at whole numbers,
plates have them at .5: the conversion is in `View.place` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.pictures import Matte, Picture
from roto_daemon.plates.codec import covered_box
from roto_shapes.curve import flatten
from roto_shapes.layers import evaluate_on_plate
from roto_shapes.shape import ControlPoint, Roto, Shape

Colour = tuple[int, int, int]

TINT: Colour = (255, 40, 90)
OUTLINE: Colour = (255, 214, 10)
CUT: Colour = (64, 224, 255)
"""The outline of an inverted shape, which takes away."""
TANGENT: Colour = (225, 235, 245)
HALO: Colour = (12, 12, 14)
"""Under every line, so that it reads on bright and on dark pictures."""
OUTSIDE: Colour = (18, 18, 20)
"""What a view shows beyond the plate."""

_TINT_STRENGTH = 0.45
_SOFTENING = 0.42
"""Width of the blur, in drawn pixels, before a picture is made smaller."""
_SPARE = 8
"""Plate pixels around a view that its filters may reach."""
_SUBPIXEL_BITS = 4
_SUBPIXELS = 1 << _SUBPIXEL_BITS
_FLATNESS_PX = 0.1
_SHORTEST_TANGENT = 5 * _SUBPIXELS
"""A tangent shorter than this on the drawing is hidden by its point."""
_SMOOTH = cv2.LINE_AA


@dataclass(frozen=True)
class View:
    """A part of the plate, from `left`, `top` in plate pixels, drawn `width` x `height` pixels large."""

    left: float
    top: float
    scale_x: float
    scale_y: float
    width: int
    height: int

    @classmethod
    def whole(cls, width: int, height: int) -> View:
        """Return the view of a whole plate, pixel for pixel."""
        return cls(0, 0, 1, 1, width, height)

    def place(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return plate positions (n, 2) where OpenCV draws them, in sub-pixels."""
        drawn = (points - (self.left, self.top)) * (self.scale_x, self.scale_y) - 0.5
        return np.round(np.clip(drawn, -1e5, 1e5) * _SUBPIXELS).astype(np.int32)

    def show(self, pixels: Picture, outside: Colour = OUTSIDE) -> Picture:
        """Return the part of a picture that the view shows, smoothly resized; a copy."""
        if self == View.whole(pixels.shape[1], pixels.shape[0]):
            return pixels.copy()
        left, top = max(int(self.left) - _SPARE, 0), max(int(self.top) - _SPARE, 0)
        right = int(self.left + self.width / self.scale_x) + _SPARE
        bottom = int(self.top + self.height / self.scale_y) + _SPARE
        part = pixels[top : max(bottom, 0), left : max(right, 0)]
        if not part.size:
            return np.full((self.height, self.width, 3), outside, np.uint8)
        if self.scale_x < 1:
            # Sampling alone would leave steps on edges.
            blur_x, blur_y = _SOFTENING / self.scale_x, _SOFTENING / self.scale_y
            part = cv2.GaussianBlur(part, (0, 0), blur_x, sigmaY=blur_y).astype(np.uint8, copy=False)
        across = (left + 0.5 - self.left) * self.scale_x - 0.5
        down = (top + 0.5 - self.top) * self.scale_y - 0.5
        affine = np.array([[self.scale_x, 0, across], [0, self.scale_y, down]], dtype=np.float64)
        how = cv2.INTER_LINEAR if self.scale_x < 1 else cv2.INTER_CUBIC
        shown = cv2.warpAffine(part, affine, (self.width, self.height), flags=how, borderValue=outside)
        return shown.astype(np.uint8, copy=False)


def tint(picture: Picture, matte: Matte, colour: Colour = TINT) -> None:
    """Colour a picture, in place, where the matte covers it."""
    left, top, right, bottom = covered_box(matte)
    if right == left:
        return
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    share = matte[top:bottom, left:right] * np.float32(_TINT_STRENGTH)
    solid = np.full_like(part, colour)
    picture[top:bottom, left:right] = cv2.blendLinear(part, solid, 1 - share, share)


def shapes_at(roto: Roto, frame: int) -> list[tuple[Shape, tuple[ControlPoint, ...]]]:
    """Return the shapes that are drawn on a frame, each with its control points there in plate pixels."""
    return [(shape, evaluate_on_plate(shape, frame)) for shape in roto.shapes if frame in shape.lifetime]


def is_keyed(shape: Shape, frame: int) -> bool:
    """Say whether a shape has a keyframe on a frame."""
    return any(key.frame == frame for key in shape.keyframes)


def draw_outline(image: Picture, view: View, shape: Shape, points: Sequence[ControlPoint], line_px: int = 2) -> None:
    """Draw a shape's outline, in place."""
    tolerance_px = _FLATNESS_PX / max(view.scale_x, view.scale_y)
    polyline = view.place(np.asarray(flatten(points, tolerance_px, closed=shape.closed)))
    for colour, thickness in ((HALO, line_px + 2), (CUT if shape.invert else OUTLINE, line_px)):
        cv2.polylines(image, [polyline], shape.closed, colour, thickness, _SMOOTH, _SUBPIXEL_BITS)


def draw_editable(image: Picture, view: View, shape: Shape, points: Sequence[ControlPoint], *, keyed: bool) -> None:
    """Draw an outline with what an artist can grab, in place: control points and tangents.

    Points are filled squares on a keyframe and rings in between. Tangents lie under the outline, points over it.
    """
    ends = np.array([[p.x, p.y, p.x + p.in_x, p.y + p.in_y, p.x + p.out_x, p.y + p.out_y] for p in points])
    places = view.place(ends.reshape(-1, 2)).reshape(-1, 3, 2)
    tangents = [
        (place[0], end) for place in places for end in place[1:] if np.hypot(*(end - place[0])) >= _SHORTEST_TANGENT
    ]
    for start, end in tangents:
        line = np.stack([start, end])
        cv2.polylines(image, [line], isClosed=False, color=HALO, thickness=3, lineType=_SMOOTH, shift=_SUBPIXEL_BITS)
        cv2.polylines(image, [line], isClosed=False, color=TANGENT, thickness=1, lineType=_SMOOTH, shift=_SUBPIXEL_BITS)
    draw_outline(image, view, shape, points)
    for _, end in tangents:
        _draw_disc(image, end, 3.4, HALO)
        _draw_disc(image, end, 2.3, TANGENT)
    for centre in places[:, 0]:
        _draw_point(image, centre, CUT if shape.invert else OUTLINE, keyed=keyed)


def _draw_point(image: Picture, centre: NDArray[np.int32], colour: Colour, *, keyed: bool) -> None:
    if keyed:
        _draw_square(image, centre, 5.5, HALO)
        _draw_square(image, centre, 4.0, colour)
        return
    _draw_disc(image, centre, 5.5, HALO)
    _draw_disc(image, centre, 4.2, colour)
    _draw_disc(image, centre, 2.4, HALO)


def _draw_square(image: Picture, centre: NDArray[np.int32], half_px: float, colour: Colour) -> None:
    half = round(half_px * _SUBPIXELS)
    corners = centre + np.array([[-half, -half], [half, -half], [half, half], [-half, half]], np.int32)
    cv2.fillPoly(image, [corners], colour, _SMOOTH, _SUBPIXEL_BITS)


def _draw_disc(image: Picture, centre: NDArray[np.int32], radius_px: float, colour: Colour) -> None:
    x, y = map(int, centre)
    cv2.circle(image, (x, y), round(radius_px * _SUBPIXELS), colour, cv2.FILLED, _SMOOTH, _SUBPIXEL_BITS)
