from __future__ import annotations

import re
from pathlib import Path

import pytest

from roto_shapes.formats import ENDINGS, READ_ENDINGS, encode, export, read_shapes, write_roto
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

POINTS = (ControlPoint(0, 0), ControlPoint(5, 0), ControlPoint(0, 5))
ROTO = Roto(Plate(64, 48, FrameRange(1, 9)), (Shape("körper", (ShapeKeyframe(1, POINTS),), FrameRange(1, 9)),))


@pytest.mark.parametrize("name", [".json", "shapes.json", "out/a.b/SHAPES.JSON", Path("out") / "shapes.json"])
def test_the_ending_chooses_the_format(name: str) -> None:
    assert read_roto(encode(ROTO, name)) == ROTO
    assert export(ROTO, name).notes == ()


def test_every_known_ending_writes_something_of_its_own() -> None:
    texts = [encode(ROTO, ending) for ending in ENDINGS]
    assert len(set(texts)) == len(ENDINGS)


@pytest.mark.parametrize("name", ["shapes.xyz", "shapes", "json", "", "a.json.gz", "nk/shapes"])
def test_an_unknown_ending_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=r"is no file of shapes: end its name in \.json, \.nk, .* or \."):
        encode(ROTO, name)


def test_a_file_is_written_whole_with_the_notes_for_the_artist(tmp_path: Path) -> None:
    hole = Roto(ROTO.plate, (Shape("hole", (ShapeKeyframe(1, POINTS),), FrameRange(1, 9), invert=True),))
    notes = write_roto(hole, tmp_path / "shapes.nk")
    assert notes == export(hole, ".nk").notes
    assert notes
    assert (tmp_path / "shapes.nk").read_bytes().decode() == encode(hole, ".nk")
    assert [path.name for path in tmp_path.iterdir()] == ["shapes.nk"]


def test_shapes_that_a_format_cannot_hold_leave_no_file(tmp_path: Path) -> None:
    opened = Roto(ROTO.plate, (Shape("line", (ShapeKeyframe(1, POINTS),), FrameRange(1, 9), closed=False),))
    with pytest.raises(ValueError, match="is open"):
        write_roto(opened, tmp_path / "shapes.nk")
    assert list(tmp_path.iterdir()) == []


ELSEWHERE = [FrameRange(-9, -2), FrameRange(0, 0), FrameRange(10, 10), FrameRange(12, 15)]
"""Lifetimes outside the plate's frames, 1 to 9."""

KEY_TIMES = {
    ".fxs": r'<Key frame="(-?[\d.]+)" interp="hold"',
    ".setting": r"\[(-?\d+)\] = {\s+\d,\s+Flags = { StepIn",
    ".lottie.json": r'"t":(-?[\d.]+),"s":\[\d+\],"h":1',
    ".bodymovin.json": r'"t":(-?[\d.]+),"s":\[\d+\],"h":1',
}


@pytest.mark.parametrize("elsewhere", ELSEWHERE, ids=str)
@pytest.mark.parametrize("ending", READ_ENDINGS)
def test_a_shape_that_lives_before_or_after_the_plate_is_on_none_of_its_frames(
    ending: str, elsewhere: FrameRange
) -> None:
    key = (ShapeKeyframe(1, POINTS),)
    hole = Shape("gone hole", key, elsewhere, invert=True)
    roto = Roto(ROTO.plate, (*ROTO.shapes, Shape("gone", key, elsewhere), hole))
    given = Given((64, 48), ROTO.plate.frames)
    shown = [
        shape.name
        for shape in read_shapes(encode(roto, ending), ending, given).roto.shapes
        if shape.lifetime.meets(ROTO.plate.frames)
    ]
    assert shown == [ROTO.shapes[0].name] if ending != ".nk" else len(shown) == 1


@pytest.mark.parametrize("lifetime", [*ELSEWHERE, FrameRange(-9, 4), FrameRange(4, 20), FrameRange(3, 3)], ids=str)
@pytest.mark.parametrize("ending", KEY_TIMES)
def test_keys_of_a_lifetime_rise_in_time(ending: str, lifetime: FrameRange) -> None:
    key = (ShapeKeyframe(1, POINTS),)
    hole = Shape("hole", key, lifetime, invert=True)
    text = encode(Roto(ROTO.plate, (*ROTO.shapes, hole)), ending)
    times = [float(time) for time in re.findall(KEY_TIMES[ending], text)]
    assert times == sorted(set(times))
    assert times or not lifetime.meets(ROTO.plate.frames) or ending == ".lottie.json"
