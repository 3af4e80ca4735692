"""What a click, a box or a mask selects with the classic engine, on plates whose parts are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from roto_daemon.engines import EnginePrompt, Matte, Picture
from roto_daemon.engines.classic import ClassicEngine
from roto_daemon.engines.classic.working import Scale
from roto_daemon.engines.track import Packed
from roto_daemon.errors import PromptError
from roto_shapes.shot import FrameRange


class Still:
    """A plate of one frame."""

    frames = FrameRange(1, 1)

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self.size = (picture.shape[1], picture.shape[0])

    def picture(self, frame: int) -> Picture:
        return self._picture


def meadow(width: int = 320, height: int = 200) -> Picture:
    """A grey body with a lit and a shaded side, a red ear on it, a grey stone beside it, on a speckled green ground."""
    random = np.random.default_rng(3)
    specks = cv2.GaussianBlur(random.normal(0, 1, (height, width)), (0, 0), 1.5) * 60
    picture = np.array([60, 110, 40]) + specks[..., None] * np.array([0.5, 1, 0.3])
    shade = np.linspace(190, 90, width)[None, :, None]
    for part, colour in ((stone(), np.array([100, 105, 115])), (body(), shade), (ear(), np.array([150, 60, 70]))):
        picture = np.where(part[..., None], colour, picture)
    return np.asarray(np.clip(picture + random.normal(0, 2, picture.shape), 0, 255), np.uint8)


def ellipse(x: int, y: int, across: int, down: int) -> NDArray[np.bool_]:
    canvas = np.zeros((200, 320), np.uint8)
    cv2.ellipse(canvas, (x, y), (across, down), 0, 0, 360, 1, -1)
    return canvas.astype(bool)


def body() -> NDArray[np.bool_]:
    return ellipse(130, 115, 62, 48)


def ear() -> NDArray[np.bool_]:
    return ellipse(130, 52, 9, 20)


def stone() -> NDArray[np.bool_]:
    return ellipse(262, 130, 34, 30)


def select(
    *places: tuple[float, float], off: tuple[tuple[float, float], ...] = (), plate: Picture | None = None
) -> Matte:
    points = np.array([*places, *off], float)
    kinds = np.array([True] * len(places) + [False] * len(off))
    session = ClassicEngine().open(Still(meadow() if plate is None else plate))
    return session.set_prompt(1, 1, EnginePrompt(points, kinds)).matte


def overlap(matte: Matte, truth: NDArray[np.bool_]) -> float:
    found = matte >= 0.5
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("at", [(90.0, 110.0), (130.0, 115.0), (170.0, 130.0)])
def test_one_click_selects_a_shaded_body_wherever_it_falls(at: tuple[float, float]) -> None:
    assert overlap(select(at), body() & ~ear()) > 0.93


def test_a_stone_of_the_same_grey_is_another_object() -> None:
    assert overlap(select((262.0, 130.0)), stone()) > 0.93


def test_a_second_click_adds_the_ear_and_a_third_takes_it_away_again() -> None:
    with_ear = select((130.0, 115.0), (130.0, 45.0))
    assert overlap(with_ear, body() | ear()) > 0.93
    without = select((130.0, 115.0), (130.0, 45.0), off=((130.0, 48.0),))
    assert overlap(without, body() & ~ear()) > 0.9


def test_a_click_on_what_is_selected_already_changes_nothing() -> None:
    np.testing.assert_array_equal(select((130.0, 115.0)), select((130.0, 115.0), (150.0, 120.0)))


def test_a_click_off_the_object_where_nothing_is_selected_changes_nothing() -> None:
    np.testing.assert_array_equal(select((130.0, 115.0)), select((130.0, 115.0), off=((20.0, 20.0),)))


def test_a_small_object_on_a_large_plate_is_found() -> None:
    plate = np.ascontiguousarray(np.tile(meadow()[:, :16], (4, 80, 1))[:720, :1280])
    truth = np.zeros((720, 1280), np.uint8)
    cv2.circle(truth, (700, 300), 22, 1, -1)
    plate[truth > 0] = (200, 60, 60)
    assert overlap(select((700.0, 300.0), plate=plate), truth > 0) > 0.85


def test_a_box_selects_what_it_holds() -> None:
    session = ClassicEngine().open(Still(meadow()))
    found = session.set_prompt(1, 1, EnginePrompt(box=(222.0, 94.0, 302.0, 166.0))).matte
    assert overlap(found, stone()) > 0.93


def test_a_box_round_an_even_ground_selects_all_of_it() -> None:
    session = ClassicEngine().open(Still(np.full((60, 80, 3), 120, np.uint8)))
    found = session.set_prompt(1, 1, EnginePrompt(box=(10.0, 10.0, 50.0, 40.0))).matte
    assert found[25, 30] == 1


def test_wiping_the_whole_object_is_refused() -> None:
    dot = np.zeros((200, 320), np.float32)
    dot[100:104, 100:104] = 1
    session = ClassicEngine().open(Still(np.full((200, 320, 3), 90, np.uint8)))
    prompt = EnginePrompt(np.array([[102.0, 102.0]]), np.array([False]), mask=dot)
    with pytest.raises(PromptError, match="nothing is left"):
        session.set_prompt(1, 1, prompt)


def test_a_uhd_plate_is_worked_on_at_a_bounded_size_with_edges_at_full_size() -> None:
    plate = np.asarray(cv2.resize(meadow(), (3840, 2400), interpolation=cv2.INTER_LINEAR), np.uint8)
    truth = cv2.resize(stone().astype(np.float32), (3840, 2400), interpolation=cv2.INTER_LINEAR) >= 0.5
    matte = select((262.0 * 12, 130.0 * 12), plate=plate)
    assert max(Scale(3840, 2400).shape) <= 1024
    assert matte.shape == (2400, 3840)
    assert overlap(matte, truth) > 0.97


@given(width=st.integers(1, 5000), height=st.integers(1, 5000), across=st.floats(0, 1), down=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_every_point_of_a_plate_has_a_working_pixel(width: int, height: int, across: float, down: float) -> None:
    scale = Scale(width, height)
    column, row = scale.place(across * width, down * height)
    rows, columns = scale.shape
    assert 0 <= column < columns
    assert 0 <= row < rows
    assert abs(column * scale.factor - across * width) <= scale.factor
    assert rows * scale.factor >= height > (rows - 1) * scale.factor
    assert max(rows, columns) <= 1024


@given(width=st.integers(321, 700), height=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_shrinking_and_enlarging_leaves_an_even_matte_even(width: int, height: int) -> None:
    scale = Scale(width, height)
    assert scale.shrink(np.ones((height, width), np.float32)) == pytest.approx(1)
    assert scale.enlarge(np.ones(scale.shape, bool)).shape == (height, width)


def test_packed_mattes_are_exact_in_bytes_and_small() -> None:
    matte = np.zeros((2160, 3840), np.float32)
    matte[500:900, 700:1900] = np.float32(77 / 255)
    packed = Packed.of(matte)
    assert len(packed.data) < 60_000
    np.testing.assert_array_equal(packed.unpack(), matte)
