"""Projects of After Effects: what we write, as py-aep itself understands it, and what is read of others."""

from __future__ import annotations

import math
import os
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import py_aep
import pytest
from py_aep.enums import KeyframeInterpolationType, MaskMode
from py_aep.models.properties.keyframe_ease import KeyframeEase
from py_aep.models.properties.shape import Shape as Outline
from running_roto import plain, roto

from roto_client import aep
from roto_shapes.curve import evaluate
from roto_shapes.difference import distances
from roto_shapes.formats import encode
from roto_shapes.reading import Given
from roto_shapes.shape import ControlPoint, Interpolation, MadeBy, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(2048, 858, FrameRange(1001, 1024), "größe.####.exr", 2.0, 23.976)
POINTS = (
    ControlPoint(1500, 700, -40, 12, 40, -12),
    ControlPoint(2100, 760, 3, -30, -3, 30),
    ControlPoint(-900, 900, 0, 0, -25, -7, corner=True),
)
MOVED = tuple(p._replace(x=p.x + 30, y=p.y - 4, out_x=p.out_x + 5) for p in POINTS)
BODY = Shape(
    "körper \"a\" <b> '#'",
    (ShapeKeyframe(999, POINTS), ShapeKeyframe(1006, MOVED), ShapeKeyframe(1024, POINTS)),
    PLATE.frames,
    colour=(1.0, 0.2, 0.4),
)
HOLE = Shape("hole", (ShapeKeyframe(1003, MOVED), ShapeKeyframe(1009, POINTS)), FrameRange(1003, 1009), invert=True)
STILL = Shape("still", (ShapeKeyframe(1010, POINTS),), FrameRange(1010, 1024))
ROTO = Roto(PLATE, (BODY, HOLE, STILL), MadeBy("sam2-tiny", "tiny--x.safetensors"))
NEAR_PX = 1e-3
INPUTS = int(os.environ.get("ROTO_FUZZ", "60"))
"""Damaged files that the reader gets, as in tests/shapes/test_readers_fuzz.py."""


def opened(data: bytes, folder: Path) -> Any:  # noqa: ANN401 - a composition of py-aep
    (folder / "a.aep").write_bytes(data)
    (comp,) = py_aep.parse(folder / "a.aep").project.compositions
    return comp


def worst(mask: Any, shape: Shape, rate: float) -> float:  # noqa: ANN401 - a mask of py-aep
    """Return how far py-aep's own idea of a path lies from ours, in px, on frames and between them."""
    path = mask.property("ADBE Mask Shape")
    off = 0.0
    for frame in (1001, 1002.5, 1006, 1008, 1015.5, 1024):
        found = path.value_at_time((frame - 1001) / rate)
        for point, at, into, out in zip(evaluate(shape, frame), found.vertices, found.in_tangents, found.out_tangents):
            rows = ((point[0:2], at), (point[2:4], into), (point[4:6], out))
            off = max(off, *(math.dist(ours, theirs) for ours, theirs in rows))
    return off


def test_a_project_holds_every_outline_where_it_belongs(tmp_path: Path) -> None:
    data, notes = aep.encode(ROTO)
    assert notes == ()
    comp = opened(data, tmp_path)
    assert (comp.name, comp.width, comp.height, comp.pixel_aspect) == (PLATE.name, 2048, 858, 2.0)
    assert (comp.display_start_frame, round(comp.duration * comp.frame_rate)) == (1001, 24)
    assert comp.frame_rate == pytest.approx(23.976, abs=1e-3)
    layer: Any
    (layer,) = comp.layers
    assert [mask.name for mask in layer.masks] == [shape.name for shape in ROTO.shapes]
    for mask, shape in zip(layer.masks, ROTO.shapes):
        assert mask.mask_mode == (MaskMode.SUBTRACT if shape.invert else MaskMode.ADD)
        assert mask.color == pytest.approx(list(shape.colour), abs=0.5 / 255)
        assert worst(mask, shape, comp.frame_rate) < NEAR_PX
        level = mask.property("ADBE Mask Opacity")
        for frame in PLATE.frames:
            assert level.value_at_time((frame - 1001) / comp.frame_rate + 1e-4) == 100 * (frame in shape.lifetime)


def test_a_wrong_outline_frame_or_handle_would_be_noticed(tmp_path: Path) -> None:
    swapped = tuple(p._replace(in_x=p.out_x, in_y=p.out_y, out_x=p.in_x, out_y=p.in_y) for p in POINTS)
    late = tuple(replace(key, frame=key.frame + 1) for key in BODY.keyframes)
    turned = tuple(replace(key, points=key.points[1:] + key.points[:1]) for key in BODY.keyframes)
    for keys in ((replace(BODY.keyframes[0], points=swapped), *BODY.keyframes[1:]), late, turned):
        comp = opened(aep.encode(Roto(PLATE, (replace(BODY, keyframes=keys),)))[0], tmp_path)
        assert worst(comp.layers[0].masks[0], BODY, comp.frame_rate) > 1


