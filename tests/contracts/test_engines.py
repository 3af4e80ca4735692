"""What every implementation of the `Engine` protocol promises, checked on a bright disc that crosses a plate.

How an engine behaves is asked of all, of SAM 2 with random weights too: whatever weights say, clicks are obeyed, masks
come back, frames come in order. Whether it finds the disc is asked of those that see: tests of it take `sight`.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.engines import (
    Direction,
    Engine,
    EnginePrompt,
    EngineSession,
    Matte,
    Picture,
    PromptKind,
    TrackedFrame,
)
from roto_daemon.engines.registry import engines, find
from roto_daemon.errors import FrameDamagedError, PromptError
from roto_daemon.workers.bridge import BridgedPlate
from roto_shapes.shot import FrameRange

FRAMES = FrameRange(1001, 1010)
WIDTH, HEIGHT, RADIUS = 160, 120, 16.0


class DiscPlate:
    """Bright discs moving 4 px a frame to the right before a dark ground of soft blotches; counts what is read."""

    size = (WIDTH, HEIGHT)

    def __init__(self, frames: FrameRange = FRAMES, damaged: Collection[int] = ()) -> None:
        self.frames = frames
        self.read: list[int] = []
        self._damaged = damaged
        blotches = np.random.default_rng(5).uniform(20, 90, (HEIGHT // 8, WIDTH // 8))
        self._ground = np.kron(blotches, np.ones((8, 8)))

    def picture(self, frame: int) -> Picture:
        if frame in self._damaged:
            raise FrameDamagedError(f"frame {frame} is damaged: render it again", frame)
        self.read.append(frame)
        picture = np.stack([self._ground, self._ground * 0.8, self._ground * 0.6], axis=2)
        picture[upper_disc(frame) | lower_disc(frame)] = (235, 220, 190)
        picture.flags.writeable = False
        return picture.astype(np.uint8)


def disc(x: float, y: float) -> NDArray[np.bool_]:
    rows, columns = np.indices((HEIGHT, WIDTH))
    return np.asarray(np.hypot(columns + 0.5 - x, rows + 0.5 - y) <= RADIUS, bool)


def centre(frame: int) -> tuple[float, float]:
    return 40.0 + 4 * (frame - FRAMES.first), 34.0


def upper_disc(frame: int) -> NDArray[np.bool_]:
    return disc(*centre(frame))


def lower_disc(frame: int) -> NDArray[np.bool_]:
    return disc(centre(frame)[0], 88.0)


def clicks(*places: tuple[float, float], off: Sequence[tuple[float, float]] = ()) -> EnginePrompt:
    points = np.array([*places, *off], float).reshape(-1, 2)
    return EnginePrompt(points, np.array([True] * len(places) + [False] * len(off), bool))


def overlap(matte: Matte, truth: NDArray[np.bool_]) -> float:
    found = matte >= 0.5
    return float((found & truth).sum() / max(1, (found | truth).sum()))


def followed(session: EngineSession, first: int, last: int, direction: Direction) -> dict[int, TrackedFrame]:
    return {each.frame: each for each in session.propagate(1, FrameRange(first, last), direction)}


SIGHT = {"classic": 0.93, "disc": 0.93, "sam2-micro": 0.8}
"""The engines that see, and the overlap with the disc that is asked of them."""
_made: dict[str, Engine] = {}


def made(name: str, folder: Path) -> Engine:
    if name not in _made:
        if name.startswith("sam2"):
            for needed in ("torch", "sam2"):
                pytest.importorskip(needed, reason="needs the extra 'sam2'")
            micro = importlib.import_module("micro_engine")
            _made[name] = micro.blind_engine(folder) if name == "sam2-blind" else micro.MicroEngine()
        elif name == "cutie-blind":
            for needed in ("torch", "cutie"):
                pytest.importorskip(needed, reason="needs the extra 'cutie'")
            _made[name] = importlib.import_module("blind_cutie").blind_cutie(folder)
        else:
            _made[name] = find(name, engines(["disc_engine:DiscEngine"]))
    return _made[name]


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(params=[*SIGHT, "sam2-blind", "cutie-blind"])
def engine(request: pytest.FixtureRequest, weights_folder: Path) -> Engine:
    return made(str(request.param), weights_folder)


@pytest.fixture
def plate() -> DiscPlate:
    return DiscPlate()


@pytest.fixture
def session(engine: Engine, plate: DiscPlate) -> EngineSession:
    return engine.open(plate)


@dataclass
class Sight:
    """A session of an engine that sees, and the overlap with the disc that it has to reach."""

    engine: Engine
    session: EngineSession
    overlap: float


@pytest.fixture(params=["classic", "disc"])
def decided(request: pytest.FixtureRequest, weights_folder: Path, plate: DiscPlate) -> Sight:
    """As `sight`, without networks whose memory of one frame keeps speaking against another's."""
    engine = made(str(request.param), weights_folder)
    return Sight(engine, engine.open(plate), SIGHT[str(request.param)])


