"""Mattes that compositors read: what a file holds, what it says of itself, and what another program makes of it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from OpenImageIO import ImageInput, ImageSpec
from serving import program

from roto_daemon.errors import OutputError
from roto_daemon.plates import cryptomatte
from roto_daemon.plates.matte_files import MatteForm, layer_names, write_cryptomatte, write_layers, write_matte

METADATA = {"plate": "/shots/größe.####.exr", "object": "hero", "engine": "classic", "weights": "none"}


def decoded(file: Path) -> Any:  # noqa: ANN401 - another project's class
    """Return a Cryptomatte as another program reads it."""
    if not os.environ.get("CI"):
        pytest.importorskip("cryptomatte_api", reason="the decoder has no build for this computer")
    (found,) = importlib.import_module("cryptomatte_api").Cryptomatte.load(str(file))
    return found


def soft(left: int, right: int) -> NDArray[np.float32]:
    """Return a matte, 60x40, with soft sides."""
    across = np.arange(60, dtype=np.float32)
    row = np.clip(np.minimum(across - left, right - across) / 5, 0, 1)
    return np.broadcast_to(np.round(row * 65535) / np.float32(65535), (40, 60)).astype(np.float32)


def read(file: Path) -> tuple[ImageSpec, NDArray[np.float32]]:
    opened = ImageInput.open(str(file))
    assert opened
    pixels = opened.read_image("float")
    assert pixels is not None
    return opened.spec(), pixels


def listed(file: Path) -> str:
    """Return what another program lists of a file."""
    return subprocess.run(
        [program("oiiotool"), "--info", "-v", str(file)], check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.mark.parametrize(
    ("name", "form", "sample", "error"),
    [
        ("m.exr", MatteForm(), "half", 2.0**-11),
        ("m.exr", MatteForm(32), "float", 0),
        ("m.exr", MatteForm(16, "dwaa"), "half", 2.0**-11),
        ("m.exr", MatteForm(32, "dwaa"), "float", 0),
        ("m.png", MatteForm(8), "uint8", 0.51 / 255),
        ("m.png", MatteForm(16), "uint16", 0),
        ("m.tif", MatteForm(8), "uint8", 0.51 / 255),
        ("m.TIFF", MatteForm(16), "uint16", 0),
        ("m.tif", MatteForm(32), "float", 0),
    ],
)
def test_a_matte_is_stored_as_asked_for(tmp_path: Path, name: str, form: MatteForm, sample: str, error: float) -> None:
    write_matte(tmp_path / name, soft(10, 40), 1001, METADATA, form)
    spec, pixels = read(tmp_path / name)
    assert (str(spec.format), spec.nchannels) == (sample, 1)
    if name.endswith("exr"):
        assert spec.get_string_attribute("compression") == form.compression
    assert np.abs(pixels[..., 0] - soft(10, 40)).max() <= error


@pytest.mark.parametrize("name", ["m.exr", "m.png", "m.tif"])
def test_every_matte_says_what_made_it_and_keeps_the_plates_pixel_aspect(tmp_path: Path, name: str) -> None:
    write_matte(tmp_path / name, soft(10, 40), 1001, METADATA, MatteForm(pixel_aspect=2.0))
    spec, _ = read(tmp_path / name)
    assert spec.get_float_attribute("PixelAspectRatio") == pytest.approx(2.0)
    assert (spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (0, 0, 0, 0, 60, 40)
    if name == "m.tif":
        said = json.loads(spec.get_string_attribute("ImageDescription"))["rotolink"]
    else:
        said = {each: spec.get_string_attribute(f"rotolink:{each}") for each in [*METADATA, "frame", "version"]}
    assert said == {**METADATA, "frame": "1001", "version": said["version"]}
    assert spec.get_string_attribute("Software") == f"Rotolink {said['version']}"


def test_an_exr_matte_keeps_the_plates_frame_rate(tmp_path: Path) -> None:
    write_matte(tmp_path / "m.exr", soft(10, 40), 1001, {}, MatteForm(frame_rate=24000 / 1001))
    assert "FramesPerSecond: 24000/1001" in listed(tmp_path / "m.exr")


@pytest.mark.parametrize(
    ("name", "form", "why"),
    [
        ("m.png", MatteForm(32), "8 or 16 bits"),
        ("m.exr", MatteForm(8), "16 or 32 bits"),
        ("m.jpg", MatteForm(), "not written as '.jpg'"),
    ],
)
def test_a_form_that_a_format_does_not_have_is_refused(tmp_path: Path, name: str, form: MatteForm, why: str) -> None:
    with pytest.raises(OutputError, match=why):
        write_matte(tmp_path / name, soft(10, 40), 1, {}, form)
    with pytest.raises(OutputError, match="choose zip or dwaa"):
        MatteForm(16, "pxr24")
    assert list(tmp_path.iterdir()) == []


def test_an_exr_holds_one_layer_an_object_that_other_programs_list(tmp_path: Path) -> None:
    file = tmp_path / "all.exr"
    mattes = {"hero": soft(10, 40), "Größe 2": soft(30, 55), "gone": np.zeros((40, 60), np.float32)}
    write_layers(file, mattes, 1001, METADATA, MatteForm(32, pixel_aspect=2.0))
    told = listed(file)
    assert "channel list: Grosse_2.A, gone.A, hero.A" in told or "channel list: hero.A, Grosse_2.A, gone.A" in told
    spec, _ = read(file)
    assert json.loads(spec.get_string_attribute("rotolink:layers")) == {
        "hero": "hero", "Grosse_2": "Größe 2", "gone": "gone",
    }  # fmt: skip
    for layer, name in (("hero", "hero"), ("Grosse_2", "Größe 2"), ("gone", "gone")):
        alone = tmp_path / f"{layer}.tif"
        subprocess.run([program("oiiotool"), str(file), "--ch", f"{layer}.A", "-o", str(alone)], check=True, timeout=60)
        assert (read(alone)[1][..., 0] == mattes[name]).all()


@pytest.mark.parametrize(
    ("names", "layers"),
    [
        (["hero", "hero left"], ["hero", "hero_left"]),
        (["a.b", "a b", "A_B"], ["a_b", "a_b_2", "A_B_3"]),
        (["2nd", "", "***", "木"], ["_2nd", "object", "object_2", "object_3"]),
        (["rgba", "Alpha", "depth"], ["rgba_2", "Alpha_2", "depth_2"]),
        (["x" * 40, "x" * 41], ["x" * 29, "x" * 27 + "_2"]),
    ],
)
def test_layer_names_are_words_that_hosts_take_and_no_two_alike(names: list[str], layers: list[str]) -> None:
    assert layer_names(names) == layers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Published with Cryptomatte's own tests, nuke/cryptomatte_utilities_tests.py.
        ("hello", 6.0705627102400005616e-17),
        ("cube", -4.08461912519e15),
        ("sphere", 2.79018604383e15),
        ("plane", 3.66557617593e-11),
        ("равнина", -1.3192631212399999468e-25),
        ("mädchen", 6.2361298211599995797e25),
    ],
)
def test_ids_are_those_that_the_specification_publishes(name: str, value: float) -> None:
    assert np.uint32(cryptomatte.object_id(name)).view(np.float32) == np.float32(value)


def test_manifest_hashes_are_those_of_the_specifications_example() -> None:
    said = cryptomatte.header(["bunny", "default"])
    assert json.loads(said["cryptomatte/" + _key() + "/manifest"]) == {"bunny": "13851a76", "default": "42c9679f"}


def _key() -> str:
    (name,) = {name.split("/")[1] for name in cryptomatte.header([])}
    assert len(name) == 7
    return name


def test_no_id_is_a_float_that_is_no_number() -> None:
    exponents = {cryptomatte.object_id(f"object {number}") >> 23 & 255 for number in range(5000)}
    assert len(exponents) > 250
    assert not exponents & {0, 255}


def test_another_program_decodes_every_object_of_a_cryptomatte(tmp_path: Path) -> None:
    file = tmp_path / "crypto größe.exr"
    mattes: dict[str, NDArray[np.float32]] = {
        "hero": soft(5, 30), 'Größe "2"': soft(20, 50), "gone": np.zeros((40, 60), np.float32), "back": soft(0, 59),
        "half": np.round(soft(10, 20) * 32767) / np.float32(65535),
    }  # fmt: skip
    write_cryptomatte(file, mattes, 1001, METADATA, MatteForm(pixel_aspect=2.0))
    decoder = decoded(file)
    assert decoder.metadata().name() == cryptomatte.TYPE_NAME
    assert set(decoder.metadata().manifest().names()) == set(mattes)
    for name, matte in mattes.items():
        assert np.asarray(decoder.mask(name)).reshape(40, 60) == pytest.approx(matte, abs=1e-6), name
    spec, pixels = read(file)
    assert tuple(spec.channelnames) == tuple(
        f"{cryptomatte.TYPE_NAME}{layer}.{channel}" for layer in ("00", "01", "02") for channel in "RGBA"
    )
    assert str(spec.format) == "float"
    assert spec.get_string_attribute("compression") == "zip"
    assert spec.get_string_attribute("rotolink:engine") == "classic"
    coverage = pixels[..., 1::2]
    assert (np.diff(coverage, axis=2) <= 0).all()
    assert (pixels[..., 0::2][coverage == 0] == 0).all()


def test_a_cryptomatte_of_many_objects_keeps_those_that_cover_most(tmp_path: Path) -> None:
    mattes = {f"object {n}": np.full((4, 4), (n + 1) / 10, np.float32) for n in range(9)}
    write_cryptomatte(tmp_path / "c.exr", mattes, 1, {})
    decoder = decoded(tmp_path / "c.exr")
    kept = [float(np.asarray(decoder.mask(name)).max()) for name in mattes]
    assert kept == pytest.approx([0, 0, 0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


def test_files_of_several_objects_that_cannot_be_are_refused(tmp_path: Path) -> None:
    both = {"a": soft(1, 20), "b": soft(1, 20)[:-1]}
    for write in (write_layers, write_cryptomatte):
        with pytest.raises(OutputError, match=r"ends in \.exr"):
            write(tmp_path / "m.png", {"a": soft(1, 20)}, 1, {})
        with pytest.raises(OutputError, match=r"not of one size \('a' 60x40, 'b' 60x39\)"):
            write(tmp_path / "m.exr", both, 1, {})
        with pytest.raises(OutputError, match="no objects"):
            write(tmp_path / "m.exr", {}, 1, {})
    with pytest.raises(OutputError, match="without loss"):
        write_cryptomatte(tmp_path / "m.exr", {"a": soft(1, 20)}, 1, {}, MatteForm(16, "dwaa"))
    assert list(tmp_path.iterdir()) == []
