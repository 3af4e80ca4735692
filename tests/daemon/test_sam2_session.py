"""What a session of SAM 2 promises beyond its contract, with random weights at the size of tests."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roto_daemon.engines import Direction, EnginePrompt, Picture, TrackedFrame
from roto_daemon.engines.sam2 import OwnFile, Sam2Engine
from roto_daemon.errors import FrameMissingError, LimitError, PromptError, UnavailableError, WeightsError
from roto_daemon.workers.bridge import BridgedPlate
from roto_shapes.shot import FrameRange

torch = pytest.importorskip("torch", reason="needs PyTorch: install the extra 'sam2'")
pytest.importorskip("sam2", reason="needs SAM 2: install the extra 'sam2'")

from micro_engine import MICRO, blind_engine  # noqa: E402 - only where torch is installed

from roto_daemon.engines.sam2.mattes import Click, Picked, corrected, steps_of  # noqa: E402 - the same
from roto_daemon.engines.sam2.predictor import Predictor, load  # noqa: E402 - the same
from roto_daemon.engines.sam2.session import Sam2Session  # noqa: E402 - the same

WIDTH, HEIGHT = 64, 48


class Noise:
    """A plate of noise that counts what is read."""

    size = (WIDTH, HEIGHT)

    def __init__(self, last: int = 1012) -> None:
        self.frames = FrameRange(1001, last)
        self.read: list[int] = []
        self.missing: set[int] = set()
        self.version = 0

    def picture(self, frame: int) -> Picture:
        if frame in self.missing:
            raise FrameMissingError(f"frame {frame} is not there: render it", frame)
        self.read.append(frame)
        return np.random.default_rng([frame, self.version]).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blind_engine(tmp_path_factory.mktemp("weights")).weights.file()


@pytest.fixture(scope="module")
def loaded(weights: Path) -> Predictor:
    return load(MICRO / "micro.yaml", weights, "cpu")


@pytest.fixture
def predictor(loaded: Predictor) -> Predictor:
    loaded.features.clear()  # of the test before
    return loaded


@pytest.fixture
def failing(predictor: Predictor) -> Iterator[Callable[[int], None]]:
    """Let the image encoder run out of memory for so many of its next calls."""
    left = 0

    def refuse(*_: object) -> None:
        nonlocal left
        if left:
            left -= 1
            raise torch.OutOfMemoryError

    def fail(count: int) -> None:
        nonlocal left
        left = count

    hook = predictor.image_encoder.register_forward_pre_hook(refuse)
    yield fail
    hook.remove()


@pytest.fixture
def looks(predictor: Predictor) -> Iterator[list[None]]:
    """Hold an entry for each picture that the image encoder has seen."""
    seen: list[None] = []
    hook = predictor.image_encoder.register_forward_hook(lambda *_: seen.append(None))
    yield seen
    hook.remove()


def clicks(*places: tuple[float, float], off: tuple[tuple[float, float], ...] = ()) -> EnginePrompt:
    kinds = [True] * len(places) + [False] * len(off)
    return EnginePrompt(np.array([*places, *off], float).reshape(-1, 2), np.array(kinds, bool))


def block() -> EnginePrompt:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[10:35, 15:50] = 1
    return EnginePrompt(mask=mask)


def blinded(weights: Path) -> Predictor:
    """Return a network that thinks of every object that it is not there."""
    predictor = load(MICRO / "micro.yaml", weights, "cpu")
    with torch.no_grad():
        predictor.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(-9.0)
    return predictor


def test_further_clicks_on_a_frame_do_not_look_at_it_again(predictor: Predictor, looks: list[None]) -> None:
    session = Sam2Session(Noise(), predictor)
    session.set_prompt(1, 1003, clicks((20, 20)))
    session.set_prompt(1, 1003, clicks((20, 20), (40, 30)))
    session.set_prompt(2, 1003, clicks((50, 10)))
    assert len(looks) == 1


def test_objects_that_are_followed_over_the_same_frames_share_what_is_seen_there(
    predictor: Predictor, looks: list[None]
) -> None:
    plate = Noise()
    session = Sam2Session(plate, predictor)
    for object_id in (1, 2):
        session.set_prompt(object_id, 1001, block())
        assert len(list(session.propagate(object_id, plate.frames, Direction.FORWARD))) == 12
    assert len(looks) == 12


def test_features_of_all_plates_are_bounded_together_and_go_with_their_session(predictor: Predictor) -> None:
    sessions = [Sam2Session(Noise(1024), predictor) for _ in range(2)]
    for session in sessions:
        session.set_prompt(1, 1001, block())
        list(session.propagate(1, FrameRange(1001, 1024), Direction.FORWARD))
    assert len(predictor.features) == predictor.most_features
    for session in sessions:
        session.close()
    assert not predictor.features


def test_a_frame_that_was_rendered_anew_is_looked_at_again(predictor: Predictor, looks: list[None]) -> None:
    plate = Noise()
    session = Sam2Session(plate, predictor)
    session.set_prompt(1, 1003, clicks((20, 20)))
    plate.version += 1
    session.set_prompt(1, 1003, clicks((40, 30)))
    assert len(looks) == 2


def test_a_frame_without_a_picture_is_told_for_every_object(predictor: Predictor) -> None:
    source = Noise()
    source.missing.add(1003)
    plate = BridgedPlate(source)
    session = Sam2Session(plate, predictor)
    for object_id in (1, 2):
        session.set_prompt(object_id, 1001, block())
        run = session.propagate(object_id, FrameRange(1001, 1004), Direction.FORWARD)
        told = [each for each in plate.carried(run, Direction.FORWARD) if isinstance(each, FrameMissingError)]
        assert [each.frame for each in told] == [1003]
    with pytest.raises(FrameMissingError):
        session.set_prompt(1, 1003, clicks((20, 20)))


def test_tracked_frames_do_not_read_frames_beyond_what_is_asked(predictor: Predictor) -> None:
    plate = Noise()
    session = Sam2Session(plate, predictor)
    session.set_prompt(1, 1001, block())
    list(session.propagate(1, FrameRange(1001, 1004), Direction.FORWARD))
    session.set_prompt(1, 1003, clicks((20, 20)))
    list(session.propagate(1, FrameRange(1003, 1005), Direction.FORWARD))
    assert max(plate.read) == 1005


def tensor_bytes() -> int:
    """Return what all tensors of this process take, as the garbage collector knows them."""
    gc.collect()
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in _tensors()}
    return sum(storages.values())


def _tensors() -> Iterator[Any]:
    for each in gc.get_objects():
        if issubclass(type(each), torch.Tensor):
            yield each


def test_what_a_session_holds_does_not_grow_with_the_shot(predictor: Predictor) -> None:
    plate = Noise(1160)
    session = Sam2Session(plate, predictor)
    session.set_prompt(1, 1001, block())
    run = session.propagate(1, plate.frames, Direction.FORWARD)
    held = {each.frame: tensor_bytes() for each in run if each.frame in (1005, 1060, 1160)}
    assert held[1005] < held[1060]  # the measure sees the features and memories of frames
    assert held[1160] == held[1060]


def test_an_object_without_a_pointer_in_the_past_is_followed_backwards(predictor: Predictor) -> None:
    """Memories are bfloat16; without a pointer beside them the network's own weights would refuse them."""
    plate = Noise()
    session = Sam2Session(plate, predictor)
    session.recall(1, TrackedFrame(1012, np.zeros((HEIGHT, WIDTH), np.float32), 0.0))
    session.set_prompt(1, 1001, block())
    found = list(session.propagate(1, FrameRange(1009, 1012), Direction.BACKWARD))
    assert [each.frame for each in found] == [1012, 1011, 1010, 1009]