@pytest.fixture(params=SIGHT)
def sight(request: pytest.FixtureRequest, weights_folder: Path, plate: DiscPlate) -> Sight:
    engine = made(str(request.param), weights_folder)
    return Sight(engine, engine.open(plate), SIGHT[str(request.param)])


def require_one_part(before: Matte, after: Matte, x: float, y: float) -> None:
    """What changed sides is one connected part, and the point lies in it."""
    changed = ((before >= 0.5) != (after >= 0.5)).astype(np.uint8)
    count, labels = cv2.connectedComponents(changed, connectivity=8)
    assert count == 2
    assert labels[int(y), int(x)] == 1


def test_an_engine_says_what_it_can_do(engine: Engine) -> None:
    info = engine.info
    assert info.name
    assert info.title
    assert info.prompts <= frozenset(PromptKind)
    assert info.unavailable == ""


def test_a_click_is_answered_by_a_matte_that_holds_it(session: EngineSession) -> None:
    found = session.set_prompt(1, 1001, clicks(centre(1001)))
    assert found.frame == 1001
    assert found.matte.shape == (HEIGHT, WIDTH)
    assert found.matte.dtype == np.float32
    assert 0 <= found.matte.min() <= found.matte.max() <= 1
    assert 0 < found.confidence <= 1
    assert found.matte[int(centre(1001)[1]), int(centre(1001)[0])] >= 0.5


def test_a_click_finds_the_disc_under_it_and_nothing_else(sight: Sight) -> None:
    found = sight.session.set_prompt(1, 1001, clicks(centre(1001)))
    assert overlap(found.matte, upper_disc(1001)) > sight.overlap


def test_a_box_finds_the_disc_in_it(sight: Sight) -> None:
    x, _ = centre(1003)
    found = sight.session.set_prompt(1, 1003, EnginePrompt(box=(x - 22, 66, x + 22, 110)))
    assert overlap(found.matte, lower_disc(1003)) > sight.overlap


def test_a_mask_states_the_whole_object_and_comes_back_as_given(session: EngineSession) -> None:
    stated = disc(100, 60).astype(np.float32)
    stated[60, 80:90] = 128 / 255
    found = session.set_prompt(1, 1002, EnginePrompt(mask=stated))
    np.testing.assert_allclose(found.matte, stated, atol=1e-6)


def test_a_point_beside_a_mask_corrects_it_there_and_leaves_the_rest(session: EngineSession) -> None:
    stated = (upper_disc(1001) | lower_disc(1001)).astype(np.float32)
    x, _ = centre(1001)
    prompt = EnginePrompt(np.array([[x, 88.0]]), np.array([False]), mask=stated)
    found = session.set_prompt(1, 1001, prompt).matte
    assert found[88, int(x)] < 0.5
    np.testing.assert_array_equal(found[:55], stated[:55])


