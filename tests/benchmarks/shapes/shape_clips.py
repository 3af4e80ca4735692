"""Clips whose truth is known: animated Bezier shapes, and the mattes that a fitter is given of them.

Everything follows from a family's name and a seed. Positions are plate pixels with pixel centres at .5, mattes are
(height, width) coverage from 0 to 1, controls are (points, 6): x, y, in x, in y, out x, out y.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from roto_daemon.fitting import coverage
from roto_daemon.fitting.raster import shape_controls
from roto_shapes.shape import ControlPoint, Interpolation, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange

Array = NDArray[np.float64]
Matte = NDArray[np.float32]
Random = np.random.Generator

SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "masks"
"""Silhouettes of real objects, measured when they lie beside the checkout."""

HD = (1280, 720)
UHD = (3840, 2160)
FRAMES = 30
LOW_RESOLUTION_WIDTH = 256
NOISE_PX = 0.8
NOISE_LENGTH_PX = 4.0
MATERIAL_SPACING_PX = 4.0
CORNER_DEGREES = 30.0


@dataclass(frozen=True)
class TruthShape:
    """An outline as an animator drew it; `at` gives its controls on a frame, `keys` is 0 where no keyframes exist."""

    at: Callable[[int], Array]
    keys: int
    first: int
    last: int
    hole: bool = False

    @property
    def points(self) -> int:
        return len(self.at(self.first))

    def lives(self, frame: int) -> bool:
        return self.first <= frame <= self.last

    def material(self, frame: int) -> Array:
        """Return (samples, 2): points fixed to the object, the same ones in the same order on every frame."""
        start = self.at(self.first)
        chord = np.linalg.norm(np.roll(start[:, :2], -1, axis=0) - start[:, :2], axis=1)
        counts = np.maximum(np.ceil(chord / MATERIAL_SPACING_PX), 3).astype(int)
        return bezier_points(self.at(frame), counts)

    def corners(self, frame: int) -> Array:
        """Return (corners, 2): the points where the outline turns by more than 30 degrees."""
        controls = self.at(frame)
        return controls[turns_degrees(controls) > CORNER_DEGREES][:, :2]


@dataclass(frozen=True)
class Clip:
    """Truth, and the mattes that the fitter sees. Without shapes the given mattes are all the truth there is."""

    family: str
    name: str
    size: tuple[int, int]
    frames: range
    shapes: tuple[TruthShape, ...]
    given: Callable[[int], Matte]
    interpolation: Interpolation = Interpolation.LINEAR
    tolerance_px: float = 0.5

    def truth(self, frame: int) -> Matte:
        """Return the matte that the truth draws."""
        return draw(self.shapes, frame, self.size) if self.shapes else softened(self.given(frame))


def softened(mask: Matte) -> Matte:
    """Take the staircase off a mask of yes and no; the edge is then its 0.5 level."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE), np.float32)


def draw(shapes: tuple[TruthShape, ...], frame: int, size: tuple[int, int]) -> Matte:
    painted = np.zeros((size[1], size[0]), np.float32)
    for shape in shapes:
        if shape.lives(frame):
            one = coverage(curve(shape.at(frame)), *size)
            painted = painted * (1 - one) if shape.hole else painted + one - painted * one
    return painted


def curve(controls: Array, spacing_px: float = 1.0) -> Array:
    """Return a closed cubic outline as a fine polyline."""
    hull = np.linalg.norm(np.diff(spans(controls), axis=1), axis=2).sum(axis=1)
    return bezier_points(controls, np.clip(np.ceil(hull / spacing_px), 8, 800).astype(int))


def spans(controls: Array) -> Array:
    """Return (points, 4, 2): the cubics of a closed outline."""
    after = np.roll(controls, -1, axis=0)
    start, end = controls[:, :2], after[:, :2]
    return np.stack([start, start + controls[:, 4:6], end + after[:, 2:4], end], axis=1)


