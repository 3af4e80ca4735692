"""Edits as editing programs write them: the same shots from every format, with the frames that a plate counts."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path

import pytest

from roto_client.errors import BadInputError

if sys.version_info < (3, 10):
    pytest.skip("OpenTimelineIO does not run on Python 3.9", allow_module_level=True)

import opentimelineio as otio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roto_client.editorial import Numbering, Shot, read_edit
from roto_shapes.shot import FrameRange

EDL = """TITLE: Reel 3 v12
FCM: NON-DROP FRAME

001  A001C003 V     C        01:00:10:00 01:00:14:00 01:00:00:00 01:00:04:00
* FROM CLIP NAME: sh010
002  A002C001 V     C        02:00:00:00 02:00:05:00 01:00:04:00 01:00:06:12
M2   A002C001       048.0                02:00:00:00
* FROM CLIP NAME: sh020
003  BL       V     C        00:00:00:00 00:00:01:00 01:00:06:12 01:00:07:12
004  A003C002 V     C        10:00:00:00 10:00:00:01 01:00:10:00 01:00:12:12
* FROM CLIP NAME: sh030 FF
* FREEZE FRAME
005  A004C002 A     C        10:00:00:00 10:00:02:12 01:00:10:00 01:00:12:12
006  A005C001 V     C        03:00:00:00 03:00:01:00 01:00:12:12 01:00:13:12
* FROM CLIP NAME: sh010
"""


def times(start: float, length: float, rate: float = 24) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(length, rate))


def movie(name: str, url: str, cut: tuple[int, int], there: tuple[int, int] = (0, 200)) -> otio.schema.Clip:
    media = otio.schema.ExternalReference(url, times(*there))
    media.name = name
    return otio.schema.Clip(name, media, times(*cut))


def timeline(*items: otio.core.Composable) -> otio.schema.Timeline:
    made = otio.schema.Timeline("cut")
    made.global_start_time = otio.opentime.RationalTime(86400, 24)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    made.tracks.append(track)
    for item in items:
        track.append(item)
    return made


def shots(folder: Path, made: otio.schema.Timeline, numbering: Numbering | None = None) -> tuple[Shot, ...]:
    otio.adapters.write_to_file(made, str(folder / "cut.otio"))
    return read_edit(str(folder / "cut.otio"), numbering=numbering).shots


@pytest.mark.parametrize(
    ("name", "adapter"),
    [("c.otio", "otio_json"), ("c.xml", "fcp_xml"), ("c.fcpxml", "fcpx_xml"), ("c.AAF", "AAF")],
)
def test_every_format_says_the_same_of_a_cut(tmp_path: Path, name: str, adapter: str) -> None:
    made = timeline(
        movie("sh010", "file:///plates/A001%20x.mov", (86424, 48), (86400, 200)),
        otio.schema.Gap(source_range=times(0, 10)),
        movie("sh030", "file:///plates/B.mov", (10, 24)),
        movie("sh030", "file:///plates/B.mov", (110, 24)),
    )
    options = {"use_empty_mob_ids": True} if adapter == "AAF" else {}
    otio.adapters.write_to_file(made, str(tmp_path / "written.aaf"), adapter_name=adapter, **options)
    (tmp_path / "written.aaf").rename(tmp_path / name)
    edit = read_edit(str(tmp_path / name), numbering=Numbering(1001, 8))
    assert [shot.name for shot in edit.shots] == ["sh010", "sh030", "sh030_2"]
    first, _, last = edit.shots
    assert (first.source, first.plate) == ("/plates/A001 x.mov", "/plates/A001 x.mov")
    assert (first.timecode_in, first.timecode_out) == ("01:00:01:00", "01:00:02:23")
    assert (first.source_in, first.source_out, first.rate) == (86424, 86471, 24)
    assert (first.frames, first.with_handles(8)) == (FrameRange(1009, 1056), FrameRange(1001, 1064))
    assert (first.handles, last.handles) == ((24, 128), (110, 66))
    # Frame 24 of the movie is the first of the cut, which the plate counts as 1009.
    assert first.first_frame == 1009 - 24
    assert first.notes == ("the media is not found here",)
    assert edit.notes == ()


def test_an_edl_has_its_shots_with_speed_and_freezes_told_and_no_black_or_sound(tmp_path: Path) -> None:
    (tmp_path / "cut.edl").write_text(EDL)
    edit = read_edit(str(tmp_path / "cut.edl"))
    assert [shot.name for shot in edit.shots] == ["sh010", "sh020", "sh030", "sh010_2"]
    first, fast, frozen, again = edit.shots
    assert (first.source, first.timecode_in, first.timecode_out) == ("A001C003", "01:00:10:00", "01:00:13:23")
    assert (first.frames, first.handles, first.plate) == (FrameRange(1001, 1096), None, "")
    assert first.notes == ("the edit names no media",)
    assert len(fast.frames) == 120
    assert "speed 200%: frames are the source's" in fast.notes
    assert len(frozen.frames) == 1
    assert "a frozen frame" in frozen.notes
    assert again.timecode_in == "03:00:00:00"
    assert edit.notes == ("an EDL does not say its rate: read at 24 frames a second; --rate says another",)


def test_an_edl_is_read_at_the_rate_that_is_given(tmp_path: Path) -> None:
    (tmp_path / "cut.edl").write_text(EDL.split("002", maxsplit=1)[0])
    edit = read_edit(str(tmp_path / "cut.edl"), 25)
    assert (len(edit.shots[0].frames), edit.notes) == (100, ())
    (tmp_path / "cut.otio").write_text("{}")
    with pytest.raises(BadInputError, match=r"--rate is for \.edl"):
        read_edit(str(tmp_path / "cut.otio"), 25)


def test_an_edl_with_faults_that_editors_make_is_read_and_they_are_told(tmp_path: Path) -> None:
    text = EDL.split("002", maxsplit=1)[0].replace("01:00:04:00", "01:00:04:05").replace("sh010", "größe")
    (tmp_path / "cut.edl").write_bytes(text.encode("latin-1"))
    edit = read_edit(str(tmp_path / "cut.edl"))
    assert [shot.name for shot in edit.shots] == ["größe"]
    assert len(edit.shots[0].frames) == 96
    assert "read as Latin-1" in edit.notes[1]
    assert "timecodes that do not fit" in edit.notes[2]


def test_a_movie_that_an_edl_names_is_placed_by_its_timecode(tmp_path: Path) -> None:
    text = EDL.split("002", maxsplit=1)[0].replace("* FROM CLIP NAME: sh010", "* FROM CLIP: /plates/A001C003.mov")
    (tmp_path / "cut.edl").write_text(text)
    (shot,) = read_edit(str(tmp_path / "cut.edl"), numbering=Numbering(1001, 4)).shots
    assert (shot.plate, shot.first_frame, shot.timecode) == ("/plates/A001C003.mov", 1005, "01:00:10:00")
    assert (shot.frames.first, shot.handles) == (1005, None)


PREMIERE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE xmeml>
<xmeml version="4"><sequence id="s"><duration>200</duration><name>reel</name>{rate}<media><video>
<track>
<clipitem id="c1"><name>a.mov</name><enabled>TRUE</enabled><duration>300</duration>{rate}<start>0</start><end>81</end>
<in>10</in><out>91</out><file id="f1"><name>a.mov</name><pathurl>file://localhost/plates/a%20b.mov</pathurl>{rate}
<duration>300</duration><timecode>{rate}<string>00:00:14:17</string><frame>353</frame>
<displayformat>NDF</displayformat></timecode><media><video/></media></file></clipitem>
<clipitem id="c2"><name>off</name><enabled>FALSE</enabled><duration>96</duration>{rate}<start>81</start><end>100</end>
<in>0</in><out>19</out><file id="f1"/></clipitem>
<clipitem id="c3"><name>fast</name><enabled>TRUE</enabled><duration>96</duration>{rate}<start>100</start><end>150</end>
<in>20</in><out>70</out><file id="f2"><name>w.mov</name><pathurl>file://localhost/C%3a/media/w.mov</pathurl>{rate}
<duration>200</duration><media><video/></media></file>
<filter><effect><name>Time Remap</name><effectid>timeremap</effectid><effecttype>motion</effecttype></effect></filter>
</clipitem>
</track>
<track><enabled>FALSE</enabled><clipitem id="c4"><name>hidden</name><duration>300</duration>{rate}<start>0</start>
<end>81</end><in>10</in><out>91</out><file id="f1"/></clipitem></track>
</video></media></sequence></xmeml>
"""