def test_a_prompt_replaces_the_one_before_it(engine: Engine, plate: DiscPlate) -> None:
    x, _ = centre(1001)
    session = engine.open(plate)
    session.set_prompt(1, 1001, clicks(centre(1001)))
    found = session.set_prompt(1, 1001, clicks((x, 88.0)))
    alone = engine.open(plate).set_prompt(1, 1001, clicks((x, 88.0)))
    np.testing.assert_array_equal(found.matte, alone.matte)


def test_a_further_click_changes_one_part_under_it(session: EngineSession) -> None:
    place = centre(1001)
    before = session.set_prompt(1, 1001, clicks(place)).matte
    inside = bool(before[100, 120] >= 0.5)
    further = clicks(place, off=[(120.5, 100.5)]) if inside else clicks(place, (120.5, 100.5))
    after = session.set_prompt(1, 1001, further).matte
    require_one_part(before, after, 120.5, 100.5)


def test_clicks_given_one_by_one_or_together_select_the_same(engine: Engine, plate: DiscPlate) -> None:
    places = [centre(1001), (120.5, 100.5), (90.5, 20.5)]
    session = engine.open(plate)
    for count in (1, 2, 3):
        by_turns = session.set_prompt(1, 1001, clicks(*places[:count]))
    together = engine.open(plate).set_prompt(1, 1001, clicks(*places))
    np.testing.assert_array_equal(by_turns.matte, together.matte)


def test_a_further_click_changes_only_the_part_that_it_touches(sight: Sight) -> None:
    x, y = centre(1001)
    before = sight.session.set_prompt(1, 1001, clicks((x, y))).matte
    after = sight.session.set_prompt(1, 1001, clicks((x, y), (x, 88.0))).matte
    assert after[88, int(x)] >= 0.5
    np.testing.assert_array_equal(after[:55], before[:55])


def test_a_click_on_a_tracked_frame_changes_one_part_of_its_matte(session: EngineSession) -> None:
    session.set_prompt(1, 1001, clicks(centre(1001)))
    tracked = followed(session, 1001, 1004, Direction.FORWARD)[1004].matte
    inside = bool(tracked[100, 20] >= 0.5)
    place = (20.5, 100.5)
    corrected = session.set_prompt(1, 1004, clicks(off=[place]) if inside else clicks(place)).matte
    require_one_part(tracked, corrected, *place)


def test_a_click_on_a_tracked_frame_corrects_its_matte(sight: Sight) -> None:
    sight.session.set_prompt(1, 1001, clicks(centre(1001)))
    tracked = followed(sight.session, 1001, 1004, Direction.FORWARD)[1004]
    x, _ = centre(1004)
    corrected = sight.session.set_prompt(1, 1004, clicks((x, 88.0))).matte
    assert corrected[88, int(x)] >= 0.5
    np.testing.assert_allclose(corrected[:55], tracked.matte[:55], atol=1e-6)


def test_an_empty_prompt_clears_the_frame(session: EngineSession) -> None:
    session.set_prompt(1, 1001, clicks(centre(1001)))
    cleared = session.set_prompt(1, 1001, EnginePrompt())
    assert not cleared.matte.any()
    assert cleared.confidence == 0
    with pytest.raises(PromptError):
        followed(session, 1001, 1010, Direction.FORWARD)


def test_an_empty_prompt_on_a_corrected_frame_brings_back_what_was_tracked(session: EngineSession) -> None:
    session.set_prompt(1, 1001, clicks(centre(1001)))
    tracked = followed(session, 1001, 1003, Direction.FORWARD)[1003]
    session.set_prompt(1, 1003, clicks((centre(1003)[0], 88.0)))
    np.testing.assert_allclose(session.set_prompt(1, 1003, EnginePrompt()).matte, tracked.matte, atol=1e-6)


def test_an_empty_prompt_for_an_unknown_object_shows_nothing(session: EngineSession) -> None:
    assert not session.set_prompt(7, 1001, EnginePrompt()).matte.any()