def bezier_points(controls: Array, counts: NDArray[np.int_]) -> Array:
    """Return points at even parameters, `counts` of them on each span, by repeated halving of the way."""
    pieces = []
    for span, count in zip(spans(controls), counts, strict=True):
        share = (np.arange(count) / count)[:, None]
        level = [np.broadcast_to(point, (count, 2)) for point in span]
        while len(level) > 1:
            level = [a + (b - a) * share for a, b in pairwise(level)]
        pieces.append(level[0])
    return np.concatenate(pieces)


def turns_degrees(controls: Array) -> Array:
    """Return by how much the outline turns at each of its points; a missing handle takes its span's direction."""
    cubics = spans(controls)
    leave = _direction(cubics[:, 1:] - cubics[:, :1])
    arrive = np.roll(_direction(cubics[:, 3:] - cubics[:, 2::-1]), 1, axis=0)
    across = arrive[:, 0] * leave[:, 1] - arrive[:, 1] * leave[:, 0]
    turn: Array = np.degrees(np.abs(np.arctan2(across, (arrive * leave).sum(axis=1))))
    return turn


def _direction(offsets: Array) -> Array:
    """Return the first of the offsets (points, 3, 2) that has a length."""
    long = np.linalg.norm(offsets, axis=2) > 1e-3
    first: Array = offsets[np.arange(len(offsets)), np.argmax(long, axis=1)]
    return first


def outline(places: Array, corner: NDArray[np.bool_], ratios: Array | None = None) -> Array:
    """Return controls through places: handles along the neighbours' chord, at corners along their own sides.

    A smooth point's two handles are collinear in one ratio; given the ratios of the first keyframe they stay so
    between keyframes.
    """
    after, before = np.roll(places, -1, axis=0) - places, places - np.roll(places, 1, axis=0)
    ahead, behind = np.linalg.norm(after, axis=1), np.linalg.norm(before, axis=1)
    along = (after + before) / np.linalg.norm(after + before, axis=1, keepdims=True)
    out = along * (ahead / 3)[:, None]
    into = -out * (behind / ahead if ratios is None else ratios)[:, None]
    out[corner], into[corner] = after[corner] * 0.3, -before[corner] * 0.3
    return np.concatenate([places, into, out], axis=1)


def blob(random: Random, points: int, radius: float, roughness: float = 0.22) -> Array:
    """Return (points, 2) round the origin."""
    angle = 2 * math.pi * (np.arange(points) + random.uniform(-0.25, 0.25, points)) / points
    reach = radius * (1 + random.uniform(-roughness, roughness, points))
    return np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1)


def turned(places: Array, angle: float) -> Array:
    c, s = math.cos(angle), math.sin(angle)
    moved: Array = places @ np.array([[c, s], [-s, c]])
    return moved


def key_frames(random: Random, frames: range, keys: int) -> list[int]:
    """Return frames at least 5 apart, the first and last among them."""
    while True:
        inner = random.choice(np.arange(frames[0] + 5, frames[-1] - 4), keys - 2, replace=False)
        chosen = [frames[0], *sorted(int(frame) for frame in inner), frames[-1]]
        if min(np.diff(chosen)) >= 5:
            return chosen


def keyed(
    keys: list[int], poses: list[Array], rule: Interpolation, *, hole: bool = False, corner: NDArray[np.bool_] | None
) -> TruthShape:
    """Return a shape that takes a pose (points, 2) at each keyframe and moves between them as a host would."""
    sharp = np.zeros(len(poses[0]), bool) if corner is None else corner
    first = poses[0]
    ahead = np.linalg.norm(np.roll(first, -1, axis=0) - first, axis=1)
    ratios = np.roll(ahead, 1) / ahead
    shape = Shape(
        "truth",
        tuple(
            ShapeKeyframe(frame, control_points(outline(pose, sharp, ratios)))
            for frame, pose in zip(keys, poses, strict=True)
        ),
        FrameRange(keys[0], keys[-1]),
        interpolation=rule,
    )
    return TruthShape(lambda frame: shape_controls(shape, frame), len(keys), keys[0], keys[-1], hole)


