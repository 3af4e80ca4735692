"""Plates that `oiiotool` wrote: pixels, geometry and colour as it says itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from other_programs import dumped, headed, oiiotool

from roto_daemon.errors import FrameDamagedError
from roto_daemon.plates.reader import open_plate
from roto_shapes.shot import FrameRange, PlatePath

WIDTH, HEIGHT = 24, 16
NOISE = ("--create", f"{WIDTH}x{HEIGHT}", "3", "--noise:type=uniform:min=0:max=1:seed={FRAME_NUMBER}")


def shown(stored: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the levels, 0 to 255, of values as they are stored."""
    return np.clip(stored, 0, 1) * 255


def lit(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the levels, 0 to 255, of light: the sRGB curve, from its definition."""
    held = np.clip(light, 0, 1)
    return 255 * np.where(held <= 0.0031308, 12.92 * held, 1.055 * held ** (1 / 2.4) - 0.055)


FORMS: dict[str, tuple[str, str, Callable[[NDArray[np.float64]], NDArray[np.float64]], float]] = {
    # by name: how it is written, its ending, what its values are, how far levels may be off
    "half": ("-d half --scanline --compression zip", "exr", lit, 0.75),
    "float": ("-d float --scanline --compression zips", "exr", lit, 0.75),
    "tiled": ("-d half --tile 16 16 --compression zip", "exr", lit, 0.75),
    "tiled_piz": ("-d half --tile 8 32 --compression piz", "exr", lit, 0.75),
    "dwab": ("-d half --scanline --compression dwab", "exr", lit, 0.75),
    "plain": ("-d half --scanline --compression none", "exr", lit, 0.75),
    "light": ("-d float --scanline --compression zip", "tif", lit, 0.75),
    "scan8": ("-d uint8", "dpx", shown, 0.51),
    "scan10": ("-d uint10", "dpx", shown, 0.51),
    "scan12": ("-d uint12", "dpx", shown, 0.51),
    "scan16": ("-d uint16", "dpx", shown, 0.51),
    "tiles8": ("-d uint8 --tile 16 16 --compression zip", "tif", shown, 0.51),
    "lzw16": ("-d uint16 --scanline --compression lzw", "tif", shown, 0.51),
    "planes16": ("-d uint16 --scanline --planarconfig separate", "tif", shown, 0.51),
    "screen8": ("-d uint8", "png", shown, 0.51),
    "screen16": ("-d uint16", "png", shown, 0.51),
    "photo": ("-d uint8 --compression jpeg:95", "jpg", shown, 4.0),
}


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, NDArray[np.float64]]]:
    """Three frames in every form, in one folder, and what `oiiotool` says that each file holds."""
    folder = tmp_path_factory.mktemp("plates by another program")
    outputs = [
        argument
        for name, (how, ending, _, _) in FORMS.items()
        for argument in [*how.split(), "-o", str(folder / f"{name}.#.{ending}")]
    ]
    oiiotool("--frames", "1001-1003", *NOISE, *outputs)
    files = sorted(folder.iterdir())
    return folder, dict(zip((file.name for file in files), dumped(*files), strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_every_frame_of_a_sequence_has_the_pixels_that_oiiotool_says(
    sequences: tuple[Path, dict[str, NDArray[np.float64]]], form: str
) -> None:
    folder, stored = sequences
    _, ending, levels, error = FORMS[form]
    with open_plate(str(folder / f"{form}.####.{ending}")) as reader:
        assert reader.frames == FrameRange(1001, 1003)
        assert reader.size == (WIDTH, HEIGHT)
        for frame in (1003, 1001, 1002):
            expected = levels(stored[f"{form}.{frame}.{ending}"])
            assert expected.shape == (HEIGHT, WIDTH, 3)
            assert expected.std() > 30
            assert np.abs(reader.picture(frame) - expected).max() <= error


def test_every_compression_of_exr_has_the_statistics_that_oiiotool_says(tmp_path: Path) -> None:
    ramps = "fill:topleft=0,0.1,0.9:topright=1,0.3,0:bottomleft=0.2,0.8,0.5:bottomright=0.7,1,0.4"
    kinds = ("none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab")
    files = [tmp_path / f"{kind}.1.exr" for kind in kinds]
    outputs = [each for kind, file in zip(kinds, files, strict=True) for each in ("--compression", kind, "-o", file)]
    oiiotool("--pattern", ramps, "300x200", "3", "-d", "half", *outputs)
    for kind, file, said in zip(kinds, files, headed(*files), strict=True):
        assert said["compression"] == f'"{kind}"'
        with open_plate(PlatePath(str(file), colour_space="sRGB")) as reader:
            picture = reader.picture(1) / 255
        for name, of in (("Min", np.min), ("Max", np.max), ("Avg", np.mean)):
            expected = [float(value) for value in said[f"Stats {name}"].split()[:3]]
            assert of(picture, axis=(0, 1)) == pytest.approx(expected, abs=0.6 / 255), (kind, name)


@pytest.mark.parametrize(
    ("origin", "display"),
    [
        ("+7+5", "40x30+0+0"),
        ("-5+3", "40x30+0+0"),
        ("-3-2", "18x10+0+0"),
        ("+30+20", "40x30+0+0"),
        ("+105+52", "40x30+100+50"),
        ("-60-40", "40x30-50-30"),
    ],
)
def test_pixels_lie_where_oiiotool_puts_them_in_the_display_window(tmp_path: Path, origin: str, display: str) -> None:
    file, full = tmp_path / "plate.1001.exr", tmp_path / "full.exr"
    anamorphic = ("--attrib", "PixelAspectRatio", "2.0", "--attrib:type=rational", "FramesPerSecond", "30000/1001")
    oiiotool(
        "--frames", "1001", *NOISE, "--origin", origin, "--fullsize", display, *anamorphic, "-d", "half", "-o", file,
        "--croptofull", "-o", full,
    )  # fmt: skip
    width, height = map(int, re.findall(r"\d+", display)[:2])
    with open_plate(str(file)) as reader:
        assert reader.size == (width, height)
        assert reader.plate.pixel_aspect == 2.0
        assert reader.plate.frame_rate == pytest.approx(30000 / 1001)
        expected = lit(dumped(full)[0])
        assert expected.shape == (height, width, 3)
        assert expected.max() > 100
        assert np.abs(reader.picture(1001) - expected).max() <= 0.75


def test_parts_and_layers_of_a_file_are_found_by_the_names_that_oiiotool_lists(tmp_path: Path) -> None:
    file = tmp_path / "parts.1001.exr"
    parts = {"beauty": "R,G,B", "left": "R,G,B,diffuse.R,diffuse.G,diffuse.B", "depth": "Z"}
    made = [
        argument
        for seed, (name, channels) in enumerate(parts.items())
        for argument in [
            "--create", f"{WIDTH}x{HEIGHT}", str(channels.count(",") + 1),
            f"--noise:type=uniform:min=0:max=1:seed={seed}", "--chnames", channels,
            "--attrib", "oiio:subimagename", name,
        ]
    ]  # fmt: skip
    oiiotool(*made, "--siappendall", "-d", "half", "-o", file)
    asked = {
        "": ("0", "R,G,B"),
        "left": ("1", "R,G,B"),
        "diffuse": ("1", "diffuse.R,diffuse.G,diffuse.B"),
        "depth.Z": ("2", "Z,Z,Z"),
        "Z": ("2", "Z,Z,Z"),
        "left.diffuse.G": ("1", "diffuse.G,diffuse.G,diffuse.G"),
    }
    alone = [tmp_path / f"{number}.exr" for number in range(len(asked))]
    cuts: list[str | Path] = []
    for (part, channels), one in zip(asked.values(), alone, strict=True):
        cuts += [file, "--subimage", part, "--ch", channels, "-o", one]
    oiiotool(*cuts)
    for layer, stored in zip(asked, dumped(*alone), strict=True):
        with open_plate(PlatePath(str(file), layer=layer)) as reader:
            assert np.abs(reader.picture(1001) - lit(stored)).max() <= 0.75, layer


def test_deep_files_are_refused_and_say_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "deep.1001.exr"
    oiiotool("--create", f"{WIDTH}x{HEIGHT}", "5", "--chnames", "R,G,B,A,Z", "--deepen", "-o", file)
    with pytest.raises(FrameDamagedError, match="deep samples, which cannot be shown: render a flat image"):
        open_plate(str(file))


@pytest.mark.parametrize(
    ("transfer", "space"),
    [
        ("Logarithmic", "ADX10"),
        ("Printing density", "ADX10"),
        ("Undefined", "sRGB Encoded Rec.709 (sRGB)"),
    ],
)
def test_film_scans_are_taken_for_log_where_their_header_says_so(tmp_path: Path, transfer: str, space: str) -> None:
    file = tmp_path / "scan.1001.dpx"
    oiiotool("--frames", "1001", *NOISE, "-d", "uint10", "--attrib", "dpx:Transfer", transfer, "-o", file)
    assert headed(file)[0]["dpx:Transfer"] == f'"{transfer}"'
    with open_plate(str(file)) as reader:
        assert reader.colour.space == space
