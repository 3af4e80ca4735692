"""Words to boxes: what is made of a finder's answers, and Grounding DINO with a small network of random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, GroundingDinoConfig, GroundingDinoForObjectDetection, SwinConfig

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import Config
from roto_daemon.engines.text import FinderInfo, Found, find_objects
from roto_daemon.engines.text.finders import GroundingDino, finders
from roto_daemon.engines.text.grounding_dino import GroundingDinoNetwork, load_grounding_dino
from roto_daemon.errors import ConfigError, PromptError, UnavailableError, WeightsError

PICTURE = np.random.default_rng(1).integers(0, 256, (96, 160, 3), dtype=np.uint8)


class Says:
    """A finder that says what it is told to."""

    def __init__(self, *found: Found, unavailable: str = "") -> None:
        self.info = FinderInfo("says", "Says", unavailable)
        self.found = found
        self.asked: list[str] = []

    def find(self, picture: Any, phrase: str) -> tuple[Found, ...]:  # noqa: ANN401 - an array
        self.asked.append(phrase)
        return self.found


def test_the_likeliest_comes_first_and_each_object_once() -> None:
    finder = Says(
        Found((10, 10, 50, 50), 0.4, "cup"),
        Found((11, 10, 51, 50), 0.9, "red cup"),
        Found((90, 20, 120, 60), 0.6, "cup"),
    )
    found = find_objects([finder], PICTURE, "  Red   cup ", 1001)
    assert [(each.score, each.words) for each in found] == [(0.9, "red cup"), (0.6, "cup")]
    assert finder.asked == ["Red cup"]


def test_boxes_end_at_the_picture_s_border() -> None:
    finder = Says(
        Found((-8.5, -3, 20, 200), 0.5, "a"), Found((159.5, 0, 400, 90), 0.9, "b"), Found((9, 9, 9, 9), 1, "c")
    )
    assert find_objects([finder], PICTURE, "a", 1) == [Found((0, 0, 20, 96), 0.5, "a")]


def test_no_more_than_twenty_are_listed() -> None:
    every = [Found((2 * each, 0, 2 * each + 2, 2), 0.3, "a") for each in range(60)]
    assert len(find_objects([Says(*every)], PICTURE, "a", 1)) == 20


@pytest.mark.parametrize("phrase", ["", "   ", "x" * 201])
def test_a_phrase_that_cannot_be_looked_for_is_one_sentence(phrase: str) -> None:
    with pytest.raises(PromptError, match="1 to 200 characters"):
        find_objects([Says()], PICTURE, phrase, 1)


def test_words_that_find_nothing_say_so_with_the_frame() -> None:
    with pytest.raises(PromptError, match="'unicorn' finds nothing on frame 1007"):
        find_objects([Says()], PICTURE, "unicorn", 1007)


def test_the_first_finder_that_can_be_used_looks() -> None:
    broken, ready = Says(unavailable="Get it."), Says(Found((1, 1, 9, 9), 0.5, "a"))
    assert find_objects([broken, ready], PICTURE, "a", 1)
    assert broken.asked == []
    with pytest.raises(UnavailableError, match="cannot be found by words here: Get it"):
        find_objects([broken], PICTURE, "a", 1)


def test_without_weights_the_command_that_fetches_them_is_told(tmp_path: Path) -> None:
    (only,) = finders([], ModelsFolder.of(Config(models_dir=str(tmp_path))))
    assert "roto-daemon models pull grounding-dino-tiny grounding-dino-tiny-tokenizer" in only.info.unavailable
    with pytest.raises(UnavailableError, match="models pull"):
        only.find(PICTURE, "a")


def test_another_file_under_the_published_name_is_not_loaded(tmp_path: Path) -> None:
    for name in ("grounding-dino-tiny.safetensors", "grounding-dino-tiny-tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")
    finder = GroundingDino(ModelsFolder.of(Config(models_dir=str(tmp_path))))
    assert not finder.info.unavailable
    with pytest.raises(WeightsError, match="not the file that was published"):
        finder.find(PICTURE, "a")


def test_a_studio_s_own_finder_is_asked_first_and_a_wrong_name_refused(tmp_path: Path) -> None:
    models = ModelsFolder.of(Config(models_dir=str(tmp_path)))
    first, second = finders(["colour_finder:ColourFinder"], models)
    assert first.info.name == "colours"
    assert isinstance(second, GroundingDino)
    with pytest.raises(ConfigError, match="does not name a finder"):
        finders(["colour_finder:Nothing"], models)


def config() -> GroundingDinoConfig:
    swin = SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, out_indices=[2, 3, 4]
    )
    bert = BertConfig(
        vocab_size=1040,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    small = {"layers": 2, "ffn_dim": 32, "attention_heads": 4}
    sizes = {f"{side}_{name}": number for side in ("encoder", "decoder") for name, number in small.items()}
    return GroundingDinoConfig(
        backbone_config=swin,
        text_config=bert,
        d_model=32,
        num_queries=20,
        encoder_n_points=2,
        decoder_n_points=2,
        max_text_len=64,
        **sizes,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Random weights, as they are published: each tensor once; and a vocabulary of two words."""
    folder = tmp_path_factory.mktemp("dino")
    torch.manual_seed(5)
    state = GroundingDinoForObjectDetection(config()).state_dict()
    once: dict[int, str] = {}
    for name, tensor in state.items():
        once.setdefault(tensor.data_ptr() if tensor.numel() else id(tensor), name)
    save_file({name: state[name].contiguous() for name in once.values()}, folder / "dino.safetensors")
    # The network knows these four by their numbers: that is where phrases end.
    words = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029, "red": 1030, "car": 1031}
    tokens = Tokenizer(WordPiece(words, unk_token="[UNK]"))  # noqa: S106 - a word of the vocabulary
    tokens.normalizer, tokens.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    tokens.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 101), ("[SEP]", 102)])
    tokens.save(str(folder / "tokens.json"))
    return folder / "dino.safetensors", folder / "tokens.json"