def test_an_xml_of_premiere_is_read_with_what_its_adapter_leaves_out(tmp_path: Path) -> None:
    rate = "<rate><timebase>24</timebase><ntsc>TRUE</ntsc></rate>"
    (tmp_path / "cut.xml").write_text(PREMIERE.format(rate=rate))
    normal, fast = read_edit(str(tmp_path / "cut.xml")).shots
    assert (normal.source, fast.source) == ("/plates/a b.mov", "C:/media/w.mov")
    assert normal.rate == pytest.approx(24000 / 1001)
    assert (normal.source_in, normal.timecode_in, normal.handles) == (363, "00:00:15:03", (10, 209))
    assert "its speed is changed, which is not read from this format: check its frames" in fast.notes


def test_what_an_fcpxml_says_and_its_adapter_passes_over_is_told(tmp_path: Path) -> None:
    made = timeline(movie("a", "file:///plates/a.mov", (0, 10)))
    otio.adapters.write_to_file(made, str(tmp_path / "cut.fcpxml"))
    content = (tmp_path / "cut.fcpxml").read_text().replace("</spine>", "<!-- <timeMap/> --></spine>")
    (tmp_path / "cut.fcpxml").write_text(content)
    assert read_edit(str(tmp_path / "cut.fcpxml")).notes == (
        "not read from this format: changes of speed (timeMap); check the shots",
    )