def control_points(controls: Array) -> tuple[ControlPoint, ...]:
    return tuple(ControlPoint(x, y, in_x, in_y, out_x, out_y) for x, y, in_x, in_y, out_x, out_y in controls.tolist())


def wandering(
    random: Random, places: Array, keys: list[int], centre: Array, scale: float = 1.0, form: float = 0.03
) -> list[Array]:
    """Return poses that travel, turn, grow and change form, by a share of their size, visibly from key to key."""
    poses, middle, angle = [], centre.copy(), 0.0
    size = np.linalg.norm(places, axis=1).mean()
    for _ in keys:
        own = places + random.normal(0, form * size, places.shape)
        poses.append(turned(own, angle) * random.uniform(0.9, 1.12) + middle)
        way = random.uniform(0, 2 * math.pi)
        middle = middle + scale * random.uniform(35, 70) * np.array([math.cos(way), 0.6 * math.sin(way)])
        middle = centre + np.clip(middle - centre, [-130 * scale, -50 * scale], [130 * scale, 50 * scale])
        angle += random.uniform(-0.2, 0.2)
    return poses


def rule_of(seed: int) -> Interpolation:
    return Interpolation.SMOOTH if seed % 2 == 0 else Interpolation.LINEAR


def drawn_clip(family: str, name: str, shapes: tuple[TruthShape, ...], seed: int, frames: int = FRAMES) -> Clip:
    return Clip(family, name, HD, range(frames), shapes, lambda frame: draw(shapes, frame, HD), rule_of(seed))


def moving_blob(random: Random, seed: int, frames: int = FRAMES, scale: float = 1.0, keys: int = 4) -> TruthShape:
    places = blob(random, int(random.integers(8, 13)), scale * random.uniform(130, 190))
    times = key_frames(random, range(frames), keys)
    centre = np.array([640.0, 360.0]) * scale
    return keyed(times, wandering(random, places, times, centre, scale), rule_of(seed), corner=None)


def clean(seed: int, random: Random) -> list[Clip]:
    return [drawn_clip("clean", f"clean-{seed}", (moving_blob(random, seed),), seed)]


def corners(seed: int, random: Random) -> list[Clip]:
    """Give a figure whose arm bends at odd seeds, a form with every second point sharp at even ones."""
    keys = key_frames(random, range(FRAMES), 4)
    if seed % 2:
        poses = [limb(random, bend) for bend in np.cumsum(random.choice([-1, 1]) * random.uniform(0.15, 0.4, 4))]
        corner = np.array([False, True, True, True, True, False, True, True, False])
        placed = [pose + (600 + 25 * i, 360 + random.uniform(-30, 30)) for i, pose in enumerate(poses)]
    else:
        places = blob(random, 8, random.uniform(150, 190), 0.1) * np.where(np.arange(8) % 2, 0.72, 1.1)[:, None]
        placed = wandering(random, places, keys, np.array([640.0, 360.0]))
        corner = np.arange(8) % 2 == 0
    shape = keyed(keys, placed, rule_of(seed), corner=corner)
    return [drawn_clip("corners", f"corners-{seed}", (shape,), seed)]


def limb(random: Random, bend: float) -> Array:
    """Return a torso with an arm, (9, 2), the shoulder its joint."""
    arm = turned(np.array([[0.0, -28], [170, -20], [170, 18], [0, 28]]), bend) + (85, -60)
    torso = np.array([[-30.0, -190], [70, -150], [80, 160], [-70, 165], [-110, -20]])
    figure = np.concatenate([torso[:2], arm, torso[2:]])
    return figure + random.normal(0, 2.0, figure.shape)