@pytest.mark.parametrize(("direction", "start"), [(Direction.FORWARD, 1001), (Direction.BACKWARD, 1010)])
def test_a_range_is_followed_from_its_start_frame_by_frame(
    session: EngineSession, direction: Direction, start: int
) -> None:
    session.set_prompt(1, start, clicks(centre(start)))
    found = list(session.propagate(1, FRAMES, direction))
    assert [each.frame for each in found] == list(FRAMES)[:: direction.value]
    assert all(0 <= each.confidence <= 1 for each in found)
    assert [each.confidence > 0 for each in found] == [bool(each.matte.any()) for each in found]


@pytest.mark.parametrize(("direction", "start"), [(Direction.FORWARD, 1001), (Direction.BACKWARD, 1010)])
def test_the_disc_is_followed_to_the_end_of_the_range(sight: Sight, direction: Direction, start: int) -> None:
    sight.session.set_prompt(1, start, clicks(centre(start)))
    found = list(sight.session.propagate(1, FRAMES, direction))
    assert min(overlap(each.matte, upper_disc(each.frame)) for each in found) > sight.overlap


def test_prompted_frames_come_out_as_prompted(session: EngineSession) -> None:
    first = session.set_prompt(1, 1001, clicks(centre(1001)))
    stated = lower_disc(1006).astype(np.float32)
    session.set_prompt(1, 1006, EnginePrompt(mask=stated))
    found = followed(session, 1001, 1010, Direction.FORWARD)
    np.testing.assert_array_equal(found[1001].matte, first.matte)
    np.testing.assert_allclose(found[1006].matte, stated, atol=1e-6)


@pytest.mark.parametrize(("direction", "beside"), [(Direction.FORWARD, 1007), (Direction.BACKWARD, 1005)])
def test_a_correction_to_another_object_anchors_the_frames_after_it_in_either_direction(
    decided: Sight, direction: Direction, beside: int
) -> None:
    session = decided.session
    start = 1001 if direction is Direction.FORWARD else 1010
    session.set_prompt(1, start, clicks(centre(start)))
    followed(session, 1001, 1010, direction)
    session.set_prompt(1, 1006, EnginePrompt(mask=lower_disc(1006).astype(np.float32)))
    found = followed(session, 1001, 1010, direction)
    assert overlap(found[beside].matte, lower_disc(beside)) > 0.9


def test_a_run_starts_from_the_nearest_known_frame_before_its_range(session: EngineSession) -> None:
    session.set_prompt(1, 1002, clicks(centre(1002)))
    found = followed(session, 1005, 1007, Direction.FORWARD)
    assert list(found) == [1005, 1006, 1007]
    whole = followed(session, 1002, 1007, Direction.FORWARD)
    np.testing.assert_array_equal(found[1007].matte, whole[1007].matte)


def test_a_run_starts_from_the_nearest_known_frame_after_its_range_when_it_goes_back(session: EngineSession) -> None:
    session.set_prompt(1, 1009, clicks(centre(1009)))
    assert list(followed(session, 1004, 1006, Direction.BACKWARD)) == [1006, 1005, 1004]


def test_a_run_with_nothing_before_its_range_starts_at_the_first_prompt_inside(session: EngineSession) -> None:
    session.set_prompt(1, 1004, clicks(centre(1004)))
    session.set_prompt(1, 1007, clicks(centre(1007)))
    assert list(followed(session, 1001, 1010, Direction.FORWARD)) == list(range(1004, 1011))
    assert list(followed(session, 1001, 1010, Direction.BACKWARD)) == list(range(1010, 1000, -1))


def test_a_run_goes_on_from_a_tracked_frame_without_going_back_to_the_prompt(
    session: EngineSession, plate: DiscPlate
) -> None:
    session.set_prompt(1, 1001, clicks(centre(1001)))
    followed(session, 1001, 1005, Direction.FORWARD)
    plate.read.clear()
    assert list(followed(session, 1006, 1008, Direction.FORWARD)) == [1006, 1007, 1008]
    assert min(plate.read) >= 1005