def test_a_full_device_is_told_and_the_frame_tried_again(
    predictor: Predictor, failing: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    wanted = Sam2Session(Noise(), predictor).set_prompt(1, 1001, clicks((20, 20)))
    failing(1)
    session = Sam2Session(Noise(), predictor)
    np.testing.assert_array_equal(session.set_prompt(1, 1001, clicks((20, 20))).matte, wanted.matte)
    assert "memory is full" in caplog.text
    assert len(list(session.propagate(1, FrameRange(1001, 1004), Direction.FORWARD))) == 4


def test_a_device_that_stays_full_ends_the_run_and_never_makes_a_blank_matte(
    predictor: Predictor, failing: Callable[[int], None]
) -> None:
    session = Sam2Session(Noise(), predictor)
    session.set_prompt(1, 1001, block())
    failing(2)
    with pytest.raises(LimitError, match="smaller model"):
        list(session.propagate(1, FrameRange(1001, 1004), Direction.FORWARD))
    assert [each.frame for each in session.propagate(1, FrameRange(1001, 1004), Direction.FORWARD)][-1] == 1004


def test_a_model_that_the_device_has_no_room_for_is_refused(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch.nn.Module, "to", refuse)
    with pytest.raises(LimitError, match="smaller model"):
        load(MICRO / "micro.yaml", weights, "cpu")


def test_an_object_that_the_network_does_not_see_is_lost_and_a_click_on_it_refused(weights: Path) -> None:
    session = Sam2Session(Noise(), blinded(weights))
    with pytest.raises(PromptError, match="1001"):
        session.set_prompt(1, 1001, clicks((20, 20)))
    session.set_prompt(1, 1001, block())
    first, *others = session.propagate(1, FrameRange(1001, 1004), Direction.FORWARD)
    assert first.confidence == 1
    assert [each.confidence for each in others] == [0, 0, 0]
    assert not any(each.matte.any() for each in others)


def test_what_an_artist_points_at_stands_with_little_confidence_where_the_network_sees_nothing(weights: Path) -> None:
    session = Sam2Session(Noise(), blinded(weights))
    kept = np.zeros((HEIGHT, WIDTH), np.float32)
    kept[10:35, 15:50] = 1
    session.recall(1, TrackedFrame(1001, kept, 0.8))
    found = session.set_prompt(1, 1001, clicks((8, 8)))
    assert found.matte[8, 8] == 1
    np.testing.assert_array_equal(found.matte[15:30, 20:45], kept[15:30, 20:45])
    assert 0 < found.confidence < 0.1
    assert len(list(session.propagate(1, FrameRange(1001, 1003), Direction.FORWARD))) == 3


@pytest.mark.parametrize("start", [1001, 1006])
def test_a_correction_to_something_else_is_not_weighed_against_what_was_followed(
    predictor: Predictor, start: int
) -> None:
    """What comes after it is what comes of the two prompts alone, whether a run passes it or starts from it."""
    other = np.zeros((HEIGHT, WIDTH), np.float32)
    other[36:46, 2:30] = 1
    mistaken, alone = Sam2Session(Noise(), predictor), Sam2Session(Noise(), predictor)
    mistaken.set_prompt(1, 1001, block())
    list(mistaken.propagate(1, FrameRange(1001, 1008), Direction.FORWARD))
    alone.set_prompt(1, 1001, block())
    for each in (mistaken, alone):
        each.set_prompt(1, 1006, EnginePrompt(mask=other))
    found = list(mistaken.propagate(1, FrameRange(start, 1008), Direction.FORWARD))[-2:]
    wanted = list(alone.propagate(1, FrameRange(1006, 1008), Direction.FORWARD))[-2:]
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.matte, two.matte)


