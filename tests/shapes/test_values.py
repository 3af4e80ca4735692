import math

import pytest

from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate, spans

TRIANGLE = (ControlPoint(0, 0), ControlPoint(10, 0), ControlPoint(0, 10))


def a_shape(name: str = "body", *keyframes: ShapeKeyframe) -> Shape:
    return Shape(name, keyframes or (ShapeKeyframe(1001, TRIANGLE),), FrameRange(1001, 1010))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("1001-1100", 1001, 1100), (" 7 ", 7, 7), ("-5-10", -5, 10), ("-9--3", -9, -3), ("-4", -4, -4)],
)
def test_a_written_range_is_read_and_written_back(text: str, first: int, last: int) -> None:
    frames = FrameRange.parse(text)
    assert (frames.first, frames.last) == (first, last)
    assert FrameRange.parse(str(frames)) == frames


@pytest.mark.parametrize("text", ["", "1001-", "a-b", "1001:1100", "1.5"])
def test_what_is_no_range_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="for example 1001-1100"):
        FrameRange.parse(text)


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="lower frame first"):
        FrameRange(10, 9)


def test_a_range_holds_both_its_ends() -> None:
    frames = FrameRange(-1, 2)
    assert list(frames) == [-1, 0, 1, 2]
    assert len(frames) == 4
    assert -1 in frames
    assert 2 in frames
    assert 3 not in frames
    assert "1" not in frames


@pytest.mark.parametrize(
    ("width", "height", "aspect", "rate"),
    [(0, 9, 1.0, 24.0), (9, 0, 1.0, 24.0), (9, 9, 0.0, 24.0), (9, 9, math.nan, 24.0), (9, 9, 1.0, math.inf)],
)
def test_a_plate_that_cannot_be_is_refused(width: int, height: int, aspect: float, rate: float) -> None:
    with pytest.raises(ValueError, match=r"plate|number above zero"):
        Plate(width, height, FrameRange(1, 2), pixel_aspect=aspect, frame_rate=rate)


@pytest.mark.parametrize(
    "point",
    [ControlPoint(math.nan, 0), ControlPoint(0, 0, out_y=math.inf), ControlPoint(0, 0, feather=(0, -math.inf))],
)
def test_a_keyframe_refuses_points_that_cannot_be_drawn(point: ControlPoint) -> None:
    with pytest.raises(ValueError, match="keyframe 7 holds a control point that is not finite"):
        ShapeKeyframe(7, (point,))


def test_a_shape_needs_a_name() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        a_shape("")


def test_a_shape_needs_a_keyframe() -> None:
    with pytest.raises(ValueError, match="no keyframe"):
        Shape("body", (), FrameRange(1, 1))


def test_keyframes_must_rise() -> None:
    with pytest.raises(ValueError, match=r"do not rise: \[5, 5\]"):
        a_shape("body", ShapeKeyframe(5, TRIANGLE), ShapeKeyframe(5, TRIANGLE))


def test_keyframes_must_agree_in_their_number_of_points() -> None:
    with pytest.raises(ValueError, match=r"differ in their number of points: \[2, 3\]"):
        a_shape("body", ShapeKeyframe(5, TRIANGLE), ShapeKeyframe(6, TRIANGLE[:2]))


def test_one_point_bounds_nothing() -> None:
    with pytest.raises(ValueError, match="fewer than two points"):
        a_shape("body", ShapeKeyframe(5, TRIANGLE[:1]))


def test_a_shape_tells_its_number_of_points() -> None:
    assert a_shape().point_count == 3


def test_two_shapes_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="stand twice: arm"):
        Roto(Plate(10, 10, FrameRange(1, 2)), (a_shape("arm"), a_shape("leg"), a_shape("arm")))


def test_a_prompt_is_empty_until_something_is_pointed_at() -> None:
    assert Prompt(1001).is_empty
    assert not Prompt(1001, points=(PointPrompt(3, 4),)).is_empty
    assert not Prompt(1001, box=BoxPrompt(0, 0, 5, 5)).is_empty
    assert not Prompt(1001, mask=MaskPrompt(2, 1, b"\0\xff")).is_empty
    assert not Prompt(1001, outline=TRIANGLE).is_empty


def test_a_prompt_states_the_object_once() -> None:
    with pytest.raises(ValueError, match="both a mask and an outline"):
        Prompt(1001, mask=MaskPrompt(1, 1, b"\0"), outline=TRIANGLE)


def test_a_click_must_be_a_place() -> None:
    with pytest.raises(ValueError, match="not a place on the plate"):
        PointPrompt(math.nan, 0)


@pytest.mark.parametrize("box", [(5, 0, 5, 9), (0, 9, 5, 0), (0, 0, math.inf, 5)])
def test_a_box_without_area_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"is empty|not a place"):
        BoxPrompt(*box)


def test_a_mask_must_fill_the_picture() -> None:
    with pytest.raises(ValueError, match="cannot hold 3 bytes"):
        MaskPrompt(2, 2, b"\0\0\0")
    with pytest.raises(ValueError, match="cannot hold"):
        MaskPrompt(0, 2, b"")


def test_frames_are_told_in_runs() -> None:
    assert spans([]) == ""
    assert spans([57, 58, 59, 60, 88]) == "57-60, 88"
    assert spans([-2, -1, 3, 5, 6]) == "-2--1, 3, 5-6"