def test_closing_the_iterator_cancels_and_the_session_goes_on(session: EngineSession, plate: DiscPlate) -> None:
    session.set_prompt(1, 1001, clicks(centre(1001)))
    run = session.propagate(1, FRAMES, Direction.FORWARD)
    assert [each.frame for each in islice(run, 3)] == [1001, 1002, 1003]
    assert max(plate.read) <= 1004
    run.close()
    assert list(run) == []
    assert len(followed(session, 1001, 1010, Direction.FORWARD)) == 10


def test_a_recalled_frame_stands_for_one_that_was_tracked(engine: Engine, plate: DiscPlate) -> None:
    before = engine.open(plate)
    before.set_prompt(1, 1001, clicks(centre(1001)))
    kept = followed(before, 1001, 1006, Direction.FORWARD)
    after = engine.open(plate)
    after.recall(1, kept[1006])
    found = followed(after, 1006, 1010, Direction.FORWARD)
    assert list(found) == [1006, 1007, 1008, 1009, 1010]
    assert overlap(found[1006].matte, kept[1006].matte >= 0.5) > 0.95
    inside = bool(found[1006].matte[100, 20] >= 0.5)
    corrected = after.set_prompt(1, 1006, clicks(off=[(20.5, 100.5)]) if inside else clicks((20.5, 100.5))).matte
    require_one_part(found[1006].matte, corrected, 20.5, 100.5)


def test_a_disc_is_followed_from_a_recalled_frame(sight: Sight) -> None:
    sight.session.recall(1, TrackedFrame(1006, upper_disc(1006).astype(np.float32), 1.0))
    found = followed(sight.session, 1006, 1010, Direction.FORWARD)
    assert overlap(found[1010].matte, upper_disc(1010)) > sight.overlap


def test_objects_are_followed_apart_and_removing_one_keeps_the_other(sight: Sight) -> None:
    session = sight.session
    session.set_prompt(1, 1001, clicks(centre(1001)))
    session.set_prompt(2, 1001, clicks((centre(1001)[0], 88.0)))
    session.remove_object(2)
    session.remove_object(99)
    assert overlap(followed(session, 1001, 1002, Direction.FORWARD)[1002].matte, upper_disc(1002)) > sight.overlap
    with pytest.raises(PromptError):
        list(session.propagate(2, FRAMES, Direction.FORWARD))


def test_a_lost_object_gives_empty_mattes_without_confidence(sight: Sight) -> None:
    plate = DiscPlate(FrameRange(1001, 1045))
    session = sight.engine.open(plate)
    session.set_prompt(1, 1025, clicks(centre(1025)))
    last = followed(session, 1025, 1045, Direction.FORWARD)[1045]
    assert not last.matte.any()
    assert last.confidence == 0