def test_shapes_come_back_as_they_were() -> None:
    read = aep.decode(aep.encode(ROTO)[0])
    assert read.notes == ()
    assert read.roto.plate == PLATE
    assert [(s.name, s.lifetime, s.invert, len(s.keyframes)) for s in read.roto.shapes] == [
        (s.name, s.lifetime, s.invert, len(s.keyframes)) for s in ROTO.shapes
    ]
    assert max(each.px for each in distances(ROTO, read.roto)) < NEAR_PX


@pytest.mark.parametrize("rate", [23.976, 24000 / 1001, 25.0, 29.97, 59.94])
@pytest.mark.parametrize("first", [-30, 0, 86400])
def test_keys_stand_on_their_frames_at_any_rate(rate: float, first: int) -> None:
    plate = Plate(64, 48, FrameRange(first, first + 999), frame_rate=rate)
    keys = tuple(ShapeKeyframe(first + frame, POINTS) for frame in (0, 1, 501, 999))
    shape = Shape("a", keys, FrameRange(first + 7, first + 998))
    (back,) = aep.decode(aep.encode(Roto(plate, (shape,)))[0]).roto.shapes
    assert [key.frame for key in back.keyframes] == [key.frame for key in keys]
    assert back.lifetime == shape.lifetime


def test_what_masks_cannot_hold_is_told_or_refused() -> None:
    soft = replace(BODY, keyframes=(ShapeKeyframe(1001, tuple(p._replace(feather=(3.0, 0.0)) for p in POINTS)),))
    notes = aep.encode(Roto(PLATE, (soft, replace(HOLE, interpolation=Interpolation.SMOOTH))))[1]
    assert notes[0].endswith("has feather, which is not written into projects: it is left out.")
    with pytest.raises(ValueError, match="is open"):
        aep.encode(Roto(PLATE, (replace(BODY, closed=False),)))
    for plate in (replace(PLATE, width=3), replace(PLATE, frames=FrameRange(1, 10**7), frame_rate=24.0)):
        with pytest.raises(ValueError, match="After Effects has no composition like that"):
            aep.encode(Roto(plate, (replace(STILL, lifetime=FrameRange(1, 5)),)))


class Foreign:
    """A project as an artist may have made it, with one square mask."""

    def __init__(self, aspect: float = 1.0) -> None:
        self.app = py_aep.new()
        self.comp: Any = self.app.project.root_folder.add_comp("shot", 200, 100, aspect, 1.0, 10.0)
        self.layer: Any = self.comp.add_solid([1, 1, 1], "solid", 200, 100, aspect, 1.0)
        parade: Any = self.layer.property("ADBE Mask Parade")
        self.mask: Any = parade.add_property("ADBE Mask Atom")
        self.path: Any = self.mask.property("ADBE Mask Shape")
        self.path.value = self.square(20)

    @staticmethod
    def square(x: float) -> Outline:
        corners = [[x, 20], [x + 20, 20], [x + 20, 40], [x, 40]]
        return Outline(vertices=corners, in_tangents=[[0, -1]] * 4, out_tangents=[[0, 1]] * 4)

    def read(self, folder: Path) -> Any:  # noqa: ANN401 - a reading
        place = folder / "foreign.aep"
        self.app.project.save(place)
        return aep.decode(place.read_bytes())


def test_masks_lie_where_their_layer_and_its_parents_place_them(tmp_path: Path) -> None:
    made = Foreign()
    transform = made.layer.transform
    transform.property("ADBE Anchor Point").value = [20, 20, 0]
    transform.property("ADBE Position").value = [50, 60, 0]
    transform.property("ADBE Scale").value = [200, 100, 100]
    transform.property("ADBE Rotate Z").value = 90.0
    parent = made.comp.add_solid([0, 0, 0], "parent", 200, 100, 1.0, 1.0)
    made.layer.parent = parent
    moved = transform.property("ADBE Position").value
    parent.transform.property("ADBE Position").value = [110, 50, 0]
    (shape,) = made.read(tmp_path).roto.shapes
    # The second corner is 20 px to the right of the anchor: 40 px under the scale, turned to below the position.
    second = shape.keyframes[0].points[1]
    assert (second.x, second.y) == pytest.approx((moved[0] + 10, moved[1] + 40), abs=NEAR_PX)
    assert (second.out_x, second.out_y) == pytest.approx((-1, 0), abs=NEAR_PX)