def test_the_network_s_boxes_come_in_plate_pixels(files: tuple[Path, Path]) -> None:
    """Compared with transformers' own way from outputs to boxes and words, on what its own class was shown."""
    network = load_grounding_dino(*files, config())
    everything = GroundingDinoNetwork(network._model, network._tokens, least_score=0.0)
    found = everything.find(PICTURE, "Red car.")
    assert len(found) == 20
    seen: dict[str, Any] = {}
    handle = network._model.register_forward_hook(
        lambda _model, _given, kept, answer: seen.update(kept, answer=answer), with_kwargs=True
    )
    assert found == everything.find(PICTURE, "  red CAR "[2:])
    handle.remove()
    assert seen["input_ids"].tolist() == [[101, 1030, 1031, 1012, 102]]
    assert seen["pixel_values"].shape == (1, 3, 800, 1333)
    mean = (PICTURE.reshape(-1, 3).mean(0) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert np.abs(seen["pixel_values"].mean((0, 2, 3)).numpy() - mean).max() < 0.02
    answer = seen["answer"]
    for each, logits, box in zip(found, answer.logits[0], answer.pred_boxes[0], strict=True):
        x, y, width, height = (float(number) for number in box)
        assert each.score == pytest.approx(float(logits.max().sigmoid()), abs=1e-5)
        assert (each.box[0] + each.box[2]) / 2 == pytest.approx(x * 160, abs=1e-3)
        assert each.box[3] - each.box[1] == pytest.approx(height * 96, abs=1e-3)
        assert each.box[2] - each.box[0] == pytest.approx(width * 160, abs=1e-3)
        assert (each.box[1] + each.box[3]) / 2 == pytest.approx(y * 96, abs=1e-3)
    assert all(each.words == "red car" for each in found)


def test_what_is_hardly_likely_is_left_out(files: tuple[Path, Path]) -> None:
    network = load_grounding_dino(*files, config())
    scores = sorted(
        each.score for each in GroundingDinoNetwork(network._model, network._tokens, 0.0).find(PICTURE, "car")
    )
    middle = scores[10]
    kept = GroundingDinoNetwork(network._model, network._tokens, middle).find(PICTURE, "car")
    assert len(kept) == sum(score > middle for score in scores)


def test_damaged_or_foreign_files_are_refused_in_a_sentence(files: tuple[Path, Path], tmp_path: Path) -> None:
    weights, tokens = files
    foreign = tmp_path / "foreign.safetensors"
    save_file({"layer.weight": torch.zeros(2)}, foreign)
    with pytest.raises(WeightsError, match="another network than Grounding DINO"):
        load_grounding_dino(foreign, tokens, config())
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="damaged"):
        load_grounding_dino(cut, tokens, config())
    (tmp_path / "tokens.json").write_text("{}")
    with pytest.raises(WeightsError, match="no vocabulary"):
        load_grounding_dino(weights, tmp_path / "tokens.json", config())