def test_pulled_plates_are_counted_from_the_first_frame_with_handles(tmp_path: Path) -> None:
    (tmp_path / "cut.edl").write_text(EDL)
    numbering = Numbering(101, 10, "/show/{shot}/plate/{shot}.####.exr")
    first, *_ = read_edit(str(tmp_path / "cut.edl"), numbering=numbering).shots
    assert first.plate == "/show/sh010/plate/sh010.####.exr"
    assert (first.frames, first.with_handles(10), first.first_frame) == (
        FrameRange(111, 206), FrameRange(101, 216), None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "pattern"),
    [
        ("file:///plates/sh020.1001.exr", "/plates/sh020.####.exr"),
        ("file:///plates/sh%20020/a.[001001-001100].dpx", "/plates/sh 020/a.######.dpx"),
    ],
)
def test_an_image_sequence_keeps_its_own_numbers(tmp_path: Path, url: str, pattern: str) -> None:
    (shot,) = shots(tmp_path, timeline(movie("a", url, (58, 10), (50, 100))), Numbering(1, 4))
    assert (shot.plate, shot.frames, shot.first_frame) == (pattern, FrameRange(1009, 1018), None)
    assert shot.handles == (8, 82)


def test_an_image_sequence_by_its_parts_keeps_its_own_numbers(tmp_path: Path) -> None:
    media = otio.schema.ImageSequenceReference(
        "file:///plates/sh020/", "sh#1.", ".exr", 1001, 1, 24, 4, available_range=times(0, 100)
    )
    (shot,) = shots(tmp_path, timeline(otio.schema.Clip("a", media, times(8, 50))))
    assert (shot.plate, shot.frames) == ("/plates/sh020/sh#1.####.exr", FrameRange(1009, 1058))


def test_what_a_compound_and_transitions_show_of_a_clip_is_its_shot(tmp_path: Path) -> None:
    inner = otio.schema.Track("inner", kind=otio.schema.TrackKind.Video)
    for name in ("in", "partly", "out"):
        inner.append(movie(name, f"file:///plates/{name}.mov", (20, 40)))
    compound = otio.schema.Stack("comp")
    compound.append(inner)
    compound.source_range = times(10, 50)
    dissolve = otio.schema.Transition(
        "d",
        otio.schema.TransitionTypes.SMPTE_Dissolve,
        in_offset=otio.opentime.RationalTime(4, 24),
        out_offset=otio.opentime.RationalTime(6, 24),
    )
    off = movie("off", "file:///plates/off.mov", (0, 10))
    off.enabled = False
    made = timeline(
        movie("a", "file:///plates/a.mov", (20, 30)),
        dissolve,
        movie("b", "file:///plates/b.mov", (50, 30)),
        compound,
        off,
    )
    found = {shot.name: shot for shot in shots(tmp_path, made)}
    assert list(found) == ["a", "b", "in", "partly"]
    ranges = {name: (shot.source_in, shot.source_out) for name, shot in found.items()}
    assert ranges == {"a": (20, 55), "b": (46, 79), "in": (30, 59), "partly": (20, 39)}
    assert found["a"].notes[0] == "6 of its frames are in transitions"
    assert found["in"].notes[0] == "inside 'comp'"


