"""Our mattes as `oiiotool` and FFmpeg's own decoders read them, which share no code with what wrote them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from other_programs import dumped, ffmpeg, ffprobe, headed

from roto_daemon.plates.matte_files import MatteForm, write_cryptomatte, write_layers, write_matte

WIDTH, HEIGHT = 32, 18
METADATA = {"plate": "/shots/größe.####.exr", "object": "hero", "engine": "classic", "weights": "none"}
HALF = 2.0**-11
PRINTED = 1e-9
"""What `oiiotool` rounds to when it prints a float."""


def film(bits: int = 16, compression: str = "zip") -> MatteForm:
    return MatteForm(bits, compression, pixel_aspect=2.0, frame_rate=24000 / 1001)


def soft(left: int, right: int) -> NDArray[np.float32]:
    """Return a matte with soft sides that differs from row to row."""
    across, down = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    return np.clip(np.minimum(across - left, right - across) / (3 + down / 4), 0, 1)


@pytest.mark.parametrize(
    ("name", "form", "said", "error"),
    [
        ("m.exr", film(16), "1 channel, half openexr", HALF),
        ("m.exr", film(32), "1 channel, float openexr", PRINTED),
        ("m.exr", film(16, "dwaa"), "1 channel, half openexr", HALF),
        ("m.exr", film(32, "dwaa"), "1 channel, float openexr", PRINTED),
        ("m.png", film(8), "1 channel, uint8 png", 0.51 / 255),
        ("m.png", film(16), "1 channel, uint16 png", 0.51 / 65535),
        ("m.tif", film(8), "1 channel, uint8 tiff", 0.51 / 255),
        ("m.tif", film(16), "1 channel, uint16 tiff", 0.51 / 65535),
        ("m.tif", film(32), "1 channel, float tiff", PRINTED),
    ],
)
def test_oiiotool_reads_every_form_of_a_matte(
    tmp_path: Path, name: str, form: MatteForm, said: str, error: float
) -> None:
    file = tmp_path / name
    write_matte(file, soft(4, 25), 1001, METADATA, form)
    (facts,) = headed(file)
    assert any(each.endswith(said) for each in facts.values()), facts
    assert float(facts["PixelAspectRatio"]) == pytest.approx(2.0)
    assert facts["Software"].startswith('"Rotolink ')
    if name == "m.tif":
        told = json.loads(facts["ImageDescription"].strip('"'))["rotolink"]
    else:
        told = {key: facts[f"rotolink:{key}"].strip('"') for key in [*METADATA, "frame"]}
    assert told | {"version": ""} == {**METADATA, "frame": "1001", "version": ""}
    if name == "m.exr":
        assert facts["channel list"] == "A"
        assert facts["compression"] == f'"{form.compression}"'
        assert facts["FramesPerSecond"].startswith("24000/1001")
    assert np.abs(dumped(file)[0][..., 0] - soft(4, 25)).max() <= error


@pytest.mark.parametrize(
    ("name", "bits", "layout", "sample"),
    [
        ("m.png", 8, "gray", "u1"),
        ("m.png", 16, "gray16be", ">u2"),
        ("m.tif", 8, "gray", "u1"),
        ("m.tif", 16, "gray16le", "<u2"),
    ],
)
def test_ffmpeg_reads_integer_mattes(tmp_path: Path, name: str, bits: int, layout: str, sample: str) -> None:
    file = tmp_path / name
    write_matte(file, soft(4, 25), 1001, METADATA, MatteForm(bits))
    size = {"width": str(WIDTH), "height": str(HEIGHT)}
    assert ffprobe(file, "stream=width,height,pix_fmt") == {**size, "pix_fmt": layout}
    raw = ffmpeg("-i", file, "-f", "rawvideo", "-pix_fmt", layout, "-")
    levels = np.frombuffer(raw, sample).reshape(HEIGHT, WIDTH)
    assert np.abs(levels / (2**bits - 1) - soft(4, 25)).max() <= 0.51 / (2**bits - 1)


def test_oiiotool_lists_one_layer_an_object_and_has_its_coverage(tmp_path: Path) -> None:
    file = tmp_path / "all.exr"
    mattes = {"hero": soft(4, 20), "Größe 2": soft(12, 30), "gone": np.zeros((HEIGHT, WIDTH), np.float32)}
    write_layers(file, mattes, 1001, METADATA, film(32))
    (facts,), (pixels,) = headed(file), dumped(file)
    channels = facts["channel list"].split(", ")
    assert sorted(channels) == ["Grosse_2.A", "gone.A", "hero.A"]
    assert json.loads(facts["rotolink:layers"][1:-1].replace('\\"', '"'))["Grosse_2"] == "Größe 2"
    for channel, name in (("hero.A", "hero"), ("Grosse_2.A", "Größe 2"), ("gone.A", "gone")):
        column = channels.index(channel)
        assert np.abs(pixels[..., column] - mattes[name]).max() <= PRINTED
        largest = float(facts["Stats Max"].split()[column])
        assert largest == pytest.approx(float(mattes[name].max()), abs=1e-6)


def channels_by_ffmpeg(file: Path, layer: str) -> NDArray[np.float32]:
    """Return red, green, blue and alpha of a layer, bit by bit: (height, width, 4)."""
    raw = ffmpeg("-layer", layer, "-i", file, "-f", "rawvideo", "-pix_fmt", "gbrapf32le", "-")
    green, blue, red, alpha = np.frombuffer(raw, "<f4").reshape(4, HEIGHT, WIDTH)
    return np.stack([red, green, blue, alpha], axis=2)


def test_every_object_of_a_cryptomatte_is_found_by_the_id_in_its_manifest(tmp_path: Path) -> None:
    file = tmp_path / "crypto.exr"
    mattes = {"hero": soft(4, 20), "Größe 2": soft(12, 30), "back": soft(0, 31) * np.float32(0.5)}
    write_cryptomatte(file, mattes, 1001, METADATA, film())
    (facts,) = headed(file)
    keys = [re.fullmatch(r"cryptomatte/([0-9a-f]{7})/name", name) for name in facts]
    (key,) = [found[1] for found in keys if found]
    about = {name: facts[f"cryptomatte/{key}/{name}"][1:-1] for name in ("name", "hash", "conversion", "manifest")}
    assert (about["hash"], about["conversion"]) == ("MurmurHash3_32", "uint32_to_float32")
    manifest = json.loads(about["manifest"].replace('\\"', '"'))
    assert set(manifest) == set(mattes)
    layers = sorted({channel.rpartition(".")[0] for channel in facts["channel list"].split(", ")})
    assert layers == [f"{about['name']}{number:02d}" for number in range(len(layers))]
    ranks = np.concatenate([channels_by_ffmpeg(file, layer) for layer in layers], axis=2)
    ids, coverage = ranks[..., 0::2].copy().view(np.uint32), ranks[..., 1::2]
    for name, matte in mattes.items():
        found = np.where(ids == int(manifest[name], 16), coverage, 0).sum(axis=2)
        assert np.array_equal(found, matte), name
