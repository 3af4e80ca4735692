"""The command `roto convert`: what it writes, puts into scripts, and tells of differences."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from running_roto import plain, roto

from roto_shapes.formats import ENDINGS, encode, read_shapes
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.shape import ControlPoint, Interpolation, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "reference" / "conversion.schema.json").read_text(encoding="utf-8")
)
OUTLINE = (ControlPoint(1, 1), ControlPoint(9, 1), ControlPoint(5, 8))
ROTO = Roto(
    Plate(64, 48, FrameRange(1001, 1002)), (Shape("hero", (ShapeKeyframe(1001, OUTLINE),), FrameRange(1001, 1002)),)
)


def test_shapes_are_written_in_another_format(tmp_path: Path) -> None:
    source = tmp_path / "hero.json"
    source.write_text(encode(ROTO, ".json"))
    done = roto("convert", str(source), str(tmp_path / "new" / "hero.nk"), str(tmp_path / "hero.lottie.json"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "new" / "hero.nk").read_text() == encode(ROTO, ".nk")
    assert (tmp_path / "hero.lottie.json").read_text() == encode(ROTO, ".lottie.json")


def test_a_conversion_tells_how_far_its_result_lies_from_the_source(tmp_path: Path) -> None:
    source, target, report = tmp_path / "hero.json", tmp_path / "hero.lottie.json", tmp_path / "difference.json"
    odd = tuple(point._replace(x=point.x + 0.0004) for point in OUTLINE)
    source.write_text(
        encode(Roto(ROTO.plate, (Shape("a", (ShapeKeyframe(1001, odd),), FrameRange(1001, 1002)),)), ".json")
    )
    done = roto("convert", str(source), str(target), "--report", str(report), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(report.read_text())
    assert told == json.loads(done.stdout)
    difference = told["targets"][str(target)]["difference"]
    assert difference["largest_px"] == pytest.approx(0.0004)
    assert difference["shapes"][0]["missing"] == []
    assert "at most 0.0004 px off, in 'a' on frame 1001" in roto("convert", str(source), str(target)).stdout


def test_every_real_report_fits_the_published_schema(tmp_path: Path) -> None:
    source, report = tmp_path / "hero.json", tmp_path / "report.json"
    soft = tuple(point._replace(x=point.x + 20, feather=(1.0, 2.0)) for point in OUTLINE)
    moving = Shape(
        "größe", (ROTO.shapes[0].keyframes[0], ShapeKeyframe(1009, soft), ShapeKeyframe(1020, OUTLINE)),
        FrameRange(1001, 1020), interpolation=Interpolation.SMOOTH,
    )  # fmt: skip
    roto_ = Roto(Plate(64, 48, FrameRange(1001, 1020), pixel_aspect=2.0), (moving, *ROTO.shapes))
    for shapes in (roto_, replace(roto_, shapes=())):
        source.write_text(encode(shapes, ".json"))
        targets = [str(tmp_path / f"hero{ending}") for ending in ENDINGS if ending != ".json"]
        done = roto("convert", str(source), *targets, "--report", str(report), "--json")
        assert done.exit_code == 0, done.output
        told = json.loads(report.read_text())
        jsonschema.validate(told, SCHEMA)
        assert set(told["targets"]) == set(targets)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("lost", ["format", "version", "source", "targets"])
def test_a_report_that_lacks_a_part_does_not_fit_the_schema(lost: str) -> None:
    whole: dict[str, Any] = {
        "format": "rotolink.conversion",
        "version": 1,
        "source": "a.json",
        "targets": {"a.jsx": {"shapes": 1, "keyframes": 1, "notes": [], "difference": None}},
    }
    jsonschema.validate(whole, SCHEMA)
    del whole[lost]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(whole, SCHEMA)


def test_a_report_says_how_many_keyframes_were_added(tmp_path: Path) -> None:
    source, target = tmp_path / "hero.json", tmp_path / "hero.fxs"
    keys = tuple(
        ShapeKeyframe(frame, tuple(p._replace(y=p.y + y) for p in OUTLINE)) for frame, y in ((1, 0), (30, 90), (60, 5))
    )
    shape = Shape("hero", keys, FrameRange(1, 60), interpolation=Interpolation.SMOOTH)
    source.write_text(encode(Roto(Plate(64, 48, FrameRange(1, 60)), (shape,)), ".json"))
    told = json.loads(roto("convert", str(source), str(target), "--json").stdout)["targets"][str(target)]
    added = told["difference"]["keyframes"] - told["keyframes"]
    assert told["keyframes"] == 3
    assert added > 3
    assert f"it has {added} more keyframes than its 3" in told["notes"][0]
    assert len(read_shapes(target.read_text(), ".fxs").roto.shapes[0].keyframes) == 3 + added


def test_a_larger_tolerance_makes_fewer_keyframes_and_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "hero.json"
    keys = tuple(
        ShapeKeyframe(frame, tuple(p._replace(y=p.y + y) for p in OUTLINE)) for frame, y in ((1, 0), (30, 90), (60, 5))
    )
    linear = Shape("linear", keys, FrameRange(1, 60))
    shapes = (replace(linear, name="smooth", interpolation=Interpolation.SMOOTH), linear)
    source.write_text(encode(Roto(Plate(64, 48, FrameRange(1, 60)), shapes), ".json"))
    for ending in (".fxs", ".setting", ".lottie.json", ".bodymovin.json", ".svg", ".nk", ".aep"):
        counts = []
        for tolerance in ("0.01", "0.05", "1"):
            done = roto("convert", str(source), str(tmp_path / f"a{ending}"), "--tolerance", tolerance, "--json")
            (told,) = json.loads(done.stdout)["targets"].values()
            assert told["difference"]["largest_px"] <= float(tolerance) + 2e-3
            counts.append(told["difference"]["keyframes"])
        assert counts == sorted(counts, reverse=True)
        assert counts[0] > counts[2] or ending == ".nk", "of lines Nuke gets the keys beside each turn alone"
    assert roto("convert", str(source), str(tmp_path / "a.fxs"), "--tolerance", "0").exit_code == 2


def test_a_script_of_another_size_is_told(tmp_path: Path) -> None:
    source, script = tmp_path / "hero.json", tmp_path / "shot.nk"
    source.write_text(encode(ROTO, ".json"))
    script.write_text('Root {\n format "1920 1080 0 0 1920 1080 1 HD"\n}\n')
    done = roto("convert", str(source), str(script), "--into", str(script))
    assert done.exit_code == 0, done.output
    assert "Note: The script's picture is 1920x1080 and the shapes' plate 64x48: " in plain(done.stderr)


def test_shapes_are_put_into_a_script(tmp_path: Path) -> None:
    source, script = tmp_path / "hero.json", tmp_path / "shot.nk"
    source.write_text(encode(ROTO, ".json"))
    script.write_text("Blur {\n name Blur1\n}\n")
    done = roto("convert", str(source), str(script), "--into", str(script), "--node", "Hero")
    assert done.exit_code == 0, done.output
    made = script.read_text()
    assert made.startswith("Blur {\n name Blur1\n}\nRoto {\n")
    assert "\n name Hero\n" in made


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("a.nk", "--into", "none.nk"), "none.nk"),
        (("a.nk", "--node", "Hero"), "--into"),
        (("a.json", "--into", "hero.json"), "scripts of .nk, .fxs, .setting or .comp"),
        (("a.comp", "--into", "hero.json"), "cannot be put into the script"),
    ],
)
def test_shapes_that_cannot_be_put_into_a_script_leave_nothing(
    tmp_path: Path, options: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hero.json").write_text(encode(ROTO, ".json"))
    done = roto("convert", "hero.json", *options)
    assert done.exit_code == (2 if "--node" in options else 3), done.output
    assert why in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert [path.name for path in tmp_path.iterdir()] == ["hero.json"]


def test_a_conversion_keeps_the_frames_asked_for(tmp_path: Path) -> None:
    source, target = tmp_path / "hero.json", tmp_path / "cut.json"
    source.write_text(encode(ROTO, ".json"))
    done = roto("convert", str(source), str(target), "--frames", "1002-1002")
    assert done.exit_code == 0, done.output
    cut = read_roto(target.read_text())
    assert cut.plate.frames == FrameRange(1002, 1002)
    assert [shape.lifetime for shape in cut.shapes] == [FrameRange(1002, 1002)]


@pytest.mark.parametrize("size", ["12", "0x5", "axb"])
def test_a_size_that_is_none_is_refused(size: str, tmp_path: Path) -> None:
    done = roto("convert", "a.json", str(tmp_path / "a.nk"), "--format-size", size)
    assert done.exit_code == 2
    assert "1920x1080" in plain(done.stderr)


def test_what_a_format_cannot_hold_is_told(tmp_path: Path) -> None:
    source = tmp_path / "odd.json"
    odd = Shape("hole", (ShapeKeyframe(1001, OUTLINE),), FrameRange(1001, 1002), invert=True)
    source.write_text(encode(Roto(ROTO.plate, (odd,)), ".json"))
    done = roto("convert", str(source), str(tmp_path / "odd.nk"))
    assert done.exit_code == 0
    assert "Note: " in done.stderr


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file"),
        (b"{", "not whole JSON text"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
    ],
)
def test_shapes_that_cannot_be_read_end_with_3(content: bytes | None, why: str, tmp_path: Path) -> None:
    source = tmp_path / "hero.json"
    if content is not None:
        source.write_bytes(content)
    done = roto("convert", str(source), str(tmp_path / "hero.nk"))
    assert done.exit_code == 3
    assert why in done.stderr
    assert not (tmp_path / "hero.nk").exists()


def test_a_file_too_large_to_be_shapes_is_not_read(tmp_path: Path) -> None:
    source = tmp_path / "hero.json"
    with source.open("wb") as file:
        file.truncate(1 << 40)
    done = roto("convert", str(source), str(tmp_path / "hero.nk"))
    assert done.exit_code == 3
    assert "larger than" in done.stderr
