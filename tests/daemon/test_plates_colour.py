"""Colour: what a plate's pixels mean, and that the same scene looks the same however it is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray
from OpenImageIO import FLOAT, ImageBuf, ImageBufAlgo
from picture_files import FilePart, write_parts

from roto_daemon.engines import Direction, EnginePrompt
from roto_daemon.engines.classic import ClassicEngine
from roto_daemon.errors import PlateError
from roto_daemon.plates.colour import ASSUMED, BUILT_IN, BY_FILE, BY_RULE, GIVEN, Colour, ColourFacts, colour_of
from roto_daemon.plates.display import to_display
from roto_daemon.plates.reader import open_plate
from roto_daemon.plates.spool import FrameSpool, PixelLayout
from roto_daemon.plates.uploaded import UploadedPlate
from roto_shapes.shot import FrameRange, Plate, PlatePath

SRGB = "sRGB Encoded Rec.709 (sRGB)"
LIGHT = "Linear Rec.709 (sRGB)"
FRAMES = FrameRange(1, 4)
STUDIO_CONFIG = """ocio_profile_version: 2
environment: {}
search_path: ""
roles:
  default: raw
  scene_linear: lin
  compositing_log: cineon
file_rules:
  - !<Rule> {name: Scans, extension: tif, pattern: "*/scans/*", colorspace: cineon}
  - !<Rule> {name: Default, colorspace: raw}
displays:
  screen:
    - !<View> {name: Raw, colorspace: raw}
colorspaces:
  - !<ColorSpace>
    name: lin
    encoding: scene-linear
  - !<ColorSpace>
    name: raw
    isdata: true
  - !<ColorSpace>
    name: SRGB_NAME
    from_scene_reference: !<ExponentWithLinearTransform> {gamma: GAMMA, offset: OFFSET, direction: inverse}
  - !<ColorSpace>
    name: cineon
    encoding: log
    to_scene_reference: !<LogAffineTransform> {base: 10, CURVE, direction: inverse}
"""
"""Of a studio that knows Cineon, which the ACES configurations do not, and no Rec.709."""

Pixels = NDArray[np.float64]


def studio_config(srgb: str) -> str:
    """The configuration, with a name for its sRGB."""
    curve = "log_side_slope: 0.293255, log_side_offset: 0.669599, lin_side_slope: 0.9892, lin_side_offset: 0.0108"
    text = STUDIO_CONFIG.replace("SRGB_NAME", srgb).replace("CURVE", curve)
    return text.replace("GAMMA", "[2.4, 2.4, 2.4, 1]").replace("OFFSET", "[0.055, 0.055, 0.055, 0]")


def cineon(light: Pixels) -> Pixels:
    """Kodak's curve with white at 685 of 1023 and 0.002 of density a step, as the configuration above has it."""
    return (np.log10(0.9892 * np.maximum(light, 0) + 0.0108) * 300 + 685) / 1023


def acescct(light: Pixels) -> Pixels:
    """By Academy S-2016-001."""
    straight = 10.5402377416545 * light + 0.0729055341958355
    return np.where(light <= 0.0078125, straight, (np.log2(np.maximum(light, 1e-6)) + 9.72) / 17.52)


def logc3(light: Pixels) -> Pixels:
    """By ARRI's paper on LogC, exposure index 800."""
    curve = 0.247190 * np.log10(np.maximum(5.555556 * light + 0.052272, 1e-6)) + 0.385537
    return np.where(light > 0.010591, curve, 5.367655 * light + 0.092809)


def to_xyz(primaries: tuple[float, ...]) -> Pixels:
    """The matrix from light of these primaries, x and y of red, green, blue and white, to XYZ."""
    x, y = np.array(primaries).reshape(4, 2).T
    columns = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    return np.asarray(columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3]))


AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
BT2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
BT709 = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, 0.3127, 0.3290)
WIDE_GAMUT_3 = (0.684, 0.313, 0.221, 0.848, 0.0861, -0.1020, 0.3127, 0.3290)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def in_wide_gamut(light: Pixels) -> Pixels:
    """Light of ACEScg as that of ARRI's wide gamut 3, white adapted by Bradford's matrix."""
    ours, theirs = to_xyz(AP1), to_xyz(WIDE_GAMUT_3)
    white = (BRADFORD @ theirs.sum(1)) / (BRADFORD @ ours.sum(1))
    whole = np.linalg.inv(theirs) @ np.linalg.inv(BRADFORD) @ np.diag(white) @ BRADFORD @ ours
    return np.asarray(light @ whole.T)


def scene(frame: int) -> Pixels:
    """Scene-linear light: a warm disc that moves before blotches, a part of them far brighter than a screen's white."""
    random = np.random.default_rng(4)
    blotches = cv2.resize(random.random((10, 18, 3)), (240, 135), interpolation=cv2.INTER_CUBIC)
    light = 0.02 + 0.12 * blotches * np.array([0.4, 0.8, 1.0])
    light[:, 190:] *= 40
    drawn = np.zeros((135, 240))
    cv2.circle(drawn, (70 + 4 * frame, 66), 34, 1.0, -1, cv2.LINE_AA)
    disc = cv2.GaussianBlur(drawn, (3, 3), 0.7)[..., None]
    skin = np.array([0.75, 0.42, 0.28]) * (0.8 + 0.4 * cv2.resize(random.random((12, 20)), (240, 135))[..., None])
    return np.asarray(light * (1 - disc) + skin * disc)


def disc_area() -> float:
    return float(np.pi * 34**2)


@dataclass(frozen=True)
class Stored:
    """How a scene is kept in files."""

    ending: str
    sample: str
    code: Callable[[Pixels], Pixels]
    attributes: Mapping[str, object] = field(default_factory=dict)

    def write(self, folder: Path) -> str:
        for frame in FRAMES:
            pixels = self.code(scene(frame)).astype(np.float32)
            part = FilePart(pixels, ("R", "G", "B"), sample=self.sample, attributes=self.attributes)
            write_parts(folder / f"plate.{frame:04d}.{self.ending}", [part])
        return str(folder)


LINEAR = Stored("exr", "half", lambda light: light)
TEN_BITS = {"oiio:BitsPerSample": 10}


def masks(source: PlatePath) -> list[NDArray[np.bool_]]:
    """What the classic engine follows from one click on the disc."""
    with open_plate(source) as reader:
        session = ClassicEngine().open(reader)
        session.set_prompt(1, 1, EnginePrompt(np.array([[74.5, 66.5]]), np.array([True])))
        return [tracked.matte >= 0.5 for tracked in session.propagate(1, FRAMES, Direction.FORWARD)]


@pytest.fixture(scope="module")
def linear_masks(tmp_path_factory: pytest.TempPathFactory) -> list[NDArray[np.bool_]]:
    folder = LINEAR.write(tmp_path_factory.mktemp("linear"))
    found = masks(PlatePath(folder, colour_space="ACEScg"))
    assert all(abs(mask.sum() / disc_area() - 1) < 0.05 for mask in found)
    return found


@pytest.mark.parametrize(
    ("stored", "space"),
    [
        (Stored("dpx", "uint16", acescct, TEN_BITS), "ACEScct"),
        (Stored("dpx", "uint16", acescct), "ACEScct"),
        (Stored("tif", "uint16", lambda light: logc3(in_wide_gamut(light))), "ARRI LogC3 (EI800)"),
        (Stored("exr", "half", acescct), "ACEScct"),
    ],
)
def test_log_and_linear_plates_of_a_scene_give_the_same_masks(
    tmp_path: Path, linear_masks: list[NDArray[np.bool_]], stored: Stored, space: str
) -> None:
    for found, expected in zip(masks(PlatePath(stored.write(tmp_path), colour_space=space)), linear_masks):
        assert (found & expected).sum() / (found | expected).sum() > 0.99


@pytest.fixture
def studio(tmp_path: Path) -> str:
    file = tmp_path / "studio größe.ocio"
    file.write_text(studio_config("sRGB"), encoding="utf-8")
    return str(file)


FILM_SCAN = {**TEN_BITS, "dpx:Transfer": "Printing density"}