def test_a_prompt_takes_over_from_a_recalled_frame(predictor: Predictor) -> None:
    """Further from it than memories reach, what comes is what comes of the prompt alone."""
    session, alone = Sam2Session(Noise(1024), predictor), Sam2Session(Noise(1024), predictor)
    session.recall(1, TrackedFrame(1001, np.ones((HEIGHT, WIDTH), np.float32), 0.8))
    list(session.propagate(1, FrameRange(1001, 1002), Direction.FORWARD))
    for each in (session, alone):
        each.set_prompt(1, 1020, block())
    found, wanted = (list(each.propagate(1, FrameRange(1020, 1022), Direction.FORWARD)) for each in (session, alone))
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.matte, two.matte)


def test_clearing_the_only_prompt_during_a_run_ends_it_with_a_sentence(predictor: Predictor) -> None:
    plate = Noise()
    session = Sam2Session(plate, predictor)
    session.set_prompt(1, 1001, block())
    run = session.propagate(1, plate.frames, Direction.FORWARD)
    assert next(run).frame == 1001
    session.set_prompt(1, 1001, EnginePrompt())
    with pytest.raises(PromptError, match="1002"):
        next(run)


def test_a_device_that_is_not_here_is_refused_with_those_that_are(weights: Path) -> None:
    engine = Sam2Engine("sam2-micro", "SAM 2", OwnFile(weights), MICRO / "micro.yaml", "gpu")
    with pytest.raises(UnavailableError, match=r"'gpu'.*cpu"):
        engine.open(Noise())