def test_two_runs_agree_to_the_bit(engine: Engine, plate: DiscPlate) -> None:
    def run() -> list[Matte]:
        session = engine.open(plate)
        session.set_prompt(1, 1001, clicks(centre(1001)))
        return [each.matte for each in session.propagate(1, FrameRange(1001, 1004), Direction.FORWARD)]

    for one, two in zip(run(), run(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_closed_session_has_forgotten_its_objects(session: EngineSession) -> None:
    session.set_prompt(1, 1001, clicks(centre(1001)))
    session.close()
    with pytest.raises(PromptError):
        followed(session, 1001, 1010, Direction.FORWARD)


def test_a_run_without_any_prompt_is_refused(session: EngineSession) -> None:
    with pytest.raises(PromptError, match="click"):
        followed(session, 1001, 1010, Direction.FORWARD)


def test_a_run_whose_only_prompt_lies_beyond_it_is_refused(session: EngineSession) -> None:
    session.set_prompt(1, 1008, clicks(centre(1008)))
    with pytest.raises(PromptError, match="click"):
        followed(session, 1001, 1005, Direction.FORWARD)


def test_a_range_beyond_the_plate_is_refused(session: EngineSession) -> None:
    session.set_prompt(1, 1001, clicks(centre(1001)))
    with pytest.raises(PromptError, match="1001-1010"):
        followed(session, 1001, 1011, Direction.FORWARD)


def nothing_but_misses() -> EnginePrompt:
    return clicks(off=[(80.0, 60.0)])


@pytest.mark.parametrize(
    ("frame", "prompt"),
    [
        pytest.param(1000, clicks((40.0, 34.0)), id="frame outside the range"),
        pytest.param(1001, clicks((-1.0, 34.0)), id="point left of the plate"),
        pytest.param(1001, clicks((40.0, 121.0)), id="point below the plate"),
        pytest.param(1001, clicks((float("nan"), 34.0)), id="point nowhere"),
        pytest.param(1001, clicks((40.0, 34.0), off=[(40.2, 34.2)]), id="contradictory points"),
        pytest.param(1001, nothing_but_misses(), id="only off the object"),
        pytest.param(1001, EnginePrompt(mask=np.zeros((HEIGHT, WIDTH), np.float32)), id="empty mask"),
        pytest.param(1001, EnginePrompt(mask=np.ones((HEIGHT, WIDTH + 1), np.float32)), id="mask of another size"),
        pytest.param(1001, EnginePrompt(box=(200.0, 10.0, 220.0, 50.0)), id="box beside the plate"),
    ],
)
def test_a_prompt_that_cannot_be_followed_is_refused_and_changes_nothing(
    session: EngineSession, frame: int, prompt: EnginePrompt
) -> None:
    before = session.set_prompt(1, 1001, clicks(centre(1001)))
    with pytest.raises(PromptError, match=r"^.{20,160}$"):
        session.set_prompt(1, frame, prompt)
    np.testing.assert_array_equal(next(iter(session.propagate(1, FRAMES, Direction.FORWARD))).matte, before.matte)


def test_a_damaged_frame_ends_the_run_with_the_error_of_the_plate(engine: Engine) -> None:
    session = engine.open(DiscPlate(damaged=[1003]))
    session.set_prompt(1, 1001, clicks(centre(1001)))
    found: list[int] = []
    with pytest.raises(FrameDamagedError, match="1003"):
        found.extend(each.frame for each in session.propagate(1, FRAMES, Direction.FORWARD))
    session.set_prompt(1, 1004, clicks(centre(1004)))
    assert len(followed(session, 1004, 1006, Direction.FORWARD)) == 3


def carried(engine: Engine, direction: Direction, start: int) -> dict[int, TrackedFrame]:
    """Follow the disc across frames that cannot be read, and return those that can."""
    bridged = BridgedPlate(DiscPlate(damaged=[1003, 1006, 1007]))
    session = engine.open(bridged)
    session.set_prompt(1, start, clicks(centre(start)))
    found = {each.frame: each for each in bridged.carried(session.propagate(1, FRAMES, direction), direction)}
    assert list(found) == list(FRAMES)[:: direction.value]
    return {frame: each for frame, each in found.items() if isinstance(each, TrackedFrame)}


@pytest.mark.parametrize(("direction", "start"), [(Direction.FORWARD, 1001), (Direction.BACKWARD, 1010)])
def test_a_run_goes_on_across_frames_without_a_picture(engine: Engine, direction: Direction, start: int) -> None:
    assert set(FRAMES) - set(carried(engine, direction, start)) == {1003, 1006, 1007}


@pytest.mark.parametrize(("direction", "start"), [(Direction.FORWARD, 1001), (Direction.BACKWARD, 1010)])
def test_the_object_is_carried_across_frames_without_a_picture(sight: Sight, direction: Direction, start: int) -> None:
    found = carried(sight.engine, direction, start)
    assert min(overlap(each.matte, upper_disc(frame)) for frame, each in found.items()) > sight.overlap