@pytest.mark.parametrize("said", [{**TEN_BITS, "oiio:ColorSpace": "KodakLog"}, FILM_SCAN])
def test_a_film_scan_and_a_linear_plate_of_a_scene_give_the_same_masks_without_setup(
    tmp_path: Path, linear_masks: list[NDArray[np.bool_]], said: Mapping[str, object]
) -> None:
    scan = PlatePath(Stored("dpx", "uint16", cineon, said).write(tmp_path))
    with open_plate(scan) as reader:
        assert reader.colour == Colour(BUILT_IN, "ADX10", BY_FILE)
    for found, expected in zip(masks(scan), linear_masks):
        assert (found & expected).sum() / (found | expected).sum() > 0.99


def test_a_film_scan_is_shown_about_as_bright_as_the_scene_and_keeps_its_highlights(tmp_path: Path) -> None:
    light = np.geomspace(0.02, 0.7, 40)
    ramp = np.repeat(light[np.newaxis, :, np.newaxis], 3, 2)
    part = FilePart(cineon(ramp).astype(np.float32), ("R", "G", "B"), sample="uint16", attributes=FILM_SCAN)
    write_parts(tmp_path / "ramp.1.dpx", [part])
    with open_plate(str(tmp_path / "ramp.1.dpx")) as reader:
        shown = reader.picture(1)[0, :, 0].astype(int)
    assert (np.diff(shown) > 0).all()
    meant = to_display(ramp.astype(np.float32), colour_of("scene-linear", ColourFacts("")))[0, :, 0]
    assert np.abs(shown - meant).max() < 30


def test_cineon_and_linear_plates_of_a_scene_give_the_same_masks(tmp_path: Path, studio: str) -> None:
    log = {"oiio:BitsPerSample": 10, "oiio:ColorSpace": "KodakLog"}
    scan = PlatePath(Stored("dpx", "uint16", cineon, log).write(tmp_path / "scan"), ocio_config=studio)
    light = PlatePath(LINEAR.write(tmp_path / "light"), ocio_config=studio)
    with open_plate(scan) as reader:
        assert reader.colour == Colour(studio, "cineon", BY_FILE)
    with open_plate(light) as reader:
        assert reader.colour == Colour(studio, "lin", ASSUMED)
    for found, expected in zip(masks(scan), masks(light)):
        assert (found & expected).sum() / (found | expected).sum() > 0.99


@pytest.mark.parametrize(
    "space",
    [
        "ACEScg",
        "ACES2065-1",
        "ACEScct",
        "ACEScc",
        "ADX10",
        "ARRI LogC4",
        "S-Log3 S-Gamut3",
        "Camera Rec.709",
        "Rec.1886 Rec.709 - Display",
        "Display P3 - Display",
    ],
)
@pytest.mark.parametrize("sample", ["float16", "float32", "uint16", "uint8"])
def test_every_space_is_shown_as_ocio_converts_it(space: str, sample: str) -> None:
    random = np.random.default_rng(3)
    values = random.random((40, 50, 3))
    if sample.startswith("float") and space in {"ACEScg", "ACES2065-1"}:
        values = values**3 * 3 - 0.02
    if sample.startswith("uint"):
        top = np.iinfo(sample).max
        stored = np.round(values * top).astype(sample)
        meant = (stored / top).astype(np.float32)
    else:
        stored = values.astype(sample)
        meant = stored.astype(np.float16).astype(np.float32)
    converted = ImageBufAlgo.colorconvert(ImageBuf(meant), space, SRGB, unpremult=False, colorconfig=BUILT_IN)
    exact = np.asarray(converted.get_pixels(FLOAT))
    shown = to_display(stored, colour_of(space, ColourFacts("")))
    assert np.abs(shown - np.clip(exact, 0, 1) * 255).max() < 0.8


