"""Frames as light: what a foreground is taken from, whatever the plate is stored as."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_files import FilePart, write_parts

from roto_daemon.errors import PlateError
from roto_daemon.plates.reader import open_plate
from roto_daemon.plates.spool import FrameSpool, PixelLayout
from roto_daemon.plates.uploaded import UploadedPlate
from roto_shapes.shot import FrameRange, Plate, PlatePath

LIGHT = np.array([[[0.0, 0.18, 4.0], [-0.1, 1.0, 0.5]]], np.float32)


def test_light_above_1_and_below_0_is_kept(tmp_path: Path) -> None:
    write_parts(tmp_path / "p.1001.exr", [FilePart(LIGHT, ("R", "G", "B"), sample="float")])
    with open_plate(str(tmp_path / "p.####.exr")) as plate:
        light, space = plate.light(1001)
    assert light.dtype == np.float32
    assert np.abs(light - LIGHT).max() < 1e-6
    assert "lin" in space.lower()


def test_a_space_that_is_light_already_is_kept_by_its_name(tmp_path: Path) -> None:
    write_parts(tmp_path / "p.1001.exr", [FilePart(LIGHT, ("R", "G", "B"), sample="float")])
    with open_plate(PlatePath(str(tmp_path / "p.####.exr"), colour_space="ACEScg")) as plate:
        light, space = plate.light(1001)
    assert space == "ACEScg"
    assert np.abs(light - LIGHT).max() < 1e-6


def test_srgb_becomes_light(tmp_path: Path) -> None:
    grey = np.array([[[0], [128], [255]]], np.uint8)
    write_parts(tmp_path / "p.1001.png", [FilePart(grey, ("Y",), sample="uint8")])
    with open_plate(str(tmp_path / "p.####.png")) as plate:
        light, _ = plate.light(1001)
        with pytest.raises(PlateError, match="outside the plate"):
            plate.light(1002)
    # By the standard's formula.
    wanted = [0, ((128 / 255 + 0.055) / 1.055) ** 2.4, 1]
    assert light.shape == (1, 3, 3)
    assert np.abs(light[0, :, 0] - wanted).max() < 1e-3


def test_a_proxy_is_no_place_to_take_light_from(tmp_path: Path) -> None:
    for name, size in (("p", 8), ("small", 4)):
        write_parts(tmp_path / f"{name}.1001.exr", [FilePart(np.zeros((size, size, 3), np.float32), ("R", "G", "B"))])
    source = PlatePath(str(tmp_path / "p.####.exr"), proxy=str(tmp_path / "small.####.exr"))
    with open_plate(source) as plate, pytest.raises(PlateError, match="give the plate alone"):
        plate.light(1001)


def test_uploaded_frames_are_light_too(tmp_path: Path) -> None:
    facts = Plate(2, 1, FrameRange(1001, 1001), "upload")
    spool = FrameSpool(tmp_path / "spool", facts, lambda: 1 << 20)
    spool.put(1001, PixelLayout(2, 1, 3, "float32", "scene-linear"), LIGHT.tobytes())
    with UploadedPlate(tmp_path / "spool", facts) as plate:
        light, _ = plate.light(1001)
    assert np.abs(light - LIGHT).max() < 1e-6