def test_easing_is_followed_and_jumps_are_kept(tmp_path: Path) -> None:
    made = Foreign()
    made.path.set_values_at_times([0.0, 0.4, 0.8], [made.square(x) for x in (20, 60, 100)])
    first, second, last = made.path.keyframes
    first.in_interpolation_type = first.out_interpolation_type = KeyframeInterpolationType.LINEAR
    second.in_temporal_ease = [KeyframeEase(0.0, 90.0)]
    second.out_interpolation_type = KeyframeInterpolationType.HOLD
    last.in_interpolation_type = last.out_interpolation_type = KeyframeInterpolationType.LINEAR
    wanted = [made.path.value_at_time(frame / 10).vertices[0][0] for frame in range(10)]
    read = made.read(tmp_path)
    (shape,) = read.roto.shapes
    assert [evaluate(shape, frame)[0].x for frame in range(10)] == pytest.approx(wanted, abs=NEAR_PX)
    assert abs(wanted[2] - 40) > 1, "it eases"
    assert wanted[7] == wanted[4]
    assert "moves with easing" in read.notes[0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda made: setattr(made.mask, "mask_mode", MaskMode.LIGHTEN), "in mode Lighten, which shapes do not know"),
        (lambda made: setattr(made.mask, "inverted", True), "is inverted"),
        (lambda made: setattr(made.mask.property("ADBE Mask Feather"), "value", [3.0, 3.0]), "mask feather of"),
        (lambda made: setattr(made.mask.property("ADBE Mask Opacity"), "value", 50.0), "fades"),
        (lambda made: setattr(made.mask, "mask_mode", MaskMode.NONE), "switched off"),
        (
            lambda made: made.layer.transform.property("ADBE Position").set_values_at_times(
                [0.0, 0.5], [[0, 0, 0], [9, 9, 0]]
            ),
            "Layer 'solid' moves",
        ),
        (lambda made: setattr(made.layer, "three_d_layer", True), "turned in depth"),
    ],
)
def test_what_shapes_do_not_have_is_told(change: Any, why: str, tmp_path: Path) -> None:  # noqa: ANN401 - a function
    made = Foreign()
    change(made)
    assert any(why in note for note in made.read(tmp_path).notes)


def test_a_turned_layer_of_pixels_that_are_not_square_is_left_out(tmp_path: Path) -> None:
    made = Foreign(aspect=2.0)
    made.layer.transform.property("ADBE Rotate Z").value = 30.0
    read = made.read(tmp_path)
    assert read.roto.shapes == ()
    assert read.notes


@pytest.mark.timeout(120 + INPUTS // 10)
def test_damaged_projects_end_in_shapes_or_one_sentence() -> None:
    whole = aep.encode(Roto(Plate(64, 48, FrameRange(1, 9)), (replace(STILL, lifetime=FrameRange(2, 5)),)))[0]
    dice = random.Random(1)  # noqa: S311 - test data, not secrets
    for _ in range(INPUTS):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 40)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        cut = dice.choice([len(data), len(data), dice.randrange(len(data))])
        with suppress(ValueError):
            aep.decode(bytes(data[:cut]))


@pytest.mark.parametrize("data", [b"", b"RIFX", b"{}", b"\0" * 4096, encode(ROTO, ".json").encode()])
def test_what_is_no_project_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no project of After Effects that can be read"):
        aep.decode(data)


def test_a_project_without_masks_is_refused(tmp_path: Path) -> None:
    py_aep.new().project.save(tmp_path / "empty.aep")
    with pytest.raises(ValueError, match="no layer of this project has masks"):
        aep.decode((tmp_path / "empty.aep").read_bytes(), Given())


def test_projects_are_converted_like_any_other_format(tmp_path: Path) -> None:
    source, project, back = tmp_path / "a.json", tmp_path / "a.AEP", tmp_path / "b.nk"
    source.write_text(encode(ROTO, ".json"))
    done = roto("convert", str(source), str(project))
    assert done.exit_code == 0, done.output
    assert "px off, in" in done.stdout
    assert roto("convert", str(project), str(back)).exit_code == 0
    assert back.read_text().count("curvegroup") == 3
    refused = roto("convert", str(source), str(project), "--into", str(back))
    assert refused.exit_code == 3
    assert "is no script: --into is for" in plain(refused.stderr)
    project.write_bytes(b"RIFX")
    assert roto("convert", str(project), str(back)).exit_code == 3