def test_greys_are_shown_as_colours_that_are_equal() -> None:
    ramp = np.linspace(0, 1, 200, dtype=np.float32).reshape(2, 100, 1)
    for space in ("ACEScg", "ACEScct", "ADX10", "sRGB"):
        colour = colour_of(space, ColourFacts(""))
        assert np.array_equal(to_display(ramp, colour), to_display(np.repeat(ramp, 3, 2), colour))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (ColourFacts("a.exr", is_float=True), (LIGHT, ASSUMED)),
        (ColourFacts("a.png"), (SRGB, ASSUMED)),
        (ColourFacts("a.png", said="srgb_rec709_scene"), (SRGB, BY_FILE)),
        (ColourFacts("a.exr", is_float=True, said="lin_ap1_scene"), ("ACEScg", BY_FILE)),
        (ColourFacts("a.exr", is_float=True, chromaticities=AP1), ("ACEScg", BY_FILE)),
        (ColourFacts("a.exr", is_float=True, chromaticities=(0.1,) * 8), (LIGHT, ASSUMED)),
        (ColourFacts("a.exr", is_float=True, said="no such space"), (LIGHT, ASSUMED)),
        (ColourFacts("a.dpx", said="KodakLog"), ("ADX10", BY_FILE)),
        (ColourFacts("a_ACEScct.1001.tif"), ("ACEScct", BY_RULE)),
        (ColourFacts("/shots/ACEScct/raw/a.1001.tif"), (SRGB, ASSUMED)),
        (ColourFacts("a_raw.1001.exr", is_float=True), (LIGHT, ASSUMED)),
        (ColourFacts("a_ACEScct.1001.exr", is_float=True, said="lin_ap1_scene"), ("ACEScg", BY_FILE)),
    ],
)
def test_a_plate_is_taken_for_what_its_file_says_then_for_what_rules_say(
    facts: ColourFacts, expected: tuple[str, str]
) -> None:
    found = colour_of("", facts)
    assert (found.space, found.source) == expected
    given = colour_of("arri_logc4", facts)
    assert (given.space, given.source) == ("ARRI LogC4", GIVEN)


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("sRGB", SRGB),
        (" srgb ", SRGB),
        ("display", SRGB),
        ("scene-linear", LIGHT),
        ("scene_linear", "ACEScg"),
        ("acescct_ap1", "ACEScct"),
        ("compositing_log", "ACEScct"),
    ],
)
def test_names_aliases_and_roles_are_understood(name: str, space: str) -> None:
    assert colour_of(name, ColourFacts("")).space == space


def test_headers_of_files_tell_their_colour_space(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 3), 0.4, np.float32)
    for name, attributes in (
        ("a.1.exr", {"oiio:ColorSpace": "ACEScg"}),
        ("b.1.dpx", {"oiio:ColorSpace": "KodakLog", "oiio:BitsPerSample": 10}),
    ):
        sample = "half" if name.endswith("exr") else "uint16"
        write_parts(tmp_path / name, [FilePart(pixels, ("R", "G", "B"), sample=sample, attributes=attributes)])
    for name, space in (("a.1.exr", "ACEScg"), ("b.1.dpx", "ADX10")):
        with open_plate(str(tmp_path / name)) as reader:
            assert reader.colour == Colour(BUILT_IN, space, BY_FILE)
            assert reader.plate.colour_space == space


def test_file_rules_of_a_studio_see_the_folders(tmp_path: Path, studio: str) -> None:
    for folder, expected in (("scans", ("cineon", BY_RULE)), ("other", ("sRGB", ASSUMED))):
        path = tmp_path / folder / "a.1.tif"
        write_parts(path, [FilePart(np.zeros((4, 4, 3)), ("R", "G", "B"), sample="uint16")])
        with open_plate(PlatePath(str(path), ocio_config=studio)) as reader:
            assert (reader.colour.space, reader.colour.source) == expected