def holes(seed: int, random: Random) -> list[Clip]:
    keys = key_frames(random, range(FRAMES), 4)
    outer = blob(random, 10, random.uniform(170, 200), 0.12)
    state = random.bit_generator.state
    body = keyed(keys, wandering(random, outer, keys, np.array([640.0, 360.0])), rule_of(seed), corner=None)
    cuts = []
    for offset in ([-55.0, 10.0], [60.0, -15.0])[: 1 + seed % 2]:
        inner = blob(random, 6, random.uniform(32, 42), 0.15)
        again = np.random.default_rng()
        again.bit_generator.state = state  # the same travel as the body, so that the hole stays inside it
        placed = [
            pose.mean(axis=0) + offset + inner * random.uniform(0.85, 1.15)
            for pose in wandering(again, outer, keys, np.array([640.0, 360.0]))
        ]
        cuts.append(keyed(keys, placed, rule_of(seed), hole=True, corner=None))
    return [drawn_clip("holes", f"holes-{seed}", (body, *cuts), seed)]


def rotation(seed: int, random: Random) -> list[Clip]:
    places = blob(random, 8, random.uniform(140, 180), 0.15)
    controls = outline(places, np.arange(8) % 3 == 0)
    speed = math.radians(random.uniform(1.2, 2.4)) * random.choice([-1, 1])
    reach, start = random.uniform(40, 110), random.uniform(0, 2 * math.pi)

    def at(frame: int) -> Array:
        parts = [turned(controls[:, axis : axis + 2], speed * frame) for axis in (0, 2, 4)]
        way = start + speed * frame
        parts[0] = parts[0] + (640 + reach * math.cos(way), 360 + reach * math.sin(way))
        return np.concatenate(parts, axis=1)

    return [drawn_clip("rotation", f"rotation-{seed}", (TruthShape(at, 0, 0, FRAMES - 1),), seed)]