def test_a_cut_beyond_its_media_and_media_at_another_rate_are_told(tmp_path: Path) -> None:
    media = otio.schema.ExternalReference("file:///plates/a.mov", times(0, 100, 48))
    beyond, other = shots(
        tmp_path,
        timeline(movie("a", "plates/a.mov", (190, 20)), otio.schema.Clip("b", media, times(10, 20))),
    )
    assert beyond.plate == str(tmp_path / "plates/a.mov")
    assert "the cut goes beyond the media" in beyond.notes
    assert (other.source_in, other.source_out, other.rate) == (20, 59, 48)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("cut.txt", b"TITLE: x", "no edit by its ending"),
        ("cut.edl", b"", "is empty"),
        ("cut.edl", b"001 A V C 01:00:00:00\n", "no edit that can be read"),
        ("cut.edl", bytes(range(256)), "holds no shots|no edit that can be read"),
        ("cut.xml", b"<xmeml", "no edit that can be read"),
        ("cut.xml", b"<html></html>", "holds no timeline|no edit|holds no shots"),
        ("cut.fcpxml", b"<fcpxml><spine>", "no edit that can be read"),
        ("cut.aaf", b"not an AAF" * 100, "no edit that can be read"),
        ("cut.otio", b'{"OTIO_SCHEMA": "Timeline.1"', "no edit that can be read"),
        ("cut.otio", b'{"OTIO_SCHEMA": "Clip.1e400"}', "'Clip.1e400' is no schema"),
        ("cut.otio", b'{"OTIO_SCHEMA": "Clip.0"}', "'Clip.0' is no schema"),
        ("cut.otio", b'{"OTIO_SCHEMA": 7}', "'7' is no schema"),
        ("cut.otio", b"[" * 100_000, "no edit that can be read|holds no timeline"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pyaaf2 leaves what it refuses open
def test_what_is_no_edit_ends_in_one_sentence(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=why):
        read_edit(str(tmp_path / name))


def test_an_edit_without_a_timeline_or_a_clip_is_told(tmp_path: Path) -> None:
    otio.adapters.write_to_file(otio.schema.Track("alone"), str(tmp_path / "cut.otio"))
    with pytest.raises(BadInputError, match="holds no timeline: export the sequence"):
        read_edit(str(tmp_path / "cut.otio"))
    with pytest.raises(BadInputError, match="holds no shots"):
        shots(tmp_path, timeline(otio.schema.Gap(source_range=times(0, 10))))


def test_an_edit_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="No such file"):
        read_edit(str(tmp_path / "cut.edl"))
    (tmp_path / "cut.otio").mkdir()
    with pytest.raises(BadInputError, match=r"cannot be read|no edit that can be read"):
        read_edit(str(tmp_path / "cut.otio"))


def test_a_clip_whose_times_make_no_sense_is_left_out_and_told(tmp_path: Path) -> None:
    made = timeline(movie("a", "file:///plates/a.mov", (0, 10)), movie("b", "file:///plates/b.mov", (0, 10)))
    otio.adapters.write_to_file(made, str(tmp_path / "cut.otio"))
    content = json.loads((tmp_path / "cut.otio").read_text())
    clip = content["tracks"]["children"][0]["children"][0]
    clip["source_range"]["start_time"]["value"] = float("nan")
    (tmp_path / "cut.otio").write_text(json.dumps(content))
    edit = read_edit(str(tmp_path / "cut.otio"))
    assert [shot.name for shot in edit.shots] == ["b"]
    assert edit.notes[0].startswith("'a' is left out, for its times make no sense")
    clip["source_range"]["start_time"]["value"] = 0
    clip["source_range"]["duration"]["value"] = 1e12
    del content["tracks"]["children"][0]["children"][1]
    (tmp_path / "cut.otio").write_text(json.dumps(content))
    with pytest.raises(BadInputError, match="holds no shots: 'a' is left out"):
        read_edit(str(tmp_path / "cut.otio"))


NUMBERS = re.compile(rb"-?\d+(?:\.\d+)?")
ODD_NUMBERS = (b"-1", b"0", b"99999999999999999999", b"NaN", b"1e400", b"null", b"Infinity", b'""', b"{}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pyaaf2 leaves what it refuses open
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["c.otio", "c.xml", "c.fcpxml", "c.edl"]),
    damage=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 40), st.sampled_from(ODD_NUMBERS)), max_size=4),
)
def test_damaged_edits_are_read_or_refused_in_one_sentence(
    tmp_path: Path, name: str, damage: list[tuple[int, int, bytes]]
) -> None:
    file = tmp_path / name
    if name == "c.edl":
        content = EDL.encode()
    else:
        made = timeline(movie("sh010", "file:///plates/A001%20x.mov", (86424, 48), (86400, 200)))
        adapter = {"c.otio": "otio_json", "c.xml": "fcp_xml", "c.fcpxml": "fcpx_xml"}[name]
        otio.adapters.write_to_file(made, str(file), adapter_name=adapter)
        content = file.read_bytes()
    for place, length, number in damage:
        numbers = list(NUMBERS.finditer(content))
        if length % 2 and numbers:
            found = numbers[place % len(numbers)]
            content = content[: found.start()] + number + content[found.end() :]
        else:
            start = place % len(content)
            content = content[:start] + content[start + length :]
    file.write_bytes(content)
    with contextlib.suppress(BadInputError):
        edit = read_edit(str(file))
        assert all(len(shot.frames) == shot.source_out - shot.source_in + 1 for shot in edit.shots)


def test_collections_of_timelines_are_read_whole(tmp_path: Path) -> None:
    both = otio.schema.SerializableCollection("both")
    for name in "ab":
        both.append(timeline(movie(name, f"file:///plates/{name}.mov", (0, 10))))
    otio.adapters.write_to_file(both, str(tmp_path / "cut.otio"))
    assert [shot.name for shot in read_edit(str(tmp_path / "cut.otio")).shots] == ["a", "b"]
    assert json.loads((tmp_path / "cut.otio").read_text())