def test_the_variable_ocio_is_honoured_and_what_is_asked_for_comes_first(
    studio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCIO", studio)
    assert colour_of("cineon", ColourFacts("")).config == studio
    assert colour_of("ACEScg", ColourFacts(""), BUILT_IN) == Colour(BUILT_IN, "ACEScg", GIVEN)
    monkeypatch.setenv("OCIO", "")
    assert colour_of("ACEScg", ColourFacts("")).config == BUILT_IN


def test_what_no_configuration_has_is_refused_with_what_to_do(tmp_path: Path, studio: str) -> None:
    with pytest.raises(
        PlateError, match=r"'ACEScg' is not in the OCIO configuration .* has lin, raw, sRGB, cineon: say"
    ):
        colour_of("ACEScg", ColourFacts(""), studio)
    with pytest.raises(PlateError, match=r"no\.ocio cannot be used .*: correct the setting ocio_config"):
        colour_of("", ColourFacts(""), str(tmp_path / "no.ocio"))
    blind = tmp_path / "blind.ocio"
    blind.write_text(studio_config("screen"))
    with pytest.raises(PlateError, match="has no sRGB"):
        colour_of("", ColourFacts(""), str(blind))
    (tmp_path / "text.ocio").write_text("colourful")
    with pytest.raises(PlateError, match="cannot be used"):
        colour_of("", ColourFacts(""), str(tmp_path / "text.ocio"))


@pytest.mark.parametrize(("bits", "sample"), [(8, "uint8"), (10, "uint16"), (12, "uint16"), (16, "uint16")])
def test_dpx_of_any_depth_is_read(tmp_path: Path, bits: int, sample: str) -> None:
    pixels = np.random.default_rng(1).random((20, 30, 3), np.float32)
    part = FilePart(pixels, ("R", "G", "B"), sample=sample, attributes={"oiio:BitsPerSample": bits})
    write_parts(tmp_path / "a.0001.dpx", [part])
    with open_plate(str(tmp_path)) as reader:
        assert np.abs(reader.picture(1) - pixels * 255).max() < 0.5 + 255 / (2**bits - 1)


def test_a_log_movie_is_shown_as_its_space_says(tmp_path: Path) -> None:
    pixels = np.round(acescct(scene(1)) * 65535).astype(np.uint16)[:134]
    with av.open(str(tmp_path / "log.mov"), "w") as container:
        stream = container.add_stream("prores_ks", rate=24, options={"profile": "4"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 240, 134, "yuv444p10le"
        container.mux(stream.encode(VideoFrame.from_ndarray(pixels, format="rgb48le")))
        container.mux(stream.encode(None))
    with open_plate(PlatePath(str(tmp_path / "log.mov"), colour_space="ACEScct")) as reader:
        shown = reader.picture(0).astype(int)
    expected = to_display(scene(1)[:134].astype(np.float32), colour_of("ACEScg", ColourFacts("")))
    assert np.median(np.abs(shown - expected)) <= 2
    assert np.percentile(np.abs(shown - expected), 95) <= 8


def pq(nits: Pixels) -> Pixels:
    """By SMPTE ST 2084."""
    light = np.maximum(nits / 10000, 0) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * light) / (1 + 18.6875 * light)) ** 78.84375


def hlg(nits: Pixels) -> Pixels:
    """By Rec. ITU-R BT.2100 for greys on a display of 1000 nits."""
    scene = np.maximum(nits / 1000, 0) ** (1 / 1.2)
    log = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), log)