def lowres(seed: int, random: Random) -> list[Clip]:
    """Give what the logits of a small network give: coverage at 256 px width, enlarged, cut at one half."""
    shapes = (moving_blob(random, seed),)
    factor = HD[0] // LOW_RESOLUTION_WIDTH
    small = (LOW_RESOLUTION_WIDTH, HD[1] // factor)

    def given(frame: int) -> Matte:
        soft = coverage(curve(shapes[0].at(frame) / factor, 1 / factor), *small)
        large = cv2.resize(soft, HD, interpolation=cv2.INTER_LINEAR)
        return (np.asarray(large) >= 0.5).astype(np.float32)

    return [Clip("lowres", f"lowres-{seed}", HD, range(FRAMES), shapes, given, rule_of(seed))]


def noise(seed: int, random: Random) -> list[Clip]:
    """Move the edge of every frame along its normals by noise of 0.8 px that hangs together over a few pixels."""
    shape = moving_blob(random, seed)

    def given(frame: int) -> Matte:
        line = curve(shape.at(frame))
        white = np.random.default_rng([seed, frame]).normal(0, 1, len(line))
        wobble = gaussian_filter1d(white, NOISE_LENGTH_PX, mode="wrap")
        wobble *= NOISE_PX / wobble.std()
        return coverage(line + normals(line) * wobble[:, None], *HD)

    return [Clip("noise", f"noise-{seed}", HD, range(FRAMES), (shape,), given, rule_of(seed))]


def normals(line: Array) -> Array:
    """Return unit normals (points, 2) of a closed polyline, to the right of its way."""
    way = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    return np.stack([way[:, 1], -way[:, 0]], axis=1)


def errors(seed: int, random: Random) -> list[Clip]:
    """Spoil single frames: a piece drops out, a spur grows, a bite is taken; at every third seed one is empty."""
    shape = moving_blob(random, seed)
    kinds = ["dropout", "spur", "bite", "dropout", "spur", "bite"] + (["empty"] if seed % 3 == 0 else [])
    hit = dict(zip(random.permutation(np.arange(1, FRAMES - 1, 2))[: len(kinds)].tolist(), kinds))

    def given(frame: int) -> Matte:
        matte = draw((shape,), frame, HD)
        return (
            spoilt(matte, shape.at(frame), hit[frame], np.random.default_rng([seed, frame])) if frame in hit else matte
        )

    return [Clip("errors", f"errors-{seed}", HD, range(FRAMES), (shape,), given, rule_of(seed))]


def spoilt(matte: Matte, controls: Array, kind: str, random: Random) -> Matte:
    line = curve(controls)
    here = line[int(random.integers(len(line)))]
    middle = line.mean(axis=0)
    disc = blob(random, 12, random.uniform(14, 28), 0.05)
    if kind == "empty":
        return np.zeros_like(matte)
    if kind == "spur":
        out = (here - middle) / np.linalg.norm(here - middle)
        side = np.array([-out[1], out[0]]) * 5
        spur = np.array(
            [here - out * 20 + side, here + out * 45 + side, here + out * 45 - side, here - out * 20 - side]
        )
        one = coverage(spur, *HD)
        return matte + one - matte * one
    place = here if kind == "bite" else middle + (here - middle) * 0.4
    return matte * (1 - coverage(disc + place, *HD))


def leaving(seed: int, random: Random) -> list[Clip]:
    """Give two clips: leaving the plate or a gap, and split and merge or crossing parts."""
    rule, frames = rule_of(seed), range(24)
    places = blob(random, 9, random.uniform(110, 150), 0.15)
    if seed % 2:
        keys = [0, 11, 23]
        stops = [(1000.0, 360.0), (1215.0, 300.0), (1060.0, 420.0)]
        first: tuple[TruthShape, ...] = (
            keyed(keys, [places * s + at for s, at in zip((1, 1.1, 0.95), stops)], rule, corner=None),
        )
        name = "leaving"
    else:
        sides = ([0, 9], [15, 23])
        ways = (((400.0, 330.0), (520.0, 380.0)), ((560.0, 380.0), (720.0, 330.0)))
        first = tuple(
            keyed(keys, [places + at for at in way], rule, corner=None) for keys, way in zip(sides, ways, strict=True)
        )
        name = "gap"
    other = blob(random, 8, random.uniform(70, 95), 0.12)
    steady = keyed([0, 23], [places + (560, 360), places + (600, 380)], rule, corner=None)
    if seed % 2:
        passing = keyed([0, 23], [other + (180, 250), other + (1020, 440)], rule, corner=None)
        second = "crossing"
    else:
        passing = keyed([0, 12, 23], [other + (900, 380), other + (690, 380), other + (930, 330)], rule, corner=None)
        second = "split"
    both = ((name, first), (second, (steady, passing)))
    return [drawn_clip("leaving", f"{kind}-{seed}", shapes, seed, len(frames)) for kind, shapes in both]


def uhd(seed: int, random: Random) -> list[Clip]:
    shapes = (moving_blob(random, seed, 24, 3.0),)
    return [Clip("uhd", f"uhd-{seed}", UHD, range(24), shapes, lambda frame: draw(shapes, frame, UHD), rule_of(seed))]


def real(seed: int, random: Random) -> list[Clip]:  # noqa: ARG001 - called as every family is
    """Give the sample masks, whatever the seed; none when they are not beside the checkout."""
    return [sampled(folder) for folder in sorted(SAMPLES.iterdir())] if SAMPLES.is_dir() else []


def sampled(folder: Path) -> Clip:
    def given(frame: int) -> Matte:
        picture = cv2.imread(str(folder / f"mask.{frame:04d}.png"), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise FileNotFoundError(folder / f"mask.{frame:04d}.png")
        return (np.asarray(picture) > 127).astype(np.float32)

    height, width = given(0).shape
    frames = range(len(list(folder.glob("mask.*.png"))))
    return Clip("real", folder.name, (width, height), frames, (), given, tolerance_px=1.0)


FAMILIES: dict[str, Callable[[int, Random], list[Clip]]] = {
    "clean": clean,
    "corners": corners,
    "holes": holes,
    "rotation": rotation,
    "lowres": lowres,
    "noise": noise,
    "errors": errors,
    "leaving": leaving,
    "uhd": uhd,
    "real": real,
}


def clips_of(family: str, seed: int) -> list[Clip]:
    """Return the clips of a family at a seed; always the same ones."""
    return FAMILIES[family](seed, np.random.default_rng([seed, list(FAMILIES).index(family)]))