def test_weights_of_another_model_are_refused(weights: Path) -> None:
    engine = Sam2Engine("sam2-tiny", "SAM 2", OwnFile(weights), "configs/sam2.1/sam2.1_hiera_t.yaml", "cpu")
    with pytest.raises(WeightsError, match="another network"):
        engine.open(Noise())


def test_an_engine_without_its_weights_says_so(tmp_path: Path) -> None:
    engine = Sam2Engine("sam2-micro", "SAM 2", OwnFile(tmp_path / "none.safetensors"), MICRO / "micro.yaml")
    assert "none.safetensors" in engine.info.unavailable


def test_half_coverage_lies_where_the_logits_change_sign() -> None:
    """A slope that crosses zero between two cells: the outline lies where a straight line through them says."""
    row = torch.tensor([-6.0, -2.0, 1.0, 5.0]).repeat(8, 1)
    steps = steps_of(row[None, None], (400, 800)).astype(float) / 255
    outline = np.interp(0.5, steps[200], np.arange(400) + 0.5)
    assert outline == pytest.approx(150 + 100 * 2 / 3, abs=0.5)


def test_small_holes_are_filled_and_large_ones_kept() -> None:
    logits = torch.full((1, 1, 32, 32), 4.0)
    logits[..., 4:6, 4:6] = -4.0
    logits[..., 16:22, 16:22] = -4.0
    inside = steps_of(logits, (32, 32)) > 127
    assert inside[4:6, 4:6].all()
    assert not inside[17:21, 17:21].any()


def test_a_correction_takes_over_the_part_under_the_click_and_no_other() -> None:
    before, guess = np.zeros((60, 60), np.uint8), np.zeros((60, 60), np.uint8)
    before[5:20, 5:20] = 255
    guess[30:50, 30:50] = 255
    guess[30:50, 5:15] = 255
    logits = np.full((15, 15), -5, np.float32)
    after = corrected(Picked(before, logits), Picked(guess, logits), Click(40, 40, foreground=True), [])
    wanted = before.copy()
    wanted[30:50, 30:50] = 255
    np.testing.assert_array_equal(after.steps, wanted)


def test_ground_of_the_other_clicks_stays_theirs() -> None:
    nothing, everything = np.zeros((60, 60), np.uint8), np.full((60, 60), 255, np.uint8)
    logits = np.full((15, 15), -5, np.float32)
    on, off = Click(20, 20, foreground=True), Click(40, 40, foreground=False)
    after = corrected(Picked(nothing, logits), Picked(everything, logits + 10), on, [off])
    assert after.steps[20, 20] == 255
    assert after.steps[40, 40] == 0
    assert after.logits[5, 5] > 0
    assert after.logits[10, 10] < 0