def write_hdr(file: Path, code: Pixels, transfer: ColorTrc, primaries: ColorPrimaries) -> Path:
    """Write a movie of a frame, whose container alone says what it is."""
    height, width = code.shape[:2]
    with av.open(str(file), "w") as container:
        stream = container.add_stream("prores_ks", rate=24, options={"profile": "4"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p10le"
        stream.codec_context.color_trc, stream.codec_context.color_primaries = transfer, primaries
        stream.codec_context.colorspace = Colorspace.BT2020
        frame = VideoFrame.from_ndarray(np.round(code * 65535).astype(np.uint16), format="rgb48le")
        coded = frame.reformat(format="yuv444p10le", dst_colorspace=Colorspace.BT2020, threads=1)
        coded.colorspace = 2
        container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
    return file


@pytest.mark.parametrize(
    ("code", "transfer", "primaries", "space"),
    [
        (pq, ColorTrc.SMPTE2084, ColorPrimaries.BT2020, "Rec.2100-PQ - Display"),
        (pq, ColorTrc.SMPTE2084, ColorPrimaries.SMPTE432, "ST2084-P3-D65 - Display"),
        (hlg, ColorTrc.ARIB_STD_B67, ColorPrimaries.BT2020, "Rec.2100-HLG - Display"),
    ],
)
def test_a_movie_of_high_dynamic_range_is_shown_by_what_it_says(
    tmp_path: Path, code: Callable[[Pixels], Pixels], transfer: ColorTrc, primaries: ColorPrimaries, space: str
) -> None:
    nits = np.repeat(np.linspace(2, 98, 160)[np.newaxis, :, np.newaxis], 90, 0).repeat(3, 2)
    file = write_hdr(tmp_path / "hdr.mov", code(nits), transfer, primaries)
    with open_plate(str(file)) as reader:
        assert (reader.colour.space, reader.colour.source) == (space, BY_FILE)
        shown = reader.picture(0)[45].astype(int)
    light = nits[45] / 100
    meant = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(shown - meant).max() < 4
    with open_plate(PlatePath(str(file), colour_space="sRGB")) as reader:
        assert np.abs(reader.picture(0)[45] - code(nits[45]) * 255).max() < 4


def test_colours_of_high_dynamic_range_keep_their_hue(tmp_path: Path) -> None:
    to_2020 = np.linalg.inv(to_xyz(BT2020)) @ to_xyz(BT709)
    green = np.array([10.0, 90.0, 2.0])
    code = pq(np.broadcast_to(to_2020 @ green, (90, 160, 3)))
    file = write_hdr(tmp_path / "hdr.mov", code, ColorTrc.SMPTE2084, ColorPrimaries.BT2020)
    with open_plate(str(file)) as reader:
        shown = reader.picture(0)[45, 80].astype(int)
    assert np.abs(shown - (1.055 * (green / 100) ** (1 / 2.4) - 0.055) * 255).max() < 3


def test_a_movie_of_high_dynamic_range_needs_a_configuration_that_knows_it_or_a_word(
    tmp_path: Path, studio: str
) -> None:
    file = write_hdr(tmp_path / "hdr.mov", np.full((90, 160, 3), 0.4), ColorTrc.SMPTE2084, ColorPrimaries.BT2020)
    with pytest.raises(PlateError, match=r"hdr\.mov' is coded as PQ, .* no Rec\.2100-PQ - Display: say which"):
        open_plate(PlatePath(str(file), ocio_config=studio))
    with open_plate(PlatePath(str(file), ocio_config=studio, colour_space="sRGB")) as reader:
        assert reader.colour.source == GIVEN


def test_a_plate_is_never_altered(tmp_path: Path) -> None:
    def facts() -> dict[Path, tuple[bytes, int]]:
        return {file: (hashlib.sha256(file.read_bytes()).digest(), file.stat().st_mtime_ns) for file in files}

    files = list(Path(LINEAR.write(tmp_path)).iterdir())
    before = facts()
    masks(PlatePath(str(tmp_path), colour_space="ACEScg"))
    assert facts() == before
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_uploaded_pixels_may_be_in_the_plates_own_space(tmp_path: Path) -> None:
    plate = Plate(240, 135, FRAMES, "host", colour_space="ACEScct")
    spool = FrameSpool(tmp_path, plate, lambda: 1 << 30)
    coded = acescct(scene(1)).astype(np.float16)
    spool.put(1, PixelLayout(240, 135, 3, "float16", "acescct"), coded.tobytes())
    spool.put(2, PixelLayout(240, 135, 3, "float16", "sRGB"), coded.tobytes())
    uploaded = UploadedPlate(tmp_path, plate)
    assert np.array_equal(uploaded.picture(1), to_display(coded, colour_of("ACEScct", ColourFacts(""))))
    assert np.array_equal(uploaded.picture(2), to_display(coded, colour_of("sRGB", ColourFacts(""))))
    with pytest.raises(PlateError, match="'ACEScg' need a plate that was opened with it"):
        spool.put(3, PixelLayout(240, 135, 3, "float16", "ACEScg"), coded.tobytes())
