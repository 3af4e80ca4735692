"""Synthetic clips with exact masks: textured shapes that move, turn, scale, cover each other, leave and come back.

Everything is drawn by NumPy and OpenCV from one seed. Lengths are fractions of the frame's side, so that one seed
gives the same clip at every size.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Array = NDArray[np.float32]

_PATCH = 0.75
"""Side of an object's own picture: larger than any object on screen, so that it is only ever made smaller."""
_RADIUS = 0.42
"""Mean radius of an outline within its picture: the longest ray of any outline still fits."""
_RAYS = 48
"""Corners of an outline drawn by rays from its middle: no corner is seen at the sizes used here."""
_VISIBLE = 0.002
"""Share of the frame that counts as seen: 33 pixels of 128 x 128, below which a shape cannot be told from noise."""


@dataclass(frozen=True)
class Clip:
    """Frames [T, S, S, 3] uint8 RGB and the visible part of every object [T, N, S, S] bool, nearest object last."""

    frames: Image
    masks: NDArray[np.bool_]

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Whether an object can be seen on a frame, [T, N]."""
        return np.asarray(self.masks.mean(axis=(2, 3)) > _VISIBLE)


def make_clip(
    seed: int, *, frames: int = 8, size: int = 128, objects: int = 2, occlusion: bool = False, twins: bool = False
) -> Clip:
    """Draw one clip.

    Every object is seen on frame 0. With *occlusion* the first object passes behind the last one, or leaves the frame
    and comes back when it is alone; without it paths are free and crossings are chance. *twins* gives the first two
    objects one colour.
    """
    for attempt in range(50):
        rng = np.random.default_rng([seed, attempt])
        colours = _colours(rng, objects + 1)
        if twins:
            colours[2:3] = colours[1]
        clip = _draw(rng, frames, size, colours, occlusion=occlusion)
        if (clip.masks[0].mean(axis=(1, 2)) > 6 * _VISIBLE).all():
            return clip
    raise ValueError(f"no clip of {objects} visible objects from seed {seed}: ask for fewer objects")


def clicks_on(mask: NDArray[np.bool_], count: int, rng: np.random.Generator) -> Array:
    """Draw *count* places (x, y) well inside a mask: deeper than three tenths of its deepest pixel."""
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, columns = np.nonzero(depth > 0.3 * depth.max())
    chosen = rng.integers(0, len(rows), count)
    return np.asarray(np.stack([columns[chosen], rows[chosen]], axis=1), np.float32)


def _draw(rng: np.random.Generator, frames: int, size: int, colours: NDArray[np.float64], *, occlusion: bool) -> Clip:
    objects = len(colours) - 1
    canvas = _texture(rng, size * 5 // 4, colours[0], contrast=rng.uniform(0, 40))
    pan = rng.uniform(-0.008, 0.008, 2) * size
    patches = [_patch(rng, int(size * _PATCH), colour) for colour in colours[1:]]
    paths = _paths(rng, frames, objects, occlusion=occlusion)
    pictures = np.empty((frames, size, size, 3), np.uint8)
    masks = np.zeros((frames, objects, size, size), np.bool_)
    noise = rng.uniform(0, 5) * rng.standard_normal((size + 16, size + 16, 3)).astype(np.float32)
    for t in range(frames):
        shift = np.array([[1, 0, pan[0] * t - size / 8], [0, 1, pan[1] * t - size / 8]])
        picture = cv2.warpAffine(canvas, shift, (size, size), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
        for number, (patch, path) in enumerate(zip(patches, paths)):
            onto = path[t] * size @ _to_middle(len(patch)) - [0, 0, 0.5]  # OpenCV's pixel centres are whole numbers
            layer = cv2.warpAffine(patch, onto, (size, size))
            alpha = layer[..., 3:] / np.float32(255)
            picture += (layer[..., :3] - picture) * alpha
            covered = alpha[..., 0] > 0.5
            masks[t, :number] &= ~covered
            masks[t, number] = covered
        y, x = rng.integers(0, 16, 2)
        picture += noise[y : y + size, x : x + size]
        pictures[t] = np.clip(picture, 0, 255)
    return Clip(pictures, masks)


def _to_middle(side: int) -> NDArray[np.float64]:
    """Move a picture's middle to the origin and make it two units wide."""
    return np.array([[2 / side, 0, 1 / side - 1], [0, 2 / side, 1 / side - 1], [0, 0, 1]])


