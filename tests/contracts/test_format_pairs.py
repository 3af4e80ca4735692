"""Shapes through any two formats that are read: where they lie afterwards, and what was said of it."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import five_hundred
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roto_shapes.difference import distances
from roto_shapes.formats import READ_ENDINGS, encode, read_shapes
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

TOLERANCE_PX = 0.12
"""Twice the bound of 0.05 px within which keys are added, and what few decimals lose far outside the plate."""

PAIRS = list(itertools.permutations(READ_ENDINGS, 2))


def a_roto(seed: int, plate: Plate, rule: Interpolation, *, name: str = 'körper "1" <&\'\\>') -> Roto:
    dice = random.Random(seed)  # noqa: S311 - test data, not secrets
    first, last = plate.frames.first, plate.frames.last

    def outline(reach: float) -> tuple[ControlPoint, ...]:
        numbers = [
            [dice.uniform(-reach, 2 * reach) for _ in range(2)] + [dice.uniform(-60, 60) for _ in range(4)]
            for _ in range(4)
        ]
        return tuple(ControlPoint._make((*n, True, None)) for n in numbers)

    frames = sorted(dice.sample(range(first, last + 1), 3))
    body = Shape(name, tuple(ShapeKeyframe(f, outline(2000)) for f in frames), plate.frames, interpolation=rule)
    hole = Shape("hole", (ShapeKeyframe(first, outline(300)),), FrameRange(first + 2, last - 1), invert=True)
    return Roto(plate, (body, hole))


def known(plate: Plate) -> Given:
    return Given((plate.width, plate.height), plate.frames, plate.frame_rate, plate.pixel_aspect)


def through(roto: Roto, endings: tuple[str, ...]) -> Roto:
    for ending in endings:
        roto = read_shapes(encode(roto, ending), ending, known(roto.plate)).roto
    return roto


@pytest.mark.parametrize("pair", PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_shapes_stay_where_they_are_through_any_two_formats(pair: tuple[str, str]) -> None:
    plate = Plate(1998, 1080, FrameRange(-7, 16), pixel_aspect=2.0, frame_rate=24000 / 1001)
    for rule in Interpolation:
        roto = a_roto(5, plate, rule)
        back = through(roto, pair)
        assert [shape.invert for shape in back.shapes][:1] == [False]
        found = distances(roto, back)
        assert not any(each.missing for each in found)
        assert max(each.px for each in found) < TOLERANCE_PX


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    pair=st.sampled_from(PAIRS),
    start=st.integers(-500, 200_000),
    aspect=st.sampled_from([1.0, 2.0, 0.9]),
)
def test_any_shapes_stay_where_they_are(seed: int, pair: tuple[str, str], start: int, aspect: float) -> None:
    dice = random.Random(seed)  # noqa: S311 - test data, not secrets
    plate = Plate(
        dice.randrange(16, 9000), dice.randrange(16, 9000), FrameRange(start, start + 23), pixel_aspect=aspect
    )
    roto = a_roto(seed, plate, dice.choice(list(Interpolation)), name="s")
    found = distances(roto, through(roto, pair))
    # Six decimals of the height are what Silhouette keeps; float32 is what Nuke keeps.
    assert max(each.px for each in found) < TOLERANCE_PX + 2e-6 * plate.height * max(aspect, 1)


# .setting holds the same tools as .comp, and .lottie.json the same paths as .bodymovin.json.
@pytest.mark.parametrize("ending", sorted({*READ_ENDINGS} - {".comp", ".bodymovin.json"}))
def test_five_hundred_points_on_five_hundred_keyframes_come_back(ending: str) -> None:
    assert five_hundred.come_back(ending) == "same"


@pytest.mark.parametrize("ending", READ_ENDINGS)
def test_names_of_any_letters_survive_or_become_plain_ones(ending: str) -> None:
    plate = Plate(64, 48, FrameRange(1, 9))
    names = ["größe 2", "\"quoted\" 'twice'", "a\\b", "<tag>&amp;", "行 -- ]]", "-"]
    shape = a_roto(1, plate, Interpolation.LINEAR).shapes[0]
    roto = Roto(plate, tuple(replace(shape, name=name) for name in names))
    back = read_shapes(encode(roto, ending), ending, known(plate)).roto
    assert len({each.name for each in back.shapes}) == len(names)
    if ending != ".nk":  # where names are plain
        assert [each.name for each in back.shapes] == names
