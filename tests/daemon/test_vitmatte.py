"""ViTMatte by tiles: a small network of random weights, against the same code called without tiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from matte_composites import blob, composite
from safetensors.torch import save_file
from transformers import VitDetConfig, VitMatteConfig, VitMatteForImageMatting

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import Config
from roto_daemon.engines.matting import find_matte, find_matter, weights_of
from roto_daemon.engines.matting.tiles import Tiling
from roto_daemon.engines.matting.trimap import INSIDE, OUTSIDE, UNKNOWN, trimap
from roto_daemon.engines.matting.vitmatte import VitMatteMatter, load_vitmatte
from roto_daemon.errors import UnavailableError, WeightsError


def config() -> VitMatteConfig:
    """Return a network that looks through windows of 32 px alone, so that tiles can see what the whole sees."""
    backbone = VitDetConfig(
        num_channels=4,
        image_size=64,
        pretrain_image_size=64,
        patch_size=16,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        use_absolute_position_embeddings=True,
        use_relative_position_embeddings=True,
        window_size=2,
        window_block_indices=[0, 1],
        residual_block_indices=[],
        out_features=["stage2"],
    )
    return VitMatteConfig(
        backbone_config=backbone,
        hidden_size=32,
        convstream_hidden_sizes=[8, 8, 8],
        fusion_hidden_sizes=[16, 16, 8, 8],
    )


@pytest.fixture(scope="module")
def network() -> VitMatteForImageMatting:
    torch.manual_seed(3)
    made = VitMatteForImageMatting(config()).eval()
    with torch.no_grad():
        for weights in made.parameters():
            weights.normal_(0, 0.4)
        made.backbone.embeddings.position_embeddings.zero_()  # stretched to a tile's size: no two tiles would agree
    return made


MADE = composite(blob((320, 224), (155, 110), 70, hairs=20, seed=2), seed=2)


def untiled(network: VitMatteForImageMatting, band_px: float) -> Any:  # noqa: ANN401 - an array
    """Return what the network itself says of the whole picture, by the form that its publishers describe."""
    known = trimap(MADE.mask, band_px)
    stated = {OUTSIDE: 0.0, UNKNOWN: 0.5, INSIDE: 1.0}
    levels = np.vectorize(stated.get)(known)[..., None]
    pixels = np.concatenate([(MADE.picture / 255 - 0.5) / 0.5, levels], 2)
    with torch.inference_mode():
        alphas = network(pixel_values=torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32)).alphas
    found = alphas[0, 0].numpy()
    found[known == OUTSIDE], found[known == INSIDE] = 0, 1
    return found


def test_one_tile_is_the_network_s_own_answer(network: VitMatteForImageMatting) -> None:
    # Overlapping by the whole picture, the tile is not cut down to the band.
    matter = VitMatteMatter(network, Tiling(2048, 320, 32))
    wanted = untiled(network, 12)
    assert np.abs(find_matte(MADE.picture, MADE.mask, matter, 12) - wanted).max() < 1e-5
    assert wanted[trimap(MADE.mask, 12) == UNKNOWN].std() > 0.01


def test_tiles_agree_with_the_whole_away_from_seams(network: VitMatteForImageMatting) -> None:
    found = find_matte(MADE.picture, MADE.mask, VitMatteMatter(network, Tiling(192, 64, 32)), 12)
    apart = np.abs(found - untiled(network, 12))
    unknown = trimap(MADE.mask, 12) == UNKNOWN
    assert np.median(apart[unknown]) < 1e-4
    assert apart.max() < 0.05


def test_coverage_outside_the_band_is_forced(network: VitMatteForImageMatting) -> None:
    known = trimap(MADE.mask, 6)
    found = find_matte(MADE.picture, MADE.mask, VitMatteMatter(network), 6)
    assert (found[known == INSIDE] == 1).all()
    assert (found[known == OUTSIDE] == 0).all()


def test_weights_come_from_a_file_and_its_description(network: VitMatteForImageMatting, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config().to_dict()))
    models = ModelsFolder.of(Config(models_dir=str(tmp_path)))
    matter = find_matter("vitmatte", models, tmp_path / "model.safetensors")
    found = find_matte(MADE.picture, MADE.mask, matter, 6)
    assert (found == find_matte(MADE.picture, MADE.mask, VitMatteMatter(network), 6)).all()


def test_files_tell_of_the_weights_of_a_matting_that_has_some(tmp_path: Path) -> None:
    models = ModelsFolder.of(Config(models_dir=str(tmp_path)))
    published = weights_of("vitmatte", models)
    assert published.startswith("vitmatte-small-composition-1k.safetensors bda9289db1bb (Apache-2.0 AND ")
    assert published.endswith("commercial use: no)")
    assert weights_of("vitmatte", models, tmp_path / "own.safetensors") == "own.safetensors"
    assert weights_of("guided", models) == ""


def test_weights_of_something_else_are_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({"layer.weight": torch.zeros(3)}, file)
    with pytest.raises(WeightsError, match="holds no weights of ViTMatte"):
        load_vitmatte(file)
    save_file({"backbone.embeddings.projection.weight": torch.zeros(64, 4, 16, 16)}, file)
    with pytest.raises(WeightsError, match="another network"):
        load_vitmatte(file)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(WeightsError, match="damaged"):
        load_vitmatte(file)
    (tmp_path / "config.json").write_text('{"hidden_size": "wide"}')
    save_file({"layer.weight": torch.zeros(3)}, file)
    with pytest.raises(WeightsError):
        load_vitmatte(file)


class SmallDevice:
    """A network on a device whose memory takes pictures of so many pixels."""

    def __init__(self, network: VitMatteForImageMatting, pixels: int) -> None:
        self.network = network
        self.pixels = pixels
        self.parameters = network.parameters

    def eval(self) -> SmallDevice:
        return self

    def __call__(self, pixel_values: torch.Tensor) -> Any:  # noqa: ANN401 - the network's answer
        if pixel_values.shape[2] * pixel_values.shape[3] > self.pixels:
            raise torch.OutOfMemoryError
        return self.network(pixel_values=pixel_values)


def test_a_device_of_little_memory_works_in_smaller_tiles_and_says_so(
    network: VitMatteForImageMatting, caplog: pytest.LogCaptureFixture
) -> None:
    matter = VitMatteMatter(SmallDevice(network, 192 * 192), Tiling(512, 128, 32))
    found = find_matte(MADE.picture, MADE.mask, matter, 12)
    apart = np.abs(found - untiled(network, 12))
    assert np.median(apart[trimap(MADE.mask, 12) == UNKNOWN]) < 1e-3
    assert matter.tiling.side_px < 512
    assert "tiles of" in caplog.text
    with pytest.raises(UnavailableError, match="too little memory"):
        find_matte(MADE.picture, MADE.mask, VitMatteMatter(SmallDevice(network, 100), Tiling(512, 128, 32)), 12)


def test_a_frame_of_4k_takes_no_more_memory_than_its_tiles(network: VitMatteForImageMatting) -> None:
    picture, mask = np.zeros((2160, 3840, 3), np.uint8), np.zeros((2160, 3840), np.float32)
    mask[700:1500, 1000:2400] = 1
    process, seen = psutil.Process(), []

    class Watched(VitMatteMatter):
        def coverage(self, *tile: Any) -> Any:  # noqa: ANN401 - as the one watched
            seen.append((tile[0].shape, process.memory_info().rss))
            return super().coverage(*tile)

    before = process.memory_info().rss
    find_matte(picture, mask, Watched(network, Tiling(512, 64, 32)), 6)
    assert all(max(shape) <= 512 + 32 for shape, _ in seen)
    assert len(seen) > 8
    assert max(memory for _, memory in seen) - before < 700 << 20