def _colours(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Colours that can be told apart: at least 70 apart in RGB, mostly 110."""
    apart = 110.0 if rng.random() < 0.8 else 70.0
    chosen = [rng.uniform(20, 235, 3)]
    while len(chosen) < count:
        colour = rng.uniform(10, 245, 3)
        if min(float(np.linalg.norm(colour - other)) for other in chosen) > apart:
            chosen.append(colour)
        apart *= 0.99
    return np.array(chosen)


def _texture(rng: np.random.Generator, side: int, colour: NDArray[np.float64], contrast: float) -> Image:
    """Blotches, blocks, stripes, checks or a ramp round a colour; *contrast* is the amplitude in 8-bit steps."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / np.float32(side)
    kind = rng.integers(5)
    angle, waves = rng.uniform(0, np.pi), rng.uniform(3, 9)
    along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    across = np.float32(np.cos(angle)) * y - np.float32(np.sin(angle)) * x
    if kind in (0, 1):
        cells = int(rng.integers(3, 10 if kind == 0 else 20))
        blotches = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        field = cv2.resize(blotches, (side, side), interpolation=cv2.INTER_CUBIC if kind == 0 else cv2.INTER_NEAREST)
    elif kind == 2:
        field = np.sin(along * np.float32(2 * np.pi * waves))
    elif kind == 3:
        field = np.sign(np.sin(along * np.float32(2 * np.pi * waves)) * np.sin(across * np.float32(2 * np.pi * waves)))
    else:
        field = 2 * along - 1
    tint = (rng.uniform(0.3, 1, 3) * rng.choice([-1, 1], 3) * contrast).astype(np.float32)
    picture = colour.astype(np.float32) + field[..., None].astype(np.float32) * tint
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def _patch(rng: np.random.Generator, side: int, colour: NDArray[np.float64]) -> Image:
    """One object's own picture [side, side, 4], RGB and coverage."""
    outline = _outline(rng) * _RADIUS * side + side / 2
    coverage = np.zeros((side, side), np.uint8)
    cv2.fillPoly(coverage, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    texture = _texture(rng, side, colour, contrast=rng.uniform(0, 60))
    return np.dstack([texture, coverage])


def _outline(rng: np.random.Generator) -> NDArray[np.float64]:
    """Corners of a closed outline, at most 1.15 from the middle: ellipse, polygon, star or blob."""
    kind = rng.integers(4)
    angles = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    if kind == 0:
        radii = np.ones(_RAYS)
    elif kind == 1:
        corners = int(rng.integers(3, 7))
        angles = np.sort(2 * np.pi * (np.arange(corners) + rng.uniform(-0.2, 0.2, corners)) / corners)
        radii = np.full(corners, 1.1)
    elif kind == 2:
        points = int(rng.integers(4, 8))
        angles = np.linspace(0, 2 * np.pi, 2 * points, endpoint=False)
        radii = np.where(np.arange(2 * points) % 2 == 0, 1.15, rng.uniform(0.55, 0.85))
    else:
        waves = sum(rng.uniform(-0.3, 0.3) / n * np.cos(n * angles + rng.uniform(0, 6.3)) for n in range(2, 6))
        radii = np.clip(0.95 + waves, 0.4, 1.15)
    stretch = np.array([1.0, rng.uniform(0.6, 1.0)])
    return np.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None] * stretch)


def _paths(rng: np.random.Generator, frames: int, objects: int, *, occlusion: bool) -> list[NDArray[np.float64]]:
    """For every object and frame the affine map [2, 3] from its picture (two units wide) to the frame (one unit)."""
    starts = _starts(rng, objects)
    speeds = rng.uniform(0, 0.045, objects)[:, None] * _directions(rng, objects)
    t = np.arange(frames, dtype=np.float64)[:, None]
    places = [start + speed * t for start, speed in zip(starts, speeds)]
    radii = rng.uniform(0.1, 0.23, objects) * (1.0 if objects < 3 else 0.85)
    if occlusion and objects > 1:
        meeting, middle = rng.uniform(0.35, 0.75) * frames, rng.uniform(0.3, 0.7, 2)
        for number in (0, objects - 1):
            places[number] = middle + (starts[number] - middle) * (1 - t / meeting)
        radii[-1] = max(radii[-1], radii[0] * rng.uniform(0.8, 1.3))
    elif occlusion:
        side = _directions(rng, 1)[0]
        away = rng.uniform(0.5, 0.8) * np.sin(np.pi * np.clip(t / (0.9 * frames), 0, 1))
        places[0] = 0.5 + side * (0.15 + away)
    else:
        places = [_kept_inside(place) for place in places]
    return [_maps(rng, place, radius) for place, radius in zip(places, radii)]


def _starts(rng: np.random.Generator, objects: int) -> NDArray[np.float64]:
    """Places as far apart as the best of eight throws."""
    best, distance = rng.uniform(0.18, 0.82, (objects, 2)), -1.0
    for _ in range(8 if objects > 1 else 0):
        places = rng.uniform(0.18, 0.82, (objects, 2))
        apart = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(objects)
        if apart.min() > distance:
            best, distance = places, float(apart.min())
    return best


def _directions(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    angles = rng.uniform(0, 2 * np.pi, count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _kept_inside(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reflect a path at the borders 0.08 and 0.92."""
    folded = np.abs((places - 0.08) % (2 * 0.84))
    return np.asarray(0.08 + np.minimum(folded, 2 * 0.84 - folded))


def _maps(rng: np.random.Generator, places: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    angle, turn = rng.uniform(0, 2 * np.pi), rng.uniform(-0.1, 0.1)
    growth, stretch = rng.uniform(-0.02, 0.02), rng.uniform(-0.015, 0.015)
    maps = np.empty((len(places), 2, 3))
    for t, place in enumerate(places):
        scale = radius / (2 * _RADIUS) * np.exp(growth * t + stretch * t * np.array([1, -1]))
        cos, sin = np.cos(angle + turn * t), np.sin(angle + turn * t)
        maps[t] = np.column_stack([np.array([[cos, -sin], [sin, cos]]) * scale, place])
    return maps
